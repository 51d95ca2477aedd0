"""Numbers and dates as people here write them.

Latvian has «1 234,5» with narrow no-break spaces and «2026. gada 23. novembris»; English has "1,234.5" and
"23 November 2026". A number and its unit, or the parts of a date, are never torn apart at the end of a line.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext

from django.utils.timezone import is_aware, localtime
from django.utils.translation import get_language

from talka.core.values import MONTHS_EN, MONTHS_LV

NARROW = "\N{NARROW NO-BREAK SPACE}"  # inside a number
NBSP = "\N{NO-BREAK SPACE}"  # between a number and its unit, and inside a date
MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"  # stands where there is no value; "0" would be a lie

# fmt: off
MONTHS_SHORT = {
    "lv": ["janv.", "febr.", "marts", "apr.", "maijs", "jūn.",
           "jūl.", "aug.", "sept.", "okt.", "nov.", "dec."],
    "en": ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
}
# fmt: on

Value = int | float | Decimal | str | None


def language(lang: str | None = None) -> str:
    """`lv` or `en`: the language asked for, else the active one; any other is English."""
    return "lv" if (lang or get_language() or "en").startswith("lv") else "en"


def number(value: Value, places: int | None = None, lang: str | None = None) -> str:
    """1234.5 as «1 234,5» or "1,234.5". Without `places` at most two decimals, and no zeros at the end.

    >>> number(1234.5, lang="lv").replace(NARROW, " "), number(-2, 1, lang="en"), number(None)
    ('1 234,5', '−2.0', '–')
    """
    found = _decimal(value)
    if found is None:
        return NOTHING
    rounded = _round(found, 2 if places is None else places)
    whole, _, decimals = f"{abs(rounded):f}".partition(".")
    if places is None:
        decimals = decimals.rstrip("0")
    sign, groups = MINUS if rounded < 0 else "", f"{int(whole):,}"
    if language(lang) == "lv":
        groups = groups.replace(",", NARROW)
        return f"{sign}{groups},{decimals}" if decimals else f"{sign}{groups}"
    return f"{sign}{groups}.{decimals}" if decimals else f"{sign}{groups}"


def percent(ratio: Value, places: int | None = 0, lang: str | None = None) -> str:
    """A ratio as percent: 0.125 as «13 %» or "13%". What is in percent already takes `quantity(v, "%")`."""
    found = _decimal(ratio)
    return NOTHING if found is None else quantity(found * 100, "%", places, lang)


def quantity(value: Value, unit: str = "", places: int | None = None, lang: str | None = None) -> str:
    """A number with its unit: «12,5 %», "40 h", «1 200 €». English puts % close and € before."""
    shown = number(value, places, lang)
    if not unit or shown == NOTHING:
        return shown
    if language(lang) == "en" and unit == "%":
        return f"{shown}%"
    if language(lang) == "en" and unit == "€":
        return f"{MINUS}€{shown[1:]}" if shown.startswith(MINUS) else f"€{shown}"
    return f"{shown}{NBSP}{unit}"


# From how much, divided by what, with which word.
_LARGE = (
    (Decimal(10) ** 9, Decimal(10) ** 9, "mljrd.", "B"),
    (Decimal(10) ** 6, Decimal(10) ** 6, "milj.", "M"),
    (Decimal(10) ** 4, Decimal(10) ** 3, "tūkst.", "k"),
)


def compact(value: Value, lang: str | None = None) -> str:
    """A large number short enough for an axis, to three digits: 1,250,000 as «1,25 milj.» or "1.25M"."""
    found = _decimal(value)
    if found is None:
        return NOTHING
    for least, by, lv, en in _LARGE:
        if abs(found) >= least:
            scaled = found / by
            places = 0 if abs(scaled) >= 100 else 1 if abs(scaled) >= 10 else 2
            shown = number(_round(scaled, places), None, lang)
            return f"{shown}{NBSP}{lv}" if language(lang) == "lv" else f"{shown}{en}"
    return number(found, None, lang)


def _decimal(value: Value) -> Decimal | None:
    """The exact number; None where there is none, and for what is not one."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _round(value: Decimal, places: int) -> Decimal:
    """Halves away from zero, as people round. Wide enough for any sum that a cell can hold."""
    with localcontext() as wide:
        wide.prec = 400
        return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def day(value: date | None, style: str = "short", lang: str | None = None) -> str:
    """A day. short: «23.11.2026.», "23 Nov 2026"; long: «2026. gada 23. novembris»; month: no day."""
    if value is None:
        return NOTHING
    latvian = language(lang) == "lv"
    name = (MONTHS_LV if latvian else MONTHS_EN)[value.month - 1]
    match style:
        case "short" if latvian:
            return f"{value:%d.%m.%Y}."
        case "short":
            return f"{value.day}{NBSP}{MONTHS_SHORT['en'][value.month - 1]}{NBSP}{value.year}"
        case "long" if latvian:
            return f"{value.year}.{NBSP}gada {value.day}.{NBSP}{name}"
        case "long":
            return f"{value.day}{NBSP}{name}{NBSP}{value.year}"
        case "month" if latvian:
            return f"{value.year}.{NBSP}gada {name}"
        case "month":
            return f"{name}{NBSP}{value.year}"
    raise ValueError(f"a day is printed 'short', 'long' or 'month', not {style!r}")


def moment(value: datetime | None, lang: str | None = None) -> str:
    """A day and a time: «23.11.2026. 14:05», "23 Nov 2026, 14:05"; an aware one in the active time zone."""
    if value is None:
        return NOTHING
    local = localtime(value) if is_aware(value) else value
    joint = NBSP if language(lang) == "lv" else f",{NBSP}"
    return f"{day(local, 'short', lang)}{joint}{local:%H:%M}"
