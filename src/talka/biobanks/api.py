"""The API of the room: the directory, nodes and the numbers they sign, forms, and what donors say."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Body, Router, Schema
from pydantic import Field

from talka.biobanks import actions, courier, sheets  # noqa: F401 -- the sheets declare themselves
from talka.biobanks.models import Collector, Role, Statement
from talka.biobanks.queries import consent, directory, nodes
from talka.biobanks.standards import consent as fhir
from talka.core.actions import SYSTEM
from talka.core.api import LIMIT, OFFSET, Seen, actor, holding, one_of, page, page_of, reader, table
from talka.domains import queries as domains
from talka.domains.api import InEcosystem, here

router = Router(tags=["biobanks"])
BASE = "/ecosystems/{ecosystem}"
TABLES = {
    "contacts": ("biobank-contacts", "BiobankContact"),
    "biobanks": ("biobanks", "Biobank"),
    "collections": ("collections", "SampleCollection"),
    "networks": ("biobank-networks", "BiobankNetwork"),
    "resources": ("research-resources", "ResearchResource"),
    "services": ("biobank-services", "BiobankService"),
    "qualities": ("quality-standards", "QualityStandard"),
    "nodes": ("data-nodes", "DataNode"),
    "forms": ("consent-forms", "ConsentForm"),
    "collectors": ("collectors", "Collector"),
}
for _sheet, (_path, _name) in TABLES.items():
    table(router, f"biobanks.{_sheet}", f"{BASE}/{_path}", name=_name, where=InEcosystem, parent=here)


# ---------------------------------------------------------------- the directory


class Hit(Schema):
    """A collection that a search found."""

    id: int
    miabis_id: str
    biobank: str
    code: str
    title_lv: str
    title_en: str
    materials: list[str]
    diseases: list[str]
    url: str


HitPage = page_of(Hit)


@router.get(BASE + "/collection-search", response=HitPage)
def search_collections(
    request: HttpRequest,
    ecosystem: str,
    q: str = "",
    disease: str = "",
    material: str = "",
    data: str = "",
    limit: int = LIMIT,
    offset: int = OFFSET,
) -> Any:
    """Collections by words, the beginning of a code of a disease, types of samples and of data (codes, with commas)."""
    chosen = {
        "material": [each for each in material.split(",") if each],
        "data": [each for each in data.split(",") if each],
    }
    found = directory.search(
        domains.enter(request, ecosystem), text=q[:200], disease=disease[:20], chosen=chosen
    )
    rows = directory.by_ids(list(found.ids[offset : offset + limit]))
    return {
        "count": len(found.ids),
        "limit": limit,
        "offset": offset,
        "items": [
            {
                "id": row.pk,
                "miabis_id": row.miabis_id,
                "biobank": row.biobank.code,
                "code": row.code,
                "title_lv": row.title_lv,
                "title_en": row.title_en,
                "materials": row.materials,
                "diseases": row.diseases,
                "url": row.get_absolute_url(),
            }
            for row in rows
        ],
    }


class Confirmed(Schema):
    """When the descriptions of a biobank were last confirmed."""

    code: str
    checked_on: date


@router.post(BASE + "/biobanks/{code}/confirm", response=Confirmed)
def confirm_description(request: HttpRequest, ecosystem: str, code: str, seen: Seen) -> Any:
    """Says that the descriptions of a biobank and of all its collections hold today."""
    row = one_of(directory.biobanks(domains.enter(request, ecosystem)), "code", code)
    who = actor(request)
    with holding(row, seen.revision):
        actions.confirm_description(row, by=who)
    return {"code": row.code, "checked_on": row.checked_on}


class Verdict(Seen):
    """What a verification found."""

    upheld: bool
    finding: str = ""


class Verified(Schema):
    """A quality standard after its verification."""

    id: int
    revision: int
    upheld: bool
    verified_on: date
    finding: str


@router.post(BASE + "/quality-standards/{int:id}/verify", response=Verified)
def verify_quality(request: HttpRequest, ecosystem: str, id: int, verdict: Verdict) -> Any:  # noqa: A002 -- the path's word
    """Says whether a claimed standard was found to be met."""
    row = one_of(directory.qualities(domains.enter(request, ecosystem)), "pk", id)
    return actions.verify_quality(
        row, by=actor(request), upheld=verdict.upheld, finding=verdict.finding, seen=verdict.revision
    )


# ---------------------------------------------------------------- nodes


class NodeStanding(Schema):
    """How a node was last seen."""

    code: str
    state: str = Field(description="up, down, mismatch or unseen")
    why: str
    checked_at: datetime | None
    seen_at: datetime | None
    donors: int | None
    agreed: dict[str, int]


class Reach(Schema):
    """The nodes in use, and the share of donors (as last told) whose nodes do not answer; null: not known."""

    up: int
    nodes: list[NodeStanding]
    missing_share: float | None


@router.get(BASE + "/node-health", response=Reach)
def node_health(request: HttpRequest, ecosystem: str) -> Any:
    """Which nodes answer now."""
    reach = nodes.reach(domains.enter(request, ecosystem))
    return {
        "up": reach.up,
        "missing_share": reach.missing_share,
        "nodes": [
            {
                "code": each.node.code,
                "state": each.state,
                "why": each.node.why,
                "checked_at": each.node.checked_at,
                "seen_at": each.node.seen_at,
                "donors": each.node.donors,
                "agreed": each.agreed,
            }
            for each in reach.sights
        ],
    }


class Envelope(Schema):
    """What a node has signed with its registered key: a text that is JSON, the key's name, the signature (base64)."""

    text: str
    key: str
    signature: str


class Taken(Schema):
    """What was taken of a node's numbers."""

    node: str
    figures: int = Field(description="numbers of this node that are known now")


@router.post("/nodes/{code}/numbers", response=Taken)
def push_numbers(request: HttpRequest, code: str, envelope: Envelope) -> Any:
    """Numbers of its collections, pushed by a node. Its signature is its key: no other is needed."""
    node = one_of(nodes.with_role(Role.NUMBERS), "code", code)
    actions.take_numbers(node, by=SYSTEM, envelope=json.dumps(envelope.dict()).encode())
    return {"node": node.code, "figures": nodes.figures_of(node).count()}


# ---------------------------------------------------------------- consent


class Statements(Schema):
    """What donors said at a collector, at most a thousand at once: each {"id", "kind", "subject", "on",
    "form", "version", "options", "signer", "capacity", "adult_on", "witness", "language", "way", "taken_at"}."""

    statements: list[dict[str, Any]]


class OutcomeOut(Schema):
    """What became of one statement."""

    id: str
    status: str = Field(description="taken, known (told before) or refused")
    why: str = ""


class IntakeOut(Schema):
    """What became of each statement, in the order in which they were sent."""

    taken: int
    known: int
    refused: int
    outcomes: list[OutcomeOut]


def _collector(request: HttpRequest, ecosystem: str, code: str) -> Collector:
    found = one_of(consent.collectors(domains.enter(request, ecosystem)), "code", code)
    assert isinstance(found, Collector)
    return found


def _outcomes(told: Any) -> dict[str, Any]:
    return {
        **{status: told.count(status) for status in ("taken", "known", "refused")},
        "outcomes": [{"id": each.uid, "status": each.status, "why": each.why} for each in told.outcomes],
    }


@router.post(BASE + "/collectors/{code}/statements", response=IntakeOut)
def take_in(request: HttpRequest, ecosystem: str, code: str, sent: Statements) -> Any:
    """Takes in what donors said at a collector. Sending it again changes nothing: each statement has its maker's id."""
    row = _collector(request, ecosystem, code)
    return _outcomes(actions.take_in(row, by=actor(request), statements=sent.statements))


@router.post(BASE + "/collectors/{code}/fhir", response=IntakeOut)
def take_in_fhir(request: HttpRequest, ecosystem: str, code: str, resource: Body[dict[str, Any]]) -> Any:
    """Takes in a FHIR R4 Consent, or a Bundle of them."""
    row = _collector(request, ecosystem, code)
    return _outcomes(actions.take_in(row, by=actor(request), statements=fhir.statements(resource, row)))


class StatementOut(Schema):
    """What was said, and how many nodes have signed that they obey it."""

    id: int
    uid: str
    kind: str
    subject: str
    on: date
    biobank: str | None
    form: str | None
    options: list[str]
    message: int | None = Field(
        description="number of the feed's message that carries it; null: being packed"
    )
    landed: int
    nodes: int
    seconds: float | None


StatementPage = page_of(StatementOut)


def _said(row: Statement) -> dict[str, Any]:
    way = consent.way(row)
    return {
        "id": row.pk,
        "uid": row.uid,
        "kind": row.kind_of,
        "subject": row.subject,
        "on": row.on,
        "biobank": row.biobank.code if row.biobank else None,
        "form": row.form.name if row.form else None,
        "options": row.options,
        "message": row.batch.number if row.batch else None,
        "landed": way.landed,
        "nodes": way.all,
        "seconds": way.seconds,
    }


@router.get(BASE + "/statements", response=StatementPage)
def statements(request: HttpRequest, ecosystem: str, limit: int = LIMIT, offset: int = OFFSET) -> Any:
    """What donors said to your institutions, newest first, each with how far it has come."""
    eco = domains.enter(request, ecosystem)
    return page(consent.visible(eco, reader(request)), limit, offset, _said)


class ConsentWithdrawal(Schema):
    """A donor withdraws today: wholly, or the boxes named. Without a biobank: at every one."""

    id: str = Field(description="made by whoever sends it; sent again, it is the same withdrawal")
    subject: str
    biobank: str = ""
    boxes: list[str] = []
    destroy: bool = False
    reason: str = ""


@router.post(BASE + "/withdrawals", response={201: StatementOut})
def withdraw(request: HttpRequest, ecosystem: str, sent: ConsentWithdrawal) -> Any:
    """Takes consent back; the answer says how many nodes have signed by now that they obey."""
    eco = domains.enter(request, ecosystem)
    place = one_of(directory.biobanks(eco), "code", sent.biobank) if sent.biobank else eco
    row = actions.withdraw(
        place,
        by=actor(request),
        subject=sent.subject,
        uid=sent.id,
        boxes=sent.boxes or None,
        destroy=sent.destroy,
        reason=sent.reason,
        way="program",
    )
    return _landed(row)


class OptOut(Schema):
    """A person opts out of secondary use, or `back` in."""

    id: str
    subject: str
    back: bool = False


@router.post(BASE + "/opt-outs", response={201: StatementOut})
def opt_out(request: HttpRequest, ecosystem: str, sent: OptOut) -> Any:
    """Notes that a person opts out of the secondary use of health data (EHDS, Article 71), or in again."""
    eco = domains.enter(request, ecosystem)
    row = actions.opt_out(
        eco, by=actor(request), subject=sent.subject, uid=sent.id, back=sent.back, way="program"
    )
    return _landed(row)


def _landed(row: Statement) -> dict[str, Any]:
    courier.carry()
    return _said(one_of(Statement.objects.select_related("biobank", "form", "batch"), "pk", row.pk))


class DestructionOut(Schema):
    """An order to destroy, and the act that carried it out."""

    id: int
    revision: int
    subject: str
    biobank: str
    due_on: date
    done_on: date | None
    act_number: str


DestructionPage = page_of(DestructionOut)


def _order(row: Any) -> dict[str, Any]:
    return {
        "id": row.pk,
        "revision": row.revision,
        "subject": row.statement.subject,
        "biobank": row.biobank.code,
        "due_on": row.due_on,
        "done_on": row.done_on,
        "act_number": row.act_number,
    }


def _orders(request: HttpRequest, ecosystem: str) -> Any:
    who = reader(request)
    mine = who.organisation_ids() if who is not None else frozenset()
    return consent.destructions(domains.enter(request, ecosystem)).filter(biobank__juristic_person__in=mine)


@router.get(BASE + "/destructions", response=DestructionPage)
def destructions(request: HttpRequest, ecosystem: str, limit: int = LIMIT, offset: int = OFFSET) -> Any:
    """Orders to destroy samples of your institutions."""
    return page(_orders(request, ecosystem), limit, offset, _order)


class Act(Seen):
    """The act by which samples were destroyed."""

    act_number: str
    on: date | None = None
    samples: int | None = Field(None, ge=0)
    note: str = ""


@router.post(BASE + "/destructions/{int:id}/act", response=DestructionOut)
def record_destruction(request: HttpRequest, ecosystem: str, id: int, act: Act) -> Any:  # noqa: A002 -- the path's word
    """Records the act by which a biobank destroyed what it held of a donor."""
    row = one_of(_orders(request, ecosystem), "pk", id)
    made = actions.record_destruction(
        row,
        by=actor(request),
        act_number=act.act_number,
        on=act.on,
        samples=act.samples,
        note=act.note,
        seen=act.revision,
    )
    return _order(made)


class FormFile(Schema):
    """The forms of an ecosystem as nodes read them."""

    forms: list[dict[str, Any]]


@router.get(BASE + "/consent-form-files", response=FormFile)
def form_files(request: HttpRequest, ecosystem: str) -> Any:
    """Every published form as a node's `forms/` holds it."""
    rows = consent.forms(domains.enter(request, ecosystem)).exclude(published_on=None)
    return {"forms": [row.plain() for row in rows]}
