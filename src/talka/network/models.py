"""Competences and niches: what the ecosystem can do, and where it means to go in research and innovation."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from talka.core.bilingual import Bilingual
from talka.core.models import Noun
from talka.domains.models import Ecosystem


class Niche(Noun):
    """A research, development and innovation niche of an ecosystem; niches nest."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="niches")
    code = models.SlugField(_("code"), max_length=80)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="parts")
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    title = Bilingual(models.CharField, max_length=300, verbose_name=_("title"))
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ecosystem", "code"], name="niche_code_once")
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("niche", args=[self.ecosystem.code, self.code])


class CompetenceKind(models.TextChoices):
    SPECIALISATION = "specialisation", _("specialisation")
    RESEARCH = "research", _("research competence")
    SPECIALITY = "speciality", _("clinical speciality")
    INTEREST = "interest", _("common interest")
    EMERGING = "emerging", _("emerging direction")


class CompetenceField(Noun):
    """A field in which the ecosystem is, or means to become, competent."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="competence_fields")
    code = models.SlugField(_("code"), max_length=80)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="parts")
    kind_of = models.CharField(_("kind"), max_length=20, choices=CompetenceKind)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    title = Bilingual(models.CharField, max_length=300, verbose_name=_("title"))
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ecosystem", "code"], name="competence_field_code_once")
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("competences", args=[self.ecosystem.code]) + f"#{self.code}"
