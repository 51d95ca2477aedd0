"""Amounts side by side, parts of wholes, and how much of the way is done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from talka.ui import formats
from talka.ui.charts.drawing import (
    LINE,
    PHONE,
    Scale,
    bar,
    inside,
    join,
    label,
    labels,
    link,
    path,
    short,
    tag,
    text_width,
    wrap,
)
from talka.ui.charts.figure import Figure, swatch

BAR = 18.0  # px of height


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of `bars`: what it is called, how much, and maybe where it leads and what it means."""

    label: str
    value: float | None
    url: str = ""
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """Where a row's name and bar stand: the name beside the bar, or above it on a phone."""

    name: SafeString
    top: float  # of the bar
    end: float  # of the row


@dataclass(frozen=True, slots=True)
class _Column:
    """The names of all rows, and the room they leave for bars."""

    names: Sequence[str]
    width: float

    @property
    def phone(self) -> bool:
        return self.width < PHONE

    @property
    def size(self) -> float:
        return self.width if self.phone else min(self.width * 0.38, max(map(text_width, self.names)) + 6)

    @property
    def left(self) -> float:
        return 0.0 if self.phone else self.size + 14

    def row(self, name: str, y: float) -> _Row:
        lines = wrap(name, self.size, lines=2 if self.phone else 3)
        block = len(lines) * LINE
        if self.phone:
            top = y + block + 3
            return _Row(labels(0, y + 12, lines, "c-label"), top, top + BAR + 12)
        step = max(BAR + 14, block + 12)
        first = y + step / 2 + 4 - (len(lines) - 1) * LINE / 2
        return _Row(labels(self.size, first, lines, "c-label", "end"), y + (step - BAR) / 2, y + step)


def bars(
    rows: Sequence[Bar | tuple[str, float | None]],
    *,
    title: str,
    unit: str = "",
    desc: str = "",
    goal: float | None = None,
    lang: str | None = None,
    show_title: bool = True,
) -> Figure:
    """Amounts as horizontal bars from zero, in the order given, each with its value; `goal` is marked on
    every row.
    """
    lang = formats.language(lang)
    given = [row if isinstance(row, Bar) else Bar(*row) for row in rows]
    show = partial(formats.quantity, unit=unit, lang=lang)
    said = [f"{show(row.value)} · {row.note}" if row.note else show(row.value) for row in given]

    def draw(width: float) -> tuple[SafeString, float]:
        if not given:
            return label(width / 2, 30, _("Nothing to show yet"), anchor="middle"), 60.0
        column = _Column([row.label for row in given], width)
        amounts = [0.0] + [float(row.value) for row in given if row.value is not None]
        amounts += [float(goal)] if goal is not None else []
        low, high = min(amounts), max(amounts)
        right = width - min(width * 0.34, max(map(text_width, said)) + 12)
        x = Scale(low, high if high > low else low + 1, column.left, right)
        out: list[SafeString] = []
        top = y = 18.0 if goal is not None else 0.0
        for row, words in zip(given, said, strict=True):
            place = column.row(row.label, y)
            value = float(row.value or 0)
            start, stop = sorted((x(0), x(value)))
            drawn = bar(f"c-{row.tone or 's1'}", start, place.top, stop - start, BAR) if row.value else ""
            words_ = label(max(stop, x(0)) + 7, place.top + 13.5, words, "c-strong")
            out.append(link(row.url, tag("g", join([place.name, drawn, words_]))))
            if goal is not None:
                # On each bar, not across the names; a gap parts it from the bar's colour.
                out += [path(css, "M", x(goal), place.top - 4, "v", BAR + 8) for css in ("c-gap", "c-goal")]
            y = place.end
        if not column.phone:
            out.append(path("c-axis", "M", x(0), top, "V", y))
        if goal is not None:
            words = _("goal %(value)s") % {"value": show(goal)}
            out.append(label(inside(x(goal), words, 0, width), 11, words, "c-goal-text", "middle"))
        return join(out), y + 2

    table = [(row.label, words) for row, words in zip(given, said, strict=True)]
    return Figure(
        title,
        desc,
        draw,
        (pgettext("chart", "What"), pgettext("chart", "Value")),
        table,
        (),
        show_title,
        any(row.url for row in given),
    )


def stacked(
    rows: Sequence[tuple[str, Sequence[float | None]]],
    series: Sequence[str | tuple[str, str]],
    *,
    title: str,
    unit: str = "",
    desc: str = "",
    share: bool = False,
    lang: str | None = None,
    show_title: bool = True,
) -> Figure:
    """Parts of wholes as stacked horizontal bars.

    `series` names the parts, each a name or (name, tone). With `share` every bar is as long as the next and
    shows proportions. A part below zero cannot be stacked: ValueError, as when a row has not one part per
    name.
    """
    lang = formats.language(lang)
    names = [entry if isinstance(entry, str) else entry[0] for entry in series]
    tones = [f"s{nth % 6 + 1}" if isinstance(entry, str) else entry[1] for nth, entry in enumerate(series)]
    show = partial(formats.quantity, unit=unit, lang=lang)
    wholes: list[float] = []
    for name, parts in rows:
        if len(parts) != len(names):
            raise ValueError(
                f"{name!r} has {len(parts)} parts; the series name {len(names)}: {', '.join(names)}"
            )
        wholes.append(
            sum(_part(f"{name}, {part_name}", part) for part_name, part in zip(names, parts, strict=True))
        )

    def draw(width: float) -> tuple[SafeString, float]:
        if not rows:
            return label(width / 2, 30, _("Nothing to show yet"), anchor="middle"), 60.0
        column = _Column([name for name, _parts in rows], width)
        right = width - max(text_width(show(whole)) for whole in wholes) - 12
        out: list[SafeString] = []
        y = 0.0
        for (name, parts), whole in zip(rows, wholes, strict=True):
            place = column.row(name, y)
            out.append(place.name)
            x = Scale(0, (whole if share else max(wholes)) or 1, column.left, right)
            done = 0.0
            for part, part_name, tone in zip(parts, names, tones, strict=True):
                if not part:
                    continue
                start, done = x(done), done + float(part)
                hint = tag("title", f"{name}. {part_name}: {show(part)}")
                # A gap of one pixel keeps neighbours apart where colours are not seen.
                size = max(x(done) - start - 1, 0.75)
                out.append(tag("rect", hint, css=f"c-{tone}", x=start, y=place.top, width=size, height=BAR))
            out.append(label(x(done) + 7, place.top + 13.5, show(whole), "c-strong"))
            y = place.end
        if not column.phone:
            out.append(path("c-axis", "M", column.left, 0, "V", y))
        return join(out), y + 2

    table = [
        (name, *map(show, parts), show(whole)) for (name, parts), whole in zip(rows, wholes, strict=True)
    ]
    legend = [(f"c-{tone}", name) for tone, name in zip(tones, names, strict=True)]
    return Figure(
        title,
        desc,
        draw,
        (pgettext("chart", "What"), *names, pgettext("chart", "Total")),
        table,
        legend,
        show_title,
    )


def _part(name: str, value: float | None) -> float:
    """A part of a whole: zero or more."""
    if value is not None and value < 0:
        raise ValueError(f"{name!r} is {value}; parts of a whole are zero or more")
    return float(value or 0)


def progress(value: float | None, *, of: float = 1, label: str = "", tone: str = "") -> SafeString:
    """How much of a whole is done, with its percent beside it. None is not zero: the bar is empty and an en
    dash says so.
    """
    share = None if value is None or not of else float(value) / float(of)
    done = min(max(share or 0.0, 0.0), 1.0) * 100
    said = formats.percent(share)
    drawing = tag(
        "svg",
        join(
            [
                tag("rect", css="c-track", width=100, height=8),
                tag("rect", css=f"c-{tone or 's1'}", width=done, height=8) if done else "",
            ]
        ),
        viewBox="0 0 100 8",
        preserveAspectRatio="none",
        role="progressbar",
        aria_valuemin=0,
        aria_valuemax=100,
        aria_valuenow=None if share is None else round(done),
        aria_valuetext=said,
        aria_label=label or _("Progress"),
    )
    return format_html(
        '<span class="t-progress">{}<span class="t-progress-value">{}</span></span>', drawing, said
    )


def donut(
    parts: Sequence[tuple[str, float, str]],
    *,
    title: str,
    centre: str = "",
    unit: str = "",
    lang: str | None = None,
) -> SafeString:
    """Few parts of one whole as a ring, with a legend that carries the numbers. A part: (name, value, tone
    or "").
    """
    show = partial(formats.quantity, unit=unit, lang=formats.language(lang))
    looks = [f"c-{tone or f's{nth % 6 + 1}'}" for nth, (_name, _value, tone) in enumerate(parts)]
    total = sum(_part(name, value) for name, value, _tone in parts)
    arcs: list[SafeString] = []
    done = 0.0
    for (_name, value, _tone), css in zip(parts, looks, strict=True):
        if value:
            arcs.append(_arc(css, done / total, (done + value) / total))
            done += value
    words = "; ".join(f"{name}: {show(value)}" for name, value, _tone in parts)
    drawing = tag(
        "svg",
        join(
            [
                tag("title", title),
                tag("desc", words),
                *(arcs or [_arc("c-track", 0, 1)]),
                tag("text", centre, css="c-text c-strong", x=60, y=65, text_anchor="middle")
                if centre
                else "",
            ]
        ),
        viewBox="0 0 120 120",
        role="img",
    )
    legend = format_html_join(
        "",
        '<li><svg viewBox="0 0 12 12" aria-hidden="true">{}</svg><span>{}</span> <b>{}</b></li>',
        ((swatch(css), name, show(value)) for (name, value, _tone), css in zip(parts, looks, strict=True)),
    )
    return format_html(
        '<div class="t-donut">{}<ul class="t-legend">{}</ul></div>', drawing, mark_safe(legend)
    )


def _arc(css: str, start: float, stop: float, *, outer: float = 53.0, inner: float = 35.0) -> SafeString:
    """A slice of a ring around (60, 60), between two shares of the circle, clockwise from the top."""
    if stop - start > 0.99999:
        ring = "".join(
            f"M{short(60 - r)} 60a{short(r)} {short(r)} 0 1 0 {short(2 * r)} 0"
            f"a{short(r)} {short(r)} 0 1 0 {short(-2 * r)} 0Z"
            for r in (outer, inner)
        )
        return tag("path", css=css, d=ring, fill_rule="evenodd")
    # A hair of the arc is left open, so that neighbours part where colours are not seen.
    gap = min(0.002, (stop - start) / 6)

    def at(share: float, r: float) -> str:
        angle = 2 * math.pi * share
        return f"{short(60 + r * math.sin(angle))} {short(60 - r * math.cos(angle))}"

    start, stop = start + gap, stop - gap
    large = 1 if stop - start > 0.5 else 0
    return tag(
        "path",
        css=css,
        d=f"M{at(start, outer)}A{short(outer)} {short(outer)} 0 {large} 1 {at(stop, outer)}"
        f"L{at(stop, inner)}A{short(inner)} {short(inner)} 0 {large} 0 {at(start, inner)}Z",
    )
