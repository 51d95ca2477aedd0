"""Personal codes enter here and go no further: what leaves are pseudonyms that nobody can compute alone.

reading = personal.read_all((donor, text) for …)       # codes, and quarantined rows with reasons
namer = Namer(KeyServer(address, node, key), table)    # pins the epoch's public key
namer.name(reading.codes)                              # proven, kept batch by batch, resumable
changes.apply(lines, register, table, namer)           # the register's feed: old and new code are one person
table.persons(epoch)                                   # what coverage counts
"""

from __future__ import annotations

from talka_node.pseudonyms.client import KeyServer
from talka_node.pseudonyms.naming import Namer
from talka_node.pseudonyms.personal import Code, Quarantined, Reason, read, read_all
from talka_node.pseudonyms.resolver import NetworkResolver
from talka_node.pseudonyms.table import Feed, Persons, Table

__all__ = [
    "Code", "Feed", "KeyServer", "Namer", "NetworkResolver", "Persons", "Quarantined", "Reason",
    "Table", "read", "read_all",
]  # fmt: skip
