"""Reads: units and what can be booked there, with everything that a page shows of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Prefetch, Q, QuerySet

from talka.billing import queries as billing
from talka.billing.models import Charge, ChargeState, Tariff
from talka.core.search import search
from talka.domains.models import Ecosystem
from talka.facilities.models import (
    Booking,
    Method,
    OpeningHours,
    Resource,
    ResourceKind,
    ResourceMethod,
    ResourceState,
    Slot,
    Unit,
    UserProject,
)

FOUND = 200  # how many a search by words finds at most


def units(ecosystem: Ecosystem) -> QuerySet[Unit]:
    """The units of an ecosystem that still work, in their order, with how much can be booked at each."""
    offered = ~Q(resources__state=ResourceState.WITHDRAWN)
    return (
        Unit.objects.filter(ecosystem=ecosystem, withdrawn=False)
        .select_related("ecosystem", "organisation")
        .annotate(
            instruments=Count(
                "resources", offered & Q(resources__kind_of=ResourceKind.INSTRUMENT), distinct=True
            ),
            experts=Count("resources", offered & Q(resources__kind_of=ResourceKind.EXPERT), distinct=True),
        )
    )


def resources(unit: Unit | None = None, ecosystem: Ecosystem | None = None) -> QuerySet[Resource]:
    """What can be booked in a unit or an ecosystem, in order, with methods, price and whole."""
    rows = Resource.objects.exclude(state=ResourceState.WITHDRAWN).filter(unit__withdrawn=False)
    if unit is not None:
        rows = rows.filter(unit=unit)
    if ecosystem is not None:
        rows = rows.filter(unit__ecosystem=ecosystem)
    links = ResourceMethod.objects.select_related("method")
    return (
        rows.select_related("unit__ecosystem", "unit__organisation", "tariff", "parent", "expert__person")
        .prefetch_related(Prefetch("method_links", links))
        .order_by("unit__order", "unit", "order", "id")
    )


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for in the catalogue; empty: anything."""

    text: str = ""
    method: str = ""
    unit: str = ""
    kind: str = ""


def found(ecosystem: Ecosystem, wanted: Wanted) -> QuerySet[Resource]:
    """The resources of all units that fit, whatever language the words are in."""
    rows = resources(ecosystem=ecosystem)
    if wanted.method:
        rows = rows.filter(method_links__method__code=wanted.method)
    if wanted.unit:
        rows = rows.filter(unit__code=wanted.unit)
    if wanted.kind:
        rows = rows.filter(kind_of=wanted.kind)
    if wanted.text.strip():
        rows = rows.filter(
            Q(pk__in=_hits(wanted.text, ecosystem, Resource))
            | Q(unit__in=_hits(wanted.text, ecosystem, Unit))
        )
    return rows


def _hits(text: str, ecosystem: Ecosystem, model: type[Resource] | type[Unit]) -> list[int]:
    hits = search(text, ecosystem_id=ecosystem.pk, kind=model.kind(), limit=FOUND)
    return [hit.entry.subject_id for hit in hits]


def methods(ecosystem: Ecosystem) -> QuerySet[Method]:
    """The methods that something which can be booked serves, with how many do."""
    offered = Q(resource_links__resource__unit__withdrawn=False) & ~Q(
        resource_links__resource__state=ResourceState.WITHDRAWN
    )
    rows = Method.objects.filter(ecosystem=ecosystem)
    return rows.annotate(served=Count("resource_links", offered)).filter(served__gt=0)


# ---------------------------------------------------------------- wholes and parts


def family(unit: Unit, asked: Iterable[Resource]) -> list[Resource]:
    """What is taken when these are booked: they, the wholes above them and the parts below, by number."""
    rows = {row.pk: row for row in Resource.objects.filter(unit=unit).select_related("unit", "tariff")}
    return [rows[pk] for pk in sorted(kin(rows, (row.pk for row in asked)))]


def kin(rows: Mapping[int, Resource], asked: Iterable[int]) -> set[int]:
    """The same by numbers alone. Parts of one whole do not take each other, but both take the whole."""
    parts: dict[int, list[int]] = {}
    for row in rows.values():
        if row.parent_id is not None:
            parts.setdefault(row.parent_id, []).append(row.pk)
    taken: set[int] = set()
    for pk in asked:
        above: int | None = pk
        while above is not None and above in rows and above not in taken:
            taken.add(above)
            above = rows[above].parent_id
        below = list(parts.get(pk, ()))
        while below:
            each = below.pop()
            taken.add(each)
            below += parts.get(each, ())
    return taken


def hours_of(unit: Unit, rows: Sequence[Resource]) -> dict[int, list[OpeningHours]]:
    """The opening hours of each resource: its own, or those of its unit. One question."""
    found = OpeningHours.objects.filter(unit=unit)
    own: dict[int | None, list[OpeningHours]] = {}
    for row in found:
        own.setdefault(row.resource_id, []).append(row)
    return {row.pk: own.get(row.pk) or own.get(None, []) for row in rows}


# ---------------------------------------------------------------- what it costs


def charge_key(booking: Booking, resource: Resource) -> str:
    """By which key the use of a resource in a booking is charged."""
    return f"{booking.kind()}/{booking.pk}/{resource.pk}"


def price_of(slot: Slot) -> Tariff | None:
    """By which prices a resource is used in a booking: those of its mode, if it has some of its own."""
    return (slot.mode.tariff if slot.mode is not None else None) or slot.resource.tariff


def estimate(
    project: UserProject, resources: Sequence[Resource], starts: datetime, ends: datetime
) -> Iterator[tuple[str, Decimal]]:
    """What a use would cost, resource by resource, in EUR without VAT: what is charged when it is booked."""
    day = starts.astimezone(project.unit.zone).date()
    for each in resources:
        if each.tariff is None or project.payer is None:
            continue
        quantities = billing.by_band(billing.version_on(each.tariff, day), starts, ends)
        quotes = billing.quotes(
            project.payer, each.tariff, activity=project.activity, day=day, quantities=quantities
        )
        yield str(each), sum((quote.pays for quote in quotes), Decimal(0))


def charges_of(booking: Booking, slots: Iterable[Slot]) -> QuerySet[Charge]:
    """What a booking is charged, in all its resources."""
    keys = [charge_key(booking, slot.resource) for slot in slots if slot.asked]
    rows = Charge.objects.filter(key__in=keys).exclude(state=ChargeState.CANCELLED)
    return rows.select_related("account__issuer", "account__customer").order_by("key", "id")
