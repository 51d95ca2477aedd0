"""Reference data: every sheet of the house as a table, a form for one row, files in and out.

There is one declaration of what a row holds, its `Sheet`; the table, the form, the import and the export are made of
it, and every change goes through the room's own verbs. What somebody may not edit is not offered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from talka.core import locking, sheets_io
from talka.core.actions import HUB, Invalid, Refused
from talka.core.formats import CONTENT_TYPES, LIMITS, BadFile
from talka.core.forms import VerbForm, answer_status
from talka.core.http import asker
from talka.core.sheets import (
    SHEETS,
    BadCell,
    Choice,
    Column,
    Context,
    Day,
    Lines,
    Number,
    Plain,
    Preview,
    Ref,
    Sheet,
    YesNo,
)
from talka.core.stems import fold
from talka.domains import queries as domains
from talka.ui.widgets import DateInput, DecimalInput, FileInput

PAGE = 50
SHOWN = 100  # rows of a preview that are shown one by one; a page of thousands helps nobody
OPTIONS = 300  # rows that are offered in a list to choose from; beyond that one types
LONG = 200  # characters from which a text gets a box instead of a line
EXPORTS = (
    "xlsx",
    "docx",
    "csv",
    "json",
)  # no PDF: in its narrow columns words break, and then it cannot come back
NEWEST = 3  # versions of a strategy, years of a plan that the index leads to


# ---------------------------------------------------------------- which sheets, over what


@dataclass(frozen=True)
class Group:
    """The sheets over one parent: the hub, an ecosystem, a version of its strategy, one of its plans."""

    title: str
    entries: list[tuple[str, str, str]]  # (label, address, code)


def index(request: HttpRequest) -> HttpResponse:
    """Every sheet that the asker may edit, by what it belongs to."""
    by = _signed_in(request)
    ecosystems = [
        each
        for each in domains.ecosystems()
        if any(sheet.may_edit(each, by) for sheet in _over("domains.ecosystem"))
    ]
    chosen = next((each for each in ecosystems if each.code == request.GET.get("ecosystem")), None)
    chosen = chosen or (ecosystems[0] if ecosystems else None)
    parents: list[Any] = [HUB]
    if chosen is not None:
        parents.append(chosen)
        for over in sorted({sheet.over for sheet in SHEETS.values()} - {"hub", "domains.ecosystem"}):
            parents += apps.get_model(over)._base_manager.filter(ecosystem=chosen).order_by("-pk")[:NEWEST]
    groups = [group for group in (_group(parent, by) for parent in parents) if group.entries]
    if not groups:
        raise Refused(
            "web.reference", by, _("You may not edit any reference data; ask an administrator of the hub.")
        )
    return render(
        request,
        "web/reference/index.html",
        {
            "title": _("Reference data"),
            "lead": _("Every table that you may edit, row by row or as a file."),
            "groups": groups,
            "ecosystems": ecosystems,
            "chosen": chosen,
            "count": sum(len(group.entries) for group in groups),
        },
    )


def _over(kind: str) -> list[Sheet]:
    """The sheets whose rows hang under this kind of thing, by code."""
    return [SHEETS[code] for code in sorted(SHEETS) if SHEETS[code].over == kind]


def _group(parent: Any, by: Any) -> Group:
    kind = "hub" if parent is HUB else parent.kind()
    title = _("The whole hub") if parent is HUB else str(parent)
    return Group(
        title,
        [
            (str(sheet.label), _address("reference-sheet", sheet, parent), sheet.code)
            for sheet in _over(kind)
            if sheet.may_edit(parent, by)
        ],
    )


def _address(name: str, sheet: Sheet, parent: Any, *more: Any) -> str:
    """An address of a sheet's pages, with what its rows hang under."""
    url = reverse(name, args=[sheet.code, *more])
    return url if parent is HUB else f"{url}?{urlencode({'in': parent.pk})}"


def _signed_in(request: HttpRequest) -> Any:
    by = asker(request)
    if by is None:
        raise Refused("web.reference", request.user, _("Sign in to edit reference data."))  # type: ignore[arg-type]
    return by


def _enter(request: HttpRequest, code: str) -> tuple[Sheet, Any, Any]:
    """The sheet, what its rows hang under, and who asks. Raises Http404 and Refused."""
    sheet = SHEETS.get(code)
    if sheet is None:
        raise Http404(_("There is no table “%(code)s”.") % {"code": code})
    parent: Any = HUB
    if sheet.over != "hub":
        given = request.GET.get("in", "")
        if not given.isdecimal():
            raise Http404(_("Say over what, with ?in=… as the links on the page of reference data do."))
        parent = get_object_or_404(apps.get_model(sheet.over), pk=int(given))
    by = asker(request)
    if not sheet.may_edit(parent, by):
        raise Refused("web.reference", by, _("You may not edit “%(sheet)s”.") % {"sheet": sheet.label})
    return sheet, parent, by


def _frame(sheet: Sheet, parent: Any, *steps: tuple[str, str]) -> dict[str, Any]:
    """What every page of a sheet has."""
    trail = [
        (_("Reference data"), reverse("reference")),
        (str(sheet.label), _address("reference-sheet", sheet, parent)),
    ]
    return {
        "sheet": sheet,
        "parent": None if parent is HUB else parent,
        "breadcrumbs": [*trail, *steps] if steps else [trail[0], (str(sheet.label), "")],
        "table_url": _address("reference-sheet", sheet, parent),
        "add_url": _address("reference-add", sheet, parent),
        "import_url": _address("reference-import", sheet, parent),
        "exports": [
            (format_.upper(), _address("reference-export", sheet, parent, format_)) for format_ in EXPORTS
        ],
    }


# ---------------------------------------------------------------- the table


def table(request: HttpRequest, code: str) -> HttpResponse:
    """The rows of a sheet."""
    sheet, parent, _by = _enter(request, code)
    text = request.GET.get("q", "").strip()[:200]
    rows: Any = sheet.rows(parent)
    if text:
        words = fold(text).split()
        rows = [
            row for row in rows if all(word in fold(" ".join(sheet.shown(row).values())) for word in words)
        ]
    page = Paginator(rows if isinstance(rows, QuerySet) else list(rows), PAGE).get_page(
        request.GET.get("page")
    )
    return render(
        request,
        "web/reference/table.html",
        {
            **_frame(sheet, parent),
            "title": str(sheet.label),
            "lead": "" if parent is HUB else str(parent),
            "columns": sheet.columns,
            "page": page,
            "rows": [
                (_address("reference-row", sheet, parent, row.pk), list(sheet.shown(row).values()))
                for row in page
            ],
            "text": text,
        },
    )


def export(request: HttpRequest, code: str, format: str) -> HttpResponse:  # noqa: A002 -- the word of core.formats
    """The rows as a file that the import takes back."""
    sheet, parent, _by = _enter(request, code)
    if format not in EXPORTS:
        raise Http404(_("Files are written as %(formats)s.") % {"formats": ", ".join(EXPORTS)})
    response = HttpResponse(sheets_io.write(sheet, parent, format), content_type=CONTENT_TYPES[format])
    response["Content-Disposition"] = f'attachment; filename="{sheet.code}.{format}"'
    return response


# ---------------------------------------------------------------- one row


class CellField(forms.CharField):
    """One cell of a row: what is typed is taken by the sheet's own column."""

    def __init__(self, column: Column, context: Context, options: list[tuple[str, str]] | None) -> None:
        super().__init__(
            label=str(column.label),
            help_text=self._help(column),
            required=column.required,
            widget=self._widget(column, options),
            strip=True,
        )
        self.column, self.context = column, context

    @staticmethod
    def _widget(column: Column, options: list[tuple[str, str]] | None) -> forms.Widget:
        if isinstance(column, YesNo):
            return forms.CheckboxInput(check_test=bool)
        if options is not None:
            return forms.Select(choices=options if column.required else [("", "–"), *options])
        if isinstance(column, Day):
            return DateInput()
        if isinstance(column, Number):
            return DecimalInput()
        several = isinstance(column, Lines | Plain) or isinstance(column.empty(), list | dict)
        if several or (column.max_length > LONG and not isinstance(column, Ref)):
            return forms.Textarea()
        return forms.TextInput(attrs={"maxlength": column.max_length})

    @staticmethod
    def _help(column: Column) -> str:
        if not column.help and (isinstance(column, Lines) or isinstance(column.empty(), list)):
            return _("One a line.")
        return str(column.help)

    def to_python(self, value: Any) -> Any:
        return "yes" if value is True else "" if value is False else super().to_python(value)

    def validate(self, value: Any) -> None:
        """The column itself says what must be given."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return self.column.take(text, self.context)
        except BadCell as error:
            raise forms.ValidationError(str(error)) from None


class RowForm(VerbForm):
    """One row of a sheet, made of the sheet's columns."""

    def __init__(self, *args: Any, sheet: Sheet, parent: Any, subject: Any = None, **options: Any) -> None:
        super().__init__(*args, subject=subject, **options)
        context = Context(parent)
        for column in sheet.columns:
            choices = _options(column, context)
            self.fields[column.key] = CellField(column, context, choices)
            if subject is not None:
                value = column.read(subject)
                plain = isinstance(column, Choice | YesNo | Day)
                self.initial.setdefault(column.key, value if plain else column.show(value))
        if subject is not None:
            for key in sheet.key:  # by its key a row is found again, in files too
                self.fields[key].disabled = True
        self.groups = [
            [self[key] for key in keys] for keys in _pairs([column.key for column in sheet.columns])
        ]


def _options(column: Column, context: Context) -> list[tuple[str, str]] | None:
    """What a cell can be chosen from, or None where one types."""
    if isinstance(column, Choice) and column.choices is not None:
        return [(value, str(label)) for value, label in column.choices.choices]
    if not isinstance(column, Ref) or column.among is None or isinstance(column.empty(), list | dict):
        return None
    found: dict[str, str] = {}
    for row in context.lookup(column.key, column.among).values():
        found.setdefault(column.show(row), str(row))
    return sorted(found.items(), key=lambda option: option[1].casefold()) if len(found) <= OPTIONS else None


def _pairs(keys: Iterable[str]) -> list[list[str]]:
    """Columns as they stand beside each other: both languages of a text together."""
    groups: list[list[str]] = []
    for key in keys:
        if key.endswith("_en") and groups and groups[-1] == [f"{key[:-3]}_lv"]:
            groups[-1].append(key)
        else:
            groups.append([key])
    return groups


def add(request: HttpRequest, code: str) -> HttpResponse:
    """A new row."""
    sheet, parent, by = _enter(request, code)
    form = RowForm(request.POST or None, sheet=sheet, parent=parent)

    def verb(subject: Any, *, by: Any, **cells: Any) -> Any:
        return sheet.add(subject, cells, by=by)

    if request.method == "POST" and form.carry_out(verb, parent, by=by):
        messages.success(request, _("The row is added."))
        return redirect(_address("reference-sheet", sheet, parent))
    return _row_page(
        request, sheet, parent, form, _("Add a row: %(sheet)s") % {"sheet": sheet.label}, _("Add")
    )


def row(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    """One row, to be changed."""
    sheet, parent, by = _enter(request, code)
    rows = sheet.rows(parent)
    found = (
        rows.filter(pk=pk).first()
        if isinstance(rows, QuerySet)
        else next((each for each in rows if each.pk == pk), None)
    )
    if found is None:
        raise Http404(_("This row is no longer in “%(sheet)s”.") % {"sheet": sheet.label})
    form = RowForm(request.POST or None, sheet=sheet, parent=parent, subject=found)

    def verb(subject: Any, *, by: Any, seen: int | None, **cells: Any) -> Any:
        with transaction.atomic():
            locking.check(subject, seen)
            return sheet.change(subject, cells, by=by)

    if request.method == "POST" and form.carry_out(verb, found, by=by):
        messages.success(request, _("Saved."))
        return redirect(_address("reference-sheet", sheet, parent))
    history = reverse("history", args=[found.kind(), found.pk])
    return _row_page(request, sheet, parent, form, str(found), _("Save"), history=history)


def _row_page(
    request: HttpRequest,
    sheet: Sheet,
    parent: Any,
    form: RowForm,
    title: str,
    submit: str,
    *,
    history: str = "",
) -> HttpResponse:
    return render(
        request,
        "web/reference/row.html",
        {
            **_frame(sheet, parent, (title, "")),
            "title": title,
            "form": form,
            "submit": submit,
            "cancel": _address("reference-sheet", sheet, parent),
            "history": history,
        },
        status=answer_status(form),
    )


# ---------------------------------------------------------------- files in


class FileForm(forms.Form):
    """A file with rows."""

    file = forms.FileField(
        label=gettext_lazy("File with the rows"),
        help_text=gettext_lazy(
            "docx, xlsx, csv, json or a PDF with ruled tables. Columns are recognised by their names in either"
            " language, in any order; what the file does not name stays as it is."
        ),
        widget=FileInput(max_bytes=LIMITS.file_bytes, accept=".docx,.xlsx,.csv,.tsv,.json,.pdf"),
    )


def bring_in(request: HttpRequest, code: str) -> HttpResponse:
    """A file of rows: first what it would change, then, if that is wanted, the change, whole or not at all."""
    sheet, parent, by = _enter(request, code)
    form = FileForm(request.POST, request.FILES) if request.FILES else FileForm()
    context: dict[str, Any] = {**_frame(sheet, parent, (_("Import"), "")), "form": form}
    try:
        if request.method == "POST" and request.POST.get("upload"):
            upload = sheets_io.kept(request.POST["upload"])
            context |= _preview(sheet, parent, upload)
            if context["preview"].fingerprint == request.POST.get("fingerprint"):
                return _apply(request, context["preview"], upload, by)
            messages.warning(
                request, _("Someone changed these rows since you looked. Look again, then import.")
            )
        elif request.method == "POST":
            form = context["form"] = FileForm(request.POST, request.FILES)
            if form.is_valid():
                context |= _preview(sheet, parent, sheets_io.keep(form.cleaned_data["file"]))
    except (BadFile, Invalid) as error:
        said = sheets_io.explained(error) if isinstance(error, BadFile) else str(error)
        if form.is_bound:
            form.add_error("file", said)
        else:
            messages.error(request, said)
    context["title"] = _("Import: %(sheet)s") % {"sheet": sheet.label}
    return render(request, "web/reference/import.html", context)


def _preview(sheet: Sheet, parent: Any, upload: sheets_io.Kept) -> dict[str, Any]:
    reading = sheets_io.read(sheet, upload.path, upload.name)
    preview = sheet.preview(parent, reading.raws)
    kinds = [item.kind for item in preview.items]
    return {
        "preview": preview,
        "upload": upload,
        "ignored": reading.ignored,
        "counts": {kind: kinds.count(kind) for kind in ("new", "changed", "same")},
        "changes": [
            (item, [(str(each.column.label), each.before, each.after) for each in item.differences])
            for item in preview.changes[:SHOWN]
        ],
        "more": max(len(preview.changes) - SHOWN, 0),
    }


def _apply(request: HttpRequest, preview: Preview, upload: sheets_io.Kept, by: Any) -> HttpResponse:
    done = preview.sheet.apply(preview, by=by)
    sheets_io.discard(upload)
    said = ngettext("%(count)d row was added or changed.", "%(count)d rows were added or changed.", len(done))
    messages.success(request, said % {"count": len(done)})
    return redirect(_address("reference-sheet", preview.sheet, preview.parent))


urlpatterns = [
    path("reference/", index, name="reference"),
    path("reference/<str:code>/", table, name="reference-sheet"),
    path("reference/<str:code>/add/", add, name="reference-add"),
    path("reference/<str:code>/rows/<int:pk>/", row, name="reference-row"),
    path("reference/<str:code>/export.<str:format>", export, name="reference-export"),
    path("reference/<str:code>/import/", bring_in, name="reference-import"),
]
