"""How the hub and the nodes speak: signed requests and envelopes (`signing`), and asking all nodes at once (`client`).

Formats are those of talka_node (`signed`, `consent.feed`, `hub`): plain JSON and Ed25519. The hub imports
nothing of it; a test holds each side to the other.
"""
