from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka_node import signed
from talka_node.signed import SKEW, Caller, Callers, Denied, Gate, sign

pytestmark = pytest.mark.once

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
ANNA, CILDA = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
BODY = b'{"count":"donors"}'


def public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


class Clock:
    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def callers(tmp_path: Path) -> Callers:
    found = Callers(tmp_path / "callers.json")
    found.put(Caller("anna", public(ANNA), vouches=True))
    return found


@pytest.fixture
def gate(callers: Callers, clock: Clock) -> Gate:
    return Gate(callers, START, clock)


def headers(
    key: Ed25519PrivateKey = ANNA,
    *,
    caller: str = "anna",
    path: str = "/ask",
    body: bytes = BODY,
    at: datetime = START,
) -> dict[str, str]:
    return {name.lower(): value for name, value in sign(key, caller, "POST", path, body, at).items()}


def denied(gate: Gate, given: dict[str, str], *, path: str = "/ask", body: bytes = BODY) -> str:
    with pytest.raises(Denied) as refused:
        gate.enter("POST", path, given, body)
    return refused.value.code


def test_anna_gets_in(gate: Gate) -> None:
    assert gate.enter("POST", "/ask", headers(), BODY) == Caller("anna", public(ANNA), vouches=True)


def test_cilda_does_not_and_is_not_told_who_does(gate: Gate) -> None:
    unknown = headers(CILDA, caller="cilda")
    forged = headers(CILDA, caller="anna")
    assert [denied(gate, unknown), denied(gate, forged)] == ["signature", "signature"]
    with pytest.raises(Denied) as one:
        gate.enter("POST", "/ask", unknown, BODY)
    with pytest.raises(Denied) as other:
        gate.enter("POST", "/ask", forged, BODY)
    assert str(one.value) == str(other.value)


@pytest.mark.parametrize(
    ("path", "body", "method"),
    [("/ask?more", BODY, "POST"), ("/ask", BODY + b" ", "POST"), ("/ask", BODY, "GET")],
    ids=["path", "body", "method"],
)
def test_what_was_not_signed_does_not_get_in(gate: Gate, path: str, body: bytes, method: str) -> None:
    with pytest.raises(Denied) as refused:
        gate.enter(method, path, headers(), body)
    assert refused.value.code == "signature"


@pytest.mark.parametrize("lacking", ["talka-caller", "talka-time", "talka-nonce", "talka-signature"])
def test_every_header_is_needed(gate: Gate, lacking: str) -> None:
    given = headers()
    del given[lacking]
    assert denied(gate, given) in {"unsigned", "time", "signature"}


def test_a_time_without_its_zone(gate: Gate) -> None:
    assert denied(gate, headers() | {"talka-time": "2026-01-31T12:00:00"}) == "time"


def test_the_same_request_twice(gate: Gate) -> None:
    given = headers()
    gate.enter("POST", "/ask", given, BODY)
    assert denied(gate, given) == "replay"


@pytest.mark.parametrize("seconds", [1, 60, 120, 121, 239, 240, 241, 3600])
def test_a_request_gets_in_once_however_long_one_waits(gate: Gate, clock: Clock, seconds: int) -> None:
    given = headers()
    gate.enter("POST", "/ask", given, BODY)
    clock.at = START + timedelta(seconds=seconds)
    gate_was_used_meanwhile = headers(at=clock.at)
    gate.enter("POST", "/ask", gate_was_used_meanwhile, BODY)
    assert denied(gate, given) == ("replay" if seconds <= SKEW.seconds else "time")


def test_one_from_the_future_gets_in_once_too(gate: Gate, clock: Clock) -> None:
    given = headers(at=START + SKEW)
    gate.enter("POST", "/ask", given, BODY)
    clock.at = START + 2 * SKEW
    gate.enter("POST", "/ask", headers(at=clock.at), BODY)
    assert denied(gate, given) == "replay"


def test_a_clock_put_back_lets_nothing_in_again(gate: Gate, clock: Clock) -> None:
    given = headers()
    gate.enter("POST", "/ask", given, BODY)
    clock.at = START + timedelta(hours=1)
    gate.enter("POST", "/ask", headers(at=clock.at), BODY)
    clock.at = START
    assert denied(gate, given) == "time"


def test_what_was_signed_before_the_process_began(callers: Callers, clock: Clock) -> None:
    gate = Gate(callers, START, clock)
    given = headers(at=START - timedelta(seconds=1))
    assert denied(gate, given) == "time"


def test_nonces_are_not_kept_without_end(gate: Gate, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signed, "REMEMBERED", 3)
    for _ in range(3):
        gate.enter("POST", "/ask", headers(), BODY)
    assert denied(gate, headers()) == "busy"
    clock.at = START + 2 * SKEW + timedelta(seconds=1)
    assert gate.enter("POST", "/ask", headers(at=clock.at), BODY).name == "anna"


def test_whoever_is_removed_gets_in_no_more(gate: Gate, callers: Callers) -> None:
    Callers(callers.path).remove("anna")
    assert denied(gate, headers()) == "signature"


def test_names_and_keys_are_looked_at(callers: Callers) -> None:
    with pytest.raises(ValueError, match="1 to 64 small letters"):
        callers.put(Caller("Anna Paraugs", public(ANNA)))
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        callers.put(Caller("bruno", "abc"))
    with pytest.raises(LookupError, match="no caller is named 'cilda'; there are anna"):
        callers.remove("cilda")
    assert list(Callers(callers.path).all()) == ["anna"]
