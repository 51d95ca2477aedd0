"""How exact numbers become numbers that may leave: noise, threshold, rounding, joined bands, complements.

The noise is drawn from the node's key and the form of the question, never from the set of donors: an equal question
gets an equal answer, and two different answers do not prove two different sets. A cell that is not told holds nobody,
or too few; which, is not told either. Everything after the draws is reckoned from told numbers alone.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate, combinations
from typing import Any

from talka_node.disclosure import forms
from talka_node.disclosure.admission import Admitted
from talka_node.disclosure.forms import Profile
from talka_node.disclosure.policy import Policy
from talka_node.engines import Cell, Exact
from talka_query import nodes
from talka_query.ages import MISSING, OLDEST
from talka_query.nodes import SPECIMEN_AXES, Axis, Count, Question

OTHER = "other"  # regions too small to be named


@dataclass(frozen=True, slots=True)
class Released:
    """What may leave. `total` None: fewer donors than may be told, or none. Cells that are not in `table` likewise.

    `joined`: axis → how it was coarsened ("10 years"); `smallest`: the least donors of a told cell; `within`: told
    numbers lie within so much of the truth nearly always, in units of what is counted.
    """

    question: Question
    moved: tuple[str, ...]
    total: int | None
    table: Mapping[Cell, int]
    joined: Mapping[str, str]
    smallest: int
    within: int
    policy: int

    @property
    def exists(self) -> bool:
        """Whether at least `smallest` donors fit. False proves nothing."""
        return self.total is not None

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "total": self.total,
            "table": [[*cell, number] for cell, number in sorted(self.table.items())],
            "joined": dict(self.joined), "moved": list(self.moved), "smallest": self.smallest,
            "within": self.within, "policy": self.policy,
        }  # fmt: skip


def beside(question: Question) -> Question | None:
    """The question whose exact answer `release` needs too, when samples are counted: one donor may have fifty, so the
    threshold is on the donors behind them. None when donors are counted already."""
    if question.count is Count.DONORS:
        return None
    return replace(question, count=Count.DONORS, such_that=nodes.All((question.such_that, question.samples)))


def release(
    admitted: Admitted, exact: Exact, policy: Policy, key: bytes, donors: Exact | None = None
) -> Released:
    """What may be told of an exact answer to an admitted question.

    `donors`: the exact answer to `beside(question)`, where there is such a question.
    """
    question = admitted.question
    if (donors is None) != (question.count is Count.DONORS):
        raise ValueError(
            "samples and aliquots are released together with the answer to beside(question), donors alone"
        )
    teller = _Teller(admitted, policy, key)
    behind = donors if donors is not None else exact
    total = teller.told((), exact.whole, behind.whole)
    best: tuple[dict[Cell, int], dict[str, str]] = ({}, {})
    if total is not None and question.by:
        for years, larger in _levels(question, policy):
            cells, of_donors = (
                _coarse(each.cells, question, policy, years, larger) for each in (exact, behind)
            )
            table = teller.table(cells, of_donors, total)
            best = table, _said(question, policy, years, larger)
            if sum(table.values()) >= policy.cells.share * total:
                break
    return Released(
        question, admitted.moved, total, *best, teller.minimum, teller.within(exact.whole, behind.whole),
        policy.version,
    )  # fmt: skip


def release_steps(admitted: Admitted, exact: Sequence[int], policy: Policy, key: bytes) -> list[int | None]:
    """What may be told of an attrition: each step as the question that it is would be told.

    None: not told. The last number is told if it may be at all; of the others only those that certainly differ from
    the next told one by `cells.between` donors, so that nobody sees a few drop out.
    """
    if len(exact) != len(admitted.steps):
        raise ValueError(
            f"{len(exact)} counts for {len(admitted.steps)} steps; admit(…, steps=True) and ask the same"
        )
    told: list[int | None] = []
    least: int | None = None
    for step, count in zip(admitted.steps, exact, strict=True):
        one = _Teller(admitted, policy, key, step).told((), count, count)
        if told and told[-1] is None:
            one = None  # nothing is told after what is too small
        least = one if one is None or least is None else min(least, one)
        told.append(least)
    apart = policy.cells.between + 2 * _farthest(policy) if policy.cells.between else 0
    later: int | None = None
    for at in range(len(told) - 1, -1, -1):
        now = told[at]
        if now is not None and later is not None and now - later < apart:
            told[at] = None
        elif now is not None:
            later = now
    return told


def _farthest(policy: Policy) -> int:
    """How far a told number of donors can be from the truth."""
    return policy.cells.rounding // 2 + (policy.cells.cut if policy.cells.noise else 0)


def _likely(policy: Policy, unit: int = 1) -> int:
    """How far a told number is from the truth, nineteen times out of twenty (exactly so without noise); of donors, or

    of samples in steps of `unit`.
    """
    noise = min(policy.cells.cut, math.ceil(math.log(20) / policy.cells.noise)) if policy.cells.noise else 0
    return unit * policy.cells.rounding // 2 + unit * noise


# --- draws ------------------------------------------------------------------------------------------------


@cache
def _ladder(strength: float, cut: int) -> tuple[float, ...]:
    """Cumulative chances of −cut … cut: falling by e^−strength from each to the next, both ways from 0."""
    weights = [math.exp(-strength * abs(value)) for value in range(-cut, cut + 1)]
    whole = sum(weights)
    return tuple(accumulate(weight / whole for weight in weights))


def draw(key: bytes, what: str, strength: float, cut: int) -> int:
    """Noise for one question and cell: always the same for the same key and text."""
    if not strength:
        return 0
    drawn = hashlib.blake2b(what.encode(), key=key[:64], digest_size=8, person=b"noise").digest()
    return bisect_right(_ladder(strength, cut), int.from_bytes(drawn, "big") / 2**64) - cut


class _Teller:
    """Tells the numbers of one question."""

    def __init__(self, admitted: Admitted, policy: Policy, key: bytes, step: Question | None = None) -> None:
        self.question = question = step or admitted.question
        self.policy, self.key = policy, key
        self.form = admitted.form if step is None else forms.form(step.such_that)
        self.core, self.about = self.form.key, forms.drawn_for(question, ())
        self.cores: dict[tuple[tuple[Axis, str], ...], str] = {}
        self.ages = forms.drawn_for(question, (Axis.AGE_BAND,))
        self.samples = forms.drawn_for(question, (Axis.YEAR, Axis.AGE_BAND))
        self.minimum = policy.minimum(admitted.standing)
        if any(
            isinstance(each.of, nodes.Variant | nodes.VariantIn)
            for each in forms.literals(forms.branches(question.such_that))
        ):
            self.minimum = max(self.minimum, policy.variants.carriers)

    def told(self, cell: Cell, amount: int, donors: int, axes: Sequence[Axis] | None = None) -> int | None:
        """The number of a cell as it may be told; None if it is too small, or might be."""
        axes = self.question.by if axes is None else axes
        cells = self.policy.cells
        if donors < self.minimum:
            return None
        what = self._name(cell, axes) if cell else forms.digest(self.core, self.about)
        noise = draw(self.key, what, cells.noise, cells.cut)
        if donors + noise < self.minimum:
            return None
        if self.question.count is Count.DONORS:
            return _nearest(donors + noise, cells.rounding)
        unit = self._unit(amount, donors)
        return max(unit * cells.rounding, _nearest(amount + noise * unit, unit * cells.rounding))

    def within(self, amount: int, donors: int) -> int:
        if self.question.count is Count.DONORS or not donors:
            return _likely(self.policy)
        return _likely(self.policy, self._unit(amount, donors))

    @staticmethod
    def _unit(amount: int, donors: int) -> int:
        """Of samples: as many as a donor with twice the mean has, so that one donor hides as well as in a count of
        donors. 1, 2, 5, 10 …, that it tells little of the mean."""
        twice = max(1.0, 2 * amount / donors)
        ten = int(10 ** math.floor(math.log10(twice)))
        return next(step * ten for step in (1, 2, 5, 10) if step * ten >= twice)

    def _name(self, cell: Cell, axes: Sequence[Axis]) -> str:
        """What a cell is drawn for. A cell that could be asked for as a question of its own gets that one's draw."""
        known = tuple(
            (axis, value) for axis, value in zip(axes, cell, strict=True) if _in_profile(axis, value)
        )
        rest = [
            f"{axis.value}={value}"
            for axis, value in zip(axes, cell, strict=True)
            if not _in_profile(axis, value)
        ]
        core = self.cores.get(known)
        if core is None:
            profile = self.form.profile
            for axis, value in known:
                profile = profile.both(_profile(axis, value))
            core = self.cores[known] = self.form.key_with(profile)
        if SPECIMEN_AXES & set(axes):
            about = self.samples
        else:
            about = self.ages if Axis.AGE_BAND in axes else self.about
        return forms.digest(core, about, *sorted(rest))

    # --- tables -------------------------------------------------------------------------------------------

    def table(self, cells: Mapping[Cell, int], donors: Mapping[Cell, int], total: int) -> dict[Cell, int]:
        """The cells that may be told."""
        told = {
            cell: min(number, total)
            for cell, amount in cells.items()
            if (number := self.told(cell, amount, donors.get(cell, 0))) is not None
        }
        if self.policy.cells.complement:
            self._complement(told, cells, donors, total)
        return told

    def _complement(
        self, told: dict[Cell, int], cells: Mapping[Cell, int], donors: Mapping[Cell, int], total: int
    ) -> None:
        """Hide more until no hidden cell can be reckoned from its neighbours and any margin that could be asked for.

        For each margin: what told numbers leave over for its hidden cells is at least `left`. If all but one of them
        could not hold that much, the one is proven not to be empty. Whoever looks on may know which cells hold
        nobody (so only those that hold somebody count), or may not (so one more of the cells that there could be must
        remain: otherwise that a table is shown would tell). The smallest told cell of the margin is hidden then, and
        all is looked at again.
        """
        near, far = _likely(self.policy), _farthest(self.policy)
        largest = self.minimum - 1 + (self.policy.cells.cut if self.policy.cells.noise else 0)
        margins = self._margins(told, cells, donors, total)
        again = True
        while again:
            again = False
            for margin in margins:
                shown = [cell for cell in margin.members if cell in told]
                hidden = max(margin.possible, len(margin.members)) - len(shown)
                if not shown or not hidden:
                    continue
                held = len(margin.members) - len(shown)
                room = largest * margin.unit * max(0, min(max(held, 1), hidden - 1) - 1)
                taken = sum([told[cell] for cell in shown]) + near * margin.unit * (len(shown) + 1) + room
                if margin.number is None and margin.amount + far * margin.unit <= taken:
                    continue  # whatever is told of it: no need to draw
                number = margin.number
                if number is None:
                    number = self.told(margin.group, margin.amount, margin.donors, margin.axes)
                if number is not None and number > taken:
                    del told[min(shown, key=lambda cell: (told[cell], cell))]
                    again = True

    def _margins(
        self, told: Mapping[Cell, int], cells: Mapping[Cell, int], donors: Mapping[Cell, int], total: int
    ) -> list[_Margin]:
        """Each that adds up and of which a cell is told. The whole comes first: it bounds its cells from below also
        where a donor may be in several of them."""
        axes = self.question.by
        found: list[_Margin] = []
        parted = set(_PARTED) if self.question.count is Count.DONORS else _PARTED | SPECIMEN_AXES
        sizes = [_size(axis, {cell[at] for cell in cells}) for at, axis in enumerate(axes)]
        for count in range(len(axes)):
            for kept in combinations(range(len(axes)), count):
                summed = [at for at in range(len(axes)) if at not in kept]
                if kept and not {axes[at] for at in summed} <= parted:
                    continue
                possible = math.prod(sizes[at] for at in summed)
                groups: dict[Cell, list[Cell]] = {}
                for cell in cells:
                    groups.setdefault(tuple([cell[at] for at in kept]), []).append(cell)
                for group, members in groups.items():
                    if told.keys().isdisjoint(members):
                        continue
                    amount = sum([cells[cell] for cell in members])
                    of_donors = sum([donors.get(cell, 0) for cell in members])
                    one = self.question.count is Count.DONORS or not of_donors
                    unit = 1 if one else self._unit(amount, of_donors)
                    rest = [axes[at] for at in kept]
                    number = None if kept else total
                    found.append(_Margin(group, rest, amount, of_donors, unit, possible, members, number))
        return found


@dataclass(slots=True)
class _Margin:
    """A sum of cells: those of `group` on `axes`. `possible`: how many cells it could have; `members`: those that hold
    anybody; `number`: what is told of it, if that is known yet."""

    group: Cell
    axes: Sequence[Axis]
    amount: int
    donors: int
    unit: int
    possible: int
    members: list[Cell]
    number: int | None


_PARTED = frozenset({Axis.SEX, Axis.AGE_BAND, Axis.REGION})  # a donor has one place on each


def _size(axis: Axis, values: set[str]) -> int:
    """How many values of an axis an onlooker would think of: the two usual sexes; of the others those that occur."""
    return 2 if axis is Axis.SEX else len(values)


def _in_profile(axis: Axis, value: str) -> bool:
    """Whether a value could be asked for as a criterion of the profile."""
    if axis is Axis.AGE_BAND:
        return value != MISSING
    return axis is Axis.SEX or (axis is Axis.REGION and value not in (MISSING, OTHER))


@cache
def _profile(axis: Axis, value: str) -> Profile:
    if axis is Axis.AGE_BAND:
        return Profile(ages=_ages(value))
    if axis is Axis.SEX:
        return Profile(sexes=frozenset({value}))
    return Profile(regions=frozenset({value}))


def _nearest(number: int, step: int) -> int:
    return (2 * number + step) // (2 * step) * step


def _ages(band: str) -> tuple[int, int] | None:
    """The ends of "50-54" or "90+"; None of what is no band."""
    if band.endswith("+"):
        return int(band[:-1]), forms.NEVER
    low, dash, high = band.partition("-")
    return (int(low), int(high)) if dash else None


# --- joined bands and regions -----------------------------------------------------------------------------


def _levels(question: Question, policy: Policy) -> list[tuple[int, bool]]:
    """(years of a band, whether regions are the larger ones), finest first."""
    years = list(policy.cells.joined) if Axis.AGE_BAND in question.by else [policy.cells.joined[0]]
    levels = [(each, False) for each in years]
    if Axis.REGION in question.by and any(row.part_of for row in policy.regions.values()):
        levels += [(each, True) for each in years]
    return levels


def _said(question: Question, policy: Policy, years: int, larger: bool) -> dict[str, str]:
    said = {}
    if Axis.AGE_BAND in question.by and years > policy.cells.joined[0]:
        said[Axis.AGE_BAND.value] = f"{years} years"
    if Axis.REGION in question.by and larger:
        said[Axis.REGION.value] = "larger regions"
    return said


def _coarse(
    cells: Mapping[Cell, int], question: Question, policy: Policy, years: int, larger: bool
) -> dict[Cell, int]:
    """Cells with their bands and regions joined. Only axes on which a donor has one place can be: these two are."""
    bands, regions = Axis.AGE_BAND in question.by, Axis.REGION in question.by
    if not regions and (not bands or years == policy.cells.joined[0]):
        return dict(cells)
    found: dict[Cell, int] = {}
    for cell, count in cells.items():
        to = list(cell)
        for at, axis in enumerate(question.by):
            if axis is Axis.AGE_BAND:
                to[at] = _band(to[at], years)
            elif axis is Axis.REGION:
                to[at] = _region(to[at], policy, larger)
        place = tuple(to)
        found[place] = found.get(place, 0) + count
    return found


def _band(name: str, years: int) -> str:
    ends = _ages(name)
    if ends is None or years == 5:
        return name
    low = ends[0] - ends[0] % years
    return f"{low}+" if low + years > OLDEST else f"{low}-{low + years - 1}"


def _region(code: str, policy: Policy, larger: bool) -> str:
    found = policy.region(code)
    if found is None:
        return code if code == MISSING else OTHER
    above = policy.regions[found].part_of if larger else None
    return (policy.region(above) if above is not None else None) or found


# --- coverage ---------------------------------------------------------------------------------------------

Stratum = tuple[str, ...]


def strata(sizes: Mapping[Stratum, int], policy: Policy, recipient: str) -> dict[Stratum, Stratum]:
    """Which strata's sketches may leave, for the hub alone: each finest stratum → the one that it leaves within.

    Strata are names from the coarsest part to the finest, all equally long, as (region, band, sex). A stratum is told
    apart from its siblings only if each of them has enough donors, also those given as empty; otherwise what they are
    parts of leaves as one, so that no small one is the difference of two. If even everyone is too few, nothing leaves:
    the mapping is empty.
    """
    if recipient != policy.coverage.hub:
        raise PermissionError(f"sketches leave for {policy.coverage.hub!r} alone, not for {recipient!r}")
    if len({len(stratum) for stratum in sizes}) > 1:
        raise ValueError("strata have equally many parts; give '?' where one is not known")
    found: dict[Stratum, Stratum] = {}

    def part(prefix: Stratum, members: list[Stratum]) -> None:
        depth = len(prefix)
        if depth < len(members[0]):
            children: dict[Stratum, list[Stratum]] = {}
            for stratum in members:
                children.setdefault(stratum[: depth + 1], []).append(stratum)
            if all(sum(sizes[s] for s in child) >= policy.coverage.stratum for child in children.values()):
                for name, child in children.items():
                    part(name, child)
                return
        found.update(dict.fromkeys(members, prefix))

    if sum(sizes.values()) >= policy.coverage.stratum:
        part((), list(sizes))
    return found
