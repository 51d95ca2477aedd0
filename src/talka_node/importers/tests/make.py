"""Resources as tests need them: complete, common, and easy to spoil."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def coded(code: str | None, system: str = "http://hl7.org/fhir/sid/icd-10") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def patient(name: str = "anna", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, "gender": "female", "birthDate": "1960-02-29", **more}


def condition(name: str = "c1", of: str = "anna", code: Any = "C50.1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": name,
        "subject": {"reference": f"Patient/{of}"},
        "code": coded(code) if isinstance(code, str) else code,
        "onsetDateTime": "2018-03-01",
        **more,
    }


def observation(
    name: str = "o1", of: str = "anna", value: Any = 5.5, unit: Any = "mmol/L", **more: Any
) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "subject": {"reference": f"Patient/{of}"},
        "code": coded("2345-7", "http://loinc.org"),
        "effectiveDateTime": "2020-05-06T08:00:00+03:00",
        "valueQuantity": {"value": value, "unit": unit, "code": unit},
        **more,
    }


MIABIS = "https://fhir.bbmri-eric.eu"


def specimen(name: str = "s1", of: str = "anna", kind: str = "Serum", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Specimen",
        "id": name,
        "status": "available",
        "subject": {"reference": f"Patient/{of}"},
        "type": coded(kind, f"{MIABIS}/CodeSystem/miabis-detailed-samply-type-cs"),
        "collection": {"collectedDateTime": "2019-05-01T10:00:00Z"},
        "extension": [
            {
                "url": f"{MIABIS}/StructureDefinition/miabis-sample-collection-extension",
                "valueIdentifier": {"value": "bb-1:blood"},
            }
        ],
        "processing": [
            {
                "extension": [
                    {
                        "url": f"{MIABIS}/StructureDefinition/miabis-sample-storage-temperature-extension",
                        "valueCodeableConcept": coded(
                            "-60to-85", f"{MIABIS}/CodeSystem/miabis-storage-temperature-cs"
                        ),
                    }
                ]
            }
        ],
        **more,
    }


def consent(name: str = "k1", of: str = "anna", biobank: str = "bb-1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": name,
        "status": "active",
        "patient": {"reference": f"Patient/{of}"},
        "dateTime": "2024-02-01",
        "organization": [{"reference": f"Organization/{biobank}"}],
        "policy": [{"uri": "urn:talka:consent-form:invented-broad:2"}],
        "provision": {
            "type": "deny",
            "provision": [{"type": "permit", "code": [coded("research", "urn:x")]}],
        },
        **more,
    }


def ndjson(place: Path, resources: Iterable[Any]) -> Path:
    """A line each; what is bytes is written as it is."""
    place.write_bytes(
        b"".join(
            (each if isinstance(each, bytes) else json.dumps(each, ensure_ascii=False).encode()) + b"\n"
            for each in resources
        )
    )
    return place
