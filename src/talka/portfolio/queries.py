"""Reads: projects and partnerships with everything a page shows of them, and how a project's indicators fare.

Each read asks a fixed number of questions of the database, however many rows there are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from talka.core.models import Report, ReportState
from talka.core.values import Period
from talka.domains.models import Ecosystem
from talka.legislation.models import Bill
from talka.network.models import Niche
from talka.parties.models import Organisation
from talka.parties.queries import shows_work
from talka.plan.models import Measure, Plan, PlanState
from talka.portfolio.models import (
    Comparison,
    Kpi,
    Member,
    Participation,
    Partnership,
    PartnershipNiche,
    PartnershipPolicy,
    Project,
    ProjectFunding,
    ProjectNiche,
    ProjectStatus,
)
from talka.strategy import progress
from talka.strategy import queries as strategy
from talka.strategy.models import Priority, Strategy, StrategyState
from talka.ui import formats

# ---------------------------------------------------------------- projects


def projects(ecosystem: Ecosystem) -> QuerySet[Project]:
    """The projects of an ecosystem, in their order."""
    return Project.objects.filter(ecosystem=ecosystem).select_related("ecosystem")


def whole(rows: QuerySet[Project]) -> QuerySet[Project]:
    """Projects with their institutions, niches, funding, indicators and priority."""
    return rows.select_related("priority__strategy__ecosystem").prefetch_related(
        Prefetch("participations", Participation.objects.select_related("organisation")),
        Prefetch("niche_links", ProjectNiche.objects.select_related("niche__ecosystem")),
        Prefetch("funding_links", ProjectFunding.objects.select_related("funding_source")),
        "kpis",
    )


def running(ecosystem: Ecosystem, period: Period | None = None) -> QuerySet[Project]:
    """The projects under way: now, or on some day of a period.

    For a period a finished project counts too if its dates say that it ran then; one without dates counts only as
    what it is now, because nothing tells when it began.
    """
    if period is None:
        return projects(ecosystem).filter(status=ProjectStatus.RUNNING)
    ran = [ProjectStatus.RUNNING, ProjectStatus.FINISHED]
    rows = projects(ecosystem).filter(status__in=ran)
    return rows.filter(pk__in=[row.pk for row in rows if _ran_in(row, period)])


def _ran_in(project: Project, period: Period) -> bool:
    begins, finishes = project.begins, project.finishes
    if begins is None and (finishes is None or project.status == ProjectStatus.FINISHED):
        return project.status == ProjectStatus.RUNNING and timezone.localdate() in period
    return (begins is None or begins.first <= period.last) and (
        finishes is None or finishes.last >= period.first
    )


def in_niche(ecosystem: Ecosystem, niche: Niche | None, rows: QuerySet[Project]) -> QuerySet[Project]:
    """The projects that work in a niche or in a part of it; all of them without one."""
    return (
        rows
        if niche is None
        else rows.filter(niche_links__niche__in=_with_parts(ecosystem, niche)).distinct()
    )


def _with_parts(ecosystem: Ecosystem, niche: Niche) -> set[int]:
    parents = dict(Niche.objects.filter(ecosystem=ecosystem).values_list("pk", "parent_id"))
    inside = {niche.pk}
    while more := {pk for pk, parent in parents.items() if parent in inside} - inside:
        inside |= more
    return inside


def priorities(ecosystem: Ecosystem) -> QuerySet[Priority]:
    """What a project can serve: the priorities of the strategy in force, or of the latest version while none is."""
    versions = Strategy.objects.filter(ecosystem=ecosystem).order_by("-number")
    version = versions.filter(state=StrategyState.ADOPTED).first() or versions.first()
    return Priority.objects.filter(strategy=version).select_related("strategy__ecosystem")


def contingency(text: str) -> tuple[str, str]:
    """What a funding text says outright, and the sentences that begin with "if": what happens when money is refused."""
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-ZĀČĒĢĪĶĻŅŠŪŽ])", text.strip())
    unless = [each for each in sentences if re.match(r"(?:Ja|If)\b", each)]
    return " ".join(each for each in sentences if each not in unless), " ".join(unless)


# ---------------------------------------------------------------- partnerships


def partnerships(ecosystem: Ecosystem) -> QuerySet[Partnership]:
    """The partnerships of an ecosystem, in their order."""
    return Partnership.objects.filter(ecosystem=ecosystem).select_related("ecosystem", "national_node")


def active(ecosystem: Ecosystem) -> QuerySet[Partnership]:
    """The partnerships in which the ecosystem takes part now."""
    return partnerships(ecosystem).filter(active=True)


def joined(rows: QuerySet[Partnership]) -> QuerySet[Partnership]:
    """Partnerships with their members, niches and policies."""
    return rows.prefetch_related(
        Prefetch("member_links", Member.objects.select_related("organisation")),
        Prefetch("partnershipniche_links", PartnershipNiche.objects.select_related("niche__ecosystem")),
        Prefetch("partnershippolicy_links", PartnershipPolicy.objects.select_related("policy")),
    )


def partnerships_in_niche(
    ecosystem: Ecosystem, niche: Niche | None, rows: QuerySet[Partnership]
) -> QuerySet[Partnership]:
    """The partnerships that serve a niche or a part of it; all of them without one."""
    if niche is None:
        return rows
    return rows.filter(partnershipniche_links__niche__in=_with_parts(ecosystem, niche)).distinct()


# ---------------------------------------------------------------- indicators of a project


@dataclass(frozen=True)
class Standing:
    """An indicator of a project with what was reported on it."""

    kpi: Kpi
    reports: Sequence[Report]  # newest first
    verdict: progress.Progress

    @property
    def accepted(self) -> list[Report]:
        """Values that count, oldest first: accepted, and not corrected by an accepted one since."""
        corrected = {each.corrects_id for each in self.reports if each.state == ReportState.ACCEPTED}
        counted = [
            each
            for each in self.reports
            if each.state == ReportState.ACCEPTED and each.value is not None and each.pk not in corrected
        ]
        return sorted(counted, key=lambda each: (each.as_of, each.pk))

    @property
    def latest(self) -> Report | None:
        return self.accepted[-1] if self.accepted else None

    @property
    def share(self) -> float | None:
        """How much of the way from the baseline (else zero) to the goal is done; None where that says nothing."""
        if self.latest is None or self.latest.value is None or self.kpi.goal is None:
            return None
        start = self.kpi.baseline or Decimal(0)
        way = self.kpi.goal - start
        if not way or (self.kpi.comparison == Comparison.AT_MOST and way > 0 and self.kpi.baseline is None):
            return None
        return float(min(max((self.latest.value - start) / way, Decimal(0)), Decimal(1)))

    @property
    def label(self) -> str:
        """How it stands, in two words."""
        return str(strategy.LABELS[self.verdict.klass])

    @property
    def tone(self) -> str:
        return strategy.TONES[self.verdict.klass]

    @property
    def reached(self) -> bool:
        return self.verdict.klass == "achieved"

    @property
    def goal_text(self) -> str:
        """The goal as it is meant: “at least 35 projects”; empty where none is stated."""
        if self.kpi.goal is None:
            return ""
        number = formats.quantity(self.kpi.goal, str(self.kpi.unit))
        return (
            number
            if self.kpi.comparison == Comparison.EXACTLY
            else f"{self.kpi.get_comparison_display()} {number}"
        )

    @property
    def baseline_text(self) -> str:
        return "" if self.kpi.baseline is None else formats.quantity(self.kpi.baseline, str(self.kpi.unit))

    @property
    def value_text(self) -> str:
        """The latest value that counts; empty where there is none, which is not zero."""
        return formats.quantity(self.latest.value, str(self.kpi.unit)) if self.latest else ""

    @property
    def waiting(self) -> list[Report]:
        """Reports that wait for the coordinator."""
        return [each for each in self.reports if each.state == ReportState.SUBMITTED]


def standings(project: Project, today: date | None = None) -> list[Standing]:
    """Every indicator of a project with its reports and the verdict on them; two questions to the database."""
    kpis = list(project.kpis.all())
    by_kpi: dict[int, list[Report]] = {kpi.pk: [] for kpi in kpis}
    found = Report.objects.filter(about_kind=Kpi.kind(), about_id__in=by_kpi).order_by("-as_of", "-id")
    for report in found:
        by_kpi[report.about_id].append(report)
    return [_standing(project, kpi, by_kpi[kpi.pk], today or timezone.localdate()) for kpi in kpis]


def standing(kpi: Kpi, today: date | None = None) -> Standing:
    """One indicator with its reports and the verdict on them."""
    found = list(Report.objects.filter(about_kind=Kpi.kind(), about_id=kpi.pk).order_by("-as_of", "-id"))
    return _standing(kpi.project, kpi, found, today or timezone.localdate())


def _standing(project: Project, kpi: Kpi, reports: Sequence[Report], today: date) -> Standing:
    bare = Standing(kpi, reports, progress.Progress("no_data", "nothing_seen", "linear"))
    points = [progress.Point(progress.at(each.as_of), float(each.value or 0)) for each in bare.accepted]
    verdict = progress.assess(
        points,
        baseline=_baseline(project, kpi),
        goal=None if kpi.goal is None else float(kpi.goal),
        due=progress.at(kpi.deadline.due) if kpi.deadline else None,
        desired=_desired(kpi),
        kind="count",  # the indicators of projects count things: the path is straight
        today=today,
    )
    return Standing(kpi, reports, verdict)


def baseline_day(project: Project, kpi: Kpi) -> date | None:
    """When an indicator had its baseline; without a period of its own, at the project's start."""
    if kpi.baseline_period:
        return Period.parse(kpi.baseline_period).last
    return project.begins.first if project.begins else None


def _baseline(project: Project, kpi: Kpi) -> progress.Point | None:
    day = baseline_day(project, kpi)
    return (
        None if kpi.baseline is None or day is None else progress.Point(progress.at(day), float(kpi.baseline))
    )


def _desired(kpi: Kpi) -> progress.Desired:
    if kpi.comparison == Comparison.AT_LEAST:
        return "increase"
    if kpi.comparison == Comparison.AT_MOST:
        return "decrease"
    return "reach"


def kpis(ecosystem: Ecosystem) -> QuerySet[Kpi]:
    """The indicators of all projects of an ecosystem, by project."""
    return (
        Kpi.objects.filter(project__ecosystem=ecosystem)
        .select_related("project__ecosystem")
        .order_by("project__order", "project", "order")
    )


# ---------------------------------------------------------------- across rooms


def reporting_institutions(project: Project, by: Any) -> list[Organisation]:
    """The institutions of a project for which somebody acts, each once."""
    ids = by.organisation_ids() if hasattr(by, "organisation_ids") else frozenset()
    if not ids:
        return []
    return list(Organisation.objects.filter(pk__in=ids, participations__project=project).distinct())


def measures_of_bills(ecosystem: Ecosystem) -> QuerySet[Measure]:
    """The measures that carry a bill, in plans that were not superseded."""
    return (
        Measure.objects.filter(plan__ecosystem=ecosystem, bill__isnull=False)
        .exclude(plan__state=PlanState.SUPERSEDED)
        .select_related("plan__ecosystem", "bill__ecosystem")
        .order_by("plan__year", "order")
    )


def has_plan(ecosystem: Ecosystem) -> bool:
    """Whether the ecosystem has a plan that was not superseded."""
    return Plan.objects.filter(ecosystem=ecosystem).exclude(state=PlanState.SUPERSEDED).exists()


def bills_without_measure(ecosystem: Ecosystem) -> QuerySet[Bill]:
    """Bills that are still to be made and that no measure of a plan (not superseded) carries."""
    carried = Q(pk__in=measures_of_bills(ecosystem).values("bill"))
    return Bill.objects.filter(ecosystem=ecosystem).select_related("ecosystem").exclude(carried)


# ---------------------------------------------------------------- on the page of an organisation


@shows_work("portfolio.projects", _("Projects it takes part in"))
def projects_with(organisation: Organisation, by: Any) -> QuerySet[Project]:
    """Projects in which an organisation has any part."""
    mine = Participation.objects.filter(organisation=organisation)
    return Project.objects.filter(pk__in=mine.values("project_id")).select_related("ecosystem")


@shows_work("portfolio.partnerships", _("Partnerships it belongs to"))
def partnerships_with(organisation: Organisation, by: Any) -> QuerySet[Partnership]:
    """Partnerships of which an organisation is a member or the national node."""
    mine = Member.objects.filter(organisation=organisation)
    return Partnership.objects.filter(
        Q(pk__in=mine.values("partnership_id")) | Q(national_node=organisation)
    ).select_related("ecosystem")
