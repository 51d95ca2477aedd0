"""What we export is IATI 2.03, and our check judges the standard's own cases as the standard does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from lxml import etree

from talka.core.actions import HUB, SYSTEM
from talka.core.testing import acting
from talka.core.values import Period
from talka.documents import iati, seeds
from talka.domains.models import Ecosystem
from talka.parties.models import Organisation
from talka.plan import actions
from talka.plan.models import FundingSource, Measure, Plan
from talka.plan.tests import factories
from talka.strategy.models import Target
from tests.lanes import need_shared

AT = datetime(2023, 11, 24, 12, tzinfo=UTC)
ADDRESS = "https://talka.example.lv"
SEED = Path(seeds.__file__).resolve().parents[1] / "seed" / "biomedicine"


def schemas() -> Path:
    return need_shared("conformance/iati")


def written(plan: Plan) -> etree._Element:
    """The export of a plan, which the official schema accepts."""
    xml = iati.export(plan, address=ADDRESS, at=AT)
    assert iati.validate(xml, schemas()) == []
    return etree.fromstring(xml)


def of_measure(root: etree._Element, number: str) -> etree._Element:
    [activity] = [
        each
        for each in root.findall("iati-activity")
        if str(each.findtext("iati-identifier")).endswith(f"-{number}")
    ]
    return activity


def facts(activity: etree._Element, path: str, *names: str) -> list[tuple[str | None, ...]]:
    """Attributes of each element on a path; "" is its first narrative."""
    return [
        tuple(each.findtext("narrative") if name == "" else each.get(name) for name in names)
        for each in activity.findall(path)
    ]


# ---------------------------------------------------------------- our export


@pytest.mark.django_db
def test_the_real_plan_is_valid() -> None:
    seeds.load(SEED)
    plan = Plan.objects.select_related("ecosystem__domain", "strategy__ecosystem").get()
    root = written(plan)
    assert len(root.findall("iati-activity")) == 1 + 17
    parent = root.find("iati-activity")
    assert parent is not None
    assert len(parent.findall("related-activity")) == 17
    assert len(parent.findall("result")) == plan.strategy.target_set.count()
    no_deadline = of_measure(root, "1.1.1")
    assert facts(no_deadline, "activity-date", "type", "iso-date") == [("1", "2023-01-01")]
    assert [role for role, _name in facts(no_deadline, "participating-org", "role", "")] == [
        "1", "1", "1", "2", "2", "2", "2", "2",
    ]  # fmt: skip
    assert facts(of_measure(root, "1.1.2"), "participating-org[@role='1']", "") == []  # no funding found yet


@pytest.mark.django_db
def test_a_measure_with_everything() -> None:
    eco = factories.ecosystem()
    ministry = factories.organisation("EM", "Ekonomikas ministrija", name_en="Ministry of Economics")
    hospital = factories.organisation(
        "", "Slimnīca Paraugs", kind_of="hospital", registration_number="40003000001"
    )
    university = factories.organisation(
        "RSU", "Universitāte", kind_of="university", helix="science", ror="03nadks56"
    )
    factories.strategy(eco)
    plan = factories.plan(eco)
    vbf = actions.add_funding_source(
        HUB, by=SYSTEM, code="vbf", title_lv="Valsts budžets", title_en="State budget", kind_of="national"
    )
    measure = actions.put_measures(
        plan,
        by=SYSTEM,
        rows=[
            {
                "number": "1.1.1",
                "section": "1.1",
                "title_lv": "Forums",
                "title_en": "Forum",
                "results_lv": ["Notiek forums"],
                "indicators_lv": ["vismaz 2 eksperti"],
                "responsible": [ministry],
                "involved": [hospital, university],
                "starts": "2023-Q2",
                "deadline": "2023-Q3",
                "funding": [{"source": vbf, "amount": Decimal("1500.50")}],
            }
        ],
    )[0]
    actions.adopt(plan, by=SYSTEM)
    anna = factories.account("Anna", "coordinator", where=eco)
    report = actions.report(
        Measure.objects.get(pk=measure.pk),
        by=anna,
        period=Period.parse("2023-Q2"),
        text="Trīs eksperti",
        value=Decimal(3),
    )
    actions.accept_report(report, by=anna)
    actions.report(
        Measure.objects.get(pk=measure.pk),
        by=anna,
        period=Period.parse("2023-Q3"),
        text="Vēl nav skatīts",
        value=Decimal(9),
    )

    root = written(_fresh(plan))
    activity = of_measure(root, "1.1.1")

    assert activity.findtext("iati-identifier") == "TALKA-localhost-biomed-plan-2023-1.1.1"
    assert facts(activity, "reporting-org", "ref", "secondary-reporter", "") == [
        ("TALKA-localhost-biomed", "1", "Biomedicīna")
    ]
    assert [(n.get(f"{{{_XML}}}lang"), n.text) for n in activity.findall("title/narrative")] == [
        ("lv", "Forums"),
        ("en", "Forum"),
    ]
    assert facts(activity, "participating-org", "role", "ref", "type", "") == [
        ("1", None, "10", "Valsts budžets"),
        ("2", None, "10", "Ekonomikas ministrija"),
        ("4", "LV-RE-40003000001", "15", "Slimnīca Paraugs"),
        ("4", "XI-ROR-03nadks56", "80", "Universitāte"),
    ]
    assert facts(activity, "activity-status", "code") == [("1",)]
    assert facts(activity, "activity-date", "type", "iso-date", "") == [
        ("1", "2023-04-01", "2023. gada 2. ceturksnis"),
        ("3", "2023-09-30", "2023. gada 3. ceturksnis"),
    ]
    assert facts(activity, "sector", "code", "percentage") == [("biomed-domain", "100")]
    [budget] = activity.findall("budget")
    assert (budget.findtext("value"), budget[2].get("currency")) == ("1500.50", "EUR")
    [indicator] = activity.findall("result/indicator")
    assert (indicator.get("measure"), indicator.get("ascending")) == ("1", "1")
    assert facts(indicator, "period/target", "value") == [("2",)]
    assert [
        (p[0].get("iso-date"), p[1].get("iso-date"), [a.get("value") for a in p.findall("actual")])
        for p in indicator.findall("period")
    ] == [
        ("2023-04-01", "2023-09-30", []),
        ("2023-04-01", "2023-06-30", ["3"]),
    ]  # what waits to be accepted is not told


@pytest.mark.django_db
def test_several_indicators_leave_it_open_whom_a_report_means() -> None:
    eco = factories.ecosystem()
    factories.strategy(eco)
    plan = factories.plan(eco)
    actions.put_measures(
        plan,
        by=SYSTEM,
        rows=[
            {
                "number": "1.1.1",
                "section": "1.1",
                "title_lv": "A",
                "indicators_lv": ["2 ziņojumi", "Notiek forums"],
            }
        ],
    )
    actions.adopt(plan, by=SYSTEM)
    anna = factories.account("Anna", "coordinator", where=eco)
    report = actions.report(
        Measure.objects.get(), by=anna, period=Period.parse("2023"), text="Notika", value=Decimal("4.50")
    )
    actions.accept_report(report, by=anna)
    indicators = of_measure(written(_fresh(plan)), "1.1.1").findall("result/indicator")
    assert [(each.get("measure"), len(each.findall("period/actual"))) for each in indicators] == [
        ("1", 0),
        ("5", 0),
        ("5", 1),
    ]
    assert indicators[2].findtext("period/actual/comment/narrative") == "4.5. Notika"
    assert [each.get("value") for each in indicators[2].iter("actual")] == [None]


@pytest.mark.django_db
def test_a_publisher_of_the_register_speaks_with_its_own_number(settings: Any) -> None:
    eco = factories.ecosystem()
    agency = factories.organisation(
        "AG", "Aģentūra Paraugs", code="agency", kind_of="agency", registration_number="40003000001"
    )
    factories.strategy(eco)
    plan = factories.plan(eco)
    rows: list[dict[str, Any]] = [
        {"number": "1.1.1", "section": "1.1", "title_lv": "A", "responsible": [agency]},
        {"number": "1.1.2", "section": "1.1", "title_lv": "B"},
    ]
    actions.put_measures(plan, by=SYSTEM, rows=rows)
    settings.PUBLISHER = "agency"
    root = written(_fresh(plan))
    assert [
        facts(of_measure(root, number), "reporting-org", "ref", "type", "secondary-reporter")
        for number in ("1.1.1", "1.1.2")
    ] == [
        [("LV-RE-40003000001", "10", "0")],
        [("LV-RE-40003000001", "10", "1")],
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("many", [1, 3])
def test_the_number_of_questions_is_fixed(many: int, django_assert_num_queries: Any) -> None:
    eco = factories.ecosystem()
    strategy = factories.strategy(eco)
    ministry = factories.organisation("EM")
    source = actions.add_funding_source(
        HUB, by=SYSTEM, code="vbf", title_lv="Valsts budžets", kind_of="national"
    )
    plan = factories.plan(eco)
    rows = [
        {
            "number": f"1.1.{nth}",
            "section": "1.1",
            "title_lv": "A",
            "results_lv": ["B"],
            "indicators_lv": ["2 C"],
            "responsible": [ministry],
            "funding": [{"source": source}],
        }
        for nth in range(1, many + 1)
    ]
    anna = factories.account("Anna", "coordinator", where=eco)
    with acting():
        for nth in range(many):
            Target(strategy=strategy, code=f"t{nth}", title_lv="D", goal=Decimal(10), due="2027").save()
    actions.put_measures(plan, by=SYSTEM, rows=rows)
    actions.adopt(plan, by=SYSTEM)
    for measure in Measure.objects.all():
        report = actions.report(measure, by=anna, period=Period.parse("2023"), text="Darīts")
        actions.accept_report(report, by=anna)
    plan = _fresh(plan)
    with django_assert_num_queries(20):
        root = etree.fromstring(iati.export(plan, address=ADDRESS, at=AT))
    assert len(root.findall("iati-activity/result")) == many * 2
    assert len(root.findall("iati-activity/result/indicator/period/actual")) == many


# ---------------------------------------------------------------- any plan

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
titles = words.filter(lambda text: text.strip() != "" and "\x00" not in text)
periods = st.one_of(
    st.just(""),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)).map(lambda day: str(Period.day(day))),
    st.integers(2020, 2030).map(str),
    st.tuples(st.integers(2020, 2030), st.integers(1, 4)).map(lambda pair: str(Period.quarter(*pair))),
)
money = st.none() | st.decimals(0, 10**12, places=2)


@st.composite
def rows(draw: Any, organisations: int, sources: int) -> list[dict[str, Any]]:
    """Measures as bad as people make them: starts after ends, no institutions, numbers in words, odd characters."""
    some = st.lists(st.integers(0, organisations - 1), max_size=2, unique=True)
    return [
        {
            "number": f"1.1.{nth}",
            "section": "1.1",
            "title_lv": draw(titles),
            "title_en": draw(words.map(lambda text: text.replace("\x00", ""))),
            "results_lv": draw(st.lists(titles, max_size=2)),
            "indicators_lv": draw(st.lists(titles | st.just("vismaz 10 % pieaugums"), max_size=2)),
            "responsible": draw(some),
            "involved": draw(some),
            "starts": draw(periods),
            "deadline": draw(periods),
            "funding": [
                {"source": draw(st.integers(0, sources - 1)), "amount": draw(money)}
                for _ in range(draw(st.integers(0, 2)))
            ],
        }
        for nth in range(1, draw(st.integers(1, 3)) + 1)
    ]


class AnyPlan(TestCase):
    """Whatever stands in a plan, its export is valid."""

    def setUp(self) -> None:
        schemas()  # skipped before anything is drawn
        self.eco: Ecosystem = factories.ecosystem()
        self.organisations: list[Organisation] = [
            factories.organisation("EM"),
            factories.organisation("", "Grupa", kind_of="group", helix="society"),
        ]
        self.sources: list[FundingSource] = [
            actions.add_funding_source(HUB, by=SYSTEM, code=f"s{nth}", title_lv=f"Avots {nth}", kind_of=kind)
            for nth, kind in enumerate(("eu", "other"))
        ]
        factories.strategy(self.eco)

    @given(rows(2, 2))
    @settings(max_examples=15)
    def test_is_valid(self, drawn: list[dict[str, Any]]) -> None:
        plan = factories.plan(self.eco)
        actions.put_measures(plan, by=SYSTEM, rows=[self._row(row) for row in drawn])
        root = written(_fresh(plan))
        self.assertEqual(len(root), 1 + len(drawn))

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        return {
            **row,
            "responsible": [self.organisations[nth] for nth in row["responsible"]],
            "involved": [self.organisations[nth] for nth in row["involved"]],
            "funding": [
                {"source": self.sources[each["source"]], "amount": each["amount"]} for each in row["funding"]
            ],
        }


# ---------------------------------------------------------------- the standard's own cases


def cases() -> list[Any]:
    """Its activity and organisation cases, each with what it is named to be.

    Left out: the registry cases, which are about a third schema that describes files in a registry, not activities.
    """
    folder = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "iati" / "tests"
    return [
        pytest.param(path, "should-pass" in path.parts, id=str(path.relative_to(folder)))
        for path in sorted(folder.rglob("*.xml"))
        if "registry-tests" not in path.parts
    ]


@pytest.mark.once
@pytest.mark.parametrize(("case", "valid"), cases())
def test_official_case(case: Path, valid: bool) -> None:
    faults = iati.validate(case.read_bytes(), schemas())
    assert (faults == []) == valid, faults
    assert all(fault.line > 0 for fault in faults)


@pytest.mark.once
def test_all_official_cases_are_there() -> None:
    schemas()
    assert len(cases()) == 686


@pytest.mark.once
@pytest.mark.parametrize(
    ("xml", "line", "message"),
    [
        (b"<iati-activities>\n<x>", 2, "Premature end"),
        (b"", 1, "Document is empty"),
        (b"<plan/>", 1, "iati-activities, iati-organisations"),
        (
            b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><iati-activities>&b;</iati-activities>',
            1,
            "DOCTYPE",
        ),
        (b'<iati-activities version="2.03">\n<iati-activity/>\n</iati-activities>', 2, "iati-identifier"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(xml: bytes, line: int, message: str) -> None:
    first = iati.validate(xml, schemas())[0]
    assert first.line == line
    assert message in first.message


_XML = "http://www.w3.org/XML/1998/namespace"


def _fresh(plan: Plan) -> Plan:
    return Plan.objects.select_related("ecosystem__domain", "strategy__ecosystem").get(pk=plan.pk)
