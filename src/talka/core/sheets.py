"""Sheets: a room's rows as a table with typed, bilingual columns, in and out through one declaration.

What is exported can be imported: docx, xlsx, csv, JSON, YAML. An import is first a `Preview` (new, changed
and equal rows; every bad cell named with its place) and is then applied whole or not at all.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django.db import IntegrityError, models, transaction
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from talka.core.actions import Invalid
from talka.core.formats.text import clean
from talka.core.models import Noun
from talka.core.rules import Fact
from talka.core.values import BadValue, Period

LANGUAGES = ("lv", "en")
NEAREST = 100  # for how many unknown spellings of a file the nearest known ones are looked for


class BadCell(ValueError):
    """A cell that cannot be taken as it is; the message says what would have been right."""


# ---------------------------------------------------------------- columns


@dataclass(frozen=True)
class Column:
    """A column of text. Subclasses differ in what they `take` in, how they `show` it, and nothing else.

    `aliases` are further headers by which the column is recognised in files of others.
    """

    key: str
    label: Any
    required: bool = False
    max_length: int = 2000
    aliases: tuple[str, ...] = ()
    help: Any = ""
    attribute_of: str = ""  # the attribute of the row, where it is not called like the column

    def headers(self) -> list[str]:
        """Every header that means this column: its key, its label in both languages, its aliases."""
        labels = []
        for language in LANGUAGES:
            with override(language):
                labels.append(str(self.label))
        return [self.key, *labels, *self.aliases]

    def take(self, raw: Any, context: Any) -> Any:
        """The value that a cell (text, or a plain value from YAML and JSON) stands for. Raises BadCell."""
        text = "" if raw is None else str(raw).strip()
        if not text:
            if self.required:
                raise BadCell(_("is empty; “%(column)s” must be given") % {"column": self.label})
            return self.empty()
        return self.parse(text, context)

    def empty(self) -> Any:
        """What an empty cell means."""
        return ""

    def parse(self, text: str, context: Any) -> Any:
        if len(text) > self.max_length:
            raise BadCell(
                _("has %(length)d characters; at most %(limit)d fit in “%(column)s”")
                % {"length": len(text), "limit": self.max_length, "column": self.label}
            )
        return clean(text)

    def read(self, row: Any) -> Any:
        """The value of this column in a row of the database."""
        return getattr(row, self.attribute_of or self.key)

    def show(self, value: Any) -> str:
        """The value as cell text that `take` reads back to the same value."""
        return "" if value is None else str(value)


@dataclass(frozen=True)
class Lines(Column):
    """Several texts in one cell, one a line."""

    def empty(self) -> Any:
        return []

    def take(self, raw: Any, context: Any) -> Any:
        return super().take("\n".join(map(str, raw)) if isinstance(raw, list | tuple) else raw, context)

    def parse(self, text: str, context: Any) -> Any:
        return [super(Lines, self).parse(line.strip(), context) for line in text.splitlines() if line.strip()]

    def show(self, value: Any) -> str:
        return "\n".join(value)


@dataclass(frozen=True)
class Number(Column):
    """An exact decimal; Latvian and English notation."""

    def empty(self) -> Any:
        return None

    def parse(self, text: str, context: Any) -> Any:
        plain = text.replace("\u00a0", "").replace("\u202f", "").replace(" ", "")
        # The last mark parts the decimals, 1.234,5 and 1,234.5; one that stands twice parts thousands only.
        mark = max(",.", key=plain.rfind)
        whole, _mark, rest = plain.rpartition(mark) if plain.count(mark) == 1 else (plain, "", "")
        try:
            value = Decimal(
                "".join(each for each in whole if each not in ",.") + (f".{rest}" if rest else "")
            )
        except InvalidOperation:
            raise BadCell(
                _("“%(text)s” is not a number; write for example 1234,5") % {"text": text[:40]}
            ) from None
        if not value.is_finite() or abs(value) >= Decimal(10) ** 18:
            raise BadCell(_("“%(text)s” is too large a number") % {"text": text[:40]})
        return value

    def show(self, value: Any) -> str:
        return "" if value is None else f"{Decimal(value).normalize():f}"


@dataclass(frozen=True)
class Whole(Number):
    """A whole number."""

    def parse(self, text: str, context: Any) -> Any:
        value = super().parse(text, context)
        if value != value.to_integral_value():
            raise BadCell(_("“%(text)s” is not a whole number") % {"text": text[:40]})
        return int(value)


@dataclass(frozen=True)
class YesNo(Column):
    """Yes or no, in either language."""

    def empty(self) -> Any:
        return False

    def parse(self, text: str, context: Any) -> Any:
        word = text.casefold()
        if word in {"yes", "jā", "ja", "true", "1", "x"}:
            return True
        if word in {"no", "nē", "ne", "false", "0", "-"}:
            return False
        raise BadCell(_("“%(text)s” is neither yes nor no") % {"text": text[:40]})

    def show(self, value: Any) -> str:
        return str(_("yes")) if value else str(_("no"))


@dataclass(frozen=True)
class Day(Column):
    """One day."""

    def empty(self) -> Any:
        return None

    def parse(self, text: str, context: Any) -> Any:
        period = _period(text)
        if period.first != period.last:
            raise BadCell(_("“%(text)s” is not a day; write for example 30.06.2023") % {"text": text[:40]})
        return period.first

    def show(self, value: date | None) -> str:
        return value.isoformat() if value else ""


@dataclass(frozen=True)
class When(Column):
    """A period or deadline as precise as it is known: a year, a quarter, a month, a day, a range."""

    def empty(self) -> Any:
        return ""

    def parse(self, text: str, context: Any) -> Any:
        return str(_period(text))


def _period(text: str) -> Period:
    try:
        return Period.parse(text)
    except BadValue as error:
        raise BadCell(error.words(get_language() or "lv")) from None


@dataclass(frozen=True)
class Choice(Column):
    """One of a few values, written as its code or its label in either language."""

    choices: type[models.TextChoices] | None = None

    def parse(self, text: str, context: Any) -> Any:
        assert self.choices is not None
        known = _spellings(self.choices)
        if text.casefold() in known:
            return known[text.casefold()]
        allowed = ", ".join(str(label) for _value, label in self.choices.choices)
        raise BadCell(_("“%(text)s” is not one of: %(allowed)s") % {"text": text[:40], "allowed": allowed})

    def show(self, value: Any) -> str:
        assert self.choices is not None
        return str(self.choices(value).label) if value else ""


@functools.cache
def _spellings(choices: type[models.TextChoices]) -> dict[str, str]:
    """Value by code and by label in either language, casefolded."""
    known: dict[str, str] = {}
    for value, label in choices.choices:
        known[value.casefold()] = value
        for language in LANGUAGES:
            with override(language):
                known[str(label).casefold()] = value
    return known


Lookup = Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Ref(Column):
    """Another row, written as its code, acronym or name; `among(parent)` maps every such spelling to the row.

    Unknown spellings are refused with the nearest known ones.
    """

    among: Lookup | None = None
    attribute: str = "code"

    def empty(self) -> Any:
        return None

    def parse(self, text: str, context: Any) -> Any:
        return self.find(text, context)

    def find(self, text: str, context: Any) -> Any:
        assert self.among is not None
        known = context.lookup(self.key, self.among)
        found = known.get(text) or known.get(text.casefold())
        if found is None:
            message = _("“%(text)s” is not known") % {"text": text[:80]}
            if near := context.nearest(self.key, text.casefold(), known):
                names = ", ".join(dict.fromkeys(self.called(known[each]) for each in near))
                message += "; " + _("nearest: %(names)s") % {"names": names}
            raise BadCell(message)
        return found

    def called(self, row: Any) -> str:
        """How one row is written."""
        return str(getattr(row, self.attribute))

    def show(self, value: Any) -> str:
        return "" if value is None else self.called(value)


@dataclass(frozen=True)
class Refs(Ref):
    """Several other rows, in order, one a line or separated by semicolons or commas."""

    def empty(self) -> Any:
        return []

    def take(self, raw: Any, context: Any) -> Any:
        return super().take("\n".join(map(str, raw)) if isinstance(raw, list | tuple) else raw, context)

    def parse(self, text: str, context: Any) -> Any:
        assert self.among is not None
        whole = context.lookup(self.key, self.among).get(text.casefold())
        if whole is not None:  # a name may hold a comma
            return [whole]
        for mark in ("\n", ";", ","):
            if mark in text:
                return [self.find(each.strip(), context) for each in text.split(mark) if each.strip()]
        return [self.find(text, context)]

    def show(self, value: Any) -> str:
        return "\n".join(self.called(each) for each in value)


@dataclass(frozen=True)
class Plain(Column):
    """A structured value (lists and mappings of texts), written as JSON in a cell."""

    def empty(self) -> Any:
        return None

    def take(self, raw: Any, context: Any) -> Any:
        if isinstance(raw, list | dict):
            return raw
        return super().take(raw, context)

    def parse(self, text: str, context: Any) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            raise BadCell(_("is not JSON: “%(text)s”") % {"text": text[:40]}) from None

    def show(self, value: Any) -> str:
        return "" if value in (None, [], {}) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def bilingual(key: str, label: Any, kind: type[Column] = Column, **options: Any) -> tuple[Column, Column]:
    """A pair of columns for a text in both languages; English may be missing."""
    required = options.pop("required", False)
    aliases = options.pop("aliases", ())
    return (
        kind(f"{key}_lv", lazystr_in(label, "lv"), required=required, aliases=aliases, **options),
        kind(f"{key}_en", lazystr_in(label, "en"), **options),
    )


class lazystr_in:
    """A label with the language it is about: “Title (Latvian)”."""

    def __init__(self, label: Any, language: str) -> None:
        self.label, self.language = label, language

    def __str__(self) -> str:
        language = _("in Latvian") if self.language == "lv" else _("in English")
        return f"{self.label} ({language})"


# ---------------------------------------------------------------- previews


@dataclass(frozen=True)
class Raw:
    """A row as it came from a file: where it stands, its cells by column key, and where each cell stands."""

    place: str
    cells: Mapping[str, Any]
    places: Mapping[str, str] = field(default_factory=dict)

    def place_of(self, key: str, label: Any) -> str:
        return self.places.get(key) or f"{self.place}, {label}"


@dataclass(frozen=True)
class Problem:
    """Something wrong in a file: where, and what would have been right."""

    place: str
    message: str


@dataclass(frozen=True)
class Difference:
    """One column of one row: what is there now, what the file says."""

    column: Column
    before: str
    after: str


@dataclass
class Item:
    """One row of an import beside the row it would change."""

    kind: str  # "new" | "changed" | "same"
    name: str
    place: str
    values: dict[str, Any]
    current: Any = None
    differences: list[Difference] = field(default_factory=list)


@dataclass
class Preview:
    """An import before it happens. It can be applied only while `problems` is empty."""

    sheet: Sheet
    parent: Any
    items: list[Item]
    problems: list[Problem]
    missing: list[
        Any
    ]  # rows that are there now and that the file does not name; an import never deletes them
    fingerprint: str

    @property
    def changes(self) -> list[Item]:
        return [item for item in self.items if item.kind != "same"]


class Changed(Invalid):
    """The rows were changed between preview and apply."""


class Context:
    """Lookups made once per import."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self._known: dict[str, Mapping[str, Any]] = {}
        self._nearest: dict[tuple[str, str], list[str]] = {}

    def lookup(self, key: str, among: Lookup) -> Mapping[str, Any]:
        if key not in self._known:
            self._known[key] = among(self.parent)
        return self._known[key]

    def nearest(self, key: str, text: str, known: Mapping[str, Any]) -> list[str]:
        """The spellings that come nearest to an unknown one; none any more after the first hundred unknown ones.

        Comparing costs a millisecond or two a time, and a workbook of the wrong kind has thousands of such cells.
        """
        if (key, text) not in self._nearest:
            tired = len(self._nearest) >= NEAREST
            self._nearest[key, text] = (
                [] if tired else difflib.get_close_matches(text[:200], list(known), n=3, cutoff=0.5)
            )
        return self._nearest[key, text]


# ---------------------------------------------------------------- sheets

SHEETS: dict[str, Sheet] = {}


class Sheet:
    """A declared table. Rooms subclass it in their sheets.py, saying only what differs.

    `parent` is what the rows belong to: HUB, an ecosystem, a plan … (`over` names its kind).
    """

    code: ClassVar[str]
    label: ClassVar[Any]
    model: ClassVar[type[Noun]]
    columns: ClassVar[Sequence[Column]]
    key: ClassVar[tuple[str, ...]] = ("code",)
    over: ClassVar[str] = "hub"  # "hub" | "domains.ecosystem" | "strategy.strategy" | "plan.plan"
    needs: ClassVar[Fact | None] = (
        None  # the rule its verbs ask, where that is not `may_edit` of the room's rules.py
    )

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if hasattr(cls, "code"):
            if cls.code in SHEETS:
                raise ValueError(f"two sheets are called {cls.code}")
            SHEETS[cls.code] = cls()

    def rows(self, parent: Any) -> Iterable[Any]:
        """The rows of this sheet under `parent`, in order, with everything the columns read."""
        raise NotImplementedError

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> Any:
        """Makes a row by the room's own verb."""
        raise NotImplementedError

    def change(self, row: Any, values: dict[str, Any], *, by: Any) -> Any:
        """Changes a row by the room's own verb."""
        raise NotImplementedError

    def may_edit(self, parent: Any, by: Any) -> bool:
        """Whether to offer `by` (None: the public) to edit rows under `parent`; the verbs themselves decide."""
        room = type(self).__module__.partition(".sheets")[0]
        rule = self.needs or getattr(sys.modules.get(f"{room}.rules"), "may_edit", None)
        return rule is not None and bool(rule(by, parent))

    # -- out

    def column(self, key: str) -> Column:
        return next(column for column in self.columns if column.key == key)

    def values(self, row: Any) -> dict[str, Any]:
        """The row's values by column key."""
        return {column.key: column.read(row) for column in self.columns}

    def shown(self, row: Any) -> dict[str, str]:
        """The row as cell texts by column key."""
        return {column.key: column.show(column.read(row)) for column in self.columns}

    def key_of(self, shown: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(str(shown.get(key, "")).casefold() for key in self.key)

    def grid(self, parent: Any) -> tuple[list[str], list[list[str]]]:
        """Header and rows of cell texts, in the reader's language."""
        header = [str(column.label) for column in self.columns]
        return header, [list(self.shown(row).values()) for row in self.rows(parent)]

    # -- in

    def preview(self, parent: Any, raws: Iterable[Raw]) -> Preview:
        """What the file would change. Cells for columns that the file does not have leave the row as it is."""
        context = Context(parent)
        now = {self.key_of(shown): (row, shown) for row in self.rows(parent) for shown in [self.shown(row)]}
        items: list[Item] = []
        problems: list[Problem] = []
        seen: dict[tuple[str, ...], str] = {}
        for raw in raws:
            values = self._take(raw, context, problems)
            shown = {key: self.column(key).show(value) for key, value in values.items()}
            key = self.key_of(shown)
            name = " ".join(shown.get(each, "") for each in self.key)
            if all(key) and key in seen:
                problems.append(
                    Problem(
                        raw.place,
                        _("“%(key)s” stands twice; first at %(first)s") % {"key": name, "first": seen[key]},
                    )
                )
                continue
            seen[key] = raw.place
            row, before = now.get(key, (None, {}))
            if row is None:
                problems.extend(self._lacking(raw))
            items.append(self._item(raw, name, values, shown, row, before))
        missing = [row for key, (row, _shown) in now.items() if key not in seen]
        problems.extend(self.check(parent, items))
        return Preview(self, parent, items, problems, missing, _fingerprint(now))

    def check(self, parent: Any, items: list[Item]) -> Iterator[Problem]:
        """Problems that only show over several rows; rooms override."""
        return iter(())

    def _take(self, raw: Raw, context: Context, problems: list[Problem]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for column in self.columns:
            if column.key not in raw.cells:
                continue
            try:
                values[column.key] = column.take(raw.cells[column.key], context)
            except BadCell as error:
                problems.append(Problem(raw.place_of(column.key, column.label), str(error)))
        for key in sorted(raw.cells.keys() - {column.key for column in self.columns}):
            near = difflib.get_close_matches(key, [column.key for column in self.columns], n=1)
            hint = "; " + _("did you mean “%(name)s”?") % {"name": near[0]} if near else ""
            problems.append(Problem(raw.place, _("there is no column “%(key)s”") % {"key": key} + hint))
        return values

    def _lacking(self, raw: Raw) -> Iterator[Problem]:
        """What a new row must have and the file has no column for; a row that is there already keeps what it has."""
        for column in self.columns:
            if column.required and column.key not in raw.cells:
                message = _("is not in the file; a new row needs “%(column)s”") % {"column": column.label}
                yield Problem(raw.place_of(column.key, column.label), message)

    def _item(
        self,
        raw: Raw,
        name: str,
        values: dict[str, Any],
        shown: dict[str, str],
        row: Any,
        before: dict[str, str],
    ) -> Item:
        if row is None:
            return Item(
                "new",
                name,
                raw.place,
                values,
                None,
                [Difference(self.column(key), "", text) for key, text in shown.items() if text],
            )
        differences = [
            Difference(self.column(key), before[key], text)
            for key, text in shown.items()
            # Spaces and line ends that no file format keeps are no difference.
            if before[key] != text and clean(before[key]) != clean(text)
        ]
        return Item("changed" if differences else "same", name, raw.place, values, row, differences)

    def apply(self, preview: Preview, *, by: Any) -> list[Any]:
        """Carries out a preview, whole or not at all. Raises Invalid if it has problems, Changed if the rows moved."""
        if preview.problems:
            first = preview.problems[0]
            raise Invalid(
                _("Nothing was imported: %(count)d problems, the first at %(place)s: %(message)s")
                % {"count": len(preview.problems), "place": first.place, "message": first.message}
            )
        try:
            with transaction.atomic():
                self._refuse_moved(preview)
                return self.carry_out(preview, by=by)
        except IntegrityError:
            # Two imports at once saw the same rows and add the same new one: PostgreSQL lets both come this far.
            self._refuse_moved(preview)
            raise

    def _refuse_moved(self, preview: Preview) -> None:
        now = {
            self.key_of(shown): (row, shown)
            for row in self.rows(preview.parent)
            for shown in [self.shown(row)]
        }
        if _fingerprint(now) != preview.fingerprint:
            raise Changed(
                _("Someone changed these rows since the preview was made; nothing was imported. Look again.")
            )

    def carry_out(self, preview: Preview, *, by: Any) -> list[Any]:
        """Adds and changes the rows one by one; a room with thousands of rows overrides this with one verb."""
        done = []
        for item in preview.changes:
            if item.current is None:
                done.append(self.add(preview.parent, item.values, by=by))
            else:
                done.append(self.change(item.current, item.values, by=by))
        return done


def _fingerprint(now: Mapping[tuple[str, ...], tuple[Any, Mapping[str, str]]]) -> str:
    digest = hashlib.sha256()
    for key, (_row, shown) in sorted(now.items()):
        digest.update(json.dumps([key, shown], ensure_ascii=False).encode())
    return digest.hexdigest()
