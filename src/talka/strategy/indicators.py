"""What the strategy says of itself: how many of its targets say what they want, and how many are reached."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from talka.core.indicators import Reading, indicator
from talka.core.values import Period
from talka.strategy import queries
from talka.strategy.models import Target, TargetKind


@indicator("strategy.targets_specified", label=_("Targets that say what is to be reached"), unit=_("targets"))
def targets_specified(ecosystem: Any, period: Period | None) -> Reading:
    """Targets of the version in force that state a number or a state to reach, of which one can say reached or not.

    Not counted: targets still to be specified and targets of amount without a number. Nothing to count without a
    version in force. It is the count of today whatever the period: what a version said earlier is not kept.
    """
    strategy = queries.in_force(ecosystem)
    if strategy is None:
        return Reading(None, evidence=Target.objects.none())
    open_ones = Target.objects.filter(strategy=strategy).exclude(kind_of=TargetKind.UNSPECIFIED)
    found = open_ones.exclude(kind_of=TargetKind.QUANTITY, goal=None)
    return Reading(found.count(), evidence=found, as_of=timezone.localdate())


@indicator("strategy.targets_reached", label=_("Targets reached"), unit=_("targets"))
def targets_reached(ecosystem: Any, period: Period | None) -> Reading:
    """Targets of the version in force whose value reached the goal, and milestones reported as reached.

    With a period, by what was known of its last day. Nothing to count without a version in force. Targets that are
    read from this room's own numbers are left out: a number must not count itself.
    """
    strategy = queries.in_force(ecosystem)
    if strategy is None:
        return Reading(None, evidence=Target.objects.none())
    reached = queries.reached(strategy, period)
    found = Target.objects.filter(pk__in=[target.pk for target in reached])
    day = min(period.last, timezone.localdate()) if period else timezone.localdate()
    return Reading(len(reached), evidence=found, as_of=day)
