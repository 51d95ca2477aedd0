"""Verbs: keep bills, and record the stages they pass. Every stage stays on record with its day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from talka.core import locking
from talka.core.actions import Invalid, action
from talka.core.bilingual import both
from talka.core.search import searchable
from talka.domains.models import Ecosystem
from talka.legislation import queries, rules
from talka.legislation.models import ROAD, Bill, BillStage, Stage


@action(needs=rules.may_edit)
def add_bill(
    ecosystem: Ecosystem,
    *,
    by: Any,
    stage: str = Stage.IDEA,
    stage_date: date | None = None,
    stage_note: str = "",
    **values: Any,
) -> Bill:
    """Founds a bill at the stage it has reached by now."""
    _check_day(stage_date)
    bill = _save(Bill(ecosystem=ecosystem, stage=stage, stage_date=stage_date), values)
    BillStage(bill=bill, stage=stage, date=stage_date, note=stage_note).save()
    return bill


@action(needs=rules.may_edit)
def edit_bill(bill: Bill, *, by: Any, seen: int | None = None, **values: Any) -> Bill:
    """Changes a bill's columns, but not its stage: that is passed."""
    locking.check(bill, seen)
    return _save(bill, values)


@action(needs=rules.may_edit)
def pass_stage(
    bill: Bill, *, by: Any, stage: str, date: date | None = None, note: str = "", seen: int | None = None
) -> Bill:
    """Records that a bill reached a stage, on a day if it is known. Back on its way it goes only with a note."""
    locking.check(bill, seen)
    now, then = Stage(bill.stage), Stage(stage)
    if then == now:
        raise Invalid(
            _("The bill is at this stage already (%(stage)s); choose the one it reached.")
            % {"stage": now.label},
            field="stage",
        )
    if then == Stage.REJECTED and bill.is_law:
        raise Invalid(
            _("A law that is adopted is not rejected; if it came back, choose the reading it came back to."),
            field="stage",
        )
    if _is_back(now, then) and not note.strip():
        raise Invalid(
            _("From “%(now)s” back to “%(then)s”: say in the note why.")
            % {"now": now.label, "then": then.label},
            field="note",
        )
    _check_day(date, after=max((each.date for each in bill.stages.all() if each.date), default=None))
    bill.stage, bill.stage_date = then, date
    bill.save()
    BillStage(bill=bill, stage=then, date=date, note=note.strip()).save()
    return bill


@action(needs=rules.may_edit)
def correct_stage(bill: Bill, *, by: Any, date: date | None, note: str = "", seen: int | None = None) -> Bill:
    """Gives the present stage the day or the note that was not known, or was wrong."""
    locking.check(bill, seen)
    present = queries.present(bill)
    if present is None:
        present = BillStage(bill=bill, stage=bill.stage)
    earlier = [each.date for each in bill.stages.all() if each.date and each.pk != present.pk]
    _check_day(date, after=max(earlier, default=None))
    present.date, present.note = date, note.strip() or present.note
    present.save()
    bill.stage_date = date
    bill.save(bump=True)
    return bill


def _is_back(now: Stage, then: Stage) -> bool:
    """Whether a bill leaves its end, or turns round on its way."""
    return now == Stage.REJECTED or (then in ROAD and ROAD.index(then) < ROAD.index(now))


def _check_day(day: date | None, after: date | None = None) -> None:
    if day is None:
        return
    if day > timezone.localdate():
        raise Invalid(
            _("%(day)s lies ahead; record a stage once it is reached.") % {"day": day}, field="date"
        )
    if after is not None and day < after:
        raise Invalid(
            _("%(day)s is before %(after)s, when the bill reached its earlier stage.")
            % {"day": day, "after": after},
            field="date",
        )


def _save(bill: Bill, values: Mapping[str, Any]) -> Bill:
    for name, value in values.items():
        setattr(bill, name, value)
    if bill.code == "add":
        raise Invalid(_("“add” is a page of its own; choose another code."), field="code")
    others = Bill.objects.filter(ecosystem=bill.ecosystem, code=bill.code).exclude(pk=bill.pk)
    if taken := others.first():
        raise Invalid(
            _("The code “%(code)s” is taken by “%(name)s”; choose another.")
            % {"code": bill.code, "name": taken},
            field="code",
        )
    try:
        bill.clean_fields(exclude=["ecosystem", "responsible"])
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise Invalid(messages[0], field=name) from None
    bill.save()
    return bill


searchable(
    Bill,
    title=lambda bill: both(bill, "title"),
    summary=lambda bill: both(bill, "summary"),
    words=lambda bill: bill.code,
)
