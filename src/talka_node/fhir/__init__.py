"""FHIR R4 at the node's edge, with the profiles of MIABIS on FHIR: reading, searching, writing.

    *fhir.routes(node, access)

`access` makes grants of visas (`Access`); without one, only the holder's own side is let in.
"""

from __future__ import annotations

from talka_node.fhir.access import Access, Grant, Holders
from talka_node.fhir.edge import application, routes
from talka_node.fhir.faults import Fault
from talka_node.fhir.visas import Visas

__all__ = ["Access", "Fault", "Grant", "Holders", "Visas", "application", "routes"]
