"""The room's rows as tables, in and out.

A row of decisions says what the decision carries by words that people use ("plan.adopt" on the plan "2023"), and
whether it is adopted: importing such a row prepares the decision, takes it and carries it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from talka.core.actions import Invalid
from talka.core.sheets import Choice, Column, Day, Item, Plain, Problem, Ref, Sheet, YesNo, bilingual
from talka.domains.models import Ecosystem
from talka.governance import actions, queries, rules
from talka.governance.models import Body, BodyKind, Decision
from talka.governance.queries import NOTHING, SUBJECTS, Carried


class Bodies(Sheet):
    code, label, model, needs = "governance.bodies", _("Bodies"), Body, rules.may_prepare
    over = "domains.ecosystem"
    columns = (
        Column("code", _("Code"), required=True, max_length=80),
        *bilingual("title", _("Title"), required=True, max_length=300),
        Choice("kind_of", _("Kind"), required=True, choices=BodyKind),
        *bilingual("summary", _("Summary"), max_length=5000),
        Column("source", _("Source"), max_length=500),
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.bodies(parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Body:
        return actions.add_body(parent, by=by, **values)

    def change(self, row: Body, values: dict[str, Any], *, by: Any) -> Body:
        return actions.edit_body(row, by=by, **values)


def bodies(parent: Ecosystem) -> dict[str, Body]:
    """The bodies of the ecosystem by code."""
    return {body.code: body for body in queries.bodies(parent)}


TEXTS = ("text_lv", "text_en")  # a decision taken without a text may be given it later


class _Subject(Column):
    """What the decision acts on, by the text that people know it by; `rows` puts the row beside the decision."""

    def read(self, row: Decision) -> str:
        subject = row.__dict__.get("subject")
        how = SUBJECTS.get(row.subject_kind)
        return how.key(subject) if how and subject is not None else ""


class Decisions(Sheet):
    code, label, model, needs = "governance.decisions", _("Decisions"), Decision, rules.may_prepare
    over = "domains.ecosystem"
    key = ("body", "title_lv")
    columns = (
        Ref("body", _("Body"), required=True, among=bodies),
        *bilingual("title", _("Title"), required=True, max_length=500),
        *bilingual("text", _("Text"), max_length=20000),
        Column("verb", _("Action"), max_length=100),
        Column("subject_kind_of", _("What it acts on"), max_length=100, attribute_of="subject_kind"),
        _Subject("subject", _("Which one"), max_length=100),
        Plain("arguments", _("Arguments")),
        YesNo("adopt", _("Adopted"), attribute_of="is_adopted"),
        Day("decided_on", _("Decided on"), help=_("A day without “adopted” means: rejected on that day.")),
        Column("reason", _("Why it was rejected"), max_length=5000),
    )

    def rows(self, parent: Ecosystem) -> list[Decision]:
        found = sorted(queries.decisions(parent, prepared=True), key=queries.place)
        subjects = queries.subjects_of(found)
        for decision in found:
            decision.__dict__["subject"] = subjects.get(decision.pk)
        return found

    def check(self, parent: Ecosystem, items: list[Item]) -> Iterator[Problem]:
        """What a decision carries must be known, and there; what is decided stays."""
        for item in items:
            try:
                _carried(parent, item.values)
            except Invalid as error:
                yield Problem(item.place, str(error))
            decided = item.current is not None and not item.current.is_prepared
            if decided and any(each.before or each.column.key not in TEXTS for each in item.differences):
                yield Problem(item.place, gettext("this decision is decided and stays as it was decided"))

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Decision:
        decision = actions.prepare(values["body"], by=by, carries=_carried(parent, values), **_texts(values))
        return _decide(decision, values, by=by)

    def change(self, row: Decision, values: dict[str, Any], *, by: Any) -> Decision:
        if not row.is_prepared:
            texts = {"text_lv": row.text_lv, "text_en": row.text_en, **_texts(values)}
            return actions.publish(row, by=by, text_lv=texts["text_lv"], text_en=texts["text_en"])
        carries = _carried(row.body.ecosystem, values) if "verb" in values else None
        return _decide(actions.edit(row, by=by, carries=carries, **_texts(values)), values, by=by)


def _texts(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name.startswith(("title_", "text_"))}


def _decide(decision: Decision, values: Mapping[str, Any], *, by: Any) -> Decision:
    day = values.get("decided_on")
    if values.get("adopt"):
        return actions.adopt(decision, by=by, decided_on=day)
    if day is not None:
        return actions.reject(decision, by=by, decided_on=day, reason=values.get("reason", ""))
    return decision


def _carried(ecosystem: Ecosystem, values: Mapping[str, Any]) -> Carried:
    """The action that a row of the file names. Raises Invalid where it or its subject is not known."""
    verb, kind, text = (values.get(name, "") for name in ("verb", "subject_kind_of", "subject"))
    if not (verb or kind or text):
        return NOTHING
    how = SUBJECTS.get(kind)
    if how is None:
        raise Invalid(
            gettext("a decision cannot act on “%(kind)s”; it can act on: %(known)s")
            % {"kind": kind, "known": ", ".join(sorted(SUBJECTS)) or "–"}
        )
    if verb not in how.verbs:
        raise Invalid(
            gettext("a decision cannot carry “%(verb)s”; it can carry: %(known)s")
            % {"verb": verb, "known": ", ".join(sorted(how.verbs))}
        )
    subject = how.find(ecosystem, text)
    if subject is None:
        raise Invalid(gettext("there is no %(kind)s “%(text)s” here") % {"kind": kind, "text": text})
    return Carried(verb, subject, values.get("arguments") or {})
