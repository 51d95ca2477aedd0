"""The official suite of SQL on FHIR v2, as far as it lies beside this checkout: every case tagged shareable passes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from talka_node.views import View, ViewError, rows
from tests.lanes import need_shared

pytestmark = pytest.mark.once

Case = tuple[str, list[dict[str, Any]], dict[str, Any]]


def cases() -> list[Case]:
    found: list[Case] = []
    for path in sorted(need_shared("conformance/sql-on-fhir").glob("*.json")):
        suite = json.loads(path.read_text(encoding="utf-8"))
        found += [(f"{path.stem}: {test['title']}", suite["resources"], test) for test in suite["tests"]]
    return found


def canonical(found: list[dict[str, Any]]) -> list[str]:
    """Rows in an order of their own: the standard leaves it open."""
    return sorted(json.dumps(row, sort_keys=True) for row in found)


def verdict(resources: list[dict[str, Any]], test: dict[str, Any]) -> str:
    """Empty if the case passes, else what went wrong."""
    try:
        found = list(rows(test["view"], resources))
    except ViewError as why:
        return "" if test.get("expectError") else f"refused: {why}"
    if test.get("expectError"):
        return "an error was expected"
    columns = [column.name for column in View.of(test["view"]).columns]
    if columns != test.get("expectColumns", columns):
        return f"columns {columns} instead of {test['expectColumns']}"
    if canonical(found) != canonical(test["expect"]):
        return f"rows {found} instead of {test['expect']}"
    return ""


def test_shareable_cases(capsys: pytest.CaptureFixture[str]) -> None:
    shareable = [case for case in cases() if "shareable" in case[2].get("tags", [])]
    wrong = {title: why for title, resources, test in shareable if (why := verdict(resources, test))}
    with capsys.disabled():
        print(f"\nSQL on FHIR v2: {len(shareable) - len(wrong)} of {len(shareable)} shareable cases pass")  # noqa: T201
    assert wrong == {}
    assert shareable
