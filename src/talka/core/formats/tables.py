"""What every reader gives back, whatever the file was: tables of text, each cell knowing where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from .limits import LIMITS, Limits
from .places import Place
from .problems import TooLarge
from .text import clean

Merged = Literal["", "left", "above"]
"""Whether a cell only repeats, as part of a merged area, the cell to its left or above it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """`text` is canonical (see `text.clean`). A merged area gives its text to every cell it covers."""

    text: str
    place: Place
    merged: Merged = ""


@dataclass(frozen=True, slots=True)
class Row:
    """`number` is the row's number, from 1, as a person counts it in the program that shows the file."""

    cells: tuple[Cell, ...]
    number: int

    @property
    def texts(self) -> list[str]:
        return [cell.text for cell in self.cells]

    @property
    def blank(self) -> bool:
        return not any(cell.text for cell in self.cells)

    @property
    def section(self) -> str | None:
        """The text of a row that only announces what follows («1. Rīcības virziens …»), else None.

        Such a row has one text, which stands in the first column or is merged over several. A lone text
        deeper in the row is not a section: it is more likely the rest of a cell that a page break cut in two.
        """
        own = [index for index, cell in enumerate(self.cells) if cell.text and not cell.merged]
        if len(own) != 1 or len(self.cells) < 2:
            return None
        index = own[0]
        wide = index + 1 < len(self.cells) and self.cells[index + 1].merged == "left"
        return self.cells[index].text if index == 0 or wide else None


@dataclass(frozen=True, slots=True)
class Table:
    """`above` are the texts between the table before and this one, in order. Rows all have the same width;
    rows without any text stay where they are between others, and are dropped at the end."""

    name: str
    place: Place
    above: list[str]
    rows: list[Row]

    @property
    def width(self) -> int:
        return len(self.rows[0].cells) if self.rows else 0

    @property
    def texts(self) -> list[list[str]]:
        """The bare texts, row by row."""
        return [row.texts for row in self.rows]


@dataclass(slots=True)
class Collector:
    """Takes the rows of one table as they are read, and refuses what is beyond the limits as soon as it
    shows."""

    place: Place
    limits: Limits = LIMITS
    _rows: list[tuple[int, list[str], Sequence[Merged]]] = field(default_factory=list)

    def add(self, number: int, texts: Sequence[str], merged: Sequence[Merged] = ()) -> None:
        """`texts` as the file has them; `merged` may be shorter: the rest is not merged."""
        cleaned = [clean(text) for text in texts]
        while cleaned and not cleaned[-1]:
            cleaned.pop()
        if number > self.limits.rows:
            if not cleaned:
                return
            raise TooLarge("rows", replace(self.place, row=number), limit=self.limits.rows)
        if len(cleaned) > self.limits.columns:
            raise TooLarge(
                "columns", replace(self.place, row=number, column=len(cleaned)), limit=self.limits.columns
            )
        for column, text in enumerate(cleaned, 1):
            if len(text) > self.limits.cell_characters:
                raise TooLarge(
                    "cell-characters",
                    replace(self.place, row=number, column=column),
                    found=len(text),
                    limit=self.limits.cell_characters,
                )
        self._rows.append((number, cleaned, merged))

    def rows(self) -> list[Row]:
        """All rows squared to the width of the widest, without the blank ones at the end."""
        taken = list(self._rows)
        while taken and not taken[-1][1]:
            taken.pop()
        width = max((len(texts) for _, texts, _ in taken), default=0)
        return [
            Row(
                tuple(
                    Cell(
                        texts[index] if index < len(texts) else "",
                        replace(self.place, row=number, column=index + 1),
                        merged[index] if index < len(merged) else "",
                    )
                    for index in range(width)
                ),
                number,
            )
            for number, texts, merged in taken
        ]


def split_titles(rows: list[Row], header: int | None = None) -> tuple[list[str], list[Row]]:
    """Parts the titles that people write above a header from the table itself (workbooks, csv).

    A title is a leading row with at most one text, while the table below has rows with several. `header` is
    the index of the header row where the file itself says so. A list of one column has no titles that could
    be told from its rows.
    """
    if header is None:
        counts = [sum(1 for cell in row.cells if cell.text and not cell.merged) for row in rows]
        header = next((index for index, count in enumerate(counts) if count > 1), 0)
    titles = [next((cell.text for cell in row.cells if cell.text), "") for row in rows[:header]]
    return [title for title in titles if title], rows[header:]


def join_continuations(table: Table, key_column: int, *, header_row: int = 0) -> Table:
    """Puts together again what page breaks and merged key cells have parted; gives a new table.

    Below `header_row` (an index, as `recognise` gives it):

    * a row that repeats the header word for word is dropped;
    * a row continues the one before it if its cell in `key_column` (an index) is empty, or is the same merged
      cell as the one above. Each of its texts goes to the cell above: after a space if the sentence goes on
      (what is there ends without a full stop, semicolon or colon, and what comes begins with a small letter),
      else as a new line. Texts repeated by merging add nothing.

    A section row, a blank row, and a row right after one of them or after the header continue nothing.
    """
    done = table.rows[: header_row + 1]
    header = done[header_row].texts if header_row < len(done) else []
    open_row = False
    for row in table.rows[header_row + 1 :]:
        if row.texts == header:
            continue
        key = row.cells[key_column]
        starts = row.blank or row.section is not None or bool(key.text and key.merged != "above")
        if starts or not open_row:
            done.append(row)
            open_row = not row.blank and row.section is None
            continue
        cells = tuple(
            replace(above, text=_joined(above.text, "" if below.merged == "above" else below.text))
            for above, below in zip(done[-1].cells, row.cells, strict=True)
        )
        done[-1] = replace(done[-1], cells=cells)
    return replace(table, rows=done)


def _joined(above: str, below: str) -> str:
    if not above or not below:
        return above or below
    goes_on = above[-1] not in ".;:!?" and below[0].islower()
    return f"{above}{' ' if goes_on else chr(10)}{below}"
