"""Indicators: numbers that a room offers and a target names by code.

    @indicator("portfolio.projects_running", label=_("Projects under way"), unit=_("projects"))
    def projects_running(ecosystem, period):
        projects = queries.running_in(ecosystem, period)
        return Reading(projects.count(), evidence=projects)

Number and evidence come from one queryset, so they cannot drift apart. The strategy stores only the code,
so it imports none of its providers. A code that no room provides is read from what people reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from talka.core.models import Reading as ClosedReading
from talka.core.models import Report, ReportState
from talka.core.values import Period


@dataclass(frozen=True)
class Reading:
    """What an indicator says. `value` None: nothing to count yet, which is not zero."""

    value: Decimal | int | float | None
    evidence: QuerySet[Any] | None = None
    as_of: date | None = None
    closed: bool = False  # kept when its period was closed; no longer live
    rows: list[dict[str, Any]] = field(default_factory=list)  # the evidence of a closed reading


Measure = Callable[[Any, Period | None], Reading]


@dataclass(frozen=True)
class Indicator:
    """A declared indicator: `measure(ecosystem, period)`; period None means now."""

    code: str
    label: Any
    unit: Any
    measure: Measure
    doc: str


INDICATORS: dict[str, Indicator] = {}


def indicator(code: str, *, label: Any, unit: Any) -> Callable[[Measure], Measure]:
    """Declares the function below as the indicator `code`. Its docstring says what is counted and what is not."""

    def register(measure: Measure) -> Measure:
        if code in INDICATORS:
            raise ValueError(f"two indicators are called {code}: {INDICATORS[code].measure} and {measure}")
        INDICATORS[code] = Indicator(code, label, unit, measure, (measure.__doc__ or "").strip())
        return measure

    return register


def reported(ecosystem_id: int, series: str) -> QuerySet[Report]:
    """What people reported on a series and the coordinator accepted, corrected reports left out; oldest first."""
    return (
        Report.objects.filter(
            ecosystem_id=ecosystem_id, series=series, state=ReportState.ACCEPTED, value__isnull=False
        )
        .exclude(corrections__state=ReportState.ACCEPTED)
        .order_by("as_of", "id")
    )


def read(code: str, ecosystem: Any, period: Period | None = None) -> Reading:
    """The reading of an indicator in an ecosystem for a period (None: now): kept if closed, else live or reported."""
    if period is not None:
        kept = ClosedReading.objects.filter(
            ecosystem_id=ecosystem.pk, indicator=code, period=str(period)
        ).first()
        if kept:
            return Reading(kept.value, as_of=kept.as_of, closed=True, rows=kept.evidence)
    if code in INDICATORS:
        return INDICATORS[code].measure(ecosystem, period)
    reports = reported(ecosystem.pk, code)
    if period is not None:
        reports = reports.filter(as_of__lte=period.last)
    last = reports.last()
    return Reading(last.value if last else None, evidence=reports, as_of=last.as_of if last else None)


def close(code: str, ecosystem: Any, period: Period, *, decision: str = "") -> ClosedReading:
    """Keeps the reading of a period for good, with the rows behind it; called by the verb that closes the period.

    A period that is closed already stays as it was closed.
    """
    kept = ClosedReading.objects.filter(ecosystem_id=ecosystem.pk, indicator=code, period=str(period)).first()
    if kept is not None:
        return kept
    reading = read(code, ecosystem, period)
    rows: Iterable[Any] = reading.evidence if reading.evidence is not None else ()
    return ClosedReading.objects.create(
        ecosystem_id=ecosystem.pk,
        indicator=code,
        period=str(period),
        as_of=reading.as_of or period.last,
        value=reading.value,
        evidence=[{"kind": row.kind(), "id": row.pk, "name": str(row)[:200]} for row in rows],
        decision=decision,
    )
