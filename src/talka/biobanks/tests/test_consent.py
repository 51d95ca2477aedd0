"""Consent: forms that do not change, an intake where nothing is lost and nothing counted twice, withdrawal,
destruction."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from talka.biobanks import actions, indicators
from talka.biobanks.models import Batch, DestructionOrder, Kind, Statement
from talka.biobanks.queries import consent as queries
from talka.biobanks.standards import consent as fhir
from talka.biobanks.tests import factories
from talka.biobanks.tests.factories import told
from talka.core.actions import HUB, SYSTEM, Invalid, Refused
from talka.core.models import Attachment
from talka.core.testing import acting
from talka.core.values import Period
from talka.network.tests.test_pages import signed_in

pytestmark = pytest.mark.django_db

ANNA = "id:talka:bcdfg-hjkmn-pqrst-vwxzb"


@pytest.fixture
def lab() -> Any:
    eco = factories.ecosystem()
    of = factories.biobank(eco)
    factories.form(eco)
    return factories.collector(eco, of)


def take(lab: Any, *statements: Any) -> list[tuple[str, str]]:
    """What became of each."""
    outcome = actions.take_in(lab, by=SYSTEM, statements=statements)
    return [(each.uid, each.status) for each in outcome.outcomes]


# ---------------------------------------------------------------- forms


def test_a_published_form_never_changes() -> None:
    eco = factories.ecosystem()
    draft = factories.form(eco, published=False)
    actions.edit_form(draft, by=SYSTEM, title_lv="Cita")
    actions.publish_form(draft, by=SYSTEM)
    with pytest.raises(Invalid) as refused:
        actions.edit_form(draft, by=SYSTEM, options=factories.BOXES[:1])
    assert refused.value.field == "options"
    draft.refresh_from_db()
    actions.edit_form(draft, by=SYSTEM, until=timezone.localdate())
    assert (
        actions.write_form(
            eco, by=SYSTEM, code="broad", title_lv="x", text_lv="y", options=factories.BOXES
        ).version
        == 2
    )


@pytest.mark.parametrize(
    "options",
    [
        [],
        [{"name": "a", "lv": "A", "terms": ["HONEY"]}],
        [{"name": "a", "lv": "A", "terms": ["DS"]}],
        [{"name": "a", "lv": "A", "terms": [{"GRU": ["C34"]}]}],
        [{"name": "a", "lv": ""}],
        [{"name": "A b", "lv": "A"}],
        [{"name": "a", "lv": "A", "colour": "red"}],
        [{"name": "a", "lv": "A"}, {"name": "a", "lv": "B"}],
    ],
)
def test_a_box_that_nodes_would_not_understand_is_refused(options: Any) -> None:
    with pytest.raises(Invalid) as refused:
        factories.form(factories.ecosystem(), options=options)
    assert refused.value.field == "options"


# ---------------------------------------------------------------- intake


def test_a_day_without_a_network_sent_twice_counts_once(lab: Any) -> None:
    day = [
        told(f"kiosk-7/{number:05}", f"id:lab:donor-{number}", taken_at="2026-03-02T09:00:00+02:00")
        for number in range(200)
    ]
    assert {status for _uid, status in take(lab, *day)} == {"taken"}
    again = take(lab, *day[50:], told("kiosk-7/new-one", "id:lab:donor-new"))
    assert [status for _uid, status in again] == ["known"] * 150 + ["taken"]
    assert Statement.objects.count() == 201


def test_the_same_id_for_something_else_is_refused_and_changes_nothing(lab: Any) -> None:
    take(lab, told("kiosk-7/1"))
    assert take(lab, told("kiosk-7/1", options=["research", "commercial"])) == [("kiosk-7/1", "refused")]
    assert Statement.objects.get().options == ["research"]


def test_one_id_twice_in_one_request_counts_once(lab: Any) -> None:
    assert take(lab, told("kiosk-7/1"), told("kiosk-7/1"), told("kiosk-7/1", on="2026-03-03")) == [
        ("kiosk-7/1", "taken"),
        ("kiosk-7/1", "known"),
        ("kiosk-7/1", "refused"),
    ]


TOMORROW = (timezone.localdate() + timedelta(days=2)).isoformat()


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "short"},
        {"id": "010190-12345/x"},
        {"subject": "010190-12345"},
        {"subject": "id:lab:010190-12345"},
        {"subject": "Anna Paraugs"},
        {"form": "other"},
        {"version": 2},
        {"options": ["honey"]},
        {"on": "2019-12-31"},
        {"on": TOMORROW},
        {"on": "yesterday"},
        {"kind": "destroyed"},
        {"kind": "withdrawn"},  # with a form, which a withdrawal has not
        {"signer": "guardian", "adult_on": "2030-01-01"},  # in what capacity?
        {"signer": "guardian", "capacity": "māte"},  # until when?
        {"signer": "guardian", "capacity": "māte", "adult_on": "2026-03-02"},
        {"adult_on": "2030-01-01"},  # a minor does not sign alone
        {"capacity": "māte"},
        {"way": "counter"},  # nobody saw it
        {"taken_at": "2026-03-02T09:00:00"},
        {"honey": 1},
    ],
)
def test_what_cannot_stand_is_refused_with_a_reason_and_holds_up_no_other(lab: Any, wrong: Any) -> None:
    outcome = actions.take_in(
        lab, by=SYSTEM, statements=[told("good/000001"), {**told("wrong/00001"), **wrong}]
    )
    assert [each.status for each in outcome.outcomes] == ["taken", "refused"]
    assert len(outcome.outcomes[1].why) > 10
    assert "010190" not in outcome.outcomes[1].why
    assert Statement.objects.count() == 1


def test_the_database_keeps_an_id_once_whoever_writes(lab: Any) -> None:
    take(lab, told("kiosk-7/1"))
    row = Statement.objects.get()
    row.pk, row.id = None, None
    row._state.adding = True
    with pytest.raises(IntegrityError), transaction.atomic(), acting():
        row.save()


# ---------------------------------------------------------------- standing


GIVEN, WITHDRAWN = (
    told("given/00001"),
    {"id": "ended/00001", "kind": "withdrawn", "subject": ANNA, "on": "2026-03-05"},
)
CHILD = {"signer": "guardian", "capacity": "māte", "adult_on": "2026-03-20"}


@pytest.mark.parametrize(
    ("statements", "day", "why"),
    [
        ([], "2026-04-01", "never"),
        ([GIVEN], "2026-03-01", "never"),
        ([GIVEN], "2026-03-02", "given"),
        ([GIVEN, WITHDRAWN], "2026-03-04", "given"),
        ([GIVEN, WITHDRAWN], "2026-03-05", "withdrawn"),
        ([WITHDRAWN, GIVEN], "2026-03-05", "withdrawn"),  # in whatever order it came
        ([GIVEN, WITHDRAWN, told("given/00002", on="2026-03-06")], "2026-03-06", "given"),
        ([GIVEN, WITHDRAWN, told("given/00002", on="2026-03-05")], "2026-03-06", "withdrawn"),
        ([told("given/00001", **CHILD)], "2026-03-19", "given"),
        ([told("given/00001", **CHILD)], "2026-03-20", "came_of_age"),
        (
            [
                told("given/00001", **CHILD),
                {"id": "again/00001", "kind": "reconfirmed", "subject": ANNA, "on": "2026-03-21"},
            ],
            "2026-03-21",
            "given",
        ),
    ],
)
def test_how_a_donor_stands(lab: Any, statements: Any, day: str, why: str) -> None:
    for each in statements:
        take(lab, each)
    assert queries.standing(queries.said(ANNA), lab.biobank, date.fromisoformat(day)).why == why


def test_donors_who_come_of_age_are_asked_in_time(lab: Any) -> None:
    soon = timezone.localdate() + timedelta(days=30)
    take(lab, told("child/00001", "id:lab:child-1", **{**CHILD, "adult_on": soon.isoformat()}))
    take(lab, told("child/00002", "id:lab:child-2", **{**CHILD, "adult_on": soon.isoformat()}))
    take(
        lab,
        {
            "id": "ended/00002",
            "kind": "withdrawn",
            "subject": "id:lab:child-2",
            "on": timezone.localdate().isoformat(),
        },
    )
    found = queries.coming_of_age(lab.ecosystem, soon)
    assert [each.subject for each in found] == ["id:lab:child-1"]
    assert list(queries.coming_of_age(lab.ecosystem, soon - timedelta(days=1))) == []


# ---------------------------------------------------------------- withdrawal


def test_a_purpose_is_withdrawn_and_the_rest_stays(lab: Any) -> None:
    take(lab, told("given/00001", options=["research", "commercial"]))
    row = actions.withdraw(lab.biobank, by=SYSTEM, subject=ANNA, boxes=["commercial"])
    found = queries.standing(queries.said(ANNA), lab.biobank, timezone.localdate())
    assert row.narrows is not None
    assert (found.consent, row.options, row.narrows.uid) == (row, ["research"], "given/00001")
    with pytest.raises(Invalid, match="research"):
        actions.withdraw(lab.biobank, by=SYSTEM, subject=ANNA, boxes=["commercial"])
    with pytest.raises(Invalid):
        actions.withdraw(lab.biobank, by=SYSTEM, subject=ANNA, boxes=["research"])
    assert queries.given(lab.ecosystem).count() == 1  # nobody was asked a second time


def test_a_withdrawal_sent_twice_is_one_and_orders_destruction_once(lab: Any) -> None:
    take(lab, told("given/00001"))
    for _each in range(2):
        actions.withdraw(lab.ecosystem, by=SYSTEM, subject=ANNA, uid="page/000001", destroy=True)
    order = DestructionOrder.objects.get()
    assert (order.biobank, Statement.objects.filter(kind_of=Kind.WITHDRAWN).count()) == (lab.biobank, 1)
    with pytest.raises(Invalid):
        actions.withdraw(lab.ecosystem, by=SYSTEM, subject="id:lab:somebody-else", uid="page/000001")
    with pytest.raises(Invalid) as refused:
        actions.record_destruction(order, by=SYSTEM, act_number=" ")
    assert refused.value.field == "act_number"
    actions.record_destruction(order, by=SYSTEM, act_number="A-17", samples=4)
    assert Statement.objects.get(kind_of=Kind.DESTROYED).subject == ANNA
    with pytest.raises(Invalid):
        actions.record_destruction(order, by=SYSTEM, act_number="A-18")


def test_opting_out_stands_beside_consents_and_can_be_taken_back(lab: Any) -> None:
    take(lab, told("given/00001"))
    today = timezone.localdate()
    actions.opt_out(lab.ecosystem, by=SYSTEM, subject=ANNA)
    assert queries.opted_out(queries.said(ANNA), today)
    assert queries.standing(queries.said(ANNA), lab.biobank, today).consent is not None
    actions.opt_out(lab.ecosystem, by=SYSTEM, subject=ANNA, back=True)
    # On one day the reading that permits less holds, as at the nodes; on the next day the person can be in again.
    assert queries.opted_out(queries.said(ANNA), today)


def test_only_the_collectors_own_people_take_in(lab: Any) -> None:
    eco = lab.ecosystem
    people = factories.people(eco, factories.organisation("den"))
    for who in (people.anna, people.bruno, people.cilda):
        with pytest.raises(Refused):
            actions.take_in(lab, by=who, statements=[told("given/00001")])
        with pytest.raises(Refused):
            actions.withdraw(lab.biobank, by=who, subject=ANNA)


# ---------------------------------------------------------------- the feed


def test_batches_have_numbers_without_gaps_and_every_statement_goes_once(lab: Any) -> None:
    assert actions.pack(HUB, by=SYSTEM) is None
    for first in (0, 700):
        take(
            lab,
            *[told(f"given/{number:05}", f"id:lab:donor-{number}") for number in range(first, first + 700)],
        )
    made = []
    while (batch := actions.pack(HUB, by=SYSTEM)) is not None:
        made.append((batch.number, batch.count))
    assert made == [(1, 500), (2, 500), (3, 400)]
    assert Statement.objects.filter(batch=None).count() == 0
    assert sum(batch.statements.count() for batch in Batch.objects.all()) == 1400


# ---------------------------------------------------------------- FHIR


def test_a_consent_goes_out_as_fhir_and_comes_back_the_same(lab: Any) -> None:
    take(lab, told("given/00001", options=["research"], **CHILD))
    row = Statement.objects.get()
    resource = fhir.consent(row)
    from fhir.resources.R4B.consent import Consent  # noqa: PLC0415 -- heavy, and needed here alone

    Consent.model_validate(resource)
    [back] = fhir.statements({"resourceType": "Bundle", "entry": [{"resource": resource}]}, lab)
    assert take(lab, back) == [("given/00001", "known")]
    [ended] = fhir.statements(fhir.consent(row, withdrawn=True), lab)
    assert (ended["id"], ended["kind"]) == ("given/00001/end", "withdrawn")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"status": "draft"}, "Consent.status"),
        (
            {
                "provision": {
                    "type": "deny",
                    "provision": [{"type": "permit", "code": [{"coding": [{"code": "research"}]}]}],
                }
            },
            "Consent.provision",
        ),
        ({"provision": {"type": "permit", "actor": [{"role": {}}]}}, "Consent.provision"),
        (
            {
                "provision": {
                    "type": "permit",
                    "provision": [{"type": "deny", "code": [{"coding": [{"code": "x"}]}]}],
                }
            },
            "Consent.provision.provision",
        ),
        ({"policyRule": {"text": "broad"}}, "Consent.policyRule"),
        ({"patient": {}}, "Consent.patient"),
        ({"organization": [{"reference": "Organization/elsewhere"}]}, "Consent.organization"),
    ],
)
def test_fhir_that_would_permit_more_than_was_signed_is_refused(lab: Any, change: Any, place: str) -> None:
    take(lab, told("given/00001"))
    resource = {**fhir.consent(Statement.objects.get()), **change}
    with pytest.raises(Invalid, match=place):
        fhir.statements(resource, lab)


# ---------------------------------------------------------------- indicators


def test_indicators_count_agreements_and_consents_by_week() -> None:
    eco = factories.ecosystem()
    of = factories.biobank(eco)
    factories.form(eco)
    assert [
        each(eco, None).value
        for each in (indicators.agreements, indicators.consents, indicators.consents_weekly)
    ] == [None] * 3
    today = timezone.localdate()
    last_week = queries.monday(today) - timedelta(days=3)
    for number, code in enumerate(("a", "b", "c", "d")):
        lab = factories.collector(eco, of, code, agreed_on=date(2025, 1, 1 + number), example=code == "d")
        take(
            lab,
            *[
                told(f"{code}/000000{each}", f"id:{code}:donor-{each}", on=last_week.isoformat())
                for each in range(number)
            ],
        )
    actions.edit_collector(eco.collectors.get(code="a"), by=SYSTEM, ended_on=date(2025, 6, 1))
    assert indicators.agreements(eco, None).value == 2  # one has ended, one is an example
    assert indicators.agreements(eco, Period.parse("2025-02")).value == 3
    assert indicators.consents(eco, None).value == 0 + 1 + 2 + 3
    assert indicators.consents(eco, Period.parse("2020")).value == 0
    assert indicators.consents_weekly(eco, None).value == pytest.approx(
        Decimal(6) / 4
    )  # d, c and b in four weeks


# ---------------------------------------------------------------- pages


def test_bruno_takes_in_at_the_counter_and_a_page_sent_twice_counts_once(lab: Any) -> None:
    people = factories.people(lab.ecosystem, factories.organisation())
    bruno, cilda = signed_in(people.bruno), signed_in(people.cilda)
    where = "/en/bees/biobanks/consent/collectors/lab/broad/1/"
    assert cilda.get(where).status_code == 403
    page = bruno.get(where).content.decode()
    assert "For research." in page
    given = {
        "uid": "1fdd5c2a-page",
        "subject": "BCDFG hjkmn pqrst vwxzb",
        "on": timezone.localdate().isoformat(),
        "options": ["research"],
        "signer": "self",
        "witness": "Bruno Paraugs",
        "language": "en",
    }
    scan = SimpleUploadedFile("papīrs.pdf", b"%PDF-1.4 izdomats", content_type="application/pdf")
    first = bruno.post(where, {**given, "files": scan})
    assert first.status_code == 302
    assert bruno.post(where, given)["Location"] == first["Location"]
    row = Statement.objects.get()
    assert (row.subject, row.witness, Attachment.objects.count()) == (ANNA, "Bruno Paraugs", 1)
    shown = bruno.get(first["Location"]).content.decode()
    assert "0 / 0" in shown
    assert cilda.get(first["Location"]).status_code == 403
    refused = bruno.post(where, {**given, "uid": "1fdd5c2b-page", "signer": "guardian", "capacity": "māte"})
    assert "adult_on" in refused.content.decode()


def test_bruno_looks_up_a_donor_withdraws_and_records_the_destruction(lab: Any) -> None:
    take(lab, told("given/00001", options=["research", "commercial"]))
    people = factories.people(lab.ecosystem, factories.organisation())
    bruno, cilda = signed_in(people.bruno), signed_in(people.cilda)
    base = "/en/bees/biobanks/consent/"
    assert cilda.post(f"{base}donor/", {"subject": ANNA}).status_code == 403
    found = bruno.post(f"{base}donor/", {"subject": ANNA}).content.decode()
    assert "in force" in found
    asked = bruno.post(f"{base}withdraw/nectar/", {"subject": ANNA}).content.decode()
    assert "For profit too." in asked
    sent = {"subject": ANNA, "uid": "page/000001", "confirmed": "1"}
    narrowed = bruno.post(f"{base}withdraw/nectar/", {**sent, "boxes": ["commercial"]})
    assert narrowed.status_code == 302
    done = bruno.post(f"{base}withdraw/nectar/", {**sent, "uid": "page/000002", "destroy": "on"})
    assert "What had left before" in bruno.get(done["Location"]).content.decode()
    order = DestructionOrder.objects.get()
    assert "orders wait" in bruno.get(f"{base}destructions/").content.decode()
    act = {"act_number": "A-1", "on": timezone.localdate().isoformat(), "seen": "1"}
    assert bruno.post(f"{base}destructions/{order.pk}/", act).status_code == 302
    assert bruno.post(f"{base}opt-out/", {"subject": ANNA, "uid": "page/000003"}).status_code == 302
    assert "not in force" in bruno.post(f"{base}donor/", {"subject": ANNA}).content.decode()


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(
    ("path", "count"),
    [("consent/", 6), ("consent/collectors/c0/", 4), ("consent/forms/broad/1/", 3), ("nodes/", 2)],
)
def test_public_pages_cost_the_same_whatever_they_show(
    django_assert_num_queries: Any, client: Client, path: str, count: int, rows: int
) -> None:
    eco = factories.ecosystem()
    of = factories.biobank(eco)
    factories.form(eco)
    for number in range(rows):
        lab = factories.collector(eco, of, f"c{number}", agreed_on=date(2025, 1, 1))
        take(lab, *[told(f"{number}/000000{each}", f"id:c{number}:donor-{each}") for each in range(rows)])
        factories.node(eco, f"n{number}")
    with django_assert_num_queries(count):
        assert client.get(f"/en/bees/biobanks/{path}").status_code == 200
