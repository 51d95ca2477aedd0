"""What donors said: forms by version, statements with ids that their makers gave, the feed to the nodes, receipts.

A statement is what a node calls an event. A person is a reference that says nothing of whom: name and personal code
stay with whoever asked for the consent, and at the nodes. A batch is one message of the feed: its number and events are
the same for every node; only the envelope names whom it is for.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from talka.biobanks.models.directory import Biobank
from talka.biobanks.models.nodes import DataNode
from talka.core.actions import Invalid
from talka.core.bilingual import Bilingual
from talka.core.models import Noun
from talka.domains.models import Ecosystem
from talka.parties.models import Organisation


class ConsentForm(Noun):
    """One version of a paper that donors sign: what it says in both languages, and what its boxes mean (DUO).

    `always`: terms that hold whatever is ticked. `options`: boxes, each {"name", "lv", "en", "terms", "otherwise"}.
    Once published nothing of it changes: those who signed signed this.
    """

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="consent_forms")
    code = models.SlugField(_("code"), max_length=60)
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    title = Bilingual(models.CharField, max_length=300, verbose_name=_("title"))
    text = Bilingual(models.TextField, verbose_name=_("what the donor reads"))
    always = models.JSONField(_("terms that always hold"), default=list, blank=True)
    options = models.JSONField(_("boxes and what they mean"), default=list)
    since = models.DateField(_("may be signed from"), null=True, blank=True)
    until = models.DateField(_("may be signed until"), null=True, blank=True)
    years = models.PositiveSmallIntegerField(_("years that a signature lasts"), null=True, blank=True)
    guardian = models.BooleanField(_("a legal representative may sign for a minor"), default=False)
    ends_at_death = models.BooleanField(_("it ends at death"), default=False)
    published_on = models.DateField(_("published on"), null=True, blank=True)
    example = models.BooleanField(_("invented example"), default=False)

    class Meta:
        ordering: ClassVar = ["code", "-version"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["code", "version"], name="consent_form_version_once"),
            models.CheckConstraint(condition=Q(version__gte=1), name="consent_form_version_from_one"),
            models.CheckConstraint(
                condition=Q(since=None) | Q(until=None) | Q(since__lte=models.F("until")),
                name="consent_form_days_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.code} {self.version})"

    def get_absolute_url(self) -> str:
        return reverse("consent-form", args=[self.ecosystem.code, self.code, self.version])

    @property
    def name(self) -> str:
        """How tables name it: "broad/2"."""
        return f"{self.code}/{self.version}"

    def in_use(self, day: date) -> bool:
        """Whether it may be signed on a day."""
        return (
            self.published_on is not None
            and (self.since is None or self.since <= day)
            and (self.until is None or day <= self.until)
        )

    def plain(self) -> dict[str, Any]:
        """As a node reads it: the file of its `forms/`."""
        told: dict[str, Any] = {
            "form": self.code,
            "version": self.version,
            "title": {"lv": self.title_lv, **({"en": self.title_en} if self.title_en else {})},
            "guardian": self.guardian,
            "ends_at_death": self.ends_at_death,
            "always": self.always,
            "options": {
                box["name"]: {
                    "text": {language: box[language] for language in ("lv", "en") if box.get(language)},
                    "terms": box.get("terms", []),
                    "otherwise": box.get("otherwise", []),
                }
                for box in self.options
            },
        }
        for key in ("since", "until"):
            if getattr(self, key):
                told[key] = getattr(self, key).isoformat()
        if self.years:
            told["years"] = self.years
        return told


class Collector(Noun):
    """An institution that asks for consent in its own work: a laboratory, a hospital. It gathers for one biobank.

    `agreed_on`: since when there is an agreement that consent is part of its intake (measure 3.1.3 of the plan
    of 2023).
    """

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="collectors")
    code = models.SlugField(_("code"), max_length=60)
    title = Bilingual(models.CharField, max_length=200, verbose_name=_("name"))
    organisation = models.ForeignKey(
        Organisation,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="collectors",
        verbose_name=_("institution"),
    )
    biobank = models.ForeignKey(
        Biobank,
        on_delete=models.PROTECT,
        related_name="collectors",
        verbose_name=_("biobank that it gathers for"),
    )
    agreed_on = models.DateField(_("agreement signed on"), null=True, blank=True)
    ended_on = models.DateField(_("agreement ended on"), null=True, blank=True)
    example = models.BooleanField(_("invented example"), default=False)

    class Meta:
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ecosystem", "code"], name="collector_code_once"),
            models.CheckConstraint(
                condition=Q(ended_on=None) | Q(agreed_on__lte=models.F("ended_on")),
                name="collector_days_in_order",
            ),
        ]

    def __str__(self) -> str:
        return str(self.title)

    def get_absolute_url(self) -> str:
        return reverse("collector", args=[self.ecosystem.code, self.code])


class Kind(models.TextChoices):
    """What was said. The codes are those of the feed."""

    GIVEN = "given", _("consent given")
    WITHDRAWN = "withdrawn", _("consent withdrawn")
    RECONFIRMED = "reconfirmed", _("confirmed after coming of age")
    OPTED_OUT = "opted_out", _("opted out of secondary use")
    OPTED_IN = "opted_in", _("opted in again")
    DIED = "died", _("died")
    DESTROYED = "destroyed", _("samples destroyed")


class Signer(models.TextChoices):
    SELF = "self", _("the donor")
    GUARDIAN = "guardian", _("a legal representative")


class Way(models.TextChoices):
    """How it came to the hub."""

    COUNTER = "counter", _("at the counter")
    PAPER = "paper", _("on paper")
    OFFLINE = "offline", _("at the counter without a network")
    PROGRAM = "program", _("from the collector's system")
    FHIR = "fhir", "FHIR"
    PERSON = "person", _("by the donor, on this hub")


class Batch(Noun):
    """One message of the feed: numbered from 1 without gaps. `events` is the very text of its list of events."""

    number = models.PositiveIntegerField(_("number"), unique=True)
    events = models.TextField(_("events"))
    count = models.PositiveSmallIntegerField(_("number of events"))
    packed_at = models.DateTimeField(_("packed at"))

    silent: ClassVar[frozenset[str]] = Noun.silent | {"events"}  # they are the statements themselves

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(number__gte=1), name="batch_number_from_one")
        ]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return str(self.number)


class Statement(Noun):
    """One thing said by or about a donor. `uid` is made by whoever took it down, and makes it one for ever.

    `subject` is the donor's reference as nodes take it: `id:<source>:<id>` or `pseudonym:<epoch>:<digits>`.
    `on` is the day it was signed or said. Of a legal representative only in what
    capacity is kept; who it was stands on the paper.
    """

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.PROTECT, related_name="statements")
    uid = models.CharField(_("id"), max_length=120, unique=True)
    kind_of = models.CharField(_("what was said"), max_length=12, choices=Kind)
    subject = models.CharField(_("donor's reference"), max_length=120)
    on = models.DateField(_("day"))
    biobank = models.ForeignKey(
        Biobank,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="statements",
        verbose_name=_("biobank"),
    )
    form = models.ForeignKey(
        ConsentForm,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="statements",
        verbose_name=_("form"),
    )
    options = models.JSONField(_("boxes ticked"), default=list, blank=True)
    signer = models.CharField(_("signed by"), max_length=8, choices=Signer, default=Signer.SELF)
    capacity = models.CharField(
        _("in what capacity a representative signed"), max_length=100, blank=True, default=""
    )
    adult_on = models.DateField(_("comes of age on"), null=True, blank=True)
    witness = models.CharField(_("witness"), max_length=200, blank=True, default="")
    language = models.CharField(_("language read"), max_length=2, default="lv")
    way = models.CharField(_("how it came"), max_length=8, choices=Way, default=Way.COUNTER)
    collector = models.ForeignKey(
        Collector,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="statements",
        verbose_name=_("collector"),
    )
    narrows = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="narrowed_by"
    )  # the consent that this one leaves narrower: a withdrawal by purpose
    reason = models.CharField(_("reason, if one was given"), max_length=500, blank=True, default="")
    taken_at = models.DateTimeField(_("taken down at"))
    received_at = models.DateTimeField(_("received at"))
    batch = models.ForeignKey(
        Batch, null=True, blank=True, on_delete=models.PROTECT, related_name="statements"
    )

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=(Q(kind_of="given") & Q(form__isnull=False) & Q(biobank__isnull=False))
                | (~Q(kind_of="given") & Q(form=None) & Q(adult_on=None)),
                name="statement_given_on_a_form",
            ),
            models.CheckConstraint(
                condition=~Q(kind_of__in=["opted_out", "opted_in", "died"]) | Q(biobank=None),
                name="statement_about_the_person",
            ),
            models.CheckConstraint(
                condition=Q(signer="guardian") | Q(capacity=""), name="statement_capacity_of_a_representative"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["subject", "on", "id"], name="statement_subject"),
            models.Index(fields=["id"], condition=Q(batch=None), name="statement_waiting"),
            models.Index(fields=["collector", "kind_of", "on"], name="statement_collector"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_of_display()}, {self.on.isoformat()}"

    def get_absolute_url(self) -> str:
        return reverse("statement", args=[self.ecosystem.code, self.pk])

    def event(self) -> dict[str, Any]:
        """As the feed tells it: what goes without saying is left out."""
        told: dict[str, Any] = {"id": self.uid, "kind": str(self.kind_of), "on": self.on.isoformat()}
        told["subject"] = self.subject
        if self.biobank is not None:
            told["biobank"] = self.biobank.code
        if self.form is not None:
            told |= {"form": self.form.code, "version": self.form.version}
        if self.options:
            told["options"] = sorted(self.options)
        if self.signer == Signer.GUARDIAN:
            told["by"] = str(self.signer)
        if self.adult_on is not None:
            told["adult_on"] = self.adult_on.isoformat()
        return told


class Receipt(Noun):
    """A node's own signed word on one batch. `refused` ones stay as they came, beside the one that follows them."""

    node = models.ForeignKey(DataNode, on_delete=models.PROTECT, related_name="receipts")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="receipts")
    digest = models.CharField(_("digest of the message"), max_length=64)
    status = models.CharField(_("status"), max_length=8)
    why = models.CharField(_("why"), max_length=500, blank=True, default="")
    told_at = models.DateTimeField(_("time of the node"))
    received_at = models.DateTimeField(_("received at"))
    milliseconds = models.PositiveIntegerField(_("time of its answer, in milliseconds"), default=0)
    envelope = models.TextField(_("receipt as it was signed"))

    silent: ClassVar[frozenset[str]] = Noun.silent | {"envelope"}

    class Meta:
        ordering: ClassVar = ["batch", "node"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["node", "batch"], condition=Q(status__in=["applied", "known"]), name="receipt_once"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["node", "-batch"], name="receipt_progress")]

    def __str__(self) -> str:
        return f"{self.node} {self.batch}: {self.status}"

    @property
    def ecosystem_id(self) -> int:
        return self.node.ecosystem_id


class DestructionOrder(Noun):
    """A biobank is to destroy what it holds of a donor, and its act that it did."""

    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="destructions")
    biobank = models.ForeignKey(Biobank, on_delete=models.PROTECT, related_name="destructions")
    ordered_at = models.DateTimeField(_("ordered at"))
    due_on = models.DateField(_("to be done by"))
    act_number = models.CharField(_("number of the act"), max_length=100, blank=True, default="")
    done_on = models.DateField(_("destroyed on"), null=True, blank=True)
    samples = models.PositiveIntegerField(_("samples destroyed"), null=True, blank=True)
    note = models.TextField(_("note"), blank=True, default="")
    done_by = models.CharField(_("signed off by"), max_length=300, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["due_on", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["statement", "biobank"], name="destruction_once"),
            models.CheckConstraint(
                condition=Q(done_on=None, act_number="") | (Q(done_on__isnull=False) & ~Q(act_number="")),
                name="destruction_done_by_an_act",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.statement.subject} ({self.biobank})"

    @property
    def ecosystem_id(self) -> int:
        return self.biobank.ecosystem_id


# ---------------------------------------------------------------- what boxes mean

BOX = re.compile(r"[a-z][a-z0-9_-]{0,39}")
TERM = re.compile(r"[A-Z]{2,7}|DUO:[0-9]{7}")
# What a form's terms may be: those of DUO that nodes judge, and four of our own; see docs/adr/0019.
KNOWN_TERMS = frozenset(
    [
        "NRES",
        "GRU",
        "HMB",
        "DS",
        "POA",
        "RS",
        "NMDS",
        "GSO",
        "NPUNCU",
        "PUB",
        "COL",
        "IRB",
        "GS",
        "MOR",
        "TS",
        "US",
        "PS",
        "IS",
        "RTN",
        "CC",
        "NPOA",
        "NPU",
        "NCU",
        "STAT",
        "NSTAT",
        "NGEN",
        "CONTACT",
    ]
)
WITH_ARGUMENTS = frozenset(["DS", "RS", "GS", "MOR", "TS", "US", "PS", "IS"])


def boxes(told: Any) -> list[dict[str, Any]]:
    """The boxes of a form in their one spelling. Invalid names the first that nodes would not understand."""
    if not isinstance(told, list):
        raise Invalid(gettext("A form has at least one box."), field="options")
    return [_box(each) for each in told]


def _box(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict) or not BOX.fullmatch(str(told.get("name", ""))):
        raise Invalid(
            gettext("A box is {name, lv, en, terms, otherwise}; its name is small letters, digits, - and _."),
            field="options",
        )
    if unknown := sorted(told.keys() - {"name", "lv", "en", "terms", "otherwise"}):
        raise Invalid(
            gettext("The box “%(name)s” has “%(key)s”, which no box has.")
            % {"name": told["name"], "key": unknown[0]},
            field="options",
        )
    if not str(told.get("lv", "")).strip():
        raise Invalid(
            gettext("The box “%(name)s” needs its text in Latvian.") % {"name": told["name"]}, field="options"
        )
    return {
        "name": told["name"],
        "lv": str(told["lv"]).strip(),
        "en": str(told.get("en", "")).strip(),
        "terms": terms(told.get("terms") or [], told["name"]),
        "otherwise": terms(told.get("otherwise") or [], told["name"]),
    }


def terms(told: Any, place: str) -> list[Any]:
    """Terms as nodes read them: `GRU`, or `{DS: [C34]}` where a term takes arguments. Invalid names the one
    that is not."""
    if not isinstance(told, list):
        raise Invalid(gettext("“%(place)s”: terms are a list.") % {"place": place}, field="options")
    found: list[Any] = []
    for each in told:
        code, arguments = (
            (each, None)
            if isinstance(each, str)
            else (next(iter(each)), next(iter(each.values())))
            if (isinstance(each, dict) and len(each) == 1)
            else (str(each), None)
        )
        if code not in KNOWN_TERMS:
            raise Invalid(
                gettext("“%(place)s”: “%(term)s” is no term that nodes understand; there are: %(known)s.")
                % {"place": place, "term": code, "known": ", ".join(sorted(KNOWN_TERMS))},
                field="options",
            )
        listed = (
            [str(part) for part in (arguments if isinstance(arguments, list) else [arguments])]
            if arguments
            else []
        )
        if bool(listed) != (code in WITH_ARGUMENTS):
            raise Invalid(
                gettext(
                    "“%(place)s”: write %(term)s with what it is about, as {DS: [C34]}, or without if it takes nothing."
                )
                % {"place": place, "term": code},
                field="options",
            )
        found.append({code: listed} if listed else code)
    return found
