from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from talka_node import journal
from talka_node.consent.history import Kind
from talka_node.disclosure import Refused
from talka_node.node import Answer, Node, NotANode, NotUnderstood, Open, findings
from talka_node.tests.hospital import START, Clock, create, donors, question, take
from talka_query.nodes import (
    Axis,
    Diagnosis,
    IsSex,
    Measurement,
    Question,
    Sex,
)

pytestmark = pytest.mark.once


def total(node: Node, asked: Question | None = None) -> int | None:
    answer = node.ask(asked or question())
    assert isinstance(answer, Answer)
    return answer.released.total


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "node"
    create(path)
    return path


@pytest.fixture
def node(place: Path, clock: Clock) -> Iterator[Node]:
    with Node(place, clock=clock) as found:
        yield found


# --- asking -----------------------------------------------------------------------------------------------


def test_a_new_node_tells_nothing(node: Node) -> None:
    assert total(node) is None
    assert node.verify() == []


def test_a_question_is_answered_from_what_was_imported(node: Node) -> None:
    take(node, donors(0, 40))
    answer = node.ask(question(by=(Axis.SEX,)))
    assert isinstance(answer, Answer)
    assert answer.released.total == 40
    assert answer.released.table == {("female",): 40}
    assert answer.day == START.date()
    assert answer.facts == node.store.state.generation == 1
    assert answer.consents == node.log.head


def test_whoever_has_no_consent_is_not_counted(node: Node) -> None:
    take(node, [*donors(0, 20), *donors(20, 20, consent=False)])
    assert total(node) == 20


def test_an_answer_is_in_the_journal_before_it_is_told(node: Node, place: Path) -> None:
    take(node, donors(0, 40))
    answer = node.ask(question())
    assert isinstance(answer, Answer)
    [entry] = journal.entries(place / "journal")
    assert (entry.number, entry.kind) == (answer.entry, "answer")
    told = entry.read()
    assert told["told"]["total"] == 40
    assert told["question"]["asker"] == "anna"


def test_a_refusal_is_in_the_journal_too(node: Node, place: Path) -> None:
    refused = node.ask(question(by=(Axis.SEX, Axis.AGE_BAND)))
    assert isinstance(refused, Refused)
    [entry] = journal.entries(place / "journal")
    assert entry.kind == "refusal"
    assert entry.read()["reasons"] == list(refused.reasons)


def test_a_question_about_somebody_is_kept_nowhere(node: Node, place: Path) -> None:
    with pytest.raises(NotUnderstood, match="what looks like a personal code") as told:
        node.ask(question(asker="010180-12345"))
    assert "010180" not in str(told.value)
    assert list(journal.entries(place / "journal")) == []


def test_a_question_of_what_the_node_does_not_know(node: Node, place: Path) -> None:
    with pytest.raises(NotUnderstood) as told:
        node.ask(question(Diagnosis(frozenset({"E1"}))))
    assert [problem.path for problem in told.value.problems] == ["such_that.codes"]
    assert list(journal.entries(place / "journal")) == []


def test_values_are_asked_for_in_any_unit(node: Node) -> None:
    measured: list[dict[str, object]] = [
        {
            "resourceType": "Observation",
            "id": f"m{number}",
            "status": "final",
            "subject": {"reference": f"Patient/p{number}"},
            "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2"}]},
            "valueQuantity": {"value": 150 + number, "unit": "cm", "code": "cm"},
        }
        for number in range(40)
    ]
    take(node, [*donors(0, 40), *measured])
    tall = Measurement("8302-2", low=170, unit="cm")
    assert total(node, question(tall)) == 20
    assert total(node, question(Measurement("8302-2", low=1.7, unit="m"))) == 20
    assert len(list(node.memory.traces())) == 1  # it was the same question


def test_attrition_goes_through_disclosure_and_journal(node: Node, place: Path) -> None:
    take(node, donors(0, 40))
    told = node.attrition(question(IsSex(frozenset({Sex.FEMALE}))))
    assert told == [None, 40]  # a step that nobody drops out at is not told apart from the next
    assert [entry.read()["told"] for entry in journal.entries(place / "journal")] == [{"steps": told}]


def test_a_budget_survives_a_restart(place: Path, clock: Clock) -> None:
    (place / "policy.yaml").write_text("version: 3\ndated: 2026-01-01\nbudget: {open: 2}\n", encoding="utf-8")
    codes = ["E11", "I10", "C34"]
    outcomes = []
    for code in codes:
        with Node(place, clock=clock) as node:
            outcomes.append(type(node.ask(question(Diagnosis(frozenset({code}))))))
    assert outcomes == [Answer, Answer, Refused]


# --- consent moves ----------------------------------------------------------------------------------------


def test_a_withdrawal_is_obeyed_by_the_next_answer_and_after_a_restart(place: Path, clock: Clock) -> None:
    with Node(place, clock=clock) as node:
        take(node, donors(0, 40))
        assert total(node) == 40
        for number in range(5):
            assert node.withdraw(f"p{number}", source="hospital").status == "applied"
        assert total(node) == 35
    with Node(place, clock=clock) as node:
        assert total(node) == 35
        assert node.verify() == []


def test_a_withdrawal_at_another_biobank_leaves_this_one(node: Node) -> None:
    take(node, donors(0, 40))
    for number in range(5):
        node.withdraw(f"p{number}", source="hospital", biobank="other")
    assert total(node) == 40


def test_an_opt_out_and_its_end(node: Node, clock: Clock) -> None:
    take(node, donors(0, 40))
    for number in range(5):
        node.withdraw(f"p{number}", source="hospital", kind=Kind.OPTED_OUT)
    assert total(node) == 35
    clock.at += timedelta(days=1)
    for number in range(5):
        node.withdraw(f"p{number}", source="hospital", kind=Kind.OPTED_IN)
    assert total(node) == 40


def test_a_donor_whom_no_import_told_of(node: Node) -> None:
    take(node, donors(0, 1))
    with pytest.raises(LookupError, match="source 'hospital' told of no donor with this id"):
        node.withdraw("p1", source="hospital")
    with pytest.raises(LookupError, match="the imports without a source told of no donor"):
        node.withdraw("p0")
    assert node.withdraw("p0", source="hospital").status == "applied"


def test_time_takes_consents_away(node: Node, clock: Clock) -> None:
    take(node, [*donors(0, 20), *donors(20, 20, until="2026-02-28")])
    assert total(node) == 40
    clock.at = datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert total(node) == 40
    clock.at = datetime(2026, 3, 1, 1, tzinfo=UTC)
    assert total(node) == 20


def test_a_clock_put_back_gives_nothing_back(node: Node, clock: Clock) -> None:
    take(node, [*donors(0, 20), *donors(20, 20, until="2026-02-28")])
    clock.at = datetime(2026, 3, 1, tzinfo=UTC)
    assert total(node) == 20
    clock.at = START
    assert total(node) == 20


# --- facts move -------------------------------------------------------------------------------------------


def test_a_later_import_is_seen_by_the_next_answer(node: Node, place: Path) -> None:
    take(node, donors(0, 20))
    assert total(node) == 20
    take(node, donors(20, 20), name="more")
    assert total(node) == 40
    assert [path.name for path in (place / "index").iterdir()] == ["2.index"]


def test_an_index_that_is_damaged_is_built_anew(place: Path, clock: Clock) -> None:
    with Node(place, clock=clock) as node:
        take(node, donors(0, 20))
        assert total(node) == 20
    index = place / "index" / "1.index"
    index.write_bytes(index.read_bytes()[:-100])
    with Node(place, clock=clock) as node:
        [found] = node.verify()
        assert found.startswith("index: ")
        assert total(node) == 20
        assert node.verify() == []


# --- the directory ----------------------------------------------------------------------------------------


def test_a_directory_that_is_no_node(tmp_path: Path) -> None:
    with pytest.raises(NotANode, match="is no node: make one with `talka-node init"):
        Node(tmp_path)


def test_a_directory_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Anna's")
    with pytest.raises(NotANode, match="is not empty"):
        Node.create(tmp_path, "Anna")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_new_node_does_not_take_another_s_tombstones(place: Path, clock: Clock) -> None:
    with Node(place, clock=clock) as node:
        take(node, donors(0, 1))
        node.withdraw("p0", source="hospital")
    shutil.rmtree(place)
    with pytest.raises(NotANode, match="holds the refusals of an earlier node"):
        Node.create(place, "Izdomāta slimnīca")


def test_one_process_at_a_time(node: Node, place: Path) -> None:
    with pytest.raises(Open, match="is open in another process"):
        Node(place)


def test_damage_is_found_and_named(place: Path, clock: Clock) -> None:
    with Node(place, clock=clock) as node:
        take(node, donors(0, 20))
        node.ask(question())
        node.ask(question(by=(Axis.SEX,)))
    assert findings(place) == []
    log = place / "journal" / "000000000001.log"
    whole = log.read_bytes()
    log.write_bytes(whole.replace(b'"total":20', b'"total":25', 1))
    [found] = findings(place)
    assert "000000000001.log, entry 1: its hash does not follow" in found
    log.write_bytes(whole)
    [segment] = (place / "segments").glob("*-donors.parquet")
    segment.write_bytes(segment.read_bytes() + b"\0")
    [found] = findings(place)
    assert found.startswith(f"segments/{segment.name} has changed")


def test_secrets_are_the_owner_s_alone(place: Path) -> None:
    assert (place / "keys").stat().st_mode & 0o777 == 0o700
    assert (place / "keys" / "disclosure.key").stat().st_mode & 0o777 == 0o600


def test_the_status_is_about_nobody(node: Node) -> None:
    take(node, donors(0, 20))
    told = node.status()
    assert told["facts"]["rows"]["donors"] == 20
    assert told["consents"]["pairs"] == 20
    assert "p1" not in json.dumps(told)


def test_facts_that_came_before_it_was_known_whose_they_are(place: Path, clock: Clock) -> None:
    """A donor of two sources withdraws by the one; what the other told under a number of its own obeys, too."""
    code = [{"system": "urn:oid:1.3.6.1.4.1.38760.3.1.1", "value": "010100-00000"}]
    with Node(place, clock=clock) as node:
        take(node, donors(0, 40))
        patient, diagnosis, signed = donors(0, 1)
        one = node.path.parent / "one.ndjson"
        one.write_text("".join(json.dumps(each) + "\n" for each in (diagnosis, signed)), encoding="utf-8")
        node.take([one], source="laboratory", biobank="bb")
        assert node.withdraw("p0", source="laboratory").status == "applied"
        for source in ("hospital", "laboratory"):
            one.write_text(json.dumps({**patient, "identifier": code}) + "\n", encoding="utf-8")
            node.take([one], source=source)
        assert total(node) == 40  # 39 of them
        for number in range(1, 3):
            node.withdraw(f"p{number}", source="hospital")
        assert total(node) == 35  # 37 of them
    with Node(place, clock=clock) as node:
        assert total(node) == 35
        assert node.verify() == []
