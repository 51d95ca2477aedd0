"""The API of the room: bodies, and decisions that carry out what they decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import Field

from talka.core.actions import Invalid
from talka.core.api import LIMIT, OFFSET, Seen, Text, actor, one_of, page, page_of, reader, table, text
from talka.domains import queries as domains
from talka.domains.api import InEcosystem, here
from talka.domains.models import Ecosystem
from talka.governance import actions, queries, rules, sheets  # noqa: F401 -- the sheets declare themselves
from talka.governance.models import Decision
from talka.governance.queries import NOTHING, SUBJECTS, Carried

router = Router(tags=["governance"])
DECISIONS = "/ecosystems/{ecosystem}/decisions"

table(
    router, "governance.bodies", "/ecosystems/{ecosystem}/bodies", name="Body", where=InEcosystem, parent=here
)


class CarriedOut(Schema):
    """What a decision does when it is adopted: a verb on a row."""

    verb: str
    kind: str
    id: int
    subject: str | None = Field(
        description="the row by the text that people know it by, as in the plan “2023”"
    )


class DecisionOut(Schema):
    """A decision of a body. A prepared one is shown to those who prepare and take decisions."""

    id: int
    revision: int
    url: str
    body: str
    number: str
    title: Text
    text: Text
    state: str
    decided_on: date | None
    reason: str
    carries: CarriedOut | None


class ColumnChanged(Schema):
    """One column, before and after, as people read it."""

    column: str
    before: str
    after: str


class RowChanged(Schema):
    """A row that a decision changed."""

    name: str
    columns: list[ColumnChanged]


class DecisionWhole(DecisionOut):
    """A decision with what it does in words, and what it changed."""

    does: str
    changed: list[RowChanged]


class CarriedIn(Schema):
    """What the decision is to do: “plan.adopt” on the “plan.plan” that people call “2023”."""

    verb: str
    kind: str
    subject: str
    arguments: dict[str, Any] = {}


class DecisionNew(Schema):
    """A decision that a body is to take; `body` is its code."""

    body: str
    title: Text
    text: Text = Text()
    carries: CarriedIn | None = None


class DecisionChange(Seen):
    """What is given changes a prepared decision; `carries` of null carries nothing any more."""

    title: Text | None = None
    text: Text | None = None
    carries: CarriedIn | None = None


class Adoption(Seen):
    """The day on which the body adopted it (today if not said)."""

    decided_on: date | None = None


class Rejection(Adoption):
    """Why the body rejected it."""

    reason: str


class Publication(Seen):
    """The text of a decision that was decided without one."""

    text: Text


DecisionPage = page_of(DecisionOut)


@router.get(DECISIONS, response=DecisionPage)
def decisions(request: HttpRequest, ecosystem: str, limit: int = LIMIT, offset: int = OFFSET) -> Any:
    """The decisions of the ecosystem's bodies, newest first; those that wait come first for those who may see them."""
    eco = domains.enter(request, ecosystem)
    found = page(_visible(request, eco), limit, offset)
    subjects = queries.subjects_of(found["items"])
    found["items"] = [_shown(each, subjects) for each in found["items"]]
    return found


@router.get(DECISIONS + "/{int:id}", response=DecisionWhole)
def decision(request: HttpRequest, ecosystem: str, id: int) -> Any:  # noqa: A002 -- the name in the address
    """One decision, with what it does and what it changed."""
    return _whole(_decision(request, ecosystem, id))


@router.post(DECISIONS, response={201: DecisionWhole})
def prepare(request: HttpRequest, ecosystem: str, given: DecisionNew) -> Any:
    """Prepares a decision of a body."""
    eco = domains.enter(request, ecosystem)
    body = one_of(queries.bodies(eco), "code", given.body)
    made = actions.prepare(
        body,
        by=actor(request),
        carries=_carried(eco, given.carries),
        **_columns(title=given.title.dict(), text=given.text.dict()),
    )
    return _whole(_decision(request, ecosystem, made.pk))


@router.patch(DECISIONS + "/{int:id}", response=DecisionWhole)
def edit(request: HttpRequest, ecosystem: str, id: int, given: DecisionChange) -> Any:  # noqa: A002 -- as above
    """Changes a prepared decision."""
    row = _decision(request, ecosystem, id)
    sent = given.dict(exclude_unset=True)
    carries = _carried(row.body.ecosystem, given.carries) if "carries" in sent else None
    texts = {name: sent[name] for name in ("title", "text") if sent.get(name)}
    actions.edit(row, by=actor(request), seen=given.revision, carries=carries, **_columns(**texts))
    return _whole(_decision(request, ecosystem, id))


@router.post(DECISIONS + "/{int:id}/adopt", response=DecisionWhole)
def adopt(request: HttpRequest, ecosystem: str, id: int, given: Adoption) -> Any:  # noqa: A002 -- as above
    """Records that the body adopted a decision, and carries out what it carries."""
    actions.adopt(
        _decision(request, ecosystem, id), by=actor(request), decided_on=given.decided_on, seen=given.revision
    )
    return _whole(_decision(request, ecosystem, id))


@router.post(DECISIONS + "/{int:id}/reject", response=DecisionWhole)
def reject(request: HttpRequest, ecosystem: str, id: int, given: Rejection) -> Any:  # noqa: A002 -- as above
    """Records that the body rejected a decision, and why."""
    row = _decision(request, ecosystem, id)
    actions.reject(
        row, by=actor(request), reason=given.reason, decided_on=given.decided_on, seen=given.revision
    )
    return _whole(_decision(request, ecosystem, id))


@router.post(DECISIONS + "/{int:id}/publish", response=DecisionWhole)
def publish(request: HttpRequest, ecosystem: str, id: int, given: Publication) -> Any:  # noqa: A002 -- as above
    """Publishes the text of a decision that was decided without one."""
    row = _decision(request, ecosystem, id)
    actions.publish(row, by=actor(request), text_lv=given.text.lv, text_en=given.text.en, seen=given.revision)
    return _whole(_decision(request, ecosystem, id))


def _visible(request: HttpRequest, eco: Ecosystem) -> Any:
    return queries.decisions(eco, prepared=rules.may_see_prepared(reader(request), eco))


def _decision(request: HttpRequest, ecosystem: str, pk: int) -> Decision:
    found = one_of(_visible(request, domains.enter(request, ecosystem)), "pk", pk)
    assert isinstance(found, Decision)
    return found


def _shown(row: Decision, subjects: Mapping[int, Any]) -> dict[str, Any]:
    subject, how = subjects.get(row.pk), SUBJECTS.get(row.subject_kind)
    return {
        "id": row.pk,
        "revision": row.revision,
        "url": row.get_absolute_url(),
        "body": row.body.code,
        "number": row.number,
        "title": text(row, "title"),
        "text": text(row, "text"),
        "state": row.state,
        "decided_on": row.decided_on,
        "reason": row.reason,
        "carries": {
            "verb": row.verb,
            "kind": row.subject_kind,
            "id": row.subject_id,
            "subject": how.key(subject) if how and subject is not None else None,
        }
        if row.verb
        else None,
    }


def _whole(row: Decision) -> dict[str, Any]:
    changed: Sequence[Any] = queries.in_words(queries.changes(row))
    return {
        **_shown(row, queries.subjects_of([row])),
        "does": queries.what_it_does(row),
        "changed": [
            {
                "name": each.name,
                "columns": [{"column": c, "before": b, "after": a} for c, b, a in each.columns],
            }
            for each in changed
        ],
    }


def _columns(**texts: Mapping[str, str]) -> dict[str, str]:
    return {f"{name}_{language}": said for name, both in texts.items() for language, said in both.items()}


def _carried(eco: Ecosystem, given: CarriedIn | None) -> Carried:
    if given is None:
        return NOTHING
    how = SUBJECTS.get(given.kind)
    if how is None:
        known = ", ".join(sorted(SUBJECTS))
        raise Invalid(_("A decision can act on: %(known)s.") % {"known": known}, field="carries.kind")
    subject = how.find(eco, given.subject)
    if subject is None:
        raise Invalid(
            _("There is no “%(text)s” here.") % {"text": given.subject[:80]}, field="carries.subject"
        )
    return Carried(given.verb, subject, given.arguments)
