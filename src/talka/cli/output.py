"""How commands answer: a table for people, JSON for machines; and which ecosystem they speak of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import click
from django.utils.translation import activate

from talka.domains.models import Ecosystem
from talka.domains.queries import ecosystems

as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
in_ecosystem = click.option(
    "--ecosystem", "-e", help="Code of the ecosystem; not needed where there is only one."
)
in_language = click.option(
    "--language",
    type=click.Choice(["lv", "en"]),
    default="lv",
    show_default=True,
    help="Language of the answer.",
)


def the_ecosystem(code: str | None) -> Ecosystem:
    """The ecosystem of that code, or the only one there is. Raises a usage error that names those there are."""
    known = list(ecosystems())
    if code is None and len(known) == 1:
        return known[0]
    for each in known:
        if each.code == code:
            return each
    names = ", ".join(each.code for each in known) or "none yet: run `talka up`"
    raise click.UsageError(f"Which ecosystem? Give --ecosystem CODE; there are: {names}.")


def speak(language: str) -> None:
    """Answers from here on are in this language."""
    activate(language)


def say_json(value: Any) -> None:
    """Writes JSON to stdout, with exact decimals as numbers."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)


def say_table(header: Sequence[str], rows: Sequence[Sequence[Any]], *, widths: Sequence[int]) -> None:
    """Writes a table to stdout; a cell longer than its column goes on below."""
    for row in [header, ["─" * min(w, 12) for w in widths], *rows]:
        cells = [
            _wrapped(str("" if cell is None else cell), width)
            for cell, width in zip(row, widths, strict=True)
        ]
        for line in range(max(len(cell) for cell in cells)):
            text = "  ".join(
                (cell[line] if line < len(cell) else "").ljust(width)
                for cell, width in zip(cells, widths, strict=True)
            )
            click.echo(text.rstrip())


def _wrapped(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]
