"""The API of the room: projects, their indicators with where they stand, partnerships."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from ninja import File, Form, Router, Schema
from ninja.files import UploadedFile
from pydantic import Field

from talka.core import attachments
from talka.core.api import (
    LIMIT,
    OFFSET,
    Comment,
    Exact,
    ReportIn,
    ReportOut,
    ReportPage,
    Text,
    actor,
    judged,
    one_of,
    own_institution,
    page,
    page_of,
    period,
    reader,
    report_shown,
    table,
    text,
)
from talka.core.models import Attachment, Report, ReportState
from talka.domains import queries as domains
from talka.domains.api import InEcosystem, here
from talka.portfolio import actions, queries, rules, sheets  # noqa: F401 -- the sheets declare themselves
from talka.portfolio.models import Kpi, Project

router = Router(tags=["portfolio"])
PROJECTS = "/ecosystems/{ecosystem}/projects"
KPIS = "/ecosystems/{ecosystem}/kpis"
VALUES = KPIS + "/{int:id}/reports"

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


class KpiReportIn(ReportIn):
    """A value; `institution` is the code of the one of yours that reports, if you act for several."""

    institution: str = ""
    public: bool = Field(False, description="whether the files of evidence are shown to everybody")


@router.get(VALUES, response=ReportPage)
def reports(
    request: HttpRequest,
    ecosystem: str,
    id: int,  # noqa: A002 -- as above
    limit: int = LIMIT,
    offset: int = OFFSET,
) -> Any:
    """What was reported on an indicator; the public sees what was accepted."""
    row = _kpi(request, ecosystem, id)
    inside = _inside(request, row)
    found = page(_reports(row, inside=inside), limit, offset)
    files: dict[int, list[Attachment]] = {}
    kept = Attachment.objects.filter(
        about_kind=Report.kind(), about_id__in=[each.pk for each in found["items"]]
    )
    for each in kept if inside else kept.filter(public=True):
        files.setdefault(each.about_id, []).append(each)
    found["items"] = [report_shown(each, files.get(each.pk, []), inside=inside) for each in found["items"]]
    return found


@router.post(VALUES, response={201: ReportOut})
def report(request: HttpRequest, ecosystem: str, id: int, given: KpiReportIn) -> Any:  # noqa: A002 -- as above
    """Reports the value of an indicator for a period; it counts once it is accepted."""
    return _hand_in(request, ecosystem, id, given, [])


@router.post(VALUES + "/with-files", response={201: ReportOut})
def report_with_files(
    request: HttpRequest,
    ecosystem: str,
    id: int,  # noqa: A002 -- as above
    given: Form[KpiReportIn],
    files: File[list[UploadedFile]],
) -> Any:
    """Reports a value with files of evidence, as multipart/form-data."""
    return _hand_in(request, ecosystem, id, given, files)


@router.post(VALUES + "/{int:report}/accept", response=ReportOut)
def accept(request: HttpRequest, ecosystem: str, id: int, report: int, given: Comment) -> Any:  # noqa: A002 -- as above
    """Accepts a reported value; from now on it counts, and its period is locked."""
    return _judge(request, ecosystem, id, report, actions.accept_value, given)


@router.post(VALUES + "/{int:report}/return", response=ReportOut)
def give_back(request: HttpRequest, ecosystem: str, id: int, report: int, given: Comment) -> Any:  # noqa: A002 -- as above
    """Returns a reported value with what is missing in it."""
    return _judge(request, ecosystem, id, report, actions.return_value, given)


@router.post(VALUES + "/{int:report}/unlock", response=ReportOut)
def unlock(request: HttpRequest, ecosystem: str, id: int, report: int, given: Comment) -> Any:  # noqa: A002 -- as above
    """Opens the period of an accepted value again, with the reason."""
    return _judge(request, ecosystem, id, report, actions.unlock_value, given)


def _kpi(request: HttpRequest, ecosystem: str, pk: int) -> Kpi:
    found = one_of(queries.kpis(domains.enter(request, ecosystem)), "pk", pk)
    assert isinstance(found, Kpi)
    return found


def _inside(request: HttpRequest, row: Kpi) -> bool:
    who = reader(request)
    return rules.may_edit(who, row) or rules.may_report(who, row)


def _reports(row: Kpi, *, inside: bool) -> Any:
    found = Report.objects.filter(about_kind=Kpi.kind(), about_id=row.pk).order_by("-as_of", "-id")
    return found if inside else found.filter(state=ReportState.ACCEPTED)


def _hand_in(
    request: HttpRequest, ecosystem: str, pk: int, given: KpiReportIn, files: list[UploadedFile]
) -> dict[str, Any]:
    row, by = _kpi(request, ecosystem, pk), actor(request)
    made = actions.report_kpi(
        row,
        by=by,
        period=period(given.period),
        value=given.value,
        text=given.text,
        files=files,
        public=given.public,
        institution=own_institution(queries.reporting_institutions(row.project, by), given.institution),
    )
    return report_shown(made, attachments.about(made), inside=True)


def _judge(
    request: HttpRequest, ecosystem: str, pk: int, report: int, verb: Callable[..., Report], given: Comment
) -> dict[str, Any]:
    row, by = _kpi(request, ecosystem, pk), actor(request)
    return judged(one_of(_reports(row, inside=_inside(request, row)), "pk", report), verb, given, by=by)


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
