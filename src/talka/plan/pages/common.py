"""What the pages of the room share: which plan an address means, who may go on, forms and what changed meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy, pgettext, pgettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from talka.core.actions import Invalid, Refused
from talka.core.forms import answer_status
from talka.core.http import asker
from talka.core.rules import Fact
from talka.domains import queries as domains
from talka.domains.models import Ecosystem
from talka.plan import forms, queries
from talka.plan.models import Measure, MeasureState, Plan, PlanState
from talka.ui.parts.boxes import badge

PAGE = 50  # rows of a list on one page


# ---------------------------------------------------------------- which plan, and who asks


def need(rule: Fact, request: HttpRequest, subject: Any) -> None:
    """Refuses a form to whoever could not send it: better before the typing than after it."""
    if not rule(asker(request), subject):
        verb = request.resolver_match.view_name if request.resolver_match else ""
        raise Refused(verb, request.user, needs=rule)  # type: ignore[arg-type]  # signed in: see VerbErrors


def chosen(request: HttpRequest, ecosystem: str, year: int) -> Plan:
    """The version that ?version= names, else the one in force, else the newest draft. Raises Http404."""
    return shown(request, domains.enter(request, ecosystem), year)


def shown(request: HttpRequest, eco: Ecosystem, year: int) -> Plan:
    """As `chosen`, once the ecosystem is known."""
    return among(list(queries.visible_plans(eco, asker(request)).filter(year=year)), request, year)


def among(known: Sequence[Plan], request: HttpRequest, year: int) -> Plan:
    """As `chosen`, once the plans are known that the reader may see, newest first."""
    number = request.GET.get("version", "")
    if number and not number.isdecimal():
        raise Http404(_("“%(text)s” is not the number of a version.") % {"text": number[:40]})
    of_year = [each for each in known if each.year == year and (not number or each.number == int(number))]
    found = next((each for each in of_year if each.in_force), of_year[0] if of_year else None)
    if found is None:
        raise Http404(_("There is no such plan for %(year)s, or it is not adopted yet.") % {"year": year})
    return found


def address(name: str, plan: Plan, *more: Any) -> str:
    """The address of a page about a version; the version in force needs not be named."""
    url = reverse(name, args=[plan.ecosystem.code, plan.year, *more])
    return url if plan.in_force else f"{url}?version={plan.number}"


def trail(plan: Plan, *steps: tuple[str, str]) -> list[tuple[str, str]]:
    """Where a page below a plan stands."""
    return [
        (_("Action plan"), reverse("current-plan", args=[plan.ecosystem.code])),
        (str(plan.year), plan.get_absolute_url()),
        *steps,
    ]


def must_be_open(plan: Plan) -> None:
    """Says at once, and not after the typing, that a plan stays as it was."""
    if not plan.open:
        raise Invalid(
            _("This plan is %(state)s and stays as it was; make a new version to change it.")
            % {"state": plan.get_state_display()}
        )


def language() -> str:
    return (get_language() or "lv")[:2]


# ---------------------------------------------------------------- states in words


TONES = {
    MeasureState.PLANNED: "info",
    MeasureState.UNDER_WAY: "progress",
    MeasureState.DONE: "good",
    MeasureState.DROPPED: "neutral",
}
PLAN_TONES = {
    PlanState.DRAFT: ("warning", "pencil"),
    PlanState.ADOPTED: ("good", ""),
    PlanState.CLOSED: ("neutral", "lock"),
    PlanState.SUPERSEDED: ("neutral", "archive"),
}
IN_FORCE = pgettext_lazy("plan", "in force")


def state_words(measure: Measure, today: date) -> tuple[str, str]:
    """How a measure stands, in a word, and its tone."""
    if measure.is_late(today):
        return pgettext("measure", "late"), "bad"
    return str(measure.get_state_display()), TONES[MeasureState(measure.state)]


def plan_badge(plan: Plan) -> SafeString:
    """The state of a version."""
    tone, symbol = PLAN_TONES[PlanState(plan.state)]
    return badge(
        IN_FORCE if plan.state == PlanState.ADOPTED else plan.get_state_display(), tone=tone, symbol=symbol
    )


# What the columns of a measure are called, by the keys of `queries.compare` and of the measure's own columns.
COLUMNS: dict[str, Any] = {
    "number": gettext_lazy("No."),
    "section": gettext_lazy("Priority"),
    "title": gettext_lazy("Measure"),
    "result": gettext_lazy("Result"),
    "indicator": gettext_lazy("Result indicator"),
    "responsible": gettext_lazy("Responsible institution"),
    "involved": gettext_lazy("Involved institutions"),
    "deadline": gettext_lazy("Deadline"),
    "funding": gettext_lazy("Indicative funding source"),
    "state": gettext_lazy("State"),
    "done_on": gettext_lazy("Done on"),
    "drop_reason": gettext_lazy("Why it was dropped"),
}


# ---------------------------------------------------------------- forms


def form_page(
    request: HttpRequest,
    form: Any,
    *,
    title: str,
    submit: str,
    cancel: str,
    template: str = "plan/form.html",
    **more: Any,
) -> HttpResponse:
    """A form on a page of its own, with what somebody else changed since it was opened."""
    context = {"title": title, "form": form, "submit": submit, "cancel": cancel}
    return render(request, template, {**context, **more}, status=answer_status(form))


def tell_refusals(request: HttpRequest, form: Any) -> None:
    """What a small form without a page of its own was refused for."""
    messages.error(request, " ".join(str(said) for found in form.errors.values() for said in found))


# ---------------------------------------------------------------- uploads


def up_to(most: int) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Refuses a request of more than `most` bytes before anything of its body is read."""

    def wrap(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        # The check of the token reads the body, so it must wait until the size is known.
        guarded = csrf_protect(view)

        @csrf_exempt
        @wraps(view)
        def run(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
            length = request.META.get("CONTENT_LENGTH") or "0"
            size = int(length) if length.isdecimal() else 0
            if size > most:
                return render(request, "400.html", {"message": forms.too_large(size, most)}, status=413)
            return guarded(request, *args, **named)

        return run

    return wrap


def query_of(**values: Any) -> Mapping[str, str]:
    """Those of the values that say something, for an address."""
    return {name: str(value) for name, value in values.items() if value}
