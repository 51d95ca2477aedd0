"""How many persons are donors of some node: each node counts its own by stratum, and unions are counted over nodes.

    counted = count(basis, columns.donors, table.persons(epoch), node="…", on=day)     # stays here
    leaves = counted.within(disclosure.strata(counted.sizes(), policy, hub), minimum)  # what disclosure lets go
    whole([leaves, …]), by_stratum([leaves, …])                                        # at the hub

A person is a number: the first 8 bytes of the pseudonym of their newest code (`pseudonyms.Persons`). What leaves is
either the sorted numbers themselves, and then unions are exact, or a theta sketch of them for each stratum. Both are
good for one epoch and one key: whoever has that key could look for a person in them, so they go to the hub alone.

Two million numbers of 2³² · 2³² collide with a probability of one in ten million.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import datasketches  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt

from talka_node.columns import NO_DATE, SEXES, DonorColumns, day
from talka_node.consent import Basis
from talka_node.pseudonyms import Persons

Numbers = npt.NDArray[np.uint64]
Places = npt.NDArray[np.uint16]

# (region, age band, sex), coarsest first, "?" for what is not known. One that was rolled up has fewer parts; () is
# everyone.
Stratum = tuple[str, ...]

LG_K = 14  # a sketch of 2¹⁴ hashes errs by 0.8 % (one standard deviation), and has at most 246 kB
LAST_BAND = 90
ROUND = 10
MAGIC = b"talka coverage 1\n"
CHECKSUM_BYTES = 32
_BANDS = [f"{low}-{low + 4}" for low in range(0, LAST_BAND, 5)] + [f"{LAST_BAND}+", "?"]


# --- in the node --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """Whose numbers these are, of which day, and what they may be compared with. `feed`: the last message of the
    register's change feed that was applied; None: none was."""

    node: str
    on: date
    epoch: int
    public_key: bytes
    feed: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """The persons of a node, ascending, each once, and beside each the place of its stratum in `strata`. `without`:
    donors of the stratum that have no pseudonym (foreigners without a personal code, say). It must not leave the node.
    """

    source: Source
    strata: list[Stratum]
    without: list[int]
    numbers: Numbers
    places: Places

    def sizes(self) -> dict[Stratum, int]:
        """Persons by stratum: what `disclosure.strata` decides upon."""
        known = np.bincount(self.places, minlength=len(self.strata)).tolist()
        return {
            stratum: count + without
            for stratum, count, without in zip(self.strata, known, self.without, strict=True)
        }

    def within(
        self, strata: Mapping[Stratum, Stratum], minimum: int, *, lg_k: int | None = LG_K
    ) -> Coverage | None:
        """What may leave: each stratum within the one that `strata` names, as sketches, or as the numbers (lg_k=None).

        None when `strata` is empty: nothing may. ValueError where it does not name all strata, which would make the
        union too small, or one that leaves has fewer than `minimum` persons.
        """
        if not strata:
            return None
        if missing := [stratum for stratum in self.strata if stratum not in strata]:
            raise ValueError(
                f"{len(missing)} strata are named nowhere; let all of them leave within others, or none"
            )
        merged = sorted({strata[stratum] for stratum in self.strata})
        place = {stratum: number for number, stratum in enumerate(merged)}
        moved = np.array([place[strata[stratum]] for stratum in self.strata], np.uint16)
        without = np.bincount(moved, self.without, len(merged)).astype(int)
        places = moved[self.places]
        sizes = np.bincount(places, minlength=len(merged)) + without
        if (sizes < minimum).any():
            raise ValueError(f"a stratum has fewer than {minimum} persons; let it leave within another one")
        # A few foreigners in a small town are a small cell of their own; rounded up, the bound still holds.
        told = (-(-without // ROUND) * ROUND).tolist()
        if lg_k is None:
            return Coverage(self.source, minimum, merged, told, self.numbers, places)
        order = np.argsort(places, kind="stable")
        ends = np.cumsum(np.bincount(places, minlength=len(merged)))[:-1]
        sketches = [
            _sketch(numbers, self.source.epoch, lg_k).compact().serialize()
            for numbers in np.split(self.numbers[order], ends)
        ]
        return Coverage(self.source, minimum, merged, told, sketches=sketches)


def count(basis: Basis, donors: DonorColumns, persons: Persons, *, node: str, on: date) -> Counted:
    """The living donors of a basis on a day, by region, five-year age band and sex.

    Donors who are one person count once, in the stratum of the first of them.
    """
    permitted = basis.donor_array()
    today = day(on)
    living = (donors.died == NO_DATE) | (donors.died > today)
    rows = np.flatnonzero(np.isin(donors.donor, permitted) & living)
    rows = rows[np.argsort(donors.donor[rows], kind="stable")]
    regions = [*donors.region.vocabulary, "?"]
    shape = (len(regions), len(_BANDS), len(SEXES))
    kinds = np.ravel_multi_index(
        (
            donors.region.codes[rows] % len(regions),  # missing is -1: the last one, "?"
            _bands(donors.born[rows], on),
            donors.sex[rows].astype(np.int64),
        ),
        shape,
    )
    present, places = np.unique(kinds, return_inverse=True)
    if len(present) > 2**16:
        raise ValueError(f"{len(present)} strata; give regions that are coarser, 65,536 strata at most")
    strata: list[Stratum] = [
        (regions[region], _BANDS[band], SEXES[sex].value)
        for region, band, sex in np.stack(np.unravel_index(present, shape), 1).tolist()
    ]
    found = np.searchsorted(persons.donors, donors.donor[rows])
    found[found == len(persons.donors)] = 0
    named = persons.donors[found] == donors.donor[rows] if len(persons.donors) else np.zeros(len(rows), bool)
    numbers, first = np.unique(persons.numbers[found[named]], return_index=True)
    without = np.bincount(places[~named], minlength=len(strata)).tolist()
    source = Source(
        node, on, persons.epoch, persons.public_key, persons.feed.sequence if persons.feed else None
    )
    return Counted(source, strata, without, numbers, places[named][first].astype(np.uint16))


def _bands(born: npt.NDArray[np.int32], on: date) -> npt.NDArray[np.int64]:
    """Places in _BANDS by complete years; who was born on 29 February turns a year older on 1 March."""
    known = born != NO_DATE
    days = np.where(known, born, 0).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    years = months.astype(np.int64) // 12 + 1970
    month = months.astype(np.int64) % 12 + 1
    in_month = (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    age = on.year - years - (32 * month + in_month > 32 * on.month + on.day)
    band = np.minimum(age, LAST_BAND) // 5
    return np.where(known & (age >= 0), band, len(_BANDS) - 1)


# --- what leaves --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """One node's part in the union: its strata, of at least `minimum` persons each, with either their numbers
    (`numbers` ascending, `places` in `strata`) or a sketch for each. `without` is rounded up to
    tens. Only `disclosure` lets it go, to the hub alone."""

    source: Source
    minimum: int
    strata: list[Stratum]
    without: list[int]
    numbers: Numbers | None = None
    places: Places | None = None
    sketches: list[bytes] | None = None

    def to_bytes(self) -> bytes:
        """A header in JSON, then the numbers or the sketches, then a checksum."""
        source = self.source
        header: dict[str, Any] = {
            "node": source.node,
            "on": source.on.isoformat(),
            "epoch": source.epoch,
            "public_key": source.public_key.hex(),
            "feed": source.feed,
            "minimum": self.minimum,
            "strata": self.strata,
            "without": self.without,
        }
        if self.numbers is not None and self.places is not None:
            header["persons"] = len(self.numbers)
            payload = self.numbers.astype("<u8").tobytes() + self.places.astype("<u2").tobytes()
        else:
            header["sketches"] = [len(sketch) for sketch in self.sketches or []]
            payload = b"".join(self.sketches or [])
        told = json.dumps(header, separators=(",", ":")).encode()
        data = MAGIC + len(told).to_bytes(4, "big") + told + payload
        return data + hashlib.sha256(data).digest()

    @classmethod
    def from_bytes(cls, data: bytes) -> Coverage:
        """The value that was written; ValueError for anything else."""
        try:
            return cls._read(data)
        except (KeyError, TypeError, IndexError, OverflowError, RuntimeError, MemoryError) as error:
            raise ValueError("this is no coverage of a node: a part of it is missing or wrong") from error

    @classmethod
    def _read(cls, data: bytes) -> Coverage:
        body, checksum = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
        if not body.startswith(MAGIC) or hashlib.sha256(body).digest() != checksum:
            raise ValueError(
                "this is no coverage of a node, or it was cut off or changed on its way; get it again"
            )
        begin = len(MAGIC) + 4
        end = begin + int.from_bytes(body[len(MAGIC) : begin], "big")
        told, payload = json.loads(body[begin:end]), body[end:]
        source = Source(
            str(told["node"]),
            date.fromisoformat(told["on"]),
            int(told["epoch"]),
            bytes.fromhex(told["public_key"]),
            None if told["feed"] is None else int(told["feed"]),
        )
        strata = [tuple(map(str, stratum)) for stratum in told["strata"]]
        without = [int(number) for number in told["without"]]
        if len(strata) != len(set(strata)) or len(without) != len(strata) or min(without, default=0) < 0:
            raise ValueError("this coverage names a stratum twice, or counts what is not there")
        minimum = int(told["minimum"])
        if "persons" in told:
            persons = int(told["persons"])
            if len(payload) != 10 * persons:
                raise ValueError(
                    f"this coverage of {persons} persons has {len(payload)} bytes, not ten for each"
                )
            numbers = np.frombuffer(payload, "<u8", persons).astype(np.uint64)
            places = np.frombuffer(payload, "<u2", persons, 8 * persons).astype(np.uint16)
            if (numbers[1:] <= numbers[:-1]).any() or (places >= len(strata)).any():
                raise ValueError(
                    "the persons of a coverage ascend, and each is in one of its strata; these are not"
                )
            return cls(source, minimum, strata, without, numbers, places)
        lengths = [int(length) for length in told["sketches"]]
        if len(lengths) != len(strata) or min(lengths, default=1) < 1 or sum(lengths) != len(payload):
            raise ValueError("this coverage does not have one sketch for each stratum")
        ends = np.cumsum([0, *lengths]).tolist()
        sketches = [payload[low:high] for low, high in pairwise(ends)]
        for sketch in sketches:
            _read_sketch(sketch, source.epoch)
        return cls(source, minimum, strata, without, sketches=sketches)


# --- unions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figure:
    """How many persons. `counted`: exactly, rather than estimated by sketches, whose 95 % bounds `low` and `high` then
    are. `upper_bound`: some may have been counted twice, `because` says why; then no lower bound is known."""

    estimate: int
    low: int | None
    high: int
    counted: bool
    upper_bound: bool
    because: tuple[str, ...] = ()


def whole(nodes: Sequence[Coverage]) -> Figure:
    """Persons who are donors of at least one of the nodes. ValueError for nodes that cannot be compared."""
    epoch = _comparable(nodes)
    without = sum(sum(node.without) for node in nodes)
    exact = [node.numbers for node in nodes if node.numbers is not None]
    if len(exact) == len(nodes):
        return _figure(nodes, without, _distinct(exact))
    union = _union(nodes)
    for node in nodes:
        for sketch in node.sketches or [_sketch(node.numbers, epoch, LG_K).compact().serialize()]:
            union.update(_read_sketch(sketch, epoch))
    return _figure(nodes, without, union.get_result())


def by_stratum(nodes: Sequence[Coverage]) -> dict[Stratum, Figure]:
    """The same for each stratum, finer and coarser, that every node tells apart from its neighbours or has nobody in.

    A person may be in different strata at two nodes (who moved, say): strata do not add up to the whole.
    """
    epoch = _comparable(nodes)
    coarse = {stratum for node in nodes for stratum in node.strata}
    names = {stratum[:size] for stratum in coarse for size in range(len(stratum) + 1)}
    # What one node keeps together, another's finer strata cannot be completed from.
    names = {name for name in names if not any(name[:size] in coarse for size in range(len(name)))}
    without = dict.fromkeys(names, 0)
    for node in nodes:
        for stratum, number in zip(node.strata, node.without, strict=True):
            for name in _above(stratum, names):
                without[name] += number
    if all(node.numbers is not None for node in nodes):
        counts = _distinct_by(nodes, sorted(names))
        return {name: _figure(nodes, without[name], counts[name]) for name in sorted(names)}
    unions = {name: _union(nodes) for name in names}
    for node in nodes:
        for stratum, sketch in zip(node.strata, node.sketches or _sketched(node, epoch), strict=True):
            read = _read_sketch(sketch, epoch)
            for name in _above(stratum, names):
                unions[name].update(read)
    return {name: _figure(nodes, without[name], unions[name].get_result()) for name in sorted(names)}


def _comparable(nodes: Sequence[Coverage]) -> int:
    """Their epoch; ValueError unless all have the same, with the same key, and each is there once."""
    if not nodes:
        raise ValueError("a union of no nodes; give one at least")
    names = [node.source.node for node in nodes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} came more than once; give the newest of each node")
    first = nodes[0].source
    for node in nodes:
        if node.source.epoch != first.epoch:
            raise ValueError(
                f"{node.source.node} has pseudonyms of epoch {node.source.epoch} and {first.node} of {first.epoch};"
                " those of two epochs do not compare: have all nodes use one"
            )
        if node.source.public_key != first.public_key:
            raise ValueError(
                f"{node.source.node} and {first.node} were given different keys for epoch {first.epoch}: the key server"
                " did not treat them alike, and its operator must explain why"
            )
    return first.epoch


def _figure(nodes: Sequence[Coverage], without: int, union: Any) -> Figure:
    because = []
    feeds = {node.source.feed for node in nodes}
    if None in feeds:
        names = sorted(node.source.node for node in nodes if node.source.feed is None)
        because.append(
            f"{', '.join(names)} applied no change feed: one person with an old and a new code counts twice"
        )
    elif len(feeds) > 1:
        because.append("the nodes applied the change feed up to different messages")
    if without:
        because.append(f"up to {without} donors have no pseudonym and may be the same persons")
    counted = isinstance(union, int)
    estimate = union if counted else round(union.get_estimate())
    low = union if counted else int(union.get_lower_bound(2))
    high = union if counted else -int(-union.get_upper_bound(2) // 1)
    return Figure(
        estimate + without, None if because else low, high + without, counted, bool(because), tuple(because)
    )


def _distinct(runs: Iterable[Numbers]) -> int:
    """How many different numbers there are in ascending runs: a stable sort merges runs instead of sorting anew."""
    merged = np.concatenate(list(runs))
    merged.sort(kind="stable")
    return min(1, len(merged)) + int(np.count_nonzero(merged[1:] != merged[:-1]))


def _distinct_by(nodes: Sequence[Coverage], names: list[Stratum]) -> dict[Stratum, int]:
    """The same for each stratum: once for each size of names, whose strata do not overlap."""
    counts = dict.fromkeys(names, 0)
    merged = np.concatenate([node.numbers for node in nodes if node.numbers is not None])
    order = np.argsort(merged, kind="stable")
    merged = merged[order]
    for size in {len(name) for name in names}:
        place = {name: number for number, name in enumerate(names) if len(name) == size}
        parts = [
            np.array([place.get(stratum[:size], -1) for stratum in node.strata], np.int64)[node.places]
            for node in nodes
        ]
        held = np.concatenate(parts)[order]
        keep = held >= 0
        numbers, where = merged[keep], held[keep]
        pairs = np.lexsort((where, numbers))
        numbers, where = numbers[pairs], where[pairs]
        first = np.ones(len(numbers), bool)
        first[1:] = (numbers[1:] != numbers[:-1]) | (where[1:] != where[:-1])
        found = np.bincount(where[first], minlength=len(names)).tolist()
        counts |= {name: found[number] for name, number in place.items()}
    return counts


def _above(stratum: Stratum, names: set[Stratum]) -> list[Stratum]:
    return [stratum[:size] for size in range(len(stratum) + 1) if stratum[:size] in names]


# --- sketches -----------------------------------------------------------------------------------------------


def _seed(epoch: int) -> int:
    """Sketches of two epochs refuse to be united."""
    return int.from_bytes(hashlib.sha256(b"talka coverage sketch 1\n%d" % epoch).digest()[:8], "big") >> 1


def _sketch(numbers: Numbers | None, epoch: int, lg_k: int) -> Any:
    sketch = datasketches.update_theta_sketch(lg_k, 1.0, _seed(epoch))
    if numbers is not None:
        update = sketch.update
        for number in numbers.view(np.int64).tolist():
            update(number)
    return sketch


def _sketched(node: Coverage, epoch: int) -> list[bytes]:
    """The sketches of a node that gave its numbers."""
    numbers, places = node.numbers, node.places
    if numbers is None or places is None:
        raise ValueError(f"the coverage of {node.source.node} has neither numbers nor sketches")
    return [
        bytes(_sketch(numbers[places == place], epoch, LG_K).compact().serialize())
        for place in range(len(node.strata))
    ]


def _read_sketch(data: bytes, epoch: int) -> Any:
    return datasketches.compact_theta_sketch.deserialize(data, _seed(epoch))


def _union(nodes: Sequence[Coverage]) -> Any:
    """As fine as the finest sketch could make use of: theta takes care of coarser ones by itself."""
    return datasketches.theta_union(LG_K, 1.0, _seed(nodes[0].source.epoch))
