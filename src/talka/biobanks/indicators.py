"""Numbers that this room offers to the strategy: agreements with collectors, and the consents that come of them."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from talka.biobanks.queries import consent as queries
from talka.core.indicators import Reading, indicator
from talka.core.values import Period
from talka.domains.models import Ecosystem


@indicator("biobanks.agreements", label=_("Agreements with collectors of samples"), unit=_("agreements"))
def agreements(ecosystem: Ecosystem, period: Period | None) -> Reading:
    """Collectors with an agreement in force that they ask for consent in their intake: today, or on a period's
    last day.

    Invented examples do not count. None while no collector is noted.
    """
    real = queries.collectors(ecosystem).filter(example=False)
    if not real.exists():
        return Reading(None)
    day = timezone.localdate() if period is None else min(period.last, timezone.localdate())
    counted = queries.agreed(ecosystem, day).filter(example=False)
    return Reading(counted.count(), evidence=counted, as_of=day)


@indicator("biobanks.consents", label=_("Consents given to biobanks"), unit=_("consents"))
def consents(ecosystem: Ecosystem, period: Period | None) -> Reading:
    """Consents signed in a period, or ever. One that only narrows an earlier one is not counted; one withdrawn
    since is.

    None while none was taken in.
    """
    counted = queries.given(ecosystem)
    if not counted.exists():
        return Reading(None)
    if period is not None:
        counted = counted.filter(on__gte=period.first, on__lte=period.last)
    return Reading(counted.count(), evidence=counted)


@indicator(
    "biobanks.consents_weekly",
    label=_("Consents a week at the three largest collectors"),
    unit=_("consents a week"),
)
def consents_weekly(ecosystem: Ecosystem, period: Period | None) -> Reading:
    """The mean over whole weeks of the consents taken in by the three collectors that took in most: of the weeks of a
    period, else of the last four. None where no collector took any in, or the period holds no whole week.
    """
    found, weeks = queries.largest(ecosystem, period, timezone.localdate())
    total = sum(each.total for each in found)
    if not weeks or not total:
        return Reading(None)
    evidence = queries.collectors(ecosystem).filter(pk__in=[each.collector.pk for each in found])
    return Reading(round(total / weeks, 1), evidence=evidence)
