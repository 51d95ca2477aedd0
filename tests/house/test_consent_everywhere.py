"""No path of the node counts a donor whose consent does not permit it: shown in the code, and by breaking the code.

Three kinds of proof. The sources are walked: who may see rows at all is a written list, engines take a `Basis`, and
nobody else makes one. All engines answer questions about people whose consents were written by hand, and the right
answers are arithmetic over those, not over what the node decided. Then the node is broken, one way at a time, and each
time those answers must come out wrong: a check that cannot fail proves nothing.
"""

from __future__ import annotations

import ast
import inspect
import tempfile
import textwrap
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import talka_node
from talka_node.columns import Columns
from talka_node.consent import Basis, Consent, Forms, State, basis, decision, examples, history
from talka_node.consent import log as logs
from talka_node.consent import state as states
from talka_node.consent.decision import By, Outcome
from talka_node.consent.history import Event, Kind
from talka_node.consent.log import Log
from talka_node.engines import Engine, Exact
from talka_node.engines.bitmap import Bitmap
from talka_node.engines.memory import Memory
from talka_node.records import Donor, Records, SpecimenRow
from talka_query.nodes import All, AskerKind, Axis, Count, Purpose, Question, Specimen, Use

pytestmark = pytest.mark.once

PACKAGE = Path(talka_node.__file__).parent


# --- the sources ------------------------------------------------------------------------------------------

# Every module that imports rows of a node (records, columns, store), and why no donor is counted there without consent.
WITHIN = "takes a Basis"
WRITES = "brings rows in or keeps them; answers nobody"
SHAPES = "knows what rows look like, or invents some; holds none of a node"
DOOR = "opens the store, and asks engines with a Basis"
EDGE = "tells the holder its own rows, and anybody else those within a Basis; counts nobody"
MAY_SEE_ROWS = {
    "beacon.documents": SHAPES,
    "beacon.synthetic": SHAPES,
    "columns": WRITES,
    "coverage": WITHIN,
    "engines": WITHIN,
    "extracts": WITHIN,
    "fhir": EDGE,
    "importers": WRITES,
    "node": DOOR,
    "store": WRITES,
    "synth": SHAPES,
    "visas.mask": SHAPES,
}
ROWS = ("talka_node.records", "talka_node.columns", "talka_node.store")


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the node but for tests: its name below talka_node, and its tree."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if "tests" not in parts:
            name = ".".join(part for part in parts if part != "__init__")
            yield name, ast.parse(path.read_text("utf-8"), str(path))


TREES = dict(modules())
OTHERS = {name: tree for name, tree in TREES.items() if name.split(".")[0] != "consent"}


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(module, name) of everything imported; ("a.b", "") for `import a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def sees_rows(tree: ast.Module) -> bool:
    names = [f"{module}.{name}." for module, name in imported(tree) if not name.endswith("Error")]
    return any(name.startswith(each + ".") for name in names for each in ROWS)


def test_who_sees_rows_is_a_written_list() -> None:
    seen = {name for name, tree in OTHERS.items() if sees_rows(tree)}
    unlisted = {each for each in seen if not any(_below(each, listed) for listed in MAY_SEE_ROWS)}
    assert unlisted == set(), (
        f"say in MAY_SEE_ROWS why no donor is counted without consent in {sorted(unlisted)}"
    )
    idle = {listed for listed in MAY_SEE_ROWS if not any(_below(each, listed) for each in seen)}
    assert idle <= missing_yet()


def missing_yet() -> set[str]:
    return {each for each in MAY_SEE_ROWS if each not in TREES}


def _below(name: str, above: str) -> bool:
    return name == above or name.startswith(above + ".")


def test_whoever_answers_within_consent_knows_the_basis() -> None:
    for listed, why in MAY_SEE_ROWS.items():
        if why in (WITHIN, DOOR) and listed in TREES:
            known = {
                name
                for module, tree in OTHERS.items()
                if _below(module, listed)
                for source, name in imported(tree)
                if source.startswith("talka_node") and name in ("Basis", "basis", "consent")
            }
            assert known, f"{listed} sees rows and does not know of consent"


@cache
def private_names() -> frozenset[str]:
    """What State, Basis and Log keep to themselves."""
    found = set()
    for kind in (State, Basis, Log):
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(kind)))):
            if isinstance(node, ast.FunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self":
                found.add(node.attr)
    return frozenset(each for each in found if each.startswith("_") and not each.startswith("__"))


# What changes a State without an event in the log; the invented data of Beacon's testMode have a state of their own.
WRITE_STATE = ("put", "plan", "plan_many", "intern")
OWN_STATE = {"beacon.synthetic"}


def _is_consents(owner: str) -> bool:
    return owner.split(".")[-1] in ("state", "basis", "log", "State", "Basis", "Log", "states", "consents")


def trespasses(tree: ast.Module, private: frozenset[str]) -> list[str]:
    """Ways around the front door of `consent`."""
    found = []
    for module, name in imported(tree):
        if module.startswith("talka_node.consent") and name.startswith("_"):
            found.append(f"imports {module}.{name}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.split(".")[-1] == "Basis":
                found.append(f"line {node.lineno}: makes a Basis")
            if called in ("object.__new__", "object.__setattr__") and "Basis" in ast.unparse(node):
                found.append(f"line {node.lineno}: makes or changes a Basis behind its back")
            owner, _, verb = called.rpartition(".")
            if verb in WRITE_STATE and _is_consents(owner):
                found.append(f"line {node.lineno}: {called} consents for somebody; only the log does")
        if isinstance(node, ast.Attribute) and node.attr in private:
            owner = ast.unparse(node.value)
            if _is_consents(owner):
                found.append(f"line {node.lineno}: {owner}.{node.attr} is private to consent")
        if isinstance(node, ast.ClassDef) and any("Basis" in ast.unparse(each) for each in node.bases):
            found.append(f"line {node.lineno}: {node.name} is derived from Basis")
    return found


def test_nobody_else_makes_a_basis_or_reaches_behind_the_state() -> None:
    private = private_names()
    assert {"_permitting", "_move", "_pairs", "_index"} <= private
    for name, tree in OTHERS.items():
        found = trespasses(tree, private)
        if name in OWN_STATE:
            found = [each for each in found if not each.endswith("only the log does")]
        assert found == [], name


@pytest.mark.parametrize(
    "line",
    [
        "Basis(token, purpose, day, state, grounds)",
        "consent.Basis(token)",
        "object.__new__(Basis)",
        "from talka_node.consent.state import _MADE_HERE",
        "basis.state._permitting(purpose, day, grounds)",
        "state._pairs = mine",
        "class Mine(consent.Basis): ...",
        "self.log.state.put(donor, biobank, standing)",
    ],
)
def test_a_way_around_is_seen(line: str) -> None:
    assert len(trespasses(ast.parse(line), private_names())) == 1


def test_whoever_opens_facts_and_consents_lets_numbers_of_one_person_be_one() -> None:
    """The store reads a number that turned out to be another's as that one; the refusals recorded of it must follow."""
    for name, tree in OTHERS.items():
        called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        if {"Store", "Log"} <= called:
            assert any(each.endswith("log.join") for each in called), (
                f"{name} opens a Store and a Log: call log.join(store.state.same) when both are open, and after every"
                " import before the new facts are read"
            )


def engine_classes() -> dict[str, ast.ClassDef]:
    """Every class below `engines` that can answer, but for the protocol itself."""
    return {
        f"{module}.{node.name}": node
        for module, tree in OTHERS.items()
        if _below(module, "engines")
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and {"answer", "attrition"} <= {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
        and node.name != "Engine"
    }


def test_engines_take_a_basis_and_nothing_else_of_consent() -> None:
    for name, node in engine_classes().items():
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and "question" in {each.arg for each in method.args.args}:
                told = [
                    (each.arg, ast.unparse(each.annotation or ast.Constant(None)))
                    for each in method.args.args
                ]
                assert ("basis", "Basis") in told, f"{name}.{method.name} takes a question without a Basis"
                assert not method.args.defaults, f"{name}.{method.name}: a Basis has no default"
    for module, tree in OTHERS.items():
        if _below(module, "engines"):
            taken = {name for source, name in imported(tree) if source.startswith("talka_node.consent")}
            assert taken <= {"Basis", "State", "Change"}, f"{module} decides about consent itself"


# --- the same people, asked about by every engine ---------------------------------------------------------

DAY1, DAY2 = date(2026, 3, 1), date(2026, 9, 1)
BANKS = ("Alpha", "Beta")
PURPOSES = {
    "research": Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC),
    "genes": Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC, genetic=True),
    "profit": Purpose(Use.BIOMEDICAL, AskerKind.COMPANY, commercial=True),
    "lungs": Purpose(Use.DISEASE, AskerKind.ACADEMIC, disease="C34.1"),
    "breasts": Purpose(Use.DISEASE, AskerKind.ACADEMIC, disease="C50"),
    "figures": Purpose(Use.STATISTICS, AskerKind.PUBLIC_BODY),
    "America": Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC, country="US"),
}
ANY = frozenset({"research", "lungs", "breasts"})  # what the first box of the broad paper permits by itself
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Fate:
    """What happens to a donor's consent at a biobank, and which purposes it permits on the two days, by hand."""

    events: tuple[Event, ...]
    first: frozenset[str]
    second: frozenset[str]


def paper(on: date = date(2025, 5, 1), *boxes: str, form: str = "invented-broad/2", **more: Any) -> Event:
    name, version = form.split("/")
    return Event("", Kind.GIVEN, on, 0, "", name, int(version), frozenset(boxes), **more)


def then(kind: Kind, on: date, **more: Any) -> Event:
    return Event("", kind, on, 0, **more)


SIGNED = date(2025, 5, 1)
BROAD = paper(SIGNED, "research")
CHILD = paper(SIGNED, "research", by=By.GUARDIAN, adult_on=date(2026, 6, 1))
LUNG = paper(SIGNED, "lung", form="invented-lung/1")
FATES = {
    "signed": Fate((BROAD,), ANY, ANY),
    "every box": Fate(
        (paper(SIGNED, "research", "statistics", "genetic", "commercial", "abroad"),),
        ANY | {"genes", "profit", "figures"},
        ANY | {"genes", "profit", "figures"},
    ),
    "genes": Fate((paper(SIGNED, "research", "genetic"),), ANY | {"genes"}, ANY | {"genes"}),
    "figures alone": Fate((paper(SIGNED, "statistics"),), frozenset({"figures"}), frozenset({"figures"})),
    "no box": Fate((paper(SIGNED, "contact"),), NOBODY, NOBODY),
    "a box that is not there": Fate((paper(SIGNED, "research", "fishing"),), NOBODY, NOBODY),
    "lungs": Fate((LUNG,), frozenset({"lungs"}), frozenset({"lungs"})),
    "lungs, reviewed": Fate((paper(SIGNED, "lung", "reviewed", form="invented-lung/1"),), NOBODY, NOBODY),
    "an unknown form": Fate((paper(SIGNED, "research", form="invented-broad/1"),), NOBODY, NOBODY),
    "withdrawn": Fate((BROAD, then(Kind.WITHDRAWN, date(2026, 1, 1), biobank="")), NOBODY, NOBODY),
    "withdrawn and signed again": Fate(
        (BROAD, then(Kind.WITHDRAWN, date(2025, 12, 1), biobank=""), paper(date(2026, 1, 2), "research")),
        ANY,
        ANY,
    ),
    "destroyed": Fate((BROAD, then(Kind.DESTROYED, date(2026, 1, 1), biobank="")), NOBODY, NOBODY),
    "runs out": Fate((paper(SIGNED, "research", until=DAY1),), ANY, NOBODY),
    "begins later": Fate((paper(SIGNED, "research", since=DAY2),), NOBODY, ANY),
    "comes of age": Fate((CHILD,), ANY, NOBODY),
    "comes of age and reconfirms": Fate(
        (replace(CHILD, adult_on=date(2025, 6, 1)), then(Kind.RECONFIRMED, date(2025, 7, 1), biobank="")),
        ANY,
        ANY,
    ),
    "of unknown age": Fate((paper(SIGNED, "research", by=By.GUARDIAN),), NOBODY, NOBODY),
    "never asked": Fate((), NOBODY, NOBODY),
}
# What happens to a person and so to all their consents: which purposes are left of those.
LIVES: dict[str, tuple[tuple[Event, ...], bool]] = {
    "nothing": ((), True),
    "opts out": ((then(Kind.OPTED_OUT, date(2026, 1, 5)),), False),
    "opts out and in again": (
        (then(Kind.OPTED_OUT, date(2026, 1, 5)), then(Kind.OPTED_IN, date(2026, 1, 7))),
        True,
    ),
    "withdraws everywhere": ((then(Kind.WITHDRAWN, date(2026, 2, 20)),), False),
    "dies": (
        (then(Kind.DIED, date(2026, 1, 9)),),
        True,
    ),  # the broad paper outlives the donor; see below for the other
}


@dataclass(frozen=True)
class Person:
    donor: int
    fates: dict[str, str]  # by biobank
    life: str

    def events(self) -> Iterator[Event]:
        for bank, fate in self.fates.items():
            for at, event in enumerate(FATES[fate].events):
                yield replace(event, id=f"{self.donor} {bank} {at}", donor=self.donor, biobank=bank)
        for at, event in enumerate(LIVES[self.life][0]):
            yield replace(event, id=f"{self.donor} {self.life} {at}", donor=self.donor)

    def permits(self, bank: str, purpose: str, second: bool) -> bool:
        fate = FATES[self.fates[bank]]
        if self.life == "dies" and "lungs" in self.fates[bank]:
            return False  # that form ends at death
        return LIVES[self.life][1] and purpose in (fate.second if second else fate.first)


def people(random: Random) -> list[Person]:
    """Every fate at every biobank, beside others drawn, and every life with some fates."""
    numbers = iter(random.sample(range(1000), 200))
    found = []
    for fate in FATES:
        for bank in BANKS:
            other = random.choice(list(FATES))
            found.append(
                Person(next(numbers), {each: fate if each == bank else other for each in BANKS}, "nothing")
            )
    for life in LIVES:
        for fate in ("signed", "every box", "lungs", "never asked"):
            other = random.choice(list(FATES))
            found.append(Person(next(numbers), {"Alpha": fate, "Beta": other}, life))
    random.shuffle(found)
    return found


ALIQUOTS = {"Alpha": 2, "Beta": 3}


def records(of: Sequence[Person]) -> Records:
    """One specimen of everybody at both biobanks, whatever they consented to."""
    return Records(
        donors=[Donor(each.donor) for each in of],
        specimens=[
            SpecimenRow(f"{each.donor} {bank}", each.donor, bank, type="Serum", aliquots=ALIQUOTS[bank])
            for each in of
            for bank in BANKS
        ],
    )


def right(of: Sequence[Person], purpose: str, count: Count, second: bool, gone: frozenset[int]) -> Exact:
    """The answer by arithmetic over what is known of these people by hand, broken down by biobank."""
    cells: Counter[str] = Counter()
    whole = 0
    for each in of:
        banks = [] if each.donor in gone else [bank for bank in BANKS if each.permits(bank, purpose, second)]
        amounts = {bank: ALIQUOTS[bank] if count is Count.ALIQUOTS else 1 for bank in banks}
        cells.update(amounts)
        whole += min(len(banks), 1) if count is Count.DONORS else sum(amounts.values())
    return Exact(whole, {(bank,): cells[bank] for bank in BANKS if cells[bank]})


Make = Callable[[Records, State], Engine]


def tables(rows: Records, state: State) -> Engine:
    """The tables engine is an extra."""
    found = pytest.importorskip("talka_node.engines.tables", exc_type=ImportError)
    engine: Engine = found.Tables(found.DuckDB.of(Columns.of(rows)))
    return engine


ENGINES: dict[str, Make] = {
    "engines.memory.Memory": lambda rows, state: Memory(rows),
    "engines.bitmap.Bitmap": lambda rows, state: Bitmap.build(Columns.of(rows), state),
    "engines.tables.Tables": tables,
}


def test_every_engine_is_tried() -> None:
    assert ENGINES.keys() == engine_classes().keys()


def differences(make: Make, seed: int = 1) -> Generator[str, None, None]:
    """Where an engine's answers are not the right ones: on the first day, after withdrawals, when the log was opened
    again, and when time has passed."""
    random = Random(seed)
    everybody = people(random)
    rows = records(everybody)
    events = [event for each in everybody for event in each.events()]
    random.shuffle(events)
    gone = frozenset(each.donor for each in random.sample(everybody, 12))

    def ask(when: str, engine: Engine, state: State, day: date, gone: frozenset[int]) -> Iterator[str]:
        for name, purpose in PURPOSES.items():
            for count in Count:
                question = Question(purpose, All(), day, count, Specimen(), (Axis.BIOBANK,))
                found = engine.answer(question, basis(state, purpose, day))
                expected = right(everybody, name, count, day == DAY2, gone)
                if found != expected:
                    yield f"{when}, {name}, {count}: {found} instead of {expected}"
            left = engine.attrition(question, basis(state, purpose, day))
            donors = right(everybody, name, Count.DONORS, day == DAY2, gone).whole
            if left != [donors]:
                yield f"{when}, {name}: attrition from {left} instead of {[donors]}"

    with tempfile.TemporaryDirectory() as folder:

        def opened() -> Log:
            clock = datetime(2026, 3, 1, 9, tzinfo=UTC)
            return Log(Path(folder) / "node", examples(), clock=lambda: clock)

        with opened() as log:
            log.record(*events)
            engine = make(rows, log.state)
            yield from ask("at first", engine, log.state, DAY1, frozenset())
            for donor in gone:
                log.record(Event(f"{donor} leaves", Kind.WITHDRAWN, DAY1, donor))
            yield from ask("after withdrawals", engine, log.state, DAY1, gone)
        with opened() as log:
            engine = make(rows, log.state)
            yield from ask("opened again", engine, log.state, DAY1, gone)
            yield from ask("half a year later", engine, log.state, DAY2, gone)


def first_difference(make: Make) -> str | None:
    found = differences(make)
    first = next(found, None)
    found.close()
    return first


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_engines_count_those_who_consent_and_nobody_else(name: str, seed: int) -> None:
    assert list(differences(ENGINES[name], seed)) == []


def test_the_people_permit_and_refuse_everything() -> None:
    """Each purpose is permitted by somebody and refused by somebody, but for America: nobody's paper goes so far."""
    everybody = people(Random(1))
    for purpose in PURPOSES:
        permitted = {each.permits(bank, purpose, False) for each in everybody for bank in BANKS}
        assert permitted == ({False} if purpose == "America" else {True, False})


# --- mutants ----------------------------------------------------------------------------------------------

Break = Callable[[pytest.MonkeyPatch], None]
MUTANTS: dict[str, Break] = {}


def mutant(break_: Break) -> Break:
    MUTANTS[break_.__name__.replace("_", " ")] = break_
    return break_


@mutant
def everything_is_permitted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(states, "decide", lambda *_: decision.Decision(Outcome.PERMIT, ()))


@mutant
def what_a_person_must_decide_is_permitted(patch: pytest.MonkeyPatch) -> None:
    def lenient(*about: Any) -> decision.Decision:
        found = decision.decide(*about)
        return replace(found, outcome=Outcome.PERMIT) if found.outcome is Outcome.HUMAN else found

    patch.setattr(states, "decide", lenient)


@mutant
def modifiers_do_not_matter(patch: pytest.MonkeyPatch) -> None:
    for code in decision.MODIFIERS:
        patch.setitem(decision.MODIFIERS, code, decision._pass)


@mutant
def any_disease_will_do(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decision, "_disease", lambda *_: Outcome.PERMIT)


@mutant
def unread_terms_are_passed_over(patch: pytest.MonkeyPatch) -> None:
    terms = Forms.get

    def readable(self: Any, form: str, version: int) -> Any:
        found = terms(self, form, version)
        return found and _Readable(found)

    class _Readable:
        def __init__(self, form: Any) -> None:
            self.form = form

        def __getattr__(self, name: str) -> Any:
            return getattr(self.form, name)

        def terms(self, options: Any) -> Any:
            return frozenset(each for each in self.form.terms(options) if each.understood)

    patch.setattr(Forms, "get", readable)


@mutant
def doubts_do_not_matter(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        history, "Consent", lambda form, version, options, by, doubts: Consent(form, version, options, by)
    )


@mutant
def the_biobank_is_ignored(patch: pytest.MonkeyPatch) -> None:
    def anywhere(self: State, pair: tuple[int, str]) -> int:
        return max(_own(self, (pair[0], bank)) for bank in self.biobanks)

    def all_of_them(self: State, donors: Any, biobanks: Any) -> Any:
        return np.array([anywhere(self, (donor, "")) for donor in donors.tolist()], np.uint16)

    def everywhere(self: State) -> Any:
        donors = np.unique(_arrays(self)[0] >> 16)
        keys = ((donors[:, None] << 16) | np.arange(len(self.biobanks))).ravel()
        return keys, all_of_them(self, keys >> 16, keys)

    _own, _arrays = State.__getitem__, State.arrays
    patch.setattr(State, "__getitem__", anywhere)
    patch.setattr(State, "classes_of", all_of_them)
    patch.setattr(State, "arrays", everywhere)


@mutant
def withdrawals_are_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(history, "_reach", lambda *_: date.min)


@mutant
def withdrawals_only_end_what_comes_later(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(history, "_works", lambda refusal: max(DAY2, refusal.event.on))


@mutant
def opting_out_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(history, "_opted_out", lambda *_: False)


@mutant
def opting_out_once_is_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        history, "_opted_out", lambda events, *_: any(each.event.kind is Kind.OPTED_OUT for each in events)
    )


@mutant
def nothing_runs_out(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(history, "_ends", lambda *_: date.max)


@mutant
def consents_begin_when_signed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(history, "_begins", lambda event: event.on)


@mutant
def time_stands_still(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(State, "advance", lambda *_: None)


@mutant
def no_consent_is_consent(patch: pytest.MonkeyPatch) -> None:
    permitting = State._permitting

    def generous(self: State, *about: Any) -> Any:
        classes, mask = permitting(self, *about)
        wide = mask.copy()
        wide[0] = True
        return classes | {0}, wide

    patch.setattr(State, "_permitting", generous)


@mutant
def the_state_is_not_told_of_what_was_recorded(patch: pytest.MonkeyPatch) -> None:
    plan = Log._replan
    seen: list[int] = []

    def once(self: Log, *about: Any) -> None:
        if not seen:
            plan(self, *about)
            seen.extend(self.state.pairs().__next__()[:1] if len(self.state) else ())

    patch.setattr(Log, "_replan", once)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("broken", MUTANTS)
def test_a_broken_consent_is_noticed(name: str, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[broken](monkeypatch)
    assert first_difference(ENGINES[name]) is not None


def test_an_index_that_is_not_told_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(State, "on_change", lambda *_: None)
    assert first_difference(ENGINES["engines.bitmap.Bitmap"]) is not None


def test_a_judge_that_forgets_the_basis_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memory, "_world", lambda self, _: list(self._cases.values()))
    assert first_difference(ENGINES["engines.memory.Memory"]) is not None


def test_a_restored_backup_that_revives_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The tombstones' own proof is in talka_node/consent/tests/test_log.py; without them it is none."""
    tests = import_module("talka_node.consent.tests.test_log")
    monkeypatch.setattr(logs.Log, "_unearth", lambda *_: None)
    with pytest.raises(AssertionError):
        tests.test_a_withdrawal_beats_a_restored_backup(tmp_path)
