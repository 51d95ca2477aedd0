"""`talka up` serves the hub with nothing but Python; `talka work` does what waits in the background."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connections
from django.utils import timezone

from talka.cli import talka
from talka.cli.output import as_json, say_json
from talka.core import outbox
from talka.core.actions import Invalid
from talka.documents import seeds
from talka.domains.queries import ecosystems
from talka.web import demo as demo_roles

log = logging.getLogger(__name__)

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
NEAR = LOOPBACK | {"[::1]"}  # as a browser writes them


@talka.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Web processes.")
@click.option(
    "--demo/--no-demo", default=True, show_default=True, help="Load the biomedicine ecosystem and demo roles."
)
@click.option("--check", is_flag=True, help="Prepare everything and stop before serving.")
@as_json
def up(host: str, port: int, workers: int, demo: bool, check: bool, as_json: bool) -> None:
    """Prepare the database, load the ecosystem if it is not there yet, and serve it."""
    if not check:
        refuse_taken(host, port)
    Path(settings.HOME).mkdir(mode=0o700, parents=True, exist_ok=True)
    step("Preparing the database")
    call_command("migrate", interactive=False, verbosity=0)
    loaded: list[seeds.Loaded] = []
    if demo and not ecosystems().exists():
        step("Loading the biomedicine ecosystem")
        loaded = seeds.load(seeds.SEEDS / "biomedicine")
        for each in loaded:
            click.echo(f"    {each.sheet:28} {each.new:4} rows", err=True)
    # Signing in as a demo role needs no secret: never where another machine could reach it.
    open_to_all = demo and host in LOOPBACK and set(settings.ALLOWED_HOSTS) <= NEAR
    if open_to_all:
        loaded += seeds.load(seeds.SEEDS / "demo")
    address = f"http://{'localhost' if host in LOOPBACK else host}:{port}/"
    accounts = demo_roles.offered() if open_to_all else []
    if as_json:
        say_json({"address": address, "accounts": accounts, "loaded": [asdict(each) for each in loaded]})
    if check:
        return
    if not as_json:
        click.echo(f"\n  Talka is at {address}   (stop with Ctrl-C)\n")
        for line in demo_roles.lines(accounts):
            click.echo(f"    {line}")
        click.echo("")
    connections.close_all()
    serve(host, port, workers, address=address, demo=open_to_all)


def refuse_taken(host: str, port: int) -> None:
    """Raises Invalid where another program listens at this address already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # what the last run left behind is no listener
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Invalid(
                f"Port {port} of {host} cannot be used ({error.strerror}). Is Talka running already?"
                " Stop that program or give another --port."
            ) from None


def step(text: str) -> None:
    click.echo(f"· {text}", err=True)


def serve(host: str, port: int, workers: int, *, address: str, demo: bool) -> None:
    """Serves until interrupted, with the background worker beside it."""
    from granian import Granian  # noqa: PLC0415 -- only needed here; it starts threads when imported
    from granian.constants import Interfaces  # noqa: PLC0415 -- as above
    from granian.log import LogLevels  # noqa: PLC0415 -- as above

    # A web process is a fork of this one, or begins anew with nothing but the environment: it is told either way.
    settings.DEMO = demo
    os.environ["TALKA_DEMO"] = "1" if demo else ""
    os.environ.setdefault("TALKA_URL", address)
    worker = subprocess.Popen([sys.executable, "-m", "talka", "work"])
    try:
        Granian(
            "talka.wsgi:application",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=workers,
            # Pages are computed, not waited for: more threads than this only take turns with each other, and the
            # slowest of the pages come a third later (docs/performance.md).
            blocking_threads=2,
            websockets=False,
            log_level=LogLevels.warning,
        ).serve()
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=30)


@talka.command()
@click.option("--once", is_flag=True, help="Do what is due now and stop.")
def work(once: bool) -> None:
    """Do what waits: letters, seals of the record, reminders. `talka up` runs this beside the web processes."""
    stopping: list[Any] = []
    signal.signal(signal.SIGTERM, lambda *_args: stopping.append(1))
    signal.signal(signal.SIGINT, lambda *_args: stopping.append(1))
    last: dict[str, datetime] = {}
    parent = os.getppid()
    while not stopping and os.getppid() == parent:
        try:
            work_once(last, stopping)
        except DatabaseError:
            if once:
                raise
            # A database that restarts must not end the letters for good.
            log.exception("the database did not answer; the next try is in a moment")
        connections.close_all()
        if once:
            return
        for _tenth in range(20):
            if not stopping:
                time.sleep(0.1)


def work_once(last: dict[str, datetime], stopping: list[Any]) -> None:
    """Runs the jobs whose time has come since `last`, then carries out every delivery that is due."""
    now = timezone.now()
    for job in outbox.JOBS.values():
        if now - last.get(job.name, datetime.min.replace(tzinfo=UTC)) >= job.every:
            last[job.name] = now
            outbox.run_job(job, now)
    while not stopping and outbox.deliver(timezone.now()):
        pass
