"""Serves a generated home and measures its pages at 8 concurrent clients, and the queries each page needs.

Clients keep their connection and take pages of random ecosystems and years, so that nothing is measured twice from one cache.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.generate import PROJECT, prepare

PORT, CLIENTS = 8931, 8
WORDS = ["biobanka", "paraugi", "zāles", "slimnīca", "likums", "tehnoloģijas", "kompetence", "pacientiem"]


def paths(luck: random.Random, ecosystems: int) -> dict[str, str]:
    """An address of each kind of page, somewhere in the data."""
    eco = f"eco{luck.randrange(ecosystems)}"
    return {
        "overview": f"/lv/{eco}/",
        "plan": f"/lv/{eco}/plan/{luck.randrange(2017, 2027)}/",
        "target": f"/lv/{eco}/strategy/targets/t{luck.randrange(24)}/",
        "search": f"/lv/search/?ecosystem={eco}&q={luck.choice(WORDS)}",
        "search all": f"/lv/search/?q={luck.choice(WORDS)}",
    }


def measure(home: Path, seconds: float, ecosystems: int) -> dict[str, Any]:
    """p50, p95 in ms and pages a second of each kind of page."""
    environment = {**os.environ, "TALKA_HOME": str(home.resolve()), "PYTHONPATH": str(PROJECT / "src"), "DJANGO_SETTINGS_MODULE": "talka.settings"}
    server = subprocess.Popen(
        [sys.executable, "-m", "granian", "talka.wsgi:application", "--interface", "wsgi", "--port", str(PORT), "--workers", "2",
         "--host", "127.0.0.1", "--log-level", "error"],
        env=environment, cwd=PROJECT,
    )
    try:
        _wait()
        return {kind: _load(kind, seconds, ecosystems) for kind in paths(random.Random(1), ecosystems)}
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait() -> None:
    for _ in range(200):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
            connection.request("GET", "/lv/about/")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


def _load(kind: str, seconds: float, ecosystems: int) -> dict[str, float]:
    times: list[float] = []
    failed: list[int] = []
    stop = time.perf_counter() + seconds + 1
    begin = time.perf_counter() + 1  # the first second warms up

    def client(number: int) -> None:
        luck = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        while (start := time.perf_counter()) < stop:
            connection.request("GET", _quoted(paths(luck, ecosystems)[kind]))
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                failed.append(response.status)
            if start > begin:
                times.append((time.perf_counter() - start) * 1000)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise SystemExit(f"{kind}: {len(failed)} answers were not 200, the first {failed[0]}")
    times.sort()
    return {"p50": times[len(times) // 2], "p95": times[int(len(times) * 0.95)], "a second": len(times) / seconds}


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path, safe="/?=&")


def queries(ecosystems: int) -> dict[str, int]:
    """How many queries each page needs."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext, override_settings

    counts = {}
    with override_settings(ALLOWED_HOSTS=["*"]):
        for kind, path in paths(random.Random(1), ecosystems).items():
            Client().get(path)
            with CaptureQueriesContext(connection, ) as captured:
                assert Client().get(path).status_code == 200, path
            counts[kind] = len(captured)
    return counts


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
    print(f"{'page':12} {'p50 ms':>8} {'p95 ms':>8} {'pages/s':>8} {'queries':>8}")
    for kind, figures in result.items():
        print(f"{kind:12} {figures['p50']:8.1f} {figures['p95']:8.1f} {figures['a second']:8.0f} {needed[kind]:8}")


if __name__ == "__main__":
    main()
