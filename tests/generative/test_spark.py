"""The tables engine gives the judge's answers, on Spark in this process. Each question takes it about a second."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("ibis", reason="the extra `tables` is not installed")
pytest.importorskip("pyspark", reason="the extra `spark` is not installed")

from talka_node.engines.spark import Spark
from talka_node.engines.tables import Tables
from tests.generative import stores

pytestmark = [
    pytest.mark.once,
    # py4j leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    sql = pytest.importorskip("pyspark.sql")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "1",  # the stores are tiny
    }
    made = sql.SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
    yield made
    made.stop()


def test_it_agrees_on_spark(session: Any) -> None:
    stores.agree(lambda records, _state: Tables(Spark.of(session, records)), questions=4, scenes=1)
