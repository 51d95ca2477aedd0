"""Compiles the rooms' translations: .po files are kept, .mo files are made where the house runs.

Needs neither Django nor gettext's tools, so that a bare machine can do it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polib

PACKAGE = Path(__file__).resolve().parents[1]


def sources() -> Iterator[Path]:
    """Every room's .po file."""
    yield from sorted(PACKAGE.glob("*/locale/*/LC_MESSAGES/django.po"))


def compile_all() -> int:
    """Makes each .mo that is missing or older than its .po; returns how many were made."""
    made = 0
    for po in sources():
        mo = po.with_suffix(".mo")
        if mo.exists() and mo.stat().st_mtime >= po.stat().st_mtime:
            continue
        # Written beside and moved into place: another process may be reading the old one.
        handle, temporary = tempfile.mkstemp(dir=po.parent, suffix=".mo.tmp")
        os.close(handle)
        polib.pofile(str(po), encoding="utf-8").save_as_mofile(temporary)
        Path(temporary).replace(mo)
        made += 1
    return made
