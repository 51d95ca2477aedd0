"""A biobank's rows as FHIR R4 NDJSON, a file per type, in the profiles of MIABIS on FHIR where there is one.

Personal codes stand in the second identifier of a Patient, as they would in an export that never leaves the holder.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from talka_node.columns import NO_DATE
from talka_node.synth import lists
from talka_node.synth.country import ALTERNATIVES, CODES, UNITS, Array, Table, only
from talka_node.synth.lines import Lines, filled, iso, quoted, where
from talka_node.synth.miabis import consents, people, samples

MIABIS = "https://fhir.bbmri-eric.eu"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
FORM = "urn:talka:consent-form"
OPTION = "urn:talka:consent-option"
PERSONAL_CODE = "urn:oid:1.3.6.1.4.1.38760.3.1.1"


def coding(system: str, code: str) -> str:
    return f'{{"coding":[{{"system":"{system}","code":"{code}"}}]}}'


def dated(element: str, column: str) -> str:
    """SQL: the element with its date, or nothing where there is none."""
    return where(f"{column} <> {NO_DATE}", filled(f',"{element}":"$day"', day=iso(column)))


PATIENT = (
    '{"resourceType":"Patient","id":"P$local","meta":{"profile":["' + MIABIS + '/StructureDefinition/'
    'miabis-sample-donor"]},"identifier":[{"value":"P$local"},{"system":"' + PERSONAL_CODE + '","value":"$code"}],'
    '"gender":"$gender","birthDate":"$birth"$death,"address":[{"country":"LV","state":"$place"}]}'
)  # fmt: skip
CONDITION = (
    '{"resourceType":"Condition","id":"d$id","code":' + coding(ICD10, "$code") + ","
    '"subject":{"reference":"Patient/P$local"}$when}'
)  # fmt: skip
OBSERVATION = (
    '{"resourceType":"Observation","id":"m$id","status":"final","code":' + coding("http://loinc.org", "$loinc") + ","
    '"subject":{"reference":"Patient/P$local"}$when,"valueQuantity":{"value":$value,"unit":"$unit",'
    '"system":"http://unitsofmeasure.org","code":"$unit"}}'
)  # fmt: skip
MEDICATION = (
    '{"resourceType":"MedicationStatement","id":"a$id","status":"completed","medicationCodeableConcept":'
    + coding("http://www.whocc.no/atc", "$code") + ',"subject":{"reference":"Patient/P$local"}$when}'
)  # fmt: skip
PROCEDURE = (
    '{"resourceType":"Procedure","id":"p$id","status":"completed","code":' + coding("http://snomed.info/sct", "$code")
    + ',"subject":{"reference":"Patient/P$local"}$when}'
)  # fmt: skip

SPECIMEN = (
    '{"resourceType":"Specimen","id":"S$id","meta":{"profile":["' + MIABIS + '/StructureDefinition/miabis-sample"]},'
    '"extension":[{"url":"' + MIABIS + '/StructureDefinition/miabis-sample-collection-extension",'
    '"valueIdentifier":{"value":"$bank:collection:$series"}}],"identifier":[{"value":"S$id"}],"status":"$status",'
    '"type":' + coding(MIABIS + "/CodeSystem/miabis-detailed-samply-type-cs", "$type") + ","
    '"subject":{"reference":"Patient/P$local"}$when$stored,"container":[$containers]}'
)  # fmt: skip
STORED = (
    ',"processing":[{"extension":[{"url":"' + MIABIS + "/StructureDefinition/"
    'miabis-sample-storage-temperature-extension","valueCodeableConcept":'
    + coding(MIABIS + "/CodeSystem/miabis-storage-temperature-cs", "$cold") + "}]}]"
)  # fmt: skip
# A container for each aliquot, in two freezers by turns.
CONTAINER = '{"identifier":[{"value":"F$place-$position-$number"}]}'
CONSENT = (
    '{"resourceType":"Consent","id":"c$id","status":"$status","scope":'
    + coding("http://terminology.hl7.org/CodeSystem/consentscope", "research")
    + ',"category":[' + coding("http://loinc.org", "59284-0") + '],"patient":{"reference":"Patient/P$local"},'
    '"dateTime":"$since","performer":[$by],"organization":[{"reference":"Organization/$bank"}],'
    '"policyRule":' + coding(FORM, lists.FORM + "|$version") + ',"provision":{"type":"permit","period":{'
    '"start":"$since"$until},"purpose":[$boxes]}}'
)  # fmt: skip
BOX = '{"system":"' + OPTION + '","code":"%s"}'
SELF = '{"reference":"Patient/P$local"}'
GUARDIAN = '{"reference":"RelatedPerson/P$local-guardian"}'
CONTACT = {
    "name": {"family": "Paraugs", "given": ["Anna"]},
    "telecom": [{"system": "email", "value": "anna@biobanka.example"}],
}


class Fhir:
    """Writes one biobank's folder `fhir`."""

    def __init__(self, lines: Lines, folder: str, bank: str) -> None:
        self.lines, self.folder, self.bank, self.rows = lines, folder, bank, 0
        self.cohorts: list[list[Array]] = [[] for _ in lists.COHORTS]

    def add(self, rows: dict[str, Table]) -> None:
        """Adds a chunk's rows."""
        birth = f"CASE WHEN year_only THEN left({iso('born')}, 4) ELSE {iso('born')} END"
        self.write(
            "Patient", PATIENT, people(rows["persons"]), birth=birth, death=dated("deceasedDateTime", "died")
        )
        self.facts("Condition", CONDITION, rows["diagnoses"], "onsetDateTime")
        self.facts("MedicationStatement", MEDICATION, rows["medications"], "effectiveDateTime")
        self.facts("Procedure", PROCEDURE, rows["procedures"], "performedDateTime")
        tests = rows["measurements"]
        units = np.where(tests["alternative"], ALTERNATIVES[tests["test"]], UNITS[tests["test"]])
        named = tests | {"loinc": CODES.loinc[tests["test"]], "unit": units}
        self.facts("Observation", OBSERVATION, named, "effectiveDateTime")
        self.specimens(samples(rows["specimens"]))
        self.consents(only(rows["members"], rows["members"]["asked"]))
        for number, members in enumerate(self.cohorts):
            members.append(rows["cohorts"]["local"][rows["cohorts"]["cohort"] == number])

    def facts(self, type_: str, template: str, table: Table, element: str) -> None:
        self.write(type_, template, table, when=dated(element, '"on"'))

    def specimens(self, table: Table) -> None:
        place = "CASE WHEN number % 2 = 1 THEN freezer ELSE other_freezer END"
        container = filled(CONTAINER, place=place, number="number")
        self.write(
            "Specimen",
            SPECIMEN,
            table,
            when=where(
                f"collected <> {NO_DATE}",
                filled(',"collection":{"collectedDateTime":"$on"}', on=iso("collected")),
            ),
            stored=where("cold <> ''", filled(STORED)),
            status="CASE WHEN aliquots > 0 THEN 'available' ELSE 'unavailable' END",
            containers=f"array_to_string([{container} FOR number IN range(1, aliquots + 1)], ',')",
        )

    def consents(self, members: Table) -> None:
        boxes = [
            f"CASE WHEN options & {1 << bit} <> 0 THEN {quoted(BOX % option)} END"
            for bit, option in enumerate(lists.OPTIONS)
        ]
        self.write(
            "Consent",
            CONSENT,
            consents(members),
            status=f"CASE WHEN withdrawn = {NO_DATE} THEN 'active' ELSE 'inactive' END",
            since=iso("signed"),
            until=where(f"expires <> {NO_DATE}", filled(',"end":"$day"', day=iso("expires"))),
            by=f"CASE WHEN guardian THEN {filled(GUARDIAN)} ELSE {filled(SELF)} END",
            boxes=f"concat_ws(',', {', '.join(boxes)})",
        )

    def write(self, type_: str, template: str, columns: Table, **sql: str) -> None:
        name = f"{self.folder}/fhir/{type_}.ndjson"
        self.rows += self.lines.write(name, template, columns, bank=quoted(self.bank), **sql)

    def finish(self) -> None:
        """Writes what is one resource for all of the biobank's donors: it, its collections, and cohorts."""
        self.resources(
            "Organization", [self.organization()] + [self.collection(name) for name in lists.COLLECTIONS]
        )
        groups = [
            self.cohort(name, np.concatenate(members))
            for name, members in zip(lists.COHORTS, self.cohorts, strict=True)
        ]
        self.resources("Group", [group for group in groups if group["quantity"]])

    def resources(self, type_: str, found: list[dict[str, Any]]) -> None:
        path = self.lines.folder / self.folder / "fhir" / f"{type_}.ndjson"
        path.write_text(
            "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in found), encoding="utf-8"
        )
        self.rows += len(found)

    def organization(self) -> dict[str, Any]:
        return {
            "resourceType": "Organization",
            "id": self.bank,
            "meta": {"profile": [f"{MIABIS}/StructureDefinition/miabis-biobank"]},
            "identifier": [{"value": self.bank}],
            "name": f"Izdomāta biobanka {self.bank[-2:]}",
            "contact": [CONTACT],
            "address": [{"country": "LV"}],
            "partOf": {"display": "Izdomāta slimnīca"},
        }

    def collection(self, name: str) -> dict[str, Any]:
        return {
            "resourceType": "Organization",
            "id": f"{self.bank}-{name}",
            "meta": {"profile": [f"{MIABIS}/StructureDefinition/miabis-collection-organization"]},
            "extension": [
                {
                    "url": f"{MIABIS}/StructureDefinition/miabis-organization-description-extension",
                    "valueString": "Invented.",
                }
            ],
            "identifier": [{"value": f"{self.bank}:collection:{name}"}],
            "name": f"Izdomāta kolekcija {name}",
            "contact": [CONTACT],
            "address": [{"country": "LV"}],
            "partOf": {"reference": f"Organization/{self.bank}"},
        }

    def cohort(self, name: str, members: Array) -> dict[str, Any]:
        return {
            "resourceType": "Group",
            "id": name,
            "identifier": [{"value": name}],
            "type": "person",
            "actual": True,
            "name": name,
            "quantity": len(members),
            "member": [{"entity": {"reference": f"Patient/P{member}"}} for member in members.tolist()],
        }
