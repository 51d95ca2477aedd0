"""The catalogue of an ecosystem's open data by DCAT-AP 3, for the national and the European data portal.

Every thing has an address of its own under the page of open data, so that a harvester finds the same thing again and
a person who follows it finds words. Controlled values are those of the EU Publications Office.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy
from rdflib import Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF, XSD
from rdflib.term import Node

from talka.core.bilingual import LANGUAGES, Text, both
from talka.documents.opendata import IATI, MEDIA_TYPES, Dataset
from talka.documents.publisher import Publisher, publisher_of
from talka.documents.wording import in_both
from talka.domains.models import Ecosystem

AUTHORITY = "http://publications.europa.eu/resource/authority/"
ADMS = Namespace("http://www.w3.org/ns/adms#")
DCATAP = Namespace("http://data.europa.eu/r5r/")

# What the address ends in, rdflib's name of the format, its media type.
SERIALISATIONS = {
    "ttl": ("turtle", "text/turtle; charset=utf-8"),
    "jsonld": ("json-ld", "application/ld+json"),
    "rdf": ("xml", "application/rdf+xml"),
}
FILE_TYPES = {"csv": "CSV", "xlsx": "XLSX", "json": "JSON", "docx": "DOCX", "pdf": "PDF", IATI: "XML"}
CC_BY = URIRef(AUTHORITY + "licence/CC_BY_4_0")
# Data themes of the EU by RIS3 domain; science and technology holds for all of them.
THEMES = {
    "bioeconomy": ("AGRI", "ENVI"),
    "biomedicine": ("HEAL",),
    "energy-mobility": ("ENER", "TRAN"),
}
COMMON_THEMES = ("TECH", "GOVE")
IATI_STANDARD = URIRef("https://iatistandard.org/en/iati-standard/203/")

TITLE = gettext_lazy("Open data: %(ecosystem)s")
DESCRIPTION = gettext_lazy(
    "The strategy, plans, organisations, projects, bills and decisions of the ecosystem, as they stand on Talka."
)
SERVICE = gettext_lazy("Application programming interface (JSON, OpenAPI 3.1)")


def catalogue(ecosystem: Ecosystem, datasets: Sequence[Dataset], *, address: str) -> Graph:
    """The catalogue as a graph. `address` is the hub's, as "https://talka.example.lv"."""
    return _Catalogue(ecosystem, datasets, address.rstrip("/")).graph


def serialise(graph: Graph, kind: str) -> bytes:
    """The graph as "ttl", "jsonld" or "rdf". Raises KeyError for another kind."""
    name, _media_type = SERIALISATIONS[kind]
    return graph.serialize(format=name, encoding="utf-8")


class _Catalogue:
    def __init__(self, ecosystem: Ecosystem, datasets: Sequence[Dataset], address: str) -> None:
        self.ecosystem, self.address = ecosystem, address
        self.page = f"{address}/en/{ecosystem.code}/data/"
        self.graph = Graph()
        for prefix, namespace in (
            ("dcat", DCAT),
            ("dct", DCTERMS),
            ("foaf", FOAF),
            ("adms", ADMS),
            ("dcatap", DCATAP),
        ):
            self.graph.bind(prefix, namespace)
        self.publisher = self._publisher(publisher_of(ecosystem))
        self.themes = [
            URIRef(f"{AUTHORITY}data-theme/{theme}")
            for theme in (*COMMON_THEMES, *THEMES.get(ecosystem.domain.code, ()))
        ]
        self._whole(datasets)
        for dataset in datasets:
            self._dataset(dataset)

    def _at(self, name: str) -> URIRef:
        return URIRef(f"{self.page}#{name}")

    def _say(self, subject: URIRef, predicate: URIRef, *values: Node) -> None:
        for value in values:
            self.graph.add((subject, predicate, value))

    def _texts(self, subject: URIRef, predicate: URIRef, text: Text) -> None:
        for language, words in zip(LANGUAGES, text, strict=True):
            if words.strip():
                self._say(subject, predicate, Literal(words, lang=language))

    def _publisher(self, publisher: Publisher) -> URIRef:
        node = self._at("publisher")
        self._say(node, RDF.type, FOAF.Agent)
        self._texts(node, FOAF.name, publisher.name)
        self._say(node, DCTERMS.identifier, Literal(publisher.reference))
        if publisher.website:
            self._say(node, FOAF.homepage, URIRef(publisher.website))
        return node

    def _whole(self, datasets: Sequence[Dataset]) -> None:
        node, service = self._at("catalogue"), self._at("api")
        self._say(node, RDF.type, DCAT.Catalog)
        self._texts(node, DCTERMS.title, in_both(TITLE, ecosystem=both(self.ecosystem, "title")))
        self._texts(node, DCTERMS.description, in_both(DESCRIPTION))
        self._common(node)
        self._say(node, DCTERMS.license, CC_BY)
        self._say(node, FOAF.homepage, URIRef(self.page))
        self._say(node, DCAT.themeTaxonomy, URIRef(f"{AUTHORITY}data-theme"))
        self._say(node, DCAT.dataset, *(self._at(dataset.code) for dataset in datasets))
        self._say(node, DCAT.service, service)
        modified = max((each.modified for each in datasets if each.modified), default=None)
        if modified:
            self._say(
                node, DCTERMS.modified, Literal(modified.isoformat(timespec="seconds"), datatype=XSD.dateTime)
            )
        self._say(service, RDF.type, DCAT.DataService)
        self._texts(service, DCTERMS.title, in_both(SERVICE))
        self._say(service, DCAT.endpointURL, URIRef(f"{self.address}/api/v1/"))
        self._say(service, DCAT.endpointDescription, URIRef(f"{self.address}/api/v1/openapi.json"))
        self._say(service, DCAT.servesDataset, *(self._at(dataset.code) for dataset in datasets))
        self._say(service, DCTERMS.license, CC_BY)
        self._say(service, DCTERMS.publisher, self.publisher)

    def _common(self, node: URIRef) -> None:
        self._say(node, DCTERMS.publisher, self.publisher)
        self._say(
            node, DCTERMS.language, URIRef(f"{AUTHORITY}language/LAV"), URIRef(f"{AUTHORITY}language/ENG")
        )
        self._say(node, DCTERMS.spatial, URIRef(f"{AUTHORITY}country/LVA"))

    def _dataset(self, dataset: Dataset) -> None:
        node = self._at(dataset.code)
        self._say(node, RDF.type, DCAT.Dataset)
        self._texts(node, DCTERMS.title, dataset.title)
        self._texts(node, DCTERMS.description, dataset.description)
        self._common(node)
        self._say(node, DCTERMS.identifier, Literal(str(node)))
        self._say(node, DCAT.theme, *self.themes)
        self._say(node, DCAT.keyword, *(Literal(word, lang="en") for word in dataset.keywords))
        self._say(node, DCAT.landingPage, URIRef(self.page))
        self._say(node, DCTERMS.accessRights, URIRef(f"{AUTHORITY}access-right/PUBLIC"))
        # Whenever a row changes, the file is another at once.
        self._say(node, DCTERMS.accrualPeriodicity, URIRef(f"{AUTHORITY}frequency/UPDATE_CONT"))
        if dataset.modified:
            when = Literal(dataset.modified.isoformat(timespec="seconds"), datatype=XSD.dateTime)
            self._say(node, DCTERMS.modified, when)
        if dataset.period:
            span = self._at(f"{dataset.code}-period")
            first, last = dataset.period
            self._say(span, RDF.type, DCTERMS.PeriodOfTime)
            self._say(span, DCAT.startDate, Literal(first.isoformat(), datatype=XSD.date))
            self._say(span, DCAT.endDate, Literal(last.isoformat(), datatype=XSD.date))
            self._say(node, DCTERMS.temporal, span)
        for kind in dataset.formats:
            self._distribution(node, dataset, kind)

    def _distribution(self, of: URIRef, dataset: Dataset, kind: str) -> None:
        node = self._at(f"{dataset.code}-{kind}")
        self._say(of, DCAT.distribution, node)
        self._say(node, RDF.type, DCAT.Distribution)
        named = "IATI" if kind == IATI else kind.upper()
        self._texts(
            node, DCTERMS.title, Text(*(f"{text} ({named})" if text else "" for text in dataset.title))
        )
        self._say(node, DCAT.accessURL, URIRef(self.page))
        self._say(node, DCAT.downloadURL, URIRef(f"{self.page}{dataset.code}.{kind}"))
        self._say(node, DCTERMS.format, URIRef(f"{AUTHORITY}file-type/{FILE_TYPES[kind]}"))
        media_type = MEDIA_TYPES[kind].partition(";")[0]
        self._say(node, DCAT.mediaType, URIRef(f"https://www.iana.org/assignments/media-types/{media_type}"))
        self._say(node, DCTERMS.license, CC_BY)
        self._say(node, DCATAP.availability, URIRef(f"{AUTHORITY}planned-availability/STABLE"))
        self._say(node, ADMS.status, URIRef(f"{AUTHORITY}distribution-status/COMPLETED"))
        if kind == IATI:
            self._say(node, DCTERMS.conformsTo, IATI_STANDARD)
