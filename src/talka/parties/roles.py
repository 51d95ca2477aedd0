"""Roles are data: each has a sentence a lawyer can read beside the permissions it gives.

The matrix in the documentation is printed from here. A permission is declared beside the rule that asks
for it (`core.rules.permission`); a house test checks that each one here is declared and each declared one is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from talka.core.rules import HELD_BY, PERMISSIONS


@dataclass(frozen=True)
class Role:
    """A role on the hub: its name, its sentence, what it permits."""

    code: str
    label: Any
    sentence: Any
    permissions: frozenset[str]


_VIEWER = frozenset({"plan.see_drafts", "strategy.see_drafts"})
_OFFICER = _VIEWER | {"plan.report", "strategy.report_value", "biobanks.describe", "biobanks.intake"}
_COUNCIL = _VIEWER | {"governance.decide"}
_COORDINATOR = _OFFICER | {
    "strategy.edit",
    "plan.edit",
    "plan.coordinate",
    "parties.edit",
    "network.edit",
    "legislation.edit",
    "governance.prepare",
    "portfolio.edit",
    "biobanks.edit",
    "biobanks.verify",
    "biobanks.forms",
    "facilities.edit",
    "domains.share",
}
_PRICES = frozenset({"billing.price"})
_BOOKS = _PRICES | {"billing.invoice", "billing.aid"}
_ADMINISTRATOR = _COORDINATOR | {"billing.administer", "biobanks.nodes", "domains.edit", "parties.administer"}

ROLES: dict[str, Role] = {
    role.code: role
    for role in (
        Role(
            "viewer",
            _("Observer"),
            _("Reads what is not yet public: drafts of the strategy and of plans."),
            _VIEWER,
        ),
        Role(
            "officer",
            _("Officer of an institution"),
            _(
                "Reports, for the institutions where he or she works, on the measures and targets for which"
                " these institutions are responsible."
            ),
            _OFFICER,
        ),
        Role(
            "facility_manager",
            _("Manager of a core facility"),
            _("Sets the prices of the institution where he or she works and charges uses by them."),
            _PRICES,
        ),
        Role(
            "accountant",
            _("Accountant of an institution"),
            _(
                "Keeps, for the institution where he or she works, prices, invoices, payments and the close of"
                " months, and records de minimis aid for all."
            ),
            _BOOKS,
        ),
        Role(
            "council",
            _("Member of the council"),
            _("Reads drafts and records the decisions of the ecosystem's strategic council."),
            _COUNCIL,
        ),
        Role(
            "coordinator",
            _("Coordinator of the ecosystem"),
            _(
                "Keeps the ecosystem's strategy, plans and records, accepts or returns reports and prepares"
                " decisions, but does not take them."
            ),
            _COORDINATOR,
        ),
        Role(
            "administrator",
            _("Administrator of the hub"),
            _(
                "Keeps the hub's reference data, accounts and roles; has the rights of a"
                " coordinator so as to help out, and every act is on record under his or her own name."
            ),
            _ADMINISTRATOR,
        ),
    )
}


for _role in ROLES.values():
    for _code in _role.permissions:
        HELD_BY.setdefault(_code, []).append(_role.label)


def matrix_markdown() -> str:
    """Roles and permissions as a page of the documentation, in English: sentences first, then the matrix."""
    with override("en"):
        roles = list(ROLES.values())
        lines = ["# Roles and permissions", "", "A role is held in one ecosystem or in the whole hub.", ""]
        lines += [f"- **{role.label}** (`{role.code}`): {role.sentence}" for role in roles]
        lines += ["", "| May | " + " | ".join(str(role.label) for role in roles) + " |"]
        lines.append("|---" * (len(roles) + 1) + "|")
        given = sorted(frozenset[str]().union(*(role.permissions for role in roles)))
        for code in given:
            held = ["yes" if code in role.permissions else "" for role in roles]
            lines.append(f"| {PERMISSIONS.get(code, code)} (`{code}`) | " + " | ".join(held) + " |")
        return "\n".join(lines) + "\n"
