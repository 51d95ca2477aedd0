"""What a node says of its datasets to catalogues of health data: HealthDCAT-AP, in Turtle and JSON-LD.

A dataset is a collection that the node publishes. What no row tells (whom to write to, which body permits) stands in
`description.yaml` in the node's directory:

    contact: {given: Anna, family: Izdomātā, email: dati@slimnica.example, page: https://slimnica.example/dati}
    country: LV
    body: {name: Veselības datu iestāde, email: hdab@iestade.example}      the health data access body
    datasets:
      CODE: {identifier: GDI-LV-SLIM-1, title: {lv: …, en: …}, description: {lv: …, en: …}, keywords: [vēzis]}

Two profiles: HealthDCAT-AP R8 of what is not public, and that of the Genomic Data Infrastructure, which knows other
categories; in the latter stand the datasets whose identifier is one of its own.

Counts are asked of the node like any other question, so they come through consent, disclosure and journal, and carry
the day they are of.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from talka_node.catalogue import Catalogue
from talka_node.disclosure import Refused
from talka_node.node import Node, NotUnderstood
from talka_query.nodes import AskerKind, Count, Purpose, Question, Specimen, Use

KEYS = ("contact", "country", "body", "datasets")
_CONTACT = ("given", "family", "email", "page")
_DATASET = ("identifier", "title", "description", "keywords")


class BadDescription(ValueError):
    """The file is none; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Texts by language."""

    identifier: str = ""
    title: Mapping[str, str] = field(default_factory=dict)
    description: Mapping[str, str] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """`person`: given name and family name of whom to write to. `body`: name, address and page of the access body."""

    person: tuple[str, str] | None = None
    email: str = ""
    page: str = ""
    country: str = ""
    body: Mapping[str, str] = field(default_factory=dict)
    datasets: Mapping[str, Dataset] = field(default_factory=dict)

    def says(self, code: str) -> str:
        """What a collection or biobank is, in English if that is told."""
        told = self.datasets[code].description if code in self.datasets else {}
        return told.get("en") or next(iter(told.values()), "")


def read(path: Path) -> Description:
    """The description in a file; an empty one if there is no file. BadDescription tells what is wrong in it."""
    if not path.exists():
        return Description()
    try:
        told: Any = yaml.safe_load(path.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as why:
        raise BadDescription(f"{path.name}: not YAML in UTF-8 ({type(why).__name__})") from None
    told = _mapping(told, path.name, KEYS)
    contact = _texts(told.get("contact"), f"{path.name}: contact", _CONTACT)
    datasets = {}
    for code, each in _mapping(told.get("datasets"), f"{path.name}: datasets").items():
        where = f"{path.name}: datasets: {code}"
        given = _mapping(each, where, _DATASET)
        keywords = given.get("keywords") or []
        if not isinstance(keywords, list):
            raise BadDescription(f"{where}: keywords is a list")
        datasets[str(code)] = Dataset(
            str(given.get("identifier") or ""),
            _texts(given.get("title"), f"{where}: title"),
            _texts(given.get("description"), f"{where}: description"),
            tuple(map(str, keywords)),
        )
    named = contact.get("given"), contact.get("family")
    return Description(
        (named[0], named[1]) if named[0] and named[1] else None,
        contact.get("email", ""),
        contact.get("page", ""),
        str(told.get("country") or ""),
        _texts(told.get("body"), f"{path.name}: body", ("name", "email", "page")),
        datasets,
    )


def _mapping(told: Any, where: str, keys: tuple[str, ...] = ()) -> dict[str, Any]:
    told = {} if told is None else told
    if not isinstance(told, dict):
        raise BadDescription(f"{where}: a mapping is meant{', of ' + ', '.join(keys) if keys else ''}")
    if keys and (unknown := sorted(map(str, told.keys() - set(keys)))):
        raise BadDescription(
            f"{where}: there is no {', '.join(unknown)}; what can be told is {', '.join(keys)}"
        )
    return told


def _texts(told: Any, where: str, keys: tuple[str, ...] = ()) -> dict[str, str]:
    return {str(name): str(text) for name, text in _mapping(told, where, keys).items()}


# --- what is counted --------------------------------------------------------------------------------------

# Planning and coverage: what a catalogue tells everybody.
PURPOSE = Purpose(Use.STATISTICS, AskerKind.PUBLIC_BODY)


@dataclass(frozen=True, slots=True)
class Counted:
    """Donors and samples of a dataset as they may be told, on a day and of a state of the facts; None: not told.
    `within`: told donors lie within so much of the truth."""

    donors: int | None
    samples: int | None
    day: date
    facts: int
    within: int = 0


def counted(node: Node, code: str) -> Counted:
    """Asked of the node as anybody would be answered: everybody who reads catalogues is one asker."""
    specimen = Specimen(collections=frozenset({code}))
    told: list[int | None] = []
    within = 0
    day, facts = node.today(), node.store.state.generation
    for count in (Count.DONORS, Count.SAMPLES):
        question = Question(
            PURPOSE, specimen, day.replace(month=1, day=1), count, specimen, asker="catalogue"
        )
        try:
            answer = node.ask(question)
        except NotUnderstood:
            return Counted(None, None, day, facts)
        if isinstance(answer, Refused):
            told.append(None)
            continue
        told.append(answer.released.total)
        if count is Count.DONORS:
            within = answer.released.within
        day, facts = answer.day, answer.facts
    return Counted(told[0], told[1], day, facts, within)


# --- the graph --------------------------------------------------------------------------------------------

PREFIXES = {
    "adms": "http://www.w3.org/ns/adms#",
    "csvw": "http://www.w3.org/ns/csvw#",
    "cv": "http://data.europa.eu/m8g/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "healthdcatap": "http://healthdataportal.eu/ns/health#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
AUTHORITY = "http://publications.europa.eu/resource/authority/"
EHDS = "http://data.europa.eu/eli/reg/2025/327/oj"
BIOBANKS = "https://hdeu-dcat.data.health.europa.eu/resource/authority/healthcategories/EINS"
GENOMES = "http://data.gdi.eu/core/p2/HealthCategoryHumanGenomic"
KEPT = 10_000  # counts remembered
GDI = re.compile(r"(GOE|GDI)-[A-Z]{2}-[A-Z]+-[0-9]+")
# What rows about the donors and samples of a dataset tell: name, datatype, and what it is.
VARIABLES = (
    ("sex", "string", "Sex of the donor, an administrative gender of FHIR"),
    ("born", "date", "Date of birth of the donor, to the day, month or year"),
    ("region", "string", "Region where the donor lives"),
    ("type", "string", "Detailed sample type of MIABIS"),
    ("collected", "date", "Day on which the sample was collected"),
    ("temperature", "string", "Storage temperature of MIABIS"),
    ("diagnosis", "string", "Diagnosis of the donor, a code of ICD-10"),
    ("measurement", "string", "What was measured, a code of LOINC"),
    ("value", "double", "The measured value, in a unit of UCUM"),
    ("medicine", "string", "Medicine taken, a code of ATC"),
    ("procedure", "string", "Procedure carried out"),
)
_BROKEN = re.compile(r"[\x00-\x20<>\"{}|^`\\\\]")


@dataclass(frozen=True, slots=True)
class Iri:
    text: str

    def __post_init__(self) -> None:
        # Nothing that somebody wrote into a file ends an IRI early.
        object.__setattr__(self, "text", _BROKEN.sub(lambda found: f"%{ord(found[0]):02X}", self.text))


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    language: str = ""
    datatype: str = ""


@dataclass(frozen=True, slots=True)
class Thing:
    """A node of the graph: what it is, what is said of it. `iri` None: it has no name outside."""

    kind: str
    said: Sequence[tuple[str, Iri | Text | Thing]]
    iri: Iri | None = None


def catalogue(
    node: Node, address: str, *, gdi: bool = False, count: Callable[[Node, str], Counted] = counted
) -> Thing:
    """The catalogue of the node at this address (of its HTTP, without a slash at the end), its datasets within."""
    description = read(node.path / "description.yaml")
    known = node.catalogue
    datasets = [
        _dataset(known, description, code, name, count(node, code), address, gdi=gdi)
        for code, name in known.collections_named.items()
        if not gdi or GDI.fullmatch(_about(description, code).identifier)
    ]
    title = known.organisation.name or node.name
    return Thing(
        "dcat:Catalog",
        [
            ("dct:title", Text(f"{title}: veselības datu kopas", "lv")),
            ("dct:title", Text(f"{title}: health datasets", "en")),
            ("dct:description", Text("Ko glabā šis mezgls; dati to neatstāj.", "lv")),
            ("dct:description", Text("What this node keeps; the data do not leave it.", "en")),
            ("dct:publisher", _holder(known, description)),
            ("dcatap:applicableLegislation", Iri(EHDS)),
            *(("dcat:dataset", each) for each in datasets),
        ],
        Iri(f"{address}/dcat"),
    )


def _about(description: Description, code: str) -> Dataset:
    return description.datasets.get(code) or Dataset()


def _texts_of(texts: Mapping[str, str], otherwise: str) -> list[Text]:
    return [Text(text, language) for language, text in texts.items()] or [Text(otherwise, "lv")]


def _dataset(
    known: Catalogue,
    description: Description,
    code: str,
    name: str,
    count: Counted,
    address: str,
    *,
    gdi: bool,
) -> Thing:
    about = _about(description, code)
    place = f"{address}/dcat/{code}"
    said: list[tuple[str, Iri | Text | Thing]] = [
        *(("dct:title", each) for each in _texts_of(about.title, name)),
        *(("dct:description", each) for each in _texts_of(about.description, name)),
        ("dct:identifier", Text(about.identifier or place)),
        ("dct:accessRights", Iri(f"{AUTHORITY}access-right/NON_PUBLIC")),
        ("dcatap:applicableLegislation", Iri(EHDS)),
        ("dcat:theme", Iri(f"{AUTHORITY}data-theme/HEAL")),
        *(("dcat:keyword", Text(each)) for each in about.keywords or ("biobanka", "biobank")),
        ("dct:publisher", _holder(known, description)),
        ("dct:creator", _holder(known, description)),
        ("healthdcatap:healthCategory", Iri(GENOMES if gdi else BIOBANKS)),
        ("dct:provenance", Thing("dct:ProvenanceStatement", [("rdfs:label", Text(_how(count), "en"))])),
        ("dct:modified", Text(count.day.isoformat(), datatype="xsd:date")),
        ("dcat:distribution", _distribution(place, address)),
    ]
    if not gdi:
        said.append(("dct:type", Iri(f"{AUTHORITY}dataset-type/PERSONAL_DATA")))
    if contact := _contact(description):
        said.append(("dcat:contactPoint", contact))
    if description.body:
        said.append(("healthdcatap:hdab", _body(description.body)))
    for element, number in (("numberOfUniqueIndividuals", count.donors), ("numberOfRecords", count.samples)):
        if number is not None:
            said.append((f"healthdcatap:{element}", Text(str(number), datatype="xsd:nonNegativeInteger")))
    said += [
        ("healthdcatap:hasStructuredData", Text("true", datatype="xsd:boolean")),
        ("healthdcatap:hasVariables", _variables()),
    ]
    return Thing("dcat:Dataset", said, Iri(place))


def _how(count: Counted) -> str:
    numbers = [
        f"{what} {'fewer than may be told' if number is None else number}"
        for what, number in (("donors", count.donors), ("samples", count.samples))
    ]
    within = f"; donors within {count.within}" if count.within else ""
    return (
        f"Counted on {count.day} from state {count.facts} of the facts, among who consents to statistics, and rounded:"
        f" {', '.join(numbers)}{within}."
    )


def _holder(known: Catalogue, description: Description) -> Thing:
    said: list[tuple[str, Iri | Text | Thing]] = [
        ("foaf:name", Text(known.organisation.name or known.organisation.id)),
        ("foaf:homepage", Iri(known.organisation.url)),
    ]
    if contact := _contact(description):
        said.append(("dcat:contactPoint", contact))
    return Thing("foaf:Agent", said)


def _contact(description: Description) -> Thing | None:
    if not description.email:
        return None
    name = " ".join(description.person) if description.person else description.email
    said: list[tuple[str, Iri | Text | Thing]] = [
        ("vcard:fn", Text(name)),
        ("vcard:hasEmail", Iri(f"mailto:{description.email}")),
    ]
    if description.page:
        said.append(("vcard:hasURL", Iri(description.page)))
    return Thing("vcard:Kind", said)


def _body(body: Mapping[str, str]) -> Thing:
    """The health data access body, with the one way to reach it that each of the two profiles wants."""
    name, email, page = (body.get(each, "") for each in ("name", "email", "page"))
    public: list[tuple[str, Iri | Text | Thing]] = []
    card: list[tuple[str, Iri | Text | Thing]] = [("vcard:fn", Text(name))]
    if email:
        public.append(("cv:email", Text(email)))
        card.append(("vcard:hasEmail", Iri(f"mailto:{email}")))
    if page:
        public.append(("cv:contactPage", Iri(page)))
        card.append(("vcard:hasURL", Iri(page)))
    said: list[tuple[str, Iri | Text | Thing]] = [
        ("foaf:name", Text(name)),
        ("cv:contactPoint", Thing("cv:ContactPoint", public)),
    ]
    if email:
        said.append(("dcat:contactPoint", Thing("vcard:Kind", card)))
    return Thing("foaf:Agent", said)


def _distribution(place: str, address: str) -> Thing:
    """Records are read under a permit, over the Beacon and FHIR of the node."""
    return Thing(
        "dcat:Distribution",
        [
            ("dct:title", Text("Skaiti visiem, ieraksti ar atļauju", "lv")),
            ("dct:title", Text("Counts for everybody, records by permit", "en")),
            ("dcat:accessURL", Iri(f"{address}/beacon")),
            ("dcatap:applicableLegislation", Iri(EHDS)),
        ],
        Iri(f"{place}/distribution"),
    )


def _variables() -> Thing:
    columns = [
        Thing(
            "csvw:Column",
            [
                ("csvw:name", Text(name)),
                ("csvw:datatype", Text(datatype)),
                ("csvw:title", Text(name, "en")),
                ("dct:description", Text(says, "en")),
            ],
        )
        for name, datatype, says in VARIABLES
    ]
    schema = Thing("csvw:Schema", [("csvw:column", each) for each in columns])
    return Thing("csvw:TableGroup", [("csvw:table", Thing("csvw:Table", [("csvw:tableSchema", schema)]))])


# --- by command -------------------------------------------------------------------------------------------


def describe(opened: Node, chosen: argparse.Namespace) -> dict[str, Any]:
    """Writes the description to a file: JSON-LD if its name ends in .jsonld, else Turtle."""
    whole = catalogue(opened, chosen.address.rstrip("/"), gdi=chosen.gdi)
    place = Path(chosen.to)
    linked = place.suffix == ".jsonld"
    text = json.dumps(json_ld(whole), ensure_ascii=False, indent=1) if linked else turtle(whole)
    place.write_text(text, encoding="utf-8")
    return {"datasets": sum(name == "dcat:dataset" for name, _ in whole.said), "written": str(place)}


# --- over HTTP --------------------------------------------------------------------------------------------


def route(node: Node) -> Route:
    """GET /dcat: Turtle, or JSON-LD for who asks for it; `?profile=gdi`. Nothing is counted twice on a day."""
    known: dict[tuple[str, date, int], Counted] = {}

    def once(node: Node, code: str) -> Counted:
        key = code, node.today(), node.store.state.generation
        if key not in known:
            if len(known) >= KEPT:
                known.clear()
            known[key] = counted(node, code)
        return known[key]

    def answer(request: Request) -> Response:
        gdi = request.query_params.get("profile") == "gdi"
        address = f"{request.url.scheme}://{request.url.netloc}"
        whole = catalogue(node, address, gdi=gdi, count=once)
        accepted = request.headers.get("accept", "")
        if request.query_params.get("format") == "json-ld" or "ld+json" in accepted:
            return Response(json.dumps(json_ld(whole), ensure_ascii=False), media_type="application/ld+json")
        return Response(turtle(whole), media_type="text/turtle")

    return Route("/dcat", answer)


# --- written out ------------------------------------------------------------------------------------------


def turtle(whole: Thing) -> str:
    lines = [f"@prefix {name}: <{iri}> ." for name, iri in PREFIXES.items()]
    for each in _named(whole):
        assert each.iri is not None
        lines += ["", f"<{each.iri.text}> a {each.kind}{_said(each, '    ')} ."]
    return "\n".join(lines) + "\n"


def _named(thing: Thing) -> Iterator[Thing]:
    """The things with names of their own, which stand side by side."""
    if thing.iri is not None:
        yield thing
    for _, each in thing.said:
        if isinstance(each, Thing):
            yield from _named(each)


def _said(thing: Thing, indent: str) -> str:
    return "".join(f" ;\n{indent}{name} {_object(each, indent)}" for name, each in thing.said)


def _object(each: Iri | Text | Thing, indent: str) -> str:
    if isinstance(each, Iri):
        return f"<{each.text}>"
    if isinstance(each, Thing):
        if each.iri is not None:
            return f"<{each.iri.text}>"
        return f"[ a {each.kind}{_said(each, indent + '    ')} ]"
    text = json.dumps(each.text, ensure_ascii=False)  # its escapes are Turtle's too
    return text + (f"@{each.language}" if each.language else f"^^{each.datatype}" if each.datatype else "")


def json_ld(whole: Thing) -> dict[str, Any]:
    return {"@context": PREFIXES, "@graph": [_plain(each, whole=True) for each in _named(whole)]}


def _plain(each: Iri | Text | Thing, *, whole: bool = False) -> dict[str, Any]:
    if isinstance(each, Iri):
        return {"@id": each.text}
    if isinstance(each, Text):
        more = (
            {"@language": each.language}
            if each.language
            else {"@type": each.datatype}
            if each.datatype
            else {}
        )
        return {"@value": each.text, **more}
    if each.iri is not None and not whole:
        return {"@id": each.iri.text}
    told: dict[str, Any] = {"@id": each.iri.text} if each.iri is not None else {}
    told["@type"] = each.kind
    for name, one in each.said:
        told.setdefault(name, []).append(_plain(one))
    return told
