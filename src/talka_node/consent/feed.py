"""The hub's feed of consents: signed and numbered messages in, signed receipts out.

Donors withdraw at the hub, or sign there; the hub tells every node. A message is taken when its signature is the hub's,
it is meant for this node, and it follows the one before. A message told again changes nothing and gets a receipt again.
One that comes too early waits until the gap is filled, **but its withdrawals take effect at once**: no refusal waits
for somebody else's lost message. Events name persons by `subject`; who is not known here waits in the log
(`Log.settle`), and the receipt does not tell who that is: it would tell who is a donor here.

An envelope is JSON: `{"text": …, "key": …, "signature": …}`, the signature (Ed25519, base64) being over a line that
says what is signed and the bytes of the text. A text is JSON too:

    {"feed": "hub", "node": "…", "number": 17, "before": "…",
     "events": [{"id": …, "kind": "withdrawn", "on": "2026-02-01", "subject": …}, …]}

`number` counts from 1 and `before` is the SHA-256 of the text before ("" for the first). `node` is the log's own name.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Literal

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from talka_node.consent.history import REFUSALS, Event, NotAnEvent, check, event_of
from talka_node.consent.log import Entry, Log

MESSAGE = b"talka consent message 1\n"
RECEIPT = b"talka consent receipt 1\n"

LARGEST = 4 << 20  # bytes of an envelope
MOST_HELD = (
    1000  # messages that came too early; the hub sends again whatever got no receipt that it was applied
)

Status = Literal["applied", "known", "held", "refused"]


class Forged(ValueError):
    """An envelope that nobody we know has signed, or that is none; the message says which."""


# --- envelopes --------------------------------------------------------------------------------------------


def sealed(what: bytes, told: Mapping[str, Any], key: str, signer: Ed25519PrivateKey) -> bytes:
    """An envelope around `told`; `what` is MESSAGE or RECEIPT, so that none can pass for the other."""
    text = orjson.dumps(told).decode()
    signature = base64.b64encode(signer.sign(what + text.encode())).decode()
    return orjson.dumps({"text": text, "key": key, "signature": signature})


def unsealed(
    what: bytes, envelope: bytes, keys: Mapping[str, Ed25519PublicKey]
) -> tuple[dict[str, Any], str]:
    """What an envelope says, and the SHA-256 of its text. Forged unless one of `keys` signed it."""
    if len(envelope) > LARGEST:
        raise Forged(f"an envelope of {len(envelope)} bytes; the most is {LARGEST}")
    try:
        outer = orjson.loads(envelope)
        text, name, signature = outer["text"], outer["key"], outer["signature"]
        data, signed = text.encode(), base64.b64decode(signature, validate=True)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise Forged("not an envelope: JSON with text, key and signature (base64)") from None
    key = keys.get(name) if isinstance(name, str) else None
    if key is None:
        raise Forged("signed with a key that this node does not know")
    try:
        key.verify(signed, what + data)
    except InvalidSignature:
        raise Forged("the signature is not of this text") from None
    try:
        told = orjson.loads(data)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Forged("the text is no JSON object")
    return told, sha256(data).hexdigest()


# --- the feed ---------------------------------------------------------------------------------------------


class Feed:
    """The receiving end of one hub's feed. Not for several threads at once."""

    def __init__(
        self,
        log: Log,
        name: str,
        keys: Mapping[str, Ed25519PublicKey],
        *,
        key: str,
        signer: Ed25519PrivateKey,
        donor_of: Callable[[str], int | None],
    ) -> None:
        """`keys` are the hub's, by name (two while it changes them); `key` and `signer` the node's own, for receipts.

        `donor_of` gives the node's donor for a subject, or None where it has none.
        """
        self.log, self.name, self.keys = log, name, dict(keys)
        self._key, self._signer, self._donor_of = key, signer, donor_of
        self._held: dict[int, tuple[dict[str, Any], str]] = {}

    @property
    def expected(self) -> int:
        """The number of the next message."""
        return int(self._last.get("number", 0)) + 1

    @property
    def _last(self) -> dict[str, Any]:
        return self.log.feeds.get(self.name, {})

    def receive(self, envelope: bytes) -> bytes:
        """Take one message, and return the signed receipt: whatever it says applied is on disk and obeyed.

        A receipt tells `status` (applied, known, held, refused), `why`, the number `expected` next, what became of each
        event, and the log's head, which stands for all that the node knows.
        """
        try:
            told, digest = unsealed(MESSAGE, envelope, self.keys)
        except Forged as error:
            return self._receipt("refused", str(error), {}, sha256(envelope).hexdigest(), [])
        wrong = self._misplaced(told)
        if wrong:
            return self._receipt("refused", wrong, told, digest, [])
        number, before = told["number"], told["before"]
        if number < self.expected:
            return self._again(told, digest)
        if number > self.expected:
            return self._early(told, digest)
        if before != self._last.get("digest", ""):
            return self._receipt(
                "refused", f"it does not follow message {number - 1} as it came here", told, digest, []
            )
        outcomes = self._apply(told, digest)
        self._catch_up()
        return self._receipt("applied", "", told, digest, outcomes)

    def _misplaced(self, told: dict[str, Any]) -> str:
        """Why a message signed by the hub is none for here; "" when it is."""
        if told.get("feed") != self.name:
            return f"another feed's message; this is {self.name}"
        if told.get("node") != self.log.node:
            return f"meant for another node; this is {self.log.node}"
        if type(told.get("number")) is not int or told["number"] < 1:
            return "number: a whole number from 1"
        if not isinstance(told.get("before"), str):
            return 'before: the SHA-256 of the message before, or "" for the first'
        if not isinstance(told.get("events"), list):
            return "events: a list"
        return ""

    def _again(self, told: dict[str, Any], digest: str) -> bytes:
        """A number that was applied before. Nothing is applied now, whatever the message says."""
        number = told["number"]
        applied = self._last["recent"].get(str(number))
        if applied is None:
            return self._receipt("known", "applied long ago; nothing was applied now", told, digest, [])
        if applied != digest:
            return self._receipt("refused", f"another message {number} was applied", told, digest, [])
        outcomes = []
        for each in told["events"]:
            event, wrong = self._read(each)
            found = self.log.find(event) if event is not None else None
            outcomes.append(_outcome(each, found or Entry("refused", 0, wrong or "it was refused then")))
        return self._receipt("known", "", told, digest, outcomes)

    def _early(self, told: dict[str, Any], digest: str) -> bytes:
        """Keep a message that came too early, and let its refusals take effect."""
        number = told["number"]
        held = self._held.get(number)
        if held is not None and held[1] != digest:
            return self._receipt("refused", f"another message {number} is held", told, digest, [])
        if held is None and len(self._held) >= MOST_HELD:
            return self._receipt(
                "refused", f"too far ahead: {MOST_HELD} messages are held already", told, digest, []
            )
        self._held[number] = told, digest
        read = [self._read(each) for each in told["events"]]
        refusals = [event for event, _ in read if event is not None and event.kind in REFUSALS]
        entries = dict(zip((each.id for each in refusals), self.log.record(*refusals), strict=True))
        outcomes = [
            _outcome(each, entries[event.id])
            if event is not None and event.id in entries
            else {"id": _id(each), "status": "held"}
            for each, (event, _) in zip(told["events"], read, strict=True)
        ]
        return self._receipt("held", f"messages from {self.expected} on are missing", told, digest, outcomes)

    def _apply(self, told: dict[str, Any], digest: str) -> list[dict[str, Any]]:
        """Record a message's events and its number together. An event that is none stops no other."""
        read = [self._read(each) for each in told["events"]]
        events = [event for event, _ in read if event is not None]
        note = {"feed": {"name": self.name, "number": told["number"], "digest": digest}}
        entries = iter(self.log.record(*events, notes=[note]))
        return [
            _outcome(each, next(entries) if event is not None else Entry("refused", 0, wrong))
            for each, (event, wrong) in zip(told["events"], read, strict=True)
        ]

    def _catch_up(self) -> None:
        """Apply what was held for this moment."""
        while (held := self._held.pop(self.expected, None)) is not None:
            if held[0]["before"] != self._last["digest"]:
                break  # it gets its refusal when it is sent again
            self._apply(*held)

    def _read(self, told: Any) -> tuple[Event | None, str]:
        """An event of the feed as one of the node's, or why it is none. Its id is kept apart from local ones."""
        try:
            event = event_of(told)
            if event.donor is not None or event.subject is None:
                raise NotAnEvent(
                    "donor: a feed names persons by subject; a node's own numbers mean nothing to it"
                )
            event = replace(event, id=f"{self.name}/{event.id}", donor=self._donor_of(event.subject))
            check(event)
        except NotAnEvent as error:
            return None, str(error)
        return event, ""

    def _receipt(
        self, status: Status, why: str, told: dict[str, Any], digest: str, events: list[dict[str, Any]]
    ) -> bytes:
        number = told.get("number")
        return sealed(
            RECEIPT,
            {
                "feed": self.name,
                "node": self.log.node,
                "number": number if type(number) is int else None,
                "digest": digest,
                "status": status,
                "why": why,
                "events": events,
                "expected": self.expected,
                "at": self.log.now().isoformat(),
                "log": {"lines": self.log.count, "head": self.log.head},
            },
            self._key,
            self._signer,
        )


def _id(told: Any) -> str | None:
    """The id in an event that may be none; not one that could be anything."""
    found = told.get("id") if isinstance(told, dict) else None
    return found if isinstance(found, str) and len(found) <= 200 else None


def _outcome(told: Any, entry: Entry) -> dict[str, Any]:
    status = "applied" if entry.status == "waiting" else entry.status
    found: dict[str, Any] = {"id": _id(told), "status": status}
    return (
        found | ({"line": entry.number} if entry.number else {}) | ({"why": entry.why} if entry.why else {})
    )
