"""A table as a JSON list of objects, one for a row: what programs hand to each other."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

from .documents import Document, flat
from .limits import Limits
from .places import Place
from .problems import BadFile, TooLarge, Unreadable
from .tables import Collector, Table
from .text import Value, canonical, clean, native_number


class _Twice(Exception):
    """An object names a key twice: JSON allows it, and then one value would silently win."""


class _NotFinite(Exception):
    """NaN and Infinity are not JSON, though Python's reader takes them."""


def read(data: bytes, place: Place, limits: Limits) -> list[Table]:
    """The one table: its header are the keys in the order of their first use; row 1 is the first object's.

    A list of plain values in a cell becomes lines; null becomes an empty cell.
    """
    try:
        rows = json.loads(
            data.decode(json.detect_encoding(data)),
            object_pairs_hook=_object,
            parse_int=str,  # a number of any length, kept to the digit
            parse_float=Decimal,
            parse_constant=_refuse_constant,
        )
    except _Twice as error:
        raise Unreadable("json-twice", place, key=str(error)) from error
    except json.JSONDecodeError as error:
        raise Unreadable("json-syntax", replace(place, line=error.lineno), detail=error.msg) from error
    except (_NotFinite, RecursionError, UnicodeDecodeError) as error:
        raise Unreadable("json-syntax", place, detail=type(error).__name__.strip("_")) from error
    if not isinstance(rows, list):
        raise Unreadable("json-shape", place, found=type(rows).__name__)
    keys: dict[str, None] = {}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise Unreadable("json-shape", replace(place, row=number), found=type(row).__name__)
        keys |= dict.fromkeys(row)
        if len(keys) > limits.columns:
            raise TooLarge("columns", replace(place, row=number), limit=limits.columns)
    collector = Collector(place, limits)
    collector.add(0, list(keys))
    for number, row in enumerate(rows, 1):
        texts = [_text(row.get(key), key, replace(place, row=number)) for key in keys]
        collector.add(number, texts)
    return [Table("", place, [], collector.rows())]


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(key)
        found[key] = value
    return found


def _refuse_constant(name: str) -> None:
    raise _NotFinite(name)


def _text(value: object, key: str, place: Place) -> str:
    match value:
        case list():
            if any(isinstance(item, list | dict) for item in value):
                raise _nested(key, place)
            return "\n".join(_text(item, key, place) for item in value)
        case dict():
            raise _nested(key, place)
        case None | bool() | str() | Decimal():
            return canonical(value)
    raise TypeError(
        f"JSON cannot hold {type(value).__name__}"
    )  # pragma: no cover -- all kinds of JSON are above


def _nested(key: str, place: Place) -> BadFile:
    return Unreadable("json-nested", place, key=clean(key)[:60])


def write(document: Document) -> bytes:
    """A list of objects, one to a line of its own. Numbers and truth values stay what they are, the rest is
    text.

    Raises ValueError if two columns have the same header: an object can name each only once.
    """
    grid = flat(document)
    if len(set(grid.header)) < len(grid.header):
        twice = next(text for index, text in enumerate(grid.header) if text in grid.header[:index])
        raise ValueError(f"two columns are called «{twice}»: JSON needs a name of its own for each")
    lines = [
        json.dumps(
            {key: _plain(value) for key, value in zip(grid.header, row, strict=True)}, ensure_ascii=False
        )
        for row in grid.rows
    ]
    if not lines:
        return b"[]\n"
    return ("[\n  " + ",\n  ".join(lines) + "\n]\n").encode()


def _plain(value: Value) -> str | float | None:
    if value is None or isinstance(value, int):  # truth too; whole numbers of any length
        return value
    number = native_number(value) if isinstance(value, float | Decimal) else None
    return canonical(value) if number is None else number
