"""Questions as text: one canonical JSON, which is what is hashed, signed, journalled and replayed.

    text = dumps(question)
    loads(text) == question
    digest(question)        # SHA-256 of the text, in hexadecimal

Canonical: keys sorted, no blanks, UTF-8; sets sorted; what is at its default left out (but for the version); a whole
number without a fraction, any other as the shortest text that reads back to the same value. So equal questions are
equal texts. Loading is strict and says where something is wrong and what would be right; it accepts keys in any
order and defaults spelt out.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import types
from collections.abc import Iterable
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Any, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from talka_query import nodes
from talka_query.nodes import VERSION, Question

T = TypeVar("T")

MOST_BYTES = 1 << 20
DEEPEST = 32  # levels of lists and objects: fifteen of criteria, where a person's question has about three
MOST_AXES = 3
LARGEST = 2_000_000_000  # of a whole number, either way: engines keep them in 32 bits

# How a criterion says what it is, under the key "is".
KINDS: dict[str, type[Any]] = {
    "all": nodes.All,
    "any": nodes.Any,
    "not": nodes.Not,
    "sex": nodes.IsSex,
    "age": nodes.Age,
    "born": nodes.Born,
    "alive": nodes.Alive,
    "lives_in": nodes.LivesIn,
    "in_cohort": nodes.InCohort,
    "diagnosis": nodes.Diagnosis,
    "specimen": nodes.Specimen,
    "measurement": nodes.Measurement,
    "medication": nodes.Medication,
    "procedure": nodes.Procedure,
    "variant": nodes.Variant,
    "variant_in": nodes.VariantIn,
    "within": nodes.Within,
}
KIND_OF = {cls: kind for kind, cls in KINDS.items()}


_CODE = re.compile(r"\d{6}-?\d{5}")  # a personal code, which never appears in an error


def masked(text: str) -> str:
    """The text without anything that may be a personal code."""
    return _CODE.sub("…", text)


class Malformed(ValueError):
    """A text that is no question (or permit). `path` is where, as in "such_that.of[2].codes"; "" is the whole."""

    def __init__(self, path: str, problem: str) -> None:
        self.path, self.problem = masked(path), problem
        super().__init__(f"{self.path}: {problem}" if path else problem)


# --- questions --------------------------------------------------------------------------------------------


def dumps(question: Question) -> str:
    """The canonical text. Raises Malformed if the question holds what no text can say (a number that is not finite)."""
    return canonical(encode(question))


def loads(text: str | bytes) -> Question:
    """The question of a text. Raises Malformed."""
    return read_question(parse(text))


def digest(question: Question) -> str:
    """SHA-256 of the canonical text in UTF-8, in hexadecimal."""
    return sha256(dumps(question).encode()).hexdigest()


def read_question(data: Any) -> Question:
    """The question of parsed JSON, as in the body of a larger message. Raises Malformed."""
    if isinstance(data, dict):
        check_version(data)
    return decode(Question, data)


def check_version(data: dict[str, Any]) -> None:
    """Raises Malformed unless the object says the version that we speak: before anything else is judged by it."""
    if "version" not in data:
        _refuse("version", f"is missing; write {VERSION}")
    version = data["version"]
    if type(version) is not int or version != VERSION:
        _refuse("version", f"{_told(version)} is not known here; this is version {VERSION} of the language")


# --- any frozen value of ours -----------------------------------------------------------------------------


def canonical(data: Any) -> str:
    """Parsed JSON as text, in the one canonical way."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def parse(text: str | bytes) -> Any:
    """JSON as data, stricter than most: UTF-8, no repeated keys, numbers that are finite. Raises Malformed."""
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogatepass")
    if len(text) > MOST_BYTES:
        _refuse("", f"is {len(text)} bytes long; the most is {MOST_BYTES}")
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError:
        _refuse("", "is not text in UTF-8")
    except json.JSONDecodeError as error:
        _refuse("", f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        _refuse("", f"is nested too deeply; the most is {DEEPEST} levels")
    except ValueError as error:
        if isinstance(error, Malformed):
            raise
        _refuse("", "holds a number with too many digits")


def encode(value: Any, path: str = "", depth: int = 0) -> Any:
    """A frozen value of dataclasses, sets, dates … as what JSON can say. Raises Malformed where it cannot."""
    if depth > DEEPEST:
        _refuse(path, f"is nested too deeply; the most is {DEEPEST} levels")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, str):
        return _text(value, path)
    if isinstance(value, int | float):
        return _shortest(value, path)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted((encode(each, path, depth + 1) for each in value), key=canonical)
    if isinstance(value, tuple):
        return [encode(each, f"{path}[{place}]", depth + 1) for place, each in enumerate(value)]
    if is_dataclass(value):
        said = {
            field.name: encode(getattr(value, field.name), _below(path, field.name), depth + 1)
            for field in fields(value)
            if field.name == "version" or getattr(value, field.name) != field.default
        }
        kind = KIND_OF.get(type(value))
        return said if kind is None else {"is": kind} | said
    raise TypeError(f"{path}: {type(value).__name__} has no text")


def decode(cls: type[T], data: Any, path: str = "") -> T:
    """A value of a frozen dataclass from parsed JSON. Raises Malformed with the place."""
    found: T = _read(cls, data, path, 0)
    return found


# --- reading ----------------------------------------------------------------------------------------------


def _read(hint: Any, data: Any, path: str, depth: int) -> Any:
    if depth > DEEPEST:
        _refuse(path, f"is nested too deeply; the most is {DEEPEST} levels")
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, Union):
        return _read_one_of(arguments, data, path, depth)
    if origin in (frozenset, tuple):
        if not isinstance(data, list):
            _refuse(path, f"is {_told(data)}; it must be a list")
        return origin(
            _read(arguments[0], each, f"{path}[{place}]", depth + 1) for place, each in enumerate(data)
        )
    if is_dataclass(hint):
        return _read_object(hint, data, path, depth)
    return _read_plain(hint, data, path)


def _read_one_of(hints: tuple[Any, ...], data: Any, path: str, depth: int) -> Any:
    kinds = [hint for hint in hints if hint is not types.NoneType]
    if data is None and len(kinds) < len(hints):
        return None
    if len(kinds) == 1:
        return _read(kinds[0], data, path, depth)
    names = [KIND_OF[hint] for hint in kinds]
    if not isinstance(data, dict):
        _refuse(path, f'is {_told(data)}; it must be an object with "is": one of {_listed(names)}')
    if "is" not in data:
        _refuse(_below(path, "is"), f"is missing; it must be one of {_listed(names)}")
    if data["is"] not in names:
        _refuse(_below(path, "is"), f"{_told(data['is'])} is not possible here; {_meant(data['is'], names)}")
    return _read_object(KINDS[data["is"]], data, path, depth)


def _read_object(cls: Any, data: Any, path: str, depth: int) -> Any:
    if not isinstance(data, dict):
        _refuse(path, f"is {_told(data)}; it must be an object")
    kind = KIND_OF.get(cls)
    hints = _hints(cls)
    for key in data:
        if key == "is" and kind is not None:
            if data["is"] != kind:
                _refuse(_below(path, "is"), f'{_told(data["is"])} is not possible here; it must be "{kind}"')
        elif key not in hints:
            _refuse(_below(path, key), f"is not known; {_meant(key, hints)}")
    given = {}
    for field in fields(cls):
        if field.name in data:
            given[field.name] = _read(
                hints[field.name], data[field.name], _below(path, field.name), depth + 1
            )
        elif field.default is MISSING:
            _refuse(_below(path, field.name), "is missing")
    value = cls(**given)
    _whole(value, path)
    return value


def _whole(value: Any, path: str) -> None:
    """What fields alone do not show."""
    if isinstance(value, nodes.VariantIn):
        if value.gene is None and value.chromosome is None:
            _refuse(path, "needs a gene or a chromosome")
        if value.chromosome is None and (value.start is not None or value.end is not None):
            _refuse(_below(path, "chromosome"), "is missing; start and end are positions of a chromosome")
    if isinstance(value, Question):
        if len(value.by) > MOST_AXES:
            _refuse("by", f"names {len(value.by)} axes; the most is {MOST_AXES}")
        if len(set(value.by)) < len(value.by):
            _refuse("by", "names an axis twice")


def _read_plain(hint: Any, data: Any, path: str) -> Any:
    if hint is str:
        if isinstance(data, str):
            return _text(data, path)
        _refuse(path, f"is {_told(data)}; it must be text")
    if hint is bool:
        if isinstance(data, bool):
            return data
        _refuse(path, f"is {_told(data)}; it must be true or false")
    if hint is int:
        if isinstance(data, bool) or not isinstance(data, int):
            _refuse(path, f"is {_told(data)}; it must be a whole number")
        if abs(data) > LARGEST:
            _refuse(path, f"must lie between -{LARGEST} and {LARGEST}")
        return data
    if hint is float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            _refuse(path, f"is {_told(data)}; it must be a number")
        try:
            return _finite(float(data), path)
        except OverflowError:
            _refuse(path, "is too large for a number")
    if hint is date:
        return _read_date(data, path)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        names = [str(each) for each in hint]
        if isinstance(data, str) and data in names:
            return hint(data)
        _refuse(path, f"is {_told(data)}; {_meant(data, names)}")
    raise TypeError(f"{path}: {hint} cannot be read")


def _read_date(data: Any, path: str) -> date:
    try:
        found = date.fromisoformat(data)
    except (TypeError, ValueError):
        found = None
    if found is None or found.isoformat() != data:  # "20260131" is ISO too, but not the one way of writing
        _refuse(path, f"is {_told(data)}; it must be a day written as 2026-01-31")
    return found


# --- small parts ------------------------------------------------------------------------------------------


def _refuse(path: str, problem: str) -> NoReturn:
    raise Malformed(path, problem)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _told(value: Any) -> str:
    """A wrong value, short enough for a sentence, and without what may be a personal code."""
    text = masked(json.dumps(value, ensure_ascii=True))
    return text if len(text) <= 40 else f"{text[:37]}..."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _meant(wrong: Any, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(wrong, list(names), n=1) if isinstance(wrong, str) else []
    hint = f'did you mean "{near[0]}"? ' if near else ""
    return f"{hint}it must be one of {_listed(names)}"


def _text(value: str, path: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):
        _refuse(path, "holds half of a surrogate pair, which is no character")
    return value


def _finite(value: float, path: str) -> float:
    if not math.isfinite(value):
        _refuse(path, "must be a finite number")
    return value


def _shortest(value: float, path: str) -> int | float:
    """25.0 as 25, and -0.0, which equals it, as 0. Beyond 2⁵³ whole numbers would pretend to digits they have not."""
    try:
        value = _finite(float(value), path)
    except OverflowError:
        _refuse(path, "is too large for a number")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            _refuse("", f"says {_told(key)} twice in one object")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    _refuse("", f"holds {name}, which is not JSON; numbers must be finite")


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    return get_type_hints(cls)
