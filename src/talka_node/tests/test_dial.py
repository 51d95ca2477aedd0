from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from talka_node import dial
from talka_node.dial import Dialler, Hub
from talka_node.http import Service
from talka_node.node import Answer, Node
from talka_node.signed import Caller, Callers, Denied, Gate, sign
from talka_node.tests.hospital import DIABETES, create, donors, question, take
from talka_query import wire

pytestmark = pytest.mark.once

HUB, NODE = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


class Post:
    """A hub as a node sees it: a mailbox over HTTP on loopback, that lets in only what the node signed."""

    def __init__(self, folder: Path, node: bytes = NODE.public_key().public_bytes_raw()) -> None:
        callers = Callers(folder / "nodes.json")
        callers.put(Caller("hospital", node.hex()))
        self.gate = Gate(callers, datetime.now(UTC))
        self.waiting: queue.Queue[dict[str, Any]] = queue.Queue()
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.refused: list[str] = []
        self.failing = threading.Event()
        self.waits: list[float | None] = []

    def exchange(self, headers: Any, body: bytes) -> tuple[int, dict[str, Any]]:
        if self.failing.is_set():
            return 503, {"error": "busy"}
        try:
            self.gate.enter("POST", "/nodes/exchange", headers, body)
        except Denied as why:
            self.refused.append(why.code)
            return why.status, {"error": why.code}
        told = json.loads(body)
        self.waits.append(told["wait"])
        if told["answer"]:
            self.answers.put(told["answer"])
        try:
            return 200, {"request": self.waiting.get(timeout=told["wait"]) if told["wait"] else None}
        except queue.Empty:
            return 200, {"request": None}

    def send(self, number: int, method: str, path: str, body: str = "", **headers: str) -> None:
        self.waiting.put({"id": number, "method": method, "path": path, "headers": headers, "body": body})


@contextmanager
def listening(post: Post) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            # The gate reads names in small letters, as a server gives them.
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, told = post.exchange(headers, body)
            text = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_args: object) -> None:
            """A node that hangs up is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/nodes"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path)


@contextmanager
def dialled(app: Any, address: str, **kwargs: Any) -> Iterator[Dialler]:
    dialler = Dialler(app, Hub(address, "hospital", NODE), **{"wait": 0.3, **kwargs})
    dialler.start()
    try:
        yield dialler
    finally:
        dialler.stop()


def test_a_question_of_the_hub_comes_by_the_line_and_is_answered_as_at_the_door(
    tmp_path: Path, post: Post
) -> None:
    create(tmp_path / "node")
    Callers(tmp_path / "node" / "callers.json").put(Caller("hub", HUB.public_key().public_bytes_raw().hex()))
    with Node(tmp_path / "node") as node:
        take(node, donors(0, 40))
        body = wire.dumps(question(DIABETES))
        door = node.ask(question(DIABETES))
        assert isinstance(door, Answer)
        with listening(post) as address, dialled(Service(node).app, address):
            post.send(7, "POST", "/ask", body, **sign(HUB, "hub", "POST", "/ask", body.encode()))
            answer = post.answers.get(timeout=20)
            # A question of somebody whom the node does not know is refused, although the hub carried it.
            stranger = Ed25519PrivateKey.generate()
            post.send(8, "POST", "/ask", body, **sign(stranger, "hub", "POST", "/ask", body.encode()))
            refused = post.answers.get(timeout=20)
    assert (answer["id"], answer["status"], answer["type"]) == (7, 200, "application/json")
    assert json.loads(answer["body"])["answer"] == door.plain()["answer"]
    assert (refused["id"], refused["status"], json.loads(refused["body"])["error"]) == (8, 401, "signature")


def test_a_slow_question_holds_up_no_other(post: Post) -> None:
    let_go = threading.Event()

    def slow(_request: Request) -> Response:
        let_go.wait(20)
        return PlainTextResponse("slow")

    def quick(_request: Request) -> Response:
        return PlainTextResponse("quick")

    app = Starlette(routes=[Route("/slow", slow), Route("/quick", quick)])
    with listening(post) as address, dialled(app, address, lines=2):
        post.send(1, "GET", "/slow")
        post.send(2, "GET", "/quick")
        first = post.answers.get(timeout=20)
        let_go.set()
        second = post.answers.get(timeout=20)
    assert [(each["id"], each["body"]) for each in (first, second)] == [(2, "quick"), (1, "slow")]


def test_streams_bytes_and_what_is_too_long(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial, "LONGEST", 1000)

    def streamed(_request: Request) -> Response:
        return StreamingResponse(iter([b"one ", b"two"]), media_type="text/plain")

    def raw(_request: Request) -> Response:
        return Response(b"\xff\xfe")

    def long(_request: Request) -> Response:
        return StreamingResponse(b"x" * 300 for _ in range(10**9))

    def broken(_request: Request) -> Response:
        raise RuntimeError("39912319999")

    routes = [Route("/s", streamed), Route("/r", raw), Route("/l", long), Route("/b", broken)]
    with listening(post) as address, dialled(Starlette(routes=routes), address, lines=1):
        told = []
        for number, path in enumerate(["/s", "/r", "/l", "/b", "/none"]):
            post.send(number, "GET", path)
            told.append(post.answers.get(timeout=20))
    assert [each["status"] for each in told] == [200, 200, 413, 500, 404]
    assert (told[0]["body"], told[1]["body64"]) == ("one two", "//4=")
    assert "39912319999" not in json.dumps(told)


def test_a_hub_that_is_away_is_dialled_again(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial, "PATIENCE", 0.05)
    app = Starlette(routes=[Route("/", lambda _request: PlainTextResponse("here"))])
    post.failing.set()
    with listening(post) as address, dialled(app, address, lines=1) as dialler:
        until(lambda: dialler.contact.failures >= 3)
        away = (dialler.contact.trouble, dialler.contact.last)
        post.failing.clear()
        post.send(1, "GET", "/")
        answer = post.answers.get(timeout=20)
        until(lambda: dialler.contact.carried == 1)
        back = (dialler.contact.trouble, dialler.contact.last is not None)
    assert away == ("the hub answered 503: busy", None)
    assert (answer["body"], back) == ("here", ("", True))


def test_a_hub_that_knows_another_key_lets_nobody_in(post: Post) -> None:
    post.gate.callers.put(Caller("hospital", HUB.public_key().public_bytes_raw().hex()))
    app = Starlette()
    with listening(post) as address, dialled(app, address, lines=1) as dialler:
        until(lambda: dialler.contact.failures >= 1)
        trouble = dialler.contact.trouble
    assert trouble == "the hub answered 401: signature"


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"request": 5},
        {"request": {"id": 1, "method": "TRACE", "path": "/", "headers": {}}},
        {"request": {"id": 1, "method": "GET", "path": "http://elsewhere/", "headers": {}}},
        {"request": {"id": 1, "method": "GET", "path": "/", "headers": {}, "body64": "%"}},
    ],
)
def test_what_is_no_exchange_is_not_carried(
    told: dict[str, Any], post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried: list[str] = []
    monkeypatch.setattr(post, "exchange", lambda _headers, _body: (200, told))

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        carried.append(scope["path"])

    with listening(post) as address, dialled(app, address, lines=1) as dialler:
        until(lambda: dialler.contact.failures >= 1)
        trouble = dialler.contact.trouble
    assert (trouble, carried) == ("the hub's answer is not an exchange of format 1", [])


def test_hanging_up_does_not_wait_for_the_poll_and_gives_what_was_being_answered(post: Post) -> None:
    begun, let_go = threading.Event(), threading.Event()

    def slow(_request: Request) -> Response:
        begun.set()
        let_go.wait(20)
        return PlainTextResponse("done")

    with listening(post) as address:
        dialler = Dialler(
            Starlette(routes=[Route("/", slow)]), Hub(address, "hospital", NODE), lines=2, wait=30
        )
        dialler.start()
        post.send(1, "GET", "/")
        begun.wait(20)
        stopping = threading.Thread(target=dialler.stop)
        stopping.start()
        let_go.set()
        stopping.join(20)
        assert not stopping.is_alive()
        answer = post.answers.get(timeout=20)
    assert (answer["body"], post.waits[-1]) == ("done", None)


@pytest.mark.parametrize(
    ("address", "name", "said"),
    [
        ("http://talka.example/nodes", "hospital", "only loopback is dialled without TLS; use https"),
        ("ftp://talka.example", "hospital", "the hub's address is as https://talka.example/api/v1/nodes"),
        (
            "https://talka.example/nodes?x=1",
            "hospital",
            "the hub's address is as https://talka.example/api/v1",
        ),
        ("https://talka.example/nodes", "Slimnīca", "a node's name at the hub is 1 to 64 small letters"),
    ],
)
def test_what_cannot_be_dialled(address: str, name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Hub(address, name, NODE)


def until(so: Any) -> None:
    for _ in range(2000):
        if so():
            return
        time.sleep(0.01)
    raise AssertionError("it never came so")
