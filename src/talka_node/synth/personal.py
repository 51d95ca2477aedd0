"""Invented personal codes: of the right shape, with the right check digit, and impossible or recognisable.

Codes of the old form carry a date of birth. They have been given out since the register of inhabitants began in the
1990s, when nobody born before 1880 was alive; ours all say a day from 1800 to 1879, so none was ever anybody's. Codes
of the new form are nine random digits after 3 and 2-9; nothing in them is impossible, so ours all begin with 3999, and
whoever sees such a code beside invented data knows what it is. The date in a code is not its bearer's date of birth.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_FIRST = np.datetime64("1800-01-01")
_DATES = int((np.datetime64("1880-01-01") - _FIRST).astype(int))
_WEIGHTS = (10, 5, 8, 4, 2, 1, 6, 3, 7, 9)
MOST = 10_000_000  # persons that can be told apart, by either form


def old(person: Ints) -> npt.NDArray[Any]:
    """Codes of the old form, "ddmmyy-cnnnk", one for each number below MOST."""
    dates = _FIRST + (person % _DATES).astype("timedelta64[D]")
    months = dates.astype("datetime64[M]")
    day = (dates - months).astype(int) + 1
    month = months.astype(int) % 12 + 1
    year = dates.astype("datetime64[Y]").astype(int) + 1970
    head = (day * 100 + month) * 100 + year % 100
    tail = person // _DATES  # 0 for the century, and a number among those of the day
    total = 1 + sum(
        weight * digit for weight, digit in zip(_WEIGHTS, (*_digits(head, 6), *_digits(tail, 4)), strict=True)
    )
    check = total % 11 % 10
    return _text("%06d-%04d%d", head, tail, np.asarray(check))


def new(person: Ints) -> npt.NDArray[Any]:
    """Codes of the new form, "3999nn-nnnnn". Scattered, so that neighbours do not look alike."""
    scattered = (person * 6_364_137 + 1_442_695) % MOST
    return _text("3999%02d-%05d", scattered // 100_000, scattered % 100_000)


def _digits(number: Ints, count: int) -> list[Ints]:
    return [number // 10**place % 10 for place in range(count - 1, -1, -1)]


def _text(pattern: str, *columns: Ints) -> npt.NDArray[Any]:
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return np.array([pattern % row for row in rows], object)
