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
      - a sample, of type DNA or Serum, at age from 50 to 70 years, stored at -60to-85, with at least 2 aliquots left
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
atlikušas vismaz 2 alikvotas
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
