"""The embedded default engine: bitmaps over donors, answering in microseconds.

    engine = Bitmap.build(store.columns(), state)     # or Bitmap.open(path, state)
    engine.answer(question, consent.basis(state, question.purpose, today))

`build` makes the arrays, `file` keeps them, `index` reads them, `views` looks at them through consent, `plan` turns
criteria into sets and `checks`, `cells` breaks down, `kernels` are the inner loops. Why it is so: docs/adr/0017.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from talka_node.columns import Columns
from talka_node.consent import Basis, State
from talka_node.engines import Exact
from talka_node.engines.bitmap import file, kernels
from talka_node.engines.bitmap.build import Arrays, build
from talka_node.engines.bitmap.cells import Breakdown
from talka_node.engines.bitmap.file import Damaged
from talka_node.engines.bitmap.index import Index
from talka_node.engines.bitmap.operands import Step
from talka_node.engines.bitmap.plan import Planner
from talka_node.engines.bitmap.views import Views
from talka_query import nodes
from talka_query.nodes import Count, Criterion, Question

__all__ = ["Bitmap", "Damaged", "Step"]


class Bitmap:
    """An engine over an index. It follows `state`: what a change of consent takes away is gone from the next answer."""

    def __init__(self, arrays: Arrays, state: State) -> None:
        self._arrays = arrays
        self._index = Index(arrays)
        self._views = Views(self._index, state)
        self._breakdown = Breakdown(self._index)

    @classmethod
    def build(cls, columns: Columns, state: State) -> Bitmap:
        """Index all facts of a store. `columns` may be let go of afterwards."""
        kernels.prepare(compiling=True)
        return cls(build(columns), state)

    @classmethod
    def open(cls, path: Path, state: State, *, check: bool = False) -> Bitmap:
        """An index that was saved; it is mapped, and read as questions touch it. With `check`, read and verified whole.

        Raises Damaged if it is not whole or of another version; then build it anew from the store.
        """
        kernels.prepare(compiling=False)
        arrays = file.read(path, check=check)
        try:
            return cls(arrays, state)
        except KeyError as missing:
            raise Damaged(f"{path.name} has no array {missing}; build it anew") from None

    def save(self, path: Path) -> None:
        """Put the index into one file, whole or not at all. Consents are not in it."""
        file.write(path, self._arrays)

    # --- questions ----------------------------------------------------------------------------------------

    def answer(self, question: Question, basis: Basis) -> Exact:
        """The exact answer among the donors of `basis`."""
        view = self._views.of(basis)
        planner = Planner(self._index, view, question.ages_at)
        criteria = planner.operands(outermost(question.such_that))
        if question.count is Count.DONORS and not question.by:
            whole = planner.count(criteria)
            return Exact(whole, {(): whole} if whole else {})
        return self._breakdown.answer(question, view, planner.found(criteria))

    def donors(self, question: Question, basis: Basis) -> npt.NDArray[np.int32]:
        """Who fits `such_that`, by the node's own numbers, ascending: for records that a visa opens."""
        planner = Planner(self._index, self._views.of(basis), question.ages_at)
        found = planner.found(planner.operands(outermost(question.such_that)))
        return np.sort(self._index.number[found.ids]).astype(np.int32, copy=False)

    def attrition(self, question: Question, basis: Basis) -> list[int]:
        """Donors left: all of the basis, then after each criterion of the outermost `All` in its order."""
        planner = Planner(self._index, self._views.of(basis), question.ages_at)
        criteria = planner.operands(outermost(question.such_that))
        return [planner.count(criteria[:steps]) for steps in range(len(criteria) + 1)]

    def explain(self, question: Question, basis: Basis) -> Step:
        """The plan: what comes from bitmaps, in which order, and what is verified donor by donor.

        Sizes are powers of two. It is for the node's own people; like an answer it must not leave the node.
        """
        planner = Planner(self._index, self._views.of(basis), question.ages_at)
        criteria = planner.operands(outermost(question.such_that))
        return planner.all_of(planner.all_seen(criteria)).step(self._index.count)


def outermost(such_that: Criterion) -> tuple[Criterion, ...]:
    """The members of the outermost `All`, or the criterion itself."""
    return such_that.of if isinstance(such_that, nodes.All) else (such_that,)
