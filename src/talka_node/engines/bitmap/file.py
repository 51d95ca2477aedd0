"""One file of named arrays, mapped into memory: what an index is on disk.

Layout: a mark, the arrays (each beginning at a multiple of 64 bytes), a JSON directory of them, and a tail that tells
where the directory is and its digest. A file appears whole or not at all: it is written beside its place, synced and
renamed. Nothing in it is code, so a damaged or foreign file can only be refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MARK = b"TALKA-BITMAPS-3\n"
_ALIGN = 64
_TAIL = 16 + 32  # where the directory is, how long it is, its digest


class Damaged(ValueError):
    """The file is no index of this version, or not whole. It holds nothing of its own: build it anew."""


def write(path: Path, arrays: Mapping[str, Array]) -> None:
    """Put the arrays at `path`, replacing what is there. After it returns they survive a loss of power."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(MARK)
            place = len(MARK)
            directory: dict[str, list[Any]] = {}
            for key, array in arrays.items():
                gap = -place % _ALIGN
                out.write(bytes(gap))
                place += gap
                content = np.ascontiguousarray(array)
                data = content.reshape(-1).view(np.uint8).data
                directory[key] = [place, content.dtype.str, list(content.shape), zlib.crc32(data)]
                out.write(data)
                place += len(data)
            told = json.dumps(directory).encode()
            out.write(told)
            out.write(place.to_bytes(8, "little") + len(told).to_bytes(8, "little"))
            out.write(hashlib.sha256(told).digest())
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path, *, check: bool = False) -> dict[str, Array]:
    """The arrays, mapped and not yet read. With `check` every byte is compared with its checksum.

    Raises Damaged, or OSError if there is no such file.
    """
    size = path.stat().st_size
    if size < len(MARK) + _TAIL:
        raise Damaged(f"{path.name} is too short to be an index; build it anew")
    whole = np.memmap(path, np.uint8, "r")
    if whole[: len(MARK)].tobytes() != MARK:
        raise Damaged(f"{path.name} is no index of this version ({MARK.decode().strip()}); build it anew")
    tail = whole[-_TAIL:].tobytes()
    place, length = int.from_bytes(tail[:8], "little"), int.from_bytes(tail[8:16], "little")
    told = whole[place : place + length].tobytes()
    if place + length + _TAIL != size or hashlib.sha256(told).digest() != tail[16:]:
        raise Damaged(f"{path.name} is not whole; build it anew")
    arrays: dict[str, Array] = {}
    for key, (start, kind, shape, checksum) in json.loads(told).items():
        dtype = np.dtype(kind)
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(whole, dtype, count, start) if count else np.empty(0, dtype)
        if check and zlib.crc32(array.view(np.uint8).data) != checksum:
            raise Damaged(f"{path.name} is damaged in {key!r}; build it anew")
        arrays[key] = array.reshape(shape)
    return arrays
