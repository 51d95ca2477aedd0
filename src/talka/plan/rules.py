"""Who may keep a plan, put it in force, report on its measures and judge the reports."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from talka.core.rules import Fact, fact, is_system, permission
from talka.plan.models import Assignment, Measure, Part

edits = permission("plan.edit", _("Draft plans and change their measures, import plans, carry measures over"))
coordinates = permission(
    "plan.coordinate",
    _("Accept or return reports, move measures through their life, put a plan in force, close it"),
)
reports = permission("plan.report", _("Report on the measures for which one's institution is responsible"))
sees_drafts = permission("plan.see_drafts", _("Read plans that are not adopted yet"))

# Declared by governance, which gives it to the members of the council; a decision puts a plan in force by itself.
decides = Fact(
    lambda by, subject: by.may("governance.decide", subject.ecosystem_id),
    "holds governance.decide",
    frozenset({"governance.decide"}),
)


@fact
def from_responsible_institution(by: Any, subject: Measure) -> bool:
    """The actor works for an institution that is responsible for the measure."""
    mine = by.organisation_ids()
    return (
        bool(mine)
        and Assignment.objects.filter(
            measure_id=subject.pk, part=Part.RESPONSIBLE, organisation_id__in=mine
        ).exists()
    )


@fact
def is_a_report_on_a_measure(by: Any, subject: Any) -> bool:
    """The subject is a report about a measure, not about something of another room."""
    return bool(subject.about_kind == Measure.kind())


may_edit = edits | is_system
may_coordinate = coordinates | is_system
may_adopt = coordinates | decides | is_system
may_report = is_system | coordinates | (reports & from_responsible_institution)
may_judge = (coordinates & is_a_report_on_a_measure) | is_system
may_see_drafts = sees_drafts | is_system
