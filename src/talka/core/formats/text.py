"""One canonical form for the text of a cell, whichever program wrote it.

Readers and writers both pass through here: that is what makes `read(write(x)) == x` a law and not a hope.
Whoever stores text that will be exported should store `clean(text)`, so that exporting and importing again
changes nothing.
"""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import date, datetime, time, timedelta
from decimal import Decimal

Value = str | int | float | Decimal | date | datetime | time | timedelta | bool | None
"""What a cell to be written may hold. `bool` before `int` and `datetime` before `date` wherever it is taken
apart."""

# Bullets typed by hand or drawn by a symbol font (the private-use ones). Hyphens and dashes are not bullets
# here: «- 5» and «– nav» are text.
_BULLETS = "•‣⁃∙▪▫■□●○◦◾◽\uf0b7\uf0a7\uf0a8\uf0d8\uf076\uf0fc"
_LEADING_BULLETS = re.compile(rf"^(?:(?:[{_BULLETS}]\s*|· )+)(?=\S)")
_NEWLINES = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_SPACES = re.compile(" {2,}")
_BLANK_LINES = re.compile("\n{3,}")


# Characters that look like a space, and those that look like nothing or that XML forbids. Direction marks go
# too: they can make a text read differently from what it is. The joiners U+200C and U+200D stay: some scripts
# spell with them.
_SPACE_LIKE = (0x09, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)
_CONTROLS = (*range(0x0A), *range(0x0B, 0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
_INVISIBLE = (0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF)
_TRANSLATION: dict[int, str | None] = {
    **dict.fromkeys(_CONTROLS),
    **dict.fromkeys(_INVISIBLE),
    **dict.fromkeys(_SPACE_LIKE, " "),
    0x2011: "-",  # the non-breaking hyphen
}


def clean(text: str) -> str:
    """Canonical cell text: NFC; lines parted by "\\n" without spaces at their ends; single spaces; no soft
    hyphens, invisible or forbidden characters; no bullet before a line's text; at most one blank line in a
    row, none at either end. `clean(clean(x)) == clean(x)`."""
    if (
        text.isprintable()  # so: no line break, no space but " ", nothing invisible
        and "  " not in text
        and text == text.strip()
        and unicodedata.is_normalized("NFC", text)
        and "\u2011" not in text
        and not _LEADING_BULLETS.match(text)
    ):
        return text
    text = _NEWLINES.sub("\n", text).translate(_TRANSLATION)
    text = _SPACES.sub(" ", unicodedata.normalize("NFC", text))
    lines = (_LEADING_BULLETS.sub("", line.strip(" ")) for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")


def number_text(value: float | Decimal) -> str:
    """A number as a person would type it: "0.75", "12", "1000000"; never an exponent, never binary noise.

    Floats are cut to the 15 digits that spreadsheets show. Not finite: "NaN", "Infinity".
    """
    exact = Decimal(format(value, ".15g")) if isinstance(value, float) else value
    if (
        not exact.is_finite() or abs(exact.adjusted()) > 400
    ):  # a decimal like 1e999999999 must not fill the memory
        return str(exact)
    text = format(exact, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def native_number(value: float | Decimal) -> float | None:
    """The number as spreadsheets and JSON hold it (15 digits, binary exponent), or None if its canonical text
    would not survive that: then it has to be written as text."""
    if isinstance(value, int):
        return value if abs(value) < 10**15 else None
    if not math.isfinite(value):
        return None
    text = number_text(value)
    number = float(text)
    kept = number == 0 or (1e-300 < abs(number) < 1e300 and number_text(number) == text)
    return number if kept else None


def canonical(value: Value) -> str:
    """The text of a value: dates as 2023-06-30, moments as 2023-06-30 14:30, durations as 26:05:00, truth as
    TRUE."""
    match value:
        case None:
            return ""
        case str():
            return clean(value)
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value)
        case float() | Decimal():
            return number_text(value)
        case datetime():
            if value.time() == time(0):
                return value.date().isoformat()
            return value.replace(tzinfo=None).isoformat(sep=" ", timespec=_precision(value))
        case date():
            return value.isoformat()
        case time():
            return value.isoformat(timespec=_precision(value))
        case timedelta():
            seconds = round(value.total_seconds())
            sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
            return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _precision(value: datetime | time) -> str:
    return "seconds" if value.second or value.microsecond else "minutes"
