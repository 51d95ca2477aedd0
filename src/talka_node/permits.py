"""Permits that a node holds: signed by the hub, judged here, question by question.

A question that names a permit must lie within it (`talka_query.permits`), on a day on which it is in force, be asked by
its holder, and find some of its quota left; what the permit establishes beside the purpose becomes the grounds on
which consent is decided. Nothing here looks at any data, so a refusal tells nothing of them.

An envelope (`consent.feed.sealed`) says one of

    {"node": "…", "permit": {…}, "grounds": {"project": "…", …}, "questions": 500}
    {"node": "…", "revoked": "<name of the permit>"}

`node` is the name of the node's log, or null for every node; `questions` may be left out. A permit counts for as long
as the key that signed it is one of the hub's. Revocations lie beside the tombstones: no restored backup takes them
back.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from talka_node.codes import icd10
from talka_node.consent import Grounds
from talka_node.consent.feed import Forged, unsealed
from talka_node.hub import put
from talka_node.journal import PERSONAL_CODE
from talka_query.nodes import Question
from talka_query.permits import Permit, read_permit, why_not
from talka_query.wire import Malformed

PERMIT = b"talka permit 1\n"
_NAMES = ("topics", "undertaken")
_TEXTS = ("user", "project", "institution")


class NotAPermit(ValueError):
    """An envelope that is not taken; the message says why."""


@dataclass(frozen=True, slots=True)
class Held:
    """A permit with what it establishes, and how many questions it is good for; None: as many as the policy lets."""

    permit: Permit
    grounds: Grounds
    questions: int | None
    file: str


class Permits:
    """The permits in a folder. Safe for several threads."""

    def __init__(
        self,
        folder: Path,
        graves: Path,
        node: str,
        keys: Mapping[str, Ed25519PublicKey],
        caller: str,
        spent: Callable[[Iterable[str]], Mapping[str, int]],
    ) -> None:
        """`graves`: the file of revocations. `node`: the name of the node's log. `keys`: the hub's. `caller`: whose
        accounts are the hub's: who asks as `caller/anna` is the hub's anna. `spent`: answered questions by permit."""
        self.folder, self.graves = folder, graves
        self._node, self._keys, self._caller, self._spent_of = node, dict(keys), caller, spent
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {}
        self._revoked: dict[str, str] = {}
        self._read()

    def _read(self) -> None:
        if self.graves.exists():
            for line in self.graves.read_bytes().splitlines():
                if line.strip():  # a line cut off by a kill was never acknowledged
                    try:
                        told = json.loads(line)
                    except ValueError:
                        continue
                    self._revoked.setdefault(told["permit"], told["on"])
        for place in self._files():
            try:
                held = self._permit(place.read_bytes(), place.name)
            except NotAPermit:  # `verify` tells; its questions are refused as of one not known
                continue
            if isinstance(held, Held):
                self._held[held.permit.permit] = held
        self._spent = Counter(self._spent_of(self._held))

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []

    # --- taking them --------------------------------------------------------------------------------------

    def add(self, envelope: bytes, on: date) -> dict[str, Any]:
        """Take a permit or a revocation that the hub signed, on disk when this returns. NotAPermit says why not."""
        found = self._permit(envelope, f"{sha256(envelope).hexdigest()[:32]}.json")
        if isinstance(found, str):
            return self.revoke(found, on, by="hub")
        name = found.permit.permit
        with self._lock:
            if name in self._revoked:
                raise NotAPermit(
                    f"permit {name!r} was revoked on {self._revoked[name]}; give a new one another name"
                )
            held = self._held.get(name)
            if held is not None and replace(held, file="") != replace(found, file=""):
                raise NotAPermit(
                    f"another permit {name!r} is held; revoke it, and give the new one another name"
                )
            if held is None:
                self.folder.mkdir(exist_ok=True)
                put(self.folder / found.file, envelope)
                self._held[name] = found
                self._spent[name] = self._spent_of([name]).get(name, 0)
        return self.plain(found, on)

    def revoke(self, name: str, on: date, *, by: str = "node") -> dict[str, Any]:
        """From now on no question is answered by a permit of this name, whether it is held or not."""
        if not name or len(name) > 200 or PERSONAL_CODE.search(name.encode()):
            raise NotAPermit("a permit's name is 1 to 200 characters, and no personal code")
        with self._lock:
            if name not in self._revoked:
                line = json.dumps({"permit": name, "on": on.isoformat(), "by": by}, ensure_ascii=False)
                with self.graves.open("ab") as file:
                    file.write(b"\n" + line.encode() + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                self._revoked[name] = on.isoformat()
        return {"revoked": name, "on": self._revoked[name]}

    def _permit(self, envelope: bytes, file: str) -> Held | str:
        """What an envelope says: a permit, or the name of one that is revoked."""
        try:
            told, _ = unsealed(PERMIT, envelope, self._keys)
        except Forged as why:
            raise NotAPermit(f"{file}: {why}") from None
        if told.get("node") not in (None, self._node):
            raise NotAPermit(f"{file}: meant for another node; this is {self._node}")
        if "revoked" in told:
            return str(told["revoked"])
        if unknown := told.keys() - {"node", "permit", "grounds", "questions"}:
            raise NotAPermit(
                f"{file}: {', '.join(sorted(unknown))} is not understood, so nothing is permitted"
            )
        questions = told.get("questions")
        if questions is not None and (type(questions) is not int or questions < 1):
            raise NotAPermit(f"{file}: questions is how many it is good for, a whole number from 1")
        try:
            permit = read_permit(told.get("permit"))
        except Malformed as why:
            raise NotAPermit(f"{file}: {why}") from None
        if PERSONAL_CODE.search(json.dumps(told).encode()):
            raise NotAPermit(f"{file}: holds what looks like a personal code; no permit is about somebody")
        return Held(permit, _grounds(told.get("grounds") or {}, file), questions, file)

    # --- judging ------------------------------------------------------------------------------------------

    def held(self, name: str) -> Held | None:
        """The permit of this name, whatever the day; None where none is held, or it was revoked: see `revoked`."""
        return None if name in self._revoked else self._held.get(name)

    def revoked(self, name: str) -> bool:
        """Whether the hub revoked a permit of this name, held here or not."""
        return name in self._revoked

    def judge(self, question: Question, on: date, *, vouched: bool) -> Held | tuple[str, ...] | None:
        """The permit that a question lies within; why it does not; None where nothing here speaks of it and somebody
        trusted has checked it (`vouched`)."""
        name = question.permit or ""
        if name in self._revoked:
            return (f"permit: it was revoked on {self._revoked[name]}.",)
        held = self._held.get(name)
        if held is None:
            return None if vouched else ("permit: this node holds no permit of this name.",)
        holder = question.asker.removeprefix(f"{self._caller}/")
        mine = replace(question, asker=holder)
        found = why_not(mine, held.permit, holder=holder, on=on, lies_within=icd10.within)
        if found:
            return tuple(dict.fromkeys(f"{each.path}: {each.en}" for each in found))
        if held.questions is not None and self._spent[name] >= held.questions:
            return _exhausted(held)
        return held

    def spend(self, held: Held) -> tuple[str, ...]:
        """Take one question from a permit's quota; why not, where it was the last one that somebody else just took."""
        with self._lock:
            name = held.permit.permit
            if held.questions is not None and self._spent[name] >= held.questions:
                return _exhausted(held)
            self._spent[name] += 1
        return ()

    # --- looking at them ----------------------------------------------------------------------------------

    def plain(self, held: Held, on: date) -> dict[str, Any]:
        """As JSON."""
        permit = held.permit
        state = "revoked" if permit.permit in self._revoked else "in force"
        if state == "in force" and not permit.since <= on <= permit.until:
            state = "not yet" if on < permit.since else "over"
        return {
            "permit": permit.permit,
            "holder": permit.holder,
            "state": state,
            "since": permit.since.isoformat(),
            "until": permit.until.isoformat(),
            "questions": held.questions,
            "asked": self._spent[permit.permit],
        }

    def all(self, on: date) -> list[dict[str, Any]]:
        return [self.plain(self._held[name], on) for name in sorted(self._held)]

    def verify(self) -> list[str]:
        """What is wrong with the files, a sentence each."""
        found = []
        for place in self._files():
            try:
                self._permit(place.read_bytes(), f"permits/{place.name}")
            except NotAPermit as why:
                found.append(f"{why}; questions by it are refused")
        return found


def _exhausted(held: Held) -> tuple[str, ...]:
    return (f"permit: all of its {held.questions} questions have been answered.",)


def _grounds(told: Any, file: str) -> Grounds:
    """What a permit establishes beside the purpose. NotAPermit for what is not understood."""
    known = {each.name for each in fields(Grounds)}
    if not isinstance(told, dict) or not told.keys() <= known:
        raise NotAPermit(f"{file}: grounds is a mapping of {', '.join(sorted(known))}")
    right = all(isinstance(told.get(name, ""), str | None) for name in _TEXTS)
    right &= type(told.get("months")) in (int, type(None))
    names = {name: told.get(name, []) for name in _NAMES}
    right &= all(
        isinstance(each, list) and all(isinstance(one, str) for one in each) for each in names.values()
    )
    if not right:
        raise NotAPermit(
            f"{file}: grounds: {', '.join(_TEXTS)} are texts, months a number, {', '.join(_NAMES)} lists"
        )
    user, project, institution = (told.get(name) for name in _TEXTS)
    topics, undertaken = (frozenset(names[name]) for name in _NAMES)
    return Grounds(user, project, institution, told.get("months"), topics, undertaken)
