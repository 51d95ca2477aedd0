"""The store: what it keeps, what takes whose place, and what it does when something goes wrong."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from talka_node.columns import Columns
from talka_node.records import (
    CohortRow,
    DiagnosisRow,
    Donor,
    GenotypeRow,
    MeasurementRow,
    Records,
    SpecimenRow,
    VariantRow,
)
from talka_node.store import TABLES, Busy, Damaged, Store, StoreError, Writer
from talka_query.nodes import Sex

pytestmark = pytest.mark.once


def put(writer: Writer, **tables: list[tuple[Any, ...]]) -> None:
    """Import rows, given as tuples in the order of the table's columns: later rows take the earlier ones' place."""
    added = []
    with duckdb.connect() as link:
        for table, rows in tables.items():
            about = TABLES[table]
            columns = ", ".join(f'"{name}" {kind}' for name, kind in about.columns.items())
            link.execute(f"CREATE TABLE given ({columns}, file INTEGER, line BIGINT)")
            marks = ", ".join("?" for _ in range(len(about.columns) + 2))
            link.executemany(
                f"INSERT INTO given VALUES ({marks})", [(*row, 0, n) for n, row in enumerate(rows, 1)]
            )
            keys = ", ".join(f'"{name}"' for name in about.key)
            added += [
                writer.superseded(link, table, f"SELECT {keys} FROM given"),
                writer.segment(link, table, "SELECT * FROM given"),
            ]
            link.execute("DROP TABLE given")
    state = writer.store.state
    writer.commit(replace(state, segments=(*state.segments, *(one for one in added if one))))


ANNA = ("Patient/anna", 0, "female", date(1960, 2, 29), "D", None, "LV0001000")
BRUNO = ("Patient/bruno", 1, "male", None, None, date(2020, 1, 1), None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "node")


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.records() == Records()
    assert store.counts() == dict.fromkeys(TABLES, 0)
    assert store.verify() == []


def test_what_is_put_in_is_read_as_rows_and_as_columns(store: Store) -> None:
    with store.writing() as writer:
        put(
            writer,
            donors=[ANNA, BRUNO],
            specimens=[
                ("Specimen/s", 0, "s", "bb", None, "Serum", date(2019, 5, 1), "LN", 3),
                ("Specimen/t", 1, "t", "bb", "c", None, None, None, 0),
            ],
            diagnoses=[("Condition/1", 0, "C50.1", date(2018, 3, 1)), ("Condition/2", 1, "C50.1", None)],
            measurements=[
                ("Observation/1", 1, "2345-7", 5.5, None),
                ("Observation/2", 1, "2345-7", None, None),
            ],
            cohorts=[("Group/g", 0, "Rīgas 'kohorta'")],
            variants=[(7, "17", 43044295, "G", "A", "BRCA1")],
            genotypes=[(7, 1, 2)],
        )
    expected = Records(
        donors=[
            Donor(0, Sex.FEMALE, date(1960, 2, 29), None, "LV0001000"),
            Donor(1, Sex.MALE, None, date(2020, 1, 1), None),
        ],
        specimens=[
            SpecimenRow("s", 0, "bb", None, "Serum", date(2019, 5, 1), "LN", 3),
            SpecimenRow("t", 1, "bb", "c"),
        ],
        diagnoses=[DiagnosisRow(0, "C50.1", date(2018, 3, 1)), DiagnosisRow(1, "C50.1")],
        measurements=[MeasurementRow(1, "2345-7", 5.5), MeasurementRow(1, "2345-7")],
        cohorts=[CohortRow(0, "Rīgas 'kohorta'")],
        variants=[VariantRow(7, "17", 43044295, "G", "A", "BRCA1")],
        genotypes=[GenotypeRow(7, 1, 2)],
    )
    assert store.records() == expected
    columns = store.columns()
    assert columns.specimens.specimen is None
    columns.specimens.specimen = [row.specimen for row in expected.specimens]
    assert unordered(columns.records()) == unordered(Columns.of(expected).records())
    assert Store(store.path).records() == expected


def unordered(records: Records) -> dict[str, set[str]]:
    return {table: {repr(row) for row in getattr(records, table)} for table in Records.__slots__}


def test_a_later_row_of_the_same_id_takes_the_earlier_ones_place(store: Store) -> None:
    with store.writing() as writer:
        put(
            writer,
            donors=[ANNA],
            diagnoses=[("Condition/1", 0, "C50", None), ("Condition/1", 0, "C51", None)],
        )
        put(writer, diagnoses=[("Condition/1", 0, "C52", None), ("Condition/2", 0, "C53", None)])
        put(writer, diagnoses=[("Condition/2", 0, "C54", None)])
    assert store.records().diagnoses == [DiagnosisRow(0, "C52"), DiagnosisRow(0, "C54")]


def test_deleting_takes_rows_by_their_key(store: Store) -> None:
    with store.writing() as writer:
        put(
            writer,
            donors=[ANNA],
            diagnoses=[("Condition/1", 0, "C50", None), ("Condition/2", 0, "C51", None)],
        )
        assert writer.delete({"diagnoses": ["Condition/1", "Condition/unknown"]}) == 1
        assert writer.delete({"diagnoses": []}) == 0
    assert store.records().diagnoses == [DiagnosisRow(0, "C51")]


def test_erasing_a_donor_leaves_no_byte_about_them(store: Store) -> None:
    with store.writing() as writer:
        put(
            writer,
            donors=[ANNA, BRUNO],
            diagnoses=[("Condition/rare", 0, "E75.2", None), ("Condition/2", 1, "C51", None)],
        )
        put(writer, diagnoses=[("Condition/3", 0, "C52", None), ("Condition/2", 1, "C53", None)])
        put(
            writer,
            specimens=[("Specimen/s", 0, "annas", "bb", None, None, None, None, 1)],
            members=[("Group/g", "annas", "c"), ("Group/g", "brunos", "c")],
        )
        assert writer.erase([0]) == 5
        writer.sweep()
    assert store.records() == Records(
        donors=[Donor(1, Sex.MALE, None, date(2020, 1, 1))], diagnoses=[DiagnosisRow(1, "C53")]
    )
    assert store.verify() == []
    left: list[str] = []
    for segment in store.state.segments:
        if not segment.dead:
            place = store.path / "segments" / segment.file
            rows = duckdb.sql(f"SELECT source FROM '{place}' WHERE source IS NOT NULL").fetchall()
            left += [source for (source,) in rows]
    assert len(list((store.path / "segments").iterdir())) == len(store.state.segments)
    assert sorted(left) == ["Condition/2", "Condition/2", "Group/g", "Patient/bruno"]


def test_facts_wait_for_their_donor(store: Store) -> None:
    with store.writing() as writer:
        put(writer, diagnoses=[("Condition/1", 0, "C50", None)])
        assert store.records() == Records()
        put(writer, donors=[ANNA])
    assert store.records().diagnoses == [DiagnosisRow(0, "C50")]


def test_donors_that_are_one_person_are_read_as_one(store: Store) -> None:
    with store.writing() as writer:
        put(
            writer,
            donors=[ANNA, ("other:Patient/7", 5, "female", None, None, date(2024, 1, 1), None)],
            diagnoses=[("Condition/1", 5, "C50", None)],
        )
        writer.commit(replace(store.state, same={5: 0}))
    assert store.records().donors == [Donor(0, Sex.FEMALE, date(1960, 2, 29), date(2024, 1, 1), "LV0001000")]
    assert store.records().diagnoses == [DiagnosisRow(0, "C50")]


def test_a_collections_own_list_of_specimens_counts_where_the_specimen_is_silent(store: Store) -> None:
    with store.writing() as writer:
        put(
            writer,
            donors=[ANNA],
            specimens=[
                ("Specimen/s", 0, "s", "bb", None, None, None, None, 1),
                ("Specimen/t", 0, "t", "bb", "own", None, None, None, 1),
            ],
            members=[("Group/g", "s", "listed"), ("Group/g", "t", "listed")],
        )
    assert [row.collection for row in store.records().specimens] == ["listed", "own"]


def test_a_genotype_with_no_copies_takes_the_earlier_ones_place(store: Store) -> None:
    with store.writing() as writer:
        put(writer, donors=[ANNA, BRUNO], genotypes=[(1, 0, 2), (1, 1, 1)])
        put(writer, genotypes=[(1, 0, 0)])
    assert store.records().genotypes == [GenotypeRow(1, 1, 1)]


def test_a_reader_keeps_what_it_saw_until_it_refreshes(store: Store) -> None:
    reader = Store(store.path)
    with store.writing() as writer:
        put(writer, donors=[ANNA])
    assert reader.records().donors == []
    assert reader.refresh() is True
    assert len(reader.records().donors) == 1
    assert reader.refresh() is False


def test_what_is_not_committed_does_not_exist_and_is_swept_away(store: Store) -> None:
    with store.writing() as writer, duckdb.connect() as link:
        left = writer.segment(
            link, "cohorts", "SELECT 'g' AS source, 0 AS donor, 'c' AS cohort, 0 AS file, 1 AS line"
        )
    assert left is not None and (store.path / "segments" / left.file).exists()
    assert Store(store.path).counts()["cohorts"] == 0
    with store.writing() as writer:
        assert writer._next == left.number + 1
        writer.sweep()
    assert list((store.path / "segments").iterdir()) == []


def test_verify_names_each_file_that_is_gone_or_changed(store: Store) -> None:
    with store.writing() as writer:
        put(writer, donors=[ANNA], cohorts=[("Group/g", 0, "c")])
    donors, cohorts = (store.path / "segments" / segment.file for segment in store.state.segments)
    donors.unlink()
    cohorts.write_bytes(cohorts.read_bytes()[:-1] + b"?")
    missing, changed = store.verify()
    assert missing == f"segments/{donors.name} is missing: restore it from a backup"
    assert changed.startswith(f"segments/{cohorts.name} has changed: its SHA-256 is ")


def test_opening_what_is_no_store_tells_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no store: make one with `talka-node init`"):
        Store(tmp_path)
    Store.create(tmp_path)
    with pytest.raises(StoreError, match="already holds a store"):
        Store.create(tmp_path)
    (tmp_path / "store.json").write_text("{")
    with pytest.raises(Damaged, match="not readable JSON"):
        Store(tmp_path)
    (tmp_path / "store.json").write_text('{"format": 2}')
    with pytest.raises(StoreError, match="has format 2; this version reads format 1"):
        Store(tmp_path)


HOLD = """
import sys
from talka_node.store import Store
with Store(sys.argv[1]).writing():
    print("holding", flush=True)
    sys.stdin.read()
"""


def test_of_two_who_write_at_once_the_second_is_refused(store: Store) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin and other.stdout
        assert other.stdout.readline() == "holding\n"
        with (
            pytest.raises(Busy, match=rf"^process {other.pid} is writing to .*: wait until it is done"),
            store.writing(),
        ):
            pass
        other.kill()
        other.wait()
    with store.writing() as writer:  # the lock died with its holder
        put(writer, donors=[ANNA])
    assert store.counts()["donors"] == 1


FULL = """
import resource, signal, sys
import duckdb
from talka_node.store import Store, StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write over the limit then fails, as on a full disk
with Store(sys.argv[1]).writing() as writer, duckdb.connect() as link:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    try:
        writer.segment(
            link, "cohorts",
            "SELECT md5(i::VARCHAR) AS source, 0 AS donor, md5(i::VARCHAR) AS cohort, 0 AS file, 1 AS line"
            " FROM range(100000) t(i)",
        )
    except StoreError as why:
        print(why)
"""


def test_a_full_disk_leaves_what_was_there(store: Store) -> None:
    with store.writing() as writer:
        put(writer, donors=[ANNA])
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(store.path)], capture_output=True, text=True, check=True
    )
    assert "could not be written" in done.stdout
    assert done.stdout.strip().endswith("nothing has changed: make room and import again")
    assert len(list((store.path / "segments").iterdir())) == 1
    assert Store(store.path).counts()["donors"] == 1
