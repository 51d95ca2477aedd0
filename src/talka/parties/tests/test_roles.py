"""Roles: what a refusal tells of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.utils.translation import override

from talka.core.actions import Refused
from talka.core.rules import anyone, who_may
from talka.parties import rules


@pytest.fixture(autouse=True)
def _english():
    with override("en"):
        yield


def test_a_refusal_says_which_right_it_takes_and_which_roles_give_it() -> None:
    assert who_may(rules.may_administer) == (
        "The right it takes: Give and take accounts and roles. Roles that give it: Administrator of the hub."
    )


def test_a_rule_of_no_right_says_nothing_of_roles() -> None:
    assert who_may(anyone) == ""
    refused = Refused("plan.edit", SimpleNamespace(__str__=lambda self: "Cilda"), "It is closed.", anyone)
    assert str(refused) == "It is closed."
