"""A biobank's rows as plain CSV, a line per donor, sample, diagnosis and consent: how most small biobanks keep them.

Sample types and temperatures are MIABIS codes; the columns are told to the importer by a mapping file beside them.
"""

from __future__ import annotations

import numpy as np

from talka_node.columns import NO_DATE
from talka_node.synth import lists, personal
from talka_node.synth.country import CODES, Table, only
from talka_node.synth.lines import Lines, iso, where

DONORS = {
    "donor_id": "P$local", "personal_code": "$code", "sex": "$gender", "birth_date": "$birth",
    "death_date": "$death", "region": "$place",
}  # fmt: skip
SAMPLES = {
    "sample_id": "S$id", "donor_id": "P$local", "biobank": "$bank", "collection": "$bank:collection:$series",
    "sample_type": "$type", "collected": "$when", "storage_temperature": "$cold", "aliquots": "$aliquots",
    "freezer": "F$freezer", "second_freezer": "F$other_freezer",
}  # fmt: skip
DIAGNOSES = {"diagnosis_id": "d$id", "donor_id": "P$local", "icd10": "$code", "date": "$when"}
CONSENTS = {
    "consent_id": "c$id", "donor_id": "P$local", "biobank": "$bank", "form": lists.FORM, "version": "$version",
    "signed": "$since", "signed_by": "$by", "expires": "$until", "withdrawn": "$ended",
    **{option: f"${option}" for option in lists.OPTIONS},
}  # fmt: skip


def day(column: str) -> str:
    """SQL: a date, or nothing."""
    return where(f"{column} <> {NO_DATE}", iso(column))


def samples(table: Table) -> Table:
    """Specimens with their codes as text; "" for a temperature that nobody noted."""
    cold = np.append(CODES.temperatures, "")
    return table | {
        "type": CODES.kinds[table["kind"]],
        "cold": cold[table["temperature"]],
        "series": SERIES[table["collection"]],
    }


SERIES = np.array(lists.COLLECTIONS, object)


def people(table: Table) -> Table:
    """Donors with their codes as text."""
    code = np.where(table["new_code"], personal.new(table["donor"]), personal.old(table["donor"]))
    return table | {
        "code": code,
        "gender": CODES.sexes[table["sex"]],
        "place": CODES.regions[table["region"]],
    }


def consents(members: Table) -> Table:
    """Signed papers with their codes as text, an option a column of 0 and 1."""
    return members | {
        **{option: members["options"] >> bit & 1 for bit, option in enumerate(lists.OPTIONS)},
    }


class Miabis:
    """Writes one biobank's folder `csv`."""

    def __init__(self, lines: Lines, folder: str, bank: str) -> None:
        self.lines, self.folder, self.bank, self.rows = lines, folder, bank, 0

    def add(self, rows: dict[str, Table]) -> None:
        """Adds a chunk's rows."""
        persons, members = people(rows["persons"]), rows["members"]
        birth = f"CASE WHEN year_only THEN left({iso('born')}, 4) ELSE {iso('born')} END"
        self.write("donors", DONORS, persons, birth=birth, death=day("died"))
        self.write("samples", SAMPLES, samples(rows["specimens"]), when=day("collected"))
        self.write("diagnoses", DIAGNOSES, rows["diagnoses"], when=day('"on"'))
        self.write(
            "consents",
            CONSENTS,
            consents(only(members, members["asked"])),
            since=day("signed"),
            until=day("expires"),
            ended=day("withdrawn"),
            by="CASE WHEN guardian THEN 'guardian' ELSE 'self' END",
        )

    def write(self, table: str, columns: dict[str, str], rows: Table, **sql: str) -> None:
        name = f"{self.folder}/csv/{table}.csv"
        self.lines.head(name, ",".join(columns))
        self.rows += self.lines.write(name, ",".join(columns.values()), rows, bank=f"'{self.bank}'", **sql)

    def finish(self) -> None:
        """All is written as it comes."""
