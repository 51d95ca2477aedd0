"""What is kept is told again until any verb is done, and never to a reader of another language."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from talka.core.actions import HUB, SYSTEM
from talka.core.kept import kept
from talka.core.models import Event
from talka.domains.actions import add_domain, add_ecosystem, edit_ecosystem
from talka.domains.models import Domain, Ecosystem

pytestmark = pytest.mark.django_db


@pytest.fixture
def eco() -> Ecosystem:
    return another("bio")


def another(code: str) -> Ecosystem:
    domain = Domain.objects.first() or add_domain(HUB, by=SYSTEM, code="joma", title_lv="Joma")
    return add_ecosystem(HUB, by=SYSTEM, code=code, domain=domain, title_lv="Biomedicīna")


class Reckoned:
    """A count of how often it was reckoned."""

    def __init__(self, eco: Ecosystem) -> None:
        self.eco, self.times = eco, 0

    def __call__(self) -> int:
        return kept("count", self.eco.pk, self._reckon)

    def _reckon(self) -> int:
        self.times += 1
        return self.times


def test_it_is_reckoned_once_while_nothing_happens(eco: Ecosystem, django_assert_num_queries: Any) -> None:
    count = Reckoned(eco)
    assert [count(), count(), count()] == [1, 1, 1]
    with django_assert_num_queries(2):  # the last events of the ecosystem and of the hub
        count()


def test_nothing_is_a_value_too(eco: Ecosystem) -> None:
    asked: list[int] = []
    for _time in range(2):
        assert kept("nothing", eco.pk, lambda: asked.append(1)) is None
    assert asked == [1]


def test_it_is_reckoned_anew_after_a_verb_here_or_on_the_hub(eco: Ecosystem) -> None:
    count = Reckoned(eco)
    assert count() == 1
    edit_ecosystem(eco, by=SYSTEM, title_lv="Biomedicīna un farmācija")
    assert count() == 2
    add_domain(HUB, by=SYSTEM, code="cita", title_lv="Cita joma")
    assert count() == 3


def test_a_verb_in_another_ecosystem_changes_nothing(eco: Ecosystem) -> None:
    other = another("cits")
    count = Reckoned(eco)
    assert count() == 1
    edit_ecosystem(other, by=SYSTEM, title_lv="Citādi")
    assert count() == 1


def test_a_verb_that_commits_after_a_later_one_is_noticed(eco: Ecosystem) -> None:
    for nth in range(3):
        edit_ecosystem(eco, by=SYSTEM, title_lv=f"Nosaukums {nth}")
    late = Event.objects.filter(pk=Event.objects.filter(ecosystem_id=eco.pk).order_by("id")[1].pk)
    late.update(ecosystem_id=-1)  # out of sight, as if it had not committed yet
    count = Reckoned(eco)
    assert count() == 1
    late.update(ecosystem_id=eco.pk)
    assert count() == 2


def test_each_language_and_each_day_has_its_own(eco: Ecosystem, monkeypatch: pytest.MonkeyPatch) -> None:
    count = Reckoned(eco)
    with translation.override("lv"):
        assert count() == 1
    with translation.override("en"):
        assert count() == 2
    tomorrow: date = timezone.localdate() + timedelta(days=1)
    monkeypatch.setattr(timezone, "localdate", lambda *_args: tomorrow)
    with translation.override("lv"):
        assert count() == 3


# --- whole pages, for whoever is not signed in ------------------------------------------------------------


@pytest.fixture
def visitor(settings: Any) -> Client:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE]
    settings.MIDDLEWARE.insert(3, "talka.core.kept.KeptPages")
    return Client()


def test_a_page_is_drawn_once_for_all_visitors(
    visitor: Client, eco: Ecosystem, django_assert_num_queries: Any
) -> None:
    first = visitor.get("/lv/bio/")
    with django_assert_num_queries(1):  # the last events
        again = Client().get("/lv/bio/")
    assert again.status_code == first.status_code == 200
    assert again.content == first.content
    assert dict(again.headers) == dict(first.headers)


def test_a_page_is_drawn_anew_after_a_verb_anywhere(visitor: Client, eco: Ecosystem) -> None:
    assert "Biomedicīna" in visitor.get("/lv/bio/").content.decode()
    edit_ecosystem(eco, by=SYSTEM, title_lv="Medicīna un tehnoloģijas")
    assert "Medicīna un tehnoloģijas" in visitor.get("/lv/bio/").content.decode()
    before = visitor.get("/lv/").content.decode()
    another("cits")
    assert visitor.get("/lv/").content.decode() != before


def test_a_page_is_drawn_anew_on_the_next_day(
    visitor: Client, eco: Ecosystem, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    visitor.get("/lv/bio/")
    tomorrow = timezone.localdate() + timedelta(days=1)
    monkeypatch.setattr(timezone, "localdate", lambda *_: tomorrow)
    with CaptureQueriesContext(connection) as asked:
        visitor.get("/lv/bio/")
    assert len(asked) > 1


@pytest.mark.parametrize(
    "own",
    [
        {"cookies": "sessionid=abc"},
        {"cookies": "messages=abc"},
        {"headers": {"Authorization": "Bearer abc"}},
        {"headers": {"HX-Request": "true"}},
        {"query": "q=" + "x" * 200},
    ],
    ids=["session", "message", "token", "part of a page", "long query"],
)
def test_a_page_of_ones_own_is_neither_kept_nor_taken_from_what_is(
    visitor: Client, eco: Ecosystem, own: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "cookies" in own:
        name, value = own["cookies"].split("=")
        visitor.cookies[name] = value
    kept_pages = caches["pages"]
    monkeypatch.setattr(kept_pages, "get", lambda *_: pytest.fail("was looked for"))
    monkeypatch.setattr(kept_pages, "set", lambda *_: pytest.fail("was kept"))
    assert visitor.get(f"/lv/bio/?{own.get('query', '')}", headers=own.get("headers", {})).status_code == 200


def test_a_form_is_never_kept(visitor: Client) -> None:
    """It holds a token of its reader's own."""
    tokens = {Client().get("/lv/sign-in/").cookies["csrftoken"].value for _time in range(2)}
    assert len(tokens) == 2


def test_neither_is_a_page_that_is_not_there(
    visitor: Client, eco: Ecosystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches["pages"], "set", lambda *_: pytest.fail("was kept"))
    assert visitor.get("/lv/bio/plan/1999/").status_code == 404
