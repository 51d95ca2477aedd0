"""Values over time: how a number came to be what it is, and whether it is on its way to the goal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from talka.ui import formats
from talka.ui.charts.drawing import (
    PHONE,
    SIZE,
    Days,
    Labels,
    Scale,
    date_ticks,
    inside,
    join,
    label,
    path,
    polyline,
    short,
    tag,
    text_width,
    ticks,
)
from talka.ui.charts.figure import Figure

Value = tuple[date, float]
Point = tuple[date, float | None]


def required(baseline: Value, goal: Value, at: date, compound: bool = False) -> float:
    """The value that the way from baseline to goal asks for on a day.

    Along a straight line, or with `compound` at a constant rate of growth, which exists only between two
    values above zero: elsewhere the line is straight.
    """
    (first, low), (last, high) = baseline, goal
    share = (at - first).days / max((last - first).days, 1)
    if compound and low > 0 and high > 0:
        return float(low * (high / low) ** share)
    return low + (high - low) * share


def line_path(
    points: Sequence[Point],
    *,
    title: str,
    unit: str = "",
    desc: str = "",
    baseline: Value | None = None,
    goal: Value | None = None,
    today: date | None = None,
    compound: bool = False,
    zero: bool | None = None,
    lang: str | None = None,
    show_title: bool = True,
) -> Figure:
    """The history of a value, the path it has to take from baseline to goal, the goal, and today.

    A value of None breaks the line: nothing was counted, which is not zero. `compound` bends the path to a
    constant rate of growth. `zero` makes the scale begin at zero; by default it does where that wastes less
    than half of the height.
    """
    lang = formats.language(lang)
    points = sorted(points, key=lambda point: point[0])
    points = [(at, None if value is None else float(value)) for at, value in points]
    baseline = (baseline[0], float(baseline[1])) if baseline else None
    goal = (goal[0], float(goal[1])) if goal else None
    known: list[Value] = [(at, value) for at, value in points if value is not None]
    show = partial(formats.quantity, unit=unit, lang=lang)
    drawing = _LinePath(points, known, baseline, goal, today, compound, zero, unit, lang, show)

    legend = [("c-line", pgettext("chart", "value"))] if known else []
    head: tuple[str, ...] = (pgettext("chart", "Date"), pgettext("chart", "Value"))
    rows: list[tuple[str, ...]] = [(formats.day(at, "short", lang), show(value)) for at, value in points]
    if baseline and goal:
        legend.append(("c-path", _("path required")))
        head = (*head, pgettext("chart", "Required"))
        wanted = [show(required(baseline, goal, at, compound)) for at, _value in points]
        rows = [(*row, want) for row, want in zip(rows, wanted, strict=True)]
    if goal:
        legend.append(("c-goal", pgettext("chart", "goal")))
    return Figure(title, desc or drawing.words(), drawing.draw, head, rows, legend, show_title)


class _LinePath:
    """One drawing of `line_path`, from the back to the front."""

    def __init__(
        self,
        points: Sequence[Point],
        known: Sequence[Value],
        baseline: Value | None,
        goal: Value | None,
        today: date | None,
        compound: bool,
        zero: bool | None,
        unit: str,
        lang: str,
        show: Callable[[float], str],
    ) -> None:
        self.points, self.known, self.baseline, self.goal = points, known, baseline, goal
        self.today, self.compound, self.zero = today, compound, zero
        self.unit, self.lang, self.show = unit, lang, show

    def words(self) -> str:
        """The drawing in one sentence."""
        if not self.known:
            return ""
        at, value = self.known[-1]
        said = {"value": self.show(value), "day": formats.day(at, "short", self.lang)}
        if not self.goal:
            return _("%(value)s on %(day)s") % said
        said |= {"goal": self.show(self.goal[1]), "due": formats.day(self.goal[0], "short", self.lang)}
        return _("%(value)s on %(day)s; the goal is %(goal)s by %(due)s") % said

    def draw(self, width: float) -> tuple[SafeString, float]:
        ends = [value for value in (*self.known, self.baseline, self.goal) if value]
        if not ends:
            return label(width / 2, 30, _("No values yet"), anchor="middle"), 60.0
        height = 240.0 if width < PHONE else 300.0 if width < 800 else 340.0
        marks = self._marks([value for _at, value in ends], 4 if width < PHONE else 5)
        said = [
            formats.compact(m, self.lang) if abs(m) >= 10000 else formats.number(m, None, self.lang)
            for m in marks
        ]
        left, right = max(map(text_width, said)) + 10, width - 12
        top, bottom = 30.0, height - 26
        days = [at for at, _value in ends] + ([self.today] if self.today else [])
        first, last = min(days), max(days)
        if first == last:
            first, last = first - timedelta(days=182), last + timedelta(days=182)
        x, y = Days(first, last, left + 6, right - 6), Scale(marks[0], marks[-1], bottom, top)

        out: list[SafeString] = []
        for mark, words in zip(marks, said, strict=True):
            out += [
                path("c-grid", "M", left, y(mark), "H", right),
                label(left - 8, y(mark) + 4, words, anchor="end"),
            ]
        for at, words in date_ticks(first, last, right - left, self.lang):
            out.append(path("c-axis", "M", x(at), bottom, "v", 5))
            out.append(label(inside(x(at), words, 0, width), height - 6, words, anchor="middle"))
        out.append(path("c-axis", "M", left, bottom, "H", right))
        if self.unit:
            out.append(label(0, 12, self.unit))
        if self.today:
            words = pgettext("chart", "today")
            out.append(path("c-today", "M", x(self.today), top - 8, "V", bottom))
            out.append(label(inside(x(self.today), words, left, width), top - 14, words, anchor="middle"))
        out += self._path(x, y)
        if self.goal:
            out.append(path("c-goal", "M", left, y(self.goal[1]), "H", right))
        out += self._line(x, y)
        if self.goal:
            out.append(tag("circle", css="c-goal-dot", cx=x(self.goal[0]), cy=y(self.goal[1]), r=4.5))
        out += self._labels(x, y, Labels(top - 14, bottom), width)
        return join(out), height

    def _marks(self, values: Sequence[float], about: int) -> list[float]:
        low, high = min(values), max(values)
        zero = self.zero if self.zero is not None else 0 <= low <= high / 2
        return ticks(min(0.0, low) if zero else low, max(0.0, high) if zero else high, about)

    def _path(self, x: Days, y: Scale) -> list[SafeString]:
        if not (self.baseline and self.goal):
            return []
        span = (self.goal[0] - self.baseline[0]).days
        # A rate of growth bends; a straight line needs its ends only.
        bends = 24 if self.compound else 1
        days = [self.baseline[0] + timedelta(days=span * nth // bends) for nth in range(bends + 1)]
        spots = [(x(at), y(required(self.baseline, self.goal, at, self.compound))) for at in days]
        return [polyline("c-path", spots)]

    def _line(self, x: Days, y: Scale) -> list[SafeString]:
        out: list[SafeString] = []
        # Points too near each other would be a caterpillar: then only the last one keeps its dot.
        spread = x(self.known[-1][0]) - x(self.known[0][0]) if self.known else 0.0
        roomy = spread >= 18 * (len(self.known) - 1)
        for run in _runs(self.points):
            if len(run) > 1:
                out.append(polyline("c-line", [(x(at), y(value)) for at, value in run]))
            for at, value in run:
                if roomy or len(run) == 1 or (at, value) == self.known[-1]:
                    hint = tag("title", f"{formats.day(at, 'short', self.lang)}: {self.show(value)}")
                    out.append(tag("circle", hint, css="c-dot", cx=x(at), cy=y(value), r=4.0))
        return out

    def _labels(self, x: Days, y: Scale, words: Labels, width: float) -> list[SafeString]:
        out: list[SafeString] = []
        if self.known:
            at, value = self.known[-1]
            # On the side of the line where the required path is not.
            below = (
                self.baseline is not None
                and self.goal is not None
                and y(required(self.baseline, self.goal, at, self.compound)) <= y(value)
            )
            anchor = "end" if x(at) > width * 0.6 else "start"
            out.append(
                words.place(x(at), y(value) + (20 if below else -10), self.show(value), "c-strong", anchor)
            )
        if self.goal:
            # At the beginning, for at its end the goal is met by the path; under its line where that is the top.
            first = min(
                at for at, _value in (*self.known, self.goal, *([self.baseline] if self.baseline else []))
            )
            text = _("goal %(value)s") % {"value": self.show(self.goal[1])}
            over = y(self.goal[1]) - 10
            if over - SIZE < words.top:
                over += 28
            anchor = "end" if x(first) > width * 0.5 else "start"
            out.append(words.place(x(first), over, text, "c-goal-text", anchor))
        if self.baseline:
            at, value = self.baseline
            text = _("baseline %(value)s") % {"value": self.show(value)}
            anchor = "end" if x(at) > width * 0.6 else "start"
            out.append(words.place(x(at) + 2, y(value) + 18, text, "", anchor))
        return out


def _runs(points: Sequence[Point]) -> list[list[Value]]:
    """The stretches of values between gaps."""
    runs: list[list[Value]] = [[]]
    for at, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((at, value))
    return [run for run in runs if run]


def sparkline(values: Sequence[float | None], *, title: str = "") -> SafeString:
    """The shape of some values in a line of text; None leaves a gap, one value alone is a dot."""
    width, height = 96.0, 24.0
    box: dict[str, Any] = {"css": "t-sparkline", "viewBox": f"0 0 {short(width)} {short(height)}"}
    box |= {"role": "img", "aria_label": title} if title else {"aria_hidden": "true"}
    known = [float(value) for value in values if value is not None]
    if not known:
        return tag("svg", **box)
    low, high = min(known), max(known)
    x = Scale(0, max(len(values) - 1, 1), 4, width - 4)
    y = Scale(low, high, height - 4, 4) if high > low else Scale(low - 1, low + 1, height - 4, 4)
    runs: list[list[tuple[float, float]]] = [[]]
    for nth, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((x(nth), y(float(value))))
    drawn = [run for run in runs if run]
    last_x, last_y = drawn[-1][-1]
    lines = [polyline("c-line", run) for run in drawn if len(run) > 1]
    return tag("svg", join([*lines, tag("circle", css="c-dot", cx=last_x, cy=last_y, r=3.0)]), **box)
