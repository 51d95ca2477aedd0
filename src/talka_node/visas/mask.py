"""What of a row may be seen: columns by name, and which diagnoses, from when on, and at which biobanks.

Names are those of `records`: "donors.sex", "diagnoses.code". A column that is not named is shown as if it were not
known, and a table is not shown without what its rows are nothing without. Donor, specimen, biobank and variant link the
tables and are always there, under the names of the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

from talka_node.codes import icd10
from talka_node.records import (
    CohortRow,
    DiagnosisRow,
    Donor,
    GenotypeRow,
    MeasurementRow,
    MedicationRow,
    ProcedureRow,
    SpecimenRow,
    VariantRow,
)
from talka_query.nodes import Sex

Row = TypeVar("Row")

TABLES: dict[str, type[Any]] = {
    "donors": Donor,
    "specimens": SpecimenRow,
    "diagnoses": DiagnosisRow,
    "measurements": MeasurementRow,
    "medications": MedicationRow,
    "procedures": ProcedureRow,
    "cohorts": CohortRow,
    "variants": VariantRow,
    "genotypes": GenotypeRow,
}
_TABLE_OF = {cls: table for table, cls in TABLES.items()}
# What links the tables; and what a row is nothing without, so that it is not shown where that may not be seen.
_LINKS = frozenset({"donor", "specimen", "variant", "biobank"})
_NEEDED = {
    "diagnoses": ("code",), "measurements": ("code",), "medications": ("code",), "procedures": ("code",),
    "cohorts": ("cohort",), "variants": ("chromosome", "position", "reference", "alternate"), "genotypes": ("copies",),
}  # fmt: skip
_DAYS = {
    "diagnoses": "on",
    "measurements": "on",
    "medications": "on",
    "procedures": "on",
    "specimens": "collected",
}
_HIDDEN = {"sex": Sex.UNKNOWN, "aliquots": 0}

COLUMNS = frozenset(
    f"{table}.{each.name}" for table, cls in TABLES.items() for each in fields(cls) if each.name not in _LINKS
)


@dataclass(frozen=True)
class Mask:
    """`columns` None: all. `diagnoses`, `biobanks` empty: any. `recent`: rows of before it, or without a day, are not
    shown; None: any. A mask that is left as it is hides nothing."""

    columns: frozenset[str] | None = None
    diagnoses: frozenset[str] = frozenset()
    biobanks: frozenset[str] = frozenset()
    recent: date | None = None

    def sees(self, *columns: str) -> bool:
        """Whether all of these columns may be seen."""
        return self.columns is None or self.columns.issuperset(columns)

    def shows(self, table: str) -> bool:
        """Whether any row of the table may be seen."""
        if self.columns is None:
            return True
        needed = _NEEDED.get(table)
        if needed is not None:
            return self.sees(*(f"{table}.{each}" for each in needed))
        return any(each.partition(".")[0] == table for each in self.columns)

    @cached_property
    def _hidden(self) -> dict[str, dict[str, Any]]:
        """By table, what the columns that may not be seen are replaced with."""
        return {
            table: {
                each.name: _HIDDEN.get(each.name)
                for each in fields(cls)
                if each.name not in _LINKS and not self.sees(f"{table}.{each.name}")
            }
            for table, cls in TABLES.items()
        }

    def row(self, row: Row) -> Row | None:
        """The row as it may be seen; None where it may not."""
        table = _TABLE_OF[type(row)]
        if not self.shows(table):
            # Of a donor or specimen that much is seen: that there is one.
            return replace(row, **self._hidden[table]) if table in ("donors", "specimens") else None  # type: ignore[type-var]
        if self.recent is not None and (name := _DAYS.get(table)) is not None:
            on: date | None = getattr(row, name)
            if on is None or on < self.recent:
                return None
        if isinstance(row, DiagnosisRow) and self.diagnoses and not self._covers(row.code):
            return None
        if isinstance(row, SpecimenRow) and self.biobanks and row.biobank not in self.biobanks:
            return None
        hidden = self._hidden[table]
        return replace(row, **hidden) if hidden else row  # type: ignore[type-var]

    def rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Those that may be seen, as they may be."""
        for row in rows:
            seen = self.row(row)
            if seen is not None:
                yield seen

    def _covers(self, code: str) -> bool:
        try:
            return any(icd10.within(code, allowed) for allowed in self.diagnoses)
        except ValueError:
            return False
