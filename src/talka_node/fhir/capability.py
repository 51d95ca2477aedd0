"""What this edge can do, as it says itself at /metadata; a test walks it."""

from __future__ import annotations

from datetime import date
from typing import Any

from talka_node.fhir.profiles import PROFILES, url
from talka_node.fhir.search import INCLUDES, PARAMETERS
from talka_node.fhir.shelf import KINDS, OF_PERSONS

Statement = dict[str, Any]

_READS = ("read", "search-type")
_WRITES = ("vread", "history-instance", "create", "update")


def statement(base: str, name: str, day: date) -> Statement:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": day.isoformat(),
        "kind": "instance",
        "software": {"name": "talka-node"},
        "implementation": {"description": name, "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json", "application/fhir+json", "application/fhir+ndjson"],
        "implementationGuide": ["https://fhir.bbmri-eric.eu/ImplementationGuide/bbmri.fhir.miabis"],
        "rest": [
            {
                "mode": "server",
                "documentation": (
                    "Writing, and reading of everything, is for the holder's own side: a token over loopback. Others"
                    " read with a visa, within consent, its dataset and its columns, under ids of their own. With"
                    " _format=ndjson a search is given whole, a resource a line."
                ),
                "security": {
                    "description": "HTTP Basic or bearer with the holder's token; a GA4GH visa for anybody else"
                },
                "resource": [_resource(kind) for kind in KINDS],
                "interaction": [{"code": "transaction"}],
            }
        ],
    }


def _resource(kind: str) -> Statement:
    interactions = [*_READS, *_WRITES] if kind != "Consent" else [*_READS, "create", "update"]
    if kind != "Consent":
        interactions.append("delete")
    told: Statement = {
        "type": kind,
        "interaction": [{"code": each} for each in interactions],
        "versioning": "versioned",
        "readHistory": kind != "Consent",
        "updateCreate": True,
        "conditionalCreate": True,
        "searchParam": [
            {"name": "_id", "type": "token", "documentation": "the id"},
            *(
                {"name": name, "type": each.type, "documentation": each.about}
                for name, each in PARAMETERS[kind].items()
            ),
        ],
    }
    if profiles := [url(name) for name, (of, _, _) in PROFILES.items() if of == kind]:
        told["supportedProfile"] = profiles
    if kind in INCLUDES:
        told["searchInclude"] = [f"{kind}:{name}" for name in INCLUDES[kind]]
    if kind in OF_PERSONS:
        told["documentation"] = (
            "One written here is told as it was written, but for what a node does not keep."
        )
    return told
