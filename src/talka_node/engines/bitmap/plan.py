"""From a criterion to a plan: which sets are at hand as bitmaps, and what must be verified donor by donor.

A criterion becomes an `Operand`. One that is exact is a tree of sets. Any other is a *check*: it knows an upper bound
(a tree of sets that holds everyone who may fit) and tests given donors against columns or rows. Evaluating begins with
the rarest sets and verifies last, the cheapest check first, so that rows are read of the few who are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from talka_node.columns import NO_DATE, SEXES, day
from talka_node.engines.bitmap.bits import (
    And,
    Bits,
    Found,
    Leaf,
    Not,
    Or,
    Tree,
    bitmap,
    count,
    evaluate,
    many,
)
from talka_node.engines.bitmap.checks import (
    ANY_AGE,
    NO_WINDOW,
    Apart,
    Coded,
    Collected,
    DatedFacts,
    Measured,
    RowsOfFacts,
    RowsOfSpecimens,
    spans_of,
)
from talka_node.engines.bitmap.index import Facts, Index, latest_birth
from talka_node.engines.bitmap.operands import AllOf, AnyOf, Exact, NotOf, Once, Operand
from talka_node.engines.bitmap.views import View
from talka_query import nodes
from talka_query.nodes import Ages, Criterion, Window, Zygosity

Array = npt.NDArray[Any]

# Reading the rows of so many donors in order costs as much as going to those of one.
IN_ORDER = 4
_COPIES = {Zygosity.HETEROZYGOUS: 1, Zygosity.HOMOZYGOUS: 2, Zygosity.CARRIER: None}


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
        often = bool(self._often) and criterion in self._often
        if often and (kept := self._made.get(criterion)) is not None:
            return kept
        made = self._leaf(criterion)
        made.about = criterion
        if often:
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
                kept = index.ages.fetch((self.ages_at, years), lambda: self._of_age(years))
                return Exact(kept, "age")
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

    def _born(self, window: Window) -> Tree:
        if window == NO_WINDOW:
            return self._everybody
        low = NO_DATE + 1 if window.since is None else day(window.since)
        high = 2**31 - 1 if window.until is None else day(window.until)
        return Leaf(self.index.ranges(self.index.born_between(low, high)))

    def _of_age(self, years: Ages) -> Tree:
        if years == ANY_AGE:
            return self._everybody
        at, dead = day(self.ages_at), self.index.dead
        low = 0 if years.low is None else max(years.low, 0)
        # Who was born on `latest(n)` or before has completed n years.
        oldest = NO_DATE + 1 if years.high is None else latest_birth(self.ages_at, years.high + 1) + 1
        living = Leaf(self.index.ranges(self.index.born_between(oldest, latest_birth(self.ages_at, low))))
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
            return genotypes.recent.fetch(criterion, lambda: self._carriers_of(criterion, copies))
        gene = None if criterion.gene is None else genotypes.gene_words.find(criterion.gene)
        if criterion.gene is not None and gene is None:
            return self.index.nobody
        if criterion.chromosome is None and criterion.start is None and criterion.end is None:
            if gene is not None:
                return genotypes.of_gene(gene, copies)
            return genotypes.of_variants([(0, len(genotypes.position))], copies)
        if criterion.chromosome is None:
            stretches = [genotypes.chromosome_rows(at) for at in range(len(genotypes.chromosome_words.words))]
        else:
            chromosome = genotypes.chromosome_words.find(criterion.chromosome)
            stretches = [] if chromosome is None else [genotypes.chromosome_rows(chromosome)]
        places = [genotypes.between(rows, criterion.start, criterion.end) for rows in stretches]
        if gene is not None:
            wanted = genotypes.in_gene(gene)
            places = [
                (max(low, start), min(high, end))
                for low, high in places
                for start, end in wanted
                if max(low, start) < min(high, end)
            ]
        return genotypes.of_variants(places, copies)

    def _carriers_of(self, variant: nodes.Variant, copies: int | None) -> Bits:
        genotypes = self.index.genotypes
        chromosome = genotypes.chromosome_words.find(variant.chromosome)
        reference = genotypes.reference_words.find(variant.reference)
        alternate = genotypes.alternate_words.find(variant.alternate)
        if chromosome is None or reference is None or alternate is None:
            return self.index.nobody
        rows = genotypes.chromosome_rows(chromosome)
        low, high = genotypes.between(rows, variant.position, variant.position)
        places = [
            (at, at + 1)
            for at in range(low, high)
            if genotypes.reference[at] == reference and genotypes.alternate[at] == alternate
        ]
        return genotypes.of_variants(places, copies) if places else self.index.nobody

    # --- records ---

    def _coded(self, pattern: Coded, facts: Facts) -> Operand:
        what = type(pattern).__name__.lower()
        spans = spans_of(self.index, pattern)
        bound = self._sets([facts.bits(span) for span in spans], what)
        if pattern.window == NO_WINDOW and pattern.age == ANY_AGE:
            return bound
        assert bound.tree is not None
        if pattern.age == ANY_AGE and (pattern.window.since is None or pattern.window.until is None):
            return DatedFacts(self.view, facts, spans, pattern.window, bound.tree, what)
        return RowsOfFacts(self.view, facts, spans, pattern, bound.tree, what)

    def _measurement(self, pattern: nodes.Measurement) -> Operand:
        code = self.index.measurements.vocabulary.find(pattern.code)
        if code is None:
            return self._sets([], "measurement")
        bound = Leaf(self.index.measurements.sets[code])
        bare = pattern.low is None and pattern.high is None
        if bare and pattern.window == NO_WINDOW and pattern.age == ANY_AGE:
            return Exact(bound, "measurement")
        return Measured(self.view, pattern, code, bound)

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
            if not banks:
                return Collected(self.view, types, pattern, upper)
        return RowsOfSpecimens(self.view, pattern, upper)

    def _within(self, criterion: nodes.Within) -> Operand:
        event, anchor = self._leaf(criterion.event), self._leaf(criterion.anchor)
        bounds = [part.upper for part in (event, anchor) if part.upper is not None]
        assert len(bounds) == 2, "every record pattern knows who may fit"
        return Apart(self.view, criterion, bounds, seeing=event.seeing or anchor.seeing)

    # --- evaluating ---

    def all_seen(self, parts: Sequence[Operand]) -> list[Operand]:
        """The parts, and before them the view's donors unless some part lets nobody else in."""
        if any(part.seeing for part in parts):
            return list(parts)
        return [Exact(Leaf(self.view.donors), "permitted", seeing=True), *parts]

    def found(self, parts: Sequence[Operand]) -> Found:
        """Who fits all of it."""
        whole = self._made_dense(self.all_of(self.all_seen(parts)))
        if whole.tree is not None:
            return evaluate(whole.tree, self.index.count)
        ids, last = self._verified(whole)
        return Found(ids=ids if last is None else ids[last.test(ids)])

    def count(self, parts: Sequence[Operand]) -> int:
        """How many fit all of it."""
        whole = self._made_dense(self.all_of(self.all_seen(parts)))
        if whole.tree is not None:
            return count(whole.tree, self.index.count)
        ids, last = self._verified(whole)
        return len(ids) if last is None else int(np.count_nonzero(last.test(ids)))

    def _made_dense(self, whole: Operand) -> Operand:
        """If even the smallest bound is a large part of everybody, checks that can read all rows in order become sets:
        that is quicker than going to the rows donor by donor."""
        everybody = self.index.count
        parts = [*whole.exact, *whole.checks] if isinstance(whole, AllOf) else [whole]
        sizes = sorted(part.size(everybody) for part in parts)
        if not many(sizes[0], everybody):
            return whole
        made: list[Operand] = []
        for part in parts:
            size = part.size(everybody)
            least = sizes[1] if len(sizes) > 1 and size == sizes[0] else sizes[0]  # of the others
            words = part.words() if part.tree is None and size <= IN_ORDER * least else None
            made.append(
                part if words is None else Exact(Leaf(Bits.of_words(words)), part.what, seeing=part.seeing)
            )
        return self.all_of(made)

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
