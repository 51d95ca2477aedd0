"""Pages: the bills and how far each has come."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from talka.core.actions import Refused
from talka.core.forms import answer_status
from talka.core.http import asker
from talka.domains import queries as domains
from talka.domains.models import Ecosystem
from talka.legislation import actions, queries, rules
from talka.legislation.forms import BillForm, CorrectionForm, NewBillForm, StageForm
from talka.legislation.models import Bill, Stage

PAGE = 50
TONES = {Stage.ADOPTED: "good", Stage.IN_FORCE: "good", Stage.REJECTED: "bad"}


def bills(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """All bills, each with its way as steps."""
    eco = domains.enter(request, ecosystem)
    rows = list(queries.bills(eco))
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "legislation/bills.html",
        {
            "title": _("Bills"),
            "lead": _("The laws on which the ecosystem depends, and how far each has come"),
            "breadcrumbs": [(str(eco), eco.get_absolute_url()), (_("Bills"), "")],
            "page": page,
            "ways": [(bill, queries.track(bill), _tone(bill)) for bill in page],
            "count": len(rows),
            "figure": f"{sum(bill.is_law for bill in rows)} / {len(rows)}",
            "open": sum(bill.is_open for bill in rows),
            "may_edit": rules.may_edit(asker(request), eco),
        },
    )


def bill(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """One bill: where it is, where it goes next, what happened on the way."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.bills(eco), code=code)
    return render(
        request,
        "legislation/bill.html",
        {
            "title": str(row),
            "kicker": _("Bill"),
            "breadcrumbs": _trail(eco, (str(row), "")),
            "row": row,
            "steps": queries.track(row),
            "stage": capfirst(row.get_stage_display()),
            "next": row.next_stage,
            "happened": [
                {
                    "when": each.date or _("day not known"),
                    "title": capfirst(each.get_stage_display()),
                    "text": each.note,
                    "tone": TONES.get(Stage(each.stage), "neutral"),
                }
                for each in reversed(row.stages.all())
            ],
            "may_edit": rules.may_edit(asker(request), eco),
        },
    )


def add_bill(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Found a bill."""
    eco = _editable(request, ecosystem, "legislation.add_bill")
    form = NewBillForm(request.POST or None)
    if request.method == "POST" and form.carry_out(actions.add_bill, eco, by=request.user):
        messages.success(request, _("Added."))
        return redirect(form.result)
    return _form(request, eco, form, title=_("Add a bill"), cancel=reverse("bills", args=[eco.code]))


def edit_bill(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Change a bill's columns."""
    return _act(request, ecosystem, code, BillForm, actions.edit_bill, _("Edit the bill"))


def pass_stage(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Record the stage that a bill reached."""
    return _act(request, ecosystem, code, StageForm, actions.pass_stage, _("Record a stage"))


def correct_stage(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Give the day or note of the present stage."""
    return _act(request, ecosystem, code, CorrectionForm, actions.correct_stage, _("Correct the stage"))


def _act(request: HttpRequest, ecosystem: str, code: str, kind: Any, verb: Any, title: str) -> HttpResponse:
    eco = _editable(request, ecosystem, verb.verb)
    row = get_object_or_404(queries.bills(eco), code=code)
    form = kind(request.POST or None, subject=row, initial=_initial(row) if kind is CorrectionForm else None)
    if request.method == "POST" and form.carry_out(verb, row, by=request.user):
        messages.success(request, _("Saved."))
        return redirect(row)
    return _form(request, eco, form, title=title, cancel=row.get_absolute_url(), of=row)


def _initial(row: Bill) -> dict[str, Any]:
    present = queries.present(row)
    return {"date": row.stage_date, "note": present.note if present else ""}


def _editable(request: HttpRequest, ecosystem: str, verb: str) -> Ecosystem:
    eco = domains.enter(request, ecosystem)
    if not rules.may_edit(asker(request), eco):
        raise Refused(verb, cast(Any, request.user), needs=rules.may_edit)
    return eco


def _form(
    request: HttpRequest, eco: Ecosystem, form: Any, *, title: str, cancel: str, of: Bill | None = None
) -> HttpResponse:
    trail = [(str(of), of.get_absolute_url())] if of else []
    context = {
        "title": title,
        "kicker": str(of) if of else "",
        "form": form,
        "submit": _("Save"),
        "cancel": cancel,
        "breadcrumbs": _trail(eco, *trail, (title, "")),
    }
    return render(request, "ui/form_page.html", context, status=answer_status(form))


def _trail(eco: Ecosystem, *steps: tuple[str, str]) -> list[tuple[str, str]]:
    return [(str(eco), eco.get_absolute_url()), (_("Bills"), reverse("bills", args=[eco.code])), *steps]


def _tone(bill: Bill) -> str:
    return TONES.get(Stage(bill.stage), "progress")
