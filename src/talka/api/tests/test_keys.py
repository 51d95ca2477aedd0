"""Who may ask what: without a key, with one that may only read, with one that is no good, from another ecosystem."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from talka.api.tests.factories import account, ask, error, key
from talka.core.actions import SYSTEM
from talka.domains.models import Ecosystem
from talka.parties import actions as parties
from talka.parties.models import Account, Person
from talka.plan.models import Measure, Plan
from talka.plan.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def eco() -> Ecosystem:
    made = factories.ecosystem()
    factories.strategy(made)
    factories.plan(made, 2023, 1, adopted=True)
    return made


@pytest.fixture
def anna(eco: Ecosystem) -> Account:
    return account("Anna", "coordinator", where=eco)


def start(bearer: str = "") -> Any:
    measure = Measure.objects.get(plan__state="adopted")
    return ask(
        "post", f"ecosystems/biomed/measures/{measure.pk}/start", bearer, {"revision": measure.revision}
    )


def test_reading_what_is_public_needs_no_key(eco: Ecosystem) -> None:
    assert ask("get", "ecosystems/biomed/plans/2023/measures").json()["count"] == 1


def test_writing_needs_one(eco: Ecosystem) -> None:
    answer = start()
    assert error(answer) == (401, "unauthorised")
    assert answer["WWW-Authenticate"] == "Bearer"
    assert Measure.objects.get().state == "planned"


def test_anna_may(anna: Account) -> None:
    assert start(key(anna)).json()["state"] == "under_way"


def test_bruno_is_in_the_team_and_reports_but_does_not_coordinate(eco: Ecosystem, anna: Account) -> None:
    ministry = factories.organisation("EM")
    measure = Measure.objects.get()
    bruno = key(account("Bruno", "officer", where=eco, at=ministry))
    assert error(start(bruno)) == (403, "refused")
    where = f"ecosystems/biomed/measures/{measure.pk}"
    report = {"period": "2023", "text": "Darīts"}
    assert error(ask("post", f"{where}/reports", bruno, report)) == (
        403,
        "refused",
    )  # not his institution's measure
    change = {"revision": measure.revision, "responsible": [ministry.code]}
    assert ask("patch", where, key(anna), change).status_code == 200
    answer = ask("post", f"{where}/reports", bruno, report)
    assert (answer.status_code, answer.json()["state"]) == (201, "submitted")
    told = answer.json()["id"]
    assert error(ask("post", f"{where}/reports/{told}/accept", bruno, {})) == (403, "refused")
    assert ask("post", f"{where}/reports/{told}/accept", key(anna), {}).json()["state"] == "accepted"


def test_cilda_may_not(eco: Ecosystem) -> None:
    assert error(start(key(account("Cilda")))) == (403, "refused")


def test_a_key_that_may_only_read_reads(anna: Account) -> None:
    reading = key(anna, read_only=True)
    assert ask("get", "account", reading).json()["name"] == "Anna Paraugs"
    assert error(start(reading)) == (403, "refused")


def test_a_key_is_no_good_when_unknown_revoked_expired_or_of_a_closed_account(anna: Account) -> None:
    revoked = parties.make_token(anna, by=anna, label="test")
    parties.revoke_token(revoked, by=anna)
    expired = parties.make_token(anna, by=anna, label="test", days=1, now=timezone.now() - timedelta(days=2))
    bruno = account("Bruno")
    closed = key(bruno)
    parties.deactivate(bruno, by=SYSTEM)
    for bad in ("talka_invented", revoked.secret, expired.secret, closed):
        for path in ("account", "ecosystems/biomed/plans"):
            assert error(ask("get", path, bad)) == (401, "unauthorised")


def test_a_role_in_another_ecosystem_gives_nothing_here(eco: Ecosystem) -> None:
    other = factories.ecosystem("bioeconomy")
    stranger = key(account("Dzintars", "coordinator", where=other))
    assert error(start(stranger)) == (403, "refused")
    factories.plan(eco, 2024, 1)
    assert error(ask("get", "ecosystems/biomed/plans/2024", stranger)) == (404, "not_found")


def test_drafts_are_not_there_for_the_public(eco: Ecosystem, anna: Account) -> None:
    draft = factories.plan(eco, 2024, 1)
    measure = Measure.objects.get(plan=draft)
    paths = [
        "ecosystems/biomed/plans/2024",
        "ecosystems/biomed/plans/2024/measures",
        "ecosystems/biomed/plans/2024/sections",
        f"ecosystems/biomed/measures/{measure.pk}",
        f"ecosystems/biomed/measures/{measure.pk}/reports",
        f"history/plan.measure/{measure.pk}",
        f"history/plan.plan/{draft.pk}",
    ]
    for path in paths:
        assert error(ask("get", path)) == (404, "not_found"), path
        assert ask("get", path, key(anna)).status_code == 200, path
    assert [each["year"] for each in ask("get", "ecosystems/biomed/plans").json()["items"]] == [2023]
    told = ask("get", "ecosystems/biomed/changes").json()["items"]
    assert {(each["kind"], each["subject"]) for each in told} & {("plan.plan", draft.pk)} == set()
    assert Plan.objects.count() == 2


@pytest.mark.parametrize(
    "kind", ["parties.account", "parties.person", "parties.token", "core.report", "plan.claim"]
)
def test_nobody_reads_the_history_of_what_is_personal(anna: Account, kind: str) -> None:
    assert error(ask("get", f"history/{kind}/{anna.pk}", key(anna))) == (404, "not_found")


def test_names_of_people_are_for_those_who_are_signed_in(anna: Account) -> None:
    start(key(anna))
    measure = Measure.objects.get()
    path = f"history/plan.measure/{measure.pk}"
    assert {each["by"] for each in ask("get", path).json()["items"]} == {None}
    assert ask("get", path, key(anna)).json()["items"][0]["by"] == "Anna Paraugs"
    assert error(ask("get", "people")) == (403, "refused")


def test_a_browser_that_writes_sends_its_token_against_forgery(anna: Account) -> None:
    measure = Measure.objects.get()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(anna)
    path, body = f"/api/v1/ecosystems/biomed/measures/{measure.pk}/start", {"revision": measure.revision}
    assert error(browser.post(path, body, content_type="application/json")) == (403, "refused")
    assert browser.get("/api/v1/account").json()["name"] == "Anna Paraugs"
    browser.get("/lv/sign-in/")
    token = browser.cookies["csrftoken"].value
    answer = browser.post(path, body, content_type="application/json", headers={"x-csrftoken": token})
    assert answer.json()["state"] == "under_way"


def test_addresses_and_roles_of_people_are_for_those_who_keep_them(eco: Ecosystem, anna: Account) -> None:
    dace = key(account("Dace", "administrator"))
    cilda = key(account("Cilda"))

    def seen(bearer: str) -> tuple[str, str]:
        told = ask("get", "people/anna-paraugs", bearer).json()
        assert told in ask("get", "people", bearer).json()["items"]
        return told["email"], told["role"]

    assert seen(dace) == ("anna@example.test", "coordinator: biomed")
    assert seen(key(anna)) == ("anna@example.test", "")
    assert seen(cilda) == ("", "")


def test_what_is_refused_half_way_leaves_nothing_behind(eco: Ecosystem, anna: Account) -> None:
    sent = {
        "code": "dace",
        "given": "Dace",
        "family": "Paraugs",
        "email": "dace@example.test",
        "role": "officer: biomed",
    }
    assert error(ask("post", "people", key(anna), sent)) == (
        403,
        "refused",
    )  # she keeps people, but gives no roles
    assert Person.objects.filter(code="dace").count() == 0
