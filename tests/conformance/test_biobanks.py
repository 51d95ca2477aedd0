"""The directory and its consents before other people's readers, and the feed before the node's own."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyshacl
import pytest
from django.test import Client
from django.utils import timezone
from rdflib import Graph, URIRef
from rdflib.namespace import DCAT, DCTERMS, RDF

from talka.biobanks import actions, courier
from talka.biobanks.models import Collection, NodeState, Receipt, Statement
from talka.biobanks.queries import consent, directory, nodes
from talka.biobanks.standards import bbmri, dcat, fhir
from talka.biobanks.tests import factories
from talka.core.actions import SYSTEM
from talka.domains.models import Ecosystem
from talka_node.consent import forms as node_forms
from talka_node.consent import history
from talka_node.node import Node
from talka_node.signed import Caller, Callers
from talka_node.tests import hospital
from tests.lanes import need_shared

pytestmark = pytest.mark.django_db
ADDRESS = "https://talka.example.lv"


@pytest.fixture
def eco() -> Ecosystem:
    made = factories.ecosystem()
    contact = actions.add_contact(
        made, by=SYSTEM, code="office", given="Anna", family="Paraugs", email="birojs@example.test"
    )
    actions.add_contact(
        made, by=SYSTEM, code="hdab", role="hdab", family="Izdomāta iestāde", email="hdab@example.test"
    )
    of = factories.biobank(
        made,
        acronym="NB",
        contact=contact,
        summary_en="A biobank.",
        infrastructure=["SampleStorage", "Biosafety"],
        organising=["RecontactDonors"],
        bioprocessing=["Genomics"],
    )
    actions.add_quality(of, by=SYSTEM, standard="ISO20387")
    whole = factories.collection(
        of,
        "whole",
        dataset_types=["Genomic"],
        diseases=["C34"],
        age_low=18,
        age_high=90,
        age_unit="Years",
        temperatures=["LN"],
        subjects=120,
        samples=300,
        designs=["CaseControl"],
        conditions=["CommercialUse"],
        settings=["RoutineHealthCare"],
        inclusion=["HealthStatus"],
        summary_en="A collection.",
        publications=["10.1/x"],
        terms=["DUO:0000042"],
    )
    factories.collection(of, "part", parent=whole)
    actions.add_network(
        made, by=SYSTEM, code="net", title_lv="Tīkls", members=[of], juristic_name="Izdomāts", contact=contact
    )
    actions.add_resource(made, by=SYSTEM, code="res", title_lv="Resurss", collections=[whole])
    actions.add_service(of, by=SYSTEM, code="store", title_lv="Glabāšana", kind_of="storage")
    return made


# ---------------------------------------------------------------- HealthDCAT-AP


def shapes() -> Graph:
    graph = Graph()
    folder = need_shared("conformance/gdi-dcat")
    foaf = "@prefix foaf: <http://xmlns.com/foaf/0.1/> .\n"  # one of the files uses it without saying so
    for path in sorted(folder.glob("*.ttl")):
        graph.parse(data=foaf + path.read_text("utf-8"), format="turtle")
    return graph


def judged(graph: Graph) -> tuple[bool, str]:
    conforms, _report, text = pyshacl.validate(graph, shacl_graph=shapes(), inference="none")
    return bool(conforms), str(text)


def test_the_genomic_catalogue_conforms_to_the_shapes_of_gdi(eco: Ecosystem) -> None:
    graph = dcat.catalogue(eco, address=ADDRESS, profile="gdi")
    assert judged(graph) == (True, judged(graph)[1])
    assert len(set(graph.subjects(RDF.type, DCAT.Dataset))) == 1  # the part has no genome data


@pytest.mark.parametrize(
    ("of_class", "property_"),
    [
        (DCAT.Catalog, DCTERMS.title),
        (DCAT.Catalog, dcat.DCATAP.applicableLegislation),
        (DCAT.Dataset, DCTERMS.accessRights),
        (DCAT.Dataset, DCTERMS.identifier),
        (DCAT.Dataset, dcat.HEALTH.healthCategory),
        (DCAT.Dataset, DCTERMS.publisher),
        (DCAT.Dataset, DCAT.theme),
        (DCAT.Distribution, DCAT.accessURL),
        (dcat.VCARD.Kind, dcat.VCARD.hasEmail),
    ],
)
def test_the_shapes_notice_what_is_missing(eco: Ecosystem, of_class: URIRef, property_: URIRef) -> None:
    graph = dcat.catalogue(eco, address=ADDRESS, profile="gdi")
    graph.remove((next(graph.subjects(RDF.type, of_class)), property_, None))
    assert not judged(graph)[0]


def test_the_health_catalogue_has_what_release_8_makes_mandatory(eco: Ecosystem) -> None:
    """Its shapes are not at hand; what they ask of data that are not public is counted here."""
    graph = dcat.catalogue(eco, address=ADDRESS)
    rows = set(graph.subjects(RDF.type, DCAT.Dataset))
    assert len(rows) == 2
    once = (DCTERMS.accessRights, dcat.HEALTH.hdab, dcat.HEALTH.hasStructuredData, DCTERMS.publisher)
    some = (
        dcat.DCATAP.applicableLegislation,
        DCAT.distribution,
        DCTERMS.identifier,
        DCAT.theme,
        dcat.HEALTH.healthCategory,
        DCAT.contactPoint,
        DCAT.keyword,
        DCTERMS.type,
        DCTERMS.provenance,
        DCTERMS.title,
        DCTERMS.description,
    )
    for row in rows:
        assert [len(list(graph.objects(row, each))) for each in once] == [1] * len(once)
        assert all(list(graph.objects(row, each)) for each in some)


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
@pytest.mark.parametrize("kind", ["ttl", "jsonld", "rdf"])
def test_every_serialisation_says_the_same(eco: Ecosystem, kind: str) -> None:
    answer = Client().get(f"/en/bees/biobanks/catalogue.{kind}")
    graph = Graph().parse(answer.content, format=dcat.SERIALISATIONS[kind][0])
    assert set(graph) == set(dcat.catalogue(eco, address="http://testserver"))


# ---------------------------------------------------------------- MIABIS on FHIR


def test_other_peoples_models_read_the_bundle(eco: Ecosystem) -> None:
    from fhir.resources.R4B.bundle import Bundle  # noqa: PLC0415 -- heavy, and needed here alone

    bundle = json.loads(Client().get("/en/bees/biobanks/miabis.fhir.json").content)
    Bundle.model_validate(bundle)
    held = {entry["resource"]["id"] for entry in bundle["entry"]}
    for entry in bundle["entry"]:
        for name in ("partOf", "managingEntity"):
            if name in entry["resource"]:
                assert entry["resource"][name]["reference"].partition("/")[2] in held


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_client_of_miabis_on_fhir_reads_biobank_and_collection_back(eco: Ecosystem) -> None:
    theirs_of = pytest.importorskip(
        "miabis_model.biobank", reason="the client is a development package"
    ).Biobank
    collection_of = pytest.importorskip("miabis_model.collection").Collection

    row = eco.biobanks.get()
    theirs = theirs_of.from_json(fhir.biobank(row), fhir.juristic_person(row))
    assert (theirs.identifier, theirs.name, theirs.alias, theirs.country, theirs.contact_email) == (
        "bbmri-eric:ID:LV_nectar",
        "Biobank nectar",
        "NB",
        "LV",
        "birojs@example.test",
    )
    assert (theirs.infrastructural_capabilities, theirs.organisational_capabilities) == (
        ["SampleStorage", "Biosafety"],
        ["RecontactDonors"],
    )
    assert (theirs.description, theirs.quality__management_standards) == ("A biobank.", ["ISO 20387"])
    whole = Collection.objects.get(code="whole")
    group, organisation = fhir.collection(whole, {}), fhir.collection_organization(whole)
    read = collection_of.from_json(group, organisation, row.miabis_id, [])
    assert (read.identifier, read.material_types, read.diagnoses) == (whole.miabis_id, ["Blood"], ["C34"])
    assert (read.age_range_low, read.age_range_high, read.number_of_subjects) == (18, 90, 120)
    assert [each.name.lower() for each in read.genders] == ["female"]
    assert (read.collection_design, read.use_and_access_conditions, read.inclusion_criteria) == (
        ["CaseControl"],
        ["CommercialUse"],
        ["HealthStatus"],
    )


# ---------------------------------------------------------------- the tables of the BBMRI directory

PREFIXES = {
    "Persons": "bbmri-eric:contactID:LV_",
    "Networks": "bbmri-eric:networkID:LV_",
    "Biobanks": "bbmri-eric:ID:LV_",
    "Services": "bbmri-eric:serviceID:LV_",
    "Studies": "bbmri-eric:studyID:LV_",
    "Collections": "bbmri-eric:ID:LV_",
    "CollectionFacts": "bbmri-eric:factID:LV_",
    "AlsoKnownIn": "bbmri-eric:akiID:LV_",
}


def test_the_tables_are_what_the_european_directory_takes_in(eco: Ecosystem) -> None:
    """Media type to the letter, ids by their beginnings, every reference to a row that is there."""
    rows: dict[str, list[dict[str, str]]] = {}
    for table in bbmri.TABLES:
        answer = Client().get(f"/en/bees/biobanks/bbmri/{table}.csv")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        rows[table] = list(csv.DictReader(io.StringIO(answer.content.decode())))
    ids = {row["id"] for table in rows.values() for row in table}
    assert len(ids) == sum(map(len, rows.values())) == 2 + 1 + 1 + 1 + 1 + 2
    for table, listed in rows.items():
        for row in listed:
            assert row["id"].startswith(PREFIXES[table])
            for column in ("contact", "biobank", "parent_collection", "network", "contactInformation"):
                assert {each for each in row.get(column, "").split(",") if each} <= ids
    whole = next(row for row in rows["Collections"] if row["id"].endswith(":whole"))
    assert (whole["materials"], whole["diagnosis_available"], whole["size"], whole["order_of_magnitude"]) == (
        "WHOLE_BLOOD",
        "urn:miriam:icd:C34",
        "300",
        "2",
    )
    assert (whole["age_low"], whole["age_unit"], whole["number_of_donors"]) == ("18", "YEAR", "120")


def test_the_client_of_the_european_directory_finds_nothing_wrong(
    eco: Ecosystem, tmp_path: Path, monkeypatch: Any
) -> None:
    """Where that client is installed, its own code takes the files in and validates them."""
    stager = pytest.importorskip(
        "molgenis_emx2.directory_client.stager", reason="the directory's client is not installed"
    )
    model = pytest.importorskip("molgenis_emx2.directory_client.model")
    for table in bbmri.TABLES:
        (tmp_path / f"{table}.csv").write_bytes(bbmri.csv_of(eco, table))
    monkeypatch.setattr(
        stager,
        "urlretrieve",
        lambda url: (url.removeprefix("file://"), {"Content-Type": "text/csv; charset=utf-8"}),
    )
    printer = pytest.importorskip("molgenis_emx2.directory_client.printer").Printer()
    made = stager.Stager(None, printer)
    node = model.FileIngestNode("LV", "Latvia", None, f"file://{tmp_path}")
    data = made._ingest_files(node)
    validation = pytest.importorskip("molgenis_emx2.directory_client.validation")
    publisher = pytest.importorskip("molgenis_emx2.directory_client.publisher")
    state = publisher.PublishingState.__new__(publisher.PublishingState)
    state.existing_data, state.deleted_ids = data, {kind: set() for kind in model.TableType}
    for table in data.import_order:
        for row in table.rows:
            row["national_node"] = "LV"
    assert [str(each) for each in validation.Validator(data, state, printer).validate()] == []


# ---------------------------------------------------------------- forms and standing, by the node's own code


def test_a_node_reads_our_forms_without_a_doubt(eco: Ecosystem) -> None:
    boxes = [
        *factories.BOXES,
        {"name": "lung", "lv": "Plaušas.", "terms": [{"DS": ["C30-C39"]}], "otherwise": ["NPOA"]},
    ]
    row = factories.form(
        eco,
        options=boxes,
        always=["NPUNCU", {"GS": ["EU"]}],
        years=10,
        until=date(2030, 1, 1),
        ends_at_death=True,
    )
    read, problems = node_forms.parse(json.loads(json.dumps(row.plain())))
    assert problems == []
    assert read is not None
    assert (read.form, read.version, read.years, read.guardian, read.since) == (
        "broad",
        1,
        10,
        True,
        date(2020, 1, 1),
    )
    assert all(term.understood for term in read.terms(["research", "lung"]))
    assert {str(term) for term in read.terms(["lung"])} == {"NPUNCU", "GS(EU)", "DS(C30-C39)", "NCU"}


DAYS = [date(2026, 3, 1) + timedelta(days=each) for each in range(12)]


@pytest.mark.parametrize("seed", range(40))
def test_hub_and_node_agree_how_a_donor_stands_on_every_day(eco: Ecosystem, seed: int) -> None:
    """Drawn histories: what was signed, withdrawn, confirmed, and who came of age, in whatever order it came."""
    import random  # noqa: PLC0415 -- drawn here alone

    drawn = random.Random(seed)
    paper = factories.form(eco, years=None)
    lab = factories.collector(eco, eco.biobanks.get())
    said = []
    for number in range(drawn.randint(1, 5)):
        on, kind = drawn.choice(DAYS), drawn.choice(["given", "given", "withdrawn", "reconfirmed", "died"])
        one: dict[str, Any] = {
            "id": f"drawn/{number:05}",
            "kind": kind,
            "subject": "id:lab:donor",
            "on": on.isoformat(),
        }
        if kind == "given":
            one |= {"form": "broad", "version": 1, "options": ["research"]}
            if drawn.random() < 0.3:
                adult = on + timedelta(days=drawn.randint(1, 6))
                one |= {"signer": "guardian", "capacity": "māte", "adult_on": adult.isoformat()}
        said.append(one)
    outcome = actions.take_in(lab, by=SYSTEM, statements=said)
    assert outcome.count("refused") == 0
    known = timezone.now().date()
    forms = node_forms.Forms([node_forms.parse(paper.plain())[0]])  # type: ignore[list-item]  # it was read
    told_history = []
    for number, row in enumerate(consent.said("id:lab:donor"), 1):
        event = history.event_of({**row.event(), "donor": 1})
        told_history.append(history.Recorded(number, known, event))
    for day in [*DAYS, DAYS[-1] + timedelta(days=1)]:
        theirs = history.standing(told_history, "nectar", day, forms)
        ours = consent.standing(consent.said("id:lab:donor"), lab.biobank, day)
        permits = theirs.standing is not None and not any(each.doubts for each in theirs.standing.consents)
        # Stricter where in doubt, never looser.
        assert (ours.consent is None) or permits, (day, ours.why, theirs.why, said)
        if ours.consent is None and permits:
            assert ours.why == "posthumous", (day, ours.why, theirs.why, said)


# ---------------------------------------------------------------- the feed, to a real node on loopback


COLLECTION = "https://fhir.bbmri-eric.eu/StructureDefinition/miabis-sample-collection-extension"


def specimen(number: int) -> dict[str, object]:
    """A sample of a donor in the collection "spring" of biobank "bb"."""
    return {
        "resourceType": "Specimen",
        "id": f"s{number}",
        "subject": {"reference": f"Patient/p{number}"},
        "extension": [{"url": COLLECTION, "valueIdentifier": {"value": "bb:collection:spring"}}],
    }


class Served:
    """A real `talka-node serve` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, 0
        self.process: subprocess.Popen[str] | None = None
        hospital.create(folder)
        (folder / "catalogue.yaml").write_text(
            "biobanks: {bb: Biobanka}\ncollections: {'bb:collection:spring': Pavasaris}\n", encoding="utf-8"
        )
        with Node(folder) as node:
            hospital.take(node, [*hospital.donors(0, 40), *(specimen(each) for each in range(40))])
            told = node.listening()
        self.log_name, self.public_key = told["node"], told["public_key"]
        Callers(folder / "callers.json").put(Caller("hub", nodes.hub_public_key(), vouches=True))
        self.command("hub", str(folder), "--key", f"hub={nodes.hub_public_key()}")

    def command(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "talka_node", *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "talka_node",
                "serve",
                str(self.folder),
                "--port",
                str(self.port),
                "--json",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        text = ""
        until = time.monotonic() + 120
        while "}" not in text and time.monotonic() < until:
            line = self.process.stdout.readline()
            assert line, "the node did not start"
            text += line
        self.port = int(json.loads(text)["listening"].rpartition(":")[2])

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path / "node")
    made.start()
    yield made
    made.stop()


def withdraw(eco: Ecosystem, number: int) -> Statement:
    return actions.withdraw(eco, by=SYSTEM, subject=f"id:hospital:p{number}", uid=f"page/{number:06}")


def test_a_withdrawal_lands_at_a_real_node_which_answers_with_one_donor_fewer(served: Served) -> None:
    eco = factories.ecosystem()
    row = factories.node(
        eco, "n1", public_key=served.public_key, log_name=served.log_name, address=served.address
    )
    courier.look()
    row.refresh_from_db()
    assert (row.state, row.why) == (NodeState.UP, "")
    done = [withdraw(eco, number) for number in range(3)]
    began = time.monotonic()
    courier.carry()
    assert time.monotonic() - began < 5
    way = consent.way(Statement.objects.get(pk=done[-1].pk))
    assert (way.landed, way.all) == (1, 1)
    # Sent again, nothing happens twice.
    courier.carry(everybody=True)
    assert Receipt.objects.count() == 1
    # A node that is down is said to be down, and catches up first thing.
    served.stop()
    withdraw(eco, 10)
    courier.carry()
    row.refresh_from_db()
    assert row.state == NodeState.DOWN
    late = Statement.objects.get(uid="page/000010")
    assert (consent.way(late).landed, consent.way(late).all) == (0, 1)
    served.start()
    courier.look()
    courier.carry(everybody=True)
    row.refresh_from_db()
    assert (row.state, consent.way(Statement.objects.get(pk=late.pk)).landed) == (NodeState.UP, 1)
    # Whoever answers with another key is not the node.
    actions.edit_node(row, by=SYSTEM, public_key="ab" * 32)
    courier.look()
    row.refresh_from_db()
    assert row.state == NodeState.MISMATCH
    served.stop()
    status = json.loads(served.command("status", str(served.folder), "--json"))
    assert status["consents"]["events"] > 0


def test_a_node_restored_from_an_old_backup_gets_everything_since_anew(
    served: Served, tmp_path: Path
) -> None:
    import shutil  # noqa: PLC0415 -- here alone

    eco = factories.ecosystem()
    row = factories.node(
        eco, "n1", public_key=served.public_key, log_name=served.log_name, address=served.address
    )
    withdraw(eco, 0)
    courier.carry()
    served.stop()
    shutil.copytree(served.folder, tmp_path / "backup")
    served.start()
    for number in (1, 2):
        withdraw(eco, number)
        courier.carry()
    assert nodes.has_taken(row) == 3
    served.stop()
    shutil.rmtree(served.folder)
    shutil.copytree(tmp_path / "backup", served.folder)
    served.start()
    courier.carry(everybody=True)
    served.stop()
    told_of = json.loads(served.command("hub", str(served.folder), "--json"))
    assert told_of["expected"] == 4


def test_numbers_are_fetched_from_a_real_node_and_the_next_are_fewer_by_who_withdrew(served: Served) -> None:
    eco = factories.ecosystem()
    row = factories.node(
        eco, "n1", public_key=served.public_key, log_name=served.log_name, address=served.address
    )
    of = factories.biobank(eco, "bb", node=row)
    spring = factories.collection(of, "spring")
    assert courier.numbers() == []
    told = directory.latest_figures([spring])[spring.pk]
    assert {kind: each.value for kind, each in told.items()} == {"donors": 40, "samples": 40}
    assert told["donors"].derivation["entry"] == 1
    assert len(told["donors"].derivation["question"]) == 64
    for number in range(10):
        withdraw(eco, number)
    courier.carry()
    assert courier.numbers() == []
    told = directory.latest_figures([spring])[spring.pk]
    assert {kind: each.value for kind, each in told.items()} == {"donors": 30, "samples": 30}
    factories.collection(of, "unknown-there")
    assert courier.numbers() == [("n1", "2 / 4")]
