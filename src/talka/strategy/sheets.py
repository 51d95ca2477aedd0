"""The room's rows as tables, in and out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext_lazy as _

from talka.core.sheets import BadCell, Choice, Column, Day, Number, Ref, Refs, Sheet, When, Whole, bilingual
from talka.domains import queries as domains
from talka.domains.models import Domain, Ecosystem, Mission, Policy
from talka.governance.queries import decidable
from talka.network.models import Niche
from talka.parties.models import Organisation
from talka.strategy import actions, queries
from talka.strategy.models import (
    Desired,
    Direction,
    Focus,
    Lever,
    Obstacle,
    Priority,
    Reckoning,
    Strategy,
    StrategyState,
    Target,
    TargetKind,
)

CODE = Column("code", _("Code"), required=True, max_length=60)
ORDER = Whole("order", _("Order"))
SOURCE = Column("source", _("Source"), max_length=500)


# ---------------------------------------------------------------- what cells may name


def the_ecosystem(parent: Ecosystem) -> dict[str, Ecosystem]:
    """The ecosystem whose versions these are: a file of another one is refused."""
    return {parent.code: parent}


def policies(parent: Any) -> dict[str, Policy]:
    return {policy.code: policy for policy in domains.policies()}


def organisations(parent: Any) -> dict[str, Organisation]:
    """Organisations by code, acronym and name in either language; of namesakes the first."""
    known: dict[str, Organisation] = {}
    for row in Organisation.objects.filter(merged_into=None):
        for spelling in (row.code, row.acronym, row.name_lv, row.name_en):
            if spelling:
                known.setdefault(spelling, row)
                known.setdefault(spelling.casefold(), row)
    return known


def obstacles(parent: Strategy) -> dict[str, Obstacle]:
    return _by_code(parent.obstacle_set.all())


def directions(parent: Strategy) -> dict[str, Direction]:
    return _by_code(parent.direction_set.all())


def priorities(parent: Strategy) -> dict[str, Priority]:
    return _by_code(parent.priority_set.all())


def niches(parent: Strategy) -> dict[str, Niche]:
    return _by_code(Niche.objects.filter(ecosystem_id=parent.ecosystem_id))


def served(parent: Any) -> dict[str, Domain | Mission]:
    """What a share can go to: the RIS3 domains and the cross-cutting missions."""
    return _by_code([*domains.domains(), *domains.missions()])


def _by_code(rows: Iterable[Any]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for row in rows:
        known.setdefault(row.code, row)
        known.setdefault(row.code.casefold(), row)
    return known


@dataclass(frozen=True)
class Shares(Ref):
    """How much of the row serves which domain or mission, one a line: “biomedicine: 0.7”. They sum to 1."""

    def empty(self) -> Any:
        return {}

    def take(self, raw: Any, context: Any) -> Any:
        if isinstance(raw, Mapping):
            raw = "\n".join(f"{code}: {weight}" for code, weight in raw.items())
        return super().take(raw, context)

    def parse(self, text: str, context: Any) -> Any:
        shares: dict[Any, Decimal] = {}
        for line in text.splitlines():
            code, _colon, weight = line.partition(":")
            try:
                shares[self.find(code.strip(), context)] = Decimal(weight.strip().replace(",", "."))
            except InvalidOperation:
                raise BadCell(
                    _("“%(line)s” is not a share; write for example biomedicine: 0.7") % {"line": line[:60]}
                ) from None
        if any(weight <= 0 or weight != round(weight, 6) for weight in shares.values()):
            raise BadCell(_("a share is above 0 and has at most six decimals"))
        if (total := sum(shares.values(), Decimal(0))) != 1:
            raise BadCell(_("the shares sum to %(total)s; they must sum to 1") % {"total": total})
        return shares

    def read(self, row: Any) -> Any:
        return {share.domain or share.mission: share.weight for share in row.shares}

    def show(self, value: Any) -> str:
        lines = (f"{thing.code}: {weight.normalize():f}" for thing, weight in value.items())
        return "\n".join(sorted(lines))


POLICIES = Refs("policies", _("Policies served"), among=policies)
SHARES = Shares("shares", _("Shares"), among=served)


# ---------------------------------------------------------------- sheets


class Versions(Sheet):
    code, label, model = "strategy.versions", _("Versions of the strategy"), Strategy
    over = "domains.ecosystem"
    key = ("number",)
    columns = (
        Ref("strategy", _("Ecosystem"), among=the_ecosystem, attribute_of="ecosystem"),
        Whole("number", _("Version"), required=True),
        *bilingual("title", _("Title"), required=True, max_length=500),
        *bilingual("mission", _("Mission"), max_length=20000),
        Column("mission_official_lv", _("Mission, official text"), max_length=20000),
        Whole("starts", _("First year"), required=True),
        Whole("ends", _("Last year"), required=True),
        POLICIES,
        SOURCE,
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.with_policies(
            Strategy.objects.filter(ecosystem=parent).select_related("ecosystem")
        ).order_by("number")

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Strategy:
        return actions.found(parent, by=by, **_without(values, "strategy"))

    def change(self, row: Strategy, values: dict[str, Any], *, by: Any) -> Strategy:
        return actions.edit_version(row, by=by, **_without(values, "strategy", "number"))


class Obstacles(Sheet):
    code, label, model = "strategy.obstacles", _("Obstacles"), Obstacle
    over = "strategy.strategy"
    columns = (CODE, ORDER, *bilingual("title", _("Obstacle"), required=True, max_length=5000), SOURCE)

    def rows(self, parent: Strategy) -> Any:
        return parent.obstacle_set.all()

    def add(self, parent: Strategy, values: dict[str, Any], *, by: Any) -> Obstacle:
        return actions.add_obstacle(parent, by=by, **values)

    def change(self, row: Obstacle, values: dict[str, Any], *, by: Any) -> Obstacle:
        return actions.edit_obstacle(row, by=by, **values)


class Directions(Sheet):
    code, label, model = "strategy.directions", _("Directions of action"), Direction
    over = "strategy.strategy"
    columns = (
        CODE,
        ORDER,
        *bilingual("title", _("Direction"), required=True, max_length=300),
        *bilingual("summary", _("Summary"), max_length=10000),
        Refs("obstacles", _("Obstacles answered"), among=obstacles),
        SOURCE,
    )

    def rows(self, parent: Strategy) -> Any:
        return parent.direction_set.prefetch_related("overcomes__obstacle")

    def add(self, parent: Strategy, values: dict[str, Any], *, by: Any) -> Direction:
        return actions.add_direction(parent, by=by, **values)

    def change(self, row: Direction, values: dict[str, Any], *, by: Any) -> Direction:
        return actions.edit_direction(row, by=by, **values)


class Priorities(Sheet):
    code, label, model = "strategy.priorities", _("Priorities"), Priority
    over = "strategy.strategy"
    columns = (
        CODE,
        Ref("direction", _("Direction"), required=True, among=directions),
        ORDER,
        *bilingual("title", _("Priority"), required=True, max_length=5000),
        *bilingual("rationale", _("Rationale"), max_length=20000),
        POLICIES,
        SHARES,
        SOURCE,
    )

    def rows(self, parent: Strategy) -> Any:
        return queries.with_shares(queries.with_policies(parent.priority_set.select_related("direction")))

    def add(self, parent: Strategy, values: dict[str, Any], *, by: Any) -> Priority:
        return actions.add_priority(parent, by=by, **values)

    def change(self, row: Priority, values: dict[str, Any], *, by: Any) -> Priority:
        return actions.edit_priority(row, by=by, **values)


class Targets(Sheet):
    code, label, model = "strategy.targets", _("Targets"), Target
    over = "strategy.strategy"
    columns = (
        CODE,
        Ref("priority", _("Priority"), among=priorities, help=_("Empty: a target of the whole ecosystem.")),
        ORDER,
        *bilingual("title", _("Target"), required=True, max_length=5000),
        Choice("kind_of", _("Kind"), required=True, choices=TargetKind),
        Column("indicator", _("Indicator"), max_length=150),
        *bilingual("unit", _("Unit"), max_length=80),
        Number("baseline", _("Baseline")),
        When("baseline_period", _("Baseline period")),
        Number("goal", _("Goal")),
        When("due", _("Deadline")),
        Choice("desired", _("Desired direction"), required=True, choices=Desired),
        Choice("reckoning", _("Reckoned as"), choices=Reckoning),
        Ref("specify_owner", _("Who specifies it"), among=organisations),
        Day("specify_by", _("To be specified by")),
        *bilingual("note", _("Note"), max_length=10000),
        POLICIES,
        SHARES,
        SOURCE,
    )

    def rows(self, parent: Strategy) -> Any:
        return queries.with_shares(
            queries.with_policies(parent.target_set.select_related("priority", "specify_owner"))
        )

    def add(self, parent: Strategy, values: dict[str, Any], *, by: Any) -> Target:
        return actions.add_target(parent, by=by, **_chosen(values))

    def change(self, row: Target, values: dict[str, Any], *, by: Any) -> Target:
        return actions.edit_target(row, by=by, **_chosen(values))


class Levers(Sheet):
    code, label, model = "strategy.levers", _("Levers"), Lever
    over = "strategy.strategy"
    columns = (CODE, ORDER, *bilingual("title", _("Lever"), required=True, max_length=5000), SOURCE)

    def rows(self, parent: Strategy) -> Any:
        return parent.lever_set.all()

    def add(self, parent: Strategy, values: dict[str, Any], *, by: Any) -> Lever:
        return actions.add_lever(parent, by=by, **values)

    def change(self, row: Lever, values: dict[str, Any], *, by: Any) -> Lever:
        return actions.edit_lever(row, by=by, **values)


class Focuses(Sheet):
    code, label, model = "strategy.focuses", _("Niches in focus"), Focus
    over = "strategy.strategy"
    key = ("niche",)
    columns = (Ref("niche", _("Niche"), required=True, among=niches),)

    def rows(self, parent: Strategy) -> Any:
        return parent.focuses.select_related("niche")

    def add(self, parent: Strategy, values: dict[str, Any], *, by: Any) -> Focus:
        now = [focus.niche for focus in self.rows(parent)]
        actions.set_focuses(parent, by=by, niches=[*now, values["niche"]])
        return parent.focuses.get(niche=values["niche"])

    def change(self, row: Focus, values: dict[str, Any], *, by: Any) -> Focus:
        return row  # a focus is its niche and has nothing else to change


def _without(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _chosen(values: Mapping[str, Any]) -> dict[str, Any]:
    """An empty cell of a choice leaves the default."""
    return {name: value for name, value in values.items() if not (name == "reckoning" and not value)}


# ---------------------------------------------------------------- what a decision may do with a version


def _numbered(ecosystem: Ecosystem, text: str) -> Strategy | None:
    return Strategy.objects.filter(ecosystem=ecosystem, number=text).first() if text.isdecimal() else None


def _drafts(ecosystem: Ecosystem) -> Iterable[Strategy]:
    return Strategy.objects.filter(ecosystem=ecosystem, state=StrategyState.DRAFT).select_related("ecosystem")


decidable(
    Strategy,
    find=_numbered,
    key=lambda strategy: str(strategy.number),
    verbs={"strategy.adopt": _("Adopt the version of the strategy")},
    waiting=_drafts,
)
