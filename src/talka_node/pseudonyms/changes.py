"""The register's change feed: which personal code was replaced by which. It alone joins an old and a new code.

A message is one line of JSON, `{"change": "…", "signature": "…"}`: the text that was signed, and the register's Ed25519
signature over it. The text is JSON again:

    {"sequence": 7, "previous": "<SHA-256 of the text before it>", "salt": "<32 hex digits>",
     "on": "2026-01-31", "old": "<code>", "new": "<code>"}

Each message is bound to the one before it, so none can be left out, repeated or put elsewhere. The hash of the last
one is kept; its salt is not, so that the hash does not let anybody try codes. Codes become pseudonyms in memory.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TypedDict

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from talka_node.pseudonyms import personal
from talka_node.pseudonyms.naming import Namer
from talka_node.pseudonyms.personal import Code
from talka_node.pseudonyms.table import Feed, Table

SIGNED = b"talka personal code changes 1\n"
BEGINNING = hashlib.sha256(SIGNED).digest()  # stands for the message before the first
BATCH = 512  # changes; each takes two evaluations
LONGEST = 2000  # characters of a line


class FeedError(ValueError):
    """A message that is not taken, nor any after it. Names its line and what is wrong, never a code."""


@dataclass(frozen=True, slots=True)
class Change:
    sequence: int
    on: date
    old: Code
    new: Code
    head: bytes  # the hash of this message


@dataclass(frozen=True, slots=True)
class Applied:
    """`changes` that were taken now, `before`: those that had been."""

    changes: int
    before: int
    feed: Feed | None


def read(
    lines: Iterable[str], register: Ed25519PublicKey, after: Feed | None = None
) -> Iterator[Change | None]:
    """The changes of a feed that follow `after`; None for each message that is not after it. FeedError ends it.

    A feed may begin anywhere up to the message after the last one taken.
    """
    expected, previous = (after.sequence + 1, after.head) if after else (1, BEGINNING)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        text, told = _message(number, line, register)
        sequence = told["sequence"]
        if sequence < expected:
            if after and sequence == after.sequence and hashlib.sha256(SIGNED + text).digest() != after.head:
                raise FeedError(
                    f"line {number}: message {sequence} is another than the one taken before; the register must"
                    " say which of its two feeds is right"
                )
            yield None
            continue
        if sequence > expected:
            raise FeedError(
                f"line {number}: message {sequence} came where {expected} was due; get the feed from message {expected}"
            )
        if told["previous"] != previous.hex():
            raise FeedError(
                f"line {number}: message {sequence} does not follow the one before it; get the feed anew"
            )
        # The register knows which codes it gave out, whatever their check digit.
        reading = personal.read_all([("old", told["old"]), ("new", told["new"])], trust_check_digit=False)
        if reading.quarantined:
            for _, code in reading.codes:
                code.wipe()
            raise FeedError(f"line {number}: message {sequence}, {reading.quarantined[0]}")
        (_, old), (_, new) = reading.codes
        previous, expected = hashlib.sha256(SIGNED + text).digest(), sequence + 1
        yield Change(sequence, told["on"], old, new, previous)


def apply(lines: Iterable[str], register: Ed25519PublicKey, table: Table, namer: Namer) -> Applied:
    """Takes a feed into the table, in batches, each whole or not at all. FeedError leaves what was taken before it."""
    taken = before = 0
    batch: list[Change] = []

    def keep() -> None:
        nonlocal taken
        if not batch:
            return
        names = namer.pseudonyms([code for change in batch for code in (change.old, change.new)])
        pairs = zip(batch, names[::2], names[1::2], strict=True)
        last = batch[-1]
        table.change(
            namer.epoch,
            [(change.sequence, old, new) for change, old, new in pairs],
            Feed(last.sequence, last.head, last.on),
        )
        taken += len(batch)
        batch.clear()

    try:
        for change in read(lines, register, table.feed(namer.epoch)):
            if change is None:
                before += 1
                continue
            batch.append(change)
            if len(batch) == BATCH:
                keep()
    except FeedError:
        keep()
        raise
    keep()
    return Applied(taken, before, table.feed(namer.epoch))


def write(
    register: Ed25519PrivateKey, changes: Iterable[tuple[date, str, str]], after: Feed | None = None
) -> list[str]:
    """The register's side: the lines of a feed with these (day, old code, new code), following `after`."""
    sequence, previous = (after.sequence, after.head) if after else (0, BEGINNING)
    lines = []
    for on, old, new in changes:
        sequence += 1
        told = {
            "sequence": sequence,
            "previous": previous.hex(),
            "salt": secrets.token_hex(16),
            "on": on.isoformat(),
            "old": old,
            "new": new,
        }
        text = json.dumps(told, separators=(",", ":"))
        previous = hashlib.sha256(SIGNED + text.encode()).digest()
        signature = register.sign(SIGNED + text.encode()).hex()
        lines.append(json.dumps({"change": text, "signature": signature}))
    return lines


class _Told(TypedDict):
    sequence: int
    previous: str
    on: date
    old: str
    new: str


def _message(number: int, line: str, register: Ed25519PublicKey) -> tuple[bytes, _Told]:
    """The signed text and what it says; FeedError unless the register signed it and it is complete."""
    try:
        if len(line) > LONGEST:
            raise ValueError
        outer = json.loads(line)
        text, signature = outer["change"].encode(), bytes.fromhex(outer["signature"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FeedError(
            f"line {number}: a message is JSON with the text `change` and its `signature` in hexadecimal digits"
        ) from None
    try:
        register.verify(signature, SIGNED + text)
    except InvalidSignature:
        raise FeedError(f"line {number}: the register did not sign this message") from None
    try:
        told = json.loads(text)
        on, sequence, salt = date.fromisoformat(told["on"]), told["sequence"], told["salt"]
        if type(sequence) is not int or not re.fullmatch("[0-9a-f]{32}", salt):
            raise ValueError
        parts = [told[name] for name in ("previous", "old", "new")]
        if not all(isinstance(part, str) for part in parts):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise FeedError(
            f"line {number}: a change has a sequence (a number), previous, a salt of 32 hexadecimal digits, on (a"
            " day), old and new"
        ) from None
    return text, _Told(sequence=sequence, previous=parts[0], on=on, old=parts[1], new=parts[2])
