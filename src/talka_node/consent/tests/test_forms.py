"""Forms are data; what is not understood in one stays visible, and never permits anything."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
import yaml

from talka_node.consent import Form, Forms, Option, Outcome, Standing, Term, decide, examples
from talka_node.consent.forms import parse, term
from talka_query.nodes import AskerKind, Purpose, Use

pytestmark = pytest.mark.once

RESEARCH = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)


def test_the_examples_are_understood_whole() -> None:
    forms = examples()
    assert forms.problems == []
    assert sorted(f"{each.form}/{each.version}" for each in forms) == ["invented-broad/2", "invented-lung/1"]
    for form in forms:
        assert {*form.title} == {"lv", "en"}
        assert all({*option.text} == {"lv", "en"} for option in form.options.values())
        assert all(each.understood for each in form.terms(form.options) | form.terms(()))


@pytest.mark.parametrize(
    ("written", "read", "understood"),
    [
        ("GRU", Term("GRU"), True),
        ("DUO:0000042", Term("GRU"), True),
        ({"DS": ["C34", "C00-C97"]}, Term("DS", ("C34", "C00-C97")), True),
        ({"DUO:0000007": "C34"}, Term("DS", ("C34",)), True),
        ({"MOR": date(2027, 1, 1)}, Term("MOR", ("2027-01-01",)), True),
        ({"TS": 24}, Term("TS", ("24",)), True),
        ({"GS": ["LV", "EU"]}, Term("GS", ("LV", "EU")), True),
        ({"PS": "invented project"}, Term("PS", ("invented project",)), True),
        # and what a person must look at
        ("gru", Term("gru"), False),
        ("DUO:9999999", Term("DUO:9999999"), False),
        ("DS", Term("DS"), False),  # of which disease?
        ({"GRU": ["C34"]}, Term("GRU", ("C34",)), False),  # general research on something in particular?
        ({"DS": ["MONDO:0005138"]}, Term("DS", ("MONDO:0005138",)), False),
        ({"DS": []}, Term("DS"), False),
        ({"MOR": "soon"}, Term("MOR", ("soon",)), False),
        ({"MOR": "20270101"}, Term("MOR", ("20270101",)), False),
        ({"TS": 0}, Term("TS", ("0",)), False),
        ({"TS": True}, Term("TS", ("? True",)), False),
        ({"GS": [False]}, Term("GS", ("? False",)), False),  # YAML 1.1 and Norway
        ({"GS": ["Baltics"]}, Term("GS", ("Baltics",)), False),
        ({"US": " "}, Term("US", (" ",)), False),
        ({"DS": ["C34"], "GS": ["LV"]}, Term("? {'DS': ['C34'], 'GS': ['LV']}"), False),
        (None, Term("? None"), False),
        (7, Term("? 7"), False),
    ],
)
def test_terms(written: object, read: Term, understood: bool) -> None:
    assert (term(written), term(written).understood) == (read, understood)


def test_a_box_speaks_when_it_is_ticked_and_when_it_is_not() -> None:
    form = Form(
        "paper",
        1,
        {
            "a": Option(frozenset({Term("GRU")}), frozenset({Term("HMB")})),
            "b": Option(frozenset({Term("PUB")})),
        },
        frozenset({Term("IRB")}),
    )
    assert form.terms({"a"}) == {Term("IRB"), Term("GRU")}
    assert form.terms({"b"}) == {Term("IRB"), Term("HMB"), Term("PUB")}
    assert form.terms({"c"}) == {Term("IRB"), Term("HMB"), Term("? option 'c'")}


GOOD = {"form": "paper", "version": 1, "options": {"all": {"terms": ["NRES"]}}}


def outcome(written: object, *ticked: str) -> tuple[Outcome, list[str]]:
    form, problems = parse(written)
    forms = Forms([form] if form else [])
    return decide(Standing.of("paper", 1, *ticked), RESEARCH, date(2026, 1, 1), forms).outcome, problems


def test_a_good_form_permits() -> None:
    assert outcome(GOOD, "all") == (Outcome.PERMIT, [])


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"withdraw_by": "post"}, "withdraw_by: a form has no such key"),
        ({"always": ["XYZ"]}, "always: XYZ is no term"),
        ({"always": {"DS": ["C34"], "GS": []}}, "always: ? "),
        ({"since": "last year"}, "since: a day is written as 2026-01-31"),
        ({"guardian": "mother"}, "guardian: true or false"),
        ({"ends_at_death": 1}, "ends_at_death: true or false"),
        ({"years": 0}, "years: a whole number"),
        ({"years": True}, "years: a whole number"),
        ({"options": {"all": {"terms": ["NRES", "NRES!"]}}}, "options.all.terms: NRES! is no term"),
        ({"options": {"all": {"terms": ["NRES"], "unless": ["NCU"]}}}, "options.all.unless: a box has only"),
        ({"options": {"all": ["NRES"]}}, "options.all: a box has a name and a mapping"),
        ({"options": ["all"]}, "options: a mapping"),
    ],
)
def test_what_is_wrong_with_a_form_is_told_and_leaves_it_to_a_person(
    wrong: dict[str, object], problem: str
) -> None:
    found, problems = outcome(GOOD | wrong, "all")
    assert found is Outcome.HUMAN
    assert any(each.startswith(problem) for each in problems), problems


@pytest.mark.parametrize(
    "written", [[], "paper", {"form": "paper"}, {"form": "", "version": 1}, GOOD | {"version": "1"}]
)
def test_a_form_that_cannot_be_named_is_not_taken(written: object) -> None:
    assert parse(written)[0] is None
    assert outcome(written, "all")[0] is Outcome.HUMAN


def test_a_folder_of_forms(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(GOOD))
    (tmp_path / "b.json").write_text(json.dumps(GOOD | {"version": 2}))
    (tmp_path / "c.yml").write_text("form: [")
    (tmp_path / "d.yaml").write_bytes(b"form: \xff")
    (tmp_path / "README.md").write_text("not a form")
    forms = Forms.load(tmp_path)
    assert [(each.form, each.version) for each in forms] == [("paper", 1), ("paper", 2)]
    assert [each.split(":")[0] for each in forms.problems] == ["c.yml", "d.yaml"]


def test_two_descriptions_of_one_version_are_none() -> None:
    form, _ = parse(GOOD)
    other, _ = parse(GOOD | {"always": ["NCU"]})
    same, _ = parse(GOOD | {"title": {"lv": "Cits virsraksts"}})
    assert form and other and same
    assert Forms([form, same]).get("paper", 1) == form
    twice = Forms([form, other])
    assert (twice.get("paper", 1), len(twice)) == (None, 0)
    assert twice.problems == ["form paper/1 is described twice, differently: a person must decide"]


def test_the_digest_is_of_the_meaning() -> None:
    form, _ = parse(GOOD)
    assert form
    for key, value, same in (
        ("title", {"en": "Another"}, True),
        ("options", {"all": {"terms": ["DUO:0000004"], "text": {"en": "All"}}}, True),
        ("options", {"all": {"terms": ["GRU"]}}, False),
        ("always", ["NCU"], False),
        ("years", 5, False),
        ("since", "2020-01-01", False),
        ("guardian", True, False),
    ):
        other, _ = parse(GOOD | {key: value})
        assert other and (other.digest == form.digest) is same, key
