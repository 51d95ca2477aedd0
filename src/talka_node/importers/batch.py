"""What importers hand over: rows, refusals, removals and consents of one part of a file, whatever its format."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import duckdb

from talka_node.codes.units import Kept
from talka_node.consent.history import Event
from talka_node.importers.manifest import CODE_LIKE
from talka_node.importers.people import Resolver
from talka_node.pseudonyms import personal
from talka_node.store import TABLES

# Where sources name the Latvian personal code: the OID of its register, and HL7's type for it.
PERSONAL_CODES = frozenset({"urn:oid:1.3.6.1.4.1.38760.3.1.1", "1.3.6.1.4.1.38760.3.1.1"})
PERSONAL_CODE_TYPES = frozenset({"NNLVA", "NI"})


class Refuse(Exception):
    """This row is not taken. `kind`: a short name for counting; the message: what would have been right."""

    def __init__(self, kind: str, says: str) -> None:
        super().__init__(says)
        self.kind = kind


class Gone(Exception):
    """The source says that what it told under this id is no fact any more."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.source = source


class Unused(Exception):
    """A row of a kind that a node has no use for."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Settings:
    """How rows are read. `source` names where they come from: the same id at another source is another row.

    `biobank`: whose specimens and consents these are where rows do not say so. `today`: rows dated later are refused.
    """

    today: date
    source: str = ""
    biobank: str | None = None
    code_systems: frozenset[str] = PERSONAL_CODES
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        return f"{self.source}:" if self.source else ""


@dataclass(slots=True)
class Batch:
    """Lines `first` to `first + lines - 1` of a file. `end`: where the file is to be read on, as the importer counts.

    `selects` give the columns of their table, `file` and `line`, on the job's connection.
    """

    first: int
    lines: int
    end: int
    rows: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    selects: dict[str, list[str]] = field(default_factory=dict)
    refused: list[tuple[int, str, str, bytes]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    consents: list[tuple[int, Event]] = field(default_factory=list)  # line, event with its donor
    unused: Counter[str] = field(default_factory=Counter)
    position: int | None = None  # bytes of the file read so far, where `end` counts something else

    def add(self, table: str, line: int, values: dict[str, Any]) -> None:
        columns = self.rows.get(table)
        if columns is None:
            columns = self.rows[table] = {name: [] for name in (*TABLES[table].columns, "line")}
        for name in TABLES[table].columns:
            columns[name].append(values.get(name))
        columns["line"].append(line)

    def refuse(self, line: int, why: Refuse, raw: bytes) -> None:
        self.refused.append((line, why.kind, str(why), raw))


@dataclass(slots=True)
class Job:
    """What importers work with: an own connection in memory, the resolver of persons, the units kept so far."""

    node: Path
    link: duckdb.DuckDBPyConnection
    settings: Settings
    resolver: Resolver
    kept: Kept
    secret: bytes
    file: int = 0
    variants: int = 0  # the next variant's number
    collections: dict[str, str] = field(default_factory=dict)  # collection → the biobank that it is part of
    known: Callable[[], dict[tuple[str, int, str, str], int]] = dict  # variants that have a number already
    reading: BinaryIO | None = None  # what is being read, to tell how far
    carriers: Callable[[list[int]], list[tuple[int, int]]] = (
        lambda _: []
    )  # (variant, donor) in the store, of variants

    def position(self) -> int:
        return self.reading.tell() if self.reading is not None and not self.reading.closed else 0

    def safe(self, text: str) -> str:
        """The text, or a keyed hash of it where it holds what could be a personal code."""
        if not CODE_LIKE.search(text):
            return text
        for found in CODE_LIKE.findall(text):
            try:
                # Its last digit may be wrong, and it still somebody's: the formula is not published.
                personal.read(found, trust_check_digit=False).wipe()
            except personal.Refused:
                continue
            told = self.resolver.without_codes(text).encode("utf-8", "surrogatepass")
            return "#" + hmac.digest(self.secret, told, hashlib.sha256).hex()[:24]
        return text


@dataclass(slots=True)
class Row:
    """A row for a table; `person`: the Patient's id, whose donor is still to be found. `code`: a personal code."""

    table: str
    values: dict[str, Any]
    person: str | None = None
    code: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class Told:
    """A consent event of the person with this id."""

    event: Event
    person: str


def settle(job: Job, batch: Batch, told: Iterable[tuple[int, Row | Told]]) -> None:
    """Find the donors of plain rows and put the rows into the batch. Who has a personal code is linked first."""
    source, resolver = job.settings.source, job.resolver
    told = list(told)
    coded = [(line, row) for line, row in told if isinstance(row, Row) and row.code is not None]
    wrong: set[int] = set()
    linked = resolver.link(source, [(str(row.person), str(row.code)) for _, row in coded])
    for (line, person), found in zip(coded, linked, strict=True):
        person.code = None
        if isinstance(found, str):
            batch.refuse(line, Refuse("personal-code", found), b"")
            wrong.add(id(person))
    keys = list(
        dict.fromkeys(row.person for _, row in told if row.person is not None and id(row) not in wrong)
    )
    donors = dict(zip(keys, resolver.numbers(source, keys), strict=True))
    for line, row in told:
        if id(row) in wrong:
            continue
        if isinstance(row, Told):
            batch.consents.append((line, replace(row.event, donor=donors[row.person])))
        else:
            if row.person is not None:
                row.values["donor"] = donors[row.person]
            batch.add(row.table, line, row.values)


Importer = Callable[[Job, Path, int, int], Iterator[Batch]]

_DAY = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ].*)?)?)?")


def day(text: str, today: date, name: str, *, middle: bool = True) -> tuple[date, str]:
    """A date (YYYY-MM-DD, with a time after it or not) and D; of a month or a year its middle, and M or Y.

    The middle of a span that has begun but not ended may lie ahead: it is then taken as today. Raises Refuse.
    """
    found = _DAY.fullmatch(text.strip())
    if not found:
        raise Refuse("date", f"{name}: a date is written YYYY-MM-DD, YYYY-MM or YYYY, not {text[:30]!r}")
    year, month, in_month = found.groups()
    try:
        first = date(int(year), int(month or 1), int(in_month or 1))
    except ValueError:
        raise Refuse("date", f"{name}: there is no such day as {text[:30]!r}") from None
    if first > today:
        raise Refuse(
            "future", f"{name}: {text[:10]} lies ahead of {today}; correct the date, or the node's clock"
        )
    if first.year < 1850:
        raise Refuse("date", f"{name}: {text[:10]} is before 1850; correct the date")
    if in_month or not middle:
        return first, "D"
    if month:
        return min(first.replace(day=15), today), "M"
    return min(first.replace(month=7, day=1), today), "Y"
