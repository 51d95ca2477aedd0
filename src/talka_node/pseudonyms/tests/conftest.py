"""A key server that answers in this process, and a node beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka_keys.ledger import Node
from talka_keys.service import Service
from talka_keys.tests.running import NOON, Clock, prepare, running
from talka_node.pseudonyms.client import KeyServer
from talka_node.pseudonyms.table import Table


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    prepare(tmp_path / "keys")
    with closing(Service(tmp_path / "keys", clock)) as service:
        yield service


@pytest.fixture
def server(keys: Service, clock: Clock) -> Iterator[KeyServer]:
    """As node anna sees it: 100 donors, 500 evaluations a day and 1,000 an epoch."""
    key = Ed25519PrivateKey.generate()
    keys.ledger.register(Node("anna", key.public_key().public_bytes_raw(), 100, 500, 1000), NOON)
    with running(keys) as (host, port):
        yield KeyServer(f"http://{host}:{port}", "anna", key, clock=clock)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    (tmp_path / "node").mkdir()
    with closing(Table(tmp_path / "node" / "identity.db")) as opened:
        yield opened
