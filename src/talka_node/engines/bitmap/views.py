"""Whom a question may count: the index seen through a consent state.

A question's purpose is decided per consent class, so all questions with the same set of permitting classes see the same
donors and specimens: their *view*. It keeps what is derived from consent (who is in, who has a permitted specimen of a
type or at a biobank, first and last dates of collection) and is corrected donor by donor as classes change.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from talka_node.consent import Basis, Change, State
from talka_node.engines.bitmap import kernels
from talka_node.engines.bitmap.bits import Bits, bitmap
from talka_node.engines.bitmap.build import LIMITS
from talka_node.engines.bitmap.index import Index, Recent

Array = npt.NDArray[Any]

MOST_VIEWS = 16
# So many changes at once and it is cheaper to derive everything again than to correct it.
MOST_CHANGES = 512


class Views:
    """The views of one index under one state. They follow the state for as long as they live.

    The state calls `change` with its own lock held, so nothing here may ask the state for anything with `lock` held:
    what is fetched from it is fetched without, and kept only if no change came in between.
    """

    def __init__(self, index: Index, state: State) -> None:
        self.index = index
        self.state = state
        self.lock = threading.RLock()
        self._changes = 0
        self._classes: Array | None = None
        self._views: Recent[View] = Recent(MOST_VIEWS)
        self._banks = {word: place for place, word in enumerate(index.specimens.biobank_words.words)}
        # The state must not keep an index alive that was replaced by a newer one.
        me = weakref.ref(self)

        def follow(changes: Sequence[Change]) -> None:
            views = me()
            if views is not None:
                views.change(changes)

        state.on_change(follow)

    def of(self, basis: Basis) -> View:
        """What the basis lets a question see. ValueError if it is of another state."""
        if basis.state is not self.state:
            raise ValueError(
                "the basis belongs to another consent state than the one that this index follows"
            )
        while True:
            view = self._views.recall(basis.permitting)
            if view is not None:
                return view
            changes = self._changes
            made = View(self, basis)
            with self.lock:
                if self._changes == changes:
                    return self._views.fetch(basis.permitting, lambda: made)  # noqa: B023 -- called at once

    def classes(self) -> Array:
        """The consent class of each specimen; to be used under the lock, where it may be None again."""
        while True:
            found = self._classes
            if found is not None:
                return found
            changes = self._changes
            made = self._fetch_classes()
            with self.lock:
                if self._changes == changes:
                    self._classes = made

    def _fetch_classes(self) -> Array:
        specimens = self.index.specimens
        donor, bank = specimens.donor, specimens.biobank
        if not len(donor):
            return np.empty(0, np.uint16)
        # Specimens lie in runs of one donor and biobank: one look into the state per run, in the state's own order.
        starts = np.append(True, (donor[1:] != donor[:-1]) | (bank[1:] != bank[:-1]))
        begin = np.flatnonzero(starts)
        runs = np.append(np.int64(0), np.cumsum(starts))[specimens.rows]  # before each donor's first
        by_number = self.index.arrays["donor.ordinals"]
        order = kernels.expand(runs[by_number], np.diff(runs)[by_number])
        first = begin[order]
        banks = self.state.codes_of(specimens.biobank_words.words)
        held = np.empty(len(begin), np.uint16)
        held[order] = self.state.classes_of(self.index.number[donor[first]], banks[bank[first]])
        return np.repeat(held, np.diff(np.append(begin, len(donor))))

    def known_classes(self) -> Array | None:
        return self._classes

    def change(self, changes: Sequence[Change]) -> None:
        with self.lock:
            self._changes += 1
            if len(changes) > MOST_CHANGES:
                self._classes = None
                self._views = Recent(MOST_VIEWS)
                return
            specimens = self.index.specimens
            for donor, biobank, before, after in changes:
                ordinal = int(self.index.order(np.array([donor], np.int32))[0])
                if ordinal < 0:
                    continue
                start, end = int(specimens.rows[ordinal]), int(specimens.rows[ordinal + 1])
                bank = self._banks.get(biobank)
                rows = (
                    specimens.biobank[start:end] == bank
                    if bank is not None
                    else np.zeros(end - start, np.bool_)
                )
                if self._classes is not None:
                    self._classes[start:end][rows] = after
                touched = [
                    view
                    for view in self._views.values()
                    if bool(view.mask[before]) is not bool(view.mask[after])
                ]
                if touched:
                    classes = {self.state[donor, each] for each in self.state.biobanks}
                    for view in touched:
                        view.move(ordinal, start, end, rows, bool(view.mask[after]), classes)


class View:
    """The donors and specimens that some permitting classes open."""

    def __init__(self, views: Views, basis: Basis) -> None:
        self._views = views
        self.index = views.index
        permitting = np.zeros(len(basis.mask), np.bool_)
        permitting[list(basis.permitting)] = True
        self.mask = permitting
        ordinals = self.index.order(basis.donor_array())
        found = bitmap(np.sort(ordinals[ordinals >= 0]))
        self.donors = Bits.of(self.index.words, found, views.lock)
        self._ok: npt.NDArray[np.bool_] | None = None
        self._types: dict[int, Bits] = {}
        self._banks: dict[int, Bits] = {}
        self._holders: Bits | None = None
        self._spans: dict[int | None, tuple[Array, Array]] = {}

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        """By specimen: whether its donor's consent at its biobank permits."""
        while True:
            found = self._ok
            if found is not None:
                return found
            self._views.classes()
            with self._views.lock:
                classes = self._views.known_classes()
                if classes is not None:
                    self._ok = self.mask[classes]

    def _with(self, rows: npt.NDArray[np.bool_]) -> Bits:
        donors = self.index.specimens.donor[np.flatnonzero(rows)]
        return Bits.of(self.index.words, bitmap(donors), self._views.lock)

    @property
    def holders(self) -> Bits:
        """Donors with a permitted specimen."""
        found = self._holders
        if found is None:
            ok = self.ok
            with self._views.lock:
                found = self._holders = self._with(ok)
        return found

    def of_type(self, type_: int) -> Bits:
        """Donors with a permitted specimen of the type."""
        found = self._types.get(type_)
        if found is None:
            ok = self.ok
            with self._views.lock:
                found = self._types[type_] = self._with(ok & (self.index.specimens.type == type_))
        return found

    def at_biobank(self, bank: int) -> Bits:
        """Donors with a permitted specimen at the biobank."""
        found = self._banks.get(bank)
        if found is None:
            ok = self.ok
            with self._views.lock:
                found = self._banks[bank] = self._with(ok & (self.index.specimens.biobank == bank))
        return found

    def span(self, type_: int | None) -> tuple[Array, Array]:
        """By donor: first and last collection of a permitted specimen (of the type). Who has none: the greatest number
        of the type as first, the least as last, so that no comparison with a date lets them in."""
        found = self._spans.get(type_)
        if found is None:
            ok = self.ok
            with self._views.lock:
                specimens = self.index.specimens
                rows = np.flatnonzero(ok if type_ is None else ok & (specimens.type == type_))
                found = self._spans[type_] = _span(
                    self.index.count, specimens.donor[rows], specimens.collected[rows]
                )
        return found

    def move(
        self,
        ordinal: int,
        start: int,
        end: int,
        rows: npt.NDArray[np.bool_],
        permitted: bool,
        classes: set[int],
    ) -> None:
        """A donor's specimens (`rows` of those from `start` to `end`) are now permitted, or no longer."""
        self.donors.put(ordinal, any(self.mask[each] for each in classes))
        if self._ok is None:
            return
        self._ok[start:end][rows] = permitted
        if not rows.any():
            return
        specimens = self.index.specimens
        left = np.flatnonzero(self._ok[start:end]) + start
        types, banks = specimens.type[left], specimens.biobank[left]
        if self._holders is not None:
            self._holders.put(ordinal, len(left) > 0)
        held = set(types.tolist())
        for each in set(specimens.type[start:end].tolist()) & self._types.keys():
            self._types[each].put(ordinal, each in held)
        held = set(banks.tolist())
        for each in set(specimens.biobank[start:end].tolist()) & self._banks.keys():
            self._banks[each].put(ordinal, each in held)
        for kind, (first, last) in self._spans.items():
            dates = specimens.collected[left if kind is None else left[types == kind]]
            nothing, most = LIMITS[dates.dtype]
            dates = dates[dates != nothing]
            first[ordinal], last[ordinal] = (dates.min(), dates.max()) if len(dates) else (most, nothing)


def _span(count: int, donors: Array, dates: Array) -> tuple[Array, Array]:
    nothing, most = LIMITS[dates.dtype]
    first = np.full(count, most, dates.dtype)
    last = np.full(count, nothing, dates.dtype)
    dated = dates != nothing
    donors, dates = donors[dated], dates[dated]
    if len(donors):
        begin = np.flatnonzero(np.append(True, donors[1:] != donors[:-1]))
        first[donors[begin]] = np.minimum.reduceat(dates, begin)
        last[donors[begin]] = np.maximum.reduceat(dates, begin)
    return first, last
