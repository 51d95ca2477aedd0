"""Compaction: whatever was done to a store, it answers as before, if killed at any moment, too, and under readers."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka_node.records import Donor
from talka_node.store import TABLES, Store, StoreError
from talka_node.tests.test_store import ANNA, BRUNO, put
from talka_query.nodes import Sex

pytestmark = pytest.mark.once

IDS = st.integers(0, 5)
DAYS = st.sampled_from([None, date(1960, 2, 29), date(1960, 7, 1), date(2001, 1, 1)])
DONOR = st.builds(
    lambda source, number, sex, born, known, region: (
        f"{source}:Patient/{number}", number, sex, born, born and known, None, region,
    ),
    st.sampled_from("ab"), IDS, st.sampled_from(["female", "male", "unknown"]), DAYS, st.sampled_from("DMY"),
    st.sampled_from([None, "LV1", "LV2"]),
)  # fmt: skip
FACT = st.builds(
    lambda number, donor, code, on: (f"Condition/{number}", donor, code, on),
    IDS, IDS, st.sampled_from(["C50", "I10"]), DAYS,
)  # fmt: skip
GENOTYPE = st.tuples(st.integers(0, 2), IDS, st.integers(0, 2))
LISTS: dict[str, st.SearchStrategy[Any]] = {
    "donors": st.lists(DONOR, min_size=1, max_size=4, unique_by=lambda row: row[0]),
    "diagnoses": st.lists(FACT, min_size=1, max_size=4, unique_by=lambda row: row[0]),
    "genotypes": st.lists(GENOTYPE, min_size=1, max_size=4, unique_by=lambda row: row[:2]),
}
OPERATION = st.one_of(
    *(st.tuples(st.just("put"), st.just(table), rows) for table, rows in LISTS.items()),
    st.tuples(st.just("delete"), st.just("diagnoses"), st.lists(IDS.map("Condition/{}".format), max_size=2)),
    st.tuples(st.just("erase"), st.just(""), st.lists(IDS, min_size=1, max_size=1)),
    st.tuples(st.just("same"), st.just(""), st.lists(IDS, min_size=2, max_size=2, unique=True).map(sorted)),
    st.tuples(st.just("compact"), st.just(""), st.sampled_from([[1], [3], [1000]])),
)


def do(store: Store, what: str, table: str, given: list[Any]) -> None:
    with store.writing() as writer:
        if what == "put":
            put(writer, **{table: given})
        elif what == "delete":
            writer.delete({table: given})
        elif what == "erase":
            writer.erase(given)
        elif what == "same":
            writer.commit(replace(store.state, same={**store.state.same, given[1]: given[0]}))
        else:
            before, named = store.records(), store.state.imports
            writer.compact(*given)
            assert (store.records(), store.state.imports, store.verify()) == (before, named, [])
            assert on_disk(store) == {each.file for each in store.state.segments}


def on_disk(store: Store) -> set[str]:
    return {place.name for place in (store.path / "segments").iterdir()}


@given(st.lists(OPERATION, max_size=6))
def test_whatever_was_done_compaction_changes_no_answer(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, str, list[Any]]]
) -> None:
    """Neither what is asked now, nor what comes of anything that is done afterwards."""
    folder = tmp_path_factory.mktemp("stores")
    compacted, plain = Store.create(folder / "compacted"), Store.create(folder / "plain")
    for each in operations:
        do(compacted, *each)
        if each[0] != "compact":
            do(plain, *each)
    do(compacted, "compact", "", [1000])
    assert compacted.records() == plain.records()
    assert compacted.state.same == plain.state.same
    assert [each for each in compacted.state.segments if each.dead] == []
    tables = [each.table for each in compacted.state.segments]
    assert len(tables) == len(set(tables))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store.create(tmp_path / "node")
    with made.writing() as writer:
        put(writer, donors=[ANNA, BRUNO])
        for code in ("C50", "C51", "C52"):
            put(writer, diagnoses=[("Condition/1", 0, code, None), (f"Condition/{code}", 1, code, None)])
        writer.delete({"diagnoses": ["Condition/C50"]})
    return made


def test_what_took_no_ones_place_is_all_that_is_left(store: Store) -> None:
    assert len(store.state.segments) == 1 + 3 + 2 + 1
    assert store.compact() == 5
    (rest,) = store.state.of("diagnoses")
    rows = duckdb.sql(
        f"SELECT source, code FROM '{store.path / 'segments' / rest.file}' ORDER BY ALL"
    ).fetchall()
    assert rows == [("Condition/1", "C52"), ("Condition/C51", "C51"), ("Condition/C52", "C52")]
    generation = store.state.generation
    assert store.compact() == 0
    assert store.state.generation == generation  # no index need be built again


def test_large_whole_segments_at_the_beginning_are_not_rewritten(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "node")
    with store.writing() as writer:
        for first in range(0, 9, 3):
            put(writer, cohorts=[(f"Group/{n}", 0, "c") for n in range(first, first + 3)])
        put(writer, cohorts=[("Group/7", 0, "other")])
        before = store.state.of("cohorts")
        writer.compact(3)
    after = store.state.of("cohorts")
    assert after[:2] == before[:2]
    assert [each.rows for each in after] == [3, 3, 3]


def test_whoever_reads_goes_on_reading_and_the_next_sweep_removes_the_rest(store: Store) -> None:
    expected = store.records()
    reader = Store(store.path)
    before = on_disk(store)
    with reader.connect() as link:
        store.compact()
        rows = link.execute("SELECT donor, code FROM diagnoses ORDER BY ALL").fetchall()
        assert rows == [(each.donor, each.code) for each in expected.diagnoses]
        assert before < on_disk(store)
    del link
    with store.writing() as writer:
        writer.sweep()
    assert on_disk(store) == {each.file for each in store.state.segments}
    assert reader.state != store.state
    assert reader.records() == expected  # its state's files are gone: it reads what is there now


def test_erasing_does_not_wait_for_readers(store: Store) -> None:
    with Store(store.path).connect() as link:
        with store.writing() as writer:
            writer.erase([0])
        assert on_disk(store) == {each.file for each in store.state.segments}
        del link
    assert store.records().donors == [Donor(1, Sex.MALE, None, date(2020, 1, 1))]


def test_what_a_broken_off_import_is_yet_to_add_is_waited_for(store: Store) -> None:
    pending = store.path / "pending" / "0123"
    pending.mkdir()
    (pending / "0.json").write_text("{}")
    with pytest.raises(
        StoreError, match=r"^an import that was broken off waits to go on: start it again first"
    ):
        store.compact()


KILLED = """
import os, signal, sys
from pathlib import Path
from talka_node import store
seen, at = 0, int(sys.argv[2])
def die():
    global seen
    seen += 1
    if seen == at:
        os.kill(os.getpid(), signal.SIGKILL)
# Die at the at-th time that something is about to be written or removed, or has been.
for holder, name in ((store, "_write"), (store, "_fsync"), (store.Writer, "segment"), (Path, "unlink"), (Path, "replace")):
    def wrapped(*given, _real=getattr(holder, name), **more):
        die()
        found = _real(*given, **more)
        die()
        return found
    setattr(holder, name, wrapped)
store.Store(sys.argv[1]).compact()
"""  # noqa: E501


def test_killed_at_any_moment_it_changes_no_answer_and_leaves_nothing_behind(store: Store) -> None:
    expected, before = store.records(), store.state
    moments = 0
    for at in range(1, 200, 2):
        done = subprocess.run([sys.executable, "-c", KILLED, str(store.path), str(at)], check=False)
        now = Store(store.path)
        assert now.records() == expected
        assert now.verify() == []
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        moments += 1
        if now.state != before:
            break  # it was killed after all was visible
    assert moments > 3
    store.compact()
    assert Store(store.path).records() == expected
    assert on_disk(store) == {each.file for each in store.state.segments}
    assert {each.table for each in store.state.segments} == {"donors", "diagnoses"} <= set(TABLES)
