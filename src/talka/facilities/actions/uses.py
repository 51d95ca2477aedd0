"""Verbs on uses: log on and off, have it corrected, report a fault and mend it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import gettext as _

from talka.billing import actions as billing
from talka.billing import queries as prices
from talka.core import attachments, locking
from talka.core.actions import SYSTEM, Invalid, action
from talka.facilities import queries, rules
from talka.facilities.actions.bookings import _in_state
from talka.facilities.actions.keep import _keep
from talka.facilities.models import (
    Booking,
    BookingState,
    Charged,
    Correction,
    CorrectionState,
    Fault,
    Resource,
    ResourceState,
    Slot,
    Use,
)

EARLY = timedelta(minutes=30)  # before the booked time somebody may log on, if nobody else has it then


@action(needs=rules.may_change)
def log_on(booking: Booking, *, by: Any) -> Use:
    """Begins a use: at the booked time, or a little before if nobody else has anything of it then."""
    _in_state(booking, BookingState.BOOKED)
    now = timezone.now().replace(second=0, microsecond=0)
    if Use.objects.filter(booking=booking).exists():
        raise Invalid(_("It has begun already."))
    if now >= booking.ends:
        raise Invalid(_("The booked time is over; ask whoever runs the unit to record the use."))
    if now < booking.starts:
        early = now >= booking.starts - EARLY
        slots = list(booking.slots.all())
        taken = Slot.objects.filter(
            resource__in=[slot.resource_id for slot in slots],
            live=True,
            starts__lt=booking.starts,
            ends__gt=now,
        ).exclude(booking=booking)
        if not early or taken.exists():
            raise Invalid(
                _("It begins at %(when)s; come then.")
                % {"when": f"{booking.starts.astimezone(booking.unit.zone):%H:%M}"}
            )
    use = Use(booking=booking, begun_at=now)
    use.save()
    return use


@action(needs=rules.may_change)
def log_off(
    booking: Booking, *, by: Any, counter: Decimal | None = None, note: str = "", results: str = ""
) -> Use:
    """Ends a use. Its charges become final by what the rules of each resource say; what is left of the time is free."""
    use = Use.objects.filter(booking=booking, ended_at=None).first()
    if use is None:
        raise Invalid(_("Nobody has logged on."))
    # An hour that was used for seconds is a minute.
    use.ended_at = max(timezone.now().replace(second=0, microsecond=0), use.begun_at + timedelta(minutes=1))
    _keep(use, {"counter": counter, "note": note, "results": results})
    _finish(booking, use)
    return use


@action(needs=rules.may_run)
def record_use(booking: Booking, *, by: Any, begun_at: datetime, ended_at: datetime, note: str = "") -> Use:
    """Records a use that nobody logged on to, after it was."""
    _in_state(booking, BookingState.BOOKED)
    if Use.objects.filter(booking=booking).exists():
        raise Invalid(_("It has begun already."))
    _plausible(booking, begun_at, ended_at)
    use = _keep(Use(booking=booking), {"begun_at": begun_at, "ended_at": ended_at, "note": note})
    _finish(booking, use)
    return use


@action(needs=rules.may_change)
def ask_correction(
    booking: Booking, *, by: Any, begun_at: datetime, ended_at: datetime, reason: str
) -> Correction:
    """Asks that a use be recorded with other times."""
    use = Use.objects.filter(booking=booking, ended_at__isnull=False).first()
    if use is None:
        raise Invalid(_("There is no finished use to correct."))
    if not reason.strip():
        raise Invalid(_("Say why."), field="reason")
    if Correction.objects.filter(use=use, state=CorrectionState.ASKED).exists():
        raise Invalid(_("A correction of this use waits for a decision already."))
    _plausible(booking, begun_at, ended_at)
    return _keep(Correction(use=use), {"begun_at": begun_at, "ended_at": ended_at, "reason": reason})


@action(needs=rules.may_run)
def decide_correction(correction: Correction, *, by: Any, accept: bool, answer: str = "") -> Correction:
    """Accepts a correction and reckons the charges anew, or refuses it with words. What is invoiced stays so."""
    if correction.state != CorrectionState.ASKED:
        raise Invalid(_("It is decided already."))
    if not accept and not answer.strip():
        raise Invalid(_("Say why it is refused."), field="answer")
    correction.state = CorrectionState.ACCEPTED if accept else CorrectionState.REFUSED
    correction.answer = answer
    correction.save()
    if accept:
        use = correction.use
        use.begun_at, use.ended_at = correction.begun_at, correction.ended_at
        use.save()
        _settle(use.booking, use, correction.reason)
    return correction


@action(needs=rules.may_report)
def report_fault(
    resource: Resource,
    *,
    by: Any,
    text: str,
    stops: bool = False,
    photos: Iterable[UploadedFile] = (),
) -> Fault:
    """Reports that something is wrong; if it cannot be used, it is out of order from now on."""
    fault = _keep(
        Fault(resource=resource, reported_at=timezone.now(), reported_by=str(by)),
        {"text": text, "stops": stops},
    )
    for photo in photos:
        attachments.attach(fault, photo, by=by)
    if stops and resource.state == ResourceState.IN_SERVICE:
        resource.state = ResourceState.OUT_OF_ORDER
        resource.save()
    return fault


@action(needs=rules.may_run)
def mend_fault(fault: Fault, *, by: Any, remedy: str, seen: int | None = None) -> Fault:
    """Says that it works again, and what was done. With the last fault that stops it gone, it is in service."""
    locking.check(fault, seen)
    if fault.mended_at is not None:
        raise Invalid(_("It is mended already."))
    if not remedy.strip():
        raise Invalid(_("Say what was done; the next one will look for it here."), field="remedy")
    fault.mended_at, fault.remedy = timezone.now(), remedy
    fault.save()
    resource = fault.resource
    others = Fault.objects.filter(resource=resource, stops=True, mended_at=None)
    if fault.stops and resource.state == ResourceState.OUT_OF_ORDER and not others.exists():
        resource.state = ResourceState.IN_SERVICE
        resource.save()
    return fault


# ---------------------------------------------------------------- helpers


def _plausible(booking: Booking, begun_at: datetime, ended_at: datetime) -> None:
    """Refuses times that no use of this booking can have had."""
    if not begun_at < ended_at <= timezone.now():
        raise Invalid(_("A use begins before it ends, and both lie in the past."), field="ended_at")
    if begun_at < booking.starts - timedelta(days=1) or ended_at > booking.ends + timedelta(days=1):
        raise Invalid(_("That is more than a day off from what was booked."), field="begun_at")


def _finish(booking: Booking, use: Use) -> None:
    assert use.ended_at is not None
    booking.state = BookingState.DONE
    booking.save()
    for slot in booking.slots.select_related("resource"):
        free_from = use.ended_at + timedelta(minutes=slot.resource.after_minutes)
        if slot.starts < free_from < slot.ends:
            slot.ends = free_from
            slot.save()
    _settle(booking, use, "")


def _settle(booking: Booking, use: Use, reason: str) -> None:
    """Makes the charges final: of the time booked, of the time used, or of the longer, as each resource has it."""
    payer = booking.project.payer
    if payer is None:
        return
    assert use.ended_at is not None
    zone = booking.unit.zone
    used = f"{use.begun_at.astimezone(zone):%H:%M}–{use.ended_at.astimezone(zone):%H:%M}"
    why = reason or _("Used %(used)s.") % {"used": used}
    for slot in booking.slots.select_related("resource"):
        key = queries.charge_key(booking, slot.resource)
        charge = prices.by_key(key).exclude(state="cancelled").first()
        if not slot.asked or charge is None or charge.version is None:
            continue
        starts, ends = _charged(slot.resource, booking, use)
        quantities = prices.by_band(charge.version, starts, ends)
        billing.settle_charges(payer, by=SYSTEM, key=key, quantities=quantities, reason=why)


def _charged(resource: Resource, booking: Booking, use: Use) -> tuple[datetime, datetime]:
    assert use.ended_at is not None
    if resource.charged == Charged.BOOKED:
        return booking.starts, booking.ends
    if resource.charged == Charged.USED:
        return use.begun_at, use.ended_at
    return min(booking.starts, use.begun_at), max(booking.ends, use.ended_at)
