"""What can be wrong in the directory: descriptions that nobody has confirmed for a year, and claims whose time
is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from talka.biobanks.queries import directory as queries
from talka.core.lint import lint_rule
from talka.domains.models import Ecosystem

Findings = Iterator[tuple[Any, str, str, str]]
OVER = "domains.ecosystem"


@lint_rule("B01", "info", gettext_lazy("A description was not confirmed for a year"), over=OVER)
def unchecked(ecosystem: Ecosystem) -> Findings:
    """A biobank whose description was not confirmed within a year: holders of health data confirm it every year (EHDS,
    Article 60). Its collections are confirmed with it."""
    today = timezone.localdate()
    for row in queries.described(ecosystem):
        if row.checked_on is None or (today - row.checked_on).days >= 365:
            found = (
                _("Nobody has confirmed it yet.")
                if row.checked_on is None
                else _("It was last confirmed on %(day)s.") % {"day": row.checked_on.isoformat()}
            )
            yield (
                row,
                row.code,
                found,
                _("Read the description and those of its collections, and confirm them."),
            )


@lint_rule("B02", "warning", gettext_lazy("A verified standard has expired"), over=OVER)
def expired(ecosystem: Ecosystem) -> Findings:
    """A quality standard that was verified and whose certificate has run out since."""
    today = timezone.localdate()
    for row in queries.qualities(ecosystem):
        if row.state(today) == "expired":
            yield (
                row.biobank,
                f"{row.biobank.code}: {row}",
                _("The certificate was valid until %(day)s.") % {"day": row.valid_until},
                _("Give the new certificate, and have it verified."),
            )


@lint_rule("B03", "warning", gettext_lazy("Nobody is named to write to"), over=OVER)
def nobody_to_write_to(ecosystem: Ecosystem) -> Findings:
    """A biobank without a contact: MIABIS and the European catalogue ask for one, and researchers need one."""
    for row in queries.described(ecosystem):
        if row.contact_id is None:
            yield row, row.code, _("The biobank names no contact."), _("Name an office and its e-mail.")
