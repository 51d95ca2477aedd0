"""Boxes, numbers, states, messages, and what opens on a click. Nothing here needs script to work."""

from __future__ import annotations

from typing import Any

from django.middleware.csrf import get_token
from django.template.context import Context
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from talka.ui.parts.base import EMPTY, icon, shown, tone_class, tone_icon, when


def card(
    content: str,
    title: str = "",
    href: str = "",
    note: str = "",
    flush: bool = False,
    id: str = "",  # noqa: A002 -- the HTML word
) -> SafeString:
    """A box, with a heading if it has a title. `flush` lets a table reach its edges.

    Right:  {% card title=_("Reports") flush=True %}{% table %}…{% endtable %}{% endcard %}
    Wrong:  a card inside a card
    """
    heading = when(href, '<a href="{}">{}</a>', title) or title
    header = when(
        heading,
        '<div class="card-header"><h2 class="card-title">{}</h2>{}</div>',
        when(note, '<span class="t-card-note">{}</span>'),
    )
    return format_html(
        '<section class="card"{}>{}<div class="{}">{}</div></section>',
        when(id, ' id="{}"'),
        header,
        "t-card-flush" if flush else "card-body",
        content,
    )


def tiles(content: str, label: str = "") -> SafeString:
    """A row of `tile`s."""
    return format_html('<ul class="t-tiles"{}>{}</ul>', when(label, ' aria-label="{}"'), content)


def tile(
    label: str, value: Any, href: str = "", note: str = "", tone: str = "", unit: str = ""
) -> SafeString:
    """One number with its name, in `tiles`. A tone puts its sign before the note.

    Right:  {% tile _("Late") 3 href="?state=late" tone="bad" note=_("2 more than last month") %}
    Wrong:  {% tile "Late" 3 tone="bad" %}    (no href: where are the three?)
    """
    inner = format_html(
        '<span class="t-tile-label">{}</span><span class="t-tile-value">{}{}</span>{}',
        label,
        shown(value),
        when(unit, ' <span class="t-tile-unit">{}</span>'),
        format_html(
            '<span class="t-tile-note {}">{}{}</span>',
            tone_class(tone) if tone else "",
            tone_icon(tone) if tone else EMPTY,
            note,
        )
        if note or tone
        else EMPTY,
    )
    linked = when(href, '<a href="{}">{}</a>', inner) or format_html("<span>{}</span>", inner)
    return format_html('<li class="t-tile">{}</li>', linked)


def badge(text: Any, tone: str = "", symbol: str = "", title: str = "") -> SafeString:
    """A state in words with its sign and colour; without a tone a quiet label.

    Right:  {% badge _("Late") tone="bad" %}    {% badge "EM" title=_("Ministry of Economics") %}
    Wrong:  <span class="badge bg-red"></span>    (a colour alone says nothing to many readers)
    """
    return format_html(
        '<span class="t-badge {}"{}>{}{}</span>',
        tone_class(tone) if tone else "",
        when(title, ' title="{}"'),
        icon(symbol) if symbol else tone_icon(tone) if tone else EMPTY,
        text,
    )


def notice(content: str, title: str = "", tone: str = "info", role: str = "") -> SafeString:
    """A message within the page. role="alert" is only for what must interrupt a screen reader.

    Right:  {% notice tone="warning" title=_("The period is closed") %}Ask for it to be opened.{% endnotice %}
    """
    return format_html(
        '<div class="t-notice {}"{}>{}<div>{}<div>{}</div></div></div>',
        tone_class(tone),
        when(role, ' role="{}"'),
        tone_icon(tone),
        when(title, '<p class="t-notice-title">{}</p>'),
        content,
    )


def empty_state(
    title: str,
    text: str = "",
    url: str = "",
    label: str = "",
    symbol: str = "inbox",
    secondary_url: str = "",
    secondary_label: str = "",
) -> SafeString:
    """Where there is nothing yet: what will live here, how to begin, and the button that begins.

    Right:  {% empty_state _("No reports yet") _("They will stand here.") url=add label=_("Send a report") %}
    Wrong:  {% empty_state "Nothing found" %}    (and now what?)
    """
    buttons = format_html_join(
        " ",
        '<a class="btn {}" href="{}">{}</a>',
        (
            (css, to, words)
            for css, to, words in (("btn-primary", url, label), ("", secondary_url, secondary_label))
            if to and words
        ),
    )
    return format_html(
        '<div class="t-empty">{}<p class="t-empty-title">{}</p>{}{}</div>',
        icon(symbol),
        title,
        when(text, '<p class="t-empty-text">{}</p>'),
        when(buttons, '<p class="t-empty-action">{}</p>'),
    )


def menu(
    content: str,
    label: str,
    symbol: str = "",
    css: str = "btn",
    end: bool = False,
    hide_label: bool = False,
) -> SafeString:
    """A small menu of links and buttons. `end` opens it leftwards, `hide_label` leaves only the symbol to
    be seen.

    Right:  {% menu _("Download") symbol="download" %}<a class="dropdown-item" href="…">Word</a>{% endmenu %}
    Wrong:  data-bs-toggle="dropdown"    (Bootstrap's script is not here)
    """
    return format_html(
        '<details class="t-menu{}" data-menu><summary class="{}">{}<span{}>{}</span>{}</summary>'
        '<div class="dropdown-menu">{}</div></details>',
        " t-menu-end" if end else "",
        css,
        icon(symbol) if symbol else EMPTY,
        when("visually-hidden" if hide_label else "", ' class="{}"'),
        label,
        EMPTY if hide_label else icon("chevron-down", css="t-chevron"),
        content,
    )


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
    """A button that asks before it acts. The content says what will happen and may hold fields to post.

    Right:  {% confirm id="drop-7" button=_("Drop") action=url title=_("Drop this?") label=_("Drop it") %}
              <p>Its reports are kept.</p>{% field drop_form.reason %}{% endconfirm %}
    Wrong:  <a href="/delete/7/">    (a link must never change anything)
    Wrong:  inside of another form    (HTML has no form within a form)
    """
    request = context.get("request")
    token = when(
        request and get_token(request), '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'
    )
    opener = format_html(
        '<button class="btn {0}" type="button" command="show-modal" commandfor="{1}" data-dialog="{1}">'
        "{2}{3}</button>",
        css,
        id,
        icon(symbol) if symbol else EMPTY,
        button,
    )
    buttons = format_html(
        '<div class="t-form-actions"><button class="btn btn-{}" type="submit">{}</button>'
        '<button class="btn btn-link" type="submit" formmethod="dialog" formnovalidate>{}</button></div>',
        tone,
        label or button,
        _("Cancel"),
    )
    return format_html(
        '{opener}<dialog class="t-dialog" id="{id}" aria-labelledby="{id}-title">'
        '<form method="post" action="{action}">{token}<h2 id="{id}-title">{title}</h2>'
        '<div class="t-dialog-body">{content}</div>{buttons}</form></dialog>',
        opener=opener,
        id=id,
        action=action,
        token=token,
        title=title or button,
        content=content,
        buttons=buttons,
    )
