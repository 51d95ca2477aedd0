"""Lints every strategy and plan of a generated home."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.generate import prepare


def measure() -> dict[str, Any]:
    """Seconds, measures linted, findings, queries for each plan."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.urls import reverse

    from talka.core import lint
    from talka.plan.models import Measure, Plan
    from talka.strategy.models import Strategy

    reverse("home")  # reading all addresses of the house is part of a start, not of linting
    start = time.perf_counter()
    found: Counter[str] = Counter()
    for kind, scopes in (
        (Strategy.kind(), Strategy.objects.select_related("ecosystem")),
        (Plan.kind(), Plan.objects.select_related("ecosystem", "strategy")),
    ):
        for scope in scopes.iterator(chunk_size=100):
            found.update(finding.code for finding in lint.run(kind, scope))
    seconds = time.perf_counter() - start
    plan = Plan.objects.select_related("ecosystem", "strategy").latest("id")
    with CaptureQueriesContext(connection) as asked:
        list(lint.run(Plan.kind(), plan))
    return {
        "seconds": seconds,
        "measures": Measure.objects.count(),
        "findings": sum(found.values()),
        "queries": len(asked),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    options = parser.parse_args()
    prepare(options.home)
    result = measure()
    print(
        f"{result['measures']} measures linted in {result['seconds']:.1f} s: {result['findings']} findings,"
        f" {result['queries']} queries for each plan"
    )


if __name__ == "__main__":
    main()
