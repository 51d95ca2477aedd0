"""Bills: who may keep them, the way they go, what is counted, what the linter says, in and out as a table."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from talka.core import indicators, lint
from talka.core.actions import SYSTEM, Invalid, Refused
from talka.core.models import Event
from talka.core.sheets import SHEETS
from talka.core.values import Period
from talka.legislation import actions, queries
from talka.legislation.models import ROAD, Bill, BillStage, Stage
from talka.legislation.tests import factories
from talka.network.tests.factories import ecosystem, organisation, people
from talka.network.tests.test_network import raws, seed

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize(("who", "may"), [("anna", True), ("bruno", False), ("cilda", False)])
def test_only_who_holds_the_permission_may_keep_bills(who: str, may: bool) -> None:
    eco = ecosystem()
    by = getattr(people(eco), who)
    row = factories.bill(eco)
    verbs = [
        lambda: actions.add_bill(eco, by=by, code="new", title_lv="Jauns"),
        lambda: actions.edit_bill(row, by=by, title_lv="Cits"),
        lambda: actions.pass_stage(row, by=by, stage="submitted"),
        lambda: actions.correct_stage(row, by=by, date=date(2023, 1, 1)),
    ]
    refused = []
    for verb in verbs:
        try:
            verb()
        except Refused:
            refused.append(verb)
    assert refused == ([] if may else verbs)


# ---------------------------------------------------------------- the way


def test_every_stage_stays_on_record() -> None:
    row = factories.bill(ecosystem(), stage="drafting", stage_date=date(2022, 3, 1))
    actions.pass_stage(row, by=SYSTEM, stage="submitted", date=date(2022, 10, 19))
    actions.pass_stage(row, by=SYSTEM, stage="reading_1", date=date(2023, 2, 2), note="78 par")
    row = Bill.objects.get(pk=row.pk)
    assert (row.stage, row.stage_date) == ("reading_1", date(2023, 2, 2))
    assert list(row.stages.values_list("stage", "date", "note")) == [
        ("drafting", date(2022, 3, 1), ""),
        ("submitted", date(2022, 10, 19), ""),
        ("reading_1", date(2023, 2, 2), "78 par"),
    ]
    verbs = Event.objects.filter(subject_kind="legislation.bill", subject_id=row.pk).order_by("id")
    assert [event.verb for event in verbs] == [
        "legislation.add_bill",
        "legislation.pass_stage",
        "legislation.pass_stage",
    ]


@pytest.mark.parametrize("now", [*ROAD, Stage.REJECTED])
@pytest.mark.parametrize("then", [*ROAD, Stage.REJECTED])
@pytest.mark.parametrize("note", ["", "Prezidents nosūtīja atpakaļ"])
def test_the_whole_table_of_passages(now: Stage, then: Stage, note: str) -> None:
    """On it goes freely; back only with a note; nowhere it is already; a law is not rejected."""
    row = factories.bill(ecosystem(), stage=now)
    law = now in (Stage.ADOPTED, Stage.IN_FORCE)
    back = now == Stage.REJECTED or (then in ROAD and ROAD.index(then) < ROAD.index(now))
    if then == now or (then == Stage.REJECTED and law):
        wrong: str | None = "stage"
    else:
        wrong = "note" if back and not note else None
    if wrong:
        with pytest.raises(Invalid) as error:
            actions.pass_stage(row, by=SYSTEM, stage=then, note=note)
        assert error.value.field == wrong
        assert Bill.objects.get(pk=row.pk).stage == now
    else:
        assert actions.pass_stage(row, by=SYSTEM, stage=then, note=note).stage == then


@pytest.mark.parametrize("day", [date(2022, 10, 18), date(2999, 1, 1)])
def test_a_day_before_the_stage_before_or_ahead_is_refused(day: date) -> None:
    row = factories.bill(ecosystem(), stage="submitted", stage_date=date(2022, 10, 19))
    with pytest.raises(Invalid) as error:
        actions.pass_stage(row, by=SYSTEM, stage="reading_1", date=day)
    assert error.value.field == "date"
    assert BillStage.objects.count() == 1


def test_a_day_learned_later_is_given_to_the_present_stage_alone() -> None:
    row = factories.bill(ecosystem(), stage="drafting", stage_date=date(2022, 1, 1))
    actions.pass_stage(row, by=SYSTEM, stage="submitted", note="no preses")
    actions.correct_stage(Bill.objects.get(pk=row.pk), by=SYSTEM, date=date(2022, 10, 19))
    row = Bill.objects.get(pk=row.pk)
    assert row.stage_date == date(2022, 10, 19)
    assert list(row.stages.values_list("stage", "date", "note")) == [
        ("drafting", date(2022, 1, 1), ""),
        ("submitted", date(2022, 10, 19), "no preses"),
    ]
    with pytest.raises(Invalid):
        actions.correct_stage(row, by=SYSTEM, date=date(2021, 12, 31))


def test_the_way_is_drawn_from_idea_to_force() -> None:
    row = factories.bill(ecosystem(), stage="drafting", stage_date=date(2022, 1, 1))
    actions.pass_stage(row, by=SYSTEM, stage="reading_1", date=date(2023, 2, 2))
    drawn = [(step.stage, step.state, step.date) for step in queries.track(Bill.objects.get(pk=row.pk))]
    assert drawn == [
        (Stage.IDEA, "done", None),
        (Stage.DRAFTING, "done", date(2022, 1, 1)),
        (Stage.SUBMITTED, "done", None),
        (Stage.READING_1, "now", date(2023, 2, 2)),
        (Stage.READING_2, "ahead", None),
        (Stage.READING_3, "ahead", None),
        (Stage.ADOPTED, "ahead", None),
        (Stage.IN_FORCE, "ahead", None),
    ]


def test_the_way_of_a_rejected_bill_ends_where_it_was_rejected() -> None:
    row = factories.bill(ecosystem(), stage="submitted", stage_date=date(2022, 1, 1))
    actions.pass_stage(row, by=SYSTEM, stage="rejected", date=date(2023, 2, 2))
    drawn = [(step.stage, step.state, step.date) for step in queries.track(Bill.objects.get(pk=row.pk))]
    assert drawn == [
        (Stage.IDEA, "done", None),
        (Stage.DRAFTING, "done", None),
        (Stage.SUBMITTED, "done", date(2022, 1, 1)),
        (Stage.REJECTED, "stopped", date(2023, 2, 2)),
    ]


def test_a_code_is_taken_once_and_the_page_for_adding_is_no_code() -> None:
    eco = ecosystem()
    factories.bill(eco, "honey")
    for code in ("honey", "add"):
        with pytest.raises(Invalid) as error:
            factories.bill(eco, code)
        assert error.value.field == "code"


# ---------------------------------------------------------------- what is counted


def test_legislation_bills_adopted_counts_laws_and_is_nothing_without_bills() -> None:
    eco = ecosystem()
    assert indicators.read("legislation.bills_adopted", eco).value is None
    factories.bill(eco, "draft")
    assert indicators.read("legislation.bills_adopted", eco).value == 0
    factories.bill(eco, "law", "adopted", stage_date=date(2023, 6, 15))
    factories.bill(eco, "old", "in_force")  # nobody knows since when
    factories.bill(eco, "no", "rejected", stage_date=date(2023, 1, 1))
    reading = indicators.read("legislation.bills_adopted", eco)
    assert reading.evidence is not None
    assert (reading.value, [bill.code for bill in reading.evidence]) == (2, ["law", "old"])
    by_year = {
        year: indicators.read("legislation.bills_adopted", eco, Period.year(year)).value
        for year in (2022, 2023)
    }
    assert by_year == {2022: 0, 2023: 1}


# ---------------------------------------------------------------- the linter


def test_l03_names_open_bills_for_which_nobody_is_responsible() -> None:
    eco = ecosystem()
    vm = organisation("vm")
    factories.bill(eco, "nobody")
    factories.bill(eco, "somebody", responsible=vm)
    factories.bill(eco, "law", "in_force")
    factories.bill(eco, "dead", "rejected")
    assert [(f.code, f.severity, f.place) for f in lint.run("domains.ecosystem", eco) if f.code == "L03"] == [
        ("L03", "warning", "nobody")
    ]


def test_l03_finds_in_the_real_bills_what_the_answer_key_says() -> None:
    eco = ecosystem("biomed")
    organisation("varam")
    organisation("vm")
    sheet = SHEETS["legislation.bills"]
    preview = sheet.preview(eco, raws(seed("08-bills.yaml")))
    assert preview.problems == []
    sheet.apply(preview, by=SYSTEM)
    assert [f.place for f in lint.run("domains.ecosystem", eco) if f.code == "L03"] == ["scientific-activity"]
    assert [item.kind for item in sheet.preview(eco, raws(seed("08-bills.yaml"))).items] == ["same"] * 3


# ---------------------------------------------------------------- in and out


def test_a_file_with_another_stage_passes_the_bill_to_it() -> None:
    eco = ecosystem()
    row = factories.bill(eco, "honey", "drafting")
    sheet = SHEETS["legislation.bills"]
    file = [
        {"code": "honey", "title_lv": row.title_lv, "stage": "iesniegts Saeimā", "stage_date": "19.10.2022"}
    ]
    file[0]["stage"] = "submitted"
    sheet.apply(sheet.preview(eco, raws(file)), by=SYSTEM)
    assert list(BillStage.objects.values_list("stage", "date")) == [
        ("drafting", None),
        ("submitted", date(2022, 10, 19)),
    ]
    file[0] |= {"stage_date": "20.10.2022"}
    sheet.apply(sheet.preview(eco, raws(file)), by=SYSTEM)
    assert list(BillStage.objects.values_list("stage", "date")) == [
        ("drafting", None),
        ("submitted", date(2022, 10, 20)),
    ]


def test_a_file_that_turns_a_bill_back_needs_a_note() -> None:
    eco = ecosystem()
    factories.bill(eco, "honey", "reading_2")
    sheet = SHEETS["legislation.bills"]
    back: dict[str, Any] = {"code": "honey", "title_lv": "Likums honey", "stage": "reading_1"}
    preview = sheet.preview(eco, raws([back]))
    assert [problem.place for problem in preview.problems] == ["row 1"]
    sheet.apply(sheet.preview(eco, raws([back | {"stage_note": "jauni priekšlikumi"}])), by=SYSTEM)
    assert Bill.objects.get(code="honey").stage == "reading_1"
