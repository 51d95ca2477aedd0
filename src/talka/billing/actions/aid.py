"""Verbs on de minimis aid: who is one undertaking, what was granted, by us or by others, and the register.

Every grant, and every link that may join two undertakings, first takes hold of the rule that sets the ceiling: two at
once are checked one after the other, so that together they cannot pass it.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from talka.billing import queries, rules, sums
from talka.billing.actions.keep import _keep
from talka.billing.models import AidGrant, AidState, Customer, UndertakingLink
from talka.core import dated
from talka.core.actions import Invalid, action
from talka.parties.models import Organisation


@action(needs=rules.may_aid)
def link_undertakings(
    customer: Customer,
    *,
    by: Any,
    controlled: Customer,
    ground: str,
    starts: date,
    ends: date | None = None,
    evidence: str = "",
) -> UndertakingLink:
    """Notes that a customer controls another one: both are a single undertaking, and aid they had counts together."""
    dated.hold(queries.CEILING)
    return _keep(
        UndertakingLink(controlling=customer, controlled=controlled),
        {"ground": ground, "starts": starts, "ends": ends, "evidence": evidence},
    )


@action(needs=rules.may_aid)
def end_link(link: UndertakingLink, *, by: Any, ends: date) -> UndertakingLink:
    """Notes until when one customer controlled another."""
    dated.hold(queries.CEILING)
    return _keep(link, {"ends": ends})


@action(needs=rules.may_aid)
def grant_aid(
    customer: Customer,
    *,
    by: Any,
    grantor: Organisation,
    granted_on: date,
    amount: Decimal,
    purpose: str,
    source: str,
) -> AidGrant:
    """Grants de minimis aid that is no discount, a voucher for instance. Raises Invalid where it passes the ceiling.

    `source` says what it came from and stands once for a customer: granting it again changes nothing.
    """
    if amount <= 0:
        raise Invalid(_("Aid is above zero."), field="amount")
    granted = _adjust(
        AidGrant.objects.filter(customer=customer, source=source).first(),
        customer,
        grantor,
        amount=amount,
        on=granted_on,
        purpose=purpose,
        source=source,
    )
    assert granted is not None  # only a sum of zero makes no grant
    return granted


@action(needs=rules.may_aid)
def declare_aid(
    customer: Customer,
    *,
    by: Any,
    grantor_name: str,
    granted_on: date,
    amount: Decimal,
    purpose: str,
    source: str,
) -> AidGrant:
    """Notes aid that others granted, as the customer declares or a register shows. It counts, even over the ceiling."""
    dated.hold(queries.CEILING)
    row = AidGrant.objects.filter(customer=customer, source=source).first() or AidGrant(customer=customer)
    return _keep(
        row,
        {
            "grantor_name": grantor_name,
            "granted_on": granted_on,
            "amount": sums.cents(amount),
            "purpose": purpose,
            "source": source,
            "declared": True,
            "rule": dated.rule(queries.CEILING, granted_on),
        },
    )


@action(needs=rules.may_aid)
def revoke_aid(grant: AidGrant, *, by: Any, reason: str) -> AidGrant:
    """Takes a grant back, with the reason; it no longer counts."""
    if not reason:
        raise Invalid(_("Say why the aid is taken back."), field="reason")
    if grant.charges.exclude(state="cancelled").exists():
        raise Invalid(_("This aid is the discount of a use; cancel or settle its charge."))
    dated.hold(queries.CEILING)
    return _keep(grant, {"state": AidState.REVOKED, "purpose": f"{grant.purpose} ({reason})"[:300]})


@action(needs=rules.may_aid)
def register_aid(grant: AidGrant, *, by: Any, on: date, reference: str) -> AidGrant:
    """Notes that a grant was entered in the national aid register, and under what reference."""
    return _keep(grant, {"registered_on": on, "register_reference": reference})


def _adjust(
    grant: AidGrant | None,
    customer: Customer,
    grantor: Organisation | None,
    *,
    amount: Decimal,
    on: date,
    purpose: str,
    source: str,
) -> AidGrant | None:
    """Makes a grant be of this sum: a new one, a changed one, revoked at zero. Raises Invalid above the ceiling.

    A grant that exists keeps the day on which it was granted.
    """
    amount = sums.cents(amount)
    if grant is None and amount:
        grant = AidGrant.objects.filter(customer=customer, source=source).first()
    if grant is None and not amount:
        return None
    if grant is not None and grant.amount == amount and grant.state == AidState.GRANTED:
        return grant
    dated.hold(queries.CEILING)
    if grant is not None and not amount:
        grant.state = AidState.REVOKED
        grant.save()
        return None
    day = grant.granted_on if grant is not None and grant.state == AidState.GRANTED else on
    passed = queries.passes_ceiling(customer, day, amount, but=grant.pk if grant else None)
    if passed is not None:
        last, whole, rule = passed
        raise Invalid(
            _(
                "With %(amount)s EUR of de minimis aid the undertaking of “%(customer)s” would have"
                " %(whole)s EUR in the three years until %(last)s; the ceiling is %(ceiling)s EUR (%(rule)s)."
                " It may pay the full price."
            )
            % {
                "amount": amount,
                "customer": customer,
                "whole": whole,
                "last": last,
                "ceiling": sums.cents(rule.value),
                "rule": rule,
            },
            field="aid",
        )
    row = grant or AidGrant(customer=customer, source=source)
    row.grantor, row.granted_on, row.amount, row.purpose = grantor, day, amount, purpose[:300]
    row.state, row.rule = AidState.GRANTED, dated.rule(queries.CEILING, day)
    row.save()
    return row
