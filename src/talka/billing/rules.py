"""Who may set prices, issue invoices and grant aid: people of the institution that does so, in the role that does so.

Institutions compete with each other and with their customers: what one of them charged whom is no business of another,
and no coordinator's either. A customer sees its own accounts and invoices.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from talka.billing.models import (
    AccountUser,
    Charge,
    Credit,
    Customer,
    Invoice,
    Issuer,
    PayerAccount,
    Payment,
    Tariff,
    TariffVersion,
)
from talka.core.rules import Fact, fact, is_system, permission

prices = permission("billing.price", _("Set prices and charge uses, for the institutions one works in"))
invoices = permission(
    "billing.invoice", _("Issue invoices, take payments and close months, for the institutions one works in")
)
aids = permission("billing.aid", _("Grant and record de minimis aid, and say who is a single undertaking"))
founds = permission("billing.administer", _("Let an institution issue invoices; keep its details"))


def issuer_of(subject: Any) -> Issuer | None:
    """The issuer that a row of this room belongs to; None for what belongs to none."""
    match subject:
        case Issuer():
            return subject
        case PayerAccount() | Tariff() | Invoice():
            return subject.issuer
        case TariffVersion():
            return subject.tariff.issuer
        case Charge() | Credit():
            return subject.account.issuer
        case Payment():
            return subject.invoice.issuer
    return getattr(subject, "issuer", None)


@fact
def works_for_the_issuer(by: Any, subject: Any) -> bool:
    """The actor works in the institution that issues."""
    issuer = issuer_of(subject)
    return issuer is not None and issuer.organisation_id in _institutions(by)


def _institutions(by: Any) -> frozenset[int]:
    """Where the actor works; the house itself and programs work nowhere."""
    found: frozenset[int] = by.organisation_ids() if hasattr(by, "organisation_ids") else frozenset()
    return found


@fact
def uses_the_account(by: Any, subject: Any) -> bool:
    """The account is open to the actor, who may let uses go on it."""
    account = subject if isinstance(subject, PayerAccount) else getattr(subject, "account", None)
    return isinstance(account, PayerAccount) and _open_to(account, by)


@fact
def manages_the_account(by: Any, subject: Any) -> bool:
    """The actor manages the account for the customer."""
    return isinstance(subject, PayerAccount) and _open_to(subject, by, manages=True)


def _open_to(account: PayerAccount, by: Any, **more: Any) -> bool:
    today = timezone.localdate()
    users = AccountUser.objects.filter(account=account, user_id=by.pk, **more)
    return by.pk is not None and any(each.until is None or each.until >= today for each in users)


@fact
def is_the_customer(by: Any, subject: Any) -> bool:
    """The actor is the customer, or works for it."""
    customer = subject if isinstance(subject, Customer) else getattr(subject, "customer", None)
    if customer is None and getattr(subject, "account", None) is not None:
        customer = subject.account.customer
    if customer is None:
        return False
    person = getattr(by, "person_id", None)
    return customer.organisation_id in _institutions(by) or (
        person is not None and customer.person_id == person
    )


def _somewhere(code: str) -> Fact:
    """The permission in any ecosystem: customers and undertakings belong to none."""
    return Fact(
        lambda by, subject: any(
            by.may(code, grant.ecosystem_id) for grant in getattr(by, "grant_list", list)()
        ),
        f"holds {code} somewhere",
        frozenset([code]),
    )


may_found = founds | is_system
may_price = (prices & works_for_the_issuer) | is_system
may_invoice = (invoices & works_for_the_issuer) | is_system
may_keep_accounts = may_price | may_invoice
may_charge = may_keep_accounts | uses_the_account
may_let_use = may_keep_accounts | manages_the_account
may_keep_customers = _somewhere("billing.price") | _somewhere("billing.invoice") | is_system
may_aid = _somewhere("billing.aid") | is_system
may_see = may_keep_accounts | is_the_customer | uses_the_account
may_see_aid = may_aid | is_the_customer
may_edit = may_keep_customers  # what the sheets over the whole hub ask
