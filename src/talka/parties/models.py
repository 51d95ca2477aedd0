"""People and organisations: their helix sectors, names, the roles that people hold in them and on this hub.

Identifiers are taken as people paste them and kept in one form; a mistyped one is refused by its check digits,
because a wrong id quietly joins two organisations that have nothing to do with each other.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from talka.core.actions import Invalid
from talka.core.bilingual import Bilingual
from talka.core.models import Noun
from talka.domains.models import Ecosystem
from talka.parties.roles import ROLES

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"  # base 32 without i, l, o and u, which are misread


def ror_id(text: str) -> str:
    """The bare id of an organisation in the Research Organization Registry: "https://ror.org/03nadks56" → "03nadks56".

    The last two digits check the six before them (ISO/IEC 7064, MOD 97-10). Raises Invalid; "" stays "".
    """
    bare = (
        re.sub(r"^(?:https?://)?(?:www\.)?ror\.org/", "", text.strip(), flags=re.IGNORECASE)
        .rstrip("/")
        .casefold()
    )
    if not bare:
        return ""
    if not re.fullmatch(rf"0[{CROCKFORD}]{{6}}[0-9]{{2}}", bare):
        raise Invalid(
            gettext(
                "“%(text)s” is not a ROR id: it has 9 characters, a zero first and two digits last, like 03nadks56"
            )
            % {"text": text.strip()[:60]},
            field="ror",
        )
    number = 0
    for character in bare[:-2]:
        number = number * 32 + CROCKFORD.index(character)
    if f"{98 - number * 100 % 97:02}" != bare[-2:]:
        raise Invalid(
            gettext(
                "“%(text)s” has a mistyped character: its last two digits do not check. Copy it from ror.org."
            )
            % {"text": bare},
            field="ror",
        )
    return bare


REGISTER_WEIGHTS = (9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1)


def registration_number(text: str, country: str = "LV") -> str:
    """A number in the Latvian Register of Enterprises without spaces or "LV"; those of other countries as they are.

    Eleven digits whose weighted sum leaves 3 when divided by 11. One that begins with 0 to 3 is a personal code,
    which is never kept here. Raises Invalid; "" stays "".
    """
    if country != "LV":
        return " ".join(text.split())
    bare = re.sub(r"[\s-]", "", text).upper().removeprefix("LV")
    if not bare:
        return ""
    if not re.fullmatch(r"[0-9]{11}", bare):
        raise Invalid(
            gettext("“%(text)s” is not a Latvian registration number: it has 11 digits")
            % {"text": text.strip()[:60]},
            field="registration_number",
        )
    if bare[0] in "0123":
        raise Invalid(
            gettext(
                "This looks like a personal code, which is not kept here. A registration number begins with 4, 5 or 9."
            ),
            field="registration_number",
        )
    if sum(weight * int(digit) for weight, digit in zip(REGISTER_WEIGHTS, bare, strict=True)) % 11 != 3:
        raise Invalid(
            gettext("“%(text)s” has a mistyped digit: its last digit does not check") % {"text": bare},
            field="registration_number",
        )
    return bare


def orcid_id(text: str) -> str:
    """The bare ORCID of a person: "https://orcid.org/0000-0002-1825-0097" → "0000-0002-1825-0097".

    Its last character checks the others (ISO/IEC 7064, MOD 11-2). Raises Invalid; "" stays "".
    """
    bare = (
        re.sub(r"^(?:https?://)?(?:www\.)?orcid\.org/", "", text.strip(), flags=re.IGNORECASE)
        .rstrip("/")
        .upper()
    )
    if not bare:
        return ""
    if not re.fullmatch(r"(?:[0-9]{4}-){3}[0-9]{3}[0-9X]", bare):
        raise Invalid(
            gettext("“%(text)s” is not an ORCID: it has 16 digits in fours, like 0000-0002-1825-0097")
            % {"text": text.strip()[:60]},
            field="orcid",
        )
    total = 0
    for digit in bare.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    if "0123456789X"[(12 - total % 11) % 11] != bare[-1]:
        raise Invalid(
            gettext("“%(text)s” has a mistyped digit: its last character does not check") % {"text": bare},
            field="orcid",
        )
    return bare


def website(text: str) -> str:
    """An address of the web with its scheme: "www.lu.lv" → "https://www.lu.lv". Raises Invalid for other schemes."""
    bare = text.strip()
    if not bare:
        return ""
    whole = bare if "://" in bare else f"https://{bare}"
    try:
        URLValidator(schemes=["http", "https"])(whole)
    except ValidationError:
        raise Invalid(
            gettext("“%(text)s” is not the address of a website; write for example https://www.liaa.gov.lv")
            % {"text": bare[:60]},
            field="website",
        ) from None
    return whole


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
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="parts",
        verbose_name=_("part of"),
    )
    registration_number = models.CharField(_("registration number"), max_length=20, blank=True, default="")
    ror = models.CharField(_("ROR id"), max_length=9, blank=True, default="")
    country = models.CharField(_("country"), max_length=2, default="LV")
    website = models.URLField(_("website"), blank=True, default="")
    withdrawn = models.BooleanField(_("no longer exists"), default=False)
    successor = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="predecessors",
        verbose_name=_("taken over by"),
    )
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="merged",
        editable=False,
        verbose_name=_("merged into"),
    )
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["name_lv", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                "ror", condition=~Q(ror="") & Q(merged_into=None), name="organisation_ror_once"
            ),
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
            models.CheckConstraint(
                condition=~Q(parent=models.F("id")), name="organisation_not_part_of_itself"
            ),
            models.CheckConstraint(
                condition=~Q(merged_into=models.F("id")), name="organisation_not_merged_into_itself"
            ),
            models.CheckConstraint(
                condition=Q(successor=None) | Q(withdrawn=True), name="organisation_taken_over_is_withdrawn"
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

    code = models.SlugField(_("code"), max_length=80, unique=True)
    given = models.CharField(_("given name"), max_length=150)
    family = models.CharField(_("family name"), max_length=150)
    email = models.EmailField(_("e-mail"), blank=True, default="")
    orcid = models.CharField(_("ORCID"), max_length=19, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["family", "given", "id"]
        verbose_name_plural = "people"
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("email"), condition=~Q(email=""), name="person_email_once"),
            models.UniqueConstraint(fields=["orcid"], condition=~Q(orcid=""), name="person_orcid_once"),
        ]

    def __str__(self) -> str:
        return f"{self.given} {self.family}"

    def get_absolute_url(self) -> str:
        return reverse("person", args=[self.pk])


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
            # Two constraints, because to a database one unknown day never equals another.
            models.UniqueConstraint(fields=["person", "organisation", "starts"], name="affiliation_once"),
            models.UniqueConstraint(
                fields=["person", "organisation"], condition=Q(starts=None), name="affiliation_once_undated"
            ),
            models.CheckConstraint(
                condition=Q(starts=None) | Q(ends=None) | Q(ends__gte=models.F("starts")),
                name="affiliation_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person}, {self.organisation}"


class AccountManager(BaseUserManager["Account"]):
    """Finds accounts by e-mail, whatever its capitals; brings the person along, whose name every page shows."""

    def get_queryset(self) -> models.QuerySet[Account]:
        return super().get_queryset().select_related("person")

    def get_by_natural_key(self, username: str | None) -> Account:
        return self.get(email__iexact=username)


class Account(AbstractBaseUser, Noun):
    """Who signs in. What it may do is told by its grants; whom it acts for, by its person's affiliations."""

    email = models.EmailField(_("e-mail"), unique=True)
    person = models.OneToOneField(
        Person, null=True, blank=True, on_delete=models.PROTECT, related_name="account"
    )
    is_active = models.BooleanField(_("active"), default=True)
    language = models.CharField(_("language"), max_length=2, default="lv")

    objects = AccountManager()
    USERNAME_FIELD = "email"
    silent: ClassVar[frozenset[str]] = Noun.silent | {"password", "last_login"}

    class Meta:
        ordering: ClassVar = ["email"]

    def __str__(self) -> str:
        return str(self.person) if self.person_id else self.email

    def get_absolute_url(self) -> str:
        return reverse("party-account", args=[self.pk])

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
                    Q(starts=None) | Q(starts__lte=today),
                    Q(ends=None) | Q(ends__gte=today),
                    person_id=self.person_id,
                ).values_list("organisation_id", flat=True)
                if self.person_id
                else ()
            )
        return self._organisations


class Grant(Noun):
    """A role that an account holds on this hub: in one ecosystem, or everywhere."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(_("role"), max_length=30)
    ecosystem = models.ForeignKey(
        Ecosystem, null=True, blank=True, on_delete=models.CASCADE, related_name="grants"
    )

    class Meta:
        ordering: ClassVar = ["account", "role"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "role", "ecosystem"], name="grant_once"),
            models.UniqueConstraint(
                fields=["account", "role"], condition=Q(ecosystem=None), name="grant_once_everywhere"
            ),
            models.CheckConstraint(condition=Q(role__in=sorted(ROLES)), name="grant_of_a_known_role"),
            models.CheckConstraint(
                condition=~Q(role="administrator") | Q(ecosystem=None),
                name="grant_of_administrator_is_everywhere",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.role_label}"

    @property
    def role_label(self) -> str:
        """What the role is called in the reader's language."""
        return str(ROLES[self.role].label)


class Token(Noun):
    """A key by which a program acts as an account. Only its digest is kept; the key is shown once."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="tokens")
    label = models.CharField(_("what it is for"), max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    read_only = models.BooleanField(_("may only read"), default=True)
    expires = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    secret = ""  # the key itself, on the row that `actions.make_token` returns and nowhere else
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
