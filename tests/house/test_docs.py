"""Documentation that is made from the code is up to date, and the README speaks of commands that exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from talka.cli import load, talka
from talka.documents import reference

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", sorted(reference.pages()))
def test_generated_pages_are_up_to_date(name: str) -> None:
    kept = (PROJECT / "docs" / "generated" / name).read_text(encoding="utf-8")
    assert kept == reference.pages()[name], "run ./talka docs"


def commands(group: click.Group, prefix: str = "") -> set[str]:
    names: set[str] = set()
    for name, command in group.commands.items():
        names |= (
            commands(command, f"{prefix}{name} ") if isinstance(command, click.Group) else {prefix + name}
        )
    return names


@pytest.mark.parametrize("document", ["README.md", "docs/operations.md", "docs/architecture.md"])
def test_documents_name_only_commands_that_exist(document: str) -> None:
    load()
    known = commands(talka) | {"test"}
    text = (PROJECT / document).read_text(encoding="utf-8")
    named = re.findall(r"(?:^|`)(?:\./)?talka ((?:[a-z-]+ ?){1,2})", text, flags=re.MULTILINE)
    unknown = [
        name.strip()
        for name in named
        if name.strip() not in known
        and name.split()[0] not in known
        and not any(each.startswith(name.split()[0] + " ") for each in known)
    ]
    assert unknown == []


def test_every_command_is_documented() -> None:
    load()
    text = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    missing = [name for name in sorted(commands(talka)) if f"talka {name}" not in text]
    assert missing == []


def test_every_setting_is_documented() -> None:
    settings = (PROJECT / "src" / "talka" / "settings.py").read_text(encoding="utf-8")
    text = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    named = set(re.findall(r"environ(?:\.get)?[\[(]\"([A-Z_]+)\"", settings))
    assert sorted(name for name in named if name not in text) == []
