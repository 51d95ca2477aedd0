"""The one door out: a document in, a whole file out, or nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from . import as_csv, as_docx, as_json, as_pdf, as_xlsx
from .documents import Document

_WRITERS: dict[str, Callable[[Document], bytes]] = {
    "docx": as_docx.write,
    "xlsx": as_xlsx.write,
    "csv": as_csv.write,
    "pdf": as_pdf.write,
    "json": as_json.write,
}
FORMATS = tuple(_WRITERS)
CONTENT_TYPES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "pdf": "application/pdf",
    "json": "application/json",
}


def to_bytes(document: Document, kind: str) -> bytes:
    """The document as a file of that format. Equal documents give equal bytes.

    Raises ValueError for an unknown format, and, for csv and json, if the document is not one table (see
    `documents.flat`).
    """
    if kind not in _WRITERS:
        raise ValueError(f"no format is called «{kind}»: choose one of {', '.join(FORMATS)}")
    return _WRITERS[kind](document)


def write_tables(target: Path | IO[bytes], document: Document, kind: str) -> None:
    """Writes the document to a path or an open binary file. A path gets the whole file or stays as it was."""
    data = to_bytes(document, kind)
    if not isinstance(target, Path):
        target.write(data)
        return
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
