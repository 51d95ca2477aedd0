"""Where something stands in a file, in the words a person would use to find it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from openpyxl.utils import get_column_letter

# Every word that `Place.describe` may ask to translate.
PLACE_WORDS: dict[str, str] = {
    "page": "page %(value)s",
    "table": "table %(value)s",
    "sheet": "sheet «%(value)s»",
    "cell": "cell %(value)s",
    "line": "line %(value)s",
    "row": "row %(value)s",
    "column": "column %(value)s",
}


@dataclass(frozen=True, slots=True)
class Place:
    """All numbers count from 1. `sheet` is set in workbooks, `table` where a file holds several tables,
    `page` in PDF, `line` only where no row can be named (text that cannot be cut into rows)."""

    file: str
    table: int | None = None
    sheet: str | None = None
    page: int | None = None
    row: int | None = None
    column: int | None = None
    line: int | None = None

    def parts(self) -> list[tuple[str, str | int]]:
        """The place from the outside in: `[("file", "plan.docx"), ("table", 3), ("row", 2), ("column",
        5)]`."""
        found: list[tuple[str, str | int]] = [("file", self.file)]
        if self.page is not None:
            found.append(("page", self.page))
        if self.sheet is not None:
            found.append(("sheet", self.sheet))
        elif self.table is not None:
            found.append(("table", self.table))
        if self.line is not None:
            found.append(("line", self.line))
        if self.sheet is not None and self.row is not None and self.column is not None:
            return [*found, ("cell", f"{get_column_letter(self.column)}{self.row}")]
        if self.row is not None:
            found.append(("row", self.row))
        if self.column is not None:
            found.append(("column", self.column))
        return found

    def describe(self, translate: Callable[[str], str] = str) -> str:
        """The place in words; `translate` receives the msgids of `PLACE_WORDS`."""
        (_, file), *rest = self.parts()
        return ", ".join(
            [str(file), *(translate(PLACE_WORDS[kind]) % {"value": value} for kind, value in rest)]
        )

    def __str__(self) -> str:
        return self.describe()
