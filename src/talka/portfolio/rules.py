"""Who may keep projects and partnerships, report on a project's indicators, and judge what was reported."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from talka.core.rules import fact, is_system, permission
from talka.portfolio.models import Kpi, Participation
from talka.strategy.rules import reports_values

edits = permission(
    "portfolio.edit", _("Keep projects and partnerships, accept or return the values reported on projects")
)


@fact
def from_an_institution_of_the_project(by: Any, subject: Kpi) -> bool:
    """The actor works for an institution that takes part in the indicator's project."""
    mine = by.organisation_ids()
    return (
        bool(mine)
        and Participation.objects.filter(project_id=subject.project_id, organisation_id__in=mine).exists()
    )


@fact
def is_a_value_of_an_indicator(by: Any, subject: Any) -> bool:
    """The subject is a report about a project's indicator, not about something of another room."""
    return bool(subject.about_kind == Kpi.kind())


may_edit = edits | is_system
may_report = edits | (reports_values & from_an_institution_of_the_project) | is_system
may_judge_values = (edits & is_a_value_of_an_indicator) | is_system
