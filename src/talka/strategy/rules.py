"""Who may read drafts, change the strategy, report on its targets and judge what was reported."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from talka.core.rules import fact, is_system, permission
from talka.strategy.models import Target

edits = permission(
    "strategy.edit", _("Draft the strategy, say how targets are read, accept or return reported values")
)
sees_drafts = permission("strategy.see_drafts", _("Read versions of the strategy that are not adopted yet"))
reports_values = permission("strategy.report_value", _("Report the value of a target, with evidence"))


@fact
def acts_for_an_institution(by: Any, subject: Any) -> bool:
    """The actor works for an organisation that the hub knows."""
    return bool(by.organisation_ids())


@fact
def is_a_value_of_a_target(by: Any, subject: Any) -> bool:
    """The subject is a report about a target, not about something of another room."""
    return bool(subject.about_kind == Target.kind())


may_edit = edits | is_system
may_see_drafts = sees_drafts | is_system
may_report = (reports_values & (edits | acts_for_an_institution)) | is_system
may_judge_values = (edits & is_a_value_of_a_target) | is_system
