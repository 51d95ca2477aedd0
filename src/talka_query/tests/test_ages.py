from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka_query.ages import band, complete_years

pytestmark = pytest.mark.once

days = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize(
    ("born", "on", "years"),
    [
        (date(1952, 2, 29), date(2019, 2, 28), 66),
        (date(1952, 2, 29), date(2019, 3, 1), 67),
        (date(1952, 2, 29), date(2020, 2, 28), 67),
        (date(1952, 2, 29), date(2020, 2, 29), 68),
        (date(1970, 5, 17), date(2020, 5, 16), 49),
        (date(1970, 5, 17), date(2020, 5, 17), 50),
        (date(2020, 5, 17), date(2020, 5, 17), 0),
        (date(2020, 5, 17), date(2020, 5, 16), None),
        (None, date(2020, 5, 16), None),
        (date(2020, 5, 17), None, None),
    ],
)
def test_complete_years(born: date | None, on: date | None, years: int | None) -> None:
    assert complete_years(born, on) == years


@given(days, days)
def test_a_birthday_comes_once_a_year(born: date, on: date) -> None:
    """The age is the number of birthdays that have been, the day of birth not among them."""
    birthdays = [
        date(year, 3, 1)
        if (born.month, born.day) == (2, 29) and (year % 4 or year in (1900, 2100))
        else born.replace(year=year)
        for year in range(born.year + 1, 2101)
    ]
    been = sum(birthday <= on for birthday in birthdays)
    assert complete_years(born, on) == (been if born <= on else None)


@pytest.mark.parametrize(
    ("years", "name"),
    [
        (0, "0-4"),
        (4, "0-4"),
        (5, "5-9"),
        (50, "50-54"),
        (89, "85-89"),
        (90, "90+"),
        (120, "90+"),
        (None, "?"),
    ],
)
def test_bands(years: int | None, name: str) -> None:
    assert band(years) == name
