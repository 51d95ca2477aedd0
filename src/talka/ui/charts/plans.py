"""A plan over time. A deadline given as a year is a stretch of time, not its last day, and is drawn so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from talka.core.values import Period
from talka.ui import formats
from talka.ui.charts.drawing import (
    LINE,
    PHONE,
    Days,
    bar,
    date_ticks,
    hatch,
    inside,
    join,
    label,
    labels,
    link,
    path,
    tag,
    text_width,
    wrap,
)
from talka.ui.charts.figure import Figure

BAR = 16.0  # px of height
HEAD = 26.0  # px for the years above


@dataclass(frozen=True, slots=True)
class Span:
    """One row of `gantt`; with nothing but a label it is a heading.

    `due` is the period within which it is due: a day, a quarter, a year. `state` says in words how it
    stands; `late` hatches it and, when `state` is empty, says so.
    """

    label: str
    start: date | None = None
    due: Period | None = None
    url: str = ""
    tone: str = "neutral"
    state: str = ""
    late: bool = False
    due_text: str = ""

    @property
    def is_heading(self) -> bool:
        return not (self.start or self.due or self.state or self.late or self.due_text)

    def stands(self) -> str:
        """How it stands, in words."""
        return self.state or (pgettext("chart", "late") if self.late else "")

    def due_words(self, lang: str) -> str:
        """The deadline as it was given: a year stays a year."""
        return self.due_text or (self.due.words(lang) if self.due else "")

    def words(self, lang: str) -> str:
        return " · ".join(part for part in (self.stands(), self.due_words(lang)) if part)


def gantt(
    rows: Sequence[Span],
    start: date,
    end: date,
    today: date | None = None,
    *,
    title: str,
    desc: str = "",
    lang: str | None = None,
    show_title: bool = True,
) -> Figure:
    """A plan from `start` to `end`: a row each, years or quarters above, late rows hatched and named late
    in words.

    What begins before or ends after is cut at the edge. ValueError when `end` is not after `start`.
    """
    if end <= start:
        raise ValueError(f"a plan must end after it starts; this one starts {start} and ends {end}")
    lang = formats.language(lang)

    def draw(width: float) -> tuple[SafeString, float]:
        if not rows:
            return label(width / 2, 30, _("Nothing to show yet"), anchor="middle"), 60.0
        phone = width < PHONE
        column = width - 4 if phone else width * 0.4
        x = Days(start, end, 0.0 if phone else column + 16, width - 8)
        marks: list[SafeString] = []
        y = HEAD
        for row in rows:
            if row.is_heading:
                lines = wrap(row.label, width - 4, lines=2)
                marks.append(labels(0, y + 20, lines, "c-strong c-halo"))
                y += len(lines) * LINE + 12
                continue
            # State and deadline stand under the name, where no bar can run through them.
            said = row.words(lang)
            name = wrap(row.label, column, lines=2 if phone else 3)
            below = wrap(said, column, lines=2) if said else []
            block = (len(name) + len(below)) * LINE
            step = block + (36.0 if phone else 13.0)
            top = y + block + 10 if phone else y + (step - BAR) / 2
            marks.append(path("c-grid", "M", 0, y, "H", width))
            parts = [
                tag("title", f"{row.label}. {said}" if said else row.label),
                labels(0, y + 18, name, "c-label c-halo"),
                labels(0, y + 18 + len(name) * LINE, below, f"c-halo{' c-late' if row.late else ''}")
                if below
                else "",
                *_bar(row, x, top),
            ]
            marks.append(link(row.url, tag("g", join(parts))))
            y += step
        return join([*_calendar(x, y, width, today, lang), *marks]), y + 22

    shown = [row for row in rows if not row.is_heading]
    table = [
        (
            row.label,
            formats.day(row.start, "short", lang),
            row.due_words(lang) or formats.NOTHING,
            row.stands() or formats.NOTHING,
        )
        for row in shown
    ]
    legend: list[tuple[str, str]] = []
    if any(row.due and row.due.days > 1 for row in shown):
        legend.append(("c-window c-neutral", _("due within this time")))
    if any(row.late for row in shown):
        legend.append(("c-bad c-hatched", pgettext("chart", "late")))
    head = (
        pgettext("chart", "What"),
        pgettext("chart", "Start"),
        pgettext("chart", "Deadline"),
        pgettext("chart", "State"),
    )
    return Figure(title, desc, draw, head, table, legend, show_title, any(row.url for row in rows))


def _calendar(x: Days, bottom: float, width: float, today: date | None, lang: str) -> list[SafeString]:
    out: list[SafeString] = []
    for at, words in date_ticks(x.first, x.last, x.stop - x.start, lang):
        year = at.month == 1
        out.append(path("c-grid", "M", x(at), 12.0 if year else HEAD - 6, "V", bottom))
        if x(at) + 5 + text_width(words) <= width:
            out.append(label(x(at) + 5, HEAD - 8, words, "c-strong" if year else ""))
    if today and x.first <= today <= x.last:
        words = pgettext("chart", "today")
        out.append(path("c-today", "M", x(today), HEAD, "V", bottom + 4))
        out.append(label(inside(x(today), words, x.start, width), bottom + 18, words, anchor="middle"))
    return out


def _bar(row: Span, x: Days, top: float) -> list[SafeString]:
    """Solid until the deadline may come, a window while it may come, a diamond where it is one day."""

    def at(day: date) -> float:
        return min(max(x(day), x.start), x.stop)

    tone = "bad" if row.late else row.tone
    if not row.due:
        if not row.start:
            return []
        # Begun, with no end agreed: a dashed line to the edge instead of a bar that pretends to an end.
        begins, middle = at(row.start), top + BAR / 2
        return [
            path("c-path", "M", begins, middle, "H", x.stop),
            tag("circle", css=f"c-{tone}", cx=begins + 4, cy=middle, r=4.0),
        ]
    # A window is open to the end of its last day.
    opens, closes = at(row.due.first), at(row.due.last + timedelta(days=1))
    begins = min(at(row.start), closes) if row.start else opens
    out: list[SafeString] = []
    if opens > begins:
        out.append(bar(f"c-{tone}", begins, top, opens - begins, BAR))
        out += [hatch(begins, top, opens - begins, BAR)] if row.late else []
    if row.due.days == 1:
        half = BAR / 2 + 2
        out.append(path(f"c-{tone}", "M", opens, top - 2, "l", 6, half, "l", -6, half, "l", -6, -half, "Z"))
        return out
    opens = max(opens, begins)
    room = max(closes - opens, 3.0)
    out.append(
        tag("rect", css=f"c-window c-{tone}", x=opens, y=top + 0.5, width=room, height=BAR - 1, rx=2.0)
    )
    out += [hatch(opens, top + 0.5, room, BAR - 1)] if row.late else []
    return out
