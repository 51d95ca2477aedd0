"""The one run that proves the data node's speed: questions through the language and the real planner, with consent
inside, beside PostgreSQL, DuckDB and ATLAS on the same data; every answer must be the same.

    python -m benchmarks.node_questions --persons 2000000 20000000 --keep DIR      # DIR outside the repository

The data are invented (`node_data`), the others are set up in `node_peers`; what is in DIR is not made again, but for
the index. PostgreSQL and ATLAS take part up to `--most` persons: two million take a quarter of an hour to load. Figures
are printed as Markdown for docs/performance.md. `--prepare` only fills DIR.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import node_peers
from benchmarks.node_data import (
    BANKS,
    BMI,
    COMMERCIAL,
    FORMS,
    GENETIC,
    OPTIONS,
    RESEARCH,
    TODAY,
    Data,
    consent_state,
    generate,
    keep,
    recall,
)
from talka_node.columns import VariantColumns, Words
from talka_node.consent import State, basis
from talka_node.consent.history import Event, Kind
from talka_node.consent.log import Log
from talka_node.engines import Exact
from talka_node.engines.bitmap import Bitmap, kernels
from talka_node.engines.bitmap.bits import Tree
from talka_node.engines.bitmap.plan import Planner
from talka_query.nodes import (
    Age,
    Ages,
    All,
    Axis,
    Diagnosis,
    Measurement,
    Not,
    Question,
    Specimen,
    Variant,
    VariantIn,
    Window,
    Within,
    Zygosity,
)
from talka_query.nodes import (
    Any as AnyOf,
)

Figures = dict[str, Any]

# --- questions ------------------------------------------------------------------------------------------------

TITLES = {
    "Q1": "a cancer, with consent",
    "Q2": "serum, age and cancer",
    "Q3": "the same by age, biobank and type",
    "Q4": "either diagnosis and no cancer, by sex",
    "Q5": "serum a year before the first diagnosis",
    "Q6": "a measurement over a limit since a day",
    "Q7": "carriers of a variant, diagnosis, age",
    "Q8": "all who consent, by biobank",
    "R1": "serum within 90 days of a cancer",
    "R2": "one common diagnosis within a year of another",
    "R3": "a common diagnosis at 40 to 50, and serum",
    "R4": "a common diagnosis between two days",
    "R5": "any limit of a measurement since any day, of all",
    "R6": "two copies of any variant in 40 million bases",
}


def questions(variants: VariantColumns) -> dict[str, Question]:
    """Eight that everybody asks (Q), and six of the kinds that no set answers at once (R)."""
    site = Variant(
        variants.chromosome.vocabulary[variants.chromosome.codes[0]], int(variants.position[0]),
        variants.reference.vocabulary[variants.reference.codes[0]],
        variants.alternate.vocabulary[variants.alternate.codes[0]],
    )  # fmt: skip

    def has(code: str, **more: Any) -> Diagnosis:
        return Diagnosis(frozenset({code}), **more)

    def kept(kind: str, since: date | None = None) -> Specimen:
        return Specimen(frozenset({kind}), Window(since))

    since, aged = date(2018, 3, 15), Age(Ages(50, 70))
    recent = Specimen(collected=Window(since))
    either = All((AnyOf((has("I10"), has("E11"))), Not(has("C00-C97")), kept("Plasma")))
    return {
        "Q1": Question(RESEARCH, All((has("C34"),)), TODAY),
        "Q2": Question(RESEARCH, All((has("C34"), kept("Serum", since), aged)), TODAY),
        "Q3": Question(
            RESEARCH, All((has("C34"), recent)), TODAY, samples=recent,
            by=(Axis.AGE_BAND, Axis.BIOBANK, Axis.SAMPLE_TYPE),
        ),
        "Q4": Question(COMMERCIAL, either, TODAY, by=(Axis.SEX,)),
        "Q5": Question(RESEARCH, Within(kept("Serum"), has("C50"), None, -365, first=True), TODAY),
        "Q6": Question(
            GENETIC, All((has("E11"), kept("DNA"), Measurement(BMI, 30, window=Window(date(2015, 1, 1))))), TODAY
        ),
        "Q7": Question(GENETIC, All((site, has("I10"), kept("DNA"), aged)), TODAY),
        "Q8": Question(RESEARCH, All(), TODAY, by=(Axis.BIOBANK,)),
        "R1": Question(RESEARCH, Within(kept("Serum"), has("C34"), -90, 90), TODAY),
        "R2": Question(RESEARCH, Within(has("I10"), has("E11"), 0, 365), TODAY),
        "R3": Question(RESEARCH, All((has("I10", age=Ages(40, 50)), kept("Serum"))), TODAY),
        "R4": Question(RESEARCH, has("I10", window=Window(date(2015, 3, 1), date(2016, 8, 31))), TODAY),
        "R5": Question(GENETIC, Measurement(BMI, 31.3, window=Window(date(2016, 5, 10))), TODAY),
        "R6": Question(
            GENETIC, VariantIn(None, "7", 20_000_000, 60_000_000, Zygosity.HOMOZYGOUS), TODAY
        ),
    }  # fmt: skip


# --- measuring ------------------------------------------------------------------------------------------------


def median(call: Callable[[], object], seconds: float) -> float:
    """Seconds, after two calls to warm up; of at least five, or three of what takes longer than one second."""
    for _ in range(2):
        begin = time.perf_counter()
        call()
        least = 5 if time.perf_counter() - begin < 1 else 3
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < least:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def memory_mb() -> tuple[float, float]:
    """Of this process: all that is resident, and what of it is its own and not pages of files."""
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(told["VmRSS"].split()[0]) / 1024, int(told["RssAnon"].split()[0]) / 1024


def digest(answer: Exact) -> str:
    return hashlib.sha256(json.dumps([answer.whole, sorted(answer.cells.items())]).encode()).hexdigest()


def bandwidth(size: int) -> float:
    """Bytes a second that one thread reads, from memory or, if so few, from the cache: the best that numpy does."""
    words = np.ones(max(size // 8, 1), np.uint64)
    best = 0.0
    for reduce in (np.add.reduce, np.bitwise_or.reduce, np.maximum.reduce):
        times = []
        for _ in range(7 if size > 1 << 24 else 200):
            begin = time.perf_counter()
            reduce(words)
            times.append(time.perf_counter() - begin)
        best = max(best, words.nbytes / statistics.median(times))
    return best


def child(folder: Path, what: str, seconds: float) -> None:
    """In a process of its own, which holds nothing but the index and the consents: `first:NAME` opens and answers one
    question, `all` measures all of them."""
    begin = time.perf_counter()
    with np.load(folder / "state.npz") as held:
        arrays = {key: held[key] for key in held.files if key != "told"}
        told = json.loads(str(held["told"]))
    state = State.thawed(told, arrays, FORMS)
    known = time.perf_counter()
    engine = Bitmap.open(folder / "index", state)
    asked = questions(site_kept(folder))
    if what.startswith("first:"):
        question = asked[what[6:]]
        engine.answer(question, basis(state, question.purpose, TODAY))
        done = time.perf_counter()
        print(json.dumps({"ms": (done - begin) * 1e3, "consents": (known - begin) * 1e3, "mb": memory_mb()}))
        return
    figures: Figures = {"kernels": kernels.kind(), "questions": {}}
    for name, question in asked.items():
        given = basis(state, question.purpose, TODAY)

        def ask(question: Question = question, given: Any = given) -> Exact:
            return engine.answer(question, given)

        us = median(ask, seconds) * 1e6
        answer = ask()
        figures["questions"][name] = {"us": us, "whole": answer.whole, "cells": len(answer.cells),
                                      "digest": digest(answer)}  # fmt: skip
    figures["mb"] = memory_mb()
    figures["counting"] = counting(engine, asked["Q4"], state)
    print(json.dumps(figures))


def counting(engine: Bitmap, question: Question, state: State) -> Figures:
    """Counting a tree of four dense sets against reading as many bytes."""
    planner = Planner(
        engine._index, engine._views.of(basis(state, question.purpose, TODAY)), question.ages_at
    )
    assert isinstance(question.such_that, All)
    whole = planner.all_of(planner.all_seen(planner.operands(question.such_that.of)))
    tree = whole.tree
    assert isinstance(tree, Tree)
    steps: list[kernels.Step] = []
    tree.program(steps)
    size = sum(step.nbytes for step in steps if not isinstance(step, int))
    return {
        "us": median(lambda: kernels.run_count(steps), 0.5) * 1e6, "bytes": size, "memory": bandwidth(1 << 28),
        "cache": bandwidth(size),
    }  # fmt: skip


def site_kept(folder: Path) -> VariantColumns:
    """The variant that Q7 asks for, alone."""
    with np.load(folder / "site.npz") as held:
        texts = [str(held[name]) for name in ("chromosome", "reference", "alternate")]
        position = int(held["position"])
    return VariantColumns(
        np.zeros(1, np.int32), Words.of([texts[0]]), np.array([position], np.int32), Words.of([texts[1]]),
        Words.of([texts[2]]), Words.of([None]),
    )  # fmt: skip


def apart(folder: Path, what: str, seconds: float = 0.3, compiled: bool = True) -> Figures:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.node_questions", "--child", str(folder), what, str(seconds)],
        stdout=subprocess.PIPE, check=True, text=True,
        env=os.environ | ({} if compiled else {"TALKA_KERNELS": "no"}),
    )  # fmt: skip
    found: Figures = json.loads(done.stdout)
    return found


def forgotten(path: Path) -> None:
    """What of a file stands in memory is let go: the next reader reads the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# --- one size -------------------------------------------------------------------------------------------------


def tell(text: str) -> None:
    print(f"{datetime.now().astimezone():%H:%M:%S} {text}", file=sys.stderr, flush=True)


def prepared(folder: Path, persons: int, variants: int) -> Data:
    folder.mkdir(parents=True, exist_ok=True)
    if recall(folder / "data") is None:
        tell(f"drawing {persons:,} persons")
        keep(folder / "data", generate(persons, variants))
    data = recall(folder / "data")
    assert data is not None
    return data


def build(folder: Path, data: Data, state: State) -> Figures:
    """The index, in a process of its own, for what it needs at most."""
    told, arrays = state.frozen()
    kept: dict[str, Any] = {"told": json.dumps(told), **arrays}
    np.savez(folder / "state.npz", **kept)
    variants = data.columns.variants
    named = {name: getattr(variants, name) for name in ("chromosome", "reference", "alternate")}
    np.savez(
        folder / "site.npz", position=variants.position[0],
        **{name: words.vocabulary[words.codes[0]] for name, words in named.items()},
    )  # fmt: skip
    figures = apart(folder, "build")
    figures["file_mb"] = (folder / "index").stat().st_size / 1e6
    return figures


def build_here(folder: Path) -> None:
    kernels.prepare(compiling=True)
    data = recall(folder / "data")
    assert data is not None
    begin = time.perf_counter()
    Bitmap.build(data.columns, State(FORMS, TODAY)).save(folder / "index")
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"s": seconds, "peak_mb": peak}))


def cells_of(answer: Exact, question: Question) -> node_peers.Cells:
    return answer.cells if question.by else ({(): answer.whole} if answer.whole else {})


def measure(options: argparse.Namespace, folder: Path, persons: int) -> Figures:
    data = prepared(folder, persons, options.variants)
    state = consent_state(data.consents)
    columns = data.columns
    figures: Figures = {
        "persons": persons,
        "rows": {
            "donors": len(columns.donors.donor), "specimens": len(columns.specimens.donor), "consents": len(state),
            "diagnoses": len(columns.diagnoses.donor), "measurements": len(columns.measurements.donor),
            "variants": len(columns.variants.variant), "genotypes": len(columns.genotypes.donor),
        },
        "index": build(folder, data, state),
    }  # fmt: skip
    tell("index built")
    figures["compiled"] = apart(folder, "all", options.seconds)
    figures["numpy"] = apart(folder, "all", options.seconds, compiled=False)
    for name, told in figures["compiled"]["questions"].items():
        assert told["digest"] == figures["numpy"]["questions"][name]["digest"], name
    tell("measured")
    figures["first"] = {}
    for name in TITLES:
        forgotten(folder / "index")
        figures["first"][name] = apart(folder, f"first:{name}")
    tell("first answers")

    engine = Bitmap.open(folder / "index", state)
    asked = questions(columns.variants)
    answers = {
        name: cells_of(engine.answer(question, basis(state, question.purpose, TODAY)), question)
        for name, question in asked.items()
    }

    def beside(ask: Callable[[str], node_peers.Cells], what: str) -> Figures:
        found: Figures = {}
        for name, ours in answers.items():
            theirs = ask(name)
            assert theirs == ours, f"{what}, {name}: {theirs} where the index says {ours}"
            found[name] = median(lambda name=name: ask(name), options.seconds)  # type: ignore[misc]
        tell(f"{what}: the same answers")
        return found

    duck = node_peers.Duck(folder / "duck", data)
    figures["duckdb"] = {"s": beside(duck.ask, "DuckDB"), "mb": duck.megabytes}
    duck.close()
    if persons <= options.most:
        load(folder, data)
        with node_peers.Postgres(folder / "postgres") as postgres:
            figures["postgres"] = {}
            for schema in ("donors", "population"):
                postgres.use(schema)
                standard, covering = postgres.megabytes(schema)
                sizes: Figures = {"standard_mb": standard, "covering_mb": covering}
                figures["postgres"][schema] = sizes
                sizes["covering"] = beside(postgres.ask, f"PostgreSQL, {schema}")
                with postgres.standard(schema):
                    sizes["standard"] = beside(postgres.ask, f"PostgreSQL, {schema}, standard indexes")
            statements = node_peers.circe()
            assert node_peers.run_atlas(postgres, statements) == node_peers.expected_of_atlas(data)
            figures["atlas"] = {
                "s": median(lambda: node_peers.run_atlas(postgres, statements), options.seconds),
                "statements": len(statements), "mb": postgres.megabytes("atlas")[1],
            }  # fmt: skip
            tell("ATLAS: the cohort that the columns say")
        figures["withdrawal"] = withdrawals(folder, data)
        tell("withdrawals")
    return figures


def load(folder: Path, data: Data) -> None:
    """PostgreSQL's databases, those that are not there yet."""
    with node_peers.Postgres(folder / "postgres", buffers="2GB", loading=True) as postgres:
        there = postgres.schemas()
        if "donors" not in there:
            postgres.load("donors", node_peers.donors_only(data), tell)
        if "population" not in there:
            postgres.load("population", node_peers.whole_population(data), tell)
        if "atlas" not in there:
            node_peers.load_atlas(postgres, tell)


# --- withdrawals ----------------------------------------------------------------------------------------------

SIGNED = date(2024, 1, 1)


@contextlib.contextmanager
def consent_log(folder: Path, data: Data) -> Iterator[Log]:
    """The node's own log of these consents: written once, then copied, for a withdrawal is for good."""

    def clock() -> datetime:
        return datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)

    first = folder / "node"
    if not (folder / "node.whole").exists():
        for each in (first, folder / "node.tombstones"):
            shutil.rmtree(each, ignore_errors=True)
        first.mkdir()
        log = Log(first, FORMS, clock=clock)
        donors, banks, chosen = data.consents[:, data.consents[2] > 0].tolist()
        events = []
        for number, (donor, bank, kind) in enumerate(zip(donors, banks, chosen, strict=True)):
            version, boxes = divmod(kind - 1, 4)
            ticked = frozenset(name for bit, name in enumerate(OPTIONS) if boxes >> bit & 1)
            events.append(
                Event(
                    f"given-{number}", Kind.GIVEN, SIGNED, donor, BANKS[bank], "biobank", 1 + version, ticked
                )
            )
        for start in range(0, len(events), 10_000):
            log.record(*events[start : start + 10_000])
        log.snapshot()
        log.close()
        (folder / "node.whole").touch()
        tell("consents written into a log")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        copy = Path(name) / "node"
        shutil.copytree(first, copy)
        shutil.copytree(folder / "node.tombstones", Path(name) / "node.tombstones")
        log = Log(copy, FORMS, clock=clock)
        log.today(TODAY)
        yield log
        log.close()


def withdrawals(folder: Path, data: Data, many: int = 1000) -> Figures:
    """What a withdrawal costs until it is on disk and every answer obeys it, and what of that is the index's; then all
    is compared with an index built anew from the columns."""
    asked = questions(data.columns.variants)
    with consent_log(folder, data) as log:
        state = log.state
        engine = Bitmap.open(folder / "index", state)
        before = {
            name: engine.answer(each, basis(state, each.purpose, TODAY)) for name, each in asked.items()
        }
        spent: list[float] = []
        follow = engine._views.change

        def timed(changes: Any) -> None:
            begin = time.perf_counter()
            follow(changes)
            spent.append(time.perf_counter() - begin)

        engine._views.change = timed  # type: ignore[method-assign]
        rng = np.random.default_rng(1)
        given = np.flatnonzero(data.consents[2] > 0)
        times = []
        for number, row in enumerate(rng.choice(given, min(many, len(given) // 2), replace=False).tolist()):
            donor, bank = int(data.consents[0][row]), BANKS[int(data.consents[1][row])]
            event = Event(f"withdrawn-{number}", Kind.WITHDRAWN, TODAY, donor, bank)
            begin = time.perf_counter()
            log.record(event)
            times.append(time.perf_counter() - begin)
        after = {name: engine.answer(each, basis(state, each.purpose, TODAY)) for name, each in asked.items()}
        assert after != before
        anew = Bitmap.build(data.columns, state)
        for name, each in asked.items():
            assert after[name] == anew.answer(each, basis(state, each.purpose, TODAY)), name
        return {
            "durable_us": ends(times), "index_us": ends(spent), "many": len(times),
        }  # fmt: skip


def ends(times: list[float]) -> tuple[float, float]:
    """Median and 99th percentile, in µs."""
    ordered = sorted(times)
    return ordered[len(ordered) // 2] * 1e6, ordered[len(ordered) * 99 // 100] * 1e6


# --- the report -----------------------------------------------------------------------------------------------


def spread(ratios: list[float]) -> str:
    return f"{min(ratios):,.0f} / {statistics.geometric_mean(ratios):,.0f} / {max(ratios):,.0f}"


def shown(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:,.1f} ms"


def table(figures: Figures) -> list[str]:
    """Questions of one size beside the others, and how the ratios spread."""
    ours = {name: told["us"] / 1e6 for name, told in figures["compiled"]["questions"].items()}
    plain = {name: told["us"] / 1e6 for name, told in figures["numpy"]["questions"].items()}
    others: dict[str, Any] = {"DuckDB": figures["duckdb"]["s"]}
    for schema, told in figures.get("postgres", {}).items():
        called = {"donors": "donors alone", "population": "everybody"}[schema]
        others[f"PostgreSQL, {called}"] = told["covering"]
        others[f"the same, standard indexes, {called}"] = told["standard"]
    lines = [
        "| | Question | Talka | numpy alone | " + " | ".join(others) + " |",
        "|" + "---|" * (4 + len(others)),
    ]
    for name, title in TITLES.items():
        cells = [f"{shown(each[name])} ({each[name] / ours[name]:,.0f} ×)" for each in others.values()]
        many = figures["compiled"]["questions"][name]["cells"]
        title += f", {many} cells" if many > 30 else ""
        lines.append(
            f"| {name} | {title} | {shown(ours[name])} | {shown(plain[name])} | " + " | ".join(cells) + " |"
        )
    for letter, chosen in (("Q", "Q1 to Q8"), ("R", "R1 to R6")):
        names = [name for name in TITLES if name[0] == letter]
        means = [statistics.geometric_mean([each[name] for name in names]) for each in (ours, plain)]
        ratios = [spread([each[name] / ours[name] for name in names]) for each in others.values()]
        lines.append(
            f"| | {chosen}: geometric mean, and least / geometric mean / most | "
            + " | ".join([*map(shown, means), *ratios])
            + " |"
        )
    return lines


def rest(figures: Figures) -> list[str]:
    """What else was measured at one size."""
    index, ours = figures["index"], figures["compiled"]
    resident, own = ours["mb"]
    first = sorted(each["ms"] for each in figures["first"].values())
    lines = [", ".join(f"{many:,} {name}" for name, many in figures["rows"].items()) + "."]
    lines.append(
        f"The index takes {index['file_mb']:,.0f} MB, and {index['s']:,.0f} s to build (with "
        f"{index['peak_mb']:,.0f} MB at most, the mapped columns among them); DuckDB's file "
        f"{figures['duckdb']['mb']:,.0f} MB."
    )
    lines.append(
        f"A process that has answered every question holds {resident:,.0f} MB, {own:,.0f} MB of it its own; a new one "
        f"gives its first answer, the index read from disk, after {first[0]:,.0f} to {first[-1]:,.0f} ms."
    )
    for kind, figure in (("compiled", ours), ("numpy alone", figures["numpy"])):
        told = figure["counting"]
        seconds, size = told["us"] / 1e6, told["bytes"]
        lines.append(
            f"Counting four dense sets ({size / 1e3:,.0f} KB), {kind}: {told['us']:,.1f} µs, "
            f"{seconds * told['memory'] / size:.1f} × reading as much from memory ({told['memory'] / 1e9:.1f} GB/s), "
            f"{seconds * told['cache'] / size:.1f} × from the cache ({told['cache'] / 1e9:.1f} GB/s)."
        )
    for schema, told in figures.get("postgres", {}).items():
        standard, covering = told["standard_mb"], told["covering_mb"]
        lines.append(
            f"PostgreSQL, {schema}: {standard:,.0f} MB with standard indexes, {covering:,.0f} MB with covering ones: "
            f"{standard / index['file_mb']:,.0f} and {covering / index['file_mb']:,.0f} times the index."
        )
    if "atlas" in figures:
        told, flagship = figures["atlas"], ours["questions"]["Q2"]["us"] / 1e6
        lines.append(
            f"ATLAS's SQL for the flagship (no consent, {told['statements']} statements, {told['mb']:,.0f} MB): "
            f"{shown(told['s'])}, {told['s'] / flagship:,.0f} × Q2."
        )
    if "withdrawal" in figures:
        withdrawn = figures["withdrawal"]
        durable, effective, many = withdrawn["durable_us"], withdrawn["index_us"], withdrawn["many"]
        lines.append(
            f"A withdrawal ({many:,} of them) is on disk and in every answer after {durable[0] / 1e3:.2f} ms "
            f"(p99 {durable[1] / 1e3:.2f} ms), {effective[0]:,.0f} µs (p99 {effective[1]:,.0f} µs) of it the index's; "
            "afterwards every answer is that of an index built anew."
        )
    return [f"- {line}" for line in lines]


def growth(small: Figures, large: Figures) -> list[str]:
    found = {
        name: large["compiled"]["questions"][name]["us"] / small["compiled"]["questions"][name]["us"]
        for name in TITLES
    }
    lines = [
        f"| | Question | {small['persons']:,} | {large['persons']:,} | growth |",
        "|---|---|---|---|---|",
    ]
    for name, title in TITLES.items():
        each = [shown(figures["compiled"]["questions"][name]["us"] / 1e6) for figures in (small, large)]
        lines.append(f"| {name} | {title} | {each[0]} | {each[1]} | {found[name]:.1f} |")
    for letter, chosen in (("Q", "Q1 to Q8"), ("R", "R1 to R6")):
        of = [ratio for name, ratio in found.items() if name[0] == letter]
        lines.append(f"| | {chosen}: median and most | | | {statistics.median(of):.1f}, {max(of):.1f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--persons", type=int, nargs="+", default=[200_000])
    parser.add_argument("--variants", type=int, default=100_000)
    parser.add_argument("--most", type=int, default=2_000_000, help="persons that PostgreSQL is loaded with")
    parser.add_argument("--seconds", type=float, default=0.3, help="of measuring per question and database")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="where data and databases are kept between runs"
    )
    parser.add_argument("--prepare", action="store_true", help="make what is to be kept, and measure nothing")
    parser.add_argument("--json", type=Path, help="where to put the figures")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        folder, what, seconds = options.child
        if what == "build":
            build_here(Path(folder))
        else:
            child(Path(folder), what, float(seconds))
        return
    kernels.prepare(compiling=True)
    with contextlib.ExitStack() as stack:
        kept = options.keep
        if kept is None:
            kept = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="talka-bench-")))
            kept.chmod(0o755)  # PostgreSQL's user must get through
        found = []
        for persons in options.persons:
            folder = kept / f"{persons}-{options.variants}"
            if options.prepare:
                data = prepared(folder, persons, options.variants)
                node_peers.Duck(folder / "duck", data).close()
                if persons <= options.most:
                    load(folder, data)
                    with consent_log(folder, data):
                        pass
                continue
            found.append(measure(options, folder, persons))
            if options.json:
                options.json.write_text(json.dumps(found, indent=1))
    for figures in found:
        print(f"### {figures['persons']:,} persons\n")
        print("\n".join(table(figures)) + "\n")
        print("\n".join(rest(figures)) + "\n")
    for small, large in itertools.pairwise(found):
        print(f"### Growth from {small['persons']:,} to {large['persons']:,} persons\n")
        print("\n".join(growth(small, large)) + "\n")


if __name__ == "__main__":
    main()
