"""A measure: its columns, how it stands, who reported what; its life, the forms that change it and report on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy
from django.views.decorators.http import require_POST

from talka.core import attachments
from talka.core.actions import Invalid
from talka.core.forms import VerbForm
from talka.core.http import asker
from talka.core.models import Attachment, Report, ReportState
from talka.core.sheets import SHEETS, Column
from talka.core.values import Period
from talka.domains import queries as domains
from talka.plan import actions, forms, queries, rules
from talka.plan.models import Measure, MeasureState, Part, Plan, PlanState
from talka.plan.pages.common import (
    chosen,
    form_page,
    language,
    must_be_open,
    need,
    state_words,
    tell_refusals,
    trail,
    up_to,
)
from talka.plan.sheets.cells import Sources
from talka.ui import formats
from talka.ui.parts.boxes import badge

EVIDENCE = 100 * 1024**2  # bytes of one report with all its files


# ---------------------------------------------------------------- one measure


def _measure(request: HttpRequest, ecosystem: str, pk: int) -> Measure:
    """The measure that the address names. Raises Http404, also for one in a draft not to be seen."""
    return queries.measure_for_reader(domains.enter(request, ecosystem), asker(request), pk)


def measure(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """A measure: how it stands, all its columns, the reports on it with their evidence."""
    row = _measure(request, ecosystem, pk)
    may_report = row.plan.state == PlanState.ADOPTED and rules.may_report(asker(request), row)
    return _page(request, row, _report_form(request, row) if may_report else None)


def _report_form(request: HttpRequest, row: Measure, data: Any = None, files: Any = None) -> forms.ReportForm:
    return forms.ReportForm(data, files, measure=row, today=timezone.localdate())


def _page(request: HttpRequest, row: Measure, form: forms.ReportForm | None) -> HttpResponse:
    by, today = asker(request), timezone.localdate()
    inside = queries.may_see_reports(by, row)
    judges = rules.may_coordinate(by, row)
    running = row.plan.state == PlanState.ADOPTED
    reports = list(queries.readable_reports(row, by))
    files = attachments.about_each(reports)
    figure, unit, label = _figure(row, today)
    return render(
        request,
        "plan/measure.html",
        {
            "title": str(row),
            "kicker": str(row.section),
            "breadcrumbs": trail(row.plan, (row.number, "")),
            "measure": row,
            "plan": row.plan,
            "year_text": str(row.plan.year),
            "state": badge(*state_words(row, today)),
            "figure": figure,
            "unit": unit,
            "label": label,
            "sentence": _sentence(row, today),
            "results": [each.text for each in row.result_rows],
            "indicators": [each.text for each in row.indicator_rows],
            "responsible": _parties(row, Part.RESPONSIBLE),
            "involved": _parties(row, Part.INVOLVED),
            "fundings": [_funding(each) for each in row.funding_rows],
            "deadline": queries.deadline_words(row.deadline),
            "starts": queries.deadline_words(row.starts),
            "bill": _bill(row),
            "carried_from": _carried_from(row, by),
            "carried_to": _visible(row.carried_to.select_related("plan__ecosystem"), by),
            "newer": _newer(row),
            "reports": [_told(each, files.get(each.pk, []), inside) for each in reports],
            "waiting": sum(1 for each in reports if each.state == ReportState.SUBMITTED),
            "inside": inside,
            "judges": judges,
            "steps": _steps(row, today) if judges and running else [],
            "why_no_steps": _why_not_running(row.plan) if judges and not running else "",
            "form": form,
            "speaks_for": _speaks_for(row, by),
            "why_no_report": _why_no_report(row, by) if form is None else "",
            "may_edit": row.plan.open and rules.may_edit(by, row),
        },
    )


def _figure(row: Measure, today: date) -> tuple[str, str, str]:
    """The one number of a measure, its unit and what it means: the days to its deadline, or the day it was done."""
    if row.state == MeasureState.DONE:
        return formats.day(row.done_on), "", pgettext("measure", "done")
    if row.state == MeasureState.DROPPED:
        return formats.NOTHING, "", pgettext("measure", "dropped")
    if row.due_on is None:
        return formats.NOTHING, "", _("no deadline")
    days = (row.due_on - today).days
    unit = ngettext("day", "days", abs(days))
    return formats.number(abs(days)), unit, pgettext("days", "late") if days < 0 else pgettext("days", "left")


def _sentence(row: Measure, today: date) -> str:
    """Who answers for the measure, by when, and what is the matter."""
    names = ", ".join(each.acronym or each.name for each in queries.parties(row, Part.RESPONSIBLE))
    said = [_("Responsible: %(names)s.") % {"names": names} if names else _("Nobody is responsible yet.")]
    deadline = queries.deadline_words(row.deadline)
    if row.state == MeasureState.DROPPED:
        said.append(_("It was dropped: %(reason)s") % {"reason": row.drop_reason})
    elif not deadline:
        said.append(_("It has no deadline, so it can never be late."))
    elif row.is_late(today):
        said.append(_("The deadline was %(deadline)s.") % {"deadline": deadline})
    else:
        said.append(_("The deadline is %(deadline)s.") % {"deadline": deadline})
    return " ".join(said)


def _parties(row: Measure, part: str) -> Mapping[str, Any]:
    """Institutions with their full names and addresses, and how the plan prints them where that differs."""
    found = queries.parties(row, part)
    printed = row.as_written.get(part, "")
    return {
        "rows": [(each.acronym or each.name, each.name, each.get_absolute_url()) for each in found],
        "printed": printed if printed and printed != queries.join_parties(found) else "",
    }


def _funding(row: Any) -> dict[str, str]:
    source = str(row.funding_source) if row.funding_source else ""
    until = queries.deadline_words(row.until or (row.funding_source.ends if row.funding_source else ""))
    return {
        "text": row.text or source,
        "full": row.funding_source.title if row.funding_source else "",
        "amount": formats.quantity(row.amount, row.currency) if row.amount is not None else "",
        "until": until,
    }


def _bill(row: Measure) -> Any:
    if row.bill is not None:
        row.bill.ecosystem = row.plan.ecosystem
    return row.bill


def _visible(rows: Any, by: Any) -> list[Measure]:
    return [each for each in rows if each.plan.public or queries.may_see_drafts(by, each.plan.ecosystem)]


def _carried_from(row: Measure, by: Any) -> Measure | None:
    return next(iter(_visible([row.carried_from], by)), None) if row.carried_from else None


def _newer(row: Measure) -> Measure | None:
    """The measure in the version that took over, if this one stands in a superseded one."""
    found = queries.now_in_force(row)
    return found if found.pk != row.pk else None


def _speaks_for(row: Measure, by: Any) -> str:
    """The responsible institution in whose name this reader reports."""
    mine = by.organisation_ids() if hasattr(by, "organisation_ids") else frozenset()
    return next((str(each) for each in queries.parties(row, Part.RESPONSIBLE) if each.pk in mine), "")


def _why_not_running(plan: Plan) -> str:
    return {
        PlanState.DRAFT: _("The plan is a draft: measures begin and end once it is in force."),
        PlanState.CLOSED: _("The plan is closed: its measures stay as they stood."),
        PlanState.SUPERSEDED: _("This version is superseded: measures go on in the version in force."),
    }.get(PlanState(plan.state), "")


def _why_no_report(row: Measure, by: Any) -> str:
    """Why someone who reports elsewhere does not report here; nothing for whoever reports nowhere."""
    if by is None or not by.may("plan.report", row.ecosystem_id):
        return ""
    if row.plan.state == PlanState.DRAFT:
        return _("The plan is a draft: reports are handed in once it is in force.")
    if row.plan.state == PlanState.CLOSED:
        return _("The plan is closed: no reports are taken any more.")
    if row.plan.state == PlanState.SUPERSEDED:
        return _("This version is superseded: report on the measure in the version in force.")
    return _("Only the responsible institutions report on this measure.")


def _told(report: Report, files: list[Attachment], inside: bool) -> dict[str, Any]:
    """A report as the page prints it; outsiders see neither who typed it nor the files that are not public."""
    claim = getattr(report, "claim", None)
    claimed = ""
    if claim is not None:
        claimed = (
            _("The report says that it was done on %(day)s.") % {"day": formats.day(claim.done_on)}
            if claim.done_on
            else _("The report says that it is under way.")
        )
    label, tone = REPORT_STATES[ReportState(report.state)]
    return {
        "pk": report.pk,
        "period": Period.parse(report.period).words(language()),
        "state": report.state,
        "badge": badge(label, tone=tone),
        "who": report.institution_name or (report.by_name if inside else _("the coordinator")),
        "person": report.by_name if inside and report.institution_name else "",
        "at": report.submitted_at,
        "text": report.text,
        "value": formats.number(report.value) if report.value is not None else "",
        "claimed": claimed,
        "files": [each for each in files if inside or each.public],
        "comment": report.comment,
        "decided_by": report.decided_by if inside else "",
        "decided_at": report.decided_at,
        "corrects": report.corrects_id,
        "accept": _judge_form(report.pk),
        "unlock": _judge_form(report.pk, required=True),
    }


REPORT_STATES: dict[ReportState, tuple[Any, str]] = {
    ReportState.SUBMITTED: (pgettext_lazy("report", "waits for the coordinator"), "progress"),
    ReportState.RETURNED: (pgettext_lazy("report", "returned to be mended"), "bad"),
    ReportState.ACCEPTED: (pgettext_lazy("report", "accepted, period locked"), "good"),
}


def _judge_form(pk: int, *, required: bool = False) -> forms.JudgeForm:
    """A form for each report on the page, with names of its own."""
    return forms.JudgeForm(required=required, auto_id=f"id_{pk}_{'reason' if required else 'word'}_%s")


# ---------------------------------------------------------------- the life of a measure

STEPS: dict[str, tuple[Callable[..., Any], type[VerbForm], Any]] = {
    "start": (actions.start, VerbForm, gettext_lazy("The measure is under way.")),
    "finish": (actions.finish, forms.FinishForm, gettext_lazy("The measure is done.")),
    "drop": (
        actions.drop,
        forms.DropForm,
        gettext_lazy("The measure is dropped, and the reason is published."),
    ),
    "reopen": (actions.reopen, VerbForm, gettext_lazy("The measure is open again.")),
}
ONWARD: dict[MeasureState, tuple[str, ...]] = {
    MeasureState.PLANNED: ("start", "finish", "drop"),
    MeasureState.UNDER_WAY: ("finish", "drop"),
    MeasureState.DONE: ("reopen",),
    MeasureState.DROPPED: ("reopen",),
}
# Button, question, icon, tone.
WORDS: dict[str, tuple[Any, Any, str, str]] = {
    "start": (pgettext_lazy("measure", "Start"), "", "player-play", ""),
    "finish": (pgettext_lazy("measure", "Finish"), gettext_lazy("Is the measure done?"), "check", "primary"),
    "drop": (pgettext_lazy("measure", "Drop"), gettext_lazy("Drop the measure?"), "ban", "danger"),
    "reopen": (pgettext_lazy("measure", "Reopen"), "", "arrow-back-up", ""),
}


def _steps(row: Measure, today: date) -> list[dict[str, Any]]:
    """The steps that the measure may take from where it stands."""
    steps = []
    for name in ONWARD[MeasureState(row.state)]:
        button, ask, symbol, tone = WORDS[name]
        form = STEPS[name][1](initial={"done_on": today}, auto_id=f"id_{name}_%s")
        steps.append(
            {
                "dialog": f"step-{name}",
                "button": button,
                "ask": ask,
                "symbol": symbol,
                "tone": tone,
                "url": reverse("measure-step", args=[row.plan.ecosystem.code, row.pk, name]),
                "field": next((field for field in form if not field.is_hidden), None),
            }
        )
    return steps


@require_POST
def step(request: HttpRequest, ecosystem: str, pk: int, step: str) -> HttpResponse:
    """Leads a measure one step further in its life."""
    row = _measure(request, ecosystem, pk)
    verb, form_class, done = STEPS[step]
    form = form_class(request.POST)
    if form.carry_out(verb, row, by=asker(request)):
        messages.success(request, str(done))
    else:
        tell_refusals(request, form)
    return redirect(row)


# ---------------------------------------------------------------- changing it


def _columns() -> Mapping[str, Column]:
    """The columns that read the cells of the form: those that read them from files."""
    sheet = SHEETS["plan.measures"]
    return {
        "responsible": sheet.column("responsible"),
        "involved": sheet.column("involved"),
        "funding": Sources("funding", _("Indicative funding source")),
    }


def _measure_page(request: HttpRequest, form: forms.MeasureForm, **context: Any) -> HttpResponse:
    institutions, sources = queries.suggestions()
    return form_page(
        request,
        form,
        template="plan/measure_form.html",
        institutions=institutions,
        sources=sources,
        **context,
    )


def add_measure(request: HttpRequest, ecosystem: str, year: int) -> HttpResponse:
    """Adds a measure to a plan; ?section= says under which heading."""
    plan = chosen(request, ecosystem, year)
    need(rules.may_edit, request, plan)
    must_be_open(plan)
    number = request.GET.get("section", "")
    section = queries.sections(plan).filter(number=number).first() if number else None
    form = forms.MeasureForm(
        request.POST or None, plan=plan, columns=_columns(), initial={"section": section and section.pk}
    )
    if request.method == "POST" and form.carry_out(actions.add_measure, plan, by=asker(request)):
        messages.success(request, _("“%(name)s” is added.") % {"name": form.result})
        return redirect(form.result)
    return _measure_page(
        request,
        form,
        title=_("Add a measure"),
        breadcrumbs=trail(plan, (_("Add a measure"), "")),
        submit=_("Add"),
        cancel=plan.get_absolute_url(),
    )


def edit_measure(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Changes the columns of a measure."""
    row = _measure(request, ecosystem, pk)
    need(rules.may_edit, request, row)
    must_be_open(row.plan)
    form = forms.MeasureForm(request.POST or None, plan=row.plan, columns=_columns(), subject=row)
    if request.method == "POST" and form.carry_out(actions.edit_measure, row, by=asker(request)):
        messages.success(request, _("Saved."))
        return redirect(form.result)
    return _measure_page(
        request,
        form,
        title=_("Change measure %(number)s") % {"number": row.number},
        lead=_("The plan is in force: everybody sees what you change and who changed it.")
        if row.plan.in_force
        else "",
        breadcrumbs=trail(row.plan, (row.number, row.get_absolute_url()), (_("Change"), "")),
        submit=_("Save"),
        cancel=row.get_absolute_url(),
        remove=reverse("measure-remove", args=[ecosystem, row.pk])
        if row.plan.state == PlanState.DRAFT
        else "",
        history=reverse("history", args=[Measure.kind(), row.pk]),
    )


@require_POST
def remove_measure(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Removes a measure from a draft."""
    row = _measure(request, ecosystem, pk)
    name = str(row)
    try:
        actions.remove_measure(row, by=asker(request))
    except Invalid as refusal:
        messages.error(request, str(refusal))
        return redirect(row)
    messages.success(request, _("“%(name)s” is removed from the draft.") % {"name": name})
    return redirect(row.plan)


# ---------------------------------------------------------------- reports


@up_to(EVIDENCE)
def report(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Hands in a report on a measure; its form stands on the measure's page."""
    row = _measure(request, ecosystem, pk)
    if request.method != "POST":
        return redirect(f"{row.get_absolute_url()}#report")
    need(rules.may_report, request, row)
    form = _report_form(request, row, request.POST, request.FILES)
    if form.carry_out(actions.report, row, by=asker(request)):
        messages.success(request, _("Handed in. The coordinator accepts it or asks back."))
        return redirect(f"{row.get_absolute_url()}#report-{form.result.pk}")
    return _page(request, row, form)


JUDGEMENTS: dict[str, tuple[Callable[..., Any], Any]] = {
    "accept": (actions.accept_report, gettext_lazy("Accepted: the period is locked.")),
    "return": (actions.return_report, gettext_lazy("Returned to the institution with your comment.")),
    "unlock": (actions.unlock_report, gettext_lazy("The period is open again.")),
}


@require_POST
def judge(request: HttpRequest, ecosystem: str, pk: int, judgement: str) -> HttpResponse:
    """Accepts or returns a report, or opens its period again."""
    eco = domains.enter(request, ecosystem)
    report = Report.objects.filter(pk=pk, ecosystem_id=eco.pk, about_kind=Measure.kind()).first()
    row = queries.measure_of(report) if report else None
    if report is None or row is None:
        raise Http404(_("There is no such report on a measure of this ecosystem."))
    verb, done = JUDGEMENTS[judgement]
    form = forms.JudgeForm(request.POST, required=judgement != "accept")
    if form.carry_out(verb, report, by=asker(request)):
        messages.success(request, str(done))
    else:
        tell_refusals(request, form)
    return redirect(f"{queries.now_in_force(row).get_absolute_url()}#report-{report.pk}")
