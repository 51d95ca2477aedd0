"""What a reader sees where a page fails: what happened, what would have been right, and the way on."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from talka.parties.models import Account
from talka.parties.tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def failing_pages(settings: Any) -> None:
    settings.ROOT_URLCONF = "talka.web.tests.error_urls"


@pytest.fixture
def cilda() -> Account:
    return make.cilda()


def client_of(account: Account | None) -> Client:
    client = Client(raise_request_exception=False)
    if account is not None:
        client.force_login(account)
    return client


@pytest.mark.parametrize(
    ("how", "status", "told"),
    [
        ("refused", 403, "Only the council may do this."),
        ("invalid", 400, "The deadline lies before the start."),
        ("narrower", 400, "The deadline lies before the start."),
        ("changed", 409, "Someone changed these rows."),
        ("stale", 409, "Someone changed this meanwhile."),
        ("denied", 403, "Not for you."),
        ("missing", 404, "This page is not here"),
        ("suspicious", 400, "This request cannot be understood"),
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_error_is_a_page_that_says_what_would_have_been_right(
    cilda: Account, how: str, status: int, told: str, method: str
) -> None:
    answer = getattr(client_of(cilda), method)(f"/en/fail/{how}/")
    page = answer.content.decode()
    assert answer.status_code == status
    assert told in page
    assert "data-keeps-drafts" in page  # nothing typed was accepted, so nothing typed is forgotten
    assert "Traceback" not in page
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")


@pytest.mark.parametrize("language", ["lv", "en"])
@pytest.mark.parametrize("how", ["refused", "invalid", "stale", "missing"])
def test_errors_speak_the_readers_language(cilda: Account, language: str, how: str) -> None:
    page = client_of(cilda).get(f"/{language}/fail/{how}/").content.decode()
    assert f'<html lang="{language}"' in page
    assert ("Skip to content" in page, "Pāriet uz saturu" in page) == (language == "en", language == "lv")


def test_a_fault_of_the_house_tells_nothing_of_its_inside(
    cilda: Account, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client_of(cilda).get("/en/fail/broken/")
    assert answer.status_code == 500
    assert "secret" not in answer.content.decode()
    assert "a secret of the house" in caplog.text


def test_whoever_is_not_signed_in_is_asked_to_sign_in_first() -> None:
    """He or she may turn out to be allowed. What was posted leads back to the page with the form."""
    public = client_of(None)
    assert (
        public.get("/en/fail/refused/?a=1").headers["Location"]
        == "/en/sign-in/?next=%2Fen%2Ffail%2Frefused%2F%3Fa%3D1"
    )
    posted = public.post("/en/fail/refused/", headers={"referer": "http://testserver/en/about/?x=1"})
    assert posted.headers["Location"] == "/en/sign-in/?next=%2Fen%2Fabout%2F%3Fx%3D1"
    assert public.get("/en/fail/invalid/").status_code == 400


def test_after_a_conflict_the_form_is_one_click_away(cilda: Account) -> None:
    answer = client_of(cilda).post("/en/fail/stale/", headers={"referer": "http://testserver/en/about/"})
    assert '<a class="btn btn-primary" href="/en/about/">' in answer.content.decode()


def test_a_name_that_is_not_this_hubs_is_not_answered(settings: Any) -> None:
    answer = client_of(None).get("/en/about/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "evil.example" not in answer.content.decode()


def test_an_address_that_leads_nowhere_is_told(cilda: Account) -> None:
    answer = client_of(cilda).get("/en/biomed/no/such/page/")
    assert answer.status_code == 404
    assert "This page is not here" in answer.content.decode()


def test_a_form_from_elsewhere_is_told_apart(cilda: Account) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(cilda)
    answer = client.post("/en/sign-out/")
    assert answer.status_code == 403
    assert "The form was open too long" in answer.content.decode()
