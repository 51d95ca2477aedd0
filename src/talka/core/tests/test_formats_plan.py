"""The real plan: the form that every other plan is expected to resemble."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from talka.core.formats import (
    Document,
    Grid,
    Heading,
    Table,
    join_continuations,
    read_tables,
    recognise,
    write_tables,
)
from tests.lanes import need_shared

COLUMNS = {
    "number": ["Nr."],
    "title": ["Pasākums"],
    "result": ["Darbības rezultāts"],
    "indicator": ["Rezultatīvais rādītājs"],
    "responsible": ["Atbildīgā institūcija/ organizācija"],
    "involved": ["Iesaistītā(s) institūcija(s)/ organizācija(s)"],
    "deadline": ["Izpildes termiņš"],
    "funding": ["Indikatīvais finansējuma avots"],
}


@pytest.fixture(scope="module")
def tables() -> list[Table]:
    return read_tables(need_shared("seed/plan-2023.docx"))


def test_seven_tables_of_seventeen_measures(tables: list[Table]) -> None:
    recognised = [recognise(table, COLUMNS) for table in tables]
    assert [found.header_row_index for found in recognised] == [0] * 7
    assert [found.mapping for found in recognised] == [dict(zip(COLUMNS, range(8), strict=True))] * 7
    assert [(found.unknown, found.missing) for found in recognised] == [([], [])] * 7
    assert [len(table.rows) - 1 for table in tables] == [2, 1, 1, 3, 1, 3, 6]
    assert sum(len(join_continuations(table, 0).rows) - 1 for table in tables) == 17


def test_headings_above_the_tables(tables: list[Table]) -> None:
    assert [len(table.above) for table in tables] == [4, 1, 2, 2, 1, 1, 2]
    assert tables[2].above[0] == "2. Rīcības virziens “Uzņēmējdarbības vide”"


def test_cells_where_they_stand(tables: list[Table]) -> None:
    cell = tables[0].rows[2].cells[5]
    assert (cell.text, str(cell.place)) == ("EM, LIAA", "plan-2023.docx, table 1, row 3, column 6")
    assert [row.cells[0].text for table in tables for row in table.rows[1:]] == [
        "1.1.1.", "1.1.2.", "1.2.1.", "2.1.1.", "3.1.1", "3.1.2.", "3.1.3.", "3.2.1.", "3.3.1.", "3.3.2.",
        "3.3.3", "4.1.1.", "4.1.2.", "4.1.3.", "4.1.4.", "4.1.5.", "4.1.6.",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["docx", "xlsx", "pdf"])
def test_given_back_in_every_format_and_read_again(tables: list[Table], kind: str, tmp_path: Path) -> None:
    blocks: list[Heading | Grid] = []
    for table in tables:
        blocks.extend(Heading(text, text.split(" ")[0].count(".")) for text in table.above)
        blocks.append(Grid(table.texts[0], table.texts[1:], landscape=True))
    path = tmp_path / f"plan.{kind}"
    write_tables(path, Document("Rīcības plāns", blocks=blocks), kind)
    again = read_tables(path)
    assert [table.texts for table in again] == [table.texts for table in tables]
    first = replace(again[0], above=again[0].above[1:])
    assert [table.above for table in (first, *again[1:])] == [table.above for table in tables]


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_given_back_as_one_table(tables: list[Table], kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"plan.{kind}"
    write_tables(
        path, Document("T", blocks=[Grid(table.texts[0], table.texts[1:]) for table in tables]), kind
    )
    (again,) = read_tables(path)
    assert again.texts == [tables[0].texts[0], *(row for table in tables for row in table.texts[1:])]
