"""Numbers that this room offers to the strategy. Values of a project's indicators are read as `kpi:<project>:<n>`."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from talka.core.indicators import Reading, indicator
from talka.core.values import Period
from talka.domains.models import Ecosystem
from talka.portfolio import queries


@indicator("portfolio.projects_running", label=_("Projects under way"), unit=_("projects"))
def projects_running(ecosystem: Ecosystem, period: Period | None) -> Reading:
    """Projects under way now; for a period, those that ran on some day of it, finished ones too if their dates say so.

    A project without dates counts only in a period that holds today. None while the ecosystem has no project.
    """
    if not queries.projects(ecosystem).exists():
        return Reading(None)
    counted = queries.running(ecosystem, period)
    return Reading(counted.count(), evidence=counted)


@indicator(
    "portfolio.partnerships_active", label=_("Partnerships with a part in them"), unit=_("partnerships")
)
def partnerships_active(ecosystem: Ecosystem, period: Period | None) -> Reading:
    """Partnerships, networks and initiatives in which the ecosystem takes part now.

    They have no dates, so a past period reads the same as now. None while none is noted.
    """
    if not queries.partnerships(ecosystem).exists():
        return Reading(None)
    counted = queries.active(ecosystem)
    return Reading(counted.count(), evidence=counted)
