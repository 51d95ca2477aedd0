"""The key's side of the oblivious PRF (RFC 9497): it multiplies blinded elements and proves with which key.

What it sees is evenly distributed over the group whatever the personal codes are: from it nothing can be learned,
not by the holder of the key either.
"""

from __future__ import annotations

from collections.abc import Sequence

from talka_keys import suite
from talka_keys.suite import Mode


def evaluate(secret: bytes, blinded: Sequence[bytes]) -> list[bytes]:
    """secret · element for each; BadElement, naming its place in the batch, where one is none."""
    evaluated = []
    for index, element in enumerate(blinded):
        try:
            evaluated.append(suite.times(secret, element))
        except suite.BadElement as error:
            raise suite.BadElement(f"element {index + 1} of {len(blinded)}: {error}") from None
    return evaluated


def evaluate_and_prove(
    secret: bytes, blinded: Sequence[bytes], *, mode: Mode = Mode.VOPRF, nonce: bytes | None = None
) -> tuple[list[bytes], bytes]:
    """The evaluated elements and one proof for all of them. `nonce` is given by test vectors alone: a nonce used for
    two proofs gives the key away."""
    evaluated = evaluate(secret, blinded)
    return evaluated, prove(secret, blinded, evaluated, mode=mode, nonce=nonce)


def evaluate_with_info(
    secret: bytes, blinded: Sequence[bytes], info: bytes, *, nonce: bytes | None = None
) -> tuple[list[bytes], bytes]:
    """Mode POPRF: the key is bent by a public `info`, and the inverse of what comes of it evaluates."""
    bend = suite.hash_to_scalar(Mode.POPRF, b"Info", suite.framed(info), info)
    bent = suite.sum_of(secret, bend)
    if not any(bent):
        raise ValueError("this info cancels the key, which only somebody who knows the key can bring about")
    evaluated = evaluate(suite.inverse(bent), blinded)
    return evaluated, prove(bent, evaluated, blinded, mode=Mode.POPRF, nonce=nonce)


def prove(
    secret: bytes, ones: Sequence[bytes], others: Sequence[bytes], *, mode: Mode, nonce: bytes | None = None
) -> bytes:
    """A proof, 64 bytes, that each of `others` is secret · its one, by the secret of the public key (GenerateProof)."""
    key = suite.public_of(secret)
    one = suite.weighted_sum(suite.weights(mode, key, ones, others), ones)
    other = suite.times(secret, one)  # as good as the weighted sum of the others, and cheaper
    nonce = nonce or suite.random_scalar()
    asked = suite.challenge(mode, key, one, other, suite.public_of(nonce), suite.times(nonce, one))
    return asked + suite.difference_with_product(nonce, asked, secret)
