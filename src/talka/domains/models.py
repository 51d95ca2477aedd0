"""What things are about: ecosystems, RIS3 domains, missions across them, policies above, and shares of these."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from talka.core.bilingual import Bilingual
from talka.core.models import Noun


class Domain(Noun):
    """A RIS3 domain of the national smart-specialisation strategy."""

    code = models.SlugField(_("code"), max_length=60, unique=True)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    title = Bilingual(models.CharField, max_length=300, verbose_name=_("title"))
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["order", "code"]

    def __str__(self) -> str:
        return self.title


class Mission(Noun):
    """A mission that cuts across the domains, such as Jūra 2030."""

    code = models.SlugField(_("code"), max_length=60, unique=True)
    title = Bilingual(models.CharField, max_length=300, verbose_name=_("title"))
    summary = Bilingual(models.TextField, blank=True, verbose_name=_("summary"))
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["code"]

    def __str__(self) -> str:
        return self.title


class PolicyKind(models.TextChoices):
    NATIONAL_PLAN = "national_plan", _("national plan")
    EU_MISSION = "eu_mission", _("EU mission")
    EU_REGULATION = "eu_regulation", _("EU regulation")
    IPCEI = "ipcei", _("important project of common European interest")
    EU_PROGRAMME = "eu_programme", _("EU programme")
    STRATEGY = "strategy", _("strategy")


class Policy(Noun):
    """A policy above the ecosystem's strategy: NIP, NAP, ZTAIP, an EU mission, EHDS, an IPCEI."""

    code = models.SlugField(_("code"), max_length=60, unique=True)
    kind_of = models.CharField(_("kind"), max_length=20, choices=PolicyKind)
    title = Bilingual(models.CharField, max_length=500, verbose_name=_("title"))
    summary = Bilingual(models.TextField, blank=True, verbose_name=_("summary"))
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["kind_of", "code"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.title


class Ecosystem(Noun):
    """An innovation ecosystem at work on this hub."""

    code = models.SlugField(_("code"), max_length=60, unique=True)
    domain = models.ForeignKey(
        Domain, on_delete=models.PROTECT, related_name="ecosystems", verbose_name=_("domain")
    )
    title = Bilingual(models.CharField, max_length=300, verbose_name=_("title"))
    short = Bilingual(models.CharField, max_length=80, blank=True, verbose_name=_("short title"))
    summary = Bilingual(models.TextField, blank=True, verbose_name=_("summary"))
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["code"]

    def __str__(self) -> str:
        return self.title

    @property
    def ecosystem_id(self) -> int:
        return self.pk

    def get_absolute_url(self) -> str:
        return reverse("overview", args=[self.code])


class Share(Noun):
    """How much of an object serves one domain or one mission. The shares of an object sum to 1.

    An object without shares serves its ecosystem's domain whole. The sum is kept by `actions.set_shares`,
    which sets all shares of an object at once.
    """

    about_kind = models.CharField(max_length=100)
    about_id = models.BigIntegerField()
    ecosystem_id = models.BigIntegerField()
    domain = models.ForeignKey(Domain, null=True, blank=True, on_delete=models.PROTECT, related_name="shares")
    mission = models.ForeignKey(
        Mission, null=True, blank=True, on_delete=models.PROTECT, related_name="shares"
    )
    weight = models.DecimalField(_("weight"), max_digits=7, decimal_places=6)

    class Meta:
        ordering: ClassVar = ["about_kind", "about_id", "id"]
        indexes: ClassVar = [models.Index(fields=["ecosystem_id", "about_kind"], name="share_ecosystem")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(domain__isnull=False, mission=None) | Q(domain=None, mission__isnull=False),
                name="share_of_domain_or_mission",
            ),
            models.CheckConstraint(
                condition=Q(weight__gt=0, weight__lte=1), name="share_weight_between_0_and_1"
            ),
            models.UniqueConstraint(fields=["about_kind", "about_id", "domain"], name="share_domain_once"),
            models.UniqueConstraint(fields=["about_kind", "about_id", "mission"], name="share_mission_once"),
        ]

    def __str__(self) -> str:
        return f"{self.domain or self.mission}: {self.weight}"
