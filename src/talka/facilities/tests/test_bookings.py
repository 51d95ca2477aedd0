from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import override

from talka.billing import queries as prices
from talka.core.actions import SYSTEM, Invalid, Refused
from talka.core.testing import acting
from talka.facilities import actions, queries
from talka.facilities.actions import Against, Taken
from talka.facilities.hours import Span
from talka.facilities.models import Booking, BookingState, Slot, WishState
from talka.facilities.queries import free
from talka.facilities.queries.free import Asked
from talka.facilities.tests.factories import Scene, another, at, booked, resource, scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def drawn() -> Scene:
    with override("en"):
        return scene()


@pytest.fixture(autouse=True)
def _in_english() -> Any:
    with override("en"):
        yield


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize(("who", "may"), [("anna", True), ("bruno", True), ("cilda", False)])
def test_who_may_book(drawn: Scene, who: str, may: bool) -> None:
    """Anna runs the unit, Bruno leads the project, Cilda does neither."""
    by = getattr(drawn, who)
    book: Callable[[], Booking] = lambda: booked(drawn, 1, 10, 12, by=by, account=drawn.bruno)  # noqa: E731
    if may:
        assert book().account == drawn.bruno
    else:
        with pytest.raises(Refused):
            book()


def test_a_member_books_for_herself_and_whoever_leads_for_others(drawn: Scene) -> None:
    dace = another(drawn, "Dace")
    assert booked(drawn, 1, 8, 9, by=dace).account == dace
    assert booked(drawn, 1, 9, 10, account=dace).account == dace
    with pytest.raises(Refused, match="You can book for yourself"):
        booked(drawn, 1, 10, 11, by=dace, account=drawn.bruno)
    with pytest.raises(Refused):
        actions.cancel_booking(booked(drawn, 1, 10, 11), by=dace)


# ---------------------------------------------------------------- one at a time


def test_what_is_taken_is_told_with_the_nearest_free_places(drawn: Scene) -> None:
    dace = another(drawn, "Dace")
    booked(drawn, 1, 10, 12)
    with pytest.raises(Taken) as refused:
        booked(drawn, 1, 11, 13, by=dace)
    assert refused.value.nearest == [
        Span(at(1, 8), at(1, 10)),
        Span(at(1, 12), at(1, 14)),
        Span(at(2, 8), at(2, 10)),
    ]
    day = f"{at(1, 8):%d.%m.%Y}"
    assert str(refused.value).startswith(
        f"Instrument mikroskops is taken then. Free near by: {day} 08:00–10:00; {day} 12:00–14:00; "
    )
    assert booked(drawn, 1, 12, 13, by=dace).state == BookingState.BOOKED


def test_several_are_booked_together_or_not_at_all(drawn: Scene) -> None:
    booked(drawn, 1, 10, 12, drawn.expert)
    with pytest.raises(Taken, match="Expert is taken"):
        booked(drawn, 1, 11, 13, drawn.microscope, drawn.expert)
    assert Booking.objects.count() == 1
    both = booked(drawn, 1, 12, 13, drawn.microscope, drawn.expert)
    assert sorted(slot.resource.code for slot in both.slots.all()) == ["eksperte", "mikroskops"]


def test_a_part_takes_its_whole_and_the_whole_its_parts(drawn: Scene) -> None:
    camera, laser = (resource(drawn.unit, code, parent=drawn.microscope) for code in ("kamera", "lazers"))
    whole = booked(drawn, 1, 8, 9)
    assert {slot.resource: slot.asked for slot in whole.slots.all()} == {
        drawn.microscope: True,
        camera: False,
        laser: False,
    }
    booked(drawn, 1, 9, 10, camera)
    for taken in (drawn.microscope, camera):
        with pytest.raises(Taken):
            booked(drawn, 1, 9, 10, taken)
    with pytest.raises(Invalid, match="part of its own part"):
        actions.edit_resource(drawn.microscope, by=drawn.anna, parent=laser)


def test_set_up_and_clearing_up_are_kept_free(drawn: Scene) -> None:
    actions.edit_resource(drawn.microscope, by=drawn.anna, before_minutes=30, after_minutes=15)
    drawn.microscope.refresh_from_db()
    booked(drawn, 1, 10, 12)
    for first, last in ((8, 10), (12, 13)):
        with pytest.raises(Taken):
            booked(drawn, 1, first, last)
    what = Asked.of(drawn.unit, [drawn.microscope])
    # 12:00 and 15 minutes of clearing up, then 30 of setting up again
    assert free.free(drawn.unit, what, Span(at(1, 8), at(1, 18))) == [
        Span(at(1, 8), at(1, 9, 15)),
        Span(at(1, 12, 45), at(1, 18)),
    ]


def test_the_database_itself_refuses_an_overlap(drawn: Scene) -> None:
    """Whatever way a row comes: the rules could be wrong, and this would still hold."""
    first, second = booked(drawn, 1, 10, 12), booked(drawn, 1, 12, 13)
    slot = second.slots.get()
    moved = {"starts": first.starts, "ends": first.ends}
    with acting():
        for way in (
            lambda: Slot.objects.filter(pk=slot.pk).update(**moved),
            lambda: Slot(booking=second, resource=drawn.microscope, **moved).save(),
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                way()
        # Side by side is no overlap, and what keeps no time is none either.
        Slot.objects.filter(pk=slot.pk).update(live=False, **moved)
        with pytest.raises(IntegrityError), transaction.atomic():
            Slot.objects.filter(pk=slot.pk).update(live=True)


# ---------------------------------------------------------------- the rules, on every way


RULES = [
    ({"most_minutes": 60}, (1, 10, 12), "too-long"),
    ({"least_minutes": 180}, (1, 10, 12), "too-short"),
    ({"step_minutes": 180}, (1, 10, 12), "grid"),
    ({"horizon_days": 5}, (1, 10, 12), "too-far"),
    ({}, (1, 17, 19), "closed"),
    ({}, (6, 10, 12), "closed"),
    ({"needs_qualification": True}, (1, 10, 12), "unqualified"),
    ({"certificate": "lāzeri"}, (1, 10, 12), "uncertified"),
    ({"most_ahead": 0}, (1, 10, 12), "too-many"),
    ({"hours_a_week": 1}, (1, 10, 12), "too-much"),
    ({"state": "out_of_order"}, (1, 10, 12), "out-of-order"),
]


@pytest.mark.parametrize(("values", "when", "code"), RULES)
def test_a_rule_holds_on_every_way_and_can_be_set_aside_with_a_reason(
    drawn: Scene, values: dict[str, Any], when: tuple[int, int, int], code: str
) -> None:
    day, first, last = when
    kept = booked(drawn, 2, 10, 11)
    actions.edit_resource(drawn.microscope, by=drawn.anna, **values)
    drawn.microscope.refresh_from_db()
    span: dict[str, Any] = {"starts": at(day, first), "ends": at(day, last)}
    ways: dict[str, Callable[[], object]] = {
        "book": lambda: booked(drawn, day, first, last),
        "move": lambda: actions.move_booking(kept, by=drawn.bruno, **span),
        "series": lambda: actions.book_series(
            drawn.project,
            by=drawn.bruno,
            resources=[drawn.microscope],
            rule="FREQ=WEEKLY;COUNT=2",
            **span,
        ),
    }
    for way, tried in ways.items():
        if (way, code) == ("move", "too-many"):
            continue  # a moved one is none more
        with pytest.raises(Against) as refused:
            tried()
        assert {each.code for each in refused.value.problems} == {code}, way
    assert Booking.objects.count() == 1
    with pytest.raises(Refused, match="Only whoever runs the unit"):
        booked(drawn, day, first, last, override="Man vajag")
    set_aside = booked(drawn, day, first, last, by=drawn.anna, account=drawn.bruno, override="Ilgs mērījums")
    assert (set_aside.override, set_aside.override_by) == ("Ilgs mērījums", str(drawn.anna))


def test_all_that_is_wrong_is_told_at_once(drawn: Scene) -> None:
    actions.edit_resource(drawn.microscope, by=drawn.anna, most_minutes=60, needs_qualification=True)
    drawn.microscope.refresh_from_db()
    with pytest.raises(Against) as refused:
        booked(drawn, 1, 17, 19)
    assert [each.code for each in refused.value.problems] == ["too-long", "closed", "unqualified"]
    assert "Opening hours: Mon–Fri 08:00–18:00" in str(refused.value)


@pytest.mark.parametrize("values", [{"closed": True}, {"ends": timezone.localdate()}, {"payer": None}])
def test_what_nobody_can_set_aside(drawn: Scene, values: dict[str, Any]) -> None:
    actions.edit_project(drawn.project, by=drawn.anna, **values)
    with pytest.raises(Against) as refused:
        booked(drawn, 1, 10, 12, by=drawn.anna, account=drawn.bruno, override="Tomēr")
    assert not refused.value.can_be_set_aside


def test_nothing_is_booked_in_the_past(drawn: Scene) -> None:
    with pytest.raises(Against) as refused:
        actions.book(
            drawn.project,
            by=drawn.anna,
            account=drawn.bruno,
            resources=[drawn.microscope],
            starts=at(1, 10) - timedelta(days=21),
            ends=at(1, 12) - timedelta(days=21),
            override="Aizmirsu",
        )
    assert refused.value.problems[0].code == "past"
    with pytest.raises(Invalid, match="The end lies before the beginning"):
        booked(drawn, 1, 12, 10)


def test_the_qualified_and_the_assisted_may_use_it(drawn: Scene) -> None:
    actions.edit_resource(
        drawn.microscope, by=drawn.anna, needs_qualification=True, qualified_months=6, off_hours=True
    )
    drawn.microscope.refresh_from_db()
    assert booked(drawn, 1, 8, 9, drawn.microscope, drawn.expert)
    long_ago = timezone.localdate() - timedelta(days=400)
    actions.qualify(drawn.microscope, by=drawn.anna, account=drawn.bruno, starts=long_ago)
    with pytest.raises(Against, match="has lapsed: not used since"):
        booked(drawn, 1, 9, 10)
    actions.qualify(drawn.microscope, by=drawn.anna, account=drawn.bruno)
    assert booked(drawn, 1, 20, 22)  # also when the unit is closed, which the unqualified may not


def test_terms_are_accepted_before_the_first_booking(drawn: Scene) -> None:
    terms = actions.publish_terms(
        drawn.unit, by=drawn.anna, since=timezone.localdate(), text_lv="Noteikumi", text_en="Terms"
    )
    with pytest.raises(Against, match="Accept the terms of use of Imaging centre first"):
        booked(drawn, 1, 10, 12)
    with pytest.raises(Refused):
        actions.accept_terms(drawn.bruno, by=drawn.cilda, terms=terms)
    actions.accept_terms(drawn.bruno, by=drawn.bruno, terms=terms)
    assert booked(drawn, 1, 10, 12).terms == terms


def test_closures(drawn: Scene) -> None:
    actions.add_closure(
        drawn.unit, by=drawn.anna, starts=at(1, 11), ends=at(2, 9), title_lv="Remonts", title_en="Repair"
    )
    with pytest.raises(Against, match=r"^Closed .*: Repair \(closed\)\.$"):
        booked(drawn, 1, 10, 12)
    what = Asked.of(drawn.unit, [drawn.microscope])
    first = next(free.places(drawn.unit, what, timedelta(hours=4), at(1, 8)))
    assert first == Span(at(2, 9), at(2, 13))


# ---------------------------------------------------------------- what becomes of it


def test_the_estimate_is_charged_follows_a_move_and_goes_with_the_booking(drawn: Scene) -> None:
    booking = booked(drawn, 1, 10, 12)
    key = queries.charge_key(booking, drawn.microscope)
    assert [(row.pays, row.state) for row in prices.by_key(key)] == [(2 * Decimal(60), "estimated")]
    actions.move_booking(booking, by=drawn.bruno, starts=at(2, 10), ends=at(2, 13))
    assert [(row.pays, row.day) for row in prices.by_key(key)] == [(3 * Decimal(60), at(2, 10).date())]
    actions.cancel_booking(booking, by=drawn.bruno)
    assert [row.state for row in prices.by_key(key).filter(state="estimated")] == []


def test_a_late_cancellation_costs_what_the_rules_say(drawn: Scene) -> None:
    actions.edit_resource(drawn.microscope, by=drawn.anna, cancel_hours=24 * 30, late_percent=25)
    drawn.microscope.refresh_from_db()
    booking = booked(drawn, 1, 10, 12)
    actions.cancel_booking(booking, by=drawn.bruno, reason="Slimoju")
    key = queries.charge_key(booking, drawn.microscope)
    [charge] = prices.by_key(key)
    assert (charge.state, charge.pays) == ("final", Decimal(60) * 2 * 25 / 100)
    assert booking.late
    assert booked(drawn, 1, 10, 12)  # and its time is free


def test_approval(drawn: Scene) -> None:
    actions.edit_resource(drawn.microscope, by=drawn.anna, needs_approval=True)
    drawn.microscope.refresh_from_db()
    booking = booked(drawn, 1, 10, 12)
    assert booking.state == BookingState.ASKED
    with pytest.raises(Taken):
        booked(drawn, 1, 10, 12)
    with pytest.raises(Refused):
        actions.approve_booking(booking, by=drawn.bruno)
    assert actions.approve_booking(booking, by=drawn.anna).state == BookingState.BOOKED
    with pytest.raises(Invalid, match="Say why"):
        actions.decline_booking(booking, by=drawn.anna, reason=" ")
    assert actions.decline_booking(booking, by=drawn.anna, reason="Bojāts").state == BookingState.DECLINED
    with pytest.raises(Invalid, match="already declined"):
        actions.cancel_booking(booking, by=drawn.bruno)


def test_a_colleague_takes_it_over_if_allowed_to_use_it(drawn: Scene) -> None:
    actions.edit_resource(drawn.microscope, by=drawn.anna, needs_qualification=True)
    drawn.microscope.refresh_from_db()
    actions.qualify(drawn.microscope, by=drawn.anna, account=drawn.bruno)
    booking, dace = booked(drawn, 1, 10, 12), another(drawn, "Dace")
    with pytest.raises(Against, match="only for the qualified"):
        actions.hand_over_booking(booking, by=drawn.bruno, to=dace)
    with pytest.raises(Against, match="no member of the project"):
        actions.hand_over_booking(booking, by=drawn.bruno, to=drawn.cilda)
    actions.qualify(drawn.microscope, by=drawn.anna, account=dace)
    assert actions.hand_over_booking(booking, by=drawn.bruno, to=dace).account == dace


def test_a_series_leaves_out_what_is_taken_and_says_so(drawn: Scene) -> None:
    booked(drawn, 2, 9, 11)
    asked: dict[str, Any] = {
        "by": drawn.bruno,
        "resources": [drawn.microscope],
        "starts": at(1, 10),
        "ends": at(1, 12),
        "rule": "FREQ=DAILY;COUNT=3",
    }
    with pytest.raises(Taken):
        actions.book_series(drawn.project, **asked)
    assert Booking.objects.count() == 1
    series = actions.book_series(drawn.project, skip=True, **asked)
    assert [each.starts for each in series.bookings.all()] == [at(1, 10), at(3, 10)]
    assert [(each["starts"][:10], each["why"][:34]) for each in series.skipped] == [
        (f"{at(2, 10):%Y-%m-%d}", "Instrument mikroskops is taken the")
    ]


def test_a_gap_is_filled_for_whoever_waits_longest(drawn: Scene) -> None:
    dace, evita = another(drawn, "Dace"), another(drawn, "Evita")
    booking = booked(drawn, 1, 8, 16)
    window: dict[str, Any] = {"earliest": at(1, 8), "latest": at(1, 18), "resources": [drawn.microscope]}
    first = actions.wish(drawn.project, by=dace, minutes=180, **window)
    second = actions.wish(drawn.project, by=evita, minutes=120, **window)
    actions.fill_wishes(drawn.unit, by=SYSTEM)
    second.refresh_from_db()
    # Two hours are left in the evening: too few for Dace, enough for Evita.
    assert (second.state, second.booking and second.booking.starts) == (WishState.FILLED, at(1, 16))
    actions.cancel_booking(booking, by=drawn.bruno)
    actions.fill_wishes(drawn.unit, by=SYSTEM)
    first.refresh_from_db()
    assert (first.state, first.booking and first.booking.account) == (WishState.FILLED, dace)


def test_what_is_withdrawn_with_bookings_ahead(drawn: Scene) -> None:
    booking = booked(drawn, 1, 10, 12)
    with pytest.raises(Invalid, match="has 1 booking ahead"):
        actions.withdraw_resource(drawn.microscope, by=drawn.anna, reason="Nolietots")
    actions.withdraw_resource(drawn.microscope, by=drawn.anna, reason="Nolietots", decline=True)
    booking.refresh_from_db()
    assert (booking.state, booking.reason) == (BookingState.DECLINED, "Nolietots")
    with pytest.raises(Against, match="is withdrawn"):
        booked(drawn, 1, 10, 12)


def test_the_regime_is_frozen_on_the_booking(drawn: Scene) -> None:
    booking = booked(drawn, 1, 10, 12)
    actions.edit_project(drawn.project, by=drawn.anna, regime="owned", nda="NDA-1")
    drawn.project.refresh_from_db()
    assert booked(drawn, 1, 12, 13).terms_in_words.endswith("; NDA-1")
    booking.refresh_from_db()
    assert booking.terms_in_words == "open: results may be published at once"
    [charge] = prices.by_key(queries.charge_key(booking, drawn.microscope))
    assert charge.terms == booking.terms_in_words


def test_the_catalogue_is_found_in_both_languages(drawn: Scene) -> None:
    assert list(queries.found(drawn.eco, queries.Wanted(text="instrument mikroskops"))) == [drawn.microscope]
    assert list(queries.found(drawn.eco, queries.Wanted(text="attēlu centrs"))) == [
        drawn.microscope,
        drawn.expert,
    ]
    assert list(queries.found(drawn.eco, queries.Wanted(kind="expert"))) == [drawn.expert]
    assert list(queries.found(drawn.eco, queries.Wanted(text="nekas"))) == []
