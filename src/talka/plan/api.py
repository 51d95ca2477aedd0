"""The API of the room: plans, measures with their eight columns, reports on them, files of plans in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import File, Query, Router, Schema
from ninja.files import UploadedFile
from pydantic import Field

from talka.core import sheets_io
from talka.core.actions import Invalid
from talka.core.api import (
    LIMIT,
    OFFSET,
    Exact,
    ReportIn,
    Seen,
    Text,
    Texts,
    actor,
    holding,
    one_of,
    page,
    page_of,
    period,
    reader,
    reporting,
    table,
    text,
)
from talka.core.formats import BadFile
from talka.core.models import Report
from talka.domains import queries as domains
from talka.domains.models import Ecosystem
from talka.governance.models import Decision, DecisionState
from talka.legislation.models import Bill
from talka.parties.models import Organisation
from talka.plan import actions, queries, sheets
from talka.plan.models import FundingSource, Measure, Part, Plan
from talka.strategy.models import Strategy

router = Router(tags=["plan"])
PLANS = "/ecosystems/{ecosystem}/plans"
PLAN = PLANS + "/{int:year}"
MEASURES = "/ecosystems/{ecosystem}/measures"
MEASURE = MEASURES + "/{int:id}"


class InPlan(Schema):
    """The address of whatever stands in the plan of a year."""

    ecosystem: str
    year: int


def plan_of(request: HttpRequest, ecosystem: str, year: int, version: int | None = None) -> Plan:
    """The version of a year's plan asked for, else the one in force, else the newest to be seen. Raises Http404."""
    eco = domains.enter(request, ecosystem)
    found = queries.plan_for_reader(eco, reader(request), year, version)
    if found is None:
        raise Http404(_("There is no plan for %(year)s here that you may see.") % {"year": year})
    return found


def _here(request: HttpRequest, place: Any) -> Plan:
    return plan_of(request, place.ecosystem, place.year)


table(router, "plan.funding_sources", "/funding-sources", name="FundingSource")
table(
    router,
    "plan.sections",
    "/ecosystems/{ecosystem}/plans/{year}/sections",
    name="Section",
    where=InPlan,
    parent=_here,
    remove=actions.remove_section,
)


# ---------------------------------------------------------------- plans


class TallyOut(Schema):
    """How many measures stand where; the late ones count among planned and under way."""

    planned: int
    under_way: int
    done: int
    dropped: int
    late: int
    total: int


class PlanOut(Schema):
    """A version of the plan of a year: draft, adopted, closed or superseded."""

    id: int
    revision: int
    url: str
    year: int
    number: int = Field(description="of the version")
    title: Text
    state: str
    strategy: int = Field(description="number of the version of the strategy it is derived from")
    decision: int | None = Field(description="id of the decision that adopted it")
    source: str
    measures: TallyOut


class PlanNew(Schema):
    """A draft for a year: with a section for each priority (`derive`), or empty with a title."""

    year: int
    derive: bool = True
    title: Text | None = None
    source: str = ""


class PlanChange(Seen):
    """What is given changes the plan; `strategy` is the number of a version."""

    title: Text | None = None
    strategy: int | None = None
    source: str | None = None


class PlanAdoption(Seen):
    """The id of the decision that adopts it, if one was taken."""

    decision: int | None = None


class RollOver(Seen):
    """Undone measures by their numbers, each with the reason why it is carried into the plan of another year."""

    to_year: int
    reasons: dict[str, str]


class OrderIn(Seen):
    """Ids of measures in the order they are to have."""

    order: list[int]


PlanPage = page_of(PlanOut)


def _plan(row: Plan, tally: queries.Tally) -> dict[str, Any]:
    return {
        "id": row.pk,
        "revision": row.revision,
        "url": row.get_absolute_url(),
        "year": row.year,
        "number": row.number,
        "title": text(row, "title"),
        "state": row.state,
        "strategy": row.strategy.number,
        "decision": row.decision_id,
        "source": row.source,
        "measures": {**vars(tally), "total": tally.total},
    }


def _one(row: Plan) -> dict[str, Any]:
    found = queries.plans(row.ecosystem).get(pk=row.pk)
    return _plan(found, queries.tally(found))


@router.get(PLANS, response=PlanPage)
def plans(request: HttpRequest, ecosystem: str, limit: int = LIMIT, offset: int = OFFSET) -> Any:
    """Every version of every plan, newest first; drafts for those who may see them."""
    found = page(queries.visible_plans(domains.enter(request, ecosystem), reader(request)), limit, offset)
    tallies = queries.tallies(found["items"])
    found["items"] = [_plan(row, tallies.get(row.pk, queries.Tally())) for row in found["items"]]
    return found


@router.get(PLAN, response=PlanOut)
def plan(request: HttpRequest, ecosystem: str, year: int, version: int | None = None) -> Any:
    """The plan of a year: the version asked for, else the one in force."""
    return _one(plan_of(request, ecosystem, year, version))


@router.post(PLANS, response={201: PlanOut})
def add_plan(request: HttpRequest, ecosystem: str, given: PlanNew) -> Any:
    """Founds a draft for a year."""
    eco, by = domains.enter(request, ecosystem), actor(request)
    if given.derive:
        return _one(actions.derive(eco, by=by, year=given.year))
    title = given.title or Text()
    made = actions.add_plan(
        eco, by=by, year=given.year, source=given.source, title_lv=title.lv, title_en=title.en
    )
    return _one(made)


@router.patch(PLAN, response=PlanOut)
def edit_plan(
    request: HttpRequest, ecosystem: str, year: int, given: PlanChange, version: int | None = None
) -> Any:
    """Changes a plan's titles, source or the version of the strategy it is derived from."""
    row = plan_of(request, ecosystem, year, version)
    values: dict[str, Any] = _columns(title=given.title)
    if given.source is not None:
        values["source"] = given.source
    if given.strategy is not None:
        values["strategy"] = one_of(
            Strategy.objects.filter(ecosystem=row.ecosystem), "number", given.strategy
        )
    return _one(actions.edit_plan(row, by=actor(request), seen=given.revision, **values))


@router.post(PLAN + "/new-version", response={201: PlanOut})
def new_version(request: HttpRequest, ecosystem: str, year: int, given: Seen) -> Any:
    """Copies the plan in force as a draft to be changed and adopted."""
    row = plan_of(request, ecosystem, year)
    with holding(row, given.revision):
        return _one(actions.new_version(row, by=actor(request)))


@router.post(PLAN + "/adopt", response=PlanOut)
def adopt(
    request: HttpRequest, ecosystem: str, year: int, given: PlanAdoption, version: int | None = None
) -> Any:
    """Puts a draft in force."""
    row, by = plan_of(request, ecosystem, year, version), actor(request)
    taken = Decision.objects.filter(body__ecosystem=row.ecosystem, state=DecisionState.ADOPTED)
    decision = one_of(taken, "pk", given.decision) if given.decision else None
    with holding(row, given.revision):
        return _one(actions.adopt(row, by=by, decision=decision))


@router.post(PLAN + "/close", response=PlanOut)
def close(request: HttpRequest, ecosystem: str, year: int, given: Seen) -> Any:
    """Closes a plan whose year is over: it is locked, and the readings of the year are kept."""
    row = plan_of(request, ecosystem, year)
    with holding(row, given.revision):
        return _one(actions.close(row, by=actor(request)))


@router.post(PLAN + "/roll-over", response=PlanOut)
def roll_over(request: HttpRequest, ecosystem: str, year: int, given: RollOver) -> Any:
    """Carries undone measures into the plan of another year, which is returned."""
    row = plan_of(request, ecosystem, year)
    with holding(row, given.revision):
        return _one(actions.roll_over(row, by=actor(request), year=given.to_year, reasons=given.reasons))


@router.post(PLAN + "/reorder", response=PlanOut)
def reorder(
    request: HttpRequest, ecosystem: str, year: int, given: OrderIn, version: int | None = None
) -> Any:
    """Puts the measures of a plan in another order."""
    row = plan_of(request, ecosystem, year, version)
    with holding(row, given.revision):
        return _one(actions.reorder(row, by=actor(request), order=given.order))


# ---------------------------------------------------------------- two plans compared


class CellOut(Schema):
    """A column of a measure, before and after, as it is printed."""

    key: str
    before: str
    after: str


class RowOut(Schema):
    """A measure in two plans: added, removed, changed, moved or same."""

    kind: str
    number: str
    title: str
    before: int | None = Field(description="id of the measure")
    after: int | None
    cells: list[CellOut]


@router.get(PLAN + "/compare", response=list[RowOut])
def compare(
    request: HttpRequest,
    ecosystem: str,
    year: int,
    before_year: int,
    version: int | None = None,
    before_version: int | None = None,
) -> Any:
    """What became of each measure from one plan to another; those that are the same are left out."""
    after = plan_of(request, ecosystem, year, version)
    found = queries.compare(plan_of(request, ecosystem, before_year, before_version), after)
    return [
        {
            "kind": row.kind,
            "number": row.number,
            "title": row.title,
            "before": row.before.pk if row.before else None,
            "after": row.after.pk if row.after else None,
            "cells": row.cells,
        }
        for row in found.differences
    ]


# ---------------------------------------------------------------- files


class ImportProblem(Schema):
    """Something wrong in a file: where, and what would have been right."""

    place: str
    message: str


class ImportColumn(Schema):
    """A column as it is, and as the file says."""

    column: str
    before: str
    after: str


class ImportChange(Schema):
    """A section or measure that the file would add or change."""

    kind: str
    what: str
    name: str
    place: str
    columns: list[ImportColumn]


class ImportedMeasure(Schema):
    """A measure as the file has it."""

    number: str
    title: str
    result: str
    indicator: str
    responsible: list[str]
    involved: list[str]
    deadline: str
    funding: list[str]


class ImportOut(Schema):
    """What a file holds and would change. It is applied only if it has no problems."""

    measures: list[ImportedMeasure]
    changes: list[ImportChange]
    problems: list[ImportProblem]
    fingerprint: str = Field(description="send it with `apply` to apply just what you have seen")
    applied: bool


@router.post(PLAN + "/import", response=ImportOut)
def import_file(
    request: HttpRequest,
    ecosystem: str,
    year: int,
    file: File[UploadedFile],
    apply: bool = False,
    fingerprint: str = "",
    version: int | None = None,
) -> Any:
    """Reads a plan from a docx, xlsx, csv, JSON or PDF file and shows what it would change; `apply` changes it."""
    row, by = plan_of(request, ecosystem, year, version), actor(request)
    try:
        upload = sheets_io.keep(file)
    except BadFile as error:
        raise Invalid(sheets_io.explained(error), field="file") from None
    try:
        read = sheets.read_plan_file(row, upload.path, name=upload.name)
    finally:
        sheets_io.discard(upload)
    answer = {**read.as_json(), "fingerprint": read.fingerprint, "applied": False}
    if apply and not read.problems:
        read.apply(by=by, expected=fingerprint)
        answer["applied"] = True
    return answer


# ---------------------------------------------------------------- measures


class PartyOut(Schema):
    """An institution with a part in a measure."""

    code: str
    acronym: str
    name: Text


class FundingOut(Schema):
    """An indicative source of funding; `source` is its code."""

    source: str | None
    text: str
    amount: Exact | None
    currency: str
    until: str


class SectionRef(Schema):
    """The section of the plan under which a measure stands."""

    number: str
    title: Text
    direction_number: str
    direction: Text
    priority: str | None


class MeasureOut(Schema):
    """A measure with its eight columns, and where it stands."""

    id: int
    revision: int
    url: str
    year: int
    version: int
    number: str
    section: SectionRef
    title: Text
    results: list[Text]
    indicators: list[Text]
    responsible: list[PartyOut]
    involved: list[PartyOut]
    starts: str
    deadline: str
    due_on: date | None = Field(description="the last day that is in time")
    funding: list[FundingOut] = Field(description="empty: not found yet")
    bill: str | None
    state: str
    late: bool
    done_on: date | None
    drop_reason: str
    carried_from: int | None
    carry_reason: str
    source: str
    printed: dict[str, str] = Field(
        description="the eight cells as the official form, which is in Latvian, prints them"
    )


class FundingIn(Schema):
    """A source of funding by its code, in words, or both."""

    source: str | None = None
    text: str = ""
    amount: Exact | None = None
    currency: str = "EUR"
    until: str = ""


class MeasureValues(Schema):
    """The columns of a measure. Institutions, sources and bills are codes; lists are given whole."""

    section: str | None = Field(None, description="number of the section")
    number: str | None = None
    title: Text | None = None
    results: Texts | None = None
    indicators: Texts | None = None
    responsible: list[str] | None = None
    involved: list[str] | None = None
    starts: str | None = None
    deadline: str | None = None
    funding: list[FundingIn] | None = None
    bill: str | None = None
    source: str | None = None


class MeasureNew(MeasureValues):
    """A new measure; without a number it gets the next one of its section."""

    section: str
    title: Text


class MeasureChange(MeasureValues):
    """What is given changes the measure."""

    revision: int


class MeasureFilters(Schema):
    """What narrows the list, as on the page of the plan."""

    version: int | None = None
    state: str = Field("", description="planned, under_way, done, dropped or late")
    institution: str = Field("", description="code of an institution with a part in it")
    direction: str = Field("", description="number of the direction")
    q: str = Field("", description="words of the measure, in any ending")


MeasurePage = page_of(MeasureOut)


@router.get(PLAN + "/measures", response=MeasurePage)
def measures(
    request: HttpRequest,
    ecosystem: str,
    year: int,
    wanted: Query[MeasureFilters],
    limit: int = LIMIT,
    offset: int = OFFSET,
) -> Any:
    """The measures of the plan of a year, in their order."""
    institution = (
        one_of(Organisation.objects.all(), "code", wanted.institution).pk if wanted.institution else None
    )
    found = queries.narrowed(
        queries.measures(plan_of(request, ecosystem, year, wanted.version)),
        state=wanted.state,
        institution=institution,
        direction=wanted.direction,
        text=wanted.q,
    )
    return page(found.select_related("section__priority"), limit, offset, _measure)


@router.get(MEASURE, response=MeasureOut)
def measure(request: HttpRequest, ecosystem: str, id: int) -> Any:  # noqa: A002 -- the name in the address
    """One measure."""
    return _measure(_row(request, ecosystem, id))


@router.post(PLAN + "/measures", response={201: MeasureOut})
def add_measure(
    request: HttpRequest, ecosystem: str, year: int, given: MeasureNew, version: int | None = None
) -> Any:
    """Adds a measure to a section of a plan."""
    row = plan_of(request, ecosystem, year, version)
    values = _values(row.ecosystem, given)
    made = actions.add_measure(row, by=actor(request), **values)
    return _measure(_row(request, ecosystem, made.pk))


@router.patch(MEASURE, response=MeasureOut)
def edit_measure(request: HttpRequest, ecosystem: str, id: int, given: MeasureChange) -> Any:  # noqa: A002 -- as above
    """Changes columns of a measure; those not given stay."""
    row = _row(request, ecosystem, id)
    actions.edit_measure(row, by=actor(request), seen=given.revision, **_values(row.plan.ecosystem, given))
    return _measure(_row(request, ecosystem, id))


@router.delete(MEASURE, response={204: None})
def remove_measure(request: HttpRequest, ecosystem: str, id: int, revision: int) -> Any:  # noqa: A002 -- as above
    """Removes a measure from a draft; in an adopted plan it is dropped, with a reason."""
    row = _row(request, ecosystem, id)
    with holding(row, revision):
        actions.remove_measure(row, by=actor(request))


class Finish(Seen):
    """The day on which it was done (today if not said)."""

    done_on: date | None = None


class Drop(Seen):
    """Why it is given up."""

    reason: str


@router.post(MEASURE + "/start", response=MeasureOut)
def start(request: HttpRequest, ecosystem: str, id: int, given: Seen) -> Any:  # noqa: A002 -- as above
    """Notes that a planned measure is under way."""
    return _passed(request, ecosystem, id, given, actions.start)


@router.post(MEASURE + "/finish", response=MeasureOut)
def finish(request: HttpRequest, ecosystem: str, id: int, given: Finish) -> Any:  # noqa: A002 -- as above
    """Notes that a measure is done."""
    return _passed(request, ecosystem, id, given, actions.finish, done_on=given.done_on)


@router.post(MEASURE + "/drop", response=MeasureOut)
def drop(request: HttpRequest, ecosystem: str, id: int, given: Drop) -> Any:  # noqa: A002 -- as above
    """Gives a measure up, with the reason."""
    return _passed(request, ecosystem, id, given, actions.drop, reason=given.reason)


@router.post(MEASURE + "/reopen", response=MeasureOut)
def reopen(request: HttpRequest, ecosystem: str, id: int, given: Seen) -> Any:  # noqa: A002 -- as above
    """Takes a done measure back under way, or a dropped one back into the plan."""
    return _passed(request, ecosystem, id, given, actions.reopen)


# ---------------------------------------------------------------- reports


class MeasureReportIn(ReportIn):
    """A report on a measure. `claims`: “under_way”, or “done” with its day; it comes true when accepted."""

    claims: str = ""
    done_on: date | None = None


class InMeasure(Schema):
    """The address of a measure."""

    ecosystem: str
    id: int


def _hand_in(row: Measure, given: MeasureReportIn, files: list[UploadedFile], *, by: Any) -> Report:
    return actions.report(
        row,
        by=by,
        period=period(given.period),
        text=given.text,
        value=given.value,
        files=files,
        claims=given.claims,
        done_on=given.done_on,
    )


reporting(
    router,
    MEASURE + "/reports",
    of="a measure",
    where=InMeasure,
    find=lambda request, place: _row(request, place.ecosystem, place.id),
    inside=lambda who, row: queries.may_see_drafts(who, row.plan.ecosystem),
    rows=queries.reports,
    given=MeasureReportIn,
    hand_in=_hand_in,
    accept=actions.accept_report,
    give_back=actions.return_report,
    unlock=actions.unlock_report,
)


# ---------------------------------------------------------------- shared


def _row(request: HttpRequest, ecosystem: str, pk: int) -> Measure:
    return queries.measure_for_reader(domains.enter(request, ecosystem), reader(request), pk)


def _passed(
    request: HttpRequest, ecosystem: str, pk: int, given: Seen, verb: Callable[..., Measure], **values: Any
) -> dict[str, Any]:
    row = _row(request, ecosystem, pk)
    with holding(row, given.revision):
        verb(row, by=actor(request), **values)
    return _measure(_row(request, ecosystem, pk))


def _measure(row: Measure) -> dict[str, Any]:
    section = row.section
    return {
        "id": row.pk,
        "revision": row.revision,
        "url": row.get_absolute_url(),
        "year": row.plan.year,
        "version": row.plan.number,
        "number": row.number,
        "section": {
            "number": section.number,
            "title": text(section, "title"),
            "direction_number": section.direction_number,
            "direction": text(section, "direction_title"),
            "priority": section.priority.code if section.priority else None,
        },
        "title": text(row, "title"),
        "results": [text(each, "text") for each in row.result_rows],
        "indicators": [text(each, "text") for each in row.indicator_rows],
        "responsible": [_party(each) for each in queries.parties(row, Part.RESPONSIBLE)],
        "involved": [_party(each) for each in queries.parties(row, Part.INVOLVED)],
        "starts": row.starts,
        "deadline": row.deadline,
        "due_on": row.due_on,
        "funding": [
            {
                "source": each.funding_source.code if each.funding_source else None,
                "text": each.text,
                "amount": each.amount,
                "currency": each.currency,
                "until": each.until,
            }
            for each in row.funding_rows
        ],
        "bill": row.bill.code if row.bill else None,
        "state": row.state,
        "late": row.is_late(timezone.localdate()),
        "done_on": row.done_on,
        "drop_reason": row.drop_reason,
        "carried_from": row.carried_from_id,
        "carry_reason": row.carry_reason,
        "source": row.source,
        "printed": queries.cells(row),
    }


def _party(row: Organisation) -> dict[str, Any]:
    return {"code": row.code, "acronym": row.acronym, "name": text(row, "name")}


def _values(eco: Ecosystem, given: MeasureValues) -> dict[str, Any]:
    """What was sent, as the verbs take it. Raises Invalid naming a code that is not there."""
    sent = given.dict(exclude_unset=True)
    values: dict[str, Any] = {name: sent[name] for name in ("section", "number") if sent.get(name)}
    values |= {name: sent[name] or "" for name in ("starts", "deadline", "source") if name in sent}
    values |= _columns(title=given.title)
    for name, lists in (("results", given.results), ("indicators", given.indicators)):
        if lists is not None:
            values |= {
                f"{name}_{language}": lines for language, lines in lists.dict(exclude_unset=True).items()
            }
    for name in ("responsible", "involved"):
        if sent.get(name) is not None:
            values[name] = _by_code(Organisation.objects.filter(merged_into=None), sent[name], name)
    if given.funding is not None:
        codes = [each.source for each in given.funding if each.source]
        known = {each.code: each for each in _by_code(FundingSource.objects.all(), codes, "funding")}
        values["funding"] = [
            {**each.dict(), "source": known.get(each.source or "")} for each in given.funding
        ]
    if "bill" in sent:
        bills = Bill.objects.filter(ecosystem=eco)
        values["bill"] = next(iter(_by_code(bills, [sent["bill"]], "bill")), None) if sent["bill"] else None
    return values


def _by_code(rows: Any, codes: list[str], field: str) -> list[Any]:
    found = {row.code: row for row in rows.filter(code__in=codes)}
    if unknown := [code for code in codes if code not in found]:
        raise Invalid(_("Not known: %(codes)s.") % {"codes": ", ".join(unknown)}, field=field)
    return [found[code] for code in codes]


def _columns(**texts: Text | None) -> dict[str, str]:
    return {
        f"{name}_{language}": said
        for name, both in texts.items()
        if both is not None
        for language, said in both.dict(exclude_unset=True).items()
    }
