"""The tables engine gives the judge's answers on Spark: a real master and worker, processes of their own, on loopback.

A statement takes Spark a second or more however small the store, so many questions are asked in one.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("ibis", reason="the extra `tables` is not installed")

from talka_node.__main__ import main
from talka_node.consent import basis
from talka_node.engines import spark
from talka_node.engines.memory import Memory
from talka_node.engines.spark import Spark
from talka_node.engines.tables import SCHEMAS, Tables, answer, sql_of
from talka_node.engines.tests.test_tables import stored
from talka_node.node import Node
from talka_node.store import Store
from talka_node.tests import hospital
from talka_query import nodes, wire
from talka_query.nodes import Question
from tests import lanes
from tests.generative import stores

pytestmark = [
    pytest.mark.once,
    # py4j leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LOGS = lanes.ROOT / "test-results" / "spark"  # where the logs of a failed run are kept
BUCKETS = 2
# The stores are tiny and each statement is new: what pays over an hour only costs here. Nothing is broadcast, so that
# every join goes by the buckets as it would where tables are large.
HASTE = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.executor.memory": "640m",
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "spark.executor.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


@pytest.fixture(scope="module")
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    lanes.need_spark()
    folder = tmp_path_factory.mktemp("spark")
    failed = request.session.testsfailed
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("SPARK_CONF_DIR", str(folder))
        patch.delenv("SPARK_HOME", raising=False)
        places = {
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.local.dir": str(folder / "local"),
        }
        with lanes.temporary_spark(folder) as master, spark.session(master, HASTE | places) as made:
            made.sparkContext.setLogLevel("ERROR")
            yield made
    if request.session.testsfailed > failed:
        shutil.rmtree(LOGS, ignore_errors=True)
        shutil.copytree(folder, LOGS, ignore=shutil.ignore_patterns("local", "warehouse", "*.jar"))


# Each a store, and questions for one purpose.
SCENES = [(seed, purpose) for seed, purpose in enumerate((*stores.PURPOSES, stores.PURPOSES[0]), 10)]
QUESTIONS = 40


@pytest.mark.parametrize(("seed", "purpose"), SCENES)
def test_it_agrees_on_a_cluster(session: Any, tmp_path: Path, seed: int, purpose: nodes.Purpose) -> None:
    scene = stores.draw_scene(Random(seed), QUESTIONS)
    questions = [replace(question, purpose=purpose) for question in scene.questions]
    store, state = stored(tmp_path / "node", scene.records), scene.state()
    engine = Tables(Spark.over(session, store, tmp_path, BUCKETS))
    for table in SCHEMAS.keys() - {"permitted"}:
        session.catalog.cacheTable(table)  # opening files is most of the work where they are this small
    judge = Memory(scene.records)

    given = basis(state, purpose, stores.TODAY)
    right = [judge.answer(question, given) for question in questions]
    assert _asked(questions, engine.answers(questions, given)) == _asked(questions, right)

    for change in scene.changes:
        change.put(state)
    given, some = basis(state, purpose, stores.LATER), questions[::5]
    steps = [judge.attrition(question, given) for question in some]
    assert _asked(some, engine.attritions(some, given)) == _asked(some, steps)
    right = [judge.answer(question, given) for question in some]
    assert _asked(some, engine.answers(some, given)) == _asked(some, right)


@pytest.fixture
def imported(tmp_path: Path) -> Store:
    """A store after some years: rows that later ones took the place of, two sources of one donor, donors that turned
    out to be one person, and a collection that lists its specimens."""
    records = stores.draw_scene(Random(3)).records
    store = stored(tmp_path / "node", records)
    first, second, *_ = sorted({donor.donor for donor in records.donors})
    later = {
        "donors": "SELECT 'b/' || donor AS source, donor, 'male' AS sex, NULL::DATE AS born, 'Y' AS born_known,"
        " DATE '2024-02-29' AS died, NULL::VARCHAR AS region FROM donors",
        "diagnoses": "SELECT source, donor, 'C34.9' AS code, \"on\" FROM diagnoses WHERE hash(source) % 2 = 0",
        "members": "SELECT specimen AS source, specimen, 'A:9' AS collection FROM specimens",
        "genotypes": "SELECT variant, donor, 0::TINYINT AS copies FROM genotypes LIMIT 2",
    }
    with store.writing() as writer, store.connect() as link:
        added = []
        for table, rows in later.items():
            added.append(writer.superseded(link, table, rows))
            added.append(writer.segment(link, table, f"SELECT *, 0 AS file, 0::BIGINT AS line FROM ({rows})"))
        state = store.state
        segments = (*state.segments, *(one for one in added if one))
        writer.commit(replace(state, segments=segments, same={second: first}))
    return store


def test_it_reads_the_same_rows_as_the_node(session: Any, imported: Store, tmp_path: Path) -> None:
    assert imported.state.of("diagnoses", dead=True)
    assert imported.state.of("genotypes", dead=True)
    place = Spark.over(session, imported, tmp_path, BUCKETS)
    with imported.connect() as link:
        for table, schema in SCHEMAS.items():
            if table != "permitted":
                listed = ", ".join(f'"{name}"' for name in schema)
                right = link.execute(f"SELECT {listed} FROM {table}").fetchall()
                read = place.rows(f"SELECT {listed.replace(chr(34), chr(96))} FROM {table}")
                assert sorted(map(repr, read)) == sorted(map(repr, right)), table
        # What is in buckets already is not written again.
        written = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")}
        Spark.over(session, imported, tmp_path, 5)
        assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")} == written


def test_joins_are_within_buckets(session: Any, tmp_path: Path) -> None:
    scene = stores.draw_scene(Random(3))
    store, state = stored(tmp_path / "node", scene.records), scene.state()
    place = Spark.over(session, store, tmp_path, BUCKETS)
    engine = Tables(place)
    question = Question(
        stores.PURPOSES[0],
        nodes.All(
            (
                nodes.Diagnosis(frozenset({"C34"})),
                nodes.Specimen(frozenset({"Serum"}), aliquots=1),
                nodes.Not(nodes.Medication(frozenset({"A10"}))),
                nodes.Any((nodes.InCohort("lungs"), nodes.Not(nodes.Procedure(frozenset({"biopsy"}))))),
            )
        ),
        stores.DAYS[-1],
    )
    given = basis(state, question.purpose, stores.TODAY)
    assert engine.answer(question, given) == Memory(scene.records).answer(question, given)
    sql = spark.with_exists(sql_of(answer, question, Spark.dialect))
    plan = session.sql("EXPLAIN " + sql).collect()[0][0]
    moved = [
        line.strip() for line in plan.splitlines() if "Exchange" in line and "REPARTITION_BY_NUM" not in line
    ]
    assert plan.count("SortMergeJoin ") > 6, plan
    assert [line.partition("Exchange ")[2].partition(",")[0] for line in moved] == ["SinglePartition"], plan


def test_a_node_asks_a_cluster(
    session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, asked = tmp_path / "node", tmp_path / "question.json"
    hospital.create(path)
    with Node(path) as node:
        hospital.take(node, hospital.donors(0, 40) + hospital.donors(40, 10, consent=False))
    asked.write_text(wire.dumps(hospital.question(by=(nodes.Axis.SEX,))), "utf-8")
    masters = []

    @contextmanager
    def kept(master: str, settings: object) -> Iterator[Any]:
        masters.append(master)
        yield session

    monkeypatch.setattr(spark, "session", kept)
    monkeypatch.setattr(spark, "BUCKETS", BUCKETS)
    told = []
    for where in ([], ["--engine", "spark://there:7077"]):
        assert main(["ask", str(path), str(asked), "--json", *where]) == 0
        told.append(json.loads(capsys.readouterr().out))
    index, cluster = told
    assert masters == ["spark://there:7077"]
    assert cluster["answer"] == index["answer"]
    assert cluster["answer"]["total"] == 40
    assert (cluster["facts"], cluster["entry"]) == (index["facts"], index["entry"] + 1)
    # Rows of a former state are no longer there: somebody may have been erased since.
    assert [place.name for place in (path / "index").glob("*.spark")] == ["1.spark"]
    with Node(path) as node:
        hospital.take(node, hospital.donors(50, 1), "more")
    assert not list((path / "index").glob("*.spark"))


def test_a_process_has_one_session(session: Any) -> None:
    """Another would be the same one, and end it."""
    with pytest.raises(spark.NoSpark, match="already"), spark.session("local[1]"):
        pass


def test_without_spark_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    for name in [name for name in sys.modules if name.startswith("pyspark.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(spark.NoSpark, match="extra `spark`"), spark.session("local[1]"):
        pass


def _asked(questions: list[Question], answers: list[Any]) -> list[tuple[Question, Any]]:
    return list(zip(questions, answers, strict=True))
