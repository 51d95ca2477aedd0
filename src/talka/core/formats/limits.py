"""How much a file may ask of us: every limit of the readers in one frozen value.

The numbers are generous for people (the largest national plan has a few hundred rows) and small for a hub
that serves others at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, characters, rows, columns, pages and seconds; all are the largest value still
    accepted."""

    file_bytes: int = 25 * MB
    unpacked_bytes: int = 200 * MB
    """Of all parts of a docx or xlsx together."""
    part_bytes: int = 100 * MB
    """Of one XML part: its tree takes several times as much memory."""
    ratio: int = 200
    """Unpacked bytes for one packed byte. Text of real tables packs 5 to 40 times."""
    parts: int = 5_000
    tables: int = 1_000
    rows: int = 20_000
    columns: int = 100
    cell_characters: int = 20_000
    pdf_pages: int = 200
    pdf_seconds: int = 60
    """Of work; a page full of text takes a quarter of one."""
    pdf_memory_bytes: int = 2048 * MB


LIMITS = Limits()
