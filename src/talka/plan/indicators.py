"""Numbers that the room offers to the strategy: how far the plans in force have come."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db.models import Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from talka.core.indicators import Reading, indicator
from talka.core.values import Period
from talka.domains.models import Ecosystem
from talka.plan import queries
from talka.plan.models import UNDONE, Measure, MeasureState, Plan


def _counted(ecosystem: Ecosystem, period: Period | None) -> tuple[QuerySet[Measure], date]:
    """Measures that are not dropped in the plans in force for the years of a period (None: the latest plan in force
    up to this year), and the day on which they are looked at: today, or the last day of a period that is over."""
    today = timezone.localdate()
    day = min(period.last, today) if period else today
    if period is None:
        plans = Plan.objects.filter(ecosystem=ecosystem, state__in=queries.IN_FORCE, year__lte=day.year)
        first = last = plans.aggregate(year=Max("year"))["year"] or day.year
    else:
        first, last = period.first.year, period.last.year
    measures = (
        Measure.objects.filter(
            plan__ecosystem=ecosystem,
            plan__state__in=queries.IN_FORCE,
            plan__year__gte=first,
            plan__year__lte=last,
        )
        .exclude(state=MeasureState.DROPPED)
        .select_related("plan__ecosystem")
        .order_by("plan__year", "order", "id")
    )
    return measures, day


@indicator("plan.measures_total", label=_("Measures in the plan"), unit=_("measures"))
def measures_total(ecosystem: Ecosystem, period: Period | None) -> Reading:
    """Measures of the plans in force for the years of the period; dropped ones do not count."""
    measures, day = _counted(ecosystem, period)
    return Reading(measures.count(), evidence=measures, as_of=day)


@indicator("plan.measures_done", label=_("Measures done"), unit=_("measures"))
def measures_done(ecosystem: Ecosystem, period: Period | None) -> Reading:
    """Measures of the plans in force for the years of the period that are done by its last day."""
    measures, day = _counted(ecosystem, period)
    done = measures.filter(state=MeasureState.DONE, done_on__lte=day)
    return Reading(done.count(), evidence=done, as_of=day)


@indicator("plan.measures_done_share", label=_("Share of measures done"), unit=_("%"))
def measures_done_share(ecosystem: Ecosystem, period: Period | None) -> Reading:
    """Done measures in percent of those that are not dropped, in the plans in force for the years of the period.

    None where there are none. The rows behind it are all that count; the done ones say on which day.
    """
    measures, day = _counted(ecosystem, period)
    total = measures.count()
    done = measures.filter(state=MeasureState.DONE, done_on__lte=day).count()
    share = (Decimal(100 * done) / total).quantize(Decimal("0.01")) if total else None
    return Reading(share, evidence=measures, as_of=day)


@indicator("plan.measures_late", label=_("Late measures"), unit=_("measures"))
def measures_late(ecosystem: Ecosystem, period: Period | None) -> Reading:
    """Measures of the plans in force for the years of the period whose deadline was past on its last day (or is past
    today) and that were not done by then."""
    measures, day = _counted(ecosystem, period)
    late = measures.filter(Q(state__in=UNDONE) | Q(state=MeasureState.DONE, done_on__gt=day), due_on__lt=day)
    return Reading(late.count(), evidence=late, as_of=day)
