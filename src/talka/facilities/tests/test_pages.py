"""The room's pages: who sees what, a fixed number of queries, and everything by plain forms that need no script."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from talka.core.actions import SYSTEM
from talka.facilities import actions
from talka.facilities.models import Booking, BookingState, Correction, Fault, UnitPart, Use
from talka.facilities.tests.factories import Scene, another, at, booked, monday, resource, scene
from talka.network.tests.factories import ecosystem
from talka.network.tests.test_pages import signed_in

pytestmark = pytest.mark.django_db
AT = "/en/bees/facilities"
UNIT = f"{AT}/attels/"
MICROSCOPE = f"{UNIT}mikroskops/"
PURPOSE = "Slepenais paraugs"


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with override("en"):
        yield


@pytest.fixture
def drawn() -> Scene:
    return scene()


def clients(drawn: Scene) -> dict[str, Client]:
    people = {who: signed_in(getattr(drawn, who)) for who in ("anna", "bruno", "cilda")}
    return {**people, "public": Client()}


def text(answer: Any) -> str:
    return str(answer.content.decode())


def week(day: date | None = None) -> str:
    return f"{MICROSCOPE}?week={day or monday().date()}"


def asked(drawn: Scene, weekday: int, first: int, last: int, **values: Any) -> dict[str, Any]:
    """What the form of a booking sends."""
    moment = at(weekday, first)
    named = {
        "project": drawn.project.pk,
        "resources": [drawn.microscope.pk],
        "day": moment.date().isoformat(),
        "begins": f"{first:02}:00",
        "until": f"{last:02}:00",
        "purpose": PURPOSE,
    }
    return {**named, **values}


# ---------------------------------------------------------------- who sees what


# Anna manages the unit, Bruno leads the project, Cilda works elsewhere.
SEEN: tuple[tuple[str, dict[str, int]], ...] = (
    ("/", {"anna": 200, "bruno": 200, "cilda": 200, "public": 200}),
    ("/attels/", {"anna": 200, "bruno": 200, "cilda": 200, "public": 200}),
    ("/attels/mikroskops/", {"anna": 200, "bruno": 200, "cilda": 200, "public": 200}),
    ("/attels/book/", {"anna": 200, "bruno": 200, "cilda": 302, "public": 302}),
    ("/attels/mikroskops/fault/", {"anna": 200, "bruno": 200, "cilda": 403, "public": 302}),
    ("/bookings/{booking}/", {"anna": 200, "bruno": 200, "cilda": 404, "public": 404}),
    ("/bookings/{booking}/move/", {"anna": 200, "bruno": 200, "cilda": 404, "public": 404}),
    ("/bookings/{booking}/log-off/", {"anna": 200, "bruno": 200, "cilda": 404, "public": 404}),
    ("/bookings/{booking}/correct/", {"anna": 200, "bruno": 200, "cilda": 404, "public": 404}),
    ("/attels/projects/medus/", {"anna": 200, "bruno": 200, "cilda": 404, "public": 404}),
    ("/nav/", {"anna": 404, "bruno": 404, "cilda": 404, "public": 404}),
    ("/attels/nav/", {"anna": 404, "bruno": 404, "cilda": 404, "public": 404}),
)


@pytest.mark.parametrize(("path", "expected"), SEEN, ids=[path for path, _who in SEEN])
def test_what_a_page_answers_to_whom(drawn: Scene, path: str, expected: dict[str, int]) -> None:
    booking = booked(drawn, 1, 10, 12)
    found = {
        who: client.get(AT + path.format(booking=booking.pk)).status_code
        for who, client in clients(drawn).items()
    }
    assert found == expected


def test_a_member_sees_the_bookings_of_the_project_and_changes_only_her_own(drawn: Scene) -> None:
    dace = another(drawn, "Dace")
    booking = booked(drawn, 1, 10, 12)
    client, where = signed_in(dace), f"{AT}/bookings/{booking.pk}/"
    page = client.get(where)
    assert (page.status_code, f"{where}cancel/" in text(page), f"{where}move/" in text(page)) == (
        200,
        False,
        False,
    )
    for step in ("cancel/", "approve/", "missed/"):
        assert client.post(where + step).status_code == 403
    for form in ("move/", "log-off/", "correct/"):
        assert client.get(where + form).status_code == 403
    booking.refresh_from_db()
    assert booking.state == BookingState.BOOKED


def test_the_week_says_busy_and_never_who(drawn: Scene) -> None:
    booking = booked(drawn, 1, 10, 12, purpose=PURPOSE)
    where = f"{AT}/bookings/{booking.pk}/"
    named = {who: text(client.get(week())) for who, client in clients(drawn).items()}
    for who, label in (("anna", "Bruno"), ("bruno", PURPOSE), ("cilda", "busy"), ("public", "busy")):
        assert "10:00–12:00" in named[who]
        assert label in named[who]
        assert (where in named[who]) == (label != "busy")
    for who in ("cilda", "public"):
        # Cilda's own page bears her name, nobody's bears Bruno's, his project or what it is for.
        assert [word in named[who] for word in ("Bruno", "medus", PURPOSE)] == [False] * 3


def test_the_public_is_shown_prices_rules_and_no_fault(drawn: Scene) -> None:
    actions.report_fault(drawn.microscope, by=drawn.bruno, text="Nedeg lampa", stops=True)
    seen = {who: text(client.get(MICROSCOPE)) for who, client in clients(drawn).items()}
    assert {who: "Nedeg lampa" in page for who, page in seen.items()} == {
        "anna": True, "bruno": True, "cilda": False, "public": False,
    }  # fmt: skip
    assert "Out of order" in seen["public"]
    assert "60.00" in seen["public"]
    assert {who: "/mend/" in page for who, page in seen.items()} == {
        "anna": True, "bruno": False, "cilda": False, "public": False,
    }  # fmt: skip


def test_what_waits_is_shown_to_whoever_runs_the_unit(drawn: Scene) -> None:
    actions.edit_resource(drawn.microscope, by=drawn.anna, needs_approval=True)
    drawn.microscope.refresh_from_db()
    booking = booked(drawn, 1, 10, 12)
    assert booking.state == BookingState.ASKED
    seen = {
        who: f"/bookings/{booking.pk}/" in text(client.get(UNIT)) for who, client in clients(drawn).items()
    }
    assert seen == {"anna": True, "bruno": False, "cilda": False, "public": False}
    where = f"{AT}/bookings/{booking.pk}/"
    assert signed_in(drawn.bruno).post(where + "approve/").status_code == 403
    assert signed_in(drawn.anna).get(where + "approve/").status_code == 405
    assert signed_in(drawn.anna).post(where + "nav/").status_code == 404
    assert signed_in(drawn.anna).post(where + "approve/").status_code == 302
    booking.refresh_from_db()
    assert booking.state == BookingState.BOOKED


# ---------------------------------------------------------------- what a page costs


def many(rows: int) -> tuple[Scene, Booking]:
    """So many units, instruments with methods, closures, bookings and members."""
    drawn = scene()
    methods = [
        actions.add_method(
            drawn.eco,
            by=SYSTEM,
            code=f"metode-{index}",
            title_lv=f"Metode {index}",
            title_en=f"Method {index}",
        )
        for index in range(rows)
    ]
    actions.edit_resource(drawn.microscope, by=SYSTEM, methods=methods)
    actions.edit_resource(drawn.microscope, by=SYSTEM, needs_approval=True)
    drawn.microscope.refresh_from_db()
    booking = None
    for index in range(rows):
        unit = actions.add_unit(
            drawn.eco, by=SYSTEM, code=f"unit-{index}", title_lv=f"Centrs {index}",
            organisation=drawn.unit.organisation, issuer=drawn.unit.issuer,
        )  # fmt: skip
        resource(unit, f"there-{index}", methods=methods)
        resource(drawn.unit, f"here-{index}", methods=methods, tariff=drawn.tariff)
        dace = another(drawn, f"Dace{index}")
        booking = booked(drawn, 1, 8 + index, 9 + index, account=dace)
        booked(drawn, 2, 8 + index, 9 + index)
        actions.add_closure(
            drawn.unit, by=SYSTEM, starts=at(3, 8 + index), ends=at(3, 9 + index), title_lv="Apkope"
        )
        actions.report_fault(drawn.microscope, by=drawn.anna, text=f"Bojājums {index}")
    assert booking is not None
    return drawn, booking


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(
    ("who", "path", "queries"),
    [
        ("public", "/", 6),
        ("public", "/?text=mikroskops&method=metode-0", 9),
        ("public", "/attels/", 5),
        ("public", "/attels/mikroskops/?week={week}", 12),
        ("bruno", "/", 12),
        ("bruno", "/attels/", 12),
        ("bruno", "/attels/mikroskops/?week={week}", 22),
        ("bruno", "/attels/book/", 15),
        ("bruno", "/bookings/{booking}/", 10),
        ("bruno", "/bookings/{booking}/move/", 6),
        ("bruno", "/attels/projects/medus/", 12),
        ("anna", "/attels/", 14),
        ("anna", "/attels/mikroskops/?week={week}", 20),
        ("anna", "/attels/book/", 14),
        ("anna", "/bookings/{booking}/", 10),
        ("anna", "/attels/projects/medus/", 12),
    ],
)
def test_a_page_costs_the_same_whatever_it_shows(
    django_assert_num_queries: Any, who: str, path: str, queries: int, rows: int
) -> None:
    drawn, booking = many(rows)
    client = clients(drawn)[who]
    where = AT + path.format(booking=booking.pk, week=monday().date())
    with django_assert_num_queries(queries):
        assert client.get(where).status_code == 200


# ---------------------------------------------------------------- the catalogue


def test_the_catalogue_finds_by_words_method_unit_and_kind(drawn: Scene, client: Client) -> None:
    method = actions.add_method(drawn.eco, by=SYSTEM, code="kriska", title_lv="Krišana", title_en="Falling")
    resource(drawn.unit, "spektrs", methods=[method], title_lv="Spektrometrs", title_en="Spectrometer")
    withdrawn = resource(drawn.unit, "vecais")
    actions.withdraw_resource(withdrawn, by=SYSTEM, reason="Nolietots")
    for given, expected in (
        ("", {"mikroskops", "eksperte", "spektrs"}),
        ("?method=kriska", {"spektrs"}),
        ("?kind=expert", {"eksperte"}),
        ("?unit=attels&kind=instrument", {"mikroskops", "spektrs"}),
        ("?unit=nav", set()),
        ("?text=spektrometri", {"spektrs"}),
        ("?text=spectrometer&method=kriska", {"spektrs"}),
        ("?page=99", {"mikroskops", "eksperte", "spektrs"}),
    ):
        page = text(client.get(f"{AT}/{given}"))
        codes = {code for code in ("mikroskops", "eksperte", "spektrs", "vecais") if f"{UNIT}{code}/" in page}
        assert codes == expected, given


def test_an_empty_catalogue_says_what_will_stand_there(client: Client) -> None:
    ecosystem()
    page = text(client.get(f"{AT}/"))
    assert "Nothing can be booked yet" in page
    assert "No units yet" in page


def test_more_than_a_page_of_instruments_is_paged(drawn: Scene, client: Client) -> None:
    for index in range(49):
        resource(drawn.unit, f"daudz-{index}")
    assert "daudz-48/" not in text(client.get(f"{AT}/"))
    assert "daudz-48/" in text(client.get(f"{AT}/?page=2"))


@pytest.mark.parametrize("given", ["", "nav", "2026-13-40", "0001-01-01", "9999-12-31"])
def test_a_week_that_is_none_or_far_away_does_no_harm(drawn: Scene, client: Client, given: str) -> None:
    assert client.get(f"{MICROSCOPE}?week={given}").status_code == 200


def test_the_week_shows_hours_closures_and_whole_days_over_midnight(drawn: Scene, client: Client) -> None:
    actions.add_closure(
        drawn.unit, by=SYSTEM, starts=at(2, 20), ends=at(3, 9), title_lv="Apkope", title_en="Upkeep"
    )
    page = text(client.get(week()))
    assert page.count("08:00–18:00") == 5
    assert "20:00–24:00" in page
    assert "00:00–09:00" in page
    assert page.count("Upkeep") == 2


# ---------------------------------------------------------------- booking by the form


def test_whoever_has_no_project_is_told_how_to_get_one(drawn: Scene) -> None:
    answer = signed_in(drawn.cilda).get(f"{UNIT}book/", follow=True)
    assert answer.redirect_chain == [(UNIT, 302)]
    assert "You have no project at this unit yet" in text(answer)
    assert signed_in(drawn.cilda).post(f"{UNIT}book/", asked(drawn, 1, 10, 12)).status_code == 302
    assert not Booking.objects.exists()


def test_a_booking_is_made_by_the_form_alone(drawn: Scene) -> None:
    """The form posts to its own address, with fields that a keyboard fills and a button that needs no script."""
    client = signed_in(drawn.bruno)
    page = text(client.get(f"{UNIT}book/?resource=mikroskops&from={at(1, 10):%Y-%m-%dT%H:%M}"))
    assert '<form class="t-form" method="post" action=""' in page
    for part in (
        f'name="day" value="{at(1, 10):%Y-%m-%d}"', 'name="begins" value="10:00"', 'name="until" value="11:00"',
        '<button class="btn" name="check"',
    ):  # fmt: skip
        assert part in page, part
    answer = client.post(f"{UNIT}book/", asked(drawn, 1, 10, 12))
    booking = Booking.objects.get()
    assert answer.headers["location"] == f"{AT}/bookings/{booking.pk}/"
    assert (booking.account, booking.starts, booking.ends, booking.purpose, booking.state) == (
        drawn.bruno, at(1, 10), at(1, 12), PURPOSE, BookingState.BOOKED,
    )  # fmt: skip
    page = text(client.get(answer.headers["location"]))
    assert "120.00" in page


def test_the_price_is_told_before_anything_is_booked(drawn: Scene) -> None:
    client = signed_in(drawn.bruno)
    page = text(client.post(f"{UNIT}book/", asked(drawn, 1, 10, 12, check="1")))
    assert "What it would cost" in page
    assert "120.00" in page
    assert PURPOSE in page  # what was typed stays
    assert not Booking.objects.exists()


def test_a_refusal_stands_beside_its_field_and_keeps_what_was_typed(drawn: Scene) -> None:
    booked(drawn, 1, 10, 12)
    client = signed_in(drawn.bruno)
    for sent, field, said in (
        (asked(drawn, 1, 11, 13), "begins", "is taken then. Free near by"),
        (asked(drawn, 1, 6, 7), "begins", "is not open all that time"),
        (asked(drawn, 2, 8, 18), "until", "at most 8 h at a time"),
        (asked(drawn, 1, 13, 14, resources=[]), "resources", "This field is required"),
        (asked(drawn, 1, 13, 14, day="nav"), "day", "Enter a valid date"),
    ):
        answer = client.post(f"{UNIT}book/", sent)
        assert answer.status_code == 200
        form = answer.context["form"]
        assert {name: said in " ".join(errors) for name, errors in form.errors.items()} == {field: True}
        assert PURPOSE in text(answer)
    assert Booking.objects.count() == 1


def test_rules_are_set_aside_only_by_whoever_runs_the_unit(drawn: Scene) -> None:
    sent = asked(drawn, 1, 6, 7, override="Steidzams", account=drawn.bruno.pk)
    assert "is not open all that time" in text(signed_in(drawn.bruno).post(f"{UNIT}book/", sent))
    assert signed_in(drawn.anna).post(f"{UNIT}book/", sent).status_code == 302
    booking = Booking.objects.get()
    assert (booking.account, booking.override, booking.override_by) == (
        drawn.bruno,
        "Steidzams",
        str(drawn.anna),
    )


def test_an_end_before_the_beginning_is_the_next_day(drawn: Scene) -> None:
    whole_day = [(day, at(1, 0).time(), at(1, 0).time()) for day in range(1, 8)]
    actions.set_hours(drawn.unit, by=SYSTEM, hours=whole_day)
    assert signed_in(drawn.bruno).post(f"{UNIT}book/", asked(drawn, 1, 22, 2)).status_code == 302
    assert (Booking.objects.get().starts, Booking.objects.get().ends) == (at(1, 22), at(2, 2))


def test_a_project_of_somebody_else_cannot_be_booked_for(drawn: Scene) -> None:
    other = actions.add_project(
        drawn.unit, by=SYSTEM, code="cits", title="Cits", lead=drawn.cilda, payer=drawn.payer,
        activity="service", starts=timezone.localdate(),
    )  # fmt: skip
    form = (
        signed_in(drawn.bruno).post(f"{UNIT}book/", asked(drawn, 1, 10, 12, project=other.pk)).context["form"]
    )
    assert set(form.errors) == {"project"}
    assert not Booking.objects.exists()


# ---------------------------------------------------------------- a booking's life by its pages


def test_a_booking_is_moved_by_the_form_and_a_stale_one_is_told(drawn: Scene) -> None:
    booking = booked(drawn, 1, 10, 12)
    client, where = signed_in(drawn.bruno), f"{AT}/bookings/{booking.pk}/"
    sent = {"day": at(2, 9).date().isoformat(), "begins": "09:00", "until": "10:00", "seen": booking.revision}
    assert client.post(where + "move/", sent).headers["location"] == where
    booking.refresh_from_db()
    assert (booking.starts, booking.ends) == (at(2, 9), at(2, 10))
    assert client.post(where + "move/", {**sent, "begins": "08:00"}).status_code == 409
    answer = client.post(where + "move/", {**sent, "seen": booking.revision, "until": "08:00"})
    assert set(answer.context["form"].errors) == {"until"}
    booking.refresh_from_db()
    assert (booking.starts, booking.ends) == (at(2, 9), at(2, 10))


def test_a_booking_is_cancelled_by_a_button(drawn: Scene) -> None:
    booking = booked(drawn, 1, 10, 12)
    where = f"{AT}/bookings/{booking.pk}/"
    assert signed_in(drawn.cilda).post(where + "cancel/").status_code == 404
    signed_in(drawn.bruno).post(where + "cancel/", {"reason": "Saslimu"})
    booking.refresh_from_db()
    assert (booking.state, booking.reason) == (BookingState.CANCELLED, "Saslimu")
    assert "10:00–12:00" not in text(Client().get(week()))
    page = text(signed_in(drawn.bruno).post(where + "cancel/", follow=True))
    assert "cancelled" in page


def test_declining_without_a_reason_is_explained(drawn: Scene) -> None:
    booking = booked(drawn, 1, 10, 12)
    page = signed_in(drawn.anna).post(f"{AT}/bookings/{booking.pk}/decline/", follow=True)
    assert "Say why; whoever has booked will read it." in text(page)
    booking.refresh_from_db()
    assert booking.state == BookingState.BOOKED


def test_a_use_from_log_on_to_a_correction_that_is_refused(
    drawn: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = booked(drawn, 1, 10, 12)
    where = f"{AT}/bookings/{booking.pk}/"
    bruno, anna = signed_in(drawn.bruno), signed_in(drawn.anna)
    assert f"{where}log-on/" not in text(bruno.get(where))  # it is days ahead
    monkeypatch.setattr(timezone, "now", lambda: at(1, 10))
    assert f"{where}log-on/" in text(bruno.get(where))
    bruno.post(where + "log-on/")
    assert f"{where}log-off/" in text(bruno.get(where))
    monkeypatch.setattr(timezone, "now", lambda: at(1, 11))
    bruno.post(where + "log-off/", {"counter": "12,5", "note": "Labi", "results": "Seifs"})
    use = Use.objects.get()
    assert (use.begun_at, use.ended_at, use.counter, use.note) == (
        at(1, 10),
        at(1, 11),
        Decimal("12.5"),
        "Labi",
    )
    times = {"day": at(1, 10).date().isoformat(), "begins": "10:00", "until": "10:30", "reason": ""}
    assert set(bruno.post(where + "correct/", times).context["form"].errors) == {"reason"}
    late = bruno.post(where + "correct/", {**times, "until": "13:00", "reason": "Ilgāk"})
    assert set(late.context["form"].errors) == {"until"}
    bruno.post(where + "correct/", {**times, "reason": "Aizmirsu"})
    correction = Correction.objects.get()
    assert (correction.begun_at, correction.ended_at) == (at(1, 10), at(1, 10, 30))
    assert bruno.post(where + "decide/", {"accept": "yes"}).status_code == 403
    assert "Say why it is refused." in text(anna.post(where + "decide/", {"accept": "no"}, follow=True))
    anna.post(where + "decide/", {"accept": "no", "answer": "Žurnāls rāda stundu"})
    assert "Žurnāls rāda stundu" in text(bruno.get(where))
    assert anna.post(where + "decide/", {"accept": "yes"}).status_code == 404


def test_a_fault_is_reported_from_a_phone_and_mended(drawn: Scene) -> None:
    bruno, anna = signed_in(drawn.bruno), signed_in(drawn.anna)
    assert set(bruno.post(f"{MICROSCOPE}fault/", {"text": ""}).context["form"].errors) == {"text"}
    assert (
        bruno.post(f"{MICROSCOPE}fault/", {"text": "Nedeg", "stops": "on"}).headers["location"] == MICROSCOPE
    )
    fault = Fault.objects.get()
    assert (fault.text, fault.stops) == ("Nedeg", True)
    mend = f"{MICROSCOPE}faults/{fault.pk}/mend/"
    assert bruno.post(mend, {"remedy": "Pats"}).status_code == 403
    assert "Say what was done" in text(anna.post(mend, {"remedy": ""}, follow=True))
    anna.post(mend, {"remedy": "Jauna lampa"})
    drawn.microscope.refresh_from_db()
    assert drawn.microscope.state == "in_service"
    assert signed_in(drawn.cilda).post(f"{MICROSCOPE}fault/", {"text": "Nepatīk"}).status_code == 403


def test_a_part_in_a_unit_ends_with_its_day(drawn: Scene) -> None:
    person = another(drawn, "Gints")
    actions.remove_member(drawn.project, by=SYSTEM, account=person)
    yesterday = timezone.localdate() - timedelta(days=1)
    booking = booked(drawn, 1, 10, 12)
    where = f"{AT}/bookings/{booking.pk}/"
    assert signed_in(person).get(where).status_code == 404
    actions.put_person(drawn.unit, by=SYSTEM, account=person, part=UnitPart.OPERATOR)
    assert signed_in(person).get(where).status_code == 200
    actions.put_person(drawn.unit, by=SYSTEM, account=person, part=UnitPart.OPERATOR, until=yesterday)
    assert signed_in(person).get(where).status_code == 404
