"""What a page prints of measures is what their rows say, read as plain values at a fixed cost."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from talka.core.actions import HUB, SYSTEM
from talka.plan import actions, queries
from talka.plan.models import Plan
from talka.plan.tests import factories

pytestmark = pytest.mark.django_db


def drawn(count: int) -> Plan:
    """A plan whose measures fill their columns in different ways."""
    eco = factories.ecosystem()
    factories.strategy(eco)
    plan = factories.plan(eco)
    izm = factories.organisation("IZM", "Izglītības un zinātnes ministrija", name_en="Ministry of Education")
    group = factories.organisation("", "Pētniecības organizācijas", name_en="Research organisations")
    eraf = actions.add_funding_source(
        HUB, by=SYSTEM, code="eraf", acronym="ERAF", title_lv="Fonds", title_en="Fund", kind_of="eu"
    )
    fund = actions.add_funding_source(
        HUB, by=SYSTEM, code="cits", title_lv="Cits fonds", title_en="Another fund", kind_of="eu"
    )
    for nth in range(1, count + 1):
        factories.measure(
            plan,
            f"1.1.{nth}",
            results_lv=["Pirmais", "Otrais"],
            results_en=["First"],
            indicators_lv=[f"{nth} ziņojumi"],
            indicators_en=[f"{nth} reports"],
            responsible=[izm, group][:nth],
            involved=[group] if nth == 1 else [],
            deadline="2023-Q3",
            funding=[{"source": eraf}, {"source": fund}, {"text": "Savi līdzekļi"}][:nth],
        )
    return plan


@pytest.mark.parametrize("language", ["lv", "en"])
def test_it_is_what_the_rows_say(language: str) -> None:
    plan = drawn(3)
    with translation.override(language):
        rows = [queries.shown_cells(measure) for measure in queries.measures(plan)]
        printed = [queries.shown_cells(measure) for measure in queries.to_print(queries.in_order(plan))]
    assert printed == rows
    assert [cells["funding"] for cells in printed] == (
        ["ERAF", "ERAF, Cits fonds", "ERAF, Cits fonds, Savi līdzekļi"]
        if language == "lv"
        else ["ERAF", "ERAF, Another fund", "ERAF, Another fund, Savi līdzekļi"]
    )


@pytest.mark.parametrize("count", [1, 3])
def test_it_costs_five_queries(count: int, django_assert_num_queries: Any) -> None:
    plan = drawn(count)
    with django_assert_num_queries(5):
        assert (
            len([queries.shown_cells(measure) for measure in queries.to_print(queries.in_order(plan))])
            == count
        )
