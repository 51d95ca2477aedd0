"""Reads: bodies and their decisions, what a decision may carry, and what it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db.models import F, QuerySet
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from talka.core.models import Change, Event, Noun
from talka.domains.models import Ecosystem
from talka.governance.models import Body, Decision, DecisionState

# ---------------------------------------------------------------- bodies and decisions


def bodies(ecosystem: Ecosystem) -> QuerySet[Body]:
    """The bodies of an ecosystem."""
    return Body.objects.filter(ecosystem=ecosystem).select_related("ecosystem")


def decisions(ecosystem: Ecosystem, *, prepared: bool) -> QuerySet[Decision]:
    """The decisions of an ecosystem's bodies, those that wait first, then the newest; `prepared` includes drafts."""
    rows = Decision.objects.filter(body__ecosystem=ecosystem).select_related("body__ecosystem", "event")
    if not prepared:
        rows = rows.exclude(state=DecisionState.DRAFT)
    return rows.order_by(F("decided_on").desc(nulls_first=True), "-id")


def next_number(body: Body, year: int) -> str:
    """The number of the next decision that a body adopts in a year; as none is ever deleted, there is no gap."""
    taken = Decision.objects.filter(body=body, state=DecisionState.ADOPTED, decided_on__year=year).count()
    return f"{year}-{taken + 1}"


def place(decision: Decision) -> tuple[int, int, int]:
    """Where a decision stands in the register: by year and number, those without a number after them."""
    year, _dash, number = decision.number.partition("-")
    return (int(year), int(number), decision.pk) if number else (9999, 0, decision.pk)


# ---------------------------------------------------------------- what a decision may carry


@dataclass(frozen=True)
class Decidable:
    """A kind of row on which a decision may act, as the room it lives in declares it.

    `find(ecosystem, text)` is the row that people know by this text, or None; `key(row)` is that text. `verbs` names
    the verbs that a decision may carry with what a reader is told of each; `waiting(ecosystem)` are the rows for which
    it makes sense now, such as drafts.
    """

    find: Callable[[Ecosystem, str], Any]
    key: Callable[[Any], str]
    verbs: Mapping[str, Any]
    waiting: Callable[[Ecosystem], Iterable[Any]]


SUBJECTS: dict[str, Decidable] = {}


def decidable(
    model: type[Noun],
    *,
    find: Callable[[Ecosystem, str], Any],
    key: Callable[[Any], str],
    verbs: Mapping[str, Any],
    waiting: Callable[[Ecosystem], Iterable[Any]],
) -> None:
    """Declares that decisions may act on rows of `model`; called by its room, at the end of sheets.py."""
    SUBJECTS[model.kind()] = Decidable(find, key, verbs, waiting)


@dataclass(frozen=True)
class Carried:
    """An action that a decision carries: the verb's code, its subject, further arguments by name."""

    verb: str = ""
    subject: Any = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


NOTHING = Carried()


def offers(ecosystem: Ecosystem) -> Iterator[tuple[str, str, Carried]]:
    """What a decision could carry now: a key for a form, words, the action. One query for each kind of row."""
    for kind, how in SUBJECTS.items():
        rows = list(how.waiting(ecosystem))
        for verb, label in how.verbs.items():
            for row in rows:
                yield f"{verb}:{kind}:{row.pk}", f"{label}: {row}", Carried(verb, row)


def subject_of(decision: Decision) -> Any:
    """The row on which a decision acts, or None: it carries nothing, or the row is gone."""
    return subjects_of([decision]).get(decision.pk)


def subjects_of(rows: Iterable[Decision]) -> dict[int, Any]:
    """The rows on which decisions act, by decision; one query for each kind of row."""
    wanted: dict[str, dict[int, list[int]]] = {}
    for decision in rows:
        if decision.subject_id is not None:
            wanted.setdefault(decision.subject_kind, {}).setdefault(decision.subject_id, []).append(
                decision.pk
            )
    found = {}
    for kind, ids in wanted.items():
        model = _model(kind)
        for row in model._base_manager.filter(pk__in=ids) if model else ():
            found.update(dict.fromkeys(ids[row.pk], row))
    return found


def what_it_does(decision: Decision) -> str:
    """In words, what a decision does on adoption: "Put the plan in force"; empty if it carries nothing."""
    how = SUBJECTS.get(decision.subject_kind)
    return str(how.verbs.get(decision.verb, decision.verb)) if how else decision.verb


def event_of(decision: Decision, by: Any) -> Event | None:
    """The record that the action carried by a decision has just written."""
    return (
        Event.objects.filter(
            verb=decision.verb, by_id=by.pk, by_name=str(by)[:300], ecosystem_id=decision.ecosystem_id
        )
        .order_by("-id")
        .first()
    )


# ---------------------------------------------------------------- what a decision changed


@dataclass(frozen=True)
class Changed:
    """A row that a decision changed: its name, and each column before and after."""

    name: str
    columns: Sequence[tuple[str, str, str]]


def changes(decision: Decision) -> QuerySet[Change]:
    """What the action carried by a decision did to which rows."""
    rows = Change.objects.filter(event_id=decision.event_id) if decision.event_id else Change.objects.none()
    return rows.order_by("id")


def in_words(rows: Iterable[Change]) -> list[Changed]:
    """Changes as people read them; one query for each kind of row that they point to."""
    rows = list(rows)
    named = _names(rows)
    return [
        Changed(
            each.subject_name,
            [
                (
                    _label(each.subject_kind, column),
                    _shown(each.subject_kind, column, entry["from"], named),
                    _shown(each.subject_kind, column, entry["to"], named),
                )
                for column, entry in each.fields.items()
                if "erased" not in entry
            ],
        )
        for each in rows
    ]


def _model(kind: str) -> type[Noun] | None:
    try:
        model = apps.get_model(kind)
    except (LookupError, ValueError):
        return None
    return model if issubclass(model, Noun) else None


def _column(kind: str, name: str) -> Any:
    model = _model(kind)
    return next((f for f in model._meta.concrete_fields if f.attname == name), None) if model else None


def _label(kind: str, name: str) -> str:
    column = _column(kind, name)
    return capfirst(str(column.verbose_name)) if column else name


def _names(rows: Iterable[Change]) -> dict[tuple[Any, Any], str]:
    """The names of the rows that changed columns point to, by model and id."""
    wanted: dict[Any, set[Any]] = {}
    for each in rows:
        for name, entry in each.fields.items():
            column = _column(each.subject_kind, name)
            if column is not None and column.is_relation and "erased" not in entry:
                wanted.setdefault(column.related_model, set()).update({entry["from"], entry["to"]} - {None})
    return {
        (model, row.pk): str(row)
        for model, ids in wanted.items()
        for row in (model._base_manager.filter(pk__in=ids) if ids else ())
    }


def _shown(kind: str, name: str, value: Any, named: Mapping[tuple[Any, Any], str]) -> str:
    if value in (None, "", [], {}):
        return ""
    column = _column(kind, name)
    if column is not None and column.is_relation:
        return named.get((column.related_model, value), f"#{value}")
    if column is not None and column.choices:
        return str(dict(column.flatchoices).get(value, value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)
