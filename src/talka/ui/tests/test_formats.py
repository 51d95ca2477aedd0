"""Numbers and dates as people write them in both languages."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from talka.ui import formats
from talka.ui.formats import MINUS, NARROW, NBSP, NOTHING


@pytest.mark.parametrize(
    ("value", "places", "lv", "en"),
    [
        (0, None, "0", "0"),
        (7, 2, "7,00", "7.00"),
        (1234.5, None, f"1{NARROW}234,5", "1,234.5"),
        (Decimal("1234567.891"), None, f"1{NARROW}234{NARROW}567,89", "1,234,567.89"),
        (-2, 1, f"{MINUS}2,0", f"{MINUS}2.0"),
        (0.005, 2, "0,01", "0.01"),
        (2.5, 0, "3", "3"),
        (-0.001, None, "0", "0"),
        ("12.30", None, "12,3", "12.3"),
        (10**30, 0, NARROW.join(["1", *["000"] * 10]), ",".join(["1", *["000"] * 10])),
        (None, None, NOTHING, NOTHING),
        ("", 2, NOTHING, NOTHING),
        ("nezināms", None, NOTHING, NOTHING),
        (float("nan"), None, NOTHING, NOTHING),
        (float("inf"), None, NOTHING, NOTHING),
    ],
)
def test_number(value: Any, places: int | None, lv: str, en: str) -> None:
    assert (formats.number(value, places, "lv"), formats.number(value, places, "en")) == (lv, en)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_no_number_is_torn_and_none_changes_its_value(value: Decimal) -> None:
    for lang, mark in (("lv", ","), ("en", ".")):
        shown = formats.number(value, 2, lang)
        assert " " not in shown
        group = NARROW if lang == "lv" else ","
        plain = shown.replace(group, "").replace(mark, ".") if lang == "lv" else shown.replace(group, "")
        assert Decimal(plain.replace(MINUS, "-")) == value


@pytest.mark.parametrize(
    ("value", "unit", "lv", "en"),
    [
        (12.5, "%", f"12,5{NBSP}%", "12.5%"),
        (40, "h", f"40{NBSP}h", f"40{NBSP}h"),
        (1200, "€", f"1{NARROW}200{NBSP}€", "€1,200"),
        (-5, "€", f"{MINUS}5{NBSP}€", f"{MINUS}€5"),
        (5, "", "5", "5"),
        (None, "€", NOTHING, NOTHING),
    ],
)
def test_quantity(value: Any, unit: str, lv: str, en: str) -> None:
    assert (formats.quantity(value, unit, None, "lv"), formats.quantity(value, unit, None, "en")) == (lv, en)


@pytest.mark.parametrize(
    ("ratio", "lv", "en"),
    [(0.125, f"13{NBSP}%", "13%"), (1, f"100{NBSP}%", "100%"), (None, NOTHING, NOTHING)],
)
def test_percent_is_of_a_ratio(ratio: Any, lv: str, en: str) -> None:
    assert (formats.percent(ratio, 0, "lv"), formats.percent(ratio, 0, "en")) == (lv, en)


@pytest.mark.parametrize(
    ("value", "lv", "en"),
    [
        (9999, f"9{NARROW}999", "9,999"),
        (10_000, f"10{NBSP}tūkst.", "10k"),
        (123_456, f"123{NBSP}tūkst.", "123k"),
        (1_250_000, f"1,25{NBSP}milj.", "1.25M"),
        (-26_400_000, f"{MINUS}26,4{NBSP}milj.", f"{MINUS}26.4M"),
        (3 * 10**9, f"3{NBSP}mljrd.", "3B"),
        (None, NOTHING, NOTHING),
    ],
)
def test_compact(value: Any, lv: str, en: str) -> None:
    assert (formats.compact(value, "lv"), formats.compact(value, "en")) == (lv, en)


@pytest.mark.parametrize(
    ("style", "lv", "en"),
    [
        ("short", "03.11.2026.", f"3{NBSP}Nov{NBSP}2026"),
        ("long", f"2026.{NBSP}gada 3.{NBSP}novembris", f"3{NBSP}November{NBSP}2026"),
        ("month", f"2026.{NBSP}gada novembris", f"November{NBSP}2026"),
    ],
)
def test_day(style: str, lv: str, en: str) -> None:
    day = date(2026, 11, 3)
    assert (formats.day(day, style, "lv"), formats.day(day, style, "en")) == (lv, en)
    assert formats.day(None, style, "lv") == NOTHING


def test_an_unknown_style_is_told_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'short', 'long' or 'month', not 'full'"):
        formats.day(date(2026, 1, 1), "full")


def test_a_moment_is_told_in_the_zone_of_its_reader() -> None:
    at = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)  # Riga is two hours ahead in winter
    assert formats.moment(at, "lv") == f"23.11.2026.{NBSP}14:05"
    assert formats.moment(at, "en") == f"23{NBSP}Nov{NBSP}2026,{NBSP}14:05"
    assert formats.moment(None) == NOTHING


@pytest.mark.parametrize(("active", "expected"), [("lv", "1,5"), ("en", "1.5"), ("en-gb", "1.5")])
def test_the_active_language_decides(active: str, expected: str) -> None:
    with override(active):
        assert formats.number(1.5) == expected
