"""What changed in a text, word by word, so that a reader need not compare two paragraphs by eye.

Whole words are the unit: single letters make Latvian endings look like confetti. Two changes with a lone
space or a word of one or two letters between them are one change, because that is how people read it.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

# A word (with its inner hyphens, dots and slashes), a run of space, or one mark: together the text exactly.
TOKEN = re.compile(r"\w+(?:[-.,:/]\w+)*|\s+|[^\w\s]")
# More tokens than this on a side would take seconds to compare: then whole lines are the unit.
LIMIT = 4000

Op = Literal["same", "del", "ins"]


class Segment(NamedTuple):
    """A run of text: the same in both, deleted from the old one, or inserted into the new one."""

    op: Op
    text: str


def words(before: str, after: str) -> list[Segment]:
    """Segments which without "ins" are `before`, and without "del" are `after`, to the letter.

    >>> words("due in 2023", "due by 2024")
    [Segment(op='same', text='due '), Segment(op='del', text='in 2023'), Segment(op='ins', text='by 2024')]
    """
    old, new = TOKEN.findall(before), TOKEN.findall(after)
    if len(old) > LIMIT or len(new) > LIMIT:
        old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    segments: list[Segment] = []
    for was, now in _joined(_runs(old, new)):
        if was == now:
            segments.append(Segment("same", was))
        else:
            segments += [Segment("del", was)] if was else []
            segments += [Segment("ins", now)] if now else []
    return segments


def changed(before: str, after: str) -> bool:
    """Whether a reader would see a difference; space at the ends is none."""
    return before.strip() != after.strip()


def _runs(old: list[str], new: list[str]) -> list[tuple[str, str]]:
    """Pairs (what was there, what is there now), equal or changed in turn."""
    # autojunk would take frequent words for noise in long texts.
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [("".join(old[a:b]), "".join(new[c:d])) for _op, a, b, c, d in codes]


def _joined(runs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same pairs, where a change, a small gap and a change have become one change."""
    done: list[tuple[str, str]] = []
    for was, now in runs:
        gap = done[-1] if len(done) > 1 else None
        if (
            was != now
            and gap
            and gap[0] == gap[1]
            and len(gap[0].strip()) <= 2
            and done[-2][0] != done[-2][1]
        ):
            done.pop()
            before, after = done.pop()
            was, now = before + gap[0] + was, after + gap[0] + now
        done.append((was, now))
    return done
