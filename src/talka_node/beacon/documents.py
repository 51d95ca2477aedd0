"""Rows of the node as documents of the default model. Dates become ages: a document says no day of anybody's life."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from talka_node.beacon.filters import SEX_TERMS
from talka_node.beacon.source import Cohort, Dataset
from talka_node.beacon.variants import Place, id_of
from talka_node.catalogue import Sequencing
from talka_node.codes import samples
from talka_node.records import (
    DiagnosisRow,
    Donor,
    GenotypeRow,
    MeasurementRow,
    MedicationRow,
    ProcedureRow,
    SpecimenRow,
    VariantRow,
)
from talka_query.ages import complete_years
from talka_query.nodes import Variant

Document = dict[str, Any]
Name = Callable[
    [int], str
]  # what a donor is called in the answer: a pseudonym of the project, never the node's number

# EFO:0009654 is a sample without a special part in a study; OBI:0001479 says no more than "of an organism".
STATUS = {"id": "EFO:0009654", "label": "reference sample"}
ORIGIN = {"id": "OBI:0001479", "label": "specimen from organism"}
_COPIES = {
    1: {"id": "GENO:0000135", "label": "heterozygous"},
    2: {"id": "GENO:0000136", "label": "homozygous"},
}


def _age(born: date | None, on: date | None) -> Document | None:
    if born is None or on is None or on < born:
        return None
    return {"iso8601duration": f"P{complete_years(born, on)}Y"}


def _with(document: Document, name: str, value: Any) -> Document:
    """The document, with the value if there is one: the model has no word for what is not known."""
    return document if value in (None, []) else document | {name: value}


def individual(
    donor: Donor,
    name: Name,
    diagnoses: Iterable[DiagnosisRow] = (),
    measurements: Iterable[MeasurementRow] = (),
    medications: Iterable[MedicationRow] = (),
    procedures: Iterable[ProcedureRow] = (),
    units: Mapping[str, str] | None = None,
    cohorts: Iterable[str] = (),
) -> Document:
    """A donor. `units`: canonical unit of each measurement code; a measurement of another is left out."""
    units = units or {}
    told: Document = {
        "id": name(donor.donor),
        "sex": {"id": SEX_TERMS[donor.sex], "label": donor.sex.value},
    }
    diseases = [
        _with({"diseaseCode": {"id": f"ICD10:{row.code}"}}, "ageOfOnset", _age(donor.born, row.on))
        for row in diagnoses
    ]
    measures = [
        _with(
            {
                "assayCode": {"id": f"LOINC:{row.code}"},
                "measurementValue": {"value": row.value, "unit": {"id": f"UCUM:{units[row.code]}"}},
            },
            "observationMoment",
            _age(donor.born, row.on),
        )
        for row in measurements
        if row.value is not None and row.code in units
    ]
    treatments = [
        _with({"treatmentCode": {"id": f"ATC:{row.code}"}}, "ageAtOnset", _age(donor.born, row.on))
        for row in medications
    ]
    done = [
        _with({"procedureCode": {"id": f"procedure:{row.code}"}}, "ageAtProcedure", _age(donor.born, row.on))
        for row in procedures
    ]
    told = _with(_with(told, "diseases", diseases), "measures", measures)
    info = _with(_with({}, "region", donor.region), "cohorts", sorted(cohorts))
    told = _with(_with(told, "treatments", treatments), "interventionsOrProcedures", done)
    return _with(told, "info", info or None)


def biosample(row: SpecimenRow, donor: Donor, name: Name, called: Callable[[str], str] = str) -> Document:
    """A specimen; `called` gives its name in the answer."""
    told: Document = {
        "id": called(row.specimen),
        "individualId": name(row.donor),
        "biosampleStatus": STATUS,
        "sampleOriginType": ORIGIN,
    }
    if row.type is not None:
        kind = samples.BY_CODE.get(row.type)
        told["sampleOriginDetail"] = {
            "id": f"SNOMED:{kind.snomed}" if kind and kind.snomed else f"MIABIS:{row.type}",
            "label": row.type,
        }
    if row.temperature is not None:
        told["sampleStorage"] = {"id": f"MIABIS:{row.temperature}", "label": row.temperature}
    age = _age(donor.born, row.collected)
    told = _with(told, "collectionMoment", age["iso8601duration"] if age else None)
    info = _with({"biobank": row.biobank}, "collection", row.collection)
    return told | {"info": _with(info, "aliquots", row.aliquots or None)}


def run(name: str, sample: str, donor: str, read: Sequencing) -> Document:
    """The reading of a sample, as the catalogue describes it."""
    told = {"id": name, "biosampleId": sample, "individualId": donor, "runDate": read.date}
    told = _with(told, "libraryStrategy", read.strategy or None)
    return _with(told, "platform", read.platform or None)


def analysis(name: str, of: str, sample: str, donor: str, read: Sequencing) -> Document:
    """What was made of the run `of`."""
    told = {
        "id": name,
        "runId": of,
        "biosampleId": sample,
        "individualId": donor,
        "analysisDate": read.analysed,
        "pipelineName": read.pipeline,
    }
    return _with(_with(told, "aligner", read.aligner or None), "variantCaller", read.caller or None)


def variant(row: VariantRow, carriers: Iterable[tuple[GenotypeRow, str, str]] = ()) -> Document:
    """A variant; `carriers`: genotypes with the names of the donor and of the sample that was read."""
    exact = Variant(row.chromosome, row.position, row.reference, row.alternate)
    start = row.position - 1
    kind = "SNP" if len(row.reference) == len(row.alternate) == 1 else "INDEL"
    told: Document = {
        "variantInternalId": id_of(exact),
        "variation": {
            "variantType": kind,
            "referenceBases": row.reference,
            "alternateBases": row.alternate,
            "location": {
                "type": "SequenceLocation",
                "sequence_id": f"refseq:{Place(row.chromosome).accession}",
                "interval": {
                    "type": "SequenceInterval",
                    "start": {"type": "Number", "value": start},
                    "end": {"type": "Number", "value": start + len(row.reference)},
                },
            },
        },
    }
    cases = [
        {"individualId": donor, "biosampleId": sample, "zygosity": _COPIES[genotype.copies]}
        for genotype, donor, sample in carriers
    ]
    told = _with(told, "molecularAttributes", {"geneIds": [row.gene]} if row.gene else None)
    return _with(told, "caseLevelData", cases)


def dataset(each: Dataset) -> Document:
    told = _with({"id": each.id, "name": each.name}, "description", each.description or None)
    uses = [{"id": term, "version": "2021-02-23"} for term in each.duo]
    return _with(told, "dataUseConditions", {"duoDataUse": uses} if uses else None)


def cohort(each: Cohort) -> Document:
    return {"id": each.id, "name": each.name, "cohortType": each.kind}
