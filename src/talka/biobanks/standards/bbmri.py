"""The directory as the files that the BBMRI-ERIC directory takes in from a national node (its "file ingest").

Its client fetches `<address>/<Table>.csv` for eight tables, asks for the media type to the letter, and checks ids by
their beginnings. Its codes are its own; where MIABIS and they part, the map below is written out.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from talka.biobanks.models import Contact, Figure
from talka.biobanks.queries import directory as queries
from talka.core.bilingual import both
from talka.domains.models import Ecosystem

MEDIA_TYPE = "text/csv; charset=utf-8"

MATERIALS = {
    "Blood": "WHOLE_BLOOD",
    "BuffyCoat": "BUFFY_COAT",
    "CancerCellLine": "CANCER_CELL_LINES",
    "DNA": "DNA",
    "EntireOrgan": "TISSUE_FROZEN",
    "Faeces": "FECES",
    "EmbryoFetal": "OTHER",
    "ImmortalizedCellLine": "CELL_LINES",
    "IsolatedMicrobe": "PATHOGEN",
    "OtherBodyFluid": "OTHER",
    "Plasma": "PLASMA",
    "PrimaryCells": "PERIPHERAL_BLOOD_CELLS",
    "PostMortemTissue": "OTHER",
    "RNA": "RNA",
    "Saliva": "SALIVA",
    "Serum": "SERUM",
    "SpecimenEnvironment": "OTHER",
    "Swab": "NASAL_SWAB",
    "TissueFrozen": "TISSUE_FROZEN",
    "TissueFFPE": "TISSUE_PARAFFIN_EMBEDDED",
    "Urine": "URINE",
    "Other": "OTHER",
}
TEMPERATURES = {
    "RT": "temperatureRoom",
    "2to10": "temperature2to10",
    "-18to-35": "temperature-18to-35",
    "-60to-85": "temperature-60to-85",
    "LN": "temperatureLN",
    "Other": "temperatureOther",
}
SEXES = {
    "Female": "FEMALE",
    "Male": "MALE",
    "Unknown": "UNKNOWN",
    "Undifferentiated": "UNDIFFERENTIATED",
    "NotApplicable": "NOT_APPLICABLE",
}
TYPES = {
    "CaseControl": "CASE_CONTROL",
    "CrossSectional": "CROSS_SECTIONAL",
    "LongitudinalCohort": "LONGITUDINAL",
    "TwinStudy": "TWIN_STUDY",
    "QualityControl": "QUALITY_CONTROL",
    "PopulationBasedCohort": "POPULATION_BASED",
    "DiseaseSpecificCohort": "DISEASE_SPECIFIC",
    "BirthCohort": "BIRTH_COHORT",
    "MicrobialCollection": "OTHER",
    "ReferenceCollection": "SAMPLE",
    "RareDiseaseCollection": "RD",
    "Other": "OTHER",
}
CATEGORIES = {
    "LifeStyle": "SURVEY_DATA",
    "Environmental": "SURVEY_DATA",
    "Physiological": "PHYSIOLOGICAL_BIOCHEMICAL_MEASUREMENTS",
    "Biochemical": "PHYSIOLOGICAL_BIOCHEMICAL_MEASUREMENTS",
    "Clinical": "MEDICAL_RECORDS",
    "Psychological": "SURVEY_DATA",
    "Genomic": "OTHER",
    "Proteomic": "OTHER",
    "Metabolomic": "OTHER",
    "BodyImage": "IMAGING_DATA",
    "WholeSlideImage": "IMAGING_DATA",
    "PhotoImage": "IMAGING_DATA",
    "GenealogicalRecords": "GENEALOGICAL_RECORDS",
    "Other": "OTHER",
}
UNITS = {"Years": "YEAR", "Months": "MONTH", "Weeks": "WEEK", "Days": "DAY", "GestationalWeeks": "WEEK"}

Row = dict[str, Any]


def csv_of(ecosystem: Ecosystem, table: str) -> bytes:
    """One table as CSV in UTF-8; a table without rows is empty, as the directory's client expects. KeyError
    for none."""
    rows = list(TABLES[table](ecosystem))
    if not rows:
        return b""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _english(row: Any, name: str) -> str:
    """The directory is in English; what is not translated stands there in Latvian."""
    text = both(row, name)
    return str(text.en or text.lv)


def _persons(ecosystem: Ecosystem) -> Iterable[Row]:
    for row in queries.contacts(ecosystem):
        yield {
            "id": row.miabis_id,
            "first_name": row.given,
            "last_name": row.family,
            "email": row.email,
            "phone": row.phone,
            "address": row.address,
            "city": row.city,
            "country": row.country,
            "role": str(row.role),
        }


def _networks(ecosystem: Ecosystem) -> Iterable[Row]:
    for row in queries.networks(ecosystem):
        yield {
            "id": row.miabis_id,
            "name": _english(row, "title"),
            "acronym": row.acronym,
            "description": _english(row, "summary"),
            "url": row.website,
            "juridical_person": row.legal_name,
            "contact": _id(row.contact),
            "withdrawn": row.withdrawn,
        }


def _biobanks(ecosystem: Ecosystem) -> Iterable[Row]:
    for row in queries.whole(queries.biobanks(ecosystem)):
        yield {
            "id": row.miabis_id,
            "name": _english(row, "title"),
            "acronym": row.acronym,
            "description": _english(row, "summary"),
            "url": row.website,
            "juridical_person": row.legal_name,
            "country": row.country,
            "contact": _id(row.contact),
            "network": [link.network.miabis_id for link in row.network_links.all()],
            "withdrawn": row.withdrawn,
        }


def _services(ecosystem: Ecosystem) -> Iterable[Row]:
    for row in queries.services(ecosystem):
        yield {
            "id": row.miabis_id,
            "name": _english(row, "title"),
            "acronym": row.acronym,
            "description": _english(row, "summary"),
            "url": row.website,
            "biobank": row.biobank.miabis_id,
            "contactInformation": _id(row.contact),
        }


def _studies(ecosystem: Ecosystem) -> Iterable[Row]:
    for row in queries.resources(ecosystem):
        yield {
            "id": row.miabis_id,
            "title": _english(row, "title"),
            "description": _english(row, "summary"),
            "also_known": row.website,
            "collections": [each.miabis_id for each in row.collections],
            "sex": _mapped(SEXES, row.union("sexes")),
        }


def _collections(ecosystem: Ecosystem) -> Iterable[Row]:
    rows = list(queries.joined(queries.collections(ecosystem)))
    figures = queries.latest_figures(rows)
    for row in rows:
        told = figures.get(row.pk, {})
        size, donors = _number(told.get("samples"), row.samples), _number(told.get("donors"), row.subjects)
        yield {
            "id": row.miabis_id,
            "name": _english(row, "title"),
            "acronym": row.acronym,
            "description": _english(row, "summary"),
            "url": row.website,
            "country": row.biobank.country,
            "biobank": row.biobank.miabis_id,
            "contact": _id(row.contact),
            "parent_collection": row.parent.miabis_id if row.parent else "",
            "network": [each.miabis_id for each in row.networks],
            "type": _mapped(TYPES, row.designs) or ["OTHER"],
            "data_categories": list(
                dict.fromkeys(["BIOLOGICAL_SAMPLES", *_mapped(CATEGORIES, row.dataset_types)])
            ),
            "order_of_magnitude": _magnitude(size),
            "size": size,
            "order_of_magnitude_donors": _magnitude(donors),
            "number_of_donors": donors,
            "sex": _mapped(SEXES, row.sexes),
            "age_low": row.age_low,
            "age_high": row.age_high,
            "age_unit": UNITS.get(row.age_unit, ""),
            "materials": _mapped(MATERIALS, row.materials),
            "storage_temperatures": _mapped(TEMPERATURES, row.temperatures),
            "diagnosis_available": [_urn(each) for each in row.diseases],
            "collaboration_commercial": "CommercialUse" in row.conditions,
            "data_use": [each if ":" in each else f"DUO:{each}" for each in row.terms],
            "withdrawn": row.withdrawn,
        }


def _facts(ecosystem: Ecosystem) -> Iterable[Row]:
    """What nodes told: one fact a collection, with its day; `*` stands for all sexes, ages, materials and diseases."""
    rows = list(queries.collections(ecosystem))
    figures = queries.latest_figures(rows)
    for row in rows:
        told = figures.get(row.pk)
        if told is None:
            continue
        day: date = max(each.as_of for each in told.values()).date()
        yield {
            "id": f"bbmri-eric:factID:{row.biobank.country}_{row.biobank.code}_{row.code}",
            "collection": row.miabis_id,
            "sex": "*",
            "age_range": "*",
            "sample_type": "*",
            "disease": "*",
            "number_of_samples": _number(told.get("samples"), None),
            "number_of_donors": _number(told.get("donors"), None),
            "last_update": day.isoformat(),
        }


TABLES: dict[str, Callable[[Ecosystem], Iterable[Row]]] = {
    "Persons": _persons,
    "AlsoKnownIn": lambda _ecosystem: (),
    "Networks": _networks,
    "Biobanks": _biobanks,
    "Services": _services,
    "Studies": _studies,
    "Collections": _collections,
    "CollectionFacts": _facts,
}


def _id(contact: Contact | None) -> str:
    return contact.miabis_id if contact else ""


def _mapped(known: Mapping[str, str], listed: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(known[code] for code in listed if code in known))


def _urn(code: str) -> str:
    return code if code.startswith("ORPHA:") else f"urn:miriam:icd:{code}"


def _number(told: Figure | None, declared: int | None) -> int | None:
    """What a node told goes before what was declared; fewer than its smallest cell is no number."""
    return told.value if told is not None else declared


def _magnitude(size: int | None) -> int | None:
    """The power of ten: 0 for one to nine, 3 for thousands."""
    return None if not size else int(math.log10(size))
