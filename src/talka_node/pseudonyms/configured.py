"""Which key server a node asks, from `keys.yaml` in its directory; without that file it asks none.

    address: https://keys.example:8610
    node: slimnica              # how the key server knows this node
    epochs: {1: "<64 hex digits>"}   # the public key of each epoch, as its operator published it
    trust: keys-ca.pem          # certificates other than the system's, beside this file
    register: "<64 hex digits>" # the key of the register that signs the feed of changed codes

The newest epoch is asked. Its answers are proven against the key that stands here, so nothing is asked at start.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka_node.pseudonyms.client import Answer, Epoch, KeyServer

FILE = "keys.yaml"
_KEYS = ("address", "node", "epochs", "trust", "register")


class BadKeys(ValueError):
    """The file is none; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What the file says."""

    address: str
    node: str
    epochs: dict[int, bytes] = field(default_factory=dict)
    trust: str | None = None
    register: bytes | None = None

    def server(self, key: Ed25519PrivateKey, folder: Path) -> Pinned:
        """The key server, asked with the node's own key. `folder`: where the file with certificates lies."""
        trust = ssl.create_default_context(cafile=folder / self.trust) if self.trust else None
        return Pinned(KeyServer(self.address, self.node, key, trust=trust), self.epochs)


class Pinned:
    """A key server whose epochs are those that the node's operator pinned, whatever it announces."""

    def __init__(self, server: KeyServer, epochs: dict[int, bytes]) -> None:
        self.server = server
        self._epochs = [Epoch(number, key, is_open=True) for number, key in sorted(epochs.items())]

    def epochs(self) -> list[Epoch]:
        return self._epochs

    def evaluate(self, epoch: int, blinded: Sequence[bytes]) -> Answer:
        return self.server.evaluate(epoch, blinded)


def read(folder: Path) -> Keys | None:
    """What a node's `keys.yaml` says; None where there is none. BadKeys tells what is wrong in it."""
    place = folder / FILE
    if not place.exists():
        return None
    try:
        told: Any = yaml.safe_load(place.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as why:
        raise BadKeys(f"{FILE}: not YAML in UTF-8 ({type(why).__name__})") from None
    if not isinstance(told, dict) or (unknown := told.keys() - set(_KEYS)):
        named = f", not {', '.join(sorted(map(str, unknown)))}" if isinstance(told, dict) else ""
        raise BadKeys(f"{FILE}: a mapping of {', '.join(_KEYS)} is meant{named}")
    epochs = told.get("epochs")
    if not isinstance(epochs, dict) or not epochs or not all(type(number) is int for number in epochs):
        raise BadKeys(f"{FILE}: epochs is a mapping from an epoch's number to its public key, at least one")
    if not all(isinstance(told.get(name), str) and told[name] for name in ("address", "node")):
        raise BadKeys(
            f"{FILE}: address and node are needed: where the key server is, and how it knows this node"
        )
    if not isinstance(told.get("trust", ""), str):
        raise BadKeys(f"{FILE}: trust is the name of a file of certificates (PEM) beside it")
    pinned = {number: hexadecimal(key, f"epochs, {number}") for number, key in epochs.items()}
    register = hexadecimal(told["register"], "register") if told.get("register") else None
    return Keys(told["address"], told["node"], pinned, told.get("trust"), register)


def write(folder: Path, keys: Keys) -> None:
    """Writes the file, whole or not at all."""
    told: dict[str, Any] = {
        "address": keys.address,
        "node": keys.node,
        "epochs": {number: key.hex() for number, key in sorted(keys.epochs.items())},
    }
    told |= {"trust": keys.trust} if keys.trust else {}
    told |= {"register": keys.register.hex()} if keys.register else {}
    part = folder / f"{FILE}.part"
    with part.open("w", encoding="utf-8") as file:
        yaml.safe_dump(told, file, sort_keys=False)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / FILE)


def hexadecimal(text: Any, what: str) -> bytes:
    """A public key of 32 bytes. BadKeys says how it is written."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9a-f]{64}", text):
        raise BadKeys(f"{what}: a public key is 64 hexadecimal digits in small letters, in quotes in YAML")
    return bytes.fromhex(text)
