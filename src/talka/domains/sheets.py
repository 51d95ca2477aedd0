"""The room's rows as tables, in and out."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from talka.core.models import Certainty, DatedRule
from talka.core.sheets import Choice, Column, Day, Number, Ref, Sheet, Whole, bilingual
from talka.domains import actions, queries
from talka.domains.models import Domain, Ecosystem, Mission, Policy, PolicyKind

SOURCE = Column("source", _("Source"), max_length=500)


def all_domains(parent: Any) -> dict[str, Domain]:
    """Every spelling by which a domain is known."""
    return {domain.code: domain for domain in queries.domains()}


class Domains(Sheet):
    code, label, model = "domains.domains", _("RIS3 domains"), Domain
    columns = (
        Column("code", _("Code"), required=True, max_length=60),
        Whole("order", _("Order")),
        *bilingual("title", _("Title"), required=True, max_length=300),
        SOURCE,
    )

    def rows(self, parent: Any) -> Any:
        return queries.domains()

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> Domain:
        return actions.add_domain(parent, by=by, **values)

    def change(self, row: Domain, values: dict[str, Any], *, by: Any) -> Domain:
        return actions.edit_domain(row, by=by, **values)


class Missions(Sheet):
    code, label, model = "domains.missions", _("Missions"), Mission
    columns = (
        Column("code", _("Code"), required=True, max_length=60),
        *bilingual("title", _("Title"), required=True, max_length=300),
        *bilingual("summary", _("Summary"), max_length=5000),
        SOURCE,
    )

    def rows(self, parent: Any) -> Any:
        return queries.missions()

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> Mission:
        return actions.add_mission(parent, by=by, **values)

    def change(self, row: Mission, values: dict[str, Any], *, by: Any) -> Mission:
        return actions.edit_mission(row, by=by, **values)


class Policies(Sheet):
    code, label, model = "domains.policies", _("Policies above"), Policy
    columns = (
        Column("code", _("Code"), required=True, max_length=60),
        Choice("kind_of", _("Kind"), required=True, choices=PolicyKind),
        *bilingual("title", _("Title"), required=True, max_length=500),
        *bilingual("summary", _("Summary"), max_length=5000),
        SOURCE,
    )

    def rows(self, parent: Any) -> Any:
        return queries.policies()

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> Policy:
        return actions.add_policy(parent, by=by, **values)

    def change(self, row: Policy, values: dict[str, Any], *, by: Any) -> Policy:
        return actions.edit_policy(row, by=by, **values)


class Rules(Sheet):
    code, label, model = "domains.rules", _("Limits set by law"), DatedRule
    key = ("code", "starts")
    columns = (
        Column("code", _("Code"), required=True, max_length=80),
        Day("starts", _("In force from"), required=True),
        Day("ends", _("In force until")),
        *bilingual("title", _("Title"), required=True, max_length=300),
        Column("law", _("Law"), required=True, max_length=300),
        Column("article", _("Article"), max_length=120),
        Number("value", _("Value"), required=True),
        Column("unit", _("Unit"), max_length=20),
        Choice("certainty", _("How sure we are"), required=True, choices=Certainty),
        SOURCE,
    )

    def rows(self, parent: Any) -> Any:
        return DatedRule.objects.all()

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> DatedRule:
        return actions.add_rule(parent, by=by, **values)

    def change(self, row: DatedRule, values: dict[str, Any], *, by: Any) -> DatedRule:
        return actions.edit_rule(row, by=by, **values)


class Ecosystems(Sheet):
    code, label, model = "domains.ecosystems", _("Ecosystems"), Ecosystem
    columns = (
        Column("code", _("Code"), required=True, max_length=60),
        Ref("domain", _("RIS3 domain"), required=True, among=all_domains),
        *bilingual("title", _("Title"), required=True, max_length=300),
        *bilingual("short", _("Short title"), max_length=80),
        *bilingual("summary", _("Summary"), max_length=5000),
        SOURCE,
    )

    def rows(self, parent: Any) -> Any:
        return queries.ecosystems()

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> Ecosystem:
        return actions.add_ecosystem(parent, by=by, **values)

    def change(self, row: Ecosystem, values: dict[str, Any], *, by: Any) -> Ecosystem:
        return actions.edit_ecosystem(row, by=by, **values)
