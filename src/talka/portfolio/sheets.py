"""The room's rows as tables, in and out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from talka.core.sheets import Choice, Column, Lines, Number, Ref, Refs, Sheet, When, Whole, YesNo, bilingual
from talka.domains import queries as domains
from talka.domains.models import Ecosystem, Policy
from talka.network import queries as network
from talka.network.models import Niche
from talka.parties import queries as parties
from talka.parties.models import Organisation
from talka.plan.models import FundingSource
from talka.portfolio import actions, queries
from talka.portfolio.models import (
    Comparison,
    Kpi,
    Partnership,
    PartnershipKind,
    Project,
    ProjectKind,
    ProjectStatus,
)
from talka.strategy.models import Priority

CODE = Column("code", _("Code"), required=True, max_length=80)
ORDER = Whole("order", _("Order"))
SOURCE = Column("source", _("Source"), max_length=500)


# ---------------------------------------------------------------- what cells may name


def organisations(parent: Any) -> Mapping[str, Organisation]:
    """Every spelling by which an organisation is known."""
    return parties.spellings()


def niches(parent: Ecosystem) -> dict[str, Niche]:
    return _by_code(network.niches(parent))


def policies(parent: Any) -> dict[str, Policy]:
    return _by_code(domains.policies())


def priorities(parent: Ecosystem) -> dict[str, Priority]:
    return _by_code(queries.priorities(parent))


def projects(parent: Ecosystem) -> dict[str, Project]:
    return _by_code(queries.projects(parent))


def funding_sources(parent: Any) -> dict[str, FundingSource]:
    """Sources of funding by code, acronym and title in either language; of namesakes the first."""
    known: dict[str, FundingSource] = {}
    for row in FundingSource.objects.all():
        for spelling in (row.code, row.acronym, row.title_lv, row.title_en):
            if spelling:
                known.setdefault(spelling.casefold(), row)
    return known


def _by_code(rows: Iterable[Any]) -> dict[str, Any]:
    return {row.code.casefold(): row for row in rows}


# ---------------------------------------------------------------- columns


class TextLines(Lines):
    """Lines of one column of text."""

    def read(self, row: Any) -> list[str]:
        return super().read(row).splitlines()


class Active(YesNo):
    """Taking part, unless the cell says otherwise."""

    def empty(self) -> bool:
        return True


# ---------------------------------------------------------------- sheets


class Projects(Sheet):
    code, label, model = "portfolio.projects", _("Projects"), Project
    over = "domains.ecosystem"
    columns = (
        CODE,
        ORDER,
        *bilingual("title", _("Title"), required=True, max_length=500),
        *bilingual("summary", _("Summary"), max_length=10000),
        Choice("kind_of", _("Kind"), required=True, choices=ProjectKind),
        Choice("status", _("Status"), required=True, choices=ProjectStatus),
        When("starts", _("Start")),
        When("ends", _("End")),
        Ref("lead", _("Lead partner"), among=organisations),
        Refs("partners", _("Partners"), among=organisations),
        Column("programme", _("Programme"), max_length=300),
        *bilingual("funding", _("Funding as described"), max_length=10000),
        Refs("funding", _("Funding sources"), among=funding_sources, attribute_of="funding_sources"),
        *bilingual("results", _("Results of the project"), kind=TextLines, max_length=2000),
        Refs("responsible", _("Responsible institutions"), among=organisations),
        Column("responsible_as_written", _("Responsible institutions as written"), max_length=500),
        Refs("involved", _("Involved institutions"), among=organisations),
        Column("involved_as_written", _("Involved institutions as written"), max_length=500),
        Ref("priority", _("Priority"), among=priorities),
        Refs("niches", _("Niches"), among=niches),
        Column("note", _("Note"), max_length=10000),
        SOURCE,
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.whole(queries.projects(parent))

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Project:
        return actions.add_project(parent, by=by, **_project(values))

    def change(self, row: Project, values: dict[str, Any], *, by: Any) -> Project:
        return actions.edit_project(row, by=by, **_project(values))


class Kpis(Sheet):
    code, label, model = "portfolio.kpis", _("Project indicators"), Kpi
    over = "domains.ecosystem"
    key = ("project", "order")
    columns = (
        Ref("project", _("Project"), required=True, among=projects),
        Whole("order", _("Number"), required=True),
        *bilingual("title", _("Indicator"), required=True, max_length=500),
        *bilingual("unit", _("Unit"), max_length=80),
        Number("baseline", _("Baseline")),
        When("baseline_period", _("Baseline period")),
        Number("goal", _("Goal")),
        Choice("comparison", _("Comparison"), choices=Comparison),
        When("due", _("Deadline")),
        Column("due_as_written", _("Deadline as written"), max_length=200),
        SOURCE,
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.kpis(parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Kpi:
        return actions.add_kpi(values["project"], by=by, **_kpi(values))

    def change(self, row: Kpi, values: dict[str, Any], *, by: Any) -> Kpi:
        return actions.edit_kpi(row, by=by, **_kpi(values))


class Partnerships(Sheet):
    code, label, model = "portfolio.partnerships", _("Partnerships"), Partnership
    over = "domains.ecosystem"
    columns = (
        CODE,
        ORDER,
        Column("acronym", _("Acronym"), max_length=40),
        *bilingual("title", _("Title"), required=True, max_length=500),
        Choice("kind_of", _("Kind"), required=True, choices=PartnershipKind),
        Refs("members", _("Members from the ecosystem"), among=organisations),
        Ref("national_node", _("National node"), among=organisations),
        *bilingual("summary", _("Summary"), max_length=10000),
        Refs("policies", _("Policies served"), among=policies),
        Refs("niches", _("Niches"), among=niches),
        Active("active", _("Taking part now")),
        SOURCE,
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.joined(queries.partnerships(parent))

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Partnership:
        return actions.add_partnership(parent, by=by, **_placed(values))

    def change(self, row: Partnership, values: dict[str, Any], *, by: Any) -> Partnership:
        return actions.edit_partnership(row, by=by, **_placed(values))


def _placed(values: Mapping[str, Any]) -> dict[str, Any]:
    """An empty cell for the order leaves the row where it stands, a new one last."""
    return {name: value for name, value in values.items() if not (name == "order" and value is None)}


def _project(values: Mapping[str, Any]) -> dict[str, Any]:
    given = _placed(values)
    if "funding" in given:
        given["funding_sources"] = given.pop("funding")
    for name in ("results_lv", "results_en"):
        if name in given:
            given[name] = "\n".join(given[name])
    return given


def _kpi(values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of an indicator; an empty comparison leaves the default."""
    return {
        name: value
        for name, value in values.items()
        if name != "project" and not (name == "comparison" and not value)
    }
