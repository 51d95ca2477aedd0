"""Verbs on bookings: book, move, cancel, approve, hand over; series; the waiting list.

Every one goes through `_place`: the rows of what is taken are locked first, so that rules are judged on what is true
when it is written; then the rules (`queries.policy`); then what is taken. The database itself refuses an overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from talka.billing import actions as billing
from talka.billing import queries as prices
from talka.core import locking
from talka.core.actions import SYSTEM, Invalid, Refused, action
from talka.facilities import hours, queries, rules
from talka.facilities.hours import BadRule, NoSuchTime, Span
from talka.facilities.models import (
    Booking,
    BookingState,
    Mode,
    Resource,
    Series,
    Slot,
    Unit,
    UserProject,
    Wish,
    WishedResource,
    WishState,
)
from talka.facilities.queries import free, policy
from talka.facilities.queries.free import Asked
from talka.facilities.queries.policy import Problem, Wanted
from talka.parties.models import Account


class Against(Invalid):
    """Rules speak against a booking: `problems`, all of them at once. The message is theirs, joined."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(" ".join(each.message for each in problems), field=problems[0].field)

    @property
    def can_be_set_aside(self) -> bool:
        """Whether whoever runs the unit may book all the same, with a reason."""
        return not any(each.hard for each in self.problems)


class Taken(Invalid):
    """Somebody else has it then. `nearest` are free places for the same length near by."""

    def __init__(self, what: Any, nearest: Sequence[Span], unit: Unit) -> None:
        self.nearest = list(nearest)
        said = _("%(what)s is taken then.") % {"what": what}
        if nearest:
            places = "; ".join(free.words(each, unit.zone) for each in nearest)
            said += " " + _("Free near by: %(places)s.") % {"places": places}
        super().__init__(said, field="starts")


# ---------------------------------------------------------------- book, move, cancel


@action(needs=rules.may_book)
def book(
    project: UserProject,
    *,
    by: Any,
    resources: Sequence[Resource],
    starts: datetime,
    ends: datetime,
    account: Account | None = None,
    modes: Sequence[Mode] = (),
    purpose: str = "",
    override: str = "",
) -> Booking:
    """Books one or several resources of a unit for one time, all or none, and charges the estimate.

    `account`: for whom, the actor if nobody else is named. `override`: why rules are set aside, by whoever runs the
    unit. Raises Against with every rule that is broken, Taken with the nearest free places.
    """
    wanted = _wanted(project, account or by, resources, _span(starts, ends))
    _for_whom(wanted, by)
    return _place(Booking(unit=project.unit, project=project), wanted, by, modes, override, purpose=purpose)


@action(needs=rules.may_change)
def move_booking(
    booking: Booking,
    *,
    by: Any,
    starts: datetime,
    ends: datetime,
    resources: Sequence[Resource] | None = None,
    seen: int | None = None,
    override: str = "",
) -> Booking:
    """Moves a booking, makes it longer or shorter, or takes other resources; the rules are those of a new one."""
    locking.check(booking, seen)
    _still_to_come(booking)
    slots = list(booking.slots.select_related("resource", "mode"))
    rows = resources if resources is not None else policy.resources_of(slots)
    modes = [slot.mode for slot in slots if slot.mode is not None and slot.resource in rows]
    wanted = _wanted(booking.project, booking.account, rows, _span(starts, ends), booking)
    return _place(booking, wanted, by, modes, override, purpose=booking.purpose)


@action(needs=rules.may_change)
def hand_over_booking(
    booking: Booking, *, by: Any, to: Account, seen: int | None = None, override: str = ""
) -> Booking:
    """Gives a booking to a colleague on the same project, who must be allowed to use what is booked."""
    locking.check(booking, seen)
    _still_to_come(booking)
    slots = list(booking.slots.select_related("resource", "mode"))
    span = Span(booking.starts, booking.ends)
    wanted = _wanted(booking.project, to, policy.resources_of(slots), span, booking)
    modes = [slot.mode for slot in slots if slot.mode is not None]
    return _place(booking, wanted, by, modes, override, purpose=booking.purpose)


@action(needs=rules.may_change)
def cancel_booking(booking: Booking, *, by: Any, reason: str = "", seen: int | None = None) -> Booking:
    """Cancels a booking that has not begun. Late, it costs what the resources' rules say."""
    locking.check(booking, seen)
    _still_to_come(booking)
    resources = policy.resources_of(booking.slots.select_related("resource"))
    now = timezone.now()
    booking.late = any(now > booking.starts - timedelta(hours=each.cancel_hours) for each in resources)
    booking.reason = reason
    _let_go(booking, BookingState.CANCELLED, by)
    return booking


@action(needs=rules.may_run)
def approve_booking(booking: Booking, *, by: Any, seen: int | None = None) -> Booking:
    """Approves a booking that waits for it."""
    locking.check(booking, seen)
    _in_state(booking, BookingState.ASKED)
    booking.state = BookingState.BOOKED
    booking.save()
    return booking


@action(needs=rules.may_run)
def decline_booking(booking: Booking, *, by: Any, reason: str, seen: int | None = None) -> Booking:
    """Declines a booking, asked for or made already, with a reason that its user reads. It costs nothing."""
    locking.check(booking, seen)
    if not reason.strip():
        raise Invalid(_("Say why; whoever has booked will read it."), field="reason")
    _in_state(booking, BookingState.ASKED, BookingState.BOOKED)
    booking.reason = reason
    _let_go(booking, BookingState.DECLINED, by)
    return booking


@action(needs=rules.may_run)
def mark_missed(booking: Booking, *, by: Any) -> Booking:
    """Says that nobody came. What is left of the time is free again; the charge is what the rules say."""
    _in_state(booking, BookingState.BOOKED)
    if booking.starts > timezone.now():
        raise Invalid(_("It has not begun yet."))
    _let_go(booking, BookingState.MISSED, by)
    return booking


# ---------------------------------------------------------------- series


@action(needs=rules.may_book)
def book_series(
    project: UserProject,
    *,
    by: Any,
    resources: Sequence[Resource],
    starts: datetime,
    ends: datetime,
    rule: str,
    account: Account | None = None,
    modes: Sequence[Mode] = (),
    purpose: str = "",
    skip: bool = False,
    override: str = "",
) -> Series:
    """Books each occurrence of a rule of recurrence (RFC 5545, as "FREQ=WEEKLY;COUNT=10") as a booking of its own.

    Ten o'clock stays ten o'clock when the clocks change. `skip`: what is taken or against the rules is left out and
    told (`Series.skipped`); otherwise one such occurrence refuses all.
    """
    first = _span(starts, ends)
    unit = project.unit
    try:
        spans = hours.occurrences(first.starts, first.length, rule, unit.zone)
    except BadRule as why:
        raise Invalid(
            _(
                "“%(rule)s” is no rule of recurrence that ends after at most %(most)d times; one is"
                " FREQ=WEEKLY;COUNT=10"
            )
            % {"rule": rule, "most": hours.MOST_OCCURRENCES},
            field="rule",
        ) from why
    _for_whom(_wanted(project, account or by, resources, first), by)
    series = Series(unit=unit, rule=rule)
    series.save()
    booked = 0
    for span in spans:
        if isinstance(span, NoSuchTime):
            skips = _("The clock skips this time: summer time begins.")
            if not skip:
                raise Invalid(f"{span}: {skips}", field="rule")
            series.skipped.append({"starts": str(span), "why": skips})
            continue
        try:
            # A savepoint each, so that what is left out leaves nothing behind.
            with transaction.atomic():
                wanted = _wanted(project, account or by, resources, span)
                booking = Booking(unit=unit, project=project, series=series)
                _place(booking, wanted, by, modes, override, purpose=purpose)
                booked += 1
        except (Against, Taken) as why_not:
            if not skip:
                raise
            series.skipped.append({"starts": span.starts.isoformat(), "why": str(why_not)})
    if not booked:
        raise Invalid(
            _("None of these times can be booked. The first: %(why)s") % series.skipped[0], field="starts"
        )
    if series.skipped:
        series.save()
    return series


# ---------------------------------------------------------------- the waiting list


@action(needs=rules.may_book)
def wish(
    project: UserProject,
    *,
    by: Any,
    resources: Sequence[Resource],
    minutes: int,
    earliest: datetime,
    latest: datetime,
    account: Account | None = None,
    purpose: str = "",
) -> Wish:
    """Puts somebody on the waiting list: so many minutes of all of these, between two moments."""
    user = account or by
    now = timezone.now()
    window = _span(max(earliest, now), latest)
    if window.length < timedelta(minutes=minutes):
        raise Invalid(_("There is less time between these moments than you ask for."), field="latest")
    wanted = _wanted(
        project, user, resources, Span(window.starts, window.starts + timedelta(minutes=minutes))
    )
    _for_whom(wanted, by)
    row = Wish(
        unit=project.unit,
        project=project,
        account=user,
        minutes=minutes,
        earliest=window.starts,
        latest=window.ends,
        purpose=purpose,
        made_at=now,
    )
    row.save()
    for each in wanted.what.asked:
        WishedResource(wish=row, resource=each).save()
    return row


@action(needs=rules.may_change)
def withdraw_wish(row: Wish, *, by: Any) -> Wish:
    """Leaves the waiting list."""
    if row.state != WishState.WAITING:
        raise Invalid(_("This wish waits no more: %(state)s.") % {"state": row.get_state_display()})
    row.state = WishState.WITHDRAWN
    row.save()
    return row


@action(needs=rules.may_run)
def fill_wishes(unit: Unit, *, by: Any) -> Unit:
    """Books what has become free for whoever waits longest; what cannot come true any more lapses."""
    now = timezone.now()
    rows = Wish.objects.filter(unit=unit, state=WishState.WAITING).order_by("made_at", "id")
    for row in rows.select_related("project__unit", "account").prefetch_related("resource_links__resource"):
        length = timedelta(minutes=row.minutes)
        since = max(row.earliest, now)
        if since + length > row.latest:
            row.state = WishState.LAPSED
            row.save()
            continue
        what = Asked.of(unit, [link.resource for link in row.resource_links.all()])
        for gap in hours.gaps(free.free(unit, what, Span(since, row.latest)), length, what.step, unit.zone):
            booking = Booking(unit=unit, project=row.project)
            wanted = Wanted(row.project, row.account, what, gap)
            try:
                with transaction.atomic():
                    row.booking = _place(booking, wanted, by, (), "", purpose=row.purpose)
            except (Against, Taken):
                continue
            row.state = WishState.FILLED
            row.save()
            break
    return unit


# ---------------------------------------------------------------- helpers


def _span(starts: datetime, ends: datetime) -> Span:
    try:
        return Span(starts.astimezone(UTC), ends.astimezone(UTC))
    except ValueError:
        raise Invalid(_("The end lies before the beginning."), field="ends") from None


def _wanted(
    project: UserProject,
    account: Any,
    resources: Sequence[Resource],
    span: Span,
    booking: Booking | None = None,
) -> Wanted:
    if not resources:
        raise Invalid(_("Choose at least one instrument, room or expert."), field="resources")
    strangers = [each for each in resources if each.unit_id != project.unit_id]
    if strangers:
        message = _(
            "%(what)s belongs to another unit than the project, %(unit)s; a booking stays within one unit."
        )
        raise Invalid(message % {"what": strangers[0], "unit": strangers[0].unit}, field="resources")
    if not isinstance(account, Account):
        raise Invalid(_("Say for whom it is booked."), field="account")
    return Wanted(project, account, Asked.of(project.unit, resources), span, booking)


def _for_whom(wanted: Wanted, by: Any) -> None:
    """For somebody else books whoever leads the project or runs the unit."""
    if (
        wanted.account == by
        or rules.may_run(by, wanted.project)
        or rules.leads_the_project(by, wanted.project)
    ):
        return
    raise Refused(
        "facilities.book", by, _("You can book for yourself; for others whoever leads the project can.")
    )


def _place(
    booking: Booking, wanted: Wanted, by: Any, modes: Sequence[Mode], override: str, *, purpose: str
) -> Booking:
    """Puts a booking where it is wanted, or raises and changes nothing."""
    unit, now = wanted.unit, timezone.now()
    _lock(wanted)
    _judge(booking, wanted, by, override, now)
    busy = _busy(wanted)
    if busy is not None:
        raise Taken(busy, free.nearest(unit, wanted.what, wanted.span, now, besides=wanted.booking), unit)
    booking.account, booking.purpose = wanted.account, purpose
    booking.starts, booking.ends = wanted.span.starts, wanted.span.ends
    booking.regime, booking.terms_in_words = wanted.project.regime, wanted.project.terms_in_words
    booking.terms = policy.terms_in_force(wanted, now)
    approval = any(each.needs_approval for each in wanted.what.asked) and not rules.may_run(
        by, wanted.project
    )
    booking.state = BookingState.ASKED if approval else BookingState.BOOKED
    try:
        with transaction.atomic():
            booking.save(bump=True)
            _take(booking, wanted, modes)
    except (IntegrityError, OperationalError) as why:
        if not _is_overlap(why):
            raise
        raise Taken(wanted.what.asked[0], [], unit) from why
    _estimate(booking, wanted, modes)
    return booking


def _lock(wanted: Wanted) -> None:
    """Makes everybody else who wants one of these wait: in one order, so that no two wait for each other forever."""
    numbers = sorted(each.pk for each in wanted.what.all)
    list(Resource.objects.select_for_update().filter(pk__in=numbers).order_by("pk").values_list("pk"))


def _judge(booking: Booking, wanted: Wanted, by: Any, override: str, now: datetime) -> None:
    found = policy.problems(wanted, now)
    booking.override = booking.override_by = ""
    if not found:
        return
    against = Against(found)
    if not override.strip() or not against.can_be_set_aside:
        raise against
    if not rules.may_run(by, wanted.project):
        raise Refused("facilities.book", by, _("Only whoever runs the unit can set its rules aside."))
    booking.override, booking.override_by = override.strip(), str(by)


def _busy(wanted: Wanted) -> Resource | None:
    """The first of the resources that somebody else has then, set-up and clearing up included."""
    spans = {each.pk: free.around(each, wanted.span) for each in wanted.what.all}
    first, last = min(each.starts for each in spans.values()), max(each.ends for each in spans.values())
    by_number = {each.pk: each for each in wanted.what.all}
    for slot in free.taken(spans, first, last, besides=wanted.booking):
        if spans[slot.resource_id].overlaps(Span(slot.starts, slot.ends)):
            return by_number[slot.resource_id]
    return None


def _take(booking: Booking, wanted: Wanted, modes: Sequence[Mode]) -> None:
    by_resource = {mode.resource_id: mode for mode in modes}
    known = {slot.resource_id: slot for slot in booking.slots.all()}
    asked = {each.pk for each in wanted.what.asked}
    for each in wanted.what.all:
        slot = known.pop(each.pk, None) or Slot(booking=booking, resource=each)
        span = free.around(each, wanted.span)
        slot.starts, slot.ends, slot.live = span.starts, span.ends, True
        slot.asked, slot.mode = each.pk in asked, by_resource.get(each.pk)
        slot.save()
    for slot in known.values():
        slot.delete()


def _is_overlap(why: Exception) -> bool:
    """Whether the database refused because somebody else was quicker: 23P01, 40P01 (deadlock), or the trigger."""
    state = getattr(why.__cause__, "sqlstate", None)
    return state in ("23P01", "40P01") or "facilities_slot_no_overlap" in str(why)


def _let_go(booking: Booking, state: BookingState, by: Any) -> None:
    """Ends a booking that will not be used; its time is free, and what it costs is settled."""
    booking.state = state
    booking.save(bump=True)
    slots = list(booking.slots.select_related("resource__tariff", "mode__tariff"))
    for slot in slots:
        slot.live = False
        slot.save()
    payer = booking.project.payer
    if payer is None:
        return
    for slot in slots:
        key = queries.charge_key(booking, slot.resource)
        if not slot.asked or not prices.by_key(key).exists():
            continue
        percent = 0
        if state == BookingState.MISSED:
            percent = slot.resource.missed_percent
        elif state == BookingState.CANCELLED and booking.late:
            percent = slot.resource.late_percent
        if not percent:
            reason = booking.reason or str(BookingState(state).label)
            billing.cancel_charges(payer, by=SYSTEM, key=key, reason=reason)
            continue
        charged = prices.by_key(key).first()
        assert charged is not None and charged.version is not None
        whole = prices.by_band(charged.version, booking.starts, booking.ends)
        part = {band: amount * percent / 100 for band, amount in whole.items()}
        why = (
            _("Cancelled late: %(percent)s of the time")
            if booking.late
            else _("Missed: %(percent)s of the time")
        )
        billing.settle_charges(
            payer, by=SYSTEM, key=key, quantities=part, reason=why % {"percent": f"{percent} %"}
        )


def _estimate(booking: Booking, wanted: Wanted, modes: Sequence[Mode]) -> None:
    """Charges what the use would cost at today's prices, frozen; the invoice says the same unless the use differs."""
    project = wanted.project
    if project.payer is None:
        return
    by_resource = {mode.resource_id: mode for mode in modes}
    for slot in booking.slots.select_related("resource"):
        key = queries.charge_key(booking, slot.resource)
        if prices.by_key(key).exists():  # moved: the estimate of before is no more
            billing.cancel_charges(project.payer, by=SYSTEM, key=key, reason=_("The booking was changed."))
    day = wanted.span.starts.astimezone(wanted.unit.zone).date()
    for each in wanted.what.asked:
        mode = by_resource.get(each.pk)
        tariff = (mode.tariff if mode is not None else None) or each.tariff
        if tariff is None:
            continue
        quantities = prices.by_band(prices.version_on(tariff, day), wanted.span.starts, wanted.span.ends)
        billing.charge(
            project.payer,
            by=SYSTEM,
            tariff=tariff,
            activity=project.activity,
            key=queries.charge_key(booking, each),
            day=day,
            quantities=quantities,
            terms=booking.terms_in_words,
        )


def _still_to_come(booking: Booking) -> None:
    _in_state(booking, BookingState.ASKED, BookingState.BOOKED)
    if booking.starts <= timezone.now():
        raise Invalid(_("It has begun already; whoever runs the unit can correct what was used."))


def _in_state(booking: Booking, *states: BookingState) -> None:
    if booking.state not in states:
        raise Invalid(_("This booking is already %(state)s.") % {"state": booking.get_state_display()})
