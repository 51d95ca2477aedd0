"""`talka-keys`: makes, runs and checks the key server. `--json` prints what a program can read.

talka-keys init                        makes the folder with the key of epoch 1
talka-keys register NODE --public-key HEX --donors N
talka-keys serve
talka-keys rotate                      opens the next epoch; the old one stays open for the overlap
talka-keys status | verify
"""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import json
import logging
import os
import socket
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn

from talka_keys.ledger import ALARMS, Kind, Ledger, Node
from talka_keys.service import Service, describe
from talka_keys.vault import Vault

POPULATION = 1_860_000  # of Latvia, about
Told = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when all is well, 1 when `verify` found something, 2 when it could not be done."""
    chosen = _parser().parse_args(arguments)
    try:
        told: Told | None = COMMANDS[chosen.command](chosen)
    except (OSError, ValueError, LookupError) as error:
        sys.stderr.write(f"talka-keys {chosen.command}: {error}\n")
        return 2
    if told is not None:
        _tell(told, as_json=chosen.json)
    return 1 if told and told.get("findings") else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="talka-keys", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--folder",
        type=Path,
        default=Path(os.environ.get("TALKA_KEYS", "keys")),
        help="of the keys and the ledger (default: $TALKA_KEYS, else ./keys)",
    )
    common.add_argument("--json", action="store_true", help="print JSON")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[common])

    init = command("init", "make the folder with the key of epoch 1")
    init.add_argument("--population", type=int, default=POPULATION, help="people who could be enumerated")
    init.add_argument("--lasts", type=int, default=365, metavar="DAYS", help="planned length of the epoch")

    register = command("register", "let a node ask, or change its key or quotas")
    register.add_argument("node", help="the node's name")
    register.add_argument("--public-key", required=True, metavar="HEX", help="its Ed25519 key, 64 digits")
    register.add_argument("--donors", type=int, required=True, help="how many donors it has")
    register.add_argument("--per-day", type=int, help="evaluations in a day (default: donors)")
    register.add_argument("--per-epoch", type=int, help="evaluations in an epoch (default: twice the donors)")

    command("suspend", "let a node ask no more").add_argument("node", help="the node's name")

    rotate = command("rotate", "open the next epoch")
    rotate.add_argument("--overlap", type=int, default=30, metavar="DAYS", help="the old one stays open")
    rotate.add_argument("--lasts", type=int, default=365, metavar="DAYS", help="planned length of the epoch")

    verify = command("verify", "check keys, journal and quotas")
    verify.add_argument(
        "--head", metavar="ROW:HASH", help="that a node was told with an answer (Talka-Journal)"
    )

    command("status", "epochs, nodes with what they have spent, alarms")
    command("accept-clock", "take the clock for right after it was wrong")

    serve = command("serve", "answer nodes")
    serve.add_argument("--host", default="127.0.0.1", help="any other address than loopback needs TLS")
    serve.add_argument("--port", type=int, default=8610, help="0: any free one")
    serve.add_argument("--certificate", type=Path, help="PEM, for TLS")
    serve.add_argument("--certificate-key", type=Path, help="PEM, for TLS")
    return parser


def _tell(told: Told, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
        return
    for name, value in told.items():
        if isinstance(value, list):
            sys.stdout.write(f"{name}: {'none' if not value else ''}\n")
            for each in value:
                line = (
                    "  ".join(f"{key} {part}" for key, part in each.items())
                    if isinstance(each, dict)
                    else each
                )
                sys.stdout.write(f"  {line}\n")
        else:
            sys.stdout.write(f"{name}: {value}\n")


# --- commands -----------------------------------------------------------------------------------------------


def _now() -> datetime:
    return datetime.now(UTC)


def _days(number: int, name: str) -> timedelta:
    if number < 1:
        raise ValueError(f"--{name} is a number of days, at least 1, not {number}")
    return timedelta(days=number)


def _ledger(folder: Path) -> contextlib.closing[Ledger]:
    Vault(folder).epochs()  # tells first if this is no folder of keys, before a file is made in it
    return contextlib.closing(Ledger(folder))


def init(chosen: argparse.Namespace) -> Told:
    if chosen.population < 1:
        raise ValueError(f"--population is a number of people, at least 1, not {chosen.population}")
    vault = Vault.create(chosen.folder, _now(), _days(chosen.lasts, "lasts"))
    with _ledger(chosen.folder) as ledger:
        ledger.begin(chosen.population)
    Service(chosen.folder).close()  # journals the epoch
    return {"folder": str(chosen.folder), "epoch": 1, "public_key": vault.newest().public.hex()}


def register(chosen: argparse.Namespace) -> Told:
    try:
        key = bytes.fromhex(chosen.public_key)
    except ValueError:
        raise ValueError("--public-key is 64 hexadecimal digits") from None
    per_day = chosen.donors if chosen.per_day is None else chosen.per_day
    per_epoch = 2 * chosen.donors if chosen.per_epoch is None else chosen.per_epoch
    node = Node(chosen.node, key, chosen.donors, per_day, per_epoch)
    with _ledger(chosen.folder) as ledger:
        ledger.register(node, _now())
    return {"node": node.name, "donors": node.donors, "per_day": node.per_day, "per_epoch": node.per_epoch}


def suspend(chosen: argparse.Namespace) -> Told:
    with _ledger(chosen.folder) as ledger:
        ledger.suspend(chosen.node, _now())
    return {"suspended": chosen.node}


def rotate(chosen: argparse.Namespace) -> Told:
    overlap, lasts = _days(chosen.overlap, "overlap"), _days(chosen.lasts, "lasts")
    vault, now = Vault(chosen.folder), _now()
    vault.epochs()  # tells first if this is no folder of keys
    vault.rotate(now, overlap, lasts)
    Service(chosen.folder).close()  # journals the epoch
    return {"epochs": [describe(epoch, now) for epoch in vault.epochs().values()]}


def verify(chosen: argparse.Namespace) -> Told:
    noted = None
    if chosen.head:
        row, _, digest = chosen.head.partition(":")
        if not row.isdecimal() or not digest:
            raise ValueError("--head is a row's number and its hash, as 12:9f86d081…, as answers carry it")
        noted = (int(row), digest)
    epochs = Vault(chosen.folder).epochs()
    with _ledger(chosen.folder) as ledger:
        findings = ledger.findings(noted)
        opened = {(each.epoch, each.note) for each in ledger.journal(Kind.OPENED)}
        last, digest = ledger.head()
    findings += [
        f"keys: epoch {epoch.number} is not the one that the journal tells of"
        for epoch in epochs.values()
        if (epoch.number, f"public key {epoch.public.hex()}") not in opened
    ]
    if len(opened) > len(epochs):
        findings.append(f"keys: the journal tells of {len(opened)} epochs, the key file has {len(epochs)}")
    return {"rows": last, "head": f"{last}:{digest}", "epochs": len(epochs), "findings": findings}


def status(chosen: argparse.Namespace) -> Told:
    vault, now = Vault(chosen.folder), _now()
    with _ledger(chosen.folder) as ledger:
        newest = vault.newest().number
        nodes: list[Told] = []
        for node in ledger.nodes():
            today, in_epoch = ledger.spent(node.name, newest, now)
            nodes.append(
                {
                    "node": node.name,
                    "donors": node.donors,
                    "today": f"{today} of {node.per_day}",
                    f"epoch_{newest}": f"{in_epoch} of {node.per_epoch}",
                    "suspended": node.suspended,
                }
            )
        alarms = [
            {
                "at": row.at.isoformat(),
                "alarm": row.kind.removeprefix("alarm: "),
                "node": row.node,
                "note": row.note,
            }
            for row in ledger.journal(*ALARMS)
        ]
        last, digest = ledger.head()
    return {
        "epochs": [describe(epoch, now) for epoch in vault.epochs().values()],
        "nodes": nodes,
        "alarms": alarms,
        "head": f"{last}:{digest}",
    }


def accept_clock(chosen: argparse.Namespace) -> Told:
    now = _now()
    with _ledger(chosen.folder) as ledger:
        ledger.accept_clock(now)
    return {"accepted": now.isoformat()}


def serve(chosen: argparse.Namespace) -> None:
    """Answers until it is stopped. It says its address once it listens."""
    secure = chosen.certificate is not None
    if secure != (chosen.certificate_key is not None):
        raise ValueError("--certificate and --certificate-key go together")
    host = ipaddress.ip_address(chosen.host)
    if not host.is_loopback and not secure:
        raise ValueError(f"{host} is not loopback: give --certificate and --certificate-key")
    service = Service(chosen.folder)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    family = socket.AF_INET if host.version == 4 else socket.AF_INET6
    with socket.create_server((str(host), chosen.port), family=family, backlog=128) as listener:
        # Else an answer's body waits 40 ms for the client to acknowledge its head: asyncio sets this only on sockets
        # that were made with the protocol's number. Connections inherit it.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = f"[{host}]" if host.version == 6 else str(host)
        address = f"http{'s' if secure else ''}://{name}:{listener.getsockname()[1]}"
        _tell({"listening": address}, as_json=chosen.json)
        sys.stdout.flush()
        config = uvicorn.Config(
            service.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=30,
            limit_concurrency=100,
            ssl_certfile=chosen.certificate,
            ssl_keyfile=chosen.certificate_key,
        )
        uvicorn.Server(config).run(sockets=[listener])


COMMANDS = {
    "init": init,
    "register": register,
    "suspend": suspend,
    "rotate": rotate,
    "verify": verify,
    "status": status,
    "accept-clock": accept_clock,
    "serve": serve,
}

if __name__ == "__main__":
    sys.exit(main())
