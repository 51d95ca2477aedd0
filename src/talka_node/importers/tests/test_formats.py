"""Tables, OMOP and VCF in: the same facts in another dress are the same rows, and bad ones are told by their place."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from talka_node import synth
from talka_node.consent.decision import By
from talka_node.consent.history import Event, Kind
from talka_node.importers import Manifest, import_files
from talka_node.importers.table import BadMapping
from talka_node.importers.vcf import LENGTHS, chromosome
from talka_node.records import (
    CohortRow,
    DiagnosisRow,
    Donor,
    GenotypeRow,
    MeasurementRow,
    MedicationRow,
    ProcedureRow,
    Records,
    SpecimenRow,
    VariantRow,
)
from talka_node.store import Store
from talka_node.synth.country import Plan
from talka_query.nodes import Sex

pytestmark = pytest.mark.once

TODAY = date(2026, 6, 30)


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return Store.create(tmp_path / "node").path


def put(node: Path, name: str, text: str | bytes, **how: Any) -> Manifest:
    place = node.parent / name
    place.write_bytes(text.encode() if isinstance(text, str) else text)
    return import_files(node, [place], **{"today": TODAY, "biobank": "bb-1", **how})


def read(node: Path) -> Records:
    return Store(node).records()


# --- CSV --------------------------------------------------------------------------------------------------------


def test_tables_by_the_usual_names_of_columns(node: Path) -> None:
    put(
        node,
        "donors.csv",
        "donor_id,personal_code,sex,birth_date,death_date,region\n7,323456-78901,S,1960-02-29,,LV1\n8,,V,1970,2020-01-02,\n",
    )
    put(
        node,
        "samples.csv",
        "\ufeffsample_id;donor_id;sample_type;collected;storage_temperature;aliquots\n"
        's1;7;Serum;2019-05-01;-80;3\ns2;7;"Whole blood";;LN;\n',
    )
    put(node, "diagnoses.csv", "diagnosis_id\tdonor_id\ticd10\tdate\n1\t7\tC501\t2018-03-01\n2\t8\tc50.1\t\n")
    put(
        node,
        "measurements_2020.csv",
        'measurement_id,donor_id,loinc,value,unit,date\n1,7,718-7,"133,0",g/L,2020-01-02\n',
    )
    put(node, "cohorts.csv", "donor_id,cohort\n8,heart\n")
    assert read(node) == Records(
        donors=[
            Donor(0, Sex.FEMALE, date(1960, 2, 29), None, "LV1"),
            Donor(1, Sex.MALE, date(1970, 7, 1), date(2020, 1, 2)),
        ],
        specimens=[
            SpecimenRow("s1", 0, "bb-1", None, "Serum", date(2019, 5, 1), "-60to-85", 3),
            SpecimenRow("s2", 0, "bb-1", None, "WholeBlood", None, "LN", 1),
        ],
        diagnoses=[DiagnosisRow(0, "C50.1", date(2018, 3, 1)), DiagnosisRow(1, "C50.1")],
        measurements=[MeasurementRow(0, "718-7", 13.3, date(2020, 1, 2))],
        cohorts=[CohortRow(1, "heart")],
    )
    for place in node.rglob("*"):
        assert not place.is_file() or b"78901" not in place.read_bytes()


def test_consents_of_a_table_with_their_boxes(node: Path) -> None:
    taken: list[Event] = []
    put(node, "donors.csv", "donor_id,sex,birth_date\n7,F,2010-05-01\n")
    manifest = put(
        node,
        "consents.csv",
        "consent_id,donor_id,biobank,form,version,signed,signed_by,expires,withdrawn,research,genetic\n"
        "k1,7,bb-2,broad,2,2024-02-01,guardian,2030-12-31,2025-01-01,1,0\n"
        "k2,7,,broad,two,2024-02-01,,,,1,1\n"
        "k3,7,,broad,2,2024-02-01,,,,maybe,1\n",
        consents=lambda *events: taken.extend(events),
    )
    signed = date(2024, 2, 1)
    ticked = frozenset({"research"})
    assert taken == [
        Event(
            "Consent/k1", Kind.GIVEN, signed, 0, "bb-2", "broad", 2, ticked, By.GUARDIAN, None, date(2030, 12, 31),
            date(2028, 5, 1),
        ),
        Event("Consent/k1#end", Kind.WITHDRAWN, date(2025, 1, 1), 0, "bb-2"),
    ]  # fmt: skip
    assert [(each.line, each.kind) for each in manifest.first_refusals] == [(3, "form"), (4, "consent")]


def test_a_holders_own_columns_and_codes_by_a_mapping(node: Path) -> None:
    mapping = node.parent / "own.yaml"
    mapping.write_text(
        "- file: 'paraugi*.csv'\n"
        "  table: specimens\n"
        "  columns: {id: nr, donor: pacients, type: veids, collected: datums}\n"
        "  values: {type: {'1': Serum}}\n"
        "  constants: {biobank: bb-9}\n"
        "- file: 'diagnozes.csv'\n"
        "  table: diagnoses\n"
        "  columns: {id: nr, donor: pacients, code: kods, on: datums}\n",
        encoding="utf-8",
    )
    how = {"options": {"mapping": str(mapping)}}
    put(node, "donors.csv", "donor_id,sex\n7,F\n")
    put(node, "paraugi-2020.csv", "Nr;Pacients;Veids;Datums\n1;7;1;2020-05-01\n", **how)
    put(node, "diagnozes.csv", "nr;pacients;kods;datums\n1;7;I10;2020-05-02\n", **how)
    assert read(node).specimens == [SpecimenRow("1", 0, "bb-9", None, "Serum", date(2020, 5, 1), None, 1)]
    assert read(node).diagnoses == [DiagnosisRow(0, "I10", date(2020, 5, 2))]
    for text, says in [
        ("{", "own.yaml cannot be read as YAML"),
        ("a: 1", "own.yaml must be a list of entries"),
        (
            "- {file: x, table: donor, columns: {}}",
            "own.yaml, entry 1: give file, table .one of donors, specimens, ",
        ),
        ("- {file: x}", "own.yaml, entry 1: give file, table"),
    ]:
        mapping.write_text(text)
        with pytest.raises(BadMapping, match=says):
            put(node, "diagnozes.csv", "nr\n", **how)


def test_bad_rows_of_a_table_are_told_by_their_line(node: Path) -> None:
    manifest = put(
        node,
        "diagnoses.csv",
        b"diagnosis_id,donor_id,icd10,date\n"
        b'1,7,C50,"2018-03-01\n'
        b'"\n'  # a cell may hold a line end
        b"2,7,C50\n"
        b"\n"
        b"3,7,\xd0\xff,2018-03-01\n"
        b",7,C50,2018-03-01\n"
        b"5,,C50,2018-03-01\n"
        b"6,7,C5,2018-03-01\n"
        b"7,7,C50,2027-01-01\n",
    )
    assert [(each.line, each.kind) for each in manifest.first_refusals] == [
        (4, "csv"), (6, "encoding"), (7, "id"), (8, "subject"), (9, "code"), (10, "future"),
    ]  # fmt: skip
    assert manifest.taken == {"diagnoses": 1}
    assert (
        "header lacks donor_id"
        in put(node, "diagnoses.csv", "diagnosis_id,icd10\n1,C50\n").first_refusals[0].says
    )
    assert "no entry of the mapping" in put(node, "other.csv", "a\n1\n").first_refusals[0].says


# --- OMOP -------------------------------------------------------------------------------------------------------


def test_omop_as_csv_and_as_parquet(node: Path) -> None:
    export = node.parent / "omop"
    export.mkdir()
    tables = {
        "person": "person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth,location_id\n"
        "1,8532,1960,2,29,5\n2,8507,1970,,,\n",
        "location": "location_id,location_source_value\n5,LV1\n",
        "death": "person_id,death_date\n2,2020-01-02\n",
        "condition_occurrence": "condition_occurrence_id,person_id,condition_start_date,condition_source_value\n"
        "1,1,2018-03-01,C50.1\n2,1,2018-03-01,?\n",
        "drug_exposure": "drug_exposure_id,person_id,drug_exposure_start_date,drug_source_value\n"
        "1,2,2019-01-01,C10AA05\n",
        "procedure_occurrence": "procedure_occurrence_id,person_id,procedure_date,procedure_source_value\n"
        "1,1,2019-01-01,387713003\n",
        "specimen": "specimen_id,person_id,specimen_concept_id,specimen_date,quantity,specimen_source_id\n"
        "1,1,4001181,2019-05-01,3,S1\n",
        "visit_occurrence": "visit_occurrence_id\n1\n",
    }
    for name, text in tables.items():
        (export / f"{name}.csv").write_text(text)
    duckdb.sql(
        "COPY (SELECT 1 AS measurement_id, 1 AS person_id, DATE '2020-05-06' AS measurement_date,"
        f" 90.0 AS value_as_number, '2345-7' AS measurement_source_value, 'mg/dL' AS unit_source_value)"
        f" TO '{export}/measurement.parquet'"
    )
    manifest = import_files(node, [export], today=TODAY, biobank="bb-1")
    assert read(node) == Records(
        donors=[
            Donor(0, Sex.FEMALE, date(1960, 2, 29), None, "LV1"),
            Donor(1, Sex.MALE, date(1970, 7, 1), date(2020, 1, 2)),
        ],
        specimens=[SpecimenRow("S1", 0, "bb-1", None, "Serum", date(2019, 5, 1), None, 3)],
        diagnoses=[DiagnosisRow(0, "C50.1", date(2018, 3, 1))],
        measurements=[MeasurementRow(0, "2345-7", float(f"{900 / 180.156:.12g}"), date(2020, 5, 6))],
        medications=[MedicationRow(1, "C10AA05", date(2019, 1, 1))],
        procedures=[ProcedureRow(0, "387713003", date(2019, 1, 1))],
    )
    assert [(each.file, each.line) for each in manifest.first_refusals] == [("condition_occurrence.csv", 3)]


# --- VCF --------------------------------------------------------------------------------------------------------


def vcf(*sites: str, samples: str = "anna\tbruno", head: str = "##reference=GRCh38\n") -> str:
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT"
    body = "".join(site.replace(" ", "\t") + "\n" for site in sites)
    return f"##fileformat=VCFv4.3\n{head}{columns}\t{samples}\n{body}"


@pytest.fixture
def people(node: Path) -> Path:
    put(node, "donors.csv", "donor_id,sex\nanna,F\nbruno,M\n")
    return node


def test_variants_are_parted_cut_to_their_shortest_form_and_counted(people: Path) -> None:
    text = vcf(
        "chr17 43044295 . G A . PASS GENE=BRCA1 GT 0|1 1|1",
        "17 100 . CTT CT,C,<DEL>,* . . GENEINFO=X:1 GT:DP 1/2:30 ./.:0",
        "chrM 10 . a t . PASS . GT 1 .",
        "X 20 . A G . q10 . GT 1|1 1|1",
    )
    put(people, "x.vcf.gz", gzip.compress(text.encode()))
    assert read(people).variants == [
        VariantRow(0, "17", 43044295, "G", "A", "BRCA1"),
        VariantRow(1, "17", 100, "CT", "C", "X"),
        VariantRow(2, "17", 100, "CTT", "C", "X"),
        VariantRow(3, "MT", 10, "A", "T"),
    ]
    assert read(people).genotypes == [
        GenotypeRow(0, 0, 1), GenotypeRow(0, 1, 2), GenotypeRow(1, 0, 1), GenotypeRow(2, 0, 1), GenotypeRow(3, 0, 1),
    ]  # fmt: skip


def test_a_corrected_file_takes_the_earlier_ones_place_for_its_samples_and_sites(people: Path) -> None:
    put(people, "a.vcf", vcf("1 100 . A G . . . GT 0|1 1|1", "1 200 . A G . . . GT 0|1 0|1"))
    again = put(people, "a.vcf", vcf("1 100 . A G . . . GT 0|1 1|1", "1 200 . A G . . . GT 0|1 0|1"))
    assert (again.unchanged, again.taken) == ({"genotypes": 4}, {})
    put(people, "b.vcf", vcf("chr1 100 . A G . . . GT 1|1", samples="anna"))
    put(people, "b.vcf", vcf("chr1 200 . A G . . . GT 0|0", samples="bruno"))
    assert read(people).genotypes == [GenotypeRow(0, 0, 2), GenotypeRow(0, 1, 2), GenotypeRow(1, 0, 1)]
    assert len(read(people).variants) == 2


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (
            "##reference=file:///hs37d5.fa\n",
            "the file's reference is not GRCh38: lift it over to GRCh38 first",
        ),
        (
            "##contig=<ID=chr1,length=249250621>\n",
            "contig 1 has 249250621 bases here and 248956422 in GRCh38",
        ),
        (
            "",
            "neither ##reference nor the lengths of ##contig tell the reference build: say that it is GRCh38",
        ),
    ],
)
def test_another_reference_is_refused_as_a_whole(people: Path, head: str, says: str) -> None:
    manifest = put(people, "x.vcf", vcf("1 100 . A G . . . GT 0|1 1|1", head=head))
    (refusal,) = manifest.first_refusals
    assert refusal.says.startswith(says) and manifest.taken == {}


def test_the_holder_may_say_the_reference(people: Path) -> None:
    text = vcf("1 100 . A G . . . GT 0|1 1|1", head="")
    assert put(people, "x.vcf", text, options={"reference": "GRCh38"}).taken == {
        "variants": 1,
        "genotypes": 2,
    }


def test_bad_sites_are_told_by_their_line(people: Path) -> None:
    manifest = put(
        people,
        "x.vcf",
        vcf(
            "chrUn_KI270742v1 1 . A G . . . GT 0|1 0|1",
            f"1 {LENGTHS['1'] + 1} . A G . . . GT 0|1 0|1",
            "1 10 . Z G . . . GT 0|1 0|1",
            "1 10 . A G . . . GT 0|1",
            "1 10 . A G . . . GT 0|x 0|1",
            "1 10",
            "1 10 . A G . . . GT 0|1 0|1",
            "1 10 . A G . . . GT 1|1 0|1",
        ),
    )
    assert [(each.line, each.kind) for each in manifest.first_refusals] == [
        (4, "contig"), (5, "position"), (6, "allele"), (7, "vcf"), (8, "genotype"), (9, "vcf"), (11, "contradiction"),
    ]  # fmt: skip
    assert manifest.taken == {"variants": 1, "genotypes": 2}


@pytest.mark.parametrize(
    ("given", "name"),
    [("chr1", "1"), ("CHRX", "X"), ("M", "MT"), ("NC_000023.11", "X"), ("NC_000007.14", "7"), ("NC_012920.1", "MT"),
     ("chr1_random", None), ("GL000220.1", None)],
)  # fmt: skip
def test_contigs_by_any_of_their_names(given: str, name: str | None) -> None:
    assert chromosome(given) == name


# --- Phenopackets -----------------------------------------------------------------------------------------------


def test_a_phenopacket_becomes_the_rows_of_its_subject(node: Path) -> None:
    packet = {
        "id": "packet-1",
        "subject": {"id": "anna", "sex": "FEMALE", "dateOfBirth": "1960-02-29T00:00:00Z"},
        "diseases": [
            {"term": {"id": "ICD10:C50.1"}, "onset": {"timestamp": "2018-03-01T00:00:00Z"}},
            {"term": {"id": "ICD10:I10"}, "onset": {"age": {"iso8601duration": "P1Y"}}},
            {"term": {"id": "ICD10:E11"}, "excluded": True},
            {"term": {"id": "OMIM:1"}},
        ],
        "measurements": [
            {
                "assay": {"id": "LOINC:2345-7"},
                "value": {"quantity": {"unit": {"id": "UCUM:mmol/L"}, "value": 5.5}},
                "timeObserved": {"timestamp": "2020-05-06T00:00:00Z"},
            }
        ],
        "medicalActions": [{"treatment": {"agent": {"id": "ATC:C10AA05"}}}, {"procedure": {}}],
        "biosamples": [
            {
                "id": "s1",
                "sampleType": {"id": "SNOMED:119364003"},
                "timeOfCollection": {"timestamp": "2019-05-01T00:00:00Z"},
            }
        ],
    }
    bruno = {"id": "packet-2", "subject": {"id": "bruno", "sex": "MALE"}}
    manifest = put(
        node, "family.json", json.dumps({"id": "f", "proband": packet, "relatives": [bruno, {"id": "x"}]})
    )
    assert read(node) == Records(
        donors=[Donor(0, Sex.FEMALE, date(1960, 2, 29)), Donor(1, Sex.MALE)],
        specimens=[SpecimenRow("s1", 0, "bb-1", None, "Serum", date(2019, 5, 1), None, 1)],
        diagnoses=[DiagnosisRow(0, "C50.1", date(2018, 3, 1)), DiagnosisRow(0, "I10", date(1961, 2, 28))],
        measurements=[MeasurementRow(0, "2345-7", 5.5, date(2020, 5, 6))],
        medications=[MedicationRow(0, "C10AA05")],
    )
    assert [(each.line, each.kind) for each in manifest.first_refusals] == [(1, "code"), (3, "id")]


# --- HL7 v2 -----------------------------------------------------------------------------------------------------

PID = "PID|1||7^^^LAB^MR~323456-78901^^^LV^NNLVA||Paraugs^Anna||19600229|F"


def test_messages_of_a_laboratory_become_results_specimens_and_consents(node: Path) -> None:
    taken: list[Event] = []
    segments = [
        "\x0bMSH|^~\\&|LIS|lab-1|||20200506||ORU^R01|1|P|2.5.1",
        PID,
        "OBR|1|P9|F9|24323-8^^LN|||20200506",
        "OBX|1|NM|2345-7^Glucose^LN||90|mg/dL^^UCUM|||||F",
        "OBX|2|NM|718-7^^LN||133|g/L|||||F|||20200507",
        "OBX|3|NM|6690-2^^LN||5|10*9/L|||||P",
        "OBX|4|NM|777-3^^LN||5|kg|||||F",
        "OBX|5|ST|local^^99X||x||||||F",
        "SPM|1|P1&x^S1&x||SER^^HL70487|||||||||||||20190501|||||||||3",
        "CON|1|research~genetic|invented-broad:2|K1|||||||A||20240201||20301231",
        "CON|2|research|invented-broad:2|K2|||||in words||A||20240201",
        "CON|3||invented-broad:2|K3|||||||X||20240301\x1c",
        "MSH|^~\\&|LIS|lab-1|||20200507||ADT^A01|2|P|2.5.1",
        "MSH|^~\\&|LIS|lab-1|||20200507||ORU^R01|3|P|2.5.1",
        "OBX|1|NM|2345-7^Glucose^LN||91|mg/dL|||||C",
    ]
    manifest = put(
        node, "a.hl7", "\r".join(segments) + "\r", biobank=None, consents=lambda *e: taken.extend(e)
    )
    assert read(node) == Records(
        donors=[Donor(0, Sex.FEMALE, date(1960, 2, 29))],
        specimens=[SpecimenRow("S1", 0, "lab-1", None, "Serum", date(2019, 5, 1), None, 3)],
        measurements=[
            MeasurementRow(0, "2345-7", float(f"{900 / 180.156:.12g}"), date(2020, 5, 6)),
            MeasurementRow(0, "718-7", 13.3, date(2020, 5, 7)),
        ],
    )
    signed = date(2024, 2, 1)
    assert taken == [
        Event(
            "Consent/K1", Kind.GIVEN, signed, 0, "lab-1", "invented-broad", 2, frozenset({"research", "genetic"}),
            until=date(2030, 12, 31),
        ),
        Event("Consent/K2", Kind.GIVEN, signed, 0, "lab-1", "invented-broad", 2, frozenset({"research", "?"})),
        Event("Consent/K3#end", Kind.WITHDRAWN, date(2024, 3, 1), 0, "lab-1"),
    ]  # fmt: skip
    assert [(each.line, each.kind) for each in manifest.first_refusals] == [
        (7, "unit"), (8, "code"), (13, "hl7"), (15, "subject"),
    ]  # fmt: skip
    assert manifest.unused == {"results that are not final": 1}
    head = ["MSH|^~\\&|LIS|lab-1|||20200507||ORU^R01|4|P|2.5.1", PID, "OBR|1|P9|F9"]
    put(
        node,
        "b.hl7",
        "\n".join([*head, "OBX|1|NM|2345-7^^LN||5|mmol/L|||||C", "OBX|2|NM|718-7^^LN||||||||W"]),
    )
    assert read(node).measurements == [MeasurementRow(0, "2345-7", 5.0)]


# --- all of them ------------------------------------------------------------------------------------------------


def test_a_synthetic_biobank_is_the_same_in_every_format(tmp_path: Path) -> None:
    synth.generate(tmp_path / "country", Plan(persons=3000, biobanks=1))
    (bank,) = [place.parent for place in (tmp_path / "country").glob("*/fhir")]
    found: dict[str, Records] = {}
    consents: dict[str, list[Event]] = {"fhir": [], "csv": [], "omop": [], "vcf": []}
    for kind, taken in consents.items():
        node = Store.create(tmp_path / kind).path
        manifest = import_files(
            node, [bank / kind], biobank=bank.name, consents=lambda *e, to=taken: to.extend(e)
        )
        assert manifest.refused == {} and manifest.rows > 0
        found[kind] = read(node)

    def of(kind: str, table: str, dated: bool = False) -> list[str]:
        rows = getattr(found[kind], table)
        names = [name for name in rows[0].__slots__ if name != "donor"]
        return sorted(
            repr([getattr(row, name) for name in names])
            for row in rows
            if not dated or getattr(row, "on", None) is not None
        )

    for table in ("donors", "specimens", "diagnoses"):
        assert of("fhir", table) == of("csv", table)
    for table in ("diagnoses", "measurements", "medications", "procedures"):
        assert of("fhir", table, dated=True) == of("omop", table)
    given = {
        kind: {event.id for event in consents[kind] if event.kind is Kind.GIVEN} for kind in ("fhir", "csv")
    }
    assert given["fhir"] and given["fhir"] <= given["csv"]
    assert len(found["vcf"].variants) > 0  # its genotypes wait for the donors
