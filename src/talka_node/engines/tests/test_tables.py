"""The tables engine where the generated stores do not look: over a store's own files, and in the SQL it writes."""

from __future__ import annotations

import sys
from dataclasses import astuple, replace
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

pytest.importorskip("ibis", reason="the extra `tables` is not installed")

from talka_node.columns import Columns
from talka_node.consent import basis
from talka_node.engines import Exact, tables
from talka_node.engines.memory import Memory
from talka_node.engines.tables import DuckDB, Tables
from talka_node.records import Donor, Records
from talka_node.store import TABLES, Store
from talka_query import nodes
from talka_query.nodes import Axis, Count, Question
from tests import lanes
from tests.generative import stores

pytestmark = pytest.mark.once


def stored(path: Path, records: Records) -> Store:
    """The records as a store's own files."""
    store = Store.create(path)
    with store.writing() as writer, duckdb.connect() as link:
        segments = []
        for table, about in TABLES.items():
            rows = [
                {"source": f"{table}/{n}", "file": 0, "line": n} | _named(row)
                for n, row in enumerate(getattr(records, table, []))
            ]
            columns = {**about.columns, "file": "INTEGER", "line": "BIGINT"}
            listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
            link.execute(f"CREATE TABLE given ({listed})")
            if rows:
                marks = ", ".join("?" * len(columns))
                link.executemany(
                    f"INSERT INTO given VALUES ({marks})",
                    [[row.get(name) for name in columns] for row in rows],
                )
            segments.append(writer.segment(link, table, "SELECT * FROM given"))
            link.execute("DROP TABLE given")
        writer.commit(replace(store.state, segments=tuple(one for one in segments if one)))
    return store


def _named(row: Any) -> dict[str, Any]:
    values = dict(zip(row.__dataclass_fields__, astuple(row), strict=True))
    return values | {"sex": str(values["sex"])} if "sex" in values else values


@pytest.mark.parametrize("seed", range(3))
def test_over_a_stores_own_files(tmp_path: Path, seed: int) -> None:
    scene = stores.draw_scene(Random(seed), 6)
    store = stored(tmp_path / "node", scene.records)
    engine, judge, state = Tables(DuckDB(store.connect())), Memory(store.records()), scene.state()
    for question in scene.questions:
        given = basis(state, question.purpose, stores.TODAY)
        assert engine.answer(question, given) == judge.answer(question, given)
        assert engine.attrition(question, given) == judge.attrition(question, given)


def test_a_withdrawal_counts_at_once() -> None:
    records = Records(donors=[Donor(3), Donor(0)])
    state = stores.Scene(records, (stores.Consenting(3, "A", stores.STANDINGS[0]),), ()).state()
    engine = Tables(DuckDB.of(Columns.of(records)))
    question = Question(stores.PURPOSES[0], nodes.All(), date(2026, 1, 1))
    given = basis(state, question.purpose, stores.TODAY)
    assert engine.answer(question, given) == Exact(1, {(): 1})
    state.put(3, "A", None)
    assert engine.answer(question, given) == Exact(0, {})


def test_another_purpose_and_another_state_are_not_confused() -> None:
    records = Records(donors=[Donor(3)])
    consented = stores.Scene(records, (stores.Consenting(3, "A", stores.STANDINGS[1]),), ()).state()
    nobody = stores.Scene(records, (stores.Consenting(3, "A", None),), ()).state()
    assert (consented.version, consented.day) == (1, nobody.day)
    engine = Tables(DuckDB.of(Columns.of(records)))
    academic, company = stores.PURPOSES[:2]
    found = [
        engine.answer(Question(purpose, nodes.All(), date(2026, 1, 1)), basis(state, purpose, stores.TODAY)).whole
        for state, purpose in [
            (consented, academic), (consented, company), (nobody, academic), (consented, academic),
        ]
    ]  # fmt: skip
    assert found == [1, 0, 0, 1]


@pytest.mark.parametrize("dialect", ["duckdb", "pyspark"])
def test_the_sql_is_exact_and_can_be_written_for_both(dialect: str) -> None:
    """No approximate counting, and no consent left out: whatever is asked, `permitted` stands in the SQL."""
    if dialect == "pyspark":
        lanes.need_spark()
    rng = Random(1)
    for _ in range(6):
        question = stores.draw_question(rng)
        for of in (tables.answer, tables.attrition):
            sql = tables.sql_of(of, question, dialect)
            assert "permitted" in sql
            assert "APPROX" not in sql.upper()
            assert "COUNT(DISTINCT" not in sql.upper()


def test_an_empty_store_answers_nothing() -> None:
    state = stores.Scene(Records(), (stores.Consenting(3, "A", stores.STANDINGS[0]),), ()).state()
    engine = Tables(DuckDB.of(Columns()))
    for count in Count:
        question = Question(
            stores.PURPOSES[0], nodes.All(), date(2026, 1, 1), count, by=(Axis.YEAR, Axis.SEX)
        )
        given = basis(state, question.purpose, stores.TODAY)
        assert engine.answer(question, given) == Exact(0, {})
        assert engine.attrition(question, given) == [0]


def test_without_ibis_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ibis", None)
    monkeypatch.delitem(sys.modules, "talka_node.engines.tables")
    with pytest.raises(ImportError, match="extra `tables`"):
        __import__("talka_node.engines.tables")
