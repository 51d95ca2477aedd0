"""The walls of the house: imports lean only downwards, and a breach of any kind is really seen.

That foreign keys lean downwards too is in test_mechanisms.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.conf import settings

from tests.lanes import ROOT

pytestmark = pytest.mark.once

CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}
ROOMS = [name.removeprefix("talka.") for name in settings.ROOMS]


def lint_imports(project: Path) -> subprocess.CompletedProcess[str]:
    command = "from importlinter.cli import lint_imports_command as go; go(['--no-logo', '--no-cache'])"
    return subprocess.run(
        [sys.executable, "-c", command],
        cwd=project,
        env={"PYTHONPATH": str(project / "src"), "COLUMNS": "200", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_are_kept() -> None:
    linted = lint_imports(ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("core/values.py", "import talka.domains.models", "The house"),
        ("governance/models.py", "import talka.network.models", "The house"),
        ("domains/models.py", "import talka.domains.actions", "A room"),
        ("attic/__init__.py", "", "The house"),  # a room on no floor
        ("domains/helpers.py", "", "A room"),  # a file that rooms do not have
    ],
)
def test_a_breach_is_caught(tmp_path: Path, file: str, line: str, broken: str) -> None:
    shutil.copytree(
        ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("static", "seed", "templates")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    breach = tmp_path / "src" / "talka" / file
    breach.parent.mkdir(exist_ok=True)
    with breach.open("a") as source:
        source.write(f"\n{line}\n")
    linted = lint_imports(tmp_path)
    assert linted.returncode == 1, linted.stdout + linted.stderr
    contract = next(each for each in CONTRACTS.values() if each["name"].startswith(broken))
    assert f"{contract['name']} BROKEN" in linted.stdout


def test_the_settings_name_the_rooms_in_the_order_of_the_floors() -> None:
    listed = [room.strip(" ()") for rooms in CONTRACTS["house"]["layers"] for room in rooms.split("|")]
    assert [room for room in listed if room in ROOMS] == ROOMS
