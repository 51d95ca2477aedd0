"""Reads one PDF from standard input in a process of its own, and prints its lines and ruled tables as JSON.

A PDF cannot be asked beforehand how much memory and time it will take: its streams unpack without limit, and
a page of ten thousand lines keeps any table finder busy for hours. So this file is run as a script, under
limits that the operating system enforces, and it leans on nothing of ours.

Output: {"pages": [{"height", "items": [{"line", "top", "bottom"} | {"rows": [[[text, merged]]], "top", "x0",
"x1"}]}]}, in points from the top left, or {"problem": "password" | "corrupt" | "pages" | "effort", "found":
number}.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pdfplumber
from pdfplumber.utils.text import extract_words

Box = tuple[float, float, float, float]  # x0, top, x1, bottom
Word = dict[str, Any]


def main() -> None:
    """Arguments: most pages, most seconds, most bytes of memory."""
    most_pages, seconds, memory = map(int, sys.argv[1:4])
    logging.disable(logging.CRITICAL)  # what pdfminer thinks of a file is not for our standard error
    limit(seconds, memory)
    try:
        answer = read(sys.stdin.buffer.read(), most_pages)
    except MemoryError:
        answer = {"problem": "effort", "found": 0}
    sys.stdout.write(json.dumps(answer))


def limit(seconds: int, memory: int) -> None:
    """Asks the system to end this process beyond its share. Where it cannot (Windows), the parent's clock
    remains."""
    with contextlib.suppress(ImportError):
        import resource  # noqa: PLC0415 -- there is none on Windows

        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def read(data: bytes, most_pages: int) -> dict[str, Any]:
    """The pages, or the problem that kept them from being read."""
    try:
        with pdfplumber.open(io.BytesIO(data)) as pdf:
            if len(pdf.pages) > most_pages:
                return {"problem": "pages", "found": len(pdf.pages)}
            pages = []
            for page in pdf.pages:
                pages.append({"height": float(page.height), "items": list(_items(page))})
                page.close()
            return {"pages": pages}
    except MemoryError:
        raise
    except Exception as error:
        if "MemoryError" in repr(error):  # pdfplumber wraps that too
            raise MemoryError from error
        locked = "PDFPasswordIncorrect" in repr(error) or "PDFEncryptionError" in repr(error)
        return {"problem": "password" if locked else "corrupt", "found": 0}


def _items(page: Any) -> Iterator[dict[str, Any]]:
    """Lines of text and tables from top to bottom. A frame of a single cell is no table but text in a box."""
    tables = [table for table in page.find_tables() if len(table.cells) > 1]
    boxes: list[Box] = [table.bbox for table in tables]
    inside: list[list[Word]] = [[] for _ in tables]
    outside: list[Word] = []
    for char in page.chars:
        x, y = (char["x0"] + char["x1"]) / 2, (char["top"] + char["bottom"]) / 2
        home = next((i for i, box in enumerate(boxes) if _holds(box, x, y)), None)
        (outside if home is None else inside[home]).append(char)
    items = [_table(table, chars) for table, chars in zip(tables, inside, strict=True)]
    items.extend(_lines_outside(outside, [item["top"] for item in items]))
    yield from sorted(items, key=lambda item: item["top"])


def _holds(box: Box, x: float, y: float) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _table(table: Any, chars: list[Word]) -> dict[str, Any]:
    cells: list[Box] = table.cells
    bands = sorted({edge for cell in cells for edge in (cell[1], cell[3])})
    crossing: list[list[int]] = [
        [i for i, cell in enumerate(cells) if cell[1] < lower and cell[3] > upper]
        for upper, lower in pairwise(bands)
    ]

    def cell_at(x: float, y: float) -> int | None:
        band = bisect_right(bands, y) - 1
        if not 0 <= band < len(crossing):
            return None
        return next((i for i in crossing[band] if cells[i][0] <= x <= cells[i][2]), None)

    contents: list[list[Word]] = [[] for _ in cells]
    for char in chars:
        home = cell_at((char["x0"] + char["x1"]) / 2, (char["top"] + char["bottom"]) / 2)
        if home is not None:
            contents[home].append(char)
    texts = {cell: _cell_text(content, cell) for cell, content in zip(cells, contents, strict=True)}

    lefts = sorted({cell[0] for cell in cells})
    rows = []
    for row in table.rows:
        top = row.bbox[1]
        line = []
        for left, cell in zip(lefts, row.cells, strict=True):
            if cell is not None:
                line.append([texts[cell], ""])
                continue
            covering = cell_at(left + 1, top + 1)
            if covering is None:
                line.append(["", ""])
            else:
                line.append([texts[cells[covering]], "left" if cells[covering][1] == top else "above"])
        rows.append(line)
    x0, top, x1, _ = table.bbox
    return {"rows": rows, "top": float(top), "x0": float(x0), "x1": float(x1)}


def _cell_text(chars: list[Word], cell: Box) -> str:
    lines = _lines(chars)
    if not lines:
        return ""
    padding = max(0.0, min(line[0]["x0"] for line in lines) - cell[0])
    width = cell[2] - cell[0] - 2 * padding
    text = _join(lines[0])
    for above, below in pairwise(lines):
        text = _append(text, _join(below)) if _wrapped(above, below, width) else f"{text}\n{_join(below)}"
    return text


def _lines_outside(chars: list[Word], table_tops: list[float]) -> Iterator[dict[str, Any]]:
    """Text beside the tables, with the lines of a wrapped paragraph joined."""
    lines = _lines(chars)
    if not lines:
        return
    left, right = min(line[0]["x0"] for line in lines), max(line[-1]["x1"] for line in lines)
    paragraph: dict[str, Any] | None = None
    above: list[Word] = []
    for line in lines:
        top, bottom = line[0]["top"], max(word["bottom"] for word in line)
        height = line[0]["bottom"] - top
        if (
            paragraph is not None
            and _wrapped(above, line, right - left)
            and top - paragraph["bottom"] < 0.8 * height
            and abs(above[0]["bottom"] - above[0]["top"] - height) < 0.5
            and not any(paragraph["top"] < table_top < top for table_top in table_tops)
        ):
            paragraph["line"] = _append(paragraph["line"], _join(line))
            paragraph["bottom"] = float(bottom)
        else:
            if paragraph is not None:
                yield paragraph
            paragraph = {"line": _join(line), "top": float(top), "bottom": float(bottom)}
        above = line
    if paragraph is not None:
        yield paragraph


def _lines(chars: list[Word]) -> list[list[Word]]:
    """Words grouped into lines from top to bottom, each from left to right."""
    lines: list[list[Word]] = []
    for word in sorted(extract_words(chars), key=lambda word: (word["top"] + word["bottom"]) / 2):
        middle = (word["top"] + word["bottom"]) / 2
        if lines and lines[-1][0]["top"] < middle < lines[-1][0]["bottom"]:
            lines[-1].append(word)
        else:
            lines.append([word])
    return [sorted(line, key=lambda word: word["x0"]) for line in lines]


def _wrapped(above: list[Word], below: list[Word], width: float) -> bool:
    """Whether the line was broken only for lack of room: the next word would not have fitted after it.
    Otherwise the author broke it."""
    used = above[-1]["x1"] - above[0]["x0"]
    space = 0.2 * (above[0]["bottom"] - above[0]["top"])
    return bool(used + space + below[0]["x1"] - below[0]["x0"] > width - 0.5)


def _join(line: list[Word]) -> str:
    return " ".join(word["text"] for word in line)


def _append(text: str, line: str) -> str:
    """Joins a wrapped line. A word parted by a hyphen is whole again; a hyphen before a capital or a digit is
    its own («IF-NPP»), and so is a dash between spaces."""
    if text.endswith(("\u00ad", "-")) and len(text) > 1 and not text[-2].isspace():
        return text[:-1] + line if line[0].islower() and text[-2].isalpha() else text + line
    return f"{text} {line}"


if __name__ == "__main__":
    main()
