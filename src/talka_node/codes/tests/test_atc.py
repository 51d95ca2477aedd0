from __future__ import annotations

import pytest

from talka_node.codes import atc

pytestmark = pytest.mark.once


def test_five_levels_each_a_longer_prefix() -> None:
    assert atc.above("A10BA02") == ["A10BA", "A10B", "A10", "A"]
    assert [atc.is_code(code) for code in ("A", "A10", "A10B", "A10BA", "A10BA02")] == [True] * 5
    assert [atc.is_code(code) for code in ("", "A1", "A10B0", "A10BA0", "A10BA023", "a10")] == [False] * 6


def test_a_subgroup_matches_its_groups() -> None:
    assert atc.matches("A10BA02", "A10", descendants=True)
    assert atc.matches("A10", "A10", descendants=True)
    assert not atc.matches("A10", "A10BA02", descendants=True)
    assert not atc.matches("A10BA02", "A10", descendants=False)
    assert atc.matches("A10", "A10", descendants=False)


def test_one_way_of_writing_a_code() -> None:
    assert atc.normal(" a10 ba 02") == "A10BA02"
    with pytest.raises(ValueError, match="A10BA02"):
        atc.normal("A1")
    with pytest.raises(ValueError, match="A10BA02"):
        atc.above("A1")
