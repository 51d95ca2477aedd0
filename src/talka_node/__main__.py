"""`talka-node`: a data node beside a holder's own data. `--json` prints what a program can read.

talka-node synth FOLDER                    a synthetic country, to try all of it
talka-node init NODE                       a new node in a new directory; --from FOLDER with a country's forms and rules
talka-node import NODE PATH …              take files, all or nothing; the signed manifest says what was refused
talka-node ask NODE QUESTION.json          what may be told of a question
talka-node withdraw NODE PERSON …          donors take consent back
talka-node forget NODE PERSON              erase a person, for good
talka-node keys NODE                       name persons with a key server; before the first import
talka-node hub NODE                        whose feed of consents and whose permits are taken
talka-node permits add NODE FILE …         take permits that the hub signed; permits list, permits revoke
talka-node consents today NODE             what a person must say: --leap, consents tombstones-lost, destroy
talka-node coverage NODE --to FILE         how many persons, sealed for the hub alone
talka-node changes NODE FEED               the register's signed feed: which code took another's place
talka-node allow NODE CALLER               register who may ask over the network
talka-node holder NODE NAME                a token of the holder's own side, to read and write over FHIR
talka-node describe NODE --to FILE         its datasets in HealthDCAT-AP, for catalogues
talka-node serve NODE                      Beacon and signed questions over HTTP
talka-node status NODE                     what is here, in numbers
talka-node compact NODE                    the facts without what is superseded
talka-node verify NODE                     whether it is as it was written
talka-node bench NODE                      how fast the engine answers on this machine
talka-node view VIEW.json RESOURCES.ndjson rows of a SQL-on-FHIR view
"""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import json
import logging
import os
import shutil
import signal
import socket
import ssl
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from talka_node import consent, control, dcat, disclosure, node, synth, upkeep
from talka_node.consent.chain import Damaged as ConsentDamaged
from talka_node.consent.history import Kind
from talka_node.consent.log import ClockLeap, TombstonesMissing
from talka_node.control import Control
from talka_node.dial import Dialler, Hub
from talka_node.disclosure import Refused, Standing
from talka_node.fhir.command import holder
from talka_node.http import JsonLines, Service
from talka_node.hub import Watch
from talka_node.importers import FORMATS, Progress
from talka_node.importers.manifest import signing_key
from talka_node.journal import Damaged as JournalDamaged
from talka_node.node import Node, NotANode, Open
from talka_node.pseudonyms.client import Refused as KeysRefused
from talka_node.signed import Caller, Callers
from talka_node.store import StoreError
from talka_node.views import ViewError, view_command
from talka_query import language, wire
from talka_query.nodes import AskerKind, Axis, Purpose, Question, Use

Told = dict[str, Any]

DAMAGED = (ConsentDamaged, JournalDamaged, TombstonesMissing)
CANNOT = (OSError, ValueError, LookupError, NotANode, StoreError, ViewError, ClockLeap, KeysRefused, *DAMAGED)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when all is well, 1 when something was refused or found wrong, 2 when it could not be done."""
    chosen = _parser().parse_args(arguments)
    try:
        run = ON_NODE.get(chosen.command)
        told = COMMANDS[chosen.command](chosen) if run is None else _on_node(chosen, run)
    except CANNOT as error:
        BAR.clear()
        sys.stderr.write(f"talka-node {chosen.command}: {error}\n")
        return 2
    except KeyboardInterrupt:
        BAR.clear()
        sys.stderr.write(f"talka-node {chosen.command}: interrupted\n")
        return 130
    if told is None:
        return 0
    _tell(told, as_json=chosen.json)
    return 1 if told.get("findings") or told.get("refused") else 0


def _on_node(chosen: argparse.Namespace, run: Callable[[Node, argparse.Namespace], Told]) -> Told:
    """Carries a command out on the node, or has it carried out by the process that serves it."""
    if chosen.command == "ask":
        stdin = str(chosen.question) == "-"
        chosen.question = (sys.stdin.buffer.read() if stdin else chosen.question.read_bytes()).decode("utf-8")
    if chosen.command == "permits" and chosen.action == "add":
        lines = [line for place in chosen.files for line in place.read_text("utf-8").splitlines()]
        chosen.envelopes = [line for line in lines if line.strip()]
        del chosen.files
    try:
        lost = chosen.command == "consents" and chosen.action == "tombstones-lost"
        with Node(chosen.node, tombstones_lost=lost) as opened:
            return run(opened, chosen)
    except Open:
        given = {name: value for name, value in vars(chosen).items() if name != "node"}
        if "paths" in given:
            given["paths"] = [str(path.resolve()) for path in chosen.paths]
        given = {
            name: str(each.resolve()) if isinstance(each, Path) else each for name, each in given.items()
        }
        answer = control.ask(chosen.node, given)
        if answer is None:
            raise
    except DAMAGED as why:
        if chosen.command != "verify":
            raise
        return {"findings": [str(why)]}
    if "error" in answer:
        raise NotANode(answer["error"])
    return dict(answer["told"])


def _carry_out(opened: Node, given: Told) -> Told:
    """A command that came through the socket of a served node."""
    try:
        return {"told": ON_NODE[given["command"]](opened, argparse.Namespace(**given))}
    except CANNOT as error:
        return {"error": str(error)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="talka-node", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, text: str, *, of_node: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, parents=[common])
        if of_node:
            made.add_argument("node", type=Path, help="the node's directory")
        return made

    def actions(name: str, text: str, **each: str) -> list[argparse.ArgumentParser]:
        """A command that is several."""
        made = commands.add_parser(name, help=text, description=text)
        parts = made.add_subparsers(dest="action", required=True)
        found = []
        for action, says in each.items():
            part = parts.add_parser(action.replace("_", "-"), help=says, description=says, parents=[common])
            part.add_argument("node", type=Path, help="the node's directory")
            found.append(part)
        return found

    made = command("synth", "write a synthetic country to a new folder", of_node=False)
    made.add_argument("folder", type=Path)
    made.add_argument(
        "--persons", type=int, default=20_000, help="inhabitants; one of ten is a donor (default: 20000)"
    )
    made.add_argument("--biobanks", type=int, default=3)
    made.add_argument("--seed", type=int, default=1, help="the same seed gives the same files")
    made.add_argument("--variants", type=int, default=2000, help="sites sequenced in one of ten donors")
    made.add_argument(
        "--formats", default=",".join(synth.FORMATS), help=f"of {', '.join(synth.FORMATS)}; default: all"
    )

    made = command("init", "make a new node in a new directory")
    made.add_argument("--name", default="Datu mezgls", help="of the institution, as others will read it")
    made.add_argument(
        "--from",
        dest="country",
        type=Path,
        help="take forms/, policy.yaml and catalogue.yaml from this folder",
    )
    made.add_argument("--regions", type=Path, metavar="CSV", help="sizes of regions: region, people, part_of")

    made = command("import", "take files into the node, all or nothing")
    made.add_argument("paths", nargs="+", type=Path, help="files, or folders of them")
    made.add_argument("--source", default="", help="where they come from: ids count within a source")
    made.add_argument("--biobank", help="whose samples and consents these are where rows do not say")
    made.add_argument("--format", choices=sorted(FORMATS), help="where the names of files do not tell")
    made.add_argument("--mapping", type=Path, metavar="YAML", help="what the columns of CSV files mean")
    made.add_argument("--reference", metavar="BUILD", help="of VCF files that do not say, as GRCh38")
    made.add_argument("--regions", type=Path, metavar="CSV", help="sizes of regions: region, people, part_of")
    made.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the format")

    made = command("ask", "ask a question; it goes through disclosure and journal like any other")
    made.add_argument("question", type=Path, help="a file in wire form (JSON), or - for standard input")
    made.add_argument("--steps", action="store_true", help="how many are left after each criterion")
    made.add_argument("--permit", action="store_true", help="the question's permit has been checked")
    made.add_argument(
        "--engine", metavar="spark://HOST:PORT", help="ask a cluster of Spark instead of the index"
    )

    made = command("withdraw", "donors take consent back, from now on")
    made.add_argument("persons", nargs="+", metavar="person", help="the donor's id at the source")
    made.add_argument("--source", default="", help="where that id is from, as it was imported")
    made.add_argument("--biobank", help="only at this one")
    made.add_argument("--opt-out", action="store_true", help="of all secondary use of health data instead")

    made = command("forget", "erase a person: facts, ids, and every consent")
    made.add_argument("person", help="the donor's id at the source")
    made.add_argument("--source", default="", help="where that id is from, as it was imported")

    made = command("keys", "name persons by pseudonyms of a key server, or show with which")
    made.add_argument("--server", metavar="ADDRESS", help="as https://keys.example:8610")
    made.add_argument("--as", dest="known_as", metavar="NAME", help="how the key server knows this node")
    made.add_argument("--epoch", type=int, help="pin this epoch; without it the newest that is announced")
    made.add_argument("--public-key", metavar="HEX", help="the key server's key for that epoch, 64 digits")
    made.add_argument("--trust", type=Path, metavar="PEM", help="certificates other than the system's")
    made.add_argument("--register", metavar="HEX", help="the key of the register that signs changes of codes")

    made = command("hub", "listen to a hub: its feed of consents, its permits; or show to which")
    made.add_argument(
        "--key", action="append", default=[], metavar="NAME=HEX", help="its Ed25519 key, 64 digits"
    )
    made.add_argument("--drop", action="append", default=[], metavar="NAME", help="take this key no more")
    made.add_argument("--feed", metavar="NAME", help="of its feed (default: hub)")
    made.add_argument("--caller", help="as which registered caller it asks (default: hub)")
    made.add_argument("--seal", metavar="HEX", help="its X25519 key, for which coverage is sealed")

    add, _, revoke = actions(
        "permits",
        "permits that questions may name",
        add="take permits or revocations that the hub signed",
        list="what is held, in force or not, and how much of it was asked",
        revoke="answer no more by a permit, whoever signed it",
    )
    add.add_argument("files", nargs="+", type=Path, help="an envelope a line")
    revoke.add_argument("permits", nargs="+", metavar="permit", help="its name")

    today, *_ = actions(
        "consents",
        "what the log of consents needs a person for",
        today="write down today; --leap: though it lies more than 400 days ahead",
        destroy="consents withdrawn whose samples and data nobody has recorded as destroyed",
        tombstones_lost="open the node without its tombstones, which are lost for good; they are begun anew",
    )
    today.add_argument("--leap", action="store_true", help="the clock is right")

    made = command("coverage", "how many persons are donors, sealed for the hub alone, once a day")
    made.add_argument("--to", type=Path, required=True, metavar="FILE", help="a new file for the parcel")
    made.add_argument(
        "--exact", action="store_true", help="numbers of pseudonyms instead of sketches of them"
    )

    made = command("changes", "take the register's signed feed of changed personal codes")
    made.add_argument("feed", type=Path, help="its messages, one a line")

    made = command("allow", "let a caller ask over the network, by its key")
    made.add_argument("caller", help="small letters, digits, dots and dashes")
    made.add_argument("--public-key", metavar="HEX", help="its Ed25519 key, 64 digits")
    made.add_argument("--vouches", action="store_true", help="it checks the permits that its questions name")
    made.add_argument("--remove", action="store_true", help="let it ask no more")

    made = command(
        "holder", "a token with which the holder's own side reads and writes over FHIR, on this machine"
    )
    made.add_argument("name", help="small letters, digits, dots and dashes")
    made.add_argument("--remove", action="store_true", help="let the token in no more")

    made = command("describe", "write what the node's datasets are, in HealthDCAT-AP")
    made.add_argument(
        "--to",
        required=True,
        type=os.path.abspath,
        metavar="FILE",
        help="Turtle; JSON-LD if it ends in .jsonld",
    )
    made.add_argument(
        "--address", default="http://127.0.0.1:8620", metavar="URL", help="where the node is reached"
    )
    made.add_argument("--gdi", action="store_true", help="in the profile of the Genomic Data Infrastructure")

    command("status", "what is here, in numbers")
    command("compact", "write the facts anew without what later ones took the place of")
    command("verify", "check facts, consents, index and journal; it reads everything")

    made = command("serve", "answer over HTTP")
    made.add_argument("--host", default="127.0.0.1", help="any other address than loopback needs TLS")
    made.add_argument("--port", type=int, default=8620, help="0: any free one")
    made.add_argument("--certificate", type=Path, help="PEM, for TLS")
    made.add_argument("--certificate-key", type=Path, help="PEM, for TLS")
    made.add_argument(
        "--dial",
        metavar="ADDRESS",
        help="fetch questions from the hub, as at https://talka.example/api/v1/nodes",
    )
    made.add_argument("--dial-as", metavar="NAME", help="how the hub knows this node")
    made.add_argument(
        "--dial-trust", type=Path, metavar="PEM", help="certificates to trust instead of the system's"
    )

    made = command("bench", "measure the engine, and the whole way of a question")
    made.add_argument("--seconds", type=float, default=1.0, help="for each question (default: 1)")

    made = command("view", "print the rows of a SQL-on-FHIR view, one JSON object a line", of_node=False)
    made.add_argument("view", type=Path)
    made.add_argument("resources", type=Path)
    return parser


def _tell(told: Told, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=1) + "\n")
        return
    _lines(told, "")


def _lines(told: Told, indent: str) -> None:
    for name, value in told.items():
        label = f"{indent}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            sys.stdout.write(f"{label}:{'' if value else ' none'}\n")
            _lines(value, indent + "  ")
        elif isinstance(value, list):
            sys.stdout.write(f"{label}:{'' if value else ' none'}\n")
            for each in value:
                line = "  ".join(map(str, each)) if isinstance(each, list) else str(each)
                sys.stdout.write(f"{indent}  {line}\n")
        else:
            sys.stdout.write(f"{label}: {'–' if value is None else value}\n")


class Bar:
    """A line on a terminal that says how far something is; elsewhere a line of JSON every few seconds."""

    EVERY = 5.0  # seconds; what takes less says nothing

    def __init__(self) -> None:
        self.shown = sys.stderr.isatty()
        self.last = 0.0 if self.shown else time.monotonic()

    def show(self, share: float, rate: float, left: float | None, what: str) -> None:
        now = time.monotonic()
        if now - self.last < (0.1 if self.shown else self.EVERY) and not (self.shown and share >= 1):
            return
        self.last = now
        if not self.shown:
            told = {
                "share": round(share, 4),
                f"{what}_per_second": round(rate),
                "seconds_left": left and round(left),
            }
            sys.stderr.write(json.dumps(told) + "\n")
            sys.stderr.flush()
            return
        width = 24
        full = min(width, int(share * width))
        time_left = "" if left is None else f", {_duration(left)} left"
        line = f"[{'#' * full}{'.' * (width - full)}] {share:4.0%}  {rate:,.0f} {what}/s{time_left}"
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()

    def clear(self) -> None:
        if self.shown and self.last:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self.last = 0.0


BAR = Bar()


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60} min {whole % 60} s"


# --- commands -----------------------------------------------------------------------------------------------


def synthesise(chosen: argparse.Namespace) -> Told:
    plan = synth.Plan(chosen.persons, chosen.biobanks, chosen.seed, variants=chosen.variants)
    began = time.monotonic()

    def progress(facts: int, share: float) -> None:
        seconds = time.monotonic() - began
        BAR.show(share, facts / seconds, seconds / share - seconds, "facts")

    formats = [each.strip() for each in chosen.formats.split(",") if each.strip()]
    written = synth.generate(chosen.folder, plan, formats=formats, progress=progress)
    BAR.clear()
    seconds = time.monotonic() - began
    return {
        "folder": str(chosen.folder),
        "rows": written,
        "seconds": round(seconds, 1),
        "rows_per_second": round(sum(written.values()) / seconds),
    }


def init(chosen: argparse.Namespace) -> Told:
    if chosen.country is not None and not (chosen.country / "forms").is_dir():
        raise NotANode(f"{chosen.country} has no folder forms/: it holds consent forms as YAML or JSON")
    Node.create(chosen.node, chosen.name)
    if chosen.country is not None:
        shutil.copytree(chosen.country / "forms", chosen.node / "forms", dirs_exist_ok=True)
        for name in ("policy.yaml", "catalogue.yaml"):
            if (chosen.country / name).exists():
                shutil.copy(chosen.country / name, chosen.node / name)
    with Node(chosen.node) as made:
        if chosen.regions is not None:
            made.set_regions(upkeep.regions(chosen.regions))
        forms = made.log.forms
        return {"node": str(chosen.node), "name": made.name, "forms": len(forms), "findings": forms.problems}


def take(opened: Node, chosen: argparse.Namespace) -> Told:
    options = {name: str(given) for name in ("mapping", "reference") if (given := getattr(chosen, name))}
    if chosen.regions:
        opened.set_regions(upkeep.regions(Path(chosen.regions)))
    for each in chosen.option:
        name, equals, value = each.partition("=")
        if not equals:
            raise ValueError(f"--option is NAME=VALUE, not {each!r}")
        options[name] = value

    def progress(told: Progress) -> None:
        BAR.show(told.bytes / told.of if told.of else 1, told.rate, told.left, "lines")

    began = time.monotonic()
    manifest = opened.take(
        chosen.paths,
        format=chosen.format,
        source=chosen.source,
        biobank=chosen.biobank,
        options=options,
        progress=progress,
    )
    BAR.clear()
    return {
        "manifest": manifest.name,
        "files": [f"{each.name} ({each.lines} lines)" for each in manifest.files],
        "taken": manifest.taken,
        "unchanged": manifest.unchanged,
        "replaced": manifest.replaced,
        "consents": manifest.consents,
        "without_consent": manifest.held,
        "unused": manifest.unused,
        "passed_over": [f"{name}: {why}" for name, why in manifest.passed_over.items()],
        "refused": manifest.refused,
        "first_refusals": [str(each) for each in manifest.first_refusals[:20]],
        "seconds": round(time.monotonic() - began, 1),
    }


def ask(opened: Node, chosen: argparse.Namespace) -> Told:
    question = wire.loads(chosen.question)
    standing = Standing.PERMIT if chosen.permit else Standing.OPEN
    with opened.on_spark(chosen.engine) if chosen.engine else contextlib.nullcontext() as over:
        if chosen.steps:
            steps = opened.attrition(question, standing=standing, over=over)
            return _refused(steps) if isinstance(steps, Refused) else {"steps": steps}
        answer = opened.ask(question, standing=standing, over=over)
    if isinstance(answer, Refused):
        return _refused(answer)
    told = answer.plain()
    return told if chosen.json else {**told["answer"], "day": told["day"]}


def _refused(refused: Refused) -> Told:
    nearest = None if refused.nearest is None else wire.encode(refused.nearest)
    return {"refused": list(refused.reasons), "nearest": nearest}


def withdraw(opened: Node, chosen: argparse.Namespace) -> Told:
    kind = Kind.OPTED_OUT if chosen.opt_out else Kind.WITHDRAWN
    recorded = [
        opened.withdraw(person, source=chosen.source, biobank=chosen.biobank, kind=kind).number
        for person in chosen.persons
    ]
    return {"kind": kind.value, "lines": recorded, "head": opened.log.head}


def allow(chosen: argparse.Namespace) -> Told:
    node.about(chosen.node)  # tells first if this is no node
    callers = Callers(chosen.node / "callers.json")
    if chosen.remove:
        callers.remove(chosen.caller)
        return {"removed": chosen.caller}
    if chosen.public_key is None:
        raise ValueError("--public-key is needed: the caller's Ed25519 key, 64 hexadecimal digits")
    caller = Caller(chosen.caller, chosen.public_key, chosen.vouches)
    callers.put(caller)
    return asdict(caller)


def status(opened: Node, _chosen: argparse.Namespace) -> Told:
    return opened.status()


def verify(opened: Node, _chosen: argparse.Namespace) -> Told:
    return {"findings": opened.verify()}


def serve(chosen: argparse.Namespace) -> None:
    """Answers until it is stopped. It says its address once it listens."""
    secure = chosen.certificate is not None
    if secure != (chosen.certificate_key is not None):
        raise ValueError("--certificate and --certificate-key go together")
    host = ipaddress.ip_address(chosen.host)
    if not host.is_loopback and not secure:
        raise ValueError(f"{host} is not loopback: give --certificate and --certificate-key")
    if (chosen.dial is None) != (chosen.dial_as is None):
        raise ValueError("--dial and --dial-as go together")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    family = socket.AF_INET if host.version == 4 else socket.AF_INET6
    with (
        Node(chosen.node) as opened,
        Control(chosen.node, partial(_carry_out, opened)),
        Watch(opened),
        socket.create_server((str(host), chosen.port), family=family, backlog=128) as listener,
    ):
        # Else an answer's body waits 40 ms for the client to acknowledge its head: asyncio sets this only on sockets
        # that were made with the protocol's number. Connections inherit it.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        service = Service(opened)
        dialler = _dialler(service, chosen)
        name = f"[{host}]" if host.version == 6 else str(host)
        address = f"http{'s' if secure else ''}://{name}:{listener.getsockname()[1]}"
        _tell({"listening": address, "beacon": f"{address}/beacon"}, as_json=chosen.json)
        sys.stdout.flush()
        config = uvicorn.Config(
            service.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=30,
            limit_concurrency=500,
            ssl_certfile=chosen.certificate,
            ssl_keyfile=chosen.certificate_key,
        )
        # The server lets its work end and then raises the signal again; all that is open here is to be closed too.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with dialler, contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _dialler(service: Service, chosen: argparse.Namespace) -> contextlib.AbstractContextManager[object]:
    """The lines to the hub, if the node is to dial out."""
    if chosen.dial is None:
        return contextlib.nullcontext()
    trust = ssl.create_default_context(cafile=chosen.dial_trust) if chosen.dial_trust else None
    made = Dialler(service.app, Hub(chosen.dial, chosen.dial_as, signing_key(chosen.node), trust))
    service.contact = made.contact
    return made


def bench(opened: Node, chosen: argparse.Namespace) -> Told:
    """Medians over some seconds: the engine alone, then with admission and release, without the journal."""
    engine, day = opened.engine(), opened.today()
    purpose = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
    found: Told = {}
    for name, question in _questions(purpose, day).items():
        basis = consent.basis(opened.log.state, purpose, day)
        found[name] = {
            "engine_us": _median(partial(engine.answer, question, basis), chosen.seconds),
            "disclosed_us": _median(partial(_disclosed, opened, question, day), chosen.seconds),
        }
    return {"donors": opened.store.counts()["donors"], "questions": found}


def _questions(purpose: Purpose, day: date) -> dict[str, Question]:
    lung, serum = language.diagnosis("C34"), language.specimen("Serum")
    return {
        name: language.donors(where).by(*axes).for_(purpose, ages_at=day)
        for name, where, axes in (
            ("one_diagnosis", lung, ()),
            ("diagnosis_and_serum", lung & serum, ()),
            ("by_sex_and_age", language.diagnosis("I10") & serum, (Axis.SEX, Axis.AGE_BAND)),
            (
                "nested",
                (language.diagnosis("I10") | language.diagnosis("E11")) & ~language.diagnosis("C00-C97"),
                (),
            ),
            ("serum_a_year_before", serum.before(language.diagnosis("C50"), at_least=365), ()),
        )
    }


def _disclosed(opened: Node, question: Question, day: date) -> None:
    """All that `Node.ask` does but the journal, with a memory of its own: measuring spends nobody's budget."""
    memory = disclosure.Memory(b"bench")
    admitted = disclosure.admit(replace(question, asker="bench"), opened.policy, memory, today=day)
    if isinstance(admitted, Refused):
        raise ValueError(
            f"the node's policy refuses a question of the measurement: {'; '.join(admitted.reasons)}"
        )
    exact = opened.engine().answer(admitted.question, consent.basis(opened.log.state, question.purpose, day))
    disclosure.release(admitted, exact, opened.policy, b"bench")


def _median(run: Callable[[], object], seconds: float) -> float:
    run()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times) < 5:
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return round(statistics.median(times) * 1e6, 1)


def view(chosen: argparse.Namespace) -> None:
    # What reads the rows may stop early, as head does.
    try:
        view_command(chosen.view, chosen.resources, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


COMMANDS: dict[str, Callable[[argparse.Namespace], Told | None]] = {
    "synth": synthesise,
    "init": init,
    "keys": upkeep.keys,
    "allow": allow,
    "holder": holder,
    "serve": serve,
    "view": view,
}
# These go to the process that serves the node, where there is one.
ON_NODE: dict[str, Callable[[Node, argparse.Namespace], Told]] = {
    "import": take,
    "ask": ask,
    "withdraw": withdraw,
    "forget": upkeep.forgotten,
    "hub": upkeep.hub,
    "coverage": upkeep.coverage,
    "changes": upkeep.changed_codes,
    "permits": upkeep.permits,
    "consents": upkeep.consents,
    "describe": dcat.describe,
    "compact": upkeep.compacted,
    "status": status,
    "verify": verify,
    "bench": bench,
}

if __name__ == "__main__":
    sys.exit(main())
