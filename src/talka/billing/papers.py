"""Papers on which people read what this room decided: an invoice, a statement of de minimis aid."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import override

from talka.billing import sums
from talka.billing.models import AidGrant, Invoice, Unit
from talka.billing.queries import Room
from talka.core.formats import as_pdf
from talka.core.formats.documents import Block, Document, Grid, Heading, Para
from talka.ui import formats


def _party(party: dict[str, str]) -> str:
    """A party as an invoice prints it."""
    place = ", ".join(
        each for each in (party["street"], party["city"], party["postcode"], party["country"]) if each
    )
    lines = [party["legal_name"], place]
    if party["registration_number"]:
        lines.append(f"{_('Registration number')}: {party['registration_number']}")
    if party["vat_number"]:
        lines.append(f"{_('VAT number')}: {party['vat_number']}")
    return "\n".join(lines)


def invoice(row: Invoice) -> bytes:
    """The PDF of an invoice or credit note, in the customer's language, from what the invoice froze."""
    with override(row.customer.language):
        return as_pdf.write(_invoice(row))


def _invoice(row: Invoice) -> Document:
    lines = list(row.lines.all())
    title = _("Credit note %(number)s") if row.is_credit else _("Invoice %(number)s")
    preface = [
        f"{_('Issued on')}: {formats.day(row.issued_on)}    {_('To be paid by')}: {formats.day(row.due_on)}",
        f"{_('Buyer’s reference')}: {row.buyer_reference}"
        + (f"    {_('Purchase order')}: {row.order_reference}" if row.order_reference else ""),
    ]
    if row.credits:
        preface.append(
            f"{_('Credits the invoice')}: {row.credits.number}, {formats.day(row.credits.issued_on)}"
        )
    if row.state == "void":
        preface.insert(0, f"{_('VOID')}: {row.void_reason}")
    if row.note:
        preface.append(row.note)
    blocks: list[Block] = [
        Grid([_("Seller"), _("Buyer")], [[_party(row.seller), _party(row.buyer)]], widths=[1, 1]),
        Heading(_("What was used")),
        Grid(
            [_("No."), _("Day"), _("What"), _("Quantity"), _("Price"), _("Subsidy"), _("To pay"), _("VAT")],
            [
                [
                    str(line.order),
                    formats.day(line.day),
                    f"{line.text}\n{line.terms}" if line.terms else line.text,
                    formats.quantity(line.quantity, str(Unit(line.unit).label)),
                    _euro(line.price),
                    _euro(line.subsidy),
                    _euro(line.net),
                    f"{line.vat_category} {formats.number(line.vat_rate)} %",
                ]
                for line in lines
            ],
            widths=[4, 10, 34, 12, 11, 10, 11, 8],
        ),
        Heading(_("Value-added tax")),
        Grid(
            [_("Category"), _("Rate"), _("On"), _("VAT"), _("Reason")],
            [
                [
                    tax.category,
                    f"{formats.number(tax.rate)} %",
                    _euro(tax.base),
                    _euro(tax.amount),
                    tax.reason,
                ]
                for tax in sums.taxes(lines)
            ],
            widths=[8, 8, 12, 12, 40],
        ),
        Heading(_("Total")),
        Grid([_("Sum"), _("EUR")], _totals(row), widths=[3, 1]),
    ]
    if row.seller.get("iban") and not row.is_credit and row.payable:
        blocks.append(
            Para(
                _("Please pay %(sum)s EUR to %(name)s, %(iban)s, with the number %(number)s.")
                % {
                    "sum": _euro(row.payable),
                    "name": row.seller["legal_name"],
                    "iban": row.seller["iban"],
                    "number": row.number,
                }
            )
        )
    return Document(title % {"number": row.number}, preface, blocks, language=row.customer.language)


def _totals(row: Invoice) -> list[list[str]]:
    found = [
        [_("Without VAT"), _euro(row.net)],
        [_("VAT"), _euro(row.vat)],
        [_("With VAT"), _euro(row.gross)],
    ]
    if row.prepaid:
        found.append([_("Paid ahead"), _euro(-row.prepaid)])
    return [*found, [_("To pay"), _euro(row.payable)]]


def _euro(amount: object) -> str:
    return formats.number(amount, 2)  # type: ignore[arg-type]  # a Decimal


def statement(room: Room) -> bytes:
    """The PDF that states the de minimis aid of a single undertaking on a day, and what it may still have."""
    names = ", ".join(str(each) for each in room.members)
    document = Document(
        _("Statement of de minimis aid"),
        [
            _("Single undertaking: %(names)s") % {"names": names},
            _("From %(since)s until %(on)s: %(used)s EUR of %(ceiling)s EUR; %(left)s EUR are left.")
            % {
                "since": formats.day(room.since),
                "on": formats.day(room.on),
                "used": _euro(room.used),
                "ceiling": _euro(room.rule.value),
                "left": _euro(room.left),
            },
            _("Rule: %(rule)s; certainty: %(certainty)s.")
            % {"rule": room.rule, "certainty": room.rule.get_certainty_display()},
        ],
        [
            Grid(
                [_("Granted on"), _("To whom"), _("By whom"), _("What for"), _("EUR"), _("Register")],
                [
                    [
                        formats.day(grant.granted_on),
                        str(grant.customer),
                        grant.granted_by,
                        grant.purpose,
                        _euro(grant.amount),
                        grant.register_reference or "–",
                    ]
                    for grant in room.grants
                ],
                widths=[10, 18, 18, 26, 10, 12],
            )
        ],
        language=formats.language(),
    )
    return as_pdf.write(document)


def register(grants: Iterable[AidGrant]) -> str:
    """Grants as the national aid register takes them, one a line: whom, number, day, sum, law, what for."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(
        [
            "name",
            "registration_number",
            "country",
            "granted_on",
            "amount_eur",
            "grantor",
            "law",
            "purpose",
            "source",
        ]
    )
    for grant in grants:
        writer.writerow(
            [
                sums.harmless(grant.customer.legal_name),
                grant.customer.registration_number,
                grant.customer.country,
                grant.granted_on.isoformat(),
                f"{grant.amount:.2f}",
                sums.harmless(grant.granted_by),
                grant.rule.law,
                sums.harmless(grant.purpose),
                sums.harmless(grant.source),
            ]
        )
    return out.getvalue()
