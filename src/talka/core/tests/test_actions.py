"""Verbs: guarded, whole, on record; rows refuse to change outside one; locking; bulk; history."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils import timezone
from django.utils.translation import override

from talka.core import bulk, events, locking
from talka.core.actions import HUB, SYSTEM, Invalid, Refused, Stale, action
from talka.core.models import Change, Delivery, Event, OutsideVerb
from talka.core.outbox import ATTEMPTS, KEPT, LEASE, SUBSCRIBERS, deliver, on, tidy
from talka.core.rules import fact, permission
from talka.domains.actions import edit_mission
from talka.domains.models import Mission

pytestmark = pytest.mark.django_db


@dataclass
class Someone:
    """An actor with a name and some permissions."""

    name: str
    permissions: set[str] = field(default_factory=set)
    pk: int = 7

    def may(self, code: str, ecosystem_id: int | None) -> bool:
        return code in self.permissions

    def __str__(self) -> str:
        return self.name


ANNA, CILDA = Someone("Anna", {"test.write"}), Someone("Cilda")
may_write = permission("test.write", "write in tests")


@action(needs=may_write)
def found(hub: Any, *, by: Any, code: str) -> Mission:
    mission = Mission(code=code, title_lv=f"Misija {code}")
    mission.save()
    return mission


@action(needs=may_write)
def rename(mission: Mission, *, by: Any, title: str, seen: int | None = None, fail: bool = False) -> Mission:
    locking.check(mission, seen)
    mission.title_lv = title
    mission.save()
    if fail:
        raise Invalid("no", field="title")
    return mission


@action(needs=may_write)
def remove(mission: Mission, *, by: Any) -> None:
    mission.delete()


@action(needs=may_write)
def found_many(hub: Any, *, by: Any, codes: list[str]) -> None:
    bulk.create(Mission(code=code, title_lv=code) for code in codes)


@action(needs=may_write)
def rename_many(hub: Any, *, by: Any, missions: list[Mission], title: str) -> list[Mission]:
    for mission in missions:
        mission.title_lv = title
    return bulk.update(missions, ["title_lv"])


def changes_of(event: Event | None) -> list[tuple[str, str, dict[str, tuple[Any, Any]]]]:
    assert event
    return [
        (c.kind, c.subject_name, {name: (v["from"], v["to"]) for name, v in c.fields.items()})
        for c in event.changes.all()
    ]


def test_a_verb_writes_one_event_with_what_changed() -> None:
    mission = found(HUB, by=ANNA, code="a")
    rename(mission, by=ANNA, title="Jūra")
    second, first = Event.objects.all()
    assert (first.verb, first.by_name, first.subject_kind, first.subject_id) == (
        "core.tests.test_actions.found",
        "Anna",
        "domains.mission",
        mission.pk,
    )
    assert changes_of(first) == [
        ("created", "Misija a", {"code": (None, "a"), "title_lv": (None, "Misija a")})
    ]
    assert changes_of(second) == [("changed", "Jūra", {"title_lv": ("Misija a", "Jūra")})]


def test_the_record_speaks_one_language() -> None:
    with override("en"):
        mission = found(HUB, by=ANNA, code="a")
        edit_mission(mission, by=SYSTEM, title_lv="Jūra", title_en="Sea")
        assert str(mission) == "Sea"
        remove(mission, by=ANNA)
    names = [
        (event.subject_name, [change.subject_name for change in event.changes.all()])
        for event in Event.objects.all()
    ]
    assert names == [("Jūra", ["Jūra"]), ("Jūra", ["Jūra"]), ("Misija a", ["Misija a"])]


def test_a_refused_verb_does_nothing() -> None:
    with pytest.raises(Refused, match="Cilda"):
        found(HUB, by=CILDA, code="a")
    assert (Mission.objects.count(), Event.objects.count()) == (0, 0)


def test_nobody_is_nobody() -> None:
    with pytest.raises(Refused):
        found(HUB, by=None, code="a")


def test_a_verb_that_fails_leaves_no_trace() -> None:
    mission = found(HUB, by=ANNA, code="a")
    with pytest.raises(Invalid):
        rename(mission, by=ANNA, title="Jūra", fail=True)
    assert Mission.objects.get().title_lv == "Misija a"
    assert [event.verb for event in Event.objects.all()] == ["core.tests.test_actions.found"]


def test_a_row_refuses_to_change_outside_a_verb() -> None:
    mission = found(HUB, by=ANNA, code="a")
    for change in (Mission(code="b").save, mission.save, mission.delete):
        with pytest.raises(OutsideVerb, match="verb"):
            change()
    with pytest.raises(OutsideVerb):
        bulk.create([Mission(code="b")])


def test_saving_without_a_change_is_not_on_record() -> None:
    mission = found(HUB, by=ANNA, code="a")
    rename(mission, by=ANNA, title="Misija a")
    assert (mission.revision, Change.objects.count()) == (1, 1)


def test_what_a_verb_deletes_stays_on_record() -> None:
    mission = found(HUB, by=ANNA, code="a")
    remove(mission, by=ANNA)
    assert changes_of(Event.objects.first()) == [
        ("deleted", "Misija a", {"code": ("a", None), "title_lv": ("Misija a", None)})
    ]


def test_the_second_of_two_editors_is_told() -> None:
    mission = found(HUB, by=ANNA, code="a")
    mine, theirs = Mission.objects.get(), Mission.objects.get()
    rename(theirs, by=ANNA, title="Viņu", seen=1)
    with pytest.raises(Stale) as told:
        rename(mine, by=ANNA, title="Mana", seen=1)
    assert told.value.current.title_lv == "Viņu"
    assert [c.fields["title_lv"]["to"] for c in events.since(told.value.current, 1)] == ["Viņu"]
    with pytest.raises(Stale):  # and where no form is between, the row itself notices
        rename(mine, by=ANNA, title="Mana")
    rename(told.value.current, by=ANNA, title="Mana", seen=2)
    assert Mission.objects.get().revision == 3
    assert mission.pk == mine.pk


@pytest.mark.parametrize("count", [1, 3])
def test_many_rows_at_once_are_on_record_row_by_row(count: int, django_assert_num_queries: Any) -> None:
    codes = [f"m{n}" for n in range(count)]
    found_many(HUB, by=ANNA, codes=codes)
    missions = list(Mission.objects.order_by("code"))
    rename_many(HUB, by=ANNA, missions=missions[1:], title="Jauns")
    assert [m.title_lv for m in Mission.objects.order_by("code")] == [codes[0]] + ["Jauns"] * (count - 1)
    assert [c.subject_name for c in Change.objects.filter(kind="created")] == codes
    assert Change.objects.filter(kind="changed").count() == count - 1
    assert [m.revision for m in Mission.objects.order_by("code")] == [1] + [2] * (count - 1)


def test_bulk_notices_that_a_row_moved_on() -> None:
    mission = found(HUB, by=ANNA, code="a")
    old = Mission.objects.get()
    rename(mission, by=ANNA, title="Jauns")
    with pytest.raises(Stale):
        rename_many(HUB, by=ANNA, missions=[old], title="Cits")


def test_bulk_saves_what_follows_from_the_columns_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """`settle` derives the summary here. A column that merely differs in memory is neither saved nor on record."""
    monkeypatch.setattr(Mission, "settle", lambda row: setattr(row, "summary_lv", f"Par: {row.title_lv}"))
    found_many(HUB, by=ANNA, codes=["a"])
    mission = Mission.objects.get()
    assert mission.summary_lv == "Par: a"
    mission.title_en = "Not asked for"
    rename_many(HUB, by=ANNA, missions=[mission], title="Jauns")
    assert (mission.summary_lv, mission.revision) == ("Par: Jauns", 2)
    kept = Mission.objects.get()
    assert (kept.title_lv, kept.summary_lv, kept.title_en, kept.revision) == ("Jauns", "Par: Jauns", "", 2)
    assert changes_of(Event.objects.first()) == [
        ("changed", "Jauns", {"title_lv": ("a", "Jauns"), "summary_lv": ("Par: a", "Par: Jauns")})
    ]
    rename(kept, by=ANNA, title="Vēl jaunāks")
    assert Mission.objects.get().summary_lv == "Par: Vēl jaunāks"


@fact
def is_anna(by: Any, subject: Any) -> bool:
    return str(by) == "Anna"


@pytest.mark.parametrize(
    ("rule", "anna", "cilda"),
    [
        (is_anna, True, False),
        (~is_anna, False, True),
        (is_anna & may_write, True, False),
        (is_anna | ~may_write, True, True),
        (~is_anna & may_write, False, False),
    ],
)
def test_rules_combine(rule: Any, anna: bool, cilda: bool) -> None:
    assert (rule(ANNA, None), rule(CILDA, None), rule(None, None)) == (anna, cilda, False)


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever subscribes to `found` within the test is forgotten after it."""
    monkeypatch.setitem(SUBSCRIBERS, "core.tests.test_actions.found", {})


def test_subscribers_are_told_after_the_verb_and_failures_are_tried_again(post: None) -> None:
    told: list[str] = []

    @on("core.tests.test_actions.found")
    def greet(event: Event) -> None:
        told.append(event.subject_name)
        if len(told) == 1:
            raise RuntimeError("the post is closed")

    found(HUB, by=ANNA, code="a")
    assert told == []
    assert deliver() == 1
    waiting = Delivery.objects.get()
    assert (waiting.attempts, waiting.done_at, "the post is closed" in waiting.error) == (1, None, True)
    assert deliver() == 0  # not due yet
    assert deliver(waiting.due) == 1
    assert told == ["Misija a", "Misija a"]
    assert Delivery.objects.get().done_at == waiting.due


def test_a_delivery_is_carried_out_outside_any_transaction(transactional_db: None, post: None) -> None:
    seen: list[bool] = []

    @on("core.tests.test_actions.found")
    def look(_event: Event) -> None:
        seen.append(connection.in_atomic_block)

    found(HUB, by=ANNA, code="a")
    assert (deliver(), seen) == (1, [False])


def test_a_delivery_whose_worker_died_is_tried_again_after_its_lease(post: None) -> None:
    told: list[str] = []

    @on("core.tests.test_actions.found")
    def die_once(event: Event) -> None:
        told.append(event.subject_name)
        if len(told) == 1:
            raise SystemExit  # not an Exception: nothing is written down any more, as with a killed process

    found(HUB, by=ANNA, code="a")
    now = timezone.now()
    with pytest.raises(SystemExit):
        deliver(now)
    assert deliver(now + LEASE - timedelta(seconds=1)) == 0  # another worker leaves it alone
    assert deliver(now + LEASE) == 1
    assert told == ["Misija a", "Misija a"]


def test_a_delivery_that_fails_every_time_is_given_up(post: None) -> None:
    @on("core.tests.test_actions.found")
    def fail(_event: Event) -> None:
        raise RuntimeError("the post is closed")

    found(HUB, by=ANNA, code="a")
    waits = []
    for _attempt in range(ATTEMPTS):
        now = Delivery.objects.get().due
        assert deliver(now) == 1
        waits.append((Delivery.objects.get().due - now).total_seconds() / 60)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128]
    assert deliver(now + timedelta(days=365)) == 0


def test_deliveries_done_long_ago_are_forgotten(post: None) -> None:
    @on("core.tests.test_actions.found")
    def greet(_event: Event) -> None:
        pass

    found(HUB, by=ANNA, code="a")
    found(HUB, by=ANNA, code="b")
    now = timezone.now()
    assert deliver(now, limit=1) == 1
    tidy(now + KEPT)
    assert Delivery.objects.count() == 2
    tidy(now + KEPT + timedelta(seconds=1))
    assert Delivery.objects.get().done_at is None


def test_the_system_may_everything() -> None:
    assert found(HUB, by=SYSTEM, code="a").pk
    assert Event.objects.get().by_id is None


def test_the_public_may_nothing() -> None:
    public = AnonymousUser()
    assert (may_write(public, HUB), (~may_write)(public, HUB)) == (False, False)
    with pytest.raises(Refused):
        found(HUB, by=public, code="a")
