"""Pages: where the ecosystem means to go, and what it can do."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from talka.core.actions import Refused
from talka.core.forms import answer_status
from talka.core.http import asker
from talka.domains import queries as domains
from talka.domains.models import Ecosystem
from talka.network import actions, queries, rules
from talka.network.forms import CompetenceForm, NicheForm
from talka.network.models import Niche


def network(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """The niches as a tree: where does the ecosystem mean to go?"""
    eco = domains.enter(request, ecosystem)
    branches = queries.tree(queries.niches(eco))
    return render(
        request,
        "network/niches.html",
        {
            "title": _("Niches"),
            "lead": _("Where the ecosystem means to go in research, development and innovation"),
            "breadcrumbs": [(str(eco), eco.get_absolute_url()), (_("Network"), "")],
            "sections": _sections(eco, "network"),
            "nodes": [_node(branch) for branch in branches],
            "fields": len(branches),
            "count": sum(1 for branch in branches for _row in branch.undivided()),
            "may_edit": rules.may_edit(asker(request), eco),
        },
    )


def niche(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """One niche: what it is part of, its own parts, the competences behind it."""
    eco = domains.enter(request, ecosystem)
    rows = list(queries.niches(eco))
    row = _one(rows, code)
    parts = queries.below(row, rows)
    return render(
        request,
        "network/niche.html",
        {
            "title": str(row),
            "kicker": _("Niche"),
            "breadcrumbs": [
                (str(eco), eco.get_absolute_url()),
                (_("Network"), reverse("network", args=[eco.code])),
                *((str(each), each.get_absolute_url()) for each in queries.above(row, rows)),
                (str(row), ""),
            ],
            "row": row,
            "nodes": [_node(branch) for branch in queries.tree(parts)],
            "count": sum(each.parent_id == row.pk for each in parts),
            "map": [(kind, branches) for kind, branches in queries.competence_map(eco) if branches],
            "may_edit": rules.may_edit(asker(request), eco),
        },
    )


def competences(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """The competence map: what can the ecosystem do?"""
    eco = domains.enter(request, ecosystem)
    columns = queries.competence_map(eco)
    return render(
        request,
        "network/competences.html",
        {
            "title": _("Competence map"),
            "lead": _("What the ecosystem can do, and what it means to become able to do"),
            "breadcrumbs": [
                (str(eco), eco.get_absolute_url()),
                (_("Network"), reverse("network", args=[eco.code])),
                (_("Competence map"), ""),
            ],
            "sections": _sections(eco, "competences"),
            "columns": columns,
            "kinds": sum(bool(branches) for _kind, branches in columns),
            "count": sum(1 for _kind, branches in columns for branch in branches for _row in branch.rows()),
            "may_edit": rules.may_edit(asker(request), eco),
        },
    )


def add_niche(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Found a niche."""
    eco = _editable(request, ecosystem, "network.add_niche")
    form = NicheForm(request.POST or None, ecosystem=eco)
    if request.method == "POST" and form.carry_out(actions.add_niche, eco, by=request.user):
        messages.success(request, _("Added."))
        return redirect(form.result)
    return _form(request, eco, form, title=_("Add a niche"), cancel=reverse("network", args=[eco.code]))


def edit_niche(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Change a niche."""
    eco = _editable(request, ecosystem, "network.edit_niche")
    row = get_object_or_404(queries.niches(eco), code=code)
    form = NicheForm(request.POST or None, ecosystem=eco, subject=row)
    if request.method == "POST" and form.carry_out(actions.edit_niche, row, by=request.user):
        messages.success(request, _("Saved."))
        return redirect(form.result)
    return _form(request, eco, form, title=str(row), cancel=row.get_absolute_url())


def add_competence(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Found a competence field."""
    eco = _editable(request, ecosystem, "network.add_competence")
    form = CompetenceForm(
        request.POST or None, ecosystem=eco, initial={"kind_of": request.GET.get("kind", "")}
    )
    if request.method == "POST" and form.carry_out(actions.add_competence, eco, by=request.user):
        messages.success(request, _("Added."))
        return redirect(form.result)
    return _form(
        request, eco, form, title=_("Add a competence field"), cancel=reverse("competences", args=[eco.code])
    )


def edit_competence(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Change a competence field."""
    eco = _editable(request, ecosystem, "network.edit_competence")
    row = get_object_or_404(queries.competences(eco), code=code)
    form = CompetenceForm(request.POST or None, ecosystem=eco, subject=row)
    if request.method == "POST" and form.carry_out(actions.edit_competence, row, by=request.user):
        messages.success(request, _("Saved."))
        return redirect(form.result)
    return _form(request, eco, form, title=str(row), cancel=row.get_absolute_url())


def _editable(request: HttpRequest, ecosystem: str, verb: str) -> Ecosystem:
    eco = domains.enter(request, ecosystem)
    if not rules.may_edit(asker(request), eco):
        raise Refused(verb, cast(Any, request.user), needs=rules.may_edit)
    return eco


def _form(request: HttpRequest, eco: Ecosystem, form: Any, *, title: str, cancel: str) -> HttpResponse:
    context = {
        "title": title,
        "form": form,
        "submit": _("Save"),
        "cancel": cancel,
        "breadcrumbs": [
            (str(eco), eco.get_absolute_url()),
            (_("Network"), reverse("network", args=[eco.code])),
            (title, ""),
        ],
    }
    return render(request, "ui/form_page.html", context, status=answer_status(form))


def _sections(eco: Ecosystem, active: str) -> list[dict[str, Any]]:
    return [
        {"url": reverse(name, args=[eco.code]), "label": label, "active": name == active}
        for name, label in (("network", _("Niches")), ("competences", _("Competence map")))
    ]


def _one(rows: list[Niche], code: str) -> Niche:
    for row in rows:
        if row.code == code:
            return row
    raise Http404(_("There is no niche “%(code)s” here.") % {"code": code})


def _node(branch: queries.Branch[Niche]) -> dict[str, Any]:
    return {
        "label": str(branch.row),
        "url": branch.row.get_absolute_url(),
        "children": [_node(part) for part in branch.parts],
    }
