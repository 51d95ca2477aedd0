"""What the parts share: tones, icons, printed values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template import TemplateSyntaxError
from django.templatetags.static import static
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from talka.ui import formats

# What a colour means, and its sign. A tone comes with its sign and with words: nobody has to see the colour.
TONES = {
    "good": "circle-check",
    "warning": "alert-triangle",
    "bad": "alert-circle",
    "info": "info-circle",
    "progress": "progress",
    "neutral": "circle-dashed",
}
SPRITE = Path(__file__).parents[1] / "static" / "vendor" / "icons" / "icons.svg"
EMPTY = mark_safe("")


@cache
def icons() -> frozenset[str]:
    """Names of the icons in the sprite; the list they come from is ICONS in tools/vendor.mjs."""
    return frozenset(re.findall(r'<symbol id="([^"]+)"', SPRITE.read_text(encoding="utf-8")))


def known(name: str, names: Iterable[str], what: str, otherwise: str) -> str:
    """The name if it is one of ours. Else, while the house is built, an error that tells the nearest ones.

    Once people use it, a page with a wrong picture is better than no page: then `otherwise`.
    """
    if name in names:
        return name
    if not (settings.DEBUG or settings.TESTING):
        return otherwise
    near = get_close_matches(str(name), list(names), n=3, cutoff=0.4) or sorted(names)
    raise TemplateSyntaxError(f"There is no {what} {name!r}; there are: {', '.join(near)}.")


def tone_class(tone: str) -> str:
    """The class of a tone, which sets --t-tone and --t-tone-soft."""
    return f"t-tone-{known(tone, TONES, 'tone', 'neutral')}"


def tone_icon(tone: str) -> SafeString:
    """The sign of a tone."""
    return icon(TONES[known(tone, TONES, "tone", "neutral")])


def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """An icon, hidden from screen readers unless `label` says what it means.

    Right:  {% icon "printer" %} {% translate "Print" %}
    Wrong:  <button>{% icon "printer" %}</button>     (a button without a name: pass label=)
    """
    return _drawn(known(name, icons(), "icon", "circle-dashed"), label, css)


@lru_cache(maxsize=1024)  # a list of states draws the same sign fifty times
def _drawn(name: str, label: str, css: str) -> SafeString:
    href = f"{static('vendor/icons/icons.svg')}#{name}"
    spoken = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html('<svg class="{}" {}><use href="{}"></use></svg>', f"icon {css}".rstrip(), spoken, href)


def when(value: Any, html: str, *more: Any) -> SafeString:
    """The html with the value in it, or nothing where there is no value."""
    return format_html(html, value, *more) if value else EMPTY


def shown(value: Any) -> Any:
    """A number as its reader writes it, an en dash for None, anything else as it is."""
    if value is None:
        return formats.NOTHING
    return formats.number(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def time(value: Any) -> SafeString:
    """A day or a moment as <time>, for people and for machines; text is passed through.

    Right:  {% time report.sent_at %}
    """
    if isinstance(value, datetime):
        return format_html('<time datetime="{}">{}</time>', value.isoformat(), formats.moment(value))
    if isinstance(value, date):
        return format_html('<time datetime="{}">{}</time>', value.isoformat(), formats.day(value))
    return conditional_escape(formats.NOTHING if value is None else value)
