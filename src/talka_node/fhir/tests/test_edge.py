from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from fhirclient.models import fhirelementfactory
from starlette.applications import Starlette
from starlette.requests import Request

from talka_node import fhir, journal
from talka_node.fhir import capability, profiles, search
from talka_node.fhir.access import Grant, Holders
from talka_node.fhir.shelf import KINDS, OF_PERSONS, own_id, sources_of
from talka_node.importers.manifest import Manifest
from talka_node.node import Node
from talka_node.pseudonyms.tests.invented import old
from talka_node.tests.hospital import RESEARCH, START, create, donors, take
from talka_node.tests.test_http import Reply, call, running

pytestmark = pytest.mark.once

ICD10 = "http://hl7.org/fhir/sid/icd-10"
SAMPLE_TYPES = "https://fhir.bbmri-eric.eu/CodeSystem/miabis-detailed-samply-type-cs"
CODE = old(date(1990, 1, 1), 123)
COLLECTION = "https://fhir.bbmri-eric.eu/StructureDefinition/miabis-sample-collection-extension"


class Visas:
    """Access by the word after Bearer, for tests."""

    def __init__(self) -> None:
        self.grants: dict[str, Grant] = {}

    def grant(self, request: Request) -> Grant | None:
        return self.grants.get(request.headers.get("authorization", "").removeprefix("Bearer visa."))


@dataclass
class Served:
    """What `running` wants of a service."""

    app: Any


@dataclass
class Place:
    node: Node
    address: tuple[str, int]
    token: str
    visas: Visas
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        basic = base64.b64encode(f"anna:{self.token}".encode()).decode()
        given = {"Authorization": f"Basic {basic}"} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        sent = b"" if body is None else json.dumps(body).encode()
        return call(self.address, method, f"/fhir{path}", sent, given)

    def get(self, path: str) -> Any:
        answer = self.send("GET", path)
        assert answer.status == 200, answer.body
        return answer.told

    def ids(self, path: str, authorization: str = "") -> list[str]:
        answer = self.send("GET", path, **({"Authorization": authorization} if authorization else {}))
        assert answer.status == 200, answer.body
        return [each["resource"]["id"] for each in answer.told.get("entry", [])]

    def transact(self, *entries: tuple[str, str, Any]) -> Reply:
        listed = [
            {"request": {"method": method, "url": url}, **({"resource": resource} if resource else {})}
            for method, url, resource in entries
        ]
        return self.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": listed})


@contextmanager
def opened(path: Path) -> Iterator[Place]:
    create(path)
    (path / "catalogue.yaml").write_text(
        "organisation: {id: lv.example, name: Slimnīca, url: 'https://slimnica.example'}\n"
        "biobanks: {bb: Biobanka}\ncollections: {bb-1: Kolekcija, bb-2: Otra}\n",
        encoding="utf-8",
    )
    (path / "description.yaml").write_text(
        "contact: {given: Anna, family: Izdomātā, email: anna@slimnica.example}\ncountry: LV\n",
        encoding="utf-8",
    )
    token = Holders(path / "holders.json").issue("anna")
    visas = Visas()
    with Node(path, clock=lambda: START) as node:
        app = Starlette(routes=fhir.routes(node, visas))
        with running(Served(app)) as address:  # type: ignore[arg-type]
            yield Place(node, address, token, visas)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with opened(tmp_path / "node") as found:
        yield found


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Three women with diabetes, of whom the third has not consented, with what else a hospital tells of the first.
    Tests only read it."""
    with opened(tmp_path_factory.mktemp("imported") / "node") as found:
        take(found.node, [*donors(0, 2), *donors(2, 1, consent=False), *facts()])
        yield found


def patient(called: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"value": called}], "gender": "female", **more}


def specimen(name: str, whose: str, collection: str = "bb-1") -> dict[str, Any]:
    return {
        "resourceType": "Specimen",
        "identifier": [{"value": name}],
        "subject": {"reference": f"Patient/{whose}"},
        "type": {"coding": [{"system": SAMPLE_TYPES, "code": "Serum"}]},
        "extension": [{"url": COLLECTION, "valueIdentifier": {"value": collection}}],
        "collection": {"collectedDateTime": "2024-05-06"},
    }


def condition(whose: str, code: str = "E11.9") -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "subject": {"reference": f"Patient/{whose}"},
        "code": {"coding": [{"system": ICD10, "code": code}]},
    }


def facts() -> list[dict[str, Any]]:
    whose = {"reference": "Patient/p0"}
    loinc = "http://loinc.org"

    def measured(code: str, value: float, unit: str) -> dict[str, Any]:
        return {
            "code": {"coding": [{"system": loinc, "code": code}]},
            "valueQuantity": {
                "value": value,
                "unit": unit,
                "code": unit,
                "system": "http://unitsofmeasure.org",
            },
        }

    return [
        {**specimen("-", "p0"), "id": "s0", "processing": [stored("-60to-85")]},
        {**specimen("-", "p1", "bb-2"), "id": "s1"},
        {**specimen("-", "p2"), "id": "s2"},
        {"resourceType": "Observation", "id": "o1", "status": "final", "subject": whose}
        | measured("4548-4", 6.5, "%")
        | {"effectiveDateTime": "2024-01-02"},
        {"resourceType": "Observation", "id": "o2", "status": "final", "subject": whose}
        | {
            "code": {"coding": [{"system": loinc, "code": "85354-9"}]},
            "component": [measured("8480-6", 120, "mm[Hg]"), measured("8462-4", 80, "mm[Hg]")],
        },
        {"resourceType": "Observation", "id": "o3", "status": "final", "subject": whose}
        | {"code": {"coding": [{"system": loinc, "code": "52797-8"}]}}
        | {"valueCodeableConcept": {"coding": [{"system": ICD10, "code": "C34.1"}]}},
        {"resourceType": "Procedure", "id": "r1", "status": "completed", "subject": whose}
        | {"code": {"coding": [{"code": "JAB10"}]}, "performedDateTime": "2023-02-03"},
        {"resourceType": "MedicationStatement", "id": "m1", "status": "active", "subject": whose}
        | {
            "medicationCodeableConcept": {
                "coding": [{"system": "http://www.whocc.no/atc", "code": "A10BA02"}]
            }
        },
        {"resourceType": "ResearchSubject", "id": "t1", "status": "on-study", "individual": whose}
        | {"study": {"reference": "ResearchStudy/gistar"}},
    ]


def stored(code: str) -> dict[str, Any]:
    url = "https://fhir.bbmri-eric.eu/StructureDefinition/miabis-sample-storage-temperature-extension"
    system = "https://fhir.bbmri-eric.eu/CodeSystem/miabis-storage-temperature-cs"
    return {
        "extension": [{"url": url, "valueCodeableConcept": {"coding": [{"system": system, "code": code}]}}]
    }


def says(answer: Reply) -> str:
    assert answer.told["resourceType"] == "OperationOutcome"
    return str(answer.told["issue"][0]["diagnostics"])


def readable(resource: dict[str, Any]) -> None:
    get_fhir_model_class(resource["resourceType"]).model_validate_json(json.dumps(resource))
    fhirelementfactory.FHIRElementFactory.instantiate(resource["resourceType"], resource).as_json()


# --- what was imported ------------------------------------------------------------------------------------------


def test_rows_are_told_as_they_came(imported: Place) -> None:
    assert {
        kind: imported.get(f"/{kind}?_summary=count")["total"] for kind in KINDS if kind != "Consent"
    } == {
        "Patient": 3,
        "Specimen": 3,
        "Condition": 3,
        "Observation": 3,
        "Procedure": 1,
        "MedicationStatement": 1,
        "ResearchSubject": 1,
        "Organization": 4,
        "Group": 2,
    }
    assert imported.get("/Patient/hospital.p0") == {
        "resourceType": "Patient",
        "id": "hospital.p0",
        "identifier": [{"value": "p0"}],
        "gender": "female",
        "birthDate": "1970-05-05",
        "meta": {"profile": [profiles.url("miabis-sample-donor")], "versionId": "1"},
    }
    pressure = imported.get("/Observation/hospital.o2")
    assert {
        each["code"]["coding"][0]["code"]: each["valueQuantity"]["value"] for each in pressure["component"]
    } == {"8480-6": 120, "8462-4": 80}
    sample = imported.get("/Specimen/hospital.s0")
    assert sample["subject"] == {"reference": "Patient/hospital.p0"}
    assert sample["processing"] == [stored("-60to-85")]
    assert imported.get("/Consent/hospital.c0")["status"] == "active"


def test_everything_told_is_fhir_and_of_the_profiles_it_claims(imported: Place) -> None:
    claimed = []
    for kind in KINDS:
        path = "/Consent?patient=hospital.p0" if kind == "Consent" else f"/{kind}"
        whole = imported.get(path)
        readable(whole)
        for each in whole["entry"]:
            readable(each["resource"])
            if (profile := profiles.of(each["resource"])) is not None:
                claimed.append(profile)
                assert list(profiles.lacks(each["resource"], profile)) == []
    assert {profile: claimed.count(profile) for profile in profiles.PROFILES} == {
        "miabis-sample-donor": 3,
        "miabis-sample": 3,
        "miabis-condition": 3,
        "miabis-observation": 0,  # the store's rows do not tell of which sample
        "miabis-biobank": 1,
        "miabis-collection-organization": 2,
        "miabis-network-organization": 0,
        "miabis-juristic-person": 1,
        "miabis-collection": 2,
        "miabis-network": 0,
    }


@pytest.mark.parametrize(
    ("profile", "resource", "lacking"),
    [
        (
            "miabis-sample-donor",
            {"resourceType": "Patient", "identifier": [{"value": "a"}]},
            "Patient.gender",
        ),
        ("miabis-sample-donor", {"resourceType": "Patient", "gender": "male"}, "Patient.identifier"),
        ("miabis-condition", {"resourceType": "Condition"}, "Condition.subject"),
        ("miabis-juristic-person", {"resourceType": "Organization"}, "Organization.name"),
    ],
)
def test_what_a_profile_asks_for_is_noticed(profile: str, resource: dict[str, Any], lacking: str) -> None:
    assert [where for where, _ in profiles.lacks(resource, profile)] == [lacking]


def test_a_biobank_needs_a_contact_with_a_whole_name() -> None:
    whole = {
        "resourceType": "Organization",
        "identifier": [{"value": "bb"}],
        "name": "Biobanka",
        "address": [{"country": "LV"}],
        "partOf": {"reference": "Organization/x"},
        "contact": [
            {
                "name": {"family": "Izdomātā", "given": ["Anna"]},
                "telecom": [{"system": "email", "value": "a@b.example"}],
            }
        ],
    }
    assert list(profiles.lacks(whole, "miabis-biobank")) == []
    for element in ("family", "given"):
        broken = json.loads(json.dumps(whole))
        del broken["contact"][0]["name"][element]
        assert [where for where, _ in profiles.lacks(broken, "miabis-biobank")] == [
            f"Organization.contact.name.{element}"
        ]
    for element in ("identifier", "name", "address", "partOf", "contact"):
        assert list(
            profiles.lacks({name: each for name, each in whole.items() if name != element}, "miabis-biobank")
        )


# --- searching ----------------------------------------------------------------------------------------------------

# By each parameter that is advertised: a value that finds something, and how much; one that finds nothing.
ASKED: dict[str, dict[str, tuple[str, int, str]]] = {
    "Patient": {
        "identifier": ("p1", 1, "p9"),
        "gender": ("female", 3, "male"),
        "birthdate": ("1970", 3, "lt1970"),
        "death-date": ("ge2020,lt1990", 0, "2020-01-01"),
        "address-state": ("LV0001000", 0, "LV"),
    },
    "Specimen": {
        "identifier": ("s0", 1, "s9"),
        "subject": ("Patient/hospital.p0", 1, "hospital.p9"),
        "patient": ("hospital.p0", 1, "hospital.p9"),
        "type": (f"{SAMPLE_TYPES}|Serum,DNA", 3, "DNA"),
        "collected": ("2024-05-06", 3, "gt2024-05-06"),
        "sample-collection-id": ("bb-1", 2, "bb-9"),
        "storage-temperature": ("-60to-85", 1, "RT"),
        "biobank": ("bb", 3, "bc"),
    },
    "Condition": {
        "identifier": ("d1", 1, "d9"),
        "subject": ("hospital.p0", 1, "p0"),
        "patient": ("hospital.p0", 1, "p0"),
        "code": (f"{ICD10}|E11.9", 3, f"{ICD10}|E10"),
        "onset-date": ("ge2030,1990", 0, "2024"),
    },
    "Observation": {
        "identifier": ("o1", 1, "o9"),
        "subject": ("hospital.p0", 3, "hospital.p1"),
        "patient": ("hospital.p0", 3, "hospital.p1"),
        "specimen": ("hospital.s9", 0, "hospital.s8"),
        "code": ("http://loinc.org|4548-4", 1, "http://loinc.org|1"),
        "value-concept": ("C34.1", 1, "C34.2"),
        "date": ("sa2024-01-01", 1, "eb2024-01-02"),
    },
    "Procedure": {
        "identifier": ("r1", 1, "r9"),
        "subject": ("hospital.p0", 1, "hospital.p1"),
        "patient": ("hospital.p0", 1, "hospital.p1"),
        "code": ("JAB10", 1, "JAB11"),
        "date": ("le2023-02", 1, "ne2023-02-03"),
    },
    "MedicationStatement": {
        "identifier": ("m1", 1, "m9"),
        "subject": ("hospital.p0", 1, "hospital.p1"),
        "patient": ("hospital.p0", 1, "hospital.p1"),
        "code": ("A10BA02", 1, "A10B"),
        "effective": ("2024", 0, "2023"),
    },
    "ResearchSubject": {
        "individual": ("hospital.p0", 1, "hospital.p1"),
        "patient": ("hospital.p0", 1, "hospital.p1"),
        "study": ("gistar", 1, "togas"),
    },
    "Consent": {"patient": ("hospital.p0", 1, "hospital.p2"), "status": ("active", 0, "inactive")},
    "Organization": {
        "identifier": ("bb-1", 1, "bb-9"),
        "name": ("biob", 1, "zzz"),
        "partof": ("Organization/biobank-bb", 2, "x"),
        "_profile": ("miabis-biobank", 1, "miabis-network"),
    },
    "Group": {
        "identifier": ("bb-1", 1, "bb-9"),
        "managing-entity": ("collection-bb-1", 1, "x"),
        "groupMember": ("s9", 0, "s8"),
        "member": ("s9", 0, "s8"),
        "_profile": (profiles.url("miabis-collection"), 2, "x"),
    },
}


def test_everything_advertised_works(imported: Place) -> None:
    told = imported.get("/metadata")
    readable(told)
    [rest] = told["rest"]
    assert [each["type"] for each in rest["resource"]] == list(KINDS)
    for resource in rest["resource"]:
        kind = resource["type"]
        advertised = {each["name"] for each in resource["searchParam"]} - {"_id"}
        assert advertised == ASKED[kind].keys()
        for name, (value, number, never) in ASKED[kind].items():
            whose = "&patient=hospital.p1" if kind == "Consent" and name == "status" else ""
            found = imported.get(f"/{kind}?{name}={value}{whose}")
            assert (name, found["total"], len(found.get("entry", []))) == (
                name,
                number + bool(whose),
                number + bool(whose),
            )
            assert (name, imported.get(f"/{kind}?{name}={never}{whose}")["total"]) == (name, 0)
        some = imported.ids(f"/{kind}" if kind != "Consent" else "/Consent?patient=hospital.p0")
        assert imported.ids(f"/{kind}?_id={some[0]}") == some[:1]
        assert imported.get(f"/{kind}/{some[0]}")["id"] == some[0]
        for include in resource.get("searchInclude", []):
            imported.get(f"/{kind}?_include={include}")
        if resource["readHistory"]:
            history = imported.get(f"/{kind}/{some[0]}/_history")
            readable(history)
            version = history["entry"][0]["resource"].get("meta", {}).get("versionId")
            if version:
                assert imported.get(f"/{kind}/{some[0]}/_history/{version}")["id"] == some[0]


@pytest.mark.parametrize(
    ("path", "where", "right"),
    [
        ("/Patient?gendre=male", "http.gendre", "did you mean gender?"),
        ("/Patient?gender:not=male", "http.gender", "no modifier :not"),
        ("/Patient?birthdate=soon", "http.birthdate", "YYYY-MM-DD"),
        ("/Patient?birthdate=1970-13", "http.birthdate", "YYYY-MM-DD"),
        ("/Patient?gender=", "http.gender", "a value is missing"),
        ("/Patient?_count=many", "http._count", "whole number"),
        ("/Patient?_summary=short", "http._summary", "true, false"),
        ("/Patient?_after=*", "http._after", "link `next`"),
        ("/Patient?_format=xml", "http._format", "json or ndjson"),
        ("/Specimen?_include=Specimen:parent", "http._include", "Specimen:subject"),
        ("/Specimen?subject=Group/1", "http.subject", "Patient/123"),
        ("/Condition?code=lung", "http.code", "C34.1"),
        ("/Consent", "http.patient", "patient is missing"),
        ("/Organization?partof=Patient/1", "http.partof", "Organization/123"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(
    imported: Place, path: str, where: str, right: str
) -> None:
    answer = imported.send("GET", path)
    assert answer.status in (400, 406)
    readable(answer.told)
    assert answer.told["issue"][0]["expression"] == [where]
    assert right in says(answer)


def test_a_lenient_client_is_told_what_was_passed_over(imported: Place) -> None:
    told = imported.send("GET", "/Patient?gendre=male", Prefer="handling=lenient").told
    assert told["total"] == 3
    [passed] = [each["resource"] for each in told["entry"] if each["search"]["mode"] == "outcome"]
    assert passed["issue"][0]["expression"] == ["http.gendre"]


def test_pages_do_not_overlap_and_bring_along_what_is_asked(imported: Place) -> None:
    first = imported.get("/Specimen?_count=2&_include=Specimen:subject")
    assert [each["search"]["mode"] for each in first["entry"]] == ["match", "match", "include", "include"]
    [following] = [each["url"] for each in first["link"] if each["relation"] == "next"]
    second = imported.get(following.partition("/fhir")[2])
    assert [each["resource"]["id"] for each in second["entry"]] == ["hospital.s2", "hospital.p2"]
    assert [each["relation"] for each in second["link"]] == ["self"]


def test_a_search_streams_as_lines(imported: Place) -> None:
    answer = imported.send("GET", "/Patient?_format=ndjson")
    assert [json.loads(each)["id"] for each in answer.body.splitlines()] == [
        "hospital.p0",
        "hospital.p1",
        "hospital.p2",
    ]


def test_chains_by_identifier_and_codes_below(imported: Place) -> None:
    assert imported.ids("/Specimen?patient.identifier=p1") == ["hospital.s1"]
    assert imported.ids("/Specimen?subject:Patient.identifier=p1") == ["hospital.s1"]
    assert imported.get("/Condition?code:below=E11")["total"] == 3
    assert imported.get("/Organization?name:exact=Biobanka")["total"] == 1
    assert imported.get("/Organization?name:contains=olekcij")["total"] == 1


@pytest.mark.parametrize(
    ("source", "kind", "identity"),
    [
        ("Patient/p1", "Patient", "p1"),
        ("lab:Patient/p1", "Patient", "lab.p1"),
        ("LV-1.x:Observation/a.b", "Observation", "LV-1.x.a.b"),
    ],
)
def test_ids_lead_back_to_their_sources(source: str, kind: str, identity: str) -> None:
    assert own_id(source, kind) == identity
    assert source in sources_of(identity, kind)


@pytest.mark.parametrize(
    "source", ["lab:Patient/a_b", "la b:Patient/1", "Patient/" + "a" * 65, "lab:Patient/#1", "x"]
)
def test_what_is_no_id_is_told_by_a_hash(source: str) -> None:
    assert own_id(source, "Patient").startswith("x.")
    assert own_id(source, "Patient") != own_id(f"{source}b", "Patient")


# --- who ------------------------------------------------------------------------------------------------------------


def test_without_a_token_nothing_is_told_but_what_the_edge_can_do(imported: Place) -> None:
    for headers in ({}, {"Authorization": "Basic x"}, {"Authorization": "Bearer visa.nobody"}):
        assert call(imported.address, "GET", "/fhir/metadata", headers=headers).status == 200
        for method, path in (("GET", "/Patient"), ("GET", "/Patient/hospital.p0"), ("GET", "/Group")):
            assert call(imported.address, method, f"/fhir{path}", headers=headers).status == 401
        for method, path in (
            ("POST", ""),
            ("POST", "/Patient"),
            ("PUT", "/Patient/1"),
            ("DELETE", "/Patient/1"),
        ):
            assert call(imported.address, method, f"/fhir{path}", b"{}", headers).status == 401


def test_a_token_is_good_on_this_machine_alone_and_until_it_is_taken_back(tmp_path: Path) -> None:
    holders = Holders(tmp_path / "holders.json")
    token = holders.issue("anna")

    def asking(host: str, text: str) -> Request:
        headers = [(b"authorization", f"Bearer {text}".encode())]
        return Request({"type": "http", "headers": headers, "client": (host, 1)})

    assert holders.name_of(asking("127.0.0.1", token)) == "anna"
    assert holders.name_of(asking("::1", token)) == "anna"
    assert token not in (tmp_path / "holders.json").read_text()
    for host, text, status in (("192.0.2.7", token, 403), ("127.0.0.1", token + "x", 401)):
        with pytest.raises(fhir.Fault) as refused:
            holders.name_of(asking(host, text))
        assert refused.value.status == status
    holders.remove("anna")
    with pytest.raises(fhir.Fault):
        holders.name_of(asking("127.0.0.1", token))
    with pytest.raises(ValueError, match="small letters"):
        holders.issue("Anna!")
    with pytest.raises(LookupError, match="there are none"):
        holders.remove("anna")


# --- with a visa ------------------------------------------------------------------------------------------------------


def grant(**more: Any) -> Grant:
    return Grant("cilda", RESEARCH, **({"secret": b"invented secret of a grant"} | more))


def test_a_grant_reads_within_consent_and_dataset_under_ids_of_its_own(imported: Place) -> None:
    imported.visas.grants = {
        "one": grant(),
        "other": grant(secret=b"another invented secret."),
        "bb-2": grant(collections=frozenset({"bb-2"})),
    }
    one, other = (imported.ids("/Patient", f"Bearer visa.{name}") for name in ("one", "other"))
    assert (len(one), len(other), len({*one, *other})) == (2, 2, 4)  # the third has not consented
    assert len(imported.ids("/Specimen", "Bearer visa.one")) == 2
    assert (
        len(imported.ids("/Patient", "Bearer visa.bb-2"))
        == len(imported.ids("/Specimen", "Bearer visa.bb-2"))
        == 1
    )
    for each in one:
        told = imported.send("GET", f"/Patient/{each}", Authorization="Bearer visa.one").told
        readable(told)
        assert told.keys() == {"resourceType", "id", "gender", "birthDate"}
        assert len(imported.ids(f"/Condition?patient={each}", "Bearer visa.one")) == 1
    assert imported.send("GET", f"/Patient/{one[0]}", Authorization="Bearer visa.other").status == 404
    assert imported.send("GET", "/Patient/hospital.p0", Authorization="Bearer visa.one").status == 404
    text = imported.send("GET", "/Specimen?_format=ndjson", Authorization="Bearer visa.one").body
    assert len(text.splitlines()) == 2
    assert b"hospital" not in text


def test_a_grant_sees_its_columns_and_may_not_search_by_others(imported: Place) -> None:
    imported.visas.grants = {"sex": grant(columns=frozenset({"Patient.gender", "Condition.code"}))}
    [first, _] = imported.send("GET", "/Patient", Authorization="Bearer visa.sex").told["entry"]
    assert first["resource"].keys() == {"resourceType", "id", "gender", "meta"}
    assert first["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"
    for path in ("/Patient?birthdate=1970", "/Specimen", "/Consent?patient=1", "/Patient/1/_history"):
        assert (path, imported.send("GET", path, Authorization="Bearer visa.sex").status) == (path, 403)
    assert imported.send("GET", "/Patient?identifier=p0", Authorization="Bearer visa.sex").status == 400
    assert imported.send("POST", "/Patient", patient("x"), Authorization="Bearer visa.sex").status == 403


def test_a_grant_of_some_donors_and_its_records_in_the_journal(imported: Place) -> None:
    [mine] = imported.node.store.records().donors[:1]
    imported.visas.grants = {"few": grant(donors=lambda donor: donor == mine.donor)}
    assert len(imported.ids("/Patient", "Bearer visa.few")) == 1
    last = list(journal.entries(imported.node.path / "journal"))[-1]
    assert (last.kind, last.read()["who"], last.read()["what"], last.read()["records"]) == (
        "records",
        "cilda",
        "Patient",
        1,
    )


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_resource_lives_through_its_versions(place: Place) -> None:
    made = place.send("POST", "/Patient", patient("a"))
    assert made.status == 201
    path = f"/Patient/{made.told['id']}"
    assert place.get(path) == made.told
    assert place.send("POST", "/Patient", patient("a")).status == 200  # the same once more
    assert len(place.node.store.state.imports) == 1
    changed = {**made.told, "gender": "male"}
    assert place.send("PUT", path, changed, If_Match='W/"0"').status == 412
    put = place.send("PUT", path, changed, If_Match=f'W/"{made.told["meta"]["versionId"]}"')
    assert (put.status, put.told["gender"]) == (200, "male")
    assert [each["resource"]["gender"] for each in place.get(f"{path}/_history")["entry"]] == [
        "male",
        "female",
    ]
    assert place.get(f"{path}/_history/{made.told['meta']['versionId']}")["gender"] == "female"
    assert [each.sex for each in place.node.store.records().donors] == ["male"]
    assert place.send("POST", "/Patient", patient("a")).status == 409  # says something else by now
    assert place.send("DELETE", path).status == 204
    assert place.send("GET", path).status == place.send("GET", f"{path}/_history").status == 410
    assert place.send("DELETE", path).status == 204
    assert place.node.store.records().donors == []


def test_conditional_create_and_create_by_put(place: Place) -> None:
    assert place.send("PUT", "/Patient/a1", {**patient("a"), "id": "a1"}).status == 201
    found = place.send("POST", "/Patient", patient("a", gender="male"), If_None_Exist="identifier=a")
    assert (found.status, found.told["id"], found.told["gender"]) == (200, "a1", "female")
    entry: dict[str, Any] = {
        "fullUrl": "urn:uuid:1",
        "resource": condition("x"),
        "request": {"method": "POST", "url": "Condition"},
    }
    entry["resource"]["subject"] = {"reference": "Patient?identifier=a"}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert place.send("POST", "", bundle).status == 200
    assert place.get("/Condition?patient=a1")["total"] == 1


def test_all_of_a_transaction_or_nothing(place: Place) -> None:
    good = ("PUT", "Patient/a", {**patient("a", birthDate="1990-01-01"), "id": "a"})
    bad: list[tuple[tuple[str, str, Any], int, str, str]] = [
        (("POST", "Condition", condition("a", "lung")), 422, "Bundle.entry[1].resource", "C34.1"),
        (("POST", "Condition", condition("nobody")), 422, "Bundle.entry[1]", "not here"),
        (
            ("POST", "Condition", {**condition("a"), "onsetDateTime": "1980-01-01"}),
            422,
            "Bundle.entry[1].resource",
            "before the donor was born",
        ),
        (
            ("POST", "Condition", {**condition("a"), "onsetDateTime": "2030-01-01"}),
            422,
            "Bundle.entry[1].resource",
            "ahead",
        ),
        (
            ("POST", "Patient", {"resourceType": "Patient"}),
            422,
            "Bundle.entry[1].identifier",
            "identifier is missing",
        ),
        (("PUT", "Patient/a", {**patient("b"), "id": "a"}), 400, "Bundle.entry[1].request.url", "twice"),
        (("PUT", "Patient/b", {**patient("b"), "id": "c"}), 400, "Bundle.entry[1].resource.id", "must be b"),
        (("PATCH", "Patient/b", None), 400, "Bundle.entry[1].request.method", "POST, PUT, DELETE"),
        (
            ("POST", "Encounter", {"resourceType": "Encounter"}),
            400,
            "Bundle.entry[1].request.url",
            "one of Patient",
        ),
        (("DELETE", "Group/collection-bb-1", None), 409, "Bundle.entry[1]", "catalogue.yaml"),
    ]
    for entry, status, where, right in bad:
        answer = place.transact(good, entry)
        assert (answer.status, answer.told["issue"][0]["expression"]) == (status, [where]), answer.body
        readable(answer.told)
        assert right in says(answer)
        assert place.node.store.records().donors == []
    assert (place.node.store.refresh(), place.node.store.state.imports) == (False, ())
    assert list((place.node.path / "pending").iterdir()) == []


def test_what_is_no_transaction_is_refused(place: Place) -> None:
    for body, where in (
        ({"resourceType": "Patient"}, "Bundle"),
        ({"resourceType": "Bundle", "type": "batch"}, "Bundle.type"),
        ({"resourceType": "Bundle", "type": "transaction", "entry": {}}, "Bundle.entry"),
    ):
        answer = place.send("POST", "", body)
        assert (answer.status, answer.told["issue"][0]["expression"]) == (400, [where])
    empty = place.send("POST", "", {"resourceType": "Bundle", "type": "transaction"})
    assert (empty.status, empty.told) == (200, {"resourceType": "Bundle", "type": "transaction-response"})
    assert place.send("GET", "/Encounter").status == 404
    assert place.send("PATCH", "/Patient/1", {}).status == 405


def test_nothing_is_left_behind_that_refers_to_what_is_gone(place: Place) -> None:
    made = place.transact(
        ("PUT", "Patient/a", {**patient("a"), "id": "a"}),
        ("PUT", "Specimen/s", {**specimen("s", "a"), "id": "s"}),
        ("PUT", "Condition/c", {**condition("a"), "id": "c"}),
    )
    assert made.status == 200
    refused = place.send("DELETE", "/Patient/a")
    assert (refused.status, says(refused)) == (
        409,
        "2 still refer to Patient/a (Condition/c, Specimen/s…): delete them with it",
    )
    assert (
        place.transact(
            ("DELETE", "Specimen/s", None), ("DELETE", "Condition/c", None), ("DELETE", "Patient/a", None)
        ).status
        == 200
    )
    assert [place.get(f"/{kind}")["total"] for kind in OF_PERSONS] == [0] * len(OF_PERSONS)


def test_a_later_import_of_the_same_id_is_what_is_told(place: Place) -> None:
    """Also where the text of an earlier writing says otherwise."""
    place.transact(("PUT", "Patient/a", {**patient("written"), "id": "a"}))
    file = place.node.path.parent / "later.ndjson"
    file.write_text(json.dumps({"resourceType": "Patient", "id": "a", "gender": "male"}), encoding="utf-8")
    place.node.take([file], biobank="bb")
    told = place.get("/Patient/a")
    assert (told["gender"], told["identifier"]) == ("male", [{"value": "a"}])


def test_what_was_imported_is_changed_in_its_place(place: Place) -> None:
    take(place.node, donors(0, 1))
    told = place.get("/Patient/hospital.p0")
    answer = place.send("PUT", "/Patient/hospital.p0", {**told, "birthDate": "1971-05-05"})
    assert answer.status == 200
    place.node.refresh()
    assert [(each.born.isoformat() if each.born else None) for each in place.node.store.records().donors] == [
        "1971-05-05"
    ]
    assert place.get("/Condition?patient=hospital.p0")["total"] == 1


def test_facts_without_consent_are_kept_and_said_to_wait(place: Place) -> None:
    answer = place.transact(
        ("PUT", "Patient/a", {**patient("a"), "id": "a"}),
        ("PUT", "Specimen/s", {**specimen("s", "a"), "id": "s"}),
    )
    waiting = [each["response"]["outcome"]["issue"][-1]["diagnostics"] for each in answer.told["entry"]]
    assert waiting == [
        "no consent of this donor is on record: it is kept, and no answer counts it until one comes",
        "no consent of this donor at bb is on record: it is kept, and no answer counts it until one comes",
    ]
    place.node.store.refresh()
    [name] = place.node.store.state.imports
    manifest = Manifest.read(place.node.path / "imports" / name)
    assert (manifest.verify(), manifest.held, manifest.taken) == (
        True,
        {"donors": 1, "specimens": 1},
        {"donors": 1, "specimens": 1, "resources": 2},
    )
    place.visas.grants = {"one": grant()}
    assert place.ids("/Patient", "Bearer visa.one") == []
    given = {
        "resourceType": "Consent",
        "id": "c",
        "status": "active",
        "scope": {"coding": [{"code": "research"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/a"},
        "dateTime": "2025-01-01",
        "organization": [{"reference": "Organization/biobank-bb"}],
        "policyRule": {"coding": [{"code": "broad|1"}]},
        "provision": {"type": "permit", "purpose": [{"code": "research"}]},
    }
    assert place.send("PUT", "/Consent/c", given).status == 201
    assert [each["resource"]["status"] for each in place.get("/Consent?patient=a")["entry"]] == ["active"]
    assert (
        len(place.ids("/Patient", "Bearer visa.one")),
        len(place.ids("/Specimen", "Bearer visa.one")),
    ) == (1, 1)
    # What is told of it can be put back as it is; to end it is to withdraw.
    told = place.get("/Consent/c")
    assert place.send("PUT", "/Consent/c", {**told, "status": "inactive"}).status == 200
    assert place.get("/Consent/c")["status"] == "inactive"
    assert place.ids("/Patient", "Bearer visa.one") == []
    assert place.send("DELETE", "/Consent/c").status == 409


def test_a_personal_code_joins_persons_and_stands_nowhere(place: Place) -> None:
    national = {"system": "urn:oid:1.3.6.1.4.1.38760.3.1.1", "value": CODE}
    named = patient("a", name=[{"family": "Izdomātā"}], telecom=[{"value": "+371 20000000"}])
    named["identifier"].append(national)
    named["text"] = {"status": "generated", "div": f"<div xmlns='http://www.w3.org/1999/xhtml'>{CODE}</div>"}
    first = place.send("POST", "/Patient", named)
    assert (first.status, first.told["identifier"]) == (201, [{"value": "a"}])
    assert first.told.keys() & {"name", "telecom", "text"} == set()
    only = place.send(
        "POST", "/Patient", {"resourceType": "Patient", "gender": "female", "identifier": [national]}
    )
    assert only.status == 201
    noted = specimen("s", first.told["id"]) | {"note": [{"text": CODE}]}
    assert place.send("POST", "/Specimen", noted).status == 201
    assert len(place.node.store.records().donors) == 1  # two Patients, one person
    assert place.get("/Patient?identifier=a")["entry"][0]["resource"]["id"] == first.told["id"]
    refused = [
        place.send("PUT", f"/Patient/{CODE}", {**patient("x"), "id": CODE}),
        place.send("GET", f"/Patient/{CODE}"),
        place.send("GET", f"/Patient?{CODE}=1"),
        place.send("GET", f"/Patient?birthdate={CODE}"),
        place.send("GET", f"/Patient?identifier={CODE}"),
    ]
    for answer in (first, only, *refused):
        assert CODE.encode() not in answer.body
        assert CODE.replace("-", "").encode() not in answer.body
    for file in place.node.path.rglob("*"):
        if file.is_file():
            assert CODE.encode() not in file.read_bytes()


def test_a_sample_waits_for_whose_it_is(place: Place) -> None:
    """Of a collection that nobody has told of: it counts when its Organization comes."""
    (place.node.path / "catalogue.yaml").write_text(
        "biobanks: {bb: Biobanka, other: Otra}\n", encoding="utf-8"
    )
    place.node.catalogue = place.node._catalogue()
    place.transact(
        ("PUT", "Patient/a", {**patient("a"), "id": "a"}),
        ("PUT", "Specimen/s", {**specimen("s", "a", "new"), "id": "s"}),
    )

    def biobanks() -> list[str]:
        place.node.refresh()
        return [each.biobank for each in place.node.store.records().specimens]

    assert biobanks() == ["?"]
    before = place.get("/Specimen/s")
    organization = {
        "resourceType": "Organization",
        "meta": {"profile": [profiles.url("miabis-collection-organization")]},
        "identifier": [{"value": "new"}],
        "name": "Jauna",
        "partOf": {"reference": "Organization/biobank-other"},
    }
    assert place.send("POST", "/Organization", organization).status == 201
    assert biobanks() == ["other"]
    after = place.get("/Specimen/s")
    assert {**after, "meta": {}} == {**before, "meta": {}}


def test_the_statement_names_what_the_search_knows() -> None:
    told = capability.statement("http://node.example/fhir", "Izdomāta", START.date())
    for each in told["rest"][0]["resource"]:
        assert [one["name"] for one in each["searchParam"]] == ["_id", *search.PARAMETERS[each["type"]]]
