"""RFC 9497's own test vectors for ristretto255-SHA512, all three modes: each step of both sides, and the proofs.

The file is the one published with the RFC (allVectors.json), kept beside the checkout.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from talka_keys import oprf, suite
from talka_keys.suite import Mode
from talka_node.pseudonyms import blinding
from tests.lanes import need_shared

pytestmark = pytest.mark.once


VECTORS = {Mode.OPRF: 2, Mode.VOPRF: 3, Mode.POPRF: 3}


def mode_of(mode: Mode) -> dict[str, Any]:
    suites = json.loads(need_shared("conformance/voprf/allVectors.json").read_text())
    [found] = [each for each in suites if each["identifier"] == suite.NAME and each["mode"] == mode]
    return dict(found)


def values(field: str) -> list[bytes]:
    """Batches are written with commas."""
    return [bytes.fromhex(each) for each in field.split(",")]


@pytest.mark.parametrize("mode", list(Mode))
def test_keys_and_domains(mode: Mode) -> None:
    given = mode_of(mode)
    secret = suite.derive_secret(mode, bytes.fromhex(given["seed"]), bytes.fromhex(given["keyInfo"]))
    assert secret.hex() == given["skSm"]
    assert (b"HashToGroup-" + suite.context(mode)).hex() == given["groupDST"]
    if mode is not Mode.OPRF:
        assert suite.public_of(secret).hex() == given["pkSm"]


@pytest.mark.parametrize("mode", list(Mode))
def test_none_is_left_out(mode: Mode) -> None:
    assert len(mode_of(mode)["vectors"]) == VECTORS[mode]


@pytest.mark.parametrize(
    ("mode", "index"), [(mode, index) for mode, count in VECTORS.items() for index in range(count)]
)
def test_vector(mode: Mode, index: int) -> None:
    given = mode_of(mode)
    secret = bytes.fromhex(given["skSm"])
    key = suite.public_of(secret)
    vector = given["vectors"][index]
    inputs, blinds = values(vector["Input"]), values(vector["Blind"])
    info = bytes.fromhex(vector["Info"]) if mode is Mode.POPRF else None
    assert len(inputs) == len(blinds) == vector["Batch"]

    blinded = [blinding.blind(each, mode=mode, by=by)[1] for each, by in zip(inputs, blinds, strict=True)]
    assert blinded == values(vector["BlindedElement"])

    if mode is Mode.OPRF:
        evaluated = oprf.evaluate(secret, blinded)
    else:
        nonce = bytes.fromhex(vector["Proof"]["r"])
        if info is None:
            evaluated, proof = oprf.evaluate_and_prove(secret, blinded, nonce=nonce)
            blinding.check(key, blinded, evaluated, proof)
        else:
            evaluated, proof = oprf.evaluate_with_info(secret, blinded, info, nonce=nonce)
            bent = blinding.bent_key(key, info)
            blinding.check(bent, evaluated, blinded, proof, mode=Mode.POPRF)
        assert proof.hex() == vector["Proof"]["proof"]
    assert evaluated == values(vector["EvaluationElement"])

    outputs = [
        blinding.finish(data, by, element, info=info)
        for data, by, element in zip(inputs, blinds, evaluated, strict=True)
    ]
    assert outputs == values(vector["Output"])


def test_each_bit_of_a_proof_and_each_element_is_bound() -> None:
    [*_, vector] = mode_of(Mode.VOPRF)["vectors"]
    key = bytes.fromhex(mode_of(Mode.VOPRF)["pkSm"])
    blinded, evaluated = values(vector["BlindedElement"]), values(vector["EvaluationElement"])
    proof = bytes.fromhex(vector["Proof"]["proof"])
    for bit in range(8 * len(proof)):
        forged = (int.from_bytes(proof, "big") ^ 1 << bit).to_bytes(len(proof), "big")
        with pytest.raises(suite.BadProof):
            blinding.check(key, blinded, evaluated, forged)
    for wrong in ([evaluated[0], evaluated[0]], evaluated[::-1], evaluated[:1], [*evaluated, evaluated[0]]):
        with pytest.raises(suite.BadProof):
            blinding.check(key, blinded, wrong, proof)
    with pytest.raises(suite.BadProof):
        blinding.check(suite.GENERATOR, blinded, evaluated, proof)
