"""The tables on Spark, for a holder who outgrew one machine. Needs the extra `spark` and Java 17.

    with spark.engine("spark://master:7077", store, path / "index") as engine:
        engine.answer(question, basis)

The current rows of the store's segments are written once more for each state of the facts, in buckets by the hash of
the donor. All that is asked of a donor then lies in one bucket, so that joins need no rows from elsewhere and counts of
donors add up. The cluster, its storage and its login are the holder's own; master and workers must see the node's
directory by the same path.
"""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import sqlglot
from numpy.typing import NDArray
from sqlglot import exp

from talka_node.engines.tables import SCHEMAS, Tables
from talka_node.store import TABLES, Store, StoreError

KINDS = {"int8": "tinyint", "int32": "int", "float64": "double", "string": "string", "date": "date"}
STORED = {"VARCHAR": "string", "INTEGER": "int", "TINYINT": "tinyint", "DOUBLE": "double", "DATE": "date"}

# As many as cores can work on one question; a power of two some times larger leaves room to grow.
BUCKETS = 64

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # What lies together by donor also lies together by donor and biobank; by default Spark would move both sides.
    "spark.sql.requireAllClusterKeysForCoPartition": "false",
}


class NoSpark(StoreError):
    """Spark cannot be used; the message says why and what would help."""


@contextmanager
def engine(
    master: str,
    store: Store,
    folder: Path,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Tables]:
    """The engine over a store, on the cluster of that master, as in spark://host:7077. `folder`: where the rows in
    buckets are, or are to be written. NoSpark if there is no Spark, no Java or no such master."""
    with session(master, settings) as made:
        yield Tables(Spark.over(made, store, folder, BUCKETS))


@contextmanager
def session(master: str, settings: Mapping[str, str] | None = None) -> Iterator[Any]:
    """A session of Spark that ends with the block. NoSpark as for `engine`."""
    try:
        sql = importlib.import_module("pyspark.sql")
        errors = importlib.import_module("pyspark.errors")
        py4j = importlib.import_module("py4j.protocol")
    except ImportError as missing:
        raise NoSpark("this needs Spark: install talka with the extra `spark`, and Java 17") from missing
    if sql.SparkSession.getActiveSession() is not None:
        raise NoSpark(
            "this process has a session of Spark already, which has one question at a time: ask again"
        )
    builder = sql.SparkSession.builder.master(master).appName("talka-node")
    try:
        made = builder.config(map={**SETTINGS, **(settings or {})}).getOrCreate()
    except (errors.PySparkException, py4j.Py4JError, OSError) as why:
        raise NoSpark(
            f"no session of Spark at {master} ({str(why).strip().splitlines()[0]}): is Java 17 installed, and does"
            " a master listen there?"
        ) from why
    try:
        yield made
    finally:
        made.stop()


class Spark:
    """The tables as views of a Spark session. For one engine alone: `permitted` is a view of the session too."""

    dialect = "pyspark"

    def __init__(self, session: Any, buckets: int = BUCKETS) -> None:
        self.session = session
        self.buckets = buckets
        self._permitted: Any = None
        # Rows that do move, move to where the buckets are.
        session.conf.set("spark.sql.shuffle.partitions", str(buckets))

    @classmethod
    def over(cls, session: Any, store: Store, folder: Path, buckets: int = BUCKETS) -> Spark:
        """Over a store's current rows, in buckets, which are written where they are not there yet."""
        place = folder.absolute() / f"{store.state.generation}.spark"
        ready = place / "buckets.json"  # written last: what a killed process left behind has none
        if not ready.exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            _write(session, store, place, buckets)
            ready.write_text(json.dumps({"buckets": buckets}), encoding="utf-8")
        written = int(json.loads(ready.read_text(encoding="utf-8"))["buckets"])
        for table in SCHEMAS:
            if table != "permitted":
                _open(session, table, place / table, written)
        return cls(session, written)

    def permit(self, donors: NDArray[np.int32], biobanks: NDArray[np.int32], names: Sequence[str]) -> None:
        words = pa.DictionaryArray.from_arrays(pa.array(biobanks, pa.int32()), pa.array(names, pa.string()))
        pairs = pa.table({"donor": pa.array(donors, pa.int32()), "biobank": words.cast(pa.string())})
        before = self._permitted
        # Kept where the buckets are, so that questions do not move it again.
        self._permitted = self.session.createDataFrame(pairs).repartition(self.buckets, "donor").persist()
        self._permitted.createOrReplaceTempView("permitted")
        if before is not None:
            before.unpersist()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.session.sql(with_exists(sql)).collect()]


@lru_cache(maxsize=256)
def with_exists(sql: str) -> str:
    """The SQL with EXISTS for IN: columns of files may always be null for Spark, and `NOT IN` over what may be null
    it can only do by sending the whole right side to every worker. No donor is null, so both mean the same."""

    def exists(node: exp.Expression) -> exp.Expression:
        query = node.args.get("query") if isinstance(node, exp.In) else None
        if query is None:
            return node
        inner = query.unnest().subquery("_in")
        return exp.Exists(this=exp.select("1").from_(inner).where(exp.column("donor", "_in").eq(node.this)))

    return sqlglot.parse_one(sql, read="spark").transform(exists).sql("spark")


# --- the store's rows in buckets --------------------------------------------------------------------------


def _open(session: Any, table: str, place: Path, buckets: int) -> None:
    """The written table under its name. Spark's catalogue may be the holder's own and outlive the session, so the
    tables are named after the node's program there, and only a view of this session has the plain name."""
    spread = ""
    if "donor" in SCHEMAS[table]:
        spread = f"CLUSTERED BY (donor) SORTED BY (donor) INTO {buckets} BUCKETS"
    columns = ", ".join(f"`{name}` {KINDS[kind]}" for name, kind in SCHEMAS[table].items())
    session.sql(f"DROP TABLE IF EXISTS talka_node_{table}")
    session.sql(
        f"CREATE TABLE talka_node_{table} ({columns}) USING parquet {spread} LOCATION '{_quoted(_address(place))}'"
    )
    session.table(f"talka_node_{table}").createOrReplaceTempView(table)


def _write(session: Any, store: Store, place: Path, buckets: int) -> None:
    """Writes every table of SCHEMAS; says the same of the segments as `Store.connect` does, in Spark's words."""
    for table in TABLES:
        _stored(session, store, table)
    exact = "CASE born_known WHEN 'D' THEN 2 WHEN 'M' THEN 1 ELSE 0 END, "
    latest = ", ".join(
        f"max_by({name}, struct({exact if name == 'born' else ''}segment, row)) FILTER (WHERE {name} IS NOT NULL)"
        f" AS {name}"
        for name in ("sex", "born", "died", "region")
    )
    session.sql(f"SELECT donor, {latest} FROM _stored_donors GROUP BY donor").createOrReplaceTempView(
        "_known"
    )
    selects = {
        "donors": "SELECT * FROM _known",
        "specimens": (
            "SELECT s.donor, s.biobank, coalesce(s.collection, m.listed) AS collection, s.type, s.collected,"
            " s.temperature, s.aliquots FROM _stored_specimens s LEFT SEMI JOIN _known k ON s.donor = k.donor"
            " LEFT JOIN (SELECT specimen, min(collection) AS listed FROM _stored_members GROUP BY specimen) m"
            " ON s.specimen = m.specimen"
        ),
        "variants": "SELECT * FROM _stored_variants",
        "genotypes": "SELECT * FROM _stored_genotypes WHERE copies > 0",
    }
    for table, schema in SCHEMAS.items():
        if table == "permitted":
            continue
        rows = session.sql(selects.get(table, f"SELECT * FROM _stored_{table}"))
        if "donor" in schema and table not in ("donors", "specimens"):
            rows = rows.join(session.table("_known").select("donor"), "donor", "left_semi")
        rows = rows.select(*schema)
        if "donor" in schema:
            writer = rows.repartition(buckets, "donor").write.bucketBy(buckets, "donor").sortBy("donor")
        else:
            writer = rows.write
        session.sql(f"DROP TABLE IF EXISTS talka_node_{table}")
        writer.format("parquet").option("path", _address(place / table)).saveAsTable(f"talka_node_{table}")


def _stored(session: Any, store: Store, table: str) -> None:
    """A view `_stored_…` of the rows of a table's segments that no later row took the place of."""
    state, about = store.state, TABLES[table]
    if not set(about.columns.values()) <= set(STORED):
        return  # what no question is about
    columns = ", ".join(f"`{name}` {STORED[kind]}" for name, kind in about.columns.items()) + ", segment int"

    def files(*, dead: bool) -> list[str]:
        return [_address(store.path / "segments" / one.file) for one in state.of(table, dead=dead)]

    rows = session.createDataFrame([], f"{columns}, row bigint")
    if live := files(dead=False):
        rows = session.read.schema(columns).parquet(*live).selectExpr("*", "_metadata.row_index AS row")
    if gone := files(dead=True):
        places = session.read.schema("part int, row bigint").parquet(*gone)
        rows = rows.join(places.selectExpr("part AS segment", "row"), ["segment", "row"], "left_anti")
    if "donor" in about.columns and state.same:
        same = session.createDataFrame(list(state.same.items()), "donor int, other int")
        others = [name for name in rows.columns if name != "donor"]
        rows = rows.join(same, "donor", "left").selectExpr(
            "coalesce(other, donor) AS donor", *(f"`{name}`" for name in others)
        )
    rows.createOrReplaceTempView(f"_stored_{table}")


def _address(place: Path) -> str:
    """A file of this machine, whatever the cluster's own file system is."""
    return f"file:{place.absolute()}"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
