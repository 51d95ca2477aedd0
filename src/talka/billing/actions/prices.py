"""Verbs on prices: what is offered, its versions with costs, bands and rates; publishing freezes a version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from talka.billing import queries, rules
from talka.billing.actions.keep import _keep
from talka.billing.models import (
    CostLine,
    Issuer,
    PriceBasis,
    PriceClass,
    Rate,
    Tariff,
    TariffVersion,
    TimeBand,
    VersionState,
    whole_cost_rate,
)
from talka.core.actions import Invalid, action
from talka.core.locking import check, hold

Rows = Iterable[Mapping[str, Any]]


@action(needs=rules.may_price)
def add_tariff(issuer: Issuer, *, by: Any, **values: Any) -> Tariff:
    """Offers a thing at a price; its prices come with a version."""
    return _keep(Tariff(issuer=issuer), values)


@action(needs=rules.may_price)
def edit_tariff(tariff: Tariff, *, by: Any, seen: int | None = None, **values: Any) -> Tariff:
    """Changes what a thing is called, who offers it and how it is taxed. Its unit stays once it has prices."""
    check(tariff, seen)
    priced = tariff.versions.filter(state=VersionState.PUBLISHED).exists()
    if values.get("unit", tariff.unit) != tariff.unit and priced:
        raise Invalid(_("Prices of it are published by this unit, so it stays."), field="unit")
    return _keep(tariff, values)


@action(needs=rules.may_price)
def draft_version(
    tariff: Tariff,
    *,
    by: Any,
    costs: Rows | None = None,
    bands: Rows | None = None,
    rates: Rows | None = None,
    **values: Any,
) -> TariffVersion:
    """Begins new prices of a thing: a draft, with what is given and otherwise as the version before."""
    hold(tariff)
    before = queries.versions(tariff).first()
    if before is not None and before.state == VersionState.DRAFT:
        raise Invalid(
            _("Version %(number)d is still a draft; change or drop that one.") % {"number": before.number}
        )
    row = TariffVersion(tariff=tariff, number=before.number + 1 if before else 1)
    if before is not None:
        kept = {name: getattr(before, name) for name in ("capacity", "minimum", "step")}
        values = {**kept, **values}
        costs = _copied(before.costs.all(), COST) if costs is None else costs
        bands = _copied(before.bands.all(), BAND) if bands is None else bands
        rates = _copied(before.rates.all(), RATE) if rates is None else rates
    _keep(row, values)
    _below(row, costs, bands, rates)
    return row


@action(needs=rules.may_price)
def edit_version(
    version: TariffVersion,
    *,
    by: Any,
    seen: int | None = None,
    costs: Rows | None = None,
    bands: Rows | None = None,
    rates: Rows | None = None,
    **values: Any,
) -> TariffVersion:
    """Changes a draft; lists that are given become the new ones. Published prices never change: draft new ones."""
    check(version, seen)
    _still_draft(version)
    _keep(version, values, bump=True)
    _below(version, costs, bands, rates)
    return version


@action(needs=rules.may_price)
def drop_version(version: TariffVersion, *, by: Any) -> None:
    """Drops a draft."""
    _still_draft(version)
    version.delete()


@action(needs=rules.may_price)
def publish_version(version: TariffVersion, *, by: Any, seen: int | None = None) -> TariffVersion:
    """Publishes prices: from now on they never change. The version before ends the day before they begin."""
    check(version, seen)
    hold(version.tariff)
    _still_draft(version)
    _check_prices(version)
    before = (
        TariffVersion.objects.filter(tariff=version.tariff, state=VersionState.PUBLISHED)
        .order_by("-valid_from")
        .first()
    )
    if before is not None:
        if before.valid_from >= version.valid_from:
            raise Invalid(
                _("Version %(number)d begins on %(day)s; new prices begin after it.")
                % {"number": before.number, "day": before.valid_from},
                field="valid_from",
            )
        last = version.valid_from - timedelta(days=1)
        if before.valid_until is None or before.valid_until > last:
            used = before.charges.filter(day__gte=version.valid_from).exclude(state="cancelled").count()
            if used and version.valid_from <= queries.today():
                raise Invalid(
                    _(
                        "%(count)d uses since %(day)s are charged by version %(number)d; new prices begin later."
                    )
                    % {"count": used, "day": version.valid_from, "number": before.number},
                    field="valid_from",
                )
            before.valid_until = last
            before.save()
    version.state, version.published_at = VersionState.PUBLISHED, timezone.now()
    version.save()
    return version


# ---------------------------------------------------------------- helpers

COST = ("order", "kind_of", "title", "yearly", "each", "evidence")
BAND = ("code", "title_lv", "title_en", "days", "begins", "ends")
RATE = ("price_class", "band", "since", "amount", "basis", "margin", "evidence")


def _copied(rows: Iterable[Any], names: Iterable[str]) -> list[dict[str, Any]]:
    return [{name: getattr(row, name) for name in names} for row in rows]


def _still_draft(version: TariffVersion) -> None:
    if version.state != VersionState.DRAFT:
        raise Invalid(
            _("Version %(number)d is published and never changes. Draft new prices.")
            % {"number": version.number}
        )


def _below(version: TariffVersion, costs: Rows | None, bands: Rows | None, rates: Rows | None) -> None:
    """Sets the lists of a draft, and its full cost by what they say."""
    for model, given in ((CostLine, costs), (TimeBand, bands), (Rate, rates)):
        if given is None:
            continue
        for row in model._base_manager.filter(version=version):
            row.delete()
        for index, values in enumerate(given, 1):
            more = {"order": index} if model is CostLine else {}
            _keep(model(version=version), {**values, **more})
    kept = list(CostLine.objects.filter(version=version))
    if any(line.yearly for line in kept) and not version.capacity:
        raise Invalid(
            _("Costs of a year are shared out over a capacity: say how many units a year can be used."),
            field="capacity",
        )
    _refuse_overlaps(list(TimeBand.objects.filter(version=version)))
    known = {"", *TimeBand.objects.filter(version=version).values_list("code", flat=True)}
    for rate in Rate.objects.filter(version=version):
        if rate.band not in known:
            raise Invalid(
                _("There is no time band “%(band)s”; there are: %(known)s.")
                % {"band": rate.band, "known": ", ".join(sorted(known - {""})) or "–"},
                field="rates",
            )
    version.cost_rate = whole_cost_rate(kept, version.capacity)
    version.save()


def _refuse_overlaps(bands: list[TimeBand]) -> None:
    for band in bands:
        if not band.days or set(band.days) - set("1234567"):
            raise Invalid(
                _("Days of the week are digits from 1 (Monday) to 7, as in 12345, not “%(days)s”.")
                % {"days": band.days},
                field="bands",
            )
    spans = [
        (int(day) * 1440 + begin, int(day) * 1440 + end, band)
        for band in bands
        for day in band.days
        for begin in [band.begins.hour * 60 + band.begins.minute]
        for end in [band.ends.hour * 60 + band.ends.minute + (1440 if band.ends <= band.begins else 0)]
    ]
    spans.sort(key=lambda span: span[:2])
    # The night after Sunday goes on into Monday.
    around = [*spans, *((begin + 7 * 1440, end + 7 * 1440, band) for begin, end, band in spans[:1])]
    for (_begin, end, one), (begin, _end, other) in pairwise(around):
        if begin < end and one.pk != other.pk:
            raise Invalid(
                _("The time bands “%(one)s” and “%(other)s” overlap.") % {"one": one, "other": other},
                field="bands",
            )


def _check_prices(version: TariffVersion) -> None:
    """Raises Invalid where published prices would lack a rate or what it rests on."""
    rates = list(version.rates.all())
    if not rates:
        raise Invalid(_("There is no rate yet: say at least what companies pay."), field="rates")
    companies = queries.steps(version, PriceClass.COMPANY)
    for rate in rates:
        if rate.price_class == PriceClass.START_UP and not companies:
            raise Invalid(
                _("What start-ups are spared is measured by what companies pay; give that rate too."),
                field="rates",
            )
        if rate.price_class != PriceClass.COMPANY:
            continue
        if rate.basis in (PriceBasis.FULL_COST, PriceBasis.SUBSIDISED):
            raise Invalid(
                _(
                    "Companies pay the market price, or the full cost and the margin of the field, or what was"
                    " negotiated at arm's length (Framework 2022/C 414/01, point 26)."
                ),
                field="rates",
            )
        least = version.cost_rate * (1 + (rate.margin or Decimal(0)) / 100)
        if rate.basis == PriceBasis.COST_PLUS and rate.amount < least.quantize(Decimal("0.01")):
            raise Invalid(
                _("Full cost and margin come to %(least)s EUR; the rate of %(amount)s EUR is below that.")
                % {"least": least.quantize(Decimal("0.01")), "amount": rate.amount.normalize()},
                field="rates",
            )
        if rate.basis == PriceBasis.NEGOTIATED and not rate.evidence:
            raise Invalid(_("Say how the price was negotiated: with whom, on what day."), field="rates")
