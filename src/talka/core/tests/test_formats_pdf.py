"""PDF: what is typeset, what is read back, and what is refused."""

from __future__ import annotations

import io
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pdfplumber
import pytest

from talka.core.formats import LIMITS, BadFile, Document, Grid, Heading, Para, Table, read_tables, to_bytes
from talka.core.formats import pdf_worker as worker
from talka.core.formats.as_pdf import _PAGE_NUMBER, _pages
from talka.core.formats.limits import MB
from talka.core.formats.places import Place

ALPHABET = "ā č ē ģ ī ķ ļ ņ š ū ž Ā Č Ē Ģ Ī Ķ Ļ Ņ Š Ū Ž „pēdiņas” – 75 % €"
PLAN = Document(
    "Rīcības plāns 2023. gadam",
    [ALPHABET],
    [
        Heading("1. Rīcības virziens “Cilvēkkapitāls”"),
        Heading("1.1. Prioritāte “Jomas prestižas celšana un atbilstošas motivācijas sistēmas izveide”", 2),
        Grid(
            ["Nr.", "Pasākums", "Rezultāts", "Termiņš"],
            [
                [
                    "1.1.1.",
                    "Izveidot kompetenču karti, kurā redzams, kurš ko prot un ar ko jau strādā",
                    "Karte",
                    "",
                ],
                ["1.1.2.", "Sasaukt forumu", "Forums noticis\nSecinājumi publicēti", "2023"],
                ["1.1.3.", "#set text(red) *nav* `kods` $x$ @atsauce <birka>", "=1+1", "2023-06-30"],
            ],
            landscape=True,
        ),
        Heading("2. Rīcības virziens", 1),
        Grid(["Kas", "Kad"], [["a", "b"]]),
        Para("Beigas"),
    ],
    created=datetime(2023, 1, 2, tzinfo=UTC),
)


def read(folder: Path, data: bytes, **limits: int) -> list[Table]:
    path = folder / "plan.pdf"
    path.write_bytes(data)
    return read_tables(path, limits=replace(LIMITS, **limits))


@pytest.fixture(scope="module")
def plan() -> bytes:
    return to_bytes(PLAN, "pdf")


# ---------------------------------------------------------------------------------------------------- writing


def test_the_written_tables_are_read_back_exactly(tmp_path: Path, plan: bytes) -> None:
    first, second = read(tmp_path, plan)
    assert [first.texts, second.texts] == [grid.texts() for grid in PLAN.grids()]
    assert first.above == [PLAN.title, ALPHABET, "1. Rīcības virziens “Cilvēkkapitāls”", PLAN.blocks[1].text]  # type: ignore[union-attr]
    assert second.above == ["2. Rīcības virziens"]
    assert str(second.rows[1].cells[1].place) == "plan.pdf, page 2, table 2, row 2, column 2"


def test_it_is_tagged_titled_dated_and_in_its_language(plan: bytes) -> None:
    assert b"<pdfuaid:part>1</pdfuaid:part>" in plan
    assert b"/MarkInfo" in plan or b"/StructTreeRoot" in plan
    assert re.search(rb"/Lang ?\(lv", plan)
    with pdfplumber.open(io.BytesIO(plan)) as pdf:
        assert pdf.metadata["Title"] == PLAN.title
        assert pdf.metadata["CreationDate"].startswith("D:20230102")
        assert [(round(page.width), round(page.height)) for page in pdf.pages] == [(842, 595), (595, 842)]
        assert [page.extract_text().splitlines()[-1] for page in pdf.pages] == ["1 / 2", "2 / 2"]


def test_a_moment_without_a_zone_is_utc(plan: bytes) -> None:
    assert PLAN.created is not None
    assert to_bytes(replace(PLAN, created=PLAN.created.replace(tzinfo=None)), "pdf") == plan


def test_without_a_date_there_is_none() -> None:
    with pdfplumber.open(io.BytesIO(to_bytes(replace(PLAN, created=None), "pdf"))) as pdf:
        assert "CreationDate" not in pdf.metadata


def test_a_heading_that_skips_a_level_is_raised() -> None:
    document = Document("T", blocks=[Heading("a", 4), Heading("b", 2), Heading("c", 9)])
    assert b"pdfuaid" in to_bytes(document, "pdf")


def test_a_character_that_our_fonts_lack_is_no_failure() -> None:
    pdf = to_bytes(Document("T", ["龍 \U0001f600"]), "pdf")
    assert pdf.startswith(b"%PDF-")


def test_a_word_longer_than_its_column_breaks_and_stays_in_it(tmp_path: Path) -> None:
    long = "https://example.org/" + "a" * 200
    (table,) = read(
        tmp_path, to_bytes(Document("T", blocks=[Grid(["Adrese", "Kas"], [[long, "x"]], [1, 9])]), "pdf")
    )
    address, what = table.rows[1].texts
    assert (address.replace(" ", ""), what) == (long, "x")


def test_a_row_taller_than_the_page_goes_on(tmp_path: Path) -> None:
    text = " ".join(f"vārds{i}" for i in range(1500))
    tables = read(tmp_path, to_bytes(Document("T", blocks=[Grid(["Nr.", "Teksts"], [["1.", text]])]), "pdf"))
    (table,) = tables
    assert " ".join(row.cells[1].text for row in table.rows[1:]) == text
    assert [row.cells[0].text for row in table.rows[1:]] == ["1.", "", ""][: len(table.rows) - 1]


# ---------------------------------------------------------------------------------------------------- reading


def test_a_table_over_several_pages_is_one(tmp_path: Path) -> None:
    rows = [[f"{i}.", f"Pasākums {i}"] for i in range(1, 121)]
    document = Document(
        "T",
        blocks=[Heading("H"), Grid(["Nr.", "Pasākums"], rows), Heading("Cits"), Grid(["a"], [["b"], ["c"]])],
    )
    first, second = read(tmp_path, to_bytes(document, "pdf"))
    assert first.texts == [["Nr.", "Pasākums"], *rows]
    assert (second.above, second.texts) == (["Cits"], [["a"], ["b"], ["c"]])


@pytest.mark.parametrize("line", ["1", "1 / 3", "– 12 –", "3. lpp.", "Page 2 of 14", "lpp. 4", "2 no 5"])
def test_page_numbers(line: str) -> None:
    assert _PAGE_NUMBER.fullmatch(line)


@pytest.mark.parametrize("line", ["1. Rīcības virziens", "Rīcības plāns 2023. gadam", "1.1. Prioritāte"])
def test_headings_are_no_page_numbers(line: str) -> None:
    assert not _PAGE_NUMBER.fullmatch(line)


def ruled(drawing: str) -> bytes:
    """A PDF of one page whose content stream is `drawing`; text in Helvetica 10."""
    return pdf_of([zlib.compress(drawing.encode("latin-1"))])


def pdf_of(streams: list[bytes]) -> bytes:
    """A PDF written by hand: a page for each (deflated) content stream."""
    count = len(streams)
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(count))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {count}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for i, stream in enumerate(streams):
        links = f"/Parent 2 0 R/Contents {5 + 2 * i} 0 R/Resources<</Font<</F 3 0 R>>>>"
        page = f"<</Type/Page/MediaBox[0 0 400 400]{links}>>"
        objects.append(page.encode())
        objects.append(
            f"<</Length {len(stream)}/Filter/FlateDecode>>stream\n".encode() + stream + b"\nendstream"
        )
    body = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj" % number + content + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return (
        body
        + b"xref\n0 %d\n0000000000 65535 f \n" % size
        + table
        + (b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, len(body)))
    )


def lines(*segments: tuple[int, int, int, int]) -> str:
    return " ".join(f"{x0} {y0} m {x1} {y1} l S" for x0, y0, x1, y1 in segments)


def text(x: float, y: float, words: str) -> str:
    return f" BT /F 10 Tf {x} {y} Td ({words}) Tj ET"


FRAME = [(50, 300, 350, 300), (50, 200, 350, 200), (50, 200, 50, 300), (350, 200, 350, 300)]


def test_cells_merged_over_columns_and_rows(tmp_path: Path) -> None:
    """
    A A B        (A over two columns, D over two rows)
    C D E
    F D G
    """
    inner = [(50, 260, 350, 260), (50, 230, 150, 230), (250, 230, 350, 230)]
    uprights = [(250, 200, 250, 300), (150, 200, 150, 260)]
    letters = [
        (60, 280, "A"),
        (260, 280, "B"),
        (60, 245, "C"),
        (160, 245, "D"),
        (260, 245, "E"),
        (60, 215, "F"),
        (260, 215, "G"),
    ]
    drawing = (
        lines(*FRAME, *inner, *uprights)
        + "".join(text(*letter) for letter in letters)
        + text(60, 350, "1. Virziens")
    )
    (table,) = read(tmp_path, ruled(drawing))
    assert table.above == ["1. Virziens"]
    assert table.texts == [["A", "A", "B"], ["C", "D", "E"], ["F", "D", "G"]]
    assert [[cell.merged for cell in row.cells] for row in table.rows] == [
        ["", "left", ""],
        ["", "", ""],
        ["", "above", ""],
    ]


def test_lines_wrapped_and_lines_meant(tmp_path: Path) -> None:
    """On the left the next word would not have fitted on the first line; elsewhere it would have."""
    drawing = lines(*FRAME, (200, 200, 200, 300))
    drawing += (
        text(55, 285, "Stratifying the new responsibi-")
        + text(55, 270, "lities of the IF-")
        + text(55, 255, "NPP")
    )
    drawing += text(205, 285, "one") + text(205, 270, "two")
    (table,) = read(tmp_path, ruled(drawing))
    assert table.texts == [["Stratifying the new responsibilities of the IF-\nNPP", "one\ntwo"]]


def test_a_wrapped_line_with_a_hyphen_of_its_own() -> None:
    assert worker._append("programma IF-", "NPP") == "programma IF-NPP"
    assert worker._append("pētnie-", "cība") == "pētniecība"
    assert worker._append("2023 -", "gada") == "2023 - gada"
    assert worker._append("Kas", "kad") == "Kas kad"


def test_a_paragraph_beside_tables_is_one_text(tmp_path: Path) -> None:
    long = "Sometimes a heading takes two lines because it says so very many"
    drawing = (
        lines(*FRAME, (200, 200, 200, 300))
        + text(50, 370, long)
        + text(50, 358, "things")
        + text(50, 320, "Other")
    )
    (table,) = read(tmp_path, ruled(drawing + text(60, 280, "a") + text(60, 100, "after")))
    assert table.above == [f"{long} things", "Other"]


def test_a_frame_around_text_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as refused:
        read(tmp_path, ruled(lines(*FRAME) + text(60, 250, "box")))
    assert str(refused.value) == (
        "plan.pdf: The file holds no table. "
        "Give a file with a table; a scanned or borderless table cannot be read."
    )


def test_running_heads_are_left_out_and_another_table_is_another(tmp_path: Path) -> None:
    """Two pages under one running head; on the second the columns are elsewhere."""
    head = text(50, 385, "Ministry, page 1")
    first = lines(*FRAME, (200, 200, 200, 300)) + text(60, 250, "a") + text(260, 250, "x") + head
    second = (
        lines(*FRAME, (200, 200, 200, 300), (300, 200, 300, 300))
        + text(60, 250, "b")
        + text(310, 250, "y")
        + head
    )
    tables = read(tmp_path, pdf_of([zlib.compress(page.encode()) for page in (first, second)]))
    assert [(table.above, table.texts) for table in tables] == [
        ([], [["a", "x"]]),
        ([], [["b", "", "y"]]),
    ]


# ---------------------------------------------------------------------------------------------------- refused


def encrypted() -> bytes:
    """A PDF whose user password is not empty: the trailer names a standard handler, revision 3."""
    data = ruled(text(60, 250, "x"))
    handler = f"<</Filter/Standard/V 2/R 3/Length 128/P -4/O<{'00' * 32}>/U<{'11' * 32}>>>".encode()
    return data.replace(b"/Root 1 0 R", b"/Root 1 0 R/ID[<00><00>]/Encrypt " + handler)


@pytest.mark.parametrize(
    ("data", "limits", "code"),
    [
        (encrypted(), {}, "password"),
        (b"%PDF-1.7\nnothing", {}, "corrupt"),
        (pdf_of([zlib.compress(b"")] * 4), {"pdf_pages": 3}, "pdf-pages"),
        (pdf_of([zlib.compress(b" " * 200 * MB)]), {"pdf_memory_bytes": 300 * MB}, "pdf-effort"),
    ],
)
def test_refused(tmp_path: Path, data: bytes, limits: dict[str, int], code: str) -> None:
    with pytest.raises(BadFile) as refused:
        read(tmp_path, data, **limits)
    assert refused.value.code == code


def test_tables_beyond_the_limit(tmp_path: Path, plan: bytes) -> None:
    with pytest.raises(BadFile) as refused:
        read(tmp_path, plan, tables=1)
    assert refused.value.code == "tables"


@pytest.mark.parametrize("fate", ["import time; time.sleep(60)", "raise SystemExit(1)", "pass"])
def test_a_worker_that_does_not_end_or_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fate: str
) -> None:
    script = tmp_path / "worker.py"
    script.write_text(fate)
    monkeypatch.setattr("talka.core.formats.as_pdf._WORKER", script)
    with pytest.raises(BadFile) as refused:
        _pages(b"", Place("a.pdf"), replace(LIMITS, pdf_seconds=1))
    assert str(refused.value) == (
        "a.pdf: The PDF takes too much time or memory to read (limit: 1 seconds, 2048 MB). "
        "Send the table as docx or xlsx."
    )


# ------------------------------------------------------------------------------------ the worker, from inside


@pytest.fixture
def _unlimited(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(worker, "limit", lambda *_: None)
    monkeypatch.setattr("logging.disable", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["worker", "5", "60", "1000000"])
    yield


@pytest.mark.usefixtures("_unlimited")
def test_the_worker_answers_on_its_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], plan: bytes
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(plan)))
    worker.main()
    assert capsys.readouterr().out.startswith('{"pages": [{"height": 595')


@pytest.mark.usefixtures("_unlimited")
def test_the_worker_says_that_memory_ran_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_out(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    monkeypatch.setattr("pdfplumber.open", run_out)
    worker.main()
    assert capsys.readouterr().out == '{"problem": "effort", "found": 0}'


def test_the_worker_sees_the_same_from_inside(plan: bytes, tmp_path: Path) -> None:
    """What the other tests ask of it across the process, once without: it needs nothing but the bytes."""
    answer = worker.read(plan, 5)
    tables = [
        [[text for text, _ in row] for row in item["rows"]]
        for page in answer["pages"]
        for item in page["items"]
        if "rows" in item
    ]
    assert tables == [table.texts for table in read(tmp_path, plan)]
    assert worker.read(plan, 1) == {"problem": "pages", "found": 2}
    assert worker.read(b"%PDF-", 1) == {"problem": "corrupt", "found": 0}
    assert worker.read(encrypted(), 1) == {"problem": "password", "found": 0}
