"""Attachments: evidence files, kept once, never changed, named by their content."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from functools import partial
from pathlib import PurePath
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from talka.core.actions import Invalid, running
from talka.core.models import Attachment, Noun, Report

LIMIT = 25 * 1024 * 1024
# What evidence usually is. No HTML, SVG or macro formats: nothing here may run in a reader's browser or office.
MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".edoc": "application/vnd.etsi.asic-e+zip",
    ".asice": "application/vnd.etsi.asic-e+zip",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".zip": "application/zip",
}


def about(subject: Noun) -> QuerySet[Attachment]:
    """The files attached to a row."""
    return Attachment.objects.filter(about_kind=subject.kind(), about_id=subject.pk)


def about_each(reports: Iterable[Report], *, inside: bool = True) -> dict[int, list[Attachment]]:
    """The files of evidence of several reports, by report, in one question; outsiders see those that are public."""
    files: dict[int, list[Attachment]] = {}
    found = Attachment.objects.filter(
        about_kind=Report.kind(), about_id__in=[report.pk for report in reports]
    )
    for each in found if inside else found.filter(public=True):
        files.setdefault(each.about_id, []).append(each)
    return files


# How the content of each kind begins. A text has no such mark: it is one if it holds no byte that texts never hold.
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_MARKS = {
    ".pdf": (b"%PDF-",),
    ".png": (b"\x89PNG\r\n\x1a\n",),
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
}
_TEXTS = {".csv", ".txt"}
_OFFICE = {".docx", ".xlsx", ".pptx"}
_HEAD = 4096


def attach(subject: Any, upload: UploadedFile, *, by: Any, public: bool = False) -> Attachment:
    """Keeps a file as evidence of `subject`; called within a verb. Raises Invalid for a kind or size not taken."""
    name = clean_name(upload.name or "")
    suffix = PurePath(name).suffix.casefold()
    if suffix not in MEDIA_TYPES:
        raise Invalid(
            _("“%(name)s”: files of this kind are not taken as evidence. Give one of: %(kinds)s.")
            % {"name": name, "kinds": ", ".join(sorted(MEDIA_TYPES))},
            field="files",
        )
    size = upload.size or 0
    if not 0 < size <= LIMIT:
        raise Invalid(
            _("“%(name)s” has %(size)d MB; a file may have up to %(limit)d MB and must not be empty.")
            % {"name": name, "size": -(-size // 1024 // 1024), "limit": LIMIT // 1024 // 1024},
            field="files",
        )
    _check_content(upload, name, suffix)
    digest = hashlib.sha256()
    for chunk in upload.chunks():
        digest.update(chunk)
    upload.seek(0)
    upload.name = f"{digest.hexdigest()[:24]}{suffix}"
    attachment = Attachment(
        about_kind=subject.kind(),
        about_id=subject.pk,
        ecosystem_id=getattr(subject, "ecosystem_id", None),
        file=upload,
        name=name,
        size=size,
        sha256=digest.hexdigest(),
        media_type=MEDIA_TYPES[suffix],
        public=public,
        added_by=str(by),
        added_at=timezone.now(),
    )
    attachment.save()
    if record := running():  # a file outlives a transaction that is rolled back
        record.undo.append(partial(attachment.file.storage.delete, attachment.file.name))
    return attachment


def clean_name(name: str) -> str:
    """A file's name without folders, and without signs that hide what it is: U+202E shows “fdp.exe” as “exe.pdf”."""
    bare = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in bare if letter.isprintable()).strip()
    suffix = PurePath(shown).suffix
    return shown if len(shown) <= 255 else shown[: 255 - len(suffix)] + suffix


def _check_content(upload: UploadedFile, name: str, suffix: str) -> None:
    """Raises Invalid where the content is not what the name says: such a file is damaged, or in disguise."""
    upload.seek(0)
    head = upload.read(_HEAD)
    if suffix in _TEXTS:
        fits = not any(byte in head for byte in range(9)) or head.startswith(
            (b"\xff\xfe", b"\xfe\xff")
        )  # UTF-16
    elif suffix in _MARKS:
        # The PDF standard lets other bytes stand before its mark, and old scanners put some there.
        fits = _MARKS[suffix][0] in head[:1024] if suffix == ".pdf" else head.startswith(_MARKS[suffix])
    else:
        fits = head.startswith(_ZIP)
    if not fits:
        raise Invalid(
            _(
                "“%(name)s” does not hold what its ending says. Open it, save it again as %(suffix)s and give that."
            )
            % {"name": name, "suffix": suffix},
            field="files",
        )
    if suffix in _OFFICE and _has_macros(upload):
        raise Invalid(
            _("“%(name)s” holds macros, which are not taken. Save it again without them.") % {"name": name},
            field="files",
        )
    upload.seek(0)


def _has_macros(upload: UploadedFile) -> bool:
    upload.seek(0)
    try:
        with zipfile.ZipFile(upload) as package:
            return any(name.casefold().endswith("vbaproject.bin") for name in package.namelist())
    except (zipfile.BadZipFile, ValueError, OSError):
        return False  # damaged: it opens nowhere, and says nothing either
