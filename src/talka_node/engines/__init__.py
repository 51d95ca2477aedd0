"""Engines that answer one and the same question: all must agree, and none looks at a donor without consent.

An engine is given `Basis`, which only `talka_node.consent` makes, and never asks whether it may; it cannot even name a
donor outside it. What an engine returns is exact and goes nowhere but to `talka_node.disclosure`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from talka_node.consent import Basis
from talka_query.nodes import Question

# A cell is named by the values of `Question.by`, in that order; without axes the only cell is ().
Cell = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exact:
    """An exact answer: cells that are not zero, and the count over everyone (never the sum of the cells: a donor
    may be in several). It must not leave the node: `disclosure` turns it into what may."""

    whole: int
    cells: dict[Cell, int]


class Engine(Protocol):
    """What every engine can do."""

    def answer(self, question: Question, basis: Basis) -> Exact:
        """The exact answer among the donors of `basis`."""
        ...

    def attrition(self, question: Question, basis: Basis) -> list[int]:
        """Donors left: all of the basis, then after each criterion of the outermost `All` in its order."""
        ...
