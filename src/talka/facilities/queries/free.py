"""Reads: what is taken, what is free, and the first free place for several resources at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from talka.facilities import hours, queries
from talka.facilities.hours import Hours, Span
from talka.facilities.models import Booking, Closure, Resource, Slot, Unit

LOOK_AHEAD = timedelta(days=60)  # how far a free place is looked for, at most
AT_ONCE = timedelta(days=14)  # and how much of that is read at a time


def taken(
    resources: Iterable[int], starts: datetime, ends: datetime, *, besides: Booking | None = None
) -> QuerySet[Slot]:
    """The live slots of these resources that overlap a time, in order; those of one booking left out."""
    rows = Slot.objects.filter(resource__in=list(resources), live=True, starts__lt=ends, ends__gt=starts)
    if besides is not None and besides.pk is not None:
        rows = rows.exclude(booking=besides)
    return rows.order_by("starts", "id")


def closures(unit: Unit, starts: datetime, ends: datetime) -> QuerySet[Closure]:
    """When the unit, or something in it, cannot be used within a time."""
    return Closure.objects.filter(unit=unit, starts__lt=ends, ends__gt=starts).order_by("starts", "id")


def around(resource: Resource, span: Span) -> Span:
    """What a use takes of a resource: the use with set-up before it and clearing up after."""
    return Span(
        span.starts - timedelta(minutes=resource.before_minutes),
        span.ends + timedelta(minutes=resource.after_minutes),
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be used together, and what that takes: `asked` first, then the wholes and parts."""

    asked: tuple[Resource, ...]
    also: tuple[Resource, ...]

    @classmethod
    def of(cls, unit: Unit, resources: Sequence[Resource]) -> Asked:
        family = queries.family(unit, resources)
        numbers = {each.pk for each in resources}
        return cls(
            tuple(each for each in family if each.pk in numbers),
            tuple(each for each in family if each.pk not in numbers),
        )

    @property
    def all(self) -> tuple[Resource, ...]:
        return (*self.asked, *self.also)

    @property
    def step(self) -> int:
        """The coarsest of the grids, in minutes."""
        return max(each.step_minutes for each in self.asked)


def free(
    unit: Unit, what: Asked, window: Span, *, besides: Booking | None = None, closed_too: bool = False
) -> list[Span]:
    """When all of it is free for use within a window: open, not closed, not taken, set-up and clearing up included.

    `closed_too`: hours outside opening hours count as well. Three questions.
    """
    spans = [window]
    opening = {} if closed_too else queries.hours_of(unit, what.asked)
    margin = timedelta(minutes=max(max(each.before_minutes, each.after_minutes) for each in what.all))
    shut = list(closures(unit, window.starts, window.ends))
    busy: dict[int, list[Span]] = {}
    for slot in taken(
        (each.pk for each in what.all), window.starts - margin, window.ends + margin, besides=besides
    ):
        busy.setdefault(slot.resource_id, []).append(Span(slot.starts, slot.ends))
    for resource in what.asked:
        if not closed_too:
            open_then = hours.open_spans(
                (Hours(row.weekday, row.opens, row.closes) for row in opening[resource.pk]), window, unit.zone
            )
            spans = hours.common(spans, open_then)
    numbers = {each.pk for each in what.all}
    spans = hours.without(
        spans,
        (Span(row.starts, row.ends) for row in shut if row.resource_id is None or row.resource_id in numbers),
    )
    for resource in what.all:
        # What is taken, widened by this resource's own set-up and clearing up, is not to be used.
        before, after = timedelta(minutes=resource.before_minutes), timedelta(minutes=resource.after_minutes)
        blocks = (Span(each.starts - after, each.ends + before) for each in busy.get(resource.pk, ()))
        spans = hours.without(spans, blocks)
    return spans


def places(
    unit: Unit, what: Asked, length: timedelta, since: datetime, *, besides: Booking | None = None
) -> Iterator[Span]:
    """Free places for all of it at once, the earliest first, one in each gap, as far as it is looked for."""
    until = since + LOOK_AHEAD
    starts = since
    seen: datetime | None = None
    while starts < until:
        # The windows overlap by a length, so that no gap across their border is missed.
        window = Span(starts, min(starts + AT_ONCE + length, until + length))
        for gap in hours.gaps(free(unit, what, window, besides=besides), length, what.step, unit.zone):
            if seen is None or gap.starts > seen:
                seen = gap.starts
                yield gap
        starts += AT_ONCE


def nearest(
    unit: Unit,
    what: Asked,
    span: Span,
    now: datetime,
    *,
    besides: Booking | None = None,
    count: int = 3,
) -> list[Span]:
    """The free places nearest to a time that is taken, in order of time."""
    since = max(now, span.starts - timedelta(days=2))
    found: list[Span] = []
    step = timedelta(minutes=what.step)
    for window in (Span(since, span.starts + timedelta(days=5)), Span(since, since + LOOK_AHEAD)):
        found = []
        for each in free(unit, what, window, besides=besides):
            # In a long gap the best place is the one nearest to what was asked for.
            first = hours.up_to_the_grid(each.starts, what.step, unit.zone)
            best, place = None, first
            while place + span.length <= each.ends:
                if best is None or abs(place - span.starts) < abs(best - span.starts):
                    best = place
                elif place > span.starts:
                    break
                place += step
            if best is not None:
                found.append(Span(best, best + span.length))
        if len(found) >= count:
            break
    found.sort(key=lambda each: (abs(each.starts - span.starts), each.starts))
    return sorted(found[:count])


def words(span: Span, zone: Any) -> str:
    """A span as people say it, in the unit's own time: "24.11.2026 10:00–12:00"."""
    starts, ends = span.starts.astimezone(zone), span.ends.astimezone(zone)
    until = f"{ends:%H:%M}" if starts.date() == ends.date() else f"{ends:%d.%m.%Y %H:%M}"
    return f"{starts:%d.%m.%Y %H:%M}–{until}"


def overlapping(unit: Unit, resource: Resource | None, starts: datetime, ends: datetime) -> QuerySet[Booking]:
    """The live bookings that a closure would meet."""
    slots = Slot.objects.filter(live=True, starts__lt=ends, ends__gt=starts, booking__unit=unit)
    if resource is not None:
        slots = slots.filter(resource=resource)
    return Booking.objects.filter(Q(pk__in=slots.values("booking"))).order_by("starts", "id")
