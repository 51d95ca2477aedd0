"""Reads of the nodes: who they are, how they were last seen, what share of the donors is out of reach; the
hub's own key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from talka.biobanks.models import Batch, Biobank, DataNode, Figure, NodeState, Receipt, Role
from talka.biobanks.wire import signing
from talka.biobanks.wire.client import Place
from talka.core import chain
from talka.domains.models import Ecosystem

FEED = "hub"  # what nodes know the feed and its key by
CALLER = "hub"  # as whom the hub asks
STALE = timedelta(minutes=15)  # after which a node that was seen is no longer said to answer


def hub_key() -> Ed25519PrivateKey:
    """The hub's signing key, made on first use: TALKA_HOME/keys/hub.pem. Nodes are told its public half."""
    return chain.load_or_create_key(Path(settings.HOME) / "keys" / "hub.pem")


def hub_public_key() -> str:
    """64 hexadecimal digits."""
    return signing.public_hex(hub_key())


def nodes(ecosystem: Ecosystem) -> QuerySet[DataNode]:
    return DataNode.objects.filter(ecosystem=ecosystem).select_related("ecosystem", "holder")


def with_role(role: Role, ecosystem: Ecosystem | None = None) -> list[DataNode]:
    """The nodes in use that have a role, in order of code."""
    rows = DataNode.objects.filter(active=True).select_related("ecosystem").order_by("code")
    if ecosystem is not None:
        rows = rows.filter(ecosystem=ecosystem)
    return [row for row in rows if role in row.roles]


def place(node: DataNode) -> Place:
    return Place(node.code, node.address, CALLER)


@dataclass(frozen=True)
class Sight:
    """A node and how it stands now. `fresh`: it was asked lately, so what is said of it is of now."""

    node: DataNode
    fresh: bool
    agreed: dict[str, int]

    @property
    def state(self) -> str:
        """up only while that is known of now."""
        if self.node.state == NodeState.UP and not self.fresh:
            return NodeState.UNSEEN
        return str(self.node.state)

    @property
    def up(self) -> bool:
        return self.state == NodeState.UP


@dataclass(frozen=True)
class Reach:
    """The nodes in use, and how much of the country's donors they can tell of now."""

    sights: list[Sight]

    @property
    def up(self) -> int:
        return sum(each.up for each in self.sights)

    @property
    def out_of_reach(self) -> list[DataNode]:
        return [each.node for each in self.sights if not each.up]

    @property
    def missing_share(self) -> float | None:
        """The share of donors, as last told, whose nodes do not answer; None where a silent node never told any."""
        if any(node.donors is None for node in self.out_of_reach):
            return None
        whole = sum(each.node.donors or 0 for each in self.sights)
        return sum(node.donors or 0 for node in self.out_of_reach) / whole if whole else 0.0


def reach(ecosystem: Ecosystem, now: datetime | None = None) -> Reach:
    """How the nodes in use stand. One question."""
    at = now or timezone.now()
    return Reach([sight(node, at) for node in nodes(ecosystem).filter(active=True)])


def sight(node: DataNode, at: datetime) -> Sight:
    fresh = node.checked_at is not None and at - node.checked_at <= STALE
    return Sight(node, fresh, signing.agreed(node.speaks or {}))


def biobanks_at(node: DataNode) -> QuerySet[Biobank]:
    return Biobank.objects.filter(node=node).select_related("ecosystem")


def figures_of(node: DataNode) -> QuerySet[Figure]:
    """What a node told, newest first."""
    return Figure.objects.filter(node=node).select_related("collection__biobank__ecosystem", "node")


# ---------------------------------------------------------------- the feed


def feed_length() -> int:
    """The number of the last message that was packed."""
    last = Batch.objects.order_by("-number").values_list("number", flat=True).first()
    return last or 0


TAKEN = ("applied", "known")


def has_taken(node: DataNode) -> int:
    """The number of the last message of which the node has said that it obeys it."""
    last = (
        Receipt.objects.filter(node=node, status__in=TAKEN)
        .order_by("-batch__number")
        .values_list("batch__number", flat=True)
        .first()
    )
    return last or 0


def message(node: DataNode, number: int, before: str, events: str) -> str:
    """The text of a message for one node. It is the same each time: the node knows it again by its digest."""
    head = signing.plain({"feed": FEED, "node": node.log_name, "number": number, "before": before})
    return f'{head[:-1]},"events":{events}}}'


def chained(node: DataNode, numbers: range, before: str) -> list[tuple[Batch, str, str]]:
    """Messages with these numbers for a node: batch, text, digest. `before` is the digest of the one before."""
    found = []
    rows: dict[int, Any] = {
        row.number: row for row in Batch.objects.filter(number__gte=numbers.start, number__lt=numbers.stop)
    }
    for number in numbers:
        text = message(node, number, before, rows[number].events)
        before = signing.digest(text)
        found.append((rows[number], text, before))
    return found


def digest_at(node: DataNode, number: int) -> str:
    """The digest of message `number` as this node got it; "" for 0. Reckoned anew where no receipt names it."""
    if number == 0:
        return ""
    kept = (
        Receipt.objects.filter(node=node, batch__number=number, status__in=TAKEN)
        .values_list("digest", flat=True)
        .first()
    )
    if kept:
        return str(kept)
    near = (
        Receipt.objects.filter(node=node, batch__number__lt=number, status__in=TAKEN)
        .order_by("-batch__number")
        .values_list("batch__number", "digest")
        .first()
    )
    start, before = near or (0, "")
    return chained(node, range(start + 1, number + 1), before)[-1][2]
