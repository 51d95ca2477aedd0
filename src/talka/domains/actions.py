"""Verbs: found and change domains, missions, policies and ecosystems; set the shares of a thing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _
from django.utils.translation import override

from talka.core.actions import Hub, Invalid, action
from talka.core.bilingual import both
from talka.core.locking import check
from talka.core.models import DatedRule, Noun
from talka.core.search import searchable
from talka.domains import rules
from talka.domains.models import Domain, Ecosystem, Mission, Policy, Share


@action(needs=rules.may_edit)
def add_domain(hub: Hub, *, by: Any, **values: Any) -> Domain:
    """Founds a RIS3 domain."""
    return _save(Domain(), values)


@action(needs=rules.may_edit)
def edit_domain(domain: Domain, *, by: Any, seen: int | None = None, **values: Any) -> Domain:
    """Changes a domain's columns."""
    check(domain, seen)
    return _save(domain, values)


@action(needs=rules.may_edit)
def add_mission(hub: Hub, *, by: Any, **values: Any) -> Mission:
    """Founds a cross-cutting mission."""
    return _save(Mission(), values)


@action(needs=rules.may_edit)
def edit_mission(mission: Mission, *, by: Any, seen: int | None = None, **values: Any) -> Mission:
    """Changes a mission's columns."""
    check(mission, seen)
    return _save(mission, values)


@action(needs=rules.may_edit)
def add_policy(hub: Hub, *, by: Any, **values: Any) -> Policy:
    """Founds a policy above the ecosystems' strategies."""
    return _save(Policy(), values)


@action(needs=rules.may_edit)
def edit_policy(policy: Policy, *, by: Any, seen: int | None = None, **values: Any) -> Policy:
    """Changes a policy's columns."""
    check(policy, seen)
    return _save(policy, values)


@action(needs=rules.may_edit)
def add_rule(hub: Hub, *, by: Any, **values: Any) -> DatedRule:
    """Notes a limit that a law sets, from the day it is in force."""
    return _save(DatedRule(), values)


@action(needs=rules.may_edit)
def edit_rule(rule: DatedRule, *, by: Any, seen: int | None = None, **values: Any) -> DatedRule:
    """Changes what is known of a limit. What was decided by it keeps the decision; a new law is a new row."""
    check(rule, seen)
    return _save(rule, values)


@action(needs=rules.may_edit)
def add_ecosystem(hub: Hub, *, by: Any, **values: Any) -> Ecosystem:
    """Founds an ecosystem. Its code is the first word of its addresses, so it cannot be one that the house uses."""
    _refuse_taken_address(str(values.get("code", "")))
    return _save(Ecosystem(), values)


@action(needs=rules.may_edit)
def edit_ecosystem(ecosystem: Ecosystem, *, by: Any, seen: int | None = None, **values: Any) -> Ecosystem:
    """Changes an ecosystem's columns. Its code stays: people have kept the addresses."""
    check(ecosystem, seen)
    if values.get("code", ecosystem.code) != ecosystem.code:
        raise Invalid(
            _("The code of an ecosystem stands in addresses that people have kept; it stays."), field="code"
        )
    return _save(ecosystem, values)


@action(needs=rules.may_share)
def set_shares(subject: Noun, *, by: Any, shares: Mapping[Domain | Mission, Decimal]) -> list[Share]:
    """Sets all shares of a thing at once; they must sum to 1. Empty: whole to the ecosystem's own domain."""
    total = sum(shares.values(), Decimal(0))
    if any(weight <= 0 or weight != round(weight, 6) for weight in shares.values()):
        raise Invalid(
            _("Each share is above 0 and has at most six decimals; leave out what has none."), field="shares"
        )
    if shares and total != 1:
        raise Invalid(
            _("The shares sum to %(total)s; they must sum to 1.") % {"total": f"{total.normalize():f}"},
            field="shares",
        )
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


def _refuse_taken_address(code: str) -> None:
    """Raises Invalid if the address "/lv/<code>/" already leads elsewhere."""
    try:
        with override("lv"):
            found = resolve(f"/lv/{code}/").url_name
    except Resolver404:
        return
    if found != "overview":
        raise Invalid(
            _("“%(code)s” is an address of the house; choose another code.") % {"code": code}, field="code"
        )


N = TypeVar("N", Domain, Mission, Policy, Ecosystem, DatedRule)


def _save(row: N, values: Mapping[str, Any]) -> N:
    """Sets columns and saves, or says which column is wrong and what would be right."""
    for name, value in values.items():
        column: Any = row._meta.get_field(name)
        setattr(row, name, column.get_default() if value is None and not column.null else value)
    try:
        row.full_clean()
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        if name == "code" and type(row).objects.filter(code=row.code).exclude(pk=row.pk).exists():
            holder = type(row).objects.get(code=row.code)
            said = _("“%(code)s” is already the code of “%(title)s”; choose another.")
            raise Invalid(said % {"code": row.code, "title": holder}, field="code") from None
        refused: Any = None if name == "__all__" else row._meta.get_field(name)
        label = f"{refused.verbose_name}: " if refused else ""
        raise Invalid(f"{label}{' '.join(messages)}", field=None if name == "__all__" else name) from None
    row.save()
    return row


searchable(
    Ecosystem,
    title=lambda row: both(row, "title"),
    summary=lambda row: both(row, "summary"),
    words=lambda row: f"{row.code} {row.short_lv} {row.short_en}",
)
