"""Ages and their bands, as every engine reckons them."""

from __future__ import annotations

from datetime import date

BAND = 5  # years
OLDEST = 90  # from here on one band, "90+": there are too few of each age
MISSING = "?"


def complete_years(born: date | None, on: date | None) -> int | None:
    """Age in complete years on a day; None if either date is missing, or the day is before birth.

    Someone born on 29 February turns a year older on 1 March in years without one.
    """
    if born is None or on is None or on < born:
        return None
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def band(years: int | None) -> str:
    """The name of the five-year band: "50-54", "90+", "?" where the age is not known."""
    if years is None:
        return MISSING
    if years >= OLDEST:
        return f"{OLDEST}+"
    low = years - years % BAND
    return f"{low}-{low + BAND - 1}"
