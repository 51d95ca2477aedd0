"""Checks: criteria that no bitmap answers, tested on given donors by first and last dates or by reading rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from talka_node.codes import icd10
from talka_node.columns import NO_DATE, day
from talka_node.engines.bitmap import kernels
from talka_node.engines.bitmap.bits import And, Bits, Leaf, Tree, Words, evaluate
from talka_node.engines.bitmap.build import LIMITS, Span
from talka_node.engines.bitmap.index import DOUBT, YEAR, Facts, Index, Posting, places_in
from talka_node.engines.bitmap.operands import Operand
from talka_node.engines.bitmap.views import View
from talka_query import nodes
from talka_query.nodes import Ages, Dated, Window

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Coded = nodes.Diagnosis | nodes.Medication | nodes.Procedure

NO_WINDOW, ANY_AGE = Window(), Ages()
_FAR = 10_000_000  # days: further than any two dates are apart


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


def spans_of(index: Index, pattern: Coded) -> list[Span]:
    """Which codes of the vocabulary are meant, as stretches that do not overlap."""
    if isinstance(pattern, nodes.Diagnosis):
        vocabulary = index.diagnoses.vocabulary
    elif isinstance(pattern, nodes.Medication):
        vocabulary = index.medications.vocabulary
    else:
        vocabulary = index.procedures.vocabulary
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


# --- checks -----------------------------------------------------------------------------------------------


class Check(Operand):
    def __init__(self, view: View, upper: Tree, what: str) -> None:
        self.view = view
        self.index = view.index
        self.upper = upper
        self.what = what

    def make(self) -> Array:
        assert self.upper is not None
        ids = evaluate(self.upper, self.index.count).ids
        return ids[self.test(ids)]


class DatedFacts(Check):
    """A record since a day, or until one: the last date, or the first one, of each donor decides."""

    how = "first and last dates"
    cost = 30
    listed = True

    def __init__(
        self, view: View, facts: Facts, spans: list[Span], window: Window, upper: Tree, what: str
    ) -> None:
        super().__init__(view, upper, what)
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
        view: View,
        facts: Facts,
        spans: list[Span],
        pattern: Coded,
        upper: Tree,
        what: str,
    ) -> None:
        super().__init__(view, upper, what)
        self._facts = facts
        self._spans = spans
        self._pattern = pattern
        self._fits: Mask | None = None

    def words(self) -> Words | None:
        pattern, facts = self._pattern, self._facts
        days = ends_of(pattern.window, facts.group_on.dtype)
        found = np.zeros(self.index.words, np.uint64)
        for pair in [facts.pairs(span) for span in self._spans]:
            if pair is None:
                return None
            donors, starts = facts.pair_donors(pair), facts.group_starts[pair[0] : pair[1] + 1]
            if pattern.age == ANY_AGE:
                kernels.scan(donors, starts, facts.group_on, (0, 0), days, found)
                continue
            for low, high in self._of_births(donors):
                self._aged(donors[low:high], starts[low : high + 1], days, found)
        return found

    def _of_births(self, donors: Array) -> list[Span]:
        """Where among a category's donors those are who may be of the age on a day in question: born in time for it."""
        if np.any(donors[1:] < donors[:-1]):
            return [(0, len(donors))]  # of several categories
        (first, last), (low, high) = (
            self._facts.days,
            ends_of(self._pattern.window, self._facts.group_on.dtype),
        )
        _, (young, old) = lived(self._pattern.age)
        ranges = self.index.born_between(max(first, low) - old, min(last, high) - young)
        ends = donors.searchsorted(np.array(ranges, donors.dtype).reshape(-1, 2))
        return [(int(low), int(high)) for low, high in ends]

    def _aged(self, donors: Array, starts: Array, days: Span, found: Words) -> None:
        """Set in `found` who has a row of that age between those days."""
        index, on, ages = self.index, self._facts.group_on, self._pattern.age
        doubt = kernels.aged(donors, starts, on, index.born, NO_DATE, days, *lived(ages), found)
        if doubt is None:
            on = on[int(starts[0]) : int(starts[-1])]
            rows = np.flatnonzero((on >= days[0]) & (on <= days[1]))
            who, on = np.repeat(donors, np.diff(starts))[rows], on[rows]
        else:
            who, on = donors[doubt[0]], on[doubt[1]]
        if len(who):
            kernels.put(who[index.of_age(who, wide(on), ages.low, ages.high)], found)

    def _flags(self) -> Mask:
        if self._fits is None:
            words = self.words()
            if words is not None:
                flags = np.unpackbits(words.view(np.uint8), count=self.index.count, bitorder="little")
                self._fits = flags.view(np.bool_)
                return self._fits
            self._fits = np.zeros(self.index.count, np.bool_)
            for donors, _ in fact_rows(self.index, self._facts, self._spans, self._pattern):
                self._fits[donors] = True
        return self._fits

    def make(self) -> Array:
        words = self.words()
        return np.flatnonzero(self._flags()).astype(np.uint32) if words is None else kernels.ids(words)

    def test(self, ids: Array) -> Mask:
        if self._fits is None and 2 * len(ids) < self.size(self.index.count):
            dates = self._facts.dates_of(self._spans, ids)
            if dates is not None:
                begin, count = dates
                rows, owners = kernels.expand(begin, count), np.repeat(ids, count)
                return kernels.any_of(
                    fitting_dates(self.index, self._facts, self._pattern, rows, owners), count
                )
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
    pattern: Coded,
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


def fitting_rows(index: Index, facts: Facts, pattern: Coded, places: Array) -> Mask:
    """Which of these rows have a date in the pattern's window, at its age."""
    dates = facts.on[places]
    fits = in_window(dates, pattern.window) if pattern.window != NO_WINDOW else np.ones(len(places), np.bool_)
    if pattern.age != ANY_AGE:
        fits &= index.of_age(facts.donor[places], wide(dates), pattern.age.low, pattern.age.high)
    return fits


def fitting_dates(index: Index, facts: Facts, pattern: Coded, places: Array, donors: Array) -> Mask:
    """As `fitting_rows`, of dates by category and donor."""
    dates = facts.group_on[places]
    fits = in_window(dates, pattern.window) if pattern.window != NO_WINDOW else np.ones(len(places), np.bool_)
    if pattern.age != ANY_AGE:
        fits &= index.of_age(donors, wide(dates), pattern.age.low, pattern.age.high)
    return fits


def lived(ages: Ages) -> tuple[Span, Span]:
    """Days since birth, from the first up to, not including, the second: with which somebody is of such an age for
    sure, and with which perhaps."""
    sure, may, end, last = 0, 0, _FAR, _FAR
    if ages.low is not None:
        least = min(int(ages.low * YEAR), _FAR)
        sure, may = max(least + DOUBT, 0), max(least - DOUBT, 0)
    if ages.high is not None:
        most = max(min(int((ages.high + 1) * YEAR), _FAR), -_FAR)
        end, last = most - DOUBT, most + DOUBT
    return (sure, end), (may, last)


class Measured(Check):
    """A value in a range: the rows of the code are read, donor by donor."""

    how = "rows"
    cost = 60

    def __init__(self, view: View, pattern: nodes.Measurement, code: int, upper: Tree) -> None:
        super().__init__(view, upper, "measurement")
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
        if not len(measurements.both) or pattern.age != ANY_AGE:
            return None
        starts = measurements.starts(self._code)
        if starts is None:
            return None
        values, days = self._ends()
        return kernels.measured(ids, starts, measurements.both, values, days)

    def words(self) -> Words | None:
        measurements, pattern = self.index.measurements, self._pattern
        if not len(measurements.both) or pattern.age != ANY_AGE:
            return None
        donors, starts = measurements.pairs(self._code)
        found = np.zeros(self.index.words, np.uint64)
        values, days = self._ends()
        kernels.scan(donors, starts, measurements.both, values, days, found)
        return found

    def _ends(self) -> tuple[Span, Span]:
        """Between what values and dates must lie, in the columns' types. Where nothing is asked, what is missing (the
        least number) will do as well."""
        measurements, pattern = self.index.measurements, self._pattern
        values, days = LIMITS[measurements.value.dtype], LIMITS[measurements.on.dtype]
        if pattern.low is not None or pattern.high is not None:
            scale = int(measurements.scale[self._code])
            values = whole_ends(pattern.low, pattern.high, scale, measurements.value.dtype)
        if pattern.window != NO_WINDOW:
            days = ends_of(pattern.window, measurements.on.dtype)
        return values, days

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
    """A specimen since a day, until one, or between two: each donor's first and last collection decide, unless one lies
    before the window and the other behind it. Of such donors the specimens are read."""

    how = "first and last dates of collection"
    seeing = True
    cost = 3

    def __init__(self, view: View, types: Sequence[int], pattern: nodes.Specimen, upper: Tree) -> None:
        super().__init__(view, upper, "specimen")
        self._pattern = pattern
        self._types: Sequence[int | None] = types or (None,)

    def test(self, ids: Array) -> Mask:
        window = self._pattern.collected
        found = np.zeros(len(ids), np.bool_)
        around = np.zeros(len(ids), np.bool_)
        for type_ in self._types:
            first, last = self.view.span(type_)
            low, high = ends_of(window, last.dtype)
            if window.until is None:
                found |= last.take(ids) >= low
            elif window.since is None:
                found |= first.take(ids) <= high
            else:
                earliest, latest = first.take(ids), last.take(ids)
                found |= (earliest >= low) & (earliest <= high) | (latest >= low) & (latest <= high)
                around |= (earliest < low) & (latest > high)
        around &= ~found
        left = np.flatnonzero(around)
        if len(left):
            assert self.upper is not None
            found[left] = RowsOfSpecimens(self.view, self._pattern, self.upper).test(ids[left])
        return found


class RowsOfSpecimens(Check):
    """A specimen of which several things must hold at once: the donor's specimens are read."""

    how = "rows"
    seeing = True
    cost = 50

    def __init__(self, view: View, pattern: nodes.Specimen, upper: Tree) -> None:
        super().__init__(view, upper, "specimen")
        self._pattern = pattern

    def test(self, ids: Array) -> Mask:
        found = self._compiled(ids)
        if found is not None:
            return found
        rows, count = specimen_rows(self.index, ids)
        return kernels.any_of(fitting_specimens(self.view, self._pattern, rows), count)

    def _compiled(self, ids: Array) -> Mask | None:
        specimens, asked = self.index.specimens, tabled(self.index, self._pattern)
        if asked is None:
            return None
        return kernels.specimens(ids, specimens.rows, self.view.ok, specimens.collected, *asked)


def tabled(index: Index, pattern: nodes.Specimen) -> tuple[Span, list[tuple[Array, Array]]] | None:
    """The pattern as days between which, and codes of columns; None if it asks for more than that."""
    if pattern.age != ANY_AGE or pattern.aliquots > 0:
        return None
    specimens = index.specimens
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
    return days, wanted


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

    def __init__(self, view: View, criterion: nodes.Within, bounds: Sequence[Tree], *, seeing: bool) -> None:
        super().__init__(view, And(bounds), "within")
        self.seeing = seeing
        self._event, self._anchor = criterion.event, criterion.anchor
        self._first = criterion.first
        self._postings: dict[Dated, Posting] = {}
        self._low = None if criterion.low is None else max(-_FAR, min(criterion.low, _FAR))
        self._high = None if criterion.high is None else max(-_FAR, min(criterion.high, _FAR))
        self._simple = (self._low is None or self._high is None) and all(
            self._has_extremes(pattern) for pattern in (self._event, self._anchor)
        )
        self.how = "first and last dates" if self._simple else "rows"
        self.listed = self._simple and isinstance(self._anchor, Coded)
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
        ids = self._posting(self._anchor).ids
        return ids[self.test(ids)]

    def _posting(self, pattern: Dated) -> Posting:
        """One and the same for the whole question."""
        found = self._postings.get(pattern)
        if found is None:
            facts, coded = self._facts(pattern)
            found = self._postings[pattern] = facts.posting(spans_of(self.index, coded))
        return found

    def _facts(self, pattern: Dated) -> tuple[Facts, Coded]:
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
        if self._low is not None:
            event, known = self._extreme(self._event, ids, last=True)
            anchor, dated = self._extreme(self._anchor, ids, last=False)
            known &= event - anchor >= self._low
        else:
            event, known = self._extreme(self._event, ids, last=False)
            anchor, dated = self._extreme(self._anchor, ids, last=not self._first)
            if self._high is not None:
                known &= event - anchor <= self._high
        known &= dated
        return known

    def _extreme(self, pattern: Dated, ids: Array, *, last: bool) -> tuple[Array, Mask]:
        """First or last date of each donor's records (as wide as differences need), and whether there are any."""
        if isinstance(pattern, nodes.Specimen):
            types = self.index.specimens.type_words.some(pattern.types)
            if pattern.types and not types:
                return np.zeros(len(ids), np.int32), np.zeros(len(ids), np.bool_)
            dates = self.view.span(types[0] if types else None)[last].take(ids)
            known = dates != LIMITS[dates.dtype][not last]
        else:
            of = self._posting(pattern)
            column = of.last if last else of.first
            if ids is of.ids:
                dates, known = column, column != LIMITS[column.dtype][0]
            elif len(of.ids):
                places, known = places_in(of.ids, ids)
                dates = column[places]
                known &= dates != LIMITS[dates.dtype][0]
            else:
                dates, known = np.zeros(len(ids), np.int32), np.zeros(len(ids), np.bool_)
        return dates.astype(np.int64 if dates.dtype == np.int32 else np.int32), known

    # --- by rows ---

    def _by_rows(self, ids: Array) -> Mask:
        if kernels.compiled():
            event, anchor = self._side(self._event, ids), self._side(self._anchor, ids)
            low, high = (
                (-_FAR if self._low is None else self._low),
                (_FAR if self._high is None else self._high),
            )
            hit = kernels.apart(event, anchor, low, high, self._first)
            if hit is not None:
                return hit
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

    def _side(self, pattern: Dated, ids: Array) -> kernels.Side:
        """The dates of the records that fit, by donor and in order."""
        if isinstance(pattern, Coded) and pattern.age == ANY_AGE:
            facts, coded = self._facts(pattern)
            dates = facts.dates_of(spans_of(self.index, coded), ids)
            if dates is not None:
                return *dates, facts.group_on, ends_of(pattern.window, facts.group_on.dtype)
        keys = self._keys(pattern, ids)
        count = np.bincount(keys >> 32, minlength=len(ids)).astype(np.int32)
        begin = (np.cumsum(count) - count).astype(np.int32)
        days = (keys & 0xFFFFFFFF) - 2**31
        narrow = not len(days) or (days.min() > -(2**15) and days.max() < 2**15)
        return begin, count, days.astype(np.int16 if narrow else np.int32), (-_FAR, _FAR)

    def _keys(self, pattern: Dated, ids: Array) -> Array:
        """Per dated record that fits, ascending: the place of its donor in `ids`, then its date."""
        index = self.index
        if isinstance(pattern, nodes.Specimen):
            rows, count = specimen_rows(index, ids)
            fits = fitting_specimens(self.view, pattern, rows)
            owner = np.repeat(np.arange(len(ids)), count)[fits]
            dates = index.specimens.collected[rows[fits]]
        elif isinstance(pattern, nodes.Measurement):
            code = index.measurements.vocabulary.find(pattern.code)
            if code is None:
                return np.empty(0, np.int64)
            check = Measured(self.view, pattern, code, self._nobody())
            donors, dates = check.dated(ids)
            owner = np.searchsorted(ids, donors.astype(ids.dtype))
        else:
            facts, coded = self._facts(pattern)
            spans = spans_of(self.index, coded)
            if not spans:
                return np.empty(0, np.int64)
            by_donor = facts.dates_of(spans, ids)
            few = facts.rows_of(spans, ids) if by_donor is None else None
            if by_donor is not None:
                begin, count = by_donor
                rows, owner = kernels.expand(begin, count), np.repeat(np.arange(len(ids)), count)
                fits = fitting_dates(index, facts, coded, rows, ids[owner])
                owner, dates = owner[fits], facts.group_on[rows[fits]]
            elif few is not None:
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
