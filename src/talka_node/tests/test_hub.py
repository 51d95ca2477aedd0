"""The hub's feed in a node: taken from the inbox and over HTTP, obeyed by the next answer, receipted."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka_node import hub
from talka_node.consent.feed import MESSAGE, RECEIPT, sealed, unsealed
from talka_node.disclosure import Refused
from talka_node.http import Service
from talka_node.hub import BadHub, Hub, Watch
from talka_node.importers.manifest import signing_key
from talka_node.node import Node, NotANode
from talka_node.signed import Caller, Callers, sign
from talka_node.tests import hospital
from talka_node.tests.test_http import Reply, call, running

pytestmark = pytest.mark.once

HUB, BRUNO, MALLORY = (Ed25519PrivateKey.from_private_bytes(bytes([each]) * 32) for each in (1, 2, 3))
SET = Hub(keys={"hub-2026": HUB.public_key().public_bytes_raw()})


class Teller:
    """The telling end: numbered messages, each naming the one before."""

    def __init__(self, node: str) -> None:
        self.node, self.number, self.before = node, 0, ""

    def says(self, *events: dict[str, Any], by: Ed25519PrivateKey = HUB) -> bytes:
        self.number += 1
        told = {
            "feed": "hub",
            "node": self.node,
            "number": self.number,
            "before": self.before,
            "events": events,
        }
        envelope = sealed(MESSAGE, told, "hub-2026", by)
        _, self.before = unsealed(MESSAGE, envelope, {"hub-2026": by.public_key()})
        return envelope


def withdraws(number: int) -> dict[str, Any]:
    return {"id": f"w{number}", "kind": "withdrawn", "on": "2026-01-30", "subject": f"id:hospital:p{number}"}


def read(node: Node, envelope: bytes) -> dict[str, Any]:
    keys = {node.log.node: signing_key(node.path).public_key()}
    return unsealed(RECEIPT, envelope, keys)[0]


def total(node: Node) -> int | None:
    answer = node.ask(hospital.question())
    assert not isinstance(answer, Refused)
    return answer.released.total


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    hospital.create(tmp_path / "node")
    with Node(tmp_path / "node", clock=hospital.Clock()) as opened:
        opened.set_hub(SET)
        hospital.take(opened, hospital.donors(0, 40))
        yield opened


def test_a_message_is_obeyed_by_the_next_answer(node: Node) -> None:
    teller = Teller(node.log.node)
    assert total(node) == 40
    [receipt] = map(read, [node], node.take_feed([teller.says(*map(withdraws, range(10)))]))
    assert (receipt["status"], receipt["expected"], receipt["log"]["head"]) == ("applied", 2, node.log.head)
    assert total(node) == 30


def test_without_a_hub_nothing_is_taken(tmp_path: Path) -> None:
    hospital.create(tmp_path / "node")
    with Node(tmp_path / "node") as node:
        teller = Teller(node.log.node)
        with pytest.raises(NotANode, match="listens to no hub: set one with `talka-node hub"):
            node.take_feed([teller.says(withdraws(1))])
        (node.path / "inbox").mkdir()
        (node.path / "inbox" / "1.json").write_bytes(teller.says(withdraws(2)))
        assert node.listening()["hub"] is None
    assert (tmp_path / "node" / "inbox" / "1.json").exists()


def test_what_came_while_it_was_down_is_taken_before_the_first_answer(node: Node) -> None:
    teller = Teller(node.log.node)
    first, second = teller.says(withdraws(0)), teller.says(*map(withdraws, range(1, 15)))
    third = teller.says(*map(withdraws, range(15, 20)))
    node.close()
    inbox = node.path / "inbox"
    inbox.mkdir()
    (inbox / "1.json").write_bytes(first + b"\n" + second + b"\n")
    (inbox / "2.json").write_bytes(third)
    (inbox / "3.json.part").write_bytes(b"{")
    with Node(node.path, clock=hospital.Clock()) as again:
        assert total(again) == 20
        assert [each.name for each in inbox.iterdir()] == ["3.json.part"]
        receipts = [
            [read(again, line) for line in (node.path / "outbox" / name).read_bytes().splitlines()]
            for name in ("1.json", "2.json")
        ]
        assert [[each["status"] for each in some] for some in receipts] == [
            ["applied", "applied"],
            ["applied"],
        ]
        assert again.listening()["expected"] == 4
        assert again.verify() == []


def test_a_kill_between_taking_and_receipt_changes_nothing(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    inbox = node.path / "inbox"
    inbox.mkdir()
    (inbox / "1.json").write_bytes(Teller(node.log.node).says(*map(withdraws, range(10))))
    with monkeypatch.context() as patch:
        patch.setattr(hub, "put", full)
        with pytest.raises(OSError, match="no space left"):
            hub.take_inbox(node)
    lines = node.log.count
    assert hub.take_inbox(node) == 1
    assert read(node, (node.path / "outbox" / "1.json").read_bytes())["status"] == "known"
    assert node.log.count == lines
    assert total(node) == 30


def test_the_inbox_of_a_served_node_is_looked_into(node: Node) -> None:
    with Watch(node, every=0.01):
        inbox = node.path / "inbox"
        inbox.mkdir()
        message = Teller(node.log.node).says(*map(withdraws, range(10)))
        (inbox / "1.part").write_bytes(message)
        (inbox / "1.part").rename(inbox / "1.json")
        for _ in range(1000):
            if (node.path / "outbox" / "1.json").exists():
                break
            time.sleep(0.01)
        assert total(node) == 30


def test_who_is_not_known_yet_is_refused_for_when_they_come(node: Node) -> None:
    """A withdrawal at the hub that comes before the person's own rows beats the consent that comes with those."""
    node.take_feed([Teller(node.log.node).says(*map(withdraws, range(40, 50)))])
    assert len(node.log.waiting) == 10
    hospital.take(node, hospital.donors(40, 20), "more")
    assert len(node.log.waiting) == 0
    assert total(node) == 50


def test_a_kill_between_an_import_and_what_waits_for_it(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    node.take_feed([Teller(node.log.node).says(*map(withdraws, range(40, 50)))])
    with monkeypatch.context() as patch:
        patch.setattr(node.log, "settle", killed)
        with pytest.raises(KeyboardInterrupt):
            hospital.take(node, hospital.donors(40, 20), "more")
    assert total(node) == 40
    node.close()
    with Node(node.path, clock=hospital.Clock()) as again:
        assert total(again) == 50


# --- over HTTP --------------------------------------------------------------------------------------------


@pytest.fixture
def address(node: Node) -> Iterator[tuple[str, int]]:
    Callers(node.path / "callers.json").put(Caller("hub", BRUNO.public_key().public_bytes_raw().hex()))
    with running(Service(node)) as address:
        yield address


def push(address: tuple[str, int], body: bytes, by: Ed25519PrivateKey = BRUNO) -> Reply:
    headers = sign(by, "hub", "POST", "/consents", body, hospital.START)
    return call(address, "POST", "/consents", body, headers)


def test_pushed_messages_are_receipted(node: Node, address: tuple[str, int]) -> None:
    teller = Teller(node.log.node)
    body = teller.says(*map(withdraws, range(5))) + b"\n" + teller.says(*map(withdraws, range(5, 10)))
    answer = push(address, body)
    assert answer.status == 200
    receipts = [read(node, line) for line in answer.body.splitlines()]
    assert [(each["number"], each["status"]) for each in receipts] == [(1, "applied"), (2, "applied")]
    assert total(node) == 30


def test_nobody_else_pushes_and_nobody_else_signs(node: Node, address: tuple[str, int]) -> None:
    message = Teller(node.log.node).says(*map(withdraws, range(10)))
    assert push(address, message, MALLORY).status == 401
    assert call(address, "POST", "/consents", message).status == 401
    forged = Teller(node.log.node).says(*map(withdraws, range(10)), by=MALLORY)
    answer = push(address, forged)
    assert read(node, answer.body)["status"] == "refused"
    assert total(node) == 40


def test_a_node_without_a_hub_says_so(node: Node, address: tuple[str, int]) -> None:
    node._listen(None)
    answer = push(address, b"{}")
    assert (answer.status, answer.told["error"]) == (409, "hub")


# --- how it is set ----------------------------------------------------------------------------------------


def test_keys_that_are_taken_no_more(node: Node) -> None:
    teller = Teller(node.log.node)
    node.set_hub(node.hub.changed(keys={"hub-2027": "ab" * 32}) if node.hub else SET)
    assert read(node, node.take_feed([teller.says(withdraws(1))])[0])["status"] == "refused"
    assert hub.read(node.path) == Hub(keys={"hub-2027": bytes.fromhex("ab" * 32)})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "a mapping of feed, caller, keys, seal is meant"),
        ("{feed: hub}", "with a key at least"),
        ("{keys: {a: b}}", "keys, a: a public key is 64 hexadecimal digits"),
        ("{keys: [a]}", "keys is a mapping from names to public keys"),
        (json.dumps({"keys": {"a": "0" * 64}, "caller": "Hub"}), "caller is 1 to 64 small letters"),
        (json.dumps({"keys": {"a": "0" * 64}, "seal": "x"}), "seal: a public key is 64 hexadecimal digits"),
        ("a: [", "not YAML in UTF-8"),
    ],
)
def test_what_hub_yaml_should_have_said(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "hub.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadHub, match=re.escape(says)):
        hub.read(tmp_path)


def test_hub_yaml_is_written_as_it_is_read(tmp_path: Path) -> None:
    told = Hub("konsents", "centrs", {"a": bytes(32), "b": b"\x01" * 32}, bytes(range(32)))
    hub.write(tmp_path, told)
    assert hub.read(tmp_path) == told
