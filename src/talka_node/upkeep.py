"""Commands for a node's own people: whom it asks for pseudonyms, and what else it is told from outside.

Each takes what was chosen on the command line and gives what is to be told, see `__main__`.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from talka_node import node
from talka_node.disclosure import Refused, Region
from talka_node.hub import Hub, put
from talka_node.importers.manifest import signing_key
from talka_node.node import NotANode
from talka_node.pseudonyms import configured
from talka_node.pseudonyms.configured import Keys, hexadecimal

Told = dict[str, Any]


def keys(chosen: argparse.Namespace) -> Told:
    """Which key server is asked. Without options: what is set, and the node's public key for its operator."""
    node.about(chosen.node)  # tells first if this is no node
    signer = signing_key(chosen.node)
    held = configured.read(chosen.node)
    if chosen.server is None and held is None:
        given = [
            name for name in ("known_as", "epoch", "trust", "register") if getattr(chosen, name) is not None
        ]
        if given:
            raise ValueError(
                "--server is needed first: the key server's address, as https://keys.example:8610"
            )
        return {"key_server": None, "public_key": _public(signer)}
    if (chosen.node / "keys" / "people.table").exists():
        raise NotANode(
            f"{chosen.node} has numbered persons by hashes of its own; a key server is for a new node: make one,"
            " configure it first, and import anew"
        )
    asked = _changed(chosen, held)
    if asked != held:
        if not asked.epochs:
            asked = replace(asked, epochs=_announced(asked, chosen))
        configured.write(chosen.node, asked)
    return {
        "key_server": asked.address,
        "node": asked.node,
        "public_key": _public(signer),
        "epochs": {str(number): key.hex() for number, key in sorted(asked.epochs.items())},
        "register": asked.register.hex() if asked.register else None,
        "next": f"talka-keys register {asked.node} --public-key {_public(signer)} --donors N",
    }


def _changed(chosen: argparse.Namespace, held: Keys | None) -> Keys:
    found = held or Keys(chosen.server, chosen.known_as or "")
    found = replace(
        found,
        address=chosen.server or found.address,
        node=chosen.known_as or found.node,
        register=hexadecimal(chosen.register, "--register") if chosen.register else found.register,
    )
    if not found.node:
        raise ValueError("--as is needed: how the key server is to know this node")
    if chosen.trust is not None:
        shutil.copy(chosen.trust, chosen.node / "keys-ca.pem")
        found = replace(found, trust="keys-ca.pem")
    if (chosen.epoch is None) != (chosen.public_key is None):
        raise ValueError(
            "--epoch and --public-key go together: the epoch's number and the key server's key for it"
        )
    if chosen.epoch is not None:
        key = hexadecimal(chosen.public_key, "--public-key")
        if found.epochs.get(chosen.epoch, key) != key:
            raise ValueError(
                f"epoch {chosen.epoch} has another key in {configured.FILE}: ask the key server's operator which is"
                " right; pseudonyms of both would not compare"
            )
        found = replace(found, epochs={**found.epochs, chosen.epoch: key})
    return found


def _announced(asked: Keys, chosen: argparse.Namespace) -> dict[int, bytes]:
    """The newest open epoch that the key server tells of: pinned from now on."""
    server = asked.server(signing_key(chosen.node), chosen.node).server
    found = [each for each in server.epochs() if each.is_open]
    if not found:
        raise LookupError("the key server has no open epoch; ask its operator")
    return {found[-1].number: found[-1].public_key}


def _public(signer: Any) -> str:
    return str(signer.public_key().public_bytes_raw().hex())


def hub(opened: node.Node, chosen: argparse.Namespace) -> Told:
    """Whom the node listens to. Without options: what is set, and what the hub needs to know."""
    held = opened.hub or Hub()
    names = {name: key.hex() for name, key in held.keys.items()}
    for each in chosen.key:
        name, equals, key = each.partition("=")
        if not equals:
            raise ValueError(f"--key is NAME=HEX, not {each!r}")
        names[name] = key
    for name in chosen.drop:
        if names.pop(name, None) is None:
            raise LookupError(f"there is no key named {name!r}; there are {', '.join(names) or 'none'}")
    given = {"keys": names, "feed": chosen.feed, "caller": chosen.caller, "seal": chosen.seal}
    if chosen.key or chosen.drop or any(given[name] for name in ("feed", "caller", "seal")):
        if not names:
            raise ValueError("a hub has one key at least: --key NAME=HEX")
        opened.set_hub(held.changed(**given))
    return opened.listening()


def permits(opened: node.Node, chosen: argparse.Namespace) -> Told:
    """Take permits, list them, or revoke some."""
    if chosen.action == "add":
        taken = opened.take_permits(each.encode() for each in chosen.envelopes)
        refused = [each["refused"] for each in taken if "refused" in each]
        return {"taken": [each for each in taken if "refused" not in each], "refused": refused}
    if chosen.action == "revoke":
        return {"revoked": [opened.permits.revoke(name, opened.today()) for name in chosen.permits]}
    return {"permits": opened.permits.all(opened.today())}


def consents(opened: node.Node, chosen: argparse.Namespace) -> Told:
    """What the log of consents needs a person for."""
    if chosen.action == "today":
        day = opened.log.today(opened.clock().date(), leap=chosen.leap)
        return {"day": day.isoformat()}
    if chosen.action == "destroy":
        due = opened.log.awaiting_destruction()
        return {"awaiting_destruction": [[donor, biobank, day.isoformat()] for donor, biobank, day in due]}
    return {"tombstones": str(opened.log.tombstones), "head": opened.log.head}


def regions(place: Path) -> dict[str, Region]:
    """Sizes of regions from a CSV file with the columns region and people (or inhabitants), and perhaps part_of; the
    rows of one region add up."""
    found: dict[str, Region] = {}
    with place.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            code, people = row.get("region"), row.get("people") or row.get("inhabitants")
            if not code or people is None or not people.isdecimal():
                raise ValueError(
                    f"{place.name}:{number}: region and people are needed, people as a whole number"
                )
            held = found.get(code, Region(0))
            found[code] = Region(held.people + int(people), row.get("part_of") or held.part_of)
    if not found:
        raise ValueError(f"{place.name}: no row; columns are region, people, and perhaps part_of")
    return found


def coverage(opened: node.Node, chosen: argparse.Namespace) -> Told:
    """A sealed parcel for the hub into a file. What is told here is about nobody."""
    place = Path(chosen.to)
    if place.exists():
        raise FileExistsError(f"{place} exists; give a new file")
    found = opened.coverage(exact=chosen.exact)
    if isinstance(found, Refused):
        return {"refused": list(found.reasons)}
    put(place, found.content)
    return {"file": str(place), **found.told}


def changed_codes(opened: node.Node, chosen: argparse.Namespace) -> Told:
    """The register's feed of changed codes."""
    applied = opened.changes(Path(chosen.feed).read_text("utf-8").splitlines())
    told = applied.feed
    return {
        "changes": applied.changes,
        "taken_before": applied.before,
        "up_to": f"message {told.sequence} of {told.day}" if told else None,
    }


def forgotten(opened: node.Node, chosen: argparse.Namespace) -> Told:
    return {"erased_rows": opened.forget(chosen.person, source=chosen.source), "head": opened.log.head}


def compacted(opened: node.Node, _chosen: argparse.Namespace) -> Told:
    """Writes the facts anew, and the index of them."""
    fewer = opened.store.compact()
    opened.refresh()
    return {"segments_fewer": fewer, "facts": opened.store.state.generation}
