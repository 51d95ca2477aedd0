"""Bodies that decide, and their decisions. A decision may carry a verb that is done when it is adopted."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from talka.core.bilingual import Bilingual
from talka.core.models import Event, Noun
from talka.domains.models import Ecosystem


class BodyKind(models.TextChoices):
    COUNCIL = "council", _("council")
    COMMITTEE = "committee", _("committee")
    BOARD = "board", _("board")


class Body(Noun):
    """A body of an ecosystem that decides, such as its strategic council."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.CASCADE, related_name="bodies")
    code = models.SlugField(_("code"), max_length=80)
    title = Bilingual(models.CharField, max_length=300, verbose_name=_("title"))
    kind_of = models.CharField(_("kind"), max_length=12, choices=BodyKind)
    summary = Bilingual(models.TextField, blank=True, verbose_name=_("summary"))
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name_plural = "bodies"
        constraints: ClassVar = [models.UniqueConstraint(fields=["ecosystem", "code"], name="body_code_once")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("council", args=[self.ecosystem.code]) + f"?body={self.code}"


class DecisionState(models.TextChoices):
    DRAFT = "draft", pgettext_lazy("decision", "prepared")
    ADOPTED = "adopted", pgettext_lazy("decision", "adopted")
    REJECTED = "rejected", pgettext_lazy("decision", "rejected")


class Decision(Noun):
    """A decision of a body: numbered within it when adopted, bound to what it changes.

    `verb`, `subject_*` and `arguments` name an action that is carried out, by name, on adoption: a decision that adopts
    a plan adopts it by itself. `event` is the record of that action, which tells what the decision changed.
    """

    body = models.ForeignKey(Body, on_delete=models.PROTECT, related_name="decisions", verbose_name=_("body"))
    number = models.CharField(_("number"), max_length=30, blank=True, default="", editable=False)
    title = Bilingual(models.CharField, max_length=500, verbose_name=_("title"))
    text = Bilingual(models.TextField, blank=True, verbose_name=_("text"))
    state = models.CharField(
        _("state"), max_length=10, choices=DecisionState, default=DecisionState.DRAFT, editable=False
    )
    decided_on = models.DateField(_("decided on"), null=True, blank=True, editable=False)
    reason = models.TextField(_("why it was rejected"), blank=True, default="", editable=False)
    verb = models.CharField(_("action"), max_length=100, blank=True, default="", editable=False)
    subject_kind = models.CharField(max_length=100, blank=True, default="", editable=False)
    subject_id = models.BigIntegerField(null=True, blank=True, editable=False)
    arguments = models.JSONField(default=dict, blank=True, editable=False)
    event = models.ForeignKey(
        Event, null=True, blank=True, on_delete=models.PROTECT, related_name="decisions", editable=False
    )

    class Meta:
        ordering: ClassVar = ["-decided_on", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["body", "number"], condition=~Q(number=""), name="decision_number_once"
            ),
            models.UniqueConstraint(fields=["body", "title_lv"], name="decision_title_once"),
            models.CheckConstraint(
                condition=Q(state="draft", decided_on=None)
                | (~Q(state="draft") & Q(decided_on__isnull=False)),
                name="decision_dated_when_decided",
            ),
            models.CheckConstraint(
                condition=Q(state="adopted") & ~Q(number="") | ~Q(state="adopted") & Q(number=""),
                name="decision_numbered_when_adopted",
            ),
            models.CheckConstraint(
                condition=Q(verb="", subject_id=None) | (~Q(verb="") & Q(subject_id__isnull=False)),
                name="decision_verb_has_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}".strip()

    @property
    def ecosystem_id(self) -> int:
        return self.body.ecosystem_id

    @property
    def is_prepared(self) -> bool:
        """Not decided yet: it can still be changed, and the public does not see it."""
        return self.state == DecisionState.DRAFT

    @property
    def is_adopted(self) -> bool:
        return self.state == DecisionState.ADOPTED

    def get_absolute_url(self) -> str:
        return reverse("decision", args=[self.body.ecosystem.code, self.pk])
