"""The rows of `records` as columns: one numpy array per field, strings as numbers into a sorted vocabulary.

A store reads its segments into this shape, importers may write it, and the bitmaps are built from it: a hundred million
rows as Python objects would fill the machine. Donors keep the node's own numbers; no order is promised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

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
from talka_query.nodes import Sex

Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
Row = TypeVar("Row")

EPOCH = date(1970, 1, 1)
NO_DATE = -(2**31)
MISSING = -1  # the number of a string that is not known

# The number of a sex is its place here.
SEXES = (Sex.FEMALE, Sex.MALE, Sex.OTHER, Sex.UNKNOWN)


def day(on: date | None) -> int:
    """Days since 1970-01-01, NO_DATE for None."""
    return NO_DATE if on is None else on.toordinal() - 719163


def date_of(days: int) -> date | None:
    """The date of `day`'s number."""
    return None if days == NO_DATE else EPOCH + timedelta(days=days)


@dataclass(slots=True)
class Words:
    """A column of strings: `codes[i]` is the place of row i in `vocabulary` (sorted, each once), or MISSING."""

    codes: Ints
    vocabulary: list[str]

    @classmethod
    def of(cls, values: Sequence[str | None]) -> Words:
        vocabulary = sorted({value for value in values if value is not None})
        number = {value: place for place, value in enumerate(vocabulary)}
        codes = np.fromiter(
            (MISSING if value is None else number[value] for value in values), np.int32, len(values)
        )
        return cls(codes, vocabulary)

    def list(self) -> list[str | None]:
        """The strings again, None where missing."""
        return [None if code == MISSING else self.vocabulary[code] for code in self.codes.tolist()]

    def __len__(self) -> int:
        return len(self.codes)


def _no_ints() -> Ints:
    return np.empty(0, np.int32)


def _no_words() -> Words:
    return Words(_no_ints(), [])


@dataclass(slots=True)
class DonorColumns:
    """`sex`: its place in SEXES. `born` and `died`: days, or NO_DATE."""

    donor: Ints = field(default_factory=_no_ints)
    sex: Bytes = field(default_factory=lambda: np.empty(0, np.int8))
    born: Ints = field(default_factory=_no_ints)
    died: Ints = field(default_factory=_no_ints)
    region: Words = field(default_factory=_no_words)


@dataclass(slots=True)
class SpecimenColumns:
    """`specimen` names the rows at their source and may be None: no engine counts by it."""

    donor: Ints = field(default_factory=_no_ints)
    biobank: Words = field(default_factory=_no_words)
    collection: Words = field(default_factory=_no_words)
    type: Words = field(default_factory=_no_words)
    collected: Ints = field(default_factory=_no_ints)
    temperature: Words = field(default_factory=_no_words)
    aliquots: Ints = field(default_factory=_no_ints)
    specimen: list[str] | None = None


@dataclass(slots=True)
class FactColumns:
    """Diagnoses, medications or procedures."""

    donor: Ints = field(default_factory=_no_ints)
    code: Words = field(default_factory=_no_words)
    on: Ints = field(default_factory=_no_ints)


@dataclass(slots=True)
class MeasurementColumns:
    """`value`: NaN where it is not known."""

    donor: Ints = field(default_factory=_no_ints)
    code: Words = field(default_factory=_no_words)
    value: Floats = field(default_factory=lambda: np.empty(0, np.float64))
    on: Ints = field(default_factory=_no_ints)


@dataclass(slots=True)
class CohortColumns:
    donor: Ints = field(default_factory=_no_ints)
    cohort: Words = field(default_factory=_no_words)


@dataclass(slots=True)
class VariantColumns:
    variant: Ints = field(default_factory=_no_ints)
    chromosome: Words = field(default_factory=_no_words)
    position: Ints = field(default_factory=_no_ints)
    reference: Words = field(default_factory=_no_words)
    alternate: Words = field(default_factory=_no_words)
    gene: Words = field(default_factory=_no_words)


@dataclass(slots=True)
class GenotypeColumns:
    """`copies`: 1 or 2."""

    variant: Ints = field(default_factory=_no_ints)
    donor: Ints = field(default_factory=_no_ints)
    copies: Bytes = field(default_factory=lambda: np.empty(0, np.int8))


@dataclass(slots=True)
class Columns:
    """All facts of a store, but for consents."""

    donors: DonorColumns = field(default_factory=DonorColumns)
    specimens: SpecimenColumns = field(default_factory=SpecimenColumns)
    diagnoses: FactColumns = field(default_factory=FactColumns)
    measurements: MeasurementColumns = field(default_factory=MeasurementColumns)
    medications: FactColumns = field(default_factory=FactColumns)
    procedures: FactColumns = field(default_factory=FactColumns)
    cohorts: CohortColumns = field(default_factory=CohortColumns)
    variants: VariantColumns = field(default_factory=VariantColumns)
    genotypes: GenotypeColumns = field(default_factory=GenotypeColumns)

    @classmethod
    def of(cls, records: Records) -> Columns:
        """The same facts as columns. ValueError names a row whose number does not fit in 32 bits."""
        donors, specimens, variants = records.donors, records.specimens, records.variants
        sex = {value: place for place, value in enumerate(SEXES)}
        return cls(
            donors=DonorColumns(
                donor=_ints("donors", "donor", donors),
                sex=np.fromiter((sex[row.sex] for row in donors), np.int8, len(donors)),
                born=_days(row.born for row in donors),
                died=_days(row.died for row in donors),
                region=Words.of([row.region for row in donors]),
            ),
            specimens=SpecimenColumns(
                donor=_ints("specimens", "donor", specimens),
                biobank=Words.of([row.biobank for row in specimens]),
                collection=Words.of([row.collection for row in specimens]),
                type=Words.of([row.type for row in specimens]),
                collected=_days(row.collected for row in specimens),
                temperature=Words.of([row.temperature for row in specimens]),
                aliquots=_ints("specimens", "aliquots", specimens),
                specimen=[row.specimen for row in specimens],
            ),
            diagnoses=_facts("diagnoses", records.diagnoses),
            measurements=MeasurementColumns(
                donor=_ints("measurements", "donor", records.measurements),
                code=Words.of([row.code for row in records.measurements]),
                value=np.array(
                    [np.nan if row.value is None else row.value for row in records.measurements], np.float64
                ),
                on=_days(row.on for row in records.measurements),
            ),
            medications=_facts("medications", records.medications),
            procedures=_facts("procedures", records.procedures),
            cohorts=CohortColumns(
                donor=_ints("cohorts", "donor", records.cohorts),
                cohort=Words.of([row.cohort for row in records.cohorts]),
            ),
            variants=VariantColumns(
                variant=_ints("variants", "variant", variants),
                chromosome=Words.of([row.chromosome for row in variants]),
                position=_ints("variants", "position", variants),
                reference=Words.of([row.reference for row in variants]),
                alternate=Words.of([row.alternate for row in variants]),
                gene=Words.of([row.gene for row in variants]),
            ),
            genotypes=GenotypeColumns(
                variant=_ints("genotypes", "variant", records.genotypes),
                donor=_ints("genotypes", "donor", records.genotypes),
                copies=_ints("genotypes", "copies", records.genotypes).astype(np.int8),
            ),
        )

    def records(self) -> Records:
        """The same facts as rows, for the plain engine and for tests. Specimens without a name are numbered."""
        donors, specimens, measurements = self.donors, self.specimens, self.measurements
        names = specimens.specimen
        if names is None:
            names = [str(place) for place in range(len(specimens.donor))]
        return Records(
            donors=_rows(
                lambda donor, sex, born, died, region: Donor(
                    donor, SEXES[sex], date_of(born), date_of(died), region
                ),
                donors.donor,
                donors.sex,
                donors.born,
                donors.died,
                donors.region,
            ),
            specimens=_rows(
                lambda name, donor, biobank, collection, type_, collected, temperature, aliquots: SpecimenRow(
                    name, donor, biobank, collection, type_, date_of(collected), temperature, aliquots
                ),
                names,
                specimens.donor,
                specimens.biobank,
                specimens.collection,
                specimens.type,
                specimens.collected,
                specimens.temperature,
                specimens.aliquots,
            ),
            diagnoses=_fact_rows(DiagnosisRow, self.diagnoses),
            measurements=_rows(
                lambda donor, code, value, on: MeasurementRow(
                    donor, code, None if value != value else value, date_of(on)
                ),
                measurements.donor,
                measurements.code,
                measurements.value,
                measurements.on,
            ),
            medications=_fact_rows(MedicationRow, self.medications),
            procedures=_fact_rows(ProcedureRow, self.procedures),
            cohorts=_rows(CohortRow, self.cohorts.donor, self.cohorts.cohort),
            variants=_rows(
                VariantRow,
                self.variants.variant,
                self.variants.chromosome,
                self.variants.position,
                self.variants.reference,
                self.variants.alternate,
                self.variants.gene,
            ),
            genotypes=_rows(GenotypeRow, self.genotypes.variant, self.genotypes.donor, self.genotypes.copies),
        )


def _facts(table: str, rows: Sequence[DiagnosisRow | MedicationRow | ProcedureRow]) -> FactColumns:
    return FactColumns(
        donor=_ints(table, "donor", rows),
        code=Words.of([row.code for row in rows]),
        on=_days(row.on for row in rows),
    )


def _fact_rows(make: Callable[..., Row], facts: FactColumns) -> list[Row]:
    return _rows(lambda donor, code, on: make(donor, code, date_of(on)), facts.donor, facts.code, facts.on)


def _rows(make: Callable[..., Row], *columns: Words | list[str] | npt.NDArray[Any]) -> list[Row]:
    lists: list[list[Any]] = [
        column.list()
        if isinstance(column, Words)
        else column
        if isinstance(column, list)
        else column.tolist()
        for column in columns
    ]
    return [make(*row) for row in zip(*lists, strict=True)]


def _ints(table: str, name: str, rows: Sequence[object]) -> Ints:
    values = [getattr(row, name) for row in rows]
    try:
        return np.array(values, np.int32)
    except OverflowError:
        place = next(i for i, value in enumerate(values) if not -(2**31) < value < 2**31)
        raise ValueError(f"{table}, row {place}: `{name}` must be between 0 and {2**31 - 1}") from None


def _days(dates: Iterable[date | None]) -> Ints:
    return np.array([day(on) for on in dates], np.int32)
