"""What can be wrong with a bill by itself. Rules that compare bills with the plan stand in portfolio, above both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from talka.core.lint import lint_rule
from talka.domains.models import Ecosystem
from talka.legislation import queries


@lint_rule("L03", "warning", _("Nobody is responsible for the bill"), over="domains.ecosystem")
def nobody_responsible(ecosystem: Ecosystem) -> Iterator[tuple[Any, str, str, str]]:
    """A bill still on its way for which no institution is named: nobody can be asked about it."""
    for bill in queries.bills(ecosystem).filter(responsible=None):
        if bill.is_open:
            yield (
                bill,
                bill.code,
                gettext("Nobody is named as responsible for “%(title)s”.") % {"title": bill},
                gettext("The responsible ministry."),
            )
