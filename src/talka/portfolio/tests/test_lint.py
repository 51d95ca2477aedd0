"""The linter over projects, bills and the plan: the key, and each rule by what is wrong beside what is right."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone, translation

from talka.core import lint
from talka.core.actions import SYSTEM
from talka.core.testing import acting
from talka.domains.models import Ecosystem
from talka.legislation.tests.factories import bill
from talka.network.tests.factories import ecosystem
from talka.plan.models import FundingSource, Measure, Plan, Section
from talka.portfolio.tests import factories
from talka.strategy.models import Strategy

pytestmark = pytest.mark.django_db

# Part A of docs/answer-key.md, as far as this room and the bills answer for it.
KEY = {
    ("L01", "info"): ["patient-data-secondary-use"],
    ("L02", "warning"): ["scientific-activity"],
    ("L03", "warning"): ["scientific-activity"],
    ("R01", "info"): ["biomaterials-centre"],
    ("R02", "warning"): [
        "biomaterials-centre/4",
        "biomaterials-centre/5",
        "biomaterials-centre/6",
        "biopharma-centre/4",
    ],
    ("R03", "warning"): ["biopharma-centre"],
    ("R04", "warning"): ["biopharma-centre"],
    ("R06", "warning"): ["biomaterials-centre/4", "biomaterials-centre/6", "biopharma-centre/4"],
    ("R07", "warning"): ["biopharma-centre"],
    ("R08", "info"): ["biomaterials-centre", "biopharma-centre"],
}


def found(eco: Ecosystem, *codes: str) -> dict[tuple[str, str], list[str]]:
    """Places by rule and severity."""
    places: dict[tuple[str, str], list[str]] = {}
    for finding in lint.run("domains.ecosystem", Ecosystem.objects.get(pk=eco.pk)):
        if not codes or finding.code in codes:
            places.setdefault((finding.code, finding.severity), []).append(finding.place)
    return {rule: sorted(each) for rule, each in places.items()}


def plan(eco: Ecosystem, *measures: tuple[str, str, Any], state: str = "draft") -> Plan:
    """A plan of 2023 with measures (number, title, bill)."""
    with acting():
        strategy = Strategy(ecosystem=eco, number=1, title_lv="Stratēģija", starts=2023, ends=2027)
        strategy.save()
        made = Plan(ecosystem=eco, year=2023, title_lv="Plāns", strategy=strategy, state=state)
        made.save()
        section = Section(
            plan=made,
            number="1.1",
            direction_number="1",
            direction_title_lv="Virziens",
            title_lv="Prioritāte",
        )
        section.save()
        for number, title, carried in measures:
            Measure(plan=made, section=section, number=number, title_lv=title, bill=carried).save()
    return made


# ---------------------------------------------------------------- the key


def test_the_rules_find_in_the_real_ecosystem_what_the_answer_key_says_and_nothing_else() -> None:
    eco = ecosystem("biomed")
    factories.real_portfolio(eco)
    bills = {each.code: each for each in eco.bills.all()}
    plan(
        eco,
        (
            "3.1.1",
            "Pacientu datu otrreizējās izmantošanas likuma apstiprināšana",
            bills["patient-data-secondary-use"],
        ),
        ("3.1.2", "Biobanku likuma apstiprināšana", bills["biobanks"]),
    )
    assert found(eco) == KEY


def test_findings_lead_to_their_place_and_say_what_would_be_right() -> None:
    eco = ecosystem("biomed")
    factories.real_portfolio(eco)
    with translation.override("lv"):
        findings = list(lint.run("domains.ecosystem", eco))
    for finding in findings:
        assert finding.url.startswith("/lv/biomed/")
        assert finding.found.strip()
        assert finding.expected.strip()


@pytest.mark.parametrize("rows", [1, 3])
def test_the_rules_cost_the_same_whatever_the_number_of_projects(
    django_assert_num_queries: Any, rows: int
) -> None:
    eco = ecosystem()
    for number in range(rows):
        factories.kpi(factories.project(eco, f"p{number}"))
    fresh = Ecosystem.objects.get(pk=eco.pk)
    with django_assert_num_queries(11):  # three of them the rules of biobanks, over the same ecosystem
        list(lint.run("domains.ecosystem", fresh))


# ---------------------------------------------------------------- projects, one rule after another


def test_r01_due_after_the_end() -> None:
    eco = ecosystem()
    wrong = factories.project(eco, "wrong", ends="2026")
    factories.kpi(wrong, "a", due="2027-01-01")
    factories.kpi(wrong, "b", due="2026")
    right = factories.project(eco, "right", ends="2026")
    factories.kpi(right, due="2026-12-31")
    factories.kpi(factories.project(eco, "open"), due="2030")
    assert found(eco, "R01") == {("R01", "info"): ["wrong"]}


def test_r02_percentage_without_baseline() -> None:
    eco = ecosystem()
    project = factories.project(eco, "p")
    factories.kpi(project, "wrong", unit_lv="%", goal=Decimal(5))
    factories.kpi(project, "with baseline", unit_lv="%", baseline=Decimal(0), goal=Decimal(5))
    factories.kpi(project, "a count", goal=Decimal(5))
    factories.kpi(project, "without goal", unit_lv="%", goal=None)
    assert found(eco, "R02") == {("R02", "warning"): ["p/1"]}


def test_r03_funding_ends_before_the_project() -> None:
    eco = ecosystem()
    with acting():
        sources = {}
        for code, ends in (("short", "2026"), ("long", "2029"), ("open", "")):
            sources[code] = FundingSource(code=code, title_lv=code, kind_of="eu", ends=ends)
            sources[code].save()
    factories.project(eco, "wrong", ends="2029", funding_sources=[sources["long"], sources["short"]])
    factories.project(eco, "right", ends="2029", funding_sources=[sources["long"], sources["open"]])
    factories.project(eco, "endless", funding_sources=[sources["short"]])
    assert found(eco, "R03") == {("R03", "warning"): ["wrong"]}


def test_r04_started_while_only_applied_for(monkeypatch: pytest.MonkeyPatch) -> None:
    eco = ecosystem()
    factories.project(eco, "wrong", status="applied", starts="2023")
    factories.project(eco, "later", status="applied", starts="2024-07")
    factories.project(eco, "granted", status="approved", starts="2023")
    factories.project(eco, "undated", status="applied")
    monkeypatch.setattr(timezone, "localdate", lambda *_: date(2024, 6, 30))
    assert found(eco, "R04") == {("R04", "warning"): ["wrong"]}
    monkeypatch.setattr(timezone, "localdate", lambda *_: date(2024, 7, 1))
    assert found(eco, "R04") == {("R04", "warning"): ["later", "wrong"]}


@pytest.mark.parametrize(
    ("title", "comparison", "wrong"),
    [
        ("palielināsies rakstu skaits", "at_most", True),
        ("eksporta kāpums", "at_least", False),
        ("kāpināts eksports", "at_most", True),
        ("gaidīšanas laiks dienās", "at_most", False),
        ("jaunatklāto audzēju skaits", "at_most", False),
        ("palielināsies rakstu skaits", "at_least", False),
    ],
)
def test_r06_growth_with_a_cap(title: str, comparison: str, wrong: bool) -> None:
    eco = ecosystem()
    factories.kpi(factories.project(eco, "p"), title, comparison=comparison)
    assert found(eco, "R06") == ({("R06", "warning"): ["p/1"]} if wrong else {})


def test_r07_an_indicator_without_date_is_named_and_a_project_without_any_once() -> None:
    eco = ecosystem()
    none = factories.project(eco, "none")
    factories.kpi(none, "a")
    factories.kpi(none, "b")
    some = factories.project(eco, "some")
    factories.kpi(some, "a", due="2026")
    factories.kpi(some, "b")
    factories.project(eco, "empty")
    assert found(eco, "R07") == {("R07", "warning"): ["none", "some/2"]}


def test_r08_long_term_project_without_priority() -> None:
    eco = ecosystem()
    factories.project(eco, "wrong")
    factories.project(eco, "example", kind_of="example")
    assert found(eco, "R08") == {("R08", "info"): ["wrong"]}


# ---------------------------------------------------------------- bills and the plan


@pytest.mark.parametrize(
    ("title", "wrong"),
    [
        ("Pacientu datu otrreizējās izmantošanas likuma apstiprināšana", True),
        ("Datu otrreizējās izmantošanas likuma apstiprināšana", False),
        ("Pieņemt Datu otrreizējās izmantošanas likumu", False),
        ("Panākt, ka Datu otrreizējās izmantošanas likums stājas spēkā", False),
        ("Datu atkārtotas izmantošanas likuma virzīšana", True),
        ("Saskaņošana ar nozari", False),
        ("Grozījumi Darba likumā", False),
    ],
)
def test_l01_a_bill_called_otherwise_in_the_plan(title: str, wrong: bool) -> None:
    eco = ecosystem()
    row = bill(eco, "data", title_lv="Datu otrreizējās izmantošanas likums")
    plan(eco, ("1.1.1", title, row))
    assert found(eco, "L01") == ({("L01", "info"): ["data"]} if wrong else {})


def test_l02_a_bill_that_no_measure_carries() -> None:
    eco = ecosystem()
    carried = bill(eco, "carried")
    bill(eco, "forgotten")
    bill(eco, "law", "in_force")
    bill(eco, "dead", "rejected")
    assert found(eco, "L02") == {}  # without a plan there is nothing to be missing from
    made = plan(eco, ("1.1.1", "Likuma carried pieņemšana", carried))
    assert found(eco, "L02") == {("L02", "warning"): ["forgotten"]}
    with acting():
        made.state = "superseded"
        made.save()
        Plan(ecosystem=eco, year=2024, title_lv="Plāns", strategy=made.strategy).save()
    assert found(eco, "L02") == {("L02", "warning"): ["carried", "forgotten"]}
    assert SYSTEM.pk is None
