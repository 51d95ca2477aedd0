"""The node's own copy of the facts: immutable Parquet segments and one small manifest that is swapped atomically.

What is not named in `store.json` does not exist, so an import that dies in the middle, by kill -9 or by a full disk,
leaves what was there before. Rows are keyed by the id they have at their source; a later import of the same id takes
the place of the earlier rows. Nothing here looks at consent: that is the engines' first step, see `consent`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import duckdb
import numpy as np
import numpy.typing as npt

from talka_node.columns import (
    NO_DATE,
    SEXES,
    CohortColumns,
    Columns,
    DonorColumns,
    FactColumns,
    GenotypeColumns,
    MeasurementColumns,
    SpecimenColumns,
    VariantColumns,
    Words,
)
from talka_node.records import (
    CohortRow,
    DiagnosisRow,
    Donor,
    GenotypeRow,
    MeasurementRow,
    MedicationRow,
    ProcedureRow,
    Records,
    SpecimenRow,
    VariantRow,
)
from talka_query.nodes import Sex

Array = npt.NDArray[Any]

FORMAT = 1
COMPACT = 2_000_000  # rows of a segment; they are sorted in memory when it is written
FOLDERS = ("segments", "imports", "pending", "quarantine", "keys")


class StoreError(Exception):
    """The store cannot do what was asked; the message says why and what would help."""


class Busy(StoreError):
    """Someone else is writing to the store."""


class Damaged(StoreError):
    """What is on disk is not what the manifest says."""


@dataclass(frozen=True)
class Table:
    """The columns that a table's rows have in segments, and those by which a later row takes an earlier one's place.

    Every segment has three columns more: `file` and `line`, where a row came from, and `segment`, its own number.
    """

    columns: dict[str, str]
    key: tuple[str, ...] = ("source",)

    @property
    def names(self) -> str:
        return ", ".join(f'"{name}"' for name in self.columns)


def _fact(**columns: str) -> Table:
    return Table({"source": "VARCHAR", "donor": "INTEGER", **columns})


TABLES: dict[str, Table] = {
    # `born_known`: D, M or Y, to what the date of birth is known; of a month or a year it is the middle.
    "donors": _fact(sex="VARCHAR", born="DATE", born_known="VARCHAR", died="DATE", region="VARCHAR"),
    "specimens": _fact(
        specimen="VARCHAR",
        biobank="VARCHAR",
        collection="VARCHAR",
        type="VARCHAR",
        collected="DATE",
        temperature="VARCHAR",
        aliquots="INTEGER",
    ),
    "diagnoses": _fact(code="VARCHAR", on="DATE"),
    "measurements": _fact(code="VARCHAR", value="DOUBLE", on="DATE"),
    "medications": _fact(code="VARCHAR", on="DATE"),
    "procedures": _fact(code="VARCHAR", on="DATE"),
    "cohorts": _fact(cohort="VARCHAR"),
    # Collections that list their specimens, where specimens do not name their collection.
    "members": Table({"source": "VARCHAR", "specimen": "VARCHAR", "collection": "VARCHAR"}),
    # FHIR resources as they were written at the node's edge, without personal codes; the facts in them stand in the
    # other tables. `donor` is missing where a resource is about no person; `at`: when it was written, UTC.
    "resources": _fact(kind="VARCHAR", at="TIMESTAMP", body="VARCHAR"),
    "variants": Table(
        {
            "variant": "INTEGER",
            "chromosome": "VARCHAR",
            "position": "INTEGER",
            "reference": "VARCHAR",
            "alternate": "VARCHAR",
            "gene": "VARCHAR",
        },
        key=("chromosome", "position", "reference", "alternate"),
    ),
    # `copies` 0: known not to carry it any more; it only takes an earlier row's place.
    "genotypes": Table(
        {"variant": "INTEGER", "donor": "INTEGER", "copies": "TINYINT"}, key=("variant", "donor")
    ),
}
DATES = {
    "diagnoses": "on",
    "measurements": "on",
    "medications": "on",
    "procedures": "on",
    "specimens": "collected",
}


@dataclass(frozen=True)
class Segment:
    """One immutable file of rows of one table, or of places of rows that are no more (`dead`)."""

    number: int
    table: str
    file: str
    rows: int
    sha256: str
    dead: bool = False


@dataclass(frozen=True)
class State:
    """What `store.json` says: all that exists.

    `same`: donors that turned out to be one person, number → number to read it as. `units`: the canonical unit in
    which each measurement code is kept. `imports`: names of the signed manifests, oldest first.
    """

    generation: int = 0
    segments: tuple[Segment, ...] = ()
    same: dict[int, int] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    collections: dict[str, str] = field(default_factory=dict)  # collection → the biobank that it is part of
    variants: int = 0  # the next variant's number
    imports: tuple[str, ...] = ()
    newest_day: str = ""  # of an import, ISO: the clock may move back, this does not

    def of(self, table: str, *, dead: bool = False) -> tuple[Segment, ...]:
        return tuple(s for s in self.segments if s.table == table and s.dead == dead)


class Store:
    """A node's folder. Readers see the state of `store.json` when they open it, whatever is written meanwhile."""

    def __init__(self, path: Path | str) -> None:
        """Open what `Store.create` made. Raises StoreError where there is none, Damaged if it cannot be read."""
        self.path = Path(path)
        self.state = self._read()

    @classmethod
    def create(cls, path: Path | str) -> Store:
        """A new, empty store; the folder may exist, but not a store in it."""
        path = Path(path)
        if (path / "store.json").exists():
            raise StoreError(f"{path} already holds a store; open it, or choose another folder")
        for folder in FOLDERS:
            (path / folder).mkdir(parents=True, exist_ok=True)
        (path / "keys").chmod(0o700)
        _write(path / "store.json", _as_json(State()))
        return cls(path)

    def _read(self) -> State:
        place = self.path / "store.json"
        try:
            given = json.loads(place.read_bytes())
        except FileNotFoundError:
            raise StoreError(f"{self.path} holds no store: make one with `talka-node init`") from None
        except ValueError as why:
            raise Damaged(f"{place} is not readable JSON ({why}); restore it from a backup") from why
        if given.get("format") != FORMAT:
            raise StoreError(
                f"{place} has format {given.get('format')!r}; this version reads format {FORMAT}"
            )
        return State(
            generation=given["generation"],
            segments=tuple(Segment(**one) for one in given["segments"]),
            same={int(one): other for one, other in given["same"].items()},
            units=given["units"],
            collections=given["collections"],
            variants=given["variants"],
            imports=tuple(given["imports"]),
            newest_day=given["newest_day"],
        )

    def refresh(self) -> bool:
        """Look again; whether something changed."""
        before, self.state = self.state.generation, self._read()
        return self.state.generation != before

    # --- reading ------------------------------------------------------------------------------------------

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A connection in memory with one view per table, over the rows that are current. For the tables engine.

        Facts about donors of whom no donor row came are left out until it comes. While the connection lives, no segment
        is swept away under it; where some have been before, this reads what is there now.
        """
        pin = self._pin()
        if not all((self.path / "segments" / each.file).exists() for each in self.state.segments):
            self.refresh()
        link = _connection()
        weakref.finalize(link, pin.close)
        _views(link, self.path, self.state)
        return link

    def _pin(self) -> IO[bytes]:
        """While this is open, nothing is swept away."""
        try:
            pin = (self.path / "reading").open("a+b")
        except OSError:  # where nothing can be written, nothing is swept either
            return (self.path / "store.json").open("rb")
        fcntl.flock(pin, fcntl.LOCK_SH)
        return pin

    def records(self) -> Records:
        """All current rows as plain records, in the order of their keys: for the plain engine and small stores."""
        with self.connect() as link:

            def rows(table: str, columns: str) -> list[tuple[Any, ...]]:
                return link.execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()

            found = Records()
            found.donors = [
                Donor(number, Sex(sex), born, died, region)
                for number, sex, born, died, region in rows("donors", "donor, sex, born, died, region")
            ]
            found.specimens = [
                SpecimenRow(*row)
                for row in rows(
                    "specimens",
                    "specimen, donor, biobank, collection, type, collected, temperature, aliquots",
                )
            ]
            found.diagnoses = [DiagnosisRow(*row) for row in rows("diagnoses", 'donor, code, "on"')]
            found.measurements = [
                MeasurementRow(*row) for row in rows("measurements", 'donor, code, value, "on"')
            ]
            found.medications = [MedicationRow(*row) for row in rows("medications", 'donor, code, "on"')]
            found.procedures = [ProcedureRow(*row) for row in rows("procedures", 'donor, code, "on"')]
            found.cohorts = [CohortRow(*row) for row in rows("cohorts", "donor, cohort")]
            found.variants = [
                VariantRow(*row)
                for row in rows("variants", "variant, chromosome, position, reference, alternate, gene")
            ]
            found.genotypes = [GenotypeRow(*row) for row in rows("genotypes", "variant, donor, copies")]
        return found

    def columns(self) -> Columns:
        """All current rows as numpy columns, for the engines."""
        found = Columns()
        with self.connect() as link:
            for place, sex in enumerate(SEXES):
                link.execute("CREATE TEMP TABLE IF NOT EXISTS _sexes (sex VARCHAR, place TINYINT)")
                link.execute("INSERT INTO _sexes VALUES (?, ?)", [sex.value, place])
            donors = _fetch(
                link,
                "donors JOIN _sexes USING (sex)",
                donor="donor",
                sex="place",
                born=_day("born"),
                died=_day("died"),
                region="region",
            )
            found.donors = DonorColumns(**donors)
            specimens = _fetch(
                link,
                "specimens",
                donor="donor",
                biobank="biobank",
                collection="collection",
                type="type",
                collected=_day("collected"),
                temperature="temperature",
                aliquots="aliquots",
            )
            found.specimens = SpecimenColumns(**specimens)
            fact = {"donor": "donor", "code": "code", "on": _day("on")}
            found.diagnoses = FactColumns(**_fetch(link, "diagnoses", **fact))
            found.medications = FactColumns(**_fetch(link, "medications", **fact))
            found.procedures = FactColumns(**_fetch(link, "procedures", **fact))
            found.measurements = MeasurementColumns(
                **_fetch(link, "measurements", **fact, value="coalesce(value, 'nan'::DOUBLE)")
            )
            found.cohorts = CohortColumns(**_fetch(link, "cohorts", donor="donor", cohort="cohort"))
            variant = ("variant", "chromosome", "position", "reference", "alternate", "gene")
            found.variants = VariantColumns(**_fetch(link, "variants", **{name: name for name in variant}))
            found.genotypes = GenotypeColumns(
                **_fetch(link, "genotypes", variant="variant", donor="donor", copies="copies")
            )
        return found

    def counts(self) -> dict[str, int]:
        """How many current rows each table has."""
        with self.connect() as link:
            return {table: _count(link, f"SELECT count(*) FROM {table}") for table in TABLES}

    def highest_donor(self) -> int:
        """The highest number of a donor that stands in any row, also in one that is no more; -1 for none."""
        told = [one for one in self.state.segments if not one.dead and "donor" in TABLES[one.table].columns]
        if not told:
            return -1
        with _connection() as link:
            [found] = link.execute(
                f"SELECT max(donor) FROM read_parquet({_paths(self.path, told)}, union_by_name = true)"
            ).fetchall()
        return -1 if found[0] is None else int(found[0])

    def verify(self) -> list[str]:
        """What is wrong on disk, a sentence each; nothing wrong: empty. Reads every segment once."""
        problems = []
        for segment in self.state.segments:
            place = self.path / "segments" / segment.file
            if not place.exists():
                problems.append(f"segments/{segment.file} is missing: restore it from a backup")
            elif (found := sha256(place)) != segment.sha256:
                problems.append(
                    f"segments/{segment.file} has changed: its SHA-256 is {found}, the manifest says {segment.sha256}"
                )
        problems += [
            f"imports/{name} is missing: restore it from a backup"
            for name in self.state.imports
            if not (self.path / "imports" / name).exists()
        ]
        return problems

    # --- writing ------------------------------------------------------------------------------------------

    def compact(self) -> int:
        """See `Writer.compact`; how many segments became fewer. Raises Busy if another is writing."""
        with self.writing() as writer:
            return writer.compact()

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """The right to write, which one process at a time has. Raises Busy at once if another has it.

        What the writer does not commit is as if it had never been.
        """
        place = self.path / "lock"
        with place.open("a+b", buffering=0) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                who = lock.read(200).decode(errors="replace").strip() or "another process"
                raise Busy(f"{who} is writing to {self.path}: wait until it is done, or stop it") from None
            lock.truncate(0)
            with suppress(OSError):  # on a full disk nobody is told who writes
                lock.write(f"process {os.getpid()}".encode())
            try:
                self.refresh()
                yield Writer(self)
            finally:
                lock.truncate(0)


class Writer:
    """Writes segments beside the state, and makes them the state in one step. Made by `Store.writing` alone."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._next = 1 + max((s.number for s in store.state.segments), default=0)
        # Numbers of segments that an earlier, unfinished import left behind must not be given again.
        for left in (store.path / "segments").glob("*.parquet"):
            if left.stem.split("-")[0].isdigit():
                self._next = max(self._next, 1 + int(left.stem.split("-")[0]))

    def segment(
        self, link: duckdb.DuckDBPyConnection, table: str, select: str, *, dead: bool = False
    ) -> Segment | None:
        """Write the rows of a SELECT (the table's columns, `file` and `line`; for a dead one: `part`, `row`) as a file.

        It is durable when this returns, and part of the store only by `commit`. No rows: no file, None.
        Raises StoreError when the disk is full.
        """
        number, self._next = self._next, self._next + 1
        name = f"{number}-{'dead-' if dead else ''}{table}.parquet"
        place = self.store.path / "segments" / name
        try:
            done = link.execute(
                f"COPY (SELECT *, {number}::INTEGER AS segment FROM ({select})) TO '{_quoted(place)}'"
                " (FORMAT parquet, COMPRESSION zstd)"
            ).fetchone()
            rows = int(done[0]) if done else 0
            if not rows:
                place.unlink()
                return None
            _fsync(place)
        except (duckdb.IOException, duckdb.FatalException, OSError) as why:
            place.unlink(missing_ok=True)
            raise StoreError(
                f"segments/{name} could not be written ({_first_line(why)}); nothing has changed: make room and"
                " import again"
            ) from why
        return Segment(number, table, name, rows, sha256(place), dead)

    def superseded(self, link: duckdb.DuckDBPyConnection, table: str, keys: str) -> Segment | None:
        """Write the places of current rows whose key stands in the SELECT `keys` (of the table's key columns)."""
        state = self.store.state
        if not state.of(table):
            return None
        columns = ", ".join(f'"{name}"' for name in TABLES[table].key)
        return self.segment(
            link,
            table,
            f"SELECT segment AS part, row FROM ({_rows(self.store.path, state, table)})"
            f" SEMI JOIN (SELECT DISTINCT {columns} FROM ({keys})) USING ({columns})",
            dead=True,
        )

    def delete(self, keys: Mapping[str, Sequence[str]]) -> int:
        """Take away the rows with these source keys, per table; how many there were. Commits."""
        added = []
        with _connection() as link:
            for table, gone in keys.items():
                link.execute(
                    "CREATE OR REPLACE TEMP TABLE gone AS SELECT unnest(?::VARCHAR[]) AS source", [list(gone)]
                )
                if found := self.superseded(link, table, "SELECT source FROM gone"):
                    added.append(found)
        if added:
            self.commit(replace(self.store.state, segments=(*self.store.state.segments, *added)))
        return sum(one.rows for one in added)

    def erase(self, donors: Iterable[int]) -> int:
        """Remove every row about these donors from the files themselves; how many rows. Commits.

        Unlike `delete`, which leaves the bytes in older segments, it rewrites the segments that hold them.
        """
        gone = sorted(set(donors))
        state = self.store.state
        alike = {donor for donor, other in state.same.items() if other in gone or donor in gone}
        wanted = ", ".join(map(str, [*gone, *sorted(alike)])) or "NULL"
        kept: list[Segment] = []
        erased = 0
        with _connection() as link:
            # What listed these donors' specimens goes too.
            _views(link, self.store.path, state)
            link.execute(
                f"CREATE TEMP TABLE theirs AS SELECT specimen FROM specimens WHERE donor IN ({wanted})"
            )
            for one in state.segments:
                place = _quoted(self.store.path / "segments" / one.file)
                about = (
                    f"donor IN ({wanted})"
                    if "donor" in TABLES[one.table].columns
                    else "specimen IN (FROM theirs)"
                )
                if one.dead or one.table == "variants":
                    kept.append(one)
                    continue
                hit = _count(link, f"SELECT count(*) FROM read_parquet('{place}') WHERE {about}")
                if not hit:
                    kept.append(one)
                    continue
                erased += hit
                # Rows keep their places, which dead segments name: an erased row becomes an empty one.
                empty = ", ".join(
                    f'CASE WHEN {about} THEN NULL ELSE "{name}" END AS "{name}"'
                    for name in TABLES[one.table].columns
                )
                fresh = self.segment(
                    link, one.table, f"SELECT {empty}, file, line FROM read_parquet('{place}')"
                )
                if fresh:
                    kept.append(fresh)
                    kept += self._moved(link, state, one, fresh)
        if erased:
            self.commit(replace(state, segments=tuple(kept)))
            # At once, whoever is reading: nothing about these donors is to be read any more.
            for one in set(state.segments) - set(kept):
                (self.store.path / "segments" / one.file).unlink(missing_ok=True)
        return erased

    def compact(self, size: int = COMPACT) -> int:
        """Write current rows anew into segments of about `size` rows each; how many segments became fewer. Commits.

        What later rows took the place of, or was deleted, is left out for good. Each table answers as it did before,
        and the manifests of imports stay. Segments at the beginning that are large and whole are left as they are.
        Raises StoreError while an import that was broken off waits to go on: its rows are later than those here.
        """
        if any((self.store.path / "pending").glob("*/*.json")):
            raise StoreError(
                "an import that was broken off waits to go on: start it again first, then compact"
            )
        state = self.store.state
        kept: list[Segment] = []
        with _connection() as link:
            for table in TABLES:
                kept += self._compacted(link, state, table, size)
        if set(kept) != set(state.segments):
            self.commit(replace(state, segments=tuple(kept)))
        self.sweep()
        return len(state.segments) - len(kept)

    def _compacted(
        self, link: duckdb.DuckDBPyConnection, state: State, table: str, size: int
    ) -> list[Segment]:
        live = sorted(state.of(table), key=lambda one: one.number)
        dead = state.of(table, dead=True)
        gone: dict[int, int] = {}  # rows that are no more, by segment
        if listed := _paths(self.store.path, dead):
            select = f"SELECT part, count(DISTINCT row) FROM read_parquet({listed}) GROUP BY part"
            gone = dict(link.execute(select).fetchall())
        whole = 0
        while whole < len(live) and live[whole].number not in gone and live[whole].rows >= size:
            whole += 1
        kept, rest = live[:whole], live[whole:]
        if len(rest) == 1 and rest[0].number not in gone:
            return live
        # All that come after the first to be rewritten are, too: of a donor's rows the later ones hold, by number.
        while rest:
            group = [rest.pop(0)]
            while rest and sum(one.rows - gone.get(one.number, 0) for one in group) < size:
                group.append(rest.pop(0))
            rows = _rows(self.store.path, State(segments=(*group, *dead)), table)
            columns = f"{TABLES[table].names}, file, line"
            if fresh := self.segment(link, table, f"SELECT {columns} FROM ({rows}) ORDER BY segment, row"):
                kept.append(fresh)
        return kept

    def _moved(
        self, link: duckdb.DuckDBPyConnection, state: State, old: Segment, new: Segment
    ) -> list[Segment]:
        """The dead places of `old`, which has been rewritten as `new`; and those of its rows that are now empty."""
        place = _quoted(self.store.path / "segments" / new.file)
        key = " AND ".join(f'"{name}" IS NULL' for name in TABLES[new.table].key)
        dead = f"SELECT {new.number}::INTEGER AS part, file_row_number AS row FROM read_parquet('{place}') WHERE {key}"
        if listed := _paths(self.store.path, state.of(old.table, dead=True)):
            dead += (
                f" UNION SELECT {new.number}::INTEGER AS part, row FROM read_parquet({listed})"
                f" WHERE part = {old.number}"
            )
        found = self.segment(link, new.table, dead, dead=True)
        return [found] if found else []

    def commit(self, state: State) -> None:
        """Make `state` the store's state: atomic and durable. Then sweep away the files of earlier states."""
        fresh = replace(state, generation=self.store.state.generation + 1)
        try:
            _write(self.store.path / "store.json", _as_json(fresh))
        except OSError as why:
            raise StoreError(f"store.json could not be written ({why}); nothing has changed") from why
        self.store.state = fresh

    def sweep(self, keep: Iterable[str] = ()) -> None:
        """Remove segments that neither the state nor `keep` names: what dead imports and rewriting left behind.

        While somebody reads the store, who may have begun before, nothing is removed; the next sweep will.
        """
        wanted = {segment.file for segment in self.store.state.segments} | set(keep)
        with (self.store.path / "reading").open("a+b") as readers:
            try:
                fcntl.flock(readers, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return
            for place in (self.store.path / "segments").iterdir():
                if place.name not in wanted:
                    place.unlink(missing_ok=True)


# --- the views ----------------------------------------------------------------------------------------------


def _connection() -> duckdb.DuckDBPyConnection:
    # Nothing is fetched from a network, and nothing spills to disk outside the node's folder.
    return duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "temp_directory": "",
        }
    )


def _views(link: duckdb.DuckDBPyConnection, path: Path, state: State) -> None:
    """One view per table over its current rows, with the columns of TABLES."""
    link.execute("CREATE TEMP TABLE _same (one INTEGER, other INTEGER)")
    if state.same:
        link.executemany("INSERT INTO _same VALUES (?, ?)", list(state.same.items()))
    for table, about in TABLES.items():
        rows = _rows(path, state, table)
        if "donor" in about.columns and state.same:
            columns = ", ".join(
                "coalesce(other, donor) AS donor" if name == "donor" else f'"{name}"'
                for name in [*about.columns, "segment", "row"]
            )
            rows = f"SELECT {columns} FROM ({rows}) LEFT JOIN _same ON one = donor"
        if table == "donors":
            # Several sources may tell of one donor: of each thing, what was told last holds; but a birth that is known
            # to the day beats one known to the year.
            exact = "CASE born_known WHEN 'D' THEN 2 WHEN 'M' THEN 1 ELSE 0 END, "
            latest = ", ".join(
                f'arg_max("{name}", ({exact if name.startswith("born") else ""}segment, row)) AS "{name}"'
                for name in about.columns
                if name not in ("donor", "source")
            )
            rows = f"SELECT min(source) AS source, donor, {latest} FROM ({rows}) GROUP BY donor"
        elif table == "genotypes":
            rows = f"SELECT * FROM ({rows}) SEMI JOIN donors USING (donor) WHERE copies > 0"
        elif table == "resources":
            rows = f"SELECT * FROM ({rows}) WHERE donor IS NULL OR donor IN (SELECT donor FROM donors)"
        elif "donor" in about.columns:
            rows = f"SELECT * FROM ({rows}) SEMI JOIN donors USING (donor)"
        if table == "specimens":
            rows = (
                f"SELECT * REPLACE (coalesce(collection, listed) AS collection) FROM ({rows}) LEFT JOIN"
                " (SELECT specimen, min(collection) AS listed FROM members GROUP BY specimen) USING (specimen)"
            )
            link.execute(
                f"CREATE VIEW members AS SELECT {TABLES['members'].names} FROM ({_rows(path, state, 'members')})"
            )
        if table != "members":
            link.execute(f"CREATE VIEW {table} AS SELECT {about.names} FROM ({rows})")


def _rows(path: Path, state: State, table: str) -> str:
    """A SELECT of the table's current rows as they stand in segments, with `segment` and `row`, their place."""
    about = TABLES[table]
    live = state.of(table)
    if not live:
        nothing = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in about.columns.items())
        return (
            f"SELECT {nothing}, NULL::INTEGER AS file, NULL::BIGINT AS line, NULL::INTEGER AS segment,"
            " NULL::BIGINT AS row WHERE false"
        )
    select = (
        f"SELECT {about.names}, file, line, segment, file_row_number AS row"
        f" FROM read_parquet({_paths(path, live)}, file_row_number = true)"
    )
    if dead := state.of(table, dead=True):
        numbers = {one.number for one in live}
        select = (
            f"SELECT * FROM ({select}) ANTI JOIN (SELECT part AS segment, row FROM read_parquet({_paths(path, dead)})"
            f" WHERE part IN ({', '.join(map(str, sorted(numbers)))})) USING (segment, row)"
        )
    return select


def _paths(path: Path, segments: Iterable[Segment]) -> str:
    """The files as a list in SQL; nothing for none."""
    listed = ", ".join(f"'{_quoted(path / 'segments' / one.file)}'" for one in segments)
    return f"[{listed}]" if listed else ""


def _day(column: str) -> str:
    """A date as days since 1970, NO_DATE where it is missing."""
    return f"coalesce(\"{column}\" - DATE '1970-01-01', {NO_DATE})::INTEGER"


def _fetch(link: duckdb.DuckDBPyConnection, table: str, **columns: str) -> dict[str, Any]:
    """Columns of a table as arrays; text becomes `Words`. Given are the expressions, by name."""
    kinds = dict(
        link.execute(
            f"SELECT column_name, column_type FROM (DESCRIBE SELECT {_named(columns)} FROM {table})"
        ).fetchall()
    )
    text = [name for name, kind in kinds.items() if kind == "VARCHAR"]
    vocabulary: dict[str, list[str]] = {}
    for name in text:
        # An ENUM numbers its words, which lets DuckDB turn text into numbers at the speed of a hash table.
        given = columns[name]
        link.execute(
            f"DROP TYPE IF EXISTS _{name}; CREATE TYPE _{name} AS ENUM"
            f' (SELECT DISTINCT "{given}" FROM {table} WHERE "{given}" IS NOT NULL ORDER BY 1)'
        )
        words = link.execute(f"SELECT enum_range(NULL::_{name})").fetchone()
        vocabulary[name] = list(words[0]) if words else []
        columns[name] = f'coalesce(enum_code("{given}"::_{name})::INTEGER, -1)'
    arrays: Mapping[str, Array] = link.execute(f"SELECT {_named(columns)} FROM {table}").fetchnumpy()
    return {
        name: Words(_plain(array), vocabulary[name]) if name in vocabulary else _plain(array)
        for name, array in arrays.items()
    }


def _named(columns: Mapping[str, str]) -> str:
    return ", ".join(f'{given} AS "{name}"' for name, given in columns.items())


def _plain(array: Array) -> Array:
    return np.ma.filled(array) if isinstance(array, np.ma.MaskedArray) else array


# --- files ---------------------------------------------------------------------------------------------------


def sha256(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _as_json(state: State) -> bytes:
    whole = {"format": FORMAT, **asdict(state)}
    return json.dumps(whole, indent=1, ensure_ascii=False).encode()


def _write(place: Path, content: bytes) -> None:
    """Put `content` there whole, or leave what was there: temporary file, fsync, rename, fsync of the folder."""
    handle, name = tempfile.mkstemp(prefix=f".{place.name}-", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _fsync(place.parent)


def _fsync(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _quoted(place: Path) -> str:
    return str(place).replace("'", "''")


def _first_line(why: BaseException) -> str:
    return str(why).strip().splitlines()[0] if str(why).strip() else type(why).__name__


def _count(link: duckdb.DuckDBPyConnection, select: str) -> int:
    found = link.execute(select).fetchone()
    return int(found[0]) if found else 0
