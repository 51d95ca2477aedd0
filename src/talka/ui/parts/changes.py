"""What happened, who changed what, and what is different now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from talka.ui import diff, formats
from talka.ui.parts.base import EMPTY, TONES, icon, known, time, when
from talka.ui.parts.rows import table


def timeline(items: Sequence[Mapping[str, Any]], label: str = "") -> SafeString:
    """Points in time, in the order given.

    An item: when (a date, a datetime or words), title, and maybe text, url, tone, symbol.

    Right:  {% timeline milestones label=_("Course of the measure") %}
    """

    def row(item: Mapping[str, Any]) -> SafeString:
        tone = known(item.get("tone") or "neutral", TONES, "tone", "neutral")
        return format_html(
            '<li class="t-tone-{}">{}<div><span class="t-when">{}</span>'
            '<p class="t-timeline-title">{}</p>{}</div></li>',
            tone,
            icon(item.get("symbol") or TONES[tone]),
            time(item["when"]),
            when(item.get("url"), '<a href="{}">{}</a>', item["title"]) or item["title"],
            when(item.get("text"), '<p class="t-timeline-text">{}</p>'),
        )

    rows = mark_safe("".join(row(item) for item in items))
    return format_html('<ol class="t-timeline"{}>{}</ol>', when(label, ' aria-label="{}"'), rows)


def history(events: Sequence[Mapping[str, Any]], label: str = "") -> SafeString:
    """Who changed what, in the order given.

    An event: at, by, what, and maybe url, changes = [(name, before, after)].

    Right:  {% history events %}    with {"at": …, "by": "Anna Paraugs", "what": "Changed the deadline"}
    """

    def row(event: Mapping[str, Any]) -> SafeString:
        changes = format_html_join(
            "",
            "<div><dt>{}</dt><dd>{}</dd></div>",
            ((name, diff_text(before, after)) for name, before, after in event.get("changes") or ()),
        )
        return format_html(
            '<li><p class="t-history-line"><strong>{}</strong> <span>{}</span> '
            '<span class="t-when">{}</span></p>{}</li>',
            event["by"],
            when(event.get("url"), '<a href="{}">{}</a>', event["what"]) or event["what"],
            time(event["at"]),
            when(changes, '<dl class="t-facts">{}</dl>'),
        )

    rows = mark_safe("".join(row(event) for event in events))
    return format_html('<ol class="t-history"{}>{}</ol>', when(label, ' aria-label="{}"'), rows)


def diff_text(before: Any, after: Any) -> SafeString:
    """What changed between two texts, word by word, in one piece.

    Right:  {% diff old.result new.result %}
    """
    parts = _marked(diff.words(_plain(before), _plain(after)))
    return format_html('<span class="t-diff">{}</span>', parts or formats.NOTHING)


def diff_table(
    rows: Sequence[Sequence[Any]],
    caption: str = "",
    before_label: str = "",
    after_label: str = "",
    all_rows: bool = False,
) -> SafeString:
    """Before and after, side by side. `rows`: (name, before, after); equal ones are left out unless
    `all_rows`.

    Right:  {% diff_table changes caption=_("Plan 2023, versions 1 and 2") %}
    """
    before_label, after_label = before_label or _("Before"), after_label or _("After")
    body: list[SafeString] = []
    for name, old, new in rows:
        before, after = _plain(old), _plain(new)
        if not (all_rows or diff.changed(before, after)):
            continue
        segments = diff.words(before, after)
        body.append(
            format_html(
                '<tr><th scope="row">{}</th><td data-label="{}">{}</td><td data-label="{}">{}</td></tr>',
                name,
                before_label,
                _marked(s for s in segments if s.op != "ins") or formats.NOTHING,
                after_label,
                _marked(s for s in segments if s.op != "del") or formats.NOTHING,
            )
        )
    head = format_html_join(
        "", '<th scope="col">{}</th>', ((h,) for h in (pgettext("table", "What"), before_label, after_label))
    )
    content = format_html("<thead><tr>{}</tr></thead><tbody>{}</tbody>", head, mark_safe("".join(body)))
    return table(content, caption=caption, css="t-diff-table")


def _marked(segments: Any) -> SafeString:
    """Segments as <del> and <ins>, which not every screen reader announces: so they say it themselves."""
    spoken = {"del": _("removed:"), "ins": _("added:")}
    parts = [
        conditional_escape(text)
        if op == "same"
        else format_html(
            '<{0}><span class="visually-hidden">{1} </span>{2}</{0}>', mark_safe(op), spoken[op], text
        )
        for op, text in segments
    ]
    return mark_safe("".join(parts)) if parts else EMPTY


def _plain(value: Any) -> str:
    return "" if value is None else str(value)
