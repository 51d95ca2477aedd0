"""SQL on FHIR 2.0: a ViewDefinition turns FHIR resources into flat rows, one resource at a time.

    for row in rows(view, resources): ...

`definition` reads a view once into closures, or says by its path in the view what is wrong with it. `command` is
`talka-node view`: resources from a file with one per line, rows out the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from talka_node.views.command import view_command
from talka_node.views.definition import View, ViewError

__all__ = ["View", "ViewError", "rows", "view_command"]


def rows(view: dict[str, Any], resources: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows that `view` makes of `resources`, in their order. Raises ViewError, for a bad view before the first row.

    Numbers as precise as they are written need `Decimal` instead of float in the resources (`View.exact` says whether
    the view looks at that).
    """
    compiled = View.of(view)
    return compiled.rows(resources)
