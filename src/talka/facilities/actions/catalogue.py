"""Verbs on the catalogue: units with their people and hours, what can be booked there, when it cannot be used."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime, time
from typing import Any

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from talka.core import locking
from talka.core.actions import Invalid, action
from talka.core.bilingual import both
from talka.core.search import searchable
from talka.domains.models import Ecosystem
from talka.facilities import rules
from talka.facilities.actions.bookings import decline_booking
from talka.facilities.actions.keep import _keep
from talka.facilities.models import (
    LIVE,
    Booking,
    Closure,
    Method,
    Mode,
    OpeningHours,
    Resource,
    ResourceMethod,
    ResourceState,
    Unit,
    UnitPart,
    UnitPerson,
)
from talka.parties.models import Account

searchable(
    Unit,
    title=lambda row: both(row, "title"),
    summary=lambda row: both(row, "summary"),
    words=lambda row: f"{row.code} {row.organisation}",
    public=lambda row: not row.withdrawn,
)
searchable(
    Resource,
    title=lambda row: both(row, "title"),
    summary=lambda row: both(row, "summary"),
    words=lambda row: f"{row.code} {row.maker} {row.model_name} {row.pid} {row.unit.title_lv}",
    public=lambda row: row.state != ResourceState.WITHDRAWN and not row.unit.withdrawn,
)


# ---------------------------------------------------------------- units


@action(needs=rules.may_found)
def add_unit(ecosystem: Ecosystem, *, by: Any, manager: Account | None = None, **values: Any) -> Unit:
    """Founds a unit of an institution, with whoever runs it first."""
    values.setdefault("order", _last(Unit.objects.filter(ecosystem=ecosystem)) + 1)
    unit = _keep(Unit(ecosystem=ecosystem), values)
    if manager is not None:
        UnitPerson(unit=unit, account=manager, part=UnitPart.MANAGER).save()
    return unit


@action(needs=rules.may_keep)
def edit_unit(unit: Unit, *, by: Any, seen: int | None = None, **values: Any) -> Unit:
    """Changes a unit. One with bookings ahead is not withdrawn before they are declined or moved."""
    locking.check(unit, seen)
    if values.get("withdrawn") and not unit.withdrawn:
        ahead = Booking.objects.filter(unit=unit, state__in=LIVE, ends__gt=timezone.now()).count()
        if ahead:
            raise Invalid(_still_booked(unit, ahead), field="withdrawn")
    return _keep(unit, values, bump=True)


@action(needs=rules.may_keep)
def put_person(
    unit: Unit, *, by: Any, account: Account, part: str = UnitPart.OPERATOR, until: Any = None
) -> UnitPerson:
    """Says what somebody is in a unit, and until when."""
    row = UnitPerson.objects.filter(unit=unit, account=account).first() or UnitPerson(
        unit=unit, account=account
    )
    return _keep(row, {"part": part, "until": until})


@action(needs=rules.may_keep)
def remove_person(unit: Unit, *, by: Any, account: Account) -> None:
    """Ends somebody's part in a unit; the last manager stays."""
    people = list(UnitPerson.objects.filter(unit=unit))
    managers = [row for row in people if row.part == UnitPart.MANAGER]
    for row in people:
        if row.account_id == account.pk:
            if managers == [row]:
                raise Invalid(
                    _("Somebody has to manage the unit: name another manager first."), field="account"
                )
            row.delete()


@action(needs=rules.may_keep)
def set_hours(
    unit: Unit, *, by: Any, hours: Iterable[tuple[int, time, time]], resource: Resource | None = None
) -> Unit:
    """Sets the opening hours of a unit, or of one resource, as a whole: (day of the week, opens, closes).

    Bookings outside the new hours stay; whoever runs the unit moves or declines them.
    """
    wanted = sorted(set(hours))
    _same_unit(unit, [resource] if resource else [])
    for day in range(1, 8):
        of_day = sorted(
            (opens, time.max if closes == time(0) else closes)
            for weekday, opens, closes in wanted
            if weekday == day
        )
        for (_opens, closes), (opens, _closes) in itertools.pairwise(of_day):
            if opens < closes:
                raise Invalid(_("Opening hours of one day overlap: %(day)d.") % {"day": day}, field="hours")
    for row in OpeningHours.objects.filter(unit=unit, resource=resource):
        row.delete()
    for weekday, opens, closes in wanted:
        values = {"weekday": weekday, "opens": opens, "closes": closes}
        _keep(OpeningHours(unit=unit, resource=resource), values)
    unit.save(bump=True)
    return unit


# ---------------------------------------------------------------- what can be booked


@action(needs=rules.may_keep)
def add_resource(unit: Unit, *, by: Any, methods: Sequence[Method] | None = None, **values: Any) -> Resource:
    """Adds an instrument, room, accessory or expert to a unit."""
    values.setdefault("order", _last(Resource.objects.filter(unit=unit)) + 1)
    resource = _keep(Resource(unit=unit), _checked(unit, None, values))
    _serve(resource, methods)
    return resource


@action(needs=rules.may_keep)
def edit_resource(
    resource: Resource,
    *,
    by: Any,
    seen: int | None = None,
    methods: Sequence[Method] | None = None,
    **values: Any,
) -> Resource:
    """Changes a resource; the rules hold for bookings made from now on. `withdraw_resource` withdraws it."""
    locking.check(resource, seen)
    if values.get("state") == ResourceState.WITHDRAWN and resource.state != ResourceState.WITHDRAWN:
        ahead = _ahead(resource).count()
        if ahead:
            raise Invalid(_still_booked(resource, ahead), field="state")
    _keep(resource, _checked(resource.unit, resource, values), bump=True)
    _serve(resource, methods)
    return resource


@action(needs=rules.may_keep)
def withdraw_resource(resource: Resource, *, by: Any, reason: str, decline: bool = False) -> Resource:
    """Withdraws a resource for good. Bookings ahead are declined with the reason if `decline`, else it is refused."""
    if not reason.strip():
        raise Invalid(_("Say why; whoever has booked it will read it."), field="reason")
    ahead = list(_ahead(resource).select_related("unit"))
    if ahead and not decline:
        raise Invalid(_still_booked(resource, len(ahead)), field="decline")
    for booking in ahead:
        decline_booking(booking, by=by, reason=reason)
    resource.state = ResourceState.WITHDRAWN
    resource.save()
    return resource


@action(needs=rules.may_keep)
def add_mode(resource: Resource, *, by: Any, **values: Any) -> Mode:
    """Adds a way to use an instrument."""
    return _keep(Mode(resource=resource), values)


@action(needs=rules.may_found)
def add_method(ecosystem: Ecosystem, *, by: Any, **values: Any) -> Method:
    """Adds a method to the words of the catalogue."""
    return _keep(Method(ecosystem=ecosystem), values)


@action(needs=rules.may_found)
def edit_method(method: Method, *, by: Any, seen: int | None = None, **values: Any) -> Method:
    """Changes the words of a method."""
    locking.check(method, seen)
    return _keep(method, values, bump=True)


# ---------------------------------------------------------------- when it cannot be used


@action(needs=rules.may_run)
def add_closure(
    unit: Unit, *, by: Any, starts: datetime, ends: datetime, resource: Resource | None = None, **values: Any
) -> Closure:
    """Closes a unit, or one resource, for a time. Bookings in it stay until whoever runs the unit moves or declines

    them (`queries.free.overlapping` names them).
    """
    _same_unit(unit, [resource] if resource else [])
    return _keep(Closure(unit=unit), {"starts": starts, "ends": ends, "resource": resource, **values})


@action(needs=rules.may_run)
def remove_closure(closure: Closure, *, by: Any) -> None:
    """Opens again what was closed."""
    closure.delete()


# ---------------------------------------------------------------- helpers


def _last(rows: Any) -> int:
    return rows.aggregate(Max("order"))["order__max"] or 0


def _checked(unit: Unit, resource: Resource | None, values: dict[str, Any]) -> dict[str, Any]:
    """A part belongs to something of the same unit, and to nothing that is part of it."""
    parent = values.get("parent")
    _same_unit(unit, [parent] if parent else [])
    above, seen = parent, set()
    while above is not None and above.pk not in seen:
        if resource is not None and above.pk == resource.pk:
            message = _("%(what)s cannot be a part of its own part.") % {"what": resource}
            raise Invalid(message, field="parent")
        seen.add(above.pk)
        above = above.parent
    tariff = values.get("tariff")
    if tariff is not None and tariff.issuer_id != unit.issuer_id:
        message = _("The price is one of another institution: this unit's invoices are issued by %(issuer)s.")
        raise Invalid(message % {"issuer": unit.issuer or "–"}, field="tariff")
    return values


def _same_unit(unit: Unit, resources: Iterable[Resource]) -> None:
    for each in resources:
        if each.unit_id != unit.pk:
            message = _("%(what)s belongs to another unit, %(unit)s.") % {"what": each, "unit": each.unit}
            raise Invalid(message, field="resource")


def _serve(resource: Resource, methods: Sequence[Method] | None) -> None:
    if methods is None:
        return
    wanted = {method.pk: method for method in methods}
    for link in ResourceMethod.objects.filter(resource=resource):
        if wanted.pop(link.method_id, None) is None:
            link.delete()
    for method in wanted.values():
        ResourceMethod(resource=resource, method=method).save()


def _ahead(resource: Resource) -> Any:
    return Booking.objects.filter(
        slots__resource=resource, slots__live=True, ends__gt=timezone.now()
    ).distinct()


def _still_booked(what: Any, ahead: int) -> str:
    message = ngettext(
        "%(what)s has %(ahead)d booking ahead: move or decline it first.",
        "%(what)s has %(ahead)d bookings ahead: move or decline them first.",
        ahead,
    )
    return message % {"what": what, "ahead": ahead}
