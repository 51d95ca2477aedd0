"""Reads: a version of the strategy as one tree with live numbers, the history of a target, two versions compared.

Each read asks a fixed number of questions of the database, however many rows there are; only an indicator that
another room provides costs what that room's own count costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeVar, cast

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.translation import get_language, pgettext, pgettext_lazy
from django.utils.translation import gettext as _

from talka.core import indicators
from talka.core.bilingual import both
from talka.core.indicators import INDICATORS, Reading
from talka.core.models import Reading as ClosedReading
from talka.core.models import Report, ReportState
from talka.core.values import BadValue, Deadline, Period
from talka.domains import queries as domains
from talka.domains.models import Domain, Ecosystem, Mission, Policy
from talka.governance.models import Decision, DecisionState
from talka.network.models import Niche
from talka.parties.models import Organisation
from talka.strategy import progress, rules
from talka.strategy.models import (
    Direction,
    Lever,
    Obstacle,
    OfStrategy,
    PolicyLink,
    Priority,
    Strategy,
    StrategyState,
    Target,
    TargetKind,
)
from talka.ui import formats

# ---------------------------------------------------------------- versions


def versions(ecosystem: Ecosystem, by: Any = None) -> list[Strategy]:
    """The versions that the asker may see, newest first; drafts are for those who may see drafts."""
    found = Strategy.objects.filter(ecosystem=ecosystem).select_related(
        "ecosystem__domain", "decision__body__ecosystem"
    )
    if not rules.may_see_drafts(by, ecosystem):
        found = found.exclude(state=StrategyState.DRAFT)
    return list(found)


def in_force(ecosystem: Ecosystem) -> Strategy | None:
    """The version in force, if one was adopted."""
    return (
        Strategy.objects.filter(ecosystem=ecosystem, state=StrategyState.ADOPTED)
        .select_related("ecosystem__domain")
        .first()
    )


def choose(known: Sequence[Strategy], number: str | int | None) -> Strategy | None:
    """Among versions that may be seen the one asked for, else the one in force, else the newest. Raises Http404."""
    if number not in (None, ""):
        for version in known:
            if str(version.number) == str(number):
                return version
        raise Http404(
            _("There is no version %(number)s of this strategy that you may see.") % {"number": number}
        )
    return next(
        (version for version in known if version.state == StrategyState.ADOPTED), known[0] if known else None
    )


def decisions_taken(ecosystem: Ecosystem) -> QuerySet[Decision]:
    """The adopted decisions of the ecosystem's bodies, newest first: one of them adopts a version."""
    return Decision.objects.filter(body__ecosystem=ecosystem, state=DecisionState.ADOPTED).select_related(
        "body"
    )


def findable(strategy: Strategy) -> Iterator[OfStrategy]:
    """The parts of a version that the search knows."""
    for rows in (strategy.obstacle_set, strategy.direction_set, strategy.priority_set, strategy.target_set):
        yield from rows.all()


Q = TypeVar("Q", bound="QuerySet[Any]")


def with_policies(rows: Q) -> Q:
    """Rows that know the policies they serve (`row.policies`)."""
    return rows.prefetch_related("policy_links__policy")


def with_shares(rows: QuerySet[Any]) -> list[Any]:
    """Rows of one kind that know their shares (`row.shares`)."""
    found = list(rows)
    shares = domains.shares_of(found[0].kind(), [row.pk for row in found]) if found else {}
    for row in found:
        row.shares = shares.get(row.pk, [])
    return found


def institutions_of(by: Any) -> list[Organisation]:
    """The institutions for which somebody may report."""
    ids = by.organisation_ids() if hasattr(by, "organisation_ids") else frozenset()
    return list(Organisation.objects.filter(pk__in=ids).order_by("name_lv", "id")) if ids else []


# ---------------------------------------------------------------- readings


@dataclass(frozen=True)
class Course:
    """How a series stands and how it came there: the reading, and every value known of it by day."""

    reading: Reading
    points: tuple[Point, ...]


class Point(NamedTuple):
    """A value on a day; `closed` if it was kept when its period was closed."""

    as_of: date
    value: Decimal
    closed: bool


def courses(ecosystem: Ecosystem, series: Iterable[str], period: Period | None = None) -> dict[str, Course]:
    """The course of each series up to the end of `period` (None: now), with what `core.indicators.read` says of it.

    Two questions for all that people reported and that closed periods keep, and one count for each indicator that a
    room provides.
    """
    wanted = sorted(set(series))
    points: dict[str, dict[date, Point]] = {code: {} for code in wanted}
    kept: dict[str, Reading] = {}
    reported: dict[str, Point] = {}
    for report in _accepted(ecosystem.pk, wanted):
        if period is None or report.as_of <= period.last:
            last = Point(report.as_of, report.value or Decimal(0), False)
            points[report.series][report.as_of] = reported[report.series] = last
    for closed in ClosedReading.objects.filter(ecosystem_id=ecosystem.pk, indicator__in=wanted).order_by(
        "as_of", "id"
    ):
        if period is not None and closed.period == str(period):
            kept[closed.indicator] = Reading(
                closed.value, as_of=closed.as_of, closed=True, rows=closed.evidence
            )
        if closed.value is not None and (period is None or closed.as_of <= period.last):
            points[closed.indicator][closed.as_of] = Point(closed.as_of, closed.value, True)
    today = timezone.localdate()
    found: dict[str, Course] = {}
    for code in wanted:
        known = points[code]
        if code in kept:
            reading = kept[code]
        elif code in INDICATORS:
            reading = INDICATORS[code].measure(ecosystem, period)
            if reading.value is not None:
                day = reading.as_of or today
                known.setdefault(day, Point(day, Decimal(str(reading.value)), False))
        else:
            told = reported.get(code)
            reading = Reading(
                told.value if told else None,
                evidence=indicators.reported(ecosystem.pk, code),
                as_of=told.as_of if told else None,
            )
        found[code] = Course(reading, tuple(sorted(known.values())))
    return found


def _accepted(ecosystem_id: int, series: Sequence[str]) -> QuerySet[Report]:
    """`indicators.reported` for many series at once: accepted values, corrected ones left out, oldest first."""
    return (
        Report.objects.filter(
            ecosystem_id=ecosystem_id, series__in=series, state=ReportState.ACCEPTED, value__isnull=False
        )
        .exclude(corrections__state=ReportState.ACCEPTED)
        .order_by("as_of", "id")
    )


def accepted_for(target: Target, period: Period) -> bool:
    """Whether a value of the target is accepted for a period, in whatever version of the strategy it was reported."""
    return Report.objects.filter(
        ecosystem_id=target.ecosystem_id, series=target.series, period=str(period), state=ReportState.ACCEPTED
    ).exists()


def reports_on(target: Target, *, inside: bool) -> QuerySet[Report]:
    """What was reported on a target in any version, newest period first; outsiders see what was accepted."""
    found = Report.objects.filter(ecosystem_id=target.ecosystem_id, series=target.series).order_by(
        "-as_of", "-id"
    )
    return found if inside else found.filter(state=ReportState.ACCEPTED)


# ---------------------------------------------------------------- where targets stand

Outlook = Literal["good", "behind", "open"]  # on track or reached, not on track, not to be judged yet

OUTLOOKS: dict[progress.Klass, Outlook] = {
    "achieved": "good",
    "on_track": "good",
    "acceleration": "behind",
    "limited": "behind",
    "deterioration": "behind",
    "missed": "behind",
    "not_started": "open",
    "no_data": "open",
    "no_due": "open",
    "no_goal": "open",
}
LABELS: dict[progress.Klass, Any] = {
    "achieved": pgettext_lazy("target", "reached"),
    "on_track": pgettext_lazy("target", "on track"),
    "acceleration": pgettext_lazy("target", "too slow"),
    "limited": pgettext_lazy("target", "far too slow"),
    "deterioration": pgettext_lazy("target", "moving away"),
    "missed": pgettext_lazy("target", "missed"),
    "not_started": pgettext_lazy("target", "not begun"),
    "no_data": pgettext_lazy("target", "no value yet"),
    "no_due": pgettext_lazy("target", "no deadline"),
    "no_goal": pgettext_lazy("target", "no number to reach"),
}
TONES: dict[progress.Klass, str] = {
    "achieved": "good",
    "on_track": "good",
    "acceleration": "warning",
    "limited": "warning",
    "deterioration": "bad",
    "missed": "bad",
    "not_started": "neutral",
    "no_data": "neutral",
    "no_due": "neutral",
    "no_goal": "neutral",
}


@dataclass(frozen=True)
class Standing:
    """A target, how its value came about, and what is made of it; `verdict` is None while it is to be specified."""

    target: Target
    course: Course
    verdict: progress.Progress | None

    @property
    def reading(self) -> Reading:
        return self.course.reading

    @property
    def due(self) -> Deadline | None:
        return deadline(self.target.due)

    @property
    def due_text(self) -> str:
        """The deadline in words; an empty text where there is none."""
        return self.due.words((get_language() or "lv")[:2]) if self.due else ""

    @property
    def reached(self) -> bool:
        return self.verdict is not None and self.verdict.klass == "achieved"

    @property
    def is_state(self) -> bool:
        """Whether it is a state to reach, which is there or not."""
        return self.target.kind_of == TargetKind.MILESTONE

    @property
    def outlook(self) -> Outlook:
        return OUTLOOKS[self.verdict.klass] if self.verdict else "open"

    @property
    def label(self) -> str:
        """How it stands, in two words."""
        if self.verdict is None:
            return str(TargetKind.UNSPECIFIED.label)
        if self.is_state and self.verdict.klass == "no_data" and self.reading.value is not None:
            return pgettext("target", "not reached yet")
        return str(LABELS[self.verdict.klass])

    @property
    def tone(self) -> str:
        return TONES[self.verdict.klass] if self.verdict else "warning"

    @property
    def value_text(self) -> str:
        """The reading with its unit; an empty text where there is none, which is not zero."""
        if self.reading.value is None:
            return ""
        if self.is_state:
            return (
                pgettext("target", "reached") if self.reading.value else pgettext("target", "not reached yet")
            )
        return formats.quantity(str(self.reading.value), str(self.target.unit))

    @property
    def goal_text(self) -> str:
        """The goal with its unit, as far as it is stated."""
        return (
            "" if self.target.goal is None else formats.quantity(str(self.target.goal), str(self.target.unit))
        )


def deadline(text: str) -> Deadline | None:
    """The deadline that a column holds; None where it is empty or, in old data, unreadable."""
    try:
        return Deadline.parse(text) if text else None
    except BadValue:
        return None


def standing(target: Target, course: Course, today: date) -> Standing:
    """What the course of a target means on a day."""
    if target.kind_of == TargetKind.UNSPECIFIED:
        return Standing(target, course, None)
    due = deadline(target.due)
    points = [progress.Point(progress.at(point.as_of), float(point.value)) for point in course.points]
    if target.kind_of == TargetKind.MILESTONE:
        # A state is there or not: half of it is no progress, so only the last word counts and no pace is required.
        return Standing(
            target,
            course,
            progress.assess(
                points[-1:],
                baseline=None,
                goal=1.0,
                due=progress.at(due.due) if due else None,
                desired="reach",
                kind="count",
                today=today,
            ),
        )
    return Standing(
        target,
        course,
        progress.assess(
            points,
            baseline=baseline_of(target),
            goal=float(target.goal) if target.goal is not None else None,
            due=progress.at(due.due) if due else None,
            desired=cast(progress.Desired, target.desired),
            kind=cast(progress.Kind, target.reckoning),
            today=today,
        ),
    )


def baseline_of(target: Target) -> progress.Point | None:
    """The baseline as a point; a value without its year cannot be placed and counts for nothing."""
    since = deadline(target.baseline_period)
    if target.baseline is None or since is None:
        return None
    return progress.Point(progress.at(since.due), float(target.baseline))


# ---------------------------------------------------------------- a version as one tree


@dataclass(frozen=True)
class Bough:
    """A priority with its targets."""

    priority: Priority
    standings: list[Standing]


@dataclass(frozen=True)
class Branch:
    """A direction with the obstacles it answers and its priorities."""

    direction: Direction
    obstacles: list[Obstacle]
    priorities: list[Bough]

    @property
    def standings(self) -> list[Standing]:
        return [standing for bough in self.priorities for standing in bough.standings]


@dataclass(frozen=True)
class Tree:
    """A whole version: directions → priorities → targets with readings, and all that stands around them."""

    strategy: Strategy
    obstacles: list[tuple[Obstacle, list[Direction]]]
    branches: list[Branch]
    loose: list[Standing]  # targets of the whole ecosystem, under no priority
    levers: list[Lever]
    niches: list[Niche]
    links: list[PolicyLink]

    @property
    def standings(self) -> list[Standing]:
        """Every target once, in the order of the document."""
        return [standing for branch in self.branches for standing in branch.standings] + self.loose

    @property
    def targets(self) -> list[Target]:
        return [standing.target for standing in self.standings]

    @property
    def numbers(self) -> list[Target]:
        """The targets that state a number to reach."""
        return [t for t in self.targets if t.kind_of == TargetKind.QUANTITY and t.goal is not None]

    @property
    def priorities(self) -> list[Priority]:
        return [bough.priority for branch in self.branches for bough in branch.priorities]

    @property
    def rows(self) -> list[Obstacle | Direction | Priority | Target | Lever]:
        """Every row that has a title."""
        return [
            *(obstacle for obstacle, _answers in self.obstacles),
            *(branch.direction for branch in self.branches),
            *self.priorities,
            *self.targets,
            *self.levers,
        ]

    def policies(self) -> dict[Policy, list[Any]]:
        """The policies served, each with the targets, priorities or the version that serve it."""
        served: dict[Policy, list[Any]] = {}
        for link in self.links:
            served.setdefault(link.policy, []).append(link.target or link.priority or link.strategy)
        return served


def tree(strategy: Strategy, *, period: Period | None = None, today: date | None = None) -> Tree:
    """Reads a whole version with its live numbers, in eleven questions however large it is."""
    directions = list(strategy.direction_set.prefetch_related("overcomes__obstacle"))
    obstacles = list(strategy.obstacle_set.all())
    priorities = list(strategy.priority_set.all())
    targets = list(strategy.target_set.select_related("specify_owner"))
    links = list(strategy.policy_links.select_related("policy"))
    by_key: dict[int, Priority] = {priority.pk: priority for priority in priorities}
    target_of: dict[int, Target] = {target.pk: target for target in targets}
    # One object per row, so that nothing below this line asks the database again.
    for priority in priorities:
        priority.direction = next(d for d in directions if d.pk == priority.direction_id)
    for target in targets:
        target.priority = by_key[target.priority_id] if target.priority_id else None
    for link in links:
        link.priority = by_key.get(link.priority_id or 0)
        link.target = target_of.get(link.target_id or 0)
    read = courses(strategy.ecosystem, (target.series for target in targets), period)
    day = today or timezone.localdate()
    stand = [standing(target, read[target.series], day) for target in targets]
    return Tree(
        strategy,
        [
            (o, [d for d in directions if any(each.obstacle_id == o.pk for each in d.overcomes.all())])
            for o in obstacles
        ],
        [
            Branch(
                direction,
                direction.obstacles,
                [
                    Bough(priority, [each for each in stand if each.target.priority_id == priority.pk])
                    for priority in priorities
                    if priority.direction_id == direction.pk
                ],
            )
            for direction in directions
        ],
        [each for each in stand if each.target.priority_id is None],
        list(strategy.lever_set.all()),
        [focus.niche for focus in strategy.focuses.select_related("niche__ecosystem")],
        links,
    )


def standing_of(target: Target) -> Standing:
    """Where one target stands today."""
    read = courses(target.strategy.ecosystem, [target.series])
    return standing(target, read[target.series], timezone.localdate())


def standings_under(priority: Priority) -> list[Standing]:
    """Where the targets of a priority stand today."""
    targets = list(priority.targets.select_related("specify_owner"))
    for target in targets:
        target.strategy, target.priority = priority.strategy, priority
    read = courses(priority.strategy.ecosystem, (target.series for target in targets))
    return [standing(target, read[target.series], timezone.localdate()) for target in targets]


def tally(standings: Iterable[Standing]) -> dict[Outlook, int]:
    """How many targets are on track or reached, behind, and not to be judged yet."""
    counted: dict[Outlook, int] = {"good": 0, "behind": 0, "open": 0}
    for each in standings:
        counted[each.outlook] += 1
    return counted


def coverage(strategy: Strategy, targets: Sequence[Target]) -> dict[Domain | Mission, Decimal]:
    """How many targets serve each domain and mission by their shares. The sum is the number of targets."""
    return domains.apportion(strategy.ecosystem, Target.kind(), {target.pk: 1 for target in targets})


def reached(strategy: Strategy, period: Period | None = None) -> list[Target]:
    """The targets of a version that are reached; those read from this room's own numbers are left out."""
    targets = [t for t in strategy.target_set.all() if not t.series.startswith("strategy.")]
    read = courses(strategy.ecosystem, (target.series for target in targets), period)
    day = min(period.last, timezone.localdate()) if period else timezone.localdate()
    return [target for target in targets if standing(target, read[target.series], day).reached]


# ---------------------------------------------------------------- two versions compared

Change = Literal["added", "removed", "changed", "moved"]


class Field(NamedTuple):
    """One thing that two versions say differently, as a reader sees it."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Difference:
    """One row that two versions do not have in common, or not alike."""

    kind: str  # "strategy.target"
    code: str
    title: str
    change: Change
    fields: list[Field]
    place: str  # under what it stands
    row: Any


def compare(before: Strategy, after: Strategy) -> list[Difference]:
    """What changed from one version to another, matched by codes, in the order of the newer document.

    A row under another parent is moved, whatever else changed in it. The order of rows is a property of what they
    stand under, so one row put in does not mark all that follow it as changed.
    """
    old, new = _Document(before), _Document(after)
    found: list[Difference] = []
    fields = _fields_of(old.facts[before.kind(), ""], new.facts[after.kind(), ""])
    if fields:
        found.append(Difference(after.kind(), "", str(after.title), "changed", fields, "", after))
    for kind in _KINDS:
        codes_old, codes_new = old.codes(kind), new.codes(kind)
        for code in codes_new:
            key = (kind, code)
            row = new.rows[key]
            if key not in old.rows:
                found.append(
                    Difference(kind, code, str(row.title), "added", new.said(key), new.places[key], row)
                )
                continue
            fields = _fields_of(old.facts[key], new.facts[key])
            moved = old.parents[key] != new.parents[key]
            if moved or fields:
                change: Change = "moved" if moved else "changed"
                found.append(Difference(kind, code, str(row.title), change, fields, new.places[key], row))
        for code in codes_old:
            if (kind, code) not in new.rows:
                row = old.rows[kind, code]
                found.append(
                    Difference(kind, code, str(row.title), "removed", [], old.places[kind, code], row)
                )
    return found


_KINDS = ("strategy.obstacle", "strategy.direction", "strategy.priority", "strategy.target", "strategy.lever")
Key = tuple[str, str]


class _Document:
    """A version as plain texts by kind and code, for comparing."""

    def __init__(self, strategy: Strategy) -> None:
        self.rows: dict[Key, Any] = {}
        self.parents: dict[Key, str] = {}
        self.places: dict[Key, str] = {}
        self.facts: dict[Key, dict[str, str]] = {}
        links = list(strategy.policy_links.select_related("policy"))
        focuses = [focus.niche for focus in strategy.focuses.select_related("niche")]
        shares = {
            kind.kind(): domains.shares_of(kind.kind(), rows.values_list("pk", flat=True))
            for kind, rows in ((Priority, strategy.priority_set), (Target, strategy.target_set))
        }

        def policies(key: str, pk: int | None) -> str:
            served = [link.policy for link in links if getattr(link, key) == pk]
            return "; ".join(sorted(policy.code for policy in served))

        def served_by(row: Any) -> str:
            own = shares[row.kind()].get(row.pk, [])
            return "; ".join(
                sorted(f"{each.domain or each.mission}: {formats.percent(each.weight, None)}" for each in own)
            )

        directions = list(strategy.direction_set.prefetch_related("overcomes__obstacle"))
        priorities = list(strategy.priority_set.select_related("direction"))
        targets = list(strategy.target_set.select_related("priority", "specify_owner"))
        obstacles, levers = list(strategy.obstacle_set.all()), list(strategy.lever_set.all())
        whole = [link.policy.code for link in links if not link.priority_id and not link.target_id]
        self.facts[strategy.kind(), ""] = {
            **_both("title", _("Title"), strategy),
            **_both("mission", _("Mission"), strategy),
            _("Mission, official text"): strategy.mission_official_lv,
            _("First year"): str(strategy.starts),
            _("Last year"): str(strategy.ends),
            _("Policies served"): "; ".join(sorted(whole)),
            _("Niches in focus"): "; ".join(str(niche) for niche in focuses),
            **_order(_("Order of the obstacles"), obstacles),
            **_order(_("Order of the directions"), directions),
            **_order(_("Order of the levers"), levers),
            **_order(
                _("Order of the targets of the whole ecosystem"),
                [t for t in targets if t.priority_id is None],
            ),
        }
        for obstacle in obstacles:
            self._add(obstacle, "", "", _both("title", _("Obstacle"), obstacle))
        for direction in directions:
            facts = {
                **_both("title", _("Direction"), direction),
                **_both("summary", _("Summary"), direction),
                _("Obstacles answered"): "; ".join(each.code for each in direction.obstacles),
                **_order(
                    _("Order of the priorities"), [p for p in priorities if p.direction_id == direction.pk]
                ),
            }
            self._add(direction, "", "", facts)
        for priority in priorities:
            facts = {
                **_both("title", _("Priority"), priority),
                _("Direction"): _Parent(priority.direction),
                **_both("rationale", _("Rationale"), priority),
                _("Policies served"): policies("priority_id", priority.pk),
                _("Shares"): served_by(priority),
                **_order(_("Order of the targets"), [t for t in targets if t.priority_id == priority.pk]),
            }
            self._add(priority, priority.direction.code, str(priority.direction), facts)
        for target in targets:
            facts = {
                **_both("title", _("Target"), target),
                _("Priority"): _Parent(target.priority),
                _("Kind"): target.get_kind_of_display(),
                _("Indicator"): target.indicator,
                **_both("unit", _("Unit"), target),
                _("Baseline"): _number(target.baseline),
                _("Baseline period"): _when(target.baseline_period),
                _("Goal"): _number(target.goal),
                _("Deadline"): _when(target.due),
                _("Desired direction"): target.get_desired_display(),
                _("Reckoned as"): target.get_reckoning_display(),
                _("Who specifies it"): str(target.specify_owner or ""),
                _("To be specified by"): formats.day(target.specify_by) if target.specify_by else "",
                **_both("note", _("Note"), target),
                _("Policies served"): policies("target_id", target.pk),
                _("Shares"): served_by(target),
            }
            parent = target.priority
            self._add(
                target,
                parent.code if parent else "",
                str(parent) if parent else _("the whole ecosystem"),
                facts,
            )
        for lever in levers:
            self._add(lever, "", "", _both("title", _("Lever"), lever))

    def _add(self, row: Any, parent: str, place: str, facts: dict[str, str]) -> None:
        key = (row.kind(), row.code)
        self.rows[key], self.parents[key], self.places[key], self.facts[key] = row, parent, place, facts

    def codes(self, kind: str) -> list[str]:
        return [code for each, code in self.rows if each == kind]

    def said(self, key: Key) -> list[Field]:
        """Everything that a row says, for one that the other version does not have."""
        return [
            Field(label, "", text)
            for label, text in self.facts[key].items()
            if text and not isinstance(text, _Order)
        ]


class _Order(str):
    """The codes of rows in their order; compared only over the rows that both versions have."""

    __slots__ = ()


class _Parent(str):
    """What a row stands under; renamed it is still the same, and only its own row tells of the new name."""

    __slots__ = ("code",)
    code: str

    def __new__(cls, row: Direction | Priority | None) -> _Parent:
        made = super().__new__(cls, "" if row is None else str(row))
        made.code = "" if row is None else row.code
        return made


def _order(label: str, rows: Sequence[Any]) -> dict[str, str]:
    return {label: _Order(" ".join(row.code for row in rows))}


def _fields_of(before: Mapping[str, str], after: Mapping[str, str]) -> list[Field]:
    fields = []
    for label, new in after.items():
        old = before[label]
        if isinstance(new, _Parent) and isinstance(old, _Parent) and new.code == old.code:
            continue
        if isinstance(new, _Order):
            both = set(old.split()) & set(new.split())
            old, new = (" ".join(code for code in side.split() if code in both) for side in (old, new))
        if old.strip() != new.strip():
            fields.append(Field(label, old, new))
    return fields


def _both(name: str, label: str, row: Any) -> dict[str, str]:
    text = both(row, name)
    return {f"{label} ({_('in Latvian')})": text.lv, f"{label} ({_('in English')})": text.en}


def _number(value: Decimal | None) -> str:
    return "" if value is None else formats.number(value)


def _when(text: str) -> str:
    period = deadline(text)
    return period.words((get_language() or "lv")[:2]) if period else text
