from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from talka_query import language as q
from talka_query import nodes
from talka_query.explain import explain
from talka_query.nodes import SPECIMEN_AXES, AskerKind, Axis, Count, Purpose, Question, Specimen, Use
from tests.generative import stores

pytestmark = pytest.mark.once

QUESTION = (
    q.donors(
        q.diagnosis("C34", since="2015-01-01")
        & (q.specimen("Serum", "DNA", at="-60to-85", aliquots=2, ages=(50, 70)) | q.gene("TP53"))
        & ~q.sex("male")
        & q.specimen().before(q.diagnosis("C00-C97"), at_least=365, first=True)
        & q.measurement("39156-5", 25, 30.5, "kg/m2")
    )
    .by(Axis.SEX, Axis.BIOBANK)
    .for_(Purpose(Use.DISEASE, AskerKind.ACADEMIC, disease="C34"), ages_at="2026-01-01", asker="anna")
)


def test_in_english() -> None:
    assert (
        explain(QUESTION)
        == """\
How many donors are there of whom this is known:
  - all of these:
    - a diagnosis C34 or whatever lies below, dated from 2015-01-01
    - at least one of these:
      - a sample, of type DNA or Serum, at age from 50 to 70 years, stored at -60to-85, aliquots left: at least 2
      - carries some genetic variant in the gene TP53 in at least one copy
    - it is not known that:
      - sex: male
    - two records, both with a date:
      (a) any sample
      (b) the first ever: a diagnosis C00-C97 or whatever lies below
      (a) lies at least 365 days before (b)
    - a measurement 39156-5: from 25 to 30.5 kg/m2
Of their samples it looks at: any sample.
Broken down by sex and biobank.
Ages and life are judged on 2026-01-01.
Purpose: research on a disease (C34), not for profit, by an academic institution; genetic data are not read; data are \
processed in LV.
Asked by: anna; permit: none.
Only donors whose consent at some biobank permits this purpose are counted, and only samples of such biobanks."""
    )


def test_in_latvian() -> None:
    assert (
        explain(QUESTION, "lv")
        == """\
Cik ir donoru, par kuriem zināms:
  - viss turpmākais:
    - diagnoze C34 vai kas zem tā, laikā no 01.01.2015.
    - vismaz viens no turpmākā:
      - paraugs, veids: DNA vai Serum, vecums toreiz: no 50 līdz 70 gadiem, glabāts: -60to-85, \
atlikušo alikvotu: vismaz 2
      - ir kāds ģenētiskais variants gēnā TP53 vismaz vienā kopijā
    - nav zināms, ka:
      - dzimums: vīrietis
    - divi ieraksti, abi ar datumu:
      (a) jebkurš paraugs
      (b) pats pirmais: diagnoze C00-C97 vai kas zem tā
      (a) ir vismaz 365 dienas pirms (b)
    - mērījums 39156-5: no 25 līdz 30.5 kg/m2
No viņu paraugiem aplūko: jebkurš paraugs.
Sadalījumā pēc dzimuma un biobankas.
Vecums un tas, vai donors ir dzīvs, noteikts 01.01.2026.
Nolūks: slimības pētījums (C34), ne peļņas nolūkā; jautātājs: zinātniska institūcija; ģenētiskos datus nelasa; datus \
apstrādā valstī LV.
Jautātāja konts: anna; atļauja: nav.
Skaita tikai donorus, kuru piekrišana kādā biobankā šo nolūku pieļauj, un tikai šādu biobanku paraugus."""
    )


@pytest.mark.parametrize(
    ("low", "high", "english", "latvian"),
    [
        (0, 1, "(a) lies 0 to 1 day after (b)", "(a) ir 0 līdz 1 diena pēc (b)"),
        (0, 21, "(a) lies 0 to 21 days after (b)", "(a) ir 0 līdz 21 diena pēc (b)"),
        (-11, -1, "(a) lies 1 to 11 days before (b)", "(a) ir 1 līdz 11 dienas pirms (b)"),
        (-7, 1, "(a) lies between 7 days before and 1 day after (b)",
         "(a) ir laikā, kas sākas 7 dienas pirms (b) un beidzas 1 diena pēc (b)"),
        (1, None, "(a) lies at least 1 day after (b)", "(a) ir vismaz 1 diena pēc (b)"),
        (-7, None, "(a) lies at most 7 days before (b), or at any time after it",
         "(a) ir ne vairāk kā 7 dienas pirms (b) vai jebkad pēc tā"),
        (None, -365, "(a) lies at least 365 days before (b)", "(a) ir vismaz 365 dienas pirms (b)"),
        (None, 7, "(a) lies at most 7 days after (b), or at any time before it",
         "(a) ir ne vairāk kā 7 dienas pēc (b) vai jebkad pirms tā"),
        (None, None, "(a) and (b) lie any number of days apart", "starp (a) un (b) ir jebkurš dienu skaits"),
        (3, 2, "which cannot be: (a) lies at least 3 and at most 2 days after (b)",
         "kas nav iespējams: no (b) līdz (a) ir vismaz 3 un ne vairāk kā 2 dienas"),
    ],
)  # fmt: skip
def test_days_apart(low: int | None, high: int | None, english: str, latvian: str) -> None:
    within = nodes.Within(nodes.Specimen(), nodes.Diagnosis(), low, high)
    question = replace(QUESTION, such_that=within)
    assert explain(question, "en").splitlines()[4].strip() == english
    assert explain(question, "lv").splitlines()[4].strip() == latvian


@pytest.mark.parametrize(
    ("low", "high", "english", "latvian"),
    [
        (1, 1, "1 year", "1 gads"),
        (11, 11, "11 years", "11 gadi"),
        (None, 21, "at most 21 years", "ne vairāk kā 21 gads"),
        (50, None, "at least 50 years", "vismaz 50 gadi"),
        (50, 71, "from 50 to 71 years", "no 50 līdz 71 gadam"),
        (50, 70, "from 50 to 70 years", "no 50 līdz 70 gadiem"),
        (None, None, "anything, even unknown", "jebkas, arī nezināms"),
    ],
)
def test_ages(low: int | None, high: int | None, english: str, latvian: str) -> None:
    question = replace(QUESTION, such_that=nodes.Age(nodes.Ages(low, high)))
    assert explain(question, "en").splitlines()[1].strip() == f"- age: {english}"
    assert explain(question, "lv").splitlines()[1].strip() == f"- vecums: {latvian}"


@given(stores.questions())
def test_whatever_changes_the_question_changes_what_the_committee_reads(question: Question) -> None:
    """Every part left out or put back to its default is another text, in both languages."""
    for simpler in stores.simpler(question):
        same = _in_effect(simpler) == _in_effect(question)
        for language in ("en", "lv"):
            told = explain(simpler, language) == explain(question, language)
            assert told == same, simpler


def _in_effect(value: Any) -> Any:
    """Without what means nothing: samples that nobody looks at, `descendants` of any code."""
    match value:
        case Question():
            looks = value.count is not Count.DONORS or not SPECIMEN_AXES.isdisjoint(value.by)
            return replace(
                value, such_that=_in_effect(value.such_that), samples=value.samples if looks else Specimen()
            )
        case nodes.All() | nodes.Any():
            return replace(value, of=tuple(map(_in_effect, value.of)))
        case nodes.Not():
            return replace(value, of=_in_effect(value.of))
        case nodes.Within():
            return replace(value, event=_in_effect(value.event), anchor=_in_effect(value.anchor))
        case nodes.Diagnosis() | nodes.Medication() if not value.codes:
            return replace(value, descendants=True)
    return value
