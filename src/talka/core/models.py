"""Nouns that every room leans on: the record of events and its seals, attachments, reports, search, letters.

`Noun` is the base of every row of the house. It keeps a revision number for optimistic locking and refuses
to be saved or deleted outside a verb.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from talka.core.actions import Stale, Touch, running
from talka.core.bilingual import Bilingual


@dataclass(frozen=True)
class Known:
    """What a row was called at some moment: its name for the record, once it is gone."""

    pk: Any
    called: str
    name: str
    ecosystem_id: int | None

    @classmethod
    def of(cls, subject: Any) -> Known:
        """Named in the language of the record, which is one: what is sealed must not depend on what its actors read."""
        return cls(subject.pk, *cls.named(subject), getattr(subject, "ecosystem_id", None))

    @staticmethod
    def named(subject: Any) -> tuple[str, str]:
        """Kind and name alone: of a row far below, finding its ecosystem asks the database once for each step up."""
        called = subject.kind() if hasattr(subject, "kind") else "hub"
        with override(settings.LANGUAGE_CODE):
            return called, str(subject)

    def kind(self) -> str:
        return self.called

    def __str__(self) -> str:
        return self.name


class OutsideVerb(RuntimeError):
    """A row was saved or deleted outside an action."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} was changed outside an action. Write a verb in the room's actions.py and call it."
        )


class Noun(models.Model):
    """A row of the house: changed by verbs only, with a revision that grows by one at each change."""

    revision = models.PositiveIntegerField(default=1, editable=False)

    # Columns that say nothing a reader of the history would want to know.
    silent: ClassVar[frozenset[str]] = frozenset({"id", "revision"})

    class Meta:
        abstract = True

    @classmethod
    def kind(cls) -> str:
        """What this noun is called in the record: "plan.measure"."""
        return cls._meta.label_lower

    def settle(self) -> None:
        """Derives the columns that follow from others; called before a row is saved, by itself or in bulk."""

    def snapshot(self) -> dict[str, Any]:
        """This row's columns as plain values."""
        return {
            field.attname: _plain_value(field, self)
            for field in self._meta.concrete_fields
            if field.attname not in self.silent
        }

    def save(self, *args: Any, bump: bool = False, **options: Any) -> None:
        """Saves the row and notes what changed. `bump` grows the revision even if only rows below it changed."""
        record = running()
        if record is None:
            raise OutsideVerb(f"{self.kind()} {self.pk or 'new'}")
        self.settle()
        if self._state.adding:
            super().save(*args, **options)
            after = {
                name: value for name, value in self.snapshot().items() if value not in (None, "", [], {})
            }
            record.touches.append(
                Touch(self, "created", {name: (None, value) for name, value in after.items()})
            )
            return
        rows = type(self)._base_manager.filter(pk=self.pk)
        before = rows.select_for_update().get()
        if before.revision != self.revision:
            raise Stale(before)
        old, new = before.snapshot(), self.snapshot()
        changed = {name: (old[name], new[name]) for name in new if old[name] != new[name]}
        if not changed and not bump:
            return
        self.revision += 1
        super().save(*args, **options)
        if changed:
            record.touches.append(Touch(self, "changed", changed))

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        record = running()
        if record is None:
            raise OutsideVerb(f"{self.kind()} {self.pk}")
        fields = {name: (value, None) for name, value in self.snapshot().items() if value not in (None, "")}
        gone = Touch(Known.of(self), "deleted", fields)
        result = super().delete(*args, **options)
        record.touches.append(gone)
        return result


def _plain_value(field: Any, row: Noun) -> Any:
    value = field.value_from_object(row)
    return value.name if isinstance(field, models.FileField) else value


class Event(models.Model):
    """One verb, done: who, when, on what. Written once; `seal` is set when a batch is sealed.

    Deliberately without foreign keys to people or subjects: the record outlives what it speaks of.
    """

    verb = models.CharField(max_length=100)
    at = models.DateTimeField(db_index=True)
    by_id = models.BigIntegerField(null=True)
    by_name = models.CharField(max_length=300)
    by_salt = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=100)
    subject_id = models.BigIntegerField()
    subject_name = models.CharField(max_length=500)
    ecosystem_id = models.BigIntegerField(null=True)
    erased = models.JSONField(default=dict)  # commitments that stand in for erased values of this row
    seal = models.ForeignKey("Seal", null=True, on_delete=models.PROTECT, related_name="events")

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["subject_kind", "subject_id", "-id"], name="event_subject"),
            models.Index(fields=["ecosystem_id", "-id"], name="event_ecosystem"),
            models.Index(fields=["id"], condition=Q(seal=None), name="event_unsealed"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.verb} {self.subject_name}"


class Change(models.Model):
    """What one event did to one row: `fields` maps a column to {"from", "to", "salt"} or {"erased": commitment}."""

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="changes")
    subject_kind = models.CharField(max_length=100)
    subject_id = models.BigIntegerField()
    subject_name = models.CharField(max_length=500)
    kind = models.CharField(max_length=10)
    fields = models.JSONField()

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            models.Index(fields=["subject_kind", "subject_id", "-id"], name="change_subject")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_kind} {self.subject_name}"


class Seal(models.Model):
    """A batch of events under one Merkle root, chained to the batch before and signed."""

    first_event = models.BigIntegerField()
    last_event = models.BigIntegerField()
    count = models.PositiveIntegerField()
    root = models.CharField(max_length=64)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)
    signature = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"{self.first_event}–{self.last_event} {self.digest[:12]}"


class Delivery(models.Model):
    """One event on its way to one subscriber: the outbox. Written in the verb's own transaction."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE)
    subscriber = models.CharField(max_length=100)
    due = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True, default="")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["due"], condition=Q(done_at=None), name="delivery_waiting")]

    def __str__(self) -> str:
        return f"{self.subscriber} ← {self.event_id}"


class Attachment(Noun):
    """A file kept as evidence of something. Its bytes never change: a new file is a new attachment."""

    about_kind = models.CharField(max_length=100)
    about_id = models.BigIntegerField()
    ecosystem_id = models.BigIntegerField(null=True)
    file = models.FileField(upload_to="attachments/%Y/%m")
    name = models.CharField(_("file name"), max_length=255)
    size = models.PositiveBigIntegerField(_("size in bytes"))
    sha256 = models.CharField(max_length=64)
    media_type = models.CharField(max_length=100)
    public = models.BooleanField(_("public"), default=False)
    added_by = models.CharField(max_length=300)
    added_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["about_kind", "about_id"], name="attachment_about")]

    def __str__(self) -> str:
        return self.name


class ReportState(models.TextChoices):
    """Where a report stands between the institution and the coordinator."""

    SUBMITTED = "submitted", _("submitted")
    RETURNED = "returned", _("returned")
    ACCEPTED = "accepted", _("accepted")


class Report(Noun):
    """What somebody reports about something for a period: words, a value, evidence. Append-only:

    a correction is a new report that names the one it corrects. Once a period's report is accepted, the
    period is locked for that subject and series.
    """

    about_kind = models.CharField(max_length=100)
    about_id = models.BigIntegerField()
    ecosystem_id = models.BigIntegerField(null=True)
    series = models.CharField(_("indicator"), max_length=150, blank=True, default="")
    period = models.CharField(_("period"), max_length=21)
    as_of = models.DateField(_("as of"))
    text = models.TextField(_("what was done"), blank=True, default="")
    value = models.DecimalField(_("value"), max_digits=24, decimal_places=6, null=True, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=ReportState, default=ReportState.SUBMITTED)
    comment = models.TextField(_("coordinator's comment"), blank=True, default="")
    by_id = models.BigIntegerField(null=True)
    by_name = models.CharField(max_length=300)
    institution_id = models.BigIntegerField(null=True)
    institution_name = models.CharField(max_length=300, blank=True, default="")
    submitted_at = models.DateTimeField()
    decided_by = models.CharField(max_length=300, blank=True, default="")
    decided_at = models.DateTimeField(null=True, blank=True)
    corrects = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="corrections"
    )

    class Meta:
        ordering: ClassVar = ["-as_of", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["about_kind", "about_id", "-as_of", "-id"], name="report_about"),
            models.Index(fields=["ecosystem_id", "state", "-id"], name="report_state"),
            models.Index(fields=["ecosystem_id", "series", "state", "as_of"], name="report_series"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state="submitted", decided_at=None)
                | (~Q(state="submitted") & Q(decided_at__isnull=False)),
                name="report_decided_when_not_submitted",
            ),
            models.CheckConstraint(condition=~Q(text="", value=None), name="report_says_something"),
            models.UniqueConstraint(
                fields=["about_kind", "about_id", "series", "period"],
                condition=Q(state="accepted"),
                name="report_accepted_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period}: {self.value if self.value is not None else self.text[:60]}"


class Reading(models.Model):
    """A reading of an indicator kept when a period was closed, with the decision that closed it."""

    ecosystem_id = models.BigIntegerField()
    indicator = models.CharField(max_length=150)
    period = models.CharField(max_length=21)
    as_of = models.DateField()
    value = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    evidence = models.JSONField(
        default=list
    )  # [{"kind", "id", "name"}]: the rows behind the value, as they were
    decision = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ecosystem_id", "indicator", "period"], name="reading_once")
        ]

    def __str__(self) -> str:
        return f"{self.indicator} {self.period}: {self.value}"


class Certainty(models.TextChoices):
    """How sure we are that a law says what a dated rule says."""

    VERIFIED = "verified", _("read in the law or on an official page")
    PARTLY = "partly", _("seen in part; check before relying on it")
    MEMORY = "memory", _("from memory; check in the law before relying on it")
    HOUSE = "house", _("a choice of this house, no law")


class DatedRule(Noun):
    """A limit that a law sets, in force from one day until another: its value, its law and article, how sure we are.

    `core.dated` asks for the one that is in force on a day. A decision keeps the row that decided.
    """

    code = models.SlugField(_("code"), max_length=80)
    title = Bilingual(models.CharField, max_length=300, verbose_name=_("title"))
    law = models.CharField(_("law"), max_length=300)
    article = models.CharField(_("article"), max_length=120, blank=True, default="")
    value = models.DecimalField(_("value"), max_digits=18, decimal_places=6)
    unit = models.CharField(_("unit"), max_length=20, blank=True, default="")
    starts = models.DateField(_("in force from"))
    ends = models.DateField(_("in force until"), null=True, blank=True)
    certainty = models.CharField(_("certainty"), max_length=10, choices=Certainty)
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["code", "starts"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["code", "starts"], name="dated_rule_once"),
            models.CheckConstraint(
                condition=Q(ends=None) | Q(ends__gte=models.F("starts")), name="dated_rule_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.law}{', ' + self.article if self.article else ''})"

    @property
    def is_sure(self) -> bool:
        """Whether it can be relied on without looking into the law first."""
        return self.certainty in (Certainty.VERIFIED, Certainty.HOUSE)


class SearchEntry(models.Model):
    """One findable thing, with the stems of its words in both languages. `core.search` keeps and asks it."""

    kind = models.CharField(max_length=100)
    subject_id = models.BigIntegerField()
    ecosystem_id = models.BigIntegerField(null=True)
    public = models.BooleanField(default=True)
    title_lv = models.CharField(max_length=500)
    title_en = models.CharField(max_length=500, blank=True, default="")
    summary_lv = models.TextField(blank=True, default="")
    summary_en = models.TextField(blank=True, default="")
    url = models.CharField(max_length=300)
    stems = models.TextField()

    class Meta:
        verbose_name_plural = "search entries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "subject_id"], name="search_entry_once")
        ]

    def __str__(self) -> str:
        return self.title_lv
