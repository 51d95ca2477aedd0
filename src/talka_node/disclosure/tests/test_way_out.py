"""There is no other way out: nothing else reads an exact answer, and what admits questions cannot see one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import talka_node

pytestmark = pytest.mark.once

NODE = Path(next(iter(talka_node.__path__)))
INSIDE = {"disclosure", "engines"}  # who may look into an exact answer
BLIND = {"admission.py", "grid.py", "forms.py", "policy.py"}  # of disclosure: decide by the question alone
INVENTED = "all donors there are invented: it answers Beacon's testMode and never sees a node's store"
BY_VISA = "whoever holds the visa is given each record, so how many there are as well"
EXCEPTIONS = {"beacon/synthetic.py": INVENTED, "extracts.py": BY_VISA}
FIELDS = {"cells", "whole"}


def modules() -> Iterator[Path]:
    for path in sorted(NODE.rglob("*.py")):
        if "tests" not in path.relative_to(NODE).parts:
            yield path


def looks_inside(source: str) -> list[str]:
    """Where a module reads the fields of `Exact`, or takes hold of the class, which would let it take it apart."""
    found = []
    tree = ast.parse(source)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}  # a field is not called
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) if name in FIELDS and id(node) not in called:
                found.append(f"line {node.lineno}: .{name}")
            case ast.ImportFrom(names=names) if any(each.name == "Exact" for each in names):
                found.append(f"line {node.lineno}: imports Exact")
            case ast.Attribute(attr="Exact"):
                found.append(f"line {node.lineno}: .Exact")
            case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=name), *_]) if (
                name in FIELDS
            ):
                found.append(f"line {node.lineno}: getattr {name}")
            case ast.MatchClass(cls=ast.Name(id="Exact")):
                found.append(f"line {node.lineno}: matches Exact")
    return found


def test_only_disclosure_looks_into_an_exact_answer() -> None:
    found = {
        str(path.relative_to(NODE)): seen
        for path in modules()
        if path.relative_to(NODE).parts[0] not in INSIDE
        and path.relative_to(NODE).as_posix() not in EXCEPTIONS
        and (seen := looks_inside(path.read_text(encoding="utf-8")))
    }
    assert found == {}, "an exact answer goes to talka_node.disclosure.release, which gives what may be told"


@pytest.mark.parametrize(
    "wrong",
    ["exact.whole", "f(x.cells.items())", "getattr(exact, 'cells')", "from talka_node.engines import Engine, Exact",
     "engines.Exact", "match x:\n    case Exact(whole, _): pass"],
)  # fmt: skip
def test_the_test_sees_each_way_around(wrong: str) -> None:
    assert len(looks_inside(wrong)) == 1


def test_a_method_of_the_same_name_is_something_else() -> None:
    assert looks_inside("check.whole(manifest)") == []


def test_what_admits_questions_sees_no_answers() -> None:
    seen = set()
    for path in modules():
        if path.parent == NODE / "disclosure" and path.name in BLIND:
            seen.add(path.name)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = []
                if isinstance(node, ast.Import):
                    names = [each.name for each in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                for name in names:
                    if name.startswith("talka_node"):
                        assert name.startswith("talka_node.disclosure"), (
                            f"{path.name}: {name} may know answers"
                        )
                        assert not name.endswith("release"), f"{path.name}: {name} knows answers"
    assert seen == BLIND
