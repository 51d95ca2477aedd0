"""Who may do what: the whole table. Anna coordinates, Bruno is an officer, Cilda has no role, Dzintars administers."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from talka.core.actions import HUB, SYSTEM, Refused
from talka.core.http import asker
from talka.core.rules import PERMISSIONS
from talka.parties import actions, rules
from talka.parties.roles import ROLES, matrix_markdown
from talka.parties.tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> dict[str, Any]:
    where = make.ecosystem()
    return {
        "system": SYSTEM,
        "Dzintars": make.dzintars(),
        "Anna": make.anna(where),
        "Bruno": make.bruno(where),
        "Cilda": make.cilda(),
        "public": None,
    }


# Who is let in, in the order of `people`.
TABLE = {
    #                      system Dzintars Anna  Bruno  Cilda  public
    "may_edit":           (True, True,  True,  False, False, False),
    "may_administer":     (True, True,  False, False, False, False),
    "may_see_people":     (True, True,  True,  True,  True,  False),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_the_table_of_rules_about_the_hub(name: str, people: dict[str, Any]) -> None:
    assert tuple(getattr(rules, name)(by, HUB) for by in people.values()) == TABLE[name]


def test_who_may_affiliate_depends_on_whether_the_person_can_sign_in(people: dict[str, Any]) -> None:
    without, signs_in = make.person("Elza"), people["Cilda"].person
    assert {
        name: (rules.may_affiliate(by, without), rules.may_affiliate(by, signs_in))
        for name, by in people.items()
    } == {
        "system": (True, True),
        "Dzintars": (True, True),
        "Anna": (True, False),
        "Bruno": (False, False),
        "Cilda": (False, False),
        "public": (False, False),
    }


def test_an_account_keeps_its_own_password_and_keys(people: dict[str, Any]) -> None:
    own = people["Cilda"]
    key = actions.make_token(own, by=own, label="script")
    assert {
        name: (rules.may_keep_own(by, own), rules.may_keep_own(by, key), rules.may_make_token(by, own))
        for name, by in people.items()
    } == {
        "system": (True, True, True),
        "Dzintars": (True, True, False),  # revokes, but acts as nobody else
        "Anna": (False, False, False),
        "Bruno": (False, False, False),
        "Cilda": (True, True, True),
        "public": (False, False, False),
    }


def test_a_closed_account_may_nothing(people: dict[str, Any]) -> None:
    anna = people["Anna"]
    actions.deactivate(anna, by=SYSTEM)
    assert not rules.may_edit(anna, HUB)
    assert not rules.may_see_people(anna, HUB)
    assert not rules.may_make_token(anna, anna)


# Every verb, by somebody who may not: (verb, who is refused).
REFUSED = {
    "add_organisation": ("Bruno", "Cilda", "public"),
    "edit_organisation": ("Bruno", "Cilda", "public"),
    "add_names": ("Bruno", "Cilda", "public"),
    "withdraw": ("Bruno", "Cilda", "public"),
    "merge": ("Bruno", "Cilda", "public"),
    "add_person": ("Bruno", "Cilda", "public"),
    "edit_person": ("Bruno", "Cilda", "public"),
    "affiliate": ("Anna", "Bruno", "Cilda", "public"),  # of Cilda, who has an account
    "edit_affiliation": ("Anna", "Bruno", "Cilda", "public"),
    "end_affiliation": ("Anna", "Bruno", "Cilda", "public"),
    "open_account": ("Anna", "Bruno", "Cilda", "public"),
    "invite": ("Anna", "Bruno", "Cilda", "public"),
    "choose_password": ("Anna", "Bruno", "public"),
    "set_password": ("Anna", "Bruno", "public"),
    "set_language": ("Anna", "Bruno", "public"),
    "set_email": ("Anna", "Bruno", "Cilda", "public"),
    "deactivate": ("Anna", "Bruno", "Cilda", "public"),
    "reactivate": ("Anna", "Bruno", "Cilda", "public"),
    "grant": ("Anna", "Bruno", "Cilda", "public"),
    "revoke": ("Anna", "Bruno", "Cilda", "public"),
    "make_token": ("Dzintars", "Anna", "Bruno", "public"),
    "revoke_token": ("Anna", "Bruno", "public"),
}


def test_the_table_names_every_verb() -> None:
    verbs = {name for name, thing in vars(actions).items() if getattr(thing, "verb", "") == f"parties.{name}"}
    assert verbs == REFUSED.keys()


@pytest.mark.parametrize("name", REFUSED)
def test_a_verb_refuses_whoever_may_not(name: str, people: dict[str, Any]) -> None:
    cilda: Any = people["Cilda"]
    place = make.organisation("viens")
    affiliation = actions.affiliate(cilda.person, by=SYSTEM, organisation=place)
    grant = actions.grant(people["Bruno"], by=SYSTEM, role="viewer")
    subjects: dict[str, Any] = {
        "add_organisation": HUB, "edit_organisation": place, "add_names": place, "withdraw": place,
        "add_person": HUB, "edit_person": cilda.person, "affiliate": cilda.person, "open_account": make.person("Elza"),
        "edit_affiliation": affiliation, "end_affiliation": affiliation, "revoke": grant,
        "revoke_token": actions.make_token(cilda, by=cilda, label="script"),
    }  # fmt: skip
    needed: dict[str, dict[str, Any]] = {
        "add_names": {"names": [("Cits", "")]}, "merge": {"into": make.organisation("divi")},
        "affiliate": {"organisation": place}, "choose_password": {"password": "x", "token": "x"},
        "set_password": {"password": "x"}, "set_language": {"language": "en"}, "set_email": {"email": "x@example.test"},
        "grant": {"role": "administrator"}, "make_token": {"label": "x"},
    }  # fmt: skip
    subject = place if name == "merge" else subjects.get(name, cilda)
    for who in REFUSED[name]:
        with pytest.raises(Refused):
            getattr(actions, name)(subject, by=people[who], **needed.get(name, {}))


def test_the_public_is_nobody(rf: Any) -> None:
    request = rf.get("/")
    request.user = AnonymousUser()
    assert asker(request) is None


def test_the_matrix_names_every_role_and_every_permission_of_a_role() -> None:
    text = matrix_markdown()
    for role in ROLES.values():
        assert f"**{role.label}**" in text
    for code in PERMISSIONS.keys() & set().union(*(role.permissions for role in ROLES.values())):
        assert f"`{code}`" in text
    row = next(line for line in text.splitlines() if "`parties.administer`" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")][1:] == [*[""] * (len(ROLES) - 1), "yes"]
