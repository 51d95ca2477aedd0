"""Compiling the translations: what is missing or old is made, by whoever may, for whoever reads."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import polib
import pytest

from talka.core import translations

pytestmark = pytest.mark.once
PO = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "{}"\nmsgstr "jā"\n'


@pytest.fixture
def po(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(translations, "PACKAGE", tmp_path)
    path = tmp_path / "room" / "locale" / "lv" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    path.write_text(PO.format("yes"), encoding="utf-8")
    path.chmod(0o644)
    return path


def compiled(po: Path) -> list[str]:
    return [entry.msgid for entry in polib.mofile(str(po.with_suffix(".mo")))]


def test_what_is_missing_or_old_is_made_and_nothing_else(po: Path) -> None:
    assert (translations.compile_all(), compiled(po)) == (1, ["yes"])
    assert translations.compile_all() == 0
    po.write_text(PO.format("yes, please"), encoding="utf-8")
    later = po.with_suffix(".mo").stat().st_mtime + 1
    os.utime(po, (later, later))
    assert (translations.compile_all(), compiled(po)) == (1, ["yes, please"])


def test_others_may_read_what_was_made(po: Path) -> None:
    translations.compile_all()
    assert stat.S_IMODE(po.with_suffix(".mo").stat().st_mode) == 0o644
    assert sorted(path.name for path in po.parent.iterdir()) == ["django.mo", "django.po"]


def test_a_folder_that_cannot_be_written_stops_nothing(po: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_options: Any) -> Any:
        raise PermissionError

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    assert translations.compile_all() == 0
    assert not po.with_suffix(".mo").exists()


def test_a_broken_source_leaves_nothing_behind(po: Path) -> None:
    po.write_text('nonsense "jā"', encoding="utf-8")
    with pytest.raises(OSError, match=r"django\.po"):
        translations.compile_all()
    assert [path.name for path in po.parent.iterdir()] == ["django.po"]
