"""Test mode: the same Beacon over a few hundred invented people, so that a client can be tried against everything,
records included, without a visa. Every answer is drawn from the numbers below; nothing of the node's own is touched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from talka_node.beacon import documents
from talka_node.beacon.documents import Document
from talka_node.beacon.source import About, Cohort, Dataset, Entry, Page, Told, Visa, Vocabulary
from talka_node.consent import Basis, Standing, State, basis, examples
from talka_node.engines.memory import Memory, outermost
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
from talka_query.nodes import All, Count, Purpose, Question, Sex, Specimen, Variant, VariantIn

LEAST, ROUNDING = 5, 5  # as a node's policy would have it at the least
PEOPLE = 240
CONSENTED = ("research", "statistics", "genetic", "commercial", "abroad")

_CODES = ("C34.1", "C50.9", "E11.9", "I10", "J45.9", "C18.7")
_TYPES = ("Serum", "Plasma", "DNA", "WholeBlood")
_COLD = ("-60to-85", "LN")
_VARIANTS = (
    VariantRow(0, "17", 43045703, "G", "A", "BRCA1"),
    VariantRow(1, "13", 32316462, "A", "G", "BRCA2"),
    VariantRow(2, "1", 55039974, "G", "T", "PCSK9"),
)


def people() -> Records:
    """The invented people: donor n is born in 1930 + n mod 70, and so on by other remainders."""
    found = Records(variants=list(_VARIANTS))
    for n in range(PEOPLE):
        born = date(1930 + n % 70, 1 + n % 12, 1 + n % 28)
        event = date(2010 + n % 12, 1 + n % 12, 15)
        found.donors.append(Donor(n, (Sex.FEMALE, Sex.MALE)[n % 2], born, None, f"LV00{n % 5}"))
        found.diagnoses.append(DiagnosisRow(n, _CODES[n % 6], event))
        found.measurements.append(MeasurementRow(n, "718-7", 110.0 + n % 60, event))
        found.specimens += [
            SpecimenRow(f"sample-{n}-{k}", n, "test", ("blood", "cancer")[n % 2], _TYPES[(n + k) % 4],
                        event + timedelta(30 * k), _COLD[n % 2], 1 + n % 4)
            for k in range(1 + n % 2)
        ]  # fmt: skip
        if n % 4 == 0:
            found.medications.append(MedicationRow(n, "A10BA02", event))
            found.procedures.append(ProcedureRow(n, "test-1", event))
            found.cohorts.append(CohortRow(n, "test-cohort"))
        if n % 5:
            found.genotypes.append(GenotypeRow(n % 3, n, 1 + n % 2))
    return found


class Synthetic:
    """A BeaconSource over `people()`, judged by the plain engine. All of them have consented to everything."""

    def __init__(self, about: About) -> None:
        keeps = about.keeps | {Entry.RUN, Entry.ANALYSIS}
        self._about = replace(about, environment="test", keeps=keeps)
        self._bases: dict[tuple[Purpose, int, date], Basis] = {}

    def about(self) -> About:
        return self._about

    def datasets(self) -> Sequence[Dataset]:
        return [
            Dataset(
                "test-blood",
                "Invented blood",
                Specimen(collections=frozenset({"blood"})),
                "",
                ("DUO:0000042",),
            ),
            Dataset("test-cancer", "Invented cancer", Specimen(collections=frozenset({"cancer"}))),
        ]

    def cohorts(self) -> Sequence[Cohort]:
        return [Cohort("test-cohort", "Invented cohort")]

    def vocabulary(self) -> Vocabulary:
        return Vocabulary(
            regions={f"LV00{n}": f"Invented region {n}" for n in range(5)},
            biobanks={"test": "Invented biobank"},
            collections={"blood": "Invented blood", "cancer": "Invented cancer"},
            measurements={"718-7": "g/L"},
            procedures={"test-1": "Invented procedure"},
        )

    async def ask(self, entry: Entry, question: Question) -> Told:
        donors = self._donors(question)
        if entry in (Entry.VARIANT, Entry.RUN, Entry.ANALYSIS):
            donors = [donor for donor in donors if self._apart[donor].genotypes]
        if len(donors) < LEAST:
            return Told(False, 0, LEAST)
        whole = len(donors)
        if question.count is not Count.DONORS:
            whole = sum(self._count(question, donor) for donor in donors)
        count = None if entry is Entry.VARIANT else ROUNDING * round(whole / ROUNDING)
        return Told(True, count, LEAST, ROUNDING // 2)

    async def visa(self, authorization: str | None) -> Visa:
        return Visa("test", frozenset(each.id for each in self.datasets()))

    async def records(
        self,
        entry: Entry,
        question: Question,
        dataset: Dataset,
        of: tuple[Entry, str] | None,
        visa: Visa,
        page: slice,
    ) -> Page:
        """`question` asks within the dataset already; `of` narrows to what belongs to one entry."""
        donors = self._donors(question)
        if of is not None and of[0] in (Entry.INDIVIDUAL, Entry.BIOSAMPLE, Entry.RUN, Entry.ANALYSIS):
            donors = [donor for donor in donors if self._owns(donor, *of)]
        found = self._documents(entry, donors, question)
        if of is not None and of[0] is entry:
            id_name = "variantInternalId" if entry is Entry.VARIANT else "id"
            found = [each for each in found if each[id_name] == of[1]]
        return Page(len(found), found[page])

    # --- who fits ---

    @cached_property
    def _records(self) -> Records:
        return people()

    @cached_property
    def _states(self) -> dict[int, State]:
        """Each donor's consent by itself, as the records: an engine asked about one person looks at no other."""
        forms = examples()
        states = {donor.donor: State(forms) for donor in self._records.donors}
        for donor, state in states.items():
            state.put(donor, "test", Standing.of("invented-broad", 2, *CONSENTED))
        return states

    @cached_property
    def _apart(self) -> dict[int, Records]:
        """Each donor's records by themselves: who fits a question is whoever still counts alone."""
        apart: dict[int, Records] = defaultdict(lambda: Records(variants=self._records.variants))
        for name in (each.name for each in fields(Records) if each.name != "variants"):
            for row in getattr(self._records, name):
                getattr(apart[row.donor], name).append(row)
        return dict(apart)

    @cached_property
    def _engines(self) -> dict[int, Memory]:
        return {donor: Memory(records) for donor, records in self._apart.items()}

    def _basis(self, purpose: Purpose, donor: int) -> Basis:
        key = (purpose, donor, datetime.now(UTC).date())
        if key not in self._bases:
            if len(self._bases) > 4 * PEOPLE:  # another day, or many purposes
                self._bases.clear()
            self._bases[key] = basis(self._states[donor], purpose, key[2])
        return self._bases[key]

    def _count(self, question: Question, donor: int, engine: Memory | None = None) -> int:
        engine = self._engines[donor] if engine is None else engine
        return engine.answer(question, self._basis(question.purpose, donor)).whole

    def _donors(self, question: Question) -> list[int]:
        asked = replace(question, count=Count.DONORS, samples=Specimen(), by=())
        return [donor for donor in self._engines if self._count(asked, donor)]

    # --- documents ---

    def _owns(self, donor: int, entry: Entry, told: str) -> bool:
        rows = self._apart[donor]
        owned = {
            Entry.INDIVIDUAL: {_name(donor)},
            Entry.BIOSAMPLE: {row.specimen for row in rows.specimens},
            Entry.RUN: {f"run-{donor}"},
            Entry.ANALYSIS: {f"analysis-{donor}"},
        }
        return told in owned[entry]

    def _documents(self, entry: Entry, donors: list[int], question: Question) -> list[Document]:
        rows = [self._apart[donor] for donor in donors]
        sequenced = [each for each in rows if each.genotypes]
        make: dict[Entry, Callable[[], list[Document]]] = {
            Entry.INDIVIDUAL: lambda: [self._individual(each) for each in rows],
            Entry.BIOSAMPLE: lambda: [
                documents.biosample(row, each.donors[0], _name) for each in rows for row in each.specimens
                if self._fits(row, each, question)
            ],
            Entry.VARIANT: lambda: self._variants(sequenced, question),
            Entry.RUN: lambda: [_run(each) for each in sequenced],
            Entry.ANALYSIS: lambda: [_analysis(each) for each in sequenced],
        }  # fmt: skip
        return make[entry]()

    def _fits(self, row: SpecimenRow, of: Records, question: Question) -> bool:
        """Whether this one sample counts, asked of the engine as if it were the donor's only one."""
        alone = Memory(Records(donors=of.donors, specimens=[row]))
        asked = replace(question, such_that=question.samples, count=Count.SAMPLES, by=())
        return bool(self._count(asked, row.donor, alone))

    def _individual(self, rows: Records) -> Document:
        return documents.individual(
            rows.donors[0], _name, rows.diagnoses, rows.measurements, rows.medications, rows.procedures,
            self.vocabulary().measurements,
        )  # fmt: skip

    def _variants(self, sequenced: list[Records], question: Question) -> list[Document]:
        asked = [each for each in outermost(question.such_that) if isinstance(each, Variant | VariantIn)]
        about = replace(question, such_that=All(tuple(asked)), count=Count.DONORS, by=())
        found = []
        for row in self._records.variants:
            carriers = [
                (genotype, _name(genotype.donor), each.specimens[0].specimen)
                for each in sequenced
                for genotype in each.genotypes
                if genotype.variant == row.variant and self._reads(row, genotype, each, about)
            ]
            if carriers:
                found.append(documents.variant(row, carriers))
        return found

    def _reads(self, row: VariantRow, genotype: GenotypeRow, of: Records, about: Question) -> bool:
        """Whether this one variant fits, asked of the engine as if it were all that the donor carries."""
        alone = Memory(Records(donors=of.donors, variants=[row], genotypes=[genotype]))
        return bool(self._count(about, genotype.donor, alone))


def _name(donor: int) -> str:
    return f"test-{donor}"


def _run(rows: Records) -> Document:
    first = rows.specimens[0]
    return {
        "id": f"run-{first.donor}",
        "biosampleId": first.specimen,
        "individualId": _name(first.donor),
        "runDate": "2024-01-15",
        "libraryStrategy": "WGS",
    }


def _analysis(rows: Records) -> Document:
    first = rows.specimens[0]
    return {
        "id": f"analysis-{first.donor}",
        "runId": f"run-{first.donor}",
        "biosampleId": first.specimen,
        "individualId": _name(first.donor),
        "analysisDate": "2024-02-15",
        "pipelineName": "invented",
    }
