"""The API of the room: ecosystems and what things are about."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from talka.core.api import table
from talka.domains import queries, sheets  # noqa: F401 -- the sheets declare themselves
from talka.domains.models import Ecosystem

router = Router(tags=["domains"])


class InEcosystem(Schema):
    """The address of whatever lives in an ecosystem."""

    ecosystem: str = Field(description='code of the ecosystem, as in "biomed"')


def here(request: HttpRequest, place: Any) -> Ecosystem:
    """The ecosystem that an address names. Raises Http404."""
    return queries.enter(request, place.ecosystem)


table(router, "domains.ecosystems", "/ecosystems", name="Ecosystem")
table(router, "domains.domains", "/domains", name="Domain")
table(router, "domains.missions", "/missions", name="Mission")
table(router, "domains.policies", "/policies", name="Policy")
table(router, "domains.rules", "/rules", name="DatedRule")
