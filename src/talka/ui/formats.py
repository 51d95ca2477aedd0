"""Numbers and dates as people here write them.

Latvian has «1 234,5» with a decimal comma and narrow no-break spaces, and «2026. gada 23. novembris»; English has "1,234.5"
and "23 November 2026". A number and its unit, or the parts of a date, are never torn apart at a line end.
Pure functions: charts, templates and documents all use these, and nothing else, to print a value.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from talka.core.values import MONTHS_EN, MONTHS_LV

NARROW = "\u202f"  # narrow no-break space: inside a number
NBSP = "\u00a0"  # no-break space: between a number and its unit, inside a date
MINUS = "\u2212"
NOTHING = "\u2013"  # an en dash stands where there is no value; "0" would be a lie

MONTHS = {"lv": MONTHS_LV, "en": MONTHS_EN}
MONTHS_SHORT = {
    "lv": ("janv.", "febr.", "marts", "apr.", "maijs", "jūn.", "jūl.", "aug.", "sept.", "okt.", "nov.", "dec."),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}

Value = int | float | Decimal | str | None


def language(lang: str | None = None) -> str:
    """"lv" or "en": the language asked for, else the active one. Any other falls back to English."""
    if lang is None:
        from django.utils.translation import get_language  # noqa: PLC0415 -- the functions below need no Django

        lang = get_language() or "en"
    return "lv" if lang.startswith("lv") else "en"


def _decimal(value: Value) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def number(value: Value, places: int | None = None, lang: str | None = None) -> str:
    """1234.5 → «1 234,5» (lv) or "1,234.5" (en). Without `places` at most two decimals, trailing zeros dropped.

    >>> number(1234.5, lang="lv").replace(NARROW, " "), number(-2, 1, lang="en"), number(None, lang="lv")
    ('1 234,5', '−2.0', '–')
    """
    found = _decimal(value)
    if found is None:
        return NOTHING
    rounded = found.quantize(Decimal(1).scaleb(-(2 if places is None else places)), rounding=ROUND_HALF_UP)
    whole, _, decimals = f"{abs(rounded):f}".partition(".")
    if places is None:
        decimals = decimals.rstrip("0")
    sign = MINUS if rounded < 0 else ""
    groups = f"{int(whole):,}"
    if language(lang) == "lv":
        groups = groups.replace(",", NARROW)
        return f"{sign}{groups},{decimals}" if decimals else f"{sign}{groups}"
    return f"{sign}{groups}.{decimals}" if decimals else f"{sign}{groups}"


def percent(ratio: Value, places: int | None = 0, lang: str | None = None) -> str:
    """A ratio as percent: 0.125 → «13 %» (lv), "13%" (en). For a value that is already in percent use `quantity(v, "%")`."""
    found = _decimal(ratio)
    return NOTHING if found is None else quantity(found * 100, "%", places, lang)


def quantity(value: Value, unit: str = "", places: int | None = None, lang: str | None = None) -> str:
    """A number with its unit, never torn apart at a line end: «12,5 %», "40 h", «1 200 €» (English puts € before)."""
    shown = number(value, places, lang)
    if not unit or shown == NOTHING:
        return shown
    if language(lang) == "en":
        if unit == "%":
            return f"{shown}%"
        if unit == "€":
            return f"{MINUS}€{shown[1:]}" if shown.startswith(MINUS) else f"€{shown}"
    return f"{shown}{NBSP}{unit}"


def compact(value: Value, lang: str | None = None) -> str:
    """A large number short enough for an axis or a tile: 1 250 000 → «1,25 milj.» (lv), "1.25M" (en)."""
    found = _decimal(value)
    if found is None:
        return NOTHING
    steps = (
        (Decimal(10) ** 9, "mljrd.", "B"),
        (Decimal(10) ** 6, "milj.", "M"),
        (Decimal(10) ** 4, "tūkst.", "k"),
    )
    for step, lv, en in steps:
        if abs(found) >= step:
            scaled = found / (1000 if step == Decimal(10) ** 4 else step)
            # Three digits that mean something are enough to compare by eye.
            places = 0 if abs(scaled) >= 100 else 1 if abs(scaled) >= 10 else 2
            text = number(scaled.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP), None, lang)
            return f"{text}{NBSP}{lv}" if language(lang) == "lv" else f"{text}{en}"
    return number(found, None, lang)


def day(value: date | None, style: str = "short", lang: str | None = None) -> str:
    """A day. short: «23.11.2026.» / "23 Nov 2026"; long: «2026. gada 23. novembris» / "23 November 2026"."""
    if value is None:
        return NOTHING
    if style not in {"short", "long", "month"}:
        raise ValueError(f'a day is printed "short", "long" or "month", not {style!r}')
    lang = language(lang)
    if style == "month":
        name = MONTHS[lang][value.month - 1]
        return f"{value.year}.{NBSP}gada {name}" if lang == "lv" else f"{name}{NBSP}{value.year}"
    if lang == "lv":
        if style == "long":
            return f"{value.year}.{NBSP}gada {value.day}.{NBSP}{MONTHS['lv'][value.month - 1]}"
        return f"{value.day:02}.{value.month:02}.{value.year}."
    names = MONTHS["en"] if style == "long" else MONTHS_SHORT["en"]
    return f"{value.day}{NBSP}{names[value.month - 1]}{NBSP}{value.year}"


def moment(value: datetime | None, lang: str | None = None) -> str:
    """A day and a time in the active time zone: «23.11.2026. 14:05» / "23 Nov 2026, 14:05"."""
    if value is None:
        return NOTHING
    if value.tzinfo is not None:
        from django.utils.timezone import localtime  # noqa: PLC0415 -- only an aware time needs Django's zone

        value = localtime(value)
    joint = NBSP if language(lang) == "lv" else f",{NBSP}"
    return f"{day(value, 'short', lang)}{joint}{value:%H:%M}"


def quarter(value: date | None, lang: str | None = None) -> str:
    """The quarter a day falls in: «2026. gada 4. ceturksnis» / "Q4 2026"."""
    if value is None:
        return NOTHING
    nth = (value.month - 1) // 3 + 1
    return f"{value.year}.{NBSP}gada {nth}.{NBSP}ceturksnis" if language(lang) == "lv" else f"Q{nth}{NBSP}{value.year}"
