"""`talka docs`: writes the documentation that is made from the code; a test checks that it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from talka.api.root import openapi
from talka.cli import talka
from talka.cli.output import as_json, say_json
from talka.documents import reference


@talka.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("docs/generated"))
@click.option("--check", is_flag=True, help="Write nothing; status 1 if a file is out of date.")
@as_json
def docs(folder: Path, check: bool, as_json: bool) -> None:
    """Write the tables of indicators, roles, lint rules, sheets and verbs, and the API's schema, into FOLDER."""
    stale = []
    for name, text in {**reference.pages(), "openapi.json": openapi()}.items():
        path = folder / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if as_json:
        say_json({"out_of_date" if check else "written": stale})
    else:
        click.echo(", ".join(stale) or "up to date")
    sys.exit(1 if check and stale else 0)
