"""The API: a kiosk's day sent twice, FHIR in, withdrawals with how far they came, and nothing for who may not."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from talka.api.tests.factories import ask, key
from talka.biobanks import actions
from talka.biobanks.models import Statement
from talka.biobanks.standards import consent as fhir
from talka.biobanks.tests import factories
from talka.biobanks.tests.factories import told
from talka.core.actions import SYSTEM

pytestmark = pytest.mark.django_db
BASE = "ecosystems/bees"


@pytest.fixture
def scene() -> dict[str, Any]:
    eco = factories.ecosystem()
    of = factories.biobank(eco)
    factories.collection(of, "spring", materials=["DNA"])
    factories.form(eco)
    people = factories.people(eco, factories.organisation())
    return {
        "lab": factories.collector(eco, of),
        "bruno": key(people.bruno),
        "cilda": key(people.cilda),
    }


def test_a_kiosks_day_sent_twice_counts_once(scene: dict[str, Any]) -> None:
    day = {
        "statements": [told(str(uuid.uuid4()).translate(LETTERS), f"id:lab:d{each}") for each in range(300)]
    }
    where = f"{BASE}/collectors/lab/statements"
    first, again = (ask("post", where, body=day, bearer=scene["bruno"]) for _each in range(2))
    assert (first.status_code, first.json()["taken"], again.json()["taken"], again.json()["known"]) == (
        200,
        300,
        0,
        300,
    )
    assert Statement.objects.count() == 300
    assert ask("post", where, body=day, bearer=scene["cilda"]).status_code == 403
    assert ask("post", where, body=day).status_code == 401


# A UUID may hold eleven digits in a row, which read like a personal code; its maker's letters never do.
LETTERS = str.maketrans("0123456789", "ghijklmnop")


def test_fhir_comes_in_and_a_withdrawal_says_how_far_it_came(scene: dict[str, Any]) -> None:
    actions.take_in(scene["lab"], by=SYSTEM, statements=[told("given/00001")])
    resource = {**fhir.consent(Statement.objects.get()), "identifier": [{"value": "other/00001"}]}
    taken = ask("post", f"{BASE}/collectors/lab/fhir", body=resource, bearer=scene["bruno"])
    assert taken.status_code == 200, taken.json()
    assert taken.json()["outcomes"] == [{"id": "other/00001", "status": "taken", "why": ""}]
    sent = {"id": "app/000001", "subject": told("x")["subject"], "biobank": "nectar", "destroy": True}
    for _each in range(2):
        done = ask("post", f"{BASE}/withdrawals", body=sent, bearer=scene["bruno"])
        assert (done.status_code, done.json()["message"], done.json()["nodes"]) == (201, 1, 0)
    [order] = ask("get", f"{BASE}/destructions", bearer=scene["bruno"]).json()["items"]
    act = {"revision": order["revision"], "act_number": "A-1"}
    assert (
        ask("post", f"{BASE}/destructions/{order['id']}/act", body=act, bearer=scene["bruno"]).json()[
            "act_number"
        ]
        == "A-1"
    )
    assert ask("get", f"{BASE}/statements", bearer=scene["cilda"]).json()["count"] == 0
    assert ask("get", f"{BASE}/statements", bearer=scene["bruno"]).json()["count"] == 4
    assert ask("post", f"{BASE}/withdrawals", body=sent, bearer=scene["cilda"]).status_code == 403


def test_the_public_searches_the_directory_and_reads_forms(scene: dict[str, Any]) -> None:
    assert [
        each["code"] for each in ask("get", f"{BASE}/collection-search?material=DNA").json()["items"]
    ] == ["spring"]
    assert ask("get", f"{BASE}/collection-search?material=Urine").json()["count"] == 0
    assert ask("get", f"{BASE}/consent-form-files").json()["forms"][0]["form"] == "broad"
    assert ask("get", f"{BASE}/statements").json()["count"] == 0
