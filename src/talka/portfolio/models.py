"""Projects with their KPIs, and the partnerships and networks in which the ecosystem takes part."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from talka.core.bilingual import Bilingual
from talka.core.models import Noun
from talka.core.values import Deadline, Period
from talka.domains.models import Ecosystem, Policy
from talka.network.models import Niche
from talka.parties.models import Organisation
from talka.plan.models import FundingSource
from talka.strategy.models import Priority


class ProjectKind(models.TextChoices):
    LONG_TERM = "long_term", _("long-term project")
    EXAMPLE = "example", _("project of the ecosystem")


class ProjectStatus(models.TextChoices):
    IDEA = "idea", pgettext_lazy("project", "idea")
    APPLIED = "applied", pgettext_lazy("project", "applied for")
    APPROVED = "approved", pgettext_lazy("project", "approved")
    RUNNING = "running", pgettext_lazy("project", "under way")
    FINISHED = "finished", pgettext_lazy("project", "finished")


class Project(Noun):
    """A project of the ecosystem.

    Its documents may print the institutions otherwise than their list would: `*_as_written` keeps such a cell until
    the list is changed. `note` is what whoever entered the project had to decide, in the language it was written in.
    """

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
    results = Bilingual(models.TextField, blank=True, verbose_name=_("results of the project, one a line"))
    priority = models.ForeignKey(
        Priority,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="projects",
        verbose_name=_("priority"),
    )
    responsible_as_written = models.CharField(
        _("responsible institutions as written"), max_length=500, blank=True, default=""
    )
    involved_as_written = models.CharField(
        _("involved institutions as written"), max_length=500, blank=True, default=""
    )
    note = models.TextField(_("note"), blank=True, default="")
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ecosystem", "code"], name="project_code_once")
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("project", args=[self.ecosystem.code, self.code])

    @property
    def begins(self) -> Period | None:
        """When it begins, as precisely as it is known."""
        return Period.parse(self.starts) if self.starts else None

    @property
    def finishes(self) -> Period | None:
        """When it ends, as precisely as it is known."""
        return Period.parse(self.ends) if self.ends else None

    def organisations(self, part: str) -> list[Organisation]:
        """Who takes this part in it, in order."""
        return [each.organisation for each in self.participations.all() if each.part == part]

    @property
    def lead(self) -> Organisation | None:
        return next(iter(self.organisations(Involvement.LEAD)), None)

    @property
    def partners(self) -> list[Organisation]:
        return self.organisations(Involvement.PARTNER)

    @property
    def doers(self) -> list[Organisation]:
        """Who does it: whoever leads first, then the partners, each once."""
        return list(dict.fromkeys([*self.organisations(Involvement.LEAD), *self.partners]))

    @property
    def responsible(self) -> list[Organisation]:
        return self.organisations(Involvement.RESPONSIBLE)

    @property
    def involved(self) -> list[Organisation]:
        return self.organisations(Involvement.INVOLVED)

    @property
    def niches(self) -> list[Niche]:
        return [link.niche for link in self.niche_links.all()]

    @property
    def funding_sources(self) -> list[FundingSource]:
        return [link.funding_source for link in self.funding_links.all()]


class Involvement(models.TextChoices):
    LEAD = "lead", _("lead partner")
    PARTNER = "partner", _("partner")
    RESPONSIBLE = "responsible", _("responsible institution")
    INVOLVED = "involved", _("involved institution")


class Participation(Noun):
    """An organisation's part in a project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="participations")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="participations")
    part = models.CharField(_("part taken"), max_length=12, choices=Involvement)
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


class ProjectFunding(Noun):
    """A source of funding of a project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="funding_links")
    funding_source = models.ForeignKey(FundingSource, on_delete=models.PROTECT, related_name="project_links")
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["order", "id"]
        verbose_name_plural = "project funding"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "funding_source"], name="project_funding_once")
        ]

    def __str__(self) -> str:
        return str(self.funding_source)

    @property
    def ecosystem_id(self) -> int:
        return self.project.ecosystem_id


class Comparison(models.TextChoices):
    AT_LEAST = "at_least", pgettext_lazy("comparison", "at least")
    AT_MOST = "at_most", pgettext_lazy("comparison", "at most")
    ABOUT = "about", pgettext_lazy("comparison", "about")
    EXACTLY = "exactly", pgettext_lazy("comparison", "exactly")


class Kpi(Noun):
    """A result indicator of a project: from where to where, by when. Its values are reported under `series`."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="kpis")
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    title = Bilingual(models.CharField, max_length=500, verbose_name=_("indicator"))
    unit = Bilingual(models.CharField, max_length=80, blank=True, verbose_name=_("unit"))
    baseline = models.DecimalField(_("baseline"), max_digits=24, decimal_places=6, null=True, blank=True)
    baseline_period = models.CharField(_("baseline period"), max_length=21, blank=True, default="")
    goal = models.DecimalField(_("goal"), max_digits=24, decimal_places=6, null=True, blank=True)
    comparison = models.CharField(
        _("comparison"), max_length=10, choices=Comparison, default=Comparison.AT_LEAST
    )
    due = models.CharField(_("deadline"), max_length=21, blank=True, default="")
    due_as_written = models.CharField(_("deadline as written"), max_length=200, blank=True, default="")
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

    @property
    def place(self) -> str:
        """How it is called for short: "biomaterials-centre/4"."""
        return f"{self.project.code}/{self.order}"

    @property
    def series(self) -> str:
        """The code its values are reported and read by."""
        return f"kpi:{self.project.code}:{self.order}"

    @property
    def deadline(self) -> Deadline | None:
        return Deadline.parse(self.due) if self.due else None


class ProjectNiche(Noun):
    """A project works in a niche."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="niche_links")
    niche = models.ForeignKey(Niche, on_delete=models.PROTECT, related_name="project_links")
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "niche"], name="project_niche_once")
        ]

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
        Organisation,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="nodes",
        verbose_name=_("national node"),
    )
    active = models.BooleanField(_("taking part now"), default=True)
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ecosystem", "code"], name="partnership_code_once")
        ]

    def __str__(self) -> str:
        return f"{self.acronym}: {self.title}" if self.acronym else self.title

    def get_absolute_url(self) -> str:
        return reverse("partnership", args=[self.ecosystem.code, self.code])

    @property
    def members(self) -> list[Organisation]:
        return [link.organisation for link in self.member_links.all()]

    @property
    def niches(self) -> list[Niche]:
        return [link.niche for link in self.partnershipniche_links.all()]

    @property
    def policies(self) -> list[Policy]:
        return [link.policy for link in self.partnershippolicy_links.all()]


class OfPartnership(Noun):
    """A row below a partnership."""

    partnership = models.ForeignKey(Partnership, on_delete=models.CASCADE, related_name="%(class)s_links")
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True

    @property
    def ecosystem_id(self) -> int:
        return self.partnership.ecosystem_id


class Member(OfPartnership):
    """An organisation of the ecosystem takes part in a partnership."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="memberships")

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partnership", "organisation"], name="member_once")
        ]

    def __str__(self) -> str:
        return str(self.organisation)


class PartnershipNiche(OfPartnership):
    """A partnership serves a niche."""

    niche = models.ForeignKey(Niche, on_delete=models.PROTECT, related_name="partnership_links")

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partnership", "niche"], name="partnership_niche_once")
        ]

    def __str__(self) -> str:
        return str(self.niche)


class PartnershipPolicy(OfPartnership):
    """A partnership serves a policy."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="partnership_links")

    class Meta:
        ordering: ClassVar = ["order", "id"]
        verbose_name_plural = "partnership policies"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partnership", "policy"], name="partnership_policy_once")
        ]

    def __str__(self) -> str:
        return str(self.policy)
