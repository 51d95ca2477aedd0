"""What an import took, what it refused and why, signed by the node, so that a holder can show it to anyone.

A manifest never repeats a personal code: whatever looks like one is blotted out of every reason.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SHOWN = 1000  # refusals in the manifest itself; all of them are in the list beside it
CODE_LIKE = re.compile(r"(?<!\d)\d{6}\s?[-\u2010-\u2015\u2212]?\s?\d{5}(?!\d)")

# Eight digits are a date; from nine on a number may be most of a code.
_NUMBER = re.compile(r"\d(?:[\s.\-\u2010-\u2015\u2212]?\d){8,}")


def blotted(text: str) -> str:
    """The text without what looks like a personal code."""
    return CODE_LIKE.sub("[…]", text)


def undigited(text: str) -> str:
    """The text without any longer number: also a code that lacks its zero, or has too many digits, can be tried."""
    return _NUMBER.sub("[…]", text)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was not taken: where it stood, what kind of fault (short, for counting), and what would be right."""

    file: str
    line: int
    kind: str
    says: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.says}"


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read. `lines` may be rows, messages or entries of a Bundle, whatever `Refusal.line` counts.

    `sha256`: of the file; with a key server the epoch and the pseudonym of that, see `NetworkResolver.fingerprint`.
    """

    name: str
    format: str
    bytes: int
    sha256: str
    lines: int


@dataclass(slots=True)
class Manifest:
    """`taken`: rows that are now in the store, per table. `replaced`: how many earlier ones they took the place of.

    `held`: rows of `taken` whose donors (at that biobank, for specimens) have no consent yet: no answer counts them,
    all do from the moment a consent comes. `unused`: rows of kinds that a node has no use for. `refused`: per kind.
    `passed_over`: files of a folder that were not taken, and why.
    """

    name: str
    at: str
    source: str
    files: list[Source] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    unchanged: dict[str, int] = field(default_factory=dict)
    replaced: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    removed: int = 0
    consents: int = 0
    unused: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    first_refusals: list[Refusal] = field(default_factory=list)
    refusals_sha256: str = ""
    passed_over: dict[str, str] = field(default_factory=dict)
    key: str = ""
    signature: str = ""

    def signed(self, key: Ed25519PrivateKey) -> Manifest:
        public = key.public_key().public_bytes_raw()
        self.key = base64.b64encode(public).decode()
        self.signature = base64.b64encode(key.sign(self._signed_bytes())).decode()
        return self

    def _signed_bytes(self) -> bytes:
        told = {name: value for name, value in asdict(self).items() if name != "signature"}
        if not self.passed_over:  # earlier manifests had none, and were signed so
            del told["passed_over"]
        return json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()

    def verify(self, key: bytes | None = None) -> bool:
        """Whether the signature is the node's. `key`: its public key, 32 bytes; without it the one named inside, which
        proves only that nothing was changed since."""
        try:
            public = Ed25519PublicKey.from_public_bytes(key or base64.b64decode(self.key))
            public.verify(base64.b64decode(self.signature), self._signed_bytes())
        except (InvalidSignature, ValueError):
            return False
        return True

    def json(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()

    @classmethod
    def read(cls, place: Path) -> Manifest:
        told: dict[str, Any] = json.loads(place.read_bytes())
        told["files"] = [Source(**each) for each in told["files"]]
        told["first_refusals"] = [Refusal(**each) for each in told["first_refusals"]]
        return cls(**told)

    def refusals(self, node: Path) -> Iterator[Refusal]:
        """All of them, from the list beside the manifest."""
        place = node / "quarantine" / f"{self.name}.jsonl"
        if place.exists():
            with place.open("rb") as lines:
                for line in lines:
                    yield Refusal(**json.loads(line))

    @property
    def rows(self) -> int:
        return sum(self.taken.values())


def signing_key(node: Path) -> Ed25519PrivateKey:
    """The node's own key for manifests, made at first use and readable by its owner alone."""
    place = node / "keys" / "import.pem"
    if place.exists():
        found = serialization.load_pem_private_key(place.read_bytes(), None)
        if not isinstance(found, Ed25519PrivateKey):
            raise ValueError(f"{place} holds another kind of key; an Ed25519 key is needed")
        return found
    key = Ed25519PrivateKey.generate()
    place.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        file.flush()
        os.fsync(file.fileno())
    return key
