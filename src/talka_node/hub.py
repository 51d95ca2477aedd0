"""The hub that a node listens to, from `hub.yaml` in its directory; without that file it listens to none.

    feed: hub                           # the name of its feed of consents
    caller: hub                         # as which registered caller its accounts ask, see `signed`
    keys: {hub-2026: "<64 hex digits>"} # its Ed25519 keys, for messages and permits; two while it changes them
    seal: "<64 hex digits>"             # its X25519 key: coverage is sealed for it alone

Messages come by a signed request (`feedroute`), or as files in `inbox/`; receipts of files are put into `outbox/`.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from talka_node.pseudonyms.configured import BadKeys, hexadecimal
from talka_node.signed import NAME

if TYPE_CHECKING:
    from talka_node.node import Node

FILE = "hub.yaml"
EVERY = 1.0  # seconds between two looks into the inbox
_KEYS = ("feed", "caller", "keys", "seal")

log = logging.getLogger("talka_node")


class BadHub(ValueError):
    """The file is none, or what is to be set does not go; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Hub:
    """What the file says; `keys` by name, 32 bytes each."""

    feed: str = "hub"
    caller: str = "hub"
    keys: dict[str, bytes] = field(default_factory=dict)
    seal: bytes | None = None

    def public_keys(self) -> dict[str, Ed25519PublicKey]:
        return {name: Ed25519PublicKey.from_public_bytes(key) for name, key in self.keys.items()}

    def changed(self, **given: Any) -> Hub:
        """The same with other names and keys, in the form in which the file has them. BadHub says what is wrong."""
        if not isinstance(given.get("keys") or {}, dict):
            raise BadHub(f"{FILE}: keys is a mapping from names to public keys")
        try:
            keys = {
                str(name): hexadecimal(key, f"keys, {name}")
                for name, key in (given.get("keys") or {}).items()
            }
            seal = hexadecimal(given["seal"], "seal") if given.get("seal") else self.seal
        except BadKeys as why:
            raise BadHub(f"{FILE}: {why}") from None
        names = {name: given.get(name) or getattr(self, name) for name in ("feed", "caller")}
        for name, text in names.items():
            if not isinstance(text, str) or not NAME.fullmatch(text):
                raise BadHub(f"{FILE}: {name} is 1 to 64 small letters, digits, dots, dashes and underscores")
        return Hub(names["feed"], names["caller"], keys or self.keys, seal)


def read(folder: Path) -> Hub | None:
    """What a node's `hub.yaml` says; None where there is none. BadHub tells what is wrong in it."""
    place = folder / FILE
    if not place.exists():
        return None
    try:
        told: Any = yaml.safe_load(place.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as why:
        raise BadHub(f"{FILE}: not YAML in UTF-8 ({type(why).__name__})") from None
    if not isinstance(told, dict) or not told.keys() <= set(_KEYS) or not told.get("keys"):
        raise BadHub(f"{FILE}: a mapping of {', '.join(_KEYS)} is meant, with a key at least")
    return Hub().changed(**told)


def write(folder: Path, hub: Hub) -> None:
    """Writes the file, whole or not at all."""
    told: dict[str, Any] = {
        "feed": hub.feed,
        "caller": hub.caller,
        "keys": {name: key.hex() for name, key in hub.keys.items()},
    }
    told |= {"seal": hub.seal.hex()} if hub.seal else {}
    put(folder / FILE, yaml.safe_dump(told, sort_keys=False).encode())


def put(place: Path, content: bytes) -> None:
    """A file, durable and whole when this returns."""
    part = place.with_name(place.name + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(place)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# --- files ------------------------------------------------------------------------------------------------


def take_inbox(node: Node) -> int:
    """Take the messages that lie in the inbox, in the order of the files' names; how many files there were.

    A file holds an envelope a line. It is removed when its receipts are on disk, so what is cut off in the middle is
    taken again, which changes nothing. Names that end in .part are still being written.
    """
    inbox, outbox = node.path / "inbox", node.path / "outbox"
    if not inbox.is_dir():
        return 0
    places = sorted(each for each in inbox.iterdir() if each.is_file() and each.suffix != ".part")
    for place in places:
        messages = [line for line in place.read_bytes().splitlines() if line.strip()]
        receipts = node.take_feed(messages)
        outbox.mkdir(exist_ok=True)
        put(outbox / place.name, b"".join(receipt + b"\n" for receipt in receipts))
        place.unlink()
    return len(places)


class Watch:
    """Looks into the inbox of a served node, in a thread of its own, while it is entered."""

    def __init__(self, node: Node, every: float = EVERY) -> None:
        self.node, self.every = node, every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)

    def _run(self) -> None:
        while not self._over.wait(self.every):
            try:
                if self.node.hub is not None:
                    take_inbox(self.node)
            except Exception as why:  # noqa: BLE001 -- a full disk, say; the next look tries again
                log.error("inbox", extra={"kind": type(why).__name__})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
