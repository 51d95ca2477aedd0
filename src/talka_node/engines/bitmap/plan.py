"""From a criterion to a plan: which sets are at hand as bitmaps, and what must be verified donor by donor.

A criterion becomes an `Operand`. One that is exact is a tree of sets. Any other is a *check*: it knows an upper bound
(a tree of sets that holds everyone who may fit) and tests given donors against columns or rows. Evaluating begins with
the rarest sets and verifies last, the cheapest check first, so that rows are read of the few who are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from talka_node.codes import icd10
from talka_node.columns import NO_DATE, SEXES, day
from talka_node.engines.bitmap import kernels
from talka_node.engines.bitmap.bits import And, Bits, Found, Leaf, Not, Or, Tree, bitmap, count, evaluate
from talka_node.engines.bitmap.build import LIMITS, Span
from talka_node.engines.bitmap.index import Facts, Index, Posting
from talka_node.engines.bitmap.views import View
from talka_query import nodes
from talka_query.nodes import Ages, Criterion, Dated, Window, Zygosity

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

NO_WINDOW, ANY_AGE = Window(), Ages()
_COPIES = {Zygosity.HETEROZYGOUS: 1, Zygosity.HOMOZYGOUS: 2, Zygosity.CARRIER: None}
_FAR = 10_000_000  # days: further than any two dates are apart


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


class Operand:
    """A criterion made ready. `seeing`: whoever fits is known to be within the view, so it need not be asked again."""

    tree: Tree | None = None  # if exact
    upper: Tree | None = None  # who may fit at most; None: anybody
    seeing = False
    cost = 0  # of testing one donor, in about nanoseconds
    listed = False  # whether `make` is at least as quick as going through the upper bound
    what = ""
    how = ""

    def test(self, ids: Array) -> Mask:
        """Which of these donors (ascending) fit."""
        raise NotImplementedError

    def make(self) -> Array:
        """All that fit."""
        raise NotImplementedError

    def size(self, everybody: int) -> int:
        bound = self.tree or self.upper
        return everybody if bound is None else bound.size

    def step(self, everybody: int) -> Step:
        return Step(self.what, self.how, 1 << self.size(everybody).bit_length())


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
        return Step(self.what, self.how, 1 << self.size(everybody).bit_length(), parts)


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


# --- the planner ------------------------------------------------------------------------------------------


class Planner:
    """Makes one question's criteria ready. Equal criteria become one operand."""

    def __init__(self, index: Index, view: View, ages_at: date) -> None:
        self.index = index
        self.view = view
        self.ages_at = ages_at
        self._everybody = Leaf(index.everybody)
        self._made: dict[Criterion, Operand] = {}
        self._often: set[Criterion] = set()

    def operands(self, criteria: Sequence[Criterion]) -> list[Operand]:
        """The criteria, all of one question, made ready."""
        leaves: list[Criterion] = []
        for criterion in criteria:
            _leaves(criterion, leaves)
        if len({type(leaf) for leaf in leaves}) < len(leaves):
            seen: set[Criterion] = set()
            for leaf in leaves:
                (self._often if leaf in seen else seen).add(leaf)
        return [self.operand(criterion) for criterion in criteria]

    def operand(self, criterion: Criterion) -> Operand:
        kind = type(criterion)
        if kind is nodes.All or kind is nodes.Any or kind is nodes.Not:
            # A tree of its own: looking it up would cost as much as making it.
            return self._composite(criterion)
        if not self._often or criterion not in self._often:
            return self._leaf(criterion)
        made = self._made.get(criterion)
        if made is None:
            made = self._leaf(criterion)
            if made.tree is None:
                made = Once(made, self.index.count)
            self._made[criterion] = made
        return made

    def _composite(self, criterion: Criterion) -> Operand:
        match criterion:
            case nodes.All(of):
                return self.all_of([self.operand(part) for part in of])
            case nodes.Any(of):
                return self._any_of([self.operand(part) for part in of])
            case nodes.Not(of):
                part = self.operand(of)
                if part.tree is not None:
                    return Exact(Not(part.tree, self._everybody), "not", parts=(part,))
                return NotOf(part)
        raise TypeError(f"{type(criterion).__name__} is no All, Any or Not")

    def all_of(self, parts: Sequence[Operand]) -> Operand:
        if not parts:
            return Exact(self._everybody, "everybody")
        if len(parts) == 1:
            return parts[0]
        flat: list[Operand] = []
        for part in parts:
            flat.extend((*part.exact, *part.checks) if isinstance(part, AllOf) else (part,))
        if all(part.tree is not None for part in flat):
            seeing = any(part.seeing for part in flat)
            return Exact(
                And([part.tree for part in flat if part.tree is not None]), "all", seeing=seeing, parts=flat
            )
        return AllOf(flat)

    def _any_of(self, parts: Sequence[Operand]) -> Operand:
        if not parts:
            return Exact(Leaf(self.index.nobody), "nobody", seeing=True)
        if len(parts) == 1:
            return parts[0]
        trees = [part.tree for part in parts if part.tree is not None]
        if len(trees) == len(parts):
            seeing = all(part.seeing for part in parts)
            return Exact(Or(trees, self.index.count), "any", seeing=seeing, parts=parts)
        return AnyOf(parts, self.index.count)

    def _leaf(self, criterion: Criterion) -> Operand:
        index = self.index
        match criterion:
            case nodes.Diagnosis():
                return self._coded(criterion, index.diagnoses)
            case nodes.Medication():
                return self._coded(criterion, index.medications)
            case nodes.Procedure():
                return self._coded(criterion, index.procedures)
            case nodes.Specimen():
                return self._specimen(criterion)
            case nodes.Measurement():
                return self._measurement(criterion)
            case nodes.Within():
                return self._within(criterion)
            case nodes.Age(years):
                return Exact(self._of_age(years), "age")
            case nodes.Born(window):
                return Exact(self._born(window), "born")
            case nodes.IsSex(any_of):
                ends = index.sexes.tolist()
                ranges = [(ends[at], ends[at + 1]) for at, sex in enumerate(SEXES) if sex in any_of]
                return Exact(Leaf(index.ranges(ranges)), "sex")
            case nodes.Alive():
                return Exact(Not(Leaf(self._dead_by(day(self.ages_at))), self._everybody), "alive")
            case nodes.LivesIn(any_of):
                return self._sets([index.regions[at] for at in index.region_words.some(any_of)], "region")
            case nodes.InCohort(cohort):
                place = index.cohort_words.find(cohort)
                return self._sets([] if place is None else [index.cohorts[place]], "cohort")
            case nodes.Variant() | nodes.VariantIn():
                return Exact(Leaf(self._carriers(criterion)), "variant")
            case nodes.All() | nodes.Any() | nodes.Not():
                raise TypeError("all, any and not are no leaves")
            case _:
                assert_never(criterion)

    def _sets(self, sets: Sequence[Bits], what: str, *, seeing: bool = False) -> Operand:
        trees = [Leaf(bits) for bits in sets]
        if not trees:
            return Exact(Leaf(self.index.nobody), what, seeing=True)
        return Exact(trees[0] if len(trees) == 1 else Or(trees, self.index.count), what, seeing=seeing)

    # --- donors ---

    def _by_birth(self, low: int, high: int) -> list[Span]:
        """Ranges of ordinals, one per sex, of who was born from one day to another; unknown births are in none."""
        if high < low:
            return []
        born, found = self.index.born, []
        first, last = np.int32(low), np.int32(high)
        for start, end in self.index.births:
            part = born[start:end]
            a, b = (
                start + int(part.searchsorted(first, "left")),
                start + int(part.searchsorted(last, "right")),
            )
            if b > a:
                found.append((a, b))
        return found

    def _born(self, window: Window) -> Tree:
        if window == NO_WINDOW:
            return self._everybody
        low = NO_DATE + 1 if window.since is None else day(window.since)
        high = 2**31 - 1 if window.until is None else day(window.until)
        return Leaf(self.index.ranges(self._by_birth(low, high)))

    def _of_age(self, years: Ages) -> Tree:
        if years == ANY_AGE:
            return self._everybody
        at, dead = day(self.ages_at), self.index.dead
        low = 0 if years.low is None else max(years.low, 0)
        # Who was born on `latest(n)` or before has completed n years.
        oldest = NO_DATE + 1 if years.high is None else latest_birth(self.ages_at, years.high + 1) + 1
        living = Leaf(self.index.ranges(self._by_birth(oldest, latest_birth(self.ages_at, low))))
        if not len(dead.ids):
            return living
        if at >= dead.latest:  # who dies on the day itself is as old at death as on the day
            gone, aged = Leaf(dead.bits), Leaf(dead.of_age(low, years.high))
        else:
            before = dead.died < at
            fits = before & (dead.age >= low)
            if years.high is not None:
                fits &= dead.age <= years.high
            gone = Leaf(Bits.of(self.index.words, bitmap(dead.ids[before])))
            aged = Leaf(Bits.of(self.index.words, bitmap(dead.ids[fits])))
        alive = And([living, Not(gone, self._everybody)])
        return Or([alive, aged], self.index.count) if aged.size else alive

    def _dead_by(self, last: int) -> Bits:
        """Who died on that day or before."""
        dead = self.index.dead
        if last >= dead.latest:
            return dead.bits
        return Bits.of(self.index.words, bitmap(dead.ids[dead.died <= last]))

    # --- variants ---

    def _carriers(self, criterion: nodes.Variant | nodes.VariantIn) -> Bits:
        genotypes, copies = self.index.genotypes, _COPIES[criterion.zygosity]
        if isinstance(criterion, nodes.Variant):
            chromosome = genotypes.chromosome_words.find(criterion.chromosome)
            reference = genotypes.reference_words.find(criterion.reference)
            alternate = genotypes.alternate_words.find(criterion.alternate)
            if chromosome is None or reference is None or alternate is None:
                return self.index.nobody
            rows = genotypes.chromosome_rows(chromosome)
            low, high = genotypes.between(rows, criterion.position, criterion.position)
            places = [
                at
                for at in range(low, high)
                if genotypes.reference[at] == reference and genotypes.alternate[at] == alternate
            ]
            return genotypes.of_variants(places, copies) if places else self.index.nobody
        gene = None if criterion.gene is None else genotypes.gene_words.find(criterion.gene)
        if criterion.gene is not None and gene is None:
            return self.index.nobody
        if criterion.chromosome is None and criterion.start is None and criterion.end is None:
            if gene is not None:
                return genotypes.of_gene(gene, copies)
            return genotypes.of_variants(range(len(genotypes.position)), copies)
        if criterion.chromosome is None:
            stretches = [genotypes.chromosome_rows(at) for at in range(len(genotypes.chromosome_words.words))]
        else:
            chromosome = genotypes.chromosome_words.find(criterion.chromosome)
            stretches = [] if chromosome is None else [genotypes.chromosome_rows(chromosome)]
        places = [
            at
            for rows in stretches
            for at in range(*genotypes.between(rows, criterion.start, criterion.end))
            if gene is None or genotypes.gene[at] == gene
        ]
        return genotypes.of_variants(places, copies) if places else self.index.nobody

    # --- records ---

    def _coded(self, pattern: nodes.Diagnosis | nodes.Medication | nodes.Procedure, facts: Facts) -> Operand:
        what = type(pattern).__name__.lower()
        spans = self.spans(pattern)
        bound = self._sets([facts.bits(span) for span in spans], what)
        if pattern.window == NO_WINDOW and pattern.age == ANY_AGE:
            return bound
        assert bound.tree is not None
        if pattern.age == ANY_AGE and (pattern.window.since is None or pattern.window.until is None):
            return DatedFacts(self, facts, spans, pattern.window, bound.tree, what)
        return RowsOfFacts(self, facts, spans, pattern, bound.tree, what)

    def spans(self, pattern: nodes.Diagnosis | nodes.Medication | nodes.Procedure) -> list[Span]:
        """Which codes of the vocabulary are meant, as stretches that do not overlap."""
        if isinstance(pattern, nodes.Diagnosis):
            vocabulary = self.index.diagnoses.vocabulary
        elif isinstance(pattern, nodes.Medication):
            vocabulary = self.index.medications.vocabulary
        else:
            vocabulary = self.index.procedures.vocabulary
        if not pattern.codes:
            return [(0, len(vocabulary.words))] if vocabulary.words else []
        if isinstance(pattern, nodes.Procedure) or not pattern.descendants:
            return [(at, at + 1) for at in vocabulary.some(pattern.codes)]
        if isinstance(pattern, nodes.Diagnosis):
            found = [vocabulary.span(*icd10.span(code)) for code in pattern.codes]
        else:
            found = [vocabulary.span(code, code + "\U0010ffff") for code in pattern.codes]
        apart: list[Span] = []
        for low, high in sorted(span for span in found if span[1] > span[0]):
            if apart and low < apart[-1][1]:
                apart[-1] = (apart[-1][0], max(high, apart[-1][1]))
            else:
                apart.append((low, high))
        return apart

    def _measurement(self, pattern: nodes.Measurement) -> Operand:
        code = self.index.measurements.vocabulary.find(pattern.code)
        if code is None:
            return self._sets([], "measurement")
        bound = Leaf(self.index.measurements.sets[code])
        bare = pattern.low is None and pattern.high is None
        if bare and pattern.window == NO_WINDOW and pattern.age == ANY_AGE:
            return Exact(bound, "measurement")
        return Measured(self, pattern, code, bound)

    def _specimen(self, pattern: nodes.Specimen) -> Operand:
        index, view = self.index, self.view
        plain = (
            not (pattern.temperatures or pattern.collections or pattern.aliquots > 0)
            and pattern.age == ANY_AGE
        )
        types = index.specimens.type_words.some(pattern.types)
        banks = index.specimens.biobank_words.some(pattern.biobanks)
        if (pattern.types and not types) or (pattern.biobanks and not banks):
            return self._sets([], "specimen")
        bounds: list[Tree] = []
        if types:
            of_types: list[Tree] = [Leaf(view.of_type(at)) for at in types]
            bounds.append(of_types[0] if len(types) == 1 else Or(of_types, index.count))
        if banks:
            at_banks: list[Tree] = [Leaf(view.at_biobank(at)) for at in banks]
            bounds.append(at_banks[0] if len(banks) == 1 else Or(at_banks, index.count))
        if not bounds:
            bounds.append(Leaf(view.holders))
        upper = bounds[0] if len(bounds) == 1 else And(bounds)
        if plain and len(bounds) == 1:
            if pattern.collected == NO_WINDOW:
                return Exact(upper, "specimen", seeing=True)
            if not banks and (pattern.collected.since is None or pattern.collected.until is None):
                return Collected(self, types, pattern.collected, upper)
        return RowsOfSpecimens(self, pattern, upper)

    def _within(self, criterion: nodes.Within) -> Operand:
        event, anchor = self._leaf(criterion.event), self._leaf(criterion.anchor)
        bounds = [part.upper for part in (event, anchor) if part.upper is not None]
        assert len(bounds) == 2, "every record pattern knows who may fit"
        return Apart(self, criterion, bounds, seeing=event.seeing or anchor.seeing)

    # --- evaluating ---

    def all_seen(self, parts: Sequence[Operand]) -> list[Operand]:
        """The parts, and before them the view's donors unless some part lets nobody else in."""
        if any(part.seeing for part in parts):
            return list(parts)
        return [Exact(Leaf(self.view.donors), "permitted", seeing=True), *parts]

    def found(self, parts: Sequence[Operand]) -> Found:
        """Who fits all of it."""
        whole = self.all_of(self.all_seen(parts))
        if whole.tree is not None:
            return evaluate(whole.tree, self.index.count)
        ids, last = self._verified(whole)
        return Found(ids=ids if last is None else ids[last.test(ids)])

    def count(self, parts: Sequence[Operand]) -> int:
        """How many fit all of it."""
        whole = self.all_of(self.all_seen(parts))
        if whole.tree is not None:
            return count(whole.tree, self.index.count)
        ids, last = self._verified(whole)
        return len(ids) if last is None else int(np.count_nonzero(last.test(ids)))

    def _verified(self, whole: Operand) -> tuple[Array, Operand | None]:
        """Who fits all of it but the last check, and that check (None if nothing is left to test)."""
        everybody = self.index.count
        if not isinstance(whole, AllOf):
            if whole.listed:
                return whole.make(), None
            return evaluate(whole.upper or self._everybody, everybody).ids, whole
        checks = list(whole.checks)
        least = min((tree.size for tree in whole.trees), default=everybody)
        listed = [check for check in checks if check.listed and check.size(everybody) < least]
        if listed:
            start = min(listed, key=lambda check: check.size(everybody))
            checks.remove(start)
            ids = start.make()
            for tree in whole.trees:
                ids = ids[tree.test(ids)]
        else:
            # A cheap check is quicker than narrowing by its upper bound, if there is something to begin with.
            bounds = [
                check.upper
                for check in checks
                if check.upper is not None and (check.cost > 10 or check.upper.size < least)
            ]
            bounds += whole.trees
            ids = evaluate(And(bounds) if bounds else self._everybody, everybody).ids
        for check in checks[:-1]:
            ids = ids[check.test(ids)]
        return ids, checks[-1] if checks else None


def _leaves(criterion: Criterion, found: list[Criterion]) -> None:
    match criterion:
        case nodes.All(of) | nodes.Any(of):
            for part in of:
                _leaves(part, found)
        case nodes.Not(part):
            _leaves(part, found)
        case _:
            found.append(criterion)


def latest_birth(on: date, years: int) -> int:
    """The last day of birth with so many complete years on a day."""
    year = on.year - years
    if year < 1:
        return NO_DATE
    if (on.month, on.day) == (2, 29) and not (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)):
        return day(date(year, 2, 28))
    return day(date(year, on.month, on.day))


def ends_of(window: Window, dtype: np.dtype[Any]) -> tuple[int, int]:
    """The window's ends as days in a column's type; a missing date (the type's least) lies outside."""
    least, most = LIMITS[dtype]
    low = least + 1 if window.since is None else max(day(window.since), least + 1)
    high = most - 1 if window.until is None else min(day(window.until), most - 1)
    return low, high


def in_window(dates: Array, window: Window) -> Mask:
    """Of dates in a column's own type."""
    low, high = ends_of(window, dates.dtype)
    if low >= LIMITS[dates.dtype][1] or high <= LIMITS[dates.dtype][0]:
        return np.zeros(len(dates), np.bool_)
    found: Mask = dates >= dates.dtype.type(low)
    if window.until is not None:
        found &= dates <= dates.dtype.type(high)
    return found


def wide(dates: Array) -> Array:
    """As 32 bits, with NO_DATE for what is missing."""
    if dates.dtype == np.int32:
        return dates
    return np.where(dates == LIMITS[dates.dtype][0], NO_DATE, dates.astype(np.int32))


# --- checks -----------------------------------------------------------------------------------------------


class Check(Operand):
    def __init__(self, planner: Planner, upper: Tree, what: str) -> None:
        self.planner = planner
        self.index = planner.index
        self.upper = upper
        self.what = what

    def make(self) -> Array:
        assert self.upper is not None
        ids = evaluate(self.upper, self.index.count).ids
        return ids[self.test(ids)]


def places_in(ids: Array, wanted: Array) -> tuple[Array, Mask]:
    """Where each wanted donor stands in ascending `ids` (anywhere if it does not), and whether it does."""
    if ids is wanted:
        return np.arange(len(ids)), np.ones(len(ids), np.bool_)
    if not len(ids):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    places = np.searchsorted(ids, wanted.astype(ids.dtype))
    places[places == len(ids)] = 0
    return places, ids[places] == wanted


class DatedFacts(Check):
    """A record since a day, or until one: the last date, or the first one, of each donor decides."""

    how = "first and last dates"
    cost = 30
    listed = True

    def __init__(
        self, planner: Planner, facts: Facts, spans: list[Span], window: Window, upper: Tree, what: str
    ) -> None:
        super().__init__(planner, upper, what)
        self._facts = facts
        self._spans = spans
        self._window = window

    def _fits(self, of: Posting) -> Mask:
        return in_window(of.first if self._window.since is None else of.last, self._window)

    def make(self) -> Array:
        of = self._facts.posting(self._spans)
        return of.ids[self._fits(of)]

    def test(self, ids: Array) -> Mask:
        of = self._facts.posting(self._spans)
        places, there = places_in(of.ids, ids)
        if not len(of.ids):
            return there
        dates = (of.first if self._window.since is None else of.last)[places]
        return there & in_window(dates, self._window)


class RowsOfFacts(Check):
    """A record within a window, at an age: all rows of the codes are read, once."""

    how = "rows"
    cost = 5
    listed = True

    def __init__(
        self,
        planner: Planner,
        facts: Facts,
        spans: list[Span],
        pattern: nodes.Diagnosis | nodes.Medication | nodes.Procedure,
        upper: Tree,
        what: str,
    ) -> None:
        super().__init__(planner, upper, what)
        self._facts = facts
        self._spans = spans
        self._pattern = pattern
        self._fits: Mask | None = None

    def _flags(self) -> Mask:
        if self._fits is None:
            self._fits = np.zeros(self.index.count, np.bool_)
            for donors, _ in fact_rows(self.index, self._facts, self._spans, self._pattern):
                self._fits[donors] = True
        return self._fits

    def make(self) -> Array:
        return np.flatnonzero(self._flags()).astype(np.uint32)

    def test(self, ids: Array) -> Mask:
        if self._fits is None:
            few = self._facts.rows_of(self._spans, ids)
            if few is not None:
                places, owners = few
                found = np.zeros(len(ids), np.bool_)
                found[owners[fitting_rows(self.index, self._facts, self._pattern, places)]] = True
                return found
        return self._flags()[ids]


def fact_rows(
    index: Index,
    facts: Facts,
    spans: Sequence[Span],
    pattern: nodes.Diagnosis | nodes.Medication | nodes.Procedure,
) -> list[tuple[Array, Array]]:
    """Donors and dates of the rows that fit the pattern."""
    found = []
    for start, end in facts.stretches(spans):
        donors, dates = facts.donor[start:end], facts.on[start:end]
        if pattern.window != NO_WINDOW:
            rows = np.flatnonzero(in_window(dates, pattern.window))
            donors, dates = donors[rows], dates[rows]
        if pattern.age != ANY_AGE:
            fits = index.of_age(donors, wide(dates), pattern.age.low, pattern.age.high)
            donors, dates = donors[fits], dates[fits]
        found.append((donors, dates))
    return found


def fitting_rows(
    index: Index, facts: Facts, pattern: nodes.Diagnosis | nodes.Medication | nodes.Procedure, places: Array
) -> Mask:
    """Which of these rows have a date in the pattern's window, at its age."""
    dates = facts.on[places]
    fits = in_window(dates, pattern.window) if pattern.window != NO_WINDOW else np.ones(len(places), np.bool_)
    if pattern.age != ANY_AGE:
        fits &= index.of_age(facts.donor[places], wide(dates), pattern.age.low, pattern.age.high)
    return fits


class Measured(Check):
    """A value in a range: the rows of the code are read, donor by donor."""

    how = "rows"
    cost = 60

    def __init__(self, planner: Planner, pattern: nodes.Measurement, code: int, upper: Tree) -> None:
        super().__init__(planner, upper, "measurement")
        self._pattern = pattern
        self._code = code

    def test(self, ids: Array) -> Mask:
        found = self._compiled(ids)
        if found is not None:
            return found
        rows, donors, count = self.index.measurements.rows(self._code, ids)
        return kernels.any_of(self.fits(rows, donors, count), count)

    def _compiled(self, ids: Array) -> Mask | None:
        measurements, pattern = self.index.measurements, self._pattern
        scale = int(measurements.scale[self._code])
        if not scale or pattern.age != ANY_AGE:
            return None
        starts = measurements.starts(self._code)
        if starts is None:
            return None
        value, on = measurements.value, measurements.on
        # Where nothing is asked, what is missing (the least number) will do as well.
        ends, days = LIMITS[value.dtype], LIMITS[on.dtype]
        if pattern.low is not None or pattern.high is not None:
            ends = whole_ends(pattern.low, pattern.high, scale, value.dtype)
        if pattern.window != NO_WINDOW:
            days = ends_of(pattern.window, on.dtype)
        return kernels.measured(ids, starts, value, on, ends, days)

    def fits(self, rows: Array, donors: Array, count: Array) -> Mask:
        measurements, pattern = self.index.measurements, self._pattern
        values = measurements.value[rows]
        fits = np.ones(len(rows), np.bool_)
        scale = int(measurements.scale[self._code])
        if scale:
            low, high = whole_ends(pattern.low, pattern.high, scale, values.dtype)
            if pattern.low is not None or pattern.high is not None:
                fits = (values >= low) & (values <= high)
        else:
            if pattern.low is not None:
                fits = values >= pattern.low
            if pattern.high is not None:
                fits &= values <= pattern.high
        if pattern.window != NO_WINDOW:
            fits &= in_window(measurements.on[rows], pattern.window)
        if pattern.age != ANY_AGE:
            left = np.flatnonzero(fits)
            owners = np.repeat(donors, count)[left]
            on = wide(measurements.on[rows[left]])
            fits[left] = self.index.of_age(owners, on, pattern.age.low, pattern.age.high)
        return fits

    def dated(self, ids: Array) -> tuple[Array, Array]:
        """Donors and dates of the rows that fit, of some donors."""
        rows, donors, count = self.index.measurements.rows(self._code, ids)
        fits = self.fits(rows, donors, count)
        return np.repeat(donors, count)[fits], self.index.measurements.on[rows[fits]]


def whole_ends(low: float | None, high: float | None, scale: int, dtype: np.dtype[Any]) -> tuple[int, int]:
    """The least and the greatest k with low <= k / scale <= high, in the column's type, whose least is missing."""
    least, most = LIMITS[dtype]
    first, last = least + 1, most
    if low is not None and low > first / scale:
        if low > last / scale:
            return 0, -1
        first = int(np.floor(low * scale)) - 1
        while first / scale < low:
            first += 1
    if high is not None and high < last / scale:
        if high < (least + 1) / scale:
            return 0, -1
        last = int(np.ceil(high * scale)) + 1
        while last / scale > high:
            last -= 1
    return max(first, least + 1), min(last, most)


class Collected(Check):
    """A specimen since a day, or until one: the last, or the first, collection of each donor decides."""

    how = "first and last dates of collection"
    seeing = True
    cost = 3

    def __init__(self, planner: Planner, types: Sequence[int], window: Window, upper: Tree) -> None:
        super().__init__(planner, upper, "specimen")
        self._window = window
        self._types: Sequence[int | None] = types or (None,)

    def test(self, ids: Array) -> Mask:
        found: Mask | None = None
        for type_ in self._types:
            first, last = self.planner.view.span(type_)
            if self._window.until is None:
                low, _ = ends_of(self._window, last.dtype)
                fits: Mask = last.take(ids) >= low
            else:
                _, high = ends_of(self._window, first.dtype)
                fits = first.take(ids) <= high
            found = fits if found is None else found | fits
        assert found is not None
        return found


class RowsOfSpecimens(Check):
    """A specimen of which several things must hold at once: the donor's specimens are read."""

    how = "rows"
    seeing = True
    cost = 50

    def __init__(self, planner: Planner, pattern: nodes.Specimen, upper: Tree) -> None:
        super().__init__(planner, upper, "specimen")
        self._pattern = pattern

    def test(self, ids: Array) -> Mask:
        found = self._compiled(ids)
        if found is not None:
            return found
        rows, count = specimen_rows(self.index, ids)
        return kernels.any_of(fitting_specimens(self.planner.view, self._pattern, rows), count)

    def _compiled(self, ids: Array) -> Mask | None:
        pattern, specimens = self._pattern, self.index.specimens
        if pattern.age != ANY_AGE or pattern.aliquots > 0:
            return None
        days = ends_of(pattern.collected, specimens.collected.dtype)
        if pattern.collected == NO_WINDOW:
            days = LIMITS[specimens.collected.dtype]  # a missing date will do as well
        wanted = [
            (column, np.array(words.some(codes), np.int64))
            for codes, column, words in (
                (pattern.types, specimens.type, specimens.type_words),
                (pattern.biobanks, specimens.biobank, specimens.biobank_words),
                (pattern.collections, specimens.collection, specimens.collection_words),
                (pattern.temperatures, specimens.temperature, specimens.temperature_words),
            )
            if codes
        ]
        return kernels.specimens(ids, specimens.rows, self.planner.view.ok, specimens.collected, days, wanted)


def specimen_rows(index: Index, ids: Array) -> tuple[Array, Array]:
    """Places of the specimens of some donors, and how many each has."""
    begin = index.specimens.rows[ids]
    count = index.specimens.rows[ids + 1] - begin
    return kernels.expand(begin, count), count


def fitting_specimens(view: View, pattern: nodes.Specimen, rows: Array) -> Mask:
    """Which of these specimens are permitted and fit the pattern."""
    index, specimens = view.index, view.index.specimens
    fits = view.ok[rows]
    for wanted, column, words in (
        (pattern.types, specimens.type, specimens.type_words),
        (pattern.biobanks, specimens.biobank, specimens.biobank_words),
        (pattern.collections, specimens.collection, specimens.collection_words),
        (pattern.temperatures, specimens.temperature, specimens.temperature_words),
    ):
        if wanted:
            places = words.some(wanted)
            codes = column[rows]
            fits &= codes == places[0] if len(places) == 1 else np.isin(codes, places)
    if pattern.collected != NO_WINDOW:
        fits &= in_window(specimens.collected[rows], pattern.collected)
    if pattern.aliquots > 0:
        fits &= specimens.aliquots[rows].astype(np.int64) >= pattern.aliquots
    if pattern.age != ANY_AGE:
        left = np.flatnonzero(fits)
        donors, on = specimens.donor[rows[left]], wide(specimens.collected[rows[left]])
        fits[left] = index.of_age(donors, on, pattern.age.low, pattern.age.high)
    return fits


class Apart(Check):
    """Two records so many days apart. Where one limit is open, first and last dates decide; else rows are compared."""

    cost = 100

    def __init__(
        self, planner: Planner, criterion: nodes.Within, bounds: Sequence[Tree], *, seeing: bool
    ) -> None:
        super().__init__(planner, And(bounds), "within")
        self.seeing = seeing
        self._event, self._anchor = criterion.event, criterion.anchor
        self._first = criterion.first
        self._low = None if criterion.low is None else max(-_FAR, min(criterion.low, _FAR))
        self._high = None if criterion.high is None else max(-_FAR, min(criterion.high, _FAR))
        self._simple = (self._low is None or self._high is None) and all(
            self._has_extremes(pattern) for pattern in (self._event, self._anchor)
        )
        self.how = "first and last dates" if self._simple else "rows"
        self.listed = self._simple and isinstance(
            self._anchor, nodes.Diagnosis | nodes.Medication | nodes.Procedure
        )
        if self._simple:
            self.cost = 40

    @staticmethod
    def _has_extremes(pattern: Dated) -> bool:
        if isinstance(pattern, nodes.Specimen):
            bare = nodes.Specimen(types=pattern.types)
            return pattern == bare and len(pattern.types) <= 1
        if isinstance(pattern, nodes.Measurement):
            return False
        return pattern.window == NO_WINDOW and pattern.age == ANY_AGE

    def make(self) -> Array:
        if not self.listed:
            return super().make()
        facts, pattern = self._facts(self._anchor)
        ids = facts.posting(self.planner.spans(pattern)).ids
        return ids[self.test(ids)]

    def _facts(self, pattern: Dated) -> tuple[Facts, nodes.Diagnosis | nodes.Medication | nodes.Procedure]:
        match pattern:
            case nodes.Diagnosis():
                return self.index.diagnoses, pattern
            case nodes.Medication():
                return self.index.medications, pattern
            case nodes.Procedure():
                return self.index.procedures, pattern
        raise TypeError(f"{type(pattern).__name__} has no codes")

    def test(self, ids: Array) -> Mask:
        return self._by_extremes(ids) if self._simple else self._by_rows(ids)

    # --- by first and last dates ---

    def _by_extremes(self, ids: Array) -> Mask:
        event_first, event_last, known = self._extremes(self._event, ids)
        anchor_first, anchor_last, dated = self._extremes(self._anchor, ids)
        known &= dated
        if self._low is not None:
            known &= event_last - anchor_first >= self._low
        elif self._high is not None:
            known &= event_first - (anchor_first if self._first else anchor_last) <= self._high
        return known

    def _extremes(self, pattern: Dated, ids: Array) -> tuple[Array, Array, Mask]:
        """First and last dates of each donor's records (as wide as differences need), and whether there are any."""
        if isinstance(pattern, nodes.Specimen):
            types = self.index.specimens.type_words.some(pattern.types)
            if pattern.types and not types:
                nothing = np.zeros(len(ids), np.int32)
                return nothing, nothing, np.zeros(len(ids), np.bool_)
            first, last = self.planner.view.span(types[0] if types else None)
            first, last = first.take(ids), last.take(ids)
            known = last != LIMITS[last.dtype][0]
        else:
            facts, coded = self._facts(pattern)
            of = facts.posting(self.planner.spans(coded))
            places, known = places_in(of.ids, ids)
            if not len(of.ids):
                nothing = np.zeros(len(ids), np.int32)
                return nothing, nothing, known
            first, last = of.first[places], of.last[places]
            known &= last != LIMITS[last.dtype][0]
        size = np.int64 if first.dtype == np.int32 else np.int32
        return first.astype(size), last.astype(size), known

    # --- by rows ---

    def _by_rows(self, ids: Array) -> Mask:
        events, anchors = self._keys(self._event, ids), self._keys(self._anchor, ids)
        found = np.zeros(len(ids), np.bool_)
        if not len(events) or not len(anchors):
            return found
        if self._first:
            owner = anchors >> 32
            anchors = anchors[np.append(True, owner[1:] != owner[:-1])]
        owner = anchors >> 32
        lows = owner << 32 if self._low is None else anchors + self._low
        highs = (owner << 32) + (2**32 - 1) if self._high is None else anchors + self._high
        hit = np.searchsorted(events, highs, "right") > np.searchsorted(events, lows, "left")
        found[owner[hit]] = True
        return found

    def _keys(self, pattern: Dated, ids: Array) -> Array:
        """Per dated record that fits, ascending: the place of its donor in `ids`, then its date."""
        index = self.index
        if isinstance(pattern, nodes.Specimen):
            rows, count = specimen_rows(index, ids)
            fits = fitting_specimens(self.planner.view, pattern, rows)
            owner = np.repeat(np.arange(len(ids)), count)[fits]
            dates = index.specimens.collected[rows[fits]]
        elif isinstance(pattern, nodes.Measurement):
            code = index.measurements.vocabulary.find(pattern.code)
            if code is None:
                return np.empty(0, np.int64)
            check = Measured(self.planner, pattern, code, self._nobody())
            donors, dates = check.dated(ids)
            owner = np.searchsorted(ids, donors.astype(ids.dtype))
        else:
            facts, coded = self._facts(pattern)
            spans = self.planner.spans(coded)
            if not spans:
                return np.empty(0, np.int64)
            few = facts.rows_of(spans, ids)
            if few is not None:
                rows, owner = few
                fits = fitting_rows(index, facts, coded, rows)
                owner, dates = owner[fits], facts.on[rows[fits]]
            else:
                place = np.full(index.count, -1, np.int64)
                place[ids] = np.arange(len(ids))
                parts = fact_rows(index, facts, spans, coded)
                owner = place[np.concatenate([donors for donors, _ in parts])]
                inside = owner >= 0
                owner, dates = owner[inside], np.concatenate([on for _, on in parts])[inside]
        dated = dates != LIMITS[dates.dtype][0]
        keys: Array = (owner[dated].astype(np.int64) << 32) + (dates[dated].astype(np.int64) + 2**31)
        keys.sort()
        return keys

    def _nobody(self) -> Tree:
        return Leaf(Bits.of(self.index.words, BitMap()))
