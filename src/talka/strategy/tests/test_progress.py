"""Progress of a target: published limits, golden growth rates, and what holds whatever the numbers are."""

from __future__ import annotations

from datetime import date
from math import inf, isclose, nan
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from talka.strategy.progress import KLASSES, REASONS, Point, Progress, assess, at

# Export of research services: 4 million a year in 2023, 7.5 million a year wanted in 2029.
EXPORT: dict[str, Any] = {
    "baseline": Point(2023, 4.0),
    "goal": 7.5,
    "due": 2029.0,
    "desired": "increase",
    "kind": "level",
    "today": 2026.0,
}
REQUIRED = (7.5 / 4) ** (1 / 6) - 1


def told(progress: Progress) -> tuple[str, str]:
    return progress.klass, progress.reason


def judged(value: float, **differently: Any) -> Progress:
    """The export target with this value seen in 2026, halfway."""
    return assess([Point(2026, value)], **{**EXPORT, **differently})


# --- golden values ----------------------------------------------------------------------------------------


def test_export_must_grow_by_eleven_per_cent_a_year() -> None:
    progress = judged(5.0)
    assert progress.required is not None
    assert round(100 * progress.required, 2) == 11.05
    assert progress.method == "cagr"


def test_twenty_per_cent_more_staff_in_five_years() -> None:
    progress = assess(
        [], baseline=Point(2022, 100), goal=120, due=2027, desired="increase", kind="level", today=2023.0
    )
    assert progress.required is not None
    assert round(100 * progress.required, 2) == 3.71


def test_the_path_of_the_export_year_by_year() -> None:
    path = judged(5.0).path
    assert [point.at for point in path] == [2023, 2024, 2025, 2026, 2027, 2028, 2029]
    expected = [4 * (1 + REQUIRED) ** year for year in range(7)]
    assert [point.value for point in path] == pytest.approx(expected)
    assert path[-1].value == 7.5
    assert judged(5.0).expected_now == pytest.approx(4 * (7.5 / 4) ** 0.5)  # halfway: the geometric mean


# --- the published limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "klass"),
    [
        (1.30, "on_track"),
        (1.00, "on_track"),
        (0.95, "on_track"),
        (0.9499, "acceleration"),
        (0.60, "acceleration"),
        (0.5999, "limited"),
        (0.01, "limited"),
        (0.00, "limited"),
        (-0.01, "deterioration"),
        (-2.00, "deterioration"),
    ],
)
def test_the_limits_of_95_60_and_0_per_cent(share: float, klass: str) -> None:
    grown = judged(4 * (1 + share * REQUIRED) ** 3)
    assert grown.klass == klass
    assert grown.ratio == pytest.approx(share)
    counted = judged(4 + share * 1.75, kind="count")  # straight: half of 3.5 by the middle
    assert (counted.klass, counted.method) == (klass, "linear")
    assert counted.ratio == pytest.approx(share)
    shrinking = judged(
        7.5 - share * 1.75, baseline=Point(2023, 7.5), goal=4.0, desired="decrease", kind="count"
    )
    assert shrinking.klass == klass
    assert shrinking.ratio == pytest.approx(share)


@pytest.mark.parametrize(
    ("rate", "klass"),
    [
        (0.02, "on_track"),
        (0.015, "on_track"),
        (0.0149, "acceleration"),
        (0.005, "acceleration"),
        (0.0049, "limited"),
        (0.0, "limited"),
        (-0.001, "deterioration"),
    ],
)
def test_without_a_goal_the_growth_rate_itself_is_judged(rate: float, klass: str) -> None:
    rising = judged(4 * (1 + rate) ** 3, goal=None)
    assert told(rising) == (klass, "trend")
    assert rising.observed == pytest.approx(rate)
    assert (rising.ratio, rising.path, rising.expected_now) == (None, (), None)


def test_without_a_goal_less_may_be_better() -> None:
    assert told(judged(4 * 0.98**3, goal=None, desired="decrease")) == ("on_track", "trend")
    assert told(judged(4 * 1.02**3, goal=None, desired="decrease")) == ("deterioration", "trend")


@pytest.mark.parametrize(
    "differently",
    [{"kind": "count"}, {"baseline": Point(2023, 0)}, {"desired": "reach"}, {"baseline": None}],
    ids=["a count", "from zero", "nothing to reach", "one point"],
)
def test_without_a_goal_and_a_fitting_rate_nothing_is_said(differently: dict[str, Any]) -> None:
    assert told(judged(5.0, goal=None, **differently)) == ("no_goal", "goal_missing")


# --- straight paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("baseline", "goal", "value"),
    [(0.0, 6.0, 3.0), (-4.0, 4.0, 0.0), (4.0, 0.0, 2.0), (2.0, 8.0, 0.0)],
    ids=["from zero", "from below zero", "down to zero", "a zero on the way"],
)
def test_growth_rates_give_way_to_a_straight_path(baseline: float, goal: float, value: float) -> None:
    desired = "increase" if goal > baseline else "decrease"
    progress = judged(value, baseline=Point(2023, baseline), goal=goal, desired=desired)
    assert progress.method == "linear"
    assert progress.observed == pytest.approx((value - baseline) / 3)
    assert progress.required == pytest.approx((goal - baseline) / 6)
    assert progress.expected_now == pytest.approx((baseline + goal) / 2)
    steps = {round(b.value - a.value, 9) for a, b in zip(progress.path, progress.path[1:], strict=False)}
    assert steps == {round((goal - baseline) / 6, 9)}


def test_a_growth_rate_beyond_all_numbers_gives_way_too() -> None:
    progress = assess([Point(2023 + 1e-6, 5)], **EXPORT)
    assert (progress.method, progress.klass) == ("linear", "on_track")


# --- reached, missed, not begun ---------------------------------------------------------------------------


def test_a_goal_reached_early_is_achieved() -> None:
    assert told(judged(7.5)) == ("achieved", "reached_early")
    assert told(judged(8.0)) == ("achieved", "reached_early")
    assert told(judged(0.1 + 0.2, baseline=Point(2023, 0.1), goal=0.3)) == ("achieved", "reached_early")


def test_a_goal_reached_and_lost_again_before_the_deadline_is_not() -> None:
    points = [Point(2025, 8.0), Point(2026, 5.0)]
    assert told(assess(points, **EXPORT)) == ("acceleration", "ratio")


def test_after_the_deadline_it_is_achieved_late_or_missed() -> None:
    later = {**EXPORT, "today": 2029.5}
    assert told(assess([Point(2029, 7.5)], **later)) == ("achieved", "reached")
    assert told(assess([Point(2029, 7.4)], **later)) == ("missed", "due_past")
    assert told(assess([Point(2029, 7.5), Point(2029.5, 7.0)], **later)) == ("achieved", "reached")
    assert told(assess([Point(2029, 7.0), Point(2029.5, 7.6)], **later)) == ("achieved", "reached_late")
    assert told(assess([Point(2029.5, 7.6)], **later)) == ("achieved", "reached_late")
    missed = assess([Point(2029, 7.4)], **later)
    assert missed.ratio == pytest.approx((1.85 ** (1 / 6) - 1) / REQUIRED)
    assert missed.expected_now == 7.5


def test_the_year_of_the_deadline_is_still_in_time() -> None:
    staff: dict[str, Any] = {
        "baseline": Point(at(date(2022, 12, 31)), 100),
        "goal": 120,
        "due": at(date(2027, 12, 31)),
        "desired": "increase",
        "kind": "level",
    }
    seen = [Point(at(date(2026, 12, 31)), 118)]
    assert assess(seen, **staff, today=date(2027, 12, 31)).klass == "on_track"
    assert assess(seen, **staff, today=date(2028, 1, 1)).klass == "missed"


def test_nothing_seen_yet() -> None:
    assert told(assess([], **{**EXPORT, "today": 2022.0})) == ("not_started", "begins_later")
    assert told(assess([], **{**EXPORT, "today": 2023.0})) == ("not_started", "begins_later")
    nothing = assess([], **EXPORT)
    assert told(nothing) == ("no_data", "nothing_seen")
    assert len(nothing.path) == 7, "the path is known all the same"
    assert nothing.expected_now == pytest.approx(30**0.5)
    assert told(assess([], **{**EXPORT, "baseline": None})) == ("no_data", "nothing_seen")


def test_values_not_after_the_baseline_are_left_out() -> None:
    before = [Point(2022, 9.0), Point(2023, 9.0)]
    assert told(assess(before, **EXPORT)) == ("no_data", "nothing_seen")
    assert assess([*before, Point(2026, 5.0)], **EXPORT) == judged(5.0)


def test_of_two_values_at_one_time_the_last_given_counts() -> None:
    assert assess([Point(2026, 9.0), Point(2026, 5.0)], **EXPORT) == judged(5.0)


def test_the_order_of_the_points_does_not_matter() -> None:
    assert assess([Point(2026, 5.0), Point(2024, 4.2)], **EXPORT) == judged(5.0)


def test_without_a_baseline_the_first_value_stands_for_it() -> None:
    two = assess([Point(2026, 5.0), Point(2023, 4.0)], **{**EXPORT, "baseline": None})
    assert two == judged(5.0)


def test_one_value_without_a_baseline_says_only_whether_the_goal_is_reached() -> None:
    assert told(judged(5.0, baseline=None)) == ("no_data", "one_point")
    assert told(judged(7.5, baseline=None)) == ("achieved", "reached_early")
    assert told(judged(5.0, baseline=None, today=2030.0)) == ("missed", "due_past")
    assert told(judged(7.5, baseline=None, desired="reach")) == ("achieved", "reached_early")
    assert told(judged(8.0, baseline=None, desired="reach")) == ("no_data", "one_point"), "from which side?"


def test_a_goal_without_a_deadline_requires_no_pace() -> None:
    open_end = judged(5.0, due=None)
    assert told(open_end) == ("no_due", "due_missing")
    assert (open_end.ratio, open_end.required, open_end.path) == (None, None, ())
    assert open_end.observed == pytest.approx(1.25 ** (1 / 3) - 1)
    assert told(judged(7.5, due=None)) == ("achieved", "reached")
    wrong = judged(5.0, due=2023.0, today=2022.5)
    assert told(wrong) == ("no_due", "due_before_baseline")


def test_a_goal_that_the_baseline_had_reached() -> None:
    assert told(judged(7.0, baseline=Point(2023, 8.0))) == ("deterioration", "lost")
    assert told(judged(7.0, baseline=Point(2023, 7.5))) == ("deterioration", "lost")
    assert told(judged(7.6, baseline=Point(2023, 8.0))) == ("achieved", "reached_early")


# --- reach and keep ---------------------------------------------------------------------------------------


def test_reach_goes_from_where_the_baseline_is() -> None:
    assert judged(5.0, desired="reach") == judged(5.0)
    down: dict[str, Any] = {"baseline": Point(2023, 7.5), "goal": 4.0}
    assert judged(5.0, desired="reach", **down) == judged(5.0, desired="decrease", **down)
    assert told(judged(3.0, desired="reach", **down)) == ("achieved", "reached_early")
    assert told(judged(4.1, desired="reach", baseline=Point(2023, 4), goal=4.0)) == ("deterioration", "lost")


@pytest.mark.parametrize(
    ("value", "inside"), [(100, True), (105, True), (95, True), (105.1, False), (94.9, False)]
)
def test_keep_holds_within_five_per_cent(value: float, inside: bool) -> None:
    keep: dict[str, Any] = {"baseline": Point(2023, 100), "goal": None, "desired": "keep"}
    assert told(judged(value, **keep)) == (("on_track", "kept") if inside else ("deterioration", "left"))
    after = judged(value, today=2030.0, **keep)
    assert told(after) == (("achieved", "kept") if inside else ("missed", "left"))
    assert {point.value for point in after.path} == {100}
    assert (after.expected_now, after.required, after.ratio) == (100, 0, None)


def test_keep_with_a_goal_and_another_tolerance() -> None:
    assert told(judged(88, baseline=None, goal=100.0, desired="keep", tolerance=0.12)) == ("on_track", "kept")
    assert told(judged(0.5, goal=0.0, desired="keep")) == ("deterioration", "left")
    assert told(judged(5.0, baseline=None, goal=None, desired="keep")) == ("no_goal", "goal_missing")


# --- bad input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_what_is_no_number_is_named(bad: float) -> None:
    for differently in ({"goal": bad}, {"due": bad}, {"baseline": Point(2023, bad)}):
        with pytest.raises(ValueError, match="is not finite: leave a missing value out or give None"):
            judged(5.0, **differently)
    with pytest.raises(ValueError, match="is not finite"):
        judged(bad)


def test_an_unknown_direction_or_kind_is_told_what_there_is() -> None:
    with pytest.raises(
        ValueError, match="one of increase, decrease, reach, keep and kind one of level, count, not 'up'"
    ):
        judged(5.0, desired="up")
    with pytest.raises(ValueError, match="not 'increase' and 'rate'"):
        judged(5.0, kind="rate")


def test_days_become_years() -> None:
    assert at(date(2023, 12, 31)) == at(date(2024, 12, 31)) - 1 == 2024
    assert at(date(2024, 1, 1)) == 2024 + 1 / 366
    assert at(date(2023, 6, 30)) == 2023 + 181 / 365


# --- what holds whatever the numbers are ------------------------------------------------------------------

POSITIVE = st.floats(0.01, 1e6)
ANY = st.floats(-1e6, 1e6)
YEARS = st.integers(1, 6)


@given(POSITIVE, POSITIVE, POSITIVE, YEARS, st.sampled_from([0.001, 0.5, 2.0, 1024.0]))
def test_the_unit_does_not_matter(start: float, goal: float, value: float, years: int, scale: float) -> None:
    one = assess([Point(2023 + years, value)], **{**EXPORT, "baseline": Point(2023, start), "goal": goal})
    other = assess(
        [Point(2023 + years, value * scale)],
        **{**EXPORT, "baseline": Point(2023, start * scale), "goal": goal * scale},
    )
    assume(one.ratio is None or all(abs(one.ratio - limit) > 1e-6 for limit in (0, 0.6, 0.95)))
    assume(not isclose(value, goal, rel_tol=1e-6) and not isclose(start, goal, rel_tol=1e-6))
    assert told(other) == told(one)
    assert other.ratio == pytest.approx(one.ratio, rel=1e-6)


@given(
    ANY, ANY, ANY, ANY, YEARS, st.sampled_from(["level", "count"]), st.sampled_from(["increase", "decrease"])
)
def test_a_better_value_is_never_judged_worse(
    start: float, goal: float, one: float, other: float, years: int, kind: str, desired: str
) -> None:
    given_: dict[str, Any] = {"baseline": Point(2023, start), "goal": goal, "kind": kind, "desired": desired}
    worse, better = sorted((one, other), reverse=desired == "decrease")
    rank = ["deterioration", "limited", "acceleration", "on_track", "achieved"]
    low = assess([Point(2023 + years, worse)], **{**EXPORT, **given_})
    high = assess([Point(2023 + years, better)], **{**EXPORT, **given_})
    assume(low.method == high.method)  # a value at or below zero takes another measure
    assert rank.index(low.klass) <= rank.index(high.klass)


@given(ANY, ANY, ANY, YEARS)
def test_less_is_the_mirror_of_more(start: float, goal: float, value: float, years: int) -> None:
    more = assess(
        [Point(2023 + years, value)],
        **{**EXPORT, "kind": "count", "baseline": Point(2023, start), "goal": goal},
    )
    less = assess(
        [Point(2023 + years, -value)],
        **{**EXPORT, "kind": "count", "baseline": Point(2023, -start), "goal": -goal, "desired": "decrease"},
    )
    assert told(less) == told(more)
    assert less.ratio == more.ratio
    assert [point.value for point in less.path] == [-point.value for point in more.path]


@given(ANY, ANY, st.floats(0.3, 40), st.sampled_from(["level", "count"]), st.floats(2000, 2100))
def test_the_path_leads_from_baseline_to_goal(
    start: float, goal: float, span: float, kind: str, today: float
) -> None:
    progress = assess(
        [],
        **{
            **EXPORT,
            "baseline": Point(2023, start),
            "goal": goal,
            "due": 2023 + span,
            "kind": kind,
            "today": today,
        },
    )
    path = progress.path
    assert path[0] == Point(2023, start)
    assert path[-1].value == goal
    assert path[-1].at == pytest.approx(2023 + span)
    values = [point.value for point in path]
    assert values == sorted(values, reverse=goal < start)
    assert progress.expected_now is not None
    assert min(start, goal) - 1e-6 <= progress.expected_now <= max(start, goal) + 1e-6


@given(
    st.lists(st.builds(Point, st.floats(2020, 2035), ANY), max_size=4),
    st.none() | st.builds(Point, st.floats(2020, 2030), ANY),
    st.none() | ANY,
    st.none() | st.floats(2020, 2035),
    st.sampled_from(["increase", "decrease", "reach", "keep"]),
    st.sampled_from(["level", "count"]),
    st.floats(2020, 2036),
)
def test_whatever_is_given_there_is_a_verdict(
    points: list[Point],
    baseline: Point | None,
    goal: float | None,
    due: float | None,
    desired: Any,
    kind: Any,
    today: float,
) -> None:
    progress = assess(points, baseline=baseline, goal=goal, due=due, desired=desired, kind=kind, today=today)
    assert progress.klass in KLASSES and progress.reason in REASONS
    assert (progress.klass == "missed") <= (due is not None and today > due)
    assert (progress.reason == "ratio") <= (progress.ratio is not None)
