"""The invented population that a data node is measured with: straight into columns, and kept from run to run.

Of `persons` every tenth is a donor, with about 19 diagnoses and 50 measurements, 4 specimens at one biobank or (every
tenth) two, and a consent per donor and biobank in one of several classes; up to 20,000 donors are sequenced. A node
holds its donors; a hospital's database holds everybody, so the other nine tenths can be drawn too, piece by piece.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
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
from talka_node.consent import Form, Forms, Option, Standing, State, Term
from talka_query.nodes import AskerKind, Purpose, Use

Array = np.ndarray[Any, Any]

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
BMI = "39156-5"
TESTS = sorted([BMI, *(f"test-{number:02d}" for number in range(1, 60))])

OPTIONS = {
    "genetic": Option(otherwise=frozenset({Term("NGEN")})),
    "commercial": Option(otherwise=frozenset({Term("NPUNCU")})),
}
VERSIONS = 6
FORMS = Forms([Form("biobank", 1 + each, OPTIONS, frozenset({Term("HMB")})) for each in range(VERSIONS)])
RESEARCH = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
GENETIC = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC, genetic=True)
COMMERCIAL = Purpose(Use.BIOMEDICAL, AskerKind.COMPANY, commercial=True)
PURPOSES = (RESEARCH, GENETIC, COMMERCIAL)

PERSONS_A_DONOR = 10
PIECE = 20_000  # donors that are drawn at once: so many random numbers fit anywhere
SEED = 7


@dataclass(slots=True)
class Data:
    """Columns of all donors, and the consents: donors, biobanks (places in BANKS) and classes (0 none, else
    1 + 4 · version + boxes ticked)."""

    columns: Columns
    consents: Array


def zipf(count: int, shift: float, power: float) -> Array:
    weights = 1 / (np.arange(count) + shift) ** power
    return weights / weights.sum()


def draw(rng: np.random.Generator, count: int, weights: Array) -> Array:
    return np.searchsorted(np.cumsum(weights)[:-1], rng.random(count), "right").astype(np.int32)


def generate(persons: int, variants: int) -> Data:
    """All donors of a population; the same on every run."""
    donors = persons // PERSONS_A_DONOR
    pieces = [
        _donors(place, min(PIECE, donors - start)) for place, start in enumerate(range(0, donors, PIECE))
    ]
    columns = _joined([columns for columns, _ in pieces])
    rng = np.random.default_rng([SEED, 3])
    columns.variants, columns.genotypes = _genotypes(rng, columns.donors.donor, variants)
    return Data(columns, np.concatenate([consents for _, consents in pieces], axis=1))


def _donors(piece: int, count: int) -> tuple[Columns, Array]:
    rng = np.random.default_rng([SEED, 1, piece])
    number = np.arange(piece * PIECE, piece * PIECE + count, dtype=np.int32)
    age = np.clip(18 + rng.gamma(3.4, 10.5, count), 18, 101)
    people = _people(rng, number, age)
    home = draw(rng, count, zipf(20, 1, 0.9))
    second = np.where(rng.random(count) < 0.1, draw(rng, count, zipf(20, 1, 0.9)), home)
    of = np.repeat(np.arange(count), 1 + rng.poisson(3, count))
    bank = np.where(rng.random(len(of)) < 0.4, second[of], home[of]).astype(np.int32)
    kind = draw(rng, len(of), np.array([0.26, 0.22, 0.18, 0.14, 0.08, 0.03, 0.06, 0.03]))
    collected = (NOW - 30 - np.minimum(rng.exponential(2200, len(of)), 9000)).astype(np.int32)
    columns = Columns(people)
    columns.specimens = SpecimenColumns(
        number[of], Words(bank, BANKS), Words(bank, [f"{name}:1" for name in BANKS]), Words(kind, TYPES), collected,
        Words((kind % 3).astype(np.int32), ["-60to-85", "LN", "RT"]), rng.integers(0, 9, len(of)).astype(np.int32),
    )  # fmt: skip
    pairs = np.unique(number[of].astype(np.int64) * 32 + bank)
    given = (rng.random(len(pairs)) < 0.93) & (rng.random(len(pairs)) > 0.035)
    boxes = (rng.random(len(pairs)) < 0.62).astype(np.int64) + 2 * (rng.random(len(pairs)) < 0.36)
    classes = np.where(given, 1 + 4 * rng.integers(0, VERSIONS, len(pairs)) + boxes, 0)
    columns.diagnoses, columns.measurements = _facts(rng, people, age)
    return columns, np.stack((pairs >> 5, pairs & 31, classes))


def everybody(data: Data) -> Iterator[tuple[DonorColumns, FactColumns, MeasurementColumns]]:
    """The whole population, piece by piece, in order of person: every tenth is a donor (whose number is a tenth of the
    person's), the others have diagnoses and measurements of their own and gave neither specimens nor consents."""
    columns = data.columns
    for piece, start in enumerate(range(0, len(columns.donors.donor), PIECE)):
        end = min(start + PIECE, len(columns.donors.donor))
        rng = np.random.default_rng([SEED, 2, piece])
        persons = np.arange(start * PERSONS_A_DONOR, end * PERSONS_A_DONOR, dtype=np.int32)
        others = persons[persons % PERSONS_A_DONOR > 0]
        age = np.clip(rng.gamma(4.2, 10.5, len(others)), 0, 101)
        people = _people(rng, others, age)
        facts, measured = _facts(rng, people, age)
        yield (
            _merged(columns.donors, people, start, end),
            _merged(columns.diagnoses, facts, start, end),
            _merged(columns.measurements, measured, start, end),
        )


def _merged(of_donors: Any, of_others: Any, start: int, end: int) -> Any:
    """Rows of the donors from `start` to `end` and of others, in order of person. Donors' rows lie in order."""
    low, high = np.searchsorted(of_donors.donor, np.array([start, end], np.int32)).tolist()
    persons = np.concatenate((of_donors.donor[low:high] * PERSONS_A_DONOR, of_others.donor))
    order = np.argsort(persons, kind="stable")
    found: dict[str, Any] = {}
    for field in dataclasses.fields(of_donors):
        ours, theirs = getattr(of_donors, field.name), getattr(of_others, field.name)
        if isinstance(ours, Words):
            codes = np.concatenate((ours.codes[low:high], theirs.codes))[order]
            found[field.name] = Words(codes, ours.vocabulary)
        elif field.name == "donor":
            found[field.name] = persons[order]
        else:
            found[field.name] = np.concatenate((ours[low:high], theirs))[order]
    return type(of_donors)(**found)


def _people(rng: np.random.Generator, number: Array, age: Array) -> DonorColumns:
    count = len(number)
    born = (NOW - age * 365.25 - rng.integers(0, 365, count)).astype(np.int32)
    woman = rng.random(count) < 0.54
    died = np.where((age > 60) & (rng.random(count) < 0.06), NOW - rng.integers(1, 3000, count), NO_DATE)
    return DonorColumns(
        number, np.where(woman, 0, 1).astype(np.int8), born, died.astype(np.int32),
        Words(rng.integers(0, 43, count).astype(np.int32), [f"LV{code:03d}" for code in range(43)]),
    )  # fmt: skip


def _weights() -> Array:
    """How frequent each code is, but for the injected diseases; cancers are rare."""
    injected = np.isin(np.arange(len(CODES)) // 4, [CATEGORIES.index(category) for category in DISEASES])
    cancer = np.char.startswith(np.array(CODES), "C") & (np.array([int(code[1:3]) for code in CODES]) < 98)
    weights = zipf(len(CODES), 2.7, 1.05)[np.random.default_rng(SEED).permutation(len(CODES))]
    weights[injected] = 0
    weights[cancer] /= 10
    return weights / weights.sum()


WEIGHTS = _weights()


def _facts(
    rng: np.random.Generator, people: DonorColumns, age: Array
) -> tuple[FactColumns, MeasurementColumns]:
    """Diagnoses and measurements, each in order of person."""
    number, count, woman = people.donor, len(age), people.sex == 0
    counts = rng.poisson(rng.gamma(1.3, 1, count) * (3 + age * 0.32) * 0.78)
    of = [np.repeat(np.arange(count, dtype=np.int32), counts)]
    code = [draw(rng, int(counts.sum()), WEIGHTS)]
    for category, (least, only_women, share, repeats) in DISEASES.items():
        odds = share * np.clip((age - least) / 25, 0.15, 1.5)
        ill = np.flatnonzero((age >= least) & (rng.random(count) < odds) & (woman | (not only_women)))
        rows = np.repeat(ill, 1 + rng.poisson(repeats, len(ill))).astype(np.int32)
        of.append(rows)
        leaf = np.minimum(rng.geometric(0.5, len(rows)) - 1, 3)
        code.append((CATEGORIES.index(category) * 4 + leaf).astype(np.int32))
    who, what = np.concatenate(of), np.concatenate(code)
    order = np.argsort(who, kind="stable")
    who, what = who[order], what[order]
    on = np.maximum((NOW - 1 - rng.beta(1.1, 1.8, len(who)) * 7600).astype(np.int32), people.born[who])

    measured = np.repeat(np.arange(count), rng.poisson(rng.gamma(1.5, 50 / 1.5, count)))
    test = draw(rng, len(measured), zipf(60, 2, 0.9))
    usual = rng.normal(26.5, 4.2, count)[measured]
    noise = rng.standard_normal(len(measured))
    value = np.where(test == 0, usual + 1.1 * noise, test * 3 + 5 + 2 * noise)
    days = (NOW - 1 - rng.beta(1.1, 1.8, len(measured)) * 5500).astype(np.int32)
    return (
        FactColumns(number[who], Words(what, CODES), on),
        MeasurementColumns(number[measured], Words(test, TESTS), np.rint(value * 10) / 10, days),
    )


def _genotypes(
    rng: np.random.Generator, number: Array, variants: int
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
    genes = max(1, variants // 5)
    names = VariantColumns(
        np.arange(variants, dtype=np.int32),
        Words(rng.integers(0, 22, variants).astype(np.int32), sorted(str(each) for each in range(1, 23))),
        rng.integers(1, 240_000_000, variants).astype(np.int32),
        Words(reference, letters),
        Words(((reference + rng.integers(1, 4, variants)) % 4).astype(np.int32), letters),
        Words(rng.integers(0, genes, variants).astype(np.int32), sorted(f"GENE{each}" for each in range(genes))),
    )  # fmt: skip
    return names, GenotypeColumns(of, sequenced[keys % len(sequenced)].astype(np.int32), copies)


def classes(state: State) -> Array:
    """The state's own numbers of the classes that `generate` draws."""
    numbers = [0]
    for version in range(VERSIONS):
        for boxes in range(4):
            ticked = [name for bit, name in enumerate(OPTIONS) if boxes >> bit & 1]
            numbers.append(state.intern(Standing.of("biobank", 1 + version, *ticked)))
    return np.array(numbers, np.uint16)


def consent_state(consents: Array) -> State:
    """The state that these consents make."""
    state = State(FORMS, TODAY)
    numbers = classes(state)
    told, arrays = state.frozen()
    told["biobanks"] = BANKS
    donor, bank, chosen = consents
    arrays["keys"] = (donor << 16) | bank
    arrays["values"] = numbers[chosen]
    return State.thawed(told, arrays, FORMS)


# --- kept from run to run -----------------------------------------------------------------------------------


def _joined(parts: list[Any]) -> Any:
    """Columns (or what they are made of) one after another; vocabularies are the same in all parts."""
    first = parts[0]
    if isinstance(first, Words):
        return Words(np.concatenate([part.codes for part in parts]), first.vocabulary)
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    if first is None:
        return None
    fields = [field.name for field in dataclasses.fields(first)]
    return type(first)(**{name: _joined([getattr(part, name) for part in parts]) for name in fields})


def keep(folder: Path, data: Data) -> None:
    """Into files of that folder, each written whole; `recall` maps them again."""
    folder.mkdir(parents=True, exist_ok=True)
    words: dict[str, list[str]] = {}
    np.save(folder / "consents.npy", data.consents)
    for table in dataclasses.fields(data.columns):
        rows = getattr(data.columns, table.name)
        for field in dataclasses.fields(rows):
            name, column = f"{table.name}.{field.name}", getattr(rows, field.name)
            if isinstance(column, Words):
                words[name] = column.vocabulary
                column = column.codes
            if column is not None:
                np.save(folder / f"{name}.npy", column)
    (folder / "words.json").write_text(json.dumps(words))  # last: then it is whole


def recall(folder: Path) -> Data | None:
    """What `keep` kept, mapped and not read; None if there is nothing whole."""
    if not (folder / "words.json").exists():
        return None
    words = json.loads((folder / "words.json").read_text())
    columns = Columns()
    for table in dataclasses.fields(columns):
        rows = getattr(columns, table.name)
        for field in dataclasses.fields(rows):
            name = f"{table.name}.{field.name}"
            path = folder / f"{name}.npy"
            if not path.exists():
                continue
            column = np.asarray(np.load(path, mmap_mode="r"))
            setattr(rows, field.name, Words(column, words[name]) if name in words else column)
    return Data(columns, np.load(folder / "consents.npy"))
