from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given

from talka_query import nodes
from talka_query.check import Problem, converted, problems
from talka_query.nodes import (
    Ages,
    AskerKind,
    Axis,
    Criterion,
    Diagnosis,
    Purpose,
    Question,
    Specimen,
    Use,
    Window,
    Within,
)
from tests.generative import stores

pytestmark = pytest.mark.once


@dataclass(frozen=True)
class Node:
    """A node that knows little, and keeps BMI in kg/m2."""

    biobanks: frozenset[str] = frozenset({"A", "B", "Riga"})
    collections: frozenset[str] = frozenset({"A:1", "A:2", "B:1"})
    types: frozenset[str] = frozenset({"Serum", "DNA", "TissueFrozen"})
    temperatures: frozenset[str] = frozenset({"-60to-85", "LN", "RT"})
    regions: frozenset[str] = frozenset(stores.REGIONS)
    cohorts: frozenset[str] = frozenset({"births", "lungs"})
    measures: frozenset[str] = frozenset(stores.MEASURES)
    procedures: frozenset[str] = frozenset(stores.PROCEDURES)
    genes: frozenset[str] = frozenset({"GENE1", "GENE2"})
    chromosomes: frozenset[str] = frozenset({"1", "2", "X"})

    def diagnosis(self, code: str) -> None:
        if code == "nothing":
            raise ValueError("'nothing' is not of ICD-10; write C34")

    def medicine(self, code: str) -> None:
        if code == "nothing":
            raise ValueError("'nothing' is no ATC code; write A10")

    def unit(self, measure: str) -> str | None:
        return "kg/m2"

    def conversion(self, measure: str, unit: str) -> Callable[[float], float]:
        if unit != "g/m2":
            raise ValueError(f"{unit} does not convert into kg/m2")
        return lambda value: value / 1000


NODE = Node()
PURPOSE = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC, genetic=True)


def question(such_that: Criterion, **rest: Any) -> Question:
    return Question(PURPOSE, such_that, date(2026, 1, 1), **rest)


def told(such_that: Criterion, **rest: Any) -> list[str]:
    return [str(problem) for problem in problems(question(such_that, **rest), NODE)]


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        (Specimen(types=frozenset({"serum", "DNA"})),
         "such_that.types: 'serum' is no sample type that this node knows; did you mean Serum?"),
        (Specimen(temperatures=frozenset({"60to-85"})),
         "such_that.temperatures: '60to-85' is no temperature that this node knows; did you mean -60to-85?"),
        (Specimen(biobanks=frozenset({"Rīga"})),
         "such_that.biobanks: 'Rīga' is no biobank that this node knows; did you mean Riga?"),
        (Specimen(collections=frozenset({"zzz"})),
         "such_that.collections: 'zzz' is no collection that this node knows"),
        (nodes.LivesIn(frozenset({"LV00C"})),
         "such_that.any_of: 'LV00C' is no region that this node knows; did you mean LV00B or LV00A?"),
        (nodes.InCohort("lung"),
         "such_that.cohort: 'lung' is no cohort or study that this node knows; did you mean lungs?"),
        (nodes.Procedure(frozenset({"biopsies"})),
         "such_that.codes: 'biopsies' is no procedure that this node knows; did you mean biopsy?"),
        (Diagnosis(frozenset({"nothing", "C34"})), "such_that.codes: 'nothing' is not of ICD-10; write C34"),
        (nodes.Medication(frozenset({"nothing"})), "such_that.codes: 'nothing' is no ATC code; write A10"),
        (nodes.Measurement("39156-6", unit="g/m2"),
         "such_that.code: '39156-6' is no measurement (LOINC) that this node knows; did you mean 39156-5?"),
        (nodes.Measurement("39156-5", unit="mm"), "such_that.unit: mm does not convert into kg/m2"),
        (nodes.Measurement("39156-5", 30, 25), "such_that.low: is 30, above high, 25; nothing lies between"),
        (nodes.VariantIn("GENE3"),
         "such_that.gene: 'GENE3' is no gene that this node knows; did you mean GENE2 or GENE1?"),
        (nodes.Variant("23", 5, "A", "G"),
         "such_that.chromosome: '23' is no chromosome that this node knows; did you mean 2?"),
        (nodes.Variant("1", 0, "A", "G"), "such_that.position: is 0; positions count from 1"),
        (nodes.VariantIn(None, "1", 9, 5), "such_that.start: is 9, above end, 5; nothing lies between"),
        (nodes.Age(Ages(70, 50)), "such_that.years.low: is 70, above high, 50; nothing lies between"),
        (nodes.Born(Window(date(2020, 1, 2), date(2020, 1, 1))),
         "such_that.window: ends (2020-01-01) before it begins (2020-01-02); no day lies in it"),
        (Within(Specimen(), Diagnosis(), 3, 2), "such_that.low: is 3, above high, 2; nothing lies between"),
    ],
)  # fmt: skip
def test_an_unknown_name_comes_back_with_its_place_and_the_nearest(
    criterion: Criterion, expected: str
) -> None:
    assert told(criterion) == [expected]


def test_the_narrowest_that_still_holds_something_is_no_problem() -> None:
    day = date(2020, 1, 1)
    assert told(nodes.Variant("1", 1, "A", "G")) == []
    assert told(nodes.Born(Window(day, day))) == []
    assert told(nodes.Age(Ages(50, 50))) == []


def test_places_lead_through_the_whole_question() -> None:
    wrong = nodes.InCohort("none")
    nested = nodes.All(
        (
            nodes.Alive(),
            nodes.Not(nodes.Any((wrong,))),
            Within(Specimen(aliquots=1), Diagnosis(frozenset({"nothing"}))),
        )
    )
    found = problems(question(nested, samples=Specimen(biobanks=frozenset({"Q"}))), NODE)
    assert [problem.path for problem in found] == [
        "such_that.of[1].of.of[0].cohort",
        "such_that.of[2].anchor.codes",
        "samples.biobanks",
    ]


def test_the_purpose_must_fit() -> None:
    def of(purpose: Purpose, such_that: Criterion = nodes.Alive()) -> list[Problem]:  # noqa: B008 -- frozen
        return problems(replace(question(such_that), purpose=purpose), NODE)

    assert of(replace(PURPOSE, genetic=False), nodes.VariantIn("GENE1")) == [
        Problem("purpose.genetic", "must be true, for such_that reads genetic data")
    ]
    assert of(Purpose(Use.DISEASE, AskerKind.ACADEMIC)) == [
        Problem("purpose.disease", "is missing; research on a disease must say which (ICD-10)")
    ]
    assert of(replace(PURPOSE, disease="C34")) == [
        Problem("purpose.disease", 'goes with the use "disease" only')
    ]
    assert of(Purpose(Use.DISEASE, AskerKind.ACADEMIC, disease="nothing")) == [
        Problem("purpose.disease", "'nothing' is not of ICD-10; write C34")
    ]
    assert of(replace(PURPOSE, country="lv"))[0].path == "purpose.country"


def test_axes_and_version() -> None:
    alive = nodes.Alive()
    assert told(alive, version=2) == ["version: 2 is not known here; this is version 1"]
    assert told(alive, by=(Axis.SEX, Axis.SEX)) == ["by: names an axis twice"]
    assert told(alive, by=tuple(Axis)[:4]) == ["by: names 4 axes; the most is 3"]


def test_a_personal_code_is_not_repeated() -> None:
    assert told(nodes.InCohort("010190-12345")) == [  # invented
        "such_that.cohort: '…' is no cohort or study that this node knows"
    ]


@given(stores.questions())
def test_generated_questions_know_their_names(question: Question) -> None:
    """What is wrong with them is at most the order of two ends: or the engines would be tested on names of nothing."""
    genetic = replace(question, purpose=replace(question.purpose, genetic=True))
    node = replace(NODE, biobanks=NODE.biobanks | set(stores.BIOBANKS))
    wrong = [problem for problem in problems(genetic, node) if "lies" not in problem.problem]
    assert wrong == []


def test_values_are_converted_into_the_nodes_own_unit_wherever_they_stand() -> None:
    given_in_grams = nodes.Measurement("39156-5", 25_000, None, "g/m2", Window(date(2020, 1, 1)))
    own = nodes.Measurement("39156-5", 25, None, "kg/m2", Window(date(2020, 1, 1)))
    bare = nodes.Measurement("39156-5", 25)

    def nested(pattern: nodes.Measurement) -> Question:
        return question(
            nodes.All(
                (
                    nodes.Not(pattern),
                    nodes.Any((pattern, bare)),
                    Within(pattern, Diagnosis()),
                    Within(Diagnosis(), pattern),
                )
            )
        )

    assert converted(nested(given_in_grams), NODE) == nested(own)
    with pytest.raises(ValueError, match="does not convert"):
        converted(nested(replace(own, unit="mm")), NODE)
