"""The nouns of a node: what importers write, what every engine reads. Plain rows; None is "not known".

Engines see `Records` (all rows of a store) and nothing else, so that the plain engine, the bitmaps and the tables judge
the same facts. A donor is named by the node's own number, never by a code: see `pseudonyms`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from talka_query.nodes import Sex


@dataclass(frozen=True, slots=True)
class Donor:
    """`donor`: the node's own number, ≥ 0. `region`: code as the node keeps it."""

    donor: int
    sex: Sex = Sex.UNKNOWN
    born: date | None = None
    died: date | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class SpecimenRow:
    """`type` and `temperature`: MIABIS codes. `aliquots`: how many are left, ≥ 0."""

    specimen: str
    donor: int
    biobank: str
    collection: str | None = None
    type: str | None = None
    collected: date | None = None
    temperature: str | None = None
    aliquots: int = 0


@dataclass(frozen=True, slots=True)
class DiagnosisRow:
    """`code`: ICD-10 with its dot ("C34.1")."""

    donor: int
    code: str
    on: date | None = None


@dataclass(frozen=True, slots=True)
class MeasurementRow:
    """`value` in the node's canonical unit of `code`; None where only the fact of measuring is known."""

    donor: int
    code: str
    value: float | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class MedicationRow:
    donor: int
    code: str
    on: date | None = None


@dataclass(frozen=True, slots=True)
class ProcedureRow:
    donor: int
    code: str
    on: date | None = None


@dataclass(frozen=True, slots=True)
class CohortRow:
    donor: int
    cohort: str


@dataclass(frozen=True, slots=True)
class VariantRow:
    """`variant` numbers the variant within the node. `position` is 1-based; `gene` is None between genes."""

    variant: int
    chromosome: str
    position: int
    reference: str
    alternate: str
    gene: str | None = None


@dataclass(frozen=True, slots=True)
class GenotypeRow:
    """`copies` of the alternate allele: 1 or 2. Who is not listed carries none, or was not sequenced."""

    variant: int
    donor: int
    copies: int


@dataclass(slots=True)
class Records:
    """All facts of a store, but for consents, which only `consent` reads."""

    donors: list[Donor] = field(default_factory=list)
    specimens: list[SpecimenRow] = field(default_factory=list)
    diagnoses: list[DiagnosisRow] = field(default_factory=list)
    measurements: list[MeasurementRow] = field(default_factory=list)
    medications: list[MedicationRow] = field(default_factory=list)
    procedures: list[ProcedureRow] = field(default_factory=list)
    cohorts: list[CohortRow] = field(default_factory=list)
    variants: list[VariantRow] = field(default_factory=list)
    genotypes: list[GenotypeRow] = field(default_factory=list)
