"""The whole table of decisions: every permission against every use, every modifier against what it looks at."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date

import pytest

from talka_node.consent import (
    By,
    Consent,
    Form,
    Forms,
    Grounds,
    Option,
    Outcome,
    Standing,
    decide,
    examples,
)
from talka_node.consent.decision import MODIFIERS, NO_GROUNDS, WORDS, Decision
from talka_node.consent.forms import DUO, LOCAL, OBLIGATIONS, PERMISSIONS, term
from talka_query.nodes import AskerKind, Purpose, Use

pytestmark = pytest.mark.once

TODAY = date(2026, 3, 1)
PLAIN = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
LETTER = {"P": Outcome.PERMIT, "r": Outcome.REFUSE, "?": Outcome.HUMAN}


def ask(terms: list[object], purpose: Purpose, grounds: Grounds = NO_GROUNDS, on: date = TODAY) -> Decision:
    form = Form("paper", 3, {"box": Option(frozenset(map(term, terms)))})
    return decide(Standing.of("paper", 3, "box"), purpose, on, Forms([form]), grounds)


# Uses downwards, permissions across. P permit, r refuse, ? a person.
#   DS is of C34; "disease a" asks about C34.1, "b" about C50, "c" about the block around it, "d" names none.
TABLE = """
                 NRES GRU HMB DS  POA STAT
biomedical       P    P   P   r   r   r
disease a        P    P   P   P   r   r
disease b        P    P   P   r   r   r
disease c        P    P   P   r   r   r
disease d        P    P   P   ?   r   r
disease e        P    P   P   ?   r   r
methods          P    P   P   P   P   r
ancestry         P    P   r   r   P   r
statistics       P    P   P   r   r   P
other            P    ?   r   r   r   r
"""
DISEASES = {"a": "C34.1", "b": "C50", "c": "C30-C39", "d": None, "e": "lung cancer"}


def table() -> list[tuple[str, str, str]]:
    head, *rows = TABLE.strip("\n").splitlines()
    columns = head.split()
    found = []
    for row in rows:
        name, letters = row[:16].strip(), row[16:].split()
        found += [(name, column, letter) for column, letter in zip(columns, letters, strict=True)]
    return found


def test_the_table_is_whole() -> None:
    assert {(name.split()[0], code) for name, code, _ in table()} == set(
        itertools.product([each.value for each in Use], PERMISSIONS)
    )


@pytest.mark.parametrize(("name", "code", "letter"), table())
def test_permissions(name: str, code: str, letter: str) -> None:
    use, _, which = name.partition(" ")
    written: object = {"DS": ["C34"]} if code == "DS" else code
    purpose = Purpose(Use(use), AskerKind.ACADEMIC, disease=DISEASES[which] if which else None)
    decision = ask([written], purpose)
    assert decision.outcome is LETTER[letter]
    assert [each.code for each in decision.reasons] == [
        {"P": "covered", "r": "not_covered", "?": "unclear"}[letter]
    ]


COMPANY = replace(PLAIN, asker=AskerKind.COMPANY)
PUBLIC = replace(PLAIN, asker=AskerKind.PUBLIC_BODY)
CHARITY = replace(PLAIN, asker=AskerKind.NON_PROFIT)
PROFIT = replace(PLAIN, commercial=True)
GENETIC = replace(PLAIN, genetic=True)
ESTONIA = replace(PLAIN, country="EE")
NORWAY = replace(PLAIN, country="NO")
AMERICA = replace(PLAIN, country="US")
METHODS = replace(PLAIN, use=Use.METHODS)
ANCESTRY = replace(PLAIN, use=Use.ANCESTRY)
STATISTICS = replace(PLAIN, use=Use.STATISTICS)

# Each modifier beside "no restriction": what it makes of a purpose, of a permit, of a day.
MODIFIED: list[tuple[object, Purpose, Grounds, str]] = [
    ("NMDS", PLAIN, NO_GROUNDS, "P"),
    ("NMDS", METHODS, NO_GROUNDS, "r"),
    ("NMDS", replace(METHODS, disease="C34"), NO_GROUNDS, "r"),  # no disease is consented to in particular
    ("GSO", GENETIC, NO_GROUNDS, "P"),
    ("GSO", PLAIN, NO_GROUNDS, "r"),
    ("NGEN", GENETIC, NO_GROUNDS, "r"),
    ("NGEN", PLAIN, NO_GROUNDS, "P"),
    ("NPUNCU", PLAIN, NO_GROUNDS, "P"),
    ("NPUNCU", CHARITY, NO_GROUNDS, "P"),
    ("NPUNCU", COMPANY, NO_GROUNDS, "r"),
    ("NPUNCU", PROFIT, NO_GROUNDS, "r"),
    ("NPU", COMPANY, NO_GROUNDS, "r"),
    ("NPU", PROFIT, NO_GROUNDS, "P"),  # the applicant is asked, not the use
    ("NPU", PUBLIC, NO_GROUNDS, "P"),
    ("NCU", COMPANY, NO_GROUNDS, "P"),  # the use is asked, not the applicant
    ("NCU", PROFIT, NO_GROUNDS, "r"),
    ("NPOA", ANCESTRY, NO_GROUNDS, "r"),
    ("NPOA", PLAIN, NO_GROUNDS, "P"),
    ("NSTAT", STATISTICS, NO_GROUNDS, "r"),
    ("NSTAT", PLAIN, NO_GROUNDS, "P"),
    ({"GS": ["LV"]}, PLAIN, NO_GROUNDS, "P"),
    ({"GS": ["LV"]}, ESTONIA, NO_GROUNDS, "r"),
    ({"GS": ["LV", "EE"]}, ESTONIA, NO_GROUNDS, "P"),
    ({"GS": ["EU"]}, ESTONIA, NO_GROUNDS, "P"),
    ({"GS": ["EU"]}, NORWAY, NO_GROUNDS, "r"),
    ({"GS": ["EEA"]}, NORWAY, NO_GROUNDS, "P"),
    ({"GS": ["EEA"]}, AMERICA, NO_GROUNDS, "r"),
    ({"GS": ["EU"]}, replace(PLAIN, country=""), NO_GROUNDS, "?"),
    ({"RS": ["nutrition"]}, PLAIN, NO_GROUNDS, "?"),
    ({"RS": ["nutrition"]}, PLAIN, Grounds(topics=frozenset({"nutrition"})), "P"),
    ({"RS": ["nutrition"]}, PLAIN, Grounds(topics=frozenset({"nutrition", "sleep"})), "r"),
    ({"TS": 24}, PLAIN, NO_GROUNDS, "?"),
    ({"TS": 24}, PLAIN, Grounds(months=24), "P"),
    ({"TS": 24}, PLAIN, Grounds(months=25), "r"),
    ({"US": ["anna"]}, PLAIN, NO_GROUNDS, "?"),
    ({"US": ["anna"]}, PLAIN, Grounds(user="anna"), "P"),
    ({"US": ["anna"]}, PLAIN, Grounds(user="cilda"), "r"),
    ({"PS": ["lakes"]}, PLAIN, NO_GROUNDS, "?"),
    ({"PS": ["lakes"]}, PLAIN, Grounds(project="lakes"), "P"),
    ({"PS": ["lakes"]}, PLAIN, Grounds(project="woods"), "r"),
    ({"IS": ["invented institute"]}, PLAIN, NO_GROUNDS, "?"),
    ({"IS": ["invented institute"]}, PLAIN, Grounds(institution="invented institute"), "P"),
    ({"IS": ["invented institute"]}, PLAIN, Grounds(institution="another"), "r"),
    ("PUB", PLAIN, NO_GROUNDS, "?"),
    ("PUB", PLAIN, Grounds(undertaken=frozenset({"PUB"})), "P"),
    ("COL", PLAIN, Grounds(undertaken=frozenset({"PUB"})), "?"),
    ("COL", PLAIN, Grounds(undertaken=frozenset({"COL"})), "P"),
    ("RTN", PLAIN, NO_GROUNDS, "?"),
    ("RTN", PLAIN, Grounds(undertaken=frozenset({"RTN"})), "P"),
    ("IRB", PLAIN, NO_GROUNDS, "?"),
    ("IRB", PLAIN, Grounds(undertaken=frozenset({"IRB"})), "P"),
    ({"MOR": "2026-03-01"}, PLAIN, NO_GROUNDS, "P"),  # over on its day
    ({"MOR": "2026-03-02"}, PLAIN, NO_GROUNDS, "?"),
    ({"MOR": "2026-03-02"}, PLAIN, Grounds(undertaken=frozenset({"MOR"})), "P"),
    ("CC", PLAIN, NO_GROUNDS, "P"),
    ("CONTACT", PLAIN, NO_GROUNDS, "P"),
    # not understood
    ("DUO:0000099", PLAIN, NO_GROUNDS, "?"),
    ("GS", PLAIN, NO_GROUNDS, "?"),
    ({"MOR": "some day"}, PLAIN, NO_GROUNDS, "?"),
]


@pytest.mark.parametrize(("written", "purpose", "grounds", "letter"), MODIFIED)
def test_modifiers(written: object, purpose: Purpose, grounds: Grounds, letter: str) -> None:
    assert ask(["NRES", written], purpose, grounds).outcome is LETTER[letter]


def test_every_term_was_tried() -> None:
    tried = {term(written).code for written, *_ in MODIFIED} - {"DUO:0000099"}
    assert tried == MODIFIERS.keys()
    assert tried | {*PERMISSIONS} == DUO.keys() | LOCAL.keys()


@pytest.mark.parametrize("permission", PERMISSIONS)
@pytest.mark.parametrize("written", [each for each, *_ in MODIFIED])
def test_a_modifier_never_widens(permission: str, written: object) -> None:
    """Over every use, asker and permission: with a modifier the outcome is the same or less."""
    given = term({"DS": ["C34"]} if permission == "DS" else permission)
    modifier = term(written)
    options = {"without": Option(frozenset({given})), "narrowed": Option(frozenset({given, modifier}))}
    forms = Forms([Form("paper", 3, options)])
    for use, asker, commercial, genetic, disease in itertools.product(
        Use, AskerKind, (False, True), (False, True), (None, "C34.1")
    ):
        purpose = Purpose(use, asker, commercial, genetic, disease)
        without, narrowed = (
            decide(Standing.of("paper", 3, each), purpose, TODAY, forms).outcome for each in options
        )
        if not modifier.understood and without is Outcome.REFUSE:
            assert narrowed is Outcome.HUMAN  # the unread term may be a permission, but no permit comes of it
        else:
            assert narrowed <= without


@pytest.mark.parametrize(
    ("terms", "purpose", "letter"),
    [
        (
            [{"DS": ["C34"]}, "NMDS"],
            replace(METHODS, disease="C34.1"),
            "P",
        ),  # methods for the disease consented to
        ([{"DS": ["C34"]}, "NMDS"], replace(METHODS, disease="C50"), "r"),
        ([{"DS": ["C34"]}, "NMDS"], METHODS, "?"),
        (
            ["HMB", {"DS": ["C34"]}],
            replace(PLAIN, use=Use.DISEASE, disease="C50"),
            "P",
        ),  # any permission will do
        ([{"DS": ["C34", "C50"]}], replace(PLAIN, use=Use.DISEASE, disease="C50.9"), "P"),
        ([{"DS": ["C34.1"]}], replace(PLAIN, use=Use.DISEASE, disease="C34"), "r"),  # narrower than asked
        ([{"DS": ["C34.1"]}], replace(PLAIN, use=Use.DISEASE, disease="C34.12"), "P"),
        ([{"DS": ["C34.1"]}], replace(PLAIN, use=Use.DISEASE, disease="C34.1"), "P"),
        ([{"DS": ["C00-C97"]}], replace(PLAIN, use=Use.DISEASE, disease="C34.1"), "P"),
        ([{"DS": ["C00-C97"]}], replace(PLAIN, use=Use.DISEASE, disease="D02.2"), "r"),
        (["POA", "HMB"], ANCESTRY, "P"),
        (["POA", "NPOA"], ANCESTRY, "r"),
        ([], PLAIN, "r"),
        (["CC", "CONTACT"], PLAIN, "r"),  # no permission among them
        (["WHATEVER"], PLAIN, "?"),
        (["WHATEVER", "NRES"], PLAIN, "?"),
        (["WHATEVER", "NRES", "NCU"], PROFIT, "r"),  # a sure refusal stays one
        (["NRES", "IRB", "NCU"], PROFIT, "r"),
    ],
)
def test_together(terms: list[object], purpose: Purpose, letter: str) -> None:
    assert ask(terms, purpose).outcome is LETTER[letter]


def test_a_permit_names_what_it_obliges_to() -> None:
    all_of_them = Grounds(undertaken=frozenset(OBLIGATIONS))
    terms: list[object] = ["NRES", "PUB", "IRB", {"MOR": "2026-06-01"}]
    assert ask(terms, PLAIN, all_of_them).obligations == {"PUB", "IRB", "MOR(2026-06-01)"}
    assert ask(terms, PLAIN, all_of_them, date(2026, 6, 1)).obligations == {"PUB", "IRB"}
    assert ask([*terms, "NCU"], PROFIT, all_of_them).obligations == frozenset()


def test_reasons_are_sentences_in_both_languages() -> None:
    decision = ask(["NRES", {"GS": ["LV"]}], ESTONIA)
    (why,) = decision.reasons
    assert (why.code, why.form) == ("restricted", "paper/3")
    assert why.lv == "Piekrišanas ierobežojums to nepieļauj: GS(LV)."
    assert why.en == "A restriction of the consent rules it out: GS(LV)."
    assert all(lv.endswith(".") and en.endswith(".") and lv != en for lv, en in WORDS.values())


def test_all_that_stands_against_it_is_told() -> None:
    decision = ask(["NRES", "NCU", {"GS": ["LV"]}, "IRB"], replace(PROFIT, country="EE"))
    assert [each.en for each in decision.reasons] == [
        "A restriction of the consent rules it out: GS(LV).",
        "A restriction of the consent rules it out: NCU.",
    ]


FORMS = examples()


def stands(standing: Standing | None, purpose: Purpose = PLAIN) -> tuple[str, list[str]]:
    decision = decide(standing, purpose, TODAY, FORMS)
    return decision.outcome.name.lower(), [each.code for each in decision.reasons]


def test_nobody_without_consent() -> None:
    assert stands(None) == ("refuse", ["none"])
    assert stands(Standing(frozenset())) == ("refuse", ["none"])


def test_an_unknown_form_is_for_a_person() -> None:
    assert stands(Standing.of("invented-broad", 1, "research")) == ("human", ["form_unknown"])
    assert stands(Standing.of("invented-broad", 2, "research")) == ("permit", ["covered"])


@pytest.mark.parametrize(
    "doubt", ["age_unknown", "minor_signed", "form_changed", "form_not_in_use", "guardian_not_foreseen"]
)
def test_a_doubt_is_for_a_person(doubt: str) -> None:
    consent = Consent("invented-broad", 2, frozenset({"research"}), By.GUARDIAN, frozenset({doubt}))
    assert stands(Standing(frozenset({consent}))) == ("human", [doubt])
    assert stands(Standing(frozenset({replace(consent, doubts=frozenset({"new doubt"}))}))) == (
        "human",
        ["not_understood"],
    )


def test_who_opted_out_is_left_out() -> None:
    out = Standing.of("invented-broad", 2, "research", "statistics", opted_out=True)
    assert stands(out) == ("refuse", ["opted_out"])
    assert stands(out, STATISTICS) == ("refuse", ["opted_out"])
    assert stands(out, replace(STATISTICS, asker=AskerKind.PUBLIC_BODY)) == ("human", ["opted_out_public"])


def test_two_consents_of_one_day_must_both_permit() -> None:
    narrow = Consent("invented-broad", 2, frozenset({"research"}))
    broad = Consent("invented-broad", 2, frozenset({"research", "genetic"}))
    both = Standing(frozenset({narrow, broad}))
    assert stands(both) == ("permit", ["covered", "covered"])
    assert stands(both, GENETIC) == ("refuse", ["restricted"])


@pytest.mark.parametrize(
    ("ticked", "purpose", "letter"),
    [
        ("research", PLAIN, "P"),
        ("research", GENETIC, "r"),
        ("research genetic", GENETIC, "P"),
        ("research", PROFIT, "r"),
        ("research commercial", PROFIT, "P"),
        ("research", ESTONIA, "r"),
        ("research abroad", ESTONIA, "P"),
        ("research abroad", AMERICA, "r"),
        ("research", STATISTICS, "r"),
        ("statistics", STATISTICS, "P"),
        ("statistics", PLAIN, "r"),
        ("contact", PLAIN, "r"),
        ("research fishing", PLAIN, "?"),
    ],
)
def test_the_broad_example(ticked: str, purpose: Purpose, letter: str) -> None:
    standing = Standing.of("invented-broad", 2, *ticked.split())
    assert decide(standing, purpose, TODAY, FORMS).outcome is LETTER[letter]
