"""What may be told: of enough donors, rounded, the same whenever asked; no hidden number follows from others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka_node.disclosure import (
    Memory,
    Policy,
    Released,
    Standing,
    beside,
    default,
    release,
    release_steps,
    strata,
)
from talka_node.disclosure.release import Stratum, draw
from talka_node.disclosure.tests.asking import (
    FEMALE,
    KEY,
    RARE,
    SIZED,
    admitted,
    aged,
    question,
    sick,
    without_noise,
)
from talka_node.engines import Cell, Exact
from talka_query.nodes import All, Axis, Count, Criterion, Specimen, VariantIn
from talka_query.nodes import Any as AnyOf

pytestmark = pytest.mark.once

POLICY = default()
PLAIN = without_noise(POLICY)


def released(
    whole: int,
    cells: Mapping[Any, int] | None = None,
    policy: Policy = POLICY,
    *such_that: Criterion,
    **more: Any,
) -> Released:
    standing = more.pop("standing", Standing.OPEN)
    asked = admitted(question(*(such_that or (sick("C34"),)), **more), policy=policy, standing=standing)
    return release(asked, Exact(whole, dict(cells or {})), policy, KEY)


# --- one number -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exact", "told"),
    [(0, None), (1, None), (9, None), (10, 10), (12, 10), (13, 15), (17, 15), (18, 20), (1232, 1230)],
)
def test_without_noise_a_number_is_rounded_to_the_nearest(exact: int, told: int | None) -> None:
    assert released(exact, policy=PLAIN).total == told
    assert released(exact, policy=PLAIN).exists == (told is not None)


def test_a_permit_lowers_the_threshold_and_never_below_five() -> None:
    told = [released(n, policy=PLAIN, standing=Standing.PERMIT).total for n in range(11)]
    assert told == [None] * 5 + [5, 5, 5, 10, 10, 10]


def test_rounding_to_ten() -> None:
    policy = replace(PLAIN, cells=replace(PLAIN.cells, rounding=10))
    assert [released(n, policy=policy).total for n in (9, 10, 14, 15, 104, 105)] == [
        None,
        10,
        10,
        20,
        100,
        110,
    ]


@given(st.integers(0, 500), st.sampled_from(["C34", "I10", "E10", "C50", "G35"]))
def test_with_noise_a_number_is_told_only_of_enough_donors_and_is_near(exact: int, code: str) -> None:
    told = released(exact, None, POLICY, sick(code))
    if exact < 10:
        assert told.total is None
    if exact >= 10 + POLICY.cells.cut:
        assert told.total is not None
    if told.total is not None:
        assert told.total % 5 == 0 and told.total >= 10
        assert abs(told.total - exact) <= POLICY.cells.cut + 2


def test_noise_falls_off_evenly_from_nought() -> None:
    drawn = Counter(draw(KEY, f"question {n}", 0.5, 12) for n in range(20_000))
    assert min(drawn) >= -12 and max(drawn) <= 12
    at_nought = (1 - 2.718281828**-0.5) / (1 + 2.718281828**-0.5)
    assert abs(drawn[0] / 20_000 - at_nought) < 0.01
    assert abs(drawn[-2] - drawn[2]) < 0.01 * 20_000
    assert {draw(KEY, "one", 0.5, 12) for _ in range(9)} == {draw(KEY, "one", 0.5, 12)}
    assert [draw(KEY, f"{n}", 0.0, 12) for n in range(9)] == [0] * 9


def test_an_equal_question_gets_an_equal_answer_to_whomever_and_however_it_is_put() -> None:
    one = released(321, None, POLICY, sick("C34"), FEMALE)
    for such_that in ((FEMALE, sick("C34")), (FEMALE, AnyOf((sick("C34.1"), sick("C34"))))):
        assert released(321, None, POLICY, *such_that, asker="bruno").total == one.total
    # Another question about equally many donors gets another draw: equal sets are not known by equal answers.
    assert len({released(321, None, POLICY, sick(f"C{n}")).total for n in range(10, 40)}) > 1
    # And so does another node.
    asked = admitted(question(sick("C34")))
    assert len({release(asked, Exact(321, {}), POLICY, bytes([n]) * 32).total for n in range(30)}) > 1


def test_a_variant_needs_more_carriers() -> None:
    for such_that in (RARE, VariantIn(gene="CFTR")):
        assert [released(n, None, PLAIN, such_that).total for n in (19, 20)] == [None, 20]


def test_what_was_moved_and_how_near_it_is_are_told() -> None:
    told = released(40, None, PLAIN, aged(50, 70))
    assert told.plain() == {
        "total": 40, "table": [], "joined": {}, "moved": ["age: 50–69 instead of 50–70"], "smallest": 10, "within": 2,
        "policy": 1,
    }  # fmt: skip
    assert json.loads(json.dumps(told.plain())) == told.plain()


# --- samples ----------------------------------------------------------------------------------------------


def test_samples_are_told_only_of_enough_donors() -> None:
    asked = admitted(
        question(sick("C34"), count=Count.ALIQUOTS, samples=Specimen(frozenset({"Serum"}))), policy=PLAIN
    )
    behind = beside(asked.question)
    assert behind == replace(
        asked.question, count=Count.DONORS, such_that=All((sick("C34"), Specimen(frozenset({"Serum"}))))
    )
    assert release(asked, Exact(500, {}), PLAIN, KEY, Exact(9, {})).total is None
    # 500 from 50 donors: ten each, so numbers are told in steps of 5 · 20.
    assert release(asked, Exact(520, {}), PLAIN, KEY, Exact(52, {})).total == 500
    assert release(asked, Exact(20, {}), PLAIN, KEY, Exact(20, {})).total == 20
    with pytest.raises(ValueError, match="beside"):
        release(asked, Exact(500, {}), PLAIN, KEY)
    assert beside(behind) is None


# --- tables -----------------------------------------------------------------------------------------------


def sexes(female: int, male: int, **more: int) -> dict[Cell, int]:
    return {(name,): n for name, n in {"female": female, "male": male, **more}.items() if n}


def test_small_and_empty_cells_look_the_same() -> None:
    tables = [released(300 + n, sexes(300, n), PLAIN, by=(Axis.SEX,)).table for n in (0, 1, 2)]
    assert tables == [{("female",): 300}] * 3


def test_nothing_is_told_of_a_whole_that_is_too_small() -> None:
    told = released(9, {("Alpha",): 9, ("Beta",): 9}, PLAIN, by=(Axis.BIOBANK,))
    assert (told.total, told.table) == (None, {})


def test_no_cell_is_told_larger_than_the_whole() -> None:
    for code in range(10, 60):
        told = released(40, {("Alpha",): 40}, POLICY, sick(f"C{code}"), by=(Axis.BIOBANK,))
        assert told.total is not None and told.table.get(("Alpha",), 0) <= told.total


def test_one_hidden_cell_is_not_the_rest_of_the_whole() -> None:
    # 12 − 10 may be anything; 29 − 20 would be between 5 and 15, so not nobody.
    off = replace(PLAIN, cells=replace(PLAIN.cells, complement=False))
    assert released(29, sexes(20, 9), off, by=(Axis.SEX,)).table == {("female",): 20}
    assert released(29, sexes(20, 9), PLAIN, by=(Axis.SEX,)).table == {}
    # Of two hidden cells either may hold the rest; but that the table is shown must not tell that both hold some.
    assert released(36, sexes(20, 8, other=8), PLAIN, by=(Axis.SEX,)).table == {}
    # Of three, two may hold the rest in any way, and nobody knows which.
    assert released(32, sexes(20, 4, other=4, unknown=4), PLAIN, by=(Axis.SEX,)).table == {("female",): 20}


def bounds(told: Released, cells: Mapping[Any, int], near: int) -> dict[Cell, tuple[int, int]]:
    """What an onlooker reckons of each hidden cell, from the whole and the margins of a table of two additive axes,
    who knows which cells may hold anybody, and which margin the node would tell."""
    found = {cell: (0, 9) for cell in cells if cell not in told.table}
    assert told.total is not None
    sums = [(told.total, list(cells))]
    for at in (0, 1):
        for name in {cell[at] for cell in cells}:
            members = [cell for cell in cells if cell[at] == name]
            margin = sum(cells[cell] for cell in members)
            if margin >= 10:
                sums.append(((2 * margin + 5) // 10 * 5, members))
    for _ in range(4):
        for number, members in sums:
            hidden = [cell for cell in members if cell not in told.table]
            shown = [told.table[cell] for cell in members if cell in told.table]
            slack = near * (len(shown) + 1) if shown else near
            for cell in hidden:
                others = [found[other] for other in hidden if other != cell]
                low = number - sum(shown) - slack - sum(high for _, high in others)
                high = number - sum(shown) + slack - sum(low for low, _ in others)
                if shown:
                    found[cell] = max(found[cell][0], low), min(found[cell][1], high)
    return found


@given(st.lists(st.integers(0, 40), min_size=6, max_size=6))
def test_no_hidden_cell_is_proven_to_hold_anybody(counts: list[int]) -> None:
    names = list(product(("female", "male", "other"), ("50-54", "55-59")))
    cells = {cell: n for cell, n in zip(names, counts, strict=True) if n}
    only = replace(PLAIN, cells=replace(PLAIN.cells, joined=(5,)))
    told = released(sum(counts), cells, only, by=(Axis.SEX, Axis.AGE_BAND))
    if told.total is not None:
        assert all(low <= 0 for low, _ in bounds(told, cells, 2).values())


def test_bands_are_joined_until_they_hold_enough_and_the_level_is_told() -> None:
    bands = {("50-54",): 8, ("55-59",): 7, ("60-64",): 9, ("65-69",): 8, ("90+",): 3}
    told = released(35, bands, PLAIN, by=(Axis.AGE_BAND,))
    # By ten years: 15 and 17; by five none.
    assert (dict(told.table), dict(told.joined)) == (
        {("50-59",): 15, ("60-69",): 15},
        {"age_band": "10 years"},
    )
    whole = released(80, {("50-54",): 40, ("55-59",): 40}, PLAIN, by=(Axis.AGE_BAND,))
    assert (dict(whole.table), dict(whole.joined)) == ({("50-54",): 40, ("55-59",): 40}, {})


def test_the_last_band_is_joined_to_those_before_it() -> None:
    bands = {("80-84",): 9, ("85-89",): 9, ("90+",): 9}
    told = released(27, bands, PLAIN, by=(Axis.AGE_BAND,))
    assert dict(told.table) == {("80+",): 25}
    assert dict(told.joined) == {"age_band": "20 years"}


def test_small_regions_are_told_as_the_larger_one_or_as_others() -> None:
    plain = without_noise(SIZED)
    cells = {("LV00A",): 50, ("LV00B",): 8, ("LV00C",): 4, ("LV00D",): 20, ("LV00E",): 20, ("?",): 10}
    told = released(112, cells, plain, by=(Axis.REGION,))
    assert dict(told.table) == {("LV00A",): 50, ("LV00B",): 10, ("other",): 40, ("?",): 10}
    fewer = released(17, {("LV00A",): 9, ("LV00B",): 8}, plain, by=(Axis.REGION,))
    assert (dict(fewer.table), dict(fewer.joined)) == ({("LV00A",): 15}, {"region": "larger regions"})


def test_a_cell_is_told_like_the_question_that_it_is() -> None:
    # Asking both ways shall not give two draws of one number.
    for code in range(10, 40):
        table = released(400, sexes(150, 250), POLICY, sick(f"C{code}"), by=(Axis.SEX,)).table
        assert table[("female",)] == released(150, None, POLICY, sick(f"C{code}"), FEMALE).total
        bands = released(
            400, {("50-54",): 150, ("55-59",): 250}, POLICY, sick(f"C{code}"), by=(Axis.AGE_BAND,)
        ).table
        assert bands[("50-54",)] == released(150, None, POLICY, sick(f"C{code}"), aged(50, 54)).total


# --- attrition --------------------------------------------------------------------------------------------


def steps(*counts: int, policy: Policy = PLAIN) -> list[int | None]:
    criteria = [sick(f"C{10 + n}") for n in range(len(counts) - 1)]
    return release_steps(admitted(question(*criteria), policy=policy, steps=True), counts, policy, KEY)


def test_attrition_tells_a_step_only_if_many_dropped_out() -> None:
    assert steps(1000, 500, 100) == [1000, 500, 100]
    # 10 must have dropped out for certain: 14 by the told numbers, which are each within 2.
    assert steps(1000, 515, 500) == [1000, 515, 500]
    assert steps(1000, 510, 500) == [1000, None, 500]
    assert steps(1000, 520, 510, 500) == [1000, 520, None, 500]
    assert steps(1000, 501, 501, 501) == [1000, None, None, 500]


def test_attrition_ends_where_it_is_too_small() -> None:
    assert steps(1000, 50, 9, 9) == [1000, 50, None, None]
    assert steps(9, 9) == [None, None]


def test_attrition_tells_the_last_step_as_the_question_that_it_is() -> None:
    criteria: list[Criterion] = [sick("C34"), FEMALE, aged(50, 69)]
    told = release_steps(admitted(question(*criteria), steps=True), [5000, 1000, 500, 100], POLICY, KEY)
    assert told[-1] == released(100, None, POLICY, *criteria).total
    assert told == sorted(told, key=lambda n: -(n or 0))
    with pytest.raises(ValueError, match="3 counts for 4 steps"):
        release_steps(admitted(question(*criteria), steps=True), [5000, 1000, 500], POLICY, KEY)


# --- coverage ---------------------------------------------------------------------------------------------


def test_a_stratum_is_told_apart_only_if_its_siblings_are_large_enough_too() -> None:
    sizes: dict[Stratum, int] = {
        ("LV00A", "50-54"): 60, ("LV00A", "55-59"): 70, ("LV00B", "50-54"): 49, ("LV00B", "55-59"): 80,
    }  # fmt: skip
    assert strata(sizes, POLICY, "hub") == {
        ("LV00A", "50-54"): ("LV00A", "50-54"),
        ("LV00A", "55-59"): ("LV00A", "55-59"),
        ("LV00B", "50-54"): ("LV00B",),
        ("LV00B", "55-59"): ("LV00B",),
    }
    small = {**sizes, ("LV00C", "50-54"): 10}
    assert set(strata(small, POLICY, "hub").values()) == {()}
    # An empty one is treated as a small one.
    assert strata({**sizes, ("LV00C", "50-54"): 0}, POLICY, "hub") == dict.fromkeys(
        [*sizes, ("LV00C", "50-54")], ()
    )
    assert strata({("LV00A",): 49}, POLICY, "hub") == {}


def test_sketches_leave_for_the_hub_alone() -> None:
    with pytest.raises(PermissionError, match="for 'hub' alone, not for 'cilda'"):
        strata({("LV00A",): 1000}, POLICY, "cilda")
    assert isinstance(Memory(KEY), Memory)
