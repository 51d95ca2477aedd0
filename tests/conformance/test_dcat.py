"""The catalogue of open data is DCAT-AP 3 by its mandatory properties, and agrees with a health network's shapes."""

from __future__ import annotations

from pathlib import Path

import pyshacl
import pytest
from rdflib import Graph, URIRef
from rdflib.namespace import DCAT, DCTERMS, RDF, SH

from talka.core.actions import SYSTEM
from talka.documents import dcat, opendata
from talka.domains.models import Ecosystem
from talka.plan import actions
from talka.plan.tests import factories
from tests.lanes import need_shared

ADDRESS = "https://talka.example.lv"
PAGE = f"{ADDRESS}/en/biomed/data/"


@pytest.fixture
def eco(db: None) -> Ecosystem:
    made = factories.ecosystem()
    factories.strategy(made)
    factories.plan(made, 2023, 3, adopted=True)
    factories.plan(made, 2024, 1)  # a draft
    return made


def graph_of(eco: Ecosystem) -> Graph:
    return dcat.catalogue(eco, opendata.datasets(eco), address=ADDRESS)


def shapes() -> Graph:
    return Graph().parse(Path(__file__).with_name("dcat-ap-shapes.ttl"))


def judge(graph: Graph, by: Graph) -> tuple[bool, str]:
    conforms, _report, text = pyshacl.validate(graph, shacl_graph=by, inference="none", abort_on_first=False)
    return bool(conforms), str(text)


def test_our_catalogue_conforms(eco: Ecosystem) -> None:
    assert judge(graph_of(eco), shapes())[0], judge(graph_of(eco), shapes())[1]


@pytest.mark.parametrize(
    ("of_class", "property_"),
    [
        (DCAT.Catalog, DCTERMS.title),
        (DCAT.Catalog, DCTERMS.description),
        (DCAT.Catalog, DCTERMS.publisher),
        (DCAT.Dataset, DCTERMS.title),
        (DCAT.Dataset, DCTERMS.description),
        (DCAT.Distribution, DCAT.accessURL),
    ],
)
def test_the_shapes_notice_what_is_missing(eco: Ecosystem, of_class: URIRef, property_: URIRef) -> None:
    graph = graph_of(eco)
    graph.remove((next(graph.subjects(RDF.type, of_class)), property_, None))
    assert not judge(graph, shapes())[0]


@pytest.mark.parametrize("name", ["Catalog", "Distribution", "DataService"])
def test_a_health_networks_shapes_agree(eco: Ecosystem, name: str) -> None:
    """All but one property: ours is no catalogue that the regulation on the European Health Data Space mandates,

    and naming it as our legislation would be untrue. Their shape of a dataset is about health data throughout.
    """
    theirs = Graph().parse(need_shared(f"conformance/gdi-dcat/{name}.ttl"))
    for shape in list(theirs.subjects(SH.path, dcat.DCATAP.applicableLegislation)):
        theirs.remove((shape, None, None))
        theirs.remove((None, SH.property, shape))
    assert judge(graph_of(eco), theirs)[0], judge(graph_of(eco), theirs)[1]


# rdflib's own reader of JSON-LD uses what rdflib deprecates.
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
@pytest.mark.parametrize("kind", ["ttl", "jsonld", "rdf"])
def test_every_serialisation_says_the_same(eco: Ecosystem, kind: str) -> None:
    graph = graph_of(eco)
    name, _media_type = dcat.SERIALISATIONS[kind]
    assert set(Graph().parse(dcat.serialise(graph, kind), format=name)) == set(graph)


def test_it_names_every_data_set_and_no_draft(eco: Ecosystem) -> None:
    graph = graph_of(eco)
    named = {str(each).removeprefix(f"{PAGE}#") for each in graph.subjects(RDF.type, DCAT.Dataset)}
    assert named == {dataset.code for dataset in opendata.datasets(eco)}
    assert {name for name in named if name.startswith("plan-2")} == {"plan-2023"}
    plan = URIRef(f"{PAGE}#plan-2023")
    assert {
        str(url)
        for each in graph.objects(plan, DCAT.distribution)
        for url in graph.objects(each, DCAT.downloadURL)
    } == {f"{PAGE}plan-2023.{kind}" for kind in ("csv", "xlsx", "json", "docx", "pdf", "xml")}
    actions.close(eco.plans.get(year=2023), by=SYSTEM)
    assert {dataset.code for dataset in opendata.datasets(eco)} == named
