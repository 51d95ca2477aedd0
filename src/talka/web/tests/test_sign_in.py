"""The way in and out: passwords, wrong tries, the demo roles, and never to another site."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.utils.translation import override

from talka.core.actions import SYSTEM
from talka.parties import actions as parties
from talka.parties.models import Account
from talka.parties.tests import factories as make
from talka.web import demo, forms

pytestmark = pytest.mark.django_db
PASSWORD = "bites lido agri no rīta"


@pytest.fixture(autouse=True)
def nobody_tried_yet() -> None:
    cache.clear()


@pytest.fixture
def anna() -> Account:
    account = make.anna()
    parties.set_password(account, by=SYSTEM, password=PASSWORD)
    return account


def tried(client: Client, email: str = "anna@example.test", password: str = PASSWORD, **more: str) -> Any:
    return client.post("/en/sign-in/", {"email": email, "password": password, **more})


def who(client: Client) -> str:
    """The e-mail of whoever is signed in, "" for nobody."""
    user = client.get("/en/about/").context["user"]
    return user.email if user.is_authenticated else ""


def test_the_right_password_leads_to_ones_work(anna: Account) -> None:
    client = Client()
    assert tried(client).headers["Location"] == "/en/my/"
    assert who(client) == "anna@example.test"
    capitals = Client()
    tried(capitals, "Anna@Example.test")
    assert who(capitals) == "anna@example.test"


@pytest.mark.parametrize(
    ("email", "password", "explained"),
    [
        ("anna@example.test", "wrong", "do not fit together"),
        (
            "nobody@example.test",
            PASSWORD,
            "do not fit together",
        ),  # as for a wrong password: who has an account is no news
        ("", PASSWORD, "This field is required"),
        ("anna@example.test", "", "This field is required"),
        ("not an address", PASSWORD, "Enter a valid email address"),
    ],
)
def test_what_is_wrong_is_explained(anna: Account, email: str, password: str, explained: str) -> None:
    client = Client()
    answer = tried(client, email, password)
    assert (answer.status_code, who(client)) == (200, "")
    assert explained in answer.content.decode()
    assert PASSWORD not in answer.content.decode()


def test_a_closed_account_cannot_sign_in(anna: Account) -> None:
    parties.deactivate(anna, by=SYSTEM)
    client = Client()
    assert "do not fit together" in tried(client).content.decode()
    assert who(client) == ""


def test_ten_wrong_tries_lock_an_account_from_one_address_for_a_while(anna: Account) -> None:
    client = Client()
    for _try in range(forms.ATTEMPTS):
        assert "do not fit together" in tried(client, password="wrong").content.decode()
    assert "Too many wrong tries" in tried(client).content.decode()
    assert "Too many wrong tries" in tried(client, "ANNA@example.test").content.decode()
    assert who(client) == ""
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert tried(elsewhere).status_code == 302
    cache.clear()  # a quarter of an hour later
    assert tried(client).status_code == 302


def test_the_right_password_forgets_the_wrong_tries(anna: Account) -> None:
    client = Client()
    for _round in range(2):
        for _try in range(forms.ATTEMPTS - 1):
            tried(client, password="wrong")
        assert tried(client).status_code == 302


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/en/biomed/plan/?state=late", "/en/biomed/plan/?state=late"),
        ("", "/en/my/"),
        ("https://evil.example/", "/en/my/"),
        ("//evil.example/", "/en/my/"),
        ("/\\evil.example/", "/en/my/"),
        ("javascript:alert(1)", "/en/my/"),
        ("http:///evil.example/", "/en/my/"),
        ("\thttps://evil.example/", "/en/my/"),
    ],
)
def test_after_signing_in_one_never_lands_on_another_site(anna: Account, wanted: str, reached: str) -> None:
    assert tried(Client(), next=wanted).headers["Location"] == reached
    shown = Client().get("/en/sign-in/", {"next": wanted})
    assert shown.context["next"] == (wanted if reached == wanted else "my-work")


def test_what_needs_an_account_asks_for_it_and_leads_back(anna: Account) -> None:
    client = Client()
    asked = client.get("/en/my/")
    assert asked.headers["Location"] == "/en/sign-in/?next=/en/my/"
    kept = client.get(asked.headers["Location"]).context["next"]
    assert tried(client, next=kept).headers["Location"] == "/en/my/"


def test_the_session_is_a_new_one_and_ends_with_signing_out(anna: Account) -> None:
    """Whoever kept the old cookie has nothing: the session is gone from where every process looks."""
    client = Client()
    client.get("/en/sign-in/")
    tried(client)
    kept = client.cookies["sessionid"].value
    assert client.post("/en/sign-out/").headers["Location"] == "/en/"
    assert not Session.objects.filter(session_key=kept).exists()
    thief = Client()
    thief.cookies["sessionid"] = kept
    assert "You are signed out." in client.get("/en/about/").content.decode()
    assert (who(client), who(thief)) == ("", "")


def test_signing_out_and_in_needs_the_sites_own_form(anna: Account) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(anna)
    for page in ("/en/sign-out/", "/en/sign-in/", "/en/sign-in/demo/"):
        assert client.post(page).status_code == 403, page
    assert who(client) == "anna@example.test"


def test_a_new_password_ends_the_other_sessions(anna: Account) -> None:
    client = Client()
    tried(client)
    parties.set_password(Account.objects.get(pk=anna.pk), by=SYSTEM, password="pavisam cita garā parole")
    assert who(client) == ""


# ---------------------------------------------------------------- the demo roles


def test_the_demo_offers_each_invented_person(anna: Account, settings: Any) -> None:
    settings.DEMO = True
    make.account(
        "Gunars", "council", make.ecosystem("other"), at=make.organisation("osi", name_lv="Institūts")
    )
    with override("en"):
        shown = {person["name"]: (person["role"], person["where"]) for person in demo.people()}
    assert shown == {
        "Anna Paraugs": ("Coordinator of the ecosystem", ""),
        "Gunars Paraugs": ("Member of the council", "Institūts"),
    }
    page = Client().get("/en/sign-in/").content.decode()
    assert page.count('name="account"') == 2


def test_in_the_demo_one_becomes_an_invented_person_without_a_password(anna: Account, settings: Any) -> None:
    settings.DEMO = True
    client = Client()
    answer = client.post("/en/sign-in/demo/", {"account": anna.pk, "next": "/en/biomed/"})
    assert (answer.headers["Location"], who(client)) == ("/en/biomed/", "anna@example.test")
    away = Client().post("/en/sign-in/demo/", {"account": anna.pk, "next": "//evil.example/"})
    assert away.headers["Location"] == "/en/my/"


def test_without_the_demo_nobody_does(anna: Account, settings: Any) -> None:
    settings.DEMO = False
    client = Client()
    assert client.post("/en/sign-in/demo/", {"account": anna.pk}).status_code == 404
    assert who(client) == ""
    assert 'name="account"' not in client.get("/en/sign-in/").content.decode()


@pytest.mark.parametrize("account", ["", "0", "abc", "-1", "1;drop", "9" * 30])
def test_the_demo_knows_nobody_else(anna: Account, settings: Any, account: str) -> None:
    settings.DEMO = True
    assert Client().post("/en/sign-in/demo/", {"account": account}).status_code == 404


def test_the_demo_does_not_open_the_accounts_of_real_people(settings: Any) -> None:
    settings.DEMO = True
    person = make.person("Anna", email="anna@ministry.example")
    real = parties.open_account(person, by=SYSTEM)
    closed = make.account("Bruno")
    parties.deactivate(closed, by=SYSTEM)
    for account in (real, closed):
        assert Client().post("/en/sign-in/demo/", {"account": account.pk}).status_code == 404
    assert demo.people() == []


def test_the_terminal_tells_whom_one_may_become() -> None:
    assert list(demo.lines([])) == []
    make.dzintars()
    assert demo.offered() == [
        {"role": "administrator", "name": "Dzintars Paraugs", "email": "dzintars@example.test"}
    ]
    assert list(demo.lines(demo.offered()))[1].split() == [
        "administrator", "Dzintars", "Paraugs", "dzintars@example.test",
    ]  # fmt: skip
