"""The inner loops, in numpy; where `native` has compiled ones, those are taken for large sets, with the same answers.

A program is a list in postfix order: arrays of dense words, and AND, OR, AND_NOT between the two last results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from talka_node.engines.bitmap import native

Array = npt.NDArray[Any]
Words = npt.NDArray[np.uint64]

AND, OR, AND_NOT = 0, 1, 2
Step = Words | int

BLOCK = 8192  # words, 64 KB: a few of them stay in the second-level cache
LEAST = 512  # words: below that calling a compiled loop costs more than it saves
LEAST_DONORS = 64

_native: native.Native | None = None
_asked = False


def use(*, compiled: bool) -> None:
    """Take compiled loops, if they can be had, or numpy alone."""
    global _native, _asked
    _asked = True
    _native = native.load() if compiled else None


def prepare(*, compiling: bool) -> None:
    """Load the compiled loops unless that was done or decided before. With `compiling` they may be built first, which
    takes a second; else only those that are there already."""
    global _native, _asked
    if not _asked:
        _native = native.load(compiling=compiling)
        _asked = _native is not None or compiling


def compiled() -> bool:
    return _native is not None


def kind() -> str:
    return "numpy" if _native is None else "compiled"


def run(steps: Sequence[Step]) -> Words:
    """The words that the program gives. They may be those of an operand: not to be written to."""
    first = steps[0]
    assert not isinstance(first, int)
    if len(steps) == 1:
        return first
    if _native is not None and len(first) >= LEAST:
        result = np.empty(len(first), np.uint64)
        _native.run(*_operands(steps), result, None)
        return result
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
    if _native is not None and len(first) >= LEAST:
        return _native.run(*_operands(steps), None, None)[0]
    if len(first) <= BLOCK:
        return popcount(_block(steps))
    return sum(
        popcount(_block([step if isinstance(step, int) else step[start : start + BLOCK] for step in steps]))
        for start in range(0, len(first), BLOCK)
    )


def _operands(steps: Sequence[Step]) -> tuple[list[Words], list[int]]:
    """The program as `native` wants it: operands apart, and steps that number them."""
    operands: list[Words] = []
    program = []
    for step in steps:
        if isinstance(step, int):
            program.append(-1 - step)
        else:
            program.append(len(operands))
            operands.append(step)
    return operands, program


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
    if _native is not None and len(words) >= LEAST:
        return _native.run([words], [0], None, None)[0]
    return int(np.bitwise_count(words).sum(dtype=np.uint64))


def between(words: Words, cuts: Array) -> Array:
    """How many bits lie in [cuts[i], cuts[i + 1]), for each i; cuts ascend."""
    if _native is not None and len(words) >= LEAST:
        counts = _native.run([words], [0], None, cuts)[1]
        assert counts is not None
        return counts
    return np.diff(_ranks(words, cuts))


def _ranks(words: Words, cuts: Array) -> Array:
    """For each cut, how many bits stand before it."""
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
    if _native is not None and len(words) >= LEAST:
        return _native.ids(words, popcount(words))
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


def measured(
    ids: Array, starts: Array, rows: Array, values: tuple[int, int], days: tuple[int, int]
) -> npt.NDArray[np.bool_] | None:
    """By donor, whether any of their rows (from starts[id] on; each a value and a date) lies between; None: nothing
    compiled, or not for these types."""
    if (
        _native is None
        or len(ids) < LEAST_DONORS
        or not _types(ids, np.uint32, starts, np.int32, rows, np.int16)
    ):
        return None
    return _native.measured(ids, starts, rows, values, days)


def specimens(
    ids: Array,
    starts: Array,
    ok: Array,
    collected: Array,
    days: tuple[int, int],
    wanted: list[tuple[Array, Array]],
) -> npt.NDArray[np.bool_] | None:
    """By donor, whether any of their specimens is ok, collected between the days, and of the wanted codes, each a
    column and the codes asked of it; None as in `measured`."""
    if (
        _native is None
        or len(ids) < LEAST_DONORS
        or not _types(ids, np.uint32, starts, np.int32, collected, np.int16)
    ):
        return None
    tables = _tables(wanted)
    return None if tables is None else _native.specimens(ids, starts, ok, collected, days, tables)


def _tables(wanted: list[tuple[Array, Array]]) -> list[tuple[Array, Array]] | None:
    tables = []
    for column, codes in wanted:
        if not _types(column, np.int8):
            return None
        table = np.zeros(256, np.uint8)
        table[codes] = 1
        tables.append((column, table))
    return tables


def cells(
    ids: Array,
    starts: Array,
    ok: Array,
    collected: Array,
    days: tuple[int, int],
    wanted: list[tuple[Array, Array]],
    axes: list[tuple[Array, Array]],
    donor: Array,
    of_donor: Array,
    size: int,
    *,
    once: bool,
) -> Array | None:
    """How many of the donors' specimens (those of `specimens`) are in each of so many cells, or how many donors have
    one there (`once`). A specimen's cell is the sum of what each axis (a column and a table by code, -1 its last) says
    of it, and `of_donor` of its donor's number; None as in `measured`."""
    if (
        _native is None
        or not _types(ids, np.uint32, starts, np.int32, collected, np.int16, donor, np.uint8)
        or not all(_types(column, np.int8) for column, _ in axes)
    ):
        return None
    tables = _tables(wanted)
    if tables is None:
        return None
    return _native.cells(ids, starts, ok, collected, days, tables, axes, donor, of_donor, size, once)


def scan(
    donor: Array,
    starts: Array,
    rows: Array,
    values: tuple[int, int],
    days: tuple[int, int],
    out: Words,
) -> None:
    """Set in `out` every donor with a row between: the rows of donor[i] are those from starts[i] to starts[i + 1] (at
    least one), each a date, or a value and a date."""
    least, most = np.iinfo(rows.dtype).min, np.iinfo(rows.dtype).max
    if not len(donor) or not all(
        low <= high and low <= most and high >= least for low, high in (values, days)
    ):
        return
    if _native is not None and _types(donor, np.int32, starts, np.int32, rows, np.int16):
        values, days = ((max(low, least), min(high, most)) for low, high in (values, days))
        _native.scan(donor, starts, rows, values, days, out)
        return
    part = rows[int(starts[0]) : int(starts[-1])]
    on = part[:, 1] if part.ndim == 2 else part
    fits = (on >= days[0]) & (on <= days[1])
    if part.ndim == 2:
        fits &= (part[:, 0] >= values[0]) & (part[:, 0] <= values[1])
    put(donor[np.logical_or.reduceat(fits, starts[:-1] - starts[0])], out)


def put(ids: Array, out: Words) -> None:
    """Set these bits."""
    flags = np.zeros(len(out) * 64, np.bool_)
    flags[ids] = True
    out |= np.packbits(flags, bitorder="little").view(np.uint64)


def aged(
    donor: Array,
    starts: Array,
    on: Array,
    born: Array,
    unborn: int,
    days: tuple[int, int],
    sure: tuple[int, int],
    may: tuple[int, int],
    out: Words,
) -> tuple[Array, Array] | None:
    """As `scan`, of rows whose date lies between, and their days since birth in sure[0] <= days < sure[1]. Given back
    are the rows that lie in `may` instead, each with its place in `donor`, of who has no sure one. None: nothing
    compiled, or not for these types."""
    if _native is None or not _types(donor, np.int32, starts, np.int32, on, np.int16, born, np.int32):
        return None
    return _native.aged(donor, starts, on, born, unborn, days, sure, may, out)


def places(words: Words, ids: Array) -> Array:
    """Where these donors (ascending) stand among those of a set; -1: not in it."""
    counts = np.bitwise_count(words)
    before = np.cumsum(counts, dtype=np.int32)
    before -= counts
    if _native is not None and _types(ids, np.uint32):
        return _native.places(words, before, ids)
    at = ids >> 6
    inside = words[at]
    bit = np.uint64(1) << (ids & 63).astype(np.uint64)
    found = before[at] + np.bitwise_count(inside & (bit - np.uint64(1)))
    return np.where(inside & bit, found, np.int32(-1))


# Per donor where its rows begin and how many there are, their dates in order, and between which days they count.
Side = tuple[Array, Array, Array, tuple[int, int]]


def apart(event: Side, anchor: Side, low: int, high: int, first: bool) -> npt.NDArray[np.bool_] | None:
    """By donor, whether some event lies so many days after some anchor (with `first`: after the first one); None as in
    `measured`."""
    if _native is None or not all(
        _types(begin, np.int32, count, np.int32, on, np.int16) for begin, count, on, _ in (event, anchor)
    ):
        return None
    return _native.apart(event, anchor, low, high, first)


def _types(*pairs: Any) -> bool:
    return all(
        array.dtype == kind and array.flags.c_contiguous
        for array, kind in zip(pairs[::2], pairs[1::2], strict=True)
    )
