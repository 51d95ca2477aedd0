"""The key server as nodes see it: what it answers, what it refuses, until when, and what it notes of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from talka_keys import oprf, suite
from talka_keys.ledger import Kind, Ledger
from talka_keys.service import Service
from talka_keys.tests.running import NOON, YEAR, Asker, Clock, call, elements, prepare, running
from talka_keys.vault import Vault

pytestmark = pytest.mark.once


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    prepare(tmp_path)
    with closing(Service(tmp_path, clock)) as opened:
        yield opened


@pytest.fixture
def anna(service: Service, clock: Clock) -> Iterator[Asker]:
    with running(service) as address:
        asker = Asker("anna", address, clock)
        service.ledger.register(asker.as_node(), NOON)
        yield asker


def parts(body: bytes) -> list[bytes]:
    return [body[at : at + 32] for at in range(0, len(body), 32)]


def kinds(service: Service) -> list[Kind]:
    return [row.kind for row in service.ledger.journal()]


def test_an_answer_is_evaluated_proven_charged_and_journalled(service: Service, anna: Asker) -> None:
    body = elements(3)
    reply = anna.ask(body)
    assert reply.status == 200, reply.body
    *evaluated, c, s = parts(reply.body)
    secret = service.vault.newest().secret
    assert secret
    assert evaluated == oprf.evaluate(secret, parts(body))
    assert len(c + s) == suite.PROOF_BYTES
    assert reply.headers["talka-left"] == f"{100 - 3} {200 - 3}"
    row = service.ledger.journal()[-1]
    assert (row.kind, row.node, row.epoch, row.evaluations, row.note) == (Kind.EVALUATED, "anna", 1, 3, "")
    assert reply.headers["talka-journal"] == f"{row.sequence}:{row.hash}"
    assert service.ledger.findings() == []


def test_public_keys_are_for_everybody_and_secrets_for_nobody(service: Service, anna: Asker) -> None:
    health, epochs = (call(anna.address, "GET", path) for path in ("/", "/epochs"))
    assert health.told == {"status": "ok", "suite": suite.NAME, "epoch": 1}
    newest = service.vault.newest()
    [told] = epochs.told["epochs"]
    assert told == {
        "epoch": 1,
        "public_key": newest.public.hex(),
        "open": True,
        "opened": NOON.isoformat(),
        "planned_end": (NOON + YEAR).isoformat(),
        "closes": None,
    }
    assert newest.secret
    assert newest.secret.hex() not in epochs.body.decode() + repr(newest)


# --- who asks -----------------------------------------------------------------------------------------------


def test_cilda_is_not_registered_and_bruno_signs_with_another_key(service: Service, anna: Asker) -> None:
    cilda = Asker("cilda", anna.address, anna.clock)
    bruno = Asker("anna", anna.address, anna.clock)
    for asker in (cilda, bruno):
        reply = asker.ask(elements(1))
        assert (reply.status, reply.told["error"]) == (401, "signature")
    assert kinds(service) == [Kind.OPENED, Kind.REGISTERED]


def test_every_signed_part_is_bound(anna: Asker) -> None:
    body = elements(2)
    for header, value in {
        "Talka-Epoch": "2",
        "Talka-Time": (NOON + timedelta(seconds=1)).isoformat(),
        "Talka-Nonce": "0" * 32,
        "Talka-Signature": "0" * 128,
    }.items():
        assert anna.ask(body, anna.signed(body) | {header: value}).status == 401, header
    assert anna.ask(body[32:] + body[:32], anna.signed(body)).status == 401


def test_a_header_that_is_none_is_refused_with_what_would_be_right(anna: Asker) -> None:
    wrong = {
        "Talka-Epoch": ["", "-1", "01", "9" * 30],
        "Talka-Time": ["", "yesterday", "2026-03-02T12:00:00"],
        "Talka-Nonce": ["", "A" * 32, "0" * 31],
        "Talka-Signature": ["", "0" * 127],
    }
    body = elements(1)
    for header, value in ((header, value) for header, values in wrong.items() for value in values):
        reply = anna.ask(body, anna.signed(body) | {header: value})
        assert (reply.status, reply.told["error"]) == (400, "request"), (header, value)
        assert header in reply.told["message"]


def test_a_body_of_no_elements_or_too_many(service: Service, anna: Asker) -> None:
    for body, status in ((b"", 400), (bytes(31), 400), (bytes(32 * 4097), 413)):
        assert anna.ask(body).status == status
    assert kinds(service) == [Kind.OPENED, Kind.REGISTERED]


def test_bytes_that_are_no_element_are_named_by_their_place(anna: Asker) -> None:
    reply = anna.ask(elements(1) + bytes(32))
    assert reply.status == 400
    assert reply.told["message"].startswith("element 2 of 2: these bytes encode no element")


def test_a_replayed_request_is_refused_also_after_a_restart(
    service: Service, anna: Asker, tmp_path: Path, clock: Clock
) -> None:
    body = elements(1)
    headers = anna.signed(body)
    assert anna.ask(body, headers).status == 200
    reply = anna.ask(body, headers)
    assert (reply.status, reply.told["error"]) == (409, "replay")
    with running(Service(tmp_path, clock)) as address:
        again = call(address, "POST", "/evaluate", body, headers)
        assert again.status == 409
        clock.now += timedelta(minutes=5)
        assert call(address, "POST", "/evaluate", body, headers).status == 409
        clock.now += timedelta(seconds=1)  # its time alone refuses it now, so the nonce may be forgotten
        late = call(address, "POST", "/evaluate", body, headers)
        assert (late.status, late.told["error"]) == (401, "time")
    assert kinds(service)[3:5] == [Kind.DENIED, Kind.ALARM_REPLAY]


@pytest.mark.parametrize("off", [timedelta(minutes=5, seconds=1), -timedelta(minutes=5, seconds=1)])
def test_a_clock_that_is_off_is_told_what_time_it_is(anna: Asker, off: timedelta) -> None:
    reply = anna.ask(elements(1), at=NOON + off)
    assert (reply.status, reply.told["error"]) == (401, "time")
    assert f"here it is {NOON.isoformat(timespec='microseconds')}" in reply.told["message"]


def test_a_suspended_node_asks_in_vain(service: Service, anna: Asker) -> None:
    service.ledger.suspend("anna", NOON)
    assert anna.ask(elements(1)).told["error"] == "suspended"
    service.ledger.register(anna.as_node(), NOON)
    assert anna.ask(elements(1)).status == 200
    with pytest.raises(LookupError, match="no node is registered as 'bruno'"):
        service.ledger.suspend("bruno", NOON)


# --- how much -----------------------------------------------------------------------------------------------


def test_the_quota_of_the_day_says_to_come_back_tomorrow(anna: Asker, clock: Clock) -> None:
    assert anna.ask(elements(98)).status == 200
    reply = anna.ask(elements(3))
    assert (reply.status, reply.told["error"]) == (429, "quota-day")
    assert reply.told["come_back"] == datetime.fromisoformat("2026-03-03T00:00:00+00:00").isoformat()
    assert reply.headers["retry-after"] == str(12 * 60 * 60)
    assert "3 evaluations were asked for, 2 of 100 are left today" in reply.told["message"]
    assert anna.ask(elements(2)).status == 200
    clock.now = datetime.fromisoformat(reply.told["come_back"])
    assert anna.ask(elements(3)).status == 200


def test_the_quota_of_the_epoch_says_to_come_back_with_the_next(
    service: Service, anna: Asker, clock: Clock
) -> None:
    service.ledger.register(anna.as_node(per_day=1000, per_epoch=120), NOON)
    assert anna.ask(elements(119)).status == 200
    clock.now += timedelta(days=1)
    reply = anna.ask(elements(2))
    assert (reply.status, reply.told["error"]) == (429, "quota-epoch")
    assert reply.told["come_back"] == (NOON + YEAR).isoformat()
    assert "2 evaluations were asked for, 1 of 120 are left in epoch 1" in reply.told["message"]
    assert anna.ask(elements(1)).status == 200


def test_a_lost_answer_is_asked_for_again_at_no_charge(service: Service, anna: Asker, clock: Clock) -> None:
    body = elements(60)
    first, again = anna.ask(body), anna.ask(body)
    assert first.body[:-64] == again.body[:-64]
    assert first.body[-64:] != again.body[-64:]  # a proof's nonce is never used twice
    assert again.headers["talka-left"] == "40 140"
    assert [row.evaluations for row in service.ledger.journal()] == [0, 0, 60, 0]
    clock.now += timedelta(days=7, seconds=1)
    assert anna.ask(body).headers["talka-left"] == "40 80"


def test_no_quota_lets_a_node_enumerate_the_population(service: Service, anna: Asker) -> None:
    with pytest.raises(
        ValueError, match="1001 evaluations in an epoch are over a quarter of the population of 4000"
    ):
        service.ledger.register(anna.as_node(per_epoch=4000 // 4 + 1), NOON)
    service.ledger.register(anna.as_node(per_epoch=4000 // 4), NOON)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "Čaks"}, "1 to 64 printable ASCII characters"),
        ({"public_key": b"short"}, "32 bytes, not 5"),
        ({"donors": 0}, "at least 1"),
    ],
)
def test_a_registration_that_is_wrong_is_refused(
    service: Service, anna: Asker, wrong: dict[str, str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        service.ledger.register(replace(anna.as_node(), **wrong), NOON)  # type: ignore[arg-type]


def test_one_key_has_one_quota(service: Service, anna: Asker) -> None:
    with pytest.raises(ValueError, match="this public key is anna's; a node has a key of its own"):
        service.ledger.register(replace(anna.as_node(), name="bruno"), NOON)


def test_with_a_full_disk_nothing_is_evaluated(service: Service, anna: Asker) -> None:
    service.ledger.register(anna.as_node(donors=1000, per_day=1000, per_epoch=1000), NOON)
    [size] = service.ledger._link.execute("pragma page_count").fetchone()
    service.ledger._link.execute(f"pragma max_page_count = {size}")
    answered = 0
    while (reply := anna.ask(elements(1))).status == 200:
        answered += 1
    assert (reply.status, reply.told["error"]) == (503, "storage")
    charged = [row.evaluations for row in service.ledger.journal(Kind.EVALUATED)]
    assert sum(charged) == answered
    service.ledger._link.execute("pragma max_page_count = 100000")
    assert service.ledger.findings() == []


# --- alarms -------------------------------------------------------------------------------------------------


def test_alarms_are_raised_once_a_day(service: Service, anna: Asker, clock: Clock) -> None:
    service.ledger.register(anna.as_node(donors=40, per_day=100, per_epoch=200), NOON)
    assert anna.ask(elements(60)).status == 200
    assert Kind.ALARM_RATE not in kinds(service)
    for _ in range(3):
        assert anna.ask(elements(1)).status == 200
    assert anna.ask(elements(27)).status == 200
    alarms = [
        (row.kind, row.node, row.note) for row in service.ledger.journal(Kind.ALARM_RATE, Kind.ALARM_QUOTA)
    ]
    assert alarms == [
        (Kind.ALARM_RATE, "anna", "61 evaluations in epoch 1 for 40 donors"),
        (Kind.ALARM_QUOTA, "anna", "90 of 100 today, 90 of 200 in epoch 1"),
    ]
    clock.now += timedelta(days=1)
    assert anna.ask(elements(1)).status == 200
    assert kinds(service)[-1] is Kind.ALARM_RATE


def test_a_clock_moved_back_spends_no_day_twice(service: Service, anna: Asker, clock: Clock) -> None:
    assert anna.ask(elements(100)).status == 200
    clock.now -= timedelta(minutes=4)  # a small step is smoothed over
    assert anna.ask(elements(1)).told["error"] == "quota-day"
    clock.now = NOON - timedelta(days=1)
    reply = anna.ask(elements(1))
    assert (reply.status, reply.told["error"]) == (503, "clock")
    assert kinds(service)[-1] is Kind.ALARM_CLOCK
    service.ledger.accept_clock(clock.now)
    assert anna.ask(elements(1)).status == 200


# --- epochs -------------------------------------------------------------------------------------------------


def test_after_rotation_both_epochs_answer_until_the_old_ones_key_is_destroyed(
    service: Service, anna: Asker, clock: Clock, tmp_path: Path
) -> None:
    old = service.vault.newest()
    Vault(tmp_path).rotate(
        NOON, timedelta(days=30), YEAR
    )  # as another process does it, while this one answers
    body = elements(2)
    first, second = anna.ask(body, epoch=1), anna.ask(body, epoch=2)
    assert (first.status, second.status) == (200, 200)
    assert first.body[:64] != second.body[:64]
    assert second.headers["talka-left"] == f"{100 - 4} {200 - 2}"

    clock.now += timedelta(days=30)
    reply = anna.ask(body, epoch=1)
    assert (reply.status, reply.told["error"]) == (410, "epoch")
    assert reply.told["message"] == "epoch 1 is not open; open now: 2"
    assert anna.ask(body, epoch=2).status == 200
    assert old.secret
    assert old.secret.hex() not in (tmp_path / "keys.json").read_text()
    assert [(row.kind, row.epoch) for row in service.ledger.journal(Kind.OPENED, Kind.CLOSED)] == [
        (Kind.OPENED, 1),
        (Kind.OPENED, 2),
        (Kind.CLOSED, 1),
    ]


def test_in_an_epoch_that_closes_a_spent_quota_points_to_the_newer_one(service: Service, anna: Asker) -> None:
    service.ledger.register(anna.as_node(per_epoch=1), NOON)
    service.vault.rotate(NOON, timedelta(days=30), YEAR)
    told = anna.ask(elements(2), epoch=1).told
    assert (told["error"], "come_back" in told) == ("quota-epoch", False)
    assert told["message"].endswith(
        "1 of 1 are left in epoch 1; a newer one is open, or ask the operator for more"
    )


def test_rotating_in_many_threads_loses_no_key(tmp_path: Path) -> None:
    prepare(tmp_path)
    turns = 12

    def turn(number: int) -> bytes:
        vault = Vault(tmp_path)
        opened = vault.rotate(NOON, timedelta(days=1 + number), YEAR)
        vault.destroy_closed(NOON)
        return opened.public

    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(turn, range(turns)))
    epochs = Vault(tmp_path).epochs()
    assert {epoch.public for epoch in epochs.values()} == {*opened, epochs[1].public}
    assert len(epochs) == turns + 1
    assert all(epoch.secret for epoch in epochs.values())


def test_an_epoch_that_is_not_there(anna: Asker) -> None:
    assert anna.ask(elements(1), epoch=7).told["message"] == "epoch 7 is not open; open now: 1"


# --- what is kept -------------------------------------------------------------------------------------------


def test_nothing_of_what_was_asked_is_kept(
    service: Service, anna: Asker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = elements(3)
    reply = anna.ask(body)
    assert reply.status == 200
    anna.ask(elements(100))
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir()) + caplog.text.encode()
    for element in parts(body) + parts(reply.body):
        assert element not in written
        assert element.hex().encode() not in written


def test_files_are_their_owners_alone(service: Service, tmp_path: Path) -> None:
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    assert {modes["keys.json"], modes["ledger.db"]} == {oct(0o600)}
    (tmp_path / "keys.json").chmod(0o640)
    with pytest.raises(
        PermissionError, match="can be read by others; it must be its owner's alone: chmod 600"
    ):
        service.vault.epochs()


@pytest.mark.parametrize(
    "change",
    [
        "update journal set evaluations = 1 where kind = 'evaluated'",
        "delete from journal where sequence = 2",
        "update journal set node = 'bruno' where sequence = 2",
        "update spent set evaluated = evaluated - 1",
        "delete from spent",
    ],
)
def test_a_changed_ledger_is_found_out(service: Service, anna: Asker, change: str) -> None:
    assert anna.ask(elements(2)).status == 200
    service.ledger._link.execute(change)
    assert len(service.ledger.findings()) == 1


def test_cut_off_rows_are_found_out_by_a_head_that_a_node_noted(service: Service, anna: Asker) -> None:
    row, digest = anna.ask(elements(2)).headers["talka-journal"].split(":")
    service.ledger._link.execute("delete from journal where sequence = ?", (row,))
    service.ledger._link.execute("delete from spent")
    assert service.ledger.findings() == []
    [finding] = service.ledger.findings((int(row), digest))
    assert finding.startswith(f"journal: row {row} is not the one with hash")


@pytest.mark.parametrize(
    "damage", ["", "{}", '{"version": 2, "epochs": []}', '{"version": 1, "epochs": []}', "SECRET", "PUBLIC"]
)
def test_a_damaged_key_file_is_not_used_and_its_key_not_told(tmp_path: Path, damage: str) -> None:
    prepare(tmp_path)
    path = tmp_path / "keys.json"
    kept = json.loads(path.read_text())
    secret = kept["epochs"][0]["secret"]
    if damage == "SECRET":
        kept["epochs"][0]["secret"] = "00" + secret[2:]
        damage = json.dumps(kept)
    elif damage == "PUBLIC":
        kept["epochs"][0]["public"] = suite.GENERATOR.hex()
        damage = json.dumps(kept)
    path.write_text(damage)
    with pytest.raises(
        ValueError, match="is damaged or of another version; restore it from a backup"
    ) as error:
        Vault(tmp_path).epochs()
    assert secret[2:] not in str(error.value)


def test_two_ledgers_of_one_folder_spend_one_quota(tmp_path: Path, clock: Clock) -> None:
    prepare(tmp_path)
    anna = Asker("anna", ("127.0.0.1", 0), clock)
    one, other = Ledger(tmp_path), Ledger(tmp_path)
    one.register(anna.as_node(), NOON)
    for turn, ledger in enumerate((one, other, one)):
        admitted = ledger.admit(
            anna.as_node(),
            1,
            30,
            bytes([turn]),
            signed_at=NOON,
            nonce=str(turn),
            now=NOON,
            next_epoch=NOON + YEAR,
        )
        assert admitted.left_today == 100 - 30 * (turn + 1)
    one.close()
    other.close()
