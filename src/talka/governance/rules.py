"""Who may prepare decisions and who may take them: no role gives both: nobody decides on his or her own word."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from talka.core.rules import Fact, fact, is_system, permission
from talka.governance.models import Decision

prepares = permission("governance.prepare", _("Keep the bodies and prepare their decisions"))
decides = permission("governance.decide", _("Record the decisions that a body has taken"))

# Declared by plan, which gives it to everybody who reads what is not public yet.
reads_drafts = Fact(
    lambda by, subject: by.may("plan.see_drafts", subject.ecosystem_id),
    "holds plan.see_drafts",
    frozenset({"plan.see_drafts"}),
)


@fact
def is_decided(by: object, subject: Decision) -> bool:
    """The decision is adopted or rejected."""
    return not subject.is_prepared


may_prepare = prepares | is_system
may_decide = decides | is_system
may_publish = (prepares & is_decided) | is_system
may_see_prepared = prepares | decides | reads_drafts | is_system
