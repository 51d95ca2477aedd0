"""People and organisations for tests, drawn by the house itself. Anna may, Bruno is in the team, Cilda may not."""

from __future__ import annotations

from typing import Any

from talka.core.actions import HUB, SYSTEM
from talka.domains import actions as domains
from talka.domains.models import Domain, Ecosystem
from talka.parties import actions
from talka.parties.models import Account, Organisation, Person


def organisation(code: str = "", **values: Any) -> Organisation:
    """An organisation; its name is its code unless given."""
    given = {"name_lv": code.upper() or "Paraugs", "helix": "public", "kind_of": "authority", **values}
    return actions.add_organisation(HUB, by=SYSTEM, code=code, **given)


def ecosystem(code: str = "biomed") -> Ecosystem:
    """An ecosystem of a domain of its own."""
    domain = domains.add_domain(HUB, by=SYSTEM, code=f"{code}-domain", title_lv="Joma")
    assert isinstance(domain, Domain)
    return domains.add_ecosystem(HUB, by=SYSTEM, code=code, domain=domain, title_lv=f"Ekosistēma {code}")


def person(given: str, family: str = "Paraugs", **values: Any) -> Person:
    """A person without an account."""
    return actions.add_person(HUB, by=SYSTEM, given=given, family=family, **values)


def account(
    given: str, role: str = "", where: Ecosystem | None = None, at: Organisation | None = None
) -> Account:
    """Somebody who can sign in, with a role in an ecosystem (None: everywhere) and a place of work."""
    someone = person(given, email=f"{given.casefold()}@example.test")
    opened = actions.open_account(someone, by=SYSTEM)
    if at is not None:
        actions.affiliate(someone, by=SYSTEM, organisation=at)
    if role:
        actions.grant(opened, by=SYSTEM, role=role, ecosystem=where)
    return opened


def anna(where: Ecosystem | None = None) -> Account:
    """Anna may: she coordinates an ecosystem."""
    return account("Anna", "coordinator", where or ecosystem())


def bruno(where: Ecosystem) -> Account:
    """Bruno is in the team: an officer."""
    return account("Bruno", "officer", where)


def cilda() -> Account:
    """Cilda may not: she has an account and no role."""
    return account("Cilda")


def dzintars() -> Account:
    """Dzintars administers the hub."""
    return account("Dzintars", "administrator")
