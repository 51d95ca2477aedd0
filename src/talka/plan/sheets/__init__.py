"""The room's rows as tables, and its official form in and out.

`tables`: sources of funding, plans, sections and measures with every column in both languages. `official`: the eight
columns of the ministry's form, as docx, xlsx, csv, PDF and JSON.
"""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from talka.domains.models import Ecosystem
from talka.governance.queries import decidable
from talka.plan.models import Plan, PlanState
from talka.plan.sheets.official import (
    PlanFile,
    export_plan,
    read_plan_file,
    write_plan_file,
)
from talka.plan.sheets.tables import FundingSources, Measures, Plans, Sections

__all__ = [
    "FundingSources",
    "Measures",
    "PlanFile",
    "Plans",
    "Sections",
    "export_plan",
    "read_plan_file",
    "write_plan_file",
]


# ---------------------------------------------------------------- what a decision may do with a plan


def _named(ecosystem: Ecosystem, text: str) -> Plan | None:
    """The version that people call "2026", or "2026-2"."""
    year, _dash, number = text.partition("-")
    if not year.isdecimal() or not (number or "1").isdecimal():
        return None
    return Plan.objects.filter(ecosystem=ecosystem, year=int(year), number=int(number or 1)).first()


def _drafts(ecosystem: Ecosystem) -> Iterable[Plan]:
    return Plan.objects.filter(ecosystem=ecosystem, state=PlanState.DRAFT).select_related("ecosystem")


decidable(
    Plan,
    find=_named,
    key=lambda plan: f"{plan.year}-{plan.number}",
    verbs={"plan.adopt": _("Adopt the action plan")},
    waiting=_drafts,
)
