"""The API of the room: niches and competence fields."""

from __future__ import annotations

from ninja import Router

from talka.core.api import table
from talka.domains.api import InEcosystem, here
from talka.network import sheets  # noqa: F401 -- the sheets declare themselves

router = Router(tags=["network"])

table(
    router, "network.niches", "/ecosystems/{ecosystem}/niches", name="Niche", where=InEcosystem, parent=here
)
table(
    router,
    "network.competences",
    "/ecosystems/{ecosystem}/competences",
    name="Competence",
    where=InEcosystem,
    parent=here,
)
