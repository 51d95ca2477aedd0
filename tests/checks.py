"""`./talka check`: what can be seen without running the product, the quick things first.

All of them run, so that one look shows everything; it fails if one of them did.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Written in pieces, or this file would be its own first finding.
HOSTS = ("pypi" + ".org", "files.python" + "hosted", "registry.npm" + "js", "registry.yarn" + "pkg")
FORBIDDEN = {
    "a package registry's host": re.compile("|".join(map(re.escape, HOSTS))),
    "a folder of somebody's machine": re.compile(r"(?<![\w./<-])/(?:home|Users|work|root)/[\w.]+"),
}
BINARY = {".png", ".ico", ".woff2", ".ttf", ".docx", ".xlsx", ".pdf", ".zip"}


def tool(*arguments: str) -> Callable[[], bool]:
    """A check by a program of .venv, called as a module: its script would hold an absolute path."""
    # mypy's plugin loads Talka's settings, which without a key would make one in the data folder.
    environment = os.environ | {"TALKA_SECRET_KEY": "not used"}
    command = [sys.executable, "-m", *arguments]
    return lambda: subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def committed() -> Iterator[Path]:
    """The files of the repository, also those about to be added; none where this is no git checkout."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return
    yield from (ROOT / name for name in listed.split("\0") if (ROOT / name).is_file())


def locks_name_no_address() -> bool:
    """A pinned list says what to install, never from where: that is for whoever installs to choose."""
    found = [
        f"{lock.name}:{number}: {line}"
        for lock in sorted(ROOT.glob("requirements*.lock"))
        for number, line in enumerate(lock.read_text().splitlines(), 1)
        if "://" in line
    ]
    print(*found, sep="\n", end="\n" if found else "")
    return not found


def nothing_of_a_machine_is_committed() -> bool:
    found = []
    for path in committed():
        if path.suffix in BINARY or "vendor" in path.parts:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            found += [
                f"{path.relative_to(ROOT)}:{number}: {what}: {line.strip()[:100]}"
                for what, pattern in FORBIDDEN.items()
                if pattern.search(line)
            ]
    print(*found, sep="\n", end="\n" if found else "")
    return not found


def walls() -> bool:
    """The contracts of pyproject.toml. The program has no module entry, so its command is called by name."""
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as go; go(['--no-logo'])",
    ]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


CHECKS: dict[str, Callable[[], bool]] = {
    "style (ruff check)": tool("ruff", "check", "--quiet", "--output-format", "concise"),
    "layout (ruff format)": tool("ruff", "format", "--check", "--quiet"),
    "the locks name no address": locks_name_no_address,
    "nothing of a machine is committed": nothing_of_a_machine_is_committed,
    "walls between rooms (import-linter)": walls,
    "types (mypy)": tool("mypy"),
}


def main() -> int:
    failed = []
    for name, check in CHECKS.items():
        print(f"=== {name}", flush=True)
        began = time.monotonic()
        passed = check()
        print(f"    {'passed' if passed else 'FAILED'}, {time.monotonic() - began:.1f} s", flush=True)
        if not passed:
            failed.append(name)
    print("all checks passed" if not failed else f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
