"""What donors and samples are called in records: names that only this node can read, others for each project.

A name is the number or text itself, sealed (AES-SIV) with a key of the node and the project: nothing has to be kept, an
invented name is none, and the names of two projects cannot be compared.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_PREFIXES = {"donor": "p", "specimen": "s", "run": "r", "analysis": "a"}


class Names:
    """The names of one project. `secret`: the node's own."""

    def __init__(self, secret: bytes, project: str) -> None:
        key = blake2b(secret, person=b"names of records").digest()
        self._sealed = AESSIV(blake2b(project.encode(), key=key, digest_size=64).digest())

    @classmethod
    def of(cls, node: Path, project: str) -> Names:
        """Those of a node's directory."""
        return cls((node / "keys" / "disclosure.key").read_bytes(), project)

    def donor(self, number: int) -> str:
        return self.name("donor", str(number))

    def specimen(self, told: str) -> str:
        return self.name("specimen", told)

    def name(self, kind: str, told: str) -> str:
        # The length of what is named shows no more than to the next sixteen bytes.
        plain = told.encode()
        padded = plain + b"\0" * (-len(plain) % 16)
        return f"{_PREFIXES[kind]}-{self._sealed.encrypt(padded, [kind.encode()]).hex()}"

    def read(self, kind: str, name: str) -> str | None:
        """What is called so; None if nothing is."""
        prefix, _, sealed = name.partition("-")
        if prefix != _PREFIXES[kind] or len(sealed) > 4096:
            return None
        try:
            raw = bytes.fromhex(sealed)
            if raw.hex() != sealed:
                return None
            return self._sealed.decrypt(raw, [kind.encode()]).rstrip(b"\0").decode()
        except (ValueError, InvalidTag):
            return None
