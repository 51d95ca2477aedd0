"""`talka-node holder`: who of the holder's own side reads and writes over FHIR."""

from __future__ import annotations

import argparse
from typing import Any

from talka_node import node
from talka_node.fhir.access import Holders


def holder(chosen: argparse.Namespace) -> dict[str, Any]:
    """A new token, shown this once; with --remove, the end of one."""
    node.about(chosen.node)  # tells first if this is no node
    holders = Holders(chosen.node / "holders.json")
    if chosen.remove:
        holders.remove(chosen.name)
        return {"removed": chosen.name}
    return {"name": chosen.name, "token": holders.issue(chosen.name)}
