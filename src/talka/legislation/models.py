"""Bills that the ecosystem depends on, and the stages they have passed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from talka.core.bilingual import Bilingual
from talka.core.models import Noun
from talka.domains.models import Ecosystem
from talka.parties.models import Organisation


class Stage(models.TextChoices):
    """The way of a bill, in order: drafting, three readings in the Saeima, adoption, force."""

    IDEA = "idea", _("idea")
    DRAFTING = "drafting", _("being drafted")
    SUBMITTED = "submitted", _("submitted to the Saeima")
    READING_1 = "reading_1", _("first reading")
    READING_2 = "reading_2", _("second reading")
    READING_3 = "reading_3", _("third reading")
    ADOPTED = "adopted", pgettext_lazy("bill", "adopted")
    IN_FORCE = "in_force", pgettext_lazy("bill", "in force")
    REJECTED = "rejected", pgettext_lazy("bill", "rejected")


# The way itself: a rejected bill has left it.
ROAD = tuple(stage for stage in Stage if stage != Stage.REJECTED)
# A law by now: the Saeima has adopted it.
LAW = (Stage.ADOPTED, Stage.IN_FORCE)


class Bill(Noun):
    """A bill, with the stage it has reached. Each stage and its date is kept as a `BillStage`."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="bills")
    code = models.SlugField(_("code"), max_length=80)
    title = Bilingual(models.CharField, max_length=500, verbose_name=_("title"))
    summary = Bilingual(models.TextField, blank=True, verbose_name=_("summary"))
    responsible = models.ForeignKey(
        Organisation,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="bills",
        verbose_name=_("responsible institution"),
    )
    stage = models.CharField(_("stage"), max_length=12, choices=Stage)
    stage_date = models.DateField(_("since"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["ecosystem", "code"], name="bill_code_once")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("bill", args=[self.ecosystem.code, self.code])

    @property
    def is_law(self) -> bool:
        return self.stage in LAW

    @property
    def is_open(self) -> bool:
        """Still on its way: neither a law nor rejected."""
        return not self.is_law and self.stage != Stage.REJECTED

    @property
    def next_stage(self) -> Stage | None:
        """The stage that follows on the way, None at its end and off it."""
        later = ROAD[ROAD.index(Stage(self.stage)) + 1 :] if self.stage in ROAD else ()
        return later[0] if later else None


class BillStage(Noun):
    """A stage that a bill reached, and when."""

    bill = models.ForeignKey(Bill, on_delete=models.CASCADE, related_name="stages")
    stage = models.CharField(_("stage"), max_length=12, choices=Stage)
    date = models.DateField(_("date"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"{self.get_stage_display()} {self.date or ''}".strip()

    @property
    def ecosystem_id(self) -> int:
        return self.bill.ecosystem_id
