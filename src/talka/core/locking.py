"""Optimistic locking: a form remembers the revision it showed; saving over a newer one is refused.

    check(measure, seen)      # in a verb, first thing

Nothing typed is lost: the page shows the form again as typed, beside what the other person changed. Where two
people add something below one row, there is nothing to have seen: `hold` lets the second wait for the first.
"""

from __future__ import annotations

from talka.core.actions import Stale
from talka.core.models import Noun


def check(subject: Noun, seen: int | None) -> None:
    """Raises Stale if `subject` has moved on from revision `seen`; None (machines, imports) does not check."""
    if seen is None:
        return
    current = type(subject)._base_manager.select_for_update().get(pk=subject.pk)
    if current.revision != seen:
        raise Stale(current)


def hold(subject: Noun) -> None:
    """Makes every other verb that holds this row wait until the running one is done."""
    # SQLite's IMMEDIATE transactions already queue writers; there this is a plain read.
    list(type(subject)._base_manager.select_for_update().filter(pk=subject.pk).values_list("pk"))
