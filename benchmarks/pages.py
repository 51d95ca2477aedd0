"""Serves a generated home and measures its pages at 8 concurrent clients, and the queries each page needs.

Every page is of a random ecosystem and year and has a connection of its own, as visitors have. The clients are one
small process that shares the cores with the server; what they cost is part of every figure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from benchmarks.generate import PRIORITIES, PROJECT, TARGETS, THIS_YEAR, prepare

PORT, CLIENTS, WORKERS, YEARS = 8931, 8, 2, 10
WORDS = ["biobanka", "paraugi", "zāles", "slimnīca", "likums", "tehnoloģijas", "kompetence", "pacientiem"]


def paths(luck: random.Random, ecosystems: int) -> dict[str, str]:
    """An address of each kind of page, somewhere in the data."""
    eco = f"eco{luck.randrange(ecosystems)}"
    word = quote(luck.choice(WORDS))
    return {
        "overview": f"/lv/{eco}/",
        "plan": f"/lv/{eco}/plan/{THIS_YEAR - luck.randrange(YEARS)}/",
        "target": f"/lv/{eco}/strategy/targets/t{luck.randrange(TARGETS)}/",
        "priority": f"/lv/{eco}/strategy/priorities/p{luck.randrange(PRIORITIES)}/",
        "search": f"/lv/search/?ecosystem={eco}&q={word}",
        "search in all": f"/lv/search/?q={word}",
    }


def measure(home: Path, seconds: float, ecosystems: int) -> dict[str, dict[str, float]]:
    """p50, p95 in ms and pages a second of each kind of page."""
    serve = [
        sys.executable,
        "-m",
        "granian",
        "talka.wsgi:application",
        "--interface",
        "wsgi",
        "--log-level",
        "error",
    ]
    # As `talka up` serves.
    where = ["--host", "127.0.0.1", "--port", str(PORT), "--workers", str(WORKERS), "--blocking-threads", "2"]
    environment = {
        **os.environ,
        "TALKA_HOME": str(home.resolve()),
        "PYTHONPATH": str(PROJECT / "src"),
        "DJANGO_SETTINGS_MODULE": "talka.settings",
    }
    server = subprocess.Popen([*serve, *where], env=environment, cwd=PROJECT)
    try:
        _wait()
        first = [_once(f"/lv/eco{number}/") for number in range(min(ecosystems, 20))]
        # An overview is kept until something happens; the others are drawn for each visitor.
        asyncio.run(_load(lambda luck: f"/lv/eco{luck.randrange(ecosystems)}/", ecosystems * 0.5))
        figures = {
            kind: asyncio.run(_load(lambda luck, kind=kind: paths(luck, ecosystems)[kind], seconds))
            for kind in paths(random.Random(1), ecosystems)
        }
        # Addresses that were asked for before, as those are that a front page or a newspaper leads to.
        known = [paths(random.Random(number), ecosystems) for number in range(20)]
        for kind in figures:
            again = [addresses[kind] for addresses in known]
            asyncio.run(_load(lambda luck, again=again: luck.choice(again), 1, kept=True))
            figures[kind]["p95 kept"] = asyncio.run(
                _load(lambda luck, again=again: luck.choice(again), seconds / 2, kept=True)
            )["p95"]
        return {"overview, first": _told(first, sum(first) / 1000), **figures}
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait() -> None:
    for _ in range(200):
        try:
            _once("/lv/about/")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the server did not start")


def _once(path: str) -> float:
    """How many ms one page takes while nobody else asks."""
    start = time.perf_counter()
    with urlopen(f"http://127.0.0.1:{PORT}{path}", timeout=30) as answer:
        answer.read()
    return (time.perf_counter() - start) * 1000


async def _load(path: Any, seconds: float, *, kept: bool = False) -> dict[str, float]:
    """Eight clients that ask for one page after another; what the first second takes does not count.

    Unless `kept`, each page is drawn for its reader alone, as for one who is signed in.
    """
    times: list[float] = []
    begin = time.perf_counter() + 1

    async def client(number: int) -> None:
        luck = random.Random(number)
        while (start := time.perf_counter()) < begin + seconds:
            await _ask(path(luck), kept)
            if start > begin:
                times.append((time.perf_counter() - start) * 1000)

    await asyncio.gather(*map(client, range(CLIENTS)))
    return _told(times, seconds)


async def _ask(path: str, kept: bool) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT, limit=2**20)
    own = "" if kept else "Authorization: none\r\n"  # whoever brings one is not given a page that was kept
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{own}\r\n".encode())
    answer = await reader.read(-1)
    writer.close()
    status = answer[:12].decode()
    if status != "HTTP/1.1 200":
        raise SystemExit(f"{path}: {status}")


def _told(times: list[float], seconds: float) -> dict[str, float]:
    times.sort()
    return {
        "p50": times[len(times) // 2],
        "p95": times[int(len(times) * 0.95)],
        "a second": len(times) / seconds,
    }


def queries(ecosystems: int) -> dict[str, int]:
    """How many queries each page needs."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    def asked(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            answer = Client(SERVER_NAME="127.0.0.1").get(path, headers={"Authorization": "none"})
        assert answer.status_code == 200, path
        return len(captured)

    addresses = paths(random.Random(1), ecosystems)
    first = {kind: asked(path) for kind, path in addresses.items()}
    return {"overview, first": first["overview"], **{kind: asked(path) for kind, path in addresses.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    prepare(options.home)
    from talka.domains.models import Ecosystem

    ecosystems = Ecosystem.objects.count()
    needed = queries(ecosystems)
    result = measure(options.home, options.seconds, ecosystems)
    if options.json:
        print(json.dumps({kind: {**figures, "queries": needed[kind]} for kind, figures in result.items()}))
        return
    print(f"{'page':16} {'p50 ms':>8} {'p95 ms':>8} {'pages/s':>8} {'queries':>8} {'p95 kept':>9}")
    for kind, figures in result.items():
        print(
            f"{kind:16} {figures['p50']:8.1f} {figures['p95']:8.1f} {figures['a second']:8.0f} {needed[kind]:8}"
            f" {figures.get('p95 kept', float('nan')):9.1f}"
        )


if __name__ == "__main__":
    main()
