"""The log: nothing acknowledged is ever lost, a restored backup brings nobody back, and every change is seen."""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from talka_node.consent import By, Forms, Standing, basis, chain, examples, history
from talka_node.consent.chain import Broken, Chain, Damaged
from talka_node.consent.decision import WORDS
from talka_node.consent.history import OF_DONOR, Event, Kind, NotAnEvent
from talka_node.consent.log import ClockLeap, InUse, Log, TombstonesMissing
from talka_query.nodes import AskerKind, Purpose, Use

pytestmark = pytest.mark.once

FORMS = examples()
RESEARCH = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TODAY = NOON.date()


def opened(node: Path, moment: datetime = NOON, forms: Forms = FORMS, *, lost: bool = False) -> Log:
    return Log(node, forms, clock=lambda: moment, tombstones_lost=lost)


def signed(donor: int, biobank: str = "Alpha", on: date = date(2025, 5, 1), **more: object) -> Event:
    told = {"form": "invented-broad", "version": 2, "options": frozenset({"research"})} | more
    name = f"paper {donor} {biobank} {on}"
    return Event(name, Kind.GIVEN, on, donor, biobank, **told)  # type: ignore[arg-type]


def withdrawn(donor: int, biobank: str | None = None, on: date = date(2026, 2, 1)) -> Event:
    return Event(f"withdrawal {donor} {biobank} {on}", Kind.WITHDRAWN, on, donor, biobank)


def counted(log: Log, on: date = TODAY) -> list[int]:
    return list(basis(log.state, RESEARCH, on).donors())


def told(log: Log) -> dict[tuple[int, str], Standing | None]:
    return {(donor, bank): log.state.classes[each] for donor, bank, each in log.state.pairs() if each}


def statuses(log: Log, *events: Event) -> list[str]:
    return [each.status for each in log.record(*events)]


# --- what is recorded -------------------------------------------------------------------------------------


def test_what_is_recorded_counts_at_once_and_after_opening_again(tmp_path: Path) -> None:
    with opened(tmp_path / "node") as log:
        assert statuses(log, signed(1), signed(2), signed(3, "Beta")) == ["applied"] * 3
        assert counted(log) == [1, 2, 3]
        assert statuses(log, withdrawn(2)) == ["applied"]
        assert counted(log) == [1, 3]
    with opened(tmp_path / "node") as log:
        assert (counted(log), log.verify()) == ([1, 3], [])
        assert log.standing(2, "Alpha", TODAY).why == "withdrawn"


def test_the_same_event_is_recorded_once(tmp_path: Path) -> None:
    with opened(tmp_path / "node") as log:
        (first,) = log.record(signed(1))
        lines = log.count
        assert log.record(signed(1), signed(1)) == [type(first)("known", first.number)] * 2
        assert log.count == lines
        log.snapshot()
        assert statuses(log, signed(1)) == ["known"]
        assert statuses(log, signed(2), signed(2)) == ["applied", "known"]


def test_one_id_that_tells_two_consents_permits_what_both_permit(tmp_path: Path) -> None:
    wide = signed(1, options=frozenset({"research", "genetic"}))
    narrow = replace(wide, options=frozenset({"research"}))
    with opened(tmp_path / "node") as log:
        assert statuses(log, wide, narrow, wide, narrow) == ["applied", "contradicted", "known", "known"]
        standing = log.standing(1, "Alpha", TODAY).standing
        assert standing is not None
        assert {each.options for each in standing.consents} == {wide.options, narrow.options}
        # Dated back, it does not step behind the wider one; signed anew under the old id, it governs alone.
        back = replace(narrow, on=date(2025, 4, 1), options=frozenset(), until=date(2025, 4, 20))
        assert statuses(log, back, back) == ["contradicted", "known"]
        assert log.standing(1, "Alpha", TODAY).why == "expired"
        assert statuses(log, replace(wide, on=date(2025, 9, 1))) == ["contradicted"]
        assert counted(log) == [1]
        # The same id for somebody else, or another biobank, is a mistake.
        assert statuses(log, replace(wide, donor=2), replace(wide, biobank="Beta")) == ["refused"] * 2
        assert (counted(log), log.verify()) == ([1], [])


def test_a_withdrawal_told_again_with_another_date_is_the_same(tmp_path: Path) -> None:
    gone = withdrawn(1, on=date(2026, 1, 10))
    with opened(tmp_path / "node") as log:
        log.record(signed(1), gone, signed(1, on=date(2026, 2, 1)))
        assert statuses(log, replace(gone, on=date(2026, 2, 20)), replace(gone, donor=2)) == [
            "known",
            "refused",
        ]
        assert counted(log) == [1]


def test_two_numbers_of_one_person_are_one_history(tmp_path: Path) -> None:
    with opened(tmp_path / "node") as log:
        log.record(signed(1), signed(2, "Beta"), signed(3), signed(4), withdrawn(4))
        log.snapshot()
        assert (log.join({1: 2, 4: 3}), log.join({1: 2}), counted(log)) == (2, 0, [2])
        assert [log.state[donor, "Alpha"] for donor in (1, 2)] == [0, log.state[2, "Beta"]]
        assert log.standing(3, "Alpha", TODAY).why == "withdrawn"  # it was 4 who withdrew
        # Whatever comes under the old number is of the same person.
        assert statuses(log, signed(1), withdrawn(1, "Alpha")) == ["known", "applied"]
        assert [log.standing(2, bank, TODAY).why for bank in ("Alpha", "Beta")] == ["withdrawn", "given"]
        assert log.verify() == []
    with opened(tmp_path / "node") as log:
        assert (log.join({1: 5, 2: 5}), counted(log)) == (1, [5])  # and once more
        log.snapshot()
        assert [each.event.donor for each in log.history(1)] == [5] * 3
        assert (counted(log), log.verify()) == ([5], [])
    (tmp_path / "node/consent/snapshot").unlink()
    with opened(tmp_path / "node") as log:
        assert (counted(log), log.verify()) == ([5], [])
        assert log.awaiting_destruction() == [(3, "Alpha", date(2026, 2, 1)), (5, "Alpha", date(2026, 2, 1))]


@pytest.mark.parametrize("backup_after", ["papers", "withdrawal", "join"])
@pytest.mark.parametrize("order", [("withdrawal", "join"), ("join", "withdrawal")])
@pytest.mark.parametrize("number", [1, 2])
def test_a_withdrawal_of_joined_numbers_beats_any_backup(
    tmp_path: Path, backup_after: str, order: tuple[str, str], number: int
) -> None:
    """A person known as 1 and as 2 withdraws as one of them, before or after that is found out."""
    node, backup = tmp_path / "node", tmp_path / "backup"
    for step in ("papers", *order):
        with opened(node) as log:
            match step:
                case "papers":
                    log.record(signed(1), signed(2, "Beta"), signed(3))
                case "withdrawal":
                    log.record(withdrawn(number))
                case _:
                    log.join({1: 2})
        if step == backup_after:
            shutil.copytree(node, backup)
    shutil.rmtree(node)
    shutil.copytree(backup, node)
    for _ in range(2):
        with opened(node) as log:
            assert (counted(log), log.verify()) == ([3], [])
            log.join({1: 2})
            assert (counted(log), log.verify()) == ([3], [])
            log.record(withdrawn(4))
        (node / "consent/snapshot").unlink()
    assert log.highest_donor == 4


def test_the_tombstones_lie_beside_the_node_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "node/inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "node/inner")
    for name in ("..", "../../node", str(tmp_path / "node")):
        with opened(Path(name)) as log:
            log.record(signed(1), withdrawn(1))
    monkeypatch.chdir(tmp_path / "node")
    opened(Path()).close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["node", "node.tombstones"]


def test_why_a_donor_is_not_counted_is_told(tmp_path: Path) -> None:
    with opened(tmp_path / "node") as log:
        log.record(signed(1), signed(1, "Beta"), withdrawn(1, "Beta"), signed(2, until=date(2026, 1, 1)))
        found = [
            log.decide(donor, bank, RESEARCH, TODAY)
            for donor, bank in ((1, "Alpha"), (1, "Beta"), (2, "Alpha"))
        ]
        assert [each.outcome.name for each in found] == ["PERMIT", "REFUSE", "REFUSE"]
        assert [why.en for each in found for why in each.reasons] == [
            "The consent covers this purpose: GRU.",
            "The consent was withdrawn.",
            "The consent has run out.",
        ]
        assert log.decide(3, "Alpha", RESEARCH, TODAY).reasons[0].lv == "Šai biobankai piekrišana nav dota."


def test_every_reason_of_a_history_has_its_sentence() -> None:
    source = Path(history.__file__).read_text("utf-8")
    told = set(re.findall(r'Found\(None, "(\w+)"\)|return "(\w+)"', source))
    codes = {each for pair in told for each in pair if each} | {Kind.WITHDRAWN.value, Kind.DESTROYED.value}
    assert codes == {
        "never", "not_yet", "withdrawn", "destroyed", "expired", "came_of_age", "died", "posthumous", "void"
    }  # fmt: skip
    assert codes <= WORDS.keys()


def test_what_cannot_be_recorded_stops_the_whole_call(tmp_path: Path) -> None:
    with opened(tmp_path / "node") as log:
        with pytest.raises(NotAnEvent, match="biobank"):
            log.record(signed(1), Event("x", Kind.GIVEN, TODAY, 2))
        assert counted(log) == []
        assert statuses(log, signed(1, on=date(2026, 3, 3))) == ["refused"]  # signed in the future


def test_an_event_waits_for_its_donor(tmp_path: Path) -> None:
    paper = Event(
        "a",
        Kind.GIVEN,
        date(2025, 5, 1),
        None,
        "Alpha",
        "invented-broad",
        2,
        frozenset({"research"}),
        subject="p1",
    )
    gone = Event("b", Kind.WITHDRAWN, date(2026, 1, 1), subject="p2")
    with opened(tmp_path / "node") as log:
        assert statuses(log, paper, gone, signed(8)) == ["waiting", "waiting", "applied"]
        assert counted(log) == [8]
        assert log.settle({"p1": 7}.get) == 1
        assert counted(log) == [7, 8]
        assert (list(log.waiting), log.highest_donor) == (["p2"], 8)
    with opened(tmp_path / "node") as log:
        assert counted(log) == [7, 8]
        assert log.settle({"p2": 8}.get) == 1
        assert (counted(log), log.waiting, log.verify()) == ([7], {}, [])
        assert statuses(log, replace(paper, donor=7)) == ["known"]
    (tmp_path / "node/consent/snapshot").unlink()
    with opened(tmp_path / "node") as log:
        assert counted(log) == [7]


def test_many_threads_share_the_disk(tmp_path: Path) -> None:
    log = opened(tmp_path / "node")

    def work(first: int) -> None:
        for donor in range(first, first + 20):
            log.record(signed(donor))
            if donor % 2:
                log.record(withdrawn(donor))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 160, 20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (counted(log), log.verify()) == (list(range(0, 160, 2)), [])
    log.close()


def test_destruction_is_awaited_until_it_is_recorded(tmp_path: Path) -> None:
    with opened(tmp_path / "node") as log:
        log.record(signed(1), signed(1, "Beta"), signed(2), withdrawn(1, on=date(2026, 2, 1)))
        assert log.awaiting_destruction() == [(1, "Alpha", date(2026, 2, 1)), (1, "Beta", date(2026, 2, 1))]
        log.record(Event("act 1", Kind.DESTROYED, date(2026, 2, 20), 1, "Alpha"))
        assert log.awaiting_destruction() == [(1, "Beta", date(2026, 2, 1))]


# --- days -------------------------------------------------------------------------------------------------


def test_a_consent_ends_with_its_day_and_no_clock_brings_it_back(tmp_path: Path) -> None:
    with opened(tmp_path / "node") as log:
        log.record(signed(1, until=date(2026, 3, 1)), signed(2))
        assert counted(log, log.today(TODAY)) == [1, 2]
        assert counted(log, log.today(date(2026, 3, 2))) == [2]
    with opened(tmp_path / "node", NOON - timedelta(30)) as log:
        assert log.today(date(2026, 1, 30)) == date(2026, 3, 2)
        assert counted(log, log.today(date(2026, 1, 30))) == [2]
        # What comes in now is not recorded in the past either.
        log.record(withdrawn(2))
        assert [each.known for each in log.history(2)] == [TODAY, TODAY]
        assert log.verify() == []


def test_a_clock_far_ahead_is_not_believed(tmp_path: Path) -> None:
    with opened(tmp_path / "node") as log:
        log.record(signed(1, until=date(2030, 1, 1)))
    with opened(tmp_path / "node", NOON + timedelta(5000)) as log:
        with pytest.raises(ClockLeap, match="the last day known is 2026-03-01"):
            log.today(date(2039, 1, 1))
        log.record(withdrawn(2))  # recorded all the same, as of the last moment known
        assert [each.known for each in log.history(2)] == [TODAY]
        assert counted(log) == [1]
        assert log.today(date(2039, 1, 1), leap=True) == date(2039, 1, 1)
        assert counted(log) == []


def test_what_was_and_what_was_known(tmp_path: Path) -> None:
    node = tmp_path / "node"
    with opened(node, datetime(2025, 5, 1, tzinfo=UTC)) as log:
        log.record(signed(1), signed(2))
    with opened(node, NOON) as log:
        log.record(withdrawn(1, on=date(2025, 12, 1)))
        log.snapshot()
        before, after = date(2025, 11, 30), date(2025, 12, 1)
        assert [counted_in(log, each) for each in (before, after)] == [[1, 2], [2]]
        # On 1 January nobody knew of the withdrawal yet: an answer of that day counted donor 1.
        assert counted_in(log, date(2026, 1, 1), known=date(2026, 1, 1)) == [1, 2]
        assert log.standing(1, "Alpha", date(2026, 1, 1), known=date(2026, 1, 1)).why == "given"
        assert log.standing(1, "Alpha", date(2026, 1, 1)).why == "withdrawn"


def counted_in(log: Log, on: date, known: date | None = None) -> list[int]:
    return list(basis(log.state_on(on, known), RESEARCH, on).donors())


# --- opening ----------------------------------------------------------------------------------------------


def filled(node: Path) -> None:
    with opened(node) as log:
        log.record(
            *(signed(donor, bank, until=date(2026, 3, donor + 1)) for donor in range(1, 9) for bank in "AB")
        )
        log.record(withdrawn(3), withdrawn(4, "A"))


def test_a_snapshot_says_what_the_log_says(tmp_path: Path) -> None:
    node = tmp_path / "node"
    filled(node)
    with opened(node) as log:
        log.record(signed(20), withdrawn(5), signed(1, "A", on=date(2026, 2, 2), until=date(2026, 3, 9)))
        log.today(date(2026, 3, 2))
        quick = told(log)
        log.snapshot()
        assert log.verify() == []
    with opened(node) as log:
        thawed = told(log)
        assert counted(log, date(2026, 3, 8)) == [1, 7, 8, 20]
    (node / "consent/snapshot").unlink()
    with opened(node) as log:
        assert told(log) == quick == thawed
        assert counted(log, date(2026, 3, 8)) == [1, 7, 8, 20]
        assert statuses(log, signed(20)) == ["known"]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_the_state_is_what_a_replay_gives(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events of all kinds in any order, days passing, snapshots, restarts: always as the plain replay has it."""
    monkeypatch.setattr("talka_node.consent.log.SNAPSHOT_EVERY", 25)
    rng, node = random.Random(seed), tmp_path / "node"
    moment = NOON
    log = opened(node, moment)

    def some_day() -> date:
        return moment.date() + timedelta(rng.randint(-40, 40))

    def some_event(number: int) -> Event:
        kind, donor = rng.choice([*Kind, Kind.GIVEN, Kind.GIVEN]), rng.randint(0, 5)
        told: dict[str, object] = {}
        if kind not in OF_DONOR:
            told["biobank"] = rng.choice(["A", "B"] if kind is Kind.GIVEN else ["A", "B", None])
        on = some_day()
        if kind is Kind.GIVEN:
            form, version = rng.choice([("invented-broad", 2), ("invented-lung", 1), ("unknown", 1)])
            told |= {"form": form, "version": version, "options": frozenset({"research"})}
            told |= {
                "until": rng.choice([None, max(on, some_day())]),
                "adult_on": rng.choice([None, some_day()]),
            }
        return Event(f"event {number}", kind, on, donor, by=rng.choice(list(By)), **told)  # type: ignore[arg-type]

    for turn in range(60):
        match rng.randrange(8):
            case 0:
                moment += timedelta(rng.randint(-3, 9))
                log.today(moment.date())
            case 1:
                log.snapshot()
            case 2 if turn % 3 == 0:
                log.join({rng.randint(0, 5): rng.randint(0, 5)})
            case 2:
                log.close()
                if rng.random() < 0.5:
                    (node / "consent/snapshot").unlink()
                log = opened(node, moment)
            case _:
                log.record(*(some_event(rng.randint(0, 10**6)) for _ in range(rng.randint(1, 3))))
        if turn % 5 == 0:
            assert log.verify() == []
        for donor in range(6):
            for bank in "AB":
                found = log.state.classes[log.state[donor, bank]]
                kept = log._whose(donor) == donor
                assert found == (log.standing(donor, bank, log.state.day).standing if kept else None)
    log.close()


@pytest.mark.parametrize("place", [3, 40, 60, 400, -1])
def test_a_harmed_snapshot_is_not_taken(tmp_path: Path, place: int) -> None:
    node = tmp_path / "node"
    filled(node)
    path = node / "consent/snapshot"
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with opened(node) as log:
        assert (counted(log), log.verify()) == ([1, 2, 4, 5, 6, 7, 8], [])


def test_a_snapshot_of_other_forms_is_not_taken(tmp_path: Path) -> None:
    node = tmp_path / "node"
    filled(node)
    with opened(node, forms=Forms()) as log:
        assert counted(log) == []
    with opened(node) as log:
        assert counted(log) == [1, 2, 4, 5, 6, 7, 8]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with opened(tmp_path / "node"), pytest.raises(InUse, match="another process"):
        opened(tmp_path / "node")
    opened(tmp_path / "node").close()


# --- a backup put back ------------------------------------------------------------------------------------


def test_a_withdrawal_beats_a_restored_backup(tmp_path: Path) -> None:
    node, backup = tmp_path / "node", tmp_path / "backup"
    with opened(node) as log:
        log.record(*map(signed, range(1, 6)))
    shutil.copytree(node, backup)
    with opened(node) as log:
        log.record(withdrawn(1), Event("out", Kind.OPTED_OUT, TODAY, 2), signed(9), withdrawn(9))
        log.record(
            Event("act", Kind.DESTROYED, TODAY, 3), Event("waits", Kind.WITHDRAWN, TODAY, subject="p4")
        )
        assert counted(log) == [4, 5]
    shutil.rmtree(node)
    shutil.copytree(backup, node)
    with opened(node) as log:
        assert (counted(log), log.verify(), list(log.waiting)) == ([4, 5], [], ["p4"])
        assert log.settle({"p4": 4}.get) == 1
        # Donor 9 is not in the backup. The paper comes in again, perhaps under another number: it stays ended.
        assert log.highest_donor == 9
        assert statuses(log, replace(signed(10), id=signed(9).id)) == ["void"]
        assert (counted(log), log.standing(10, "Alpha", TODAY).why) == ([5], "void")
    # Without any node at all, the tombstones alone still know.
    shutil.rmtree(node)
    with opened(node) as log:
        assert statuses(log, *map(signed, range(1, 6))) == ["void", "applied", "void", "applied", "applied"]
        assert (counted(log), log.verify()) == ([4, 5], [])


def test_a_wrongly_dated_withdrawal_beats_a_restored_backup_too(tmp_path: Path) -> None:
    node = tmp_path / "node"
    with opened(node) as log:
        log.record(signed(1), withdrawn(1, on=date(1926, 1, 1)))
        assert counted(log) == []
    shutil.rmtree(node)
    with opened(node) as log:
        assert statuses(log, replace(signed(2), id=signed(1).id), signed(3)) == ["void", "applied"]
        assert counted(log) == [3]


def test_a_log_is_not_opened_without_its_tombstones(tmp_path: Path) -> None:
    node, graves = tmp_path / "node", tmp_path / "node.tombstones"
    filled(node)
    shutil.rmtree(graves)
    with pytest.raises(TombstonesMissing, match=r"refusals\.log is missing"):
        opened(node)
    with opened(node, lost=True) as log:
        assert log.verify() == []  # made whole from the log
        assert log.count == 1 + 16 + 2 + 1  # the node's name, papers, withdrawals; and that they were lost
    with opened(node) as log:
        assert log.verify() == []


def test_tombstones_of_another_node_are_not_taken(tmp_path: Path) -> None:
    filled(tmp_path / "node")
    filled(tmp_path / "other")
    shutil.rmtree(tmp_path / "node.tombstones")
    shutil.copytree(tmp_path / "other.tombstones", tmp_path / "node.tombstones")
    with pytest.raises(TombstonesMissing, match="of another node"):
        opened(tmp_path / "node")


def test_older_tombstones_are_made_whole_from_the_log(tmp_path: Path) -> None:
    node, graves = tmp_path / "node", tmp_path / "node.tombstones"
    filled(node)
    shutil.copytree(graves, tmp_path / "old")
    with opened(node) as log:
        log.record(withdrawn(6))
    shutil.rmtree(graves)
    shutil.copytree(tmp_path / "old", graves)
    with opened(node) as log:
        assert log.verify() == []
    shutil.rmtree(node)
    with opened(node) as log:
        assert log.standing(6, "A", TODAY).why == "never"
        assert statuses(log, signed(6, "A", until=date(2026, 3, 7))) == ["void"]


# --- harm -------------------------------------------------------------------------------------------------


def test_a_cut_anywhere_leaves_whole_lines(tmp_path: Path) -> None:
    node, graves = tmp_path / "node", tmp_path / "node.tombstones"
    with opened(node) as log:
        log.record(*map(signed, range(1, 4)))
        safe = (node / "consent/events.log").stat().st_size
        buried = (graves / "refusals.log").stat().st_size
        log.record(withdrawn(1), withdrawn(2))
    (node / "consent/snapshot").unlink()
    whole, grave = (node / "consent/events.log").read_bytes(), (graves / "refusals.log").read_bytes()
    outcomes = set()
    cuts = [(len(grave), each) for each in (*range(safe, len(whole), 23), len(whole) - 1, len(whole))]
    cuts += [(each, safe) for each in (*range(buried, len(grave), 23), len(grave) - 1, len(grave))]
    for grave_cut, cut in cuts:
        (node / "consent/events.log").write_bytes(whole[:cut])
        (graves / "refusals.log").write_bytes(grave[:grave_cut])
        with opened(node) as log:
            assert log.verify() == []
            outcomes.add((tuple(counted(log)), grave_cut == len(grave)))
        (node / "consent/snapshot").unlink(missing_ok=True)
    # Once the tombstones are on disk both withdrawals stand, however little of them the log has.
    assert outcomes == {((3,), True), ((1, 2, 3), False), ((2, 3), False)}
    # And the other way round: what the log has is buried again.
    for cut in (*range(buried, len(grave), 31), len(grave) - 1):
        (node / "consent/events.log").write_bytes(whole)
        (graves / "refusals.log").write_bytes(grave[:cut])
        with opened(node) as log:
            assert (counted(log), log.verify()) == ([3], [])
        (node / "consent/snapshot").unlink()


@pytest.mark.parametrize("harm", ["flip", "remove", "swap", "zeros"])
def test_harm_to_an_older_line_is_seen(tmp_path: Path, harm: str) -> None:
    node = tmp_path / "node"
    filled(node)
    path = node / "consent/events.log"
    lines = path.read_bytes().splitlines(keepends=True)
    match harm:
        case "flip":
            lines[4] = lines[4].replace(b"research", b"genetics")
        case "remove":
            del lines[4]
        case "swap":
            lines[4], lines[5] = lines[5], lines[4]
        case "zeros":
            lines[4] = bytes(len(lines[4]))
    path.write_bytes(b"".join(lines))
    if harm != "remove":
        with opened(node) as log:  # the snapshot hides it from a quick opening …
            (found,) = log.verify()  # … but not from a look
            assert "events.log: line 5" in found
    (node / "consent/snapshot").unlink()
    with pytest.raises(Damaged, match=r"events\.log: line 5, byte \d+: it does not follow"):
        opened(node)
    assert path.read_bytes() == b"".join(lines)  # and nothing was cut off


def test_a_harmed_last_line_is_no_unfinished_one(tmp_path: Path) -> None:
    node = tmp_path / "node"
    filled(node)
    path = node / "consent/events.log"
    path.write_bytes(path.read_bytes().replace(b'"kind":"withdrawn"', b'"kind":"gone_away"'))
    (node / "consent/snapshot").unlink()
    with pytest.raises(Damaged):
        opened(node)


@pytest.mark.parametrize("writes", [0, 1])
def test_a_full_disk_leaves_nothing_half_done(
    tmp_path: Path, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at the first write (the tombstone's, of a withdrawal), or at the one after it."""
    write = chain._write
    left = [writes]

    def full(file: int, data: bytes) -> None:
        if left[0]:
            left[0] -= 1
            return write(file, data)
        write(file, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    node = tmp_path / "node"
    with opened(node) as log:
        log.record(signed(1), signed(2))
        with monkeypatch.context() as patched:
            patched.setattr(chain, "_write", full)
            with pytest.raises(OSError, match="No space"):
                log.record(withdrawn(2))
            with pytest.raises(OSError, match="No space"):
                log.record(signed(3))
        assert (counted(log), log.verify()) == ([1, 2], [])
        assert statuses(log, withdrawn(1)) == ["applied"]
    with opened(node) as log:
        assert (counted(log), log.verify()) == ([2], [])
        assert statuses(log, withdrawn(2), signed(3)) == ["applied", "applied"]
    assert (tmp_path / "node.tombstones/refusals.log").read_bytes().count(b"\n") == 1 + 2


def test_a_disk_that_fails_with_the_tombstone_takes_back_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Chain) -> None:
        if self.path.name == "refusals.log":
            raise OSError(errno.EIO, "Input/output error")

    with opened(tmp_path / "node") as log:
        log.record(signed(1))
        lines = log.count
        with monkeypatch.context() as patched:
            patched.setattr(Chain, "sync", fail)
            with pytest.raises(OSError, match="Input/output"):
                log.record(withdrawn(1))
        assert (log.count, counted(log), log.verify()) == (lines, [1], [])
        assert statuses(log, withdrawn(1)) == ["applied"]


def test_after_a_write_of_unknown_fate_nothing_more_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Chain(tmp_path / "lines.log")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fail)
        patched.setattr(os, "ftruncate", fail)
        with pytest.raises(OSError, match="Input/output"):
            held.append([b"one"])
    with pytest.raises(Broken, match="open the log again"):
        held.append([b"two"])
    held.close()


@drawn(
    st.lists(
        st.lists(st.binary(max_size=3000).filter(lambda each: b"\n" not in each), max_size=4), max_size=6
    )
)
def test_a_chain_gives_back_what_was_put_in(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[bytes]]
) -> None:
    path = tmp_path_factory.mktemp("chain") / "lines.log"
    held = Chain(path)
    places = [place for group in groups for place in held.append(group)]
    bodies = [body for group in groups for body in group]
    assert [held.read(place) for place in places] == bodies
    assert list(held.scan()) == list(zip(places, bodies, strict=True))
    held.close()
    again = Chain(path)
    assert (again.fresh, again.head, again.count) == (
        list(zip(places, bodies, strict=True)),
        held.head,
        len(bodies),
    )
    again.close()
    if len(places) > 1:
        half = len(places) // 2
        told = path.read_bytes()
        later = Chain(
            path,
            places[half],
            told[: places[half]].splitlines()[-1][:64].decode() if _plain(bodies) else None,
        )
        assert later.fresh == list(zip(places, bodies, strict=True))[half if later.start else 0 :]
        later.close()


def _plain(bodies: Sequence[bytes]) -> bool:
    """splitlines parts at more than line ends."""
    return all(len(each.splitlines()) <= 1 and each == each.strip() for each in bodies)


# --- killed -----------------------------------------------------------------------------------------------

WORKER = """
import sys, threading
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from talka_node.consent import examples
from talka_node.consent.history import Event, Kind
from talka_node.consent.log import Log

node, first = Path(sys.argv[1]), int(sys.argv[2])
log = Log(node, examples(), clock=lambda: datetime(2026, 3, 1, 12, tzinfo=UTC))
say = threading.Lock()

def work(offset):
    donor = first + offset
    while True:
        log.record(Event(f"paper {donor}", Kind.GIVEN, date(2025, 5, 1), donor, "Alpha", "invented-broad", 2,
                         frozenset({"research"})))
        with say:
            sys.stdout.write(f"paper {donor}\\n"); sys.stdout.flush()
        if donor % 2:
            log.record(Event(f"withdrawal {donor}", Kind.WITHDRAWN, date(2026, 2, 1), donor))
            with say:
                sys.stdout.write(f"withdrawal {donor}\\n"); sys.stdout.flush()
        if donor % 50 == 0:
            log.snapshot()
        donor += 3

threads = [threading.Thread(target=work, args=(offset,)) for offset in range(3)]
for each in threads:
    each.start()
for each in threads * (int(sys.argv[2]) % 200_000 == 0):  # or the main thread ends, and the interpreter with it
    each.join()
"""


def test_killed_at_any_moment_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    node = tmp_path / "node"
    moments = random.Random(20)
    acknowledged: set[str] = set()
    for turn in range(5):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(node), str(turn * 100_000)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert worker.stdout is not None and worker.stderr is not None
        said = [worker.stdout.readline()]  # it is at work
        killer = threading.Timer(moments.uniform(0.02, 0.4), worker.send_signal, [signal.SIGKILL])
        killer.start()
        said += worker.stdout.readlines()
        killer.join()
        errors = worker.stderr.read()
        assert (worker.wait(), errors) == (-signal.SIGKILL, b"")
        worker.stdout.close()
        worker.stderr.close()
        acknowledged |= {each.decode().strip() for each in said if each.endswith(b"\n")}
        with opened(node) as log:
            assert log.verify() == []
            there = {str(line["event"]["id"]) for _, line in log._lines() if "event" in line}
            assert acknowledged <= there
            # One that was not acknowledged any more is there whole or not at all.
            papers = {int(each.split()[1]) for each in there if each.startswith("paper")}
            gone = {int(each.split()[1]) for each in there if each.startswith("withdrawal")}
            assert counted(log) == sorted(papers - gone)
    assert len(acknowledged) > 50
