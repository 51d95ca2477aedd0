"""Reads: readings beside what core says, the tree, shares that conserve totals, versions compared."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from talka.core import indicators
from talka.core.actions import SYSTEM
from talka.core.indicators import INDICATORS, Reading
from talka.core.models import Reading as ClosedReading
from talka.core.values import Period
from talka.domains.models import Share
from talka.strategy import actions, queries
from talka.strategy.models import Strategy, Target
from talka.strategy.queries import Point
from talka.strategy.tests import factories as draw

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------- versions


def test_versions_are_chosen_by_number_else_the_one_in_force_else_the_newest() -> None:
    eco = draw.ecosystem()
    who = draw.people(eco)
    assert queries.choose([], None) is None
    one, two = draw.version(eco), draw.version(eco)
    known = queries.versions(eco, who.anna)
    assert queries.choose(known, None) == two
    draw.in_force(one)
    known = queries.versions(eco, who.anna)
    assert (queries.choose(known, None), queries.choose(known, "2")) == (one, two)
    assert queries.versions(eco) == queries.versions(eco, who.cilda) == [one]
    for number in ("3", "two", "-1"):
        with pytest.raises(Http404):
            queries.choose(known, number)


# ---------------------------------------------------------------- readings


def test_readings_in_one_question_say_what_core_says_one_by_one() -> None:
    eco = draw.ecosystem()
    strategy = draw.small(eco, targets=3)
    draw.in_force(strategy)
    one, two, _three = strategy.target_set.all()
    draw.value(one, 2023, 4)
    draw.value(one, 2024, 6)
    last = draw.value(one, 2025, 9)
    actions.unlock_value(last, by=SYSTEM, comment="kļūda")
    draw.value(one, 2025, 7)
    draw.value(two, 2023, 0)
    series = [target.series for target in strategy.target_set.all()]
    for period in (None, Period.year(2023), Period.year(2024)):
        read = queries.courses(eco, series, period)
        for code in series:
            plain = indicators.read(code, eco, period)
            assert (read[code].reading.value, read[code].reading.as_of) == (plain.value, plain.as_of)
    assert [point.value for point in queries.courses(eco, series)[one.series].points] == [4, 6, 7]
    assert [queries.courses(eco, series)[code].reading.value for code in series] == [7, 0, None]


def test_a_closed_period_keeps_its_reading() -> None:
    eco = draw.ecosystem()
    strategy = draw.in_force(draw.small(eco))
    target = strategy.target_set.get()
    draw.value(target, 2023, 4)
    ClosedReading.objects.create(
        ecosystem_id=eco.pk,
        indicator=target.series,
        period="2023",
        as_of=date(2023, 12, 31),
        value=Decimal(3),
    )
    read = queries.courses(eco, [target.series], Period.year(2023))[target.series]
    assert (read.reading.value, read.reading.closed) == (Decimal(3), True)
    assert read.points == (Point(date(2023, 12, 31), Decimal(3), True),)
    assert queries.standing_of(target).reading.value == 4


def test_a_live_indicator_is_read_from_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    eco = draw.ecosystem()
    strategy = draw.small(eco)
    target = strategy.target_set.get()
    rows = Target.objects.filter(strategy=strategy)
    today = timezone.localdate()

    def hives(ecosystem: Any, period: Any) -> Reading:
        return Reading(rows.count() * 5, evidence=rows, as_of=today)

    monkeypatch.setitem(
        INDICATORS, "bees.hives", indicators.Indicator("bees.hives", "Hives", "hives", hives, "Counts.")
    )
    actions.read_by(target, by=SYSTEM, indicator="bees.hives")
    standing = queries.standing_of(target)
    assert (standing.reading.value, list(standing.reading.evidence or [])) == (5, [target])
    assert standing.course.points == (Point(today, Decimal(5), False),)
    assert standing.verdict is not None
    assert standing.verdict.reason == "ratio"


@pytest.mark.parametrize(
    ("values", "amounts", "outlook", "label"),
    [
        ({}, [], "open", "no value yet"),
        ({}, [0], "behind", "far too slow"),
        ({}, [10], "good", "reached"),
        ({"baseline": Decimal(8)}, [7], "behind", "moving away"),
        ({"kind_of": "milestone", "goal": None}, [], "open", "no value yet"),
        ({"kind_of": "milestone", "goal": None}, [0], "open", "not reached yet"),
        ({"kind_of": "milestone", "goal": None}, [0, 1], "good", "reached"),
        ({"kind_of": "milestone", "goal": None}, [0, 0], "open", "not reached yet"),
        ({"kind_of": "unspecified", "goal": None}, [], "open", "to be specified"),
        ({"goal": None}, [4], "open", "no number to reach"),
        ({"due": ""}, [4], "open", "no deadline"),
        ({"due": "2021"}, [4], "behind", "missed"),
        ({"baseline": None, "baseline_period": ""}, [4], "open", "no value yet"),
        ({"baseline_period": ""}, [4], "open", "no value yet"),
    ],
)
def test_where_a_target_stands(values: dict[str, Any], amounts: list[int], outlook: str, label: str) -> None:
    strategy = draw.small(draw.ecosystem(), targets=0)
    target = draw.target(strategy, "t", strategy.priority_set.get(), **values)
    draw.in_force(strategy)
    for year, amount in enumerate(amounts, 2023):
        draw.value(target, year, amount)
    with override("en"):
        standing = queries.standing_of(target)
        assert (standing.outlook, standing.label) == (outlook, label)


# ---------------------------------------------------------------- the tree


def test_the_tree_holds_every_target_once_with_the_same_number_of_questions() -> None:
    asked = []
    for code, targets in (("bees", 1), ("wasps", 3)):
        strategy = draw.small(draw.ecosystem(code), targets=targets)
        draw.target(strategy, "whole")
        strategy = Strategy.objects.select_related("ecosystem").get(pk=strategy.pk)
        with CaptureQueriesContext(connection) as captured:
            tree = queries.tree(strategy)
            places = [(t.code, t.priority.direction.code if t.priority else "") for t in tree.targets]
        asked.append(len(captured))
        assert places == [(f"posts-{n}", "fence") for n in range(targets)] + [("whole", "")]
        assert [(o.code, [d.code for d in answers]) for o, answers in tree.obstacles] == [
            ("bears", ["fence"])
        ]
    assert asked == [11, 11]


# ---------------------------------------------------------------- shares


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(some.lists(some.none() | some.integers(1, 999_999), min_size=1, max_size=6))
def test_whatever_the_shares_nothing_is_counted_twice_or_lost(db: None, weights: list[int | None]) -> None:
    """Each target serves the domain alone (None), or `weight` millionths a second domain and the rest a mission."""
    Share.objects.all().delete()
    strategy = Strategy.objects.filter(number=1).first() or draw.small(draw.ecosystem(), targets=6)
    domain, mission = _second(strategy)
    targets = list(strategy.target_set.all())[: len(weights)]
    for target, weight in zip(targets, weights, strict=True):
        if weight is not None:
            part = Decimal(weight) / 1_000_000
            actions.share(target, by=SYSTEM, shares={domain: part, mission: 1 - part})
    split = queries.coverage(strategy, targets)
    assert sum(split.values()) == len(targets)
    assert split.get(domain, 0) == sum(
        Decimal(weight) / 1_000_000 for weight in weights if weight is not None
    )


def _second(strategy: Strategy) -> Any:
    from talka.domains.models import Domain, Mission  # noqa: PLC0415 -- only this helper looks them up again

    known = Domain.objects.filter(code="flowers").first()
    return (known, Mission.objects.get(code="sea")) if known else draw.shared(strategy.ecosystem)


# ---------------------------------------------------------------- versions compared


def shown(differences: list[queries.Difference]) -> list[tuple[str, str, str, list[tuple[str, ...]]]]:
    return [
        (d.kind.partition(".")[2], d.code, d.change, [tuple(field) for field in d.fields])
        for d in differences
    ]


@pytest.fixture
def pair() -> tuple[Strategy, Strategy]:
    one = draw.in_force(draw.small(draw.ecosystem(), targets=3))
    return one, actions.draft_from(one, by=SYSTEM)


def test_every_kind_of_difference_is_told(pair: tuple[Strategy, Strategy]) -> None:
    one, two = pair
    ditch = draw.direction(two, "ditch")
    actions.edit_version(two, by=SYSTEM, ends=2030)
    actions.edit_priority(two.priority_set.get(), by=SYSTEM, direction=ditch)
    actions.edit_target(two.target_set.get(code="posts-0"), by=SYSTEM, due="2030", goal=Decimal("12.5"))
    actions.edit_target(two.target_set.get(code="posts-1"), by=SYSTEM, priority=None)
    actions.remove(two.target_set.get(code="posts-2"), by=SYSTEM)
    draw.obstacle(two, "wind")
    with override("en"):
        found = shown(queries.compare(one, two))
    assert found == [
        ("strategy", "", "changed", [("Last year", "2027", "2030")]),
        (
            "obstacle",
            "wind",
            "added",
            [("Obstacle (in Latvian)", "", "Šķērslis wind"), ("Obstacle (in English)", "", "Obstacle wind")],
        ),
        (
            "direction",
            "ditch",
            "added",
            [
                ("Direction (in Latvian)", "", "Virziens ditch"),
                ("Direction (in English)", "", "Direction ditch"),
            ],
        ),
        ("priority", "posts", "moved", [("Direction", "Direction fence", "Direction ditch")]),
        ("target", "posts-0", "changed", [("Goal", "10", "12.5"), ("Deadline", "2027", "2030")]),
        ("target", "posts-1", "moved", [("Priority", "Priority posts", "")]),
        ("target", "posts-2", "removed", []),
    ]


def test_going_back_is_the_mirror_of_going_forward(pair: tuple[Strategy, Strategy]) -> None:
    one, two = pair
    draw.obstacle(two, "wind")
    actions.edit_target(two.target_set.get(code="posts-0"), by=SYSTEM, due="2030")
    actions.remove(two.target_set.get(code="posts-2"), by=SYSTEM)
    forth = {(d.kind, d.code): d for d in queries.compare(one, two)}
    back = {(d.kind, d.code): d for d in queries.compare(two, one)}
    mirror = {"added": "removed", "removed": "added", "changed": "changed", "moved": "moved"}
    assert {key: mirror[d.change] for key, d in forth.items()} == {key: d.change for key, d in back.items()}
    assert [(f.label, f.after, f.before) for f in forth["strategy.target", "posts-0"].fields] == [
        tuple(f) for f in back["strategy.target", "posts-0"].fields
    ]


def test_a_renamed_priority_does_not_mark_its_targets(pair: tuple[Strategy, Strategy]) -> None:
    one, two = pair
    actions.edit_priority(two.priority_set.get(code="posts"), by=SYSTEM, title_lv="Stabi", title_en="Poles")
    assert [(d.kind, d.code) for d in queries.compare(one, two)] == [("strategy.priority", "posts")]


def test_one_row_put_in_does_not_mark_its_neighbours(pair: tuple[Strategy, Strategy]) -> None:
    one, two = pair
    for target in two.target_set.all():
        actions.edit_target(target, by=SYSTEM, order=target.order + 10)
    draw.target(two, "first", two.priority_set.get(), order=1)
    assert [(d.code, d.change) for d in queries.compare(one, two)] == [("first", "added")]


def test_another_order_is_told_of_what_holds_the_rows(pair: tuple[Strategy, Strategy]) -> None:
    one, two = pair
    actions.edit_target(two.target_set.get(code="posts-0"), by=SYSTEM, order=9)
    with override("en"):
        assert shown(queries.compare(one, two)) == [
            (
                "priority",
                "posts",
                "changed",
                [("Order of the targets", "posts-0 posts-1 posts-2", "posts-1 posts-2 posts-0")],
            )
        ]


def test_links_and_shares_are_compared(pair: tuple[Strategy, Strategy]) -> None:
    one, two = pair
    _domain, mission = draw.shared(one.ecosystem)
    actions.share(two.target_set.get(code="posts-0"), by=SYSTEM, shares={mission: Decimal(1)})
    actions.edit_direction(two.direction_set.get(), by=SYSTEM, obstacles=[])
    actions.set_focuses(two, by=SYSTEM, niches=[draw.niche(one.ecosystem, "honey")])
    with override("en"):
        assert shown(queries.compare(one, two)) == [
            ("strategy", "", "changed", [("Niches in focus", "", "Niche honey")]),
            ("direction", "fence", "changed", [("Obstacles answered", "bears", "")]),
            ("target", "posts-0", "changed", [("Shares", "", "Sea: 100%")]),
        ]


# ---------------------------------------------------------------- what the room offers as indicators


def test_targets_specified_counts_those_that_say_what_they_want() -> None:
    eco = draw.ecosystem()
    read = INDICATORS["strategy.targets_specified"].measure
    assert read(eco, None).value is None
    strategy = draw.small(eco, targets=2)
    assert read(eco, None).value is None
    posts = strategy.priority_set.get()
    draw.target(strategy, "state", posts, kind_of="milestone", goal=None)
    draw.target(strategy, "open", posts, kind_of="unspecified", goal=None)
    draw.target(strategy, "numberless", posts, goal=None)
    draw.in_force(strategy)
    reading = read(eco, None)
    assert reading.value == 2 + 1
    assert [target.code for target in reading.evidence or []] == ["posts-0", "posts-1", "state"]
    assert len([target for target in strategy.target_set.all() if target.says_what]) == 2 + 1


def test_targets_reached_counts_by_the_day_asked_and_never_itself() -> None:
    eco = draw.ecosystem()
    strategy = draw.small(eco, targets=2)
    draw.target(
        strategy, "itself", strategy.priority_set.get(), indicator="strategy.targets_reached", goal=Decimal(0)
    )
    read = INDICATORS["strategy.targets_reached"].measure
    assert read(eco, None).value is None
    draw.in_force(strategy)
    assert read(eco, None).value == 0
    draw.value(strategy.target_set.get(code="posts-0"), 2025, 10)
    assert (read(eco, None).value, read(eco, Period.year(2024)).value) == (1, 0)
    assert [target.code for target in read(eco, None).evidence or []] == ["posts-0"]
