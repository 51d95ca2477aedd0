"""PDF: ruled tables read by a worker under guard, pages typeset by Typst.

What is written is tagged for screen readers (PDF/UA-1). The document travels to the template as data: no text
of it is ever parsed as markup.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import typst

from .documents import Document, Grid, Heading, page_characters
from .limits import MB, Limits
from .places import Place
from .problems import BadFile, Locked, TooLarge, Unreadable
from .tables import Collector, Merged, Table
from .text import clean

# ---------------------------------------------------------------------------------------------------- reading

_WORKER = Path(__file__).with_name("pdf_worker.py")
_PAGE_NUMBER = re.compile(
    r"\W*(?:\w{1,6}\.? )?\d{1,4}(?:\W{0,3}(?:no|of|lpp|p)?\W{0,3}\d{0,4})?\W*", re.IGNORECASE
)
_MARGIN = 0.1  # of the page's height, above and below
_SAME_EDGE = 3.0  # points

Item = dict[str, Any]


def read(data: bytes, place: Place, limits: Limits) -> list[Table]:
    """All ruled tables. One that goes on over the page (nothing between, the same columns) is one table; a
    header repeated there is read once. `above`: the lines since the table before, without page numbers and
    running heads.

    Row numbers count within the table; its place names the page on which it begins.
    """
    pages = _pages(data, place, limits)
    running = _running_lines(pages)
    tables: list[tuple[Place, list[str], list[list[tuple[str, Merged]]], Item]] = []
    above: list[str] = []
    for number, page in enumerate(pages, 1):
        for item in page["items"]:
            if "line" in item:
                text = clean(item["line"])
                if text and not _is_running(item, page, running):
                    above.append(text)
                continue
            rows = [[(text, merged) for text, merged in row] for row in item["rows"]]
            if tables and not above and item is _first_table(page) and _goes_on(tables[-1][3], item):
                kept = tables[-1][2]
                kept.extend(rows[1:] if _texts(rows[0]) == _texts(kept[0]) else rows)
                continue
            if len(tables) == limits.tables:
                raise TooLarge("tables", place, limit=limits.tables)
            tables.append((replace(place, table=len(tables) + 1, page=number), above, rows, item))
            above = []
    found = []
    for table_place, lines, rows, _ in tables:
        collector = Collector(table_place, limits)
        for number, row in enumerate(rows, 1):
            collector.add(number, [text for text, _ in row], [merged for _, merged in row])
        found.append(Table("", table_place, lines, collector.rows()))
    return found


def _first_table(page: Item) -> Item:
    first: Item = next(item for item in page["items"] if "rows" in item)
    return first


def _goes_on(before: Item, after: Item) -> bool:
    return (
        len(before["rows"][0]) == len(after["rows"][0])
        and abs(before["x0"] - after["x0"]) < _SAME_EDGE
        and abs(before["x1"] - after["x1"]) < _SAME_EDGE
    )


def _texts(row: list[tuple[str, Merged]]) -> list[str]:
    return [clean(text) for text, _ in row]


def _pages(data: bytes, place: Place, limits: Limits) -> list[Item]:
    """What the worker sees; its problems as ours."""
    effort = TooLarge(
        "pdf-effort", place, seconds=limits.pdf_seconds, megabytes=limits.pdf_memory_bytes // MB
    )
    command = [
        sys.executable,
        str(_WORKER),
        str(limits.pdf_pages),
        str(limits.pdf_seconds),
        str(limits.pdf_memory_bytes),
    ]
    try:
        # Its clock counts work, this one waiting as well: a busy machine gets twice the time.
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=2 * limits.pdf_seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise effort from error
    if done.returncode or not done.stdout:
        raise effort
    answer: Item = json.loads(done.stdout)
    if "pages" not in answer:
        raise _problem(answer, effort, place, limits)
    pages: list[Item] = answer["pages"]
    return pages


def _problem(answer: Item, effort: BadFile, place: Place, limits: Limits) -> BadFile:
    match answer["problem"]:
        case "password":
            return Locked("password", place)
        case "pages":
            return TooLarge("pdf-pages", place, found=answer["found"], limit=limits.pdf_pages)
        case "effort":
            return effort
    return Unreadable("corrupt", place, format="pdf")


def _in_margin(item: Item, page: Item) -> bool:
    return bool(item["bottom"] < _MARGIN * page["height"] or item["top"] > (1 - _MARGIN) * page["height"])


def _running_lines(pages: list[Item]) -> set[str]:
    """Heads and feet: the same words (numbers aside) in the margin of several pages."""
    seen: Counter[str] = Counter()
    for page in pages:
        lines = {_numberless(item) for item in page["items"] if "line" in item and _in_margin(item, page)}
        seen.update(lines)
    return {line for line, times in seen.items() if times > 1}


def _numberless(item: Item) -> str:
    return re.sub(r"\d+", "", item["line"]).strip()


def _is_running(item: Item, page: Item, running: set[str]) -> bool:
    return _in_margin(item, page) and (
        bool(_PAGE_NUMBER.fullmatch(item["line"])) or _numberless(item) in running
    )


# ---------------------------------------------------------------------------------------------------- writing

_TEMPLATE = Path(__file__).with_name("document.typ")
_WHOLE_ROW = (
    1200  # characters; a row with a longer cell may go over the page, or it would be cut off at its foot
)


def write(document: Document) -> bytes:
    """A4 pages with page numbers «1 / 3», repeated table headers, bookmarks, tags and language.

    Written with Typst's own fonts, which are the same everywhere; only if a character is missing there are
    the machine's fonts taken too, and then the file does not claim PDF/UA.
    """
    data = json.dumps(_data(document), ensure_ascii=False)
    created = document.created
    if created is not None and created.tzinfo is None:
        created = created.replace(tzinfo=UTC)
    options: dict[str, Any] = {
        "input": _TEMPLATE,
        "root": _TEMPLATE.parent,
        "format": "pdf",
        "sys_inputs": {"document": data},
        "timestamp": 0 if created is None else int(created.timestamp()),
    }
    try:
        pdf: bytes = typst.compile(**options, ignore_system_fonts=True, pdf_standards=["ua-1"])
    except typst.TypstError:
        pdf = typst.compile(**options)
    return pdf


def _data(document: Document) -> Item:
    sections = []
    level = 0
    all_shares = iter(document.shares())
    for landscape, blocks in document.sections():
        section: list[Item] = []
        for block in blocks:
            if isinstance(block, Grid):
                section.append(_grid(block, next(all_shares)))
            elif text := clean(block.text):
                if isinstance(block, Heading):
                    level = min(max(block.level, 1), level + 1, 6)  # PDF/UA: no level may be skipped
                    section.append({"kind": "heading", "level": level, "lines": _lines(text)})
                else:
                    section.append({"kind": "para", "lines": _lines(text)})
        sections.append({"landscape": landscape, "blocks": section})
    return {
        "title": clean(document.title),
        "language": document.language,
        "dated": document.created is not None,
        "preface": [_lines(text) for text in map(clean, document.preface) if text],
        "sections": sections,
    }


def _grid(grid: Grid, shares: list[float]) -> Item:
    header, *rows = [
        [
            _lines(text, int(share * page_characters(grid)) - 2)
            for text, share in zip(row, shares, strict=True)
        ]
        for row in grid.texts()
    ]
    whole = [max(sum(map(len, lines)) for lines in row) <= _WHOLE_ROW for row in rows]
    return {
        "kind": "grid",
        "widths": shares,
        "header": header,
        "rows": [{"whole": keep, "cells": row} for keep, row in zip(whole, rows, strict=True)],
    }


def _lines(text: str, room: int = 80) -> list[str]:
    """A text's lines, with places to break (invisible, and left out again by `clean`) in words that have no
    room."""
    return [re.sub(rf"\S{{{max(room, 4)}}}(?=\S)", "\\g<0>\u200b", line) for line in text.split("\n")]
