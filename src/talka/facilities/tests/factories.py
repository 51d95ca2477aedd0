"""A unit drawn for tests, by the room's own verbs: a microscope open on weekdays from 8 to 18, and an expert.

Anna manages it, Bruno leads a project there, Cilda knows nobody. Days are counted from a Monday far enough ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from talka.billing.models import PayerAccount, Tariff
from talka.billing.tests import factories as billing
from talka.core.actions import SYSTEM
from talka.domains.models import Ecosystem
from talka.facilities import actions
from talka.facilities.models import Booking, Resource, Unit, UserProject
from talka.network.tests.factories import account as person
from talka.parties.models import Account

ZONE = ZoneInfo("Europe/Riga")
WEEKDAYS = tuple((day, time(8), time(18)) for day in range(1, 6))


def monday() -> datetime:
    """Midnight of the Monday after next."""
    today = datetime.now(ZONE).date()  # not Django's clock, which tests may set
    first = today + timedelta(days=14 - today.weekday())
    return datetime.combine(first, time(0), ZONE)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of the week that begins with `monday`: day 1 to 7."""
    first = monday().date() + timedelta(days=day - 1)
    return datetime.combine(first, time(hour, minute), ZONE)


@dataclass(frozen=True)
class Scene:
    eco: Ecosystem
    unit: Unit
    microscope: Resource
    expert: Resource
    project: UserProject
    payer: PayerAccount
    tariff: Tariff
    anna: Account
    bruno: Account
    cilda: Account


def scene(**values: Any) -> Scene:
    """`values` are those of the microscope."""
    billed = billing.scene()
    unit = actions.add_unit(
        billed.eco,
        by=SYSTEM,
        manager=billed.anna,
        code="attels",
        title_lv="Attēlu centrs",
        title_en="Imaging centre",
        organisation=billed.issuer.organisation,
        issuer=billed.issuer,
    )
    actions.set_hours(unit, by=SYSTEM, hours=WEEKDAYS)
    microscope = resource(unit, "mikroskops", tariff=billed.tariff, **values)
    expert = resource(
        unit, "eksperte", kind_of="expert", title_lv="Eksperte", title_en="Expert", expert=billed.anna
    )
    project = actions.add_project(
        unit,
        by=SYSTEM,
        code="medus",
        title="Medus sastāvs",
        lead=billed.bruno,
        payer=billed.account,
        activity="service",
        starts=timezone.localdate() - timedelta(days=30),
    )
    return Scene(
        billed.eco,
        unit,
        microscope,
        expert,
        project,
        billed.account,
        billed.tariff,
        billed.anna,
        billed.bruno,
        billed.cilda,
    )


def resource(unit: Unit, code: str, **values: Any) -> Resource:
    named: dict[str, Any] = {"title_lv": f"Iekārta {code}", "title_en": f"Instrument {code}"}
    return actions.add_resource(unit, by=SYSTEM, code=code, **{**named, **values})


def booked(drawn: Scene, day: int, first: int, last: int, *resources: Resource, **values: Any) -> Booking:
    """Booked by Bruno: so many whole hours of a day, of the microscope if nothing else is named."""
    named: dict[str, Any] = {"by": drawn.bruno, "resources": resources or [drawn.microscope]}
    return actions.book(drawn.project, starts=at(day, first), ends=at(day, last), **{**named, **values})


def another(drawn: Scene, given: str) -> Account:
    """One more member of Bruno's project."""
    made = person(given)
    actions.put_member(drawn.project, by=SYSTEM, account=made)
    return made
