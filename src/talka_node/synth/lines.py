"""Lines of text from columns: a template is filled for all rows at once by DuckDB, millions a second.

    lines.write(path, '{"id":"c$id","code":"$code"}', {"id": numbers, "code": names})

A `$name` is a column as text, or an SQL expression given for it. Each call adds to the end of the file, so that a
country is written chunk by chunk.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import numpy.typing as npt

_PLACE = re.compile(r"\$([a-z_]+)")


def date(column: str) -> str:
    """SQL: a column of days since 1970-01-01 as a date."""
    return f"(DATE '1970-01-01' + {column})"


def iso(column: str) -> str:
    """SQL: the same as text."""
    return f"{date(column)}::VARCHAR"


def where(condition: str, text: str) -> str:
    """SQL: the expression `text` where the condition holds, else nothing."""
    return f"CASE WHEN {condition} THEN {text} ELSE '' END"


def quoted(text: str) -> str:
    """SQL: a piece of text."""
    return "'" + text.replace("'", "''") + "'"


def filled(template: str, **sql: str) -> str:
    """SQL: the template with each `$name` as text: an expression if one is given for it, else the column."""
    pieces = []
    for place, piece in enumerate(_PLACE.split(template)):
        if place % 2 == 0:
            pieces += [quoted(piece)] if piece else []
        elif piece in sql:
            pieces.append(f"coalesce(({sql[piece]})::VARCHAR, '')")
        else:
            pieces.append(f'"{piece}"::VARCHAR')
    return " || ".join(pieces)


class Lines:
    """Writes files under a folder, which must not hold them yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection = duckdb.connect()
        # The order of rows is part of what a seed promises.
        self.connection.execute("SET preserve_insertion_order = true")

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def head(self, name: str, text: str) -> None:
        """Begins a file with a line, if it is new."""
        path = self.folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8")

    def write(self, name: str, template: str, columns: dict[str, npt.NDArray[Any]], **sql: str) -> int:
        """Adds a line per row, see `filled`; gives their number."""
        rows = len(next(iter(columns.values())))
        if not rows:
            return 0
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        self.connection.register("rows", columns)
        self.connection.execute(
            f"COPY (SELECT {filled(template, **sql)} FROM rows) TO {quoted(str(part))} "
            "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')"
        )
        self.connection.unregister("rows")
        with part.open("rb") as source, path.open("ab") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        part.unlink()
        return rows
