"""Optimistic locking: a form remembers the revision it showed; saving over a newer one is refused.

    check(measure, seen)      # in a verb, first thing

Nothing typed is lost: the page shows the form again as typed, beside what the other person changed.
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
