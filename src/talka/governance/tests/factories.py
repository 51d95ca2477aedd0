"""Bodies and decisions drawn for tests."""

from __future__ import annotations

from typing import Any

from talka.core.actions import SYSTEM
from talka.domains.models import Ecosystem
from talka.governance import actions
from talka.governance.models import Body, Decision


def body(eco: Ecosystem, code: str = "council", **values: Any) -> Body:
    named: dict[str, Any] = {
        "title_lv": f"Padome {code}",
        "title_en": f"Council {code}",
        "kind_of": "council",
    }
    return actions.add_body(eco, by=SYSTEM, code=code, **{**named, **values})


def decision(of: Body, title: str = "Par medu", **values: Any) -> Decision:
    return actions.prepare(of, by=SYSTEM, title_lv=title, **values)
