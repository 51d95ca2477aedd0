"""A permit as a value, and whether a question lies within it.

    why_not(question, permit, holder="anna", on=today, lies_within=icd10.within)     # empty: it does

What a permit does not name it does not allow: no criterion, axis, count or purpose is taken for granted. Whoever
receives a question checks the holder's identity and the permit's signature first; here only the words are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from talka_query import nodes, walk, wire
from talka_query.nodes import SPECIMEN_AXES, VERSION, Axis, Count, Criterion, Purpose, Question, Use
from talka_query.wire import KIND_OF, KINDS, Malformed

# Whether one ICD-10 code, range or chapter lies wholly within another, or is the same. What is no code at all lies
# nowhere: if it raises ValueError, the answer is no.
LiesWithin = Callable[[str, str], bool]

JOINING = frozenset({"all", "any", "not", "within"})  # they say nothing of a donor by themselves


@dataclass(frozen=True, slots=True)
class Permit:
    """What somebody may ask. Nothing is open unless said so.

    `permit`, `holder`: the names that a question states as `permit` and `asker`.
    `since`, `until`: days on which it may be asked, both included.
    `purposes`: a question's purpose must be one of these or less than one: not for profit where profit is allowed,
    without genetic data where they are allowed, a disease within the one allowed (None: any).
    `criteria`: the kinds of criteria (of `wire.KINDS`, but for those in JOINING, which are always allowed).
    `diagnoses`: what diagnosis criteria may ask for must lie within one of these ICD-10 codes; empty: any.
    `biobanks`: whose donors and samples; empty: any. Else the question must itself ask for a sample at these alone.
    `recent`: no window may reach back before this day, and each must begin somewhere; None: any.
    """

    permit: str
    holder: str
    since: date
    until: date
    purposes: frozenset[Purpose]
    criteria: frozenset[str]
    axes: frozenset[Axis] = frozenset()
    counts: frozenset[Count] = frozenset({Count.DONORS})
    diagnoses: frozenset[str] = frozenset()
    biobanks: frozenset[str] = frozenset()
    recent: date | None = None
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Reason:
    """Why not. `path`: the place in the question, as in "such_that.of[2].codes"."""

    path: str
    lv: str
    en: str


# --- its text ---------------------------------------------------------------------------------------------


def dumps(permit: Permit) -> str:
    """The canonical text, as of questions: see `wire`."""
    return wire.canonical(wire.encode(permit))


def loads(text: str | bytes) -> Permit:
    """The permit of a text. Raises `wire.Malformed`."""
    return read_permit(wire.parse(text))


def read_permit(data: Any) -> Permit:
    """The permit of parsed JSON. Raises `wire.Malformed`."""
    if isinstance(data, dict):
        wire.check_version(data)
    permit = wire.decode(Permit, data)
    possible = KINDS.keys() - JOINING
    if unknown := sorted(permit.criteria - possible):
        raise Malformed(
            "criteria",
            f'"{wire.masked(unknown[0])}" is no criterion; each must be one of {", ".join(sorted(possible))}',
        )
    if permit.since > permit.until:
        raise Malformed("until", f"is {permit.until}, before since, {permit.since}")
    if not permit.holder or not permit.permit:
        raise Malformed(
            "holder" if not permit.holder else "permit", "is empty; a permit has a name and a holder"
        )
    return permit


# --- whether a question lies within it --------------------------------------------------------------------


def why_not(
    question: Question, permit: Permit, *, holder: str, on: date, lies_within: LiesWithin
) -> list[Reason]:
    """All reasons why `holder`, who is known to be that, may not ask this on the day; empty if they may."""

    def surely(inner: str, outer: str) -> bool:
        try:
            return lies_within(inner, outer)
        except ValueError:
            return False

    found = [*_of_permit(question, permit, holder, on), *_of_purpose(question, permit, surely)]
    for path, criterion in walk.criteria(question):
        found += _of_criterion(path, criterion, permit, surely)
    return [*found, *_of_biobanks(question, permit), *_of_counting(question, permit)]


def _of_permit(question: Question, permit: Permit, holder: str, on: date) -> Iterator[Reason]:
    if question.permit != permit.permit:
        yield Reason(
            "permit", "Jautājums neatsaucas uz šo atļauju.", "The question does not rely on this permit."
        )
    if holder != permit.holder or question.asker != permit.holder:
        yield Reason("asker", "Atļauja ir izdota citam.", "The permit was given to somebody else.")
    if on < permit.since:
        yield Reason(
            "permit",
            f"Atļauja ir spēkā tikai no {_lv(permit.since)}",
            f"The permit begins on {permit.since}.",
        )
    if on > permit.until:
        yield Reason(
            "permit", f"Atļauja bija spēkā līdz {_lv(permit.until)}", f"The permit ended on {permit.until}."
        )


def _of_purpose(question: Question, permit: Permit, lies_within: LiesWithin) -> Iterator[Reason]:
    if not any(_covers(allowed, question.purpose, lies_within) for allowed in permit.purposes):
        yield Reason(
            "purpose",
            "Atļauja šādu nolūku neparedz.",
            "The permit does not provide for this purpose.",
        )


def _covers(allowed: Purpose, asked: Purpose, lies_within: LiesWithin) -> bool:
    disease = allowed.disease is None or (
        asked.disease is not None and lies_within(asked.disease, allowed.disease)
    )
    return (
        asked.use is allowed.use
        and asked.asker is allowed.asker
        and asked.country == allowed.country
        and (allowed.commercial or not asked.commercial)
        and (allowed.genetic or not asked.genetic)
        and (asked.use is not Use.DISEASE or disease)
    )


def _of_criterion(
    path: str, criterion: Criterion, permit: Permit, lies_within: LiesWithin
) -> Iterator[Reason]:
    kind = KIND_OF[type(criterion)]
    if path == "samples":
        # What is counted is said by `counts` and `axes`; conditions on it are a criterion like any other.
        if criterion == nodes.Specimen():
            return
    elif kind in JOINING:
        return
    if kind not in permit.criteria:
        yield Reason(
            path,
            f"Atļauja neparedz kritēriju “{kind}”.",
            f"The permit does not provide for the criterion “{kind}”.",
        )
    if isinstance(criterion, nodes.Diagnosis) and permit.diagnoses:
        if not criterion.codes:
            yield Reason(
                f"{path}.codes",
                f"Jānorāda diagnozes; atļauja tās ierobežo: {_names(permit.diagnoses)}.",
                f"Diagnoses must be named; the permit limits them to {_names(permit.diagnoses)}.",
            )
        for code in sorted(criterion.codes):
            if not any(lies_within(code, allowed) for allowed in permit.diagnoses):
                yield Reason(
                    f"{path}.codes",
                    f"{code} nav starp atļaujā paredzētajām diagnozēm: {_names(permit.diagnoses)}.",
                    f"{code} is not among the diagnoses of the permit: {_names(permit.diagnoses)}.",
                )
    if isinstance(criterion, nodes.Specimen) and permit.biobanks:
        for biobank in sorted(criterion.biobanks - permit.biobanks):
            yield Reason(
                f"{path}.biobanks",
                f"{biobank} nav starp atļaujā paredzētajām biobankām: {_names(permit.biobanks)}.",
                f"{biobank} is not among the biobanks of the permit: {_names(permit.biobanks)}.",
            )
    if permit.recent is not None:
        yield from _of_windows(path, criterion, permit.recent)


def _of_windows(path: str, criterion: Criterion, recent: date) -> Iterator[Reason]:
    match criterion:
        case nodes.Specimen():
            name, window = "collected", criterion.collected
        case nodes.Diagnosis() | nodes.Measurement() | nodes.Medication() | nodes.Procedure():
            name, window = "window", criterion.window
        case _:
            return
    if window.since is None or window.since < recent:
        yield Reason(
            f"{path}.{name}.since",
            f"Atļauja attiecas tikai uz ierakstiem no {_lv(recent)}",
            f"The permit is about records from {recent} on only.",
        )


def _of_biobanks(question: Question, permit: Permit) -> Iterator[Reason]:
    """A question that names no biobank counts donors of all of them, so it must tie its donors and samples down."""
    if not permit.biobanks:
        return
    lv = f"Jānorāda biobankas; atļauja tās ierobežo: {_names(permit.biobanks)}."
    en = f"Biobanks must be named; the permit limits them to {_names(permit.biobanks)}."
    outermost = question.such_that.of if isinstance(question.such_that, nodes.All) else (question.such_that,)
    if not any(isinstance(each, nodes.Specimen) and each.biobanks for each in outermost):
        yield Reason("such_that", lv, en)
    if _looks_at_samples(question) and not question.samples.biobanks:
        yield Reason("samples.biobanks", lv, en)


def _of_counting(question: Question, permit: Permit) -> Iterator[Reason]:
    if question.count not in permit.counts:
        yield Reason(
            "count",
            f"Atļauja neparedz skaitīt: {question.count}.",
            f"The permit does not provide for counting {question.count}.",
        )
    for place, axis in enumerate(question.by):
        if axis not in permit.axes:
            yield Reason(
                f"by[{place}]",
                f"Atļauja neparedz sadalījumu: {axis}.",
                f"The permit does not provide for a breakdown by {axis}.",
            )


def _looks_at_samples(question: Question) -> bool:
    return question.count is not Count.DONORS or not SPECIMEN_AXES.isdisjoint(question.by)


def _names(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _lv(day: date) -> str:
    return day.strftime("%d.%m.%Y.")
