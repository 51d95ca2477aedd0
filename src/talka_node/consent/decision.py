"""Permit, refuse, or ask a person: what one consent says to one purpose on one day, and why.

Three rules. Some permission must cover the use; every modifier must hold; and **whatever is not understood (a form, a
box, a term, a missing argument) is for a person**, so it is never a permit. A sure refusal stays a refusal though
something else in the form is unclear, but an unclear term may be a permission that we cannot read, so with it the lack
of a permission is no refusal yet.

The rules are the tables below, after DUO's definitions (EBISPOT/DUO, duo.csv) and the published matching algorithm
(DataBiosphere/consent-ontology); a test goes through every field of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum

from talka_node.consent import diseases
from talka_node.consent.forms import DUO, LOCAL, OBLIGATIONS, PERMISSIONS, PLACES, Forms, Term
from talka_query.nodes import AskerKind, Purpose, Use


class Outcome(IntEnum):
    """Ordered, so that several conditions together say the least of them. Only PERMIT lets anybody be counted."""

    REFUSE = 0
    HUMAN = 1
    PERMIT = 2


REFUSE, HUMAN, PERMIT = Outcome.REFUSE, Outcome.HUMAN, Outcome.PERMIT


class By(StrEnum):
    """Who signed."""

    SELF = "self"
    GUARDIAN = "guardian"


@dataclass(frozen=True, slots=True)
class Consent:
    """A signed form that is in force. `doubts`: codes of `WORDS`, each of which leaves the matter to a person."""

    form: str
    version: int
    options: frozenset[str] = frozenset()
    by: By = By.SELF
    doubts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """All that a decision about a donor at a biobank depends on, but the day: what a class stands for.

    Usually one consent. Two different ones signed on one day contradict each other, so both must permit.
    """

    consents: frozenset[Consent]
    opted_out: bool = False  # of secondary use under the EHDS, article 71

    @classmethod
    def of(
        cls, form: str, version: int, *options: str, by: By = By.SELF, opted_out: bool = False
    ) -> Standing:
        return cls(frozenset({Consent(form, version, frozenset(options), by)}), opted_out)


@dataclass(frozen=True, slots=True)
class Grounds:
    """What the asker's permit establishes beside the purpose. None and empty: not established.

    `undertaken`: obligations (of `OBLIGATIONS`) that are taken on, or proven where they lie in the past (IRB).
    """

    user: str | None = None
    project: str | None = None
    institution: str | None = None
    months: int | None = None
    topics: frozenset[str] = frozenset()
    undertaken: frozenset[str] = frozenset()


NO_GROUNDS = Grounds()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a code to build on, a sentence in each language, and the form's name and version (or "")."""

    code: str
    lv: str
    en: str
    form: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome, its reasons (all that point to it), and what a permit then obliges to."""

    outcome: Outcome
    reasons: tuple[Reason, ...]
    obligations: frozenset[str] = frozenset()


# --- the tables -------------------------------------------------------------------------------------------

# Which permission covers which use. `match`: when the disease asked about lies within the one consented to.
# GRU is any research; what kind of research OTHER is nobody knows, so a person reads it. HMB never covers ancestry.
MATRIX = """
use         NRES    GRU     HMB     DS      POA     STAT
biomedical  permit  permit  permit  refuse  refuse  refuse
disease     permit  permit  permit  match   refuse  refuse
methods     permit  permit  permit  permit  permit  refuse
ancestry    permit  permit  refuse  refuse  permit  refuse
statistics  permit  permit  permit  refuse  refuse  permit
other       permit  human   refuse  refuse  refuse  refuse
"""


def _matrix() -> dict[tuple[Use, str], str]:
    head, *rows = (line.split() for line in MATRIX.strip().splitlines())
    return {(Use(row[0]), code): cell for row in rows for code, cell in zip(head[1:], row[1:], strict=True)}


COVERS = _matrix()
assert COVERS.keys() == {(use, code) for use in Use for code in PERMISSIONS}

_Rule = Callable[[Term, Purpose, date, Grounds, frozenset[Term]], Outcome]


def _holds(true: bool) -> Outcome:
    return PERMIT if true else REFUSE


def _one_of(term: Term, value: str | None) -> Outcome:
    """A name that must be among those of the form; not established: a person looks."""
    return HUMAN if not value else _holds(value in term.values)


def _no_methods(term: Term, purpose: Purpose, on: date, grounds: Grounds, terms: frozenset[Term]) -> Outcome:
    """Methods work only as part of work on a disease that the donor consented to."""
    if purpose.use is not Use.METHODS:
        return PERMIT
    return max((_disease(each, purpose) for each in terms if each.code == "DS"), default=REFUSE)


def _place(term: Term, purpose: Purpose, on: date, grounds: Grounds, terms: frozenset[Term]) -> Outcome:
    if not purpose.country:
        return HUMAN
    return _holds(any(purpose.country in PLACES.get(place, {place}) for place in term.values))


def _topics(term: Term, purpose: Purpose, on: date, grounds: Grounds, terms: frozenset[Term]) -> Outcome:
    return HUMAN if not grounds.topics else _holds(grounds.topics <= set(term.values))


def _months(term: Term, purpose: Purpose, on: date, grounds: Grounds, terms: frozenset[Term]) -> Outcome:
    return HUMAN if grounds.months is None else _holds(grounds.months <= min(map(int, term.values)))


def _obliged(term: Term, purpose: Purpose, on: date, grounds: Grounds, terms: frozenset[Term]) -> Outcome:
    return PERMIT if not _binds(term, on) or term.code in grounds.undertaken else HUMAN


def _binds(term: Term, on: date) -> bool:
    """Whether an obligation still binds: a moratorium is over on its day."""
    return term.code in OBLIGATIONS and (term.code != "MOR" or on < max(map(date.fromisoformat, term.values)))


def _pass(term: Term, purpose: Purpose, on: date, grounds: Grounds, terms: frozenset[Term]) -> Outcome:
    return PERMIT


MODIFIERS: dict[str, _Rule] = {
    "NMDS": _no_methods,
    "GSO": lambda _t, p, *_: _holds(p.genetic),
    "NPUNCU": lambda _t, p, *_: _holds(not p.commercial and p.asker is not AskerKind.COMPANY),
    "NPU": lambda _t, p, *_: _holds(p.asker is not AskerKind.COMPANY),  # whoever the use serves
    "NCU": lambda _t, p, *_: _holds(not p.commercial),  # whoever the asker is
    "NPOA": lambda _t, p, *_: _holds(p.use is not Use.ANCESTRY),
    "NGEN": lambda _t, p, *_: _holds(not p.genetic),
    "NSTAT": lambda _t, p, *_: _holds(p.use is not Use.STATISTICS),
    "GS": _place,
    "RS": _topics,
    "TS": _months,
    "US": lambda t, _p, _d, g, *_: _one_of(t, g.user),
    "PS": lambda t, _p, _d, g, *_: _one_of(t, g.project),
    "IS": lambda t, _p, _d, g, *_: _one_of(t, g.institution),
    "CC": _pass,  # it adds clinical care, which is no purpose that a question can have
    "CONTACT": _pass,
    **dict.fromkeys(OBLIGATIONS, _obliged),
}
assert {*MODIFIERS, *PERMISSIONS} == {*DUO, *LOCAL}

WORDS: dict[str, tuple[str, str]] = {
    "none": ("Derīgas piekrišanas nav.", "There is no valid consent."),
    # … and, where the history is at hand, why there is none
    "never": ("Šai biobankai piekrišana nav dota.", "No consent was given to this biobank."),
    "not_yet": ("Piekrišana vēl nav sākusies.", "The consent has not begun yet."),
    "withdrawn": ("Piekrišana ir atsaukta.", "The consent was withdrawn."),
    "destroyed": ("Paraugi un dati ir iznīcināti.", "Samples and data were destroyed."),
    "expired": ("Piekrišanas termiņš ir beidzies.", "The consent has run out."),
    "came_of_age": (
        "Donors ir kļuvis pilngadīgs un pārstāvja doto piekrišanu nav apstiprinājis.",
        "The donor has come of age and has not reconfirmed the representative's consent.",
    ),
    "died": (
        "Donors ir miris, un piekrišana līdz ar to ir beigusies.",
        "The donor died, and with that it ended.",
    ),
    "posthumous": ("Piekrišana datēta pēc donora nāves.", "The consent is dated after the donor's death."),
    "void": (
        "Šī piekrišana jau agrāk ir atsaukta; par to liecina atsaukumu reģistrs.",
        "This very consent was withdrawn before, as the tombstones show.",
    ),
    "covered": ("Piekrišana šo nolūku aptver: {}.", "The consent covers this purpose: {}."),
    "not_covered": (
        "Neviena atļauja šo nolūku neaptver; dotās atļaujas: {}.",
        "No permission covers this purpose; those given: {}.",
    ),
    "unclear": (
        "Vai atļauja šo nolūku aptver, jālemj cilvēkam: {}.",
        "Whether the permission covers this purpose is for a person to decide: {}.",
    ),
    "restricted": (
        "Piekrišanas ierobežojums to nepieļauj: {}.",
        "A restriction of the consent rules it out: {}.",
    ),
    "unproven": (
        "Nosacījums nav apliecināts, tāpēc jālemj cilvēkam: {}.",
        "The condition has not been shown to hold, so a person must decide: {}.",
    ),
    "not_understood": (
        "Veidlapā ir kas nesaprotams, tāpēc jālemj cilvēkam: {}.",
        "Something in the form is not understood, so a person must decide: {}.",
    ),
    "form_unknown": (
        "Veidlapa nav zināma, tāpēc jālemj cilvēkam.",
        "The form is not known, so a person must decide.",
    ),
    "form_changed": (
        "Veidlapas nozīme kopš parakstīšanas ir mainīta, tāpēc jālemj cilvēkam.",
        "The form's meaning has changed since it was signed, so a person must decide.",
    ),
    "form_not_in_use": (
        "Parakstīšanas dienā veidlapa nebija lietošanā, tāpēc jālemj cilvēkam.",
        "The form was not in use on the day of signing, so a person must decide.",
    ),
    "guardian_not_foreseen": (
        "Veidlapa neparedz pārstāvja parakstu, tāpēc jālemj cilvēkam.",
        "The form does not foresee a representative's signature, so a person must decide.",
    ),
    "age_unknown": (
        "Parakstījis pārstāvis, bet nav zināms, kad donors kļūst pilngadīgs, tāpēc jālemj cilvēkam.",
        "A representative signed, but when the donor comes of age is not known, so a person must decide.",
    ),
    "minor_signed": (
        "Parakstījis pats nepilngadīgais, tāpēc jālemj cilvēkam.",
        "A minor signed alone, so a person must decide.",
    ),
    "opted_out": (
        "Donors ir atteicies no veselības datu otrreizējās izmantošanas (EHDS 71. pants).",
        "The donor has opted out of the secondary use of health data (EHDS, article 71).",
    ),
    "opted_out_public": (
        "Donors ir atteicies no otrreizējās izmantošanas; vai likums te pieļauj izņēmumu, jālemj cilvēkam.",
        "The donor has opted out of secondary use; whether the law makes an exception here is for a person to decide.",
    ),
}


def reason(code: str, detail: str = "", form: str = "") -> Reason:
    lv, en = WORDS[code]
    return Reason(code, lv.format(detail), en.format(detail), form)


# --- deciding ---------------------------------------------------------------------------------------------


def decide(
    standing: Standing | None, purpose: Purpose, on: date, forms: Forms, grounds: Grounds = NO_GROUNDS
) -> Decision:
    """What the standing of a donor at a biobank (None: no valid consent) says to a purpose on a day."""
    if standing is None or not standing.consents:
        return Decision(REFUSE, (reason("none"),))
    decisions = [
        _decide(each, purpose, on, forms, grounds)
        for each in sorted(
            standing.consents, key=lambda each: (each.form, each.version, sorted(each.options))
        )
    ]
    if standing.opted_out:
        # Article 71(4) lets national law make a narrow exception for public bodies. There is none that a node knows.
        public = purpose.use is Use.STATISTICS and purpose.asker is AskerKind.PUBLIC_BODY
        barred = (HUMAN, "opted_out_public") if public else (REFUSE, "opted_out")
        decisions.append(Decision(barred[0], (reason(barred[1]),)))
    least = min(each.outcome for each in decisions)
    return Decision(
        least,
        tuple(reason for each in decisions if each.outcome is least for reason in each.reasons),
        frozenset().union(*(each.obligations for each in decisions)) if least is PERMIT else frozenset(),
    )


def _decide(consent: Consent, purpose: Purpose, on: date, forms: Forms, grounds: Grounds) -> Decision:
    label = f"{consent.form}/{consent.version}"
    form = forms.get(consent.form, consent.version)
    if form is None:
        return Decision(HUMAN, (reason("form_unknown", form=label),))
    terms = form.terms(consent.options)
    found: list[tuple[Outcome, Reason]] = []

    def find(outcome: Outcome, code: str, detail: str = "") -> None:
        found.append((outcome, reason(code, detail, label)))

    unread = sorted(str(each) for each in terms if not each.understood)
    given = sorted((each for each in terms if each.understood and each.code in PERMISSIONS), key=str)
    for what in unread:
        find(HUMAN, "not_understood", what.removeprefix("? "))
    for doubt in sorted(consent.doubts):
        find(HUMAN, doubt if doubt in WORDS else "not_understood", doubt)

    covered = max((_covers(each, purpose) for each in given), default=REFUSE)
    told = (
        ", ".join(str(each) for each in given if covered is REFUSE or _covers(each, purpose) is covered)
        or "–"
    )
    if covered is PERMIT:
        find(PERMIT, "covered", told)
    elif covered is HUMAN:
        find(HUMAN, "unclear", told)
    elif not unread:  # else the unread term may be the permission
        find(REFUSE, "not_covered", told)

    for each in sorted(terms, key=str):
        if each.understood and each.code in MODIFIERS:
            outcome = MODIFIERS[each.code](each, purpose, on, grounds, terms)
            if outcome is not PERMIT:
                find(outcome, "restricted" if outcome is REFUSE else "unproven", str(each))

    least = min(outcome for outcome, _ in found)
    obligations = frozenset(str(each) for each in terms if each.understood and _binds(each, on))
    return Decision(
        least,
        tuple(why for outcome, why in found if outcome is least),
        obligations if least is PERMIT else frozenset(),
    )


def _covers(term: Term, purpose: Purpose) -> Outcome:
    cell = COVERS[purpose.use, term.code]
    return _disease(term, purpose) if cell == "match" else Outcome[cell.upper()]


def _disease(term: Term, purpose: Purpose) -> Outcome:
    """Whether the disease asked about lies within those of the consent; None or unknown: a person looks."""
    if not purpose.disease or not term.understood:
        return HUMAN
    answers = [diseases.within(purpose.disease, above) for above in term.values]
    return PERMIT if True in answers else HUMAN if None in answers else REFUSE
