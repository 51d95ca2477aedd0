"""Organisations from the Research Organization Registry: its records in, previewed before anything is changed.

Both of the registry's formats are read, version 1 and 2. What people wrote here is never overwritten: a record
fills what is empty, adds names and notes that an organisation no longer exists. Where a record could mean one of
several organisations, or is known by its acronym alone, a person decides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from talka.core.actions import HUB, Invalid
from talka.core.sheets import Problem
from talka.core.stems import fold
from talka.parties import actions, queries
from talka.parties.models import Helix, Organisation, OrganisationKind, ror_id, website

# A record may have several types; the first of these it has says what it is. "funder" says nothing about that.
TYPES = {
    "education": (OrganisationKind.UNIVERSITY, Helix.SCIENCE),
    "healthcare": (OrganisationKind.HOSPITAL, Helix.PUBLIC),
    "facility": (OrganisationKind.INSTITUTE, Helix.SCIENCE),
    "company": (OrganisationKind.COMPANY, Helix.BUSINESS),
    "government": (OrganisationKind.AUTHORITY, Helix.PUBLIC),
    "nonprofit": (OrganisationKind.ASSOCIATION, Helix.SOCIETY),
    "archive": (OrganisationKind.OTHER, Helix.PUBLIC),
    "other": (OrganisationKind.OTHER, Helix.SCIENCE),
}
COLLEGE = ("koledz", "college")  # "education" holds colleges too; only the name tells

NEW, CHANGED, SAME, OPEN, LEFT = "new", "changed", "same", "open", "left"


# ---------------------------------------------------------------- reading


@dataclass(frozen=True)
class Record:
    """One record of the registry, whatever its version. Names are pairs of name and language ("" if not said)."""

    place: str
    ror: str
    display: str
    labels: tuple[tuple[str, str], ...]
    aliases: tuple[tuple[str, str], ...]
    acronyms: tuple[tuple[str, str], ...]
    types: tuple[str, ...]
    country: str
    website: str
    withdrawn: bool
    parents: tuple[str, ...]
    successors: tuple[tuple[str, str], ...]  # (ror, name)

    def name(self, language: str) -> str:
        """The name in a language: a label of it, else an alias."""
        return next((name for name, spoken in (*self.labels, *self.aliases) if spoken == language), "")

    @property
    def name_lv(self) -> str:
        return self.name("lv") or self.display

    @property
    def name_en(self) -> str:
        english = self.name("en") or (self.display if self.name("lv") else "")
        return "" if english == self.name_lv else english

    @property
    def acronym(self) -> str:
        """The Latvian acronym, else one of no language, else any."""
        order = {"lv": 0, "": 1}
        return min(self.acronyms, key=lambda pair: order.get(pair[1], 2), default=("", ""))[0]

    @property
    def names(self) -> list[tuple[str, str]]:
        """Every name there is, acronyms too."""
        return list(dict.fromkeys([*self.labels, *self.aliases, *self.acronyms, (self.display, "")]))

    def kind_and_helix(self) -> tuple[OrganisationKind, Helix]:
        """What it is, by its types and, among schools, its name."""
        kind, helix = next((TYPES[name] for name in TYPES if name in self.types), TYPES["other"])
        folded = fold(f"{self.name_lv} {self.display}")
        if kind == OrganisationKind.UNIVERSITY and any(word in folded for word in COLLEGE):
            return OrganisationKind.COLLEGE, helix
        return kind, helix


def read(data: bytes, file: str, *, country: str = "LV") -> tuple[list[Record], list[Problem]]:
    """The records of one country (all of them if "") in a file, and what is wrong with others, by their place.

    The file is one record, a list, or the answer of the registry's search. Raises Invalid if it is none of these.
    """
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Invalid(
            _("%(file)s is not JSON (%(detail)s); give a file as the registry writes it.")
            % {"file": file, "detail": error},
            field="file",
        ) from None
    if isinstance(content, dict):
        content = content["items"] if isinstance(content.get("items"), list) else [content]
    if not isinstance(content, list):
        raise Invalid(
            _("%(file)s holds no ROR records; give one record or a list of them.") % {"file": file},
            field="file",
        )
    records: list[Record] = []
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    for number, item in enumerate(content, 1):
        place = _("%(file)s, record %(number)d") % {"file": file, "number": number}
        try:
            record = _record(item, place)
        except Invalid as error:
            problems.append(Problem(place, str(error)))
            continue
        if country and record.country and record.country != country.upper():
            continue
        if record.ror in seen:
            problems.append(
                Problem(
                    place,
                    _("%(ror)s stands twice; first at %(first)s")
                    % {"ror": record.ror, "first": seen[record.ror]},
                )
            )
            continue
        seen[record.ror] = place
        records.append(record)
    return records, problems


def _record(item: Any, place: str) -> Record:
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        raise Invalid(_("This is no ROR record: it has no “id”."))
    ror = ror_id(item["id"])
    if not ror:
        raise Invalid(_("This is no ROR record: it has no “id”."))
    reader = _version_2 if "names" in item else _version_1
    try:
        found = reader(item)
    except (AttributeError, KeyError, TypeError, IndexError):
        raise Invalid(
            _("%(ror)s is not written as the registry writes its records, version 1 or 2.") % {"ror": ror}
        ) from None
    if not found["display"]:
        raise Invalid(_("%(ror)s has no name.") % {"ror": ror})
    relations = item.get("relationships") or []
    linked = {
        kind: [
            (ror_id(each["id"]), _tidy(each.get("label")))
            for each in relations
            if str(each.get("type")).casefold() == kind
        ]
        for kind in ("parent", "successor")
    }
    return Record(
        place=place,
        ror=ror,
        types=tuple(str(each).casefold() for each in item.get("types") or ()),
        withdrawn=item.get("status") == "withdrawn",
        parents=tuple(parent for parent, _name in linked["parent"]),
        successors=tuple(linked["successor"]),
        **found,
    )


def _version_2(item: dict[str, Any]) -> dict[str, Any]:
    kinds: dict[str, list[tuple[str, str]]] = {"label": [], "alias": [], "acronym": [], "ror_display": []}
    for name in item["names"]:
        for kind in name.get("types") or ["alias"]:
            kinds.setdefault(kind, []).append((_tidy(name["value"]), name.get("lang") or ""))
    displayed = kinds["ror_display"] or kinds["label"] or kinds["alias"] or kinds["acronym"]
    places = item.get("locations") or [{}]
    return {
        "display": displayed[0][0] if displayed else "",
        "labels": tuple(kinds["label"]),
        "aliases": tuple(kinds["alias"]),
        "acronyms": tuple(kinds["acronym"]),
        "country": str(places[0].get("geonames_details", {}).get("country_code") or ""),
        "website": _first_website(
            each["value"] for each in item.get("links") or () if each.get("type") == "website"
        ),
    }


def _version_1(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "display": _tidy(item.get("name")),
        "labels": tuple(
            (_tidy(each["label"]), each.get("iso639") or "") for each in item.get("labels") or ()
        ),
        "aliases": tuple((_tidy(each), "") for each in item.get("aliases") or ()),
        "acronyms": tuple((_tidy(each), "") for each in item.get("acronyms") or ()),
        "country": str((item.get("country") or {}).get("country_code") or ""),
        "website": _first_website(item.get("links") or ()),
    }


def _tidy(text: Any) -> str:
    return " ".join(str(text or "").split())[:300]


def _first_website(links: Iterable[str]) -> str:
    for link in links:
        try:
            return website(str(link))[:200]
        except Invalid:
            continue
    return ""


# ---------------------------------------------------------------- preview


@dataclass
class Item:
    """One record beside the organisation it is, if it is one of ours.

    `kind`: new, changed, same, open (a person must decide among `candidates`), or left (out, as decided).
    """

    record: Record
    kind: str
    current: Organisation | None = None
    candidates: list[Organisation] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    names: list[tuple[str, str]] = field(default_factory=list)
    parent: str = ""  # ROR ids: they may belong to other records of the same file
    successor: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass
class Preview:
    """What an import would do. It can be applied while `problems` is empty; what is open stays out."""

    items: list[Item]
    problems: list[Problem]

    def count(self, kind: str) -> int:
        return sum(item.kind == kind for item in self.items)

    @property
    def fingerprint(self) -> str:
        """Changes when what would be done changes."""
        state = [(i.record.ror, i.kind, i.current and (i.current.pk, i.current.revision)) for i in self.items]
        return hashlib.sha256(repr(state).encode()).hexdigest()


Decisions = Mapping[str, str]  # ROR id → "new", "leave" or the code of an organisation


def preview(
    records: list[Record], problems: Iterable[Problem] = (), decisions: Decisions | None = None
) -> Preview:
    """What the records would found and change here, with the decisions made so far."""
    ours = _Ours()
    made = [_item(record, ours, decisions or {}) for record in records]
    taken: dict[int, Item] = {}
    for item in made:
        if item.current is None:
            continue
        if (first := taken.setdefault(item.current.pk, item)) is not item:
            # Two records cannot both be one organisation: neither is taken for it without being asked.
            for each in (first, item):
                each.kind, each.candidates, each.current = OPEN, [item.current or first.candidates[0]], None
    files = {item.record.ror: item for item in made}
    for item in made:
        if item.kind in (NEW, CHANGED, SAME):
            _compare(item, ours, files)
    return Preview(made, list(problems))


class _Ours:
    """The organisations here by ROR id, by name and by acronym."""

    def __init__(self) -> None:
        self.by_ror: dict[str, Organisation] = {}
        self.by_code: dict[str, Organisation] = {}
        self.by_name: dict[str, dict[int, Organisation]] = {}
        self.by_acronym: dict[str, dict[int, Organisation]] = {}
        self.names: dict[int, set[str]] = {}
        for each in queries.organisations().select_related("successor").prefetch_related("other_names"):
            self.by_code[each.code] = each
            if each.ror:
                self.by_ror[each.ror] = each
            known = [each.name_lv, each.name_en, *(other.name for other in each.other_names.all())]
            self.names[each.pk] = {queries.key(name) for name in (*known, each.acronym) if name}
            for name in filter(None, known):
                self.by_name.setdefault(queries.key(name), {})[each.pk] = each
            if each.acronym:
                self.by_acronym.setdefault(queries.key(each.acronym), {})[each.pk] = each

    def named(self, record: Record) -> list[Organisation]:
        """Organisations that bear one of the record's names and no other ROR id."""
        return self._free(
            self.by_name,
            (name for name, _language in (*record.labels, *record.aliases, (record.display, ""))),
        )

    def called(self, record: Record) -> list[Organisation]:
        """Organisations that bear one of the record's acronyms and no other ROR id."""
        return self._free(self.by_acronym, (name for name, _language in record.acronyms))

    @staticmethod
    def _free(
        known: Mapping[str, Mapping[int, Organisation]], spellings: Iterable[str]
    ) -> list[Organisation]:
        found = {
            pk: each
            for name in spellings
            for pk, each in known.get(queries.key(name), {}).items()
            if not each.ror
        }
        return list(found.values())


def _item(record: Record, ours: _Ours, decisions: Decisions) -> Item:
    if record.ror in ours.by_ror:
        return Item(record, SAME, ours.by_ror[record.ror])
    decided = decisions.get(record.ror, "")
    named, called = ours.named(record), ours.called(record)
    candidates = list({each.pk: each for each in (*named, *called)}.values())
    if decided == "leave":
        return Item(record, LEFT, candidates=candidates)
    if decided == "new":
        return Item(record, NEW, candidates=candidates)
    if (chosen := ours.by_code.get(decided)) is not None and chosen in candidates:
        return Item(record, SAME, chosen, candidates)
    if len(named) == 1 and all(each == named[0] for each in called):
        return Item(record, SAME, named[0])
    return Item(record, OPEN if candidates else NEW, candidates=candidates)


def _compare(item: Item, ours: _Ours, files: Mapping[str, Item]) -> None:
    """Fills in what the record would change."""
    record, current = item.record, item.current
    kind, helix = record.kind_and_helix()
    offered: dict[str, Any] = {"ror": record.ror, "website": record.website, "name_en": record.name_en}
    if record.acronym and not _acronym_taken(record.acronym, current, ours, files):
        offered["acronym"] = record.acronym
    if current is None:
        item.values = {
            **offered,
            "name_lv": record.name_lv,
            "helix": helix,
            "kind_of": kind,
            "country": record.country or "LV",
        }
        item.values = {name: value for name, value in item.values.items() if value}
        item.values["source"] = f"ROR {record.ror}"
        known: set[str] = set()
    else:
        known = ours.names[current.pk]
        item.values = {
            name: value
            for name, value in offered.items()
            if value
            and not getattr(current, name)
            and (name == "website" or queries.key(str(value)) not in known or name == "ror")
        }
    if record.withdrawn and not (current and current.withdrawn):
        item.values["withdrawn"] = True
    own = {queries.key(str(item.values.get(name, ""))) for name in ("name_lv", "name_en", "acronym")}
    names = {queries.key(name): (name, language) for name, language in reversed(record.names)}
    item.names = [pair for spelling, pair in reversed(names.items()) if spelling not in known | own]
    item.parent = _ahead(item, "parent", [(ror, "") for ror in record.parents], ours, files)
    item.successor = (
        _ahead(item, "successor", list(record.successors), ours, files) if record.withdrawn else ""
    )
    if item.kind == SAME and (item.values or item.names or item.parent or item.successor):
        item.kind = CHANGED


def _ahead(
    item: Item, column: str, linked: list[tuple[str, str]], ours: _Ours, files: Mapping[str, Item]
) -> str:
    """The ROR id of what it is part of or taken over by, if that is known, the only one, and not noted yet."""
    if item.current is not None and getattr(item.current, column) is not None:
        return ""
    here = [
        (ror, name)
        for ror, name in linked
        if ror in ours.by_ror or (ror in files and files[ror].kind in (NEW, CHANGED, SAME))
    ]
    if column == "successor":
        item.notes += [
            _("taken over by %(name)s (%(ror)s), which is not on this hub") % {"name": name, "ror": ror}
            for ror, name in linked
            if (ror, name) not in here
        ]
    return here[0][0] if len(here) == 1 else ""


def _acronym_taken(
    acronym: str, current: Organisation | None, ours: _Ours, files: Mapping[str, Item]
) -> bool:
    """Whether another organisation, here or earlier in the file, has the acronym."""
    spelling = queries.key(acronym)
    if any(each != current for each in ours.by_acronym.get(spelling, {}).values()):
        return True
    earlier = (each for each in files.values() if each.current is None or each.current != current)
    return any(queries.key(each.values.get("acronym", "")) == spelling for each in earlier)


# ---------------------------------------------------------------- apply


def apply(done: Preview, *, by: Any) -> list[Organisation]:
    """Carries a preview out, whole or not at all; what is open or left stays out. Returns what was founded or changed.

    Raises Invalid if there are problems, Stale if somebody changed an organisation since the preview.
    """
    if done.problems:
        first = done.problems[0]
        raise Invalid(
            _("Nothing was imported: %(count)d problems, the first at %(place)s: %(message)s")
            % {"count": len(done.problems), "place": first.place, "message": first.message},
            field="file",
        )
    with transaction.atomic():
        touched = [_carry_out(item, by=by) for item in done.items if item.kind in (NEW, CHANGED)]
        by_ror = {each.ror: each for each in Organisation.objects.filter(merged_into=None).exclude(ror="")}
        for item, organisation in zip(
            [i for i in done.items if i.kind in (NEW, CHANGED)], touched, strict=True
        ):
            ahead: dict[str, Any] = {
                name: by_ror.get(getattr(item, name))
                for name in ("parent", "successor")
                if getattr(item, name)
            }
            if any(ahead.values()):
                actions.edit_organisation(organisation, by=by, **ahead)
    return touched


def _carry_out(item: Item, *, by: Any) -> Organisation:
    if item.current is None:
        organisation = actions.add_organisation(HUB, by=by, **item.values)
    else:
        organisation = item.current
        if item.values:
            actions.edit_organisation(organisation, by=by, seen=organisation.revision, **item.values)
    if item.names:
        actions.add_names(organisation, by=by, names=item.names)
    return organisation


def differences(item: Item) -> Iterator[tuple[str, str, str]]:
    """(column label, what is there, what would be) of one item, for the eye."""
    for name, value in item.values.items():
        column: Any = Organisation._meta.get_field(name)
        shown = dict(column.flatchoices).get(value, value) if column.flatchoices else value
        before = getattr(item.current, name, "") if item.current is not None else ""
        yield str(column.verbose_name), str(before or ""), str(_("yes") if shown is True else shown)
    if item.names:
        yield (
            _("Other names"),
            "",
            "\n".join(f"{name} ({language})" if language else name for name, language in item.names),
        )
