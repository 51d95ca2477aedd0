"""The API of the room: the price list for everybody; accounts, uses and invoices for those whose books they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import Field

from talka.billing import actions, queries, rules, sheets  # noqa: F401 -- the sheets declare themselves
from talka.billing.models import (
    AidGrant,
    Charge,
    Customer,
    Invoice,
    InvoiceDocument,
    Issuer,
    PayerAccount,
    Tariff,
    TariffVersion,
    VersionState,
)
from talka.core.actions import Refused
from talka.core.api import LIMIT, OFFSET, Exact, Text, actor, holding, one_of, page, page_of, reader, text
from talka.domains import queries as domains
from talka.parties.models import Account, Organisation

router = Router(tags=["billing"])
AT = "/ecosystems/{ecosystem}/billing"


# ---------------------------------------------------------------- what is shown


class RateOut(Schema):
    """What a unit costs a class of users, in EUR without VAT."""

    price_class: str
    band: str
    since: Exact
    amount: Exact
    basis: str


class PriceOut(Schema):
    """Something with a price, and its rates of the day."""

    id: int
    issuer: str
    code: str
    owner_unit: str
    title: Text
    unit: str = Field(description="UN/ECE Recommendation 20")
    version: int | None
    valid_from: date | None
    rates: list[RateOut]


class PayerAccountOut(Schema):
    """A payer account, with what is used of it."""

    id: int
    revision: int
    issuer: str
    code: str
    title: str
    customer: str
    project: str
    starts: date
    ends: date | None
    cap: Exact | None
    closed: bool
    spent: Exact
    waiting: Exact = Field(description="final and not invoiced yet")


class ChargeOut(Schema):
    """A use, as one account pays for it."""

    id: int
    account: str
    key: str
    what: Text
    day: date
    state: str
    price_class: str
    activity: str
    economic: bool
    quantity: Exact
    full_cost: Exact
    price: Exact
    subsidy: Exact
    pays: Exact
    estimated: Exact | None
    reason: str
    vat_category: str
    vat_rate: Exact
    terms: str


class InvoiceOut(Schema):
    """An invoice or credit note."""

    id: int
    revision: int
    number: str
    kind_of: str
    state: str
    issuer: str
    customer: str
    account: str
    issued_on: date
    due_on: date
    net: Exact
    vat: Exact
    gross: Exact
    prepaid: Exact
    payable: Exact
    open: Exact
    credits: str


class QuoteOut(Schema):
    """What one account would pay for a use."""

    account: str
    price_class: str
    economic: bool
    quantity: Exact
    full_cost: Exact
    price: Exact
    subsidy: Exact
    pays: Exact
    with_vat: Exact
    vat_category: str
    vat_reason: str
    aid: Exact
    version: int


class RunOut(Schema):
    """The invoicing of a month: how many invoices it has, and what was left out and why."""

    month: str
    invoices: int
    closed_on: date | None
    left_out: list[dict[str, str]]


class Done(Schema):
    """What a verb made or changed."""

    id: int
    name: str


class RoomOut(Schema):
    """The de minimis aid of a single undertaking over the years until a day."""

    members: list[str]
    since: date
    until: date
    ceiling: Exact
    used: Exact
    left: Exact
    rule: str
    certainty: str


Prices, Accounts, Charges, Invoices = (
    page_of(each) for each in (PriceOut, PayerAccountOut, ChargeOut, InvoiceOut)
)


@router.get(AT + "/prices", response=Prices)
def prices(request: HttpRequest, ecosystem: str, limit: int = LIMIT, offset: int = OFFSET) -> Any:
    """The price list of today, for everybody."""
    eco = domains.enter(request, ecosystem)
    return page(queries.published_prices(eco, queries.today()), limit, offset, _price)


def _price(row: Any) -> dict[str, Any]:
    version = row.valid[0] if row.valid else None
    return {
        "id": row.pk,
        "issuer": row.issuer.code,
        "code": row.code,
        "owner_unit": row.owner_unit,
        "title": text(row, "title"),
        "unit": row.unit,
        "version": version.number if version else None,
        "valid_from": version.valid_from if version else None,
        "rates": list(version.rates.all()) if version else [],
    }


@router.get(AT + "/accounts", response=Accounts)
def accounts(request: HttpRequest, ecosystem: str, limit: int = LIMIT, offset: int = OFFSET) -> Any:
    """The payer accounts of the asker's institution, and those that the asker uses; of nobody without a key."""
    rows = queries.with_spent(queries.accounts_seen(domains.enter(request, ecosystem), reader(request)))
    return page(rows.order_by("issuer", "code"), limit, offset, _account)


def _account(row: Any) -> dict[str, Any]:
    names = ("revision", "code", "title", "project", "starts", "ends", "cap", "closed", "spent", "waiting")
    return {
        "id": row.pk,
        "issuer": row.issuer.code,
        "customer": str(row.customer),
        **{name: getattr(row, name) for name in names},
    }


@router.get(AT + "/accounts/{int:pk}/charges", response=Charges)
def charges(request: HttpRequest, ecosystem: str, pk: int, limit: int = LIMIT, offset: int = OFFSET) -> Any:
    """The uses on an account, the latest first."""
    return page(queries.charges(_payer(request, ecosystem, pk)), limit, offset, _charge)


def _charge(row: Charge) -> dict[str, Any]:
    names = [name for name in ChargeOut.model_fields if name not in ("id", "account", "what")]
    return {
        "id": row.pk,
        "account": row.account.code,
        "what": text(row, "what"),
        **{name: getattr(row, name) for name in names},
    }


@router.get(AT + "/invoices", response=Invoices)
def invoices(request: HttpRequest, ecosystem: str, limit: int = LIMIT, offset: int = OFFSET) -> Any:
    """The invoices that the asker may see, the newest first."""
    rows = queries.with_open(queries.invoices_seen(domains.enter(request, ecosystem), reader(request)))
    return page(rows.order_by("-issued_on", "-pk"), limit, offset, _invoice)


def _invoice(row: Any) -> dict[str, Any]:
    names = ("revision", "number", "kind_of", "state", "issued_on", "due_on")
    sums = ("net", "vat", "gross", "prepaid", "payable")
    return {
        "id": row.pk,
        "issuer": row.issuer.code,
        "customer": row.buyer["legal_name"],
        "account": row.account.code,
        "open": queries.open_of(row),
        "credits": row.credits.number if row.credits else "",
        **{name: getattr(row, name) for name in (*names, *sums)},
    }


@router.get(AT + "/invoices/{int:pk}/ubl", response={200: Any})
def ubl(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """The e-invoice (UBL 2.1, Peppol BIS Billing 3) as it was made when the invoice was issued."""
    found = InvoiceDocument.objects.filter(invoice=_seen_invoice(request, ecosystem, pk)).first()
    if found is None:
        raise Http404(_("There is no e-invoice: the customer had no electronic address when it was issued."))
    return HttpResponse(found.xml.encode(), content_type="application/xml")


# ---------------------------------------------------------------- what is asked for


class ChargeIn(Schema):
    """A use to be charged: `quantities` by time band, {"": "2.5"} where time does not matter.

    `key` says what it came from and stands once on an account.
    """

    tariff: int
    activity: str
    day: date
    quantities: dict[str, Exact]
    key: str
    what_lv: str = ""
    what_en: str = ""
    terms: str = ""
    final: bool = False


class SettleIn(Schema):
    """What was really used."""

    key: str
    quantities: dict[str, Exact]
    reason: str = ""


class KeyIn(Schema):
    """A use, by its key, and why it is cancelled."""

    key: str
    reason: str


class SumIn(Schema):
    """A sum that no price list has."""

    key: str
    day: date
    amount: Exact
    activity: str
    what_lv: str
    what_en: str = ""


class PrepaidIn(Schema):
    """A sum paid ahead."""

    amount: Exact
    paid_on: date
    reference: str
    expires: date | None = None


class PackageIn(Schema):
    """A quantity sold ahead."""

    tariff: int
    quantity: Exact
    amount: Exact
    day: date
    activity: str
    reference: str
    expires: date | None = None


class MonthIn(Schema):
    """A month, as in 2026-09, and the day that its invoices bear (default: today)."""

    month: str
    issued_on: date | None = None


class UntilIn(Schema):
    """Until which day uses are invoiced."""

    until: date | None = None


class StepIn(Schema):
    """A step on an invoice; `revision` is the one that the caller has seen."""

    revision: int | None = None


class SendIn(StepIn):
    channel: str = Field(description="peppol, e-adrese, e-mail or post")


class InvoiceReasonIn(StepIn):
    reason: str


class CreditIn(InvoiceReasonIn):
    lines: dict[int, Exact] | None = Field(
        None, description="sums without VAT by line; null: all that is left"
    )


class PaymentIn(StepIn):
    amount: Exact
    paid_on: date
    reference: str


class ShareIn(Schema):
    """By weight, which accounts pay for the uses of this one; none: it pays itself."""

    shares: dict[int, Exact]


class UserIn(Schema):
    """Who may use an account, by e-mail."""

    email: str
    manages: bool = False
    until: date | None = None


class RateIn(Schema):
    price_class: str
    band: str = ""
    since: Exact = Decimal(0)
    amount: Exact
    basis: str
    margin: Exact | None = None
    evidence: str = ""


class CostIn(Schema):
    kind_of: str
    title: str
    yearly: Exact = Decimal(0)
    each: Exact = Decimal(0)
    evidence: str = ""


class BandIn(Schema):
    code: str
    title_lv: str
    title_en: str = ""
    days: str = "1234567"
    begins: str
    ends: str


class VersionIn(Schema):
    """New prices; what is left out is as in the version before."""

    valid_from: date | None = None
    capacity: Exact | None = None
    minimum: Exact | None = None
    step: Exact | None = None
    note: str | None = None
    costs: list[CostIn] | None = None
    bands: list[BandIn] | None = None
    rates: list[RateIn] | None = None


class GrantIn(Schema):
    """De minimis aid that is no discount."""

    grantor: str = Field(description="code of the organisation")
    granted_on: date
    amount: Exact
    purpose: str
    source: str


class RegisterIn(Schema):
    on: date
    reference: str


class WhyIn(Schema):
    reason: str


# ---------------------------------------------------------------- accounts and uses


@router.get(AT + "/accounts/{int:pk}/quote", response=list[QuoteOut])
def quote(
    request: HttpRequest,
    ecosystem: str,
    pk: int,
    tariff: int,
    activity: str,
    day: date,
    quantity: Exact,
    band: str = "",
) -> Any:
    """What a use would cost: one quote, or one for each account of the shares; nothing is written."""
    account = _payer(request, ecosystem, pk)
    shown = queries.quotes(
        account, _tariff(account, tariff), activity=activity, day=day, quantities={band: quantity}
    )
    return [
        {
            "account": each.account.code,
            "version": each.version.number,
            "vat_category": each.vat.category,
            "vat_reason": each.vat.reason,
            **{
                name: getattr(each, name)
                for name in ("price_class", "economic", "quantity", "full_cost", "price", "subsidy", "pays")
            },
            "with_vat": each.with_vat,
            "aid": each.aid,
        }
        for each in shown
    ]


@router.post(AT + "/accounts/{int:pk}/charges", response=list[ChargeOut])
def charge(request: HttpRequest, ecosystem: str, pk: int, given: ChargeIn) -> Any:
    """Charge a use. With a key that is charged already nothing happens, and what stands there is the answer."""
    account = _payer(request, ecosystem, pk)
    sent = {**given.dict(), "tariff": _tariff(account, given.tariff)}
    return [_charge(row) for row in actions.charge(account, by=actor(request), **sent)]


@router.post(AT + "/accounts/{int:pk}/settle", response=list[ChargeOut])
def settle(request: HttpRequest, ecosystem: str, pk: int, given: SettleIn) -> Any:
    """Make the charges of a use final with what was really used."""
    account = _payer(request, ecosystem, pk)
    return [_charge(row) for row in actions.settle_charges(account, by=actor(request), **given.dict())]


@router.post(AT + "/accounts/{int:pk}/cancel", response=list[ChargeOut])
def cancel(request: HttpRequest, ecosystem: str, pk: int, given: KeyIn) -> Any:
    """Cancel the charges of a use."""
    account = _payer(request, ecosystem, pk)
    return [_charge(row) for row in actions.cancel_charges(account, by=actor(request), **given.dict())]


@router.post(AT + "/accounts/{int:pk}/sums", response=Done)
def charge_sum(request: HttpRequest, ecosystem: str, pk: int, given: SumIn) -> Any:
    """Charge a sum that no price list has."""
    return _done(actions.charge_sum(_payer(request, ecosystem, pk), by=actor(request), **given.dict()))


@router.post(AT + "/accounts/{int:pk}/credits", response=Done)
def give_credit(request: HttpRequest, ecosystem: str, pk: int, given: SumIn) -> Any:
    """Lower the next invoice of an account by a sum."""
    return _done(actions.give_credit(_payer(request, ecosystem, pk), by=actor(request), **given.dict()))


@router.post(AT + "/accounts/{int:pk}/prepaid", response=Done)
def prepay(request: HttpRequest, ecosystem: str, pk: int, given: PrepaidIn) -> Any:
    """Note a sum that was paid ahead."""
    return _done(actions.prepay(_payer(request, ecosystem, pk), by=actor(request), **given.dict()))


@router.post(AT + "/accounts/{int:pk}/packages", response=Done)
def sell_package(request: HttpRequest, ecosystem: str, pk: int, given: PackageIn) -> Any:
    """Sell a quantity ahead."""
    account = _payer(request, ecosystem, pk)
    sent = {**given.dict(), "tariff": _tariff(account, given.tariff)}
    return _done(actions.sell_package(account, by=actor(request), **sent))


@router.post(AT + "/accounts/{int:pk}/shares", response=Done)
def share(request: HttpRequest, ecosystem: str, pk: int, given: ShareIn) -> Any:
    """Say which accounts pay for the uses of this one."""
    account = _payer(request, ecosystem, pk)
    shares = {_payer(request, ecosystem, other): weight for other, weight in given.shares.items()}
    return _done(actions.share_account(account, by=actor(request), shares=shares))


@router.post(AT + "/accounts/{int:pk}/users", response=Done)
def let_use(request: HttpRequest, ecosystem: str, pk: int, given: UserIn) -> Any:
    """Let somebody use an account."""
    account = _payer(request, ecosystem, pk)
    user = _user(given.email)
    return _done(
        actions.let_use(account, by=actor(request), user=user, manages=given.manages, until=given.until)
    )


@router.delete(AT + "/accounts/{int:pk}/users", response=Done)
def stop_use(request: HttpRequest, ecosystem: str, pk: int, email: str) -> Any:
    """Take somebody off an account."""
    account = _payer(request, ecosystem, pk)
    actions.stop_use(account, by=actor(request), user=_user(email))
    return _done(account)


# ---------------------------------------------------------------- prices


@router.post(AT + "/prices/{int:pk}/draft", response=Done)
def draft(request: HttpRequest, ecosystem: str, pk: int, given: VersionIn) -> Any:
    """Draft new prices, or change the draft."""
    tariff = one_of(queries.tariffs(domains.enter(request, ecosystem)), "pk", pk)
    assert isinstance(tariff, Tariff)
    sent = {name: value for name, value in given.dict(exclude_unset=True).items() if value is not None}
    drafted = _drafts(tariff).first()
    if drafted is not None:
        return _done(actions.edit_version(drafted, by=actor(request), **sent))
    return _done(actions.draft_version(tariff, by=actor(request), **sent))


@router.post(AT + "/prices/{int:pk}/publish", response=Done)
def publish(request: HttpRequest, ecosystem: str, pk: int) -> Any:
    """Publish the draft; from then on it never changes."""
    tariff = one_of(queries.tariffs(domains.enter(request, ecosystem)), "pk", pk)
    assert isinstance(tariff, Tariff)
    return _done(actions.publish_version(_draft_of(tariff), by=actor(request)))


@router.delete(AT + "/prices/{int:pk}/draft", response=Done)
def drop(request: HttpRequest, ecosystem: str, pk: int) -> Any:
    """Drop the draft."""
    tariff = one_of(queries.tariffs(domains.enter(request, ecosystem)), "pk", pk)
    assert isinstance(tariff, Tariff)
    actions.drop_version(_draft_of(tariff), by=actor(request))
    return _done(tariff)


def _drafts(tariff: Tariff) -> QuerySet[TariffVersion]:
    return TariffVersion.objects.filter(tariff=tariff, state=VersionState.DRAFT).select_related(
        "tariff__issuer__ecosystem"
    )


def _draft_of(tariff: Tariff) -> TariffVersion:
    found = _drafts(tariff).first()
    if found is None:
        raise Http404(_("There is no draft of it."))
    return found


# ---------------------------------------------------------------- invoices


@router.post(AT + "/issuers/{code}/runs", response=RunOut)
def run(request: HttpRequest, ecosystem: str, code: str, given: MonthIn) -> Any:
    """Invoice a month. Run again it adds what came since, and changes nothing otherwise."""
    done = actions.run_month(_issuer(request, ecosystem, code), by=actor(request), **given.dict())
    return {**_month(done), "left_out": done.left_out}


@router.post(AT + "/issuers/{code}/close", response=RunOut)
def close(request: HttpRequest, ecosystem: str, code: str, given: MonthIn) -> Any:
    """Close a month: nothing is charged in it any more."""
    done = actions.close_month(_issuer(request, ecosystem, code), by=actor(request), month=given.month)
    return {**_month(done), "left_out": done.left_out}


def _month(row: Any) -> dict[str, Any]:
    return {"month": row.month, "invoices": row.invoices.count(), "closed_on": row.closed_on}


@router.post(AT + "/issuers/{code}/journal", response={200: Any})
def journal(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Hand to the ledger what it did not get yet: postings as CSV."""
    made = actions.export_journal(_issuer(request, ecosystem, code), by=actor(request))
    return HttpResponse(made.content.encode(), content_type="text/csv; charset=utf-8")


@router.post(AT + "/accounts/{int:pk}/invoices", response=Done)
def issue(request: HttpRequest, ecosystem: str, pk: int, given: UntilIn) -> Any:
    """Invoice what an account used, outside the run of a month."""
    return _done(actions.issue_invoice(_payer(request, ecosystem, pk), by=actor(request), until=given.until))


@router.post(AT + "/invoices/{int:pk}/send", response=Done)
def send(request: HttpRequest, ecosystem: str, pk: int, given: SendIn) -> Any:
    """Note that an invoice went out; once."""
    return _step(request, ecosystem, pk, given, actions.send_invoice)


@router.post(AT + "/invoices/{int:pk}/void", response=Done)
def void(request: HttpRequest, ecosystem: str, pk: int, given: InvoiceReasonIn) -> Any:
    """Void an invoice that was not sent."""
    return _step(request, ecosystem, pk, given, actions.void_invoice)


@router.post(AT + "/invoices/{int:pk}/credit", response=Done)
def credit(request: HttpRequest, ecosystem: str, pk: int, given: CreditIn) -> Any:
    """Credit an invoice whole or in part; the answer is the credit note."""
    return _step(request, ecosystem, pk, given, actions.credit_invoice)


@router.post(AT + "/invoices/{int:pk}/payments", response=Done)
def pay(request: HttpRequest, ecosystem: str, pk: int, given: PaymentIn) -> Any:
    """Note a payment; the same reference is refused."""
    return _step(request, ecosystem, pk, given, actions.take_payment)


@router.post(AT + "/invoices/{int:pk}/reminders", response=Done)
def remind(request: HttpRequest, ecosystem: str, pk: int, given: StepIn) -> Any:
    """Note a reminder of a late invoice."""
    return _step(request, ecosystem, pk, given, actions.remind)


def _step(
    request: HttpRequest, ecosystem: str, pk: int, given: StepIn, verb: Callable[..., Any]
) -> dict[str, Any]:
    row, who = _seen_invoice(request, ecosystem, pk), actor(request)
    sent = given.dict()
    with holding(row, sent.pop("revision")):
        return _done(verb(row, by=who, **sent))


# ---------------------------------------------------------------- aid


@router.get("/customers/{code}/aid", response=RoomOut)
def aid(request: HttpRequest, code: str, on: date | None = None) -> Any:
    """The de minimis aid of a customer's single undertaking, and what it may still have."""
    row, who = _customer(code), actor(request)
    if not rules.may_see_aid(who, row):
        raise Refused("billing.aid", who, needs=rules.may_see_aid)
    room = queries.room(row, on or queries.today())
    return {
        "members": [str(each) for each in room.members],
        "since": room.since,
        "until": room.on,
        "ceiling": room.rule.value,
        "used": room.used,
        "left": room.left,
        "rule": str(room.rule),
        "certainty": room.rule.certainty,
    }


@router.post("/customers/{code}/aid", response=Done)
def grant(request: HttpRequest, code: str, given: GrantIn) -> Any:
    """Grant de minimis aid; refused where it would pass the ceiling."""
    sent = given.dict()
    grantor = one_of(Organisation.objects.all(), "code", sent.pop("grantor"))
    assert isinstance(grantor, Organisation)
    return _done(actions.grant_aid(_customer(code), by=actor(request), grantor=grantor, **sent))


@router.post("/aid/{int:pk}/revoke", response=Done)
def revoke(request: HttpRequest, pk: int, given: WhyIn) -> Any:
    """Take a grant back."""
    row = one_of(AidGrant.objects.select_related("customer"), "pk", pk)
    assert isinstance(row, AidGrant)
    return _done(actions.revoke_aid(row, by=actor(request), reason=given.reason))


@router.post("/aid/{int:pk}/register", response=Done)
def register(request: HttpRequest, pk: int, given: RegisterIn) -> Any:
    """Note that a grant was entered in the national register."""
    row = one_of(AidGrant.objects.select_related("customer"), "pk", pk)
    assert isinstance(row, AidGrant)
    return _done(actions.register_aid(row, by=actor(request), on=given.on, reference=given.reference))


# ---------------------------------------------------------------- helpers


def _done(row: Any) -> dict[str, Any]:
    return {"id": row.pk, "name": str(row)}


def _payer(request: HttpRequest, ecosystem: str, pk: int) -> PayerAccount:
    found = one_of(queries.accounts_seen(domains.enter(request, ecosystem), actor(request)), "pk", pk)
    assert isinstance(found, PayerAccount)
    return found


def _seen_invoice(request: HttpRequest, ecosystem: str, pk: int) -> Invoice:
    found = one_of(queries.invoices_seen(domains.enter(request, ecosystem), actor(request)), "pk", pk)
    assert isinstance(found, Invoice)
    return found


def _issuer(request: HttpRequest, ecosystem: str, code: str) -> Issuer:
    found = one_of(queries.issuers(domains.enter(request, ecosystem)), "code", code)
    assert isinstance(found, Issuer)
    return found


def _tariff(account: PayerAccount, pk: int) -> Tariff:
    found = one_of(Tariff.objects.filter(issuer=account.issuer), "pk", pk)
    assert isinstance(found, Tariff)
    found.issuer = account.issuer
    return found


def _customer(code: str) -> Customer:
    found = one_of(queries.customers(), "code", code)
    assert isinstance(found, Customer)
    return found


def _user(email: str) -> Account:
    found = one_of(Account.objects.filter(is_active=True), "email", email)
    assert isinstance(found, Account)
    return found
