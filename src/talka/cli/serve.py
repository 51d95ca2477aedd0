"""`talka up` serves the hub with nothing but Python; `talka work` does what waits in the background."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from talka.cli import talka
from talka.core import outbox
from talka.documents import seeds
from talka.domains.queries import ecosystems
from talka.web import demo as demo_roles

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@talka.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Web processes.")
@click.option("--demo/--no-demo", default=True, show_default=True, help="Load the biomedicine ecosystem and demo roles.")
@click.option("--check", is_flag=True, help="Prepare everything and stop before serving.")
def up(host: str, port: int, workers: int, demo: bool, check: bool) -> None:
    """Prepare the database, load the ecosystem if it is not there yet, and serve it."""
    Path(settings.HOME).mkdir(parents=True, exist_ok=True)
    step("Preparing the database")
    call_command("migrate", interactive=False, verbosity=0)
    if demo and not ecosystems().exists():
        step("Loading the biomedicine ecosystem")
        for each in seeds.load(seeds.SEEDS / "biomedicine"):
            click.echo(f"    {each.sheet:28} {each.new:4} rows", err=True)
    if demo and host in LOOPBACK:
        with_demo_roles()
    if check:
        return
    connections.close_all()
    serve(host, port, workers, demo=demo and host in LOOPBACK)


def step(text: str) -> None:
    click.echo(f"· {text}", err=True)


def with_demo_roles() -> None:
    """Makes the demo accounts. Only on loopback: their sign-in needs no secret."""
    seeds.load(seeds.SEEDS / "demo")


def serve(host: str, port: int, workers: int, *, demo: bool) -> None:
    """Serves until interrupted, with the background worker beside it."""
    from granian import Granian  # noqa: PLC0415 -- only needed here; it starts threads when imported
    from granian.constants import Interfaces  # noqa: PLC0415 -- as above
    from granian.log import LogLevels  # noqa: PLC0415 -- as above

    # A web process is a fork of this one, or begins anew with nothing but the environment: it is told either way.
    settings.DEMO = demo
    os.environ["TALKA_DEMO"] = "1" if demo else ""
    address = f"http://{'localhost' if host in LOOPBACK else host}:{port}/"
    os.environ.setdefault("TALKA_URL", address)
    worker = subprocess.Popen([sys.executable, "-m", "talka", "work"])  # noqa: S603 -- ourselves
    click.echo(f"\n  Talka is at {address}   (stop with Ctrl-C)\n")
    for line in demo_roles.lines() if demo else ():
        click.echo(f"    {line}")
    click.echo("")
    try:
        Granian(
            "talka.wsgi:application",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=workers,
            # Pages are computed, not waited for: more threads than this only take turns with each other.
            blocking_threads=4,
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
        now = timezone.now()
        for job in outbox.JOBS.values():
            if now - last.get(job.name, datetime.min.replace(tzinfo=UTC)) >= job.every:
                last[job.name] = now
                outbox.run_job(job, now)
        while outbox.deliver(now) and not stopping:
            pass
        connections.close_all()
        if once:
            return
        time.sleep(2)
