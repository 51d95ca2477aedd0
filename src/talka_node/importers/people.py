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
from collections.abc import Sequence
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

    def flush(self) -> None:
        """Make durable what was given out: called before anything that uses it becomes durable."""
        ...


_RECORD = struct.Struct("<16sII")
_ID, _CODE, _SAME = 0, 1, 2


class LocalResolver:
    """A table of keyed hashes in the node's own folder. Without the key beside it, the table says nothing; the key must
    therefore be kept from backups of the rest. For use where no network pseudonyms are wanted."""

    def __init__(self, folder: Path) -> None:
        self._place = folder / "people.table"
        self._key = _key(folder / "people.key")
        self._known: dict[bytes, int] = {}
        self._coded: set[int] = set()
        self._same: dict[int, int] = {}
        self._next = 0
        self._new: list[bytes] = []
        held = self._place.read_bytes() if self._place.exists() else b""
        self._whole = len(held) - len(held) % _RECORD.size  # a torn last record was never acknowledged
        for digest, number, kind in _RECORD.iter_unpack(held[: self._whole]):
            self._learn(digest, number, kind)

    def _learn(self, digest: bytes, number: int, kind: int) -> None:
        if kind == _SAME:
            self._same[number] = int.from_bytes(digest, "little")
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
