"""Rows: tables, facts, trees, and the links that sort, narrow and turn their pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.paginator import Page
from django.http import QueryDict
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from talka.ui import formats
from talka.ui.parts.base import EMPTY, icon, shown, when


def _query(context: Context) -> QueryDict:
    """A copy of the page's query that may be changed."""
    request = context.get("request")
    return request.GET.copy() if request is not None else QueryDict(mutable=True)


def url_with(context: Context, **changes: Any) -> str:
    """The page's query with some parameters changed; None takes one away.

    Right:  <a href="{% url_with state="late" page=None %}">
    Wrong:  <a href="?state=late">    (drops the reader's other filters)
    """
    query = _query(context)
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = str(value)
    return "?" + query.urlencode()


def _htmx(url: str, target: str) -> SafeString:
    """Attributes with which a link changes only `target` instead of the page; it works without them too."""
    return when(
        target,
        ' hx-target="{0}" hx-select="{0}" hx-get="{1}" hx-swap="outerHTML" hx-push-url="true"',
        url,
    )


def table(
    content: str,
    caption: str = "",
    hide_caption: bool = False,
    stack: bool = True,
    css: str = "",
    id: str = "",  # noqa: A002 -- the HTML word
) -> SafeString:
    """A table whose rows become cards where there is little room, a phone or a side column.

    Give each td a data-label, the cell that names the row class="main", numbers class="num". `stack=False`
    scrolls sideways instead; `hide_caption` leaves the caption to screen readers.

    Right:  {% table caption=_("Measures") %}<thead>…</thead><tbody>…<td data-label="…">…{% endtable %}
    Wrong:  <table class="table">    (no caption, and unreadable on a phone)
    """
    # A region that scrolls must have a name and be reachable by keyboard.
    scroll = (
        EMPTY if stack else format_html(' tabindex="0" role="region" aria-label="{}"', caption or _("Table"))
    )
    hidden = mark_safe(' class="visually-hidden"') if hide_caption else EMPTY
    return format_html(
        '<div class="t-table-wrap"{}{}><table class="table t-table{}{}">{}{}</table></div>',
        scroll,
        when(id, ' id="{}"'),
        " t-stack" if stack else "",
        when(css, " {}"),
        format_html("<caption{}>{}</caption>", hidden, caption) if caption else EMPTY,
        content,
    )


def th(
    context: Context, label: str, sort: str = "", num: bool = False, param: str = "sort", target: str = ""
) -> SafeString:
    """A column's header; with `sort` a link that sorts by it, and back. The page reads ?sort=name or
    ?sort=-name.

    Right:  {% th _("Deadline") sort="deadline" %}    {% th _("Value") sort="value" num=True %}
    """
    css = mark_safe(' class="num"') if num else EMPTY
    if not sort:
        return format_html('<th scope="col"{}>{}</th>', css, label)
    current = _query(context).get(param, "")
    state, symbol = {
        sort: ("ascending", "chevron-up"),
        f"-{sort}": ("descending", "chevron-down"),
    }.get(current, ("none", "arrows-sort"))
    url = url_with(context, **{param: f"-{sort}" if current == sort else sort, "page": None})
    return format_html(
        '<th scope="col"{} aria-sort="{}"><a class="t-sort" href="{}"{}>{}{}</a></th>',
        css,
        state,
        url,
        _htmx(url, target),
        label,
        icon(symbol),
    )


def facts(content: str, wide: bool = False) -> SafeString:
    """Names and values about one thing; each is a `fact`. `wide` puts values under their names.

    Right:  {% facts %}{% fact _("Deadline") %}2023{% endfact %}{% endfacts %}
    """
    return format_html('<dl class="t-facts{}">{}</dl>', " t-facts-wide" if wide else "", content)


def fact(content: str, label: str) -> SafeString:
    """One row of `facts`. Nothing prints an en dash, which is not zero."""
    value = content if content.strip() else formats.NOTHING
    return format_html("<div><dt>{}</dt><dd>{}</dd></div>", label, value)


def pager(context: Context, page: Page[Any], param: str = "page", target: str = "") -> SafeString:
    """How many rows there are, and links to the neighbouring pages that keep the rest of the query.

    Right:  {% pager page_obj %}    {% pager page_obj target="#rows" %}    (htmx then changes only #rows)
    """
    total = page.paginator.count
    if page.paginator.num_pages <= 1:
        words = ngettext("%(total)s row", "%(total)s rows", total) % {"total": formats.number(total)}
        return format_html('<p class="t-pager-count">{}</p>', words) if total else EMPTY
    words = ngettext("%(first)s–%(last)s of %(total)s row", "%(first)s–%(last)s of %(total)s rows", total) % {
        "first": formats.number(page.start_index()),
        "last": formats.number(page.end_index()),
        "total": formats.number(total),
    }

    def link(to: int, text: Any, extra: SafeString = EMPTY, css: str = "") -> SafeString:
        url = url_with(context, **{param: to})
        return format_html(
            '<li class="page-item{}"><a class="page-link" href="{}"{}{}>{}</a></li>',
            css,
            url,
            extra,
            _htmx(url, target),
            text,
        )

    links: list[SafeString] = []
    if page.has_previous():
        extra = format_html(' rel="prev" aria-label="{}"', _("Previous page"))
        links.append(link(page.previous_page_number(), icon("chevron-left"), extra))
    for entry in page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1):
        if entry == page.number:
            current = mark_safe(' aria-current="page"')
            links.append(link(page.number, formats.number(entry), current, " active"))
        elif isinstance(entry, int):
            links.append(link(entry, formats.number(entry)))
        else:
            links.append(mark_safe('<li class="page-item disabled"><span class="page-link">…</span></li>'))
    if page.has_next():
        extra = format_html(' rel="next" aria-label="{}"', _("Next page"))
        links.append(link(page.next_page_number(), icon("chevron-right"), extra))
    return format_html(
        '<nav class="t-pager" aria-label="{}"><p class="t-pager-count">{}</p>'
        '<ul class="pagination">{}</ul></nav>',
        _("Pages"),
        words,
        mark_safe("".join(links)),
    )


def filters(
    context: Context, content: str, clear: str = "", target: str = "", label: str = "", submit: str = ""
) -> SafeString:
    """Fields that narrow the rows below. Sent as a GET, so that the result has an address; the sorting is
    kept.

    With `target` a change is applied at once; the button stays for keyboards and for no script.

    Right:  {% filters clear=request.path target="#rows" %}{% field form.state %}{% endfilters %}
    """
    live = when(
        target,
        ' hx-target="{0}" hx-select="{0}" hx-get="" hx-trigger="change, submit" hx-swap="outerHTML"'
        ' hx-push-url="true"',
    )
    return format_html(
        '<form class="t-filters" method="get" role="search" aria-label="{}"{}>{}{}'
        '<div class="t-filters-actions"><button class="btn" type="submit">{}{}</button>{}</div></form>',
        label or _("Filter"),
        live,
        content,
        when(_query(context).get("sort"), '<input type="hidden" name="sort" value="{}">'),
        icon("filter"),
        submit or _("Show"),
        when(clear, '<a class="btn btn-link" href="{}">{}</a>', _("Clear")),
    )


def tree(nodes: Sequence[Mapping[str, Any]], label: str = "", depth_open: int = 1) -> SafeString:
    """Nested rows with their numbers at the right edge. A node: label, and maybe code, url, value, note,
    badge, children.

    Nodes above `depth_open` are open at first, as is one with open=True. `badge` is what the `badge` tag
    returns.

    Right:  {% tree nodes label=_("The strategy") depth_open=2 %}
    """
    return format_html(
        '<ul class="t-tree"{}>{}</ul>', when(label, ' aria-label="{}"'), _branch(nodes, depth_open)
    )


def _branch(nodes: Sequence[Mapping[str, Any]], still_open: int) -> SafeString:
    return mark_safe("".join(_node(node, still_open) for node in nodes))


def _node(node: Mapping[str, Any], still_open: int) -> SafeString:
    row = format_html(
        '<div class="t-tree-row">{}<span class="t-tree-label">{}{}</span>{}{}</div>',
        when(node.get("code"), '<span class="t-tree-code">{}</span>'),
        when(node.get("url"), '<a href="{}">{}</a>', node["label"]) or node["label"],
        when(node.get("note"), ' <span class="t-tree-note">{}</span>'),
        node.get("badge") or EMPTY,
        format_html('<span class="t-tree-value">{}</span>', shown(node["value"]))
        if "value" in node
        else EMPTY,
    )
    if not node.get("children"):
        return format_html("<li>{}</li>", row)
    # The row stays outside of the summary: a screen reader cannot reach a link inside a control.
    return format_html(
        '<li>{}<details{}><summary aria-label="{}"></summary><ul>{}</ul></details></li>',
        row,
        mark_safe(" open") if still_open > 0 or node.get("open") else EMPTY,
        _("Parts of: %(name)s") % {"name": node["label"]},
        _branch(node["children"], still_open - 1),
    )
