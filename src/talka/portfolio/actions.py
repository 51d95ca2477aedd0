"""Verbs: keep projects, their indicators and partnerships; report values and judge them.

The links of a project or partnership (who takes part, niches, funding, policies) are set as whole lists: a list that is
given becomes the new one, None leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Max
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from talka.core import locking, reports
from talka.core.actions import Invalid, action
from talka.core.bilingual import both
from talka.core.models import Noun, Report
from talka.core.search import searchable
from talka.core.values import BadValue, Period
from talka.domains.models import Ecosystem, Policy
from talka.network.models import Niche
from talka.parties.models import Organisation
from talka.plan.models import FundingSource
from talka.portfolio import queries, rules
from talka.portfolio.models import (
    Involvement,
    Kpi,
    Member,
    Participation,
    Partnership,
    PartnershipNiche,
    PartnershipPolicy,
    Project,
    ProjectFunding,
    ProjectNiche,
)
from talka.strategy.models import Strategy

AS_IT_IS: Any = object()  # stands for a lead that is not given, because None says that nobody leads
R = TypeVar("R", Project, Partnership)
KEPT = frozenset({"id", "revision", "ecosystem", "project"})  # set by the verbs themselves


# ---------------------------------------------------------------- projects


@action(needs=rules.may_edit)
def add_project(
    ecosystem: Ecosystem,
    *,
    by: Any,
    lead: Organisation | None = None,
    partners: Sequence[Organisation] | None = None,
    responsible: Sequence[Organisation] | None = None,
    involved: Sequence[Organisation] | None = None,
    niches: Sequence[Niche] | None = None,
    funding_sources: Sequence[FundingSource] | None = None,
    **values: Any,
) -> Project:
    """Founds a project with its institutions, niches and sources of funding."""
    values.setdefault("order", _last(Project.objects.filter(ecosystem=ecosystem)) + 1)
    project = _keep(Project(ecosystem=ecosystem), values)
    parts = {
        "lead": [lead] if lead else [],
        "partner": partners,
        "responsible": responsible,
        "involved": involved,
    }
    _link_project(project, parts, niches, funding_sources)
    return project


@action(needs=rules.may_edit)
def edit_project(
    project: Project,
    *,
    by: Any,
    seen: int | None = None,
    lead: Organisation | None = AS_IT_IS,
    partners: Sequence[Organisation] | None = None,
    responsible: Sequence[Organisation] | None = None,
    involved: Sequence[Organisation] | None = None,
    niches: Sequence[Niche] | None = None,
    funding_sources: Sequence[FundingSource] | None = None,
    **values: Any,
) -> Project:
    """Changes a project. A cell kept as its document wrote it goes when the list beneath it changes."""
    locking.check(project, seen)
    for part, given in (("responsible", responsible), ("involved", involved)):
        if given is not None and [row.pk for row in given] != [row.pk for row in project.organisations(part)]:
            values.setdefault(f"{part}_as_written", "")
    _keep(project, values, bump=True)
    leads = None if lead is AS_IT_IS else [lead] if lead else []
    parts = {"lead": leads, "partner": partners, "responsible": responsible, "involved": involved}
    _link_project(project, parts, niches, funding_sources)
    return project


@action(needs=rules.may_edit)
def follow_strategy(strategy: Strategy, *, by: Any) -> None:
    """Links the projects of the ecosystem to the priorities of this version that have the codes they were linked to."""
    now = {priority.code: priority for priority in strategy.priority_set.all()}
    rows = Project.objects.filter(ecosystem_id=strategy.ecosystem_id, priority__isnull=False)
    for project in rows.select_related("ecosystem", "priority").exclude(priority__strategy=strategy):
        if project.priority is not None and project.priority.code in now:
            project.priority = now[project.priority.code]
            project.save()


# ---------------------------------------------------------------- indicators of a project


@action(needs=rules.may_edit)
def add_kpi(project: Project, *, by: Any, **values: Any) -> Kpi:
    """Gives a project one more indicator."""
    values.setdefault("order", _last(project.kpis.all()) + 1)
    return _keep_kpi(Kpi(project=project), values)


@action(needs=rules.may_edit)
def edit_kpi(kpi: Kpi, *, by: Any, seen: int | None = None, **values: Any) -> Kpi:
    """Changes an indicator. Its number stays once values are reported under it."""
    locking.check(kpi, seen)
    if values.get("order", kpi.order) != kpi.order and reports.about(kpi).exists():
        raise Invalid(
            _("Values are reported under number %(number)d already, so it stays.") % {"number": kpi.order},
            field="order",
        )
    return _keep_kpi(kpi, values)


@action(needs=rules.may_edit)
def remove_kpi(kpi: Kpi, *, by: Any) -> None:
    """Removes an indicator on which nobody has reported."""
    if reports.about(kpi).exists():
        raise Invalid(_("Values are reported on “%(name)s”, so it stays.") % {"name": kpi})
    kpi.delete()


@action(needs=rules.may_report)
def report_kpi(
    kpi: Kpi,
    *,
    by: Any,
    period: Period,
    value: Decimal | None = None,
    text: str = "",
    files: Iterable[UploadedFile] = (),
    public: bool = False,
    institution: Organisation | None = None,
) -> Report:
    """Reports the value of an indicator for a period, with evidence; it counts once it is accepted.

    `public`: the files may be shown to everybody.
    """
    if value is None:
        raise Invalid(_("Give the value as it was in this period."), field="value")
    own = queries.reporting_institutions(kpi.project, by)
    return reports.submit(
        kpi,
        by=by,
        period=period,
        text=text,
        value=value,
        series=kpi.series,
        institution=reports.for_whom(own, institution, for_any=rules.may_edit(by, kpi)),
        files=files,
        public=public,
    )


@action(needs=rules.may_judge_values)
def accept_value(report: Report, *, by: Any, comment: str = "") -> Report:
    """Accepts a reported value; from now on it counts, and its period is locked."""
    return reports.accept(report, by=by, comment=comment)


@action(needs=rules.may_judge_values)
def return_value(report: Report, *, by: Any, comment: str) -> Report:
    """Returns a reported value with what is missing in it."""
    return reports.give_back(report, by=by, comment=comment)


@action(needs=rules.may_judge_values)
def unlock_value(report: Report, *, by: Any, comment: str) -> Report:
    """Opens the period of an accepted value again, with the reason; the value no longer counts."""
    return reports.unlock(report, by=by, comment=comment)


# ---------------------------------------------------------------- partnerships


@action(needs=rules.may_edit)
def add_partnership(
    ecosystem: Ecosystem,
    *,
    by: Any,
    members: Sequence[Organisation] | None = None,
    niches: Sequence[Niche] | None = None,
    policies: Sequence[Policy] | None = None,
    **values: Any,
) -> Partnership:
    """Notes a partnership, network or initiative in which the ecosystem takes part."""
    values.setdefault("order", _last(Partnership.objects.filter(ecosystem=ecosystem)) + 1)
    partnership = _keep(Partnership(ecosystem=ecosystem), values)
    _link_partnership(partnership, members, niches, policies)
    return partnership


@action(needs=rules.may_edit)
def edit_partnership(
    partnership: Partnership,
    *,
    by: Any,
    seen: int | None = None,
    members: Sequence[Organisation] | None = None,
    niches: Sequence[Niche] | None = None,
    policies: Sequence[Policy] | None = None,
    **values: Any,
) -> Partnership:
    """Changes a partnership."""
    locking.check(partnership, seen)
    _keep(partnership, values, bump=True)
    _link_partnership(partnership, members, niches, policies)
    return partnership


# ---------------------------------------------------------------- helpers


def _last(rows: Any) -> int:
    return rows.aggregate(last=Max("order"))["last"] or 0


def _keep(row: R, values: Mapping[str, Any], *, bump: bool = False) -> R:
    """Sets, checks and saves the columns of a project or partnership."""
    _set(row, values)
    _check_code(row)
    if isinstance(row, Project):
        _check_project(row)
    _clean(row)
    row.save(bump=bump)
    return row


def _keep_kpi(kpi: Kpi, values: Mapping[str, Any]) -> Kpi:
    _set(kpi, values)
    for name in ("due", "baseline_period"):
        setattr(kpi, name, _period(getattr(kpi, name), name))
    others = Kpi.objects.filter(project=kpi.project, order=kpi.order).exclude(pk=kpi.pk)
    if taken := others.first():
        raise Invalid(
            _("Number %(number)d is taken by “%(name)s”; choose another.")
            % {"number": kpi.order, "name": taken},
            field="order",
        )
    _clean(kpi)
    kpi.save()
    return kpi


def _set(row: Any, values: Mapping[str, Any]) -> None:
    known = {field.name for field in row._meta.concrete_fields} - KEPT
    if unknown := values.keys() - known:
        raise TypeError(f"{row.kind()} takes {', '.join(sorted(known))}, not {', '.join(sorted(unknown))}")
    for name, value in values.items():
        setattr(row, name, value.strip() if isinstance(value, str) else value)


def _clean(row: Any) -> None:
    """What the columns themselves do not take is said of the column it is wrong in."""
    try:
        row.clean_fields(exclude=[field.name for field in row._meta.concrete_fields if field.is_relation])
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise Invalid(messages[0], field=name) from None


def _check_code(row: Project | Partnership) -> None:
    others = type(row).objects.filter(ecosystem=row.ecosystem, code=row.code).exclude(pk=row.pk)
    if taken := others.first():
        raise Invalid(
            _("The code “%(code)s” is taken by “%(name)s”; choose another.")
            % {"code": row.code, "name": taken},
            field="code",
        )


def _check_project(project: Project) -> None:
    project.starts, project.ends = _period(project.starts, "starts"), _period(project.ends, "ends")
    if project.begins and project.finishes and project.finishes.last < project.begins.first:
        raise Invalid(
            _("It would end (%(ends)s) before it starts (%(starts)s).")
            % {"ends": project.ends, "starts": project.starts},
            field="ends",
        )
    if project.priority is not None and project.priority.strategy.ecosystem_id != project.ecosystem_id:
        raise Invalid(
            _("“%(name)s” is of another ecosystem; choose one of this ecosystem.")
            % {"name": project.priority},
            field="priority",
        )


def _period(text: str, name: str) -> str:
    """A period in its machine form; Invalid where it is none."""
    try:
        return str(Period.parse(text)) if text else ""
    except BadValue as error:
        raise Invalid(error.words((get_language() or "lv")[:2]), field=name) from None


def _link_project(
    project: Project,
    parts: Mapping[str, Sequence[Organisation] | None],
    niches: Sequence[Niche] | None,
    sources: Sequence[FundingSource] | None,
) -> None:
    for part in Involvement.values:
        _align(Participation, {"project": project, "part": part}, "organisation", parts[part])
    _check_niches(project, niches)
    _align(ProjectNiche, {"project": project}, "niche", niches)
    _align(ProjectFunding, {"project": project}, "funding_source", sources)
    _forget_read(project)


def _link_partnership(
    partnership: Partnership,
    members: Sequence[Organisation] | None,
    niches: Sequence[Niche] | None,
    policies: Sequence[Policy] | None,
) -> None:
    _align(Member, {"partnership": partnership}, "organisation", members)
    _check_niches(partnership, niches)
    _align(PartnershipNiche, {"partnership": partnership}, "niche", niches)
    _align(PartnershipPolicy, {"partnership": partnership}, "policy", policies)
    _forget_read(partnership)


def _check_niches(row: Project | Partnership, niches: Sequence[Niche] | None) -> None:
    for niche in niches or ():
        if niche.ecosystem_id != row.ecosystem_id:
            raise Invalid(
                _("“%(name)s” is of another ecosystem; choose one of this ecosystem.") % {"name": niche},
                field="niches",
            )


def _align(model: type[Noun], owner: Mapping[str, Any], name: str, wanted: Sequence[Noun] | None) -> None:
    """Makes the links of `owner` lead to exactly the rows wanted, in their order; None leaves them as they are."""
    if wanted is None:
        return
    links: dict[int, Any] = {
        getattr(link, f"{name}_id"): link for link in model._base_manager.filter(**owner)
    }
    rows = {row.pk: row for row in wanted}
    for pk in links.keys() - rows.keys():
        links[pk].delete()
    for order, (pk, row) in enumerate(rows.items(), 1):
        link: Any = links.get(pk) or model(**owner, **{name: row})
        link.order = order
        link.save()


def _forget_read(row: Any) -> None:
    """What was read of the links before they changed."""
    row._prefetched_objects_cache = {}


for _model in (Project, Partnership):
    searchable(
        _model,
        title=lambda row: both(row, "title"),
        summary=lambda row: both(row, "summary"),
        words=lambda row: f"{row.code} {getattr(row, 'acronym', '')} {getattr(row, 'programme', '')}",
    )
