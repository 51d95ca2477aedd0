"""Eight questions to a data node's bitmap engine, through the language and the real planner, with consent inside.

    python -m benchmarks.node_questions [--persons 200000] [--variants N] [--no-duckdb] [--no-kernels] [--json FILE]

The data are synthetic and go straight into columns: of `persons` every tenth is a donor, with about 19 diagnoses and 50
measurements each, 4 specimens at one biobank or (every tenth) two, a consent per donor and biobank in one of several
classes, and up to 20,000 donors are sequenced. DuckDB answers the same questions on the same data, sorted by code and
donor, in the same run; the answers must be equal.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from talka_node.columns import (
    NO_DATE,
    Columns,
    DonorColumns,
    FactColumns,
    GenotypeColumns,
    MeasurementColumns,
    SpecimenColumns,
    VariantColumns,
    Words,
    day,
)
from talka_node.consent import Form, Forms, Option, Standing, State, Term, basis
from talka_node.engines.bitmap import Bitmap, kernels
from talka_query.nodes import (
    Age,
    Ages,
    All,
    AskerKind,
    Axis,
    Diagnosis,
    Measurement,
    Not,
    Purpose,
    Question,
    Specimen,
    Use,
    Variant,
    Window,
    Within,
)
from talka_query.nodes import (
    Any as AnyOf,
)

TODAY = date(2026, 1, 1)
NOW = day(TODAY)
TYPES = ["Serum", "Plasma", "DNA", "WholeBlood", "TissueFixed", "TissueFrozen", "Urine", "Saliva"]
BANKS = [f"bank{number:02d}" for number in range(20)]
LEAVES = "0129"
CATEGORIES = [f"{letter}{number:02d}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for number in range(100)]
CODES = [f"{category}.{leaf}" for category in CATEGORIES for leaf in LEAVES]
# Least age, only women, share, repeats: of diseases that are neither at the head nor in the tail of the frequencies.
DISEASES = {
    "C34": (45, False, 0.008, 3),
    "C50": (35, True, 0.022, 4),
    "I10": (35, False, 0.38, 4),
    "E11": (40, False, 0.11, 4),
    "I48": (55, False, 0.07, 3),
}
TESTS = [f"test-{number:02d}" for number in range(60)]
BMI = "39156-5"

# --- data -------------------------------------------------------------------------------------------------

OPTIONS = {
    "genetic": Option(otherwise=frozenset({Term("NGEN")})),
    "commercial": Option(otherwise=frozenset({Term("NPUNCU")})),
}
VERSIONS = 6
FORMS = Forms([Form("biobank", 1 + each, OPTIONS, frozenset({Term("HMB")})) for each in range(VERSIONS)])
RESEARCH = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
GENETIC = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC, genetic=True)
COMMERCIAL = Purpose(Use.BIOMEDICAL, AskerKind.COMPANY, commercial=True)


def zipf(count: int, shift: float, power: float) -> np.ndarray[Any, Any]:
    weights = 1 / (np.arange(count) + shift) ** power
    return weights / weights.sum()


def draw(rng: np.random.Generator, count: int, weights: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.searchsorted(np.cumsum(weights)[:-1], rng.random(count), "right").astype(np.int32)


def generate(persons: int, variants: int, seed: int = 7) -> tuple[Columns, np.ndarray[Any, Any]]:
    """The columns of all donors, and a row (donor, biobank, class) per consent; the class is `classes()`'s place."""
    rng = np.random.default_rng(seed)
    donors = persons // 10
    age = np.clip(18 + rng.gamma(3.4, 10.5, donors), 18, 101)
    born = (NOW - age * 365.25 - rng.integers(0, 365, donors)).astype(np.int32)
    woman = rng.random(donors) < 0.54
    died = np.where((age > 60) & (rng.random(donors) < 0.06), NOW - rng.integers(1, 3000, donors), NO_DATE)
    number = np.arange(donors, dtype=np.int32)
    columns = Columns(
        donors=DonorColumns(
            number, np.where(woman, 0, 1).astype(np.int8), born, died.astype(np.int32),
            Words(rng.integers(0, 43, donors).astype(np.int32), [f"LV{code:03d}" for code in range(43)]),
        )
    )  # fmt: skip

    home = draw(rng, donors, zipf(20, 1, 0.9))
    second = np.where(rng.random(donors) < 0.1, draw(rng, donors, zipf(20, 1, 0.9)), home)
    of = np.repeat(number, 1 + rng.poisson(3, donors))
    bank = np.where(rng.random(len(of)) < 0.4, second[of], home[of]).astype(np.int32)
    kind = draw(rng, len(of), np.array([0.26, 0.22, 0.18, 0.14, 0.08, 0.03, 0.06, 0.03]))
    collected = (NOW - 30 - np.minimum(rng.exponential(2200, len(of)), 9000)).astype(np.int32)
    columns.specimens = SpecimenColumns(
        of, Words(bank, BANKS), Words(bank, [f"{name}:1" for name in BANKS]), Words(kind, TYPES), collected,
        Words((kind % 3).astype(np.int32), ["-60to-85", "LN", "RT"]), rng.integers(0, 9, len(of)).astype(np.int32),
    )  # fmt: skip
    pairs = np.unique(of.astype(np.int64) * 32 + bank)
    given = (rng.random(len(pairs)) < 0.93) & (rng.random(len(pairs)) > 0.035)
    # Class 0 is no consent; then the versions of the form times the two boxes.
    boxes = (rng.random(len(pairs)) < 0.62).astype(np.int64) + 2 * (rng.random(len(pairs)) < 0.36)
    classes = np.where(given, 1 + 4 * rng.integers(0, VERSIONS, len(pairs)) + boxes, 0)
    consents = np.stack((pairs >> 5, pairs & 31, classes))

    columns.diagnoses = diagnoses(rng, age, born, woman)
    per_donor = rng.poisson(rng.gamma(1.5, 50 / 1.5, donors))
    of = np.repeat(number, per_donor)
    test = draw(rng, len(of), zipf(60, 2, 0.9))
    usual = rng.normal(26.5, 4.2, donors)[of]
    noise = rng.standard_normal(len(of))
    value = np.where(test == 0, usual + 1.1 * noise, test * 3 + 5 + 2 * noise)
    columns.measurements = MeasurementColumns(
        of, Words(test, sorted([BMI, *TESTS[1:]])), np.rint(value * 10) / 10,
        (NOW - 1 - rng.beta(1.1, 1.8, len(of)) * 5500).astype(np.int32),
    )  # fmt: skip
    columns.variants, columns.genotypes = genotypes(rng, number, variants)
    return columns, consents


def diagnoses(
    rng: np.random.Generator,
    age: np.ndarray[Any, Any],
    born: np.ndarray[Any, Any],
    woman: np.ndarray[Any, Any],
) -> FactColumns:
    donors = len(age)
    injected = np.isin(np.arange(len(CODES)) // 4, [CATEGORIES.index(category) for category in DISEASES])
    cancer = np.char.startswith(np.array(CODES), "C") & (np.array([int(code[1:3]) for code in CODES]) < 98)
    weights = zipf(len(CODES), 2.7, 1.05)[rng.permutation(len(CODES))]
    weights[injected] = 0
    weights[cancer] /= 10
    counts = rng.poisson(rng.gamma(1.3, 1, donors) * (3 + age * 0.32) * 0.78)
    of = [np.repeat(np.arange(donors, dtype=np.int32), counts)]
    code = [draw(rng, int(counts.sum()), weights / weights.sum())]
    for category, (least, only_women, share, repeats) in DISEASES.items():
        odds = share * np.clip((age - least) / 25, 0.15, 1.5)
        ill = np.flatnonzero((age >= least) & (rng.random(donors) < odds) & (woman | (not only_women)))
        rows = np.repeat(ill, 1 + rng.poisson(repeats, len(ill))).astype(np.int32)
        of.append(rows)
        leaf = np.minimum(rng.geometric(0.5, len(rows)) - 1, 3)
        code.append((CATEGORIES.index(category) * 4 + leaf).astype(np.int32))
    who, what = np.concatenate(of), np.concatenate(code)
    on = np.maximum((NOW - 1 - rng.beta(1.1, 1.8, len(who)) * 7600).astype(np.int32), born[who])
    return FactColumns(who, Words(what, CODES), on)


def genotypes(
    rng: np.random.Generator, number: np.ndarray[Any, Any], variants: int
) -> tuple[VariantColumns, GenotypeColumns]:
    """95 of 100 variants are rare; carriers are drawn per variant among up to 20,000 who were sequenced."""
    sequenced = np.sort(rng.choice(number, min(20_000, len(number)), replace=False))
    common = rng.random(variants) < 0.05
    low, high = np.where(common, 1e-2, 5e-5), np.where(common, 0.5, 1e-2)
    frequency = np.exp(rng.uniform(np.log(low), np.log(high)))
    frequency[0] = 0.01
    carriers = rng.binomial(len(sequenced), 1 - (1 - frequency) ** 2)
    of = np.repeat(np.arange(variants, dtype=np.int32), carriers)
    keys = np.unique(of.astype(np.int64) * len(sequenced) + rng.integers(0, len(sequenced), len(of)))
    of = (keys // len(sequenced)).astype(np.int32)
    copies = 1 + (rng.random(len(of)) < (frequency / (2 - frequency))[of]).astype(np.int8)
    letters = ["A", "C", "G", "T"]
    reference = rng.integers(0, 4, variants).astype(np.int32)
    names = VariantColumns(
        np.arange(variants, dtype=np.int32),
        Words(rng.integers(0, 22, variants).astype(np.int32), sorted(str(each) for each in range(1, 23))),
        rng.integers(1, 240_000_000, variants).astype(np.int32),
        Words(reference, letters),
        Words(((reference + rng.integers(1, 4, variants)) % 4).astype(np.int32), letters),
        Words(rng.integers(0, max(1, variants // 5), variants).astype(np.int32),
              sorted(f"GENE{each}" for each in range(max(1, variants // 5)))),
    )  # fmt: skip
    return names, GenotypeColumns(of, sequenced[keys % len(sequenced)].astype(np.int32), copies)


def consent_state(consents: np.ndarray[Any, Any]) -> State:
    """The state that these consents make."""
    state = State(FORMS, TODAY)
    numbers = [0]
    for version in range(VERSIONS):
        for boxes in range(4):
            ticked = [name for bit, name in enumerate(OPTIONS) if boxes >> bit & 1]
            numbers.append(state.intern(Standing.of("biobank", 1 + version, *ticked)))
    told, arrays = state.frozen()
    told["biobanks"] = BANKS
    donor, bank, chosen = consents
    arrays["keys"] = (donor << 16) | bank
    arrays["values"] = np.array(numbers, np.uint16)[chosen]
    return State.thawed(told, arrays, FORMS)


# --- questions --------------------------------------------------------------------------------------------


def questions(columns: Columns) -> dict[str, Question]:
    variants = columns.variants
    site = Variant(
        variants.chromosome.vocabulary[variants.chromosome.codes[0]], int(variants.position[0]),
        variants.reference.vocabulary[variants.reference.codes[0]],
        variants.alternate.vocabulary[variants.alternate.codes[0]],
    )  # fmt: skip

    def has(code: str) -> Diagnosis:
        return Diagnosis(frozenset({code}))

    def kept(kind: str, since: date | None = None) -> Specimen:
        return Specimen(frozenset({kind}), Window(since))

    since, aged = date(2018, 3, 15), Age(Ages(50, 70))
    recent = Specimen(collected=Window(since))
    return {
        "Q1 lung cancer": Question(RESEARCH, All((has("C34"),)), TODAY),
        "Q2 flagship": Question(RESEARCH, All((has("C34"), kept("Serum", since), aged)), TODAY),
        "Q3 breakdown": Question(
            RESEARCH, All((has("C34"), recent)), TODAY, samples=recent,
            by=(Axis.AGE_BAND, Axis.BIOBANK, Axis.SAMPLE_TYPE),
        ),
        "Q4 either, not": Question(
            COMMERCIAL, All((AnyOf((has("I10"), has("E11"))), Not(has("C00-C97")), kept("Plasma"))), TODAY,
            by=(Axis.SEX,),
        ),
        "Q5 a year before": Question(
            RESEARCH, Within(kept("Serum"), has("C50"), None, -365, first=True), TODAY
        ),
        "Q6 measurement": Question(
            GENETIC, All((has("E11"), kept("DNA"), Measurement(BMI, 30, window=Window(date(2015, 1, 1))))), TODAY
        ),
        "Q7 variant": Question(GENETIC, All((site, has("I10"), kept("DNA"), aged)), TODAY),
        "Q8 coverage": Question(RESEARCH, All(), TODAY, by=(Axis.BIOBANK,)),
    }  # fmt: skip


# --- DuckDB -----------------------------------------------------------------------------------------------


class Duck:
    """The same data in DuckDB's own file, whole numbers for codes, sorted as these questions like it best."""

    def __init__(self, path: Path, columns: Columns, state: State) -> None:
        import duckdb

        self.link = duckdb.connect(str(path), config={"threads": 2})
        keys, values = state.arrays()
        number = {name: place for place, name in enumerate(state.biobanks)}
        donors, specimens, facts = columns.donors, columns.specimens, columns.diagnoses
        measurements, genotypes = columns.measurements, columns.genotypes
        bank = np.array([number[name] for name in specimens.biobank.vocabulary], np.int32)[
            specimens.biobank.codes
        ]
        tables: dict[str, tuple[dict[str, Any], str]] = {
            "donors": ({"donor": donors.donor, "sex": donors.sex, "born": donors.born,
                        "ends": np.where((donors.died == NO_DATE) | (donors.died > NOW), NOW, donors.died)}, "donor"),
            "specimens": ({"donor": specimens.donor, "bank": bank, "kind": specimens.type.codes,
                           "collected": specimens.collected}, "donor"),
            "consents": ({"donor": (keys >> 16).astype(np.int32), "bank": (keys & 0xFFFF).astype(np.int32),
                          "class": values.astype(np.int32)}, "donor"),
            "diagnoses": ({"donor": facts.donor, "code": facts.code.codes, "date": facts.on}, "code, donor"),
            "measurements": ({"donor": measurements.donor, "code": measurements.code.codes,
                              "value": measurements.value, "date": measurements.on}, "code, donor"),
            "genotypes": ({"variant": genotypes.variant, "donor": genotypes.donor}, "variant, donor"),
        }  # fmt: skip
        for name, (given, order) in tables.items():
            self.link.register("given", given)
            self.link.execute(f"CREATE TABLE {name} AS SELECT * FROM given ORDER BY {order}")
            self.link.unregister("given")
        self.link.execute("CHECKPOINT")

    def ask(
        self, name: str, columns: Columns, permitting: frozenset[int]
    ) -> Callable[[], dict[tuple[str, ...], int]]:
        """The question `name`, ready to run; it gives the cells."""
        code = {text: place for place, text in enumerate(columns.diagnoses.code.vocabulary)}
        banks, bands = BANKS, [f"{low}-{low + 4}" for low in range(0, 90, 5)] + ["90+"]

        def has(first: str, last: str | None = None) -> str:
            low, high = code[f"{first}.0"], code[f"{last or first}.9"]
            return f"p.donor IN (SELECT donor FROM diagnoses WHERE code BETWEEN {low} AND {high})"

        classes = ", ".join(map(str, sorted(permitting)))
        seen = f"specimens s JOIN consents c USING (donor, bank) WHERE c.class IN ({classes})"
        whole = f"(SELECT DISTINCT donor FROM consents WHERE class IN ({classes})) p"
        since = day(date(2018, 3, 15))
        serum = f"p.donor IN (SELECT s.donor FROM {seen} AND kind = 0 AND collected >= {since})"
        kind = "p.donor IN (SELECT s.donor FROM " + seen + " AND kind = {})"
        # Complete years at the day of the question or at death.
        epoch = "DATE '1970-01-01'"
        years = f"date_sub('year', {epoch} + p.born, {epoch} + p.ends)"
        aged = f"p.donor IN (SELECT donor FROM donors p WHERE {years} BETWEEN 50 AND 70)"
        bmi = columns.measurements.code.vocabulary.index(BMI)
        year = day(date(2015, 1, 1))
        of_donors = seen.replace("WHERE", "JOIN donors p USING (donor) WHERE")
        firsts = (
            "JOIN (SELECT donor, min(date) AS first FROM diagnoses "
            f"WHERE code BETWEEN {code['C50.0']} AND {code['C50.9']} GROUP BY donor) f USING (donor) WHERE"
        )
        sql = {
            "Q1": f"SELECT count(*) FROM {whole} WHERE {has('C34')}",
            "Q2": f"SELECT count(*) FROM {whole} WHERE {has('C34')} AND {serum} AND {aged}",
            "Q3": f"SELECT least({years} // 5, 18), bank, kind, count(DISTINCT p.donor) "
            f"FROM {of_donors} AND collected >= {since} AND {has('C34')} GROUP BY ALL",
            "Q4": f"SELECT sex, count(*) FROM {whole} JOIN donors USING (donor) "
            f"WHERE ({has('I10')} OR {has('E11')}) AND NOT {has('C00', 'C97')} AND {kind.format(1)} GROUP BY ALL",
            "Q5": f"SELECT count(DISTINCT s.donor) FROM {seen.replace('WHERE', firsts)} "
            "AND kind = 0 AND collected <= first - 365",
            "Q6": f"SELECT count(*) FROM {whole} WHERE {has('E11')} AND {kind.format(2)} AND p.donor IN "
            f"(SELECT donor FROM measurements WHERE code = {bmi} AND value >= 30 AND date >= {year})",
            "Q7": f"SELECT count(*) FROM {whole} WHERE {has('I10')} AND {kind.format(2)} AND {aged} AND p.donor IN "
            "(SELECT donor FROM genotypes WHERE variant = 0)",
            "Q8": f"SELECT bank, count(DISTINCT donor) FROM {seen} GROUP BY ALL",
        }[name[:2]]
        names: dict[str, list[list[str]]] = {
            "Q3": [bands, banks, TYPES], "Q4": [["female", "male"]], "Q8": [banks],
        }  # fmt: skip
        labels = names.get(name[:2], [])

        def run() -> dict[tuple[str, ...], int]:
            rows = self.link.execute(sql).fetchall()
            return {
                tuple(each[place] for each, place in zip(labels, row[:-1], strict=True)): row[-1]
                for row in rows if row[-1]
            }  # fmt: skip

        return run


# --- measuring --------------------------------------------------------------------------------------------


def median(call: Callable[[], object], seconds: float, least: int = 5) -> float:
    """Seconds, after two calls to warm up."""
    for _ in range(2):
        call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < least:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def memory_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def first_answer(folder: Path, name: str) -> None:
    """In a process of its own: open, and answer one question."""
    with np.load(folder / "state.npz") as held:
        arrays = {key: held[key] for key in held.files if key != "told"}
        told = json.loads(str(held["told"]))
    asked = questions_kept(folder)[name]
    begin = time.perf_counter()
    state = State.thawed(told, arrays, FORMS)
    engine = Bitmap.open(folder / "index", state)
    opened = time.perf_counter()
    engine.answer(asked, basis(state, asked.purpose, TODAY))
    done = time.perf_counter()
    print(json.dumps({"open": opened - begin, "answer": done - opened, "memory": memory_mb()}))


def questions_kept(folder: Path) -> dict[str, Question]:
    with np.load(folder / "site.npz", allow_pickle=False) as held:
        texts = [str(held[name]) for name in ("chromosome", "reference", "alternate")]
        position = int(held["position"])
    only = VariantColumns(
        np.zeros(1, np.int32), Words.of([texts[0]]), np.array([position], np.int32), Words.of([texts[1]]),
        Words.of([texts[2]]), Words.of([None]),
    )  # fmt: skip
    return questions(Columns(variants=only))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--persons", type=int, default=200_000)
    parser.add_argument("--variants", type=int, help="default: one per 20 persons, at most 100,000")
    parser.add_argument("--seconds", type=float, default=0.3, help="of measuring per question")
    parser.add_argument("--no-duckdb", action="store_true")
    parser.add_argument("--no-kernels", action="store_true", help="numpy alone")
    parser.add_argument("--json", type=Path, help="where to put the figures")
    parser.add_argument("--first", nargs=2, metavar=("FOLDER", "QUESTION"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first:
        first_answer(Path(options.first[0]), options.first[1])
        return
    kernels.use(compiled=not options.no_kernels)

    begin = time.perf_counter()
    columns, consents = generate(options.persons, options.variants or min(100_000, options.persons // 20))
    state = consent_state(consents)
    rows = {
        "donors": len(columns.donors.donor), "specimens": len(columns.specimens.donor), "consents": len(state),
        "diagnoses": len(columns.diagnoses.donor), "measurements": len(columns.measurements.donor),
        "genotypes": len(columns.genotypes.donor),
    }  # fmt: skip
    print(f"{options.persons:,} persons: " + ", ".join(f"{n:,} {name}" for name, n in rows.items()))
    print(f"generated in {time.perf_counter() - begin:.1f} s; inner loops: {kernels.kind()}")
    figures: dict[str, Any] = {
        "persons": options.persons,
        "rows": rows,
        "kernels": kernels.kind(),
        "questions": {},
    }

    asked = questions(columns)
    with tempfile.TemporaryDirectory(prefix="talka-bench-") as name:
        folder = Path(name)
        begin = time.perf_counter()
        Bitmap.build(columns, state).save(folder / "index")
        figures["build_s"] = time.perf_counter() - begin
        figures["file_mb"] = (folder / "index").stat().st_size / 1e6
        print(f"index built and saved in {figures['build_s']:.1f} s, {figures['file_mb']:.1f} MB")
        engine = Bitmap.open(folder / "index", state)
        duck = None if options.no_duckdb else Duck(folder / "duck", columns, state)
        if duck:
            figures["duckdb_mb"] = (folder / "duck").stat().st_size / 1e6
            print(f"DuckDB's file {figures['duckdb_mb']:.1f} MB")

        print(f"\n{'':18}{'answer µs':>11}{'DuckDB ms':>11}{'ratio':>9}   whole, cells")
        for title, question in asked.items():
            given = basis(state, question.purpose, TODAY)

            def ask(question: Question = question, given: Any = given) -> Any:
                return engine.answer(question, given)

            seconds = median(ask, options.seconds)
            told = figures["questions"][title] = {"us": seconds * 1e6}
            line = f"{title:18}{seconds * 1e6:11.1f}"
            answer = ask()
            if duck:
                other = duck.ask(title, columns, given.permitting)
                assert other() == answer.cells, f"{title}: DuckDB says {other()}, the index {answer.cells}"
                its = median(other, options.seconds)
                told |= {"duckdb_ms": its * 1e3, "ratio": its / seconds}
                line += f"{its * 1e3:11.2f}{its / seconds:9.0f}"
            else:
                line += " " * 20
            print(f"{line}   {answer.whole:,}, {len(answer.cells):,}")
        all_us = [each["us"] for each in figures["questions"].values()]
        print(f"{'geometric mean':18}{statistics.geometric_mean(all_us):11.1f}", end="")
        if duck:
            ratios = [each["ratio"] for each in figures["questions"].values()]
            print(f"{'':11}{statistics.geometric_mean(ratios):9.0f}   least {min(ratios):.0f}", end="")
        print()

        withdrawals(engine, columns, state, asked, consents, figures)
        print(f"memory {memory_mb():.0f} MB (with the data themselves)")

        told_state, arrays = state.frozen()
        kept: dict[str, Any] = {"told": json.dumps(told_state), **arrays}
        np.savez(folder / "state.npz", **kept)
        variants = columns.variants
        np.savez(
            folder / "site.npz",
            **{each: getattr(variants, each).list()[0] for each in ("chromosome", "reference", "alternate")},
            position=variants.position[0],
        )
        times = {}
        for title in asked:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.node_questions", "--first", str(folder), title],
                stdout=subprocess.PIPE, check=True, text=True, env=os.environ | ({"TALKA_KERNELS": "no"}
                if options.no_kernels else {}),
            )  # fmt: skip
            times[title] = json.loads(done.stdout)
        figures["first"] = times
        worst = max(each["open"] + each["answer"] for each in times.values())
        print(
            "new process, open and first answer, ms: "
            + " ".join(
                f"{title[:2]} {1e3 * (each['open'] + each['answer']):.0f}" for title, each in times.items()
            )
            + f"; most {1e3 * worst:.0f}; memory {max(each['memory'] for each in times.values()):.0f} MB"
        )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


def withdrawals(
    engine: Bitmap,
    columns: Columns,
    state: State,
    asked: dict[str, Question],
    consents: np.ndarray[Any, Any],
    figures: dict[str, Any],
) -> None:
    """What a withdrawal costs until every answer obeys, without the part that makes it durable; then all is compared
    with an index built anew."""
    rng = np.random.default_rng(1)
    times = []
    for row in rng.choice(consents.shape[1], min(500, consents.shape[1]), replace=False).tolist():
        donor, bank = int(consents[0][row]), BANKS[int(consents[1][row])]
        begin = time.perf_counter()
        state.put(donor, bank, None)
        times.append(time.perf_counter() - begin)
    times.sort()
    figures["withdrawal_us"] = {
        "median": times[len(times) // 2] * 1e6,
        "p99": times[len(times) * 99 // 100] * 1e6,
    }
    anew = Bitmap.build(columns, state)
    for title, question in asked.items():
        given = basis(state, question.purpose, TODAY)
        assert engine.answer(question, given) == anew.answer(question, given), title
    print(
        "withdrawal in effect after {median:.0f} µs (p99 {p99:.0f}); equal to an index built anew".format(
            **figures["withdrawal_us"]
        )
    )


if __name__ == "__main__":
    main()
