"""Workbooks."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from talka.core.formats import Cell, Document, Grid, Heading, Para, Place, Table, read_tables, to_bytes
from talka.core.formats.as_xlsx import _sheet_name
from talka.core.formats.text import Value
from talka.core.tests.formats_files import data, xlsx, xlsx_parts, zipped


def only(path: Path) -> Table:
    (table,) = read_tables(path)
    return table


def saved(book: Workbook, folder: Path) -> Path:
    path = folder / "plan.xlsx"
    book.save(path)
    return path


def rows(cells: str) -> str:
    return f'<sheetData><row r="1">{cells}</row></sheetData>'


# ---------------------------------------------------------------------------------------------------- reading


def test_sheets_are_tables(tmp_path: Path) -> None:
    path = tmp_path / "plan.xlsx"
    sheets = {
        "Plāns": data(["a", "b"], ["c", "d"]),
        "Tukša": "<sheetData/>",
        "Slēpta": data(["x"]),
        "Cits": data(["e"]),
    }
    path.write_bytes(zipped(xlsx_parts(sheets, states={"Slēpta": "hidden"})))
    first, last = read_tables(path)
    assert (first.name, first.texts) == ("Plāns", [["a", "b"], ["c", "d"]])
    assert first.rows[1].cells[1] == Cell("d", Place("plan.xlsx", table=1, sheet="Plāns", row=2, column=2))
    assert (last.name, last.texts, str(last.place)) == ("Cits", [["e"]], "plan.xlsx, sheet «Cits»")


def test_values_become_canonical_text(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([date(2023, 6, 30), datetime(2023, 6, 30, 14, 30), time(9, 5), timedelta(hours=26)])  # noqa: DTZ001 -- as in a sheet
    sheet.append([2023, 0.75, 12.0, True])
    sheet.append([1e21, -3, "  teksts\u00a0 ", None])
    sheet.append([0.1 + 0.2, "#N/A", "00123", "2023"])
    assert only(saved(book, tmp_path)).texts == [
        ["2023-06-30", "2023-06-30 14:30", "09:05", "26:00:00"],
        ["2023", "0.75", "12", "TRUE"],
        ["1" + "0" * 21, "-3", "teksts", ""],
        ["0.3", "#N/A", "00123", "2023"],
    ]


def test_a_calendar_that_begins_in_1904(tmp_path: Path) -> None:
    styles = '<cellXfs><xf numFmtId="14"/><xf numFmtId="165"/></cellXfs>'
    custom = '<numFmts><numFmt numFmtId="165" formatCode="d. mmmm yyyy"/></numFmts>'
    cells = '<c r="A1" s="0"><v>1</v></c><c r="B1" s="1"><v>366</v></c>'
    path = xlsx(tmp_path, rows(cells), styles=custom + styles, book='<workbookPr date1904="1"/>')
    assert only(path).texts == [["1904-01-02", "1905-01-01"]]


def test_kinds_of_cells(tmp_path: Path) -> None:
    cells = (
        '<c r="A1" t="s"><v>0</v></c>'
        '<c t="s"><v>1</v></c>'  # without a reference: the next column
        '<c r="C1" t="str"><f>A1</f><v>teksts</v></c>'
        '<c r="D1" t="b"><v>0</v></c>'
        '<c r="E1" t="e"><v>#REF!</v></c>'
        '<c r="F1" t="d"><v>2023-06-30T00:00:00</v></c>'
        '<c r="G1" t="d"><v>rīt</v></c>'
        '<c r="H1" s="0"><v>99999999</v></c>'  # a date beyond the calendar
        '<c r="J1"/>'
    )
    strings = "<si><r><t>Pa</t></r><r><rPr/><t>sākums</t></r><rPh><t>x</t></rPh></si>"
    strings += "<si><t>a_x000D_\nb_x005F_x0041_</t></si>"
    path = xlsx(tmp_path, rows(cells), strings=strings, styles='<cellXfs><xf numFmtId="14"/></cellXfs>')
    assert only(path).texts == [
        ["Pasākums", "a\nb_x0041_", "teksts", "FALSE", "#REF!", "2023-06-30", "rīt", "99999999"]
    ]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<f>1+1</f><v>2</v>", "2"),
        ("<f>1+1</f>", "=1+1"),
        ("<f>1+1</f><v/>", "=1+1"),
        ('<f t="shared" si="0"/>', "=…"),
        ("<f>HYPERLINK(&quot;x&quot;)</f>", '=HYPERLINK("x")'),
    ],
)
def test_a_formula_counts_as_its_last_value_and_else_as_its_text(
    tmp_path: Path, cell: str, text: str
) -> None:
    assert only(xlsx(tmp_path, rows(f'<c r="A1">{cell}</c>'))).texts == [[text]]


def test_an_empty_text_calculated_is_empty(tmp_path: Path) -> None:
    cells = '<c r="A1" t="str"><f>B1</f><v></v></c><c r="B1"><v>1</v></c>'
    assert only(xlsx(tmp_path, rows(cells))).texts == [["", "1"]]


def test_a_formula_that_openpyxl_wrote_is_text(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"] = "=1+1"
    assert only(saved(book, tmp_path)).texts == [["=1+1"]]


def test_merged_areas_repeat_their_text_and_say_so(tmp_path: Path) -> None:
    merges = '<mergeCells><mergeCell ref="A1:B1"/><mergeCell ref="A2:A1048576"/></mergeCells>'
    table = only(xlsx(tmp_path, data(["Kopā", "", "c"], ["1.", "d", "e"], ["", "f", "g"]) + merges))
    assert table.texts == [["Kopā", "Kopā", "c"], ["1.", "d", "e"], ["1.", "f", "g"]]
    assert [[cell.merged for cell in row.cells] for row in table.rows] == [
        ["", "left", ""],
        ["", "", ""],
        ["above", "", ""],
    ]


def test_titles_above_the_header(tmp_path: Path) -> None:
    merges = '<mergeCells><mergeCell ref="A1:C1"/></mergeCells>'
    table = only(xlsx(tmp_path, data(["Plāns"], [""], ["2023. gadam"], ["a", "b", "c"], ["1"]) + merges))
    assert table.above == ["Plāns", "2023. gadam"]
    assert table.texts == [["a", "b", "c"], ["1", "", ""]]
    assert [row.number for row in table.rows] == [4, 5]


def test_the_filter_says_where_the_header_is(tmp_path: Path) -> None:
    table = only(xlsx(tmp_path, data(["Saraksts"], ["Kas"], ["a"]) + '<autoFilter ref="A2:A3"/>'))
    assert (table.above, table.texts) == (["Saraksts"], [["Kas"], ["a"]])


def test_rows_and_columns_without_text_at_the_end_are_dropped(tmp_path: Path) -> None:
    assert only(xlsx(tmp_path, data(["a", "b", ""], ["", "", ""], ["c", "", " "], ["", "", ""]))).texts == [
        ["a", "b"],
        ["", ""],
        ["c", ""],
    ]


def test_styled_cells_far_away_cost_nothing(tmp_path: Path) -> None:
    first = '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1"/></row>'
    far = '<row r="1048576"><c r="A1048576"/></row>'
    assert only(xlsx(tmp_path, f"<sheetData>{first}{far}</sheetData>")).texts == [["1"]]


def test_strict_files_are_read_too(tmp_path: Path) -> None:
    parts = xlsx_parts({"Plāns": data(["a"])})
    strict = {
        name: content.replace(
            "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
            "http://purl.oclc.org/ooxml/spreadsheetml/main",
        )
        for name, content in parts.items()
        if isinstance(content, str)
    }
    path = tmp_path / "a.xlsx"
    path.write_bytes(zipped(strict))
    assert only(path).texts == [["a"]]


# ---------------------------------------------------------------------------------------------------- writing

DOCUMENT = Document(
    "Plāns",
    ["Ievads"],
    [
        Heading("1. Virziens [a/b]: ļoti, ļoti garš nosaukums"),
        Grid(
            ["Nr.", "Teksts"],
            [[1, "=1+1"], [0.5, "+371 67012345"], [None, "-5"], [date(2023, 6, 30), "a\nb"]],
        ),
        Para("Starp"),
        Grid(["Nr."], [[Decimal(12345678901234567890)], [True]], landscape=True, name="Otrā"),
        Para("Beigas"),
    ],
)


def test_what_openpyxl_sees_in_a_written_file() -> None:
    book = load_workbook(BytesIO(to_bytes(DOCUMENT, "xlsx")))
    assert book.sheetnames == ["1. Virziens a b ļoti, ļoti garš", "Otrā"]
    sheet = book.worksheets[0]
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=3)] == [
        ["1. Virziens [a/b]: ļoti, ļoti garš nosaukums", None],
        ["Nr.", "Teksts"],
        [1, "=1+1"],
        [0.5, "+371 67012345"],
        [None, "-5"],
        [datetime(2023, 6, 30), "a\nb"],  # noqa: DTZ001 -- as in a sheet
    ]
    assert (sheet.freeze_panes, sheet.auto_filter.ref, sheet.print_title_rows) == ("A5", "A4:B8", "$4:$4")
    cell = sheet["B5"]
    assert (cell.data_type, cell.quotePrefix, cell.alignment.wrap_text) == ("s", True, True)
    assert [sheet[f"B{row}"].quotePrefix for row in (6, 7, 8)] == [True, False, False]
    assert (sheet.page_setup.orientation, book.worksheets[1].page_setup.orientation) == (
        "portrait",
        "landscape",
    )
    assert [cell.value for cell in book.worksheets[1]["A"]] == [
        "Starp",
        "Beigas",
        "Nr.",
        "12345678901234567890",
        True,
    ]


def test_a_document_without_tables_is_a_sheet_of_text() -> None:
    book = load_workbook(BytesIO(to_bytes(Document("Plāns", ["Ievads"]), "xlsx")))
    assert [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()] == [["Plāns"], ["Ievads"]]


def test_names_of_sheets() -> None:
    taken: set[str] = set()
    wanted = ["Plāns", "plāns", "a/b:c", "", "x" * 40, "x" * 40, "'citāts'", "History"]
    assert [_sheet_name(name, taken) for name in wanted] == [
        "Plāns",
        "plāns (2)",
        "a b c",
        "Sheet",
        "x" * 31,
        "x" * 27 + " (2)",
        "citāts",
        "History (2)",
    ]


def test_values_that_a_spreadsheet_cannot_hold_are_written_as_text(tmp_path: Path) -> None:
    values: list[Value] = [
        10**15,
        Decimal("0.1234567890123456789"),
        float("inf"),
        date(1850, 1, 1),
        timedelta(seconds=-1),
    ]
    rows: list[list[Value]] = [[value] for value in values]
    path = tmp_path / "a.xlsx"
    path.write_bytes(to_bytes(Document("T", blocks=[Grid(["v"], rows)]), "xlsx"))
    assert only(path).texts[1:] == [
        ["1000000000000000"],
        ["0.1234567890123456789"],
        ["Infinity"],
        ["1850-01-01"],
        ["-0:00:01"],
    ]
