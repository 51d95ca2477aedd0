"""Rows drawn for tests, through the room's own verbs: Anna coordinates, Bruno reports, Cilda is a stranger."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from talka.core.actions import SYSTEM
from talka.core.models import Report
from talka.core.testing import acting
from talka.core.values import Period
from talka.domains.models import Domain, Ecosystem, Mission
from talka.governance.models import Body, Decision
from talka.network.tests.factories import account, ecosystem, niche, organisation
from talka.parties.models import Account, Organisation
from talka.strategy import actions
from talka.strategy.models import Direction, Obstacle, Priority, Strategy, Target

__all__ = ["account", "ecosystem", "niche", "organisation"]


@dataclass(frozen=True)
class People:
    """Anna coordinates the ecosystem, Bruno is an officer of an institution, Cilda only has an account."""

    anna: Account
    bruno: Account
    cilda: Account
    institution: Organisation


def people(eco: Ecosystem) -> People:
    institution = organisation("ministry", helix="public", kind_of="ministry")
    return People(
        account("Anna", "coordinator", eco),
        account("Bruno", "officer", eco, institution),
        account("Cilda"),
        institution,
    )


def version(eco: Ecosystem, **values: Any) -> Strategy:
    """An empty draft."""
    named: dict[str, Any] = {
        "title_lv": "Bišu stratēģija",
        "title_en": "Strategy of bees",
        "mission_lv": "Medus visiem.",
        "mission_en": "Honey for all.",
        "starts": 2023,
        "ends": 2027,
    }
    return actions.found(eco, by=SYSTEM, **{**named, **values})


def obstacle(strategy: Strategy, code: str, **values: Any) -> Obstacle:
    named: dict[str, Any] = {"title_lv": f"Šķērslis {code}", "title_en": f"Obstacle {code}"}
    return actions.add_obstacle(strategy, by=SYSTEM, code=code, **{**named, **values})


def direction(strategy: Strategy, code: str, **values: Any) -> Direction:
    named: dict[str, Any] = {"title_lv": f"Virziens {code}", "title_en": f"Direction {code}"}
    return actions.add_direction(strategy, by=SYSTEM, code=code, **{**named, **values})


def priority(under: Direction, code: str, **values: Any) -> Priority:
    named: dict[str, Any] = {"title_lv": f"Prioritāte {code}", "title_en": f"Priority {code}"}
    return actions.add_priority(under.strategy, by=SYSTEM, code=code, direction=under, **{**named, **values})


def target(strategy: Strategy, code: str, under: Priority | None = None, **values: Any) -> Target:
    """A target that leaves nothing to be desired: 0 hives in 2022, 10 by the end of 2027."""
    named: dict[str, Any] = {
        "title_lv": f"Mērķis {code}",
        "title_en": f"Target {code}",
        "kind_of": "quantity",
        "unit_lv": "stropi",
        "unit_en": "hives",
        "baseline": Decimal(0),
        "baseline_period": "2022",
        "goal": Decimal(10),
        "due": "2027",
    }
    return actions.add_target(strategy, by=SYSTEM, code=code, priority=under, **{**named, **values})


def small(eco: Ecosystem, targets: int = 1) -> Strategy:
    """A draft with one of everything, and as many targets as asked."""
    strategy = version(eco)
    bears = obstacle(strategy, "bears")
    fence = direction(strategy, "fence", obstacles=[bears])
    posts = priority(fence, "posts")
    for number in range(targets):
        target(strategy, f"posts-{number}", posts)
    actions.add_lever(strategy, by=SYSTEM, code="flowers", title_lv="Ziedi", title_en="Flowers")
    return strategy


def in_force(strategy: Strategy) -> Strategy:
    return actions.adopt(strategy, by=SYSTEM)


def decision(eco: Ecosystem, state: str = "adopted", **values: Any) -> Decision:
    """A decision of the ecosystem's council, taken unless `state` says otherwise."""
    with acting():
        body, _made = Body.objects.get_or_create(
            ecosystem=eco,
            code="council",
            defaults={"title_lv": "Padome", "title_en": "Council", "kind_of": "council"},
        )
        count = body.decisions.count() + 1
        made = Decision(
            body=body,
            title_lv=f"Par stratēģiju, {count}. jautājums",
            title_en=f"On the strategy, item {count}",
            state=state,
            number=f"2023-{count}" if state == "adopted" else "",
            decided_on=None if state == "draft" else "2023-03-01",
            **values,
        )
        made.save()
    return made


def value(on: Target, year: int, amount: Decimal | int, *, accepted: bool = True, **options: Any) -> Report:
    """A value reported for a year, and accepted."""
    report = actions.report_value(
        on, by=SYSTEM, period=Period.year(year), value=Decimal(amount), text="Saskaitīts.", **options
    )
    return actions.accept_value(report, by=SYSTEM) if accepted else report


def shared(eco: Ecosystem) -> tuple[Domain, Mission]:
    """A second domain and a mission, for shares."""
    with acting():
        domain = Domain(code="flowers", title_lv="Ziedi", title_en="Flowers")
        domain.save()
        mission = Mission(code="sea", title_lv="Jūra", title_en="Sea")
        mission.save()
    return domain, mission
