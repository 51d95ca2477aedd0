"""A client in the same process, and a node that remembers what it was asked and lets Anna see records."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette

from talka_node.beacon import (
    About,
    Cohort,
    Dataset,
    Entry,
    Page,
    Refused,
    Settings,
    Told,
    Visa,
    Vocabulary,
    application,
)
from talka_query.nodes import Question, Specimen

TOLD, NOTHING = Told(True, 35), Page(0, ())
TODAY = date(2024, 6, 1)
ABOUT = About(
    id="lv.paraugs.beacon",
    name="Paraugu biobanka",
    organisation="lv.paraugs",
    organisation_name="Paraugu biobanka",
    organisation_url="https://paraugs.example/",
    description="An invented biobank",
    contact="mailto:anna@paraugs.example",
    updated="2024-05-01T00:00:00+00:00",
)


@dataclass
class Node:
    """A node whose answer is told beforehand: `told`, or `refusal`. Anna may see the blood's records."""

    told: Told = TOLD
    refusal: Refused | None = None
    asked: list[tuple[Entry, Question]] = field(default_factory=list)
    pages: list[tuple[Entry, Question, str, tuple[Entry, str] | None, slice]] = field(default_factory=list)
    page: Page = NOTHING

    def about(self) -> About:
        return ABOUT

    def datasets(self) -> Sequence[Dataset]:
        return [
            Dataset(
                "blood", "Blood", Specimen(collections=frozenset({"blood"})), "Whole", ("DUO:0000042",), True
            ),
            Dataset("cancer", "Cancer", Specimen(collections=frozenset({"cancer"}))),
        ]

    def cohorts(self) -> Sequence[Cohort]:
        return [Cohort("lung", "Lungs"), Cohort("heart", "Hearts", "beacon-defined")]

    def vocabulary(self) -> Vocabulary:
        return Vocabulary(
            regions={"LV001": "Rīga", "LV002": "Latgale", "XX1": "Elsewhere"},
            biobanks={"bb1": "First"},
            collections={"blood": "Blood", "cancer": "Cancer"},
            measurements={"718-7": "g/L", "2345-7": "mmol/L"},
            procedures={"op-1": "Operation"},
        )

    async def ask(self, entry: Entry, question: Question) -> Told:
        if self.refusal:
            raise self.refusal
        self.asked.append((entry, question))
        return self.told

    async def visa(self, authorization: str | None) -> Visa | None:
        match authorization:
            case None:
                return None
            case "Bearer anna":
                return Visa("anna", frozenset({"blood"}))
            case "Bearer bruno":
                return Visa("bruno", frozenset())
        raise Refused("the visa is not one of ours", 401)

    async def records(
        self,
        entry: Entry,
        question: Question,
        dataset: Dataset,
        of: tuple[Entry, str] | None,
        visa: Visa,
        page: slice,
    ) -> Page:
        self.pages.append((entry, question, dataset.id, of, page))
        return self.page


Check = Callable[[str, int, Any], None]


@dataclass
class Client:
    """Asks an application; `check` looks at every answer before it is returned."""

    app: Starlette
    check: Check | None = None
    headers: dict[str, str] = field(default_factory=dict)
    failure: Exception | None = None

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return self.send("GET", path, b"", headers)

    def post(self, path: str, query: Any = None, body: Any = None, **headers: str) -> tuple[int, Any]:
        told = {"meta": {"apiVersion": "v2.0.0"}, "query": query or {}} if body is None else body
        raw = told if isinstance(told, bytes) else json.dumps(told).encode()
        return self.send("POST", path, raw, headers)

    def send(self, method: str, address: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        # In a thread of its own: the browser's tests leave an event loop behind in the main one.
        with ThreadPoolExecutor(1) as apart:
            sent = apart.submit(lambda: asyncio.run(_send(self.app, method, address, body, headers)))
            status, raw, self.headers, self.failure = sent.result()
        answer = json.loads(raw)
        if self.check:
            self.check(address, status, answer)
        return status, answer


async def _send(
    app: Starlette, method: str, address: str, body: bytes, headers: dict[str, str]
) -> tuple[int, bytes, dict[str, str], Exception | None]:
    path, _, query = address.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": quote(query, safe="=&,:%+").encode(),
        "headers": [(b"host", b"127.0.0.1:5050")]
        + [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 5050),
    }
    sent: list[Any] = []
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:  # the client waits for its answer, and goes away only after it
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    failure = None
    try:
        await app(scope, receive, send)
    except Exception as why:  # noqa: BLE001 -- a server logs it, after the answer has gone out
        failure = why
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:]), told, failure


def client(node: Any = None, check: Check | None = None, **settings: Any) -> Client:
    made = Settings(today=lambda: TODAY, **settings)
    return Client(application(Node() if node is None else node, made), check)
