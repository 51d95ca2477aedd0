"""Letters: who is written to, when, in which language, and never twice."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from talka.core import outbox
from talka.core.actions import SYSTEM
from talka.core.testing import acting
from talka.core.values import Period
from talka.domains.models import Ecosystem
from talka.parties.models import Account
from talka.plan import actions, queries, tasks
from talka.plan.models import Measure, Reminder
from talka.plan.tests import factories as draw

pytestmark = pytest.mark.django_db
LAST_YEAR = timezone.localdate().year - 1


@pytest.fixture(autouse=True)
def _address(settings: Any) -> None:
    settings.TALKA_URL = "https://talka.example.test/"


@pytest.fixture
def eco() -> Ecosystem:
    made = draw.ecosystem()
    draw.strategy(made)
    return made


@pytest.fixture
def izm() -> Any:
    return draw.organisation("IZM")


@pytest.fixture
def bruno(eco: Ecosystem, izm: Any) -> Account:
    return draw.account("Bruno", "officer", of=izm, where=eco)


@pytest.fixture
def measure(eco: Ecosystem, izm: Any) -> Measure:
    plan = draw.plan(eco, 2030)
    made = draw.measure(
        plan, "1.1.1", title_lv="Forums", title_en="Forum", deadline="2030-06-30", responsible=[izm]
    )
    actions.adopt(plan, by=SYSTEM)
    return made


def run(day: date) -> list[Any]:
    """What the worker sends on a day."""
    mail.outbox.clear()
    tasks.remind_of_deadlines(timezone.make_aware(datetime.combine(day, time(9))))
    outbox.deliver()
    return list(mail.outbox)


def test_thirty_and_seven_days_before_and_once_a_month_after(measure: Measure, bruno: Account):
    expected = {
        date(2030, 5, 30): [],
        date(2030, 5, 31): ["due-30"],
        date(2030, 6, 1): [],
        date(2030, 6, 23): ["due-7"],
        date(2030, 6, 30): [],
        date(2030, 7, 1): ["late-2030-07"],
        date(2030, 7, 31): [],
        date(2030, 8, 1): ["late-2030-08"],
    }
    sent = {}
    for day in expected:
        before = Reminder.objects.count()
        letters = run(day)
        noted = list(Reminder.objects.order_by("id").values_list("occasion", flat=True)[before:])
        assert len(letters) == len(noted)
        sent[day] = noted
    assert sent == expected
    assert Reminder.objects.filter(sent_at=None).count() == 0


def test_a_letter_is_in_the_language_of_the_account_and_leads_to_the_page(measure: Measure, bruno: Account):
    with acting():
        bruno.language = "en"
        bruno.save()
    (letter,) = run(date(2030, 6, 23))
    assert letter.to == [bruno.email]
    assert letter.subject == "1 measure is due soon"
    assert "1.1.1. Forum (30 June 2030)" in letter.body
    assert f"https://talka.example.test/en/biomed/plan/measures/{measure.pk}/" in letter.body


def test_a_latvian_letter(measure: Measure, bruno: Account):
    (letter,) = run(date(2030, 6, 23))
    assert letter.subject == "Drīz jāizpilda 1 pasākums"
    assert "1.1.1. Forums (2030. gada 30. jūnijs)" in letter.body
    assert f"https://talka.example.test/lv/biomed/plan/measures/{measure.pk}/" in letter.body


def test_one_letter_for_many_measures(measure: Measure, bruno: Account, izm: Any):
    draw.measure(measure.plan, "1.1.2", title_lv="Karte", deadline="2030-06-25", responsible=[izm])
    (letter,) = run(date(2030, 6, 24))
    assert [line[:5] for line in letter.body.splitlines() if line.startswith("1.1.")] == ["1.1.2", "1.1.1"]


@pytest.mark.parametrize("why", ["done", "draft", "involved", "viewer", "left", "inactive", "elsewhere"])
def test_who_is_not_written_to(eco: Ecosystem, izm: Any, measure: Measure, why: str):
    account = draw.account("Bruno", "viewer" if why == "viewer" else "officer", of=izm, where=eco)
    with acting():
        if why == "done":
            measure.state, measure.done_on = "done", date(2030, 1, 1)
            measure.save()
        if why == "draft":
            measure.plan.state = "draft"
            measure.plan.save()
        if why == "left":
            affiliation = account.person.affiliations.get()  # type: ignore[union-attr]  # drawn with one
            affiliation.ends = date(2030, 1, 1)
            affiliation.save()
        if why == "inactive":
            account.is_active = False
            account.save()
        if why == "elsewhere":
            grant = account.grants.get()
            grant.ecosystem = draw.ecosystem("other")
            grant.save()
    if why == "involved":
        actions.edit_measure(measure, by=SYSTEM, responsible=[], involved=[izm])
    assert run(date(2030, 6, 24)) == []


def test_a_letter_that_cannot_be_sent_is_tried_again(measure: Measure, bruno: Account, monkeypatch: Any):
    def broken(*_args: Any, **_named: Any) -> None:
        raise OSError("no mail today")

    with monkeypatch.context() as patch:
        patch.setattr("talka.plan.tasks.EmailMessage.send", broken)
        run(date(2030, 6, 24))
    assert Reminder.objects.filter(sent_at=None).count() == 1
    outbox.deliver(timezone.now() + timedelta(minutes=5))
    assert [letter.to for letter in mail.outbox] == [[bruno.email]]
    outbox.deliver(timezone.now() + timedelta(minutes=500))
    assert len(mail.outbox) == 1


def test_reports_are_told_to_the_coordinator_and_returns_to_the_institution(eco: Ecosystem, izm: Any):
    anna = draw.account("Anna", "coordinator", where=eco)
    draw.account("Dzintars", "administrator")  # coordinates everywhere, so is spared the letters
    bruno = draw.account("Bruno", "officer", of=izm, where=eco)
    other = draw.account("Bārbala", "officer", of=izm, where=eco)
    plan = draw.plan(eco, LAST_YEAR)
    row = draw.measure(plan, "1.1.1", responsible=[izm])
    actions.adopt(plan, by=SYSTEM)
    report = actions.report(
        queries.measures(plan).get(), by=bruno, period=Period.year(LAST_YEAR), text="Darīts."
    )
    outbox.deliver()
    assert [letter.to for letter in mail.outbox] == [[anna.email]]
    mail.outbox.clear()
    actions.return_report(report, by=anna, comment="Kur ir akts?")
    outbox.deliver()
    assert sorted(letter.to[0] for letter in mail.outbox) == sorted([bruno.email, other.email])
    assert all("Kur ir akts?" in letter.body for letter in mail.outbox)
    assert row.number in mail.outbox[0].subject


def test_due_reminders_cost_a_fixed_number_of_questions(
    measure: Measure, bruno: Account, izm: Any, django_assert_num_queries: Any
):
    for nth in range(2, 5):
        draw.measure(measure.plan, f"1.1.{nth}", deadline="2030-06-25", responsible=[izm])
    with django_assert_num_queries(3):
        assert [len(rows) for rows in queries.reminders_due(date(2030, 6, 24)).values()] == [4]
