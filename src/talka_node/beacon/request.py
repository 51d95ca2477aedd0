"""A Beacon request, by GET or POST, as one frozen value. What is not understood is refused, not passed over:
a misspelt filter that nobody reads would turn "women with asthma" into everybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

import orjson

from talka_node.beacon.model import API, KINDS, schema_of
from talka_node.beacon.source import Entry

LONGEST = 256 * 1024  # bytes of a request body
MOST_FILTERS = 50


class BadRequest(Exception):
    """A request that means nothing here. The message says what would have been right."""

    def __init__(self, why: str, status: int = 400) -> None:
        self.why, self.status = why, status
        super().__init__(why)


class Granularity(StrEnum):
    BOOLEAN = "boolean"
    COUNT = "count"
    RECORD = "record"


class Include(StrEnum):
    """Which datasets' result sets are wanted."""

    ALL = "ALL"
    HIT = "HIT"
    MISS = "MISS"
    NONE = "NONE"


OPERATORS = ("=", "<", ">", "!", "<=", ">=")


class Similarity(StrEnum):
    """How like a term a record's may be: of ICD-10 the same category, block, chapter; of ATC so many levels up."""

    EXACT = "exact"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter as asked; `operator` and `value` of alphanumeric ones only. `excluded`: who fits it is not meant."""

    id: str
    operator: str | None = None
    value: str = ""
    descendants: bool = True
    scope: str | None = None
    similarity: Similarity = Similarity.EXACT
    excluded: bool = False

    def __str__(self) -> str:
        return f"{'!' * self.excluded}{self.id}{self.operator or ''}{self.value}"


@dataclass(frozen=True, slots=True)
class Group:
    """Filters of which one is enough."""

    of: tuple[Filter, ...]

    def __str__(self) -> str:
        return "|".join(map(str, self.of))


VARIANT_PARAMETERS = (
    "assemblyId", "referenceName", "referenceBases", "alternateBases", "start", "end", "variantType",
    "variantMinLength", "variantMaxLength", "geneId", "aminoacidChange", "genomicAlleleShortForm", "mateName",
)  # fmt: skip
QUERY = (
    "filters", "requestParameters", "includeResultsetResponses", "pagination", "requestedGranularity", "testMode",
)  # fmt: skip
GET = (
    "apiVersion", "requestedSchema", "requestedSchemas", "requestedGranularity", "skip", "limit", "filters",
    "includeResultsetResponses", "testMode", *VARIANT_PARAMETERS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """`granularity` is None where not asked for. `parameters`: of variants, as given, by name."""

    filters: tuple[Filter | Group, ...] = ()
    parameters: tuple[tuple[str, Any], ...] = ()
    granularity: Granularity | None = None
    include: Include = Include.HIT
    skip: int = 0
    limit: int | None = None
    test: bool = False
    schemas: tuple[tuple[str, str], ...] = ()

    @property
    def page(self) -> slice:
        """`skip` counts pages; a limit of 0 asks for all, so that there is no page after the first."""
        if self.limit == 0:
            return slice(0, None) if self.skip == 0 else slice(0, 0)
        size = 10 if self.limit is None else self.limit
        return slice(self.skip * size, (self.skip + 1) * size)

    def summary(self, granularity: Granularity) -> dict[str, Any]:
        """What the Beacon understood, as `receivedRequestSummary` wants it."""
        told: dict[str, Any] = {
            "apiVersion": API,
            "requestedSchemas": [{"entityType": entity, "schema": schema} for entity, schema in self.schemas],
            "pagination": {"skip": self.skip, "limit": 10 if self.limit is None else self.limit},
            "requestedGranularity": (self.granularity or granularity).value,
            "includeResultsetResponses": self.include.value,
            "testMode": self.test,
        }
        if self.filters:
            told["filters"] = [str(each) for each in self.filters]
        if self.parameters:
            told["requestParameters"] = {"g_variant": dict(self.parameters)}
        return told


def from_query(pairs: Iterable[tuple[str, str]]) -> Request:
    """From the query string of a GET. A parameter given twice counts as a list."""
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in GET:
            raise BadRequest(unknown("parameter", name, GET))
        given[name] = f"{given[name]},{value}" if name in given else value
    _version(given.get("apiVersion"))
    schemas = given.get("requestedSchemas") or given.get("requestedSchema") or ""
    parameters: dict[str, Any] = {name: given[name] for name in VARIANT_PARAMETERS if name in given}
    for name in ("start", "end"):
        if name in parameters:
            parameters[name] = parameters[name].split(",")
    return _request(
        filters=[_shorts(text) for text in given.get("filters", "").split(",") if text.strip()],
        parameters=parameters,
        granularity=given.get("requestedGranularity"),
        include=given.get("includeResultsetResponses"),
        skip=given.get("skip"),
        limit=given.get("limit"),
        test=given.get("testMode", False),
        schemas=[{"schema": text} for text in schemas.split(",") if text],
    )


def from_body(raw: bytes) -> Request:
    """From the body of a POST."""
    if len(raw) > LONGEST:
        raise BadRequest(f"the body is longer than {LONGEST} bytes", 413)
    try:
        body = orjson.loads(raw) if raw.strip() else {}
    except orjson.JSONDecodeError as why:
        raise BadRequest(f"the body is not JSON: {why}") from None
    _object(body, "the body", ("$schema", "meta", "query"))
    meta = _object(body.get("meta", {}), "meta", ("$schema", "apiVersion", "requestedSchemas"))
    query = _object(body.get("query", {}), "query", QUERY)
    _version(meta.get("apiVersion"))
    pagination = _object(
        query.get("pagination", {}),
        "query.pagination",
        ("skip", "limit", "currentPage", "nextPage", "previousPage"),
    )
    if tokens := [name for name in pagination if name.endswith("Page")]:
        raise BadRequest(f"query.pagination.{tokens[0]}: pages are asked for by skip and limit here")
    filters = query.get("filters", [])
    if not isinstance(filters, list):
        raise BadRequest("query.filters: a list is right")
    schemas = meta.get("requestedSchemas", [])
    if not isinstance(schemas, list):
        raise BadRequest("meta.requestedSchemas: a list is right")
    return _request(
        filters=[_filters(each, f"query.filters[{index}]") for index, each in enumerate(filters)],
        parameters=_parameters(query.get("requestParameters", {})),
        granularity=query.get("requestedGranularity"),
        include=query.get("includeResultsetResponses"),
        skip=pagination.get("skip"),
        limit=pagination.get("limit"),
        test=query.get("testMode", False),
        schemas=schemas,
    )


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """There is no such thing, with the nearest that there is, or all if they are few."""
    listed = list(known)
    near = get_close_matches(name, listed, 1, 0.6)
    if near:
        hint = f"; is `{near[0]}` meant?"
    elif listed:
        hint = f"; there are {', '.join(listed)}" if len(listed) < 30 else "; see /filtering_terms"
    else:
        hint = "; this node has none"
    return f"there is no {what} `{name[:100]}`{hint}"


# --- parts ------------------------------------------------------------------------------------------------


def _object(value: Any, place: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadRequest(f"{place}: a JSON object is right")
    for name in value:
        if name not in known:
            raise BadRequest(f"{place}: {unknown('element', name, known)}")
    return value


def _request(
    filters: list[Filter | Group],
    parameters: Mapping[str, Any],
    granularity: Any,
    include: Any,
    skip: Any,
    limit: Any,
    test: Any,
    schemas: list[Any],
) -> Request:
    many = sum(len(each.of) if isinstance(each, Group) else 1 for each in filters)
    if many > MOST_FILTERS:
        raise BadRequest(f"{many} filters; one request takes at most {MOST_FILTERS}")
    return Request(
        tuple(filters),
        tuple((name, _whole_numbers(name, value)) for name, value in parameters.items()),
        None if granularity is None else _one_of(Granularity, granularity, "requestedGranularity"),
        Include.HIT if include is None else _one_of(Include, include, "includeResultsetResponses"),
        0 if skip is None else _count(skip, "skip"),
        None if limit is None else _count(limit, "limit"),
        _flag(test),
        tuple(_schema(each) for each in schemas),
    )


def _one_of(kind: Any, value: Any, name: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise BadRequest(f"{name}: one of {', '.join(kind)} is right") from None


def _count(value: Any, name: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**9:
        raise BadRequest(f"{name}: a whole number, 0 or more, is right")
    return value


def _flag(value: Any) -> bool:
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower())
    if not isinstance(value, bool):
        raise BadRequest("testMode: true or false is right")
    return value


def _version(value: Any) -> None:
    if value is not None and not (isinstance(value, str) and re.fullmatch(r"v?2(\..*)?", value)):
        raise BadRequest(f"apiVersion: this is a Beacon {API}")


def _schema(value: Any) -> tuple[str, str]:
    schema = value.get("schema") if isinstance(value, dict) else None
    known = {schema_of(entry)["schema"]: entry.value for entry in KINDS}
    if not isinstance(schema, str) or schema not in known:
        raise BadRequest("requestedSchemas: " + unknown("schema", str(schema), known))
    return known[schema], schema


_SHORT = re.compile(r"([^<>=!]+?)(<=|>=|=|<|>|!)(.+)", re.DOTALL)


def _shorts(text: str) -> Filter | Group:
    """A filter of a GET, or some of which one is enough, as in `ICD10:C34|ICD10:J44`."""
    several = [_short(each) for each in text.split("|")]
    if any(not each.id for each in several):
        raise BadRequest("filters: between, before or after | a filter is missing")
    return several[0] if len(several) == 1 else Group(tuple(several))


def _short(text: str) -> Filter:
    """An id, or an id, an operator and a value, as in `age>=50`; with ! before it, whom it fits are not meant."""
    text = text.strip()
    excluded = text.startswith("!")
    text = text.removeprefix("!").strip()
    found = _SHORT.fullmatch(text)
    if found is None:
        return Filter(text, excluded=excluded)
    return Filter(found[1].strip(), found[2], found[3].strip(), excluded=excluded)


def _filters(value: Any, place: str) -> Filter | Group:
    """A filter of a POST, or a list of some of which one is enough."""
    if not isinstance(value, list):
        return _filter(value, place)
    if not value:
        raise BadRequest(f"{place}: a list in place of a filter says which ones are enough; it is empty")
    several = tuple(_filter(each, f"{place}[{index}]") for index, each in enumerate(value))
    return several[0] if len(several) == 1 else Group(several)


def _filter(value: Any, place: str) -> Filter:
    known = ("id", "operator", "value", "includeDescendantTerms", "similarity", "scope", "excluded")
    given = _object(value, place, known)
    told = given.get("id")
    if not isinstance(told, str) or not told.strip():
        raise BadRequest(f"{place}.id: text is right, such as ICD10:C34")
    similarity = _one_of(Similarity, given.get("similarity", "exact"), f"{place}.similarity")
    excluded = given.get("excluded", False)
    if not isinstance(excluded, bool):
        raise BadRequest(f"{place}.excluded: true or false is right")
    descendants = given.get("includeDescendantTerms", True)
    if not isinstance(descendants, bool):
        raise BadRequest(f"{place}.includeDescendantTerms: true or false is right")
    scope = given.get("scope")
    if scope is not None and not isinstance(scope, str):
        raise BadRequest(f"{place}.scope: text is right")
    operator, wanted = given.get("operator"), given.get("value")
    if operator is None and wanted is None:
        return Filter(told.strip(), None, "", descendants, scope, similarity, excluded)
    if (operator or "=") not in OPERATORS:
        raise BadRequest(f"{place}.operator: one of {' '.join(OPERATORS)} is right")
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        wanted = str(wanted)
    if not isinstance(wanted, str) or not wanted.strip():
        raise BadRequest(f"{place}.value: text is right, such as P50Y")
    return Filter(told.strip(), operator or "=", wanted.strip(), descendants, scope, similarity, excluded)


def _parameters(value: Any) -> Mapping[str, Any]:
    """Of variants; both `{"g_variant": {"start": …}}`, as the schema has it, and without the wrapping."""
    place = "query.requestParameters"
    if isinstance(value, dict) and value.keys() - {"$schema"} == {"g_variant"}:
        value, place = value["g_variant"], f"{place}.g_variant"
    return {
        name: each
        for name, each in _object(value, place, ("$schema", *VARIANT_PARAMETERS)).items()
        if name != "$schema"
    }


def _whole_numbers(name: str, value: Any) -> Any:
    """Positions as lists of whole numbers, lengths as whole numbers, all else as text."""
    if name in ("start", "end"):
        listed = value if isinstance(value, list) else [value]
        if not 1 <= len(listed) <= 2:
            raise BadRequest(f"{name}: one position, or two for a bracket, are right")
        return [_count(each, name) for each in listed]
    if name in ("variantMinLength", "variantMaxLength"):
        return _count(value, name)
    if not isinstance(value, str) or not value.strip():
        raise BadRequest(f"{name}: text is right")
    return value.strip()


def entry_of(scope: str) -> Entry | None:
    """The entry type that a filter's scope means; paths are understood too."""
    return next((kind.entry for kind in KINDS.values() if scope in (kind.entry.value, kind.path)), None)
