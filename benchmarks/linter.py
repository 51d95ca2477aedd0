"""Lints every strategy and plan of a generated home."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.generate import prepare


def measure() -> dict[str, Any]:
    """Seconds, measures linted, findings."""
    from talka.domains.models import Ecosystem
    from talka.plan.models import Measure
    from talka.web import problems

    start = time.perf_counter()
    found: Counter[str] = Counter()
    for ecosystem in Ecosystem.objects.all():
        found.update(finding.code for finding in problems.findings(ecosystem))
    return {"seconds": time.perf_counter() - start, "measures": Measure.objects.count(), "findings": sum(found.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    options = parser.parse_args()
    prepare(options.home)
    result = measure()
    print(f"{result['measures']} measures linted in {result['seconds']:.1f} s: {result['findings']} findings")


if __name__ == "__main__":
    main()
