"""Several at once on one free place, whichever way they come: one gets it, the others are told."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils.translation import override

from talka.facilities import actions
from talka.facilities.actions import Taken
from talka.facilities.models import Slot
from talka.facilities.tests.factories import Scene, at, booked, scene
from tests.lanes import need_postgres

pytestmark = pytest.mark.django_db(transaction=True)

CLIENTS, ROUNDS = 6, 4


def at_once(tries: list[Callable[[], object]]) -> list[str]:
    """What becomes of each: "booked", "taken", or the name of another error."""
    start = threading.Barrier(len(tries))
    ends: list[str] = [""] * len(tries)

    def run(number: int) -> None:
        try:
            start.wait(30)
            tries[number]()
            ends[number] = "booked"
        except Taken:
            ends[number] = "taken"
        except Exception as why:  # noqa: BLE001 -- the test looks at what it was
            ends[number] = repr(why)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(tries))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return sorted(ends)


def overlaps() -> int:
    """Pairs of live slots of one resource that overlap."""
    rows = list(Slot.objects.filter(live=True).order_by("resource", "starts"))
    return sum(
        one.resource_id == other.resource_id and one.ends > other.starts
        for one, other in itertools.pairwise(rows)
    )


def series(drawn: Scene, day: int) -> Callable[[], object]:
    def run() -> object:
        return actions.book_series(
            drawn.project,
            by=drawn.bruno,
            resources=[drawn.microscope],
            starts=at(day, 10),
            ends=at(day, 12),
            rule="FREQ=WEEKLY;COUNT=2",
        )

    return run


def move(drawn: Scene, booking: Any, day: int) -> Callable[[], object]:
    return lambda: actions.move_booking(booking, by=drawn.bruno, starts=at(day, 11), ends=at(day, 13))


@pytest.mark.parametrize("locked", [True, False])
def test_one_gets_it_and_the_others_are_told(locked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """`locked` False: as if the lock and the question before were forgotten; the database holds all the same."""
    need_postgres()  # SQLite lets one writer in at a time as it is; benchmarks/ races on its files
    with override("en"):
        drawn = scene(horizon_days=365)
        if not locked:
            monkeypatch.setattr(actions.bookings, "_busy", lambda _wanted: None)
            monkeypatch.setattr(actions.bookings, "_lock", lambda _wanted: None)
        for number in range(ROUNDS):
            day = 1 + number
            others = [booked(drawn, day, 14 + each, 15 + each) for each in range(2)]
            tries: list[Callable[[], object]] = [
                *(partial(booked, drawn, day, 10, 12) for _each in range(CLIENTS - 3)),
                *(move(drawn, each, day) for each in others),
                series(drawn, day),
            ]
            assert at_once(tries) == ["booked", *["taken"] * (CLIENTS - 1)]
            assert overlaps() == 0
        assert Slot.objects.filter(starts__gte=at(1, 0) + timedelta(days=7)).count() <= ROUNDS
