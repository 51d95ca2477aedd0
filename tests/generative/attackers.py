"""A small invented world, and somebody who knows everything about everybody in it but one secret.

The attacker knows each donor's sex, birth, region, day of collection, one diagnosis, one private variant, the node's
policy and how it tells numbers. The secret is hypertension (I10). What he concludes is sound: he keeps for each answer
the least and the largest number of donors that could have led to it, and is certain only where that leaves no choice.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from talka_node.consent import Form, Forms, State, basis
from talka_node.consent import Standing as Consented
from talka_node.consent.forms import Term
from talka_node.disclosure import (
    Admitted,
    Memory,
    Policy,
    Refused,
    Region,
    Released,
    admit,
    default,
    release,
    release_steps,
)
from talka_node.engines import Exact
from talka_node.engines.memory import Memory as Engine
from talka_node.engines.memory import holds
from talka_node.records import DiagnosisRow, Donor, GenotypeRow, Records, SpecimenRow, VariantRow
from talka_query.nodes import (
    All,
    Any,
    AskerKind,
    Axis,
    Born,
    Criterion,
    Diagnosis,
    IsSex,
    LivesIn,
    Purpose,
    Question,
    Sex,
    Specimen,
    Use,
    Variant,
    Window,
)

KEY = b"the key of an invented data node"
TODAY, YEAR_END = date(2026, 3, 1), date(2025, 12, 31)
PURPOSE = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
SECRET = Diagnosis(frozenset({"I10"}))
PEOPLE, SHARE = 300, 0.4  # donors, and how many of them have the secret
REGIONS = {"LV00A": Region(600_000), "LV00B": Region(30_000)}
UNLIMITED = 10**9


# --- the world --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """What the attacker knows of a donor."""

    donor: int
    sex: Sex
    born: date
    region: str
    collected: date
    injury: str
    variant: Variant

    @property
    def day(self) -> Criterion:
        return Born(Window(self.born, self.born))

    @property
    def profile(self) -> tuple[Criterion, ...]:
        """As near as the grid allows."""
        year = Window(date(self.born.year, 1, 1), date(self.born.year, 12, 31))
        return IsSex(frozenset({self.sex})), Born(year), LivesIn(frozenset({self.region}))


class World:
    """Invented donors, all at one biobank, all consenting; a tenth of them attackers' confederates."""

    def __init__(self, seed: int = 2026) -> None:
        draw = random.Random(seed)
        # Every donor has an injury of his own.
        injuries = [f"{letter}{n:02d}.{m}" for letter in "STV" for n in range(100) for m in range(10)]
        draw.shuffle(injuries)
        self.known: list[Known] = []
        self.secret: dict[int, bool] = {}
        records = Records()
        for donor in range(PEOPLE):
            one = Known(
                donor,
                draw.choice([Sex.FEMALE, Sex.MALE]),
                date(1940, 1, 1) + timedelta(draw.randrange(60 * 365)),
                draw.choice(["LV00A", "LV00A", "LV00B"]),
                date(2012, 1, 1) + timedelta(draw.randrange(10 * 365)),
                injuries[donor],
                Variant("7", 1_000 * (donor + 1) + 17, "A", "G"),
            )
            self.known.append(one)
            self.secret[donor] = draw.random() < SHARE
            site = one.variant
            records.donors.append(Donor(donor, one.sex, one.born, None, one.region))
            records.specimens.append(
                SpecimenRow(f"s{donor}", donor, "B", type="Serum", collected=one.collected)
            )
            records.diagnoses.append(DiagnosisRow(donor, one.injury, date(2020, 5, 5)))
            if self.secret[donor]:
                records.diagnoses.append(DiagnosisRow(donor, "I10", date(2020, 6, 6)))
            records.variants.append(
                VariantRow(donor, site.chromosome, site.position, site.reference, site.alternate, "GENE")
            )
            records.genotypes.append(GenotypeRow(donor, donor, 1))
        self.records = records
        self.engine = Engine(records)
        self.state = State(Forms([Form("anything", 1, always=frozenset({Term("NRES")}))]))
        self.state.plan_many(
            (donor, "B", ((date(1, 1, 1), Consented.of("anything", 1)),)) for donor in range(PEOPLE)
        )
        self.targets = [one for one in self.known if one.donor % 5][:40]
        self.confederates = [one for one in self.known if not one.donor % 5]
        self._members: dict[Criterion, frozenset[int]] = {}
        self._answers: dict[tuple[Question, int], Exact] = {}

    def answer(self, question: Question) -> Exact:
        """The engine's; it is asked anew when a consent has changed."""
        asked = replace(question, asker=""), self.state.version
        if asked not in self._answers:
            self._answers[asked] = self.engine.answer(question, basis(self.state, PURPOSE, TODAY))
        return self._answers[asked]

    def members(self, such_that: Criterion) -> frozenset[int]:
        """Whom a question without the secret is about, as the attacker works out from what he knows."""
        match such_that:
            case All(of):
                everyone = frozenset(one.donor for one in self.known)
                return everyone.intersection(*map(self.members, of))
            case Any(of):
                return frozenset[int]().union(*map(self.members, of))
        if such_that not in self._members:
            cases = self.engine._cases.items()
            self._members[such_that] = frozenset(
                donor for donor, case in cases if holds(such_that, case, YEAR_END)
            )
        return self._members[such_that]

    def consent(self, donor: int, *, holds: bool) -> None:
        self.state.put(donor, "B", Consented.of("anything", 1) if holds else None)


# --- policies with rules switched off ---------------------------------------------------------------------


def policy_without(*rules: str) -> Policy:
    """The default policy without some of its rules."""
    policy = replace(default(), regions=REGIONS)
    for rule in rules:
        match rule:
            case "grid":
                policy = replace(policy, grid=replace(policy.grid, outside="off"))
            case "minimum":
                cells, variants = replace(policy.cells, open=1), replace(policy.variants, carriers=1)
                policy = replace(policy, cells=cells, variants=variants)
            case "noise":
                policy = replace(policy, cells=replace(policy.cells, noise=0.0))
            case "complement":
                policy = replace(policy, cells=replace(policy.cells, complement=False))
            case "between":
                policy = replace(policy, cells=replace(policy.cells, between=0))
            case "overlap":
                none = replace(policy.overlap, people=0, months=0, values=0.0, days=0, bases=0)
                policy = replace(policy, overlap=none)
            case "budget":
                much = replace(policy.budget, open=UNLIMITED, alike_open=UNLIMITED)
                policy = replace(policy, budget=much, variants=replace(policy.variants, day=UNLIMITED))
            case "variants":
                free = replace(policy.variants, joint="off", carriers=policy.cells.open, day=UNLIMITED)
                policy = replace(policy, variants=free)
            case _:
                raise ValueError(f"there is no rule {rule!r}")
    return policy


# --- asking and concluding --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bounds:
    """From an answer: the least and the largest number of donors that have the secret among `members`."""

    low: int
    high: int
    members: frozenset[int]


class Asker:
    """The attacker at the door of the node, with one account; he may wait for the next day or month."""

    def __init__(self, world: World, policy: Policy, name: str = "Cilda", secret: bool = True) -> None:
        self.world, self.policy, self.name, self.today = world, policy, name, TODAY
        self.memory = Memory(KEY)
        self.secret = secret
        self.refused = self.asked = 0

    def question(self, *such_that: Criterion, by: tuple[Axis, ...] = ()) -> Question:
        wanted = (SECRET, *such_that) if self.secret else such_that
        return Question(PURPOSE, All(wanted), YEAR_END, by=by, asker=self.name)

    def admit(self, question: Question, steps: bool = False) -> Admitted | None:
        self.asked += 1
        told = admit(question, self.policy, self.memory, today=self.today, steps=steps)
        if isinstance(told, Refused):
            self.refused += 1
            return None
        return told

    def number(self, *such_that: Criterion) -> int | None:
        """The number told; None if none, or refused."""
        told = self.table(*such_that, by=())
        return None if told is None else told.total

    def ask(self, *such_that: Criterion) -> Bounds | None:
        """What follows from the answer to a question; None if it was refused."""
        told = self.admit(self.question(*such_that))
        if told is None:
            return None
        total = release(told, self.world.answer(told.question), self.policy, KEY).total
        wanted = told.question.such_that
        assert isinstance(wanted, All)
        members = self.world.members(All(wanted.of[1:] if self.secret else wanted.of))
        return Bounds(*self.bounds(total, self.least(wanted)), members)

    def table(self, *such_that: Criterion, by: tuple[Axis, ...]) -> Released | None:
        """The whole answer; None if it was refused."""
        told = self.admit(self.question(*such_that, by=by))
        return None if told is None else release(told, self.world.answer(told.question), self.policy, KEY)

    def steps(self, *such_that: Criterion) -> list[Bounds | None]:
        """What follows from an attrition; None for steps that were not told."""
        told = self.admit(self.question(*such_that), steps=True)
        if told is None:
            return []
        exact = self.world.engine.attrition(told.question, basis(self.world.state, PURPOSE, TODAY))
        counts = release_steps(told, exact, self.policy, KEY)
        found: list[Bounds | None] = []
        for step, count in zip(told.steps, counts, strict=True):
            assert isinstance(step.such_that, All)
            members = self.world.members(All(step.such_that.of[1:]))
            found.append(None if count is None else Bounds(*self.bounds(count, 1), members))
        return found

    def least(self, such_that: Criterion) -> int:
        variants = "Variant" in repr(such_that)
        return max(self.policy.cells.open, self.policy.variants.carriers if variants else 0)

    def bounds(self, total: int | None, least: int) -> tuple[int, int]:
        """How many donors can have led to a told number: what it says less noise and rounding."""
        cells = self.policy.cells
        cut = cells.cut if cells.noise else 0
        if total is None:
            return 0, least - 1 + cut
        far = cells.rounding // 2 + cut
        return max(least, total - far), total + far


@dataclass
class Tally:
    """How an attack went: of `of` targets, `certain` were concluded about (so many of them `wrong`)."""

    of: int = 0
    certain: int = 0
    wrong: int = 0

    def conclude(self, world: World, donors: Iterable[int], holds: bool) -> None:
        for donor in donors:
            self.certain += 1
            self.wrong += world.secret[donor] != holds


def conclude(tally: Tally, world: World, bounds: Bounds, known: dict[int, bool]) -> bool:
    """From one answer: everybody not `known` has the secret, or nobody has, if nothing else is possible."""
    open_ones = bounds.members - known.keys()
    held = sum(known[donor] for donor in bounds.members & known.keys())
    return _forced(tally, world, open_ones, bounds.low - held, bounds.high - held)


def difference(tally: Tally, world: World, larger: Bounds | None, smaller: Bounds | None) -> bool:
    """From two answers, where the one set holds the other: about those by whom they differ."""
    if larger is None or smaller is None or not smaller.members < larger.members:
        return False
    group = larger.members - smaller.members
    return _forced(tally, world, group, larger.low - smaller.high, larger.high - smaller.low)


def _forced(tally: Tally, world: World, donors: frozenset[int], low: int, high: int) -> bool:
    if not donors or (low < len(donors) and high > 0):
        return False
    tally.conclude(world, donors, holds=low >= len(donors))
    return True


def of_day(one: Known) -> Criterion:
    return Specimen(collected=Window(one.collected, one.collected))
