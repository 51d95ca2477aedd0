"""Who is who: what a thief of a node's directory learns with and without a key server, and what restored backups do."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from talka_keys.ledger import Node as Registered
from talka_keys.service import Service
from talka_keys.tests.running import NOON, prepare, running
from talka_keys.tests.running import Clock as KeysClock
from talka_node.consent.history import Kind
from talka_node.disclosure import Refused
from talka_node.identity import STRONGER, WEAKER, WrongIdentity
from talka_node.importers import quarantine
from talka_node.importers.manifest import Manifest, signing_key
from talka_node.node import Answer, Node
from talka_node.pseudonyms import KeyServer, configured
from talka_node.pseudonyms.configured import BadKeys, Keys, Pinned
from talka_node.pseudonyms.tests import invented
from talka_node.store import StoreError
from talka_node.tests import hospital

pytestmark = pytest.mark.once

CODES = "urn:oid:1.3.6.1.4.1.38760.3.1.1"
BORN = date(1970, 5, 5)
SPACE = [invented.old(BORN, number) for number in range(200)]  # what a thief tries
MINE = [SPACE[7 * number] for number in range(20)]  # the codes of the hospital's patients


def patients(codes: list[str], first: int = 0) -> list[dict[str, Any]]:
    """The hospital's donors with these codes; the second one's id is a code, the last one has a wrong birth date."""
    told: list[dict[str, Any]] = []
    for number, code in enumerate(codes, first):
        rows = json.dumps(hospital.donors(number, 1))
        told += json.loads(rows.replace("p1", code) if number == 1 else rows)
        told[-3]["identifier"] = [{"system": CODES, "value": code}]
    told[-3]["birthDate"] = f"not {codes[-1]}"
    return told


@contextmanager
def keys_of(folder: Path, clock: KeysClock, node: Path, *, per_day: int = 500) -> Iterator[Service]:
    """A key server that knows the node as anna, and the node set to ask it."""
    prepare(folder, population=100_000)
    with closing(Service(folder, clock)) as service:
        public = signing_key(node).public_key().public_bytes_raw()
        service.ledger.register(Registered("anna", public, 100, per_day, 5000), NOON)
        with running(service) as (host, port):
            epoch = service.vault.newest()
            configured.write(node, Keys(f"http://{host}:{port}", "anna", {epoch.number: epoch.public}))
            yield service


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> KeysClock:
    """What time it is for the key server and for who signs requests to it."""
    clock = KeysClock()
    monkeypatch.setattr("talka_node.pseudonyms.configured.KeyServer", partial(KeyServer, clock=clock))
    return clock


@pytest.fixture
def local(tmp_path: Path) -> Path:
    hospital.create(tmp_path / "node")
    return tmp_path / "node"


@pytest.fixture
def keys(tmp_path: Path, local: Path, clock: KeysClock) -> Iterator[Service]:
    with keys_of(tmp_path / "keys", clock, local) as service:
        yield service


def total(node: Node) -> int | None:
    answer = node.ask(hospital.question())
    assert not isinstance(answer, Refused)
    return answer.released.total


# --- the thief --------------------------------------------------------------------------------------------


def stolen(node: Path) -> dict[str, bytes]:
    """Every file of the directory and of its tombstones, by name; also the sealed ones, opened with the keys there."""
    places = [*node.rglob("*"), *node.with_name(node.name + ".tombstones").rglob("*")]
    found = {str(place.relative_to(node.parent)): place.read_bytes() for place in places if place.is_file()}
    for sealed in (node / "quarantine").glob("*.sealed"):
        rows = quarantine.opened(node, sealed.stem)
        found[f"{sealed.name}, opened"] = b"\n".join(raw for _, raw in rows)
    return found


def secrets_in(node: Path) -> list[bytes]:
    """All that could be a key: whole small files, and what the tables hold."""
    found = [place.read_bytes() for place in (node / "keys").iterdir() if place.stat().st_size <= 4096]
    if (node / "keys" / "identity.db").exists():
        with closing(sqlite3.connect(f"file:{node / 'keys' / 'identity.db'}?mode=ro", uri=True)) as link:
            found += [
                bytes(row[0]) for row in link.execute("select value from kept where typeof(value) = 'blob'")
            ]
            found += [bytes(row[0]) for row in link.execute("select public_key from epochs")]
            found += [bytes(row[0]) for row in link.execute("select pseudonym from pseudonyms")]
    return [b"", *found]


def tried(node: Path, candidates: list[str], files: dict[str, bytes]) -> set[str]:
    """The codes that a thief recognises: written plainly, or hashed by any key that lies there, alone, in an id, or as
    the only unknown of a short file."""
    everything = b"\0".join(files.values())
    written = {everything[at : at + 16] for at in range(len(everything) - 15)}
    hexadecimal = set(re.findall(rb"(?=([0-9a-f]{24}))", everything))
    keys = secrets_in(node)
    known = set()
    for code in candidates:
        bare = code.replace("-", "")
        if code.encode() in everything or bare.encode() in everything:
            known.add(code)
            continue
        ids = [code, bare, f"Patient/{code}", "hospital:Patient/" + code, "hospital:" + code]
        messages = [
            "\0".join(parts)
            for text in ids
            for parts in ((text,), ("code", text), ("id", "hospital", text), ("hospital", text), ("", text))
        ]
        short = (
            f"{json.dumps({**hospital.donors(0, 1)[0], 'identifier': [{'system': CODES, 'value': code}]})}\n"
        )
        for key, message in itertools.product(keys, [*messages, short]):
            digests = [hmac.digest(key, message.encode(), "sha256")]
            digests += [hashlib.sha256(key + message.encode()).digest()]
            digests += [hashlib.blake2b(message.encode(), key=key[:64]).digest()]
            if any(each[:16] in written or each.hex()[:24].encode() in hexadecimal for each in digests):
                known.add(code)
    return known


def take(node: Node, codes: list[str]) -> Manifest:
    """The hospital's patients, and the first of them once more in a file of its own."""
    rows = patients(codes)
    place = node.path.parent / "all.ndjson"
    place.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    manifest = node.take([place], biobank="bb", source="hospital")
    short = node.path.parent / f"{codes[0]}.ndjson"
    short.write_text(json.dumps(rows[0]) + "\n", encoding="utf-8")
    node.take([short], biobank="bb", source="hospital")
    return manifest


def test_a_thief_of_a_node_without_a_key_server_learns_the_codes(local: Path) -> None:
    with Node(local, clock=hospital.Clock()) as node:
        take(node, MINE)
        assert total(node) == 20
        assert node.status()["identity"] == {"persons": "keyed hashes of this node's own", "weaker": WEAKER}
    assert tried(local, SPACE, stolen(local)) == set(MINE)


def test_a_thief_of_a_node_with_a_key_server_learns_none(local: Path, keys: Service) -> None:
    with Node(local, clock=hospital.Clock()) as node:
        manifest = take(node, MINE)
        assert manifest.refused == {"date": 1}
        assert MINE[-1] not in str(manifest.first_refusals)
        assert total(node) == 20
        told = node.status()["identity"]
        assert (told["persons"], told["named"], told["safe"]) == ("network pseudonyms", 19, STRONGER)
        assert node.verify() == []
    assert tried(local, SPACE, stolen(local)) == set()


def test_the_thief_is_no_better_off_while_an_import_is_unfinished(
    local: Path, keys: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise OSError("no space left")

    with Node(local, clock=hospital.Clock()) as node:
        with monkeypatch.context() as patch:
            patch.setattr("talka_node.importers.job._Work._commit", cut)
            with pytest.raises(StoreError, match="no space left"):
                take(node, MINE)
        assert [len(list(folder.glob("*.json"))) for folder in (local / "pending").iterdir()] == [2]
        assert tried(local, SPACE, stolen(local)) == set()


# --- asking the key server --------------------------------------------------------------------------------


def test_a_spent_quota_breaks_the_import_off_and_it_goes_on(
    tmp_path: Path, local: Path, clock: KeysClock
) -> None:
    """Thirty evaluations a day: nineteen codes and a file, and fourteen codes and a file the day after."""
    with (
        keys_of(tmp_path / "keys", clock, local, per_day=30) as keys,
        Node(local, clock=hospital.Clock()) as node,
    ):
        hospital.take(node, patients(MINE), "first")
        assert keys.ledger.spent("anna", 1, clock.now) == (20, 20)  # one has no readable birth date
        says = r"the import was broken off \(.*\); start it again after 2026-03-03 00:00 UTC, and it goes on"
        with pytest.raises(StoreError, match=says):
            hospital.take(node, patients(SPACE[185:], 100), "second")
        assert total(node) == 20
        clock.now += timedelta(days=1)
        hospital.take(node, patients(SPACE[185:], 100), "second")
        assert keys.ledger.spent("anna", 1, clock.now) == (15, 35)
        assert total(node) == 35
        hospital.take(node, patients(SPACE[185:], 100), "second")
        assert keys.ledger.spent("anna", 1, clock.now) == (16, 36)  # the file, and no code


def test_an_answer_of_another_key_is_not_taken(local: Path, keys: Service) -> None:
    held = configured.read(local)
    assert held is not None
    configured.write(local, Keys(held.address, held.node, {1: bytes(range(32))}))
    with Node(local, clock=hospital.Clock()) as node:
        with pytest.raises(StoreError, match="the import was broken off"):
            hospital.take(node, patients(MINE))
        assert total(node) is None


def test_a_withdrawal_does_not_wait_for_the_key_server(local: Path, keys: Service, monkeypatch: Any) -> None:
    def down(*_: object) -> None:
        raise AssertionError("the key server was asked")

    with Node(local, clock=hospital.Clock()) as node:
        hospital.take(node, patients(MINE))
        monkeypatch.setattr(Pinned, "evaluate", down)
        for number in range(2, 8):
            node.withdraw(f"p{number}", source="hospital")
        assert total(node) == 15  # 13, to the nearest five
        with pytest.raises(LookupError, match="told of no donor with this id"):
            node.withdraw("p99", source="hospital")
        with pytest.raises(AssertionError, match="was asked"):
            node.withdraw(MINE[1], source="hospital")


def test_an_id_that_is_a_code_finds_its_donor(local: Path, keys: Service) -> None:
    with Node(local, clock=hospital.Clock()) as node:
        hospital.take(node, patients(MINE))
        node.withdraw(MINE[1].replace("-", ""), source="hospital")
        assert node.log.history(node._donor("hospital", MINE[1]))[-1].event.kind is Kind.WITHDRAWN


# --- how it is set ----------------------------------------------------------------------------------------


def test_a_node_is_one_or_the_other(local: Path, keys: Service) -> None:
    with Node(local, clock=hospital.Clock()) as node:
        hospital.take(node, patients(MINE))
    (local / "keys.yaml").rename(local / "elsewhere.yaml")
    with pytest.raises(WrongIdentity, match=r"keys.yaml is missing"):
        Node(local)
    (local / "keys" / "identity.db").unlink()
    with Node(local, clock=hospital.Clock()) as node:
        hospital.take(node, patients(MINE))
    (local / "elsewhere.yaml").rename(local / "keys.yaml")
    with pytest.raises(WrongIdentity, match=r"people.table holds hashes of personal codes from before"):
        Node(local)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "a mapping of address, node, epochs"),
        ("adress: x", "is meant, not adress"),
        ("{address: a, node: b}", "epochs is a mapping from an epoch's number to its public key"),
        ("{address: a, node: b, epochs: {1: xyz}}", "epochs, 1: a public key is 64 hexadecimal digits"),
        ("{address: a, epochs: {1: '" + "0" * 64 + "'}}", "address and node are needed"),
        ("{address: a, node: b, epochs: {one: '" + "0" * 64 + "'}}", "epochs is a mapping"),
        ("a: [", "not YAML in UTF-8"),
    ],
)
def test_what_keys_yaml_should_have_said(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "keys.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadKeys, match=re.escape(says)):
        configured.read(tmp_path)


def test_keys_are_written_as_they_are_read(tmp_path: Path) -> None:
    told = Keys(
        "https://keys.example:8610", "anna", {1: bytes(32), 2: b"\x12" * 32}, "ca.pem", bytes(range(32))
    )
    configured.write(tmp_path, told)
    assert configured.read(tmp_path) == told


# --- restored backups, and who is forgotten ---------------------------------------------------------------


@pytest.mark.parametrize("served", [False, True])
def test_numbers_that_tombstones_know_are_given_to_nobody(
    served: bool, local: Path, request: pytest.FixtureRequest
) -> None:
    """Restored from before they came, the node does not give the numbers of those who withdrew to others."""
    if served:
        request.getfixturevalue("keys")
    with Node(local, clock=hospital.Clock()) as node:
        hospital.take(node, patients(MINE[:10]))
    shutil.copytree(local, local.with_name("backup"))
    with Node(local, clock=hospital.Clock()) as node:
        hospital.take(node, patients(MINE[10:], 10), "later")
        node.withdraw("p18", source="hospital")
        gone = node._donor("hospital", "p18")
    shutil.rmtree(local)
    local.with_name("backup").rename(local)
    with Node(local, clock=hospital.Clock()) as node:
        assert node.log.highest_donor == gone
        before = set(node.store.columns().donors.donor.tolist())
        hospital.take(node, patients(SPACE[-10:], 30), "others")
        news = set(node.store.columns().donors.donor.tolist()) - before
        assert len(news) == 9  # one has no readable birth date
        assert min(news) > gone
        assert total(node) == 20


@pytest.mark.parametrize("served", [False, True])
def test_keys_that_were_lost_give_nobody_anothers_number(
    served: bool, local: Path, request: pytest.FixtureRequest
) -> None:
    if served:
        request.getfixturevalue("keys")
    with Node(local, clock=hospital.Clock()) as node:
        hospital.take(node, patients(MINE))
        highest = node.store.highest_donor()
    for place in (local / "keys").glob("identity.db*" if served else "people.*"):
        place.unlink()
    with Node(local, clock=hospital.Clock()) as node:
        hospital.take(node, patients(SPACE[-10:], 30), "others")
        assert node.store.highest_donor() == highest + 10
        assert total(node) == 30


@pytest.mark.parametrize("served", [False, True])
def test_who_is_forgotten_is_nowhere_and_their_number_nobodys(
    served: bool, local: Path, request: pytest.FixtureRequest
) -> None:
    if served:
        request.getfixturevalue("keys")
    with Node(local, clock=hospital.Clock()) as node:
        hospital.take(node, patients(MINE))
        donor = node._donor("hospital", "p3")
        last = node._donor("hospital", "p18")
        assert node.forget("p3", source="hospital") == 2  # a Patient and a Condition
        assert node.forget("p18", source="hospital") == 2
        assert node.verify() == []
        for person in ("p3", "p18"):
            with pytest.raises(LookupError, match="told of no donor"):
                node.forget(person, source="hospital")
        rows = node.store.columns()
        assert {donor, last}.isdisjoint([*rows.donors.donor.tolist(), *rows.diagnoses.donor.tolist()])
        hospital.take(node, patients(MINE)[9:12], "again")
        found = node._donor("hospital", "p3")
        assert found > max(donor, last)
        # Their old consent had been ended for good, so it does not come back with the file.
        assert node.log.state[found, "bb"] == 0
        assert total(node) == 15  # 17
    if not served:
        return
    with Node(local, clock=hospital.Clock()) as node:
        assert node.identity.table is not None
        assert last not in node.identity.table.donors(1)


def test_an_answer_is_an_answer_with_pseudonyms_too(local: Path, keys: Service) -> None:
    with Node(local, clock=hospital.Clock()) as node:
        hospital.take(node, patients(MINE))
        answer = node.ask(hospital.question())
        assert isinstance(answer, Answer)
        assert (answer.released.total, answer.facts) == (20, 1)
