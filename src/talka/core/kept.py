"""What was reckoned is kept until something happens: no verb has to remember what it made out of date.

The key holds the last events of the ecosystem and of the hub, the day and the language, so a kept answer is never
asked for again once a verb wrote an event. What only some readers may see does not belong in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import get_language

from talka.core.models import Event

T = TypeVar("T")

SECONDS = 3600
# On PostgreSQL a verb may commit after one with a later id. Several last ids tell of it; the last alone would not.
LAST = 20


def mark(ecosystem_id: int | None) -> str:
    """What has happened up to now in an ecosystem and in the whole hub; another text after every verb."""
    last = [_last(None)] if ecosystem_id is None else [_last(ecosystem_id), _last(None)]
    return hashlib.sha256(repr(last).encode()).hexdigest()[:32]


def _last(ecosystem_id: int | None) -> list[int]:
    events = Event.objects.filter(ecosystem_id=ecosystem_id).order_by("-id")
    return list(events.values_list("id", flat=True)[:LAST])


def kept(name: str, ecosystem_id: int | None, reckon: Callable[[], T]) -> T:
    """What `reckon` returned last time, or returns now; `name` says what it is and of which row.

    The value is read only, the same for every reader of this language, and can be pickled. Two questions.
    """
    key = f"{name}:{ecosystem_id}:{mark(ecosystem_id)}:{timezone.localdate()}:{get_language()}"
    found: tuple[T] | None = cache.get(key)
    if found is None:
        found = (reckon(),)
        cache.set(key, found, SECONDS)
    return found[0]
