"""What is kept is told again until any verb is done, and never to a reader of another language."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
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
