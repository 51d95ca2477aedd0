"""Generated views against the standard's own algorithm, written out as plainly as it is told there."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka_node.fhirpath import compile_path
from talka_node.views import ViewError, rows

pytestmark = pytest.mark.once

Row = dict[str, Any]

# --- the judge --------------------------------------------------------------------------------------------


def judged(select: Row, element: Any, row: int = 0) -> list[Row]:
    """The rows of a select for one element."""
    elements = [(element, row)]
    if path := select.get("forEach") or select.get("forEachOrNull"):
        elements = [(each, number) for number, each in enumerate(compile_path(path)(element, row))]
    elif "repeat" in select:
        elements = [(each, number) for number, each in enumerate(_down(select["repeat"], element))]
    if not elements and "forEachOrNull" in select:
        return [blank(select)]
    result: list[Row] = []
    for each, number in elements:
        parts = [[{column["name"]: _cell(column, each, number) for column in select.get("column", [])}]]
        parts += [judged(inner, each, number) for inner in select.get("select", [])]
        if "unionAll" in select:
            parts.append([made for inner in select["unionAll"] for made in judged(inner, each, number)])
        result += [
            {name: value for part in chosen for name, value in part.items()} for chosen in product(*parts)
        ]
    return result


def blank(select: Row) -> Row:
    """The one row for nothing: no values, and the first place."""
    row: Row = {}
    for column in select.get("column", []):
        row[column["name"]] = 0 if column["path"] == "%rowIndex" else [] if column.get("collection") else None
    for inner in [*select.get("select", []), *select.get("unionAll", [])[:1]]:
        row |= blank(inner)
    return row


def _down(paths: list[str], element: Any) -> list[Any]:
    return [
        each
        for path in paths
        for child in compile_path(path)(element)
        for each in (child, *_down(paths, child))
    ]


def _cell(column: Row, element: Any, row: int) -> Any:
    found = compile_path(column["path"])(element, row)
    return found if column.get("collection") else found[0] if found else None


# --- what is generated ------------------------------------------------------------------------------------

WORDS = st.sampled_from(["a", "b", "c"])


def _tree(inner: st.SearchStrategy[Row]) -> st.SearchStrategy[Row]:
    some = st.lists(inner, min_size=1, max_size=2)
    optional = {"v": WORDS, "n": st.lists(WORDS, min_size=1, max_size=2), "item": some, "part": some}
    return st.fixed_dictionaries({}, optional=optional)


RESOURCES = st.recursive(st.fixed_dictionaries({"v": WORDS}), _tree, max_leaves=6).map(
    lambda tree: {"resourceType": "Basic"} | tree
)
LOOPS: st.SearchStrategy[Row] = st.sampled_from(
    [{}, {"forEach": "item"}, {"forEachOrNull": "item"}, {"forEach": "part.item"}, {"forEachOrNull": "part"},
     {"repeat": ["item"]}, {"repeat": ["item", "part"]}]
)  # fmt: skip
COLUMNS: st.SearchStrategy[Row] = st.sampled_from(
    [{"path": "v"}, {"path": "n", "collection": True}, {"path": "%rowIndex"}, {"path": "n.first()"}]
)


@st.composite
def selects(draw: st.DrawFn, depth: int = 2, named: list[str] | None = None) -> Row:
    """A select. `named`: columns that it must have, in this order, and no others (in a unionAll)."""
    if named is not None:
        columns = [
            draw(COLUMNS.filter(lambda each: "collection" not in each)) | {"name": name} for name in named
        ]
        return dict(draw(LOOPS)) | {"column": columns}
    name = draw(st.uuids()).hex
    select: Row = dict(draw(LOOPS))
    columns = [draw(COLUMNS) | {"name": f"c{name}{number}"} for number in range(draw(st.integers(0, 2)))]
    if columns:
        select["column"] = columns
    if depth and draw(st.booleans()):
        select["select"] = [draw(selects(depth - 1)) for _ in range(draw(st.integers(1, 2)))]
    if draw(st.booleans()) or not (columns or "select" in select):
        union = [f"u{name}{number}" for number in range(draw(st.integers(1, 2)))]
        select["unionAll"] = [draw(selects(0, union)) for _ in range(draw(st.integers(1, 3)))]
    return select


@given(st.lists(selects(), min_size=1, max_size=2), RESOURCES)
def test_views_are_what_the_standard_says(made: list[Row], resource: Row) -> None:
    view = {"resource": "Basic", "select": made}
    try:
        found = list(rows(view, [resource]))
    except ViewError as why:
        raise AssertionError(f"refused: {why}") from why
    assert found == judged({"select": made}, resource)
