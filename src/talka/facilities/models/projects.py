"""On whose behalf something is used, on which terms, and who may: projects, terms, qualifications, certificates."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from talka.billing.models import Activity, PayerAccount
from talka.core.bilingual import Bilingual
from talka.core.models import Noun
from talka.facilities.models.catalogue import Resource, Unit
from talka.parties.models import Account, Organisation


class Regime(models.TextChoices):
    """Whose the results are and how they are kept: chosen at the order, frozen on booking, order and invoice."""

    OPEN = "open", _("open: results may be published at once")
    DELAYED = "delayed", _("publication is delayed by the months agreed")
    OWNED = "owned", _("results belong to the user; the unit keeps them confidential")
    SHARED = "shared", _("results are shared by contribution, under a contract")


class UserProject(Noun):
    """What a use is for: a user's project with who leads it, who pays, until when, and the regime of its results.

    Its title is nobody's business but its members' and the unit's. What it may cost is capped by its account.
    """

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="projects")
    code = models.SlugField(_("code"), max_length=80)
    title = models.CharField(_("title"), max_length=300)
    organisation = models.ForeignKey(
        Organisation,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="facility_projects",
        verbose_name=_("organisation of the user"),
    )
    lead = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="facility_projects_led", verbose_name=_("leads it")
    )
    payer = models.ForeignKey(
        PayerAccount,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="facility_projects",
        verbose_name=_("account that pays"),
    )
    activity = models.CharField(_("legal basis of its uses"), max_length=20, choices=Activity)
    regime = models.CharField(_("regime of results"), max_length=8, choices=Regime, default=Regime.OPEN)
    delay_months = models.PositiveSmallIntegerField(_("publication delayed by, months"), default=0)
    background = models.TextField(_("background knowledge brought in"), blank=True, default="")
    nda = models.CharField(_("non-disclosure agreement"), max_length=200, blank=True, default="")
    starts = models.DateField(_("from"))
    ends = models.DateField(_("until"), null=True, blank=True)
    closed = models.BooleanField(_("closed"), default=False)

    class Meta:
        ordering: ClassVar = ["unit", "code"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["unit", "code"], name="user_project_code_once"),
            models.CheckConstraint(
                condition=Q(ends=None) | Q(ends__gte=F("starts")), name="user_project_ends_after_start"
            ),
            models.CheckConstraint(
                condition=~Q(regime="delayed") | Q(delay_months__gt=0), name="user_project_says_the_delay"
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def get_absolute_url(self) -> str:
        return reverse("user-project", args=[self.unit.ecosystem.code, self.unit.code, self.code])

    @property
    def ecosystem_id(self) -> int:
        return self.unit.ecosystem_id

    @property
    def terms_in_words(self) -> str:
        """The regime as it is frozen on what is booked, ordered or invoiced."""
        told = str(Regime(self.regime).label)
        if self.regime == Regime.DELAYED:
            told += f" ({self.delay_months})"
        return f"{told}; {self.nda}" if self.nda else told


class ProjectMember(Noun):
    """Somebody who may book for a project."""

    project = models.ForeignKey(UserProject, on_delete=models.CASCADE, related_name="members")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="facility_projects")
    until = models.DateField(_("until"), null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["project", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "account"], name="project_member_once")
        ]

    def __str__(self) -> str:
        return str(self.account)

    @property
    def ecosystem_id(self) -> int:
        return self.project.unit.ecosystem_id


class Terms(Noun):
    """The terms of use of a unit, in versions. Whoever books has accepted the one in force."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="terms")
    number = models.PositiveSmallIntegerField(_("version"))
    since = models.DateField(_("in force from"))
    text = Bilingual(models.TextField, verbose_name=_("text"))

    class Meta:
        ordering: ClassVar = ["unit", "number"]
        verbose_name_plural = "terms"
        constraints: ClassVar = [models.UniqueConstraint(fields=["unit", "number"], name="terms_once")]

    def __str__(self) -> str:
        return f"{self.unit} ({self.number})"

    @property
    def ecosystem_id(self) -> int:
        return self.unit.ecosystem_id


class TermsAcceptance(Noun):
    """Somebody accepted a version of the terms."""

    terms = models.ForeignKey(Terms, on_delete=models.PROTECT, related_name="acceptances")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="accepted_terms")
    accepted_at = models.DateTimeField(_("accepted"))

    class Meta:
        ordering: ClassVar = ["terms", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["terms", "account"], name="terms_accepted_once")
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.terms}"

    @property
    def ecosystem_id(self) -> int:
        return self.terms.unit.ecosystem_id


class Qualification(Noun):
    """Somebody may use an instrument alone, from and until."""

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="qualifications")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="qualifications")
    starts = models.DateField(_("from"))
    ends = models.DateField(_("until"), null=True, blank=True)
    trained_by = models.CharField(_("trained by"), max_length=200, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["resource", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["resource", "account", "starts"], name="qualification_once"),
            models.CheckConstraint(
                condition=Q(ends=None) | Q(ends__gte=F("starts")), name="qualification_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.resource}"

    @property
    def ecosystem_id(self) -> int:
        return self.resource.unit.ecosystem_id


class Certificate(Noun):
    """A safety certificate that somebody holds, from and until, whoever issued it."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="certificates")
    code = models.CharField(_("certificate"), max_length=80)
    starts = models.DateField(_("from"))
    ends = models.DateField(_("until"), null=True, blank=True)
    issued_by = models.CharField(_("issued by"), max_length=200, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["account", "code", "starts"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "code", "starts"], name="certificate_once"),
            models.CheckConstraint(
                condition=Q(ends=None) | Q(ends__gte=F("starts")), name="certificate_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.code}"
