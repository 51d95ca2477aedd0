"""The arithmetic of the record: commitments, Merkle trees (RFC 6962), seals, signatures. No database here.

A value that may have to be erased enters a tree only as a salted commitment: without the salt nobody can
guess it back, and the tree still verifies when value and salt are gone. Every hash starts with what it is a
hash of, so that no commitment can pass for a seal, nor an inner node for a leaf.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

COMMITMENT = b"talka commitment 1\n"
ENTRY = b"talka entry 1\n"
SEAL = b"talka seal 1\n"

SALT_BYTES = 16


# --- one way of writing a value down ----------------------------------------------------------------------


def canonical(value: Any) -> bytes:
    """The one spelling of a value: JSON in UTF-8, keys sorted, no spaces; equal values give equal bytes.

    Dates, times, UUIDs, decimals and floats become strings (a float survives no database unchanged), instants
    are told in UTC. So reading the JSON back and writing it again changes nothing. TypeError or ValueError
    for anything whose spelling could be argued about: naive datetimes, NaN, keys that are no text, objects of
    other classes.
    """
    return json.dumps(
        _plain(value, "value"), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


def _plain(value: Any, place: str) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # members of text enumerations by their value
    if isinstance(value, float | Decimal):
        return _digits(Decimal(repr(value)) if isinstance(value, float) else value, place)
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(f"{place}: {value!r} has no time zone; give an aware datetime")
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"{place}: key {wrong[0]!r} is not text; make every key a str")
        return {str.__str__(key): _plain(part, f"{place}[{key!r}]") for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, f"{place}[{i}]") for i, part in enumerate(value)]
    raise TypeError(
        f"{place}: a {type(value).__name__} has no canonical form; give None, bool, int, float, Decimal, str,"
        " date, time, aware datetime, UUID, or lists and dictionaries of these"
    )


def _digits(number: Decimal, place: str) -> str:
    """1.50, 1.5 and 0.15E+1 are one number: plain digits, no trailing zeros."""
    if not number.is_finite():
        raise ValueError(f"{place}: {number} is not a number; give a finite one or None")
    digits = f"{number:f}"
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits


# --- commitments and leaves -------------------------------------------------------------------------------


def new_salt() -> str:
    """128 random bits in hexadecimal (32 characters). One for every value that may be erased by itself."""
    return secrets.token_hex(SALT_BYTES)


def commit(salt: str, value: Any) -> str:
    """SHA-256 over salt and value, hexadecimal: binds to the value, tells nothing of it once the salt is
    gone.
    """
    if not re.fullmatch(rf"[0-9a-f]{{{2 * SALT_BYTES}}}", salt):
        raise ValueError(
            f"a salt is {2 * SALT_BYTES} hexadecimal digits from new_salt(), not {len(salt)} characters"
        )
    return sha256(COMMITMENT + bytes.fromhex(salt) + canonical(value)).hexdigest()


def leaf(entry: Any) -> bytes:
    """What a tree holds of an entry of the record."""
    return ENTRY + canonical(entry)


# --- trees ------------------------------------------------------------------------------------------------


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962 §2.1, 32 bytes; of no leaves it is SHA-256 of nothing."""
    if not leaves:
        return sha256(b"").digest()
    return _root([_leaf_hash(each) for each in leaves])


def _leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _half(size: int) -> int:
    """The largest power of two below `size` (≥ 2): where RFC 6962 splits a tree."""
    return 1 << (size - 1).bit_length() - 1


def _root(hashes: Sequence[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    half = _half(len(hashes))
    return _node_hash(_root(hashes[:half]), _root(hashes[half:]))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The sibling hashes from leaf `index` up to the root (RFC 6962 §2.1.1); IndexError outside the tree."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} is not in a tree of {len(leaves)}: give 0 to {len(leaves) - 1}")
    hashes: Sequence[bytes] = [_leaf_hash(each) for each in leaves]
    proof: list[bytes] = []
    while len(hashes) > 1:
        half = _half(len(hashes))
        if index < half:
            proof.append(_root(hashes[half:]))
            hashes = hashes[:half]
        else:
            proof.append(_root(hashes[:half]))
            hashes, index = hashes[half:], index - half
    return proof[::-1]


def verify_inclusion(data: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that leaf `data` stands at `index` in a tree of `size` leaves with that root."""
    if not 0 <= index < size:
        return False
    found, last = _leaf_hash(data), size - 1
    for sibling in proof:
        if last == 0:
            return False  # longer than the way to the root
        if index & 1 or index == last:
            found = _node_hash(sibling, found)
            while not index & 1 and index:  # a right edge has no sibling on these levels
                index, last = index >> 1, last >> 1
        else:
            found = _node_hash(found, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and secrets.compare_digest(found, root)


# --- seals ------------------------------------------------------------------------------------------------


def seal_hash(previous: str, root: str, first: int, last: int, count: int, at: datetime) -> str:
    """What a seal says, hashed: the seal before it, the tree's root (both 64 hexadecimal digits), what it
    holds, when.
    """
    for name, given in (("previous", previous), ("root", root)):
        if not re.fullmatch(r"[0-9a-f]{64}", given):
            raise ValueError(f"{name} is a SHA-256 in 64 hexadecimal digits, not {given!r}")
    return sha256(SEAL + canonical([previous, root, first, last, count, at])).hexdigest()


def sign(key: Ed25519PrivateKey, digest: str) -> str:
    """Ed25519 signature of a seal's hash, 128 hexadecimal digits."""
    return key.sign(SEAL + bytes.fromhex(digest)).hex()


def verify(key: Ed25519PublicKey, digest: str, signature: str) -> bool:
    """Whether the owner of `key` signed that hash; False also for a signature that is none."""
    try:
        key.verify(bytes.fromhex(signature), SEAL + bytes.fromhex(digest))
    except (InvalidSignature, ValueError):
        return False
    return True


def load_or_create_key(path: Path) -> Ed25519PrivateKey:
    """The signing key in that file (PKCS #8 PEM), made on first use, readable by its owner alone.

    PermissionError when others may read it, ValueError when it holds something else; it is never overwritten,
    because seals signed with a lost key can no longer be told from forged ones.
    """
    if not path.exists():
        _create_key(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PermissionError(
            f"{path} can be read by others; a signing key must be its owner's alone: chmod 600 {path}"
        )
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path} is not a signing key (Ed25519, PKCS #8 PEM): restore it from a backup"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(
            f"{path} holds another kind of key: seals are signed with Ed25519; restore it from a backup"
        )
    return key


def _create_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(pem)
            out.flush()
            os.fsync(out.fileno())
        # A link appears whole or not at all, and fails if another process was first: both then use that one
        # key.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
