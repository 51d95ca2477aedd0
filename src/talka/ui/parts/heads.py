"""The top of a page: where it stands, what it is called, what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from talka.ui.parts.base import EMPTY, shown, when

TRAIL = 60  # characters of a step of the breadcrumbs: the whole name stands below as the heading


def page_head(content: str, title: str, lead: str = "", kicker: str = "") -> SafeString:
    """The heading of a page, one sentence under it, and at its right what can be done here (the content).

    Right:  {% page_head title lead=lead %}<a class="btn btn-primary" href="…">…</a>{% endpage_head %}
    Wrong:  two of them on one page    (a page has one h1)
    """
    return format_html(
        '<div class="t-head"><div class="t-head-text">{}<h1>{}</h1>{}</div>{}</div>',
        when(kicker, '<p class="t-kicker">{}</p>'),
        title,
        when(lead, '<p class="t-lead">{}</p>'),
        when(content.strip() and content, '<div class="t-actions">{}</div>'),
    )


def answer(content: str, value: Any, href: str = "", label: str = "", unit: str = "") -> SafeString:
    """What the page answers: one number, a link to the rows behind it, and one sentence (the content).

    Right:  {% answer "8 / 17" href="#rows" label=_("measures done") %}Three are late.{% endanswer %}
    Wrong:  {% answer 8 %}…{% endanswer %}    (a number that nobody can follow to its rows)
    """
    figure = format_html(
        '<span class="t-answer-number">{}{}</span>{}',
        shown(value),
        when(unit, '<span class="t-answer-unit">{}</span>'),
        when(label, '<span class="t-answer-label">{}</span>'),
    )
    return format_html(
        '<section class="t-answer">{}<div class="t-answer-text">{}</div></section>',
        when(href, '<a class="t-answer-figure" href="{}">{}</a>', figure)
        or format_html('<div class="t-answer-figure">{}</div>', figure),
        content,
    )


def breadcrumbs(items: Sequence[Any]) -> SafeString:
    """Where the page stands. `items`: pairs (label, url) or mappings with label and url; the last needs no
    url.

    Right:  {% breadcrumbs trail %}    with trail = [("Plan", "/lv/x/plan/"), ("Measure 7", "")]
    """
    given = [(i["label"], i.get("url", "")) if isinstance(i, Mapping) else (i[0], i[1]) for i in items]
    pairs = [(Truncator(str(label)).chars(TRAIL), url) for label, url in given]
    rows = [
        format_html('<li class="breadcrumb-item"><a href="{}">{}</a></li>', url, label)
        if url
        else format_html('<li class="breadcrumb-item active" aria-current="page">{}</li>', label)
        for label, url in pairs
    ]
    return format_html(
        '<nav class="t-trail" aria-label="{}"><ol class="breadcrumb">{}</ol></nav>',
        _("You are here"),
        mark_safe("".join(rows)),
    )


def tabs(items: Sequence[Mapping[str, Any]], label: str = "") -> SafeString:
    """Neighbouring pages as tabs, which are links. An item: label, url, and maybe active, count.

    Right:  {% tabs sections label=_("Parts of the plan") %}
    Wrong:  panels that script shows and hides    (a tab must have an address to send to a colleague)
    """
    rows = format_html_join(
        "",
        '<li><a href="{}"{}>{}{}</a></li>',
        (
            (
                item["url"],
                mark_safe(' aria-current="page"') if item.get("active") else EMPTY,
                item["label"],
                EMPTY
                if item.get("count") is None
                else format_html(' <span class="t-count">{}</span>', shown(item["count"])),
            )
            for item in items
        ),
    )
    return format_html('<nav class="t-tabs" aria-label="{}"><ul>{}</ul></nav>', label or _("Sections"), rows)
