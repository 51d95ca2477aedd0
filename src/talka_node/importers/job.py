"""An import from its files to its signed manifest: part by part to segments, checked as a whole, then visible at once.

Each part that is done is noted in `pending/`, so that an import that was broken off goes on where it was. Consents are
recorded as soon as they are read: a withdrawal does not wait for the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from talka_keys.suite import BadProof
from talka_node.codes.units import Kept
from talka_node.consent.decision import By
from talka_node.consent.log import Entry
from talka_node.consent.state import State as Consents
from talka_node.importers import feed, quarantine
from talka_node.importers.batch import Batch, Importer, Job, Refuse, Settings
from talka_node.importers.manifest import SHOWN, Manifest, Refusal, Source, blotted, signing_key, undigited
from talka_node.importers.people import LocalResolver, Resolver, _key
from talka_node.pseudonyms.client import Refused as KeysRefused
from talka_node.store import (
    DATES,
    TABLES,
    Segment,
    Store,
    StoreError,
    Writer,
    _connection,
    _paths,
    _rows,
    _write,
)

BY_SOURCE = [name for name, table in TABLES.items() if table.key == ("source",)]
# A FHIR Observation may be a measurement or a diagnosis: the one takes the other's place.
TOGETHER = {"diagnoses": ("diagnoses", "measurements"), "measurements": ("diagnoses", "measurements")}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is. `rate`: lines a second since it began; `left`: seconds, None while unknown."""

    file: str
    bytes: int
    of: int
    lines: int
    refused: int
    rate: float
    left: float | None


@dataclass(slots=True)
class Done:
    """A part that was turned into segments: one note in `pending/`."""

    file: int
    end: int
    lines: int
    position: int
    sealed: int  # bytes of the quarantine with what this part added
    segments: list[Segment]
    refused: list[Refusal]
    gone: list[str]
    consents: int
    unused: dict[str, int]
    units: dict[str, str]
    collections: dict[str, str]
    variants: int
    last: bool = False

    @classmethod
    def read(cls, place: Path) -> Done:
        told = json.loads(place.read_bytes())
        told["segments"] = [Segment(**each) for each in told["segments"]]
        told["refused"] = [Refusal(**each) for each in told["refused"]]
        return cls(**told)


def run(
    store: Store,
    files: Sequence[tuple[Path, str, Importer]],
    settings: Settings,
    *,
    resolver: Resolver | Callable[[], Resolver] | None = None,
    consents: Callable[..., list[Entry] | None] | None = None,
    standing: Consents | None = None,
    progress: Callable[[Progress], None] | None = None,
    passed_over: dict[str, str] | None = None,
) -> Manifest:
    """Import the files (with the name of their format and what reads it) as one: all rows become visible at once.

    Raises StoreError (Busy, disk full) with nothing changed; what can be read of bad files is taken, the rest is in the
    manifest. Started again with the same files after it was broken off, it goes on.
    """
    with store.writing() as writer:
        settings = replace(settings, today=max(settings.today, _day_of(store.state.newest_day)))
        work = _Work(store, writer, files, settings, resolver, consents, standing, progress)
        work.passed_over = {blotted(name): why for name, why in (passed_over or {}).items()}
        try:
            return work.run()
        except (OSError, KeysRefused, BadProof) as why:
            when = getattr(why, "come_back", None)
            again = f" after {when:%Y-%m-%d %H:%M} UTC" if when else ""
            raise StoreError(
                f"the import was broken off ({why}); start it again{again}, and it goes on"
            ) from why
        finally:
            work.link.close()


def _day_of(text: str) -> date:
    return date.fromisoformat(text) if text else date.min


class _Work:
    def __init__(
        self,
        store: Store,
        writer: Writer,
        files: Sequence[tuple[Path, str, Importer]],
        settings: Settings,
        resolver: Resolver | Callable[[], Resolver] | None,
        consents: Callable[..., list[Entry] | None] | None,
        standing: Consents | None,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.store, self.writer, self.files = store, writer, files
        self.consents, self.standing, self.progress = consents, standing, progress
        self.link = _connection()
        self.link.execute(
            "SET threads = 1"
        )  # reading lines in order is one thread's work; more only get in its way
        if resolver is None:
            resolver = LocalResolver(store.path / "keys")
        # Made now that no other import can give out numbers: it reads which are given.
        self.resolver: Resolver = resolver() if callable(resolver) else resolver
        self.job = Job(
            store.path,
            self.link,
            settings,
            self.resolver,
            Kept(store.state.units),
            _key(store.path / "keys" / "ids.key"),
            variants=store.state.variants,
            collections=dict(store.state.collections),
            known=self._variants,
            carriers=self._carriers,
        )
        self.sizes = [place.stat().st_size for place, _, _ in files]
        self.names = [blotted(place.name) for place, _, _ in files]
        self.pending = store.path / "pending" / self._name()
        self.done: list[Done] = []
        self.refused = 0
        self.lines = 0
        self.passed_over: dict[str, str] = {}

    def _name(self) -> str:
        """The same for the same files, as they are now, read in the same way."""
        told = [
            [str(place.resolve()), place.stat().st_size, place.stat().st_mtime_ns, kind]
            for place, kind, _ in self.files
        ]
        how = {
            **asdict(self.job.settings),
            "today": "",
            "code_systems": sorted(self.job.settings.code_systems),
        }
        text = json.dumps([told, how], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    # --- part by part ------------------------------------------------------------------------------------

    def run(self) -> Manifest:
        self._resume()
        self._sweep()
        self.pending.mkdir(parents=True, exist_ok=True)
        began, before = time.monotonic(), self.lines
        for number, (place, _, importer) in enumerate(self.files):
            mine = [one for one in self.done if one.file == number]
            if mine and mine[-1].last:
                continue
            self.job.file = number
            offset = mine[-1].end if mine else 0
            line = sum(one.lines for one in mine)
            stopped: list[tuple[int, str, str, bytes]] = []
            try:
                for batch in importer(self.job, place, offset, line):
                    self._take(number, batch)
                    self._tell(number, began, before)
            except feed.Unreadable as why:
                stopped = [(why.line, "unreadable", str(why), b"")]
            last = Batch(0, 0, 0, refused=stopped)
            self._take(number, last, last=True)
            self._tell(number, began, before)
        return self._finish()

    def _resume(self) -> None:
        while (place := self.pending / f"{len(self.done)}.json").exists():
            one = Done.read(place)
            if any(not (self.store.path / "segments" / each.file).exists() for each in one.segments):
                break
            self.done.append(one)
            self.lines += one.lines
            self.refused += len(one.refused)
            self.job.kept.units.update(one.units)
            self.job.collections.update(one.collections)
            self.job.variants = one.variants
        if (sealed := self.pending / "refused.sealed").exists():
            # What a part sealed that was not noted as done will be sealed again.
            os.truncate(sealed, self.done[-1].sealed if self.done else 0)

    def _sweep(self) -> None:
        """Leave what other unfinished imports may still need; those a week old are given up."""
        keep = []
        for folder in (self.store.path / "pending").iterdir():
            if folder != self.pending and time.time() - folder.stat().st_mtime > 7 * 86400:
                shutil.rmtree(folder)
                continue
            for place in folder.glob("*.json"):
                keep += [each.file for each in Done.read(place).segments]
        self.writer.sweep(keep)

    def _take(self, number: int, batch: Batch, *, last: bool = False) -> None:
        name = self.names[number]
        segments = [
            found
            for table in TABLES
            if (select := self._select(table, batch, number))
            and (found := self.writer.segment(self.link, table, select))
        ]
        self.resolver.flush()
        events = self._record(batch, segments)
        batch.refused.sort(key=lambda each: each[0])
        blot = blotted if self.resolver.keeps_rows else undigited
        refused = [Refusal(name, line, kind, blot(says)) for line, kind, says, _ in batch.refused]
        sealed = self.pending / "refused.sealed"
        if refused and self.resolver.keeps_rows:
            raws = [raw for *_, raw in batch.refused]
            with sealed.open("ab") as file:
                file.write(quarantine.seal(self.store.path, zip(refused, raws, strict=True)))
                file.flush()
                os.fsync(file.fileno())
        one = Done(
            file=number,
            end=batch.end,
            lines=batch.lines,
            position=batch.end if batch.position is None else batch.position,
            sealed=sealed.stat().st_size if sealed.exists() else 0,
            segments=segments,
            refused=refused,
            gone=batch.gone,
            consents=events,
            unused={blot(kind): times for kind, times in batch.unused.items()},
            units=dict(self.job.kept.units),
            collections=dict(self.job.collections),
            variants=self.job.variants,
            last=last,
        )
        _write(self.pending / f"{len(self.done)}.json", json.dumps(asdict(one), ensure_ascii=False).encode())
        self.done.append(one)
        self.lines += batch.lines
        self.refused += len(refused)

    def _select(self, table: str, batch: Batch, number: int) -> str:
        """All rows of a table that the batch has, as a SELECT; nothing for none."""
        about = TABLES[table]
        selects = [
            f'SELECT {about.names}, {number}::INTEGER AS "file", line FROM ({select})'
            for select in batch.selects.get(table, ())
        ]
        if columns := batch.rows.get(table):
            kinds = {**about.columns, "line": "BIGINT"}
            listed = ", ".join(f'unnest(?::{kind}[]) AS "{name}"' for name, kind in kinds.items())
            self.link.execute(
                f"CREATE OR REPLACE TEMP TABLE plain_{table} AS SELECT {listed}",
                [columns[name] for name in kinds],
            )
            selects.append(f'SELECT {about.names}, {number}::INTEGER AS "file", line FROM plain_{table}')
        return " UNION ALL ".join(selects)

    def _record(self, batch: Batch, segments: list[Segment]) -> int:
        """Hand the batch's consents on; each that is refused there is a refused row."""
        if self.consents is None:
            if batch.consents:
                batch.unused["Consent, for want of a consent log"] += len(batch.consents)
            return 0
        if not batch.consents:
            return 0
        adults = self._adults(batch, segments)
        events = [
            (
                line,
                replace(event, adult_on=adults.get(event.donor or 0)) if event.by is By.GUARDIAN else event,
            )
            for line, event in batch.consents
        ]
        said = [Entry("applied", 0)]  # of one, by whoever takes consents and says nothing of them
        told: list[Entry] = []
        try:
            told = self.consents(*(event for _, event in events)) or said * len(events)
        except ValueError:  # some event is none; find which
            for _, event in events:
                try:
                    told += self.consents(event) or said
                except ValueError as why:
                    told.append(Entry("refused", 0, str(why)))
        return sum(_became(batch, line, entry) for (line, _), entry in zip(events, told, strict=True))

    def _adults(self, batch: Batch, segments: list[Segment]) -> dict[int, date]:
        """When the donors for whom a guardian signed come of age, as far as their dates of birth are known."""
        donors = [event.donor for _, event in batch.consents if event.by is By.GUARDIAN]
        if not donors:
            return {}
        told = [each for one in self.done for each in one.segments] + segments
        listed = _paths(self.store.path, [each for each in told if each.table == "donors"])
        born = f"SELECT donor, born FROM ({_rows(self.store.path, self.store.state, 'donors')})"
        if listed:
            born += f" UNION ALL SELECT donor, born FROM read_parquet({listed})"
        found = self.link.execute(
            f"SELECT donor, max(born) + INTERVAL 18 YEAR FROM ({born}) WHERE born IS NOT NULL"
            " AND donor IN (SELECT unnest(?::INTEGER[])) GROUP BY donor",
            [donors],
        ).fetchall()
        return {donor: moment.date() for donor, moment in found}

    def _variants(self) -> dict[tuple[str, int, str, str], int]:
        """The numbers of the variants in the store and in what this import has written so far."""
        columns = "chromosome, position, reference, alternate, variant"
        told = [each for one in self.done for each in one.segments if each.table == "variants"]
        rows = f"SELECT {columns} FROM ({_rows(self.store.path, self.store.state, 'variants')})"
        if told:
            rows += f" UNION ALL SELECT {columns} FROM read_parquet({_paths(self.store.path, told)})"
        return {row[:4]: row[4] for row in self.link.execute(rows).fetchall()}

    def _carriers(self, variants: list[int]) -> list[tuple[int, int]]:
        if not self.store.state.of("genotypes"):
            return []
        return self.link.execute(
            f"SELECT variant, donor FROM ({_rows(self.store.path, self.store.state, 'genotypes')})"
            " WHERE copies > 0 AND variant IN (SELECT unnest(?::INTEGER[]))",
            [variants],
        ).fetchall()

    def _tell(self, number: int, began: float, before: int) -> None:
        if self.progress is None:
            return
        ends: dict[int, int] = {}
        for one in self.done:
            ends[one.file] = self.sizes[one.file] if one.last else min(one.position, self.sizes[one.file])
        read, whole, seconds = sum(ends.values()), sum(self.sizes), time.monotonic() - began
        rate = (self.lines - before) / seconds if seconds else 0.0
        left = seconds * (whole - read) / read if read else None
        self.progress(Progress(self.files[number][0].name, read, whole, self.lines, self.refused, rate, left))

    # --- all of it ---------------------------------------------------------------------------------------

    def _finish(self) -> Manifest:
        at = datetime.now(UTC)
        manifest = Manifest(
            name=f"{at:%Y%m%dT%H%M%S}-{len(self.store.state.imports) + 1}",
            at=at.isoformat(timespec="seconds"),
            source=self.job.settings.source,
            passed_over=self.passed_over,
        )
        for number, (place, kind, _) in enumerate(self.files):
            lines = sum(one.lines for one in self.done if one.file == number)
            told = self.resolver.fingerprint(feed.digest(place))
            manifest.files.append(Source(self.names[number], kind, self.sizes[number], told, lines))
        new: dict[str, list[Segment]] = {table: [] for table in TABLES}
        for one in self.done:
            for segment in one.segments:
                new[segment.table].append(segment)
        refused = [each for one in self.done for each in one.refused]
        check = _Check(self.store, self.writer, new, self.names)
        try:
            dead, late = check.whole(manifest, [key for one in self.done for key in one.gone])
            refused = sorted([*refused, *late], key=lambda each: (each.file, each.line))
            manifest.consents = sum(one.consents for one in self.done)
            manifest.unused = dict(sum((Counter(one.unused) for one in self.done), Counter()))
            manifest.refused = dict(sorted(Counter(each.kind for each in refused).items()))
            manifest.first_refusals = refused[:SHOWN]
            check.held(manifest, self.standing)
        finally:
            check.link.close()
        self._commit(manifest, refused, [*(each for table in check.new.values() for each in table), *dead])
        return manifest

    def _commit(self, manifest: Manifest, refused: list[Refusal], segments: list[Segment]) -> None:
        store, folder = self.store, self.store.path / "quarantine"
        if refused:
            listed = b"".join(
                json.dumps(asdict(each), ensure_ascii=False).encode() + b"\n" for each in refused
            )
            _write(folder / f"{manifest.name}.jsonl", listed)
            manifest.refusals_sha256 = hashlib.sha256(listed).hexdigest()
        if (sealed := self.pending / "refused.sealed").exists():
            shutil.copyfile(sealed, folder / f"{manifest.name}.sealed")
        manifest.signed(signing_key(store.path))
        _write(store.path / "imports" / f"{manifest.name}.json", manifest.json())
        state = store.state
        self.writer.commit(
            replace(
                state,
                segments=(*state.segments, *segments),
                same=self.resolver.same(),
                units=self.job.kept.units,
                collections=self.job.collections,
                variants=self.job.variants,
                imports=(*state.imports, f"{manifest.name}.json"),
                newest_day=max(state.newest_day, self.job.settings.today.isoformat()),
            )
        )
        shutil.rmtree(self.pending)
        self.writer.sweep()


class _Check:
    """Looks at all new rows together, before they are made visible."""

    def __init__(self, store: Store, writer: Writer, new: dict[str, list[Segment]], files: list[str]) -> None:
        self.store, self.writer, self.new, self.files = store, writer, new, files
        self.link = _connection()
        spill = store.path / "pending" / "spill"
        # Unlike an import's own connection this one sees no personal codes, so it may use the disk.
        self.link.execute(f"SET temp_directory = '{str(spill).replace(chr(39), chr(39) * 2)}'")
        for table in TABLES:
            self.link.execute(f"CREATE TEMP TABLE doomed_{table} (segment INTEGER, row BIGINT)")

    def _new(self, table: str) -> str:
        """The new rows, without those already found wanting."""
        listed = ", ".join(
            "'" + str(self.store.path / "segments" / each.file).replace("'", "''") + "'"
            for each in self.new[table]
        )
        rows = f"SELECT *, file_row_number AS row FROM read_parquet([{listed}], file_row_number = true)"
        return f"SELECT * FROM ({rows}) ANTI JOIN doomed_{table} USING (segment, row)"

    def _old(self, table: str) -> str:
        return _rows(self.store.path, self.store.state, table)

    def whole(self, manifest: Manifest, gone: list[str]) -> tuple[list[Segment], list[Refusal]]:
        """Find duplicates, contradictions and what lies before a birth; then what takes whose place."""
        refused: list[Refusal] = []
        self.link.execute("CREATE TEMP TABLE gone AS SELECT DISTINCT unnest(?::VARCHAR[]) AS source", [gone])
        for table in BY_SOURCE:
            if self.new[table]:
                # What one import both tells and takes back is taken back.
                self.link.execute(
                    f"INSERT INTO doomed_{table} SELECT segment, row FROM ({self._new(table)})"
                    " WHERE source IN (FROM gone)"
                )
                refused += self._twice(table, manifest)
        if self.new["donors"]:
            refused += self._contradicting()
        refused += self._unborn()
        self._unchanged(manifest)
        dead: list[Segment] = []
        for table in TABLES:
            if table == "variants":
                continue  # a variant is what it is; only new ones are written
            keys = [
                f"SELECT {', '.join(TABLES[table].key)} FROM ({self._new(each)})"
                for each in TOGETHER.get(table, (table,))
                if self.new[each]
            ]
            if table in BY_SOURCE and gone:
                keys.append("FROM gone")
            if keys and (found := self.writer.superseded(self.link, table, " UNION ALL ".join(keys))):
                dead.append(found)
                manifest.replaced[table] = found.rows
        for table in TABLES:
            select = f"SELECT segment AS part, row FROM doomed_{table}"
            if self.new[table] and (found := self.writer.segment(self.link, table, select, dead=True)):
                dead.append(found)
            if self.new[table] and (
                rows := sum(each.rows for each in self.new[table]) - (found.rows if found else 0)
            ):
                manifest.taken[table] = rows
        if gone:
            manifest.removed = len(set(gone))
        return dead, refused

    def _refused(self, kind: str, select: str) -> list[Refusal]:
        """Refusals from a SELECT of file, line and what to say."""
        return [
            Refusal(self.files[file], line, kind, blotted(says))
            for file, line, says in self.link.execute(select).fetchall()
        ]

    def _twice(self, table: str, manifest: Manifest) -> list[Refusal]:
        """An id that stands in several places: told the same, it is one; told differently, it is none of them."""
        place = "(file::BIGINT << 40) + line"
        self.link.execute(
            f"CREATE OR REPLACE TEMP TABLE twice AS SELECT hash(source) AS h FROM ({self._new(table)})"
            f" GROUP BY h HAVING min({place}) <> max({place})"
        )
        if self.link.execute("SELECT count(*) FROM twice").fetchone() == (0,):
            return []
        told = ", ".join(f'"{name}"' for name in TABLES[table].columns)
        self.link.execute(
            f"CREATE OR REPLACE TEMP TABLE told AS SELECT source, {place} AS place, any_value(file) AS file,"
            f" any_value(line) AS line, list_sort(list(hash({told}))) AS what FROM ({self._new(table)})"
            f" WHERE hash(source) IN (FROM twice) GROUP BY source, place"
        )
        self.link.execute(
            "CREATE OR REPLACE TEMP TABLE verdict AS SELECT source, count(DISTINCT what) AS kinds, count(*) AS times,"
            " max(place) AS latest, list({'file': file, 'line': line} ORDER BY place) AS places"
            " FROM told GROUP BY source HAVING times > 1"
        )
        again = self.link.execute(
            "SELECT coalesce(sum(times - 1), 0)::BIGINT FROM verdict WHERE kinds = 1"
        ).fetchone()
        manifest.duplicates += again[0] if again else 0
        names = ", ".join("'" + name.replace("'", "''") + "'" for name in self.files)
        refused = self._refused(
            "contradiction",
            "SELECT told.file, told.line, 'the id ' || told.source || ' stands here and in '"
            f" || list_aggregate([[{names}][each.file + 1] || ':' || each.line FOR each IN places"
            " IF each.file <> told.file OR each.line <> told.line], 'string_agg', ', ')"
            " || ' with different content: give one version of a row' FROM told JOIN verdict USING (source)"
            " WHERE kinds > 1",
        )
        self.link.execute(
            f"INSERT INTO doomed_{table} SELECT segment, row FROM ({self._new(table)}) JOIN verdict USING (source)"
            f" WHERE kinds > 1 OR {place} <> latest"
        )
        return refused

    def _contradicting(self) -> list[Refusal]:
        """Two sources that tell different birth dates or sexes of one donor: the later one is refused."""
        self.link.execute(
            "CREATE OR REPLACE TEMP TABLE persons AS"
            " SELECT source, donor, sex, born, born_known, 0 AS file, 0::BIGINT AS line, segment, row"
            f" FROM ({self._old('donors')}) WHERE source NOT IN (SELECT source FROM ({self._new('donors')}))"
            " UNION ALL SELECT source, donor, sex, born, born_known, file, line, segment, row"
            f" FROM ({self._new('donors')})"
        )
        self.link.execute(
            "CREATE OR REPLACE TEMP TABLE against AS SELECT DISTINCT ON (late.segment, late.row) late.file, late.line,"
            " late.segment, late.row, early.source AS other,"
            " late.born_known = 'D' AND early.born_known = 'D' AND late.born <> early.born AS by_birth"
            " FROM persons late JOIN persons early ON late.donor = early.donor"
            " AND (late.segment, late.row) > (early.segment, early.row)"
            " WHERE by_birth OR (late.sex <> early.sex AND late.sex IN ('male', 'female')"
            "  AND early.sex IN ('male', 'female'))"
            f" AND late.segment IN ({', '.join(str(each.number) for each in self.new['donors'])})"
            " ORDER BY late.segment, late.row, early.segment, early.row"
        )
        refused = self._refused(
            "contradiction",
            "SELECT file, line, 'the ' || CASE WHEN by_birth THEN 'birth date' ELSE 'sex' END"
            " || ' differs from what ' || other || ' says of the same person: correct one of them' FROM against",
        )
        self.link.execute("INSERT INTO doomed_donors SELECT segment, row FROM against")
        return refused

    def _unborn(self) -> list[Refusal]:
        """Facts from before their donor's birth."""
        born = f"SELECT donor, born, born_known, segment FROM ({self._old('donors')})"
        if self.new["donors"]:
            born += f" UNION ALL SELECT donor, born, born_known, segment FROM ({self._new('donors')})"
        self.link.execute(
            "CREATE OR REPLACE TEMP TABLE births AS SELECT donor, min(born) AS born"
            f" FROM ({born}) WHERE born_known = 'D' GROUP BY donor"
        )
        refused: list[Refusal] = []
        for table, column in DATES.items():
            if self.new[table]:
                rows = f'({self._new(table)}) JOIN births USING (donor) WHERE "{column}" < born'
                refused += self._refused(
                    "contradiction",
                    f"SELECT file, line, 'the date ' || \"{column}\" || ' is before the donor was born: correct one of"
                    f" them' FROM {rows}",
                )
                self.link.execute(f"INSERT INTO doomed_{table} SELECT segment, row FROM {rows}")
        return refused

    def _unchanged(self, manifest: Manifest) -> None:
        """A table of which nothing new was told keeps its old rows: the same import again changes nothing."""
        for table, about in TABLES.items():
            if not self.new[table] or not self.store.state.of(table):
                continue
            keys = ", ".join(f'"{name}"' for name in about.key)
            self.link.execute(
                f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT {about.names} FROM ({self._new(table)})"
            )
            self.link.execute(
                f"CREATE OR REPLACE TEMP TABLE held AS SELECT {about.names} FROM ({self._old(table)})"
                f" SEMI JOIN fresh USING ({keys})"
            )
            found = self.link.execute(
                "SELECT (SELECT count(*) FROM fresh), (SELECT count(*) FROM held),"
                " (SELECT count(*) FROM (FROM fresh EXCEPT ALL FROM held))"
            ).fetchone()
            if found and found[0] == found[1] and not found[2]:
                manifest.unchanged[table] = found[0]
                self.new[table] = []

    def held(self, manifest: Manifest, standing: Consents | None) -> None:
        """Count the rows taken whose donors have no consent."""
        if standing is None:
            return
        pairs = [(donor, biobank) for donor, biobank, number in standing.pairs() if number]
        self.link.execute(
            "CREATE TEMP TABLE consented AS SELECT unnest(?::INTEGER[]) AS donor, unnest(?::VARCHAR[]) AS biobank",
            [[donor for donor, _ in pairs], [biobank for _, biobank in pairs]],
        )
        for table in manifest.taken:
            if "donor" in TABLES[table].columns:
                using = "donor, biobank" if table == "specimens" else "donor"
                found = self.link.execute(
                    f"SELECT count(*) FROM ({self._new(table)}) ANTI JOIN consented USING ({using})"
                ).fetchone()
                if found and found[0]:
                    manifest.held[table] = found[0]


# What became of a consent that was told and does not stand as it was told, in the words of the manifest.
_NOT_AS_TOLD = {
    "void": "Consent that a withdrawal had ended before",
    "contradicted": "Consent whose id told of another one before; what both permit counts",
}


def _became(batch: Batch, line: int, entry: Entry) -> int:
    """1 if the consent is on record, else 0 and its row is a refused one; what is amiss with it is counted."""
    if entry.status == "refused":
        batch.refuse(line, Refuse("consent", entry.why), b"")
        return 0
    if entry.status in _NOT_AS_TOLD:
        batch.unused[_NOT_AS_TOLD[entry.status]] += 1
    return 1
