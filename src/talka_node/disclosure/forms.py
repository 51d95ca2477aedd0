"""What a question is, however it is spelled: so that asking it again in other words gives nothing new.

A criterion becomes a *profile* (sex, ages, births, regions: what a neighbour knows) and a truth table over its other
criteria. Spellings that agree by propositional logic, or because one criterion plainly contains another, have the same
form, hence the same noise and the same place in the asker's memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from datetime import date
from enum import Enum
from functools import cache, lru_cache, reduce
from itertools import permutations
from typing import Any, NamedTuple

from talka_query import nodes
from talka_query.nodes import SPECIMEN_AXES, Ages, Axis, Count, Criterion, Purpose, Question, Sex, Window

PROFILE = nodes.IsSex | nodes.Age | nodes.Born | nodes.LivesIn
SPAN = 95  # years of age that a country's inhabitants are spread over
EVER, NEVER = -(10**6), 10**6  # open ends


# --- one spelling -----------------------------------------------------------------------------------------


def spelled(value: Any) -> str:
    """One text for equal values, without what is left at its default; sets in order."""
    if isinstance(value, Enum):
        return str(value.value)
    if is_dataclass(value) and not isinstance(value, type):
        parts = [
            f"{each.name}={spelled(given)}"
            for each in fields(value)
            if (given := getattr(value, each.name)) != each.default or each.default is MISSING
        ]
        return f"{type(value).__name__}({','.join(parts)})"
    if isinstance(value, frozenset):
        return "{" + ",".join(sorted(map(spelled, value))) + "}"
    if isinstance(value, tuple):
        return "[" + ",".join(map(spelled, value)) + "]"
    if isinstance(value, float):
        return repr(value + 0.0) if value != int(value) else str(int(value))
    return value.isoformat() if isinstance(value, date) else repr(value)


def digest(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()


# --- profiles ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Profile:
    """What a neighbour knows of a donor. `ages` in years, `births` as ordinals of days; None: not asked."""

    sexes: frozenset[str] | None = None
    ages: tuple[int, int] | None = None
    births: tuple[int, int] | None = None
    regions: frozenset[str] | None = None

    def both(self, other: Profile) -> Profile:
        return Profile(
            _shared(self.sexes, other.sexes),
            _overlap(self.ages, other.ages),
            _overlap(self.births, other.births),
            _shared(self.regions, other.regions),
        )

    def people(self, inhabitants: int, regions: dict[str, int], year: int) -> float:
        """About how many inhabitants fit, by public figures alone; `year`: of `ages_at`."""
        share = 1.0
        if self.sexes is not None:
            share *= len(self.sexes & {"female", "male"}) / 2
        days = first, last = _births(year - SPAN + 1, year)
        if self.ages is not None:
            days = _overlap(days, _births(year - self.ages[1], year - self.ages[0])) or days
        if self.births is not None:
            days = _overlap(days, self.births) or days
        share *= max(0, days[1] - days[0] + 1) / (last - first + 1)
        if self.regions is not None:
            share *= min(1.0, sum(regions.get(code, 0) for code in self.regions) / inhabitants)
        return inhabitants * share


def profile_of(criterion: Criterion) -> Profile | None:
    """Of a single criterion; None if it is about something else."""
    match criterion:
        case nodes.IsSex(any_of):
            every = len(any_of) == len(Sex)
            return Profile(sexes=None if every else frozenset(str(each.value) for each in any_of))
        case nodes.Age(Ages(None, None)) | nodes.Born(Window(None, None)):
            return Profile()
        case nodes.Age(Ages(low, high)):
            return Profile(ages=(EVER if low is None else low, NEVER if high is None else high))
        case nodes.Born(Window(since, until)):
            first = EVER if since is None else since.toordinal()
            return Profile(births=(first, NEVER if until is None else until.toordinal()))
        case nodes.LivesIn(any_of):
            return Profile(regions=any_of)
        case _:
            return None


def outside_of(criterion: Criterion) -> Profile | None:
    """Of the donors whom a single criterion leaves out, as far as they are one profile."""
    match criterion:
        case nodes.IsSex(any_of):
            return Profile(sexes=frozenset(str(each.value) for each in set(Sex) - any_of))
        case nodes.Age(Ages(low, None)) if low is not None:
            return Profile(ages=(EVER, low - 1))
        case nodes.Age(Ages(None, high)) if high is not None:
            return Profile(ages=(high + 1, NEVER))
        case nodes.Born(Window(since, None)) if since is not None:
            return Profile(births=(EVER, since.toordinal() - 1))
        case nodes.Born(Window(None, until)) if until is not None:
            return Profile(births=(until.toordinal() + 1, NEVER))
        case _:
            return None


def _births(first: int, last: int) -> tuple[int, int]:
    """The days of some calendar years."""
    return date(min(max(first, 1), 9999), 1, 1).toordinal(), date(min(max(last, 1), 9999), 12, 31).toordinal()


def _shared(a: frozenset[str] | None, b: frozenset[str] | None) -> frozenset[str] | None:
    return b if a is None else a if b is None else a & b


def _overlap(a: tuple[int, int] | None, b: tuple[int, int] | None) -> tuple[int, int] | None:
    return b if a is None else a if b is None else (max(a[0], b[0]), min(a[1], b[1]))


# --- negation down to single criteria ---------------------------------------------------------------------


class Literal(NamedTuple):
    of: Criterion
    holds: bool
    name: str  # the criterion spelled


@dataclass(frozen=True, slots=True)
class Branch:
    """`every`: all parts hold; otherwise at least one."""

    every: bool
    parts: tuple[Branch | Literal, ...]


@lru_cache(4096)
def branches(criterion: Criterion, holds: bool = True) -> Branch | Literal:
    """The criterion with `Not` only before single criteria, and branches of one kind not inside each other."""
    match criterion:
        case nodes.Not(of):
            return branches(of, not holds)
        case nodes.All(of) | nodes.Any(of):
            every = isinstance(criterion, nodes.All) == holds
            parts: list[Branch | Literal] = []
            for part in of:
                made = branches(part, holds)
                same = isinstance(made, Branch) and (made.every == every or len(made.parts) == 1)
                parts.extend(made.parts if same and isinstance(made, Branch) else (made,))
            parts = _united(parts, holds=not every)
            return parts[0] if len(parts) == 1 else Branch(every, tuple(parts))
        case _:
            return Literal(criterion, holds, spelled(criterion))


def _united(parts: Sequence[Branch | Literal], holds: bool) -> list[Branch | Literal]:
    """Criteria that differ only in their codes made one: any of two sets of codes is any of their union."""
    found: dict[str, Branch | Literal] = {}
    for part in parts:
        if not isinstance(part, Literal) or part.holds != holds:
            found[f"{len(found)}"] = part
            continue
        codes = _codes(part.of)
        if not codes:
            found[f"{len(found)}"] = part
            continue
        bare = spelled(_recoded(part.of, frozenset()))
        before = found.get(bare)
        if isinstance(before, Literal):
            codes = codes | _codes(before.of)
        whole = _recoded(part.of, topmost(part.of, codes))
        found[bare] = Literal(whole, holds, spelled(whole))
    return list(found.values())


def _codes(of: Criterion) -> frozenset[Any]:
    """What a criterion lists, if that is all it lists."""
    match of:
        case nodes.IsSex(any_of) | nodes.LivesIn(any_of):
            return any_of
        case nodes.Diagnosis(codes) | nodes.Medication(codes) | nodes.Procedure(codes):
            return codes
        case _:
            return frozenset()


def _recoded(of: Criterion, codes: frozenset[Any]) -> Criterion:
    if isinstance(of, nodes.IsSex | nodes.LivesIn):
        return replace(of, any_of=codes)
    return (
        replace(of, codes=codes)
        if isinstance(of, nodes.Diagnosis | nodes.Medication | nodes.Procedure)
        else of
    )


def topmost(criterion: Criterion, codes: frozenset[str]) -> frozenset[str]:
    """The codes without those that lie below another of them, where descendants count."""
    if not getattr(criterion, "descendants", False):
        return codes
    return frozenset(
        code for code in codes if not any(code != above and code.startswith(above) for above in codes)
    )


def tree(made: Branch | Literal) -> Iterator[Branch]:
    """Every branch, the outermost first."""
    if isinstance(made, Branch):
        yield made
        for part in made.parts:
            yield from tree(part)


def literals(made: Branch | Literal) -> Iterator[Literal]:
    if isinstance(made, Literal):
        yield made
    else:
        for part in made.parts:
            yield from literals(part)


# --- what plainly contains what ---------------------------------------------------------------------------


def implies(a: Criterion, b: Criterion) -> bool:
    """Whether whoever fits `a` plainly fits `b`: wider windows, fewer conditions, a code above."""
    if type(a) is not type(b):
        return False
    match a, b:
        case nodes.IsSex(x), nodes.IsSex(y):
            return x <= y
        case nodes.LivesIn(x), nodes.LivesIn(y):
            return x <= y
        case nodes.Age(x), nodes.Age(y):
            return _inside(x, y)
        case nodes.Born(x), nodes.Born(y):
            return _inside(x, y)
        case nodes.Diagnosis(), nodes.Diagnosis():
            return _below(a, b) and _inside(a.window, b.window) and _inside(a.age, b.age)
        case nodes.Medication(), nodes.Medication():
            return _below(a, b) and _inside(a.window, b.window) and _inside(a.age, b.age)
        case nodes.Procedure(), nodes.Procedure():
            return _among(a.codes, b.codes) and _inside(a.window, b.window) and _inside(a.age, b.age)
        case nodes.Measurement(), nodes.Measurement():
            same = (a.code, a.unit) == (b.code, b.unit) or (
                a.code == b.code and b.low is None and b.high is None
            )
            return same and _spans(a, b) and _inside(a.window, b.window) and _inside(a.age, b.age)
        case nodes.Specimen(), nodes.Specimen():
            sets = ("types", "temperatures", "biobanks", "collections")
            return (
                all(_among(getattr(a, name), getattr(b, name)) for name in sets)
                and a.aliquots >= b.aliquots
                and _inside(a.collected, b.collected)
                and _inside(a.age, b.age)
            )
        case _:
            return False


def _among(a: frozenset[str], b: frozenset[str]) -> bool:
    return not b or bool(a and a <= b)


def _below(a: nodes.Diagnosis | nodes.Medication, b: nodes.Diagnosis | nodes.Medication) -> bool:
    if not b.codes:
        return True
    if not b.descendants:
        return not a.descendants and _among(a.codes, b.codes)
    return bool(a.codes) and all(any(code.startswith(above) for above in b.codes) for code in a.codes)


def _inside(a: Window | Ages, b: Window | Ages) -> bool:
    low_a, high_a = (a.since, a.until) if isinstance(a, Window) else (a.low, a.high)
    low_b, high_b = (b.since, b.until) if isinstance(b, Window) else (b.low, b.high)
    return _from(low_a, low_b) and _to(high_a, high_b)


def _spans(a: nodes.Measurement, b: nodes.Measurement) -> bool:
    return _from(a.low, b.low) and _to(a.high, b.high)


def _from(a: Any, b: Any) -> bool:
    return b is None or (a is not None and bool(a >= b))


def _to(a: Any, b: Any) -> bool:
    return b is None or (a is not None and bool(a <= b))


# --- edges: the numbers of a criterion, taken out so that questions of one shape can be compared ------------


class Edge(NamedTuple):
    """`kind`: months, years, days, values, count, bases or codes; `at`: a number, a list of codes, None if open."""

    kind: str
    at: Any


def edges(criterion: Criterion) -> tuple[str, list[Edge]]:
    """(the criterion without its numbers, the numbers)."""
    match criterion:
        case nodes.IsSex():
            return spelled(criterion), []
        case nodes.Age(years):
            return "Age", _years(years)
        case nodes.Born(window):
            return "Born", [
                Edge("years", window.since and window.since.year),
                Edge("years", window.until and window.until.year),
            ]
        case nodes.Diagnosis() | nodes.Medication():
            bare = spelled(replace(criterion, codes=frozenset(), window=Window(), age=Ages()))
            return bare, [
                Edge("codes", tuple(sorted(criterion.codes))),
                *_months(criterion.window),
                *_years(criterion.age),
            ]
        case nodes.Procedure():
            bare = spelled(replace(criterion, window=Window(), age=Ages()))
            return bare, [*_months(criterion.window), *_years(criterion.age)]
        case nodes.Measurement():
            bare = spelled(replace(criterion, low=None, high=None, window=Window(), age=Ages()))
            ends = [Edge("values", criterion.low), Edge("values", criterion.high)]
            return bare, [*ends, *_months(criterion.window), *_years(criterion.age)]
        case nodes.Specimen():
            bare = spelled(replace(criterion, collected=Window(), age=Ages(), aliquots=0))
            count = Edge("count", criterion.aliquots)
            return bare, [*_months(criterion.collected), *_years(criterion.age), count]
        case nodes.VariantIn():
            bare = spelled(replace(criterion, start=None, end=None))
            return bare, [Edge("bases", criterion.start), Edge("bases", criterion.end)]
        case nodes.Within():
            event, of_event = edges(criterion.event)
            anchor, of_anchor = edges(criterion.anchor)
            ends = [Edge("days", criterion.low), Edge("days", criterion.high)]
            return f"Within({event},{anchor},{criterion.first})", [*of_event, *of_anchor, *ends]
        case _:
            return spelled(criterion), []


def _months(window: Window) -> list[Edge]:
    return [Edge("months", day and day.year * 12 + day.month) for day in (window.since, window.until)]


def _years(ages: Ages) -> list[Edge]:
    return [Edge("years", ages.low), Edge("years", ages.high)]


# --- the form ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Form:
    """`rest` names all but the profile, `shape` the same without its numbers. `alike`: what is left of the rest when
    any one criterion is dropped."""

    profile: Profile
    rest: str
    shape: str
    edges: tuple[Edge, ...]
    alike: tuple[str, ...]

    @property
    def key(self) -> str:
        """Names the set of donors asked for."""
        return self.key_with(self.profile)

    def key_with(self, profile: Profile) -> str:
        """Names the set of donors with another profile."""
        return digest(spelled(profile), self.rest)


@lru_cache(4096)
def form(criterion: Criterion) -> Form:
    """The form of a criterion. The number of different criteria must have been limited: the table is 2^n bits."""
    made = branches(criterion)
    rest = list(made.parts) if isinstance(made, Branch) and made.every else [made]
    profile, said = Profile(), set[str]()
    while True:
        known = [p for p in rest if isinstance(p, Literal) and p.holds and profile_of(p.of) is not None]
        if not known:
            break
        for part in known:
            profile = profile.both(profile_of(part.of) or Profile())
            said.add(part.name)
        rest = _given([part for part in rest if part not in known], said)
    tables = _Tables(rest)
    names, table = tables.of(rest)
    shape = [tables.shaped[name][0] for name in names]
    ends = tuple(edge for name in names for edge in tables.shaped[name][1])
    alike = tuple(digest("alike", *fewer, less) for fewer, less in map(tables.of, _less(rest)))
    return Form(profile, digest(*names, table), digest(*shape, table), ends, alike)


def _given(rest: Iterable[Branch | Literal], said: set[str]) -> list[Branch | Literal]:
    """What is left to be said where some criteria are known to hold."""

    def left(part: Branch | Literal) -> Branch | Literal | bool:
        if isinstance(part, Literal):
            return part.holds if part.name in said else part
        parts = [left(each) for each in part.parts]
        if (not part.every) in [each for each in parts if isinstance(each, bool)]:
            return not part.every
        open_ones = tuple(each for each in parts if not isinstance(each, bool))
        if not open_ones:
            return part.every
        return open_ones[0] if len(open_ones) == 1 else Branch(part.every, open_ones)

    found: list[Branch | Literal] = []
    for each in map(left, rest):
        if each is False:
            return [Branch(False, ())]
        if isinstance(each, Branch) and each.every:
            found.extend(each.parts)
        elif not isinstance(each, bool):
            found.append(each)
    return found


def _less(rest: Sequence[Branch | Literal]) -> Iterator[list[Branch | Literal]]:
    """The question with any one criterion dropped, as long as one is left."""
    for at, part in enumerate(rest):
        others = [*rest[:at], *rest[at + 1 :]]
        if others:
            yield others
        if isinstance(part, Branch):
            for which in range(len(part.parts)):
                fewer = (*part.parts[:which], *part.parts[which + 1 :])
                left = fewer[0] if len(fewer) == 1 else Branch(part.every, fewer)
                yield [*others, *(left.parts if isinstance(left, Branch) and left.every else (left,))]


class _Tables:
    """Truth tables over the single criteria of a question, and over some of them."""

    def __init__(self, rest: Sequence[Branch | Literal]) -> None:
        self.named = {each.name: each.of for part in rest for each in literals(part)}
        self.shaped = {name: edges(of) for name, of in self.named.items()}
        self.names = sorted(self.named, key=lambda name: (self.shaped[name][0], name))
        self.implied = [
            (a, b) for a, b in permutations(self.names, 2) if implies(self.named[a], self.named[b])
        ]

    def of(self, rest: Sequence[Branch | Literal]) -> tuple[list[str], str]:
        """(the criteria that matter, in order; what is said of them)."""
        used = {each.name for part in rest for each in literals(part)}
        names = [name for name in self.names if name in used]
        only = [part for part in rest if isinstance(part, Literal)]
        if len(only) < len(rest):
            return self._worked_out(rest, names)
        said = {part.name: part.holds for part in only}
        if len({(part.name, part.holds) for part in only}) > len(said):
            return [], "never"
        for a, b in self.implied:
            # What another criterion makes certain need not be said; of two that are the same, one.
            if a in names and b in names and said[a] == said[b]:
                names.remove(b if said[a] else a)
        return names, "".join("+" if said[name] else "-" for name in names)

    def _worked_out(self, rest: Iterable[Branch | Literal], names: list[str]) -> tuple[list[str], str]:
        """The truth table as the bits of a number, without the criteria that change nothing.

        `possible` marks the rows that can be: where one criterion contains another, some cannot.
        """
        every = (1 << (1 << len(names))) - 1
        columns = dict(zip(names, _columns(len(names)), strict=True))

        def value(part: Branch | Literal) -> int:
            if isinstance(part, Literal):
                column = columns[part.name]
                return column if part.holds else every ^ column
            if part.every:
                return reduce(int.__and__, map(value, part.parts), every)
            return reduce(int.__or__, map(value, part.parts), 0)

        table = reduce(int.__and__, map(value, rest), every)
        possible = every
        for a, b in self.implied:
            if a in columns and b in columns:
                possible &= (every ^ columns[a]) | columns[b]
        left, at = list(names), 0
        while at < len(left):
            column, step = _columns(len(left))[at], 1 << at
            table_high, can_high = (table & column) >> step, (possible & column) >> step
            table_low, can_low = table & ~column, possible & ~column
            if (table_low ^ table_high) & can_low & can_high:
                at += 1
                continue
            table = _halved((table_low & can_low) | (table_high & can_high), at, len(left))
            possible = _halved(can_low | can_high, at, len(left))
            del left[at]
        table &= possible
        if not table:
            return [], "never"
        if table.bit_count() == 1:
            row = table.bit_length() - 1
            return left, "".join("+" if row >> place & 1 else "-" for place in range(len(left)))
        return left, f"{table:x}"


def _halved(table: int, at: int, count: int) -> int:
    """The rows of a table over `count` criteria in which criterion `at` does not hold."""
    step, found = 1 << at, 0
    mask = (1 << step) - 1
    for block in range(1 << (count - at - 1)):
        found |= (table >> (2 * step * block) & mask) << (step * block)
    return found


@cache
def _columns(count: int) -> tuple[int, ...]:
    """Bit r of column i is bit i of r."""
    size = 1 << count
    found = []
    for at in range(count):
        block = ((1 << (1 << at)) - 1) << (1 << at)
        width = 1 << (at + 1)
        while width < size:
            block |= block << width
            width *= 2
        found.append(block)
    return tuple(found)


# --- what noise is drawn for ------------------------------------------------------------------------------


def drawn_for(question: Question, by: Collection[Axis]) -> str:
    """All but the criterion that makes a question, broken down by these axes, another one for the noise."""
    parts = [question.count.value, purpose_of(question.purpose)]
    if Axis.AGE_BAND in by or uses_ages(question.such_that):
        parts.append(question.ages_at.isoformat())
    if question.count is not Count.DONORS or not SPECIMEN_AXES.isdisjoint(by):
        parts.append(spelled(question.samples))
    return "|".join(parts)


@lru_cache(256)
def purpose_of(purpose: Purpose) -> str:
    return spelled(purpose)


@lru_cache(4096)
def uses_ages(criterion: Criterion) -> bool:
    return any(isinstance(each.of, nodes.Age | nodes.Alive) for each in literals(branches(criterion)))
