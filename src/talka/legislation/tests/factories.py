"""Bills drawn for tests."""

from __future__ import annotations

from typing import Any

from talka.core.actions import SYSTEM
from talka.domains.models import Ecosystem
from talka.legislation import actions
from talka.legislation.models import Bill


def bill(eco: Ecosystem, code: str = "honey", stage: str = "drafting", **values: Any) -> Bill:
    named: dict[str, Any] = {"title_lv": f"Likums {code}", "title_en": f"Law {code}"}
    return actions.add_bill(eco, by=SYSTEM, code=code, stage=stage, **{**named, **values})
