"""The annual action plan in its eight official columns, and the life of each measure in it."""

from __future__ import annotations

import functools
from datetime import date
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from talka.core.bilingual import Bilingual
from talka.core.models import Noun, Report
from talka.core.values import Deadline, Period
from talka.domains.models import Ecosystem
from talka.governance.models import Decision
from talka.legislation.models import Bill
from talka.parties.models import Account, Organisation
from talka.strategy.models import Priority, Strategy


class PlanState(models.TextChoices):
    DRAFT = "draft", pgettext_lazy("plan", "draft")
    ADOPTED = "adopted", pgettext_lazy("plan", "adopted")
    CLOSED = "closed", pgettext_lazy("plan", "closed")
    SUPERSEDED = "superseded", pgettext_lazy("plan", "superseded")


class Plan(Noun):
    """One version of an ecosystem's action plan for a year, derived from a version of the strategy."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.PROTECT, related_name="plans")
    year = models.PositiveSmallIntegerField(_("year"))
    number = models.PositiveSmallIntegerField(_("version"), default=1)
    title = Bilingual(models.CharField, max_length=500, verbose_name=_("title"))
    strategy = models.ForeignKey(Strategy, on_delete=models.PROTECT, related_name="plans")
    state = models.CharField(_("state"), max_length=10, choices=PlanState, default=PlanState.DRAFT)
    decision = models.ForeignKey(
        Decision,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="plans",
        verbose_name=_("adopted by"),
    )
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["ecosystem", "-year", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ecosystem", "year", "number"], name="plan_version_once"),
            models.UniqueConstraint(
                fields=["ecosystem", "year"],
                condition=Q(state__in=["adopted", "closed"]),
                name="plan_one_in_force_per_year",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.number})" if self.number > 1 else self.title

    def get_absolute_url(self) -> str:
        """The page of the year, which shows the version in force; a version by itself has a query."""
        url = reverse("plan", args=[self.ecosystem.code, self.year])
        return url if self.in_force else f"{url}?version={self.number}"

    @property
    def in_force(self) -> bool:
        return self.state in (PlanState.ADOPTED, PlanState.CLOSED)

    @property
    def open(self) -> bool:
        """Whether its columns may still be changed: closed and superseded plans are as they were."""
        return self.state in (PlanState.DRAFT, PlanState.ADOPTED)

    @property
    def public(self) -> bool:
        return self.state != PlanState.DRAFT


class Section(Noun):
    """The heading of one table of the plan: a priority under its direction, as the plan prints them.

    The printed names may differ from the strategy's; the linter says so, and the form is given back as printed.
    """

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="sections")
    number = models.CharField(_("number"), max_length=12)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    direction_number = models.CharField(_("number of the direction"), max_length=12)
    direction_title = Bilingual(models.CharField, max_length=300, verbose_name=_("direction"))
    title = Bilingual(models.TextField, verbose_name=_("priority"))
    priority = models.ForeignKey(
        Priority,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="sections",
        verbose_name=_("priority of the strategy"),
    )
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["plan", "number"], name="section_number_once")
        ]

    def __str__(self) -> str:
        return f"{self.number}. {self.title}"

    @property
    def ecosystem_id(self) -> int:
        return self.plan.ecosystem_id

    @property
    def heading(self) -> str:
        """The heading of the priority as the official form prints it."""
        return f"{self.number}. Prioritāte “{self.title_lv}”"

    @property
    def direction_heading(self) -> str:
        """The heading of the direction as the official form prints it."""
        return f"{self.direction_number}. Rīcības virziens “{self.direction_title_lv}”"

    def get_absolute_url(self) -> str:
        return self.plan.get_absolute_url() + f"#s{self.number}"


class FundingKind(models.TextChoices):
    NATIONAL = "national", _("national")
    EU = "eu", _("European Union")
    MIXED = "mixed", _("mixed")
    OTHER = "other", _("other")


class FundingSource(Noun):
    """A source of funding that plans name: VBF, ERAF, ANM …"""

    code = models.SlugField(_("code"), max_length=60, unique=True)
    acronym = models.CharField(_("acronym"), max_length=60, blank=True, default="")
    title = Bilingual(models.CharField, max_length=300, verbose_name=_("title"))
    kind_of = models.CharField(_("kind"), max_length=10, choices=FundingKind)
    starts = models.CharField(_("available from"), max_length=21, blank=True, default="")
    ends = models.CharField(_("available until"), max_length=21, blank=True, default="")
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["acronym", "title_lv", "id"]

    def __str__(self) -> str:
        return self.acronym or self.title

    @property
    def printed(self) -> str:
        """As the official form, which is in Latvian, writes it."""
        return self.acronym or self.title_lv


class MeasureState(models.TextChoices):
    """The life of a measure. "Late" is not a state: it is what any undone measure is after its deadline."""

    PLANNED = "planned", pgettext_lazy("measure", "planned")
    UNDER_WAY = "under_way", pgettext_lazy("measure", "under way")
    DONE = "done", pgettext_lazy("measure", "done")
    DROPPED = "dropped", pgettext_lazy("measure", "dropped")


UNDONE = (MeasureState.PLANNED, MeasureState.UNDER_WAY)

# From which state a measure may pass to which.
PASSAGES: dict[str, tuple[str, ...]] = {
    MeasureState.PLANNED: (MeasureState.UNDER_WAY, MeasureState.DONE, MeasureState.DROPPED),
    MeasureState.UNDER_WAY: (MeasureState.DONE, MeasureState.DROPPED),
    MeasureState.DONE: (MeasureState.UNDER_WAY,),
    MeasureState.DROPPED: (MeasureState.PLANNED,),
}


@functools.cache
def _address(ecosystem: str, language: str | None) -> str:
    # Lists print thousands of these, and reversing a name costs more than reading the row.
    return reverse("measure", args=[ecosystem, 0])


class Measure(Noun):
    """A row of the plan. Its number means the same measure in every version of a year's plan.

    `as_written` keeps how the plan prints a cell ({"number", "responsible", "involved", "deadline", "funding"}:
    text) where that differs from what the rows below would print, so that the same words go back to the ministry;
    an entry goes when its cell is edited.
    """

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="measures")
    section = models.ForeignKey(
        Section, on_delete=models.PROTECT, related_name="measures", verbose_name=_("priority")
    )
    number = models.CharField(_("number"), max_length=16)
    order = models.PositiveIntegerField(_("order"), default=0)
    title = Bilingual(models.TextField, verbose_name=_("measure"))
    starts = models.CharField(_("start"), max_length=21, blank=True, default="")
    deadline = models.CharField(_("deadline"), max_length=21, blank=True, default="")
    due_on = models.DateField(_("last day"), null=True, blank=True, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=MeasureState, default=MeasureState.PLANNED)
    done_on = models.DateField(_("done on"), null=True, blank=True)
    drop_reason = models.TextField(_("why it was dropped"), blank=True, default="")
    carried_from = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="carried_to",
        verbose_name=_("carried over from"),
    )
    carry_reason = models.TextField(_("why it was carried over"), blank=True, default="")
    bill = models.ForeignKey(
        Bill, null=True, blank=True, on_delete=models.PROTECT, related_name="measures", verbose_name=_("bill")
    )
    as_written = models.JSONField(default=dict, blank=True)
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["order", "id"]
        indexes: ClassVar = [
            models.Index(fields=["plan", "order"], name="measure_plan_order"),
            models.Index(fields=["plan", "state", "due_on"], name="measure_plan_state"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["plan", "number"], name="measure_number_once"),
            models.CheckConstraint(
                condition=~Q(state="dropped") | ~Q(drop_reason=""), name="measure_dropped_with_reason"
            ),
            models.CheckConstraint(
                condition=Q(state="done", done_on__isnull=False) | (~Q(state="done") & Q(done_on=None)),
                name="measure_done_on_a_day",
            ),
            models.CheckConstraint(
                condition=Q(carried_from=None) | ~Q(carry_reason=""), name="measure_carried_with_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}. {self.title}"

    @property
    def ecosystem_id(self) -> int:
        return self.plan.ecosystem_id

    def get_absolute_url(self) -> str:
        return _address(self.plan.ecosystem.code, get_language()).removesuffix("0/") + f"{self.pk}/"

    def settle(self) -> None:
        """Derives what is kept for the database's sake: the last day of the deadline."""
        self.due_on = Period.parse(self.deadline).last if self.deadline else None

    @property
    def deadline_value(self) -> Deadline | None:
        return Deadline(Period.parse(self.deadline)) if self.deadline else None

    # What hangs below, in order. `queries.with_columns` reads it for many measures at once.

    @cached_property
    def result_rows(self) -> list[Result]:
        return list(self.results.all())

    @cached_property
    def indicator_rows(self) -> list[ResultIndicator]:
        return list(self.resultindicators.all())

    @cached_property
    def assignment_rows(self) -> list[Assignment]:
        return list(self.assignments.select_related("organisation"))

    @cached_property
    def funding_rows(self) -> list[Funding]:
        return list(self.fundings.select_related("funding_source"))

    @property
    def undone(self) -> bool:
        return self.state in UNDONE

    def is_late(self, today: date | None = None) -> bool:
        """Undone after the last day of its deadline; a deadline "2023" is past from 1 January 2024."""
        return self.undone and self.due_on is not None and self.due_on < (today or timezone.localdate())

    @property
    def printed_number(self) -> str:
        return self.as_written.get("number") or f"{self.number}."


class OfMeasure(Noun):
    """A row below a measure, in order."""

    measure = models.ForeignKey(Measure, on_delete=models.CASCADE, related_name="%(class)ss")
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True

    @property
    def ecosystem_id(self) -> int:
        return self.measure.plan.ecosystem_id


class Result(OfMeasure):
    """What the measure is to bring about (darbības rezultāts)."""

    text = Bilingual(models.TextField, verbose_name=_("result"))

    class Meta:
        ordering: ClassVar = ["order", "id"]

    def __str__(self) -> str:
        return self.text


class ResultIndicator(OfMeasure):
    """By what one sees that the result is there (rezultatīvais rādītājs)."""

    text = Bilingual(models.TextField, verbose_name=_("result indicator"))

    class Meta:
        ordering: ClassVar = ["order", "id"]

    def __str__(self) -> str:
        return self.text


class Part(models.TextChoices):
    RESPONSIBLE = "responsible", _("responsible institution")
    INVOLVED = "involved", _("involved institution")


class Assignment(OfMeasure):
    """An institution's part in a measure."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="assignments")
    part = models.CharField(_("part"), max_length=12, choices=Part)

    class Meta:
        ordering: ClassVar = ["part", "order", "id"]
        indexes: ClassVar = [models.Index(fields=["organisation", "part"], name="assignment_organisation")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["measure", "organisation", "part"], name="assignment_once")
        ]

    def __str__(self) -> str:
        return str(self.organisation)


class Funding(OfMeasure):
    """An indicative source of funding of a measure. A measure with none has its funding "not found yet"."""

    funding_source = models.ForeignKey(
        FundingSource,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="fundings",
        verbose_name=_("funding source"),
    )
    text = models.TextField(_("as described"), blank=True, default="")
    amount = models.DecimalField(_("amount"), max_digits=16, decimal_places=2, null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    until = models.CharField(_("available until"), max_length=21, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(funding_source__isnull=False) | ~Q(text=""), name="funding_says_whence"
            )
        ]

    def __str__(self) -> str:
        return self.text or str(self.funding_source)


class Claim(Noun):
    """What a report says of its measure: under way, or done on a day. It comes true when the report is accepted."""

    report = models.OneToOneField(Report, on_delete=models.CASCADE, related_name="claim")
    measure = models.ForeignKey(Measure, on_delete=models.PROTECT, related_name="claims")
    state = models.CharField(_("state"), max_length=10, choices=MeasureState)
    done_on = models.DateField(_("done on"), null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state="under_way", done_on=None) | Q(state="done", done_on__isnull=False),
                name="claim_under_way_or_done_on_a_day",
            )
        ]

    def __str__(self) -> str:
        return self.get_state_display()

    @property
    def ecosystem_id(self) -> int:
        return self.measure.ecosystem_id


class Reminder(Noun):
    """That an account is written to about a measure on some occasion; kept so that no letter is written twice.

    Occasions: "due-30" and "due-7" days before the deadline, "late-2024-02" once a month after it, "report-12" when
    that report was handed in, "returned-12" when it was returned.
    """

    measure = models.ForeignKey(Measure, on_delete=models.CASCADE, related_name="reminders")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="reminders")
    occasion = models.CharField(_("occasion"), max_length=40)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            models.Index(fields=["account"], condition=Q(sent_at=None), name="reminder_waiting"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["measure", "account", "occasion"], name="reminder_once")
        ]

    def __str__(self) -> str:
        return f"{self.occasion} {self.measure.number} → {self.account}"

    @property
    def ecosystem_id(self) -> int:
        return self.measure.ecosystem_id
