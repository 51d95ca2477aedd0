"""Sets of donors and their algebra: Roaring bitmaps where they are few, dense words where they are many.

A tree of `And`, `Or`, `Not` over sets is evaluated in one of two ways. *Sparse*: begin with the smallest set and cut it
down, so that the work follows the rarest condition. *Dense*: when even the smallest is a large part of everybody, run
over all sets word by word, in blocks that stay in the cache. Both give the same set.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from talka_node.engines.bitmap import kernels

Array = npt.NDArray[Any]
Words = npt.NDArray[np.uint64]

# A set that holds more than one donor in so many is worked on densely: there Roaring too keeps plain words.
DENSE = 16
# The dense form of a set is kept only if it holds one donor in so many: such sets are few, the others thousands.
KEPT = 64


def many(size: int, everybody: int) -> bool:
    """Whether sets of so many are worked on densely."""
    return size * DENSE > everybody


def bitmap(ids: Array) -> BitMap:
    """Of ascending numbers. (pyroaring takes a buffer of C ints ten times faster than a numpy array.)"""
    return BitMap(array("I", np.ascontiguousarray(ids, np.uint32).tobytes()))


def ids_of(found: BitMap) -> Array:
    return np.asarray(found.to_array(), np.uint32)


def words_of(ids: Array, count: int) -> Words:
    """Dense words in which these bits are set."""
    flags = np.zeros(count * 64, np.bool_)
    flags[ids] = True
    return np.packbits(flags, bitorder="little").view(np.uint64)


class Bits:
    """A set of ordinals, in the form it was made in and, once asked for, in the other one.

    One that changes has a lock, which whoever calls `put` holds: so no form is made of what is just changing.
    """

    __slots__ = ("_fill", "_load", "_lock", "_roaring", "_size", "_words", "count")

    def __init__(
        self,
        count: int,
        load: Callable[[], BitMap],
        *,
        size: int | None = None,
        fill: Callable[[], Words] | None = None,
    ) -> None:
        """`count`: dense words that hold everybody. `fill`: a quicker way to them than through the bitmap."""
        self.count = count
        self._load = load
        self._fill = fill
        self._size = size
        self._lock: AbstractContextManager[object] | None = None
        self._roaring: BitMap | None = None
        self._words: Words | None = None

    @classmethod
    def of(cls, count: int, found: BitMap, lock: AbstractContextManager[object] | None = None) -> Bits:
        bits = cls(count, lambda: found, size=None if lock else len(found))
        bits._roaring = found
        bits._lock = lock
        return bits

    @classmethod
    def of_words(cls, words: Words) -> Bits:
        bits = cls(len(words), lambda: bitmap(kernels.ids(words)), size=kernels.popcount(words))
        bits._words = words
        return bits

    @property
    def size(self) -> int:
        if self._lock is not None:
            return len(self.roaring)
        if self._size is None:
            self._size = len(self.roaring)
        return self._size

    @property
    def roaring(self) -> BitMap:
        found = self._roaring
        if found is None:
            found = self._roaring = self._load()
        return found

    @property
    def words(self) -> Words:
        """Not to be written to."""
        words = self._words
        if words is not None:
            return words
        if self._lock is None:
            return self._densely()
        with self._lock:
            return self._densely()

    def _densely(self) -> Words:
        words = self._fill() if self._fill else words_of(ids_of(self.roaring), self.count)
        if self.size * KEPT >= self.count * 64:
            self._words = words
        return words

    @property
    def dense(self) -> bool:
        return self._words is not None

    def put(self, ordinal: int, inside: bool) -> None:
        """Move one donor in or out, in every form that exists. The caller holds the lock."""
        assert self._lock is not None, "this set does not change"
        found = self.roaring
        if inside:
            found.add(ordinal)
        else:
            found.discard(ordinal)
        if self._words is not None:
            bit = np.uint64(1 << (ordinal & 63))
            if inside:
                self._words[ordinal >> 6] |= bit
            else:
                self._words[ordinal >> 6] &= ~bit


# --- trees ------------------------------------------------------------------------------------------------


class Tree:
    """An exact set, not yet evaluated. `size`: at most so many."""

    size: int

    def make(self) -> BitMap:
        """The set, sparsely."""
        raise NotImplementedError

    def cut(self, among: BitMap) -> BitMap:
        """Those of `among` that are in it."""
        raise NotImplementedError

    def count_in(self, among: BitMap) -> int:
        return len(self.cut(among))

    def test(self, ids: Array) -> npt.NDArray[np.bool_]:
        """Which of these are in it."""
        raise NotImplementedError

    def program(self, steps: list[kernels.Step]) -> None:
        """Append how to compute it densely, in postfix order."""
        raise NotImplementedError


class Leaf(Tree):
    def __init__(self, bits: Bits) -> None:
        self.bits = bits
        self.size = bits.size

    def make(self) -> BitMap:
        return self.bits.roaring

    def cut(self, among: BitMap) -> BitMap:
        return among & self.bits.roaring

    def count_in(self, among: BitMap) -> int:
        return among.intersection_cardinality(self.bits.roaring)

    def test(self, ids: Array) -> npt.NDArray[np.bool_]:
        bits = self.bits
        if not bits.dense and bits.size * KEPT < bits.count * 64:
            return np.isin(ids, ids_of(bits.roaring), assume_unique=True)
        return kernels.test(bits.words, ids)

    def program(self, steps: list[kernels.Step]) -> None:
        steps.append(self.bits.words)


class And(Tree):
    """Of at least one."""

    def __init__(self, of: Sequence[Tree]) -> None:
        self.of = sorted(of, key=lambda tree: tree.size)
        self.size = self.of[0].size

    def make(self) -> BitMap:
        found = self.of[0].make()
        for tree in self.of[1:]:
            found = tree.cut(found)
        return found

    def cut(self, among: BitMap) -> BitMap:
        for tree in self.of:
            among = tree.cut(among)
        return among

    def count_in(self, among: BitMap) -> int:
        for tree in self.of[:-1]:
            among = tree.cut(among)
        return self.of[-1].count_in(among)

    def count(self) -> int:
        """How many, without making the last intersection."""
        if len(self.of) == 1:
            return len(self.of[0].make())
        found = self.of[0].make()
        for tree in self.of[1:-1]:
            found = tree.cut(found)
        return self.of[-1].count_in(found)

    def test(self, ids: Array) -> npt.NDArray[np.bool_]:
        found = self.of[0].test(ids)
        for tree in self.of[1:]:
            found &= tree.test(ids)
        return found

    def program(self, steps: list[kernels.Step]) -> None:
        # What is negated comes last: then it is one and-not, not a not and an and.
        for place, tree in enumerate(sorted(self.of, key=lambda tree: isinstance(tree, Not))):
            if place and isinstance(tree, Not):
                tree.of.program(steps)
                steps.append(kernels.AND_NOT)
                continue
            tree.program(steps)
            if place:
                steps.append(kernels.AND)


class Or(Tree):
    """Of at least one."""

    def __init__(self, of: Sequence[Tree], everybody: int) -> None:
        self.of = of
        self.size = min(sum(tree.size for tree in of), everybody)

    def make(self) -> BitMap:
        return BitMap.union(*(tree.make() for tree in self.of))

    def cut(self, among: BitMap) -> BitMap:
        found = self.of[0].cut(among)
        for tree in self.of[1:]:
            found = found | tree.cut(among)
        return found

    def test(self, ids: Array) -> npt.NDArray[np.bool_]:
        found = self.of[0].test(ids)
        for tree in self.of[1:]:
            found |= tree.test(ids)
        return found

    def program(self, steps: list[kernels.Step]) -> None:
        for place, tree in enumerate(self.of):
            tree.program(steps)
            if place:
                steps.append(kernels.OR)


class Not(Tree):
    def __init__(self, of: Tree, everybody: Leaf) -> None:
        self.of = of
        self.everybody = everybody
        self.size = everybody.size  # it may be anybody: the other's size is only an upper bound

    def make(self) -> BitMap:
        everybody = self.everybody.make()
        return everybody - self.of.cut(everybody)

    def cut(self, among: BitMap) -> BitMap:
        if isinstance(self.of, Leaf):
            return among - self.of.bits.roaring
        return among - self.of.cut(among)

    def count_in(self, among: BitMap) -> int:
        return len(among) - self.of.count_in(among)

    def test(self, ids: Array) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = ~self.of.test(ids)
        return found

    def program(self, steps: list[kernels.Step]) -> None:
        self.everybody.program(steps)
        self.of.program(steps)
        steps.append(kernels.AND_NOT)


# --- what was found ---------------------------------------------------------------------------------------


class Found:
    """A set that has been evaluated, in whichever of the three forms came cheapest."""

    __slots__ = ("_ids", "_roaring", "_size", "_words")

    def __init__(
        self, *, ids: Array | None = None, roaring: BitMap | None = None, words: Words | None = None
    ) -> None:
        self._ids = ids
        self._roaring = roaring
        self._words = words
        self._size: int | None = None

    def __len__(self) -> int:
        if self._size is None:
            if self._ids is not None:
                self._size = len(self._ids)
            elif self._roaring is not None:
                self._size = len(self._roaring)
            else:
                assert self._words is not None
                self._size = kernels.popcount(self._words)
        return self._size

    @property
    def words(self) -> Words | None:
        """Its dense form, if that is how it was found."""
        return self._words

    @property
    def ids(self) -> Array:
        """Ascending ordinals."""
        if self._ids is None:
            if self._roaring is not None:
                self._ids = ids_of(self._roaring)
            else:
                assert self._words is not None
                self._ids = kernels.ids(self._words)
        return self._ids

    @property
    def roaring(self) -> BitMap:
        if self._roaring is None:
            self._roaring = bitmap(self.ids)
        return self._roaring

    def between(self, cuts: Array) -> Array:
        """How many lie in [cuts[i], cuts[i + 1]), for each i."""
        if self._ids is not None:
            return np.diff(np.searchsorted(self._ids, cuts.astype(np.uint32)))
        if self._roaring is not None:
            found, ends = self._roaring, cuts.tolist()
            if len(found) > 64 * len(ends):
                return np.array(
                    [found.range_cardinality(a, b) for a, b in pairwise(ends)],
                    np.int64,
                )
            return np.diff(np.searchsorted(self.ids, cuts.astype(np.uint32)))
        assert self._words is not None
        return kernels.between(self._words, cuts)

    def is_of(self, bits: Bits) -> bool:
        """Whether it is this very set (not: an equal one)."""
        return self._roaring is bits.roaring or (
            self._words is not None and bits.dense and self._words is bits.words
        )

    def inside(self, other: Bits) -> Found:
        """Those that are in the other set too."""
        if self._words is not None:
            return Found(words=self._words & other.words)
        return Found(roaring=self.roaring & other.roaring)

    def count_inside(self, other: Bits) -> int:
        if self._words is not None:
            return kernels.run_count([self._words, other.words, kernels.AND])
        return self.roaring.intersection_cardinality(other.roaring)


def evaluate(tree: Tree, everybody: int) -> Found:
    if many(tree.size, everybody):
        steps: list[kernels.Step] = []
        tree.program(steps)
        return Found(words=kernels.run(steps))
    return Found(roaring=tree.make())


def count(tree: Tree, everybody: int) -> int:
    if many(tree.size, everybody) and not isinstance(tree, Leaf):
        steps: list[kernels.Step] = []
        tree.program(steps)
        return kernels.run_count(steps)
    if isinstance(tree, Leaf):
        return tree.size
    return tree.count() if isinstance(tree, And) else len(tree.make())
