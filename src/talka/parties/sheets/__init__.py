"""The room's rows as tables, in and out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from talka.core.actions import Invalid
from talka.core.sheets import (
    LANGUAGES,
    BadCell,
    Choice,
    Column,
    Item,
    Lines,
    Preview,
    Problem,
    Raw,
    Ref,
    Sheet,
    YesNo,
    bilingual,
)
from talka.domains import queries as domains
from talka.domains.models import Ecosystem
from talka.parties import actions, queries, rules
from talka.parties.models import (
    Helix,
    Organisation,
    OrganisationKind,
    Person,
    orcid_id,
    registration_number,
    ror_id,
    website,
)
from talka.parties.roles import ROLES

EVERYWHERE = "*"


@dataclass(frozen=True)
class Tidied(Column):
    """Text in the one form that `tidy` gives it; what `tidy` refuses is a bad cell."""

    tidy: Callable[[str], str] = str
    default: str = ""

    def empty(self) -> Any:
        return self.default

    def parse(self, text: str, context: Any) -> Any:
        try:
            return self.tidy(super().parse(text, context))
        except Invalid as error:
            raise BadCell(str(error)) from None


def all_organisations(parent: Any) -> Mapping[str, Organisation]:
    """Every spelling by which an organisation is known."""
    return queries.spellings()


# ---------------------------------------------------------------- organisations


class Sibling(str):
    """The code of an organisation that another row of the same file founds."""


@dataclass(frozen=True)
class OrganisationRef(Ref):
    """Another organisation, kept as its code: it may stand in the same file and not be founded yet."""

    def take(self, raw: Any, context: Any) -> Any:
        return str(raw) if isinstance(raw, Sibling) else super().take(raw, context)

    def empty(self) -> Any:
        return ""

    def parse(self, text: str, context: Any) -> Any:
        return self.find(queries.key(text), context).code

    def read(self, row: Any) -> Any:
        found = super().read(row)
        return found.code if found else ""

    def show(self, value: Any) -> str:
        return value if isinstance(value, str) else super().show(value)


@dataclass(frozen=True)
class Aliases(Lines):
    """Further names, without those that repeat the organisation's name or acronym."""

    def read(self, row: Any) -> Any:
        return list(dict.fromkeys(each.name for each in queries.other_names(row)))


class Organisations(Sheet):
    code, label, model = "parties.organisations", _("Organisations"), Organisation
    columns = (
        Column(
            "code",
            _("Code"),
            required=True,
            max_length=80,
            help=_("Small letters, digits and hyphens; stays for good."),
        ),
        Column("acronym", _("Acronym"), max_length=40),
        *bilingual("name", _("Name"), required=True, max_length=300),
        Choice("helix", _("Helix sector"), required=True, choices=Helix),
        Choice("kind_of", _("Kind"), required=True, choices=OrganisationKind),
        OrganisationRef(
            "parent",
            _("Part of"),
            among=all_organisations,
            help=_("Code, acronym or name of what it belongs to."),
        ),
        Column(
            "registration_number", _("Registration number"), max_length=20, help=_("In Latvia 11 digits.")
        ),
        Tidied(
            "ror",
            _("ROR id"),
            tidy=ror_id,
            max_length=60,
            help=_("Like 03nadks56; leave it empty rather than guess."),
        ),
        Tidied(
            "country",
            _("Country"),
            tidy=str.upper,
            default="LV",
            max_length=2,
            help=_("Two letters; LV if empty."),
        ),
        Tidied("website", _("Website"), tidy=website, max_length=200),
        YesNo("withdrawn", _("No longer exists")),
        OrganisationRef("successor", _("Taken over by"), among=all_organisations),
        Aliases(
            "aliases",
            _("Other names"),
            max_length=300,
            help=_("Other spellings, languages and former names, one a line."),
        ),
        Column("source", _("Source"), max_length=500),
    )

    def rows(self, parent: Any) -> Any:
        return (
            queries.organisations()
            .select_related("successor")
            .prefetch_related("other_names")
            .order_by("code")
        )

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> Organisation:
        return actions.add_organisation(parent, by=by, **_resolved(values))

    def change(self, row: Organisation, values: dict[str, Any], *, by: Any) -> Organisation:
        return actions.edit_organisation(row, by=by, **_resolved(values))

    def preview(self, parent: Any, raws: Iterable[Raw]) -> Preview:
        """As of every sheet; besides, a row may name another row of the same file as what it belongs to."""
        rows = list(raws)
        prepared = _Prepared(self, parent, rows)
        preview = super().preview(parent, [prepared.raw(raw) for raw in rows])
        preview.problems.extend(prepared.problems)
        return preview

    def check(self, parent: Any, items: list[Item]) -> Iterator[Problem]:
        by_code = {item.values["code"]: item for item in items if item.values.get("code")}
        for code, item in by_code.items():
            if _comes_round(code, by_code):
                yield Problem(item.place, gettext("“%(code)s” would be part of itself") % {"code": code})

    def carry_out(self, preview: Preview, *, by: Any) -> list[Any]:
        """Founds and changes what others belong to before what belongs to it."""
        waiting = {item.values["code"]: item for item in preview.changes}
        done: list[Any] = []

        def carry(item: Item) -> None:
            for column in ("parent", "successor"):
                ahead = waiting.pop(item.values.get(column, ""), None)
                if ahead is not None:
                    carry(ahead)
            if item.current is None:
                done.append(self.add(preview.parent, item.values, by=by))
            else:
                done.append(self.change(item.current, item.values, by=by))

        while waiting:
            carry(waiting.pop(next(iter(waiting))))
        return done


class _Prepared:
    """What the rows of one file look like once they know of each other, and what is wrong with them together."""

    def __init__(self, sheet: Organisations, parent: Any, rows: list[Raw]) -> None:
        self.sheet = sheet
        self.known = queries.spellings()
        self.now = {each.code: each for each in sheet.rows(parent)}
        merged = Organisation.objects.exclude(merged_into=None)
        self.merged = dict(merged.values_list("code", "merged_into__code"))
        self.siblings: dict[str, Sibling] = {}
        for column in ("code", "acronym", "name_lv", "name_en"):
            for raw in rows:
                spelling, code = queries.key(_text(raw, column)), _text(raw, "code")
                if spelling and code:
                    self.siblings.setdefault(spelling, Sibling(code))
        self.problems: list[Problem] = []

    def raw(self, raw: Raw) -> Raw:
        """The row with references to other rows of the file, without names that repeat themselves."""
        cells = dict(raw.cells)
        current = self.now.get(_text(raw, "code"))
        if (code := _text(raw, "code")) in self.merged:
            self._problem(
                raw,
                "code",
                gettext("“%(code)s” was merged into “%(into)s”; name that one")
                % {"code": code, "into": self.merged[code]},
            )
        for column in ("parent", "successor"):
            spelling = queries.key(_text(raw, column))
            if spelling and spelling not in self.known and spelling in self.siblings:
                cells[column] = self.siblings[spelling]
        country = _text(raw, "country") or getattr(current, "country", "LV")
        try:
            if number := _text(raw, "registration_number"):
                cells["registration_number"] = registration_number(number, country.upper())
        except Invalid as error:
            self._problem(raw, "registration_number", str(error))
        if cells.get("aliases"):
            own = {
                queries.key(_text(raw, column) or getattr(current, column, ""))
                for column in ("acronym", "name_lv", "name_en")
            }
            given = cells["aliases"]
            lines = given if isinstance(given, list | tuple) else str(given).splitlines()
            cells["aliases"] = [line for line in map(str, lines) if queries.key(line) not in own]
        return replace(raw, cells=cells)

    def _problem(self, raw: Raw, column: str, message: str) -> None:
        self.problems.append(Problem(raw.place_of(column, self.sheet.column(column).label), message))


def _text(raw: Raw, column: str) -> str:
    value = raw.cells.get(column)
    return "" if value is None else str(value).strip()


def _resolved(values: dict[str, Any]) -> dict[str, Any]:
    """The values with organisations in place of their codes."""
    made = dict(values)
    for column in ("parent", "successor"):
        if column in made:
            made[column] = Organisation.objects.get(code=made[column]) if made[column] else None
    return made


def _comes_round(code: str, by_code: Mapping[str, Item]) -> bool:
    """Whether an organisation would be, over however many steps, part of itself."""
    seen: set[str] = set()
    at = code
    while at and at not in seen:
        seen.add(at)
        item = by_code.get(at)
        if item is not None and "parent" in item.values:
            at = item.values["parent"]
        else:
            row = item.current if item is not None else Organisation.objects.filter(code=at).first()
            at = row.parent.code if row is not None and row.parent else ""
    return at == code


# ---------------------------------------------------------------- people


@dataclass(frozen=True)
class Pairs(Ref):
    """Several lines, each “thing” or “thing: detail”."""

    def take(self, raw: Any, context: Any) -> Any:
        return super().take("\n".join(map(str, raw)) if isinstance(raw, list | tuple) else raw, context)

    def empty(self) -> Any:
        return []

    def parse(self, text: str, context: Any) -> Any:
        return [self.pair(" ".join(line.split()), context) for line in text.splitlines() if line.strip()]

    def pair(self, line: str, context: Any) -> tuple[Any, Any]:
        """What one line stands for."""
        raise NotImplementedError

    def find(self, text: str, context: Any) -> Any:
        # A plain Ref names the nearest ones singly, where this column would show them as pairs.
        return Ref(self.key, self.label, among=self.among).find(text, context)


@dataclass(frozen=True)
class Workplaces(Pairs):
    """Where a person works, each with the position after a colon: “liaa: adviser”."""

    def pair(self, line: str, context: Any) -> tuple[Any, Any]:
        known = context.lookup(self.key, self.among)
        whole = known.get(queries.key(line))  # a name may have a colon of its own
        if whole is not None:
            return whole, ""
        spelling, _colon, position = line.partition(":")
        return self.find(queries.key(spelling), context), position.strip()

    def read(self, row: Any) -> Any:
        return [(each.organisation, each.position) for each in row.now]

    def show(self, value: Any) -> str:
        return "\n".join(f"{place.code}: {position}" if position else place.code for place, position in value)


def all_ecosystems(parent: Any) -> Mapping[str, Ecosystem]:
    """Ecosystems by code."""
    return {each.code: each for each in domains.ecosystems()}


@dataclass(frozen=True)
class Roles(Pairs):
    """Roles with the ecosystem after a colon: “coordinator: biomed”, “viewer: *” for all, “administrator”.

    Where the hub has one ecosystem only, it need not be named.
    """

    def pair(self, line: str, context: Any) -> tuple[Any, Any]:
        name, _colon, where = (part.strip() for part in line.partition(":"))
        role = _roles().get(name.casefold())
        if role is None:
            raise BadCell(
                gettext("“%(text)s” is not one of: %(allowed)s")
                % {"text": name[:40], "allowed": ", ".join(ROLES)}
            )
        if role == "administrator" or where == EVERYWHERE:
            return role, None
        known = context.lookup(self.key, self.among)
        if where:
            return role, self.find(where, context)
        if len(known) != 1:
            raise BadCell(
                gettext(
                    "Say in which ecosystem, as in “%(role)s: %(code)s”, or “%(role)s: *” for all of them"
                )
                % {"role": role, "code": next(iter(known), "…")}
            )
        return role, next(iter(known.values()))

    def read(self, row: Any) -> Any:
        account = getattr(row, "account", None)
        return [(each.role, each.ecosystem) for each in account.grants.all()] if account else []

    def show(self, value: Any) -> str:
        lines = []
        for role, ecosystem in value:
            where = ecosystem.code if ecosystem else EVERYWHERE
            lines.append(role if role == "administrator" else f"{role}: {where}")
        return "\n".join(sorted(lines))


def _roles() -> dict[str, str]:
    """Every spelling of a role: its code, its name in both languages."""
    known = {code: code for code in ROLES}
    for language in LANGUAGES:
        with override(language):
            known |= {str(role.label).casefold(): code for code, role in ROLES.items()}
    return known


class People(Sheet):
    """People with where they work and what they may do; a role opens the account it needs."""

    code, label, model, needs = "parties.people", _("People"), Person, rules.may_administer
    columns = (
        Column("code", _("Code"), required=True, max_length=80),
        Column("given", _("Given name"), required=True, max_length=150),
        Column("family", _("Family name"), required=True, max_length=150),
        Column("email", _("E-mail"), max_length=254),
        Tidied("orcid", _("ORCID"), tidy=orcid_id, max_length=60),
        Workplaces(
            "organisation",
            _("Works in"),
            among=all_organisations,
            help=_("One a line, with the position after a colon: “liaa: adviser”."),
        ),
        Roles(
            "role",
            _("Roles"),
            among=all_ecosystems,
            help=_("One a line, with the ecosystem after a colon; * means everywhere."),
        ),
    )

    def rows(self, parent: Any) -> Any:
        return queries.people_with_everything().order_by("code")

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> Person:
        person = actions.add_person(parent, by=by, **_own(values))
        return self._complete(person, values, by=by)

    def change(self, row: Person, values: dict[str, Any], *, by: Any) -> Person:
        person = actions.edit_person(row, by=by, **_own(values))
        return self._complete(person, values, by=by)

    def check(self, parent: Any, items: list[Item]) -> Iterator[Problem]:
        for item in items:
            email = item.values.get("email") or getattr(item.current, "email", "")
            if item.values.get("role") and not email and not hasattr(item.current, "account"):
                yield Problem(
                    item.place, gettext("has a role but no e-mail, with which one signs in; give it")
                )

    def _complete(self, person: Person, values: dict[str, Any], *, by: Any) -> Person:
        if "organisation" in values:
            _employ(person, dict(values["organisation"]), by=by)
        if "role" in values:
            _empower(person, set(values["role"]), by=by)
        return person


def _own(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in {"organisation", "role"}}


def _employ(person: Person, wanted: dict[Organisation, str], *, by: Any) -> None:
    """Makes `wanted` (organisation → position) the places where the person works from today on."""
    for affiliation in person.affiliations.filter(queries.current()).select_related("organisation"):
        position = wanted.pop(affiliation.organisation, None)
        if position is None:
            actions.end_affiliation(affiliation, by=by)
        elif position != affiliation.position:
            actions.edit_affiliation(affiliation, by=by, position=position)
    for organisation, position in wanted.items():
        before = person.affiliations.filter(organisation=organisation).exists()
        starts = timezone.localdate() if before else None
        actions.affiliate(person, by=by, organisation=organisation, position=position, starts=starts)


def _empower(person: Person, wanted: set[tuple[str, Ecosystem | None]], *, by: Any) -> None:
    """Makes `wanted` all the roles the person holds; opens an account where one is needed."""
    if not hasattr(person, "account"):
        if not wanted:
            return
        actions.open_account(person, by=by)
    held = {(each.role, each.ecosystem): each for each in person.account.grants.select_related("ecosystem")}
    for role, ecosystem in sorted(wanted - held.keys(), key=str):
        actions.grant(person.account, by=by, role=role, ecosystem=ecosystem)
    for pair in held.keys() - wanted:
        actions.revoke(held[pair], by=by)
