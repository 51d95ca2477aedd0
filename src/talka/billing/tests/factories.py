"""Prices, accounts and uses drawn for tests, by the room's own verbs; every institution and company is invented.

Anna keeps the books of the institute, Bruno works for the company that pays, Cilda keeps the books of another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from zlib import crc32

from talka.billing import actions
from talka.billing.models import Charge, Customer, Invoice, Issuer, PayerAccount, Tariff, TariffVersion
from talka.core.actions import HUB, SYSTEM
from talka.core.models import DatedRule
from talka.core.testing import acting
from talka.domains.models import Ecosystem
from talka.network.tests.factories import account as person
from talka.network.tests.factories import ecosystem, organisation
from talka.parties.models import REGISTER_WEIGHTS, Account

DAY = date(2026, 9, 15)
RULES = (
    ("de-minimis-ceiling", date(2014, 1, 1), date(2023, 12, 31), 200000),
    ("de-minimis-ceiling", date(2024, 1, 1), date(2030, 12, 31), 300000),
    ("de-minimis-years", date(2014, 1, 1), date(2030, 12, 31), 3),
    ("start-up-years", date(2014, 7, 1), None, 5),
    ("vat-standard-rate", date(2012, 7, 1), None, 21),
)


def rules() -> None:
    """The limits by which this room decides."""
    with acting():
        for code, starts, ends, value in RULES:
            DatedRule(
                code=code,
                starts=starts,
                ends=ends,
                value=value,
                title_lv=code,
                law="Likums",
                certainty="verified",
            ).save()


def register_number(stem: int, first: int = 4) -> str:
    """An invented Latvian registration number whose last digit checks."""
    digits = f"{first}{stem:09}"
    rest = sum(weight * int(digit) for weight, digit in zip(REGISTER_WEIGHTS, digits, strict=False))
    last = (3 - rest) % 11
    return f"{digits}{last}" if last < 10 else register_number(stem + 1000, first)


def issuer(eco: Ecosystem, code: str = "inst", **values: Any) -> Issuer:
    """An institute that issues invoices."""
    number = register_number(crc32(code.encode()) % 10**8, 9)
    named: dict[str, Any] = {
        "organisation": organisation(code),
        "code": code,
        "prefix": code.upper(),
        "legal_name": f"Paraugu institūts {code}",
        "registration_number": number,
        "vat_number": f"LV{number}",
        "street": "Bišu iela 1",
        "city": "Rīga",
        "postcode": "LV-1006",
        "iban": "LV80 BANK 0000 4351 9500 1",
        "email": f"{code}@example.test",
    }
    return actions.add_issuer(eco, by=SYSTEM, **{**named, **values})


def customer(code: str = "firma", **values: Any) -> Customer:
    """A Latvian company."""
    number = register_number(crc32(code.encode()) % 10**8)
    named: dict[str, Any] = {
        "code": code,
        "legal_name": f"SIA Paraugs {code}",
        "registration_number": number,
        "vat_number": f"LV{number}",
        "street": "Medus iela 2",
        "city": "Rīga",
        "postcode": "LV-1010",
    }
    return actions.add_customer(HUB, by=SYSTEM, **{**named, **values})


def account(of: Issuer, payer: Customer | None = None, code: str = "konts", **values: Any) -> PayerAccount:
    named: dict[str, Any] = {"code": code, "title": f"Projekts {code}", "starts": date(2026, 1, 1)}
    return actions.open_account(of, by=SYSTEM, customer=payer or customer(), **{**named, **values})


COSTS = (
    {"kind_of": "equipment", "title": "Nolietojums", "yearly": Decimal(40000)},
    {"kind_of": "labour", "title": "Operators", "yearly": Decimal(20000)},
    {"kind_of": "consumables", "title": "Stikli", "each": Decimal("2.50")},
)
# 60,000 over 1,500 hours and 2.50 each: 42.50 an hour
RATES = (
    {"price_class": "company", "amount": Decimal(60), "basis": "market", "evidence": "Cenrādis, 2025"},
    {"price_class": "start_up", "amount": Decimal(45), "basis": "subsidised"},
    {"price_class": "public_research", "amount": Decimal(30), "basis": "subsidised"},
    {"price_class": "own", "amount": Decimal(10), "basis": "subsidised"},
    {"price_class": "individual", "amount": Decimal(60), "basis": "market", "evidence": "Cenrādis, 2025"},
)


def tariff(of: Issuer, code: str = "mikroskops", **values: Any) -> Tariff:
    named: dict[str, Any] = {"title_lv": f"Iekārta {code}", "title_en": f"Instrument {code}"}
    return actions.add_tariff(of, by=SYSTEM, code=code, **{**named, **values})


def version(of: Tariff, *, publish: bool = True, **values: Any) -> TariffVersion:
    named: dict[str, Any] = {
        "valid_from": date(2026, 1, 1), "capacity": Decimal(1500), "costs": COSTS, "rates": RATES,
    }  # fmt: skip
    drafted = actions.draft_version(of, by=SYSTEM, **{**named, **values})
    return actions.publish_version(drafted, by=SYSTEM) if publish else drafted


def use(
    on: PayerAccount, of: Tariff, hours: str = "2", key: str = "use/1", *, day: date = DAY, **values: Any
) -> list[Charge]:
    """A final use of so many hours."""
    named: dict[str, Any] = {"activity": "service", "final": True}
    return actions.charge(
        on, by=SYSTEM, tariff=of, key=key, day=day, quantities={"": Decimal(hours)}, **{**named, **values}
    )


def invoice(of: Issuer, month: str = "2026-09", day: date = date(2026, 10, 1)) -> Invoice:
    """The invoice of a month with one account."""
    return actions.run_month(of, by=SYSTEM, month=month, issued_on=day).invoices.get()


@dataclass(frozen=True)
class Scene:
    """An institute with a microscope, a company with an account, and the three people."""

    eco: Ecosystem
    issuer: Issuer
    other: Issuer
    customer: Customer
    account: PayerAccount
    tariff: Tariff
    version: TariffVersion
    anna: Account
    bruno: Account
    cilda: Account


def scene() -> Scene:
    rules()
    eco = ecosystem()
    inst, other = issuer(eco), issuer(eco, "cits")
    firm = organisation("firma", kind_of="company", helix="business")
    pays = customer(organisation=firm)
    microscope = tariff(inst)
    return Scene(
        eco,
        inst,
        other,
        pays,
        account(inst, pays),
        microscope,
        version(microscope),
        person("Anna", "accountant", eco, works_in=inst.organisation),
        person("Bruno", "viewer", eco, works_in=firm),
        person("Cilda", "accountant", eco, works_in=other.organisation),
    )
