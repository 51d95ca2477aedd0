"""Projects, indicators, partnerships: who may what, what is kept, how values count, in and out as tables."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from talka.core import indicators, outbox, reports
from talka.core.actions import SYSTEM, Invalid, Refused, Stale
from talka.core.models import Attachment, Delivery, Event, Report
from talka.core.sheets import SHEETS
from talka.core.testing import acting
from talka.core.values import Period
from talka.network.tests.factories import account, ecosystem, niche, organisation, people
from talka.network.tests.test_network import raws, seed
from talka.portfolio import actions, queries
from talka.portfolio.models import Kpi, Partnership, Project
from talka.portfolio.tests import factories
from talka.strategy import actions as strategies

pytestmark = pytest.mark.django_db
TODAY = date(2024, 6, 30)


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize(("who", "may"), [("anna", True), ("bruno", False), ("cilda", False)])
def test_only_who_holds_the_permission_may_keep_the_portfolio(who: str, may: bool) -> None:
    eco = ecosystem()
    by = getattr(people(eco), who)
    project, partnership = factories.project(eco), factories.partnership(eco)
    first, second = factories.kpi(project), factories.kpi(project, "vaski")
    verbs = [
        lambda: actions.add_project(
            eco, by=by, code="new", title_lv="Jauns", kind_of="example", status="idea"
        ),
        lambda: actions.edit_project(project, by=by, title_lv="Cits"),
        lambda: actions.add_kpi(project, by=by, title_lv="medus"),
        lambda: actions.edit_kpi(first, by=by, title_lv="medus kg"),
        lambda: actions.remove_kpi(second, by=by),
        lambda: actions.add_partnership(eco, by=by, code="new", title_lv="Jauna", kind_of="eric"),
        lambda: actions.edit_partnership(partnership, by=by, title_lv="Cita"),
    ]
    refused = []
    for verb in verbs:
        try:
            verb()
        except Refused:
            refused.append(verb)
    assert refused == ([] if may else verbs)


@pytest.mark.parametrize("role", ["coordinator", "officer", "viewer"])
@pytest.mark.parametrize("takes_part", [True, False])
def test_who_reports_a_value_and_who_judges_it(role: str, takes_part: bool) -> None:
    """Officers report for institutions of the project; whoever keeps projects reports too, and alone judges."""
    eco = ecosystem()
    lab = organisation("lab")
    kpi = factories.kpi(factories.project(eco, partners=[lab] if takes_part else []))
    by = account("Anna", role, eco, works_in=lab)
    may_report = role == "coordinator" or (role == "officer" and takes_part)
    if may_report:
        report = actions.report_kpi(kpi, by=by, period=Period.year(2023), value=Decimal(3))
        assert report.institution_id == (lab.pk if takes_part else None)
    else:
        with pytest.raises(Refused):
            actions.report_kpi(kpi, by=by, period=Period.year(2023), value=Decimal(3))
        report = actions.report_kpi(kpi, by=SYSTEM, period=Period.year(2023), value=Decimal(3))
    if role == "coordinator":
        assert actions.accept_value(report, by=by).state == "accepted"
    else:
        with pytest.raises(Refused):
            actions.accept_value(report, by=by)


def test_reports_of_other_rooms_are_not_judged_here() -> None:
    eco = ecosystem()
    project = factories.project(eco)
    with pytest.raises(Refused):
        with acting():
            foreign = reports.submit(project, by=SYSTEM, period=Period.year(2023), text="Bišu diena")
        actions.accept_value(foreign, by=people(eco).anna)


# ---------------------------------------------------------------- projects


def test_the_links_of_a_project_are_set_as_whole_lists_in_their_order() -> None:
    eco = ecosystem()
    a, b, c = (organisation(code) for code in "abc")
    honey, wax = niche(eco, "honey"), niche(eco, "wax")
    project = factories.project(eco, lead=a, partners=[c, b], responsible=[a], niches=[wax, honey])

    def links() -> tuple[Any, ...]:
        row = queries.whole(queries.projects(eco)).get()
        return row.lead, row.partners, row.responsible, row.involved, row.niches

    assert links() == (a, [c, b], [a], [], [wax, honey])
    actions.edit_project(Project.objects.get(), by=SYSTEM, title_lv="Cits")
    assert links() == (a, [c, b], [a], [], [wax, honey])
    actions.edit_project(
        Project.objects.get(),
        by=SYSTEM,
        lead=None,
        partners=[b, a],
        responsible=[],
        involved=[c],
        niches=[honey],
    )
    assert links() == (None, [b, a], [], [c], [honey])
    assert Event.objects.filter(subject_kind="portfolio.project", subject_id=project.pk).count() == 3


def test_a_change_of_links_alone_is_seen_by_the_next_editor() -> None:
    eco = ecosystem()
    a = organisation("a")
    project = factories.project(eco)
    actions.edit_project(Project.objects.get(), by=SYSTEM, seen=project.revision, partners=[a])
    with pytest.raises(Stale):
        actions.edit_project(Project.objects.get(), by=SYSTEM, seen=project.revision, title_lv="Cits")


def test_a_cell_as_written_goes_when_the_list_beneath_it_changes() -> None:
    eco = ecosystem()
    a, b = organisation("a"), organisation("b")
    factories.project(
        eco, involved=[a], involved_as_written="A.", responsible=[b], responsible_as_written="B!"
    )
    actions.edit_project(Project.objects.get(), by=SYSTEM, involved=[a, b], responsible=[b])
    row = Project.objects.get()
    assert (row.involved_as_written, row.responsible_as_written) == ("", "B!")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"starts": "2024", "ends": "2023"}, "ends"),
        ({"starts": "2023-02-30"}, "starts"),
        ({"code": "taken"}, "code"),
        ({"status": "sleeping"}, "status"),
        ({"title_lv": ""}, "title_lv"),
    ],
)
def test_what_is_wrong_with_a_project_is_said_of_the_field_it_is_wrong_in(
    values: dict[str, Any], field: str
) -> None:
    eco = ecosystem()
    factories.project(eco, "taken")
    with pytest.raises(Invalid) as error:
        factories.project(eco, **{"code": "new", **values})
    assert error.value.field == field
    assert Project.objects.count() == 1


def test_niches_of_another_ecosystem_are_refused() -> None:
    here, there = ecosystem("bees"), ecosystem("trees")
    with pytest.raises(Invalid) as error:
        factories.project(here, niches=[niche(there, "oak")])
    assert error.value.field == "niches"


def test_projects_of_a_niche_are_those_of_its_parts_too(django_assert_num_queries: Any) -> None:
    eco = ecosystem()
    honey = niche(eco, "honey")
    linden = niche(eco, "linden", honey)
    factories.project(eco, "a", niches=[linden])
    factories.project(eco, "b", niches=[honey, linden])
    factories.project(eco, "c", niches=[niche(eco, "wax")])
    with django_assert_num_queries(2):
        assert [row.code for row in queries.in_niche(eco, honey, queries.projects(eco))] == ["a", "b"]
    assert [row.code for row in queries.in_niche(eco, None, queries.projects(eco))] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "outright", "unless"),
    [
        (
            "Iesniegts programmā. Ja to neapstiprina 2022.g. uzsaukumā, to iesniedz 2025. gada uzsaukumā.",
            "Iesniegts programmā.",
            "Ja to neapstiprina 2022.g. uzsaukumā, to iesniedz 2025. gada uzsaukumā.",
        ),
        (
            "Submitted. If it is refused, again in 2025. Co-funded.",
            "Submitted. Co-funded.",
            "If it is refused, again in 2025.",
        ),
        ("Jaunā programma maksā.", "Jaunā programma maksā.", ""),
        ("", "", ""),
    ],
)
def test_what_happens_when_the_money_is_refused_is_told_apart(text: str, outright: str, unless: str) -> None:
    assert queries.contingency(text) == (outright, unless)


# ---------------------------------------------------------------- indicators of a project


def test_a_value_counts_once_accepted_and_a_correction_replaces_it() -> None:
    eco = ecosystem()
    kpi = factories.kpi(
        factories.project(eco, starts="2022"), baseline=Decimal(2), goal=Decimal(10), due="2026"
    )
    assert queries.standing(kpi, TODAY).verdict.klass == "no_data"
    first = actions.report_kpi(kpi, by=SYSTEM, period=Period.year(2023), value=Decimal(4))
    assert queries.standing(kpi, TODAY).latest is None
    actions.accept_value(first, by=SYSTEM)
    standing = queries.standing(kpi, TODAY)
    assert (standing.latest, standing.share) == (first, 0.25)
    with pytest.raises(Invalid):
        actions.report_kpi(kpi, by=SYSTEM, period=Period.year(2023), value=Decimal(5))
    actions.unlock_value(Report.objects.get(pk=first.pk), by=SYSTEM, comment="pārskaitīt")
    second = actions.report_kpi(kpi, by=SYSTEM, period=Period.year(2023), value=Decimal(6))
    actions.accept_value(second, by=SYSTEM)
    standing = queries.standing(kpi, TODAY)
    assert (standing.latest, standing.share) == (second, 0.5)
    reading = indicators.read(f"kpi:honey:{kpi.order}", eco)
    assert (reading.value, reading.as_of) == (6, date(2023, 12, 31))


@pytest.mark.parametrize(
    ("comparison", "baseline", "goal", "value", "klass"),
    [
        ("at_least", None, 10, 10, "achieved"),
        ("at_least", None, 10, 9, "no_due"),
        ("at_most", None, 10, 9, "achieved"),
        ("exactly", None, 10, 10, "achieved"),
        ("about", 4, 7, 8, "achieved"),
        ("at_least", 0, 10, 5, "on_track"),  # a third of the time, half of the way
        ("at_least", 0, 10, 1, "limited"),
    ],
)
def test_how_an_indicator_stands(
    comparison: str, baseline: int | None, goal: int, value: int, klass: str
) -> None:
    eco = ecosystem()
    due = "2026" if baseline is not None else ""
    kpi = factories.kpi(
        factories.project(eco, starts="2023"), comparison=comparison, baseline=baseline, goal=goal, due=due
    )
    actions.accept_value(
        actions.report_kpi(kpi, by=SYSTEM, period=Period.year(2023), value=Decimal(value)), by=SYSTEM
    )
    assert queries.standing(Kpi.objects.get(), TODAY).verdict.klass == klass


def test_all_indicators_of_a_project_are_read_in_two_queries(django_assert_num_queries: Any) -> None:
    eco = ecosystem()
    project = factories.project(eco)
    for number in range(3):
        kpi = factories.kpi(project, f"rādītājs {number}")
        actions.report_kpi(kpi, by=SYSTEM, period=Period.year(2023), value=Decimal(number))
    with django_assert_num_queries(2):
        standings = queries.standings(project, TODAY)
    assert [len(each.waiting) for each in standings] == [1, 1, 1]


def test_evidence_is_kept_with_the_report() -> None:
    kpi = factories.kpi(factories.project(ecosystem()))
    upload = SimpleUploadedFile("skaits.csv", b"stropi\n3\n")
    report = actions.report_kpi(
        kpi, by=SYSTEM, period=Period.year(2023), value=Decimal(3), files=[upload], public=True
    )
    kept = Attachment.objects.get()
    assert (kept.about_kind, kept.about_id, kept.name, kept.public) == (
        "core.report",
        report.pk,
        "skaits.csv",
        True,
    )


def test_a_value_is_asked_for_and_an_institution_where_there_are_several() -> None:
    eco = ecosystem()
    a, b = organisation("a"), organisation("b")
    kpi = factories.kpi(factories.project(eco, partners=[a, b]))
    officer = account("Anna", "officer", eco, works_in=a)
    with pytest.raises(Invalid) as error:
        actions.report_kpi(kpi, by=officer, period=Period.year(2023))
    assert error.value.field == "value"
    with pytest.raises(Invalid) as error:
        actions.report_kpi(kpi, by=officer, period=Period.year(2023), value=Decimal(1), institution=b)
    assert error.value.field == "institution"
    assert (
        actions.report_kpi(kpi, by=officer, period=Period.year(2023), value=Decimal(1)).institution_id == a.pk
    )


def test_an_indicator_with_values_keeps_its_number_and_stays() -> None:
    project = factories.project(ecosystem())
    kpi, other = factories.kpi(project), factories.kpi(project, "vaski")
    actions.report_kpi(kpi, by=SYSTEM, period=Period.year(2023), value=Decimal(1))
    with pytest.raises(Invalid) as error:
        actions.edit_kpi(kpi, by=SYSTEM, order=7)
    assert error.value.field == "order"
    with pytest.raises(Invalid):
        actions.remove_kpi(Kpi.objects.get(pk=kpi.pk), by=SYSTEM)
    with pytest.raises(Invalid) as error:
        actions.edit_kpi(other, by=SYSTEM, order=kpi.order)
    assert error.value.field == "order"
    actions.remove_kpi(Kpi.objects.get(pk=other.pk), by=SYSTEM)
    assert [row.order for row in Kpi.objects.all()] == [1]


# ---------------------------------------------------------------- what is counted


def test_portfolio_projects_running_counts_what_runs_now_or_ran_then() -> None:
    eco = ecosystem()
    assert indicators.read("portfolio.projects_running", eco).value is None
    factories.project(eco, "dated", starts="2022", ends="2024")
    factories.project(eco, "open", starts="2023-07")
    factories.project(eco, "undated")
    factories.project(eco, "over", status="finished", starts="2020", ends="2022-03")
    factories.project(eco, "over-undated", status="finished")
    factories.project(eco, "hoped", status="applied", starts="2022")

    def read(period: Period | None) -> tuple[Any, list[str]]:
        reading = indicators.read("portfolio.projects_running", eco, period)
        assert reading.evidence is not None
        return reading.value, [row.code for row in reading.evidence]

    assert read(None) == (3, ["dated", "open", "undated"])
    assert read(Period.year(2021)) == (1, ["over"])
    assert read(Period.year(2022)) == (2, ["dated", "over"])
    assert read(Period.year(2023)) == (2, ["dated", "open"])
    assert read(Period.year(2025)) == (1, ["open"])


def test_portfolio_partnerships_active_counts_those_with_a_part_in_them() -> None:
    eco = ecosystem()
    assert indicators.read("portfolio.partnerships_active", eco).value is None
    factories.partnership(eco, "old", active=False)
    assert indicators.read("portfolio.partnerships_active", eco).value == 0
    factories.partnership(eco, "new")
    reading = indicators.read("portfolio.partnerships_active", eco)
    assert reading.evidence is not None
    assert (reading.value, [row.code for row in reading.evidence]) == (1, ["new"])


# ---------------------------------------------------------------- in and out


def test_the_real_portfolio_goes_in_whole_and_comes_out_the_same() -> None:
    eco = ecosystem("biomed")
    factories.real_portfolio(eco)
    counts = (Project.objects.count(), Kpi.objects.count(), Partnership.objects.count())
    files = ("19-projects.yaml", "20-kpis.yaml", "21-partnerships.yaml")
    assert counts == tuple(len(seed(file)) for file in files) == (18, 17, 13)
    for sheet, file in zip(
        ("portfolio.projects", "portfolio.kpis", "portfolio.partnerships"), files, strict=True
    ):
        again = SHEETS[sheet].preview(eco, raws(seed(file)))
        assert {item.kind for item in again.items} == {"same"}
        exported = [SHEETS[sheet].shown(row) for row in SHEETS[sheet].rows(eco)]
        back = SHEETS[sheet].preview(eco, raws(exported))
        assert ({item.kind for item in back.items}, back.problems) == ({"same"}, [])


def test_nothing_of_the_long_term_projects_is_lost() -> None:
    eco = ecosystem("biomed")
    factories.real_portfolio(eco)
    row = queries.whole(queries.projects(eco)).get(code="biopharma-centre")
    assert [each.code for each in row.partners] == ["osi", "bmc", "lu-mbi", "rsu"]
    assert [each.code for each in row.involved] == ["osi", "bmc", "lu-mbi", "rsu"]
    assert [each.code for each in row.responsible] == ["izm"]
    assert (row.involved_as_written, row.responsible_as_written) == ("OSI. BMC, LU MBI, RSU", "IZM")
    assert [each.code for each in row.funding_sources] == ["esif", "anm", "he", "eraf"]
    assert len(row.results_lv.splitlines()) == 9
    assert row.note.startswith("Par vienu projektu uzskatām")
    assert queries.contingency(row.funding_lv)[1].startswith("Ja to neapstiprina 2022.g. uzsaukumā")
    kpi = Kpi.objects.get(project__code="biomaterials-centre", order=8)
    assert (kpi.goal, kpi.due, kpi.due_as_written) == (Decimal("2.6"), "2027-01-01", "uz 2027. gada sākumu")


# ---------------------------------------------------------------- after the strategy


def test_projects_follow_the_strategy_to_its_new_version() -> None:
    eco = ecosystem()
    old = strategies.found(eco, by=SYSTEM, title_lv="Stratēģija", starts=2023, ends=2027)
    direction = strategies.add_direction(old, by=SYSTEM, code="d", title_lv="Virziens")
    priority = strategies.add_priority(old, by=SYSTEM, code="p", direction=direction, title_lv="Prioritāte")
    strategies.adopt(old, by=SYSTEM)
    factories.project(eco, "with", priority=priority)
    factories.project(eco, "without")
    new = strategies.draft_from(old, by=SYSTEM)
    strategies.adopt(new, by=SYSTEM)
    for delivery in Delivery.objects.filter(subscriber="portfolio.tasks.follow_strategy").select_related(
        "event"
    ):
        outbox.SUBSCRIBERS["strategy.adopt"]["portfolio.tasks.follow_strategy"](delivery.event)
    linked = {row.code: row.priority and row.priority.strategy_id for row in Project.objects.all()}
    assert linked == {"with": new.pk, "without": None}
