"""Whose rows are these? Sources name persons by ids of their own; a node knows only donor numbers.

A `Resolver` is told each person's id at its source and, where there is one, the personal code, and gives the number.
Nothing that could be a personal code is written: `LocalResolver` keeps keyed hashes. An id may be a code, too.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from talka_node.pseudonyms import personal


class Resolver(Protocol):
    """What gives persons their numbers. Numbers are never given twice; a number may turn out to be another's."""

    def numbers(self, source: str, keys: Sequence[str]) -> list[int]:
        """The donors with these ids at `source`; an id not met before gets a new number."""
        ...

    def link(self, source: str, persons: Sequence[tuple[str, str]]) -> list[int | str]:
        """The donors with these ids and personal codes; instead of a number a sentence, without the code, where the two
        cannot belong together or the code cannot be one."""
        ...

    def same(self) -> dict[int, int]:
        """Numbers that turned out to be another's, and whose."""
        ...

    @property
    def keeps_rows(self) -> bool:
        """Whether refused rows may be kept as they came, sealed by a key that lies beside them."""
        ...

    def without_codes(self, text: str) -> str:
        """A text that holds a personal code, as it may be hashed by a key that lies beside the hash."""
        ...

    def fingerprint(self, digest: str) -> str:
        """What may be kept of a file's SHA-256."""
        ...

    def flush(self) -> None:
        """Make durable what was given out: called before anything that uses it becomes durable."""
        ...


_RECORD = struct.Struct("<16sII")
_ID, _CODE, _SAME, _GIVEN = 0, 1, 2, 3  # the last: numbers up to this one were given


class LocalResolver:
    """A table of keyed hashes in the node's own folder, for where there is no key server.

    Without the key beside it, the table says nothing. With it all personal codes can be tried, there are so few: who
    takes the whole folder learns them. The key must therefore be kept from backups of the rest.
    """

    keeps_rows = True

    def __init__(self, folder: Path, *, floor: int = 0) -> None:
        """`floor`: numbers below it belong to somebody already, whatever the table says: it may be a restored one."""
        self._place = folder / "people.table"
        self._key = _key(folder / "people.key")
        self._next = floor
        self._read()

    def _read(self) -> None:
        self._known: dict[bytes, int] = {}
        self._coded: set[int] = set()
        self._same: dict[int, int] = {}
        self._new: list[bytes] = []
        held = self._place.read_bytes() if self._place.exists() else b""
        self._whole = len(held) - len(held) % _RECORD.size  # a torn last record was never acknowledged
        for digest, number, kind in _RECORD.iter_unpack(held[: self._whole]):
            self._learn(digest, number, kind)

    def _learn(self, digest: bytes, number: int, kind: int) -> None:
        if kind == _SAME:
            self._same[number] = int.from_bytes(digest, "little")
        elif kind == _GIVEN:
            self._next = max(self._next, number + 1)
        else:
            self._known[digest] = number
            if kind == _CODE:
                self._coded.add(number)
            self._next = max(self._next, number + 1)

    def _write(self, digest: bytes, number: int, kind: int) -> None:
        self._learn(digest, number, kind)
        self._new.append(_RECORD.pack(digest, number, kind))

    def _digest(self, kind: str, *texts: str) -> bytes:
        told = "\0".join((kind, *texts)).encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, told, hashlib.sha256)[:16]

    def _read_as(self, number: int) -> int:
        while number in self._same:
            number = self._same[number]
        return number

    def numbers(self, source: str, keys: Sequence[str]) -> list[int]:
        found = []
        for key in keys:
            digest = self._digest("id", source, key)
            number = self._known.get(digest)
            if number is None:
                number = self._next
                self._write(digest, number, _ID)
            found.append(self._read_as(number))
        return found

    def link(self, source: str, persons: Sequence[tuple[str, str]]) -> list[int | str]:
        found: list[int | str] = []
        for key, text in persons:
            try:
                code = personal.read(text)
            except personal.Refused as why:
                found.append(str(why))
                continue
            with code as digits:
                by_code = self._digest("code", digits.decode())
            by_id = self._digest("id", source, key)
            mine, theirs = self._known.get(by_id), self._known.get(by_code)
            if mine is not None:
                mine = self._read_as(mine)
            if theirs is not None:
                theirs = self._read_as(theirs)
            if mine is None and theirs is None:
                number = self._next
                self._write(by_code, number, _CODE)
                self._write(by_id, number, _ID)
            elif mine is None and theirs is not None:
                number = theirs
                self._write(by_id, number, _ID)
            elif mine is not None and (theirs is None or theirs == mine):
                number = mine
                if theirs is None:
                    if mine in self._coded:
                        found.append(
                            "this id belonged to another personal code before: only the register's signed feed may"
                            " join two codes; give the person an id of their own"
                        )
                        continue
                    self._write(by_code, number, _CODE)
            elif mine in self._coded:
                found.append(
                    "this id and this personal code belong to two different persons known here; correct one"
                )
                continue
            else:
                # Facts came under the id before anyone told whose it is.
                assert mine is not None and theirs is not None
                number = theirs
                self._write(theirs.to_bytes(16, "little"), mine, _SAME)
            found.append(number)
        return found

    def same(self) -> dict[int, int]:
        return {number: self._read_as(number) for number in self._same}

    def without_codes(self, text: str) -> str:
        return text

    def fingerprint(self, digest: str) -> str:
        return digest

    def find(self, source: str, key: str) -> int | None:
        """The donor with this id at `source`; None where it was never met."""
        number = self._known.get(self._digest("id", source, key))
        return None if number is None else self._read_as(number)

    def forget(self, donors: Iterable[int]) -> None:
        """Remove what led to these donors, durably. Their numbers are not given again."""
        self.flush()
        gone = set(donors)
        held = self._place.read_bytes()[: self._whole] if self._place.exists() else b""
        kept = [
            _RECORD.pack(digest, number, kind)
            for digest, number, kind in _RECORD.iter_unpack(held)
            if number not in gone and kind != _GIVEN
        ]
        kept.append(_RECORD.pack(bytes(16), max(self._next - 1, 0), _GIVEN))
        _replaced(self._place, b"".join(kept))
        self._read()

    def flush(self) -> None:
        if not self._new:
            return
        with self._place.open("r+b" if self._place.exists() else "w+b") as file:
            file.truncate(self._whole)
            file.seek(self._whole)
            file.write(b"".join(self._new))
            file.flush()
            os.fsync(file.fileno())
        self._whole += len(self._new) * _RECORD.size
        self._new = []


def _replaced(place: Path, content: bytes) -> None:
    """Put a file in another's place, whole or not at all, and overwrite what stood there."""
    part = place.with_name(place.name + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    old = place.open("r+b") if place.exists() else None
    part.replace(place)
    if old is not None:
        with old:
            old.write(bytes(os.fstat(old.fileno()).st_size))
            old.flush()
            os.fsync(old.fileno())
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _key(place: Path) -> bytes:
    """The node's own key of 32 bytes, made at first use and readable by its owner alone."""
    if place.exists():
        return place.read_bytes()
    place.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key := secrets.token_bytes(32))
        file.flush()
        os.fsync(file.fileno())
    return key
