"""Asks nodes over HTTP, all at once. A node that does not answer in time is said to be silent and holds up nobody.

Threads wait, the database does not: nothing here knows a row. A connection is used for one request; on
loopback and over TLS alike that costs less than keeping count of which ones are still alive.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka.biobanks.wire import signing

TIMEOUT = 5.0  # seconds
LONGEST = 8 << 20  # bytes of an answer
MOST_AT_ONCE = 32


@dataclass(frozen=True)
class Place:
    """Where a node is, and as whom the hub comes to it."""

    code: str
    address: str
    caller: str = "hub"


@dataclass(frozen=True)
class Answer:
    """What a node said. `status` 0: it did not answer, and `error` says why in a few lasting words."""

    code: str
    status: int
    body: bytes
    milliseconds: int
    error: str = ""

    @property
    def well(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> dict[str, Any]:
        """The body as an object; {} where it is none."""
        try:
            told = json.loads(self.body)
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}


def ask(
    place: Place, method: str, path: str, body: bytes, key: Ed25519PrivateKey | None, timeout: float = TIMEOUT
) -> Answer:
    """One request, signed where a key is given. It never raises: a node that fails is an answer too."""
    began = time.perf_counter()

    def answered(status: int, told: bytes = b"", error: str = "") -> Answer:
        return Answer(place.code, status, told, round((time.perf_counter() - began) * 1000), error)

    parts = urlsplit(place.address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return answered(0, error="address")
    whole = parts.path.rstrip("/") + path
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
    if key is not None:
        headers |= signing.request_headers(key, place.caller, method, whole, body)
    link: http.client.HTTPConnection
    if parts.scheme == "https":
        link = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=timeout, context=ssl.create_default_context()
        )
    else:
        link = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        link.request(method, whole, body or None, headers)
        response = link.getresponse()
        told = _read(response, link, began + timeout)
    except TimeoutError:
        return answered(0, error="timeout")
    except ConnectionRefusedError:
        return answered(0, error="refused")
    except ssl.SSLError:
        return answered(0, error="tls")
    except (OSError, http.client.HTTPException, ValueError):
        return answered(0, error="connection")
    finally:
        link.close()
    if len(told) > LONGEST:
        return answered(0, error="too-large")
    return answered(response.status, told)


@dataclass(frozen=True)
class Gathered:
    """The answers of all who were asked, in their order, and who stayed silent. A partial answer says so."""

    answers: Sequence[Answer]

    @property
    def silent(self) -> list[str]:
        return [each.code for each in self.answers if not each.well]

    @property
    def whole(self) -> bool:
        return not self.silent

    def missing_share(self, donors: dict[str, int]) -> float | None:
        """The share of donors (as last told, by node) that did not answer; None where nothing is known of a
        silent one."""
        silent = self.silent
        if any(code not in donors for code in silent):
            return None
        asked = sum(donors.get(each.code, 0) for each in self.answers)
        return sum(donors[code] for code in silent) / asked if asked else 0.0


def ask_all(
    places: Sequence[Place],
    method: str,
    path: str,
    body: bytes | Callable[[Place], bytes],
    key: Ed25519PrivateKey | None,
    timeout: float = TIMEOUT,
) -> Gathered:
    """Asks all nodes at the same time and waits for the last, but never longer than one node may take."""
    return gather(
        places, lambda place: ask(place, method, path, body(place) if callable(body) else body, key, timeout)
    )


def gather(places: Sequence[Place], do: Callable[[Place], Answer]) -> Gathered:
    """Does something with every node, each in a thread of its own."""
    if not places:
        return Gathered(())
    with ThreadPoolExecutor(min(len(places), MOST_AT_ONCE), thread_name_prefix="node") as threads:
        return Gathered(list(threads.map(do, places)))


def _read(response: http.client.HTTPResponse, link: http.client.HTTPConnection, until: float) -> bytes:
    """The body, piece by piece: a node that trickles does not get more time with each piece. TimeoutError
    after `until`."""
    received = bytearray()
    while len(received) <= LONGEST:
        left = until - time.perf_counter()
        if left <= 0:
            raise TimeoutError
        if link.sock is not None:
            link.sock.settimeout(left)
        piece = response.read1(1 << 16)
        if not piece:
            break
        received += piece
    return bytes(received)
