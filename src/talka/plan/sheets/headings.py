"""The headings over the tables of a plan: “1. Rīcības virziens “…”” and below it “1.1. Prioritāte “…””."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from talka.core.formats import clean
from talka.core.values import plain

_NUMBERED = re.compile(r"(?P<number>[0-9]{1,2}(?:\.[0-9]{1,2})*)\.?\s+(?P<rest>\S.*)")
_WORDS = {
    "direction": ("ricibas virziens", "direction of action", "strategic direction", "direction"),
    "priority": ("prioritate", "priority"),
}
# What else begins with a number, above a table.
_NO_HEADING = ("pielikums", "annex", "gada", "tabula", "lapa")
_OPENING, _CLOSING = "“„\"«‘'", "”“\"»’'"


@dataclass(frozen=True)
class Heading:
    """What a reader knows above a row: direction and priority, by number and title, as far as they are printed."""

    direction_number: str = ""
    direction_title: str = ""
    number: str = ""
    title: str = ""

    def under(self, text: str) -> Heading | None:
        """This heading with what a further line says; None if that line is no heading."""
        parsed = parse(text)
        if parsed is None:
            return None
        kind, number, title = parsed
        if kind == "direction":
            return Heading(direction_number=number, direction_title=title)
        return replace(self, number=number, title=title)


def parse(text: str) -> tuple[str, str, str] | None:
    """("direction" or "priority", number, title) of a heading; typing errors in its first words do not matter.

    >>> parse("1.1. Prioritāte “Jomas prestiža celšana”")
    ('priority', '1.1', 'Jomas prestiža celšana')
    """
    line = " ".join(clean(text).split())
    numbered = _NUMBERED.fullmatch(line)
    number, rest = (numbered["number"], numbered["rest"]) if numbered else ("", line)
    for kind, keywords in _WORDS.items():
        for keyword in keywords:
            count = len(keyword.split())
            words = rest.split()
            first = plain(" ".join(words[:count])).strip(":.,")
            if len(words) > count and SequenceMatcher(None, first, keyword, autojunk=False).ratio() >= 0.85:
                title = unquoted(rest.split(maxsplit=count)[count].lstrip(":–- "))
                return (kind, number, title) if title else None
    if not number or plain(rest).startswith(_NO_HEADING):
        return None
    depth = number.count(".") + 1
    return {1: ("direction", number, unquoted(rest)), 2: ("priority", number, unquoted(rest))}.get(depth)


def unquoted(text: str) -> str:
    """The text without the quotation marks around it; the closing one may be missing."""
    if text[:1] and text[0] in _OPENING:
        text = text[1:]
        if text[-1:] and text[-1] in _CLOSING:
            text = text[:-1]
    return text.strip()


@functools.lru_cache(maxsize=1024)
def split_number(text: str, kind: str) -> tuple[str, str]:
    """The number and the title in a cell of the column of directions or priorities: “1.1. Jomas prestiža celšana”.

    A heading that was copied whole into the cell, with its first words and quotation marks, is stripped of them.
    """
    line = " ".join(clean(text).split())
    numbered = _NUMBERED.fullmatch(line)
    number, rest = (numbered["number"], numbered["rest"]) if numbered else ("", line)
    parsed = parse(rest)
    whole = parsed is not None and parsed[0] == kind and rest[-1:] in _CLOSING
    return number, parsed[2] if parsed and whole else rest
