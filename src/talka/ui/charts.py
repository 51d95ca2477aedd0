"""Charts drawn by the server as plain SVG: they print, they need no script, and every mark can be a link.

A chart is a `Figure`: a title, one sentence that says what it shows, the drawing at two widths (a phone gets its own, so that
text is never shrunk below reading size), a legend, and the same numbers as a table. Marks carry classes, never styles: the
Content-Security-Policy forbids those, and the theme and the printer decide the colours. Labels are text, always escaped.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from talka.core.values import Period
from talka.ui import formats

WIDE, NARROW = 760.0, 360.0  # px of the viewBox; the narrow drawing is for screens under 640 px
SIZE = 12.0  # px of text, the same as .c-text in talka.css
LINE = 15.0  # px from one line of text to the next

Point = tuple[date, float | None]


# ---------------------------------------------------------------- drawing by hand


def _n(value: float) -> str:
    """A coordinate: two decimals are finer than any screen."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def _tag(name: str, content: Any = "", **attributes: Any) -> SafeString:
    """One element. `css` becomes class, underscores become hyphens, numbers are shortened, everything is escaped."""
    parts = [
        f' {"class" if key == "css" else key.replace("_", "-")}="{conditional_escape(_n(v) if isinstance(v, float) else v)}"'
        for key, v in attributes.items()
        if v is not None
    ]
    return mark_safe(f"<{name}{''.join(parts)}>{conditional_escape(content)}</{name}>")


def _join(parts: Iterable[Any]) -> SafeString:
    return mark_safe("".join(conditional_escape(part) for part in parts))


def _text(x: float, y: float, text: str, css: str = "c-text", anchor: str = "start") -> SafeString:
    return _tag("text", text, css=css, x=x, y=y, text_anchor=None if anchor == "start" else anchor)


def _lines(x: float, y: float, lines: Sequence[str], css: str = "c-text", anchor: str = "start") -> SafeString:
    spans = _join(_tag("tspan", line, x=x, dy=0.0 if nth == 0 else LINE) for nth, line in enumerate(lines))
    return _tag("text", spans, css=css, x=x, y=y, text_anchor=None if anchor == "start" else anchor)


def _polyline(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _link(url: str, content: SafeString) -> SafeString:
    return _tag("a", content, href=url, css="c-link") if url else content


# ---------------------------------------------------------------- text that fits


def text_width(text: str, size: float = SIZE) -> float:
    """About how wide a text is in px. An estimate over letter classes of the interface font, a little on the wide side."""
    total = 0.0
    for letter in unicodedata.normalize("NFD", text):
        if unicodedata.combining(letter):
            continue
        if letter in "iljtfrI.,:;|!'()[]-/ \u00a0\u202f":
            total += 0.34
        elif letter in "mwMW%@\u2013":
            total += 0.88
        elif letter.isupper() or letter.isdigit():
            total += 0.67
        else:
            total += 0.57
    return total * size


def wrap(text: str, width: float, size: float = SIZE, lines: int = 3) -> list[str]:
    """The text in at most `lines` lines no wider than `width` px; what does not fit ends in an ellipsis.

    A word longer than a line (Latvian has them) is broken with a hyphen rather than allowed over its neighbours.
    """
    done: list[str] = []
    line = ""
    queue = text.split()
    while queue:
        word = queue.pop(0)
        longer = f"{line} {word}" if line else word
        if text_width(longer, size) <= width:
            line = longer
        elif line:
            done.append(line)
            line = ""
            queue.insert(0, word)
        else:
            cut = max((n for n in range(1, len(word)) if text_width(f"{word[:n]}-", size) <= width), default=1)
            done.append(f"{word[:cut]}-")
            queue.insert(0, word[cut:])
    done += [line] if line else []
    if len(done) <= lines:
        return done or [""]
    last = done[lines - 1]
    while last and text_width(f"{last}…", size) > width:
        last = last[:-1].rstrip()
    return [*done[: lines - 1], f"{last.rstrip('-')}…"]


# ---------------------------------------------------------------- scales


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten) that cover low…high, about that many of them.

    >>> ticks(0, 34), ticks(12, 13)
    ([0.0, 10.0, 20.0, 30.0, 40.0], [12.0, 12.2, 12.4, 12.6, 12.8, 13.0])
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"a scale needs finite ends, not {low} and {high}")
    if low > high:
        low, high = high, low
    if low == high:
        # One value alone still deserves a scale around it.
        low, high = (min(0.0, low), max(0.0, high)) if low else (0.0, 1.0)
    rough = (high - low) / max(about - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(m for m in (1, 2, 5, 10) if rough <= m * power * 1.000001)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return [round(n * step, places) for n in range(first, last + 1)]


@dataclass(frozen=True)
class Scale:
    """A straight mapping of values low…high to pixels start…stop."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        if self.high == self.low:
            return self.start
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)


@dataclass(frozen=True)
class Days:
    """The same for days."""

    first: date
    last: date
    start: float
    stop: float

    def __call__(self, value: date) -> float:
        inner = Scale(self.first.toordinal(), self.last.toordinal(), self.start, self.stop)
        return inner(value.toordinal())


def date_ticks(first: date, last: date, room: float, lang: str | None = None) -> list[tuple[date, str]]:
    """Where a time axis is marked and with which words: years, quarters or months, whichever fit `room` px."""
    lang = formats.language(lang)
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    steps = (1, 3, 12, 24, 60, 120)
    widest = {1: 38.0, 3: 46.0}
    step = next((s for s in steps if months / s * widest.get(s, 40.0) <= room), 120)
    marks: list[tuple[date, str]] = []
    year, month = first.year, first.month
    while (day := date(year, month, 1)) <= last:
        if step >= 12:
            if month == 1 and (year % (step // 12) == 0):
                marks.append((day, str(year)))
        elif (month - 1) % step == 0 and day >= first:
            if month == 1 or not marks:
                marks.append((day, str(year) if month == 1 else _short(day, step, lang)))
            else:
                marks.append((day, _short(day, step, lang)))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return [(day, words) for day, words in marks if day >= first]


def _short(day: date, step: int, lang: str) -> str:
    if step == 1:
        return formats.MONTHS_SHORT[lang][day.month - 1]
    nth = (day.month - 1) // 3 + 1
    return f"{nth}.{formats.NBSP}cet." if lang == "lv" else f"Q{nth}"


# ---------------------------------------------------------------- the figure


@dataclass(frozen=True)
class Figure:
    """A chart ready for a page (`{{ figure }}`) or, through `svg` and `standalone`, for a document."""

    title: str
    desc: str
    draw: Callable[[float], tuple[SafeString, float]]  # width → (marks, height)
    head: tuple[str, ...] = ()  # of the table
    rows: tuple[tuple[Any, ...], ...] = ()
    legend: tuple[tuple[str, str], ...] = ()  # (class of the swatch, words)
    width: float = WIDE
    show_title: bool = True
    linked: bool = False

    def svg(self, width: float | None = None) -> SafeString:
        """The drawing alone. An image to assistive technology, unless it holds links, which an image would swallow."""
        width = width or self.width
        marks, height = self.draw(width)
        return _tag(
            "svg",
            _join([_tag("title", self.title), _tag("desc", self.desc) if self.desc else "", marks]),
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {_n(width)} {_n(height)}",
            role="group" if self.linked else "img",
        )

    def standalone(self, width: float | None = None) -> str:
        """The drawing for a document that has no stylesheet: the light theme as presentation attributes."""

        def dress(match: re.Match[str]) -> str:
            wanted = [PRINTED[name] for name in match[1].split() if name in PRINTED]
            merged = {key: value for attributes in wanted for key, value in attributes.items()}
            return match[0] + "".join(f' {key}="{value}"' for key, value in merged.items())

        return re.sub(r' class="([^"]*)"', dress, self.svg(width))

    def data(self) -> SafeString:
        """The same numbers as a table, folded away until somebody wants them."""
        return data_table(self.head, self.rows, caption=self.title) if self.rows else mark_safe("")

    def __str__(self) -> SafeString:
        legend = format_html_join(
            "",
            '<li><svg viewBox="0 0 12 12" aria-hidden="true">{}</svg>{}</li>',
            ((_swatch(css), words) for css, words in self.legend),
        )
        return format_html(
            '<figure class="t-chart">{}{}<div class="t-chart-wide">{}</div><div class="t-chart-narrow">{}</div>{}{}</figure>',
            format_html("<figcaption>{}</figcaption>", self.title) if self.show_title else mark_safe(""),
            format_html('<p class="t-chart-desc">{}</p>', self.desc) if self.desc and self.show_title else mark_safe(""),
            self.svg(self.width),
            self.svg(NARROW),
            format_html('<ul class="t-legend">{}</ul>', legend) if self.legend else mark_safe(""),
            self.data(),
        )

    __html__ = __str__


def _swatch(css: str) -> SafeString:
    if css in ("c-line", "c-path", "c-goal", "c-today"):
        return _tag("path", css=css, d="M0 6h12")
    box = _tag("rect", css=css.replace(" c-hatched", ""), x=0.5, y=0.5, width=11.0, height=11.0, rx=2.0)
    return _join([box, _hatch(0, 0, 12, 12)]) if "c-hatched" in css else box


def data_table(head: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> SafeString:
    """What a chart shows, for those who read rather than look. Cells after the first are numbers already printed."""
    cells = format_html_join(
        "",
        "<tr>{}</tr>",
        (
            (
                format_html_join(
                    "",
                    "{}",
                    (
                        (
                            format_html('<th scope="row">{}</th>', cell)
                            if n == 0
                            else format_html('<td class="num" data-label="{}">{}</td>', head[n], cell),
                        )
                        for n, cell in enumerate(row)
                    ),
                ),
            )
            for row in rows
        ),
    )
    return format_html(
        '<details class="t-chart-data"><summary>{}</summary><div class="t-table-wrap"><table class="table t-table t-stack">'
        '<caption class="visually-hidden">{}</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div></details>',
        _("The numbers as a table"),
        caption,
        format_html_join("", '<th scope="col"{}>{}</th>', ((mark_safe(' class="num"') if n else "", h) for n, h in enumerate(head))),
        cells,
    )


def _hatch(x: float, y: float, width: float, height: float) -> SafeString:
    """Slanting lines over a box: lateness must be seen on a black-and-white print too. Drawn, because patterns need ids."""
    strokes = []
    offset = -height + 4
    while offset < width:
        # A 45° line from the lower edge to the upper one, cut where it leaves the box.
        x0, x1 = max(offset, 0.0), min(offset + height, width)
        strokes.append(f"M{_n(x + x0)} {_n(y + height - (x0 - offset))}L{_n(x + x1)} {_n(y + height - (x1 - offset))}")
        offset += 6
    return _tag("path", css="c-hatch", d="".join(strokes))


# ---------------------------------------------------------------- values over time


@dataclass
class _Labels:
    """Words beside marks, moved up or down until none lies on another."""

    top: float
    bottom: float
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)

    def place(self, x: float, y: float, text: str, css: str, anchor: str) -> SafeString:
        width = text_width(text)
        left = x - (width if anchor == "end" else width / 2 if anchor == "middle" else 0)
        candidates = [y + shift for step in range(8) for shift in ({0.0} if step == 0 else (-step * LINE, step * LINE))]
        for candidate in candidates:
            box = (left, candidate - SIZE, left + width, candidate + 3)
            if self.top <= box[1] and box[3] <= self.bottom and not any(_overlap(box, other) for other in self.boxes):
                break
        else:
            box = (left, y - SIZE, left + width, y + 3)
            candidate = y
        self.boxes.append(box)
        return _text(x, candidate, text, css, anchor)


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def required(baseline: tuple[date, float], goal: tuple[date, float], at: date, compound: bool = False) -> float:
    """The value which the path from baseline to goal asks for on a day: along a straight line, or at a constant rate of
    growth (`compound`, only between two values above zero)."""
    (first, low), (last, high) = baseline, goal
    share = (at - first).days / max((last - first).days, 1)
    if compound and low > 0 and high > 0:
        return low * (high / low) ** share
    return low + (high - low) * share


def line_path(
    points: Sequence[Point],
    *,
    title: str,
    unit: str = "",
    desc: str = "",
    baseline: tuple[date, float] | None = None,
    goal: tuple[date, float] | None = None,
    today: date | None = None,
    compound: bool = False,
    zero: bool | None = None,
    lang: str | None = None,
    width: float = WIDE,
    show_title: bool = True,
) -> Figure:
    """The history of a value, the path it has to take from baseline to goal, the goal and today.

    A value of None breaks the line: nothing was counted, which is not zero. `zero` makes the scale start at zero (default:
    when that wastes less than half of the height).
    """
    lang = formats.language(lang)
    known = sorted((at, value) for at, value in points if value is not None)
    ends = [pair for pair in (baseline, goal) if pair]
    days = [at for at, _v in known] + [at for at, _v in ends] + ([today] if today else [])
    values = [value for _at, value in known] + [value for _at, value in ends]
    show = partial(formats.quantity, unit=unit, lang=lang)
    if not desc:
        desc = _describe(known, goal, show, lang)

    def draw(width: float) -> tuple[SafeString, float]:
        height = 300.0 if width > 500 else 240.0
        if not values:
            return _text(width / 2, 40, _("No values yet"), anchor="middle"), 80.0
        low, high = min(values), max(values)
        from_zero = zero if zero is not None else low >= 0 and (low <= high / 2)
        marks = ticks(min(0.0, low) if from_zero else low, max(0.0, high) if from_zero else high, 5 if width > 500 else 4)
        tick_words = [formats.compact(m, lang) if abs(m) >= 10000 else formats.number(m, None, lang) for m in marks]
        left = max(text_width(words) for words in tick_words) + 10
        right, top, bottom = width - 12, 30.0, height - 26
        first, last = min(days), max(days)
        if first == last:
            first, last = first - timedelta(days=182), last + timedelta(days=182)
        x = Days(first, last, left + 6, right - 6)
        y = Scale(marks[0], marks[-1], bottom, top)
        out: list[SafeString] = []
        for mark, words in zip(marks, tick_words, strict=True):
            out.append(_tag("path", css="c-grid", d=f"M{_n(left)} {_n(y(mark))}H{_n(right)}"))
            out.append(_text(left - 8, y(mark) + 4, words, anchor="end"))
        if unit:
            out.append(_text(0, 12, unit))
        for at, words in date_ticks(first, last, right - left, lang):
            out.append(_tag("path", css="c-axis", d=f"M{_n(x(at))} {_n(bottom)}v5"))
            half = text_width(words) / 2
            out.append(_text(min(max(x(at), half), width - half), height - 6, words, anchor="middle"))
        out.append(_tag("path", css="c-axis", d=f"M{_n(left)} {_n(bottom)}H{_n(right)}"))
        labels = _Labels(top - 14, bottom)
        if today and first <= today <= last:
            out.append(_tag("path", css="c-today", d=f"M{_n(x(today))} {_n(top - 8)}V{_n(bottom)}"))
            words = _("today")
            half = text_width(words) / 2 + 2
            out.append(_text(min(max(x(today), half), width - half), top - 14, words, anchor="middle"))
        if baseline and goal:
            span = (goal[0] - baseline[0]).days
            steps = 24 if compound else 1
            path = [
                (x(at), y(required(baseline, goal, at, compound)))
                for at in (baseline[0] + timedelta(days=span * n // steps) for n in range(steps + 1))
            ]
            out.append(_tag("path", css="c-path", d=_polyline(path)))
        if goal:
            out.append(_tag("path", css="c-goal", d=f"M{_n(left)} {_n(y(goal[1]))}H{_n(right)}"))
        for run in _runs(points):
            spots = [(x(at), y(value)) for at, value in run]
            if len(spots) > 1:
                out.append(_tag("path", css="c-line", d=_polyline(spots)))
            for (at, value), (cx, cy) in zip(run, spots, strict=True):
                hint = _tag("title", f"{formats.day(at, 'short', lang)}: {show(value)}")
                # Many points would be a caterpillar: then only the last one keeps its dot.
                if len(known) <= 24 or (at, value) == known[-1]:
                    out.append(_tag("circle", hint, css="c-dot", cx=cx, cy=cy, r=4.0))
        if goal:
            out.append(_tag("circle", css="c-goal-dot", cx=x(goal[0]), cy=y(goal[1]), r=4.5))
        if known:
            at, value = known[-1]
            anchor = "end" if x(at) > width * 0.6 else "start"
            # On the side of the line where the required path is not.
            below = bool(baseline and goal and y(required(baseline, goal, at, compound)) <= y(value))
            out.append(labels.place(x(at), y(value) + (20 if below else -10), show(value), "c-text c-strong c-halo", anchor))
        if goal:
            words = _("goal %(value)s") % {"value": show(goal[1])}
            anchor = "end" if x(goal[0]) > width * 0.5 else "start"
            out.append(labels.place(x(goal[0]) + (6 if anchor == "end" else -6), y(goal[1]) - 10, words, "c-text c-goal-text c-halo", anchor))
        if baseline:
            words = _("baseline %(value)s") % {"value": show(baseline[1])}
            out.append(labels.place(x(baseline[0]) + 2, y(baseline[1]) + 18, words, "c-text c-halo", "start"))
        return _join(out), height

    rows = [(formats.day(at, "short", lang), show(value)) for at, value in points]
    head = (_("Date"), _("Value"))
    if baseline and goal:
        head = (*head, _("Required"))
        rows = [(*row, show(required(baseline, goal, at, compound))) for row, (at, _v) in zip(rows, points, strict=True)]
    legend = [("c-line", _("value"))] if known else []
    if baseline and goal:
        legend.append(("c-path", _("path required")))
    if goal:
        legend.append(("c-goal", _("goal")))
    return Figure(title, desc, draw, head, tuple(rows), tuple(legend), width, show_title)


def _runs(points: Sequence[Point]) -> list[list[tuple[date, float]]]:
    """Stretches of values between gaps, each in order of time."""
    runs: list[list[tuple[date, float]]] = [[]]
    for at, value in sorted(points, key=lambda pair: pair[0]):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((at, value))
    return [run for run in runs if run]


def _describe(known: Sequence[tuple[date, float]], goal: tuple[date, float] | None, show: Callable[[float], str], lang: str) -> str:
    if not known:
        return ""
    at, value = known[-1]
    if not goal:
        return _("%(value)s on %(day)s") % {"value": show(value), "day": formats.day(at, "short", lang)}
    return _("%(value)s on %(day)s; the goal is %(goal)s by %(due)s") % {
        "value": show(value),
        "day": formats.day(at, "short", lang),
        "goal": show(goal[1]),
        "due": formats.day(goal[0], "short", lang),
    }


def sparkline(values: Sequence[float | None], *, title: str = "", width: float = 96, height: float = 24) -> SafeString:
    """The shape of some values in the height of a line of text; None leaves a gap. Fewer than two values draw a dot."""
    known = [v for v in values if v is not None]
    named = {"role": "img", "aria_label": title} if title else {"aria_hidden": "true"}
    box: dict[str, Any] = {"css": "t-sparkline", "viewBox": f"0 0 {_n(width)} {_n(height)}", **named}
    if not known:
        return _tag("svg", "", **box)
    x = Scale(0, max(len(values) - 1, 1), 3, width - 4)
    low, high = min(known), max(known)
    y = Scale(low, high, height - 4, 4) if high > low else Scale(low - 1, low + 1, height - 4, 4)
    runs: list[list[tuple[float, float]]] = [[]]
    for nth, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((x(nth), y(value)))
    runs = [run for run in runs if run]
    lines = [_tag("path", css="c-line", d=_polyline(run)) for run in runs if len(run) > 1]
    last_x, last_y = runs[-1][-1]
    return _tag("svg", _join([*lines, _tag("circle", css="c-dot", cx=last_x, cy=last_y, r=3.0)]), **box)


# ---------------------------------------------------------------- amounts side by side


@dataclass(frozen=True)
class Bar:
    """One row of `bars`: what it is called, how much, and maybe where it leads and what it means."""

    label: str
    value: float | None
    url: str = ""
    note: str = ""
    tone: str = ""


def bars(
    rows: Sequence[Bar | tuple[str, float | None]],
    *,
    title: str,
    unit: str = "",
    desc: str = "",
    goal: float | None = None,
    lang: str | None = None,
    width: float = WIDE,
    show_title: bool = True,
) -> Figure:
    """Amounts as horizontal bars from zero, in the order given, each with its value; `goal` is a line across all."""
    lang = formats.language(lang)
    bars_ = [row if isinstance(row, Bar) else Bar(*row) for row in rows]
    show = partial(formats.quantity, unit=unit, lang=lang)

    def draw(width: float) -> tuple[SafeString, float]:
        if not bars_:
            return _text(width / 2, 40, _("Nothing to show yet"), anchor="middle"), 80.0
        narrow = width < 500
        known = [bar.value for bar in bars_ if bar.value is not None] + ([goal] if goal is not None else [])
        low, high = min([0.0, *known]), max([0.0, *known])
        high = high if high > low else low + 1
        words = [f"{show(bar.value)}{f' · {bar.note}' if bar.note else ''}" for bar in bars_]
        label_width = width if narrow else min(width * 0.38, max(text_width(bar.label) for bar in bars_) + 6)
        left = 0.0 if narrow else label_width + 14
        right = width - min(width * 0.34, max(text_width(w) for w in words) + 10)
        x = Scale(low, high, left, right)
        out: list[SafeString] = []
        top = 18.0 if goal is not None else 0.0
        y = top
        for bar, said in zip(bars_, words, strict=True):
            lines = wrap(bar.label, label_width, lines=2 if narrow else 3)
            css = "c-text c-label"
            if narrow:
                label, box = _lines(0, y + 12, lines, css), y + len(lines) * LINE + 3
                step = len(lines) * LINE + 31
            else:
                step = max(32.0, len(lines) * LINE + 12)
                box = y + step / 2 - 9
                label = _lines(label_width, y + step / 2 + 4 - (len(lines) - 1) * LINE / 2, lines, css, "end")
            marks = [label]
            if bar.value is not None:
                start, stop = sorted((x(0), x(bar.value)))
                marks.append(_tag("rect", css=f"c-{bar.tone or 's1'}", x=start, y=box, width=max(stop - start, 1.5), height=18.0, rx=2.0))
            at = max(x(bar.value or 0), x(0))
            marks.append(_text(at + 7, box + 13.5, said, "c-text c-strong"))
            out.append(_link(bar.url, _join(marks)))
            y += step
        out.append(_tag("path", css="c-axis", d=f"M{_n(x(0))} {_n(top)}V{_n(y)}"))
        if goal is not None:
            out.append(_tag("path", css="c-goal", d=f"M{_n(x(goal))} {_n(top - 2)}V{_n(y)}"))
            said = _("goal %(value)s") % {"value": show(goal)}
            half = text_width(said) / 2
            out.append(_text(min(max(x(goal), half), width - half), 11, said, "c-text c-goal-text", "middle"))
        return _join(out), y + 2

    table = tuple((bar.label, f"{show(bar.value)}{f' · {bar.note}' if bar.note else ''}") for bar in bars_)
    return Figure(title, desc, draw, (_("What"), _("Value")), table, (), width, show_title, any(bar.url for bar in bars_))


def stacked(
    rows: Sequence[tuple[str, Sequence[float | None]]],
    series: Sequence[str | tuple[str, str]],
    *,
    title: str,
    unit: str = "",
    desc: str = "",
    share: bool = False,
    lang: str | None = None,
    width: float = WIDE,
    show_title: bool = True,
) -> Figure:
    """Parts of wholes as stacked horizontal bars. `series` names the parts, each a name or (name, tone); with `share` every
    bar is as long as the next and shows proportions. Values below zero cannot be stacked and are refused."""
    lang = formats.language(lang)
    names = [entry if isinstance(entry, str) else entry[0] for entry in series]
    tones = [f"s{n % 6 + 1}" if isinstance(entry, str) else entry[1] for n, entry in enumerate(series)]
    for label, parts in rows:
        if len(parts) != len(names):
            raise ValueError(f"{label!r} has {len(parts)} parts, the series name {len(names)}: {', '.join(names)}")
        if any(part is not None and part < 0 for part in parts):
            raise ValueError(f"{label!r} has a part below zero; parts of a whole are zero or more")
    show = partial(formats.quantity, unit=unit, lang=lang)
    totals = [sum(part or 0 for part in parts) for _label, parts in rows]

    def draw(width: float) -> tuple[SafeString, float]:
        if not rows:
            return _text(width / 2, 40, _("Nothing to show yet"), anchor="middle"), 80.0
        narrow = width < 500
        label_width = width if narrow else min(width * 0.38, max(text_width(label) for label, _p in rows) + 6)
        left = 0.0 if narrow else label_width + 14
        right = width - max(text_width(show(total)) for total in totals) - 10
        longest = max(totals) or 1
        out: list[SafeString] = []
        y = 0.0
        for (label, parts), total in zip(rows, totals, strict=True):
            lines = wrap(label, label_width, lines=2 if narrow else 3)
            if narrow:
                out.append(_lines(0, y + 12, lines, "c-text c-label"))
                box, step = y + len(lines) * LINE + 3, len(lines) * LINE + 35
            else:
                step = max(36.0, len(lines) * LINE + 12)
                box = y + step / 2 - 11
                out.append(_lines(label_width, y + step / 2 + 4 - (len(lines) - 1) * LINE / 2, lines, "c-text c-label", "end"))
            x = Scale(0, (total or 1) if share else longest, left, right)
            done = 0.0
            for part, tone, name in zip(parts, tones, names, strict=True):
                if not part:
                    continue
                start, stop = x(done), x(done + part)
                # A gap of one pixel keeps neighbours apart where colours are not seen.
                size = max(stop - start - 1, 0.75)
                hint = _tag("title", f"{label}. {name}: {show(part)}")
                out.append(_tag("rect", hint, css=f"c-{tone}", x=start, y=box, width=size, height=22.0))
                done += part
            out.append(_text(x(done) + 7, box + 15.5, show(total), "c-text c-strong"))
            y += step
        out.append(_tag("path", css="c-axis", d=f"M{_n(left)} 0V{_n(y)}"))
        return _join(out), y + 2

    table = tuple(
        (label, *(show(part) for part in parts), show(total)) for (label, parts), total in zip(rows, totals, strict=True)
    )
    legend = tuple((f"c-{tone}", name) for tone, name in zip(tones, names, strict=True))
    return Figure(title, desc, draw, (_("What"), *names, _("Total")), table, legend, width, show_title)


def progress(value: float | None, *, of: float = 1, label: str = "", tone: str = "") -> SafeString:
    """How much of a whole is done, with its percent beside it. None is not zero: the bar stays empty and says so."""
    share = None if value is None or not of else value / of
    done = 0.0 if share is None else min(max(share, 0.0), 1.0)
    said = formats.percent(share)
    bar = _tag(
        "svg",
        _join([
            _tag("rect", css="c-track", width=100, height=8),
            _tag("rect", css=f"c-{tone or 's1'}", width=done * 100, height=8) if done else "",
        ]),
        viewBox="0 0 100 8",
        preserveAspectRatio="none",
        role="progressbar",
        aria_valuemin=0,
        aria_valuemax=100,
        aria_valuenow=None if share is None else round(done * 100),
        aria_valuetext=said,
        aria_label=label or _("Progress"),
    )
    return format_html('<span class="t-progress">{}<span class="t-progress-value">{}</span></span>', bar, said)


def donut(parts: Sequence[tuple[str, float, str]], *, title: str, centre: str = "", unit: str = "", lang: str | None = None) -> SafeString:
    """Few parts of one whole as a ring, with a legend that carries the numbers. A part: (name, value, tone or "")."""
    show = partial(formats.quantity, unit=unit, lang=formats.language(lang))
    total = sum(value for _name, value, _tone in parts)
    radius = 42.0
    arcs: list[SafeString] = []
    done = 0.0
    for nth, (name, value, tone) in enumerate(parts):
        if value < 0:
            raise ValueError(f"{name!r} is below zero; parts of a whole are zero or more")
        if not value:
            continue
        arcs.append(_arc(done / total, (done + value) / total, radius, f"c-{tone or f's{nth % 6 + 1}'}"))
        done += value
    if not total:
        arcs.append(_arc(0, 1, radius, "c-track"))
    middle = _text(60, 65, centre, "c-text c-strong c-centre", "middle") if centre else ""
    words = "; ".join(f"{name}: {show(value)}" for name, value, _tone in parts)
    svg = _tag("svg", _join([_tag("title", title), _tag("desc", words), *arcs, middle]), viewBox="0 0 120 120", role="img")
    legend = format_html_join(
        "",
        '<li><svg viewBox="0 0 12 12" aria-hidden="true">{}</svg><span>{}</span> <b>{}</b></li>',
        ((_swatch(f"c-{tone or f's{nth % 6 + 1}'}"), name, show(value)) for nth, (name, value, tone) in enumerate(parts)),
    )
    return format_html('<div class="t-donut">{}<ul class="t-legend">{}</ul></div>', svg, legend)


def _arc(start: float, stop: float, radius: float, css: str) -> SafeString:
    """A slice of a ring between two shares of the circle, from twelve o'clock."""
    outer, inner, centre = radius + 11, radius - 7, 60.0
    if stop - start >= 0.99999:
        ring = "".join(f"M{_n(centre - r)} {_n(centre)}a{_n(r)} {_n(r)} 0 1 0 {_n(2 * r)} 0a{_n(r)} {_n(r)} 0 1 0 {_n(-2 * r)} 0Z" for r in (outer, inner))
        return _tag("path", css=css, d=ring, fill_rule="evenodd")

    def at(share: float, r: float) -> str:
        angle = 2 * math.pi * share
        return f"{_n(centre + r * math.sin(angle))} {_n(centre - r * math.cos(angle))}"

    # Half a unit of arc is left open as the gap between neighbours.
    gap = min(0.5 / radius / (2 * math.pi) * 2, (stop - start) / 3)
    start, stop = start + gap / 2, stop - gap / 2
    large = 1 if stop - start > 0.5 else 0
    path = (
        f"M{at(start, outer)}A{_n(outer)} {_n(outer)} 0 {large} 1 {at(stop, outer)}"
        f"L{at(stop, inner)}A{_n(inner)} {_n(inner)} 0 {large} 0 {at(start, inner)}Z"
    )
    return _tag("path", css=css, d=path)


# ---------------------------------------------------------------- a plan over time


@dataclass(frozen=True)
class Span:
    """One row of `gantt`.

    A deadline given as a whole year or quarter is a stretch of time, not its last day: `due` is its period (or first and
    last day) and is drawn as a window in which the row ends. A row with only `label` is a heading.
    """

    label: str
    start: date | None = None
    due: Period | tuple[date, date] | None = None
    due_text: str = ""
    url: str = ""
    tone: str = "neutral"
    state: str = ""
    late: bool = False

    @property
    def window(self) -> tuple[date, date] | None:
        """First and last day on which the row may end."""
        return (self.due.first, self.due.last) if isinstance(self.due, Period) else self.due

    @property
    def is_heading(self) -> bool:
        return not (self.start or self.due or self.state or self.late)

    def said(self, lang: str) -> str:
        """State and deadline in words."""
        return " · ".join(part for part in (self.state or (_("late") if self.late else ""), self.due_words(lang)) if part)

    def due_words(self, lang: str) -> str:
        """The deadline as it was given: a year stays a year."""
        if self.due_text or not self.window:
            return self.due_text
        return Period(*self.window).words(lang)


def gantt(
    rows: Sequence[Span],
    start: date,
    end: date,
    today: date | None = None,
    *,
    title: str,
    desc: str = "",
    lang: str | None = None,
    width: float = WIDE,
    show_title: bool = True,
) -> Figure:
    """A plan over time: one row each, years and quarters above, late rows hatched and named so in words."""
    if end <= start:
        raise ValueError(f"a plan must end after it starts; it starts {start} and ends {end}")
    lang = formats.language(lang)

    def draw(width: float) -> tuple[SafeString, float]:
        narrow = width < 500
        label_width = width - 4 if narrow else width * 0.4
        left, right = (0.0 if narrow else label_width + 16), width - 8
        x = Days(start, end, left, right)
        head = 26.0
        marks: list[SafeString] = []
        y = head
        for row in rows:
            if row.is_heading:
                lines = wrap(row.label, width - 4, lines=2)
                marks.append(_lines(0, y + 20, lines, "c-text c-strong c-halo"))
                y += len(lines) * LINE + 12
                continue
            # State and deadline stand under the name, where no bar can run through them.
            name = wrap(row.label, label_width, lines=2 if narrow else 3)
            said = wrap(row.said(lang), label_width, lines=2) if row.said(lang) else []
            words = len(name) + len(said)
            step = words * LINE + (36.0 if narrow else 13.0)
            box = y + words * LINE + 10 if narrow else y + step / 2 - 8
            label = [_lines(0, y + 18, name, "c-text c-label c-halo")]
            if said:
                late = " c-late" if row.late else ""
                label.append(_lines(0, y + 18 + len(name) * LINE, said, f"c-text c-halo{late}"))
            hint = _tag("title", f"{row.label}. {row.said(lang)}") if row.said(lang) else _tag("title", row.label)
            marks.append(_tag("path", css="c-grid", d=f"M0 {_n(y)}H{_n(width)}"))
            marks.append(_link(row.url, _tag("g", _join([hint, *label, *_bar(row, x, box, left, right)]))))
            y += step
        grid: list[SafeString] = []
        for at, words_ in date_ticks(start, end, right - left, lang):
            year = at.month == 1
            grid.append(_tag("path", css="c-grid", d=f"M{_n(x(at))} {_n(12.0 if year else head - 6)}V{_n(y)}"))
            if x(at) + text_width(words_) + 5 <= width:
                grid.append(_text(x(at) + 5, head - 8, words_, "c-text c-strong" if year else "c-text"))
        if today and start <= today <= end:
            said_today = _("today")
            half = text_width(said_today) / 2 + 2
            grid.append(_tag("path", css="c-today", d=f"M{_n(x(today))} {_n(head)}V{_n(y + 4)}"))
            grid.append(_text(min(max(x(today), left + half), right - half), y + 17, said_today, anchor="middle"))
        return _join([*grid, *marks]), y + 22

    shown = [row for row in rows if not row.is_heading]
    table = tuple(
        (row.label, formats.day(row.start, "short", lang), row.due_words(lang) or formats.NOTHING, row.state or (_("late") if row.late else formats.NOTHING))
        for row in shown
    )
    legend: list[tuple[str, str]] = []
    if any(row.window and row.window[0] != row.window[1] for row in shown):
        legend.append(("c-window c-neutral", _("due within this time")))
    if any(row.late for row in shown):
        legend.append(("c-bad c-hatched", _("late")))
    head = (_("What"), _("Start"), _("Deadline"), _("State"))
    return Figure(title, desc, draw, head, table, tuple(legend), width, show_title, any(row.url for row in rows))


def _bar(row: Span, x: Days, box: float, left: float, right: float) -> list[SafeString]:
    """The marks of one row: solid until the deadline can come, a window while it may come, a tick where it is one day."""
    height = 16.0
    out: list[SafeString] = []

    def clamp(value: float) -> float:
        return min(max(value, left), right)

    tone = "bad" if row.late else row.tone
    if not row.window:
        if row.start:
            # Begun, with no end agreed: a dashed line to the edge instead of a bar that pretends to an end.
            begins = clamp(x(row.start))
            out.append(_tag("path", css="c-path", d=f"M{_n(begins)} {_n(box + height / 2)}H{_n(right)}"))
            out.append(_tag("circle", css=f"c-{tone}", cx=begins + 4, cy=box + height / 2, r=4.0))
        return out
    # A window is closed by the end of its last day.
    opens, closes = clamp(x(row.window[0])), clamp(x(row.window[1] + timedelta(days=1)))
    begins = clamp(x(row.start)) if row.start else opens
    one_day = row.window[0] == row.window[1]
    solid = (opens if one_day else min(opens, closes)) - begins
    if solid > 0:
        out.append(_tag("rect", css=f"c-{tone}", x=begins, y=box, width=solid, height=height, rx=2.0))
        out += [_hatch(begins, box, solid, height)] if row.late else []
    if one_day:
        tip, middle = opens, height / 2
        d = f"M{_n(tip)} {_n(box - 2)}l6 {_n(middle + 2)}l-6 {_n(middle + 2)}l-6 {_n(-middle - 2)}Z"
        out.append(_tag("path", css=f"c-{tone}", d=d))
        return out
    opens = max(opens, begins)
    room = max(closes - opens, 3.0)
    out.append(_tag("rect", css=f"c-window c-{tone}", x=opens, y=box + 0.5, width=room, height=height - 1, rx=2.0))
    out += [_hatch(opens, box + 0.5, room, height - 1)] if row.late else []
    return out


# The light theme for documents without a stylesheet; the values are those of talka.css.
_INK, _INK2, _LINE, _LINE2 = "#1d2127", "#565c66", "#e5e3df", "#767b84"
PRINTED: dict[str, dict[str, str]] = {
    "c-text": {"fill": _INK2, "font-size": "12", "font-family": "Inter, Noto Sans, DejaVu Sans, sans-serif"},
    "c-strong": {"fill": _INK, "font-weight": "600"},
    "c-label": {"fill": _INK},
    "c-grid": {"stroke": _LINE, "fill": "none"},
    "c-axis": {"stroke": _LINE2, "fill": "none"},
    "c-line": {"stroke": "#9d2235", "stroke-width": "2.5", "fill": "none"},
    "c-dot": {"fill": "#9d2235"},
    "c-path": {"stroke": _LINE2, "stroke-width": "1.5", "stroke-dasharray": "5 4", "fill": "none"},
    "c-goal": {"stroke": "#1b6b42", "fill": "none"},
    "c-goal-text": {"fill": "#1b6b42", "font-weight": "600"},
    "c-goal-dot": {"fill": "#ffffff", "stroke": "#1b6b42", "stroke-width": "2"},
    "c-today": {"stroke": _INK2, "stroke-dasharray": "2 3", "fill": "none"},
    "c-hatch": {"stroke": "#ffffff", "stroke-width": "2", "fill": "none"},
    "c-track": {"fill": "#f1f0ed"},
    "c-s1": {"fill": "#9d2235"},
    "c-s2": {"fill": "#3f6587"},
    "c-s3": {"fill": "#c08a22"},
    "c-s4": {"fill": "#5a8a68"},
    "c-s5": {"fill": "#7d5a88"},
    "c-s6": {"fill": "#868b94"},
    "c-good": {"fill": "#1b6b42"},
    "c-warning": {"fill": "#805300"},
    "c-bad": {"fill": "#a83206"},
    "c-info": {"fill": "#2a5885"},
    "c-progress": {"fill": "#46519a"},
    "c-neutral": {"fill": "#868b94"},
    "c-window": {"fill-opacity": "0.3"},
}
