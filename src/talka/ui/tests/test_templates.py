"""What the Content-Security-Policy would refuse is found here, in every room's templates, before a browser finds it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.template import engines

from talka.ui.parts.base import icons

SOURCE = Path(__file__).parents[3]  # src/
TEMPLATES = sorted(SOURCE.glob("*/**/templates/**/*.html"))
PARTS = sorted((SOURCE / "talka" / "ui").glob("[!t]*/**/*.py")) + sorted(
    (SOURCE / "talka" / "ui").glob("*.py")
)

COMMENT = re.compile(r"\{#.*?#\}|\{%\s*comment\b.*?%\}.*?\{%\s*endcomment\s*%\}", re.DOTALL)
CONFIRM, CONFIRMED = re.compile(r"\{%\s*confirm\b.*?%\}", re.DOTALL), re.compile(r"\{%\s*endconfirm\s*%\}")
TAG, VALUE = re.compile(r"\{%.*?%\}", re.DOTALL), re.compile(r"\{\{.*?\}\}", re.DOTALL)


class Refusals(HTMLParser):
    """What a strict policy, or this house, refuses in markup."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.script = self.form = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self.script = tag == "script"
        if tag == "form":
            if self.form:
                self.found.append(
                    "a form, or {% confirm %}, within a form: HTML drops it; let it stand beside"
                )
            self.form = True
        if tag == "style":
            self.found.append("<style>: write it in static/<room>/*.css")
        if tag == "script" and "src" not in names:
            self.found.append("<script> without src: write it in a file")
        for name, value in attrs:
            if name == "style":
                self.found.append(f"style={value!r} on <{tag}>: use a class")
            if name.startswith(("on", "hx-on")):
                self.found.append(f"{name} on <{tag}>: add a listener in a file")
            if name.startswith("data-bs-") and name != "data-bs-theme":
                self.found.append(
                    f"{name} on <{tag}>: Bootstrap's script is not here; use <details>, <dialog>, popover"
                )
            if name in ("src", "href", "action") and (value or "").lower().startswith("javascript:"):
                self.found.append(f"{name}={value!r} on <{tag}>: a script in an address")
            if (
                tag in ("script", "link", "img")
                and name in ("src", "href")
                and re.match(r"(https?:)?//", value or "")
            ):
                self.found.append(f"{name}={value!r} on <{tag}>: everything is served from here")

    def handle_endtag(self, tag: str) -> None:
        self.script = False
        if tag == "form":
            self.form = False

    def handle_data(self, data: str) -> None:
        if self.script and data.strip():
            self.found.append("text inside <script>: write it in a file")


def refused(source: str) -> list[str]:
    """Each thing in a template that would be refused, with what would be right."""
    parser = Refusals()
    # The quotes of template tags would end attributes early: without them the markup is whole.
    source = CONFIRMED.sub("</form>", CONFIRM.sub("<form>", VALUE.sub("x", COMMENT.sub("", source))))
    parser.feed(TAG.sub(" ", source))
    parser.close()
    return parser.found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_template_needs_a_weaker_policy(path: Path) -> None:
    assert refused(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('<p style="color:red">', "style='color:red' on <p>"),
        ('<p {% if x %}style="{{ y }}"{% endif %}>', "style='x' on <p>"),
        ("<style>p{}</style>", "<style>"),
        ("<script>let x</script>", "<script> without src"),
        ('<script src="/x.js">let x</script>', "text inside <script>"),
        ('<script type="application/json">{{ data }}</script>', "<script> without src"),
        ('<button onclick="go()">', "onclick on <button>"),
        ('<form hx-on:submit="go()">', "hx-on:submit on <form>"),
        ('<button data-bs-toggle="dropdown">', "data-bs-toggle on <button>"),
        ("<form><p><form>", "within a form"),
        ("<form>{% confirm id='x' %}sure?{% endconfirm %}</form>", "within a form"),
        ('<a href="javascript:void(0)">', "a script in an address"),
        ('<script src="https://cdn.example/x.js"></script>', "everything is served from here"),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "everything is served from here"),
    ],
)
def test_the_search_finds_what_it_looks_for(source: str, found: str) -> None:
    assert found in " ".join(refused(source))


@pytest.mark.parametrize(
    "source",
    [
        '<script src="{% static "talka/talka.js" %}" defer></script>',
        '{# <p style="x"> #}<p class="{% if a %}b{% endif %}">',
        "{% comment %}<script>let x</script>{% endcomment %}",
        '<html data-bs-theme="dark"><a href="https://example.org/">out</a>',
        '<svg><rect width="10" height="5"/></svg>',
        "<form></form>{% confirm id='x' %}sure?{% endconfirm %}<form></form>",
    ],
)
def test_the_search_lets_pass_what_is_allowed(source: str) -> None:
    assert refused(source) == []


def test_there_are_templates_to_search() -> None:
    assert SOURCE / "talka" / "ui" / "templates" / "ui" / "base.html" in TEMPLATES


@pytest.mark.parametrize("path", PARTS, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_part_prints_style_or_script(path: Path) -> None:
    code = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not re.findall(r"<(?:style|script)\b|\s(?:style|on[a-z]+)=\\?[\"']", code)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_icon_that_a_template_names_is_drawn(path: Path) -> None:
    source = COMMENT.sub("", path.read_text(encoding="utf-8"))
    named = re.findall(r'\{%\s*icon\s+"([^"]+)"|\bsymbol="([^"]+)"', source)
    assert {a or b for a, b in named} - icons() == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_template_can_be_read(path: Path) -> None:
    name = str(path).split("/templates/", 1)[1]
    assert engines["django"].get_template(name)
