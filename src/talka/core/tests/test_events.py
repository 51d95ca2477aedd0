"""The sealed record: any change to a sealed event is found; a personal value can be erased all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.utils.translation import override

from talka.core import chain, events
from talka.core.actions import HUB, SYSTEM, action
from talka.core.models import Change, Event, Seal
from talka.core.rules import is_system
from talka.domains.actions import add_mission, edit_mission
from talka.domains.models import Domain, Mission

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> Path:
    settings.HOME = tmp_path
    return tmp_path


def three_sealed_batches() -> Mission:
    mission = add_mission(HUB, by=SYSTEM, code="jura", title_lv="Jūra")
    events.seal()
    edit_mission(mission, by=SYSTEM, title_lv="Jūra 2030", title_en="Sea 2030")
    edit_mission(mission, by=SYSTEM, summary_lv="Tīra jūra")
    events.seal()
    edit_mission(mission, by=SYSTEM, summary_lv="Tīra Baltijas jūra")
    events.seal()
    return mission


def faults() -> list[str]:
    return [fault.place for fault in events.verify().faults]


def test_an_untouched_record_is_whole() -> None:
    three_sealed_batches()
    verdict = events.verify()
    assert (verdict.seals, verdict.events, verdict.unsealed, verdict.faults) == (3, 4, 0, ())


def test_nothing_to_seal_makes_no_seal() -> None:
    assert events.seal() == []
    three_sealed_batches()
    assert events.seal() == []


def test_events_after_the_last_seal_are_counted_as_unsealed() -> None:
    mission = three_sealed_batches()
    edit_mission(mission, by=SYSTEM, title_en="The sea")
    assert events.verify().unsealed == 1
    Change.objects.filter(event__seal=None).update(fields={})  # not sealed: not yet protected
    assert faults() == []


@pytest.mark.parametrize(
    "tamper",
    [
        lambda: Event.objects.filter(seal_id=second()).update(by_name="Somebody else"),
        lambda: Event.objects.filter(seal_id=second()).update(verb="domains.edit_domain"),
        lambda: Event.objects.filter(seal_id=second()).update(subject_id=99),
        lambda: Event.objects.filter(seal_id=second()).update(subject_name="Zeme"),
        lambda: Change.objects.filter(event__seal_id=second()).update(kind="created"),
        lambda: Change.objects.filter(event__seal_id=second()).update(subject_name="Zeme"),
        lambda: forge_value(),
        lambda: Change.objects.filter(event__seal_id=second()).delete(),
        lambda: (
            Change.objects.filter(event__seal_id=second()).delete(),
            Event.objects.filter(seal_id=second())[:1][0].delete(),
        ),
        lambda: Seal.objects.filter(pk=second()).update(root="0" * 64),
        lambda: Seal.objects.filter(pk=second()).update(count=1),
        lambda: Event.objects.filter(seal_id=second()).update(erased={"by": "0" * 64}),
    ],
)
def test_any_change_to_a_sealed_event_is_found(tamper: Any) -> None:
    three_sealed_batches()
    batch = Seal.objects.get(pk=second())
    place = f"seal {batch.pk} (events {batch.first_event} to {batch.last_event})"
    with override("en"):
        tamper()
        assert {fault.place for fault in events.verify().faults} == {place}


def second() -> int:
    return Seal.objects.order_by("id")[1].pk


def forge_value() -> None:
    change = Change.objects.filter(event__seal_id=second()).first()
    assert change
    change.fields["title_lv"]["to"] = "Zeme"
    change.save()


def test_a_removed_batch_breaks_the_chain() -> None:
    three_sealed_batches()
    gone = second()
    Change.objects.filter(event__seal_id=gone).delete()
    Event.objects.filter(seal_id=gone).delete()
    Seal.objects.filter(pk=gone).delete()
    messages = [fault.message for fault in events.verify().faults]
    assert len(messages) == 2  # the next seal does not follow, and the head kept beside it is gone


def test_a_rebuilt_chain_disagrees_with_the_head_kept_elsewhere(home: Path, tmp_path: Path) -> None:
    three_sealed_batches()
    elsewhere = tmp_path / "elsewhere.jsonl"
    elsewhere.write_text(events.heads_path().read_text())
    # The owner of the database alters an event, throws the seals away and seals everything anew with the same key.
    Event.objects.update(seal=None)
    Seal.objects.all().delete()
    Event.objects.filter(verb="domains.add_mission").update(by_name="Somebody else")
    events.heads_path().unlink()
    events.seal()
    assert faults() == []
    assert [fault.place for fault in events.verify(elsewhere).faults] != []


def test_a_seal_of_another_key_is_found(home: Path) -> None:
    three_sealed_batches()
    events.key_path().unlink()
    chain.load_or_create_key(events.key_path())
    with override("en"):
        assert [fault.message for fault in events.verify().faults] == [
            "its signature is not by this hub's key"
        ] * 3


def test_a_lost_key_is_told_and_no_new_one_takes_its_place(home: Path) -> None:
    mission = three_sealed_batches()
    events.key_path().unlink()
    with override("en"):
        assert faults() == ["signing key"]
        edit_mission(mission, by=SYSTEM, title_en="The sea")
        with pytest.raises(events.MissingKey, match=r"signing\.key: bring it back from a backup"):
            events.seal()
    assert not events.key_path().exists()


def test_a_key_that_others_can_read_is_a_fault(home: Path) -> None:
    three_sealed_batches()
    events.key_path().chmod(0o644)
    with override("en"):
        assert faults() == ["signing key"]


@pytest.mark.parametrize("line", ["not json", "[]", "{}", '{"seal": "first", "digest": 1}'])
def test_a_file_that_holds_no_heads_is_told_line_by_line(tmp_path: Path, line: str) -> None:
    three_sealed_batches()
    copy = tmp_path / "copy.jsonl"
    copy.write_text(events.heads_path().read_text() + "\n" + line + "\n")
    with override("en"):
        assert [fault.place for fault in events.verify(copy).faults] == ["heads file, line 5"]


def test_an_event_that_commits_late_is_sealed_late_and_the_record_is_whole() -> None:
    """On PostgreSQL an event of a lower number may appear after one of a higher number was sealed."""
    mission = add_mission(HUB, by=SYSTEM, code="jura", title_lv="Jūra")
    edit_mission(mission, by=SYSTEM, title_en="Sea")
    late, early = Event.objects.order_by("id")
    changes = list(late.changes.all())
    Change.objects.filter(event=late).delete()
    Event.objects.filter(pk=late.pk).delete()
    events.seal()
    Event.objects.bulk_create([late])
    Change.objects.bulk_create(changes)
    events.seal()
    assert [(s.first_event, s.last_event) for s in Seal.objects.order_by("id")] == [
        (early.pk, early.pk),
        (late.pk, late.pk),
    ]
    assert faults() == []


def test_what_a_reader_has_not_seen() -> None:
    """Two verbs on the row, one of which only changed something below it: both are told, what was before is not."""
    mission = add_mission(HUB, by=SYSTEM, code="jura", title_lv="Jūra")
    edit_mission(mission, by=SYSTEM, title_en="Sea")
    seen = mission.revision
    edit_mission(mission, by=SYSTEM, title_en="The sea")
    add_below(mission, by=SYSTEM, code="below")
    told = [(c.subject_kind, c.kind, sorted(c.fields)) for c in events.since(mission, seen)]
    assert told == [
        ("domains.domain", "created", ["code", "order", "title_lv"]),
        ("domains.mission", "changed", ["title_en"]),
    ]
    assert events.since(mission, mission.revision) == []


@action(needs=is_system)
def add_below(mission: Mission, *, by: Any, code: str) -> None:
    Domain(code=code, title_lv="Apakšā").save()
    mission.save(bump=True)


def test_an_erased_value_is_gone_and_the_chain_still_verifies() -> None:
    mission = three_sealed_batches()
    change = events.history(mission).filter(fields__has_key="title_en").get()
    events.erase(change, ["title_en"])
    events.erase(change, ["title_en"])  # twice is once
    assert "Sea 2030" not in json.dumps(list(Change.objects.values_list("fields", flat=True)))
    assert faults() == []
    change.refresh_from_db()
    change.fields["title_en"]["erased"] = "0" * 64
    change.save()
    assert len(faults()) == 1


def test_an_erased_person_is_gone_and_the_chain_still_verifies() -> None:
    three_sealed_batches()
    for event in Event.objects.all():
        events.erase_person(event)
    assert set(Event.objects.values_list("by_name", "subject_name")) == {("", "")}
    assert set(Change.objects.values_list("subject_name", flat=True)) == {""}
    assert faults() == []


def test_history_tells_who_changed_what(django_assert_num_queries: Any) -> None:
    mission = three_sealed_batches()
    with django_assert_num_queries(1):
        told = [(c.event.by_name, c.kind, sorted(c.fields)) for c in events.history(mission)]
    assert told == [
        ("system", "changed", ["summary_lv"]),
        ("system", "changed", ["summary_lv"]),
        ("system", "changed", ["title_en", "title_lv"]),
        ("system", "created", ["code", "title_lv"]),
    ]


def test_heads_are_one_line_a_seal(home: Path) -> None:
    three_sealed_batches()
    lines = [json.loads(line) for line in events.heads_path().read_text().splitlines()]
    assert [line["digest"] for line in lines] == [seal.digest for seal in Seal.objects.order_by("id")]
    assert events.key_path().stat().st_mode & 0o077 == 0
