"""Finds the header row of a table and says which column is which, however people have written and ordered
them.

Exact agreement decides first; only what is left over is matched by likeness, so that a column spelt right
never loses its place to one that is merely similar.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import product

from .problems import AmbiguousHeader
from .tables import Row, Table

LIKENESS = 0.82
"""The smallest likeness (0 to 1) of two headers taken as the same: one or two slips in a word."""
SEARCHED_ROWS = 10
_LONGEST_HEADER = 200  # characters; a longer cell is text, not a header

# Latvian and English inflection, longest first: singular or plural, and the case, never matter in a header.
_ENDING = re.compile(r"(?:iem|jiem|ajam|ajiem|am|em|im|um|as|es|is|us|os|ai|ei|ie|ies|a|e|i|o|u|s)$")
_PLURAL_NOTE = re.compile(r"\(\w{1,3}\)")  # institution(s), iesaistītā(s)
_REMARK = re.compile(r"\([^()]*\)")  # izpildes termiņš (gads, ceturksnis)
_SHORT = 3  # in words of so few letters one letter is already another word


@dataclass(frozen=True, slots=True)
class Recognised:
    """`mapping` is column key → index in `row.cells`. Without any header row: `header_row_index` is None and
    all keys are missing. `unknown` are the texts of headers that are no known column, left to right."""

    header_row_index: int | None
    mapping: dict[str, int]
    unknown: list[str]
    missing: list[str]

    @property
    def found(self) -> bool:
        return self.header_row_index is not None


def recognise(table: Table, columns: Mapping[str, Sequence[str]]) -> Recognised:
    """Which column of the table is which of `columns` (key → the headers people use for it).

    Case, diacritics, punctuation, «(s)», word endings and small typing errors do not matter; of words parted
    by a slash («institution/ organisation») either or both may be written, and a remark in parentheses may be
    left out. The header is the row among the first ten that names the most columns: at least two, or the only
    one asked for.

    Raises AmbiguousHeader if the header row can be understood in two equally good ways; both are named.
    """
    spellings = {key: frozenset[str]().union(*map(_spellings, names)) for key, names in columns.items()}
    best: tuple[int, int, dict[tuple[str, int], float]] | None = None
    for index, row in enumerate(table.rows[:SEARCHED_ROWS]):
        scores = _scores(row, spellings)
        named = len(_assign(scores))
        if named >= min(2, len(columns)) and named and (best is None or named > best[0]):
            best = (named, index, scores)
    if best is None:
        return Recognised(None, {}, [], list(columns))

    _, header_row_index, scores = best
    row = table.rows[header_row_index]
    mapping: dict[str, int] = {}
    for exact in (True, False):
        left = {
            (key, cell): score
            for (key, cell), score in scores.items()
            if key not in mapping and cell not in mapping.values() and (score == 1.0 or not exact)
        }
        chosen = _assign(left)
        _refuse_ties(row, left, chosen, columns)
        mapping |= chosen
    taken = set(mapping.values())
    unknown = [
        cell.text
        for i, cell in enumerate(row.cells)
        if cell.text and i not in taken and cell.merged != "left"
    ]
    ordered = {key: mapping[key] for key in columns if key in mapping}
    return Recognised(header_row_index, ordered, unknown, [key for key in columns if key not in mapping])


@lru_cache(maxsize=4096)
def _spellings(header: str) -> frozenset[str]:
    """All normal forms of a header: one, or several where a slash gives a choice of words or a remark in
    parentheses may be left out."""
    text = unicodedata.normalize("NFKD", header.casefold())
    text = "".join(character for character in text if not unicodedata.combining(character))
    text = _PLURAL_NOTE.sub("", text)
    return _forms(text) | _forms(_REMARK.sub(" ", text))


def _forms(text: str) -> frozenset[str]:
    slots: list[list[str]] = []
    for chunk in re.sub(r"\s*/\s*", "/", text).split():
        choices = [" ".join(_stem(word) for word in re.findall(r"\w+", part)) for part in chunk.split("/")]
        choices = [choice for choice in choices if choice]
        if len(choices) > 1:
            choices.append(" ".join(choices))
        if choices:
            slots.append(choices)
    forms = product(*slots) if len(slots) <= 12 else ((slot[-1] for slot in slots),)
    return frozenset(" ".join(form) for form in forms) - {""}


def _stem(word: str) -> str:
    if len(word) <= _SHORT:
        return word
    stem = _ENDING.sub("", word)
    return stem if len(stem) >= _SHORT else word


@lru_cache(maxsize=65536)
def _likeness(one: str, other: str) -> float:
    """1.0 for equal normal forms, else the likeness rounded to 0.01, or 0.0 below the threshold.

    Every word must have a partner of its own: the long common tail of «responsible institution» and «involved
    institution» must not make them one.
    """
    if one == other:
        return 1.0
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if (
        min(len(one), len(other)) <= _SHORT
        or min(matcher.real_quick_ratio(), matcher.quick_ratio()) < LIKENESS
    ):
        return 0.0
    words, others = one.split(), other.split()
    if len(words) == len(others):
        pairs = zip(sorted(words), sorted(others), strict=True)
        if words != others and not all(_alike(a, b) for a, b in pairs) and not _in_order(words, others):
            return 0.0
    ratio = matcher.ratio()
    return min(round(ratio, 2), 0.99) if ratio >= LIKENESS else 0.0


def _in_order(words: list[str], others: list[str]) -> bool:
    return all(_alike(a, b) for a, b in zip(words, others, strict=True))


def _alike(one: str, other: str) -> bool:
    return one == other or SequenceMatcher(None, one, other, autojunk=False).ratio() >= 0.7


def _scores(row: Row, spellings: Mapping[str, frozenset[str]]) -> dict[tuple[str, int], float]:
    """Likeness of every (column key, cell index) that may belong together."""
    scores = {}
    for index, cell in enumerate(row.cells):
        if not cell.text or cell.merged == "left" or len(cell.text) > _LONGEST_HEADER:
            continue
        written = _spellings(cell.text)
        for key, known in spellings.items():
            score = max((_likeness(a, b) for a in written for b in known), default=0.0)
            if score:
                scores[key, index] = score
    return scores


def _assign(scores: Mapping[tuple[str, int], float]) -> dict[str, int]:
    """The assignment of keys to cells, each used once, with the largest sum of scores.

    Grown by one best augmenting path at a time (Bellman-Ford, since a path may take scores back): plain, and
    quick enough for a header.
    """
    chosen: dict[str, int] = {}
    keys = list(dict.fromkeys(key for key, _ in scores))
    while True:
        owner = {cell: key for key, cell in chosen.items()}
        gain = {key: 0.0 for key in keys if key not in chosen}
        came: dict[str, tuple[str, int]] = {}
        end: tuple[float, str, int] | None = None
        for _ in keys:
            changed = False
            for (key, cell), score in scores.items():
                if key not in gain or chosen.get(key) == cell:
                    continue
                total = gain[key] + score
                holder = owner.get(cell)
                if holder is None:
                    if end is None or total > end[0] + 1e-9:
                        end = (total, key, cell)
                elif total - scores[holder, cell] > gain.get(holder, float("-inf")) + 1e-9:
                    gain[holder] = total - scores[holder, cell]
                    came[holder] = (key, cell)
                    changed = True
            if not changed:
                break
        if end is None or end[0] <= 1e-9:
            return chosen
        _, key, cell = end
        while True:
            chosen[key] = cell
            if key not in came:
                break
            key, cell = came[key]


def _refuse_ties(
    row: Row,
    scores: Mapping[tuple[str, int], float],
    chosen: Mapping[str, int],
    columns: Mapping[str, Sequence[str]],
) -> None:
    """Raises if another assignment is as good: then no choice among them would be more than a guess."""
    total = sum(scores[key, cell] for key, cell in chosen.items())
    for key, cell in chosen.items():
        others = {pair: score for pair, score in scores.items() if pair != (key, cell)}
        rival = _assign(others)
        if sum(others[pair] for pair in rival.items()) < total - 1e-9:
            continue
        place = row.cells[cell].place
        if key in rival:
            cells = sorted((cell, rival[key]))
            names = ", ".join(f"«{row.cells[i].text}» ({_column(row, i)})" for i in cells)
            raise AmbiguousHeader(
                "same-header", replace(place, column=None), column=columns[key][0], candidates=names
            )
        keys = [name for name in columns if name == key or rival.get(name) == cell]
        names = ", ".join(f"«{columns[name][0]}»" for name in keys)
        raise AmbiguousHeader("many-meanings", place, header=row.cells[cell].text, candidates=names)


def _column(row: Row, index: int) -> str | int:
    """D in a workbook, 4 elsewhere: as the place itself would say it."""
    kind, value = row.cells[index].place.parts()[-1]
    return str(value).rstrip("0123456789") if kind == "cell" else value
