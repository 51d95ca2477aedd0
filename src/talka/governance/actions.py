"""Verbs: prepare decisions, take them, carry out what they carry, publish their text."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from talka.core import locking
from talka.core.actions import VERBS, Invalid, action
from talka.core.bilingual import both
from talka.core.search import searchable
from talka.domains.models import Ecosystem
from talka.governance import queries, rules
from talka.governance.models import Body, Decision, DecisionState
from talka.governance.queries import NOTHING, SUBJECTS, Carried


@dataclass(frozen=True)
class ByDecision:
    """A body acting through its decision. The decision itself is the authority for the action that it carries:

    whoever records it needs no right to that action, and has none beyond it. It reaches the ecosystem of the deciding
    body and nothing else: nothing of another ecosystem, nothing of the hub.
    """

    decision: Decision
    account: Any

    @property
    def pk(self) -> Any:
        return self.account.pk

    def may(self, permission: str, ecosystem_id: int | None) -> bool:
        return ecosystem_id is not None and ecosystem_id == self.decision.ecosystem_id

    def organisation_ids(self) -> frozenset[int]:
        """A body decides; it does not act for an institution."""
        return frozenset()

    def __str__(self) -> str:
        return _("%(who)s, by decision %(number)s") % {"who": self.account, "number": self.decision.number}


# ---------------------------------------------------------------- bodies


@action(needs=rules.may_prepare)
def add_body(ecosystem: Ecosystem, *, by: Any, **values: Any) -> Body:
    """Founds a body of the ecosystem."""
    return _keep_body(Body(ecosystem=ecosystem), values)


@action(needs=rules.may_prepare)
def edit_body(body: Body, *, by: Any, seen: int | None = None, **values: Any) -> Body:
    """Changes a body's columns."""
    locking.check(body, seen)
    return _keep_body(body, values)


# ---------------------------------------------------------------- decisions


@action(needs=rules.may_prepare)
def prepare(body: Body, *, by: Any, carries: Carried = NOTHING, **values: Any) -> Decision:
    """Prepares a decision of a body; what it `carries` is done when it is adopted."""
    decision = Decision(body=body)
    _bind(decision, carries)
    return _keep(decision, values)


@action(needs=rules.may_prepare)
def edit(
    decision: Decision, *, by: Any, seen: int | None = None, carries: Carried | None = None, **values: Any
) -> Decision:
    """Changes a prepared decision; `carries` of None stays as it is. A decided one stays as it was decided."""
    locking.check(decision, seen)
    _must_be_prepared(decision)
    if carries is not None:
        _bind(decision, carries)
    return _keep(decision, values)


@action(needs=rules.may_decide)
def adopt(
    decision: Decision, *, by: Any, decided_on: date | None = None, seen: int | None = None
) -> Decision:
    """Records that the body adopted a decision, numbers it, and carries out what it carries, all or nothing."""
    locking.check(decision, seen)
    _must_be_prepared(decision)
    day = _day(decided_on)
    # Numbers have no gaps: whoever else adopts a decision of this body waits here until this one is done.
    body = Body.objects.select_for_update().get(pk=decision.body_id)
    decision.number = queries.next_number(body, day.year)
    decision.state, decision.decided_on = DecisionState.ADOPTED, day
    decision.save()
    if decision.verb:
        _carry_out(decision, by)
    return decision


@action(needs=rules.may_decide)
def reject(
    decision: Decision, *, by: Any, reason: str, decided_on: date | None = None, seen: int | None = None
) -> Decision:
    """Records that the body rejected a decision, and why. It gets no number, and what it carries is not done."""
    locking.check(decision, seen)
    _must_be_prepared(decision)
    if not reason.strip():
        raise Invalid(_("Say why, so that whoever prepared it can do better."), field="reason")
    decision.state, decision.decided_on, decision.reason = (
        DecisionState.REJECTED,
        _day(decided_on),
        reason.strip(),
    )
    decision.save()
    return decision


@action(needs=rules.may_publish)
def publish(
    decision: Decision, *, by: Any, text_lv: str, text_en: str = "", seen: int | None = None
) -> Decision:
    """Publishes the text of a decision that was decided without one. A published text is what was decided: it stays."""
    locking.check(decision, seen)
    if decision.is_prepared:
        raise Invalid(_("This decision is not taken yet; change its text while it is prepared."))
    if decision.text_lv and decision.text_lv != text_lv.strip():
        raise Invalid(
            _("The text of this decision is published and stays; a change of it is a new decision."),
            field="text_lv",
        )
    if decision.text_en and decision.text_en != text_en.strip():
        raise Invalid(
            _("The text of this decision is published and stays; a change of it is a new decision."),
            field="text_en",
        )
    if not text_lv.strip():
        raise Invalid(_("Give the text as it was decided."), field="text_lv")
    decision.text_lv, decision.text_en = text_lv.strip(), text_en.strip()
    decision.save()
    return decision


# ---------------------------------------------------------------- helpers


def _bind(decision: Decision, carries: Carried) -> None:
    """Notes an action on a decision, after making sure that it could be carried out."""
    if not carries.verb and carries.subject is None:
        decision.verb, decision.subject_kind, decision.subject_id, decision.arguments = "", "", None, {}
        return
    if not carries.verb or carries.subject is None:
        raise Invalid(_("An action needs what it is done to, and the other way round."), field="carries")
    how = SUBJECTS.get(carries.subject.kind())
    if how is None or carries.verb not in how.verbs:
        known = sorted(verb for each in SUBJECTS.values() for verb in each.verbs)
        raise Invalid(
            _("A decision cannot carry “%(verb)s”; it can carry: %(known)s.")
            % {"verb": carries.verb, "known": ", ".join(known) or "–"},
            field="carries",
        )
    if carries.subject.ecosystem_id != decision.ecosystem_id:
        raise Invalid(
            _("“%(name)s” is of another ecosystem than the body that decides.") % {"name": carries.subject},
            field="carries",
        )
    try:
        inspect.signature(VERBS[carries.verb]).bind(carries.subject, by=None, **carries.arguments)
    except TypeError as error:
        raise Invalid(
            _("“%(verb)s” does not take these arguments: %(error)s.")
            % {"verb": carries.verb, "error": error},
            field="carries",
        ) from None
    decision.verb, decision.arguments = carries.verb, dict(carries.arguments)
    decision.subject_kind, decision.subject_id = carries.subject.kind(), carries.subject.pk


def _carry_out(decision: Decision, by: Any) -> None:
    subject = queries.subject_of(decision)
    if subject is None:
        raise Invalid(_("What this decision is about is no longer there; prepare it anew."))
    how = SUBJECTS.get(decision.subject_kind)
    if how is None or decision.verb not in how.verbs or subject.ecosystem_id != decision.ecosystem_id:
        raise Invalid(_("This decision carries an action that decisions cannot carry; prepare it anew."))
    verb = VERBS[decision.verb]
    arguments = dict(decision.arguments)
    if "decision" in inspect.signature(verb).parameters:  # the verb notes by which decision it was done
        arguments["decision"] = decision
    authority = ByDecision(decision, by)
    verb(subject, by=authority, **arguments)
    decision.event = queries.event_of(decision, authority)
    decision.save()


def _must_be_prepared(decision: Decision) -> None:
    if not decision.is_prepared:
        raise Invalid(
            _("This decision is %(state)s and stays as it was decided.")
            % {"state": decision.get_state_display()}
        )


def _day(day: date | None) -> date:
    today = timezone.localdate()
    if day is not None and day > today:
        raise Invalid(
            _("%(day)s lies ahead; record a decision once it is taken.") % {"day": day}, field="decided_on"
        )
    return day or today


def _keep(decision: Decision, values: Mapping[str, Any]) -> Decision:
    _set(decision, values, frozenset({"title_lv", "title_en", "text_lv", "text_en"}))
    same = Decision.objects.filter(body_id=decision.body_id, title_lv=decision.title_lv).exclude(
        pk=decision.pk
    )
    if other := same.first():
        raise Invalid(
            _("This body has a decision with this title already (%(other)s); say what sets this one apart.")
            % {"other": other},
            field="title_lv",
        )
    decision.save()
    return decision


def _keep_body(body: Body, values: Mapping[str, Any]) -> Body:
    _set(
        body,
        values,
        frozenset({"code", "title_lv", "title_en", "kind_of", "summary_lv", "summary_en", "source"}),
    )
    others = Body.objects.filter(ecosystem=body.ecosystem, code=body.code).exclude(pk=body.pk)
    if taken := others.first():
        raise Invalid(
            _("The code “%(code)s” is taken by “%(name)s”; choose another.")
            % {"code": body.code, "name": taken},
            field="code",
        )
    body.save()
    return body


def _set(row: Any, values: Mapping[str, Any], known: frozenset[str]) -> None:
    """Sets and checks the columns of a row; what is wrong is said of the column it is wrong in."""
    if unknown := values.keys() - known:
        raise TypeError(f"{row.kind()} takes {', '.join(sorted(known))}, not {', '.join(sorted(unknown))}")
    for name, value in values.items():
        setattr(row, name, value.strip() if isinstance(value, str) else value)
    try:
        row.clean_fields(exclude=[field.name for field in row._meta.concrete_fields if field.is_relation])
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise Invalid(messages[0], field=name) from None


searchable(Body, title=lambda body: both(body, "title"), summary=lambda body: both(body, "summary"))
searchable(
    Decision,
    title=lambda decision: both(decision, "title"),
    summary=lambda decision: both(decision, "text"),
    words=lambda decision: decision.number,
    public=lambda decision: not decision.is_prepared,
)
