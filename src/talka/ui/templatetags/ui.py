"""What templates may use of this room: `{% load ui %}`, or nothing at all, since the settings load it for
every template.

The list is the table of contents; what each part takes stands in its docstring, with a right and a wrong
example.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django import template

from talka.ui import charts, formats
from talka.ui.parts import base, boxes, changes, forms, heads, rows

register = template.Library()

Part = Callable[..., Any]

# {% name … %} prints one thing.
ONE: list[Part] = [
    base.icon,
    base.time,
    heads.breadcrumbs,
    heads.tabs,
    boxes.tile,
    boxes.badge,
    boxes.empty_state,
    rows.tree,
    changes.timeline,
    changes.history,
    changes.diff_table,
    forms.field,
    forms.fields,
    forms.form_errors,
]
ONE_OF_THE_PAGE: list[Part] = [rows.th, rows.pager, rows.url_with]  # these read the page's query

# {% name … %}content{% endname %} stands around its content.
AROUND: list[Part] = [
    heads.page_head,
    heads.answer,
    boxes.card,
    boxes.tiles,
    boxes.notice,
    boxes.menu,
    rows.table,
    rows.facts,
    rows.fact,
    forms.form_actions,
]
AROUND_OF_THE_PAGE: list[Part] = [boxes.confirm, rows.filters]

for part in ONE:
    register.simple_tag(part)
for part in ONE_OF_THE_PAGE:
    register.simple_tag(part, takes_context=True)
for part in AROUND:
    register.simple_block_tag(part)
for part in AROUND_OF_THE_PAGE:
    register.simple_block_tag(part, takes_context=True)
register.simple_tag(changes.diff_text, name="diff")


@register.simple_tag
def progress(value: float | None, of: float = 1, label: str = "", tone: str = "") -> str:
    """How much is done, as a bar with its percent.

    Right:  {% progress done of=total label=_("Measures done") %}
    """
    return charts.progress(value, of=of, label=label, tone=tone)


@register.simple_tag
def sparkline(values: Any, label: str = "") -> str:
    """The shape of a few values in a line of text; the label says in words what it shows.

    Right:  {% sparkline readings label=_("Grew from 4 to 12") %}
    """
    return charts.sparkline(values, title=label)


# Filters print a value as people in the reader's language write it.


@register.filter
def number(value: Any, places: int | None = None) -> str:
    """{{ 1234.5|number }} → 1 234,5 in Latvian; |number:1 always keeps one decimal."""
    return formats.number(value, places)


@register.filter
def percent(value: Any, places: int = 0) -> str:
    """{{ 0.125|percent:1 }} → 12,5 %, from a ratio. A value already in percent takes |quantity:"%"."""
    return formats.percent(value, places)


@register.filter
def quantity(value: Any, unit: Any = "") -> str:
    """{{ 40|quantity:"h" }} → 40 h, never torn at the end of a line."""
    return formats.quantity(value, str(unit or ""))


@register.filter
def euro(value: Any, places: int = 2) -> str:
    """{{ 1200|euro }} → 1 200,00 € in Latvian, €1,200.00 in English; |euro:0 for whole euros."""
    return formats.quantity(value, "€", places)


@register.filter
def compact(value: Any) -> str:
    """{{ 1250000|compact }} → 1,25 milj. in Latvian, 1.25M in English. For tiles, not for accounts."""
    return formats.compact(value)


@register.filter
def day(value: date | None, style: str = "short") -> str:
    """{{ d|day }} → 23.11.2026.; |day:"long" → 2026. gada 23. novembris; "month" → 2026. gada novembris."""
    return formats.day(value, style)


@register.filter
def moment(value: datetime | None) -> str:
    """{{ at|moment }} → 23.11.2026. 14:05, in the active time zone."""
    return formats.moment(value)


@register.filter
def unlocalize(value: Any) -> str:
    """{{ plan.year|unlocalize }} → 2023. Django groups every whole number it prints, and a year is not a quantity."""
    return str(value)


@register.filter
def words(value: Any) -> str:
    """{{ deadline|words }} → 2023. gada 3. ceturksnis: a period, deadline or sum of core.values, in words."""
    return formats.NOTHING if value is None else value.words(formats.language())
