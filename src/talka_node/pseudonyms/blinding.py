"""The node's side of the oblivious PRF (RFC 9497): it blinds codes, checks proofs and takes the blind off again.

A blind lives in memory only. On disk, beside its element, it would let anybody try all codes against it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from talka_keys import suite
from talka_keys.suite import Bytes, Mode


def blind(data: Bytes, *, mode: Mode = Mode.VOPRF, by: bytes | None = None) -> tuple[bytes, bytes]:
    """A fresh blind and the element that may leave. `by` is given by test vectors alone."""
    blind = by or suite.random_scalar()
    return blind, suite.times(blind, suite.hash_to_group(mode, data))


def check(
    key: bytes, blinded: Sequence[bytes], evaluated: Sequence[bytes], proof: bytes, *, mode: Mode = Mode.VOPRF
) -> None:
    """BadProof unless every element was evaluated with the secret of the public `key` (VerifyProof)."""
    asked, answer = proof[: suite.SCALAR_BYTES], proof[suite.SCALAR_BYTES :]
    if not (suite.is_scalar(asked) and suite.is_scalar(answer)):
        raise suite.BadProof(f"a proof is two scalars, {suite.PROOF_BYTES} bytes; these {len(proof)} are not")
    if len(blinded) != len(evaluated):
        raise suite.BadProof(f"{len(blinded)} elements were sent and {len(evaluated)} came back")
    weights = list(suite.weights(mode, key, blinded, evaluated))
    try:
        one = suite.weighted_sum(iter(weights), blinded)
        other = suite.weighted_sum(iter(weights), evaluated)
        commitments = (
            suite.plus(suite.times(answer, suite.GENERATOR), suite.times(asked, key)),
            suite.plus(suite.times(answer, one), suite.times(asked, other)),
        )
    except suite.BadElement as error:
        raise suite.BadProof(f"the answer cannot be proven: {error}") from None
    if not hmac.compare_digest(asked, suite.challenge(mode, key, one, other, *commitments)):
        raise suite.BadProof("the elements were not evaluated with the key that the key server announced")


def finish(data: Bytes, blind: bytes, evaluated: bytes, *, info: bytes | None = None) -> bytes:
    """The PRF's output for an input, 64 bytes (Finalize). `info` belongs to mode POPRF."""
    unblinded = suite.times(suite.inverse(blind), evaluated)
    output = hashlib.sha512(suite.framed(data))
    output.update(data)
    if info is not None:
        output.update(suite.framed(info) + info)
    output.update(suite.framed(unblinded) + unblinded + b"Finalize")
    return output.digest()


def bent_key(key: bytes, info: bytes) -> bytes:
    """Mode POPRF: the public key against which proofs for this `info` are checked."""
    bend = suite.hash_to_scalar(Mode.POPRF, b"Info", suite.framed(info), info)
    return suite.plus(suite.public_of(bend), suite.times((1).to_bytes(32, "little"), key))
