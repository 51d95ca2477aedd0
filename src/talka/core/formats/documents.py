"""What writers take: a title, some text, and tables between headings. No format shows through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .limits import LIMITS
from .places import Place
from .problems import TooLarge
from .text import Value, canonical, clean


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` counts from 1, below the document's title."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Para:
    text: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. Every column has a header with text; every row has as many cells as the header.

    `widths` are relative (8 columns of 1 are equal); without them columns are as wide as their texts ask for.
    `landscape` turns the page where there are pages. `name` is the sheet's name in a workbook; without it the
    heading above is taken.

    Raises ValueError for a header without text or a row of another width, TooLarge for a text that no reader
    of ours would take back.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Value]]
    widths: Sequence[float] | None = None
    landscape: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        for column, text in enumerate(self.header, 1):
            if not clean(text):
                raise ValueError(
                    f"column {column} has no header: every column needs a text to be recognised by"
                )
        if not self.header:
            raise ValueError("a table needs at least one column")
        if self.widths is not None and len(self.widths) != len(self.header):
            raise ValueError(f"{len(self.widths)} widths for {len(self.header)} columns: give one for each")
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.header):
                raise ValueError(f"row {number} has {len(row)} cells, the header has {len(self.header)}")
            for column, value in enumerate(row, 1):
                if isinstance(value, str) and len(value) > LIMITS.cell_characters:
                    raise TooLarge(
                        "cell-characters",
                        Place(self.name or "table", row=number, column=column),
                        found=len(value),
                        limit=LIMITS.cell_characters,
                    )

    def texts(self) -> list[list[str]]:
        """Header and rows as canonical text: what reading the written file gives back."""
        return [
            [clean(text) for text in self.header],
            *([canonical(value) for value in row] for row in self.rows),
        ]


Block = Heading | Para | Grid


@dataclass(frozen=True, slots=True)
class Document:
    """`created` is written into the file (UTC if naive); without it the file carries no date, and in either
    case equal documents give equal bytes. `language` is a BCP 47 tag."""

    title: str
    preface: Sequence[str] = ()
    blocks: Sequence[Block] = ()
    language: str = "lv"
    created: datetime | None = None

    def grids(self) -> list[Grid]:
        return [block for block in self.blocks if isinstance(block, Grid)]

    def shares(self) -> list[list[float]]:
        """For each table in order, the part of the page's width that each column takes; each sums to 1.

        Tables with the same header get the same widths: a plan cut into many tables reads as one.
        """
        alike: dict[tuple[str, ...], list[Grid]] = {}
        for grid in self.grids():
            if grid.widths is None:
                alike.setdefault(tuple(grid.header), []).append(grid)
        fitted = {header: _fit(grids) for header, grids in alike.items()}
        return [
            fitted[tuple(grid.header)]
            if grid.widths is None
            else [width / sum(grid.widths) for width in grid.widths]
            for grid in self.grids()
        ]

    def sections(self) -> list[tuple[bool, list[Block]]]:
        """(landscape, blocks) in order: text goes with the table that follows it, so that a heading is never
        parted from its table by a turned page."""
        landscape = False
        for block in reversed(self.blocks):  # text after the last table stays on its page
            if isinstance(block, Grid):
                landscape = block.landscape
                break
        sections: list[tuple[bool, list[Block]]] = []
        for block in reversed(self.blocks):
            if isinstance(block, Grid):
                landscape = block.landscape
            if not sections or sections[0][0] != landscape:
                sections.insert(0, (landscape, []))
            sections[0][1].insert(0, block)
        return sections or [(False, [])]


# How many characters of a table's text fit across an A4 page, roughly, in every format.
PORTRAIT_CHARACTERS, LANDSCAPE_CHARACTERS = 105, 160
LONGEST_WORD = 24
"""A column is never narrower than its longest word, up to this many characters; a longer word may be
broken."""


def page_characters(grid: Grid) -> int:
    return LANDSCAPE_CHARACTERS if grid.landscape else PORTRAIT_CHARACTERS


def _fit(grids: Sequence[Grid]) -> list[float]:
    """Room for the longest word of each column first; what is left goes to where the long texts are."""
    rows = [text for grid in grids for text in grid.texts()]
    least, weights = [], []
    for column in zip(*rows, strict=True):
        word = max(map(_breadth, {word for text in column for word in text.split()}))
        least.append((min(word, LONGEST_WORD) + 2) / page_characters(grids[0]))
        weights.append((sum(map(len, column)) / len(column)) ** 0.75)
    left = max(0.0, 1 - sum(least))
    shares = [low + left * weight / sum(weights) for low, weight in zip(least, weights, strict=True)]
    return [share / sum(shares) for share in shares]


def _breadth(word: str) -> float:
    """A word's width in average characters."""
    return sum(1.4 if character.isupper() or character in "mwMW—…%@" else 1.05 for character in word)


def flat(document: Document) -> Grid:
    """The one table of a format that holds only one: tables with the same header follow each other under it.

    Raises ValueError if there is no table, or if headers differ.
    """
    grids = document.grids()
    if not grids:
        raise ValueError("csv and json hold one table, this document has none")
    header = [clean(text) for text in grids[0].header]
    for number, grid in enumerate(grids, 1):
        if [clean(text) for text in grid.header] != header:
            raise ValueError(
                f"csv and json hold one table, but the header of table {number} differs from the first: "
                "write docx, xlsx or pdf, or give tables with one header"
            )
    return Grid(header, [row for grid in grids for row in grid.rows], grids[0].widths, grids[0].landscape)
