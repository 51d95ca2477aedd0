"""The FHIR edge as an application, to be mounted at /fhir.

GET  /metadata                       everybody
GET  /Type  /Type/id  …/_history     the holder's side; with a visa within its grant
POST /      a transaction            the holder's side
POST /Type  PUT, DELETE /Type/id     the holder's side
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qsl

import duckdb
import orjson
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from talka_keys.suite import BadProof
from talka_node import dcat
from talka_node.codes.units import Kept
from talka_node.fhir import capability, search
from talka_node.fhir.access import Access, Grant, Holders, NoVisas
from talka_node.fhir.faults import Fault, Issue, outcome
from talka_node.fhir.profiles import Resource
from talka_node.fhir.shelf import KINDS, OF_PERSONS, Shelf
from talka_node.fhir.transaction import Change, Desk, body_of, changes_of, unconsented
from talka_node.importers import Resolver
from talka_node.importers.batch import Job, Settings
from talka_node.importers.manifest import CODE_LIKE
from talka_node.importers.people import _key
from talka_node.node import Node
from talka_node.pseudonyms.client import Refused as KeysRefused
from talka_node.store import Busy, Store, StoreError

LONGEST = 32 << 20  # bytes of what is sent; more is for `talka-node import`
QUICK = 2.0  # seconds: an index that is built faster than this is built before the answer

FHIR = "application/fhir+json"
NDJSON = "application/fhir+ndjson"
_STATUS = {"created": 201, "updated": 200, "same": 200, "deleted": 204, "absent": 204}
_WORDS = {200: "200 OK", 201: "201 Created", 204: "204 No Content"}


class Edge:
    """One node's FHIR. It reads the facts from a store of its own, so that what was just written is read at once."""

    def __init__(self, node: Node, access: Access | None = None) -> None:
        self.node = node
        self.access: Access = access or NoVisas()
        self.holders = Holders(node.path / "holders.json")
        self._store = Store(node.path)
        self._shelf: Shelf | None = None
        self._lock = threading.Lock()  # of the shelf
        self._writing = threading.Lock()
        self._behind = threading.Event()
        self._building = threading.Lock()
        self._took = 0.0  # seconds that the last index took
        self._codes: Job | None = None

    def routes(self) -> list[Route]:
        return [
            Route("/metadata", self.metadata),
            Route("/", self.transaction, methods=["POST"]),
            Route("/{kind}", self.search, methods=["GET"]),
            Route("/{kind}", self.create, methods=["POST"]),
            Route("/{kind}/_search", self.search_form, methods=["POST"]),
            Route("/{kind}/{identity}", self.read, methods=["GET"]),
            Route("/{kind}/{identity}", self.update, methods=["PUT"]),
            Route("/{kind}/{identity}", self.delete, methods=["DELETE"]),
            Route("/{kind}/{identity}/_history", self.history, methods=["GET"]),
            Route("/{kind}/{identity}/_history/{version}", self.version, methods=["GET"]),
        ]

    # --- who, and what is read ----------------------------------------------------------------------------

    def _who(self, request: Request) -> Grant | None:
        """None for the holder's own side. Raises Fault for who is neither."""
        if self.holders.name_of(request) is not None:
            return None
        grant = self.access.grant(request)
        if grant is None:
            raise Fault(
                401,
                "login",
                "records are read with a visa, or by the holder's own side with its token; counts are at /beacon",
                "http.authorization",
            )
        return grant

    def _holder(self, request: Request) -> str:
        name = self.holders.name_of(request)
        if name is None:
            if self.access.grant(request) is not None:
                raise Fault(
                    403,
                    "forbidden",
                    "a visa reads; writing is for the holder's own side",
                    "http.authorization",
                )
            raise Fault(
                401, "login", "writing is for the holder's own side, with its token", "http.authorization"
            )
        return name

    def safe(self, text: str) -> str:
        if not CODE_LIKE.search(text):
            return text
        with self._lock:
            if self._codes is None:
                folder = self.node.path / "keys"
                self._codes = Job(
                    self.node.path,
                    duckdb.connect(),
                    Settings(self.node.today()),
                    self._resolver(),
                    Kept({}),
                    _key(folder / "ids.key"),
                )
            return self._codes.safe(text)

    def _resolver(self) -> Resolver:
        return self.node.identity.resolver(self.node._highest() + 1)

    def _made(self, store: Store, grant: Grant | None = None) -> Shelf:
        # Who turned out to be one person is one for consents before the rows are read as one's.
        self.node.log.join(store.state.same)
        description = dcat.read(self.node.path / "description.yaml")
        return Shelf(
            store, self.node.log, self.node.catalogue, description, self.node.today(), self.safe, grant
        )

    def shelf(self, grant: Grant | None = None) -> Shelf:
        """What is there now. That of the holder is kept until something changes."""
        if grant is not None:
            return self._made(Store(self.node.path), grant)
        day = self.node.today()
        with self._lock:
            self._store.refresh()
            held = self._shelf
            if held is not None and held.generation == self._store.state.generation and held.day == day:
                return held
        fresh = self._made(Store(self.node.path))
        with self._lock:
            self._shelf = fresh
        return fresh

    # --- reading ------------------------------------------------------------------------------------------

    async def metadata(self, request: Request) -> Response:
        day = await run_in_threadpool(self.node.today)
        return answered(capability.statement(_base(request), self.node.name, day))

    async def read(self, request: Request) -> Response:
        kind, identity = _kind(request), request.path_params["identity"]
        return await run_in_threadpool(self._read, request, kind, identity)

    def _read(self, request: Request, kind: str, identity: str) -> Response:
        grant = self._who(request)
        shelf = self.shelf(grant)
        try:
            _may(grant, kind)
            found = shelf.read(kind, identity)
            if found is None:
                if shelf.was(kind, identity):
                    raise Fault(
                        410, "deleted", f"{kind}/{identity[:64]} was here and was deleted", f"{kind}.id"
                    )
                raise Fault(
                    404,
                    "not-found",
                    f"there is no {kind}/{identity[:64]} here; search by identifier",
                    f"{kind}.id",
                )
            self._tell(grant, f"{kind}/{identity}", 1)
            return answered(found.resource, headers=_tag(found.resource))
        finally:
            if grant is not None:
                shelf.close()

    async def search(self, request: Request) -> Response:
        return await run_in_threadpool(self._search, request, _kind(request), request.url.query)

    async def search_form(self, request: Request) -> Response:
        kind, body = _kind(request), await _sent(request)
        query = "&".join(each for each in (request.url.query, body.decode("utf-8", "replace")) if each)
        return await run_in_threadpool(self._search, request, kind, query)

    def _search(self, request: Request, kind: str, query: str) -> Response:
        grant = self._who(request)
        _may(grant, kind)
        pairs = parse_qsl(query, keep_blank_values=True)
        lenient = "handling=lenient" in request.headers.get("prefer", "").replace(" ", "")
        streams = dict(pairs).get("_format") in search.STREAMED or any(
            each in request.headers.get("accept", "") for each in search.STREAMED[1:]
        )
        shelf = self.shelf(grant)
        done = False
        try:
            asked = search.parse(shelf, kind, pairs, lenient=lenient)
            if streams and asked.summary != "count":
                if kind in OF_PERSONS:
                    self._tell(grant, kind, shelf.count(kind, asked.condition))
                lines = _lines(shelf, asked, close=grant is not None)
                done = True
                return StreamingResponse(_chunks(lines), media_type=NDJSON)
            told = search.answer(shelf, asked)
            self._tell(grant, kind, told.total)
            return answered(search.bundle(_base(request), asked, told))
        finally:
            if grant is not None and not done:
                shelf.close()

    def _tell(self, grant: Grant | None, what: str, number: int) -> None:
        """Records that leave the holder's side are in the journal before they are told."""
        if grant is None:
            return
        body = {
            "who": grant.who,
            "use": str(grant.purpose.use),
            "what": what,
            "records": number,
            "edge": "fhir",
        }
        self.node.journal.append("records", orjson.dumps(body))

    async def history(self, request: Request) -> Response:
        kind, identity = _kind(request), request.path_params["identity"]
        return await run_in_threadpool(self._history, request, kind, identity)

    def _versions(self, request: Request, kind: str, identity: str) -> list[Resource]:
        if self._who(request) is not None:
            raise Fault(
                403, "forbidden", "earlier versions are for the holder's own side", "http.authorization"
            )
        shelf = self.shelf()
        if not (told := shelf.versions(kind, identity)):
            if shelf.was(kind, identity):
                raise Fault(
                    410,
                    "deleted",
                    f"{kind}/{identity[:64]} was deleted, and its versions with it",
                    f"{kind}.id",
                )
            raise Fault(404, "not-found", f"there is no {kind}/{identity[:64]} here", f"{kind}.id")
        return told

    def _history(self, request: Request, kind: str, identity: str) -> Response:
        told = self._versions(request, kind, identity)
        here = f"{_base(request)}/{kind}/{identity}"
        entries = [
            {
                "fullUrl": here,
                "resource": each,
                "request": {"method": "PUT", "url": f"{kind}/{identity}"},
                "response": {"status": "200 OK", **_tagged(each)},
            }
            for each in told
        ]
        return answered({"resourceType": "Bundle", "type": "history", "total": len(told), "entry": entries})

    async def version(self, request: Request) -> Response:
        kind, identity, wanted = (
            _kind(request),
            request.path_params["identity"],
            request.path_params["version"],
        )
        told = await run_in_threadpool(self._versions, request, kind, identity)
        for each in told:
            if each["meta"].get("versionId") == wanted:
                return answered(each, headers=_tag(each))
        known = ", ".join(str(each["meta"].get("versionId")) for each in told)
        raise Fault(
            404,
            "not-found",
            f"of {kind}/{identity[:64]} there are the versions {known}",
            f"{kind}.meta.versionId",
        )

    # --- writing ------------------------------------------------------------------------------------------

    async def create(self, request: Request) -> Response:
        change = Change("POST", _kind(request), if_none_exist=request.headers.get("if-none-exist", ""))
        return await self._one(request, change)

    async def update(self, request: Request) -> Response:
        change = Change(
            "PUT",
            _kind(request),
            request.path_params["identity"],
            if_match=request.headers.get("if-match", ""),
        )
        return await self._one(request, change)

    async def delete(self, request: Request) -> Response:
        change = Change(
            "DELETE",
            _kind(request),
            request.path_params["identity"],
            if_match=request.headers.get("if-match", ""),
        )
        return await self._one(request, change)

    async def _one(self, request: Request, change: Change) -> Response:
        await run_in_threadpool(self._holder, request)
        if change.method != "DELETE":
            change.body = body_of(_json(await _sent(request)), change)
        manifest = await run_in_threadpool(self._write, request, [change])
        headers = _imported(manifest)
        status = _STATUS[change.status]
        if change.method == "DELETE":
            return Response(status_code=204, headers=headers, background=self._following(manifest))
        issues = await run_in_threadpool(self._notes, change)
        found = await run_in_threadpool(lambda: self.shelf().read(change.kind, change.identity))
        if issues:
            # A header has no letters but ASCII; a body is what was asked for.
            headers["Talka-Notes"] = (
                " | ".join(each.says for each in issues).encode("ascii", "replace").decode()
            )
        wants = request.headers.get("prefer", "")
        told: Resource | None = found.resource if found is not None else outcome(issues)
        if found is not None:
            headers |= _tag(found.resource)
            headers["Location"] = _location(_base(request), found.resource)
        if "return=OperationOutcome" in wants:
            told = outcome(issues)
        elif "return=minimal" in wants:
            told = None
        return answered(told, status, headers, self._following(manifest))

    async def transaction(self, request: Request) -> Response:
        await run_in_threadpool(self._holder, request)
        changes = changes_of(_json(await _sent(request)))
        manifest = await run_in_threadpool(self._write, request, changes) if changes else ""
        entries = await run_in_threadpool(self._entries, _base(request), changes)
        told: Resource = {"resourceType": "Bundle", "type": "transaction-response"}
        if entries:
            told["entry"] = entries
        return answered(told, 200, _imported(manifest), self._following(manifest))

    def _entries(self, base: str, changes: list[Change]) -> list[Resource]:
        shelf = self.shelf()
        entries = []
        for change in changes:
            response: Resource = {"status": _WORDS[_STATUS[change.status]]}
            found = shelf.read(change.kind, change.identity) if change.method != "DELETE" else None
            if found is not None:
                response |= {"location": _location(base, found.resource), **_tagged(found.resource)}
            if issues := self._notes(change):
                response["outcome"] = outcome(issues)
            entries.append({"response": response})
        return entries

    def _notes(self, change: Change) -> list[Issue]:
        waiting = unconsented(self.node, change)
        return [*change.notes, *([waiting] if waiting is not None else [])]

    def _write(self, request: Request, changes: list[Change]) -> str:
        with self._writing:
            desk = Desk(self.node, Store(self.node.path), self._made, self._resolver, _base(request))
            try:
                manifest = desk.carry_out(changes)
            except Busy as why:
                raise Fault(503, "lock-error", f"{why}; nothing was taken, send it again then") from None
            except StoreError as why:
                raise Fault(507, "no-store", str(why)) from None
            except (OSError, KeysRefused, BadProof) as why:
                raise Fault(
                    503, "transient", f"broken off ({why}); nothing was taken, send it again later"
                ) from None
        if manifest:
            # What the hub said of these persons before they were known here counts before their facts do.
            self.node.log.settle(self.node.identity.donor_of)
            self._behind.set()
            if self._took < QUICK:
                self._follow()
        return manifest

    def _following(self, manifest: str) -> BackgroundTask | None:
        return BackgroundTask(self._follow) if manifest and self._behind.is_set() else None

    def _follow(self) -> None:
        """Let questions see what was written; one index at a time, and one for many that came meanwhile."""
        with self._building:
            if self._behind.is_set():
                self._behind.clear()
                began = time.monotonic()
                self.node.refresh()
                self._took = time.monotonic() - began


# --- requests and answers ------------------------------------------------------------------------------------------


def application(node: Node, access: Access | None = None) -> Starlette:
    return Starlette(
        routes=Edge(node, access).routes(),
        exception_handlers={Fault: _faulty, 404: _nowhere, 405: _unable, Exception: _failed},
    )


def routes(node: Node, access: Access | None = None) -> list[BaseRoute]:
    """Where `application` stands: /fhir and all below it, without a redirect from the one to the other."""
    mount = Mount("/fhir", application(node, access))

    async def bare(scope: Scope, receive: Receive, send: Send) -> None:
        inside = {**scope, "path": f"{scope['path']}/"}
        _, child = mount.matches(inside)
        await mount.handle({**inside, **child}, receive, send)

    return [Route("/fhir", _Bare(bare)), mount]


class _Bare:
    """A Route takes a function for an endpoint of Starlette's, and anything else for an application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def answered(
    told: Resource | None,
    status: int = 200,
    headers: dict[str, str] | None = None,
    background: BackgroundTask | None = None,
) -> Response:
    body = b"" if told is None else orjson.dumps(told)
    return Response(body, status, headers, media_type=FHIR, background=background)


async def _faulty(_request: Request, why: Exception) -> Response:
    assert isinstance(why, Fault)
    headers = {"WWW-Authenticate": 'Basic realm="FHIR", charset="UTF-8"'} if why.status == 401 else {}
    if why.status == 503:
        headers["Retry-After"] = "5"
    return answered(outcome(why.issues), why.status, headers)


async def _nowhere(request: Request, _why: Exception) -> Response:
    says = f"there is nothing here; a resource is at Type/id, of {', '.join(KINDS)}; /metadata tells all"
    return answered(outcome([Issue("not-found", says)]), 404)


async def _unable(request: Request, _why: Exception) -> Response:
    says = f"{request.method} is not answered here; /metadata tells what is"
    return answered(outcome([Issue("not-supported", says)]), 405)


async def _failed(_request: Request, _why: Exception) -> Response:
    return answered(outcome([Issue("exception", "the node could not answer; its log says why")]), 500)


def _kind(request: Request) -> str:
    kind = str(request.path_params["kind"])
    if kind not in KINDS:
        raise Fault(
            404, "not-supported", f"there are no resources {kind[:40]!r} here; there are {', '.join(KINDS)}"
        )
    return kind


def _may(grant: Grant | None, kind: str) -> None:
    if grant is None or kind in ("Organization", "Group"):
        return
    if kind in ("Consent", "ResearchSubject") or grant.elements(kind) == frozenset():
        raise Fault(403, "forbidden", f"the permit does not give {kind}", "http.authorization")


def _base(request: Request) -> str:
    """This edge's address, as whoever asks sees it."""
    return f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}".rstrip("/")


async def _sent(request: Request) -> bytes:
    received = bytearray()
    try:
        async for piece in request.stream():
            received += piece
            if len(received) > LONGEST:
                raise Fault(
                    413,
                    "too-long",
                    f"at most {LONGEST >> 20} MB are taken here; import larger files with talka-node import",
                )
    except ClientDisconnect:
        raise Fault(400, "incomplete", "the connection broke before the whole request was here") from None
    return bytes(received)


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as why:
        raise Fault(400, "structure", f"not JSON in UTF-8: {why}") from None


def _tagged(resource: Resource) -> Resource:
    meta = resource.get("meta") or {}
    told: Resource = {}
    if "versionId" in meta:
        told["etag"] = f'W/"{meta["versionId"]}"'
    if "lastUpdated" in meta:
        told["lastModified"] = meta["lastUpdated"]
    return told


def _tag(resource: Resource) -> dict[str, str]:
    tagged = _tagged(resource)
    return {"ETag": tagged["etag"]} if "etag" in tagged else {}


def _location(base: str, resource: Resource) -> str:
    version = (resource.get("meta") or {}).get("versionId")
    here = f"{base}/{resource['resourceType']}/{resource['id']}"
    return f"{here}/_history/{version}" if version else here


def _imported(manifest: str) -> dict[str, str]:
    return {"Talka-Import": manifest} if manifest else {}


def _lines(shelf: Shelf, asked: search.Search, *, close: bool) -> Iterator[bytes]:
    try:
        found = (
            shelf.stream(asked.kind, asked.condition)
            if asked.kind in OF_PERSONS
            else search.listed(shelf, asked)
        )
        for each in found:
            yield orjson.dumps(search.shown(asked, each.resource)) + b"\n"
    finally:
        if close:
            shelf.close()


async def _chunks(lines: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Lines in pieces of some size: a thread is asked once for many."""

    def pieces() -> Iterator[bytes]:
        held = bytearray()
        for line in lines:
            held += line
            if len(held) > 1 << 16:
                yield bytes(held)
                held.clear()
        if held:
            yield bytes(held)

    async for piece in iterate_in_threadpool(pieces()):
        yield piece
