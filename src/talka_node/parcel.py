"""What goes to the hub alone: sealed for its key, signed by the node's.

A parcel is a header in JSON (who, what, of which day), the content sealed by HPKE (RFC 9180, X25519, AES-256-GCM) for
the hub's key and bound to the header, and the node's Ed25519 signature over both. Whoever carries it learns the
header and the length.
"""

from __future__ import annotations

import json
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

MAGIC = b"talka parcel 1\n"
_SIGNATURE = 64
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class NotForUs(ValueError):
    """A parcel that cannot be opened; the message says why."""


def sealed(content: bytes, about: dict[str, Any], to: X25519PublicKey, by: Ed25519PrivateKey) -> bytes:
    """A parcel with this content."""
    told = json.dumps(about, ensure_ascii=False, separators=(",", ":")).encode()
    head = MAGIC + len(told).to_bytes(4, "big") + told
    parcel = head + _SUITE.encrypt(content, to, info=head)
    return parcel + by.sign(parcel)


def opened(parcel: bytes, key: X25519PrivateKey, by: Ed25519PublicKey) -> tuple[dict[str, Any], bytes]:
    """What a parcel says of itself, and its content. NotForUs unless `by` signed it, for `key`."""
    begin = len(MAGIC) + 4
    end = begin + int.from_bytes(parcel[len(MAGIC) : begin], "big")
    if not parcel.startswith(MAGIC) or len(parcel) < end + _SIGNATURE:
        raise NotForUs("this is no parcel of a node, or it was cut off on its way; get it again")
    try:
        by.verify(parcel[-_SIGNATURE:], parcel[:-_SIGNATURE])
    except InvalidSignature:
        raise NotForUs("the parcel is not signed by this node") from None
    try:
        content = _SUITE.decrypt(parcel[end:-_SIGNATURE], key, info=parcel[:end])
    except (InvalidTag, ValueError):
        raise NotForUs("the parcel is sealed for another key") from None
    return json.loads(parcel[begin:end]), content
