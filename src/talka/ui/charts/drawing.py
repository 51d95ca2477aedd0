"""Marks, text that fits, and scales: what every chart draws with.

There is no browser to ask how wide a word is, so widths are estimated, a little too wide; and no ids, so
that a page may show the same chart twice.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from html import escape
from typing import Any

from django.utils.safestring import SafeString

from talka.ui import formats

# px of the viewBox; talka.css shows the drawing that fits the room there is, by container query.
NARROW, MIDDLE, WIDE = 360.0, 660.0, 980.0
SIZE = 12.5  # px of text, the same as .c-text in talka.css
LINE = 16.0  # px from one line of text to the next
PHONE = 500.0  # px: a drawing narrower than this puts labels above marks instead of beside them

Box = tuple[float, float, float, float]  # left, top, right, bottom


# --- marks ------------------------------------------------------------------------------------------------


def short(value: float) -> str:
    """A coordinate; two decimals are finer than any screen."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def escaped(value: Any) -> str:
    """A value as markup: safe text as it is, a number short, anything else escaped.

    Django's own conditional_escape does the same, four times slower; a plan of seventeen rows has two thousand values.
    """
    if isinstance(value, SafeString):
        return value
    return short(value) if isinstance(value, float) else escape(str(value))


def tag(name: str, content: Any = "", **attributes: Any) -> SafeString:
    """One element. `css` is its class, underscores stand for hyphens, None is left out, all is escaped."""
    parts = "".join(
        f' {"class" if key == "css" else key.replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return SafeString(f"<{name}{parts}>{escaped(content)}</{name}>")


def join(parts: Iterable[Any]) -> SafeString:
    """The parts one after another, each escaped unless it is markup already."""
    return SafeString("".join(map(escaped, parts)))


def path(css: str, *steps: str | float) -> SafeString:
    """A path from letters and numbers: path("c-grid", "M", 0, y, "H", width)."""
    return tag("path", css=css, d=" ".join(s if isinstance(s, str) else short(s) for s in steps))


def polyline(css: str, points: Sequence[tuple[float, float]]) -> SafeString:
    """A line through points."""
    return tag("path", css=css, d="M" + "L".join(f"{short(x)} {short(y)}" for x, y in points))


def label(x: float, y: float, text: str, css: str = "", anchor: str = "start") -> SafeString:
    """One line of text. `y` is its baseline; `anchor` says which end of it stands at `x`."""
    return tag(
        "text",
        text,
        css=f"c-text {css}".rstrip(),
        x=x,
        y=y,
        text_anchor=None if anchor == "start" else anchor,
    )


def labels(x: float, y: float, lines: Sequence[str], css: str = "", anchor: str = "start") -> SafeString:
    """Several lines of text, the first one's baseline at `y`."""
    spans = join(tag("tspan", line, x=x, dy=LINE if nth else None) for nth, line in enumerate(lines))
    return tag(
        "text",
        spans,
        css=f"c-text {css}".rstrip(),
        x=x,
        y=y,
        text_anchor=None if anchor == "start" else anchor,
    )


def bar(css: str, x: float, y: float, width: float, height: float) -> SafeString:
    """A filled box; an amount above zero is never too thin to see."""
    return tag("rect", css=css, x=x, y=y, width=max(width, 1.0), height=height, rx=2.0)


def hatch(x: float, y: float, width: float, height: float) -> SafeString:
    """Slanting lines over a box, so that a state is seen on a black-and-white print too."""
    strokes = []
    offset = 4 - height
    while offset < width:
        # A 45° line from the lower edge to the upper one, cut where it leaves the box.
        start, stop = max(offset, 0.0), min(offset + height, width)
        low, high = y + height - (start - offset), y + height - (stop - offset)
        strokes.append(f"M{short(x + start)} {short(low)}L{short(x + stop)} {short(high)}")
        offset += 6
    return tag("path", css="c-hatch", d="".join(strokes))


def link(url: str, content: SafeString) -> SafeString:
    """The content as a link, or as it is when there is nowhere to go."""
    return tag("a", content, href=url, css="c-link") if url else content


def inside(x: float, text: str, left: float, right: float) -> float:
    """Where the middle of a text must stand to be near `x` and wholly between left and right."""
    half = text_width(text) / 2
    return min(max(x, left + half), right - half)


# --- text that fits ---------------------------------------------------------------------------------------


def text_width(text: str, size: float = SIZE) -> float:
    """About how wide a text is in px: an estimate over classes of letters of the interface font."""
    return sum(map(_letter_width, text)) * size


@cache
def _letter_width(letter: str) -> float:
    """The share of the text size that a letter takes; its diacritics take none."""
    letter = unicodedata.normalize("NFD", letter)[0]
    if unicodedata.combining(letter):
        return 0.0
    if letter in "iljtfrI.,:;|!'()[]-/ \u00a0\u202f":
        return 0.34
    if letter in "mwMW%@\u2013":
        return 0.88
    return 0.67 if letter.isupper() or letter.isdigit() else 0.57


def wrap(text: str, width: float, lines: int = 3) -> list[str]:
    """The text in at most `lines` lines no wider than `width` px; what does not fit ends in an ellipsis.

    A word longer than a line (Latvian has them) is broken with a hyphen rather than let over its neighbours.
    """
    done: list[str] = []
    line = ""
    queue = text.split()
    while queue:
        word = queue.pop(0)
        longer = f"{line} {word}" if line else word
        if text_width(longer) <= width:
            line = longer
        elif line:
            done.append(line)
            line = ""
            queue.insert(0, word)
        elif len(word) == 1:
            done.append(word)
        else:
            cut = max((n for n in range(1, len(word)) if text_width(f"{word[:n]}-") <= width), default=1)
            done.append(f"{word[:cut]}-")
            queue.insert(0, word[cut:])
    done += [line] if line else []
    if len(done) <= lines:
        return done or [""]
    last = done[lines - 1]
    while last and text_width(f"{last}…") > width:
        last = last[:-1].rstrip()
    return [*done[: lines - 1], f"{last.rstrip('-')}…"]


@dataclass
class Labels:
    """Words beside marks, moved up or down until none lies on another; who comes first stays put."""

    top: float
    bottom: float
    taken: list[Box] = field(default_factory=list)

    def place(self, x: float, y: float, text: str, css: str, anchor: str) -> SafeString:
        width = text_width(text)
        left = x - (width if anchor == "end" else width / 2 if anchor == "middle" else 0)
        wished = [y] + [y + sign * step * LINE for step in range(1, 8) for sign in (-1, 1)]
        for baseline in wished:
            box = (left, baseline - SIZE, left + width, baseline + 3)
            if self.top <= box[1] and box[3] <= self.bottom and not any(_overlap(box, t) for t in self.taken):
                break
        else:
            baseline, box = y, (left, y - SIZE, left + width, y + 3)
        self.taken.append(box)
        return label(x, baseline, text, f"{css} c-halo", anchor)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


# --- scales -----------------------------------------------------------------------------------------------


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten) that cover low…high, about that many of them.

    >>> ticks(0, 34), ticks(12, 13)
    ([0.0, 10.0, 20.0, 30.0, 40.0], [12.0, 12.5, 13.0])
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"a scale needs two finite ends, not {low} and {high}")
    low, high = min(low, high), max(low, high)
    if low == high:
        # One value alone still deserves a scale around it.
        low, high = (min(0.0, low), max(0.0, high)) if low else (0.0, 1.0)
    rough = (high - low) / max(about - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(m for m in (1, 2, 5, 10) if rough <= m * power * (1 + 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return [round(n * step, places) for n in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Scale:
    """Values low…high to pixels start…stop, along a straight line."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        if self.high == self.low:
            return self.start
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)


@dataclass(frozen=True, slots=True)
class Days:
    """Days first…last to pixels start…stop."""

    first: date
    last: date
    start: float
    stop: float

    def __call__(self, day: date) -> float:
        return Scale(self.first.toordinal(), self.last.toordinal(), self.start, self.stop)(day.toordinal())


# Months between marks of a time axis, and px that a mark's words need.
_STEPS = ((1, 40.0), (3, 50.0), (12, 42.0), (24, 42.0), (60, 42.0), (120, 42.0))


def date_ticks(first: date, last: date, room: float, lang: str) -> list[tuple[date, str]]:
    """Where a time axis is marked, and with which words: months, quarters or years, the finest that fit
    `room` px.
    """
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    step = next((months_ for months_, px in _STEPS if months / months_ * px <= room), _STEPS[-1][0])
    marks = []
    for nth in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        day = date(nth // 12, nth % 12 + 1, 1)
        if nth % step == 0 and day >= first:
            marks.append((day, str(day.year) if day.month == 1 else _part_of_year(day, step, lang)))
    return marks


def _part_of_year(day: date, step: int, lang: str) -> str:
    if step == 1:
        return formats.MONTHS_SHORT[lang][day.month - 1]
    quarter = (day.month - 1) // 3 + 1
    return f"{quarter}.{formats.NBSP}cet." if lang == "lv" else f"Q{quarter}"
