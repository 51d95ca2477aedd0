"""The reading side of an index: arrays, mapped or in memory, and the bitmaps that are made of them on first touch."""

from __future__ import annotations

import json
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from talka_node.columns import NO_DATE, day
from talka_node.engines.bitmap import kernels
from talka_node.engines.bitmap.bits import Bits, Tree, Words, bitmap, many
from talka_node.engines.bitmap.build import LIMITS, Arrays, Order, Span
from talka_query.ages import MISSING

Array = npt.NDArray[Any]
Value = TypeVar("Value")

YEAR = 365.2425  # days; n complete years are that many, give or take less than DOUBT
DOUBT = 4
# The carriers of so many variants are united as bitmaps, and remembered; of more, flag by flag.
FEW_VARIANTS = 16
# Looking one donor up in one code costs as much as reading so many rows.
LOOKUP = 12


class Recent(OrderedDict[Any, Value]):
    """The values that were wanted lately, up to so many bytes (or so many, if each weighs 1)."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._held = 0
        self._weights: dict[Any, int] = {}
        self._lock = threading.Lock()

    def recall(self, key: Any) -> Value | None:
        with self._lock:
            found = self.get(key)
            if found is not None:
                self.move_to_end(key)
            return found

    def fetch(
        self, key: Any, make: Callable[[], Value], weigh: Callable[[Value], int] = lambda _: 1
    ) -> Value:
        """The value kept, or the one now made: without the lock, so two threads may make the same one."""
        found = self.recall(key)
        if found is not None:
            return found
        made = make()
        weight = weigh(made)
        with self._lock:
            self._held += weight - self._weights.get(key, 0)
            self[key] = made
            self._weights[key] = weight
            while self._held > self._most and len(self) > 1:
                old, _ = self.popitem(last=False)
                self._held -= self._weights.pop(old)
        return made


class Sets:
    """Named bitmaps that lie one after another in the file."""

    def __init__(self, arrays: Arrays, name: str, count: int) -> None:
        self._starts = arrays[f"{name}.starts"]
        self._blobs = arrays[f"{name}.blobs"]
        self._count = count
        self._held: dict[int, Bits] = {}

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, place: int) -> Bits:
        found = self._held.get(place)
        if found is None:
            found = self._held[place] = Bits.of(self._count, self.bitmap(place))
        return found

    def bitmap(self, place: int) -> BitMap:
        """Afresh, and not kept: there may be a hundred thousand."""
        start, end = self._starts[place], self._starts[place + 1]
        return BitMap.deserialize(self._blobs[start:end].tobytes())


class Vocabulary:
    """Words in order; a word's number is its place."""

    def __init__(self, arrays: Arrays, name: str) -> None:
        self._told = arrays[f"{name}.words"]

    @cached_property
    def words(self) -> list[str]:
        found: list[str] = json.loads(self._told.tobytes())
        return found

    @cached_property
    def has_empty(self) -> bool:
        return bool(self.words) and not self.words[0]

    @cached_property
    def names(self) -> list[str]:
        """What cells are called, "?" first: an empty word is as good as a missing one."""
        return [MISSING, *(self.words[1:] if self.has_empty else self.words)]

    def find(self, word: str) -> int | None:
        place = bisect_left(self.words, word)
        return place if place < len(self.words) and self.words[place] == word else None

    def some(self, words: frozenset[str]) -> list[int]:
        """The numbers of those that are there."""
        return sorted(place for word in words if (place := self.find(word)) is not None)

    def span(self, low: str, high: str) -> Span:
        """Numbers of the words with low <= word < high."""
        return bisect_left(self.words, low), bisect_left(self.words, high)


class Posting:
    """Donors (ascending) with the first and the last date of their records of some kind; NO where none is dated."""

    __slots__ = ("first", "ids", "last")

    def __init__(self, ids: Array, first: Array, last: Array) -> None:
        self.ids = ids
        self.first = first
        self.last = last

    @property
    def nbytes(self) -> int:
        return int(self.ids.nbytes + self.first.nbytes + self.last.nbytes)


def posting(donors: Array, dates: Array) -> Posting:
    """From rows in order of donor."""
    if not len(donors):
        return Posting(donors, dates, dates)
    begin = np.flatnonzero(np.append(True, donors[1:] != donors[:-1]))
    nothing, most = LIMITS[dates.dtype]
    last = np.maximum.reduceat(dates, begin)
    first = np.minimum.reduceat(np.where(dates == nothing, most, dates), begin)
    return Posting(donors[begin], np.where(last == nothing, nothing, first), last)


def places_in(ids: Array, wanted: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Where each wanted donor stands in ascending `ids` (anywhere if it does not), and whether it does."""
    if ids is wanted:
        return np.arange(len(ids)), np.ones(len(ids), np.bool_)
    if not len(ids):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    places = np.searchsorted(ids, wanted.astype(ids.dtype))
    places[places == len(ids)] = 0
    return places, ids[places] == wanted


class Facts:
    """Diagnoses, medications or procedures."""

    def __init__(self, arrays: Arrays, name: str, count: int) -> None:
        self.vocabulary = Vocabulary(arrays, name)
        self.rows = arrays[f"{name}.rows"]
        self.donor = arrays[f"{name}.donor"]
        self.on = arrays[f"{name}.on"]
        self.leaves = Sets(arrays, name, count)
        self.above = Sets(arrays, f"{name}.above", count)
        self._edges = arrays[f"{name}.group.spans"]
        self._group_rows = arrays[f"{name}.group.rows"]
        self._group = Posting(
            arrays[f"{name}.group.donor"], arrays[f"{name}.group.first"], arrays[f"{name}.group.last"]
        )
        self.group_on = arrays[f"{name}.group.on"]
        self.group_starts = arrays[f"{name}.group.starts"]
        self._spans = arrays[f"{name}.above.spans"]
        self._count = count
        self._bits: dict[Span, Bits] = {}
        self._postings: Recent[Posting] = Recent(64 << 20)

    @cached_property
    def _above(self) -> dict[Span, int]:
        return {(low, high): place for place, (low, high) in enumerate(self._spans.tolist())}

    @cached_property
    def _group_at(self) -> dict[int, int]:
        return {start: place for place, start in enumerate(self._edges.tolist())}

    def pairs(self, span: Span) -> Span | None:
        """Where the pairs of category and donor are whose codes make up the span; None if it parts a category."""
        low, high = self._group_at.get(span[0]), self._group_at.get(span[1])
        if low is None or high is None:
            return None
        return int(self._group_rows[low]), int(self._group_rows[high])

    @cached_property
    def days(self) -> Span:
        """The first and the last date of all; the second before the first if there is none."""
        dated = self._group.last != LIMITS[self._group.last.dtype][0]
        if not dated.any():
            return 0, -1
        return int(self._group.first[dated].min()), int(self._group.last.max())

    def pair_donors(self, pairs: Span) -> Array:
        return self._group.ids[pairs[0] : pairs[1]]

    def dates_of(self, spans: Sequence[Span], ids: Array) -> tuple[Array, Array] | None:
        """Where in `group_on` the dates of these donors (ascending) begin and how many each has, in order; None unless
        the spans are one category."""
        if len(spans) != 1:
            return None
        (low, high) = span = spans[0]
        group = self._group_at.get(low)
        pairs = self.pairs(span)
        if group is None or pairs is None or int(self._edges[group + 1]) != high:
            return None
        bits = self.bits(span)
        if many(bits.size, self._count * 64):
            places = kernels.places(bits.words, ids)
            there = places >= 0
        else:
            places, there = places_in(self.pair_donors(pairs), ids)
        places = places + pairs[0]
        begin = self.group_starts.take(places)
        count = self.group_starts.take(places + 1) - begin
        return begin, count if there.all() else np.where(there, count, 0).astype(count.dtype)

    def bits(self, span: Span) -> Bits:
        """Donors with a record whose code lies in the span."""
        found = self._bits.get(span)
        if found is None:
            low, high = span
            place = self._above.get(span)
            if high <= low:
                found = Bits.of(self._count, BitMap())
            elif high - low == 1:
                found = self.leaves[low]
            elif place is not None:
                found = self.above[place]
            else:
                found = Bits.of(self._count, BitMap.union(*(part.roaring for part in self._parts(low, high))))
                if len(self._bits) > 4096:
                    self._bits.clear()
            self._bits[span] = found
        return found

    def _parts(self, low: int, high: int) -> list[Bits]:
        """Sets that together are the span: whole groups where they fit, else single codes."""
        parts = []
        while low < high:
            group = self._group_at.get(low)
            end = int(self._edges[group + 1]) if group is not None else high + 1
            if end <= high and (place := self._above.get((low, end))) is not None:
                parts.append(self.above[place])
                low = end
            else:
                parts.append(self.leaves[low])
                low += 1
        return parts

    def posting(self, spans: Sequence[Span]) -> Posting:
        """First and last dates of records whose code lies in one of the spans."""
        if len(spans) == 1:
            low, high = spans[0]
            group = self._group_at.get(low)
            if group is not None and int(self._edges[group + 1]) == high:
                start, end = int(self._group_rows[group]), int(self._group_rows[group + 1])
                whole = self._group
                return Posting(whole.ids[start:end], whole.first[start:end], whole.last[start:end])
        key = tuple(spans)
        return self._postings.fetch(key, lambda: self._posting(key), lambda made: made.nbytes)

    def rows_of(self, spans: Sequence[Span], ids: Array) -> tuple[Array, Array] | None:
        """Rows of the spans that are of some donors (ascending): places, and where in `ids` each one's donor stands.
        None if reading all rows of the spans is quicker than looking every donor up in every code."""
        codes = sum(high - low for low, high in spans)
        rows = sum(end - start for start, end in self.stretches(spans))
        if not codes or LOOKUP * codes * (len(ids) + 8) > rows:
            return None
        wanted = ids.astype(self.donor.dtype)
        places, owners = [], []
        for low, high in spans:
            for code in range(low, high):
                start, end = int(self.rows[code]), int(self.rows[code + 1])
                part = self.donor[start:end]
                first = np.searchsorted(part, wanted, "left")
                count = np.searchsorted(part, wanted, "right") - first
                places.append(kernels.expand(first + start, count))
                owners.append(np.repeat(np.arange(len(ids)), count))
        return np.concatenate(places), np.concatenate(owners)

    def _posting(self, spans: Sequence[Span]) -> Posting:
        donors = np.concatenate([self.donor[a:b] for a, b in self.stretches(spans)] or [self.donor[:0]])
        dates = np.concatenate([self.on[a:b] for a, b in self.stretches(spans)] or [self.on[:0]])
        if sum(high - low for low, high in spans) > 1:
            order = np.argsort(donors, kind="stable")
            donors, dates = donors[order], dates[order]
        return posting(donors, dates)

    def stretches(self, spans: Sequence[Span]) -> list[Span]:
        """Where the rows of the spans are."""
        return [(int(self.rows[low]), int(self.rows[high])) for low, high in spans if high > low]


class Index:
    """All tables of an index. `count`: donors; `words`: dense words that hold them."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.number = arrays["donor.number"]
        self.count = len(self.number)
        self.words = max(1, -(-self.count // 64))
        self.sexes = arrays["donor.sexes"]
        self.born = arrays["donor.born"]
        self.died = arrays["donor.died"]
        self.region = arrays["donor.region"]
        self.region_words = Vocabulary(arrays, "region")
        self.regions = Sets(arrays, "region", self.words)
        self.cohort_words = Vocabulary(arrays, "cohort")
        self.cohorts = Sets(arrays, "cohort", self.words)
        self.diagnoses = Facts(arrays, "diagnosis", self.words)
        self.medications = Facts(arrays, "medication", self.words)
        self.procedures = Facts(arrays, "procedure", self.words)
        self.measurements = Measurements(arrays, self.words, self.count)
        self.specimens = Specimens(arrays)
        self.genotypes = Genotypes(arrays, self.words)
        self.ages: Recent[Tree] = Recent(32)  # by day and ages

    @cached_property
    def order(self) -> Order:
        return Order(self.arrays["donor.numbers"], self.arrays["donor.ordinals"])

    @cached_property
    def births(self) -> list[Span]:
        """Per sex the ordinals of who has a date of birth, in its order; without one they come after."""
        ends = self.sexes.tolist()
        return [
            (low, low + int(np.count_nonzero(self.born[low:high] != NO_DATE)))
            for low, high in pairwise(ends)
            if high > low
        ]

    def born_between(self, low: int, high: int) -> list[Span]:
        """Ranges of ordinals, one per sex, of who was born from one day to another; unknown births are in none."""
        if high < low:
            return []
        found, first, last = [], _int32(low), _int32(high)
        for start, end in self.births:
            part = self.born[start:end]
            a, b = (
                start + int(part.searchsorted(first, "left")),
                start + int(part.searchsorted(last, "right")),
            )
            if b > a:
                found.append((a, b))
        return found

    @cached_property
    def everybody(self) -> Bits:
        return Bits.of(self.words, BitMap(range(self.count)))

    @cached_property
    def nobody(self) -> Bits:
        return Bits.of(self.words, BitMap())

    def ranges(self, ranges: Sequence[Span]) -> Bits:
        """The donors in some ranges of ordinals, ascending."""

        def load() -> BitMap:
            found = BitMap()
            for low, high in ranges:
                found.add_range(low, high)
            return found

        def fill() -> Words:
            words = np.zeros(self.words, np.uint64)
            for low, high in ranges:
                kernels.fill(words, low, high)
            return words

        return Bits(self.words, load, size=sum(high - low for low, high in ranges), fill=fill)

    @cached_property
    def dead(self) -> Dead:
        return Dead(self)

    def of_age(self, donors: Array, on: Array, low: int | None, high: int | None) -> npt.NDArray[np.bool_]:
        """For rows: whether the donor's complete years on that day (int32) lie between, both included."""
        born = self.born[donors]
        fits: npt.NDArray[np.bool_] = (born != NO_DATE) & (on != NO_DATE) & (on >= born)
        lived = on - born  # of missing dates anything: they do not fit
        doubtful = np.zeros(len(donors), np.bool_)
        if low is not None:
            least = int(low * YEAR)
            fits &= lived >= least - DOUBT
            doubtful |= lived < least + DOUBT
        if high is not None:
            most = int((high + 1) * YEAR)
            fits &= lived < most + DOUBT
            doubtful |= lived >= most - DOUBT
        # Only for who is within days of a birthday the calendar must be asked.
        near = np.flatnonzero(fits & doubtful)
        if len(near):
            year, place = calendar(born[near])
            year_on, place_on = calendar(on[near])
            years = year_on - year - (place_on < place)
            fits[near] = ((low is None) | (years >= (low or 0))) & ((high is None) | (years <= (high or 0)))
        return fits


def latest_birth(on: date, years: int) -> int:
    """The last day of birth with so many complete years on a day."""
    year = on.year - years
    if year < 1:
        return NO_DATE
    if (on.month, on.day) == (2, 29) and not (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)):
        return day(date(year, 2, 28))
    return day(date(year, on.month, on.day))


def calendar(days: Array) -> tuple[Array, Array]:
    """Year, and month · 32 + day, of days since 1970; of missing dates anything."""
    dates = np.where(days == NO_DATE, 0, days).astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    years = dates.astype("datetime64[Y]")
    month = (months - years.astype("datetime64[M]")).astype(np.int32)
    day = (dates - months.astype("datetime64[D]")).astype(np.int32)
    return years.astype(np.int32) + 1970, month * 32 + day


class Dead:
    """Donors whose date of death is known: their age stops there, so their birth alone does not tell it."""

    def __init__(self, index: Index) -> None:
        self.ids = np.flatnonzero(index.died != NO_DATE).astype(np.int32)
        self.died = index.died[self.ids]
        self.latest = int(self.died.max()) if len(self.ids) else NO_DATE
        self.bits = Bits.of(index.words, bitmap(self.ids))
        born = index.born[self.ids]
        year, place = calendar(born)
        year_on, place_on = calendar(self.died)
        years = year_on - year - (place_on < place)
        # Complete years at death; -1 where there are none.
        self.age = np.where((born != NO_DATE) & (self.died >= born), years, -1).astype(np.int32)
        self._words = index.words
        self._most = int(self.age.max()) if len(self.ids) else -1
        self._until: dict[int, BitMap] = {}

    def of_age(self, low: int, high: int | None) -> Bits:
        """Who died with so many complete years (at least 0), both included."""
        last = self._most if high is None else min(high, self._most)
        found = BitMap() if last < low else self._up_to(last) - self._up_to(low - 1)
        return Bits.of(self._words, found)

    def _up_to(self, years: int) -> BitMap:
        """Who died at that age or younger, or at an age that is not known."""
        years = min(max(years, -1), self._most)
        found = self._until.get(years)
        if found is None:
            found = self._until[years] = bitmap(self.ids[self.age <= years])
        return found


class Measurements:
    """Per code its donors, and per donor the rows, in order of date."""

    def __init__(self, arrays: Arrays, words: int, count: int) -> None:
        self.vocabulary = Vocabulary(arrays, "measurement")
        self.both = arrays["measurement.both"]
        if len(self.both):
            self.value, self.on = self.both[:, 0], self.both[:, 1]
        else:
            self.value, self.on = arrays["measurement.value"], arrays["measurement.on"]
        self.scale = arrays["measurement.scale"]
        self.donor = arrays["measurement.donor"]
        self.first = arrays["measurement.first"]
        self.donors = arrays["measurement.donors"]
        self.sets = Sets(arrays, "measurement", words)
        self._count = count
        self._starts: Recent[Array] = Recent(128 << 20)

    def rows(self, code: int, ids: Array | None) -> tuple[Array, Array, Array]:
        """Rows of a code, of some donors or of all: places, and per donor its ordinal and how many rows it has."""
        a, b = int(self.donors[code]), int(self.donors[code + 1])
        donors, first = self.donor[a:b], self.first[a : b + 1]
        if ids is None:
            return np.arange(int(first[0]), int(first[-1])), donors, np.diff(first)
        starts = self.starts(code)
        if starts is not None:
            begin, count = starts[ids], starts[ids + 1] - starts[ids]
        else:
            places = np.searchsorted(donors, ids.astype(np.int32))
            places[places == len(donors)] = 0
            hit = donors[places] == ids if len(donors) else np.zeros(len(ids), np.bool_)
            begin = first[places]
            count = (
                np.where(hit, first[places + 1] - begin, 0) if len(donors) else np.zeros(len(ids), np.int64)
            )
        return kernels.expand(begin, count), ids, count

    def pairs(self, code: int) -> tuple[Array, Array]:
        """The donors of a code, and where the rows of each begin; behind the last one, where they end."""
        a, b = int(self.donors[code]), int(self.donors[code + 1])
        return self.donor[a:b], self.first[a : b + 1]

    def starts(self, code: int) -> Array | None:
        """By donor, where the rows of a code begin, and behind the last donor where they end; None if few have any."""
        a, b = int(self.donors[code]), int(self.donors[code + 1])
        if 8 * (b - a) <= self._count:
            return None
        return self._starts.fetch(
            code, lambda: self._dense(self.donor[a:b], self.first[a : b + 1]), lambda made: made.nbytes
        )

    def _dense(self, donors: Array, first: Array) -> Array:
        counts = np.zeros(self._count + 1, first.dtype)
        counts[donors + 1] = np.diff(first)
        counts[0] = first[0]
        return np.cumsum(counts, dtype=first.dtype)


class Specimens:
    """Sorted by donor, biobank and type."""

    def __init__(self, arrays: Arrays) -> None:
        self.rows = arrays["specimen.rows"]
        self.biobank = arrays["specimen.biobank"]
        self.type = arrays["specimen.type"]
        self.collection = arrays["specimen.collection"]
        self.temperature = arrays["specimen.temperature"]
        self.collected = arrays["specimen.collected"]
        self.aliquots = arrays["specimen.aliquots"]
        self.biobank_words = Vocabulary(arrays, "specimen.biobank")
        self.type_words = Vocabulary(arrays, "specimen.type")
        self.collection_words = Vocabulary(arrays, "specimen.collection")
        self.temperature_words = Vocabulary(arrays, "specimen.temperature")

    def __len__(self) -> int:
        return len(self.biobank)

    @cached_property
    def donor(self) -> Array:
        counts = np.diff(self.rows)
        return np.repeat(np.arange(len(counts), dtype=np.int32), counts)

    @cached_property
    def year(self) -> Array:
        """Of collection; of missing dates anything."""
        days = self.collected.astype(np.int32)
        return calendar(np.where(self.collected == LIMITS[self.collected.dtype][0], NO_DATE, days))[0].astype(
            np.int16
        )


class Carriers:
    """Per variant who carries it, as numbers among the carriers of anything: lists one after another, and plain words
    of the frequent variants, which have no list."""

    def __init__(self, arrays: Arrays, name: str) -> None:
        self._starts = arrays[f"{name}.starts"]
        self._list = arrays[f"{name}.list"]
        self._dense = arrays[f"{name}.dense"]
        self._words = arrays[f"{name}.words"]

    def ids(self, variant: int) -> Array:
        """Ascending."""
        row, end = self._rows(variant, variant + 1)
        if end > row:
            return np.flatnonzero(np.unpackbits(self._words[row].view(np.uint8), bitorder="little"))
        return self._list[self._starts[variant] : self._starts[variant + 1]]

    def mark(self, low: int, high: int, flags: npt.NDArray[np.bool_]) -> None:
        """Set the flags of who carries a variant from `low` up to, not including, `high`."""
        flags[self._list[self._starts[low] : self._starts[high]]] = True
        row, end = self._rows(low, high)
        if end > row:
            words = np.bitwise_or.reduce(self._words[row:end], axis=0)
            flags |= np.unpackbits(words.view(np.uint8), count=len(flags), bitorder="little").view(np.bool_)

    def _rows(self, low: int, high: int) -> Span:
        return (
            int(self._dense.searchsorted(np.int32(low), "left")),
            int(self._dense.searchsorted(np.int32(high), "left")),
        )


def stretches_of(places: Array) -> list[Span]:
    """Ascending places as stretches without gaps."""
    if not len(places):
        return []
    ends = np.flatnonzero(np.append(places[1:] != places[:-1] + 1, True))
    first = places[np.append(0, ends[:-1] + 1)]
    return list(zip(first.tolist(), (places[ends] + 1).tolist(), strict=True))


class Genotypes:
    """Variants in order of place, and who carries them."""

    def __init__(self, arrays: Arrays, words: int) -> None:
        self.position = arrays["variant.position"]
        self.chromosome = arrays["variant.chromosome"]
        self.reference = arrays["variant.reference"]
        self.alternate = arrays["variant.alternate"]
        self.gene = arrays["variant.gene"]
        self.chromosome_words = Vocabulary(arrays, "variant.chromosome")
        self.reference_words = Vocabulary(arrays, "variant.reference")
        self.alternate_words = Vocabulary(arrays, "variant.alternate")
        self.gene_words = Vocabulary(arrays, "variant.gene")
        self._carriers = arrays["variant.carriers"]
        self._one, self._two = Carriers(arrays, "variant.one"), Carriers(arrays, "variant.two")
        self._gene_variants, self._gene_starts = arrays["gene.variants"], arrays["gene.starts"]
        self._words = words
        self.recent: Recent[Bits] = Recent(4096)

    def of_variants(self, stretches: Sequence[Span], copies: int | None) -> Bits:
        """Who carries one of the variants in these stretches: one copy, two, or (None) at least one."""
        sets = [self._one] if copies == 1 else [self._two] if copies == 2 else [self._one, self._two]
        if sum(high - low for low, high in stretches) > FEW_VARIANTS:
            return self._of_many(sets, stretches)
        return self._of_few(sets, stretches)

    def _of_few(self, sets: Sequence[Carriers], stretches: Sequence[Span]) -> Bits:
        parts = [each.ids(at) for each in sets for low, high in stretches for at in range(low, high)]
        found = BitMap.union(
            BitMap(), BitMap(), *(bitmap(self._carriers[part]) for part in parts if len(part))
        )
        return Bits.of(self._words, found)

    def _of_many(self, sets: Sequence[Carriers], stretches: Sequence[Span]) -> Bits:
        flags = np.zeros(len(self._carriers), np.bool_)
        for each in sets:
            for low, high in stretches:
                each.mark(low, high, flags)
        return Bits.of(self._words, bitmap(self._carriers[np.flatnonzero(flags)]))

    def of_gene(self, gene: int, copies: int | None) -> Bits:
        return self.of_variants(self.in_gene(gene), copies)

    def in_gene(self, gene: int) -> list[Span]:
        """Where the variants of a gene lie."""
        return stretches_of(self._gene_variants[self._gene_starts[gene] : self._gene_starts[gene + 1]])

    def chromosome_rows(self, chromosome: int) -> Span:
        # Codes are narrow, and a wider needle would make numpy copy the whole column.
        needle = self.chromosome.dtype.type(chromosome)
        return (
            int(self.chromosome.searchsorted(needle, "left")),
            int(self.chromosome.searchsorted(needle, "right")),
        )

    def between(self, rows: Span, start: int | None, end: int | None) -> Span:
        """Rows of one chromosome with start <= position <= end."""
        low, high = rows
        part = self.position[low:high]
        first = 0 if start is None else int(part.searchsorted(_int32(start), "left"))
        last = len(part) if end is None else int(part.searchsorted(_int32(end), "right"))
        return low + first, low + max(first, last)


def _int32(number: int) -> np.int32:
    return np.int32(min(max(number, -(2**31)), 2**31 - 1))
