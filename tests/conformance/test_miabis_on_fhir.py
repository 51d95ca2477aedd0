"""The client that biobanks use, `miabis-on-fhir` from PyPI, works against a node unchanged: it uploads, reads, changes,
deletes and counts what a biobank has. Other people's models of FHIR read whatever the node gives."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn

pytest.importorskip("blaze_client", reason="the client is a development dependency")

from blaze_client import BlazeClient
from fhir.resources.R4B import get_fhir_model_class
from fhirclient.models import fhirelementfactory
from miabis_model import (
    Biobank,
    Collection,
    Condition,
    Gender,
    Network,
    Sample,
    SampleDonor,
    StorageTemperature,
)

from talka_node import fhir
from talka_node.http import Service
from talka_node.node import Node

pytestmark = pytest.mark.once

START = datetime(2026, 1, 31, 12, tzinfo=UTC)


@contextmanager
def running(service: Service) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(service.app, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.005)
        host, port = listener.getsockname()
        yield f"http://{host}:{port}/fhir"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@dataclass
class Place:
    url: str
    token: str
    node: Node

    @property
    def client(self) -> Any:
        return BlazeClient(self.url, "anna", self.token)

    def get(self, path: str, **params: str) -> Any:
        answer = requests.get(f"{self.url}/{path}", params=params, auth=("anna", self.token), timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def total(self, kind: str, **params: str) -> int:
        return int(self.get(kind, _summary="count", **params)["total"])

    def everything(self) -> list[dict[str, Any]]:
        found = []
        for kind in ("Patient", "Specimen", "Condition", "Observation", "Organization", "Group"):
            found += [each["resource"] for each in self.get(kind).get("entry", [])]
        return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    path = tmp_path / "node"
    Node.create(path, "Izdomāta slimnīca")
    token = fhir.Holders(path / "holders.json").issue("anna")
    with Node(path, clock=lambda: START) as node, running(Service(node)) as url:
        yield Place(url, token, node)


def day(year: int, month: int, in_month: int) -> datetime:
    """A day as the client wants it: a time without a zone."""
    return datetime(year, month, in_month)  # noqa: DTZ001


def biobank() -> Any:
    return Biobank(
        "bb-invented",
        "Izdomāta biobanka",
        "LV",
        "Anna",
        "Izdomātā",
        "anna@biobanka.example",
        "Izdomāta slimnīca",
        "An invented biobank.",
        alias="IB",
        infrastructural_capabilities=["SampleStorage"],
        organisational_capabilities=["ClinicalData"],
        bioprocessing_and_analysis_capabilities=["Genomics"],
        quality__management_standards=["ISO 20387"],
    )


def collection() -> Any:
    return Collection(
        "bb-invented-lung",
        "Plaušas",
        "bb-invented",
        "Bruno",
        "Izdomātais",
        "bruno@biobanka.example",
        "LV",
        [Gender.FEMALE],
        "Invented lungs.",
        ["Serum"],
        dataset_type="Clinical",
        collection_design=["CaseControl"],
    )


def network() -> Any:
    return Network(
        "net-invented",
        "Izdomāts tīkls",
        "tikls@tikls.example",
        "LV",
        "Izdomāta slimnīca",
        members_collections_ids=["bb-invented-lung"],
        members_biobanks_ids=["bb-invented"],
        contact_name="Anna",
        contact_surname="Izdomātā",
        common_collaboration_topics=["SOP"],
        description="An invented network.",
    )


def sample(number: int = 1, donor: str = "donor-1") -> Any:
    return Sample(
        f"sample-{number}",
        donor,
        "Serum",
        day(2024, 5, 6),
        "C34.1",
        "http://terminology.hl7.org/CodeSystem/icd-o-3",
        StorageTemperature.TEMPERATURE_MINUS_60_TO_MINUS_85,
        "Only for lungs.",
        [("C34.1", day(2024, 4, 1))],
        "bb-invented-lung",
    )


def donor(number: int = 1) -> Any:
    return SampleDonor(f"donor-{number}", Gender.FEMALE, day(1960, 2, 29), "BiologicalSamples")


def test_everything_is_uploaded_and_read_back(place: Place) -> None:
    client = place.client
    biobank_id = client.upload_biobank(biobank())
    assert client.build_biobank_from_json(biobank_id) == biobank()
    donor_id = client.upload_donor(donor())
    assert client.build_donor_from_json(donor_id) == donor()
    assert client.get_fhir_id("Patient", "donor-1") == donor_id
    sample_id = client.upload_sample(sample())
    assert client.build_sample_from_json(sample_id) == sample()
    condition_id = client.upload_condition(Condition("donor-1", "I10"))
    assert client.build_condition_from_json(condition_id) == Condition("donor-1", "I10")
    collection_id = client.upload_collection(collection())
    assert client.build_collection_from_json(collection_id) == collection()
    assert client.build_collection_from_json(collection_id).sample_ids == ["sample-1"]
    network_id = client.upload_network(network())
    assert client.build_network_from_json(network_id) == network()
    assert client.get_network_fhir_id_by_member_fhir_identifier(biobank_id) == network_id
    counts = {
        kind: place.total(kind) for kind in ("Patient", "Specimen", "Observation", "Condition", "Group")
    }
    assert counts == {"Patient": 1, "Specimen": 1, "Observation": 1, "Condition": 1, "Group": 2}
    assert (
        place.total("Organization") == 4
    )  # the biobank, its legal person, and those of collection and network


def test_what_is_uploaded_is_in_the_store(place: Place) -> None:
    """As rows of the engines: with the biobank that the collection is part of, though it came after the sample."""
    client = place.client
    client.upload_donor(donor())
    client.upload_sample(sample())
    client.upload_biobank(biobank())
    client.upload_collection(collection())
    records = place.node.store.records()
    assert [(each.type, each.biobank, each.collection) for each in records.specimens] == [
        ("Serum", "bb-invented", "bb-invented-lung")
    ]
    assert [each.code for each in records.diagnoses] == ["C34.1"]
    assert [each.sex for each in records.donors] == ["female"]
    assert client.build_sample_from_json(client.get_fhir_id("Specimen", "sample-1")) == sample()


def test_everything_is_changed(place: Place) -> None:
    client = place.client
    client.upload_biobank(biobank())
    client.upload_donor(donor())
    client.upload_sample(sample())
    client.upload_collection(collection())
    client.upload_network(network())

    older = donor()
    older.date_of_birth = day(1950, 1, 1)
    donor_id = client.update_donor(older)
    assert client.build_donor_from_json(donor_id).date_of_birth == day(1950, 1, 1)

    plasma = sample()
    plasma.material_type = "Plasma"
    sample_id = client.update_sample(plasma)
    assert client.build_sample_from_json(sample_id).material_type == "Plasma"

    named = biobank()
    named.name = "Pārdēvēta biobanka"
    biobank_id = client.update_biobank(named)
    assert client.build_biobank_from_json(biobank_id).name == "Pārdēvēta biobanka"

    wide = collection()
    wide.name = "Plaušas un sirds"
    collection_id = client.update_collection(wide)
    assert client.get_fhir_resource_as_json("Group", collection_id)["name"] == "Plaušas un sirds"
    assert client.update_collection_values(collection_id) is True
    assert client.build_collection_from_json(collection_id).number_of_subjects == 1

    joint = network()
    joint.name = "Kopīgs tīkls"
    network_id = client.update_network(joint)
    assert client.get_fhir_resource_as_json("Group", network_id)["name"] == "Kopīgs tīkls"


def test_uploading_again_makes_nothing_twice(place: Place) -> None:
    client = place.client
    first = [client.upload_biobank(biobank()), client.upload_donor(donor()), client.upload_sample(sample())]
    imports = len(place.node.store.state.imports)
    again = [client.upload_biobank(biobank()), client.upload_donor(donor()), client.upload_sample(sample())]
    place.node.store.refresh()
    assert again == first
    assert len(place.node.store.state.imports) == imports
    assert [place.total(kind) for kind in ("Organization", "Patient", "Specimen", "Observation")] == [
        2,
        1,
        1,
        1,
    ]


def test_everything_is_deleted(place: Place) -> None:
    client = place.client
    client.upload_biobank(biobank())
    for number in range(1, 4):
        client.upload_donor(donor(number))
        client.upload_sample(sample(number, f"donor-{number}"))
    collection_id = client.upload_collection(collection())
    client.upload_network(network())
    samples = [client.get_fhir_id("Specimen", f"sample-{number}") for number in range(1, 4)]
    client.add_already_present_samples_to_existing_collection(samples, collection_id)
    assert client.get_collection_fhir_id_by_sample_fhir_identifier(samples[0]) == collection_id

    assert client.delete_sample(samples[0]) is True
    assert client.is_resource_present_in_blaze("Specimen", "sample-1", "identifier") is False
    assert client.get_fhir_resource_as_json("Patient", client.get_fhir_id("Patient", "donor-1")) is not None
    assert client.delete_donor(client.get_fhir_id("Patient", "donor-2")) is True
    assert (place.total("Patient"), place.total("Specimen"), place.total("Observation")) == (2, 1, 1)

    network_id = client.get_fhir_id("Group", "net-invented")
    assert client.delete_network(network_id) is True
    assert client.delete_all_resources("bb-invented") is True
    assert [each["resourceType"] for each in place.everything()] == []
    assert place.node.store.records().specimens == []


def test_all_pages_are_walked(place: Place) -> None:
    """The client follows links to the next page while it deletes what it finds there."""
    client = place.client
    client.upload_biobank(biobank())
    entries = [
        {
            "request": {"method": "POST", "url": "Patient"},
            "resource": {
                "resourceType": "Patient",
                "identifier": [{"value": f"donor-{number}"}],
                "gender": "male",
            },
        }
        for number in range(120)
    ]
    bundle: Any = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = requests.post(place.url, json=bundle, auth=("anna", place.token), timeout=60)
    assert answer.status_code == 200, answer.text
    seen, page = set(), place.get("Patient", _count="50")
    assert page["total"] == 120
    while True:
        seen |= {each["resource"]["id"] for each in page["entry"]}
        following = [each["url"] for each in page["link"] if each["relation"] == "next"]
        if not following:
            break
        page = place.get(following[0].partition("/fhir/")[2])
    assert len(seen) == 120


def test_other_models_of_fhir_read_what_is_given(place: Place) -> None:
    client = place.client
    client.upload_biobank(biobank())
    client.upload_donor(donor())
    client.upload_sample(sample())
    client.upload_condition(Condition("donor-1", "I10"))
    client.upload_collection(collection())
    client.upload_network(network())
    found = place.everything()
    assert len(found) == 10
    for each in [*found, place.get("metadata"), place.get("Patient"), place.get("Group")]:
        readable(each)


def readable(resource: dict[str, Any]) -> None:
    get_fhir_model_class(resource["resourceType"]).model_validate_json(json.dumps(resource))
    model = fhirelementfactory.FHIRElementFactory.instantiate(resource["resourceType"], resource)
    assert model.as_json()["resourceType"] == resource["resourceType"]
