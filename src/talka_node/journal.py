"""The journal: every question and what was told, in a chain of hashes, on disk before the answer leaves.

Lines of text, one an entry: the hash, a space, JSON. The hash is SHA-256 over the hash before it and the JSON, so that
no entry can be changed, dropped or put in without breaking the chain; what is cut off at the end shows by the `head`
that was told elsewhere. Many waiting requests share one fsync: whoever writes, a thread of its own or one that waits
for its entry, writes whatever came in meanwhile.

No personal data: a question has none, and what looks like a personal code is turned away.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

START = sha256(b"talka node journal 1\n").hexdigest()  # the hash before the first entry
SEGMENT = 16 << 20  # bytes; the last one is read through when the journal is opened
KIND = re.compile(r"[a-z][a-z_]{0,31}")
PERSONAL_CODE = re.compile(rb"(?<![\w.-])\d{6}-?\d{5}(?![\w.-])")

_HEX = len(START)


class Damaged(Exception):
    """The journal is not as it was written; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`at`: UTC, never before the entry before it. `body`: JSON as it was given."""

    number: int
    at: datetime
    kind: str
    body: bytes
    hash: str

    def read(self) -> Any:
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry's number and hash. Tell it to somebody else: nobody can then cut the journal unseen."""

    number: int
    hash: str


def answered(question: bytes, told: Any, traces: Iterable[dict[str, Any]]) -> bytes:
    """The body of an "answer": the question's canonical JSON, what was told, what is remembered of the asking."""
    return orjson.dumps({"question": orjson.Fragment(question), "told": told, "traces": list(traces)})


class Promise(Future[Entry]):
    """An entry that waits until somebody writes it: `write` does, with all others that wait."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def write(self) -> None:
        """Write, in this thread, unless it is on disk or another thread is just writing it."""
        if not self.done():
            self._journal.flush()


class Journal:
    """One process writes a journal; `with Journal(path) as journal` closes it when done.

    `torn`: bytes of an unfinished entry that the last process left behind, cut off and kept in a file beside it.
    No answer had left for them.
    """

    def __init__(self, directory: Path, *, segment: int = SEGMENT) -> None:
        self.directory, self.torn = directory, 0
        self._segment = segment
        directory.mkdir(parents=True, exist_ok=True)
        self._lock_file = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock_file)
            raise RuntimeError(
                f"{directory} is open in another process; one process writes a journal"
            ) from None
        try:
            self._number, self._hash, self._at = 0, START, datetime(1970, 1, 1, tzinfo=UTC)
            self._file, self._size = self._open_last()
        except BaseException:
            os.close(self._lock_file)
            raise
        self._broken: OSError | None = None
        self._waiting: list[tuple[str, bytes, Future[Entry]]] = []
        self._wake = threading.Condition()
        self._writing = threading.Lock()  # held by whoever writes; never wanted by one who holds `_wake`
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    # --- writing ------------------------------------------------------------------------------------------

    def submit(self, kind: str, body: bytes) -> Future[Entry]:
        """Put an entry in; the future is done when it is on disk. `asyncio.wrap_future` waits for it in a coroutine.

        `body`: JSON without line breaks. ValueError for what is none, or holds what looks like a personal code.
        """
        return self._put(kind, body, Future(), waking=True)

    def promise(self, kind: str, body: bytes) -> Promise:
        """As `submit`, for one who will wait for it at once, and calls `Promise.write` to do so. Else the entry is
        written with the next one, or at the end."""
        found = Promise(self)
        self._put(kind, body, found, waking=False)
        return found

    def _put(self, kind: str, body: bytes, future: Future[Entry], *, waking: bool) -> Future[Entry]:
        if not KIND.fullmatch(kind):
            raise ValueError(f"the kind of an entry is a short lower-case word, not {kind!r}")
        if b"\n" in body or not body:
            raise ValueError("the body of an entry is JSON without line breaks")
        if PERSONAL_CODE.search(body):
            raise ValueError("the body of an entry holds what looks like a personal code; it was not written")
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"the body of an entry is JSON: {error}") from None
        with self._wake:
            if self._closing:
                raise RuntimeError("the journal is closed")
            if self._broken is not None:
                raise RuntimeError("the journal could not be written; open it again") from self._broken
            self._waiting.append((kind, body, future))
            if waking:
                self._wake.notify()
        return future

    def append(self, kind: str, body: bytes) -> Entry:
        """Put an entry in and wait until it is on disk."""
        return self.submit(kind, body).result()

    @property
    def head(self) -> Head:
        """The last entry on disk."""
        with self._wake:
            return Head(self._number, self._hash)

    def close(self) -> None:
        """Write what waits, and let go."""
        with self._wake:
            if self._closing:
                return
            self._closing = True
            self._wake.notify()
        self._thread.join()
        with self._writing:
            os.close(self._file)
        os.close(self._lock_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._closing:
                    self._wake.wait()
                if not self._waiting:
                    return
            self.flush()

    def flush(self) -> None:
        """Write what waits, in this thread. Whose entry another thread has just taken finds it on disk when this
        returns, though perhaps told of a moment later."""
        entries: list[Entry] = []
        failed: OSError | None = None
        with self._writing:
            with self._wake:
                batch, self._waiting = self._waiting, []
                if not batch:
                    return
                if self._broken is not None:
                    failed = self._broken
            if failed is None:
                try:
                    lines = self._chained(batch, entries)
                    if self._size and self._size + len(lines) > self._segment:
                        self._rotate()
                    self._write(lines)
                except OSError as error:
                    failed = error
                else:
                    with self._wake:
                        last = entries[-1]
                        self._number, self._hash, self._at = last.number, last.hash, last.at
        if failed is not None:
            for _, _, future in batch:
                future.set_exception(failed)
            return
        for (_, _, future), entry in zip(batch, entries, strict=True):
            future.set_result(entry)

    def _chained(self, batch: list[tuple[str, bytes, Future[Entry]]], entries: list[Entry]) -> bytes:
        number, before = self._number, self._hash
        at = max(datetime.now(UTC), self._at)
        lines = []
        for kind, body, _ in batch:
            number += 1
            text = b'{"n":%d,"at":"%s","kind":"%s","body":%s}' % (
                number, at.isoformat().encode(), kind.encode(), body,
            )  # fmt: skip
            before = _hash(before, text)
            entries.append(Entry(number, at, kind, body, before))
            lines.append(b"%s %s\n" % (before.encode(), text))
        return b"".join(lines)

    def _write(self, lines: bytes) -> None:
        """All of it on disk, or none of it. After a failed fsync nobody knows what is on disk: then nothing more is
        written until the journal is opened, and read, again."""
        try:
            done = 0
            while done < len(lines):
                done += os.write(self._file, lines[done:])
        except OSError as error:
            try:
                os.ftruncate(self._file, self._size)
            except OSError:
                self._broken = error
            raise
        try:
            os.fdatasync(self._file)
        except OSError as error:
            self._broken = error
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(lines)

    def _rotate(self) -> None:
        file = _create(self.directory, self._number + 1)
        os.close(self._file)
        self._file, self._size = file, 0

    # --- opening ------------------------------------------------------------------------------------------

    def _open_last(self) -> tuple[int, int]:
        """(file, size) of the last segment, without what was torn; number and hash of its last entry in `self`."""
        names = segments(self.directory)
        if not names:
            return _create(self.directory, 1), 0
        # An empty last segment says nothing of the hash before it: read the one before it too.
        for name in names[-2:]:
            last = name == names[-1]
            first = int(name.stem)
            before = Head(self._number, self._hash) if self._number or first == 1 else None
            size = 0
            for entry, end in _lines(name, before, torn=last):
                if entry is None:
                    self._cut(name, size)
                else:
                    self._number, self._hash, self._at = entry.number, entry.hash, entry.at
                    size = end
        return os.open(names[-1], os.O_RDWR | os.O_APPEND), size

    def _cut(self, name: Path, size: int) -> None:
        data = name.read_bytes()[size:]
        self.torn = len(data)
        name.with_suffix(f".torn-{size}").write_bytes(data)
        with name.open("r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())


# --- reading ----------------------------------------------------------------------------------------------


def segments(directory: Path) -> list[Path]:
    """The files of a journal in order; each is named by the number of its first entry."""
    return sorted(directory.glob("[0-9]" * 12 + ".log"))


def entries(directory: Path, *, since: date | None = None) -> Iterator[Entry]:
    """The entries, oldest first, each checked against the chain; from the segments that hold any since a day.

    May be read while the journal is written: an entry that is not finished is not there yet.
    """
    names = segments(directory)
    if since is not None:
        # The last segment that begins before the day, and all after it.
        early = [at for at, name in enumerate(names) if (first := _first(name)) and first.at.date() < since]
        names = names[early[-1] :] if early else names
    before: Head | None = None
    for name in names:
        if int(name.stem) == 1:
            before = Head(0, START)
        for entry, _ in _lines(name, before, torn=name == names[-1]):
            if entry is not None:
                before = Head(entry.number, entry.hash)
                if since is None or entry.at.date() >= since:
                    yield entry


def verify(directory: Path, head: Head | None = None) -> Head:
    """Check the whole chain, as far as it is here (the oldest segments may have been moved away); its last entry.

    `head`: what the journal said earlier; that entry must still be there, with that hash. `Damaged` tells the place.
    """
    last, met = Head(0, START), head is None or head.number == 0
    for entry in entries(directory):
        last = Head(entry.number, entry.hash)
        if head is not None and entry.number == head.number:
            if entry.hash != head.hash:
                raise Damaged(
                    f"entry {head.number} has another hash than the head told earlier: it was replaced"
                )
            met = True
    if not met and head is not None:
        raise Damaged(
            f"the journal ends with entry {last.number}, but there was an entry {head.number}: it was cut"
        )
    return last


def _hash(before: str, text: bytes) -> str:
    return sha256(before.encode() + b"\n" + text).hexdigest()


def _first(name: Path) -> Entry | None:
    with name.open("rb") as file:
        line = file.readline()
    return _parsed(line[:-1]) if line.endswith(b"\n") else None


_LINE = re.compile(rb'([0-9a-f]{64}) (\{"n":(\d+),"at":"([0-9:.T+-]+)","kind":"([a-z_]+)","body":(.*)\})')


def _parsed(line: bytes) -> Entry | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    try:
        at = datetime.fromisoformat(found[4].decode())
    except ValueError:
        return None
    return Entry(int(found[3]), at, found[5].decode(), found[6], found[1].decode())


def _lines(name: Path, before: Head | None, *, torn: bool) -> Iterator[tuple[Entry | None, int]]:
    """(entry, where it ends in the file) of each line; (None, …) for a torn end, where that may be.

    Torn is a last line without its end, or a stretch that the disk never wrote (zeros). Anything else that is wrong was
    done to the journal later.
    """
    data = name.read_bytes()
    at = 0
    number = int(name.stem) if before is None else before.number + 1
    hashed = None if before is None else before.hash
    if before is not None and number != int(name.stem):
        raise Damaged(
            f"{name.name} begins with entry {int(name.stem)}, but the one before it ends with {number - 1}"
        )
    while at < len(data):
        end = data.find(b"\n", at)
        line = data[at:end] if end >= 0 else data[at:]
        place = f"{name.name}, entry {number}"
        if torn and (end < 0 or b"\0" in data[at:]) and (end < 0 or _parsed(line) is None):
            yield None, len(data)
            return
        entry = _parsed(line) if end >= 0 else None
        if entry is None:
            raise Damaged(f"{place}: this is no line of a journal")
        if entry.number != number:
            raise Damaged(f"{place}: entry {entry.number} stands here")
        # The first entry of the oldest segment left is believed: what its hash stands on was moved away.
        if hashed is not None and entry.hash != _hash(hashed, line[_HEX + 1 :]):
            raise Damaged(f"{place}: its hash does not follow from the entry before it and its text")
        at, number, hashed = end + 1, number + 1, entry.hash
        yield entry, at


def _create(directory: Path, first: int) -> int:
    file = os.open(directory / f"{first:012d}.log", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return file
