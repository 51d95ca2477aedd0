"""Breaking an answer down: from the donors found to counts per cell.

Sex and age band are ranges of ordinals, so that donors need only be counted between cuts. Axes of specimens read the
specimens of the donors found, all in one pass; a single such axis over many donors intersects bitmaps instead.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt

from talka_node.codes import icd10
from talka_node.columns import MISSING as MISSING_CODE
from talka_node.columns import SEXES, day
from talka_node.engines import Cell, Exact
from talka_node.engines.bitmap import kernels
from talka_node.engines.bitmap.bits import Bits, Found, Leaf, Or, bitmap
from talka_node.engines.bitmap.build import LIMITS
from talka_node.engines.bitmap.checks import fitting_specimens, specimen_rows, tabled
from talka_node.engines.bitmap.index import Index, Recent, Vocabulary, latest_birth
from talka_node.engines.bitmap.views import View
from talka_query import nodes
from talka_query.ages import BAND, MISSING, OLDEST, band
from talka_query.nodes import SPECIMEN_AXES, Axis, Count, Question

Array = npt.NDArray[Any]

BANDS = OLDEST // BAND + 2  # "0-4" … "90+", "?"
BAND_NAMES = [*(band(low) for low in range(0, OLDEST + 1, BAND)), MISSING]
UNKNOWN_BAND = BANDS - 1
SEX_NAMES = [str(sex) for sex in SEXES]
ANY_SPECIMEN = nodes.Specimen()

# More cells than this and they are sorted rather than counted in a table.
TABLE = 1 << 22
# Names of all cells of a breakdown are kept from question to question if they are no more than this.
KEPT_NAMES = 1 << 15


@dataclass(frozen=True, slots=True)
class Dimension:
    """One axis: per donor or row the number of its value, and the values' names, which `key` tells apart."""

    codes: Array
    names: Sequence[str]
    key: Hashable


@dataclass(slots=True)
class Shape:
    """What `kernels.cells` needs to know of some axes. `inner`: the axes, outermost first; `dimensions`: per axis the
    values of every code of its column (the missing one last) or of every cell of `Demography`; `tables`: per column,
    and `of_donor` per cell of `Demography`, what they add to a cell's number; `size`: how many cells, 0 if it cannot.
    """

    inner: list[Axis]
    dimensions: list[Dimension]
    tables: list[tuple[Array, Array]]
    of_donor: Array
    size: int


class Demography:
    """Sex and age band of everybody on one day: the cuts between them, and who is not where the cuts say.

    A donor who died before that day stays at the age of death, so the dead are taken out of their range and put where
    they belong one by one.
    """

    def __init__(self, index: Index, at: date) -> None:
        self._index = index
        cuts: list[int] = []
        cells: list[int] = []  # of the range that begins at the cut: sex · BANDS + band
        births = dict(index.births)
        steps = [latest_birth(at, years) for years in range(0, OLDEST + 1, BAND)]
        ends = index.sexes.tolist()
        for sex, (low, high) in enumerate(pairwise(ends)):
            if high == low:
                continue
            known = births[low]
            part = index.born[low:known]
            # Oldest first; who was born on `step` or before has completed the band's first year.
            until = [low + int(part.searchsorted(np.int32(step), "right")) for step in reversed(steps)]
            bands = range(BANDS - 2, -1, -1)
            begin = low
            for number, end in zip(bands, until, strict=True):
                cuts.append(begin)
                cells.append(sex * BANDS + number)
                begin = end
            cuts.append(begin)  # born later than `at`, or nobody knows when
            cells.append(sex * BANDS + UNKNOWN_BAND)
        self.cuts = np.array([*cuts, index.count], np.int64)
        self.cells = np.array(cells, np.int64)
        dead, days = index.dead, day(at)
        gone = np.flatnonzero(dead.died < days)
        self.gone = dead.bits if len(gone) == len(dead.ids) else Bits.of(index.words, bitmap(dead.ids[gone]))
        self._gone_ids = dead.ids[gone]
        age = dead.age[gone]
        bands_ = np.where(age < 0, UNKNOWN_BAND, np.minimum(age // BAND, BANDS - 2))
        sexes = np.searchsorted(index.sexes, self._gone_ids, "right") - 1
        self._gone_cells = sexes * BANDS + bands_

    @cached_property
    def table(self) -> Array:
        """The cell of every donor."""
        found = np.repeat(self.cells, np.diff(self.cuts)).astype(np.uint8)
        found[self._gone_ids] = self._gone_cells
        return found

    def count(self, found: Found) -> Array:
        """Donors per cell (sex · BANDS + band)."""
        counts = np.zeros(len(SEXES) * BANDS, np.int64)
        if not self.gone.size:
            np.add.at(counts, self.cells, found.between(self.cuts))
            return counts
        if len(found) * 8 < self._index.count:
            return np.bincount(self.table[found.ids], minlength=len(counts))
        gone = found.inside(self.gone)
        np.add.at(counts, self.cells, found.between(self.cuts) - gone.between(self.cuts))
        counts += np.bincount(self.table[gone.ids], minlength=len(counts))
        return counts


class Breakdown:
    """Counts what questions ask for, in one index."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self._demography: Recent[Demography] = Recent(8)
        self._cells: Recent[list[Cell]] = Recent(8 * KEPT_NAMES)
        self._shapes: dict[tuple[Axis, ...], Shape] = {}

    def demography(self, at: date) -> Demography:
        return self._demography.fetch(at, lambda: Demography(self.index, at))

    @cached_property
    def chapters(self) -> list[tuple[str, Bits]]:
        """Donors with a diagnosis in each chapter that occurs; "?": a code that no chapter holds."""
        facts = self.index.diagnoses
        spans: dict[str, list[tuple[int, int]]] = {}
        for place, code in enumerate(facts.vocabulary.words):
            of = spans.setdefault(icd10.chapter_of(code) or MISSING, [])
            if of and of[-1][1] == place:
                of[-1] = (of[-1][0], place + 1)
            else:
                of.append((place, place + 1))
        found = []
        for name, parts in spans.items():
            trees = [Leaf(facts.bits(part)) for part in parts]
            whole = (
                trees[0].bits
                if len(trees) == 1
                else Bits.of(self.index.words, Or(trees, self.index.count).make())
            )
            found.append((name, whole))
        return found

    def answer(self, question: Question, view: View, found: Found) -> Exact:
        """The answer, for who was found."""
        axes = question.by
        if question.count is Count.DONORS:
            whole = len(found)
            if not axes:
                return Exact(whole, {(): whole} if whole else {})
            if SPECIMEN_AXES.isdisjoint(axes):
                return Exact(whole, self._of_donors(question, found, axes))
            cells = self._by_bitmaps(question, view, found, axes)
            return Exact(whole, self._of_rows(question, view, found)[1] if cells is None else cells)
        return Exact(*self._of_rows(question, view, found))

    def _samples(self, question: Question, view: View, found: Found) -> tuple[Array, Array]:
        """The donors' specimens that are permitted and fit `Question.samples`, and the donor of each."""
        index, specimens = self.index, self.index.specimens
        if len(found) * 4 > index.count:
            inside = view.ok
            if not found.is_of(view.donors):
                flags = np.zeros(index.count, np.bool_)
                flags[found.ids] = True
                inside = inside & flags[specimens.donor]
            rows = np.flatnonzero(inside)
            if question.samples != ANY_SPECIMEN:
                rows = rows[fitting_specimens(view, question.samples, rows)]
            return rows, specimens.donor[rows]
        ids = found.ids
        rows, count = specimen_rows(index, ids)
        fits = fitting_specimens(view, question.samples, rows)
        return rows[fits], np.repeat(ids, count)[fits]

    # --- cells ---

    def _of_donors(self, question: Question, found: Found, axes: tuple[Axis, ...]) -> dict[Cell, int]:
        if Axis.DIAGNOSIS_CHAPTER in axes:
            place = axes.index(Axis.DIAGNOSIS_CHAPTER)
            cells: dict[Cell, int] = {}
            rest = axes[:place] + axes[place + 1 :]
            for name, bits in self.chapters:
                if not rest:
                    n = bits.size if found.is_of(self.index.everybody) else found.count_inside(bits)
                    cells.update({(name,): n} if n else {})
                    continue
                for cell, n in self._of_donors(question, found.inside(bits), rest).items():
                    cells[(*cell[:place], name, *cell[place:])] = n
            return cells
        if axes == (Axis.SEX,):
            counts = found.between(self.index.sexes)
            return {(name,): n for name, n in zip(SEX_NAMES, counts.tolist(), strict=True) if n}
        if Axis.REGION not in axes:
            table = self.demography(question.ages_at).count(found).reshape(len(SEXES), BANDS)
            if axes == (Axis.AGE_BAND,):
                counts = table.sum(axis=0)
                return {(name,): n for name, n in zip(BAND_NAMES, counts.tolist(), strict=True) if n}
            if set(axes) == {Axis.SEX, Axis.AGE_BAND} and len(axes) == 2:
                used = np.flatnonzero(table.ravel())
                names = [
                    Dimension(used // BANDS, SEX_NAMES, Axis.SEX),
                    Dimension(used % BANDS, BAND_NAMES, Axis.AGE_BAND),
                ]
                return self._named(used, table.ravel()[used], names, [Axis.SEX, Axis.AGE_BAND], axes)
        dimensions = [self._donor_axis(axis, question.ages_at, found.ids) for axis in axes]
        return self._count(_combined(dimensions, len(found)), dimensions, axes, axes)

    def _by_bitmaps(
        self, question: Question, view: View, found: Found, axes: tuple[Axis, ...]
    ) -> dict[Cell, int] | None:
        """By one axis of specimens that has bitmaps: cheaper than reading specimens if donors are many."""
        index = self.index
        if (
            len(axes) != 1
            or axes[0] not in (Axis.BIOBANK, Axis.SAMPLE_TYPE)
            or question.samples != ANY_SPECIMEN
        ):
            return None
        if len(found) * 32 < index.count:
            return None
        cells: dict[Cell, int] = {}
        if axes[0] is Axis.BIOBANK:
            sets = [
                (name, view.at_biobank(at)) for at, name in enumerate(index.specimens.biobank_words.words)
            ]
        else:
            names = index.specimens.type_words.words
            sets = [(MISSING, view.of_type(-1)), *((name, view.of_type(at)) for at, name in enumerate(names))]
            if index.specimens.type_words.has_empty:
                return None  # an empty name is a missing one: they would have to be united
        everybody = found.is_of(view.donors)
        for name, bits in sets:
            n = bits.size if everybody else found.count_inside(bits)
            if n:
                cells[(name,)] = n
        return cells

    def _tabled(self, question: Question, view: View, found: Found) -> tuple[int, dict[Cell, int]] | None:
        """As `_of_rows`, in one pass over the specimens; None if that takes more than compiled loops know."""
        if not kernels.compiled() or question.count is Count.ALIQUOTS or not question.by:
            return None
        shape, asked = self._shapes.get(question.by), tabled(self.index, question.samples)
        if shape is None:
            shape = self._shapes[question.by] = self._shape(question.by)
        if not shape.size or asked is None:
            return None
        specimens = self.index.specimens
        counts = kernels.cells(
            found.ids, specimens.rows, view.ok, specimens.collected, *asked, shape.tables,
            self.demography(question.ages_at).table, shape.of_donor, shape.size, once=question.count is Count.DONORS,
        )  # fmt: skip
        if counts is None:
            return None
        used = np.flatnonzero(counts)
        told = counts[used]
        return int(told.sum()), self._named(used, told, shape.dimensions, shape.inner, question.by)

    def _shape(self, axes: tuple[Axis, ...]) -> Shape:
        specimens = self.index.specimens
        columns = {
            Axis.BIOBANK: (specimens.biobank, specimens.biobank_words),
            Axis.SAMPLE_TYPE: (specimens.type, specimens.type_words),
            Axis.COLLECTION: (specimens.collection, specimens.collection_words),
        }
        shape = Shape(sorted(axes, key=lambda axis: _ORDER[axis]), [], [], np.zeros(256, np.int32), 0)
        places = np.arange(len(SEXES) * BANDS)
        for axis in shape.inner:
            if axis is Axis.SEX:
                shape.dimensions.append(Dimension(places // BANDS, SEX_NAMES, axis))
            elif axis is Axis.AGE_BAND:
                shape.dimensions.append(Dimension(places % BANDS, BAND_NAMES, axis))
            elif axis not in columns or len(columns[axis][1].words) > 127:
                return shape
            else:
                codes = np.append(np.arange(len(columns[axis][1].words)), MISSING_CODE)
                shape.dimensions.append(_worded(codes, columns[axis][1], axis))
        step = size = _size(shape.dimensions)
        for axis, each in zip(shape.inner, shape.dimensions, strict=True):
            step //= len(each.names)
            if axis in columns:
                table = np.zeros(256, np.int32)
                table[: len(each.codes) - 1] = each.codes[:-1] * step
                table[MISSING_CODE] = each.codes[-1] * step
                shape.tables.append((columns[axis][0], table))
            else:
                shape.of_donor[: len(places)] += (each.codes * step).astype(np.int32)
        shape.size = size if size <= KEPT_NAMES else 0
        return shape

    def _of_rows(self, question: Question, view: View, found: Found) -> tuple[int, dict[Cell, int]]:
        """The whole and the cells, from the donors' specimens."""
        told = self._tabled(question, view, found)
        if told is not None:
            return told
        rows, donors = self._samples(question, view, found)
        weights: Array | None = None
        whole = len(rows)
        if question.count is Count.ALIQUOTS:
            weights = self.index.specimens.aliquots[rows].astype(np.int64)
            whole = int(weights.sum())
        by_chapter = Axis.DIAGNOSIS_CHAPTER in question.by
        axes = tuple(axis for axis in question.by if axis is not Axis.DIAGNOSIS_CHAPTER)
        if not question.by:
            return whole, {(): whole} if whole else {}
        # Biobank before type before date: specimens lie in this order, so equal cells of a donor are neighbours.
        inner = sorted(axes, key=lambda axis: _ORDER[axis])
        dimensions = [self._axis(axis, question.ages_at, rows, donors) for axis in inner]
        keys = _combined(dimensions, len(rows))
        if question.count is Count.DONORS:
            donors, keys = _distinct(donors, keys, _size(dimensions))
        if not by_chapter:
            return whole, self._count(keys, dimensions, inner, axes, weights)
        place = question.by.index(Axis.DIAGNOSIS_CHAPTER)
        cells: dict[Cell, int] = {}
        for name, bits in self.chapters:
            of = np.flatnonzero(kernels.test(bits.words, donors))  # donors repeat
            part = self._count(keys[of], dimensions, inner, axes, None if weights is None else weights[of])
            for cell, n in part.items():
                cells[(*cell[:place], name, *cell[place:])] = n
        return whole, cells

    def _count(
        self,
        keys: Array,
        dimensions: Sequence[Dimension],
        inner: Sequence[Axis],
        axes: Sequence[Axis],
        weights: Array | None = None,
    ) -> dict[Cell, int]:
        """How often each key occurs, or the sum of its weights, by the names of its cell."""
        size = _size(dimensions)
        if size <= TABLE and weights is None:
            counts = np.bincount(keys, minlength=size)
            used = np.flatnonzero(counts)
            return self._named(used, counts[used], dimensions, inner, axes)
        used, places = np.unique(keys, return_inverse=True)
        if weights is None:
            return self._named(used, np.bincount(places, minlength=len(used)), dimensions, inner, axes)
        # Sums as floating point are exact up to 2**53.
        totals = np.rint(np.bincount(places, weights, len(used))).astype(np.int64)
        kept = np.flatnonzero(totals)
        return self._named(used[kept], totals[kept], dimensions, inner, axes)

    def _named(
        self,
        used: Array,
        counts: Array,
        dimensions: Sequence[Dimension],
        inner: Sequence[Axis],
        axes: Sequence[Axis],
    ) -> dict[Cell, int]:
        """Numbers of cells, counted over the `inner` order of axes, become names in the order asked for."""
        if not dimensions:
            return {(): int(counts[0])} if len(counts) else {}
        order = [inner.index(axis) for axis in axes]
        size = _size(dimensions)
        if size > KEPT_NAMES:
            parts: list[list[str]] = []
            for each in reversed(dimensions):
                used, places = np.divmod(used, len(each.names))
                parts.append([each.names[place] for place in places.tolist()])
            parts.reverse()
            cells = zip(*(parts[place] for place in order), strict=True)
            return dict(zip(cells, counts.tolist(), strict=True))
        key = (tuple(axes), *(each.key for each in dimensions))
        names = self._cells.fetch(
            key,
            lambda: [
                tuple(cell[place] for place in order)
                for cell in product(*(each.names for each in dimensions))
            ],
            len,
        )
        return dict(zip(map(names.__getitem__, used.tolist()), counts.tolist(), strict=True))

    def _axis(self, axis: Axis, at: date, rows: Array, donors: Array) -> Dimension:
        specimens = self.index.specimens
        match axis:
            case Axis.YEAR:
                return _years(specimens.year[rows], specimens.collected[rows])
            case Axis.BIOBANK:
                return _worded(specimens.biobank[rows], specimens.biobank_words, axis)
            case Axis.COLLECTION:
                return _worded(specimens.collection[rows], specimens.collection_words, axis)
            case Axis.SAMPLE_TYPE:
                return _worded(specimens.type[rows], specimens.type_words, axis)
            case _:
                return self._donor_axis(axis, at, donors)

    def _donor_axis(self, axis: Axis, at: date, donors: Array) -> Dimension:
        match axis:
            case Axis.SEX:
                return Dimension(self.demography(at).table[donors] // BANDS, SEX_NAMES, axis)
            case Axis.AGE_BAND:
                return Dimension(self.demography(at).table[donors] % BANDS, BAND_NAMES, axis)
            case Axis.REGION:
                return _worded(self.index.region[donors], self.index.region_words, axis)
        raise ValueError(f"{axis} is no axis of donors")


_ORDER = {axis: place for place, axis in enumerate(
    (Axis.SEX, Axis.AGE_BAND, Axis.REGION, Axis.BIOBANK, Axis.SAMPLE_TYPE, Axis.COLLECTION, Axis.YEAR,
     Axis.DIAGNOSIS_CHAPTER)
)}  # fmt: skip


def _worded(codes: Array, vocabulary: Vocabulary, axis: Axis) -> Dimension:
    """Missing is the first name; an empty word is as good as missing."""
    codes = codes.astype(np.int64)
    return Dimension(np.maximum(codes, 0) if vocabulary.has_empty else codes + 1, vocabulary.names, axis)


def _years(years: Array, days: Array) -> Dimension:
    known = days != LIMITS[days.dtype][0]
    if not known.any():
        return Dimension(np.zeros(len(days), np.int64), [MISSING], Axis.YEAR)
    first = int(years[known].min())
    last = int(years[known].max())
    codes = np.where(known, years.astype(np.int64) - first + 1, 0)
    return Dimension(codes, [MISSING, *map(str, range(first, last + 1))], (Axis.YEAR, first, last))


def _size(dimensions: Sequence[Dimension]) -> int:
    size = 1
    for each in dimensions:
        size *= len(each.names)
    return size


def _combined(dimensions: Sequence[Dimension], count: int) -> Array:
    keys = np.zeros(count, np.int64)
    for each in dimensions:
        keys *= len(each.names)
        keys += each.codes
    return keys


def _distinct(donors: Array, keys: Array, size: int) -> tuple[Array, Array]:
    """The keys of each donor, each once. `donors` ascending."""
    pairs = donors.astype(np.int64) * size + keys
    if len(pairs) and not np.all(pairs[1:] >= pairs[:-1]):
        order = np.argsort(pairs)
        pairs, keys, donors = pairs[order], keys[order], donors[order]
    if not len(pairs):
        return donors, keys
    once = np.append(True, pairs[1:] != pairs[:-1])
    return donors[once], keys[once]
