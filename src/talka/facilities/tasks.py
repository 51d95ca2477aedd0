"""What the room does by itself: time that becomes free is booked for whoever waits longest."""

from __future__ import annotations

from datetime import datetime

from talka.core.actions import SYSTEM
from talka.core.models import Event
from talka.core.outbox import every, on
from talka.facilities import actions
from talka.facilities.models import Booking, Unit, Wish, WishState


@on(
    "facilities.cancel_booking",
    "facilities.decline_booking",
    "facilities.mark_missed",
    "facilities.move_booking",
)
def fill_the_gap(event: Event) -> None:
    """What a booking leaves free may be what somebody waits for."""
    if event.subject_kind != Booking.kind():
        return
    unit = Unit.objects.filter(bookings=event.subject_id, wishes__state=WishState.WAITING).first()
    if unit is not None:
        actions.fill_wishes(unit, by=SYSTEM)


@every(minutes=15)
def fill_what_has_opened(now: datetime) -> None:
    """New opening hours and closures that were taken away open time, too; and wishes lapse as time passes."""
    waiting = Wish.objects.filter(state=WishState.WAITING).values("unit")
    for unit in Unit.objects.filter(pk__in=waiting):
        actions.fill_wishes(unit, by=SYSTEM)
