"""The frame around a drawing: its title, what it says in a sentence, its legend, and the same numbers as a
table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from talka.ui.charts.drawing import MIDDLE, NARROW, WIDE, hatch, join, short, tag

EMPTY = mark_safe("")


@dataclass(frozen=True)
class Figure:
    """A chart ready for a page, `{{ figure }}`, or, through `svg` and `standalone`, for a document."""

    title: str
    desc: str
    draw: Callable[[float], tuple[SafeString, float]]  # px of width → marks, px of height
    head: Sequence[str] = ()  # of the table
    rows: Sequence[Sequence[Any]] = ()
    legend: Sequence[tuple[str, str]] = ()  # class of the swatch, its words
    show_title: bool = (
        True  # False where the heading above says it already; screen readers hear it all the same
    )
    linked: bool = False

    def svg(self, width: float = MIDDLE) -> SafeString:
        """The drawing alone: an image to assistive technology, unless links are in it, which an image would
        swallow.
        """
        marks, height = self.draw(width)
        return tag(
            "svg",
            join([tag("title", self.title), tag("desc", self.desc) if self.desc else EMPTY, marks]),
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {short(width)} {short(height)}",
            role="group" if self.linked else "img",
        )

    def standalone(self, width: float = MIDDLE) -> str:
        """The drawing for a document that has no stylesheet, in the colours of the light theme."""

        def dress(match: re.Match[str]) -> str:
            look: dict[str, str] = {}
            for name in match[1].split():
                look |= PRINTED.get(name, {})
            return match[0] + "".join(f' {key}="{value}"' for key, value in look.items())

        # Text is escaped, so a quotation mark after class= is always ours.
        return re.sub(r' class="([^"]*)"', dress, self.svg(width))

    def data(self) -> SafeString:
        """The numbers as a table, folded away until somebody wants them."""
        return data_table(self.head, self.rows, caption=self.title) if self.rows else EMPTY

    def __str__(self) -> SafeString:
        legend = format_html_join(
            "",
            '<li><svg viewBox="0 0 12 12" aria-hidden="true">{}</svg>{}</li>',
            ((swatch(css), words) for css, words in self.legend),
        )
        return format_html(
            '<figure class="t-chart">{}{}<div class="t-chart-narrow">{}</div>'
            '<div class="t-chart-middle">{}</div><div class="t-chart-wide">{}</div>{}{}</figure>',
            format_html("<figcaption>{}</figcaption>", self.title) if self.show_title else EMPTY,
            format_html('<p class="t-chart-desc">{}</p>', self.desc)
            if self.desc and self.show_title
            else EMPTY,
            self.svg(NARROW),
            self.svg(MIDDLE),
            self.svg(WIDE),
            format_html('<ul class="t-legend">{}</ul>', legend) if legend else EMPTY,
            self.data(),
        )

    __html__ = __str__


def swatch(css: str) -> SafeString:
    """The sample of a mark in a legend."""
    if css in ("c-line", "c-path", "c-goal"):
        return tag("path", css=css, d="M0 6h12")
    box = tag("rect", css=css, x=0.5, y=0.5, width=11.0, height=11.0, rx=2.0)
    return join([box, hatch(0, 0, 12, 12)]) if "c-hatched" in css else box


def data_table(head: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> SafeString:
    """What a chart shows, for those who read rather than look. The first cell names the row, the rest are
    printed numbers.
    """
    body = format_html_join(
        "",
        '<tr><th scope="row">{}</th>{}</tr>',
        (
            (
                row[0],
                format_html_join(
                    "", '<td class="num" data-label="{}">{}</td>', zip(head[1:], row[1:], strict=True)
                ),
            )
            for row in rows
        ),
    )
    return format_html(
        '<details class="t-chart-data"><summary>{}</summary>'
        '<div class="t-table-wrap"><table class="table t-table t-stack">'
        '<caption class="visually-hidden">{}</caption>'
        '<thead><tr><th scope="col">{}</th>{}</tr></thead>'
        "<tbody>{}</tbody></table></div></details>",
        _("The numbers as a table"),
        caption,
        head[0],
        format_html_join("", '<th scope="col" class="num">{}</th>', ((name,) for name in head[1:])),
        body,
    )


# What the light theme in talka.css gives each class, for documents without a stylesheet.
PRINTED: dict[str, dict[str, str]] = {
    "c-text": {
        "fill": "#565c66",
        "font-size": "12.5",
        "font-family": "Inter, Noto Sans, DejaVu Sans, sans-serif",
    },
    "c-strong": {"fill": "#1d2127", "font-weight": "600"},
    "c-label": {"fill": "#1d2127"},
    "c-late": {"fill": "#a83206", "font-weight": "600"},
    "c-grid": {"stroke": "#e5e3df", "fill": "none"},
    "c-axis": {"stroke": "#767b84", "fill": "none"},
    "c-line": {"stroke": "#9d2235", "stroke-width": "2.5", "fill": "none"},
    "c-dot": {"fill": "#9d2235", "stroke": "#ffffff", "stroke-width": "1.5"},
    "c-path": {"stroke": "#767b84", "stroke-width": "1.5", "stroke-dasharray": "5 4", "fill": "none"},
    "c-goal": {"stroke": "#1b6b42", "fill": "none"},
    "c-gap": {"stroke": "#ffffff", "stroke-width": "5", "fill": "none"},
    "c-goal-text": {"fill": "#1b6b42", "font-weight": "600"},
    "c-goal-dot": {"fill": "#ffffff", "stroke": "#1b6b42", "stroke-width": "2"},
    "c-today": {"stroke": "#565c66", "stroke-dasharray": "2 3", "fill": "none"},
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
    "c-window": {"fill-opacity": "0.25", "stroke": "#767b84"},
}
