"""What this room does after others, and regularly: the feed is carried on, nodes are looked after and asked
for numbers."""

from __future__ import annotations

from datetime import datetime

from talka.biobanks import courier
from talka.core.models import Event
from talka.core.outbox import every, on


@on("biobanks.take_in", "biobanks.withdraw", "biobanks.opt_out", "biobanks.record_destruction")
def carry_on(event: Event) -> None:
    """Somebody said something: every node is to know it at once."""
    courier.carry()


@every(minutes=1)
def look_after(now: datetime) -> None:
    """Greets every node, and brings those that were away up to what was said meanwhile."""
    courier.look(now=now)
    courier.carry(everybody=True)


@every(minutes=24 * 60)
def fetch_numbers(now: datetime) -> None:
    """Asks every node for the numbers of its collections."""
    courier.numbers()
