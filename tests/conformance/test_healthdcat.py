"""The description of a node's datasets is valid by the shapes of the Genomic Data Infrastructure, and has what
HealthDCAT-AP R8 asks of datasets that are not public; its counts are those that may be told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyshacl
import pytest
import requests
from rdflib import RDF, XSD, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, SH

from talka_node import dcat, journal
from talka_node.http import Service
from talka_node.node import Node
from talka_node.tests.hospital import create, donors, take
from talka_node.tests.test_http import running
from tests.lanes import need_shared

pytestmark = pytest.mark.once

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
ADDRESS = "https://node.example"
HEALTH = Namespace("http://healthdataportal.eu/ns/health#")
DCATAP = Namespace("http://data.europa.eu/r5r/")
CV = Namespace("http://data.europa.eu/m8g/")
CSVW = Namespace("http://www.w3.org/ns/csvw#")
VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
# rdflib's own reader of JSON-LD uses what rdflib deprecates.
DEPRECATED = "ignore:ConjunctiveGraph is deprecated:DeprecationWarning"
DESCRIPTION = """\
contact: {given: Anna, family: Izdomātā, email: dati@slimnica.example, page: "https://slimnica.example/dati"}
country: LV
body: {name: Izdomāta datu iestāde, email: hdab@iestade.example}
datasets:
  bb-1:
    identifier: GDI-LV-SLIM-1
    title: {lv: Plaušas "2026", en: Lungs}
    description: {lv: "Izdomātas plaušas\\n\\\\un sirdis", en: Invented lungs}
    keywords: [plaušas]
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Of 43 donors 40 have a sample in collection bb-1, one of them another in bb-2; two have not consented."""
    path = tmp_path_factory.mktemp("dcat") / "node"
    create(path)
    form = path / "forms" / "broad-1.json"
    form.write_text(form.read_text("utf-8").replace('"GRU"', '"NRES"'), encoding="utf-8")
    (path / "catalogue.yaml").write_text(
        "organisation: {id: lv.example, name: Izdomāta slimnīca, url: 'https://slimnica.example'}\n"
        "biobanks: {bb: Biobanka}\ncollections: {bb-1: Plaušas, bb-2: Sirdis}\n",
        encoding="utf-8",
    )
    (path / "description.yaml").write_text(DESCRIPTION, encoding="utf-8")
    samples = [sample(number, "bb-1") for number in range(40)] + [sample(1, "bb-2")]
    with Node(path, clock=lambda: START) as found:
        take(found, [*donors(0, 38), *donors(38, 2, consent=False), *donors(40, 3), *samples])
        yield found


def sample(number: int, collection: str) -> dict[str, object]:
    url = "https://fhir.bbmri-eric.eu/StructureDefinition/miabis-sample-collection-extension"
    return {
        "resourceType": "Specimen",
        "id": f"s{number}.{collection}",
        "subject": {"reference": f"Patient/p{number}"},
        "extension": [{"url": url, "valueIdentifier": {"value": collection}}],
    }


def graph(node: Node, *, gdi: bool = False) -> Graph:
    return Graph().parse(data=dcat.turtle(dcat.catalogue(node, ADDRESS, gdi=gdi)), format="turtle")


@pytest.fixture(scope="module")
def shapes() -> Graph:
    whole = Graph()
    for file in sorted(need_shared("conformance/gdi-dcat").glob("*.ttl")):
        # One of the files uses this prefix without saying what it is short for.
        whole.parse(data=f"@prefix foaf: <{FOAF}> .\n{file.read_text('utf-8')}", format="turtle")
    return whole


def judged(told: Graph, shapes: Graph) -> list[tuple[str, str]]:
    """Where and by which path it does not conform."""
    _conforms, report, _text = pyshacl.validate(told, shacl_graph=shapes, inference="none")
    assert isinstance(report, Graph)
    return sorted(
        (str(report.value(each, SH.focusNode)), str(report.value(each, SH.resultPath)))
        for each in report.subjects(RDF.type, SH.ValidationResult)
    )


def test_the_genomic_profile_conforms(node: Node, shapes: Graph) -> None:
    told = graph(node, gdi=True)
    assert judged(told, shapes) == []
    assert list(told.subjects(RDF.type, DCAT.Dataset)) == [URIRef(f"{ADDRESS}/dcat/bb-1")]


@pytest.mark.parametrize(
    "path",
    [
        DCTERMS.title, DCTERMS.description, DCTERMS.identifier, DCTERMS.accessRights, DCTERMS.publisher,
        DCTERMS.creator, DCAT.theme, DCATAP.applicableLegislation, HEALTH.healthCategory,
    ],
)  # fmt: skip
def test_the_shapes_notice_what_is_missing(node: Node, shapes: Graph, path: URIRef) -> None:
    told = graph(node, gdi=True)
    dataset = URIRef(f"{ADDRESS}/dcat/bb-1")
    assert (dataset, path, None) in told
    told.remove((dataset, path, None))
    assert (str(dataset), str(path)) in judged(told, shapes)


# Of HealthDCAT-AP R8, a dataset that is not public: how often each property stands.
ONE = [
    DCTERMS.accessRights, HEALTH.hdab, HEALTH.hasStructuredData, DCTERMS.publisher,
]  # fmt: skip
SOME = [
    DCATAP.applicableLegislation, DCAT.distribution, DCTERMS.identifier, DCAT.theme, HEALTH.healthCategory,
    DCAT.contactPoint, DCAT.keyword, DCTERMS.type, DCTERMS.provenance, DCTERMS.title, DCTERMS.description,
    HEALTH.hasVariables,
]  # fmt: skip


def test_what_is_not_public_has_what_release_8_asks_for(node: Node) -> None:
    told = graph(node)
    datasets = sorted(told.subjects(RDF.type, DCAT.Dataset), key=str)
    assert datasets == [URIRef(f"{ADDRESS}/dcat/bb-{number}") for number in (1, 2)]
    for dataset in datasets:
        assert {path: len(list(told.objects(dataset, path))) for path in ONE} == dict.fromkeys(ONE, 1)
        assert [path for path in SOME if (dataset, path, None) not in told] == []
        assert str(told.value(dataset, DCTERMS.accessRights)).endswith("/NON_PUBLIC")
        body = told.value(dataset, HEALTH.hdab)
        assert len(list(told.objects(body, CV.contactPoint))) == 1
        contact = told.value(dataset, DCAT.contactPoint)
        assert str(told.value(contact, VCARD.hasEmail)) == "mailto:dati@slimnica.example"
        for each in told.objects(dataset, DCAT.distribution):
            assert (each, DCATAP.applicableLegislation, None) in told
        columns = list(told.objects(None, CSVW.column))
        for column in columns:
            for path in (CSVW.name, CSVW.datatype, CSVW.title, DCTERMS.description):
                assert len(list(told.objects(column, path))) == 1
    [whole] = told.subjects(RDF.type, DCAT.Catalog)
    assert (whole, DCATAP.applicableLegislation, None) in told
    assert str(told.value(told.value(whole, DCTERMS.publisher), FOAF.name)) == "Izdomāta slimnīca"


def test_texts_come_through_as_they_are(node: Node) -> None:
    told = graph(node)
    dataset = URIRef(f"{ADDRESS}/dcat/bb-1")
    assert set(told.objects(dataset, DCTERMS.title)) == {
        Literal('Plaušas "2026"', "lv"),
        Literal("Lungs", "en"),
    }
    assert Literal("Izdomātas plaušas\n\\un sirdis", "lv") in set(told.objects(dataset, DCTERMS.description))


@pytest.mark.filterwarnings(DEPRECATED)
def test_both_spellings_say_the_same(node: Node) -> None:
    whole = dcat.catalogue(node, ADDRESS)
    spelt = Graph().parse(data=json.dumps(dcat.json_ld(whole)), format="json-ld")
    told = Graph().parse(data=dcat.turtle(whole), format="turtle")
    assert spelt.isomorphic(told)


def test_counts_are_those_that_may_be_told_and_in_the_journal(node: Node) -> None:
    told = graph(node)
    lungs, hearts = (URIRef(f"{ADDRESS}/dcat/bb-{number}") for number in (1, 2))
    # 38 of the 40 have consented, told to the nearest five; a single one is not told.
    assert told.value(lungs, HEALTH.numberOfUniqueIndividuals) == Literal(
        "40", datatype=XSD.nonNegativeInteger
    )
    assert told.value(hearts, HEALTH.numberOfUniqueIndividuals) is None
    assert told.value(hearts, HEALTH.numberOfRecords) is None
    assert told.value(lungs, DCTERMS.modified) == Literal("2026-01-31", datatype=XSD.date)
    how = told.value(
        told.value(lungs, DCTERMS.provenance), URIRef("http://www.w3.org/2000/01/rdf-schema#label")
    )
    assert re.match(r"Counted on 2026-01-31 from state 1 of the facts", str(how))
    asked = [entry for entry in journal.entries(node.path / "journal") if entry.kind in ("answer", "refusal")]
    assert {entry.read()["question"]["asker"] for entry in asked} == {"catalogue"}


@pytest.mark.filterwarnings(DEPRECATED)
def test_over_http(node: Node, shapes: Graph) -> None:
    with running(Service(node)) as (host, port):
        here = f"http://{host}:{port}"
        before = node.journal.head.number
        plain = requests.get(f"{here}/dcat", timeout=30)
        linked = requests.get(f"{here}/dcat", headers={"Accept": "application/ld+json"}, timeout=30)
        genomic = requests.get(f"{here}/dcat?profile=gdi", timeout=30)
        assert node.journal.head.number - before == 4  # two counts each of two datasets, asked once
    assert plain.headers["content-type"].startswith("text/turtle")
    told = Graph().parse(data=plain.text, format="turtle")
    assert told.isomorphic(Graph().parse(data=linked.text, format="json-ld"))
    assert judged(Graph().parse(data=genomic.text, format="turtle"), shapes) == []


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("contact: [a]", "contact: a mapping is meant, of given, family, email, page"),
        ("people: {}", "there is no people; what can be told is contact, country, body, datasets"),
        ("datasets: {a: {keywords: b}}", "datasets: a: keywords is a list"),
        ("datasets: {a: {name: b}}", "there is no name"),
        ("a: b: c", "not YAML"),
    ],
)
def test_a_wrong_description_is_told(tmp_path: Path, text: str, right: str) -> None:
    place = tmp_path / "description.yaml"
    place.write_text(text, encoding="utf-8")
    with pytest.raises(dcat.BadDescription, match=re.escape(right)):
        dcat.read(place)


def test_nothing_written_into_a_file_ends_an_address() -> None:
    assert dcat.Iri("https://a.example/> <b").text == "https://a.example/%3E%20%3Cb"
