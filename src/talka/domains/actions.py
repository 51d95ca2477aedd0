"""Verbs: found and change domains, missions, policies and ecosystems; set the shares of a thing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from talka.core.actions import Hub, Invalid, action
from talka.core.models import Noun
from talka.domains import rules
from talka.domains.models import Domain, Ecosystem, Mission, Policy, Share


@action(needs=rules.may_edit)
def add_domain(hub: Hub, *, by: Any, **values: Any) -> Domain:
    """Founds a RIS3 domain."""
    return _save(Domain(**values))


@action(needs=rules.may_edit)
def edit_domain(domain: Domain, *, by: Any, **values: Any) -> Domain:
    """Changes a domain's columns."""
    return _save(domain, values)


@action(needs=rules.may_edit)
def add_mission(hub: Hub, *, by: Any, **values: Any) -> Mission:
    """Founds a cross-cutting mission."""
    return _save(Mission(**values))


@action(needs=rules.may_edit)
def edit_mission(mission: Mission, *, by: Any, **values: Any) -> Mission:
    """Changes a mission's columns."""
    return _save(mission, values)


@action(needs=rules.may_edit)
def add_policy(hub: Hub, *, by: Any, **values: Any) -> Policy:
    """Founds a policy above the ecosystems' strategies."""
    return _save(Policy(**values))


@action(needs=rules.may_edit)
def edit_policy(policy: Policy, *, by: Any, **values: Any) -> Policy:
    """Changes a policy's columns."""
    return _save(policy, values)


@action(needs=rules.may_edit)
def add_ecosystem(hub: Hub, *, by: Any, **values: Any) -> Ecosystem:
    """Founds an ecosystem."""
    return _save(Ecosystem(**values))


@action(needs=rules.may_edit)
def edit_ecosystem(ecosystem: Ecosystem, *, by: Any, **values: Any) -> Ecosystem:
    """Changes an ecosystem's columns."""
    return _save(ecosystem, values)


@action(needs=rules.may_share)
def set_shares(subject: Noun, *, by: Any, shares: Mapping[Domain | Mission, Decimal]) -> list[Share]:
    """Sets all shares of a thing at once; they must sum to 1. Empty: whole to the ecosystem's own domain."""
    total = sum(shares.values(), Decimal(0))
    if shares and total != 1:
        raise Invalid(_("The shares sum to %(total)s; they must sum to 1.") % {"total": total.normalize()}, field="shares")
    for share in Share.objects.filter(about_kind=subject.kind(), about_id=subject.pk):
        share.delete()
    made = []
    for thing, weight in shares.items():
        share = Share(
            about_kind=subject.kind(),
            about_id=subject.pk,
            ecosystem_id=subject.ecosystem_id,  # type: ignore[attr-defined]  # what has shares lives in an ecosystem
            domain=thing if isinstance(thing, Domain) else None,
            mission=thing if isinstance(thing, Mission) else None,
            weight=weight,
        )
        share.save()
        made.append(share)
    return made


def _save(row: Any, values: Mapping[str, Any] | None = None) -> Any:
    for name, value in (values or {}).items():
        setattr(row, name, value)
    row.save()
    return row
