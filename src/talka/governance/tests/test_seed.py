"""The real strategy and plan come into force by decisions, which say what they changed."""

from __future__ import annotations

from collections import Counter

import pytest
from django.utils import timezone

from talka.documents import seeds
from talka.governance import queries
from talka.governance.models import Decision
from talka.plan.models import Plan
from talka.strategy.models import Strategy

pytestmark = pytest.mark.django_db


def test_the_seeded_decisions_put_the_strategy_and_the_plan_in_force_once() -> None:
    seeds.load(seeds.SEEDS / "biomedicine")
    year = timezone.localdate().year
    first, second = Decision.objects.order_by("id")
    assert (first.number, second.number) == (f"{year}-1", f"{year}-2")
    strategy, plan = Strategy.objects.get(), Plan.objects.get()
    assert (strategy.state, strategy.decision) == ("adopted", first)
    assert (plan.state, plan.decision) == ("adopted", second)
    changed = Counter(each.subject_kind for row in (first, second) for each in queries.changes(row))
    assert changed == {"strategy.strategy": 1, "plan.plan": 1}
    again = seeds.load(seeds.SEEDS / "biomedicine")
    assert [(each.new, each.changed) for each in again if each.sheet == "governance.decisions"] == [(0, 0)]
    assert Decision.objects.count() == 2
