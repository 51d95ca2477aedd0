"""Pages: the catalogue over all units, a unit, what can be booked with its week, a booking, a project."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from talka.billing import queries as prices
from talka.core.actions import Invalid, Refused
from talka.core.forms import answer_status
from talka.core.http import asker
from talka.domains import queries as domains
from talka.domains.models import Ecosystem
from talka.facilities import actions, queries, rules
from talka.facilities.forms import (
    BookingForm,
    CorrectionForm,
    FaultForm,
    LogOffForm,
    MoveForm,
    day_given,
    first_time,
)
from talka.facilities.hours import Span
from talka.facilities.models import (
    Booking,
    BookingState,
    Correction,
    CorrectionState,
    ResourceKind,
    Unit,
    Use,
    UserProject,
)
from talka.facilities.queries import Wanted, calendar, free, policy
from talka.parties.models import Account

PAGE = 50
TONES = {
    BookingState.ASKED: "warning",
    BookingState.BOOKED: "progress",
    BookingState.DECLINED: "bad",
    BookingState.CANCELLED: "neutral",
    BookingState.MISSED: "bad",
    BookingState.DONE: "good",
}


def facilities(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """What can be used, where, in all units: by words, method, unit and kind."""
    eco = domains.enter(request, ecosystem)
    given = {name: request.GET.get(name, "") for name in ("text", "method", "unit", "kind")}
    wanted = Wanted(**given)
    units = list(queries.units(eco))
    found = Paginator(queries.found(eco, wanted), PAGE).get_page(request.GET.get("page"))
    by = asker(request)
    return render(
        request,
        "facilities/facilities.html",
        {
            "title": _("Facilities"),
            "lead": _("Instruments, rooms and experts of the ecosystem that others can use, too"),
            "breadcrumbs": [(str(eco), eco.get_absolute_url()), (_("Facilities"), "")],
            "wanted": wanted,
            "narrowed": any(given.values()),
            "units": units,
            "open_units": sum(unit.open_to_others for unit in units),
            "methods": queries.methods(eco),
            "kinds": ResourceKind,
            "found": found,
            "mine": calendar.bookings_of(by)[:5] if by is not None and by.pk else [],
        },
    )


def facility(request: HttpRequest, ecosystem: str, unit: str) -> HttpResponse:
    """A unit: what it has, how to get in, and what waits for whoever runs it."""
    eco = domains.enter(request, ecosystem)
    row = _unit(eco, unit)
    by = asker(request)
    runs = bool(by is not None and rules.may_run(by, row))
    rows = list(queries.resources(row))
    hours = queries.hours_of(row, rows)
    return render(
        request,
        "facilities/facility.html",
        {
            "title": str(row),
            "lead": row.summary,
            "kicker": str(row.organisation),
            "breadcrumbs": _trail(eco, (str(row), "")),
            "unit": row,
            "groups": [
                (kind, [each for each in rows if each.kind_of == kind])
                for kind in ResourceKind
                if any(each.kind_of == kind for each in rows)
            ],
            "count": len(rows),
            "hours": policy.week(hours[rows[0].pk]) if rows else "",
            "runs": runs,
            "waiting": calendar.waiting_for(row) if runs else [],
            "projects": calendar.projects_of(by, row) if by is not None and by.pk else [],
        },
    )


def resource(request: HttpRequest, ecosystem: str, unit: str, code: str) -> HttpResponse:
    """What can be booked: what it is, what it costs, and its week. The public sees when it is free, not who has it."""
    eco = domains.enter(request, ecosystem)
    parent = _unit(eco, unit)
    row = get_object_or_404(queries.resources(parent), code=code)
    by = asker(request)
    window = calendar.week_of(day_given(request.GET.get("week")), parent)
    events = calendar.events([row], window, by)
    opening = calendar.opening(parent, row, window)
    monday = window.starts.astimezone(parent.zone).date()
    may_report = by is not None and rules.may_report(by, row)
    return render(
        request,
        "facilities/resource.html",
        {
            "title": str(row),
            "lead": row.summary,
            "kicker": str(parent),
            "breadcrumbs": _trail(eco, (str(parent), parent.get_absolute_url()), (str(row), "")),
            "unit": parent,
            "row": row,
            "days": _days(parent, window, events, opening),
            "monday": monday,
            "before": monday - calendar.WEEK,
            "after": monday + calendar.WEEK,
            "rates": _rates(row),
            "specification": [line for line in row.specification.splitlines() if line.strip()],
            "faults": list(row.faults.filter(mended_at=None)) if may_report else [],
            "may_report": may_report,
            "may_run": by is not None and rules.may_run(by, row),
            "may_book": bool(by is not None and by.pk and calendar.projects_of(by, parent)),
        },
    )


def _days(unit: Unit, window: Span, events: list[Any], opening: list[Span]) -> list[dict[str, Any]]:
    """The week as a table: each day with its hours and what is in it, cut at midnight."""
    days = []
    for number in range(7):
        day = window.starts.astimezone(unit.zone).date() + timedelta(days=number)
        span = calendar.day_of(day, unit)
        days.append(
            {
                "day": day,
                "opening": [_clock(each, span, unit) for each in opening if each.overlaps(span)],
                "events": [
                    (each, _clock(each.span, span, unit)) for each in events if each.span.overlaps(span)
                ],
            }
        )
    return days


def _clock(span: Span, day: Span, unit: Unit) -> str:
    """A span within a day by the clock: "10:00–12:00"; 24:00 is the midnight at its end."""
    starts = max(span.starts, day.starts).astimezone(unit.zone)
    ends = min(span.ends, day.ends)
    until = "24:00" if ends == day.ends else f"{ends.astimezone(unit.zone):%H:%M}"
    return f"{starts:%H:%M}–{until}"


def _rates(row: Any) -> list[Any]:
    """What a unit of it costs each class of customers today; nothing where it has no price."""
    if row.tariff is None:
        return []
    try:
        version = prices.version_on(row.tariff, prices.today())
    except Invalid:
        return []
    return list(version.rates.filter(since=0).order_by("price_class", "band"))


# ---------------------------------------------------------------- booking


def book(request: HttpRequest, ecosystem: str, unit: str) -> HttpResponse:
    """The form that books, with what it would cost. The same by keyboard as by touching a free hour."""
    eco = domains.enter(request, ecosystem)
    row = _unit(eco, unit)
    by = asker(request)
    if by is None or not by.pk:
        return redirect_to_login(request.get_full_path(), reverse("sign-in"))
    projects = calendar.projects_of(by, row)
    if not projects:
        messages.info(request, _("You have no project at this unit yet. Ask the unit to open one for you."))
        return redirect(row)
    runs = bool(rules.may_run(by, row))
    asked = request.GET.getlist("resource")
    since = first_time(row, request.GET.get("from", ""))
    initial: dict[str, Any] = {
        "resources": [each.pk for each in queries.resources(row) if each.code in asked]
    }
    if since is not None:
        local = since.astimezone(row.zone)
        initial |= {"day": local.date(), "begins": local.time(), "until": (local + timedelta(hours=1)).time()}
    form = BookingForm(
        request.POST or None,
        unit=row,
        projects=projects,
        resources=queries.resources(row),
        people=_people(by, projects, runs),
        runs=runs,
        initial=initial,
    )
    if request.method == "POST" and form.is_valid():
        project = form.cleaned_data["project"]
        if "check" in request.POST:
            return _form(request, eco, row, form, _("Book"), checks=True, estimate=_estimated(form))
        values = form.values()
        values.pop("project")
        form.values = lambda: values  # type: ignore[method-assign]  # the project is the verb's subject
        if form.carry_out(actions.book, project, by=by):
            messages.success(request, _("Booked. You find it under “My work”, too."))
            return redirect(form.result)
    return _form(request, eco, row, form, _("Book"), checks=True)


def _estimated(form: BookingForm) -> list[tuple[str, Decimal]]:
    """What the use that the form asks for would cost; what cannot be reckoned is said in the form."""
    given = form.cleaned_data
    try:
        return list(
            queries.estimate(given["project"], list(given["resources"]), given["starts"], given["ends"])
        )
    except Invalid as why:
        form.add_error(None, str(why))
    return []


def _people(by: Any, projects: list[UserProject], runs: bool) -> Any:
    """For whom somebody may book: for members where he or she leads, for any of them where the unit is run."""
    led = [each.pk for each in projects if runs or each.lead_id == by.pk]
    return (
        Account.objects.filter(facility_projects__project__in=led)
        | Account.objects.filter(facility_projects_led__in=led)
    ).distinct()


def _form(
    request: HttpRequest, eco: Ecosystem, unit: Unit, form: Any, title: str, **more: Any
) -> HttpResponse:
    return render(
        request,
        "facilities/form.html",
        {
            "title": title,
            "kicker": str(unit),
            "breadcrumbs": _trail(eco, (str(unit), unit.get_absolute_url()), (title, "")),
            "unit": unit,
            "form": form,
            "submit": title,
            "cancel": unit.get_absolute_url(),
            **more,
        },
        status=answer_status(form),
    )


def booking(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """A booking: what, when, on which terms, what it costs, and what can be done with it."""
    eco = domains.enter(request, ecosystem)
    row = _booking(request, eco, pk)
    by = asker(request)
    slots = calendar.slots_of(row)
    span = Span(row.starts, row.ends)
    charges = list(queries.charges_of(row, slots))
    use = Use.objects.filter(booking=row).prefetch_related("corrections").first()
    return render(
        request,
        "facilities/booking.html",
        {
            "title": free.words(span, row.unit.zone),
            "lead": ", ".join(str(slot.resource) for slot in slots if slot.asked),
            "kicker": str(row.unit),
            "breadcrumbs": _trail(eco, (str(row.unit), row.unit.get_absolute_url()), (_("Booking"), "")),
            "row": row,
            "slots": slots,
            "charges": charges,
            "pays": sum((each.pays for each in charges), Decimal(0)),
            "tone": TONES[BookingState(row.state)],
            "may_change": rules.may_change(by, row)
            and row.state in (BookingState.ASKED, BookingState.BOOKED),
            "use": use,
            "corrections": list(use.corrections.all()) if use is not None else [],
            "may_log_on": (
                use is None and row.state == BookingState.BOOKED and rules.may_change(by, row) and _now(row)
            ),
            "may_log_off": use is not None and use.ended_at is None and rules.may_change(by, row),
            "may_correct": use is not None and use.ended_at is not None and rules.may_change(by, row),
            "may_run": rules.may_run(by, row),
            "may_judge": rules.may_run(by, row) and row.state == BookingState.ASKED,
        },
    )


def move_booking(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Another time for a booking."""
    eco = domains.enter(request, ecosystem)
    row = _booking(request, eco, pk)
    by = _may(request, rules.may_change, row, actions.move_booking)
    form = MoveForm(request.POST or None, unit=row.unit, subject=row, runs=bool(rules.may_run(by, row)))
    if request.method == "POST" and form.carry_out(actions.move_booking, row, by=by):
        messages.success(request, _("Moved."))
        return redirect(row)
    return _form(request, eco, row.unit, form, _("Move"), cancel=row.get_absolute_url())


STEPS: dict[str, tuple[Any, bool]] = {
    "cancel": (actions.cancel_booking, True),
    "approve": (actions.approve_booking, False),
    "decline": (actions.decline_booking, True),
    "missed": (actions.mark_missed, False),
    "log-on": (actions.log_on, False),
}


def log_off(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """The end of a use: what the instrument counted, what is to be said."""
    eco = domains.enter(request, ecosystem)
    row = _booking(request, eco, pk)
    by = _may(request, rules.may_change, row, actions.log_off)
    form = LogOffForm(request.POST or None)
    if request.method == "POST" and form.carry_out(actions.log_off, row, by=by):
        messages.success(request, _("Logged off. The charges are final."))
        return redirect(row)
    return _form(request, eco, row.unit, form, _("Log off"), cancel=row.get_absolute_url())


def correct(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Asks that a use be recorded with other times."""
    eco = domains.enter(request, ecosystem)
    row = _booking(request, eco, pk)
    by = _may(request, rules.may_change, row, actions.ask_correction)
    form = CorrectionForm(request.POST or None, unit=row.unit, booking=row)
    if request.method == "POST" and form.carry_out(actions.ask_correction, row, by=by):
        messages.success(request, _("Sent. Whoever runs the unit decides on it."))
        return redirect(row)
    return _form(request, eco, row.unit, form, _("Ask for a correction"), cancel=row.get_absolute_url())


@require_POST
def decide(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Accepts or refuses the correction that waits."""
    eco = domains.enter(request, ecosystem)
    row = _booking(request, eco, pk)
    waiting = Correction.objects.select_related("use__booking__unit", "use__booking__project__payer")
    found = get_object_or_404(waiting, use__booking=row, state=CorrectionState.ASKED)
    accept = request.POST.get("accept") == "yes"
    try:
        actions.decide_correction(
            found, by=asker(request), accept=accept, answer=request.POST.get("answer", "")
        )
    except Invalid as why:
        messages.error(request, str(why))
    return redirect(row)


def report_fault(request: HttpRequest, ecosystem: str, unit: str, code: str) -> HttpResponse:
    """Something is wrong with a resource: in words and photos, from a phone."""
    eco = domains.enter(request, ecosystem)
    parent = _unit(eco, unit)
    row = get_object_or_404(queries.resources(parent), code=code)
    by = _may(request, rules.may_report, row, actions.report_fault)
    form = FaultForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.carry_out(actions.report_fault, row, by=by):
        messages.success(request, _("Reported. Thank you."))
        return redirect(row)
    return _form(request, eco, parent, form, _("Report a fault"), cancel=row.get_absolute_url())


@require_POST
def mend_fault(request: HttpRequest, ecosystem: str, unit: str, code: str, pk: int) -> HttpResponse:
    """It works again, and what was done."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.resources(_unit(eco, unit)), code=code)
    fault = get_object_or_404(row.faults.select_related("resource__unit"), pk=pk)
    try:
        actions.mend_fault(fault, by=asker(request), remedy=request.POST.get("remedy", ""))
    except Invalid as why:
        messages.error(request, str(why))
    return redirect(row)


@require_POST
def step(request: HttpRequest, ecosystem: str, pk: int, step: str) -> HttpResponse:
    """Cancels, approves or declines a booking, or says that nobody came."""
    eco = domains.enter(request, ecosystem)
    row = _booking(request, eco, pk)
    if step not in STEPS:
        raise Http404
    verb, reasoned = STEPS[step]
    more = {"reason": request.POST.get("reason", "")} if reasoned else {}
    try:
        verb(row, by=asker(request), **more)
    except Invalid as why:
        messages.error(request, str(why))
    return redirect(row)


# ---------------------------------------------------------------- projects


def project(request: HttpRequest, ecosystem: str, unit: str, code: str) -> HttpResponse:
    """A user's project at a unit: its terms, its people, what it has booked. Nobody else sees it."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(
        UserProject.objects.select_related("unit__ecosystem", "lead__person", "payer", "organisation"),
        unit=_unit(eco, unit),
        code=code,
    )
    if not rules.may_see(asker(request), row):
        raise Http404
    bookings = Paginator(
        row.bookings.select_related("unit__ecosystem", "account__person")
        .prefetch_related("slots__resource")
        .order_by("-starts"),
        PAGE,
    ).get_page(request.GET.get("page"))
    return render(
        request,
        "facilities/project.html",
        {
            "title": row.title,
            "kicker": str(row.unit),
            "breadcrumbs": _trail(eco, (str(row.unit), row.unit.get_absolute_url()), (row.code, "")),
            "row": row,
            "members": row.members.select_related("account__person"),
            "bookings": bookings,
            "rows": [(each, TONES[BookingState(each.state)]) for each in bookings],
        },
    )


# ---------------------------------------------------------------- helpers


def _unit(eco: Ecosystem, code: str) -> Unit:
    return get_object_or_404(
        Unit.objects.select_related("ecosystem", "organisation", "issuer"), ecosystem=eco, code=code
    )


def _booking(request: HttpRequest, eco: Ecosystem, pk: int) -> Booking:
    """A booking that the reader may see; others are told that there is none."""
    rows = Booking.objects.select_related(
        "unit__ecosystem", "project__payer", "project__unit", "account__person", "terms", "series"
    )
    row = get_object_or_404(rows, pk=pk, unit__ecosystem=eco)
    if not rules.may_see(asker(request), row):
        raise Http404
    return row


def _may(request: HttpRequest, rule: Any, row: Any, verb: Any) -> Any:
    """Whoever asks, if the rule lets them; Refused else, which a visitor sees as the way to sign in."""
    by = asker(request)
    if by is None or not rule(by, row):
        raise Refused(verb.verb, cast(Any, request.user), needs=rule)
    return by


def _now(row: Booking) -> bool:
    """Whether it is time to log on."""
    return bool(row.starts - actions.uses.EARLY <= timezone.now() < row.ends)


def _trail(eco: Ecosystem, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [
        (str(eco), eco.get_absolute_url()),
        (_("Facilities"), reverse("facilities", args=[eco.code])),
        *more,
    ]
