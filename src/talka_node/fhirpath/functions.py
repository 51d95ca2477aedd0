"""The functions of FHIRPath by name. PLAIN ones get their target and arguments as collections; LAMBDAS get the target,
the run, the context and their arguments as code, which they run on each item.

Sources: FHIRPath 2.0; SQL on FHIR 2.0 for the two keys; FHIR R5 for the boundaries.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from talka_node.fhirpath.operators import EMPTY, FALSE, TRUE, Items, distinct, fit, holds, one, said, truth
from talka_node.fhirpath.values import (
    Moment,
    NotAMoment,
    Quantity,
    Typed,
    Unfit,
    bare,
    kind_of,
    moment,
    number,
    quantity,
)

if TYPE_CHECKING:
    from talka_node.fhirpath.compiler import Code, Run

MOST_ROUNDS = 10_000  # of repeat(): beyond it, the path goes in circles

# --- what is taken out of a collection --------------------------------------------------------------------


def text_of(items: Items, name: str) -> str | None:
    """The one text, or None of nothing."""
    value = one(items, f"`{name}()`")
    if value is None:
        return None
    inner = bare(value)
    if type(inner) is Moment:
        return str(inner)
    if type(inner) is not str:
        raise Unfit(f"`{name}()` is asked of text, not of {kind_of(value)}")
    return inner


def whole(items: Items, name: str) -> int | None:
    value = one(items, f"`{name}()`")
    if value is None:
        return None
    plain = number(value)
    if type(plain) is not int:
        raise Unfit(f"`{name}()` takes a whole number, not {kind_of(value)}")
    return plain


def amount(items: Items, name: str) -> int | Decimal | None:
    value = one(items, f"`{name}()`")
    if value is None:
        return None
    plain = number(value)
    if plain is None:
        raise Unfit(f"`{name}()` is asked of a number, not of {kind_of(value)}")
    return plain


def flags(items: Items, name: str) -> list[bool]:
    values = [bare(item) for item in items]
    if any(type(value) is not bool for value in values):
        raise Unfit(f"`{name}()` is asked of values that are true or false")
    return values


# --- existence and subsets --------------------------------------------------------------------------------


def single(items: Items) -> Items:
    if len(items) > 1:
        raise Unfit(f"`single()` met {len(items)} values; `first()` would choose one")
    return items


def skip(items: Items, count: Items) -> Items:
    given = whole(count, "skip")
    return items[max(given, 0) :] if given is not None else EMPTY


def take(items: Items, count: Items) -> Items:
    given = whole(count, "take")
    return items[: max(given, 0)] if given is not None else EMPTY


def intersect(items: Items, other: Items) -> Items:
    return distinct([item for item in items if holds(other, item)])


def exclude(items: Items, other: Items) -> Items:
    return [item for item in items if not holds(other, item)]


def subset(items: Items, other: Items) -> Items:
    return said(all(holds(other, item) for item in items))


def negate(items: Items) -> Items:
    value = truth(items)
    return EMPTY if value is None else said(not value)


def has_value(items: Items) -> Items:
    return said(len(items) == 1 and not isinstance(bare(items[0]), dict))


def get_value(items: Items) -> Items:
    return items if has_value(items) is TRUE else EMPTY


def children(items: Items) -> Items:
    found: Items = []
    for item in items:
        inner = bare(item)
        if isinstance(inner, dict):
            for name, child in inner.items():
                if name != "resourceType" and not name.startswith("_") and child is not None:
                    found.extend(child if isinstance(child, list) else [child])
    return found


def descendants(items: Items) -> Items:
    found: Items = []
    level = children(items)
    while level:
        found += level
        level = children(level)
    return found


def _extreme(name: str, high: bool) -> Callable[[Items], Items]:
    def extreme(items: Items) -> Items:
        values = [amount([item], name) for item in items]
        known = [value for value in values if value is not None]
        return [max(known) if high else min(known)] if known else EMPTY

    return extreme


def total(items: Items) -> Items:
    return [fit(sum((amount([item], "sum") or 0 for item in items), 0))]


def average(items: Items) -> Items:
    return [Decimal(total(items)[0]) / len(items)] if items else EMPTY


# --- with a criterion or projection -----------------------------------------------------------------------


def _each(items: Items, run: Run) -> Any:
    """The items one by one as a context, with `$index` told meanwhile."""
    before = run.index
    try:
        for run.index, item in enumerate(items):
            yield [item]
    finally:
        run.index = before


def where(items: Items, run: Run, context: Items, test: Code) -> Items:
    found: Items = []
    before = run.index
    for index, item in enumerate(items):
        run.index = index
        verdict = test([item], run)
        if verdict is TRUE or (verdict and truth(verdict)):
            found.append(item)
    run.index = before
    return found


def exists(items: Items, run: Run, context: Items, test: Code | None = None) -> Items:
    if test is None:
        return TRUE if items else FALSE
    return said(bool(where(items, run, context, test)))


def every(items: Items, run: Run, context: Items, test: Code) -> Items:
    return said(len(where(items, run, context, test)) == len(items))


def select(items: Items, run: Run, context: Items, projection: Code) -> Items:
    found: Items = []
    for each in _each(items, run):
        found += projection(each, run)
    return found


def repeat(items: Items, run: Run, context: Items, projection: Code) -> Items:
    found: Items = []
    level, rounds = items, 0
    while level:
        rounds += 1
        if rounds > MOST_ROUNDS:
            raise Unfit(f"`repeat()` found no end in {MOST_ROUNDS} rounds")
        fresh = distinct([*found, *select(level, run, context, projection)])
        level = fresh[len(found) :]
        found = fresh
    return found


def aggregate(items: Items, run: Run, context: Items, step: Code, start: Code | None = None) -> Items:
    before = run.total
    run.total = start(context, run) if start else EMPTY
    for each in _each(items, run):
        run.total = step(each, run)
    found, run.total = run.total, before
    return found


def trace(items: Items, run: Run, context: Items, *_: Code) -> Items:
    """Only passes on: what a node's views touch belongs in no log."""
    return items


def coalesce(items: Items, run: Run, context: Items, *choices: Code) -> Items:
    for choice in choices:
        if found := choice(context, run):
            return found
    return EMPTY


# --- text -------------------------------------------------------------------------------------------------


def _on_text(name: str, apply: Callable[..., Any]) -> Callable[..., Items]:
    """A function of one text and texts, empty if any of them is."""

    def on_text(items: Items, *arguments: Items) -> Items:
        text = text_of(items, name)
        others = [text_of(argument, name) for argument in arguments]
        if text is None or None in others:
            return EMPTY
        found = apply(text, *others)
        return EMPTY if found is None else found if isinstance(found, list) else [fit(found)]

    return on_text


def substring(items: Items, start: Items, length: Items | None = None) -> Items:
    text, at = text_of(items, "substring"), whole(start, "substring")
    if text is None or at is None or not 0 <= at < len(text):
        return EMPTY
    count = None if length is None else whole(length, "substring")
    return [text[at:] if count is None else text[at : at + max(count, 0)]]


def join(items: Items, separator: Items | None = None) -> Items:
    """One text of all. Of nothing it is the empty text, as SQL on FHIR has it, and not nothing."""
    between = "" if separator is None else text_of(separator, "join") or ""
    return [between.join(text for item in items if (text := text_of([item], "join")) is not None)]


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.DOTALL)
    except re.error as why:
        raise Unfit(f"not a regular expression: {why}") from None


def replace(text: str, old: str, new: str) -> str:
    return text.replace(old, new) if old else new + "".join(sign + new for sign in text)


def replace_matches(text: str, pattern: str, new: str) -> str:
    groups = re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", new)
    try:
        return _pattern(pattern).sub(groups, text)
    except (re.error, IndexError) as why:
        raise Unfit(f"not a replacement for that pattern: {why}") from None


def encode(text: str, form: str) -> str | None:
    raw = text.encode()
    match form:
        case "base64":
            return base64.b64encode(raw).decode()
        case "urlbase64":
            return base64.urlsafe_b64encode(raw).decode()
        case "hex":
            return raw.hex()
    raise Unfit("`encode()` and `decode()` know base64, urlbase64 and hex")


def decode(text: str, form: str) -> str | None:
    try:
        match form:
            case "base64":
                return base64.b64decode(text, validate=True).decode()
            case "urlbase64":
                return base64.urlsafe_b64decode(text).decode()
            case "hex":
                return bytes.fromhex(text).decode()
    except (binascii.Error, ValueError):
        return None
    raise Unfit("`encode()` and `decode()` know base64, urlbase64 and hex")


def escape(text: str, form: str) -> str:
    if form == "html":
        return html.escape(text)
    if form == "json":
        return json.dumps(text, ensure_ascii=False)[1:-1]
    raise Unfit("`escape()` and `unescape()` know html and json")


def unescape(text: str, form: str) -> str | None:
    if form == "html":
        return html.unescape(text)
    if form == "json":
        try:
            return str(json.loads(f'"{text}"'))
        except ValueError:
            return None
    raise Unfit("`escape()` and `unescape()` know html and json")


# --- numbers ----------------------------------------------------------------------------------------------


def _on_number(name: str, apply: Callable[[Any], Any]) -> Callable[[Items], Items]:
    def on_number(items: Items) -> Items:
        value = amount(items, name)
        found = None if value is None else apply(value)
        return EMPTY if found is None else [found]

    return on_number


def absolute(items: Items) -> Items:
    if items and type(items[0]) is Quantity and len(items) == 1:
        return [Quantity(abs(items[0].value), items[0].unit)]
    return _on_number("abs", abs)(items)


def rounded(items: Items, digits: Items | None = None) -> Items:
    value, places = amount(items, "round"), 0 if digits is None else whole(digits, "round")
    if value is None:
        return EMPTY
    if places is None or places < 0:
        raise Unfit("`round()` takes how many digits to keep after the point, 0 or more")
    found = Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return [found if digits is not None and places else int(found)]


def _root(value: int | Decimal) -> Decimal | None:
    return Decimal(value).sqrt() if value >= 0 else None


def logarithm(items: Items, base: Items) -> Items:
    value, to = amount(items, "log"), amount(base, "log")
    if value is None or to is None or value <= 0 or to <= 0 or to == 1:
        return EMPTY
    return [Decimal(repr(round(math.log(value, to), 12)))]


def power(items: Items, exponent: Items) -> Items:
    value, to = amount(items, "power"), amount(exponent, "power")
    if value is None or to is None or (value < 0 and to != int(to)) or (not value and to < 0):
        return EMPTY
    found = Decimal(value) ** Decimal(to)
    return [fit(int(found)) if type(value) is int and type(to) is int and to >= 0 else found]


# --- conversions ------------------------------------------------------------------------------------------

_TRUE, _FALSE = ({"true", "t", "yes", "y", "1", "1.0"}, {"false", "f", "no", "n", "0", "0.0"})
_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:'([^']+)'|([a-z]+))?")


def _boolean(value: Any) -> Any:
    if type(value) is bool:
        return value
    plain = number(value)
    if plain is not None:
        return {0: False, 1: True}.get(int(plain)) if plain == int(plain) else None
    word = value.lower() if type(value) is str else ""
    return True if word in _TRUE else False if word in _FALSE else None


def _integer(value: Any) -> Any:
    if type(value) is bool:
        return int(value)
    if type(value) is str:
        return int(value) if re.fullmatch(r"[+-]?[0-9]+", value) else None
    plain = number(value)
    return plain if type(plain) is int else None


def _decimal(value: Any) -> Any:
    if type(value) is bool:
        return Decimal(int(value))
    if type(value) is str:
        return Decimal(value) if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", value) else None
    plain = number(value)
    return None if plain is None else Decimal(plain)


def _string(value: Any) -> Any:
    if type(value) is bool:
        return "true" if value else "false"
    plain = number(value)
    if plain is not None:
        return format(plain, "f") if type(plain) is Decimal else str(plain)
    if type(value) is Quantity:
        return f"{value.value} '{value.unit}'"
    return str(value) if type(value) in (str, Moment) else None


def _moment_to(kind: str) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        found = value if type(value) is Moment else None
        if type(value) is str:
            try:
                found = Moment.read(value, "time" if kind == "time" else None)
            except NotAMoment:
                return None
        if found is None or (found.kind == "time") != (kind == "time"):
            return None
        if kind == "date":
            return Moment("date", found.parts[:3])
        return Moment(kind, found.parts, found.zone)

    return convert


def _quantity(value: Any) -> Any:
    if type(value) is str:
        found = _QUANTITY.fullmatch(value.strip())
        return Quantity(Decimal(found[1]), found[2] or found[3] or "1") if found else None
    plain = number(value)
    return Quantity(Decimal(plain)) if plain is not None else quantity(value)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "Boolean": _boolean, "Integer": _integer, "Long": _integer, "Decimal": _decimal, "String": _string,
    "Date": _moment_to("date"), "DateTime": _moment_to("dateTime"), "Time": _moment_to("time"),
    "Quantity": _quantity,
}  # fmt: skip


def _converts(name: str, convert: Callable[[Any], Any], ask: bool) -> Callable[..., Items]:
    def conversion(items: Items, *unit: Items) -> Items:
        value = one(items, f"`{name}()`")
        if value is None:
            return EMPTY
        found = convert(bare(value))
        if unit and found is not None and found.unit != text_of(unit[0], name):
            found = None  # only what already has the unit asked for
        return said(found is not None) if ask else EMPTY if found is None else [found]

    return conversion


# --- boundaries -------------------------------------------------------------------------------------------

EXACT = frozenset({"lowBoundary", "highBoundary", "precision"})
MOST_DIGITS = 28


def _digits(value: int | Decimal) -> int:
    exponent = Decimal(value).as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _boundary(name: str, high: bool) -> Callable[..., Items]:
    def bound_number(value: int | Decimal, digits: int | None) -> Decimal | None:
        if digits is not None and not 0 <= digits <= MOST_DIGITS:
            return None
        half = Decimal(5).scaleb(-_digits(value) - 1)
        edge = Decimal(value) + (half if high else -half)
        if digits is None:
            return edge
        return edge.quantize(Decimal(1).scaleb(-digits), ROUND_CEILING if high else ROUND_FLOOR)

    def boundary(items: Items, precision: Items | None = None) -> Items:
        value = one(items, f"`{name}()`")
        digits = None if precision is None else whole(precision, name)
        if value is None:
            return EMPTY
        plain = number(value)
        if plain is not None:
            edge = bound_number(plain, digits)
            return EMPTY if edge is None else [edge]
        when = moment(value, guess=True)
        if when is not None:
            if type(value) is str and when.kind == "date":  # what FHIR types `date` is known by name
                when = Moment("dateTime", when.parts)
            found = when.boundary(high, digits)
            return EMPTY if found is None else [found]
        measured = quantity(value)
        if measured is not None:
            edge = bound_number(measured.value, digits)
            return EMPTY if edge is None else [Quantity(edge, measured.unit)]
        raise Unfit(f"`{name}()` is asked of numbers, dates, times and quantities, not of {kind_of(value)}")

    return boundary


def precision_of(items: Items) -> Items:
    value = one(items, "`precision()`")
    if value is None:
        return EMPTY
    plain = number(value)
    if plain is not None:
        return [_digits(plain)]
    when = moment(value, guess=True)
    if when is None:
        raise Unfit(f"`precision()` is asked of numbers, dates and times, not of {kind_of(value)}")
    return [sum(sign.isdigit() for sign in str(Moment(when.kind, when.parts)))]


# --- keys -------------------------------------------------------------------------------------------------

_REFERENCE = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/[^/]+)?")


def resource_keys(items: Items) -> Items:
    """The key of each resource: its id, as `reference_keys` reads it from references."""
    found: Items = []
    for item in items:
        inner = bare(item)
        if not isinstance(inner, dict) or "resourceType" not in inner:
            raise Unfit(f"`getResourceKey()` is asked of a resource, not of {kind_of(item)}")
        if inner.get("id") is not None:
            found.append(inner["id"])
    return found


def reference_keys(items: Items, of: str | None) -> Items:
    """The key that each reference points to; none if to another type than `of`, contained or by identifier."""
    found: Items = []
    for item in items:
        inner = bare(item)
        address = inner.get("reference") if isinstance(inner, dict) else None
        if not isinstance(address, str):
            continue
        if parts := _REFERENCE.fullmatch(address):
            if of is None or parts[1] == of:
                found.append(parts[2])
        elif address.startswith(("urn:uuid:", "urn:oid:")) and of in (None, inner.get("type")):
            found.append(address.rpartition(":")[2])
    return found


# --- the clock --------------------------------------------------------------------------------------------


def _now(kind: str) -> Callable[[Items], Items]:
    def now(items: Items) -> Items:
        at = datetime.now(UTC)
        date = (at.year, at.month, at.day)
        clock = (at.hour, at.minute, Decimal(at.second) + Decimal(at.microsecond // 1000) / 1000)
        if kind == "date":
            return [Moment("date", date)]
        return [Moment("time", clock) if kind == "time" else Moment("dateTime", (*date, *clock), 0)]

    return now


# --- the tables: least and most arguments, and the function -----------------------------------------------

PLAIN: dict[str, tuple[int, int, Callable[..., Items]]] = {
    "empty": (0, 0, lambda items: said(not items)),
    "not": (0, 0, negate),
    "count": (0, 0, lambda items: [len(items)]),
    "first": (0, 0, lambda items: items[:1]),
    "last": (0, 0, lambda items: items[-1:]),
    "tail": (0, 0, lambda items: items[1:]),
    "single": (0, 0, single),
    "skip": (1, 1, skip),
    "take": (1, 1, take),
    "distinct": (0, 0, distinct),
    "isDistinct": (0, 0, lambda items: said(len(distinct(items)) == len(items))),
    "intersect": (1, 1, intersect),
    "exclude": (1, 1, exclude),
    "union": (1, 1, lambda items, other: distinct(items + other)),
    "combine": (1, 1, lambda items, other: items + other),
    "subsetOf": (1, 1, subset),
    "supersetOf": (1, 1, lambda items, other: subset(other, items)),
    "allTrue": (0, 0, lambda items: said(all(flags(items, "allTrue")))),
    "anyTrue": (0, 0, lambda items: said(any(flags(items, "anyTrue")))),
    "allFalse": (0, 0, lambda items: said(not any(flags(items, "allFalse")))),
    "anyFalse": (0, 0, lambda items: said(not all(flags(items, "anyFalse")))),
    "hasValue": (0, 0, has_value),
    "getValue": (0, 0, get_value),
    "children": (0, 0, children),
    "descendants": (0, 0, descendants),
    "sum": (0, 0, total),
    "min": (0, 0, _extreme("min", False)),
    "max": (0, 0, _extreme("max", True)),
    "avg": (0, 0, average),
    "join": (0, 1, join),
    "substring": (1, 2, substring),
    "length": (0, 0, _on_text("length", len)),
    "upper": (0, 0, _on_text("upper", str.upper)),
    "lower": (0, 0, _on_text("lower", str.lower)),
    "trim": (0, 0, _on_text("trim", str.strip)),
    "toChars": (0, 0, _on_text("toChars", list)),
    "indexOf": (1, 1, _on_text("indexOf", str.find)),
    "lastIndexOf": (1, 1, _on_text("lastIndexOf", str.rfind)),
    "startsWith": (1, 1, _on_text("startsWith", str.startswith)),
    "endsWith": (1, 1, _on_text("endsWith", str.endswith)),
    "contains": (1, 1, _on_text("contains", str.__contains__)),
    "split": (1, 1, _on_text("split", lambda text, by: text.split(by) if by else list(text))),
    "replace": (2, 2, _on_text("replace", replace)),
    "matches": (1, 1, _on_text("matches", lambda text, by: _pattern(by).search(text) is not None)),
    "matchesFull": (1, 1, _on_text("matchesFull", lambda text, by: _pattern(by).fullmatch(text) is not None)),
    "replaceMatches": (2, 2, _on_text("replaceMatches", replace_matches)),
    "encode": (1, 1, _on_text("encode", encode)),
    "decode": (1, 1, _on_text("decode", decode)),
    "escape": (1, 1, _on_text("escape", escape)),
    "unescape": (1, 1, _on_text("unescape", unescape)),
    "abs": (0, 0, absolute),
    "ceiling": (0, 0, _on_number("ceiling", math.ceil)),
    "floor": (0, 0, _on_number("floor", math.floor)),
    "truncate": (0, 0, _on_number("truncate", int)),
    "round": (0, 1, rounded),
    "sqrt": (0, 0, _on_number("sqrt", _root)),
    "exp": (0, 0, _on_number("exp", lambda value: Decimal(value).exp())),
    "ln": (0, 0, _on_number("ln", lambda value: Decimal(value).ln() if value > 0 else None)),
    "log": (1, 1, logarithm),
    "power": (1, 1, power),
    "lowBoundary": (0, 1, _boundary("lowBoundary", False)),
    "highBoundary": (0, 1, _boundary("highBoundary", True)),
    "precision": (0, 0, precision_of),
    "now": (0, 0, _now("dateTime")),
    "today": (0, 0, _now("date")),
    "timeOfDay": (0, 0, _now("time")),
    **{f"to{name}": (0, int(name == "Quantity"), _converts(f"to{name}", convert, False))
       for name, convert in _CONVERSIONS.items()},
    **{f"convertsTo{name}": (0, int(name == "Quantity"), _converts(f"convertsTo{name}", convert, True))
       for name, convert in _CONVERSIONS.items()},
}  # fmt: skip

LAMBDAS: dict[str, tuple[int, int, Callable[..., Items]]] = {
    "where": (1, 1, where),
    "exists": (0, 1, exists),
    "all": (1, 1, every),
    "select": (1, 1, select),
    "repeat": (1, 1, repeat),
    "aggregate": (1, 2, aggregate),
    "trace": (1, 2, trace),
    "coalesce": (1, 20, coalesce),
}

__all__ = ["EXACT", "LAMBDAS", "PLAIN", "InvalidOperation", "Typed", "reference_keys", "resource_keys"]
