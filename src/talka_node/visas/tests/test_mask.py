from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from talka_node.visas import Mask
from talka_node.visas.mask import COLUMNS, TABLES
from talka_query.nodes import Sex

pytestmark = pytest.mark.once

DAY = date(2020, 5, 5)
ROWS: dict[str, Any] = {
    "donors": Donor(1, Sex.FEMALE, DAY, DAY, "LV001"),
    "specimens": SpecimenRow("s", 1, "bb", "bb-1", "Serum", DAY, "LN", 3),
    "diagnoses": DiagnosisRow(1, "C34.1", DAY),
    "measurements": MeasurementRow(1, "718-7", 1.5, DAY),
    "medications": MedicationRow(1, "A10", DAY),
    "procedures": ProcedureRow(1, "p", DAY),
    "cohorts": CohortRow(1, "c"),
    "variants": VariantRow(0, "17", 5, "A", "G", "BRCA1"),
    "genotypes": GenotypeRow(0, 1, 2),
}
LINKS = {"donor", "specimen", "variant", "biobank"}


def test_no_mask_hides_nothing() -> None:
    assert all(Mask().row(row) is row for row in ROWS.values())


@given(st.frozensets(st.sampled_from(sorted(COLUMNS))))
def test_what_is_not_named_is_not_seen(columns: frozenset[str]) -> None:
    for table, row in ROWS.items():
        seen: Any = Mask(columns).row(row)
        if seen is None:
            continue
        for each in fields(TABLES[table]):
            if each.name in LINKS or f"{table}.{each.name}" in columns:
                assert getattr(seen, each.name) == getattr(row, each.name)
            else:
                assert getattr(seen, each.name) in (None, Sex.UNKNOWN, 0)


def test_a_fact_is_nothing_without_its_code() -> None:
    mask = Mask(frozenset({"diagnoses.on", "donors.sex"}))
    assert mask.row(ROWS["diagnoses"]) is None
    assert mask.row(ROWS["donors"]) == Donor(1, Sex.FEMALE)
    assert mask.row(ROWS["specimens"]) == SpecimenRow("s", 1, "bb")
    assert list(Mask(frozenset({"diagnoses.code"})).rows([ROWS["diagnoses"]])) == [DiagnosisRow(1, "C34.1")]


def test_diagnoses_days_and_biobanks_of_a_permit() -> None:
    row: DiagnosisRow = ROWS["diagnoses"]
    sample: SpecimenRow = ROWS["specimens"]
    assert Mask(diagnoses=frozenset({"C00-C97"})).row(row) is row
    assert Mask(diagnoses=frozenset({"E11"})).row(row) is None
    assert Mask(diagnoses=frozenset({"nothing"})).row(row) is None
    assert Mask(recent=DAY).row(row) is row
    assert Mask(recent=date(2020, 5, 6)).row(row) is None
    assert Mask(recent=DAY).row(replace(row, on=None)) is None
    assert Mask(recent=date(2020, 5, 6)).row(sample) is None
    assert Mask(biobanks=frozenset({"bb"})).row(sample) is sample
    assert Mask(biobanks=frozenset({"other"})).row(sample) is None
