"""The room's pages: what is decided is open to everyone, what waits is not; a fixed number of queries."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client

from talka.core.actions import SYSTEM
from talka.domains.models import Ecosystem
from talka.governance import actions
from talka.governance.models import Body, Decision
from talka.governance.queries import SUBJECTS, Carried, Decidable
from talka.governance.tests import factories
from talka.network.tests.factories import ecosystem, people
from talka.network.tests.test_pages import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def renaming(monkeypatch: pytest.MonkeyPatch) -> None:
    """The only thing on offer to decisions here: to rename the ecosystem."""
    for kind in list(SUBJECTS):
        monkeypatch.delitem(SUBJECTS, kind)
    monkeypatch.setitem(
        SUBJECTS,
        Ecosystem.kind(),
        Decidable(lambda e, t: e, lambda row: row.code, {"domains.edit_ecosystem": "Rename"}, lambda e: [e]),
    )


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_costs_the_same_whatever_it_shows(
    django_assert_num_queries: Any, client: Client, rows: int
) -> None:
    eco = ecosystem()
    for number in range(rows):
        council = factories.body(eco, f"body{number}")
        actions.adopt(factories.decision(council), by=SYSTEM)
    with django_assert_num_queries(5):
        assert client.get("/lv/bees/council/").status_code == 200


@pytest.mark.parametrize("changed", [1, 3])
@pytest.mark.usefixtures("renaming")
def test_a_decision_costs_the_same_whatever_it_changed(
    django_assert_num_queries: Any, client: Client, changed: int
) -> None:
    eco = ecosystem()
    arguments = dict(list({"title_lv": "Medus", "short_lv": "M", "source": "S"}.items())[:changed])
    row = factories.decision(factories.body(eco), carries=Carried("domains.edit_ecosystem", eco, arguments))
    actions.adopt(row, by=SYSTEM)
    with django_assert_num_queries(5):
        text = client.get(f"/en/bees/council/decisions/{row.pk}/").content.decode()
    assert text.count("<ins>") == changed


def test_the_public_sees_no_decision_that_waits() -> None:
    eco = ecosystem()
    everyone = people(eco)
    row = factories.decision(factories.body(eco), "Par medu")
    url = f"/lv/bees/council/decisions/{row.pk}/"
    seen = {
        name: (client.get(url).status_code, "Par medu" in client.get("/lv/bees/council/").content.decode())
        for name, client in {
            "public": Client(),
            "anna": signed_in(everyone.anna),
            "bruno": signed_in(everyone.bruno),
            "cilda": signed_in(everyone.cilda),
        }.items()
    }
    assert seen == {"public": (404, False), "anna": (200, True), "bruno": (200, True), "cilda": (200, True)}
    actions.adopt(row, by=SYSTEM)
    assert Client().get(url).status_code == 200


@pytest.mark.usefixtures("renaming")
def test_anna_prepares_bruno_adopts_and_everybody_sees_what_it_changed() -> None:
    eco = ecosystem()
    everyone = people(eco)
    factories.body(eco)
    anna, bruno = signed_in(everyone.anna), signed_in(everyone.bruno)
    key = f"domains.edit_ecosystem:domains.ecosystem:{eco.pk}"
    made = anna.post(
        "/lv/bees/council/decisions/add/", {"title_lv": "Par medu", "text_lv": "Nolemj.", "carries": key}
    )
    row = Decision.objects.get()
    assert (made.status_code, made["Location"]) == (302, f"/lv/bees/council/decisions/{row.pk}/")
    assert (row.verb, row.subject_id) == ("domains.edit_ecosystem", eco.pk)
    assert anna.get(f"/lv/bees/council/decisions/{row.pk}/edit/").content.decode().count("selected") == 1
    assert anna.get(f"/lv/bees/council/decisions/{row.pk}/adopt/").status_code == 403
    assert bruno.get(f"/lv/bees/council/decisions/{row.pk}/adopt/").status_code == 200
    adopted = bruno.post(
        f"/lv/bees/council/decisions/{row.pk}/adopt/", {"decided_on": "2023-05-01", "seen": "1"}
    )
    assert adopted.status_code == 302
    row.refresh_from_db()
    assert (row.number, row.decided_on) == ("2023-1", date(2023, 5, 1))
    public = Client().get(f"/lv/bees/council/decisions/{row.pk}/").content.decode()
    signed = bruno.get(f"/lv/bees/council/decisions/{row.pk}/").content.decode()
    assert "2023-1" in public
    assert ("Bruno" in public, "Bruno Paraugs, " in signed) == (False, True)


def test_bruno_rejects_with_a_reason() -> None:
    eco = ecosystem()
    row = factories.decision(factories.body(eco))
    bruno = signed_in(people(eco).bruno)
    url = f"/lv/bees/council/decisions/{row.pk}/reject/"
    assert bruno.post(url, {"decided_on": "2023-05-01", "reason": "", "seen": "1"}).status_code == 200
    assert (
        bruno.post(url, {"decided_on": "2023-05-01", "reason": "Par agru.", "seen": "1"}).status_code == 302
    )
    assert "Par agru." in Client().get(f"/lv/bees/council/decisions/{row.pk}/").content.decode()


def test_anna_edits_and_publishes_and_keeps_the_bodies() -> None:
    eco = ecosystem()
    anna = signed_in(people(eco).anna)
    assert anna.get("/lv/bees/council/decisions/add/")["Location"] == "/lv/bees/council/bodies/add/"
    body = {"code": "council", "title_lv": "Padome", "kind_of": "council"}
    assert anna.post("/lv/bees/council/bodies/add/", body).status_code == 302
    changed = {**body, "title_lv": "Stratēģiskā padome", "seen": "1"}
    assert anna.post("/lv/bees/council/bodies/council/edit/", changed).status_code == 302
    assert Body.objects.get().title_lv == "Stratēģiskā padome"
    row = factories.decision(Body.objects.get())
    edited = anna.post(f"/lv/bees/council/decisions/{row.pk}/edit/", {"title_lv": "Par vasku", "seen": "1"})
    assert edited.status_code == 302
    actions.adopt(Decision.objects.get(), by=SYSTEM)
    revision = Decision.objects.get().revision
    published = anna.post(
        f"/lv/bees/council/decisions/{row.pk}/publish/", {"text_lv": "Nolemj.", "seen": str(revision)}
    )
    assert published.status_code == 302
    row.refresh_from_db()
    assert (row.title_lv, row.text_lv) == ("Par vasku", "Nolemj.")


@pytest.mark.parametrize("path", ["decisions/add/", "bodies/add/", "bodies/council/edit/"])
def test_who_may_not_is_refused_and_who_is_not_known_is_asked_to_sign_in(path: str) -> None:
    eco = ecosystem()
    factories.body(eco)
    everyone = people(eco)
    url = f"/lv/bees/council/{path}"
    assert Client().get(url)["Location"].startswith("/lv/sign-in/?next=")
    assert signed_in(everyone.bruno).get(url).status_code == 403
    assert signed_in(everyone.anna).get(url).status_code == 200


def test_an_empty_page_says_how_to_begin_to_whoever_may() -> None:
    eco = ecosystem()
    everyone = people(eco)
    assert b"t-empty" in Client().get("/en/bees/council/").content
    assert b"btn-primary" not in signed_in(everyone.cilda).get("/en/bees/council/").content
    assert b"btn-primary" in signed_in(everyone.anna).get("/en/bees/council/").content
