"""The room's pages: open to everyone, a fixed number of queries, the way to act only for who may."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client

from talka.legislation.models import Bill
from talka.legislation.tests import factories
from talka.network.tests.factories import ecosystem, people
from talka.network.tests.test_pages import signed_in

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(("path", "queries"), [("/lv/bees/bills/", 3), ("/lv/bees/bills/b0/", 3)])
def test_a_page_costs_the_same_whatever_it_shows(
    django_assert_num_queries: Any, client: Client, path: str, queries: int, rows: int
) -> None:
    eco = ecosystem()
    for number in range(rows):
        factories.bill(eco, f"b{number}")
    with django_assert_num_queries(queries):
        assert client.get(path).status_code == 200


def test_the_page_of_a_bill_says_where_it_is_and_what_comes_next() -> None:
    eco = ecosystem()
    factories.bill(eco, "honey", "submitted", stage_date=date(2022, 10, 19))
    text = Client().get("/en/bees/bills/honey/").content.decode()
    assert "Since 19\u00a0October\u00a02022." in text
    assert "The next stage is: first reading." in text
    assert text.count('aria-current="step"') == 1


def test_an_empty_page_says_how_to_begin_to_whoever_may() -> None:
    eco = ecosystem()
    everyone = people(eco)
    assert b"t-empty" in Client().get("/en/bees/bills/").content
    assert b"btn-primary" not in signed_in(everyone.cilda).get("/en/bees/bills/").content
    assert b"btn-primary" in signed_in(everyone.anna).get("/en/bees/bills/").content


def test_anna_adds_a_bill_records_a_stage_and_corrects_its_day() -> None:
    eco = ecosystem()
    anna = signed_in(people(eco).anna)
    added = anna.post(
        "/lv/bees/bills/add/",
        {"code": "honey", "title_lv": "Medus likums", "stage": "drafting", "stage_date": ""},
    )
    assert (added.status_code, added["Location"]) == (302, "/lv/bees/bills/honey/")
    passed = anna.post(
        "/lv/bees/bills/honey/stage/", {"stage": "submitted", "date": "2022-10-19", "note": "", "seen": "1"}
    )
    assert passed.status_code == 302
    corrected = anna.post(
        "/lv/bees/bills/honey/stage/correct/", {"date": "2022-10-20", "note": "", "seen": "2"}
    )
    assert corrected.status_code == 302
    edited = anna.post(
        "/lv/bees/bills/honey/edit/", {"code": "honey", "title_lv": "Likums par medu", "seen": "3"}
    )
    assert edited.status_code == 302
    row = Bill.objects.get(code="honey")
    assert (row.title_lv, row.stage, row.stage_date) == ("Likums par medu", "submitted", date(2022, 10, 20))


def test_the_second_of_two_editors_is_told_and_loses_nothing() -> None:
    eco = ecosystem()
    factories.bill(eco, "honey")
    anna = signed_in(people(eco).anna)
    first = {"code": "honey", "title_lv": "Pirmais", "seen": "1"}
    assert anna.post("/lv/bees/bills/honey/edit/", first).status_code == 302
    answer = anna.post("/lv/bees/bills/honey/edit/", {**first, "title_lv": "Otrais"})
    text = answer.content.decode()
    assert answer.status_code == 409
    assert 'value="Otrais"' in text
    assert ("Anna Paraugs" in text, "<del>" in text) == (True, True)
    assert Bill.objects.get(code="honey").title_lv == "Pirmais"


@pytest.mark.parametrize("path", ["add/", "honey/edit/", "honey/stage/", "honey/stage/correct/"])
def test_who_may_not_is_refused_and_who_is_not_known_is_asked_to_sign_in(path: str) -> None:
    eco = ecosystem()
    factories.bill(eco, "honey")
    everyone = people(eco)
    url = f"/lv/bees/bills/{path}"
    assert Client().get(url)["Location"].startswith("/lv/sign-in/?next=")
    assert signed_in(everyone.cilda).get(url).status_code == 403
    assert signed_in(everyone.anna).get(url).status_code == 200


def test_what_is_not_there_is_not_found(client: Client) -> None:
    ecosystem()
    assert client.get("/lv/bees/bills/none/").status_code == 404
