"""The judge: answers in plain Python, donor by donor, record by record, just as the words of the question say.

Obvious rather than fast. Where another engine disagrees, it is this one that says what is right; what it does is
told in the docstrings of `talka_query.nodes`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import product
from typing import assert_never

from talka_node.codes import atc, icd10
from talka_node.consent import Basis
from talka_node.engines import Cell, Exact
from talka_node.records import (
    DiagnosisRow,
    Donor,
    MeasurementRow,
    MedicationRow,
    ProcedureRow,
    Records,
    SpecimenRow,
    VariantRow,
)
from talka_query import nodes
from talka_query.ages import MISSING, band, complete_years
from talka_query.nodes import SPECIMEN_AXES, Ages, Axis, Count, Criterion, Dated, Question, Window, Zygosity

DatedRow = DiagnosisRow | SpecimenRow | MeasurementRow | MedicationRow | ProcedureRow


@dataclass(slots=True)
class Case:
    """One donor and all that is recorded about them."""

    donor: Donor
    specimens: list[SpecimenRow] = field(default_factory=list)
    diagnoses: list[DiagnosisRow] = field(default_factory=list)
    measurements: list[MeasurementRow] = field(default_factory=list)
    medications: list[MedicationRow] = field(default_factory=list)
    procedures: list[ProcedureRow] = field(default_factory=list)
    cohorts: set[str] = field(default_factory=set)
    carried: list[tuple[VariantRow, int]] = field(default_factory=list)


class Memory:
    """The engine over a store's records as they are when it is made."""

    def __init__(self, records: Records) -> None:
        self._cases = _cases(records)

    def answer(self, question: Question, basis: Basis) -> Exact:
        whole = 0
        cells: Counter[Cell] = Counter()
        for case in self._world(basis):
            if holds(question.such_that, case, question.ages_at):
                whole += _amount(question, case)
                cells.update(_cells(question, case))
        return Exact(whole, {cell: n for cell, n in cells.items() if n})

    def attrition(self, question: Question, basis: Basis) -> list[int]:
        left = self._world(basis)
        counts = [len(left)]
        for criterion in outermost(question.such_that):
            left = [case for case in left if holds(criterion, case, question.ages_at)]
            counts.append(len(left))
        return counts

    def _world(self, basis: Basis) -> list[Case]:
        """Whom the question is about at all: consent comes before every criterion."""
        return [
            replace(case, specimens=[row for row in case.specimens if basis.permits(row.donor, row.biobank)])
            for donor in basis.donors()
            if (case := self._cases.get(donor)) is not None
        ]


def outermost(such_that: Criterion) -> Sequence[Criterion]:
    """The steps of attrition: the members of the outermost `All`, or the criterion itself."""
    return such_that.of if isinstance(such_that, nodes.All) else (such_that,)


def _cases(records: Records) -> dict[int, Case]:
    """Facts about a donor whose own row is missing (yet) are left out: there is nobody to count."""
    cases = {row.donor: Case(row) for row in records.donors}
    variants = {row.variant: row for row in records.variants}
    for specimen in records.specimens:
        if specimen.donor in cases:
            cases[specimen.donor].specimens.append(specimen)
    for diagnosis in records.diagnoses:
        if diagnosis.donor in cases:
            cases[diagnosis.donor].diagnoses.append(diagnosis)
    for measurement in records.measurements:
        if measurement.donor in cases:
            cases[measurement.donor].measurements.append(measurement)
    for medication in records.medications:
        if medication.donor in cases:
            cases[medication.donor].medications.append(medication)
    for procedure in records.procedures:
        if procedure.donor in cases:
            cases[procedure.donor].procedures.append(procedure)
    for member in records.cohorts:
        if member.donor in cases:
            cases[member.donor].cohorts.add(member.cohort)
    for genotype in records.genotypes:
        if genotype.donor in cases and genotype.variant in variants:
            cases[genotype.donor].carried.append((variants[genotype.variant], genotype.copies))
    return cases


# --- who fits ---------------------------------------------------------------------------------------------


def holds(criterion: Criterion, case: Case, ages_at: date) -> bool:
    """Whether it is known that the criterion holds for the donor."""
    donor = case.donor
    match criterion:
        case nodes.All(of):
            return all(holds(part, case, ages_at) for part in of)
        case nodes.Any(of):
            return any(holds(part, case, ages_at) for part in of)
        case nodes.Not(of):
            return not holds(of, case, ages_at)
        case nodes.IsSex(any_of):
            return donor.sex in any_of
        case nodes.Age(years):
            return _of_age(_age(donor, ages_at), years)
        case nodes.Born(window):
            return _in_window(donor.born, window)
        case nodes.Alive():
            return donor.died is None or donor.died > ages_at
        case nodes.LivesIn(any_of):
            return donor.region in any_of
        case nodes.InCohort(cohort):
            return cohort in case.cohorts
        case nodes.Variant() | nodes.VariantIn():
            return any(_carries(criterion, variant, copies) for variant, copies in case.carried)
        case nodes.Within():
            return _within(criterion, case)
        case (
            nodes.Diagnosis()
            | nodes.Specimen()
            | nodes.Measurement()
            | nodes.Medication()
            | nodes.Procedure()
        ):
            return bool(fitting(criterion, case))
        case _:
            assert_never(criterion)


def fitting(pattern: Dated, case: Case) -> Sequence[DatedRow]:
    """The donor's records of which every condition of the pattern is known to hold."""
    match pattern:
        case nodes.Diagnosis():
            return [row for row in case.diagnoses if _diagnosis(pattern, row, case.donor)]
        case nodes.Specimen():
            return [row for row in case.specimens if _specimen(pattern, row, case.donor)]
        case nodes.Measurement():
            return [row for row in case.measurements if _measurement(pattern, row, case.donor)]
        case nodes.Medication():
            return [row for row in case.medications if _medication(pattern, row, case.donor)]
        case nodes.Procedure():
            return [row for row in case.procedures if _procedure(pattern, row, case.donor)]
        case _:
            assert_never(pattern)


def _diagnosis(pattern: nodes.Diagnosis, row: DiagnosisRow, donor: Donor) -> bool:
    coded = not pattern.codes or any(
        icd10.matches(row.code, wanted, pattern.descendants) for wanted in pattern.codes
    )
    return coded and _dated(row.on, pattern.window, pattern.age, donor)


def _specimen(pattern: nodes.Specimen, row: SpecimenRow, donor: Donor) -> bool:
    return (
        _among(row.type, pattern.types)
        and _among(row.temperature, pattern.temperatures)
        and _among(row.biobank, pattern.biobanks)
        and _among(row.collection, pattern.collections)
        and row.aliquots >= pattern.aliquots
        and _dated(row.collected, pattern.collected, pattern.age, donor)
    )


def _measurement(pattern: nodes.Measurement, row: MeasurementRow, donor: Donor) -> bool:
    return (
        row.code == pattern.code
        and _between(row.value, pattern.low, pattern.high)
        and _dated(row.on, pattern.window, pattern.age, donor)
    )


def _medication(pattern: nodes.Medication, row: MedicationRow, donor: Donor) -> bool:
    coded = not pattern.codes or any(
        atc.matches(row.code, wanted, pattern.descendants) for wanted in pattern.codes
    )
    return coded and _dated(row.on, pattern.window, pattern.age, donor)


def _procedure(pattern: nodes.Procedure, row: ProcedureRow, donor: Donor) -> bool:
    return _among(row.code, pattern.codes) and _dated(row.on, pattern.window, pattern.age, donor)


def _carries(wanted: nodes.Variant | nodes.VariantIn, variant: VariantRow, copies: int) -> bool:
    match wanted.zygosity:
        case Zygosity.HETEROZYGOUS:
            enough = copies == 1
        case Zygosity.HOMOZYGOUS:
            enough = copies == 2
        case Zygosity.CARRIER:
            enough = copies >= 1
    if isinstance(wanted, nodes.Variant):
        site = (wanted.chromosome, wanted.position, wanted.reference, wanted.alternate)
        return enough and site == (
            variant.chromosome, variant.position, variant.reference, variant.alternate,
        )  # fmt: skip
    return (
        enough
        and (wanted.gene is None or variant.gene == wanted.gene)
        and (wanted.chromosome is None or variant.chromosome == wanted.chromosome)
        and _between(variant.position, wanted.start, wanted.end)
    )


def _within(criterion: nodes.Within, case: Case) -> bool:
    events = _days(fitting(criterion.event, case))
    anchors = _days(fitting(criterion.anchor, case))
    if criterion.first:
        anchors = anchors[:1]
    return any(
        _between((event - anchor).days, criterion.low, criterion.high)
        for event in events
        for anchor in anchors
    )


# --- conditions on one value: what is missing satisfies none, what is left open asks for nothing ----------


def _age(donor: Donor, ages_at: date) -> int | None:
    """On the day, or at death for those who died before."""
    died = donor.died is not None and donor.died < ages_at
    return complete_years(donor.born, donor.died if died else ages_at)


def _day(row: DatedRow) -> date | None:
    return row.collected if isinstance(row, SpecimenRow) else row.on


def _days(rows: Iterable[DatedRow]) -> list[date]:
    return sorted(day for row in rows if (day := _day(row)) is not None)


def _dated(on: date | None, window: Window, age: Ages, donor: Donor) -> bool:
    return _in_window(on, window) and _of_age(complete_years(donor.born, on), age)


def _in_window(on: date | None, window: Window) -> bool:
    if window.since is None and window.until is None:
        return True
    return (
        on is not None
        and (window.since is None or window.since <= on)
        and (window.until is None or on <= window.until)
    )


def _of_age(years: int | None, wanted: Ages) -> bool:
    return _between(years, wanted.low, wanted.high)


def _between(value: float | None, low: float | None, high: float | None) -> bool:
    if low is None and high is None:
        return True
    return value is not None and (low is None or low <= value) and (high is None or value <= high)


def _among(value: str | None, wanted: frozenset[str]) -> bool:
    return not wanted or value in wanted


# --- what is counted --------------------------------------------------------------------------------------


def _amount(question: Question, case: Case) -> int:
    """What the donor adds to the whole."""
    if question.count is Count.DONORS:
        return 1
    return sum(_weight(question.count, row) for row in _samples(question, case))


def _cells(question: Question, case: Case) -> Counter[Cell]:
    """What the donor adds to each cell."""
    added: Counter[Cell] = Counter()
    if question.count is Count.DONORS:
        of_specimens = not SPECIMEN_AXES.isdisjoint(question.by)
        rows: Iterable[SpecimenRow | None] = _samples(question, case) if of_specimens else [None]
        for cell in {cell for row in rows for cell in _places(question, case, row)}:
            added[cell] = 1  # once, however many specimens of the donor lie there
    else:
        for row in _samples(question, case):
            for cell in _places(question, case, row):
                added[cell] += _weight(question.count, row)
    return added


def _weight(count: Count, row: SpecimenRow) -> int:
    return row.aliquots if count is Count.ALIQUOTS else 1


def _samples(question: Question, case: Case) -> list[SpecimenRow]:
    return [row for row in case.specimens if _specimen(question.samples, row, case.donor)]


def _places(question: Question, case: Case, row: SpecimenRow | None) -> set[Cell]:
    """The cells of one specimen of the donor; without one, of the donor alone."""
    return set(product(*(_values(axis, question, case, row) for axis in question.by)))


def _values(axis: Axis, question: Question, case: Case, row: SpecimenRow | None) -> set[str]:
    donor = case.donor
    match axis:
        case Axis.SEX:
            return {str(donor.sex)}
        case Axis.AGE_BAND:
            return {band(_age(donor, question.ages_at))}
        case Axis.REGION:
            return {donor.region or MISSING}
        case Axis.DIAGNOSIS_CHAPTER:
            return {icd10.chapter_of(diagnosis.code) or MISSING for diagnosis in case.diagnoses}
        case _:
            assert row is not None, "an axis of specimens is only looked up for a specimen"
    match axis:
        case Axis.YEAR:
            return {str(row.collected.year) if row.collected else MISSING}
        case Axis.BIOBANK:
            return {row.biobank}
        case Axis.COLLECTION:
            return {row.collection or MISSING}
        case Axis.SAMPLE_TYPE:
            return {row.type or MISSING}
        case _:
            assert_never(axis)
