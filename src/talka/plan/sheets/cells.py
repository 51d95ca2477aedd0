"""What people write into one cell: several institutions, several sources of funding, a deadline.

Names hold commas, dashes and the word “un” themselves, so a cell is not cut at those but searched for the longest
known spellings; only what is left over is cut, and asked about.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from talka.core.formats import clean
from talka.core.sheets import BadCell, Column, Lines, Number, Plain, When
from talka.core.values import BadValue, Period
from talka.parties.models import Organisation
from talka.plan import queries
from talka.plan.models import FundingSource, Measure

# Between two parties for certain (hard); and perhaps, since names hold these too.
_SEPARATOR = re.compile(
    r"(?P<hard>\s*[,;\n]\s*)|\s+(?:un|and|&|sadarbībā ar|kopā ar)\s+|\s*/\s*|\s+[-–—]\s+|\s*\(\s*|\s*\)\s*"
)
_AND_OTHERS = re.compile(r"(?:^|[\s,])(?:u\.\s?c\.|etc\.|and others|un citi|un citas)$", re.IGNORECASE)
_SENTENCE = re.compile(r"\s*[;\n]\s*|(?<=\w{3})\.\s+(?=[A-ZĀČĒĢĪĶĻŅŠŪŽ])|,\s+|\s+(?:un|and)\s+")
LONGEST_NAME = 10  # parts that separators may cut one name into


@dataclass(frozen=True)
class Piece:
    """A part of a cell: its text, and the rows that are spelt like that (none: unknown; several: unclear)."""

    text: str
    found: tuple[Any, ...] = ()


def split_parties(text: str, known: Mapping[str, Sequence[Organisation]]) -> list[Piece]:
    """The institutions named in a cell, in order, the longest known spelling first.

    Parted by commas, semicolons and line breaks; by “un”, “and”, a slash, a dash or brackets only where a known name
    stands on one side. “u. c.” at the end names nobody.
    """
    marks = list(_SEPARATOR.finditer(text))
    starts = [0, *(mark.end() for mark in marks)]
    ends = [*(mark.start() for mark in marks), len(text)]

    def at(first: int) -> tuple[Piece, int] | None:
        """The longest known name that begins with this part, and the part after it."""
        for last in range(min(first + LONGEST_NAME, len(ends)) - 1, first - 1, -1):
            # A name may itself end with a bracket, which would else be taken for a separator.
            closed = last < len(marks) and marks[last].group().strip() == ")"
            for end in (marks[last].end(), ends[last]) if closed else (ends[last],):
                name = text[starts[first] : end].strip()
                bare = _AND_OTHERS.sub("", name).rstrip(" ,")
                for each in dict.fromkeys((name, bare)):
                    if found := known.get(queries.spelling(each)):
                        return Piece(each, tuple(found)), last + 1
        return None

    pieces: list[Piece] = []
    part = 0
    while part < len(starts):
        if known_here := at(part):
            piece, part = known_here
            pieces.append(piece)
            continue
        last = part
        while last < len(marks) and not marks[last].group("hard") and at(last + 1) is None:
            last += 1
        name = _AND_OTHERS.sub("", text[starts[part] : ends[last]].strip()).strip(" ,")
        if name:
            pieces.append(Piece(name))
        part = last + 1
    return pieces


def split_funding(text: str, known: Mapping[str, FundingSource]) -> list[Piece]:
    """The sources of funding described in a cell. A description without a known source is one too: free text.

    Cut where sentences end and at semicolons and line breaks; at commas and “un” only where both sides name a source
    or are of a few words, since descriptions are full of them.
    """
    pieces: list[Piece] = []
    waiting, joint = "", ""
    position = 0
    for mark in [*_SENTENCE.finditer(text), None]:
        part = text[position : mark.start() if mark else len(text)]
        if (
            joint
            and waiting
            and joint.strip() in _WEAK
            and not all(_stands_alone(each, known) for each in (waiting, part))
        ):
            waiting = f"{waiting}{joint}{part}"
        else:
            pieces += _described(waiting, known)
            waiting = part
        if mark:
            joint, position = mark.group(), mark.end()
    pieces += _described(waiting, known)
    return pieces


_WEAK = {",", "un", "and"}


def _stands_alone(text: str, known: Mapping[str, FundingSource]) -> bool:
    return len(text.split()) <= 3 or _source_in(text, known) is not None


def _described(text: str, known: Mapping[str, FundingSource]) -> list[Piece]:
    text = text.strip().rstrip(".") if not text.strip().endswith("u.c.") else text.strip()
    if not text.strip():
        return []
    source = _source_in(text, known)
    return [Piece(text, (source,) if source else ())]


def _source_in(text: str, known: Mapping[str, FundingSource]) -> FundingSource | None:
    """The source whose spelling stands in the text as whole words; the longest if there are several."""
    words = queries.spelling(text)
    if words in known:
        return known[words]
    padded = " " + re.sub(r"[^\w]+", " ", words) + " "
    best = ""
    for key in known:
        plain = re.sub(r"[^\w]+", " ", key)
        if f" {plain} " in padded and len(key) > len(best):
            best = key
    return known.get(best)


def nearest(text: str, known: Mapping[str, Sequence[Organisation]]) -> list[str]:
    """The names of up to three known institutions that are spelt most alike."""
    near = difflib.get_close_matches(queries.spelling(text), list(known), n=5, cutoff=0.5)
    names = [
        f"{each.acronym} ({each.name})" if each.acronym else each.name for key in near for each in known[key]
    ]
    return list(dict.fromkeys(names))[:3]


# ---------------------------------------------------------------- columns


@dataclass(frozen=True)
class Written:
    """What a cell stands for, and how it was written."""

    items: list[Any] = field(default_factory=list)
    text: str = ""


# How people mark a cell of a form that they left empty on purpose.
LEFT_EMPTY = frozenset({"-", "–", "—", "−", "nav"})


def _several(raw: Any) -> Any:
    text = "\n".join(map(str, raw)) if isinstance(raw, list | tuple) else raw
    return "" if str(text).strip().casefold() in LEFT_EMPTY else text


@dataclass(frozen=True)
class Parties(Column):
    """Several institutions in one cell, by acronym, name or any other known spelling; see `split_parties`."""

    max_length: int = 5000
    part: str = ""

    def empty(self) -> Any:
        return Written()

    def take(self, raw: Any, context: Any) -> Any:
        return super().take(_several(raw), context)

    def parse(self, text: str, context: Any) -> Any:
        text = clean(super().parse(text, context))
        known = context.lookup("organisations", lambda _parent: queries.organisation_spellings())
        pieces = split_parties(text, known)
        wrong = [self._complaint(piece, known) for piece in pieces if len(piece.found) != 1]
        if wrong:
            raise BadCell("; ".join(wrong))
        return Written(list(dict.fromkeys(piece.found[0] for piece in pieces)), text)

    def _complaint(self, piece: Piece, known: Mapping[str, Sequence[Organisation]]) -> str:
        quoted = piece.text if len(piece.text) <= 80 else piece.text[:79] + "…"
        if piece.found:
            names = ", ".join(f"{each.name} ({each.code})" for each in piece.found)
            return _("“%(text)s” may be any of: %(names)s; write it in full") % {
                "text": quoted,
                "names": names,
            }
        message = _("no institution is called “%(text)s”") % {"text": quoted}
        near = nearest(piece.text, known) if len(piece.text) <= 300 else []
        return message + (", " + _("nearest: %(names)s") % {"names": ", ".join(near)} if near else "")

    def read(self, row: Measure) -> Any:
        return Written(queries.parties(row, self.part), queries.printed_parties(row, self.part))

    def show(self, value: Written) -> str:
        return queries.join_parties(value.items)


@dataclass(frozen=True)
class Sources(Column):
    """Sources of funding as people describe them in one cell; empty: not found yet. See `split_funding`."""

    max_length: int = 5000

    def empty(self) -> Any:
        return Written()

    def take(self, raw: Any, context: Any) -> Any:
        return super().take(_several(raw), context)

    def parse(self, text: str, context: Any) -> Any:
        text = clean(super().parse(text, context))
        known = context.lookup("funding", lambda _parent: queries.funding_spellings())
        items = [
            {"source": piece.found[0] if piece.found else None, "text": piece.text}
            for piece in split_funding(text, known)
        ]
        return Written(items or [{"source": None, "text": text}], text)

    def read(self, row: Measure) -> Any:
        return Written([], queries.printed_funding(row))

    def show(self, value: Written) -> str:
        return value.text


@dataclass(frozen=True)
class Due(When):
    """A deadline as precise as it is known; refused in the reader's language."""

    def parse(self, text: str, context: Any) -> Any:
        try:
            return str(Period.parse(text))
        except BadValue as error:
            raise BadCell(error.words((get_language() or "lv")[:2])) from None


@dataclass(frozen=True)
class WrittenDue(Due):
    """A deadline together with how a form prints it."""

    def empty(self) -> Any:
        return Written()

    def take(self, raw: Any, context: Any) -> Any:
        return super().take(_several(raw), context)

    def parse(self, text: str, context: Any) -> Any:
        return Written([super().parse(text, context)], text)

    def read(self, row: Measure) -> Any:
        return Written([row.deadline] if row.deadline else [])

    def show(self, value: Written) -> str:
        return value.items[0] if value.items else ""


@dataclass(frozen=True)
class Line(Column):
    """A text on one line, however it was broken in the file."""

    def parse(self, text: str, context: Any) -> Any:
        return super().parse(" ".join(clean(text).split()), context)


@dataclass(frozen=True)
class Texts(Lines):
    """The lines of rows below: `relation` and `column` say which. A missing translation is a dash among others."""

    relation: str = ""
    column: str = ""

    def parse(self, text: str, context: Any) -> Any:
        return ["" if line == "–" else line for line in super().parse(clean(text), context)]

    def read(self, row: Any) -> Any:
        return [getattr(each, self.column) for each in getattr(row, self.relation)]

    def show(self, value: Any) -> str:
        return "\n".join(line or "–" for line in value) if any(value) else ""


@dataclass(frozen=True)
class Printed(Column):
    """How the plan prints a cell, where a file says so."""

    printed: Callable[[Any], str] = str

    def parse(self, text: str, context: Any) -> Any:
        return super().parse(clean(text), context)

    def read(self, row: Any) -> Any:
        return self.printed(row)


FUNDING_KEYS = ("source", "text", "amount", "currency", "until")


@dataclass(frozen=True)
class FundingRows(Plain):
    """Sources of funding with every column, as a list of mappings: source (its code), text, amount, currency, until."""

    max_length: int = 20000

    def empty(self) -> Any:
        return []

    def take(self, raw: Any, context: Any) -> Any:
        rows = super().take(raw, context)
        known = context.lookup("funding", lambda _parent: queries.funding_spellings())
        return [self._row(row, known) for row in rows]

    def _row(self, row: Any, known: Mapping[str, FundingSource]) -> dict[str, Any]:
        if not isinstance(row, dict) or not row.keys() <= set(FUNDING_KEYS):
            raise BadCell(
                _("a source of funding is given as a mapping with %(keys)s")
                % {"keys": ", ".join(FUNDING_KEYS)}
            )
        source = known.get(queries.spelling(str(row.get("source") or "")))
        if row.get("source") and source is None:
            raise BadCell(_("no source of funding is called “%(code)s”") % {"code": str(row["source"])[:80]})
        amount, until = str(row.get("amount") or ""), str(row.get("until") or "")
        return {
            **row,
            "source": source,
            "amount": Number("amount", "").parse(amount, None) if amount else None,
            "until": Due("until", "").parse(until, None) if until else "",
        }

    def read(self, row: Measure) -> Any:
        return [
            {
                "source": each.funding_source,
                "text": each.text,
                "amount": each.amount,
                "currency": each.currency if each.amount is not None else "",
                "until": each.until,
            }
            for each in row.funding_rows
        ]

    def show(self, value: Any) -> str:
        plain = [{key: _funding_text(key, row[key]) for key in FUNDING_KEYS if row.get(key)} for row in value]
        return super().show(plain)


def _funding_text(key: str, value: Any) -> str:
    if key == "source":
        return str(value.code)
    return f"{value.quantize(CENT)}" if key == "amount" else str(value)


CENT = Decimal("0.01")
