"""Shares: set at once, summing to 1, and splitting any amounts so that nothing is counted twice or lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talka.core.actions import HUB, SYSTEM, Invalid, Refused
from talka.core.testing import acting
from talka.domains import actions, queries
from talka.domains.models import Domain, Ecosystem, Mission, Share
from talka.domains.tests.test_domains import Someone, domain, ecosystem

pytestmark = pytest.mark.django_db


class Thing:
    """Something of an ecosystem that can have shares: the room knows things by kind and number only."""

    def __init__(self, where: Ecosystem, pk: int) -> None:
        self.pk, self.ecosystem_id = pk, where.pk

    @staticmethod
    def kind() -> str:
        return "strategy.target"

    def __str__(self) -> str:
        return f"thing {self.pk}"


def share(thing: Thing, by: Any = SYSTEM, **weights: str) -> list[Share]:
    found: dict[Domain | Mission, Decimal] = {}
    for code, weight in weights.items():
        row = Domain.objects.filter(code=code).first() or Mission.objects.get(code=code)
        found[row] = Decimal(weight)
    return actions.set_shares(thing, by=by, shares=found)  # type: ignore[arg-type]  # a stand-in for a row above


@pytest.fixture
def where() -> Ecosystem:
    kept = ecosystem()
    domain("ikt")
    actions.add_mission(HUB, by=SYSTEM, code="jura", title_lv="Jūra 2030")
    return kept


def test_shares_are_set_all_at_once(where: Ecosystem) -> None:
    thing = Thing(where, 1)
    share(thing, bio="0.7", jura="0.3")
    share(thing, bio="0.5", ikt="0.25", jura="0.25")
    rows = queries.shares_of("strategy.target", [1])[1]
    assert {str(each.domain or each.mission): each.weight for each in rows} == {
        "Joma bio": Decimal("0.5"),
        "Joma ikt": Decimal("0.25"),
        "Jūra 2030": Decimal("0.25"),
    }
    share(thing)
    assert queries.shares_of("strategy.target", [1]) == {}


@pytest.mark.parametrize(
    "weights",
    [{"bio": "0.9"}, {"bio": "0.7", "ikt": "0.4"}, {"bio": "1.5", "ikt": "-0.5"}, {"bio": "1", "ikt": "0"}],
)
def test_shares_that_do_not_sum_to_one_are_refused(where: Ecosystem, weights: dict[str, str]) -> None:
    thing = Thing(where, 1)
    share(thing, bio="1")
    with pytest.raises(Invalid) as refused:
        share(thing, **weights)
    assert refused.value.field == "shares"
    assert [each.weight for each in queries.shares_of("strategy.target", [1])[1]] == [Decimal(1)]


def test_a_share_of_a_third_is_refused_beyond_six_decimals(where: Ecosystem) -> None:
    with pytest.raises(Invalid):
        share(Thing(where, 1), bio="0.3333333", ikt="0.6666667")
    share(Thing(where, 1), bio="0.333333", ikt="0.666667")


def test_whoever_coordinates_the_ecosystem_may_share(where: Ecosystem) -> None:
    thing = Thing(where, 1)
    share(thing, by=Someone(1, "domains.share", where=where.pk), bio="1")
    for who in (Someone(2, "domains.share", where=where.pk + 1), Someone(3, "domains.edit")):
        with pytest.raises(Refused):
            share(thing, by=who, bio="1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": Decimal(0)},
        {"weight": Decimal("1.1")},
        {"domain": None},
        {"mission": "jura"},
    ],
)
def test_the_database_keeps_what_must_be_true(where: Ecosystem, wrong: dict[str, Any]) -> None:
    values = {"weight": Decimal("0.5"), "domain": where.domain, "mission": None, **wrong}
    if values["mission"] is not None:
        values["mission"] = Mission.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic(), acting():
        Share(about_kind="x.y", about_id=1, ecosystem_id=where.pk, **values).save()


def test_one_domain_gets_one_share_of_a_thing(where: Ecosystem) -> None:
    with acting():
        Share(
            about_kind="x.y", about_id=1, ecosystem_id=where.pk, domain=where.domain, weight=Decimal("0.5")
        ).save()
        with pytest.raises(IntegrityError), transaction.atomic():
            Share(
                about_kind="x.y",
                about_id=1,
                ecosystem_id=where.pk,
                domain=where.domain,
                weight=Decimal("0.5"),
            ).save()


def test_what_has_no_shares_serves_its_ecosystems_domain_whole(where: Ecosystem) -> None:
    share(Thing(where, 1), bio="0.7", jura="0.3")
    totals = queries.apportion(where, "strategy.target", {1: 10, 2: Decimal("2.5")})
    assert {str(thing): amount for thing, amount in totals.items()} == {
        "Joma bio": Decimal("7.0") + Decimal("2.5"),
        "Jūra 2030": Decimal("3.0"),
    }


@pytest.mark.parametrize("rows", [1, 3])
def test_apportioning_costs_one_query(where: Ecosystem, rows: int, django_assert_num_queries: Any) -> None:
    for number in range(rows):
        share(Thing(where, number), bio="0.5", ikt="0.5")
    with django_assert_num_queries(1):
        queries.apportion(where, "strategy.target", dict.fromkeys(range(rows), 1))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amounts=st.dictionaries(
        st.integers(1, 8), st.decimals("0", "1000000", places=2, allow_nan=False), min_size=1, max_size=8
    ),
    parts=st.dictionaries(
        st.integers(1, 8), st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=8
    ),
)
def test_nothing_is_counted_twice_or_lost(
    where: Ecosystem, amounts: dict[int, Decimal], parts: dict[int, tuple[int, int]]
) -> None:
    """Conservation: whatever the shares, what is split sums to what there was."""
    with transaction.atomic():
        for pk, (first, second) in parts.items():
            left = Decimal(min(first, second)) / 10**6
            middle = Decimal(abs(first - second)) / 10**6
            weights = {"bio": left, "ikt": middle, "jura": 1 - left - middle}
            share(Thing(where, pk), **{code: str(weight) for code, weight in weights.items() if weight})
        totals = queries.apportion(where, "strategy.target", amounts)
        assert sum(totals.values(), Decimal(0)) == sum(amounts.values(), Decimal(0))
        assert all(amount >= 0 for amount in totals.values())
        transaction.set_rollback(True)
