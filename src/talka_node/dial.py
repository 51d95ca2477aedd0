"""Dialling out: the node fetches its questions from the hub, so that a hospital opens no port.

What is carried are the very requests that somebody would send to the node's own address, each signed by its caller, and
they go through the same application: one door's rules, two ways to it. A line is one long poll:

    POST <hub>/exchange          signed by the node as `signed` says, its name as the caller
    {"format": 1, "wait": 20, "answer": null or {"id", "status", "type", "body" or "body64"}}
    → {"request": null or {"id", "method", "path", "headers", "body" or "body64"}}      after at most `wait` seconds

An answer goes out with the next exchange of its line, which follows at once. A request is handed out once: if a line
breaks, the hub sees no answer and says so, and a second copy would be refused as a replay. Several lines wait side by
side, so that one slow question holds up no other. A wait of null says that the line hangs up: no request, please.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import logging
import random
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.types import ASGIApp, Message, Scope

from talka_node import signed

log = logging.getLogger("talka_node")

FORMAT = 1
LINES = 4
WAIT = 20.0  # seconds; under the half minute after which many proxies hang up
LONGEST = 16 << 20  # bytes, both of what the hub sends and of one answer
PATIENCE = 60.0  # seconds between attempts at most, when the hub is away


class Broken(Exception):
    """The hub did not answer as it should; the message says how."""


class TooLong(Exception):
    """The answer is too long for a line."""


@dataclass(frozen=True, slots=True)
class Hub:
    """Where to dial: an address as https://talka.example/api/v1/nodes, the node's name there, and the key that it
    registered. Without TLS only loopback is dialled. `trust`: certificates other than the system's."""

    address: str
    node: str
    key: Ed25519PrivateKey
    trust: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        split = urlsplit(self.address)
        if split.scheme not in ("http", "https") or not split.hostname or split.query or split.fragment:
            raise ValueError(
                f"the hub's address is as https://talka.example/api/v1/nodes, not {self.address!r}"
            )
        if split.scheme == "http" and split.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError(f"{self.address}: only loopback is dialled without TLS; use https")
        if not signed.NAME.fullmatch(self.node):
            raise ValueError(
                "a node's name at the hub is 1 to 64 small letters, digits, dots, dashes, underscores"
            )

    @property
    def path(self) -> str:
        return urlsplit(self.address).path.rstrip("/") + "/exchange"

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        split = urlsplit(self.address)
        assert split.hostname
        if split.scheme == "https":
            trust = self.trust or ssl.create_default_context()
            return http.client.HTTPSConnection(split.hostname, split.port, timeout=timeout, context=trust)
        return http.client.HTTPConnection(split.hostname, split.port, timeout=timeout)


@dataclass(slots=True)
class Contact:
    """How it goes, for `/metrics` and `status`."""

    exchanges: int = 0
    carried: int = 0  # answers that the hub has
    failures: int = 0
    last: float | None = None  # when the hub last answered, seconds since 1970
    trouble: str = ""  # why it did not, if it does not now
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def worked(self, *, carried: bool) -> None:
        with self.lock:
            self.exchanges += 1
            self.carried += carried
            self.last, self.trouble = time.time(), ""

    def failed(self, why: str) -> bool:
        """Whether this trouble is news."""
        with self.lock:
            self.failures += 1
            news, self.trouble = not self.trouble, why
            return news


class Dialler:
    """Keeps lines open to the hub from `start` to `stop`. `app` is the node's application, as it is served."""

    def __init__(self, app: ASGIApp, hub: Hub, *, lines: int = LINES, wait: float = WAIT) -> None:
        if lines < 1 or not 0 <= wait <= 60:
            raise ValueError("at least one line, and a wait of 0 to 60 seconds")
        self.app, self.hub, self.lines, self.wait = app, hub, lines, wait
        self.contact = Contact()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._waiting: set[http.client.HTTPConnection] = set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._threads = [
            threading.Thread(target=self._line, name=f"line {number} to the hub", daemon=True)
            for number in range(1, self.lines + 1)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets what is being answered end, and hangs up."""
        self._stopping.set()
        with self._lock:
            for connection in self._waiting:
                _hang_up(connection)
        for thread in self._threads:
            thread.join()

    # --- one line -----------------------------------------------------------------------------------------

    def _line(self) -> None:
        asyncio.run(self._keep())

    async def _keep(self) -> None:
        connection: http.client.HTTPConnection | None = None
        answer: dict[str, Any] | None = None
        pause = 0.0
        while True:
            tried = connection = connection or self.hub.connect(self.wait + 15)
            with self._lock:
                if self._stopping.is_set():
                    break
                self._waiting.add(tried)
            try:
                request = self._exchange(connection, answer, self.wait)
            except (OSError, http.client.HTTPException, Broken) as why:
                tried.close()
                connection = None
                # The answer on the line is lost: the hub has given up on it, or soon will. The journal has it.
                answer = None
                if self._stopping.is_set():
                    break
                # Of a failure of the network only its kind: the text may repeat what was sent.
                told = str(why) if isinstance(why, Broken) else type(why).__name__
                if self.contact.failed(told):
                    log.warning("hub", extra={"kind": told})
                pause = min(PATIENCE, max(1.0, pause * 2))
                self._stopping.wait(pause * random.uniform(0.5, 1))
                continue
            finally:
                with self._lock:
                    self._waiting.discard(tried)
            self.contact.worked(carried=answer is not None)
            pause = 0.0
            answer = await self._answer(request) if request is not None else None
        if connection is not None:
            with suppress(OSError, http.client.HTTPException, Broken):
                if answer is not None:
                    self._exchange(connection, answer, None)
                    self.contact.worked(carried=True)
            connection.close()

    def _exchange(
        self, connection: http.client.HTTPConnection, answer: dict[str, Any] | None, wait: float | None
    ) -> dict[str, Any] | None:
        body = orjson.dumps({"format": FORMAT, "wait": wait, "answer": answer})
        headers = signed.sign(self.hub.key, self.hub.node, "POST", self.hub.path, body)
        connection.request("POST", self.hub.path, body, {**headers, "Content-Type": "application/json"})
        response = connection.getresponse()
        received = response.read(LONGEST + 1)
        if response.status != 200:
            raise Broken(f"the hub answered {response.status}{_word(received)}")
        if len(received) > LONGEST:
            raise Broken(f"the hub sent more than {LONGEST} bytes")
        try:
            request = orjson.loads(received)["request"]
            return None if request is None else _checked(request)
        except (ValueError, KeyError, TypeError) as why:
            raise Broken("the hub's answer is not an exchange of format 1") from why

    async def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What the application answers, whatever it is."""
        try:
            status, kind, body = await carry(
                self.app, request["method"], request["path"], request["headers"], request["body"]
            )
        except TooLong:
            message = f"the answer is longer than {LONGEST} bytes: ask for pages"
            status, kind, body = (
                413,
                "application/json",
                orjson.dumps({"error": "too-large", "message": message}),
            )
        except Exception as why:  # noqa: BLE001  # the line must go on; the application has logged it
            log.error("failed", extra={"kind": type(why).__name__})
            status, kind, body = (
                500,
                "application/json",
                b'{"error":"failed","message":"the node could not answer"}',
            )
        try:
            whole = {"body": body.decode()}
        except UnicodeDecodeError:
            whole = {"body64": base64.b64encode(body).decode()}
        return {"id": request["id"], "status": status, "type": kind, **whole}


def _hang_up(connection: http.client.HTTPConnection) -> None:
    """Ends a wait in another thread."""
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(2)


def _word(received: bytes) -> str:
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        told = json.loads(received)
        return f": {told['error']}"[:80]
    return ""


def _checked(request: Any) -> dict[str, Any]:
    """A request with its body as bytes. ValueError, KeyError, TypeError where it is none."""
    method, path, headers = request["method"], request["path"], request["headers"]
    if (
        method not in ("GET", "POST", "PUT", "DELETE")
        or not isinstance(path, str)
        or not path.startswith("/")
    ):
        raise ValueError("method or path")
    body = (
        base64.b64decode(request["body64"], validate=True)
        if "body64" in request
        else request.get("body", "").encode()
    )
    lines = {str(name).lower(): str(value) for name, value in headers.items()}
    return {"id": request["id"], "method": method, "path": path, "headers": lines, "body": body}


async def carry(
    app: ASGIApp, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, str, bytes]:
    """A request through an application in this process: status, content type, body."""
    where, _, query = path.partition("?")
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": where,
        "raw_path": where.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in {**headers, "content-length": str(len(body))}.items()
        ],
        "client": None,
        "server": None,
    }
    status, kind, length = 500, "", 0
    pieces: list[bytes] = []
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()  # nobody hangs up; what says so would end an answer that streams
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, kind, length
        if message["type"] == "http.response.start":
            status = message["status"]
            kind = dict(message.get("headers", ())).get(b"content-type", b"").decode("latin-1")
        elif message["type"] == "http.response.body":
            pieces.append(message.get("body", b""))
            length += len(pieces[-1])
            if length > LONGEST:
                raise TooLong

    await app(scope, receive, send)
    return status, kind, b"".join(pieces)
