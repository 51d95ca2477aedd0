"""Small stores, consents and questions that are nasty on purpose, and the one test that every engine must pass.

    def test_it_agrees() -> None:
        stores.agree(lambda records, state: Bitmap.build(Columns.of(records), state))

Values come from short lists full of neighbours and edges, so that ends of windows and ranges are hit, dates tie, and
rows repeat; a question asks about the same lists, so that it is often true of some and not of all. Hypothesis draws a
seed, the rest follows from it: drawing each value through Hypothesis gave four times fewer different questions and
took fifty times as long. What it would have shrunk, `smallest` does, which knows what a scene is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from datetime import date, timedelta
from random import Random
from typing import Any, TypeVar

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from talka_node.consent import Form, Forms, Standing, State, basis
from talka_node.consent.forms import Term
from talka_node.engines import Engine
from talka_node.engines.memory import Memory
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
from talka_query import nodes
from talka_query.ages import complete_years
from talka_query.nodes import (
    Ages,
    AskerKind,
    Axis,
    Count,
    Criterion,
    Dated,
    Purpose,
    Question,
    Sex,
    Use,
    Window,
    Zygosity,
)

T = TypeVar("T")

# --- the short lists --------------------------------------------------------------------------------------

# Far apart, out of order, and neither dense nor small: a donor's number is no place in an array.
DONORS = (3, 0, 1, 70_000, 2, 8, 2_000_000_011, 65_536)
BIOBANKS = ("A", "B", "C")
COLLECTIONS = ("A:1", "A:2", "B:1")
TYPES = ("Serum", "DNA", "TissueFrozen")
TEMPERATURES = ("-60to-85", "LN", "RT")
REGIONS = ("LV00A", "LV00B", "0001000")
COHORTS = ("births", "lungs")
DAYS = (
    date(2016, 2, 29), date(2018, 12, 31), date(2019, 1, 1), date(2019, 2, 28), date(2019, 3, 1),
    date(2020, 2, 28), date(2020, 2, 29), date(2020, 3, 1), date(2021, 2, 28), date(2021, 3, 1),
)  # fmt: skip
BIRTHS = (
    date(1931, 3, 1), date(1952, 2, 28), date(1952, 2, 29), date(1952, 3, 1), date(1969, 12, 31), date(1970, 1, 1),
    date(2004, 2, 29), date(2016, 2, 29), date(2019, 3, 1),
)  # fmt: skip
AGES = tuple(sorted({age for b in BIRTHS for d in DAYS if (age := complete_years(b, d)) is not None}))
APART = (-800, -366, -365, -60, -1, 0, 1, 28, 29, 60, 365, 366, 800)  # days between two of DAYS, or nearly
DIAGNOSES = (
    "C34",
    "C34.1",
    "C34.10",
    "C35",
    "B99.9",
    "C97",
    "D00.0",
    "D49",
    "E11.9",
    "E90",
    "U07.1",
    "Z99.9",
)
WANTED = ("C34", "C34.1", "C33-C34", "C00-C97", "II", "E10-E14", "E70-E90", "XXII", "I", "XX")
MEDICINES = ("A10", "A10BA02", "A10BB01", "A11", "C09AA05")
PROCEDURES = ("biopsy", "colonoscopy", "lobectomy")
GENES = ("GENE1", "GENE2")
MEASURES = ("39156-5", "4548-4")
VALUES = (-1.0, 0.0, 24.9, 25.0, 25.000000000000004, 30.0)
VARIANTS = (
    VariantRow(7, "1", 100, "A", "G", "GENE1"),
    VariantRow(3, "1", 100, "A", "T", "GENE1"),
    VariantRow(100, "1", 200, "AT", "A", None),
    VariantRow(4, "2", 100, "A", "G", "GENE2"),
    VariantRow(5, "X", 201, "C", "CA", "GENE2"),
)

# --- consents ---------------------------------------------------------------------------------------------

TODAY, LATER = date(2026, 6, 1), date(2026, 7, 1)
FORMS = Forms(
    [
        Form("anything", 1, always=frozenset({Term("NRES")})),
        Form("research", 1, always=frozenset({Term("GRU"), Term("NCU")})),
        Form("lungs", 1, always=frozenset({Term("DS", ("C30-C39",))})),
    ]
)
STANDINGS: tuple[Standing | None, ...] = (
    Standing.of("anything", 1),
    Standing.of("research", 1),
    Standing.of("lungs", 1),
    Standing.of("not among the forms", 1),
    Standing.of("anything", 1, opted_out=True),
    None,
)
PURPOSES = (
    Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC),
    Purpose(Use.BIOMEDICAL, AskerKind.COMPANY, commercial=True),
    Purpose(Use.DISEASE, AskerKind.ACADEMIC, disease="C34.1"),
    Purpose(Use.OTHER, AskerKind.PUBLIC_BODY),
)


@dataclass(frozen=True)
class Consenting:
    """How a donor stands at a biobank from the beginning, and from some later day on."""

    donor: int
    biobank: str
    standing: Standing | None
    then: tuple[date, Standing | None] | None = None

    def put(self, state: State) -> None:
        steps = [(date.min, self.standing), *([self.then] if self.then else [])]
        state.plan(self.donor, self.biobank, steps)


@dataclass(frozen=True)
class Scene:
    """A store with its consents, what is asked of it, and the changes of consent before all is asked again."""

    records: Records
    consents: tuple[Consenting, ...]
    questions: tuple[Question, ...]
    changes: tuple[Consenting, ...] = ()

    def state(self) -> State:
        state = State(FORMS, TODAY)
        for consent in self.consents:
            consent.put(state)
        return state


# --- drawing: records -------------------------------------------------------------------------------------


def maybe(rng: Random, values: Sequence[T], missing: float = 0.15) -> T | None:
    """One of them, or now and then None."""
    return None if rng.random() < missing else rng.choice(values)


def draw_records(rng: Random) -> Records:
    """A few donors with a few records each; now and then one has records but no row of their own."""
    numbers = rng.sample(DONORS, rng.choice((1, 4, 6, 7, 8)))
    most = rng.choice((1, 4, 7)) * len(numbers)

    def rows(row: Callable[[int], T]) -> list[T]:
        return [row(rng.choice(numbers)) for _ in range(rng.randint(0, most))]

    genotypes = {(rng.choice(VARIANTS).variant, donor): rng.randint(1, 2) for donor in rows(lambda of: of)}
    found = Records(
        donors=[
            Donor(
                number, rng.choice(tuple(Sex)), maybe(rng, BIRTHS), maybe(rng, DAYS, 0.7), maybe(rng, REGIONS)
            )
            for number in numbers
            if rng.random() < 0.95
        ],
        specimens=rows(
            lambda of: SpecimenRow(
                "", of, rng.choice(BIOBANKS), maybe(rng, COLLECTIONS), maybe(rng, TYPES), maybe(rng, DAYS),
                maybe(rng, TEMPERATURES), rng.randint(0, 3),
            )
        ),
        diagnoses=rows(lambda of: DiagnosisRow(of, rng.choice(DIAGNOSES), maybe(rng, DAYS))),
        measurements=rows(
            lambda of: MeasurementRow(of, rng.choice(MEASURES), maybe(rng, VALUES), maybe(rng, DAYS))
        ),
        medications=rows(lambda of: MedicationRow(of, rng.choice(MEDICINES), maybe(rng, DAYS))),
        procedures=rows(lambda of: ProcedureRow(of, rng.choice(PROCEDURES), maybe(rng, DAYS))),
        cohorts=rows(lambda of: CohortRow(of, rng.choice(COHORTS))),
        variants=list(VARIANTS),
        genotypes=[GenotypeRow(*key, copies) for key, copies in genotypes.items()],
    )  # fmt: skip
    found.specimens = [replace(row, specimen=f"s{n}") for n, row in enumerate(found.specimens)]
    return found


# --- drawing: consents ------------------------------------------------------------------------------------


def draw_standing(rng: Random) -> Standing | None:
    return rng.choice(STANDINGS[:2] if rng.random() < 0.6 else STANDINGS)


def draw_consents(rng: Random, numbers: Sequence[int]) -> tuple[Consenting, ...]:
    """Most donors have said something at most places, mostly for good."""
    return tuple(
        Consenting(
            donor,
            biobank,
            draw_standing(rng),
            maybe(rng, [(day, draw_standing(rng)) for day in (TODAY, TODAY + timedelta(days=1), LATER)], 0.8),
        )
        for donor in numbers
        for biobank in BIOBANKS
        if rng.random() < 0.7
    )


# --- drawing: questions -----------------------------------------------------------------------------------


def some(rng: Random, values: Sequence[T]) -> frozenset[T]:
    return frozenset(rng.sample(values, rng.randint(1, 2)))


def ends(rng: Random, values: Sequence[Any]) -> tuple[Any, Any]:
    """Two ends, mostly the right way round; either may be open, now and then both are."""
    low, high = rng.choice(values), rng.choice(values)
    if low > high and rng.random() < 0.95:
        low, high = high, low
    return rng.choice(((low, None), (None, high), (low, high), (low, high), (low, high), (None, None)))


def draw_window(rng: Random, values: Sequence[date] = DAYS) -> Window:
    return Window(*ends(rng, values))


def draw_ages(rng: Random) -> Ages:
    return Ages(*ends(rng, AGES))


def draw_when(rng: Random) -> dict[str, Any]:
    """The conditions that most patterns share; mostly none, for each makes the pattern true of fewer."""
    return {
        "window": draw_window(rng) if rng.random() < 0.25 else Window(),
        "age": draw_ages(rng) if rng.random() < 0.2 else Ages(),
    }


def draw_specimen(rng: Random) -> nodes.Specimen:
    def set_of(values: Sequence[str]) -> frozenset[str]:
        return some(rng, values) if rng.random() < 0.25 else frozenset()

    return nodes.Specimen(
        types=set_of(TYPES),
        collected=draw_window(rng) if rng.random() < 0.25 else Window(),
        temperatures=set_of(TEMPERATURES),
        biobanks=set_of(BIOBANKS),
        collections=set_of(COLLECTIONS),
        aliquots=rng.randint(1, 3) if rng.random() < 0.2 else 0,
        age=draw_ages(rng) if rng.random() < 0.2 else Ages(),
    )


def draw_pattern(rng: Random) -> Dated:
    """`codes` of nothing are any: so they are now and then."""
    any_code = rng.random() < 0.2
    match rng.randrange(5):
        case 0:
            codes = some(rng, WANTED if rng.random() < 0.6 else DIAGNOSES)
            return nodes.Diagnosis(frozenset() if any_code else codes, rng.random() < 0.8, **draw_when(rng))
        case 1:
            return draw_specimen(rng)
        case 2:
            return nodes.Measurement(rng.choice(MEASURES), *ends(rng, VALUES), None, **draw_when(rng))
        case 3:
            codes = some(rng, (*MEDICINES, "A", "A10B"))
            return nodes.Medication(frozenset() if any_code else codes, rng.random() < 0.7, **draw_when(rng))
        case _:
            codes = some(rng, PROCEDURES)
            return nodes.Procedure(frozenset() if any_code else codes, **draw_when(rng))


def draw_variant(rng: Random) -> nodes.Variant | nodes.VariantIn:
    zygosity = rng.choice(tuple(Zygosity))
    match rng.randrange(3):
        case 0:
            row = rng.choice(VARIANTS)
            return nodes.Variant(row.chromosome, row.position, row.reference, row.alternate, zygosity)
        case 1:
            return nodes.VariantIn(gene=rng.choice(GENES), zygosity=zygosity)
        case _:
            low, high = ends(rng, (100, 101, 199, 200, 201))
            return nodes.VariantIn(maybe(rng, GENES, 0.7), rng.choice(("1", "2", "X")), low, high, zygosity)


def draw_leaf(rng: Random) -> Criterion:
    match rng.randrange(14):
        case 0:
            return nodes.IsSex(some(rng, tuple(Sex)))
        case 1:
            return nodes.Age(draw_ages(rng))
        case 2:
            return nodes.Born(draw_window(rng, BIRTHS))
        case 3:
            return nodes.Alive()
        case 4:
            return nodes.LivesIn(some(rng, REGIONS))
        case 5:
            return nodes.InCohort(rng.choice(COHORTS))
        case 6:
            return draw_variant(rng)
        case 7 | 8 | 9:
            event, anchor = draw_pattern(rng), draw_pattern(rng)
            return nodes.Within(event, anchor, *ends(rng, APART), rng.random() < 0.5)
        case _:
            return draw_pattern(rng)


def draw_criterion(rng: Random, depth: int = 3) -> Criterion:
    """Nested up to so many levels; most are shallow."""
    if not depth or rng.random() < 0.5:
        return draw_leaf(rng)
    kind = rng.choice((nodes.All, nodes.Any, nodes.Not))
    if kind is nodes.Not:
        return nodes.Not(draw_criterion(rng, depth - 1))
    of = tuple(draw_criterion(rng, depth - 1) for _ in range(rng.randint(0, 4)))
    return nodes.All(of) if kind is nodes.All else nodes.Any(of)


def draw_question(rng: Random) -> Question:
    return Question(
        purpose=rng.choice((PURPOSES[0], *PURPOSES)),
        such_that=draw_criterion(rng),
        ages_at=rng.choice(DAYS),
        count=rng.choice(tuple(Count)),
        samples=draw_specimen(rng) if rng.random() < 0.5 else nodes.Specimen(),
        by=tuple(rng.sample(tuple(Axis), rng.choice((0, 1, 1, 2, 3)))),
    )


def draw_scene(rng: Random, questions: int = 8) -> Scene:
    """A store, its consents, and so many questions."""
    records = draw_records(rng)
    # Consents of somebody who is not in the store (yet) are consents too.
    numbers = sorted({row.donor for row in records.donors} | {DONORS[0]})
    changes = [
        Consenting(rng.choice(numbers), rng.choice(BIOBANKS), draw_standing(rng))
        for _ in range(rng.randint(0, 4))
    ]
    return Scene(
        records,
        draw_consents(rng, numbers),
        tuple(draw_question(rng) for _ in range(questions)),
        tuple(changes),
    )


def questions() -> st.SearchStrategy[Question]:
    """For tests that need questions alone."""
    return st.randoms(use_true_random=True).map(draw_question)


# --- the test ---------------------------------------------------------------------------------------------

Make = Callable[[Records, State], Engine]


def agree(make: Make, questions: int = 8, scenes: int | None = None) -> None:
    """Fails unless the engine gives the judge's answers in as many scenes as the Hypothesis profile says (or `scenes`),
    with so many questions each; tells the smallest scene found in which it does not."""

    most = settings().max_examples if scenes is None else scenes

    @settings(max_examples=most, deadline=None, phases=[Phase.reuse, Phase.generate])
    @given(st.randoms(use_true_random=True))
    def ask(rng: Random) -> None:
        hold(make, draw_scene(rng, questions))

    ask()


def hold(make: Make, scene: Scene) -> None:
    """Fails if the engine does not give the judge's answers; tells the smallest scene found in which it does not."""
    if difference(make, scene) is not None:
        small = smallest(scene, lambda smaller: difference(make, smaller) is not None)
        raise AssertionError(f"{difference(make, small)}\nin {small}")


def difference(make: Make, scene: Scene) -> str | None:
    """Where the engine does not give the judge's answers: at first, while consents change, or when time has passed."""
    state = scene.state()
    judge, engine = Memory(scene.records), make(scene.records, state)
    for when, change, questions, on in _course(scene):
        if change is not None:
            change.put(state)
        for question in questions:
            given_now = basis(state, question.purpose, on)
            right: tuple[Any, Any] = judge.answer(question, given_now), judge.attrition(question, given_now)
            given_is = engine.answer(question, given_now), engine.attrition(question, given_now)
            if given_is != right:
                return f"{when}, asked {question},\nit answers {given_is}\ninstead of {right}"
    return None


def _course(scene: Scene) -> Iterator[tuple[str, Consenting | None, Sequence[Question], date]]:
    """What happens in a scene: all is asked, one question after each change, and all again when time has passed."""
    yield "at first", None, scene.questions, TODAY
    for n, change in enumerate(scene.changes):
        yield f"after change {n + 1}", change, scene.questions[n % len(scene.questions) :][:1], TODAY
    yield "after the changes", None, scene.questions, LATER


def smallest(scene: Scene, fails: Callable[[Scene], bool], seconds: float = 20) -> Scene:
    """A scene that still fails and of which nothing can be left out, or as small as there was time for."""
    until = time.monotonic() + seconds
    smaller = _smaller(scene)
    while time.monotonic() < until and (candidate := next(smaller, None)) is not None:
        if fails(candidate):
            scene, smaller = candidate, _smaller(candidate)
    return scene


def _smaller(scene: Scene) -> Iterator[Scene]:
    """All that is a little less than the scene, the boldest first."""
    if len(scene.questions) > 1:
        for question in scene.questions:
            yield replace(scene, questions=(question,))
    if scene.changes:
        yield replace(scene, changes=())
    for table in fields(Records):
        rows = getattr(scene.records, table.name)
        half = len(rows) // 2
        for fewer in [[], rows[:half], rows[half:], *(rows[:n] + rows[n + 1 :] for n in range(len(rows)))]:
            if len(fewer) < len(rows):
                yield replace(scene, records=replace(scene.records, **{table.name: fewer}))
    for name in ("consents", "changes"):
        items = getattr(scene, name)
        for n in range(len(items)):
            yield replace(scene, **{name: items[:n] + items[n + 1 :]})
    for n, question in enumerate(scene.questions):
        for less in simpler(question):
            yield replace(scene, questions=(*scene.questions[:n], less, *scene.questions[n + 1 :]))


def simpler(value: Any) -> Iterator[Any]:
    """Questions and criteria with a part left out or at its default."""
    if isinstance(value, nodes.All | nodes.Any):
        yield from value.of
        for n, part in enumerate(value.of):
            yield replace(value, of=value.of[:n] + value.of[n + 1 :])
            for less in simpler(part):
                yield replace(value, of=(*value.of[:n], less, *value.of[n + 1 :]))
        return
    if isinstance(value, nodes.Not):
        yield value.of
    for field in fields(value):
        part = getattr(value, field.name)
        if field.default is not MISSING and part != field.default:
            yield replace(value, **{field.name: field.default})
        if field.name in ("such_that", "of", "event", "anchor"):
            for less in simpler(part):
                yield replace(value, **{field.name: less})
