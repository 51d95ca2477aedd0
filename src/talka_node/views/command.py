"""`talka-node view VIEW.json RESOURCES.ndjson`: rows to the given stream, one JSON object a line, as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from talka_node.views.definition import View, ViewError

LONGEST = 64 * 1024 * 1024  # bytes of one line; a single line of gigabytes must not fill the memory


def view_command(view_path: Path, resources_path: Path, out: BinaryIO) -> int:
    """Writes the rows to `out` and gives their number. Raises ViewError, naming file and line; rows written by then
    stay, so a caller that keeps them must look at the outcome."""
    view = _view(view_path)
    written = 0
    for line, resource in _resources(resources_path, view.exact):
        try:
            rows = view.rows_of(resource)
        except ViewError as why:
            raise ViewError(f"{resources_path.name} line {line}, {why.place}", why.why) from None
        out.writelines(orjson.dumps(row, default=_number) + b"\n" for row in rows)
        written += len(rows)
    return written


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):  # within an element with parts that a column takes whole
        return float(value)
    raise TypeError


def _view(path: Path) -> View:
    try:
        return View.of(orjson.loads(path.read_bytes()))
    except orjson.JSONDecodeError as why:
        raise ViewError(path.name, f"not JSON: {why}") from None
    except ViewError as why:
        raise ViewError(f"{path.name}: {why.place}".removesuffix(": "), why.why) from None


def _resources(path: Path, exact: bool) -> Iterator[tuple[int, Any]]:
    """Each resource with its line, 1 being the first. Empty lines are passed over."""
    with path.open("rb") as file:
        line = 0
        while text := file.readline(LONGEST + 1):
            line += 1
            if len(text) > LONGEST:
                raise ViewError(
                    f"{path.name} line {line}", f"longer than {LONGEST} bytes; one resource a line is right"
                )
            if line == 1:
                text = text.removeprefix(b"\xef\xbb\xbf")
            if not text.strip():
                continue
            try:
                yield line, json.loads(text, parse_float=Decimal) if exact else orjson.loads(text)
            except (ValueError, RecursionError) as why:
                told = str(why).split(":")[0] if isinstance(why, ValueError) else "nested too deep"
                raise ViewError(
                    f"{path.name} line {line}",
                    f"not a whole resource in JSON, as each line should be: {told}",
                ) from None
