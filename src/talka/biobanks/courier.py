"""Between the hub and its nodes: carries the feed, looks how the nodes are, fetches their numbers.

Threads do the waiting, this thread alone the rows. Whatever is cut short is done again by the next call: messages have
numbers, a node takes each once, and a receipt that came twice is kept once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from talka.biobanks import actions
from talka.biobanks.models import Batch, Collection, DataNode, FigureKind, NodeState, Role
from talka.biobanks.queries import nodes as queries
from talka.biobanks.wire import client, signing
from talka.core.actions import HUB, SYSTEM
from talka.domains.models import Ecosystem
from talka_query import wire
from talka_query.nodes import AskerKind, Count, Purpose, Question, Specimen, Use

ROUND = 50  # messages in one request
AGAIN = timedelta(minutes=10)  # after which a node that has not changed is noted anew
SKEW = timedelta(minutes=2)  # how far a node's clock may be off
PATIENCE = 3.0  # seconds for a greeting
FEED = "/consents"
HEALTH = "/health"
ASK = "/ask"
DIRECTORY = "directory"  # as whose the questions about numbers are journalled

Message = tuple[Batch, str, str]  # batch, text, digest


# ---------------------------------------------------------------- the feed


def carry(*, everybody: bool = False) -> int:
    """Packs what waits and brings every node up to the last message; how many receipts came in.

    A node that was down when last looked at is passed over unless `everybody`: whoever withdraws must not wait for it.
    A node that expects an earlier message than it has acknowledged was restored from a backup: it gets all since anew.
    """
    while actions.pack(HUB, by=SYSTEM) is not None:
        pass
    length = queries.feed_length()
    going = [node for node in queries.with_role(Role.FEED) if everybody or node.state != NodeState.DOWN]
    starts = {node.pk: queries.has_taken(node) + 1 for node in going}
    if everybody:  # the last message is knocked with: whoever lost it says so
        starts = {pk: min(start, length) for pk, start in starts.items() if length}
    came = 0
    tries = {node.pk: 0 for node in going}
    while going := [node for node in going if starts.get(node.pk, length + 1) <= length]:
        plans = {node.code: _messages(node, starts[node.pk], length) for node in going}
        for node, receipts, error in _sent(going, plans):
            came += len(receipts)
            if receipts:
                actions.note_receipts(node, by=SYSTEM, receipts=receipts)
            if error:
                _note_failure(node, error)
            following = _next(node, receipts, starts[node.pk])
            tries[node.pk] += following <= starts[node.pk]
            # One step back is a node that lost messages; to stand still is a message that it refuses.
            starts[node.pk] = length + 1 if error or tries[node.pk] > 2 else following
    return came


def _messages(node: DataNode, start: int, length: int) -> list[Message]:
    numbers = range(start, min(start + ROUND, length + 1))
    return queries.chained(node, numbers, queries.digest_at(node, start - 1))


Sent = tuple[DataNode, list[tuple[Batch, str, bytes, int]], str]


def _sent(going: Sequence[DataNode], plans: dict[str, list[Message]]) -> Iterable[Sent]:
    """Sends each node its messages in one request, all nodes at the same time."""
    key = queries.hub_key()
    places = [queries.place(node) for node in going]

    def envelopes(place: client.Place) -> bytes:
        return b"\n".join(
            signing.sealed(signing.MESSAGE, text, queries.FEED, key) for _b, text, _d in plans[place.code]
        )

    gathered = client.ask_all(places, "POST", FEED, envelopes, key)
    for node, answer in zip(going, gathered.answers, strict=True):
        lines = [line for line in answer.body.splitlines() if line.strip()] if answer.well else []
        receipts = [
            (batch, digest, line, answer.milliseconds)
            for (batch, _text, digest), line in zip(plans[node.code], lines, strict=False)
        ]
        yield node, receipts, answer.error or ("" if answer.well else f"HTTP {answer.status}")


def _told(envelope: bytes) -> dict[str, object]:
    """What a receipt says, before anybody has checked it: only to know what to send next."""
    try:
        told = json.loads(json.loads(envelope)["text"])
    except (ValueError, KeyError, TypeError):
        return {}
    return told if isinstance(told, dict) else {}


def _status(envelope: bytes) -> str:
    return str(_told(envelope).get("status"))


def _next(node: DataNode, receipts: Sequence[tuple[Batch, str, bytes, int]], start: int) -> int:
    """The number to go on from: what the node expects, if it says so."""
    if not receipts:
        return start
    batch, _digest, envelope, _time = receipts[-1]
    expected = _told(envelope).get("expected")
    if isinstance(expected, int) and 1 <= expected <= batch.number + 1:
        return expected
    return batch.number + 1 if _status(envelope) in queries.TAKEN else start


def _note_failure(node: DataNode, error: str) -> None:
    if node.state != NodeState.DOWN:
        actions.note_seen(node, by=SYSTEM, state=NodeState.DOWN, why=error)


# ---------------------------------------------------------------- how they are


def look(ecosystem: Ecosystem | None = None, now: datetime | None = None) -> client.Gathered:
    """Greets every node in use and notes how it is: up, down, or not to be trusted.

    `/health` tells that it runs, its day and its versions. A node that follows the feed is knocked at besides with a
    message that is none (number 0, and a word drawn just now): it refuses it with a receipt, and the receipt shows who
    has signed it and when. What has not changed is written down every ten minutes only.
    """
    at = now or timezone.now()
    rows = DataNode.objects.filter(active=True).select_related("ecosystem")
    known = list(rows.filter(ecosystem=ecosystem) if ecosystem else rows)
    places = [queries.place(node) for node in known]
    knocks = {node.code: _knock(node) for node in known}
    key = queries.hub_key()

    def greet(place: client.Place) -> client.Answer:
        answer = client.ask(place, "GET", HEALTH, b"", None, PATIENCE)
        knock = knocks[place.code]
        if not answer.well or not knock:
            return answer
        envelope = signing.sealed(signing.MESSAGE, knock, queries.FEED, key)
        receipt = client.ask(place, "POST", FEED, envelope, key, PATIENCE)
        if not receipt.well:
            return receipt
        return client.Answer(place.code, 200, answer.body + b"\n" + receipt.body, answer.milliseconds)

    gathered = client.gather(places, greet)
    for node, answer in zip(known, gathered.answers, strict=True):
        state, why, told = _seen(node, answer, knocks[node.code])
        if (node.state, node.why) != (state, why) or node.checked_at is None or at - node.checked_at >= AGAIN:
            actions.note_seen(
                node, by=SYSTEM, state=state, why=why, at=at, told=told, milliseconds=answer.milliseconds
            )
    return gathered


def _knock(node: DataNode) -> str:
    """The text of a message that no node takes; "" for one that does not follow the feed."""
    if Role.FEED not in node.roles:
        return ""
    return signing.plain(
        {
            "feed": queries.FEED,
            "node": node.log_name,
            "number": 0,
            "before": "",
            "events": [],
            "drawn": secrets.token_hex(16),
        }
    )


def _seen(node: DataNode, answer: client.Answer, knock: str) -> tuple[str, str, dict[str, Any] | None]:
    """What an answer to a greeting shows: state, why, and what it told."""
    if not answer.status:
        return NodeState.DOWN, answer.error, None
    if not answer.well:
        # It is there, and does not let us in: its door knows another key of ours, or it is no node.
        return NodeState.MISMATCH, f"HTTP {answer.status}", None
    lines = answer.body.splitlines()
    try:
        told = json.loads(lines[0])
    except (ValueError, IndexError):
        told = None
    if not isinstance(told, dict):
        return NodeState.MISMATCH, "it does not answer as a node does", None
    # A node that tells no versions is of the first.
    told.setdefault("speaks", {about: [1] for about in signing.SPEAKS})
    missing = sorted(signing.SPEAKS.keys() - signing.agreed(told["speaks"]).keys())
    if missing:
        return NodeState.MISMATCH, f"no common version of: {', '.join(missing)}", None
    if knock and (wrong := _stranger(node, b"\n".join(lines[1:]), knock)):
        return NodeState.MISMATCH, wrong, None
    return NodeState.UP, "", told


def _stranger(node: DataNode, receipt: bytes, knock: str) -> str:
    """Why whoever answers is not the registered node, as of now; "" if it is."""
    try:
        told = signing.unsealed(signing.RECEIPT, receipt, signing.public_key(node.public_key))
    except signing.Forged as error:
        return str(error)
    if told.get("digest") != signing.digest(knock):
        return "an old receipt told again"
    if told.get("node") != node.log_name:
        return "the record of another node"
    at = parse_datetime(str(told.get("at")))
    if at is None or at.utcoffset() is None or abs(at - timezone.now()) > SKEW:
        return "its clock is wrong"
    return ""


# ---------------------------------------------------------------- numbers


def numbers(ecosystem: Ecosystem | None = None) -> list[tuple[str, str]]:
    """Asks the nodes how many donors and samples their collections have; (node, why) of those that did not tell all.

    Counted are those whose consent permits biomedical research by academics, which is what whoever reads the directory
    mostly wants to know. The questions go through consent and disclosure like everybody's, and what is told comes with
    what it stands on. A node that answers some of them is not passed over for the rest.
    """
    key, failed = queries.hub_key(), []
    known = queries.with_role(Role.NUMBERS, ecosystem)
    asked = {node.code: list(_questions(node)) for node in known}

    def tell(place: client.Place) -> client.Answer:
        lines = []
        for _collection, _kind, question in asked[place.code]:
            answer = client.ask(place, "POST", ASK, wire.dumps(question).encode(), key)
            if not answer.status:
                return answer
            lines.append(answer.body if answer.well else b"")
        return client.Answer(place.code, 200, b"\n".join(lines), 0)

    gathered = client.gather([queries.place(node) for node in known], tell)
    for node, answer in zip(known, gathered.answers, strict=True):
        if not answer.well:
            failed.append((node.code, answer.error))
            continue
        told = zip(asked[node.code], answer.body.split(b"\n"), strict=False)
        answers = [(collection, kind, question, line) for (collection, kind, question), line in told if line]
        if len(answers) < len(asked[node.code]):
            failed.append((node.code, f"{len(asked[node.code]) - len(answers)} / {len(asked[node.code])}"))
        if answers:
            actions.note_answers(
                node,
                by=SYSTEM,
                answers=[(each, kind, wire.digest(asking), line) for each, kind, asking, line in answers],
            )
    return failed


def _questions(node: DataNode) -> Iterable[tuple[Collection, str, Question]]:
    """How many donors and samples each of its collections has."""
    ages_at = date(timezone.localdate().year, 12, 31)
    for row in (
        Collection.objects.filter(biobank__node=node, withdrawn=False)
        .select_related("biobank")
        .order_by("pk")
    ):
        mine = Specimen(collections=frozenset({row.known_as}))
        for kind, count in ((FigureKind.DONORS, Count.DONORS), (FigureKind.SAMPLES, Count.SAMPLES)):
            purpose = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
            yield row, str(kind), Question(purpose, mine, ages_at, count=count, samples=mine, asker=DIRECTORY)
