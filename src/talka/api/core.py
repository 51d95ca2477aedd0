"""What belongs to no room: indicators, search, and what waits for whoever asks."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import Field

from talka.core import attachments, indicators, search
from talka.core.actions import Invalid
from talka.core.api import (
    LIMIT,
    MOST,
    OFFSET,
    Exact,
    ReportPage,
    Text,
    actor,
    page,
    page_of,
    period,
    reader,
    report_shown,
)
from talka.core.models import Report, ReportState
from talka.documents import record
from talka.domains import queries as domains

router = Router(tags=["core"])


class IndicatorOut(Schema):
    """A number that the ecosystem's own records give. A value of null is “nothing to count yet”."""

    code: str
    label: str
    unit: str
    value: Exact | None
    as_of: date | None
    doc: str = Field(description="what is counted and what is not")


IndicatorPage = page_of(IndicatorOut)


@router.get("/ecosystems/{ecosystem}/indicators", response=IndicatorPage)
def read_indicators(
    request: HttpRequest, ecosystem: str, at: str = "", limit: int = LIMIT, offset: int = OFFSET
) -> Any:
    """Every indicator that the rooms provide, read now or for a period (`at`)."""
    eco = domains.enter(request, ecosystem)
    when = period(at, "at") if at else None

    def shown(each: indicators.Indicator) -> dict[str, Any]:
        reading = indicators.read(each.code, eco, when)
        return {
            "code": each.code,
            "label": str(each.label),
            "unit": str(each.unit),
            "value": reading.value,
            "as_of": reading.as_of,
            "doc": each.doc,
        }

    return page([each for _code, each in sorted(indicators.INDICATORS.items())], limit, offset, shown)


class HitOut(Schema):
    """Something that was found."""

    kind: str
    id: int
    title: Text
    summary: Text
    url: str
    score: float


HitPage = page_of(HitOut)


@router.get("/search", response=HitPage)
def find(
    request: HttpRequest,
    q: str,
    ecosystem: str = "",
    kind: str = "",
    limit: int = LIMIT,
    offset: int = OFFSET,
) -> Any:
    """Finds what holds every word of `q`, in any ending, with or without diacritics; best first, 200 at most."""
    if not q.strip():
        raise Invalid(_("Say what to look for."), field="q")
    where = domains.enter(request, ecosystem) if ecosystem else None
    hits = search.search(
        q[:200],
        ecosystem_id=where.pk if where else None,
        inside=record.inside(reader(request)),
        kind=kind,
        limit=MOST,
    )
    return page(
        hits,
        limit,
        offset,
        lambda hit: {
            "kind": hit.entry.kind,
            "id": hit.entry.subject_id,
            "title": {"lv": hit.entry.title_lv, "en": hit.entry.title_en},
            "summary": {"lv": hit.entry.summary_lv, "en": hit.entry.summary_en},
            "url": hit.entry.url,
            "score": hit.score,
        },
    )


@router.get("/my/reports", response=ReportPage)
def waiting(request: HttpRequest, state: str = "submitted", limit: int = LIMIT, offset: int = OFFSET) -> Any:
    """Reports that wait for you: `submitted` ones that you may judge, `returned` ones for you to mend."""
    by = actor(request)
    if state == ReportState.SUBMITTED:
        judged = [each.pk for each in domains.ecosystems() if by.may("plan.coordinate", each.pk)]
        rows = Report.objects.filter(state=ReportState.SUBMITTED, ecosystem_id__in=judged)
    elif state == ReportState.RETURNED:
        mine = Q(by_id=by.pk) | Q(institution_id__in=by.organisation_ids())
        rows = Report.objects.filter(mine, state=ReportState.RETURNED, corrections=None)
    else:
        raise Invalid(_("Reports wait as “submitted” or as “returned”."), field="state")
    found = page(rows.order_by("id"), limit, offset)
    files = attachments.about_each(found["items"])
    found["items"] = [report_shown(row, files.get(row.pk, []), inside=True) for row in found["items"]]
    return found
