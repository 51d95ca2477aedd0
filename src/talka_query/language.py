"""Writing questions in Python:

    lung = diagnosis("C34", since="2015-01-01")
    donors(lung & specimen("Serum", at="-60to-85") & ~sex("male")).by(Axis.SEX, Axis.AGE_BAND).for_(
        Purpose(Use.DISEASE, AskerKind.ACADEMIC, disease="C34"), ages_at="2026-01-01"
    )

and reading them: `explain(question)`, `explain(question, "lv")`.

Criteria are joined with `&`, `|` and `~`; what comes out is a plain value of `nodes`. Days are dates or "2026-01-31".
Nothing is read from a clock or a catalogue: whether the names mean anything to a node says `check`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from talka_query import nodes
from talka_query.explain import explain as explain
from talka_query.nodes import (
    Ages,
    Axis,
    Count,
    Criterion,
    Dated,
    Purpose,
    Question,
    Sex,
    Specimen,
    Window,
    Zygosity,
)

Day = date | str

_ANY_SPECIMEN = Specimen()


@dataclass(frozen=True, slots=True)
class Where:
    """A criterion being written: `a & b`, `a | b`, `~a`; records also `a.after(b)` and `a.before(b)`."""

    criterion: Criterion

    def __and__(self, other: Where) -> Where:
        return Where(nodes.All((*_members(self, nodes.All), *_members(other, nodes.All))))

    def __or__(self, other: Where) -> Where:
        return Where(nodes.Any((*_members(self, nodes.Any), *_members(other, nodes.Any))))

    def __invert__(self) -> Where:
        return Where(nodes.Not(self.criterion))

    def __bool__(self) -> bool:
        raise TypeError("join criteria with &, | and ~; `and`, `or` and `not` would decide right now")

    def after(
        self, anchor: Where, *, days: int | None = None, at_least: int = 0, first: bool = False
    ) -> Where:
        """Such a record lies at least `at_least` days after one of `anchor`, and at most `days` days."""
        return Where(nodes.Within(_record(self), _record(anchor), at_least, days, first))

    def before(
        self, anchor: Where, *, days: int | None = None, at_least: int = 0, first: bool = False
    ) -> Where:
        """Such a record lies at least `at_least` days before one of `anchor`, and at most `days` days."""
        low = None if days is None else -days
        return Where(nodes.Within(_record(self), _record(anchor), low, -at_least, first))


# --- criteria ---------------------------------------------------------------------------------------------


def everybody() -> Where:
    """All donors whose consent permits the purpose."""
    return Where(nodes.All())


def sex(*any_of: Sex | str) -> Where:
    return Where(nodes.IsSex(frozenset(map(Sex, any_of))))


def age(low: int | None = None, high: int | None = None) -> Where:
    """Complete years on the question's `ages_at`, both ends included."""
    return Where(nodes.Age(Ages(low, high)))


def born(since: Day | None = None, until: Day | None = None) -> Where:
    return Where(nodes.Born(_window(since, until)))


def alive() -> Where:
    return Where(nodes.Alive())


def lives_in(*any_of: str) -> Where:
    return Where(nodes.LivesIn(frozenset(any_of)))


def in_cohort(cohort: str) -> Where:
    return Where(nodes.InCohort(cohort))


def diagnosis(
    *codes: str,
    exactly: bool = False,
    since: Day | None = None,
    until: Day | None = None,
    ages: tuple[int | None, int | None] = (None, None),
) -> Where:
    """`exactly`: those codes alone, not what lies below them. `ages`: at the diagnosis."""
    return Where(nodes.Diagnosis(frozenset(codes), not exactly, _window(since, until), Ages(*ages)))


def specimen(
    *types: str,
    at: str | tuple[str, ...] = (),
    since: Day | None = None,
    until: Day | None = None,
    biobanks: tuple[str, ...] = (),
    collections: tuple[str, ...] = (),
    aliquots: int = 0,
    ages: tuple[int | None, int | None] = (None, None),
) -> Where:
    """`at`: storage temperatures. `ages`: at collection."""
    temperatures = (at,) if isinstance(at, str) else at
    return Where(
        Specimen(
            frozenset(types),
            _window(since, until),
            frozenset(temperatures),
            frozenset(biobanks),
            frozenset(collections),
            aliquots,
            Ages(*ages),
        )
    )


def measurement(
    code: str,
    low: float | None = None,
    high: float | None = None,
    unit: str | None = None,
    *,
    since: Day | None = None,
    until: Day | None = None,
    ages: tuple[int | None, int | None] = (None, None),
) -> Where:
    return Where(nodes.Measurement(code, low, high, unit, _window(since, until), Ages(*ages)))


def medication(
    *codes: str,
    exactly: bool = False,
    since: Day | None = None,
    until: Day | None = None,
    ages: tuple[int | None, int | None] = (None, None),
) -> Where:
    return Where(nodes.Medication(frozenset(codes), not exactly, _window(since, until), Ages(*ages)))


def procedure(
    *codes: str,
    since: Day | None = None,
    until: Day | None = None,
    ages: tuple[int | None, int | None] = (None, None),
) -> Where:
    return Where(nodes.Procedure(frozenset(codes), _window(since, until), Ages(*ages)))


def variant(name: str, zygosity: Zygosity = Zygosity.CARRIER) -> Where:
    """One exact variant, written as chromosome-position-reference-alternate: "17-43044295-G-A".

    Raises ValueError if it is written otherwise.
    """
    parts = name.split("-")
    if len(parts) != 4 or not parts[1].isascii() or not parts[1].isdecimal():
        raise ValueError(
            f"{name!r} is no variant; write chromosome-position-reference-alternate, as in 17-43044295-G-A"
        )
    chromosome, position, reference, alternate = parts
    return Where(nodes.Variant(chromosome, int(position), reference, alternate, zygosity))


def gene(symbol: str, zygosity: Zygosity = Zygosity.CARRIER) -> Where:
    return Where(nodes.VariantIn(symbol, zygosity=zygosity))


def region(
    chromosome: str,
    start: int | None = None,
    end: int | None = None,
    zygosity: Zygosity = Zygosity.CARRIER,
) -> Where:
    return Where(nodes.VariantIn(None, chromosome, start, end, zygosity))


# --- questions --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A question being written: say what to break it down `by`, then what it is `for_`."""

    such_that: Criterion
    count: Count = Count.DONORS
    samples: Specimen = _ANY_SPECIMEN
    axes: tuple[Axis, ...] = ()

    def by(self, *axes: Axis | str) -> Asked:
        return replace(self, axes=tuple(map(Axis, axes)))

    def looking_at(self, samples: Where) -> Asked:
        """Which specimens count as samples and which a breakdown by specimens looks at."""
        return replace(self, samples=_specimen(samples))

    def for_(self, purpose: Purpose, ages_at: Day, asker: str = "", permit: str | None = None) -> Question:
        return Question(
            purpose, self.such_that, _day(ages_at), self.count, self.samples, self.axes, asker, permit
        )


def donors(such_that: Where) -> Asked:
    """How many donors."""
    return Asked(such_that.criterion)


def samples(of: Where, such_that: Where) -> Asked:
    """How many such specimens of such donors."""
    return Asked(such_that.criterion, Count.SAMPLES, _specimen(of))


def aliquots(of: Where, such_that: Where) -> Asked:
    """How many aliquots of such specimens of such donors."""
    return Asked(such_that.criterion, Count.ALIQUOTS, _specimen(of))


# --- small parts ------------------------------------------------------------------------------------------


def _members(where: Where, joined: type[nodes.All] | type[nodes.Any]) -> tuple[Criterion, ...]:
    """`a & b & c` is one `All` of three: attrition then tells of each."""
    inner = where.criterion
    return inner.of if isinstance(inner, nodes.All | nodes.Any) and type(inner) is joined else (inner,)


def _record(where: Where) -> Dated:
    if isinstance(where.criterion, Dated):
        return where.criterion
    raise ValueError(
        "only records lie before or after one another: diagnosis, specimen, measurement, medication, procedure"
    )


def _specimen(where: Where) -> Specimen:
    if not isinstance(where.criterion, Specimen):
        raise ValueError("samples are said by one specimen(…)")
    return where.criterion


def _day(day: Day) -> date:
    return date.fromisoformat(day) if isinstance(day, str) else day


def _window(since: Day | None, until: Day | None) -> Window:
    return Window(None if since is None else _day(since), None if until is None else _day(until))
