"""Core facilities (units); instruments, rooms, accessories, experts that can be booked there; when, by which rules."""

from __future__ import annotations

from typing import ClassVar
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from talka.billing.models import Issuer, Tariff
from talka.core.bilingual import Bilingual
from talka.core.models import Noun
from talka.domains.models import Ecosystem
from talka.parties.models import Account, Organisation


def known_zone(name: str) -> None:
    """A name of the IANA time zone database."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError) as why:
        raise ValidationError(
            _now("“%(name)s” is no time zone; one is Europe/Riga") % {"name": name}
        ) from why


class Unit(Noun):
    """A core facility: a part of an institution that lets others use its instruments and people.

    `rated_as` and `rating_2020` say under which name and how the national evaluation of science of 2020 rated the
    institution's unit (1 to 5), None where it did not. `example`: an invented unit, shown as such.
    """

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="facilities")
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="facilities", verbose_name=_("institution")
    )
    issuer = models.ForeignKey(
        Issuer,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="facilities",
        verbose_name=_("who issues its invoices"),
    )
    code = models.SlugField(_("code"), max_length=80)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    title = Bilingual(models.CharField, max_length=300, verbose_name=_("title"))
    summary = Bilingual(models.TextField, blank=True, verbose_name=_("what it offers"))
    access = Bilingual(models.TextField, blank=True, verbose_name=_("how to get access"))
    address = models.CharField(_("address"), max_length=300, blank=True, default="")
    website = models.URLField(_("website"), blank=True, default="")
    email = models.EmailField(_("e-mail"), blank=True, default="")
    phone = models.CharField(_("phone"), max_length=40, blank=True, default="")
    time_zone = models.CharField(
        _("time zone"), max_length=40, default="Europe/Riga", validators=[known_zone]
    )
    rated_as = models.CharField(_("unit as rated in 2020"), max_length=300, blank=True, default="")
    rating_2020 = models.PositiveSmallIntegerField(_("rating of 2020"), null=True, blank=True)
    open_to_others = models.BooleanField(_("open to third parties"), default=False)
    withdrawn = models.BooleanField(_("no longer works"), default=False)
    example = models.BooleanField(_("an invented example"), default=False)
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ecosystem", "code"], name="facility_code_once"),
            models.CheckConstraint(
                condition=Q(rating_2020=None) | Q(rating_2020__range=(1, 5)), name="facility_rating_1_to_5"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("facility", args=[self.ecosystem.code, self.code])

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class UnitPart(models.TextChoices):
    MANAGER = "manager", _("manager")
    OPERATOR = "operator", _("operator")


class UnitPerson(Noun):
    """Somebody who runs a unit. A manager sets its rules and hours; an operator approves, qualifies and records."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="people")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="facility_parts")
    part = models.CharField(_("part"), max_length=10, choices=UnitPart)
    until = models.DateField(_("until"), null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["unit", "part", "id"]
        verbose_name_plural = "unit people"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["unit", "account"], name="facility_person_once")
        ]

    def __str__(self) -> str:
        return f"{self.account} ({self.get_part_display()})"

    @property
    def ecosystem_id(self) -> int:
        return self.unit.ecosystem_id


class ResourceKind(models.TextChoices):
    INSTRUMENT = "instrument", _("instrument")
    ROOM = "room", _("room")
    ACCESSORY = "accessory", _("accessory")
    EXPERT = "expert", _("expert")


class ResourceState(models.TextChoices):
    IN_SERVICE = "in_service", pgettext_lazy("instrument", "in service")
    OUT_OF_ORDER = "out_of_order", pgettext_lazy("instrument", "out of order")
    WITHDRAWN = "withdrawn", pgettext_lazy("instrument", "withdrawn")


class Charged(models.TextChoices):
    """Which time of a use is charged."""

    BOOKED = "booked", pgettext_lazy("time charged", "the time booked")
    USED = "used", pgettext_lazy("time charged", "the time used")
    LONGER = "longer", pgettext_lazy("time charged", "the longer of both")


class Resource(Noun):
    """What is booked: an instrument, a room, an accessory, or an expert's time. Its rules of booking stand on it.

    Whoever books a part (`parent`) has the whole too, and the other way round. Times of the rules: minutes where the
    name says so, days for `horizon_days`, hours for `cancel_hours`. None as a limit: there is none.
    """

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="resources")
    code = models.SlugField(_("code"), max_length=80)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    kind_of = models.CharField(
        _("kind"), max_length=12, choices=ResourceKind, default=ResourceKind.INSTRUMENT
    )
    title = Bilingual(models.CharField, max_length=300, verbose_name=_("title"))
    summary = Bilingual(models.TextField, blank=True, verbose_name=_("what it is for"))
    specification = Bilingual(models.TextField, blank=True, verbose_name=_("specification, one line each"))
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="parts",
        verbose_name=_("part of"),
    )
    expert = models.ForeignKey(
        Account,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="expert_resources",
        verbose_name=_("whose time it is"),
    )
    state = models.CharField(
        _("state"), max_length=12, choices=ResourceState, default=ResourceState.IN_SERVICE
    )
    location = models.CharField(_("room or place"), max_length=120, blank=True, default="")
    maker = models.CharField(_("maker"), max_length=120, blank=True, default="")
    model_name = models.CharField(_("model"), max_length=120, blank=True, default="")
    pid = models.CharField(_("persistent id"), max_length=120, blank=True, default="")
    bought_on = models.DateField(_("bought on"), null=True, blank=True)
    purchase_value = models.DecimalField(
        _("purchase value, EUR"), max_digits=14, decimal_places=2, null=True, blank=True
    )
    funding = models.CharField(_("paid from"), max_length=300, blank=True, default="")
    depreciation_years = models.PositiveSmallIntegerField(_("depreciated over, years"), null=True, blank=True)
    tariff = models.ForeignKey(
        Tariff,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="resources",
        verbose_name=_("price"),
    )
    # The rules of booking.
    needs_approval = models.BooleanField(_("a booking needs approval"), default=False)
    needs_qualification = models.BooleanField(_("only for the qualified"), default=False)
    qualified_months = models.PositiveSmallIntegerField(
        _("a qualification ends after months without use"), null=True, blank=True
    )
    certificate = models.CharField(
        _("safety certificate that it takes"), max_length=80, blank=True, default=""
    )
    step_minutes = models.PositiveSmallIntegerField(_("begins and ends in steps of, minutes"), default=15)
    least_minutes = models.PositiveIntegerField(_("shortest booking, minutes"), default=15)
    most_minutes = models.PositiveIntegerField(_("longest booking, minutes"), default=480)
    horizon_days = models.PositiveSmallIntegerField(_("bookable ahead, days"), default=60)
    before_minutes = models.PositiveSmallIntegerField(_("set-up before, minutes"), default=0)
    after_minutes = models.PositiveSmallIntegerField(_("clearing up after, minutes"), default=0)
    most_ahead = models.PositiveSmallIntegerField(
        _("bookings ahead that one user may have"), null=True, blank=True
    )
    hours_a_week = models.PositiveSmallIntegerField(
        _("hours a week that one user may book"), null=True, blank=True
    )
    off_hours = models.BooleanField(_("the qualified may book outside opening hours"), default=False)
    charged = models.CharField(
        _("which time is charged"), max_length=8, choices=Charged, default=Charged.LONGER
    )
    cancel_hours = models.PositiveSmallIntegerField(_("free to cancel until, hours before"), default=24)
    late_percent = models.PositiveSmallIntegerField(_("charged when cancelled late, %"), default=0)
    missed_minutes = models.PositiveSmallIntegerField(
        _("missed when not begun after, minutes"), null=True, blank=True
    )
    missed_percent = models.PositiveSmallIntegerField(_("charged when missed, %"), default=100)

    class Meta:
        ordering: ClassVar = ["unit", "order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["unit", "code"], name="resource_code_once"),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="resource_not_part_of_itself"),
            models.CheckConstraint(
                condition=Q(step_minutes__gt=0, least_minutes__gt=0, most_minutes__gte=F("least_minutes")),
                name="resource_lengths_in_order",
            ),
            models.CheckConstraint(
                condition=Q(late_percent__lte=100, missed_percent__lte=100),
                name="resource_at_most_whole_price",
            ),
            models.CheckConstraint(
                condition=Q(purchase_value=None) | Q(purchase_value__gte=0), name="resource_value_positive"
            ),
            models.CheckConstraint(
                condition=Q(expert=None) | Q(kind_of="expert"), name="resource_of_an_expert_is_one"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("resource", args=[self.unit.ecosystem.code, self.unit.code, self.code])

    @property
    def ecosystem_id(self) -> int:
        return self.unit.ecosystem_id

    @property
    def methods(self) -> list[Method]:
        return [link.method for link in self.method_links.all()]

    @property
    def place(self) -> str:
        """How it is called for short: "imaging/confocal"."""
        return f"{self.unit.code}/{self.code}"


class Mode(Noun):
    """One of several ways to use an instrument, with a price of its own if it has one."""

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="modes")
    code = models.SlugField(_("code"), max_length=80)
    title = Bilingual(models.CharField, max_length=200, verbose_name=_("title"))
    tariff = models.ForeignKey(
        Tariff,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="modes",
        verbose_name=_("price"),
    )

    class Meta:
        ordering: ClassVar = ["resource", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["resource", "code"], name="resource_mode_once")
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def ecosystem_id(self) -> int:
        return self.resource.unit.ecosystem_id


class Method(Noun):
    """A method or technique, by one word for all units of the ecosystem."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="methods")
    code = models.SlugField(_("code"), max_length=80)
    title = Bilingual(models.CharField, max_length=200, verbose_name=_("title"))

    class Meta:
        ordering: ClassVar = ["title_lv", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ecosystem", "code"], name="method_code_once")
        ]

    def __str__(self) -> str:
        return self.title


class ResourceMethod(Noun):
    """An instrument or expert serves a method."""

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="method_links")
    method = models.ForeignKey(Method, on_delete=models.PROTECT, related_name="resource_links")

    class Meta:
        ordering: ClassVar = ["resource", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["resource", "method"], name="resource_method_once")
        ]

    def __str__(self) -> str:
        return str(self.method)

    @property
    def ecosystem_id(self) -> int:
        return self.resource.unit.ecosystem_id


class OpeningHours(Noun):
    """When a unit is open on a day of the week, in its own time; `resource` where one differs from its unit.

    A day without a row is closed; a resource with no row of its own keeps its unit's hours. Closing at 00:00 is the
    midnight after.
    """

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="hours")
    resource = models.ForeignKey(
        Resource, null=True, blank=True, on_delete=models.CASCADE, related_name="hours"
    )
    weekday = models.PositiveSmallIntegerField(_("day of the week, Monday 1"))
    opens = models.TimeField(_("opens"))
    closes = models.TimeField(_("closes"), help_text=_("Midnight is 00:00."))

    class Meta:
        ordering: ClassVar = ["unit", "resource", "weekday", "opens"]
        verbose_name_plural = "opening hours"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["unit", "resource", "weekday", "opens"], name="hours_once"),
            models.UniqueConstraint(
                fields=["unit", "weekday", "opens"], condition=Q(resource=None), name="hours_of_unit_once"
            ),
            models.CheckConstraint(condition=Q(weekday__range=(1, 7)), name="hours_on_a_day_of_the_week"),
            models.CheckConstraint(
                condition=Q(closes__gt=F("opens")) | Q(closes="00:00"), name="hours_close_after_opening"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.weekday} {self.opens:%H:%M}–{self.closes:%H:%M}"

    @property
    def ecosystem_id(self) -> int:
        return self.unit.ecosystem_id


class ClosureKind(models.TextChoices):
    CLOSED = "closed", pgettext_lazy("closure", "closed")
    MAINTENANCE = "maintenance", pgettext_lazy("closure", "maintenance")
    OUTAGE = "outage", pgettext_lazy("closure", "outage")


class Closure(Noun):
    """A time in which a unit, or one resource of it, cannot be used."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="closures")
    resource = models.ForeignKey(
        Resource, null=True, blank=True, on_delete=models.CASCADE, related_name="closures"
    )
    kind_of = models.CharField(_("kind"), max_length=12, choices=ClosureKind, default=ClosureKind.CLOSED)
    starts = models.DateTimeField(_("from"))
    ends = models.DateTimeField(_("until"))
    title = Bilingual(models.CharField, max_length=200, verbose_name=_("why"))

    class Meta:
        ordering: ClassVar = ["unit", "starts"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="closure_ends_after_start")
        ]
        indexes: ClassVar = [models.Index(fields=["unit", "ends"], name="closure_unit_ends")]

    def __str__(self) -> str:
        return self.title

    @property
    def ecosystem_id(self) -> int:
        return self.unit.ecosystem_id
