"""Documentation that is made from the code: indicators, roles, verbs, lint rules, sheets.

`talka docs` writes these pages into docs/generated/; a house test fails when one is out of date.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import override

from talka.core.actions import VERBS
from talka.core.indicators import INDICATORS
from talka.core.lint import RULES
from talka.core.sheets import SHEETS
from talka.parties.roles import matrix_markdown

MADE = "<!-- made by `talka docs`; change the code instead -->\n\n"


def pages() -> dict[str, str]:
    """Every generated page: file name → Markdown."""
    with override("en"):
        made = {
            "indicators.md": _indicators(),
            "permissions.md": matrix_markdown(),
            "verbs.md": _verbs(),
            "lint-rules.md": _lint_rules(),
            "sheets.md": _sheets(),
        }
    return {name: MADE + text for name, text in made.items()}


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _both(label: Any) -> tuple[str, str]:
    with override("lv"):
        latvian = str(label)
    return str(label), latvian


def _indicators() -> str:
    rows = [
        (f"`{code}`", *_both(each.label), each.unit, each.doc.partition("\n\n")[0])
        for code, each in sorted(INDICATORS.items())
    ]
    return (
        "# Indicators\n\nNumbers that the rooms provide. A target names one by its code; a target that names none is"
        " read from what people report.\n\n"
        + _table(["Code", "Indicator", "Latvian", "Unit", "What is counted"], rows)
    )


def _verbs() -> str:
    rows = [
        (f"`{verb}`", (function.__doc__ or "").strip().partition("\n\n")[0], function.needs)  # type: ignore[attr-defined]
        for verb, function in sorted(VERBS.items())
        if function.__module__.startswith("talka.") and ".tests." not in function.__module__
    ]
    return (
        "# Verbs\n\nEverything that can change, each guarded by a rule and written to the record.\n\n"
        + _table(["Verb", "What it does", "Who may"], rows)
    )


def _lint_rules() -> str:
    rows = [
        (f"`{code}`", rule.severity, *_both(rule.label), rule.doc.partition("\n\n")[0])
        for code, rule in sorted(RULES.items())
    ]
    return "# Lint rules\n\n" + _table(["Code", "Severity", "Rule", "Latvian", "What is looked for"], rows)


def _sheets() -> str:
    parts = ["# Sheets\n\nTables that can be exported and imported, by the same declaration.\n"]
    for code, sheet in sorted(SHEETS.items()):
        rows = [
            (f"`{column.key}`", *_both(column.label), type(column).__name__, "yes" if column.required else "")
            for column in sheet.columns
        ]
        parts.append(
            f"\n## {sheet.label} (`{code}`)\n\nUnder: `{sheet.over}`. Key: {', '.join(sheet.key)}.\n\n"
        )
        parts.append(_table(["Column", "Header", "Latvian", "Kind", "Required"], rows))
    return "".join(parts)
