"""From a store's columns to the arrays of an index.

Donors get *ordinals*, sorted by sex and then by date of birth: an interval of ages is one range of ordinals per sex.
Facts are sorted by code, then donor, then date, so that a code and all that lies below it are one stretch of rows, and
codes and their ancestors also have a bitmap of their donors. Specimens are sorted by donor, biobank and type.
Consents are not in it: they change, see `views`.
"""

from __future__ import annotations

import itertools
import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from talka_node.codes import icd10
from talka_node.columns import MISSING, NO_DATE, SEXES, Columns, FactColumns, MeasurementColumns, Words

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
Span = tuple[int, int]

MEDICINE_LEVELS = (1, 3, 4, 5, 7)  # characters of an ATC code at each of its levels


def build(columns: Columns) -> Arrays:
    """The arrays of an index over everything in the columns. Facts of who has no donor row are nobody's."""
    arrays: Arrays = {}
    order = _donors(columns, arrays)
    _facts("diagnosis", columns.diagnoses, order, arrays)
    _facts("medication", columns.medications, order, arrays)
    _facts("procedure", columns.procedures, order, arrays)
    _measurements(columns.measurements, order, arrays)
    _specimens(columns, order, arrays)
    _sets("cohort", columns.cohorts.cohort, order(columns.cohorts.donor), arrays)
    _genotypes(columns, order, arrays)
    return arrays


# --- donors -----------------------------------------------------------------------------------------------


class Order:
    """From a node's own numbers of donors to ordinals, -1 for who has none."""

    def __init__(self, numbers: Array, ordinals: Array) -> None:
        """`numbers` ascending, each with its ordinal."""
        self.numbers = numbers
        self.ordinals = ordinals
        # Numbers are usually 0, 1, 2 …: then a table is quicker than a search.
        self.table: Array | None = None
        if len(numbers) and numbers[-1] < 4 * len(numbers) + 1024:
            self.table = np.full(int(numbers[-1]) + 2, -1, np.int32)
            self.table[numbers] = ordinals

    def __call__(self, donors: Array) -> Array:
        if not len(self.numbers):
            return np.full(len(donors), -1, np.int32)
        if self.table is not None:
            inside = (donors >= 0) & (donors < len(self.table) - 1)
            return self.table[np.where(inside, donors, len(self.table) - 1)]
        places = np.searchsorted(self.numbers, donors.astype(np.int32))
        places[places == len(self.numbers)] = 0
        return np.where(self.numbers[places] == donors, self.ordinals[places], np.int32(-1))


def _donors(columns: Columns, arrays: Arrays) -> Order:
    donors = columns.donors
    # A later row of the same donor takes the earlier one's place.
    kept = np.sort(len(donors.donor) - 1 - np.unique(donors.donor[::-1], return_index=True)[1])
    number, sex, born = donors.donor[kept], donors.sex[kept], donors.born[kept]
    unborn_last = np.where(born == NO_DATE, np.int64(2**31), born.astype(np.int64))
    order = np.lexsort((number, unborn_last, sex))
    number, sex = number[order], sex[order]
    arrays["donor.number"] = number
    arrays["donor.sexes"] = np.searchsorted(sex, np.arange(len(SEXES) + 1)).astype(np.int64)
    arrays["donor.born"] = born[order]
    arrays["donor.died"] = donors.died[kept][order]
    codes = donors.region.codes[kept][order]
    arrays["donor.region"] = codes
    ordinals = np.arange(len(number), dtype=np.int32)
    _sets("region", Words(codes, donors.region.vocabulary), ordinals, arrays)
    by_number = np.argsort(number)
    arrays["donor.numbers"] = number[by_number]
    arrays["donor.ordinals"] = by_number.astype(np.int32)
    return Order(arrays["donor.numbers"], arrays["donor.ordinals"])


# --- bitmaps in arrays ------------------------------------------------------------------------------------


def _bitmap(ids: Array) -> bytes:
    """Serialised, of ascending ordinals that may repeat."""
    found = BitMap(array("I", np.ascontiguousarray(ids, np.uint32).tobytes()))
    found.run_optimize()
    return bytes(found.serialize())


def _pack(name: str, blobs: Iterable[bytes], arrays: Arrays) -> None:
    """Bitmaps one after another: `name`.blobs and where each begins."""
    kept = list(blobs)
    starts = np.zeros(len(kept) + 1, np.int64)
    np.cumsum([len(blob) for blob in kept], out=starts[1:])
    arrays[f"{name}.starts"] = starts
    arrays[f"{name}.blobs"] = np.frombuffer(b"".join(kept), np.uint8)


def words(name: str, vocabulary: Sequence[str], arrays: Arrays) -> None:
    arrays[f"{name}.words"] = np.frombuffer(json.dumps(list(vocabulary)).encode(), np.uint8)


def _sorted(given: Words) -> tuple[Array, list[str]]:
    """Codes and a vocabulary that is in order and holds nothing unused: spans of codes rely on it."""
    # Counting is a tenth of the sorting that np.unique does.
    used = np.flatnonzero(np.bincount(given.codes + 1, minlength=1)[1:])
    texts = [given.vocabulary[code] for code in used.tolist()]
    vocabulary = sorted(set(texts))
    place = {text: at for at, text in enumerate(vocabulary)}
    table = np.full(len(given.vocabulary) + 1, MISSING, np.int32)  # its last is for MISSING itself
    table[used] = [place[text] for text in texts]
    return table[given.codes], vocabulary


def _sets(name: str, column: Words, ordinals: Array, arrays: Arrays) -> None:
    """One set of donors per word."""
    codes, vocabulary = _sorted(column)
    known = (ordinals >= 0) & (codes >= 0)
    keys = np.sort((codes[known].astype(np.int64) << 32) | ordinals[known])
    bounds = np.searchsorted(keys, np.arange(len(vocabulary) + 1, dtype=np.int64) << 32)
    ids = (keys & 0xFFFFFFFF).astype(np.uint32)
    words(name, vocabulary, arrays)
    _pack(name, (_bitmap(ids[a:b]) for a, b in _pairs(bounds)), arrays)


def _pairs(bounds: Array) -> Iterator[Span]:
    return itertools.pairwise(bounds.tolist())


def _places(rows: int) -> type[np.int32 | np.int64]:
    """The narrowest type that numbers so many rows."""
    return np.int64 if rows >= 2**31 else np.int32


LIMITS: dict[Any, Span] = {
    np.dtype(kind): (np.iinfo(kind).min, np.iinfo(kind).max) for kind in (np.int16, np.int32)
}


# --- dated facts ------------------------------------------------------------------------------------------


def narrow(days: Array) -> Array:
    """Dates as 16 bits where they fit (1880 to 2059). The least number of the type is missing, the greatest free."""
    known = days[days != NO_DATE]
    if len(known) and (known.min() <= -(2**15) or known.max() >= 2**15 - 1):
        return days.astype(np.int32)
    return np.where(days == NO_DATE, -(2**15), days).astype(np.int16)


def _order_rows(code: Array, ordinal: Array, days: Array) -> Array:
    """The permutation that sorts by code, donor and date, missing dates first."""
    known = days != NO_DATE
    least = int(days[known].min()) if known.any() else 0
    late = np.where(known, days - np.int32(least - 1), np.int32(0))
    bits = [int(part.max()).bit_length() if len(part) else 0 for part in (code, ordinal, late)]
    places = len(code).bit_length()
    if sum(bits) + places <= 63:
        # One number per row with its place below: sorting plain numbers is several times quicker than argsort.
        keys = code.astype(np.int64)
        for part, size in ((ordinal, bits[1]), (late, bits[2]), (np.arange(len(code)), places)):
            keys <<= size
            keys |= part
        keys.sort()
        keys &= (1 << places) - 1
        return keys
    return np.lexsort((late, ordinal, code))


def _facts(name: str, facts: FactColumns, order: Order, arrays: Arrays) -> None:
    codes, vocabulary = _sorted(facts.code)
    ordinals = order(facts.donor)
    known = np.flatnonzero((ordinals >= 0) & (codes >= 0))
    days = facts.on
    if len(known) < len(codes):
        codes, ordinals, days = codes[known], ordinals[known], days[known]
    del known
    rows = _order_rows(codes, ordinals, days)
    codes, ordinals, days = codes[rows], ordinals[rows], days[rows]
    bounds = np.searchsorted(codes, np.arange(len(vocabulary) + 1, dtype=np.int32))
    dates = narrow(days)
    words(name, vocabulary, arrays)
    arrays[f"{name}.rows"] = bounds.astype(np.int64)
    arrays[f"{name}.donor"] = ordinals
    arrays[f"{name}.on"] = dates
    _pack(name, (_bitmap(ordinals[a:b]) for a, b in _pairs(bounds)), arrays)

    # Categories (or the like) part the codes; each has its donors with all their dates, and the first and last of them.
    groups, upper = _levels(name, vocabulary)
    edges = np.array([0, *(end for _, end in groups)], np.int64)
    group = np.repeat(np.arange(len(groups), dtype=np.int64), np.diff(bounds[edges]))
    by_donor = _order_rows(group, ordinals, days)
    keys = ((group << 32) | ordinals)[by_donor]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])) if len(keys) else np.empty(0, np.int64)
    dated = dates[by_donor]
    arrays[f"{name}.group.on"] = dated
    arrays[f"{name}.group.starts"] = np.append(first, len(keys)).astype(_places(len(keys)))
    nothing, most = LIMITS[dates.dtype]
    arrays[f"{name}.group.spans"] = edges
    arrays[f"{name}.group.rows"] = np.searchsorted(keys[first] >> 32, np.arange(len(groups) + 1)).astype(
        np.int64
    )
    arrays[f"{name}.group.donor"] = (keys[first] & 0xFFFFFFFF).astype(np.int32)
    if len(first):
        earliest = np.minimum.reduceat(np.where(dated == nothing, most, dated), first)
        latest = np.maximum.reduceat(dated, first)
        arrays[f"{name}.group.first"] = np.where(latest == nothing, nothing, earliest).astype(dates.dtype)
        arrays[f"{name}.group.last"] = latest
    else:
        arrays[f"{name}.group.first"] = arrays[f"{name}.group.last"] = dates[:0]

    # Bitmaps of what lies above the codes, made from the groups' ones.
    of_group = [
        BitMap(array("I", arrays[f"{name}.group.donor"][a:b].astype(np.uint32).tobytes()))
        for a, b in _pairs(arrays[f"{name}.group.rows"])
    ]
    starts = edges.tolist()
    spans, blobs = [], []
    for low, high in sorted({*(span for span in groups if span[1] - span[0] > 1), *upper}):
        inside = of_group[bisect_left(starts, low) : bisect_left(starts, high)]
        found = BitMap.union(*inside) if len(inside) > 1 else inside[0].copy()
        found.run_optimize()
        spans.append((low, high))
        blobs.append(bytes(found.serialize()))
    arrays[f"{name}.above.spans"] = np.array(spans, np.int64).reshape(-1, 2)
    _pack(f"{name}.above", blobs, arrays)


def _levels(name: str, vocabulary: Sequence[str]) -> tuple[list[Span], set[Span]]:
    """Spans of codes: those that part them all (categories of ICD-10, subgroups of ATC, each procedure for itself),
    and those of several such parts."""
    if name == "procedure":
        return [(place, place + 1) for place in range(len(vocabulary))], set()
    length = 3 if name == "diagnosis" else 5
    groups = _by_prefix(vocabulary, length)
    if name == "diagnosis":
        wanted = [
            icd10.span(each) for each in (*icd10.BLOCKS, *(chapter.number for chapter in icd10.CHAPTERS))
        ]
        upper = {(bisect_left(vocabulary, low), bisect_left(vocabulary, high)) for low, high in wanted}
    else:
        upper = {
            span for level in MEDICINE_LEVELS if level < length for span in _by_prefix(vocabulary, level)
        }
    return groups, {(low, high) for low, high in upper if high - low > 1} - set(groups)


def _by_prefix(vocabulary: Sequence[str], length: int) -> list[Span]:
    starts = [
        place
        for place, text in enumerate(vocabulary)
        if not place or text[:length] != vocabulary[place - 1][:length]
    ]
    return list(itertools.pairwise([*starts, len(vocabulary)]))


# --- measurements -----------------------------------------------------------------------------------------


def _measurements(facts: MeasurementColumns, order: Order, arrays: Arrays) -> None:
    codes, vocabulary = _sorted(facts.code)
    ordinals = order(facts.donor)
    known = np.flatnonzero((ordinals >= 0) & (codes >= 0))
    days, values = facts.on, facts.value
    # A hundred million rows are not copied more often than needed.
    if len(known) < len(codes):
        codes, ordinals, days, values = codes[known], ordinals[known], days[known], values[known]
    del known
    rows = _order_rows(codes, ordinals, days)
    on = narrow(days[rows])
    codes = codes[rows]
    ordinals = ordinals[rows]
    values = values[rows]
    del rows, days
    bounds = np.searchsorted(codes, np.arange(len(vocabulary) + 1, dtype=np.int32))
    words("measurement", vocabulary, arrays)
    value, arrays["measurement.scale"] = _scaled(values, bounds)
    # Whoever reads a value reads its date: side by side they cost one way to memory, if both are narrow.
    both = value.dtype == on.dtype == np.int16
    arrays["measurement.both"] = np.stack((value, on), 1) if both else np.empty((0, 2), np.int16)
    arrays["measurement.value"], arrays["measurement.on"] = (value[:0], on[:0]) if both else (value, on)
    # Per code: its donors ascending, and where the rows of each begin.
    del values, value, on
    other = (codes[1:] != codes[:-1]) | (ordinals[1:] != ordinals[:-1])
    first = np.flatnonzero(np.append(True, other)) if len(codes) else np.empty(0, np.int64)
    arrays["measurement.donor"] = ordinals[first]
    arrays["measurement.first"] = np.append(first, len(codes)).astype(_places(len(codes)))
    donors = np.searchsorted(codes[first], np.arange(len(vocabulary) + 1, dtype=np.int32)).astype(np.int64)
    arrays["measurement.donors"] = donors
    _pack("measurement", (_bitmap(ordinals[first][a:b]) for a, b in _pairs(donors)), arrays)


def _scaled(values: Array, bounds: Array) -> tuple[Array, Array]:
    """Values as small whole numbers, with what to divide those of each code by; as they are if one does not fit.

    A value stands for k / scale exactly, as floating point divides, so that comparing whole numbers loses nothing.
    """
    scales = np.ones(len(bounds) - 1, np.int32)
    none = -(2**31)
    whole = np.empty(len(values), np.int32)
    for place, (a, b) in enumerate(_pairs(bounds)):
        part = values[a:b]
        missing = np.isnan(part)
        given = part[~missing]
        for scale in (1, 10, 100, 1000, 10_000):
            with np.errstate(over="ignore", invalid="ignore"):
                near = np.rint(given * scale)
                fits = bool(np.all(np.abs(near) < 2**31 - 1)) and bool(np.all(near / scale == given))
            if fits:
                break
        else:
            return values, np.zeros(len(bounds) - 1, np.int32)
        scales[place] = scale
        whole[a:b][missing] = none
        whole[a:b][~missing] = near.astype(np.int32)
    known = whole[whole != none]
    if len(known) and (known.min() <= -(2**15) or known.max() >= 2**15):
        return whole, scales
    whole[whole == none] = -(2**15)
    return whole.astype(np.int16), scales


# --- specimens --------------------------------------------------------------------------------------------


def small(codes: Array) -> Array:
    """Codes (or -1) in the narrowest type that holds them."""
    most = int(codes.max()) if len(codes) else 0
    return codes.astype(np.int8 if most < 2**7 else np.int16 if most < 2**15 else np.int32)


def _specimens(columns: Columns, order: Order, arrays: Arrays) -> None:
    given = columns.specimens
    ordinals = order(given.donor)
    bank, banks = _sorted(given.biobank)
    type_, types = _sorted(given.type)
    known = np.flatnonzero((ordinals >= 0) & (bank >= 0))
    rows = known[np.lexsort((given.collected[known], type_[known], bank[known], ordinals[known]))]
    count = len(arrays["donor.number"])
    arrays["specimen.rows"] = np.searchsorted(ordinals[rows], np.arange(count + 1, dtype=np.int32)).astype(
        np.int32
    )
    for name, codes, vocabulary in (
        ("biobank", bank, banks),
        ("type", type_, types),
        ("collection", *_sorted(given.collection)),
        ("temperature", *_sorted(given.temperature)),
    ):
        arrays[f"specimen.{name}"] = small(codes[rows])
        words(f"specimen.{name}", vocabulary, arrays)
    arrays["specimen.collected"] = narrow(given.collected[rows])
    arrays["specimen.aliquots"] = small(given.aliquots[rows])


# --- genotypes --------------------------------------------------------------------------------------------


def _genotypes(columns: Columns, order: Order, arrays: Arrays) -> None:
    """Variants sorted by place; per variant who carries one copy and who two; per gene its variants.

    Few of all donors are sequenced, so carriers are numbered among those that carry anything: 16 bits mostly do.
    """
    given = columns.variants
    kept = np.sort(len(given.variant) - 1 - np.unique(given.variant[::-1], return_index=True)[1])
    parts = {name: _sorted(getattr(given, name)) for name in ("chromosome", "reference", "alternate", "gene")}
    position = given.position[kept]
    sites = {name: codes[kept] for name, (codes, _) in parts.items()}
    rows = np.lexsort((sites["alternate"], sites["reference"], position, sites["chromosome"]))
    for name, (_, vocabulary) in parts.items():
        arrays[f"variant.{name}"] = small(sites[name][rows])
        words(f"variant.{name}", vocabulary, arrays)
    arrays["variant.position"] = position[rows].astype(np.int32)
    count, genes = len(rows), len(parts["gene"][1])
    gene = sites["gene"][rows]
    by_gene = np.argsort(gene, kind="stable").astype(np.int32)  # those of no gene first
    arrays["gene.variants"] = by_gene
    arrays["gene.starts"] = np.searchsorted(gene[by_gene], np.arange(genes + 1, dtype=np.int32)).astype(
        np.int64
    )

    numbers = given.variant[kept][rows]
    place = Order(np.sort(numbers), np.argsort(numbers).astype(np.int32))
    variants, ordinals = place(columns.genotypes.variant), order(columns.genotypes.donor)
    known = (variants >= 0) & (ordinals >= 0)
    anything = np.zeros(len(arrays["donor.number"]), np.bool_)
    anything[ordinals[known]] = True
    arrays["variant.carriers"] = np.flatnonzero(anything).astype(np.int32)
    among = (np.cumsum(anything) - 1).astype(np.int32)
    for copies, name in ((1, "one"), (2, "two")):
        chosen = known & (columns.genotypes.copies == copies)
        _carriers(f"variant.{name}", variants[chosen], among[ordinals[chosen]], count, arrays)


def _carriers(name: str, of: Array, who: Array, count: int, arrays: Arrays) -> None:
    """Per variant its carriers: a list of numbers, or plain words where those are shorter."""
    many = len(arrays["variant.carriers"])
    kind = np.dtype(np.uint16 if many <= 2**16 else np.uint32)
    keys = (of.astype(np.int64) << 32) | who
    keys.sort()
    keys = keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys
    bounds = np.searchsorted(keys, np.arange(count + 1, dtype=np.int64) << 32)
    lengths = np.diff(bounds)
    size = max(1, -(-many // 64))
    frequent = lengths * kind.itemsize > size * 8
    dense = np.flatnonzero(frequent)
    table = np.zeros((len(dense), size), np.uint64)
    for row, variant in enumerate(dense.tolist()):
        flags = np.zeros(size * 64, np.bool_)
        flags[keys[bounds[variant] : bounds[variant + 1]] & 0xFFFFFFFF] = True
        table[row] = np.packbits(flags, bitorder="little").view(np.uint64)
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.where(frequent, 0, lengths), out=starts[1:])
    arrays[f"{name}.starts"] = starts
    arrays[f"{name}.list"] = (keys[~np.repeat(frequent, lengths)] & 0xFFFFFFFF).astype(kind)
    arrays[f"{name}.dense"] = dense.astype(np.int32)
    arrays[f"{name}.words"] = table
