"""Decisions: who prepares and who takes them, their numbers, what they carry out and whom they reach."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone, translation

from talka.core.actions import SYSTEM, VERBS, Invalid, Refused, Stale
from talka.core.models import Event, SearchEntry
from talka.core.sheets import SHEETS
from talka.domains.models import Ecosystem
from talka.governance import actions, queries
from talka.governance.models import Body, Decision
from talka.governance.queries import SUBJECTS, Carried, Decidable
from talka.governance.tests import factories
from talka.network.tests.factories import account, ecosystem, people
from talka.network.tests.test_network import raws, seed
from tests.lanes import need_postgres

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ecosystems_can_be_decided_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stands for what the rooms above declare: a decision may rename an ecosystem, with administrators' rights only."""
    for kind in list(SUBJECTS):
        monkeypatch.delitem(SUBJECTS, kind)
    monkeypatch.setitem(
        SUBJECTS,
        Ecosystem.kind(),
        Decidable(
            find=lambda ecosystem, text: Ecosystem.objects.filter(pk=ecosystem.pk, code=text).first(),
            key=lambda row: row.code,
            verbs={"domains.edit_ecosystem": "Rename"},
            waiting=lambda ecosystem: [ecosystem],
        ),
    )
    yield


def offer(monkeypatch: pytest.MonkeyPatch, code: str, verb: Any) -> None:
    """Offers one more verb on ecosystems to decisions."""
    how = SUBJECTS[Ecosystem.kind()]
    monkeypatch.setitem(VERBS, code, verb)
    monkeypatch.setitem(SUBJECTS, Ecosystem.kind(), Decidable(how.find, how.key, {code: "Act"}, how.waiting))


def rename(eco: Ecosystem, title: str = "Medus") -> Carried:
    return Carried("domains.edit_ecosystem", eco, {"title_lv": title})


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize(
    ("role", "prepares", "decides", "publishes"),
    [
        ("coordinator", True, False, True),
        ("council", False, True, False),
        ("administrator", True, False, True),
        ("officer", False, False, False),
        ("viewer", False, False, False),
    ],
)
def test_the_whole_table_of_roles(role: str, prepares: bool, decides: bool, publishes: bool) -> None:
    """Whoever prepares does not decide: no role gives both."""
    eco = ecosystem()
    by = account("Anna", role, None if role == "administrator" else eco)
    council = factories.body(eco)
    drafts = [factories.decision(council, f"Lēmums {n}") for n in range(4)]
    taken = actions.adopt(drafts[3], by=SYSTEM)
    verbs = {
        "add_body": lambda: actions.add_body(eco, by=by, code="x", title_lv="X", kind_of="board"),
        "edit_body": lambda: actions.edit_body(council, by=by, title_lv="Y"),
        "prepare": lambda: actions.prepare(council, by=by, title_lv="Z"),
        "edit": lambda: actions.edit(drafts[0], by=by, title_lv="W"),
        "adopt": lambda: actions.adopt(drafts[1], by=by),
        "reject": lambda: actions.reject(drafts[2], by=by, reason="nav gatavs"),
        "publish": lambda: actions.publish(taken, by=by, text_lv="Nolemj."),
    }
    done = set()
    for name, verb in verbs.items():
        try:
            verb()
            done.add(name)
        except Refused:
            pass
    expected: set[str] = set()
    if prepares:
        expected |= {"add_body", "edit_body", "prepare", "edit"}
    if decides:
        expected |= {"adopt", "reject"}
    if publishes:
        expected |= {"publish"}
    assert done == expected


# ---------------------------------------------------------------- numbers


def test_numbers_run_within_a_body_and_a_year_without_gaps() -> None:
    eco = ecosystem()
    council, board = factories.body(eco, "council"), factories.body(eco, "board")

    def adopted(of: Body, title: str, day: date) -> str:
        return actions.adopt(factories.decision(of, title), by=SYSTEM, decided_on=day).number

    assert adopted(council, "a", date(2023, 3, 1)) == "2023-1"
    assert adopted(council, "b", date(2023, 5, 1)) == "2023-2"
    assert adopted(board, "c", date(2023, 5, 1)) == "2023-1"
    assert adopted(council, "d", date(2024, 1, 9)) == "2024-1"
    actions.reject(factories.decision(council, "e"), by=SYSTEM, reason="nē", decided_on=date(2023, 6, 1))
    assert adopted(council, "f", date(2023, 7, 1)) == "2023-3"
    assert adopted(council, "g", date(2023, 2, 1)) == "2023-4"  # recorded late: numbers follow the register


def test_a_number_is_given_back_when_what_it_carries_cannot_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    eco = ecosystem()
    council = factories.body(eco)

    def refuse(subject: Ecosystem, *, by: Any) -> None:
        raise Invalid("not now")

    offer(monkeypatch, "domains.refuse", refuse)
    row = factories.decision(council, carries=Carried("domains.refuse", eco))
    with pytest.raises(Invalid, match="not now"):
        actions.adopt(row, by=SYSTEM, decided_on=date(2023, 1, 1))
    row = Decision.objects.get(pk=row.pk)
    assert (row.state, row.number, row.event) == ("draft", "", None)
    assert (
        actions.adopt(factories.decision(council, "b"), by=SYSTEM, decided_on=date(2023, 1, 1)).number
        == "2023-1"
    )


@pytest.mark.django_db(transaction=True)
def test_decisions_adopted_at_the_same_time_get_each_its_own_number() -> None:
    need_postgres()
    eco = ecosystem()
    council = factories.body(eco)
    rows = [factories.decision(council, f"Lēmums {n}") for n in range(6)]
    ready = threading.Barrier(len(rows))

    def adopt(row: Decision) -> None:
        ready.wait(timeout=30)
        try:
            actions.adopt(row, by=SYSTEM, decided_on=date(2023, 1, 1))
        finally:
            connection.close()

    threads = [threading.Thread(target=adopt, args=(row,)) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    numbers = sorted(Decision.objects.values_list("number", flat=True))
    assert numbers == [f"2023-{n + 1}" for n in range(6)]


def test_a_decision_is_taken_once() -> None:
    row = factories.decision(factories.body(ecosystem()))
    same = Decision.objects.get(pk=row.pk)
    actions.adopt(row, by=SYSTEM)
    with pytest.raises(Stale):
        actions.adopt(same, by=SYSTEM)
    for verb in (
        lambda: actions.adopt(Decision.objects.get(pk=row.pk), by=SYSTEM),
        lambda: actions.reject(Decision.objects.get(pk=row.pk), by=SYSTEM, reason="nē"),
        lambda: actions.edit(Decision.objects.get(pk=row.pk), by=SYSTEM, title_lv="Cits"),
    ):
        with pytest.raises(Invalid):
            verb()


def test_a_day_ahead_and_a_rejection_without_reason_are_refused() -> None:
    row = factories.decision(factories.body(ecosystem()))
    with pytest.raises(Invalid) as error:
        actions.adopt(row, by=SYSTEM, decided_on=date(2999, 1, 1))
    assert error.value.field == "decided_on"
    with pytest.raises(Invalid) as error:
        actions.reject(Decision.objects.get(pk=row.pk), by=SYSTEM, reason=" ")
    assert error.value.field == "reason"


def test_a_title_stands_once_in_a_body() -> None:
    eco = ecosystem()
    council = factories.body(eco)
    factories.decision(council, "Par medu")
    with pytest.raises(Invalid) as error:
        factories.decision(council, "Par medu")
    assert error.value.field == "title_lv"
    assert factories.decision(factories.body(eco, "board"), "Par medu").title_lv == "Par medu"


# ---------------------------------------------------------------- what a decision carries


def test_adoption_does_what_the_decision_carries_under_its_own_authority() -> None:
    eco = ecosystem()
    bruno = people(eco).bruno
    assert bruno.may("domains.edit", eco.pk) is False
    row = factories.decision(factories.body(eco), carries=rename(eco))
    with translation.override("en"):
        row = actions.adopt(row, by=bruno, decided_on=date(2023, 5, 1))
    assert Ecosystem.objects.get(pk=eco.pk).title_lv == "Medus"
    done = Event.objects.get(decisions=row)
    assert (done.verb, done.by_id, done.by_name, done.subject_id) == (
        "domains.edit_ecosystem",
        bruno.pk,
        "Bruno Paraugs, by decision 2023-1",
        eco.pk,
    )
    assert (
        Event.objects.filter(
            subject_kind="governance.decision", subject_id=row.pk, verb="governance.adopt"
        ).count()
        == 1
    )


def test_what_a_decision_changed_is_told_in_words() -> None:
    eco = ecosystem()
    row = factories.decision(factories.body(eco), carries=rename(eco, "Medus"))
    row = actions.adopt(row, by=SYSTEM)
    changes = list(queries.changes(row))
    assert [(each.subject_kind, each.kind) for each in changes] == [("domains.ecosystem", "changed")]
    with translation.override("en"):
        told = queries.in_words(changes)
    assert [each.columns for each in told] == [[("Title (lv)", "Ekosistēma bees", "Medus")]]


def test_a_rejected_decision_does_nothing() -> None:
    eco = ecosystem()
    row = factories.decision(factories.body(eco), carries=rename(eco))
    actions.reject(row, by=people(eco).bruno, reason="Nosaukums ir labs.")
    assert Ecosystem.objects.get(pk=eco.pk).title_lv == "Ekosistēma bees"
    assert Decision.objects.get(pk=row.pk).event is None


def test_if_the_action_is_refused_nothing_is_decided() -> None:
    eco = ecosystem()
    row = factories.decision(factories.body(eco), carries=rename(eco))
    del SUBJECTS[Ecosystem.kind()]  # the room no longer offers it
    with pytest.raises(Invalid):
        actions.adopt(row, by=people(eco).bruno)
    row = Decision.objects.get(pk=row.pk)
    assert (row.state, row.number) == ("draft", "")
    assert Ecosystem.objects.get(pk=eco.pk).title_lv == "Ekosistēma bees"


def test_only_offered_actions_on_rows_of_the_own_ecosystem_with_fitting_arguments_can_be_carried() -> None:
    here, there = ecosystem("bees"), ecosystem("trees")
    council = factories.body(here)
    wrong = [
        Carried("domains.edit_ecosystem", None),
        Carried("", here),
        Carried("governance.adopt", here),  # no decision takes another
        Carried("domains.edit_domain", here.domain),
        rename(there),
    ]
    for carries in wrong:
        with pytest.raises(Invalid) as error:
            actions.prepare(council, by=SYSTEM, title_lv="Par medu", carries=carries)
        assert error.value.field == "carries"
    assert Decision.objects.count() == 0


def test_arguments_that_the_verb_does_not_take_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    eco = ecosystem()
    council = factories.body(eco)
    offer(monkeypatch, "governance.add_body", actions.add_body)
    with pytest.raises(Invalid):
        actions.prepare(
            council,
            by=SYSTEM,
            title_lv="a",
            carries=Carried("governance.add_body", eco, {"by": "somebody else"}),
        )


def test_the_authority_of_a_decision_ends_at_its_ecosystem() -> None:
    here, there = ecosystem("bees"), ecosystem("trees")
    row = factories.decision(factories.body(here))
    authority = actions.ByDecision(row, people(here).cilda)
    table = {place: authority.may("plan.edit", place) for place in (here.pk, there.pk, None)}
    assert table == {here.pk: True, there.pk: False, None: False}
    assert authority.organisation_ids() == frozenset()


def test_a_verb_that_asks_for_the_decision_is_given_it(monkeypatch: pytest.MonkeyPatch) -> None:
    eco = ecosystem()
    given: list[Any] = []

    def note(subject: Ecosystem, *, by: Any, decision: Decision | None = None) -> None:
        given.append(
            (subject.pk, decision.number if decision else None, decision.state if decision else None)
        )

    offer(monkeypatch, "domains.note", note)
    row = factories.decision(factories.body(eco), carries=Carried("domains.note", eco))
    actions.adopt(row, by=SYSTEM, decided_on=date(2023, 1, 1))
    assert given == [(eco.pk, "2023-1", "adopted")]


# ---------------------------------------------------------------- texts


def test_a_text_is_published_once_and_then_stays() -> None:
    eco = ecosystem()
    row = factories.decision(factories.body(eco))
    with pytest.raises(Invalid):
        actions.publish(row, by=SYSTEM, text_lv="Nolemj.")
    row = actions.adopt(row, by=SYSTEM)
    row = actions.publish(row, by=people(eco).anna, text_lv="Nolemj.")
    with pytest.raises(Invalid) as error:
        actions.publish(row, by=SYSTEM, text_lv="Nolemj citādi.")
    assert error.value.field == "text_lv"
    assert actions.publish(row, by=SYSTEM, text_lv="Nolemj.", text_en="Decides.").text_en == "Decides."


def test_the_public_finds_only_what_is_decided() -> None:
    row = factories.decision(factories.body(ecosystem()), "Par medu")
    entry = SearchEntry.objects.get(kind="governance.decision", subject_id=row.pk)
    assert entry.public is False
    actions.adopt(row, by=SYSTEM)
    entry.refresh_from_db()
    assert entry.public is True


# ---------------------------------------------------------------- in and out


def test_the_seeded_bodies_go_in_whole() -> None:
    eco = ecosystem("biomed")
    sheet = SHEETS["governance.bodies"]
    sheet.apply(sheet.preview(eco, raws(seed("09-bodies.yaml"))), by=SYSTEM)
    assert [item.kind for item in sheet.preview(eco, raws(seed("09-bodies.yaml"))).items] == ["same"]


FILE: list[dict[str, Any]] = [
    {"body": "council", "title_lv": "Gaida", "adopt": "no"},
    {
        "body": "council",
        "title_lv": "Pārdēvē",
        "text_lv": "Nolemj pārdēvēt.",
        "verb": "domains.edit_ecosystem",
        "subject_kind_of": "domains.ecosystem",
        "subject": "bees",
        "arguments": {"title_lv": "Medus"},
        "adopt": "yes",
        "decided_on": "2023-05-01",
    },
    {
        "body": "council",
        "title_lv": "Noraidīts",
        "adopt": "no",
        "decided_on": "2023-06-01",
        "reason": "nav vajadzīgs",
    },
]


def test_a_file_of_decisions_prepares_takes_and_carries_out_and_comes_out_the_same() -> None:
    eco = ecosystem()
    factories.body(eco)
    sheet = SHEETS["governance.decisions"]
    preview = sheet.preview(eco, raws(FILE))
    assert preview.problems == []
    sheet.apply(preview, by=SYSTEM)
    assert Ecosystem.objects.get(pk=eco.pk).title_lv == "Medus"
    assert {row.title_lv: (row.state, row.number, row.decided_on) for row in Decision.objects.all()} == {
        "Gaida": ("draft", "", None),
        "Pārdēvē": ("adopted", "2023-1", date(2023, 5, 1)),
        "Noraidīts": ("rejected", "", date(2023, 6, 1)),
    }
    exported = [sheet.shown(row) for row in sheet.rows(eco)]
    again = sheet.preview(eco, raws(exported))
    assert ([item.kind for item in again.items], again.problems) == (["same"] * 3, [])
    assert [item.kind for item in sheet.preview(eco, raws(FILE)).items] == ["same"] * 3


def test_a_waiting_decision_is_taken_by_a_file_and_a_decided_one_stays() -> None:
    eco = ecosystem()
    factories.body(eco)
    sheet = SHEETS["governance.decisions"]
    sheet.apply(sheet.preview(eco, raws(FILE)), by=SYSTEM)
    sheet.apply(
        sheet.preview(eco, raws([{"body": "council", "title_lv": "Gaida", "adopt": "yes"}])), by=SYSTEM
    )
    row = Decision.objects.get(title_lv="Gaida")
    assert (row.state, row.decided_on) == ("adopted", timezone.localdate())
    text = {"body": "council", "title_lv": "Gaida", "text_lv": "Nolemj gaidīt."}
    sheet.apply(sheet.preview(eco, raws([text])), by=SYSTEM)
    assert Decision.objects.get(title_lv="Gaida").text_lv == "Nolemj gaidīt."
    for change in ({"text_lv": "Citādi"}, {"adopt": "no"}, {"title_en": "Waits"}):
        preview = sheet.preview(eco, raws([{"body": "council", "title_lv": "Gaida", **change}]))
        assert [problem.place for problem in preview.problems] == ["row 1"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"subject_kind_of": "plan.nothing"}, "a decision cannot act on “plan.nothing”; it can act on: "),
        (
            {"verb": "domains.nothing"},
            "a decision cannot carry “domains.nothing”; it can carry: domains.edit_ecosystem",
        ),
        ({"subject": "wasps"}, "there is no domains.ecosystem “wasps” here"),
    ],
)
def test_a_file_that_names_the_unknown_says_where_and_what_would_be_right(
    change: dict[str, Any], said: str
) -> None:
    eco = ecosystem()
    factories.body(eco)
    with translation.override("en"):
        preview = SHEETS["governance.decisions"].preview(eco, raws([{**FILE[1], **change}]))
    assert [(p.place, p.message.startswith(said)) for p in preview.problems] == [("row 1", True)]


def test_what_is_on_offer_has_a_key_words_and_the_action() -> None:
    eco = ecosystem()
    with translation.override("lv"):
        offered = list(queries.offers(eco))
    assert offered == [
        (
            f"domains.edit_ecosystem:domains.ecosystem:{eco.pk}",
            "Rename: Ekosistēma bees",
            Carried("domains.edit_ecosystem", eco),
        )
    ]
