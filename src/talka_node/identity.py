"""Who is who in a node: by network pseudonyms where a key server is configured, else by keyed hashes of its own.

With a key server nothing in the node's directory lets anybody try a personal code: neither a table, nor ids of rows,
nor refused rows, nor digests of files. Without one, whoever has the directory with its `keys/` can try all codes;
`status` says so. A node is one or the other from its first import on.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from talka_node.importers import LocalResolver, Resolver
from talka_node.importers.manifest import CODE_LIKE, signing_key
from talka_node.pseudonyms import Namer, NetworkResolver, Table, configured
from talka_node.pseudonyms.configured import Keys, Pinned

WEAKER = (
    "this node keeps hashes of personal codes and their key, both in keys/: whoever takes them can try all codes. Keep"
    " keys/ apart from backups of the rest, or configure a key server before the first import: talka-node keys"
)
STRONGER = "nothing in this directory lets anybody try personal codes without the key server"


class WrongIdentity(ValueError):
    """The directory's persons were numbered in another way than it is configured for."""


class Identity:
    """The persons of the node in a directory. The key server is asked only where a personal code stands somewhere."""

    def __init__(self, node: Path) -> None:
        self.node = node
        self.keys: Keys | None = configured.read(node)
        self.table: Table | None = None
        folder = node / "keys"
        if self.keys is None:
            if (folder / "identity.db").exists():
                raise WrongIdentity(
                    f"{configured.FILE} is missing, and the persons here were numbered with a key server: restore it"
                )
            return
        if (folder / "people.table").exists():
            raise WrongIdentity(
                f"{configured.FILE} names a key server, but keys/people.table holds hashes of personal codes from"
                " before: make a new node, configure it first and import anew, or remove the file"
            )
        self.table = Table(folder / "identity.db")

    def close(self) -> None:
        if self.table is not None:
            self.table.close()

    @cached_property
    def server(self) -> Pinned:
        if self.keys is None:
            raise LookupError("this node asks no key server; configure one: talka-node keys")
        return self.keys.server(signing_key(self.node), self.node)

    def namer(self) -> Namer:
        """Names codes in the newest epoch that is pinned. LookupError without a key server."""
        server = self.server
        assert self.table is not None
        return Namer(server, self.table)

    @property
    def epoch(self) -> int | None:
        """The epoch in use; None without a key server."""
        return max(self.keys.epochs) if self.keys is not None else None

    def resolver(self, floor: int) -> Resolver:
        """For one import; `floor`: numbers below it are somebody's."""
        if self.table is None:
            return LocalResolver(self.node / "keys", floor=floor)
        return NetworkResolver(self.table, self.namer(), floor=floor)

    def find(self, source: str, person: str) -> int | None:
        """The donor with this id at a source; None where it is not known."""
        if self.table is None:
            return LocalResolver(self.node / "keys").find(source, person)
        if CODE_LIKE.search(person):
            person = NetworkResolver(self.table, self.namer()).without_codes(person)
        return self.table.find(source, person)

    def donor_of(self, subject: str) -> int | None:
        """The donor whom a message of the hub names: `pseudonym:<epoch>:<64 hex digits>`, or `id:<source>:<id>`."""
        kind, _, rest = subject.partition(":")
        first, colon, second = rest.partition(":")
        if not colon:
            return None
        if kind == "id":
            return None if CODE_LIKE.search(second) else self.find(first, second)
        if kind != "pseudonym" or self.table is None:
            return None
        try:
            return self.table.donor_of(int(first), bytes.fromhex(second))
        except (ValueError, LookupError):
            return None

    def forget(self, donors: Iterable[int]) -> None:
        """Remove what leads to these numbers, for good."""
        if self.table is not None:
            self.table.forget(donors)
        else:
            LocalResolver(self.node / "keys").forget(donors)

    def status(self) -> dict[str, Any]:
        """How persons are named, and what that is worth."""
        if self.keys is None or self.table is None:
            return {"persons": "keyed hashes of this node's own", "weaker": WEAKER}
        epoch = self.epoch
        assert epoch is not None
        known = epoch in self.table.epochs()
        feed = self.table.feed(epoch) if known else None
        return {
            "persons": "network pseudonyms",
            "key_server": self.keys.address,
            "epoch": epoch,
            "named": len(self.table.donors(epoch)) if known else 0,
            "changes_of_codes": f"applied up to message {feed.sequence} of {feed.day}"
            if feed
            else "none applied",
            "safe": STRONGER,
        }

    def verify(self) -> list[str]:
        return [] if self.table is None else self.table.verify()
