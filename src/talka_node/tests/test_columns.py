from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from talka_node.columns import MISSING, NO_DATE, SEXES, Columns, Words, date_of, day
from talka_node.records import (
    CohortRow,
    DiagnosisRow,
    Donor,
    GenotypeRow,
    MeasurementRow,
    MedicationRow,
    ProcedureRow,
    Records,
    SpecimenRow,
    VariantRow,
)
from talka_query.nodes import Sex

pytestmark = pytest.mark.once

RECORDS = Records(
    donors=[Donor(7, Sex.MALE, date(1960, 2, 29), date(2020, 1, 1), "LV006"), Donor(3)],
    specimens=[
        SpecimenRow("s1", 7, "rbb", "heart", "Serum", date(2018, 3, 15), "-60to-85", 4),
        SpecimenRow("s2", 3, "abb"),
    ],
    diagnoses=[DiagnosisRow(7, "C34.1", date(1969, 12, 31)), DiagnosisRow(3, "I10")],
    measurements=[MeasurementRow(7, "39156-5", 31.5, date(2019, 1, 1)), MeasurementRow(7, "39156-5")],
    medications=[MedicationRow(7, "A10BA02", date(2019, 1, 1))],
    procedures=[ProcedureRow(3, "X1")],
    cohorts=[CohortRow(3, "lungs")],
    variants=[VariantRow(0, "1", 100, "A", "T", "BRCA1"), VariantRow(1, "X", 7, "A", "AC")],
    genotypes=[GenotypeRow(1, 7, 2)],
)


def test_rows_become_columns_and_rows_again() -> None:
    assert Columns.of(RECORDS).records() == RECORDS
    assert Columns.of(Records()).records() == Records()


def test_what_is_missing_has_one_sign_per_type() -> None:
    columns = Columns.of(RECORDS)
    assert columns.donors.born.tolist() == [day(date(1960, 2, 29)), NO_DATE]
    assert columns.donors.sex.tolist() == [SEXES.index(Sex.MALE), SEXES.index(Sex.UNKNOWN)]
    assert columns.specimens.collection.codes.tolist() == [0, MISSING]
    assert np.isnan(columns.measurements.value).tolist() == [False, True]


def test_days_count_from_1970_in_both_directions() -> None:
    assert [day(date(1970, 1, 1)), day(date(1969, 12, 31)), day(date(2000, 1, 1)), day(None)] == [
        0,
        -1,
        30 * 365 + 7,
        NO_DATE,
    ]
    assert [date_of(day(on)) for on in (date(1, 1, 1), date(9999, 12, 31), None)] == [
        date(1, 1, 1),
        date(9999, 12, 31),
        None,
    ]


def test_words_are_numbered_in_their_order() -> None:
    words = Words.of(["b", None, "a", "b"])
    assert (words.codes.tolist(), words.vocabulary, len(words)) == ([1, MISSING, 0, 1], ["a", "b"], 4)


def test_a_number_too_large_is_named_by_its_place() -> None:
    records = Records(donors=[Donor(1), Donor(2**31)])
    with pytest.raises(ValueError, match="donors, row 1: `donor` must be between 0 and 2147483647"):
        Columns.of(records)
