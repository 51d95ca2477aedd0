"""Refused rows as they came, sealed: they may hold names and personal codes, which no file of a node shows.

One file per import, `quarantine/<import>.sealed`; beside it `<import>.jsonl` tells where each row stood and what was
wrong. The key lies in `keys/`, so a copy of the quarantine alone is unreadable.
"""

from __future__ import annotations

import json
import secrets
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from talka_node.importers.manifest import Refusal
from talka_node.store import _write

LONGEST = 1 << 20  # of a row; a longer one is kept by its beginning
_LENGTH = struct.Struct("<I")


def seal(node: Path, rows: Iterable[tuple[Refusal, bytes]]) -> bytes:
    """Rows as sealed records, to be appended to a file."""
    cipher = AESGCM(_key(node))
    sealed = bytearray()
    for refusal, raw in rows:
        told = json.dumps(asdict(refusal), ensure_ascii=False).encode()
        text = zlib.compress(_LENGTH.pack(len(told)) + told + raw[:LONGEST], 1)
        nonce = secrets.token_bytes(12)
        record = nonce + cipher.encrypt(nonce, text, None)
        sealed += _LENGTH.pack(len(record)) + record
    return bytes(sealed)


def opened(node: Path, name: str) -> Iterator[tuple[Refusal, bytes]]:
    """The refused rows of an import as they came, for whoever holds the node's keys, to mend and import again."""
    place = node / "quarantine" / f"{name}.sealed"
    if not place.exists():
        return
    cipher = AESGCM(_key(node))
    with place.open("rb") as file:
        while head := file.read(_LENGTH.size):
            record = file.read(_LENGTH.unpack(head)[0])
            text = zlib.decompress(cipher.decrypt(record[:12], record[12:], None))
            (length,) = _LENGTH.unpack(text[: _LENGTH.size])
            told = json.loads(text[_LENGTH.size : _LENGTH.size + length])
            yield Refusal(**told), text[_LENGTH.size + length :]


def _key(node: Path) -> bytes:
    place = node / "keys" / "quarantine.key"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(place, secrets.token_bytes(32))  # whole or not at all: on a full disk, no empty key
    return place.read_bytes()
