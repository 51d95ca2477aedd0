"""The inner loops, in numpy. `native` may put compiled ones in their place, which give the same answers.

A program is a list in postfix order: arrays of dense words, and AND, OR, AND_NOT between the two last results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Words = npt.NDArray[np.uint64]

AND, OR, AND_NOT = 0, 1, 2
Step = Words | int

BLOCK = 8192  # words, 64 KB: a few of them stay in the second-level cache


def run(steps: Sequence[Step]) -> Words:
    """The words that the program gives. They may be those of an operand: not to be written to."""
    first = steps[0]
    assert not isinstance(first, int)
    if len(steps) == 1:
        return first
    if len(first) <= BLOCK:
        return _block(steps)
    out = np.empty_like(first)
    for start in range(0, len(out), BLOCK):
        end = start + BLOCK
        out[start:end] = _block([step if isinstance(step, int) else step[start:end] for step in steps])
    return out


def run_count(steps: Sequence[Step]) -> int:
    """How many bits the program's result has."""
    first = steps[0]
    assert not isinstance(first, int)
    if len(first) <= BLOCK:
        return popcount(_block(steps))
    return sum(
        popcount(_block([step if isinstance(step, int) else step[start : start + BLOCK] for step in steps]))
        for start in range(0, len(first), BLOCK)
    )


def _block(steps: Sequence[Step]) -> Words:
    # An operand must not be written to, a result may be: so each is kept with whether it is a result.
    stack: list[tuple[Words, bool]] = []
    for step in steps:
        if not isinstance(step, int):
            stack.append((step, False))
            continue
        right, ours = stack.pop()
        left, free = stack.pop()
        out = left if free else None
        if step == OR:
            stack.append((np.bitwise_or(left, right, out=out), True))
        elif step == AND:
            stack.append((np.bitwise_and(left, right, out=out), True))
        else:
            right = np.invert(right, out=right if ours else None)
            stack.append((np.bitwise_and(left, right, out=right), True))
    return stack[-1][0]


def popcount(words: Words) -> int:
    return int(np.bitwise_count(words).sum(dtype=np.uint64))


def ranks(words: Words, cuts: Array) -> Array:
    """For each cut (ascending), how many bits stand before it."""
    counts = np.bitwise_count(words)
    places = cuts >> 6
    edges = np.concatenate(([0], places))
    # reduceat gives the element itself for an empty stretch, so those are set to nothing
    sums = np.add.reduceat(np.append(counts, np.uint8(0)), edges, dtype=np.int64)[:-1]
    sums[edges[1:] == edges[:-1]] = 0
    before = np.cumsum(sums)
    inner = places < len(words)
    masks = (np.uint64(1) << (cuts & 63).astype(np.uint64)) - np.uint64(1)
    rest = np.zeros(len(cuts), np.int64)
    rest[inner] = np.bitwise_count(words[places[inner]] & masks[inner])
    return before + rest


def ids(words: Words) -> Array:
    """Numbers of the bits that are set, ascending."""
    return np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little").view(np.bool_)).astype(
        np.uint32
    )


def test(words: Words, ids: Array) -> npt.NDArray[np.bool_]:
    """Which of these bits are set."""
    found: npt.NDArray[np.bool_] = ((words.view(np.uint8)[ids >> 3] >> (ids & 7).astype(np.uint8)) & 1).view(
        np.bool_
    )
    return found


def fill(words: Words, low: int, high: int) -> None:
    """Set the bits from `low` up to, not including, `high`."""
    if high <= low:
        return
    first, last = low >> 6, (high - 1) >> 6
    head = np.uint64((2**64 - 1) << (low & 63) & (2**64 - 1))
    tail = np.uint64((2**64 - 1) >> (63 - ((high - 1) & 63)))
    if first == last:
        words[first] |= head & tail
        return
    words[first] |= head
    words[first + 1 : last] = np.uint64(2**64 - 1)
    words[last] |= tail


def expand(begin: Array, count: Array) -> Array:
    """begin[0], begin[0] + 1, … (count[0] of them), begin[1], …"""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    places: Array = np.arange(total) + np.repeat(begin - (ends - count), count)
    return places


def any_of(fits: npt.NDArray[np.bool_], count: Array) -> npt.NDArray[np.bool_]:
    """Of rows that lie in groups of so many (some groups empty): whether any row of each group fits."""
    totals = np.concatenate(([0], np.cumsum(fits)))
    ends = np.cumsum(count)
    found: npt.NDArray[np.bool_] = totals[ends] > totals[ends - count]
    return found
