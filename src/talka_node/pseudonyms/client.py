"""Asking the key server: signed requests, once each, and what a refusal says."""

from __future__ import annotations

import http.client
import json
import re
import secrets
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka_keys import suite


class Unreachable(OSError):
    """The key server did not answer, or not as a key server does. Asking again may help, and costs nothing."""


class Refused(Exception):
    """The key server refuses. `code` is its word for why; `come_back`: when to ask again, None if never."""

    def __init__(self, code: str, message: str, come_back: datetime | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.come_back = come_back


@dataclass(frozen=True, slots=True)
class Epoch:
    number: int
    public_key: bytes
    is_open: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """`head`: sequence and hash of the last row of the key server's journal."""

    evaluated: list[bytes]
    proof: bytes
    head: tuple[int, str]


def _now() -> datetime:
    return datetime.now(UTC)


class KeyServer:
    """The key server at an address, as in "https://keys.example:8610", asked by a node with its signing key.

    Without TLS only loopback is asked. `trust`: certificates other than the system's.
    """

    def __init__(
        self,
        address: str,
        node: str,
        key: Ed25519PrivateKey,
        *,
        trust: ssl.SSLContext | None = None,
        timeout: float = 60,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        split = urlsplit(address)
        if split.scheme not in ("http", "https") or not split.hostname or split.path.strip("/"):
            raise ValueError(f"the key server's address is as https://keys.example:8610, not {address!r}")
        if split.scheme == "http" and split.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError(f"{address}: only loopback is asked without TLS; use https")
        self._host, self._port, self._secure = split.hostname, split.port, split.scheme == "https"
        self._trust = trust
        self._timeout = timeout
        self._clock = clock
        self.node = node
        self._key = key

    def epochs(self) -> list[Epoch]:
        """The epochs that the key server announces, oldest first."""
        body, _ = self._call("GET", "/epochs")
        try:
            rows = json.loads(body)["epochs"]
            epochs = [
                Epoch(int(row["epoch"]), bytes.fromhex(row["public_key"]), row["open"] is True)
                for row in rows
            ]
        except (ValueError, KeyError, TypeError):
            raise Unreachable("the key server's list of epochs cannot be read; is it a key server?") from None
        if any(len(epoch.public_key) != suite.ELEMENT_BYTES for epoch in epochs):
            raise Unreachable("the key server announces a public key that is none")
        return sorted(epochs, key=lambda epoch: epoch.number)

    def evaluate(self, epoch: int, blinded: Sequence[bytes]) -> Answer:
        """The elements evaluated, with a proof that nobody has checked yet. Each call is a request of its own; the same
        elements again are charged once."""
        if not 0 < len(blinded) <= suite.REQUEST:
            raise ValueError(f"a request has 1 to {suite.REQUEST} elements, not {len(blinded)}")
        body = b"".join(blinded)
        time, nonce = self._clock().isoformat(), secrets.token_hex(16)
        signed = self._key.sign(suite.request_text(self.node, epoch, time, nonce, body))
        headers = {
            "Talka-Node": self.node,
            "Talka-Epoch": str(epoch),
            "Talka-Time": time,
            "Talka-Nonce": nonce,
            "Talka-Signature": signed.hex(),
        }
        answer, told = self._call("POST", "/evaluate", body, headers)
        if len(answer) != len(body) + suite.PROOF_BYTES:
            raise Unreachable(f"the key server answered {len(answer)} bytes for {len(blinded)} elements")
        head = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", told.get("talka-journal", ""))
        if not head:
            raise Unreachable("the key server's answer does not say where its journal stands")
        evaluated = [answer[at : at + suite.ELEMENT_BYTES] for at in range(0, len(body), suite.ELEMENT_BYTES)]
        return Answer(evaluated, answer[len(body) :], (int(head[1]), head[2]))

    def _call(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[bytes, dict[str, str]]:
        link: http.client.HTTPConnection
        if self._secure:
            trust = self._trust or ssl.create_default_context()
            link = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=trust)
        else:
            link = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        most = suite.REQUEST * suite.ELEMENT_BYTES + 2**16
        try:
            link.request(method, path, body, headers or {})
            reply = link.getresponse()
            answer = reply.read(most)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(
                f"the key server at {self._host}:{self._port} does not answer: {error}"
            ) from error
        finally:
            link.close()
        if reply.status != 200:
            raise _refusal(reply.status, answer)
        return answer, {name.lower(): value for name, value in reply.getheaders()}


def _refusal(status: int, answer: bytes) -> Exception:
    try:
        told: dict[str, Any] = json.loads(answer)
        come_back = datetime.fromisoformat(told["come_back"]) if "come_back" in told else None
        return Refused(str(told["error"]), str(told["message"])[:500], come_back)
    except (ValueError, KeyError, TypeError):
        return Unreachable(f"the key server answered with status {status} and no reason")
