"""Files that are not what they say, or that were made to do harm. Each is built here, byte by byte."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from talka.core.formats import (
    LIMITS,
    BadFile,
    Locked,
    TooLarge,
    Unreadable,
    Unsafe,
    WrongKind,
    read_tables,
)
from talka.core.tests.formats_files import data, docx_parts, p, tbl, tc, tr, xlsx_parts, zipped

OLE = bytes.fromhex("D0CF11E0A1B11AE1")
GOOD_DOCX = zipped(docx_parts(tbl(tr("a", "b"))))
GOOD_XLSX = zipped(xlsx_parts({"S": data(["a", "b"])}))


def ole(*streams: str) -> bytes:
    """A compound file as Office writes it: header, one directory sector, its entries named in UTF-16."""
    header = OLE + bytes(16) + bytes.fromhex("3E000300FEFF0900") + bytes(480)
    entries = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0")
        + (2 * len(name) + 2).to_bytes(2, "little")
        + bytes([2, 1])
        + bytes(60)
        for name in ("Root Entry", *streams)
    )
    return header + entries


def with_parts(file: bytes, **parts: bytes) -> bytes:
    """The zip with more parts; in their names _ stands for /."""
    buffer = BytesIO(file)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as added:
        for name, content in parts.items():
            added.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def flagged(file: bytes) -> bytes:
    """The zip with the encryption bit of its first part set, in the directory too."""
    at = file.index(b"PK\x01\x02") + 8
    return file[:6] + b"\x01" + file[7:at] + b"\x01" + file[at + 1 :]


def lying(file: bytes, name: bytes, size: int) -> bytes:
    """The zip whose directory gives another unpacked size for a part."""
    at = file.rindex(name)
    start = file.rindex(b"PK\x01\x02", 0, at) + 24
    return file[:start] + size.to_bytes(4, "little") + file[start + 4 :]


def refused(folder: Path, content: bytes, name: str, **limits: int) -> BadFile:
    path = folder / "upload"
    path.write_bytes(content)
    with pytest.raises(BadFile) as caught:
        read_tables(path, name=name, limits=replace(LIMITS, **limits))
    assert caught.value.place.file == name
    return caught.value


# --------------------------------------------------------------------------------------------- what it is not


@pytest.mark.parametrize(
    ("content", "name", "kind", "code"),
    [
        (b"", "a.docx", Unreadable, "empty-file"),
        (b"\r\n \0", "a.csv", Unreadable, "empty-file"),
        (b"\xef\xbb\xbf", "a.csv", Unreadable, "empty-file"),
        (b"not a zip", "a.docx", Unreadable, "corrupt"),
        (b"not a zip", "a.xlsx", Unreadable, "corrupt"),
        (b"not a pdf", "a.pdf", Unreadable, "corrupt"),
        (GOOD_DOCX[:-30], "a.docx", Unreadable, "corrupt"),
        (b"PK\x03\x04" + bytes(100), "a.xlsx", Unreadable, "corrupt"),
        (GOOD_DOCX, "a.xlsx", WrongKind, "wrong-content"),
        (GOOD_XLSX, "a.csv", WrongKind, "wrong-content"),
        (b"%PDF-1.7", "a.docx", WrongKind, "wrong-content"),
        (ole("WordDocument"), "a.doc", WrongKind, "old-format"),
        (ole("Workbook"), "a.xls", WrongKind, "old-format"),
        (ole("Book"), "a.xlsx", WrongKind, "old-format"),
        (ole("Cits"), "a.xls", WrongKind, "old-format"),
        (ole("Cits"), "a.msg", WrongKind, "unknown-format"),
        (b"{\\rtf1 x}", "a.doc", WrongKind, "old-format"),
        (b"<html><table></table></html>", "a.xls", WrongKind, "old-format"),
        (b'<?xml version="1.0"?><Workbook/>', "a.xlsx", WrongKind, "old-format"),
        (b"text", "a.xls", WrongKind, "old-format"),
        (
            zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}),
            "a",
            WrongKind,
            "old-format",
        ),
        (zipped({"mimetype": "application/vnd.oasis.opendocument.text"}), "a.odt", WrongKind, "old-format"),
        (zipped({"mimetype": "application/epub+zip"}), "a.epub", WrongKind, "unknown-format"),
        (zipped({"Index/Tables": "x"}), "a.numbers", WrongKind, "old-format"),
        (zipped({"a.txt": "x"}), "a.zip", WrongKind, "unknown-format"),
        (bytes(10) + b"\x7fELF", "a.bin", WrongKind, "unknown-format"),
        (zipped(docx_parts(p("Tikai teksts"))), "a.docx", Unreadable, "no-table"),
        (zipped(xlsx_parts({"S": "<sheetData/>"})), "a.xlsx", Unreadable, "no-table"),
    ],
)
def test_not_what_it_says(tmp_path: Path, content: bytes, name: str, kind: type[BadFile], code: str) -> None:
    error = refused(tmp_path, content, name)
    assert (type(error), error.code) == (kind, code)


def test_what_to_do_with_an_old_format(tmp_path: Path) -> None:
    assert str(refused(tmp_path, ole("WordDocument"), "plāns.doc")) == (
        "plāns.doc: The file is in the doc format. Save it as docx."
    )
    links = str(docx_parts("")["_rels/.rels"]).replace("word/document.xml", "xl/workbook.bin")
    xlsb = zipped({"[Content_Types].xml": "<Types/>", "_rels/.rels": links, "xl/workbook.bin": b"x"})
    assert (
        str(refused(tmp_path, xlsb, "a.xlsb")) == "a.xlsb: The file is in the xlsb format. Save it as xlsx."
    )


def test_a_part_that_the_package_promises_but_does_not_hold(tmp_path: Path) -> None:
    parts = docx_parts(tbl(tr("a")))
    del parts["word/document.xml"]
    assert refused(tmp_path, zipped(parts), "a.docx").code == "corrupt"


@pytest.mark.parametrize("part", ["word/document.xml", "word/styles.xml", "_rels/.rels"])
def test_broken_xml(tmp_path: Path, part: str) -> None:
    assert refused(tmp_path, zipped(docx_parts("") | {part: "<a><b></a>"}), "a.docx").code == "corrupt"


@pytest.mark.parametrize(
    "sheet",
    [
        '<sheetData><row r="1"><c r="A1" t="s"><v>9</v></c></row></sheetData>',
        '<sheetData><row r="x"><c r="A1"/></row></sheetData>',
        '<sheetData><row r="1"><c r="1"><v>1</v></c></row></sheetData>',
        '<sheetData><row r="1"><c r="A1"><v>viens</v></c></row></sheetData>',
        data(["a"]) + '<mergeCells><mergeCell ref="A:B"/></mergeCells>',
        data(["a"]) + '<mergeCells><mergeCell ref="A1:B2"/><mergeCell ref="A1:A3"/></mergeCells>',
        "<sheetData><row>",
    ],
)
def test_references_that_point_nowhere(tmp_path: Path, sheet: str) -> None:
    assert refused(tmp_path, zipped(xlsx_parts({"S": sheet})), "a.xlsx").code == "corrupt"


# --------------------------------------------------------------------------------------- passwords and macros


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (ole("EncryptionInfo", "EncryptedPackage"), "a.docx"),
        (ole("EncryptionInfo", "EncryptedPackage"), "a.xlsx"),
        (flagged(GOOD_DOCX), "a.docx"),
    ],
)
def test_passwords(tmp_path: Path, content: bytes, name: str) -> None:
    error = refused(tmp_path, content, name)
    assert isinstance(error, Locked)
    assert str(error) == (
        f"{name}: The file is protected by a password. Remove the password and send the file again."
    )


MACRO_TYPES = (
    '<Types><Override ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/></Types>'
)


@pytest.mark.parametrize(
    ("content", "name", "wanted"),
    [
        (GOOD_DOCX, "a.docm", "docx"),
        (GOOD_XLSX, "a.XLSM", "xlsx"),
        (
            with_parts(GOOD_DOCX, word__vbaProject_bin=b"x").replace(b"vbaProject_bin", b"vbaProject.bin"),
            "a.docx",
            "docx",
        ),
        (
            with_parts(GOOD_XLSX, xl__vbaProject_bin=b"x").replace(b"vbaProject_bin", b"vbaProject.bin"),
            "a.xlsx",
            "xlsx",
        ),
        (zipped(docx_parts(tbl(tr("a"))) | {"[Content_Types].xml": MACRO_TYPES}), "a.docx", "docx"),
    ],
)
def test_macros(tmp_path: Path, content: bytes, name: str, wanted: str) -> None:
    error = refused(tmp_path, content, name)
    assert isinstance(error, Unsafe)
    assert str(error) == f"{name}: The file holds macros. Save it as {wanted}, which cannot hold macros."


# ------------------------------------------------------------------------------------------------ size, bombs


def test_a_file_beyond_the_limit_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    with pytest.raises(TooLarge) as caught:
        read_tables(path)
    assert str(caught.value) == "a.csv: The file has 200 MB. The largest file accepted has 25 MB."


def test_a_bomb_is_seen_in_the_directory(tmp_path: Path) -> None:
    """Three parts of 80 MB of nothing, on disk a quarter of a megabyte."""
    nothing = bytes(80 * 1024 * 1024)
    bomb = with_parts(GOOD_XLSX, xl__a=nothing, xl__b=nothing, xl__c=nothing)
    assert len(bomb) < 300_000
    error = refused(tmp_path, bomb, "a.xlsx")
    assert str(error) == (
        "a.xlsx: The file unpacks to more than 200 MB. Remove pictures and unused sheets, or split the file."
    )


def test_a_part_too_large_for_a_tree(tmp_path: Path) -> None:
    bomb = with_parts(GOOD_XLSX, xl__a=bytes(3000))
    assert refused(tmp_path, bomb, "a.xlsx", part_bytes=2999).code == "unpacked-bytes"


def test_a_small_bomb_is_seen_by_its_ratio(tmp_path: Path) -> None:
    error = refused(tmp_path, with_parts(GOOD_DOCX, word__a=bytes(2 * 1024 * 1024)), "a.docx")
    assert (type(error), error.code, error.params) == (TooLarge, "ratio", {"limit": 200})


def test_a_bomb_whose_directory_lies_is_stopped_while_it_unpacks(tmp_path: Path) -> None:
    parts = docx_parts(tbl(tr("a" * 5000)))
    error = refused(tmp_path, lying(zipped(parts), b"word/document.xml", 100), "a.docx")
    assert error.code == "corrupt"


def test_what_comes_out_is_counted_over_all_parts(tmp_path: Path) -> None:
    """The directory tells of no more than the limit; but a part that is read twice counts twice."""
    content = zipped(docx_parts(tbl(tr("a" * 2000))))
    total = sum(info.file_size for info in zipfile.ZipFile(BytesIO(content)).infolist())
    assert refused(tmp_path, content, "a.docx", unpacked_bytes=total).code == "unpacked-bytes"
    path = tmp_path / "a.docx"
    path.write_bytes(content)
    (table,) = read_tables(path, limits=replace(LIMITS, unpacked_bytes=3 * total))
    assert len(table.texts[0][0]) == 2000


def test_many_parts(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD_DOCX, "a.docx", parts=5)
    assert (type(error), error.code) == (TooLarge, "parts")


# --------------------------------------------------------------------------------------------------- entities


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
BILLION = f'<!DOCTYPE w [<!ENTITY l0 "ha">{LAUGHS}]>'
OUTSIDE = '<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("declaration", [BILLION, OUTSIDE])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
def test_entities(tmp_path: Path, declaration: str, encoding: str) -> None:
    for parts, part, name in (
        (docx_parts(tbl(tr("&l9;&x;"))), "word/document.xml", "a.docx"),
        (docx_parts(tbl(tr("a"))), "word/_rels/document.xml.rels", "a.docx"),
        (xlsx_parts({"S": data(["&l9;&x;"])}), "xl/worksheets/sheet1.xml", "a.xlsx"),
        (xlsx_parts({"S": data(["a"])}), "xl/sharedStrings.xml", "a.xlsx"),
    ):
        parts[part] = f"{declaration}{parts[part]!s}".encode(encoding)
        error = refused(tmp_path, zipped(parts), name)
        assert (type(error), error.code, error.params) == (Unsafe, "entities", {"part": part})


def test_links_to_the_outside_are_not_followed(tmp_path: Path) -> None:
    """A style sheet at an address nobody may call: the test would fail."""
    parts = docx_parts(tbl(tr("a")))
    links = str(parts["word/_rels/document.xml.rels"])
    outside = '<Relationship Id="x" Type="t/styles" TargetMode="External" Target="http://192.0.2.1/x.xml"/>'
    parts["word/_rels/document.xml.rels"] = links.replace("<Relationship ", outside + "<Relationship ", 1)
    path = tmp_path / "a.docx"
    path.write_bytes(zipped(parts))
    (table,) = read_tables(path)
    assert table.texts == [["a"]]


# --------------------------------------------------------------------------------------------- too much in it


def test_a_cell_of_a_hundred_thousand_characters_is_named(tmp_path: Path) -> None:
    long = "ā" * 100_000
    sentence = "The cell has 100000 characters. The longest text accepted in a cell has 20000 characters."
    word = zipped(docx_parts(p("x") + tbl(tr("a")) + tbl(tr("a", "b"), tr("c", long))))
    assert str(refused(tmp_path, word, "a.docx")) == f"a.docx, table 2, row 2, column 2: {sentence}"
    book = zipped(xlsx_parts({"Plāns": data(["a", "b"], ["c", long])}))
    assert str(refused(tmp_path, book, "a.xlsx")) == f"a.xlsx, sheet «Plāns», cell B2: {sentence}"


@pytest.mark.parametrize(
    ("content", "name", "code", "place"),
    [
        (b"a;b\n" * 20_001, "a.csv", "rows", "a.csv, row 20001"),
        (b";".join([b"a"] * 101), "a.csv", "columns", "a.csv, row 1, column 101"),
        (
            zipped(docx_parts(tbl(tr(*["a"] * 101)))),
            "a.docx",
            "columns",
            "a.docx, table 1, row 1, column 101",
        ),
        (
            zipped(
                xlsx_parts({"S": '<sheetData><row r="20001"><c r="C20001"><v>1</v></c></row></sheetData>'})
            ),
            "a.xlsx",
            "rows",
            "a.xlsx, sheet «S», cell C20001",
        ),
        (
            zipped(xlsx_parts({"S": '<sheetData><row r="3"><c r="CW3"><v>1</v></c></row></sheetData>'})),
            "a.xlsx",
            "columns",
            "a.xlsx, sheet «S», cell CW3",
        ),
    ],
)
def test_too_many_rows_or_columns(tmp_path: Path, content: bytes, name: str, code: str, place: str) -> None:
    error = refused(tmp_path, content, name)
    assert (type(error), error.code, str(error.place)) == (TooLarge, code, place)


def test_empty_cells_are_not_free(tmp_path: Path) -> None:
    cells = "".join(f'<row r="{row}">{"<c/>" * 9}</row>' for row in range(1, 13))
    book = zipped(xlsx_parts({"S": f"<sheetData>{cells}</sheetData>"}))
    assert refused(tmp_path, book, "a.xlsx", rows=10, columns=10).code == "rows"


def test_too_many_tables(tmp_path: Path) -> None:
    assert refused(tmp_path, zipped(docx_parts(tbl(tr("a")) * 4)), "a.docx", tables=3).code == "tables"
    sheets = {f"S{i}": data(["a"]) for i in range(4)}
    assert refused(tmp_path, zipped(xlsx_parts(sheets)), "a.xlsx", tables=3).code == "tables"


def test_deep_nesting(tmp_path: Path) -> None:
    deep = "<sdt><sdtContent>" * 400 + p("x") + "</sdtContent></sdt>" * 400
    assert refused(tmp_path, zipped(docx_parts(deep + tbl(tr("a")))), "a.docx").code == "corrupt"


def test_a_span_over_all_columns_is_only_a_wide_cell(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(zipped(docx_parts(tbl(tr(tc("a", '<gridSpan val="99999"/>'), "b"), tr("c", "d")))))
    (table,) = read_tables(path)
    assert table.texts == [["a", "b"], ["c", "d"]]


def test_markup_and_formulas_stay_text(tmp_path: Path) -> None:
    formula = '=HYPERLINK("http://192.0.2.1","x")'
    markup = "<script>alert(1)</script>"
    escaped = markup.replace("<", "&lt;")
    for content, name in (
        (zipped(docx_parts(tbl(tr(tc(p(escaped)), tc(p(formula)))))), "a.docx"),
        (zipped(xlsx_parts({"S": data([escaped, formula])})), "a.xlsx"),
        (f'"{markup}","{formula.replace(chr(34), chr(34) * 2)}"'.encode(), "a.csv"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        (table,) = read_tables(path)
        assert table.texts == [[markup, formula]]


@pytest.mark.parametrize(
    "styles", ['<cellXfs><xf numFmtId=""/></cellXfs>', '<numFmts><numFmt numFmtId="x"/></numFmts>']
)
def test_styles_that_make_no_sense(tmp_path: Path, styles: str) -> None:
    assert (
        refused(tmp_path, zipped(xlsx_parts({"S": data(["a"])}, styles=styles)), "a.xlsx").code == "corrupt"
    )


def test_random_damage_is_always_a_bad_file_or_a_table(tmp_path: Path) -> None:
    """Every 97th byte turned over, one at a time: nothing but BadFile may come out."""
    path = tmp_path / "upload"
    outcomes: set[type] = set()
    for file, name in ((GOOD_DOCX, "a.docx"), (GOOD_XLSX, "a.xlsx")):
        for at in range(0, len(file), 97):
            path.write_bytes(file[:at] + bytes([file[at] ^ 0xFF]) + file[at + 1 :])
            try:
                outcomes.add(type(read_tables(path, name=name)))
            except BadFile as error:
                outcomes.add(type(error))
    assert {list, Unreadable} <= outcomes


def test_a_raw_deflate_stream_is_no_document(tmp_path: Path) -> None:
    assert refused(tmp_path, zlib.compress(bytes(10_000)), "a.docx").code == "corrupt"
