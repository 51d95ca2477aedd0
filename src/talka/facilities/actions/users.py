"""Verbs on users: projects and their members, terms, qualifications, certificates."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from talka.core import locking
from talka.core.actions import Invalid, action
from talka.facilities import rules
from talka.facilities.actions.keep import _keep
from talka.facilities.models import (
    Certificate,
    ProjectMember,
    Qualification,
    Resource,
    Terms,
    TermsAcceptance,
    Unit,
    UserProject,
)
from talka.parties.models import Account


@action(needs=rules.may_open_projects)
def add_project(unit: Unit, *, by: Any, **values: Any) -> UserProject:
    """Opens a project of a user at a unit: who leads it, who pays, on which terms its results are kept."""
    return _keep(UserProject(unit=unit), _payable(unit, values))


@action(needs=rules.may_open_projects)
def edit_project(project: UserProject, *, by: Any, seen: int | None = None, **values: Any) -> UserProject:
    """Changes a project. What is booked already keeps the terms of its day."""
    locking.check(project, seen)
    return _keep(project, _payable(project.unit, values), bump=True)


@action(needs=rules.may_keep_members)
def put_member(
    project: UserProject, *, by: Any, account: Account, until: date | None = None
) -> ProjectMember:
    """Lets somebody book for a project, until a day."""
    row = ProjectMember.objects.filter(project=project, account=account).first()
    return _keep(row or ProjectMember(project=project, account=account), {"until": until})


@action(needs=rules.may_keep_members)
def remove_member(project: UserProject, *, by: Any, account: Account) -> None:
    """Lets somebody book no more; what is booked stays."""
    for row in ProjectMember.objects.filter(project=project, account=account):
        row.delete()


@action(needs=rules.may_keep)
def publish_terms(unit: Unit, *, by: Any, since: date, **texts: Any) -> Terms:
    """Sets new terms of use, in force from a day; whoever books from then on accepts them first."""
    last = Terms.objects.filter(unit=unit).aggregate(Max("number"), Max("since"))
    if last["since__max"] is not None and since <= last["since__max"]:
        message = _("The terms before are in force from %(day)s; new ones begin later.")
        raise Invalid(message % {"day": last["since__max"].isoformat()}, field="since")
    return _keep(Terms(unit=unit), {"number": (last["number__max"] or 0) + 1, "since": since, **texts})


@action(needs=rules.may_accept_terms)
def accept_terms(account: Account, *, by: Any, terms: Terms) -> TermsAcceptance:
    """Accepts a version of a unit's terms; a second time changes nothing."""
    known = TermsAcceptance.objects.filter(terms=terms, account=account).first()
    if known is not None:
        return known
    row = TermsAcceptance(terms=terms, account=account, accepted_at=timezone.now())
    row.save()
    return row


@action(needs=rules.may_run)
def qualify(
    resource: Resource,
    *,
    by: Any,
    account: Account,
    starts: date | None = None,
    ends: date | None = None,
    trained_by: str = "",
) -> Qualification:
    """Says that somebody may use an instrument alone."""
    day = starts or timezone.localdate()
    row = Qualification.objects.filter(resource=resource, account=account, starts=day).first()
    values = {"starts": day, "ends": ends, "trained_by": trained_by or str(by)}
    return _keep(row or Qualification(resource=resource, account=account), values)


@action(needs=rules.may_run)
def end_qualification(qualification: Qualification, *, by: Any, ends: date | None = None) -> Qualification:
    """Ends a qualification on a day, today if none is given."""
    return _keep(qualification, {"ends": ends or timezone.localdate()})


@action(needs=rules.may_run)
def add_certificate(unit: Unit, *, by: Any, account: Account, **values: Any) -> Certificate:
    """Records a safety certificate that somebody showed at a unit; it counts at every unit."""
    return _keep(Certificate(account=account), values)


def _payable(unit: Unit, values: dict[str, Any]) -> dict[str, Any]:
    payer = values.get("payer")
    if payer is not None and payer.issuer_id != unit.issuer_id:
        message = _(
            "The account is one with another institution: this unit's invoices are issued by %(issuer)s."
        )
        raise Invalid(message % {"issuer": unit.issuer or "–"}, field="payer")
    return values
