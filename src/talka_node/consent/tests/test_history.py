"""Replay: what a history says about a day, and that contradictions end in refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from talka_node.consent import By, Consent, Form, Forms, Standing, examples
from talka_node.consent.history import (
    OF_DONOR,
    REFUSALS,
    Event,
    Kind,
    NotAnEvent,
    Recorded,
    check,
    event_of,
    spelt,
    standing,
    timelines,
)

pytestmark = pytest.mark.once

FORMS = examples()


def day(text: str) -> date:
    """ "26-03" is the first of March 2026, "26-03-15" its fifteenth."""
    return date.fromisoformat(f"20{text}" if text.count("-") == 2 else f"20{text}-01")


def signed(on: str, **more: Any) -> Event:
    values: dict[str, Any] = {
        "biobank": "Alpha",
        "form": "invented-broad",
        "version": 2,
        "options": frozenset({"research"}),
    } | more
    return Event(f"signed {on} {more}", Kind.GIVEN, day(on), donor=1, **values)


def other(kind: Kind, on: str, **more: Any) -> Event:
    return Event(f"{kind} {on} {more}", kind, day(on), donor=1, **more)


def known(*events: Event | tuple[Event, str]) -> list[Recorded]:
    """Each became known on its own day, or on the day said."""
    return [
        Recorded(at, day(each[1]), each[0]) if isinstance(each, tuple) else Recorded(at, each.on, each)
        for at, each in enumerate(events, 1)
    ]


def why(history: list[Recorded], *days: str, biobank: str = "Alpha") -> list[str]:
    return [standing(history, biobank, day(each), FORMS).why for each in days]


def test_a_consent_begins_and_lasts() -> None:
    history = known(signed("24-02"))
    assert why(history, "24-01-31", "24-02", "30-01") == ["not_yet", "given", "given"]
    assert why(history, "24-02", biobank="Beta") == ["never"]
    assert standing(history, "Alpha", day("24-02"), FORMS).standing == Standing.of(
        "invented-broad", 2, "research"
    )


def test_a_consent_for_a_time() -> None:
    history = known(signed("24-02", since=day("24-03"), until=day("24-04")))
    assert why(history, "24-02-29", "24-03", "24-04", "24-04-02") == ["not_yet", "given", "given", "expired"]


def test_nobody_consents_before_signing() -> None:
    assert why(known(signed("24-02", since=day("23-01"))), "24-01-31", "24-02") == ["not_yet", "given"]


@pytest.mark.parametrize(
    ("on", "last", "until"),
    [("21-05-10", "31-05-09", None), ("24-02-29", "34-02-28", None), ("21-05-10", "22-01", day("22-01"))],
)
def test_a_form_may_say_how_long_a_signature_lasts(on: str, last: str, until: date | None) -> None:
    history = known(signed(on, form="invented-lung", version=1, until=until))
    after = (day(last) + timedelta(1)).isoformat()[2:]
    assert why(history, last, after) == ["given", "expired"]


def test_the_consent_signed_last_governs_also_when_it_has_run_out() -> None:
    history = known(signed("24-02"), signed("25-02", options=frozenset(), until=day("25-12")))
    assert why(history, "24-03", "25-03", "26-01") == ["given", "given", "expired"]
    assert standing(history, "Alpha", day("25-03"), FORMS).standing == Standing.of("invented-broad", 2)


def test_a_later_paper_that_has_not_begun_changes_nothing_yet() -> None:
    history = known(signed("24-02"), signed("25-02", since=day("26-01"), options=frozenset()))
    assert [standing(history, "Alpha", day(each), FORMS).standing for each in ("25-12-31", "26-01")] == [
        Standing.of("invented-broad", 2, "research"),
        Standing.of("invented-broad", 2),
    ]


def test_two_papers_of_one_day_both_count() -> None:
    wide = signed("24-02", options=frozenset({"research", "genetic"}))
    found = standing(known(wide, signed("24-02")), "Alpha", day("24-03"), FORMS).standing
    assert found == Standing(
        frozenset(
            Consent("invented-broad", 2, frozenset(each)) for each in ({"research"}, {"research", "genetic"})
        )
    )
    once = standing(known(wide, replace(wide, id="told twice")), "Alpha", day("24-03"), FORMS).standing
    assert once is not None and len(once.consents) == 1
    assert why(known(wide, signed("24-02", until=day("24-04"))), "24-04", "24-05") == ["given", "expired"]


def test_a_withdrawal_ends_it_on_its_day_and_signing_again_begins_anew() -> None:
    history = known(signed("24-02"), other(Kind.WITHDRAWN, "25-03", biobank="Alpha"), signed("26-01"))
    assert why(history, "25-02-28", "25-03", "25-12-31", "26-01") == [
        "given",
        "withdrawn",
        "withdrawn",
        "given",
    ]


def test_a_withdrawal_of_one_biobank_or_of_all() -> None:
    both = [signed("24-02"), signed("24-02", biobank="Beta")]
    one = known(*both, other(Kind.WITHDRAWN, "25-03", biobank="Alpha"))
    everywhere = known(*both, other(Kind.WITHDRAWN, "25-03"))
    assert (why(one, "25-04"), why(one, "25-04", biobank="Beta")) == (["withdrawn"], ["given"])
    assert (why(everywhere, "25-04"), why(everywhere, "25-04", biobank="Beta")) == (
        ["withdrawn"],
        ["withdrawn"],
    )


def test_signed_and_withdrawn_on_one_day_is_withdrawn() -> None:
    history = known(other(Kind.WITHDRAWN, "25-03", biobank="Alpha"), signed("25-03"))
    assert why(history, "25-03", "25-04") == ["withdrawn", "withdrawn"]


def test_a_withdrawal_told_late_still_leaves_the_consent_after_it() -> None:
    history = known(signed("24-02"), signed("26-01"), (other(Kind.WITHDRAWN, "25-03"), "26-02"))
    assert why(history, "25-02", "25-04", "26-01") == ["given", "withdrawn", "given"]


def test_a_withdrawal_dated_ahead_works_from_the_day_it_is_known() -> None:
    history = known(signed("24-02"), (other(Kind.WITHDRAWN, "25-03"), "25-01"), signed("25-02"))
    assert why(history, "24-12-31", "25-01", "25-02", "25-04") == [
        "given",
        "withdrawn",
        "withdrawn",
        "withdrawn",
    ]


def test_a_withdrawal_dated_before_all_consents_ends_them_all_the_same() -> None:
    history = known(signed("24-02"), (other(Kind.WITHDRAWN, "04-03"), "25-01"), signed("25-02"))
    assert why(history, "24-03", "25-01", "25-02") == ["withdrawn", "withdrawn", "given"]


def test_a_consent_that_was_still_to_begin_is_withdrawn_too() -> None:
    history = known(signed("24-02", since=day("26-01")), other(Kind.WITHDRAWN, "25-03"))
    assert why(history, "25-04", "26-02") == ["not_yet", "withdrawn"]


def test_destruction_is_final_for_what_was_signed_before() -> None:
    history = known(signed("24-02"), other(Kind.DESTROYED, "25-03", biobank="Alpha"), signed("26-01"))
    assert why(history, "25-02", "25-03", "26-01") == ["given", "destroyed", "given"]


CHILD = {"by": By.GUARDIAN, "adult_on": day("25-06-15")}


def test_a_guardians_consent_ends_on_coming_of_age() -> None:
    history = known(signed("24-02", **CHILD))
    assert why(history, "25-06-14", "25-06-15") == ["given", "came_of_age"]
    assert standing(history, "Alpha", day("25-01"), FORMS).standing == Standing.of(
        "invented-broad", 2, "research", by=By.GUARDIAN
    )


@pytest.mark.parametrize(
    ("on", "by", "after"),
    [
        ("25-06-15", By.SELF, "given"),
        ("25-06-14", By.SELF, "came_of_age"),  # a child still
        ("25-06-15", By.GUARDIAN, "came_of_age"),  # a parent no longer speaks for a grown-up
    ],
)
def test_who_comes_of_age_reconfirms(on: str, by: By, after: str) -> None:
    history = known(signed("24-02", **CHILD), other(Kind.RECONFIRMED, on, by=by))
    assert why(history, "25-07") == [after]


def test_a_consent_rests_until_it_is_reconfirmed_and_is_the_donors_own_then() -> None:
    history = known(signed("24-02", **CHILD), other(Kind.RECONFIRMED, "25-08", biobank="Alpha"))
    assert why(history, "25-06-15", "25-07-31", "25-08") == ["came_of_age", "came_of_age", "given"]
    assert standing(history, "Alpha", day("25-08"), FORMS).standing == Standing.of(
        "invented-broad", 2, "research"
    )


def test_the_day_of_coming_of_age_may_be_told_later() -> None:
    unknown = signed("24-02", by=By.GUARDIAN)
    history = known(unknown, (replace(unknown, id="told again", adult_on=day("25-06-15")), "24-03"))
    assert why(history, "24-03", "25-06-15") == ["given", "came_of_age"]
    found = standing(history, "Alpha", day("24-03"), FORMS).standing
    assert found == Standing.of("invented-broad", 2, "research", by=By.GUARDIAN)
    # Another paper of that day, of no known age, is one.
    other_paper = replace(unknown, id="other", options=frozenset())
    found = standing(
        [*history, Recorded(9, day("24-02"), other_paper)], "Alpha", day("24-03"), FORMS
    ).standing
    assert found is not None
    assert sorted(each.doubts for each in found.consents) == [frozenset(), {"age_unknown"}]


def test_reconfirming_does_not_bring_back_what_was_withdrawn() -> None:
    history = known(
        signed("24-02", **CHILD), other(Kind.WITHDRAWN, "25-01"), other(Kind.RECONFIRMED, "25-08")
    )
    assert why(history, "25-09") == ["withdrawn"]


@pytest.mark.parametrize(
    ("more", "doubts"),
    [
        ({"by": By.GUARDIAN}, {"age_unknown"}),
        ({"adult_on": day("30-01")}, {"minor_signed"}),
        (
            {"by": By.GUARDIAN, "form": "invented-lung", "version": 1},
            {"age_unknown", "guardian_not_foreseen"},
        ),
        ({"adult_on": day("20-01")}, set()),
        ({"version": 1}, set()),  # an unknown form: the decision sees that
    ],
)
def test_doubts(more: dict[str, Any], doubts: set[str]) -> None:
    found = standing(known(signed("24-02", **more)), "Alpha", day("24-03"), FORMS).standing
    assert found is not None
    assert [each.doubts for each in found.consents] == [doubts]


def test_a_form_out_of_use_or_changed_leaves_doubts() -> None:
    found = standing(known(signed("23-12-31")), "Alpha", day("24-03"), FORMS).standing
    assert found is not None and [each.doubts for each in found.consents] == [{"form_not_in_use"}]
    form = FORMS.get("invented-broad", 2)
    assert form is not None
    for digest, doubts in ((form.digest, set()), ("of another", {"form_changed"})):
        found = standing(
            [Recorded(1, day("24-02"), signed("24-02"), digest)], "Alpha", day("24-03"), FORMS
        ).standing
        assert found is not None and [each.doubts for each in found.consents] == [doubts]


def test_a_consent_outlives_the_donor_unless_its_form_says_otherwise_or_is_unknown() -> None:
    died = other(Kind.DIED, "25-03")
    lung = {"form": "invented-lung", "version": 1}
    assert why(known(signed("24-02"), died), "25-04") == ["given"]
    assert why(known(signed("24-02", **lung), died), "25-02-28", "25-03") == ["given", "died"]
    assert why(known(signed("24-02", version=9), died), "25-02-28", "25-03") == ["given", "died"]


def test_nobody_signs_after_death_and_the_first_date_of_death_counts() -> None:
    dead = [other(Kind.DIED, "25-03"), other(Kind.DIED, "25-01")]
    assert why(known(signed("24-02"), signed("25-02"), *dead), "24-03", "25-02") == ["given", "posthumous"]
    assert why(known(signed("24-02", **CHILD), *dead, other(Kind.RECONFIRMED, "25-07")), "25-08") == [
        "came_of_age"
    ]


def test_the_opt_out_stands_beside_all_consents_until_reversed() -> None:
    history = known(
        signed("24-02"),
        signed("24-02", biobank="Beta"),
        other(Kind.OPTED_OUT, "25-03"),
        other(Kind.OPTED_IN, "25-03"),  # the same day: out
        signed("25-04"),  # a biobank's paper does not reverse it
        other(Kind.OPTED_IN, "25-06"),
    )
    days = [day(each) for each in ("25-02-28", "25-03", "25-05", "25-06")]
    for biobank in ("Alpha", "Beta"):
        found = [standing(history, biobank, each, FORMS).standing for each in days]
        assert [each is not None and each.opted_out for each in found] == [False, True, True, False]


# --- in general -------------------------------------------------------------------------------------------

LUNG_KIDS = Form("kids", 1, guardian=True, years=2, ends_at_death=True)
ALL_FORMS = Forms([*FORMS, LUNG_KIDS])
FIRST = date(2024, 1, 1)
DAYS = st.integers(0, 40).map(lambda each: FIRST + timedelta(each))


@st.composite
def events(draw: st.DrawFn, kinds: tuple[Kind, ...] = tuple(Kind)) -> Recorded:
    kind = draw(st.sampled_from(kinds))
    number = draw(st.integers(1, 10**6))
    more: dict[str, Any] = {"by": draw(st.sampled_from(By))}
    if kind not in OF_DONOR:
        more["biobank"] = draw(
            st.sampled_from(["Alpha", "Beta"] if kind is Kind.GIVEN else [None, "Alpha", "Beta"])
        )
    if kind is Kind.GIVEN:
        on = draw(DAYS)
        form = draw(st.sampled_from([*ALL_FORMS, Form("unknown", 1)]))
        more |= {
            "form": form.form,
            "version": form.version,
            "options": draw(st.frozensets(st.sampled_from(["research", "genetic"]))),
            "since": draw(st.none() | DAYS),
            "adult_on": draw(st.none() | DAYS),
        }
        until = draw(st.none() | DAYS)
        more["until"] = until if until is None else max(until, more["since"] or on)
        void = draw(st.booleans().filter(bool) if draw(st.integers(0, 9)) == 0 else st.just(False))
        return Recorded(number, draw(DAYS), Event(f"event {number}", kind, on, donor=1, **more), None, void)
    return Recorded(number, draw(DAYS), Event(f"event {number}", kind, draw(DAYS), donor=1, **more))


HISTORIES = st.lists(events(), max_size=8)
ALL_DAYS = [FIRST + timedelta(each) for each in range(-2, 44)] + [date(2026, 1, 1), date(2027, 1, 1)]


@drawn(HISTORIES)
def test_timelines_say_what_standing_says_on_every_day(history: list[Recorded]) -> None:
    found = timelines(history, ALL_FORMS)
    for biobank in ("Alpha", "Beta"):
        steps = found.get(biobank, [])
        assert [since for since, _ in steps] == sorted({since for since, _ in steps})
        for each in ALL_DAYS:
            now = ([None] + [step for since, step in steps if since <= each])[-1]
            assert now == standing(history, biobank, each, ALL_FORMS).standing


@drawn(HISTORIES, st.randoms())
def test_the_order_of_knowing_does_not_matter(history: list[Recorded], random: Any) -> None:
    shuffled = list(history)
    random.shuffle(shuffled)
    assert timelines(shuffled, ALL_FORMS) == timelines(history, ALL_FORMS)


@drawn(HISTORIES, events(tuple(REFUSALS)))
def test_a_refusal_more_never_lets_in_anybody(history: list[Recorded], refusal: Recorded) -> None:
    for biobank in ("Alpha", "Beta"):
        for each in ALL_DAYS:
            before = standing(history, biobank, each, ALL_FORMS).standing
            after = standing([*history, refusal], biobank, each, ALL_FORMS).standing
            if after is not None:
                assert before is not None
                assert after.opted_out >= before.opted_out
                # Less may be left of what somebody agreed to, or what was the donor's own is in doubt: never more.
                assert {(each.form, each.version, each.options) for each in after.consents} == {
                    (each.form, each.version, each.options) for each in before.consents
                }


@drawn(events())
def test_an_event_is_spelt_and_read_back(recorded: Recorded) -> None:
    event = recorded.event
    check(event)
    assert event_of(spelt(event)) == event


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"kind": "forgotten"}, "misspelt"),
        ({"on": "01.02.2024"}, "misspelt"),
        ({"on": "2024-02-30"}, "misspelt"),
        ({"on": None}, "on: missing"),
        ({"id": ""}, "id"),
        ({"id": "person 010190-12345"}, "id"),
        ({"id": "32345678901"}, "id"),
        ({"id": "LV010190-12345"}, "id"),
        ({"subject": "p 01019012345"}, "subject"),
        ({"options": ["research", "010190-12345"]}, "options"),
        ({"options": [1]}, "options"),
        ({"donor": None}, "donor"),
        ({"donor": -1}, "donor"),
        ({"donor": True}, "donor"),
        ({"donor": 2**31}, "donor"),
        ({"biobank": None}, "biobank"),
        ({"form": None}, "form"),
        ({"version": "2"}, "version"),
        ({"version": 0}, "form"),
        ({"until": "2023-01-01"}, "until"),
        ({"colour": "red"}, "colour"),
        ({"kind": "died"}, "biobank"),
        ({"kind": "withdrawn"}, "form"),
    ],
)
def test_what_is_no_event_says_which_field(told: dict[str, Any], field: str) -> None:
    with pytest.raises(NotAnEvent, match=field) as refused:
        event_of(spelt(signed("24-02")) | told)
    assert "12345" not in str(refused.value)


def test_a_uuid_is_no_personal_code() -> None:
    check(replace(signed("24-02"), id="node:0e8400ab-e29b-41d4-a716-a12345678901"))


@pytest.mark.parametrize("told", [None, [], {"kind": "died", "on": "2024-02-01", "donor": 1}])
def test_what_is_no_object(told: object) -> None:
    with pytest.raises(NotAnEvent, match="id"):
        event_of(told)
