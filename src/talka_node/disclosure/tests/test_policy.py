"""A policy is data that names only what differs, and what is no policy is refused with what would be right."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from talka_node.disclosure import Standing, default, read
from talka_node.disclosure.tests.asking import SIZED

pytestmark = pytest.mark.once

CELLS = "open, permit, rounding, noise, cut, complement, share, joined, between"


def test_the_default_is_the_one_of_the_documentation() -> None:
    policy = default()
    assert (policy.version, policy.dated) == (1, date(2026, 1, 1))
    assert [policy.minimum(standing) for standing in Standing] == [10, 5]
    assert (policy.cells.rounding, policy.question.axes, policy.grid.outside) == (5, 3, "snap")


def test_a_policy_names_what_differs(tmp_path: Path) -> None:
    own = tmp_path / "policy.yaml"
    own.write_text(
        "version: 7\ndated: 2026-02-03\ncells: {rounding: 10}\nregions: {LV00A: {people: 600000}}\n",
        encoding="utf-8",
    )
    policy = read(own)
    assert (policy.version, policy.dated, policy.cells.rounding) == (7, date(2026, 2, 3), 10)
    assert (policy.cells.open, policy.regions["LV00A"].people) == (10, 600_000)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- 1", "policy.yaml: a policy is a mapping like default.yaml, not list"),
        ("version: 2", "policy.yaml: dated is missing; every policy has a version and the day it is from"),
        ("cell: {open: 10}", "policy.yaml: there is no 'cell'; the nearest is cells"),
        ("cells: {opn: 10}", "policy.yaml.cells: there is no 'opn'; the nearest is open"),
        ("cells: 10", f"policy.yaml.cells: a mapping is meant ({CELLS}), not 10"),
        ("cells: {open: ten}", "policy.yaml.cells.open: int is meant, not 'ten'"),
        ("cells: {open: true}", "policy.yaml.cells.open: int is meant, not True"),
        ("cells: {permit: 4}", "policy.yaml.cells: open and permit are at least 5"),
        ("cells: {open: 3, permit: 3}", "policy.yaml.cells: open and permit are at least 5"),
        ("cells: {rounding: 3}", "policy.yaml.cells.rounding: 5, 10, 20 or 50"),
        ("cells: {joined: [5, 12]}", "policy.yaml.cells.joined: each a multiple of the one before"),
        ("variants: {carriers: 5}", "policy.yaml.variants.carriers: at least cells.open"),
        ("question: {axes: 4}", "policy.yaml.question.axes: from 0 to 3"),
        ("grid: {outside: ignore}", "policy.yaml.grid.outside: snap or refuse"),
        ("regions: {LV00A: {part_of: LV}}", "policy.yaml.regions.LV00A.people is missing"),
        ("regions: {LV00A: 12}", "policy.yaml.regions.LV00A: dict is meant, not 12"),
    ],
)  # fmt: skip
def test_what_is_no_policy_is_told(tmp_path: Path, text: str, told: str) -> None:
    own = tmp_path / "policy.yaml"
    whole = text if text.startswith(("-", "version")) else f"version: 2\ndated: 2026-02-03\n{text}"
    own.write_text(whole, encoding="utf-8")
    with pytest.raises(ValueError) as raised:
        read(own)
    assert str(raised.value) == told


def test_a_small_region_stands_for_the_larger_one_that_it_lies_in() -> None:
    assert [SIZED.region(code) for code in ("LV00A", "LV00B", "LV00C", "LV00D", "LV00E")] == [
        "LV00A", "LV00B", "LV00B", None, None,
    ]  # fmt: skip
    assert SIZED.version == default().version + 1
