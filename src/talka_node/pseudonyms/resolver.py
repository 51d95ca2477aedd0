"""Donors' numbers by network pseudonyms: what an import asks "whose row is this?" (`importers.Resolver`).

Persons come with an id at their source and, some of them, with a personal code. Of an id a keyed hash is kept; of a
code only its pseudonym, which nobody can compute from what lies here. An id that holds what reads as a personal code
is hashed with the code's pseudonym in its place.

An id that has its code already is not asked about again, because each evaluation counts; so a source that gives one id
to two persons in turn is noticed only with `recheck`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator, Sequence
from functools import partial

from talka_node.pseudonyms import personal
from talka_node.pseudonyms.naming import BATCH, Namer
from talka_node.pseudonyms.personal import Code
from talka_node.pseudonyms.table import Table, id_digest

_CODE_LIKE = re.compile(r"(?<![0-9])[0-9]{6}\s?[-\u2010-\u2015\u2212]?\s?[0-9]{5}(?![0-9])")
_FILE = b"talka file 1\n"

ANOTHER_CODE = (
    "this id belonged to another personal code before: only the register's signed feed may join two codes; give the"
    " person an id of their own"
)
TWO_PERSONS = "this id and this personal code belong to two different persons known here; correct one"


class NetworkResolver:
    """Numbers by the pseudonyms of `namer`'s epoch. One import at a time.

    What was given out is kept after each batch of codes and by `flush`. The key server's refusals pass through: the
    import stops there, and can be started again with the same rows when the quota allows.
    """

    keeps_rows = False

    def __init__(
        self, table: Table, namer: Namer, *, floor: int = 0, recheck: bool = False, batch: int = BATCH
    ) -> None:
        """`floor`: numbers below it belong to somebody already, whatever the table says: it may be a restored one."""
        self._table = table
        self._namer = namer
        self._recheck = recheck
        self._batch = batch
        kept = table.numbering()
        self._key = kept.key
        self._began, self._next = kept.next, max(kept.next, floor)
        self._ids = kept.ids
        self._same = kept.same
        self._newest = table.newest(namer.epoch)
        self._names = table.pseudonyms(namer.epoch)
        self._persons: dict[bytes, int] = {}
        # Codes named before in this import, by a key that is written nowhere: they are asked about once.
        self._named: dict[bytes, bytes] = {}
        self._passing = secrets.token_bytes(32)
        self._new_ids: dict[bytes, int] = {}
        self._new_same: dict[int, int] = {}
        self._new_names: dict[int, bytes] = {}
        for donor, name in self._names.items():  # ascending: the lowest number is the person's
            first = self._persons.setdefault(self._person(name), donor)
            self._join(donor, first)

    # --- what importers call ----------------------------------------------------------------------------------

    def numbers(self, source: str, keys: Sequence[str]) -> list[int]:
        """The donors with these ids at `source`; an id not met before gets a new number."""
        found = []
        for digest in self._digests(source, keys):
            number = self._ids.get(digest)
            if number is None:
                number = self._give(digest)
            found.append(self._read_as(number))
        return found

    def link(self, source: str, persons: Sequence[tuple[str, str]]) -> list[int | str]:
        """The donors with these ids and personal codes; instead of a number a sentence, without the code, where the two
        cannot belong together or the code cannot be one."""
        found: list[int | str] = [""] * len(persons)
        todo: list[tuple[int, bytes, Code]] = []
        for place, (digest, (_, text)) in enumerate(
            zip(self._digests(source, [key for key, _ in persons]), persons, strict=True)
        ):
            try:
                code = personal.read(text)
            except personal.Refused as why:
                found[place] = str(why)
                continue
            known = self._known(digest)
            if known is not None and known in self._names and not self._recheck:
                code.wipe()
                found[place] = known
                continue
            todo.append((place, digest, code))
            if len(todo) == self._batch:
                self._name(todo, found)
        self._name(todo, found)
        return found

    def same(self) -> dict[int, int]:
        """Numbers that turned out to be another's, and whose: by an id, or by the register's feed."""
        return {number: self._read_as(number) for number in self._same}

    def without_codes(self, text: str) -> str:
        """The text with pseudonyms in place of what reads as a personal code."""
        [found] = self._without_codes([text])
        return found

    def fingerprint(self, digest: str) -> str:
        """What may be kept of a file's SHA-256: in a short file it is the only unknown, its digest would let codes be
        tried. Whoever has the file gets the same with the key server's help."""
        [name] = self._namer.names([_FILE + digest.encode()])
        return f"{self._namer.epoch}:{name.hex()}"

    def flush(self) -> None:
        """Keeps what was given out."""
        if not (self._new_ids or self._new_same or self._new_names):
            return
        self._table.number(
            self._namer.epoch,
            ids=self._new_ids,
            same=self._new_same,
            pseudonyms=self._new_names,
            began=self._began,
            ends=self._next,
        )
        self._began = self._next
        self._new_ids, self._new_same, self._new_names = {}, {}, {}

    # --- ids --------------------------------------------------------------------------------------------------

    def _digests(self, source: str, keys: Sequence[str]) -> Iterator[bytes]:
        for key in self._without_codes(keys):
            yield id_digest(self._key, source, key)

    def _without_codes(self, keys: Sequence[str]) -> Iterator[str]:
        """The ids, with pseudonyms in place of what reads as a personal code."""
        for first in range(0, len(keys), self._batch):
            some = keys[first : first + self._batch]
            codes: list[Code] = []
            for key in some:
                for part in _CODE_LIKE.findall(key):
                    try:
                        codes.append(personal.read(part, trust_check_digit=False))
                    except personal.Refused:
                        continue
            if not codes:
                yield from some
                continue
            names = iter(self._pseudonyms(codes))
            for key in some:
                yield _CODE_LIKE.sub(partial(_stand_in, names=names), key)

    def _pseudonyms(self, codes: Sequence[Code]) -> list[bytes]:
        """The codes' pseudonyms; they are wiped. Each code is asked about once in an import."""
        marks = [hmac.digest(self._passing, code.digits, hashlib.sha256)[:16] for code in codes]
        fresh: dict[bytes, Code] = {}
        for mark, code in zip(marks, codes, strict=True):
            if mark in self._named or mark in fresh:
                code.wipe()
            else:
                fresh[mark] = code
        asked = list(fresh.items())
        try:
            for first in range(0, len(asked), self._batch):
                some = asked[first : first + self._batch]
                names = self._namer.pseudonyms([code for _, code in some])
                self._named.update(zip((mark for mark, _ in some), names, strict=True))
        finally:
            for _, code in asked:
                code.wipe()
        return [self._named[mark] for mark in marks]

    # --- numbers ----------------------------------------------------------------------------------------------

    def _name(self, todo: list[tuple[int, bytes, Code]], found: list[int | str]) -> None:
        """Has a batch of codes named, and finds or gives their donors' numbers."""
        if not todo:
            return
        names = self._pseudonyms([code for _, _, code in todo])
        for (place, digest, _), name in zip(todo, names, strict=True):
            found[place] = self._place(digest, name)
        todo.clear()
        self.flush()

    def _place(self, digest: bytes, name: bytes) -> int | str:
        person = self._person(name)
        mine, theirs = self._known(digest), self._persons.get(person)
        if theirs is not None:
            theirs = self._read_as(theirs)
        if mine is None:
            number = self._give(digest, theirs)
            if theirs is None:
                self._call(number, name, person)
            return number
        if theirs is None:
            if mine in self._names:
                return ANOTHER_CODE
            self._call(mine, name, person)
            return mine
        if theirs != mine:
            if mine in self._names:
                return TWO_PERSONS
            self._join(mine, theirs)  # facts came under the id before anyone told whose it is
        return theirs

    def _person(self, name: bytes) -> bytes:
        return self._newest.get(name, name)

    def _known(self, digest: bytes) -> int | None:
        number = self._ids.get(digest)
        return None if number is None else self._read_as(number)

    def _give(self, digest: bytes, number: int | None = None) -> int:
        if number is None:
            number, self._next = self._next, self._next + 1
        self._ids[digest] = self._new_ids[digest] = number
        return number

    def _call(self, number: int, name: bytes, person: bytes) -> None:
        self._names[number] = self._new_names[number] = name
        self._persons[person] = number

    def _join(self, donor: int, first: int) -> None:
        donor, first = self._read_as(donor), self._read_as(first)
        if donor != first:
            self._same[donor] = self._new_same[donor] = first

    def _read_as(self, number: int) -> int:
        while number in self._same:
            number = self._same[number]
        return number


def _stand_in(part: re.Match[str], names: Iterator[bytes]) -> str:
    try:
        personal.read(part[0], trust_check_digit=False).wipe()
    except personal.Refused:
        return part[0]
    return next(names).hex()
