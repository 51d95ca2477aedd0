"""Permits at a node: what lies within one is answered on its grounds; all else is refused, whatever the data are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka_node import journal
from talka_node.consent.feed import sealed
from talka_node.disclosure import Refused, Standing
from talka_node.http import Service
from talka_node.hub import Hub
from talka_node.node import Answer, Node
from talka_node.permits import PERMIT
from talka_node.signed import Caller, Callers
from talka_node.tests import hospital
from talka_node.tests.test_http import Asker, running
from talka_query import wire
from talka_query.nodes import Axis, Diagnosis, IsSex, Question, Sex, Use, Window
from talka_query.permits import Permit

pytestmark = pytest.mark.once

HUB, MALLORY = (Ed25519PrivateKey.from_private_bytes(bytes([each]) * 32) for each in (1, 3))
FORM = {
    **hospital.FORM,
    "options": {
        "research": {"text": {"lv": "Drīkst.", "en": "May."}, "terms": ["GRU", {"PS": "lungs-2026"}]},
    },
}
LUNGS = Permit(
    "lungs-2026",
    "anna",
    date(2026, 1, 1),
    date(2026, 6, 30),
    frozenset({hospital.RESEARCH}),
    frozenset({"diagnosis"}),
    frozenset({Axis.SEX}),
    diagnoses=frozenset({"E00-E90"}),
)


def signed(permit: Permit = LUNGS, by: Ed25519PrivateKey = HUB, **more: Any) -> bytes:
    told = {"node": None, "permit": wire.encode(permit), "grounds": {"project": "lungs-2026"}, **more}
    return sealed(PERMIT, told, "hub-2026", by)


def revocation(name: str = "lungs-2026") -> bytes:
    return sealed(PERMIT, {"node": None, "revoked": name}, "hub-2026", HUB)


def asked(such_that: Diagnosis = hospital.DIABETES, **more: Any) -> Question:
    return replace(hospital.question(such_that), permit="lungs-2026", **more)


def made(path: Path) -> None:
    """A node whose donors let one project alone use their data."""
    hospital.create(path)
    (path / "forms" / "broad-1.json").write_text(json.dumps(FORM), encoding="utf-8")


@pytest.fixture
def clock() -> hospital.Clock:
    return hospital.Clock()


@pytest.fixture
def node(tmp_path: Path, clock: hospital.Clock) -> Iterator[Node]:
    made(tmp_path / "node")
    with Node(tmp_path / "node", clock=clock) as opened:
        opened.set_hub(Hub(keys={"hub-2026": HUB.public_key().public_bytes_raw()}))
        hospital.take(opened, hospital.donors(0, 40))
        yield opened


def told(node: Node, question: Question | None = None) -> int | tuple[str, ...] | None:
    answer = node.ask(question or asked())
    return answer.released.total if isinstance(answer, Answer) else answer.reasons


def test_a_permit_is_the_ground_on_which_consent_is_decided(node: Node) -> None:
    assert told(node) == ("permit: this node holds no permit of this name.",)
    assert told(node, hospital.question()) is None  # nobody permits it without the project
    [taken] = node.take_permits([signed()])
    assert taken == {
        "permit": "lungs-2026", "holder": "anna", "state": "in force", "since": "2026-01-01",
        "until": "2026-06-30", "questions": None, "asked": 0,
    }  # fmt: skip
    assert told(node) == 40
    assert told(node, replace(hospital.question(), permit=None)) is None
    assert node.attrition(asked()) == [None, 40]  # nobody dropped out, which is not told
    assert node.permits.all(node.today())[0]["asked"] == 2


def test_grounds_that_are_not_named_are_not_taken_for_granted(node: Node) -> None:
    node.take_permits([signed(grounds={})])
    assert told(node) is None
    node.take_permits([revocation(), signed(replace(LUNGS, permit="other"), grounds={"project": "another"})])
    assert told(node, replace(asked(), permit="other")) is None


@pytest.mark.parametrize(
    ("question", "says"),
    [
        (asked(asker="bruno"), "asker: The permit was given to somebody else."),
        (asked(asker="hub/bruno"), "asker: The permit was given to somebody else."),
        (asked(asker="mallory/anna"), "asker: The permit was given to somebody else."),
        (
            replace(asked(), purpose=replace(hospital.RESEARCH, commercial=True)),
            "purpose: The permit does not provide for this purpose.",
        ),
        (
            replace(asked(), purpose=replace(hospital.RESEARCH, use=Use.METHODS)),
            "purpose: The permit does not provide for this purpose.",
        ),
        (
            asked(Diagnosis(frozenset({"C50"}))),
            "such_that.codes: C50 is not among the diagnoses of the permit: E00-E90.",
        ),
        (
            replace(asked(), such_that=IsSex(frozenset({Sex.FEMALE}))),
            "such_that: The permit does not provide for the criterion “sex”.",
        ),
        (asked(by=(Axis.AGE_BAND,)), "by[0]: The permit does not provide for a breakdown by age_band."),
    ],
)
def test_what_lies_outside_is_refused_whatever_the_data(
    question: Question, says: str, node: Node, tmp_path: Path, clock: hospital.Clock
) -> None:
    made(tmp_path / "empty")
    with Node(tmp_path / "empty", clock=clock) as empty:
        empty.set_hub(node.hub or Hub())
        for each in (node, empty):
            each.take_permits([signed()])
        refused = node.ask(question)
        assert isinstance(refused, Refused)
        assert refused.reasons == (says,)
        assert empty.ask(question) == refused
    [entry] = journal.entries(node.path / "journal")
    assert (entry.kind, entry.read()["reasons"]) == ("refusal", [says])


def test_a_permit_begins_and_ends_on_its_days(node: Node, clock: hospital.Clock) -> None:
    node.take_permits([signed(replace(LUNGS, since=date(2026, 2, 1), until=date(2026, 2, 2)))])
    told_by_day = []
    for _ in range(4):  # from 31 January on
        told_by_day.append(told(node))
        clock.at += timedelta(1)
    assert told_by_day == [
        ("permit: The permit begins on 2026-02-01.",),
        40,
        40,
        ("permit: The permit ended on 2026-02-02.",),
    ]
    # A clock put back does not bring it back.
    clock.at -= timedelta(3)
    assert told(node) == ("permit: The permit ended on 2026-02-02.",)


def test_a_quota_is_spent_by_answers_and_survives_a_restart(node: Node, clock: hospital.Clock) -> None:
    node.take_permits([signed(questions=3)])
    over = ("permit: all of its 3 questions have been answered.",)
    assert [told(node), told(node, asked(by=(Axis.AGE_BAND,)))] == [
        40,
        ("by[0]: The permit does not provide for a breakdown by age_band.",),
    ]
    assert told(node) == 40
    node.close()
    with Node(node.path, clock=clock) as again:
        assert again.permits.all(again.today())[0]["asked"] == 2
        assert [told(again), told(again), told(again)] == [40, over, over]
        # The same permit sent again is not a new one.
        assert again.take_permits([signed(questions=3)])[0]["asked"] == 3
        assert told(again) == over


def test_a_revoked_permit_answers_no_more_and_no_backup_brings_it_back(
    node: Node, clock: hospital.Clock, tmp_path: Path
) -> None:
    node.take_permits([signed()])
    assert told(node) == 40
    assert node.take_permits([revocation()]) == [{"revoked": "lungs-2026", "on": "2026-01-31"}]
    gone = ("permit: it was revoked on 2026-01-31.",)
    assert told(node) == gone
    # Nor does anybody's word for it.
    answer = node.ask(asked(), standing=Standing.PERMIT)
    assert isinstance(answer, Refused)
    assert answer.reasons == gone
    [taken] = node.take_permits([signed()])
    assert "was revoked on 2026-01-31; give a new one another name" in taken["refused"]
    node.close()
    assert not list(
        node.path.rglob("*.revoked")
    )  # it lies outside the directory, where no backup of it reaches
    with Node(node.path, clock=clock) as again:
        assert told(again) == gone
        assert again.permits.all(again.today())[0]["state"] == "revoked"


def test_a_permit_may_be_revoked_before_it_comes(node: Node) -> None:
    node.permits.revoke("lungs-2026", node.today())
    [taken] = node.take_permits([signed()])
    assert "was revoked" in taken["refused"]


def test_a_permit_that_others_vouch_for_opens_no_consent(node: Node) -> None:
    answer = node.ask(asked(), standing=Standing.PERMIT)
    assert isinstance(answer, Answer)
    assert answer.released.total is None


@pytest.mark.parametrize(
    ("envelope", "says"),
    [
        (signed(by=MALLORY), "the signature is not of this text"),
        (
            sealed(b"talka consent message 1\n", {"permit": {}}, "hub-2026", HUB),
            "the signature is not of this text",
        ),
        (sealed(PERMIT, {}, "hub-2025", HUB), "signed with a key that this node does not know"),
        (b"{}", "not an envelope"),
        (signed(node="another"), "meant for another node"),
        (signed(until="later"), "until is not understood, so nothing is permitted"),
        (signed(questions=0), "questions is how many it is good for"),
        (signed(questions=True), "questions is how many it is good for"),
        (sealed(PERMIT, {"permit": {"permit": "x"}}, "hub-2026", HUB), "version: is missing"),
        (signed(grounds={"projekts": "x"}), "grounds is a mapping of"),
        (signed(grounds={"months": "6"}), "months a number"),
        (signed(grounds={"topics": "lungs"}), "lists"),
        (signed(replace(LUNGS, holder="010180-12345")), "holds what looks like a personal code"),
    ],
)
def test_what_is_no_permit_is_not_taken(envelope: bytes, says: str, node: Node) -> None:
    [taken] = node.take_permits([envelope])
    assert says in taken["refused"]
    assert "010180" not in taken["refused"]
    assert node.permits.all(node.today()) == []


def test_another_permit_of_the_same_name_is_not_taken(node: Node) -> None:
    node.take_permits([signed()])
    [taken] = node.take_permits([signed(replace(LUNGS, diagnoses=frozenset()))])
    assert "another permit 'lungs-2026' is held" in taken["refused"]
    assert told(node, asked(Diagnosis(frozenset({"C50"})))) == (
        "such_that.codes: C50 is not among the diagnoses of the permit: E00-E90.",
    )


def test_what_the_grid_would_widen_beyond_the_permit_is_refused(node: Node) -> None:
    """Windows lie on months: from 15 January on is answered from 1 January on, which the permit does not cover."""
    node.take_permits([signed(replace(LUNGS, recent=date(2024, 1, 15)))])
    since = Diagnosis(frozenset({"E11"}), window=Window(date(2024, 1, 15)))
    says = "such_that.window.since: The permit is about records from 2024-01-15 on only."
    assert told(node, asked(since)) == (says,)
    later = Diagnosis(frozenset({"E10"}), window=Window(date(2024, 2, 1)))
    assert not isinstance(told(node, asked(later)), tuple)


def test_a_key_that_is_taken_no_more_takes_its_permits_along(node: Node, clock: hospital.Clock) -> None:
    node.take_permits([signed()])
    node.set_hub(Hub(keys={"hub-2027": MALLORY.public_key().public_bytes_raw()}))
    assert told(node) == ("permit: this node holds no permit of this name.",)
    [finding] = node.verify()
    assert "signed with a key that this node does not know; questions by it are refused" in finding


def test_the_hub_pushes_permits_and_its_accounts_ask_by_them(node: Node) -> None:
    callers = Callers(node.path / "callers.json")
    callers.put(Caller("hub", HUB.public_key().public_bytes_raw().hex()))
    callers.put(Caller("mallory", MALLORY.public_key().public_bytes_raw().hex()))
    with running(Service(node)) as address:
        hub, mallory = Asker(address, HUB, "hub"), Asker(address, MALLORY, "mallory")
        pushed = hub.post("/permits", signed() + b"\n" + signed(replace(LUNGS, permit="x"), by=MALLORY))
        first, second = map(json.loads, pushed.body.splitlines())
        assert (first["permit"], list(second)) == ("lungs-2026", ["refused"])
        answer = hub.ask(asked())
        assert answer.told["answer"]["total"] == 40
        refused = mallory.ask(asked())
        assert (refused.status, refused.told["reasons"]) == (
            403,
            ["asker: The permit was given to somebody else."],
        )
        pushed = hub.post("/permits", revocation())
        assert json.loads(pushed.body)["revoked"] == "lungs-2026"
        assert hub.ask(asked()).told["reasons"] == ["permit: it was revoked on 2026-01-31."]
