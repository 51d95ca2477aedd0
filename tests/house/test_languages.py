"""Latvian and English are complete: every string on a page is marked, and every marked string is translated."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import polib
import pytest
from django.template.base import Lexer, TokenType

from talka.core import formats, translations

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "talka"
ROOMS = [*sorted(path.parent for path in PACKAGE.glob("*/apps.py")), PACKAGE]
MARKERS = {
    "gettext",
    "gettext_lazy",
    "ngettext",
    "ngettext_lazy",
    "pgettext",
    "pgettext_lazy",
    "_",
    "gettext_noop",
}
TRANS = re.compile(r"""^(?:trans|translate)\s+(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")
CONTEXT = re.compile(r"""\bcontext\s+["']([^"']*)["']""")
FILTERED = re.compile(r"""_\(\s*(?:"([^"]*)"|'([^']*)')\s*\)""")


Message = tuple[str, str]  # context and message id (the singular)


def python_strings(path: Path) -> Iterator[tuple[Message, int]]:
    """Marked strings of a Python file and their lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in MARKERS and node.args:
            first = node.args[1] if name.startswith("pgettext") else node.args[0]
            with_context = name.startswith("pgettext") and isinstance(node.args[0], ast.Constant)
            context = node.args[0].value if with_context else ""  # type: ignore[attr-defined]  # as just asked
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield (str(context), first.value), node.lineno
            else:
                assert not isinstance(first, ast.JoinedStr), (
                    f"{path}:{node.lineno}: an f-string cannot be translated"
                )


def template_strings(path: Path) -> Iterator[tuple[Message, int]]:
    """Marked strings of a template."""
    block: list[str] | None = None
    context = ""
    trimmed = False
    for token in Lexer(path.read_text(encoding="utf-8")).tokenize():
        if token.token_type == TokenType.BLOCK:
            words = token.contents.split()
            if words[0] in {"blocktranslate", "blocktrans"}:
                block, trimmed, context = [], "trimmed" in words, _context(token.contents)
            elif words[0] in {"endblocktranslate", "endblocktrans"} and block is not None:
                yield (context, _block(block, trimmed)), token.lineno or 0
                block = None
            elif words[0] == "plural" and block is not None:
                yield (context, _block(block, trimmed)), token.lineno or 0
                block = None  # the plural form belongs to the entry just given
            elif match := TRANS.match(token.contents):
                yield (
                    (_context(token.contents), (match[1] or match[2] or "").replace('\\"', '"')),
                    token.lineno or 0,
                )
            else:
                for a, b in FILTERED.findall(token.contents):
                    yield ("", a or b), token.lineno or 0
        elif token.token_type == TokenType.VAR:
            for a, b in FILTERED.findall(token.contents):
                yield ("", a or b), token.lineno or 0
            if block is not None:
                block.append("%(" + token.contents.split("|")[0].strip() + ")s")
        elif token.token_type == TokenType.TEXT and block is not None:
            block.append(token.contents.replace("%", "%%"))


def _context(contents: str) -> str:
    match = CONTEXT.search(contents)
    return match[1] if match else ""


def _block(parts: list[str], trimmed: bool) -> str:
    text = "".join(parts)
    return " ".join(line.strip() for line in text.strip().splitlines()) if trimmed else text


def strings_of(room: Path) -> Iterator[tuple[Message, str]]:
    files = room.rglob("*.py") if room != PACKAGE else room.glob("*.py")
    for path in sorted(files):
        if "tests" in path.parts or "migrations" in path.parts or path.name == "testing.py":
            continue
        for text, line in python_strings(path):
            yield text, f"{path.relative_to(PACKAGE)}:{line}"
    for path in sorted((room / "templates").rglob("*.html")) if room != PACKAGE else ():
        for text, line in template_strings(path):
            yield text, f"{path.relative_to(PACKAGE)}:{line}"


def catalogue() -> dict[Message, polib.POEntry]:
    return {
        (entry.msgctxt or "", entry.msgid): entry
        for po in translations.sources()
        for entry in polib.pofile(str(po), encoding="utf-8")
    }


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_string_is_in_latvian(room: Path) -> None:
    known = catalogue()
    missing = []
    for text, place in strings_of(room):
        entry = known.get(text)
        if not text[1].strip():
            continue
        if entry is None or entry.fuzzy or entry.obsolete:
            missing.append(f"{place}: {text!r}")
        elif entry.msgid_plural:
            if sorted(entry.msgstr_plural) != [0, 1, 2] or not all(entry.msgstr_plural.values()):
                missing.append(f"{place}: {text!r} lacks one of its three Latvian plural forms")
        elif not entry.msgstr:
            missing.append(f"{place}: {text!r}")
    assert missing == []


@pytest.mark.parametrize("po", list(translations.sources()), ids=lambda po: po.relative_to(PACKAGE).parts[0])
def test_translations_keep_their_placeholders(po: Path) -> None:
    wrong = []
    for entry in polib.pofile(str(po), encoding="utf-8"):
        for translated in [entry.msgstr, *entry.msgstr_plural.values()]:
            wanted = set(re.findall(r"%\((\w+)\)", entry.msgid + (entry.msgid_plural or "")))
            used = set(re.findall(r"%\((\w+)\)", translated))
            if translated and not used <= wanted:
                wrong.append((entry.msgid, translated))
            if translated and not entry.msgid_plural and used != wanted:
                wrong.append((entry.msgid, translated))
    assert wrong == []


def test_a_string_has_one_translation() -> None:
    """Rooms share one catalogue at run time: two translations of one string would depend on the rooms' order."""
    seen: dict[tuple[str, str], tuple[str, Path]] = {}
    twice = []
    for po in translations.sources():
        for entry in polib.pofile(str(po), encoding="utf-8"):
            key = (entry.msgctxt or "", entry.msgid)
            if entry.msgid and key in seen and seen[key][0] != entry.msgstr:
                twice.append((entry.msgid, seen[key][0], entry.msgstr))
            seen[key] = (entry.msgstr, po)
    assert twice == []


class BareText(HTMLParser):
    """Collects words in the HTML that no template tag translates, and words in attributes that readers hear."""

    SPOKEN = {"alt", "title", "placeholder", "aria-label", "aria-description"}

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, int]] = []

    def handle_data(self, data: str) -> None:
        if re.search(r"[A-Za-zĀ-ž]{3,}", data):
            self.found.append((data.strip(), self.getpos()[0]))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in self.SPOKEN and value and re.search(r"[A-Za-zĀ-ž]{3,}", value):
                self.found.append((value, self.getpos()[0]))


# Names that are the same in every language.
NAMES = {
    "Talka",
    "Latviešu",
    "English",
    "JSON",
    "CSV",
    "XLSX",
    "DOCX",
    "PDF",
    "IATI",
    "ROR",
    "Excel",
    "Word",
    "XML",
    "Turtle",
    "JSON-LD",
    "HealthDCAT-AP",
    "GDI",
    "MIABIS",
    "FHIR",
    "BBMRI",
}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.glob("*/templates/**/*.html")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_words_stand_bare_in_a_template(path: Path) -> None:
    source, inside, html = path.read_text(encoding="utf-8"), False, []
    for token in Lexer(source).tokenize():
        if token.token_type == TokenType.BLOCK:
            word = token.contents.split()[0]
            inside = (inside or word in {"blocktranslate", "blocktrans", "comment"}) and word not in {
                "endblocktranslate",
                "endblocktrans",
                "endcomment",
            }
            html.append("\n" * token.contents.count("\n"))
        elif token.token_type == TokenType.TEXT:
            html.append(re.sub(r"[^\n]", "", token.contents) if inside else token.contents)
        else:
            html.append("·")
    parser = BareText()
    parser.feed("".join(html))
    bare = [(text, line) for text, line in parser.found if set(re.findall(r"[A-Za-zĀ-ž-]{3,}", text)) - NAMES]
    assert bare == []


def test_every_message_about_a_file_is_in_latvian() -> None:
    """core.formats knows no Django, so its messages are plain data; whoever shows them translates them."""
    known = catalogue()
    messages = [text for each in formats.MESSAGES.values() for text in (each.found, each.expected)]
    missing = [
        text for text in [*messages, *formats.PLACE_WORDS.values()] if text and ("", text) not in known
    ]
    assert missing == []
