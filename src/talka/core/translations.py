"""Compiles the rooms' translations: .po files are kept, .mo files are made where the house runs.

Needs neither Django nor gettext's tools, so that a bare machine can do it.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polib

PACKAGE = Path(__file__).resolve().parents[1]


def sources() -> Iterator[Path]:
    """Every room's .po file."""
    yield from sorted(PACKAGE.glob("*/locale/*/LC_MESSAGES/django.po"))


def compile_all() -> int:
    """Makes each .mo that is missing or older than its .po; returns how many were made.

    Where the folder cannot be written (an installation that another user owns) what is there stays in use;
    `talka doctor` says which rooms then have no Latvian.
    """
    made = 0
    for po in sources():
        mo = po.with_suffix(".mo")
        if mo.exists() and mo.stat().st_mtime >= po.stat().st_mtime:
            continue
        try:
            _compile(po, mo)
        except PermissionError:
            continue
        made += 1
    return made


def _compile(po: Path, mo: Path) -> None:
    # Written beside and moved into place: another process may be reading the old one.
    handle, temporary = tempfile.mkstemp(dir=po.parent, suffix=".mo.tmp")
    os.close(handle)
    try:
        polib.pofile(str(po), encoding="utf-8").save_as_mofile(temporary)
        # Whoever may read the source may read what is made of it; mkstemp lets its owner alone.
        Path(temporary).chmod(stat.S_IMODE(po.stat().st_mode) & 0o666)
        Path(temporary).replace(mo)
    finally:
        Path(temporary).unlink(missing_ok=True)
