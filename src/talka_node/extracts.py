"""Rows of donors for whoever holds a visa: within consent as it is when they are read, in batches.

    with Extract(node, question) as extract:
        extract.total            # what the question counts, by the index
        extract.donors           # who fits, by number, ascending
        extract.cases(extract.donors, ("diagnoses",))

Whatever is long is read in batches, so that a hundred thousand records take no more memory than a few hundred. Each
batch asks the state of consents anew, after its rows were read: who withdraws while an answer runs is in no later
batch. It is the caller who has checked the visa, masks the rows and writes the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from talka_node import consent
from talka_node.consent import Grounds
from talka_node.engines.memory import Case, fitting
from talka_node.node import Node
from talka_node.records import (
    CohortRow,
    DiagnosisRow,
    Donor,
    GenotypeRow,
    MeasurementRow,
    MedicationRow,
    ProcedureRow,
    SpecimenRow,
    VariantRow,
)
from talka_query.nodes import Count, Question, Sex, Specimen, Variant, VariantIn, Zygosity

Ints = npt.NDArray[np.int32]

BATCH = 512  # donors with all their facts: some hundreds each
LIGHT = 8192  # donors with their specimens alone
GENOTYPES = 50_000  # of a batch of variants

FACTS: dict[str, tuple[Callable[..., Any], str]] = {
    "diagnoses": (DiagnosisRow, 'donor, code, "on"'),
    "measurements": (MeasurementRow, 'donor, code, value, "on"'),
    "medications": (MedicationRow, 'donor, code, "on"'),
    "procedures": (ProcedureRow, 'donor, code, "on"'),
    "cohorts": (CohortRow, "donor, cohort"),
}
_SPECIMEN = "specimen, donor, biobank, collection, type, collected, temperature, aliquots"
_VARIANT = "variant, chromosome, position, reference, alternate, gene"


@dataclass(slots=True)
class Carried:
    """A variant and who carries it."""

    variant: VariantRow
    genotypes: list[GenotypeRow] = field(default_factory=list)


class Extract:
    """One reading of a node's facts, for the purpose of the question."""

    def __init__(self, node: Node, question: Question, grounds: Grounds | None = None) -> None:
        """`grounds`: what a permit establishes beside the purpose, for consents that depend on it."""
        self.basis = consent.basis(node.log.state, question.purpose, node.today(), grounds or Grounds())
        engine = node.engine()
        self.donors: Ints = engine.donors(question, self.basis)
        self.total = (
            len(self.donors) if question.count is Count.DONORS else engine.answer(question, self.basis).whole
        )
        self._link = node.store.connect()

    def close(self) -> None:
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    # --- donors -------------------------------------------------------------------------------------------

    def only(self, donor: int | None) -> None:
        """Narrows the extract to one donor, if they are among its donors; None: to nobody."""
        self.donors = self.donors[self.donors == (-1 if donor is None else donor)]
        self.total = len(self.donors)

    def holder(self, specimen: str) -> int | None:
        """Whose specimen it is, if it may be seen at all."""
        rows = self._rows(f"SELECT {_SPECIMEN} FROM specimens WHERE specimen = ?", [specimen])
        seen = [row for row in map(_specimen, rows) if self._permits(row)]
        return seen[0].donor if seen else None

    def cases(self, donors: Ints, tables: Sequence[str], batch: int = BATCH) -> Iterator[Case]:
        """The donors in their order, each with rows of these tables; who consents no more is left out."""
        for start in range(0, len(donors), batch):
            yield from self._batch(donors[start : start + batch], tables)

    def _batch(self, donors: Ints, tables: Sequence[str]) -> Iterator[Case]:
        cases = {
            row[0]: Case(_donor(row)) for row in self._of("donors", "donor, sex, born, died, region", donors)
        }
        if "specimens" in tables:
            for row in map(_specimen, self._of("specimens", _SPECIMEN, donors)):
                if row.donor in cases and self._permits(row):
                    cases[row.donor].specimens.append(row)
        for table in tables:
            if table == "specimens":
                continue
            make, columns = FACTS[table]
            for fact in self._of(table, columns, donors):
                if (case := cases.get(fact[0])) is not None:
                    if table == "cohorts":
                        case.cohorts.add(fact[1])
                    else:
                        getattr(case, table).append(make(*fact))
        standing = self._standing(donors)
        yield from (cases[donor] for donor in donors[standing].tolist() if donor in cases)

    def _of(self, table: str, columns: str, donors: Ints) -> list[tuple[Any, ...]]:
        self._link.register("wanted", {"donor": donors})
        # The limits let whole groups of rows be passed over; numbers were given in the order of import.
        return self._rows(
            f"SELECT {columns} FROM {table} WHERE donor BETWEEN {int(donors[0])} AND {int(donors[-1])}"
            " AND donor IN (SELECT donor FROM wanted) ORDER BY ALL",
            [],
        )

    def _rows(self, select: str, values: list[Any]) -> list[tuple[Any, ...]]:
        return self._link.execute(select, values).fetchall()

    def _standing(self, donors: Ints) -> npt.NDArray[np.bool_]:
        """Who still consents, now."""
        return np.isin(donors, self.basis.donor_array())

    def _permits(self, row: SpecimenRow) -> bool:
        return self.basis.permits(row.donor, row.biobank)

    # --- specimens ----------------------------------------------------------------------------------------

    def specimens(self, pattern: Specimen) -> Iterator[tuple[SpecimenRow, Donor]]:
        """The specimens of the donors that fit, in order of donor and name."""
        yield from self._fitting(self.donors, pattern)

    def specimens_of(self, donors: Sequence[int], pattern: Specimen) -> Iterator[tuple[SpecimenRow, Donor]]:
        """The same of these donors, ascending."""
        yield from self._fitting(np.array(donors, np.int32), pattern)

    def _fitting(self, donors: Ints, pattern: Specimen) -> Iterator[tuple[SpecimenRow, Donor]]:
        for case in self.cases(donors, ("specimens",), LIGHT):
            for row in sorted(fitting(pattern, case), key=_name):
                assert isinstance(row, SpecimenRow)
                yield row, case.donor

    # --- variants -----------------------------------------------------------------------------------------

    def variants(self, wanted: Sequence[Variant | VariantIn]) -> tuple[Ints, Ints]:
        """Numbers of the variants that fit all of `wanted` and are carried by one of the donors; and how often."""
        self._link.register("everybody", {"donor": self.donors})
        where, values = _place(wanted)
        found = self._link.execute(
            "SELECT variant, count(*)::INTEGER AS often FROM genotypes JOIN variants USING (variant)"
            f" WHERE donor IN (SELECT donor FROM everybody){where} GROUP BY variant ORDER BY variant",
            values,
        ).fetchnumpy()
        return np.asarray(found["variant"], np.int32), np.asarray(found["often"], np.int32)

    def carried(
        self, wanted: Sequence[Variant | VariantIn], variants: Ints, often: Ints
    ) -> Iterator[list[Carried]]:
        """These variants with who of the donors carries them, in batches."""
        where, values = _place(wanted)
        start = 0
        while start < len(variants):
            behind = np.searchsorted(np.cumsum(often[start:], dtype=np.int64), GENOTYPES, "right")
            end = start + max(1, min(int(behind), 1000))
            numbers = variants[start:end]
            start = end
            self._link.register("wanted", {"variant": numbers})
            found = {
                row[0]: Carried(VariantRow(*row))
                for row in self._rows(
                    f"SELECT {_VARIANT} FROM variants WHERE variant IN (SELECT variant FROM wanted)", []
                )
            }
            self._link.register("everybody", {"donor": self.donors})
            rows = self._rows(
                "SELECT variant, donor, copies FROM genotypes JOIN variants USING (variant) WHERE variant BETWEEN"
                f" {int(numbers[0])} AND {int(numbers[-1])} AND variant IN (SELECT variant FROM wanted)"
                f" AND donor IN (SELECT donor FROM everybody){where} ORDER BY ALL",
                values,
            )
            standing = set(self.donors[self._standing(self.donors)].tolist())
            for row in rows:
                if row[1] in standing:
                    found[row[0]].genotypes.append(GenotypeRow(*row))
            yield [
                each
                for number in numbers.tolist()
                if (each := found.get(number)) is not None and each.genotypes
            ]


def _place(wanted: Sequence[Variant | VariantIn]) -> tuple[str, list[Any]]:
    """The conditions as SQL, with their values."""
    parts: list[str] = []
    values: list[Any] = []
    for each in wanted:
        if isinstance(each, Variant):
            parts += ["chromosome = ?", '"position" = ?', "reference = ?", "alternate = ?"]
            values += [each.chromosome, each.position, each.reference, each.alternate]
        else:
            told = (
                ("gene = ?", each.gene), ("chromosome = ?", each.chromosome), ('"position" >= ?', each.start),
                ('"position" <= ?', each.end),
            )  # fmt: skip
            for part, value in told:
                if value is not None:
                    parts.append(part)
                    values.append(value)
        if each.zygosity is not Zygosity.CARRIER:
            parts.append(f"copies = {1 if each.zygosity is Zygosity.HETEROZYGOUS else 2}")
    return "".join(f" AND {part}" for part in parts), values


def _donor(row: tuple[Any, ...]) -> Donor:
    return Donor(row[0], Sex(row[1]), *row[2:])


def _specimen(row: tuple[Any, ...]) -> SpecimenRow:
    return SpecimenRow(*row)


def _name(row: Any) -> str:
    return str(row.specimen)
