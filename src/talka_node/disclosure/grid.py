"""The coarse grid of criteria: no two questions differ by a day, a gram or a village, whatever the answers.

`snap` moves every number of a question to the nearest line of the grid and tells each move. What has no nearest line
(a region of unknown size) is told as a reason to refuse.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import assert_never

from talka_node.disclosure.forms import topmost
from talka_node.disclosure.policy import Policy
from talka_query import nodes
from talka_query.nodes import Ages, Criterion, Dated, Question, Specimen, Window


@dataclass(slots=True)
class Snapped:
    """`moved`: one sentence for each number that was moved; `wrong`: reasons why there is no nearest question."""

    question: Question
    moved: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def snap(question: Question, policy: Policy) -> Snapped:
    """The nearest question on the policy's grid."""
    snapped = Snapped(question)
    snapper = _Snapper(policy, snapped)
    snapped.question = replace(
        question,
        such_that=snapper.criterion(question.such_that),
        ages_at=snapper.day(question.ages_at, _year_end(question.ages_at), "ages_at"),
        samples=snapper.specimen(question.samples),
    )
    return snapped


class _Snapper:
    def __init__(self, policy: Policy, snapped: Snapped) -> None:
        self.policy, self.snapped = policy, snapped

    def criterion(self, of: Criterion) -> Criterion:
        match of:
            case nodes.All(parts):
                return nodes.All(tuple(map(self.criterion, parts)))
            case nodes.Any(parts):
                return nodes.Any(tuple(map(self.criterion, parts)))
            case nodes.Not(part):
                return nodes.Not(self.criterion(part))
            case nodes.Age(years):
                return nodes.Age(self.ages(years, "age"))
            case nodes.Born(window):
                return nodes.Born(self.window(window, _year_start, _year_end, "birth"))
            case nodes.LivesIn(codes):
                return nodes.LivesIn(frozenset(found for code in codes if (found := self.region(code))))
            case nodes.VariantIn():
                return self.stretch(of)
            case nodes.Within(event, anchor, low, high, _):
                low, high = self.days(low), self.days(high)
                return replace(of, event=self.dated(event), anchor=self.dated(anchor), low=low, high=high)
            case (
                nodes.Diagnosis()
                | nodes.Specimen()
                | nodes.Measurement()
                | nodes.Medication()
                | nodes.Procedure()
            ):
                return self.dated(of)
            case nodes.IsSex() | nodes.Alive() | nodes.InCohort() | nodes.Variant():
                return of
            case _:
                assert_never(of)

    def dated(self, of: Dated) -> Dated:
        if isinstance(of, Specimen):
            return self.specimen(of)
        age, window = self.ages(of.age, "age"), self.months(of.window)
        if isinstance(of, nodes.Measurement):
            return replace(of, age=age, window=window, low=self.value(of.low), high=self.value(of.high))
        if isinstance(of, nodes.Procedure):
            return replace(of, age=age, window=window)
        return replace(of, age=age, window=window, codes=topmost(of, of.codes))

    def specimen(self, of: Specimen) -> Specimen:
        least = min(self.policy.grid.aliquots, key=lambda line: (abs(line - of.aliquots), line))
        if least != of.aliquots:
            self.tell("aliquots", str(of.aliquots), str(least))
        collected = self.months(of.collected)
        return replace(of, collected=collected, age=self.ages(of.age, "age at collection"), aliquots=least)

    def ages(self, asked: Ages, what: str) -> Ages:
        step = self.policy.grid.ages
        low, high = asked.low, asked.high
        if low is not None:
            low = min(max(0, _nearest(low, step)), 90)
        if high is not None:
            high = _nearest(high + 1, step) - 1
            if low is not None and high < low and asked.low is not None and asked.low <= (asked.high or 0):
                low = min(max(0, asked.low - asked.low % step), 90)
                high = low + step - 1
            high = None if high >= 90 else max(high, step - 1)
        if (low, high) != (asked.low, asked.high):
            self.tell(what, _range(asked.low, asked.high), _range(low, high))
        return Ages(low, high)

    def months(self, asked: Window) -> Window:
        return self.window(asked, _month_start, _month_end, "date")

    def window(
        self, asked: Window, start: Callable[[date], date], end: Callable[[date], date], what: str
    ) -> Window:
        since = start(asked.since) if asked.since else None
        until = end(asked.until) if asked.until else None
        if since and until and asked.since and asked.until and asked.since <= asked.until and until < since:
            # Narrower than the grid: all of what it lies in.
            since, until = _begin(asked.since, start), _finish(asked.until, end)
        if (since, until) != (asked.since, asked.until):
            self.tell(what, _range(asked.since, asked.until), _range(since, until))
        return Window(since, until)

    def day(self, asked: date, line: date, what: str) -> date:
        if line != asked:
            self.tell(what, asked.isoformat(), line.isoformat())
        return line

    def region(self, code: str) -> str | None:
        found = self.policy.region(code)
        if found is None:
            known = ", ".join(sorted(c for c in self.policy.regions if self.policy.region(c) == c)[:20])
            self.snapped.wrong.append(
                f"region {code}: it is not known to have at least {self.policy.grid.region} inhabitants; "
                + (f"ask for {known}" if known else "this node tells nothing by region")
            )
        elif found != code:
            self.tell("region", code, found)
        return found

    def value(self, asked: float | None) -> float | None:
        if asked is None or asked == 0 or not math.isfinite(asked):
            return asked
        line = float(f"{asked:.{self.policy.grid.digits - 1}e}")
        if line != asked:
            self.tell("value", f"{asked:g}", f"{line:g}")
        return line

    def days(self, asked: int | None) -> int | None:
        if asked is None:
            return None
        lines = (_nearest(asked, self.policy.grid.days), _nearest(asked, 365))
        line = min(lines, key=lambda each: (abs(each - asked), each))
        if line != asked:
            self.tell("days", str(asked), str(line))
        return line

    def stretch(self, of: nodes.VariantIn) -> nodes.VariantIn:
        if of.start is None and of.end is None:
            return of
        bases, least = self.policy.grid.bases, self.policy.variants.stretch
        start = None if of.start is None else _nearest(of.start - 1, bases) + 1
        end = None if of.end is None else _nearest(of.end, bases)
        if start is not None and end is not None and end - start + 1 < least:
            start, end = stretch_around(of.start or 1, least)
        if (start, end) != (of.start, of.end):
            self.tell("bases", _range(of.start, of.end), _range(start, end))
        return replace(of, start=start, end=end)

    def tell(self, what: str, asked: str, line: str) -> None:
        self.snapped.moved.append(f"{what}: {line} instead of {asked}")


def stretch_around(position: int, length: int) -> tuple[int, int]:
    """The stretch of the grid that a position (1-based) lies in."""
    start = (position - 1) // length * length + 1
    return start, start + length - 1


def _nearest(value: int, step: int) -> int:
    """The nearest multiple; of two equally near the lower, also below zero."""
    return -((step - 2 * value) // (2 * step)) * step


def _range(low: object, high: object) -> str:
    return f"{'…' if low is None else low}–{'…' if high is None else high}"


def _year_start(day: date) -> date:
    return min((date(year, 1, 1) for year in (day.year, min(day.year + 1, 9999))), key=lambda d: abs(d - day))


def _year_end(day: date) -> date:
    return min((date(year, 12, 31) for year in (max(day.year - 1, 1), day.year)), key=lambda d: abs(d - day))


def _month_start(day: date) -> date:
    first = day.replace(day=1)
    later = (first + timedelta(days=32)).replace(day=1) if (first.year, first.month) != (9999, 12) else first
    return min((first, later), key=lambda d: abs(d - day))


def _month_end(day: date) -> date:
    first = day.replace(day=1)
    last = (
        (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        if (first.year, first.month) != (9999, 12)
        else date(9999, 12, 31)
    )
    before = first - timedelta(days=1) if first > date.min else last
    return min((last, before), key=lambda d: abs(d - day))


def _begin(day: date, start: Callable[[date], date]) -> date:
    return date(day.year, 1, 1) if start is _year_start else day.replace(day=1)


def _finish(day: date, end: Callable[[date], date]) -> date:
    if end is _year_end:
        return date(day.year, 12, 31)
    return _month_end(day.replace(day=28))
