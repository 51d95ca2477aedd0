"""The tables engine gives the judge's answers, on DuckDB."""

from __future__ import annotations

import pytest

pytest.importorskip("ibis", reason="the extra `tables` is not installed")

from talka_node.columns import Columns
from talka_node.consent import State
from talka_node.engines.tables import DuckDB, Tables
from talka_node.records import Records
from tests.generative import stores

pytestmark = pytest.mark.once


def tables(records: Records, _state: State) -> Tables:
    return Tables(DuckDB.of(Columns.of(records)))


def test_it_agrees_on_duckdb() -> None:
    stores.agree(tables, questions=4)
