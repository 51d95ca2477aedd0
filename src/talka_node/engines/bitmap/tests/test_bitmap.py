"""What the generated questions cannot see: files, changes of consent, plans, and that both kinds of loops agree."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from talka_node.columns import NO_DATE, Columns
from talka_node.columns import day as day_number
from talka_node.consent import Form, Forms, Standing, State, Term, basis
from talka_node.engines import Exact
from talka_node.engines.bitmap import Bitmap, Damaged, bits, checks, file, index, kernels, native, views
from talka_node.engines.bitmap.build import _order_rows
from talka_node.engines.memory import Memory
from talka_node.records import (
    DiagnosisRow,
    Donor,
    GenotypeRow,
    MeasurementRow,
    Records,
    SpecimenRow,
    VariantRow,
)
from talka_query.ages import complete_years
from talka_query.nodes import (
    Age,
    Ages,
    All,
    AskerKind,
    Axis,
    Count,
    Criterion,
    Diagnosis,
    Measurement,
    Not,
    Purpose,
    Question,
    Sex,
    Specimen,
    Use,
    Variant,
    VariantIn,
    Window,
    Within,
    Zygosity,
)
from talka_query.nodes import (
    Any as AnyOf,
)

pytestmark = pytest.mark.once

TODAY = date(2026, 1, 1)
FORMS = Forms([Form("broad", 1, always=frozenset({Term("GRU")}))])
YES = Standing.of("broad", 1)
RESEARCH = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
BANKS, TYPES = ("abb", "rbb", "vbb"), ("DNA", "Plasma", "Serum")
DAYS = [date(2000, 1, 1) + timedelta(days=71 * n) for n in range(120)]
CODES = ("C34.0", "C34.1", "C50.9", "E11.9", "I10", "I21.0")


def country(donors: int, seed: int = 1) -> Records:
    """Enough invented donors for dense sets, with a few of everything."""
    rng = Random(seed)

    def some(values: Any, most: int) -> Iterator[tuple[int, Any, date | None]]:
        for donor in range(donors):
            for _ in range(rng.randint(0, most)):
                yield donor, rng.choice(values), rng.choice([*DAYS, None])

    return Records(
        donors=[
            Donor(
                n,
                rng.choice(list(Sex)),
                rng.choice([date(1930, 5, 5) + timedelta(days=rng.randrange(30_000)), None]),
                rng.choice([None] * 9 + [date(2015, 6, 1) + timedelta(days=rng.randrange(3000))]),
                rng.choice(["LV001", "LV002", None]),
            )
            for n in range(donors)
        ],
        specimens=[
            SpecimenRow(f"s{n}", donor, bank, None, rng.choice([*TYPES, None]), day, None, rng.randint(0, 4))
            for n, (donor, bank, day) in enumerate(some(BANKS, 4))
        ],
        diagnoses=[DiagnosisRow(donor, code, day) for donor, code, day in some(CODES, 3)],
        measurements=[
            MeasurementRow(donor, code, rng.choice([None, 18.5, 29.9, 30.0, 41.2]), day)
            for donor, code, day in some(("39156-5", "4548-4"), 3)
        ],
        variants=[VariantRow(0, "1", 100, "A", "T", "BRCA2"), VariantRow(1, "X", 5, "G", "GA")],
        genotypes=[
            GenotypeRow(rng.randint(0, 1), n, rng.randint(1, 2)) for n in range(donors) if rng.random() < 0.1
        ],
    )


def consented(donors: int, seed: int = 2) -> State:
    rng = Random(seed)
    state = State(FORMS, TODAY)
    state.plan_many(
        (donor, bank, ((date.min, YES if rng.random() < 0.8 else None),))
        for donor in range(donors)
        for bank in BANKS
    )
    return state


def has(*codes: str) -> Diagnosis:
    return Diagnosis(frozenset(codes))


def kept(kind: str, since: date | None = None, until: date | None = None) -> Specimen:
    return Specimen(frozenset({kind}), Window(since, until))


def asked(such_that: Criterion, *by: Axis, count: Count = Count.DONORS) -> Question:
    return Question(RESEARCH, such_that, TODAY, count, by=by)


CRITERIA: dict[str, Criterion] = {
    "everybody": All(),
    "a code": has("C34"),
    "rare and dense": All((has("C34"), kept("Serum", date(2010, 1, 1)), Age(Ages(50, 70)))),
    "dense": All((AnyOf((has("I10"), has("E11"))), Not(has("C00-C97")), kept("Plasma"))),
    "window on both ends": kept("Serum", date(2005, 1, 1), date(2012, 1, 1)),
    "before": Within(kept("Serum"), has("C50"), None, -365, first=True),
    "no later than": Within(kept("Serum"), has("II"), None, -365),
    "both limits": Within(kept("Serum"), has("II"), -400, 400),
    "of the first": Within(kept("Serum"), has("II"), -400, 400, first=True),
    "a common code or a leaf": has("I10", "E11.9"),
    "since and until": Diagnosis(frozenset({"I10"}), window=Window(DAYS[20], DAYS[40])),
    "at an age": Diagnosis(frozenset({"I10"}), age=Ages(40, 50)),
    "at an age, of a chapter": Diagnosis(frozenset({"II", "I10"}), window=Window(DAYS[5]), age=Ages(None, 60)),
    "at an age, and a rare one": All((has("C34"), Diagnosis(frozenset({"I10"}), age=Ages(41, None)))),
    "two common codes": Within(has("I10"), has("E11"), 0, 1000),
    "two common codes, of a window": Within(
        Diagnosis(frozenset({"I10"}), window=Window(DAYS[10], DAYS[50])), has("E11"), -2000, 2000, first=True
    ),
    "one leaf and a chapter": Within(has("E11.9"), has("II"), -3000, 3000),
    "at an age, days apart": Within(Diagnosis(frozenset({"I10"}), age=Ages(40, 60)), has("II"), -3000, 3000),
    "whenever measured": Measurement("39156-5", window=Window(date(2003, 1, 1))),
    "measured until the day": Measurement("39156-5", 41.2, window=Window(None, DAYS[60])),
    "since the day": Measurement("39156-5", None, 18.5, window=Window(DAYS[60])),
    "one place": Specimen(frozenset({"Serum"}), biobanks=frozenset({"abb"})),
    "one place, one day": Specimen(collected=Window(DAYS[9], DAYS[9]), biobanks=frozenset({"abb", "rbb"})),
    "measured": All((has("E11"), kept("DNA"), Measurement("39156-5", 30, window=Window(date(2010, 1, 1))))),
    "measured dense": Measurement("39156-5", 20, 41.2, window=Window(date(2003, 1, 1), date(2019, 1, 1))),
    "not measured": Not(Measurement("4548-4", 30)),
    "variant": All((Variant("1", 100, "A", "T"), kept("DNA"))),
    "region": VariantIn(chromosome="X", start=1, end=5),
}  # fmt: skip
QUESTIONS = [
    *(asked(criterion) for criterion in CRITERIA.values()),
    asked(CRITERIA["dense"], Axis.SEX),
    asked(CRITERIA["dense"], Axis.SEX, Axis.AGE_BAND),
    asked(CRITERIA["dense"], Axis.AGE_BAND, Axis.SEX, Axis.REGION),
    asked(All(), Axis.BIOBANK),
    asked(All(), Axis.SAMPLE_TYPE),
    asked(has("I10"), Axis.SAMPLE_TYPE),
    asked(has("C34"), Axis.AGE_BAND, Axis.BIOBANK, Axis.SAMPLE_TYPE),
    asked(has("I10"), Axis.SAMPLE_TYPE, Axis.SEX, Axis.AGE_BAND, count=Count.SAMPLES),
    asked(All(), Axis.COLLECTION, Axis.SAMPLE_TYPE),
    replace(
        asked(has("E11"), Axis.COLLECTION, Axis.SEX),
        samples=Specimen(frozenset({"Serum", "DNA"}), Window(date(2005, 1, 1)), biobanks=frozenset({"abb"})),
    ),
    replace(asked(has("E11"), Axis.BIOBANK, Axis.SEX), samples=Specimen(age=Ages(40, 60))),
    asked(All(), Axis.DIAGNOSIS_CHAPTER, Axis.SEX),
    asked(has("II"), Axis.YEAR, count=Count.SAMPLES),
    asked(All(), Axis.COLLECTION, Axis.BIOBANK, count=Count.ALIQUOTS),
    replace(asked(Age(Ages(40, 60)), Axis.AGE_BAND), ages_at=date(2018, 3, 1)),
]

DONORS = 1000
RECORDS = country(DONORS)


@pytest.fixture(params=["numpy", "compiled", "sparse", "dense"])
def loops(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Both kinds of inner loops, and both ways to evaluate sets, also where size would decide otherwise."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = kernels._native, kernels._asked
    kernels.use(compiled=request.param == "compiled")
    if request.param == "compiled":
        if kernels.kind() != "compiled":
            pytest.skip("there is no C compiler")
        monkeypatch.setattr(kernels, "LEAST", 0)
        monkeypatch.setattr(kernels, "LEAST_DONORS", 0)
        monkeypatch.setattr(index, "LOOKUP", 0)
    if request.param == "sparse":
        monkeypatch.setattr(bits, "DENSE", 0)
    if request.param == "dense":
        monkeypatch.setattr(bits, "DENSE", 10**9)
    yield request.param
    kernels._native, kernels._asked = before


def test_both_kinds_of_loops_give_the_judges_answers_over_many_donors(loops: str) -> None:
    state = consented(DONORS)
    judge, engine = Memory(RECORDS), Bitmap.build(Columns.of(RECORDS), state)
    for question in QUESTIONS:
        given = basis(state, question.purpose, TODAY)
        assert engine.answer(question, given) == judge.answer(question, given), question
        assert engine.attrition(question, given) == judge.attrition(question, given), question


def rows_of_pairs(rng: np.random.Generator, pairs: int) -> tuple[Any, Any, Any]:
    """Donors, where the rows of each begin, and how many rows there are: some have more than the loops hold at once."""
    donors = np.sort(rng.choice(700, pairs, replace=False)).astype(np.int32)
    count = rng.choice([1, 1, 2, 7, 8, 9, 56, 57, 64, 300, 9000], pairs)
    count[rng.integers(0, pairs)] = 9000
    return donors, np.append(0, np.cumsum(count)).astype(np.int32), count


def test_loops_over_rows_agree(loops: str) -> None:
    rng = np.random.default_rng(4)
    donors, starts, count = rows_of_pairs(rng, 120)
    total, born = int(starts[-1]), rng.integers(-20_000, 0, 704).astype(np.int32)
    born[donors[::9]] = NO_DATE
    value, on = (rng.integers(-(2**15), 2**15, total).astype(np.int16) for _ in range(2))
    # Ends that lie outside the column's type, and those that let few rows of few donors through.
    for low, high, since, until in [
        (-(2**15), 2**15 - 1, -(2**15), 2**15 - 1), (0, 40, -100, 10_000), (-(10**6), -32_000, 0, 10**6),
        (0, -1, 0, 1), (10**6, 10**7, 0, 1), (5, 5, 5, 5),
    ]:  # fmt: skip
        for values in (value, None):
            fits = (on >= since) & (on <= until)
            if values is not None:
                fits &= (values >= low) & (values <= high)
            out = np.zeros(11, np.uint64)
            ends = (0, 0) if values is None else (low, high)
            rows = on if values is None else np.stack((values, on), 1)
            kernels.scan(donors, starts, rows, ends, (since, until), out)
            assert kernels.ids(out).tolist() == donors[kernels.any_of(fits, count)].tolist()
        sure, may = (7_000, 9_000), (6_996, 9_004)
        out = np.zeros(11, np.uint64)
        doubt = kernels.aged(donors, starts, on, born, NO_DATE, (since, until), sure, may, out)
        if doubt is None:
            assert loops != "compiled"
            continue
        owner = np.repeat(np.arange(len(donors)), count)
        lived = on - born[donors[owner]].astype(np.int64)
        there = (on >= since) & (on <= until) & (born[donors[owner]] != NO_DATE)
        hit = kernels.any_of(there & (lived >= sure[0]) & (lived < sure[1]), count)
        assert kernels.ids(out).tolist() == donors[hit].tolist()
        unsure = np.flatnonzero(there & (lived >= may[0]) & (lived < may[1]) & ~hit[owner])
        assert [each.tolist() for each in doubt] == [owner[unsure].tolist(), unsure.tolist()]


def test_places_in_a_set_agree(loops: str) -> None:
    rng = np.random.default_rng(5)
    words = rng.integers(0, 2**64, 40, dtype=np.uint64)
    inside = kernels.ids(words).tolist()
    wanted = np.unique(rng.integers(0, 2560, 500)).astype(np.uint32)
    expected = [inside.index(each) if each in inside else -1 for each in wanted.tolist()]
    assert kernels.places(words, wanted).tolist() == expected


def test_days_between_two_lists_of_dates_agree(loops: str) -> None:
    if loops != "compiled":
        pytest.skip("numpy has no such loop: there the engine compares all rows at once")
    rng = np.random.default_rng(6)

    def side() -> kernels.Side:
        count = rng.integers(0, 5, 400).astype(np.int32)
        on = np.concatenate([np.sort(rng.integers(-50, 50, n)) for n in count]).astype(np.int16)
        return (np.cumsum(count) - count).astype(np.int32), count, on, (-30, 40)

    def dates(of: kernels.Side, place: int) -> list[int]:
        begin, count, on, (low, high) = of
        return [day for day in on[begin[place] : begin[place] + count[place]].tolist() if low <= day <= high]

    for low, high in ((0, 0), (-10, 10), (-(10**7), -5), (3, 10**7), (5, -5)):
        for first in (False, True):
            event, anchor = side(), side()
            found = kernels.apart(event, anchor, low, high, first)
            assert found is not None
            assert found.tolist() == [
                any(
                    low <= e - a <= high
                    for a in (dates(anchor, at)[:1] if first else dates(anchor, at))
                    for e in dates(event, at)
                )
                for at in range(400)
            ]


def test_loops_agree_bit_by_bit(loops: str) -> None:
    rng = np.random.default_rng(3)
    for count in (1, 7, 512, 513, 20_000):
        a, b, c = (rng.integers(0, 2**64, count, dtype=np.uint64) for _ in range(3))
        expected = (a | b) & ~c
        program: list[kernels.Step] = [a, b, kernels.OR, c, kernels.AND_NOT]
        assert np.array_equal(kernels.run(program), expected)
        each = np.unpackbits(expected.view(np.uint8), bitorder="little")
        assert kernels.run_count(program) == each.sum()
        assert kernels.ids(expected).tolist() == np.flatnonzero(each).tolist()
        cuts = np.unique(np.append(rng.integers(0, 64 * count + 1, 9), [0, 64 * count]))
        assert (
            kernels.between(expected, cuts).tolist() == np.add.reduceat(each, cuts[:-1], dtype=int).tolist()
        )
        wanted = np.unique(rng.integers(0, 64 * count, 50)).astype(np.uint32)
        assert kernels.test(expected, wanted).tolist() == each[wanted].astype(bool).tolist()


def test_ages_are_right_on_and_beside_every_birthday() -> None:
    rng = Random(5)
    born = [date(1896, 2, 29), date(2000, 2, 29), date(1900, 3, 1), date(2023, 12, 31)]
    born += [date(1890, 1, 1) + timedelta(days=rng.randrange(50_000)) for _ in range(300)]
    donors = [Donor(n, born=day) for n, day in enumerate(born)] + [Donor(len(born))]
    of = Bitmap.build(Columns.of(Records(donors=donors)), State(FORMS, TODAY))._index
    rows: list[tuple[int, date | None]] = [(len(born), TODAY), (0, None)]
    for n, day in enumerate(born):
        for years in (0, 1, 18, 50, 51, 70, 71, 99, 100, 130):
            near = day.replace(year=day.year + years, day=min(day.day, 28)) + timedelta(days=day.day > 28)
            rows += [(n, near + timedelta(days=apart)) for apart in range(-5, 6)]
    ordinals = of.order(np.array([n for n, _ in rows], np.int32))
    on = np.array([day_number(day) for _, day in rows], np.int32)
    ages = [complete_years(donors[n].born, day) for n, day in rows]
    for low, high in ((50, 70), (0, 0), (None, 17), (100, None), (-3, 1), (0, None), (71, 50), (10**9, None)):
        expected = [
            age is not None and (low is None or age >= low) and (high is None or age <= high) for age in ages
        ]
        assert of.of_age(ordinals, on, low, high).tolist() == expected, (low, high)


# --- consent ----------------------------------------------------------------------------------------------


def test_after_many_changes_the_index_is_what_a_new_one_would_be() -> None:
    state = consented(DONORS)
    columns = Columns.of(RECORDS)
    engine = Bitmap.build(columns, state)
    given = basis(state, RESEARCH, TODAY)
    for question in QUESTIONS:  # so that whatever is kept is there to go stale
        engine.answer(question, given)
    rng = Random(4)
    for _ in range(300):
        state.put(rng.randrange(DONORS), rng.choice(BANKS), rng.choice([None, None, YES]))
    anew = Bitmap.build(columns, state)
    for question in QUESTIONS:
        assert engine.answer(question, given) == anew.answer(question, given), question


def test_many_changes_at_once_are_followed_too() -> None:
    state = consented(DONORS)
    engine = Bitmap.build(Columns.of(RECORDS), state)
    given = basis(state, RESEARCH, TODAY)
    assert engine.answer(asked(All(), Axis.BIOBANK), given).cells.keys() == {("abb",), ("rbb",), ("vbb",)}
    state.plan_many((donor, "abb", ((date.min, None),)) for donor in range(DONORS))
    for question in QUESTIONS:
        assert engine.answer(question, given) == Memory(RECORDS).answer(question, given), question
    assert engine.answer(asked(All(), Axis.BIOBANK), given).cells.keys() == {("rbb",), ("vbb",)}


def test_who_withdraws_at_one_biobank_is_counted_at_the_other() -> None:
    records = Records(
        donors=[Donor(1)],
        specimens=[SpecimenRow("a", 1, "abb", type="Serum"), SpecimenRow("b", 1, "rbb", type="Serum")],
    )
    state = State(FORMS, TODAY)
    engine = Bitmap.build(Columns.of(records), state)
    question = asked(All(), Axis.BIOBANK)
    seen = []
    for bank, standing in (("abb", YES), ("rbb", YES), ("abb", None), ("rbb", None), ("rbb", YES)):
        state.put(1, bank, standing)
        seen.append(engine.answer(question, basis(state, RESEARCH, TODAY)))
    assert seen == [
        Exact(1, {("abb",): 1}),
        Exact(1, {("abb",): 1, ("rbb",): 1}),
        Exact(1, {("rbb",): 1}),
        Exact(0, {}),
        Exact(1, {("rbb",): 1}),
    ]


def test_a_basis_of_another_state_is_refused() -> None:
    engine = Bitmap.build(Columns.of(Records(donors=[Donor(1)])), State(FORMS, TODAY))
    other = State(FORMS, TODAY)
    other.put(1, "abb", YES)
    with pytest.raises(ValueError, match="another consent state"):
        engine.answer(asked(All()), basis(other, RESEARCH, TODAY))


def test_questions_while_consents_change_neither_stop_nor_stay_behind() -> None:
    state = consented(DONORS)
    engine = Bitmap.build(Columns.of(RECORDS), state)
    failed: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                for question in QUESTIONS:
                    engine.answer(question, basis(state, RESEARCH, TODAY))
        except BaseException as error:  # noqa: BLE001 -- told to the main thread
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for donor in range(200):
        for bank in BANKS:
            state.put(donor, bank, None)
    done.set()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert not any(thread.is_alive() for thread in threads)
    given = basis(state, RESEARCH, TODAY)
    assert engine.answer(asked(All()), given) == Memory(RECORDS).answer(asked(All()), given)


def test_a_withdrawal_while_a_set_is_made_dense_is_in_its_dense_form(monkeypatch: pytest.MonkeyPatch) -> None:
    state = consented(DONORS)
    engine = Bitmap.build(Columns.of(RECORDS), state)
    question = asked(Not(has("C34")), Axis.SEX)
    leaving = next(row.donor for row in RECORDS.donors if any(state[row.donor, bank] for bank in BANKS))
    threads: list[threading.Thread] = []
    words_of = bits.words_of

    def leave() -> None:
        for bank in BANKS:
            state.put(leaving, bank, None)

    def slowly(ids: Any, count: int) -> Any:
        found = words_of(ids, count)
        if not threads:
            threads.append(threading.Thread(target=leave))
            threads[0].start()
            threads[0].join(0.2)  # it gets through, or waits until the words are there
        return found

    monkeypatch.setattr(bits, "words_of", slowly)
    monkeypatch.setattr(bits, "DENSE", 10**9)
    given = basis(state, RESEARCH, TODAY)
    engine.answer(question, given)
    threads[0].join()
    assert engine.answer(question, given) == Memory(RECORDS).answer(question, given)


def test_a_withdrawal_while_a_view_is_made_is_in_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    state = consented(DONORS)
    engine = Bitmap.build(Columns.of(RECORDS), state)
    leaving = next(row.donor for row in RECORDS.donors if any(state[row.donor, bank] for bank in BANKS))
    bitmap = bits.bitmap
    left: list[int] = []

    def meanwhile(ids: Any) -> Any:
        found = bitmap(ids)
        if not left:
            left.append(leaving)
            for bank in BANKS:
                state.put(leaving, bank, None)
        return found

    monkeypatch.setattr(views, "bitmap", meanwhile)
    given = basis(state, RESEARCH, TODAY)
    for _ in range(2):
        assert engine.answer(asked(All()), given) == Memory(RECORDS).answer(asked(All()), given)
    assert left == [leaving]


# --- rows -------------------------------------------------------------------------------------------------


def agree(records: Records, *questions: Question) -> list[int]:
    """The wholes of the questions, which the judge confirms, with everybody's consent."""
    state = State(FORMS, TODAY)
    for row in records.donors:
        state.put(row.donor, "abb", YES)
    judge, engine = Memory(records), Bitmap.build(Columns.of(records), state)
    wholes = []
    for question in questions:
        given = basis(state, question.purpose, TODAY)
        assert engine.answer(question, given) == judge.answer(question, given), question
        wholes.append(engine.answer(question, given).whole)
    return wholes


def test_ages_begin_on_the_birthday() -> None:
    born = (date(1976, 1, 1), date(1976, 1, 2), date(1955, 1, 1), date(1955, 1, 2), None)
    donors = Records(donors=[Donor(n, born=day) for n, day in enumerate(born)])
    assert agree(donors, asked(Age(Ages(50, 70))), asked(Not(Age(Ages(50, 70))))) == [2, 3]


def test_ages_of_who_was_born_on_29_february() -> None:
    donors = Records(donors=[Donor(0, born=date(2004, 2, 29)), Donor(1, born=date(2004, 3, 1))])
    days = (date(2022, 2, 28), date(2022, 3, 1), date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1))
    adults = [replace(asked(Age(Ages(18, None))), ages_at=day) for day in days]
    twenty = [replace(asked(Age(Ages(20, None))), ages_at=day) for day in days]
    assert agree(donors, *adults, *twenty) == [0, 2, 2, 2, 2, 0, 0, 0, 1, 2]


def test_a_later_row_of_the_same_donor_or_variant_counts() -> None:
    records = Records(
        donors=[Donor(1, Sex.MALE), Donor(2, Sex.MALE), Donor(1, Sex.FEMALE)],
        variants=[VariantRow(5, "1", 10, "A", "T", "OLD"), VariantRow(5, "1", 11, "A", "T", "NEW")],
        genotypes=[GenotypeRow(5, 1, 1)],
    )
    wholes = agree(
        records, asked(All(), Axis.SEX), asked(VariantIn(gene="NEW")), asked(VariantIn(gene="OLD")),
        asked(Variant("1", 10, "A", "T")), asked(Variant("1", 11, "A", "T")),
    )  # fmt: skip
    assert wholes == [2, 1, 0, 0, 1]


def test_variants_of_any_frequency_alone_and_by_the_hundred() -> None:
    rng = Random(8)
    donors = [Donor(n) for n in range(300)]
    records = Records(
        donors=donors,
        variants=[VariantRow(n, "12X"[n % 3], 10 * n, "A", "T", f"G{n % 7 % 5}") for n in range(200)],
        genotypes=[
            GenotypeRow(variant, donor, rng.choice((1, 2)))
            for variant in range(200)
            for donor in rng.sample(range(20, 300), rng.choice((0, 0, 1, 3, 30, 200)))
        ],
    )
    patterns: list[Criterion] = [
        VariantIn(),
        VariantIn(chromosome="2"),
        VariantIn(gene="G3"),
        VariantIn(gene="none"),
    ]
    for zygosity in Zygosity:
        patterns += [VariantIn("G0", "1", 200, 1500, zygosity), VariantIn(None, "X", 100, 800, zygosity)]
        patterns += [Variant("12X"[n % 3], 10 * n, "A", "T", zygosity) for n in range(20)]
    agree(records, *map(asked, patterns))


def test_places_fall_into_stretches() -> None:
    for places in ([], [3], [0, 1, 2], [0, 2, 3, 9]):
        found = index.stretches_of(np.array(places, np.int32))
        assert [at for low, high in found for at in range(low, high)] == places
    assert index.stretches_of(np.array([0, 2, 3, 9], np.int32)) == [(0, 1), (2, 4), (9, 10)]


def test_dates_and_values_that_fit_no_narrow_column() -> None:
    records = Records(
        donors=[Donor(n, born=date(1801, 1, 1)) for n in range(3)],
        specimens=[SpecimenRow("s", 0, "abb", collected=date(1850, 1, 1), aliquots=100_000)],
        diagnoses=[DiagnosisRow(0, "I10", date(1850, 1, 1)), DiagnosisRow(1, "I10", date(2100, 1, 1))],
        measurements=[
            MeasurementRow(0, "a", 1 / 3, date(1850, 1, 1)),
            MeasurementRow(1, "a", 1e300, None),
            MeasurementRow(2, "b", 5.0, None),
        ],
    )
    old, late = Window(None, date(1850, 1, 1)), Window(date(2060, 1, 1), None)
    wholes = agree(
        records, asked(Diagnosis(window=old)), asked(Diagnosis(window=late)), asked(Specimen(collected=old)),
        asked(Measurement("a", 1 / 3, 1 / 3)), asked(Measurement("a", 1e299)), asked(Measurement("b", 5, 5)),
        asked(Measurement("a", window=old)), asked(Specimen(aliquots=100_000)),
        asked(Within(has("I10"), has("I10"), 0, 0)), asked(Diagnosis(age=Ages(49, 49))),
        asked(Diagnosis(window=Window(date(2060, 1, 1), date(2100, 1, 1)))),
        asked(Diagnosis(frozenset({"I10"}), age=Ages(290, 300))),
        asked(Within(has("I10"), Diagnosis(window=late), -1, 1)),
    )  # fmt: skip
    assert wholes == [1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]


def test_rows_are_sorted_also_where_no_single_number_holds_their_keys() -> None:
    rng = np.random.default_rng(6)
    code, ordinal = (rng.choice([0, 1, 2**31 - 1], 200).astype(np.int32) for _ in range(2))
    days = rng.choice([NO_DATE, -5, 0, 7], 200).astype(np.int32)
    rows = list(zip(code.tolist(), ordinal.tolist(), days.tolist(), strict=True))
    assert [rows[at] for at in _order_rows(code, ordinal, days)] == sorted(rows)
    small = _order_rows(code % 3, ordinal % 5, days).tolist()
    rows = list(zip((code % 3).tolist(), (ordinal % 5).tolist(), days.tolist(), strict=True))
    assert [rows[at] for at in small] == sorted(rows)


# --- files ------------------------------------------------------------------------------------------------


def test_an_index_is_saved_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = consented(3)
    place = tmp_path / "index"
    Bitmap.build(Columns.of(country(3)), state).save(place)
    before = place.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        Bitmap.build(Columns.of(country(4)), state).save(place)
    assert place.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["index"]


def test_an_index_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    state = consented(3)
    place = tmp_path / "index"
    Bitmap.build(Columns.of(country(3)), state).save(place)
    content = place.read_bytes()
    for length in (0, 10, 100, len(content) // 2, len(content) - 1):
        place.write_bytes(content[:length])
        with pytest.raises(Damaged, match="build it anew"):
            Bitmap.open(place, state)
    place.write_bytes(b"TALKA-BITMAPS-0\n" + content[16:])
    with pytest.raises(Damaged, match="no index of this version"):
        Bitmap.open(place, state)
    with pytest.raises(FileNotFoundError):
        Bitmap.open(tmp_path / "none", state)
    file.write(place, {"donor.number": np.arange(3)})
    with pytest.raises(Damaged, match="index has no array 'donor"):
        Bitmap.open(place, state)


def test_a_changed_byte_is_found_by_a_check(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {"a": np.arange(5), "b": np.empty(0, np.int32), "c": np.ones((2, 3))}
    place = tmp_path / "arrays"
    file.write(place, arrays)
    read = file.read(place, check=True)
    assert {name: array.tolist() for name, array in read.items()} == {
        name: array.tolist() for name, array in arrays.items()
    }
    content = bytearray(place.read_bytes())
    content[content.index(np.arange(5).tobytes()) + 8] ^= 1
    place.write_bytes(bytes(content))
    file.read(place)
    with pytest.raises(Damaged, match="damaged in 'a'"):
        file.read(place, check=True)


def test_an_index_replaced_while_open_goes_on_answering(tmp_path: Path) -> None:
    state = consented(DONORS)
    place = tmp_path / "index"
    Bitmap.build(Columns.of(RECORDS), state).save(place)
    engine = Bitmap.open(place, state)
    Bitmap.build(Columns.of(Records()), state).save(place)
    given = basis(state, RESEARCH, TODAY)
    for question in QUESTIONS:
        assert engine.answer(question, given) == Memory(RECORDS).answer(question, given)
    assert Bitmap.open(place, state).answer(asked(All()), given) == Exact(0, {})


# --- plans ------------------------------------------------------------------------------------------------


def test_a_plan_begins_with_the_rarest_and_verifies_last() -> None:
    state = consented(DONORS)
    engine = Bitmap.build(Columns.of(RECORDS), state)
    window = Window(date(2005, 1, 1), date(2012, 1, 1))
    rows = Specimen(frozenset({"Serum"}), window, biobanks=frozenset({"abb"}))
    measured = Measurement("39156-5", 30)
    step = engine.explain(asked(All((measured, rows, has("C34"), has("I10")))), basis(state, RESEARCH, TODAY))
    assert [(part.what, part.how) for part in step.parts] == [
        ("diagnosis I10", "bitmap"),
        ("diagnosis C34", "bitmap"),
        ("specimen Serum, collected 2005-01-01…2012-01-01, biobanks abb", "rows"),
        ("measurement 39156-5, low 30", "rows"),
    ]
    assert step.parts[0].size <= step.parts[1].size
    assert str(step).splitlines()[0].startswith("all: in this order, up to ")


def test_a_plan_names_what_it_looks_for() -> None:
    engine = Bitmap.build(Columns.of(RECORDS), consented(DONORS))
    given = basis(engine._views.state, RESEARCH, TODAY)
    question = asked(
        All(
            (
                Not(has("C34", "C50.9")),
                AnyOf((Age(Ages(50, None)), VariantIn(gene="BRCA2"))),
                kept("Serum", date(2005, 1, 1)),
                Within(has("I10"), has("E11"), 0, 30),
            )
        )
    )
    lines = [
        line.strip().rsplit(", up to", 1)[0] for line in str(engine.explain(question, given)).splitlines()
    ]
    assert sorted(lines) == sorted(
        [
            "all: in this order",
            "not: bitmaps",
            "diagnosis C34 C50.9: bitmap",
            "any: bitmaps",
            "age 50…: bitmap",
            "variant gene BRCA2: bitmap",
            "specimen Serum, collected 2005-01-01…: first and last dates of collection",
            "within event (diagnosis I10), anchor (diagnosis E11), low 0, high 30: rows",
        ]
    )


def test_sizes_in_a_plan_are_powers_of_two() -> None:
    state = consented(DONORS)
    engine = Bitmap.build(Columns.of(RECORDS), state)
    given = basis(state, RESEARCH, TODAY)
    for question in QUESTIONS:
        steps = [engine.explain(question, given)]
        while steps:
            step = steps.pop()
            assert step.size & (step.size - 1) == 0
            steps += step.parts


def test_a_check_that_stands_twice_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tested: list[int] = []
    whole = checks.RowsOfSpecimens.test

    def test(self: checks.RowsOfSpecimens, ids: Any) -> Any:
        tested.extend(ids.tolist())
        return whole(self, ids)

    monkeypatch.setattr(checks.RowsOfSpecimens, "test", test)
    state = consented(DONORS)
    rows = Specimen(frozenset({"Serum"}), Window(date(2005, 1, 1)), biobanks=frozenset({"abb"}))
    question = asked(AnyOf((All((has("I10"), rows)), All((has("E11"), rows)))))
    given = basis(state, RESEARCH, TODAY)
    engine = Bitmap.build(Columns.of(RECORDS), state)
    assert engine.answer(question, given) == Memory(RECORDS).answer(question, given)
    assert tested
    assert len(tested) == len(set(tested))


# --- compiled loops ---------------------------------------------------------------------------------------


def test_without_a_compiler_numpy_does_it_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert native.load() is None
    monkeypatch.undo()
    monkeypatch.setenv("TALKA_KERNELS", "no")
    assert native.load() is None


def test_a_library_that_others_can_write_to_is_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if native.load() is None:
        pytest.skip("there is no C compiler")
    [library] = (tmp_path / "talka").iterdir()
    library.chmod(0o777)
    assert native.load() is None
    library.chmod(0o700)
    assert native.load() is not None
    library.parent.chmod(0o777)
    assert native.load() is None


def test_a_source_that_does_not_compile_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = tmp_path / "broken.c"
    source.write_text("int talka_run( {")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(native, "SOURCE", source)
    assert native.load() is None
    assert not (tmp_path / "talka").exists() or not list((tmp_path / "talka").iterdir())


def test_opening_reads_no_module_that_it_does_not_need() -> None:
    """The first answer of a new process must not wait for libraries that only importing or serving needs."""
    done = subprocess.run(
        [sys.executable, "-c", "import talka_node.engines.bitmap, sys; print(*sorted(sys.modules))"],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[5], env={"PYTHONPATH": "src"},
    )  # fmt: skip
    loaded = set(done.stdout.split())
    assert loaded & {"duckdb", "lxml", "starlette", "uvicorn", "datasketches", "rbcl"} == set()
