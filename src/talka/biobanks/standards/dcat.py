"""The directory as HealthDCAT-AP: a catalogue in which every collection is a data set that is not public.

Two readers want two dialects. `health` is release 8 of HealthDCAT-AP for the European portal; `gdi` is the
profile of the
Genomic Data Infrastructure, which takes collections with genome data alone and has its own ids and categories.
Both name the regulation on the European Health Data Space, under which such a catalogue is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal as OneOf

from django.utils.translation import gettext_lazy, override
from rdflib import Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF, XSD
from rdflib.term import Node

from talka.biobanks import codes
from talka.biobanks.models import Collection, Contact, Figure
from talka.biobanks.queries import directory as queries
from talka.core.bilingual import LANGUAGES, Text, both
from talka.domains.models import Ecosystem

AUTHORITY = "http://publications.europa.eu/resource/authority/"
ADMS = Namespace("http://www.w3.org/ns/adms#")
DCATAP = Namespace("http://data.europa.eu/r5r/")
DPV = Namespace("https://w3id.org/dpv#")
GDI = Namespace("http://data.gdi.eu/core/p2/")
HEALTH = Namespace("http://healthdataportal.eu/ns/health#")
VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
EHDS = URIRef("http://data.europa.eu/eli/reg/2025/327/oj")
CATEGORIES = "https://healthdataportal.eu/resource/authority/healthcategories/"

Profile = OneOf["health", "gdi"]
# What the address ends in, rdflib's name of the format, its media type.
SERIALISATIONS = {
    "ttl": ("turtle", "text/turtle; charset=utf-8"),
    "jsonld": ("json-ld", "application/ld+json"),
    "rdf": ("xml", "application/rdf+xml"),
}
# Categories of Article 51 of the regulation, by the types of data of a collection.
BIOBANKS = "BIOBANKS_DEDICATED_DATABASES"
BY_TYPE = {
    codes.DatasetType.CLINICAL: "EHRS",
    codes.DatasetType.GENOME: "HUMAN_GENETIC_EPIGENOMIC_GENOMIC",
    codes.DatasetType.PROTEOME: "OTHER_HUMAN_MOLECULAR",
    codes.DatasetType.METABOLOME: "OTHER_HUMAN_MOLECULAR",
    codes.DatasetType.LIFESTYLE: "FACTORS_IMPACTING_HEALTH",
    codes.DatasetType.ENVIRONMENT: "FACTORS_IMPACTING_HEALTH",
}
STATUS = {"": "COMPLETED", "active": "DEVELOP", "planned": "DEVELOP", "closed": "COMPLETED"}

TITLE = gettext_lazy("Biobanks and their collections: %(ecosystem)s")
DESCRIPTION = gettext_lazy(
    "The collections of samples and data of the biobanks, as the directory on Talka describes them. The data themselves"
    " stay with their holders."
)
DESCRIBED = gettext_lazy("Description of the collection and how to ask for access")


def catalogue(ecosystem: Ecosystem, *, address: str, profile: Profile = "health") -> Graph:
    """The catalogue as a graph. `address` is the hub's, as "https://talka.example.lv"."""
    return _Catalogue(ecosystem, address.rstrip("/"), profile).graph


def serialise(graph: Graph, kind: str) -> bytes:
    """The graph as "ttl", "jsonld" or "rdf". Raises KeyError for another kind."""
    return graph.serialize(format=SERIALISATIONS[kind][0], encoding="utf-8")


def gdi_id(row: Collection) -> str:
    """The id that the Genomic Data Infrastructure takes: country, letters of the biobank, digits."""
    letters = re.sub(r"[^A-Z]", "", (row.biobank.acronym or row.biobank.code).upper()) or "TALKA"
    return f"GDI-{row.biobank.country}-{letters}-{row.pk}"


class _Catalogue:
    def __init__(self, ecosystem: Ecosystem, address: str, profile: Profile) -> None:
        self.ecosystem, self.address, self.profile = ecosystem, address, profile
        self.page = f"{address}/en/{ecosystem.code}/biobanks/"
        self.graph = Graph()
        for prefix, namespace in (
            ("dcat", DCAT), ("dct", DCTERMS), ("foaf", FOAF), ("adms", ADMS), ("dcatap", DCATAP), ("dpv", DPV),
            ("healthdcatap", HEALTH), ("vcard", VCARD), ("gdi", GDI),
        ):  # fmt: skip
            self.graph.bind(prefix, namespace)
        contacts = {row.pk: row for row in queries.contacts(ecosystem)}
        self.hdab = next((row for row in contacts.values() if row.role == codes.ContactRole.HDAB), None)
        rows = [
            row
            for row in queries.collections(ecosystem)
            if not (row.withdrawn or row.biobank.withdrawn)
            and (profile == "health" or codes.DatasetType.GENOME in row.dataset_types)
        ]
        figures = queries.latest_figures(rows)
        node = URIRef(f"{self.page}#catalogue")
        self._say(node, RDF.type, DCAT.Catalog)
        self._texts(node, DCTERMS.title, _in_both(TITLE, ecosystem=both(ecosystem, "title")))
        self._texts(node, DCTERMS.description, _in_both(DESCRIPTION))
        self._say(node, DCATAP.applicableLegislation, EHDS)
        self._say(node, DCTERMS.publisher, self._operator())
        self._say(node, FOAF.homepage, URIRef(self.page))
        for row in rows:
            contact = contacts.get(row.contact_id or row.biobank.contact_id or 0)
            self._say(node, DCAT.dataset, self._dataset(row, contact, figures.get(row.pk, {})))

    def _say(self, subject: URIRef, predicate: URIRef, *values: Node) -> None:
        for value in values:
            self.graph.add((subject, predicate, value))

    def _texts(self, subject: URIRef, predicate: URIRef, text: Text) -> None:
        for language, words in zip(LANGUAGES, text, strict=True):
            if words.strip():
                self._say(subject, predicate, Literal(words, lang=language))

    def _operator(self) -> URIRef:
        node = URIRef(f"{self.page}#operator")
        self._say(node, RDF.type, FOAF.Agent)
        self._texts(node, FOAF.name, both(self.ecosystem, "title"))
        return node

    def _agent(self, row: Collection, contact: Contact | None) -> URIRef:
        node = URIRef(f"{self.page}{row.biobank.code}/#holder")
        self._say(node, RDF.type, FOAF.Agent)
        person = row.biobank.juristic_person
        self._texts(node, FOAF.name, both(person, "name") if person else Text(row.biobank.juristic_name, ""))
        if contact is not None:
            self._say(node, DCAT.contactPoint, self._kind(contact))
        return node

    def _kind(self, contact: Contact) -> URIRef:
        node = URIRef(f"{self.page}#contact-{contact.code}")
        self._say(node, RDF.type, VCARD.Kind)
        self._say(node, VCARD.fn, Literal(str(contact)))
        self._say(node, VCARD.hasEmail, URIRef(f"mailto:{contact.email}"))
        return node

    def _access_body(self, contact: Contact) -> URIRef:
        node = URIRef(f"{self.page}#hdab")
        self._say(node, RDF.type, FOAF.Agent)
        self._say(node, FOAF.name, Literal(str(contact), lang="lv"))
        self._say(node, DCAT.contactPoint, self._kind(contact))
        return node

    def _dataset(self, row: Collection, contact: Contact | None, figures: Mapping[str, Figure]) -> URIRef:
        page = f"{self.page}{row.biobank.code}/collections/{row.code}/"
        node = URIRef(f"{page}#dataset")
        self._say(node, RDF.type, DCAT.Dataset)
        self._texts(node, DCTERMS.title, both(row, "title"))
        summary = both(row, "summary")
        self._texts(node, DCTERMS.description, summary if any(summary) else both(row, "title"))
        self._say(
            node,
            DCTERMS.identifier,
            Literal(gdi_id(row) if self.profile == "gdi" else row.miabis_id, datatype=XSD.string),
        )
        self._say(node, DCATAP.applicableLegislation, EHDS)
        self._say(node, DCTERMS.accessRights, URIRef(f"{AUTHORITY}access-right/NON_PUBLIC"))
        self._say(node, DCAT.theme, URIRef(f"{AUTHORITY}data-theme/HEAL"))
        self._say(node, DCAT.landingPage, URIRef(page))
        self._say(node, DPV.hasLegalBasis, DPV.Consent)
        holder = self._agent(row, contact)
        self._say(node, DCTERMS.publisher, holder)
        self._say(node, DCTERMS.creator, holder)
        self._say(node, ADMS.status, URIRef(f"{AUTHORITY}dataset-status/{STATUS[row.status]}"))
        self._say(node, HEALTH.healthCategory, *self._categories(row))
        if contact is not None:
            self._say(node, DCAT.contactPoint, self._kind(contact))
        if self.hdab is not None:
            self._say(node, HEALTH.hdab, self._access_body(self.hdab))
        words = [*row.materials, *row.diseases]
        self._say(node, DCAT.keyword, *(Literal(word, lang="en") for word in words))
        self._about_people(node, row, figures)
        if self.profile == "health":
            self._say(node, DCTERMS.type, URIRef(f"{AUTHORITY}dataset-type/PERSONAL_DATA"))
            self._say(node, HEALTH.hasStructuredData, Literal(False))
            self._say(node, DCTERMS.provenance, self._provenance(row, page))
        self._distribution(node, row, page)
        return node

    def _categories(self, row: Collection) -> list[URIRef]:
        if self.profile == "gdi":
            return [GDI.HealthCategoryHumanGenomic]
        found = [
            BIOBANKS,
            *(BY_TYPE[kind] for kind in codes.DatasetType if kind in row.dataset_types and kind in BY_TYPE),
        ]
        return [URIRef(CATEGORIES + name) for name in dict.fromkeys(found)]

    def _about_people(self, node: URIRef, row: Collection, figures: Mapping[str, Figure]) -> None:
        """Numbers as nodes told them, else as declared; ages where they are in years, which is what the
        profile knows."""
        told = figures.get("donors")
        donors = told.value if told is not None else row.subjects
        told = figures.get("samples")
        samples = told.value if told is not None else row.samples
        numbers: list[tuple[URIRef, int | None]] = [
            (HEALTH.numberOfUniqueIndividuals, donors),
            (HEALTH.numberOfRecords, samples),
        ]
        if row.age_unit == codes.AgeUnit.YEARS and self.profile == "health":
            numbers += [(HEALTH.minTypicalAge, row.age_low), (HEALTH.maxTypicalAge, row.age_high)]
        for predicate, value in numbers:
            if value is not None:
                self._say(node, predicate, Literal(value, datatype=XSD.nonNegativeInteger))

    def _provenance(self, row: Collection, page: str) -> URIRef:
        node = URIRef(f"{page}#provenance")
        self._say(node, RDF.type, DCTERMS.ProvenanceStatement)
        settings = [str(codes.Setting(each).value) for each in row.settings] or [str(row.sample_source)]
        self._say(
            node,
            URIRef("http://www.w3.org/2000/01/rdf-schema#label"),
            Literal(", ".join(settings), lang="en"),
        )
        return node

    def _distribution(self, of: URIRef, row: Collection, page: str) -> None:
        """What can be had without a permit: the description, and the way to ask."""
        node = URIRef(f"{page}#description")
        self._say(of, DCAT.distribution, node)
        self._say(node, RDF.type, DCAT.Distribution)
        self._texts(node, DCTERMS.title, _in_both(DESCRIBED))
        self._say(node, DCAT.accessURL, URIRef(page))
        self._say(node, DCATAP.applicableLegislation, EHDS)
        self._say(node, ADMS.status, URIRef(f"{AUTHORITY}distribution-status/COMPLETED"))


def _in_both(message: object, **texts: Text) -> Text:
    """A translated sentence in both languages, with what stands in it in the same one."""
    found = []
    for place, language in enumerate(LANGUAGES):
        with override(language):
            found.append(str(message) % {name: text[place] or text[0] for name, text in texts.items()})
    return Text(*found)
