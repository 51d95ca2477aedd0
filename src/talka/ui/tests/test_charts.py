"""Charts: where the marks stand is arithmetic, what a label says is only text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from django.utils.translation import override
from hypothesis import assume, given
from hypothesis import strategies as st

from talka.core.values import Period
from talka.ui import charts
from talka.ui.charts import drawing
from talka.ui.charts.drawing import MIDDLE, NARROW, WIDE, Days, Labels, Scale, date_ticks, short
from talka.ui.charts.figure import PRINTED, Figure

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert(\'x\')</script>"\' onload="alert(1)" style="x" &amp; <b>'
WIDTHS = (NARROW, MIDDLE, WIDE)


def marks(figure: Figure, css: str, width: float = MIDDLE) -> list[ElementTree.Element]:
    """The elements of a drawing that have a class."""
    root = ElementTree.fromstring(figure.svg(width))
    return [element for element in root.iter() if css in (element.get("class") or "").split()]


def words(figure: Figure, width: float = MIDDLE) -> list[str]:
    """Every text in a drawing."""
    root = ElementTree.fromstring(figure.svg(width))
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def numbers(path: ElementTree.Element) -> list[float]:
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", path.get("d") or "")]


# --- scales -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 34, [0, 10, 20, 30, 40]),
        (0, 1, [0, 0.5, 1]),
        (12, 13, [12, 12.5, 13]),
        (-3, 7, [-5, 0, 5, 10]),
        (0, 2_600_000, [0, 1_000_000, 2_000_000, 3_000_000]),
        (0.001, 0.0042, [0.001, 0.002, 0.003, 0.004, 0.005]),
        (5, 5, [0, 2, 4, 6]),
        (-5, -5, [-6, -4, -2, 0]),
        (0, 0, [0, 0.5, 1]),
        (34, 0, [0, 10, 20, 30, 40]),
    ],
)
def test_ticks_are_round_numbers_that_cover_the_values(
    low: float, high: float, expected: list[float]
) -> None:
    assert charts.ticks(low, high) == expected


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12), st.integers(2, 8))
def test_ticks_cover_any_values_in_even_steps(a: float, b: float, about: int) -> None:
    assume(a == b or abs(a - b) > 1e-6 * max(abs(a), abs(b), 1e-6))
    found = charts.ticks(a, b, about)
    steps = [right - left for left, right in pairwise(found)]
    slack = max(steps) * 1e-6
    assert found[0] - slack <= min(a, b) and max(a, b) <= found[-1] + slack
    assert max(steps) - min(steps) <= slack
    mantissa = max(steps) / 10 ** math.floor(math.log10(max(steps)) + 1e-9)
    assert min(abs(mantissa - m) for m in (1, 2, 5, 10)) < 1e-4
    assert len(found) <= 2 * about + 2


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_scale_without_ends_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="two finite ends"):
        charts.ticks(0, bad)


def test_a_scale_is_a_straight_line() -> None:
    scale = Scale(10, 20, 300, 100)
    assert (scale(10), scale(15), scale(20)) == (300, 300 - 100, 100)
    assert Scale(5, 5, 7, 9)(5) == 7


def test_days_are_measured_in_days() -> None:
    x = Days(date(2024, 1, 1), date(2024, 12, 31), 0, 365)
    assert x(date(2024, 3, 1)) == 31 + 29


@pytest.mark.parametrize(
    ("first", "last", "room", "lang", "expected"),
    [
        (date(2019, 12, 31), date(2023, 6, 1), 300, "lv", ["2020", "2021", "2022", "2023"]),
        (
            date(2026, 1, 1),
            date(2026, 12, 31),
            300,
            "lv",
            ["2026", "2.\u00a0cet.", "3.\u00a0cet.", "4.\u00a0cet."],
        ),
        (date(2026, 1, 1), date(2026, 12, 31), 300, "en", ["2026", "Q2", "Q3", "Q4"]),
        (date(2026, 11, 15), date(2027, 2, 1), 300, "lv", ["dec.", "2027", "febr."]),
        (date(1990, 1, 1), date(2030, 1, 1), 300, "lv", ["1990", "2000", "2010", "2020", "2030"]),
    ],
)
def test_a_time_axis_has_the_finest_marks_that_fit(
    first: date, last: date, room: float, lang: str, expected: list[str]
) -> None:
    assert [said for _day, said in date_ticks(first, last, room, lang)] == expected


@given(st.dates(date(1990, 1, 1), date(2060, 1, 1)), st.integers(1, 20000), st.sampled_from([250, 400, 900]))
def test_words_of_a_time_axis_never_touch(first: date, days: int, room: int) -> None:
    last = date.fromordinal(first.toordinal() + days)
    x = Days(first, last, 0, room)
    found = [(x(day), charts.text_width(said)) for day, said in date_ticks(first, last, room, "lv")]
    assert all(a + wa / 2 < b - wb / 2 for (a, wa), (b, wb) in pairwise(found))


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (-0.001, "0"), (1.5, "1.5"), (100.0, "100"), (2.345, "2.35")]
)
def test_coordinates_are_short(value: float, said: str) -> None:
    assert short(value) == said


# --- text that fits ---------------------------------------------------------------------------------------


@given(st.text("abcēšžW ", max_size=120), st.floats(40, 300))
def test_no_line_is_wider_than_asked(text: str, width: float) -> None:
    assert all(charts.text_width(line) <= width for line in charts.wrap(text, width, lines=50))


@given(st.lists(st.text("abcdēš", min_size=1, max_size=6), max_size=12))
def test_nothing_is_lost_where_there_is_room(parts: list[str]) -> None:
    assert " ".join(charts.wrap(" ".join(parts), 80, lines=50)) == " ".join(parts)


def test_what_does_not_fit_ends_in_an_ellipsis() -> None:
    lines = charts.wrap("uzņēmējdarbības atklājuma process " * 4, 120, lines=2)
    assert len(lines) == 2
    assert lines[-1].endswith("…")


def test_a_word_longer_than_its_line_is_broken() -> None:
    lines = charts.wrap("transdisciplinaritāte", 60, lines=9)
    assert len(lines) > 1
    assert "".join(line.rstrip("-") for line in lines) == "transdisciplinaritāte"


def test_diacritics_take_no_room() -> None:
    assert charts.text_width("āčēģ") == charts.text_width("aceg")


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(20, 280)), max_size=6))
def test_labels_move_out_of_each_others_way(spots: list[tuple[float, float]]) -> None:
    labels = Labels(0, 1000)
    for x, y in spots:
        labels.place(x, y, "12,5 %", "", "start")
    boxes = labels.taken
    assert not any(drawing._overlap(a, b) for n, a in enumerate(boxes) for b in boxes[n + 1 :])


# --- values over time -------------------------------------------------------------------------------------

HISTORY = [
    (date(2020, 1, 1), 10.0),
    (date(2021, 1, 1), 12.0),
    (date(2022, 1, 1), None),
    (date(2023, 1, 1), 16.0),
    (date(2024, 1, 1), 17.0),
]
BASELINE, GOAL, TODAY = (date(2020, 1, 1), 10.0), (date(2028, 1, 1), 30.0), date(2024, 7, 1)


def history(**changes: Any) -> Figure:
    given: dict[str, Any] = {
        "title": "Apgrozījums",
        "unit": "%",
        "baseline": BASELINE,
        "goal": GOAL,
        "today": TODAY,
        "lang": "lv",
    }
    return charts.line_path(HISTORY, **(given | changes))


def test_the_required_value_lies_on_the_line_or_on_the_curve() -> None:
    begin, end = (date(2020, 1, 1), 100.0), (date(2024, 1, 1), 400.0)
    middle = date(2022, 1, 1)
    share = (middle - begin[0]).days / (end[0] - begin[0]).days
    assert charts.required(begin, end, middle) == 100 + share * (400 - 100)
    assert charts.required(begin, end, middle, compound=True) == pytest.approx(100 * 4**share)


def test_growth_from_zero_has_no_rate_so_the_path_is_straight() -> None:
    begin, end = (date(2020, 1, 1), 0.0), (date(2020, 1, 5), 8.0)
    assert charts.required(begin, end, date(2020, 1, 2), compound=True) == 0 + 8 / 4


@pytest.mark.parametrize("width", WIDTHS)
def test_dots_stand_where_day_and_value_say(width: float) -> None:
    dots = marks(history(), "c-dot", width)
    assert len(dots) == len([v for _d, v in HISTORY if v is not None])
    across = [float(dot.get("cx", 0)) for dot in dots]
    up = [float(dot.get("cy", 0)) for dot in dots]
    days = [(date(2021, 1, 1) - date(2020, 1, 1)).days, (date(2024, 1, 1) - date(2020, 1, 1)).days]
    assert (across[1] - across[0]) / (across[3] - across[0]) == pytest.approx(days[0] / days[1], abs=0.001)
    assert (up[0] - up[1]) / (up[0] - up[3]) == pytest.approx((12 - 10) / (17 - 10), abs=0.01)


def test_a_gap_breaks_the_line() -> None:
    assert len(marks(history(), "c-line")) == 2


def test_the_path_runs_from_baseline_to_goal() -> None:
    figure = history()
    (path,) = marks(figure, "c-path")
    x0, y0, x1, y1 = numbers(path)
    first, last = marks(figure, "c-dot")[0], marks(figure, "c-goal-dot")[0]
    assert (x0, y0) == (float(first.get("cx", 0)), float(first.get("cy", 0)))
    assert (x1, y1) == (float(last.get("cx", 0)), float(last.get("cy", 0)))


def test_a_path_of_growth_bends_below_the_straight_one() -> None:
    (path,) = marks(history(compound=True), "c-path")
    spots = list(zip(numbers(path)[::2], numbers(path)[1::2], strict=True))
    (x0, y0), (x1, y1) = spots[0], spots[-1]
    # Below is a larger y in SVG.
    assert all(y > y0 + (y1 - y0) * (x - x0) / (x1 - x0) for x, y in spots[1:-1])


def test_the_chart_says_in_words_and_in_a_table_what_it_shows() -> None:
    figure = history()
    assert figure.desc == "17\u00a0% (01.01.2024.); mērķis ir 30\u00a0% līdz 01.01.2028."
    assert [row[1] for row in figure.rows] == ["10\u00a0%", "12\u00a0%", "–", "16\u00a0%", "17\u00a0%"]
    assert figure.rows[0][2] == "10\u00a0%"
    assert "17\u00a0%" in words(figure)


def test_today_outside_of_the_values_widens_the_axis() -> None:
    late = history(today=date(2030, 1, 1))
    (today,) = marks(late, "c-today")
    (goal,) = marks(late, "c-goal-dot")
    assert numbers(today)[0] > float(goal.get("cx", 0))


@pytest.mark.parametrize("points", [[], [(date(2024, 1, 1), None)]])
def test_no_values_are_said_so(points: list[Any]) -> None:
    figure = charts.line_path(points, title="x", lang="en")
    assert len(words(figure)) == 1
    assert marks(figure, "c-line") == []


def test_one_value_alone_is_a_dot() -> None:
    figure = charts.line_path([(date(2024, 1, 1), 5)], title="x")
    assert (len(marks(figure, "c-dot")), len(marks(figure, "c-line"))) == (1, 0)


def test_crowded_points_keep_only_the_last_dot() -> None:
    points = [(date.fromordinal(date(2020, 1, 1).toordinal() + n), float(n)) for n in range(300)]
    assert len(marks(charts.line_path(points, title="x"), "c-dot")) == 1


@pytest.mark.parametrize(("low", "begins"), [(10, "0"), (90, "90")])
def test_the_scale_begins_at_zero_unless_that_wastes_half_of_it(low: float, begins: str) -> None:
    figure = charts.line_path([(date(2020, 1, 1), low), (date(2021, 1, 1), 100)], title="x", lang="en")
    assert words(figure)[0] == begins


def test_values_of_any_kind_of_number_are_drawn() -> None:
    points: list[Any] = [(date(2020, 1, 1), Decimal("1.5")), (date(2021, 1, 1), 2)]
    assert len(marks(charts.line_path(points, title="x"), "c-dot")) == 2


# --- amounts ----------------------------------------------------------------------------------------------


def test_bars_are_as_long_as_their_values() -> None:
    figure = charts.bars([("a", 10), ("b", 40), ("c", None), ("d", 0)], title="x", lang="en")
    first, second = (float(bar.get("width", 0)) for bar in marks(figure, "c-s1"))
    assert second / first == pytest.approx(40 / 10, rel=0.001)
    assert list(figure.rows) == [("a", "10"), ("b", "40"), ("c", "–"), ("d", "0")]


def test_bars_below_zero_end_at_zero() -> None:
    figure = charts.bars([("a", -10), ("b", 10)], title="x", lang="en")
    below, above = marks(figure, "c-s1")
    assert float(below.get("x", 0)) + float(below.get("width", 0)) == pytest.approx(
        float(above.get("x", 0)), abs=0.02
    )


def test_the_goal_is_marked_on_every_bar_at_its_value() -> None:
    figure = charts.bars([("a", 20), ("b", 5)], title="x", goal=10, lang="en")
    goals = marks(figure, "c-goal")
    bar = marks(figure, "c-s1")[0]
    middle = float(bar.get("x", 0)) + float(bar.get("width", 0)) * 10 / 20
    assert [numbers(goal)[0] for goal in goals] == [pytest.approx(middle, abs=0.02)] * 2


def test_stacked_parts_follow_each_other() -> None:
    figure = charts.stacked([("a", [1, 2, 1])], ["p", "q", "r"], title="x", lang="en")
    bars = [marks(figure, f"c-s{n}")[0] for n in (1, 2, 3)]
    starts = [float(bar.get("x", 0)) for bar in bars]
    unit = starts[1] - starts[0]
    assert starts[2] - starts[1] == pytest.approx(2 * unit, abs=0.05)
    assert figure.rows == [("a", "1", "2", "1", "4")]


def test_shares_fill_every_bar() -> None:
    figure = charts.stacked([("a", [1, 1]), ("b", [30, 10])], ["p", "q"], title="x", share=True)
    ends = [float(bar.get("x", 0)) + float(bar.get("width", 0)) for bar in marks(figure, "c-s2")]
    assert ends[0] == pytest.approx(ends[1], abs=0.02)


@pytest.mark.parametrize(
    ("rows", "message"),
    [([("a", [1])], "'a' has 1 parts; the series name 2: p, q"), ([("a", [1, -2])], "'a, q' is -2")],
)
def test_parts_that_cannot_be_stacked_are_refused(rows: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        charts.stacked(rows, ["p", "q"], title="x")


@pytest.mark.parametrize(
    ("value", "of", "width", "said"),
    [
        (8, 17, 100 * 8 / 17, "47\u00a0%"),
        (0, 5, None, "0\u00a0%"),
        (6, 5, 100, "120\u00a0%"),
        (None, 5, None, "–"),
        (1, 0, None, "–"),
    ],
)
def test_progress(value: float | None, of: float, width: float | None, said: str) -> None:
    with override("lv"):
        root = ElementTree.fromstring(charts.progress(value, of=of, label="x"))
    bars = [element for element in root.iter() if element.get("class") == "c-s1"]
    assert [float(bar.get("width", 0)) for bar in bars] == (
        [] if width is None else [pytest.approx(width, abs=0.01)]
    )
    assert root.findtext(".//span") == said


def test_the_slices_of_a_donut_make_a_circle() -> None:
    root = ElementTree.fromstring(
        charts.donut([("a", 1, ""), ("b", 3, ""), ("c", 0, "")], title="x", lang="en")
    )
    arcs = [element for element in root.iter("path") if "A" in (element.get("d") or "")]
    assert len(arcs) == 2
    # Three quarters is the long way round, one quarter the short one.
    assert [re.findall(r"A53 53 0 (\d)", arc.get("d") or "") for arc in arcs] == [["0"], ["1"]]


@pytest.mark.parametrize("parts", [[], [("a", 0, "")], [("a", 5, "")]])
def test_a_donut_of_nothing_or_of_one_part_is_a_whole_ring(parts: list[Any]) -> None:
    root = ElementTree.fromstring(charts.donut(parts, title="x"))
    (ring,) = [element for element in root.iter("path") if element.get("fill-rule") == "evenodd"]
    assert ring.get("class") == ("c-s1" if parts and parts[0][1] else "c-track")


def test_a_sparkline_breaks_at_gaps_and_ends_in_a_dot() -> None:
    root = ElementTree.fromstring(charts.sparkline([1, 2, None, 3, 5], title="x"))
    lines = root.findall("path")
    (dot,) = root.findall("circle")
    assert len(lines) == 2
    assert (float(dot.get("cx", 0)), float(dot.get("cy", 0))) == (96 - 4, 4)


@pytest.mark.parametrize("values", [[], [None], [3], [3, 3, 3]])
def test_sparklines_of_little_or_nothing_are_drawn(values: list[Any]) -> None:
    root = ElementTree.fromstring(charts.sparkline(values))
    assert len(root.findall("circle")) == (1 if any(values) else 0)


# --- a plan over time -------------------------------------------------------------------------------------


def plan(*rows: charts.Span, **changes: Any) -> Figure:
    given: dict[str, Any] = {"title": "Plāns", "lang": "lv"}
    return charts.gantt(rows, date(2023, 1, 1), date(2025, 12, 31), date(2024, 7, 1), **(given | changes))


def edges(box: ElementTree.Element) -> tuple[float, float]:
    left = float(box.get("x", 0))
    return left, left + float(box.get("width", 0))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_year_is_drawn_as_a_window_of_the_whole_year(width: float) -> None:
    figure = plan(charts.Span("a", date(2023, 1, 1), Period.year(2024), tone="info"))
    solid, window = marks(figure, "c-info", width)
    unit = (edges(solid)[1] - edges(solid)[0]) / 365  # 2023 has 365 days
    assert edges(window)[0] == pytest.approx(edges(solid)[1], abs=0.02)
    assert edges(window)[1] - edges(window)[0] == pytest.approx(366 * unit, abs=0.5)
    assert "c-window" in (window.get("class") or "")


def test_a_day_is_a_diamond_at_the_end_of_a_solid_bar() -> None:
    figure = plan(charts.Span("a", date(2023, 1, 1), Period.day(date(2024, 1, 1)), tone="info"))
    solid, diamond = marks(figure, "c-info")
    assert numbers(diamond)[0] == pytest.approx(edges(solid)[1], abs=0.02)
    assert marks(figure, "c-window") == []


def test_what_has_no_end_is_not_given_one() -> None:
    figure = plan(charts.Span("a", date(2024, 1, 1), tone="info"))
    assert len(marks(figure, "c-path")) == 1
    assert [element.tag for element in marks(figure, "c-info")] == [f"{SVG}circle"]


def test_late_is_seen_in_pattern_and_in_words() -> None:
    on_time, late = (charts.Span(n, date(2023, 1, 1), Period.year(2023), late=n == "b") for n in "ab")
    assert (len(marks(plan(on_time), "c-hatch")), len(marks(plan(late), "c-hatch"))) == (0, 1)
    assert (words(plan(on_time))[-1], words(plan(late))[-1]) == ("2023. gads", "kavējas · 2023. gads")


def test_what_lies_outside_is_cut_at_the_edge() -> None:
    figure = plan(charts.Span("a", date(2020, 1, 1), Period.year(2030), tone="info"))
    inside = plan(charts.Span("a", date(2023, 1, 1), Period.day(date(2025, 12, 31)), tone="info"))
    assert edges(marks(figure, "c-info")[0])[0] == edges(marks(inside, "c-info")[0])[0]
    assert all(edges(box)[1] <= MIDDLE for box in marks(figure, "c-info"))


def test_a_deadline_before_the_start_is_drawn_without_a_negative_bar() -> None:
    figure = plan(charts.Span("a", date(2025, 1, 1), Period.year(2023), tone="info"))
    assert all(float(box.get("width", 0)) > 0 for box in marks(figure, "c-info"))


def test_a_row_with_nothing_but_a_label_is_a_heading() -> None:
    figure = plan(charts.Span("1. virziens"), charts.Span("a", state="bez termiņa"))
    assert [row[0] for row in figure.rows] == ["a"]
    assert words(figure) == ["2023", "2024", "2025", "šodien", "1. virziens", "a", "bez termiņa"]


def test_the_table_keeps_the_precision_of_the_deadline() -> None:
    figure = plan(
        charts.Span("a", date(2023, 2, 1), Period.quarter(2023, 3)),
        charts.Span("b", None, None, due_text="tiek precizēts"),
        charts.Span("c", None, Period.day(date(2023, 6, 30)), late=True),
    )
    assert figure.rows == [
        ("a", "01.02.2023.", "2023. gada 3. ceturksnis", "–"),
        ("b", "–", "tiek precizēts", "–"),
        ("c", "–", "2023. gada 30. jūnijs", "kavējas"),
    ]


def test_a_plan_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="must end after it starts"):
        charts.gantt([], date(2024, 1, 1), date(2023, 1, 1), title="x")


# --- all of them ------------------------------------------------------------------------------------------

EVERY: dict[str, Callable[[str], Any]] = {
    "line_path": lambda s: charts.line_path(
        HISTORY, title=s, unit=s, desc=s, baseline=BASELINE, goal=GOAL, today=TODAY
    ),
    "bars": lambda s: charts.bars(
        [charts.Bar(s, 3, "/x?a=1&b=2", s, "bad")], title=s, unit=s, desc=s, goal=2
    ),
    "stacked": lambda s: charts.stacked([(s, [1, 2])], [s, (s, "good")], title=s, unit=s, desc=s),
    "gantt": lambda s: plan(
        charts.Span(s),
        charts.Span(s, date(2023, 1, 1), Period.year(2024), f"/?{s}", state=s, late=True, due_text=s),
        title=s,
        desc=s,
    ),
    "progress": lambda s: charts.progress(1, of=2, label=s),
    "sparkline": lambda s: charts.sparkline([1, 2], title=s),
    "donut": lambda s: charts.donut([(s, 1, ""), (s, 2, "good")], title=s, centre=s, unit=s),
}


@pytest.mark.parametrize("name", EVERY)
def test_a_hostile_label_is_only_text(name: str) -> None:
    plain, hostile = (ElementTree.fromstring(str(EVERY[name](said))) for said in ("Nosaukums", HOSTILE))
    shape = [(element.tag, sorted(element.attrib)) for element in plain.iter() if not _text_only(element)]
    assert shape == [
        (element.tag, sorted(element.attrib)) for element in hostile.iter() if not _text_only(element)
    ]


def _text_only(element: ElementTree.Element) -> bool:
    # A longer label may need more lines; a line is text and nothing else.
    return element.tag.endswith(("tspan", "path"))


@pytest.mark.parametrize("name", EVERY)
def test_no_chart_carries_style_or_script(name: str) -> None:
    for element in ElementTree.fromstring(str(EVERY[name](HOSTILE))).iter():
        assert not element.tag.endswith(("script", "style"))
        assert not [key for key in element.attrib if key == "style" or key.startswith("on")]


@pytest.mark.parametrize("name", ["line_path", "bars", "stacked", "gantt"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_drawing_has_a_name_a_sentence_and_a_role(name: str, width: float) -> None:
    root = ElementTree.fromstring(EVERY[name]("Nosaukums").svg(width))
    linked = next(root.iter(f"{SVG}a"), None) is not None
    assert (root[0].tag, root[0].text) == (f"{SVG}title", "Nosaukums")
    assert (root[1].tag, root[1].text) == (f"{SVG}desc", "Nosaukums")
    # An image swallows what is in it, so a drawing with links is none.
    assert root.get("role") == ("group" if linked else "img")


@pytest.mark.parametrize("name", ["line_path", "bars", "stacked", "gantt"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_mark_lies_within_the_drawing(name: str, width: float) -> None:
    root = ElementTree.fromstring(EVERY[name]("Uzņēmējdarbības atklājuma process").svg(width))
    _left, _top, across, down = map(float, root.get("viewBox", "").split())
    assert across == width
    for element in root.iter():
        x, y = float(element.get("x") or 0), float(element.get("y") or 0)
        assert 0 <= x <= across and 0 <= y <= down
        assert x + float(element.get("width") or 0) <= across + 0.01


@pytest.mark.parametrize("name", ["line_path", "bars", "stacked", "gantt"])
def test_a_document_gets_colours_of_its_own(name: str) -> None:
    root = ElementTree.fromstring(EVERY[name](HOSTILE).standalone())
    for element in root.iter():
        for css in (element.get("class") or "").split():
            look = PRINTED.get(css, {})
            assert {key: element.get(key) for key in look}.keys() == look.keys()
    assert not [e for e in root.iter() if e.get("style") or e.tag.endswith("script")]
