"""Sheets and files: a table of a file as rows for a preview, a sheet as a file, an upload kept between the two.

path, name = keep(upload)  # …the page shows the preview; whoever applies it names the token again
raws = raws_from_table(sheet, table)
data = write(sheet, parent, "xlsx")
"""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from talka.core.actions import Invalid
from talka.core.formats import (
    LIMITS,
    BadFile,
    Document,
    Grid,
    Place,
    Recognised,
    Table,
    TooLarge,
    read_tables,
    recognise,
    to_bytes,
)
from talka.core.sheets import Raw, Sheet

# ---------------------------------------------------------------- in


@dataclass(frozen=True)
class Reading:
    """What a file holds for a sheet. `ignored` are headers that are no column of it, as they are written."""

    raws: list[Raw]
    ignored: list[str]


def read(sheet: Sheet, path: Path, name: str) -> Reading:
    """The rows of every table of a file in which the sheet's columns are recognised, tables without them left out.

    `name` is the file's name as the person knows it. Raises BadFile for what cannot be read, Invalid where no table
    names the columns.
    """
    raws: list[Raw] = []
    ignored: list[str] = []
    found = False
    for table in read_tables(path, name=name):
        columns = recognised(sheet, table)
        if not set(sheet.key) <= columns.mapping.keys():
            continue
        found = True
        ignored += [header for header in columns.unknown if header not in ignored]
        raws += _raws(sheet, table, columns)
    if not found:
        wanted = [str(sheet.column(key).label) for key in sheet.key]
        raise Invalid(
            _(
                "%(file)s: no table has a column “%(column)s” in its first rows;"
                " name the columns as in an exported file."
            )
            % {"file": name, "column": "”, “".join(wanted)},
            field="file",
        )
    return Reading(raws, ignored)


def recognised(sheet: Sheet, table: Table) -> Recognised:
    """Which column of a table is which of the sheet's, by key, by label in either language or by alias."""
    # Without parentheses, in which a header may carry a remark: the language of a bilingual column is none.
    # The label comes first: by it a column is named where a header could mean several.
    return recognise(
        table,
        {
            column.key: [re.sub("[()]", "", header) for header in (str(column.label), *column.headers())]
            for column in sheet.columns
        },
    )


def raws_from_table(sheet: Sheet, table: Table) -> list[Raw]:
    """The rows below the header of a table, each cell with its place in words. Columns the sheet lacks are left out.

    Blank rows and rows that only announce what follows are left out too; without a header there are no rows.
    """
    return list(_raws(sheet, table, recognised(sheet, table)))


def _raws(sheet: Sheet, table: Table, columns: Recognised) -> Iterator[Raw]:
    if columns.header_row_index is None:
        return
    header = table.rows[columns.header_row_index].texts
    for row in table.rows[columns.header_row_index + 1 :]:
        if row.blank or row.texts == header or (row.section is not None and len(sheet.columns) > 1):
            continue
        place = Place(**{**_fields(row.cells[0].place), "column": None}).describe(_)
        yield Raw(
            place,
            {key: row.cells[index].text for key, index in columns.mapping.items()},
            {key: row.cells[index].place.describe(_) for key, index in columns.mapping.items()},
        )


def _fields(place: Place) -> dict[str, Any]:
    return {
        name: getattr(place, name) for name in ("file", "table", "sheet", "page", "row", "column", "line")
    }


# ---------------------------------------------------------------- out


def document(sheet: Sheet, parent: Any, *, keys: bool = False) -> Document:
    """The rows of a sheet as a document of one table, headed by labels in the reader's language or by column keys."""
    header, rows = sheet.grid(parent)
    title = str(sheet.label)
    grid = Grid(
        [column.key for column in sheet.columns] if keys else header, rows, landscape=True, name=title
    )
    return Document(title, blocks=[grid], language=(get_language() or "lv")[:2])


def write(sheet: Sheet, parent: Any, format: str) -> bytes:  # noqa: A002 -- the word of core.formats
    """The rows of a sheet as a file that `read` takes back without a change. JSON is headed by column keys.

    Raises ValueError for a format that is not written (see `formats.FORMATS`).
    """
    return to_bytes(document(sheet, parent, keys=format == "json"), format)


# ---------------------------------------------------------------- between preview and apply

DAY = 24 * 60 * 60
TOKEN = re.compile(r"[0-9a-f]{48}")


@dataclass(frozen=True)
class Kept:
    """An uploaded file waiting to be applied: the token that names it, where it lies, how its owner calls it."""

    token: str
    path: Path
    name: str


def keep(upload: UploadedFile) -> Kept:
    """Keeps an upload for a day, so that what is applied is what was previewed. Raises TooLarge beyond the limit."""
    name = PurePath(upload.name or "file").name[:150]
    if (upload.size or 0) > LIMITS.file_bytes:
        megabyte = 1024 * 1024
        raise TooLarge(
            "file-bytes",
            Place(name),
            found=-(-(upload.size or 0) // megabyte),
            limit=LIMITS.file_bytes // megabyte,
        )
    _sweep()
    token = secrets.token_hex(24)
    folder = _folder() / token
    folder.mkdir(parents=True, mode=0o700)
    (folder / "name").write_text(name, encoding="utf-8")
    with (folder / "data").open("wb") as out:
        for chunk in upload.chunks():
            out.write(chunk)
    return Kept(token, folder / "data", name)


def kept(token: str) -> Kept:
    """The upload that a token names. Raises Invalid if it is gone."""
    folder = _folder() / token
    if not TOKEN.fullmatch(token) or not (folder / "data").exists():
        raise Invalid(_("The file is no longer kept here; choose it again."), field="file")
    return Kept(token, folder / "data", (folder / "name").read_text(encoding="utf-8"))


def discard(upload: Kept) -> None:
    """Forgets a kept upload."""
    shutil.rmtree(upload.path.parent, ignore_errors=True)  # another process may be sweeping it away


def explained(error: BadFile) -> str:
    """What is wrong with a file and what would have been right, in the reader's language."""
    return error.describe(_)


def _folder() -> Path:
    return Path(settings.HOME) / "uploads"


def _sweep() -> None:
    """Forgets uploads that nobody came back for."""
    if not _folder().exists():
        return
    for folder in _folder().iterdir():
        if TOKEN.fullmatch(folder.name) and folder.stat().st_mtime < time.time() - DAY:
            discard(Kept(folder.name, folder / "data", ""))
