"""What docs/node.md shows is what the commands are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from talka_node.__main__ import COMMANDS, ON_NODE, _parser

pytestmark = pytest.mark.once

PROJECT = Path(__file__).resolve().parents[3]
TEXT = (PROJECT / "docs" / "node.md").read_text(encoding="utf-8")
SHOWN = [line.partition("#")[0].strip() for line in TEXT.splitlines() if line.startswith("talka-node ")]


@pytest.mark.parametrize("line", SHOWN)
def test_a_command_that_is_shown_can_be_typed(line: str) -> None:
    chosen = _parser().parse_args(shlex.split(line)[1:])
    assert chosen.command in COMMANDS.keys() | ON_NODE.keys()


def test_five_minutes_begin_with_four_commands() -> None:
    assert [shlex.split(line)[1] for line in SHOWN] == ["synth", "init", "import", "serve"]


def test_every_command_is_told_of_in_the_help() -> None:
    told = set(re.findall(r"talka-node ([a-z]+)", _parser().description or ""))
    assert told == COMMANDS.keys() | ON_NODE.keys()


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (PROJECT / "docs" / target).exists(), target
