"""Plain readers and writers of tables: docx, xlsx, csv, json, pdf. No Django, and no word of any domain."""

from .documents import Block, Document, Grid, Heading, Para
from .headers import Recognised, recognise
from .limits import LIMITS, Limits
from .places import PLACE_WORDS, Place
from .problems import (
    MESSAGES,
    AmbiguousHeader,
    BadFile,
    Locked,
    Message,
    TooLarge,
    Unreadable,
    Unsafe,
    WrongKind,
)
from .reading import read_tables
from .tables import Cell, Row, Table, join_continuations
from .text import Value, canonical, clean
from .writing import CONTENT_TYPES, FORMATS, to_bytes, write_tables

__all__ = [
    "CONTENT_TYPES",
    "FORMATS",
    "LIMITS",
    "MESSAGES",
    "PLACE_WORDS",
    "AmbiguousHeader",
    "BadFile",
    "Block",
    "Cell",
    "Document",
    "Grid",
    "Heading",
    "Limits",
    "Locked",
    "Message",
    "Para",
    "Place",
    "Recognised",
    "Row",
    "Table",
    "TooLarge",
    "Unreadable",
    "Unsafe",
    "Value",
    "WrongKind",
    "canonical",
    "clean",
    "join_continuations",
    "read_tables",
    "recognise",
    "to_bytes",
    "write_tables",
]
