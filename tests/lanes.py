"""The lanes of the test run: `./talka test [pytest arguments]` drives every lane that this machine can drive.

Lane 1 is everything on the embedded SQLite, browser journeys included; lane 2 is everything but those on a
real PostgreSQL, made for the run and thrown away. What is missing is skipped with its reason;
TALKA_REQUIRE=all turns each such skip into a failure. Tests ask here for what not every machine has.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypedDict

import playwright
import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[1]
REQUIRE_ALL = os.environ.get("TALKA_REQUIRE") == "all"
ON_POSTGRESQL = os.environ.get("DATABASE_URL", "").startswith(("postgres://", "postgresql://"))


# --- for tests: what not every machine has ---------------------------------------------------------------


def need_chromium() -> Path:
    """A Chromium that starts; without one the test is skipped, or fails under TALKA_REQUIRE=all."""
    if not driver_starts():
        _absent("Playwright's driver does not start (Debian: apt install libatomic1)")
    return chromium() or _absent("no Chromium that starts was found (Debian: apt install chromium)")


def need_postgres() -> str:
    """The URL of the PostgreSQL under test; outside the PostgreSQL lane the test is skipped.

    Never a failure: `./talka test` itself fails if that lane is required and cannot run.
    """
    if not ON_POSTGRESQL:
        pytest.skip("this test is about PostgreSQL; it runs in the PostgreSQL lane")
    return os.environ["DATABASE_URL"]


def need_shared(path: str) -> Path:
    """A file or folder of the material kept beside the checkout, as in need_shared("seed/strategy.txt").

    Never a failure: that folder is not part of the repository.
    """
    found = ROOT.parent / "shared" / path
    if not found.exists():
        pytest.skip(f"../shared/{path} is not beside this checkout")
    return found


@functools.cache
def chromium() -> Path | None:
    """The first Chromium that tells its version, which a stand-in that only points to a snap does not."""
    downloads = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache" / "ms-playwright"))
    installed = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    for place in (*installed, *sorted(downloads.glob("chromium-*/chrome-linux*/chrome"), reverse=True)):
        if place and "Chrom" in _version(place):
            return Path(place)
    return None


@functools.cache
def driver_starts() -> bool:
    """Whether the Node inside Playwright runs; minimal machines lack a library that it is linked to."""
    return _version(Path(playwright.__file__).parent / "driver" / "node") != ""


def _version(program: str | Path) -> str:
    try:
        asked = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout if asked.returncode == 0 else ""


def need_spark() -> None:
    """Spark and a Java for it; without them the test is skipped, or fails under TALKA_REQUIRE=all."""
    if importlib.util.find_spec("pyspark") is None:
        _absent("the extra `spark` is not installed (.ci/run does it: requirements-spark.lock)")
    if _version("java") == "":
        _absent("Spark needs Java 17 (Debian: apt install openjdk-17-jre-headless)")


def _absent(reason: str) -> NoReturn:
    if REQUIRE_ALL:
        pytest.fail(f"{reason}; TALKA_REQUIRE=all does not allow skipping it", pytrace=False)
    pytest.skip(reason)


# --- a PostgreSQL for one run ----------------------------------------------------------------------------


class NoServer(Exception):
    """No PostgreSQL could be used; the message says why and what to do."""


def server_programs() -> Path:
    """The newest folder with `initdb` and `postgres`; Debian has one per version, off the PATH."""
    folders = sorted(
        (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda folder: float(folder.parent.name),
        reverse=True,
    )
    if on_path := shutil.which("initdb"):
        folders.append(Path(on_path).resolve().parent)
    for folder in folders:
        if (folder / "postgres").exists():
            return folder
    raise NoServer("no PostgreSQL server is installed (Debian: apt install postgresql)")


@contextmanager
def temporary_postgresql() -> Iterator[str]:
    """The URL of an empty PostgreSQL on a free loopback port, gone when the block ends, however it ends.

    Nothing is synced to disk: speed is worth more here than surviving a power cut.
    Raises NoServer when there are no server programs or they do not start.
    """
    programs = server_programs()
    nobody = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="talka-postgresql-"))
    server = None
    try:
        if nobody:
            os.chown(folder, nobody["user"], nobody["group"])
        data, log, port = folder / "data", folder / "log", _free_port()
        initdb: list[str | Path] = [programs / "initdb", "-D", data, "-U", "talka", "-A", "trust"]
        made = subprocess.run(
            [*initdb, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
            **nobody,
        )
        if made.returncode:
            raise NoServer(f"initdb failed: {made.stderr.strip()}")
        listen = ["--listen_addresses=127.0.0.1", f"--port={port}", "--unix_socket_directories="]
        haste = ["--fsync=off", "--synchronous_commit=off", "--full_page_writes=off"]
        with log.open("wb") as output:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, *listen, *haste],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                start_new_session=True,  # Ctrl-C is for the tests; the server is stopped below, after them
                **nobody,
            )
        _create_database(port, server, log)
        yield f"postgres://talka@127.0.0.1:{port}/talka"
    finally:
        if server:
            server.send_signal(signal.SIGINT)  # "fast shutdown": drops connections, does not wait for clients
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        shutil.rmtree(folder, ignore_errors=True)


class Someone(TypedDict, total=False):
    """Whom a child process runs as, in the words of `subprocess`."""

    user: int
    group: int
    extra_groups: tuple[int, ...]


def _unprivileged() -> Someone:
    """Someone else when we are root, as whom PostgreSQL refuses to run. Debian brings `postgres`."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in known:
            return {"user": known[name].pw_uid, "group": known[name].pw_gid, "extra_groups": ()}
    raise NoServer("PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody")


def _create_database(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(f"postgres://talka@127.0.0.1:{port}/postgres", autocommit=True) as link:
                link.execute("create database talka")
                return
        except psycopg.OperationalError as why:
            if server.poll() is not None or time.monotonic() > give_up_at:
                raise NoServer(f"PostgreSQL did not start: {why}\n{log.read_text(errors='replace')}") from why
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- a cluster of Spark for some tests -------------------------------------------------------------------


class NoCluster(Exception):
    """The cluster did not start; the message holds its logs."""


@contextmanager
def temporary_spark(folder: Path, *, cores: int = 2, megabytes: int = 1024) -> Iterator[str]:
    """The URL of a standalone master with one worker, both on free loopback ports, gone when the block ends or this
    process does. Their logs are in `folder`, and below it those of the executors.

    Raises NoCluster when one of them does not start.
    """
    program = Path(importlib.import_module("pyspark").__file__ or "").parent / "bin" / "spark-class"
    settings = os.environ | {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_CONF_DIR": str(folder),  # not a cluster that this machine may know of
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    }
    settings.pop("SPARK_HOME", None)
    # The shell waits for the end of its input, which comes when this process ends, however it ends.
    guard: list[str | Path] = ["sh", "-c", '"$@" & read -r _; kill "$!"; wait "$!"', "sh", program]
    running: list[subprocess.Popen[bytes]] = []

    def start(name: str, says: str, *arguments: str | Path) -> str:
        """What stands behind `says` in the log of the program once it has started."""
        log = folder / f"{name}.log"
        main = f"org.apache.spark.deploy.{name}.{name.capitalize()}"
        with log.open("wb") as output:
            running.append(
                subprocess.Popen(
                    [*guard, main, "--host", "127.0.0.1", "--webui-port", "0", *arguments],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    cwd=folder,
                    env=settings,
                    start_new_session=True,  # Ctrl-C is for the tests
                )
            )
        give_up_at = time.monotonic() + 120
        while time.monotonic() < give_up_at:
            told = log.read_text(errors="replace")
            if says in told:
                return told.split(says)[1].split()[0]
            time.sleep(0.1)
        raise NoCluster(
            f"Spark's {name} did not start within two minutes:\n{log.read_text(errors='replace')}"
        )

    try:
        master = start("master", "Starting Spark master at ", "--port", "0")
        memory = f"{megabytes}m"
        start(
            "worker", "Successfully registered with master ",
            "--cores", str(cores), "--memory", memory, "--work-dir", folder / "work", master,
        )  # fmt: skip
        yield master
    finally:
        for process in reversed(running):
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


# --- driving the lanes -----------------------------------------------------------------------------------

NOTHING_SELECTED = 5  # pytest's exit code when no test matched


def run_pytest(arguments: list[str], **environment: str) -> int:
    """pytest in a process of its own, on SQLite unless DATABASE_URL is given. Returns its exit code."""
    settings = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | environment
    # loadfile: a file's tests share what it set up once. Two workers: what the smallest machine has as cores.
    chosen = any(given.startswith(("-n", "--numprocesses", "--pdb")) for given in arguments)
    spread = [] if chosen else ["-n", "2", "--dist", "loadfile"]
    command = [sys.executable, "-m", "pytest", *spread, *arguments]
    return subprocess.run(command, cwd=ROOT, env=settings, check=False).returncode


def main(arguments: list[str]) -> int:
    """Run both lanes, then say of each how it went. Returns the exit code of the first that failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` also runs when told to stop
    outcomes: list[tuple[str, str, int]] = []

    def lane(name: str, **environment: str) -> None:
        print(f"\n=== lane: {name}", flush=True)
        began = time.monotonic()
        code = run_pytest(arguments, **environment)
        if code == NOTHING_SELECTED and outcomes:
            code, verdict = 0, "nothing to run: what was selected knows no database"
        else:
            verdict = "passed" if code == 0 else f"failed (pytest exit code {code})"
        outcomes.append((name, f"{verdict}, {time.monotonic() - began:.0f} s", code))

    lane("SQLite")
    if given := os.environ.get("DATABASE_URL"):
        lane("PostgreSQL of DATABASE_URL", DATABASE_URL=given, TALKA_LANE="postgresql")
    else:
        try:
            with temporary_postgresql() as url:
                lane("PostgreSQL", DATABASE_URL=url, TALKA_LANE="postgresql")
        except NoServer as why:
            verdict = "failed" if REQUIRE_ALL else "skipped"
            outcomes.append(("PostgreSQL", f"{verdict}: {why}", int(REQUIRE_ALL)))

    print()
    for name, verdict, _ in outcomes:
        print(f"lane {name}: {verdict}")
    return next((code for _, _, code in outcomes if code), 0)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
