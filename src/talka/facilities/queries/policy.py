"""Reads: what speaks against a booking. One list of rules for every way: page, API, move, series, import, hand-over.

Each rule says its problem in words that name what would be right. A `hard` one cannot be set aside; the others can, by
whoever runs the unit, with a reason on record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta
from django.db.models import Max, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from talka.facilities import hours, queries
from talka.facilities.hours import Hours, Span
from talka.facilities.models import (
    Booking,
    BookingState,
    Certificate,
    ProjectMember,
    Qualification,
    Resource,
    ResourceKind,
    ResourceState,
    Slot,
    Terms,
    TermsAcceptance,
    UserProject,
)
from talka.facilities.queries import free
from talka.facilities.queries.free import Asked
from talka.parties.models import Account

GRACE = timedelta(minutes=5)  # a booking that begins now may have begun while it was typed


@dataclass(frozen=True)
class Wanted:
    """A booking as it would be. `booking`: the one that is moved or handed over, None for a new one."""

    project: UserProject
    account: Account
    what: Asked
    span: Span
    booking: Booking | None = None

    @property
    def unit(self) -> Any:
        return self.project.unit


@dataclass(frozen=True)
class Problem:
    """Why a booking may not be made. `field` is the input that is wrong; `code` lasts, for programs."""

    code: str
    field: str
    message: str
    hard: bool = False


def terms_in_force(wanted: Wanted, now: datetime) -> Terms | None:
    """The terms of use that whoever books now has to have accepted; None if the unit has none."""
    day = now.astimezone(wanted.unit.zone).date()
    return Terms.objects.filter(unit=wanted.unit, since__lte=day).order_by("-number").first()


def problems(wanted: Wanted, now: datetime) -> list[Problem]:
    """All that speaks against it, apart from that it is taken. A fixed number of questions, whatever there is."""
    return [problem for rule in RULES for problem in rule(wanted, now)]


Rule = Callable[[Wanted, datetime], Iterator[Problem]]
RULES: list[Rule] = []


def rule(check: Rule) -> Rule:
    RULES.append(check)
    return check


# ---------------------------------------------------------------- what and when


@rule
def in_service(wanted: Wanted, now: datetime) -> Iterator[Problem]:
    if wanted.unit.withdrawn:
        yield Problem(
            "withdrawn", "resources", _("%(what)s no longer works.") % {"what": wanted.unit}, hard=True
        )
    for each in wanted.what.asked:
        if each.state == ResourceState.WITHDRAWN:
            message = _("%(what)s is withdrawn and cannot be booked any more.") % {"what": each}
            yield Problem("withdrawn", "resources", message, hard=True)
        elif each.state == ResourceState.OUT_OF_ORDER:
            message = _("%(what)s is out of order; ask %(unit)s when it will work again.") % {
                "what": each,
                "unit": wanted.unit,
            }
            yield Problem("out-of-order", "resources", message)


@rule
def not_past(wanted: Wanted, now: datetime) -> Iterator[Problem]:
    if wanted.span.starts < now - GRACE:
        moment = free.words(Span(now, now + timedelta(minutes=1)), wanted.unit.zone).partition("–")[0]
        yield Problem(
            "past",
            "starts",
            _("A booking cannot begin in the past; it is %(now)s now.") % {"now": moment},
            hard=True,
        )


@rule
def on_the_grid(wanted: Wanted, now: datetime) -> Iterator[Problem]:
    step = wanted.what.step
    for field, at in (("starts", wanted.span.starts), ("ends", wanted.span.ends)):
        if not hours.on_the_grid(at, step, wanted.unit.zone):
            message = ngettext(
                "Begin and end in steps of %(step)d minute, counted from the full hour.",
                "Begin and end in steps of %(step)d minutes, counted from the full hour.",
                step,
            )
            yield Problem("grid", field, message % {"step": step})


@rule
def lengths(wanted: Wanted, now: datetime) -> Iterator[Problem]:
    minutes = wanted.span.length / timedelta(minutes=1)
    for each in wanted.what.asked:
        if minutes < each.least_minutes:
            message = _("%(what)s is booked for at least %(least)s.")
            told = {"what": each, "least": duration(each.least_minutes)}
            yield Problem("too-short", "ends", message % told)
        elif minutes > each.most_minutes:
            message = _("%(what)s is booked for at most %(most)s at a time.")
            yield Problem("too-long", "ends", message % {"what": each, "most": duration(each.most_minutes)})


@rule
def horizon(wanted: Wanted, now: datetime) -> Iterator[Problem]:
    for each in wanted.what.asked:
        last = (now + timedelta(days=each.horizon_days)).astimezone(wanted.unit.zone).date()
        if wanted.span.starts.astimezone(wanted.unit.zone).date() > last:
            message = _("%(what)s can be booked until %(last)s, %(days)d days ahead.")
            told = {"what": each, "last": f"{last:%d.%m.%Y}", "days": each.horizon_days}
            yield Problem("too-far", "starts", message % told)


@rule
def opening_hours(wanted: Wanted, now: datetime) -> Iterator[Problem]:
    opening = queries.hours_of(wanted.unit, wanted.what.asked)
    margin = timedelta(days=1)
    window = Span(wanted.span.starts - margin, wanted.span.ends + margin)
    for each in wanted.what.asked:
        if each.off_hours and each.needs_qualification:
            continue  # whoever is qualified may, and that is another rule's matter
        rows = opening[each.pk]
        spans = hours.open_spans(
            (Hours(row.weekday, row.opens, row.closes) for row in rows), window, wanted.unit.zone
        )
        if not hours.within(wanted.span, spans):
            message = _("%(what)s is not open all that time. Opening hours: %(hours)s.")
            yield Problem("closed", "starts", message % {"what": each, "hours": week(rows)})


@rule
def not_closed(wanted: Wanted, now: datetime) -> Iterator[Problem]:
    numbers = {each.pk for each in wanted.what.all}
    for row in free.closures(wanted.unit, wanted.span.starts, wanted.span.ends):
        if row.resource_id is None or row.resource_id in numbers:
            told = {
                "why": row.title,
                "kind": row.get_kind_of_display(),
                "when": free.words(Span(row.starts, row.ends), wanted.unit.zone),
            }
            yield Problem("closure", "starts", _("Closed %(when)s: %(why)s (%(kind)s).") % told)


# ---------------------------------------------------------------- who


@rule
def qualified(wanted: Wanted, now: datetime) -> Iterator[Problem]:
    strict = [each for each in wanted.what.asked if each.needs_qualification]
    assisted = any(each.kind_of == ResourceKind.EXPERT for each in wanted.what.asked)
    if not strict or assisted:
        return  # with an expert at one's side nobody needs to know the instrument
    day = wanted.span.starts.astimezone(wanted.unit.zone).date()
    rows = Qualification.objects.filter(
        Q(ends=None) | Q(ends__gte=day), resource__in=strict, account=wanted.account, starts__lte=day
    )
    since = {row.resource_id: row.starts for row in rows.order_by("starts")}
    used = dict(
        Slot.objects.filter(
            resource__in=strict, booking__account=wanted.account, booking__state=BookingState.DONE
        )
        .values_list("resource")
        .annotate(Max("ends"))
    )
    for each in strict:
        if each.pk not in since:
            message = _(
                "%(what)s is only for the qualified. Ask %(unit)s for training, or book an expert with it."
            )
            yield Problem("unqualified", "resources", message % {"what": each, "unit": wanted.unit})
        elif each.qualified_months:
            last = max(since[each.pk], used[each.pk].date() if each.pk in used else since[each.pk])
            if last + relativedelta(months=each.qualified_months) < day:
                message = _(
                    "The qualification for %(what)s has lapsed: not used since %(last)s, and it lasts %(months)d"
                    " months."
                )
                told = {"what": each, "last": f"{last:%d.%m.%Y}", "months": each.qualified_months}
                yield Problem("qualification-lapsed", "resources", message % told)


@rule
def certified(wanted: Wanted, now: datetime) -> Iterator[Problem]:
    needed = {each.certificate: each for each in wanted.what.asked if each.certificate}
    if not needed:
        return
    day = wanted.span.ends.astimezone(wanted.unit.zone).date()
    held = set(
        Certificate.objects.filter(
            Q(ends=None) | Q(ends__gte=day), account=wanted.account, code__in=list(needed), starts__lte=day
        ).values_list("code", flat=True)
    )
    for code, each in needed.items():
        if code not in held:
            message = _("%(what)s takes the safety certificate “%(code)s”, valid on the day of use.")
            yield Problem("uncertified", "resources", message % {"what": each, "code": code})


@rule
def terms_accepted(wanted: Wanted, now: datetime) -> Iterator[Problem]:
    terms = terms_in_force(wanted, now)
    if terms is None or TermsAcceptance.objects.filter(terms=terms, account=wanted.account).exists():
        return
    message = _("Accept the terms of use of %(unit)s first (version %(number)d).")
    yield Problem("terms", "account", message % {"unit": wanted.unit, "number": terms.number})


@rule
def project_open(wanted: Wanted, now: datetime) -> Iterator[Problem]:
    project = wanted.project
    starts, ends = (at.astimezone(wanted.unit.zone).date() for at in (wanted.span.starts, wanted.span.ends))
    if project.closed:
        yield Problem("project-closed", "project", _("The project is closed."), hard=True)
    elif starts < project.starts or (project.ends is not None and ends > project.ends):
        until = f"{project.ends:%d.%m.%Y}" if project.ends else "…"
        message = _("The project runs %(starts)s–%(ends)s; the use lies outside.")
        told = {"starts": f"{project.starts:%d.%m.%Y}", "ends": until}
        yield Problem("project-dates", "project", message % told, hard=True)
    if project.lead_id != wanted.account.pk:
        members = ProjectMember.objects.filter(
            Q(until=None) | Q(until__gte=starts), project=project, account=wanted.account
        )
        if not members.exists():
            message = _("%(who)s is no member of the project; whoever leads it can add members.")
            yield Problem("no-member", "account", message % {"who": wanted.account})
    if project.payer is None and any(each.tariff_id for each in wanted.what.asked):
        yield Problem(
            "no-payer", "project", _("The project has no account that pays; add one to it."), hard=True
        )


# ---------------------------------------------------------------- how much


@rule
def few_ahead(wanted: Wanted, now: datetime) -> Iterator[Problem]:
    limited = {each.pk: each for each in wanted.what.asked if each.most_ahead is not None}
    if not limited:
        return
    rows = _others(wanted).filter(resource__in=limited, ends__gt=now).values_list("resource", flat=True)
    for pk, each in limited.items():
        ahead = sum(1 for number in rows if number == pk)
        if ahead >= (each.most_ahead or 0):
            message = _("%(ahead)d bookings of %(what)s are ahead; at most %(most)d are allowed at a time.")
            told = {"what": each, "ahead": ahead, "most": each.most_ahead}
            yield Problem("too-many", "starts", message % told)


@rule
def hours_a_week(wanted: Wanted, now: datetime) -> Iterator[Problem]:
    limited = {each.pk: each for each in wanted.what.asked if each.hours_a_week is not None}
    if not limited:
        return
    local = wanted.span.starts.astimezone(wanted.unit.zone)
    monday = local.date() - timedelta(days=local.weekday())
    first = datetime.combine(monday, hours.MIDNIGHT, wanted.unit.zone).astimezone(UTC)
    last = datetime.combine(monday + timedelta(days=7), hours.MIDNIGHT, wanted.unit.zone).astimezone(UTC)
    rows = _others(wanted).filter(resource__in=limited, starts__lt=last, ends__gt=first)
    booked: dict[int, timedelta] = {}
    for row in rows.select_related("booking"):
        booked[row.resource_id] = booked.get(row.resource_id, timedelta()) + row.booking.length
    for pk, each in limited.items():
        whole = booked.get(pk, timedelta()) + wanted.span.length
        if whole > timedelta(hours=each.hours_a_week or 0):
            message = _("That makes %(hours)s of %(what)s in this week; at most %(most)d h are allowed.")
            told = {
                "what": each,
                "hours": duration(round(whole / timedelta(minutes=1))),
                "most": each.hours_a_week,
            }
            yield Problem("too-much", "ends", message % told)


def _others(wanted: Wanted) -> Any:
    """What the user has of these resources otherwise."""
    rows = Slot.objects.filter(booking__account=wanted.account, live=True, asked=True)
    return rows.exclude(booking=wanted.booking) if wanted.booking is not None else rows


# ---------------------------------------------------------------- words


def duration(minutes: int) -> str:
    """As in "45 min", "8 h", "1 h 30 min"."""
    whole, rest = divmod(minutes, 60)
    return (
        " ".join(part for part in (f"{whole} h" if whole else "", f"{rest} min" if rest else "") if part)
        or "0 min"
    )


def week(rows: list[Any]) -> str:
    """Opening hours in short, days by their number's name: "1.–5. 08:00–18:00"; a dash where there are none."""
    names = [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")]
    by_hours: dict[tuple[Any, Any], list[int]] = {}
    for row in sorted(rows, key=lambda each: (each.weekday, each.opens)):
        by_hours.setdefault((row.opens, row.closes), []).append(row.weekday)
    told = []
    for (opens, closes), days in by_hours.items():
        run = days == list(range(days[0], days[-1] + 1)) and len(days) > 2
        name = (
            f"{names[days[0] - 1]}–{names[days[-1] - 1]}"
            if run
            else ", ".join(names[day - 1] for day in days)
        )
        told.append(f"{name} {opens:%H:%M}–{closes:%H:%M}")
    return "; ".join(told) or "–"


def resources_of(rows: Any) -> list[Resource]:
    """The resources asked for in a booking's slots."""
    return [slot.resource for slot in rows if slot.asked]
