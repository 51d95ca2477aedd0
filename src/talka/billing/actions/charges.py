"""Verbs on uses: charge one as an estimate, settle it as it was used, cancel it; prepaid sums, packages, credits.

Upper rooms call these inside their own verbs. A use is known by its `key` ("facilities.booking/17/use"): charging it
again changes nothing, and all of it, over every account that shares it, is settled and cancelled together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from talka.billing import queries, rules, sums
from talka.billing.actions.aid import _adjust
from talka.billing.actions.keep import _keep, _open_month
from talka.billing.models import (
    Activity,
    Charge,
    ChargeLine,
    ChargeState,
    Credit,
    CreditKind,
    InvoiceLine,
    PayerAccount,
    Tariff,
    Unit,
)
from talka.core import bulk
from talka.core.actions import Invalid, action
from talka.core.locking import hold


@action(needs=rules.may_charge)
def charge(
    account: PayerAccount,
    *,
    by: Any,
    tariff: Tariff,
    activity: str,
    key: str,
    day: date,
    quantities: Mapping[str, Decimal],
    what_lv: str = "",
    what_en: str = "",
    terms: str = "",
    final: bool = False,
    ordered_on: date | None = None,
) -> list[Charge]:
    """Charges a use on an account, or on each account of its shares: as an estimate, or `final` at once.

    `quantities` by band of time, as `queries.by_band` gives them; {"": n} where time does not matter. Prices are those
    of `day`, frozen from now on; `terms` too. `ordered_on` (today) is the day on which aid in it counts as granted.
    With a key that is charged already, nothing happens. Raises Invalid: no price, cap, closed month or account, or aid
    over the ceiling.
    """
    hold(account)
    known = _live(account, key)
    if known:
        return known
    quotes = queries.quotes(account, tariff, activity=_activity(activity), day=day, quantities=quantities)
    _check(account, quotes, day, key)
    named = {"what_lv": what_lv or tariff.title_lv, "what_en": what_en or tariff.title_en}
    state = ChargeState.FINAL if final else ChargeState.ESTIMATED
    made = []
    for quote in quotes:
        row = Charge.objects.filter(account=quote.account, key=key).first()  # one that was cancelled, if any
        row = row or Charge(account=quote.account, key=key)
        row.shared_from = account if quote.account.pk != account.pk else None
        row.day, row.terms, row.state, row.reason = day, terms, state, ""
        row.what_lv, row.what_en = named["what_lv"], named["what_en"]
        row.estimated = None if final else quote.pays
        made.append(_put(row, quote, ordered_on or queries.today()))
    return made


@action(needs=rules.may_keep_accounts)
def settle_charges(
    account: PayerAccount, *, by: Any, key: str, quantities: Mapping[str, Decimal], reason: str = ""
) -> list[Charge]:
    """Makes the charges of a use final with what was really used, at the prices that were frozen.

    Where that comes to another sum than the estimate, `reason` says why. Final ones may be settled again until they
    are invoiced.
    """
    hold(account)
    known = _live(account, key)
    if not known:
        raise Invalid(_("Nothing is charged for “%(key)s” on this account.") % {"key": key})
    _not_invoiced(known)
    first = known[0]
    if first.version is None:
        raise Invalid(_("“%(what)s” was charged as a sum; cancel it and charge another.") % {"what": first})
    quotes = queries.quotes(
        account,
        first.version.tariff,
        activity=first.activity,
        day=first.day,
        quantities=quantities,
        version=first.version,
        classes={row.account_id: row.price_class for row in known},
        but=key,
    )
    _check(account, quotes, first.day, key, again=True)
    rows = {row.account_id: row for row in known}
    done = []
    for quote in quotes:
        row = rows.pop(quote.account.pk, None)
        if row is None:  # the shares were changed meanwhile
            row = Charge(
                account=quote.account,
                key=key,
                shared_from=account,
                day=first.day,
                what_lv=first.what_lv,
                what_en=first.what_en,
                terms=first.terms,
            )
        if row.estimated is not None and row.estimated != quote.pays and not reason:
            raise Invalid(
                _("It comes to %(pays)s EUR and not %(estimated)s EUR as shown before: say why.")
                % {"pays": quote.pays, "estimated": row.estimated},
                field="reason",
            )
        row.state = ChargeState.FINAL
        row.reason = reason if row.estimated is not None and row.estimated != quote.pays else ""
        done.append(_put(row, quote, queries.today()))
    for row in rows.values():
        _cancel(row, reason)
    return done


@action(needs=rules.may_charge)
def cancel_charges(account: PayerAccount, *, by: Any, key: str, reason: str) -> list[Charge]:
    """Cancels the charges of a use that did not take place; aid in them is given back. Cancelled ones stay so."""
    hold(account)
    known = _live(account, key)
    _not_invoiced(known)
    if any(row.state == ChargeState.FINAL for row in known) and not rules.may_keep_accounts(by, account):
        raise Invalid(_("It was used already; the unit that offers it can cancel the charge."))
    for row in known:
        _open_month(row.account.issuer, row.day)
        _cancel(row, reason)
    return known


@action(needs=rules.may_keep_accounts)
def charge_sum(
    account: PayerAccount,
    *,
    by: Any,
    key: str,
    day: date,
    amount: Decimal,
    activity: str,
    what_lv: str,
    what_en: str = "",
    tariff: Tariff | None = None,
    terms: str = "",
) -> Charge:
    """Charges a sum that no price list has: a quoted service, a fee. With a key that stands already, nothing."""
    if amount <= 0:
        raise Invalid(_("A charge is above zero; what lowers an invoice is a credit."), field="amount")
    return _sum(account, key, day, amount, activity, what_lv, what_en, tariff, terms)


@action(needs=rules.may_keep_accounts)
def give_credit(
    account: PayerAccount,
    *,
    by: Any,
    key: str,
    day: date,
    amount: Decimal,
    activity: str,
    what_lv: str,
    what_en: str = "",
) -> Charge:
    """Lowers the next invoice of an account by a sum, for something that went wrong; `what` says what."""
    if amount <= 0:
        raise Invalid(_("Give the sum of the credit without a minus."), field="amount")
    return _sum(account, key, day, -amount, activity, what_lv, what_en, None, "")


@action(needs=rules.may_invoice)
def prepay(
    account: PayerAccount,
    *,
    by: Any,
    amount: Decimal,
    paid_on: date,
    reference: str,
    expires: date | None = None,
) -> Credit:
    """Notes a sum paid ahead for nothing in particular; invoices take it first. The same reference counts once."""
    known = account.credits.filter(reference=reference).first()
    if known is not None:
        raise Invalid(
            _("“%(reference)s” is noted already, %(amount)s EUR on %(day)s.")
            % {"reference": reference, "amount": known.amount, "day": known.paid_on},
            field="reference",
        )
    return _keep(
        Credit(account=account, kind_of=CreditKind.MONEY),
        {"amount": sums.cents(amount), "paid_on": paid_on, "reference": reference, "expires": expires},
    )


@action(needs=rules.may_keep_accounts)
def sell_package(
    account: PayerAccount,
    *,
    by: Any,
    tariff: Tariff,
    quantity: Decimal,
    amount: Decimal,
    day: date,
    activity: str,
    reference: str,
    expires: date | None = None,
) -> Credit:
    """Sells a quantity of a thing ahead: the sum goes on the next invoice, and uses draw on the quantity first."""
    known = account.credits.filter(reference=reference).first()
    if known is not None:
        return known
    whole = f"{quantity.normalize():f} {Unit(tariff.unit).label}"
    _sum(
        account,
        f"billing.package/{reference}",
        day,
        amount,
        activity,
        f"{tariff.title_lv}: {whole}",
        f"{tariff.title_en or tariff.title_lv}: {whole}",
        tariff,
        "",
    )
    return _keep(
        Credit(account=account, kind_of=CreditKind.PACKAGE),
        {
            "tariff": tariff,
            "quantity": quantity,
            "amount": sums.cents(amount),
            "paid_on": day,
            "reference": reference,
            "expires": expires,
        },
    )


# ---------------------------------------------------------------- helpers


def _activity(text: str) -> str:
    if text not in Activity.values:
        raise Invalid(
            _("“%(text)s” is no legal basis; there are: %(known)s.")
            % {"text": text, "known": ", ".join(Activity.values)},
            field="activity",
        )
    return text


def _live(account: PayerAccount, key: str) -> list[Charge]:
    """The charges of a use on an account and those of its shares, without cancelled ones."""
    rows = queries.by_key(key).exclude(state=ChargeState.CANCELLED)
    return [row for row in rows if account.pk in (row.account_id, row.shared_from_id)]


def _not_invoiced(rows: Iterable[Charge]) -> None:
    line = (
        InvoiceLine.objects.filter(charge_line__charge__in=list(rows), live=True)
        .select_related("invoice")
        .first()
    )
    if line is not None:
        raise Invalid(
            _("It stands on invoice %(number)s; a credit note corrects it.") % {"number": line.invoice.number}
        )


def _check(
    account: PayerAccount,
    quotes: Iterable[queries.Quote],
    day: date,
    key: str,
    *,
    again: bool = False,
) -> None:
    """Whether these accounts may pay for a use on a day. A use that was booked is settled even on a closed account."""
    chosen = list(quotes)
    _open_month(account.issuer, day)
    for paying in {each.pk: each for each in (account, *(quote.account for quote in chosen))}.values():
        if again:
            continue
        if paying.closed:
            raise Invalid(_("The account “%(account)s” is closed.") % {"account": paying}, field="account")
        if day < paying.starts or (paying.ends is not None and day > paying.ends):
            raise Invalid(
                _("The account “%(account)s” pays for uses from %(starts)s until %(ends)s.")
                % {"account": paying, "starts": paying.starts, "ends": paying.ends or "…"},
                field="account",
            )
    own = {quote.account.pk: quote.pays for quote in chosen}
    own.setdefault(account.pk, sum(own.values(), queries.ZERO))
    for paying in {each.pk: each for each in (account, *(quote.account for quote in chosen))}.values():
        if paying.cap is None or again:
            continue
        if paying.pk != account.pk:
            hold(paying)
        used = queries.spent(paying, but=key)
        if used + own[paying.pk] > paying.cap:
            raise Invalid(
                _(
                    "The account “%(account)s” has %(left)s EUR left of its cap of %(cap)s EUR;"
                    " this use comes to %(pays)s EUR."
                )
                % {"account": paying, "left": paying.cap - used, "cap": paying.cap, "pays": own[paying.pk]},
                field="account",
            )


def _put(row: Charge, quote: queries.Quote, ordered_on: date) -> Charge:
    """Saves a charge as a quote has it, its lines, and the aid in it."""
    row.version, row.price_class, row.activity = quote.version, quote.price_class, quote.activity
    row.unit, row.share = quote.version.tariff.unit, quote.share
    row.quantity, row.full_cost, row.price, row.subsidy, row.pays = (
        quote.quantity, quote.full_cost, quote.price, quote.subsidy, quote.pays,
    )  # fmt: skip
    row.vat_category, row.vat_rate = quote.vat.category, quote.vat.rate
    row.exemption_code, row.exemption_reason = quote.vat.code, quote.vat.reason
    row.aid = _adjust(
        row.aid,
        quote.account.customer,
        quote.account.issuer.organisation,
        amount=quote.aid,
        on=ordered_on,
        purpose=str(row.what_lv),
        source=f"{row.key}@{quote.account.code}",
    )
    row.save()
    for line in row.lines.all():
        line.delete()
    bulk.create(
        ChargeLine(
            charge=row,
            order=index,
            band=part.band,
            credit=part.credit,
            quantity=part.quantity,
            unit_price=part.unit_price,
            full_cost=part.full_cost,
            price=part.price,
            subsidy=part.subsidy,
            pays=part.pays,
        )
        for index, part in enumerate(quote.parts, 1)
    )
    return row


def _cancel(row: Charge, reason: str) -> None:
    if row.aid is not None:
        row.aid = _adjust(
            row.aid, row.account.customer, row.aid.grantor, amount=queries.ZERO, on=row.aid.granted_on,
            purpose=row.aid.purpose, source=row.aid.source,
        )  # fmt: skip
    row.state, row.reason = ChargeState.CANCELLED, reason
    row.save()


def _sum(
    account: PayerAccount,
    key: str,
    day: date,
    amount: Decimal,
    activity: str,
    what_lv: str,
    what_en: str,
    tariff: Tariff | None,
    terms: str,
) -> Charge:
    """A final charge of one sum; a credit is one of minus one piece."""
    hold(account)
    known = Charge.objects.filter(account=account, key=key).exclude(state=ChargeState.CANCELLED).first()
    if known is not None:
        return known
    if account.shares.exists():
        raise Invalid(_("A sum goes to one account; this one is shared."), field="account")
    _open_month(account.issuer, day)
    pays = sums.cents(amount)
    if amount > 0 and account.cap is not None and queries.spent(account) + pays > account.cap:
        raise Invalid(
            _("The cap of “%(account)s” is %(cap)s EUR; %(used)s EUR are used.")
            % {"account": account, "cap": account.cap, "used": queries.spent(account)},
            field="amount",
        )
    with override(account.customer.language):
        vat = queries.vat_for(account.issuer, account.customer, tariff, day)
    one = Decimal(1 if amount > 0 else -1)
    values: dict[str, Any] = {"full_cost": queries.ZERO, "price": pays, "pays": pays, "quantity": one}
    row = Charge.objects.filter(account=account, key=key).first() or Charge(account=account, key=key)
    for name, value in values.items():
        setattr(row, name, value)
    _keep(
        row,
        {
            "what_lv": what_lv,
            "what_en": what_en,
            "day": day,
            "price_class": queries.class_of(account.customer, account.issuer, day),
            "activity": _activity(activity),
            "terms": terms,
            "state": ChargeState.FINAL,
            "unit": Unit.PIECE,
            "vat_category": vat.category,
            "vat_rate": vat.rate,
            "exemption_code": vat.code,
            "exemption_reason": vat.reason,
            "reason": "",
        },
    )
    for line in row.lines.all():
        line.delete()
    ChargeLine(charge=row, order=1, unit_price=abs(pays), **values).save()
    return row
