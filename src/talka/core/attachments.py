"""Attachments: evidence files, kept once, never changed, named by their content."""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from talka.core.actions import Invalid
from talka.core.models import Attachment, Noun

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


def attach(subject: Any, upload: UploadedFile, *, by: Any, public: bool = False) -> Attachment:
    """Keeps a file as evidence of `subject`; called within a verb. Raises Invalid for a kind or size not taken."""
    name = PurePath(upload.name or "").name[:255]
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
            % {"name": name, "size": size // 1024 // 1024, "limit": LIMIT // 1024 // 1024},
            field="files",
        )
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
    return attachment
