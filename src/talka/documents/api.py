"""The API of the room: data sets, and the record of what changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import Field

from talka.core.api import LIMIT, OFFSET, Text, page, page_of, reader
from talka.core.lint import RULES, SEVERITIES
from talka.core.models import Change, Event
from talka.documents import opendata, record
from talka.domains import queries as domains

router = Router(tags=["record and open data"])


class FileOut(Schema):
    """A data set in one format."""

    format: str
    url: str


class DatasetOut(Schema):
    """A data set of the ecosystem's open data."""

    code: str
    title: Text
    description: Text
    modified: datetime | None
    files: list[FileOut]


DatasetPage = page_of(DatasetOut)


@router.get("/ecosystems/{ecosystem}/datasets", response=DatasetPage)
def datasets(request: HttpRequest, ecosystem: str, limit: int = LIMIT, offset: int = OFFSET) -> Any:
    """The data sets that the ecosystem gives away, with the address of each file."""
    eco = domains.enter(request, ecosystem)
    return page(
        opendata.datasets(eco),
        limit,
        offset,
        lambda each: {
            "code": each.code,
            "title": each.title,
            "description": each.description,
            "modified": each.modified,
            "files": [
                {"format": kind, "url": reverse("open-data-file", args=[eco.code, each.code, kind])}
                for kind in each.formats
            ],
        },
    )


# ---------------------------------------------------------------- what changed


class EventOut(Schema):
    """Something that was done. Who did it is told to those who are signed in."""

    id: int
    verb: str
    at: datetime
    by: str | None
    kind: str
    subject: int
    name: str


class ColumnOut(Schema):
    """A column before and after; both null where a personal value was erased."""

    column: str
    before: Any = None
    after: Any = None
    erased: bool = False


class ChangeOut(Schema):
    """What one act did to the row, or to a part of it."""

    kind: str
    name: str
    verb: str
    at: datetime
    by: str | None
    change: str = Field(description="created, changed or deleted")
    columns: list[ColumnOut]


EventPage = page_of(EventOut)
ChangePage = page_of(ChangeOut)


@router.get("/ecosystems/{ecosystem}/changes", response=EventPage)
def changes(request: HttpRequest, ecosystem: str, limit: int = LIMIT, offset: int = OFFSET) -> Any:
    """What was done in the ecosystem, newest first."""
    who = reader(request)

    def shown(event: Event) -> dict[str, Any]:
        return {
            "id": event.pk,
            "verb": event.verb,
            "at": event.at,
            "by": event.by_name if who else None,
            "kind": event.subject_kind,
            "subject": event.subject_id,
            "name": event.subject_name,
        }

    return page(record.events(domains.enter(request, ecosystem), who), limit, offset, shown)


@router.get("/history/{kind}/{int:id}", response=ChangePage)
def history(request: HttpRequest, kind: str, id: int, limit: int = LIMIT, offset: int = OFFSET) -> Any:  # noqa: A002 -- the name in the address
    """Every change ever made to a row and its parts, newest first. `kind` is as in the events: “plan.measure”."""
    who, row = reader(request), record.row_of(kind, id)
    if row is None or not record.may_read(who, row):
        raise Http404(_("There is no history here that you may see."))

    def shown(change: Change) -> dict[str, Any]:
        return {
            "kind": change.subject_kind,
            "name": change.subject_name,
            "verb": change.event.verb,
            "at": change.event.at,
            "by": change.event.by_name if who else None,
            "change": change.kind,
            "columns": [
                {"column": name, "erased": True}
                if "erased" in entry
                else {"column": name, "before": entry["from"], "after": entry["to"]}
                for name, entry in change.fields.items()
            ],
        }

    return page(record.history(row), limit, offset, shown)


# ---------------------------------------------------------------- what is wrong


class FindingOut(Schema):
    """A defect: where, what was found, what would be right; in the reader's language."""

    code: str
    severity: str
    rule: str
    place: str
    found: str
    expected: str
    kind: str
    subject: int
    url: str


FindingPage = page_of(FindingOut)


@router.get("/ecosystems/{ecosystem}/lint", response=FindingPage)
def lint(
    request: HttpRequest, ecosystem: str, severity: str = "info", limit: int = LIMIT, offset: int = OFFSET
) -> Any:
    """What the linter finds in the strategy in force and the plans: this severity (error, warning, info) and worse."""
    if severity not in SEVERITIES:
        raise Http404(_("A severity is one of: %(known)s.") % {"known": ", ".join(SEVERITIES)})
    found = list(record.findings(domains.enter(request, ecosystem), reader(request), at_least=severity))
    return page(
        found,
        limit,
        offset,
        lambda each: {
            "code": each.code,
            "severity": each.severity,
            "rule": str(RULES[each.code].label),
            "place": each.place,
            "found": each.found,
            "expected": each.expected,
            "kind": each.kind,
            "subject": each.subject_id,
            "url": each.url,
        },
    )
