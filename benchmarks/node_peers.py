"""The same questions put to databases that hold the same data: DuckDB, PostgreSQL, and PostgreSQL with what ATLAS asks.

Each is set up as its own handbook would have it for these questions. DuckDB holds the donors, sorted by code and donor.
PostgreSQL holds them twice: the donors alone, as the node does, and the whole population, as a hospital's OMOP database
does. Either has the indexes of OMOP's standard and covering ones made for these questions; a transaction that drops the
latter and is rolled back shows the former alone. Consents are there as rows (donor, biobank, purpose) of what is
permitted, so no database decides about purposes. ATLAS's own SQL runs over full-width OMOP tables.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.node_data import (
    BANKS,
    BMI,
    CODES,
    FORMS,
    NOW,
    PERSONS_A_DONOR,
    PURPOSES,
    TESTS,
    TODAY,
    TYPES,
    Array,
    Data,
    classes,
    everybody,
)
from talka_node.columns import NO_DATE, date_of
from talka_node.consent import State, basis

Cells = dict[tuple[str, ...], int]
BANDS = [*(f"{low}-{low + 4}" for low in range(0, 90, 5)), "90+"]


# --- tables ---------------------------------------------------------------------------------------------------

# Column and kind: i whole number, h a small one, d date, f floating point.
TABLES = {
    "person": (("person", "i"), ("sex", "h"), ("born", "d"), ("ends", "d")),
    "specimen": (("person", "i"), ("bank", "h"), ("kind", "h"), ("collected", "d")),
    "consent": (("person", "i"), ("bank", "h"), ("purpose", "h")),
    "diagnosis": (("person", "i"), ("code", "i"), ("on_day", "d")),
    "measurement": (("person", "i"), ("code", "h"), ("value", "f"), ("on_day", "d")),
    "genotype": (("variant", "i"), ("person", "i"), ("copies", "h")),
    "variant": (("variant", "i"), ("chromosome", "h"), ("place", "i")),
}
TYPES_OF = {"i": "integer", "h": "smallint", "d": "date", "f": "double precision"}
Table = list[Array]


def permitted(consents: Array) -> Table:
    """Donor, biobank and purpose (its place in PURPOSES) of what is permitted."""
    state = State(FORMS, TODAY)
    numbers = classes(state)
    parts = []
    for place, purpose in enumerate(PURPOSES):
        permits = np.isin(numbers[consents[2]], sorted(basis(state, purpose, TODAY).permitting))
        donor, bank, _ = consents[:, permits]
        parts.append((donor, bank, np.full(len(donor), place)))
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def of_donors(data: Data, scale: int = 1) -> dict[str, Table]:
    """What only donors have; a person's number is `scale` times the donor's."""
    specimens, variants, genotypes = data.columns.specimens, data.columns.variants, data.columns.genotypes
    donor, bank, purpose = permitted(data.consents)
    chromosomes = np.array([int(each) for each in variants.chromosome.vocabulary])
    return {
        "specimen": [
            specimens.donor * scale,
            specimens.biobank.codes,
            specimens.type.codes,
            specimens.collected,
        ],
        "consent": [donor * scale, bank, purpose],
        "genotype": [genotypes.variant, genotypes.donor * scale, genotypes.copies],
        "variant": [variants.variant, chromosomes[variants.chromosome.codes], variants.position],
    }


def of_all(donors: Any, diagnoses: Any, measurements: Any) -> dict[str, Table]:
    ends = np.where((donors.died == NO_DATE) | (donors.died > NOW), NOW, donors.died)
    return {
        "person": [donors.donor, donors.sex, donors.born, ends],
        "diagnosis": [diagnoses.donor, diagnoses.code.codes, diagnoses.on],
        "measurement": [measurements.donor, measurements.code.codes, measurements.value, measurements.on],
    }


# --- questions ------------------------------------------------------------------------------------------------


def codes(first: str, last: str | None = None) -> str:
    return f"code BETWEEN {CODES.index(f'{first}.0')} AND {CODES.index(f'{last or first}.9')}"


def questions(years: Callable[[str, str], str]) -> dict[str, str]:
    """Every question as SQL, by its short name. `years(born, on)`: complete years as this database says them."""

    def ill(first: str, last: str | None = None) -> str:
        return f"SELECT person FROM diagnosis WHERE {codes(first, last)}"

    def seen(purpose: int) -> str:
        return (
            f"specimen s JOIN consent k ON k.person = s.person AND k.bank = s.bank AND k.purpose = {purpose}"
        )

    def kept(purpose: int, kind: int) -> str:
        return f"SELECT s.person FROM {seen(purpose)} WHERE s.kind = {kind}"

    whole = "SELECT count(DISTINCT w.person) FROM consent w WHERE w.purpose = {}"
    since, serum, plasma, dna = "s.collected >= DATE '2018-03-15'", 0, 1, 2
    aged = f"w.person IN (SELECT person FROM person WHERE {years('born', 'ends')} BETWEEN 50 AND 70)"
    bmi = TESTS.index(BMI)
    first = f"(SELECT person, min(on_day) AS first FROM diagnosis WHERE {codes('C50')} GROUP BY person) f"
    tumour = f"(SELECT person, on_day FROM diagnosis WHERE {codes('C34')}) f"
    pairs = (
        f"SELECT e.person FROM (SELECT person, on_day FROM diagnosis WHERE {codes('I10')}) e JOIN "
        f"(SELECT person, on_day FROM diagnosis WHERE {codes('E11')}) a ON a.person = e.person "
        "AND e.on_day - a.on_day BETWEEN 0 AND 365"
    )
    return {
        "Q1": f"{whole.format(0)} AND w.person IN ({ill('C34')})",
        "Q2": f"{whole.format(0)} AND w.person IN ({ill('C34')}) "
        f"AND w.person IN ({kept(0, serum)} AND {since}) AND {aged}",
        "Q3": f"SELECT least(floor({years('born', 'ends')} / 5), 18), k.bank, s.kind, count(DISTINCT s.person) "
        f"FROM {seen(0)} JOIN person p ON p.person = s.person WHERE {since} AND s.person IN ({ill('C34')}) "
        "GROUP BY 1, 2, 3",
        "Q4": "SELECT p.sex, count(DISTINCT w.person) FROM consent w JOIN person p ON p.person = w.person "
        f"WHERE w.purpose = 2 AND w.person IN (SELECT person FROM diagnosis WHERE {codes('I10')} OR {codes('E11')}) "
        f"AND NOT EXISTS (SELECT 1 FROM diagnosis d WHERE d.person = w.person AND d.{codes('C00', 'C97')}) "
        f"AND w.person IN ({kept(2, plasma)}) GROUP BY 1",
        "Q5": f"SELECT count(DISTINCT s.person) FROM {seen(0)} JOIN {first} ON f.person = s.person "
        f"WHERE s.kind = {serum} AND s.collected <= f.first - 365",
        "Q6": f"{whole.format(1)} AND w.person IN ({ill('E11')}) "
        f"AND w.person IN ({kept(1, dna)}) AND w.person IN (SELECT person FROM measurement "
        f"WHERE code = {bmi} AND value >= 30 AND on_day >= DATE '2015-01-01')",
        "Q7": f"{whole.format(1)} AND w.person IN ({ill('I10')}) "
        f"AND w.person IN ({kept(1, dna)}) AND {aged} "
        "AND w.person IN (SELECT person FROM genotype WHERE variant = 0)",
        "Q8": f"SELECT k.bank, count(DISTINCT k.person) FROM {seen(0)} GROUP BY 1",
        "R1": f"SELECT count(DISTINCT s.person) FROM {seen(0)} JOIN {tumour} ON f.person = s.person "
        f"WHERE s.kind = {serum} AND s.collected - f.on_day BETWEEN -90 AND 90",
        "R2": f"{whole.format(0)} AND w.person IN ({pairs})",
        "R3": f"{whole.format(0)} AND w.person IN ({kept(0, serum)}) AND w.person IN "
        "(SELECT d.person FROM diagnosis d JOIN person p ON p.person = d.person "
        f"WHERE {codes('I10')} AND {years('p.born', 'd.on_day')} BETWEEN 40 AND 50)",
        "R4": f"{whole.format(0)} AND w.person IN ({ill('I10')} "
        "AND on_day BETWEEN DATE '2015-03-01' AND DATE '2016-08-31')",
        "R5": f"{whole.format(1)} AND w.person IN (SELECT person FROM measurement "
        f"WHERE code = {bmi} AND value >= 31.3 AND on_day >= DATE '2016-05-10')",
        "R6": f"{whole.format(1)} AND w.person IN (SELECT g.person FROM genotype g "
        "JOIN variant v ON v.variant = g.variant WHERE v.chromosome = 7 AND v.place BETWEEN 20000000 AND 60000000 "
        "AND g.copies = 2)",
    }  # fmt: skip


LABELS: dict[str, list[list[str]]] = {"Q3": [BANDS, BANKS, TYPES], "Q4": [["female", "male"]], "Q8": [BANKS]}


def cells(name: str, rows: list[tuple[Any, ...]]) -> Cells:
    labels = LABELS.get(name, [])
    return {
        tuple(each[int(place)] for each, place in zip(labels, row[:-1], strict=True)): int(row[-1])
        for row in rows
        if row[-1]
    }


# --- DuckDB ---------------------------------------------------------------------------------------------------

SORTED = {"diagnosis": "code, person", "measurement": "code, person", "consent": "purpose, person",
          "genotype": "variant, person"}  # fmt: skip


class Duck:
    """The donors in DuckDB's own file, whole numbers for codes, sorted as these questions like it best."""

    def __init__(self, path: Path, data: Data) -> None:
        import duckdb

        if not path.exists():
            beside = path.with_name(f".{path.name}")
            beside.unlink(missing_ok=True)
            with duckdb.connect(str(beside), config={"threads": 2, "memory_limit": "4GB"}) as link:
                columns = data.columns
                tables = of_donors(data) | of_all(columns.donors, columns.diagnoses, columns.measurements)
                for name, table in tables.items():
                    self._load(link, name, table)
                link.execute("CHECKPOINT")
            beside.replace(path)
        self.megabytes = path.stat().st_size / 1e6
        self.link = duckdb.connect(str(path), read_only=True, config={"threads": 2})
        epoch = "DATE '1970-01-01'"
        assert self.link.execute(f"SELECT {epoch} + 1").fetchone() == (date_of(1),)
        self.sql = questions(lambda born, on: f"date_sub('year', {born}, {on})")

    @staticmethod
    def _load(link: Any, name: str, table: Table) -> None:
        given = {column: values for (column, _), values in zip(TABLES[name], table, strict=True)}
        told = ", ".join(
            f"DATE '1970-01-01' + {column} AS {column}"
            if kind == "d"
            else f"{column}::{TYPES_OF[kind]} AS {column}"
            for column, kind in TABLES[name]
        )
        link.register("given", given)
        link.execute(f"CREATE TABLE {name} AS SELECT {told} FROM given ORDER BY {SORTED.get(name, '1')}")
        link.unregister("given")

    def ask(self, name: str) -> Cells:
        return cells(name, self.link.execute(self.sql[name]).fetchall())

    def close(self) -> None:
        self.link.close()


# --- PostgreSQL -----------------------------------------------------------------------------------------------

STANDARD = (
    "person (person)", "specimen (person)", "specimen (kind)", "consent (person)", "diagnosis (person)",
    "diagnosis (code)", "measurement (person)", "measurement (code)", "genotype (variant)", "variant (variant)",
)  # fmt: skip
COVERING = (
    "person (person) INCLUDE (sex, born, ends)",
    "specimen (kind, person) INCLUDE (bank, collected)",
    "specimen (person, bank) INCLUDE (kind, collected)",
    "consent (purpose, person, bank)",
    "diagnosis (code, person) INCLUDE (on_day)",
    "measurement (code, person) INCLUDE (value, on_day)",
    "genotype (variant, person) INCLUDE (copies)",
    "variant (chromosome, place) INCLUDE (variant)",
)
SETTINGS = {
    "effective_cache_size": "12GB", "work_mem": "256MB", "hash_mem_multiplier": "2", "maintenance_work_mem": "1GB",
    "max_parallel_workers_per_gather": "2", "max_parallel_workers": "2", "max_worker_processes": "6",
    "random_page_cost": "1.1", "effective_io_concurrency": "200", "wal_level": "minimal", "max_wal_senders": "0",
    "max_wal_size": "8GB", "checkpoint_timeout": "30min", "jit": "off", "autovacuum": "off", "temp_buffers": "256MB",
}  # fmt: skip


class Postgres:
    """A cluster of its own in a folder, reached through a socket there; it stops with the context."""

    def __init__(self, folder: Path, *, buffers: str = "6GB", loading: bool = False) -> None:
        self.folder = folder
        self._bin = Path(
            shutil.which("pg_ctl") or Path(shutil.which("postgres") or "postgres").resolve()
        ).parent
        self._buffers = buffers
        self._loading = loading
        self.link: Any = None

    def _run(self, *command: str) -> None:
        # PostgreSQL refuses to run as root: then it runs as the user that its package made.
        before = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run([*before, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def _owned(self, path: Path) -> None:
        if os.getuid() == 0:
            shutil.chown(path, "postgres")

    def __enter__(self) -> Postgres:
        import psycopg

        inside = self.folder / "cluster"
        if not (inside / "PG_VERSION").exists():
            shutil.rmtree(inside, ignore_errors=True)
            inside.mkdir(parents=True)
            self._owned(self.folder)
            self._owned(inside)
            self._run(str(self._bin / "initdb"), "-D", str(inside), "-A", "trust", "-U", "postgres", "-E", "UTF8",
                      "--locale", "C")  # fmt: skip
        settings = SETTINGS | {
            "shared_buffers": self._buffers, "unix_socket_directories": str(self.folder), "listen_addresses": "",
            "fsync": "off" if self._loading else "on",
        }  # fmt: skip
        told = " ".join(f"-c {name}={value or repr('')}" for name, value in settings.items())
        self._run(str(self._bin / "pg_ctl"), "-D", str(inside), "-w", "-t", "120", "-l", str(self.folder / "log"),
                  "-o", told, "start")  # fmt: skip
        self.link = psycopg.connect(
            host=str(self.folder), user="postgres", dbname="postgres", autocommit=True
        )
        self.sql = questions(lambda born, on: f"extract(year FROM age({on}, {born}))")
        return self

    def __exit__(self, *_: object) -> None:
        self.link.close()
        self._run(str(self._bin / "pg_ctl"), "-D", str(self.folder / "cluster"), "-w", "-m", "fast", "stop")
        if self._loading:
            os.sync()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.link.execute(sql).fetchall()
        return found

    def ask(self, name: str) -> Cells:
        return cells(name, self.rows(self.sql[name]))

    # --- loading ---

    def schemas(self) -> set[str]:
        return {name for (name,) in self.rows("SELECT nspname FROM pg_namespace")}

    def load(self, schema: str, pieces: Iterator[dict[str, Table]], tell: Callable[[str], None]) -> None:
        """A schema of these tables with both sets of indexes. It gets its name when it is whole."""
        self.link.execute(
            "DROP SCHEMA IF EXISTS loading CASCADE; CREATE SCHEMA loading; SET search_path = loading"
        )
        for name, columns in TABLES.items():
            told = ", ".join(f"{column} {TYPES_OF[kind]} NOT NULL" for column, kind in columns)
            self.link.execute(f"CREATE TABLE {name} ({told})")
        # A table made and filled in one transaction needs no log of it, but one by one they may all be filled at once.
        begin = time.perf_counter()
        with self.link.transaction():
            self.link.execute("TRUNCATE " + ", ".join(TABLES))
            for piece in pieces:
                for name, table in piece.items():
                    self._copy(name, table)
        tell(f"{schema}: rows in after {time.perf_counter() - begin:.0f} s")
        for number, told in enumerate((*STANDARD, *COVERING)):
            name = f"{'standard' if number < len(STANDARD) else 'covering'}_{number}"
            self.link.execute(f"CREATE INDEX {name} ON {told}")
            tell(f"{schema}: {name} on {told} after {time.perf_counter() - begin:.0f} s")
        self.link.execute("VACUUM (ANALYZE, FREEZE)")
        self.link.execute(f"ALTER SCHEMA loading RENAME TO {schema}")
        tell(f"{schema}: loaded in {time.perf_counter() - begin:.0f} s")

    def _copy(self, name: str, table: Table) -> None:
        sizes = {"i": (4, ">i4"), "h": (2, ">i2"), "d": (4, ">i4"), "f": (8, ">f8")}
        kinds = [kind for _, kind in TABLES[name]]
        parts: list[tuple[str, str]] = [("fields", ">i2")]
        for place, kind in enumerate(kinds):
            parts += [(f"size{place}", ">i4"), (f"value{place}", sizes[kind][1])]
        with (
            self.link.cursor() as cursor,
            cursor.copy(f"COPY {name} FROM STDIN (FORMAT binary, FREEZE)") as copy,
        ):
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            for start in range(0, len(table[0]), 500_000):
                count = min(500_000, len(table[0]) - start)
                rows = np.empty(count, np.dtype(parts))
                rows["fields"] = len(kinds)
                for place, (kind, column) in enumerate(zip(kinds, table, strict=True)):
                    part = column[start : start + count]
                    rows[f"size{place}"] = sizes[kind][0]
                    rows[f"value{place}"] = part - 10957 if kind == "d" else part  # days since 2000
                copy.write(rows.tobytes())

    # --- what it takes ---

    def use(self, schema: str) -> None:
        self.link.execute(f"SET search_path = {schema}")

    @contextlib.contextmanager
    def standard(self, schema: str) -> Iterator[None]:
        """As if the covering indexes had never been made."""
        import psycopg

        with contextlib.suppress(psycopg.Rollback), self.link.transaction() as transaction:
            for (name,) in self.rows(
                f"SELECT indexname FROM pg_indexes WHERE schemaname = '{schema}' AND indexname LIKE 'covering%'"
            ):
                self.link.execute(f"DROP INDEX {schema}.{name}")
            yield
            raise psycopg.Rollback(transaction)

    def megabytes(self, schema: str) -> tuple[float, float]:
        """On disk: with the standard indexes, and with all."""
        told = (
            "SELECT sum(pg_relation_size(c.oid)) / 1e6 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            f"WHERE n.nspname = '{schema}' AND c.relkind IN ('r', 'i')"
        )
        (((least,),), ((most,),)) = self.rows(told + " AND c.relname NOT LIKE 'covering%'"), self.rows(told)
        return float(least), float(most)


def donors_only(data: Data) -> Iterator[dict[str, Table]]:
    columns = data.columns
    yield of_donors(data) | of_all(columns.donors, columns.diagnoses, columns.measurements)


def whole_population(data: Data) -> Iterator[dict[str, Table]]:
    yield of_donors(data, PERSONS_A_DONOR)
    for piece in everybody(data):
        yield of_all(*piece)


# --- ATLAS ----------------------------------------------------------------------------------------------------

C34, SERUM, LEAF = 4_000_034, 9_000_000, 5_000_000  # concepts of our own
ATLAS = f"""
CREATE TABLE person AS SELECT person AS person_id, CASE sex WHEN 1 THEN 8507 ELSE 8532 END AS gender_concept_id,
  extract(year FROM born)::int AS year_of_birth, extract(month FROM born)::int AS month_of_birth,
  extract(day FROM born)::int AS day_of_birth, born::timestamp AS birth_datetime, 0 AS race_concept_id,
  0 AS ethnicity_concept_id FROM population.person;
CREATE TABLE observation_period AS SELECT person AS observation_period_id, person AS person_id,
  DATE '1900-01-01' AS observation_period_start_date, DATE '2025-12-31' AS observation_period_end_date,
  0 AS period_type_concept_id FROM population.person;
CREATE TABLE condition_occurrence AS SELECT row_number() OVER () AS condition_occurrence_id, person AS person_id,
  {LEAF} + code AS condition_concept_id, on_day AS condition_start_date, on_day::timestamp AS condition_start_datetime,
  on_day AS condition_end_date, on_day::timestamp AS condition_end_datetime, 32817 AS condition_type_concept_id,
  0 AS condition_status_concept_id, NULL::varchar AS stop_reason, NULL::int AS provider_id,
  NULL::int AS visit_occurrence_id, NULL::varchar AS condition_source_value, 0 AS condition_source_concept_id
  FROM population.diagnosis;
CREATE TABLE specimen AS SELECT row_number() OVER () AS specimen_id, person AS person_id,
  {SERUM} + kind AS specimen_concept_id, 32817 AS specimen_type_concept_id, collected AS specimen_date,
  collected::timestamp AS specimen_datetime, 1.0 AS quantity, 0 AS unit_concept_id, 0 AS anatomic_site_concept_id,
  0 AS disease_status_concept_id, NULL::varchar AS specimen_source_id, NULL::varchar AS specimen_source_value
  FROM population.specimen;
CREATE TABLE concept_ancestor AS SELECT {C34} AS ancestor_concept_id, {LEAF} + leaf AS descendant_concept_id,
  1 AS min_levels_of_separation, 1 AS max_levels_of_separation
  FROM generate_series({CODES.index("C34.0")}, {CODES.index("C34.9")}) leaf
  UNION ALL SELECT {SERUM}, {SERUM}, 0, 0;
CREATE TABLE concept AS SELECT {C34} AS concept_id, 'C34' AS concept_name, NULL::varchar AS invalid_reason
  UNION ALL SELECT {LEAF} + leaf, 'leaf', NULL FROM generate_series(0, {len(CODES) - 1}) leaf
  UNION ALL SELECT {SERUM}, 'serum', NULL;
CREATE TABLE cohort (cohort_definition_id int, subject_id bigint, cohort_start_date date, cohort_end_date date);
CREATE TABLE cohort_inclusion (cohort_definition_id int, design_hash int, rule_sequence int, name varchar,
  description varchar);
CREATE TABLE cohort_inclusion_result (cohort_definition_id int, inclusion_rule_mask bigint, person_count bigint,
  mode_id int);
CREATE TABLE cohort_inclusion_stats (cohort_definition_id int, rule_sequence int, person_count bigint,
  gain_count bigint, person_total bigint, mode_id int);
CREATE TABLE cohort_summary_stats (cohort_definition_id int, base_count bigint, final_count bigint, mode_id int);
CREATE TABLE cohort_censor_stats (cohort_definition_id int, lost_count bigint);
ALTER TABLE person ADD PRIMARY KEY (person_id);
ALTER TABLE concept ADD PRIMARY KEY (concept_id);
CREATE INDEX ON observation_period (person_id);
CREATE INDEX ON condition_occurrence (person_id);
CREATE INDEX ON condition_occurrence (condition_concept_id);
CREATE INDEX ON specimen (person_id);
CREATE INDEX ON specimen (specimen_concept_id);
CREATE INDEX ON concept_ancestor (ancestor_concept_id)
"""


def load_atlas(postgres: Postgres, tell: Callable[[str], None]) -> None:
    """Full-width OMOP tables, made of the whole population's."""
    begin = time.perf_counter()
    postgres.link.execute(
        "DROP SCHEMA IF EXISTS loading CASCADE; CREATE SCHEMA loading; SET search_path = loading"
    )
    for statement in ATLAS.split(";"):
        postgres.link.execute(statement)
    postgres.link.execute("VACUUM (ANALYZE, FREEZE)")
    postgres.link.execute("ALTER SCHEMA loading RENAME TO atlas")
    tell(f"atlas: loaded in {time.perf_counter() - begin:.0f} s")


def circe() -> list[str]:
    """What ATLAS would run for: a first lung cancer at 50 to 70, and serum collected since 2018-03-15. (Of consent it
    knows nothing.)"""
    circe_, rendering = importlib.import_module("duckcdm.circe"), importlib.import_module("duckcdm.sqlrender")

    def concepts(number: int, name: str, concept: int) -> dict[str, Any]:
        told = {"CONCEPT_ID": concept, "CONCEPT_NAME": name, "STANDARD_CONCEPT": "S", "INVALID_REASON": "V",
                "CONCEPT_CODE": name, "DOMAIN_ID": "Condition", "VOCABULARY_ID": "ICD10",
                "CONCEPT_CLASS_ID": "x"}  # fmt: skip
        item = {"concept": told, "isExcluded": False, "includeDescendants": True, "includeMapped": False}
        return {"id": number, "name": name, "expression": {"items": [item]}}

    def group(criteria: list[Any], demographic: list[Any]) -> dict[str, Any]:
        return {"Type": "ALL", "CriteriaList": criteria, "DemographicCriteriaList": demographic, "Groups": []}

    serum = {
        "Criteria": {"Specimen": {"CodesetId": 1, "OccurrenceStartDate": {"Value": "2018-03-15", "Op": "gte"}}},
        "StartWindow": {"Start": {"Coeff": -1}, "End": {"Coeff": 1}, "UseEventEnd": False},
        "Occurrence": {"Type": 2, "Count": 1}, "IgnoreObservationPeriod": True,
    }  # fmt: skip
    expression = {
        "cdmVersionRange": ">=5.0.0", "ConceptSets": [concepts(0, "C34", C34), concepts(1, "serum", SERUM)],
        "PrimaryCriteria": {"CriteriaList": [{"ConditionOccurrence": {"CodesetId": 0}}],
                            "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
                            "PrimaryCriteriaLimit": {"Type": "First"}},
        "QualifiedLimit": {"Type": "First"}, "ExpressionLimit": {"Type": "First"},
        "CollapseSettings": {"CollapseType": "ERA", "EraPad": 0}, "CensorWindow": {}, "CensoringCriteria": [],
        "InclusionRules": [
            {"name": "serum", "expression": group([serum], [])},
            {"name": "age", "expression": group([], [{"Age": {"Value": 50, "Extent": 70, "Op": "bt"}}])},
        ],
    }  # fmt: skip
    told = circe_.build_cohort_query(
        json.dumps(expression), cdm_schema="atlas", target_table="atlas.cohort", cohort_id=1,
        vocabulary_schema="atlas", result_schema="atlas",
    )  # fmt: skip
    return [
        each for each in rendering.translate(rendering.render(told), "postgresql").split(";") if each.strip()
    ]


def run_atlas(postgres: Postgres, statements: list[str]) -> int:
    for statement in statements:
        postgres.link.execute(statement)
    ((found,),) = postgres.rows("SELECT count(*) FROM atlas.cohort")
    return int(found)


def expected_of_atlas(data: Data) -> int:
    """The same cohort, counted in the columns: it is all donors', for nobody else gave serum."""
    columns = data.columns
    facts, specimens, donors = columns.diagnoses, columns.specimens, columns.donors
    rows = np.flatnonzero(facts.code.codes // 4 == CODES.index("C34.0") // 4)
    first = np.full(len(donors.donor), np.iinfo(np.int32).max, np.int32)
    np.minimum.at(first, facts.donor[rows], facts.on[rows])
    who = np.unique(facts.donor[rows])
    since = (date(2018, 3, 15) - date(1970, 1, 1)).days
    kept = np.unique(specimens.donor[(specimens.type.codes == 0) & (specimens.collected >= since)])
    who = np.intersect1d(who, kept)

    def year(days: Array) -> Array:
        return days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)

    age = year(first[who]) - year(donors.born[who])
    return int(np.count_nonzero((age >= 50) & (age <= 70)))
