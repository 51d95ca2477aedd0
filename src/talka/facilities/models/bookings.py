"""Bookings: who has what, from when until when. The database keeps that nobody else has it then (migration 0002)."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from talka.core.models import Noun
from talka.facilities.models.catalogue import Mode, Resource, Unit
from talka.facilities.models.projects import Regime, Terms, UserProject
from talka.parties.models import Account


class Series(Noun):
    """Bookings made together by a rule of recurrence. The rule is kept as text; what is booked are the bookings.

    `skipped` are the occurrences left out and why: [{"starts": …, "why": …}].
    """

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="series")
    rule = models.CharField(_("rule of recurrence (RFC 5545)"), max_length=300)
    skipped = models.JSONField(_("left out"), default=list, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name_plural = "series"

    def __str__(self) -> str:
        return self.rule

    @property
    def ecosystem_id(self) -> int:
        return self.unit.ecosystem_id


class BookingState(models.TextChoices):
    ASKED = "asked", pgettext_lazy("booking", "waits for approval")
    BOOKED = "booked", pgettext_lazy("booking", "booked")
    DECLINED = "declined", pgettext_lazy("booking", "declined")
    CANCELLED = "cancelled", pgettext_lazy("booking", "cancelled")
    MISSED = "missed", pgettext_lazy("booking", "missed")
    DONE = "done", pgettext_lazy("booking", "done")


# A booking in one of these states keeps its time; one that waits for approval does, or it might be approved too late.
LIVE = frozenset({BookingState.ASKED, BookingState.BOOKED, BookingState.DONE})


class Booking(Noun):
    """A use to come, or that was: for whom, for which project, one or several resources at the same time.

    `regime` and `terms` are those of the moment of booking. `override` says why its rules were set aside, and by whom;
    empty where they were kept.
    """

    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="bookings")
    project = models.ForeignKey(UserProject, on_delete=models.PROTECT, related_name="bookings")
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="bookings", verbose_name=_("user")
    )
    starts = models.DateTimeField(_("from"))
    ends = models.DateTimeField(_("until"))
    state = models.CharField(
        _("state"), max_length=10, choices=BookingState, default=BookingState.BOOKED, editable=False
    )
    purpose = models.CharField(_("what for"), max_length=300, blank=True, default="")
    regime = models.CharField(_("regime of results"), max_length=8, choices=Regime, editable=False)
    terms_in_words = models.CharField(
        _("terms on results"), max_length=300, blank=True, default="", editable=False
    )
    terms = models.ForeignKey(
        Terms, null=True, blank=True, on_delete=models.PROTECT, related_name="bookings", editable=False
    )
    series = models.ForeignKey(
        Series, null=True, blank=True, on_delete=models.PROTECT, related_name="bookings", editable=False
    )
    override = models.CharField(_("why rules were set aside"), max_length=300, blank=True, default="")
    override_by = models.CharField(_("set aside by"), max_length=300, blank=True, default="", editable=False)
    reason = models.CharField(_("why declined or cancelled"), max_length=300, blank=True, default="")
    late = models.BooleanField(_("cancelled late"), default=False, editable=False)

    class Meta:
        ordering: ClassVar = ["starts", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="booking_ends_after_start"),
            models.CheckConstraint(
                condition=Q(override="", override_by="") | ~Q(override="") & ~Q(override_by=""),
                name="booking_override_has_its_author",
            ),
            models.CheckConstraint(
                condition=~Q(state="declined") | ~Q(reason=""), name="booking_declined_with_a_reason"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["unit", "ends"], name="booking_unit_ends"),
            models.Index(fields=["account", "ends"], name="booking_account_ends"),
        ]

    def __str__(self) -> str:
        return f"{self.starts:%Y-%m-%d %H:%M} {self.unit.code}"

    def get_absolute_url(self) -> str:
        return reverse("booking", args=[self.unit.ecosystem.code, self.pk])

    @property
    def ecosystem_id(self) -> int:
        return self.unit.ecosystem_id

    @property
    def length(self) -> timedelta:
        return self.ends - self.starts


class Slot(Noun):
    """A resource taken by a booking: `starts` to `ends` with set-up and clearing up around the use.

    Of the live slots of one resource no two overlap: the database refuses the second.
    """

    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="slots")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="slots")
    mode = models.ForeignKey(
        Mode, null=True, blank=True, on_delete=models.PROTECT, related_name="slots", verbose_name=_("mode")
    )
    # False: taken only because a part, or the whole that it is a part of, is used.
    asked = models.BooleanField(_("asked for"), default=True)
    starts = models.DateTimeField(_("taken from"))
    ends = models.DateTimeField(_("taken until"))
    live = models.BooleanField(_("keeps its time"), default=True)

    class Meta:
        ordering: ClassVar = ["booking", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["booking", "resource"], name="slot_once"),
            models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="slot_ends_after_start"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["resource", "ends"], condition=Q(live=True), name="slot_resource_ends")
        ]

    def settle(self) -> None:
        # Whole minutes: the triggers of migration 0002 compare instants as text.
        self.starts = self.starts.replace(second=0, microsecond=0)
        self.ends = self.ends.replace(second=0, microsecond=0)

    def __str__(self) -> str:
        return f"{self.resource} {self.starts:%Y-%m-%d %H:%M}"

    @property
    def ecosystem_id(self) -> int:
        return self.booking.unit.ecosystem_id


class WishState(models.TextChoices):
    WAITING = "waiting", pgettext_lazy("wish", "waiting")
    FILLED = "filled", pgettext_lazy("wish", "filled")
    WITHDRAWN = "withdrawn", pgettext_lazy("wish", "withdrawn")
    LAPSED = "lapsed", pgettext_lazy("wish", "lapsed")


class Wish(Noun):
    """A place on the waiting list: so many minutes between two moments. A gap is booked for whoever waits longest."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="wishes")
    project = models.ForeignKey(UserProject, on_delete=models.PROTECT, related_name="wishes")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="wishes")
    minutes = models.PositiveIntegerField(_("minutes"))
    earliest = models.DateTimeField(_("not before"))
    latest = models.DateTimeField(_("not after"))
    purpose = models.CharField(_("what for"), max_length=300, blank=True, default="")
    state = models.CharField(
        _("state"), max_length=10, choices=WishState, default=WishState.WAITING, editable=False
    )
    made_at = models.DateTimeField(_("since"))
    booking = models.OneToOneField(
        Booking, null=True, blank=True, on_delete=models.PROTECT, related_name="wish", editable=False
    )

    class Meta:
        ordering: ClassVar = ["made_at", "id"]
        verbose_name_plural = "wishes"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(latest__gt=F("earliest")), name="wish_ends_after_start"),
            models.CheckConstraint(condition=Q(minutes__gt=0), name="wish_for_some_minutes"),
            models.CheckConstraint(
                condition=Q(state="filled", booking__isnull=False) | ~Q(state="filled") & Q(booking=None),
                name="wish_filled_by_a_booking",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account}, {self.minutes} min"

    @property
    def ecosystem_id(self) -> int:
        return self.unit.ecosystem_id


class WishedResource(Noun):
    """What is wished: all of them at once."""

    wish = models.ForeignKey(Wish, on_delete=models.CASCADE, related_name="resource_links")
    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="wish_links")

    class Meta:
        ordering: ClassVar = ["wish", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["wish", "resource"], name="wished_resource_once")
        ]

    def __str__(self) -> str:
        return str(self.resource)

    @property
    def ecosystem_id(self) -> int:
        return self.wish.unit.ecosystem_id
