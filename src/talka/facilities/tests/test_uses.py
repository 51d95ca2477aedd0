from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import override

from talka.billing import queries as prices
from talka.core.actions import Invalid, Refused
from talka.facilities import actions, queries
from talka.facilities.models import Booking, BookingState, Correction, Use
from talka.facilities.tests.factories import Scene, at, booked, scene

pytestmark = pytest.mark.django_db
PRICE = Decimal(60)  # an hour, for a company


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with override("en"):
        yield


@pytest.fixture
def drawn() -> Scene:
    return scene()


def clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    monkeypatch.setattr(timezone, "now", lambda: now)


def used(drawn: Scene, monkeypatch: pytest.MonkeyPatch, begun: datetime, ended: datetime) -> Booking:
    """Booked from ten to twelve of the first day, used from one moment until another."""
    booking = booked(drawn, 1, 10, 12)
    clock(monkeypatch, begun)
    actions.log_on(booking, by=drawn.bruno)
    clock(monkeypatch, ended)
    actions.log_off(booking, by=drawn.bruno, note="Labi")
    return booking


def charged(drawn: Scene, booking: Booking) -> tuple[str, Decimal, str]:
    [row] = prices.by_key(queries.charge_key(booking, drawn.microscope))
    return row.state, row.pays, row.reason


@pytest.mark.parametrize(
    ("rule", "begun", "ended", "hours", "reason"),
    [
        ("booked", (10, 0), (11, 0), 2, ""),
        ("used", (10, 0), (11, 0), 1, "Used 10:00–11:00."),
        ("longer", (10, 0), (11, 0), 2, ""),
        ("longer", (10, 0), (12, 30), 2.5, "Used 10:00–12:30."),
        ("used", (9, 45), (12, 0), 2.25, "Used 09:45–12:00."),
    ],
)
def test_what_is_charged_of_a_use(
    drawn: Scene,
    monkeypatch: pytest.MonkeyPatch,
    rule: str,
    begun: tuple[int, int],
    ended: tuple[int, int],
    hours: float,
    reason: str,
) -> None:
    actions.edit_resource(drawn.microscope, by=drawn.anna, charged=rule)
    drawn.microscope.refresh_from_db()
    booking = used(drawn, monkeypatch, at(1, *begun), at(1, *ended))
    assert charged(drawn, booking) == ("final", Decimal(str(hours)) * PRICE, reason)
    assert booking.state == BookingState.DONE


def test_what_is_left_of_the_time_is_free(drawn: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    used(drawn, monkeypatch, at(1, 10), at(1, 11))
    assert booked(drawn, 1, 11, 12).state == BookingState.BOOKED


def test_when_one_can_log_on(drawn: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    booking, before = booked(drawn, 1, 10, 12), booked(drawn, 1, 9, 10)
    for now, said in (
        (at(1, 9, 20), "It begins at 10:00"),
        (at(1, 9, 45), "It begins at 10:00"),
        (at(1, 12), "The booked time is over"),
    ):
        clock(monkeypatch, now)
        with pytest.raises(Invalid, match=said):
            actions.log_on(booking, by=drawn.bruno)
    clock(monkeypatch, at(1, 8, 30))
    actions.cancel_booking(before, by=drawn.bruno)
    clock(monkeypatch, at(1, 9, 45))  # nobody else has it now
    with pytest.raises(Refused):
        actions.log_on(booking, by=drawn.cilda)
    actions.log_on(booking, by=drawn.bruno)
    with pytest.raises(Invalid, match="has begun already"):
        actions.log_on(booking, by=drawn.bruno)


def test_a_correction_is_asked_for_and_decided(drawn: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    booking = used(drawn, monkeypatch, at(1, 10), at(1, 13))
    asked: dict[str, Any] = {"begun_at": at(1, 10), "ended_at": at(1, 12), "reason": "Aizmirsu atteikties"}
    correction = actions.ask_correction(booking, by=drawn.bruno, **asked)
    with pytest.raises(Invalid, match="waits for a decision already"):
        actions.ask_correction(booking, by=drawn.bruno, **asked)
    with pytest.raises(Refused):
        actions.decide_correction(correction, by=drawn.bruno, accept=True)
    with pytest.raises(Invalid, match="Say why it is refused"):
        actions.decide_correction(correction, by=drawn.anna, accept=False)
    actions.decide_correction(correction, by=drawn.anna, accept=True)
    assert charged(drawn, booking)[:2] == ("final", 2 * PRICE)
    assert Use.objects.get().ended_at == at(1, 12)


@pytest.mark.parametrize(
    ("begun", "ended"),
    [
        (timedelta(hours=12), timedelta(hours=10)),
        (timedelta(hours=10), timedelta(hours=14)),
        (-timedelta(days=2), timedelta(hours=11)),
    ],
)
def test_absurd_times_are_refused(
    drawn: Scene, monkeypatch: pytest.MonkeyPatch, begun: timedelta, ended: timedelta
) -> None:
    """Backwards, in the future, and days before what was booked."""
    booking = used(drawn, monkeypatch, at(1, 10), at(1, 13))
    day = at(1, 0)
    with pytest.raises(Invalid):
        actions.ask_correction(
            booking, by=drawn.bruno, begun_at=day + begun, ended_at=day + ended, reason="Tā"
        )
    assert not Correction.objects.exists()


def test_a_use_that_nobody_logged_on_to_is_recorded(drawn: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    booking = booked(drawn, 1, 10, 12)
    clock(monkeypatch, at(1, 15))
    times: dict[str, Any] = {"begun_at": at(1, 10), "ended_at": at(1, 12)}
    with pytest.raises(Refused):
        actions.record_use(booking, by=drawn.bruno, **times)
    actions.record_use(booking, by=drawn.anna, **times)
    assert charged(drawn, booking) == ("final", 2 * PRICE, "")


def test_a_fault_that_stops_it_puts_it_out_of_order_until_it_is_mended(drawn: Scene) -> None:
    small = actions.report_fault(drawn.microscope, by=drawn.bruno, text="Čīkst")
    large = actions.report_fault(drawn.microscope, by=drawn.bruno, text="Nedeg lampa", stops=True)
    drawn.microscope.refresh_from_db()
    with pytest.raises(Invalid, match="is out of order"):
        booked(drawn, 1, 10, 12)
    with pytest.raises(Refused):
        actions.report_fault(drawn.microscope, by=drawn.cilda, text="Nepatīk")
    with pytest.raises(Refused):
        actions.mend_fault(large, by=drawn.bruno, remedy="Pats")
    with pytest.raises(Invalid, match="Say what was done"):
        actions.mend_fault(large, by=drawn.anna, remedy=" ")
    actions.mend_fault(large, by=drawn.anna, remedy="Jauna lampa")
    drawn.microscope.refresh_from_db()
    assert booked(drawn, 1, 10, 12).state == BookingState.BOOKED
    assert small.mended_at is None
