"""Pages: what the ecosystem does at a glance, a project with its indicators, a partnership."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from talka.core import attachments
from talka.core.actions import Invalid, Refused
from talka.core.forms import answer_status
from talka.core.http import asker
from talka.core.models import Report, ReportState
from talka.core.values import Period
from talka.domains import queries as domains
from talka.domains.models import Ecosystem
from talka.network import queries as network
from talka.portfolio import actions, queries, rules
from talka.portfolio.forms import JudgeForm, KpiForm, PartnershipForm, ProjectForm, ReportForm
from talka.portfolio.models import Involvement, Kpi, PartnershipKind, Project, ProjectStatus
from talka.portfolio.queries import Standing
from talka.ui import charts

PAGE = 50
TONES = {
    ProjectStatus.IDEA: "neutral",
    ProjectStatus.APPLIED: "warning",
    ProjectStatus.APPROVED: "info",
    ProjectStatus.RUNNING: "progress",
    ProjectStatus.FINISHED: "good",
}


# ---------------------------------------------------------------- at a glance


def portfolio(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Projects over time and partnerships by kind: what does the ecosystem do?"""
    eco = domains.enter(request, ecosystem)
    niche = (
        network.niches(eco).filter(code=request.GET["niche"]).first() if request.GET.get("niche") else None
    )
    status = request.GET.get("status", "")
    of_niche = queries.in_niche(eco, niche, queries.projects(eco))
    counts = dict(of_niche.order_by().values_list("status").annotate(Count("pk", distinct=True)))
    rows = of_niche.filter(status=status) if status in ProjectStatus.values else of_niche
    projects = Paginator(
        rows.prefetch_related("participations__organisation")
        .annotate(kpi_count=Count("kpis", distinct=True))
        .order_by("order", "id"),
        PAGE,
    ).get_page(request.GET.get("page"))
    partnerships = queries.partnerships_in_niche(eco, niche, queries.partnerships(eco)).order_by(
        "kind_of", "order", "id"
    )
    kinds = dict(partnerships.order_by().values_list("kind_of").annotate(Count("pk", distinct=True)))
    partners = Paginator(partnerships.prefetch_related("member_links__organisation"), PAGE).get_page(
        request.GET.get("partnerships")
    )
    total = sum(counts.values())
    return render(
        request,
        "portfolio/portfolio.html",
        {
            "title": _("Portfolio"),
            "lead": _("The projects of the ecosystem, and the partnerships in which it takes part"),
            "breadcrumbs": [(str(eco), eco.get_absolute_url()), (_("Portfolio"), "")],
            "niche": niche,
            "niche_path": request.GET.get("niche", "") if niche else "",
            "status": status,
            "statuses": _statuses(counts, status),
            "running": counts.get(ProjectStatus.RUNNING, 0),
            "count": total,
            "partnership_count": sum(kinds.values()),
            "projects": projects,
            "rows": [(row, row.doers, TONES[ProjectStatus(row.status)]) for row in projects],
            "timeline": _timeline(projects, timezone.localdate()),
            "partners": partners,
            "by_kind": _by_kind(partners),
            "kinds": _kinds(kinds),
            "may_edit": rules.may_edit(asker(request), eco),
        },
    )


def _statuses(counts: dict[str, int], chosen: str) -> list[dict[str, Any]]:
    """The statuses as tabs with their counts; those that nobody has are left out."""
    tabs: list[dict[str, Any]] = [
        {
            "value": "",
            "label": _("All projects"),
            "count": sum(counts.values()),
            "active": chosen not in counts,
        }
    ]
    for status in ProjectStatus:
        if counts.get(status):
            label = capfirst(str(status.label))
            tabs.append(
                {"value": status.value, "label": label, "count": counts[status], "active": chosen == status}
            )
    return tabs


def _timeline(projects: Iterable[Project], today: date) -> charts.Figure | None:
    """The projects whose time is known, by start; None where none has any."""
    dated = sorted(
        (row for row in projects if row.starts or row.ends),
        key=lambda row: (row.begins or row.finishes or Period.day(today)).first,
    )
    if not dated:
        return None
    spans = [
        charts.Span(
            str(row),
            row.begins.first if row.begins else None,
            row.finishes,
            url=row.get_absolute_url(),
            tone=TONES[ProjectStatus(row.status)],
            state=str(row.get_status_display()),
        )
        for row in dated
    ]
    days = [
        each
        for row in dated
        for period in (row.begins, row.finishes)
        if period
        for each in (period.first, period.last)
    ]
    first, last = min([*days, today]), max([*days, today])
    return charts.gantt(
        spans, date(first.year, 1, 1), date(last.year, 12, 31), today, title=_("Projects over time"),
        desc=_("Projects whose start or end is known"),
    )  # fmt: skip


def _kinds(counts: dict[str, int]) -> charts.Figure | None:
    """How many partnerships there are of each kind."""
    bars = [
        charts.Bar(capfirst(str(kind.label)), counts[kind], url=f"#{kind.value}")
        for kind in PartnershipKind
        if counts.get(kind)
    ]
    return charts.bars(bars, title=_("Partnerships by kind")) if bars else None


def _by_kind(rows: Iterable[Any]) -> list[tuple[PartnershipKind, list[Any]]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.kind_of, []).append(row)
    return [(kind, found[kind]) for kind in PartnershipKind if kind in found]


# ---------------------------------------------------------------- a project


def project(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """A project: how do its indicators stand, who does it, with what money, what comes of it?"""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.whole(queries.projects(eco)), code=code)
    who = asker(request)
    today = timezone.localdate()
    standings = queries.standings(row, today)
    outright, unless = queries.contingency(str(row.funding))
    return render(
        request,
        "portfolio/project.html",
        {
            "title": str(row),
            "kicker": capfirst(str(row.get_kind_of_display())),
            "lead": row.summary,
            "breadcrumbs": _trail(eco, (str(row), "")),
            "row": row,
            "tone": TONES[ProjectStatus(row.status)],
            "status": capfirst(str(row.get_status_display())),
            "time": _time(row),
            "standings": standings,
            "reached": f"{sum(each.reached for each in standings)} / {len(standings)}",
            "valued": sum(each.latest is not None for each in standings),
            "waiting": sum(len(each.waiting) for each in standings),
            "results": str(row.results).splitlines(),
            "parts": _parts(row),
            "outright": outright,
            "unless": unless,
            "sources": [(source, _until(source.ends)) for source in row.funding_sources],
            "may_edit": rules.may_edit(who, row),
            "may_report": bool(standings) and rules.may_report(who, standings[0].kpi),
        },
    )


def _parts(project: Project) -> list[tuple[str, list[Any]]]:
    """Who takes part, by part; whoever leads, first."""
    return [
        (capfirst(str(part.label)), organisations)
        for part in Involvement
        if (organisations := project.organisations(part))
    ]


def _time(project: Project) -> str:
    begins, finishes = project.begins, project.finishes
    if begins and finishes:
        return Period.between(begins, finishes).words(_language())
    if begins:
        return _("from %(start)s") % {"start": begins.words(_language())}
    return _("until %(end)s") % {"end": finishes.words(_language())} if finishes else ""


def _until(text: str) -> str:
    return _("until %(end)s") % {"end": Period.parse(text).words(_language())} if text else ""


def add_project(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Found a project."""
    eco = domains.enter(request, ecosystem)
    _require(rules.may_edit, request, eco, actions.add_project)
    form = ProjectForm(request.POST or None, ecosystem=eco)
    if request.method == "POST" and form.carry_out(actions.add_project, eco, by=request.user):
        messages.success(request, _("Added."))
        return redirect(form.result)
    return _form(request, eco, form, title=_("Add a project"), cancel=reverse("portfolio", args=[eco.code]))


def edit_project(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Change a project."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.whole(queries.projects(eco)), code=code)
    _require(rules.may_edit, request, row, actions.edit_project)
    form = ProjectForm(request.POST or None, ecosystem=eco, subject=row)
    if request.method == "POST" and form.carry_out(actions.edit_project, row, by=request.user):
        messages.success(request, _("Saved."))
        return redirect(form.result)
    return _form(request, eco, form, title=_("Edit the project"), cancel=row.get_absolute_url(), of=row)


# ---------------------------------------------------------------- an indicator of a project


def kpi(request: HttpRequest, ecosystem: str, code: str, order: int) -> HttpResponse:
    """An indicator: how does it stand, how did it come there, who reported what?"""
    eco = domains.enter(request, ecosystem)
    row = _kpi(eco, code, order)
    who = asker(request)
    judges = rules.edits(who, row)
    inside = judges or rules.may_report(who, row)
    today = timezone.localdate()
    standing = queries.standing(row, today)
    shown = [each for each in standing.reports if inside or each.state == ReportState.ACCEPTED]
    page = Paginator(shown, PAGE).get_page(request.GET.get("page"))
    files = attachments.about_each(page, inside=inside)
    return render(
        request,
        "portfolio/kpi.html",
        {
            "title": capfirst(str(row)),
            "unit": str(row.unit) if standing.latest else "",
            "kicker": _("Result indicator %(number)d") % {"number": row.order},
            "breadcrumbs": _trail(
                eco, (str(row.project), row.project.get_absolute_url()), (str(row.order), "")
            ),
            "row": row,
            "standing": standing,
            "due": row.due_as_written or (row.deadline.words(_language()) if row.deadline else ""),
            "chart": _course(standing, today),
            "page": page,
            "reports": [
                (
                    each,
                    _words(each.period),
                    files.get(each.pk, []),
                    JudgeForm(required=True, auto_id=f"id_{each.pk}_%s"),
                )
                for each in page
            ],
            "inside": inside,
            "judges": judges,
            "may_edit": rules.may_edit(who, row),
            "may_report": rules.may_report(who, row),
        },
    )


def _course(standing: Standing, today: date) -> charts.Figure | None:
    """The values that count, with the way required; None where there is nothing to draw."""
    kpi, points = standing.kpi, [(each.as_of, float(each.value or 0)) for each in standing.accepted]
    if not points:
        return None
    due = kpi.deadline.due if kpi.deadline else None
    start = queries.baseline_day(kpi.project, kpi)
    baseline = (start, float(kpi.baseline)) if kpi.baseline is not None and start else None
    begin = baseline or points[0]
    goal = (due, float(kpi.goal)) if due and kpi.goal is not None and due > begin[0] else None
    return charts.line_path(
        points,
        title=_("How it came so far, and the way required"),
        unit=str(kpi.unit),
        baseline=begin if goal else baseline,
        goal=goal,
        today=today,
    )


def add_kpi(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Give a project one more indicator."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.projects(eco), code=code)
    _require(rules.may_edit, request, row, actions.add_kpi)
    form = KpiForm(request.POST or None)
    if request.method == "POST" and form.carry_out(actions.add_kpi, row, by=request.user):
        messages.success(request, _("Added."))
        return redirect(form.result)
    return _form(request, eco, form, title=_("Add an indicator"), cancel=row.get_absolute_url(), of=row)


def edit_kpi(request: HttpRequest, ecosystem: str, code: str, order: int) -> HttpResponse:
    """Change an indicator."""
    eco = domains.enter(request, ecosystem)
    row = _kpi(eco, code, order)
    _require(rules.may_edit, request, row, actions.edit_kpi)
    form = KpiForm(request.POST or None, subject=row)
    if request.method == "POST" and form.carry_out(actions.edit_kpi, row, by=request.user):
        messages.success(request, _("Saved."))
        return redirect(form.result)
    remove = reverse("kpi-remove", args=[eco.code, code, order])
    return _form(
        request, eco, form, title=_("Edit the indicator"), cancel=_kpi_url(row), of=row.project, remove=remove
    )


@require_POST
def remove_kpi(request: HttpRequest, ecosystem: str, code: str, order: int) -> HttpResponse:
    """Remove an indicator on which nobody has reported."""
    eco = domains.enter(request, ecosystem)
    row = _kpi(eco, code, order)
    project = row.project
    try:
        actions.remove_kpi(row, by=asker(request))
    except Invalid as error:
        messages.error(request, str(error))
        return redirect("kpi", eco.code, code, order)
    messages.success(request, _("Removed."))
    return redirect(project)


def report_kpi(request: HttpRequest, ecosystem: str, code: str, order: int) -> HttpResponse:
    """Report the value of an indicator for a period, with evidence."""
    eco = domains.enter(request, ecosystem)
    row = _kpi(eco, code, order)
    _require(rules.may_report, request, row, actions.report_kpi)
    form = ReportForm(
        request.POST or None,
        request.FILES or None,
        kpi=row,
        institutions=queries.reporting_institutions(row.project, request.user),
        today=timezone.localdate(),
    )
    if request.method == "POST" and form.carry_out(actions.report_kpi, row, by=request.user):
        messages.success(request, _("Handed in. It counts once it is accepted."))
        return redirect("kpi", eco.code, code, order)
    return _form(
        request,
        eco,
        form,
        title=_("Report a value"),
        lead=str(row),
        submit=_("Hand in"),
        cancel=_kpi_url(row),
        of=row.project,
    )


STEPS: dict[str, tuple[Callable[..., Any], Any]] = {
    "accept": (actions.accept_value, gettext_lazy("Accepted: the value counts now.")),
    "return": (actions.return_value, gettext_lazy("Returned to whoever reported it.")),
    "unlock": (actions.unlock_value, gettext_lazy("The period is open again.")),
}


@require_POST
def judge_value(request: HttpRequest, ecosystem: str, pk: int, step: str) -> HttpResponse:
    """Accept or return a reported value, or open its period again."""
    eco = domains.enter(request, ecosystem)
    report = get_object_or_404(Report, pk=pk, ecosystem_id=eco.pk, about_kind=Kpi.kind())
    row = get_object_or_404(queries.kpis(eco), pk=report.about_id)
    if step not in STEPS:
        raise Http404(_("There is no such step."))
    verb, said = STEPS[step]
    form = JudgeForm(request.POST, required=step != "accept")
    if form.carry_out(verb, report, by=asker(request)):
        messages.success(request, said)
    else:
        for error in (text for texts in form.errors.values() for text in texts):
            messages.error(request, str(error))
    return redirect(_kpi_url(row))


def _kpi(eco: Ecosystem, code: str, order: int) -> Kpi:
    return get_object_or_404(queries.kpis(eco), project__code=code, order=order)


def _kpi_url(row: Kpi) -> str:
    return reverse("kpi", args=[row.project.ecosystem.code, row.project.code, row.order])


# ---------------------------------------------------------------- a partnership


def partnership(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """A partnership: what is it, and who of the ecosystem takes part?"""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.joined(queries.partnerships(eco)), code=code)
    return render(
        request,
        "portfolio/partnership.html",
        {
            "title": str(row),
            "kicker": capfirst(str(row.get_kind_of_display())),
            "breadcrumbs": _trail(eco, (row.acronym or row.title, "")),
            "row": row,
            "members": row.members,
            "count": len(row.members),
            "may_edit": rules.may_edit(asker(request), row),
        },
    )


def add_partnership(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Note a partnership."""
    eco = domains.enter(request, ecosystem)
    _require(rules.may_edit, request, eco, actions.add_partnership)
    form = PartnershipForm(request.POST or None, ecosystem=eco)
    if request.method == "POST" and form.carry_out(actions.add_partnership, eco, by=request.user):
        messages.success(request, _("Added."))
        return redirect(form.result)
    return _form(
        request, eco, form, title=_("Add a partnership"), cancel=reverse("portfolio", args=[eco.code])
    )


def edit_partnership(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Change a partnership."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.joined(queries.partnerships(eco)), code=code)
    _require(rules.may_edit, request, row, actions.edit_partnership)
    form = PartnershipForm(request.POST or None, ecosystem=eco, subject=row)
    if request.method == "POST" and form.carry_out(actions.edit_partnership, row, by=request.user):
        messages.success(request, _("Saved."))
        return redirect(form.result)
    return _form(request, eco, form, title=_("Edit the partnership"), cancel=row.get_absolute_url(), of=row)


# ---------------------------------------------------------------- helpers


def _require(rule: Callable[..., bool], request: HttpRequest, subject: Any, verb: Any) -> None:
    if not rule(asker(request), subject):
        raise Refused(verb.verb, cast(Any, request.user), needs=rule)


def _form(
    request: HttpRequest, eco: Ecosystem, form: Any, *, title: str, cancel: str, of: Any = None, **more: Any
) -> HttpResponse:
    steps: Sequence[tuple[str, str]] = [(str(of), of.get_absolute_url())] if of else []
    context = {
        "title": title,
        "kicker": str(of) if of else "",
        "form": form,
        "submit": _("Save"),
        "cancel": cancel,
        "breadcrumbs": _trail(eco, *steps, (title, "")),
        **more,
    }
    return render(request, "portfolio/form.html", context, status=answer_status(form))


def _trail(eco: Ecosystem, *steps: tuple[str, str]) -> list[tuple[str, str]]:
    return [
        (str(eco), eco.get_absolute_url()),
        (_("Portfolio"), reverse("portfolio", args=[eco.code])),
        *steps,
    ]


def _language() -> str:
    return (get_language() or "lv")[:2]


def _words(period: str) -> str:
    return Period.parse(period).words(_language())
