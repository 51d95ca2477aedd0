"""A key server for tests: in this process, on a free port of loopback, with a clock that the test sets."""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka_keys import suite
from talka_keys.ledger import Ledger, Node
from talka_keys.service import Service
from talka_keys.vault import Vault

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


def prepare(folder: Path, *, population: int = 4_000, now: datetime = NOON) -> None:
    """What `talka-keys init` does."""
    Vault.create(folder, now, YEAR)
    ledger = Ledger(folder)
    ledger.begin(population)
    ledger.close()


@contextmanager
def running(service: Service) -> Iterator[tuple[str, int]]:
    """The host and port on which it answers."""
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
        service.close()


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


@dataclass
class Asker:
    """A node as the key server sees it."""

    name: str
    address: tuple[str, int]
    clock: Clock
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def as_node(self, *, donors: int = 100, per_day: int = 100, per_epoch: int = 200) -> Node:
        return Node(self.name, self.key.public_key().public_bytes_raw(), donors, per_day, per_epoch)

    def signed(self, body: bytes, *, epoch: int = 1, at: datetime | None = None) -> dict[str, str]:
        when, nonce = (at or self.clock.now).isoformat(), secrets.token_hex(16)
        text = suite.request_text(self.name, epoch, when, nonce, body)
        return {
            "Talka-Node": self.name,
            "Talka-Epoch": str(epoch),
            "Talka-Time": when,
            "Talka-Nonce": nonce,
            "Talka-Signature": self.key.sign(text).hex(),
        }

    def ask(self, body: bytes, headers: dict[str, str] | None = None, **signing: Any) -> Reply:
        return call(self.address, "POST", "/evaluate", body, headers or self.signed(body, **signing))


def call(
    address: tuple[str, int], method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> Reply:
    link = http.client.HTTPConnection(*address, timeout=30)
    try:
        link.request(method, path, body, headers or {})
        answer = link.getresponse()
        return Reply(answer.status, dict(answer.getheaders()), answer.read())
    finally:
        link.close()


def elements(count: int) -> bytes:
    """Blinded elements: for the key server any are as good as others."""
    return b"".join(suite.public_of(suite.random_scalar()) for _ in range(count))
