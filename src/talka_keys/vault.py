"""The keys: one secret scalar for each epoch, in one file that its owner alone may read.

An epoch evaluates while its window is open. A new one opens at once; the one before it stays open for the overlap, so
that nodes can change over, and then its secret is destroyed: pseudonyms of that epoch can never be computed again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from talka_keys import suite

FILE = "keys.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Epoch:
    """`planned_end`: when the next epoch is meant to open. `closes`: None for the newest.
    `secret`: None once destroyed."""

    number: int
    public: bytes
    opened: datetime
    planned_end: datetime
    closes: datetime | None = None
    secret: bytes | None = None

    def __repr__(self) -> str:
        return f"<epoch {self.number}, public key {self.public.hex()}>"

    def is_open(self, now: datetime) -> bool:
        return self.secret is not None and (self.closes is None or now < self.closes)


class Vault:
    """The key file of a folder. It is read anew whenever it changed, so that `rotate` needs no restart of `serve`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._read_at: tuple[int, int] | None = None
        self._epochs: dict[int, Epoch] = {}

    @classmethod
    def create(cls, folder: Path, now: datetime, lasts: timedelta) -> Vault:
        """A new key file with epoch 1; FileExistsError where there is one, because keys are never overwritten."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        vault = cls(folder)
        with vault._alone():
            if vault.path.exists():
                raise FileExistsError(
                    f"{vault.path} holds keys already: use another folder, or `talka-keys rotate`"
                )
            vault._write({1: _new_epoch(1, now, lasts)})
        return vault

    def epochs(self) -> dict[int, Epoch]:
        """All epochs by number. PermissionError when others may read the file, ValueError when it is damaged."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{self.path} is not there: `talka-keys init` makes it, or restore it from a backup"
            ) from None
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PermissionError(
                f"{self.path} can be read by others; it must be its owner's alone: chmod 600 {self.path}"
            )
        if self._read_at != (found.st_ino, found.st_mtime_ns):
            self._epochs = self._read()
            self._read_at = (found.st_ino, found.st_mtime_ns)
        return dict(self._epochs)

    def newest(self) -> Epoch:
        return max(self.epochs().values(), key=lambda epoch: epoch.number)

    def rotate(self, now: datetime, overlap: timedelta, lasts: timedelta) -> Epoch:
        """Opens the next epoch; those before it close after `overlap`, or earlier if they were to."""
        with self._alone():
            epochs = self.epochs()
            for epoch in epochs.values():
                closes = now + overlap
                epochs[epoch.number] = replace(epoch, closes=min(epoch.closes or closes, closes))
            opened = _new_epoch(max(epochs) + 1, now, lasts)
            self._write(epochs | {opened.number: opened})
        return opened

    def destroy_closed(self, now: datetime) -> list[Epoch]:
        """Destroys the secrets of epochs whose window is over; returns those epochs."""
        if not self._over(now):
            return []
        with self._alone():
            over = self._over(now)
            gone = {epoch.number: replace(epoch, secret=None) for epoch in over}
            self._write(self.epochs() | gone)
        return over

    def _over(self, now: datetime) -> list[Epoch]:
        return [
            epoch
            for epoch in self.epochs().values()
            if epoch.secret and epoch.closes is not None and epoch.closes <= now
        ]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time, in whatever process or thread: a lost update would be a lost key."""
        handle = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _read(self) -> dict[int, Epoch]:
        try:
            kept = json.loads(self.path.read_bytes())
            if kept["version"] != VERSION:
                raise ValueError
            epochs = {row["epoch"]: _read_epoch(row) for row in kept["epochs"]}
            if sorted(epochs) != list(range(1, len(epochs) + 1)) or not epochs:
                raise ValueError
        except (ValueError, KeyError, TypeError, suite.BadElement):
            # What is wrong is not repeated: it could be a key.
            raise ValueError(
                f"{self.path} is damaged or of another version; restore it from a backup, it cannot be made again"
            ) from None
        return epochs

    def _write(self, epochs: dict[int, Epoch]) -> None:
        rows = [_write_epoch(epochs[number]) for number in sorted(epochs)]
        write_privately(self.path, json.dumps({"version": VERSION, "epochs": rows}, indent=1).encode())
        self._read_at = None


def _new_epoch(number: int, now: datetime, lasts: timedelta) -> Epoch:
    secret = suite.random_scalar()
    return Epoch(number, suite.public_of(secret), now, now + lasts, secret=secret)


def _write_epoch(epoch: Epoch) -> dict[str, object]:
    return {
        "epoch": epoch.number,
        "public": epoch.public.hex(),
        "opened": epoch.opened.isoformat(),
        "planned_end": epoch.planned_end.isoformat(),
        "closes": epoch.closes.isoformat() if epoch.closes else None,
        "secret": epoch.secret.hex() if epoch.secret else None,
    }


def _read_epoch(row: dict[str, str]) -> Epoch:
    when: Callable[[str], datetime] = datetime.fromisoformat
    secret = bytes.fromhex(row["secret"]) if row["secret"] else None
    public = bytes.fromhex(row["public"])
    if secret is not None and not (suite.is_scalar(secret) and suite.public_of(secret) == public):
        raise ValueError
    closes = when(row["closes"]) if row["closes"] else None
    return Epoch(int(row["epoch"]), public, when(row["opened"]), when(row["planned_end"]), closes, secret)


def write_privately(path: Path, data: bytes) -> None:
    """Puts a file in place whole or not at all, readable by its owner alone, and safe from a power cut."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
