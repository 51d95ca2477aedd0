"""What pages cost in queries: the same for one measure and three, and few while nothing happens."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from talka.core.actions import SYSTEM
from talka.core.testing import acting
from talka.domains.models import Ecosystem
from talka.plan import actions
from talka.plan.tests import factories
from talka.strategy.models import Priority, Target

pytestmark = pytest.mark.django_db

SHOWN = 5  # the ecosystem; twice the last events of the ecosystem and of the hub


def ecosystem(rows: int) -> Ecosystem:
    """An ecosystem with a strategy and a plan in force: so many targets, and so many measures, all late."""
    eco = factories.ecosystem()
    factories.strategy(eco)
    priority = Priority.objects.filter(strategy__ecosystem=eco).first()
    assert priority is not None
    with acting():
        for nth in range(rows):
            Target(
                strategy=priority.strategy,
                priority=priority,
                code=f"t{nth}",
                title_lv=f"Mērķis {nth}",
                goal=nth + 1,
            ).save()
    factories.plan(eco, measures=rows, adopted=True)
    return eco


@pytest.mark.parametrize("rows", [1, 3])
def test_the_overview_is_drawn_once_after_each_event(
    rows: int, client: Client, django_assert_num_queries: Any
) -> None:
    eco = ecosystem(rows)
    url = eco.get_absolute_url()
    client.get(url)
    with django_assert_num_queries(SHOWN):
        kept = client.get(url).content.decode()
    assert kept.count("Mērķis") == rows
    plan = eco.plans.get()
    actions.finish(plan.measures.all()[0], by=SYSTEM)
    drawn = client.get(url).content.decode()
    assert f"1 no {rows}" in drawn


@pytest.mark.parametrize("rows", [1, 3])
def test_an_overview_that_is_not_kept_costs_the_same_for_one_and_three(
    rows: int, client: Client, django_assert_num_queries: Any
) -> None:
    url = ecosystem(rows).get_absolute_url()
    with django_assert_num_queries(SHOWN + 51):
        client.get(url)
