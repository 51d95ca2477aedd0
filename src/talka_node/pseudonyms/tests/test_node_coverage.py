"""Coverage of whole nodes: it leaves for the hub alone, and the hub's unions count each person once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from talka_keys.ledger import Node as Registered
from talka_keys.service import Service as KeyService
from talka_keys.tests.running import NOON, prepare
from talka_keys.tests.running import Clock as KeysClock
from talka_keys.tests.running import running as keys_running
from talka_node import journal, parcel
from talka_node.coverage import Coverage, whole
from talka_node.disclosure import Refused
from talka_node.http import Service
from talka_node.hub import Hub
from talka_node.importers.manifest import signing_key
from talka_node.node import Node, NotANode, Parcel
from talka_node.parcel import NotForUs
from talka_node.pseudonyms import KeyServer, changes, configured
from talka_node.pseudonyms.changes import FeedError
from talka_node.pseudonyms.configured import Keys, Pinned
from talka_node.pseudonyms.tests import invented
from talka_node.signed import Caller, Callers
from talka_node.tests import hospital
from talka_node.tests.test_http import Asker, running

pytestmark = pytest.mark.once

HUB, REGISTER, MALLORY = (Ed25519PrivateKey.from_private_bytes(bytes([each]) * 32) for each in (1, 2, 3))
SEAL = X25519PrivateKey.from_private_bytes(bytes(range(32)))
OLD = [invented.old(date(1970, 5, 5), number) for number in range(100)]
NEW = [invented.new(number) for number in range(10)]


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    """A key server that knows two nodes, alpha and beta."""
    clock = KeysClock()
    prepare(tmp_path / "keys", population=100_000)
    with closing(KeyService(tmp_path / "keys", clock)) as service:
        for name in ("alpha", "beta"):
            hospital.create(tmp_path / name)
            public = signing_key(tmp_path / name).public_key().public_bytes_raw()
            service.ledger.register(Registered(name, public, 100, 500, 5000), NOON)
        with keys_running(service) as (host, port), pytest.MonkeyPatch.context() as patch:

            def timed(address: str, node: str, key: Ed25519PrivateKey, **more: object) -> KeyServer:
                return KeyServer(address, node, key, clock=clock)

            patch.setattr("talka_node.pseudonyms.configured.KeyServer", timed)
            epoch = service.vault.newest()
            register = REGISTER.public_key().public_bytes_raw()
            yield Keys(f"http://{host}:{port}", "", {epoch.number: epoch.public}, None, register)


def hub() -> Hub:
    return Hub(
        keys={"hub-2026": HUB.public_key().public_bytes_raw()},
        seal=SEAL.public_key().public_bytes_raw(),
    )


@contextmanager
def opened(path: Path, keys: Keys, codes: list[str], clock: hospital.Clock | None = None) -> Iterator[Node]:
    configured.write(path, replace(keys, node=path.name))
    with Node(path, clock=clock or hospital.Clock()) as node:
        node.set_hub(hub())
        rows = hospital.donors(0, len(codes))
        for patient, code in zip(rows[::3], codes, strict=True):
            system = "urn:oid:1.3.6.1.4.1.38760.3.1.1"
            patient["identifier"] = [{"system": system, "value": code}]
        place = path.parent / f"{path.name}.ndjson"
        place.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
        node.take([place], biobank="bb", source="hospital")
        yield node


def sent(node: Node, *, exact: bool = True) -> Coverage:
    found = node.coverage(exact=exact)
    assert isinstance(found, Parcel)
    about, content = parcel.opened(found.content, SEAL, signing_key(node.path).public_key())
    assert about["node"] == node.log.node
    return Coverage.from_bytes(content)


def test_the_hub_counts_each_person_once(tmp_path: Path, keys: Keys) -> None:
    """Sixty here and sixty there, of whom twenty are donors of both, and ten of beta's under a new code."""
    mine, theirs = OLD[:60], [*OLD[40:60], *OLD[60:90], *NEW]
    with (
        opened(tmp_path / "alpha", keys, mine) as alpha,
        opened(tmp_path / "beta", keys, theirs) as beta,
    ):
        figure = whole([sent(alpha), sent(beta)])
        assert (figure.estimate, figure.upper_bound, figure.counted) == (100, True, True)
        assert "applied no change feed" in figure.because[0]
        # The register tells that the ten new codes were alpha's first ten.
        lines = changes.write(REGISTER, [(date(2020, 1, 1), OLD[at], NEW[at]) for at in range(10)])
        for node in (alpha, beta):
            applied = node.changes(lines)
            assert (applied.changes, applied.before) == (10, 0)
            assert node.changes(lines).before == 10
            node.clock.at += timedelta(1)  # type: ignore[attr-defined]
        figure = whole([sent(alpha), sent(beta)])
        assert (figure.estimate, figure.upper_bound, figure.because) == (90, False, ())


def test_an_old_and_a_new_code_in_one_node_are_joined_by_the_feed_alone(tmp_path: Path, keys: Keys) -> None:
    with opened(tmp_path / "alpha", keys, [*OLD[:50], *NEW]) as node:
        assert node.store.counts()["donors"] == 60
        lines = changes.write(REGISTER, [(date(2020, 1, 1), OLD[at], NEW[at]) for at in range(10)])
        node.withdraw("p0", source="hospital")
        node.changes(lines)
        assert node.store.counts()["donors"] == 50
        answer = node.ask(hospital.question())
        assert not isinstance(answer, Refused)
        assert answer.released.total == 50  # 49: what refused under the old code refuses under the new one
        assert node.verify() == []


def test_a_feed_of_somebody_else_changes_nothing(tmp_path: Path, keys: Keys) -> None:
    with opened(tmp_path / "alpha", keys, [*OLD[:50], *NEW]) as node:
        lines = changes.write(MALLORY, [(date(2020, 1, 1), OLD[0], NEW[0])])
        with pytest.raises(FeedError, match="the register did not sign this message"):
            node.changes(lines)
        assert node.store.counts()["donors"] == 60


def test_sketches_leave_where_numbers_need_not(tmp_path: Path, keys: Keys) -> None:
    with opened(tmp_path / "alpha", keys, OLD[:60]) as node:
        found = sent(node, exact=False)
        assert found.numbers is None
        assert whole([found]).estimate == 60


def test_it_is_for_the_hub_alone(tmp_path: Path, keys: Keys) -> None:
    with opened(tmp_path / "alpha", keys, OLD[:60]) as node:
        found = node.coverage()
        assert isinstance(found, Parcel)
        ours = signing_key(node.path).public_key()
        other = X25519PrivateKey.from_private_bytes(bytes(32))
        with pytest.raises(NotForUs, match="sealed for another key"):
            parcel.opened(found.content, other, ours)
        with pytest.raises(NotForUs, match="not signed by this node"):
            parcel.opened(found.content, SEAL, MALLORY.public_key())
        with pytest.raises(NotForUs, match="cut off"):
            parcel.opened(found.content[:40], SEAL, ours)
        [entry] = [each for each in journal.entries(node.path / "journal") if each.kind == "coverage"]
        assert entry.number == found.told["entry"]
        told = entry.read()
        assert (told["to"], told["strata"], told["minimum"], told["exact"]) == ("hub", 1, 50, False)
        assert found.told["counts"].startswith("an upper bound")


def test_it_leaves_once_a_day(tmp_path: Path, keys: Keys) -> None:
    clock = hospital.Clock()
    with opened(tmp_path / "alpha", keys, OLD[:60], clock) as node:
        sent(node)
        again = Refused(("coverage left today; ask again tomorrow",))
        assert node.coverage(exact=True) == again
    with Node(tmp_path / "alpha", clock=clock) as node:
        assert node.coverage() == again
        clock.at += timedelta(1)
        sent(node)


def test_too_few_leave_nothing(tmp_path: Path, keys: Keys) -> None:
    with opened(tmp_path / "alpha", keys, OLD[:49]) as node:
        assert node.coverage() == Refused(("fewer than 50 persons are too few to leave",))


def test_who_may_not_be_counted_is_not(tmp_path: Path, keys: Keys) -> None:
    with opened(tmp_path / "alpha", keys, OLD[:70]) as node:
        for number in range(5):
            node.withdraw(f"p{number}", source="hospital")
        assert whole([sent(node)]).estimate == 65


def test_without_key_server_or_hub_it_says_what_is_missing(tmp_path: Path) -> None:
    hospital.create(tmp_path / "node")
    with Node(tmp_path / "node", clock=hospital.Clock()) as node:
        with pytest.raises(NotANode, match="configure a key server"):
            node.coverage()
        with pytest.raises(NotANode, match="--register"):
            node.changes([])


def test_the_hub_fetches_it(tmp_path: Path, keys: Keys) -> None:
    with opened(tmp_path / "alpha", keys, OLD[:60]) as node:
        callers = Callers(node.path / "callers.json")
        for name, key in (("hub", HUB), ("mallory", MALLORY)):
            callers.put(Caller(name, key.public_key().public_bytes_raw().hex()))
        with running(Service(node)) as address:
            denied = Asker(address, MALLORY, "mallory").post("/coverage", b"exact")
            assert (denied.status, denied.told["error"]) == (403, "hub")
            fetched = Asker(address, HUB, "hub").post("/coverage", b"exact")
            assert fetched.status == 200
            again = Asker(address, HUB, "hub").post("/coverage", b"")
            assert (again.status, again.told["message"]) == (403, "coverage left today; ask again tomorrow")
        _, content = parcel.opened(fetched.body, SEAL, signing_key(node.path).public_key())
        assert whole([Coverage.from_bytes(content)]).estimate == 60


def test_pinned_epochs_are_asked_for_nothing(tmp_path: Path) -> None:
    server = KeyServer("http://127.0.0.1:1", "alpha", HUB)
    assert [each.number for each in Pinned(server, {2: bytes(32), 1: bytes(32)}).epochs()] == [1, 2]
