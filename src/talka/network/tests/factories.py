"""Rows drawn for tests, through the rooms' own verbs, and the same people in every test: Anna may, Bruno is in the

team, Cilda may not. The rooms beside this one and above it draw their ecosystems and people here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from talka.core.actions import HUB, SYSTEM
from talka.core.testing import acting
from talka.domains import actions as domains
from talka.domains.models import Ecosystem
from talka.network import actions
from talka.network.models import CompetenceField, Niche
from talka.parties.models import Account, Affiliation, Grant, Organisation, Person


def ecosystem(code: str = "bees") -> Ecosystem:
    """An ecosystem of an invented domain."""
    domain = domains.add_domain(HUB, by=SYSTEM, code=f"{code}-domain", title_lv="Bišu joma", title_en="Bees")
    return domains.add_ecosystem(
        HUB, by=SYSTEM, code=code, domain=domain, title_lv=f"Ekosistēma {code}", title_en=f"Ecosystem {code}"
    )


def organisation(code: str, **values: Any) -> Organisation:
    """An invented organisation; its acronym is its code in capitals."""
    named: dict[str, Any] = {
        "acronym": code.upper(),
        "name_lv": f"Organizācija {code}",
        "name_en": f"Organisation {code}",
        "helix": "science",
        "kind_of": "institute",
    }
    with acting():
        made = Organisation(code=code, **{**named, **values})
        made.save()
    return made


def account(
    given: str, role: str = "", eco: Ecosystem | None = None, works_in: Organisation | None = None
) -> Account:
    """An account of an invented person, with a role in an ecosystem and a place of work if given."""
    with acting():
        person = Person(code=given.casefold(), given=given, family="Paraugs")
        person.save()
        made = Account(email=f"{given.casefold()}@example.test", person=person)
        made.set_unusable_password()
        made.save()
        if role:
            Grant(account=made, role=role, ecosystem=eco).save()
        if works_in is not None:
            Affiliation(person=person, organisation=works_in).save()
    return made


@dataclass(frozen=True)
class People:
    """Anna coordinates, Bruno sits on the council, Cilda only looks on."""

    anna: Account
    bruno: Account
    cilda: Account


def people(eco: Ecosystem) -> People:
    return People(
        account("Anna", "coordinator", eco), account("Bruno", "council", eco), account("Cilda", "viewer", eco)
    )


def niche(eco: Ecosystem, code: str, parent: Niche | None = None, **values: Any) -> Niche:
    named: dict[str, Any] = {"title_lv": f"Niša {code}", "title_en": f"Niche {code}"}
    return actions.add_niche(eco, by=SYSTEM, code=code, parent=parent, **{**named, **values})


def competence(
    eco: Ecosystem, code: str, kind: str = "research", parent: CompetenceField | None = None, **values: Any
) -> CompetenceField:
    named: dict[str, Any] = {"title_lv": f"Kompetence {code}", "title_en": f"Competence {code}"}
    return actions.add_competence(
        eco, by=SYSTEM, code=code, kind_of=kind, parent=parent, **{**named, **values}
    )
