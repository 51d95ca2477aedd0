"""`talka plan`: the plan's documents in and out."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from django.utils import timezone

from talka.cli import talka
from talka.cli.output import as_json, in_ecosystem, in_language, say_json, say_table, speak, the_ecosystem
from talka.core.actions import SYSTEM, Invalid
from talka.plan import queries, sheets
from talka.plan.models import Plan


@talka.group()
def plan() -> None:
    """The annual action plan."""


def _the_plan(ecosystem: str | None, year: int | None) -> Plan:
    where = the_ecosystem(ecosystem)
    found = queries.latest_plan(where, year)
    if found is None:
        raise Invalid(f"There is no plan for {year or timezone.localdate().year} in {where.code}.")
    return found


@plan.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--apply", is_flag=True, help="Carry the changes out, whole or not at all.")
@click.option("--year", type=int, help="Year of the plan; the latest plan if not given.")
@in_ecosystem
@in_language
@as_json
def import_(
    file: Path, apply: bool, year: int | None, ecosystem: str | None, language: str, as_json: bool
) -> None:
    """Read a plan from a docx, xlsx, csv or pdf FILE and show what it would change. Status 1 if it has problems."""
    speak(language)
    read = sheets.read_plan_file(_the_plan(ecosystem, year), file)
    answer = read.as_json()
    applied = apply and not read.problems
    if applied:
        read.apply(by=SYSTEM)
    if as_json:
        say_json(answer)
    else:
        rows = [
            [m["number"], m["title"], ", ".join(m["responsible"]), m["deadline"]] for m in answer["measures"]
        ]
        say_table(["No.", "Measure", "Responsible", "Deadline"], rows, widths=[8, 64, 40, 12])
        verb = "changed" if applied else "would change"
        click.echo(
            f"\n{len(rows)} measures read; {len(answer['changes'])} rows {verb}; {len(read.problems)} problems"
        )
        for problem in read.problems:
            click.echo(f"✗ {problem.place}: {problem.message}", err=True)
    sys.exit(1 if read.problems else 0)


@plan.command()
@click.option("--year", type=int, required=True)
@click.option("--to", "to", type=click.Path(dir_okay=False, path_type=Path), required=True)
@in_ecosystem
@in_language
@as_json
def export(year: int, to: Path, ecosystem: str | None, language: str, as_json: bool) -> None:
    """Write the plan in its official form; the ending of the file says which: docx, xlsx, csv, pdf, json."""
    speak(language)
    found = _the_plan(ecosystem, year)
    sheets.write_plan_file(found, to)
    if as_json:
        say_json(
            {"file": str(to), "year": found.year, "version": found.number, "measures": found.measures.count()}
        )
    else:
        click.echo(f"{found.measures.count()} measures of {found.year} in {to}")
