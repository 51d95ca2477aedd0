"""Arithmetic of prices and invoices: exact decimals, one rounding rule, no database.

A line is rounded to the cent once; value-added tax is reckoned on the sum of a category, as EN 16931 asks; what is
shared out is shared to the last cent. Everything that rounds, rounds here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from talka.core.values import Money

NOTHING = Decimal(0)


def cents(amount: Decimal) -> Decimal:
    """To the cent, halves away from zero: the rounding of every sum of this room."""
    return Money(amount).rounded().amount


def rate_of(amount: Decimal) -> Decimal:
    """A price of one unit, to four decimals: what a rate is kept and shown with."""
    return Money(amount).rounded(4).amount


def shared(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Shares of a sum in proportion to the weights, to the cent; together exactly the sum."""
    return [each.amount for each in Money(cents(amount)).split(weights)]


# ---------------------------------------------------------------- what a use costs


@dataclass(frozen=True)
class Step:
    """What one unit costs a class of customers, in a band of time ("" any), from a quantity on."""

    band: str
    since: Decimal
    amount: Decimal


@dataclass(frozen=True)
class Piece:
    """A part of a use with one price: the quantity, the full cost, the price, how much of it is subsidised."""

    band: str
    quantity: Decimal
    unit_price: Decimal
    full_cost: Decimal
    price: Decimal
    subsidy: Decimal

    @property
    def pays(self) -> Decimal:
        return self.price - self.subsidy


class NoPrice(LookupError):
    """There is no rate for this band and quantity."""

    def __init__(self, band: str) -> None:
        self.band = band
        super().__init__(band)


def amount_at(steps: Iterable[Step], band: str, quantity: Decimal) -> Decimal:
    """The rate of the unit that follows `quantity` units of a band, which without own rates has the general ones.

    Raises NoPrice.
    """
    known = list(steps)
    own = [each for each in known if each.band == band] or [each for each in known if each.band == ""]
    reached = [each for each in own if each.since <= quantity]
    if not reached:
        raise NoPrice(band)
    return max(reached, key=lambda each: each.since).amount


def pieces(
    quantities: Mapping[str, Decimal],
    *,
    steps: Sequence[Step],
    reference: Sequence[Step] | None,
    cost_rate: Decimal,
) -> list[Piece]:
    """Prices a use: `quantities` by band, `steps` of the customer's class, `reference` those of the undiscounted price.

    Without a reference the full cost is the undiscounted price. A customer that pays more than the reference is
    subsidised by nothing. Raises NoPrice.
    """
    found = []
    for band, quantity in quantities.items():
        edges = {each.since for each in [*steps, *(reference or ())] if NOTHING < each.since < quantity}
        starts = [NOTHING, *sorted(edges)]
        for since, until in zip(starts, [*starts[1:], quantity], strict=True):
            own = amount_at(steps, band, since)
            undiscounted = amount_at(reference, band, since) if reference is not None else cost_rate
            unit_price = max(own, undiscounted)
            part = until - since
            price = cents(part * unit_price)
            found.append(
                Piece(band, part, unit_price, cents(part * cost_rate), price, price - cents(part * own))
            )
    return found


def rounded_up(quantities: Mapping[str, Decimal], *, minimum: Decimal, step: Decimal) -> dict[str, Decimal]:
    """Quantities as they are charged: each in whole steps (0: as it is), together at least the minimum.

    What is missing to the minimum is added to the first band.
    """
    charged = {
        band: -(-quantity // step) * step if step else quantity
        for band, quantity in quantities.items()
        if quantity > 0
    }
    missing = minimum - sum(charged.values(), NOTHING)
    if charged and missing > 0:
        first = next(iter(charged))
        charged[first] += missing
    return charged


# ---------------------------------------------------------------- value-added tax


class Taxed(Protocol):
    """A line as far as tax is concerned."""

    @property
    def net(self) -> Decimal: ...
    @property
    def vat_category(self) -> str: ...
    @property
    def vat_rate(self) -> Decimal: ...
    @property
    def exemption_code(self) -> str: ...
    @property
    def exemption_reason(self) -> str: ...


@dataclass(frozen=True)
class Tax:
    """The tax on all lines of one category and rate."""

    category: str
    rate: Decimal
    code: str
    reason: str
    base: Decimal
    amount: Decimal


def taxes(lines: Iterable[Taxed]) -> list[Tax]:
    """The tax by category and rate, each on the sum of its lines, the higher rates first."""
    bases: dict[tuple[str, Decimal, str, str], Decimal] = {}
    for line in lines:
        key = (line.vat_category, line.vat_rate.normalize(), line.exemption_code, line.exemption_reason)
        bases[key] = bases.get(key, NOTHING) + line.net
    found = [Tax(*key, base, cents(base * key[1] / 100)) for key, base in bases.items()]
    return sorted(found, key=lambda each: (-each.rate, each.category, each.code))


# ---------------------------------------------------------------- files for other programs


def harmless(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text and text[0] in "=+-@\t\r" else text
