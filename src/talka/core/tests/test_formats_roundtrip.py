"""The law: what is written is read back the same, as canonical text, whatever the text is."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka.core.formats import (
    CONTENT_TYPES,
    FORMATS,
    Block,
    Document,
    Grid,
    Heading,
    Para,
    Table,
    TooLarge,
    canonical,
    clean,
    read_tables,
    to_bytes,
    write_tables,
)
from talka.core.formats.text import Value

# Text that people write, text that programs trip over, and any text at all.
LATVIAN = st.text("aābcčdeēģiīķļņšūž ĀŠ0123.,;:-–“”\n", max_size=30)
TRICKY = st.sampled_from(
    ["=1+1", "'=1", "''=x", "+371 6", "-5", "@x", "a\tb", '"', '""', "a,b;c", "<b>&amp;</b>", "_x0041_",
     "_x005F_", "x005F_", "\u00a0", "• a\n• b", "#N/A", "#REF!", "TRUE", "2023", "00123", "1e5", "null", "'",
     "\r\n", "a\n\n\nb"]
)  # fmt: skip
ANY = st.text(max_size=15)
TEXT = LATVIAN | TRICKY | ANY
NAME = TEXT.filter(clean)
EARLY = datetime(1800, 1, 1)  # noqa: DTZ001 -- Hypothesis adds the zones
TYPED: st.SearchStrategy[Value] = st.one_of(
    TEXT,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_infinity=False, allow_nan=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dates(date(1800, 1, 1)),
    st.datetimes(EARLY).map(lambda moment: moment.replace(microsecond=0)),
    st.datetimes(EARLY, timezones=st.timezones()).map(lambda moment: moment.replace(microsecond=0)),
    st.times().map(lambda moment: moment.replace(microsecond=0)),
)


@st.composite
def grids(draw: st.DrawFn, values: st.SearchStrategy[Value], header: st.SearchStrategy[list[str]]) -> Grid:
    names = draw(header)
    row = st.lists(values, min_size=len(names), max_size=len(names))
    return Grid(names, draw(st.lists(row, max_size=5)), landscape=draw(st.booleans()))


HEADER = st.lists(NAME, min_size=1, max_size=5)


def documents(values: st.SearchStrategy[Value]) -> st.SearchStrategy[Document]:
    between: st.SearchStrategy[Block] = st.builds(Heading, TEXT, st.integers(-1, 12)) | st.builds(Para, TEXT)
    block: st.SearchStrategy[Block] = between | grids(values, HEADER)
    some = st.lists(block, max_size=6).filter(lambda blocks: any(isinstance(item, Grid) for item in blocks))
    return st.builds(Document, TEXT, st.lists(TEXT, max_size=2), some)


def read(document: Document, kind: str) -> list[Table]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file.{kind}"
        write_tables(path, document, kind)
        return read_tables(path)


def expected(grid: Grid) -> list[list[str]]:
    """The texts, without blank rows at the end."""
    texts = grid.texts()
    while not any(texts[-1]):
        texts.pop()
    return texts


def expected_above(document: Document, kind: str) -> list[list[str]]:
    """The texts before each table; in a workbook the last has those after it too."""
    found: list[list[str]] = []
    above = [document.title, *document.preface]
    for block in document.blocks:
        if isinstance(block, Grid):
            found.append([clean(text) for text in above if clean(text)])
            above = []
        else:
            above.append(block.text)
    if kind == "xlsx":
        found[-1].extend(clean(text) for text in above if clean(text))
    return found


@pytest.mark.parametrize("kind", ["docx", "xlsx"])
@given(documents(TEXT))
def test_documents(kind: str, document: Document) -> None:
    tables = read(document, kind)
    assert [table.texts for table in tables] == [expected(grid) for grid in document.grids()]
    assert [table.above for table in tables] == expected_above(document, kind)


@pytest.mark.parametrize("kind", ["docx", "xlsx", "csv"])
@given(grids(TYPED, HEADER))
def test_values_of_every_kind(kind: str, grid: Grid) -> None:
    (table,) = read(Document("T", blocks=[grid]), kind)
    assert table.texts == expected(grid)


@given(grids(TYPED, st.lists(NAME, min_size=1, max_size=5, unique_by=clean)).filter(lambda grid: grid.rows))
def test_json(grid: Grid) -> None:
    (table,) = read(Document("T", blocks=[grid]), "json")
    assert table.texts == expected(grid)


@given(documents(TEXT))
def test_reading_and_writing_again_changes_nothing(document: Document) -> None:
    """docx → xlsx → docx: the second docx has the bytes of the first."""
    canonical_document = Document(
        clean(document.title),
        blocks=[Grid(*_parted(grid.texts())) for grid in document.grids()],
    )
    once = read(canonical_document, "docx")
    again = read(
        Document(clean(document.title), blocks=[Grid(*_parted(table.texts)) for table in once]), "xlsx"
    )
    back = Document(clean(document.title), blocks=[Grid(*_parted(table.texts)) for table in again])
    trimmed = Document(
        clean(document.title), blocks=[Grid(*_parted(expected(grid))) for grid in document.grids()]
    )
    assert to_bytes(back, "docx") == to_bytes(trimmed, "docx")


def _parted(texts: list[list[str]]) -> tuple[list[str], list[Sequence[Value]]]:
    return texts[0], list(texts[1:])


# --------------------------------------------------------------------------------------------- the same bytes

EXAMPLE = Document(
    "Plāns",
    ["Ievads"],
    [Heading("H"), Grid(["a", "b"], [["1", 2], [date(2023, 6, 30), Decimal("0.5")], [time(9), None]])],
    created=datetime(2023, 1, 2, 3, 4, 5, tzinfo=UTC),
)


@pytest.mark.parametrize("kind", FORMATS)
def test_equal_documents_give_equal_bytes_at_any_time(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the zip writers is `time.localtime`: years lie between."""
    first = to_bytes(EXAMPLE, kind)
    monkeypatch.setattr("time.localtime", lambda *_: (2031, 5, 6, 7, 8, 10, 0, 1, 0))
    monkeypatch.setattr("time.time", lambda: 1_900_000_000.0)
    assert to_bytes(EXAMPLE, kind) == first
    assert CONTENT_TYPES[kind]


@pytest.mark.parametrize("kind", ["docx", "xlsx", "pdf"])
def test_a_document_says_when_it_was_made_only_if_it_is_told(kind: str) -> None:
    dated, undated = to_bytes(EXAMPLE, kind), to_bytes(Document("Plāns", blocks=EXAMPLE.blocks), kind)
    assert dated != undated


# ------------------------------------------------------------------------------------------------ the way out


def test_to_a_file_or_a_path(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    write_tables(buffer, EXAMPLE, "csv")
    path = tmp_path / "plan.csv"
    write_tables(path, EXAMPLE, "csv")
    assert path.read_bytes() == buffer.getvalue() == to_bytes(EXAMPLE, "csv")
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_gets_the_whole_file_or_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plan.csv"
    path.write_text("before")

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="the disk is full"):
        write_tables(path, EXAMPLE, "csv")
    assert [item.read_text() for item in tmp_path.iterdir()] == ["before"]


def test_an_unknown_format_names_the_known() -> None:
    with pytest.raises(
        ValueError, match="no format is called «odt»: choose one of docx, xlsx, csv, pdf, json"
    ):
        to_bytes(EXAMPLE, "odt")


@pytest.mark.parametrize(
    ("header", "rows", "widths", "message"),
    [
        ([], [], None, "a table needs at least one column"),
        (["a", " "], [], None, "column 2 has no header: every column needs a text to be recognised by"),
        (["a"], [["1"], ["1", "2"]], None, "row 2 has 2 cells, the header has 1"),
        (["a"], [], [1, 2], "2 widths for 1 columns: give one for each"),
    ],
)
def test_a_grid_must_be_square(
    header: list[str], rows: list[list[Value]], widths: list[float] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Grid(header, rows, widths)


def test_a_text_that_could_not_be_read_back_is_not_written() -> None:
    with pytest.raises(TooLarge) as refused:
        Grid(["a"], [["b"], ["x" * 20_001]], name="Plāns")
    assert str(refused.value).startswith("Plāns, row 2, column 1: The cell has 20001 characters.")


def test_widths() -> None:
    header = ["Nr.", "Pasākums"]
    short, long = Grid(header, [["1.", "a"]]), Grid(header, [["2.", "vārds " * 40]])
    given_widths = Grid(header, [], [1, 3])
    shares = Document("T", blocks=[short, given_widths, long]).shares()
    assert shares[0] == shares[2]
    assert shares[1] == [0.25, 0.75]
    assert [round(sum(row), 9) for row in shares] == [1, 1, 1]
    assert shares[0][0] < 0.15


def test_text_stays_with_the_table_that_follows_it() -> None:
    upright, turned = Grid(["a"], []), Grid(["a"], [], landscape=True)
    one, two, three = Para("1"), Heading("2"), Para("3")
    assert Document("T", blocks=[one, turned, two, upright, three]).sections() == [
        (True, [one, turned]),
        (False, [two, upright, three]),
    ]
    assert Document("T", blocks=[one, turned, three]).sections() == [(True, [one, turned, three])]
    assert Document("T").sections() == [(False, [])]


def test_canonical_is_what_grids_say() -> None:
    assert Grid([" a "], [[0.5], [None]]).texts() == [["a"], ["0.5"], [""]]
    assert canonical(0.5) == "0.5"
