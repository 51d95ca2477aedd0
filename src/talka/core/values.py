"""Small immutable values that people write by hand: periods, deadlines, money, countable quantities.

Plans are typed in Word, in Latvian and in English, so every parser takes both notations and, when it cannot
read a text, says what would have been right. Nothing is guessed: 2023 is not 31 December, 1,234 is refused.
"""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import total_ordering
from typing import Literal

EN_DASH = "\N{EN DASH}"
NBSP = "\N{NO-BREAK SPACE}"
LONGEST = 80  # no period or sum needs more characters; longer cells are refused before any pattern runs


class BadValue(ValueError):
    """A text that is not the value it should be. `str()` is English; `words(language)` either language."""

    def __init__(self, code: str, *, en: str, lv: str) -> None:
        super().__init__(en)
        self.code = code
        self.en = en
        self.lv = lv

    def words(self, language: str) -> str:
        """What is wrong and what would be right, in `lv` or `en`."""
        return self.lv if is_latvian(language) else self.en


def is_latvian(language: str) -> bool:
    """True for `lv`, False for `en` (also `lv-LV`, `en-gb`); ValueError for any other language."""
    spoken = language[:2].casefold()
    if spoken not in {"lv", "en"}:
        raise ValueError(f"language {language!r} is not spoken here: use 'lv' or 'en'")
    return spoken == "lv"


def shown(text: str) -> str:
    """The text as an error quotes it: one line, cut when somebody pasted a chapter into a cell."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def plain(text: str) -> str:
    """Casefolded, diacritics dropped, spaces single, every dash of Word's an en dash; hyphens stay."""
    text = re.sub("[\N{FIGURE DASH}\N{EM DASH}\N{HORIZONTAL BAR}\N{MINUS SIGN}]", EN_DASH, text)
    text = re.sub("[\N{HYPHEN}\N{NON-BREAKING HYPHEN}]", "-", text)
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())


# --- Period -----------------------------------------------------------------------------------------------


class Precision(StrEnum):
    """How exactly a period says when."""

    YEAR = "year"
    QUARTER = "quarter"
    MONTH = "month"
    DAY = "day"
    RANGE = "range"


# fmt: off
MONTHS_LV = ["janvāris", "februāris", "marts", "aprīlis", "maijs", "jūnijs",
             "jūlijs", "augusts", "septembris", "oktobris", "novembris", "decembris"]
MONTHS_LV_IN = ["janvārī", "februārī", "martā", "aprīlī", "maijā", "jūnijā",
                "jūlijā", "augustā", "septembrī", "oktobrī", "novembrī", "decembrī"]
MONTHS_EN = ["January", "February", "March", "April", "May", "June",
             "July", "August", "September", "October", "November", "December"]
QUARTERS = [("i", "pirmais", "first"), ("ii", "otrais", "second"),
            ("iii", "tresais", "third"), ("iv", "ceturtais", "fourth")]
# fmt: on


def month_names() -> dict[str, int]:
    """Every spelling of a month that a plan may use (Latvian cases, English, abbreviations), folded."""
    names: dict[str, int] = {}
    for number, (latvian, english) in enumerate(zip(MONTHS_LV, MONTHS_EN, strict=True), start=1):
        stem = plain(latvian).removesuffix("is").removesuffix("s")
        for ending in ("", "is", "i", "a", "im", "s", "am", "u"):
            names[stem + ending] = number
        names[stem[:3]] = names[stem[:4]] = number
        for form in (english, english[:3], english[:4]):
            names[form.casefold()] = number
    return names


MONTH_NAMES = month_names()
QUARTER_NAMES = {name: number for number, names in enumerate(QUARTERS, start=1) for name in names}

_YEAR = r"(?P<year>[0-9]{4})\.?(?: ?(?:gad[a-z]*|g\.?))?"
_NAME = r"(?P<name>[a-z]+)\.?"
_DAY = r"(?P<day>[0-9]{1,2})(?:\.|st|nd|rd|th)?"
_QUARTER = (
    r"(?:q ?(?P<q>[0-9])|(?P<nth>[a-z]+|[0-9])(?:\.|st|nd|rd|th)? ?(?:ceturks[a-z]*|cet\.?|quarter)(?: of)?)"
)
_ISO = rf"[-{EN_DASH}]"  # Word turns hyphens into dashes as you type

# Tried in this order; a text fits at most one reading that names a real month or quarter.
_SHAPES = [
    re.compile(shape)
    for shape in (
        _YEAR,
        rf"{_YEAR}[ -]?{_QUARTER}",
        rf"{_QUARTER},? {_YEAR}",
        rf"(?P<year>[0-9]{{4}}){_ISO}(?P<month>[0-9]{{1,2}})",
        r"(?P<month>[0-9]{1,2})\. ?(?P<year>[0-9]{4})",
        rf"{_YEAR} {_NAME}",
        rf"{_NAME},? {_YEAR}",
        rf"(?P<year>[0-9]{{4}}){_ISO}(?P<month>[0-9]{{1,2}}){_ISO}(?P<day>[0-9]{{1,2}})",
        r"(?P<day>[0-9]{1,2})\. ?(?P<month>[0-9]{1,2})\. ?" + _YEAR,
        rf"{_YEAR},? {_DAY} ?{_NAME}",
        rf"{_DAY} ?{_NAME},? {_YEAR}",
        rf"{_NAME} {_DAY},? {_YEAR}",
    )
]
# A dash inside an ISO date is no range, so a bare hyphen parts two periods only between whole years or after
# a dot.
_RANGE = re.compile(
    rf" ?/ ?| ?{EN_DASH} ?| - |(?<=[0-9]{{4}})-(?=[0-9]{{4}})|(?<=[.a-z])-(?=[0-9])|,? lidz | to | until "
)


@total_ordering
@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of whole days, both ends inclusive; a whole year, quarter or month is called by that name.

    Ordered by the last day, then the first: what must be ready sooner comes first.
    """

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise BadValue(
                "period-reversed",
                en=f"A period cannot end ({self.last}) before it begins ({self.first}):"
                " write the earlier date first.",
                lv=f"Periods nevar beigties ({self.last}), pirms tas sākas ({self.first}):"
                " agrāko datumu rakstiet pirmo.",
            )

    # -- making one

    @classmethod
    def year(cls, year: int) -> Period:
        return cls(date(year, 1, 1), date(year, 12, 31))

    @classmethod
    def quarter(cls, year: int, quarter: int) -> Period:
        return cls(date(year, 3 * quarter - 2, 1), date(year, 3 * quarter, monthrange(year, 3 * quarter)[1]))

    @classmethod
    def month(cls, year: int, month: int) -> Period:
        return cls(date(year, month, 1), date(year, month, monthrange(year, month)[1]))

    @classmethod
    def day(cls, day: date) -> Period:
        return cls(day, day)

    @classmethod
    def between(cls, begin: Period, end: Period) -> Period:
        """From the first day of `begin` to the last day of `end`."""
        return cls(begin.first, end.last)

    @classmethod
    def parse(cls, text: str) -> Period:
        """A period as people write it, in Latvian or English; BadValue lists the `FORMATS`."""
        tidy = plain(text).rstrip(" .") if len(text) <= LONGEST else ""
        if found := _one_period(tidy, text):
            return found
        ends = _RANGE.split(tidy.removeprefix("no ").removeprefix("from "))
        if len(ends) == 2:
            begin, end = (_one_period(part.strip(" ."), text) for part in ends)
            if begin and end:
                return cls.between(begin, end)
        if short := re.fullmatch(rf"([0-9]{{2}})([0-9]{{2}}) ?[/{EN_DASH}] ?([0-9]{{2}})", tidy):
            whole = f"{short[1]}{short[2]}/{short[1]}{short[3]}"
            raise BadValue(
                "year-short",
                en=f"“{shown(text)}”: write both years with four digits: {whole}.",
                lv=f"“{shown(text)}”: abus gadus rakstiet ar četriem cipariem: {whole}.",
            )
        raise BadValue(
            "period",
            en=f"“{shown(text)}” is not a period. Write it like one of these: {FORMATS}.",
            lv=f"“{shown(text)}” nav periods. Rakstiet kādā no šiem veidiem: {FORMATS}.",
        )

    # -- asking it

    @property
    def precision(self) -> Precision:
        if self.first == self.last:
            return Precision.DAY
        if (
            self.first.day == 1
            and (self.last + timedelta(days=1)).day == 1
            and self.first.year == self.last.year
        ):
            match self.first.month, self.last.month:
                case 1, 12:
                    return Precision.YEAR
                case begin, end if begin == end:
                    return Precision.MONTH
                case begin, end if end == begin + 2 and begin % 3 == 1:
                    return Precision.QUARTER
        return Precision.RANGE

    @property
    def days(self) -> int:
        """How many days it holds; at least 1."""
        return (self.last - self.first).days + 1

    def __contains__(self, other: date | Period) -> bool:
        if isinstance(other, Period):
            return self.first <= other.first and other.last <= self.last
        return self.first <= other <= self.last

    def overlaps(self, other: Period) -> bool:
        """True when they share at least one day."""
        return self.first <= other.last and other.first <= self.last

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Period):
            return NotImplemented
        return (self.last, self.first) < (other.last, other.first)

    # -- saying it

    def __str__(self) -> str:
        """The machine form, which `parse` reads back: 2023, 2023-Q3, 2023-06, 2023-06-30, 2023/2027."""
        match self.precision:
            case Precision.YEAR:
                return f"{self.first.year:04}"
            case Precision.QUARTER:
                return f"{self.first.year:04}-Q{self.last.month // 3}"
            case Precision.MONTH:
                return f"{self.first:%Y-%m}"
            case Precision.DAY:
                return self.first.isoformat()
        begin, end = self._ends()
        return f"{begin}/{end}"

    def words(self, language: str) -> str:
        """The form for people: “2023. gada 3. ceturksnis” in `lv`, “Q3 2023” in `en`."""
        latvian = is_latvian(language)
        year, month = self.first.year, self.first.month - 1
        match self.precision:
            case Precision.YEAR:
                return f"{year}. gads" if latvian else f"{year}"
            case Precision.QUARTER:
                number = self.last.month // 3
                return f"{year}. gada {number}. ceturksnis" if latvian else f"Q{number} {year}"
            case Precision.MONTH:
                return f"{year}. gada {MONTHS_LV[month]}" if latvian else f"{MONTHS_EN[month]} {year}"
            case Precision.DAY:
                day = self.first.day
                return (
                    f"{year}. gada {day}. {MONTHS_LV[month]}"
                    if latvian
                    else f"{day} {MONTHS_EN[month]} {year}"
                )
        begin, end = self._ends()
        if begin.precision is Precision.YEAR:
            return (
                f"{year}.{EN_DASH}{self.last.year}. gads" if latvian else f"{year}{EN_DASH}{self.last.year}"
            )
        return f"{begin.words(language)} {EN_DASH} {end.words(language)}"

    def _ends(self) -> tuple[Period, Period]:
        """The two ends of a range, as coarse as both allow: whole years, else whole months, else days."""
        first, last = self.first, self.last
        months = Period.month(first.year, first.month), Period.month(last.year, last.month)
        if first != months[0].first or last != months[1].last:
            return Period.day(first), Period.day(last)
        if (first.month, last.month) == (1, 12):
            return Period.year(first.year), Period.year(last.year)
        return months


FORMATS = (
    f"2023, 2023-Q3, 2023-06, 2023-06-30, 30.06.2023., 2023. gada 30. jūnijs, 30 June 2023, 2023{EN_DASH}2027"
)


def _one_period(tidy: str, text: str) -> Period | None:
    """The year, quarter, month or day in `tidy`, None if it has no such shape; errors quote `text`."""
    for shape in _SHAPES:
        if not (match := shape.fullmatch(tidy)):
            continue
        found = match.groupdict()
        year = int(found["year"])
        if not 1900 <= year <= 2199:
            raise BadValue(
                "year",
                en=f"“{shown(text)}”: year {year} is out of reach; write a year from 1900 to 2199.",
                lv=f"“{shown(text)}”: {year}. gads nav iespējams; rakstiet gadu no 1900 līdz 2199.",
            )
        if nth := found.get("q") or found.get("nth"):
            quarter = QUARTER_NAMES.get(nth) or (int(nth) if nth.isdigit() else None)
            if quarter is None:
                continue
            if not 1 <= quarter <= 4:
                raise BadValue(
                    "quarter",
                    en=f"“{shown(text)}”: there is no quarter {quarter}; write {year}-Q1 to {year}-Q4.",
                    lv=f"“{shown(text)}”: {quarter}. ceturkšņa nav; rakstiet no {year}-Q1 līdz {year}-Q4.",
                )
            return Period.quarter(year, quarter)
        if not (spelt := found.get("month") or found.get("name")):
            return Period.year(year)
        month = MONTH_NAMES.get(spelt) or (int(spelt) if spelt.isdigit() else None)
        if month is None:
            continue
        if not 1 <= month <= 12:
            raise BadValue(
                "month",
                en=f"“{shown(text)}”: there is no month {month}; months are 01 to 12, as in {year}-06"
                f" (a range of years is written {year}/{year + 1}).",
                lv=f"“{shown(text)}”: {month}. mēneša nav; mēneši ir no 01 līdz 12, piemēram, {year}-06"
                f" (gadu posmu raksta {year}/{year + 1}).",
            )
        if found.get("day") is None:
            return Period.month(year, month)
        day, days = int(found["day"]), monthrange(year, month)[1]
        if not 1 <= day <= days:
            right = date(year, month, days)
            raise BadValue(
                "day",
                en=f"“{shown(text)}” does not exist: {MONTHS_EN[month - 1]} {year} has {days} days."
                f" Write a day from 1 to {days}, as in {right} or {right:%d.%m.%Y}.",
                lv=f"“{shown(text)}” nav iespējams: {year}. gada {MONTHS_LV_IN[month - 1]} ir {days}"
                f" {'diena' if days == 31 else 'dienas'}."
                f" Rakstiet dienu no 1 līdz {days}, piemēram, {right} vai {right:%d.%m.%Y}.",
            )
        return Period.day(date(year, month, day))
    return None


# --- Deadline ---------------------------------------------------------------------------------------------


@total_ordering
@dataclass(frozen=True, slots=True)
class Deadline:
    """A period by whose last day something is due. “2023” stays a year, still in time on 31 December."""

    period: Period

    @classmethod
    def parse(cls, text: str) -> Deadline:
        """Reads what `Period.parse` reads. Free text (“when money comes”) is a BadValue with the formats."""
        try:
            return cls(Period.parse(text))
        except BadValue as bad:
            if bad.code != "period":
                raise
            raise BadValue(
                "deadline",
                en=f"“{shown(text)}” is not a deadline. Write it like one of these: {FORMATS}.",
                lv=f"“{shown(text)}” nav izpildes termiņš. Rakstiet kādā no šiem veidiem: {FORMATS}.",
            ) from None

    @property
    def due(self) -> date:
        """The last day that is still in time."""
        return self.period.last

    @property
    def sort_key(self) -> tuple[date, date]:
        return self.period.last, self.period.first

    def is_past(self, today: date) -> bool:
        return today > self.period.last

    def days_left(self, today: date) -> int:
        """Days until the last day in time; 0 on that day, negative when past."""
        return (self.period.last - today).days

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Deadline):
            return NotImplemented
        return self.sort_key < other.sort_key

    def __str__(self) -> str:
        return str(self.period)

    def words(self, language: str) -> str:
        return self.period.words(language)


# --- numbers ----------------------------------------------------------------------------------------------

_GROUPED = re.compile(
    r"[1-9][0-9]{0,2}(?P<mark>[ .,'])[0-9]{3}(?:(?P=mark)[0-9]{3})*(?:(?P<point>[.,])[0-9]+)?"
)
_SPACES = str.maketrans(dict.fromkeys("\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}", " "))


def decimal(text: str, *, fraction: bool = False) -> Decimal:
    """The exact number in Latvian (1 234,5) or English (1,234.5) notation.

    “1,234” may be a thousand or a fraction: BadValue, unless `fraction` says that a unit such as “million”
    follows, after which nobody groups thousands.
    """
    tidy = text.translate(_SPACES).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").strip()
    sign = ""
    if tidy[:1] in {"-", "+", EN_DASH, "\N{MINUS SIGN}"}:
        sign = "" if tidy[0] == "+" else "-"
        tidy = tidy[1:].lstrip()
    if len(tidy) <= LONGEST:
        if re.fullmatch(r"[0-9]+", tidy):
            return Decimal(sign + tidy)
        if re.fullmatch(r"[1-9][0-9]{0,2}[.,][0-9]{3}", tidy) and not fraction:
            whole, tail = re.split("[.,]", tidy)
            raise BadValue(
                "number-ambiguous",
                en=f"“{shown(text)}” can be read as {whole}{tail} or as {whole}.{tail}0:"
                f" write {whole} {tail} for thousands, {whole}.{tail}0 for a fraction.",
                lv=f"“{shown(text)}” var lasīt kā {whole}{tail} vai kā {whole},{tail}0:"
                f" tūkstošus rakstiet {whole} {tail}, daļskaitli {whole},{tail}0.",
            )
        if re.fullmatch(r"[0-9]+[.,][0-9]+", tidy):
            return Decimal(sign + tidy.replace(",", "."))
        # The same mark cannot part thousands and the fraction: 1,234,56 is a slip of the finger.
        if (match := _GROUPED.fullmatch(tidy)) and match["mark"] != match["point"]:
            return Decimal(sign + tidy.replace(match["mark"], "").replace(",", "."))
    raise BadValue(
        "number",
        en=f"“{shown(text)}” is not a number. Write it like 1234, 1 234,5 or 1,234.50.",
        lv=f"“{shown(text)}” nav skaitlis. Rakstiet, piemēram, 1234, 1 234,5 vai 1,234.50.",
    )


# --- Money ------------------------------------------------------------------------------------------------

# Names as `plain` leaves them. English billion = Latvian miljards; Latvian biljons is a thousand times more.
SCALES = {
    **dict.fromkeys(("k", "t", "tukst", "tukstosi", "tukstosu", "tukstotis", "thousand"), 10**3),
    **dict.fromkeys(
        ("m", "mn", "mln", "mio", "milj", "miljons", "miljoni", "miljonu", "million", "millions"), 10**6
    ),
    **dict.fromkeys(
        ("mljrd", "mljd", "mrd", "miljards", "miljardi", "miljardu", "bn", "billion", "billions"), 10**9
    ),
    **dict.fromkeys(("biljons", "biljoni", "biljonu", "trillion"), 10**12),
}
CURRENCIES = {
    **dict.fromkeys(("eur", "€", "eiro", "euro", "euros"), "EUR"),
    **dict.fromkeys(("usd", "$"), "USD"),
    **dict.fromkeys(("gbp", "£"), "GBP"),
    **{code.casefold(): code for code in ("CHF", "CZK", "DKK", "NOK", "PLN", "SEK")},
}


def _either(names: dict[str, int] | dict[str, str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


_UNIT = rf"(?P<scale>{_either(SCALES)})?\.? ?(?P<currency>{_either(CURRENCIES)})?"
_MONEY = re.compile(
    rf"(?P<sign>[-+{EN_DASH}])? ?(?P<before>{_either(CURRENCIES)})? ?"
    rf"(?P<number>[-+{EN_DASH}]?[0-9][0-9 .,'’]*?) ?{_UNIT}\.?"
)


@dataclass(frozen=True, slots=True)
class Money:
    """An exact sum in one currency (ISO 4217 code). Never a float: 0.1 + 0.2 must be 0.3 in a budget."""

    amount: Decimal
    currency: str = "EUR"

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError(
                f"Money keeps exact decimals: write Money(Decimal('{self.amount}')), not {self.amount!r}"
            )
        if not self.amount.is_finite():
            raise BadValue(
                "money-infinite",
                en=f"{self.amount} is not a sum of money: write a finite number.",
                lv=f"{self.amount} nav naudas summa: rakstiet galīgu skaitli.",
            )
        if not re.fullmatch(r"[A-Z]{3}", self.currency):
            raise BadValue(
                "currency",
                en=f"“{shown(self.currency)}” is not a currency: write its three-letter ISO code, as in EUR.",
                lv=f"“{shown(self.currency)}” nav valūta: rakstiet tās trīs burtu ISO kodu, piemēram, EUR.",
            )

    @classmethod
    def parse(cls, text: str, *, currency: str = "EUR") -> Money:
        """“1 234 567,89 EUR”, “€ 2.6 milj.”, “2,6 MEUR”, “0,5 mljrd.”; `currency` is for sums without one."""
        match = _MONEY.fullmatch(plain(text)) if len(text) <= LONGEST else None
        if not match or (match["sign"] and not match["number"][0].isdigit()):
            raise BadValue(
                "money",
                en=f"“{shown(text)}” is not a sum of money."
                " Write it like 1 234 567,89 EUR, 2.6 milj. EUR, 0,5 mljrd. EUR or €1,234.50"
                f" (currencies: {', '.join(dict.fromkeys(CURRENCIES.values()))}).",
                lv=f"“{shown(text)}” nav naudas summa."
                " Rakstiet, piemēram, 1 234 567,89 EUR, 2,6 milj. EUR, 0,5 mljrd. EUR vai €1,234.50"
                f" (valūtas: {', '.join(dict.fromkeys(CURRENCIES.values()))}).",
            )
        codes = {CURRENCIES[name] for name in (match["before"], match["currency"]) if name}
        if len(codes) > 1:
            raise BadValue(
                "money-two-currencies",
                en=f"“{shown(text)}” names two currencies ({', '.join(sorted(codes))}): write one.",
                lv=f"“{shown(text)}” nosauktas divas valūtas ({', '.join(sorted(codes))}): rakstiet vienu.",
            )
        scale = SCALES[match["scale"]] if match["scale"] else 1
        number = match["number"]
        if match["before"] and scale == 1 and re.fullmatch(r"[0-9]{1,3},[0-9]{3}", number):
            number = number.replace(
                ",", ""
            )  # €1,250: the currency goes first in English only, so this is a thousand
        amount = decimal((match["sign"] or "") + number, fraction=scale > 1) * scale
        return cls(amount, codes.pop() if codes else currency)

    # -- reckoning

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._like(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._like(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        if isinstance(factor, float):  # callers without types
            raise TypeError(f"money is multiplied by exact numbers: write Decimal('{factor}')")
        return Money(self.amount * factor, self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._like(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._like(other)

    def __gt__(self, other: Money) -> bool:
        return self.amount > self._like(other)

    def __ge__(self, other: Money) -> bool:
        return self.amount >= self._like(other)

    def _like(self, other: Money) -> Decimal:
        if self.currency != other.currency:
            raise BadValue(
                "money-mixed",
                en=f"{self} and {other} are in different currencies: convert one first.",
                lv=f"{self} un {other} ir dažādās valūtās: vispirms pārrēķiniet vienu.",
            )
        return other.amount

    def rounded(self, places: int = 2) -> Money:
        """To that many decimals, halves away from zero, as invoices do; 0 for whole units."""
        return Money(self.amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP), self.currency)

    def split(self, weights: Sequence[Decimal]) -> list[Money]:
        """Shares in proportion to `weights` (≥ 0, not all 0), to the cent; together exactly this sum.

        Cents left over go to the shares that lost most by rounding down, earlier ones first.
        """
        total = sum(weights, Decimal(0))
        if total <= 0 or min(weights) < 0:
            raise ValueError(f"weights must be non-negative and not all zero, not {list(map(str, weights))}")
        cents = int((self.rounded().amount * 100).to_integral_value())
        exact = [abs(cents) * weight / total for weight in weights]
        shares = [int(share) for share in exact]
        by_loss = sorted(range(len(shares)), key=lambda i: (shares[i] - exact[i], i))
        for i in by_loss[: abs(cents) - sum(shares)]:
            shares[i] += 1
        sign = -1 if cents < 0 else 1
        return [Money(Decimal(sign * share).scaleb(-2), self.currency) for share in shares]

    # -- saying it

    def __str__(self) -> str:
        """The machine form, which `parse` reads back: “1234567.89 EUR”, with at least two decimals."""
        return f"{self._digits()} {self.currency}"

    def words(self, language: str) -> str:
        """The form for people: “1 234 567,89 EUR” in `lv`, “€1,234,567.89” in `en`; no cents if whole."""
        digits = self._digits().lstrip("-")
        sign = "-" if self.amount < 0 else ""
        whole, cents = digits.split(".")
        tail = "" if not cents.strip("0") else cents
        grouped = f"{int(whole):,}"
        if is_latvian(language):
            return f"{sign}{grouped.replace(',', NBSP)}{',' + tail if tail else ''}{NBSP}{self.currency}"
        symbol = {"EUR": "€", "USD": "$", "GBP": "£"}.get(self.currency, self.currency + NBSP)
        return f"{sign}{symbol}{grouped}{'.' + tail if tail else ''}"

    def _digits(self) -> str:
        digits = f"{self.amount:f}"
        whole, _, cents = digits.partition(".")
        cents = cents.rstrip("0").ljust(2, "0")
        # Three decimals after up to three digits would read like thousands; a fourth leaves no doubt.
        return f"{whole}.{cents + '0' if len(cents) == 3 else cents}"


# --- quantities -------------------------------------------------------------------------------------------

Comparison = Literal["exactly", "at_least", "more_than", "at_most", "less_than", "about"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that a text promises: “vismaz 2 eksperti” is at least 2, of “eksperti”.

    `unit_hint` is “%”, a currency code, or the words after the number as written; “” where nothing follows.
    """

    value: Decimal
    unit_hint: str
    comparison: Comparison


_COMPARISONS: dict[Comparison, str] = {
    "at_least": r"vismaz|vizmaz|ne mazak ka|ne mazak par|minimums|min\.?|at least|no fewer than|no less than|"
    r"not less than|not fewer than|>=|≥",
    "at_most": r"ne vairak ka|ne vairak par|augstakais|lidz|maksimums|maks\.?|at most|up to|"
    r"no more than|not more than|<=|≤",
    "more_than": r"vairak neka|vairak ka|vairak par|virs|more than|over|>",
    "less_than": r"mazak neka|mazak ka|mazak par|zem|less than|fewer than|under|<",
    "about": r"aptuveni|apmeram|gandriz|ap|ca\.?|about|approximately|around|almost|~|≈",
}
# fmt: off
_NUMERALS = {
    "divi": 2, "divas": 2, "tris": 3, "cetri": 4, "cetras": 4, "pieci": 5, "piecas": 5, "sesi": 6, "sesas": 6,
    "septini": 7, "septinas": 7, "astoni": 8, "astonas": 8, "devini": 9, "devinas": 9, "desmit": 10,
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
}
# fmt: on
# “One” is mostly a pronoun (“viens no …”), so it counts only after a comparison (“vismaz viens produkts”).
_ONE = {"viens": 1, "viena": 1, "vienu": 1, "one": 1}

_BEFORE = re.compile(
    r"(?<!\w)(?:" + "|".join(f"(?P<{name}>{words})" for name, words in _COMPARISONS.items()) + r") ?$"
)
_LABEL = re.compile(r"(?:(?<!\w)(?:nr\.?|no\.|top)|№|§) ?$")  # “Nr. 560”, “top 10 %”: names, not amounts
_DIGITS = r"[0-9]{1,3}(?:[ '][0-9]{3})+(?:[.,][0-9]+)?(?![0-9])|[0-9]+(?:[.,][0-9]+)*"
_FOUND = re.compile(
    rf"(?:(?<![\w)])(?P<sign>[-+{EN_DASH}])|(?<![\w.,:/&§+-]))"
    rf"(?P<digits>{_DIGITS})(?: ?[-{EN_DASH}] ?(?P<upper>{_DIGITS}))?"
    rf"|(?<!\w)(?P<spelt>{_either(_NUMERALS | _ONE)})(?!\w)"
)
# What follows a number that is not an amount: ordinals and dates (4. septembra, 2021.-2027.), 10:30, 1/3,
# 1+M, 3-D.
_NO_AMOUNT = re.compile(rf"\.(?= ?[\w{EN_DASH}-])|[:/][0-9]|[+&_-]?[^\W0-9]|-[0-9]|\.? ?§")
_YEAR_WORD = re.compile(r" ?(?:gad|g\.|year)")
_PERCENT = re.compile(r" ?(?:%|procent[a-z]*(?!\w)|per ?cent(?!\w))")
_SCALED = re.compile(rf" ?{_UNIT}(?!\w)\.?")
_PRICED = re.compile(rf"(?:(?<!\w)|^)({_either(CURRENCIES)}) ?$")
_STOP = re.compile(
    r"[^\w %€/-]|(?<!\w)(?:kas|kuri|kura|kuras|kur|par|ar|no|uz|pie|lai|un|vai|"
    r"that|which|by|for|from|to|with|in|on|and|or)(?!\w)"
)


def parse_number(text: str) -> Quantity | None:
    """The first countable quantity of a result indicator, None where there is none (“Organizēts pasākums”).

    Dates, years, ordinals, numbers of documents and codes such as COVID-19 are not counted, nor is a number
    that can be read in two ways (“1,234”). Never raises.
    """
    return next(quantities(text), None)


def quantities(text: str) -> Iterator[Quantity]:
    """Every countable quantity in the text, in its order; see `parse_number`."""
    written = unicodedata.normalize("NFC", text)
    # Folding letter by letter keeps positions, so that the hint can quote the text as it was written.
    folded = "".join(_folded(letter) for letter in written)
    for match in _FOUND.finditer(folded):
        head, tail = folded[max(0, match.start() - 40) : match.start()], folded[match.end() :]
        before = _BEFORE.search(head)
        comparison: Comparison = "exactly"
        for name in _COMPARISONS:
            if before and before[name]:
                comparison = name
        if match["spelt"]:
            if match["spelt"] in _ONE and not before:
                continue
            factor, unit, rest = _unit_after(tail)
            value = Decimal((_NUMERALS | _ONE)[match["spelt"]])
        else:
            factor, unit, rest = _unit_after(tail)
            if _LABEL.search(head) or (not unit and factor == 1 and _NO_AMOUNT.match(tail)):
                continue
            if tail.startswith(".") and "." in match["digits"]:  # 30.06. and 3.3. are a date and a chapter
                continue
            if tail.startswith(")") and "(" not in head:  # 1) numbers a list
                continue
            if not unit and factor == 1 and _is_year(match["digits"], tail, comparison):
                continue
            try:
                value = decimal((match["sign"] or "") + match["digits"], fraction=factor > 1)
            except BadValue:
                continue
            if match["upper"]:
                comparison = "at_least"  # “5 to 10 projects” promises five
        if not unit and (priced := _PRICED.search(head)):
            unit = CURRENCIES[priced[1]]
        value *= factor
        if value == value.to_integral_value():
            value = value.quantize(Decimal(1))  # 7,5 milj. is 7500000, not 7500000.0
        yield Quantity(value, unit or _hint(written[len(written) - len(rest) :]), comparison)


def _folded(letter: str) -> str:
    if letter.isnumeric() and letter not in "0123456789":
        return letter  # a superscript marks a footnote
    folded = plain(letter)
    if len(folded) == 1:
        return folded
    return " " if letter.isspace() else letter


def _unit_after(tail: str) -> tuple[int, str, str]:
    """Scale, unit (“%”, a currency or “”) and the rest of the text after a number."""
    if percent := _PERCENT.match(tail):
        return 1, "%", tail[percent.end() :]
    match = _SCALED.match(tail)
    if not match or not (match["scale"] or match["currency"]):
        return 1, "", tail
    # A lone letter is a scale only before a currency: 10 m of cable are no ten millions.
    if match["scale"] and len(match["scale"]) == 1 and not match["currency"]:
        return 1, "", tail
    return (
        SCALES.get(match["scale"] or "", 1),
        CURRENCIES.get(match["currency"] or "", ""),
        tail[match.end() :],
    )


def _is_year(digits: str, tail: str, comparison: Comparison) -> bool:
    """Bare 2023 is a year; “vismaz 2100 paraugi” and “2000 paraugi” are not, “līdz 2027” is one again."""
    if not re.fullmatch(r"(?:19|20)[0-9]{2}", digits):
        return False
    if comparison in {"exactly", "about", "at_most"}:
        return not (digits.endswith("00") and re.match(r" [^\W0-9]", tail)) or bool(_YEAR_WORD.match(tail))
    return bool(_YEAR_WORD.match(tail))


def _hint(rest: str) -> str:
    """Up to four words after a number, to the first punctuation or preposition."""
    stop = _STOP.search(rest.casefold())
    return " ".join((rest[: stop.start()] if stop else rest).split()[:4])
