"""FHIR in: what becomes of resources, and what is said of those that are not taken."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka_node.codes.units import Kept
from talka_node.consent.decision import By
from talka_node.consent.history import Event, Kind
from talka_node.consent.log import Entry
from talka_node.importers import Manifest, feed, fhir, fhir_plain, import_files
from talka_node.importers.batch import Gone, Job, Refuse, Row, Settings, Unused
from talka_node.importers.people import LocalResolver
from talka_node.importers.tests.make import coded, condition, consent, ndjson, observation, patient, specimen
from talka_node.records import (
    CohortRow,
    DiagnosisRow,
    Donor,
    MeasurementRow,
    MedicationRow,
    ProcedureRow,
    Records,
    SpecimenRow,
)
from talka_node.store import Store, _connection
from talka_query.nodes import Sex

pytestmark = pytest.mark.once

TODAY = date(2026, 6, 30)


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return Store.create(tmp_path / "node").path


def put(node: Path, *resources: Any, name: str = "all.ndjson", **how: Any) -> Manifest:
    place = ndjson(node.parent / name, resources)
    return import_files(node, [place], **{"today": TODAY, "biobank": "bb-1", **how})


def read(node: Path) -> Records:
    return Store(node).records()


def test_each_kind_of_resource_becomes_its_rows(node: Path) -> None:
    manifest = put(
        node,
        patient(address=[{"state": "LV0001000"}], deceasedDateTime="2024-01-02"),
        condition(),
        specimen(
            container=[
                {"specimenQuantity": {"value": 3}},
                {"specimenQuantity": {"value": 1, "unit": "mL"}},
                {},
            ]
        ),
        observation(value=90, unit="mg/dL"),
        {
            "resourceType": "Procedure",
            "id": "p1",
            "status": "completed",
            "subject": {"reference": "Patient/anna"},
            "code": coded("387713003", "http://snomed.info/sct"),
            "performedPeriod": {"start": "2019-01-01", "end": "2019-01-03"},
        },
        {
            "resourceType": "MedicationStatement",
            "id": "m1",
            "status": "active",
            "subject": {"reference": "Patient/anna"},
            "medicationCodeableConcept": coded("C10AA05", "http://www.whocc.no/atc"),
        },
        {
            "resourceType": "Group",
            "id": "g1",
            "identifier": [{"value": "lung-study"}],
            "member": [{"entity": {"reference": "Patient/anna"}}],
        },
        {
            "resourceType": "ResearchSubject",
            "id": "r1",
            "status": "on-study",
            "study": {"reference": "ResearchStudy/heart"},
            "individual": {"reference": "Patient/anna"},
        },
        {"resourceType": "Encounter", "id": "e1"},
    )
    assert read(node) == Records(
        donors=[Donor(0, Sex.FEMALE, date(1960, 2, 29), date(2024, 1, 2), "LV0001000")],
        specimens=[
            SpecimenRow("s1", 0, "bb-1", "bb-1:blood", "Serum", date(2019, 5, 1), "-60to-85", 3 + 1 + 1)
        ],
        diagnoses=[DiagnosisRow(0, "C50.1", date(2018, 3, 1))],
        measurements=[MeasurementRow(0, "2345-7", float(f"{900 / 180.156:.12g}"), date(2020, 5, 6))],
        medications=[MedicationRow(0, "C10AA05")],
        procedures=[ProcedureRow(0, "387713003", date(2019, 1, 1))],
        cohorts=[CohortRow(0, "heart"), CohortRow(0, "lung-study")],
    )
    assert manifest.refused == {}
    assert manifest.unused == {"Encounter": 1}
    assert manifest.taken == {
        "donors": 1, "specimens": 1, "diagnoses": 1, "measurements": 1, "medications": 1, "procedures": 1, "cohorts": 2,
    }  # fmt: skip


REFUSED: list[tuple[Any, str, str]] = [
    (b'{"resourceType":"Condition","id":"x"', "json", "the line is "),
    (b'{"resourceType":"Condition","id":"\xff\xfe"}', "json", "the line is not JSON in UTF-8: "),
    (b"[1, 2]", "shape", 'a line is one resource, {"resourceType": …}'),
    (b"{}", "shape", "resourceType is missing: it names the kind of resource, as Patient does"),
    (
        {"resourceType": "Patiënt", "id": "x"},
        "shape",
        "resourceType 'Patiënt' is not one that a node reads: Organization, Pa",
    ),
    (condition(id=None), "id", "id is missing or not 1 to 64 of A-Z a-z 0-9 - . : rows are told apart by it"),
    (condition(subject={}), "subject", 'subject is missing: {"reference": "Patient/…"} says whose this is'),
    (
        condition(subject={"reference": "Device/1"}),
        "subject",
        "subject.reference must name a Patient, as Patient/123 does",
    ),
    (condition(code=coded("X", "urn:other")), "code", "code.coding has no code of ICD-10 "),
    (condition(onsetDateTime="2018-13-01"), "date", "onsetDateTime: there is no such day as '2018-13-01'"),
    (
        condition(onsetDateTime="1.3.2018"),
        "date",
        "onsetDateTime: a date is written YYYY-MM-DD, YYYY-MM or YYYY, not '1.3.2018'",
    ),
    (
        condition(onsetDateTime="2026-07-01"),
        "future",
        "onsetDateTime: 2026-07-01 lies ahead of 2026-06-30; correct the date",
    ),
    (
        condition(onsetDateTime="1018-03-01"),
        "date",
        "onsetDateTime: 1018-03-01 is before 1850; correct the date",
    ),
    (
        condition(onsetDateTime="1959-12-31"),
        "contradiction",
        "the date 1959-12-31 is before the donor was born",
    ),
    (
        observation(unit="kg"),
        "unit",
        "unit 'kg' cannot be turned into 'mmol/L' of 2345-7: give a unit like mmol/L",
    ),
    (observation(unit="mmol/Lx"), "unit", "unit 'mmol/Lx' is not UCUM; the nearest known is 'mmol/L'"),
    (
        observation(valueQuantity={"value": 5.5}),
        "unit",
        "a value of 2345-7 has no unit: give a unit like mmol/L",
    ),
    (observation(value="high"), "value", "valueQuantity.value must be a number"),
    (observation(code=coded("1", "urn:local")), "code", "code.coding has no LOINC code (http://loinc.org)"),
    (observation(status="done"), "status", "status 'done' is none of final, amended, corrected, preliminary"),
    (
        specimen(kind="Serrum"),
        "sample-type",
        "sample type 'Serrum' is not known; the nearest known is 'Serum'",
    ),
    (patient("bruno", gender="m"), "sex", "gender 'm' is none of female, male, other, unknown"),
    (
        patient("bruno", deceasedDateTime="1950-01-01"),
        "contradiction",
        "deceasedDateTime 1950-01-01 is before birthDate",
    ),
    (
        consent(policy=[]),
        "form",
        "policyRule or policy.uri must name the form and its version, as invented-broad|2 does",
    ),
    (condition(code={"coding": "C50"}), "code", "code.coding has no code of ICD-10"),
]


@pytest.mark.parametrize(("resource", "kind", "says"), REFUSED)
def test_what_cannot_be_taken_is_refused_with_its_place_and_what_would_be_right(
    node: Path, resource: Any, kind: str, says: str
) -> None:
    manifest = put(node, patient(), resource, condition("c2", code="C34"))
    (refusal,) = manifest.first_refusals
    assert (refusal.file, refusal.line, refusal.kind) == ("all.ndjson", 2, kind)
    assert refusal.says.startswith(says)
    assert manifest.refused == {kind: 1}
    assert read(node).diagnoses == [DiagnosisRow(0, "C34", date(2018, 3, 1))]


def test_blank_lines_marks_and_other_line_ends_do_not_shift_the_lines(node: Path) -> None:
    lines = [
        b"\xef\xbb\xbf" + json.dumps(patient()).encode() + b"\r",
        b"",
        b"  \t",
        json.dumps(condition()).encode() + b"\r",
        b"?",
    ]
    manifest = put(node, *lines)
    assert manifest.taken == {"donors": 1, "diagnoses": 1}
    assert [(each.line, each.kind) for each in manifest.first_refusals] == [(5, "json")]
    assert manifest.files[0].lines == 5


def test_archives_are_unpacked_and_what_a_broken_one_lost_is_told(node: Path) -> None:
    packed = gzip.compress(b"".join(json.dumps(condition(f"c{n}")).encode() + b"\n" for n in range(20000)))
    people = ndjson(node.parent / "Patient.ndjson", [patient()])
    whole, cut = node.parent / "Condition.ndjson.gz", node.parent / "Cut.ndjson.gz"
    whole.write_bytes(packed)
    assert import_files(node, [whole, people], today=TODAY).taken == {"donors": 1, "diagnoses": 20000}
    cut.write_bytes(packed[: len(packed) // 2])
    manifest = import_files(node, [cut], today=TODAY, source="other")
    (refusal,) = manifest.first_refusals
    assert refusal.kind == "unreadable" and refusal.says.startswith("the archive is damaged or cut off here")
    assert 0 < manifest.rows == refusal.line - 1 < 20000


def test_a_document_may_be_a_bundle_with_references_of_its_own_and_removals(node: Path) -> None:
    place = node.parent / "bundle.json"
    uuid = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    entries: list[Any] = [
        {"fullUrl": uuid, "resource": patient()},
        {"fullUrl": "urn:uuid:1", "resource": condition(subject={"reference": uuid})},
        {"fullUrl": "urn:uuid:2", "resource": condition("c2", code="?")},
        "?",
    ]
    place.write_text(
        json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}, indent=1)
    )
    manifest = import_files(node, [place], today=TODAY)
    assert manifest.taken == {"donors": 1, "diagnoses": 1}
    assert [(each.line, each.kind) for each in manifest.first_refusals] == [(3, "code"), (4, "shape")]
    place.write_text(
        json.dumps(
            {"resourceType": "Bundle", "entry": [{"request": {"method": "DELETE", "url": "Condition/c1"}}]}
        )
    )
    assert import_files(node, [place], today=TODAY).removed == 1
    assert read(node).diagnoses == []
    place.write_text("{")
    assert import_files(node, [place], today=TODAY).refused == {"unreadable": 1}


def test_a_status_can_take_a_fact_back(node: Path) -> None:
    put(node, patient(), condition(), observation(), specimen())
    manifest = put(
        node,
        condition(verificationStatus=coded("refuted", "urn:x")),
        observation(status="entered-in-error"),
        specimen(status="unavailable"),
    )
    assert (manifest.removed, manifest.refused) == (2, {})
    found = read(node)
    assert (found.diagnoses, found.measurements, [each.aliquots for each in found.specimens]) == ([], [], [0])


def test_an_observation_may_be_a_samples_diagnosis_or_a_panel(node: Path) -> None:
    pressure: dict[str, Any] = {
        "component": [
            {"code": coded("8480-6", "http://loinc.org"), "valueQuantity": {"value": 120, "unit": "mmHg"}},
            {"code": coded("8462-4", "http://loinc.org"), "valueQuantity": {"value": 80, "code": "mm[Hg]"}},
        ]
    }
    panel = observation("o1", **pressure)
    del panel["valueQuantity"]
    diagnosis = observation("o2", valueCodeableConcept=coded("C50"))
    below = observation("o3", valueQuantity={"value": 3, "unit": "mmol/L", "comparator": "<"})
    put(node, patient(), panel, diagnosis, below)
    on = date(2020, 5, 6)
    assert read(node).measurements == [
        MeasurementRow(0, "2345-7", None, on),
        MeasurementRow(0, "8462-4", 80.0, on),
        MeasurementRow(0, "8480-6", 120.0, on),
    ]
    assert read(node).diagnoses == [DiagnosisRow(0, "C50", on)]
    put(node, observation("o2", value=4))  # it was a measurement after all
    assert read(node).diagnoses == []
    assert len(read(node).measurements) == 4


def test_dates_known_to_the_month_or_year_are_taken_as_the_middle(node: Path) -> None:
    put(
        node,
        patient(birthDate="1960"),
        condition("c1", code="C50", onsetDateTime="2019-02"),
        condition("c2", code="C51", onsetDateTime="2019"),
        condition("c3", code="C52", onsetDateTime="2026"),
        condition(
            "c4", code="C53", onsetDateTime="1960-03-01"
        ),  # not before a birth that is known to the year only
    )
    assert read(node).donors[0].born == date(1960, 7, 1)
    assert [each.on for each in read(node).diagnoses] == [
        date(2019, 2, 15),
        date(2019, 7, 1),
        TODAY,
        date(1960, 3, 1),
    ]


def test_a_collection_tells_its_biobank_and_a_group_its_specimens(node: Path) -> None:
    organization = {
        "resourceType": "Organization", "id": "o", "identifier": [{"value": "bb-1:blood"}],
        "partOf": {"reference": "Organization/bb-7"},
    }  # fmt: skip
    url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Group.member.entity"
    group = {
        "resourceType": "Group", "id": "g", "identifier": [{"value": "listed"}],
        "extension": [{"url": url, "valueReference": {"reference": "Specimen/s2"}}],
    }  # fmt: skip
    custodian = [{"url": "https://x/Custodian", "valueReference": {"reference": "Organization/bb-9"}}]
    rows = [patient(), specimen("s1"), specimen("s2", extension=custodian), specimen("s3", extension=[])]
    files = [
        ndjson(node.parent / "Specimen.ndjson", rows[1:]), ndjson(node.parent / "Patient.ndjson", rows[:1]),
        ndjson(node.parent / "Group.ndjson", [group]), ndjson(node.parent / "Organization.ndjson", [organization]),
    ]  # fmt: skip
    manifest = import_files(node, files, today=TODAY)
    assert [(each.specimen, each.biobank, each.collection) for each in read(node).specimens] == [
        ("s1", "bb-7", "bb-1:blood"), ("s2", "bb-9", "listed"),
    ]  # fmt: skip
    assert manifest.refused == {"biobank": 1}
    assert put(node, specimen("s4"), biobank=None).taken == {"specimens": 1}  # the next import still knows
    assert read(node).specimens[-1].biobank == "bb-7"


def test_consents_go_to_the_log_and_what_is_not_understood_in_them_permits_nothing(node: Path) -> None:
    taken: list[Event] = []
    end = {"start": "2024-02-01", "end": "2030-12"}
    manifest = put(
        node,
        patient(birthDate="2010-05-01"),
        consent("k1"),
        consent("k2", performer=[{"reference": "RelatedPerson/mother"}]),
        consent("k3", provision={"type": "deny"}),
        consent("k4", status="inactive"),
        consent("k5", provision={"type": "permit", "purpose": [{"code": "research"}], "period": end}),
        consent(
            "k6", provision={"type": "permit", "provision": [{"type": "deny", "code": [coded("x", "urn:x")]}]}
        ),
        consent("k7", provision={"type": "permit", "actor": [{}]}),
        consents=lambda *events: taken.extend(events),
    )
    signed = date(2024, 2, 1)

    def given_(name: str, *options: str, **more: Any) -> Event:
        return Event(
            f"Consent/{name}", Kind.GIVEN, signed, 0, "bb-1", "invented-broad", 2, frozenset(options), **more
        )

    assert taken == [
        given_("k1", "research"),
        given_("k2", "research", by=By.GUARDIAN, adult_on=date(2028, 5, 1)),
        Event("Consent/k3#end", Kind.WITHDRAWN, signed, 0, "bb-1"),
        Event("Consent/k4#end", Kind.WITHDRAWN, signed, 0, "bb-1"),
        given_("k5", "research", since=signed, until=date(2030, 12, 1)),
        given_("k6", "?"),
        given_("k7", "?"),
    ]
    assert manifest.consents == 7
    assert put(node, consent("k9")).unused == {"Consent, for want of a consent log": 1}


def test_the_manifest_says_what_became_of_each_consent(node: Path) -> None:
    """A row that the log refused is a refused row, whatever else was in the same file."""
    became = iter([
        Entry("applied", 1), Entry("refused", 0, "no such form"), Entry("void", 2), Entry("contradicted", 3),
    ])  # fmt: skip
    manifest = put(
        node,
        patient(),
        *(consent(f"k{number}") for number in range(1, 5)),
        consents=lambda *events: [next(became) for _ in events],
    )
    assert manifest.consents == 3
    assert manifest.refused == {"consent": 1}
    assert [(each.line, each.says) for each in manifest.first_refusals] == [(3, "no such form")]
    assert manifest.unused == {
        "Consent that a withdrawal had ended before": 1,
        "Consent whose id told of another one before; what both permit counts": 1,
    }


def test_ids_that_hold_personal_codes_are_kept_as_hashes(node: Path) -> None:
    code = "32345678901"  # of the new form, invented
    put(node, patient(code), condition(f"c-{code}", of=code), specimen(code, of=code))
    found = read(node)
    assert len(found.specimens) == len(found.diagnoses) == len(found.donors) == 1
    assert found.specimens[0].specimen.startswith("#")
    put(node, patient(code), specimen(code, of=code, status="unavailable"))
    assert [each.aliquots for each in read(node).specimens] == [0]
    for place in node.rglob("*"):
        if place.is_file():
            assert code.encode() not in place.read_bytes()


# --- the two readers must agree ------------------------------------------------------------------------------

ANY: list[Any] = [
    None, "", "x", "mg/dL", "1960-02-29", "1960-02", "1960-02-29T10:00:00Z", "2026-06-30", "2026-07-01",
    "1960-02-30", "1960-2-9", "1960/02/29", "1960-02-2 ",
    " 1960-02-29", "1960-02-29\n", "1960-02-29T10\n", "1960-02-29x",
    "C50", "C50.1", "C501", "c50", "final", "entered-in-error", "available", "Serum", "2345-7", "mmol/L", 5, 5.5, "5",
    True, [], {}, ["x"], {"start": "2019-01-01"}, coded("C50.1"), coded("Serum", "miabis"),
    coded("2345-7", "http://loinc.org"), {"value": 5, "unit": "mmol/L"}, {"value": 90, "code": "mg/dL"},
    {"value": "5", "unit": "mmol/L"}, {"reference": "Patient/b"},
    {"reference": "x/Patient/b"}, {"reference": "Patient/b/_history/1"}, [{"specimenQuantity": {"value": 2}}],
    [{"specimenQuantity": {"value": 2.5}}], [{"specimenQuantity": {"value": 2, "unit": "mL"}}], [{}], "32345678901",
    [{"system": "urn:oid:1.3.6.1.4.1.38760.3.1.1", "value": "32345678901"}], [{"state": "LV1"}, {"state": "LV2"}],
    {"coding": [{"code": "C50.1"}, {"system": "http://hl7.org/fhir/sid/icd-10", "code": "C51"}]},
    [{"url": "u/Custodian"}],
    {"collectedDateTime": "2019-05-01"}, {"collectedPeriod": {"start": "2019-05-01"}},
]  # fmt: skip
FIELDS = [
    "id", "status", "subject", "code", "type", "onsetDateTime", "onsetPeriod", "recordedDate", "effectiveDateTime",
    "valueQuantity", "valueCodeableConcept", "component", "container", "extension", "processing", "collection",
    "verificationStatus", "gender", "birthDate", "deceasedDateTime", "identifier", "address", "performedDateTime",
    "performedPeriod", "effectivePeriod", "effectiveInstant", "medicationCodeableConcept",
]  # fmt: skip
PROCEDURE = {
    "resourceType": "Procedure", "id": "p", "status": "completed", "subject": {"reference": "Patient/b"},
    "code": coded("387713003", "http://snomed.info/sct"), "performedDateTime": "2019-01-01",
}  # fmt: skip
MEDICATION = {
    "resourceType": "MedicationStatement", "id": "m", "status": "active", "subject": {"reference": "Patient/b"},
    "medicationCodeableConcept": coded("C10AA05", "http://www.whocc.no/atc"), "effectiveDateTime": "2019-01-01",
}  # fmt: skip
WHOLE = [
    patient("b"), condition("c", "b"), specimen("s", "b"), observation("o", "b"), PROCEDURE, MEDICATION,
]  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.sampled_from(WHOLE), st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(ANY), max_size=3)
        ),
        min_size=1,
        max_size=8,
    )
)
def test_the_fast_reader_gives_what_the_plain_one_gives(
    tmp_path_factory: pytest.TempPathFactory, spoilt: Any
) -> None:
    resources = [
        # Ids of their own, but for those that are spoilt.
        {**whole, "id": f"{whole['id']}{n}" if whole["resourceType"] != "Patient" else f"b{n}", **changes}
        for n, (whole, changes) in enumerate(spoilt)
    ]
    resources = [patient("b", birthDate="1900-01-01"), *resources]
    node = Store.create(tmp_path_factory.mktemp("node")).path
    manifest = put(node, *resources)
    expected, refused, taken_back = plainly(node, resources)
    if "contradiction" in manifest.refused or taken_back:
        return  # what is judged over all rows together is not the readers' matter
    with Store(node).connect() as link:
        got = {
            repr(row)
            for table in ("diagnoses", "measurements", "specimens", "donors", "medications", "procedures")
            for row in link.execute(f"SELECT '{table}', * EXCLUDE (donor) FROM {table}").fetchall()
        }
    assert sorted((each.line, each.kind) for each in manifest.first_refusals) == sorted(refused)
    assert got == expected


@pytest.mark.parametrize(
    ("others", "left"),
    [
        ([observation(f"{n}") for n in range(4)], 0),
        ([condition(f"{n}") for n in range(4)], 0),
        ([condition()], 1),  # a single line is not worth reading all again
    ],
)
def test_a_file_that_begins_with_one_kind_may_go_on_with_others(
    node: Path, monkeypatch: pytest.MonkeyPatch, others: list[Any], left: int
) -> None:
    """What the look at some places of a part did not show is found all the same."""
    monkeypatch.setattr(feed, "SAMPLES", 1)
    monkeypatch.setattr(feed, "SAMPLE", 100)
    seen: list[Any] = []
    rest = fhir._rest

    def looking(job: Job, *more: Any) -> None:
        seen.extend(job.link.execute("SELECT count(*) FROM raw WHERE fit IS NULL").fetchall())
        rest(job, *more)

    monkeypatch.setattr(fhir, "_rest", looking)
    rows = [patient("anna"), *(patient(f"of-{n}") for n in range(40)), *others]
    manifest = put(node, *rows)
    assert (sum(manifest.taken.values()), manifest.refused) == (len(rows), {})
    assert seen == [(left,)]


def plainly(node: Path, resources: list[Any]) -> tuple[set[str], list[tuple[int, str]], bool]:
    """Rows by the plain reader alone, refusals, and whether anything was taken back."""
    from talka_node.store import TABLES  # noqa: PLC0415  # only here

    expected, refused, back = set(), [], False
    secret = (node / "keys" / "ids.key").read_bytes()
    with _connection() as link:
        job = Job(node, link, Settings(TODAY, biobank="bb-1"), LocalResolver(node / "fresh"), Kept(), secret)
        for line, resource in enumerate(resources, 1):
            try:
                for row in fhir_plain.read(resource, job):
                    assert isinstance(row, Row)
                    if row.code is not None:
                        (found,) = job.resolver.link("", [(str(row.person), row.code)])
                        if isinstance(found, str):
                            raise Refuse("personal-code", found)
                    names = [name for name in TABLES[row.table].columns if name != "donor"]
                    expected.add(repr((row.table, *(row.values.get(name) for name in names))))
            except Refuse as why:
                refused.append((line, why.kind))
            except Gone:
                back = True
            except Unused:
                pass
    return expected, refused, back
