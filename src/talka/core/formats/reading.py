"""The one door for files: what is this really, is it safe, and which reader takes it."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from . import as_csv, as_docx, as_json, as_pdf, as_xlsx
from .limits import LIMITS, MB, Limits
from .package import Package
from .places import Place
from .problems import BadFile, Locked, TooLarge, Unreadable, Unsafe, WrongKind
from .tables import Table

_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TEXT = ("csv", "tsv", "txt")
_READ = ("docx", "xlsx", "pdf", "json", *_TEXT)
# Formats that say by their name what they are, and what to save them as.
_OLD = {
    "doc": "docx", "dot": "docx", "rtf": "docx", "odt": "docx",
    "xls": "xlsx", "xlt": "xlsx", "xlsb": "xlsx", "ods": "xlsx", "numbers": "xlsx",
}  # fmt: skip
_MACROS = {"docm": "docx", "dotm": "docx", "xlsm": "xlsx", "xltm": "xlsx", "xlam": "xlsx"}
_MARKUP = re.compile(rb"\s*<(?:!doctype html|html|table|\?xml|script)", re.IGNORECASE)


def read_tables(path: Path, *, name: str | None = None, limits: Limits = LIMITS) -> list[Table]:
    """All tables of a docx, xlsx, csv, tsv, json or PDF file, in their order: at least one, with at least one
    row.

    `name` is the file's name as the person knows it (an upload has another on disk): it appears in messages,
    and its extension must agree with the content. Nothing in the file is executed, evaluated or followed.

    Raises BadFile (see `problems.MESSAGES` for every case), and OSError if the path itself cannot be read.
    """
    name = name or path.name
    place = Place(name)
    size = path.stat().st_size
    if size > limits.file_bytes:
        raise TooLarge("file-bytes", place, found=-(-size // MB), limit=limits.file_bytes // MB)
    data = path.read_bytes()
    if not data.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise Unreadable("empty-file", place)
    extension = PurePath(name).suffix.lower().lstrip(".")
    if extension in _MACROS:
        raise Unsafe("macros", place, wanted=_MACROS[extension])
    content, package = _content(data, extension, place, limits)
    named = "csv" if extension in _TEXT else extension
    if named in _READ and named != content:
        raise WrongKind("wrong-content", place, named=extension, content=content)
    match content:
        case "docx" if package is not None:
            tables = as_docx.read(package, place, limits)
        case "xlsx" if package is not None:
            tables = as_xlsx.read(package, place, limits)
        case "pdf":
            tables = as_pdf.read(data, place, limits)
        case "json":
            tables = as_json.read(data, place, limits)
        case _:
            tables = as_csv.read(data, place, limits)
    tables = [table for table in tables if table.rows]
    if not tables:
        raise Unreadable("no-table", place)
    return tables


def _content(data: bytes, extension: str, place: Place, limits: Limits) -> tuple[str, Package | None]:
    """What the bytes are: docx, xlsx, pdf, json or csv. The extension decides only between kinds of text."""
    if data.startswith(_ZIP):
        return _zipped(data, extension, place, limits)
    if data.startswith(_OLE):
        raise _ole(data, extension, place)
    if data.startswith(b"%PDF-") or (extension not in (*_TEXT, "json") and b"%PDF-" in data[:1024]):
        return "pdf", None
    if data.startswith(b"{\\rtf"):
        raise WrongKind("old-format", place, found="rtf", wanted="docx")
    if _MARKUP.match(data.removeprefix(b"\xef\xbb\xbf")):
        raise WrongKind("old-format", place, found="html / xml", wanted="docx / xlsx")
    if extension in ("docx", "xlsx", "pdf"):
        raise Unreadable("corrupt", place, format=extension)
    if extension in _OLD:
        raise WrongKind("old-format", place, found=extension, wanted=_OLD[extension])
    if extension in _TEXT:
        return "csv", None
    if extension == "json" or as_csv.decode(data[:64], place).lstrip("\ufeff \t\r\n").startswith(("[", "{")):
        return "json", None
    if extension and b"\0" in data[:1024]:
        raise WrongKind("unknown-format", place)
    return "csv", None


def _zipped(data: bytes, extension: str, place: Place, limits: Limits) -> tuple[str, Package]:
    package = Package(data, place, limits)
    if package.content:
        return package.content, package
    if "mimetype" in package:  # OpenDocument says here what it is
        kind = package.read("mimetype").rpartition(b".")[2]
        if kind in (b"text", b"spreadsheet"):
            found, wanted = ("odt", "docx") if kind == b"text" else ("ods", "xlsx")
            raise WrongKind("old-format", place, found=found, wanted=wanted)
    if "xl/workbook.bin" in package:
        raise WrongKind("old-format", place, found="xlsb", wanted="xlsx")
    if extension in _OLD:
        raise WrongKind("old-format", place, found=extension, wanted=_OLD[extension])
    raise WrongKind("unknown-format", place)


def _ole(data: bytes, extension: str, place: Place) -> BadFile:
    """The container of Office before 2007, in which newer files hide when a password protects them. Its
    directory names the streams in UTF-16."""
    if "EncryptedPackage".encode("utf-16-le") in data:
        return Locked("password", place)
    for stream, found, wanted in (
        ("WordDocument", "doc", "docx"),
        ("Workbook", "xls", "xlsx"),
        ("Book", "xls", "xlsx"),
    ):
        if stream.encode("utf-16-le") in data:
            return WrongKind("old-format", place, found=found, wanted=wanted)
    if extension in _OLD:
        return WrongKind("old-format", place, found=extension, wanted=_OLD[extension])
    return WrongKind("unknown-format", place)
