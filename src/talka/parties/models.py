"""People and organisations: their helix sectors, names, the roles that people hold in them and on this hub."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from talka.core.bilingual import Bilingual
from talka.core.models import Noun
from talka.domains.models import Ecosystem
from talka.parties.roles import ROLES


class Helix(models.TextChoices):
    """The sector of the quadruple helix that an organisation belongs to."""

    SCIENCE = "science", _("science")
    BUSINESS = "business", _("business")
    PUBLIC = "public", _("public sector")
    SOCIETY = "society", _("society and patients")


class OrganisationKind(models.TextChoices):
    MINISTRY = "ministry", _("ministry")
    AGENCY = "agency", _("agency")
    COUNCIL = "council", _("council")
    AUTHORITY = "authority", _("authority")
    UNIVERSITY = "university", _("university")
    INSTITUTE = "institute", _("research institute")
    HOSPITAL = "hospital", _("hospital")
    COLLEGE = "college", _("college")
    COMPANY = "company", _("company")
    ASSOCIATION = "association", _("association")
    GROUP = "group", _("collective party")
    NETWORK = "network", _("network")
    PROGRAMME_BODY = "programme_body", _("programme body")
    OTHER = "other", _("other")


class Organisation(Noun):
    """An organisation, or a collective party that a plan names ("research organisations").

    A duplicate that was merged stays, points to the one it became, and is left out of every list.
    """

    code = models.SlugField(_("code"), max_length=80, unique=True)
    acronym = models.CharField(_("acronym"), max_length=40, blank=True, default="")
    name = Bilingual(models.CharField, max_length=300, verbose_name=_("name"))
    helix = models.CharField(_("helix sector"), max_length=10, choices=Helix)
    kind_of = models.CharField(_("kind"), max_length=20, choices=OrganisationKind)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="parts", verbose_name=_("part of")
    )
    registration_number = models.CharField(_("registration number"), max_length=20, blank=True, default="")
    ror = models.CharField(_("ROR id"), max_length=9, blank=True, default="")
    country = models.CharField(_("country"), max_length=2, default="LV")
    website = models.URLField(_("website"), blank=True, default="")
    withdrawn = models.BooleanField(_("no longer exists"), default=False)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged")
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["name_lv", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint("ror", condition=~Q(ror="") & Q(merged_into=None), name="organisation_ror_once"),
            models.UniqueConstraint(
                "registration_number",
                condition=~Q(registration_number="") & Q(merged_into=None),
                name="organisation_registration_number_once",
            ),
            models.UniqueConstraint(
                Lower("acronym"),
                condition=~Q(acronym="") & Q(merged_into=None, country="LV", withdrawn=False),
                name="organisation_acronym_once",
            ),
        ]

    def __str__(self) -> str:
        return self.acronym or self.name

    def get_absolute_url(self) -> str:
        return reverse("organisation", args=[self.pk])


class OtherName(Noun):
    """A further name of an organisation: another language, a spelling that documents use, a former name."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="other_names")
    name = models.CharField(_("name"), max_length=300)
    language = models.CharField(_("language"), max_length=3, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint("organisation", Lower("name"), "language", name="other_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class Person(Noun):
    """A person known to the hub."""

    given = models.CharField(_("given name"), max_length=150)
    family = models.CharField(_("family name"), max_length=150)
    email = models.EmailField(_("e-mail"), blank=True, default="")
    orcid = models.CharField(_("ORCID"), max_length=19, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["family", "given", "id"]
        verbose_name_plural = "people"
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("email"), condition=~Q(email=""), name="person_email_once"),
        ]

    def __str__(self) -> str:
        return f"{self.given} {self.family}"


class Affiliation(Noun):
    """A person's role in an organisation, from and until."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="affiliations")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="affiliations")
    position = models.CharField(_("position"), max_length=200, blank=True, default="")
    starts = models.DateField(_("from"), null=True, blank=True)
    ends = models.DateField(_("until"), null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["person", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "organisation", "starts"], name="affiliation_once"),
            models.CheckConstraint(
                condition=Q(starts=None) | Q(ends=None) | Q(ends__gte=models.F("starts")),
                name="affiliation_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person}, {self.organisation}"


class AccountManager(BaseUserManager["Account"]):
    """Finds accounts by e-mail, whatever its capitals."""

    def get_by_natural_key(self, username: str | None) -> Account:
        return self.get(email__iexact=username)


class Account(AbstractBaseUser, Noun):  # type: ignore[misc]  # both are plain model bases
    """Who signs in. What it may do is told by its grants; whom it acts for, by its person's affiliations."""

    email = models.EmailField(_("e-mail"), unique=True)
    person = models.OneToOneField(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="account")
    is_active = models.BooleanField(_("active"), default=True)
    language = models.CharField(_("language"), max_length=2, default="lv")

    objects = AccountManager()
    USERNAME_FIELD = "email"
    silent: ClassVar[frozenset[str]] = Noun.silent | {"password", "last_login"}

    class Meta:
        ordering: ClassVar = ["email"]

    def __str__(self) -> str:
        return str(self.person) if self.person_id else self.email

    def save(self, *args: Any, **options: Any) -> None:
        # Signing in only notes the time; that is no act on the ecosystem and needs no verb.
        if options.get("update_fields") and set(options["update_fields"]) <= {"last_login", "password"}:
            models.Model.save(self, *args, **options)
            return
        super().save(*args, **options)

    def grant_list(self) -> list[Grant]:
        """This account's grants, read once."""
        if not hasattr(self, "_grants"):
            self._grants = list(self.grants.all())
        return self._grants

    def may(self, permission: str, ecosystem_id: int | None) -> bool:
        """Whether a role of this account gives `permission` there. A grant without ecosystem holds everywhere."""
        return self.is_active and any(
            permission in ROLES[grant.role].permissions
            for grant in self.grant_list()
            if grant.ecosystem_id is None or grant.ecosystem_id == ecosystem_id
        )

    def organisation_ids(self) -> frozenset[int]:
        """The organisations this account acts for today."""
        if not hasattr(self, "_organisations"):
            today = timezone.localdate()
            self._organisations = frozenset(
                Affiliation.objects.filter(
                    Q(starts=None) | Q(starts__lte=today), Q(ends=None) | Q(ends__gte=today), person_id=self.person_id
                ).values_list("organisation_id", flat=True)
                if self.person_id
                else ()
            )
        return self._organisations


class Grant(Noun):
    """A role that an account holds on this hub: in one ecosystem, or everywhere."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(_("role"), max_length=30)
    ecosystem = models.ForeignKey(Ecosystem, null=True, blank=True, on_delete=models.CASCADE, related_name="grants")

    class Meta:
        ordering: ClassVar = ["account", "role"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "role", "ecosystem"], name="grant_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(role__in=sorted(ROLES)), name="grant_of_a_known_role"),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.role}"


class Token(Noun):
    """A key by which a program acts as an account. Only its digest is kept; the key is shown once."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="tokens")
    label = models.CharField(_("what it is for"), max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    read_only = models.BooleanField(_("may only read"), default=True)
    expires = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    silent: ClassVar[frozenset[str]] = Noun.silent | {"digest"}

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return self.label

    @staticmethod
    def new_key() -> str:
        """A fresh key, 256 bits."""
        return f"talka_{secrets.token_urlsafe(32)}"

    @staticmethod
    def digest_of(key: str) -> str:
        """What is kept of a key. A plain hash suffices: the key itself has 256 random bits."""
        return hashlib.sha256(key.encode()).hexdigest()
