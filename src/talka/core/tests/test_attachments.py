"""Attachments: what is taken as evidence, under which name, and what becomes of files nobody kept."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.translation import override

from talka.core import attachments
from talka.core.actions import HUB, SYSTEM, Invalid, Stale, action
from talka.core.models import Attachment
from talka.core.rules import is_system
from talka.core.testing import acting
from talka.domains.actions import add_mission
from talka.domains.models import Mission

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name in names:
            package.writestr(name, "x")
    return out.getvalue()


def attached(name: str, content: bytes) -> Attachment:
    mission = add_mission(HUB, by=SYSTEM, code=f"m{Attachment.objects.count()}", title_lv="Jūra")
    with acting():
        return attachments.attach(mission, SimpleUploadedFile(name, content), by=SYSTEM)


HTML = b"<!doctype html><script>alert(1)</script>"


@pytest.mark.parametrize(
    ("name", "content", "taken"),
    [
        ("akts.pdf", b"%PDF-1.7 akts", True),
        ("skenets.pdf", b"\r\n\x00junk%PDF-1.4", True),
        ("lapa.pdf", HTML, False),
        ("foto.png", b"\x89PNG\r\n\x1a\n...", True),
        ("foto.png", b"\xff\xd8\xff\xe0", False),
        ("foto.JPG", b"\xff\xd8\xff\xe0", True),
        ("lapa.jpeg", HTML, False),
        ("protokols.docx", zipped("[Content_Types].xml", "word/document.xml"), True),
        ("protokols.docx", zipped("[Content_Types].xml", "word/vbaProject.bin"), False),
        ("tabula.xlsx", zipped("xl/VBAPROJECT.BIN"), False),
        ("tabula.xlsx", b"\xd0\xcf\x11\xe0 an old workbook, renamed", False),
        ("parakstits.edoc", zipped("mimetype", "META-INF/signatures.xml"), True),
        ("arhivs.zip", zipped(), True),
        ("arhivs.zip", b"Rar!", False),
        ("skaits.csv", "stropi;gadā\n3;2023\n".encode("cp1257"), True),
        ("skaits.csv", "stropi\n3\n".encode("utf-16"), True),
        ("skaits.csv", b"\x7fELF\x02\x01\x01\x00", False),
        ("piezimes.txt", HTML, True),  # shown as the text it then is
    ],
)
def test_the_content_must_be_what_the_name_says(name: str, content: bytes, taken: bool) -> None:
    if taken:
        assert attached(name, content).size == len(content)
        return
    with (
        override("en"),
        pytest.raises(Invalid, match=r"does not hold what its ending says|holds macros") as error,
    ):
        attached(name, content)
    assert (error.value.field, Attachment.objects.count()) == ("files", 0)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("akts.pdf", "akts.pdf"),
        ("C:\\Users\\Anna\\akts.pdf", "akts.pdf"),
        ("../../etc/akts.pdf", "akts.pdf"),
        ("akts\r\nSet-Cookie: x.pdf", "aktsSet-Cookie: x.pdf"),
        ("akts\u202efdp.exe", "aktsfdp.exe"),
        ("Pārskats «2023».pdf", "Pārskats «2023».pdf"),
        ("a" * 300 + ".pdf", "a" * 251 + ".pdf"),
        ("", ""),
    ],
)
def test_a_name_hides_nothing(given: str, kept: str) -> None:
    assert attachments.clean_name(given) == kept


def test_a_file_too_large_is_told_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "LIMIT", 2 * 1024 * 1024)
    with override("en"), pytest.raises(Invalid, match="has 3 MB; a file may have up to 2 MB"):
        attached("akts.pdf", b"%PDF-" + b" " * 2 * 1024 * 1024)


@action(needs=is_system)
def keep(mission: Mission, *, by: Any, fail: bool = False) -> Attachment:
    made = attachments.attach(mission, SimpleUploadedFile("akts.pdf", b"%PDF-1.7 akts"), by=by)
    if fail:
        raise Invalid("no")
    return made


@action(needs=is_system)
def keep_two(mission: Mission, *, by: Any, fail: bool) -> None:
    keep(mission, by=by)
    keep(mission, by=by, fail=fail)
    raise Stale(mission)


def test_a_verb_that_fails_leaves_no_file(media: Path) -> None:
    mission = add_mission(HUB, by=SYSTEM, code="jura", title_lv="Jūra")
    kept = keep(mission, by=SYSTEM)
    for fail in (True, False):
        with pytest.raises(Invalid if fail else Stale):
            keep_two(mission, by=SYSTEM, fail=fail)
    with pytest.raises(Invalid):
        keep(mission, by=SYSTEM, fail=True)
    assert [path for path in media.rglob("*") if path.is_file()] == [Path(kept.file.path)]
    assert Attachment.objects.get() == kept
