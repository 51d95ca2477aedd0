"""The API: the same rules as on the pages, the public sees "busy" and no more; tables go out and in unchanged."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from django.utils.translation import override

from talka.api.tests.factories import ask, error, key
from talka.core.actions import SYSTEM, Invalid
from talka.core.sheets import SHEETS, Raw
from talka.facilities import actions
from talka.facilities.models import Booking, BookingState, OpeningHours
from talka.facilities.tests.factories import Scene, at, booked, monday, resource, scene

pytestmark = pytest.mark.django_db
UNIT = "ecosystems/bees/facilities/attels"
BOOKINGS = "ecosystems/bees/bookings"


@pytest.fixture
def drawn() -> Scene:
    with override("en"):
        return scene()


def times(weekday: int, first: int, last: int, **more: Any) -> dict[str, Any]:
    return {"starts": at(weekday, first).isoformat(), "ends": at(weekday, last).isoformat(), **more}


def test_book_move_and_cancel_by_the_rules_of_the_pages(drawn: Scene) -> None:
    bruno, cilda = key(drawn.bruno), key(drawn.cilda)
    where = f"{UNIT}/projects/medus/bookings"
    sent = times(1, 10, 12, resources=["mikroskops"], purpose="Slepens")
    assert ask("post", where, body=sent, bearer=cilda).status_code == 404
    assert ask("post", where, body=sent).status_code in (401, 404)
    made = ask("post", where, body=sent, bearer=bruno)
    assert (made.status_code, made.json()["pays"], made.json()["state"]) == (201, "120", "booked")
    for wrong in (
        sent,
        times(1, 6, 7, resources=["mikroskops"]),
        times(2, 8, 18, resources=["mikroskops"]),
        times(2, 8, 9, resources=["nav"]),
        times(2, 8, 9, resources=[]),
    ):
        assert error(ask("post", where, body=wrong, bearer=bruno))[0] == 422
    assert Booking.objects.count() == 1
    one, seen = f"{BOOKINGS}/{made.json()['id']}", made.json()["revision"]
    assert [ask("get", one, bearer=each).status_code for each in (bruno, cilda, "")] == [200, 404, 404]
    assert ask("post", f"{one}/move", body=times(2, 9, 10, revision=seen), bearer=cilda).status_code == 404
    moved = ask("post", f"{one}/move", body=times(2, 9, 10, revision=seen), bearer=bruno)
    assert (moved.status_code, moved.json()["pays"]) == (200, "60")
    assert ask("post", f"{one}/move", body=times(3, 9, 10, revision=seen), bearer=bruno).status_code == 409
    assert ask("post", f"{one}/approve", bearer=bruno).status_code == 403
    assert (
        ask("post", f"{one}/cancel", body={"reason": "Saslimu"}, bearer=bruno).json()["state"] == "cancelled"
    )
    assert Booking.objects.get().state == BookingState.CANCELLED


def test_the_calendar_says_busy_to_strangers(drawn: Scene) -> None:
    booking = booked(drawn, 1, 10, 12, purpose="Slepens")
    day = monday().date()
    where = f"{UNIT}/calendar?first={day}&last={day}"
    told = {}
    for who, bearer in (("bruno", key(drawn.bruno)), ("cilda", key(drawn.cilda)), ("public", "")):
        [event] = ask("get", where, bearer=bearer).json()
        told[who] = (event["kind"], event["booking"], "Slepens" in str(event), "Bruno" in str(event))
    assert told == {
        "bruno": ("mine", booking.pk, True, False),
        "cilda": ("busy", None, False, False),
        "public": ("busy", None, False, False),
    }
    assert error(ask("get", f"{UNIT}/calendar?first={day}&last=2099-01-01"))[0] == 422


def test_free_places_are_around_what_is_booked(drawn: Scene) -> None:
    booked(drawn, 1, 8, 16)
    since = at(1, 0).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = ask("get", f"{UNIT}/free?resources=mikroskops,eksperte&minutes=120&count=1&since={since}").json()
    assert [each["starts"] for each in found] == [at(1, 16).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")]
    assert error(ask("get", f"{UNIT}/free?resources=nav&minutes=60"))[0] == 422


def test_tables_go_out_and_in_unchanged(drawn: Scene) -> None:
    method = actions.add_method(drawn.eco, by=SYSTEM, code="kriska", title_lv="Krišana", title_en="Falling")
    resource(drawn.unit, "spektrs", parent=drawn.microscope, methods=[method], specification_lv="Viens\nDivi")
    actions.set_hours(
        drawn.unit, by=SYSTEM, hours=[(6, at(1, 9).time(), at(1, 0).time())], resource=drawn.microscope
    )
    for code in ("methods", "units", "resources", "hours"):
        sheet = SHEETS[f"facilities.{code}"]
        rows = [sheet.shown(row) for row in sheet.rows(drawn.eco)]
        preview = sheet.preview(drawn.eco, [Raw(f"row {number}", row) for number, row in enumerate(rows)])
        assert (preview.problems, [item.kind for item in preview.items]) == ([], ["same"] * len(rows)), code
        assert rows


def test_opening_hours_come_in_day_by_day(drawn: Scene) -> None:
    sheet = SHEETS["facilities.hours"]
    rows = [
        {"unit": "attels", "weekday": "1", "opens": "8:00", "closes": "20:00"},
        {"unit": "attels", "weekday": "6", "opens": "10:00", "closes": "14:00"},
    ]
    sheet.apply(sheet.preview(drawn.eco, [Raw("row", row) for row in rows]), by=drawn.anna)
    found = OpeningHours.objects.filter(unit=drawn.unit).order_by("weekday")
    assert [(row.weekday, f"{row.opens:%H}–{row.closes:%H}") for row in found] == [
        (1, "08–20"), (2, "08–18"), (3, "08–18"), (4, "08–18"), (5, "08–18"), (6, "10–14"),
    ]  # fmt: skip
    [problem] = sheet.preview(drawn.eco, [Raw("row", {**rows[0], "opens": "astoņos"})]).problems
    assert "08:00" in str(problem)
    late = {**rows[1], "opens": "13:00", "closes": "15:00"}
    with pytest.raises(Invalid, match="6"):
        sheet.apply(sheet.preview(drawn.eco, [Raw("row", late)]), by=SYSTEM)
