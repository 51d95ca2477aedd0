"""A biobank's rows as CSV in the tables of the OMOP CDM 5.4.

Concepts need OMOP's licensed vocabularies, so that the standard concept is 0 ("no matching concept") but for sex and
units; the codes stand in the `…_source_value` columns, which is what the model has them for.
"""

from __future__ import annotations

import numpy as np

from talka_node.columns import NO_DATE
from talka_node.synth.country import ALTERNATIVES, CODES, UNITS, Table, only
from talka_node.synth.lines import Lines, date, iso

GENDERS = np.array([8532, 8507, 8551])  # female, male, unknown

# Table -> its columns in the order of the model, each with what it is filled with: a column, a constant, or nothing.
PERSON = {
    "person_id": "$local", "gender_concept_id": "$concept", "year_of_birth": "$year", "month_of_birth": "$month",
    "day_of_birth": "$day", "birth_datetime": "", "race_concept_id": "0", "ethnicity_concept_id": "0",
    "location_id": "$place", "provider_id": "", "care_site_id": "", "person_source_value": "P$local",
    "gender_source_value": "$sex_said", "gender_source_concept_id": "0", "race_source_value": "",
    "race_source_concept_id": "0", "ethnicity_source_value": "", "ethnicity_source_concept_id": "0",
}  # fmt: skip
LOCATION = {
    "location_id": "$place", "address_1": "", "address_2": "", "city": "", "state": "$region", "zip": "", "county": "",
    "location_source_value": "$region", "country_concept_id": "0", "country_source_value": "LV", "latitude": "",
    "longitude": "",
}  # fmt: skip
DEATH = {
    "person_id": "$local", "death_date": "$when", "death_datetime": "", "death_type_concept_id": "32879",
    "cause_concept_id": "", "cause_source_value": "", "cause_source_concept_id": "",
}  # fmt: skip
CONDITION = {
    "condition_occurrence_id": "$id", "person_id": "$local", "condition_concept_id": "0",
    "condition_start_date": "$when", "condition_start_datetime": "", "condition_end_date": "",
    "condition_end_datetime": "", "condition_type_concept_id": "32879", "condition_status_concept_id": "0",
    "stop_reason": "", "provider_id": "", "visit_occurrence_id": "", "visit_detail_id": "",
    "condition_source_value": "$code", "condition_source_concept_id": "0", "condition_status_source_value": "",
}  # fmt: skip
MEASUREMENT = {
    "measurement_id": "$id", "person_id": "$local", "measurement_concept_id": "0", "measurement_date": "$when",
    "measurement_datetime": "", "measurement_time": "", "measurement_type_concept_id": "32856",
    "operator_concept_id": "", "value_as_number": "$value", "value_as_concept_id": "", "unit_concept_id": "0",
    "range_low": "", "range_high": "", "provider_id": "", "visit_occurrence_id": "", "visit_detail_id": "",
    "measurement_source_value": "$loinc", "measurement_source_concept_id": "0", "unit_source_value": "$unit",
    "unit_source_concept_id": "", "value_source_value": "", "measurement_event_id": "",
    "meas_event_field_concept_id": "",
}  # fmt: skip
DRUG = {
    "drug_exposure_id": "$id", "person_id": "$local", "drug_concept_id": "0", "drug_exposure_start_date": "$when",
    "drug_exposure_start_datetime": "", "drug_exposure_end_date": "$when", "drug_exposure_end_datetime": "",
    "verbatim_end_date": "", "drug_type_concept_id": "32838", "stop_reason": "", "refills": "", "quantity": "",
    "days_supply": "", "sig": "", "route_concept_id": "0", "lot_number": "", "provider_id": "",
    "visit_occurrence_id": "", "visit_detail_id": "", "drug_source_value": "$code", "drug_source_concept_id": "0",
    "route_source_value": "", "dose_unit_source_value": "",
}  # fmt: skip
PROCEDURE = {
    "procedure_occurrence_id": "$id", "person_id": "$local", "procedure_concept_id": "0", "procedure_date": "$when",
    "procedure_datetime": "", "procedure_end_date": "", "procedure_end_datetime": "",
    "procedure_type_concept_id": "32879", "modifier_concept_id": "0", "quantity": "1", "provider_id": "",
    "visit_occurrence_id": "", "visit_detail_id": "", "procedure_source_value": "$code",
    "procedure_source_concept_id": "0", "modifier_source_value": "",
}  # fmt: skip
SPECIMEN = {
    "specimen_id": "$id", "person_id": "$local", "specimen_concept_id": "0", "specimen_type_concept_id": "32879",
    "specimen_date": "$when", "specimen_datetime": "", "quantity": "$aliquots", "unit_concept_id": "0",
    "anatomic_site_concept_id": "0", "disease_status_concept_id": "0", "specimen_source_id": "S$id",
    "specimen_source_value": "$kind", "unit_source_value": "", "anatomic_site_source_value": "",
    "disease_status_source_value": "",
}  # fmt: skip


class Omop:
    """Writes one biobank's folder `omop`. Rows whose date is not known are left out: the model demands one."""

    def __init__(self, lines: Lines, folder: str, bank: str) -> None:
        self.lines, self.folder, self.rows = lines, folder, 0
        self.write("location", LOCATION, {"place": np.arange(len(CODES.regions)), "region": CODES.regions})

    def add(self, rows: dict[str, Table]) -> None:
        """Adds a chunk's rows."""
        persons, tests, specimens = rows["persons"], rows["measurements"], rows["specimens"]
        self.write(
            "person",
            PERSON,
            persons
            | {
                "place": persons["region"],
                "concept": GENDERS[persons["sex"]],
                "sex_said": CODES.sexes[persons["sex"]],
            },
            year=f"year({date('born')})",
            month=f"CASE WHEN year_only THEN NULL ELSE month({date('born')}) END",
            day=f"CASE WHEN year_only THEN NULL ELSE day({date('born')}) END",
        )
        self.write("death", DEATH, only(persons, persons["died"] != NO_DATE), when=iso("died"))
        units = np.where(tests["alternative"], ALTERNATIVES[tests["test"]], UNITS[tests["test"]])
        named = tests | {"loinc": CODES.loinc[tests["test"]], "unit": units}
        self.write("measurement", MEASUREMENT, only(named, named["on"] != NO_DATE), when=iso('"on"'))
        for name, columns, table in (
            ("condition_occurrence", CONDITION, rows["diagnoses"]),
            ("drug_exposure", DRUG, rows["medications"]),
            ("procedure_occurrence", PROCEDURE, rows["procedures"]),
        ):
            self.write(name, columns, only(table, table["on"] != NO_DATE), when=iso('"on"'))
        kept = only(specimens, specimens["collected"] != NO_DATE)
        self.write("specimen", SPECIMEN, kept | {"kind": CODES.kinds[kept["kind"]]}, when=iso("collected"))

    def write(self, table: str, columns: dict[str, str], rows: Table, **sql: str) -> None:
        name = f"{self.folder}/omop/{table}.csv"
        self.lines.head(name, ",".join(columns))
        self.rows += self.lines.write(name, ",".join(columns.values()), rows, **sql)

    def finish(self) -> None:
        """All is written as it comes."""
