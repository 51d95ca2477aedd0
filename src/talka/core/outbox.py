"""The outbox: after a verb, whoever subscribed to it is told, once its transaction is safe.

`@on("plan.report")` on a function of a room's tasks.py subscribes it to that verb. The delivery is
written in the verb's own transaction and carried out by the worker (`talka work`, which `talka up` runs
along), at least once: a handler must not mind being called twice. `@every(minutes)` makes a regular job.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from talka.core.models import Delivery, Event

log = logging.getLogger(__name__)
Handler = Callable[[Event], None]

SUBSCRIBERS: dict[str, dict[str, Handler]] = {}
ATTEMPTS = 8
LEASE = timedelta(minutes=15)  # how long a worker may take for one delivery
KEPT = timedelta(days=90)  # how long a delivery that is done can still be looked up


@dataclass(frozen=True)
class Job:
    """Something done regularly, whatever happens in between."""

    name: str
    every: timedelta
    run: Callable[[datetime], object]


JOBS: dict[str, Job] = {}


def on(*verbs: str) -> Callable[[Handler], Handler]:
    """Subscribes a function to the events of these verbs."""

    def register(handler: Handler) -> Handler:
        name = f"{handler.__module__.removeprefix('talka.')}.{handler.__name__}"
        for verb in verbs:
            SUBSCRIBERS.setdefault(verb, {})[name] = handler
        return handler

    return register


def every(*, minutes: int) -> Callable[[Callable[[datetime], object]], Callable[[datetime], object]]:
    """Makes a function a regular job; it is given the time it runs at."""

    def register(function: Callable[[datetime], object]) -> Callable[[datetime], object]:
        name = f"{function.__module__.removeprefix('talka.')}.{function.__name__}"
        JOBS[name] = Job(name, timedelta(minutes=minutes), function)
        return function

    return register


def subscribers_of(verb: str) -> list[str]:
    """Names of the handlers that want the events of `verb`."""
    return list(SUBSCRIBERS.get(verb, ()))


def deliver(now: datetime | None = None, limit: int = 100) -> int:
    """Carries out the deliveries that are due; returns how many were tried. A failed one is tried later,

    after 1, 2, 4 … minutes, eight times at most; its last traceback stays on the row. One whose worker died in the
    middle is tried again when its lease is over.
    """
    tried = 0
    while tried < limit and (delivery := _claim(now or timezone.now())):
        _carry_out(delivery, now or timezone.now())
        tried += 1
    return tried


@transaction.atomic
def _claim(now: datetime) -> Delivery | None:
    """Takes the delivery that waits longest; until its lease is over no other worker will."""
    waiting = Delivery.objects.filter(done_at=None, due__lte=now, attempts__lt=ATTEMPTS).order_by("due", "id")
    if connection.features.has_select_for_update_skip_locked:
        waiting = waiting.select_for_update(skip_locked=True, of=("self",))
    delivery = waiting.select_related("event").first()
    if delivery is not None:
        delivery.attempts += 1
        delivery.due = now + LEASE
        delivery.save(update_fields=["attempts", "due"])
    return delivery


def _carry_out(delivery: Delivery, now: datetime) -> None:
    """Runs the handler, outside any transaction: a letter takes seconds, and nobody shall wait for it with a lock."""
    handler = SUBSCRIBERS.get(delivery.event.verb, {}).get(delivery.subscriber)
    try:
        if handler is not None:  # a handler that no longer exists has nothing left to do
            handler(delivery.event)
        delivery.done_at, delivery.error = now, ""
    except Exception:
        delivery.error = traceback.format_exc()[-4000:]
        delivery.due = now + timedelta(minutes=2 ** (delivery.attempts - 1))
        log.exception("delivery %s to %s failed", delivery.pk, delivery.subscriber)
    delivery.save(update_fields=["done_at", "error", "due"])


def tidy(now: datetime) -> None:
    """Forgets deliveries that were done long ago; what happened is told by the record of events, not by its letters."""
    Delivery.objects.filter(done_at__lt=now - KEPT).delete()


def run_job(job: Job, now: datetime) -> None:
    """Runs a regular job; a failure is logged and does not stop the worker."""
    try:
        job.run(now)
    except Exception:
        log.exception("job %s failed", job.name)
