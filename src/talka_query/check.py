"""Does a question speak of what a node knows? Every unknown name comes back with its place and the nearest known.

    for problem in problems(question, catalogue): print(problem)
    engine.answer(converted(question, catalogue), basis)

What is judged here is public: the answer depends on the question and the node's catalogue, never on a donor. So a
catalogue lists what the node *understands* (its biobanks, its code systems), not what occurs in its records.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Protocol

from talka_query import nodes, walk
from talka_query.nodes import VERSION, Ages, Criterion, Question, Use, Window
from talka_query.wire import MOST_AXES, masked


class Catalogue(Protocol):
    """What a node understands. `measures` are LOINC codes, `genes` HGNC symbols, `chromosomes` without "chr"."""

    @property
    def biobanks(self) -> AbstractSet[str]: ...
    @property
    def collections(self) -> AbstractSet[str]: ...
    @property
    def types(self) -> AbstractSet[str]: ...
    @property
    def temperatures(self) -> AbstractSet[str]: ...
    @property
    def regions(self) -> AbstractSet[str]: ...
    @property
    def cohorts(self) -> AbstractSet[str]: ...
    @property
    def measures(self) -> AbstractSet[str]: ...
    @property
    def procedures(self) -> AbstractSet[str]: ...
    @property
    def genes(self) -> AbstractSet[str]: ...
    @property
    def chromosomes(self) -> AbstractSet[str]: ...

    def diagnosis(self, code: str) -> None:
        """Raises ValueError, saying what would be right, if this is no code, range or chapter of ICD-10."""
        ...

    def medicine(self, code: str) -> None:
        """Raises ValueError, saying what would be right, if this is no ATC code."""
        ...

    def unit(self, measure: str) -> str | None:
        """The unit (UCUM) in which the node keeps a measurement."""
        ...

    def conversion(self, measure: str, unit: str) -> Callable[[float], float]:
        """From `unit` into the node's own. Raises ValueError, saying what would be right."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """`path`: where, as in "such_that.of[2].codes"; `near`: known names like the wrong one, the nearest first."""

    path: str
    problem: str
    near: tuple[str, ...] = ()

    def __str__(self) -> str:
        hint = f"; did you mean {' or '.join(self.near)}?" if self.near else ""
        return f"{self.path}: {self.problem}{hint}"


def problems(question: Question, catalogue: Catalogue) -> list[Problem]:
    """All that keeps the node from answering, in the order of the question; empty if it can."""
    found = list(_of_question(question, catalogue))
    for path, criterion in walk.criteria(question):
        found += _of_criterion(path, criterion, question, catalogue)
    return found


def converted(question: Question, catalogue: Catalogue) -> Question:
    """The same question with values in the node's own units, as engines want it. Raises ValueError: see `problems`."""

    def change(pattern: nodes.Measurement) -> nodes.Measurement:
        if pattern.unit is None:
            return pattern
        convert = catalogue.conversion(pattern.code, pattern.unit)
        return replace(
            pattern,
            low=None if pattern.low is None else convert(pattern.low),
            high=None if pattern.high is None else convert(pattern.high),
            unit=catalogue.unit(pattern.code),
        )

    return walk.measurements(question, change)


# --- the parts --------------------------------------------------------------------------------------------


def _of_question(question: Question, catalogue: Catalogue) -> Iterator[Problem]:
    if question.version != VERSION:
        yield Problem("version", f"{question.version} is not known here; this is version {VERSION}")
    if len(question.by) > MOST_AXES:
        yield Problem("by", f"names {len(question.by)} axes; the most is {MOST_AXES}")
    if len(set(question.by)) < len(question.by):
        yield Problem("by", "names an axis twice")
    purpose = question.purpose
    if purpose.use is Use.DISEASE and purpose.disease is None:
        yield Problem("purpose.disease", "is missing; research on a disease must say which (ICD-10)")
    if purpose.use is not Use.DISEASE and purpose.disease is not None:
        yield Problem("purpose.disease", f'goes with the use "{Use.DISEASE}" only')
    if purpose.disease is not None:
        yield from _coded("purpose.disease", [purpose.disease], catalogue.diagnosis)
    if len(purpose.country) != 2 or not (purpose.country.isascii() and purpose.country.isupper()):
        yield Problem("purpose.country", "must be a code of two letters (ISO 3166-1), as in LV")


def _of_criterion(
    path: str, criterion: Criterion, question: Question, catalogue: Catalogue
) -> Iterator[Problem]:
    match criterion:
        case nodes.Age(years):
            yield from _ages(f"{path}.years", years)
        case nodes.Born(window):
            yield from _window(f"{path}.window", window)
        case nodes.LivesIn(any_of):
            yield from _known(f"{path}.any_of", any_of, catalogue.regions, "region")
        case nodes.InCohort(cohort):
            yield from _known(f"{path}.cohort", [cohort], catalogue.cohorts, "cohort or study")
        case nodes.Diagnosis(codes, _, window, age):
            yield from _coded(f"{path}.codes", codes, catalogue.diagnosis)
            yield from _dated(path, window, age)
        case nodes.Medication(codes, _, window, age):
            yield from _coded(f"{path}.codes", codes, catalogue.medicine)
            yield from _dated(path, window, age)
        case nodes.Procedure(codes, window, age):
            yield from _known(f"{path}.codes", codes, catalogue.procedures, "procedure")
            yield from _dated(path, window, age)
        case nodes.Specimen():
            yield from _known(f"{path}.types", criterion.types, catalogue.types, "sample type")
            yield from _known(
                f"{path}.temperatures", criterion.temperatures, catalogue.temperatures, "temperature"
            )
            yield from _known(f"{path}.biobanks", criterion.biobanks, catalogue.biobanks, "biobank")
            yield from _known(
                f"{path}.collections", criterion.collections, catalogue.collections, "collection"
            )
            yield from _window(f"{path}.collected", criterion.collected)
            yield from _ages(f"{path}.age", criterion.age)
        case nodes.Measurement():
            yield from _measurement(path, criterion, catalogue)
            yield from _dated(path, criterion.window, criterion.age)
        case nodes.Variant() | nodes.VariantIn():
            yield from _genetic(path, criterion, question, catalogue)
        case nodes.Within(_, _, low, high):
            yield from _in_order(path, low, high)


def _measurement(path: str, pattern: nodes.Measurement, catalogue: Catalogue) -> Iterator[Problem]:
    unknown = list(_known(f"{path}.code", [pattern.code], catalogue.measures, "measurement (LOINC)"))
    yield from unknown
    yield from _in_order(path, pattern.low, pattern.high)
    if pattern.unit is not None and not unknown:
        try:
            catalogue.conversion(pattern.code, pattern.unit)
        except ValueError as error:
            yield Problem(f"{path}.unit", masked(str(error)))


def _genetic(
    path: str, criterion: nodes.Variant | nodes.VariantIn, question: Question, catalogue: Catalogue
) -> Iterator[Problem]:
    if not question.purpose.genetic:
        yield Problem("purpose.genetic", f"must be true, for {path} reads genetic data")
    if criterion.chromosome is not None:
        yield from _known(f"{path}.chromosome", [criterion.chromosome], catalogue.chromosomes, "chromosome")
    if isinstance(criterion, nodes.VariantIn):
        if criterion.gene is not None:
            yield from _known(f"{path}.gene", [criterion.gene], catalogue.genes, "gene")
        yield from _in_order(path, criterion.start, criterion.end, "start", "end")
    elif criterion.position < 1:
        yield Problem(f"{path}.position", f"is {criterion.position}; positions count from 1")


def _dated(path: str, window: Window, age: Ages) -> Iterator[Problem]:
    yield from _window(f"{path}.window", window)
    yield from _ages(f"{path}.age", age)


def _window(path: str, window: Window) -> Iterator[Problem]:
    if window.since is not None and window.until is not None and window.since > window.until:
        yield Problem(path, f"ends ({window.until}) before it begins ({window.since}); no day lies in it")


def _ages(path: str, ages: Ages) -> Iterator[Problem]:
    yield from _in_order(path, ages.low, ages.high)


def _in_order(
    path: str, low: float | None, high: float | None, lows: str = "low", highs: str = "high"
) -> Iterator[Problem]:
    if low is not None and high is not None and low > high:
        yield Problem(f"{path}.{lows}", f"is {low}, above {highs}, {high}; nothing lies between")


def _coded(path: str, codes: Iterable[str], refuse: Callable[[str], None]) -> Iterator[Problem]:
    for code in sorted(codes):
        try:
            refuse(code)
        except ValueError as error:
            yield Problem(path, masked(str(error)))


def _known(path: str, names: Iterable[str], known: AbstractSet[str], what: str) -> Iterator[Problem]:
    for name in sorted(names):
        if name not in known:
            folded = {each.casefold(): each for each in sorted(known)}
            near = difflib.get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.5)
            yield Problem(
                path,
                masked(f"{name!r} is no {what} that this node knows"),
                tuple(folded[each] for each in near),
            )
