"""The mechanisms hold everywhere: keys point down, verbs are guarded, rows are the house's, codes are known."""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.apps import apps
from django.core.management import call_command
from django.db import models

from talka.core import indicators, lint, sheets
from talka.core.actions import VERBS
from talka.core.models import Attachment, Noun, Report
from talka.core.rules import PERMISSIONS
from talka.parties.roles import ROLES

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "src" / "talka"
CONTRACTS = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
LAYERS = next(contract for contract in CONTRACTS if contract["id"] == "house")["layers"]
FLOORS = {
    room.strip(" ()"): floor for floor, rooms in enumerate(reversed(LAYERS)) for room in rooms.split("|")
}
MODELS = [model for model in apps.get_models() if model.__module__.startswith("talka.")]
ROOMS = sorted(path.parent for path in PACKAGE.glob("*/apps.py"))
# Written by the house itself, never by a person's verb: the record, its outbox, the index, kept readings.
KEPT_BY_CORE = {"core.event", "core.change", "core.seal", "core.delivery", "core.reading", "core.searchentry"}


def room_of(model: type[models.Model]) -> str:
    return model.__module__.split(".")[1]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_foreign_keys_point_down(model: type[models.Model]) -> None:
    for field in model._meta.get_fields():
        target = field.related_model if field.concrete and field.is_relation else None
        if not isinstance(target, type) or not target.__module__.startswith("talka."):
            continue
        here, there = room_of(model), room_of(target)
        assert here == there or FLOORS[there] < FLOORS[here], (
            f"{model._meta.label}.{field.name} leans up to {there}"
        )


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_row_is_a_noun_and_no_link_is_hidden(model: type[models.Model]) -> None:
    assert issubclass(model, Noun) or model._meta.label_lower in KEPT_BY_CORE
    assert [field.name for field in model._meta.many_to_many] == [], (
        "give the link a model of its own, so that it is on record"
    )


def verbs() -> Iterator[tuple[str, Any]]:
    for path in sorted(PACKAGE.glob("*/actions.py")) + sorted(PACKAGE.glob("*/actions/*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        if name == "talka.core.actions":
            continue
        module = importlib.import_module(name)
        for each, function in inspect.getmembers(module, inspect.isfunction):
            if not each.startswith("_") and function.__module__ == name:
                yield f"{name}.{each}", function


@pytest.mark.parametrize(
    ("name", "function"), list(verbs()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_public_function_of_actions_is_a_verb(name: str, function: Any) -> None:
    assert hasattr(function, "verb"), f"{name} is not guarded by @action"
    parameters = list(inspect.signature(function).parameters.values())
    assert parameters[0].kind == inspect.Parameter.POSITIONAL_OR_KEYWORD, f"{name}: its subject comes first"
    assert all(
        p.kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD) for p in parameters[1:]
    ), f"{name}: everything after the subject goes by name"
    assert "by" in {p.name for p in parameters}, f"{name} does not say who acts"
    assert (function.__doc__ or "").strip(), f"{name} does not say what it does"


def test_queries_and_edges_change_nothing() -> None:
    """Only actions.py, core and migrations write rows; the record would otherwise have holes."""
    bypasses = {"bulk_create", "bulk_update", "get_or_create", "update_or_create"}
    writers = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.glob("*/*.py")
        if path.parent.name != "core" and path.name not in {"actions.py", "archive.py"}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in bypasses
    ]
    assert writers == []


def test_every_permission_is_declared_and_given() -> None:
    given = frozenset().union(*(role.permissions for role in ROLES.values()))
    # Tests declare permissions of their own.
    assert given == frozenset(code for code in PERMISSIONS if not code.startswith("test."))


def test_every_verb_rests_on_a_declared_permission() -> None:
    loose = sorted(
        verb
        for verb, function in VERBS.items()
        if "tests" not in verb and not vars(function)["needs"].permissions
    )
    assert loose == []


def test_indicators_say_what_they_count() -> None:
    for code, indicator in indicators.INDICATORS.items():
        room = code.partition(".")[0]
        assert indicator.measure.__module__ == f"talka.{room}.indicators", f"{code} is not of its room"
        assert indicator.doc, f"{code} does not say what it counts"


def test_every_indicator_has_a_spec() -> None:
    """An indicator is specified by a test in its room that names it: a small drawn table and the value."""
    for code in indicators.INDICATORS:
        room, _dot, name = code.partition(".")
        tests = "".join(
            path.read_text(encoding="utf-8") for path in (PACKAGE / room / "tests").glob("test_*.py")
        )
        assert code in tests or f"indicators.{name}" in tests, f"no test of {room} names the indicator {code}"


def seeded_targets() -> list[dict[str, Any]]:
    return [
        row
        for path in sorted((PACKAGE / "seed").glob("*/*.yaml"))
        for content in [yaml.safe_load(path.read_text(encoding="utf-8"))]
        if content["sheet"] == "strategy.targets"
        for row in content["rows"]
    ]


def test_every_seeded_target_names_a_known_indicator_or_none() -> None:
    named = {row["indicator"] for row in seeded_targets() if row.get("indicator")}
    assert named <= set(indicators.INDICATORS)


def test_every_seed_file_names_a_known_sheet() -> None:
    for path in (PACKAGE / "seed").glob("*/*.yaml"):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["sheet"] in sheets.SHEETS, path.name


def test_lint_rules_say_what_they_look_for() -> None:
    for code, rule in lint.RULES.items():
        assert rule.doc, f"lint rule {code} has no docstring"


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_room_has_a_readme_of_a_dozen_lines(room: Path) -> None:
    text = (room / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {room.name}\n")


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    out = io.StringIO()
    call_command("makemigrations", check=True, dry_run=True, stdout=out, verbosity=1)
    assert out.getvalue().strip() == "No changes detected"


def test_reports_and_attachments_stand_in_one_place() -> None:
    """What people report and attach is kept once, in core; a room that makes its own splits the history."""
    suspects = [
        model._meta.label
        for model in MODELS
        if model not in (Report, Attachment) and model.__name__.endswith(("Report", "Attachment", "Evidence"))
    ]
    assert suspects == []
