"""Places, rows, and putting together what page breaks have parted."""

from __future__ import annotations

import string

import pytest

from talka.core.formats import MESSAGES, PLACE_WORDS, BadFile, Cell, Place, Row, Table, join_continuations
from talka.core.formats.problems import TooLarge
from talka.core.formats.tables import Merged, split_titles


def table(*rows: list[str], merged: dict[tuple[int, int], Merged] | None = None) -> Table:
    """Rows of texts; `merged` names (row index, column index) of cells that repeat others."""
    place = Place("plan.docx", table=1)
    kinds = merged or {}
    return Table(
        "",
        place,
        [],
        [
            Row(tuple(Cell(text, place, kinds.get((i, j), "")) for j, text in enumerate(row)), i + 1)
            for i, row in enumerate(rows)
        ],
    )


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (Place("plan.docx", table=3, row=2, column=5), "plan.docx, table 3, row 2, column 5"),
        (Place("plan.xlsx", table=1, sheet="Plāns", row=7, column=4), "plan.xlsx, sheet «Plāns», cell D7"),
        (Place("plan.xlsx", table=1, sheet="Plāns", row=7), "plan.xlsx, sheet «Plāns», row 7"),
        (Place("plan.csv", row=2, column=1), "plan.csv, row 2, column 1"),
        (Place("plan.csv", line=9), "plan.csv, line 9"),
        (Place("plan.pdf", table=2, page=4, row=1), "plan.pdf, page 4, table 2, row 1"),
        (Place("plan.pdf"), "plan.pdf"),
    ],
)
def test_a_place_in_words(place: Place, words: str) -> None:
    assert str(place) == words


def test_the_width_of_a_table() -> None:
    assert (table(["a", "b"]).width, table().width) == (2, 0)


def test_a_place_and_a_problem_in_another_language() -> None:
    latvian = {
        PLACE_WORDS["table"]: "%(value)s. tabula",
        PLACE_WORDS["row"]: "%(value)s. rinda",
        MESSAGES["rows"].found: "Tabula turpinās zem %(limit)s. rindas",
        MESSAGES["rows"].expected: "Sadaliet tabulu",
    }
    problem = TooLarge("rows", Place("plāns.docx", table=2, row=20_001), limit=20_000)
    assert problem.describe(latvian.__getitem__) == (
        "plāns.docx, 2. tabula, 20001. rinda: Tabula turpinās zem 20000. rindas. Sadaliet tabulu."
    )
    assert isinstance(problem, BadFile)
    assert (problem.code, problem.params) == ("rows", {"limit": 20_000})


@pytest.mark.parametrize("code", MESSAGES)
def test_messages_are_two_sentences_without_full_stops_and_with_named_places_only(code: str) -> None:
    for sentence in MESSAGES[code]:
        assert sentence[0].isupper()
        assert not sentence.endswith(".")
        words = "format byte detail found key named content wanted part limit seconds megabytes column header"
        names = dict.fromkeys([*words.split(), "candidates", "position"], "x")
        assert "%(" not in sentence % names
        assert sentence[1:].translate(str.maketrans("", "", string.digits))


# --------------------------------------------------------------------------------------------------- sections


@pytest.mark.parametrize(
    ("row", "merged", "section"),
    [
        (["1. Virziens", "", ""], {}, "1. Virziens"),
        (["1. Virziens"] * 3, {(0, 1): "left", (0, 2): "left"}, "1. Virziens"),
        (["", "1.1. Prioritāte", "1.1. Prioritāte"], {(0, 2): "left"}, "1.1. Prioritāte"),
        (["", "atlikums", ""], {}, None),
        (["1.1.1.", "Pasākums", ""], {}, None),
        (["", "", ""], {}, None),
        (["vienīgā"], {}, None),
    ],
)
def test_section_rows(row: list[str], merged: dict[tuple[int, int], Merged], section: str | None) -> None:
    assert table(row, merged=merged).rows[0].section == section


# ---------------------------------------------------------------------------------------------- continuations

HEADER = ["Nr.", "Pasākums", "Rezultāts"]


def test_a_row_without_a_key_continues_the_row_above() -> None:
    broken = table(
        HEADER,
        ["1.1.", "Izveidot kompetenču", "Karte."],
        ["", "karti", "Saraksts"],
        ["1.2.", "Sasaukt forumu", ""],
        ["", "", "Forums noticis"],
        ["", "", "un aprakstīts"],
    )
    assert join_continuations(broken, 0).texts == [
        HEADER,
        ["1.1.", "Izveidot kompetenču karti", "Karte.\nSaraksts"],
        ["1.2.", "Sasaukt forumu", "Forums noticis un aprakstīts"],
    ]
    assert [row.number for row in join_continuations(broken, 0).rows] == [1, 2, 4]


def test_a_key_merged_over_several_rows_makes_them_one_and_repeats_nothing() -> None:
    merged_key: dict[tuple[int, int], Merged] = {(2, 0): "above", (2, 1): "above"}
    several = table(HEADER, ["1.1.", "Karte", "A"], ["1.1.", "Karte", "B"], merged=merged_key)
    assert join_continuations(several, 0).texts == [HEADER, ["1.1.", "Karte", "A\nB"]]


def test_the_key_may_stand_anywhere() -> None:
    header = ["Pasākums", "Nr.", "Rezultāts"]
    turned = table(header, ["Karte", "1", "A"], ["un forums", "", "B"])
    assert join_continuations(turned, 1).texts == [header, ["Karte un forums", "1", "A\nB"]]


def test_a_header_repeated_on_the_next_page_is_left_out() -> None:
    assert join_continuations(table(HEADER, ["1", "a", "b"], HEADER, ["2", "c", "d"]), 0).texts == [
        HEADER,
        ["1", "a", "b"],
        ["2", "c", "d"],
    ]


def test_what_a_continuation_after_a_repeated_header_belongs_to() -> None:
    assert join_continuations(table(HEADER, ["1", "a", "b"], HEADER, ["", "", "un c"]), 0).texts == [
        HEADER,
        ["1", "a", "b un c"],
    ]


def test_nothing_is_joined_to_a_header_a_section_or_a_blank_row() -> None:
    section, rest, blank = ["1. Virziens", "", ""], ["", "atlikums", "b"], ["", "", ""]
    for rows in ([HEADER, rest], [HEADER, section, rest], [HEADER, ["1", "a", "b"], blank, rest]):
        assert join_continuations(table(*rows), 0).texts == rows


def test_a_section_row_is_not_joined() -> None:
    merged: dict[tuple[int, int], Merged] = {(2, 2): "left"}
    rows = [HEADER, ["1", "a", "b"], ["", "1.1. Prioritāte", "1.1. Prioritāte"]]
    assert join_continuations(table(*rows, merged=merged), 0).texts == rows


def test_rows_above_the_header_are_left_alone() -> None:
    rows = [["", "Plāns", ""], HEADER, ["1", "a", ""], ["", "b", ""]]
    assert join_continuations(table(*rows), 0, header_row=1).texts == [rows[0], HEADER, ["1", "a b", ""]]


# ----------------------------------------------------------------------------------------------------- titles


@pytest.mark.parametrize(
    ("rows", "titles", "left"),
    [
        ([["Plāns", ""], ["2023", ""], ["Nr.", "Kas"], ["1", ""]], ["Plāns", "2023"], 2),
        ([["Plāns", ""], ["", ""], ["Nr.", "Kas"]], ["Plāns"], 1),
        ([["Nr.", "Kas"], ["1", ""]], [], 2),
        ([["Kas"], ["a"], ["b"]], [], 3),
        ([], [], 0),
    ],
)
def test_titles_above_a_header(rows: list[list[str]], titles: list[str], left: int) -> None:
    above, below = split_titles(table(*rows).rows)
    assert (above, len(below)) == (titles, left)


def test_a_title_merged_over_the_table_is_still_one() -> None:
    merged: dict[tuple[int, int], Merged] = {(0, 1): "left"}
    assert split_titles(table(["Plāns", "Plāns"], ["Nr.", "Kas"], merged=merged).rows)[0] == ["Plāns"]


def test_a_file_that_says_where_its_header_is_is_believed() -> None:
    above, below = split_titles(table(["Saraksts"], ["Kas"], ["a"]).rows, header=1)
    assert (above, [row.texts for row in below]) == (["Saraksts"], [["Kas"], ["a"]])
