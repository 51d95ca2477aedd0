"""Pseudonyms and coverage: evaluations at the key server, blinding at the node, unions over nodes.

python -m benchmarks.node_pseudonyms [--elements 4096] [--memberships 2000000] [--nodes 20] [--json]

Rates are of one thread, the best of three rounds; those over HTTP are of one round, with two threads at the node.
Coverage is of invented numbers: `--memberships` in all, one person in eight a donor of two nodes, 6 regions × 20 bands
× 2 sexes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka_keys import oprf, suite
from talka_keys.ledger import Ledger, Node
from talka_keys.vault import Vault
from talka_node import coverage
from talka_node.coverage import Counted, Coverage, Source
from talka_node.pseudonyms import KeyServer, Namer, Table, blinding, read

Result = TypeVar("Result")
ROUNDS = 3


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds of the best round, and what came of it."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - began)
    return best, result


def oprf_rates(elements: int) -> dict[str, float]:
    """Operations a second. The answers are checked, so that no round measures something else."""
    secret = suite.random_scalar()
    key = suite.public_of(secret)
    codes = [b"3%010d" % number for number in range(elements)]
    rates = {}

    took, blinds = timed(lambda: [blinding.blind(code) for code in codes])
    rates["node: blind"] = elements / took
    blinded = [element for _, element in blinds]
    took, plain = timed(lambda: oprf.evaluate(secret, blinded))
    rates["key server: evaluate, plain"] = elements / took
    took, (evaluated, proof) = timed(lambda: oprf.evaluate_and_prove(secret, blinded))
    rates["key server: evaluate, proven"] = elements / took
    took, _ = timed(lambda: blinding.check(key, blinded, evaluated, proof))
    rates["node: check the proof"] = elements / took
    took, outputs = timed(
        lambda: [
            blinding.finish(code, blind, element)
            for code, (blind, _), element in zip(codes, blinds, evaluated, strict=True)
        ]
    )
    rates["node: unblind"] = elements / took
    steps = [rates[f"node: {step}"] for step in ("blind", "check the proof", "unblind")]
    rates["node: all three"] = 1 / sum(1 / rate for rate in steps)
    if plain != evaluated or len(set(outputs)) != elements:
        raise SystemExit("the rounds did not compute the same")
    return rates


def over_http(elements: int) -> dict[str, float]:
    """The same through `talka-keys serve` in a process of its own: signatures, quota and journal synced, loopback."""
    with tempfile.TemporaryDirectory(prefix="talka-bench-") as name:
        folder, signing = Path(name), Ed25519PrivateKey.generate()
        now = datetime.now(UTC)
        Vault.create(folder, now, timedelta(days=365))
        with closing(Ledger(folder)) as ledger:
            ledger.begin(1000 * elements)
            most = 100 * elements
            public = signing.public_key().public_bytes_raw()
            ledger.register(Node("bench", public, most, most, most), now)
        command = [sys.executable, "-m", "talka_keys", "serve", "--folder", name, "--port", "0", "--json"]
        environment = os.environ | {"PYTHONPATH": str(Path(suite.__file__).parents[1])}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            try:
                assert process.stdout
                told = json.loads("".join(process.stdout.readline() for _ in range(3)))
                server = KeyServer(told["listening"], "bench", signing)
                batches = [
                    [blinding.blind(b"3%010d" % (first + number))[1] for number in range(1024)]
                    for first in range(0, elements, 1024)
                ]
                began = time.perf_counter()  # one round: the same batch again would not be charged
                for batch in batches:
                    server.evaluate(1, batch)
                took = time.perf_counter() - began
                rates = {"HTTP: evaluate, proven": sum(map(len, batches)) / took}
                with closing(Table(folder / "identity.db")) as table:
                    namer = Namer(server, table)
                    codes = ((number, read(f"32{number:09}")) for number in range(elements))
                    began = time.perf_counter()
                    done = namer.name(codes, workers=2)
                    rates["HTTP: code to kept pseudonym"] = done.named / (time.perf_counter() - began)
            finally:
                process.kill()
    return rates


def draw(nodes: int, memberships: int) -> tuple[list[Counted], int]:
    """Nodes of very different sizes, and how many persons they have together."""
    random = np.random.default_rng(3)
    persons = round(memberships / 1.125)
    numbers = random.integers(0, 2**64 - 1, persons, np.uint64)
    weights = 1 / np.arange(1, nodes + 1) ** 0.9
    weights /= weights.sum()
    home = random.choice(nodes, persons, p=weights)
    second = np.where(random.random(persons) < 0.125, (home + random.integers(1, nodes, persons)) % nodes, -1)
    place = random.integers(0, 240, persons).astype(np.uint16)
    strata: list[coverage.Stratum] = [
        (f"LV-{region}", f"{5 * band}-{5 * band + 4}", sex)
        for region in range(6)
        for band in range(20)
        for sex in ("female", "male")
    ]
    drawn = []
    for node in range(nodes):
        here = np.flatnonzero((home == node) | (second == node))
        here = here[np.argsort(numbers[here])]
        source = Source(f"node {node}", date(2026, 1, 1), 1, bytes(32), 1)
        drawn.append(Counted(source, strata, [0] * len(strata), numbers[here], place[here]))
    return drawn, len(np.unique(numbers))


def coverage_times(nodes: int, memberships: int) -> dict[str, float]:
    """Milliseconds; and by how much the sketches err."""
    drawn, truth = draw(nodes, memberships)
    same = {stratum: stratum for stratum in drawn[0].strata}
    figures: dict[str, float] = {"memberships": sum(len(node.numbers) for node in drawn)}

    def leave(lg_k: int | None) -> list[Coverage]:
        told = [node.within(same, 0, lg_k=lg_k) for node in drawn]
        return [each for each in told if each is not None]

    exact = leave(None)
    took, figure = timed(lambda: coverage.whole(exact))
    if figure.estimate != truth:
        raise SystemExit(f"the exact union counted {figure.estimate} persons of {truth}")
    figures["exact: whole, ms"] = 1000 * took
    began = time.perf_counter()
    coverage.by_stratum(exact)
    figures["exact: every stratum, ms"] = 1000 * (time.perf_counter() - began)
    figures["exact: MB that leave"] = sum(len(node.to_bytes()) for node in exact) / 1e6
    began = time.perf_counter()
    sketched = leave(coverage.LG_K)
    figures["sketches: made, ms"] = 1000 * (time.perf_counter() - began)
    took, figure = timed(lambda: coverage.whole(sketched))
    figures["sketches: whole, ms"] = 1000 * took
    figures["sketches: error, %"] = 100 * abs(figure.estimate - truth) / truth
    figures["sketches: MB that leave"] = sum(len(node.to_bytes()) for node in sketched) / 1e6
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--elements", type=int, default=4096, help="in a batch")
    parser.add_argument("--memberships", type=int, default=2_000_000)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rates = oprf_rates(options.elements) | over_http(options.elements)
    times = coverage_times(options.nodes, options.memberships)
    if options.json:
        print(json.dumps({"per_second": rates, "coverage": times}, indent=1))
        return
    for name, rate in rates.items():
        print(f"{name:32} {rate:12,.0f} /s")
    for name, value in times.items():
        print(f"{name:32} {value:12,.2f}")


if __name__ == "__main__":
    main()
