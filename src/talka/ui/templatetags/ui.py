"""The parts every page is made of, as plain template tags: `{% load ui %}`.

Each is a function that takes words and numbers and returns safe HTML; none knows what the words mean. They carry no style
attribute and no script, because the Content-Security-Policy allows neither. The room's README lists them with examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.core.paginator import Page
from django.forms import BaseForm, BoundField, CheckboxInput, CheckboxSelectMultiple, ClearableFileInput, RadioSelect, Select, Textarea
from django.forms.boundfield import BoundWidget
from django.http import QueryDict
from django.middleware.csrf import get_token
from django.template.context import Context
from django.templatetags.static import static
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from talka.ui import charts, diff, formats

register = template.Library()

# What a colour means. A tone always comes with an icon and words: nobody has to see the colour.
TONES = {
    "good": "circle-check",
    "warning": "alert-triangle",
    "bad": "alert-circle",
    "info": "info-circle",
    "progress": "progress",
    "neutral": "circle-dashed",
}
SPRITE = Path(__file__).parent.parent / "static" / "vendor" / "icons" / "icons.svg"

EMPTY = mark_safe("")


@cache
def icons() -> frozenset[str]:
    """Names of the icons in the sprite. The list itself is ICONS in tools/vendor.mjs."""
    return frozenset(re.findall(r'<symbol id="([^"]+)"', SPRITE.read_text(encoding="utf-8")))


def _known(value: str, known: Iterable[str], what: str) -> str:
    if value not in known:
        # A page with a wrong picture is better than no page, once people use it.
        if not (settings.DEBUG or settings.TESTING):
            return next(iter(known))
        near = get_close_matches(str(value), list(known), n=3, cutoff=0.4) or sorted(known)
        raise template.TemplateSyntaxError(f"{what} {value!r} is not one of ours; nearest: {', '.join(near)}")
    return value


# ---------------------------------------------------------------- icons


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """An icon from the sprite; hidden from screen readers unless `label` says what it means.

    Right:  {% icon "printer" %} {% translate "Print" %}
    Wrong:  <button>{% icon "printer" %}</button>     (a button without a name; pass label=)
    """
    href = f"{static('vendor/icons/icons.svg')}#{_known(name, icons(), 'the icon')}"
    classes = f"icon {css}".strip()
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}"></use></svg>', classes, label, href
        )
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"></use></svg>', classes, href)


# ---------------------------------------------------------------- the top of a page


@register.simple_block_tag(end_name="endpage_head")
def page_head(content: str, title: str, lead: str = "", kicker: str = "") -> SafeString:
    """The heading of the page, one sentence under it, and on its right what can be done here (the content).

    Right:  {% page_head title lead=_("What we do this year") %}<a class="btn btn-primary" href="…">…</a>{% endpage_head %}
    Wrong:  two of them on one page    (a page has one h1)
    """
    return format_html(
        '<div class="t-head"><div class="t-head-text">{}<h1>{}</h1>{}</div>{}</div>',
        format_html('<p class="t-kicker">{}</p>', kicker) if kicker else EMPTY,
        title,
        format_html('<p class="t-lead">{}</p>', lead) if lead else EMPTY,
        format_html('<div class="t-actions">{}</div>', content) if content.strip() else EMPTY,
    )


@register.simple_block_tag(end_name="endanswer")
def answer(content: str, value: Any, href: str = "", label: str = "", unit: str = "") -> SafeString:
    """What the page answers: one number, as a link to the rows behind it, and one sentence (the content).

    Right:  {% answer "8 / 17" href="#rows" label=_("measures under way") %}Three are late.{% endanswer %}
    Wrong:  {% answer 8 %}…{% endanswer %}    (a number nobody can follow to its rows)
    """
    shown = _shown(value)
    figure = format_html(
        '<span class="t-answer-number">{}{}</span>{}',
        shown,
        format_html('<span class="t-answer-unit">{}</span>', unit) if unit else EMPTY,
        format_html('<span class="t-answer-label">{}</span>', label) if label else EMPTY,
    )
    return format_html(
        '<section class="t-answer">{}<div class="t-answer-text">{}</div></section>',
        format_html('<a class="t-answer-figure" href="{}">{}</a>', href, figure)
        if href
        else format_html('<div class="t-answer-figure">{}</div>', figure),
        content,
    )


def _shown(value: Any) -> Any:
    """A number in the reader's convention; anything else as it is."""
    if value is None:
        return formats.NOTHING
    return formats.number(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


@register.simple_tag
def breadcrumbs(items: Sequence[Any]) -> SafeString:
    """Where this page stands. `items`: mappings with url and label, or pairs (label, url); the last may have no url.

    Right:  {% breadcrumbs trail %}   with trail = [("Plan", "/lv/x/plan/"), ("Measure 7", "")]
    """
    pairs = [(i["label"], i.get("url", "")) if isinstance(i, Mapping) else (i[0], i[1]) for i in items]
    rows = format_html_join(
        "",
        "{}",
        (
            (
                format_html('<li class="breadcrumb-item"><a href="{}">{}</a></li>', url, label)
                if url
                else format_html('<li class="breadcrumb-item active" aria-current="page">{}</li>', label),
            )
            for label, url in pairs
        ),
    )
    return format_html('<nav aria-label="{}"><ol class="breadcrumb">{}</ol></nav>', _("You are here"), rows)


# ---------------------------------------------------------------- boxes


@register.simple_block_tag(end_name="endcard")
def card(
    content: str, title: str = "", href: str = "", note: str = "", flush: bool = False, id: str = ""  # noqa: A002 -- the HTML word
) -> SafeString:
    """A box with an optional heading. `flush` lets a table reach the edges.

    Right:  {% card title=_("Reports") flush=True %}{% table %}…{% endtable %}{% endcard %}
    Wrong:  a card inside a card
    """
    heading = format_html('<a href="{}">{}</a>', href, title) if href else title
    header = (
        format_html(
            '<div class="card-header"><h2 class="card-title">{}</h2>{}</div>',
            heading,
            format_html('<span class="t-card-note">{}</span>', note) if note else EMPTY,
        )
        if title
        else EMPTY
    )
    return format_html(
        '<section class="card"{}>{}<div class="{}">{}</div></section>',
        format_html(' id="{}"', id) if id else EMPTY,
        header,
        "t-card-flush" if flush else "card-body",
        content,
    )


@register.simple_block_tag(end_name="endtiles")
def tiles(content: str, label: str = "") -> SafeString:
    """A row of `tile`s."""
    return format_html('<ul class="t-tiles"{}>{}</ul>', format_html(' aria-label="{}"', label) if label else EMPTY, content)


@register.simple_tag
def tile(label: str, value: Any, href: str = "", note: str = "", tone: str = "", unit: str = "") -> SafeString:
    """One number with its name. A tone adds its icon to the note.

    Right:  {% tiles %}{% tile _("Late") 3 href="?state=late" tone="bad" note=_("2 more than last month") %}{% endtiles %}
    Wrong:  {% tile "Late" 3 tone="bad" %}    (no href: where are the three?)
    """
    name = format_html('<span class="t-tile-label">{}</span>', label)
    figure = format_html(
        '<span class="t-tile-value">{}{}</span>',
        _shown(value),
        format_html(' <span class="t-tile-unit">{}</span>', unit) if unit else EMPTY,
    )
    sign = icon(TONES[_known(tone, TONES, "the tone")]) if tone else EMPTY
    below = (
        format_html('<span class="t-tile-note{}">{}{}</span>', f" t-tone-{tone}" if tone else "", sign, note)
        if note or tone
        else EMPTY
    )
    inner = format_html("{}{}{}", name, figure, below)
    return (
        format_html('<li class="t-tile"><a href="{}">{}</a></li>', href, inner)
        if href
        else format_html('<li class="t-tile"><span>{}</span></li>', inner)
    )


@register.simple_tag
def badge(text: Any, tone: str = "", symbol: str = "", title: str = "") -> SafeString:
    """A state in words, with its icon and colour; without a tone a quiet label.

    Right:  {% badge _("Late") tone="bad" %}   {% badge measure.get_state_display tone=measure.tone %}
    Wrong:  <span class="badge bg-red"></span>    (colour alone says nothing to many readers)
    """
    extra = format_html(' title="{}"', title) if title else EMPTY
    if not tone and not symbol:
        return format_html('<span class="t-badge"{}>{}</span>', extra, text)
    chosen = symbol or TONES[_known(tone, TONES, "the tone")]
    css = f" t-tone-{_known(tone, TONES, 'the tone')}" if tone else ""
    return format_html('<span class="t-badge{}"{}>{}{}</span>', css, extra, icon(chosen), text)


@register.simple_block_tag(end_name="endnotice")
def notice(content: str, title: str = "", tone: str = "info", role: str = "") -> SafeString:
    """A message inside the page. Pass role="alert" only for what must interrupt a screen reader.

    Right:  {% notice tone="warning" title=_("The period is closed") %}Ask the coordinator to reopen it.{% endnotice %}
    """
    return format_html(
        '<div class="t-notice t-tone-{}"{}>{}<div>{}<div>{}</div></div></div>',
        _known(tone, TONES, "the tone"),
        format_html(' role="{}"', role) if role else EMPTY,
        icon(TONES[tone]),
        format_html('<p class="t-notice-title">{}</p>', title) if title else EMPTY,
        content,
    )


@register.simple_tag
def empty_state(
    title: str, text: str = "", url: str = "", label: str = "", symbol: str = "inbox", secondary_url: str = "", secondary_label: str = ""
) -> SafeString:
    """A page or card with nothing in it: what will live here, how to begin, and the button that begins.

    Right:  {% empty_state _("No reports yet") _("Reports of this measure will stand here.") url=add label=_("Report") %}
    Wrong:  {% empty_state "Nothing found" %}    (and now what?)
    """
    buttons = format_html_join(
        " ",
        '<a class="btn {}" href="{}">{}</a>',
        [(css, u, lab) for css, u, lab in (("btn-primary", url, label), ("", secondary_url, secondary_label)) if u and lab],
    )
    return format_html(
        '<div class="t-empty">{}<p class="t-empty-title">{}</p>{}{}</div>',
        icon(symbol),
        title,
        format_html('<p class="t-empty-text">{}</p>', text) if text else EMPTY,
        format_html('<p class="t-empty-action">{}</p>', buttons) if buttons else EMPTY,
    )


# ---------------------------------------------------------------- rows


@register.simple_block_tag(end_name="endtable")
def table(content: str, caption: str = "", hide_caption: bool = False, stack: bool = True, css: str = "", id: str = "") -> SafeString:  # noqa: A002
    """A table that becomes stacked cards on a phone: give every td a data-label, or let talka.js copy the header.

    `hide_caption` keeps the caption for screen readers only; `stack=False` scrolls sideways instead of stacking.

    Right:  {% table caption=_("Measures of 2023") %}<thead>…</thead><tbody>…<td data-label="…">…</tbody>{% endtable %}
    Wrong:  <table class="table">…    (no caption, and unreadable at 390 px)
    """
    return format_html(
        '<div class="t-table-wrap"{}{}><table class="table t-table{}{}">{}{}</table></div>',
        # A region that scrolls must be reachable by keyboard and have a name.
        EMPTY if stack else format_html(' tabindex="0" role="region" aria-label="{}"', caption or _("Table")),
        format_html(' id="{}"', id) if id else EMPTY,
        " t-stack" if stack else "",
        f" {css}" if css else "",
        format_html('<caption{}>{}</caption>', mark_safe(' class="visually-hidden"') if hide_caption else EMPTY, caption)
        if caption
        else EMPTY,
        content,
    )


@register.simple_tag(takes_context=True)
def th(context: Context, label: str, sort: str = "", num: bool = False, param: str = "sort", target: str = "") -> SafeString:
    """A column header; with `sort` a link that sorts by it, and back again. The view reads ?sort=name or ?sort=-name.

    Right:  {% th _("Deadline") sort="deadline" %}   {% th _("Value") sort="value" num=True %}
    """
    css = mark_safe(' class="num"') if num else EMPTY
    if not sort:
        return format_html('<th scope="col"{}>{}</th>', css, label)
    current = _query(context).get(param, "")
    ascending, descending = current == sort, current == f"-{sort}"
    state = "ascending" if ascending else "descending" if descending else "none"
    sign = "chevron-up" if ascending else "chevron-down" if descending else "arrows-sort"
    url = url_with(context, **{param: f"-{sort}" if ascending else sort, "page": None})
    return format_html(
        '<th scope="col"{} aria-sort="{}"><a class="t-sort" href="{}"{}>{}{}</a></th>',
        css,
        state,
        url,
        _htmx(url, target),
        label,
        icon(sign),
    )


def _htmx(url: str, target: str) -> SafeString:
    """Attributes with which a link changes only `target` instead of the page; the link works without them too."""
    if not target:
        return EMPTY
    return format_html(' hx-get="{}" hx-target="{}" hx-select="{}" hx-swap="outerHTML" hx-push-url="true"', url, target, target)


@register.simple_block_tag(end_name="endfacts")
def facts(content: str, wide: bool = False) -> SafeString:
    """A list of names and values about one thing; rows are `fact`.

    Right:  {% facts %}{% fact _("Deadline") %}2023{% endfact %}{% endfacts %}
    """
    return format_html('<dl class="t-facts{}">{}</dl>', " t-facts-wide" if wide else "", content)


@register.simple_block_tag(end_name="endfact")
def fact(content: str, label: str) -> SafeString:
    """One row of `facts`. An empty value prints an en dash, which is not the same as zero."""
    return format_html("<div><dt>{}</dt><dd>{}</dd></div>", label, content if content.strip() else formats.NOTHING)


@register.simple_tag
def tabs(items: Sequence[Mapping[str, Any]], label: str = "") -> SafeString:
    """Neighbouring pages as tabs; they are links. `items`: mappings with url, label, active, and maybe count.

    Right:  {% tabs sections label=_("Parts of the plan") %}
    Wrong:  script-driven panels    (a tab must have an address to send to a colleague)
    """
    rows = format_html_join(
        "",
        '<li><a href="{}"{}>{}{}</a></li>',
        (
            (
                item["url"],
                mark_safe(' aria-current="page"') if item.get("active") else EMPTY,
                item["label"],
                format_html('<span class="t-count">{}</span>', _shown(item["count"])) if item.get("count") is not None else EMPTY,
            )
            for item in items
        ),
    )
    return format_html('<nav class="t-tabs" aria-label="{}"><ul>{}</ul></nav>', label or _("Sections"), rows)


@register.simple_tag(takes_context=True)
def pager(context: Context, page: Page, param: str = "page", target: str = "") -> SafeString:
    """Links to the neighbouring pages of a Django Page, keeping the rest of the query. One page prints nothing but the count.

    Right:  {% pager page_obj %}   {% pager page_obj target="#rows" %}    (htmx swaps only #rows)
    """
    total = page.paginator.count
    first, last = page.start_index(), page.end_index()
    count = ngettext("%(first)s–%(last)s of %(total)s row", "%(first)s–%(last)s of %(total)s rows", total) % {
        "first": formats.number(first),
        "last": formats.number(last),
        "total": formats.number(total),
    }
    if page.paginator.num_pages <= 1:
        if not total:
            return EMPTY
        only = ngettext("%(total)s row", "%(total)s rows", total) % {"total": formats.number(total)}
        return format_html('<p class="t-pager-count">{}</p>', only)

    def link(to: int, text: Any, current: bool = False, rel: str = "", name: str = "") -> SafeString:
        url = url_with(context, **{param: to})
        return format_html(
            '<li class="page-item{}"><a class="page-link" href="{}"{}{}{}{}>{}</a></li>',
            " active" if current else "",
            url,
            mark_safe(' aria-current="page"') if current else EMPTY,
            format_html(' rel="{}"', rel) if rel else EMPTY,
            format_html(' aria-label="{}"', name) if name else EMPTY,
            _htmx(url, target),
            text,
        )

    numbers: list[SafeString] = []
    for entry in page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1):
        if isinstance(entry, int):
            numbers.append(link(entry, formats.number(entry), entry == page.number))
        else:
            numbers.append(mark_safe('<li class="page-item disabled"><span class="page-link">…</span></li>'))
    before = link(page.previous_page_number(), icon("chevron-left"), rel="prev", name=_("Previous page")) if page.has_previous() else EMPTY
    after = link(page.next_page_number(), icon("chevron-right"), rel="next", name=_("Next page")) if page.has_next() else EMPTY
    return format_html(
        '<nav class="t-pager" aria-label="{}"><p class="t-pager-count">{}</p><ul class="pagination">{}{}{}</ul></nav>',
        _("Pages"),
        count,
        before,
        format_html_join("", "{}", ((n,) for n in numbers)),
        after,
    )


@register.simple_tag
def tree(nodes: Sequence[Mapping[str, Any]], label: str = "", depth_open: int = 1) -> SafeString:
    """Nested rows with their numbers at the right edge. A node: label, and maybe url, value, note, badge, code, children.

    Nodes shallower than `depth_open` start open. `badge` is safe HTML such as the `badge` tag returns.

    Right:  {% tree nodes label=_("Strategy") %}
    """

    def branch(items: Sequence[Mapping[str, Any]], depth: int) -> SafeString:
        return format_html_join("", "<li>{}</li>", ((row(item, depth),) for item in items))

    def row(item: Mapping[str, Any], depth: int) -> SafeString:
        name = format_html('<a href="{}">{}</a>', item["url"], item["label"]) if item.get("url") else item["label"]
        line = format_html(
            '<div class="t-tree-row">{}<span class="t-tree-label">{}{}</span>{}{}</div>',
            format_html('<span class="t-tree-code">{}</span>', item["code"]) if item.get("code") else EMPTY,
            name,
            format_html(' <span class="t-tree-note">{}</span>', item["note"]) if item.get("note") else EMPTY,
            item.get("badge") or EMPTY,
            format_html('<span class="t-tree-value">{}</span>', _shown(item["value"])) if "value" in item else EMPTY,
        )
        if not item.get("children"):
            return line
        # The link stays outside of the summary: a control inside a control cannot be reached by a screen reader.
        return format_html(
            '{}<details{}><summary aria-label="{}"></summary><ul>{}</ul></details>',
            line,
            mark_safe(" open") if depth < depth_open or item.get("open") else EMPTY,
            _("Parts of: %(name)s") % {"name": item["label"]},
            branch(item["children"], depth + 1),
        )

    return format_html(
        '<ul class="t-tree"{}>{}</ul>', format_html(' aria-label="{}"', label) if label else EMPTY, branch(nodes, 0)
    )


# ---------------------------------------------------------------- what happened


@register.simple_tag
def timeline(items: Sequence[Mapping[str, Any]], label: str = "") -> SafeString:
    """Points in time, in the order given. An item: when (date, datetime or text), title, and maybe text, url, tone, symbol.

    Right:  {% timeline milestones label=_("Course of the measure") %}
    """

    def row(item: Mapping[str, Any]) -> SafeString:
        tone = item.get("tone") or "neutral"
        return format_html(
            '<li class="t-tone-{}">{}<div><span class="t-when">{}</span><p class="t-timeline-title">{}</p>{}</div></li>',
            _known(tone, TONES, "the tone"),
            icon(item.get("symbol") or TONES[tone]),
            time(item["when"]),
            format_html('<a href="{}">{}</a>', item["url"], item["title"]) if item.get("url") else item["title"],
            format_html('<p class="t-timeline-text">{}</p>', item["text"]) if item.get("text") else EMPTY,
        )

    rows = format_html_join("", "{}", ((row(item),) for item in items))
    return format_html('<ol class="t-timeline"{}>{}</ol>', format_html(' aria-label="{}"', label) if label else EMPTY, rows)


@register.simple_tag
def history(events: Sequence[Mapping[str, Any]], label: str = "") -> SafeString:
    """Who changed what, newest first as given. An event: at, by, what, and maybe url, changes = [(name, before, after)].

    Right:  {% history events %}   with events = [{"at": …, "by": "Anna Paraugs", "what": "Changed the deadline", "changes": […]}]
    """

    def row(event: Mapping[str, Any]) -> SafeString:
        changes = format_html_join(
            "", "<div><dt>{}</dt><dd>{}</dd></div>", ((name, diff_text(a, b)) for name, a, b in event.get("changes") or ())
        )
        what = format_html('<a href="{}">{}</a>', event["url"], event["what"]) if event.get("url") else event["what"]
        return format_html(
            '<li><p class="t-history-line"><strong>{}</strong> <span>{}</span> <span class="t-when">{}</span></p>{}</li>',
            event["by"],
            what,
            time(event["at"]),
            format_html('<dl class="t-facts">{}</dl>', changes) if changes else EMPTY,
        )

    rows = format_html_join("", "{}", ((row(event),) for event in events))
    return format_html('<ol class="t-history"{}>{}</ol>', format_html(' aria-label="{}"', label) if label else EMPTY, rows)


@register.simple_tag(name="diff")
def diff_text(before: Any, after: Any) -> SafeString:
    """What changed between two texts, word by word, as <del> and <ins> that screen readers announce.

    Right:  {% diff old.result new.result %}
    """
    spoken = {"del": _("removed:"), "ins": _("added:")}
    parts = format_html_join(
        "",
        "{}",
        (
            (
                conditional_escape(segment.text)
                if segment.op == "same"
                else format_html(
                    '<{0}><span class="visually-hidden">{1} </span>{2}</{0}>', mark_safe(segment.op), spoken[segment.op], segment.text
                ),
            )
            for segment in diff.words(_plain(before), _plain(after))
        ),
    )
    return format_html('<span class="t-diff">{}</span>', parts) if parts else mark_safe(formats.NOTHING)


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


@register.simple_tag
def diff_table(rows: Sequence[Sequence[Any]], caption: str = "", before_label: str = "", after_label: str = "", all_rows: bool = False) -> SafeString:
    """Before and after side by side. `rows`: (name, before, after); equal rows are left out unless `all_rows`.

    Right:  {% diff_table changes caption=_("Plan 2023, version 1 and 2") %}
    """
    kept = [(n, _plain(a), _plain(b)) for n, a, b in rows if all_rows or diff.changed(_plain(a), _plain(b))]
    before_label, after_label = before_label or _("Before"), after_label or _("After")

    def side(segments: list[diff.Segment], shown: str) -> SafeString:
        spoken = _("removed:") if shown == "del" else _("added:")
        return format_html_join(
            "",
            "{}",
            (
                (
                    conditional_escape(s.text)
                    if s.op == "same"
                    else format_html('<{0}><span class="visually-hidden">{1} </span>{2}</{0}>', mark_safe(s.op), spoken, s.text),
                )
                for s in segments
                if s.op in ("same", shown)
            ),
        )

    def row(name: Any, before: str, after: str) -> SafeString:
        segments = diff.words(before, after)
        return format_html(
            '<tr><th scope="row">{}</th><td data-label="{}">{}</td><td data-label="{}">{}</td></tr>',
            name,
            before_label,
            side(segments, "del") or formats.NOTHING,
            after_label,
            side(segments, "ins") or formats.NOTHING,
        )

    return table(
        format_html(
            '<thead><tr><th scope="col">{}</th><th scope="col">{}</th><th scope="col">{}</th></tr></thead><tbody>{}</tbody>',
            _("What"),
            before_label,
            after_label,
            format_html_join("", "{}", ((row(*r),) for r in kept)),
        ),
        caption=caption,
        css="t-diff-table",
    )


# ---------------------------------------------------------------- forms


@register.simple_tag
def field(bound: BoundField, label: str = "", help: str = "", wide: bool = True) -> SafeString:  # noqa: A002 -- Django's own word
    """A form field with its label, help and, beside it, why it was refused. Long text grows as it is typed.

    Right:  {% field form.title %}
    Wrong:  {{ form.title }}    (no label, and the refusal would be far away)
    """
    widget = bound.field.widget
    if widget.is_hidden:
        return mark_safe(bound.as_hidden())
    ident = bound.id_for_label or bound.auto_id or f"id_{bound.html_name}"
    text = label or bound.label
    hint = help or bound.help_text
    errors = list(bound.errors)
    described = " ".join(
        name for name, there in ((f"{ident}_help", hint), (f"{ident}_error", errors)) if there
    )
    grouped = isinstance(widget, RadioSelect | CheckboxSelectMultiple)
    single_check = isinstance(widget, CheckboxInput)
    css = "form-check-input" if grouped or single_check else "form-select" if isinstance(widget, Select) else "form-control"
    attrs: dict[str, Any] = {"class": f"{widget.attrs.get('class', '')} {css}{' is-invalid' if errors else ''}".strip()}
    if errors:
        attrs["aria-invalid"] = "true"
    if described and not grouped:
        attrs["aria-describedby"] = described
    if isinstance(widget, Textarea):
        attrs |= {"data-autosize": True, "rows": widget.attrs.get("rows") if widget.attrs.get("rows") not in (None, "10", 10) else 3}
    if grouped:
        control = format_html_join("", "{}", ((_choice(option, bool(errors)),) for option in bound.subwidgets))
    else:
        control = mark_safe(bound.as_widget(attrs=attrs))

    required = bound.field.required and not single_check
    mark = format_html(' <span class="t-required" aria-hidden="true">*</span>') if required else EMPTY
    note = format_html('<div class="form-hint" id="{}_help">{}</div>', ident, hint) if hint else EMPTY
    refusal = (
        format_html(
            '<div class="t-error" id="{}_error">{}<div>{}</div></div>',
            ident,
            icon("alert-circle"),
            format_html_join("", "<p>{}</p>", ((e,) for e in errors)),
        )
        if errors
        else EMPTY
    )
    box = "t-field" + ("" if wide else " t-field-short") + (" t-field-refused" if errors else "")
    if grouped:
        return format_html(
            '<fieldset class="{} t-choices"{}><legend class="form-label">{}{}</legend>{}{}{}</fieldset>',
            box,
            format_html(' aria-describedby="{}"', described) if described else EMPTY,
            text,
            mark,
            note,
            control,
            refusal,
        )
    if single_check:
        return format_html(
            '<div class="{}"><div class="form-check">{}<label class="form-check-label" for="{}">{}</label></div>{}{}</div>',
            box,
            control,
            ident,
            text,
            note,
            refusal,
        )
    if isinstance(widget, ClearableFileInput):
        control = format_html('<div class="t-file" data-file>{}</div>', control)
    return format_html(
        '<div class="{}"><label class="form-label" for="{}">{}{}</label>{}{}{}</div>', box, ident, text, mark, note, control, refusal
    )


def _choice(option: BoundWidget, refused: bool) -> SafeString:
    """One radio button or check box of a group, with its label beside it."""
    option.data["attrs"]["class"] = f"form-check-input{' is-invalid' if refused else ''}"
    return format_html(
        '<div class="form-check">{}<label class="form-check-label" for="{}">{}</label></div>',
        option.tag(),
        option.id_for_label,
        option.choice_label,
    )


@register.simple_tag
def fields(form: BaseForm) -> SafeString:
    """Every field of a form in its order, hidden ones included, under the summary of what was refused.

    Right:  <form method="post">{% csrf_token %}{% fields form %}{% form_actions _("Save") %}</form>
    """
    shown = format_html_join("", "{}", ((field(bound),) for bound in form))
    return format_html("{}{}", form_errors(form), shown)


@register.simple_tag
def form_errors(form: BaseForm) -> SafeString:
    """The summary at the top of a refused form: each refusal is a link to its field. Prints nothing when all is well."""
    if not form.is_bound or not form.errors:
        return EMPTY
    items: list[SafeString] = [format_html("<li>{}</li>", e) for e in form.non_field_errors()]
    for bound in form:
        for error in bound.errors:
            target = bound.id_for_label or bound.auto_id
            if bound.is_hidden:
                items.append(format_html("<li>{}: {}</li>", bound.label, error))
            else:
                items.append(format_html('<li><a href="#{}">{}</a>: {}</li>', target, bound.label, error))
    title = ngettext("%(count)s thing must be put right", "%(count)s things must be put right", len(items)) % {"count": len(items)}
    return format_html(
        '<div class="t-notice t-tone-bad" role="alert" tabindex="-1" data-refused>{}<div><p class="t-notice-title">{}</p><ul>{}</ul></div></div>',
        icon("alert-circle"),
        title,
        format_html_join("", "{}", ((i,) for i in items)),
    )


@register.simple_block_tag(end_name="endform_actions")
def form_actions(content: str, submit: str = "", cancel: str = "", tone: str = "primary") -> SafeString:
    """The buttons under a form: submit first, then what the content adds, then the way back.

    Right:  {% form_actions submit=_("Save") cancel=plan_url %}{% endform_actions %}
    """
    return format_html(
        '<div class="t-form-actions"><button class="btn btn-{}" type="submit">{}</button>{}{}</div>',
        tone,
        submit or _("Save"),
        content,
        format_html('<a class="btn btn-link" href="{}">{}</a>', cancel, _("Cancel")) if cancel else EMPTY,
    )


@register.simple_block_tag(takes_context=True, end_name="endfilters")
def filters(context: Context, content: str, clear: str = "", target: str = "", label: str = "", submit: str = "") -> SafeString:
    """A bar of fields that narrow the rows below. Sent as a GET, so that the result has an address.

    With `target` a change is applied at once through htmx; the button stays for keyboards and for no script.

    Right:  {% filters clear=request.path target="#rows" %}{% field filter.state wide=False %}{% endfilters %}
    """
    live = (
        format_html(
            ' hx-get="" hx-trigger="change, submit" hx-target="{0}" hx-select="{0}" hx-swap="outerHTML" hx-push-url="true"', target
        )
        if target
        else EMPTY
    )
    sort = _query(context).get("sort", "")
    return format_html(
        '<form class="t-filters" method="get" role="search" aria-label="{}"{}>{}{}<div class="t-filters-actions">'
        '<button class="btn" type="submit">{}{}</button>{}</div></form>',
        label or _("Filter"),
        live,
        content,
        format_html('<input type="hidden" name="sort" value="{}">', sort) if sort else EMPTY,
        icon("filter"),
        submit or _("Show"),
        format_html('<a class="btn btn-link" href="{}">{}</a>', clear, _("Clear")) if clear else EMPTY,
    )


@register.simple_block_tag(takes_context=True, end_name="endconfirm")
def confirm(
    context: Context,
    content: str,
    id: str,  # noqa: A002 -- the HTML word
    button: str,
    action: str,
    title: str = "",
    label: str = "",
    tone: str = "danger",
    symbol: str = "",
    css: str = "",
) -> SafeString:
    """A button that asks before it acts. The content says what will happen and may hold fields; it is posted to `action`.

    Right:  {% confirm id="drop-7" button=_("Drop") action=drop_url title=_("Drop this measure?") label=_("Drop it") %}
              <p>Its reports are kept.</p>{% field drop_form.reason %}{% endconfirm %}
    Wrong:  <a href="/delete/7/">    (a link must never change anything)
    """
    request = context.get("request")
    token = format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', get_token(request)) if request else EMPTY
    return format_html(
        '<button class="btn {css}" type="button" command="show-modal" commandfor="{id}" data-dialog="{id}">{icon}{button}</button>'
        '<dialog class="t-dialog" id="{id}" aria-labelledby="{id}-title"><form method="post" action="{action}">{token}'
        '<h2 id="{id}-title">{title}</h2><div class="t-dialog-body">{content}</div>'
        '<div class="t-form-actions"><button class="btn btn-{tone}" type="submit">{label}</button>'
        '<button class="btn btn-link" type="submit" formmethod="dialog" formnovalidate>{cancel}</button></div></form></dialog>',
        css=css,
        id=id,
        icon=icon(symbol) if symbol else EMPTY,
        button=button,
        action=action,
        token=token,
        title=title or button,
        content=content,
        tone=tone,
        label=label or button,
        cancel=_("Cancel"),
    )


@register.simple_block_tag(end_name="endmenu")
def menu(content: str, label: str, symbol: str = "", css: str = "btn", end: bool = False, hide_label: bool = False) -> SafeString:
    """A small menu of links and buttons that opens on a click; works without script.

    Right:  {% menu _("Download") symbol="download" %}<a class="dropdown-item" href="…">Word</a>{% endmenu %}
    Wrong:  data-bs-toggle="dropdown"    (Bootstrap's script is not here)
    """
    name = format_html('<span class="visually-hidden">{}</span>', label) if hide_label else format_html("<span>{}</span>", label)
    return format_html(
        '<details class="t-menu{}" data-menu><summary class="{}">{}{}{}</summary><div class="dropdown-menu">{}</div></details>',
        " t-menu-end" if end else "",
        css,
        icon(symbol) if symbol else EMPTY,
        name,
        EMPTY if hide_label else icon("chevron-down", css="t-chevron"),
        content,
    )


# ---------------------------------------------------------------- charts in a template


@register.simple_tag
def progress(value: float | None, of: float = 1, label: str = "", tone: str = "") -> SafeString:
    """How much of the way is done, as a bar with its percent beside it.

    Right:  {% progress done of=total label=_("Measures done") %}
    """
    return charts.progress(value, of=of, label=label, tone=tone)


@register.simple_tag
def sparkline(values: Sequence[float | None], label: str = "") -> SafeString:
    """The shape of a few values in the height of a line of text. The label says in words what it shows."""
    return charts.sparkline(values, title=label)


# ---------------------------------------------------------------- numbers, dates, addresses


@register.filter
def number(value: Any, places: int | None = None) -> str:
    """{{ 1234.5|number }} → 1 234,5 in Latvian. {{ v|number:1 }} keeps one decimal always."""
    return formats.number(value, places)


@register.filter
def percent(value: Any, places: int = 0) -> str:
    """{{ 0.125|percent:1 }} → 12,5 % from a ratio. A value that already is in percent takes |quantity:"%"."""
    return formats.percent(value, places)


@register.filter
def quantity(value: Any, unit: Any) -> str:
    """{{ 40|quantity:"h" }} → 40 h, never torn at a line end."""
    return formats.quantity(value, str(unit or ""))


@register.filter
def euro(value: Any, places: int = 2) -> str:
    """{{ 1200|euro }} → 1 200,00 € in Latvian, €1,200.00 in English; |euro:0 for whole euros."""
    return formats.quantity(value, "€", places)


@register.filter
def compact(value: Any) -> str:
    """{{ 1250000|compact }} → 1,25 milj. in Latvian, 1.25M in English. For tiles and axes, not for accounts."""
    return formats.compact(value)


@register.filter
def day(value: date | None, style: str = "short") -> str:
    """{{ d|day }} → 23.11.2026.; {{ d|day:"long" }} → 2026. gada 23. novembris; {{ d|day:"month" }} → 2026. gada novembris."""
    return formats.day(value, style)


@register.filter
def moment(value: datetime | None) -> str:
    """{{ at|moment }} → 23.11.2026. 14:05 in the active time zone."""
    return formats.moment(value)


@register.filter
def words(value: Any) -> str:
    """{{ deadline|words }} → 2023. gada 3. ceturksnis: a period, deadline or sum of core.values in the active language."""
    return formats.NOTHING if value is None else value.words(formats.language())


@register.filter
def quarter(value: date | None) -> str:
    """{{ d|quarter }} → 2026. gada 4. ceturksnis."""
    return formats.quarter(value)


@register.simple_tag
def time(value: Any) -> SafeString:
    """A day or moment as <time>, readable by people and by machines; text is passed through."""
    if isinstance(value, datetime):
        return format_html('<time datetime="{}">{}</time>', value.isoformat(), formats.moment(value))
    if isinstance(value, date):
        return format_html('<time datetime="{}">{}</time>', value.isoformat(), formats.day(value))
    return conditional_escape(formats.NOTHING if value is None else value)


def _query(context: Context) -> Any:
    request = context.get("request")
    return request.GET if request is not None else {}


@register.simple_tag(takes_context=True)
def url_with(context: Context, **changes: Any) -> str:
    """This page's query with some parameters changed; None removes one.

    Right:  <a href="{% url_with state="late" page=None %}">
    Wrong:  <a href="?state=late">    (drops the reader's other filters)
    """
    request = context.get("request")
    query = request.GET.copy() if request is not None else QueryDict(mutable=True)
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = str(value)
    return "?" + query.urlencode()
