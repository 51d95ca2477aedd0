"""Projects with their KPIs, and the partnerships and networks in which the ecosystem takes part."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from talka.core.bilingual import Bilingual
from talka.core.models import Noun
from talka.domains.models import Ecosystem, Policy
from talka.network.models import Niche
from talka.parties.models import Organisation
from talka.strategy.models import Priority


class ProjectKind(models.TextChoices):
    LONG_TERM = "long_term", _("long-term project")
    EXAMPLE = "example", _("project of the ecosystem")


class ProjectStatus(models.TextChoices):
    IDEA = "idea", _("idea")
    APPLIED = "applied", _("applied for")
    APPROVED = "approved", _("approved")
    RUNNING = "running", _("under way")
    FINISHED = "finished", _("finished")


class Project(Noun):
    """A project of the ecosystem."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="projects")
    code = models.SlugField(_("code"), max_length=80)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    title = Bilingual(models.CharField, max_length=500, verbose_name=_("title"))
    summary = Bilingual(models.TextField, blank=True, verbose_name=_("summary"))
    kind_of = models.CharField(_("kind"), max_length=12, choices=ProjectKind)
    status = models.CharField(_("status"), max_length=10, choices=ProjectStatus)
    starts = models.CharField(_("start"), max_length=21, blank=True, default="")
    ends = models.CharField(_("end"), max_length=21, blank=True, default="")
    programme = models.CharField(_("programme"), max_length=300, blank=True, default="")
    funding = Bilingual(models.TextField, blank=True, verbose_name=_("funding"))
    results = Bilingual(models.TextField, blank=True, verbose_name=_("results, one a line"))
    priority = models.ForeignKey(
        Priority, null=True, blank=True, on_delete=models.SET_NULL, related_name="projects", verbose_name=_("priority")
    )
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["ecosystem", "code"], name="project_code_once")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("project", args=[self.ecosystem.code, self.code])


class Involvement(models.TextChoices):
    LEAD = "lead", _("lead partner")
    PARTNER = "partner", _("partner")
    RESPONSIBLE = "responsible", _("responsible institution")
    INVOLVED = "involved", _("involved institution")


class Participation(Noun):
    """An organisation's part in a project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="participations")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="participations")
    part = models.CharField(_("part"), max_length=12, choices=Involvement)
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["part", "order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "organisation", "part"], name="participation_once")
        ]

    def __str__(self) -> str:
        return f"{self.organisation} ({self.get_part_display()})"

    @property
    def ecosystem_id(self) -> int:
        return self.project.ecosystem_id


class Comparison(models.TextChoices):
    AT_LEAST = "at_least", _("at least")
    AT_MOST = "at_most", _("at most")
    ABOUT = "about", _("about")
    EXACTLY = "exactly", _("exactly")


class Kpi(Noun):
    """A key performance indicator of a project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="kpis")
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    title = Bilingual(models.CharField, max_length=500, verbose_name=_("indicator"))
    unit = Bilingual(models.CharField, max_length=80, blank=True, verbose_name=_("unit"))
    baseline = models.DecimalField(_("baseline"), max_digits=24, decimal_places=6, null=True, blank=True)
    goal = models.DecimalField(_("goal"), max_digits=24, decimal_places=6, null=True, blank=True)
    comparison = models.CharField(_("comparison"), max_length=10, choices=Comparison, default=Comparison.AT_LEAST)
    due = models.CharField(_("deadline"), max_length=21, blank=True, default="")
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["project", "order", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "order"], name="kpi_order_once")]

    def __str__(self) -> str:
        return self.title

    @property
    def ecosystem_id(self) -> int:
        return self.project.ecosystem_id

    def get_absolute_url(self) -> str:
        return self.project.get_absolute_url() + f"#kpi{self.order}"


class ProjectNiche(Noun):
    """A project works in a niche."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="niche_links")
    niche = models.ForeignKey(Niche, on_delete=models.PROTECT, related_name="project_links")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "niche"], name="project_niche_once")]

    def __str__(self) -> str:
        return str(self.niche)

    @property
    def ecosystem_id(self) -> int:
        return self.project.ecosystem_id


class PartnershipKind(models.TextChoices):
    ERIC = "eric", _("European research infrastructure consortium (ERIC)")
    EU_PARTNERSHIP = "eu_partnership", _("European partnership")
    EU_INITIATIVE = "eu_initiative", _("EU initiative")
    CONSORTIUM = "consortium", _("consortium")
    EU_MISSION = "eu_mission", _("EU mission")
    INTERNATIONAL = "international", _("international initiative")


class Partnership(Noun):
    """A network, infrastructure or initiative beyond the ecosystem in which it takes part."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="partnerships")
    code = models.SlugField(_("code"), max_length=80)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    acronym = models.CharField(_("acronym"), max_length=40, blank=True, default="")
    title = Bilingual(models.CharField, max_length=500, verbose_name=_("title"))
    summary = Bilingual(models.TextField, blank=True, verbose_name=_("summary"))
    kind_of = models.CharField(_("kind"), max_length=16, choices=PartnershipKind)
    national_node = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.PROTECT, related_name="nodes", verbose_name=_("national node")
    )
    active = models.BooleanField(_("taking part now"), default=True)
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["ecosystem", "code"], name="partnership_code_once")]

    def __str__(self) -> str:
        return f"{self.acronym}: {self.title}" if self.acronym else self.title

    def get_absolute_url(self) -> str:
        return reverse("partnership", args=[self.ecosystem.code, self.code])


class OfPartnership(Noun):
    """A row below a partnership."""

    partnership = models.ForeignKey(Partnership, on_delete=models.CASCADE, related_name="%(class)ss")

    class Meta:
        abstract = True

    @property
    def ecosystem_id(self) -> int:
        return self.partnership.ecosystem_id


class Member(OfPartnership):
    """An organisation of the ecosystem takes part in a partnership."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="memberships")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["partnership", "organisation"], name="member_once")]

    def __str__(self) -> str:
        return str(self.organisation)


class PartnershipNiche(OfPartnership):
    """A partnership serves a niche."""

    niche = models.ForeignKey(Niche, on_delete=models.PROTECT, related_name="partnership_links")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["partnership", "niche"], name="partnership_niche_once")]

    def __str__(self) -> str:
        return str(self.niche)


class PartnershipPolicy(OfPartnership):
    """A partnership serves a policy."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="partnership_links")

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name_plural = "partnership policies"
        constraints: ClassVar = [models.UniqueConstraint(fields=["partnership", "policy"], name="partnership_policy_once")]

    def __str__(self) -> str:
        return str(self.policy)
