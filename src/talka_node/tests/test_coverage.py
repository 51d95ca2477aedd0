"""Coverage: counting within a basis, what may leave, and unions against Python's sets."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka_node import coverage
from talka_node.columns import Columns
from talka_node.consent import Basis, Standing, State, basis, examples
from talka_node.coverage import Counted, Coverage, Figure, Source, Stratum
from talka_node.pseudonyms import Feed, Persons
from talka_node.records import Donor, Records
from talka_query.nodes import AskerKind, Purpose, Sex, Use

pytestmark = pytest.mark.once

DAY = date(2026, 3, 1)
KEY = bytes(32)
FEED = Feed(9, bytes(32), DAY)
RESEARCH = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
BROAD = Standing.of("invented-broad", 2, "research")


def consenting(*donors: int) -> State:
    state = State(examples(), DAY)
    for donor in donors:
        state.put(donor, "Alpha", BROAD)
    return state


def persons(numbers: dict[int, int], feed: Feed | None = FEED) -> Persons:
    donors = sorted(numbers)
    return Persons(
        1, KEY, feed, np.array(donors, np.int32), np.array([numbers[donor] for donor in donors], np.uint64)
    )


def counted(rows: list[Donor], numbers: dict[int, int], within: Basis, feed: Feed | None = FEED) -> Counted:
    columns = Columns.of(Records(donors=rows))
    return coverage.count(within, columns.donors, persons(numbers, feed), node="anna", on=DAY)


def by_hand(value: Counted) -> dict[Stratum, set[int]]:
    held: dict[Stratum, set[int]] = {stratum: set() for stratum in value.strata}
    for number, place in zip(value.numbers.tolist(), value.places.tolist(), strict=True):
        held[value.strata[place]].add(number)
    return held


# --- in the node --------------------------------------------------------------------------------------------


def test_living_donors_of_the_basis_are_counted_by_region_band_and_sex() -> None:
    state = consenting(1, 2, 3, 4, 5, 6, 8)
    rows = [
        Donor(8, Sex.FEMALE, date(1935, 3, 2), None, "LV-RIX"),
        Donor(1, Sex.FEMALE, date(1976, 3, 1), None, "LV-RIX"),  # 50 today
        Donor(2, Sex.FEMALE, date(1976, 3, 2), None, "LV-RIX"),  # 49 until tomorrow
        Donor(3, Sex.MALE, date(1996, 2, 29), None, "LV-DGV"),  # 30 since today, as 2026 has no 29 February
        Donor(4, region="LV-DGV"),
        Donor(5, Sex.MALE, date(1990, 1, 1), date(2026, 3, 1), "LV-DGV"),  # died today
        Donor(6, Sex.MALE, date(1990, 1, 1), date(2026, 3, 2)),  # tomorrow
        Donor(7, Sex.FEMALE, date(1976, 3, 1), None, "LV-RIX"),  # gave no consent
    ]
    value = counted(
        rows, {donor: 100 + donor for donor in range(9) if donor != 4}, basis(state, RESEARCH, DAY)
    )
    assert by_hand(value) == {
        ("LV-DGV", "30-34", "male"): {103},
        ("LV-DGV", "?", "unknown"): set(),
        ("LV-RIX", "45-49", "female"): {102},
        ("LV-RIX", "50-54", "female"): {101},
        ("LV-RIX", "90+", "female"): {108},
        ("?", "35-39", "male"): {106},
    }
    assert value.sizes() == dict.fromkeys(value.strata, 1)
    assert value.source == Source("anna", DAY, 1, KEY, 9)


def test_a_withdrawal_is_obeyed_by_a_basis_made_before() -> None:
    state = consenting(1, 2)
    within = basis(state, RESEARCH, DAY)
    rows = [Donor(1), Donor(2)]
    assert counted(rows, {1: 7, 2: 8}, within).numbers.tolist() == [7, 8]
    state.put(1, "Alpha", None)
    assert counted(rows, {1: 7, 2: 8}, within).numbers.tolist() == [8]


def test_two_donors_who_are_one_person_count_once_where_the_first_of_them_is() -> None:
    state = consenting(1, 2, 3)
    rows = [Donor(3, region="B"), Donor(2, region="B"), Donor(1, region="A")]
    value = counted(rows, {1: 50, 2: 50, 3: 60}, basis(state, RESEARCH, DAY))
    assert by_hand(value) == {("A", "?", "unknown"): {50}, ("B", "?", "unknown"): {60}}
    assert sum(value.sizes().values()) == 2


def test_nobody_and_nobody_with_a_pseudonym() -> None:
    state = consenting(1, 2)
    nobody = counted([], {}, basis(state, RESEARCH, DAY))
    assert (nobody.sizes(), len(nobody.numbers)) == ({}, 0)
    unnamed = counted([Donor(1), Donor(2)], {}, basis(state, RESEARCH, DAY))
    assert unnamed.sizes() == {("?", "?", "unknown"): 2}
    born_tomorrow = counted([Donor(1, born=date(2026, 3, 2))], {1: 5}, basis(state, RESEARCH, DAY))
    assert born_tomorrow.strata == [("?", "?", "unknown")]


# --- what leaves --------------------------------------------------------------------------------------------

A, B, C = ("A", "0-4", "male"), ("A", "5-9", "male"), ("B", "0-4", "male")


def node(
    name: str, held: dict[Stratum, set[int]], *, feed: int | None = 9, without: int = 0, epoch: int = 1
) -> Counted:
    """A node with these persons; `without` in its first stratum."""
    strata = sorted(held)
    pairs = sorted((number, place) for place, stratum in enumerate(strata) for number in held[stratum])
    return Counted(
        Source(name, DAY, epoch, KEY, feed),
        strata,
        [without] * bool(strata) + [0] * (len(strata) - 1),
        np.array([number for number, _ in pairs], np.uint64),
        np.array([place for _, place in pairs], np.uint16),
    )


def leaves(value: Counted, lg_k: int | None = None, minimum: int = 0) -> Coverage:
    """As it is, nothing rolled up."""
    told = value.within({stratum: stratum for stratum in value.strata}, minimum, lg_k=lg_k)
    assert told
    return told


def test_small_strata_leave_within_larger_ones_or_not_at_all() -> None:
    value = node("anna", {A: {1, 2}, B: {3}, C: {4, 5, 6}}, without=1)
    with pytest.raises(ValueError, match="a stratum has fewer than 3 persons; let it leave within another"):
        leaves(value, minimum=3)
    for lg_k in (None, 12):
        rolled = value.within({A: ("A",), B: ("A",), C: C}, 3, lg_k=lg_k)
        assert rolled
        assert (rolled.strata, rolled.without) == ([("A",), C], [10, 0])
        assert {name: figure.estimate for name, figure in coverage.by_stratum([rolled]).items()} == {
            (): 3 + 10 + 3,
            ("A",): 3 + 10,
            ("B",): 3,
            C[:2]: 3,
            C: 3,
        }
    with pytest.raises(ValueError, match="1 strata are named nowhere"):
        value.within({A: A, B: B}, 1)
    assert value.within({}, 1) is None


@pytest.mark.parametrize("lg_k", [None, 12])
def test_it_is_the_same_after_a_journey(lg_k: int | None) -> None:
    value = leaves(node("anna", {A: {1, 2**64 - 1}, B: {3}}, feed=None, without=4), lg_k)
    again = Coverage.from_bytes(value.to_bytes())
    assert again.to_bytes() == value.to_bytes()
    assert (again.source, again.minimum, again.strata, again.without) == (
        value.source,
        value.minimum,
        value.strata,
        value.without,
    )
    assert coverage.by_stratum([again]) == coverage.by_stratum([value])


@pytest.mark.parametrize("lg_k", [None, 5])
def test_whatever_is_cut_off_or_changed_is_refused(lg_k: int | None) -> None:
    data = leaves(node("anna", {A: {1, 2, 3}, B: {4}}), lg_k).to_bytes()
    for length in range(len(data)):
        with pytest.raises(ValueError, match="this is no coverage of a node"):
            Coverage.from_bytes(data[:length])
    for place in range(0, len(data), 3):
        with pytest.raises(ValueError, match="this is no coverage of a node"):
            Coverage.from_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


@given(st.data(), st.sampled_from([None, 5]))
def test_no_bytes_under_a_right_checksum_do_more_than_raise(data: st.DataObject, lg_k: int | None) -> None:
    """Somebody who makes the checksum anew gets a value that holds together, or ValueError."""
    body = bytearray(leaves(node("anna", {A: set(range(40)), B: {99}}), lg_k).to_bytes()[:-32])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    forged = bytes(body) + hashlib.sha256(body).digest()
    try:
        value = Coverage.from_bytes(forged)
    except ValueError:
        return
    assert value.to_bytes() == Coverage.from_bytes(value.to_bytes()).to_bytes()


# --- unions -------------------------------------------------------------------------------------------------

strata = st.tuples(
    st.sampled_from("AB"), st.sampled_from(["0-4", "5-9"]), st.sampled_from(["female", "male"])
)
# Each person of a node is in one stratum there.
nodes = st.lists(st.dictionaries(st.integers(0, 30), strata, max_size=12), min_size=1, max_size=4)


def arranged(held: dict[int, tuple[str, str, str]]) -> dict[Stratum, set[int]]:
    found: dict[Stratum, set[int]] = {}
    for number, stratum in held.items():
        found.setdefault(stratum, set()).add(number)
    return found


@given(nodes, st.data())
def test_unions_are_those_of_sets_exact_or_sketched(
    held: list[dict[int, tuple[str, str, str]]], data: st.DataObject
) -> None:
    """Few persons, so that sketches still hold all of them and are exact too; nodes of both kinds together."""
    kinds = data.draw(st.lists(st.sampled_from([None, 12]), min_size=len(held), max_size=len(held)))
    values = [
        node(str(number), arranged(each)).within({at: at for at in arranged(each)}, 0, lg_k=kind)
        for number, (each, kind) in enumerate(zip(held, kinds, strict=True))
    ]
    told = [value for value in values if value is not None]
    if not told:
        return
    expected: dict[Stratum, set[int]] = {(): set()}
    for each in held:
        for number, stratum in each.items():
            for size in range(4):
                expected.setdefault(stratum[:size], set()).add(number)
    counted = all(value.numbers is not None for value in told)
    figures = coverage.by_stratum(told)
    assert {name: figure.estimate for name, figure in figures.items()} == {
        name: len(numbers) for name, numbers in expected.items()
    }
    size = len(expected[()])
    assert coverage.whole(told) == figures[()] == Figure(size, size, size, counted, upper_bound=False)


def test_a_stratum_that_one_node_keeps_together_is_not_made_up_from_the_others() -> None:
    fine = leaves(node("anna", {A: {1, 2}, B: {3}, C: {4}}))
    rolled = node("bruno", {A: {2}, B: {5}, C: {6}}).within({A: ("A",), B: ("A",), C: C}, 1, lg_k=None)
    assert rolled
    told = {name: figure.estimate for name, figure in coverage.by_stratum([fine, rolled]).items()}
    assert told == {(): 6, ("A",): 4, ("B",): 2, C[:2]: 2, C: 2}


def test_without_the_feed_a_count_is_an_upper_bound_and_says_why() -> None:
    joined, none, other = (
        node(name, {A: {1, 2}}, feed=feed) for name, feed in (("a", 9), ("b", None), ("c", 8))
    )
    assert coverage.whole([leaves(joined)]) == Figure(2, 2, 2, counted=True, upper_bound=False)
    figure = coverage.whole([leaves(joined), leaves(none)])
    assert figure == Figure(
        2, None, 2, True, True,
        ("b applied no change feed: one person with an old and a new code counts twice",),
    )  # fmt: skip
    figure = coverage.whole([leaves(joined), leaves(other)])
    assert figure.because == ("the nodes applied the change feed up to different messages",)
    assert (figure.low, figure.upper_bound) == (None, True)


def test_donors_without_a_pseudonym_may_be_anybody() -> None:
    value = leaves(node("anna", {A: {1, 2}, B: {3}}, without=11))
    assert coverage.whole([value]) == Figure(
        3 + 20, None, 3 + 20, True, True, ("up to 20 donors have no pseudonym and may be the same persons",)
    )
    assert coverage.by_stratum([value])[B] == Figure(1, 1, 1, counted=True, upper_bound=False)


def test_sketches_of_many_keep_their_bounds() -> None:
    """120,000 persons at three nodes, a third of them at two. The numbers are drawn once and for all, so this is no
    matter of luck: the 95 % bounds hold the truth, and the estimate errs by less than four deviations of 0.8 %."""
    drawn = np.random.default_rng(5).integers(0, 2**63, 120_000).tolist()
    parts = [drawn[:60_000], drawn[40_000:100_000], drawn[80_000:]]
    values = [leaves(node(str(number), {A: set(part)}), coverage.LG_K) for number, part in enumerate(parts)]
    figure = coverage.whole(values)
    assert figure.low
    assert figure.low <= 120_000 <= figure.high
    assert abs(figure.estimate - 120_000) < 120_000 * 0.008 * 4
    assert (figure.counted, figure.upper_bound) == (False, False)
    assert max(len(value.to_bytes()) for value in values) < 2**15 * 15 // 16 * 8 + 2**10


def test_what_does_not_compare_is_refused() -> None:
    one = leaves(node("anna", {A: {1}}))
    with pytest.raises(ValueError, match="a union of no nodes"):
        coverage.whole([])
    with pytest.raises(ValueError, match="anna came more than once"):
        coverage.whole([one, one])
    later = leaves(node("bruno", {A: {1}}, epoch=2))
    with pytest.raises(ValueError, match="bruno has pseudonyms of epoch 2 and anna of 1"):
        coverage.whole([one, later])
    other = node("bruno", {A: {1}})
    other_key = leaves(replace(other, source=replace(other.source, public_key=bytes([1] * 32))))
    with pytest.raises(ValueError, match="bruno and anna were given different keys for epoch 1"):
        coverage.whole([one, other_key])


def test_a_sketch_of_another_epoch_cannot_be_read() -> None:
    [sketch] = leaves(node("anna", {A: set(range(9))}), 12).sketches or []
    with pytest.raises(ValueError, match="seed"):
        coverage._read_sketch(sketch, 2)
