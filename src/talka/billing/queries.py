"""Reads: who pays which price, what a use would cost, how much aid is left, what is open, what a rate recovers.

`quotes` reckons a use without writing anything; charging goes the same way, so that an estimate and the invoice agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, F, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from talka.billing import sums
from talka.billing.models import (
    ECONOMIC,
    UNDERTAKINGS,
    AccountShare,
    AidGrant,
    AidState,
    Charge,
    ChargeLine,
    ChargeState,
    Credit,
    CreditKind,
    CreditUse,
    Customer,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoiceState,
    Issuer,
    PayerAccount,
    Payment,
    PriceClass,
    Rate,
    Standing,
    StartUpProfile,
    Tariff,
    TariffVersion,
    UndertakingLink,
    VatCategory,
    VersionState,
)
from talka.core import dated
from talka.core.actions import Invalid
from talka.core.models import DatedRule
from talka.domains.models import Ecosystem

RIGA = ZoneInfo("Europe/Riga")
EU = frozenset(
    "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE".split()  # noqa: SIM905 -- a list to be read
)
CEILING, YEARS = "de-minimis-ceiling", "de-minimis-years"
START_UP_YEARS, VAT_RATE = "start-up-years", "vat-standard-rate"
ZERO = Decimal("0.00")


def total(rows: QuerySet[Any], column: str) -> Decimal:
    """The exact sum of a column. SQLite adds floating points; what it says is rounded to the cent that it means."""
    found = rows.aggregate(whole=Sum(column))["whole"]
    return ZERO if found is None else sums.cents(Decimal(found))


# ---------------------------------------------------------------- who issues, who pays


def issuers(ecosystem: Ecosystem) -> QuerySet[Issuer]:
    """The institutions of an ecosystem that issue invoices."""
    return Issuer.objects.filter(ecosystem=ecosystem).select_related("organisation", "ecosystem")


def issuers_of(ecosystem: Ecosystem, by: Any) -> QuerySet[Issuer]:
    """The issuers whose books somebody keeps: those where he or she works and may price or invoice."""
    rows = issuers(ecosystem)
    if by is None or not (by.may("billing.price", ecosystem.pk) or by.may("billing.invoice", ecosystem.pk)):
        return rows.none()
    return rows.filter(organisation_id__in=by.organisation_ids()) if hasattr(by, "organisation_ids") else rows


def customers() -> QuerySet[Customer]:
    """Everyone who pays."""
    return Customer.objects.select_related("organisation", "person", "start_up")


def in_force(rows: QuerySet[Any], on: date) -> QuerySet[Any]:
    """Those whose dates hold a day."""
    return rows.filter(Q(ends=None) | Q(ends__gte=on), starts__lte=on)


def start_up_ends(profile: StartUpProfile) -> date:
    """The last day on which a company may be priced as a start-up: by age, or earlier if it was ended."""
    years = int(dated.limit(START_UP_YEARS, max(profile.declared_on, profile.registered_on)))
    last = years_after(profile.registered_on, years)
    return min(last, profile.ended_on) if profile.ended_on else last


def is_start_up(profile: StartUpProfile, on: date) -> bool:
    """Whether the conditions of Article 22 of the GBER hold on a day."""
    return (
        profile.small
        and profile.unlisted
        and not profile.distributed_profit
        and not profile.took_over
        and profile.declared_on <= on <= start_up_ends(profile)
    )


def class_of(customer: Customer, issuer: Issuer, on: date) -> PriceClass:
    """The class of prices of a customer on a day.

    Without a dated fact an organisation pays as a company: the class in whose price there is never any aid.
    """
    organisation = customer.organisation
    if organisation is not None and issuer.organisation_id in (organisation.pk, organisation.parent_id):
        return PriceClass.OWN
    profile = getattr(customer, "start_up", None)
    if profile is not None and is_start_up(profile, on):
        return PriceClass.START_UP
    standing = in_force(Standing.objects.filter(customer=customer), on).order_by("-starts").first()
    if standing is not None:
        return PriceClass(standing.price_class)
    return PriceClass.INDIVIDUAL if customer.person_id else PriceClass.COMPANY


# ---------------------------------------------------------------- value-added tax


@dataclass(frozen=True)
class Vat:
    """How a supply is taxed: category, rate in percent, and why none is charged."""

    category: str
    rate: Decimal = Decimal(0)
    code: str = ""
    reason: str = ""


def vat_for(issuer: Issuer, customer: Customer, tariff: Tariff | None, on: date) -> Vat:
    """The VAT of a supply by an issuer to a customer on a day.

    The general rule for services: taxed where a business customer is established (Directive 2006/112/EC, Article 44),
    which then pays the tax itself (Article 196). Between units of one institution nothing is supplied.
    """
    organisation = customer.organisation
    if organisation is not None and issuer.organisation_id in (organisation.pk, organisation.parent_id):
        return Vat(VatCategory.OUTSIDE, code="VATEX-EU-O", reason=_("Within one institution; no supply"))
    if not issuer.vat_number:
        return Vat(VatCategory.OUTSIDE, code="VATEX-EU-O", reason=_("The seller is not registered for VAT"))
    if tariff is not None and tariff.exemption_reason:
        return Vat(VatCategory.EXEMPT, code=tariff.exemption_code, reason=tariff.exemption_reason)
    if customer.country != issuer.country and not customer.person_id:
        if customer.country not in EU:
            return Vat(
                VatCategory.OUTSIDE,
                code="VATEX-EU-O",
                reason=_("Place of supply outside the EU: Directive 2006/112/EC, Article 44"),
            )
        if customer.vat_number:
            return Vat(
                VatCategory.REVERSE,
                code="VATEX-EU-AE",
                reason=_("Reverse charge: Directive 2006/112/EC, Article 196"),
            )
    return Vat(VatCategory.STANDARD, sums.cents(dated.limit(VAT_RATE, on)))


# ---------------------------------------------------------------- prices


def tariffs(ecosystem: Ecosystem) -> QuerySet[Tariff]:
    """What the institutions of an ecosystem offer at a price."""
    return Tariff.objects.filter(issuer__ecosystem=ecosystem).select_related(
        "issuer__ecosystem", "issuer__organisation"
    )


def versions(tariff: Tariff) -> QuerySet[TariffVersion]:
    """All versions of a price, the newest first, with costs, bands and rates."""
    return (
        TariffVersion.objects.filter(tariff=tariff)
        .select_related("tariff__issuer__ecosystem")
        .prefetch_related("costs", "bands", "rates")
        .order_by("-number")
    )


def version_on(tariff: Tariff, on: date) -> TariffVersion:
    """The published prices of a thing on a day. Raises Invalid where none were."""
    found = (
        TariffVersion.objects.filter(
            Q(valid_until=None) | Q(valid_until__gte=on),
            tariff=tariff,
            state=VersionState.PUBLISHED,
            valid_from__lte=on,
        )
        .prefetch_related("costs", "bands", "rates")
        .order_by("-valid_from")
        .first()
    )
    if found is None:
        raise Invalid(
            _("“%(what)s” has no published price on %(day)s.") % {"what": tariff, "day": on.isoformat()}
        )
    found.tariff = tariff
    return found


def steps(version: TariffVersion, price_class: str) -> list[sums.Step]:
    """The rates of a class as plain values."""
    return [
        sums.Step(rate.band, rate.since, rate.amount)
        for rate in version.rates.all()
        if rate.price_class == price_class
    ]


def price_pieces(
    version: TariffVersion, price_class: str, economic: bool, quantities: Mapping[str, Decimal]
) -> list[sums.Piece]:
    """What a use costs a class, piece by piece. Raises Invalid where the class has no rate.

    The undiscounted price of an economic use is what companies pay, of any other its full cost.
    """
    own = steps(version, price_class)
    reference = steps(version, PriceClass.COMPANY) if economic else None
    try:
        return sums.pieces(quantities, steps=own, reference=reference or None, cost_rate=version.cost_rate)
    except sums.NoPrice:
        raise Invalid(
            _("“%(what)s” has no price for %(who)s; the unit that offers it can add one.")
            % {"what": version.tariff, "who": PriceClass(price_class).label},
            field="tariff",
        ) from None


def by_band(version: TariffVersion, starts: datetime, ends: datetime) -> dict[str, Decimal]:
    """The hours between two moments by band of time, in the time of Riga; those of no band under "".

    Hours are real ones: the night on which clocks go forward is an hour shorter.
    """
    if ends <= starts:
        raise Invalid(_("It ends before it starts."))
    bands = list(version.bands.all())
    edges = {starts, ends}
    day = starts.astimezone(RIGA).date() - timedelta(days=1)
    while day <= ends.astimezone(RIGA).date():
        midnight = datetime.combine(day, time(), RIGA)
        for each in [midnight, *(datetime.combine(day, t, RIGA) for b in bands for t in (b.begins, b.ends))]:
            if starts < each < ends:
                edges.add(each)
        day += timedelta(days=1)
    # Moments, not wall times: aware datetimes of one zone would be compared and subtracted by their faces.
    marks = sorted({each.astimezone(ZoneInfo("UTC")) for each in edges})
    found: dict[str, Decimal] = {}
    for since, until in pairwise(marks):
        local = since.astimezone(RIGA)
        code = next((band.code for band in bands if _covers(band, local)), "")
        hours = Decimal(int((until - since).total_seconds())) / 3600
        found[code] = found.get(code, Decimal(0)) + hours
    return {code: hours.quantize(Decimal("0.0001")) for code, hours in found.items()}


def _covers(band: Any, local: datetime) -> bool:
    """Whether a band covers a moment; one that ends before it begins goes on after midnight of its day."""
    clock, today = local.time(), str(local.isoweekday())
    ends = band.ends if band.ends != time() else None
    if ends is None or band.begins < ends:
        return today in band.days and band.begins <= clock and (ends is None or clock < ends)
    yesterday = str((local - timedelta(days=1)).isoweekday())
    return (today in band.days and clock >= band.begins) or (yesterday in band.days and clock < ends)


# ---------------------------------------------------------------- what a use would cost


@dataclass(frozen=True)
class Part:
    """A part of a quote with one price; `credit` is the package that covers it."""

    band: str
    quantity: Decimal
    unit_price: Decimal
    full_cost: Decimal
    price: Decimal
    subsidy: Decimal
    credit: Credit | None = None

    @property
    def pays(self) -> Decimal:
        return self.price - self.subsidy


@dataclass(frozen=True)
class Quote:
    """What one account would pay for a use, and on what that rests."""

    account: PayerAccount
    version: TariffVersion
    price_class: PriceClass
    activity: str
    parts: Sequence[Part]
    vat: Vat
    share: str = ""

    @property
    def economic(self) -> bool:
        return self.activity in ECONOMIC

    @property
    def quantity(self) -> Decimal:
        return sum((part.quantity for part in self.parts), Decimal(0))

    @property
    def full_cost(self) -> Decimal:
        return sum((part.full_cost for part in self.parts), ZERO)

    @property
    def price(self) -> Decimal:
        return sum((part.price for part in self.parts), ZERO)

    @property
    def subsidy(self) -> Decimal:
        return sum((part.subsidy for part in self.parts), ZERO)

    @property
    def pays(self) -> Decimal:
        return self.price - self.subsidy

    @property
    def with_vat(self) -> Decimal:
        return self.pays + sums.cents(self.pays * self.vat.rate / 100)

    @property
    def aid(self) -> Decimal:
        """How much of it would be aid: what an undertaking is spared of the price of an economic use."""
        return self.subsidy if self.economic and self.price_class in UNDERTAKINGS else ZERO


def quotes(
    account: PayerAccount,
    tariff: Tariff,
    *,
    activity: str,
    day: date,
    quantities: Mapping[str, Decimal],
    version: TariffVersion | None = None,
    classes: Mapping[int, str] | None = None,
    but: str = "",
) -> list[Quote]:
    """What a use on an account would cost: one quote, or one for each account of its shares.

    `quantities` by time band (`by_band`; "" where time does not matter), in the tariff's unit. `version` and
    `classes` (by account): what was frozen earlier; without them, those of the day. `but`: the key of the charge that
    is reckoned anew, whose hold on packages does not count. Raises Invalid where there is no price, or for a quantity
    that makes no sense.
    """
    if any(each < 0 or each > 1_000_000 for each in quantities.values()):
        raise Invalid(_("A quantity lies between 0 and 1 000 000."), field="quantity")
    version = version or version_on(tariff, day)
    charged = sums.rounded_up(quantities, minimum=version.minimum, step=version.step)
    shares = list(
        AccountShare.objects.filter(account=account).select_related(
            "pays__customer__organisation", "pays__customer__start_up", "pays__issuer__organisation"
        )
    )
    if not shares:
        return [_quote(account, tariff, version, activity, day, charged, classes or {}, but)]
    weights = [share.weight for share in shares]
    whole = sum(weights, Decimal(0))
    return [
        _shared(share.pays, tariff, version, activity, day, charged, classes or {}, weights, index, whole)
        for index, share in enumerate(shares)
    ]


def _quote(
    account: PayerAccount,
    tariff: Tariff,
    version: TariffVersion,
    activity: str,
    day: date,
    quantities: Mapping[str, Decimal],
    classes: Mapping[int, str],
    but: str,
) -> Quote:
    price_class = _class(account, day, classes)
    covered, rest = _covered(account, tariff, version, quantities, day, but)
    priced = [
        Part(p.band, p.quantity, p.unit_price, p.full_cost, p.price, p.subsidy)
        for p in price_pieces(version, price_class, activity in ECONOMIC, rest)
    ]
    return Quote(account, version, price_class, activity, [*covered, *priced], _vat(account, tariff, day))


def _class(account: PayerAccount, day: date, classes: Mapping[int, str]) -> PriceClass:
    frozen = classes.get(account.pk)
    return PriceClass(frozen) if frozen else class_of(account.customer, account.issuer, day)


def _vat(account: PayerAccount, tariff: Tariff, day: date) -> Vat:
    """The tax, its reason in the language of the customer's invoices."""
    with override(account.customer.language):
        return vat_for(account.issuer, account.customer, tariff, day)


def _shared(
    account: PayerAccount,
    tariff: Tariff,
    version: TariffVersion,
    activity: str,
    day: date,
    quantities: Mapping[str, Decimal],
    classes: Mapping[int, str],
    weights: Sequence[Decimal],
    index: int,
    whole: Decimal,
) -> Quote:
    """The share of one account: of what the whole would cost its own class, to the last cent over all shares."""
    price_class = _class(account, day, classes)
    parts = []
    for piece in price_pieces(version, price_class, activity in ECONOMIC, quantities):
        pays, subsidy, cost = (
            sums.shared(each, weights)[index] for each in (piece.pays, piece.subsidy, piece.full_cost)
        )
        part = (piece.quantity * weights[index] / whole).quantize(Decimal("0.0001"))
        parts.append(Part(piece.band, part, piece.unit_price, cost, pays + subsidy, subsidy))
    vat = _vat(account, tariff, day)
    share = f"{weights[index].normalize():f}/{whole.normalize():f}"
    return Quote(account, version, price_class, activity, parts, vat, share)


def _covered(
    account: PayerAccount,
    tariff: Tariff,
    version: TariffVersion,
    quantities: Mapping[str, Decimal],
    day: date,
    but: str,
) -> tuple[list[Part], dict[str, Decimal]]:
    """What packages cover, those that expire first taken first; and the quantities that are left to pay."""
    rest = dict(quantities)
    parts: list[Part] = []
    for credit, left in package_balances(account, tariff, day, but=but):
        for band in list(rest):
            taken = min(left, rest[band])
            if taken > 0:
                cost = sums.cents(taken * version.cost_rate)
                parts.append(Part(band, taken, Decimal(0), cost, ZERO, ZERO, credit))
                left -= taken
                rest[band] -= taken
    return parts, {band: each for band, each in rest.items() if each > 0}


# ---------------------------------------------------------------- accounts


def accounts(ecosystem: Ecosystem) -> QuerySet[PayerAccount]:
    """All payer accounts in an ecosystem."""
    return PayerAccount.objects.filter(issuer__ecosystem=ecosystem).select_related(
        "issuer__ecosystem", "issuer__organisation", "customer__organisation", "customer__person"
    )


def accounts_seen(ecosystem: Ecosystem, by: Any) -> QuerySet[PayerAccount]:
    """The accounts that somebody sees: those of the issuers whose books he or she keeps, one's own, and shared ones."""
    if by is None:
        return accounts(ecosystem).none()
    if not hasattr(by, "organisation_ids"):
        return accounts(ecosystem)
    mine = by.organisation_ids()
    seen = (
        Q(issuer__in=issuers_of(ecosystem, by))
        | Q(customer__organisation__in=mine)
        | Q(pk__in=PayerAccount.objects.filter(users__user_id=by.pk).values("pk"))
    )
    if by.person_id:
        seen |= Q(customer__person_id=by.person_id)
    return accounts(ecosystem).filter(seen)


def spent(account: PayerAccount, *, but: str = "") -> Decimal:
    """What uses on an account come to, estimated and final, without VAT; `but` leaves out those of a key."""
    rows = Charge.objects.filter(Q(account=account) | Q(shared_from=account)).exclude(
        state=ChargeState.CANCELLED
    )
    return total(rows.exclude(key=but) if but else rows, "pays")


def with_spent(rows: QuerySet[PayerAccount]) -> QuerySet[PayerAccount]:
    """Accounts with `spent` and `waiting` (final, not invoiced yet), each in one question."""
    charges = Charge.objects.filter(account=OuterRef("pk")).exclude(state=ChargeState.CANCELLED)
    waiting = charges.filter(state=ChargeState.FINAL).exclude(lines__invoice_lines__live=True)

    def summed(found: QuerySet[Charge]) -> Any:
        return Coalesce(
            Subquery(found.order_by().values("account").annotate(whole=Sum("pays")).values("whole")),
            Value(ZERO),
        )

    return rows.annotate(spent=summed(charges), waiting=summed(waiting))


def money_balances(account: PayerAccount, on: date) -> list[tuple[Credit, Decimal]]:
    """The sums paid ahead on an account that can still be used on a day, with what is left of each."""
    rows = (
        Credit.objects.filter(Q(expires=None) | Q(expires__gte=on), account=account, kind_of=CreditKind.MONEY)
        .filter(paid_on__lte=on)
        .annotate(used=Sum("uses__amount", filter=~Q(uses__invoice__state=InvoiceState.VOID)))
        .order_by(F("expires").asc(nulls_last=True), "paid_on", "pk")
    )
    return [(row, left) for row in rows if (left := row.amount - sums.cents(row.used or ZERO)) > 0]


def package_balances(
    account: PayerAccount, tariff: Tariff, on: date, *, but: str = ""
) -> list[tuple[Credit, Decimal]]:
    """The packages of a thing that can still be used on a day, with the quantity left of each."""
    rows = Credit.objects.filter(
        Q(expires=None) | Q(expires__gte=on), account=account, kind_of=CreditKind.PACKAGE, tariff=tariff
    ).filter(paid_on__lte=on)
    counts = ~Q(covers__charge__state=ChargeState.CANCELLED)
    if but:
        counts &= ~Q(covers__charge__key=but)
    rows = rows.annotate(used=Sum("covers__quantity", filter=counts)).order_by(
        F("expires").asc(nulls_last=True), "paid_on", "pk"
    )
    four = Decimal("0.0001")
    return [
        (row, left) for row in rows if (left := row.quantity - (row.used or Decimal(0)).quantize(four)) > 0
    ]


# ---------------------------------------------------------------- charges and invoices


def charges(account: PayerAccount) -> QuerySet[Charge]:
    """What was used on an account, the latest first."""
    return (
        Charge.objects.filter(account=account)
        .select_related("account__issuer__ecosystem", "version__tariff", "aid")
        .order_by("-day", "-pk")
    )


def by_key(key: str) -> QuerySet[Charge]:
    """The charges that came from one thing, over all accounts that share it."""
    return (
        Charge.objects.filter(key=key)
        .select_related("account__issuer__organisation", "account__customer__organisation", "version__tariff")
        .order_by("pk")
    )


def to_invoice(issuer: Issuer, until: date) -> QuerySet[Charge]:
    """Final uses up to a day that stand on no live invoice, by account and day."""
    return (
        Charge.objects.filter(account__issuer=issuer, state=ChargeState.FINAL, day__lte=until)
        .exclude(lines__invoice_lines__live=True)
        .select_related("account__customer", "account__issuer", "version__tariff")
        .prefetch_related(Prefetch("lines", ChargeLine.objects.order_by("order")))
        .order_by("account", "day", "pk")
    )


def invoices(ecosystem: Ecosystem) -> QuerySet[Invoice]:
    """All invoices in an ecosystem, the newest first."""
    return Invoice.objects.filter(issuer__ecosystem=ecosystem).select_related(
        "issuer__ecosystem",
        "issuer__organisation",
        "account__issuer",
        "customer__organisation",
        "credits__issuer",
    )


def invoices_seen(ecosystem: Ecosystem, by: Any) -> QuerySet[Invoice]:
    """The invoices that somebody sees: of the issuers whose books he or she keeps, and of accounts of one's own."""
    return invoices(ecosystem).filter(account__in=accounts_seen(ecosystem, by))


def with_open(rows: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """Invoices with `paid` and `credited`, from which `open_of` says what is still to pay."""
    paid = (
        Payment.objects.filter(invoice=OuterRef("pk")).order_by().values("invoice").annotate(s=Sum("amount"))
    )
    credited = (
        Invoice.objects.filter(credits=OuterRef("pk"))
        .exclude(state=InvoiceState.VOID)
        .order_by()
        .values("credits")
        .annotate(s=Sum("gross"))
    )
    return rows.annotate(
        paid=Coalesce(Subquery(paid.values("s")), Value(ZERO)),
        credited=Coalesce(Subquery(credited.values("s")), Value(ZERO)),
    )


def open_of(invoice: Any) -> Decimal:
    """What is still to pay of an invoice that came from `with_open`: nothing of credit notes and void ones."""
    if invoice.kind_of == InvoiceKind.CREDIT_NOTE or invoice.state == InvoiceState.VOID:
        return ZERO
    left: Decimal = invoice.payable - sums.cents(invoice.paid) - sums.cents(invoice.credited)
    return max(left, ZERO)


def open_amount(invoice: Invoice) -> Decimal:
    """What is still to pay of one invoice, as it is now."""
    return open_of(with_open(Invoice.objects.filter(pk=invoice.pk)).get())


def gaps(issuer: Issuer, year: int) -> list[int]:
    """Invoice numbers of a year that are missing before the last one; there are none."""
    used = set(Invoice.objects.filter(issuer=issuer, year=year).values_list("sequence", flat=True))
    return sorted(set(range(1, max(used, default=0) + 1)) - used)


# ---------------------------------------------------------------- the ledger


@dataclass(frozen=True)
class Posting:
    """A line of a journal: an account of the ledger is debited or credited."""

    day: date
    document: str
    ledger: str
    debit: Decimal
    credit: Decimal
    party: str
    text: str


def postings(
    issuer: Issuer, made: Iterable[Invoice], paid: Iterable[Payment], ahead: Iterable[Credit]
) -> list[Posting]:
    """The postings of invoices (with their lines), payments and sums paid ahead; debit and credit are equal."""
    found: list[Posting] = []

    def post(
        day: date, document: str, debit: str, credit: str, amount: Decimal, party: str, text: str
    ) -> None:
        if amount < 0:
            debit, credit, amount = credit, debit, -amount
        if amount:
            found.append(Posting(day, document, debit, amount, ZERO, party, text))
            found.append(Posting(day, document, credit, ZERO, amount, party, text))

    for invoice in made:
        sign = -1 if invoice.is_credit else 1
        party = invoice.buyer["registration_number"] or invoice.buyer["legal_name"]
        lines = list(invoice.lines.all())
        for economic, ledger in ((True, issuer.ledger_economic), (False, issuer.ledger_other)):
            net = sum((line.net for line in lines if line.economic is economic), ZERO)
            post(
                invoice.issued_on, invoice.number, issuer.ledger_receivable, ledger, sign * net, party, "net"
            )
        post(
            invoice.issued_on,
            invoice.number,
            issuer.ledger_receivable,
            issuer.ledger_vat,
            sign * invoice.vat,
            party,
            "VAT",
        )
        post(
            invoice.issued_on,
            invoice.number,
            issuer.ledger_prepaid,
            issuer.ledger_receivable,
            sign * invoice.prepaid,
            party,
            "prepaid",
        )
    for payment in paid:
        party = payment.invoice.buyer["registration_number"] or payment.invoice.buyer["legal_name"]
        post(
            payment.paid_on,
            payment.invoice.number,
            issuer.ledger_bank,
            issuer.ledger_receivable,
            payment.amount,
            party,
            payment.reference,
        )
    for credit in ahead:
        party = credit.account.customer.registration_number or credit.account.customer.legal_name
        post(
            credit.paid_on,
            credit.reference,
            issuer.ledger_bank,
            issuer.ledger_prepaid,
            credit.amount,
            party,
            "prepaid",
        )
    return found


# ---------------------------------------------------------------- de minimis


def years_before(day: date, years: int) -> date:
    """The same day so many years ago; 29 February becomes 28."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def years_after(day: date, years: int) -> date:
    """The same day so many years on; 29 February becomes 28."""
    return years_before(day, -years)


def undertaking(customer: Customer, on: date) -> frozenset[int]:
    """The ids of all customers that are one single undertaking with this one on a day, itself among them."""
    found, new = {customer.pk}, {customer.pk}
    while new:
        links = in_force(UndertakingLink.objects.all(), on).filter(
            Q(controlling__in=new) | Q(controlled__in=new)
        )
        reached = {pk for pair in links.values_list("controlling_id", "controlled_id") for pk in pair}
        new = reached - found
        found |= new
    return frozenset(found)


@dataclass(frozen=True)
class Room:
    """How much de minimis aid a single undertaking had in the years before a day, and how much it may still have."""

    on: date
    since: date
    members: Sequence[Customer]
    grants: Sequence[AidGrant]
    rule: DatedRule

    @property
    def used(self) -> Decimal:
        return sum((grant.amount for grant in self.grants), ZERO)

    @property
    def left(self) -> Decimal:
        return max(self.rule.value - self.used, ZERO).quantize(ZERO)


def room(customer: Customer, on: date) -> Room:
    """The de minimis aid of a customer's single undertaking over the years that end on a day.

    A grant counts from the same day three years ago inclusive: one on 18.01.2024 looks back to 18.01.2021.
    """
    rule = dated.rule(CEILING, on)
    since = years_before(on, int(dated.limit(YEARS, on)))
    members = undertaking(customer, on)
    grants = AidGrant.objects.filter(
        customer__in=members, state=AidState.GRANTED, granted_on__range=(since, on)
    ).select_related("customer", "grantor", "rule")
    return Room(
        on,
        since,
        list(Customer.objects.filter(pk__in=members)),
        list(grants.order_by("granted_on", "pk")),
        rule,
    )


def passes_ceiling(
    customer: Customer, on: date, amount: Decimal, *, but: int | None = None
) -> tuple[date, Decimal, DatedRule] | None:
    """Whether a grant would take any window of years that holds its day over the ceiling; the day on which it would.

    Windows of later grants hold it too, when it is entered late. Returns (day, sum of that window, rule) or None.
    """
    years = int(dated.limit(YEARS, on))
    members = undertaking(customer, on)
    near = AidGrant.objects.filter(
        customer__in=members,
        state=AidState.GRANTED,
        granted_on__range=(years_before(on, years), years_after(on, years)),
    ).exclude(pk=but or 0)
    known = list(near.values_list("granted_on", "amount"))
    for last in sorted({on, *(day for day, _amount in known if day >= on)}):
        first = years_before(last, years)
        if first <= on:
            whole = amount + sum((each for day, each in known if first <= day <= last), ZERO)
            rule = dated.rule(CEILING, last)
            if whole > rule.value:
                return last, whole, rule
    return None


# ---------------------------------------------------------------- what a rate recovers


@dataclass
class ClassSum:
    """What one class of customers used of a thing, and what that comes to at given prices."""

    price_class: PriceClass
    quantity: Decimal = Decimal(0)
    economic: Decimal = Decimal(0)
    full_cost: Decimal = ZERO
    price: Decimal = ZERO
    pays: Decimal = ZERO
    unpriced: int = 0  # uses for which these prices have no rate

    @property
    def subsidy(self) -> Decimal:
        return self.price - self.pays


@dataclass
class Recovery:
    """What the uses of a period would have brought in at the prices of a version, beside what a year costs."""

    version: TariffVersion
    classes: dict[PriceClass, ClassSum] = field(default_factory=dict)
    fixed: Decimal = ZERO

    @property
    def quantity(self) -> Decimal:
        return sum((each.quantity for each in self.classes.values()), Decimal(0))

    @property
    def income(self) -> Decimal:
        return sum((each.pays for each in self.classes.values()), ZERO)

    @property
    def cost(self) -> Decimal:
        """What the year costs: what is spent whatever is used, and what each use spends."""
        each = sum((line.each for line in self.version.costs.all()), Decimal(0))
        return sums.cents(self.fixed + each * self.quantity)

    @property
    def share(self) -> float | None:
        """How much of the year's cost is recovered; None where no cost is known."""
        return float(self.income / self.cost) if self.cost else None

    @property
    def economic_share(self) -> float | None:
        """Economic use as a share of the capacity (not of the use)."""
        economic = sum((each.economic for each in self.classes.values()), Decimal(0))
        return float(economic / self.version.capacity) if self.version.capacity else None


Use = tuple[str, bool, dict[str, Decimal]]


def uses(tariff: Tariff, first: date, last: date) -> list[Use]:
    """The final uses of a thing in a period: class, whether economic, quantities by band."""
    lines = (
        ChargeLine.objects.filter(
            charge__version__tariff=tariff, charge__state=ChargeState.FINAL, charge__day__range=(first, last)
        )
        .order_by("charge", "order")
        .values_list("charge", "charge__price_class", "charge__economic", "band", "quantity")
    )
    found: dict[int, Use] = {}
    for charge, price_class, economic, band, quantity in lines:
        bands = found.setdefault(charge, (price_class, economic, {}))[2]
        bands[band] = bands.get(band, Decimal(0)) + quantity
    return list(found.values())


def recovery(version: TariffVersion, used: Iterable[Use]) -> Recovery:
    """What these uses come to at the prices of a version, draft or published."""
    found = Recovery(version, fixed=sum((line.yearly for line in version.costs.all()), ZERO))
    for price_class, economic, quantities in used:
        row = found.classes.setdefault(PriceClass(price_class), ClassSum(PriceClass(price_class)))
        quantity = sum(quantities.values(), Decimal(0))
        row.quantity += quantity
        row.economic += quantity if economic else 0
        row.full_cost += sums.cents(quantity * version.cost_rate)
        try:
            pieces = price_pieces(version, price_class, economic, quantities)
        except Invalid:
            row.unpriced += 1
            continue
        row.price += sum((piece.price for piece in pieces), ZERO)
        row.pays += sum((piece.pays for piece in pieces), ZERO)
    return found


def published_prices(ecosystem: Ecosystem, on: date) -> QuerySet[Tariff]:
    """The price list of a day: what is offered, each with its version in force as `valid`."""
    versions = (
        TariffVersion.objects.filter(
            Q(valid_until=None) | Q(valid_until__gte=on), state=VersionState.PUBLISHED, valid_from__lte=on
        )
        .prefetch_related(Prefetch("rates", Rate.objects.order_by("price_class", "band", "since")))
        .order_by("-valid_from")
    )
    return (
        tariffs(ecosystem)
        .filter(withdrawn=False)
        .prefetch_related(Prefetch("versions", versions, to_attr="valid"))
        .order_by("issuer__code", "owner_unit", "code")
    )


def income(ecosystem: Ecosystem, first: date, last: date) -> QuerySet[InvoiceLine]:
    """Lines of the invoices of a period that stand; those of credit notes count against them."""
    return InvoiceLine.objects.filter(
        invoice__issuer__ecosystem=ecosystem, invoice__issued_on__range=(first, last), live=True
    ).annotate(sign=Case(When(invoice__kind_of=InvoiceKind.CREDIT_NOTE, then=Value(-1)), default=Value(1)))


def credit_used(invoice: Invoice) -> QuerySet[CreditUse]:
    """What an invoice took from sums paid ahead."""
    return CreditUse.objects.filter(invoice=invoice).select_related("credit")


def counts_by_state(rows: QuerySet[Invoice]) -> dict[str, int]:
    """How many invoices there are of each state."""
    return dict(rows.order_by().values_list("state").annotate(Count("pk")))


def today() -> date:
    """The day in Riga."""
    return timezone.localdate()
