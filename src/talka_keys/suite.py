"""The suite ristretto255-SHA512 of RFC 9497: what both sides of the oblivious PRF compute alike.

Group and scalars are libsodium's (package rbcl): constant time, every element encoded in 32 bytes, and a
multiplication refuses bytes that encode no element. Only hashing (RFC 9380, §5.3.1) and the transcripts of proofs
are written out here.
The node imports this module and nothing else of the key server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path

import rbcl  # type: ignore[import-untyped]

# Whenever it is imported, the package unpacks libsodium into the folder of temporary files, 3 MB, and leaves it there.
Path(rbcl._sodium._name).unlink(missing_ok=True)

Bytes = bytes | bytearray | memoryview

NAME = "ristretto255-SHA512"
ELEMENT_BYTES = SCALAR_BYTES = 32
PROOF_BYTES = 2 * SCALAR_BYTES
OUTPUT_BYTES = 64
ORDER = 2**252 + 27742317777372353535851937790883648493
GENERATOR: bytes = rbcl.crypto_scalarmult_ristretto255_base((1).to_bytes(32, "little"))

BATCH = 2**16 - 1  # a proof numbers its elements with two bytes


class Mode(IntEnum):
    """Outputs of one mode mean nothing in another."""

    OPRF = 0
    VOPRF = 1  # with a proof that the announced key was used: what nodes use
    POPRF = 2  # with a proof, and a public input that both sides know


class BadElement(ValueError):
    """Bytes that encode no element of the group, or its identity."""


class BadProof(ValueError):
    """The proof does not hold: the elements were not evaluated with the key that was announced."""


# --- elements and scalars -----------------------------------------------------------------------------------


def times(scalar: bytes, element: bytes) -> bytes:
    """scalar · element; BadElement where the bytes encode none, or the product is the identity."""
    try:
        product: bytes = rbcl.crypto_scalarmult_ristretto255(scalar, element)
    except (RuntimeError, ValueError):
        raise BadElement(
            "these bytes encode no element of ristretto255 other than the identity: an element is 32 bytes,"
            " as RFC 9496 encodes it"
        ) from None
    return product


def plus(one: bytes, other: bytes) -> bytes:
    """The sum of two elements, each of them a product: libsodium's addition itself does not tell of bad bytes."""
    total: bytes = rbcl.crypto_core_ristretto255_add(one, other)
    return total


def public_of(secret: bytes) -> bytes:
    """The public key of a secret one."""
    return times(secret, GENERATOR)


def random_scalar() -> bytes:
    """A scalar drawn evenly, never zero."""
    drawn: bytes = rbcl.crypto_core_ristretto255_scalar_random()
    return drawn


def inverse(scalar: bytes) -> bytes:
    """1 / scalar."""
    inverted: bytes = rbcl.crypto_core_ristretto255_scalar_invert(scalar)
    return inverted


def sum_of(one: bytes, other: bytes) -> bytes:
    """one + other, of scalars."""
    total: bytes = rbcl.crypto_core_ristretto255_scalar_add(one, other)
    return total


def difference_with_product(minuend: bytes, one: bytes, other: bytes) -> bytes:
    """minuend − one · other, of scalars."""
    product = rbcl.crypto_core_ristretto255_scalar_mul(one, other)
    result: bytes = rbcl.crypto_core_ristretto255_scalar_sub(minuend, product)
    return result


def is_scalar(data: bytes) -> bool:
    """Whether these bytes encode a scalar the one way there is."""
    return len(data) == SCALAR_BYTES and int.from_bytes(data, "little") < ORDER


# --- hashing to the group -----------------------------------------------------------------------------------


def context(mode: Mode) -> bytes:
    """What every hash of a mode is bound to."""
    return b"OPRFV1-" + bytes([mode]) + b"-" + NAME.encode()


_PADDED = hashlib.sha512(bytes(128))  # one block of zeros stands before every message


def expand(message: Sequence[Bytes], domain: bytes) -> bytes:
    """64 even bytes of a message in pieces: expand_message_xmd with SHA-512, one output block.

    Pieces, so that a personal code is hashed where it lies and no copy of it is made.
    """
    if not 0 < len(domain) < 256:
        raise ValueError(f"a domain separation tag has 1 to 255 bytes, not {len(domain)}")
    domain += bytes([len(domain)])
    first = _PADDED.copy()
    for piece in message:
        first.update(piece)
    first.update(b"\x00\x40\x00" + domain)  # 64 bytes are wanted
    return hashlib.sha512(first.digest() + b"\x01" + domain).digest()


def hash_to_group(mode: Mode, data: Bytes) -> bytes:
    """The element of an input."""
    uniform = expand([data], b"HashToGroup-" + context(mode))
    element: bytes = rbcl.crypto_core_ristretto255_from_hash(uniform)
    return element


def hash_to_scalar(mode: Mode, *data: bytes, purpose: bytes = b"HashToScalar-") -> bytes:
    """A scalar of some bytes."""
    uniform = expand(data, purpose + context(mode))
    reduced: bytes = rbcl.crypto_core_ristretto255_scalar_reduce(uniform)
    return reduced


def framed(data: Bytes) -> bytes:
    """The length of some bytes, as it stands before them: two bytes, so at most 65,535."""
    size = memoryview(data).nbytes
    if size > BATCH:
        raise ValueError(f"an input has at most {BATCH} bytes, not {size}")
    return size.to_bytes(2, "big")


def derive_secret(mode: Mode, seed: bytes, info: bytes) -> bytes:
    """The secret key of a seed of 32 bytes (DeriveKeyPair)."""
    if len(seed) != 32:
        raise ValueError(f"a seed has 32 bytes, not {len(seed)}")
    for counter in range(256):
        secret = hash_to_scalar(mode, seed, framed(info), info, bytes([counter]), purpose=b"DeriveKeyPair")
        if any(secret):
            return secret
    raise ValueError("no key comes of this seed; draw another")  # once in 2^64000


# --- what a proof is about ----------------------------------------------------------------------------------


def weights(mode: Mode, key: bytes, ones: Sequence[bytes], others: Sequence[bytes]) -> Iterator[bytes]:
    """One scalar for each pair of elements, bound to the key and to the pair; by them a batch is proven as one."""
    if len(ones) != len(others) or not 0 < len(ones) <= BATCH:
        raise ValueError(f"a proof is about 1 to {BATCH} pairs, not {len(ones)} and {len(others)} elements")
    domain = b"Seed-" + context(mode)
    seed = hashlib.sha512(framed(key) + key + framed(domain) + domain).digest()
    before, size = framed(seed) + seed, ELEMENT_BYTES.to_bytes(2, "big")
    for index, (one, other) in enumerate(zip(ones, others, strict=True)):
        yield hash_to_scalar(mode, before, index.to_bytes(2, "big"), size, one, size, other, b"Composite")


def weighted_sum(scalars: Iterator[bytes], elements: Sequence[bytes]) -> bytes:
    """Σ scalar · element; BadElement where one is none."""
    total: bytes | None = None
    for scalar, element in zip(scalars, elements, strict=True):
        product = times(scalar, element)
        total = product if total is None else plus(total, product)
    if total is None:
        raise ValueError("a sum of no elements; give one at least")
    return total


def challenge(mode: Mode, *elements: bytes) -> bytes:
    """The scalar that a proof answers: of the key, both sums and both commitments, in this order."""
    transcript = b"".join(framed(each) + each for each in elements)
    return hash_to_scalar(mode, transcript, b"Challenge")


# --- what a node signs --------------------------------------------------------------------------------------

REQUEST = 4096  # elements in one request at most: half a second of work


def request_text(node: str, epoch: int, time: str, nonce: str, body: bytes) -> bytes:
    """The bytes under a node's signature: who asks, of which epoch, when (ISO 8601), once (`nonce`), and what."""
    parts = [
        "talka-keys request 1",
        node,
        str(epoch),
        time,
        nonce,
        hashlib.sha256(body).hexdigest(),
    ]
    return "\n".join(parts).encode()
