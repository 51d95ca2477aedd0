"""What the rooms' APIs share: pages of rows, texts in two languages, exact numbers, reports, and tables.

`table(router, sheet, …)` gives a sheet its five operations. What may be sent and what comes back is what the sheet
declares, so that files, pages and programs speak of the same columns; writing goes through the sheet's own verbs.
A text in two languages is {"lv", "en"}; an exact number is a text ("7.5"), because JSON's numbers are not exact;
whoever changes a row names the revision it has seen.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from ninja import File, Form, Path, Query, Router, Schema
from ninja.files import UploadedFile
from pydantic import Field, PlainSerializer, create_model

from talka.core import attachments, bilingual, locking
from talka.core.actions import HUB, Invalid
from talka.core.models import Attachment, Noun, Report, ReportState
from talka.core.sheets import (
    SHEETS,
    BadCell,
    Choice,
    Column,
    Context,
    Day,
    Difference,
    Item,
    Lines,
    Number,
    Plain,
    Ref,
    Refs,
    Sheet,
    Whole,
    YesNo,
)
from talka.core.values import BadValue, Period

MOST = 200  # rows on a page
# Types that are only known when a table is declared, which a type checker cannot follow.
_IN_PATH: Any = Path
_IN_QUERY: Any = Query
_IN_FORM: Any = Form
_ONE_OF: Any = Literal
LIMIT = _IN_QUERY(50, ge=1, le=MOST, description=f"Rows on a page, at most {MOST}.")
OFFSET = _IN_QUERY(0, ge=0, description="Rows to leave out before the first.")

# ---------------------------------------------------------------- values


class Text(Schema):
    """A text in Latvian and English; English may be empty and then means: not translated."""

    lv: str = ""
    en: str = ""


class Texts(Schema):
    """Several texts in Latvian and English, line by line."""

    lv: list[str] = []
    en: list[str] = []


def text(row: Any, name: str) -> bilingual.Text:
    """Both languages of a text of a row, as the schema `Text` takes them."""
    return bilingual.both(row, name)


def plain_number(value: Decimal | float | int) -> str:
    """Without exponent and without zeros that say nothing: Decimal("7.500000") → "7.5"."""
    return f"{Decimal(str(value)).normalize():f}"


Exact = Annotated[Decimal, PlainSerializer(plain_number, return_type=str)]


def period(written: str, name: str = "period") -> Period:
    """A period as it was sent. Raises Invalid naming its field."""
    try:
        return Period.parse(written)
    except BadValue as error:
        raise Invalid(error.words((get_language() or "lv")[:2]), field=name) from None


class Problem(Schema):
    """What is wrong and what would have been right; `field` of what was sent, `place` in a file or in the address."""

    code: str = Field(description="unauthorised, refused, not_found, stale, invalid or bad_request")
    message: str
    field: str | None = None
    place: str | None = None
    revision: int | None = Field(
        None, description="of the row as it is now, where somebody changed it meanwhile"
    )


class Problems(Schema):
    """The one shape of every answer that is no success."""

    error: Problem


def page_of(schema: Any, name: str = "") -> Any:
    """The schema of a page of rows: {"count", "limit", "offset", "items"}."""
    return create_model(
        name or f"{schema.__name__}Page",
        __base__=Schema,
        count=(int, ...),
        limit=(int, ...),
        offset=(int, ...),
        items=(list[schema], ...),
    )


def page(rows: Any, limit: int, offset: int, shown: Callable[[Any], Any] = lambda row: row) -> dict[str, Any]:
    """One page of a queryset or a list, each row as `shown` puts it."""
    count = rows.count() if isinstance(rows, QuerySet) else len(rows)
    return {
        "count": count,
        "limit": limit,
        "offset": offset,
        "items": [shown(row) for row in rows[offset : offset + limit]],
    }


# ---------------------------------------------------------------- who asks


class NeedsKey(Exception):
    """Somebody without a key asked for what needs one."""


def reader(request: HttpRequest) -> Any:
    """Whoever reads, as rules and queries take it: the account, or None for the public."""
    return request.auth if request.auth.pk is not None else None  # type: ignore[attr-defined]  # set by the API's root


def actor(request: HttpRequest) -> Any:
    """The account that changes something. Raises NeedsKey for the public."""
    who = reader(request)
    if who is None:
        raise NeedsKey
    return who


@contextmanager
def holding(row: Noun, revision: int | None) -> Iterator[None]:
    """What is done inside happens to the revision that the caller has seen, or raises Stale."""
    with transaction.atomic():
        locking.check(row, revision)
        yield


class Seen(Schema):
    """The revision of the row that the caller has seen; over a newer one nothing is changed."""

    revision: int


class Comment(Schema):
    """A comment on a report."""

    comment: str = ""
    revision: int | None = None


# ---------------------------------------------------------------- reports


class FileOut(Schema):
    """A file that was given as evidence."""

    id: int
    name: str
    size: int = Field(description="in bytes")
    media_type: str
    sha256: str
    url: str


class ReportOut(Schema):
    """What was reported for a period. Names of people are there for those who are signed in alone."""

    id: int
    revision: int
    about: str = Field(description='what it is about, as in "plan.measure/17"')
    series: str
    period: str
    as_of: date
    text: str
    value: Exact | None
    state: Literal["submitted", "returned", "accepted"]
    comment: str
    institution: str
    by: str | None
    submitted_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    corrects: int | None
    files: list[FileOut]


class ReportIn(Schema):
    """A value, words, or both, for a period that has begun: "2023", "2023-Q3", "2023-06"."""

    period: str
    text: str = ""
    value: Exact | None = None


class ValueIn(ReportIn):
    """A value; `institution` is the code of the one of yours that reports, if you act for several."""

    institution: str = ""
    public: bool = Field(False, description="whether the files of evidence are shown to everybody")


ReportPage = page_of(ReportOut, "ReportPage")


def own_institution(own: Iterable[Any], code: str) -> Any:
    """The one with this code among the institutions for which somebody acts; without a code the first, or None."""
    known = {each.code: each for each in own}
    if code and code not in known:
        raise Invalid(_("You act for: %(known)s.") % {"known": ", ".join(known) or "–"}, field="institution")
    return known[code] if code else next(iter(known.values()), None)


def report_shown(report: Report, files: Iterable[Attachment], *, inside: bool) -> dict[str, Any]:
    """A report as the schema `ReportOut` takes it; `inside`: with the names of people and their comments."""
    return {
        "id": report.pk,
        "revision": report.revision,
        "about": f"{report.about_kind}/{report.about_id}",
        "series": report.series,
        "period": report.period,
        "as_of": report.as_of,
        "text": report.text,
        "value": report.value,
        "state": report.state,
        "comment": report.comment if inside else "",
        "institution": report.institution_name,
        "by": report.by_name if inside else None,
        "submitted_at": report.submitted_at,
        "decided_by": report.decided_by if inside and report.decided_by else None,
        "decided_at": report.decided_at,
        "corrects": report.corrects_id,
        "files": [
            {
                "id": each.pk,
                "name": each.name,
                "size": each.size,
                "media_type": each.media_type,
                "sha256": each.sha256,
                "url": reverse("attachment", args=[each.pk]),
            }
            for each in files
        ],
    }


def reporting(
    router: Router,
    path: str,
    *,
    of: str,
    where: type[Schema],
    find: Callable[[HttpRequest, Any], Any],
    inside: Callable[[Any, Any], bool],
    rows: Callable[[Any], QuerySet[Report]],
    given: type[ReportIn],
    hand_in: Callable[..., Report],
    accept: Callable[..., Report],
    give_back: Callable[..., Report],
    unlock: Callable[..., Report],
) -> None:
    """Gives reports on rows of a kind their operations at `path`: all, a new one, with files, and how it is judged.

    `of` is what they are on, in English (“a measure”). `where` is the schema of the path's parameters, from which
    `find` finds the row (Http404 where the asker may not see it); `rows` its reports, of which whoever is not
    `inside(asker, row)` sees those accepted. `given` is what is sent; `hand_in(row, given, files, by=…)` and the other
    three are the verbs.
    """

    def seen(row: Any, who: Any) -> tuple[QuerySet[Report], bool]:
        may = inside(who, row)
        return rows(row) if may else rows(row).filter(state=ReportState.ACCEPTED), may

    def made(request: HttpRequest, place: Any, sent: Any, files: list[UploadedFile]) -> dict[str, Any]:
        row, who = find(request, place), actor(request)
        done = hand_in(row, sent, files, by=who)
        return report_shown(done, attachments.about(done), inside=True)

    def judged(request: HttpRequest, place: Any, pk: int, verb: Callable[..., Report], said: Comment) -> Any:
        row, who = find(request, place), actor(request)
        report = one_of(seen(row, who)[0], "pk", pk)
        with holding(report, said.revision):
            done = verb(report, by=who, comment=said.comment)
        return report_shown(done, attachments.about(done), inside=True)

    def list_reports(request: HttpRequest, *, place: Any, limit: int = LIMIT, offset: int = OFFSET) -> Any:
        row = find(request, place)
        found, may = seen(row, reader(request))
        shown = page(found, limit, offset)
        files = attachments.about_each(shown["items"], inside=may)
        shown["items"] = [report_shown(each, files.get(each.pk, []), inside=may) for each in shown["items"]]
        return shown

    def report(request: HttpRequest, *, place: Any, sent: Any) -> Any:
        return made(request, place, sent, [])

    def report_with_files(
        request: HttpRequest, *, place: Any, form: Any, files: File[list[UploadedFile]]
    ) -> Any:
        return made(request, place, form, files)

    def accept_report(request: HttpRequest, *, place: Any, number: Any, said: Comment) -> Any:
        return judged(request, place, number, accept, said)

    def return_report(request: HttpRequest, *, place: Any, number: Any, said: Comment) -> Any:
        return judged(request, place, number, give_back, said)

    def unlock_report(request: HttpRequest, *, place: Any, number: Any, said: Comment) -> Any:
        return judged(request, place, number, unlock, said)

    one = path + "/{report}"
    offers: list[tuple[str, str, Any, Any, str]] = [
        (
            "get",
            path,
            list_reports,
            ReportPage,
            "What was reported on {of}; the public sees what was accepted.",
        ),
        ("post", path, report, {201: ReportOut}, "Hands in a report on {of}."),
        (
            "post",
            path + "/with-files",
            report_with_files,
            {201: ReportOut},
            "Hands in a report on {of} with files of evidence, as multipart/form-data.",
        ),
        (
            "post",
            one + "/accept",
            accept_report,
            ReportOut,
            "Accepts a report on {of}; its period is locked.",
        ),
        (
            "post",
            one + "/return",
            return_report,
            ReportOut,
            "Returns a report on {of} with what is missing in it.",
        ),
        (
            "post",
            one + "/unlock",
            unlock_report,
            ReportOut,
            "Opens a locked period of {of} again, with the reason.",
        ),
    ]
    for method, at, view, answer, what in offers:
        _declare(
            view,
            place=_IN_PATH[where],
            sent=given,
            form=_IN_FORM[given],
            number=Annotated[int, _IN_PATH(alias="report")],
        )
        getattr(router, method)(
            at,
            operation_id=f"{re.sub(r'^an? ', '', of).replace(' ', '_')}_{view.__name__}",
            summary=what.format(of=of).rstrip("."),
            response=answer,
        )(view)


# ---------------------------------------------------------------- tables


@dataclass(frozen=True)
class Shown:
    """How a column of an unusual kind looks in JSON: its type, and the value of a row as that type."""

    type: Any
    value: Callable[[Any], Any]


@dataclass(frozen=True)
class Table:
    """A sheet as the API shows it. `names`: what a column is called here; `special`: columns of an unusual kind."""

    sheet: Sheet
    names: Mapping[str, str] = field(default_factory=dict)
    special: Mapping[str, Shown] = field(default_factory=dict)

    def fields(self) -> Iterator[tuple[str, Sequence[Column]]]:
        """The fields in order, each with its column, or its two columns if it is a text in two languages."""
        known = {column.key: column for column in self.sheet.columns}
        for key, column in known.items():
            base, _mark, language = key.rpartition("_")
            if language == "lv" and f"{base}_en" in known:
                yield self.names.get(base, base), (column, known[f"{base}_en"])
            elif not (language == "en" and f"{base}_lv" in known):
                yield self.names.get(key, key), (column,)

    def show(self, row: Any) -> dict[str, Any]:
        """A row as plain values by field."""
        shown: dict[str, Any] = {"id": row.pk, "revision": row.revision, "url": _address(row)}
        for name, columns in self.fields():
            if len(columns) == 2:
                shown[name] = {"lv": columns[0].read(row), "en": columns[1].read(row)}
            else:
                shown[name] = self._value(columns[0], columns[0].read(row))
        return shown

    def _value(self, column: Column, value: Any) -> Any:
        if column.key in self.special:
            return self.special[column.key].value(value)
        if isinstance(column, YesNo):
            return bool(value)
        if isinstance(column, Number | Day | Plain | Lines):
            return value
        if isinstance(column, Choice):
            return value or None
        if isinstance(column, Refs):
            return column.show(value).splitlines()
        if isinstance(column, Ref):
            return column.show(value) or None
        return column.show(value)

    def cells(self, given: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
        """What was sent, as cells by column key, each with the name of its field. Fields not sent are not there."""
        found: dict[str, tuple[str, Any]] = {}
        for name, columns in self.fields():
            if name not in given:
                continue
            if len(columns) == 2:
                for column, language in zip(columns, bilingual.LANGUAGES, strict=True):
                    if language in (given[name] or {}):
                        found[column.key] = (f"{name}.{language}", given[name][language])
            else:
                found[columns[0].key] = (name, _raw(given[name]))
        return found

    def values(self, parent: Any, given: Mapping[str, Any], row: Any = None) -> dict[str, Any]:
        """What was sent, as the sheet's verbs take it. Raises Invalid naming the first field that is wrong."""
        cells = self.cells(given)
        context, values = Context(parent), {}
        for column in self.sheet.columns:
            if column.key not in cells and (row is not None or not column.required):
                continue
            name, raw = cells.get(column.key, (column.key, None))
            try:
                values[column.key] = column.take(raw, context)
            except BadCell as error:
                raise Invalid(str(error), field=name) from None
        self._check(parent, values, row)
        return values

    def _check(self, parent: Any, values: Mapping[str, Any], row: Any) -> None:
        """The sheet's own check, as for an import of this one row."""
        before = self.sheet.shown(row) if row is not None else {}
        shown = {key: self.sheet.column(key).show(value) for key, value in values.items()}
        differences = [
            Difference(self.sheet.column(key), before.get(key, ""), after)
            for key, after in shown.items()
            if before.get(key, "") != after
        ]
        name = " ".join({**before, **shown}.get(key, "") for key in self.sheet.key)
        item = Item("new" if row is None else "changed", name, "", dict(values), row, differences)
        for problem in self.sheet.check(parent, [item]):
            raise Invalid(problem.message)

    # -- schemas

    def out(self, name: str) -> Any:
        """The schema of a row."""
        fields: dict[str, Any] = {
            "id": (int, ...),
            "revision": (int, ...),
            "url": (str | None, Field(description="its page")),
        }
        for key, columns in self.fields():
            kind = (
                self._type(columns[0])
                if len(columns) == 1
                else Texts
                if isinstance(columns[0], Lines)
                else Text
            )
            fields[key] = (kind, Field(description=_label(columns[0])))
        return create_model(name, __base__=Schema, __doc__=_label(self.sheet), **fields)

    def into(self, name: str, *, edit: bool) -> Any:
        """The schema of what is sent to add a row, or to change the fields given of one."""
        fields: dict[str, Any] = (
            {"revision": (int, Field(description="of the row as you saw it"))} if edit else {}
        )
        for key, columns in self.fields():
            kind = (
                self._type(columns[0])
                if len(columns) == 1
                else Texts
                if isinstance(columns[0], Lines)
                else Text
            )
            needed = columns[0].required and not edit
            described = Field(... if needed else None, description=_label(columns[0]))
            fields[key] = (kind if needed else kind | None, described)
        return create_model(name, __base__=Schema, **fields)

    def _type(self, column: Column) -> Any:
        if column.key in self.special:
            return self.special[column.key].type
        match column:
            case YesNo():
                return bool
            case Whole():
                return int if column.required else int | None
            case Number():
                return Exact if column.required else Exact | None
            case Day():
                return date if column.required else date | None
            case Choice():
                assert column.choices is not None
                known: Any = _ONE_OF[tuple(column.choices.values)]
                return known if column.required else known | None
            case Refs() | Lines():
                return list[str]
            case Ref():
                return str if column.required else str | None
            case Plain():
                return Any
        return str


def _raw(value: Any) -> Any:
    """A JSON value as a cell."""
    if isinstance(value, Decimal):
        return plain_number(value)
    return value.isoformat() if isinstance(value, date) else value


def _label(of: Any) -> str:
    with override("en"):
        return re.sub(r" \(in Latvian\)$", "", str(of.label))


def _address(row: Any) -> str | None:
    return row.get_absolute_url() if hasattr(row, "get_absolute_url") else None


def hub(request: HttpRequest, place: Any) -> Any:
    """The parent of what belongs to the whole hub."""
    return HUB


def table(
    router: Router,
    code: str,
    path: str,
    *,
    name: str,
    where: type[Schema] | None = None,
    parent: Callable[[HttpRequest, Any], Any] = hub,
    filters: type[Schema] | None = None,
    narrow: Callable[[Any, Any], Any] = lambda rows, wanted: rows,
    names: Mapping[str, str] | None = None,
    special: Mapping[str, Shown] | None = None,
    remove: Callable[..., Any] | None = None,
    hidden: Callable[[Any], Mapping[str, Any]] = lambda who: {},
) -> Any:
    """Gives the sheet `code` its operations at `path`: all rows, one, a new one, a changed one.

    `remove` is the verb that takes a row away, where rows can be. `hidden` says what a reader (None: the public) is
    shown instead of the fields that are not for everybody.

    `where` is the schema of the path's parameters, from which `parent` finds what the rows hang under (Http404 where
    the asker may not see it); `filters` the schema of what narrows the list, by `narrow`. `name` is what a row is
    called in the schema. A row is addressed by its code if that is the sheet's key, else by its id.
    Returns a row's schema.
    """
    shown = Table(SHEETS[code], names or {}, special or {})
    schema = shown.out(name)
    by = "code" if shown.sheet.key == ("code",) else "id"

    def told(request: HttpRequest) -> Callable[[Any], dict[str, Any]]:
        instead = hidden(reader(request))
        return lambda row: {**shown.show(row), **instead}

    def list_rows(
        request: HttpRequest,
        *,
        limit: int = LIMIT,
        offset: int = OFFSET,
        wanted: Any = None,
        place: Any = None,
    ) -> Any:
        return page(narrow(shown.sheet.rows(parent(request, place)), wanted), limit, offset, told(request))

    def read_row(request: HttpRequest, *, row: Any, place: Any = None) -> Any:
        return told(request)(one_of(shown.sheet.rows(parent(request, place)), by, row))

    def add_row(request: HttpRequest, *, given: Any, place: Any = None) -> Any:
        above, who = parent(request, place), actor(request)
        values = shown.values(above, given.dict(exclude_unset=True))
        with _once(shown):
            made = shown.sheet.add(above, values, by=who)
        return told(request)(one_of(shown.sheet.rows(above), "pk", made.pk))

    def change_row(request: HttpRequest, *, row: Any, given: Any, place: Any = None) -> Any:
        above, who = parent(request, place), actor(request)
        found = one_of(shown.sheet.rows(above), by, row)
        sent = given.dict(exclude_unset=True)
        with _once(shown), holding(found, sent.pop("revision")):
            shown.sheet.change(found, shown.values(above, sent, found), by=who)
        return told(request)(one_of(shown.sheet.rows(above), "pk", found.pk))

    def remove_row(request: HttpRequest, *, row: Any, revision: int, place: Any = None) -> None:
        assert remove is not None  # else it is not offered
        who = actor(request)
        found = one_of(shown.sheet.rows(parent(request, place)), by, row)
        with holding(found, revision):
            remove(found, by=who)

    new, change = shown.into(f"{name}New", edit=False), shown.into(f"{name}Change", edit=True)
    one = f"{path}/{{{by}}}"
    offers: list[tuple[str, str, Any, Any, Any, str]] = [
        ("get", path, list_rows, None, page_of(schema), "all rows"),
        ("get", one, read_row, None, schema, "one row"),
        ("post", path, add_row, new, {201: schema}, "add a row"),
        ("patch", one, change_row, change, schema, "change a row"),
    ]
    if remove is not None:
        offers.append(("delete", one, remove_row, None, {204: None}, "remove a row"))
    for method, at, view, given, answer, what in offers:
        _declare(
            view,
            given=given,
            row=Annotated[str if by == "code" else int, _IN_PATH(alias=by)],
            place=_IN_PATH[where] if where else None,
            wanted=_IN_QUERY[filters] if filters else None,
        )
        getattr(router, method)(
            at,
            operation_id=f"{code.replace('.', '_')}_{view.__name__}",
            summary=f"{_label(shown.sheet)}: {what}",
            response=answer,
        )(view)
    return schema


def _declare(view: Any, **types: Any) -> None:
    """Says what kinds these parameters are; one without a kind is none that is sent."""
    signature = inspect.signature(view, eval_str=True)
    parameters = [
        each.replace(annotation=types[each.name], default=each.empty) if each.name in types else each
        for each in signature.parameters.values()
        if types.get(each.name, view) is not None
    ]
    view.__signature__ = signature.replace(parameters=parameters)


def one_of(rows: Any, name: str, value: Any) -> Any:
    """The row of a queryset or a list whose `name` has this value. Raises Http404."""
    if isinstance(rows, QuerySet):
        row = rows.filter(**{name: value}).first()
    else:
        row = next((each for each in rows if getattr(each, name) == value), None)
    if row is None:
        raise Http404(_("There is no such row here."))
    return row


@contextmanager
def _once(shown: Table) -> Iterator[None]:
    """Whole or not at all, and never twice what the database keeps once: the caller is told what must be new."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        labels = ", ".join(str(shown.sheet.column(key).label) for key in shown.sheet.key)
        raise Invalid(
            _("There is already such a row: “%(fields)s” must be new.") % {"fields": labels}
        ) from None
