"""Nodes: registered with keys, numbers that they sign, receipts that count only when they are theirs, silence
that is told."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from django.utils import timezone

from talka.biobanks import actions
from talka.biobanks.models import Figure, NodeState, Receipt
from talka.biobanks.queries import nodes as queries
from talka.biobanks.tests import factories
from talka.biobanks.tests.factories import told
from talka.biobanks.wire import client, signing
from talka.core.actions import HUB, SYSTEM, Invalid
from talka.network.tests.test_pages import signed_in

pytestmark = pytest.mark.django_db

KEY, MALLORY = (
    Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32),
    Ed25519PrivateKey.from_private_bytes(bytes([8]) * 32),
)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"public_key": "12"}, "public_key"),
        ({"address": "ftp://node.example.lv"}, "address"),
        ({"address": "http://node.example.lv"}, "address"),  # only loopback goes without TLS
        ({"address": "https://node.example.lv?x=1"}, "address"),
        ({"log_name": ""}, "log_name"),
        ({"roles": ["honey"]}, "roles"),
        ({"code": "n1"}, "code"),
        ({"log_name": "log-n1"}, "log_name"),
    ],
)
def test_a_node_that_cannot_be_trusted_is_not_registered(values: Any, field: str) -> None:
    eco = factories.ecosystem()
    factories.node(eco, "n1")
    with pytest.raises(Invalid) as refused:
        factories.node(eco, **{"code": "n2", **values})
    assert refused.value.field == field


def test_a_key_belongs_to_one_node_and_a_new_key_is_a_node_not_seen_yet() -> None:
    eco = factories.ecosystem()
    row = factories.node(eco, "n1", KEY)
    with pytest.raises(Invalid):
        factories.node(eco, "n2", KEY)
    actions.note_seen(row, by=SYSTEM, state=NodeState.UP, told={"day": "2026-03-02", "facts": 4})
    assert queries.reach(eco).up == 1
    actions.edit_node(row, by=SYSTEM, public_key=signing.public_hex(MALLORY))
    assert (row.state, queries.reach(eco).up) == (NodeState.UNSEEN, 0)


def test_what_was_seen_long_ago_is_not_said_to_be_so_now() -> None:
    eco = factories.ecosystem()
    now = timezone.now()
    up = actions.note_seen(
        factories.node(eco, "up"), by=SYSTEM, state=NodeState.UP, told={"donors": 300}, at=now
    )
    actions.note_seen(
        factories.node(eco, "down"), by=SYSTEM, state=NodeState.UP, told={"donors": 100}, at=now
    )
    assert (queries.reach(eco, now).up, queries.reach(eco, now).missing_share) == (2, 0.0)
    actions.note_seen(eco.data_nodes.get(code="down"), by=SYSTEM, state=NodeState.DOWN, why="timeout", at=now)
    reach = queries.reach(eco, now)
    assert (reach.up, [each.code for each in reach.out_of_reach], reach.missing_share) == (1, ["down"], 0.25)
    assert queries.reach(eco, now + queries.STALE + timedelta(seconds=1)).up == 0
    factories.node(eco, "new")
    assert queries.reach(eco, now).missing_share is None  # it has never told how many
    assert up.donors == 300


# ---------------------------------------------------------------- numbers


def numbers(key: Ed25519PrivateKey = KEY, **values: Any) -> bytes:
    told = {
        "node": "log-n1",
        "as_of": datetime(2026, 3, 2, 12, tzinfo=UTC).isoformat(),
        "facts": 3,
        "entry": 17,
        "rounded_to": 5,
        "donors": 120,
        "collections": [{"code": "nectar:collection:spring", "donors": 40, "samples": None}],
        **values,
    }
    return signing.sealed(signing.NUMBERS, signing.plain(told), "log-n1", key)


@pytest.fixture
def registered() -> Any:
    eco = factories.ecosystem()
    row = factories.node(eco, "n1", KEY)
    factories.collection(factories.biobank(eco, node=row))
    return row


def test_numbers_are_kept_with_their_time_and_derivation_once(registered: Any) -> None:
    for _each in range(2):
        actions.take_numbers(registered, by=SYSTEM, envelope=numbers())
    figures = {each.kind_of: each for each in Figure.objects.all()}
    assert {kind: each.value for kind, each in figures.items()} == {"donors": 40, "samples": None}
    assert figures["donors"].derivation == {"question": "", "facts": 3, "entry": 17}
    assert (figures["donors"].rounded_to, registered.donors) == (5, 120)
    page = Client().get("/en/bees/biobanks/nectar/collections/spring/").content.decode()
    assert "As the data node counted on" in page
    assert "rounded to 5" in page


@pytest.mark.parametrize(
    "envelope",
    [
        numbers(MALLORY),
        numbers(node="log-n2"),
        numbers(as_of="2026-03-02T12:00:00"),
        numbers(as_of="2126-03-02T12:00:00+00:00"),
        numbers(collections=[{"code": "somebody:else", "donors": 1}]),
        numbers(collections=[{"code": "nectar:collection:spring", "donors": -1}]),
        numbers(collections=[{"code": "nectar:collection:spring", "donors": True}]),
        numbers(collections={}),
        signing.sealed(
            signing.RECEIPT, signing.plain({"node": "log-n1"}), "log-n1", KEY
        ),  # another kind of word
        numbers().replace(b"40", b"99"),
        b"honey",
    ],
)
def test_numbers_that_are_not_the_nodes_own_are_refused_whole(registered: Any, envelope: bytes) -> None:
    with pytest.raises(Invalid):
        actions.take_numbers(registered, by=SYSTEM, envelope=envelope)
    assert not Figure.objects.exists()


def test_a_node_pushes_its_numbers_without_another_key(registered: Any) -> None:
    where = "/api/v1/nodes/n1/numbers"
    assert Client().post(where, numbers(), content_type="application/json").json() == {
        "node": "n1",
        "figures": 2,
    }
    assert Client().post(where, numbers(MALLORY), content_type="application/json").status_code == 422


# ---------------------------------------------------------------- receipts


def receipt(text: str, key: Ed25519PrivateKey = KEY, **values: Any) -> bytes:
    said = {
        "node": "log-n1",
        "number": 1,
        "digest": signing.digest(text),
        "status": "applied",
        "expected": 2,
        "at": timezone.now().isoformat(),
        "events": [],
        **values,
    }
    return signing.sealed(signing.RECEIPT, signing.plain(said), "log-n1", key)


@pytest.mark.parametrize(
    ("change", "key", "status"),
    [
        ({}, KEY, "applied"),
        ({"status": "known"}, KEY, "known"),
        ({"status": "held"}, KEY, "held"),
        ({}, MALLORY, "forged"),
        ({"node": "log-n2"}, KEY, "forged"),
        ({"digest": "0" * 64}, KEY, "forged"),
        ({"number": 2}, KEY, "forged"),
        ({"status": "honey"}, KEY, "forged"),
    ],
)
def test_a_receipt_counts_only_when_it_is_the_nodes_own_for_this_message(
    registered: Any, change: Any, key: Ed25519PrivateKey, status: str
) -> None:
    eco = registered.ecosystem
    factories.form(eco)
    lab = factories.collector(eco, eco.biobanks.get())
    actions.take_in(lab, by=SYSTEM, statements=[told("given/00001")])
    batch = actions.pack(HUB, by=SYSTEM)
    assert batch is not None
    text = queries.message(registered, 1, "", batch.events)
    for _each in range(2):  # told twice, it is kept once
        actions.note_receipts(
            registered, by=SYSTEM, receipts=[(batch, signing.digest(text), receipt(text, key, **change), 4)]
        )
    assert [each.status for each in Receipt.objects.all()] == [status]
    assert queries.has_taken(registered) == (1 if status in ("applied", "known") else 0)


# ---------------------------------------------------------------- asking all at once


class Listener:
    """A server of one sentence, or of none: it answers, hangs, or says what is no HTTP."""

    def __init__(self, answer: bytes | None) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.answer = answer
        self.open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                link, _address = self.socket.accept()
            except OSError:
                return
            self.open.append(link)
            if self.answer is not None:
                link.recv(65536)
                link.sendall(self.answer)
                link.close()

    def close(self) -> None:
        for each in [self.socket, *self.open]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # so that whoever waits to accept is woken
            each.close()


@pytest.fixture
def listeners() -> Iterator[list[Listener]]:
    made = [
        Listener(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
        Listener(None),
        Listener(b"honey\r\n\r\n"),
    ]
    yield made
    for each in made:
        each.close()


def test_a_silent_node_holds_up_nobody_and_its_share_is_told(listeners: list[Listener]) -> None:
    closed = Listener(None)
    closed.close()
    places = [
        client.Place(name, each.address)
        for name, each in zip(("well", "hangs", "babbles", "closed"), [*listeners, closed], strict=True)
    ]
    began = time.monotonic()
    gathered = client.ask_all(places, "GET", "/health", b"", None, 0.5)
    assert time.monotonic() - began < 5
    assert [(each.status, each.error) for each in gathered.answers] == [
        (200, ""),
        (0, "timeout"),
        (0, "connection"),
        (0, "refused"),
    ]
    assert gathered.silent == ["hangs", "babbles", "closed"]
    assert gathered.missing_share({"well": 100, "hangs": 200, "babbles": 50, "closed": 50}) == 0.75
    assert gathered.missing_share({"well": 100}) is None


def test_versions_are_agreed_as_the_newest_that_both_speak() -> None:
    assert signing.agreed({"request": [1], "question": [1, 2], "feed": [1]}) == {
        "request": 1,
        "question": 1,
        "feed": 1,
    }
    assert signing.agreed({"request": [2], "question": [1]}) == {"question": 1}
    assert signing.agreed({"request": "1", "feed": None}) == {}


def test_only_who_runs_the_hub_registers_nodes_and_sees_their_addresses() -> None:
    eco = factories.ecosystem()
    people = factories.people(eco)
    anna, dzintars = signed_in(people.anna), signed_in(people.dzintars)
    sent = {
        "title_lv": "Mezgls",
        "code": "n1",
        "address": "https://node.example.lv",
        "public_key": signing.public_hex(KEY),
        "log_name": "log-n1",
        "roles": ["feed"],
        "active": "on",
    }
    assert anna.post("/en/bees/biobanks/nodes/add/", sent).status_code == 403
    assert dzintars.post("/en/bees/biobanks/nodes/add/", sent).status_code == 302
    assert "node.example.lv" in dzintars.get("/en/bees/biobanks/nodes/n1/").content.decode()
    assert "node.example.lv" not in anna.get("/en/bees/biobanks/nodes/n1/").content.decode()
    assert (
        json.loads(Client().get("/api/v1/ecosystems/bees/node-health").content)["nodes"][0]["state"]
        == "unseen"
    )
