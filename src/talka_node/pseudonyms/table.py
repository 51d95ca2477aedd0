"""The node's own table: donor ↔ network pseudonym by epoch, changes of codes, projects. One SQLite file, mode 0600.

A network pseudonym is the first 32 bytes of the oblivious PRF's output for the donor's code. Nothing here, together
with all that the node keeps, lets anybody try codes: that takes the key server, one quota at a time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

PSEUDONYM_BYTES = 32
PROJECT_KEY_BYTES = 32

_SCHEMA = """
create table if not exists epochs (
    epoch integer primary key, public_key blob not null,
    feed integer, feed_head blob, feed_day text  -- how far the register's change feed was applied
) strict;
create table if not exists pseudonyms (
    epoch integer not null references epochs, donor integer not null check (donor >= 0), pseudonym blob not null,
    primary key (epoch, donor)
) strict, without rowid;
create index if not exists pseudonyms_back on pseudonyms (epoch, pseudonym);
create table if not exists changes (
    epoch integer not null references epochs, sequence integer not null, old blob not null, new blob not null,
    primary key (epoch, old)
) strict, without rowid;
create index if not exists changes_back on changes (epoch, new);
create table if not exists projects (
    project text primary key, epoch integer not null references epochs, feed integer not null, key blob not null
) strict, without rowid;
create table if not exists ids (digest blob primary key, donor integer not null) strict, without rowid;
create index if not exists ids_back on ids (donor);
create table if not exists same (donor integer primary key, of integer not null) strict;
create table if not exists kept (name text primary key, value any not null) strict, without rowid;
create table if not exists heads (
    sequence integer not null, hash text not null, primary key (sequence, hash)
) strict, without rowid;
"""


def id_digest(key: bytes, source: str, text: str) -> bytes:
    """What is kept of a person's id at a source; no personal code may stand in it any more."""
    told = "\0".join((source, text)).encode("utf-8", "surrogatepass")
    return hmac.digest(key, told, hashlib.sha256)[:16]


class KeyChanged(ValueError):
    """The key server announces another key for an epoch than before: pseudonyms of both would not compare."""


class Contradiction(ValueError):
    """A change of codes that cannot be true beside those already known."""


@dataclass(frozen=True, slots=True)
class Feed:
    """How far the register's change feed was applied: its last message's number, hash and day."""

    sequence: int
    head: bytes
    day: date


@dataclass(frozen=True, slots=True)
class Persons:
    """Donors with a pseudonym, ascending, and beside each the number of the person: the first 8 bytes of the pseudonym
    of the newest code that the feed tells of. Two donors with the same number are one person."""

    epoch: int
    public_key: bytes
    feed: Feed | None
    donors: npt.NDArray[np.int32]
    numbers: npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Numbering:
    """Which numbers donors have: `ids` by keyed hashes of their ids at sources, `same` those that are another's."""

    key: bytes
    next: int
    ids: dict[bytes, int]
    same: dict[int, int]


class Table:
    """The table in a file, made when it is not there. Safe for threads, and for other processes beside it."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._lock = threading.Lock()
        self._link = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._link.execute("pragma journal_mode = wal")
        self._link.execute("pragma synchronous = full")
        self._link.execute("pragma secure_delete = on")  # what is forgotten is overwritten with zeros
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

    # --- epochs and pseudonyms --------------------------------------------------------------------------------

    def begin(self, epoch: int, public_key: bytes) -> None:
        """Pins the epoch's public key at its first use; KeyChanged where it is another now."""
        with self._transaction() as link:
            link.execute(
                "insert or ignore into epochs (epoch, public_key) values (?, ?)", (epoch, public_key)
            )
            [pinned] = link.execute("select public_key from epochs where epoch = ?", (epoch,)).fetchone()
            if pinned != public_key:
                raise KeyChanged(
                    f"the key server announces the key {public_key.hex()} for epoch {epoch}, before it was"
                    f" {pinned.hex()}; ask its operator, and forget the epoch only if the old key is lost"
                )

    def epochs(self) -> list[int]:
        with self._lock:
            return [row[0] for row in self._link.execute("select epoch from epochs order by epoch")]

    def forget_epoch(self, epoch: int) -> None:
        """Removes an epoch with its pseudonyms and projects: once nodes have changed over, or its key was lost."""
        with self._transaction() as link:
            for table in ("pseudonyms", "changes", "projects", "epochs"):
                link.execute(f"delete from {table} where epoch = ?", (epoch,))

    def add(self, epoch: int, pseudonyms: Iterable[tuple[int, bytes]]) -> None:
        """Keeps (donor, pseudonym) pairs, all or none, on disk when it returns; a donor's earlier one is replaced."""
        rows = [(epoch, donor, pseudonym) for donor, pseudonym in pseudonyms]
        for _, donor, pseudonym in rows:
            if len(pseudonym) != PSEUDONYM_BYTES:
                raise ValueError(
                    f"donor {donor}: a pseudonym has {PSEUDONYM_BYTES} bytes, not {len(pseudonym)}"
                )
        with self._transaction() as link:
            link.executemany("insert or replace into pseudonyms values (?, ?, ?)", rows)

    def donors(self, epoch: int) -> set[int]:
        """Who has a pseudonym in the epoch."""
        with self._lock:
            return {
                row[0] for row in self._link.execute("select donor from pseudonyms where epoch = ?", (epoch,))
            }

    def pseudonym(self, epoch: int, donor: int) -> bytes | None:
        with self._lock:
            row = self._link.execute(
                "select pseudonym from pseudonyms where epoch = ? and donor = ?", (epoch, donor)
            ).fetchone()
        return bytes(row[0]) if row else None

    def donors_of(self, epoch: int, pseudonym: bytes) -> list[int]:
        """Donors with this very pseudonym; more than one where the same code came under two numbers."""
        with self._lock:
            rows = self._link.execute(
                "select donor from pseudonyms where epoch = ? and pseudonym = ? order by donor",
                (epoch, pseudonym),
            ).fetchall()
        return [row[0] for row in rows]

    def forget(self, donors: Iterable[int]) -> None:
        """Removes donors from every epoch, with the ids that led to them, and overwrites what stood there."""
        gone = [(donor,) for donor in donors]
        with self._transaction() as link:
            for table in ("pseudonyms", "ids", "same"):
                link.executemany(f"delete from {table} where donor = ?", gone)
        with self._lock:  # what stood there is in the log of changes, too
            self._link.execute("pragma wal_checkpoint(truncate)").fetchall()

    def find(self, source: str, text: str) -> int | None:
        """The number of the person with this id, in which no personal code stands; None where it is not known."""
        with self._lock:
            key = self._link.execute("select value from kept where name = 'id key'").fetchone()
            row = (
                key
                and self._link.execute(
                    "select donor from ids where digest = ?", (id_digest(key[0], source, text),)
                ).fetchone()
            )
            if not row:
                return None
            number: int = row[0]
            while row := self._link.execute("select of from same where donor = ?", (number,)).fetchone():
                [number] = row
        return number

    def verify(self) -> list[str]:
        """What is wrong with the file, a sentence each."""
        with self._lock:
            told = [row[0] for row in self._link.execute("pragma integrity_check")]
        found = (
            [] if told == ["ok"] else [f"keys/identity.db: {each}; restore it from a backup" for each in told]
        )
        return found + [
            f"the key server told two hashes of row {row} of its journal: it was changed, or restored from a backup;"
            " ask its operator"
            for row in self.rewritten()
        ]

    # --- numbers of donors ------------------------------------------------------------------------------------

    def numbering(self) -> Numbering:
        """The donors' numbers as they were given out."""
        with self._transaction() as link:
            link.execute("insert or ignore into kept values ('id key', ?)", (secrets.token_bytes(32),))
            link.execute("insert or ignore into kept values ('next', 0)")
            kept = dict(link.execute("select name, value from kept"))
            ids = dict(link.execute("select digest, donor from ids"))
            same = dict(link.execute("select donor, of from same"))
        return Numbering(kept["id key"], kept["next"], ids, same)

    def pseudonyms(self, epoch: int) -> dict[int, bytes]:
        """Donor → pseudonym, of all who have one, in the order of their numbers."""
        with self._lock:
            return dict(
                self._link.execute(
                    "select donor, pseudonym from pseudonyms where epoch = ? order by donor", (epoch,)
                )
            )

    def newest(self, epoch: int) -> dict[bytes, bytes]:
        """Pseudonyms of codes that were changed → that of the newest code."""
        with self._lock:
            return _newest(self._changes(epoch))

    def number(
        self,
        epoch: int,
        *,
        ids: dict[bytes, int],
        same: dict[int, int],
        pseudonyms: dict[int, bytes],
        began: int,
        ends: int,
    ) -> None:
        """Keeps what a resolver gave out: numbers from `began` to below `ends`. All or nothing."""
        with self._transaction() as link:
            moved = link.execute(
                "update kept set value = ? where name = 'next' and value = ?", (ends, began)
            ).rowcount
            if not moved:
                raise Contradiction("another import gave out donors' numbers meanwhile; start this one anew")
            link.executemany("insert or replace into ids values (?, ?)", ids.items())
            link.executemany("insert or replace into same values (?, ?)", same.items())
            link.executemany(
                "insert or replace into pseudonyms values (?, ?, ?)",
                [(epoch, donor, pseudonym) for donor, pseudonym in pseudonyms.items()],
            )

    # --- persons ----------------------------------------------------------------------------------------------

    def persons(self, epoch: int) -> Persons:
        """Whom the epoch's donors are, as far as the feed tells. LookupError for an epoch that was never begun."""
        with self._lock:
            public_key, feed = self._epoch(epoch)
            rows = self._link.execute(
                "select donor, pseudonym from pseudonyms where epoch = ? order by donor", (epoch,)
            ).fetchall()
            newest = _newest(self._changes(epoch))
        donors = np.fromiter((row[0] for row in rows), np.int32, len(rows))
        heads = b"".join(newest.get(pseudonym, pseudonym)[:8] for _, pseudonym in rows)
        numbers = np.frombuffer(heads, ">u8").astype(np.uint64)
        return Persons(epoch, public_key, feed, donors, numbers)

    def joined(self, epoch: int) -> list[tuple[int, ...]]:
        """Donors who are one person, each group ascending: the same code twice, or an old and a new one."""
        with self._lock:
            self._epoch(epoch)
            rows = self._link.execute(
                "select donor, pseudonym from pseudonyms where epoch = ? order by donor", (epoch,)
            ).fetchall()
            newest = _newest(self._changes(epoch))
        groups: dict[bytes, list[int]] = {}
        for donor, pseudonym in rows:
            groups.setdefault(newest.get(pseudonym, pseudonym), []).append(donor)
        return [tuple(group) for group in groups.values() if len(group) > 1]

    def donors_of_person(self, epoch: int, pseudonym: bytes) -> list[int]:
        """All donors who are the person with this pseudonym, be it of an old code or of a new one: a withdrawal that
        names the person by it is about each of them."""
        with self._lock:
            self._epoch(epoch)
            # Step by step, not by reading all changes: this stands between a withdrawal and its receipt.
            while row := self._step("select new from changes where epoch = ? and old = ?", epoch, pseudonym):
                [pseudonym] = row
            donors, names = [], [pseudonym]
            while names:
                name = names.pop()
                donors += self._step(
                    "select donor from pseudonyms where epoch = ? and pseudonym = ?", epoch, name
                )
                names += self._step("select old from changes where epoch = ? and new = ?", epoch, name)
        return sorted(donors)

    def donor_of(self, epoch: int, pseudonym: bytes) -> int | None:
        """The number under which the person's rows are read, once all numbers that are theirs are taken together."""
        donors = self.donors_of_person(epoch, pseudonym)
        if not donors:
            return None
        number: int = donors[0]
        with self._lock:
            while row := self._link.execute("select of from same where donor = ?", (number,)).fetchone():
                [number] = row
        return number

    def _step(self, query: str, epoch: int, pseudonym: bytes) -> list[Any]:
        return [row[0] for row in self._link.execute(query, (epoch, pseudonym))]

    def _epoch(self, epoch: int) -> tuple[bytes, Feed | None]:
        row = self._link.execute(
            "select public_key, feed, feed_head, feed_day from epochs where epoch = ?", (epoch,)
        ).fetchone()
        if row is None:
            known = [each[0] for each in self._link.execute("select epoch from epochs order by epoch")]
            raise LookupError(f"epoch {epoch} was never begun here; there are {known or 'none'}")
        return row[0], None if row[1] is None else Feed(row[1], row[2], date.fromisoformat(row[3]))

    # --- changes of codes -------------------------------------------------------------------------------------

    def feed(self, epoch: int) -> Feed | None:
        """How far the register's change feed was applied in the epoch; None: not at all."""
        with self._lock:
            return self._epoch(epoch)[1]

    def change(self, epoch: int, changes: Sequence[tuple[int, bytes, bytes]], feed: Feed) -> None:
        """Keeps (message's number, old pseudonym, new one), all or none, and how far the feed is applied with them.
        Contradiction where a code would have two successors, or would come after itself."""
        with self._transaction() as link:
            known = {old: new for _, old, new in self._changes(epoch)}
            for sequence, old, new in changes:
                if known.setdefault(old, new) != new:
                    raise Contradiction(
                        f"message {sequence}: its old code was changed into another one before"
                    )
                reached = new
                while reached in known and reached != old:
                    reached = known[reached]
                if reached == old:
                    raise Contradiction(
                        f"message {sequence}: its new code was changed into its old one before"
                    )
            link.executemany(
                "insert or ignore into changes values (?, ?, ?, ?)",
                [(epoch, sequence, old, new) for sequence, old, new in changes],
            )
            link.execute(
                "update epochs set feed = ?, feed_head = ?, feed_day = ? where epoch = ?",
                (feed.sequence, feed.head, feed.day.isoformat(), epoch),
            )

    def _changes(self, epoch: int, through: int | None = None) -> list[tuple[int, bytes, bytes]]:
        """In the order of the feed; `through`: up to that message."""
        return self._link.execute(
            "select sequence, old, new from changes where epoch = ? and sequence <= coalesce(?, sequence)"
            " order by sequence",
            (epoch, through),
        ).fetchall()

    # --- projects ---------------------------------------------------------------------------------------------

    def begin_project(self, project: str, epoch: int, key: bytes | None = None) -> bytes:
        """Gives a project its key (drawn, unless the permit brings one that several nodes share) and returns it.

        A project stays in its epoch, and with the changes of codes known now, so that its pseudonyms never change.
        """
        key = secrets.token_bytes(PROJECT_KEY_BYTES) if key is None else key
        if len(key) != PROJECT_KEY_BYTES:
            raise ValueError(f"a project's key has {PROJECT_KEY_BYTES} bytes, not {len(key)}")
        with self._transaction() as link:
            _, feed = self._epoch(epoch)
            if link.execute("select 1 from projects where project = ?", (project,)).fetchone():
                raise ValueError(
                    f"project {project!r} has its key already; end it first, or choose another name"
                )
            through = feed.sequence if feed else 0
            link.execute("insert into projects values (?, ?, ?, ?)", (project, epoch, through, key))
        return key

    def end_project(self, project: str) -> None:
        """Destroys a project's key: from then on nobody can tell whose its pseudonyms were."""
        with self._transaction() as link:
            if not link.execute("delete from projects where project = ?", (project,)).rowcount:
                raise LookupError(f"there is no project {project!r}")

    def project_pseudonyms(self, project: str, donors: Iterable[int]) -> dict[int, str]:
        """What each of these donors is called in the project, 32 hexadecimal digits; who has no pseudonym is left out.

        HMAC-SHA-256 by the project's key: two projects' names of one donor cannot be brought together without both
        keys, nor can a project's name and the network pseudonym without its own.
        """
        with self._lock:
            row = self._link.execute(
                "select epoch, feed, key from projects where project = ?", (project,)
            ).fetchone()
            if row is None:
                raise LookupError(f"there is no project {project!r}; begin it first")
            epoch, through, key = row
            known = dict(
                self._link.execute("select donor, pseudonym from pseudonyms where epoch = ?", (epoch,))
            )
            newest = _newest(self._changes(epoch, through))
        return {
            donor: _project_pseudonym(key, newest.get(known[donor], known[donor]))
            for donor in donors
            if donor in known
        }

    # --- heads of the key server's journal --------------------------------------------------------------------

    def note_head(self, sequence: int, digest: str) -> None:
        """Notes what the key server said its journal's last row was; its operator can be asked about it any time."""
        with self._transaction() as link:
            link.execute("insert or ignore into heads values (?, ?)", (sequence, digest))

    def heads(self) -> list[tuple[int, str]]:
        with self._lock:
            return self._link.execute("select sequence, hash from heads order by sequence").fetchall()

    def rewritten(self) -> list[int]:
        """Rows of the key server's journal for which it once told one hash and then another: it was changed, or
        restored from a backup."""
        with self._lock:
            rows = self._link.execute(
                "select sequence from heads group by sequence having count(*) > 1 order by sequence"
            ).fetchall()
        return [row[0] for row in rows]


def _newest(changes: Iterable[tuple[int, bytes, bytes]]) -> dict[bytes, bytes]:
    """Each pseudonym that was changed → the last one of its chain."""
    step = {old: new for _, old, new in changes}
    newest = {}
    for old in step:
        reached = old
        while reached in step:
            reached = step[reached]
        newest[old] = reached
    return newest


def _project_pseudonym(key: bytes, pseudonym: bytes) -> str:
    return hmac.digest(key, b"talka project pseudonym 1\n" + pseudonym, hashlib.sha256)[:16].hex()
