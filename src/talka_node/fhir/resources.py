"""Rows of the store as FHIR R4 resources, with the profiles of MIABIS on FHIR where a row has what they ask for.

A row is a mapping of the columns of its view (`shelf`), with `id` and, where it is about a person, `subject`: the id of
that Patient. Nothing here looks anything up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from talka_node.codes import samples
from talka_node.codes.units import ANALYTES
from talka_node.consent.decision import By
from talka_node.consent.history import Event
from talka_node.fhir.profiles import BASE, CHARACTERISTIC, Resource, claim, extension
from talka_node.importers.fhir_plain import ATC, ICD10, LOINC

Row = Mapping[str, Any]

UCUM = "http://unitsofmeasure.org"
SAMPLE_TYPES = f"{BASE}/CodeSystem/{samples.MIABIS_TYPES}"
TEMPERATURES = f"{BASE}/CodeSystem/miabis-storage-temperature-cs"
COLLECTION_TYPES = f"{BASE}/CodeSystem/miabis-collection-sample-type-cs"
GENDER = "http://hl7.org/fhir/administrative-gender"
SAMPLE_COLLECTION = extension("sample-collection-extension")
TEMPERATURE = extension("sample-storage-temperature-extension")
DESCRIPTION = extension("organization-description-extension")
CUSTODIAN = "https://fhir.bbmri.de/StructureDefinition/Custodian"
DIAGNOSIS_OF_SAMPLE = "52797-8"  # LOINC: diagnosis, as a code of ICD

# The detailed type of a sample → the type that a collection is said to hold.
COLLECTED = {
    "BuffyCoat": "BuffyCoat", "CancerCellLine": "CancerCellLine", "DNA": "DNA", "Embryo": "EmbryoFetal",
    "EntireOrgan": "EntireOrgan", "Faeces": "Faeces", "FetalTissue": "EmbryoFetal", "Fibroblast": "PrimaryCells",
    "FoodSpecimen": "SpecimenEnvironment", "ImmortalizedCellLine": "ImmortalizedCellLine",
    "IsolatedMicrobe": "IsolatedMicrobe", "IsolatedTumorCell": "PrimaryCells", "LiquidBiopsy": "Blood",
    "PBMC": "PrimaryCells", "Placenta": "EntireOrgan", "Plasma": "Plasma", "PostMortemTissue": "PostMortemTissue",
    "PrimaryCells": "PrimaryCells", "RNA": "RNA", "RedBloodCells": "PrimaryCells", "Saliva": "Saliva",
    "Serum": "Serum", "SpecimenEnvironment": "SpecimenEnvironment", "StemCells": "ImmortalizedCellLine",
    "Swab": "Swab", "Teeth": "EntireOrgan", "TissueFixed": "TissueFFPE", "TissueFreshFrozen": "TissueFrozen",
    "UmbilicalCord": "TissueFrozen", "Urine": "Urine", "UrineSediment": "Urine", "WholeBlood": "Blood",
    "WholeBloodDried": "Blood",
}  # fmt: skip
_FLUIDS = frozenset(
    {
        "AmnioticFluid", "AscitesFluid", "Bile", "BodyCavityFluid", "BoneMarrowAspirate", "BoneMarrowPlasma",
        "BreastMilk", "BronchLavage", "CerebrospinalFluid", "CordBlood", "GastricFluid", "MenstrualBlood",
        "NasalWashing", "PericardialFluid", "PleuralFluid", "Semen", "Sputum", "Sweat", "SynovialFluid", "Tears",
        "VitreousFluid",
    }
)  # fmt: skip


def collected_as(kind: str) -> str:
    return COLLECTED.get(kind, "OtherBodyFluid" if kind in _FLUIDS else "Other")


def _concept(system: str | None, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code} if system else {"code": code}]}


def _reference(kind: str, identity: str) -> Resource:
    return {"reference": f"{kind}/{identity}"}


def _begin(kind: str, row: Row) -> Resource:
    told: Resource = {"resourceType": kind, "id": row["id"]}
    if row.get("name"):
        told["identifier"] = [{"value": row["name"]}]
    if row.get("subject"):
        told["subject"] = _reference("Patient", row["subject"])
    return told


def _dated(told: Resource, name: str, on: date | None) -> None:
    if on is not None:
        told[name] = on.isoformat()


def patient(rows: Sequence[Row], _units: Mapping[str, str]) -> Resource:
    """`others`: ids under which other sources know the same donor."""
    row = rows[0]
    told = _begin("Patient", row)
    told["gender"] = row["sex"]
    if born := row["born"]:
        # Of a month or a year the store keeps the middle.
        told["birthDate"] = born.isoformat()[: {"Y": 4, "M": 7}.get(row["born_known"], 10)]
    _dated(told, "deceasedDateTime", row["died"])
    if row["region"]:
        told["address"] = [{"state": row["region"]}]
    if row.get("others"):
        told["link"] = [{"other": _reference("Patient", each), "type": "seealso"} for each in row["others"]]
    return claim(told, "miabis-sample-donor")


def specimen(rows: Sequence[Row], _units: Mapping[str, str]) -> Resource:
    row = rows[0]
    told = _begin("Specimen", row)
    extensions: list[Resource] = []
    if row["collection"]:
        extensions.append({"url": SAMPLE_COLLECTION, "valueIdentifier": {"value": row["collection"]}})
    if row["biobank"]:
        extensions.append({"url": CUSTODIAN, "valueReference": {"identifier": {"value": row["biobank"]}}})
    if extensions:
        told["extension"] = extensions
    told["status"] = "available" if row["aliquots"] else "unavailable"
    if row["type"]:
        told["type"] = _concept(SAMPLE_TYPES, row["type"])
    if row["collected"]:
        told["collection"] = {"collectedDateTime": row["collected"].isoformat()}
    if row["temperature"]:
        stored = {"url": TEMPERATURE, "valueCodeableConcept": _concept(TEMPERATURES, row["temperature"])}
        told["processing"] = [{"extension": [stored]}]
    if row["aliquots"] > 1:
        told["container"] = [{"specimenQuantity": {"value": row["aliquots"]}}]
    return claim(told, "miabis-sample")


def condition(rows: Sequence[Row], _units: Mapping[str, str]) -> Resource:
    row = rows[0]
    told = _begin("Condition", row)
    told["code"] = _concept(ICD10, row["code"])
    _dated(told, "onsetDateTime", row["on"])
    return claim(told, "miabis-condition")


def observation(rows: Sequence[Row], units: Mapping[str, str]) -> Resource:
    row = rows[0]
    told = _begin("Observation", row)
    told["status"] = "final"
    _dated(told, "effectiveDateTime", row["on"])
    if row["diagnosis"]:
        told["code"] = _concept(LOINC, DIAGNOSIS_OF_SAMPLE)
        told["valueCodeableConcept"] = _concept(ICD10, row["diagnosis"])
        return told
    parts = [_measured(each, units) for each in rows]
    if len(parts) == 1:
        told.update(parts[0])
    else:  # one resource told several values, as blood pressure does
        told["code"] = {"text": "panel"}
        told["component"] = parts
    return told


def _measured(row: Row, units: Mapping[str, str]) -> Resource:
    told: Resource = {"code": _concept(LOINC, row["code"])}
    if row["value"] is not None:
        analyte = ANALYTES.get(row["code"])
        unit = units.get(row["code"]) or (analyte.unit if analyte else "")
        whole = int(row["value"]) if row["value"] == int(row["value"]) else row["value"]
        told["valueQuantity"] = {"value": whole}
        if unit:
            told["valueQuantity"] |= {"unit": unit, "system": UCUM, "code": unit}
    return told


def procedure(rows: Sequence[Row], _units: Mapping[str, str]) -> Resource:
    row = rows[0]
    told = _begin("Procedure", row)
    told["status"] = "completed"
    told["code"] = _concept(None, row["code"])
    _dated(told, "performedDateTime", row["on"])
    return told


def medication(rows: Sequence[Row], _units: Mapping[str, str]) -> Resource:
    row = rows[0]
    told = _begin("MedicationStatement", row)
    told["status"] = "unknown"
    told["medicationCodeableConcept"] = _concept(ATC, row["code"])
    _dated(told, "effectiveDateTime", row["on"])
    return told


def research_subject(rows: Sequence[Row], _units: Mapping[str, str]) -> Resource:
    row = rows[0]
    told = _begin("ResearchSubject", row)
    told["individual"] = told.pop("subject")
    told["status"] = "on-study"
    told["study"] = {"identifier": {"value": row["code"]}}
    return told


BUILDERS: dict[str, Callable[[Sequence[Row], Mapping[str, str]], Resource]] = {
    "Patient": patient,
    "Specimen": specimen,
    "Condition": condition,
    "Observation": observation,
    "Procedure": procedure,
    "MedicationStatement": medication,
    "ResearchSubject": research_subject,
}


def consent(event: Event, identity: str, subject: str, *, active: bool) -> Resource:
    """A consent given, as it stands in the log; `active`: it is in force today."""
    provision: Resource = {"type": "permit"}
    period = {
        name: day.isoformat()
        for name, day in (("start", event.since), ("end", event.until))
        if day is not None
    }
    if period:
        provision["period"] = period
    if event.options:
        provision["purpose"] = [{"system": FORM_OPTIONS, "code": each} for each in sorted(event.options)]
    told: Resource = {
        "resourceType": "Consent",
        "id": identity,
        "status": "active" if active else "inactive",
        "scope": _concept("http://terminology.hl7.org/CodeSystem/consentscope", "research"),
        "category": [_concept(LOINC, "59284-0")],
        "patient": _reference("Patient", subject),
        "dateTime": event.on.isoformat(),
        "policyRule": _concept(FORMS, f"{event.form}|{event.version}"),
        "provision": provision,
    }
    if event.biobank:
        told["organization"] = [{"identifier": {"value": event.biobank}, "display": event.biobank}]
    if event.by is By.GUARDIAN:
        told["performer"] = [{"reference": "RelatedPerson/guardian", "display": "guardian"}]
    return told


FORMS = "urn:talka:consent-form"
FORM_OPTIONS = "urn:talka:consent-option"


# --- what the catalogue tells -------------------------------------------------------------------------------


def contact(name: str, family: str, email: str) -> Resource:
    return {"name": {"family": family, "given": [name]}, "telecom": [{"system": "email", "value": email}]}


def organization(
    identity: str,
    profile: str,
    name: str,
    *,
    code: str | None = None,
    part_of: str | None = None,
    country: str = "",
    page: str = "",
    person: Resource | None = None,
    description: str = "",
) -> Resource:
    told: Resource = {"resourceType": "Organization", "id": identity, "active": True, "name": name}
    if code:
        told["identifier"] = [{"value": code}]
    if part_of:
        told["partOf"] = _reference("Organization", part_of)
    if country:
        told["address"] = [{"country": country}]
    if page:
        told["telecom"] = [{"system": "url", "value": page}]
    if person:
        told["contact"] = [person]
    if description:
        told["extension"] = [{"url": DESCRIPTION, "valueString": description}]
    return claim(told, profile)


def collection(
    identity: str,
    code: str,
    name: str,
    organization_id: str,
    *,
    sexes: Iterable[str] = (),
    types: Iterable[str] = (),
    temperatures: Iterable[str] = (),
) -> Resource:
    """A collection as a Group; what its samples are like is told by the last three."""
    kinds = sorted({collected_as(each) for each in types})
    characteristics = [
        *(("Sex", GENDER, each) for each in sorted(sexes)),
        *(("StorageTemperature", TEMPERATURES, each) for each in sorted(temperatures)),
        *(("MaterialType", COLLECTION_TYPES, each) for each in kinds),
    ]
    told: Resource = {
        "resourceType": "Group",
        "id": identity,
        "identifier": [{"value": code}],
        "active": True,
        "type": "person",
        "actual": True,
        "name": name,
        "managingEntity": _reference("Organization", organization_id),
    }
    if characteristics:
        told["characteristic"] = [
            {
                "code": _concept(CHARACTERISTIC, each),
                "valueCodeableConcept": _concept(system, value),
                "exclude": False,
            }
            for each, system, value in characteristics
        ]
    return claim(told, "miabis-collection")
