"""FHIR searches: from a query string to conditions over a shelf, and to a Bundle with its paging links.

A parameter that is not known, or not understood, is refused by name; nothing is passed over unless the client asks for
that (`Prefer: handling=lenient`).
"""

from __future__ import annotations

import base64
import binascii
import calendar
import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

from talka_node.codes import icd10
from talka_node.codes.samples import MIABIS_TYPES
from talka_node.fhir.faults import Fault, Issue
from talka_node.fhir.profiles import MEMBER, Resource
from talka_node.fhir.resources import TEMPERATURES
from talka_node.fhir.shelf import OF_PERSONS, STATIC, SUBSETTED, Found, Shelf, Where, where_identifier
from talka_node.importers.fhir_plain import ATC, LOINC, is_icd10

PAGE, LARGEST = 50, 1000
FORMATS = ("json", "application/json", "application/fhir+json", "text/json")
STREAMED = ("ndjson", "application/ndjson", "application/fhir+ndjson", "application/x-ndjson")


@dataclass(frozen=True, slots=True)
class Parameter:
    """`make` turns a modifier and one value into a condition: SQL, or for Organizations and Groups a test of one."""

    type: str
    about: str
    make: Callable[[Shelf, str, str], Where] | None = None
    test: Callable[[Resource, str, str], bool] | None = None
    modifiers: tuple[str, ...] = ()
    own: bool = False  # for the holder alone: under a grant there are no identifiers
    target: str = ""


@dataclass(slots=True)
class Search:
    kind: str
    where: list[Where] = field(default_factory=list)
    tests: list[Callable[[Resource], bool]] = field(default_factory=list)
    count: int = PAGE
    summary: str = "false"
    after: str = ""
    includes: list[str] = field(default_factory=list)
    elements: frozenset[str] | None = None
    patients: list[str] | None = None  # of Consents
    names: list[str] = field(default_factory=list)
    used: list[tuple[str, str]] = field(default_factory=list)
    passed_over: list[Issue] = field(default_factory=list)

    @property
    def condition(self) -> Where:
        if not self.where:
            return Where("true")
        return Where(
            " AND ".join(f"({each.sql})" for each in self.where),
            tuple(value for each in self.where for value in each.values),
        )


# --- values ---------------------------------------------------------------------------------------------------


def _bad(name: str, right: str) -> Fault:
    return Fault(400, "invalid", f"{name}: {right}", f"http.{name}")


def _any(parts: Iterable[Where]) -> Where:
    listed = list(parts)
    return Where(
        " OR ".join(f"({each.sql})" for each in listed),
        tuple(value for each in listed for value in each.values),
    )


def _identifier(kind: str) -> Callable[[Shelf, str, str], Where]:
    def make(_shelf: Shelf, _modifier: str, value: str) -> Where:
        return where_identifier(kind, value.rpartition("|")[2])

    return make


def reference(value: str, kind: str, name: str) -> str:
    """The id in a reference, given as an id, as Type/id or as a whole URL."""
    head, _, identity = value.rpartition("/")
    if head and head.rpartition("/")[2] != kind:
        raise _bad(name, f"it is answered for {kind} alone, as {kind}/123")
    return identity


def _subject(shelf: Shelf, modifier: str, value: str) -> Where:
    if modifier in ("identifier", "Patient.identifier"):
        donors = shelf.donors_of(
            [shelf.id_of(each, "Patient") for each in shelf.named("Patient", value.rpartition("|")[2])]
        )
    else:
        donors = shelf.donors_of([reference(value, "Patient", "subject")])
    return Where("donor IN (SELECT unnest(?::INTEGER[]))", (donors,))


def _specimen(shelf: Shelf, _modifier: str, value: str) -> Where:
    """Only what was written here names its specimen: the store's rows do not."""
    mark = f"Specimen/{reference(value, 'Specimen', 'specimen')}"
    return Where(
        "source IN (SELECT source FROM docs WHERE kind = 'Observation'"
        " AND json_extract_string(body, '$.specimen.reference') = ?)",
        (mark,),
    )


def _code(column: str, *systems: str, icd: bool = False) -> Callable[[Shelf, str, str], Where]:
    def make(_shelf: Shelf, modifier: str, value: str) -> Where:
        system, bar, code = value.rpartition("|")
        if bar and system and not (system in systems or (icd and is_icd10(system))):
            return Where("false")
        if icd:
            try:
                code = icd10.normal(code)
            except ValueError as why:
                raise _bad("code", str(why)) from None
        if modifier == "below":
            return Where(f'starts_with("{column}", ?)', (code,))
        return Where(f'"{column}" = ?', (code,))

    return make


def _observed(shelf: Shelf, modifier: str, value: str) -> Where:
    return _code("code", LOINC)(shelf, modifier, value)


def _text(column: str) -> Callable[[Shelf, str, str], Where]:
    def make(_shelf: Shelf, _modifier: str, value: str) -> Where:
        return Where(f'"{column}" = ?', (value.rpartition("|")[2],))

    return make


_DATE = re.compile(r"(eq|ne|lt|le|gt|ge|sa|eb)?(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T.*)?)?)?")
_COMPARED = {
    "eq": "{0} BETWEEN ? AND ?", "ne": "{0} NOT BETWEEN ? AND ?", "lt": "{0} < ?", "le": "{0} <= ?",
    "gt": "{0} > ?", "ge": "{0} >= ?", "sa": "{0} > ?", "eb": "{0} < ?",
}  # fmt: skip


def _date(column: str, name: str) -> Callable[[Shelf, str, str], Where]:
    def make(_shelf: Shelf, _modifier: str, value: str) -> Where:
        found = _DATE.fullmatch(value)
        try:
            if not found:
                raise ValueError
            how, year, month, day = found[1] or "eq", int(found[2]), int(found[3] or 0), int(found[4] or 0)
            first = date(year, month or 1, day or 1)
            last = first if day else date(year, month or 12, calendar.monthrange(year, month or 12)[1])
        except ValueError:
            raise _bad(
                name, "a date is YYYY-MM-DD, YYYY-MM or YYYY, with eq, ne, lt, le, gt, ge, sa or eb before it"
            ) from None
        values = {"lt": (first,), "ge": (first,), "eb": (first,), "le": (last,), "gt": (last,), "sa": (last,)}
        return Where(_COMPARED[how].format(f'"{column}"'), values.get(how, (first, last)))

    return make


# --- Organizations and Groups -----------------------------------------------------------------------------------


def _has_identifier(resource: Resource, _modifier: str, value: str) -> bool:
    system, bar, code = value.rpartition("|")
    return any(
        each.get("value") == code and (not bar or each.get("system", "") == system)
        for each in resource.get("identifier") or ()
    )


def _refers(*path: str, kind: str, name: str) -> Callable[[Resource, str, str], bool]:
    def test(resource: Resource, _modifier: str, value: str) -> bool:
        found: Any = resource
        for step in path:
            found = (found or {}).get(step)
        return bool(found == f"{kind}/{reference(value, kind, name)}")

    return test


def _has_member(resource: Resource, _modifier: str, value: str) -> bool:
    wanted = value if "/" not in value else "/".join(value.split("/")[-2:])
    references = [
        str((each.get("valueReference") or {}).get("reference"))
        for each in resource.get("extension") or ()
        if each.get("url") == MEMBER or str(each.get("url")).endswith("miabis-member-entity-extension")
    ]
    references += [str((each.get("entity") or {}).get("reference")) for each in resource.get("member") or ()]
    return any(each == wanted or each.rpartition("/")[2] == wanted for each in references)


def _named(resource: Resource, modifier: str, value: str) -> bool:
    names = [str(resource.get("name") or ""), *map(str, resource.get("alias") or ())]
    if modifier == "exact":
        return value in names
    wanted = value.casefold()
    if modifier == "contains":
        return any(wanted in each.casefold() for each in names)
    return any(each.casefold().startswith(wanted) for each in names)


def _profiled(resource: Resource, _modifier: str, value: str) -> bool:
    return any(
        each == value or str(each).endswith(f"/{value}")
        for each in (resource.get("meta") or {}).get("profile") or ()
    )


# --- what can be searched by ------------------------------------------------------------------------------------


def _by_identifier(kind: str) -> Parameter:
    return Parameter("token", "an identifier, or the name at its source", _identifier(kind), own=True)


_SUBJECT = Parameter(
    "reference",
    "whose it is",
    _subject,
    modifiers=("identifier", "Patient", "Patient.identifier"),
    target="Patient",
)
_OF = {"subject": _SUBJECT, "patient": _SUBJECT}


def _day(column: str, name: str) -> Parameter:
    return Parameter("date", "when", _date(column, name))


PARAMETERS: dict[str, dict[str, Parameter]] = {
    "Patient": {
        "identifier": _by_identifier("Patient"),
        "gender": Parameter("token", "female, male, other or unknown", _text("sex")),
        "birthdate": _day("born", "birthdate"),
        "death-date": _day("died", "death-date"),
        "address-state": Parameter("string", "the region's code", _text("region")),
    },
    "Specimen": {
        "identifier": _by_identifier("Specimen"),
        **_OF,
        "type": Parameter("token", "a detailed type of MIABIS", _code("type", f"https://fhir.bbmri-eric.eu/CodeSystem/{MIABIS_TYPES}")),
        "collected": _day("collected", "collected"),
        "sample-collection-id": Parameter("token", "the collection's identifier", _text("collection")),
        "storage-temperature": Parameter("token", "a temperature of MIABIS", _code("temperature", TEMPERATURES)),
        "biobank": Parameter("token", "the biobank's identifier", _text("biobank")),
    },
    "Condition": {
        "identifier": _by_identifier("Condition"),
        **_OF,
        "code": Parameter("token", "an ICD-10 code", _code("code", icd=True), modifiers=("below",)),
        "onset-date": _day("on", "onset-date"),
    },
    "Observation": {
        "identifier": _by_identifier("Observation"),
        **_OF,
        "specimen": Parameter("reference", "of which sample", _specimen, target="Specimen", own=True),
        "code": Parameter("token", "a LOINC code", _observed),
        "value-concept": Parameter("token", "an ICD-10 code", _code("diagnosis", icd=True), modifiers=("below",)),
        "date": _day("on", "date"),
    },
    "Procedure": {
        "identifier": _by_identifier("Procedure"),
        **_OF,
        "code": Parameter("token", "a code", _text("code")),
        "date": _day("on", "date"),
    },
    "MedicationStatement": {
        "identifier": _by_identifier("MedicationStatement"),
        **_OF,
        "code": Parameter("token", "an ATC code", _code("code", ATC), modifiers=("below",)),
        "effective": _day("on", "effective"),
    },
    "ResearchSubject": {
        "individual": _SUBJECT,
        "patient": _SUBJECT,
        "study": Parameter("token", "the study's name", _text("code")),
    },
    "Consent": {
        "patient": Parameter("reference", "whose; it must be told", target="Patient"),
        "status": Parameter(
            "token", "active or inactive", test=lambda resource, _, value: resource["status"] == value
        ),
    },
    "Organization": {
        "identifier": Parameter("token", "an identifier", test=_has_identifier),
        "name": Parameter(
            "string", "how the name begins", test=_named, modifiers=("exact", "contains")
        ),
        "partof": Parameter(
            "reference", "what it belongs to",
            test=_refers("partOf", "reference", kind="Organization", name="partof"),
            target="Organization",
        ),
        "_profile": Parameter("uri", "a profile, or its name", test=_profiled),
    },
    "Group": {
        "identifier": Parameter("token", "an identifier", test=_has_identifier),
        "managing-entity": Parameter(
            "reference", "its Organization",
            test=_refers("managingEntity", "reference", kind="Organization", name="managing-entity"),
            target="Organization",
        ),
        "groupMember": Parameter("reference", "a member: a sample, collection or biobank", test=_has_member),
        "member": Parameter("reference", "a member", test=_has_member),
        "_profile": Parameter("uri", "a profile, or its name", test=_profiled),
    },
}  # fmt: skip
# What may be given along: type → parameter → element and the type it refers to.
INCLUDES: dict[str, dict[str, tuple[str, str]]] = {
    **{
        kind: {"subject": ("subject", "Patient"), "patient": ("subject", "Patient")}
        for kind in OF_PERSONS[1:6]
    },
    "ResearchSubject": {"individual": ("individual", "Patient")},
    "Organization": {"partof": ("partOf", "Organization")},
    "Group": {"managing-entity": ("managingEntity", "Organization")},
}
INCLUDES["Observation"] = {**INCLUDES["Observation"], "specimen": ("specimen", "Specimen")}
# What a parameter tells of: under a grant that does not give this element, it is not answered either.
TELLS = {
    "Patient": {
        "gender": "gender", "birthdate": "birthDate", "death-date": "deceasedDateTime", "address-state": "address",
    },
    "Specimen": {
        "type": "type", "collected": "collection", "sample-collection-id": "extension",
        "storage-temperature": "processing", "biobank": "extension",
    },
    "Condition": {"code": "code", "onset-date": "onsetDateTime"},
    "Observation": {"code": "code", "value-concept": "valueCodeableConcept", "date": "effectiveDateTime"},
    "Procedure": {"code": "code", "date": "performedDateTime"},
    "MedicationStatement": {"code": "medicationCodeableConcept", "effective": "effectiveDateTime"},
}  # fmt: skip
RESULT = ("_count", "_summary", "_total", "_include", "_elements", "_format", "_after", "_pretty")


def parse(shelf: Shelf, kind: str, query: Iterable[tuple[str, str]], *, lenient: bool = False) -> Search:
    """The search that a query string asks for. Raises Fault 400 that names the parameter."""
    search = Search(kind)
    for name, given in query:
        value = shelf.safe(given)
        if name.startswith("_") and name in RESULT:
            _result(search, name, value)
            if name not in ("_after", "_count"):
                search.used.append((name, value))
            continue
        bare, _, modifier = name.partition(":")
        if "." in bare and not modifier:
            bare, _, modifier = bare.partition(".")
        known = PARAMETERS[kind].get(bare)
        if bare == "_id" and not modifier:
            _by_id(shelf, search, value)
        elif known is None or (known.own and shelf.grant is not None):
            if not lenient:
                raise _unknown(kind, name)
            search.passed_over.append(
                Issue("not-supported", f"{name} was passed over", f"http.{name}", "warning")
            )
            continue
        elif not _may(shelf, kind, bare):
            raise Fault(403, "forbidden", f"the permit does not give what {bare} tells", f"http.{bare}")
        elif modifier and modifier not in known.modifiers:
            right = ", ".join(f":{each}" for each in known.modifiers) or "none"
            raise Fault(
                400, "not-supported", f"{bare} has no modifier :{modifier}; it has {right}", f"http.{bare}"
            )
        else:
            _put(shelf, search, bare, modifier, known, value)
        search.used.append((name, value))
    if kind == "Consent" and search.patients is None and not search.tests:
        raise Fault(
            400,
            "required",
            "patient is missing: consents are told of one donor, as patient=123",
            "http.patient",
        )
    return search


def _may(shelf: Shelf, kind: str, name: str) -> bool:
    element = TELLS.get(kind, {}).get(name)
    given = shelf.grant.elements(kind) if shelf.grant is not None else None
    return element is None or given is None or element in given


def _unknown(kind: str, name: str) -> Fault:
    known = [*PARAMETERS[kind], "_id", *RESULT]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return Fault(
        400,
        "not-supported",
        f"{kind} cannot be searched by {name[:60]}{hint}; it can by {', '.join(known)}",
        f"http.{name[:60]}",
    )


def _by_id(shelf: Shelf, search: Search, value: str) -> None:
    wanted = value.split(",")
    if search.kind in OF_PERSONS:
        search.where.append(shelf.where_id(wanted, search.kind))
    else:
        search.tests.append(lambda resource: resource["id"] in wanted)
        if search.kind == "Consent":
            told = [found.resource for each in wanted if (found := shelf.read("Consent", each))]
            search.patients = [each["patient"]["reference"].rpartition("/")[2] for each in told]


def _put(shelf: Shelf, search: Search, name: str, modifier: str, known: Parameter, value: str) -> None:
    values = [each for each in value.split(",") if each]
    if not values:
        raise _bad(name, f"a value is missing: {known.about}")
    if known.make is not None:
        make = known.make
        search.where.append(_any(make(shelf, modifier, each) for each in values))
    elif known.test is not None:
        test = known.test
        search.tests.append(lambda resource: any(test(resource, modifier, each) for each in values))
        if name == "name":
            search.names += values
        if known.type == "reference":  # refused now, not at the first resource
            for each in values:
                test({}, modifier, each)
    else:
        search.patients = [reference(each, "Patient", name) for each in values]


def _result(search: Search, name: str, value: str) -> None:
    if name == "_count":
        if not value.isdecimal():
            raise _bad(name, f"a whole number from 0 to {LARGEST}, as _count=50")
        search.count = min(int(value), LARGEST)
        if not search.count:
            search.summary = "count"
    elif name == "_summary":
        if value not in ("true", "false", "count", "data"):
            raise _bad(name, "true, false, data or count")
        search.summary = value
    elif name == "_total":
        if value not in ("none", "estimate", "accurate"):
            raise _bad(name, "none, estimate or accurate; the total told is always accurate")
    elif name == "_after":
        try:
            search.after = base64.b64decode(value, altchars=b"-_", validate=True).decode()
        except (binascii.Error, UnicodeError):
            raise _bad(name, "take it from the link `next` of an answer") from None
    elif name == "_include":
        known = INCLUDES.get(search.kind, {})
        for each in value.split(","):
            kind, _, parameter = each.partition(":")
            if kind != search.kind or parameter.partition(":")[0] not in known:
                listed = ", ".join(f"{search.kind}:{one}" for one in known) or "nothing"
                raise _bad(name, f"what {search.kind} can bring along is {listed}")
            search.includes.append(parameter.partition(":")[0])
    elif name == "_elements":
        search.elements = frozenset(value.split(","))
    elif name == "_format" and value not in (*FORMATS, *STREAMED):
        raise Fault(406, "not-supported", "_format: json or ndjson; XML is not written here", "http._format")


# --- answers ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    total: int
    found: list[Found]
    included: list[Found]
    next: str | None


def listed(shelf: Shelf, search: Search) -> list[Found]:
    """Of Organizations, Groups and Consents all that fit, in order; exactly named ones first, legal persons before
    what belongs to them."""
    everything: Iterable[Found]
    if search.kind == "Consent":
        everything = shelf.consents(shelf.donors_of(search.patients or []))
    else:
        everything = shelf.statics(search.kind).values()
    fitting = [each for each in everything if all(test(each.resource) for test in search.tests)]
    return sorted(fitting, key=lambda each: _rank(each.resource, search.names))


def _rank(resource: Mapping[str, Any], names: list[str]) -> str:
    inexact = "1" if names and resource.get("name") not in names else "0"
    return f"{inexact}{'1' if names and resource.get('partOf') else '0'} {resource['id']}"


def answer(shelf: Shelf, search: Search) -> Answer:
    following = None
    if search.kind in OF_PERSONS:
        where = search.condition
        total = shelf.count(search.kind, where)
        if search.summary == "count":
            return Answer(total, [], [], None)
        sources = shelf.page(search.kind, where, search.after, search.count + 1)
        found = shelf.made(search.kind, sources[: search.count])
        if len(sources) > search.count:
            following = shelf.place_of(sources[search.count - 1], search.kind)
    else:
        whole = listed(shelf, search)
        total = len(whole)
        if search.summary == "count":
            return Answer(total, [], [], None)
        rest = (
            [each for each in whole if _rank(each.resource, search.names) > search.after]
            if search.after
            else whole
        )
        found = rest[: search.count]
        if len(rest) > search.count:
            following = _rank(found[-1].resource, search.names)
    return Answer(total, found, _included(shelf, search, found), following)


def _included(shelf: Shelf, search: Search, found: list[Found]) -> list[Found]:
    wanted: dict[str, dict[str, None]] = {}
    for parameter in search.includes:
        element, kind = INCLUDES[search.kind][parameter]
        for each in found:
            text = (each.resource.get(element) or {}).get("reference", "")
            if text.startswith(f"{kind}/"):
                wanted.setdefault(kind, {})[text.rpartition("/")[2]] = None
    brought: list[Found] = []
    for kind, identities in wanted.items():
        if shelf.grant is not None and shelf.grant.elements(kind) == frozenset() and kind not in STATIC:
            raise Fault(
                403,
                "forbidden",
                f"the permit does not give {kind}, so it cannot be brought along",
                "http._include",
            )
        if kind in STATIC:
            brought += [one for each in identities if (one := shelf.statics(kind).get(each))]
        else:
            brought += shelf.made(kind, sorted(shelf.sources(kind, list(identities)).values()))
    here = {(each.resource["resourceType"], each.resource["id"]) for each in found}
    return [each for each in brought if (each.resource["resourceType"], each.resource["id"]) not in here]


def shown(search: Search, resource: Resource) -> Resource:
    """The resource as _elements asks for it."""
    if search.elements is None:
        return resource
    kept = {
        name: value
        for name, value in resource.items()
        if name in search.elements or name in ("resourceType", "id", "status")
    }
    kept["meta"] = {**(resource.get("meta") or {}), "tag": [{"system": SUBSETTED, "code": "SUBSETTED"}]}
    return kept


def bundle(base: str, search: Search, told: Answer) -> Resource:
    """A searchset. `base`: the address of this edge, as https://node.example/fhir."""
    whole: Resource = {"resourceType": "Bundle", "type": "searchset", "total": told.total}
    here = f"{base}/{search.kind}"
    paged = [*search.used, ("_count", str(search.count))]
    links = [{"relation": "self", "url": f"{here}?{urlencode([*paged, *_after(search.after)])}"}]
    if told.next is not None:
        links.append({"relation": "next", "url": f"{here}?{urlencode([*paged, *_after(told.next)])}"})
    whole["link"] = links
    entries = [
        {
            "fullUrl": f"{base}/{each.resource['resourceType']}/{each.resource['id']}",
            "resource": resource,
            "search": {"mode": mode},
        }
        for mode, some in (("match", told.found), ("include", told.included))
        for each in some
        for resource in [shown(search, each.resource) if mode == "match" else each.resource]
    ]
    if search.passed_over:
        text = {"resourceType": "OperationOutcome", "issue": [each.plain() for each in search.passed_over]}
        entries.append({"resource": text, "search": {"mode": "outcome"}})
    if entries:  # FHIR has no empty lists
        whole["entry"] = entries
    return whole


def _after(place: str) -> list[tuple[str, str]]:
    return [("_after", base64.urlsafe_b64encode(place.encode()).decode())] if place else []
