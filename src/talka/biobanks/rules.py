"""Who may keep the directory, verify what biobanks claim, run the nodes, and take down what donors say."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from talka.core.rules import fact, is_system, permission
from talka.domains.models import Ecosystem

edits = permission("biobanks.edit", _("Keep the directory of biobanks and collections"))
describes = permission(
    "biobanks.describe",
    _("Describe the biobanks of one's own institution, and confirm the description every year"),
)
verifies = permission("biobanks.verify", _("Verify the quality standards that biobanks claim"))
runs_nodes = permission("biobanks.nodes", _("Register data nodes with their keys and roles"))
keeps_forms = permission(
    "biobanks.forms", _("Write and publish consent forms, and note agreements with collectors")
)
takes_in = permission(
    "biobanks.intake",
    _("Take in consents and withdrawals for one's own institution, and see those that were given to it"),
)


@fact
def of_own_institution(by: Any, subject: Any) -> bool:
    """The actor works for the institution behind a biobank, a collector, or what belongs to one of these."""
    mine = by.organisation_ids() if hasattr(by, "organisation_ids") else frozenset()
    return bool(mine) and not mine.isdisjoint(_institutions(subject))


def _institutions(subject: Any) -> set[int | None]:
    """The institutions that answer for a row of this room."""
    found: set[int | None] = set()
    for name in ("juristic_person_id", "organisation_id", "holder_id"):
        found.add(getattr(subject, name, None))
    for name in ("biobank", "collector"):
        if (above := getattr(subject, name, None)) is not None:
            found |= _institutions(above)
    return found - {None}


@fact
def is_about_the_person(by: Any, subject: Any) -> bool:
    """The subject is an ecosystem: what is said concerns every biobank in it, so whoever takes it down may be
    of any."""
    return isinstance(subject, Ecosystem)


may_edit = edits | (describes & of_own_institution) | is_system
may_found = edits | is_system
may_verify = verifies | is_system
may_run_nodes = runs_nodes | is_system
may_keep_forms = keeps_forms | is_system
may_take_in = (takes_in & of_own_institution) | is_system
may_take_down = (takes_in & (of_own_institution | is_about_the_person)) | is_system
