"""Reads: the ecosystem a page is about, and shares that never count anything twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from talka.domains.models import Domain, Ecosystem, Mission, Policy, Share


def ecosystems() -> QuerySet[Ecosystem]:
    """All ecosystems on this hub."""
    return Ecosystem.objects.select_related("domain")


def enter(request: HttpRequest, code: str) -> Ecosystem:
    """The ecosystem that a page is about, noted on the request for the shell around it. Raises Http404."""
    ecosystem = ecosystems().filter(code=code).first()
    if ecosystem is None:
        raise Http404(_("There is no ecosystem “%(code)s” on this hub.") % {"code": code})
    request.ecosystem = ecosystem  # type: ignore[attr-defined]
    return ecosystem


def domains() -> QuerySet[Domain]:
    """The RIS3 domains in order."""
    return Domain.objects.all()


def missions() -> QuerySet[Mission]:
    """The cross-cutting missions."""
    return Mission.objects.all()


def policies() -> QuerySet[Policy]:
    """The policies above the ecosystems' strategies."""
    return Policy.objects.all()


def shares_of(kind: str, ids: Iterable[int]) -> dict[int, list[Share]]:
    """The shares of several rows of one kind, by row."""
    found: dict[int, list[Share]] = {}
    for share in Share.objects.filter(about_kind=kind, about_id__in=list(ids)).select_related(
        "domain", "mission"
    ):
        found.setdefault(share.about_id, []).append(share)
    return found


def apportion(
    ecosystem: Ecosystem, kind: str, amounts: Mapping[int, Decimal | int]
) -> dict[Domain | Mission, Decimal]:
    """Splits the amounts of rows (by id) over domains and missions by their shares.

    What goes out equals what came in: a row without shares goes whole to the ecosystem's domain, and shares
    of a row sum to 1.
    """
    shares = shares_of(kind, amounts)
    totals: dict[Any, Decimal] = {}
    for pk, amount in amounts.items():
        for thing, weight in [(s.domain or s.mission, s.weight) for s in shares.get(pk, [])] or [
            (ecosystem.domain, Decimal(1))
        ]:
            totals[thing] = totals.get(thing, Decimal(0)) + Decimal(amount) * weight
    return totals
