"""Time as it is booked: stretches of it, opening hours over the change of clocks, recurrences by the clock on the wall.

All instants are aware and reckoned in UTC; what people mean ("ten o'clock each Monday") is local, in the unit's zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

MOST_OCCURRENCES = 200  # of one series: four years of weeks
MIDNIGHT = time(0)


class NoSuchTime(ValueError):
    """A time that the clock on the wall never showed: it lies in the hour that summer time skips."""


class BadRule(ValueError):
    """A rule of recurrence that is none, has no end, or has too many occurrences."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From an instant until before another."""

    starts: datetime
    ends: datetime

    def __post_init__(self) -> None:
        if self.starts.utcoffset() is None or self.ends.utcoffset() is None:
            raise ValueError("an instant has its zone")
        if self.ends <= self.starts:
            raise ValueError(f"a span ends after it starts, not {self.starts} to {self.ends}")

    @property
    def length(self) -> timedelta:
        return self.ends.astimezone(UTC) - self.starts.astimezone(UTC)

    def overlaps(self, other: Span) -> bool:
        return self.starts < other.ends and other.starts < self.ends


@dataclass(frozen=True, slots=True)
class Hours:
    """Open on a day of the week (Monday 1) from one local time to another; 00:00 as the end is the midnight after."""

    weekday: int
    opens: time
    closes: time


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant when the clock on the wall shows this. Raises NoSuchTime in the hour that summer time skips; of the

    hour that comes twice in autumn it is the first.
    """
    local = datetime.combine(day, at, zone)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise NoSuchTime(f"{day.isoformat()} {at:%H:%M}")
    return local.astimezone(UTC)


def _edge(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The same for opening hours, where a time that is skipped is the moment of the change."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def open_spans(hours: Iterable[Hours], window: Span, zone: ZoneInfo) -> list[Span]:
    """When these hours are open within a window: in order, touching spans joined, so that nights between two open

    days can be booked through.
    """
    by_day: dict[int, list[Hours]] = {}
    for each in hours:
        by_day.setdefault(each.weekday, []).append(each)
    day = window.starts.astimezone(zone).date() - timedelta(days=1)
    last = window.ends.astimezone(zone).date()
    found = []
    while day <= last:
        for each in by_day.get(day.isoweekday(), ()):
            ending = day + timedelta(days=1) if each.closes == MIDNIGHT else day
            starts, ends = _edge(day, each.opens, zone), _edge(ending, each.closes, zone)
            if starts < ends:
                found.append(Span(starts, ends))
        day += timedelta(days=1)
    return common(joined(found), [window])


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same time in as few spans as it takes, in order."""
    result: list[Span] = []
    for span in sorted(spans):
        if result and span.starts <= result[-1].ends:
            if span.ends > result[-1].ends:
                result[-1] = Span(result[-1].starts, span.ends)
        else:
            result.append(span)
    return result


def common(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """The time that is in both; each in order and without overlaps."""
    result, i, j = [], 0, 0
    while i < len(one) and j < len(other):
        starts, ends = max(one[i].starts, other[j].starts), min(one[i].ends, other[j].ends)
        if starts < ends:
            result.append(Span(starts, ends))
        if one[i].ends < other[j].ends:
            i += 1
        else:
            j += 1
    return result


def without(spans: Sequence[Span], taken: Iterable[Span]) -> list[Span]:
    """The time of `spans` that nothing takes."""
    result = []
    blocks = joined(taken)
    for span in spans:
        starts = span.starts
        for block in blocks:
            if block.ends <= starts:
                continue
            if block.starts >= span.ends:
                break
            if block.starts > starts:
                result.append(Span(starts, block.starts))
            starts = max(starts, block.ends)
        if starts < span.ends:
            result.append(Span(starts, span.ends))
    return result


def within(span: Span, spans: Sequence[Span]) -> bool:
    """Whether one of the spans holds all of it."""
    return any(each.starts <= span.starts and span.ends <= each.ends for each in spans)


def on_the_grid(at: datetime, step: int, zone: ZoneInfo) -> bool:
    """Whether a booking in steps of so many minutes may begin or end then: counted from midnight on the wall."""
    local = at.astimezone(zone)
    return not local.second and not local.microsecond and (local.hour * 60 + local.minute) % step == 0


def up_to_the_grid(at: datetime, step: int, zone: ZoneInfo) -> datetime:
    """The first instant on the grid that is not before `at`."""
    rounded = at.astimezone(UTC).replace(second=0, microsecond=0)
    if rounded < at:
        rounded += timedelta(minutes=1)
    while not on_the_grid(rounded, step, zone):
        rounded += timedelta(minutes=1)
    return rounded


def gaps(free: Sequence[Span], length: timedelta, step: int, zone: ZoneInfo) -> Iterator[Span]:
    """The first place on the grid in each free span that is long enough."""
    for span in free:
        starts = up_to_the_grid(span.starts, step, zone)
        if starts + length <= span.ends:
            yield Span(starts, starts + length)


def occurrences(first: datetime, length: timedelta, rule: str, zone: ZoneInfo) -> list[Span | NoSuchTime]:
    """The spans of a series: `first` and what a rule of recurrence (RFC 5545, as "FREQ=WEEKLY;COUNT=10") adds.

    Ten o'clock stays ten o'clock when the clocks change, and so does the length. An occurrence whose time is skipped
    stands as NoSuchTime, so that the user is told. BadRule for a rule that is none or does not end.
    """
    parts = dict(part.partition("=")[::2] for part in rule.upper().removeprefix("RRULE:").split(";"))
    if not {"COUNT", "UNTIL"} & set(parts):
        raise BadRule("COUNT, UNTIL")
    local = first.astimezone(zone).replace(tzinfo=None)
    if "UNTIL" in parts:
        # The end of that day on the wall: what the zone of the text would be is not what people mean.
        parts["UNTIL"] = parts["UNTIL"][:8] + "T235959"
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        times = list(_bounded(iter(rrulestr(text, dtstart=local))))
    except (ValueError, TypeError, KeyError, AttributeError) as why:
        raise BadRule(rule) from why
    result: list[Span | NoSuchTime] = []
    for each in times:
        try:
            starts = instant(each.date(), each.time(), zone)
        except NoSuchTime as why:
            result.append(why)
        else:
            result.append(Span(starts, starts + length))
    return result


def _bounded(times: Iterator[datetime]) -> Iterator[datetime]:
    for number, each in enumerate(times, start=1):
        if number > MOST_OCCURRENCES:
            raise BadRule(str(MOST_OCCURRENCES))
        yield each
