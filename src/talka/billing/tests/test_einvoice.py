"""E-invoices are judged by the schemas of UBL and by two independent sets of rules; and the judges do judge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from lxml import etree

from talka.billing import actions
from talka.billing.models import Invoice, InvoiceDocument
from talka.billing.tests import factories
from talka.billing.tests.factories import Scene
from talka.billing.tests.validators import SOUND, verdicts
from talka.billing.ubl import CAC, CBC
from talka.core.actions import SYSTEM, Invalid

pytestmark = pytest.mark.django_db
NAMES = {"cac": CAC, "cbc": CBC}
DAY = date(2026, 10, 1)


def xml(invoice: Invoice) -> bytes:
    return invoice.document.xml.encode()


def text(data: bytes, path: str) -> list[str]:
    found: Any = etree.fromstring(data).xpath(path, namespaces=NAMES)
    return [str(node.text) for node in found]


# ---------------------------------------------------------------- every kind is sound


def standard(scene: Scene) -> Invoice:
    factories.use(scene.account, scene.tariff, "2.5", terms="Rezultāti pieder pasūtītājam")
    return factories.invoice(scene.issuer)


def reverse_charge(scene: Scene) -> Invoice:
    abroad = factories.customer("osa", country="EE", registration_number="12345678", vat_number="EE101234567")
    factories.use(factories.account(scene.issuer, abroad, "osa"), scene.tariff)
    return factories.invoice(scene.issuer)


def exempt(scene: Scene) -> Invoice:
    course = factories.tariff(
        scene.issuer, "kurss", exemption_code="VATEX-EU-132-1I", exemption_reason="PVN likums, izglītība"
    )
    factories.version(course)
    factories.use(scene.account, course, activity="teaching")
    return factories.invoice(scene.issuer)


def mixed(scene: Scene) -> Invoice:
    """A standard and an exempt line on one invoice."""
    factories.use(scene.account, scene.tariff, "1.3333", "use/2")
    return exempt(scene)


def outside_the_union(scene: Scene) -> Invoice:
    far = factories.customer(
        "us", country="US", registration_number="DE-99", vat_number="", endpoint_scheme="0060",
        endpoint="123456789",
    )  # fmt: skip
    factories.use(factories.account(scene.issuer, far, "us"), scene.tariff)
    return factories.invoice(scene.issuer)


def of_an_own_unit(scene: Scene) -> Invoice:
    own = factories.customer("iekseja", organisation=scene.issuer.organisation, legal_name="Paraugu nodaļa")
    factories.use(factories.account(scene.issuer, own, "iekseja"), scene.tariff, activity="own_research")
    return factories.invoice(scene.issuer)


def unregistered_seller(scene: Scene) -> Invoice:
    actions.edit_issuer(scene.issuer, by=SYSTEM, vat_number="")
    return standard(scene)


def subsidised(scene: Scene) -> Invoice:
    actions.set_standing(
        scene.customer, by=SYSTEM, price_class="public_research", starts=date(2026, 1, 1), evidence="Reģistrs"
    )
    factories.use(scene.account, scene.tariff, "3", activity="collaboration")
    return factories.invoice(scene.issuer)


def credit_note(scene: Scene) -> Invoice:
    return actions.credit_invoice(standard(scene), by=SYSTEM, reason="Iekārta nestrādāja", issued_on=DAY)


def partial_credit_note(scene: Scene) -> Invoice:
    return actions.credit_invoice(
        subsidised(scene), by=SYSTEM, reason="Pusstunda par daudz", lines={1: Decimal("12.34")}, issued_on=DAY
    )


def prepaid(scene: Scene) -> Invoice:
    actions.prepay(
        scene.account, by=SYSTEM, amount=Decimal(100), paid_on=date(2026, 8, 1), reference="Maksājums 7"
    )
    return standard(scene)


def with_a_package(scene: Scene) -> Invoice:
    actions.sell_package(
        scene.account, by=SYSTEM, tariff=scene.tariff, quantity=Decimal(10), amount=Decimal(500),
        day=date(2026, 9, 1), activity="service", reference="P-1",
    )  # fmt: skip
    factories.use(scene.account, scene.tariff, "12")
    return factories.invoice(scene.issuer)


def with_a_credit(scene: Scene) -> Invoice:
    actions.give_credit(
        scene.account, by=SYSTEM, key="k/1", day=factories.DAY, amount=Decimal(20), activity="service",
        what_lv="Par dīkstāvi",
    )  # fmt: skip
    return standard(scene)


def split(scene: Scene) -> Invoice:
    first, second = (factories.account(scene.issuer, scene.customer, code) for code in ("a", "b"))
    actions.share_account(scene.account, by=SYSTEM, shares={first: Decimal(1), second: Decimal(2)})
    factories.use(scene.account, scene.tariff, "0.5835")
    return actions.run_month(scene.issuer, by=SYSTEM, month="2026-09", issued_on=DAY).invoices.get(
        account=second
    )


KINDS: dict[Callable[[Scene], Invoice], tuple[str, set[str]]] = {
    standard: ("181.50", {"S"}),  # 2.5 × 60 = 150.00, and 21 %
    reverse_charge: ("120.00", {"AE"}),
    exempt: ("120.00", {"E"}),
    mixed: ("216.80", {"S", "E"}),  # 1.3333 × 60 = 80.00 and 16.80; 120.00
    outside_the_union: ("120.00", {"O"}),
    of_an_own_unit: ("20.00", {"O"}),
    unregistered_seller: ("150.00", {"O"}),
    subsidised: ("108.90", {"S"}),  # 3 × 30 and 21 %
    credit_note: ("181.50", {"S"}),
    partial_credit_note: ("14.93", {"S"}),
    prepaid: ("81.50", {"S"}),
    with_a_package: ("750.20", {"S"}),  # 500 for the package, 2 hours more at 60; and 21 %
    with_a_credit: ("157.30", {"S"}),  # 150 - 20 and 21 %
    split: ("28.24", {"S"}),  # 35.01: two thirds of it are 23.34, and 21 %
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_invoice_is_sound(kind: Callable[[Scene], Invoice]) -> None:
    data = xml(kind(factories.scene()))
    assert verdicts(data) == SOUND
    payable, categories = KINDS[kind]
    assert text(data, "//cbc:PayableAmount") == [payable]
    assert set(text(data, "//cac:TaxCategory/cbc:ID")) == categories


def test_an_invoice_of_many_lines_adds_up() -> None:
    scene = factories.scene()
    for number in range(120):
        factories.use(scene.account, scene.tariff, f"0.{number % 9 + 1}337", f"use/{number}")
    assert verdicts(xml(factories.invoice(scene.issuer))) == SOUND


def test_what_the_document_says_is_what_the_invoice_says() -> None:
    scene = factories.scene()
    actions.edit_account(scene.account, by=SYSTEM, buyer_reference="PROJ-17", order_reference="PO-9")
    data = xml(subsidised(scene))
    said = {
        path: text(data, path)
        for path in (
            "/*/cbc:ID", "//cbc:BuyerReference", "//cac:OrderReference/cbc:ID", "//cbc:DueDate", "//cbc:EndpointID",
            "//cac:AccountingCustomerParty//cac:PartyLegalEntity/cbc:CompanyID",
            "//cac:InvoiceLine/cac:AllowanceCharge/cbc:Amount", "//cac:Price/cbc:PriceAmount",
            "//cac:PayeeFinancialAccount/cbc:ID",
        )
    }  # fmt: skip
    number = scene.customer.registration_number
    assert said == {
        "/*/cbc:ID": ["INST-2026-00001"],
        "//cbc:BuyerReference": ["PROJ-17"],
        "//cac:OrderReference/cbc:ID": ["PO-9"],
        "//cbc:DueDate": ["2026-10-31"],
        "//cbc:EndpointID": [scene.issuer.registration_number, number],
        "//cac:AccountingCustomerParty//cac:PartyLegalEntity/cbc:CompanyID": [number],
        "//cac:InvoiceLine/cac:AllowanceCharge/cbc:Amount": ["37.50"],  # 3 × 42.50 less 3 × 30
        "//cac:Price/cbc:PriceAmount": ["42.5"],
        "//cac:PayeeFinancialAccount/cbc:ID": ["LV80BANK0000435195001"],
    }


def test_whoever_has_no_electronic_address_gets_paper() -> None:
    scene = factories.scene()
    someone = factories.customer("persona", person=scene.bruno.person, registration_number="", vat_number="")
    factories.use(factories.account(scene.issuer, someone, "persona"), scene.tariff)
    invoice = factories.invoice(scene.issuer)
    assert (invoice.payable, InvoiceDocument.objects.count()) == (Decimal("145.20"), 0)
    with pytest.raises(Invalid, match="elektroniskās adreses"):
        actions.send_invoice(invoice, by=SYSTEM, channel="peppol")
    assert actions.send_invoice(invoice, by=SYSTEM, channel="post").state == "sent"


def test_an_invoice_keeps_what_its_parties_were() -> None:
    scene = factories.scene()
    before = xml(standard(scene))
    actions.edit_customer(scene.customer, by=SYSTEM, street="Cita iela 9", legal_name="SIA Cits nosaukums")
    kept = Invoice.objects.get()
    assert (xml(kept), kept.buyer["street"]) == (before, "Medus iela 2")


# ---------------------------------------------------------------- the judges judge


def _add(root: Any, path: str, more: str) -> None:
    for node in root.xpath(path, namespaces=NAMES):
        node.text = str(Decimal(node.text) + Decimal(more))


def _drop(root: Any, path: str) -> None:
    for node in root.xpath(path, namespaces=NAMES):
        node.getparent().remove(node)


def _set(root: Any, path: str, name: str, value: str) -> None:
    for node in root.xpath(path, namespaces=NAMES):
        node.set(name, value)


def _last(root: Any, path: str) -> None:
    for node in root.xpath(path, namespaces=NAMES):
        root.append(node)


SELLER_VAT = "//cac:AccountingSupplierParty//cac:PartyTaxScheme"
# What is spoiled, and the rule by which each judge that knows it must object. The core rules know neither Peppol's own
# nor the order of elements.
SPOILED: dict[str, tuple[Callable[[Any], None], dict[str, str]]] = {
    "payable one cent more": (
        lambda root: _add(root, "//cbc:PayableAmount", "0.01"),
        {"peppol": "BR-CO-16", "core": "BR-CO-16"},
    ),
    "VAT of a category one cent more": (
        lambda root: _add(root, "//cac:TaxSubtotal/cbc:TaxAmount", "0.01"),
        {"peppol": "BR-CO-14", "core": "BR-CO-14"},
    ),
    "no VAT number of the seller": (
        lambda root: _drop(root, SELLER_VAT),
        {"peppol": "BR-S-02", "core": "BR-S-02"},
    ),
    "no buyer's reference": (
        lambda root: _drop(root, "//cbc:BuyerReference"),
        {"peppol": "PEPPOL-EN16931-R003"},
    ),
    "a currency that is none": (
        lambda root: _set(root, "//*[@currencyID]", "currencyID", "EURO"),
        {"peppol": "BR-CL-03"},
    ),
    "a unit that is none": (
        lambda root: _set(root, "//cbc:InvoicedQuantity", "unitCode", "HOURS"),
        {"peppol": "BR-CL-23", "core": "BR-CL-23"},
    ),
    "elements out of order": (lambda root: _last(root, "/*/cbc:IssueDate"), {"schema": "XSD"}),
    "a line one euro more": (
        lambda root: _add(root, "//cac:InvoiceLine/cbc:LineExtensionAmount", "1"),
        {"peppol": "BR-CO-10", "core": "BR-CO-10"},
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_invoice_is_caught(name: str) -> None:
    spoil, expected = SPOILED[name]
    data = xml(standard(factories.scene()))
    assert verdicts(data) == SOUND
    root = etree.fromstring(data)
    spoil(root)
    found = verdicts(etree.tostring(root))
    assert {judge: rule in found[judge] for judge, rule in expected.items()} == dict.fromkeys(
        expected, True
    ), found
