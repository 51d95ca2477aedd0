"""Verbs: what they do, whom they refuse, what they leave on record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from talka.core import attachments, indicators, search
from talka.core.actions import HUB, SYSTEM, Invalid, Refused, Stale
from talka.core.models import Change, Event, Report, ReportState
from talka.core.models import Reading as ClosedReading
from talka.core.testing import acting
from talka.core.values import Period
from talka.domains.models import Ecosystem
from talka.governance.models import Body, Decision
from talka.parties.models import Account
from talka.plan import actions, queries, rules
from talka.plan.models import Measure, MeasureState, Part, Plan, PlanState, Section
from talka.plan.tests import factories as draw
from talka.strategy.models import Target

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate()
LAST_YEAR = TODAY.year - 1


@pytest.fixture
def eco() -> Ecosystem:
    made = draw.ecosystem()
    draw.strategy(made, {"Cilvēkresursi": ["Prestižs", "Izglītība"], "Inovācijas": ["Dati"]})
    return made


@pytest.fixture
def izm() -> Any:
    return draw.organisation("IZM", "Izglītības un zinātnes ministrija")


@pytest.fixture
def anna(eco: Ecosystem) -> Account:
    """May: coordinates the ecosystem."""
    return draw.account("Anna", "coordinator", where=eco)


@pytest.fixture
def bruno(eco: Ecosystem, izm: Any) -> Account:
    """Is in the team: an officer of the responsible institution."""
    return draw.account("Bruno", "officer", of=izm, where=eco)


@pytest.fixture
def cilda(eco: Ecosystem) -> Account:
    """May not: an officer, but of another institution."""
    return draw.account("Cilda", "officer", of=draw.organisation("RTU"), where=eco)


@pytest.fixture
def running(eco: Ecosystem, izm: Any) -> Measure:
    """A measure of a plan in force for which IZM is responsible."""
    plan = draw.plan(eco, LAST_YEAR, 1)
    measure = Measure.objects.get(plan=plan)
    actions.edit_measure(measure, by=SYSTEM, responsible=[izm])
    actions.adopt(plan, by=SYSTEM)
    return queries.measures(plan).get()


# ---------------------------------------------------------------- who may


def test_who_may_what(running: Measure, anna: Account, bruno: Account, cilda: Account):
    table = {
        rules.may_edit: [True, False, False],
        rules.may_coordinate: [True, False, False],
        rules.may_adopt: [True, False, False],
        rules.may_report: [True, True, False],
        rules.may_see_drafts: [True, True, True],
    }
    for rule, expected in table.items():
        assert [rule(who, running) for who in (anna, bruno, cilda)] == expected, rule
        assert rule(None, running) is False
        assert rule(SYSTEM, running) is True


def test_council_member_may_adopt_and_nothing_else(eco: Ecosystem, running: Measure):
    gunars = draw.account("Gunārs", "council", where=eco)
    table = [rules.may_adopt, rules.may_edit, rules.may_coordinate, rules.may_report]
    assert [rule(gunars, running) for rule in table] == [True, False, False, False]


def test_rights_end_at_the_ecosystem(running: Measure):
    elsewhere = draw.account("Elza", "coordinator", where=draw.ecosystem("other"))
    assert rules.may_edit(elsewhere, running) is False


@pytest.mark.parametrize(
    "act",
    [
        lambda measure, by: actions.edit_measure(measure, by=by, title_lv="X"),
        lambda measure, by: actions.add_measure(measure.plan, by=by, section="1.1", title_lv="X"),
        lambda measure, by: actions.put_measures(measure.plan, by=by, rows=[]),
        lambda measure, by: actions.reorder(measure.plan, by=by, order=[measure.pk]),
        lambda measure, by: actions.new_version(measure.plan, by=by),
        lambda measure, by: actions.roll_over(measure.plan, by=by, year=measure.plan.year + 1, reasons={}),
        lambda measure, by: actions.close(measure.plan, by=by),
        lambda measure, by: actions.start(measure, by=by),
        lambda measure, by: actions.finish(measure, by=by),
        lambda measure, by: actions.drop(measure, by=by, reason="X"),
        lambda measure, by: actions.reopen(measure, by=by),
        lambda measure, by: actions.remind(by, by=by, measures=[measure], occasion="due-7"),
    ],
)
def test_officer_is_refused_what_is_the_coordinators(
    running: Measure, bruno: Account, act: Callable[[Measure, Any], Any]
):
    with pytest.raises(Refused):
        act(running, bruno)
    running.refresh_from_db()
    assert (running.title_lv, running.state, Plan.objects.count()) == ("Pasākums 1", "planned", 1)


# ---------------------------------------------------------------- founding


def test_derive_makes_a_section_for_each_priority(eco: Ecosystem, anna: Account):
    plan = actions.derive(eco, by=anna, year=2026)
    assert [
        (each.number, each.direction_number, each.direction_title_lv, each.title_lv, str(each.priority))
        for each in queries.sections(plan)
    ] == [
        ("1.1", "1", "Cilvēkresursi", "Prestižs", "Prestižs"),
        ("1.2", "1", "Cilvēkresursi", "Izglītība", "Izglītība"),
        ("2.1", "2", "Inovācijas", "Dati", "Dati"),
    ]
    assert (plan.state, plan.number, plan.title_lv) == ("draft", 1, "Biomedicīna: rīcības plāns 2026. gadam")
    assert Event.objects.filter(verb="plan.derive", subject_id=plan.pk, by_id=anna.pk).count() == 1


def test_a_year_has_one_plan_at_first(eco: Ecosystem):
    draw.plan(eco, 2026)
    with pytest.raises(Invalid, match="version"):
        actions.derive(eco, by=SYSTEM, year=2026)


def test_a_plan_lies_within_its_strategy(eco: Ecosystem):
    with pytest.raises(Invalid, match="2023 to 2035"):
        actions.derive(eco, by=SYSTEM, year=2036)
    assert Plan.objects.count() == 0


def test_without_a_strategy_there_is_no_plan():
    with pytest.raises(Invalid, match="strategy"):
        actions.derive(draw.ecosystem("other"), by=SYSTEM, year=2026)


# ---------------------------------------------------------------- writing measures


def test_all_columns_go_in_and_come_out(eco: Ecosystem, izm: Any):
    plan = draw.plan(eco, 2026)
    lzp = draw.organisation("LZP")
    eraf = actions.add_funding_source(
        HUB, by=SYSTEM, code="eraf", acronym="ERAF", title_lv="Fonds", kind_of="eu"
    )
    made = actions.add_measure(
        plan,
        by=SYSTEM,
        section="1.2",
        title_lv="  Skolas\n atvēršana ",
        title_en="Opening",
        results_lv=["• Skola", "Stunda"],
        results_en=["School", "Lesson"],
        indicators_lv=["3 skolas"],
        responsible=[izm, lzp, izm],
        involved=[lzp],
        starts="2026-Q1",
        deadline="2026. gada jūnijs",
        funding=[{"source": eraf}, {"text": "privāti", "amount": Decimal("12.5"), "until": "2026"}],
    )
    (row,) = queries.measures(plan)
    assert made.pk == row.pk
    assert (row.number, row.section.number, row.order) == ("1.2.1", "1.2", 1)
    assert (row.title_lv, row.title_en) == ("Skolas atvēršana", "Opening")
    assert [(each.text_lv, each.text_en) for each in row.result_rows] == [
        ("Skola", "School"),
        ("Stunda", "Lesson"),
    ]
    assert [each.text_lv for each in row.indicator_rows] == ["3 skolas"]
    assert queries.parties(row, Part.RESPONSIBLE) == [izm, lzp]
    assert queries.parties(row, Part.INVOLVED) == [lzp]
    assert (row.starts, row.deadline, row.due_on) == ("2026-Q1", "2026-06", date(2026, 6, 30))
    assert [(each.funding_source, each.text, each.amount, each.until) for each in row.funding_rows] == [
        (eraf, "", None, ""),
        (None, "privāti", Decimal("12.50"), "2026"),
    ]
    assert queries.cells(row) == {
        "number": "1.2.1.",
        "title": "Skolas atvēršana",
        "result": "Skola\nStunda",
        "indicator": "3 skolas",
        "responsible": "IZM, LZP",
        "involved": "LZP",
        "deadline": "2026. gada jūnijs",
        "funding": "ERAF, privāti",
    }


def test_rows_that_say_the_same_keep_their_translation(eco: Ecosystem):
    measure = draw.measure(draw.plan(eco), results_lv=["A", "B", "C"], results_en=["a", "b", "c"])
    kept = {row.text_lv: row.pk for row in measure.result_rows}
    actions.edit_measure(measure, by=SYSTEM, results_lv=["C", "A", "Jauns"])
    (row,) = queries.measures(measure.plan)
    assert [(each.text_lv, each.text_en) for each in row.result_rows] == [
        ("C", "c"),
        ("A", "a"),
        ("Jauns", ""),
    ]
    assert [each.pk for each in row.result_rows][:2] == [kept["C"], kept["A"]]
    actions.edit_measure(row, by=SYSTEM, results_lv=[], indicators_lv=[])
    assert queries.measures(measure.plan).get().result_rows == []


def test_columns_not_given_stay(eco: Ecosystem, izm: Any):
    measure = draw.measure(draw.plan(eco), results_lv=["A"], responsible=[izm], deadline="2023-Q3")
    before = queries.cells(queries.measures(measure.plan).get())
    actions.edit_measure(measure, by=SYSTEM, title_lv="Cits")
    after = queries.cells(queries.measures(measure.plan).get())
    assert after == {**before, "title": "Cits"}


def test_what_a_file_printed_is_kept_until_its_cell_changes(eco: Ecosystem, izm: Any):
    measure = draw.measure(
        draw.plan(eco),
        responsible=[izm],
        deadline="2023",
        written={"responsible": "Izglītības ministrija", "deadline": "2023. gads", "number": "1.1.1"},
    )
    assert measure.as_written == {
        "responsible": "Izglītības ministrija",
        "deadline": "2023. gads",
        "number": "1.1.1",
    }
    actions.edit_measure(measure, by=SYSTEM, deadline="2024")
    assert measure.as_written == {"responsible": "Izglītības ministrija", "number": "1.1.1"}
    actions.edit_measure(
        measure, by=SYSTEM, number="1.1.2", responsible=[izm], written={"responsible": "IZM"}
    )
    assert measure.as_written == {}


def test_editing_only_rows_below_moves_the_revision(eco: Ecosystem, anna: Account):
    measure = draw.measure(draw.plan(eco), results_lv=["A"])
    seen = measure.revision
    actions.edit_measure(measure, by=anna, seen=seen, results_lv=["B"])
    assert measure.revision == seen + 1
    with pytest.raises(Stale):
        actions.edit_measure(Measure.objects.get(), by=anna, seen=seen, title_lv="Vēl")
    assert [each.text_lv for each in queries.measures(measure.plan).get().result_rows] == ["B"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title_lv": " "}, "title_lv"),
        ({"number": "viens"}, "number"),
        ({"number": "1.1.2"}, "number"),
        ({"section": "9.9"}, "section"),
        ({"deadline": "2023-02-30"}, "deadline"),
        ({"starts": "drīz"}, "starts"),
        ({"title_lv": "x" * 5001}, "title_lv"),
        ({"results_lv": ["A"], "results_en": ["a", "b"]}, "results_en"),
        ({"funding": [{"source": None, "text": " "}]}, "funding"),
    ],
)
def test_what_a_measure_cannot_be(eco: Ecosystem, values: dict[str, Any], field: str):
    plan = draw.plan(eco)
    draw.measure(plan, "1.1.2")
    measure = draw.measure(plan, "1.1.1")
    before = list(Measure.objects.values())
    with pytest.raises(Invalid) as refused:
        actions.edit_measure(Measure.objects.get(pk=measure.pk), by=SYSTEM, **values)
    assert refused.value.field == field
    assert list(Measure.objects.values()) == before


def test_many_at_once_are_one_act(eco: Ecosystem, anna: Account):
    plan = draw.plan(eco)
    draw.measure(plan, "1.1.1", title_lv="Vecs")
    rows = [{"number": f"1.1.{nth}", "section": "1.1", "title_lv": f"Jauns {nth}"} for nth in (3, 1, 2)]
    actions.put_measures(plan, by=anna, rows=rows)
    assert [(each.number, each.title_lv) for each in queries.measures(plan)] == [
        ("1.1.1", "Jauns 1"),
        ("1.1.2", "Jauns 2"),
        ("1.1.3", "Jauns 3"),
    ]
    event = Event.objects.get(verb="plan.put_measures")
    assert sorted(
        (change.kind, change.fields["title_lv"]["to"])
        for change in Change.objects.filter(event=event, subject_kind="plan.measure")
        if "title_lv" in change.fields
    ) == [("changed", "Jauns 1"), ("created", "Jauns 2"), ("created", "Jauns 3")]


def test_many_at_once_whole_or_not_at_all(eco: Ecosystem):
    plan = draw.plan(eco)
    rows = [
        {"number": "1.1.1", "section": "1.1", "title_lv": "A"},
        {"number": "1.1.2", "section": "7", "title_lv": "B"},
    ]
    with pytest.raises(Invalid):
        actions.put_measures(plan, by=SYSTEM, rows=rows)
    assert Measure.objects.count() == 0


def test_people_may_order_measures_as_they_like(eco: Ecosystem):
    plan = draw.plan(eco, measures=3)
    first, second, third = Measure.objects.filter(plan=plan).order_by("number")
    actions.reorder(plan, by=SYSTEM, order=[third.pk, first.pk])
    assert [each.number for each in queries.measures(plan)] == ["1.1.3", "1.1.1", "1.1.2"]
    draw.measure(plan, "1.1.0")
    assert [each.number for each in queries.measures(plan)][-1] == "1.1.0"
    with pytest.raises(Invalid):
        actions.reorder(plan, by=SYSTEM, order=[second.pk, 0])


def test_measures_are_removed_from_drafts_only(eco: Ecosystem, anna: Account):
    plan = draw.plan(eco, measures=2)
    one, other = queries.measures(plan)
    actions.remove_measure(one, by=anna)
    actions.adopt(plan, by=anna)
    with pytest.raises(Invalid, match="dropped"):
        actions.remove_measure(Measure.objects.select_related("plan").get(pk=other.pk), by=anna)
    assert [each.number for each in queries.measures(plan)] == ["1.1.2"]


def test_sections_stand_in_the_order_of_their_numbers(eco: Ecosystem):
    plan = draw.plan(eco)
    for number in ("1.10", "1.3"):
        actions.add_section(
            plan, by=SYSTEM, number=number, direction_number="1", direction_title_lv="D", title_lv=number
        )
    assert [each.number for each in queries.sections(plan)] == ["1.1", "1.2", "1.3", "1.10", "2.1"]
    with pytest.raises(Invalid, match="measures"):
        actions.remove_section(draw.measure(plan).section, by=SYSTEM)
    actions.remove_section(Section.objects.select_related("plan").get(number="1.10"), by=SYSTEM)
    assert Section.objects.filter(plan=plan).count() == 4


# ---------------------------------------------------------------- in force, superseded, closed


def _decision(eco: Ecosystem) -> Decision:
    with acting():
        body = Body(ecosystem=eco, code="padome", title_lv="Padome", kind_of="council")
        body.save()
        decision = Decision(
            body=body, number="2026-1", title_lv="Par plānu", state="adopted", decided_on=TODAY
        )
        decision.save()
    return decision


def test_adopting_supersedes_and_hands_on(eco: Ecosystem, anna: Account):
    first = draw.plan(eco, LAST_YEAR, 2, adopted=True)
    one, two = queries.measures(first)
    copy = actions.new_version(first, by=anna)
    assert (copy.number, copy.state) == (2, "draft")
    with pytest.raises(Invalid, match="drafted"):
        actions.new_version(first, by=anna)
    # Life goes on while the new version is drafted.
    actions.finish(one, by=anna, done_on=date(LAST_YEAR, 5, 1))
    actions.drop(two, by=anna, reason="Nav naudas")
    actions.edit_measure(queries.measures(copy)[1], by=anna, title_lv="Pārdomāts")
    decision = _decision(eco)
    actions.adopt(copy, by=anna, decision=decision)
    first.refresh_from_db()
    assert (first.state, copy.state, copy.decision) == ("superseded", "adopted", decision)
    assert [
        (each.title_lv, each.state, each.done_on, each.drop_reason) for each in queries.measures(copy)
    ] == [
        ("Pasākums 1", "done", date(LAST_YEAR, 5, 1), ""),
        ("Pārdomāts", "dropped", None, "Nav naudas"),
    ]
    assert queries.now_in_force(one).plan == copy


def test_a_copy_has_everything(eco: Ecosystem):
    plan = draw.real_plan(draw.ecosystem("real"))
    actions.adopt(plan, by=SYSTEM)
    copy = actions.new_version(plan, by=SYSTEM)
    assert [queries.cells(each) for each in queries.measures(copy)] == [
        queries.cells(each) for each in queries.measures(plan)
    ]
    assert [row.kind for row in queries.compare(plan, copy).rows] == ["same"] * 17


def test_empty_plans_are_not_adopted(eco: Ecosystem):
    with pytest.raises(Invalid, match="no measures"):
        actions.adopt(draw.plan(eco), by=SYSTEM)


def test_an_adopted_plan_is_not_adopted_again(eco: Ecosystem):
    plan = draw.plan(eco, measures=1, adopted=True)
    with pytest.raises(Invalid, match="draft"):
        actions.adopt(plan, by=SYSTEM)


def test_closing_locks_the_plan_and_keeps_the_readings(eco: Ecosystem, anna: Account):
    plan = draw.plan(eco, LAST_YEAR, 2, adopted=True)
    one, two = queries.measures(plan)
    actions.finish(one, by=anna, done_on=date(LAST_YEAR, 6, 1))
    with acting():
        Target(
            strategy=plan.strategy,
            code="share",
            title_lv="Puse",
            goal=50,
            indicator="plan.measures_done_share",
        ).save()
        Target(strategy=plan.strategy, code="people", title_lv="Cilvēki", goal=5).save()
    actions.close(plan, by=anna)
    kept = {each.indicator: each.value for each in ClosedReading.objects.filter(period=str(LAST_YEAR))}
    assert kept == {
        "plan.measures_done": 1,
        "plan.measures_done_share": 50,
        "plan.measures_late": 0,  # on the last day of the year its deadline was still that day
        "plan.measures_total": 2,
        "target:people": None,
    }
    for act in (
        lambda: actions.edit_measure(two, by=anna, title_lv="X"),
        lambda: actions.finish(two, by=anna),
        lambda: actions.report(two, by=anna, period=Period.year(LAST_YEAR), text="X"),
        lambda: actions.add_measure(plan, by=anna, section="1.1", title_lv="X"),
    ):
        with pytest.raises(Invalid, match="closed"):
            _fresh(two, plan)
            act()


def _fresh(measure: Measure, plan: Plan) -> None:
    plan.refresh_from_db()
    measure.plan = plan


def test_a_running_year_is_not_closed(eco: Ecosystem):
    plan = draw.plan(eco, TODAY.year, 1, adopted=True)
    with pytest.raises(Invalid, match="not over"):
        actions.close(plan, by=SYSTEM)


# ---------------------------------------------------------------- carrying over


def test_undone_measures_are_carried_over_with_their_reasons(eco: Ecosystem, izm: Any, anna: Account):
    plan = draw.plan(eco, 2025, 3)
    one, two, three = queries.measures(plan)
    actions.edit_measure(one, by=SYSTEM, responsible=[izm], results_en=["Result"])
    actions.edit_measure(two, by=SYSTEM, deadline="2027")
    actions.adopt(plan, by=SYSTEM)
    actions.finish(Measure.objects.select_related("plan").get(pk=three.pk), by=SYSTEM)
    actions.start(Measure.objects.select_related("plan").get(pk=one.pk), by=SYSTEM)
    draft = actions.roll_over(
        plan, by=anna, year=2026, reasons={"1.1.1": "Kavējās likums", "1.1.2": "Turpinās"}
    )
    assert (draft.year, draft.state) == (2026, "draft")
    assert [
        (each.number, each.deadline, each.state, each.carried_from, each.carry_reason, each.section.title_lv)
        for each in queries.measures(draft)
    ] == [
        ("1.1.1", "2026", "under_way", one, "Kavējās likums", "Prestižs"),
        ("1.1.2", "2027", "planned", two, "Turpinās", "Prestižs"),
    ]
    copied = queries.measures(draft)[0]
    assert queries.parties(copied, Part.RESPONSIBLE) == [izm]
    assert [each.text_en for each in copied.result_rows] == ["Result"]
    # Carried over twice they do not stand twice.
    actions.roll_over(plan, by=anna, year=2026, reasons={"1.1.1": "Vēlreiz"})
    assert queries.measures(draft).count() == 2


def test_a_number_that_is_taken_gives_way(eco: Ecosystem):
    plan = draw.plan(eco, 2025, 1, adopted=True)
    draft = draw.plan(eco, 2026, 2)
    actions.roll_over(plan, by=SYSTEM, year=2026, reasons={"1.1.1": "Nepabeigts"})
    assert [(each.number, each.carry_reason) for each in queries.measures(draft)] == [
        ("1.1.1", ""),
        ("1.1.2", ""),
        ("1.1.3", "Nepabeigts"),
    ]


@pytest.mark.parametrize(
    ("year", "reasons", "message"),
    [
        (2026, {}, "at least one"),
        (2026, {"1.1.1": " "}, "Say why"),
        (2026, {"9.9.9": "X"}, "no undone"),
        (2025, {"1.1.1": "X"}, "later year"),
    ],
)
def test_carrying_over_asks_for_a_reason(eco: Ecosystem, year: int, reasons: dict[str, str], message: str):
    plan = draw.plan(eco, 2025, 1, adopted=True)
    with pytest.raises(Invalid, match=message):
        actions.roll_over(plan, by=SYSTEM, year=year, reasons=reasons)
    assert Plan.objects.count() == 1


# ---------------------------------------------------------------- the life of a measure

LIFE: dict[str, Callable[[Measure, Any], Any]] = {
    "start": lambda measure, by: actions.start(measure, by=by),
    "finish": lambda measure, by: actions.finish(measure, by=by),
    "drop": lambda measure, by: actions.drop(measure, by=by, reason="Iemesls"),
    "reopen": lambda measure, by: actions.reopen(measure, by=by),
}
BECOMES = {
    ("planned", "start"): "under_way",
    ("planned", "finish"): "done",
    ("planned", "drop"): "dropped",
    ("under_way", "finish"): "done",
    ("under_way", "drop"): "dropped",
    ("done", "reopen"): "under_way",
    ("dropped", "reopen"): "planned",
}


@pytest.mark.parametrize("state", MeasureState.values)
@pytest.mark.parametrize("step", LIFE)
def test_the_whole_table_of_states(running: Measure, anna: Account, state: str, step: str):
    with acting():
        running.state = state
        running.done_on = TODAY if state == "done" else None
        running.drop_reason = "Iemesls" if state == "dropped" else ""
        running.save()
    expected = BECOMES.get((state, step))
    if expected is None:
        with pytest.raises(Invalid):
            LIFE[step](running, anna)
        expected = state
    else:
        LIFE[step](running, anna)
    running.refresh_from_db()
    assert running.state == expected
    assert (running.done_on is not None, running.drop_reason != "") == (
        expected == "done",
        expected == "dropped",
    )


def test_dropping_asks_for_a_reason_and_done_lies_behind(running: Measure, anna: Account):
    with pytest.raises(Invalid, match="why"):
        actions.drop(running, by=anna, reason="  ")
    with pytest.raises(Invalid, match="still to come"):
        actions.finish(running, by=anna, done_on=TODAY + timedelta(days=1))


def test_in_a_draft_nothing_is_done_yet(eco: Ecosystem):
    with pytest.raises(Invalid, match="in force"):
        actions.start(draw.measure(draw.plan(eco)), by=SYSTEM)


@pytest.mark.parametrize(
    ("deadline", "day", "late"),
    [
        ("2023", date(2023, 12, 31), False),
        ("2023", date(2024, 1, 1), True),
        ("2023-Q3", date(2023, 9, 30), False),
        ("2023-06-30", date(2023, 7, 1), True),
        ("", date(2099, 1, 1), False),
    ],
)
def test_when_a_measure_is_late(eco: Ecosystem, deadline: str, day: date, late: bool):
    measure = draw.measure(draw.plan(eco), deadline=deadline)
    assert measure.is_late(day) is late
    assert queries.tally(measure.plan, day).late == int(late)
    assert queries.measures(measure.plan).filter(queries.late(day)).count() == int(late)


# ---------------------------------------------------------------- reports

YEAR = Period.year(LAST_YEAR)


def _file(name: str = "akts.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, b"%PDF-1.4 evidence")


def test_an_officer_reports_and_the_coordinator_accepts(
    running: Measure, anna: Account, bruno: Account, izm: Any, settings: Any, tmp_path: Any
):
    settings.MEDIA_ROOT = tmp_path
    made = actions.report(
        running,
        by=bruno,
        period=YEAR,
        text="Akts parakstīts.",
        value=Decimal(3),
        files=[_file()],
        claims="done",
        done_on=date(LAST_YEAR, 11, 5),
    )
    assert (made.state, made.institution_id, made.institution_name) == ("submitted", izm.pk, "IZM")
    assert [each.name for each in attachments.about(made)] == ["akts.pdf"]
    running.refresh_from_db()
    assert running.state == "planned"  # what is claimed is not yet so
    actions.accept_report(made, by=anna)
    running.refresh_from_db()
    assert (running.state, running.done_on) == ("done", date(LAST_YEAR, 11, 5))
    with pytest.raises(Invalid, match="locked"):
        actions.report(running, by=bruno, period=YEAR, text="Vēl kaut kas.")


def test_strangers_and_the_public_do_not_report(running: Measure, cilda: Account):
    with pytest.raises(Refused):
        actions.report(running, by=cilda, period=YEAR, text="Es arī.")
    assert Report.objects.count() == 0


def test_a_returned_report_is_mended(running: Measure, anna: Account, bruno: Account):
    first = actions.report(running, by=bruno, period=YEAR, text="Darīts.", claims="under_way")
    with pytest.raises(Invalid, match="missing"):
        actions.return_report(first, by=anna, comment=" ")
    actions.return_report(first, by=anna, comment="Kas tieši?")
    running.refresh_from_db()
    assert running.state == "planned"
    second = actions.report(running, by=bruno, period=YEAR, text="Sarīkots forums.", claims="under_way")
    assert second.corrects == first
    actions.accept_report(second, by=anna)
    running.refresh_from_db()
    assert running.state == "under_way"
    assert [each.state for each in queries.reports(running)] == ["accepted", "returned"]


def test_unlocking_opens_the_period(running: Measure, anna: Account, bruno: Account):
    made = actions.report(running, by=bruno, period=YEAR, text="Darīts.")
    actions.accept_report(made, by=anna)
    actions.unlock_report(made, by=anna, comment="Nepareizs gads")
    actions.report(running, by=bruno, period=YEAR, text="Labots.")
    assert Report.objects.filter(state=ReportState.SUBMITTED).count() == 1


@pytest.mark.parametrize("verb", [actions.accept_report, actions.return_report, actions.unlock_report])
def test_officers_do_not_judge(running: Measure, bruno: Account, verb: Any):
    made = actions.report(running, by=bruno, period=YEAR, text="Darīts.")
    with pytest.raises(Refused):
        verb(made, by=bruno, comment="X")


def test_each_institution_reports_for_itself(
    running: Measure, eco: Ecosystem, anna: Account, bruno: Account, izm: Any
):
    lzp = draw.organisation("LZP")
    actions.edit_measure(running, by=SYSTEM, responsible=[izm, lzp])
    diana = draw.account("Diāna", "officer", of=lzp, where=eco)
    actions.accept_report(actions.report(running, by=bruno, period=YEAR, text="Mēs darījām."), by=anna)
    made = actions.report(queries.measures(running.plan).get(), by=diana, period=YEAR, text="Arī mēs.")
    assert made.institution_name == "LZP"


def test_a_lock_holds_in_the_next_version(running: Measure, anna: Account, bruno: Account):
    actions.accept_report(actions.report(running, by=bruno, period=YEAR, text="Darīts."), by=anna)
    copy = actions.new_version(running.plan, by=anna)
    actions.adopt(copy, by=anna)
    again = queries.measures(copy).get()
    with pytest.raises(Invalid, match="locked"):
        actions.report(again, by=bruno, period=YEAR, text="Vēlreiz.")
    assert [each.text for each in queries.reports(again)] == ["Darīts."]


def test_a_report_on_a_superseded_version_moves_the_one_in_force(
    running: Measure, anna: Account, bruno: Account
):
    made = actions.report(running, by=bruno, period=YEAR, text="Darīts.", claims="under_way")
    copy = actions.new_version(running.plan, by=anna)
    actions.adopt(copy, by=anna)
    actions.accept_report(made, by=anna)
    assert queries.measures(copy).get().state == "under_way"
    assert Measure.objects.get(pk=running.pk).state == "planned"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"text": "", "value": None}, "text"),
        ({"text": "X", "claims": "dropped"}, "claims"),
        ({"text": "X", "claims": "done"}, "done_on"),
        ({"text": "X", "claims": "done", "done_on": TODAY + timedelta(days=1)}, "done_on"),
        ({"text": "X", "period": Period.year(TODAY.year + 1)}, "period"),
        ({"text": "X", "files": [SimpleUploadedFile("makro.docm", b"x")]}, "files"),
    ],
)
def test_what_a_report_cannot_be(running: Measure, bruno: Account, values: dict[str, Any], field: str):
    with pytest.raises(Invalid) as refused:
        actions.report(running, by=bruno, **{"period": YEAR, **values})
    assert refused.value.field == field
    assert Report.objects.count() == 0


# ---------------------------------------------------------------- compared


def test_two_versions_compared(eco: Ecosystem, izm: Any, anna: Account):
    before = draw.plan(eco, LAST_YEAR, 4, adopted=True)
    after = actions.new_version(before, by=anna)
    one, two, three, _four = queries.measures(after)
    actions.edit_measure(one, by=anna, responsible=[izm], deadline="2027")
    actions.edit_measure(two, by=anna, section="1.2")
    actions.remove_measure(three, by=anna)
    draw.measure(after, "1.1.9", title_lv="Jauns")
    found = queries.compare(before, after)
    assert [
        (row.kind, row.number, [(cell.key, cell.before, cell.after) for cell in row.cells])
        for row in found.rows
    ] == [
        ("changed", "1.1.1", [("responsible", "", "IZM"), ("deadline", str(LAST_YEAR), "2027")]),
        ("same", "1.1.4", []),
        ("added", "1.1.9", []),
        ("moved", "1.1.2", [("section", "1.1. Prestižs", "1.2. Izglītība")]),
        ("removed", "1.1.3", []),
    ]


def test_two_years_compared_follow_what_was_carried_over(eco: Ecosystem):
    before = draw.plan(eco, 2025, 2, adopted=True)
    draft = draw.plan(eco, 2026)
    draw.measure(draft, "1.1.1", title_lv="Pavisam kas cits un jauns")
    actions.roll_over(before, by=SYSTEM, year=2026, reasons={"1.1.1": "Nepabeigts"})
    found = queries.compare(before, draft)
    assert [
        (row.kind, row.before and row.before.number, row.after and row.after.number) for row in found.rows
    ] == [
        ("added", None, "1.1.1"),
        ("changed", "1.1.1", "1.1.2"),
        ("removed", "1.1.2", None),
    ]


# ---------------------------------------------------------------- found, counted


def test_measures_are_found_by_words_numbers_and_institutions(eco: Ecosystem, izm: Any):
    plan = draw.plan(eco, LAST_YEAR)
    draw.measure(plan, "1.1.1", title_lv="Biobanku likuma apstiprināšana", responsible=[izm])
    draw.measure(plan, "1.1.2", title_lv="Forums", results_lv=["Atvērta biobanka"])
    for text, expected in {"biobanka": 2, "1.1.2": 1, "IZM": 1, "forumā": 1, "nekas": 0}.items():
        assert (
            len(search.search(text, ecosystem_id=eco.pk, public_only=False, kind="plan.measure")) == expected
        ), text
        assert queries.narrowed(queries.measures(plan), text=text).count() == expected, text
    assert search.search("biobanka", public_only=True) == []
    actions.adopt(plan, by=SYSTEM)
    assert len(search.search("biobanka", public_only=True)) == 2
    copy = actions.new_version(plan, by=SYSTEM)
    actions.adopt(copy, by=SYSTEM)
    assert len(search.search("biobanka", public_only=True)) == 2  # the superseded version stands aside


def test_filters(eco: Ecosystem, izm: Any):
    plan = draw.plan(eco, LAST_YEAR, 2)
    draw.measure(plan, "2.1.1", section="2.1", involved=[izm], deadline=str(TODAY.year + 1))
    rows = queries.measures(plan)

    def numbers(**by: Any) -> list[str]:
        return [each.number for each in queries.narrowed(rows, **by)]

    assert numbers() == ["1.1.1", "1.1.2", "2.1.1"]
    assert numbers(institution=izm.pk) == ["2.1.1"]
    assert numbers(direction="1") == ["1.1.1", "1.1.2"]
    assert numbers(state="late") == ["1.1.1", "1.1.2"]
    assert numbers(state="done") == []


@pytest.mark.parametrize("count", [1, 3])
def test_columns_of_any_number_of_measures_in_seven_questions(
    eco: Ecosystem, izm: Any, count: int, django_assert_num_queries: Any
):
    plan = draw.plan(eco, LAST_YEAR, count)
    source = actions.add_funding_source(HUB, by=SYSTEM, code="x", acronym="X", title_lv="X", kind_of="eu")
    for measure in queries.measures(plan):
        actions.edit_measure(measure, by=SYSTEM, responsible=[izm], funding=[{"source": source}])
    # Measures, sections, results, indicators, parts, institutions, funding, sources: eight, the plan being at hand.
    with django_assert_num_queries(8):
        assert [queries.cells(each)["responsible"] for each in queries.measures(plan)] == ["IZM"] * count


def test_indicators_count_the_plans_in_force(eco: Ecosystem, anna: Account):
    plan = draw.plan(eco, LAST_YEAR, 4)
    year = Period.year(LAST_YEAR)
    assert indicators.read("plan.measures_done_share", eco, year).value is None
    actions.adopt(plan, by=SYSTEM)
    one, two, three, _four = queries.measures(plan)
    actions.finish(one, by=anna, done_on=date(LAST_YEAR, 3, 1))
    actions.finish(two, by=anna, done_on=TODAY)  # done, but after the year
    actions.drop(three, by=anna, reason="X")
    expected = {"total": 3, "done": 1, "late": 2, "done_share": Decimal("33.33")}
    # On the last day of the year nothing was late yet: its deadline was that very day.
    expected["late"] = 0
    for name, value in expected.items():
        reading = indicators.read(f"plan.measures_{name}", eco, year)
        assert (name, reading.value) == (name, value)
        assert reading.evidence is not None
        assert len(reading.evidence) == {"done_share": 3}.get(name, value)
    assert indicators.read("plan.measures_late", eco, Period.quarter(LAST_YEAR, 1)).value == 0


# ---------------------------------------------------------------- what a decision may do


def test_a_decision_may_adopt_a_plan(eco: Ecosystem):
    from talka.governance.queries import SUBJECTS, offers  # noqa: PLC0415 -- the one test about another room

    plan = draw.plan(eco, 2026, 1)
    how = SUBJECTS["plan.plan"]
    assert how.find(eco, how.key(plan)) == plan
    assert [how.find(eco, text) for text in ("2026", "2026-2", "2025", "nekas", "2026-x")] == [
        plan,
        None,
        None,
        None,
        None,
    ]
    assert [carried.verb for _key, _words, carried in offers(eco)] == ["plan.adopt"]
    actions.adopt(plan, by=SYSTEM)
    assert list(offers(eco)) == []
    assert plan.state == PlanState.ADOPTED
