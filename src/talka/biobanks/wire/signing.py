"""Signed requests to nodes, and envelopes around what is told. What is signed says what it is, so that none passes for
another: a receipt is no message, a message is no greeting."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MESSAGE = b"talka consent message 1\n"
RECEIPT = b"talka consent receipt 1\n"
GREETING = b"talka node greeting 1\n"
NUMBERS = b"talka node numbers 1\n"

LARGEST = 4 << 20  # bytes of an envelope

# What the hub speaks, by what it is about: versions, newest last.
SPEAKS: dict[str, list[int]] = {"request": [1], "question": [1], "feed": [1]}


class Forged(ValueError):
    """An envelope that nobody we know has signed, or that is none; the message says which."""


def plain(told: Any) -> str:
    """JSON as both sides write it: no blanks, letters as they are, keys in the order given."""
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def sealed(what: bytes, text: str, key: str, signer: Ed25519PrivateKey) -> bytes:
    """An envelope around a text that is JSON. The same text, key and signer give the same bytes."""
    signature = base64.b64encode(signer.sign(what + text.encode())).decode()
    return plain({"text": text, "key": key, "signature": signature}).encode()


def unsealed(what: bytes, envelope: bytes, key: Ed25519PublicKey) -> dict[str, Any]:
    """What an envelope says. Forged unless the owner of `key` signed it as `what`."""
    if len(envelope) > LARGEST:
        raise Forged(f"an envelope of {len(envelope)} bytes; the most is {LARGEST}")
    try:
        outer = json.loads(envelope)
        data = outer["text"].encode()
        signature = base64.b64decode(outer["signature"], validate=True)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise Forged("not an envelope: JSON with text, key and signature (base64)") from None
    try:
        key.verify(signature, what + data)
    except InvalidSignature:
        raise Forged("it is not signed with the registered key") from None
    try:
        told = json.loads(data)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Forged("the text is no JSON object")
    return told


def digest(text: str) -> str:
    """SHA-256 of a text, in hexadecimal: what the next message of a feed names."""
    return sha256(text.encode()).hexdigest()


def public_hex(key: Ed25519PrivateKey) -> str:
    """The public half, 64 hexadecimal digits: what a node is told."""
    return key.public_key().public_bytes_raw().hex()


def public_key(text: str) -> Ed25519PublicKey:
    """ValueError where it is no key."""
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))


def request_headers(
    key: Ed25519PrivateKey, caller: str, method: str, path: str, body: bytes, at: datetime | None = None
) -> dict[str, str]:
    """The headers of a signed request, good once and for two minutes; `path` with its query."""
    time, nonce = (at or datetime.now(UTC)).isoformat(), secrets.token_hex(16)
    text = "\n".join(["talka-node request 1", method, path, caller, time, nonce, sha256(body).hexdigest()])
    return {
        "Talka-Caller": caller,
        "Talka-Time": time,
        "Talka-Nonce": nonce,
        "Talka-Signature": key.sign(text.encode()).hex(),
    }


def agreed(theirs: Mapping[str, Any]) -> dict[str, int]:
    """The newest version that both speak, by what it is about; what they have in no common version is left out."""
    found: dict[str, int] = {}
    for about, ours in SPEAKS.items():
        spoken = theirs.get(about)
        if isinstance(spoken, list) and (
            common := {each for each in spoken if isinstance(each, int)} & set(ours)
        ):
            found[about] = max(common)
    return found
