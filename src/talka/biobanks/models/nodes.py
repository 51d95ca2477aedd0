"""The nodes beside the holders' data: where they are, whose key they sign with, how they were last seen; their
numbers."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from talka.core.bilingual import Bilingual
from talka.core.models import Noun
from talka.domains.models import Ecosystem
from talka.parties.models import Organisation


class Role(models.TextChoices):
    """What the hub turns to a node for."""

    QUESTIONS = "questions", _("answers questions")
    FEED = "feed", _("follows the feed of consents")
    NUMBERS = "numbers", _("tells numbers of its collections")


class NodeState(models.TextChoices):
    """How a node was last seen. `mismatch`: it answers, but not with its registered key or in no common version."""

    UNSEEN = "unseen", _("not seen yet")
    UP = "up", _("answers")
    DOWN = "down", _("down")
    MISMATCH = "mismatch", _("not to be trusted")


class DataNode(Noun):
    """A data node of a holder. The hub keeps its address and public key; what it holds stays there."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="data_nodes")
    code = models.SlugField(_("code"), max_length=60, unique=True)
    title = Bilingual(models.CharField, max_length=200, verbose_name=_("name"))
    holder = models.ForeignKey(
        Organisation,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="data_nodes",
        verbose_name=_("holder of the data"),
    )
    address = models.URLField(_("address"), max_length=300)
    public_key = models.CharField(_("public key (Ed25519, 64 hexadecimal digits)"), max_length=64)
    log_name = models.CharField(_("name of its record of consents"), max_length=64)
    roles = models.JSONField(_("roles"), default=list)
    active = models.BooleanField(pgettext_lazy("node", "in use"), default=True)
    donors = models.PositiveIntegerField(_("donors, as last told"), null=True, blank=True)
    example = models.BooleanField(_("invented example"), default=False)
    state = models.CharField(_("state"), max_length=8, choices=NodeState, default=NodeState.UNSEEN)
    why = models.CharField(_("why"), max_length=300, blank=True, default="")
    seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)
    checked_at = models.DateTimeField(_("last asked"), null=True, blank=True)
    day = models.DateField(_("its day"), null=True, blank=True)
    facts = models.PositiveIntegerField(_("state of its facts"), null=True, blank=True)
    speaks = models.JSONField(_("versions that it speaks"), default=dict, blank=True)
    milliseconds = models.PositiveIntegerField(
        _("time of its answer, in milliseconds"), null=True, blank=True
    )

    class Meta:
        ordering: ClassVar = ["ecosystem", "code"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["log_name"], condition=~Q(log_name=""), name="node_log_once"),
            models.UniqueConstraint(fields=["public_key"], name="node_key_once"),
        ]

    def __str__(self) -> str:
        return str(self.title)

    def get_absolute_url(self) -> str:
        return reverse("data-node", args=[self.ecosystem.code, self.code])


class FigureKind(models.TextChoices):
    DONORS = "donors", _("donors")
    SAMPLES = "samples", _("samples")


class Figure(Noun):
    """A number that a node told of one of its collections: what it says, as of when, and how it was made.

    `derivation` is the question (its digest and text), the state of the facts, the head of the consents, the rules of
    disclosure and the entry of the node's journal: with these the node can be asked to make the same number again.
    `value` None: fewer than the node's smallest cell.
    """

    node = models.ForeignKey(DataNode, on_delete=models.PROTECT, related_name="figures")
    collection = models.ForeignKey("biobanks.Collection", on_delete=models.CASCADE, related_name="figures")
    kind_of = models.CharField(_("what is counted"), max_length=8, choices=FigureKind)
    value = models.PositiveIntegerField(_("value"), null=True)
    rounded_to = models.PositiveSmallIntegerField(_("rounded to"), default=1)
    as_of = models.DateTimeField(_("as of"))
    derivation = models.JSONField(_("how it was made"), default=dict)
    digest = models.CharField(_("digest of what was signed"), max_length=64)

    class Meta:
        ordering: ClassVar = ["-as_of", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["node", "collection", "kind_of", "as_of"], name="figure_once")
        ]
        indexes: ClassVar = [models.Index(fields=["collection", "kind_of", "-as_of"], name="figure_latest")]

    def __str__(self) -> str:
        return f"{self.get_kind_of_display()}: {'<' if self.value is None else self.value}"

    @property
    def ecosystem_id(self) -> int:
        return self.node.ecosystem_id
