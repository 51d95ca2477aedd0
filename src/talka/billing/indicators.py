"""Numbers that this room offers to the strategy: who pays for the open infrastructure, and how much."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db.models import F, Q, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from talka.billing import queries, sums
from talka.billing.models import InvoiceLine, PriceClass
from talka.core.indicators import Reading, indicator
from talka.core.values import Period
from talka.domains.models import Ecosystem


def _lines(ecosystem: Ecosystem, period: Period | None) -> QuerySet[InvoiceLine]:
    first, last = (period.first, period.last) if period else (date(1990, 1, 1), queries.today())
    return queries.income(ecosystem, first, last)


def _sum(lines: QuerySet[InvoiceLine]) -> Decimal:
    found = lines.aggregate(whole=Sum(F("net") * F("sign")))["whole"]
    return sums.cents(Decimal(found or 0))


# Own units' use is no income from outside; what a class was is frozen on the charge that a line invoices or credits.
OWN = Q(charge_line__charge__price_class=PriceClass.OWN) | Q(
    credits__charge_line__charge__price_class=PriceClass.OWN
)


@indicator("billing.income", label=_("Income of the open infrastructure"), unit="EUR")
def income(ecosystem: Ecosystem, period: Period | None) -> Reading:
    """Invoiced without VAT by the institutions of the ecosystem, by the date of the invoice, less what was credited.

    Void invoices do not count. None while none was issued.
    """
    lines = _lines(ecosystem, period)
    if not lines.exists():
        return Reading(None)
    return Reading(_sum(lines), evidence=lines)


@indicator("billing.external_income_share", label=_("Income from users of other institutions"), unit="%")
def external_income_share(ecosystem: Ecosystem, period: Period | None) -> Reading:
    """What was invoiced to others than the institutions' own units, in percent of all that was invoiced, without VAT.

    None while nothing was invoiced.
    """
    lines = _lines(ecosystem, period)
    whole, external = _sum(lines), lines.exclude(OWN)
    if not whole:
        return Reading(None)
    return Reading((_sum(external) * 100 / whole).quantize(Decimal("0.1")), evidence=external)


@indicator("billing.start_ups_served", label=_("Start-ups served"), unit=_("start-ups"))
def start_ups_served(ecosystem: Ecosystem, period: Period | None) -> Reading:
    """Customers with an invoice for a use priced for start-ups, each once, by the date of the invoice.

    None while nothing was invoiced.
    """
    lines = _lines(ecosystem, period)
    if not lines.exists():
        return Reading(None)
    served = queries.customers().filter(
        pk__in=lines.filter(charge_line__charge__price_class=PriceClass.START_UP).values("invoice__customer")
    )
    return Reading(served.count(), evidence=served)
