"""Who may run a unit, book there, and see what is booked.

A booking tells a competitor much. Its user, its project and the people of the unit see it; everybody else sees "busy".
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from talka.core.rules import fact, is_system, permission
from talka.facilities.models import (
    Booking,
    Correction,
    ProjectMember,
    Resource,
    Slot,
    TermsAcceptance,
    Unit,
    UnitPart,
    UnitPerson,
    Use,
    UserProject,
    WishedResource,
)

edits = permission("facilities.edit", _("Add core facilities of one's institutions and say who runs them"))


def unit_of(subject: Any) -> Unit | None:
    """The unit that a row of this room belongs to."""
    if isinstance(subject, Unit):
        return subject
    if isinstance(subject, Resource | UserProject | Booking):
        return subject.unit
    resource = getattr(subject, "resource", None)
    match subject:
        case Correction():
            return subject.use.booking.unit
        case Use() | Slot():
            return subject.booking.unit
        case ProjectMember():
            return subject.project.unit
        case WishedResource():
            return subject.wish.unit
        case TermsAcceptance():
            return subject.terms.unit
    return getattr(subject, "unit", None) or (resource.unit if resource is not None else None)


def _project_of(subject: Any) -> UserProject | None:
    """The project that a row belongs to, itself or through its booking."""
    if isinstance(subject, UserProject):
        return subject
    found: UserProject | None = getattr(getattr(subject, "booking", None) or subject, "project", None)
    return found


def parts_in(by: Any, unit: Unit | None) -> frozenset[str]:
    """What somebody is in a unit, today."""
    if unit is None or unit.pk is None or getattr(by, "pk", None) is None:
        return frozenset()
    known: dict[int, frozenset[str]] = by.__dict__.setdefault("_facility_parts", {})
    if unit.pk not in known:
        today = timezone.localdate()
        rows = UnitPerson.objects.filter(unit=unit, account_id=by.pk)
        known[unit.pk] = frozenset(row.part for row in rows if row.until is None or row.until >= today)
    return known[unit.pk]


@fact
def works_in_its_institution(by: Any, subject: Any) -> bool:
    """The actor works in the institution that the unit is part of."""
    organisation = getattr(subject, "organisation_id", None) or getattr(
        unit_of(subject), "organisation_id", None
    )
    mine: frozenset[int] = by.organisation_ids() if hasattr(by, "organisation_ids") else frozenset()
    return organisation in mine


@fact
def manages(by: Any, subject: Any) -> bool:
    """The actor is a manager of the unit."""
    return UnitPart.MANAGER in parts_in(by, unit_of(subject))


@fact
def runs(by: Any, subject: Any) -> bool:
    """The actor is a manager or operator of the unit."""
    return bool(parts_in(by, unit_of(subject)))


@fact
def leads_the_project(by: Any, subject: Any) -> bool:
    """The actor leads the project that is to be used for."""
    project = _project_of(subject)
    return project is not None and by.pk is not None and project.lead_id == by.pk


@fact
def works_on_the_project(by: Any, subject: Any) -> bool:
    """The actor leads the project or is a member of it, today."""
    project = _project_of(subject)
    if project is None or by.pk is None:
        return False
    if project.lead_id == by.pk:
        return True
    today = timezone.localdate()
    rows = ProjectMember.objects.filter(project=project, account_id=by.pk)
    return any(row.until is None or row.until >= today for row in rows)


@fact
def is_the_user(by: Any, subject: Any) -> bool:
    """The booking is the actor's own."""
    booked = getattr(subject, "booking", None) or subject
    return by.pk is not None and getattr(booked, "account_id", None) == by.pk


@fact
def uses_the_unit(by: Any, subject: Any) -> bool:
    """The actor leads a project at the unit or is a member of one, today."""
    unit = unit_of(subject)
    if unit is None or by.pk is None:
        return False
    today = timezone.localdate()
    members = ProjectMember.objects.filter(project__unit=unit, account_id=by.pk)
    return UserProject.objects.filter(unit=unit, lead_id=by.pk).exists() or any(
        row.until is None or row.until >= today for row in members
    )


@fact
def is_the_actor(by: Any, subject: Any) -> bool:
    """The subject is the actor's own account."""
    return by.pk is not None and by == subject


# Whoever founds the units of an institution can stand in for the people who run them.
stands_in = edits & works_in_its_institution

may_found = edits | is_system
may_edit = may_found  # what the sheets ask
may_keep = manages | edits | is_system
may_run = runs | stands_in | is_system
may_open_projects = may_run
may_keep_members = may_run | leads_the_project
may_book = may_run | works_on_the_project
may_change = may_run | is_the_user | leads_the_project
may_see = may_run | is_the_user | works_on_the_project
may_report = may_run | uses_the_unit
may_accept_terms = is_the_actor | (stands_in & is_the_actor) | is_system
