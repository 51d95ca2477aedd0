"""FHIRPath over FHIR JSON: a path is read once, compiled to plain closures, and run on one resource after another.

    given = compile_path("name.where(use = 'official').given.first()")
    given(patient)    # ["Anna"]

It covers the subset that SQL on FHIR asks for and most of FHIRPath 2.0 beyond it. There is no model of FHIR behind it:
types come from the JSON itself, from the name of a choice element (`valueQuantity` is `value` as a Quantity) and from
the few names that are always dates. What a path cannot mean is refused when it is compiled; what it cannot mean for one
resource (text minus a number) when it is run. Errors name the place in the path and never show a value.
"""

from __future__ import annotations

from talka_node.fhirpath.compiler import Path, compile_path
from talka_node.fhirpath.syntax import PathError

__all__ = ["Path", "PathError", "compile_path"]
