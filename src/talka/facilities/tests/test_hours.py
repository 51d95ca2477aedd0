from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from talka.facilities import hours
from talka.facilities.hours import BadRule, Hours, NoSuchTime, Span

pytestmark = pytest.mark.once

RIGA = ZoneInfo("Europe/Riga")  # summer time begins on 29 March 2026 at 3:00, and ends on 25 October at 4:00


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), RIGA).astimezone(UTC)


def span(day: date, first: int, last: int) -> Span:
    return Span(at(day, first), at(day, last))


FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2026, 3, 27) + timedelta(days=n) for n in range(4))


def test_a_time_that_summer_time_skips_never_was() -> None:
    assert hours.instant(SATURDAY, time(3, 30), RIGA) == datetime(2026, 3, 28, 1, 30, tzinfo=UTC)
    with pytest.raises(NoSuchTime, match="2026-03-29 03:30"):
        hours.instant(SUNDAY, time(3, 30), RIGA)
    # Of the hour that comes twice it is the first.
    assert hours.instant(date(2026, 10, 25), time(3, 30), RIGA) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_day_of_opening_hours_is_an_hour_shorter_when_summer_time_begins() -> None:
    always = [Hours(day, time(0), time(0)) for day in range(1, 8)]
    [whole] = hours.open_spans(always, Span(at(SATURDAY, 0), at(MONDAY, 0)), RIGA)
    assert whole.length == timedelta(hours=24 + 23)
    nights = [Hours(7, time(2), time(5))]
    [night] = hours.open_spans(nights, Span(at(SATURDAY, 0), at(MONDAY, 0)), RIGA)
    assert night.length == timedelta(hours=2)


def test_opening_hours_of_days_that_touch_are_one() -> None:
    late = [Hours(5, time(20), time(0)), Hours(6, time(0), time(6)), Hours(6, time(8), time(10))]
    found = hours.open_spans(late, Span(at(FRIDAY, 0), at(SUNDAY, 0)), RIGA)
    assert found == [Span(at(FRIDAY, 20), at(SATURDAY, 6)), span(SATURDAY, 8, 10)]


def test_a_window_cuts_opening_hours() -> None:
    day = [Hours(5, time(8), time(18))]
    assert hours.open_spans(day, span(FRIDAY, 10, 12), RIGA) == [span(FRIDAY, 10, 12)]
    assert hours.open_spans(day, span(SATURDAY, 10, 12), RIGA) == []


@pytest.mark.parametrize(
    ("taken", "left"),
    [
        ([], [(8, 18)]),
        ([(8, 18)], []),
        ([(7, 9)], [(9, 18)]),
        ([(17, 19)], [(8, 17)]),
        ([(10, 12)], [(8, 10), (12, 18)]),
        ([(12, 13), (10, 12)], [(8, 10), (13, 18)]),
        ([(9, 11), (10, 12), (14, 15)], [(8, 9), (12, 14), (15, 18)]),
        ([(1, 8), (18, 20)], [(8, 18)]),
    ],
)
def test_what_is_left_of_a_day(taken: list[tuple[int, int]], left: list[tuple[int, int]]) -> None:
    blocks = [span(FRIDAY, *each) for each in taken]
    assert hours.without([span(FRIDAY, 8, 18)], blocks) == [span(FRIDAY, *each) for each in left]


def test_common_time() -> None:
    one = [span(FRIDAY, 8, 12), span(FRIDAY, 13, 18)]
    other = [span(FRIDAY, 10, 14), span(FRIDAY, 17, 19)]
    assert hours.common(one, other) == [span(FRIDAY, 10, 12), span(FRIDAY, 13, 14), span(FRIDAY, 17, 18)]


def test_the_grid_is_counted_from_midnight_on_the_wall() -> None:
    assert hours.on_the_grid(at(FRIDAY, 10, 20), 20, RIGA)
    assert not hours.on_the_grid(at(FRIDAY, 10, 30), 20, RIGA)
    assert not hours.on_the_grid(at(FRIDAY, 10, 20).replace(second=1), 20, RIGA)
    assert hours.up_to_the_grid(at(FRIDAY, 10, 21), 20, RIGA) == at(FRIDAY, 10, 40)
    assert hours.up_to_the_grid(at(FRIDAY, 10, 20), 20, RIGA) == at(FRIDAY, 10, 20)


def test_the_first_place_in_each_gap_that_is_long_enough() -> None:
    free = [Span(at(FRIDAY, 8, 5), at(FRIDAY, 9, 5)), span(FRIDAY, 10, 11), span(FRIDAY, 12, 14)]
    found = list(hours.gaps(free, timedelta(hours=1), 15, RIGA))
    assert found == [span(FRIDAY, 10, 11), span(FRIDAY, 12, 13)]


def test_ten_o_clock_stays_ten_o_clock_when_the_clocks_change() -> None:
    found = hours.occurrences(at(FRIDAY, 10), timedelta(hours=2), "FREQ=DAILY;COUNT=4", RIGA)
    assert found == [span(day, 10, 12) for day in (FRIDAY, SATURDAY, SUNDAY, MONDAY)]
    assert {each.length for each in found if isinstance(each, Span)} == {timedelta(hours=2)}


def test_an_occurrence_whose_time_is_skipped_is_told() -> None:
    found = hours.occurrences(at(SATURDAY, 3, 30), timedelta(hours=1), "FREQ=DAILY;UNTIL=20260330", RIGA)
    assert [str(each) if isinstance(each, NoSuchTime) else each for each in found] == [
        Span(at(SATURDAY, 3, 30), at(SATURDAY, 4, 30)),
        "2026-03-29 03:30",
        Span(at(MONDAY, 3, 30), at(MONDAY, 4, 30)),
    ]


@pytest.mark.parametrize(
    "rule", ["", "FREQ=DAILY", "FREQ=OFTEN;COUNT=2", "COUNT=2", "FREQ=DAILY;COUNT=201", "x"]
)
def test_what_is_no_rule_of_recurrence(rule: str) -> None:
    with pytest.raises(BadRule):
        hours.occurrences(at(FRIDAY, 10), timedelta(hours=1), rule, RIGA)


def test_a_span_ends_after_it_starts_and_knows_its_zone() -> None:
    with pytest.raises(ValueError, match="ends after"):
        Span(at(FRIDAY, 10), at(FRIDAY, 10))
    with pytest.raises(ValueError, match="zone"):
        Span(datetime(2026, 3, 27, 10), datetime(2026, 3, 27, 11))  # noqa: DTZ001
