"""Who may keep organisations and people, and who may give accounts and roles.

Organisations and people belong to no ecosystem: whoever coordinates one of them may keep them for all. What an
account may do rests with administrators alone, and so do the affiliations of people who hold an account, because
an account acts for the institutions its person works in.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from talka.core.rules import Fact, fact, is_system, permission

_everywhere = permission("parties.edit", _("Keep organisations and people"))


def _keeps_somewhere(by: Any, subject: Any) -> bool:
    return any(by.may("parties.edit", grant.ecosystem_id) for grant in getattr(by, "grant_list", list)())


may_edit = (
    _everywhere
    | Fact(_keeps_somewhere, "holds parties.edit in an ecosystem", frozenset(["parties.edit"]))
    | is_system
)
may_administer = permission("parties.administer", _("Give and take accounts and roles")) | is_system


@fact
def is_own(by: Any, subject: Any) -> bool:
    """The account itself, or what belongs to it."""
    return by.pk is not None and by.pk == getattr(subject, "account_id", subject.pk)


@fact
def has_account(by: Any, subject: Any) -> bool:
    """The person, or the person of the affiliation, can sign in."""
    return hasattr(getattr(subject, "person", subject), "account")


@fact
def is_signed_in(by: Any, subject: Any) -> bool:
    """A person with an account, not the public and not a program without one."""
    return by.pk is not None and bool(getattr(by, "is_active", False))


may_affiliate = may_administer | (may_edit & ~has_account)
may_see_people = is_signed_in | is_system
may_keep_own = is_own | may_administer
# An administrator keeps accounts, but acts as nobody else.
may_make_token = (may_keep_own & is_own & is_signed_in) | is_system
