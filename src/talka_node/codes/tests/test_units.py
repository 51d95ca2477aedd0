"""Units: what they mean, what becomes of values, and what is said about those that do not fit."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka_node.codes.units import ANALYTES, PREFIXES, SAME, SPELLINGS, BadUnit, Kept, conversion, parse

pytestmark = pytest.mark.once


def test_every_unit_named_here_can_be_read() -> None:
    for unit in [*(each.unit for each in ANALYTES.values()), *SPELLINGS]:
        parse(unit)


@pytest.mark.parametrize(
    ("value", "given_", "wanted", "loinc", "expected"),
    [
        (1.13, "m", "cm", None, 113.0),
        (133, "g/L", "g/dL", None, 13.3),
        (98.6, "[degF]", "Cel", None, 37.0),
        (37, "Cel", "[degF]", None, 98.6),
        (37, "Cel", "K", None, 310.15),
        (90, "mg/dL", "mmol/L", "2345-7", float(f"{90 * 10 / 180.156:.12g}")),
        (5, "mmol/L", "mg/dL", "2345-7", float(f"{5 * 180.156 / 10:.12g}")),
        (1, "mg/dL", "umol/L", "14682-9", float(f"{10 / 113.12 * 1000:.12g}")),
        (5.5, "10*3/uL", "10*9/L", None, 5.5),
        (3, "/nL", "10*9/L", None, 3.0),
        (48, "mmol/mol", "%", None, 4.8),
        (120, "mm[Hg]", "kPa", None, float(f"{120 * 0.133322387415:.12g}")),
        (60, "nkat/L", "U/L", None, 3.6),
        (70, "mL/min/1.73m2", "mL/min/{1.73_m2}", None, 70.0),
        (70, "/min", "{beats}/min", None, 70.0),
        (2, "kg/(m.m)", "kg/m2", None, 2.0),
        (7, "{score}", "1", None, 7.0),
        (0.5, "u[IU]/mL", "m[IU]/L", None, 0.5),
        (154, "[lb_av]", "kg", None, float(f"{154 * 0.45359237:.12g}")),
        (2, "a", "d", None, 730.5),
    ],
)
def test_values_change_with_their_unit(
    value: float, given_: str, wanted: str, loinc: str | None, expected: float
) -> None:
    assert conversion(given_, wanted, loinc)(value) == expected


@pytest.mark.parametrize(
    ("unit", "says"),
    [
        ("mmol/Lx", "unit 'mmol/Lx' is not UCUM; the nearest known is 'mmol/L'"),
        ("MMOL/L", "unit 'MMOL/L' is not UCUM; the nearest known is 'mmol/L'"),
        ("foo bar", "unit 'foo bar' is not UCUM: units have no spaces, as in mmol/L"),
        ("mg/", "unit 'mg/' is not UCUM; the nearest known is 'mg/L'"),
        ("mCel", "unit 'mCel' is not UCUM; the nearest known is 'Cel'"),
        ("mol/0", "unit 'mol/0' is not UCUM; the nearest known is 'mol'"),
        ("m99", "a unit to the power 99 is none that anything is measured in"),
        ("?", "unit '?' is not UCUM, as mmol/L or 10*9/L are"),
    ],
)
def test_what_is_no_unit_is_refused_with_the_nearest(unit: str, says: str) -> None:
    with pytest.raises(BadUnit) as refused:
        parse(unit)
    assert str(refused.value) == says


def test_what_measures_something_else_is_refused() -> None:
    with pytest.raises(BadUnit) as refused:
        conversion("kg", "mmol/L", "2345-7")
    assert str(refused.value) == (
        "unit 'kg' cannot be turned into 'mmol/L' of 2345-7: give a unit like mmol/L, nmol/L, pmol/L"
    )
    with pytest.raises(BadUnit):  # no molar mass is known for sodium without its code
        conversion("mg/dL", "mmol/L")


def test_a_node_keeps_unknown_codes_in_the_unit_that_came_first() -> None:
    kept = Kept()
    assert kept.unit("99999-9") is None
    assert kept.conversion("99999-9", "mg/L") == SAME
    assert kept.units == {"99999-9": "mg/L"}
    assert Kept(kept.units).conversion("99999-9", "g/L")(0.5) == 500
    with pytest.raises(BadUnit, match="'mmol/L' cannot be turned into 'mg/L' of 99999-9"):
        kept.conversion("99999-9", "mmol/L")
    with pytest.raises(BadUnit, match=r"^a value of 2345-7 has no unit: give a unit like mmol/L"):
        kept.conversion("2345-7", None)
    assert kept.conversion("6301-6", None) == SAME  # INR is a bare number


@given(st.sampled_from(sorted(PREFIXES)), st.sampled_from(["g", "mol", "L", "m", "Pa", "[IU]"]))
def test_a_prefix_is_a_power_of_ten(prefix: str, unit: str) -> None:
    assert parse(prefix + unit).factor == parse(unit).factor * Fraction(10) ** PREFIXES[prefix]


@given(
    st.sampled_from(["mmol/L", "mg/dL", "g/L", "umol/L", "nmol/mL"]),
    st.sampled_from(["mmol/L", "mg/dL", "g/L", "umol/L", "nmol/mL"]),
    st.floats(1e-3, 1e3),
)
def test_there_and_back_is_where_one_was(one: str, other: str, value: float) -> None:
    back = conversion(other, one, "2345-7")(conversion(one, other, "2345-7")(value))
    assert back == pytest.approx(value, rel=1e-11)


@given(st.text("mgLl/.10*2(){}[]-+ °Cel", max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        unit = parse(text)
    except BadUnit:
        return
    assert unit.factor > 0
