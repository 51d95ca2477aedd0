"""Biobanks, nodes and consents drawn for tests. Anna may, Bruno works at the biobank, Cilda may not."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka.biobanks import actions
from talka.biobanks.models import Biobank, Collection, Collector, ConsentForm, DataNode
from talka.biobanks.wire import signing
from talka.core.actions import SYSTEM
from talka.domains.models import Ecosystem
from talka.network.tests import factories as network
from talka.parties.models import Organisation

SIGNED = date(2026, 3, 2)
BOXES = [
    {"name": "research", "lv": "Pētniecībai.", "en": "For research.", "terms": ["GRU"]},
    {"name": "commercial", "lv": "Arī peļņai.", "en": "For profit too.", "otherwise": ["NCU"]},
]


def ecosystem(code: str = "bees") -> Ecosystem:
    return network.ecosystem(code)


def organisation(code: str = "hive") -> Organisation:
    return Organisation.objects.filter(code=code).first() or network.organisation(code)


def people(eco: Ecosystem, at: Organisation | None = None) -> SimpleNamespace:
    """Anna coordinates, Bruno is an officer of the biobank's institution, Cilda only reads, Dzintars runs the hub."""
    return SimpleNamespace(
        anna=network.account("Anna", "coordinator", eco),
        bruno=network.account("Bruno", "officer", eco, works_in=at or organisation()),
        cilda=network.account("Cilda", "viewer", eco),
        dzintars=network.account("Dzintars", "administrator"),
    )


def biobank(eco: Ecosystem, code: str = "nectar", **values: Any) -> Biobank:
    named: dict[str, Any] = {
        "title_lv": f"Biobanka {code}",
        "title_en": f"Biobank {code}",
        "juristic_person": organisation(),
    }
    return actions.add_biobank(eco, by=SYSTEM, code=code, **{**named, **values})


def collection(of: Biobank, code: str = "spring", **values: Any) -> Collection:
    named: dict[str, Any] = {
        "title_lv": f"Kolekcija {code}",
        "title_en": f"Collection {code}",
        "sexes": ["Female"],
        "dataset_types": ["Clinical"],
        "materials": ["Blood"],
    }
    return actions.add_collection(of, by=SYSTEM, code=code, **{**named, **values})


def form(eco: Ecosystem, code: str = "broad", *, published: bool = True, **values: Any) -> ConsentForm:
    named: dict[str, Any] = {
        "title_lv": "Izdomāta piekrišana",
        "title_en": "Invented consent",
        "text_lv": "Es piekrītu.",
        "text_en": "I agree.",
        "options": BOXES,
        "since": date(2020, 1, 1),
        "guardian": True,
    }
    row = actions.write_form(eco, by=SYSTEM, code=code, **{**named, **values})
    return actions.publish_form(row, by=SYSTEM, on=date(2020, 1, 1)) if published else row


def collector(eco: Ecosystem, of: Biobank, code: str = "lab", **values: Any) -> Collector:
    named: dict[str, Any] = {
        "title_lv": "Izdomāta laboratorija",
        "organisation": organisation(),
        "biobank": of,
    }
    return actions.add_collector(eco, by=SYSTEM, code=code, **{**named, **values})


def node(eco: Ecosystem, code: str = "n1", key: Ed25519PrivateKey | None = None, **values: Any) -> DataNode:
    signer = key or Ed25519PrivateKey.generate()
    named: dict[str, Any] = {
        "title_lv": f"Mezgls {code}",
        "address": "http://127.0.0.1:9",
        "public_key": signing.public_hex(signer),
        "log_name": f"log-{code}",
        "roles": ["questions", "feed", "numbers"],
    }
    return actions.register_node(eco, by=SYSTEM, code=code, **{**named, **values})


def told(uid: str, subject: str = "id:talka:bcdfg-hjkmn-pqrst-vwxzb", **values: Any) -> dict[str, Any]:
    """A consent as a collector's system tells it."""
    return {
        "id": uid,
        "kind": "given",
        "subject": subject,
        "on": SIGNED.isoformat(),
        "form": "broad",
        "version": 1,
        "options": ["research"],
        **values,
    }
