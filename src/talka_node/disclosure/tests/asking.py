"""Short ways to say questions and policies in tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from talka_node.disclosure import Admitted, Memory, Policy, Refused, Region, Standing, admit, default
from talka_query.nodes import (
    Age,
    Ages,
    All,
    AskerKind,
    Criterion,
    Diagnosis,
    IsSex,
    Purpose,
    Question,
    Sex,
    Use,
    Variant,
)

KEY = b"a key of thirty-two bytes, tests"
TODAY = date(2026, 3, 1)
YEAR_END = date(2025, 12, 31)
RESEARCH = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
FEMALE, MALE = IsSex(frozenset({Sex.FEMALE})), IsSex(frozenset({Sex.MALE}))
RARE = Variant("7", 117_559_590, "A", "G")
SIZED = default().with_regions(
    {
        "LV00A": Region(600_000),
        "LV00B": Region(30_000, "LV00A"),
        "LV00C": Region(4_000, "LV00B"),
        "LV00D": Region(900),
    }
)


def sick(*codes: str) -> Diagnosis:
    return Diagnosis(frozenset(codes))


def aged(low: int | None, high: int | None) -> Age:
    return Age(Ages(low, high))


def question(*such_that: Criterion, asker: str = "anna", **more: Any) -> Question:
    only = such_that[0] if len(such_that) == 1 else All(such_that)
    return Question(**{"purpose": RESEARCH, "such_that": only, "ages_at": YEAR_END, "asker": asker, **more})


def without_noise(policy: Policy) -> Policy:
    return replace(policy, cells=replace(policy.cells, noise=0.0))


def ask(
    asked: Question, memory: Memory | None = None, policy: Policy | None = None, **more: Any
) -> Admitted | Refused:
    more = {"today": TODAY, "standing": Standing.OPEN, **more}
    return admit(asked, policy or default(), memory or Memory(KEY), **more)


def admitted(
    asked: Question, memory: Memory | None = None, policy: Policy | None = None, **more: Any
) -> Admitted:
    told = ask(asked, memory, policy, **more)
    assert isinstance(told, Admitted), told
    return told


def refused(
    asked: Question, memory: Memory | None = None, policy: Policy | None = None, **more: Any
) -> Refused:
    told = ask(asked, memory, policy, **more)
    assert isinstance(told, Refused), told.moved
    return told
