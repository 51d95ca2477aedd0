"""Tables as plain text, in the encodings and with the delimiters that office programs in the Baltics write.

A cell that a spreadsheet would take for a formula is written with an apostrophe in front, and exactly one is
taken away in reading: nothing runs, nothing is lost.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from dataclasses import replace
from io import StringIO

from .documents import Document, flat
from .limits import Limits
from .places import Place
from .problems import BadFile, TooLarge, Unreadable
from .tables import Collector, Table, split_titles

DELIMITERS = ",;\t"
_SNIFFED_ROWS, _SNIFFED_CHARACTERS = 50, 65_536
# What starts a formula, also in its full-width form, which some spreadsheets accept. Apostrophes before it
# are part of the pattern: else a text that really begins with '= would come back without its own.
_GUARDED = re.compile("'*[=+\\-@\t\r＝＋－＠]")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f]")


def guard(text: str) -> str:
    """The text so that no spreadsheet runs it: `=1+1` → `'=1+1`. Plain numbers stay numbers: `-5`."""
    return f"'{text}" if _GUARDED.match(text) and not _PLAIN_NUMBER.fullmatch(text) else text


def unguard(text: str) -> str:
    """The reverse of `guard`: `'=1+1` → `=1+1`. Other apostrophes stay: `'s-Hertogenbosch`."""
    return text[1:] if text.startswith("'") and _GUARDED.match(text) else text


def decode(data: bytes, place: Place) -> str:
    """UTF-8 and UTF-16 with their marks, UTF-8 without one, else Windows-1257 (Baltic)."""
    try:
        if data.startswith(codecs.BOM_UTF8):
            return data.decode("utf-8-sig")
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return data.decode("utf-16")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("cp1257")
    except UnicodeDecodeError as error:
        raise Unreadable("encoding", place, byte=error.start + 1) from error


def read(data: bytes, place: Place, limits: Limits) -> list[Table]:
    """The one table of the file. `above`: titles above the header."""
    text = decode(data, place)
    if control := _CONTROLS.search(text):
        raise Unreadable("not-text", place, format="csv", position=control.start() + 1)
    first, _, rest = text.partition("\n")
    if said := re.fullmatch(r"sep=(.)\r?", first):  # Excel's own way of saying it
        delimiter, text = said[1], rest
    else:
        delimiter = _sniff(text)
    collector = Collector(place, limits)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number, line = 0, 1
    try:
        for number, row in enumerate(reader, 1):
            collector.add(number, [unguard(cell) for cell in row])
            line = reader.line_num + 1
    except csv.Error as error:
        raise _bad_row(error, replace(place, line=line), limits) from error
    above, rows = split_titles(collector.rows())
    return [Table("", place, above, rows)]


def _bad_row(error: csv.Error, place: Place, limits: Limits) -> BadFile:
    if "field limit" in str(error):
        return TooLarge(
            "cell-characters", place, found=f"> {csv.field_size_limit()}", limit=limits.cell_characters
        )
    return Unreadable("quotes", place, detail=str(error))


def _sniff(text: str) -> str:
    """The delimiter that cuts the first rows into the most columns that most of them share."""

    def merit(delimiter: str) -> tuple[float, int]:
        widths: Counter[int] = Counter()
        for row in csv.reader(StringIO(text[:_SNIFFED_CHARACTERS], newline=""), delimiter=delimiter):
            if any(row):
                widths[len(row)] += 1
            if widths.total() == _SNIFFED_ROWS:
                break
        width, times = max(widths.items(), key=lambda item: (item[0] > 1, item[1], item[0]), default=(1, 0))
        return (times / max(widths.total(), 1) if width > 1 else 0.0), width

    return max(DELIMITERS, key=merit)  # on a tie the first: a comma


def write(document: Document) -> bytes:
    """UTF-8 with its mark (or Excel takes it for Windows-1257), CRLF, every cell in quotation marks: then no
    text can be mistaken for a delimiter. Titles and headings are left out: csv is for programs."""
    buffer = StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([guard(text) for text in row] for row in flat(document).texts())
    return codecs.BOM_UTF8 + buffer.getvalue().encode()
