"""A file that only grows: lines chained by hashes, on disk before anybody is told so.

A line is 64 hexadecimal digits, a space, a body in UTF-8 and a line end; the digits are the SHA-256 of the file's name,
the previous line's hash and the body. Whoever changes, removes or moves a line breaks the chain from there on.

What a kill leaves behind is at worst an unfinished last line, which nobody was promised: it is cut off when the file is
opened. Anything else that does not verify is damage, and the file is not opened.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

DIGITS = 64
LONGEST = 1 << 20  # bytes of a line: a longer one would be no event


class Damaged(Exception):
    """A file of the record is not as it was written, and where."""


class Broken(Exception):
    """The disk refused a write whose fate is not known: open the log again to see what is there."""


class Chain:
    """One such file, opened for appending by one process. Not for several threads at once: `log` sees to that."""

    def __init__(self, path: Path, start: int = 0, head: str | None = None, count: int = 0) -> None:
        """Open the file; it is made if it is not there.

        `start`, `head`, `count`: a place known to be good (from a snapshot), behind which alone is read and checked.
        When the file has no such place, `start` afterwards is 0 and all of it was read.
        """
        self.path = path
        self.seed = sha256(b"talka consent chain 1\n" + path.name.encode()).hexdigest()
        new = not path.exists()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._broken = False
        if new:
            sync_folder(path.parent)
        if not start or head is None or not self.ends_at(start, head):
            start, head, count = 0, self.seed, 0
        self.start = start
        self.length, self.head, self.count = start, head, count
        self._put = self.length, self.head, self.count
        self.torn = 0  # bytes cut off when it was opened
        self.fresh: list[tuple[int, bytes]] = []  # (place, body) of the lines behind `start`
        try:
            self._recover()
        except Damaged:
            self.close()
            raise

    def _recover(self) -> None:
        data = _read(self._file, self.length, os.fstat(self._file).st_size - self.length)
        at = 0
        while at < len(data):
            end = data.find(b"\n", at)
            body = self._body(data[at:end]) if end >= 0 else None
            if body is None:
                break
            self.fresh.append((self.length + at, body))
            self.head = data[at : at + DIGITS].decode()
            at = end + 1
            self.count += 1
        rest = data[at:]
        self.length += at
        if rest:
            # Only the last write can be unfinished: no line end, or zeros where a block never reached the disk. Where
            # good lines follow something bad, an older one was harmed, and cutting would lose what was promised.
            if (b"\n" in rest and b"\0" not in rest) or self._linked(rest):
                raise Damaged(
                    f"{self.path.name}: line {self.count + 1}, byte {self.length}: it does not follow from the line "
                    "before; restore the file from a backup (withdrawals since come back from the tombstones)"
                )
            self.torn = len(rest)
            os.ftruncate(self._file, self.length)
            os.fsync(self._file)

    def _linked(self, rest: bytes) -> bool:
        """Whether two neighbouring lines in it belong together."""
        lines = rest.split(b"\n")[:-1]
        return any(
            line[:DIGITS] == _link(self.seed, before[:DIGITS].decode("latin-1"), line[DIGITS + 1 :])
            for before, line in itertools.pairwise(lines)
        )

    def _body(self, line: bytes) -> bytes | None:
        """The body of a line that follows `head`; None when it does not."""
        body = line[DIGITS + 1 :]
        good = line[DIGITS : DIGITS + 1] == b" " and line[:DIGITS] == _link(self.seed, self.head, body)
        return body if good else None

    def append(self, bodies: Sequence[bytes]) -> list[int]:
        """Add lines, and return their places once they are on disk. When it raises, nothing was added."""
        try:
            places = self.put(bodies)
            self.sync()
        except Exception:
            self.take_back()
            raise
        self.keep()
        return places

    def put(self, bodies: Sequence[bytes]) -> list[int]:
        """Write lines without waiting for the disk; their places. `sync` and `keep` must follow, or `take_back`."""
        if self._broken:
            raise Broken(f"{self.path.name}: an earlier write failed; open the log again")
        head, places, lines, length = self.head, [], [], self.length
        for body in bodies:
            if b"\n" in body or len(body) > LONGEST:
                raise ValueError("a body is one line of at most a megabyte")
            link = _link(self.seed, head, body)
            line = link + b" " + body + b"\n"
            places.append(length)
            lines.append(line)
            length += len(line)
            head = link.decode()
        _write(self._file, b"".join(lines))
        self._put = length, head, self.count + len(lines)
        return places

    def sync(self) -> None:
        """Wait until the disk has what was put."""
        os.fdatasync(self._file)

    def keep(self) -> None:
        """What was put belongs to the file."""
        self.length, self.head, self.count = self._put

    def take_back(self) -> None:
        """What was put, in whole or in part, is no part of the file. Where even that fails, nothing more is taken."""
        if not self._broken:
            try:
                os.ftruncate(self._file, self.length)
                os.fsync(self._file)
            except OSError:
                self._broken = True

    def read(self, place: int) -> bytes:
        """The body of the line at a place."""
        size = 1024
        while True:
            data = os.pread(self._file, min(size, self.length - place), place)
            end = data.find(b"\n")
            if end >= 0:
                return data[DIGITS + 1 : end]
            if len(data) < size:
                raise Damaged(f"{self.path.name}: no line at byte {place}")
            size *= 8

    def ends_at(self, length: int, head: str) -> bool:
        """Whether the line that ends at byte `length` has this hash: whether a snapshot is one of this very file."""
        if length > os.fstat(self._file).st_size:
            return False
        size = 1024
        while True:
            start = max(0, length - size)
            data = os.pread(self._file, length - start, start)
            cut = data.rfind(b"\n", 0, len(data) - 1)
            if cut >= 0 or start == 0:
                return data[-1:] == b"\n" and data[cut + 1 : cut + 1 + DIGITS] == head.encode()
            size *= 8

    def scan(self) -> Iterator[tuple[int, bytes]]:
        """(place, body) of every line from the first, each checked; Damaged where one does not follow."""
        place, number, head = 0, 0, self.seed
        with self.path.open("rb") as file:
            while place < self.length:
                line = file.readline(LONGEST + DIGITS + 2)
                number += 1
                body = line[DIGITS + 1 : -1]
                if line[-1:] != b"\n" or line[:DIGITS] != _link(self.seed, head, body):
                    raise Damaged(
                        f"{self.path.name}: line {number}, byte {place}: it does not follow from the line before"
                    )
                yield place, body
                head = line[:DIGITS].decode()
                place += len(line)
        if head != self.head:
            raise Damaged(f"{self.path.name}: it changed while it was open")

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _link(seed: str, head: str, body: bytes) -> bytes:
    return sha256(f"{seed} {head} ".encode() + body).hexdigest().encode()


def _read(file: int, at: int, size: int) -> bytes:
    parts = []
    while size > 0:
        part = os.pread(file, min(size, 1 << 26), at)
        if not part:
            break
        parts.append(part)
        at, size = at + len(part), size - len(part)
    return b"".join(parts)


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
