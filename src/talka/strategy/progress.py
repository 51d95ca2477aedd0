"""How a target fares: growth observed since the baseline over growth required to reach the goal in time.

Classes and limits are those that Statistics Canada, after Eurostat, publishes for the SDGs (Open SDG,
"Progress measurement methodology"). Counts, zeros and negative values have no growth rate: there the path is
straight.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import expm1, isclose, isfinite, log
from typing import Literal, get_args

Klass = Literal[
    "achieved",  # the goal is reached
    "on_track",  # ratio of at least 95 %
    "acceleration",  # at least 60 %: progress, but too slow
    "limited",  # at least 0 %
    "deterioration",  # moving away from the goal
    "missed",  # the deadline is past and the goal not reached
    "not_started",  # the baseline lies ahead
    "no_data",  # nothing to judge by
    "no_due",  # no deadline after the baseline, so no pace is required
    "no_goal",  # no number to reach, and no growth rate to go by instead
]
Reason = Literal[
    "ratio",  # classed by observed over required
    "trend",  # no goal: classed by the growth rate itself
    "reached",
    "reached_early",
    "reached_late",
    "lost",  # the baseline was at the goal already, the latest value no longer is
    "due_past",
    "kept",  # within the tolerance
    "left",  # outside the tolerance
    "begins_later",
    "nothing_seen",  # no value after the baseline
    "one_point",  # one value and no baseline
    "due_missing",
    "due_before_baseline",
    "goal_missing",
]
Desired = Literal["increase", "decrease", "reach", "keep"]
Kind = Literal["level", "count"]
Method = Literal["cagr", "linear"]

KLASSES: tuple[Klass, ...] = get_args(Klass)
REASONS: tuple[Reason, ...] = get_args(Reason)

# Lower limits of observed over required growth, and without a goal of the yearly growth rate itself.
WITH_GOAL: tuple[tuple[float, Klass], ...] = ((0.95, "on_track"), (0.60, "acceleration"), (0.0, "limited"))
WITHOUT_GOAL: tuple[tuple[float, Klass], ...] = (
    (0.015, "on_track"),
    (0.005, "acceleration"),
    (0.0, "limited"),
)
ROUNDING = 1e-9  # a growth of exactly 95 % must not fall short by the last bit of a float


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a time, in years: `at(day)` of the last day it speaks of. The year 2023 ends at 2024.0."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Progress:
    """The verdict on a target and what it rests on.

    `observed` and `required` are growth a year: a rate (0.11 = 11 %) by method `cagr`, the indicator's own
    unit by `linear`. `ratio` is observed over required in the desired direction, None where it cannot be
    told. `path` is the way required, a point a year from baseline to deadline; `expected_now` is where it
    stands today.
    """

    klass: Klass
    reason: Reason
    method: Method
    ratio: float | None = None
    observed: float | None = None
    required: float | None = None
    path: tuple[Point, ...] = ()
    expected_now: float | None = None


def at(day: date) -> float:
    """The end of a day in years: 30 June 2023 → 2023.496, 31 December 2023 → 2024.0."""
    return day.year + day.timetuple().tm_yday / (366 if isleap(day.year) else 365)


def assess(
    points: Iterable[Point],
    *,
    baseline: Point | None,
    goal: float | None,
    due: float | None,
    desired: Desired,
    kind: Kind,
    today: date | float,
    tolerance: float = 0.05,
) -> Progress:
    """Judges a target by its latest value.

    `points` come in any order; of several at one time the last given counts, those not after the baseline are
    left out. Without a baseline the earliest point stands for it. `due` is `at()` of the last day in time.
    `reach` means the goal or beyond, from whichever side the baseline lies; `keep` means within `tolerance`
    (a share of the goal) of the goal, or of the baseline where no goal is given. Raises ValueError for values
    that are no numbers.
    """
    if desired not in get_args(Desired) or kind not in get_args(Kind):
        raise ValueError(
            f"desired must be one of {', '.join(get_args(Desired))}"
            f" and kind one of {', '.join(get_args(Kind))}, not {desired!r} and {kind!r}"
        )
    series = _in_order(points)
    _numbers(baseline, goal, due)
    now = at(today) if isinstance(today, date) else today
    start = baseline or (series[0] if series else None)
    seen = [point for point in series if start and point.at > start.at]
    if desired == "keep" and goal is None and baseline:
        goal = baseline.value
    if goal is None:
        return _without_goal(start, seen, desired, kind)
    # One value without a baseline says whether the goal is reached, though not how fast it comes nearer.
    known = seen or ([] if baseline else series)
    drawn = _draw(start, seen, goal, due, desired, kind, now)
    if not known:
        ahead = start is not None and now <= start.at
        return replace(
            drawn,
            klass="not_started" if ahead else "no_data",
            reason="begins_later" if ahead else "nothing_seen",
        )
    past = due is not None and now > due
    if desired == "keep":
        inside = abs(known[-1].value - goal) <= tolerance * abs(goal) + ROUNDING
        if inside:
            return replace(drawn, klass="achieved" if past else "on_track", reason="kept")
        return replace(drawn, klass="missed" if past else "deterioration", reason="left")
    way = _way(desired, start, goal)
    in_time = [point for point in known if due is None or point.at <= due + ROUNDING]
    if past and in_time and _reached(in_time[-1].value, goal, way):
        return replace(drawn, klass="achieved", reason="reached")
    if _reached(known[-1].value, goal, way):
        if past:
            return replace(drawn, klass="achieved", reason="reached_late")
        early = due is not None and known[-1].at < due
        return replace(drawn, klass="achieved", reason="reached_early" if early else "reached")
    if past:
        return replace(drawn, klass="missed", reason="due_past")
    if due is None or start is None:
        return replace(drawn, klass="no_due", reason="due_missing")
    if due <= start.at:
        return replace(drawn, klass="no_due", reason="due_before_baseline")
    if not seen:
        return replace(drawn, klass="no_data", reason="one_point")
    if drawn.ratio is None or _reached(
        start.value, goal, way
    ):  # no growth was required, only not to fall back
        return replace(drawn, klass="deterioration", reason="lost")
    return replace(drawn, klass=_class(drawn.ratio, WITH_GOAL), reason="ratio")


def _in_order(points: Iterable[Point]) -> list[Point]:
    latest: dict[float, Point] = {}
    for point in points:
        _numbers(point)
        latest[point.at] = point
    return [latest[time] for time in sorted(latest)]


def _numbers(*given: Point | float | None) -> None:
    for each in given:
        for number in (each.at, each.value) if isinstance(each, Point) else (each,):
            if number is not None and not isfinite(number):
                raise ValueError(f"{each} is not finite: leave a missing value out or give None")


def _without_goal(start: Point | None, seen: Sequence[Point], desired: Desired, kind: Kind) -> Progress:
    method: Method = "linear" if kind == "count" else "cagr"
    if not start or not seen:
        return Progress("no_goal", "goal_missing", method)
    if method == "cagr" and (rate := _rate(start, seen[-1])) is not None:
        if desired in {"reach", "keep"}:
            return Progress("no_goal", "goal_missing", "cagr", observed=rate)
        klass = _class(-rate if desired == "decrease" else rate, WITHOUT_GOAL)
        return Progress(klass, "trend", "cagr", observed=rate)
    return Progress("no_goal", "goal_missing", "linear", observed=_slope(start, seen[-1]))


def _draw(
    start: Point | None,
    seen: Sequence[Point],
    goal: float,
    due: float | None,
    desired: Desired,
    kind: Kind,
    now: float,
) -> Progress:
    """The numbers of the verdict, before there is one: growth observed and required, ratio, path."""
    blank = Progress("no_data", "nothing_seen", "linear" if kind == "count" else "cagr")
    if start is None:
        return blank
    end = Point(due, goal) if due is not None and due > start.at else None
    last = seen[-1] if seen else None
    method: Method = "linear"
    observed = required = None
    if kind == "level":
        observed = _rate(start, last) if last else None
        required = _rate(start, end) if end else None
        # Both ends must have a rate, or the two could not be compared.
        if (observed is None) == (last is None) and (required is None) == (end is None):
            method = "cagr"
    if method == "linear":
        observed = _slope(start, last) if last else None
        required = _slope(start, end) if end else None
    if desired == "keep" and end:
        start, required = Point(start.at, goal), 0.0
    ratio = None
    if observed is not None and required:
        ratio = (_way(desired, start, goal) or 1) * observed / abs(required)
    if end is None:
        return replace(blank, method=method, observed=observed)
    years = int(end.at - start.at + ROUNDING)
    times = [start.at + year for year in range(years + 1)]
    if end.at - times[-1] > ROUNDING:
        times.append(end.at)
    return replace(
        blank,
        method=method,
        ratio=ratio,
        observed=observed,
        required=required,
        path=tuple(Point(time, _on_path(time, start, end, method)) for time in times),
        expected_now=_on_path(min(max(now, start.at), end.at), start, end, method),
    )


def _rate(begin: Point, end: Point) -> float | None:
    """Compound annual growth between two points; None where a value is not positive or the rate has no
    bounds.
    """
    if begin.value <= 0 or end.value <= 0:
        return None
    try:
        return expm1((log(end.value) - log(begin.value)) / (end.at - begin.at))
    except OverflowError:
        return None


def _slope(begin: Point, end: Point) -> float:
    return (end.value - begin.value) / (end.at - begin.at)


def _on_path(time: float, begin: Point, end: Point, method: Method) -> float:
    share = (time - begin.at) / (end.at - begin.at)
    if share >= 1:
        return end.value
    if method == "cagr":
        return float(begin.value * (end.value / begin.value) ** share)
    return begin.value + share * (end.value - begin.value)


def _way(desired: Desired, start: Point | None, goal: float) -> int:
    """+1 where more is better, -1 where less is, 0 where only the goal itself will do."""
    if desired in {"increase", "decrease"}:
        return 1 if desired == "increase" else -1
    return 0 if start is None else (goal > start.value) - (goal < start.value)


def _reached(value: float, goal: float, way: int) -> bool:
    return isclose(value, goal, rel_tol=ROUNDING, abs_tol=ROUNDING) or way * (value - goal) > 0


def _class(measure: float, limits: Sequence[tuple[float, Klass]]) -> Klass:
    return next((klass for limit, klass in limits if measure >= limit - ROUNDING), "deterioration")
