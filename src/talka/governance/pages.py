"""Pages: what the council decided, what waits for it, and what a decision changed."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from talka.core.actions import Refused
from talka.core.forms import answer_status
from talka.core.http import asker
from talka.domains import queries as domains
from talka.domains.models import Ecosystem
from talka.governance import actions, queries, rules
from talka.governance.forms import AdoptForm, BodyForm, DecisionForm, PublishForm, RejectForm
from talka.governance.models import Decision, DecisionState

PAGE = 50
TONES = {DecisionState.DRAFT: "progress", DecisionState.ADOPTED: "good", DecisionState.REJECTED: "bad"}


def council(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """The decisions of the ecosystem's bodies: what was decided, what waits?"""
    eco = domains.enter(request, ecosystem)
    who = asker(request)
    bodies = list(queries.bodies(eco))
    chosen = next((body for body in bodies if body.code == request.GET.get("body")), None)
    rows = queries.decisions(eco, prepared=rules.may_see_prepared(who, eco))
    if chosen is not None:
        rows = rows.filter(body=chosen)
    counts = dict(rows.order_by().values_list("state").annotate(Count("pk")))
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "governance/council.html",
        {
            "title": str(chosen) if chosen else _("Council"),
            "lead": chosen.summary if chosen else _("What was decided, and what each decision changed"),
            "breadcrumbs": [(str(eco), eco.get_absolute_url()), (_("Council"), "")],
            "bodies": bodies,
            "chosen": chosen,
            "sections": _sections(eco, bodies, chosen),
            "page": page,
            "rows": [(row, TONES[DecisionState(row.state)]) for row in page],
            "adopted": counts.get(DecisionState.ADOPTED, 0),
            "waiting": counts.get(DecisionState.DRAFT, 0),
            "may_prepare": rules.may_prepare(who, eco),
        },
    )


def decision(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """One decision: what was decided, and what did it change?"""
    eco = domains.enter(request, ecosystem)
    who = asker(request)
    row = _one(eco, pk)
    if row.is_prepared and not rules.may_see_prepared(who, row):
        raise Http404(_("There is no such decision here."))
    page = Paginator(queries.changes(row), PAGE).get_page(request.GET.get("page"))
    subject = queries.subject_of(row)
    return render(
        request,
        "governance/decision.html",
        {
            "title": row.title,
            "kicker": str(row.body),
            "breadcrumbs": _trail(eco, (row.number or row.title, "")),
            "row": row,
            "tone": TONES[DecisionState(row.state)],
            "subject": subject,
            "subject_url": subject.get_absolute_url() if hasattr(subject, "get_absolute_url") else "",
            "does": queries.what_it_does(row),
            "page": page,
            "changed": queries.in_words(page),
            "by": row.event.by_name if row.event and who is not None else "",
            "may_prepare": rules.may_prepare(who, row),
            "may_decide": rules.may_decide(who, row),
        },
    )


def add_decision(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Prepare a decision."""
    eco = domains.enter(request, ecosystem)
    _require(request, rules.may_prepare, eco, "governance.prepare")
    bodies = list(queries.bodies(eco))
    if not bodies:
        messages.info(request, _("A decision is taken by a body; say first which one decides here."))
        return redirect("body-add", eco.code)
    chosen = next((body for body in bodies if body.code == request.GET.get("body")), bodies[0])
    # Whoever comes from a draft wants it decided, and not to look for it in a list.
    asked = {"carries": request.GET.get("carries", "")}
    form = DecisionForm(request.POST or None, ecosystem=eco, initial=asked)
    if request.method == "POST" and form.carry_out(actions.prepare, chosen, by=request.user):
        messages.success(request, _("Prepared. It waits for the body to decide."))
        return redirect(form.result)
    cancel = reverse("council", args=[eco.code])
    return _form(request, eco, form, title=_("Prepare a decision"), cancel=cancel, kicker=str(chosen))


def edit_decision(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Change a prepared decision."""
    return _act(request, ecosystem, pk, DecisionForm, actions.edit, _("Edit the decision"))


def adopt(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Record that the body adopted a decision; what it carries is done."""
    return _act(request, ecosystem, pk, AdoptForm, actions.adopt, _("Adopt the decision"), _("Adopt"))


def reject(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Record that the body rejected a decision."""
    return _act(request, ecosystem, pk, RejectForm, actions.reject, _("Reject the decision"), _("Reject"))


def publish(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Publish the text of a decision that was taken without one."""
    return _act(request, ecosystem, pk, PublishForm, actions.publish, _("Publish the text"), _("Publish"))


def add_body(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Found a body."""
    eco = domains.enter(request, ecosystem)
    _require(request, rules.may_prepare, eco, "governance.add_body")
    form = BodyForm(request.POST or None)
    if request.method == "POST" and form.carry_out(actions.add_body, eco, by=request.user):
        messages.success(request, _("Added."))
        return redirect(form.result)
    return _form(request, eco, form, title=_("Add a body"), cancel=reverse("council", args=[eco.code]))


def edit_body(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Change a body."""
    eco = domains.enter(request, ecosystem)
    _require(request, rules.may_prepare, eco, "governance.edit_body")
    row = get_object_or_404(queries.bodies(eco), code=code)
    form = BodyForm(request.POST or None, subject=row)
    if request.method == "POST" and form.carry_out(actions.edit_body, row, by=request.user):
        messages.success(request, _("Saved."))
        return redirect(form.result)
    return _form(request, eco, form, title=_("Edit the body"), cancel=row.get_absolute_url(), kicker=str(row))


def _act(
    request: HttpRequest, ecosystem: str, pk: int, kind: Any, verb: Any, title: str, submit: str = ""
) -> HttpResponse:
    eco = domains.enter(request, ecosystem)
    row = _one(eco, pk)
    _require(request, verb.needs, row, verb.verb)
    options: dict[str, Any] = {"ecosystem": eco} if kind is DecisionForm else {}
    if issubclass(kind, AdoptForm):
        options["initial"] = {"decided_on": timezone.localdate()}
    form = kind(request.POST or None, subject=row, **options)
    if request.method == "POST" and form.carry_out(verb, row, by=request.user):
        messages.success(request, _("Saved."))
        return redirect(form.result)
    context: dict[str, Any] = {"kicker": row.title, "submit": submit or _("Save")}
    if verb is actions.adopt and row.verb:
        subject = queries.subject_of(row)
        context["lead"] = f"{queries.what_it_does(row)}: {subject}"
    return _form(request, eco, form, title=title, cancel=row.get_absolute_url(), of=row, **context)


def _one(eco: Ecosystem, pk: int) -> Decision:
    return get_object_or_404(queries.decisions(eco, prepared=True), pk=pk)


def _require(request: HttpRequest, rule: Any, subject: Any, verb: str) -> None:
    if not rule(asker(request), subject):
        raise Refused(verb, cast(Any, request.user), needs=rule)


def _form(
    request: HttpRequest,
    eco: Ecosystem,
    form: Any,
    *,
    title: str,
    cancel: str,
    of: Decision | None = None,
    **more: Any,
) -> HttpResponse:
    trail = [(of.number or of.title, of.get_absolute_url())] if of else []
    context = {
        "title": title,
        "form": form,
        "submit": _("Save"),
        "cancel": cancel,
        "breadcrumbs": _trail(eco, *trail, (title, "")),
        **more,
    }
    return render(request, "ui/form_page.html", context, status=answer_status(form))


def _trail(eco: Ecosystem, *steps: tuple[str, str]) -> list[tuple[str, str]]:
    return [(str(eco), eco.get_absolute_url()), (_("Council"), reverse("council", args=[eco.code])), *steps]


def _sections(eco: Ecosystem, bodies: list[Any], chosen: Any) -> list[dict[str, Any]]:
    """The bodies as tabs, where there are several."""
    if len(bodies) < 2:
        return []
    everything = {
        "url": reverse("council", args=[eco.code]),
        "label": _("All bodies"),
        "active": chosen is None,
    }
    return [
        everything,
        *({"url": b.get_absolute_url(), "label": str(b), "active": b is chosen} for b in bodies),
    ]
