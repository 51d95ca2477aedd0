"""The record's arithmetic: what is sealed cannot be changed unnoticed, and says the same on every machine."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from talka.core import chain

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    TEXT,
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
    st.uuids(),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)
LEAVES = st.lists(st.binary(max_size=6), min_size=1, max_size=40)
NAIVE = datetime(2026, 5, 4, 12, 0)  # noqa: DTZ001 -- the fault under test
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class State(StrEnum):
    LATE = "late"


class OldState(str, Enum):  # noqa: UP042 -- the older kind, whose str() is not its value
    LATE = "late"


# --- canonical --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "spelling"),
    [
        ({"b": 1, "a": [True, None, "ž"]}, '{"a":[true,null,"ž"],"b":1}'),
        (Decimal("1.50"), '"1.5"'),
        (Decimal("1E+3"), '"1000"'),
        (Decimal("-0.0"), '"0"'),
        (Decimal("12345678901234567890.12345678901234567890"), '"12345678901234567890.1234567890123456789"'),
        (0.1, '"0.1"'),
        (2.0, '"2"'),
        (date(2023, 6, 30), '"2023-06-30"'),
        (time(9, 30), '"09:30:00"'),
        (datetime(2023, 6, 30, 15, 0, tzinfo=timezone(timedelta(hours=3))), '"2023-06-30T12:00:00+00:00"'),
        (UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
        (("a", 1), '["a",1]'),
        (State.LATE, '"late"'),
        (OldState.LATE, '"late"'),
        ('a"\n', '"a\\"\\n"'),
    ],
)
def test_one_spelling(value: Any, spelling: str) -> None:
    assert chain.canonical(value) == spelling.encode()


@given(VALUES)
def test_reading_and_writing_again_changes_nothing(value: Any) -> None:
    once = chain.canonical(value)
    assert chain.canonical(json.loads(once)) == once


@given(st.dictionaries(TEXT, SCALARS, min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, Any]) -> None:
    assert chain.canonical(dict(reversed(value.items()))) == chain.canonical(value)


@pytest.mark.parametrize(
    ("value", "error", "says"),
    [
        (
            {"at": NAIVE},
            ValueError,
            r"value\['at'\]: .* has no time zone; give an aware datetime",
        ),
        (float("nan"), ValueError, "value: NaN is not a number; give a finite one or None"),
        ([Decimal("Infinity")], ValueError, r"value\[0\]: Infinity is not a number"),
        ({1: "a"}, TypeError, "key 1 is not text; make every key a str"),
        ({"x": {1, 2}}, TypeError, r"value\['x'\]: a set has no canonical form; give None, bool, int"),
        (b"bytes", TypeError, "a bytes has no canonical form"),
        ("\ud800", ValueError, "surrogates not allowed"),
    ],
)
def test_what_could_be_spelt_in_two_ways_is_refused(value: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        chain.canonical(value)


# --- commitments ------------------------------------------------------------------------------------------


def test_a_commitment_is_a_salted_hash_of_its_own_kind() -> None:
    salt = "00112233445566778899aabbccddeeff"
    expected = sha256(b"talka commitment 1\n" + bytes.fromhex(salt) + b'"Anna Paraugs"').hexdigest()
    assert chain.commit(salt, "Anna Paraugs") == expected
    assert chain.commit(salt, "Bruno Paraugs") != expected
    assert chain.commit("ff" * 16, "Anna Paraugs") != expected


def test_every_salt_is_new() -> None:
    salts = {chain.new_salt() for _ in range(100)}
    assert (len(salts), {len(salt) for salt in salts}) == (100, {32})


@pytest.mark.parametrize("salt", ["", "00", "g" * 32, "0" * 64, "0" * 31 + "\n"])
def test_a_commitment_without_a_real_salt_is_refused(salt: str) -> None:
    with pytest.raises(ValueError, match=r"a salt is 32 hexadecimal digits from new_salt\(\)"):
        chain.commit(salt, "Anna")


# --- trees ------------------------------------------------------------------------------------------------

# The eight leaves with which Certificate Transparency logs test themselves, and the roots of the first 1 to
# 8.
CT_LEAVES = [
    bytes.fromhex(data)
    for data in [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_the_empty_tree_is_the_hash_of_nothing() -> None:
    assert chain.merkle_root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_roots_that_certificate_logs_publish() -> None:
    assert [chain.merkle_root(CT_LEAVES[:size]).hex() for size in range(1, 9)] == CT_ROOTS


def test_a_tree_of_three_by_hand() -> None:
    a, b, c = (sha256(b"\x00" + name).digest() for name in (b"a", b"b", b"c"))
    ab = sha256(b"\x01" + a + b).digest()
    assert chain.merkle_root([b"a", b"b", b"c"]) == sha256(b"\x01" + ab + c).digest()
    assert chain.inclusion_proof([b"a", b"b", b"c"], 0) == [b, c]
    assert chain.inclusion_proof([b"a", b"b", b"c"], 2) == [ab]


@given(LEAVES, st.data())
def test_any_change_changes_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    root = chain.merkle_root(leaves)
    at = data.draw(st.integers(0, len(leaves) - 1))
    extra = data.draw(st.binary(max_size=6))
    assert chain.merkle_root([*leaves[:at], extra, *leaves[at:]]) != root, "a leaf put in"
    assert chain.merkle_root([*leaves[:at], *leaves[at + 1 :]]) != root, "a leaf taken out"
    if leaves[at]:
        bit = data.draw(st.integers(0, 8 * len(leaves[at]) - 1))
        flipped = bytearray(leaves[at])
        flipped[bit // 8] ^= 1 << bit % 8
        assert chain.merkle_root([*leaves[:at], bytes(flipped), *leaves[at + 1 :]]) != root, "a bit flipped"
    shuffled = data.draw(st.permutations(leaves))
    assert (chain.merkle_root(shuffled) == root) == (shuffled == leaves)


def test_an_inner_node_cannot_pass_for_a_leaf() -> None:
    a, b = (sha256(b"\x00" + name).digest() for name in (b"a", b"b"))
    assert chain.merkle_root([a + b]) != chain.merkle_root([b"a", b"b"])
    assert chain.merkle_root([b"\x01" + a + b]) != chain.merkle_root([b"a", b"b"])


@pytest.mark.parametrize("size", range(1, 71))
def test_every_leaf_has_a_proof_that_fits_only_it(size: int) -> None:
    leaves = [bytes([n]) for n in range(size)]
    root = chain.merkle_root(leaves)
    for index in range(size):
        proof = chain.inclusion_proof(leaves, index)
        fits = [i for i in range(size) if chain.verify_inclusion(leaves[index], i, size, proof, root)]
        assert fits == [index], "at its own place"
        fits = [i for i in range(size) if chain.verify_inclusion(leaves[i], index, size, proof, root)]
        assert fits == [index], "for its own data"


@given(st.integers(1, 70), st.data())
def test_a_bent_proof_proves_nothing(size: int, data: st.DataObject) -> None:
    leaves = [bytes([n]) for n in range(size)]
    root = chain.merkle_root(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = chain.inclusion_proof(leaves, index)
    other = data.draw(st.binary(min_size=32, max_size=32))
    bent = [[*proof, other], [other, *proof], proof[:-1], proof[1:], [*proof[:-1], other], proof[::-1]]
    for each in bent:
        if each != proof:
            assert not chain.verify_inclusion(leaves[index], index, size, each, root)
    assert not chain.verify_inclusion(leaves[index], index, size, proof, other)
    assert not chain.verify_inclusion(leaves[index], -1, size, proof, root)
    assert not chain.verify_inclusion(leaves[index], size, size, proof, root)


@pytest.mark.parametrize("index", [-1, 3])
def test_no_proof_for_what_is_not_there(index: int) -> None:
    with pytest.raises(IndexError, match=f"leaf {index} is not in a tree of 3: give 0 to 2"):
        chain.inclusion_proof([b"a", b"b", b"c"], index)


def test_an_erased_value_leaves_the_tree_as_it_was() -> None:
    salt = chain.new_salt()
    kept = {"verb": "plan.report", "by": chain.commit(salt, [7, "Anna Paraugs"])}
    sealed = chain.merkle_root([chain.leaf(kept), chain.leaf({"verb": "plan.accept"})])
    erased = {"verb": "plan.report", "by": kept["by"]}  # the name and its salt are gone, the commitment stays
    assert chain.merkle_root([chain.leaf(erased), chain.leaf({"verb": "plan.accept"})]) == sealed
    assert "Anna" not in chain.leaf(kept).decode()


# --- seals ------------------------------------------------------------------------------------------------

ROOT = "ab" * 32


def test_a_seal_binds_everything_it_says() -> None:
    said: list[Any] = ["0" * 64, ROOT, 1, 10, 10, NOON]
    other: list[Any] = ["1" * 64, "cd" * 32, 2, 11, 9, NOON + timedelta(microseconds=1)]
    digests = {chain.seal_hash(*said)}
    for i, change in enumerate(other):
        digests.add(chain.seal_hash(*[*said[:i], change, *said[i + 1 :]]))
    assert len(digests) == 1 + len(other)
    riga = NOON.astimezone(timezone(timedelta(hours=3)))
    assert chain.seal_hash("0" * 64, ROOT, 1, 10, 10, riga) == chain.seal_hash(
        "0" * 64, ROOT, 1, 10, 10, NOON
    )


def test_a_seal_names_the_figure_that_is_no_hash() -> None:
    with pytest.raises(ValueError, match="root is a SHA-256 in 64 hexadecimal digits, not 'ab'"):
        chain.seal_hash("0" * 64, "ab", 1, 1, 1, NOON)
    with pytest.raises(ValueError, match="previous is a SHA-256"):
        chain.seal_hash("", ROOT, 1, 1, 1, NOON)


def test_a_signature_fits_one_key_and_one_seal() -> None:
    anna, cilda = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    signature = chain.sign(anna, ROOT)
    assert len(signature) == 128
    assert chain.verify(anna.public_key(), ROOT, signature)
    assert not chain.verify(cilda.public_key(), ROOT, signature)
    assert not chain.verify(anna.public_key(), "cd" * 32, signature)
    for bad in ("", "zz", signature[:-2], "00" * 64):
        assert not chain.verify(anna.public_key(), ROOT, bad)
    # Signed as a seal: the bare bytes of a hash that somebody had signed elsewhere do not count.
    assert not chain.verify(anna.public_key(), ROOT, anna.sign(bytes.fromhex(ROOT)).hex())


# --- the key ----------------------------------------------------------------------------------------------


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "audit" / "signing.key"
    key = chain.load_or_create_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["signing.key"]
    again = chain.load_or_create_key(path)
    assert again.private_bytes_raw() == key.private_bytes_raw()


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    path, keys, start = tmp_path / "signing.key", [], threading.Barrier(8)

    def begin() -> None:
        start.wait()
        keys.append(chain.load_or_create_key(path).private_bytes_raw())

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(keys), len(set(keys))) == (8, 1)
    assert [each.name for each in tmp_path.iterdir()] == ["signing.key"]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    chain.load_or_create_key(path)
    path.chmod(0o640)
    with pytest.raises(PermissionError, match=rf"can be read by others.*chmod 600 {path}"):
        chain.load_or_create_key(path)


def test_a_file_that_is_no_key_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    curve = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content, says in (
        (b"", "is not a signing key"),
        (b"junk", "is not a signing key"),
        (curve, "Ed25519; restore"),
    ):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(ValueError, match=says):
            chain.load_or_create_key(path)
        assert path.read_bytes() == content
