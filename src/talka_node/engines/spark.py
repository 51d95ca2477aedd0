"""The tables on Spark, for a holder who outgrew one machine. Needs the extra `spark` and Java 17.

    spark = Spark(session)              # the tables of `tables.SCHEMAS` are views of the session
    Tables(spark).answer(question, basis)

The session is the holder's own: Spark brings no cluster, no storage and no login of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talka_node.engines.tables import SCHEMAS
from talka_node.records import Records

KINDS = {"int8": "tinyint", "int32": "int", "float64": "double", "string": "string", "date": "date"}


class Spark:
    """The tables in a Spark session. For one engine alone: `permitted` is a view of the session too."""

    dialect = "pyspark"

    def __init__(self, session: Any) -> None:
        self.session = session

    @classmethod
    def of(cls, session: Any, records: Records) -> Spark:
        """A copy of the records in the session's memory: for small stores and tests."""
        place = cls(session)
        for table, schema in SCHEMAS.items():
            if table != "permitted":
                place.put(
                    table,
                    [tuple(_plain(getattr(row, name)) for name in schema) for row in getattr(records, table)],
                )
        return place

    def put(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Makes a table of these rows, in the order of its columns in SCHEMAS."""
        schema = ", ".join(f"`{name}` {KINDS[kind]}" for name, kind in SCHEMAS[table].items())
        self.session.createDataFrame(rows, schema).createOrReplaceTempView(table)

    def permit(self, donors: NDArray[np.int32], biobanks: NDArray[np.int32], names: Sequence[str]) -> None:
        pairs = zip(donors.tolist(), biobanks.tolist(), strict=True)
        self.put("permitted", [(donor, names[biobank]) for donor, biobank in pairs])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.session.sql(sql).collect()]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, StrEnum) else value
