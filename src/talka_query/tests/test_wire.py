from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any, get_args

import pytest
from hypothesis import given

from talka_query import nodes, wire
from talka_query.nodes import Ages, AskerKind, Axis, Diagnosis, Purpose, Question, Sex, Specimen, Use, Window
from tests.generative import stores

pytestmark = pytest.mark.once

PURPOSE = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
QUESTION = Question(
    PURPOSE,
    nodes.All(
        (
            nodes.IsSex(frozenset({Sex.MALE, Sex.FEMALE})),
            Diagnosis(frozenset({"C34", "C33"}), window=Window(date(2018, 1, 1))),
            nodes.Measurement("39156-5", 25, 30.5, "kg/m2"),
            nodes.Within(Specimen(), Diagnosis(), None, -365),
        )
    ),
    date(2026, 1, 1),
    by=(Axis.SEX, Axis.BIOBANK),
)
ALL_KINDS = ", ".join(sorted(wire.KINDS))
TEXT = (
    '{"ages_at":"2026-01-01","by":["sex","biobank"],"purpose":{"asker":"academic","use":"biomedical"},'
    '"such_that":{"is":"all","of":['
    '{"any_of":["female","male"],"is":"sex"},'
    '{"codes":["C33","C34"],"is":"diagnosis","window":{"since":"2018-01-01"}},'
    '{"code":"39156-5","high":30.5,"is":"measurement","low":25,"unit":"kg/m2"},'
    '{"anchor":{"is":"diagnosis"},"event":{"is":"specimen"},"high":-365,"is":"within"}]},"version":1}'
)


def without(**changes: Any) -> dict[str, Any]:
    """The text of the question as data, with some of its keys changed."""
    return json.loads(TEXT) | changes  # type: ignore[no-any-return]


# --- the canonical text -----------------------------------------------------------------------------------


def test_the_canonical_text() -> None:
    assert wire.dumps(QUESTION) == TEXT
    assert wire.loads(TEXT) == QUESTION
    assert wire.digest(QUESTION) == sha256(TEXT.encode()).hexdigest()
    # Journals and permits hold digests: this one must never change.
    assert wire.digest(QUESTION).startswith("43750bd77d3c")


@given(stores.questions())
def test_there_and_back(question: Question) -> None:
    text = wire.dumps(question)
    assert wire.loads(text) == question
    assert wire.loads(text.encode()) == question
    assert wire.dumps(wire.loads(text)) == text


@given(stores.questions(), stores.questions())
def test_equal_questions_have_equal_digests_and_no_others(one: Question, other: Question) -> None:
    assert (wire.digest(one) == wire.digest(other)) == (one == other)


@given(stores.questions())
def test_order_of_keys_blanks_and_defaults_spelt_out_change_nothing(question: Question) -> None:
    def spelt_out(value: Any) -> Any:
        if isinstance(value, dict):
            value = {key: spelt_out(each) for key, each in reversed(value.items())}
            return {"window": {"until": None}} | value if value.get("is") == "diagnosis" else value
        return [spelt_out(each) for each in value] if isinstance(value, list) else value

    loose = json.dumps(
        {"count": "donors", "asker": ""} | spelt_out(json.loads(wire.dumps(question))), indent=2
    )
    assert wire.digest(wire.loads(loose)) == wire.digest(question)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (25, "25"),
        (25.0, "25"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e300, "1e+300"),
        (2**60, "1.152921504606847e+18"),
    ],
)
def test_equal_numbers_are_equal_texts(value: float, text: str) -> None:
    question = replace(QUESTION, such_that=nodes.Measurement("39156-5", value))
    assert f'"low":{text}}}' in wire.dumps(question)
    assert wire.loads(wire.dumps(question)) == question


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400])
def test_what_no_text_can_say_is_refused(value: float) -> None:
    question = replace(QUESTION, such_that=nodes.All((nodes.Measurement("39156-5", value),)))
    with pytest.raises(wire.Malformed) as refused:
        wire.dumps(question)
    assert refused.value.path == "such_that.of[0].low"


# --- refusals ---------------------------------------------------------------------------------------------


def refusal(data: Any) -> tuple[str, str]:
    with pytest.raises(wire.Malformed) as refused:
        wire.loads(data if isinstance(data, str | bytes) else json.dumps(data))
    return refused.value.path, refused.value.problem


def test_another_version_is_refused_before_all_else() -> None:
    assert refusal(without(version=2, colour="red")) == (
        "version",
        "2 is not known here; this is version 1 of the language",
    )
    assert refusal(without(version=True)) == (
        "version",
        "true is not known here; this is version 1 of the language",
    )
    assert refusal({"such_that": {"is": "all"}}) == ("version", "is missing; write 1")


@pytest.mark.parametrize(
    ("such_that", "path", "problem"),
    [
        ({"is": "all", "of": [{"is": "alive"}, {"is": "diagnosis", "codes": "C34"}]}, ".of[1].codes",
         'is "C34"; it must be a list'),
        ({"is": "diagnosis", "codes": ["C34", 34]}, ".codes[1]", "is 34; it must be text"),
        ({"is": "diagnosis", "code": []}, ".code",
         'is not known; did you mean "codes"? it must be one of age, codes, descendants, window'),
        ({"is": "diagnosis", "descendants": 1}, ".descendants", "is 1; it must be true or false"),
        ({"is": "diagnosis", "window": {"since": "20180101"}}, ".window.since",
         'is "20180101"; it must be a day written as 2026-01-31'),
        ({"is": "diagnosis", "window": {"since": "2018-02-30"}}, ".window.since",
         'is "2018-02-30"; it must be a day written as 2026-01-31'),
        ({"is": "sex", "any_of": ["mal"]}, ".any_of[0]",
         'is "mal"; did you mean "male"? it must be one of female, male, other, unknown'),
        ({"is": "age", "years": {"low": 50.0}}, ".years.low", "is 50.0; it must be a whole number"),
        ({"is": "age", "years": {"low": True}}, ".years.low", "is true; it must be a whole number"),
        ({"is": "age", "years": {"low": 3_000_000_000}}, ".years.low",
         "must lie between -2000000000 and 2000000000"),
        ({"is": "age", "years": [50, 70]}, ".years", "is [50, 70]; it must be an object"),
        ({"is": "age"}, ".years", "is missing"),
        ({"is": "not", "of": []}, ".of", 'is []; it must be an object with "is": one of ' + ALL_KINDS),
        ({"is": "specimens"}, ".is",
         '"specimens" is not possible here; did you mean "specimen"? it must be one of ' + ALL_KINDS),
        ({"of": []}, ".is", "is missing; it must be one of " + ALL_KINDS),
        ({"is": "within", "event": {"is": "alive"}, "anchor": {"is": "diagnosis"}}, ".event.is",
         '"alive" is not possible here; it must be one of diagnosis, measurement, medication, procedure, specimen'),
        ({"is": "variant_in"}, "", "needs a gene or a chromosome"),
        ({"is": "variant_in", "gene": "TP53", "start": 1}, ".chromosome",
         "is missing; start and end are positions of a chromosome"),
        ({"is": "in_cohort", "cohort": "\ud800"}, ".cohort",
         "holds half of a surrogate pair, which is no character"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_place_and_what_would_be_right(such_that: Any, path: str, problem: str) -> None:
    assert refusal(without(such_that=such_that)) == (f"such_that{path}", problem)


def test_refusals_of_the_question_itself() -> None:
    assert refusal(without(by=["sex", "region", "year", "biobank"])) == ("by", "names 4 axes; the most is 3")
    assert refusal(without(by=["sex", "sex"])) == ("by", "names an axis twice")
    assert refusal(without(samples={"is": "diagnosis"})) == (
        "samples.is",
        '"diagnosis" is not possible here; it must be "specimen"',
    )
    assert refusal(without(askr="anna")) == (
        "askr",
        'is not known; did you mean "asker"? it must be one of ' + ", ".join(sorted(Question.__slots__)),
    )
    assert refusal([]) == ("", "is []; it must be an object")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not JSON: Expecting value at line 1, column 1"),
        ("{", "is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        (b"\xff", "is not text in UTF-8"),
        ('{"a":1,"a":2}', 'says "a" twice in one object'),
        ('{"a":NaN}', "holds NaN, which is not JSON; numbers must be finite"),
        ("9" * 5000, "holds a number with too many digits"),
        ("[" * 200_000, "is nested too deeply; the most is 32 levels"),
        (" " * (2**20 + 1), "is 1048577 bytes long; the most is 1048576"),
    ],
)
def test_what_is_no_sound_json_is_refused(text: str | bytes, problem: str) -> None:
    assert refusal(text) == ("", problem)


def test_a_text_may_be_just_so_long() -> None:
    assert wire.loads(TEXT + " " * (wire.MOST_BYTES - len(TEXT))) == QUESTION


def test_numbers_too_large_for_a_float_are_refused_in_their_place() -> None:
    for number in ("1e999", "1" + "0" * 400):
        text = TEXT.replace('"low":25', f'"low":{number}')
        assert refusal(text)[0] == "such_that.of[2].low"


def test_both_ways_refuse_what_is_nested_too_deeply() -> None:
    criterion: nodes.Criterion = nodes.Alive()
    for _ in range(31):
        criterion = nodes.Not(criterion)
    assert wire.loads(wire.dumps(replace(QUESTION, such_that=criterion))).such_that == criterion
    criterion = nodes.Not(criterion)
    with pytest.raises(wire.Malformed, match="nested too deeply"):
        wire.dumps(replace(QUESTION, such_that=criterion))
    data: Any = {"is": "alive"}
    for _ in range(33):
        data = {"is": "not", "of": data}
    assert refusal(without(such_that=data))[1] == "is nested too deeply; the most is 32 levels"


def test_a_personal_code_is_not_repeated() -> None:
    for code in ("010190-12345", "32000012345"):  # invented
        assert refusal(without(ages_at=code)) == ("ages_at", 'is "…"; it must be a day written as 2026-01-31')
        assert refusal(without(such_that={"is": code}))[1].startswith('"…" is not possible here')
        assert refusal(without(**{code: 1}))[0] == "…"


def test_every_criterion_has_a_kind() -> None:
    assert set(wire.KINDS.values()) == set(get_args(nodes.Criterion))


def test_ages_of_both_kinds_of_number_are_one_question() -> None:
    assert wire.digest(replace(QUESTION, such_that=nodes.Age(Ages(50)))) != wire.digest(
        replace(QUESTION, such_that=nodes.Age(Ages(None, 50)))
    )
