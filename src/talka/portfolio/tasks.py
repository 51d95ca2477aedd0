"""What this room does after others: projects follow the strategy to its new version."""

from __future__ import annotations

from talka.core.actions import SYSTEM
from talka.core.models import Event
from talka.core.outbox import on
from talka.portfolio import actions
from talka.strategy.models import Strategy, StrategyState


@on("strategy.adopt")
def follow_strategy(event: Event) -> None:
    """Links projects to the same priorities of the version that is in force now."""
    strategy = Strategy.objects.filter(pk=event.subject_id, state=StrategyState.ADOPTED).first()
    if strategy is not None:
        actions.follow_strategy(strategy, by=SYSTEM)
