"""Who reads what of the record. Anna coordinates, Bruno works for the ministry that reports, Cilda may not; Dzintars

administers the hub, and so sees what Anna sees; Elza coordinates elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from talka.billing.models import Charge
from talka.core import attachments, reports
from talka.core.actions import SYSTEM
from talka.core.models import Attachment, Report
from talka.core.testing import acting
from talka.core.values import Period
from talka.documents import record
from talka.domains.models import Ecosystem
from talka.facilities.tests import factories as facility
from talka.governance import actions as governance
from talka.governance.tests.factories import body, decision
from talka.parties.models import Account, Organisation
from talka.plan import actions
from talka.plan.models import Measure, Plan
from talka.plan.tests import factories
from talka.strategy import actions as strategies
from talka.strategy.models import Strategy

pytestmark = pytest.mark.django_db


@dataclass
class Scene:
    """An ecosystem with a strategy and a plan in force, and who looks at it."""

    eco: Ecosystem
    ministry: Organisation
    plan: Plan
    who: dict[str, Account | None] = field(default_factory=dict)

    def may(self, rule: Any, row: Any) -> set[str]:
        """Those whom a rule lets, by name."""
        return {name for name, account in self.who.items() if rule(account, row)}


@pytest.fixture
def scene() -> Scene:
    eco = factories.ecosystem()
    ministry = factories.organisation("VM")
    factories.strategy(eco)
    people = {
        "anna": factories.account("Anna", "coordinator", where=eco),
        "bruno": factories.account("Bruno", of=ministry),
        "cilda": factories.account("Cilda"),
        "dzintars": factories.account("Dzintars", "administrator"),
        "elsewhere": factories.account("Elza", "coordinator", where=factories.ecosystem("bioeconomy")),
        "public": None,
    }
    return Scene(eco, ministry, factories.plan(eco, measures=1, adopted=True), people)


def report(scene: Scene, *, public: bool) -> tuple[Report, Attachment]:
    """A report of the ministry with a file."""
    measure = scene.plan.measures.get()
    with acting():
        made = reports.submit(
            measure, by=SYSTEM, period=Period.year(2023), text="Darīts.", institution=scene.ministry
        )
        return made, attachments.attach(made, SimpleUploadedFile("a.txt", b"Pats"), by=SYSTEM, public=public)


def test_the_history_of_what_is_in_force_is_everybodys(scene: Scene) -> None:
    for row in (scene.plan, scene.plan.measures.get(), scene.eco, Strategy.objects.get()):
        assert scene.may(record.may_read, row) == set(scene.who)


def test_the_history_of_a_draft_is_for_those_who_see_drafts(scene: Scene) -> None:
    draft = factories.plan(scene.eco, 2024, measures=1)
    version = strategies.draft_from(Strategy.objects.get(), by=SYSTEM)
    prepared = decision(body(scene.eco))
    for row in (draft, Measure.objects.get(plan=draft), version, version.priority_set.first(), prepared):
        assert scene.may(record.may_read, row) == {"anna", "dzintars"}


def test_what_is_personal_is_for_administrators(scene: Scene) -> None:
    bruno = scene.who["bruno"]
    assert bruno is not None and bruno.person is not None
    for row in (bruno, bruno.person, bruno.person.affiliations.get()):
        assert scene.may(record.may_read, row) == {"dzintars"}


# What is reported is the institution's and the team's until it is accepted; then its public files are everybody's.
@pytest.mark.parametrize(
    ("public", "accepted", "open_to"),
    [
        (False, False, {"anna", "bruno", "dzintars"}),
        (True, False, {"anna", "bruno", "dzintars"}),
        (False, True, {"anna", "bruno", "dzintars"}),
        (True, True, {"anna", "bruno", "cilda", "dzintars", "elsewhere", "public"}),
    ],
)
def test_who_reads_a_report_and_opens_its_file(
    scene: Scene, public: bool, accepted: bool, open_to: set[str]
) -> None:
    made, file = report(scene, public=public)
    if accepted:
        actions.accept_report(made, by=SYSTEM)
    assert scene.may(record.may_read, made) == {"anna", "bruno", "dzintars"}
    assert scene.may(record.may_open, file) == open_to
    answers = {name: visit(account, "attachment", file.pk) for name, account in scene.who.items()}
    assert {name for name, status in answers.items() if status == 200} == open_to
    assert set(answers.values()) <= {200, 404}


def visit(account: Account | None, name: str, *arguments: Any) -> int:
    client = Client()
    if account is not None:
        client.force_login(account)
    with override("lv"):
        answer = client.get(reverse(name, args=arguments))
    # Read to its end it closes its file; closed by hand it would close the database as well.
    list(getattr(answer, "streaming_content", ()))
    return answer.status_code


def told(scene: Scene, name: str) -> set[tuple[str, str]]:
    return set(record.events(scene.eco, scene.who[name]).values_list("verb", "subject_kind"))


@pytest.mark.parametrize("name", ["bruno", "cilda", "elsewhere", "public"])
def test_outsiders_are_told_nothing_of_what_is_in_preparation(scene: Scene, name: str) -> None:
    before = told(scene, name)
    factories.plan(scene.eco, 2024, measures=1)
    version = strategies.draft_from(Strategy.objects.get(), by=SYSTEM)
    council = body(scene.eco)
    prepared = decision(council)
    governance.edit(prepared, by=SYSTEM, title_lv="Par citu medu")
    actions.report(scene.plan.measures.get(), by=SYSTEM, period=Period.year(2023), text="Darīts.")
    assert told(scene, name) - before == {("governance.add_body", "governance.body")}
    strategies.discard(version, by=SYSTEM)  # of what is thrown away nothing remains but what was done to it
    assert told(scene, name) - before == {("governance.add_body", "governance.body")}
    governance.adopt(prepared, by=SYSTEM)
    assert told(scene, name) - before == {
        ("governance.add_body", "governance.body"),
        ("governance.edit", "governance.decision"),
        ("governance.adopt", "governance.decision"),
    }


def test_the_team_is_told_of_everything_but_roles(scene: Scene) -> None:
    decision(body(scene.eco))
    actions.report(scene.plan.measures.get(), by=SYSTEM, period=Period.year(2023), text="Darīts.")
    assert {("governance.prepare", "governance.decision"), ("plan.report", "core.report")} <= told(
        scene, "anna"
    )
    assert not {kind for _verb, kind in told(scene, "anna")} & record.PERSONAL


def test_drafts_are_found_by_those_who_may_see_them(scene: Scene) -> None:
    factories.plan(scene.eco, 2024, measures=1)
    found = {}
    for name, account in scene.who.items():
        client = Client()
        if account is not None:
            client.force_login(account)
        with override("lv"):
            answer = client.get(reverse("search"), {"q": "Pasākums 1"})
        found[name] = len(answer.context["hits"])
    assert found == {"anna": 2, "bruno": 1, "cilda": 1, "dzintars": 2, "elsewhere": 1, "public": 1}


def test_the_history_of_a_row_tells_of_its_parts_also_of_those_that_are_gone(scene: Scene) -> None:
    measure = scene.plan.measures.get()
    actions.edit_measure(measure, by=SYSTEM, results_lv=["Karte"])
    actions.edit_measure(measure, by=SYSTEM, results_lv=["Kartes", "Saraksts"])
    actions.edit_measure(measure, by=SYSTEM, results_lv=[])
    told = [
        (change.kind, change.fields["text_lv"].get("to"))
        for change in record.history(measure)
        if change.subject_kind == "plan.result" and "text_lv" in change.fields
    ]
    assert told == [
        ("deleted", None),
        ("deleted", None),
        ("created", "Saraksts"),
        ("changed", "Kartes"),
        ("changed", "Karte"),
    ]


def test_every_part_hangs_where_it_is_said_to() -> None:
    for kind, column in record.PARTS.items():
        model = record.model_of(kind)
        assert model is not None, kind
        parent = model._meta.get_field(column).related_model
        assert parent.kind() in record.TOLD, kind  # type: ignore[union-attr]


def test_what_is_between_few_is_told_to_them_alone() -> None:
    """A booking, its project, its charge: for who booked, who runs the unit, who keeps the books; no coordinator."""
    drawn = facility.scene()
    booking = facility.booked(drawn, 1, 10, 12)
    charge = Charge.objects.get()
    who: dict[str, Account | None] = {
        "anna": drawn.anna,
        "bruno": drawn.bruno,
        "cilda": drawn.cilda,
        "coordinator": factories.account("Elza", "coordinator", where=drawn.eco),
        "public": None,
    }
    for row in (booking, booking.slots.get(), booking.project, charge, drawn.payer):
        assert {name for name, each in who.items() if record.may_read(each, row)} == {"anna", "bruno"}
    for name, each in who.items():
        kinds = set(record.events(drawn.eco, each).values_list("subject_kind", flat=True))
        assert not kinds & {"facilities.booking", "facilities.userproject", "billing.charge"}, name
        assert record.may_read(each, drawn.microscope)
