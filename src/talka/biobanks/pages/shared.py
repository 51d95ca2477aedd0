"""What the pages of this room share: the way back, the parts of the room as tabs, forms that carry out one verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from talka.core.actions import Refused
from talka.core.forms import answer_status
from talka.core.http import asker
from talka.domains.models import Ecosystem

PAGE = 50


def require(rule: Callable[..., bool], request: HttpRequest, subject: Any, verb: Any) -> None:
    """Raises Refused, from which who is not signed in is sent to sign in."""
    if not rule(asker(request), subject):
        raise Refused(verb.verb, cast(Any, request.user), needs=rule)


def trail(eco: Ecosystem, *steps: tuple[str, str]) -> list[tuple[str, str]]:
    return [
        (str(eco), eco.get_absolute_url()),
        (_("Data & samples"), reverse("biobanks", args=[eco.code])),
        *steps,
    ]


def sections(eco: Ecosystem, active: str) -> list[dict[str, Any]]:
    """The parts of the room."""
    parts = [
        ("biobanks", _("Directory")),
        ("data-nodes", _("Data nodes")),
        ("consents", _("Consent")),
    ]
    return [
        {"label": label, "url": reverse(name, args=[eco.code]), "active": name == active}
        for name, label in parts
    ]


def carry(
    request: HttpRequest,
    eco: Ecosystem,
    form: Any,
    verb: Callable[..., Any],
    subject: Any,
    *,
    title: str,
    cancel: str,
    said: str,
    of: Any = None,
    done: Callable[[Any], Any] | None = None,
    **more: Any,
) -> HttpResponse:
    """A page with one form that carries out one verb, and goes to what the verb returned."""
    if request.method == "POST" and form.carry_out(verb, subject, by=request.user):
        messages.success(request, said)
        return redirect(done(form.result) if done else form.result)
    return form_page(request, eco, form, title=title, cancel=cancel, of=of, **more)


def form_page(
    request: HttpRequest, eco: Ecosystem, form: Any, *, title: str, cancel: str, of: Any = None, **more: Any
) -> HttpResponse:
    steps = [(str(of), of.get_absolute_url())] if of is not None else []
    context = {
        "title": title,
        "kicker": str(of) if of is not None else "",
        "form": form,
        "submit": _("Save"),
        "cancel": cancel,
        "breadcrumbs": trail(eco, *steps, (title, "")),
        **more,
    }
    return render(request, "biobanks/form.html", context, status=answer_status(form))
