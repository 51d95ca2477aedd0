"""The values of FHIRPath that JSON has no word for: dates with their precision, quantities, and what equals what.

JSON numbers become Decimal by their shortest text before they are compared or added, so that 0.1 + 0.2 is 0.3.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from talka_node.codes import units


class NotAMoment(ValueError):
    """Text that is no date, time of day or both."""


class Unfit(ValueError):
    """A value that the operator or function at hand has no use for. The message says what it would have use for."""


class Typed(NamedTuple):
    """A value whose FHIR type is known, from the name of a choice element: `valueDateTime` gives "dateTime"."""

    value: Any
    type: str


# Singular and plural words of FHIRPath, by the unit they are kept as. Sources: FHIRPath 2.0, "Time-valued quantities".
CALENDAR = {
    f"{word}{plural}": word
    for word in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in ("", "s")
}
_UCUM = {"a": "year", "mo": "month", "wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second"}
_UCUM |= {"ms": "millisecond"}
# A calendar year or month has no fixed length, so that it is not comparable with UCUM's; the others are the same.
_DEFINITE = {word: code for code, word in _UCUM.items() if word not in ("year", "month")}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its UCUM unit ("1" is none) or a calendar word in the singular."""

    value: Decimal
    unit: str = "1"


# --- dates and times --------------------------------------------------------------------------------------

_DATE = r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?"
_TIME = r"(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d(?:\.\d+)?))?)?"
_MOMENT = re.compile(rf"{_DATE}(?:T(?:{_TIME}(?P<zone>Z|[+-]\d\d:\d\d)?)?)?")
_CLOCK = re.compile(_TIME)
_DIGITS = {"date": (4, 6, 8), "dateTime": (4, 6, 8, 10, 12, 14, 17), "time": (2, 4, 6, 9)}


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, dateTime or time of day, as precise as it was written.

    `parts`: year, month, day, hour, minute, second (a time of day: from the hour on), only those known. `zone`: minutes
    east of Greenwich, None where not said.
    """

    kind: str
    parts: tuple[int | Decimal, ...]
    zone: int | None = None

    @classmethod
    def read(cls, text: str, kind: str | None = None) -> Moment:
        """From FHIR's or FHIRPath's text. Without `kind` it shows in the text. Raises NotAMoment."""
        if kind == "time" or (kind is None and text[2:3] == ":"):
            found = _CLOCK.fullmatch(text)
            names: tuple[str, ...] = ("hour", "minute", "second")
        else:
            found = _MOMENT.fullmatch(text)
            names = ("year", "month", "day", "hour", "minute", "second")
        if found is None:
            raise NotAMoment(
                "neither a date nor a time; right are 2024-02-29, 2024-02-29T10:30:00Z and 10:30"
            )
        told = found.groupdict()
        parts = tuple(
            (Decimal if name == "second" else int)(told[name]) for name in names if told[name] is not None
        )
        if "year" not in names:
            _check_clock(*parts)
            return cls("time", parts)
        _check_date(*parts[:3])
        _check_clock(*parts[3:])
        zone = None
        if told["zone"]:
            zone = 0 if told["zone"] == "Z" else int(told["zone"][1:3]) * 60 + int(told["zone"][4:])
            zone = -zone if told["zone"][0] == "-" else zone
        return cls(kind or ("dateTime" if "T" in text else "date"), parts, zone)

    @classmethod
    def literal(cls, text: str) -> Moment:
        """From what follows `@` in FHIRPath: T10:30 is a time of day, 2024T a dateTime."""
        return cls.read(text[1:], "time") if text[0] == "T" else cls.read(text)

    def __str__(self) -> str:
        timed = self.kind == "time"
        clock = ":".join(_two(part) for part in (self.parts if timed else self.parts[3:]))
        if timed:
            return clock
        date = "-".join([f"{self.parts[0]:04d}", *(f"{part:02d}" for part in self.parts[1:3])])
        return f"{date}T{clock}{'' if self.zone is None else _zone(self.zone)}" if clock else date

    def _aligned(self) -> tuple[int | Decimal, ...]:
        """The parts at Greenwich, if the zone is known and matters."""
        if not self.zone or len(self.parts) < 4:
            return self.parts
        year, month, day, hour = (int(part) for part in self.parts[:4])
        minute = int(self.parts[4]) if len(self.parts) > 4 else 0
        try:
            there = datetime(year, month, day, hour, minute, tzinfo=timezone(timedelta(minutes=self.zone)))
            here = there.astimezone(UTC)
        except OverflowError:  # within a day of the year 1 or 9999
            return self.parts
        moved = (here.year, here.month, here.day, here.hour, here.minute, *self.parts[5:])
        return moved[: len(self.parts)]

    def compare(self, other: Moment) -> int | None:
        """-1, 0, 1; None where precision or a missing zone leaves it open. Raises Unfit."""
        if (self.kind == "time") != (other.kind == "time"):
            raise Unfit("a time of day has no place before or after a date")
        timed = min(len(self.parts), len(other.parts)) > 3 and self.kind != "time"
        if timed and (self.zone is None) != (other.zone is None):
            return None
        one, two = (self._aligned(), other._aligned()) if timed else (self.parts, other.parts)
        for here, there in zip(one, two, strict=False):
            if here != there:
                return -1 if here < there else 1
        return 0 if len(one) == len(two) else None

    def boundary(self, high: bool, digits: int | None = None) -> Moment | None:
        """The earliest or latest moment this may stand for, to `digits` (2014-01 has 6); None if there is none such.

        Where no zone is said, the earliest is at +14:00 and the latest at -12:00. Source: FHIRPath, lowBoundary.
        """
        steps = _DIGITS[self.kind]
        if digits is not None and digits not in steps:
            return None
        count = len(steps) if digits is None else steps.index(digits) + 1
        if self.kind == "dateTime":
            count = min(count, 6)
        elif self.kind == "time":
            count = min(count, 3)
        parts = list(self.parts)
        while len(parts) < count:
            parts.append(self._bound(parts, high))
        parts = parts[:count]
        full = count == (3 if self.kind == "time" else 6)
        if full and (digits in (None, 9, 17)):
            second = Decimal(parts[-1])
            if second == second.to_integral_value() and (len(self.parts) < count or "." not in str(second)):
                second = second.to_integral_value() + (Decimal("0.999") if high else 0)
            parts[-1] = second.quantize(Decimal("0.001"))
        elif full:
            parts[-1] = Decimal(int(parts[-1]))
        zone = self.zone
        if self.kind == "dateTime" and count > 3 and zone is None:
            zone = -12 * 60 if high else 14 * 60
        return Moment(self.kind, tuple(parts), zone)

    def _bound(self, parts: list[int | Decimal], high: bool) -> int | Decimal:
        place = len(parts) + (3 if self.kind == "time" else 0)
        if place == 5:
            return Decimal(59 if high else 0)
        if not high:
            return 1 if place in (1, 2) else 0
        if place == 2:
            return monthrange(int(parts[0]), int(parts[1]))[1]
        return {1: 12, 3: 23, 4: 59}[place]

    def add(self, quantity: Quantity, sign: int) -> Moment:
        """This moved by a time-valued quantity, no more precise than before. Raises Unfit."""
        unit = CALENDAR.get(quantity.unit) or _UCUM.get(quantity.unit)
        if unit is None:
            raise Unfit("only a time, as in 3 months, can be added to a date")
        amount = quantity.value * sign
        if unit in ("year", "month"):
            if self.kind == "time":
                raise Unfit("neither years nor months can be added to a time of day")
            return self._add_months(int(amount) * (12 if unit == "year" else 1))
        seconds: dict[str, int | Decimal] = {
            "week": 604800, "day": 86400, "hour": 3600, "minute": 60, "second": 1,
            "millisecond": Decimal("0.001"),
        }  # fmt: skip
        return self._add_seconds(amount * seconds[unit])

    def _add_months(self, months: int) -> Moment:
        if len(self.parts) == 1:
            return self._checked((int(self.parts[0]) + int(months / 12),))
        whole = int(self.parts[0]) * 12 + int(self.parts[1]) - 1 + months
        year, month = divmod(whole, 12)
        day: tuple[int | Decimal, ...] = ()
        if len(self.parts) > 2 and 1 <= year <= 9999:
            day = (min(int(self.parts[2]), monthrange(year, month + 1)[1]),)
        return self._checked((year, month + 1, *day, *self.parts[3:]))

    def _checked(self, parts: tuple[int | Decimal, ...]) -> Moment:
        if not 1 <= parts[0] <= 9999:
            raise Unfit("the date leaves the years 1 to 9999")
        return Moment(self.kind, parts, self.zone)

    def _add_seconds(self, seconds: Decimal) -> Moment:
        if self.kind == "time":
            hour, minute, second = (*self.parts, 0, 0)[:3]
            day = (Decimal(hour) * 3600 + Decimal(minute) * 60 + Decimal(second) + seconds) % 86400
            clock = (int(day // 3600), int(day % 3600 // 60), day % 60)
            return Moment("time", clock[: len(self.parts)])
        if len(self.parts) < 3:  # a month plus 40 days: whole months of 30 days, as the standard counts them
            months = int(seconds / (86400 * 30))
            return self._add_months(months)
        year, month, day_, hour, minute, second = (*self.parts, 0, 0, 0)[:6]
        start = datetime(int(year), int(month), int(day_), int(hour), int(minute), tzinfo=UTC)
        micro = int((Decimal(second) + seconds) * 1_000_000)
        try:
            moved = start + timedelta(microseconds=micro)
        except OverflowError:
            raise Unfit("the date leaves the years 1 to 9999") from None
        exact = Decimal(moved.second) + Decimal(moved.microsecond) / 1_000_000
        parts = (moved.year, moved.month, moved.day, moved.hour, moved.minute, exact)
        return Moment(self.kind, parts[: len(self.parts)], self.zone)


def _check_date(year: int | Decimal, month: int | Decimal = 1, day: int | Decimal = 1) -> None:
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= monthrange(int(year), int(month))[1]:
        raise NotAMoment("there is no such day in the calendar")


def _check_clock(hour: int | Decimal = 0, minute: int | Decimal = 0, second: int | Decimal = 0) -> None:
    if hour > 23 or minute > 59 or second >= 60:
        raise NotAMoment("there is no such time of day; right is 00:00:00 to 23:59:59")


def _two(part: int | Decimal) -> str:
    whole, _, rest = str(part).partition(".")
    return whole.zfill(2) + (f".{rest}" if rest else "")


def _zone(minutes: int) -> str:
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


# --- what a value is --------------------------------------------------------------------------------------


def bare(value: Any) -> Any:
    """The value without its type."""
    return value.value if type(value) is Typed else value


_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")


def number(value: Any) -> int | Decimal | None:
    """The value as an exact number; None if it is none. FHIR R5 writes an integer64 as text."""
    if type(value) is Typed:
        if value.type == "integer64" and type(value.value) is str and _WHOLE.fullmatch(value.value):
            return int(value.value)
        value = value.value
    kind = type(value)
    if kind is int or kind is Decimal:
        plain: int | Decimal = value
        return plain
    return Decimal(repr(value)) if kind is float else None


_MOMENTS = {"date": "date", "dateTime": "dateTime", "instant": "dateTime", "time": "time"}
MOMENTS = frozenset(_MOMENTS)
_TIMED = re.compile(r"\d{4}-\d\d-\d\dT\d\d")


def moment(value: Any, guess: bool = False) -> Moment | None:
    """The value as a date or time, if its type says so or, with `guess`, if its text looks like one."""
    if type(value) is Moment:
        return value
    if type(value) is Typed:
        if value.type not in _MOMENTS or type(value.value) is not str:
            return None
        kind: str | None = _MOMENTS[value.type]
        text = value.value
    elif guess and type(value) is str:
        kind, text = None, value
    else:
        return None
    try:
        return Moment.read(text, kind)
    except NotAMoment:
        return None


def quantity(value: Any) -> Quantity | None:
    """The value as a quantity: a literal, or a FHIR Quantity with a value."""
    value = bare(value)
    if type(value) is Quantity:
        return value
    if type(value) is dict and (amount := number(value.get("value"))) is not None:
        unit = value.get("code") or value.get("unit") or "1"
        return Quantity(Decimal(amount), unit) if isinstance(unit, str) else None
    return None


# --- equality and order -----------------------------------------------------------------------------------


def equal(left: Any, right: Any) -> bool | None:
    """FHIRPath's `=` of two single values; None is "cannot be told" (2024 = 2024-05)."""
    one, two = bare(left), bare(right)
    if type(one) is str and type(two) is str:
        if one == two:
            return True
        here = moment(left, guess=bool(_TIMED.match(one)))
        there = moment(right, guess=bool(_TIMED.match(two)))
        return _same(here, there) if here and there else False
    if type(one) is bool or type(two) is bool:
        return one is two
    here_n, there_n = number(left), number(right)
    if here_n is not None and there_n is not None:
        return here_n == there_n
    if type(one) is Moment or type(two) is Moment:
        here, there = moment(left, guess=True), moment(right, guess=True)
        return _same(here, there) if here and there else False
    if type(one) is Quantity or type(two) is Quantity:
        here_q, there_q = quantity(_as_quantity(one)), quantity(_as_quantity(two))
        if here_q is None or there_q is None:
            return False
        amounts = _amounts(here_q, there_q)
        return None if amounts is None else amounts[0] == amounts[1]
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(equal(one[key], two[key]) is True for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(equal(a, b) is True for a, b in zip(one, two, strict=True))
    return bool(one == two)


def _same(one: Moment, two: Moment) -> bool | None:
    try:
        order = one.compare(two)
    except Unfit:
        return False
    return None if order is None else order == 0


def _as_quantity(value: Any) -> Any:
    plain = number(value)
    return value if plain is None else Quantity(Decimal(plain))


def _amounts(one: Quantity, two: Quantity) -> tuple[Fraction, Fraction] | None:
    """Both amounts in one unit, exactly; None if they measure different things or a unit is not known."""
    here, there = _DEFINITE.get(one.unit, one.unit), _DEFINITE.get(two.unit, two.unit)
    if here == there:
        return Fraction(one.value), Fraction(two.value)
    try:
        first, second = units.parse(here), units.parse(there)
    except units.BadUnit:
        return None
    if first.powers != second.powers:
        return None
    return tuple(  # type: ignore[return-value]  # two of them
        (Fraction(each.value) + unit.offset) * unit.factor for each, unit in ((one, first), (two, second))
    )


def equivalent(left: Any, right: Any) -> bool:
    """FHIRPath's `~` of two single values: letter case, spacing and needless precision do not count."""
    one, two = bare(left), bare(right)
    if type(one) is str and type(two) is str and moment(left) is None and moment(right) is None:
        return one.casefold().split() == two.casefold().split()
    here, there = number(one), number(two)
    if here is not None and there is not None and type(one) is not bool and type(two) is not bool:
        coarse = max(_exponent(here), _exponent(there))
        step = Decimal(1).scaleb(coarse)
        return Decimal(here).quantize(step, ROUND_HALF_UP) == Decimal(there).quantize(step, ROUND_HALF_UP)
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() - {"id"} == two.keys() - {"id"} and all(
            equivalent(one[key], two[key]) for key in one.keys() - {"id"}
        )
    return equal(left, right) is True


def _exponent(value: int | Decimal) -> int:
    found = Decimal(value).as_tuple().exponent
    return found if isinstance(found, int) else 0


def compare(left: Any, right: Any) -> int | None:
    """-1, 0 or 1; None where it cannot be told. Raises Unfit for values of unlike kinds."""
    one, two = bare(left), bare(right)
    here, there = number(left), number(right)
    if here is not None and there is not None:
        return (here > there) - (here < there)
    texts = type(one) is str and type(two) is str
    if texts or Moment in (type(one), type(two)):
        first, second = moment(left, guess=True), moment(right, guess=True)
        if first and second and (first.kind == "time") == (second.kind == "time"):
            return first.compare(second)
        if texts:
            return int(one > two) - int(one < two)
    here_q, there_q = quantity(_as_quantity(one)), quantity(_as_quantity(two))
    if here_q and there_q:
        amounts = _amounts(here_q, there_q)
        return None if amounts is None else (amounts[0] > amounts[1]) - (amounts[0] < amounts[1])
    raise Unfit(f"{kind_of(left)} cannot be compared with {kind_of(right)}")


def key(value: Any) -> Any:
    """Something hashable that is the same for most equal values: a quick way to sort out duplicates."""
    value = bare(value)
    kind = type(value)
    if kind is bool or kind is str:
        return kind, value
    plain = number(value)
    return ("number", plain) if plain is not None else ("other",)


# --- types ------------------------------------------------------------------------------------------------

TEXTS = frozenset(
    {"string", "code", "id", "uri", "url", "canonical", "oid", "uuid", "markdown", "base64Binary", "xhtml"}
)
WHOLES = frozenset({"integer", "integer64", "positiveInt", "unsignedInt"})
PRIMITIVES = TEXTS | WHOLES | MOMENTS | {"boolean", "decimal"}
COMPLEX = frozenset({
    "Address", "Age", "Annotation", "Attachment", "Availability", "CodeableConcept", "CodeableReference", "Coding",
    "ContactDetail", "ContactPoint", "Contributor", "Count", "DataRequirement", "Distance", "Dosage", "Duration",
    "Expression", "ExtendedContactDetail", "Extension", "HumanName", "Identifier", "Meta", "MonetaryComponent", "Money",
    "ParameterDefinition", "Period", "Quantity", "Range", "Ratio", "RatioRange", "Reference", "RelatedArtifact",
    "SampledData", "Signature", "SimpleQuantity", "Timing", "TriggerDefinition", "UsageContext",
})  # fmt: skip
# What a choice element's name may end in: valueQuantity, onsetDateTime. Source: FHIR R4 and R5, "Open type elements".
CHOICES = {f"{name[0].upper()}{name[1:]}": name for name in PRIMITIVES | COMPLEX}
# Elements that FHIR R4 always types `date`; any other date in the JSON may be a dateTime. By name, which suffices.
DATES = frozenset(
    ["birthDate", "approvalDate", "lastReviewDate", "expirationDate", "paymentDate", "nextScheduled"]
)
_SYSTEM = {
    "Boolean": "boolean", "String": "string", "Integer": "integer", "Decimal": "decimal",
    "Date": "date", "DateTime": "dateTime", "Time": "time", "Long": "integer64",
}  # fmt: skip
_ABOVE = {
    "code": "string", "id": "string", "markdown": "string", "url": "uri", "canonical": "uri", "oid": "uri",
    "uuid": "uri", "positiveInt": "integer", "unsignedInt": "integer", "Age": "Quantity", "Count": "Quantity",
    "Distance": "Quantity", "Duration": "Quantity", "SimpleQuantity": "Quantity", "MoneyQuantity": "Quantity",
}  # fmt: skip
_NOT_DOMAIN = frozenset({"Bundle", "Parameters", "Binary"})


def kind_of(value: Any) -> str:
    """What to call the value in an error, without showing it."""
    if type(value) is Typed:
        return f"a {value.type}"
    match value:
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float() | Decimal():
            return "a number"
        case Moment():
            return f"a {value.kind}"
        case Quantity():
            return "a quantity"
    return "an element with parts"


def bare_type(name: str) -> str:
    """The type's name without its namespace: FHIR.Patient is Patient, System.Boolean is boolean."""
    space, dot, last = name.rpartition(".")
    return _SYSTEM.get(last, last) if space in ("System", "") and (dot or last in _SYSTEM) else last


def is_of(value: Any, name: str) -> bool:
    """Whether the value is of the type (from `bare_type`) or one below it. JSON alone cannot tell a code from a string:
    where nothing says, anything that it may be is held for true."""
    if type(value) is Typed:
        told: str | None = value.type
        while told is not None:
            if told == name:
                return True
            told = _ABOVE.get(told)
        return name == "Element" or (name == "integer64" and value.type == "integer")
    match value:
        case bool():
            return name == "boolean"
        case str():
            return name in TEXTS or (name in MOMENTS and moment(value, guess=True) is not None)
        case int():
            return name in WHOLES or name == "decimal"
        case float() | Decimal():
            return name == "decimal"
        case Moment():
            return name == value.kind or (name == "instant" and value.kind == "dateTime")
        case Quantity():
            return name == "Quantity"
        case dict():
            if (resource := value.get("resourceType")) is not None:
                domain = name == "DomainResource" and resource not in _NOT_DOMAIN
                return name in (resource, "Resource") or domain
            return name in COMPLEX or name in ("Element", "BackboneElement")
    return False
