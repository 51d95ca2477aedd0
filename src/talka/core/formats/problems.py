"""Everything that can be wrong with a file, said once: what was found, and what would have been right.

Texts are English msgids with named placeholders. This folder knows no Django, so whoever shows a problem
passes the function that translates (`problem.describe(gettext)`); `MESSAGES` and `PLACE_WORDS` are the
complete lists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .places import Place


class Message(NamedTuple):
    """Both sentences come without a full stop; placeholders are `%(name)s`."""

    found: str
    expected: str


MESSAGES: dict[str, Message] = {
    # Unreadable
    "empty-file": Message("The file is empty", "Choose the file that holds the table"),
    "corrupt": Message(
        "The file is damaged and cannot be read as %(format)s",
        "Open it in the program that made it, save it again and send the new file",
    ),
    "encoding": Message(
        "The text is not in an encoding that can be read (byte %(byte)s)",
        "Save it as CSV UTF-8",
    ),
    "not-text": Message(
        "The file is named %(format)s but holds no text (a control character at position %(position)s)",
        "Give docx, xlsx, csv, tsv, json or a PDF with ruled tables",
    ),
    "quotes": Message(
        "The quotation marks of this row do not pair up (%(detail)s)",
        'Put the whole cell in "quotation marks" and write a quotation mark inside it twice',
    ),
    "json-syntax": Message(
        "This is not JSON (%(detail)s)", 'Give a list of objects: [{"column": "text"}, …]'
    ),
    "json-shape": Message(
        "The JSON is not a list of objects (found %(found)s)",
        'Give a list of objects: [{"column": "text"}, …]',
    ),
    "json-nested": Message(
        "The value of «%(key)s» is an object or a list of lists",
        "Give text, a number, true, false, null or a list of them",
    ),
    "json-twice": Message("The object names «%(key)s» twice", "Name every column once"),
    "no-table": Message(
        "The file holds no table", "Give a file with a table; a scanned or borderless table cannot be read"
    ),
    # WrongKind
    "unknown-format": Message(
        "This is not a kind of file that can be read",
        "Give docx, xlsx, csv, tsv, json or a PDF with ruled tables",
    ),
    "wrong-content": Message(
        "The file is named %(named)s but its content is %(content)s",
        "Save it again as %(named)s, or name it .%(content)s",
    ),
    "old-format": Message("The file is in the %(found)s format", "Save it as %(wanted)s"),
    # Locked
    "password": Message("The file is protected by a password", "Remove the password and send the file again"),
    # Unsafe
    "macros": Message("The file holds macros", "Save it as %(wanted)s, which cannot hold macros"),
    "entities": Message(
        "The file declares XML entities (%(part)s), which office programs never do",
        "Open it in an office program, save it again and send the new file",
    ),
    # TooLarge
    "file-bytes": Message("The file has %(found)s MB", "The largest file accepted has %(limit)s MB"),
    "unpacked-bytes": Message(
        "The file unpacks to more than %(limit)s MB", "Remove pictures and unused sheets, or split the file"
    ),
    "ratio": Message(
        "The file unpacks to more than %(limit)s times its size, as no real document does",
        "Open it in an office program, save it again and send the new file",
    ),
    "parts": Message("The file is made of more than %(limit)s parts", "Remove pictures, or split the file"),
    "tables": Message("The file holds more than %(limit)s tables", "Split the file"),
    "rows": Message(
        "The table goes on below row %(limit)s", "Split the table, or remove what stands far below it"
    ),
    "columns": Message(
        "The table goes on to the right of column %(limit)s",
        "Remove what stands far to the right of the table",
    ),
    "cell-characters": Message(
        "The cell has %(found)s characters", "The longest text accepted in a cell has %(limit)s characters"
    ),
    "pdf-pages": Message(
        "The PDF has %(found)s pages", "The longest PDF accepted has %(limit)s pages: split it"
    ),
    "pdf-effort": Message(
        "The PDF takes too much time or memory to read (limit: %(seconds)s seconds, %(megabytes)s MB)",
        "Send the table as docx or xlsx",
    ),
    # AmbiguousHeader
    "same-header": Message(
        "Several columns could be «%(column)s»: %(candidates)s",
        "Keep one of them, or give the columns different names",
    ),
    "many-meanings": Message(
        "The column header «%(header)s» could mean several things: %(candidates)s",
        "Write the header in full",
    ),
}


class BadFile(Exception):
    """A file that cannot be read as tables, or not safely. Subclasses group the codes of `MESSAGES`.

    `code` is stable and made for programs, `place` says where, `params` fills the placeholders of both
    sentences.
    """

    def __init__(self, code: str, place: Place, **params: str | int) -> None:
        super().__init__(code, place, params)
        self.code = code
        self.place = place
        self.params = params
        self.message, self.expected = (text % params for text in MESSAGES[code])

    def __str__(self) -> str:
        return self.describe()

    def describe(self, translate: Callable[[str], str] = str) -> str:
        """«place: what was found. What would have been right.», in the language of `translate`."""
        found, expected = (translate(text) % self.params for text in MESSAGES[self.code])
        return f"{self.place.describe(translate)}: {found}. {expected}."


class Unreadable(BadFile):
    """Damaged, empty, or without anything that is a table."""


class WrongKind(BadFile):
    """A kind of file that is not read, or another kind than its name says."""


class Locked(BadFile):
    """Readable only with a password."""


class Unsafe(BadFile):
    """Carries what a plain table never carries: macros, entity declarations."""


class TooLarge(BadFile):
    """Beyond one of `LIMITS`."""


class AmbiguousHeader(BadFile):
    """A header row that can be understood in two equally good ways."""
