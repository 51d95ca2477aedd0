from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka_query import language as q
from talka_query import permits, wire
from talka_query.nodes import AskerKind, Axis, Count, Purpose, Question, Specimen, Use
from talka_query.permits import Permit, Reason, why_not
from tests.generative import stores

pytestmark = pytest.mark.once

LUNG = Purpose(Use.DISEASE, AskerKind.ACADEMIC, disease="C34")
PERMIT = Permit(
    "2026/17",
    "anna",
    date(2026, 1, 1),
    date(2026, 12, 31),
    frozenset({LUNG}),
    criteria=frozenset({"diagnosis", "specimen", "age"}),
    axes=frozenset({Axis.SEX, Axis.BIOBANK}),
    counts=frozenset({Count.DONORS, Count.SAMPLES}),
    diagnoses=frozenset({"C34", "C50"}),
    biobanks=frozenset({"A", "B"}),
    recent=date(2015, 1, 1),
)
SERUM = q.specimen("Serum", biobanks=("A",), since="2018-01-01")
ASKED = (
    q.donors(q.diagnosis("C34.1", since="2015-01-01") & SERUM)
    .by(Axis.SEX, Axis.BIOBANK)
    .looking_at(SERUM)
    .for_(LUNG, "2026-01-01", asker="anna", permit="2026/17")
)


def within(inner: str, outer: str) -> bool:
    if not inner[:1].isupper():
        raise ValueError(f"{inner} is no code")
    return inner.startswith(outer)


def refused(
    question: Question, permit: Permit = PERMIT, holder: str = "anna", on: date = date(2026, 6, 1)
) -> list[tuple[str, str]]:
    reasons = why_not(question, permit, holder=holder, on=on, lies_within=within)
    assert all(reason.lv and reason.lv != reason.en for reason in reasons)
    return [(reason.path, reason.en) for reason in reasons]


def test_a_question_within_its_permit() -> None:
    assert refused(ASKED) == []


def test_its_days_include_both_ends() -> None:
    assert refused(ASKED, on=PERMIT.since) == refused(ASKED, on=PERMIT.until) == []
    assert refused(ASKED, on=PERMIT.since - timedelta(1)) == [("permit", "The permit begins on 2026-01-01.")]
    assert refused(ASKED, on=PERMIT.until + timedelta(1)) == [("permit", "The permit ended on 2026-12-31.")]


def test_it_is_of_its_holder_alone() -> None:
    another = [("asker", "The permit was given to somebody else.")]
    assert refused(ASKED, holder="cilda") == another
    assert refused(replace(ASKED, asker="cilda")) == another
    assert refused(replace(ASKED, asker="")) == another
    assert refused(replace(ASKED, permit=None)) == [("permit", "The question does not rely on this permit.")]


@pytest.mark.parametrize(
    ("purpose", "fits"),
    [
        (LUNG, True),
        (replace(LUNG, disease="C34.1"), True),
        (replace(LUNG, disease="C3"), False),
        (replace(LUNG, disease=None), False),
        (replace(LUNG, use=Use.BIOMEDICAL, disease=None), False),
        (replace(LUNG, commercial=True), False),
        (replace(LUNG, genetic=True), False),
        (replace(LUNG, asker=AskerKind.COMPANY), False),
        (replace(LUNG, country="EE"), False),
    ],
)
def test_the_purpose_may_be_less_than_what_is_allowed_but_not_more(purpose: Purpose, fits: bool) -> None:
    expected = [] if fits else [("purpose", "The permit does not provide for this purpose.")]
    assert refused(replace(ASKED, purpose=purpose)) == expected


def test_a_wider_purpose_allows_the_narrower() -> None:
    wide = replace(PERMIT, purposes=frozenset({replace(LUNG, commercial=True, genetic=True, disease=None)}))
    assert refused(ASKED, wide) == []
    assert refused(replace(ASKED, purpose=replace(LUNG, disease=None)), wide) == []


def test_what_it_does_not_name_it_does_not_allow() -> None:
    question = replace(
        ASKED, such_that=(q.diagnosis("C34", since="2015-01-01") & ~q.gene("TP53") & SERUM).criterion,
        by=(Axis.SEX, Axis.REGION), count=Count.ALIQUOTS,
    )  # fmt: skip
    assert refused(question) == [
        ("such_that.of[1].of", "The permit does not provide for the criterion “variant_in”."),
        ("count", "The permit does not provide for counting aliquots."),
        ("by[1]", "The permit does not provide for a breakdown by region."),
    ]
    nothing = replace(PERMIT, criteria=frozenset(), axes=frozenset())
    assert [path for path, _ in refused(ASKED, nothing)] == [
        "such_that.of[0]", "such_that.of[1]", "samples", "by[0]", "by[1]",
    ]  # fmt: skip
    everybody = replace(ASKED, such_that=q.everybody().criterion, samples=Specimen(), by=())
    assert refused(everybody, replace(nothing, biobanks=frozenset(), recent=None)) == []


def test_diagnoses_lie_within_those_allowed_wherever_they_stand() -> None:
    since = "2015-01-01"
    near = q.specimen(biobanks=("A",), since=since).after(q.diagnosis("C50", "E11", since=since))
    question = replace(ASKED, such_that=(SERUM & (q.diagnosis(since=since) | ~near)).criterion)
    assert refused(question) == [
        ("such_that.of[1].of[0].codes", "Diagnoses must be named; the permit limits them to C34, C50."),
        ("such_that.of[1].of[1].of.anchor.codes", "E11 is not among the diagnoses of the permit: C34, C50."),
    ]


def test_what_is_no_code_lies_nowhere() -> None:
    question = replace(ASKED, such_that=(q.diagnosis("?", since="2015-01-01") & SERUM).criterion)
    assert refused(question) == [
        ("such_that.of[0].codes", "? is not among the diagnoses of the permit: C34, C50.")
    ]
    assert refused(replace(ASKED, purpose=replace(LUNG, disease="?"))) == [
        ("purpose", "The permit does not provide for this purpose.")
    ]


def test_biobanks_must_tie_donors_and_samples_down() -> None:
    alone = q.diagnosis("C34", since="2015-01-01")
    named = "Biobanks must be named; the permit limits them to A, B."
    assert refused(replace(ASKED, such_that=alone.criterion)) == [("such_that", named)]
    # Where only one of several branches names them, the others are not tied down.
    either = replace(ASKED, such_that=(alone | SERUM).criterion)
    assert refused(either) == [("such_that", named)]
    unsaid = replace(ASKED, samples=q.specimen("Serum", since="2015-01-01").criterion)  # type: ignore[arg-type]
    assert refused(unsaid) == [("samples.biobanks", named)]
    assert refused(replace(unsaid, by=(Axis.SEX,))) == []  # nobody looks at them
    elsewhere = replace(
        ASKED, such_that=(alone & q.specimen(biobanks=("A", "C"), since="2015-01-01")).criterion
    )
    assert refused(elsewhere) == [
        ("such_that.of[1].biobanks", "C is not among the biobanks of the permit: A, B.")
    ]


def test_windows_begin_where_the_permit_does_or_later() -> None:
    for since in (None, "2014-12-31"):
        question = replace(ASKED, such_that=(q.diagnosis("C34", since=since) & SERUM).criterion)
        assert refused(question) == [
            ("such_that.of[0].window.since", "The permit is about records from 2015-01-01 on only.")
        ]


def test_reasons_are_told_in_latvian_too() -> None:
    (reason,) = why_not(ASKED, PERMIT, holder="anna", on=date(2027, 1, 1), lies_within=within)
    assert reason == Reason(
        "permit", "Atļauja bija spēkā līdz 31.12.2026.", "The permit ended on 2026-12-31."
    )


# --- its text ---------------------------------------------------------------------------------------------


def some(values: Any) -> st.SearchStrategy[frozenset[Any]]:
    return st.frozensets(st.sampled_from(list(values)))


any_permits = st.builds(
    replace, st.just(PERMIT), purposes=some(stores.PURPOSES), criteria=some(wire.KINDS.keys() - permits.JOINING),
    axes=some(Axis), counts=some(Count), diagnoses=some(stores.WANTED), biobanks=some(stores.BIOBANKS),
    recent=st.none() | st.sampled_from(stores.DAYS),
)  # fmt: skip


def test_a_permit_may_be_of_one_day() -> None:
    one_day = replace(PERMIT, until=PERMIT.since)
    assert permits.loads(permits.dumps(one_day)) == one_day


@given(any_permits)
def test_there_and_back(permit: Permit) -> None:
    assert permits.loads(permits.dumps(permit)) == permit
    assert permits.dumps(permits.loads(permits.dumps(permit))) == permits.dumps(permit)


@pytest.mark.parametrize(
    ("change", "path", "problem"),
    [
        ({"version": 2}, "version", "2 is not known here; this is version 1 of the language"),
        ({"since": "2027-01-01"}, "until", "is 2026-12-31, before since, 2027-01-01"),
        ({"holder": ""}, "holder", "is empty; a permit has a name and a holder"),
        ({"permit": ""}, "permit", "is empty; a permit has a name and a holder"),
        (
            {"axes": ["sexx"]},
            "axes[0]",
            f'is "sexx"; did you mean "sex"? it must be one of {", ".join(sorted(Axis))}',
        ),
        (
            {"criteria": ["all"]},
            "criteria",
            '"all" is no criterion; each must be one of '
            + ", ".join(sorted(wire.KINDS.keys() - permits.JOINING)),
        ),
    ],
)
def test_what_is_no_permit_is_refused(change: dict[str, Any], path: str, problem: str) -> None:
    with pytest.raises(wire.Malformed) as told:
        permits.loads(json.dumps(json.loads(permits.dumps(PERMIT)) | change))
    assert (told.value.path, told.value.problem) == (path, problem)
