"""Text files of tables: encodings, delimiters, quotation marks, formulas."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka.core.formats import BadFile, Document, Grid, Heading, Para, Place, Table, read_tables, to_bytes
from talka.core.formats.as_csv import guard, unguard

ROWS = [["Nr.", "Pasākums"], ["1.", "Žogs, ķēde; ģints"]]


def written(folder: Path, data: bytes | str, name: str = "plan.csv") -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def only(path: Path) -> Table:
    (table,) = read_tables(path)
    return table


def text(delimiter: str) -> str:
    buffer = StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows(ROWS)
    return buffer.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1257"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters(tmp_path: Path, encoding: str, delimiter: str) -> None:
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    table = only(written(tmp_path, (mark + text(delimiter)).encode(encoding)))
    assert table.texts == ROWS
    assert table.rows[1].cells[1].place == Place("plan.csv", row=2, column=2)


def test_tsv_and_txt_are_csv_too(tmp_path: Path) -> None:
    assert only(written(tmp_path, text("\t"), "plan.tsv")).texts == ROWS
    assert only(written(tmp_path, text(";"), "plan.txt")).texts == ROWS
    assert only(written(tmp_path, text(";"), "upload")).texts == ROWS


def test_commas_in_prose_are_no_delimiters(tmp_path: Path) -> None:
    rows = "Nr.;Kas\n1;a, b\n2;c\n3;d, e, f\n"
    assert only(written(tmp_path, rows)).texts == [
        ["Nr.", "Kas"],
        ["1", "a, b"],
        ["2", "c"],
        ["3", "d, e, f"],
    ]


def test_a_file_that_names_its_delimiter_is_believed(tmp_path: Path) -> None:
    assert only(written(tmp_path, "sep=|\r\na|b,c\r\n")).texts == [["a", "b,c"]]


def test_one_column_and_ragged_rows(tmp_path: Path) -> None:
    assert only(written(tmp_path, "Kas\na\n\nb\n\n")).texts == [["Kas"], ["a"], [""], ["b"]]
    assert only(written(tmp_path, "Kas\na\n" + "\n" * 30_000)).texts == [["Kas"], ["a"]]
    assert only(written(tmp_path, "a,b,c\n1\n1,2,3\n1,2,3\n")).texts[1] == ["1", "", ""]


def test_titles_above_the_header(tmp_path: Path) -> None:
    table = only(written(tmp_path, "Plāns;;\n;;\nNr.;Kas;Kad\n1;a;b\n"))
    assert (table.above, table.texts) == (["Plāns"], [["Nr.", "Kas", "Kad"], ["1", "a", "b"]])
    assert table.rows[0].number == 3


def test_lines_and_quotation_marks_in_cells(tmp_path: Path) -> None:
    assert only(written(tmp_path, 'a,"b\r\nc ""d"""\n')).texts == [["a", 'b\nc "d"']]


QUOTES = 'Put the whole cell in "quotation marks" and write a quotation mark inside it twice.'
LONGEST = "The longest text accepted in a cell has 20000 characters."
KINDS = "Give docx, xlsx, csv, tsv, json or a PDF with ruled tables."
UNREADABLE = "The text is not in an encoding that can be read"
NO_TEXT = "The file is named csv but holds no text"
UNPAIRED = "The quotation marks of this row do not pair up"


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ('a,b\n1,2\n"x\ny"z,2\n', "quotes", f"line 3: {UNPAIRED} (',' expected after '\"'). {QUOTES}"),
        ('a,b\n1,"2\n3,4\n', "quotes", f"line 2: {UNPAIRED} (unexpected end of data). {QUOTES}"),
        (
            "a;b\n1;" + "x" * 200_000,
            "cell-characters",
            f"line 2: The cell has > 131072 characters. {LONGEST}",
        ),
        (
            "a;b\n1;" + "x" * 20_001,
            "cell-characters",
            f"row 2, column 2: The cell has 20001 characters. {LONGEST}",
        ),
        (b"a;b\n1;\x81\n", "encoding", f"{UNREADABLE} (byte 7). Save it as CSV UTF-8."),
        (b"\xef\xbb\xbfa;\xff\n", "encoding", f"{UNREADABLE} (byte 3). Save it as CSV UTF-8."),
        (b"\x89PNG\r\n\x1a\n\0\0", "not-text", f"{NO_TEXT} (a control character at position 7). {KINDS}"),
        (b"GIF89a\x01\0\x01\0", "not-text", f"{NO_TEXT} (a control character at position 7). {KINDS}"),
    ],
)
def test_bad_text(tmp_path: Path, data: bytes | str, code: str, message: str) -> None:
    with pytest.raises(BadFile) as refused:
        read_tables(written(tmp_path, data))
    separator = ", " if message[0].islower() else ": "
    assert (refused.value.code, str(refused.value)) == (code, f"plan.csv{separator}{message}")


# --------------------------------------------------------------------------------------------------- formulas


@pytest.mark.parametrize(
    ("raw", "guarded"),
    [
        ("=1+1", "'=1+1"),
        ("+371 67012345", "'+371 67012345"),
        ("-", "'-"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("＝1", "'＝1"),
        ("'=1", "''=1"),
        ("''=1", "'''=1"),
        ("-5", "-5"),
        ("+0,75", "+0,75"),
        ("'teksts'", "'teksts'"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_guarded_against_formulas(raw: str, guarded: str) -> None:
    assert guard(raw) == guarded
    assert unguard(guarded) == raw


@given(st.text(st.sampled_from("'=+-@\t\r＝a1,")))
def test_the_guard_is_reversible(raw: str) -> None:
    assert unguard(guard(raw)) == raw


@given(st.text(st.sampled_from("'=+-@\t\r＝a1,"), min_size=1))
def test_nothing_but_numbers_comes_out_as_a_formula(raw: str) -> None:
    out = guard(raw)
    assert out[0] not in "=+-@\t\r＝" or out.strip("+-").replace(",", "", 1).isdigit()


# ---------------------------------------------------------------------------------------------------- writing


def test_what_is_written() -> None:
    document = Document(
        "T", ["p"], [Heading("H"), Grid(["Nr.", "Kas"], [["1", 'a "b"'], [2, "=x"]]), Para("P")]
    )
    assert to_bytes(document, "csv") == (b'\xef\xbb\xbf"Nr.","Kas"\r\n"1","a ""b"""\r\n"2","\'=x"\r\n')


def test_tables_with_one_header_follow_each_other() -> None:
    document = Document("T", blocks=[Grid(["a"], [["1"]]), Heading("H"), Grid([" a "], [["2"]])])
    assert to_bytes(document, "csv") == b'\xef\xbb\xbf"a"\r\n"1"\r\n"2"\r\n'


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_tables_with_different_headers_need_another_format(kind: str) -> None:
    with pytest.raises(
        ValueError, match="the header of table 2 differs from the first: write docx, xlsx or pdf"
    ):
        to_bytes(Document("T", blocks=[Grid(["a"], []), Grid(["b"], [])]), kind)
    with pytest.raises(ValueError, match="this document has none"):
        to_bytes(Document("T"), kind)
