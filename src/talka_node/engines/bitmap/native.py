"""Compiled inner loops, for whoever has a C compiler: `kernels.c`, built once per machine and kept in the user's cache.

Nothing needs them. Without a compiler, or with TALKA_KERNELS=no, numpy does the same work in more passes.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SOURCE = Path(__file__).with_name("kernels.c")
FLAGS = ("-O3", "-march=native", "-shared", "-fPIC")
SECONDS = 60  # for the compiler


def cache() -> Path:
    """The user's folder for what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "talka"


def _place() -> Path:
    """Where the library of this source for this processor belongs: a home may be shared by several machines."""
    told = hashlib.sha256(SOURCE.read_bytes())
    told.update(" ".join((*FLAGS, platform.machine(), platform.system())).encode())
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        told.update(next((line for line in lines if line.startswith(("flags", "Features"))), "").encode())
    return cache() / f"kernels-{told.hexdigest()[:16]}.so"


def _ours(place: Path) -> bool:
    """Whether nobody else could have put the file there: it will be run."""
    try:
        return all(
            each.stat().st_uid == os.getuid() and not each.stat().st_mode & 0o022
            for each in (place, place.parent)
        )
    except (OSError, AttributeError):
        return False


class Native:
    """The library, loaded."""

    def __init__(self, place: Path) -> None:
        library = ctypes.CDLL(str(place))
        pointer, number, short, narrow = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32, ctypes.c_int16

        def function(name: str, gives: Any, *takes: Any) -> Any:
            found = getattr(library, f"talka_{name}")
            found.restype, found.argtypes = gives, takes
            return found

        self._run = function("run", number, pointer, pointer, short, number, pointer, pointer, short, pointer)
        self._ids = function("ids", number, pointer, number, pointer)
        self._measured = function(
            "measured", None, pointer, number, pointer, pointer, short, short, short, short, pointer
        )
        self._specimens = function(
            "specimens", None, pointer, number, pointer, pointer, pointer, short, short, pointer, pointer, short,
            pointer,
        )  # fmt: skip
        self._cells = function(
            "cells", None, pointer, number, pointer, pointer, pointer, short, short, pointer, pointer, short, pointer,
            pointer, short, pointer, pointer, pointer, pointer,
        )  # fmt: skip
        self._scan = function(
            "scan", None, pointer, pointer, number, pointer, pointer, narrow, narrow, narrow, narrow, pointer
        )
        self._aged = function(
            "aged", number, pointer, pointer, number, pointer, pointer, short, short, short, pointer, pointer, pointer,
            pointer, pointer,
        )  # fmt: skip
        self._places = function("places", None, pointer, pointer, pointer, number, pointer)
        self._apart = function(
            "apart", None, number, pointer, pointer, pointer, pointer, pointer, pointer, pointer, pointer, short, short,
            short, pointer,
        )  # fmt: skip

    def run(
        self, operands: list[Array], steps: list[int], out: Array | None, cuts: Array | None
    ) -> tuple[int, Array | None]:
        """How many bits the program's result has, and how many between cuts; the result itself goes to `out`."""
        pointers = (ctypes.c_void_p * len(operands))(*[each.ctypes.data for each in operands])
        program = (ctypes.c_int32 * len(steps))(*steps)
        counts = None
        ends, where, to = 0, None, None
        if cuts is not None:
            cuts = np.ascontiguousarray(cuts, np.int64)
            counts = np.zeros(len(cuts) - 1, np.int64)
            ends, where, to = len(cuts), cuts.ctypes.data, counts.ctypes.data
        total = self._run(
            pointers,
            program,
            len(steps),
            len(operands[0]),
            None if out is None else out.ctypes.data,
            where,
            ends,
            to,
        )
        if total < 0:
            raise RecursionError("the program is too deep for the compiled loops")
        return int(total), counts

    def ids(self, words: Array, count: int) -> Array:
        out = np.empty(count, np.uint32)
        self._ids(words.ctypes.data, len(words), out.ctypes.data)
        return out

    def measured(
        self,
        ids: Array,
        starts: Array,
        rows: Array,
        values: tuple[int, int],
        days: tuple[int, int],
    ) -> Array:
        out = np.empty(len(ids), np.bool_)
        self._measured(
            ids.ctypes.data, len(ids), starts.ctypes.data, rows.ctypes.data, *values, *days, out.ctypes.data
        )
        return out

    def specimens(
        self, ids: Array, starts: Array, ok: Array, collected: Array, days: tuple[int, int],
        wanted: list[tuple[Array, Array]],
    ) -> Array:  # fmt: skip
        out = np.empty(len(ids), np.bool_)
        self._specimens(
            ids.ctypes.data, len(ids), starts.ctypes.data, ok.ctypes.data, collected.ctypes.data, *days,
            *_pairs(wanted), out.ctypes.data,
        )  # fmt: skip
        return out

    def cells(
        self, ids: Array, starts: Array, ok: Array, collected: Array, days: tuple[int, int],
        wanted: list[tuple[Array, Array]], axes: list[tuple[Array, Array]], donor: Array, of_donor: Array, size: int,
        once: bool,
    ) -> Array:  # fmt: skip
        counts = np.zeros(size, np.int32)
        seen = np.zeros(size, np.int32) if once else None
        self._cells(
            ids.ctypes.data, len(ids), starts.ctypes.data, ok.ctypes.data, collected.ctypes.data, *days,
            *_pairs(wanted), *_pairs(axes), donor.ctypes.data, of_donor.ctypes.data,
            None if seen is None else seen.ctypes.data, counts.ctypes.data,
        )  # fmt: skip
        return counts

    def scan(
        self,
        donor: Array,
        starts: Array,
        rows: Array,
        values: tuple[int, int],
        days: tuple[int, int],
        out: Array,
    ) -> None:
        where = (rows.ctypes.data, None) if rows.ndim == 2 else (None, rows.ctypes.data)
        self._scan(
            donor.ctypes.data, starts.ctypes.data, len(donor), *where, *values, *days, out.ctypes.data
        )  # fmt: skip

    def aged(
        self, donor: Array, starts: Array, on: Array, born: Array, unborn: int, days: tuple[int, int],
        sure: tuple[int, int], may: tuple[int, int], out: Array,
    ) -> tuple[Array, Array]:  # fmt: skip
        """Pairs and rows that are doubtful."""
        rows = int(starts[-1]) - int(starts[0]) if len(starts) else 0
        pairs, places = np.empty(rows, np.int32), np.empty(rows, np.int32)
        both = ctypes.c_int32 * 2
        told = self._aged(
            donor.ctypes.data, starts.ctypes.data, len(donor), on.ctypes.data, born.ctypes.data, unborn, *days,
            both(*sure), both(*may), out.ctypes.data, pairs.ctypes.data, places.ctypes.data,
        )  # fmt: skip
        return pairs[:told], places[:told]

    def places(self, words: Array, before: Array, ids: Array) -> Array:
        out = np.empty(len(ids), np.int32)
        self._places(words.ctypes.data, before.ctypes.data, ids.ctypes.data, len(ids), out.ctypes.data)
        return out

    def apart(
        self, event: tuple[Array, Array, Array, tuple[int, int]], anchor: tuple[Array, Array, Array, tuple[int, int]],
        low: int, high: int, first: bool,
    ) -> Array:  # fmt: skip
        out = np.empty(len(event[0]), np.bool_)
        both = ctypes.c_int32 * 2
        sides: list[Any] = []
        for begin, count, on, days in (event, anchor):
            sides += [begin.ctypes.data, count.ctypes.data, on.ctypes.data, both(*days)]
        self._apart(len(out), *sides, low, high, first, out.ctypes.data)
        return out


def _pairs(columns: list[tuple[Array, Array]]) -> tuple[Any, Any, int]:
    """Columns, a table for each of them, and how many there are."""
    kind = ctypes.c_void_p * len(columns)
    return (
        kind(*[column.ctypes.data for column, _ in columns]),
        kind(*[table.ctypes.data for _, table in columns]),
        len(columns),
    )


def load(*, compiling: bool = True) -> Native | None:
    """The library, compiled first if need be and allowed; None where there is none to be had."""
    if os.environ.get("TALKA_KERNELS") == "no" or os.name != "posix":
        return None
    try:
        place = _place()
        if not place.exists() and not (compiling and _compiled(place)):
            return None
        return Native(place) if _ours(place) else None
    except (OSError, AttributeError):
        return None


def _compiled(place: Path) -> bool:
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is None:
        return False
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=".so", dir=place.parent)
    os.close(handle)
    try:
        subprocess.run(
            [compiler, *FLAGS, str(SOURCE), "-o", name], check=True, capture_output=True, timeout=SECONDS
        )
        Path(name).chmod(0o700)
        Path(name).replace(place)
    except (OSError, subprocess.SubprocessError):
        Path(name).unlink(missing_ok=True)
        return False
    return True
