"""What may be asked: on the grid, not by name tags, and not a hair's breadth from what was asked before."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka_node.disclosure import Admitted, Memory, Refused, Standing, Trace, default, forms
from talka_node.disclosure.tests.asking import (
    FEMALE,
    KEY,
    MALE,
    RARE,
    RESEARCH,
    SIZED,
    TODAY,
    YEAR_END,
    admitted,
    aged,
    ask,
    question,
    refused,
    sick,
)
from talka_query.nodes import (
    Ages,
    All,
    Any,
    AskerKind,
    Axis,
    Born,
    Count,
    Criterion,
    Diagnosis,
    IsSex,
    LivesIn,
    Measurement,
    Not,
    Purpose,
    Question,
    Sex,
    Specimen,
    Use,
    VariantIn,
    Window,
    Within,
    Zygosity,
)

pytestmark = pytest.mark.once


def day(text: str) -> date:
    return date.fromisoformat(text)


def window(since: str | None, until: str | None) -> Window:
    return Window(since and day(since), until and day(until))  # type: ignore[arg-type]


# --- the grid ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (aged(50, 70), aged(50, 69)),
        (aged(48, None), aged(50, None)),
        (aged(None, 17), aged(None, 19)),
        (aged(61, 61), aged(60, 64)),
        (aged(89, 99), aged(90, None)),
        (aged(-3, 4), aged(0, 4)),
        (Born(window("1961-03-09", "1961-03-09")), Born(window("1961-01-01", "1961-12-31"))),
        (Born(window("1961-08-09", None)), Born(window("1962-01-01", None))),
        (Diagnosis(window=window("2019-02-10", "2019-02-20")), Diagnosis(window=window("2019-02-01", "2019-02-28"))),
        (Diagnosis(window=window("2019-02-10", "2020-02-10")), Diagnosis(window=window("2019-02-01", "2020-01-31"))),
        (Diagnosis(window=window("2019-12-30", None)), Diagnosis(window=window("2020-01-01", None))),
        (Diagnosis(age=Ages(41, 52)), Diagnosis(age=Ages(40, 54))),
        (Diagnosis(frozenset({"C34", "C34.1"})), sick("C34")),
        (Specimen(aliquots=3), Specimen(aliquots=2)),
        (Specimen(collected=window("2019-02-28", None)), Specimen(collected=window("2019-03-01", None))),
        (Measurement("39156-5", 30.14, 39.96, "kg/m2"), Measurement("39156-5", 30.0, 40.0, "kg/m2")),
        (Measurement("4548-4", 0.00612, None), Measurement("4548-4", 0.0061, None)),
        (Within(Specimen(), sick("C34"), None, -366), Within(Specimen(), sick("C34"), None, -365)),
        (Within(Specimen(), sick("C34"), 1, 95), Within(Specimen(), sick("C34"), 0, 90)),
        (VariantIn(chromosome="7", start=117_120_017, end=117_308_718),
         VariantIn(chromosome="7", start=117_120_001, end=117_309_000)),
        (VariantIn(chromosome="7", start=117_559_590, end=117_559_590),
         VariantIn(chromosome="7", start=117_550_001, end=117_560_000)),
        (LivesIn(frozenset({"LV00A", "LV00C"})), LivesIn(frozenset({"LV00A", "LV00B"}))),
        (All((Not(aged(50, 70)), Any((sick("I10"), aged(None, 3))))),
         All((Not(aged(50, 69)), Any((sick("I10"), aged(None, 4)))))),
    ],
)  # fmt: skip
def test_a_criterion_is_answered_on_the_nearest_line(asked: Criterion, line: Criterion) -> None:
    assert admitted(question(asked), policy=SIZED).question.such_that == line


def test_what_was_moved_is_told_and_what_was_not_is_not() -> None:
    told = admitted(question(aged(50, 70), sick("C34"), ages_at=day("2025-03-01")))
    assert told.moved == ("age: 50–69 instead of 50–70", "ages_at: 2024-12-31 instead of 2025-03-01")
    assert admitted(told.question).moved == ()


def test_a_node_that_refuses_offers_the_same_question() -> None:
    strict = replace(default(), grid=replace(default().grid, outside="refuse"))
    told = refused(question(aged(50, 70)), policy=strict)
    assert told.reasons == ("not on this node's grid: age: 50–69 instead of 50–70",)
    assert told.nearest == question(aged(50, 69))
    assert admitted(told.nearest, policy=strict).question == told.nearest


def test_on_the_last_day_of_a_year_an_age_is_a_year_of_birth() -> None:
    # So that a window of births and a band of ages never differ by who was born on a day.
    from talka_query.ages import complete_years  # noqa: PLC0415 -- beside what it proves

    for born in (day("1971-01-01"), day("1971-12-31"), day("1972-02-29")):
        assert complete_years(born, YEAR_END) == YEAR_END.year - born.year


@given(
    st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    st.integers(0, 3000),
    st.integers(-10, 120),
    st.integers(0, 60),
)
def test_the_grid_is_its_own_nearest(since: date, days: int, low: int, years: int) -> None:
    asked = question(
        Born(Window(since, since + timedelta(days))),
        Diagnosis(window=Window(since, since + timedelta(days)), age=Ages(low, low + years)),
        Within(Specimen(aliquots=days), sick("I10"), low * 7, low * 7 + days),
        ages_at=since,
    )
    once = admitted(asked).question
    twice = admitted(once)
    assert (twice.question, twice.moved) == (once, ())
    assert isinstance(once.such_that, All) and isinstance(once.such_that.of[0], Born)
    born = once.such_that.of[0].window
    assert born.since is not None and born.until is not None and born.since < born.until
    assert (born.since.month, born.since.day, born.until.month, born.until.day) == (1, 1, 12, 31)


def test_a_region_of_unknown_size_is_refused_with_those_that_are_known() -> None:
    told = refused(question(LivesIn(frozenset({"LV00D"}))), policy=SIZED)
    assert told.reasons == (
        "region LV00D: it is not known to have at least 10000 inhabitants; ask for LV00A, LV00B",
    )
    told = refused(question(LivesIn(frozenset({"LV00A"}))))
    assert told.reasons == (
        "region LV00A: it is not known to have at least 10000 inhabitants; this node tells nothing by region",
    )


# --- structure --------------------------------------------------------------------------------------------


def test_more_than_three_axes_are_refused_and_three_offered() -> None:
    axes = (Axis.SEX, Axis.AGE_BAND, Axis.BIOBANK, Axis.YEAR)
    told = refused(question(sick("C34"), by=axes))
    assert told == Refused(("by: at most 3 axes, not 4",), question(sick("C34"), by=axes[:3]))


def test_too_many_criteria_are_refused() -> None:
    codes = [f"C{number}" for number in range(10, 23)]
    told = refused(question(*map(sick, codes)))
    assert told.reasons == ("such_that: at most 12 criteria, not 13",)
    assert isinstance(ask(question(*map(sick, codes[:12]))), Admitted)
    # Any of many codes is one criterion.
    assert isinstance(ask(question(Any(tuple(map(sick, codes))))), Admitted)


PERSON = All((FEMALE, Born(window("1961-01-01", "1961-12-31")), LivesIn(frozenset({"LV00B"}))))


@pytest.mark.parametrize(
    "hidden",
    [
        Not(PERSON),
        Any((sick("C34"), PERSON)),
        Not(Not(Any((sick("C34"), PERSON)))),
        Any((sick("C34"), Not(Any((Not(FEMALE), *(Not(part) for part in PERSON.of[1:])))))),
        Any(tuple(Not(part) for part in PERSON.of)),
        Any((All((sick("E10"), PERSON)), sick("C34"))),
        Any((sick("C34"), All((Not(aged(None, 49)), Not(aged(55, None)), Not(MALE), *PERSON.of[2:])))),
    ],
)
def test_a_profile_is_neither_added_nor_left_out(hidden: Criterion) -> None:
    told = refused(question(sick("I10"), hidden), policy=SIZED)
    assert [reason.split(",")[0] for reason in told.reasons] == ["sex"]
    assert told.nearest is None


def test_a_profile_is_asked_for_and_a_broad_one_is_added() -> None:
    assert isinstance(ask(question(sick("I10"), *PERSON.of), policy=SIZED), Admitted)
    screened = Any((All((FEMALE, aged(50, 69))), All((MALE, aged(55, 74)))))
    assert isinstance(ask(question(sick("I10"), screened)), Admitted)


def test_an_exact_variant_is_asked_for_by_itself() -> None:
    assert isinstance(ask(question(RARE)), Admitted)
    other = replace(RARE, position=1)
    for such_that in (Not(RARE), Any((RARE, sick("C34"))), All((RARE, other)), Any((RARE, other))):
        told = refused(question(such_that), standing=Standing.PERMIT)
        assert told.reasons == (
            "an exact variant is asked for by itself, not within Any or Not or beside another; ask for its gene",
        )
    told = refused(question(RARE, sick("C34")))
    assert told.reasons == (
        "an exact variant together with other criteria needs a permit; ask for its gene or its surroundings",
    )
    near = VariantIn(chromosome="7", start=117_550_001, end=117_560_000)
    assert told.nearest == question(near, sick("C34"))
    assert isinstance(ask(told.nearest), Admitted)
    assert isinstance(ask(question(RARE, sick("C34")), standing=Standing.PERMIT), Admitted)


def test_exact_variants_are_few_a_day_whatever_the_zygosity() -> None:
    memory, few = Memory(KEY), default().variants.day
    for position in range(few):
        admitted(question(replace(RARE, position=1 + position)), memory)
    admitted(question(replace(RARE, position=1, zygosity=Zygosity.HOMOZYGOUS)), memory)
    told = refused(question(replace(RARE, position=1 + few)), memory)
    assert told.reasons == ("at most 20 exact variants a day; ask again tomorrow",)
    admitted(question(replace(RARE, position=1 + few)), memory, today=TODAY + timedelta(1))


# --- memory -----------------------------------------------------------------------------------------------


def ten(a_day: int = 10) -> Callable[[Criterion], Admitted | Refused]:
    policy = replace(default(), budget=replace(default().budget, open=a_day))
    memory = Memory(KEY)
    return lambda such_that: ask(question(such_that), memory, policy)


def test_a_budget_is_spent_by_questions_that_are_new() -> None:
    asking = ten()
    for number in range(10, 20):
        assert isinstance(asking(sick(f"C{number}")), Admitted)
    told = asking(sick("I10"))
    assert isinstance(told, Refused)
    assert told.reasons == ("10 of 10 questions a day are used, this takes 1; ask again tomorrow",)
    assert isinstance(asking(sick("C10")), Admitted)  # the same again
    assert isinstance(
        asking(All((sick("C10"), Any((sick("I10"), Not(sick("I10"))))))), Admitted
    )  # in other words


def test_budgets_are_per_asker_however_the_name_is_written() -> None:
    policy = replace(default(), budget=replace(default().budget, open=1))
    memory = Memory(KEY)
    admitted(question(sick("C34"), asker="Anna Ozola"), memory, policy)
    for asker in ("anna ozola", " Anna  Ozola ", "ＡＮＮＡ OZOLA"):
        refused(question(sick("I10"), asker=asker), memory, policy)
    admitted(question(sick("I10"), asker="Bruno"), memory, policy)
    # Whoever gives no name shares one budget.
    admitted(question(sick("C34"), asker=""), memory, policy)
    refused(question(sick("I10"), asker=" "), memory, policy)


def test_a_clock_put_back_gives_no_new_budget() -> None:
    policy = replace(default(), budget=replace(default().budget, open=1))
    memory = Memory(KEY)
    admitted(question(sick("C34")), memory, policy)
    refused(question(sick("I10")), memory, policy, today=TODAY - timedelta(1))
    admitted(question(sick("I10")), memory, policy, today=TODAY + timedelta(1))


def test_a_budget_outlives_the_process_and_ends_after_its_days() -> None:
    policy = replace(default(), budget=replace(default().budget, open=2, days=30))
    memory = Memory(KEY)
    kept = [
        *admitted(
            question(LivesIn(frozenset({"LV00A"})), *PERSON.of), memory, replace(SIZED, budget=policy.budget)
        ).traces,
        *admitted(question(Measurement("4548-4", 40.0, None), sick("C34")), memory, policy).traces,
    ]
    plain = json.loads(json.dumps([trace.plain() for trace in kept]))
    again = Memory(KEY, map(Trace.of, plain))
    assert list(again.traces()) == kept
    refused(question(sick("I10")), again, policy)
    # 41 is too near to 40 as long as that is remembered.
    near = question(Measurement("4548-4", 41.0, None), sick("C34"))
    refused(near, again, policy, today=TODAY + timedelta(29))
    admitted(near, again, policy, today=TODAY + timedelta(30))


def test_a_trace_names_nobody() -> None:
    trace = admitted(question(sick("C34"), asker="Anna Ozola")).traces[0]
    assert "nna" not in json.dumps(trace.plain())
    assert trace.who == Memory(KEY).who("anna ozola") != Memory(b"another key").who("anna ozola")


def test_questions_alike_but_for_one_criterion_are_few() -> None:
    memory = Memory(KEY)
    core = All((sick("C34"), sick("E10")))
    for number in range(20):
        extra = (All((core, Not(sick(f"Z{10 + number}")))), Any((core, sick(f"Z{10 + number}"))))[number % 2]
        told = ask(question(extra), memory)
        assert isinstance(told, Admitted)
    told = refused(question(core, sick("I10")), memory)
    assert told.reasons[0].startswith(
        "20 questions that differ from this in one criterion were asked in 30 days;"
    )
    # Another core is another matter, and so is a month later.
    admitted(question(sick("C50"), sick("E10"), sick("I10")), memory)
    admitted(question(core, sick("I10")), memory, today=TODAY + timedelta(30))


@pytest.mark.parametrize(
    ("first", "second", "near"),
    [
        # births and ages: the two profiles differ by too few inhabitants, or not
        ((FEMALE, Born(window("1950-01-01", "1960-12-31"))), (FEMALE, Born(window("1950-01-01", "1961-12-31"))), True),
        ((FEMALE, Born(window("1950-01-01", "1960-12-31"))), (FEMALE, Born(window("1950-01-01", "1962-12-31"))), False),
        ((aged(50, 69),), (aged(50, 74),), False),
        ((aged(50, 69), LivesIn(frozenset({"LV00B"}))), (aged(50, 74), LivesIn(frozenset({"LV00B"}))), True),
        ((FEMALE,), (MALE,), False),
        ((FEMALE,), (), False),
        # a few months, a tenth of a value
        ((Diagnosis(window=window("2019-01-01", None)),), (Diagnosis(window=window("2019-03-01", None)),), True),
        ((Diagnosis(window=window("2019-01-01", None)),), (Diagnosis(window=window("2019-04-01", None)),), False),
        ((Diagnosis(window=window("2019-01-01", None)),), (Diagnosis(),), False),
        ((Measurement("4548-4", 40.0),), (Measurement("4548-4", 43.0),), True),
        ((Measurement("4548-4", 40.0),), (Measurement("4548-4", 48.0),), False),
        ((Measurement("4548-4", 40.0),), (Measurement("39156-5", 43.0),), False),
        ((Within(Specimen(), sick("C34"), 0, 90),), (Within(Specimen(), sick("C34"), 0, 120),), True),
        # one narrow code more
        ((sick("C50", "C34.1"),), (sick("C50"),), True),
        ((sick("C50", "C34"),), (sick("C50"),), False),
        ((sick("C34.1"),), (sick("C34.2"),), False),
        # differing in two narrow ways is still narrow
        ((FEMALE, Born(window("1950-01-01", "1960-12-31")), Measurement("4548-4", 40.0)),
         (FEMALE, Born(window("1950-01-01", "1961-12-31")), Measurement("4548-4", 43.0)), True),
    ],
)  # fmt: skip
def test_a_question_too_near_to_an_earlier_one_is_refused(
    first: tuple[Criterion, ...], second: tuple[Criterion, ...], near: bool
) -> None:
    for one, other in ((first, second), (second, first)):
        memory = Memory(KEY)
        admitted(question(sick("I10"), *one), memory, SIZED)
        assert isinstance(ask(question(sick("I10"), *other), memory, SIZED), Refused) == near
        # Bruno has asked nothing yet.
        assert isinstance(ask(question(sick("I10"), *other, asker="bruno"), memory, SIZED), Admitted)


def test_which_samples_are_counted_is_compared_too() -> None:
    memory = Memory(KEY)

    def samples(since: str) -> Question:
        return question(sick("I10"), count=Count.SAMPLES, samples=Specimen(collected=window(since, None)))

    admitted(samples("2019-01-01"), memory)
    refused(samples("2019-02-01"), memory)
    admitted(samples("2019-04-01"), memory)
    # Where donors are counted, it does not matter which samples are meant.
    admitted(replace(samples("2019-01-01"), count=Count.DONORS), memory)
    admitted(replace(samples("2019-02-01"), count=Count.DONORS), memory)


def test_another_purpose_or_year_is_a_question_alike() -> None:
    memory = Memory(KEY)

    def asked(number: int) -> Question:
        disease = Purpose(Use.DISEASE, AskerKind.ACADEMIC, disease=f"C{10 + number}")
        at = date(2025 - number, 12, 31)
        return question(FEMALE, aged(50, 69), purpose=disease if number % 2 else RESEARCH, ages_at=at)

    for number in range(20):
        admitted(asked(number), memory)
    refused(asked(20), memory)
    admitted(asked(7), memory)


def test_attrition_costs_as_many_questions_as_it_has_steps() -> None:
    policy = replace(default(), budget=replace(default().budget, open=4))
    memory = Memory(KEY)
    told = admitted(question(sick("C34"), FEMALE, aged(50, 69)), memory, policy, steps=True)
    assert [step.such_that for step in told.steps] == [
        All(), All((sick("C34"),)), All((sick("C34"), FEMALE)), All((sick("C34"), FEMALE, aged(50, 69))),
    ]  # fmt: skip
    refused(question(sick("I10")), memory, policy)
    # Each step is remembered as the question that it is.
    admitted(question(sick("C34")), memory, policy)


# --- forms ------------------------------------------------------------------------------------------------

X, Y, Z, X1 = sick("C34"), sick("I10"), sick("E10"), sick("C34.1")


@pytest.mark.parametrize(
    "spelling",
    [
        All((Y, X)),
        All((X, All((Y,)), X)),
        Not(Any((Not(X), Not(Y)))),
        Any((All((X, Y)), All((X, Y, Z)))),
        Any((All((X, Y, Z)), All((X, Y, Not(Z))))),
        All((X, Y, Any((Z, Not(Z))))),
        All((X, Y, Any((X, X1)))),
        All((X, Y, Any((Not(X1), X)))),
        All((X, Y, Diagnosis())),
        All((X, Y, IsSex(frozenset(Sex)))),
        All((X, Y, aged(None, None))),
    ],
)
def test_one_question_in_other_words_has_one_form(spelling: Criterion) -> None:
    assert forms.form(spelling).key == forms.form(All((X, Y))).key


def test_different_questions_have_different_forms() -> None:
    different: list[Criterion] = [
        X, Y, X1, All((X, Y)), Any((X, Z)), All((X, Not(Y))), All((Not(X), Y)), Not(X), All(), Any(),
        Diagnosis(frozenset({"C34"}), descendants=False), All((X, FEMALE)), All((X, MALE)), Any((X, FEMALE)),
        All((X, Any((Y, X1)))), Diagnosis(frozenset({"C34"}), window=window("2019-01-01", None)),
    ]  # fmt: skip
    assert len({forms.form(each).key for each in different}) == len(different)


def truth(criterion: Criterion, known: dict[Criterion, bool]) -> bool:
    match criterion:
        case All(of):
            return all(truth(part, known) for part in of)
        case Any(of):
            return any(truth(part, known) for part in of)
        case Not(of):
            return not truth(of, known)
        case _:
            return known[criterion]


LEAVES: list[Criterion] = [
    sick("C34"),
    FEMALE,
    aged(50, 69),
    Specimen(frozenset({"Serum"})),
    Measurement("4548-4", 40.0),
]
criteria = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, max_size=3).map(lambda parts: All(tuple(parts)))
        | st.lists(inner, max_size=3).map(lambda parts: Any(tuple(parts)))
    ),
    max_leaves=8,
)


@given(criteria, criteria)
def test_equal_forms_are_equal_questions(a: Criterion, b: Criterion) -> None:
    rows = [dict(zip(LEAVES, map(bool, map(int, f"{n:05b}")), strict=True)) for n in range(32)]
    same = [truth(a, row) for row in rows] == [truth(b, row) for row in rows]
    if forms.form(a).key == forms.form(b).key:
        assert same
    elif same:
        # A profile may be said at the top or within a branch: the same donors, but another form.
        assert forms.form(a).profile != forms.form(b).profile


def test_an_admitted_question_is_made_by_admit_alone() -> None:
    with pytest.raises(TypeError, match="is made by talka_node"):
        Admitted(None, question(X), (), Standing.OPEN, forms.form(X), (), ())
