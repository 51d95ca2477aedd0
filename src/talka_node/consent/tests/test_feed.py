"""The feed of the hub: forgeries are not taken, nothing counts twice, no withdrawal waits for a lost message."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given as drawn
from hypothesis import strategies as st

from talka_node.consent import basis, examples, feed
from talka_node.consent.feed import MESSAGE, RECEIPT, Feed, Forged, sealed, unsealed
from talka_node.consent.log import Log
from talka_query.nodes import AskerKind, Purpose, Use

pytestmark = pytest.mark.once

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RESEARCH = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
HUB, NODE, MALLORY = (Ed25519PrivateKey.from_private_bytes(bytes([each]) * 32) for each in (1, 2, 3))
SUBJECTS = {"anna": 1, "bruno": 2, "cilda": 3}


class Hub:
    """The telling end: numbered messages, each naming the one before."""

    def __init__(self, node: str) -> None:
        self.node, self.number, self.before = node, 0, ""

    def says(self, *events: dict[str, Any], **otherwise: Any) -> bytes:
        self.number += 1
        told = {
            "feed": "hub",
            "node": self.node,
            "number": self.number,
            "before": self.before,
            "events": events,
        }
        envelope = sealed(MESSAGE, told | otherwise, "hub 2026", HUB)
        _, self.before = unsealed(MESSAGE, envelope, {"hub 2026": HUB.public_key()})
        return envelope


def signs(subject: str, at: str = "2026-01-10") -> dict[str, Any]:
    return {
        "id": f"{subject} signs {at}", "kind": "given", "on": at, "subject": subject, "biobank": "Alpha",
        "form": "invented-broad", "version": 2, "options": ["research"],
    }  # fmt: skip


def withdraws(subject: str, at: str = "2026-02-10") -> dict[str, Any]:
    return {"id": f"{subject} withdraws {at}", "kind": "withdrawn", "on": at, "subject": subject}


def log_at(node: Path) -> Log:
    return Log(node, examples(), clock=lambda: NOON)


def receiver(log: Log) -> Feed:
    return Feed(log, "hub", {"hub 2026": HUB.public_key()}, key="node", signer=NODE, donor_of=SUBJECTS.get)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with log_at(tmp_path / "node") as opened:
        yield opened


def receipt(envelope: bytes) -> dict[str, Any]:
    return unsealed(RECEIPT, envelope, {"node": NODE.public_key()})[0]


def counted(log: Log) -> list[int]:
    return list(basis(log.state, RESEARCH, NOON.date()).donors())


def test_messages_are_applied_and_receipted(log: Log) -> None:
    hub, ours = Hub(log.node), receiver(log)
    first = receipt(ours.receive(hub.says(signs("anna"), signs("bruno"))))
    assert first == {
        "feed": "hub",
        "node": log.node,
        "number": 1,
        "digest": hub.before,
        "status": "applied",
        "why": "",
        "events": [
            {"id": "anna signs 2026-01-10", "status": "applied", "line": 2},
            {"id": "bruno signs 2026-01-10", "status": "applied", "line": 3},
        ],
        "expected": 2,
        "at": NOON.isoformat(),
        "log": {"lines": 4, "head": log.head},
    }
    assert counted(log) == [1, 2]
    second = receipt(ours.receive(hub.says(withdraws("bruno"))))
    assert (second["status"], second["expected"], counted(log)) == ("applied", 3, [1])
    assert log.verify() == []


def test_a_message_told_again_changes_nothing(log: Log, tmp_path: Path) -> None:
    hub, ours = Hub(log.node), receiver(log)
    messages = [hub.says(signs("anna")), hub.says(withdraws("anna")), hub.says(signs("anna", "2026-02-20"))]
    for each in messages:
        ours.receive(each)
    lines = log.count
    again = [receipt(ours.receive(each)) for each in messages]
    assert [(each["status"], each["events"][0]["status"], each["expected"]) for each in again] == [
        ("known", "known", 4)
    ] * 3
    assert (log.count, counted(log)) == (lines, [1])
    # … nor after the node was off.
    log.close()
    with log_at(tmp_path / "node") as opened:
        assert receipt(receiver(opened).receive(messages[0]))["status"] == "known"
        assert (receiver(opened).expected, opened.count) == (4, lines)


def forgeries(hub: Hub) -> dict[str, bytes]:
    good = json.loads(hub.says(signs("anna")))
    told = json.loads(good["text"])
    return {
        "not an envelope": b"hello",
        "not an envelope:": b'{"text": 1, "key": "hub 2026", "signature": ""}',
        "not an envelope: ": json.dumps(good | {"signature": "*"}).encode(),
        "a key that this node does not know": sealed(MESSAGE, told, "mallory", MALLORY),
        "not of this text": sealed(MESSAGE, told, "hub 2026", MALLORY),
        "not of this text ": json.dumps(good | {"text": good["text"].replace("anna", "cilda")}).encode(),
        "not of this text  ": sealed(RECEIPT, told, "hub 2026", HUB),  # another kind of text
        "another feed's message": sealed(MESSAGE, told | {"feed": "other"}, "hub 2026", HUB),
        "meant for another node": sealed(MESSAGE, told | {"node": "other"}, "hub 2026", HUB),
        "number: a whole": sealed(MESSAGE, told | {"number": True}, "hub 2026", HUB),
        "number: a whole number from 1": sealed(MESSAGE, told | {"number": 0}, "hub 2026", HUB),
        "before: the SHA-256": sealed(MESSAGE, told | {"before": None}, "hub 2026", HUB),
        "events: a list": sealed(MESSAGE, told | {"events": "all"}, "hub 2026", HUB),
        "does not follow message 0": sealed(MESSAGE, told | {"before": "of another"}, "hub 2026", HUB),
        "the most is": b" " * (feed.LARGEST + 1),
    }


@pytest.mark.parametrize("why", forgeries(Hub("")))
def test_what_is_not_the_hubs_is_refused_with_the_reason(log: Log, why: str) -> None:
    ours, lines = receiver(log), log.count
    found = receipt(ours.receive(forgeries(Hub(log.node))[why]))
    assert found["status"] == "refused"
    assert why.strip().removesuffix(":") in found["why"]
    assert (log.count, ours.expected) == (lines, 1)


def test_two_messages_of_one_number(log: Log) -> None:
    hub, twin, ours = Hub(log.node), Hub(log.node), receiver(log)
    ours.receive(hub.says(signs("anna")))
    assert receipt(ours.receive(twin.says(signs("bruno"))))["why"] == "another message 1 was applied"
    ours.receive(hub.says())
    assert receipt(ours.receive(twin.says(signs("cilda"))))["why"] == "another message 2 was applied"
    early, late = hub.says(), hub.says(signs("anna", "2026-02-01"))
    twin.says()
    assert receipt(ours.receive(late))["status"] == "held"
    assert receipt(ours.receive(twin.says(signs("cilda"))))["why"] == "another message 4 is held"
    assert receipt(ours.receive(early))["expected"] == 5
    assert counted(log) == [1]


def test_a_gap_holds_consents_but_no_withdrawal(log: Log) -> None:
    hub, ours = Hub(log.node), receiver(log)
    ours.receive(hub.says(signs("anna")))
    lost, late = hub.says(signs("bruno")), hub.says(signs("cilda"), withdraws("anna"), withdraws("bruno"))
    held = receipt(ours.receive(late))
    assert (held["status"], held["why"], held["expected"]) == ("held", "messages from 2 on are missing", 2)
    assert [each["status"] for each in held["events"]] == ["held", "applied", "applied"]
    assert counted(log) == []
    assert receipt(ours.receive(late))["events"][1]["status"] == "known"
    assert receipt(ours.receive(lost))["expected"] == 4
    assert counted(log) == [3]
    assert receipt(ours.receive(late))["status"] == "known"
    assert log.verify() == []


def test_what_was_held_but_does_not_follow_is_let_go(log: Log) -> None:
    hub, twin, ours = Hub(log.node), Hub(log.node), receiver(log)
    first = hub.says(signs("anna"))
    twin.says(signs("bruno"))
    other = twin.says(signs("cilda"))
    assert receipt(ours.receive(other))["status"] == "held"
    assert receipt(ours.receive(first))["expected"] == 2
    assert receipt(ours.receive(other))["why"] == "it does not follow message 1 as it came here"
    assert receipt(ours.receive(hub.says(signs("bruno"))))["status"] == "applied"
    assert counted(log) == [1, 2]


def test_only_so_many_are_held(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MOST_HELD", 2)
    hub, ours = Hub(log.node), receiver(log)
    hub.says()
    found = [receipt(ours.receive(hub.says())) for _ in range(3)]
    assert [each["status"] for each in found] == ["held", "held", "refused"]
    assert found[2]["why"] == "too far ahead: 2 messages are held already"


def test_one_bad_event_stops_no_other(log: Log) -> None:
    hub, ours = Hub(log.node), receiver(log)
    ours.receive(hub.says(signs("anna"), signs("bruno")))
    found = receipt(
        ours.receive(
            hub.says(
                {"id": "x", "kind": "forgotten", "on": "2026-02-01", "subject": "bruno"},
                {"id": "y", "kind": "withdrawn", "on": "2026-02-01", "donor": 2},
                {"kind": "withdrawn"},
                withdraws("anna"),
                signs("anna") | {"options": []},
                withdraws("bruno") | {"id": "x" * 200},  # too long, with the feed's name before it
            )
        )
    )
    assert [each["status"] for each in found["events"]] == [
        *["refused"] * 3, "applied", "contradicted", "refused"
    ]  # fmt: skip
    assert [each["id"] for each in found["events"]][:3] == ["x", "y", None]
    assert "by subject" in found["events"][1]["why"]
    assert "another event of the same id" in found["events"][4]["why"]
    assert counted(log) == [2]


def test_the_receipt_does_not_tell_who_is_a_donor_here(log: Log) -> None:
    hub, ours = Hub(log.node), receiver(log)
    found = receipt(ours.receive(hub.says(withdraws("anna"), withdraws("nobody here"))))
    assert [each["status"] for each in found["events"]] == ["applied", "applied"]
    assert list(log.waiting) == ["nobody here"]


def test_long_ago(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talka_node.consent.log.RECENT", 2)
    hub, ours = Hub(log.node), receiver(log)
    messages = [hub.says(signs("anna", f"2026-01-0{each}")) for each in range(1, 5)]
    for each in messages:
        ours.receive(each)
    assert [receipt(ours.receive(each))["why"] for each in messages] == [
        *["applied long ago; nothing was applied now"] * 2, "", ""
    ]  # fmt: skip


def test_a_restored_node_asks_for_what_it_lost(tmp_path: Path) -> None:
    node = tmp_path / "node"
    with log_at(node) as log:
        hub = Hub(log.node)
        messages = [hub.says(signs("anna"), signs("bruno"))]
        receiver(log).receive(messages[0])
    shutil.copytree(node, tmp_path / "backup")
    with log_at(node) as log:
        messages += [hub.says(withdraws("anna")), hub.says(signs("cilda"))]
        for each in messages[1:]:
            receiver(log).receive(each)
    shutil.rmtree(node)
    shutil.copytree(tmp_path / "backup", node)
    with log_at(node) as log:
        assert (counted(log), receiver(log).expected) == ([2], 2)
        ours = receiver(log)
        assert [receipt(ours.receive(each))["status"] for each in messages] == ["known", "applied", "applied"]
        assert (counted(log), log.verify()) == ([2, 3], [])


def test_envelopes_only_open_with_the_right_key() -> None:
    envelope = sealed(RECEIPT, {"status": "applied"}, "node", NODE)
    assert unsealed(RECEIPT, envelope, {"node": NODE.public_key()})[0] == {"status": "applied"}
    with pytest.raises(Forged, match="not of this text"):
        unsealed(RECEIPT, envelope, {"node": HUB.public_key()})
    with pytest.raises(Forged, match="no JSON object"):
        unsealed(RECEIPT, sealed(RECEIPT, ["applied"], "node", NODE), {"node": NODE.public_key()})  # type: ignore[arg-type]


STORY = [
    [signs("anna"), signs("bruno")],
    [withdraws("anna", "2026-01-20")],
    [signs("cilda"), signs("anna", "2026-02-01")],
    [withdraws("bruno"), {"id": "out", "kind": "opted_out", "on": "2026-02-03", "subject": "cilda"}],
    [{"id": "in", "kind": "opted_in", "on": "2026-02-04", "subject": "cilda"}],
]


@drawn(st.permutations(range(len(STORY))), st.lists(st.integers(0, len(STORY) - 1), max_size=4))
def test_any_order_and_any_repetition_ends_the_same(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], repeated: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("feed")
    with log_at(folder / "node") as log:
        hub, ours = Hub(log.node), receiver(log)
        messages = [hub.says(*each) for each in STORY]
        for each in itertools.chain(order, repeated):
            ours.receive(messages[each])
            # Whoever has withdrawn for good by a message that came counts no more, however it came.
            if ours.expected > 4 or 3 in order[: order.index(each) + 1]:
                assert 2 not in counted(log)
        assert (ours.expected, counted(log), log.verify()) == (6, [1, 3], [])
        assert log.standing(1, "Alpha", date(2026, 1, 25)).why == "withdrawn"
    shutil.rmtree(folder)
