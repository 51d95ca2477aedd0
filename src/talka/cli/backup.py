"""`talka backup` and `talka restore`: one file that holds everything, for either database."""

from __future__ import annotations

from pathlib import Path

import click

from talka.cli import talka
from talka.cli.output import as_json, say_json
from talka.documents import archive


@talka.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@as_json
def backup(file: Path, as_json: bool) -> None:
    """Write all rows, attached files and keys to FILE (a zip). Keep it safe: it holds the signing key."""
    summary = archive.write(file)
    if as_json:
        say_json(summary)
    else:
        click.echo(f"{summary['rows']} rows and {summary['files']} files in {file}")


@talka.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Even if the database holds rows; they are lost.")
@as_json
def restore(file: Path, replace: bool, as_json: bool) -> None:
    """Bring everything back from FILE, whole or not at all, into an empty database (of either kind)."""
    summary = archive.read(file, replace=replace)
    if as_json:
        say_json(summary)
    else:
        click.echo(f"{summary['rows']} rows and {summary['files']} files restored; the record is whole.")
