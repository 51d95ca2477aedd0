"""The judge and its stores: whatever rule of the language an engine gets wrong, `stores.agree` notices.

The engines are held against the judge; here the judge is held against itself with one rule broken at a time. A rule
whose breaking nothing notices is a rule that the stores do not test.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from talka_node.consent import basis
from talka_node.engines import memory
from talka_node.engines.memory import Memory
from tests.generative import stores

pytestmark = pytest.mark.once

SOURCE = Path(memory.__file__).read_text("utf-8")

# What is broken, and how: a piece of the judge's text, and what stands there instead.
BROKEN = {
    "consent is asked of a donor, not of a donor at a biobank": (
        "if basis.permits(row.donor, row.biobank)",
        "if True",
    ),
    "donors without consent are counted": ("for donor in basis.donors()", "for donor in sorted(self._cases)"),
    "a window leaves out its first day": ("window.since <= on)", "window.since < on)"),
    "a window leaves out its last day": ("on <= window.until)", "on < window.until)"),
    "a record without a date is in every window": (
        "on is not None\n        and (window.since is None or window.since <= on)",
        "on is None or (window.since is None or window.since <= on)",
    ),
    "a record without a date is in no window, not even an open one": (
        "if window.since is None and window.until is None:\n        return True",
        "if on is None:\n        return False",
    ),
    "a range leaves out its low end": ("low is None or low <= value)", "low is None or low < value)"),
    "a range leaves out its high end": ("high is None or value <= high)", "high is None or value < high)"),
    "a missing value is in every range": (
        "value is not None and (low is None",
        "value is None or (low is None",
    ),
    "a missing value is in no range, not even an open one": (
        "if low is None and high is None:\n        return True",
        "if value is None:\n        return False",
    ),
    "the dead grow older": ("donor.died is not None and donor.died < ages_at", "False"),
    "who dies that day still lives": ("donor.died > ages_at", "donor.died >= ages_at"),
    "who has not died is not known to live": (
        "donor.died is None or donor.died > ages_at",
        "donor.died is not None and donor.died > ages_at",
    ),
    "nobody dies": ("donor.died is None or donor.died > ages_at", "True"),
    "codes are taken exactly": ("icd10.matches(row.code, wanted, pattern.descendants)", "row.code == wanted"),
    "codes are never taken exactly": (
        "icd10.matches(row.code, wanted, pattern.descendants)",
        "icd10.matches(row.code, wanted, True)",
    ),
    "medicines are never taken exactly": (
        "atc.matches(row.code, wanted, pattern.descendants)",
        "row.code.startswith(wanted)",
    ),
    "a missing type is any type": ("not wanted or value in wanted", "not wanted or value is None or value in wanted"),
    "a specimen must have more aliquots": ("row.aliquots >= pattern.aliquots", "row.aliquots > pattern.aliquots"),
    "two copies are one": ("enough = copies == 1", "enough = copies >= 1"),
    "one copy is two": ("enough = copies == 2", "enough = copies >= 1"),
    "an alternate is as good as another": (
        "variant.reference, variant.alternate,",
        "variant.reference, wanted.alternate,",
    ),
    "every anchor is the first": ("if criterion.first:", "if True:"),
    "the first anchor is any": ("if criterion.first:", "if False:"),
    "the last anchor is the first": ("anchors = anchors[:1]", "anchors = anchors[-1:]"),
    "before is after": ("(event - anchor).days", "(anchor - event).days"),
    "donors are counted once a specimen": (
        "for cell in {cell for row in rows for cell in _places(question, case, row)}:\n            added[cell] = 1",
        "for cell in (cell for row in rows for cell in _places(question, case, row)):\n            added[cell] += 1",
    ),
    "samples are aliquots": ("row.aliquots if count is Count.ALIQUOTS else 1", "row.aliquots"),
    "aliquots are samples": ("row.aliquots if count is Count.ALIQUOTS else 1", "1"),
    "all specimens are samples": ("if _specimen(question.samples, row, case.donor)]", "]"),
    "a type may be of another specimen of the donor": (
        "return [row for row in case.specimens if _specimen(pattern, row, case.donor)]",
        """return [row for row in case.specimens if any(_among(other.type, pattern.types) for other in case.specimens)
                and _specimen(replace(pattern, types=frozenset()), row, case.donor)]""",
    ),
    "a cell is put together from several specimens": (
        "for cell in {cell for row in rows for cell in _places(question, case, row)}:",
        """for cell in set(product(
            *({cell[n] for row in rows for cell in _places(question, case, row)} for n in range(len(question.by)))
        )):""",
    ),
    "`samples` restricts the donors": (
        "if question.count is Count.DONORS:\n        return 1",
        "if question.count is Count.DONORS:\n        return int(bool(_samples(question, case)))",
    ),
    "ages in a breakdown are of the living": (
        "return {band(_age(donor, question.ages_at))}",
        "return {band(complete_years(donor.born, question.ages_at))}",
    ),
    "a code in no chapter is left out": (
        "{icd10.chapter_of(diagnosis.code) or MISSING for diagnosis in case.diagnoses}",
        "{c for diagnosis in case.diagnoses if (c := icd10.chapter_of(diagnosis.code))}",
    ),
    "a missing collection is left out": ("return {row.collection or MISSING}", "return {row.collection} - {None}"),
    "empty cells are told": ("if n}", "}"),
    "a member of `All` is forgotten": (
        "all(holds(part, case, ages_at) for part in of)",
        "all(holds(part, case, ages_at) for part in of[:2])",
    ),
    "`Any` of nothing holds": (
        "return any(holds(part, case, ages_at) for part in of)",
        "return not of or any(holds(part, case, ages_at) for part in of)",
    ),
    "attrition starts anew": ("left = [case for case in left if", "left = [case for case in self._world(basis) if"),
    "who has no row of their own is counted": (
        "cases = {row.donor: Case(row) for row in records.donors}",
        "cases = {r.donor: Case(r) for r in [*(Donor(s.donor) for s in records.specimens), *records.donors]}",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def scenes() -> list[stores.Scene]:
    return [stores.draw_scene(Random(seed)) for seed in range(400)]


def test_the_questions_are_about_something(scenes: list[stores.Scene]) -> None:
    """Questions that hold of everybody or nobody tell little: over a quarter tells more, and many have cells."""
    asked = parted = several = 0
    for scene in scenes:
        state, judge = scene.state(), Memory(scene.records)
        for question in scene.questions:
            given_today = basis(state, question.purpose, stores.TODAY)
            steps = judge.attrition(question, given_today)
            asked += 1
            parted += 0 < steps[-1] < steps[0]
            several += len(judge.answer(question, given_today).cells) > 1
    assert parted > asked / 4
    assert several > asked / 8


def test_the_judge_agrees_with_itself() -> None:
    stores.agree(lambda records, _state: Memory(records))


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_noticed(
    rule: str, scenes: list[stores.Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant = broken(*BROKEN[rule], monkeypatch)
    assert any(stores.difference(lambda records, _state: mutant.Memory(records), scene) for scene in scenes)


def broken(before: str, after: str, monkeypatch: pytest.MonkeyPatch, source: str = SOURCE) -> Any:
    """A module of the source with one piece of it replaced."""
    assert source.count(before) == 1, before
    module = ModuleType("broken")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # where dataclasses look their module up
    exec(compile(source.replace(before, after), "broken.py", "exec"), module.__dict__)
    return module


def test_a_disagreement_is_told_by_a_small_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = broken(*BROKEN["a window leaves out its last day"], monkeypatch)
    with pytest.raises(AssertionError, match="instead of") as told:
        stores.agree(lambda records, _state: mutant.Memory(records), scenes=400)
    # One donor with one consent, and at most one record at the end of a window.
    text = str(told.value)
    assert text.count("Donor(") == text.count("Consenting(") == 1
    assert text.count("Row(") <= 2
