"""The API of the room: bills and the stages they pass."""

from __future__ import annotations

import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from talka.core.api import Seen, actor, one_of, table
from talka.domains import queries as domains
from talka.domains.api import InEcosystem, here
from talka.legislation import actions, queries, sheets  # noqa: F401 -- the sheets declare themselves
from talka.legislation.models import Bill, Stage

router = Router(tags=["legislation"])
BILLS = "/ecosystems/{ecosystem}/bills"

table(router, "legislation.bills", BILLS, name="Bill", where=InEcosystem, parent=here)


class StageOut(Schema):
    """A stage on a bill's way: done, now, ahead, or stopped."""

    stage: Stage
    state: str
    date: datetime.date | None


class StagePassed(Seen):
    """The stage that a bill reached, on a day if it is known. Back on its way it goes only with a note."""

    stage: Stage
    date: datetime.date | None = None
    note: str = ""


class StageCorrected(Seen):
    """The day and the note of the present stage."""

    date: datetime.date | None = None
    note: str = ""


def _bill(request: HttpRequest, ecosystem: str, code: str) -> Bill:
    found = one_of(queries.bills(domains.enter(request, ecosystem)), "code", code)
    assert isinstance(found, Bill)
    return found


@router.get(BILLS + "/{code}/stages", response=list[StageOut])
def stages(request: HttpRequest, ecosystem: str, code: str) -> Any:
    """The way of a bill from idea to force."""
    return queries.track(_bill(request, ecosystem, code))


@router.post(BILLS + "/{code}/stages", response=list[StageOut])
def pass_stage(request: HttpRequest, ecosystem: str, code: str, given: StagePassed) -> Any:
    """Records that a bill reached a stage."""
    bill = _bill(request, ecosystem, code)
    actions.pass_stage(
        bill, by=actor(request), stage=given.stage, date=given.date, note=given.note, seen=given.revision
    )
    return stages(request, ecosystem, code)


@router.patch(BILLS + "/{code}/stages", response=list[StageOut])
def correct_stage(request: HttpRequest, ecosystem: str, code: str, given: StageCorrected) -> Any:
    """Gives the present stage the day or the note that was not known, or was wrong."""
    bill = _bill(request, ecosystem, code)
    actions.correct_stage(bill, by=actor(request), date=given.date, note=given.note, seen=given.revision)
    return stages(request, ecosystem, code)
