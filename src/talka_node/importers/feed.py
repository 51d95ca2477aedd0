"""Files come in parts of bounded size, held in memory only: what is in them may name persons.

A part is a run of whole lines, behind a name that DuckDB can open. What would mislead a reader of lines is seen to
here: byte order marks, blank lines, lines without end, other encodings, truncated archives.
"""

from __future__ import annotations

import gzip
import hashlib
import mmap
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

import numpy as np

BLOCK = 1 << 20
PART = 192 << 20
SAMPLES, SAMPLE = 64, 2048
LONGEST_LINE = 16 << 20  # a resource with images inside; DuckDB holds a buffer of this size per thread


class Unreadable(Exception):
    """The file, from `line` on, cannot be read; the message says what it should have been."""

    def __init__(self, line: int, says: str) -> None:
        super().__init__(says)
        self.line = line


@dataclass
class Part:
    """Whole lines of a file. `first` is the number of its first line, `end` the byte (unpacked) after its last.

    `path` can be opened while the part lives. `blank`: numbers of lines with nothing in them, once `mend` has looked.
    """

    path: str
    first: int
    lines: int
    end: int
    size: int
    _file: IO[bytes]
    blank: frozenset[int] = frozenset()
    _ends: list[int] = field(default_factory=list)
    _map: mmap.mmap | None = None

    def mend(self) -> None:
        """Make `{}` of each blank line. DuckDB passes over them, which shifts the numbers of all lines that follow."""
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        empty = [at for at, each in enumerate(lines[: self.lines]) if not each.strip()]
        for at in empty:
            lines[at] = b"{}"
        self._file.seek(0)
        self._file.truncate()
        self.size = self._file.write(b"\n".join(lines))
        self._file.flush()
        self.blank, self._map = frozenset(self.first + at for at in empty), None

    def samples(self) -> bytes:
        """Some text from places all over the part, to guess from what is in it."""
        places = range(0, max(self.size, 1), max(self.size // SAMPLES, SAMPLE))
        return b"\n".join(os.pread(self._file.fileno(), SAMPLE, each) for each in places)

    def line(self, number: int) -> bytes:
        """One line without its end."""
        if self._map is None:
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
            self._ends = [-1, *np.flatnonzero(np.frombuffer(self._map, np.uint8) == 10).tolist(), self.size]
        at = number - self.first
        return self._map[self._ends[at] + 1 : self._ends[at + 1]].rstrip(b"\r")


def parts(place: Path, offset: int = 0, line: int = 0, size: int | None = None) -> Iterator[Part]:
    """The file from `offset` on, which is where line number `line` ended. Raises Unreadable where it must stop; the
    lines before are in the parts given until then."""
    with opened(place) as source:
        if offset:
            _skip(source, offset, line)
        yield from _parts(source, offset, line, size or PART)


def _parts(source: BufferedReader, offset: int, line: int, size: int) -> Iterator[Part]:
    rest = b""
    stop: Unreadable | None = None
    ended = False
    # Both are used again and again: new memory costs as much as reading.
    block, file = bytearray(BLOCK), _memory()
    try:
        while not ended:
            first, lines, written = line + 1, 0, 0
            file.seek(0)
            while written < size:
                start = 0
                try:
                    end = source.readinto1(block)  # what there is: the lines before a cut are not lost
                except (EOFError, OSError, zlib.error) as why:
                    stop = Unreadable(
                        line + lines + 1, f"the archive is damaged or cut off here ({why}); send it again"
                    )
                    end = 0
                if offset == 0 and not written and not rest:
                    offset = start = _mark(bytes(block[: min(end, 4)]))
                if not end:
                    ended = True
                    # After damage, the line that was being read is not whole.
                    whole, cut, rest = b"" if stop else rest, 0, b""
                else:
                    cut = block.rfind(b"\n", start, end) + 1
                    if len(rest) + ((block.find(b"\n", start) if cut else end) - start) > LONGEST_LINE:
                        stop = Unreadable(
                            line + lines + 1,
                            f"the line is longer than {LONGEST_LINE >> 20} MB, so nothing from here on was read: give"
                            " one resource per line (NDJSON), or a Bundle of at most 256 MB in a file of its own",
                        )
                        ended, rest = True, b""
                        break
                    if not cut:
                        rest += block[start:end]
                        continue
                    whole, rest = rest, bytes(block[cut:end])
                for piece in (whole, memoryview(block)[start:cut]):
                    lines += int(np.count_nonzero(np.frombuffer(piece, np.uint8) == 10)) if len(piece) else 0
                    offset += len(piece)
                    written += file.write(piece)
                lines += bool(ended and whole and not whole.endswith(b"\n"))
                if ended:
                    break
            if lines:
                file.flush()
                file.truncate(written)
                line += lines
                yield Part(f"/proc/self/fd/{file.fileno()}", first, lines, offset, written, file)
    finally:
        file.close()
    if stop:
        raise stop


def _mark(begins: bytes) -> int:
    """The length of a mark of UTF-8 at the beginning. Raises Unreadable if it is that of another encoding."""
    if begins.startswith(b"\xef\xbb\xbf"):
        return 3
    for mark, name in ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"), (b"\x00\x00\xfe\xff", "UTF-32")):
        if begins.startswith(mark):
            raise Unreadable(1, f"the file is in {name}; save it as UTF-8")
    return 0


def _memory() -> IO[bytes]:
    """A file that never reaches a disk: its lines may hold personal codes."""
    if not hasattr(os, "memfd_create"):
        raise OSError("imports need Linux, whose files in memory keep personal codes off the disk")
    return os.fdopen(os.memfd_create("import"), "w+b")


def _skip(source: BufferedReader, offset: int, line: int) -> None:
    while offset:
        read = source.read(min(offset, BLOCK))
        if not read:
            raise Unreadable(
                line + 1, "the file is shorter than when its import began; start the import anew"
            )
        offset -= len(read)


def opened(place: Path) -> BufferedReader:
    """The file's bytes, unpacked if it is a gzip archive (by its content, not its name)."""
    with place.open("rb") as source:
        packed = source.read(2) == b"\x1f\x8b"
    return cast(BufferedReader, gzip.open(place)) if packed else place.open("rb")


def digest(place: Path) -> str:
    """SHA-256 of the file as it lies there."""
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
