"""The API of the room: projects, their indicators with where they stand, partnerships."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.files import UploadedFile
from pydantic import Field

from talka.core.api import (
    LIMIT,
    OFFSET,
    Exact,
    Text,
    ValueIn,
    one_of,
    own_institution,
    page,
    page_of,
    period,
    reporting,
    table,
    text,
)
from talka.core.models import Report
from talka.domains import queries as domains
from talka.domains.api import InEcosystem, here
from talka.portfolio import actions, queries, rules, sheets  # noqa: F401 -- the sheets declare themselves
from talka.portfolio.models import Kpi, Project

router = Router(tags=["portfolio"])
PROJECTS = "/ecosystems/{ecosystem}/projects"
KPIS = "/ecosystems/{ecosystem}/kpis"

table(
    router,
    "portfolio.projects",
    PROJECTS,
    name="Project",
    where=InEcosystem,
    parent=here,
    names={"funding": "funding_sources"},
)
table(
    router,
    "portfolio.kpis",
    KPIS,
    name="Kpi",
    where=InEcosystem,
    parent=here,
    remove=actions.remove_kpi,
)
table(
    router,
    "portfolio.partnerships",
    "/ecosystems/{ecosystem}/partnerships",
    name="Partnership",
    where=InEcosystem,
    parent=here,
)


class KpiStanding(Schema):
    """An indicator of a project and where it stands."""

    id: int
    revision: int
    url: str
    order: int
    title: Text
    unit: Text
    baseline: Exact | None
    goal: Exact | None
    comparison: str
    due: str
    value: Exact | None = Field(description="the latest that counts; null is not zero")
    verdict: str
    ratio: float | None
    share: float | None = Field(description="how much of the way is done, 0 to 1")
    words: str = Field(description="how it stands, in the reader's language")


KpiStandingPage = page_of(KpiStanding)


@router.get(PROJECTS + "/{code}/standing", response=KpiStandingPage)
def standings(
    request: HttpRequest, ecosystem: str, code: str, limit: int = LIMIT, offset: int = OFFSET
) -> Any:
    """The indicators of a project with where each stands."""
    project = one_of(queries.whole(queries.projects(domains.enter(request, ecosystem))), "code", code)
    assert isinstance(project, Project)
    return page(queries.standings(project), limit, offset, _standing)


class InKpi(Schema):
    """The address of an indicator of a project."""

    ecosystem: str
    id: int


def _kpi(request: HttpRequest, place: Any) -> Kpi:
    found = one_of(queries.kpis(domains.enter(request, place.ecosystem)), "pk", place.id)
    assert isinstance(found, Kpi)
    return found


def _hand_in(row: Kpi, given: ValueIn, files: list[UploadedFile], *, by: Any) -> Report:
    return actions.report_kpi(
        row,
        by=by,
        period=period(given.period),
        value=given.value,
        text=given.text,
        files=files,
        public=given.public,
        institution=own_institution(queries.reporting_institutions(row.project, by), given.institution),
    )


reporting(
    router,
    KPIS + "/{int:id}/reports",
    of="a project indicator",
    where=InKpi,
    find=_kpi,
    inside=lambda who, row: rules.may_edit(who, row) or rules.may_report(who, row),
    rows=lambda row: Report.objects.filter(about_kind=Kpi.kind(), about_id=row.pk).order_by("-as_of", "-id"),
    given=ValueIn,
    hand_in=_hand_in,
    accept=actions.accept_value,
    give_back=actions.return_value,
    unlock=actions.unlock_value,
)


def _standing(each: queries.Standing) -> dict[str, Any]:
    row = each.kpi
    return {
        "id": row.pk,
        "revision": row.revision,
        "url": row.get_absolute_url(),
        "order": row.order,
        "title": text(row, "title"),
        "unit": text(row, "unit"),
        "baseline": row.baseline,
        "goal": row.goal,
        "comparison": row.comparison,
        "due": row.due,
        "value": each.latest.value if each.latest else None,
        "verdict": each.verdict.klass,
        "ratio": each.verdict.ratio,
        "share": each.share,
        "words": each.label,
    }
