"""Verbs on nodes: register with key and roles, note how they were seen, take the numbers and receipts that
they signed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from talka.biobanks import rules
from talka.biobanks.actions._keeping import _check_codes, _clean, _put
from talka.biobanks.models import Batch, Collection, DataNode, Figure, FigureKind, NodeState, Receipt, Role
from talka.biobanks.wire import signing
from talka.core import locking
from talka.core.actions import Invalid, action
from talka.domains.models import Ecosystem

SEEN = frozenset(
    {"state", "why", "seen_at", "checked_at", "day", "facts", "speaks", "milliseconds", "donors"}
)
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@action(needs=rules.may_run_nodes)
def register_node(ecosystem: Ecosystem, *, by: Any, **values: Any) -> DataNode:
    """Registers a node: where it is, the key that it signs with, what it is there for."""
    return _node(DataNode(ecosystem=ecosystem), values)


@action(needs=rules.may_run_nodes)
def edit_node(node: DataNode, *, by: Any, seen: int | None = None, **values: Any) -> DataNode:
    """Changes a node. With another key or record it is another node to us: its state is not known until it is seen."""
    locking.check(node, seen)
    before = node.address, node.public_key, node.log_name
    _put(node, values, frozenset({"id", "revision", "ecosystem"}) | SEEN)
    if (node.address, node.public_key, node.log_name) != before:
        node.state, node.why, node.seen_at, node.checked_at = NodeState.UNSEEN, "", None, None
    return _node(node, {})


@action(needs=rules.may_run_nodes)
def note_seen(
    node: DataNode,
    *,
    by: Any,
    state: str,
    why: str = "",
    at: datetime | None = None,
    told: Mapping[str, Any] | None = None,
    milliseconds: int | None = None,
) -> DataNode:
    """Notes how a node was seen. `told`: its greeting, where it gave one that its key had signed."""
    node.state, node.why, node.checked_at, node.milliseconds = (
        state,
        why[:300],
        at or timezone.now(),
        milliseconds,
    )
    if told is not None and state == NodeState.UP:
        node.seen_at = node.checked_at
        node.day = date.fromisoformat(told["day"]) if isinstance(told.get("day"), str) else node.day
        node.facts = told["facts"] if isinstance(told.get("facts"), int) else node.facts
        node.speaks = told["speaks"] if isinstance(told.get("speaks"), dict) else {}
        if isinstance(told.get("donors"), int) and told["donors"] >= 0:
            node.donors = told["donors"]
    node.save()
    return node


@action(needs=rules.may_run_nodes)
def take_numbers(node: DataNode, *, by: Any, envelope: bytes) -> DataNode:
    """Takes the numbers of its collections that a node has signed, each with as-of time and derivation.

    What is told twice is taken once; a collection that the directory does not know under the node's name is refused,
    with the whole envelope.
    """
    if Role.NUMBERS not in node.roles:
        raise Invalid(_("“%(name)s” is not registered to tell numbers.") % {"name": node})
    try:
        told = signing.unsealed(signing.NUMBERS, envelope, signing.public_key(node.public_key))
    except signing.Forged as error:
        raise Invalid(_("These numbers were not taken: %(why)s") % {"why": error}) from None
    if told.get("node") != node.log_name:
        raise Invalid(_("These numbers are of another node."))
    as_of = parse_datetime(told["as_of"]) if isinstance(told.get("as_of"), str) else None
    if as_of is None or as_of.utcoffset() is None:
        raise Invalid(_("“as_of” is an instant with its zone, as 2026-01-31T12:00:00+00:00."))
    if as_of > timezone.now() + timedelta(minutes=10):
        raise Invalid(_("These numbers are of a time to come; is the node's clock right?"))
    listed = told.get("collections")
    if not isinstance(listed, list):
        raise Invalid(_("“collections” is a list of objects with code, donors and samples."))
    known = {
        row.known_as: row
        for row in Collection.objects.filter(biobank__node=node).select_related("biobank__ecosystem")
    }
    digest = signing.digest(envelope.decode("utf-8", "replace"))
    for entry in listed:
        _figures(node, known, entry, as_of, digest, told)
    donors = told.get("donors")
    if isinstance(donors, int) and donors >= 0:
        node.donors = donors
        node.save()
    return node


def _figures(
    node: DataNode,
    known: Mapping[str, Collection],
    entry: Any,
    as_of: datetime,
    digest: str,
    told: Mapping[str, Any],
) -> None:
    code = entry.get("code") if isinstance(entry, dict) else None
    collection = known.get(code) if isinstance(code, str) else None
    if collection is None:
        raise Invalid(
            _("No collection of this node is called “%(code)s”; the directory knows: %(known)s.")
            % {"code": str(code)[:80], "known": ", ".join(sorted(known)) or "–"}
        )
    for kind in FigureKind.values:
        if kind not in entry:
            continue
        value = entry[kind]
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise Invalid(_("“%(code)s”: a number is whole and not negative, or null.") % {"code": code})
        if Figure.objects.filter(node=node, collection=collection, kind_of=kind, as_of=as_of).exists():
            continue
        Figure(
            node=node,
            collection=collection,
            kind_of=kind,
            value=value,
            rounded_to=_step(told.get("rounded_to")),
            as_of=as_of,
            derivation={
                "question": entry.get("questions", {}).get(kind, ""),
                **{name: told[name] for name in ("facts", "consents", "policy", "entry") if name in told},
            },
            digest=digest,
        ).save()


def _step(told: Any) -> int:
    """To the nearest what a number was rounded; 1 where nothing is said."""
    return told if isinstance(told, int) and 1 <= told <= 1000 else 1


@action(needs=rules.may_run_nodes)
def note_answers(
    node: DataNode, *, by: Any, answers: Sequence[tuple[Collection, str, str, bytes]]
) -> DataNode:
    """Keeps the numbers that a node answered when it was asked: collection, what was counted, digest of the
    question, answer.

    What is no answer is passed over: the number before stays, as of its own time.
    """
    now = timezone.now()
    for collection, kind, question, body in answers:
        try:
            told = json.loads(body)
            answer = told["answer"]
            total, smallest = answer["total"], int(answer["smallest"])
        except (ValueError, KeyError, TypeError):
            continue
        if total is not None and (isinstance(total, bool) or not isinstance(total, int) or total < 0):
            continue
        derivation = {
            "question": question,
            "smallest": smallest,
            "within": answer.get("within"),
            "policy": answer.get("policy"),
            **{name: told.get(name) for name in ("entry", "day", "facts", "consents")},
        }
        Figure(
            node=node,
            collection=collection,
            kind_of=kind,
            value=total,
            as_of=now,
            derivation=derivation,
            digest=signing.digest(body.decode("utf-8", "replace")),
        ).save()
    return node


@action(needs=rules.may_run_nodes)
def note_receipts(node: DataNode, *, by: Any, receipts: Sequence[tuple[Batch, str, bytes, int]]) -> DataNode:
    """Keeps the receipts of a node for messages that were sent to it: batch, digest sent, envelope, milliseconds.

    Each is checked against the registered key, the node's record and the very message: one that does not fit is kept as
    refused, with what is wrong with it, and never counts.
    """
    key = signing.public_key(node.public_key)
    for batch, digest, envelope, milliseconds in receipts:
        _receipt(node, key, batch, digest, envelope, milliseconds)
    return node


def _receipt(node: DataNode, key: Any, batch: Batch, digest: str, envelope: bytes, milliseconds: int) -> None:
    now = timezone.now()
    row = Receipt(
        node=node,
        batch=batch,
        digest=digest,
        status="forged",
        told_at=now,
        received_at=now,
        milliseconds=milliseconds,
        envelope=envelope.decode("utf-8", "replace")[:200_000],
    )
    try:
        told = signing.unsealed(signing.RECEIPT, envelope, key)
    except signing.Forged as error:
        row.why = str(error)[:500]
        _once(row)
        return
    at = parse_datetime(str(told.get("at")))
    row.told_at = at if at is not None and at.utcoffset() is not None else now
    row.why = str(told.get("why") or "")[:500]
    if told.get("node") != node.log_name:
        row.why = _("a receipt of another node's record")
    elif told.get("digest") != digest or told.get("number") != batch.number:
        row.why = _("a receipt for another message")
    elif told.get("status") in {"applied", "known", "held", "refused"}:
        row.status = told["status"]
    _once(row)


def _once(row: Receipt) -> None:
    """A receipt that says again what is known is no second one; neither is the same trouble met again."""
    same = Receipt.objects.filter(node=row.node, batch=row.batch)
    if row.status in {"applied", "known"}:
        same = same.filter(status__in=("applied", "known"))
    else:
        same = same.filter(status=row.status, why=row.why)
    if not same.exists():
        row.save()


def _node(row: DataNode, values: Mapping[str, Any]) -> DataNode:
    _put(row, values, frozenset({"id", "revision", "ecosystem"}) | SEEN)
    row.public_key = row.public_key.casefold()
    if not re.fullmatch(r"[0-9a-f]{64}", row.public_key):
        raise Invalid(
            _("A public key is 64 hexadecimal digits, as the node prints it (Ed25519)."), field="public_key"
        )
    parts = urlsplit(row.address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise Invalid(_("An address is as https://node.example.lv:8620."), field="address")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise Invalid(_("Only a node on this machine is asked without TLS: write https."), field="address")
    row.address = row.address.rstrip("/")
    _check_codes(row, {"roles": Role})
    if Role.FEED in row.roles and not row.log_name:
        raise Invalid(
            _("To follow the feed the name of its record is needed: the node prints it."), field="log_name"
        )
    for name, message in (
        ("code", _("The code “%(text)s” is taken by “%(name)s”; choose another.")),
        ("public_key", _("“%(name)s” has this key already; each node makes its own.")),
        ("log_name", _("“%(name)s” has this record already.")),
    ):
        value = getattr(row, name)
        taken = DataNode.objects.filter(**{name: value}).exclude(pk=row.pk).first() if value else None
        if taken is not None:
            raise Invalid(message % {"text": value, "name": taken}, field=name)
    _clean(row)
    row.save()
    return row
