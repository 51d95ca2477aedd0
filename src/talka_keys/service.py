"""The key server over HTTP: nodes ask for evaluations of blinded elements, signed, within their quotas.

    GET  /          that it runs
    GET  /epochs    public keys and windows of the epochs
    POST /evaluate  elements of 32 bytes, one after another → as many evaluated ones, then the proof of 64 bytes

A request to evaluate carries the headers Talka-Node, Talka-Epoch, Talka-Time, Talka-Nonce and Talka-Signature
(`suite.request_text` says of what). Whatever is refused is answered with JSON that says why and when to come back.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from talka_keys import oprf, suite
from talka_keys.ledger import Admitted, Denied, Kind, Ledger
from talka_keys.vault import Epoch, Vault

log = logging.getLogger("talka_keys")

MOST_BYTES = suite.REQUEST * suite.ELEMENT_BYTES
STATUS = {
    "request": 400,
    "signature": 401,
    "time": 401,
    "suspended": 403,
    "replay": 409,
    "epoch": 410,
    "too-large": 413,
    "quota-day": 429,
    "quota-epoch": 429,
    "clock": 503,
    "storage": 503,
}


def _now() -> datetime:
    return datetime.now(UTC)


class Service:
    """The vault and the ledger of one folder, behind HTTP. `clock` gives the time, with its zone."""

    def __init__(self, folder: Path, clock: Callable[[], datetime] = _now) -> None:
        self.vault = Vault(folder)
        self.ledger = Ledger(folder)
        self.clock = clock
        self.tidy()
        self.app = Starlette(
            routes=[
                Route("/", self.health),
                Route("/epochs", self.epochs),
                Route("/evaluate", self.evaluate, methods=["POST"]),
            ]
        )

    def close(self) -> None:
        self.ledger.close()

    def tidy(self) -> None:
        """Destroys the keys of closed epochs, and journals what happened to the key file since."""
        now = self.clock()
        self.vault.destroy_closed(now)
        epochs = self.vault.epochs().values()
        self._journalled = {epoch.number: epoch.secret is None for epoch in epochs}
        for epoch in epochs:
            self.ledger.note_epoch(Kind.OPENED, epoch.number, epoch.public, epoch.opened)
        for epoch in epochs:
            if epoch.secret is None:
                self.ledger.note_epoch(Kind.CLOSED, epoch.number, epoch.public, now)

    def known(self) -> dict[int, Epoch]:
        """The epochs as they are now, those that are over without their keys, and all of it journalled."""
        epochs, now = self.vault.epochs(), self.clock()
        over = any(each.secret and each.closes and each.closes <= now for each in epochs.values())
        if over or self._journalled != {epoch.number: epoch.secret is None for epoch in epochs.values()}:
            self.tidy()
        return self.vault.epochs()

    async def health(self, _request: Request) -> Response:
        newest = max(await run_in_threadpool(self.known))
        return JSONResponse({"status": "ok", "suite": suite.NAME, "epoch": newest})

    async def epochs(self, _request: Request) -> Response:
        known = await run_in_threadpool(self.known)
        return JSONResponse({"epochs": [describe(epoch, self.clock()) for epoch in known.values()]})

    async def evaluate(self, request: Request) -> Response:
        try:
            body = await _body(request)
            answer, admitted = await run_in_threadpool(self._evaluate, dict(request.headers), body)
        except Denied as denied:
            if denied.code not in ("request", "signature"):
                log.warning("refused: %s", denied.code)
            return _refusal(denied, self.clock())
        except sqlite3.Error as error:  # the disk is full, say: what cannot be charged is not evaluated
            log.error("the ledger cannot be written: %s", error)
            message = (
                "the key server cannot write its ledger, so nothing is evaluated; its operator must make room"
            )
            return _refusal(Denied("storage", message), self.clock())
        return Response(
            answer,
            media_type="application/octet-stream",
            headers={
                "Talka-Left": f"{admitted.left_today} {admitted.left_in_epoch}",
                "Talka-Journal": f"{admitted.head[0]}:{admitted.head[1]}",
            },
        )

    def _evaluate(self, headers: dict[str, str], body: bytes) -> tuple[bytes, Admitted]:
        now = self.clock()
        name, time, nonce = (headers.get(f"talka-{part}", "") for part in ("node", "time", "nonce"))
        number, signature = headers.get("talka-epoch", ""), headers.get("talka-signature", "")
        if not (
            re.fullmatch(r"[1-9]\d{0,8}", number, re.ASCII)
            and re.fullmatch(r"[0-9a-f]{32}", nonce)
            and re.fullmatch(r"[0-9a-f]{128}", signature)
        ):
            raise Denied(
                "request",
                "headers are missing or wrong: Talka-Epoch is a number, Talka-Nonce 32 and Talka-Signature"
                " 128 hexadecimal digits in small letters",
            )
        try:
            signed_at = datetime.fromisoformat(time)
            if signed_at.utcoffset() is None:
                raise ValueError
        except ValueError:
            raise Denied(
                "request", "Talka-Time is an instant with its zone, as 2026-01-31T12:00:00+00:00"
            ) from None
        if not body or len(body) % suite.ELEMENT_BYTES:
            raise Denied(
                "request", f"a body is 1 to {suite.REQUEST} elements of 32 bytes each, not {len(body)} bytes"
            )
        node = self.ledger.node(name)
        # One answer for an unknown name and for a wrong signature: who is registered is nobody's business.
        refused = Denied(
            "signature", "no registered node signed this; is your key the one that was registered?"
        )
        if node is None:
            raise refused
        try:
            Ed25519PublicKey.from_public_bytes(node.public_key).verify(
                bytes.fromhex(signature), suite.request_text(name, int(number), time, nonce, body)
            )
        except (InvalidSignature, ValueError):
            raise refused from None
        epoch = self._open_epoch(int(number), now)
        blinded = [body[at : at + suite.ELEMENT_BYTES] for at in range(0, len(body), suite.ELEMENT_BYTES)]
        admitted = self.ledger.admit(
            node,
            epoch.number,
            len(blinded),
            hashlib.sha256(body).digest(),
            signed_at=signed_at,
            nonce=nonce,
            now=now,
            next_epoch=None if epoch.closes else epoch.planned_end,
        )
        # Charged and on disk; from here on an answer may leave.
        try:
            evaluated, proof = oprf.evaluate_and_prove(epoch.secret or b"", blinded)
        except suite.BadElement as error:
            raise Denied("request", str(error)) from None
        return b"".join(evaluated) + proof, admitted

    def _open_epoch(self, number: int, now: datetime) -> Epoch:
        epochs = self.known()
        epoch = epochs.get(number)
        if epoch is not None and epoch.is_open(now):
            return epoch
        usable = ", ".join(str(each.number) for each in epochs.values() if each.is_open(now)) or "none"
        raise Denied("epoch", f"epoch {number} is not open; open now: {usable}")


def describe(epoch: Epoch, now: datetime) -> dict[str, object]:
    """An epoch as everybody may know it."""
    return {
        "epoch": epoch.number,
        "public_key": epoch.public.hex(),
        "open": epoch.is_open(now),
        "opened": epoch.opened.isoformat(),
        "planned_end": epoch.planned_end.isoformat(),
        "closes": epoch.closes.isoformat() if epoch.closes else None,
    }


async def _body(request: Request) -> bytes:
    """The body, never more of it than a request may have."""
    received = bytearray()
    too_large = Denied("too-large", f"a request has at most {suite.REQUEST} elements, {MOST_BYTES} bytes")
    try:
        async for piece in request.stream():
            received += piece
            if len(received) > MOST_BYTES:
                raise too_large
    except ClientDisconnect:
        raise Denied("request", "the connection broke before the whole request was here") from None
    return bytes(received)


def _refusal(denied: Denied, now: datetime) -> Response:
    told = {"error": denied.code, "message": str(denied)}
    headers = {}
    if denied.come_back:
        told["come_back"] = denied.come_back.isoformat()
        headers["Retry-After"] = str(max(1, round((denied.come_back - now).total_seconds())))
    return JSONResponse(told, status_code=STATUS[denied.code], headers=headers)
