"""Workbooks: read in one streaming pass over each sheet, written with openpyxl.

openpyxl's streaming reader gives values or formulas but not both, and no merged areas, so each sheet would be
read three times; and it fills the gap before a stray cell far away with millions of empty ones. Its knowledge
of dates and number formats is used all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

from lxml import etree
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side
from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils import get_column_letter
from openpyxl.utils.cell import column_index_from_string, range_boundaries
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

from .as_csv import guard
from .documents import Document, Grid, Heading, page_characters
from .limits import Limits
from .package import Package, local, repack
from .places import Place
from .problems import TooLarge, Unreadable
from .tables import Collector, Merged, Table, split_titles
from .text import Value, canonical, clean, native_number

# ---------------------------------------------------------------------------------------------------- reading

# What a reference that points nowhere, or a number that is none, ends in.
_NONSENSE = (ValueError, IndexError, TypeError, OverflowError)
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")  # how the format writes characters that XML cannot


def read(package: Package, place: Place, limits: Limits) -> list[Table]:
    """One table for every visible sheet with text; hidden rows and columns are read, a filter hides but does
    not delete. `above`: titles above the header (the row of the filter, if the sheet has one).

    A formula counts as the value that was last calculated; one never calculated is given as its text,
    "=A1+B1".
    """
    try:
        book = _Book.of(package)
    except _NONSENSE as error:
        raise Unreadable("corrupt", place, format="xlsx") from error
    tables = []
    for number, (name, part) in enumerate(_sheets(package), 1):
        if number > limits.tables:
            raise TooLarge("tables", place, limit=limits.tables)
        sheet_place = replace(place, table=number, sheet=name)
        try:
            table = _read_sheet(package, part, book, sheet_place, limits)
        except _NONSENSE as error:
            raise Unreadable("corrupt", sheet_place, format="xlsx") from error
        if table.rows:
            tables.append(table)
    return tables


def _sheets(package: Package) -> Iterator[tuple[str, str]]:
    """(name, part) of the visible worksheets, in the order of their tabs."""
    parts = {
        r.id: r.target
        for r in package.relations(package.main)
        if r.kind == "worksheet" and r.target in package
    }
    for sheets in package.root(package.main):
        for sheet in sheets if local(sheets.tag) == "sheets" else ():
            target = next((v for k, v in sheet.attrib.items() if local(k) == "id" and k != "id"), "")
            if target in parts and sheet.get("state", "visible") == "visible":
                yield clean(sheet.get("name", "")), parts[str(target)]


@dataclass(frozen=True, slots=True)
class _Book:
    """What the sheets of a workbook share."""

    strings: list[str]
    dates: dict[int, bool]  # style → is it a duration; styles that are no dates are absent
    epoch: datetime

    @classmethod
    def of(cls, package: Package) -> _Book:
        epoch = CALENDAR_WINDOWS_1900
        for _, element in package.elements(package.main, "workbookPr"):
            if element.get("date1904") in ("1", "true"):
                epoch = CALENDAR_MAC_1904
        part = package.related(package.main, "sharedStrings")
        strings = [_string(e) for event, e in package.elements(part, "si") if event == "end"] if part else []
        return cls(strings, _date_styles(package), epoch)


def _string(element: etree._Element) -> str:
    """The text of a shared or inline string: its runs, without the reading aids of eastern scripts."""
    pieces = []
    for child in element:
        if local(child.tag) == "t":
            pieces.append(child.text or "")
        elif local(child.tag) == "r":
            pieces.extend(t.text or "" for t in child if local(t.tag) == "t")
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), "".join(pieces))


def _date_styles(package: Package) -> dict[int, bool]:
    part = package.related(package.main, "styles")
    formats = dict(BUILTIN_FORMATS)
    styles: list[int] = []
    for child in package.root(part) if part else ():
        if local(child.tag) == "numFmts":
            formats |= {int(f.get("numFmtId", "0")): f.get("formatCode", "") for f in child}
        elif local(child.tag) == "cellXfs":
            styles = [int(xf.get("numFmtId", "0")) for xf in child]
    found = {}
    for index, number in enumerate(styles):
        code = formats.get(number, "")
        if is_date_format(code):
            found[index] = is_timedelta_format(code)
    return found


@dataclass(slots=True)
class _Sheet:
    """A sheet's texts by row and column, as they come."""

    rows: dict[int, dict[int, str]] = field(default_factory=dict)
    merges: list[str] = field(default_factory=list)
    filter_row: int | None = None


def _read_sheet(package: Package, part: str, book: _Book, place: Place, limits: Limits) -> Table:
    sheet = _stream(package, part, book, place, limits)
    merged = _fill_merges(sheet)
    collector = Collector(place, limits)
    for number in range(1, max(sheet.rows, default=0) + 1):
        cells = sheet.rows.get(number, {})
        width = max(cells, default=0)
        kinds = [merged.get((number, column), "") for column in range(1, width + 1)] if merged else ()
        collector.add(number, [cells.get(column, "") for column in range(1, width + 1)], kinds)
    rows = collector.rows()
    header = None
    if sheet.filter_row is not None:
        header = next((index for index, row in enumerate(rows) if row.number == sheet.filter_row), None)
    first = next((index for index, row in enumerate(rows) if not row.blank), 0)
    above, below = split_titles(rows[first:], None if header is None else header - first)
    return Table(place.sheet or "", place, above, below)


def _stream(package: Package, part: str, book: _Book, place: Place, limits: Limits) -> _Sheet:
    sheet = _Sheet()
    row = column = count = 0
    for event, element in package.elements(part, "row", "c", "mergeCell", "autoFilter"):
        name = local(element.tag)
        if event == "start":
            if name == "row":
                row, column = int(element.get("r") or row + 1), 0
            continue
        if name == "mergeCell":
            sheet.merges.append(element.get("ref", ""))
        elif name == "autoFilter":
            sheet.filter_row = range_boundaries(element.get("ref", ""))[1]
        elif name == "c":
            count += 1
            if count > limits.rows * limits.columns:  # empty cells take time too
                raise TooLarge("rows", place, limit=limits.rows)
            reference = element.get("r")
            column = _column(reference) if reference else column + 1
            text = _text(element, book)
            if not text:
                continue
            if row > limits.rows:
                raise TooLarge("rows", replace(place, row=row, column=column), limit=limits.rows)
            if column > limits.columns:
                raise TooLarge("columns", replace(place, row=row, column=column), limit=limits.columns)
            sheet.rows.setdefault(row, {})[column] = text
    return sheet


def _column(reference: str) -> int:
    return column_index_from_string(reference.rstrip("0123456789"))


def _text(element: etree._Element, book: _Book) -> str:
    """A cell's text."""
    kind = element.get("t", "n")
    value: str | None = None
    formula: etree._Element | None = None
    for child in element:
        match local(child.tag):
            case "v":
                value = child.text or ""
            case "f":
                formula = child
            case "is":
                return _string(child)
    if formula is not None and (value is None or (not value and kind != "str")):
        return f"={formula.text or '…'}"
    if not value:
        return ""
    match kind:
        case "s":
            return book.strings[int(value)]
        case "b":
            return canonical(value not in ("0", "false"))
        case "d":
            return _iso(value)
        case "n":
            return _number(value, int(element.get("s") or 0), book)
    return value  # "str" (a formula's text) and "e" (an error such as #REF!)


def _iso(value: str) -> str:
    try:
        return canonical(datetime.fromisoformat(value))
    except ValueError:
        return value


def _number(value: str, style: int, book: _Book) -> str:
    if style in book.dates:
        try:
            moment: Value = from_excel(float(value), book.epoch, timedelta=book.dates[style])
        except (OverflowError, ValueError):
            return canonical(float(value))  # beyond the calendar: the number says more than nothing
        return canonical(moment)
    return str(int(value)) if value.lstrip("-").isdigit() else canonical(float(value))


def _fill_merges(sheet: _Sheet) -> dict[tuple[int, int], Merged]:
    """Gives every cell of a merged area the text of its first; says which cells only repeat.

    Areas are cut to the rows and columns in use: one may cover a whole column. Raises ValueError if two
    overlap, which no program writes and which could be made to take for ever.
    """
    last_row = max(sheet.rows, default=0)
    last_column = max((column for cells in sheet.rows.values() for column in cells), default=0)
    merged: dict[tuple[int, int], Merged] = {}
    seen: set[tuple[int, int]] = set()
    for area in sheet.merges:
        left, top, right, bottom = (int(edge or 0) for edge in range_boundaries(area))
        if not (left and top and right and bottom):
            raise ValueError(f"a merged area names its first and last cell, not {area}")
        text = sheet.rows.get(top, {}).get(left, "")
        for row in range(top, min(bottom, last_row) + 1):
            for column in range(left, min(right, last_column) + 1):
                if (row, column) in seen:
                    raise ValueError(f"the merged area {area} overlaps another")
                seen.add((row, column))
                if (row, column) == (top, left):
                    continue
                merged[row, column] = "above" if row > top else "left"
                if text:
                    sheet.rows.setdefault(row, {})[column] = text
    return merged


# ---------------------------------------------------------------------------------------------------- writing

_FORBIDDEN_IN_NAMES = re.compile(r"[\[\]:*?/\\]")
_NAME_LENGTH = 31
_LINE = Side(style="thin", color="A6A6A6")
_FRAME = {
    "border": Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE),
    "alignment": Alignment(vertical="top", wrap_text=True),
}
_STYLES: dict[str, dict[str, Any]] = {
    "Document title": {"font": Font(bold=True, size=14)},
    "Heading above": {"font": Font(bold=True)},
    "Text above": {},
    "Table header": {"font": Font(bold=True), "fill": PatternFill("solid", fgColor="E7E6E6"), **_FRAME},
    "Table text": _FRAME,
}
"""Named, so that a person can restyle a whole sheet at once, and a cell takes its style at half the cost."""


def write(document: Document) -> bytes:
    """A sheet for every table, with the texts before it as titles above its header, which stays in view and
    carries a filter. Texts after the last table stand above it too: below, they would be rows of it.

    Text is written as text, also if it begins like a formula; numbers and dates as such.
    """
    book = Workbook(write_only=True)
    for name, look in _STYLES.items():
        book.add_named_style(NamedStyle(name, **look))
    names: set[str] = set()
    title = clean(document.title)
    heading = ""
    titles = [(title, "Document title"), *((clean(text), "Text above") for text in document.preface)]
    sheets: list[tuple[str, list[tuple[str, str]], Grid | None]] = []
    for block in document.blocks:
        if isinstance(block, Grid):
            sheets.append((_sheet_name(block.name or heading or title, names), titles, block))
            titles = []
        elif isinstance(block, Heading):
            heading = clean(block.text)
            titles.append((heading, "Heading above"))
        else:
            titles.append((clean(block.text), "Text above"))
    if sheets:
        sheets[-1][1].extend(titles)
    else:
        sheets.append((_sheet_name(title, names), titles, None))
    shares = iter(document.shares())
    for name, lines, grid in sheets:
        _write_sheet(book.create_sheet(name), lines, grid, next(shares, []))
    buffer = BytesIO()
    book.save(buffer)
    return repack(buffer.getvalue(), title=title, language=document.language, created=document.created)


def _sheet_name(wanted: str, taken: set[str]) -> str:
    """A name that Excel accepts and that no sheet has yet, as near as possible to the one wanted."""
    base = " ".join(_FORBIDDEN_IN_NAMES.sub(" ", wanted).split())[:_NAME_LENGTH].strip(" '") or "Sheet"
    name, number = base, 1
    while (
        name.casefold() in taken or name.casefold() == "history"
    ):  # the one name that Excel keeps for itself
        number += 1
        suffix = f" ({number})"
        name = base[: _NAME_LENGTH - len(suffix)] + suffix
    taken.add(name.casefold())
    return name


def _write_sheet(
    sheet: Any, titles: list[tuple[str, str]], grid: Grid | None, shares: Sequence[float]
) -> None:
    # `sheet` and its cells are Any: the type stubs of openpyxl leave out most of what they can do.
    titles = [(text, style) for text, style in titles if text]
    header_row = len(titles) + 1
    if grid is not None:
        for column, share in enumerate(shares, 1):
            sheet.column_dimensions[get_column_letter(column)].width = round(page_characters(grid) * share, 1)
        last = f"{get_column_letter(len(grid.header))}{header_row + len(grid.rows)}"
        sheet.freeze_panes = f"A{header_row + 1}"
        sheet.auto_filter.ref = f"A{header_row}:{last}"
        sheet.page_setup.orientation = "landscape" if grid.landscape else "portrait"
        sheet.page_setup.paperSize = "9"  # A4
        sheet.sheet_properties.pageSetUpPr.fitToPage = True
        sheet.page_setup.fitToHeight = 0
        sheet.print_title_rows = f"{header_row}:{header_row}"
    for text, style in titles:
        sheet.append([_cell(sheet, text, style)])
    if grid is not None:
        sheet.append([_cell(sheet, text, "Table header") for text in grid.header])
        for row in grid.rows:
            sheet.append([_cell(sheet, value, "Table text") for value in row])


def _cell(sheet: Any, value: Value, style: str) -> Any:
    """Numbers, truth and dates as such; everything else as text that can never become a formula."""
    native: Any = _native(value)
    if native is not None:
        typed: Any = WriteOnlyCell(sheet, value=native)
        shown_as = typed.number_format  # which a style would reset
        typed.style = style
        if shown_as != "General":
            typed.number_format = shown_as
        return typed
    text = canonical(value)
    cell: Any = WriteOnlyCell(sheet, value=_ESCAPED.sub(r"_x005F_x\1_", text) or None)
    cell.style = style
    if text:
        cell.data_type = "s"  # openpyxl has taken "=…" for a formula and "#N/A" for an error
        cell.quotePrefix = guard(text) != text  # else editing the cell in Excel would make it a formula
    return cell


def _native(value: Value) -> bool | float | date | time | timedelta | None:
    """The value if a spreadsheet can hold it unchanged, else None: it has 15 digits, and days since 1900."""
    match value:
        case None | str():
            return None
        case bool() | time():
            return value
        case int() | float() | Decimal():
            return native_number(value)
        case datetime():
            return value.replace(tzinfo=None) if value.year > 1900 else None
        case date():
            return value if value.year > 1900 else None
        case timedelta():
            return value if value >= timedelta(0) else None
