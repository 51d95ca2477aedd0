"""Who pays and who issues, what a thing costs and for whom, what was used, what was invoiced, what was aid.

A price list is frozen when it is published, a charge freezes the prices it was reckoned by, an invoice freezes all it
says; what changes later is a new version, a new charge, a credit note. Sums are exact decimals in euro.
"""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from talka.billing import sums
from talka.core.bilingual import Bilingual
from talka.core.models import DatedRule, Noun
from talka.core.values import Period
from talka.domains.models import Ecosystem
from talka.parties.models import Account, Organisation, Person


def money(label: Any, **options: Any) -> Any:
    """A sum in euro and cents."""
    return models.DecimalField(label, max_digits=14, decimal_places=2, **options)


def rate(label: Any, **options: Any) -> Any:
    """A price of one unit, in euro with four decimals."""
    return models.DecimalField(label, max_digits=14, decimal_places=4, **options)


def quantity(label: Any, **options: Any) -> Any:
    """How much, with four decimals."""
    return models.DecimalField(label, max_digits=14, decimal_places=4, **options)


def adds_up(left: str, right: Any) -> Q:
    """A sum in cents equals another. Not by `=`: SQLite reckons with floating points, in which 0.4 - 0.1 is not 0.3."""
    half = Decimal("0.005")
    return Q(**{f"{left}__gt": right - half, f"{left}__lt": right + half})


class Unit(models.TextChoices):
    """Units of measure by their codes in UN/ECE Recommendation 20, which e-invoices demand."""

    HOUR = "HUR", _("hour")
    DAY = "DAY", _("day")
    MONTH = "MON", _("month")
    PIECE = "C62", _("piece")
    GRAM = "GRM", _("gram")
    MILLILITRE = "MLT", _("millilitre")
    KILOMETRE = "KMT", _("kilometre")


# ---------------------------------------------------------------- addresses


class Addressed(Noun):
    """A party of an invoice: its name in law, numbers, address and the address at which e-invoices reach it."""

    legal_name = models.CharField(_("name in law"), max_length=300)
    registration_number = models.CharField(_("registration number"), max_length=20, blank=True, default="")
    vat_number = models.CharField(_("VAT number"), max_length=20, blank=True, default="")
    street = models.CharField(_("street and house"), max_length=200, blank=True, default="")
    city = models.CharField(_("city"), max_length=100, blank=True, default="")
    postcode = models.CharField(_("postcode"), max_length=20, blank=True, default="")
    country = models.CharField(_("country"), max_length=2, default="LV")
    # 0218: the Latvian unified registration number in the list of electronic address schemes (EAS).
    endpoint_scheme = models.CharField(_("scheme of the e-invoice address"), max_length=4, default="0218")
    endpoint = models.CharField(_("e-invoice address"), max_length=100, blank=True, default="")
    email = models.EmailField(_("e-mail for invoices"), blank=True, default="")

    class Meta:
        abstract = True

    def settle(self) -> None:
        # In Latvia the electronic address is the registration number, unless another one is given.
        if not self.endpoint and self.endpoint_scheme == "0218" and self.country == "LV":
            self.endpoint = self.registration_number

    def frozen(self) -> dict[str, str]:
        """All that an invoice says of this party."""
        return {name: getattr(self, name) for name in PARTY}


PARTY = (
    "legal_name",
    "registration_number",
    "vat_number",
    "street",
    "city",
    "postcode",
    "country",
    "endpoint_scheme",
    "endpoint",
    "email",
)


class Issuer(Addressed):
    """An institution that sets prices and issues invoices in its own name and number series."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.PROTECT, related_name="issuers")
    organisation = models.OneToOneField(
        Organisation, on_delete=models.PROTECT, related_name="issuer", verbose_name=_("institution")
    )
    code = models.SlugField(_("code"), max_length=40, unique=True)
    prefix = models.CharField(_("prefix of invoice numbers"), max_length=12)
    iban = models.CharField(_("IBAN"), max_length=34, blank=True, default="")
    bic = models.CharField(_("BIC"), max_length=11, blank=True, default="")
    payment_days = models.PositiveSmallIntegerField(_("days to pay"), default=30)
    ledger_receivable = models.CharField(_("ledger account: receivables"), max_length=20, default="2310")
    ledger_economic = models.CharField(_("ledger account: economic income"), max_length=20, default="6110")
    ledger_other = models.CharField(_("ledger account: other income"), max_length=20, default="6190")
    ledger_vat = models.CharField(_("ledger account: VAT"), max_length=20, default="5721")
    ledger_prepaid = models.CharField(_("ledger account: prepayments"), max_length=20, default="5210")
    ledger_bank = models.CharField(_("ledger account: bank"), max_length=20, default="2620")

    class Meta:
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["prefix"],
                name="issuer_prefix_once",
                violation_error_message=_("Another institution gives numbers with this prefix already."),
            ),
        ]

    def __str__(self) -> str:
        return self.legal_name

    def get_absolute_url(self) -> str:
        return reverse("billing", args=[self.ecosystem.code]) + f"?issuer={self.code}"


class Counter(Noun):
    """The last invoice number an issuer gave in a year. Numbers have no gaps, because only this row gives them."""

    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="counters")
    year = models.PositiveSmallIntegerField(_("year"))
    last = models.PositiveIntegerField(_("last number"), default=0)

    class Meta:
        ordering: ClassVar = ["issuer", "year"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["issuer", "year"], name="counter_once")]

    def __str__(self) -> str:
        return f"{self.issuer.prefix} {self.year}: {self.last}"

    @property
    def ecosystem_id(self) -> int:
        return self.issuer.ecosystem_id


# ---------------------------------------------------------------- who pays


class PriceClass(models.TextChoices):
    """For whom a price is meant."""

    OWN = "own", pgettext_lazy("customers", "own units")
    PUBLIC_RESEARCH = "public_research", pgettext_lazy("customers", "public research")
    COMPANY = "company", pgettext_lazy("customers", "companies")
    START_UP = "start_up", pgettext_lazy("customers", "start-ups")
    INDIVIDUAL = "individual", pgettext_lazy("customers", "individuals")


UNDERTAKINGS = frozenset({PriceClass.COMPANY, PriceClass.START_UP})


class Customer(Addressed):
    """Whoever pays: an organisation or a person. Its class follows from dated facts (`Standing`, `StartUpProfile`)."""

    code = models.SlugField(_("code"), max_length=80, unique=True)
    organisation = models.OneToOneField(
        Organisation,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="customer",
        verbose_name=_("organisation"),
    )
    person = models.OneToOneField(
        Person,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="customer",
        verbose_name=_("person"),
    )
    budget_institution = models.BooleanField(
        _("budget institution"), default=False, help_text=_("It receives structured e-invoices only.")
    )
    language = models.CharField(_("language of its invoices"), max_length=2, default="lv")
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["legal_name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["country", "registration_number"],
                condition=~Q(registration_number=""),
                name="customer_registration_number_once",
                violation_error_message=_("Another customer has this registration number already."),
            ),
            models.CheckConstraint(
                condition=Q(organisation=None) | Q(person=None),
                name="customer_organisation_or_person",
                violation_error_message=_("A customer is an organisation or a person, not both."),
            ),
            models.CheckConstraint(condition=Q(language__in=["lv", "en"]), name="customer_language_known"),
        ]

    def __str__(self) -> str:
        return self.legal_name


class Standing(Noun):
    """From when until when a customer belongs to a class of prices, and what shows it."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="standings")
    price_class = models.CharField(
        _("class"), max_length=16, choices=[c for c in PriceClass.choices if c[0] not in ("own", "start_up")]
    )
    starts = models.DateField(_("from"))
    ends = models.DateField(_("until"), null=True, blank=True)
    evidence = models.CharField(_("what shows it"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["customer", "starts"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["customer", "starts"], name="standing_once"),
            models.CheckConstraint(
                condition=Q(ends=None) | Q(ends__gte=F("starts")),
                name="standing_ends_after_start",
                violation_error_message=_("It would end before it starts."),
            ),
            # What a start-up is, and what an own unit is, follows from other facts.
            models.CheckConstraint(
                condition=Q(price_class__in=["public_research", "company", "individual"]),
                name="standing_class_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer}: {self.get_price_class_display()}"


class StartUpProfile(Noun):
    """What a company declares to be priced as a start-up; it ends by itself when the company is too old.

    The conditions are those of Article 22 of Regulation (EU) 651/2014 (GBER).
    """

    customer = models.OneToOneField(Customer, on_delete=models.CASCADE, related_name="start_up")
    registered_on = models.DateField(_("entered in the register on"))
    small = models.BooleanField(_("is a small enterprise"))
    unlisted = models.BooleanField(_("is not listed on an exchange"))
    distributed_profit = models.BooleanField(_("has distributed profit"), default=False)
    took_over = models.BooleanField(_("took over another's business or arose from a merger"), default=False)
    declared_on = models.DateField(_("declared on"))
    ended_on = models.DateField(_("ended early on"), null=True, blank=True)
    evidence = models.CharField(_("what shows it"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["customer"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(declared_on__gte=F("registered_on")),
                name="start_up_declared_after_registration",
                violation_error_message=_("A company declares after it was registered."),
            )
        ]

    def __str__(self) -> str:
        return str(self.customer)


class Control(models.TextChoices):
    """Why two enterprises are one undertaking: Article 2(2) of Regulation (EU) 2023/2831."""

    VOTES = "votes", _("majority of the votes")
    APPOINTS = "appoints", _("right to appoint or remove most of the management")
    CONTRACT = "contract", _("dominant influence by contract or statutes")
    AGREEMENT = "agreement", _("control of the votes by agreement with others")


class UndertakingLink(Noun):
    """One enterprise controls another, from and until. Whoever is linked, also over others, is a single undertaking."""

    controlling = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="controls")
    controlled = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="controlled_by")
    ground = models.CharField(_("ground"), max_length=10, choices=Control)
    starts = models.DateField(_("from"))
    ends = models.DateField(_("until"), null=True, blank=True)
    evidence = models.CharField(_("what shows it"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["controlling", "controlled", "starts"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["controlling", "controlled", "starts"], name="undertaking_link_once"
            ),
            models.CheckConstraint(
                condition=~Q(controlling=F("controlled")),
                name="undertaking_link_not_to_itself",
                violation_error_message=_("An enterprise does not control itself."),
            ),
            models.CheckConstraint(
                condition=Q(ends=None) | Q(ends__gte=F("starts")),
                name="undertaking_link_ends_after_start",
                violation_error_message=_("It would end before it starts."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.controlling} → {self.controlled}"


class PayerAccount(Noun):
    """On whose cost a use goes: a customer's account with an issuer, for one project, within dates and a cap.

    An account with shares pays nothing itself: each use on it is divided among the accounts of its shares.
    """

    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="accounts")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="accounts")
    code = models.SlugField(_("code"), max_length=80)
    title = models.CharField(_("what it is for"), max_length=300)
    project = models.CharField(_("project or cost centre"), max_length=120, blank=True, default="")
    buyer_reference = models.CharField(_("buyer's reference"), max_length=120, blank=True, default="")
    order_reference = models.CharField(_("purchase order"), max_length=120, blank=True, default="")
    starts = models.DateField(_("from"))
    ends = models.DateField(_("until"), null=True, blank=True)
    cap = money(_("most that may be spent, without VAT"), null=True, blank=True)
    closed = models.BooleanField(_("closed"), default=False)

    class Meta:
        ordering: ClassVar = ["issuer", "code"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["issuer", "code"],
                name="payer_account_code_once",
                violation_error_message=_("This issuer has an account of that code already."),
            ),
            models.CheckConstraint(
                condition=Q(ends=None) | Q(ends__gte=F("starts")),
                name="payer_account_ends_after_start",
                violation_error_message=_("It would end before it starts."),
            ),
            models.CheckConstraint(condition=Q(cap=None) | Q(cap__gte=0), name="payer_account_cap_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("billing-account", args=[self.issuer.ecosystem.code, self.pk])

    @property
    def ecosystem_id(self) -> int:
        return self.issuer.ecosystem_id


class AccountShare(Noun):
    """How much of each use on a shared account another account pays, as a weight."""

    account = models.ForeignKey(PayerAccount, on_delete=models.CASCADE, related_name="shares")
    pays = models.ForeignKey(PayerAccount, on_delete=models.PROTECT, related_name="shares_in")
    weight = models.DecimalField(_("weight"), max_digits=9, decimal_places=4)

    class Meta:
        ordering: ClassVar = ["account", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "pays"], name="account_share_once"),
            models.CheckConstraint(condition=Q(weight__gt=0), name="account_share_positive"),
            models.CheckConstraint(condition=~Q(account=F("pays")), name="account_share_of_another"),
        ]

    def __str__(self) -> str:
        return f"{self.pays}: {self.weight}"

    @property
    def ecosystem_id(self) -> int:
        return self.account.issuer.ecosystem_id


class AccountUser(Noun):
    """Somebody who may let uses go on an account; whoever manages it may also add others."""

    account = models.ForeignKey(PayerAccount, on_delete=models.CASCADE, related_name="users")
    user = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="payer_accounts")
    manages = models.BooleanField(_("manages the account"), default=False)
    until = models.DateField(_("until"), null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["account", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "user"], name="account_user_once")
        ]

    def __str__(self) -> str:
        return str(self.user)

    @property
    def ecosystem_id(self) -> int:
        return self.account.issuer.ecosystem_id


class CreditKind(models.TextChoices):
    MONEY = "money", _("prepaid sum")
    PACKAGE = "package", _("prepaid package")


class Credit(Noun):
    """What an account has paid ahead: a sum, or a quantity of one thing (a package)."""

    account = models.ForeignKey(PayerAccount, on_delete=models.PROTECT, related_name="credits")
    kind_of = models.CharField(_("kind"), max_length=8, choices=CreditKind)
    amount = money(_("sum, EUR"), default=0)
    tariff = models.ForeignKey(
        "Tariff",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="packages",
        verbose_name=_("of what"),
    )
    quantity = quantity(_("quantity"), default=0)
    paid_on = models.DateField(_("paid on"))
    expires = models.DateField(_("valid until"), null=True, blank=True)
    reference = models.CharField(_("payment reference"), max_length=120)
    journal = models.ForeignKey(
        "JournalExport", null=True, blank=True, on_delete=models.PROTECT, related_name="credits"
    )

    class Meta:
        ordering: ClassVar = ["account", "paid_on", "id"]
        constraints: ClassVar = [
            # The same line of a bank statement does not pay twice.
            models.UniqueConstraint(fields=["account", "reference"], name="credit_reference_once"),
            models.CheckConstraint(
                condition=Q(kind_of="money", tariff=None, amount__gt=0, quantity=0)
                | Q(kind_of="package", tariff__isnull=False, quantity__gt=0),
                name="credit_of_a_sum_or_a_quantity",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_of_display()} {self.reference}"

    @property
    def ecosystem_id(self) -> int:
        return self.account.issuer.ecosystem_id


# ---------------------------------------------------------------- prices


class Tariff(Noun):
    """Something with a price: an instrument's hour, a service. `owner_unit` is the code of the unit that offers it."""

    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="tariffs")
    code = models.SlugField(_("code"), max_length=80)
    owner_unit = models.SlugField(_("unit that offers it"), max_length=80, blank=True, default="")
    title = Bilingual(models.CharField, max_length=300, verbose_name=_("title"))
    unit = models.CharField(_("unit of measure"), max_length=3, choices=Unit, default=Unit.HOUR)
    # A service that the law exempts, such as education; otherwise both are empty.
    exemption_code = models.CharField(_("code of the VAT exemption"), max_length=40, blank=True, default="")
    exemption_reason = models.CharField(
        _("reason of the VAT exemption"), max_length=300, blank=True, default=""
    )
    withdrawn = models.BooleanField(_("no longer offered"), default=False)

    class Meta:
        ordering: ClassVar = ["issuer", "owner_unit", "code"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["issuer", "code"],
                name="tariff_code_once",
                violation_error_message=_("This institution has a price of that code already."),
            ),
            models.CheckConstraint(
                condition=Q(exemption_code="") | ~Q(exemption_reason=""),
                name="tariff_says_why_exempt",
                violation_error_message=_("Say why it is exempt from VAT."),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("tariff", args=[self.issuer.ecosystem.code, self.issuer.code, self.code])

    @property
    def ecosystem_id(self) -> int:
        return self.issuer.ecosystem_id


class VersionState(models.TextChoices):
    DRAFT = "draft", pgettext_lazy("tariff", "draft")
    PUBLISHED = "published", pgettext_lazy("tariff", "published")


class TariffVersion(Noun):
    """The prices of a thing from a day on, and the full cost they rest on. Published, it never changes again."""

    tariff = models.ForeignKey(Tariff, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveSmallIntegerField(_("version"))
    state = models.CharField(
        _("state"), max_length=10, choices=VersionState, default=VersionState.DRAFT, editable=False
    )
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    capacity = quantity(_("units a year that can be used"), default=0)
    minimum = quantity(_("least that is charged"), default=0)
    step = quantity(_("charged in steps of"), default=0)
    note = models.CharField(_("what changed and why"), max_length=500, blank=True, default="")
    cost_rate = rate(_("full cost of a unit"), default=0, editable=False)
    published_at = models.DateTimeField(_("published"), null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["tariff", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tariff", "number"], name="tariff_version_once"),
            models.UniqueConstraint(
                fields=["tariff"], condition=Q(state="draft"), name="tariff_version_one_draft"
            ),
            models.UniqueConstraint(
                fields=["tariff", "valid_from"],
                condition=Q(state="published"),
                name="tariff_version_published_once_a_day",
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                name="tariff_version_ends_after_start",
                violation_error_message=_("It would end before it starts."),
            ),
            models.CheckConstraint(
                condition=Q(capacity__gte=0, minimum__gte=0, step__gte=0), name="tariff_version_positive"
            ),
            models.CheckConstraint(
                condition=Q(state="draft", published_at=None)
                | Q(state="published", published_at__isnull=False),
                name="tariff_version_dated_when_published",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tariff} ({self.number})"

    def get_absolute_url(self) -> str:
        return self.tariff.get_absolute_url() + f"?version={self.number}"

    @property
    def cost_list(self) -> list[dict[str, str]]:
        """The costs as plain texts, as a cell of a table holds them."""
        return [_plain(row, ("kind_of", "title", "yearly", "each", "evidence")) for row in self.costs.all()]

    @property
    def band_list(self) -> list[dict[str, str]]:
        return [
            _plain(row, ("code", "title_lv", "title_en", "days", "begins", "ends"))
            for row in self.bands.all()
        ]

    @property
    def rate_list(self) -> list[dict[str, str]]:
        names = ("price_class", "band", "since", "amount", "basis", "margin", "evidence")
        return [_plain(row, names) for row in self.rates.all()]

    @property
    def ecosystem_id(self) -> int:
        return self.tariff.issuer.ecosystem_id


class CostKind(models.TextChoices):
    EQUIPMENT = "equipment", _("equipment and its depreciation")
    LABOUR = "labour", _("labour")
    SPACE = "space", _("space and energy")
    CONSUMABLES = "consumables", _("consumables")
    UPKEEP = "upkeep", _("service and upkeep")
    OVERHEAD = "overhead", _("overhead")


class CostLine(Noun):
    """A part of the full cost: so much a year, shared out over the capacity, or so much with each unit."""

    version = models.ForeignKey(TariffVersion, on_delete=models.CASCADE, related_name="costs")
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    kind_of = models.CharField(_("kind"), max_length=12, choices=CostKind)
    title = models.CharField(_("what"), max_length=300)
    yearly = money(_("EUR a year"), default=0)
    each = rate(_("EUR with each unit"), default=0)
    evidence = models.CharField(_("where the number is from"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["version", "order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "order"], name="cost_line_order_once"),
            models.CheckConstraint(condition=Q(yearly__gte=0, each__gte=0), name="cost_line_positive"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def ecosystem_id(self) -> int:
        return self.version.tariff.issuer.ecosystem_id


class TimeBand(Noun):
    """Hours of the week with a price of their own, in the time of Riga; what no band covers has the general price."""

    version = models.ForeignKey(TariffVersion, on_delete=models.CASCADE, related_name="bands")
    code = models.SlugField(_("code"), max_length=20)
    title = Bilingual(models.CharField, max_length=100, verbose_name=_("title"))
    days = models.CharField(_("days of the week, Monday 1"), max_length=7, default="1234567")
    begins = models.TimeField(_("from the hour"))
    ends = models.TimeField(_("until the hour"), help_text=_("Midnight is 00:00."))

    class Meta:
        ordering: ClassVar = ["version", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "code"], name="time_band_code_once")
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def ecosystem_id(self) -> int:
        return self.version.tariff.issuer.ecosystem_id


class PriceBasis(models.TextChoices):
    """What a price rests on: Framework 2022/C 414/01 for undertakings, a decision of the unit for others."""

    MARKET = "market", _("market price")
    COST_PLUS = "cost_plus", _("full cost and the margin of the field")
    NEGOTIATED = "negotiated", _("negotiated at arm's length, at least the marginal cost")
    FULL_COST = "full_cost", _("full cost")
    SUBSIDISED = "subsidised", _("below the undiscounted price")


class Rate(Noun):
    """What one unit costs a class of customers, in a band of time, from a quantity on."""

    version = models.ForeignKey(TariffVersion, on_delete=models.CASCADE, related_name="rates")
    price_class = models.CharField(_("for whom"), max_length=16, choices=PriceClass)
    band = models.CharField(_("time band"), max_length=20, blank=True, default="")
    since = quantity(_("from the quantity"), default=0)
    amount = rate(_("EUR a unit, without VAT"))
    basis = models.CharField(_("what it rests on"), max_length=12, choices=PriceBasis)
    margin = models.DecimalField(_("margin, %"), max_digits=7, decimal_places=2, null=True, blank=True)
    evidence = models.CharField(_("evidence"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["version", "price_class", "band", "since"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["version", "price_class", "band", "since"],
                name="billing_rate_once",
                violation_error_message=_("A class has one rate for a band and a quantity."),
            ),
            models.CheckConstraint(condition=Q(amount__gte=0, since__gte=0), name="billing_rate_positive"),
            models.CheckConstraint(
                condition=~Q(basis="market") | ~Q(evidence=""),
                name="billing_rate_market_has_evidence",
                violation_error_message=_("A market price needs its evidence: whose price, of what day."),
            ),
            models.CheckConstraint(
                condition=~Q(basis="cost_plus") | Q(margin__isnull=False, margin__gt=0),
                name="billing_rate_margin_stated",
                violation_error_message=_(
                    "Full cost and margin: say what the margin of the field is, in percent."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_price_class_display()}: {self.amount}"

    @property
    def ecosystem_id(self) -> int:
        return self.version.tariff.issuer.ecosystem_id


# ---------------------------------------------------------------- charges


class Activity(models.TextChoices):
    """What a use is in the sense of the state-aid rules (Framework 2022/C 414/01, points 19-22)."""

    OWN_RESEARCH = "own_research", _("independent research of one's own")
    COLLABORATION = "collaboration", _("effective collaboration")
    TEACHING = "teaching", _("education and training")
    DISSEMINATION = "dissemination", _("dissemination of results")
    RENTAL = "rental", _("renting out equipment or laboratories")
    SERVICE = "service", _("services to undertakings")
    CONTRACT_RESEARCH = "contract_research", _("contract research")


ECONOMIC = frozenset({Activity.RENTAL, Activity.SERVICE, Activity.CONTRACT_RESEARCH})


class VatCategory(models.TextChoices):
    """Categories of the code list UNTDID 5305 that occur here."""

    STANDARD = "S", _("standard rate")
    REVERSE = "AE", _("reverse charge")
    EXEMPT = "E", _("exempt")
    OUTSIDE = "O", _("not subject to VAT")


class VatField(models.Model):
    """How a line is taxed."""

    vat_category = models.CharField(_("VAT category"), max_length=2, choices=VatCategory)
    vat_rate = models.DecimalField(_("VAT rate, %"), max_digits=5, decimal_places=2, default=0)
    exemption_code = models.CharField(_("code of the exemption"), max_length=40, blank=True, default="")
    exemption_reason = models.CharField(_("reason of the exemption"), max_length=300, blank=True, default="")

    class Meta:
        abstract = True


class ChargeState(models.TextChoices):
    ESTIMATED = "estimated", pgettext_lazy("charge", "estimated")
    FINAL = "final", pgettext_lazy("charge", "final")
    CANCELLED = "cancelled", pgettext_lazy("charge", "cancelled")


class AidState(models.TextChoices):
    GRANTED = "granted", pgettext_lazy("aid", "granted")
    REVOKED = "revoked", pgettext_lazy("aid", "revoked")


class AidGrant(Noun):
    """De minimis aid to a customer: from us as a discount, or from others as the customer declares or a register says.

    It counts for the single undertaking to which the customer belongs. `rule` is the ceiling that decided.
    """

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="aid")
    grantor = models.ForeignKey(
        Organisation,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="aid_granted",
        verbose_name=_("granted by"),
    )
    grantor_name = models.CharField(
        _("granted by, if it is none of ours"), max_length=300, blank=True, default=""
    )
    granted_on = models.DateField(_("granted on"))
    amount = money(_("gross grant equivalent, EUR"))
    purpose = models.CharField(_("what for"), max_length=300)
    source = models.CharField(_("what it came from"), max_length=160)
    declared = models.BooleanField(_("declared by the customer"), default=False)
    state = models.CharField(_("state"), max_length=8, choices=AidState, default=AidState.GRANTED)
    rule = models.ForeignKey(DatedRule, on_delete=models.PROTECT, related_name="+")
    registered_on = models.DateField(_("entered in the aid register on"), null=True, blank=True)
    register_reference = models.CharField(
        _("reference in the register"), max_length=80, blank=True, default=""
    )

    class Meta:
        ordering: ClassVar = ["granted_on", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["customer", "source"], name="aid_grant_source_once"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="aid_grant_positive"),
            models.CheckConstraint(
                condition=Q(grantor__isnull=False) | ~Q(grantor_name=""), name="aid_grant_has_grantor"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer}, {self.granted_on}: {self.amount}"

    @property
    def granted_by(self) -> str:
        return str(self.grantor) if self.grantor else self.grantor_name


class Charge(VatField, Noun):
    """One use, as it is to be paid by one account: estimated when ordered, final when used, with what it rests on.

    `key` says what it came from ("facilities.booking/17/use") and stands once on an account, so that charging again
    changes nothing. What it was reckoned by is frozen: version, class, prices, tax, terms.
    """

    account = models.ForeignKey(PayerAccount, on_delete=models.PROTECT, related_name="charges")
    shared_from = models.ForeignKey(
        PayerAccount, null=True, blank=True, on_delete=models.PROTECT, related_name="shared_charges"
    )
    share = models.CharField(_("share"), max_length=40, blank=True, default="")
    key = models.CharField(_("what it came from"), max_length=160)
    what = Bilingual(models.CharField, max_length=300, verbose_name=_("what"))
    day = models.DateField(_("day of use"))
    version = models.ForeignKey(
        TariffVersion,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="charges",
        verbose_name=_("prices"),
    )
    price_class = models.CharField(_("class"), max_length=16, choices=PriceClass)
    activity = models.CharField(_("legal basis"), max_length=20, choices=Activity)
    economic = models.BooleanField(_("economic"), editable=False)
    terms = models.CharField(
        _("terms on results and confidentiality"), max_length=300, blank=True, default=""
    )
    state = models.CharField(_("state"), max_length=10, choices=ChargeState, default=ChargeState.ESTIMATED)
    quantity = quantity(_("quantity"), default=0)
    unit = models.CharField(_("unit of measure"), max_length=3, choices=Unit, default=Unit.HOUR)
    full_cost = money(_("full cost"), default=0)
    price = money(_("price"), default=0)
    subsidy = money(_("subsidy"), default=0)
    pays = money(_("to pay, without VAT"), default=0)
    estimated = money(_("estimate shown when ordered"), null=True, blank=True)
    reason = models.CharField(_("why it differs from the estimate"), max_length=300, blank=True, default="")
    aid = models.ForeignKey(
        AidGrant,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="charges",
        verbose_name=_("aid in it"),
    )

    class Meta:
        ordering: ClassVar = ["day", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "key"], name="charge_key_once"),
            models.CheckConstraint(
                condition=adds_up("pays", F("price") - F("subsidy")), name="charge_adds_up"
            ),
            models.CheckConstraint(condition=Q(subsidy__gte=0), name="charge_subsidy_positive"),
            models.CheckConstraint(
                condition=~Q(state="final") | Q(estimated=None) | Q(estimated=F("pays")) | ~Q(reason=""),
                name="charge_says_why_it_differs",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["account", "state", "day"], name="charge_account_day"),
            models.Index(fields=["key"], name="charge_key"),
            models.Index(fields=["version", "day"], name="charge_version_day"),
        ]

    def settle(self) -> None:
        self.economic = self.activity in ECONOMIC

    def __str__(self) -> str:
        return f"{self.day} {self.what}"

    def get_absolute_url(self) -> str:
        return self.account.get_absolute_url() + f"#charge{self.pk}"

    @property
    def tariff_of(self) -> Tariff | None:
        """What it is the use of; None for a sum that no price list has."""
        return self.version.tariff if self.version else None

    @property
    def ecosystem_id(self) -> int:
        return self.account.issuer.ecosystem_id


class ChargeLine(Noun):
    """A part of a charge with one price: a band of time, a step of quantity, or what a package covers."""

    charge = models.ForeignKey(Charge, on_delete=models.CASCADE, related_name="lines")
    order = models.PositiveSmallIntegerField(default=0)
    band = models.CharField(_("time band"), max_length=20, blank=True, default="")
    credit = models.ForeignKey(
        Credit,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="covers",
        verbose_name=_("package"),
    )
    quantity = quantity(_("quantity"))
    unit_price = rate(_("price of a unit"))
    full_cost = money(_("full cost"))
    price = money(_("price"))
    subsidy = money(_("subsidy"), default=0)
    pays = money(_("to pay"))

    class Meta:
        ordering: ClassVar = ["charge", "order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["charge", "order"], name="charge_line_order_once"),
            models.CheckConstraint(
                condition=adds_up("pays", F("price") - F("subsidy")), name="charge_line_adds_up"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.charge}: {self.quantity}"

    @property
    def ecosystem_id(self) -> int:
        return self.charge.account.issuer.ecosystem_id


# ---------------------------------------------------------------- invoices


class BillingRun(Noun):
    """The invoicing of a month by an issuer. Run again it adds what came since, and changes nothing otherwise."""

    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="runs")
    month = models.CharField(_("month"), max_length=7)
    run_on = models.DateField(_("invoices dated"))
    # [{"account", "customer", "why"}]: what could not be invoiced, and what would have to be right
    left_out = models.JSONField(_("left out"), default=list, blank=True)
    closed_on = models.DateField(_("closed on"), null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["issuer", "-month"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["issuer", "month"], name="billing_run_once")]

    def __str__(self) -> str:
        return f"{self.issuer.code} {self.month}"

    @property
    def ecosystem_id(self) -> int:
        return self.issuer.ecosystem_id

    @property
    def period(self) -> Period:
        return Period.parse(self.month)


class InvoiceKind(models.TextChoices):
    """Type codes of UNTDID 1001."""

    INVOICE = "380", _("invoice")
    CREDIT_NOTE = "381", _("credit note")


class InvoiceState(models.TextChoices):
    ISSUED = "issued", pgettext_lazy("invoice", "issued")
    SENT = "sent", pgettext_lazy("invoice", "sent")
    VOID = "void", pgettext_lazy("invoice", "void")


class JournalExport(Noun):
    """Postings handed to the ledger of an issuer, once each."""

    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="exports")
    number = models.PositiveIntegerField(_("number"))
    made_at = models.DateTimeField(_("made"))
    content = models.TextField(_("content"))
    sha256 = models.CharField(max_length=64)
    silent: ClassVar[frozenset[str]] = Noun.silent | {"content"}

    class Meta:
        ordering: ClassVar = ["issuer", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["issuer", "number"], name="journal_export_once")
        ]

    def __str__(self) -> str:
        return f"{self.issuer.code} {self.number}"

    @property
    def ecosystem_id(self) -> int:
        return self.issuer.ecosystem_id


class Invoice(Noun):
    """An invoice or credit note as it was issued; its number, parties, lines and sums never change.

    One that was not sent yet can be voided (its number stays used); one that was sent is corrected by a credit note.
    """

    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="invoices")
    account = models.ForeignKey(PayerAccount, on_delete=models.PROTECT, related_name="invoices")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invoices")
    run = models.ForeignKey(
        BillingRun, null=True, blank=True, on_delete=models.PROTECT, related_name="invoices"
    )
    kind_of = models.CharField(_("kind"), max_length=3, choices=InvoiceKind, default=InvoiceKind.INVOICE)
    year = models.PositiveSmallIntegerField(_("year"))
    sequence = models.PositiveIntegerField(_("number in the year"))
    number = models.CharField(_("number"), max_length=40)
    state = models.CharField(_("state"), max_length=8, choices=InvoiceState, default=InvoiceState.ISSUED)
    issued_on = models.DateField(_("issued on"))
    due_on = models.DateField(_("to be paid by"))
    month = models.CharField(_("month"), max_length=7)
    credits = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="credit_notes",
        verbose_name=_("credits the invoice"),
    )
    seller = models.JSONField(default=dict)
    buyer = models.JSONField(default=dict)
    buyer_reference = models.CharField(_("buyer's reference"), max_length=120)
    order_reference = models.CharField(_("purchase order"), max_length=120, blank=True, default="")
    note = models.CharField(_("note"), max_length=500, blank=True, default="")
    net = money(_("without VAT"))
    vat = money(_("VAT"))
    gross = money(_("with VAT"))
    prepaid = money(_("paid ahead"), default=0)
    payable = money(_("to pay"))
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    sent_by = models.CharField(_("sent by"), max_length=40, blank=True, default="")
    void_reason = models.CharField(_("why it is void"), max_length=300, blank=True, default="")
    journal = models.ForeignKey(
        JournalExport, null=True, blank=True, on_delete=models.PROTECT, related_name="invoices"
    )
    silent: ClassVar[frozenset[str]] = Noun.silent | {"seller", "buyer"}

    class Meta:
        ordering: ClassVar = ["-year", "-sequence", "issuer"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["issuer", "year", "sequence"], name="invoice_sequence_once"),
            models.UniqueConstraint(fields=["issuer", "number"], name="invoice_number_once"),
            models.CheckConstraint(condition=Q(sequence__gte=1), name="invoice_sequence_from_one"),
            models.CheckConstraint(condition=adds_up("gross", F("net") + F("vat")), name="invoice_adds_up"),
            models.CheckConstraint(
                condition=adds_up("payable", F("gross") - F("prepaid")) & Q(prepaid__gte=0, payable__gte=0),
                name="invoice_payable_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(kind_of="380", credits=None) | Q(kind_of="381", credits__isnull=False),
                name="invoice_credit_note_names_its_invoice",
            ),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(sent_at__isnull=False), name="invoice_sent_is_dated"
            ),
            models.CheckConstraint(
                condition=~Q(state="void") | (Q(sent_at=None) & ~Q(void_reason="")),
                name="invoice_void_was_not_sent_and_says_why",
            ),
            models.CheckConstraint(condition=~Q(buyer_reference=""), name="invoice_names_a_reference"),
        ]
        indexes: ClassVar = [models.Index(fields=["issuer", "month", "state"], name="invoice_month")]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("invoice", args=[self.issuer.ecosystem.code, self.pk])

    @property
    def ecosystem_id(self) -> int:
        return self.issuer.ecosystem_id

    @property
    def is_credit(self) -> bool:
        return self.kind_of == InvoiceKind.CREDIT_NOTE

    def is_late(self, today: date, open_amount: Decimal) -> bool:
        """Whether something is still to be paid after its day."""
        return open_amount > 0 and today > self.due_on


class InvoiceLine(VatField, Noun):
    """A line of an invoice, with what it says in the customer's language. `live` is false once the invoice is void."""

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    order = models.PositiveIntegerField(_("line"))
    charge_line = models.ForeignKey(
        ChargeLine, null=True, blank=True, on_delete=models.PROTECT, related_name="invoice_lines"
    )
    credits = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="credited_by"
    )
    text = models.CharField(_("what"), max_length=400)
    day = models.DateField(_("day of use"))
    quantity = quantity(_("quantity"))
    unit = models.CharField(_("unit of measure"), max_length=3, choices=Unit)
    unit_price = rate(_("price of a unit"))
    price = money(_("price"))
    subsidy = money(_("subsidy"), default=0)
    net = money(_("without VAT"))
    economic = models.BooleanField(_("economic"))
    terms = models.CharField(
        _("terms on results and confidentiality"), max_length=300, blank=True, default=""
    )
    live = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["invoice", "order"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["invoice", "order"], name="invoice_line_order_once"),
            # Nothing is invoiced twice, whoever tries.
            models.UniqueConstraint(
                fields=["charge_line"],
                condition=Q(live=True, charge_line__isnull=False),
                name="invoice_line_charge_once",
            ),
            models.CheckConstraint(
                condition=adds_up("net", F("price") - F("subsidy")), name="invoice_line_adds_up"
            ),
            models.CheckConstraint(
                condition=~Q(vat_category="S") | Q(vat_rate__gt=0), name="invoice_line_standard_has_a_rate"
            ),
            models.CheckConstraint(
                condition=Q(vat_category="S") | (Q(vat_rate=0) & ~Q(exemption_reason="")),
                name="invoice_line_says_why_no_vat",
            ),
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def ecosystem_id(self) -> int:
        return self.invoice.issuer.ecosystem_id


class InvoiceDocument(Noun):
    """The e-invoice as it was made when the invoice was issued: UBL 2.1, EN 16931, Peppol BIS Billing 3."""

    invoice = models.OneToOneField(Invoice, on_delete=models.CASCADE, related_name="document")
    xml = models.TextField(_("e-invoice"))
    sha256 = models.CharField(max_length=64)
    silent: ClassVar[frozenset[str]] = Noun.silent | {"xml"}

    class Meta:
        ordering: ClassVar = ["invoice"]

    def __str__(self) -> str:
        return self.invoice.number

    @property
    def ecosystem_id(self) -> int:
        return self.invoice.issuer.ecosystem_id


class CreditUse(Noun):
    """What an invoice took from a sum that was paid ahead."""

    credit = models.ForeignKey(Credit, on_delete=models.PROTECT, related_name="uses")
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="credit_uses")
    amount = money(_("sum, EUR"))

    class Meta:
        ordering: ClassVar = ["credit", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["credit", "invoice"], name="credit_use_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="credit_use_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.credit}: {self.amount}"

    @property
    def ecosystem_id(self) -> int:
        return self.invoice.issuer.ecosystem_id


class Payment(Noun):
    """Money that came in for an invoice; the same reference does not count twice."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments")
    paid_on = models.DateField(_("paid on"))
    amount = money(_("sum, EUR"))
    reference = models.CharField(_("payment reference"), max_length=120)
    journal = models.ForeignKey(
        JournalExport, null=True, blank=True, on_delete=models.PROTECT, related_name="payments"
    )

    class Meta:
        ordering: ClassVar = ["paid_on", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["invoice", "reference"], name="payment_reference_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.invoice}: {self.amount}"

    @property
    def ecosystem_id(self) -> int:
        return self.invoice.issuer.ecosystem_id


class Reminder(Noun):
    """A reminder that an invoice is late."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="reminders")
    number = models.PositiveSmallIntegerField(_("number"))
    sent_on = models.DateField(_("sent on"))
    open_amount = money(_("still to pay"))

    class Meta:
        ordering: ClassVar = ["invoice", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["invoice", "number"], name="reminder_number_once")
        ]

    def __str__(self) -> str:
        return f"{self.invoice}: {self.number}"

    @property
    def ecosystem_id(self) -> int:
        return self.invoice.issuer.ecosystem_id


def _plain(row: Noun, names: tuple[str, ...]) -> dict[str, str]:
    """The columns that say something, numbers without zeros that say nothing."""
    values = {name: getattr(row, name) for name in names}
    return {
        name: f"{value.normalize():f}"
        if isinstance(value, Decimal)
        else f"{value:%H:%M}"
        if isinstance(value, time)
        else str(value)
        for name, value in values.items()
        if value not in (None, "", 0)
    }


def whole_cost_rate(costs: list[CostLine], capacity: Decimal) -> Decimal:
    """The full cost of a unit: what a year costs over the capacity, and what each unit costs besides."""
    yearly = sum((line.yearly for line in costs), sums.NOTHING)
    each = sum((line.each for line in costs), sums.NOTHING)
    return sums.rate_of((yearly / capacity if capacity else sums.NOTHING) + each)
