"""The room's tables: what they show reads back the same, what they refuse, many rows by one act."""

from __future__ import annotations

from typing import Any

import pytest

from talka.core.actions import HUB, SYSTEM
from talka.core.models import Event
from talka.core.sheets import SHEETS, Raw
from talka.plan import actions, queries
from talka.plan.models import Plan
from talka.plan.tests import factories as draw

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("code", ["plan.funding_sources", "plan.plans", "plan.sections", "plan.measures"])
def test_what_a_table_shows_reads_back_the_same(code: str):
    plan = draw.real_plan(draw.ecosystem())
    one, two, *_rest = queries.measures(plan)
    # Everything that the seed's plan does not have: translations missing in part, sums, a start.
    actions.edit_measure(
        one, by=SYSTEM, results_lv=["A", "B", "C"], results_en=["", "b", ""], starts="2023-Q1"
    )
    eraf = queries.funding_spellings()["eraf"]
    actions.edit_measure(
        two, by=SYSTEM, funding=[{"source": eraf, "amount": 1000, "until": "2027"}, {"text": "dāvana"}]
    )
    sheet = SHEETS[code]
    parent: Any = {"hub": HUB, "domains.ecosystem": plan.ecosystem, "plan.plan": plan}[sheet.over]
    raws = [Raw(f"row {nth}", sheet.shown(row)) for nth, row in enumerate(sheet.rows(parent), 1)]
    preview = sheet.preview(parent, raws)
    assert (preview.problems, [(item.name, item.differences) for item in preview.changes]) == ([], [])


def test_a_source_of_funding_is_changed_with_all_its_columns():
    sheet = SHEETS["plan.funding_sources"]
    row = actions.add_funding_source(HUB, by=SYSTEM, code="eraf", title_lv="ERAF")
    cells = {"code": "eraf", "title_lv": "ERAF (ES)", "source": "Plāns 2023"}
    preview = sheet.preview(HUB, [Raw("row 1", cells)])
    assert preview.problems == []
    sheet.apply(preview, by=SYSTEM)
    row.refresh_from_db()
    assert (row.title_lv, row.source) == ("ERAF (ES)", "Plāns 2023")


def test_a_copy_made_from_the_tables_says_the_same():
    plan = draw.real_plan(draw.ecosystem())
    other = actions.add_plan(plan.ecosystem, by=SYSTEM, year=2024)
    for code in ("plan.sections", "plan.measures"):
        sheet = SHEETS[code]
        raws = [Raw(f"row {nth}", sheet.shown(row)) for nth, row in enumerate(sheet.rows(plan), 1)]
        sheet.apply(sheet.preview(other, raws), by=SYSTEM)
    assert [SHEETS["plan.measures"].shown(row) for row in SHEETS["plan.measures"].rows(other)] == [
        SHEETS["plan.measures"].shown(row) for row in SHEETS["plan.measures"].rows(plan)
    ]
    assert [row.kind for row in queries.compare(plan, other).rows] == ["same"] * 17


def test_many_measures_are_one_act():
    plan = draw.real_plan(draw.ecosystem())
    assert Event.objects.filter(verb="plan.put_measures").count() == 1
    assert queries.measures(plan).count() == 17


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"section": "9.9"}, "“9.9” is not known"),
        ({"responsible": "Nezināmi"}, "no institution is called “Nezināmi”"),
        ({"deadline": "2023-02-30"}, "February 2023 has 28 days"),
        ({"funding": [{"source": "nav"}]}, "no source of funding is called “nav”"),
        ({"funding": [{"avots": "vbf"}]}, "source, text, amount, currency, until"),
        ({"funding": "{"}, "is not JSON"),
        ({"funding": [{"text": "X", "amount": "daudz"}]}, "“daudz” is not a number"),
        ({"funding": [{"text": "X", "until": "2023-13"}]}, "there is no month 13"),
        ({"title_lv": ""}, "must be given"),
        ({"nosaukums": "X"}, "there is no column"),
    ],
)
def test_bad_cells_are_named(cells: dict[str, Any], message: str):
    of = draw.ecosystem()
    draw.strategy(of)
    plan = draw.plan(of)
    row = {"number": "1.1.1", "section": "1.1", "title_lv": "A", **cells}
    (problem,) = SHEETS["plan.measures"].preview(plan, [Raw("row 1", row)]).problems
    assert message in problem.message
    assert problem.place.startswith("row 1")


def test_a_year_shows_the_plan_in_force():
    of = draw.ecosystem()
    draw.strategy(of)
    first = draw.plan(of, 2023, 1, adopted=True)
    actions.new_version(first, by=SYSTEM)
    draw.plan(of, 2024)
    assert [(row.year, row.number) for row in SHEETS["plan.plans"].rows(of)] == [(2023, 1), (2024, 1)]
    assert Plan.objects.count() == 3
