"""The directory as FHIR R4 by the profiles of MIABIS on FHIR 1.3: a bundle of organisations, groups and their links.

Each biobank is an Organization under its legal person; a collection is two resources, an Organization that
answers for it
and a Group that says what is in it. Ids are those of the directory, so that a bundle taken twice changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from talka.biobanks.models import Biobank, BiobankNetwork, Collection, Contact, Figure
from talka.biobanks.queries import directory as queries
from talka.core.bilingual import both
from talka.domains.models import Ecosystem

BASE = "https://fhir.bbmri-eric.eu"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ORPHA = "http://www.orpha.net"
IDENTIFIERS = "http://www.bbmri-eric.eu/"
GENDERS = "http://hl7.org/fhir/administrative-gender"
UCUM = "http://unitsofmeasure.org"
UNITS = {"Years": "a", "Months": "mo", "Weeks": "wk", "Days": "d", "GestationalWeeks": "wk"}
# FHIR's list of genders has no word for these two: they are both "other" there.
SEXES = {
    "Female": "female",
    "Male": "male",
    "Unknown": "unknown",
    "Undifferentiated": "other",
    "NotApplicable": "other",
}
MEDIA_TYPE = "application/fhir+json; charset=utf-8"

Resource = dict[str, Any]


def bundle(ecosystem: Ecosystem, *, address: str) -> Resource:
    """The whole directory, without what is withdrawn. `address` is that of the hub, in which full URLs lie."""
    biobanks = list(queries.whole(queries.biobanks(ecosystem, withdrawn=False)))
    collections = [
        row
        for row in queries.joined(queries.collections(ecosystem))
        if not (row.withdrawn or row.biobank.withdrawn)
    ]
    figures = queries.latest_figures(collections)
    found: dict[str, Resource] = {}
    for row in biobanks:
        for resource in (juristic_person(row), biobank(row)):
            found[_key(resource)] = resource
    for each in collections:
        for resource in (collection_organization(each), collection(each, figures.get(each.pk, {}))):
            found[_key(resource)] = resource
    for network in queries.networks(ecosystem):
        if not network.withdrawn:
            for resource in (juristic_person(network), network_organization(network), network_group(network)):
                found[_key(resource)] = resource
    base = f"{address.rstrip('/')}/fhir"
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"{base}/{key}", "resource": resource} for key, resource in found.items()],
    }


def _key(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def resource_id(text: str) -> str:
    """An id of FHIR (letters, digits, - and ., at most 64) that is the same for the same entry each time."""
    bare = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in text).strip("-")
    if len(bare) <= 64:
        return bare
    return f"{bare[:47]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


# ---------------------------------------------------------------- resources


def juristic_person(row: Biobank | BiobankNetwork) -> Resource:
    """The legal person behind a biobank or network."""
    return {
        "resourceType": "Organization",
        "id": _legal_id(row),
        "meta": _profile("juristic-person"),
        "identifier": [{"value": _legal_id(row)}],
        "name": row.legal_name,
    }


def _legal_id(row: Biobank | BiobankNetwork) -> str:
    code = row.juristic_person.code if row.juristic_person else row.legal_name
    return resource_id(f"juristic-{code}")


def biobank(row: Biobank) -> Resource:
    """A biobank; quality standards are those whose verification upheld them, and those claimed as such."""
    extensions: list[Resource] = []
    for name, codes in (
        ("infrastructural-capabilities", row.infrastructure),
        ("organisational-capabilities", row.organising),
        ("bioprocessing-and-analytical-capabilities", row.bioprocessing),
    ):
        extensions += [
            _coded_extension(f"miabis-{name}-extension", f"miabis-{name}-cs", code) for code in codes
        ]
    extensions += [
        _string_extension("miabis-quality-management-standard-extension", str(each))
        for each in row.qualities.all()
        if each.collection_id is None and (each.upheld or each.verified_on is None)
    ]
    return {
        "resourceType": "Organization",
        "id": resource_id(row.miabis_id),
        "meta": _profile("biobank"),
        "extension": [*extensions, _described(row)],
        "identifier": [{"system": IDENTIFIERS, "value": row.miabis_id}],
        "name": _english(row, "title"),
        **_alias(row),
        **_telecom(row),
        "address": [{"country": row.country}],
        "partOf": {"reference": f"Organization/{_legal_id(row)}"},
        **_contact(row.contact),
    }


def collection_organization(row: Collection) -> Resource:
    """Whoever answers for a collection, and how it came about."""
    extensions = [
        _coded_extension("miabis-collection-dataset-type-extension", "miabis-collection-dataset-typeCS", code)
        for code in row.dataset_types
    ]
    extensions.append(
        _coded_extension("miabis-sample-source-extension", "miabis-sample-source-cs", row.sample_source)
    )
    for name, codes in (
        ("sample-collection-setting", row.settings),
        ("collection-design", row.designs),
        ("use-and-access-conditions", row.conditions),
    ):
        extensions += [
            _coded_extension(f"miabis-{name}-extension", f"miabis-{name}-cs", code) for code in codes
        ]
    extensions += [_string_extension("miabis-publications-extension", each) for each in row.publications]
    above = above_id(row.parent) if row.parent else row.biobank.miabis_id
    return {
        "resourceType": "Organization",
        "id": resource_id(above_id(row)),
        "meta": _profile("collection-organization"),
        "extension": [*extensions, _described(row)],
        "identifier": [{"value": row.miabis_id}],
        "active": row.status != "closed",
        "name": _english(row, "title"),
        **_alias(row),
        **_telecom(row),
        "address": [{"country": row.biobank.country}],
        "partOf": {"reference": f"Organization/{resource_id(above)}"},
        **_contact(row.contact or row.biobank.contact),
    }


def above_id(row: Collection) -> str:
    """The id of the Organization that answers for a collection: its Group has the collection's own."""
    return f"org-{row.miabis_id}"


def collection(row: Collection, figures: Mapping[str, Figure]) -> Resource:
    """What is in a collection: who its donors are, what samples, kept how, of what diseases."""
    characteristics: list[Resource] = []
    if row.age_low is not None or row.age_high is not None:
        unit = {"system": UCUM, "code": UNITS[row.age_unit], "unit": row.age_unit.lower()}
        ages = {
            side: {"value": value, **unit}
            for side, value in (("low", row.age_low), ("high", row.age_high))
            if value is not None
        }
        characteristics.append(
            {
                "code": _coding(f"{BASE}/CodeSystem/miabis-characteristicCS", "Age"),
                "valueRange": ages,
                "exclude": False,
            }
        )
    for name, system, codes in (
        ("Sex", GENDERS, list(dict.fromkeys(SEXES[each] for each in row.sexes))),
        ("StorageTemperature", f"{BASE}/CodeSystem/miabis-storage-temperature-cs", row.temperatures),
        ("MaterialType", f"{BASE}/CodeSystem/miabis-collection-sample-type-cs", row.materials),
    ):
        characteristics += [_characteristic(name, system, code) for code in codes]
    for code in row.diseases:
        orphan = code.startswith("ORPHA:")
        characteristics.append(
            _characteristic("Diagnosis", ORPHA if orphan else ICD10, code.removeprefix("ORPHA:"))
        )
    extensions: list[Resource] = []
    told = figures.get("donors")
    subjects = told.value if told is not None else row.subjects
    if subjects is not None:
        extensions.append(
            {
                "url": f"{BASE}/StructureDefinition/miabis-number-of-subjects-extension",
                "valueInteger": subjects,
            }
        )
    extensions += [
        _coded_extension("miabis-inclusion-criteria-extension", "miabis-inclusion-criteria-cs", code)
        for code in row.inclusion
    ]
    return {
        "resourceType": "Group",
        "id": resource_id(row.miabis_id),
        "meta": _profile("collection"),
        **({"extension": extensions} if extensions else {}),
        "identifier": [{"value": row.miabis_id}],
        "active": True,
        "type": "person",
        "actual": True,
        "name": _english(row, "title"),
        "managingEntity": {"reference": f"Organization/{resource_id(above_id(row))}"},
        "characteristic": characteristics,
    }


def network_organization(row: BiobankNetwork) -> Resource:
    """Whoever answers for a network."""
    return {
        "resourceType": "Organization",
        "id": resource_id(f"org-{row.miabis_id}"),
        "meta": _profile("network-organization"),
        "extension": [
            *(
                _coded_extension(
                    "miabis-common-collaboration-topics-extension",
                    "miabis-common-collaboration-topics-cs",
                    code,
                )
                for code in row.topics
            ),
            _described(row),
        ],
        "identifier": [{"value": row.miabis_id}],
        "name": _english(row, "title"),
        **_alias(row),
        **_telecom(row),
        "address": [{"country": country} for country in row.countries],
        "partOf": {"reference": f"Organization/{_legal_id(row)}"},
        **_contact(row.contact),
    }


def network_group(row: BiobankNetwork) -> Resource:
    """Who belongs to a network. R4 takes no organisations as members: the extension brings that of R5 back."""
    return {
        "resourceType": "Group",
        "id": resource_id(row.miabis_id),
        "meta": _profile("network"),
        "extension": [
            {
                "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Group.member.entity",
                "valueReference": {"reference": f"Organization/{resource_id(each.miabis_id)}"},
            }
            for each in row.members
        ],
        "identifier": [{"value": row.miabis_id}],
        "active": True,
        "type": "person",
        "actual": True,
        "name": _english(row, "title"),
        "managingEntity": {"reference": f"Organization/{resource_id(f'org-{row.miabis_id}')}"},
    }


# ---------------------------------------------------------------- parts


def _profile(name: str) -> Resource:
    return {"profile": [f"{BASE}/StructureDefinition/miabis-{name}"]}


def _english(row: Any, name: str) -> str:
    text = both(row, name)
    return str(text.en or text.lv)


def _coding(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def _coded_extension(name: str, system: str, code: str) -> Resource:
    return {
        "url": f"{BASE}/StructureDefinition/{name}",
        "valueCodeableConcept": _coding(f"{BASE}/CodeSystem/{system}", code),
    }


def _string_extension(name: str, text: str) -> Resource:
    return {"url": f"{BASE}/StructureDefinition/{name}", "valueString": text}


def _described(row: Any) -> Resource:
    return _string_extension(
        "miabis-organization-description-extension", _english(row, "summary") or str(row)
    )


def _characteristic(name: str, system: str, code: str) -> Resource:
    return {
        "code": _coding(f"{BASE}/CodeSystem/miabis-characteristicCS", name),
        "valueCodeableConcept": _coding(system, code),
        "exclude": False,
    }


def _alias(row: Any) -> Resource:
    return {"alias": [row.acronym]} if row.acronym else {}


def _telecom(row: Any) -> Resource:
    return {"telecom": [{"system": "url", "value": row.website}]} if row.website else {}


def _contact(contact: Contact | None) -> Resource:
    """The profile asks for both names and an e-mail; an office has no given name. Where nobody is named
    nothing is said."""
    if contact is None:
        return {}
    named = {"given": [contact.given or "–"], "family": contact.family}
    return {"contact": [{"name": named, "telecom": [{"system": "email", "value": contact.email}]}]}
