"""The oblivious PRF between its two sides: what holds for any input, and that a false answer is found out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka_keys import oprf, suite
from talka_node.pseudonyms import blinding

pytestmark = pytest.mark.once

SECRET = suite.derive_secret(suite.Mode.VOPRF, bytes(32), b"invented")
KEY = suite.public_of(SECRET)


def output(data: suite.Bytes, secret: bytes = SECRET) -> bytes:
    by, element = blinding.blind(data)
    [evaluated], proof = oprf.evaluate_and_prove(secret, [element])
    blinding.check(suite.public_of(secret), [element], [evaluated], proof)
    return blinding.finish(data, by, evaluated)


@given(st.binary(max_size=300))
def test_the_blind_leaves_no_trace_in_the_output(data: bytes) -> None:
    assert output(data) == output(data) == output(bytearray(data))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_what_leaves_never_repeats_and_outputs_differ_as_inputs_do(one: bytes, other: bytes) -> None:
    assert blinding.blind(one)[1] != blinding.blind(one)[1]
    assert (output(one) == output(other)) is (one == other)


def test_another_key_gives_another_output() -> None:
    assert output(b"one") != output(b"one", suite.random_scalar())


@given(st.integers(1, 20), st.data())
def test_one_answer_of_a_batch_with_another_key_is_found_out(size: int, data: st.DataObject) -> None:
    elements = [blinding.blind(b"%d" % number)[1] for number in range(size)]
    evaluated, proof = oprf.evaluate_and_prove(SECRET, elements)
    blinding.check(KEY, elements, evaluated, proof)
    wrong = data.draw(st.integers(0, size - 1))
    evaluated[wrong] = suite.times(suite.random_scalar(), elements[wrong])
    with pytest.raises(suite.BadProof, match="not evaluated with the key that the key server announced"):
        blinding.check(KEY, elements, evaluated, proof)
    proof_for_the_wrong = oprf.prove(SECRET, elements, evaluated, mode=suite.Mode.VOPRF)
    with pytest.raises(suite.BadProof):
        blinding.check(KEY, elements, evaluated, proof_for_the_wrong)


@pytest.mark.parametrize("bad", [bytes(32), b"\xff" * 32, b"", bytes(31), suite.GENERATOR + b"\x00"])
def test_bytes_that_are_no_element_are_refused_on_both_sides(bad: bytes) -> None:
    _, good = blinding.blind(b"one")
    with pytest.raises(suite.BadElement, match="element 2 of 2: these bytes encode no element"):
        oprf.evaluate(SECRET, [good, bad])
    evaluated, proof = oprf.evaluate_and_prove(SECRET, [good, good])
    with pytest.raises(suite.BadProof):
        blinding.check(KEY, [good, good], [evaluated[0], bad], proof)


def test_limits_are_told() -> None:
    with pytest.raises(ValueError, match="a proof is about 1 to 65535 pairs, not 0 and 0 elements"):
        oprf.evaluate_and_prove(SECRET, [])
    with pytest.raises(ValueError, match="an input has at most 65535 bytes, not 65536"):
        blinding.finish(bytes(65536), suite.random_scalar(), suite.GENERATOR)
    with pytest.raises(ValueError, match="a seed has 32 bytes, not 31"):
        suite.derive_secret(suite.Mode.VOPRF, bytes(31), b"")
    with pytest.raises(ValueError, match="a domain separation tag has 1 to 255 bytes, not 256"):
        suite.expand([b""], bytes(256))
