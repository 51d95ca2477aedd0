"""Numbers that this room offers to the strategy."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from talka.core.indicators import Reading, indicator
from talka.core.values import Period
from talka.domains.models import Ecosystem
from talka.network import queries


@indicator("network.niches", label=_("Research and innovation niches"), unit=_("niches"))
def niches(ecosystem: Ecosystem, period: Period | None) -> Reading:
    """Niches that are not divided further: a niche with parts is counted by its parts.

    Niches have no dates, so a past period reads the same as now. None while no niche is named.
    """
    counted = queries.undivided(ecosystem)
    return Reading(counted.count() or None, evidence=counted)
