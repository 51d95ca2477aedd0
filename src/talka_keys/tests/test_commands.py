"""`talka-keys` as its operator uses it, in processes of its own, killed in the middle too."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from talka_keys.__main__ import main
from talka_keys.ledger import Kind, Ledger
from talka_keys.tests.running import Asker, Reply, call, elements

pytestmark = pytest.mark.once

SOURCES = Path(__file__).resolve().parents[2]


class Today:
    now = property(lambda self: datetime.now(UTC))


def told(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> dict[str, Any]:
    """What a command prints with --json."""
    assert main([*arguments, "--folder", str(folder), "--json"]) in (0, 1)
    return dict(json.loads(capsys.readouterr().out))


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], tuple[str, int]]]:
    """`talka-keys serve` in a process of its own, and where it listens."""
    command = [sys.executable, "-m", "talka_keys", "serve", "--folder", str(folder), "--port", "0", "--json"]
    environment = os.environ | {"PYTHONPATH": str(SOURCES)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        try:
            lines = "".join(process.stdout.readline() for _ in range(3))
            address = json.loads(lines)["listening"].removeprefix("http://").split(":")
            yield process, (address[0], int(address[1]))
        finally:
            process.kill()


def anna_at(address: tuple[str, int]) -> Asker:
    return Asker("anna", address, Today())  # type: ignore[arg-type]


def test_from_init_to_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = told(capsys, tmp_path, "init", "--population", "4000")
    assert (made["epoch"], len(made["public_key"])) == (1, 64)
    anna = anna_at(("127.0.0.1", 0))
    key = anna.as_node().public_key.hex()
    registered = told(capsys, tmp_path, "register", "anna", "--public-key", key, "--donors", "50")
    assert registered == {"node": "anna", "donors": 50, "per_day": 50, "per_epoch": 100}

    with serving(tmp_path) as (_, anna.address):
        [epoch] = call(anna.address, "GET", "/epochs").told["epochs"]
        assert epoch["public_key"] == made["public_key"]
        reply = anna.ask(elements(46))
        assert reply.status == 200
        rotated = told(capsys, tmp_path, "rotate", "--overlap", "1")
        assert [each["open"] for each in rotated["epochs"]] == [True, True]
        assert anna.ask(elements(4), epoch=2).status == 200
        assert anna.ask(elements(1), epoch=2).status == 429

    status = told(capsys, tmp_path, "status")
    assert status["nodes"] == [
        {"node": "anna", "donors": 50, "today": "50 of 50", "epoch_2": "4 of 100", "suspended": False}
    ]
    assert [(alarm["alarm"], alarm["node"]) for alarm in status["alarms"]] == [("quota nearly spent", "anna")]
    head = reply.headers["talka-journal"]
    verified = told(capsys, tmp_path, "verify", "--head", head)
    assert (verified["epochs"], verified["findings"], verified["head"]) == (2, [], status["head"])
    assert told(capsys, tmp_path, "suspend", "anna") == {"suspended": "anna"}
    assert told(capsys, tmp_path, "status")["nodes"][0]["suspended"] is True
    assert "accepted" in told(capsys, tmp_path, "accept-clock")


def test_verify_finds_another_key_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("one", "other"):
        told(capsys, tmp_path / folder, "init")
    assert told(capsys, tmp_path / "one", "verify")["findings"] == []
    (tmp_path / "other" / "keys.json").replace(tmp_path / "one" / "keys.json")
    assert main(["verify", "--folder", str(tmp_path / "one")]) == 1
    assert "keys: epoch 1 is not the one that the journal tells of" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status"], "is not there: `talka-keys init` makes it, or restore it from a backup"),
        (["init", "--lasts", "0"], "--lasts is a number of days, at least 1, not 0"),
        (["init", "--population", "0"], "--population is a number of people, at least 1, not 0"),
        (
            ["register", "anna", "--public-key", "xyz", "--donors", "1"],
            "--public-key is 64 hexadecimal digits",
        ),
        (["verify", "--head", "12"], "--head is a row's number and its hash"),
        (
            ["serve", "--host", "192.0.2.1"],
            "192.0.2.1 is not loopback: give --certificate and --certificate-key",
        ),
        (["serve", "--certificate", "c.pem"], "--certificate and --certificate-key go together"),
    ],
)
def test_what_cannot_be_done_says_what_would_be_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main([*arguments, "--folder", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_keys_are_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, tmp_path, "init")
    before = (tmp_path / "keys.json").read_bytes()
    assert main(["init", "--folder", str(tmp_path)]) == 2
    assert "holds keys already" in capsys.readouterr().err
    assert (tmp_path / "keys.json").read_bytes() == before


def test_killed_at_any_moment_no_answer_left_that_was_not_charged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kill -9 while two threads ask; what they were answered is charged, what they were not costs nothing when asked
    for again."""
    told(capsys, tmp_path, "init")
    anna = anna_at(("127.0.0.1", 0))
    register = ["register", "anna", "--public-key", anna.as_node().public_key.hex(), "--donors", "10000"]
    told(capsys, tmp_path, *register)
    asked: list[bytes] = []
    answered: list[bytes] = []

    def ask() -> None:
        while True:
            body = elements(5)
            asked.append(body)
            try:
                reply: Reply = anna.ask(body)
            except (OSError, http.client.HTTPException):
                return  # killed
            assert reply.status == 200
            answered.append(body)

    for turn in range(3):
        with serving(tmp_path) as (process, anna.address):
            threads = [threading.Thread(target=ask) for _ in range(2)]
            for thread in threads:
                thread.start()
            time.sleep(0.15 + 0.1 * turn)
            process.kill()
            for thread in threads:
                thread.join()
    assert answered

    with closing(Ledger(tmp_path)) as ledger:
        charged = sum(row.evaluations for row in ledger.journal(Kind.EVALUATED))
        assert ledger.findings() == []
    assert 5 * len(answered) <= charged <= 5 * len(asked)
    with serving(tmp_path) as (_, anna.address):
        for body in asked:
            assert anna.ask(body).status == 200
    with closing(Ledger(tmp_path)) as ledger:
        assert ledger.spent("anna", 1, datetime.now(UTC))[1] == 5 * len(asked)
        assert ledger.findings() == []
