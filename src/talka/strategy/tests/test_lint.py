"""Lint rules: each with a wrong and a right example, and the real strategy against the answer key."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.utils import timezone
from django.utils.translation import override

from talka.core import lint
from talka.core.actions import HUB, SYSTEM
from talka.core.models import Change
from talka.core.sheets import SHEETS, Raw
from talka.core.testing import acting
from talka.strategy import actions
from talka.strategy.models import Strategy, Target
from talka.strategy.tests import factories as draw

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[4]
OWN = {
    "S02",
    "S03",
    "S04",
    "S05",
    "S06",
    "S08",
    "S09",
    "S10",
    "S12",
    "S13",
    "S14",
    "S15",
    "S16",
    "S17",
    "S18",
    "S19",
    "S20",
}


def findings(strategy: Strategy) -> list[tuple[str, Any]]:
    """Code and subject of what this room's rules find, read afresh."""
    fresh = Strategy.objects.select_related("ecosystem__domain").get(pk=strategy.pk)
    return [(found.code, found.place) for found in lint.run("strategy.strategy", fresh) if found.code in OWN]


def test_the_rules_of_this_room() -> None:
    assert {
        rule.code
        for rule in lint.rules_over("strategy.strategy")
        if "talka.strategy" in rule.check.__module__
    } == OWN


def test_a_sound_strategy_has_no_findings() -> None:
    strategy = draw.in_force(draw.small(draw.ecosystem(), targets=2))
    for target in strategy.target_set.all():
        draw.value(target, 2025, 4)
    assert findings(strategy) == []


LONG_AGO = timezone.localdate() - timedelta(days=400)
LATER = timezone.localdate() + timedelta(days=400)
OPEN: dict[str, Any] = {"kind_of": "unspecified", "goal": None, "baseline": None, "baseline_period": ""}

# code, what is wrong with the target, how many findings
WRONG_TARGETS: list[tuple[str, dict[str, Any], int]] = [
    ("S02", OPEN, 1),
    ("S02", {**OPEN, "specify_by": LATER}, 1),
    ("S02", {**OPEN, "specify_owner": True}, 1),
    ("S02", {**OPEN, "specify_owner": True, "specify_by": LONG_AGO}, 1),
    ("S02", {**OPEN, "specify_owner": True, "specify_by": LATER}, 0),
    ("S04", {"goal": None}, 1),
    ("S04", {"kind_of": "milestone", "goal": None}, 0),
    ("S05", {"baseline": None}, 1),
    ("S05", {"baseline_period": ""}, 1),
    ("S05", {"baseline": None, "baseline_period": ""}, 1),
    ("S05", {"goal": None, "baseline": None}, 0),
    ("S05", {"kind_of": "milestone", "goal": None, "baseline": None}, 0),
    ("S06", {"title_lv": "Stabils un pietiekams finansējums"}, 1),
    ("S06", {"title_lv": "Izcilība medicīnā u.c."}, 1),
    ("S06", {"title_lv": "Finansējums 5 milj. EUR gadā līdz 2027. gadam"}, 0),
    ("S06", {"title_lv": "Saņēmušas vērtējumu 4 vai 5"}, 0),
    ("S06", {**OPEN, "title_lv": "Stabils finansējums", "specify_owner": True, "specify_by": LATER}, 0),
    ("S09", {"unit_lv": "mljrd."}, 1),
    ("S09", {"unit_lv": ""}, 1),
    ("S09", {"unit_lv": "mljrd. EUR"}, 0),
    ("S09", {"unit_lv": "miljoni cilvēku"}, 0),
    ("S14", {"due": ""}, 1),
    ("S15", {"due": "2022"}, 1),
    ("S15", {"due": "2023-Q1"}, 0),
    ("S18", {"due": "2023"}, 1),
    ("S18", {"due": "2027"}, 0),
    ("S20", {"goal": Decimal(0)}, 1),
    ("S20", {"baseline": Decimal(8), "goal": Decimal(10), "desired": "decrease"}, 1),
    ("S20", {"baseline": Decimal(8), "goal": Decimal(2), "desired": "decrease"}, 0),
    ("S20", {"baseline": Decimal(8), "goal": Decimal(8), "desired": "keep"}, 0),
    ("S17", {"title_en": ""}, 1),
]


@pytest.mark.parametrize(("code", "values", "count"), WRONG_TARGETS)
def test_wrong_and_right_targets(code: str, values: dict[str, Any], count: int) -> None:
    strategy = draw.small(draw.ecosystem(), targets=0)
    if values.get("specify_owner"):
        values = {**values, "specify_owner": draw.organisation("ministry")}
    draw.target(strategy, "t", strategy.priority_set.get(), **values)
    assert [found for found, _place in findings(strategy)].count(code) == count


def test_a_target_past_its_deadline_is_found_once_it_is_in_force() -> None:
    strategy = draw.small(draw.ecosystem(), targets=0)
    late = draw.target(strategy, "late", strategy.priority_set.get(), due="2024")
    draw.target(strategy, "later", strategy.priority_set.get(), due=str(LATER.year))
    assert "S03" not in [code for code, _place in findings(strategy)]
    draw.in_force(strategy)
    assert [code for code, _place in findings(strategy)].count("S03") == 1
    draw.value(late, 2024, 10)
    assert "S03" not in [code for code, _place in findings(strategy)]


def test_a_number_is_read_once_a_value_is_accepted() -> None:
    strategy = draw.in_force(draw.small(draw.ecosystem()))
    target = strategy.target_set.get()
    assert [code for code, _place in findings(strategy)] == ["S13"]
    actions.read_by(target, by=SYSTEM, indicator="nowhere.counted")
    assert [code for code, _place in findings(strategy)] == ["S13"]
    draw.value(Target.objects.get(), 2024, 3)
    assert findings(strategy) == []


def test_a_number_that_a_room_counts_is_read() -> None:
    strategy = draw.small(draw.ecosystem())
    actions.read_by(strategy.target_set.get(), by=SYSTEM, indicator="strategy.targets_specified")
    assert [code for code, _place in findings(strategy)] == []


STRUCTURE: list[tuple[str, str, Callable[[Strategy], Any]]] = [
    ("S08", "Direction ditch", lambda s: draw.direction(s, "ditch")),
    ("S10", "Priority gate", lambda s: draw.priority(s.direction_set.get(), "gate")),
    ("S12", "Obstacle wind", lambda s: draw.obstacle(s, "wind")),
    ("S16", "Version 1", lambda s: actions.edit_version(s, by=SYSTEM, mission_lv="")),
    ("S17", "Version 1", lambda s: actions.edit_version(s, by=SYSTEM, mission_en="")),
    ("S17", "Lever flowers", lambda s: actions.edit_lever(s.lever_set.get(), by=SYSTEM, title_en="")),
    ("S19", "Obstacle again", lambda s: draw.obstacle(s, "again", title_lv="šķērslis  bears")),
]


@pytest.mark.parametrize(("code", "place", "spoil"), STRUCTURE)
def test_what_is_wrong_with_the_structure(code: str, place: str, spoil: Callable[[Strategy], Any]) -> None:
    strategy = draw.in_force(draw.small(draw.ecosystem()))
    draw.value(strategy.target_set.get(), 2025, 4)
    with acting():
        strategy.state = "draft"  # a sound version, opened for the spoiling
        strategy.save()
    with override("en"):
        assert findings(strategy) == []
        spoil(strategy)
        assert (code, place) in findings(strategy)


def test_open_targets_share_their_title() -> None:
    strategy = draw.small(draw.ecosystem(), targets=0)
    for code in ("a", "b"):
        draw.target(strategy, code, strategy.priority_set.get(), **{**OPEN, "title_lv": "tiek precizēts"})
    assert [found for found, _place in findings(strategy)].count("S19") == 0


def test_findings_speak_both_languages_and_lead_to_the_row() -> None:
    strategy = draw.small(draw.ecosystem(), targets=0)
    target = draw.target(strategy, "t", strategy.priority_set.get(), **OPEN)
    said = {}
    for language in ("lv", "en"):
        with override(language):
            found = next(lint.run("strategy.strategy", Strategy.objects.get()))
            said[language] = found
            assert found.url == target.get_absolute_url()
    assert said["en"].place == "Priority posts, target t"
    assert said["lv"].place == "Prioritāte posts, mērķis t"


# ---------------------------------------------------------------- the real strategy


def seeded() -> Strategy:
    """The real strategy from its data files, and no more of the house than it points to."""
    from talka.core.sheets import Sheet  # noqa: PLC0415 -- only for its type

    parents: dict[str, Any] = {"hub": HUB}
    wanted = {"domains.", "strategy.", "parties.organisations", "network.niches"}
    for path in sorted((ROOT / "src" / "talka" / "seed" / "biomedicine").glob("*.yaml")):
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        if not content["sheet"].startswith(tuple(wanted)):
            continue
        sheet: Sheet = SHEETS[content["sheet"]]
        raws = [Raw(f"{path.name}, {number}", row) for number, row in enumerate(content["rows"], 1)]
        preview = sheet.preview(parents[sheet.over], raws)
        assert preview.problems == []
        sheet.apply(preview, by=SYSTEM)
        parents[sheet.model.kind()] = list(sheet.rows(parents[sheet.over]))[-1]
        again = sheet.preview(parents[sheet.over], raws)
        assert [item.name for item in again.changes] == [], "loading again changes nothing"
    return Strategy.objects.get()


def answer_key() -> set[tuple[str, str]]:
    """Code and place of every finding over the strategy that docs/answer-key.md demands of this room."""
    text = (ROOT / "docs" / "answer-key.md").read_text(encoding="utf-8")
    table = text.split("### Strategy")[1].split("###")[0]
    rows = re.findall(r"^\| (S\d+) \| ([EWI]) \| ([^|]+) \|", table, flags=re.MULTILINE)
    return {
        (code, place.strip())
        for code, _severity, places in rows
        for place in places.split(",")
        if code in OWN
    }


def test_the_real_strategy_has_the_defects_that_were_read_by_hand_and_no_others() -> None:
    strategy = seeded()
    actions.adopt(strategy, by=SYSTEM)
    fresh = Strategy.objects.select_related("ecosystem__domain").get()
    codes = {(row.kind(), row.pk): row.code for row in (*fresh.target_set.all(), *fresh.obstacle_set.all())}
    found = [
        (each.code, codes.get((each.kind, each.subject_id), each.place))
        for each in lint.run("strategy.strategy", fresh)
        if each.code in OWN
    ]
    assert sorted(found) == sorted(answer_key())
    assert len(found) > 25


def test_severities_are_those_of_the_answer_key() -> None:
    text = (ROOT / "docs" / "answer-key.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (S\d+) \| ([EWI]) \|", text, flags=re.MULTILINE)
    word = {"E": "error", "W": "warning", "I": "info"}
    demanded = {code: word[letter] for code, letter in rows if code in OWN}
    assert {code: lint.RULES[code].severity for code in demanded} == demanded


def test_the_real_strategy_goes_through_the_sheets_and_is_the_same_after_a_copy() -> None:
    strategy = seeded()
    assert (strategy.target_set.count(), strategy.priority_set.count(), strategy.obstacle_set.count()) == (
        19,
        8,
        6,
    )
    assert Change.objects.filter(subject_kind="strategy.target", kind="created").count() == 19
    copy = actions.draft_from(strategy, by=SYSTEM)
    for code in ("obstacles", "directions", "priorities", "targets", "levers"):
        sheet = SHEETS[f"strategy.{code}"]
        assert sheet.grid(copy) == sheet.grid(strategy)
