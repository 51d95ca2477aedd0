"""Whatever is put together from the words of FHIRPath, it gives values or is refused, and never breaks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka_node.fhirpath import PathError, compile_path
from talka_node.fhirpath.compiler import OWN
from talka_node.fhirpath.functions import LAMBDAS, PLAIN
from talka_node.fhirpath.operators import BINARY
from talka_node.fhirpath.tests.test_paths import ANNA

pytestmark = pytest.mark.once

ATOMS = st.sampled_from(
    ["name", "name.given", "birthDate", "deceased", "multipleBirth", "active", "extension", "link.other", "absent",
     "$this", "$index", "%resource", "%rowIndex", "{}", "true", "'text'", "'1.50'", "''", "'2024-02'", "'('", "'hex'",
     "0", "-1", "3", "1.50", "99999999999999999999", "0.000000000000000000001", "@2024-02-29", "@2024",
     "@9999-12-31T23:59:59Z", "@0001-01-01", "@T10:30", "@2010-10-10T", "4 'mg'", "5000000000 years", "3 months",
     "1 'Cel'", "(1 | 2 | 'a' | @2024)", "extension.value", "Quantity"]
)  # fmt: skip
# Each function with as many arguments as it takes.
CALLS = {name: (least, most) for name, (least, most, _) in (PLAIN | LAMBDAS).items()} | OWN
OPERATORS = st.sampled_from([*BINARY, "and", "or", "implies"])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def call(name: str) -> st.SearchStrategy[str]:
        least, most = CALLS[name]
        arguments = st.lists(inner, min_size=least, max_size=min(most, 3))
        return st.builds(lambda target, given: f"({target}).{name}({', '.join(given)})", inner, arguments)

    return st.one_of(
        st.builds(lambda one, two, sign: f"({one}) {sign} ({two})", inner, inner, OPERATORS),
        st.sampled_from(sorted(CALLS)).flatmap(call),
        st.builds(lambda one, two: f"({one})[{two}]", inner, inner),
        st.builds(
            lambda one, kind: f"({one}) {kind}",
            inner,
            st.sampled_from(["is Quantity", "as date", "is string"]),
        ),
    )


@given(st.recursive(ATOMS, _larger, max_leaves=6))
def test_any_path_gives_values_or_is_refused(path: str) -> None:
    try:
        found: list[Any] = compile_path(path)(ANNA)
    except PathError as why:
        assert str(why)
    else:
        assert isinstance(found, list)
        assert None not in found
