"""Draws the people of the synthetic country, chunk by chunk, as numpy tables.

Three hidden numbers of each donor (frailty, metabolic risk, smoking) drive diagnoses, measurements and medicines
together; that is where their correlations come from. A chunk depends on the seed and its own number alone, and never
more than one is in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from talka_node.columns import NO_DATE, day
from talka_node.synth import lists

Array = npt.NDArray[Any]
Table = dict[str, Array]

CHUNK = 8192  # donors
YEAR = 365.25
SEXES = ("female", "male", "unknown")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be drawn. `donors`: share of the inhabitants who gave samples. `until`: the last day of the data,
    never today's date, so that a seed always gives the same country. `genotyped`: share of donors sequenced at
    `variants` sites."""

    persons: int
    biobanks: int = 3
    seed: int = 1
    donors: float = 0.10
    until: date = date(2025, 12, 31)
    genotyped: float = 0.10
    variants: int = 2000

    def __post_init__(self) -> None:
        if not 1 <= self.persons <= 10_000_000:
            raise ValueError(f"persons must be between 1 and 10,000,000, not {self.persons}")
        if not 1 <= self.biobanks <= 99:
            raise ValueError(f"biobanks must be between 1 and 99, not {self.biobanks}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative: {self.seed}")
        for name, share in (("donors", self.donors), ("genotyped", self.genotyped)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is a share between 0 and 1, not {share}")
        if not 0 <= self.variants <= 1_000_000:
            raise ValueError(f"variants must be between 0 and 1,000,000, not {self.variants}")

    @property
    def donor_count(self) -> int:
        return max(1, round(self.persons * self.donors))

    @property
    def chunks(self) -> int:
        return -(-self.donor_count // CHUNK)

    def random(self, *stream: int) -> np.random.Generator:
        """Random numbers of one stream of this seed: the same whatever was drawn before."""
        return np.random.default_rng([self.seed, *stream])


def _words(words: list[str]) -> Array:
    return np.array(sorted(set(words)), object)


def numbers(vocabulary: Array, words: Sequence[str]) -> Array:
    """The places of words in a vocabulary."""
    place = {word: number for number, word in enumerate(vocabulary.tolist())}
    return np.array([place[word] for word in words], np.int16)


class Codes:
    """The vocabularies that the tables' numbers point into."""

    regions = np.array(list(lists.REGIONS), object)
    sexes = np.array(SEXES, object)
    kinds = np.array([kind.type for kind in lists.KINDS], object)
    temperatures = np.array([kind.temperature for kind in lists.KINDS], object)
    tests = [test for _, panel in lists.PANELS for test in panel]
    loinc = np.array([test.loinc for test in tests], object)

    tail = [
        f"{letter}{number:02d}"
        for letter, ranges in lists.TAIL.items()
        for low, high in ranges
        for number in range(low, high + 1)
    ]
    diagnoses = _words([*tail, *(code for disease in lists.DISEASES for code in disease.codes.split())])
    medications = _words([code for codes in lists.MEDICINES.values() for code, _ in codes])
    procedures = _words([code for codes in lists.PROCEDURES.values() for code, _ in codes])


CODES = Codes()
UNITS = np.array([test.unit for test in CODES.tests], object)
ALTERNATIVES = np.array([(test.alternative or (test.unit, 1))[0] for test in CODES.tests], object)


def only(table: Table, keep: Array) -> Table:
    """The rows of a table that are to be kept."""
    return {name: column[keep] for name, column in table.items()}


@dataclass(slots=True)
class Chunk:
    """Tables of some donors. Every table has `donor` (0, 1, … over the whole country) and `biobank` (whose files hold
    the row), but for `persons`; dates are days since 1970-01-01 or NO_DATE; codes are places in the vocabularies of
    CODES."""

    persons: Table  # donor sex born year_only died region, and the hidden traits
    members: Table  # a donor at a biobank, with the consent given there
    specimens: Table
    diagnoses: Table
    measurements: Table
    medications: Table
    procedures: Table
    cohorts: Table

    def tables(self) -> dict[str, Table]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def facts(self) -> int:
        """Rows in all."""
        return sum(len(table["donor"]) for table in self.tables().values())

    def at(self, biobank: int) -> dict[str, Table]:
        """The rows that one biobank's files hold. Persons who are its donors come with what it knows of them."""
        found = {
            name: only(table, table["biobank"] == biobank)
            for name, table in self.tables().items()
            if name != "persons"
        }
        for name, table in found.items():
            table["local"] = local(table["donor"], biobank)
            if "code" in table:
                table["code"] = getattr(CODES, name)[table["code"]]
        members = found["members"]
        place = members["donor"] - self.persons["donor"][0]
        found["persons"] = members | {column: values[place] for column, values in self.persons.items()}
        return found


def local(donor: Array, biobank: int) -> Array:
    """The number by which a biobank knows its donor: it tells nothing of the donor's number at another."""
    return (donor.astype(np.int64) * 7_368_787 + (biobank + 1) * 1_234_577) % 10_000_000


def bank_names(plan: Plan) -> list[str]:
    """Codes of the biobanks, which are invented."""
    return [f"LV-SYNTH-{number + 1:02d}" for number in range(plan.biobanks)]


def sequenced(plan: Plan, members: Table) -> tuple[Array, Array]:
    """Who of some members is sequenced, and at which biobank: of two the one where they stand first, their home."""
    donor, home = np.unique(members["donor"], return_index=True)
    # A number of each donor's own, so that it does not matter with whom they are asked about.
    draws = (donor.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(plan.seed)) >> np.uint64(40)
    chosen = draws / 2**24 < plan.genotyped
    return donor[chosen], members["biobank"][home][chosen]


def draw(plan: Plan) -> Iterator[Chunk]:
    """All donors, a chunk at a time; the rows of each table numbered through the country in column `id`."""
    count = dict.fromkeys(Chunk.__dataclass_fields__, 0)
    for number in range(plan.chunks):
        chunk = _Draw(plan, number).chunk()
        for name, table in chunk.tables().items():
            rows = len(table["donor"])
            table["id"] = np.arange(count[name] + 1, count[name] + rows + 1)
            count[name] += rows
        yield chunk


class _Draw:
    """One chunk in the making: arrays over its donors first, then the tables, each from what stands before it."""

    def __init__(self, plan: Plan, number: int) -> None:
        self.plan = plan
        self.rng = plan.random(1, number)
        self.first = number * CHUNK
        self.n = min(CHUNK, plan.donor_count - self.first)
        self.until = day(plan.until)

    def chunk(self) -> Chunk:
        self.people()
        self.membership()
        diagnoses = self.diseases()
        specimens = self.samples()
        measurements = self.tests()
        medications = self.following(lists.MEDICINES, CODES.medications, again=3.0)
        procedures = self.following(lists.PROCEDURES, CODES.procedures, again=0.15)
        cohorts = self.cohort_members()
        self.deaths()
        persons = {
            "donor": self.donor(np.arange(self.n)),
            "sex": self.said_sex,
            "born": self.born.astype(np.int32),
            "year_only": self.some(0.004),
            "died": self.died.astype(np.int32),
            "region": self.region,
        }
        return Chunk(
            persons=persons,
            members=self.members,
            specimens=self.finish(specimens, "collected"),
            diagnoses=self.finish(diagnoses, "on"),
            measurements=self.finish(measurements, "on"),
            medications=self.finish(medications, "on"),
            procedures=self.finish(procedures, "on"),
            cohorts=self.finish(cohorts),
        )

    # --- small helpers ------------------------------------------------------------------------------------

    def donor(self, local: Array) -> Array:
        return (local + self.first).astype(np.int32)

    def some(self, share: Array | float, n: int | None = None) -> Array:
        """Which of n (the donors) are drawn, each with its share."""
        return np.asarray(self.rng.random(self.n if n is None else n) < share)

    def pick(self, weights: Array, n: int) -> Array:
        """n numbers with these weights."""
        edges = np.cumsum(weights) / np.sum(weights)
        return np.minimum(np.searchsorted(edges, self.rng.random(n), side="right"), len(weights) - 1)

    def some_day(self, first: Array, last: Array | int) -> Array:
        """A day between two, both included."""
        span = np.maximum(np.asarray(last) - first, 0) + 1
        return np.asarray(first + (self.rng.random(len(first)) * span).astype(np.int64))

    # --- people -------------------------------------------------------------------------------------------

    def people(self) -> None:
        rng, n = self.rng, self.n
        bands = np.array(list(lists.AGES))
        share = np.array([share for share, _ in lists.AGES.values()])
        women = np.array([women for _, women in lists.AGES.values()])
        steps = np.array(list(lists.DONORS))
        likely = np.array(list(lists.DONORS.values()))[np.searchsorted(steps, bands + 2, side="right") - 1]
        band = self.pick(share * likely, n)
        self.age = bands[band] + rng.random(n) * 5
        self.born = (self.until - self.age * YEAR).astype(np.int64)
        self.man = ~self.some(women[band])
        self.said_sex = np.where(self.some(0.003), 2, self.man.astype(np.int8)).astype(np.int8)
        self.region = self.pick(np.array(list(lists.REGIONS.values())), n).astype(np.int8)
        self.frailty = rng.gamma(2.0, 0.5, n)
        self.metabolic = rng.normal(0, 1, n)
        self.smoker = self.some(np.where(self.man, 0.38, 0.18)) & (self.age > 16)
        self.died = np.full(n, NO_DATE, np.int64)

    def deaths(self) -> None:
        """Who died in the last eight years of the data: the old, the frail, and those with cancer of the lung."""
        grave = 1.0 + 5.0 * self.has.get("C34", np.zeros(self.n, bool))
        risk = 0.08 * np.exp((self.age - 80) / 11) * self.frailty * grave
        dead = self.some(np.minimum(risk, 0.6))
        day_of = self.some_day(np.maximum(self.entry, self.until - int(8 * YEAR)), self.until)
        self.died[dead] = day_of[dead]

    def finish(self, table: Table, dated: str | None = None) -> Table:
        """The table without what would lie before birth or after death, a few dates forgotten, donors numbered."""
        local = table.pop("local")
        if dated is not None:
            on = table[dated]
            died = np.where(self.died == NO_DATE, self.until, self.died)[local]
            keep = (on >= self.born[local]) & (on <= died)
            local = local[keep]
            table = only(table, keep)
            forgotten = self.some(0.005, len(local))
            table[dated] = np.where(forgotten, NO_DATE, table[dated]).astype(np.int32)
        return {"donor": self.donor(local), **table}

    # --- biobanks and consent -----------------------------------------------------------------------------

    def membership(self) -> None:
        """Who belongs to which biobank, since when, and what was agreed there."""
        rng, n, banks = self.rng, self.n, self.plan.biobanks
        weight = 1 / (np.arange(banks) + 1) ** 0.9
        self.home = self.pick(weight, n)
        # Samples became common only lately.
        since = rng.beta(2.2, 1.2, n) * min(12.0, float(self.plan.until.year - 2006))
        self.entry = np.maximum(self.until - int(12 * YEAR) + (since * YEAR).astype(np.int64), self.born + 30)
        second = self.pick(weight, n)
        self.both = self.some(0.12) & (second != self.home)
        local = np.concatenate([np.arange(n), np.flatnonzero(self.both)])
        bank = np.concatenate([self.home, second[self.both]])
        m = len(local)
        signed = np.concatenate([self.entry, self.some_day(self.entry[self.both], self.until)])
        years = signed.astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
        options = np.zeros(m, np.int16)
        for bit, share in enumerate(share for share, _, _ in lists.OPTIONS.values()):
            options |= (self.some(share, m) << bit).astype(np.int16)
        term = np.where(self.some(0.10, m), np.where(self.some(0.5, m), 5, 10), 0)
        withdrawn = np.where(self.some(0.035, m), self.some_day(signed, self.until), NO_DATE)
        opted_out = self.some(0.01)
        opt_out_day = self.some_day(np.maximum(self.entry, day(date(2023, 1, 1))), self.until)
        # A new personal code is asked for rarely; the donor of two biobanks may have changed it in between.
        changed = self.some(0.02)
        newcomer = self.some(0.015)
        form = np.searchsorted(np.array(lists.SINCE), years, side="right")
        self.members = {
            "donor": self.donor(local),
            "biobank": bank.astype(np.int8),
            "signed": signed.astype(np.int32),
            "version": np.maximum(form, 1).astype(np.int8),
            "options": options,
            "expires": np.where(term > 0, signed + (term * YEAR).astype(np.int64), NO_DATE).astype(np.int32),
            "withdrawn": withdrawn.astype(np.int32),
            "opted_out": np.where(opted_out, opt_out_day, NO_DATE)[local].astype(np.int32),
            "guardian": signed < (self.born[local] + int(18 * YEAR)),
            "asked": ~self.some(0.015, m),  # a few gave samples and no paper says so
            "new_code": newcomer[local] | (changed[local] & (np.arange(m) >= n)),
        }
        self.second = np.where(self.both, second, self.home)

    def holder(self, local: Array, share: float = 0.35) -> Array:
        """The biobank whose files hold a row of these donors: mostly the home, else the second."""
        return np.where(self.some(share, len(local)), self.second[local], self.home[local]).astype(np.int8)

    # --- diagnoses ----------------------------------------------------------------------------------------

    def diseases(self) -> Table:
        rng = self.rng
        self.has: dict[str, Array] = {}
        self.onset: dict[str, Array] = {}
        who, code, on = [], [], []
        for disease in lists.DISEASES:
            names = disease.codes.split()
            climbed = 1 / (1 + np.exp(-(self.age - disease.age) / disease.width))
            share = disease.peak * climbed * np.where(self.man, disease.men, disease.women)
            share = share * np.exp(disease.metabolic * self.metabolic) * (0.5 + 0.5 * self.frailty)
            share = share * np.where(self.smoker, disease.smoking, 1.0)
            has = self.some(np.minimum(share, 0.95))
            # When it began: an age below today's, drawn from the same climb, within what records go back to.
            low = 1 / (1 + np.exp(disease.age / disease.width))
            u = np.clip(low + (climbed - low) * rng.random(self.n), 1e-9, 1 - 1e-9)
            age = disease.age + disease.width * np.log(u / (1 - u))
            onset = np.maximum(self.born + age * YEAR, self.until - 20 * YEAR).astype(np.int64)
            category = names[0][:3]
            self.has[category], self.onset[category] = has, onset
            sick = np.flatnonzero(has)
            times = 1 + rng.poisson(disease.again, len(sick))
            local = np.repeat(sick, times)
            first = np.zeros(len(local), bool)
            first[np.cumsum(times) - times] = True
            later = self.some_day(onset[local], self.until)
            kind = np.minimum(rng.geometric(0.5, len(local)) - 1, len(names) - 1)
            who.append(local)
            code.append(numbers(CODES.diagnoses, names)[kind])
            on.append(np.where(first, onset[local], later))
        # The long tail: more of it with age and frailty, frequencies after Zipf, the order of codes drawn by the seed.
        tail = self.plan.random(2).permutation(numbers(CODES.diagnoses, CODES.tail))
        zipf = 1 / (np.arange(len(tail)) + 2.7) ** 1.05
        local = np.repeat(np.arange(self.n), rng.poisson(self.frailty * (2 + 0.12 * self.age)))
        who.append(local)
        code.append(tail[self.pick(zipf, len(local))])
        on.append(self.until - (rng.beta(1.1, 1.8, len(local)) * 20 * YEAR).astype(np.int64))
        everyone = np.concatenate(who)
        return {
            "local": everyone,
            "biobank": self.holder(everyone),
            "code": np.concatenate(code),
            "on": np.concatenate(on),
        }

    # --- samples ------------------------------------------------------------------------------------------

    def samples(self) -> Table:
        rng = self.rng
        member = self.members["donor"].astype(np.int64) - self.first
        visits = 1 + rng.poisson(0.5, len(member))
        at = np.repeat(np.arange(len(member)), visits)
        on = self.some_day(self.members["signed"][at].astype(np.int64), self.until)
        on[np.cumsum(visits) - visits] = self.members["signed"]
        parts = [(member[at], self.members["biobank"][at], on, lists.BLOOD_KIT, -1)]
        for cancer in ("C34", "C50", "C18", "C20", "C61", "C64"):
            # The operation, a few weeks after the diagnosis.
            operated = np.flatnonzero(self.has[cancer] & self.some(0.6))
            day_of = self.onset[cancer][operated] + rng.integers(7, 60, len(operated))
            parts.append((operated, self.home[operated].astype(np.int8), day_of, lists.TUMOUR_KIT, 0))
        kinds = {kind.type: place for place, kind in enumerate(lists.KINDS)}
        columns: dict[str, list[Array]] = {
            name: [] for name in ("local", "biobank", "collected", "kind", "collection")
        }
        for local, bank, day_of, kit, collection in parts:
            for type_, share in kit.items():
                got = self.some(share, len(local))
                count = int(got.sum())
                columns["local"].append(local[got])
                columns["biobank"].append(bank[got])
                columns["collected"].append(day_of[got])
                columns["kind"].append(np.full(count, kinds[type_], np.int8))
                drawn = self.pick(np.array([0.0, 0.6, 0.3, 0.1]), count)
                columns["collection"].append(np.full(count, collection) if collection >= 0 else drawn)
        table: Table = {name: np.concatenate(column) for name, column in columns.items()}
        m = len(table["local"])
        made = 1 + rng.poisson(np.array([kind.aliquots for kind in lists.KINDS])[table["kind"]])
        used = rng.binomial(made, 0.15)
        table["collection"] = table["collection"].astype(np.int8)
        table["aliquots"] = (made - used).astype(np.int16)
        # A few stand in another freezer than their kind usually does, a few nobody noted.
        odd = self.some(0.02, m)
        table["temperature"] = np.where(odd, rng.integers(0, len(lists.KINDS), m), table["kind"]).astype(
            np.int8
        )
        table["temperature"][self.some(0.01, m)] = -1
        # Aliquots are kept in two freezers; where they are in one, the inventory ought to say so.
        table["freezer"] = rng.integers(1, 13, m).astype(np.int8)
        apart = (table["freezer"] + rng.integers(1, 12, m) - 1) % 12 + 1
        table["other_freezer"] = np.where(self.some(0.03, m), table["freezer"], apart).astype(np.int8)
        table["position"] = rng.integers(0, 10_000, m).astype(np.int16)
        return table

    # --- measurements -------------------------------------------------------------------------------------

    def tests(self) -> Table:
        rng = self.rng
        visits = rng.poisson(self.frailty * (2 + 0.16 * self.age))
        seen = np.repeat(np.arange(self.n), visits)
        on = self.until - (rng.beta(1.1, 1.6, len(seen)) * 15 * YEAR).astype(np.int64)
        bank = self.holder(seen)
        who, what, when, where, values, units = [], [], [], [], [], []
        number = 0
        for often, panel in lists.PANELS:
            ordered = np.flatnonzero(self.some(often, len(seen)))
            for test in panel:
                local, day_of = seen[ordered], on[ordered]
                base = np.where(self.man, test.men, test.women) + test.metabolic * self.metabolic
                base = base + rng.normal(0, test.between, self.n)
                value = base[local] + test.drift * (day_of - self.until) / (10 * YEAR)
                if test.disease is not None:
                    name, adds = test.disease
                    value = value + adds * (self.has[name][local] & (day_of >= self.onset[name][local]))
                value = value + rng.normal(0, test.within, len(local))
                value = np.round(np.maximum(value, 0.1**test.digits), test.digits)
                odd = (bank[ordered] % 2 == 1) & (test.alternative is not None)
                if test.alternative is not None:
                    value = np.where(odd, np.round(value * test.alternative[1], test.digits + 3), value)
                who.append(local)
                what.append(np.full(len(local), number, np.int8))
                when.append(day_of)
                where.append(bank[ordered])
                values.append(value)
                units.append(odd)
                number += 1
        return {
            "local": np.concatenate(who),
            "biobank": np.concatenate(where),
            "test": np.concatenate(what),
            "value": np.concatenate(values),
            "alternative": np.concatenate(units),
            "on": np.concatenate(when),
        }

    # --- what follows from diseases -----------------------------------------------------------------------

    def following(
        self, source: dict[str, tuple[tuple[str, float], ...]], vocabulary: Array, *, again: float
    ) -> Table:
        """Medicines or procedures of those who have a disease, since its beginning."""
        place = {word: number for number, word in enumerate(vocabulary.tolist())}
        who, code, on = [], [], []
        for disease, codes in source.items():
            for name, share in codes:
                takers = np.flatnonzero(self.has[disease] & self.some(share))
                times = 1 + self.rng.poisson(again, len(takers))
                local = np.repeat(takers, times)
                who.append(local)
                code.append(np.full(len(local), place[name], np.int16))
                on.append(self.some_day(self.onset[disease][local], self.until))
        local = np.concatenate(who)
        return {
            "local": local,
            "biobank": self.holder(local),
            "code": np.concatenate(code),
            "on": np.concatenate(on),
        }

    def cohort_members(self) -> Table:
        fits = (
            self.smoker & (self.age > 50),
            self.has["I25"] | self.has["I50"] | self.has["I48"],
            self.age < 20,
            self.age > 65,
        )
        chosen = [np.flatnonzero(fit & self.some(0.2)) for fit in fits]
        local = np.concatenate(chosen)
        number = np.repeat(np.arange(len(chosen)), [len(members) for members in chosen])
        return {
            "local": local,
            "biobank": self.home[local].astype(np.int8),
            "cohort": number.astype(np.int8),
        }
