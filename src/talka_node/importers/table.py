"""Tables of text: CSV by a mapping, and the tables of the OMOP CDM 5.4 as CSV or Parquet.

A mapping (YAML) is a list, an entry for each kind of file:

    - file: "samples*.csv"          # which files, by name
      table: specimens              # or donors, diagnoses, measurements, medications, procedures, cohorts, consents
      columns: {id: sample_id, donor: donor_id, type: sample_type, collected: collected}
      values: {type: {"1": Serum}}  # what the holder's own codes mean
      constants: {biobank: bb-1}    # what no column tells
      boxes: {research: research}   # of consents only: box of the form → column

Without one, `miabis.yaml` beside this module is used. What the columns of each table are is told by `rows`.
"""

from __future__ import annotations

import csv
import fnmatch
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from talka_node.importers import feed, rows
from talka_node.importers.batch import Batch, Job, Refuse, Row, Told, settle
from talka_node.store import StoreError

BATCH = 100_000
MAKERS: dict[str, Callable[[rows.Texts, Job], Row]] = {
    "donors": rows.donor,
    "specimens": rows.specimen,
    "diagnoses": rows.diagnosis,
    "measurements": rows.measurement,
    "medications": rows.medication,
    "procedures": rows.procedure,
    "cohorts": rows.cohort,
}


class BadMapping(StoreError):
    """A mapping that cannot be followed; the message names the entry."""


@dataclass(frozen=True)
class Mapping:
    """One entry of a mapping."""

    file: str
    table: str
    columns: dict[str, str]
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, str] = field(default_factory=dict)


def mappings(place: Path) -> list[Mapping]:
    """The entries of a mapping file. Raises BadMapping."""
    try:
        told = yaml.safe_load(place.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as why:
        raise BadMapping(f"{place.name} cannot be read as YAML: {why}") from None
    if not isinstance(told, list):
        raise BadMapping(f"{place.name} must be a list of entries with file, table and columns")
    found = []
    for number, entry in enumerate(told, 1):
        try:
            # YAML takes a bare `on` for "true".
            columns = {
                "on" if name is True else str(name): column for name, column in entry["columns"].items()
            }
            one = Mapping(**{**entry, "columns": columns})
            parts = (one.columns, one.values, one.constants, one.boxes)
            right = isinstance(one.file, str) and all(isinstance(part, dict) for part in parts)
        except (TypeError, KeyError, AttributeError):
            right = False
        if not right or one.table not in (*MAKERS, "consents"):
            raise BadMapping(
                f"{place.name}, entry {number}: give file, table (one of {', '.join(MAKERS)}, consents) and columns;"
                " values, constants and boxes if needed"
            )
        found.append(one)
    return found


def _entries(options: dict[str, Any]) -> list[Mapping]:
    return mappings(Path(options.get("mapping") or Path(__file__).with_name("miabis.yaml")))


def entry_for(place: Path, options: dict[str, Any]) -> Mapping | None:
    """The entry of the mapping that is for a file of this name. Raises BadMapping."""
    name = place.name.lower().removesuffix(".gz")
    return next((each for each in _entries(options) if fnmatch.fnmatch(name, each.file.lower())), None)


def csv_file(job: Job, place: Path, offset: int, line: int) -> Iterator[Batch]:
    """A CSV file in UTF-8 with a header, parted by comma, semicolon or tab. `offset` counts rows, as `line` does."""
    one = entry_for(place, job.settings.options)
    if one is None:
        names = [each.file for each in _entries(job.settings.options)]
        raise feed.Unreadable(1, f"no entry of the mapping is for a file of this name: {names}")
    header, lines = _csv(job, place)
    missing = sorted(
        column for column in (*one.columns.values(), *one.boxes.values()) if column.lower() not in header
    )
    needed = [column for column in missing if column in (one.columns.get("id"), one.columns.get("donor"))]
    if needed or len(missing) == len(one.columns):
        raise feed.Unreadable(
            1, f"the header lacks {', '.join(needed or missing)}, which the mapping names: {header}"
        )
    yield from _batches(job, lines, line, lambda texts: _mapped(job, one, texts))


def _mapped(job: Job, one: Mapping, given: rows.Texts) -> list[Row | Told]:
    texts = {**one.constants, **{name: given.get(column.lower(), "") for name, column in one.columns.items()}}
    for name, meanings in one.values.items():
        texts[name] = meanings.get(texts.get(name, ""), texts.get(name, ""))
    if one.table == "consents":
        boxes = {box: given.get(column.lower(), "") for box, column in one.boxes.items()}
        return [*rows.consent(texts, job, boxes)]
    return [MAKERS[one.table](texts, job)]


# --- OMOP -----------------------------------------------------------------------------------------------------

# Table of OMOP → ours, and which of its columns is what. Source codes come first: they are what was recorded.
OMOP: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "person": ("donors", {
        "id": ("person_id",), "sex": ("gender_concept_id",), "region": ("location_id",),
    }),
    "condition_occurrence": ("diagnoses", {
        "id": ("condition_occurrence_id",), "code": ("condition_source_value",),
        "on": ("condition_start_date", "condition_start_datetime"),
    }),
    "measurement": ("measurements", {
        "id": ("measurement_id",), "code": ("measurement_source_value",), "value": ("value_as_number",),
        "unit": ("unit_source_value",), "on": ("measurement_date", "measurement_datetime"),
    }),
    "drug_exposure": ("medications", {
        "id": ("drug_exposure_id",), "code": ("drug_source_value",),
        "on": ("drug_exposure_start_date", "drug_exposure_start_datetime"),
    }),
    "procedure_occurrence": ("procedures", {
        "id": ("procedure_occurrence_id",), "code": ("procedure_source_value",),
        "on": ("procedure_date", "procedure_datetime"),
    }),
    "specimen": ("specimens", {
        "id": ("specimen_source_id", "specimen_id"), "type": ("specimen_source_value",), "aliquots": ("quantity",),
        "concept": ("specimen_concept_id",), "collected": ("specimen_date", "specimen_datetime"),
    }),
}  # fmt: skip


# What an export of the model may hold beside these.
CDM = frozenset(OMOP) | {
    "death", "location", "observation_period", "visit_occurrence", "visit_detail", "device_exposure", "observation",
    "note",
    "note_nlp", "fact_relationship", "care_site", "provider", "payer_plan_period", "cost", "drug_era", "dose_era",
    "condition_era", "episode", "episode_event", "metadata", "cdm_source", "concept", "vocabulary", "domain",
    "concept_class", "concept_relationship", "relationship", "concept_synonym", "concept_ancestor",
    "source_to_concept_map", "drug_strength", "cohort", "cohort_definition",
}  # fmt: skip


def omop(job: Job, place: Path, offset: int, line: int) -> Iterator[Batch]:
    """A table of the OMOP CDM 5.4, named as there. Codes are those of `…_source_value`: ICD-10, LOINC, ATC;
    specimens also from their concept. A person's death and region need `death` and `location` in the same folder."""
    table = place.name.lower().removesuffix(".gz").rpartition(".")[0]
    if table not in OMOP:
        return  # death and location are read beside person; of the others a node has no use
    header, lines = _parquet(job, place) if place.suffix.lower() == ".parquet" else _csv(job, place)
    ours, columns = OMOP[table]
    if columns["id"][-1] not in header or "person_id" not in header:
        raise feed.Unreadable(
            1, f"the header lacks {columns['id'][-1]} or person_id, which OMOP CDM 5.4 demands"
        )
    deaths = _beside(job, place, "death", "person_id", "death_date") if table == "person" else {}
    regions = (
        _beside(job, place, "location", "location_id", "location_source_value") if table == "person" else {}
    )

    def made(given: rows.Texts) -> list[Row | Told]:
        texts = {
            name: next((given[each] for each in wanted if given.get(each)), "")
            for name, wanted in columns.items()
        }
        texts["donor"] = given.get("person_id", "")
        if table == "person":
            # What is finer than the year is optional.
            born = [given.get(f"{part}_of_birth", "") for part in ("year", "month", "day")]
            known = born[: born.index("") if "" in born else 3]
            texts["born"] = "-".join(each.removesuffix(".0").zfill(2) for each in known)
            texts["died"], texts["region"] = deaths.get(texts["id"], ""), regions.get(texts["region"], "")
        elif table == "specimen" and texts["concept"] not in ("", "0"):
            texts["type"], texts["type_system"] = texts["concept"], "OMOP"
        return [MAKERS[ours](texts, job)]

    yield from _batches(job, lines, line, made)


def _beside(job: Job, place: Path, table: str, key: str, value: str) -> dict[str, str]:
    """A small table of the same export, as a dictionary; empty where it is not there."""
    for name in (f"{table}.csv", f"{table}.csv.gz", f"{table}.parquet", f"{table.upper()}.csv"):
        other = place.with_name(name)
        if other.exists():
            _, lines = _parquet(job, other) if other.suffix == ".parquet" else _csv(job, other)
            return {
                texts[key]: texts[value] for _, texts in lines if isinstance(texts, dict) and texts.get(value)
            }
    return {}


# --- lines ----------------------------------------------------------------------------------------------------

# Where a row stands, and the row by its column names in small letters, or why there is none.
Line = tuple[int, dict[str, str] | Refuse]


def _batches(
    job: Job, lines: Iterator[Line], line: int, made: Callable[[rows.Texts], list[Row | Told]]
) -> Iterator[Batch]:
    batch, told = Batch(line + 1, 0, line), list[tuple[int, Row | Told]]()
    for number, given in lines:
        if number <= line:
            continue
        try:
            if isinstance(given, Refuse):
                raise given
            told += [(number, row) for row in made(given)]
        except Refuse as why:
            batch.refuse(
                number, why, b"" if isinstance(given, Refuse) else "\t".join(given.values()).encode()
            )
        batch.lines, batch.end = number - batch.first + 1, number
        if batch.lines >= BATCH:
            batch.position = job.position()
            settle(job, batch, told)
            yield batch
            batch, told = Batch(number + 1, 0, number), []
    if batch.lines:
        batch.position = job.position()
        settle(job, batch, told)
        yield batch


def _csv(job: Job, place: Path) -> tuple[list[str], Iterator[Line]]:
    """Header and rows. What is not UTF-8, or has another number of cells than the header, is refused by row."""
    lines = _lines(job, place)
    first = next(lines, "")
    mark = max(",;\t", key=first.count)
    header = [cell.strip().lower() for cell in next(csv.reader([first], delimiter=mark), [])]
    return header, _cells(csv.reader(lines, delimiter=mark, strict=True), header)


def _cells(reader: Any, header: list[str]) -> Iterator[Line]:
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as why:
            yield reader.line_num + 1, Refuse("csv", f"the row is not CSV: {why}")
            continue
        number = reader.line_num + 1  # the header was line 1
        if not cells:
            continue
        if len(cells) != len(header):
            yield number, Refuse("csv", f"the row has {len(cells)} cells, the header {len(header)}")
        elif any("\udc80" <= letter <= "\udcff" for cell in cells for letter in cell if letter > "\ud7ff"):
            yield number, Refuse("encoding", "the row is not in UTF-8: save the file as UTF-8")
        else:
            yield number, dict(zip(header, cells, strict=True))


def _lines(job: Job, place: Path) -> Iterator[str]:
    with (
        feed.opened(place) as packed,
        io.TextIOWrapper(packed, "utf-8-sig", errors="surrogateescape", newline="") as text,
    ):
        job.reading = packed
        number = 0
        while line := text.readline(feed.LONGEST_LINE):
            number += 1
            if len(line) >= feed.LONGEST_LINE:
                raise feed.Unreadable(
                    number,
                    f"the line is longer than {feed.LONGEST_LINE >> 20} MB, so nothing from here on was read",
                )
            yield line


def _parquet(job: Job, place: Path) -> tuple[list[str], Iterator[Line]]:
    path = str(place).replace("'", "''")
    found = job.link.execute(f"SELECT column_name FROM (DESCRIBE FROM read_parquet('{path}'))").fetchall()
    header = [str(name).lower() for (name,) in found]

    def lines() -> Iterator[Line]:
        with job.link.cursor() as cursor:
            cursor.execute(f"SELECT COLUMNS(*)::VARCHAR FROM read_parquet('{path}')")
            number = 0
            while found := cursor.fetchmany(10_000):
                for row in found:
                    number += 1
                    yield number, {name: cell or "" for name, cell in zip(header, row, strict=True)}

    return header, lines()
