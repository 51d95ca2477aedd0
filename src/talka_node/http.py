"""A node over HTTP: one application for whoever may ask.

    GET  /health     that it runs                     everybody
    GET  /metrics    numbers for Prometheus           everybody who reaches it; nothing in them is about a person
    *    /beacon/…   Beacon v2                        everybody; records by visa: see `visas`
    *    /fhir/…     FHIR R4, to read and write       the holder's own side; records by visa: see `fhir`
    GET  /dcat       its datasets, HealthDCAT-AP      everybody
    POST /ask        a question in wire form          registered callers, signed: see `signed`
    POST /attrition  the same, step by step           registered callers, signed
    POST /consents   messages of the hub's feed       registered callers, signed, and by the hub: see `feedroute`
    POST /permits    its permits and revocations      the same
    POST /coverage   how many persons, sealed         the hub alone

What is refused is answered with JSON that says why. Logs are lines of JSON that name route, status and time, never a
question, an asker or an answer.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from talka_node import beacon, dcat, feedroute, fhir
from talka_node.beacon.answers import NodeSource, answered
from talka_node.dial import Contact
from talka_node.disclosure import Refused, Standing
from talka_node.node import Node, NotUnderstood
from talka_node.signed import Callers, Denied, Gate
from talka_node.visas import Clearing, Trust
from talka_query import wire
from talka_query.nodes import Question

log = logging.getLogger("talka_node")

LONGEST = 256 << 10  # bytes of a question: a long one has a few thousand


# --- the application --------------------------------------------------------------------------------------


class Service:
    """A node behind HTTP. `clock` gives the time, with its zone."""

    def __init__(self, node: Node, clock: Callable[[], datetime] | None = None) -> None:
        self.node = node
        self.meter = Meter()
        clock = clock or node.clock
        # A clock put back while the node was off must not let in what was taken before.
        day = datetime.combine(node.today(), datetime.min.time(), UTC)
        self.gate = Gate(Callers(node.path / "callers.json"), max(clock(), day), clock)
        node.engine()  # opened now, so that the first question need not wait
        settings = beacon.Settings(today=node.today)
        self.clearing = Clearing(Trust(node.path / "visas"), lambda: node.catalogue.datasets, clock, day)
        self.contact: Contact | None = None  # with the hub, where the node dials out
        app = Starlette(
            routes=[
                Route("/health", self.health),
                Route("/metrics", self.metrics),
                Route("/ask", self.ask, methods=["POST"]),
                Route("/attrition", self.attrition, methods=["POST"]),
                *feedroute.routes(node, self.gate),
                Mount("/beacon", beacon.application(NodeSource(node, self.clearing), settings)),
                *fhir.routes(node, fhir.Visas(node, self.clearing)),
                dcat.route(node),
            ],
            exception_handlers={
                Denied: self.denied,
                NotUnderstood: self.not_understood,
                404: self.not_found,
                Exception: self.failed,
            },
        )
        self.app: ASGIApp = Watched(app, self.meter)

    async def health(self, _request: Request) -> Response:
        day = await run_in_threadpool(self.node.today)
        return _json({"status": "ok", "day": day.isoformat(), "facts": self.node.store.state.generation})

    async def metrics(self, _request: Request) -> Response:
        node = self.node
        gauges = {
            "talka_facts_generation": node.store.state.generation,
            "talka_consent_events": node.log.count,
            "talka_journal_entries": node.journal.head.number,
            "talka_policy_version": node.policy.version,
        }
        if self.contact is not None:
            gauges |= {
                "talka_hub_answers": self.contact.carried,
                "talka_hub_failures": self.contact.failures,
                "talka_hub_last_seconds": round(self.contact.last or 0),
            }
        return PlainTextResponse(
            self.meter.text(gauges), media_type="text/plain; version=0.0.4; charset=utf-8"
        )

    async def ask(self, request: Request) -> Response:
        question, standing = await self._question(request)
        answer = await answered(self.node, question, standing)
        return self._refused(answer) if isinstance(answer, Refused) else _json(answer.plain())

    async def attrition(self, request: Request) -> Response:
        question, standing = await self._question(request)
        told = await run_in_threadpool(self.node.attrition, question, standing=standing)
        return self._refused(told) if isinstance(told, Refused) else _json({"steps": told})

    async def _question(self, request: Request) -> tuple[Question, Standing]:
        """The question of a signed request, its asker named after the caller too, and how far the caller is trusted."""
        body = await _body(request)
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        caller = self.gate.enter(request.method, path, request.headers, body)
        try:
            question = wire.loads(body)
        except wire.Malformed as why:
            raise Denied("question", str(why), 400) from None
        standing = Standing.PERMIT if caller.vouches and question.permit else Standing.OPEN
        return replace(question, asker=f"{caller.name}/{question.asker}"), standing

    def _refused(self, refused: Refused) -> Response:
        self.meter.count("talka_refusals_total")
        nearest = None if refused.nearest is None else wire.encode(refused.nearest)
        return _json({"error": "refused", "reasons": list(refused.reasons), "nearest": nearest}, 403)

    async def denied(self, _request: Request, why: Exception) -> Response:
        assert isinstance(why, Denied)
        return _json({"error": why.code, "message": str(why)}, why.status)

    async def not_found(self, _request: Request, _why: Exception) -> Response:
        told = f"there is nothing here; a node answers at {', '.join(sorted(ROUTES))}"
        return _json({"error": "path", "message": told}, 404)

    async def not_understood(self, _request: Request, why: Exception) -> Response:
        assert isinstance(why, NotUnderstood)
        problems = [{"path": each.path, "problem": each.problem, "near": each.near} for each in why.problems]
        return _json({"error": "question", "message": str(why), "problems": problems}, 400)

    async def failed(self, _request: Request, _why: Exception) -> Response:
        return _json({"error": "failed", "message": "the node could not answer; its log says why"}, 500)


async def _body(request: Request) -> bytes:
    """The body, never more of it than a question may have."""
    received = bytearray()
    try:
        async for piece in request.stream():
            received += piece
            if len(received) > LONGEST:
                raise Denied("too-large", f"a question has at most {LONGEST} bytes", 413)
    except ClientDisconnect:
        raise Denied("request", "the connection broke before the whole request was here", 400) from None
    return bytes(received)


def _json(told: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(told), status, media_type="application/json")


# --- logs and metrics -------------------------------------------------------------------------------------

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds
ROUTES = (
    "/health",
    "/metrics",
    "/ask",
    "/attrition",
    "/consents",
    "/permits",
    "/coverage",
    "/beacon",
    "/fhir",
    "/dcat",
)


class Meter:
    """Counts and times of requests, by route and status alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._times: dict[str, list[int]] = {}
        self._seconds: Counter[str] = Counter()
        self._others: Counter[str] = Counter()

    def saw(self, route: str, status: int, seconds: float) -> None:
        with self._lock:
            self._requests[route, status] += 1
            buckets = self._times.setdefault(route, [0] * (len(BOUNDS) + 1))
            buckets[bisect_left(BOUNDS, seconds)] += 1
            self._seconds[route] += seconds  # type: ignore[assignment]  # a Counter of fractions

    def count(self, name: str) -> None:
        with self._lock:
            self._others[name] += 1

    def text(self, gauges: dict[str, int]) -> str:
        """In the text format of Prometheus."""
        lines = ["# TYPE talka_requests_total counter"]
        with self._lock:
            for (route, status), number in sorted(self._requests.items()):
                lines.append(f'talka_requests_total{{route="{route}",status="{status}"}} {number}')
            lines.append("# TYPE talka_request_seconds histogram")
            for route, buckets in sorted(self._times.items()):
                whole = 0
                for bound, number in zip((*map(str, BOUNDS), "+Inf"), buckets, strict=True):
                    whole += number
                    lines.append(f'talka_request_seconds_bucket{{route="{route}",le="{bound}"}} {whole}')
                lines.append(f'talka_request_seconds_sum{{route="{route}"}} {self._seconds[route]:.6f}')
                lines.append(f'talka_request_seconds_count{{route="{route}"}} {whole}')
            for name, number in sorted(self._others.items()):
                lines += [f"# TYPE {name} counter", f"{name} {number}"]
        for name, value in gauges.items():
            lines += [f"# TYPE {name} gauge", f"{name} {value}"]
        return "\n".join(lines) + "\n"


class Watched:
    """Around an application: every request is counted, timed and logged. Of its address only the route is kept: the
    rest may hold what somebody typed."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self.app, self.meter = app, meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, answered = 500, False
        began = time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception as why:
            # The application has answered with 500 by now; what it raises is for us alone. The message of an error
            # may repeat what somebody typed; its kind and place do not.
            log.error("failed", extra={"kind": type(why).__name__, "place": _place(why)})
            if not answered:
                raise
        finally:
            path = scope["path"]
            route = next((each for each in ROUTES if path == each or path.startswith(each + "/")), "other")
            seconds = time.perf_counter() - began
            self.meter.saw(route, status, seconds)
            log.info("request", extra={"route": route, "status": status, "ms": round(seconds * 1000, 2)})


def _place(why: BaseException) -> str:
    trace = why.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


class JsonLines(logging.Formatter):
    """A log record as one line of JSON: time, level, what happened, and the few fields above."""

    FIELDS = ("route", "status", "ms", "kind", "place", "address")

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "what": record.getMessage(),
            **{name: getattr(record, name) for name in self.FIELDS if hasattr(record, name)},
        }
        return json.dumps(told, ensure_ascii=False)
