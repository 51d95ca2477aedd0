"""Demo roles: on loopback, anybody may sign in as one of the invented people, without a password.

Offered only where `settings.DEMO` is on, which `talka up` sets for loopback addresses alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from django.conf import settings
from django.db.models import QuerySet

from talka.parties.models import Account
from talka.parties.roles import ROLES

# The reserved domain says that none of these people exists, and that no letter can reach anyone.
DOMAIN = "@example.test"


def accounts() -> QuerySet[Account]:
    """The accounts of the invented people; none where the demo is off."""
    found = Account.objects.filter(email__endswith=DOMAIN, is_active=True)
    return (
        (found if settings.DEMO else found.none())
        .select_related("person")
        .prefetch_related("grants", "person__affiliations__organisation")
    )


def offered() -> list[dict[str, str]]:
    """Whom one may sign in as, for the terminal and for machines: role, name and e-mail of each demo account."""
    found = Account.objects.filter(email__endswith=DOMAIN, is_active=True).prefetch_related("grants")
    return [
        {
            "role": ", ".join(grant.role for grant in account.grant_list()),
            "name": str(account),
            "email": account.email,
        }
        for account in found
    ]


def lines(accounts: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """How to sign in as each of these, for the terminal."""
    if accounts:
        yield "Sign in (“Pieslēgties”) and choose a role; no password is needed on this machine:"
    for account in accounts:
        yield f"  {account['role']:14} {account['name']:20} {account['email']}"


def people() -> list[dict[str, object]]:
    """The demo roles for the sign-in page: whom one becomes and what he or she may do."""
    shown = []
    for account in accounts():
        workplaces = account.person.affiliations.all() if account.person else ()
        roles = [ROLES[grant.role] for grant in account.grant_list()]
        shown.append(
            {
                "pk": account.pk,
                "name": str(account),
                "where": ", ".join(str(each.organisation) for each in workplaces),
                "role": ", ".join(str(role.label) for role in roles),
                "sentence": " ".join(str(role.sentence) for role in roles),
            }
        )
    return shown
