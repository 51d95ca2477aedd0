"""Verbs on invoices: the run of a month, its close, void and credit, sending, payments, reminders, the journal.

A verb is one transaction: a run that is cut off leaves no invoice at all. Numbers come from one row that is held
while they are given, and an invoice that falls away with its transaction gives its number back with it.
"""

from __future__ import annotations

import csv
import hashlib
import io
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from talka.billing import queries, rules, sums, ubl
from talka.billing.models import (
    BillingRun,
    Charge,
    ChargeState,
    Counter,
    Credit,
    CreditKind,
    CreditUse,
    Customer,
    Invoice,
    InvoiceDocument,
    InvoiceKind,
    InvoiceLine,
    InvoiceState,
    Issuer,
    JournalExport,
    PayerAccount,
    Payment,
    PriceClass,
    Reminder,
)
from talka.core import bulk
from talka.core.actions import Invalid, action
from talka.core.locking import hold
from talka.core.values import BadValue, Period

CHANNELS = ("peppol", "e-adrese", "e-mail", "post")
STRUCTURED = frozenset({"peppol", "e-adrese"})
NEED_NO_NUMBER = frozenset({PriceClass.OWN, PriceClass.INDIVIDUAL})


# ---------------------------------------------------------------- issuing


@action(needs=rules.may_invoice)
def run_month(issuer: Issuer, *, by: Any, month: str, issued_on: date | None = None) -> BillingRun:
    """Invoices everything final of a month and before that stands on no invoice, one invoice an account.

    Run again it adds what came since and changes nothing otherwise. Accounts that cannot be invoiced are left out and
    told with the reason in `left_out`; the others go out. Raises Invalid for a closed or a future month.
    """
    hold(issuer)
    last = _last_day(month)
    day = issued_on or queries.today()
    run = BillingRun.objects.filter(issuer=issuer, month=month).first()
    if run is not None and run.closed_on:
        raise Invalid(
            _("The month %(month)s is closed since %(day)s.") % {"month": month, "day": run.closed_on}
        )
    if last.replace(day=1) > queries.today():
        raise Invalid(_("The month %(month)s has not begun.") % {"month": month}, field="month")
    drafts, left_out = _drafts(queries.to_invoice(issuer, last), issuer)
    if run is None:
        run = BillingRun(issuer=issuer, month=month, run_on=day, left_out=left_out)
        run.save()
    elif run.left_out != left_out:
        run.left_out = left_out
        run.save()
    _issue(issuer, drafts, day, month, run)
    return run


@action(needs=rules.may_invoice)
def issue_invoice(
    account: PayerAccount, *, by: Any, until: date | None = None, issued_on: date | None = None
) -> Invoice:
    """Invoices what an account used until a day, outside the run of a month. Raises Invalid where it cannot be."""
    issuer = account.issuer
    hold(issuer)
    day = issued_on or queries.today()
    last = until or day
    drafts, left_out = _drafts(queries.to_invoice(issuer, last).filter(account=account), issuer)
    if left_out:
        raise Invalid(left_out[0]["why"])
    if not drafts:
        raise Invalid(_("Nothing on this account is to be invoiced until %(day)s.") % {"day": last})
    return _issue(issuer, drafts, day, f"{last:%Y-%m}", None)[0]


@action(needs=rules.may_invoice)
def close_month(issuer: Issuer, *, by: Any, month: str) -> BillingRun:
    """Closes a month: nothing is charged in it any more. Raises Invalid while something in it is open."""
    hold(issuer)
    last = _last_day(month)
    run = BillingRun.objects.filter(issuer=issuer, month=month).first()
    if run is None:
        raise Invalid(
            _("No invoices were made for %(month)s; run the month first.") % {"month": month}, field="month"
        )
    if run.closed_on:
        raise Invalid(
            _("The month %(month)s is closed since %(day)s.") % {"month": month, "day": run.closed_on}
        )
    if last >= queries.today():
        raise Invalid(_("The month %(month)s is not over.") % {"month": month}, field="month")
    open_uses = queries.to_invoice(issuer, last).filter(day__gte=last.replace(day=1)).count()
    estimated = Charge.objects.filter(
        account__issuer=issuer, state=ChargeState.ESTIMATED, day__range=(last.replace(day=1), last)
    ).count()
    if open_uses or estimated:
        raise Invalid(
            _(
                "%(open)d uses of %(month)s are not invoiced and %(estimated)d are not settled;"
                " invoice, settle or cancel them first."
            )
            % {"open": open_uses, "month": month, "estimated": estimated}
        )
    run.closed_on = queries.today()
    run.save()
    return run


@action(needs=rules.may_invoice)
def void_invoice(invoice: Invoice, *, by: Any, reason: str) -> Invoice:
    """Voids an invoice that was not sent. Its number stays used, its uses can be invoiced again."""
    _hold(invoice)
    if not reason:
        raise Invalid(_("Say why the invoice is void."), field="reason")
    if invoice.state == InvoiceState.VOID:
        raise Invalid(_("Invoice %(number)s is void already.") % {"number": invoice.number})
    if invoice.state == InvoiceState.SENT:
        raise Invalid(
            _("Invoice %(number)s was sent; a credit note corrects it.") % {"number": invoice.number}
        )
    if invoice.journal_id:
        raise Invalid(
            _("Invoice %(number)s is in the ledger; a credit note corrects it.") % {"number": invoice.number}
        )
    if invoice.payments.exists() or invoice.credit_notes.exclude(state=InvoiceState.VOID).exists():
        raise Invalid(
            _("Invoice %(number)s has payments or credit notes; it stays.") % {"number": invoice.number}
        )
    invoice.state, invoice.void_reason = InvoiceState.VOID, reason
    invoice.save()
    lines = list(invoice.lines.all())
    for line in lines:
        line.live = False
    bulk.update(lines, ["live"])
    return invoice


@action(needs=rules.may_invoice)
def credit_invoice(
    invoice: Invoice,
    *,
    by: Any,
    reason: str,
    lines: Mapping[int, Decimal] | None = None,
    issued_on: date | None = None,
) -> Invoice:
    """Credits an invoice whole, or by line number the sums without VAT that are too much. Returns the credit note.

    Raises Invalid where more would be credited than was invoiced.
    """
    hold(invoice.issuer)
    _hold(invoice)
    if invoice.is_credit or invoice.state == InvoiceState.VOID:
        raise Invalid(_("A credit note credits an invoice that stands."))
    if not reason:
        raise Invalid(_("Say what the credit is for."), field="reason")
    known = {line.order: line for line in invoice.lines.prefetch_related("credited_by__invoice")}
    left = {order: line.net - _credited(line) for order, line in known.items()}
    wanted = left if lines is None else dict(lines)
    made: list[InvoiceLine] = []
    for order, amount in sorted(wanted.items()):
        if order not in known:
            raise Invalid(_("There is no line %(order)d.") % {"order": order}, field="lines")
        if lines is not None and not 0 < amount <= left[order]:
            raise Invalid(
                _("Of line %(order)d at most %(left)s EUR can be credited.")
                % {"order": order, "left": left[order]},
                field="lines",
            )
        if amount:
            made.append(_credit_line(known[order], amount, len(made) + 1))
    if not made or sum((line.net for line in made), queries.ZERO) <= 0:
        raise Invalid(_("Nothing is left to be credited."), field="lines")
    day = issued_on or queries.today()
    note = Invoice(
        issuer=invoice.issuer,
        account=invoice.account,
        customer=invoice.customer,
        kind_of=InvoiceKind.CREDIT_NOTE,
        issued_on=day,
        due_on=day,
        month=f"{day:%Y-%m}",
        credits=invoice,
        seller=invoice.seller,
        buyer=invoice.buyer,
        buyer_reference=invoice.buyer_reference,
        order_reference=invoice.order_reference,
        note=reason,
    )
    _number(invoice.issuer, [_Draft(note, made)], day)
    return note


@action(needs=rules.may_invoice)
def send_invoice(invoice: Invoice, *, by: Any, channel: str) -> Invoice:
    """Notes that an invoice went out and how; once. A budget institution gets it as a structured e-invoice alone."""
    _hold(invoice)
    if channel not in CHANNELS:
        raise Invalid(
            _("“%(channel)s” is no way to send; there are: %(known)s.")
            % {"channel": channel, "known": ", ".join(CHANNELS)},
            field="channel",
        )
    if invoice.state == InvoiceState.VOID:
        raise Invalid(_("Invoice %(number)s is void; it is not sent.") % {"number": invoice.number})
    if invoice.state == InvoiceState.SENT:
        raise Invalid(
            _("Invoice %(number)s was sent on %(day)s by %(channel)s; it is not sent twice.")
            % {
                "number": invoice.number,
                "day": timezone.localtime(invoice.sent_at).strftime("%Y-%m-%d %H:%M"),
                "channel": invoice.sent_by,
            }
        )
    structured = InvoiceDocument.objects.filter(invoice=invoice).exists()
    if invoice.customer.budget_institution and channel not in STRUCTURED:
        raise Invalid(
            _("A budget institution receives structured e-invoices only: send it by peppol or e-adrese."),
            field="channel",
        )
    if channel in STRUCTURED and not structured:
        raise Invalid(
            _("There is no e-invoice: the customer had no electronic address when it was issued."),
            field="channel",
        )
    invoice.state, invoice.sent_at, invoice.sent_by = InvoiceState.SENT, timezone.now(), channel
    invoice.save()
    return invoice


# ---------------------------------------------------------------- money


@action(needs=rules.may_invoice)
def take_payment(invoice: Invoice, *, by: Any, amount: Decimal, paid_on: date, reference: str) -> Payment:
    """Notes money that came in for an invoice. The same reference twice, or more than is open, is refused."""
    _hold(invoice)
    if amount <= 0:
        raise Invalid(_("A payment is above zero."), field="amount")
    known = invoice.payments.filter(reference=reference).first()
    if known is not None:
        raise Invalid(
            _("The payment “%(reference)s” is noted already, on %(day)s.")
            % {"reference": reference, "day": known.paid_on},
            field="reference",
        )
    left = queries.open_amount(invoice)
    if amount > left:
        raise Invalid(
            _(
                "%(left)s EUR are open on %(number)s; note what is paid above that as paid ahead on its account."
            )
            % {"left": left, "number": invoice.number},
            field="amount",
        )
    row = Payment(invoice=invoice, amount=sums.cents(amount), paid_on=paid_on, reference=reference)
    row.save()
    return row


@action(needs=rules.may_invoice)
def remind(invoice: Invoice, *, by: Any, on: date | None = None) -> Reminder:
    """Notes a reminder of an invoice that is late, at most one a week."""
    _hold(invoice)
    day, left = on or queries.today(), queries.open_amount(invoice)
    if not invoice.is_late(day, left):
        raise Invalid(
            _("%(number)s is not late: %(left)s EUR are open and due on %(due)s.")
            % {"number": invoice.number, "left": left, "due": invoice.due_on}
        )
    last = invoice.reminders.order_by("-number").first()
    if last is not None and day < last.sent_on + timedelta(days=7):
        raise Invalid(_("The last reminder went out on %(day)s; wait a week.") % {"day": last.sent_on})
    row = Reminder(invoice=invoice, number=last.number + 1 if last else 1, sent_on=day, open_amount=left)
    row.save()
    return row


@action(needs=rules.may_invoice)
def export_journal(issuer: Issuer, *, by: Any) -> JournalExport:
    """Hands to the ledger, as a CSV file, all postings that it did not get yet. Raises Invalid where there are none."""
    hold(issuer)
    made = list(
        Invoice.objects.filter(issuer=issuer, journal=None)
        .exclude(state=InvoiceState.VOID)
        .prefetch_related("lines")
        .order_by("year", "sequence")
    )
    paid = list(Payment.objects.filter(invoice__issuer=issuer, journal=None).select_related("invoice"))
    ahead = list(
        Credit.objects.filter(account__issuer=issuer, journal=None, kind_of=CreditKind.MONEY).select_related(
            "account__customer"
        )
    )
    rows = queries.postings(issuer, made, paid, ahead)
    if not rows:
        raise Invalid(_("Everything is in the ledger already."))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(["date", "document", "account", "debit", "credit", "party", "text"])
    for row in rows:
        writer.writerow(
            [row.day.isoformat(), row.document, row.ledger, f"{row.debit:.2f}", f"{row.credit:.2f}",
             sums.harmless(row.party), sums.harmless(row.text)]
        )  # fmt: skip
    last = issuer.exports.order_by("-number").first()
    export = JournalExport(
        issuer=issuer,
        number=last.number + 1 if last else 1,
        made_at=timezone.now(),
        content=out.getvalue(),
        sha256=hashlib.sha256(out.getvalue().encode()).hexdigest(),
    )
    export.save()
    for each in (made, paid, ahead):
        for noted in each:
            noted.journal = export
        bulk.update(each, ["journal"])
    return export


# ---------------------------------------------------------------- helpers


@dataclass
class _Draft:
    """An invoice before it has a number, with its lines and what it takes of sums paid ahead."""

    invoice: Invoice
    lines: list[InvoiceLine]
    uses: list[tuple[Credit, Decimal]] = field(default_factory=list)


def _last_day(month: str) -> date:
    try:
        period = Period.parse(month)
    except BadValue:
        period = None
    if period is None or str(period) != month or len(month) != len("2026-01"):
        raise Invalid(_("“%(month)s” is not a month; write 2026-01.") % {"month": month[:20]}, field="month")
    return date(period.first.year, period.first.month, monthrange(period.first.year, period.first.month)[1])


def _hold(invoice: Invoice) -> None:
    """Takes hold of an invoice and of what others made of it meanwhile."""
    hold(invoice)
    invoice.refresh_from_db(fields=["state", "sent_at", "sent_by", "journal", "revision"])


def _cannot(customer: Customer, price_class: str) -> str:
    """Why a customer cannot be invoiced, and what would have to be right; empty where it can."""
    # A unit of the institution itself has its number; a person has none.
    if not customer.registration_number and not customer.person_id and price_class not in NEED_NO_NUMBER:
        return _(
            "%(customer)s has no registration number; an invoice must carry it. Add it to the customer."
        ) % {"customer": customer}
    if customer.budget_institution and ubl.address_of(customer.frozen()) is None:
        return _(
            "%(customer)s receives structured e-invoices only and has no e-invoice address. Add it to the customer."
        ) % {"customer": customer}
    return ""


def _drafts(charges: Iterable[Charge], issuer: Issuer) -> tuple[list[_Draft], list[dict[str, str]]]:
    """An invoice for each account of these charges, which come by account; and what cannot be invoiced, and why."""
    seller = {**issuer.frozen(), "iban": issuer.iban, "bic": issuer.bic}
    drafts: list[_Draft] = []
    left_out: list[dict[str, str]] = []
    for _pk, group in groupby(charges, key=lambda charge: charge.account_id):
        uses = list(group)
        account = uses[0].account
        customer = account.customer
        lines = _lines(uses, customer.language)
        net = sum((line.net for line in lines), queries.ZERO)
        why = _cannot(customer, uses[0].price_class)
        if not why and net < 0:
            why = _("The credits of %(sum)s EUR are more than the uses; they wait for the next month.") % {
                "sum": -net
            }
        if why:
            left_out.append({"account": account.code, "customer": str(customer), "why": why})
            continue
        if lines:
            invoice = Invoice(
                issuer=issuer,
                account=account,
                customer=customer,
                kind_of=InvoiceKind.INVOICE,
                seller=seller,
                buyer=customer.frozen(),
                buyer_reference=account.buyer_reference or account.project or account.code,
                order_reference=account.order_reference,
            )
            drafts.append(_Draft(invoice, lines))
    return drafts, left_out


def _lines(uses: Iterable[Charge], language: str) -> list[InvoiceLine]:
    """The lines of an invoice: one for each part of a use that has a price of its own."""
    found: list[InvoiceLine] = []
    for charge in uses:
        text = charge.what_en or charge.what_lv if language == "en" else charge.what_lv
        for part in charge.lines.all():
            # A share is no whole number of hours: it is one piece, whose price is the share of the sum.
            shared = bool(charge.share)
            words = " · ".join(each for each in (text, part.band, charge.share) if each)
            found.append(
                InvoiceLine(
                    order=len(found) + 1,
                    charge_line=part,
                    text=words[:400],
                    day=charge.day,
                    quantity=Decimal(1) if shared else part.quantity,
                    unit="C62" if shared else charge.unit,
                    unit_price=part.price if shared else part.unit_price,
                    price=part.price,
                    subsidy=part.subsidy,
                    net=part.pays,
                    economic=charge.economic,
                    terms=charge.terms,
                    vat_category=charge.vat_category,
                    vat_rate=charge.vat_rate,
                    exemption_code=charge.exemption_code,
                    exemption_reason=charge.exemption_reason,
                )
            )
    return found


def _issue(
    issuer: Issuer, drafts: Sequence[_Draft], day: date, month: str, run: BillingRun | None
) -> list[Invoice]:
    """Issues drafts: takes what was paid ahead, numbers them, keeps them with their lines and e-invoices."""
    for draft in drafts:
        invoice = draft.invoice
        invoice.issued_on, invoice.due_on = day, day + timedelta(days=issuer.payment_days)
        invoice.month, invoice.run = month, run
    ahead = _paid_ahead([draft.invoice.account_id for draft in drafts])
    for draft in drafts:
        if draft.invoice.account_id in ahead:
            hold(draft.invoice.account)
            draft.uses = queries.money_balances(draft.invoice.account, day)
    _number(issuer, drafts, day)
    return [draft.invoice for draft in drafts]


def _paid_ahead(accounts: Sequence[int]) -> frozenset[int]:
    rows = Credit.objects.filter(account__in=accounts, kind_of=CreditKind.MONEY)
    return frozenset(rows.values_list("account_id", flat=True))


def _number(issuer: Issuer, drafts: Sequence[_Draft], day: date) -> None:
    """Gives drafts the next numbers of the year without a gap and saves them. The issuer is held by the caller."""
    if not drafts:
        return
    counter = Counter.objects.filter(issuer=issuer, year=day.year).first() or Counter(
        issuer=issuer, year=day.year
    )
    taken: list[tuple[_Draft, list[CreditUse]]] = []
    for draft in drafts:
        counter.last += 1
        invoice = draft.invoice
        invoice.year, invoice.sequence = day.year, counter.last
        invoice.number = f"{issuer.prefix}-{day.year}-{counter.last:05}"
        taken.append((draft, _reckon(draft)))
    counter.save()
    bulk.create(draft.invoice for draft in drafts)
    for draft in drafts:
        for line in draft.lines:
            line.invoice = draft.invoice
    bulk.create(line for draft in drafts for line in draft.lines)
    for draft, uses in taken:
        for use in uses:
            use.invoice = draft.invoice
            use.save()
    bulk.create(
        InvoiceDocument(invoice=draft.invoice, xml=text, sha256=hashlib.sha256(text.encode()).hexdigest())
        for draft in drafts
        if (text := _document(draft))
    )


def _reckon(draft: _Draft) -> list[CreditUse]:
    """The sums of an invoice from its lines, and what it takes of sums paid ahead, the oldest first."""
    invoice = draft.invoice
    invoice.net = sum((line.net for line in draft.lines), queries.ZERO)
    invoice.vat = sum((tax.amount for tax in sums.taxes(draft.lines)), queries.ZERO)
    invoice.gross = invoice.net + invoice.vat
    left = invoice.gross
    uses = []
    for credit, balance in draft.uses:
        amount = min(balance, left)
        if amount > 0:
            uses.append(CreditUse(credit=credit, amount=amount))
            left -= amount
    invoice.prepaid, invoice.payable = invoice.gross - left, left
    return uses


def _document(draft: _Draft) -> str:
    """The e-invoice; empty where a party has no electronic address and gets paper."""
    invoice = draft.invoice
    if ubl.address_of(invoice.buyer) is None or ubl.address_of(invoice.seller) is None:
        return ""
    return ubl.write(invoice, draft.lines, sums.taxes(draft.lines)).decode()


def _credited(line: InvoiceLine) -> Decimal:
    return sum(
        (each.net for each in line.credited_by.all() if each.invoice.state != InvoiceState.VOID), queries.ZERO
    )


def _credit_line(line: InvoiceLine, amount: Decimal, order: int) -> InvoiceLine:
    """A line that credits a sum of another; whole, it repeats it, and in part it is one piece of that sum."""
    whole = amount == line.net
    return InvoiceLine(
        order=order,
        credits=line,
        text=line.text,
        day=line.day,
        quantity=line.quantity if whole else Decimal(1),
        unit=line.unit if whole else "C62",
        unit_price=line.unit_price if whole else amount,
        price=line.price if whole else amount,
        subsidy=line.subsidy if whole else queries.ZERO,
        net=amount,
        economic=line.economic,
        terms=line.terms,
        vat_category=line.vat_category,
        vat_rate=line.vat_rate,
        exemption_code=line.exemption_code,
        exemption_reason=line.exemption_reason,
    )
