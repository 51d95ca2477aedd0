"""Who may read what of the record, and what the linter may tell whom: the same for pages and programs.

Kinds of rows that anybody may read are written out; of what hangs in a draft, and of reports, only insiders are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import QuerySet

from talka.core import lint
from talka.core.lint import SEVERITIES, Finding
from talka.core.models import Event, Noun
from talka.domains.models import Ecosystem
from talka.governance import rules as governance
from talka.governance.models import Decision, DecisionState
from talka.plan import rules as plans
from talka.plan.models import Measure, Plan, PlanState
from talka.strategy import rules as strategies
from talka.strategy.models import Strategy, StrategyState

# Of these anybody may read the whole history, unless they hang in a draft.
TOLD = frozenset(
    {
        "domains.ecosystem",
        "domains.domain",
        "domains.mission",
        "domains.policy",
        "parties.organisation",
        "network.niche",
        "network.competencefield",
        "legislation.bill",
        "governance.body",
        "governance.decision",
        "strategy.strategy",
        "strategy.obstacle",
        "strategy.direction",
        "strategy.priority",
        "strategy.target",
        "strategy.lever",
        "plan.plan",
        "plan.section",
        "plan.measure",
        "plan.fundingsource",
        "portfolio.project",
        "portfolio.kpi",
        "portfolio.partnership",
    }
)


def row_of(kind: str, pk: int) -> Any:
    """The row that is called so in the record, or None if it is gone or was never one."""
    app, _dot, name = kind.partition(".")
    try:
        model = apps.get_model(app, name)
    except LookupError:
        return None
    return model._base_manager.filter(pk=pk).first() if issubclass(model, Noun) else None


def may_read(who: Any, row: Any) -> bool:
    """Whether a reader (None: the public) may read the history of a row."""
    if row.kind() not in TOLD:
        return False
    if isinstance(row, Decision):
        return not row.is_prepared or governance.may_see_prepared(who, row)
    plan = row if isinstance(row, Plan) else getattr(row, "plan", None)
    if isinstance(plan, Plan) and plan.state == PlanState.DRAFT:
        return plans.may_see_drafts(who, plan)
    version = row if isinstance(row, Strategy) else getattr(row, "strategy", None)
    if isinstance(version, Strategy) and version.is_draft:
        return strategies.may_see_drafts(who, version)
    return True


def events(ecosystem: Ecosystem, who: Any) -> QuerySet[Event]:
    """What was done in an ecosystem, newest first; the public is told of public rows that are not in drafts."""
    found = Event.objects.filter(ecosystem_id=ecosystem.pk)
    if plans.may_see_drafts(who, ecosystem) and strategies.may_see_drafts(who, ecosystem):
        return found
    drafts = Plan.objects.filter(ecosystem=ecosystem, state=PlanState.DRAFT)
    versions = Strategy.objects.filter(ecosystem=ecosystem, state=StrategyState.DRAFT)
    prepared = Decision.objects.filter(body__ecosystem=ecosystem, state=DecisionState.DRAFT)
    return (
        found.filter(subject_kind__in=TOLD)
        .exclude(verb="governance.prepare")
        .exclude(subject_kind=Decision.kind(), subject_id__in=prepared.values("pk"))
        .exclude(subject_kind=Plan.kind(), subject_id__in=drafts.values("pk"))
        .exclude(subject_kind=Measure.kind(), subject_id__in=drafts.values("measures__pk"))
        .exclude(subject_kind="plan.section", subject_id__in=drafts.values("sections__pk"))
        .exclude(subject_kind=Strategy.kind(), subject_id__in=versions.values("pk"))
        .exclude(subject_kind="strategy.obstacle", subject_id__in=versions.values("obstacle_set__pk"))
        .exclude(subject_kind="strategy.direction", subject_id__in=versions.values("direction_set__pk"))
        .exclude(subject_kind="strategy.priority", subject_id__in=versions.values("priority_set__pk"))
        .exclude(subject_kind="strategy.target", subject_id__in=versions.values("target_set__pk"))
        .exclude(subject_kind="strategy.lever", subject_id__in=versions.values("lever_set__pk"))
    )


def findings(ecosystem: Ecosystem, who: Any, *, at_least: str = "info") -> Iterator[Finding]:
    """What the linter finds in what is in force (and in drafts, for those who may see them), worst first in each."""
    shown = SEVERITIES[: SEVERITIES.index(at_least) + 1]
    versions = Strategy.objects.filter(
        ecosystem=ecosystem,
        state__in=[
            StrategyState.ADOPTED,
            *([StrategyState.DRAFT] if strategies.may_see_drafts(who, ecosystem) else []),
        ],
    )
    years = Plan.objects.filter(
        ecosystem=ecosystem,
        state__in=[PlanState.ADOPTED, *([PlanState.DRAFT] if plans.may_see_drafts(who, ecosystem) else [])],
    )
    scopes: list[Any] = [
        *versions.select_related("ecosystem"),
        *years.select_related("ecosystem", "strategy"),
        ecosystem,
    ]
    for scope in scopes:
        found = [finding for finding in lint.run(scope.kind(), scope) if finding.severity in shown]
        yield from sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
