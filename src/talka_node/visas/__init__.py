"""GA4GH passports and visas: who may see records of which dataset, by what permit, told by whom the node trusts.

    clearing = Clearing(Trust(node.path / "visas"), "https://slimnica.example/datasets/", clock)
    grants = clearing.admit(token)              # Denied says why not
    grants.of("bb-1")                           # Grant: permit, cohort filter, columns, purpose; None

After the AAI profile 1.2 and Passport 1.2 of the GA4GH. `tokens` reads and verifies, `trust` says whose keys count and
what was taken back, `conditions` judges what a visa demands of others, `clearing` puts it together, `mask` shows of a
row what a permit lets be seen. Nothing is fetched: keys are configured, and a `jku` has to be one of those configured.
"""

from __future__ import annotations

from talka_node.visas.clearing import Clearing, Grant, Grants, PermitClaim
from talka_node.visas.mask import Mask
from talka_node.visas.tokens import Denied
from talka_node.visas.trust import Issuer, Trust, Untrusting

__all__ = ["Clearing", "Denied", "Grant", "Grants", "Issuer", "Mask", "PermitClaim", "Trust", "Untrusting"]
