"""What a signed question costs on its way: the index, what disclosure and journal add, and HTTP around them.

    python -m benchmarks.node_http [--node DIR] [--questions 1000] [--clients 1 8]

Over loopback, with a bounded number of questions: the same ones at each step, half of them equal to an earlier one, as
a hub's are. Each step is told with its median and its 99th percentile. Without `--node`, a node with invented people is
made and thrown away; the directory of a real one is only read and asked, but its journal grows by what is asked.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.generate import PROJECT
from talka_node import consent
from talka_node.http import Service
from talka_node.node import Node
from talka_node.signed import Caller, Callers, Gate, now, sign
from talka_query import wire
from talka_query.nodes import Age, Ages, All, AskerKind, Diagnosis, IsSex, Purpose, Question, Sex, Use

CODES = ("E11", "I10", "C34", "J45", "C50", "II", "IX", "I20-I25")
PURPOSE = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)


def questions(count: int) -> list[Question]:
    """Of donors with a diagnosis, some by sex, some by a band of ages; each asked for by its own asker."""
    found = []
    for number in range(count):
        of: list[Diagnosis | IsSex | Age] = [Diagnosis(frozenset({CODES[number % len(CODES)]}))]
        if number % 3 == 1:
            of.append(IsSex(frozenset({Sex.FEMALE})))
        if number % 5 == 2:
            low = 40 + 5 * (number % 4)
            of.append(Age(Ages(low, low + 19)))
        asker = f"asker-{number // 8}"
        found.append(Question(PURPOSE, All(tuple(of)), date(2025, 12, 31), asker=asker))
    return found


def times(call: Callable[..., object], arguments: Iterable[tuple[Any, ...]]) -> list[float]:
    found = []
    for each in arguments:
        began = time.perf_counter()
        call(*each)
        found.append(time.perf_counter() - began)
    return found


def told(name: str, found: list[float], note: str = "") -> None:
    found = sorted(found)
    middle, last = statistics.median(found), found[min(len(found) - 1, int(len(found) * 0.99))]
    print(f"| {name} | {middle * 1e3:8.3f} | {last * 1e3:8.3f} | {note} |")


@contextmanager
def serving(service: Service) -> Iterator[tuple[str, int]]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        service.app, log_config=None, access_log=False, lifespan="off", server_header=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.005)
        yield listener.getsockname()
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


# A client in a process of its own: in this one it would wait for the server's turn, and the server for its.
CLIENT = """
import http.client, json, socket, sys, time
host, port = sys.argv[1], int(sys.argv[2])
requests = json.load(sys.stdin)
link = http.client.HTTPConnection(host, port, timeout=60)
link.connect()
link.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
times, failed = [], 0
for path, body, headers in requests:
    body = body.encode()
    began = time.perf_counter()
    link.request("POST", path, body, headers)
    answer = link.getresponse()
    answer.read()
    times.append(time.perf_counter() - began)
    failed += answer.status != 200
print(json.dumps([times, failed]))
"""


def ask(address: tuple[str, int], key: Ed25519PrivateKey, asked: list[Question], clients: int) -> list[float]:
    def one(number: int) -> tuple[list[float], int]:
        requests = []
        for question in asked[number::clients]:
            body = wire.dumps(question)
            requests.append(("/ask", body, sign(key, "bench", "POST", "/ask", body.encode())))
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, address[0], str(address[1])],
            input=json.dumps(requests),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        times, failed = json.loads(done.stdout)
        return times, failed

    with ThreadPoolExecutor(clients) as pool:
        results = list(pool.map(one, range(clients)))
    if failed := sum(each[1] for each in results):
        raise SystemExit(f"{failed} questions were not answered; raise the policy's budget, or ask fewer")
    return [each for result in results for each in result[0]]


def measure(path: Path, count: int, clients: list[int]) -> None:
    key = Ed25519PrivateKey.generate()
    Callers(path / "callers.json").put(Caller("bench", key.public_key().public_bytes_raw().hex()))
    asked = questions(count)
    with Node(path) as node:
        engine, day = node.engine(), node.today()
        print(f"\n{count} questions, {node.store.counts()['donors']} donors\n")
        print("| step | p50, ms | p99, ms | |\n|---|--:|--:|---|")
        state = node.log.state
        for question in asked[:24]:
            engine.answer(question, consent.basis(state, PURPOSE, day))
        each_asked = [(question,) for question in asked]
        told(
            "index, with consent",
            times(lambda each: engine.answer(each, consent.basis(state, PURPOSE, day)), each_asked),
        )
        told("+ disclosure and journal", times(node.ask, each_asked), "one at a time: an fsync each")
        few = [("bench", b'{"question":{}}')] * min(count, 300)
        told("the journal alone", times(node.journal.append, few), "one fsync")
        gate = Gate(Callers(path / "callers.json"), now())
        texts = [wire.dumps(question).encode() for question in asked]
        signed = []
        for text in texts:
            headers = sign(key, "bench", "POST", "/ask", text)
            signed.append(("POST", "/ask", {name.lower(): each for name, each in headers.items()}, text))
        told("the gate alone", times(gate.enter, signed), "signature, nonce, callers")
        told("reading the question", times(wire.loads, [(text,) for text in texts]))
        with serving(Service(node)) as address:
            link = http.client.HTTPConnection(*address)
            link.connect()
            link.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def health() -> None:
                link.request("GET", "/health")
                link.getresponse().read()

            told("HTTP alone: /health", times(health, [()] * min(count, 300)))
            link.close()
            for number in clients:
                fresh = [replace(each, asker=f"{each.asker}-{number}") for each in asked]
                told(
                    f"+ HTTP, {number} at once",
                    ask(address, key, fresh, number),
                    "signed, answered, journalled",
                )


def invented(folder: Path, persons: int) -> Path:
    """A node with invented people, in a folder."""
    path = folder / "node"

    def run(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "talka_node", *arguments],
            cwd=PROJECT,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    country = folder / "country"
    run("synth", str(country), "--persons", str(persons))
    run("init", str(path), "--from", str(country), "--name", "Izdomāta slimnīca")
    for place in sorted(country.glob("*/fhir")):
        run("import", str(path), str(place), "--source", place.parent.name)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--node", type=Path, help="a node's directory; else one is made")
    parser.add_argument("--persons", type=int, default=20_000, help="of the invented country")
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talka-bench-") as folder:
        path = options.node or invented(Path(folder), options.persons)
        measure(path, options.questions, options.clients)


if __name__ == "__main__":
    main()
