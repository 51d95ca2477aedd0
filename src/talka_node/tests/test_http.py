from __future__ import annotations

import http.client
import io
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka_node import journal
from talka_node.http import LONGEST, JsonLines, Service
from talka_node.node import Node
from talka_node.signed import Caller, Callers, sign
from talka_node.tests.hospital import DIABETES, START, Clock, create, donors, question, take
from talka_query import wire
from talka_query.nodes import Axis, Diagnosis, Question

pytestmark = pytest.mark.once

ANNA, CILDA = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


@dataclass
class Reply:
    status: int
    body: bytes

    @property
    def told(self) -> Any:
        return json.loads(self.body)


@dataclass
class Asker:
    address: tuple[str, int]
    key: Ed25519PrivateKey = ANNA
    name: str = "anna"

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> Reply:
        headers = sign(self.key, self.name, "POST", path, body, START) if headers is None else headers
        return call(self.address, "POST", path, body, headers)

    def ask(self, asked: Question, path: str = "/ask") -> Reply:
        return self.post(path, wire.dumps(asked).encode())


def call(
    address: tuple[str, int], method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> Reply:
    link = http.client.HTTPConnection(*address, timeout=30)
    try:
        link.request(method, path, body, headers or {})
        answer = link.getresponse()
        return Reply(answer.status, answer.read())
    finally:
        link.close()


@contextmanager
def running(service: Service) -> Iterator[tuple[str, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(service.app, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.005)
        yield listener.getsockname()
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    path = tmp_path / "node"
    create(path)
    (path / "catalogue.yaml").write_text(
        'organisation: {id: lv.example, name: Slimnīca, url: "https://slimnica.example"}\n'
        "beacon: lv.example.node\nbiobanks: {bb: Biobanka}\ncollections: {bb-1: Kolekcija}\n",
        encoding="utf-8",
    )
    with Node(path, clock=Clock()) as found:
        take(found, donors(0, 40))
        Callers(path / "callers.json").put(Caller("anna", ANNA.public_key().public_bytes_raw().hex()))
        yield found


@pytest.fixture
def anna(node: Node) -> Iterator[Asker]:
    with running(Service(node)) as address:
        yield Asker(address)


def entries(node: Node) -> list[Any]:
    return [entry.read() for entry in journal.entries(node.path / "journal")]


# --- questions --------------------------------------------------------------------------------------------


def test_anna_s_signed_question_is_answered(node: Node, anna: Asker) -> None:
    reply = anna.ask(question(by=(Axis.SEX,)))
    assert reply.status == 200, reply.body
    assert reply.told["answer"]["total"] == 40
    assert reply.told["answer"]["table"] == [["female", 40]]
    assert reply.told["entry"] == 1
    assert reply.told["consents"] == node.log.head


def test_an_asker_is_named_after_the_caller(node: Node, anna: Asker) -> None:
    anna.ask(question(asker="bruno"))
    assert [entry["question"]["asker"] for entry in entries(node)] == ["anna/bruno"]


def test_attrition_is_answered_too(anna: Asker) -> None:
    assert anna.ask(question(), "/attrition").told == {"steps": [None, 40]}


def test_a_permit_counts_only_where_the_caller_vouches(node: Node, anna: Asker) -> None:
    for number in range(33):  # seven are left: enough for a permit, too few for others
        node.withdraw(f"p{number}", source="hospital")
    asked = replace(question(), permit="2026/1")
    assert anna.ask(asked).told["reasons"] == ["permit: this node holds no permit of this name."]
    vouching = Caller("anna", ANNA.public_key().public_bytes_raw().hex(), vouches=True)
    Callers(node.path / "callers.json").put(vouching)
    assert anna.ask(asked).told["answer"]["total"] == 5
    assert anna.ask(question()).told["answer"]["total"] is None


def test_a_withdrawal_is_obeyed_by_the_next_answer(node: Node, anna: Asker) -> None:
    assert anna.ask(question()).told["answer"]["total"] == 40
    for number in range(5):
        node.withdraw(f"p{number}", source="hospital")
    assert anna.ask(question()).told["answer"]["total"] == 35


def test_many_at_once_get_the_same_answer(node: Node, anna: Asker) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: anna.ask(question()), range(40)))
    assert {reply.status for reply in replies} == {200}
    assert {reply.told["answer"]["total"] for reply in replies} == {40}
    assert sorted(reply.told["entry"] for reply in replies) == list(range(1, 41))
    assert journal.verify(node.path / "journal").number == 40


# --- refusals ---------------------------------------------------------------------------------------------


def test_cilda_s_question_reaches_nothing(node: Node, anna: Asker) -> None:
    cilda = replace(anna, key=CILDA, name="cilda")
    assert (cilda.ask(question()).status, cilda.ask(question()).told["error"]) == (401, "signature")
    assert anna.post("/ask", b"{}", headers={}).told["error"] == "unsigned"
    assert entries(node) == []


def test_a_replay_is_refused(node: Node, anna: Asker) -> None:
    body = wire.dumps(question()).encode()
    headers = sign(ANNA, "anna", "POST", "/ask", body, START)
    assert anna.post("/ask", body, headers).status == 200
    again = anna.post("/ask", body, headers)
    assert (again.status, again.told["error"]) == (409, "replay")
    assert len(entries(node)) == 1


def test_what_the_policy_refuses(anna: Asker) -> None:
    reply = anna.ask(question(by=(Axis.SEX, Axis.AGE_BAND)))
    assert reply.status == 403
    assert reply.told["reasons"] == ["by: at most 1 axes, not 2"]
    assert reply.told["nearest"]["by"] == ["sex"]


def test_what_the_node_does_not_know(anna: Asker) -> None:
    reply = anna.ask(question(Diagnosis(frozenset({"E1"}))))
    assert reply.status == 400
    [problem] = reply.told["problems"]
    assert problem["path"] == "such_that.codes"


def test_what_is_no_question(anna: Asker) -> None:
    reply = anna.post("/ask", b'{"version": 1, "persons": 3}')
    assert (reply.status, reply.told["error"]) == (400, "question")


def test_a_body_without_end(anna: Asker) -> None:
    reply = anna.post("/ask", b" " * (LONGEST + 1))
    assert (reply.status, reply.told["error"]) == (413, "too-large")


def test_an_address_that_is_none(anna: Asker) -> None:
    reply = call(anna.address, "GET", "/questions")
    assert reply.status == 404
    assert "a node answers at /ask" in reply.told["message"]
    assert call(anna.address, "GET", "/ask").status == 405


# --- the Beacon -------------------------------------------------------------------------------------------


def test_the_beacon_tells_of_the_node_s_catalogue(anna: Asker) -> None:
    info = call(anna.address, "GET", "/beacon/info").told["response"]
    assert (info["id"], info["organization"]["name"]) == ("lv.example.node", "Slimnīca")
    datasets = call(anna.address, "GET", "/beacon/datasets").told["response"]["collections"]
    assert [(each["id"], each["name"]) for each in datasets] == [("bb-1", "Kolekcija")]


def test_the_beacon_answers_through_disclosure_and_journal(node: Node, anna: Asker) -> None:
    path = "/beacon/individuals?filters=ICD10:E11&requestedGranularity=count"
    summary = call(anna.address, "GET", path).told["responseSummary"]
    assert summary == {"exists": True, "numTotalResults": 40}
    [entry] = entries(node)
    assert entry["question"]["asker"] == "beacon"
    assert entry["told"]["total"] == 40


def test_the_beacon_gives_no_records(anna: Asker) -> None:
    path = "/beacon/individuals?requestedGranularity=record"
    assert call(anna.address, "GET", path).status == 401
    assert call(anna.address, "GET", path, headers={"Authorization": "Bearer x"}).status == 401


# --- what is told of itself -------------------------------------------------------------------------------


def test_health(anna: Asker) -> None:
    assert call(anna.address, "GET", "/health").told == {"status": "ok", "day": "2026-01-31", "facts": 1}


def test_metrics_count_by_route_and_status(anna: Asker) -> None:
    anna.ask(question())
    anna.ask(question(by=(Axis.SEX, Axis.AGE_BAND)))
    call(anna.address, "GET", "/whatever")
    lines = call(anna.address, "GET", "/metrics").body.decode().splitlines()
    assert [line for line in lines if line.startswith("talka_requests_total")] == [
        'talka_requests_total{route="/ask",status="200"} 1',
        'talka_requests_total{route="/ask",status="403"} 1',
        'talka_requests_total{route="other",status="404"} 1',
    ]
    assert "talka_refusals_total 1" in lines
    assert 'talka_request_seconds_count{route="/ask"} 2' in lines
    assert "talka_journal_entries 2" in lines


def test_logs_and_metrics_name_nobody_and_nothing(anna: Asker) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("talka_node")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        anna.ask(question(asker="bruno"))
        call(anna.address, "GET", "/beacon/individuals?filters=010180-12345,ICD10:E11")
        call(anna.address, "GET", "/010180-12345")
        # A request is logged after its answer, and before the next one is read.
        call(anna.address, "GET", "/health")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["route"], line["status"]) for line in lines[:3]] == [
        ("/ask", 200),
        ("/beacon", 400),
        ("other", 404),
    ]
    assert {frozenset(line) for line in lines} == {
        frozenset({"at", "level", "from", "what", "route", "status", "ms"})
    }
    told = stream.getvalue() + call(anna.address, "GET", "/metrics").body.decode()
    for secret in ("bruno", "anna", "010180", "12345", "E11"):
        assert secret not in told


def test_a_fault_of_our_own_is_logged_by_place_and_told_to_nobody(
    node: Node, anna: Asker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("with a secret 010180-12345")

    monkeypatch.setattr(node.engine(), "answer", broken)
    with caplog.at_level(logging.INFO):
        reply = anna.ask(question(DIABETES))
        # A request is logged after its answer, and before the next one is read.
        call(anna.address, "GET", "/health")
    assert reply.status == 500
    assert reply.told == {"error": "failed", "message": "the node could not answer; its log says why"}
    [record] = [each for each in caplog.records if each.message == "failed"]
    assert record.__dict__["kind"] == "RuntimeError"
    assert record.__dict__["place"].startswith("test_http.py:")
    assert "010180" not in caplog.text
