"""The directory by MIABIS Core 3: biobanks, collections in collections, networks, research resources, services.

Lists of codes are columns of JSON, because nothing hangs on a single code. What a search of ten thousand collections
looks at is derived into two columns of text, so that it is one plain read.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from talka.biobanks import codes
from talka.biobanks.models.nodes import DataNode
from talka.core.bilingual import Bilingual
from talka.core.models import Noun
from talka.core.stems import stems
from talka.domains.models import Ecosystem
from talka.parties.models import Organisation

PREFIX = "bbmri-eric:"
LONGEST = 2000  # characters of a description, by MIABIS

# The facets of the search: a letter that marks them in `marks`, the column, its codes.
FACETS: dict[str, tuple[str, type[models.TextChoices]]] = {
    "material": ("materials", codes.Material),
    "data": ("dataset_types", codes.DatasetType),
    "temperature": ("temperatures", codes.Temperature),
    "sex": ("sexes", codes.Sex),
    "design": ("designs", codes.Design),
    "condition": ("conditions", codes.Condition),
}


class Contact(Noun):
    """Whom to write to. Working contacts of institutions alone, never private ones."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="biobank_contacts")
    code = models.SlugField(_("code"), max_length=80)
    role = models.CharField(
        _("part"), max_length=10, choices=codes.ContactRole, default=codes.ContactRole.OFFICE
    )
    given = models.CharField(_("given name"), max_length=100, blank=True, default="")
    family = models.CharField(_("family name, or that of the office"), max_length=200)
    email = models.EmailField(_("e-mail"))
    phone = models.CharField(_("telephone"), max_length=40, blank=True, default="")
    address = models.CharField(_("address"), max_length=300, blank=True, default="")
    city = models.CharField(_("city"), max_length=100, blank=True, default="")
    country = models.CharField(_("country"), max_length=2, default="LV")

    class Meta:
        ordering: ClassVar = ["family", "given", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ecosystem", "code"], name="biobank_contact_code_once"),
            models.UniqueConstraint(fields=["ecosystem"], condition=Q(role="hdab"), name="biobank_one_hdab"),
        ]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.given, self.family)))

    @property
    def miabis_id(self) -> str:
        return f"{PREFIX}contactID:{self.country}_{self.code}"


class Described(Noun):
    """What every entry of the directory has: a lasting id, names, a description, whom to write to.

    `withdrawn`: it stays findable by its address, so that what pointed to it still says what it was.
    `example`: invented,
    to show how the directory works. `checked_on`: when whoever keeps it last said that the description holds.
    """

    code = models.SlugField(_("code"), max_length=80)
    acronym = models.CharField(_("acronym"), max_length=60, blank=True, default="")
    title = Bilingual(models.CharField, max_length=300, verbose_name=_("name"))
    summary = Bilingual(models.TextField, blank=True, verbose_name=_("description"))
    website = models.URLField(_("website"), max_length=300, blank=True, default="")
    contact = models.ForeignKey(
        Contact, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("contact")
    )
    withdrawn = models.BooleanField(pgettext_lazy("entry", "withdrawn"), default=False)
    example = models.BooleanField(_("invented example"), default=False)
    checked_on = models.DateField(_("description checked on"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.acronym}: {self.title}" if self.acronym else str(self.title)


class Biobank(Described):
    """A biobank: the institution's unit that keeps samples and answers for them."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="biobanks")
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    juristic_person = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="biobanks",
        verbose_name=_("legal person"),
    )
    juristic_name = models.CharField(
        _("legal person, where it is not on this hub"), max_length=300, blank=True, default=""
    )
    country = models.CharField(_("country"), max_length=2, default="LV")
    infrastructure = models.JSONField(_("infrastructure"), default=list, blank=True)
    organising = models.JSONField(_("what it can organise"), default=list, blank=True)
    bioprocessing = models.JSONField(_("what it can do with samples"), default=list, blank=True)
    node = models.ForeignKey(
        DataNode,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="biobanks",
        verbose_name=_("data node"),
    )

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ecosystem", "code"], name="biobank_code_once"),
            models.CheckConstraint(
                condition=Q(juristic_person__isnull=False) | ~Q(juristic_name=""),
                name="biobank_has_legal_person",
            ),
        ]

    def get_absolute_url(self) -> str:
        return reverse("biobank", args=[self.ecosystem.code, self.code])

    @property
    def miabis_id(self) -> str:
        return f"{PREFIX}ID:{self.country}_{self.code}"

    @property
    def legal_name(self) -> str:
        return str(self.juristic_person.name) if self.juristic_person else self.juristic_name


class Collection(Described):
    """Samples and data gathered by one plan; a collection may be part of another one of the same biobank."""

    biobank = models.ForeignKey(Biobank, on_delete=models.CASCADE, related_name="collections")
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="parts",
        verbose_name=_("part of"),
    )
    order = models.PositiveIntegerField(_("order"), default=0)
    sample_source = models.CharField(
        _("source of the samples"),
        max_length=12,
        choices=codes.SampleSource,
        default=codes.SampleSource.HUMAN,
    )
    sexes = models.JSONField(_("sexes"), default=list)
    age_low = models.PositiveSmallIntegerField(_("lowest age"), null=True, blank=True)
    age_high = models.PositiveSmallIntegerField(_("highest age"), null=True, blank=True)
    age_unit = models.CharField(
        _("unit of age"), max_length=16, choices=codes.AgeUnit, blank=True, default=""
    )
    dataset_types = models.JSONField(_("types of data"), default=list)
    materials = models.JSONField(_("types of samples"), default=list)
    temperatures = models.JSONField(_("storage temperatures"), default=list, blank=True)
    diseases = models.JSONField(_("diseases (ICD-10 or ORPHA)"), default=list, blank=True)
    settings = models.JSONField(_("occasions of collection"), default=list, blank=True)
    designs = models.JSONField(_("design"), default=list, blank=True)
    conditions = models.JSONField(_("conditions of use"), default=list, blank=True)
    terms = models.JSONField(_("terms of use (DUO)"), default=list, blank=True)
    inclusion = models.JSONField(_("criteria of inclusion"), default=list, blank=True)
    publications = models.JSONField(_("publications"), default=list, blank=True)
    status = models.CharField(_("status"), max_length=8, choices=codes.Status, blank=True, default="")
    subjects = models.PositiveIntegerField(_("number of donors, as declared"), null=True, blank=True)
    samples = models.PositiveIntegerField(_("number of samples, as declared"), null=True, blank=True)
    node_code = models.CharField(_("code at the node"), max_length=120, blank=True, default="")
    marks = models.TextField(editable=False, default="")
    words = models.TextField(editable=False, default="")

    silent: ClassVar[frozenset[str]] = Noun.silent | {"marks", "words"}

    class Meta:
        ordering: ClassVar = ["biobank", "order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["biobank", "code"], name="collection_code_once"),
            models.CheckConstraint(
                condition=Q(age_low=None) | Q(age_high=None) | Q(age_low__lte=models.F("age_high")),
                name="collection_ages_in_order",
            ),
            models.CheckConstraint(
                condition=(Q(age_low=None) & Q(age_high=None)) | ~Q(age_unit=""),
                name="collection_ages_have_a_unit",
            ),
        ]

    @property
    def ecosystem_id(self) -> int:
        return self.biobank.ecosystem_id

    def get_absolute_url(self) -> str:
        return reverse("collection", args=[self.biobank.ecosystem.code, self.biobank.code, self.code])

    @property
    def miabis_id(self) -> str:
        return f"{self.biobank.miabis_id}:collection:{self.code}"

    @property
    def known_as(self) -> str:
        """What its node calls it."""
        return self.node_code or f"{self.biobank.code}:collection:{self.code}"

    @property
    def name(self) -> str:
        """How tables name it within the ecosystem: "biobank/collection"."""
        return f"{self.biobank.code}/{self.code}"

    @property
    def networks(self) -> list[BiobankNetwork]:
        return [link.network for link in self.network_links.all()]

    def settle(self) -> None:
        """What the search looks at: the codes of every facet, and the stems of what it is called and about."""
        marks = [
            f"{facet}:{code}" for facet, (column, _codes) in FACETS.items() for code in getattr(self, column)
        ]
        marks.append(f"biobank:{self.biobank.code}")
        marks += [f"disease:{code.casefold()}" for code in self.diseases]
        self.marks = f" {' '.join(marks)} "
        told: list[str] = []
        for language in ("lv", "en"):
            texts = [getattr(of, f"{name}_{language}") for of in (self, self.biobank) for name in ("title",)]
            texts.append(getattr(self, f"summary_{language}"))
            told += stems(" ".join(filter(None, texts)), language)
        told += stems(f"{self.acronym} {self.biobank.acronym} {self.code} {' '.join(self.diseases)}", "lv")
        self.words = f" {' '.join(dict.fromkeys(told))} "


class BiobankNetwork(Described):
    """Biobanks and collections that work together."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="biobank_networks")
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    juristic_person = models.ForeignKey(
        Organisation,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="biobank_networks",
        verbose_name=_("legal person"),
    )
    juristic_name = models.CharField(
        _("legal person, where it is not on this hub"), max_length=300, blank=True, default=""
    )
    countries = models.JSONField(_("countries"), default=list)
    topics = models.JSONField(_("what its members share"), default=list, blank=True)
    status = models.CharField(_("status"), max_length=8, choices=codes.Status, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ecosystem", "code"], name="biobank_network_code_once")
        ]

    def get_absolute_url(self) -> str:
        return reverse("biobank-network", args=[self.ecosystem.code, self.code])

    @property
    def miabis_id(self) -> str:
        return f"{PREFIX}networkID:{(self.countries or ['LV'])[0]}_{self.code}"

    @property
    def legal_name(self) -> str:
        return str(self.juristic_person.name) if self.juristic_person else self.juristic_name

    @property
    def members(self) -> list[Biobank]:
        return [link.biobank for link in self.member_links.all()]


class NetworkMember(Noun):
    """A biobank belongs to a network, with all that it holds."""

    network = models.ForeignKey(BiobankNetwork, on_delete=models.CASCADE, related_name="member_links")
    biobank = models.ForeignKey(Biobank, on_delete=models.CASCADE, related_name="network_links")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["network", "biobank"], name="network_member_once")
        ]

    def __str__(self) -> str:
        return str(self.biobank)

    @property
    def ecosystem_id(self) -> int:
        return self.network.ecosystem_id


class CollectionNetwork(Noun):
    """A single collection belongs to a network."""

    network = models.ForeignKey(BiobankNetwork, on_delete=models.CASCADE, related_name="collection_links")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="network_links")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["network", "collection"], name="collection_network_once")
        ]

    def __str__(self) -> str:
        return str(self.network)

    @property
    def ecosystem_id(self) -> int:
        return self.network.ecosystem_id


class Resource(Described):
    """A research resource: what several collections give when they are used together."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="research_resources")
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    status = models.CharField(_("status"), max_length=8, choices=codes.Status, blank=True, default="")
    conditions = models.JSONField(_("conditions of use"), default=list, blank=True)

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ecosystem", "code"], name="research_resource_code_once")
        ]

    def get_absolute_url(self) -> str:
        return reverse("research-resource", args=[self.ecosystem.code, self.code])

    @property
    def miabis_id(self) -> str:
        return f"{PREFIX}studyID:LV_{self.code}"

    @property
    def collections(self) -> list[Collection]:
        return [link.collection for link in self.part_links.all()]

    def union(self, column: str) -> list[Any]:
        """The codes of its collections in one of their columns, each once."""
        return list(dict.fromkeys(code for each in self.collections for code in getattr(each, column)))


class ResourcePart(Noun):
    """A collection is part of a research resource."""

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="part_links")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="resource_links")
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["resource", "collection"], name="resource_part_once")
        ]

    def __str__(self) -> str:
        return str(self.collection)

    @property
    def ecosystem_id(self) -> int:
        return self.resource.ecosystem_id


class Service(Described):
    """What a biobank does for others."""

    biobank = models.ForeignKey(Biobank, on_delete=models.CASCADE, related_name="services")
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    kind_of = models.CharField(_("kind"), max_length=12, choices=codes.ServiceKind)
    access = Bilingual(models.TextField, blank=True, verbose_name=_("how to get it"))

    class Meta:
        ordering: ClassVar = ["biobank", "order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["biobank", "code"], name="service_code_once")
        ]

    @property
    def ecosystem_id(self) -> int:
        return self.biobank.ecosystem_id

    def get_absolute_url(self) -> str:
        return self.biobank.get_absolute_url() + "#services"

    @property
    def miabis_id(self) -> str:
        return f"{PREFIX}serviceID:{self.biobank.country}_{self.biobank.code}_{self.code}"


class QualityMark(Noun):
    """A standard that a biobank, or one collection of it, says it works by; it counts once somebody has verified it."""

    biobank = models.ForeignKey(Biobank, on_delete=models.CASCADE, related_name="qualities")
    collection = models.ForeignKey(
        Collection,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="qualities",
        verbose_name=_("only the collection"),
    )
    standard = models.CharField(_("standard"), max_length=10, choices=codes.Standard)
    name = models.CharField(_("name of another standard"), max_length=200, blank=True, default="")
    certificate = models.CharField(_("number of the certificate"), max_length=100, blank=True, default="")
    issued_by = models.CharField(_("issued by"), max_length=200, blank=True, default="")
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    verified_on = models.DateField(_("verified on"), null=True, blank=True)
    verified_by = models.CharField(_("verified by"), max_length=300, blank=True, default="")
    finding = models.TextField(_("what the verification found"), blank=True, default="")
    upheld = models.BooleanField(_("verification upheld it"), default=False)

    class Meta:
        ordering: ClassVar = ["biobank", "standard", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["biobank", "standard", "name"],
                condition=Q(collection=None),
                name="quality_of_biobank_once",
            ),
            models.UniqueConstraint(
                fields=["collection", "standard", "name"], name="quality_of_collection_once"
            ),
            models.CheckConstraint(
                condition=Q(standard="Other") & ~Q(name="") | ~Q(standard="Other") & Q(name=""),
                name="quality_other_is_named",
            ),
            models.CheckConstraint(
                condition=Q(verified_on=None, upheld=False) | Q(verified_on__isnull=False),
                name="quality_upheld_when_verified",
            ),
            models.CheckConstraint(
                condition=Q(valid_from=None)
                | Q(valid_until=None)
                | Q(valid_from__lte=models.F("valid_until")),
                name="quality_days_in_order",
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(self.get_standard_display())

    @property
    def ecosystem_id(self) -> int:
        return self.biobank.ecosystem_id

    def state(self, today: date) -> str:
        """claimed, refuted, expired or verified."""
        if self.verified_on is None:
            return "claimed"
        if not self.upheld:
            return "refuted"
        return "expired" if self.valid_until and self.valid_until < today else "verified"


def due(entries: Iterable[Described], today: date) -> list[Described]:
    """Entries whose description was not checked within a year (EHDS Art 60 asks holders for it); never: first."""
    late = [
        each
        for each in entries
        if not each.withdrawn and (each.checked_on is None or (today - each.checked_on).days >= 365)
    ]
    return sorted(late, key=lambda each: each.checked_on or date.min)
