"""The ledger against a plain model of it: whatever nodes do, and whatever the clock does, no quota is overspent."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talka_keys.ledger import REPEATABLE, SKEW, Denied, Kind, Ledger, Node
from talka_keys.tests.running import NOON, YEAR

pytestmark = pytest.mark.once

DAWN = datetime(2000, 1, 1, tzinfo=UTC)
NODES = {
    name: Node(name, name.encode().ljust(32), donors=10, per_day=per_day, per_epoch=per_epoch)
    for name, per_day, per_epoch in (("anna", 12, 30), ("bruno", 7, 100))
}

steps = st.lists(
    st.tuples(
        st.sampled_from(sorted(NODES)),
        st.integers(1, 2),  # epoch
        st.integers(1, 8),  # elements
        st.integers(0, 5),  # which batch: some are asked for again
        st.integers(0, 9),  # which nonce: some are replayed
        st.sampled_from(
            [0, 0, 1, 300, 301, -300, -301, 3600, 86400, -7200, 8 * 86400]
        ),  # the clock moves, seconds
        st.sampled_from([0, 0, 0, 299, 301, -300, -302]),  # the node's clock beside ours, seconds
    ),
    max_size=40,
)


@dataclass
class Model:
    """What may happen, said without a database."""

    latest: datetime = DAWN
    nonces: dict[tuple[str, str], datetime] = field(default_factory=dict)
    batches: dict[tuple[str, int, bytes], datetime] = field(default_factory=dict)
    by_day: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_epoch: Counter[tuple[str, int]] = field(default_factory=Counter)

    def admit(
        self,
        node: Node,
        epoch: int,
        count: int,
        digest: bytes,
        nonce: str,
        signed_at: datetime,
        now: datetime,
    ) -> str:
        if now + SKEW < self.latest:
            return "clock"
        now = self.latest = max(now, self.latest)
        if abs(signed_at - now) > SKEW:
            return "time"
        if (node.name, nonce) in self.nonces and self.nonces[node.name, nonce] >= now - SKEW:
            return "replay"
        self.nonces[node.name, nonce] = signed_at
        asked = self.batches.get((node.name, epoch, digest))
        if asked is not None and asked >= now - REPEATABLE:
            return "repeated"
        day = now.date().isoformat()
        if self.by_epoch[node.name, epoch] + count > node.per_epoch:
            return "quota-epoch"
        if self.by_day[node.name, day] + count > node.per_day:
            return "quota-day"
        self.batches[node.name, epoch, digest] = now
        self.by_epoch[node.name, epoch] += count
        self.by_day[node.name, day] += count
        return "evaluated"


@given(steps)
@settings(deadline=None)
def test_it_does_what_the_model_does(taken: list[tuple[str, int, int, int, int, int, int]]) -> None:
    model, now = Model(), NOON
    with tempfile.TemporaryDirectory() as folder, closing(Ledger(Path(folder))) as ledger:
        ledger._link.execute("pragma synchronous = off")  # no power is cut here
        ledger.begin(population=1000)
        for node in NODES.values():
            ledger.register(node, NOON)
        for name, epoch, count, batch, number, moves, off in taken:
            now += timedelta(seconds=moves)
            node, digest, nonce = NODES[name], bytes([batch, count]), str(number)
            signed_at = now + timedelta(seconds=off)
            expected = model.admit(node, epoch, count, digest, nonce, signed_at, now)
            try:
                admitted = ledger.admit(
                    node,
                    epoch,
                    count,
                    digest,
                    signed_at=signed_at,
                    nonce=nonce,
                    now=now,
                    next_epoch=NOON + YEAR,
                )
            except Denied as denied:
                assert denied.code == expected
            else:
                assert expected in ("evaluated", "repeated")  # which of them, what is left tells
                left = node.per_day - model.by_day[name, model.latest.date().isoformat()]
                assert admitted.left_today == left
                assert admitted.left_in_epoch == node.per_epoch - model.by_epoch[name, epoch]
                assert admitted.head == ledger.head()
        assert ledger.findings() == []
        charged: Counter[tuple[str, int]] = Counter()
        for row in ledger.journal(Kind.EVALUATED):
            charged[str(row.node), row.epoch or 0] += row.evaluations
        assert charged == +model.by_epoch
