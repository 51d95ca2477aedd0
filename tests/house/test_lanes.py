"""What the test run promises: no network, no silent skip, a PostgreSQL that leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from tests import checks, lanes

pytestmark = pytest.mark.once

FAR = "192.0.2.1"  # RFC 5737: an address that no machine has


@pytest.mark.parametrize("connect", ["connect", "connect_ex"])
def test_a_far_address_is_refused(connect: str) -> None:
    with socket.socket() as link, pytest.raises(AssertionError, match="loopback only"):
        getattr(link, connect)((FAR, 80))


@pytest.mark.parametrize("name", ["ministry.example", b"ministry.example", FAR])
def test_a_far_name_is_not_looked_up(name: str | bytes) -> None:
    with pytest.raises(AssertionError, match="loopback only"):
        socket.getaddrinfo(name, 80)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_may_be_reached(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as link:
        link.connect((host, server.getsockname()[1]))


def test_tests_have_a_home_of_their_own() -> None:
    assert Path(os.environ["TALKA_HOME"]).parent == Path(os.environ.get("TMPDIR", "/tmp"))


def test_what_is_missing_is_skipped_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "driver_starts", lambda: True)
    monkeypatch.setattr(lanes, "chromium", lambda: None)
    monkeypatch.setattr(lanes, "REQUIRE_ALL", False)
    with pytest.raises(pytest.skip.Exception, match="apt install chromium"):
        lanes.need_chromium()


def test_what_is_missing_fails_where_all_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "driver_starts", lambda: True)
    monkeypatch.setattr(lanes, "chromium", lambda: None)
    monkeypatch.setattr(lanes, "REQUIRE_ALL", True)
    with pytest.raises(pytest.fail.Exception, match=r"apt install chromium.*TALKA_REQUIRE=all"):
        lanes.need_chromium()


def test_shared_material_is_never_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "REQUIRE_ALL", True)
    with pytest.raises(pytest.skip.Exception, match="not beside this checkout"):
        lanes.need_shared("no/such.file")


@pytest.mark.parametrize(("required", "code"), [(False, 0), (True, 1)])
def test_a_missing_server_is_said_and_counts_where_all_is_required(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], required: bool, code: int
) -> None:
    def no_server() -> Path:
        raise lanes.NoServer("no server here")

    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(lanes, "server_programs", no_server)
    monkeypatch.setattr(lanes, "run_pytest", lambda arguments, **environment: 0)
    monkeypatch.setattr(lanes, "REQUIRE_ALL", required)
    assert lanes.main([]) == code
    assert f"PostgreSQL: {'failed' if required else 'skipped'}: no server here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sqlite", "postgresql", "code"),
    [(0, 0, 0), (1, 0, 1), (0, 1, 1), (2, 1, 2), (0, 5, 0), (5, 5, 5)],
)
def test_a_run_is_as_good_as_its_worst_lane(
    monkeypatch: pytest.MonkeyPatch, sqlite: int, postgresql: int, code: int
) -> None:
    """5 is pytest's "no test selected": all right on PostgreSQL alone, which runs no browser tests."""
    monkeypatch.setenv("DATABASE_URL", "postgres://somebody@127.0.0.1/theirs")
    monkeypatch.setattr(
        lanes, "run_pytest", lambda arguments, **environment: postgresql if environment else sqlite
    )
    assert lanes.main([]) == code


def test_the_postgresql_lane_leaves_out_what_knows_no_database() -> None:
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", __file__],
        cwd=lanes.ROOT,
        env=os.environ | {"TALKA_LANE": "postgresql"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert collected.returncode == lanes.NOTHING_SELECTED, collected.stdout
    assert "deselected" in collected.stdout


def test_a_temporary_postgresql_works_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        lanes.server_programs()
    except lanes.NoServer as why:
        pytest.skip(str(why))  # the lane itself fails where all is required
    folders: list[Path] = []
    make = tempfile.mkdtemp

    def seen(prefix: str) -> str:
        folders.append(Path(make(prefix=prefix)))
        return str(folders[-1])

    monkeypatch.setattr(tempfile, "mkdtemp", seen)
    with pytest.raises(KeyboardInterrupt), lanes.temporary_postgresql() as url:
        with psycopg.connect(url) as link:
            assert link.execute("show server_encoding").fetchone() == ("UTF8",)
        assert [folder.exists() for folder in folders] == [True]
        raise KeyboardInterrupt  # Ctrl-C in the middle of the tests
    assert [folder.exists() for folder in folders] == [False]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ("see " + "/home" + "/anna/notes", False),
        ("cd " + "/root" + "/talka", False),
        ("index = https://" + checks.HOSTS[0] + "/simple", False),
        ("/lv/biomed/strategy/ and ../work/plan, src/work/x, <root>/y", True),
    ],
)
def test_a_committed_slip_is_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, passes: bool
) -> None:
    (tmp_path / "notes.md").write_text(f"first\n{line}\n")
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    monkeypatch.setattr(checks, "committed", lambda: [tmp_path / "notes.md"])
    assert checks.nothing_of_a_machine_is_committed() is passes


@pytest.mark.parametrize(
    ("line", "passes"), [("click==8.5.1", True), ("click @ https://x.example/y.whl", False)]
)
def test_a_lock_with_an_address_is_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, passes: bool
) -> None:
    shutil.copy(lanes.ROOT / "requirements.lock", tmp_path)
    with (tmp_path / "requirements.lock").open("a") as lock:
        lock.write(line + "\n")
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    assert checks.locks_name_no_address() is passes
