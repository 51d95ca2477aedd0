"""Verbs on who issues and who pays: issuers, customers and what shows their class, accounts, their users and shares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from talka.billing import queries, rules
from talka.billing.actions.keep import _keep
from talka.billing.models import (
    AccountShare,
    AccountUser,
    Addressed,
    Customer,
    Issuer,
    PayerAccount,
    Standing,
    StartUpProfile,
)
from talka.core.actions import Hub, Invalid, action
from talka.core.locking import check
from talka.domains.models import Ecosystem
from talka.parties.models import Account, registration_number


@action(needs=rules.may_found)
def add_issuer(ecosystem: Ecosystem, *, by: Any, **values: Any) -> Issuer:
    """Lets an institution set prices and issue invoices in its own number series."""
    return _keep(Issuer(ecosystem=ecosystem), _tidy(Issuer(), values))


@action(needs=rules.may_invoice | rules.may_found)
def edit_issuer(issuer: Issuer, *, by: Any, seen: int | None = None, **values: Any) -> Issuer:
    """Changes an issuer's details; invoices that were issued keep theirs. Its prefix stays once it gave numbers."""
    check(issuer, seen)
    if values.get("prefix", issuer.prefix) != issuer.prefix and issuer.invoices.exists():
        raise Invalid(
            _("Invoices carry the prefix “%(prefix)s” already, so it stays.") % {"prefix": issuer.prefix},
            field="prefix",
        )
    return _keep(issuer, _tidy(issuer, values))


@action(needs=rules.may_keep_customers)
def add_customer(hub: Hub, *, by: Any, **values: Any) -> Customer:
    """Notes whoever pays."""
    return _keep(Customer(), _tidy(Customer(), values))


@action(needs=rules.may_keep_customers)
def edit_customer(customer: Customer, *, by: Any, seen: int | None = None, **values: Any) -> Customer:
    """Changes a customer's details; invoices that were issued keep theirs."""
    check(customer, seen)
    return _keep(customer, _tidy(customer, values))


@action(needs=rules.may_keep_customers)
def set_standing(
    customer: Customer,
    *,
    by: Any,
    price_class: str,
    starts: date,
    ends: date | None = None,
    evidence: str = "",
) -> Standing:
    """Says to which class of prices a customer belongs from a day on, and what shows it. The earlier one ends."""
    earlier = customer.standings.filter(starts__lt=starts).order_by("-starts").first()
    if earlier is not None and (earlier.ends is None or earlier.ends >= starts):
        earlier.ends = date.fromordinal(starts.toordinal() - 1)
        earlier.save()
    row = customer.standings.filter(starts=starts).first() or Standing(customer=customer, starts=starts)
    return _keep(row, {"price_class": price_class, "ends": ends, "evidence": evidence})


@action(needs=rules.may_keep_customers)
def declare_start_up(customer: Customer, *, by: Any, **values: Any) -> StartUpProfile:
    """Keeps what a company declares to be priced as a start-up; it ends by itself when the company is too old."""
    row = StartUpProfile.objects.filter(customer=customer).first() or StartUpProfile(customer=customer)
    return _keep(row, values)


# ---------------------------------------------------------------- accounts


@action(needs=rules.may_keep_accounts)
def open_account(issuer: Issuer, *, by: Any, customer: Customer, **values: Any) -> PayerAccount:
    """Opens an account of a customer with an issuer, for a project, within dates and a cap."""
    return _keep(PayerAccount(issuer=issuer, customer=customer), values)


@action(needs=rules.may_keep_accounts)
def edit_account(account: PayerAccount, *, by: Any, seen: int | None = None, **values: Any) -> PayerAccount:
    """Changes an account: its dates, its cap, its references; closes it. Its customer stays once something was used."""
    check(account, seen)
    if values.get("customer", account.customer) != account.customer and account.charges.exists():
        raise Invalid(
            _("Uses stand on this account, so it stays with %(customer)s. Open another one.")
            % {"customer": account.customer},
            field="customer",
        )
    cap = values.get("cap", account.cap)
    used = queries.spent(account)
    if cap is not None and cap < used:
        raise Invalid(
            _("%(used)s EUR are used already; the cap cannot be below that.") % {"used": used}, field="cap"
        )
    return _keep(account, values)


@action(needs=rules.may_keep_accounts)
def share_account(account: PayerAccount, *, by: Any, shares: Mapping[PayerAccount, Decimal]) -> PayerAccount:
    """Says which accounts pay for the uses of this one, by weight; none: it pays by itself."""
    for other in shares:
        if other.issuer_id != account.issuer_id:
            raise Invalid(
                _("“%(account)s” is with another issuer; shares are within one.") % {"account": other},
                field="shares",
            )
        if other.shares.exists():
            raise Invalid(
                _("“%(account)s” is shared itself; name the accounts that pay.") % {"account": other},
                field="shares",
            )
    if shares and account.shares_in.exists():
        raise Invalid(_("This account pays a share of another one, so it cannot be shared itself."))
    for row in account.shares.all():
        row.delete()
    for other, weight in shares.items():
        _keep(AccountShare(account=account, pays=other), {"weight": weight})
    account.save(bump=True)
    return account


@action(needs=rules.may_let_use)
def let_use(
    account: PayerAccount, *, by: Any, user: Account, manages: bool = False, until: date | None = None
) -> AccountUser:
    """Lets somebody use an account, or manage it for the customer, until a day or for good."""
    row = account.users.filter(user=user).first() or AccountUser(account=account, user=user)
    return _keep(row, {"manages": manages, "until": until})


@action(needs=rules.may_let_use)
def stop_use(account: PayerAccount, *, by: Any, user: Account) -> None:
    """Takes somebody off an account."""
    for row in account.users.filter(user=user):
        row.delete()


def _tidy(row: Addressed, values: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers in one form; a Latvian registration number is checked by its check digit."""
    given = dict(values)
    country = str(given.get("country", row.country) or "LV").upper()
    if "country" in given:
        given["country"] = country
    if given.get("registration_number"):
        given["registration_number"] = registration_number(given["registration_number"], country)
    if given.get("vat_number"):
        number = re.sub(r"[\s.-]", "", given["vat_number"]).upper()
        if not re.fullmatch(r"[A-Z]{2}[0-9A-Z+*]{2,12}", number):
            raise Invalid(
                _("“%(number)s” is not a VAT number: it begins with the country, as in LV40003000000.")
                % {"number": given["vat_number"][:30]},
                field="vat_number",
            )
        given["vat_number"] = number
    if given.get("iban"):
        given["iban"] = _iban(given["iban"])
    return given


def _iban(text: str) -> str:
    """An IBAN without spaces, checked by its two digits (ISO 7064, MOD 97-10). Raises Invalid."""
    bare = re.sub(r"\s", "", text).upper()
    digits = "".join(str(int(each, 36)) for each in bare[4:] + bare[:4] if each.isalnum())
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}", bare) or int(digits) % 97 != 1:
        raise Invalid(
            _("“%(text)s” is not an IBAN: its check digits do not fit. Copy it from the bank.")
            % {"text": text[:40]},
            field="iban",
        )
    return bare
