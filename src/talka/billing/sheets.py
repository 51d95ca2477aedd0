"""The room's rows as tables, in and out.

A table over the ecosystem shows the books of all its institutions: only whoever founds issuers is offered it, and an
institution works with its own pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from talka.billing import actions, queries, rules
from talka.billing.models import (
    Activity,
    AidGrant,
    BillingRun,
    Charge,
    Control,
    Customer,
    Issuer,
    PayerAccount,
    PriceClass,
    Standing,
    StartUpProfile,
    Tariff,
    TariffVersion,
    UndertakingLink,
    Unit,
    VersionState,
)
from talka.core.sheets import Choice, Column, Day, Number, Plain, Ref, Sheet, YesNo, bilingual
from talka.core.values import Period
from talka.domains.models import Ecosystem
from talka.parties import queries as parties

CODE = Column("code", _("Code"), required=True, max_length=80)
EVIDENCE = Column("evidence", _("What shows it"), max_length=500)


# ---------------------------------------------------------------- what cells may name


def organisations(parent: Any) -> Mapping[str, Any]:
    return parties.spellings()


def issuers(parent: Ecosystem) -> dict[str, Issuer]:
    return _by_code(queries.issuers(parent))


def customers(parent: Any) -> dict[str, Customer]:
    return _by_code(queries.customers())


def accounts(parent: Ecosystem) -> dict[str, PayerAccount]:
    return _by_code(queries.accounts(parent))


def tariffs(parent: Ecosystem) -> dict[str, Tariff]:
    return _by_code(queries.tariffs(parent))


def _by_code(rows: Iterable[Any]) -> dict[str, Any]:
    return {row.code.casefold(): row for row in rows}


def _given(values: Mapping[str, Any], *empty: str) -> dict[str, Any]:
    """Values without those of `empty` that say nothing: the row keeps what it has, a new one its default."""
    return {name: value for name, value in values.items() if not (name in empty and value in (None, ""))}


# ---------------------------------------------------------------- columns


class Month(Column):
    """One month, as in 2026-09."""

    def parse(self, text: str, context: Any) -> Any:
        return str(Period.parse(text))


class Listing(Plain):
    """A list whose order says nothing: the same rows are the same cell."""

    def show(self, value: Any) -> str:
        return super().show(sorted(value or [], key=lambda row: sorted(map(str, row.items()))))


def address(*, required: bool) -> tuple[Column, ...]:
    """The columns of a party of invoices."""
    return (
        Column("legal_name", _("Name in law"), required=required, max_length=300),
        Column("registration_number", _("Registration number"), max_length=20),
        Column("vat_number", _("VAT number"), max_length=20),
        Column("street", _("Street and house"), max_length=200),
        Column("city", _("City"), max_length=100),
        Column("postcode", _("Postcode"), max_length=20),
        Column("country", _("Country"), max_length=2),
        Column("endpoint_scheme", _("Scheme of the e-invoice address"), max_length=4),
        Column("endpoint", _("E-invoice address"), max_length=100),
        Column("email", _("E-mail for invoices"), max_length=254),
    )


DEFAULTS = ("country", "endpoint_scheme", "language", "payment_days", "unit")


# ---------------------------------------------------------------- sheets


class Issuers(Sheet):
    code, label, model = "billing.issuers", _("Issuers of invoices"), Issuer
    over, needs = "domains.ecosystem", rules.may_found
    columns = (
        Column("code", _("Code"), required=True, max_length=40),
        Ref("organisation", _("Institution"), required=True, among=organisations),
        Column("prefix", _("Prefix of invoice numbers"), required=True, max_length=12),
        *address(required=True),
        Column("iban", _("IBAN"), max_length=34),
        Column("bic", _("BIC"), max_length=11),
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.issuers(parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Issuer:
        return actions.add_issuer(parent, by=by, **_given(values, *DEFAULTS))

    def change(self, row: Issuer, values: dict[str, Any], *, by: Any) -> Issuer:
        return actions.edit_issuer(row, by=by, **_given(values, *DEFAULTS))


class Customers(Sheet):
    code, label, model = "billing.customers", _("Customers"), Customer
    needs = rules.may_keep_customers
    columns = (
        CODE,
        Ref("organisation", _("Organisation"), among=organisations),
        *address(required=True),
        YesNo("budget_institution", _("Budget institution")),
        Column("language", _("Language of its invoices"), max_length=2),
        Column("source", _("Source"), max_length=500),
    )

    def rows(self, parent: Any) -> Any:
        return queries.customers()

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> Customer:
        return actions.add_customer(parent, by=by, **_given(values, *DEFAULTS))

    def change(self, row: Customer, values: dict[str, Any], *, by: Any) -> Customer:
        return actions.edit_customer(row, by=by, **_given(values, *DEFAULTS))


class Standings(Sheet):
    code, label, model = "billing.standings", _("Classes of customers"), Standing
    key, needs = ("customer", "starts"), rules.may_keep_customers
    columns = (
        Ref("customer", _("Customer"), required=True, among=customers),
        Choice("price_class", _("Class"), required=True, choices=PriceClass),
        Day("starts", _("From"), required=True),
        Day("ends", _("Until")),
        EVIDENCE,
    )

    def rows(self, parent: Any) -> Any:
        return Standing.objects.select_related("customer")

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> Standing:
        values = dict(values)
        return actions.set_standing(values.pop("customer"), by=by, **values)

    def change(self, row: Standing, values: dict[str, Any], *, by: Any) -> Standing:
        values = dict(values)
        kept = {name: getattr(row, name) for name in ("price_class", "starts", "ends", "evidence")}
        return actions.set_standing(values.pop("customer", row.customer), by=by, **{**kept, **values})


class StartUps(Sheet):
    code, label, model = "billing.start_ups", _("Start-ups"), StartUpProfile
    key, needs = ("customer",), rules.may_keep_customers
    columns = (
        Ref("customer", _("Customer"), required=True, among=customers),
        Day("registered_on", _("Entered in the register on"), required=True),
        YesNo("small", _("Small enterprise")),
        YesNo("unlisted", _("Not listed on an exchange")),
        YesNo("distributed_profit", _("Has distributed profit")),
        YesNo("took_over", _("Took over a business or arose from a merger")),
        Day("declared_on", _("Declared on"), required=True),
        Day("ended_on", _("Ended early on")),
        EVIDENCE,
    )

    def rows(self, parent: Any) -> Any:
        return StartUpProfile.objects.select_related("customer")

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> StartUpProfile:
        values = dict(values)
        return actions.declare_start_up(values.pop("customer"), by=by, **values)

    def change(self, row: StartUpProfile, values: dict[str, Any], *, by: Any) -> StartUpProfile:
        values = dict(values)
        return actions.declare_start_up(values.pop("customer", row.customer), by=by, **values)


class Undertakings(Sheet):
    code, label, model = "billing.undertakings", _("Single undertakings"), UndertakingLink
    key, needs = ("controlling", "controlled", "starts"), rules.may_aid
    columns = (
        Ref("controlling", _("Controls"), required=True, among=customers),
        Ref("controlled", _("Is controlled"), required=True, among=customers),
        Choice("ground", _("Ground"), required=True, choices=Control),
        Day("starts", _("From"), required=True),
        Day("ends", _("Until")),
        EVIDENCE,
    )

    def rows(self, parent: Any) -> Any:
        return UndertakingLink.objects.select_related("controlling", "controlled")

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> UndertakingLink:
        values = dict(values)
        return actions.link_undertakings(values.pop("controlling"), by=by, **values)

    def change(self, row: UndertakingLink, values: dict[str, Any], *, by: Any) -> UndertakingLink:
        return actions.end_link(row, by=by, ends=values["ends"]) if values.get("ends") else row


class Aid(Sheet):
    code, label, model = "billing.aid", _("De minimis aid of others"), AidGrant
    key, needs = ("customer", "source"), rules.may_aid
    columns = (
        Ref("customer", _("Customer"), required=True, among=customers),
        Column("source", _("What it came from"), required=True, max_length=160),
        Column("grantor_name", _("Granted by"), required=True, max_length=300),
        Day("granted_on", _("Granted on"), required=True),
        Number("amount", _("Gross grant equivalent, EUR"), required=True),
        Column("purpose", _("What for"), required=True, max_length=300),
    )

    def rows(self, parent: Any) -> Any:
        return AidGrant.objects.filter(declared=True).select_related("customer")

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> AidGrant:
        values = dict(values)
        return actions.declare_aid(values.pop("customer"), by=by, **values)

    def change(self, row: AidGrant, values: dict[str, Any], *, by: Any) -> AidGrant:
        values = dict(values)
        names = ("source", "grantor_name", "granted_on", "amount", "purpose")
        kept = {name: getattr(row, name) for name in names}
        return actions.declare_aid(values.pop("customer", row.customer), by=by, **{**kept, **values})


class Accounts(Sheet):
    code, label, model = "billing.accounts", _("Payer accounts"), PayerAccount
    over, needs = "domains.ecosystem", rules.may_found
    columns = (
        CODE,
        Ref("issuer", _("Issuer"), required=True, among=issuers),
        Ref("customer", _("Customer"), required=True, among=customers),
        Column("title", _("What it is for"), required=True, max_length=300),
        Column("project", _("Project or cost centre"), max_length=120),
        Column("buyer_reference", _("Buyer's reference"), max_length=120),
        Column("order_reference", _("Purchase order"), max_length=120),
        Day("starts", _("From"), required=True),
        Day("ends", _("Until")),
        Number("cap", _("Most that may be spent, EUR without VAT")),
        YesNo("closed", _("Closed")),
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.accounts(parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> PayerAccount:
        values = dict(values)
        return actions.open_account(values.pop("issuer"), by=by, **values)

    def change(self, row: PayerAccount, values: dict[str, Any], *, by: Any) -> PayerAccount:
        values = dict(values)
        values.pop("issuer", None)
        return actions.edit_account(row, by=by, **values)


class Tariffs(Sheet):
    code, label, model = "billing.tariffs", _("Prices"), Tariff
    over, needs = "domains.ecosystem", rules.may_found
    columns = (
        CODE,
        Ref("issuer", _("Issuer"), required=True, among=issuers),
        Column("owner_unit", _("Unit that offers it"), max_length=80),
        *bilingual("title", _("Title"), required=True, max_length=300),
        Choice("unit", _("Unit of measure"), choices=Unit),
        Column("exemption_code", _("Code of the VAT exemption"), max_length=40),
        Column("exemption_reason", _("Reason of the VAT exemption"), max_length=300),
        YesNo("withdrawn", _("No longer offered")),
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.tariffs(parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Tariff:
        values = dict(values)
        return actions.add_tariff(values.pop("issuer"), by=by, **_given(values, *DEFAULTS))

    def change(self, row: Tariff, values: dict[str, Any], *, by: Any) -> Tariff:
        values = dict(values)
        values.pop("issuer", None)
        return actions.edit_tariff(row, by=by, **_given(values, *DEFAULTS))


class Versions(Sheet):
    """Versions of prices; one that a file adds is published. Published ones never change, whatever a file says."""

    code, label, model = "billing.versions", _("Versions of prices"), TariffVersion
    over, key, needs = "domains.ecosystem", ("tariff", "valid_from"), rules.may_found
    columns = (
        Ref("tariff", _("Price"), required=True, among=tariffs),
        Day("valid_from", _("Valid from"), required=True),
        Number("capacity", _("Units a year that can be used")),
        Number("minimum", _("Least that is charged")),
        Number("step", _("Charged in steps of")),
        Column("note", _("What changed and why"), max_length=500),
        Plain("costs", _("Costs"), attribute_of="cost_list"),
        Listing("bands", _("Time bands"), attribute_of="band_list"),
        Listing("rates", _("Rates"), attribute_of="rate_list"),
    )

    def rows(self, parent: Ecosystem) -> Any:
        return (
            TariffVersion.objects.filter(tariff__issuer__ecosystem=parent, state=VersionState.PUBLISHED)
            .select_related("tariff__issuer")
            .prefetch_related("costs", "bands", "rates")
        )

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> TariffVersion:
        given = {name: value for name, value in values.items() if value is not None and name != "tariff"}
        for name in {"costs", "bands", "rates"} & given.keys():
            given[name] = [_exact(row) for row in given[name]]
        return actions.publish_version(actions.draft_version(values["tariff"], by=by, **given), by=by)

    def change(self, row: TariffVersion, values: dict[str, Any], *, by: Any) -> TariffVersion:
        return actions.edit_version(row, by=by, **{k: v for k, v in values.items() if k == "note"})


NUMBERS = ("yearly", "each", "amount", "margin", "since")


def _exact(row: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of a list in a cell as exact decimals."""
    return {name: Decimal(str(value)) if name in NUMBERS else value for name, value in row.items()}


class Charges(Sheet):
    """Uses that come from outside this hub: from a logbook, from another system."""

    code, label, model = "billing.charges", _("Charged uses"), Charge
    over, key, needs = "domains.ecosystem", ("account", "key"), rules.may_found
    columns = (
        Ref("account", _("Account"), required=True, among=accounts),
        Column("key", _("What it came from"), required=True, max_length=160),
        Ref("tariff", _("Price"), required=True, among=tariffs, attribute_of="tariff_of"),
        Day("day", _("Day of use"), required=True),
        Number("quantity", _("Quantity"), required=True),
        Choice("activity", _("Legal basis"), required=True, choices=Activity),
        *bilingual("what", _("What"), max_length=300),
        Column("terms", _("Terms on results and confidentiality"), max_length=300),
    )

    def rows(self, parent: Ecosystem) -> Any:
        return (
            Charge.objects.filter(account__issuer__ecosystem=parent, version__isnull=False)
            .exclude(state="cancelled")
            .select_related("account__issuer", "version__tariff")
        )

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Charge:
        given = dict(values)
        account, quantity = given.pop("account"), given.pop("quantity")
        made = actions.charge(
            account, by=by, final=True, quantities={"": quantity}, ordered_on=values["day"], **given
        )
        return made[0]

    def change(self, row: Charge, values: dict[str, Any], *, by: Any) -> Charge:
        quantity = values.get("quantity", row.quantity)
        return actions.settle_charges(row.account, by=by, key=row.key, quantities={"": quantity})[0]


class Runs(Sheet):
    code, label, model = "billing.runs", _("Months invoiced"), BillingRun
    over, key, needs = "domains.ecosystem", ("issuer", "month"), rules.may_found
    columns = (
        Ref("issuer", _("Issuer"), required=True, among=issuers),
        Month("month", _("Month"), required=True),
        Day("run_on", _("Invoices dated"), required=True),
    )

    def rows(self, parent: Ecosystem) -> Any:
        return BillingRun.objects.filter(issuer__ecosystem=parent).select_related("issuer")

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> BillingRun:
        return actions.run_month(
            values["issuer"], by=by, month=values["month"], issued_on=values.get("run_on")
        )

    def change(self, row: BillingRun, values: dict[str, Any], *, by: Any) -> BillingRun:
        return actions.run_month(row.issuer, by=by, month=row.month)
