"""What was really used: from when until when, what was wrong with an instrument, what somebody wants corrected."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from talka.core.models import Noun
from talka.facilities.models.bookings import Booking
from talka.facilities.models.catalogue import Resource


class Use(Noun):
    """A booking as it was used: when its user logged on and off. `counter`: what the instrument counts, if it does."""

    booking = models.OneToOneField(Booking, on_delete=models.PROTECT, related_name="use")
    begun_at = models.DateTimeField(_("logged on"))
    ended_at = models.DateTimeField(_("logged off"), null=True, blank=True)
    counter = models.DecimalField(
        _("counter at the end"), max_digits=14, decimal_places=2, null=True, blank=True
    )
    note = models.TextField(_("note"), blank=True, default="")
    results = models.CharField(
        _("where the results were handed over"), max_length=300, blank=True, default=""
    )

    class Meta:
        ordering: ClassVar = ["-begun_at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gt=F("begun_at")), name="use_ends_after_start"
            )
        ]

    def __str__(self) -> str:
        return f"{self.begun_at:%Y-%m-%d %H:%M} {self.booking.unit.code}"

    @property
    def ecosystem_id(self) -> int:
        return self.booking.unit.ecosystem_id


class CorrectionState(models.TextChoices):
    ASKED = "asked", pgettext_lazy("correction", "waits for a decision")
    ACCEPTED = "accepted", pgettext_lazy("correction", "accepted")
    REFUSED = "refused", pgettext_lazy("correction", "refused")


class Correction(Noun):
    """Somebody asks that a use be recorded otherwise: other times, and why. Whoever runs the unit decides."""

    use = models.ForeignKey(Use, on_delete=models.CASCADE, related_name="corrections")
    begun_at = models.DateTimeField(_("logged on"))
    ended_at = models.DateTimeField(_("logged off"))
    reason = models.CharField(_("why"), max_length=300)
    state = models.CharField(
        _("state"), max_length=10, choices=CorrectionState, default=CorrectionState.ASKED, editable=False
    )
    answer = models.CharField(_("answer"), max_length=300, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["use", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["use"], condition=Q(state="asked"), name="correction_asked_once_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__gt=F("begun_at")), name="correction_ends_after_start"
            ),
            models.CheckConstraint(
                condition=~Q(state="refused") | ~Q(answer=""), name="correction_refused_with_words"
            ),
        ]

    def __str__(self) -> str:
        return self.reason

    @property
    def ecosystem_id(self) -> int:
        return self.use.booking.unit.ecosystem_id


class Fault(Noun):
    """Something is wrong with a resource; photos are attached to it. One that `stops` it puts it out of order."""

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="faults")
    text = models.TextField(_("what is wrong"))
    stops = models.BooleanField(_("it cannot be used"), default=False)
    reported_at = models.DateTimeField(_("reported"))
    reported_by = models.CharField(_("reported by"), max_length=300)
    mended_at = models.DateTimeField(_("mended"), null=True, blank=True)
    remedy = models.TextField(_("what was done"), blank=True, default="")

    class Meta:
        ordering: ClassVar = ["-reported_at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(mended_at=None) | ~Q(remedy=""), name="fault_mended_says_how")
        ]

    def __str__(self) -> str:
        return self.text[:80]

    @property
    def dialog(self) -> str:
        """The name of its dialog on a page."""
        return f"mend{self.pk}"

    @property
    def ecosystem_id(self) -> int:
        return self.resource.unit.ecosystem_id
