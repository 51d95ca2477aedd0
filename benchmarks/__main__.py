"""Every benchmark, small and large data side by side, in homes of their own that are thrown away afterwards.

python -m benchmarks [--small 5 --large 50]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.generate import PROJECT


def run(*arguments: str) -> str:
    """One benchmark in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=5, help="ecosystems in the small data")
    parser.add_argument("--large", type=int, default=50, help="ecosystems in the large data")
    parser.add_argument("--seconds", type=float, default=10, help="of load on each kind of page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talka-bench-") as folder:
        homes = {size: Path(folder, str(size)) for size in (options.small, options.large)}
        for size, home in homes.items():
            print(run("benchmarks.generate", str(home), "--ecosystems", str(size)).strip())
        small, large = (
            json.loads(run("benchmarks.pages", str(home), "--json", "--seconds", str(options.seconds)))
            for home in homes.values()
        )
        print(f"\n8 concurrent clients; data {options.large / options.small:.0f} times as large\n")
        print(
            f"{'page':12} {'p50 small':>10} {'p50 large':>10} {'p95 small':>10} {'p95 large':>10}"
            f" {'growth':>7} {'queries':>8}"
        )
        for kind, figures in large.items():
            growth = figures["p50"] / small[kind]["p50"]
            print(
                f"{kind:12} {small[kind]['p50']:8.1f}ms {figures['p50']:8.1f}ms"
                f" {small[kind]['p95']:8.1f}ms {figures['p95']:8.1f}ms"
                f" {growth:7.2f} {figures['queries']:8}"
            )
        print()
        for home in homes.values():
            print(run("benchmarks.linter", str(home)).strip())
    print()
    print(run("benchmarks.workbook"))


if __name__ == "__main__":
    main()
