"""Limits that laws set, by the day they are in force: `limit("de-minimis-ceiling", on=granted_on)`.

Code asks by name and day and never holds the number itself. A decision keeps the row that decided, so that it can be
judged by the law of its day. The rows are reference data, kept in the sheet `domains.rules`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db.models import Q
from django.utils.translation import gettext as _

from talka.core.actions import Invalid
from talka.core.models import DatedRule


class NoRule(Invalid):
    """No rule of this name is in force on that day, so nothing can be decided by it."""

    def __init__(self, code: str, on: date) -> None:
        super().__init__(
            _("No rule “%(code)s” is in force on %(day)s. Add the one of that day to the reference data.")
            % {"code": code, "day": on.isoformat()}
        )


def rule(code: str, on: date) -> DatedRule:
    """The rule of this name that is in force on a day: the one that began last. Raises NoRule."""
    found = DatedRule.objects.filter(Q(ends=None) | Q(ends__gte=on), code=code, starts__lte=on)
    row = found.order_by("-starts").first()
    if row is None:
        raise NoRule(code, on)
    return row


def limit(code: str, on: date) -> Decimal:
    """The value of the rule that is in force on a day. Raises NoRule."""
    return rule(code, on).value


def hold(code: str) -> None:
    """Lets only one transaction at a time decide by this rule: the others wait until it is done."""
    # SQLite's IMMEDIATE transactions already queue writers; there this is a plain read.
    list(DatedRule.objects.select_for_update().filter(code=code).order_by("pk").values_list("pk"))
