"""Numbers that this room offers to the strategy."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from talka.core.indicators import Reading, indicator
from talka.core.values import Period
from talka.domains.models import Ecosystem
from talka.legislation import queries


@indicator("legislation.bills_adopted", label=_("Bills that became law"), unit=_("laws"))
def bills_adopted(ecosystem: Ecosystem, period: Period | None) -> Reading:
    """Bills that are adopted or in force, by the end of the period if one is given.

    None while the ecosystem follows no bill. A law whose day is not known is counted only now, in no period.
    """
    if not queries.bills(ecosystem).exists():
        return Reading(None)
    counted = queries.laws(ecosystem, period.last if period else None)
    return Reading(counted.count(), evidence=counted)
