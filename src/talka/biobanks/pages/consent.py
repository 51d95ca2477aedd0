"""Pages of consent: how many and by whom, the forms, the counter, a donor's standing, and how far a withdrawal
has come."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from talka.biobanks import actions, courier, rules
from talka.biobanks.forms import (
    CollectorForm,
    DestructionForm,
    FindDonorForm,
    IntakeForm,
    ScanForm,
    WithdrawForm,
)
from talka.biobanks.models import Biobank, Kind, Statement, Way
from talka.biobanks.pages.shared import PAGE, carry, form_page, require, sections, trail
from talka.biobanks.queries import consent as queries
from talka.biobanks.queries import directory
from talka.biobanks.standards import consent as fhir
from talka.core import attachments
from talka.core.actions import Invalid
from talka.core.http import asker
from talka.domains import queries as domains
from talka.domains.models import Ecosystem
from talka.ui import charts

WEEKS = 12
SOON = timedelta(days=90)
WHY_NOT = {
    "never": "",
    "withdrawn": Kind.WITHDRAWN.label,
    "destroyed": Kind.DESTROYED.label,
}


def consents(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """How many consents come in, who asks for them, on what forms?"""
    eco = domains.enter(request, ecosystem)
    who, today = asker(request), timezone.localdate()
    weekly = queries.weekly(eco, today, WEEKS)
    own = queries.collectors_of(eco, who) if who else []
    return render(
        request,
        "biobanks/consents.html",
        {
            "title": _("Consent"),
            "lead": _("Donors say what may be done with their samples and data; every node obeys"),
            "breadcrumbs": trail(eco, (_("Consent"), "")),
            "sections": sections(eco, "consents"),
            "mean": round(sum(each.total for each in weekly) / WEEKS, 1),
            "total": queries.given(eco).count(),
            "agreements": queries.agreed(eco, today).count(),
            "rows": [(each, each.mean, [count for _week, count in each.weeks]) for each in weekly],
            "chart": _by_week(weekly),
            "weeks": WEEKS,
            "forms": [
                row for row in queries.forms(eco) if row.published_on or rules.may_keep_forms(who, eco)
            ],
            "own": own,
            "may_take_down": rules.may_take_down(who, eco),
            "may_keep": rules.may_keep_forms(who, eco),
        },
    )


def _by_week(weekly: list[queries.Weekly]) -> charts.Figure | None:
    if not any(each.total for each in weekly):
        return None
    points = [
        (week, float(sum(each.weeks[number][1] for each in weekly)))
        for number, (week, _count) in enumerate(weekly[0].weeks)
    ]
    return charts.line_path(points, title=_("Consents by week"), unit=_("consents"), zero=True)


# ---------------------------------------------------------------- forms


def form(request: HttpRequest, ecosystem: str, code: str, version: int) -> HttpResponse:
    """A form: what does the donor read, and what do the boxes mean?"""
    eco = domains.enter(request, ecosystem)
    who = asker(request)
    row = get_object_or_404(queries.forms(eco), code=code, version=version)
    may_keep = rules.may_keep_forms(who, row)
    if row.published_on is None and not may_keep:
        raise Http404(_("There is no such form."))
    language = (get_language() or "lv")[:2]
    return render(
        request,
        "biobanks/consent_form.html",
        {
            "title": str(row.title),
            "kicker": _("Consent form, version %(number)d") % {"number": row.version},
            "breadcrumbs": trail(eco, (_("Consent"), reverse("consents", args=[eco.code])), (row.name, "")),
            "row": row,
            "in_use": row.in_use(timezone.localdate()),
            "boxes": [
                {
                    "name": box["name"],
                    "text": box.get(language) or box["lv"],
                    "terms": _terms(box["terms"]),
                    "otherwise": _terms(box["otherwise"]),
                }
                for box in row.options
            ],
            "always": _terms(row.always),
            "signed": row.statements.filter(kind_of=Kind.GIVEN).count(),
            "may_keep": may_keep,
        },
    )


def _terms(listed: list[Any]) -> str:
    return ", ".join(
        each if isinstance(each, str) else f"{next(iter(each))}({', '.join(next(iter(each.values())))})"
        for each in listed
    )


def form_file(request: HttpRequest, ecosystem: str, code: str, version: int) -> HttpResponse:
    """A form as a node reads it."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.forms(eco).exclude(published_on=None), code=code, version=version)
    return JsonResponse(row.plain(), json_dumps_params={"ensure_ascii": False, "indent": 1})


@require_POST
def publish_form(request: HttpRequest, ecosystem: str, code: str, version: int) -> HttpResponse:
    """Publish a form."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.forms(eco), code=code, version=version)
    actions.publish_form(row, by=asker(request))
    messages.success(request, _("Published. From now on nothing of it changes."))
    return redirect(row)


# ---------------------------------------------------------------- collectors and the counter


def collector(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """A collector: since when is there an agreement, and how many consents come of it?"""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.collectors(eco), code=code)
    who, today = asker(request), timezone.localdate()
    mine = next((each for each in queries.weekly(eco, today, WEEKS) if each.collector.pk == row.pk), None)
    may_take_in = rules.may_take_in(who, row)
    said = queries.statements(eco).filter(collector=row)
    return render(
        request,
        "biobanks/collector.html",
        {
            "title": str(row),
            "kicker": _("Collector"),
            "breadcrumbs": trail(eco, (_("Consent"), reverse("consents", args=[eco.code])), (str(row), "")),
            "row": row,
            "weekly": mine,
            "mean": round(mine.mean, 1) if mine else 0,
            "chart": _by_week([mine]) if mine else None,
            "weeks": WEEKS,
            "forms": queries.forms_in_use(eco, today) if may_take_in else [],
            "page": Paginator(said, PAGE).get_page(request.GET.get("page")) if may_take_in else None,
            "coming": queries.coming_of_age(eco, today + SOON).filter(collector=row)[:PAGE]
            if may_take_in
            else [],
            "may_take_in": may_take_in,
            "may_keep": rules.may_keep_forms(who, row),
        },
    )


def add_collector(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Note a collector."""
    eco = domains.enter(request, ecosystem)
    require(rules.may_keep_forms, request, eco, actions.add_collector)
    return carry(
        request, eco, CollectorForm(request.POST or None, ecosystem=eco), actions.add_collector, eco,
        title=_("Add a collector"), cancel=reverse("consents", args=[eco.code]), said=_("Added."),
    )  # fmt: skip


def edit_collector(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Change a collector."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.collectors(eco), code=code)
    require(rules.may_keep_forms, request, row, actions.edit_collector)
    return carry(
        request, eco, CollectorForm(request.POST or None, ecosystem=eco, subject=row), actions.edit_collector, row,
        title=_("Edit the collector"), cancel=row.get_absolute_url(), said=_("Saved."), of=row,
    )  # fmt: skip


def intake(request: HttpRequest, ecosystem: str, code: str, form: str, version: int) -> HttpResponse:
    """At the counter: a donor signs."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.collectors(eco), code=code)
    require(rules.may_take_in, request, row, actions.take_in)
    paper = get_object_or_404(queries.forms(eco).exclude(published_on=None), code=form, version=version)
    initial = {
        "uid": str(uuid.uuid4()),
        "subject": queries.new_reference(),
        "on": timezone.localdate(),
        "language": (get_language() or "lv")[:2],
        "witness": str(request.user),
    }
    given = IntakeForm(request.POST or None, request.FILES or None, paper=paper, initial=initial)
    if request.method == "POST" and given.is_valid():
        files = given.cleaned_data.get("files") or []
        told = actions.take_in(
            row, by=request.user, statements=[given.statement(Way.PAPER if files else Way.COUNTER)]
        )
        outcome = told.outcomes[0]
        if outcome.status == "refused":
            given.add_error(None, outcome.why)
        else:
            made = Statement.objects.get(uid=outcome.uid)
            try:
                if files:
                    actions.attach_scan(made, by=request.user, files=files)
            except Invalid as error:
                messages.warning(request, _("The consent is kept; its scan is not: %(why)s") % {"why": error})
            messages.success(
                request,
                _("Taken in.") if outcome.status == "taken" else _("It had been taken in already, once."),
            )
            return redirect(made)
    return form_page(
        request, eco, given, title=_("Take in a consent"), cancel=row.get_absolute_url(), of=row,
        lead=str(paper), submit=_("Take in"), paper=paper, draft_key=False,
    )  # fmt: skip


# ---------------------------------------------------------------- a donor


def donor(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """A donor by the reference: how does the donor stand, and what can be withdrawn? What was asked is in no
    address."""
    eco = domains.enter(request, ecosystem)
    require(rules.may_take_down, request, eco, actions.withdraw)
    who = asker(request)
    given = FindDonorForm(request.POST or None)
    context: dict[str, Any] = {
        "title": _("A donor's consents"),
        "form": given,
        "breadcrumbs": trail(
            eco, (_("Consent"), reverse("consents", args=[eco.code])), (_("A donor's consents"), "")
        ),
    }
    if request.method == "POST" and given.is_valid():
        subject = queries.subject_of(given.cleaned_data["subject"])
        today = timezone.localdate()
        rows = list(queries.said(subject))
        visible = set(queries.visible(eco, who).filter(subject=subject).values_list("pk", flat=True))
        shown = [each for each in rows if each.pk in visible or each.biobank is None]
        banks = {each.biobank.pk: each.biobank for each in shown if each.biobank is not None}
        context |= {
            "subject": subject,
            "asked": True,
            "rows": shown,
            "standings": [queries.standing(rows, bank, today) for bank in banks.values()],
            "opted_out": queries.opted_out(rows, today),
            "uid": str(uuid.uuid4()),
        }
    return render(request, "biobanks/donor.html", context)


@require_POST
def withdraw(request: HttpRequest, ecosystem: str, biobank: str = "") -> HttpResponse:
    """A donor withdraws: first what and how, then it is done."""
    eco = domains.enter(request, ecosystem)
    place: Biobank | Ecosystem = get_object_or_404(directory.biobanks(eco), code=biobank) if biobank else eco
    require(rules.may_take_down, request, place, actions.withdraw)
    subject = queries.subject_of(request.POST.get("subject", ""))
    if "uid" in request.POST and "confirmed" in request.POST:
        given = WithdrawForm(request.POST)
        given.fields["boxes"].choices = _ticked(subject, place)  # type: ignore[attr-defined]  # a field of choices
        if given.carry_out(actions.withdraw, place, by=request.user):
            courier.carry()
            messages.success(request, _("Withdrawn. The nodes are being told."))
            return redirect(given.result)
    else:
        given = WithdrawForm(initial={"subject": subject, "uid": str(uuid.uuid4())})
        given.fields["boxes"].choices = _ticked(subject, place)  # type: ignore[attr-defined]  # a field of choices
    if not given.fields["boxes"].choices:  # type: ignore[attr-defined]
        del given.fields["boxes"]
    return form_page(
        request, eco, given, title=_("Withdraw consent"), cancel=reverse("consent-donor", args=[eco.code]),
        lead=str(place) if biobank else _("At every biobank"), submit=_("Withdraw"), confirmed=True, draft_key=False,
    )  # fmt: skip


def _ticked(subject: str, place: Biobank | Ecosystem) -> list[tuple[str, str]]:
    """The boxes that could be withdrawn singly: those ticked on the consent in force, at one biobank."""
    if not isinstance(place, Biobank):
        return []
    found = queries.standing(queries.said(subject), place, timezone.localdate()).consent
    if found is None or found.form is None or len(found.options) < 2:
        return []
    language = (get_language() or "lv")[:2]
    texts = {box["name"]: box.get(language) or box["lv"] for box in found.form.options}
    return [(name, texts.get(name, name)) for name in found.options]


@require_POST
def opt_out(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """A person opts out of secondary use, or in again."""
    eco = domains.enter(request, ecosystem)
    made = actions.opt_out(
        eco,
        by=asker(request),
        subject=request.POST.get("subject", ""),
        uid=request.POST.get("uid", ""),
        back=request.POST.get("back") == "1",
    )
    courier.carry()
    messages.success(request, _("Noted. The nodes are being told."))
    return redirect(made)


# ---------------------------------------------------------------- a statement, and how far it has come


def statement(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """What was said, and which nodes have signed that they obey it: n of n, with times."""
    eco = domains.enter(request, ecosystem)
    row = _statement(request, eco, pk)
    way = queries.way(row)
    may = rules.may_take_in(asker(request), row)
    ends = row.kind_of in {Kind.WITHDRAWN, Kind.OPTED_OUT, Kind.DESTROYED} or row.narrows_id is not None
    return render(
        request,
        "biobanks/statement.html",
        {
            "title": _("Consent narrowed") if row.narrows_id else str(row.get_kind_of_display()).capitalize(),
            "kicker": row.subject.rpartition(":")[2],
            "breadcrumbs": trail(eco, (_("Consent"), reverse("consents", args=[eco.code])), (str(row), "")),
            "row": row,
            "way": way,
            "landed": f"{way.landed} / {way.all}",
            "seconds": way.seconds,
            "ends": ends,
            "boxes": _boxes(row),
            "released": queries.released(row.subject) if ends else [],
            "destructions": row.destructions.select_related("biobank__ecosystem"),
            "files": list(attachments.about(row)),
            "may_take_in": may,
        },
    )


def _statement(request: HttpRequest, eco: Ecosystem, pk: int) -> Statement:
    """A statement that the asker may see: of their own institutions, or about a person as a whole."""
    who = asker(request)
    row = get_object_or_404(queries.statements(eco).select_related("narrows"), pk=pk)
    require(rules.may_take_down, request, eco if row.biobank is None else row, actions.withdraw)
    assert who is not None
    return row


def _boxes(row: Statement) -> list[tuple[str, bool]]:
    if row.form is None:
        return []
    language = (get_language() or "lv")[:2]
    return [(box.get(language) or box["lv"], box["name"] in row.options) for box in row.form.options]


def statement_fhir(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """A consent as FHIR."""
    eco = domains.enter(request, ecosystem)
    row = _statement(request, eco, pk)
    if row.kind_of != Kind.GIVEN or row.biobank is None:
        raise Http404(_("Only consents given are there as FHIR."))
    found = queries.standing(queries.said(row.subject), row.biobank, timezone.localdate())
    ended = found.consent is None or found.consent.pk != row.pk
    return JsonResponse(
        fhir.consent(row, withdrawn=ended),
        content_type=fhir.MEDIA_TYPE,
        json_dumps_params={"ensure_ascii": False},
    )


def scan(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Attach the scanned paper."""
    eco = domains.enter(request, ecosystem)
    row = _statement(request, eco, pk)
    require(rules.may_take_in, request, row, actions.attach_scan)
    given = ScanForm(request.POST or None, request.FILES or None)
    return carry(
        request, eco, given, actions.attach_scan, row, title=_("Attach the scanned paper"),
        cancel=row.get_absolute_url(), said=_("Attached."), of=row,
    )  # fmt: skip


# ---------------------------------------------------------------- destruction


def destructions(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """What is to be destroyed, by when, and what was, by what act?"""
    eco = domains.enter(request, ecosystem)
    require(rules.may_take_down, request, eco, actions.record_destruction)
    who = asker(request)
    mine = who.organisation_ids() if who is not None else frozenset()
    rows = queries.destructions(eco).filter(biobank__juristic_person__in=mine)
    waiting = rows.filter(done_on=None).count()
    return render(
        request,
        "biobanks/destructions.html",
        {
            "title": _("Destruction of samples"),
            "breadcrumbs": trail(
                eco, (_("Consent"), reverse("consents", args=[eco.code])), (_("Destruction of samples"), "")
            ),
            "waiting": waiting,
            "page": Paginator(rows, PAGE).get_page(request.GET.get("page")),
            "today": timezone.localdate(),
        },
    )


def destruct(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Record the act of a destruction."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.destructions(eco), pk=pk)
    require(rules.may_take_in, request, row, actions.record_destruction)
    given = DestructionForm(
        request.POST or None, request.FILES or None, subject=row, initial={"on": timezone.localdate()}
    )
    return carry(
        request, eco, given, actions.record_destruction, row, title=_("Record a destruction"), lead=str(row),
        cancel=reverse("destructions", args=[eco.code]), said=_("Recorded."),
        done=lambda made: reverse("destructions", args=[eco.code]),
    )  # fmt: skip
