"""Whose row is this: numbers by pseudonyms are those that the table of keyed hashes gives, and the feed joins more."""

from __future__ import annotations

import hmac
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from talka_keys import oprf, suite
from talka_node.importers import LocalResolver, Resolver, import_files
from talka_node.importers.tests import make
from talka_node.pseudonyms import Namer, Table, changes, personal
from talka_node.pseudonyms.client import Answer, Epoch, Refused
from talka_node.pseudonyms.resolver import ANOTHER_CODE, TWO_PERSONS, NetworkResolver
from talka_node.pseudonyms.table import Contradiction
from talka_node.pseudonyms.tests import invented
from talka_node.store import Store

pytestmark = pytest.mark.once

OLD = [invented.old(date(1970, 1, 1), number) for number in range(4)]
NEW = [invented.new(number) for number in range(4)]


@dataclass
class Keys:
    """A key server without a wire: the same evaluation and proof. `left`: evaluations until it refuses."""

    left: int = 10_000
    secret: bytes = field(default_factory=suite.random_scalar)

    def epochs(self) -> list[Epoch]:
        return [Epoch(1, suite.public_of(self.secret), is_open=True)]

    def evaluate(self, epoch: int, blinded: Sequence[bytes]) -> Answer:
        if len(blinded) > self.left:
            raise Refused("quota-day", "come back tomorrow")
        self.left -= len(blinded)
        return Answer(*oprf.evaluate_and_prove(self.secret, blinded), (1, "a" * 64))


@pytest.fixture
def keys() -> Keys:
    return Keys()


def resolver(table: Table, keys: Keys, *, recheck: bool = False, batch: int = 3) -> NetworkResolver:
    return NetworkResolver(table, Namer(keys, table), recheck=recheck, batch=batch)


def test_it_is_what_importers_ask(table: Table, keys: Keys) -> None:
    asked: Resolver = resolver(table, keys)
    assert asked.link("lab", [("a", OLD[0]), ("b", NEW[0]), ("c", OLD[0])]) == [0, 1, 0]
    assert asked.numbers("lab", ["b", "d", "c", "d"]) == [1, 2, 0, 2]
    assert asked.numbers("clinic", ["b"]) == [3]
    assert asked.link("clinic", [("b", NEW[0])]) == [1]
    assert asked.same() == {3: 1}
    assert asked.numbers("clinic", ["b"]) == [1]
    asked.flush()
    assert table.donor_of(1, table.pseudonym(1, 1) or b"") == 1


def test_the_number_of_a_person_follows_what_it_turned_out_to_be(table: Table, keys: Keys) -> None:
    asked = resolver(table, keys)
    assert asked.numbers("lab", ["a"]) == [0]
    assert asked.link("lab", [("b", OLD[0]), ("a", OLD[0])]) == [1, 1]
    assert asked.same() == {0: 1}
    assert table.donor_of(1, table.pseudonym(1, 1) or b"") == 1


def test_what_does_not_go_together_is_told_without_a_code(table: Table, keys: Keys) -> None:
    asked = resolver(table, keys, recheck=True)
    assert asked.link("lab", [("a", OLD[0]), ("b", OLD[1])]) == [0, 1]
    told = asked.link("lab", [("a", OLD[1]), ("a", OLD[2]), ("e", "280290-10073"), ("e", "")])
    assert told == [
        TWO_PERSONS,
        ANOTHER_CODE,
        personal.SHOULD_BE[personal.Reason.CHECK_DIGIT],
        personal.SHOULD_BE[personal.Reason.EMPTY],
    ]


def test_an_id_that_has_its_code_costs_no_evaluation(table: Table, keys: Keys) -> None:
    persons = [(str(number), code) for number, code in enumerate([*OLD, *NEW])]
    resolver(table, keys).link("lab", persons)
    assert keys.left == 10_000 - 8
    assert resolver(table, keys).link("lab", persons) == list(range(8))
    assert keys.left == 10_000 - 8
    assert resolver(table, keys, recheck=True).link("lab", persons) == list(range(8))
    assert keys.left == 10_000 - 16


def test_a_spent_quota_stops_the_import_and_it_goes_on_later(table: Table, keys: Keys) -> None:
    persons = [(str(number), code) for number, code in enumerate([*OLD, *NEW])]
    keys.left = 7
    with pytest.raises(Refused, match="come back tomorrow"):
        resolver(table, keys).link("lab", persons)
    assert table.donors(1) == set(range(6))
    keys.left = 2
    assert resolver(table, keys).link("lab", persons) == list(range(8))


def test_what_was_not_flushed_was_not_given(table: Table, keys: Keys) -> None:
    lost = resolver(table, keys)
    assert lost.numbers("lab", ["a", "b"]) == [0, 1]
    kept = resolver(table, keys)
    assert kept.numbers("lab", ["c"]) == [0]
    kept.flush()
    with pytest.raises(
        Contradiction, match="another import gave out donors' numbers meanwhile; start this one anew"
    ):
        lost.flush()
    assert resolver(table, keys).numbers("lab", ["c", "a"]) == [0, 1]


def test_the_feed_joins_donors_that_were_told_apart(table: Table, keys: Keys) -> None:
    asked = resolver(table, keys)
    asked.link("lab", [("a", OLD[0]), ("b", NEW[0])])
    register = Ed25519PrivateKey.generate()
    lines = changes.write(register, [(date(2020, 1, 1), OLD[0], NEW[0]), (date(2020, 1, 2), OLD[1], NEW[1])])
    changes.apply(lines, register.public_key(), table, Namer(keys, table))
    later = resolver(table, keys, recheck=True)
    assert later.same() == {1: 0}
    assert later.link("lab", [("b", NEW[0]), ("c", NEW[1]), ("d", OLD[1]), ("c", OLD[1])]) == [0, 2, 2, 2]
    later.flush()
    assert table.numbering().same == {1: 0}
    names = table.pseudonyms(1)
    assert [table.donor_of(1, names[donor]) for donor in (0, 1, 2)] == [0, 0, 2]
    assert table.donor_of(1, bytes(32)) is None


def test_a_forgotten_donors_number_is_never_given_again(table: Table, keys: Keys) -> None:
    first = resolver(table, keys)
    first.link("lab", [("a", OLD[0]), ("b", OLD[1])])
    table.forget([1])
    assert resolver(table, keys).link("lab", [("b", OLD[1])]) == [2]


def test_ids_that_are_or_hold_codes_are_hashed_by_their_pseudonyms(
    table: Table, keys: Keys, tmp_path: Path
) -> None:
    asked = resolver(table, keys)
    ids = [OLD[0], OLD[0].replace("-", ""), f"P-{NEW[1]}/2", "P-480290-10072", "plain"]
    numbers = asked.numbers("lab", ids)
    assert numbers == [0, 0, 1, 2, 3]
    assert asked.numbers("lab", ids[::-1]) == numbers[::-1]
    asked.flush()
    key = table.numbering().key
    written = b"".join(path.read_bytes() for path in (tmp_path / "node").iterdir())
    for text in ids[:3]:
        for form in (text, text.replace("-", "")):
            digest = hmac.digest(key, f"lab\0{form}".encode(), "sha256")[:16]
            assert digest not in written


def test_an_import_of_two_codes_of_one_person_until_the_feed_tells(
    table: Table, keys: Keys, tmp_path: Path
) -> None:
    """The same files before and after the feed: two donors, then one. No file of the node holds a code."""
    store = Store.create(tmp_path / "store")

    def coded(name: str, code: str) -> dict[str, Any]:
        return make.patient(name, identifier=[{"system": "urn:oid:1.3.6.1.4.1.38760.3.1.1", "value": code}])

    rows = [
        coded("p", OLD[0]),
        make.condition("c1", "p"),
        coded("q", NEW[0]),
        make.condition("c2", "q", "C50.2"),
    ]
    path = make.ndjson(tmp_path / "all.ndjson", rows)

    def take() -> list[tuple[int, str]]:
        asked = resolver(table, keys)
        manifest = import_files(store.path, [path], source="lab", resolver=asked, today=date(2026, 6, 30))
        assert manifest.refused == {}
        return sorted((row.donor, row.code) for row in Store(store.path).records().diagnoses)

    assert take() == [(0, "C50.1"), (1, "C50.2")]
    register = Ed25519PrivateKey.generate()
    lines = changes.write(register, [(date(2020, 1, 1), OLD[0], NEW[0])])
    changes.apply(lines, register.public_key(), table, Namer(keys, table))
    assert take() == [(0, "C50.1"), (0, "C50.2")]
    written = b"".join(
        file.read_bytes()
        for folder in ("store", "node")
        for file in (tmp_path / folder).rglob("*")
        if file.is_file()
    )
    for text in (OLD[0], NEW[0]):
        assert text.encode() not in written
        assert text.replace("-", "").encode() not in written


steps = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["", *OLD[:2], *NEW[:2], "280290-10073"])),
    max_size=12,
)


@given(steps, st.integers(1, 4), st.booleans())
@settings(deadline=None)
def test_without_a_feed_it_gives_the_numbers_of_the_local_table(
    taken: list[tuple[str, str]], batch: int, anew: bool
) -> None:
    """Rows without a code ask by id alone; the rest are linked, together or one by one in processes of their own."""
    keys = Keys()
    with tempfile.TemporaryDirectory() as folder, closing(Table(Path(folder, "identity.db"))) as table:
        table._link.execute("pragma synchronous = off")
        local = LocalResolver(Path(folder))
        network = resolver(table, keys, recheck=True, batch=batch)
        coded = [step for step in taken if step[1]]
        for key, code in taken:
            if code and not anew:
                assert network.link("lab", [(key, code)]) == local.link("lab", [(key, code)])
            elif not code:
                assert network.numbers("lab", [key]) == local.numbers("lab", [key])
            if anew:
                network.flush()
                network = resolver(table, keys, recheck=True, batch=batch)
        assert network.link("lab", coded) == local.link("lab", coded)
        assert network.same() == local.same()
