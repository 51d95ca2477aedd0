"""Reads: who has what in a week. Everybody sees what is taken; by whom, only those whose business it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from talka.facilities import hours, rules
from talka.facilities.hours import Hours, Span
from talka.facilities.models import (
    Booking,
    BookingState,
    Closure,
    OpeningHours,
    ProjectMember,
    Resource,
    Slot,
    Unit,
    UserProject,
)
from talka.facilities.queries import free

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Event:
    """Something in a calendar: a booking or a closure. `label` is "busy" where the reader may not know more."""

    resource_id: int
    span: Span
    label: str
    kind: str  # "mine" | "known" | "busy" | "asked" | "closure"
    booking_id: int | None = None

    @property
    def known(self) -> bool:
        return self.kind != "busy"


def week_of(day: date, unit: Unit) -> Span:
    """The week in which a day lies, Monday to Monday, in the unit's own time."""
    monday = day - timedelta(days=day.weekday())
    return Span(day_of(monday, unit).starts, day_of(monday + WEEK, unit).starts)


def events(resources: Sequence[Resource], window: Span, by: Any) -> list[Event]:
    """What is in the calendars of these resources within a window, in order of time. Five questions at most.

    `by`: who reads, None for the public.
    """
    numbers = {each.pk: each for each in resources}
    seen = _Reader(by, resources)
    found = []
    slots = free.taken(numbers, window.starts, window.ends).select_related(
        "booking__account__person", "booking__project"
    )
    for slot in slots:
        booking = slot.booking
        label, kind = seen.of(booking)
        if not slot.asked and kind != "busy":
            label = _("%(label)s (as a part or whole)") % {"label": label}
        found.append(
            Event(
                slot.resource_id,
                Span(slot.starts, slot.ends),
                label,
                kind,
                booking.pk if kind != "busy" else None,
            )
        )
    units = {each.unit_id for each in resources}
    shut = Closure.objects.filter(unit__in=units, starts__lt=window.ends, ends__gt=window.starts)
    for row in shut:
        for each in resources:
            if each.unit_id == row.unit_id and row.resource_id in (None, each.pk):
                label = f"{row.title} ({row.get_kind_of_display()})"
                found.append(Event(each.pk, Span(row.starts, row.ends), label, "closure"))
    return sorted(found, key=lambda each: (each.span.starts, each.resource_id))


class _Reader:
    """What somebody may know of bookings, with a fixed number of questions for any number of them."""

    def __init__(self, by: Any, resources: Sequence[Resource]) -> None:
        self.pk = getattr(by, "pk", None)
        self.units: set[int] = set()
        self.projects: set[int] = set()
        if self.pk is None:
            return
        units = {each.unit_id: each.unit for each in resources}
        self.units = {pk for pk, unit in units.items() if rules.parts_in(by, unit)}
        today = timezone.localdate()
        members = ProjectMember.objects.filter(account_id=self.pk, project__unit__in=units)
        self.projects = {row.project_id for row in members if row.until is None or row.until >= today}
        led = UserProject.objects.filter(lead_id=self.pk, unit__in=units)
        self.projects |= set(led.values_list("pk", flat=True))

    def of(self, booking: Booking) -> tuple[str, str]:
        """What to print, and which kind of event it is to this reader."""
        if booking.account_id == self.pk:
            label, kind = booking.purpose or str(booking.project), "mine"
        elif booking.project_id in self.projects or booking.unit_id in self.units:
            label, kind = f"{booking.account}, {booking.project}", "known"
        else:
            return _("busy"), "busy"
        return (label, "asked") if booking.state == BookingState.ASKED else (label, kind)


def opening(unit: Unit, resource: Resource, window: Span) -> list[Span]:
    """When a resource is open within a window."""
    rows = list(OpeningHours.objects.filter(unit=unit))
    own = [row for row in rows if row.resource_id == resource.pk]
    own = own or [row for row in rows if row.resource_id is None]
    return hours.open_spans((Hours(row.weekday, row.opens, row.closes) for row in own), window, unit.zone)


def bookings_of(by: Any) -> QuerySet[Booking]:
    """Somebody's own bookings that are not over, the next first."""
    rows = Booking.objects.filter(account_id=by.pk, ends__gt=timezone.now())
    live = rows.filter(state__in=[BookingState.ASKED, BookingState.BOOKED])
    return live.select_related("unit__ecosystem", "project").prefetch_related("slots__resource")


def waiting_for(unit: Unit) -> QuerySet[Booking]:
    """Bookings of a unit that wait for approval."""
    rows = Booking.objects.filter(unit=unit, state=BookingState.ASKED)
    return rows.select_related("unit__ecosystem", "account__person", "project").prefetch_related(
        "slots__resource"
    )


def projects_of(by: Any, unit: Unit) -> list[UserProject]:
    """The projects at a unit that somebody can book for; all of them for whoever runs it."""
    rows = UserProject.objects.filter(unit=unit, closed=False).select_related("unit", "payer")
    if rules.runs(by, unit):
        return list(rows)
    today = timezone.localdate()
    mine = {
        row.project_id
        for row in ProjectMember.objects.filter(account_id=by.pk, project__unit=unit)
        if row.until is None or row.until >= today
    }
    return [row for row in rows if row.lead_id == by.pk or row.pk in mine]


def slots_of(booking: Booking) -> list[Slot]:
    """What a booking takes, what was asked for first."""
    rows = booking.slots.select_related("resource__unit__ecosystem", "mode")
    return sorted(rows, key=lambda each: (not each.asked, each.pk))


def day_of(day: date, unit: Unit) -> Span:
    """A day from midnight to midnight, in the unit's own time: 23 to 25 hours."""
    starts, ends = (
        datetime.combine(each, hours.MIDNIGHT, unit.zone).astimezone(UTC)
        for each in (day, day + timedelta(days=1))
    )
    return Span(starts, ends)
