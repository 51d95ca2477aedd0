"""Word files as people make them: merged, ragged, corrected, numbered."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from pathlib import Path

import docx as python_docx
import pytest

from talka.core.formats import Cell, Document, Grid, Heading, Para, Place, Table, read_tables, to_bytes
from talka.core.formats.as_docx import _figure
from talka.core.tests.formats_files import docx, p, tbl, tc, tr

SPAN = '<gridSpan val="{}"/>'
DOWN = '<vMerge val="restart"/>'
CONTINUED = "<vMerge/>"


def only(path: Path) -> Table:
    (table,) = read_tables(path)
    return table


def test_tables_with_the_paragraphs_above_them(tmp_path: Path) -> None:
    body = (
        p("Plāns") + p("") + p("1. Virziens") + tbl(tr("a", "b")) + p("2. Virziens") + tbl(tr("c"), tr("d"))
    )
    first, second = read_tables(docx(tmp_path, body + p("Beigas")))
    assert (first.above, first.texts) == (["Plāns", "1. Virziens"], [["a", "b"]])
    assert (second.above, second.texts) == (["2. Virziens"], [["c"], ["d"]])
    assert second.rows[1].cells[0] == Cell("d", Place("plan.docx", table=2, row=2, column=1))


def test_the_name_that_the_person_knows_is_in_the_place(tmp_path: Path) -> None:
    (table,) = read_tables(docx(tmp_path, tbl(tr("a"))), name="Rīcības plāns.docx")
    assert str(table.rows[0].cells[0].place) == "Rīcības plāns.docx, table 1, row 1, column 1"


def test_lines_breaks_and_lists_in_a_cell(tmp_path: Path) -> None:
    lines = "<p><r><t>viens</t><br/><t>divi</t><tab/><t>trīs</t></r></p>" + p("• četri") + p("") + p("pieci")
    assert only(docx(tmp_path, tbl(tr(tc(lines), "x")))).texts == [["viens\ndivi trīs\nčetri\n\npieci", "x"]]


def test_special_characters_in_a_run(tmp_path: Path) -> None:
    content = "<p><r><t>pēt</t><softHyphen/><t>nieks\u00a0IF</t><noBreakHyphen/><t>NPP</t></r></p>"
    assert only(docx(tmp_path, tbl(tr(tc(content))))).texts == [["pētnieks IF-NPP"]]


def test_cells_merged_across_repeat_their_text_and_say_so(tmp_path: Path) -> None:
    table = only(
        docx(tmp_path, tbl(tr("a", "b", "c"), tr(tc("1. Virziens", SPAN.format(3))), tr("d", "e", "f")))
    )
    assert table.texts == [["a", "b", "c"], ["1. Virziens"] * 3, ["d", "e", "f"]]
    assert [cell.merged for cell in table.rows[1].cells] == ["", "left", "left"]
    assert [row.section for row in table.rows] == [None, "1. Virziens", None]


def test_cells_merged_down_repeat_their_text_and_say_so(tmp_path: Path) -> None:
    table = only(docx(tmp_path, tbl(tr(tc("1.", DOWN), "a"), tr(tc("", CONTINUED), "b"), tr("2.", "c"))))
    assert table.texts == [["1.", "a"], ["1.", "b"], ["2.", "c"]]
    assert [row.cells[0].merged for row in table.rows] == ["", "above", ""]


def test_an_area_merged_both_ways(tmp_path: Path) -> None:
    across_down, across_on = SPAN.format(2) + DOWN, SPAN.format(2) + CONTINUED
    table = only(
        docx(tmp_path, tbl(tr(tc("X", across_down), "a"), tr(tc("", across_on), "b"), tr("c", "d", "e")))
    )
    assert table.texts == [["X", "X", "a"], ["X", "X", "b"], ["c", "d", "e"]]
    assert [[cell.merged for cell in row.cells] for row in table.rows[:2]] == [
        ["", "left", ""],
        ["above", "above", ""],
    ]


def test_merged_cells_of_older_files(tmp_path: Path) -> None:
    table = only(
        docx(
            tmp_path,
            tbl(
                tr(tc("X", '<hMerge val="restart"/>'), tc("", '<hMerge val="continue"/>'), "a"),
                tr("b", "c", "d"),
            ),
        )
    )
    assert table.texts == [["X", "X", "a"], ["b", "c", "d"]]
    assert table.rows[0].cells[1].merged == "left"


def test_ragged_rows_keep_their_columns(tmp_path: Path) -> None:
    body = tbl(
        tr("a", "b", "c"),
        tr("e", "f", properties='<gridBefore val="1"/>'),
        tr("g", properties='<gridAfter val="2"/>'),
        tr(),
        tr("h", "i", "j"),
    )
    assert only(docx(tmp_path, body)).texts == [
        ["a", "b", "c"],
        ["", "e", "f"],
        ["g", "", ""],
        [""] * 3,
        ["h", "i", "j"],
    ]


def test_a_border_a_millimetre_off_makes_no_column(tmp_path: Path) -> None:
    """Word then cuts the grid in four: the border between b and c is not the one between e and f."""
    body = tbl(
        tr("a", tc("b", SPAN.format(2)), "c"),
        tr("d", "e", tc("f", SPAN.format(2))),
        tr(tc("Virziens", SPAN.format(4))),
    )
    assert only(docx(tmp_path, body)).texts == [["a", "b", "c"], ["d", "e", "f"], ["Virziens"] * 3]


def test_grid_columns_in_which_no_cell_begins_are_no_columns(tmp_path: Path) -> None:
    wide = SPAN.format(2)
    body = tbl(tr("a", tc("b", wide), tc("c", wide)), tr(tc("d", SPAN.format(3)), tc("e", wide)))
    assert only(docx(tmp_path, body)).texts == [["a", "b", "c"], ["d", "d", "e"]]


def test_tracked_changes_are_read_as_accepted(tmp_path: Path) -> None:
    content = (
        "<p><r><t>Termiņš </t></r><ins><r><t>2024</t></r></ins><del><r><delText>2023</delText></r></del>"
        "<moveTo><r><t>!</t></r></moveTo><moveFrom><r><t>?</t></r></moveFrom></p>"
    )
    joined = "<p><pPr><rPr><del/></rPr></pPr><r><t>viena </t></r></p>" + p("rindkopa")
    body = tbl(
        tr(tc(content), tc(joined)),
        tr("dzēsta", "rinda", properties="<del/>"),
        tr("jauna", "rinda", properties="<ins/>"),
    )
    assert only(docx(tmp_path, f"<ins>{p('Ievads')}</ins>{body}")).texts == [
        ["Termiņš 2024!", "viena rindkopa"],
        ["jauna", "rinda"],
    ]


def test_a_cell_deleted_in_tracked_changes_is_gone(tmp_path: Path) -> None:
    body = tbl(tr("a", tc("b", "<cellDel/>"), "c"), tr("d", "e"))
    assert only(docx(tmp_path, body)).texts == [["a", "c"], ["d", "e"]]


def test_content_controls_and_links_are_looked_through(tmp_path: Path) -> None:
    inner = "<p><sdt><sdtContent><hyperlink><r><t>2023</t></r></hyperlink></sdtContent></sdt></p>"
    row = f"<sdt><sdtContent>{tr(tc(inner), 'b')}</sdtContent></sdt>"
    table = only(docx(tmp_path, f"<sdt><sdtPr/><sdtContent>{p('Virziens')}{tbl(row)}</sdtContent></sdt>"))
    assert (table.above, table.texts) == (["Virziens"], [["2023", "b"]])


def test_field_codes_and_pictures_are_not_text(tmp_path: Path) -> None:
    content = (
        "<p><r><instrText>PAGE</instrText></r><r><drawing><t>attēls</t></drawing></r><r><t>teksts</t></r></p>"
    )
    assert only(docx(tmp_path, tbl(tr(tc(content))))).texts == [["teksts"]]


def test_a_table_in_a_cell_becomes_lines(tmp_path: Path) -> None:
    inner = tbl(tr("x", "y"), tr(tc("z", SPAN.format(2))))
    assert only(docx(tmp_path, tbl(tr(tc(p("pirms") + inner + p("pēc")), "b")))).texts == [
        ["pirms\nx | y\nz\npēc", "b"]
    ]


NUMBERING = """
<abstractNum abstractNumId="0">
  <lvl ilvl="0"><start val="1"/><numFmt val="decimal"/><lvlText val="%1."/></lvl>
  <lvl ilvl="1"><start val="1"/><numFmt val="decimal"/><lvlText val="%1.%2."/></lvl>
</abstractNum>
<abstractNum abstractNumId="1">
  <lvl ilvl="0"><start val="1"/><numFmt val="bullet"/><lvlText val="x"/></lvl>
</abstractNum>
<num numId="1"><abstractNumId val="0"/></num>
<num numId="2"><abstractNumId val="1"/></num>
<num numId="3"><abstractNumId val="0"/><lvlOverride ilvl="0"><startOverride val="7"/></lvlOverride></num>
"""


def numbered(text: str, number: int, level: int = 0) -> str:
    run = f"<r><t>{text}</t></r>" if text else ""
    return f'<p><pPr><numPr><ilvl val="{level}"/><numId val="{number}"/></numPr></pPr>{run}</p>'


def test_automatic_numbers_are_text_and_bullets_are_not(tmp_path: Path) -> None:
    body = (
        numbered("Virziens", 1)
        + numbered("Prioritāte", 1, level=1)
        + tbl(
            tr(tc(numbered("", 1, level=1)), tc(numbered("a", 2) + numbered("b", 2))),
            tr(tc(numbered("", 1, level=1)), "c"),
        )
        + numbered("Cits virziens", 1)
        + numbered("Prioritāte", 1, level=1)
        + numbered("Pārnumurēts", 3)
        + numbered("Nākamais", 3)
        + numbered("Bez saraksta", 0)
        + tbl(tr("x"))
    )
    first, second = read_tables(docx(tmp_path, body, numbering=NUMBERING))
    assert first.above == ["1. Virziens", "1.1. Prioritāte"]
    assert first.texts == [["1.2.", "a\nb"], ["1.3.", "c"]]
    assert second.above == [
        "2. Cits virziens",
        "2.1. Prioritāte",
        "7. Pārnumurēts",
        "8. Nākamais",
        "Bez saraksta",
    ]


def test_a_number_may_come_from_the_style_and_its_ancestors(tmp_path: Path) -> None:
    styles = """
    <style styleId="V"><name val="heading 1"/><pPr><numPr><numId val="1"/></numPr></pPr></style>
    <style styleId="D"><name val="mine"/><basedOn val="V"/></style>
    <style styleId="L"><name val="loop"/><basedOn val="L"/></style>
    <style styleId="S1"><name val="toc 1"/></style>
    """
    body = "".join(f'<p><pPr><pStyle val="{s}"/></pPr><r><t>{s}</t></r></p>' for s in ("S1", "V", "D", "L"))
    (table,) = read_tables(docx(tmp_path, body + tbl(tr("x")), styles=styles, numbering=NUMBERING))
    assert table.above == ["1. V", "2. D", "L"]


@pytest.mark.parametrize(
    ("kind", "figures"),
    [
        ("decimal", ["1", "4", "27"]),
        ("decimalZero", ["01", "04", "27"]),
        ("lowerLetter", ["a", "d", "aa"]),
        ("upperLetter", ["A", "D", "AA"]),
        ("lowerRoman", ["i", "iv", "xxvii"]),
        ("upperRoman", ["I", "IV", "XXVII"]),
    ],
)
def test_figures(kind: str, figures: list[str]) -> None:
    assert [_figure(number, kind) for number in (1, 4, 27)] == figures


def test_a_file_that_python_docx_writes(tmp_path: Path) -> None:
    word = python_docx.Document()
    word.add_heading("Plāns", 1)
    table = word.add_table(2, 2)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "Kopā"
    table.cell(1, 1).text = "b"
    word.save(str(tmp_path / "a.docx"))
    (read,) = read_tables(tmp_path / "a.docx")
    assert (read.above, read.texts) == (["Plāns"], [["Kopā", "Kopā"], ["", "b"]])


# ---------------------------------------------------------------------------------------------------- writing

DOCUMENT = Document(
    "Plāns 2023",
    ["Ievads"],
    [
        Heading("Virziens"),
        Heading("Prioritāte", 2),
        Grid(["Nr.", "Pasākums"], [["1.", "Viens\ndivi"]], landscape=True),
        Para("Beigas"),
    ],
    language="lv",
)


def test_what_python_docx_sees_in_a_written_file() -> None:
    word = python_docx.Document(BytesIO(to_bytes(DOCUMENT, "docx")))
    assert [(paragraph.style.name, paragraph.text) for paragraph in word.paragraphs if paragraph.style] == [
        ("Title", "Plāns 2023"),
        ("Normal", "Ievads"),
        ("Heading 1", "Virziens"),
        ("Heading 2", "Prioritāte"),
        ("Table Text", ""),
        ("Normal", "Beigas"),
    ]
    (table,) = word.tables
    assert [paragraph.text for paragraph in table.cell(1, 1).paragraphs] == ["Viens", "divi"]
    assert table.style is not None
    assert table.style.name == "Table Grid"
    (section,) = word.sections
    assert section.page_width is not None
    assert section.page_height is not None
    assert (round(section.page_width.cm, 1), round(section.page_height.cm, 1)) == (29.7, 21.0)
    assert word.core_properties.title == "Plāns 2023"
    assert word.core_properties.language == "lv"
    assert word.core_properties.created is None


def test_header_rows_repeat_and_rows_stay_whole() -> None:
    xml = zipfile.ZipFile(BytesIO(to_bytes(DOCUMENT, "docx"))).read("word/document.xml").decode()
    rows = re.findall(r"<w:trPr>(.*?)</w:trPr>", xml)
    assert rows == ["<w:cantSplit/><w:tblHeader/>", "<w:cantSplit/>"]
    assert (
        'w:val="lv-LV"'
        in zipfile.ZipFile(BytesIO(to_bytes(DOCUMENT, "docx"))).read("word/styles.xml").decode()
    )


def test_pages_turn_with_the_tables() -> None:
    upright = Grid(["a"], [["1"]])
    word = python_docx.Document(
        BytesIO(to_bytes(Document("T", blocks=[*DOCUMENT.blocks, Heading("H"), upright]), "docx"))
    )
    assert [section.page_width.cm > 25 for section in word.sections if section.page_width] == [True, False]


def test_no_preview_picture_of_another_document_is_left() -> None:
    names = zipfile.ZipFile(BytesIO(to_bytes(DOCUMENT, "docx"))).namelist()
    assert not [name for name in names if "thumbnail" in name]
