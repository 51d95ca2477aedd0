"""What changed in a text, word by word, so that a reader need not compare two paragraphs by eye.

Whole words are the unit: letters alone make Latvian endings look like confetti. Runs of changed words separated by a lone
short word are joined, because "old old a old" reads better struck out as one piece than as three.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

# A word, a run of space, or one mark: joined again they give back the text exactly.
TOKEN = re.compile(r"\w+(?:[-.,:/]\w+)*|\s+|[^\w\s]")
# Above this many tokens a side the exact comparison would take seconds; then whole lines are the unit.
LIMIT = 4000

Op = Literal["same", "del", "ins"]


class Segment(NamedTuple):
    """A run of text: the same in both, deleted from the old one, or inserted in the new one."""

    op: Op
    text: str


def words(before: str | None, after: str | None) -> list[Segment]:
    """Segments which without "ins" give `before`, and without "del" give `after`, character for character.

    >>> words("due in 2023", "due by 2024")
    [Segment(op='same', text='due '), Segment(op='del', text='in 2023'), Segment(op='ins', text='by 2024')]
    """
    old, new = _split(before or ""), _split(after or "")
    if len(old) > LIMIT or len(new) > LIMIT:
        old, new = (before or "").splitlines(keepends=True), (after or "").splitlines(keepends=True)
    return _merge(_changes(old, new))


def changed(before: str | None, after: str | None) -> bool:
    """Whether a reader would see a difference; spaces at the ends do not count."""
    return (before or "").strip() != (after or "").strip()


def _split(text: str) -> list[str]:
    return TOKEN.findall(text)


def _changes(old: list[str], new: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs (deleted, inserted); a pair of equal texts is text that stayed."""
    # autojunk would call frequent words noise and miss moves in long texts.
    for op, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        left, right = "".join(old[a:b]), "".join(new[c:d])
        yield (left, right) if op != "equal" else (left, left)


def _merge(pairs: Iterator[tuple[str, str]]) -> list[Segment]:
    merged: list[list[str]] = []
    for left, right in pairs:
        joins = merged and merged[-1][0] != merged[-1][1]
        if left == right:
            # A space or lone short word between two changes belongs to the change.
            merged.append([left, right])
            continue
        if len(merged) >= 2 and merged[-1][0] == merged[-1][1] and len(merged[-1][0].strip()) <= 2 and _is_change(merged[-2]):
            gap = merged.pop()[0]
            merged[-1][0] += gap + left
            merged[-1][1] += gap + right
        elif joins:
            merged[-1][0] += left
            merged[-1][1] += right
        else:
            merged.append([left, right])
    segments: list[Segment] = []
    for left, right in merged:
        if left == right:
            segments += [Segment("same", left)] if left else []
            continue
        segments += [Segment("del", left)] if left else []
        segments += [Segment("ins", right)] if right else []
    return segments


def _is_change(pair: list[str]) -> bool:
    return pair[0] != pair[1]
