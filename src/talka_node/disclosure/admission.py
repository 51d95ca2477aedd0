"""Whether a question may be asked: decided from it and from what its asker asked before, never from an answer.

A refusal that depends on the answer tells the answer, so nothing here can reach an engine; a house test keeps it so.
The memory holds no answers either; it lives in the journal, whose entries carry the traces that `admit` gives.
"""

from __future__ import annotations

import hashlib
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Protocol, final

from talka_node.disclosure import forms
from talka_node.disclosure.forms import Branch, Edge, Form, Literal, Profile
from talka_node.disclosure.grid import snap, stretch_around
from talka_node.disclosure.policy import Policy, Standing
from talka_query import nodes
from talka_query.nodes import SPECIMEN_AXES, Count, Criterion, Question

_MADE_HERE = object()


@dataclass(frozen=True, slots=True)
class Trace:
    """What is remembered of a question: keys and numbers, no answer and no name."""

    who: str
    day: int  # ordinal
    drawn: str  # names the set of donors, the purpose and what is counted
    by: str
    key: str  # names the set of donors
    shape: str
    profile: Profile
    edges: tuple[Edge, ...]
    alike: tuple[str, ...]
    year: int  # of ages_at
    variants: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        profile = self.profile
        return {
            "who": self.who, "day": self.day, "drawn": self.drawn, "by": self.by, "key": self.key,
            "shape": self.shape, "alike": list(self.alike), "year": self.year, "variants": list(self.variants),
            "edges": [list(edge) for edge in self.edges],
            "profile": [
                None if profile.sexes is None else sorted(profile.sexes), profile.ages, profile.births,
                None if profile.regions is None else sorted(profile.regions),
            ],
        }  # fmt: skip

    @staticmethod
    def of(plain: dict[str, Any]) -> Trace:
        sexes, ages, births, regions = plain["profile"]
        profile = Profile(
            None if sexes is None else frozenset(sexes),
            None if ages is None else (ages[0], ages[1]),
            None if births is None else (births[0], births[1]),
            None if regions is None else frozenset(regions),
        )
        ends = tuple(Edge(kind, tuple(at) if isinstance(at, list) else at) for kind, at in plain["edges"])
        return Trace(
            plain["who"], plain["day"], plain["drawn"], plain["by"], plain["key"], plain["shape"], profile, ends,
            tuple(plain["alike"]), plain["year"], tuple(plain["variants"]),
        )  # fmt: skip


class Kept(Protocol):
    """What `traced` needs of an entry of the journal."""

    @property
    def kind(self) -> str: ...

    def read(self) -> Any: ...


def traced(entries: Iterable[Kept]) -> Iterator[Trace]:
    """The traces in the journal's answers: `Memory(secret, traced(journal.entries(directory, since=day)))`."""
    for entry in entries:
        if entry.kind == "answer":
            yield from map(Trace.of, entry.read()["traces"])


@final
class Admitted:
    """A question that may be answered: made by `admit` alone, and `release` demands one.

    `question` lies on the grid; `moved` tells where it differs from the one asked, and belongs beside the answer.
    `traces` belong into the journal entry of the answer, so that the asker's budget survives a restart.
    """

    __slots__ = ("form", "moved", "question", "standing", "steps", "traces")

    def __init__(
        self, made: object, question: Question, moved: tuple[str, ...], standing: Standing, form: Form,
        traces: tuple[Trace, ...], steps: tuple[Question, ...],
    ) -> None:  # fmt: skip
        if made is not _MADE_HERE:
            raise TypeError("an Admitted is made by talka_node.disclosure.admit(question, …) alone")
        self.question, self.moved, self.standing, self.form = question, moved, standing, form
        self.traces, self.steps = traces, steps

    def journalled(self) -> list[dict[str, Any]]:
        """The traces as the journal keeps them; `traced` gives them back."""
        return [trace.plain() for trace in self.traces]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why not, and the nearest question that would be admitted, if there is a plain one."""

    reasons: tuple[str, ...]
    nearest: Question | None = None


@dataclass(slots=True)
class _Asker:
    traces: list[Trace] = field(default_factory=list)
    asked: set[tuple[str, str]] = field(default_factory=set)
    shapes: dict[str, list[Trace]] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)

    def add(self, trace: Trace) -> None:
        if (trace.drawn, trace.by) in self.asked:
            return
        self.asked.add((trace.drawn, trace.by))
        self.traces.append(trace)
        self.shapes.setdefault(trace.shape, []).append(trace)
        for group in (trace.key, *trace.alike):
            self.groups.setdefault(group, set()).add(trace.drawn)


class Memory:
    """What each asker asked. `secret`: the node's own key, so that a journal names nobody.

    Days only move forward: a clock put back gives no new budget. Names that differ in case, spaces or the form of
    their letters are one asker; whoever gives no name shares the budget of all who give none.
    """

    def __init__(self, secret: bytes, traces: Iterable[Trace] = ()) -> None:
        self._secret = secret
        self._askers: dict[str, _Asker] = {}
        self._day = 0
        self.lock = threading.Lock()
        for trace in traces:
            self._day = max(self._day, trace.day)
            self._askers.setdefault(trace.who, _Asker()).add(trace)

    def who(self, asker: str) -> str:
        name = " ".join(unicodedata.normalize("NFKC", asker).casefold().split())
        return hashlib.blake2b(
            name.encode(), key=self._secret[:64], digest_size=12, person=b"asker"
        ).hexdigest()

    def day(self, today: date) -> int:
        self._day = max(self._day, today.toordinal())
        return self._day

    def asker(self, who: str, since: int) -> _Asker:
        """What is remembered of an asker, without what was asked before the day `since`."""
        found = self._askers.setdefault(who, _Asker())
        if found.traces and found.traces[0].day < since:
            kept = [trace for trace in found.traces if trace.day >= since]
            found = self._askers[who] = _Asker()
            for trace in kept:
                found.add(trace)
        return found

    def traces(self) -> Iterator[Trace]:
        for asker in self._askers.values():
            yield from asker.traces


def admit(
    question: Question,
    policy: Policy,
    memory: Memory,
    *,
    today: date,
    standing: Standing = Standing.OPEN,
    steps: bool = False,
) -> Admitted | Refused:
    """Whether the question may be answered, and if so on the grid.

    `steps`: its attrition is asked for, which is as many questions as it has steps. An equal question asked again
    within the policy's days costs nothing, because it tells nothing new.
    """
    on_grid, moved, reasons, nearest = _on_grid(question, policy)
    reasons += _structure(on_grid, policy, standing)
    if reasons:
        return Refused(
            tuple(reasons), nearest if nearest is not None else _plainer(on_grid, policy, standing)
        )
    asked = list(_prefixes(on_grid)) if steps else [on_grid]
    with memory.lock:
        day, who = memory.day(today), memory.who(question.asker)
        asker = memory.asker(who, day - policy.budget.days + 1)
        traces: list[Trace] = []
        for each in asked:
            made = forms.form(each.such_that)
            trace = _trace(each, made, who, day)
            traces.append(trace)
        if reasons := _remembered(traces, asker, policy, standing, day):
            return Refused(tuple(reasons))
        for trace in traces:
            asker.add(trace)
    return Admitted(_MADE_HERE, on_grid, moved, standing, made, tuple(traces), tuple(asked))


def _on_grid(
    question: Question, policy: Policy
) -> tuple[Question, tuple[str, ...], list[str], Question | None]:
    """(the question on the grid, what was moved, reasons to refuse, nearest question if those are of the grid)."""
    if policy.grid.outside == "off":
        return question, (), [], None
    snapped = snap(question, policy)
    if snapped.wrong:
        return snapped.question, (), list(snapped.wrong), None
    if snapped.moved and policy.grid.outside == "refuse":
        return (
            snapped.question,
            (),
            [f"not on this node's grid: {each}" for each in snapped.moved],
            snapped.question,
        )
    return snapped.question, tuple(snapped.moved), [], None


def _prefixes(question: Question) -> Iterator[Question]:
    """The questions that the steps of attrition are: everyone, then with each criterion of the outermost All."""
    such_that = question.such_that
    parts = such_that.of if isinstance(such_that, nodes.All) else (such_that,)
    for count in range(len(parts) + 1):
        yield replace(question, such_that=nodes.All(parts[:count]), by=(), count=Count.DONORS)


def _trace(question: Question, made: Form, who: str, day: int) -> Trace:
    exact = sorted(
        forms.digest(forms.spelled(replace(each.of, zygosity=nodes.Zygosity.CARRIER)))
        for each in forms.literals(forms.branches(question.such_that))
        if isinstance(each.of, nodes.Variant)
    )
    by = ",".join(axis.value for axis in question.by)
    drawn = forms.digest(made.key, forms.drawn_for(question, question.by))
    key, shape, ends = made.key, made.shape, made.edges
    if question.count is not Count.DONORS or not SPECIMEN_AXES.isdisjoint(question.by):
        # What counts as a sample is a criterion too, with numbers that may differ by little.
        bare, more = forms.edges(question.samples)
        key, shape, ends = (
            forms.digest(key, forms.spelled(question.samples)),
            forms.digest(shape, bare),
            (*ends, *more),
        )
    return Trace(
        who, day, drawn, by, key, shape, made.profile, ends, made.alike, question.ages_at.year, tuple(exact)
    )


# --- by the question alone --------------------------------------------------------------------------------


def _structure(question: Question, policy: Policy, standing: Standing) -> list[str]:
    reasons = []
    if len(question.by) > policy.question.axes:
        reasons.append(f"by: at most {policy.question.axes} axes, not {len(question.by)}")
    made = forms.branches(question.such_that)
    different = {forms.spelled(each.of) for each in forms.literals(made)}
    if len(different) > policy.question.criteria:
        return [*reasons, f"such_that: at most {policy.question.criteria} criteria, not {len(different)}"]
    reasons += _variants(made, policy, standing)
    least = policy.overlap.people
    for branch in forms.tree(made):
        if branch is made and branch.every:
            continue
        parts = [part for part in branch.parts if isinstance(part, Literal)]
        sides = [(part.of, part.holds == branch.every) for part in parts]
        people = _people(_combined(sides), policy, question.ages_at.year)
        if people < least:
            reasons.append(
                f"sex, ages and regions that are added or left out together must fit {least} inhabitants, these fit "
                f"about {people:.0f}; leave one of them out, or ask for it outside of Any and Not"
            )
    return reasons


def _combined(sides: Iterable[tuple[Criterion, bool]]) -> Profile:
    profile = Profile()
    for of, holds in sides:
        known = forms.profile_of(of) if holds else forms.outside_of(of)
        profile = profile if known is None else profile.both(known)
    return profile


def _people(profile: Profile, policy: Policy, year: int) -> float:
    sizes = {code: row.people for code, row in policy.regions.items()}
    return profile.people(policy.inhabitants, sizes, year)


def _variants(made: Branch | Literal, policy: Policy, standing: Standing) -> list[str]:
    """An exact variant is a name tag: it may not be added to, or taken from, anything."""
    exact = [each for each in forms.literals(made) if isinstance(each.of, nodes.Variant)]
    if not exact or policy.variants.joint == "off":
        return []
    top = made.parts if isinstance(made, Branch) and made.every else (made,)
    alone = [part for part in top if isinstance(part, Literal) and part.holds and part in exact]
    if len(exact) > 1 or not alone:
        return [
            "an exact variant is asked for by itself, not within Any or Not or beside another; ask for its gene"
        ]
    joint = policy.variants.joint
    if len(top) > 1 and not (joint == "open" or (joint == "permit" and standing is Standing.PERMIT)):
        needs = "needs a permit" if joint == "permit" else "is not answered here"
        return [
            f"an exact variant together with other criteria {needs}; ask for its gene or its surroundings"
        ]
    return []


def _plainer(question: Question, policy: Policy, standing: Standing) -> Question | None:
    """The question with fewer axes and with stretches for exact variants, if that is admitted by its structure."""
    length = policy.variants.stretch

    def wider(of: Criterion) -> Criterion:
        match of:
            case nodes.All(parts) | nodes.Any(parts):
                return replace(of, of=tuple(map(wider, parts)))
            case nodes.Not(part):
                return nodes.Not(wider(part))
            case nodes.Variant(chromosome, position, _, _, zygosity):
                start, end = stretch_around(position, length)
                return nodes.VariantIn(chromosome=chromosome, start=start, end=end, zygosity=zygosity)
            case _:
                return of

    plain = replace(question, by=question.by[: policy.question.axes], such_that=wider(question.such_that))
    if plain == question or _on_grid(plain, policy)[2] or _structure(plain, policy, standing):
        return None
    return plain


# --- by what the asker asked before -----------------------------------------------------------------------


def _remembered(
    traces: list[Trace], asker: _Asker, policy: Policy, standing: Standing, day: int
) -> list[str]:
    new = list({(t.drawn, t.by): t for t in traces if (t.drawn, t.by) not in asker.asked}.values())
    if not new:
        return []
    today = [trace for trace in asker.traces if trace.day == day]
    limit = policy.per_day(standing)
    if len(today) + len(new) > limit:
        return [
            f"{len(today)} of {limit} questions a day are used, this takes {len(new)}; ask again tomorrow"
        ]
    variants = {name for trace in [*today, *new] for name in trace.variants}
    if any(trace.variants for trace in new) and len(variants) > policy.variants.day:
        return [f"at most {policy.variants.day} exact variants a day; ask again tomorrow"]
    limit = policy.alike(standing)
    for trace in new:
        for group in (trace.key, *trace.alike):
            if (
                len(asker.groups.get(group, set()) | {t.drawn for t in new if group in (t.key, *t.alike)})
                > limit
            ):
                told = (
                    f"{limit} questions that differ from this in one criterion were asked in "
                    f"{policy.budget.days} days; break one question down by an axis instead"
                )
                return [told]
        for earlier in asker.shapes.get(trace.shape, ()):
            if earlier.key != trace.key and _too_near(trace, earlier, policy):
                apart = policy.overlap
                told = (
                    f"it differs too little from a question asked on {date.fromordinal(earlier.day)}: ask that again, "
                    f"or differ by at least {apart.months} months, {apart.values:.0%} of a value, {apart.days} days, "
                    f"a whole category of codes, or sex, ages and regions of {apart.people} inhabitants"
                )
                return [told]
    return []


def _too_near(new: Trace, earlier: Trace, policy: Policy) -> bool:
    """Whether the donors by whom two questions of one shape differ would be few, as far as the questions tell."""
    for a, b in zip(new.edges, earlier.edges, strict=True):
        if a != b and not _narrow(a, b, policy):
            return False
    first = _people(new.profile, policy, new.year)
    second = _people(earlier.profile, policy, earlier.year)
    shared = _people(new.profile.both(earlier.profile), policy, new.year)
    return first + second - 2 * shared < policy.overlap.people


def _narrow(a: Edge, b: Edge, policy: Policy) -> bool:
    if a.kind == "codes":
        # ICD-10 categories have three characters, ATC groups up to five; what lies below is narrow.
        one, other = set(a.at), set(b.at)
        nested = bool(one & other) and policy.overlap.people > 0
        return nested and all(len(code) > 3 and "-" not in code for code in one ^ other)
    if a.at is None or b.at is None:
        return False
    difference = abs(a.at - b.at)
    match a.kind:
        case "months":
            return bool(difference < policy.overlap.months)
        case "values":
            return bool(difference < policy.overlap.values * max(abs(a.at), abs(b.at)))
        case "days":
            return bool(difference < policy.overlap.days)
        case "bases":
            return bool(difference < policy.overlap.bases)
        case _:  # years and aliquots: a line of the grid apart is apart
            return False
