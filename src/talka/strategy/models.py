"""The strategy of an ecosystem, in versions: mission, obstacles, directions, priorities, targets, links upward."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from talka.core.bilingual import Bilingual
from talka.core.models import Noun
from talka.domains.models import Ecosystem, Policy
from talka.governance.models import Decision
from talka.network.models import Niche
from talka.parties.models import Organisation


class StrategyState(models.TextChoices):
    DRAFT = "draft", pgettext_lazy("strategy", "draft")
    ADOPTED = "adopted", pgettext_lazy("strategy", "adopted")
    SUPERSEDED = "superseded", pgettext_lazy("strategy", "superseded")


class Strategy(Noun):
    """One version of an ecosystem's strategy. At most one is in force; older ones stay to be compared."""

    ecosystem = models.ForeignKey(Ecosystem, on_delete=models.PROTECT, related_name="strategies")
    number = models.PositiveSmallIntegerField(_("version"))
    title = Bilingual(models.CharField, max_length=500, verbose_name=_("title"))
    mission = Bilingual(models.TextField, blank=True, verbose_name=_("mission"))
    mission_official_lv = models.TextField(_("mission, official text"), blank=True, default="")
    starts = models.PositiveSmallIntegerField(_("first year"))
    ends = models.PositiveSmallIntegerField(_("last year"))
    state = models.CharField(_("state"), max_length=10, choices=StrategyState, default=StrategyState.DRAFT)
    decision = models.ForeignKey(
        Decision,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="strategies",
        verbose_name=_("adopted by"),
    )
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["ecosystem", "-number"]
        verbose_name_plural = "strategies"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ecosystem", "number"], name="strategy_number_once"),
            models.UniqueConstraint(
                fields=["ecosystem"], condition=Q(state="adopted"), name="strategy_one_in_force"
            ),
            models.CheckConstraint(
                condition=Q(ends__gte=models.F("starts")), name="strategy_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.number})"

    def get_absolute_url(self) -> str:
        return self.address("strategy")

    def address(self, name: str, *arguments: str, anchor: str = "") -> str:
        """The page `name` of this version. The version in force has the plain address, which outlives it."""
        version = "" if self.state == StrategyState.ADOPTED else f"?version={self.number}"
        return (
            reverse(name, args=[self.ecosystem.code, *arguments]) + version + (f"#{anchor}" if anchor else "")
        )

    @property
    def is_draft(self) -> bool:
        """Only a draft can be changed; an adopted version is what was voted on, and a superseded one what was."""
        return self.state == StrategyState.DRAFT

    @property
    def policies(self) -> list[Policy]:
        """The policies that this version as a whole serves."""
        return [
            link.policy for link in self.policy_links.all() if not link.priority_id and not link.target_id
        ]


class OfStrategy(Noun):
    """A row of one version of a strategy, with a code that means the same thing in every version."""

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="%(class)s_set")
    code = models.SlugField(_("code"), max_length=60)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    source = models.CharField(_("source"), max_length=500, blank=True, default="")

    class Meta:
        abstract = True

    @property
    def ecosystem_id(self) -> int:
        return self.strategy.ecosystem_id

    def get_absolute_url(self) -> str:
        return self.strategy.address("strategy", anchor=f"{self._meta.model_name}-{self.code}")


class Obstacle(OfStrategy):
    """What stands between the ecosystem and its mission."""

    title = Bilingual(models.TextField, verbose_name=_("obstacle"))

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["strategy", "code"], name="obstacle_code_once")
        ]

    def __str__(self) -> str:
        return self.title


class Direction(OfStrategy):
    """A direction of action that overcomes obstacles."""

    title = Bilingual(models.CharField, max_length=300, verbose_name=_("direction"))
    summary = Bilingual(models.TextField, blank=True, verbose_name=_("summary"))

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["strategy", "code"], name="direction_code_once")
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def obstacles(self) -> list[Obstacle]:
        """The obstacles that this direction answers, in their order."""
        return sorted(
            (each.obstacle for each in self.overcomes.all()),
            key=lambda obstacle: (obstacle.order, obstacle.pk),
        )


class Overcomes(Noun):
    """A direction answers an obstacle."""

    direction = models.ForeignKey(Direction, on_delete=models.CASCADE, related_name="overcomes")
    obstacle = models.ForeignKey(Obstacle, on_delete=models.CASCADE, related_name="overcome_by")

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name_plural = "overcomes"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["direction", "obstacle"], name="overcomes_once")
        ]

    def __str__(self) -> str:
        return f"{self.direction} → {self.obstacle}"

    @property
    def ecosystem_id(self) -> int:
        return self.direction.ecosystem_id


class Priority(OfStrategy):
    """A priority within a direction."""

    direction = models.ForeignKey(Direction, on_delete=models.CASCADE, related_name="priorities")
    title = Bilingual(models.TextField, verbose_name=_("priority"))
    rationale = Bilingual(models.TextField, blank=True, verbose_name=_("rationale"))

    class Meta:
        ordering: ClassVar = ["direction__order", "order", "id"]
        verbose_name_plural = "priorities"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["strategy", "code"], name="priority_code_once")
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return self.strategy.address("priority", self.code)

    @property
    def policies(self) -> list[Policy]:
        """The policies that this priority serves."""
        return [link.policy for link in self.policy_links.all()]


class TargetKind(models.TextChoices):
    QUANTITY = "quantity", _("a number to reach")
    MILESTONE = "milestone", _("a state to reach")
    UNSPECIFIED = "unspecified", _("to be specified")


class Desired(models.TextChoices):
    INCREASE = "increase", _("increase")
    DECREASE = "decrease", _("decrease")
    REACH = "reach", _("reach")
    KEEP = "keep", _("keep")


class Reckoning(models.TextChoices):
    """How progress is measured: growth rates for levels, a straight path for counts and zero baselines."""

    LEVEL = "level", _("level (growth rate)")
    COUNT = "count", _("count (straight path)")


class Target(OfStrategy):
    """What is to be reached by when: read from an indicator, by its code. Or *to be specified*, by whom and when.

    `indicator` is the code of an indicator that some room provides; empty: people report the value, under the
    series `target:<code>`. A target of amount may lack its number, as real strategies do: the linter says so.
    """

    priority = models.ForeignKey(
        Priority, null=True, blank=True, on_delete=models.CASCADE, related_name="targets"
    )
    title = Bilingual(models.TextField, verbose_name=_("target"))
    kind_of = models.CharField(_("kind"), max_length=12, choices=TargetKind, default=TargetKind.QUANTITY)
    indicator = models.CharField(_("indicator"), max_length=150, blank=True, default="")
    unit = Bilingual(models.CharField, max_length=80, blank=True, verbose_name=_("unit"))
    baseline = models.DecimalField(_("baseline"), max_digits=24, decimal_places=6, null=True, blank=True)
    baseline_period = models.CharField(_("baseline period"), max_length=21, blank=True, default="")
    goal = models.DecimalField(_("goal"), max_digits=24, decimal_places=6, null=True, blank=True)
    due = models.CharField(_("deadline"), max_length=21, blank=True, default="")
    desired = models.CharField(
        _("desired direction"), max_length=10, choices=Desired, default=Desired.INCREASE
    )
    reckoning = models.CharField(_("reckoned as"), max_length=10, choices=Reckoning, default=Reckoning.COUNT)
    specify_owner = models.ForeignKey(
        Organisation,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="targets_to_specify",
        verbose_name=_("who specifies it"),
    )
    specify_by = models.DateField(_("to be specified by"), null=True, blank=True)
    note = Bilingual(models.TextField, blank=True, verbose_name=_("note"))

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["strategy", "code"], name="target_code_once"),
            models.CheckConstraint(
                condition=Q(kind_of="quantity") | Q(goal=None), name="target_goal_is_of_a_quantity"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return self.strategy.address("target", self.code)

    @property
    def series(self) -> str:
        """The code its value is read by."""
        return self.indicator or f"target:{self.code}"

    @property
    def says_what(self) -> bool:
        """Whether anybody could tell when it is reached: a state to reach, or an amount with its number."""
        return self.kind_of == TargetKind.MILESTONE or self.goal is not None

    @property
    def policies(self) -> list[Policy]:
        """The policies that this target serves."""
        return [link.policy for link in self.policy_links.all()]


class Lever(OfStrategy):
    """A change that would raise the ecosystem's contribution to exports and research investment."""

    title = Bilingual(models.TextField, verbose_name=_("lever"))

    class Meta:
        ordering: ClassVar = ["order", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["strategy", "code"], name="lever_code_once")]

    def __str__(self) -> str:
        return self.title


class PolicyLink(Noun):
    """A version of the strategy, or one of its priorities or targets, serves a policy above it."""

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="policy_links")
    priority = models.ForeignKey(
        Priority, null=True, blank=True, on_delete=models.CASCADE, related_name="policy_links"
    )
    target = models.ForeignKey(
        Target, null=True, blank=True, on_delete=models.CASCADE, related_name="policy_links"
    )
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="links")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            # One for each place a link can come from: not every database counts two nulls as equal.
            models.UniqueConstraint(
                fields=["strategy", "policy"],
                condition=Q(priority=None, target=None),
                name="policy_link_once",
            ),
            models.UniqueConstraint(fields=["priority", "policy"], name="policy_link_of_priority_once"),
            models.UniqueConstraint(fields=["target", "policy"], name="policy_link_of_target_once"),
            models.CheckConstraint(
                condition=Q(priority=None) | Q(target=None), name="policy_link_from_one_place"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.target or self.priority or self.strategy} → {self.policy}"

    @property
    def ecosystem_id(self) -> int:
        return self.strategy.ecosystem_id


class Focus(Noun):
    """A version of the strategy focuses on a niche."""

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="focuses")
    niche = models.ForeignKey(Niche, on_delete=models.PROTECT, related_name="focuses")

    class Meta:
        ordering: ClassVar = ["niche__order", "id"]
        verbose_name_plural = "focuses"
        constraints: ClassVar = [models.UniqueConstraint(fields=["strategy", "niche"], name="focus_once")]

    def __str__(self) -> str:
        return str(self.niche)

    @property
    def ecosystem_id(self) -> int:
        return self.strategy.ecosystem_id
