"""The Beacon as a Starlette application: reads a request, asks one question, words the answer as Beacon does.

Everybody may have whether and how many; records need a visa. Every refusal is a Beacon error that says what would have
been right. The application may be mounted anywhere: addresses in /map follow the request, or `Settings.address`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from talka_node.beacon import documents, filters, model, variants
from talka_node.beacon.model import BY_PATH, KINDS, Kind
from talka_node.beacon.request import (
    LONGEST,
    BadRequest,
    Granularity,
    Include,
    Request,
    from_body,
    from_query,
    unknown,
)
from talka_node.beacon.source import BeaconSource, Cohort, Dataset, Entry, Page, Refused, Told, Visa
from talka_node.beacon.synthetic import Synthetic
from talka_query import nodes
from talka_query.nodes import AskerKind, Count, Criterion, Purpose, Question, Use

NO_VISA = (
    "records are given only to holders of a visa for the dataset, sent as `Authorization: Bearer …`; "
    "ask for requestedGranularity boolean or count"
)
OPEN = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
ONE = (
    "one person is fewer than may be told, so this says nothing about the id; records need a visa and "
    "requestedGranularity record"
)
PIECE = 64 << 10  # bytes of a bulk answer sent at once
HANDOVER = {"id": "talka:access-request", "label": "Request for access"}


def _today() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a node says about its Beacon.

    `purpose`: what anonymous questions are taken to be for; `access`: where access may be applied for; `address`: the
    public address, where the request's own (behind a proxy) is not it.
    """

    purpose: Purpose = OPEN
    access: str | None = None
    address: str | None = None
    today: Callable[[], date] = field(default=_today)


def application(node: BeaconSource, settings: Settings | None = None) -> Starlette:
    """The Beacon of a node, to be served or mounted."""
    beacon = _Beacon(node, settings or Settings())
    routes = [Route("/", beacon.info, methods=["GET", "POST"])]
    for path, told in (
        ("info", beacon.info),
        ("service-info", beacon.service_info),
        ("configuration", beacon.configuration),
        ("entry_types", beacon.entry_types),
        ("map", beacon.map),
        ("filtering_terms", beacon.filtering_terms),
    ):
        routes.append(Route(f"/{path}", told, methods=["GET", "POST"]))
    for kind in KINDS.values():
        routes += beacon.routes(kind)
    # With a slash at its end a path is the same; a redirect would lose the body of a POST in many clients.
    routes += [
        Route(f"{route.path}/", route.endpoint, methods=["GET", "POST"])
        for route in routes
        if route.path != "/"
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            BadRequest: beacon.bad_request,
            Refused: beacon.refused,
            HTTPException: beacon.not_found,
            Exception: beacon.failed,
        },
    )
    app.router.redirect_slashes = False
    return app


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request understood: what is asked of whom. `granularity`: what is asked for, where left open the lowest."""

    request: Request
    source: BeaconSource
    granularity: Granularity
    visa: Visa | None


class _Beacon:
    def __init__(self, node: BeaconSource, settings: Settings) -> None:
        self.node, self.settings = node, settings
        self.synthetic = Synthetic(node.about())

    # --- reading ---

    async def read(self, http: HttpRequest, default: Granularity = Granularity.BOOLEAN) -> _Asked:
        http.state.asked = Request()
        if http.method == "POST":
            asked = from_body(await _body(http))
            if http.query_params:
                raise BadRequest(
                    "a POST says all in its body; the parameters of its address are to be left out"
                )
        else:
            asked = from_query(http.query_params.multi_items())
        http.state.asked = asked
        source: BeaconSource = self.synthetic if asked.test else self.node
        visa = await source.visa(http.headers.get("authorization"))
        return _Asked(asked, source, asked.granularity or default, visa)

    # --- what the Beacon says of itself ---

    async def info(self, http: HttpRequest) -> Response:
        await self.read(http)
        about = self.node.about()
        response = {
            "id": about.id,
            "name": about.name,
            "apiVersion": model.API,
            "environment": about.environment,
            "organization": {
                "id": about.organisation,
                "name": about.organisation_name,
                **({"welcomeUrl": about.organisation_url} if about.organisation_url else {}),
                **({"contactUrl": about.contact} if about.contact else {}),
            },
            "version": about.version,
            **({"description": about.description} if about.description else {}),
            **({"updateDateTime": about.updated} if about.updated else {}),
        }
        return self.informational(http, response)

    async def service_info(self, http: HttpRequest) -> Response:
        about = self.node.about()
        return _json(
            {
                "id": about.id,
                "name": about.name,
                "type": {"group": "org.ga4gh", "artifact": "beacon", "version": model.API},
                "organization": {
                    "name": about.organisation_name,
                    "url": about.organisation_url or self.base(http),
                },
                "version": about.version,
                "environment": about.environment,
                **({"description": about.description} if about.description else {}),
                **({"contactUrl": about.contact} if about.contact else {}),
                **({"updatedAt": about.updated} if about.updated else {}),
            }
        )

    async def configuration(self, http: HttpRequest) -> Response:
        await self.read(http)
        return self.informational(http, model.configuration(self.node.about()))

    async def entry_types(self, http: HttpRequest) -> Response:
        await self.read(http)
        return self.informational(http, model.entry_types())

    async def map(self, http: HttpRequest) -> Response:
        await self.read(http)
        return self.informational(http, model.beacon_map(self.base(http)))

    async def filtering_terms(self, http: HttpRequest) -> Response:
        return await self.terms(http, None)

    async def terms(self, http: HttpRequest, entry: Entry | None) -> Response:
        """All terms, or those that speak of an entry type; all at once where no page is asked for."""
        asked = await self.read(http)
        source = asked.source
        if entry is not None and KINDS[entry].collection and "id" in http.path_params:
            self.group(source, entry, http.path_params["id"])
        found = filters.terms(source.vocabulary(), source.datasets(), source.cohorts())
        if entry is not None and not KINDS[entry].collection:
            found = [each for each in found if entry.value in each["scopes"]]
        if asked.request.limit:
            found = found[asked.request.page]
        return self.informational(http, {"filteringTerms": found, "resources": filters.RESOURCES})

    def informational(self, http: HttpRequest, response: Any) -> Response:
        meta = {"beaconId": self.node.about().id, "apiVersion": model.API, "returnedSchemas": []}
        return _json({"meta": meta, "response": response})

    def base(self, http: HttpRequest) -> str:
        """The Beacon's own address. Starlette's `base_url` would be that of the application it is mounted in."""
        here = http.url.replace(path=http.scope.get("root_path", ""), query="", fragment="")
        return (self.settings.address or str(here)).rstrip("/")

    # --- entries ---

    def routes(self, kind: Kind) -> list[Route]:
        async def terms(http: HttpRequest) -> Response:
            return await self.terms(http, kind.entry)

        def listed(kind: Kind, of: Kind | None) -> Callable[[HttpRequest], Awaitable[Response]]:
            async def endpoint(http: HttpRequest) -> Response:
                told = http.path_params.get("id")
                if kind.collection:
                    return await self.groups(http, kind, told)
                return await self.entries(http, kind, None if told is None else ((of or kind).entry, told))

            return endpoint

        root, both = f"/{kind.path}", ["GET", "POST"]
        routes = [
            Route(root, listed(kind, None), methods=both),
            Route(f"{root}/filtering_terms", terms, methods=both),
            Route(f"{root}/{{id}}", listed(kind, None), methods=both),
            Route(f"{root}/{{id}}/filtering_terms", terms, methods=both),
        ]
        routes += [
            Route(f"{root}/{{id}}/{KINDS[other].path}", listed(KINDS[other], kind), methods=both)
            for other in kind.lists
        ]
        return routes

    async def groups(self, http: HttpRequest, kind: Kind, told: str | None) -> Response:
        """Datasets and cohorts, described to everybody; with filters, those that have somebody who fits."""
        asked = await self.read(http, Granularity.RECORD)
        source = asked.source
        found: list[Dataset | Cohort]
        if told is not None:
            found = [self.group(source, kind.entry, told)]
        else:
            found = list(source.datasets() if kind.entry is Entry.DATASET else source.cohorts())
        if asked.request.filters or asked.request.parameters:
            question = self.question(asked, Entry.INDIVIDUAL, None)
            found = [each for each in found if await self.fits(source, question, each)]
        if asked.granularity is not Granularity.RECORD:
            return self.counted(http, asked, kind.entry, Told(bool(found), len(found)))
        page = [self.document(each) for each in found[asked.request.page]]
        body = {
            "meta": self.meta(asked, kind.entry, Granularity.RECORD),
            "responseSummary": {"exists": bool(found), "numTotalResults": len(found)},
            "response": {"collections": page},
        }
        return _json(body | self.handovers(bool(found)))

    async def fits(self, source: BeaconSource, question: Question, group: Dataset | Cohort) -> bool:
        such_that = nodes.All((_holds(group), *_parts(question)))
        return (await source.ask(Entry.INDIVIDUAL, replace(question, such_that=such_that))).exists

    async def entries(self, http: HttpRequest, kind: Kind, of: tuple[Entry, str] | None) -> Response:
        """Individuals, samples, variants, runs or analyses; `of`: one of them, or those that belong to one entry."""
        asked = await self.read(http)
        if of is not None and of[0] is Entry.VARIANT and not variants.is_id(of[1]):
            return self.counted(http, asked, kind.entry, Told(False, note=variants.HOW_AN_ID_LOOKS))
        question = self.question(asked, kind.entry, of)
        personal = of is not None and of[0] not in (Entry.VARIANT, Entry.DATASET, Entry.COHORT)
        if asked.granularity is Granularity.RECORD or (personal and asked.visa is not None):
            if asked.visa is None:
                raise Refused(NO_VISA, 401)
            return await self.recorded(http, asked, kind.entry, question, of, asked.visa)
        return self.counted(http, asked, kind.entry, await self.told(asked, kind, question, of, personal))

    async def told(
        self, asked: _Asked, kind: Kind, question: Question, of: tuple[Entry, str] | None, personal: bool
    ) -> Told:
        """Whether and how many. What needs no question, because it is published or never told, is not asked."""
        if personal:
            return Told(False, note=ONE)
        if kind.entry not in asked.source.about().keeps:
            return Told(False, 0, note=f"this node keeps no {kind.path}")
        if kind.entry is Entry.VARIANT and not asked.request.test and not _names_variant(question):
            if asked.request.filters:
                raise BadRequest("g_variants: filters need a variant to go with; name one, a range or a gene")
            within = None if of is None else self.group(asked.source, *of)
            if within is None or within.variants:
                return Told(True, note="that there are variants; name one, a range or a gene")
            return Told(
                False, note="whether there are variants is not published; name one, a range or a gene"
            )
        told = await asked.source.ask(kind.entry, question)
        # What a node counts is carriers; how many variants they carry is nobody's question.
        return replace(told, count=None) if kind.entry is Entry.VARIANT else told

    def question(self, asked: _Asked, entry: Entry, of: tuple[Entry, str] | None) -> Question:
        """The one question that the request's filters, parameters and path ask together."""
        source, request = asked.source, asked.request
        wanted = filters.wanted(request.filters, source.vocabulary(), source.datasets(), source.cohorts())
        variant = variants.criterion(dict(request.parameters))
        within: list[Criterion] = []
        if of is not None and of[0] is Entry.VARIANT:
            if variant is not None:
                raise BadRequest("the path names the variant; parameters of another are to be left out")
            variant = variants.of_id(of[1])
        elif of is not None and of[0] in (Entry.DATASET, Entry.COHORT):
            within.append(_holds(self.group(source, *of)))
        if wanted.zygosity is not None:
            if variant is None:
                raise BadRequest(
                    "filter GENO: zygosity belongs to a variant; the request's parameters name none"
                )
            variant = replace(variant, zygosity=wanted.zygosity)
        samples = list(wanted.samples)
        if entry is Entry.BIOSAMPLE:
            if wanted.apart is not None:
                raise BadRequest(
                    f"filter {wanted.apart}: in a group or excluded it is about persons, and biosamples are asked for;"
                    " of samples, a group of their types is understood"
                )
            if len(samples) > 1:
                raise BadRequest("filter sampleType: one sample is of one type; ask for each type by itself")
            counted = samples[0] if samples else nodes.Specimen()
            if within and isinstance(dataset := within[0], nodes.Specimen):
                narrowed, within = _narrowed(counted, dataset), []
                if narrowed is None:
                    raise BadRequest(
                        "filter: the dataset has no such samples; ask without it, or without the filter"
                    )
                counted = narrowed
            samples = [counted]
        parts = [*within, *wanted.of, *samples, *([variant] if variant is not None else [])]
        purpose = replace(self.settings.purpose, genetic=self.settings.purpose.genetic or variant is not None)
        return Question(
            purpose,
            nodes.All(tuple(parts)),
            self.settings.today(),
            Count.SAMPLES if entry is Entry.BIOSAMPLE else Count.DONORS,
            samples[0] if entry is Entry.BIOSAMPLE else nodes.Specimen(),
        )

    def group(self, source: BeaconSource, entry: Entry, told: str) -> Dataset | Cohort:
        known: dict[str, Dataset | Cohort] = {}
        known |= {each.id: each for each in source.datasets()} if entry is Entry.DATASET else {}
        known |= {each.id: each for each in source.cohorts()} if entry is Entry.COHORT else {}
        if told not in known:
            raise BadRequest(unknown(entry.value, told, known), 404)
        return known[told]

    def document(self, group: Dataset | Cohort) -> documents.Document:
        return documents.dataset(group) if isinstance(group, Dataset) else documents.cohort(group)

    # --- answers ---

    def meta(self, asked: _Asked, entry: Entry | None, granularity: Granularity) -> dict[str, Any]:
        return {
            "beaconId": self.node.about().id,
            "apiVersion": model.API,
            "returnedSchemas": [] if entry is None else [model.schema_of(entry)],
            "returnedGranularity": granularity.value,
            "receivedRequestSummary": asked.request.summary(asked.granularity),
            "testMode": asked.request.test,
        }

    def counted(self, http: HttpRequest, asked: _Asked, entry: Entry, told: Told) -> Response:
        """Whether, or how many where that was asked for and may be told."""
        many = asked.granularity is not Granularity.BOOLEAN and told.count is not None
        granularity = Granularity.COUNT if many else Granularity.BOOLEAN
        summary: dict[str, Any] = {"exists": told.exists}
        if many:
            summary["numTotalResults"] = told.count
        body: dict[str, Any] = {"meta": self.meta(asked, entry, granularity), "responseSummary": summary}
        info = {
            "minimumCell": told.least,
            "within": told.within,
            "moved": list(told.moved),
            "note": told.note,
        }
        if info := {name: value for name, value in info.items() if value}:
            body["info"] = info
        return _json(body | self.handovers(told.exists))

    async def recorded(
        self,
        http: HttpRequest,
        asked: _Asked,
        entry: Entry,
        question: Question,
        of: tuple[Entry, str] | None,
        visa: Visa,
    ) -> Response:
        """Records, a result set for each dataset that the visa opens."""
        source, request = asked.source, asked.request
        opened = [each for each in source.datasets() if each.id in visa.datasets]
        if of is not None and of[0] is Entry.DATASET:
            opened = [each for each in opened if each.id == of[1]]
        if not opened:
            raise Refused("the visa opens none of the datasets asked for", 403)
        sets: list[tuple[Dataset, Page]] = []
        total = 0
        for each in opened:
            within = _within(question, each)
            page = (
                Page(0, [])
                if within is None
                else await source.records(entry, within, each, of, visa, request.page)
            )
            total += page.total
            wanted = {Include.ALL: True, Include.HIT: page.total > 0, Include.MISS: not page.total}
            if wanted.get(request.include, False):
                sets.append((each, page))
        if asked.granularity is not Granularity.RECORD:
            return self.counted(http, asked, entry, Told(total > 0, total))
        body = {
            "meta": self.meta(asked, entry, Granularity.RECORD),
            "responseSummary": {"exists": total > 0, "numTotalResults": total},
            **self.handovers(total > 0),
        }
        pieces = iterate_in_threadpool(_pieces(body, sets))
        # The first is made before anything is said, so that what goes wrong at once is told as what it is.
        first = await anext(pieces)
        return StreamingResponse(_again(first, pieces), media_type="application/json")

    def handovers(self, exists: bool) -> dict[str, Any]:
        """Where to apply for more, if there is more."""
        access = self.settings.access or self.node.about().access
        if not exists or not access:
            return {}
        note = "Apply here for access to the records behind this answer."
        return {"beaconHandovers": [{"handoverType": HANDOVER, "note": note, "url": access}]}

    # --- refusals ---

    def error(
        self, http: HttpRequest, why: str, status: int, headers: dict[str, str] | None = None
    ) -> Response:
        asked: Request = getattr(http.state, "asked", Request())
        about = _Asked(asked, self.node, asked.granularity or Granularity.BOOLEAN, None)
        body = {
            "meta": self.meta(about, None, Granularity.BOOLEAN),
            "error": {"errorCode": status, "errorMessage": why},
        }
        return _json(body, status, headers)

    async def bad_request(self, http: HttpRequest, why: Exception) -> Response:
        assert isinstance(why, BadRequest)
        return self.error(http, why.why, why.status)

    async def refused(self, http: HttpRequest, why: Exception) -> Response:
        assert isinstance(why, Refused)
        headers = {"WWW-Authenticate": "Bearer"} if why.status == 401 else None
        return self.error(http, why.why, why.status, headers)

    async def not_found(self, http: HttpRequest, why: Exception) -> Response:
        assert isinstance(why, HTTPException)
        if why.status_code == 405:
            return self.error(
                http, f"{http.method} is not answered here; GET and POST are", 405, {"Allow": "GET, POST"}
            )
        path = http.scope["path"].removeprefix(http.scope.get("root_path", ""))
        return self.error(http, _right_path(path), why.status_code)

    async def failed(self, http: HttpRequest, why: Exception) -> Response:
        return self.error(http, "the node could not answer; its log says why", 500)


def _names_variant(question: Question) -> bool:
    return any(isinstance(each, nodes.Variant | nodes.VariantIn) for each in _parts(question))


def _holds(group: Dataset | Cohort) -> Criterion:
    return group.holds if isinstance(group, Dataset) else nodes.InCohort(group.id)


def _parts(question: Question) -> tuple[Criterion, ...]:
    assert isinstance(question.such_that, nodes.All)
    return question.such_that.of


def _within(question: Question, dataset: Dataset) -> Question | None:
    """The question, of the dataset alone; of samples, those of the dataset. None if it has no such samples."""
    such_that = nodes.All((dataset.holds, *_parts(question)))
    if question.count is Count.SAMPLES and isinstance(dataset.holds, nodes.Specimen):
        samples = _narrowed(question.samples, dataset.holds)
        return None if samples is None else replace(question, such_that=such_that, samples=samples)
    return replace(question, such_that=such_that)


def _narrowed(counted: nodes.Specimen, dataset: nodes.Specimen) -> nodes.Specimen | None:
    """The sample asked for, within the dataset, which says where its samples are and perhaps of what type."""
    kept: dict[str, frozenset[str]] = {}
    for name in ("types", "temperatures", "biobanks", "collections"):
        mine: frozenset[str] = getattr(counted, name)
        its: frozenset[str] = getattr(dataset, name)
        if mine and its and not mine & its:
            return None
        kept[name] = mine & its if mine and its else mine or its
    return replace(
        counted,
        types=kept["types"],
        temperatures=kept["temperatures"],
        biobanks=kept["biobanks"],
        collections=kept["collections"],
    )


def _right_path(path: str) -> str:
    """What to say of a path that there is not."""
    first, _, rest = path.strip("/").partition("/")
    known = [*BY_PATH, *model.INFORMATIONAL]
    meant = model.OTHER_NAMES.get(first)
    if first in BY_PATH and rest:
        told = rest.partition("/")[2]
        last = model.OTHER_NAMES.get(told)
        lists = [KINDS[other].path for other in BY_PATH[first].lists]
        if last in lists:
            return f"there is no /{first}/…/{told[:60]} here; is /{first}/…/{last} meant?"
        return f"there is no such path here; below /{first}/{{id}} there are {', '.join(lists)}"
    if meant is None and (near := get_close_matches(first, known, 1, 0.6)):
        meant = near[0]
    if meant is not None and meant != first:
        return f"there is no /{first[:60]} here; is /{meant} meant?"
    return f"there is no such path here; there are {', '.join(f'/{each}' for each in known)}"


async def _body(http: HttpRequest) -> bytes:
    """The body, but never more of it than a request may have."""
    parts, size = [], 0
    async for part in http.stream():
        size += len(part)
        if size > LONGEST:
            raise BadRequest(f"the body is longer than {LONGEST} bytes", 413)
        parts.append(part)
    return b"".join(parts)


def _pieces(body: dict[str, Any], sets: Iterable[tuple[Dataset, Page]]) -> Iterator[bytes]:
    """The text of a response with result sets, in pieces of some 64 kB, however many records there are."""
    text = bytearray(orjson.dumps(body)[:-1] + b',"response":{"resultSets":[')
    for place, (dataset, page) in enumerate(sets):
        about = {
            "id": dataset.id,
            "setType": "dataset",
            "exists": page.total > 0,
            "resultsCount": page.total,
        }
        text += b"," * (place > 0) + orjson.dumps(about)[:-1] + b',"results":['
        for number, each in enumerate(page.documents):
            text += b"," * (number > 0) + orjson.dumps(each)
            if len(text) >= PIECE:
                yield bytes(text)
                text.clear()
        text += b"]}"
    yield bytes(text + b"]}}")


async def _again(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for each in others:
        yield each


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json")
