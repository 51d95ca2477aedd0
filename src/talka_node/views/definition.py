"""A ViewDefinition, checked and compiled: each select becomes a function from an element to partial rows.

A partial row is a tuple of the select's own columns; selects side by side are joined as a product, those of a unionAll
one after another. Source: SQL on FHIR 2.0, "ViewDefinition" and "Processing algorithm".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any

from talka_node.fhirpath import PathError, compile_path
from talka_node.fhirpath.compiler import Code, Items, Run, nearest
from talka_node.fhirpath.values import (
    MOMENTS,
    PRIMITIVES,
    TEXTS,
    WHOLES,
    Moment,
    NotAMoment,
    Quantity,
    Typed,
    bare,
    kind_of,
    number,
)

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
RESOURCE = re.compile(r"[A-Z][A-Za-z]+")
DEEPEST = 50  # selects within selects
MOST_NODES = 1_000_000  # that one `repeat` may visit in one resource

Row = tuple[Any, ...]
Rows = list[Row]


class ViewError(ValueError):
    """A view that means nothing, or a resource it does not fit. `place`: where in the view, or which resource."""

    def __init__(self, place: str, why: str) -> None:
        self.place, self.why = place, why
        super().__init__(f"{place}: {why}" if place else why)


@dataclass(frozen=True, slots=True)
class Column:
    """`type` is the bare name of a FHIR type, or None; `kind` is the shape of its values in JSON."""

    name: str
    type: str | None
    collection: bool

    @property
    def kind(self) -> str | None:
        return None if self.type is None else _KINDS.get(self.type, "complex")


_KINDS = {
    **dict.fromkeys(TEXTS | MOMENTS, "text"), **dict.fromkeys(WHOLES, "whole number"),
    "decimal": "number", "boolean": "true or false",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A compiled select: its columns, its rows for one element, and its row for no element (forEachOrNull)."""

    columns: tuple[Column, ...]
    rows: Callable[[Items, Run], Rows]
    blank: Callable[[Run], Row]


@dataclass(frozen=True, slots=True)
class View:
    """A compiled ViewDefinition. `exact`: it looks at how precisely numbers were written."""

    name: str
    resource: str
    columns: tuple[Column, ...]
    exact: bool
    _part: Part
    _where: tuple[tuple[str, Code], ...]

    @classmethod
    def of(cls, view: Any) -> View:
        """The view, checked. Raises ViewError."""
        return _Reader().view(view)

    def rows(self, resources: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The rows of all resources. Raises ViewError, naming the resource by its number, 1 being the first."""
        for place, resource in enumerate(resources, 1):
            try:
                yield from self.rows_of(resource)
            except ViewError as why:
                raise ViewError(f"resource {place}, {why.place}", why.why) from None

    def rows_of(self, resource: Any) -> list[dict[str, Any]]:
        """The rows of one resource: none if it is of another type than the view's, or its conditions do not hold."""
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise ViewError("resourceType", "a FHIR resource in JSON names its type here")
        if resource["resourceType"] != self.resource:
            return []
        focus, run = [resource], Run(resource)
        for place, condition in self._where:
            if not _holds(place, condition, focus, run):
                return []
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self._part.rows(focus, run)]


def _holds(place: str, condition: Code, focus: Items, run: Run) -> bool:
    found = _ask(place, condition, focus, run)
    if not found:
        return False
    value = bare(found[0])
    if len(found) > 1 or type(value) is not bool:
        met = f"{len(found)} values" if len(found) > 1 else kind_of(found[0])
        raise ViewError(
            place, f"a condition gives true or false, not {met}; `.exists()` asks whether there is any"
        )
    return value


def _ask(place: str, code: Code, focus: Items, run: Run) -> Items:
    try:
        return code(focus, run)
    except PathError as why:
        raise ViewError(place, str(why)) from None


# --- reading ----------------------------------------------------------------------------------------------

_SELECT = ("column", "select", "forEach", "forEachOrNull", "repeat", "unionAll")
_COLUMN = ("name", "path", "type", "collection", "description", "tag")
_VIEW = ("resource", "select", "where", "constant", "name", "status", "title", "description", "fhirVersion")
_STATUS = ("draft", "active", "retired", "unknown")
_CONSTANTS = (
    "base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer",
    "integer64", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid",
)  # fmt: skip


class _Reader:
    """Reads one view. Every complaint names the path in it: `select[1].column[0].path`."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self.exact = False

    def view(self, view: Any) -> View:
        if not isinstance(view, dict):
            raise ViewError("", "a ViewDefinition is a JSON object")
        if view.get("resourceType", "ViewDefinition") not in ("ViewDefinition", f"{_SITE}ViewDefinition"):
            raise ViewError("resourceType", "not a ViewDefinition")
        self.spelling(view, "", _VIEW)
        resource = self.text(view, "resource", "", needed=True)
        if not RESOURCE.fullmatch(resource):
            raise ViewError("resource", "not the name of a resource type, such as Patient")
        if view.get("status", "active") not in _STATUS:
            raise ViewError("status", f"one of {', '.join(_STATUS)} is right")
        name = self.text(view, "name", "")
        if name and not NAME.fullmatch(name):
            raise ViewError("name", _NAMING)
        for place, constant in self.each(view, "constant", ""):
            self.constant(constant, place)
        selects = [
            self.select(select, place, 1) for place, select in self.each(view, "select", "", needed=True)
        ]
        where = []
        for place, condition in self.each(view, "where", ""):
            self.spelling(condition, place, ("path", "description"))
            path = self.text(condition, "path", place, needed=True)
            where.append((f"{place}.path", self.path(path, f"{place}.path")))
        part = _beside(selects)
        if not part.columns:
            raise ViewError("select", "the view has no columns; a row needs at least one")
        self.unique(part.columns, "select")
        return View(name, resource, part.columns, self.exact, part, tuple(where))

    # --- parts of the JSON ---

    def spelling(self, element: Any, place: str, known: Collection[str]) -> None:
        """An element is an object, and no name in it looks like a slip of the pen."""
        if not isinstance(element, dict):
            raise ViewError(place, "a JSON object is wanted here")
        for name in element:
            if name not in known and name not in _METADATA and (meant := nearest(name, known)):
                raise ViewError(f"{place}.{name}".lstrip("."), f"there is no such element{meant}")

    def text(self, element: Mapping[str, Any], name: str, place: str, needed: bool = False) -> str:
        value = element.get(name)
        if value is None and not needed:
            return ""
        where = f"{place}.{name}".lstrip(".")
        if value is None:
            raise ViewError(where, "is missing")
        if not isinstance(value, str) or not value.strip():
            raise ViewError(where, "text is wanted here")
        return value

    def each(
        self, element: Mapping[str, Any], name: str, place: str, needed: bool = False
    ) -> Iterator[tuple[str, Any]]:
        where = f"{place}.{name}".lstrip(".")
        values = element.get(name)
        if values is None:
            if needed:
                raise ViewError(where, "is missing")
            return
        if not isinstance(values, list) or not values:
            raise ViewError(where, "a list of at least one is wanted here")
        for index, value in enumerate(values):
            yield f"{where}[{index}]", value

    def path(self, text: str, place: str) -> Code:
        try:
            path = compile_path(text, self.constants)
        except PathError as why:
            raise ViewError(place, str(why)) from None
        self.exact = self.exact or path.exact
        return path.call

    # --- constants ---

    def constant(self, constant: Any, place: str) -> None:
        self.spelling(constant, place, ("name",))
        name = self.text(constant, "name", place, needed=True)
        if not NAME.fullmatch(name):
            raise ViewError(f"{place}.name", _NAMING)
        if name in self.constants:
            raise ViewError(f"{place}.name", f"there are two constants `{name}`")
        given = [key for key in constant if key.startswith("value")]
        if len(given) != 1:
            raise ViewError(place, f"a constant has exactly one value[x], not {len(given)}")
        types = {f"value{name[0].upper()}{name[1:]}": name for name in _CONSTANTS}
        type_name = types.get(given[0])
        if type_name is None:
            raise ViewError(f"{place}.{given[0]}", f"a constant is one of {', '.join(types)}")
        self.constants[name] = _constant(constant[given[0]], type_name, f"{place}.{given[0]}")

    # --- selects ---

    def select(self, select: Any, place: str, depth: int) -> Part:
        self.spelling(select, place, _SELECT)
        if depth > DEEPEST:
            raise ViewError(place, f"more than {DEEPEST} selects within each other")
        loops = [name for name in ("forEach", "forEachOrNull", "repeat") if select.get(name) is not None]
        if len(loops) > 1:
            raise ViewError(place, f"only one of {' and '.join(loops)} can choose what the rows are made of")
        loop = self.loop(select, loops[0], place) if loops else None
        parts = []
        if columns := [self.column(column, where) for where, column in self.each(select, "column", place)]:
            parts.append(_columns(columns))
        parts += [self.select(inner, where, depth + 1) for where, inner in self.each(select, "select", place)]
        union = [
            self.select(inner, where, depth + 1) for where, inner in self.each(select, "unionAll", place)
        ]
        if union:
            self.same_columns(union, f"{place}.unionAll")
            parts.append(_union(union))
        if not parts:
            raise ViewError(place, "a select has at least a column, a select or a unionAll")
        inner = _beside(parts)
        self.unique(inner.columns, place)
        return _looped(inner, loop, null=loops == ["forEachOrNull"]) if loop else inner

    def loop(self, select: Mapping[str, Any], name: str, place: str) -> Code:
        where = f"{place}.{name}"
        if name != "repeat":
            code = self.path(self.text(select, name, place, needed=True), where)
            return lambda items, run: _ask(where, code, items, run)
        codes = []
        for spot, text in self.each(select, name, place, needed=True):
            if not isinstance(text, str) or not text.strip():
                raise ViewError(spot, "text is wanted here")
            codes.append((spot, self.path(text, spot)))
        return _repeated(codes, where)

    def column(self, column: Any, place: str) -> tuple[Column, str, Code]:
        self.spelling(column, place, _COLUMN)
        name = self.text(column, "name", place, needed=True)
        if not NAME.fullmatch(name):
            raise ViewError(f"{place}.name", _NAMING)
        code = self.path(self.text(column, "path", place, needed=True), f"{place}.path")
        collection = column.get("collection", False)
        if not isinstance(collection, bool):
            raise ViewError(f"{place}.collection", "true or false is wanted here")
        type_name = self.text(column, "type", place).rpartition("/")[2] or None
        if type_name and type_name not in PRIMITIVES and not type_name[0].isupper():
            raise ViewError(
                f"{place}.type", f"there is no type `{type_name}`{nearest(type_name, PRIMITIVES)}"
            )
        return Column(name, type_name, collection), f"{place} ({name})", code

    def unique(self, columns: Iterable[Column], place: str) -> None:
        seen: set[str] = set()
        for column in columns:
            if column.name in seen:
                raise ViewError(place, f"two columns are called `{column.name}`")
            seen.add(column.name)

    def same_columns(self, union: list[Part], place: str) -> None:
        first = union[0].columns
        for index, part in enumerate(union[1:], 1):
            names, wanted = [c.name for c in part.columns], [c.name for c in first]
            if names != wanted:
                raise ViewError(
                    f"{place}[{index}]",
                    f"its columns are {', '.join(names)}; the first has {', '.join(wanted)}",
                )
            for mine, its in zip(part.columns, first, strict=True):
                if mine.collection != its.collection or (mine.kind and its.kind and mine.kind != its.kind):
                    raise ViewError(f"{place}[{index}]", f"`{mine.name}` has another type than in the first")


_SITE = "https://sql-on-fhir.org/ig/StructureDefinition/"
_NAMING = "a name is letters, digits and _, and begins with a letter, so that any database takes it"
# What any FHIR element or definition may carry besides, of no weight for rows.
_METADATA = frozenset({
    "resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension",
    "url", "identifier", "version", "versionAlgorithmString", "versionAlgorithmCoding", "experimental", "date",
    "publisher", "contact", "useContext", "jurisdiction", "purpose", "copyright", "copyrightLabel", "profile",
})  # fmt: skip


def _constant(value: Any, type_name: str, place: str) -> Any:
    """The constant as a value of FHIRPath."""
    kind = _KINDS[type_name]
    fits = {
        "text": isinstance(value, str),
        "true or false": isinstance(value, bool),
        "number": isinstance(value, int | float | Decimal) and not isinstance(value, bool),
        "whole number": isinstance(value, int) and not isinstance(value, bool),
    }[kind]
    if type_name == "integer64" and isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,19}", value):
        return int(value)  # as FHIR R5 writes it, beyond what a JSON number may safely hold
    if not fits:
        raise ViewError(place, f"a {type_name} is a {kind} in JSON, not {kind_of(value)}")
    if type_name in MOMENTS:
        try:
            return Moment.read(value, {"instant": "dateTime"}.get(type_name, type_name))
        except NotAMoment as why:
            raise ViewError(place, str(why)) from None
    return number(value) if kind == "number" else value


# --- rows -------------------------------------------------------------------------------------------------


def _columns(columns: list[tuple[Column, str, Code]]) -> Part:
    kept = tuple(column for column, _, _ in columns)
    readers = [_reader(*column) for column in columns]

    def row(focus: Items, run: Run) -> Rows:
        return [tuple([read(focus, run) for read in readers])]

    return Part(kept, row, lambda run: row([], run)[0])


def _reader(column: Column, place: str, code: Code) -> Callable[[Items, Run], Any]:
    """From an element to the plain value of one column."""
    plain = _plain(column, place)

    def read(focus: Items, run: Run) -> Any:
        try:
            found = code(focus, run)
        except PathError as why:
            raise ViewError(place, str(why)) from None
        if column.collection:
            return [plain(value) for value in found]
        if not found:
            return None
        if len(found) > 1:
            raise ViewError(
                place, f"{len(found)} values for one cell; `collection: true` or `.first()` is right"
            )
        return plain(found[0])

    return read


def _plain(column: Column, place: str) -> Callable[[Any], Any]:
    """From a value of FHIRPath to one of JSON, of the type that the column declares."""
    kind, quick = (
        column.kind,
        {"text": str, "true or false": bool, "whole number": int}.get(column.kind or ""),
    )

    def plain(value: Any) -> Any:
        if type(value) is quick:
            return value
        if type(value) is Typed:
            value = value.value
        given: str
        match value:
            case bool():
                given = "true or false"
            case str():
                given = "text"
            case int():
                given = "whole number"
            case Decimal() | float():
                whole = value == int(value)
                given = "whole number" if whole and kind == "whole number" else "number"
                value = int(value) if given == "whole number" else float(value)
            case Moment():
                given = "text"
                value = str(Moment("date", value.parts[:3]) if column.type == "date" else value)
            case Quantity():
                given, value = "complex", {"value": float(value.value), "unit": value.unit}
            case _:
                given = "complex"
        if (
            given == kind
            or (given == "whole number" and kind == "number")
            or (kind is None and given != "complex")
        ):
            return value
        if given == "text" and column.type == "integer64" and re.fullmatch(r"[+-]?[0-9]{1,19}", value):
            return int(value)
        if given == "complex":
            wanted = "`type` must name a type with parts, or the path lead to one of its parts"
            raise ViewError(place, f"an element with parts in one cell; {wanted}")
        raise ViewError(place, f"{kind_of(value)} where `type` says {column.type}")

    return plain


def _beside(parts: list[Part]) -> Part:
    """Selects side by side: every combination of their rows."""
    if len(parts) == 1:
        return parts[0]
    columns = tuple(column for part in parts for column in part.columns)
    makers = [part.rows for part in parts]

    def rows(focus: Items, run: Run) -> Rows:
        found: list[Rows] = []
        for make in makers:
            made = make(focus, run)
            if not made:
                return []
            found.append(made)
        return [sum(combination, ()) for combination in product(*found)]

    return Part(columns, rows, lambda run: sum((part.blank(run) for part in parts), ()))


def _union(parts: list[Part]) -> Part:
    def rows(focus: Items, run: Run) -> Rows:
        found: Rows = []
        for part in parts:
            found += part.rows(focus, run)
        return found

    return Part(parts[0].columns, rows, parts[0].blank)


def _looped(inner: Part, loop: Code, null: bool) -> Part:
    """The inner rows for each element that the loop finds; with `null`, a blank row where it finds none."""

    def rows(focus: Items, run: Run) -> Rows:
        found: Rows = []
        before = run.row
        elements = loop(focus, run)
        for run.row, element in enumerate(elements):
            found += inner.rows([element], run)
        if null and not elements:
            run.row = 0
            found.append(inner.blank(run))
        run.row = before
        return found

    def blank(run: Run) -> Row:
        before, run.row = run.row, 0
        row = inner.blank(run)
        run.row = before
        return row

    return Part(inner.columns, rows, blank)


def _repeated(codes: list[tuple[str, Code]], place: str) -> Code:
    """All elements that the paths find, those that they find in these, and so on; parents before their children."""

    def walk(items: Items, run: Run) -> Items:
        found: Items = []
        waiting = [iter(_children(codes, items, run))]
        while waiting:
            element = next(waiting[-1], None)
            if element is None:
                waiting.pop()
                continue
            found.append(element)
            if len(found) > MOST_NODES:
                raise ViewError(place, f"more than {MOST_NODES} elements: the paths go in circles")
            waiting.append(iter(_children(codes, [element], run)))
        return found

    return walk


def _children(codes: list[tuple[str, Code]], items: Items, run: Run) -> Items:
    return [element for place, code in codes for element in _ask(place, code, items, run)]
