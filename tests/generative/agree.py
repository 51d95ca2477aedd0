"""Thousands of generated questions to every engine beside the judge: `just agree`, or

    python -m tests.generative.agree --questions 10000 --shards 2

Draws anew on every run and tells the seed, with which `--seed` draws the same again. Consents change while questions
are asked. On a disagreement it prints the smallest scene that shows it, and its exit code is 1. Spark has a test of
its own, see `test_spark`.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from random import Random

from talka_node.columns import Columns
from talka_node.consent import State, basis
from talka_node.engines.memory import Memory
from talka_node.engines.tables import DuckDB, Tables
from talka_node.records import Records
from talka_query import wire
from tests.generative import stores
from tests.generative.test_bitmap_engine import built, opened

QUESTIONS = 10  # of each scene


def on_duckdb(records: Records, _state: State) -> Tables:
    return Tables(DuckDB.of(Columns.of(records)))


ENGINES: dict[str, stores.Make] = {"bitmap": built, "bitmap, saved and opened": opened, "DuckDB": on_duckdb}


@dataclass
class Tally:
    """What a shard did: questions in wire form, how many held of some and not of all, seconds by engine."""

    asked: set[str] = field(default_factory=set)
    parted: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(ENGINES, 0.0))
    wrong: list[str] = field(default_factory=list)


def shard(seed: str, scenes: int) -> Tally:
    """So many scenes; each is drawn from the seed and its own number, so that one can be drawn again alone."""
    found = Tally()
    for n in range(scenes):
        scene = stores.draw_scene(Random(f"{seed}/{n}"), QUESTIONS)
        found.asked.update(map(wire.dumps, scene.questions))
        state, judge = scene.state(), Memory(scene.records)
        for question in scene.questions:
            steps = judge.attrition(question, basis(state, question.purpose, stores.TODAY))
            found.parted += 0 < steps[-1] < steps[0]
        for name, make in ENGINES.items():
            began = time.perf_counter()
            try:
                stores.hold(make, scene)
            except AssertionError as why:
                found.wrong.append(f"{name}, seed {seed}, scene {n}: {why}")
            found.seconds[name] += time.perf_counter() - began
    return found


def tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=10_000, help="default: 10000")
    parser.add_argument("--shards", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="default: a new one")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    each = -(-chosen.questions // (QUESTIONS * chosen.shards))
    tell(f"seed {chosen.seed}")
    with ProcessPoolExecutor(chosen.shards, get_context("spawn")) as pool:
        seeds = [f"{chosen.seed}-{n}" for n in range(chosen.shards)]
        tallies = list(pool.map(shard, seeds, [each] * chosen.shards))
    wrong = [one for tally in tallies for one in tally.wrong]
    for one in wrong:
        tell(one + "\n")
    asked = each * chosen.shards * QUESTIONS
    different = len(set().union(*(tally.asked for tally in tallies)))
    parted = sum(tally.parted for tally in tallies)
    tell(
        f"{asked} questions to each engine, {different} of them different, in {each * chosen.shards} stores;"
        f" {parted} hold of some donors and not of all"
    )
    for name in ENGINES:
        seconds = sum(tally.seconds[name] for tally in tallies)
        differing = sum(one.startswith(f"{name},") for one in wrong)
        tell(f"{name}: {differing} stores in which it disagrees with the judge, {seconds:.0f} s of one core")
    tell(f"{time.monotonic() - began:.0f} s in {chosen.shards} processes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
