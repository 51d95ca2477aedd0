"""Beacon v2: the node's answers in the words of the GA4GH, as an application that is mounted where the node serves.

    app = application(source)

A request becomes one `talka_query` question (`filters`, `variants`), put to a `BeaconSource`, which stands for engines
and disclosure; what comes back is already what may be told. `synthetic` answers in test mode, from invented people.
"""

from __future__ import annotations

from talka_node.beacon.service import Settings, application
from talka_node.beacon.source import (
    About,
    BeaconSource,
    Cohort,
    Dataset,
    Entry,
    Page,
    Refused,
    Told,
    Visa,
    Vocabulary,
)

__all__ = [
    "About", "BeaconSource", "Cohort", "Dataset", "Entry", "Page", "Refused", "Settings", "Told", "Visa", "Vocabulary",
    "application",
]  # fmt: skip
