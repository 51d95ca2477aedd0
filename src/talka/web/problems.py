"""Everything the linter finds in an ecosystem: in its strategy in force and in its plans that are not closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from talka.core import lint
from talka.core.lint import SEVERITIES, Finding
from talka.domains.models import Ecosystem
from talka.plan.models import Plan, PlanState
from talka.strategy.models import Strategy, StrategyState


def findings(ecosystem: Ecosystem, *, at_least: str = "info", drafts: bool = False) -> Iterator[Finding]:
    """Findings over what is in force (and drafts, for those who may see them), errors first within each document."""
    shown = SEVERITIES[: SEVERITIES.index(at_least) + 1]
    states = [StrategyState.ADOPTED, StrategyState.DRAFT] if drafts else [StrategyState.ADOPTED]
    strategies = Strategy.objects.filter(ecosystem=ecosystem, state__in=states).select_related("ecosystem")
    plan_states = [PlanState.ADOPTED, PlanState.DRAFT] if drafts else [PlanState.ADOPTED]
    plans = Plan.objects.filter(ecosystem=ecosystem, state__in=plan_states).select_related("ecosystem", "strategy")
    for kind, scopes in (("strategy.strategy", strategies), ("plan.plan", plans), ("domains.ecosystem", [ecosystem])):
        for scope in scopes:
            found = [finding for finding in lint.run(kind, scope) if finding.severity in shown]
            yield from sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def labels() -> dict[str, Any]:
    """What each rule is called, by code."""
    return {code: rule.label for code, rule in lint.RULES.items()}
