"""The e-invoice: UBL 2.1 after EN 16931 and Peppol BIS Billing 3.0, from what an invoice froze.

The order of elements is the schema's; what a category of VAT demands or forbids (rules BR-S, BR-AE, BR-E, BR-O) is
decided here. Nothing is reckoned here: sums come from the invoice, taxes from `sums.taxes`.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from lxml import etree

from talka.billing.sums import Tax

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
CAC, CBC = f"{UBL}CommonAggregateComponents-2", f"{UBL}CommonBasicComponents-2"
CUSTOMIZATION = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
PROFILE = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
CREDIT_NOTE = "381"
SEPA_TRANSFER = "58"  # UNTDID 4461
DISCOUNT = "95"  # UNTDID 5189
OUTSIDE = "O"
LATVIAN_REGISTER = "0218"
# In the list of electronic address schemes: VAT numbers, which reach whoever gave no other address.
BY_VAT_NUMBER = {
    "AT": "9914", "BE": "9925", "BG": "9926", "CY": "9928", "CZ": "9929", "DE": "9930", "EE": "9931", "ES": "9920",
    "FR": "9957", "GR": "9933", "HR": "9934", "HU": "9910", "IE": "9935", "LT": "9937", "LU": "9938", "LV": "9939",
    "MT": "9943", "NL": "9944", "PL": "9945", "PT": "9946", "RO": "9947", "SE": "9955", "SI": "9949", "SK": "9950",
}  # fmt: skip


def address_of(party: Mapping[str, str]) -> tuple[str, str] | None:
    """Scheme and address by which e-invoices reach a party: its own, else its VAT number; None where it has neither."""
    if party["endpoint"]:
        return party["endpoint_scheme"], party["endpoint"]
    scheme = BY_VAT_NUMBER.get(party["country"])
    return (scheme, party["vat_number"]) if scheme and party["vat_number"] else None


def write(invoice: Any, lines: Sequence[Any], taxes: Sequence[Tax]) -> bytes:
    """The document of an invoice or credit note with its lines, which both are as the room's models have them.

    Both parties need an electronic address (`address_of`).
    """
    credit = invoice.kind_of == CREDIT_NOTE
    name = "CreditNote" if credit else "Invoice"
    names: Any = {None: f"{UBL}{name}-2", "cac": CAC, "cbc": CBC}  # None: the namespace without a prefix
    root = etree.Element(f"{{{UBL}{name}-2}}{name}", nsmap=names)
    _text(root, "CustomizationID", CUSTOMIZATION)
    _text(root, "ProfileID", PROFILE)
    _text(root, "ID", invoice.number)
    _text(root, "IssueDate", invoice.issued_on.isoformat())
    if not credit:
        _text(root, "DueDate", invoice.due_on.isoformat())
    _text(root, f"{name}TypeCode", invoice.kind_of)
    if invoice.note:
        _text(root, "Note", invoice.note)
    _text(root, "DocumentCurrencyCode", "EUR")
    _text(root, "BuyerReference", invoice.buyer_reference)
    period = _node(root, "InvoicePeriod")
    # A line's day must lie within the invoice's period (PEPPOL-EN16931-R110), and uses come in late.
    first, last = _month(invoice.month)
    first, last = min([first, *(line.day for line in lines)]), max([last, *(line.day for line in lines)])
    _text(period, "StartDate", first.isoformat())
    _text(period, "EndDate", last.isoformat())
    if invoice.order_reference:
        _text(_node(root, "OrderReference"), "ID", invoice.order_reference)
    if credit:
        credited = _node(_node(root, "BillingReference"), "InvoiceDocumentReference")
        _text(credited, "ID", invoice.credits.number)
        _text(credited, "IssueDate", invoice.credits.issued_on.isoformat())
    # Whoever is outside the scope of VAT must not be named with a VAT number (BR-O-02 to 04).
    taxed = all(each.category != OUTSIDE for each in taxes)
    _party(root, "AccountingSupplierParty", invoice.seller, taxed)
    _party(root, "AccountingCustomerParty", invoice.buyer, taxed)
    if credit:
        _text(_node(root, "PaymentTerms"), "Note", invoice.due_on.isoformat())
    elif invoice.seller.get("iban"):
        _payment(root, invoice)
    _tax_total(root, taxes, invoice.vat)
    _totals(root, invoice)
    for line in lines:
        _line(root, line, credit)
    found: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return found


def _node(parent: Any, name: str) -> Any:
    return etree.SubElement(parent, f"{{{CAC}}}{name}")


def _text(parent: Any, name: str, text: str, **attributes: str) -> None:
    etree.SubElement(parent, f"{{{CBC}}}{name}", attributes).text = text


def _euro(parent: Any, name: str, amount: Decimal) -> None:
    _text(parent, name, f"{amount:.2f}", currencyID="EUR")


def _plain(number: Decimal) -> str:
    return f"{Decimal(number).normalize():f}"


def _month(month: str) -> tuple[date, date]:
    year, number = map(int, month.split("-"))
    return date(year, number, 1), date(year, number, monthrange(year, number)[1])


def _party(root: Any, role: str, party: Mapping[str, str], taxed: bool) -> None:
    node = _node(_node(root, role), "Party")
    reached = address_of(party)
    if reached is None:
        raise ValueError(f"{party['legal_name']} has no electronic address; ask address_of first")
    _text(node, "EndpointID", reached[1], schemeID=reached[0])
    _text(_node(node, "PartyName"), "Name", party["legal_name"])
    address = _node(node, "PostalAddress")
    for name, key in (("StreetName", "street"), ("CityName", "city"), ("PostalZone", "postcode")):
        if party[key]:
            _text(address, name, party[key])
    _text(_node(address, "Country"), "IdentificationCode", party["country"])
    if taxed and party["vat_number"]:
        scheme = _node(node, "PartyTaxScheme")
        _text(scheme, "CompanyID", party["vat_number"])
        _text(_node(scheme, "TaxScheme"), "ID", "VAT")
    entity = _node(node, "PartyLegalEntity")
    _text(entity, "RegistrationName", party["legal_name"])
    if party["registration_number"]:
        scheme_id = {"schemeID": LATVIAN_REGISTER} if party["country"] == "LV" else {}
        _text(entity, "CompanyID", party["registration_number"], **scheme_id)
    if party["email"]:
        _text(_node(node, "Contact"), "ElectronicMail", party["email"])


def _payment(root: Any, invoice: Any) -> None:
    means = _node(root, "PaymentMeans")
    _text(means, "PaymentMeansCode", SEPA_TRANSFER)
    _text(means, "PaymentID", invoice.number)
    account = _node(means, "PayeeFinancialAccount")
    _text(account, "ID", invoice.seller["iban"])
    _text(account, "Name", invoice.seller["legal_name"])
    if invoice.seller.get("bic"):
        _text(_node(account, "FinancialInstitutionBranch"), "ID", invoice.seller["bic"])


def _category(parent: Any, name: str, code: str, rate: Decimal, tax: Tax | None = None) -> None:
    node = _node(parent, name)
    _text(node, "ID", code)
    if code != OUTSIDE:  # BR-O-05: what is outside the scope has no rate, not even zero
        _text(node, "Percent", _plain(rate))
    if tax is not None and tax.code:
        _text(node, "TaxExemptionReasonCode", tax.code)
    if tax is not None and tax.reason:
        _text(node, "TaxExemptionReason", tax.reason)
    _text(_node(node, "TaxScheme"), "ID", "VAT")


def _tax_total(root: Any, taxes: Sequence[Tax], whole: Decimal) -> None:
    total = _node(root, "TaxTotal")
    _euro(total, "TaxAmount", whole)
    for tax in taxes:
        part = _node(total, "TaxSubtotal")
        _euro(part, "TaxableAmount", tax.base)
        _euro(part, "TaxAmount", tax.amount)
        _category(part, "TaxCategory", tax.category, tax.rate, tax)


def _totals(root: Any, invoice: Any) -> None:
    totals = _node(root, "LegalMonetaryTotal")
    _euro(totals, "LineExtensionAmount", invoice.net)
    _euro(totals, "TaxExclusiveAmount", invoice.net)
    _euro(totals, "TaxInclusiveAmount", invoice.gross)
    if invoice.prepaid:
        _euro(totals, "PrepaidAmount", invoice.prepaid)
    _euro(totals, "PayableAmount", invoice.payable)


def _line(root: Any, line: Any, credit: bool) -> None:
    node = _node(root, "CreditNoteLine" if credit else "InvoiceLine")
    _text(node, "ID", str(line.order))
    if line.terms:
        _text(node, "Note", line.terms)
    _text(
        node, "CreditedQuantity" if credit else "InvoicedQuantity", _plain(line.quantity), unitCode=line.unit
    )
    _euro(node, "LineExtensionAmount", line.net)
    period = _node(node, "InvoicePeriod")
    _text(period, "StartDate", line.day.isoformat())
    _text(period, "EndDate", line.day.isoformat())
    if line.subsidy:
        less = _node(node, "AllowanceCharge")
        _text(less, "ChargeIndicator", "false")
        _text(less, "AllowanceChargeReasonCode", DISCOUNT)
        _text(less, "AllowanceChargeReason", "Subsīdija / subsidy")
        _euro(less, "Amount", line.subsidy)
    item = _node(node, "Item")
    _text(item, "Name", line.text)
    _category(item, "ClassifiedTaxCategory", line.vat_category, line.vat_rate)
    _text(_node(node, "Price"), "PriceAmount", _plain(line.unit_price), currencyID="EUR")
