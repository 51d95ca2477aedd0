"""What changed, word by word: nothing may be lost, and people must be able to read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka.ui import diff
from talka.ui.diff import Segment

TEXTS = st.lists(
    st.sampled_from(["a", "un", "vārds", " ", ". ", "2023", "\n", "–", "trīs"]), max_size=30
).map("".join)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "", []),
        ("same", "same", [("same", "same")]),
        ("", "new", [("ins", "new")]),
        ("old", "", [("del", "old")]),
        (
            "Līdz 2023. gadam uzbūvēt",
            "Līdz 2024. gadam uzbūvēt",
            [("same", "Līdz "), ("del", "2023"), ("ins", "2024"), ("same", ". gadam uzbūvēt")],
        ),
        # An ending that changes is a word that changes.
        (
            "vienas biobankas",
            "vienas biobankā",
            [("same", "vienas "), ("del", "biobankas"), ("ins", "biobankā")],
        ),
        # A lone short word between two changes belongs to them.
        ("trīs un divi", "četri un pieci", [("del", "trīs un divi"), ("ins", "četri un pieci")]),
        ("e-pasts 3,5", "e-pasts 3,6", [("same", "e-pasts "), ("del", "3,5"), ("ins", "3,6")]),
    ],
)
def test_words(before: str, after: str, expected: list[tuple[diff.Op, str]]) -> None:
    assert diff.words(before, after) == [Segment(op, text) for op, text in expected]


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_back(before: str, after: str) -> None:
    segments = diff.words(before, after)
    assert "".join(s.text for s in segments if s.op != "ins") == before
    assert "".join(s.text for s in segments if s.op != "del") == after
    assert all(s.text for s in segments)


@given(TEXTS)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert diff.words(text, text) == ([Segment("same", text)] if text else [])


def test_a_chapter_is_compared_by_lines() -> None:
    lines = [f"rinda {n}\n" for n in range(diff.LIMIT)]
    changed = [*lines[:10], "cita rinda\n", *lines[11:]]
    assert [s for s in diff.words("".join(lines), "".join(changed)) if s.op != "same"] == [
        Segment("del", "rinda 10\n"),
        Segment("ins", "cita rinda\n"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "is_change"), [("a", "b", True), ("a", "a", False), ("a", " a\n", False)]
)
def test_space_at_the_ends_is_no_change(before: str, after: str, is_change: bool) -> None:
    assert diff.changed(before, after) == is_change
