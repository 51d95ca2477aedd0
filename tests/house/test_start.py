"""`./talka` on a bare checkout, really run: with empty lists of packages, so that no network is needed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lanes import ROOT

pytestmark = pytest.mark.once

MAIN = "import sys, talka; print(sys.argv[1:], talka.__file__, sys.prefix)"


def bare(folder: Path) -> Path:
    """What a person has after fetching the repository, with an empty product and nothing to install."""
    shutil.copy(ROOT / "talka", folder)
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (folder / lock).write_text("# nothing\n")
    package = folder / "src" / "talka"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(MAIN)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return bare(tmp_path)


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[int, str, str]]:
    checkout = bare(tmp_path_factory.mktemp("first"))
    return checkout, talka(checkout, "up", "--port", "8123")


@pytest.fixture
def installed(first_run: tuple[Path, tuple[int, str, str]], tmp_path: Path) -> Path:
    """A checkout after its first run, moved: each test that passes with it shows that it may be."""
    return shutil.copytree(first_run[0], tmp_path / "moved", symlinks=True)


def talka(
    checkout: Path, *arguments: str, python: str = sys.executable, **environment: str
) -> tuple[int, str, str]:
    """Exit code, what it answered, what it told on the way; run from a folder that is not the checkout."""
    ran = subprocess.run(
        [python, checkout / "talka", *arguments],
        cwd=checkout.parent,
        env={"PATH": "", "HOME": str(checkout), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout, ran.stderr


def answer(checkout: Path, *arguments: str) -> str:
    package, venv = checkout / "src" / "talka" / "__init__.py", checkout / ".venv"
    return f"{list(arguments)} {package} {venv}\n"


def test_help_costs_nothing(checkout: Path) -> None:
    code, out, told = talka(checkout, "--help")
    assert (code, told) == (0, "")
    assert out.startswith("Talka from a bare checkout")
    assert not (checkout / ".venv").exists()


def test_the_first_run_makes_and_fills_the_venv(first_run: tuple[Path, tuple[int, str, str]]) -> None:
    checkout, (code, out, told) = first_run
    assert (code, out) == (0, answer(checkout, "up", "--port", "8123")), told
    assert "making .venv" in told
    assert "installing the 0 packages of requirements.lock" in told


def test_the_second_run_only_starts(installed: Path) -> None:
    assert talka(installed, "lint", "--json") == (0, answer(installed, "lint", "--json"), "")


def test_a_changed_list_is_installed_into_what_is_there(installed: Path) -> None:
    (installed / "requirements.lock").write_text("# nothing else\n")
    code, out, told = talka(installed, "lint")
    assert (code, out) == (0, answer(installed, "lint"))
    assert "making .venv" not in told
    assert "installing the 0 packages" in told
    assert talka(installed, "lint") == (0, answer(installed, "lint"), "")


def test_a_venv_whose_python_is_gone_is_made_again(installed: Path) -> None:
    python = installed / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(installed / "uninstalled")
    code, out, told = talka(installed, "lint")
    assert (code, out) == (0, answer(installed, "lint")), told
    assert "making .venv" in told


def test_a_failed_install_says_why_and_is_tried_again(installed: Path) -> None:
    lock = installed / "requirements.lock"
    lock.write_text("not a requirement\n")
    for _ in range(2):
        code, out, told = talka(installed, "up")
        assert (code, out) == (1, "")
        assert "installing the packages failed" in told
        assert "not a requirement" in told
    lock.write_text("# nothing\n")
    assert talka(installed, "up")[:2] == (0, answer(installed, "up"))


def test_without_any_way_to_make_a_venv_it_says_what_to_install(checkout: Path) -> None:
    """A stand-in for Debian's bare python3: no ensurepip, no virtualenv, no pip, nothing on the PATH."""
    hide = checkout / "hide"
    hide.mkdir()
    (hide / "sitecustomize.py").write_text(
        "import importlib.util as u, os; find = u.find_spec; os.geteuid = lambda: 1000\n"
        "gone = {'ensurepip', 'virtualenv', 'pip'}\n"
        "u.find_spec = lambda name, *more: None if name in gone else find(name, *more)\n"
    )
    code, out, told = talka(checkout, "up", PYTHONPATH=str(hide))
    assert (code, out) == (1, "")
    assert f"sudo apt install python3.{sys.version_info[1]}-venv" in told
    assert "this Python has no ensurepip" in told
    assert not (checkout / ".venv").exists()


def test_an_old_python_is_told_which_one_is_needed(checkout: Path) -> None:
    old = checkout / "old"
    old.mkdir()
    (old / "sitecustomize.py").write_text(
        "import sys; sys.version_info = (3, 9, 2); sys.version = '3.9.2 (old)'\n"
    )
    code, out, told = talka(checkout, "up", PYTHONPATH=str(old))
    assert (code, out) == (1, "")
    assert "needs Python 3.11 or newer, but this is Python 3.9.2" in told


def test_the_tests_need_the_longer_list(installed: Path) -> None:
    stamp = installed / ".venv" / "talka-installed.json"
    assert sorted(json.loads(stamp.read_text())) == ["python", "requirements.lock"]
    _, _, told = talka(installed, "test")  # fails after installing: this checkout has no tests
    assert "installing the 0 packages of requirements-dev.lock" in told
    assert sorted(json.loads(stamp.read_text())) == ["python", "requirements-dev.lock", "requirements.lock"]
