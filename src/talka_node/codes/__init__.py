"""Codes of other people's terminologies: the codes themselves are facts; every label here is our own and short.

Holders load the licensed descriptions of ICD-10, SNOMED CT and the like themselves; nothing in a node needs them.
"""
