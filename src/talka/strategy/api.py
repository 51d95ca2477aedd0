"""The API of the room: versions of the strategy, targets with where they stand, reported values."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema
from ninja.files import UploadedFile
from pydantic import Field

from talka.core.actions import Invalid
from talka.core.api import (
    LIMIT,
    OFFSET,
    Exact,
    Seen,
    Shown,
    Text,
    ValueIn,
    actor,
    holding,
    one_of,
    own_institution,
    page,
    page_of,
    period,
    reader,
    reporting,
    table,
    text,
)
from talka.core.indicators import INDICATORS
from talka.core.models import Report
from talka.domains import queries as domains
from talka.network.models import Niche
from talka.parties.models import Organisation
from talka.strategy import actions, queries, rules, sheets  # noqa: F401 -- the sheets declare themselves
from talka.strategy.models import Strategy, Target
from talka.strategy.queries import Standing

router = Router(tags=["strategy"])
VERSIONS = "/ecosystems/{ecosystem}/strategies"
VERSION = VERSIONS + "/{version}"
TARGETS = "/ecosystems/{ecosystem}/targets"


class InVersion(Schema):
    """The address of whatever stands in a version of the strategy."""

    ecosystem: str
    version: str = Field(
        description='its number, or "current": the one in force, else the newest you may see'
    )


def version_of(request: HttpRequest, ecosystem: str, version: str) -> Strategy:
    """The version that an address names. Raises Http404, also for a draft that the asker may not see."""
    known = queries.versions(domains.enter(request, ecosystem), reader(request))
    found = queries.choose(known, None if version == "current" else version)
    if found is None:
        raise Http404(_("This ecosystem has no strategy yet."))
    return found


def _here(request: HttpRequest, place: Any) -> Strategy:
    return version_of(request, place.ecosystem, place.version)


# ---------------------------------------------------------------- versions


class VersionOut(Schema):
    """A version of the strategy: draft, adopted or superseded."""

    id: int
    revision: int
    url: str
    number: int
    state: str
    title: Text
    mission: Text
    starts: int
    ends: int
    decision: int | None = Field(description="id of the decision that adopted it")
    source: str


class VersionNew(Schema):
    """A new version: a copy of another (`copy_of`, its number), or an empty one with title and years."""

    copy_of: int | None = None
    title: Text | None = None
    mission: Text = Text()
    starts: int | None = None
    ends: int | None = None


class VersionChange(Seen):
    """What is given changes the draft; `policies` and `focuses` are codes."""

    title: Text | None = None
    mission: Text | None = None
    starts: int | None = None
    ends: int | None = None
    policies: list[str] | None = None
    focuses: list[str] | None = None


class AdoptionIn(Seen):
    """The id of the decision that adopts it, if one was taken."""

    decision: int | None = None


VersionPage = page_of(VersionOut)


def _version(row: Strategy) -> dict[str, Any]:
    return {
        "id": row.pk,
        "revision": row.revision,
        "url": row.get_absolute_url(),
        "number": row.number,
        "state": row.state,
        "title": text(row, "title"),
        "mission": text(row, "mission"),
        "starts": row.starts,
        "ends": row.ends,
        "decision": row.decision_id,
        "source": row.source,
    }


@router.get(VERSIONS, response=VersionPage)
def versions(request: HttpRequest, ecosystem: str, limit: int = LIMIT, offset: int = OFFSET) -> Any:
    """The versions of the strategy, newest first; drafts for those who may see them."""
    return page(queries.versions(domains.enter(request, ecosystem), reader(request)), limit, offset, _version)


@router.post(VERSIONS, response={201: VersionOut})
def draft(request: HttpRequest, ecosystem: str, given: VersionNew) -> Any:
    """Drafts a version."""
    eco, by = domains.enter(request, ecosystem), actor(request)
    if given.copy_of is not None:
        return _version(actions.draft_from(version_of(request, ecosystem, str(given.copy_of)), by=by))
    if given.title is None or given.starts is None or given.ends is None:
        raise Invalid(
            _("A new version needs a title and its years, or another version to copy."), field="title"
        )
    values: dict[str, Any] = {"starts": given.starts, "ends": given.ends}
    values |= _columns(title=given.title, mission=given.mission)
    return _version(actions.found(eco, by=by, **values))


@router.patch(VERSION, response=VersionOut)
def edit_version(request: HttpRequest, ecosystem: str, version: str, given: VersionChange) -> Any:
    """Changes the title, mission and years of a draft, the policies it serves and the niches it focuses on."""
    row, by = version_of(request, ecosystem, version), actor(request)
    values: dict[str, Any] = {
        **_columns(title=given.title, mission=given.mission),
        **{
            name: value
            for name, value in (("starts", given.starts), ("ends", given.ends))
            if value is not None
        },
    }
    policies = _chosen(domains.policies(), given.policies, "policies")
    focuses = _chosen(Niche.objects.filter(ecosystem_id=row.ecosystem_id), given.focuses, "focuses")
    with holding(row, given.revision):
        row = actions.edit_version(row, by=by, policies=policies, **values)
        if focuses is not None:
            row = actions.set_focuses(row, by=by, niches=focuses)
    return _version(row)


@router.delete(VERSION, response={204: None})
def discard(request: HttpRequest, ecosystem: str, version: str, revision: int) -> Any:
    """Throws a draft away with everything in it."""
    row = version_of(request, ecosystem, version)
    with holding(row, revision):
        actions.discard(row, by=actor(request))


@router.post(VERSION + "/adopt", response=VersionOut)
def adopt(request: HttpRequest, ecosystem: str, version: str, given: AdoptionIn) -> Any:
    """Puts a draft in force and supersedes the version that was."""
    row, by = version_of(request, ecosystem, version), actor(request)
    decision = (
        one_of(queries.decisions_taken(row.ecosystem), "pk", given.decision) if given.decision else None
    )
    with holding(row, given.revision):
        return _version(actions.adopt(row, by=by, decision=decision))


class DifferenceField(Schema):
    """What two versions say of one thing."""

    label: str
    before: str
    after: str


class DifferenceOut(Schema):
    """A row that two versions do not have in common, or not alike: added, removed, changed or moved."""

    kind: str
    code: str
    title: str
    change: str
    place: str
    fields: list[DifferenceField]


@router.get(VERSION + "/compare", response=list[DifferenceOut])
def compare(request: HttpRequest, ecosystem: str, version: str, before: str) -> Any:
    """What changed from the version `before` to this one."""
    after = version_of(request, ecosystem, version)
    found = queries.compare(version_of(request, ecosystem, before), after)
    return [
        {
            "kind": each.kind,
            "code": each.code,
            "title": each.title,
            "change": each.change,
            "place": each.place,
            "fields": [field._asdict() for field in each.fields],
        }
        for each in found
    ]


# ---------------------------------------------------------------- what stands in a version

SHARES = {
    "shares": Shown(dict[str, Exact], lambda shares: {thing.code: weight for thing, weight in shares.items()})
}
PARTS = {
    "obstacles": "Obstacle",
    "directions": "Direction",
    "priorities": "Priority",
    "targets": "DeclaredTarget",
    "levers": "Lever",
}
for _name, _called in PARTS.items():
    table(
        router,
        f"strategy.{_name}",
        f"{VERSION}/{_name}",
        name=_called,
        where=InVersion,
        parent=_here,
        special=SHARES if _name in ("priorities", "targets") else None,
        remove=actions.remove,
    )


# ---------------------------------------------------------------- targets and where they stand


class ReadingOut(Schema):
    """What the target's indicator says. A value of null is “nothing to count yet”, which is not zero."""

    value: Exact | None
    as_of: date | None
    closed: bool = Field(description="kept when its period was closed")
    series: str
    provided: bool = Field(description="counted from the ecosystem's own records, not reported by people")


class ProgressOut(Schema):
    """The verdict: growth observed over growth required, with the published limits of 95, 60 and 0 percent."""

    verdict: str = Field(
        description="achieved, on_track, acceleration, limited, deterioration, missed, no_data …"
    )
    reason: str
    method: str
    ratio: float | None
    observed: float | None
    required: float | None
    expected_now: float | None


class TargetOut(Schema):
    """A target and where it stands."""

    id: int
    revision: int
    url: str
    code: str
    priority: str | None
    title: Text
    kind_of: str
    unit: Text
    baseline: Exact | None
    baseline_period: str
    goal: Exact | None
    due: str
    desired: str
    reckoning: str
    specify_owner: str | None = Field(description="code of the organisation that specifies it")
    specify_by: date | None
    note: Text
    reading: ReadingOut
    progress: ProgressOut | None = Field(description="null while the target is to be specified")
    words: str = Field(description="how it stands, in the reader's language")


class PointOut(Schema):
    """A value on a day."""

    as_of: date
    value: Exact
    closed: bool


class EvidenceOut(Schema):
    """A row behind a number."""

    kind: str
    id: int
    name: str
    url: str | None


EvidencePage = page_of(EvidenceOut)


class TargetWhole(TargetOut):
    """A target with its history, the way required, and the first rows behind its number."""

    history: list[PointOut]
    path: list[list[float]] = Field(description="the way required: [year with its fraction, value]")
    evidence: EvidencePage  # type: ignore[valid-type]  # made by page_of


class PriorityNode(Schema):
    """A priority with its targets."""

    code: str
    title: Text
    targets: list[TargetOut]


class DirectionNode(Schema):
    """A direction with the obstacles it answers and its priorities."""

    code: str
    title: Text
    obstacles: list[str]
    priorities: list[PriorityNode]


class ObstacleNode(Schema):
    """An obstacle and the directions that answer it."""

    code: str
    title: Text
    directions: list[str]


class Titled(Schema):
    """Something with a code and a title."""

    code: str
    title: Text


class TreeOut(VersionOut):
    """A whole version as one tree with live numbers."""

    obstacles: list[ObstacleNode]
    directions: list[DirectionNode]
    targets: list[TargetOut] = Field(description="of the whole ecosystem, under no priority")
    levers: list[Titled]
    niches: list[Titled]
    policies: list[str]


TargetPage = page_of(TargetOut)


@router.get(VERSION, response=TreeOut)
def version(request: HttpRequest, ecosystem: str, version: str) -> Any:
    """A version of the strategy as one tree with live numbers."""
    row = version_of(request, ecosystem, version)
    tree = queries.tree(row)
    return {
        **_version(row),
        "obstacles": [
            {**_titled(obstacle), "directions": [each.code for each in answers]}
            for obstacle, answers in tree.obstacles
        ],
        "directions": [
            {
                **_titled(branch.direction),
                "obstacles": [each.code for each in branch.obstacles],
                "priorities": [
                    {**_titled(bough.priority), "targets": [_target(each) for each in bough.standings]}
                    for bough in branch.priorities
                ],
            }
            for branch in tree.branches
        ],
        "targets": [_target(each) for each in tree.loose],
        "levers": [_titled(each) for each in tree.levers],
        "niches": [_titled(each) for each in tree.niches],
        "policies": [policy.code for policy in tree.policies()],
    }


@router.get(TARGETS, response=TargetPage)
def targets(
    request: HttpRequest, ecosystem: str, version: str = "current", limit: int = LIMIT, offset: int = OFFSET
) -> Any:
    """The targets of a version, each with its reading and progress."""
    return page(queries.tree(version_of(request, ecosystem, version)).standings, limit, offset, _target)


@router.get(TARGETS + "/{code}", response=TargetWhole)
def target(request: HttpRequest, ecosystem: str, code: str, version: str = "current") -> Any:
    """A target: its reading, the way it came and has to go, and rows behind the number."""
    standing = queries.standing_of(_row(request, ecosystem, code, version))
    return {
        **_target(standing),
        "history": [point._asdict() for point in standing.course.points],
        "path": [[point.at, point.value] for point in standing.verdict.path] if standing.verdict else [],
        "evidence": _evidence(standing, 50, 0),
    }


@router.get(TARGETS + "/{code}/evidence", response=EvidencePage)
def evidence(
    request: HttpRequest,
    ecosystem: str,
    code: str,
    version: str = "current",
    limit: int = LIMIT,
    offset: int = OFFSET,
) -> Any:
    """The rows behind the number of a target."""
    return _evidence(queries.standing_of(_row(request, ecosystem, code, version)), limit, offset)


# ---------------------------------------------------------------- what can be done to a target


class TargetSpecified(Seen):
    """What a target that was left open is from now on."""

    kind_of: str = Field(description="quantity or milestone")
    title: Text | None = None
    unit: Text | None = None
    baseline: Exact | None = None
    baseline_period: str = ""
    goal: Exact | None = None
    due: str = ""
    desired: str | None = None
    reckoning: str | None = None
    note: Text | None = None


class TargetAsked(Seen):
    """The code of the organisation that is to specify a target, and by when."""

    specify_owner: str | None
    specify_by: date | None


class TargetRead(Seen):
    """How the value is read: the code of an indicator (empty: people report it), unit, baseline, reckoning."""

    indicator: str | None = None
    unit: Text | None = None
    baseline: Exact | None = None
    baseline_period: str | None = None
    reckoning: str | None = None


class SharesIn(Seen):
    """Weights by the code of a domain or mission; they sum to 1. Empty: whole to the ecosystem's domain."""

    shares: dict[str, Exact]


@router.post(TARGETS + "/{code}/specify", response=TargetOut)
def specify(request: HttpRequest, ecosystem: str, code: str, given: TargetSpecified) -> Any:
    """Gives a target that was left open its number or state to reach; also in a version in force."""
    row = _row(request, ecosystem, code, "current")
    actions.specify(row, by=actor(request), seen=given.revision, **_sent(given))
    return _target(queries.standing_of(_row(request, ecosystem, code, "current")))


@router.post(TARGETS + "/{code}/ask", response=TargetOut)
def ask_to_specify(request: HttpRequest, ecosystem: str, code: str, given: TargetAsked) -> Any:
    """Says who specifies a target that was left open, and by when."""
    row = _row(request, ecosystem, code, "current")
    wanted = [given.specify_owner] if given.specify_owner else []
    owner = next(
        iter(_chosen(Organisation.objects.filter(merged_into=None), wanted, "specify_owner") or []), None
    )
    actions.ask_to_specify(
        row, by=actor(request), specify_owner=owner, specify_by=given.specify_by, seen=given.revision
    )
    return _target(queries.standing_of(_row(request, ecosystem, code, "current")))


@router.post(TARGETS + "/{code}/reading", response=TargetOut)
def read_by(request: HttpRequest, ecosystem: str, code: str, given: TargetRead) -> Any:
    """Says how a target's value is read and from where it starts; also in a version in force."""
    row = _row(request, ecosystem, code, "current")
    actions.read_by(row, by=actor(request), seen=given.revision, **_sent(given))
    return _target(queries.standing_of(_row(request, ecosystem, code, "current")))


@router.put(TARGETS + "/{code}/shares", response=Seen)
def share_target(request: HttpRequest, ecosystem: str, code: str, given: SharesIn) -> Any:
    """Says how much of a target serves which domain and mission."""
    row = _row(request, ecosystem, code, "current")
    return actions.share(row, by=actor(request), shares=_shares(given), seen=given.revision)


@router.put("/ecosystems/{ecosystem}/priorities/{code}/shares", response=Seen)
def share_priority(request: HttpRequest, ecosystem: str, code: str, given: SharesIn) -> Any:
    """Says how much of a priority of the version in force serves which domain and mission."""
    row = one_of(version_of(request, ecosystem, "current").priority_set.all(), "code", code)
    return actions.share(row, by=actor(request), shares=_shares(given), seen=given.revision)


class InTarget(Schema):
    """The address of a target."""

    ecosystem: str
    code: str


def _hand_in(row: Target, given: ValueIn, files: list[UploadedFile], *, by: Any) -> Report:
    return actions.report_value(
        row,
        by=by,
        period=period(given.period),
        value=given.value,
        text=given.text,
        files=files,
        public=given.public,
        institution=own_institution(queries.institutions_of(by), given.institution),
    )


reporting(
    router,
    TARGETS + "/{code}/reports",
    of="a target",
    where=InTarget,
    find=lambda request, place: _row(request, place.ecosystem, place.code, "current"),
    inside=lambda who, row: rules.may_see_drafts(who, row),
    rows=lambda row: queries.reports_on(row, inside=True),
    given=ValueIn,
    hand_in=_hand_in,
    accept=actions.accept_value,
    give_back=actions.return_value,
    unlock=actions.unlock_value,
)


# ---------------------------------------------------------------- shared


def _row(request: HttpRequest, ecosystem: str, code: str, version: str) -> Target:
    found = version_of(request, ecosystem, version)
    row = one_of(found.target_set.select_related("priority", "specify_owner"), "code", code)
    assert isinstance(row, Target)
    row.strategy = found  # its ecosystem is there already
    return row


def _shares(given: SharesIn) -> dict[Any, Decimal]:
    served: list[Any] = [*domains.domains(), *domains.missions()]
    known = {each.code: each for each in served}
    if unknown := sorted(given.shares.keys() - known.keys()):
        told = {"codes": ", ".join(unknown), "known": ", ".join(known)}
        raise Invalid(_("Not known: %(codes)s. A share goes to one of: %(known)s.") % told, field="shares")
    return {known[code]: weight for code, weight in given.shares.items()}


def _chosen(rows: Any, codes: list[str] | None, field: str) -> list[Any] | None:
    """The rows with these codes, in their order; None stays None. Raises Invalid naming those that are not there."""
    if codes is None:
        return None
    found: dict[str, Any] = {row.code: row for row in rows.filter(code__in=codes)}
    if unknown := [code for code in codes if code not in found]:
        raise Invalid(_("Not known: %(codes)s.") % {"codes": ", ".join(unknown)}, field=field)
    return [found[code] for code in codes]


def _columns(**texts: Text | None) -> dict[str, str]:
    return {
        f"{name}_{language}": said
        for name, both in texts.items()
        if both is not None
        for language, said in both.dict(exclude_unset=True).items()
    }


def _sent(given: Schema) -> dict[str, Any]:
    """What was sent, as columns."""
    sent = given.dict(exclude_unset=True)
    values: dict[str, Any] = {}
    for name in sent.keys() - {"revision"}:
        value = getattr(given, name)
        if isinstance(value, Text):
            values |= _columns(**{name: value})
        else:
            values[name] = value
    for name in ("due", "baseline_period"):
        if values.get(name):
            values[name] = str(period(values[name], name))
    return values


def _titled(row: Any) -> dict[str, Any]:
    return {"code": row.code, "title": text(row, "title")}


def _target(standing: Standing) -> dict[str, Any]:
    row, reading, verdict = standing.target, standing.reading, standing.verdict
    return {
        "id": row.pk,
        "revision": row.revision,
        "url": row.get_absolute_url(),
        "code": row.code,
        "priority": row.priority.code if row.priority else None,
        "title": text(row, "title"),
        "kind_of": row.kind_of,
        "unit": text(row, "unit"),
        "baseline": row.baseline,
        "baseline_period": row.baseline_period,
        "goal": row.goal,
        "due": row.due,
        "desired": row.desired,
        "reckoning": row.reckoning,
        "specify_owner": row.specify_owner.code if row.specify_owner else None,
        "specify_by": row.specify_by,
        "note": text(row, "note"),
        "reading": {
            "value": reading.value,
            "as_of": reading.as_of,
            "closed": reading.closed,
            "series": row.series,
            "provided": row.series in INDICATORS,
        },
        "progress": {
            "verdict": verdict.klass,
            "reason": verdict.reason,
            "method": verdict.method,
            "ratio": verdict.ratio,
            "observed": verdict.observed,
            "required": verdict.required,
            "expected_now": verdict.expected_now,
        }
        if verdict
        else None,
        "words": standing.label,
    }


def _evidence(standing: Standing, limit: int, offset: int) -> dict[str, Any]:
    """Rows behind a number: those counted, or those kept when the period was closed. Reports stand under /reports."""
    reading = standing.reading
    if reading.closed:
        return page([{**row, "url": None} for row in reading.rows], limit, offset)
    counted = (
        reading.evidence if standing.target.series in INDICATORS and reading.evidence is not None else []
    )
    return page(
        counted,
        limit,
        offset,
        lambda row: {
            "kind": row.kind(),
            "id": row.pk,
            "name": str(row),
            "url": row.get_absolute_url() if hasattr(row, "get_absolute_url") else None,
        },
    )
