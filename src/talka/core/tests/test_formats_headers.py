"""Which column is which."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka.core.formats import AmbiguousHeader, Cell, Place, Row, Table, recognise
from talka.core.formats.headers import Recognised, _assign

COLUMNS = {
    "number": ["Nr.", "No."],
    "title": ["Pasākums", "Measure"],
    "result": ["Darbības rezultāts", "Result"],
    "indicator": ["Rezultatīvais rādītājs", "Result indicator"],
    "responsible": ["Atbildīgā institūcija/ organizācija", "Responsible institution"],
    "involved": ["Iesaistītā(s) institūcija(s)/ organizācija(s)", "Involved institution(s)"],
    "deadline": ["Izpildes termiņš", "Deadline"],
    "funding": ["Indikatīvais finansējuma avots", "Indicative funding source"],
}
LATVIAN = [names[0] for names in COLUMNS.values()]
ENGLISH = [names[1] for names in COLUMNS.values()]
IN_ORDER = dict(zip(COLUMNS, range(8), strict=True))


def table(*rows: list[str]) -> Table:
    place = Place("plan.docx", table=1)
    return Table(
        "",
        place,
        [],
        [
            Row(tuple(Cell(text, Place("plan.docx", 1, row=i, column=j)) for j, text in enumerate(row, 1)), i)
            for i, row in enumerate(rows, 1)
        ],
    )


@pytest.mark.parametrize("header", [LATVIAN, ENGLISH])
def test_the_official_headers(header: list[str]) -> None:
    assert recognise(table(header), COLUMNS) == Recognised(0, IN_ORDER, [], [])


@given(st.permutations(range(8)), st.sampled_from([LATVIAN, ENGLISH]))
def test_in_any_order(order: list[int], header: list[str]) -> None:
    found = recognise(table([header[i] for i in order]), COLUMNS)
    assert found.mapping == {key: order.index(i) for i, key in enumerate(COLUMNS)}


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("PASĀKUMS", "title"),
        ("Pasakums", "title"),
        ("Pasākumi", "title"),
        ("Pasākuma", "title"),
        ("Pasākms", "title"),
        ("Measures", "title"),
        ("Nr", "number"),
        ("Darbības rezultāti:", "result"),
        ("Rezultatīvie rādītāji", "indicator"),
        ("Rezultatīvais\nrādītājs", "indicator"),
        ("Atbildīgā institūcija", "responsible"),
        ("Atbildīgā organizācija", "responsible"),
        ("Atbildīgās institūcijas / organizācijas", "responsible"),
        ("Atbildiga insitucija", "responsible"),
        ("Iesaistītās institūcijas", "involved"),
        ("Iesaistītā institūcija", "involved"),
        ("Involved institutions", "involved"),
        ("Izpildes termini", "deadline"),
        ("Izplides termiņš", "deadline"),
        ("Izpildes termiņš (gads, ceturksnis)", "deadline"),
        ("Indikatīvie finansējuma avoti", "funding"),
    ],
)
def test_as_people_write_them(written: str, key: str) -> None:
    header = [written if name == key else text for name, text in zip(COLUMNS, LATVIAN, strict=True)]
    assert recognise(table(header), COLUMNS) == Recognised(0, IN_ORDER, [], [])


@pytest.mark.parametrize(
    "other",
    [
        "Atbildīgā persona",
        "(gads)",
        "Sākuma termiņš",
        "Rezultāta avots",
        "Piezīmes",
        "Nē",
        "Priekšsēdētāja institūcija",
    ],
)
def test_other_columns_are_unknown_not_guessed(other: str) -> None:
    found = recognise(table([*LATVIAN, other]), COLUMNS)
    assert (found.mapping, found.unknown, found.missing) == (IN_ORDER, [other], [])


def test_missing_columns_are_named_in_their_order() -> None:
    found = recognise(table(["Izpildes termiņš", "Nr.", "Pasākums"]), COLUMNS)
    assert found.mapping == {"number": 1, "title": 2, "deadline": 0}
    assert found.missing == ["result", "indicator", "responsible", "involved", "funding"]


def test_responsible_is_not_taken_for_involved() -> None:
    without_involved = [text for text in LATVIAN if not text.startswith("Iesaistītā")]
    found = recognise(table([*without_involved, "Atbildīgā iestāde"]), COLUMNS)
    assert found.missing == ["involved"]
    assert found.unknown == ["Atbildīgā iestāde"]


@pytest.mark.parametrize("row", range(10))
def test_the_header_may_stand_on_any_of_the_first_ten_rows(row: int) -> None:
    titles = [["Rīcības plāns", *[""] * 7]] * row
    found = recognise(table(*titles, LATVIAN, ["1.", "Pasākums", *[""] * 6]), COLUMNS)
    assert (found.header_row_index, found.mapping) == (row, IN_ORDER)


def test_further_down_it_is_not_looked_for() -> None:
    found = recognise(table(*[[""] * 8] * 10, LATVIAN), COLUMNS)
    assert found == Recognised(None, {}, [], list(COLUMNS))
    assert not found.found


def test_one_word_in_a_row_of_text_is_no_header() -> None:
    assert not recognise(table(["Pasākums", "notiks"], ["Rīgā", ""]), COLUMNS).found


def test_one_column_asked_for_is_found_by_one_word() -> None:
    assert recognise(table(["x"], ["Pasākums"]), {"title": COLUMNS["title"]}).header_row_index == 1


def test_a_column_spelt_right_wins_over_one_that_is_similar() -> None:
    found = recognise(table(["Pasākumms", "Pasākums", "Nr."]), COLUMNS)
    assert found.mapping == {"number": 2, "title": 1}
    assert found.unknown == ["Pasākumms"]


def brute_force(scores: dict[tuple[str, int], float]) -> float:
    """The best sum over all assignments, tried one by one: the judge of the quick way."""
    if not scores:
        return 0.0
    (key, cell), score = next(iter(scores.items()))
    without = {pair: s for pair, s in scores.items() if pair != (key, cell)}
    apart = {pair: s for pair, s in without.items() if pair[0] != key and pair[1] != cell}
    return max(brute_force(without), score + brute_force(apart))


PAIRS = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 3)),
    st.sampled_from([0.82, 0.85, 0.9, 0.99]),
    max_size=9,
)


@given(PAIRS)
def test_no_assignment_is_better_than_the_one_chosen(scores: dict[tuple[str, int], float]) -> None:
    chosen = _assign(scores)
    assert len(set(chosen.values())) == len(chosen)
    assert sum(scores[pair] for pair in chosen.items()) == pytest.approx(brute_force(scores))


def test_a_header_goes_to_the_column_that_has_no_other() -> None:
    assert _assign({("a", 0): 0.9, ("b", 0): 0.95, ("b", 1): 0.9}) == {"a": 0, "b": 1}


def test_two_columns_of_one_name_are_refused_with_both_named() -> None:
    with pytest.raises(AmbiguousHeader) as refused:
        recognise(table(["Nr.", "Pasākums", "Izpildes termiņš", "Pasākumi"]), COLUMNS)
    assert str(refused.value) == (
        "plan.docx, table 1, row 1: Several columns could be «Pasākums»: «Pasākums» (2), «Pasākumi» (4). "
        "Keep one of them, or give the columns different names."
    )


def test_one_header_with_two_meanings_is_refused_with_both_named() -> None:
    columns = {"title": ["Nosaukums"], "name": ["Nosaukums"], "number": ["Nr."]}
    with pytest.raises(AmbiguousHeader) as refused:
        recognise(table(["Nr.", "Nosaukums"]), columns)
    assert str(refused.value) == (
        "plan.docx, table 1, row 1, column 2: The column header «Nosaukums» could mean several things: "
        "«Nosaukums», «Nosaukums». Write the header in full."
    )


def test_a_merged_header_counts_once() -> None:
    merged = table(["Nr.", "Pasākums", "Pasākums"])
    row = merged.rows[0]
    cells = (*row.cells[:2], Cell("Pasākums", row.cells[2].place, "left"))
    found = recognise(Table("", merged.place, [], [Row(cells, 1)]), COLUMNS)
    assert (found.mapping, found.unknown) == ({"number": 0, "title": 1}, [])


def test_a_hundred_columns_and_hostile_headers_take_no_time() -> None:
    random = Random(7)
    letters = "aābcčdeē"
    rows = [["".join(random.choices(letters, k=random.randrange(40))) for _ in range(100)] for _ in range(10)]
    rows.append(["/".join(letters * 20)] * 100)
    assert not recognise(table(*rows), COLUMNS).found
