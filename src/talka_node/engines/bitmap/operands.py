"""What a criterion becomes: an exact tree of sets, or a check with an upper bound; and how they join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from talka_node.engines.bitmap.bits import And, Or, Tree, Words
from talka_query.nodes import Ages, Criterion, Window

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a plan. `size`: at most about so many donors, as a power of two: an estimate, never an answer."""

    what: str
    how: str
    size: int
    parts: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self._lines(""))

    def _lines(self, indent: str) -> list[str]:
        lines = [f"{indent}{self.what}: {self.how}, up to {self.size}"]
        for part in self.parts:
            lines += part._lines(indent + "  ")
        return lines


def told(what: str, about: Any) -> str:
    """What is asked, with all that is not left at its default: "diagnosis C34, window 2015-01-01…"."""
    if about is None:
        return what
    given = []
    for field in fields(about):
        value = getattr(about, field.name)
        if field.default is not MISSING and value == field.default:
            continue
        match value:
            case frozenset():
                text = " ".join(sorted(map(str, value)))
            case Window(since, until) | Ages(since, until):
                text = f"{'' if since is None else since}…{'' if until is None else until}"
            case _ if is_dataclass(value):
                text = f"({told(type(value).__name__.lower(), value)})"
            case _:
                text = str(value)
        plain = field.name in ("codes", "types", "code", "any_of", "years", "cohort")
        given.append(text if plain else f"{field.name} {text}")
    return f"{what} {', '.join(given)}" if given else what


class Operand:
    """A criterion made ready. `seeing`: whoever fits is known to be within the view, so it need not be asked again."""

    tree: Tree | None = None  # if exact
    upper: Tree | None = None  # who may fit at most; None: anybody
    seeing = False
    cost = 0  # of testing one donor, in about nanoseconds
    listed = False  # whether `make` is at least as quick as going through the upper bound
    what = ""
    how = ""
    about: Criterion | None = None  # the pattern that it stands for

    def test(self, ids: Array) -> Mask:
        """Which of these donors (ascending) fit."""
        raise NotImplementedError

    def make(self) -> Array:
        """All that fit."""
        raise NotImplementedError

    def words(self) -> Words | None:
        """All that fit, as dense words: by reading all rows in order; None if that is no quicker than `test`."""
        return None

    def size(self, everybody: int) -> int:
        bound = self.tree or self.upper
        return everybody if bound is None else bound.size

    def step(self, everybody: int) -> Step:
        return Step(told(self.what, self.about), self.how, 1 << self.size(everybody).bit_length())


class Exact(Operand):
    def __init__(self, tree: Tree, what: str, *, seeing: bool = False, parts: Sequence[Operand] = ()) -> None:
        self.tree = self.upper = tree
        self.what = what
        self.how = "bitmaps" if parts else "bitmap"
        self.seeing = seeing
        self._parts = parts

    def test(self, ids: Array) -> Mask:
        assert self.tree is not None
        return self.tree.test(ids)

    def step(self, everybody: int) -> Step:
        parts = tuple(part.step(everybody) for part in self._parts)
        return Step(told(self.what, self.about), self.how, 1 << self.size(everybody).bit_length(), parts)


class AllOf(Operand):
    """Some part of it is a check."""

    what, how = "all", "in this order"

    def __init__(self, parts: Sequence[Operand]) -> None:
        self.exact = [part for part in parts if part.tree is not None]
        self.checks = sorted((part for part in parts if part.tree is None), key=lambda part: part.cost)
        self.trees = [part.tree for part in self.exact if part.tree is not None]
        bounds = [*self.trees, *(part.upper for part in self.checks if part.upper is not None)]
        self.upper = And(bounds) if bounds else None
        self.seeing = any(part.seeing for part in parts)
        self.cost = self.checks[0].cost + 20

    def test(self, ids: Array) -> Mask:
        found = np.ones(len(ids), np.bool_)
        for part in (*self.exact, *self.checks):
            left = np.flatnonzero(found)
            if not len(left):
                break
            found[left] = part.test(ids[left])
        return found

    def step(self, everybody: int) -> Step:
        exact = sorted(self.exact, key=lambda part: part.size(everybody))
        parts = tuple(part.step(everybody) for part in (*exact, *self.checks))
        return Step(self.what, self.how, 1 << self.size(everybody).bit_length(), parts)


class AnyOf(Operand):
    """Some part of it is a check."""

    what, how = "any", "the next only of whom the last left"

    def __init__(self, parts: Sequence[Operand], everybody: int) -> None:
        self.parts = sorted(parts, key=lambda part: part.cost)
        bounds = [part.upper for part in parts]
        if all(bound is not None for bound in bounds):
            self.upper = Or([bound for bound in bounds if bound is not None], everybody)
        self.seeing = all(part.seeing for part in parts)
        self.cost = sum(part.cost for part in parts)

    def test(self, ids: Array) -> Mask:
        found = np.zeros(len(ids), np.bool_)
        for part in self.parts:
            left = np.flatnonzero(~found)
            if not len(left):
                break
            found[left] = part.test(ids[left])
        return found

    def step(self, everybody: int) -> Step:
        parts = tuple(part.step(everybody) for part in self.parts)
        return Step(self.what, self.how, 1 << self.size(everybody).bit_length(), parts)


class NotOf(Operand):
    what, how = "not", "whom the check leaves"

    def __init__(self, of: Operand) -> None:
        self.of = of
        self.cost = of.cost

    def test(self, ids: Array) -> Mask:
        found: Mask = ~self.of.test(ids)
        return found

    def step(self, everybody: int) -> Step:
        return Step(self.what, self.how, 1 << everybody.bit_length(), (self.of.step(everybody),))


class Once(Operand):
    """A check that stands in several places of the question: what it found of a donor is kept until the answer."""

    def __init__(self, of: Operand, everybody: int) -> None:
        self._of = of
        self.upper, self.seeing, self.cost = of.upper, of.seeing, of.cost
        self.what, self.how = of.what, of.how
        self._known: Mask = np.zeros(everybody, np.bool_)
        self._fits: Mask = np.zeros(everybody, np.bool_)

    def test(self, ids: Array) -> Mask:
        new = ids[~self._known[ids]]
        if len(new):
            self._fits[new] = self._of.test(new)
            self._known[new] = True
        return self._fits[ids]

    def step(self, everybody: int) -> Step:
        return self._of.step(everybody)
