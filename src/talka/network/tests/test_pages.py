"""The room's pages: open to everyone, a fixed number of queries, the way to act only for who may."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from talka.network.models import CompetenceField, Niche
from talka.network.tests import factories

pytestmark = pytest.mark.django_db


def signed_in(account: Any) -> Client:
    client = Client()
    client.force_login(account, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(
    ("path", "queries"),
    [("/lv/bees/network/", 2), ("/lv/bees/network/competences/", 2), ("/lv/bees/network/niches/n0/", 3)],
)
def test_a_page_costs_the_same_whatever_it_shows(
    django_assert_num_queries: Any, client: Client, path: str, queries: int, rows: int
) -> None:
    eco = factories.ecosystem()
    top = None
    for number in range(rows):
        top = factories.niche(eco, f"n{number}", top if number == 1 else None)
        factories.competence(eco, f"c{number}")
    with django_assert_num_queries(queries):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/en/bees/network/", "/en/bees/network/competences/"])
def test_an_empty_page_says_how_to_begin_to_whoever_may(path: str) -> None:
    eco = factories.ecosystem()
    people = factories.people(eco)
    assert b"t-empty" in Client().get(path).content
    assert b"btn-primary" not in Client().get(path).content
    assert b"btn-primary" not in signed_in(people.cilda).get(path).content
    assert b"btn-primary" in signed_in(people.anna).get(path).content


def test_anna_adds_and_changes_a_niche_and_a_competence() -> None:
    eco = factories.ecosystem()
    anna = signed_in(factories.people(eco).anna)
    made = anna.post("/lv/bees/network/add-niche/", {"code": "honey", "title_lv": "Medus", "order": "1"})
    assert (made.status_code, made["Location"]) == (302, "/lv/bees/network/niches/honey/")
    changed = anna.post(
        "/lv/bees/network/niches/honey/edit/",
        {"code": "honey", "title_lv": "Liepziedu medus", "order": "1", "seen": "1"},
    )
    assert changed.status_code == 302
    assert Niche.objects.get(code="honey").title_lv == "Liepziedu medus"
    added = anna.post(
        "/lv/bees/network/competences/add/",
        {"code": "wax", "title_lv": "Vasks", "order": "1", "kind_of": "research"},
    )
    assert (added.status_code, added["Location"]) == (302, "/lv/bees/network/competences/#wax")
    again = anna.post(
        "/lv/bees/network/competences/wax/edit/",
        {"code": "wax", "title_lv": "Bišu vasks", "order": "1", "kind_of": "interest", "seen": "1"},
    )
    assert again.status_code == 302
    assert CompetenceField.objects.get(code="wax").kind_of == "interest"


def test_a_refused_form_keeps_what_was_typed_and_says_why_beside_the_field() -> None:
    eco = factories.ecosystem()
    factories.niche(eco, "honey")
    answer = signed_in(factories.people(eco).anna).post(
        "/en/bees/network/add-niche/", {"code": "honey", "title_lv": "Cits medus", "order": "0"}
    )
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "The code “honey” is taken" in text
    assert 'value="Cits medus"' in text


def test_the_second_of_two_editors_is_told_and_loses_nothing() -> None:
    eco = factories.ecosystem()
    factories.niche(eco, "honey")
    anna = signed_in(factories.people(eco).anna)
    first = {"code": "honey", "title_lv": "Pirmais", "order": "0", "seen": "1"}
    assert anna.post("/lv/bees/network/niches/honey/edit/", first).status_code == 302
    answer = anna.post("/lv/bees/network/niches/honey/edit/", {**first, "title_lv": "Otrais"})
    text = answer.content.decode()
    assert answer.status_code == 409
    assert ('value="Otrais"' in text, "Anna Paraugs" in text) == (True, True)
    assert Niche.objects.get(code="honey").title_lv == "Pirmais"


@pytest.mark.parametrize(
    "path", ["add-niche/", "niches/honey/edit/", "competences/add/", "competences/wax/edit/"]
)
def test_who_may_not_is_refused_and_who_is_not_known_is_asked_to_sign_in(path: str) -> None:
    eco = factories.ecosystem()
    factories.niche(eco, "honey")
    factories.competence(eco, "wax")
    people = factories.people(eco)
    url = f"/lv/bees/network/{path}"
    assert Client().get(url)["Location"].startswith("/lv/sign-in/?next=")
    assert signed_in(people.cilda).get(url).status_code == 403
    assert signed_in(people.cilda).post(url, {"code": "x", "title_lv": "X", "order": "0"}).status_code == 403
    assert signed_in(people.anna).get(url).status_code == 200


@pytest.mark.parametrize("path", ["/lv/nowhere/network/", "/lv/bees/network/niches/none/"])
def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    factories.ecosystem()
    assert client.get(path).status_code == 404
