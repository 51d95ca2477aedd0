"""The API as a whole: it changes nothing but by verbs, offers every verb that pages have, and its schema is kept."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from talka.api.root import ROUTERS, api, openapi
from talka.core import api as shared
from talka.core.actions import VERBS

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "src" / "talka"
# The operations of a sheet change rows by the sheet's `add` and `change`, which are its room's verbs, or by `remove`.
BY_SHEETS = {"add_row", "change_row", "remove_row"}

# Verbs that no program may have, and why.
NOT_OFFERED = {
    "parties.invite": "makes a link to choose a password by: it goes to the person, not to a program",
    "parties.choose_password": "a password is typed by its owner",
    "parties.set_password": "a password is typed by its owner",
    "parties.set_email": "whoever takes over the address takes over the account",
    "parties.set_language": "the account's own page",
    "parties.make_token": "a key that made keys would outlive its own end",
    "parties.grant": "through the table of people, in its column of roles",
    "parties.revoke": "through the table of people, in its column of roles",
    "parties.open_account": "through the table of people, in its column of roles",
    "parties.affiliate": "through the table of people, in its column of organisations",
    "parties.edit_affiliation": "through the table of people, in its column of organisations",
    "parties.end_affiliation": "through the table of people, in its column of organisations",
    "parties.add_names": "through the table of organisations, in its column of other names",
    "domains.set_shares": "called by strategy.share",
    "plan.put_measures": "called by the import and by the other verbs on measures",
    "plan.edit_section": "through the table of sections",
    "plan.add_section": "through the table of sections",
    "plan.remind": "the house's own",
    "plan.note_sent": "the house's own",
    "portfolio.follow_strategy": "the house's own",
    "facilities.fill_wishes": "the house's own",
    "biobanks.note_seen": "the house's own",
    "biobanks.note_answers": "the house's own",
    "biobanks.note_receipts": "the house's own",
    "biobanks.pack": "the house's own",
    "biobanks.publish_form": "through the table of consent forms, in its column of the day",
    "biobanks.attach_scan": "a paper is scanned at the counter, on its page",
}


def operations() -> Iterator[Any]:
    for router in ROUTERS:
        for view in router.path_operations.values():
            yield from view.operations


WRITES = [each for each in operations() if each.methods != ["GET"]]


def calls(function: FunctionType, depth: int = 2) -> set[str]:
    """The verbs of a room that a function names, itself or in a helper of its module."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    room = function.__module__.split(".")[1]
    found: set[str] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "actions"
        ):
            found.add(f"{room}.{node.attr}")
        elif isinstance(node, ast.Name) and depth:
            helper = function.__globals__.get(node.id)
            if (
                isinstance(helper, FunctionType)
                and helper.__module__ == function.__module__
                and helper is not function
            ):
                found |= calls(helper, depth - 1)
    return found


def judging(view: FunctionType) -> Any:
    """The verb by which an operation of `core.api.reporting` judges a report; None where it hands one in."""
    given = inspect.getclosurevars(view).nonlocals
    return next((given[name] for name in ("accept", "give_back", "unlock") if name in given), None)


def name_of(operation: Any) -> str:
    return operation.operation_id or api.get_openapi_operation_id(operation)


@pytest.mark.once
@pytest.mark.parametrize("operation", WRITES, ids=name_of)
def test_every_write_calls_a_verb(operation: Any) -> None:
    view = inspect.unwrap(operation.view_func)
    if view.__module__ == shared.__name__ and view.__name__ in BY_SHEETS:
        return
    if view.__module__ == shared.__name__:
        verb = judging(view)
        if verb is not None:
            assert verb in VERBS.values()
            return
        view = inspect.getclosurevars(inspect.getclosurevars(view).nonlocals["made"]).nonlocals["hand_in"]
    named = calls(view)
    imports_plan = (
        name_of(operation) == "plan_import_file"
    )  # by the file's own `apply`, which is put_measures
    assert imports_plan or (named and named <= VERBS.keys())


@pytest.mark.once
def test_every_verb_is_offered_or_kept_back_with_a_reason() -> None:
    offered: set[str] = set()
    for path in [*PACKAGE.glob("*/api.py"), *PACKAGE.glob("*/sheets.py"), *PACKAGE.glob("*/sheets/*.py")]:
        room = path.relative_to(PACKAGE).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "actions"
            ):
                offered.add(f"{room}.{node.attr}")
    known = {verb for verb, function in VERBS.items() if ".tests" not in function.__module__}
    assert sorted(known - offered - NOT_OFFERED.keys()) == []
    assert sorted(NOT_OFFERED.keys() - known) == []


@pytest.mark.once
def test_the_kept_schema_is_up_to_date() -> None:
    kept = (PROJECT / "docs" / "generated" / "openapi.json").read_text(encoding="utf-8")
    assert kept == openapi(), "run ./talka docs"


@pytest.mark.once
def test_the_schema_says_what_can_go_wrong() -> None:
    schema = json.loads(openapi())
    assert schema["openapi"] == "3.1.0"
    names = [operation["operationId"] for each in schema["paths"].values() for operation in each.values()]
    assert len(names) == len(set(names))
    problems = {"application/json": {"schema": {"$ref": "#/components/schemas/Problems"}}}
    for path, each in schema["paths"].items():
        for method, operation in each.items():
            expected = {"401", "404", "422"} | ({"400", "403", "409"} if method != "get" else set())
            stated = {s for s, answer in operation["responses"].items() if answer.get("content") == problems}
            assert stated == expected, f"{method} {path}"
            assert " " in operation["summary"], f"{method} {path} does not say what it does"
