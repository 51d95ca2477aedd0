"""The record: what every verb did, sealed in batches into a hash chain that anyone can check.

Sealing runs off the write path. A batch's leaves are commitments to each event's content, salted value
by value, so that a personal value can be erased later while the chain still verifies (the commitment
stays). The signed head of the chain is also written to a file beside the database, and should be copied
to another machine: whoever owns the database cannot rebuild a chain that agrees with a head kept elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from talka.core import bulk, chain, outbox
from talka.core.actions import Touch
from talka.core.models import Change, Delivery, Event, Known, Noun, Seal

GENESIS = "0" * 64
BATCH = 1000


def is_subject(thing: Any) -> bool:
    """Whether an event can be about this thing: a saved row of the house."""
    return isinstance(thing, Noun) and thing.pk is not None


def write(verb: str, *, by: Any, subject: Any, touches: Sequence[Touch], at: datetime) -> Event:
    """Writes the one event of a verb with its changes, and puts it in the outbox of its subscribers."""
    about = Known.of(subject)
    event = Event.objects.create(
        verb=verb,
        at=at,
        by_id=by.pk,
        by_name=str(by)[:300],
        by_salt=chain.new_salt(),
        subject_kind=about.kind(),
        subject_id=about.pk,
        subject_name=about.name[:500],
        ecosystem_id=about.ecosystem_id,
    )
    bulk.insert(
        Change,
        (
            Change(
                event=event,
                subject_kind=called,
                subject_id=touch.subject.pk,
                subject_name=name[:500],
                kind=touch.kind,
                fields={
                    column: {"from": _plain(old), "to": _plain(new), "salt": chain.new_salt()}
                    for column, (old, new) in touch.fields.items()
                },
            )
            for touch in touches
            for called, name in [Known.named(touch.subject)]
        ),
    )
    Delivery.objects.bulk_create(
        Delivery(event=event, subscriber=name, due=at) for name in outbox.subscribers_of(verb)
    )
    return event


def _plain(value: Any) -> Any:
    """A value as JSON can hold it, the same before and after the database has kept it."""
    return (
        value if value is None or isinstance(value, bool | int | str) else json.loads(chain.canonical(value))
    )


# ---------------------------------------------------------------- reading


def history(subject: Noun) -> QuerySet[Change]:
    """Every change ever made to this row, newest first, with its event."""
    return (
        Change.objects.filter(subject_kind=subject.kind(), subject_id=subject.pk)
        .select_related("event")
        .order_by("-id")
    )


def since(subject: Noun, revision: int) -> list[Change]:
    """What verbs did to a row after `revision`, newest first: what a reader of that revision has not seen.

    With the changes to rows below it that the same verbs made: a form shows them as one.
    """
    unseen = subject.revision - revision
    named = Q(subject_kind=subject.kind(), subject_id=subject.pk)
    touching = Event.objects.filter(
        named | Exists(Change.objects.filter(named, event=OuterRef("pk"), kind="changed"))
    )
    found: list[Change] = []
    for event in touching.order_by("-id").prefetch_related("changes")[: max(unseen, 0)]:
        if unseen <= 0:
            break
        changes = sorted(event.changes.all(), key=lambda change: -change.pk)
        own = [c for c in changes if (c.subject_kind, c.subject_id) == (subject.kind(), subject.pk)]
        found += changes
        unseen -= max(len(own), 1)  # a verb that only changed rows below still moved the row on by one
    return found


# ---------------------------------------------------------------- sealing


def _leaf(event: Event, changes: Iterable[Change]) -> bytes:
    entry = {
        "id": event.pk,
        "verb": event.verb,
        "at": event.at,
        "subject": [event.subject_kind, event.subject_id, event.ecosystem_id],
        "by": event.erased.get("by") or chain.commit(event.by_salt, [event.by_id, event.by_name]),
        "name": event.erased.get("name") or chain.commit(event.by_salt, event.subject_name),
        "changes": [
            [c.pk, c.subject_kind, c.subject_id, c.kind, _name_commitment(c, event), _fields(c)]
            for c in changes
        ],
    }
    return chain.leaf(entry)


def _name_commitment(change: Change, event: Event) -> str:
    return event.erased.get(f"name:{change.pk}") or chain.commit(event.by_salt, change.subject_name)


def _fields(change: Change) -> dict[str, str]:
    return {
        name: entry.get("erased") or chain.commit(entry["salt"], [name, entry["from"], entry["to"]])
        for name, entry in change.fields.items()
    }


def _leaves(events: Sequence[Event]) -> list[bytes]:
    changes: dict[int, list[Change]] = {event.pk: [] for event in events}
    for change in Change.objects.filter(event__in=events).order_by("id"):
        changes[change.event_id].append(change)
    return [_leaf(event, changes[event.pk]) for event in events]


def key_path() -> Path:
    """Where the signing key of the record lives."""
    return Path(settings.HOME) / "audit" / "signing.key"


def heads_path() -> Path:
    """Where signed heads are also written, one JSON object a line; to be copied to another machine."""
    return Path(settings.HOME) / "audit" / "heads.jsonl"


class MissingKey(Exception):
    """The key that signed the seals so far is gone. A new one would make every one of them look forged."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            _("The key that signed the record is not at %(path)s: bring it back from a backup.")
            % {"path": path}
        )


def seal(now: datetime | None = None) -> list[Seal]:
    """Seals all events not yet sealed, in batches; returns the new seals. Only one sealer runs at a time.

    Raises MissingKey where there are seals but not the key that signed them.
    """
    made: list[Seal] = []
    while batch := _seal_one(now or timezone.now()):
        _write_head(batch)  # at once: should the next batch fail, this one is already told elsewhere
        made.append(batch)
    return made


def _write_head(made: Seal) -> None:
    head = {"digest": made.digest, "last_event": made.last_event, "signature": made.signature}
    heads_path().parent.mkdir(parents=True, exist_ok=True)
    with heads_path().open("a", encoding="utf-8") as heads:
        heads.write(json.dumps({**head, "seal": made.pk, "at": made.at.isoformat()}) + "\n")


@transaction.atomic
def _seal_one(now: datetime) -> Seal | None:
    if connection.vendor == "postgresql":  # SQLite's IMMEDIATE transactions already queue writers
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(7001)")
    events = list(Event.objects.filter(seal=None).order_by("id")[:BATCH])
    if not events:
        return None
    last = Seal.objects.order_by("-id").first()
    if last and not key_path().exists():
        raise MissingKey(key_path())
    previous = last.digest if last else GENESIS
    root = chain.merkle_root(_leaves(events)).hex()
    digest = chain.seal_hash(previous, root, events[0].pk, events[-1].pk, len(events), now)
    made = Seal.objects.create(
        first_event=events[0].pk,
        last_event=events[-1].pk,
        count=len(events),
        root=root,
        previous=previous,
        digest=digest,
        signature=chain.sign(chain.load_or_create_key(key_path()), digest),
        at=now,
    )
    Event.objects.filter(pk__in=[event.pk for event in events]).update(seal=made)
    return made


# ---------------------------------------------------------------- checking


@dataclass(frozen=True)
class Fault:
    """A place where the record does not agree with its seal."""

    place: str
    message: str


@dataclass(frozen=True)
class Verdict:
    """What a check of the whole record found."""

    seals: int
    events: int
    unsealed: int
    faults: tuple[Fault, ...]


def verify(heads: Path | None = None, *, key: Path | None = None) -> Verdict:
    """Checks every seal against its events, the chain, the signatures, and heads kept elsewhere.

    `heads` is a file of heads copied from `heads_path()` earlier, `key` one of the signing key; by default those
    beside the database.
    """
    faults = [*_chain_faults(key or key_path()), *_head_faults(heads or heads_path())]
    return Verdict(
        Seal.objects.count(), Event.objects.count(), Event.objects.filter(seal=None).count(), tuple(faults)
    )


def _head_faults(path: Path) -> Iterator[Fault]:
    """Heads that the chain does not hold. A chain may have more seals than a copy of its heads, never others."""
    if not path.exists():
        return
    known = dict(Seal.objects.values_list("pk", "digest"))
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        place = _("heads file, line %(line)d") % {"line": number}
        try:
            head = json.loads(line)
            seal_, digest = int(head["seal"]), str(head["digest"])
        except (ValueError, TypeError, KeyError):
            yield Fault(place, _('is not a head; a line reads {"seal": 1, "digest": …}'))
            continue
        if known.get(seal_) != digest:
            yield Fault(
                place,
                _("the chain has another seal %(seal)d than the one kept here: it was rebuilt or cut short")
                % {"seal": seal_},
            )


def _chain_faults(key: Path) -> Iterator[Fault]:
    if not Seal.objects.exists():
        return
    if not key.exists():  # checking makes no key: a new one would only call every seal forged
        yield Fault(_("signing key"), str(MissingKey(key)))
        return
    try:
        public = chain.load_or_create_key(key).public_key()
    except (PermissionError, ValueError) as error:
        yield Fault(_("signing key"), str(error))
        return
    previous = GENESIS
    for seal_ in Seal.objects.order_by("id"):
        place = _("seal %(id)d (events %(first)d to %(last)d)") % {
            "id": seal_.pk,
            "first": seal_.first_event,
            "last": seal_.last_event,
        }
        if seal_.previous != previous:
            yield Fault(place, _("does not continue the seal before it: a seal was removed or put in"))
        digest = chain.seal_hash(
            seal_.previous, seal_.root, seal_.first_event, seal_.last_event, seal_.count, seal_.at
        )
        if digest != seal_.digest:
            yield Fault(place, _("its own figures were changed"))
        elif not chain.verify(public, seal_.digest, seal_.signature):
            yield Fault(place, _("its signature is not by this hub's key"))
        events = list(seal_.events.order_by("id"))
        if len(events) != seal_.count:
            yield Fault(
                place,
                _("holds %(found)d events, was sealed with %(sealed)d")
                % {"found": len(events), "sealed": seal_.count},
            )
        elif chain.merkle_root(_leaves(events)).hex() != seal_.root:
            yield Fault(place, _("an event or a change in it was altered after sealing"))
        previous = seal_.digest


# ---------------------------------------------------------------- erasing


@transaction.atomic
def erase(change: Change, names: Iterable[str]) -> None:
    """Erases the values of some columns in one change (a right under GDPR article 17); the chain still verifies."""
    for name in names:
        entry = change.fields[name]
        if "erased" not in entry:
            change.fields[name] = {"erased": chain.commit(entry["salt"], [name, entry["from"], entry["to"]])}
    change.save(update_fields=["fields"])


@transaction.atomic
def erase_person(event: Event) -> None:
    """Erases who acted and the names in one event and its changes; the chain still verifies."""
    erased = dict(event.erased)
    erased.setdefault("by", chain.commit(event.by_salt, [event.by_id, event.by_name]))
    erased.setdefault("name", chain.commit(event.by_salt, event.subject_name))
    for change in event.changes.all():
        erased.setdefault(f"name:{change.pk}", chain.commit(event.by_salt, change.subject_name))
        Change.objects.filter(pk=change.pk).update(subject_name="")
    Event.objects.filter(pk=event.pk).update(
        erased=erased, by_id=None, by_name="", by_salt="", subject_name=""
    )
