"""`talka lint`, `talka indicators`, `talka doctor`: what is wrong, what the numbers say, whether the house is sound."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from talka.cli import talka
from talka.cli.output import as_json, in_ecosystem, in_language, say_json, say_table, speak, the_ecosystem
from talka.core import indicators as core_indicators
from talka.documents import record
from talka.web import doctor as examination


@talka.command()
@in_ecosystem
@in_language
@as_json
@click.option(
    "--severity", type=click.Choice(["error", "warning", "info"]), default="info", help="This one and worse."
)
def lint(ecosystem: str | None, language: str, as_json: bool, severity: str) -> None:
    """Look for defects in the strategy in force and the plans. Status 1 if there are errors."""
    speak(language)
    findings = list(record.findings(the_ecosystem(ecosystem), None, at_least=severity))
    if as_json:
        say_json(
            [
                {key: asdict(f)[key] for key in ("code", "severity", "place", "found", "expected")}
                for f in findings
            ]
        )
    else:
        rows = [[f.code, f.severity, f.place, f.found, f.expected] for f in findings]
        say_table(["Code", "Severity", "Place", "Found", "Expected"], rows, widths=[5, 8, 34, 46, 46])
        click.echo(f"\n{len(findings)} findings")
    sys.exit(1 if any(f.severity == "error" for f in findings) else 0)


@talka.command()
@in_ecosystem
@in_language
@as_json
def indicators(ecosystem: str | None, language: str, as_json: bool) -> None:
    """Read every indicator that the rooms provide."""
    speak(language)
    where = the_ecosystem(ecosystem)
    rows = []
    for code, each in sorted(core_indicators.INDICATORS.items()):
        reading = core_indicators.read(code, where)
        rows.append(
            {
                "code": code,
                "label": str(each.label),
                "unit": str(each.unit),
                "value": reading.value,
                "as_of": reading.as_of,
            }
        )
    if as_json:
        say_json(rows)
    else:
        table = [[r["code"], r["label"], "–" if r["value"] is None else r["value"], r["unit"]] for r in rows]
        say_table(["Code", "Indicator", "Value", "Unit"], table, widths=[34, 50, 12, 16])


@talka.command()
@as_json
def doctor(as_json: bool) -> None:
    """Examine the installation: database, migrations, disk, keys, letters, record. Status 1 if something is ill."""
    results = examination.examine()
    if as_json:
        say_json([asdict(result) for result in results])
    else:
        marks = {"well": "✓", "note": "·", "ill": "✗"}
        for result in results:
            click.echo(f" {marks[result.state]} {result.name}: {result.found}")
            if result.remedy:
                click.echo(f"     → {result.remedy}")
    sys.exit(1 if any(result.state == "ill" for result in results) else 0)
