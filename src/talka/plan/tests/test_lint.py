"""The rules over a plan: what they find in the real one, and each by itself, wrong and right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.apps import apps

from talka.core import lint
from talka.core.actions import HUB, SYSTEM
from talka.core.testing import acting
from talka.plan import actions, queries
from talka.plan.models import Measure, Plan
from talka.plan.tests import factories as draw

pytestmark = pytest.mark.django_db
KEY = Path(__file__).with_name("answer_key.yaml")


def found(plan: Plan) -> Counter[tuple[str, str, str]]:
    """Code, severity and place of everything found, in a plan read anew."""
    fresh = Plan.objects.select_related("ecosystem", "strategy").get(pk=plan.pk)
    return Counter((each.code, each.severity, _named(each)) for each in lint.run("plan.plan", fresh))


def _named(finding: lint.Finding) -> str:
    """The number of the measure or section, the code of the direction or priority that a finding is about."""
    model = apps.get_model(finding.kind)
    row: Any = model._base_manager.get(pk=finding.subject_id)
    name = str(row.number if hasattr(row, "number") else row.code)
    assert name in finding.place
    return name


def test_real_plan_has_exactly_the_defects_of_the_answer_key():
    key = yaml.load(KEY.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    expected = Counter((row["code"], row["severity"], place) for row in key for place in row["places"])
    assert found(draw.real_plan(draw.ecosystem())) == expected


def test_a_finding_says_where_what_and_what_would_be_right():
    plan = draw.real_plan(draw.ecosystem())
    finding = next(each for each in lint.run("plan.plan", plan) if each.code == "P18")
    measure = Measure.objects.get(number="1.2.1")
    assert (finding.place, finding.kind, finding.subject_id, finding.url) == (
        "Measure 1.2.1, result indicator",
        "plan.measure",
        measure.pk,
        measure.get_absolute_url(),
    )
    assert (
        finding.found
        == "“75% būs ieguvuši nepieciešamo kvalifikācijas apstiprinājumu”: of whom or of what is not said."
    )
    assert finding.expected == "The whole that the percentage is taken of, and how many it holds today."


# ---------------------------------------------------------------- each rule by itself

# A measure with which nothing is wrong; each case below changes one thing.
GOOD: dict[str, Any] = {
    "title_lv": "Atvērt laboratoriju",
    "results_lv": ["Laboratorija ir atvērta"],
    "indicators_lv": ["1 laboratorija"],
    "deadline": "2026-Q3",
}


@pytest.fixture
def plan() -> Plan:
    eco = draw.ecosystem()
    draw.strategy(eco, {"Cilvēkresursi": ["Prestižs"]})
    return draw.plan(eco, 2026)


def good(plan: Plan, number: str = "1.1.1", **values: Any) -> Measure:
    izm = draw.organisation(f"I{number}")
    return draw.measure(
        plan, number, **{**GOOD, "responsible": [izm], "funding": [{"text": "VBF"}], **values}
    )


def test_nothing_is_wrong_with_a_good_measure(plan: Plan):
    good(plan)
    assert found(plan) == Counter()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"indicators_lv": []}, ("P01", "error")),
        ({"deadline": ""}, ("P02", "error")),
        ({"responsible": []}, ("P03", "error")),
        ({"funding": []}, ("P04", "warning")),
        ({"deadline": "2026"}, ("P05", "info")),
        ({"indicators_lv": ["Veikti nepieciešamie grozījumi"]}, ("P06", "warning")),
        ({"indicators_lv": ["Grozījumi vai jauns regulējums"]}, ("P06", "warning")),
        ({"indicators_lv": ["Necessary amendments made"]}, ("P06", "warning")),
        ({"results_lv": ["Programmas (tiek precizētas)"]}, ("P12", "warning")),
        ({"funding": [{"text": "tiks precizēts"}]}, ("P12", "warning")),
        ({"indicators_lv": ["To be specified"]}, ("P12", "warning")),
        ({"title_lv": "Biobanku likuma pieņemšana"}, ("P14", "warning")),
        ({"title_lv": "Pieņemt Biobanku likumu"}, ("P14", "warning")),
        ({"starts": "2026-Q4"}, ("P17", "error")),
        ({"indicators_lv": ["75 % ir apmācīti"]}, ("P18", "warning")),
        ({"results_lv": ["Efektīvs modelis"]}, ("P19", "info")),
        ({"title_lv": "Iegūt ļoti plašu paraugu kopu"}, ("P19", "info")),
        ({"deadline": "2025-Q4"}, ("P20", "error")),
    ],
)
def test_what_is_wrong(plan: Plan, values: dict[str, Any], expected: tuple[str, str]):
    good(plan, **values)
    assert found(plan) == Counter([(*expected, "1.1.1")])


@pytest.mark.parametrize(
    "values",
    [
        {"indicators_lv": ["Apstiprināts likums"]},
        {"indicators_lv": ["3 nepieciešamie grozījumi"]},
        {"indicators_lv": ["75 % no nozares darbiniekiem"]},
        {"indicators_lv": ["Divi eksperti"]},
        {"results_lv": ["Lielākie paraugu ievācēji piedalās"]},
        {"results_lv": ["5 lieli projekti"]},
        {"results_lv": ["Paplašināts tīkls"]},
        {"title_lv": "Likumprojekta iesniegšana Saeimā"},
        {"starts": "2026-Q3"},
        {"deadline": "2027-06-30"},
        {"funding": [{"text": "esošā finansējuma ietvaros"}]},
        {"involved": []},
    ],
)
def test_what_is_not_wrong(plan: Plan, values: dict[str, Any]):
    good(plan, **values)
    assert found(plan) == Counter()


def test_parties(plan: Plan):
    both, group, wide = (
        draw.organisation("ABI"),
        draw.organisation("", "Nozare", kind_of="group"),
        draw.organisation("TM"),
    )
    saeima = draw.organisation("", "Latvijas Republikas Saeima")
    good(plan, "1.1.1", title_lv="A", responsible=[both], involved=[both])
    good(plan, "1.1.2", title_lv="B", responsible=[group])
    good(plan, "1.1.3", title_lv="C", involved=[group])
    good(
        plan,
        "1.1.4",
        title_lv="D",
        responsible=[both, wide, draw.organisation("VM"), draw.organisation("LM")],
    )
    good(plan, "1.1.5", title_lv="E", responsible=[both, wide, saeima])
    good(plan, "1.1.6", title_lv="Biobanku likuma pieņemšana", responsible=[saeima])
    assert found(plan) == Counter(
        [
            ("P07", "error", "1.1.1"),
            ("P13", "warning", "1.1.2"),
            ("P13", "info", "1.1.3"),
            ("P15", "warning", "1.1.4"),
        ]
    )


@pytest.mark.parametrize(
    ("ends", "until", "wrong"),
    [("2026-Q2", "", True), ("2026-Q3", "", False), ("", "2025", True), ("2025", "2026", False)],
)
def test_funding_must_last(plan: Plan, ends: str, until: str, wrong: bool):
    source = actions.add_funding_source(
        HUB, by=SYSTEM, code="anm", acronym="ANM", title_lv="Mehānisms", kind_of="eu", ends=ends
    )
    good(plan, funding=[{"source": source, "until": until}])
    assert found(plan) == Counter([("P11", "warning", "1.1.1")] if wrong else [])


def test_same_titles_and_numbers_in_two_ways(plan: Plan):
    good(plan, "1.1.1", title_lv="Viens un tas pats")
    good(plan, "1.1.2", title_lv="viens un tas pats.")
    good(plan, "1.1.3", title_lv="Cits", written={"number": "1.1.3"})
    assert found(plan) == Counter(
        [("S07", "info", "1.1.1"), ("S07", "info", "1.1.2"), ("P16", "info", "1.1.3")]
    )


def _renamed(**values: Any) -> Callable[[Plan], None]:
    def change(plan: Plan) -> None:
        actions.edit_section(queries.sections(plan).get(), by=SYSTEM, **values)

    return change


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"direction_title_lv": "Cilvēkkapitāls"}, [("P08", "warning", "d1")]),
        ({"title_lv": "Prestiža"}, [("P09", "info", "1.1")]),
        ({"title_lv": "Cita prioritāte"}, [("P09", "warning", "1.1")]),
        ({"title_lv": "“Prestižs”."}, []),
    ],
)
def test_names_that_differ_from_the_strategy(
    plan: Plan, values: dict[str, str], expected: list[tuple[str, str, str]]
):
    good(plan)
    _renamed(**values)(plan)
    assert found(plan) == Counter(expected)


def test_priorities_without_measures_and_directions_in_another_order():
    eco = draw.ecosystem()
    strategy = draw.strategy(eco, {"Cilvēki": ["Prestižs"], "Dati": ["Standarti"], "Nauda": ["Granti"]})
    plan = actions.add_plan(eco, by=SYSTEM, year=2026)
    for nth, priority in enumerate(reversed(queries.priorities(strategy)[:2]), 1):
        actions.add_section(
            plan,
            by=SYSTEM,
            number=f"{nth}.1",
            direction_number=str(nth),
            direction_title_lv=priority.direction.title_lv,
            title_lv=priority.title_lv,
            priority=priority,
        )
    good(plan, "1.1.1", section="1.1")
    assert found(plan) == Counter(
        [
            ("S01", "error", "d1-1"),
            ("S01", "error", "d3-1"),
            ("P10", "info", "d1"),
            ("P10", "info", "d2"),
        ]
    )


@pytest.mark.parametrize("count", [1, 3])
def test_a_plan_is_read_once_for_all_rules(plan: Plan, count: int, django_assert_num_queries: Any):
    for nth in range(1, count + 1):
        good(plan, f"1.1.{nth}", title_lv=f"Solis {nth}", funding=[])
    fresh = Plan.objects.select_related("ecosystem", "strategy").get(pk=plan.pk)
    # Measures, results, indicators, parties, funding; sections, priorities.
    with django_assert_num_queries(7):
        assert len(list(lint.run("plan.plan", fresh))) == count


def test_every_rule_has_a_sentence_and_an_explanation():
    for rule in lint.rules_over("plan.plan"):
        assert str(rule.label)
        assert rule.doc.endswith(".")


def test_a_plan_of_a_draft_strategy_can_be_linted():
    eco = draw.ecosystem()
    strategy = draw.strategy(eco)
    with acting():
        strategy.state = "draft"
        strategy.save()
    assert found(draw.plan(eco, 2026)) == Counter([("S01", "error", "d1-1"), ("S01", "error", "d1-2")])
