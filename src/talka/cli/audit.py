"""`talka audit`: seal the record of events, check it, read it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from talka.cli import talka
from talka.cli.output import as_json, say_json, say_table
from talka.core import events
from talka.core.models import Event


@talka.group()
def audit() -> None:
    """The record of who did what, and its seals."""


@audit.command()
@as_json
@click.option(
    "--heads",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A copy of the signed heads that was kept elsewhere.",
)
def verify(as_json: bool, heads: Path | None) -> None:
    """Check every sealed event against its seal, the chain, the signatures and the kept heads."""
    verdict = events.verify(heads)
    if as_json:
        say_json(asdict(verdict))
    elif not verdict.faults:
        click.echo(
            f"The record is whole: {verdict.events} events under {verdict.seals} seals"
            f" ({verdict.unsealed} not sealed yet)."
        )
    else:
        say_table(["Place", "What is wrong"], [[f.place, f.message] for f in verdict.faults], widths=[34, 80])
    sys.exit(1 if verdict.faults else 0)


@audit.command()
@as_json
def seal(as_json: bool) -> None:
    """Seal the events that are not sealed yet."""
    made = events.seal()
    if as_json:
        say_json([{"seal": each.pk, "events": each.count, "digest": each.digest} for each in made])
    else:
        click.echo(
            f"{len(made)} new seals; the heads are in {events.heads_path()}. Copy that file to another machine."
        )


@audit.command()
@as_json
@click.option("--last", default=50, show_default=True, type=click.IntRange(1, 10000))
def log(as_json: bool, last: int) -> None:
    """The last events."""
    found = Event.objects.order_by("-id")[:last]
    if as_json:
        say_json(
            [
                {"id": e.pk, "at": e.at, "by": e.by_name, "verb": e.verb, "subject": e.subject_name}
                for e in found
            ]
        )
    else:
        rows = [[f"{e.at:%Y-%m-%d %H:%M}", e.by_name, e.verb, e.subject_name] for e in found]
        say_table(["When", "Who", "What", "On"], rows, widths=[16, 24, 32, 60])
