from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka_node.codes import icd10

pytestmark = pytest.mark.once

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVXYZW"
codes = st.builds(
    lambda letter, number, rest: f"{letter}{number:02d}" + (f".{rest}" if rest else ""),
    st.sampled_from(LETTERS),
    st.integers(0, 99),
    st.text("0123456789", max_size=3),
)


# --- the lists --------------------------------------------------------------------------------------------


def test_there_are_twenty_two_chapters_in_order_that_do_not_overlap() -> None:
    assert len(icd10.CHAPTERS) == 22
    # U, the last, stands before V in the alphabet.
    by_code = sorted(icd10.CHAPTERS, key=lambda chapter: chapter.first)
    assert [chapter.number for chapter in by_code] == [
        *(chapter.number for chapter in icd10.CHAPTERS[:19]), "XXII", "XX", "XXI",
    ]  # fmt: skip
    assert all(before.last < after.first for before, after in pairwise(by_code))


def test_every_block_lies_in_one_chapter_and_blocks_nest_without_crossing() -> None:
    spans = {block: icd10.span(block) for block in icd10.BLOCKS}
    assert len(spans) == len(icd10.BLOCKS)
    for block in icd10.BLOCKS:
        holding = [c.number for c in icd10.CHAPTERS if icd10.within(block, c.number)]
        assert len(holding) == 1, block
    for one in icd10.BLOCKS:
        for other in icd10.BLOCKS:
            apart = spans[one].high <= spans[other].low or spans[other].high <= spans[one].low
            assert apart or icd10.within(one, other) or icd10.within(other, one), (one, other)


def test_a_block_that_holds_others_stands_before_them() -> None:
    for place, block in enumerate(icd10.BLOCKS):
        assert [other for other in icd10.BLOCKS[:place] if icd10.within(other, block)] == []


# --- what lies below what ---------------------------------------------------------------------------------


def test_what_a_code_lies_below_is_told_nearest_first() -> None:
    assert icd10.above("C34.10") == ["C34.1", "C34", "C30-C39", "C00-C75", "C00-C97", "II"]
    assert icd10.above("C34") == ["C30-C39", "C00-C75", "C00-C97", "II"]
    assert icd10.above("C50.9") == ["C50", "C50-C50", "C00-C75", "C00-C97", "II"]
    assert icd10.above("U07.1") == ["U07", "U00-U49", "XXII"]
    assert icd10.above("V43.5") == ["V43", "V40-V49", "V01-V99", "V01-X59", "XX"]
    assert icd10.above("D49") == []  # between two chapters


@given(codes)
def test_a_code_matches_all_that_it_lies_below_and_itself(code: str) -> None:
    assert all(icd10.matches(code, wanted, descendants=True) for wanted in [code, *icd10.above(code)])
    assert icd10.matches(code, code, descendants=False)
    assert not any(icd10.matches(code, wanted, descendants=False) for wanted in icd10.above(code))


@given(codes, codes)
def test_a_code_matches_another_just_if_that_is_the_beginning_of_it(code: str, wanted: str) -> None:
    assert icd10.matches(code, wanted, descendants=True) == code.startswith(wanted)


@pytest.mark.parametrize(
    ("code", "wanted", "expected"),
    [
        ("C00", "C00-C97", True),
        ("C97", "C00-C97", True),
        ("C97.9", "C00-C97", True),
        ("D00.0", "C00-C97", False),
        ("B99.9", "C00-C97", False),
        ("C34.1", "C33-C34", True),  # a range that is no official block
        ("C35", "C33-C34", False),
        ("D48.9", "II", True),
        ("D50.0", "II", False),
        ("T98.3", "XIX", True),
        ("R99", "XIX", False),
        ("C34.1", "C34.10", False),
    ],
)
def test_ranges_and_chapters_hold_both_their_ends(code: str, wanted: str, expected: bool) -> None:
    assert icd10.matches(code, wanted, descendants=True) is expected


def test_within_compares_codes_ranges_and_chapters() -> None:
    assert icd10.within("C34.1", "C34")
    assert icd10.within("C00-C97", "II")
    assert icd10.within("II", "II")
    assert not icd10.within("II", "C00-C97")
    assert not icd10.within("C00-D09", "C00-C97")


def test_the_chapter_of_a_code() -> None:
    assert [icd10.chapter_of(code) for code in ("A00", "B99.9", "C34.1", "D49", "U07.1", "Z99")] == [
        "I", "I", "II", None, "XXII", "XXI",
    ]  # fmt: skip


# --- shape ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("C34", "C34"),
        ("c341", "C34.1"),
        (" C34.1 ", "C34.1"),
        ("C34.1†", "C34.1"),
        ("G63.2*", "G63.2"),
        ("C34.-", "C34"),
        ("M80.051A", "M80.051A"),
        ("C7A.1", "C7A.1"),
    ],
)
def test_one_way_of_writing_a_code(written: str, expected: str) -> None:
    assert icd10.normal(written) == expected
    assert icd10.is_code(expected)


@pytest.mark.parametrize("written", ["", "C3", "34.1", "C34.12345", "C34..1", "C00-C97", "II", "Č34"])
def test_what_is_no_code_is_refused_with_what_would_be(written: str) -> None:
    assert not icd10.is_code(written)
    with pytest.raises(ValueError, match=r'"C34" or "C34\.1"'):
        icd10.normal(written)


def test_what_spans_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="write it as C00-C97"):
        icd10.span("C97-C00")
    for wanted in ("XXIII", "C3", "c34", "C34.1-C34.9", ""):
        with pytest.raises(ValueError, match="a chapter from I to XXII"):
            icd10.span(wanted)
