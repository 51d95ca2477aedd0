"""Which organisations may be one and the same.

Equal registration numbers and ROR ids cannot be: the database refuses the second one. What remains is what people
do: they write the name a little differently, use the acronym as a name, or give the same website.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from talka.core.stems import fold, stem
from talka.parties.models import Organisation
from talka.parties.queries import organisations, other_names

ALIKE = 0.9  # likeness of two whole names, 0 to 1
WORD_ALIKE = 0.8  # and of each pair of their words: institutes of one university differ in a single word
# fmt: off
COMPARED = ("name_lv", "name_en", "acronym", "code", "kind_of", "helix", "parent", "registration_number", "ror",
            "website", "country", "withdrawn", "source")
# fmt: on
COMMON = 40  # a word that stands in more names than this brings nobody together

# What a company is in law, before or after its name; it is not part of what the company is called.
# fmt: off
LEGAL_FORMS = frozenset({
    "sia", "as", "ik", "ps", "ks", "vsia", "vas", "psia", "pas", "biedriba", "nodibinajums", "valsts",
    "sabiedriba", "ar", "ierobezotu", "atbildibu", "akciju", "ltd", "llc", "inc", "plc", "gmbh", "ag", "oy",
    "oyj", "ab", "uab", "ou",
})
# fmt: on


@dataclass(frozen=True)
class Candidate:
    """Two organisations that may be one, and why. `first` is the one that would be merged into `second`."""

    first: Organisation
    second: Organisation
    reasons: tuple[str, ...]
    likeness: float

    @property
    def key(self) -> str:
        return f"{self.first.pk}-{self.second.pk}"


@dataclass
class _Names:
    """How one organisation is called, taken apart for comparison."""

    organisation: Organisation
    names: dict[str, str] = field(default_factory=dict)  # normal form → as written
    acronyms: set[str] = field(default_factory=set)
    host: str = ""


def candidates() -> list[Candidate]:
    """Every pair that may be one organisation, the most alike first. Two queries, whatever the number of rows."""
    everyone = [_names_of(each) for each in organisations().prefetch_related("other_names")]
    found: dict[tuple[int, int], dict[str, float]] = {}
    for one, other, reason, likeness in [*_by_name(everyone), *_by_acronym(everyone), *_by_host(everyone)]:
        if _related(one.organisation, other.organisation):
            continue
        first, second = sorted((one.organisation, other.organisation), key=_weight)
        found.setdefault((first.pk, second.pk), {}).setdefault(reason, likeness)
    by_pk = {each.organisation.pk: each.organisation for each in everyone}
    made = [
        Candidate(by_pk[first], by_pk[second], tuple(reasons), max(reasons.values()))
        for (first, second), reasons in found.items()
    ]
    return sorted(
        made, key=lambda each: (-each.likeness, -len(each.reasons), each.second.name_lv, each.first.pk)
    )


def compared(one: Organisation, other: Organisation) -> list[tuple[str, str, str]]:
    """Two organisations side by side: (what, in the one, in the other)."""
    rows = []
    for name in COMPARED:
        column: Any = Organisation._meta.get_field(name)
        rows.append((str(column.verbose_name), _shown(one, column), _shown(other, column)))
    mine, theirs = ("\n".join(each.name for each in other_names(side)) for side in (one, other))
    return [*rows, (_("Other names"), mine, theirs)]


def _shown(organisation: Organisation, column: Any) -> str:
    value = getattr(organisation, column.name)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    chosen = dict(column.flatchoices).get(value, value) if column.flatchoices else value
    return "" if chosen is None else str(chosen)


def normal(name: str) -> str:
    """A name as it is compared: folded, without legal form and punctuation, each word cut to its stem."""
    words = [word for word in re.findall(r"\w+", fold(name)) if word not in LEGAL_FORMS]
    return " ".join(stem(word) for word in words)


def _names_of(organisation: Organisation) -> _Names:
    known = _Names(organisation)
    written = [
        organisation.name_lv,
        organisation.name_en,
        *(each.name for each in organisation.other_names.all()),
    ]
    for name in filter(None, written):
        known.names.setdefault(normal(name) or fold(name), name)
    known.acronyms = {fold(organisation.acronym)} if organisation.acronym else set()
    known.acronyms |= {
        fold(name) for name in written if name and name.isupper() and len(name) > 2 and " " not in name
    }
    known.host = (urlsplit(organisation.website).hostname or "").removeprefix("www.")
    return known


def _related(one: Organisation, other: Organisation) -> bool:
    """A part and its whole, or a predecessor and what took its place, are two organisations by design."""
    return (
        one.parent_id == other.pk
        or other.parent_id == one.pk
        or one.successor_id == other.pk
        or other.successor_id == one.pk
    )


def _weight(organisation: Organisation) -> tuple[Any, ...]:
    """What is better known comes later: it is the one to keep."""
    known = [organisation.ror, organisation.registration_number, organisation.acronym, organisation.website]
    return (not organisation.withdrawn, sum(map(bool, known)), -organisation.pk)


Found = Iterator[tuple[_Names, _Names, str, float]]


def _by_name(everyone: Iterable[_Names]) -> Found:
    holders: dict[str, dict[int, _Names]] = {}
    for each in everyone:
        for form in each.names:
            for word in form.split():
                holders.setdefault(word, {})[each.organisation.pk] = each
    compared: set[tuple[int, int]] = set()
    for those in holders.values():
        if len(those) > COMMON:
            continue
        for one, other in combinations(those.values(), 2):
            pair = (one.organisation.pk, other.organisation.pk)
            if pair in compared:
                continue
            compared.add(pair)
            likeness, mine, theirs = max(
                (_likeness(a, b), one.names[a], other.names[b]) for a in one.names for b in other.names
            )
            if likeness >= ALIKE:
                same = fold(mine) == fold(theirs)
                reason = (
                    _("the same name: “%(name)s”") if same else _("names alike: “%(name)s” and “%(other)s”")
                )
                yield one, other, reason % {"name": mine, "other": theirs}, likeness


def _likeness(one: str, other: str) -> float:
    """1.0 for equal normal forms; 0.0 where a word of one has no word like it in the other."""
    if one == other:
        return 1.0
    words, others = sorted(one.split()), sorted(other.split())
    if len(words) != len(others) or min(len(one), len(other)) < 6:
        return 0.0
    ratio = SequenceMatcher(None, " ".join(words), " ".join(others), autojunk=False).ratio()
    if ratio < ALIKE:
        return 0.0
    pairs = zip(words, others, strict=True)
    return (
        ratio
        if all(SequenceMatcher(None, a, b, autojunk=False).ratio() >= WORD_ALIKE for a, b in pairs)
        else 0.0
    )


def _by_acronym(everyone: Iterable[_Names]) -> Found:
    holders: dict[str, list[_Names]] = {}
    for each in everyone:
        for acronym in each.acronyms:
            holders.setdefault(acronym, []).append(each)
    for acronym, those in holders.items():
        for one, other in combinations(those, 2):
            yield one, other, _("the same acronym: %(acronym)s") % {"acronym": acronym.upper()}, 0.5


def _by_host(everyone: Iterable[_Names]) -> Found:
    holders: dict[str, list[_Names]] = {}
    for each in everyone:
        if each.host:
            holders.setdefault(each.host, []).append(each)
    for host, those in holders.items():
        if len(those) > COMMON:
            continue
        for one, other in combinations(those, 2):
            if one.organisation.parent_id and one.organisation.parent_id == other.organisation.parent_id:
                continue  # institutes of one university often share its website
            yield one, other, _("the same website: %(host)s") % {"host": host}, 0.6
