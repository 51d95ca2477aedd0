"""Invented personal codes for tests: well-formed, and nobody's but by chance."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from talka_node.pseudonyms.personal import CENTURIES, LAST_OLD, check_digit


def old(born: date, serial: int) -> str:
    """The old code of a birth date and a serial number below 1,000."""
    [century] = [digit for digit, begins in CENTURIES.items() if begins == born.year // 100 * 100]
    ten = f"{born:%d%m}{born.year % 100:02}{century}{serial:03}"
    return f"{ten[:6]}-{ten[6:]}{check_digit(map(int, ten))}"


def new(number: int) -> str:
    """The new code number `number`, of 8 billion."""
    digits = f"3{2 + number // 10**9}{number % 10**9:09}"
    return f"{digits[:6]}-{digits[6:]}"


birthdays = st.dates(date(1800, 1, 1), LAST_OLD)
olds = st.builds(old, birthdays, st.integers(0, 999))
news = st.builds(new, st.integers(0, 8 * 10**9 - 1))
