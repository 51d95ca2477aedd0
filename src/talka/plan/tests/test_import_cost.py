"""An import asks the same number of questions for three measures and for thirty, the record of it included."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from talka.core.actions import SYSTEM
from talka.core.models import Change
from talka.plan import actions
from talka.plan.tests import factories

pytestmark = pytest.mark.django_db


def asked(code: str, count: int) -> int:
    eco = factories.ecosystem(code)
    factories.strategy(eco)
    plan = factories.plan(eco)
    office = factories.organisation(f"IZD-{code}")
    rows = [
        {
            "number": f"1.1.{nth}",
            "section": "1.1",
            "title_lv": f"Pasākums {nth}",
            "results_lv": [f"Rezultāts {nth}"],
            "indicators_lv": [f"{nth} ziņojumi"],
            "responsible": [office],
            "funding": [{"text": "Savi līdzekļi"}],
        }
        for nth in range(1, count + 1)
    ]
    before = Change.objects.count()
    with CaptureQueriesContext(connection) as captured:
        actions.put_measures(plan, by=SYSTEM, rows=rows)
    assert Change.objects.count() - before == 5 * count  # a measure and the four rows below it
    return len(captured)


def test_the_number_of_questions_does_not_grow_with_the_rows() -> None:
    assert asked("bees", 3) == asked("wasps", 30)
