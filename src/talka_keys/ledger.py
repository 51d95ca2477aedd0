"""Who may ask, who asked for how many, and the chain of hashes over it: all that is durable here but the key.

One SQLite file. A request is admitted in one transaction, synced to disk before anything is evaluated: whatever happens
afterwards, no answer leaves that was not charged and journalled. Of what was asked only a hash of the blinded elements
is kept, for a week, so that a batch whose answer got lost can be asked for again without being charged twice; blinded
elements are random, their hash tells nothing.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path

FILE = "ledger.db"
SKEW = timedelta(
    minutes=5
)  # how far a node's clock may be off; nonces are remembered for as long as they could pass
REPEATABLE = timedelta(days=7)  # how long a batch may be asked for again
NEAR = 0.9  # of a quota: time to tell the operator
FAR_ABOVE = 1.5  # times the donors that a node has: more codes than it can have use for
SHARE = 4  # no node may evaluate more than the population divided by this, in one epoch

_SCHEMA = """
create table if not exists settings (name text primary key, value text not null) strict, without rowid;
create table if not exists nodes (
    name text primary key, public_key blob not null, donors integer not null check (donors > 0),
    per_day integer not null check (per_day > 0), per_epoch integer not null check (per_epoch > 0),
    suspended integer not null default 0
) strict, without rowid;
create table if not exists spent (
    node text not null references nodes, epoch integer not null, day text not null, evaluated integer not null,
    primary key (node, epoch, day)
) strict, without rowid;
create table if not exists batches (
    node text not null, epoch integer not null, digest blob not null, at text not null,
    primary key (node, epoch, digest)
) strict, without rowid;
create table if not exists nonces (
    node text not null, nonce text not null, at text not null, primary key (node, nonce)
) strict, without rowid;
create index if not exists nonces_at on nonces (at);
create index if not exists batches_at on batches (at);
create table if not exists journal (
    sequence integer primary key, at text not null, kind text not null, node text, epoch integer,
    evaluations integer not null, note text not null, previous text not null, hash text not null
) strict;
create index if not exists journal_kind on journal (kind, at);
"""


class Kind(StrEnum):
    """What a row of the journal tells. Evaluations are counted in rows of kind `evaluated` alone."""

    EVALUATED = "evaluated"
    REPEATED = "repeated"  # the very same batch again: nothing charged
    DENIED = "denied"
    ALARM_RATE = "alarm: far more evaluations than donors"
    ALARM_QUOTA = "alarm: quota nearly spent"
    ALARM_REPLAY = "alarm: replayed request"
    ALARM_CLOCK = "alarm: clock went back"
    OPENED = "epoch opened"
    CLOSED = "epoch closed"
    REGISTERED = "node registered"
    SUSPENDED = "node suspended"
    CLOCK_ACCEPTED = "clock accepted"


ALARMS = (Kind.ALARM_RATE, Kind.ALARM_QUOTA, Kind.ALARM_REPLAY, Kind.ALARM_CLOCK)


class Denied(Exception):
    """A request is not answered. `come_back`: when it could be; None if time alone does not help."""

    def __init__(self, code: str, message: str, come_back: datetime | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.come_back = come_back


@dataclass(frozen=True, slots=True)
class Node:
    """`donors`: how many the node says it has; quotas are numbers of evaluations."""

    name: str
    public_key: bytes
    donors: int
    per_day: int
    per_epoch: int
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    sequence: int
    at: datetime
    kind: Kind
    node: str | None
    epoch: int | None
    evaluations: int
    note: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """`left_today`, `left_in_epoch`: evaluations. `head`: sequence and hash of the journal's last row."""

    left_today: int
    left_in_epoch: int
    head: tuple[int, str]


class Ledger:
    """The ledger of a folder; safe for threads, and for other processes beside it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.path.touch(mode=0o600)
        self._lock = threading.Lock()
        self._link = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30)
        self._link.execute("pragma journal_mode = wal")
        self._link.execute("pragma synchronous = full")  # each commit is on the disk before it returns
        self._link.executescript(_SCHEMA)

    def close(self) -> None:
        self._link.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._link.execute("begin immediate")
            try:
                yield self._link
            except BaseException:
                self._link.execute("rollback")
                raise
            self._link.execute("commit")

    # --- settings and nodes -----------------------------------------------------------------------------------

    def begin(self, population: int) -> None:
        """Notes how many people there are to be enumerated."""
        if population < 1:
            raise ValueError(f"the population is a number of people, at least 1, not {population}")
        with self._transaction() as link:
            link.execute("insert or ignore into settings values ('population', ?)", (str(population),))

    @property
    def population(self) -> int:
        with self._lock:
            return int(_setting(self._link, "population") or 0)

    def register(self, node: Node, now: datetime) -> None:
        """Lets a node ask, or changes what it may. ValueError where its quota would let it enumerate the population."""
        if not node.name or len(node.name) > 64 or not node.name.isascii() or not node.name.isprintable():
            raise ValueError(f"a node's name is 1 to 64 printable ASCII characters, not {node.name!r}")
        if len(node.public_key) != 32:
            raise ValueError(f"a node's public key is Ed25519's, 32 bytes, not {len(node.public_key)}")
        if min(node.donors, node.per_day, node.per_epoch) < 1:
            raise ValueError("donors and quotas are at least 1")
        most = self.population // SHARE
        if node.per_epoch > most:
            raise ValueError(
                f"{node.per_epoch} evaluations in an epoch are over a quarter of the population of {self.population}:"
                f" a node that may ask so many could find out who everybody is; give at most {most}"
            )
        with self._transaction() as link:
            twin = link.execute(
                "select name from nodes where public_key = ? and name != ?", (node.public_key, node.name)
            ).fetchone()
            if twin:  # two names would have two quotas
                raise ValueError(f"this public key is {twin[0]}'s; a node has a key of its own")
            link.execute(
                "insert into nodes values (?, ?, ?, ?, ?, 0) on conflict (name) do update set public_key ="
                " excluded.public_key, donors = excluded.donors, per_day = excluded.per_day, per_epoch ="
                " excluded.per_epoch, suspended = 0",
                (node.name, node.public_key, node.donors, node.per_day, node.per_epoch),
            )
            note = f"key {node.public_key.hex()}, {node.donors} donors, {node.per_day} a day, {node.per_epoch} an epoch"
            _append(link, now, Kind.REGISTERED, node.name, note=note)

    def suspend(self, name: str, now: datetime) -> None:
        """Lets a node ask no more; `register` lets it again."""
        with self._transaction() as link:
            if not link.execute("update nodes set suspended = 1 where name = ?", (name,)).rowcount:
                raise LookupError(
                    f"no node is registered as {name!r}; `talka-keys status` names those that are"
                )
            _append(link, now, Kind.SUSPENDED, name)

    def nodes(self) -> list[Node]:
        with self._lock:
            rows = self._link.execute("select * from nodes order by name").fetchall()
        return [_node(row) for row in rows]

    def node(self, name: str) -> Node | None:
        with self._lock:
            row = self._link.execute("select * from nodes where name = ?", (name,)).fetchone()
        return _node(row) if row else None

    # --- admitting a request ----------------------------------------------------------------------------------

    def admit(
        self,
        node: Node,
        epoch: int,
        count: int,
        digest: bytes,
        *,
        signed_at: datetime,
        nonce: str,
        now: datetime,
        next_epoch: datetime | None,
    ) -> Admitted:
        """Charges `count` evaluations, durably; Denied where that may not be. The signature was checked before.

        `digest` is the hash of the blinded elements, `next_epoch` when the next epoch is planned,
        None when it is open already.
        """
        denied: Denied | None = None
        with self._transaction() as link:
            try:
                now = _clock(link, now)
                _once(link, node, epoch, signed_at, nonce, now)
                return self._charge(link, node, epoch, count, digest, now, next_epoch)
            except Denied as error:  # what was denied is journalled, so the transaction stands
                denied = error
        raise denied

    def _charge(
        self,
        link: sqlite3.Connection,
        node: Node,
        epoch: int,
        count: int,
        digest: bytes,
        now: datetime,
        next_epoch: datetime | None,
    ) -> Admitted:
        # Suspended or given another quota since the caller looked: what holds is what stands here.
        row = link.execute("select * from nodes where name = ?", (node.name,)).fetchone()
        node = _node(row)
        if node.suspended:
            _append(link, now, Kind.DENIED, node.name, epoch, note=f"suspended, {count} asked")
            raise Denied("suspended", f"node {node.name} is suspended; ask the operator of the key server")
        today, in_epoch = _spent(link, node.name, epoch, now)
        link.execute("delete from batches where at < ?", (_text(now - REPEATABLE),))
        known = link.execute(
            "select 1 from batches where node = ? and epoch = ? and digest = ?", (node.name, epoch, digest)
        ).fetchone()
        if known:
            head = _append(link, now, Kind.REPEATED, node.name, epoch, note=f"{count} asked again")
            return Admitted(node.per_day - today, node.per_epoch - in_epoch, head)
        if in_epoch + count > node.per_epoch:
            _append(link, now, Kind.DENIED, node.name, epoch, note=f"quota of the epoch, {count} asked")
            planned = (
                f"the next epoch is planned for {_text(next_epoch)}" if next_epoch else "a newer one is open"
            )
            raise Denied(
                "quota-epoch",
                f"{count} evaluations were asked for, {max(0, node.per_epoch - in_epoch)} of {node.per_epoch} are left"
                f" in epoch {epoch}; {planned}, or ask the operator for more",
                max(next_epoch, now + timedelta(days=1)) if next_epoch else None,
            )
        if today + count > node.per_day:
            _append(link, now, Kind.DENIED, node.name, epoch, note=f"quota of the day, {count} asked")
            tomorrow = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
            raise Denied(
                "quota-day",
                f"{count} evaluations were asked for, {max(0, node.per_day - today)} of {node.per_day} are left today"
                + (
                    "; ask for smaller batches"
                    if count > node.per_day
                    else f"; come back at {_text(tomorrow)}"
                ),
                tomorrow,
            )
        link.execute("insert into batches values (?, ?, ?, ?)", (node.name, epoch, digest, _text(now)))
        link.execute(
            "insert into spent values (?, ?, ?, ?)"
            " on conflict do update set evaluated = evaluated + excluded.evaluated",
            (node.name, epoch, now.date().isoformat(), count),
        )
        head = _append(link, now, Kind.EVALUATED, node.name, epoch, count)
        today, in_epoch = today + count, in_epoch + count
        if in_epoch > FAR_ABOVE * node.donors:
            note = f"{in_epoch} evaluations in epoch {epoch} for {node.donors} donors"
            head = _alarm(link, now, Kind.ALARM_RATE, node.name, epoch, note) or head
        if today >= NEAR * node.per_day or in_epoch >= NEAR * node.per_epoch:
            note = f"{today} of {node.per_day} today, {in_epoch} of {node.per_epoch} in epoch {epoch}"
            head = _alarm(link, now, Kind.ALARM_QUOTA, node.name, epoch, note) or head
        return Admitted(node.per_day - today, node.per_epoch - in_epoch, head)

    def spent(self, node: str, epoch: int, now: datetime) -> tuple[int, int]:
        """Evaluations of a node: today (of all epochs), and in the epoch."""
        with self._lock:
            return _spent(self._link, node, epoch, now)

    def accept_clock(self, now: datetime) -> None:
        """Takes the clock as it is for right, after it was wrong: requests are admitted by it again."""
        with self._transaction() as link:
            link.execute("delete from settings where name = 'latest'")
            _append(link, now, Kind.CLOCK_ACCEPTED)

    # --- the journal ------------------------------------------------------------------------------------------

    def note_epoch(self, kind: Kind, number: int, public: bytes, now: datetime) -> None:
        """Journals an epoch's opening or closing, once."""
        with self._transaction() as link:
            said = link.execute(
                "select 1 from journal where kind = ? and epoch = ?", (kind, number)
            ).fetchone()
            if not said:
                _append(link, now, kind, epoch=number, note=f"public key {public.hex()}")

    def journal(self, *kinds: Kind) -> list[Row]:
        """All rows, or those of some kinds, in their order."""
        with self._lock:
            rows = self._link.execute("select * from journal order by sequence").fetchall()
        read = [Row(row[0], datetime.fromisoformat(row[1]), Kind(row[2]), *row[3:]) for row in rows]
        return [row for row in read if not kinds or row.kind in kinds]

    def head(self) -> tuple[int, str]:
        with self._lock:
            return _head(self._link)

    def findings(self, noted: tuple[int, str] | None = None) -> list[str]:
        """What does not hold, of the chain and of the counts beside it. `noted`: a head that a node was told once.

        Whoever can write the file can write a whole new chain; only a head kept elsewhere shows that.
        """
        found: list[str] = []
        previous, sums = "", dict[tuple[str, int, str], int]()
        with self._lock:
            rows = self._link.execute("select * from journal order by sequence").fetchall()
            counted = self._link.execute("select node, epoch, day, evaluated from spent").fetchall()
        for place, row in enumerate(rows, 1):
            if row[0] != place:
                found.append(f"journal: row {place} is missing; the next one is {row[0]}")
                break
            if row[7] != previous or row[8] != _hash(row[:8]):
                found.append(
                    f"journal: row {place} does not follow from the row before it; it was changed later"
                )
                break
            previous = row[8]
            if row[2] == Kind.EVALUATED:
                key = (row[3], row[4], row[1][:10])
                sums[key] = sums.get(key, 0) + row[5]
        if not found and sums != {(node, epoch, day): evaluated for node, epoch, day, evaluated in counted}:
            found.append("quotas: what nodes have spent differs from what the journal tells")
        if noted and noted not in {(row[0], row[8]) for row in rows}:
            found.append(
                f"journal: row {noted[0]} is not the one with hash {noted[1]}; rows were cut off or replaced"
            )
        return found


# --- inside a transaction -----------------------------------------------------------------------------------


def _text(when: datetime) -> str:
    """An instant, always with the same number of digits, so that texts sort as instants do."""
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def _node(row: tuple[str, bytes, int, int, int, int]) -> Node:
    name, public_key, donors, per_day, per_epoch, suspended = row
    return Node(name, public_key, donors, per_day, per_epoch, bool(suspended))


def _setting(link: sqlite3.Connection, name: str) -> str | None:
    row = link.execute("select value from settings where name = ?", (name,)).fetchone()
    return str(row[0]) if row else None


def _clock(link: sqlite3.Connection, now: datetime) -> datetime:
    """Time never goes back here, or a day's quota could be spent twice and a request replayed."""
    latest = datetime.fromisoformat(_setting(link, "latest") or _text(now))
    if now < latest - SKEW:
        note = f"it is {_text(now)} after it was {_text(latest)}"
        _alarm(link, now, Kind.ALARM_CLOCK, None, None, note)
        raise Denied(
            "clock",
            "the key server's clock went back, so nothing is evaluated; its operator must set it right,"
            " or say `talka-keys accept-clock`",
        )
    link.execute("insert or replace into settings values ('latest', ?)", (_text(max(now, latest)),))
    return max(now, latest)


def _once(
    link: sqlite3.Connection, node: Node, epoch: int, signed_at: datetime, nonce: str, now: datetime
) -> None:
    """Refuses what is old, and what was there before. A nonce is forgotten only once its time alone refuses it."""
    if abs(signed_at - now) > SKEW:
        _append(link, now, Kind.DENIED, node.name, epoch, note="signed at another time")
        raise Denied(
            "time",
            f"the request was signed at {_text(signed_at)} and here it is {_text(now)}; set your clock,"
            f" five minutes of difference are allowed",
        )
    link.execute("delete from nonces where at < ?", (_text(now - SKEW),))
    try:
        link.execute("insert into nonces values (?, ?, ?)", (node.name, nonce, _text(signed_at)))
    except sqlite3.IntegrityError:
        _append(link, now, Kind.DENIED, node.name, epoch, note="replayed")
        _alarm(link, now, Kind.ALARM_REPLAY, node.name, epoch, "a request came a second time")
        raise Denied(
            "replay", "this request was answered before; sign each request with a nonce of its own"
        ) from None


def _spent(link: sqlite3.Connection, node: str, epoch: int, now: datetime) -> tuple[int, int]:
    day = now.astimezone(UTC).date().isoformat()
    row = link.execute(
        "select coalesce(sum(evaluated) filter (where day = ?), 0),"
        " coalesce(sum(evaluated) filter (where epoch = ?), 0) from spent where node = ?",
        (day, epoch, node),
    ).fetchone()
    return row[0], row[1]


def _alarm(
    link: sqlite3.Connection, now: datetime, kind: Kind, node: str | None, epoch: int | None, note: str
) -> tuple[int, str] | None:
    """Journals an alarm, once a day for each node and kind; returns the new head."""
    day = _text(now)[:10]
    said = link.execute(
        "select 1 from journal where kind = ? and node is ? and at >= ? and substr(at, 1, 10) = ?",
        (kind, node, day, day),
    ).fetchone()
    return None if said else _append(link, now, kind, node, epoch, note=note)


def _head(link: sqlite3.Connection) -> tuple[int, str]:
    row = link.execute("select sequence, hash from journal order by sequence desc limit 1").fetchone()
    return (row[0], row[1]) if row else (0, "")


def _hash(row: tuple[object, ...]) -> str:
    text = json.dumps(list(row), ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(b"talka keys journal 1\n" + text.encode()).hexdigest()


def _append(
    link: sqlite3.Connection,
    now: datetime,
    kind: Kind,
    node: str | None = None,
    epoch: int | None = None,
    evaluations: int = 0,
    note: str = "",
) -> tuple[int, str]:
    sequence, previous = _head(link)
    row = (sequence + 1, _text(now), kind.value, node, epoch, evaluations, note, previous)
    link.execute("insert into journal values (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, _hash(row)))
    return sequence + 1, _hash(row)
