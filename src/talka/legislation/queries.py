"""Reads: bills with their stages, and the way of a bill as steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from talka.domains.models import Ecosystem
from talka.legislation.models import LAW, ROAD, Bill, BillStage, Stage
from talka.parties.models import Organisation
from talka.parties.queries import shows_work


def bills(ecosystem: Ecosystem) -> QuerySet[Bill]:
    """The bills of an ecosystem with all their stages and who is responsible."""
    return (
        Bill.objects.filter(ecosystem=ecosystem)
        .select_related("ecosystem", "responsible")
        .prefetch_related("stages")
    )


def laws(ecosystem: Ecosystem, day: date | None = None) -> QuerySet[Bill]:
    """The bills that are law: now, or already on a day. A law whose day is not known counts only as one now."""
    rows = bills(ecosystem).filter(stage__in=LAW)
    return rows if day is None else rows.filter(stages__stage__in=LAW, stages__date__lte=day).distinct()


@dataclass(frozen=True)
class Step:
    """One stage on the way of a bill: passed, now, ahead, or the end where it was rejected."""

    stage: Stage
    state: str  # "done" | "now" | "ahead" | "stopped"
    date: date | None


def track(bill: Bill) -> list[Step]:
    """The way of a bill from idea to force. A rejected bill's way ends after the last stage it reached."""
    reached = {
        each.stage: each for each in bill.stages.all()
    }  # of a stage reached twice the last time counts
    now = Stage(bill.stage)
    if now == Stage.REJECTED:
        passed = [ROAD.index(Stage(stage)) for stage in reached if stage in ROAD]
        way = [*ROAD[: max(passed, default=-1) + 1], Stage.REJECTED]
    else:
        way = list(ROAD)
    steps = []
    for place, stage in enumerate(way):
        if stage == now:
            state = "stopped" if stage == Stage.REJECTED else "now"
        else:
            state = "done" if place < way.index(now) else "ahead"
        known = reached.get(stage) if state != "ahead" else None
        steps.append(Step(stage, state, known.date if known else None))
    return steps


def present(bill: Bill) -> BillStage | None:
    """The record of the stage that a bill is at."""
    return list(bill.stages.all())[-1] if bill.stages.all() else None


@shows_work("legislation.bills", _("Bills it is responsible for"))
def bills_of(organisation: Organisation, by: Any) -> QuerySet[Bill]:
    """Bills for which an organisation is responsible, for the page of that organisation."""
    return Bill.objects.filter(responsible=organisation).select_related("ecosystem")
