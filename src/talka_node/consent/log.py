"""The consents of a node on disk: nothing is acknowledged that a power cut could take back.

    <node>/consent/events.log       every event, hash-chained, only ever appended to
    <node>/consent/snapshot         the state and the index of the log as of some line, for opening fast; may be deleted
    <node>.tombstones/refusals.log  every withdrawal, opt-out, death and destruction once more

The tombstones lie **outside the node's directory**, so that a backup of it does not hold them and restoring an old
backup does not take them back: what they say and the restored log does not, is appended to the log when it is opened.
They have a backup of their own, and are the one thing never to be restored to an earlier state. A log without
its tombstones is not opened unless somebody states that they are lost.

Many writers share one fsync: whoever comes while a group is being written is written with the next.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b, sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from uuid import uuid4

import numpy as np
import orjson
from numpy.typing import NDArray

from talka_node.consent import chain, history
from talka_node.consent.chain import Chain, Damaged
from talka_node.consent.decision import NO_GROUNDS, REFUSE, Decision, Grounds, decide, reason
from talka_node.consent.forms import Forms
from talka_node.consent.history import REFUSALS, Event, Found, Kind, NotAnEvent, Recorded
from talka_node.consent.state import State
from talka_query.nodes import Purpose

SNAPSHOT_VERSION = 1
SNAPSHOT_EVERY = 20_000  # lines behind the snapshot: about half a second of replay
RECENT = 1000  # messages of a feed whose digests are at hand
LEAP = timedelta(days=400)  # a day that lies further ahead than that is a clock gone wrong


class InUse(Exception):
    """Another process has the log open."""


class TombstonesMissing(Exception):
    """The log has lines, but its tombstones are not there, or are those of another node."""


class ClockLeap(Exception):
    """The day lies so far ahead of the last one that the clock must be wrong: consents would end for good."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of an event that was to be recorded.

    `applied`: it is on disk, and the state obeys it. `waiting`: on disk, but the node has no donor for its subject yet.
    `known`: the same event was recorded before. `void`: recorded, but a tombstone had ended this very consent before.
    `contradicted`: recorded, but its id told of another consent to the same biobank before: where both were signed on
    one day, or the new one earlier, only what both permit counts. `refused`: not recorded; `why` tells.
    """

    status: Literal["applied", "waiting", "known", "void", "contradicted", "refused"]
    number: int  # of its line in the log; 0 where it was refused
    why: str = ""


@dataclass(slots=True)
class _Job:
    events: Sequence[Event]
    notes: Sequence[dict[str, Any]]
    done: bool = False
    entries: list[Entry] | None = None
    error: Exception | None = None


class Log:
    """A node's consents: `record` events, read `state`. Safe for several threads; one process at a time."""

    def __init__(
        self,
        node: Path,
        forms: Forms,
        *,
        tombstones: Path | None = None,
        tombstones_lost: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Open the consents of the node whose directory is `node`; they are made if there are none.

        `tombstones`: the folder of the tombstones, by default <node>.tombstones beside the node's directory.
        """
        self.folder = node / "consent"
        node = node.absolute() if node.name not in ("", "..") else node.resolve()
        self.tombstones = tombstones if tombstones is not None else node.with_name(node.name + ".tombstones")
        self.forms = forms
        self.feeds: dict[str, dict[str, Any]] = {}  # by feed: the last message applied, see `feed`
        self.waiting: dict[str, list[Recorded]] = {}  # events without a donor yet, by subject
        self.highest_donor = -1  # ever heard of, in tombstones too: numbers up to it belong to somebody
        self.node = ""
        self._clock = clock
        self._queue: list[_Job] = []
        self._disk = ThreadPoolExecutor(1)
        self._queueing, self._writing = threading.Lock(), threading.RLock()
        self._empty_index()

        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        self._chains: list[Chain] = []
        try:
            self._open(tombstones_lost)
        except BaseException:
            self._shut()
            raise

    # --- opening ------------------------------------------------------------------------------------------

    def _empty_index(self) -> None:
        # Lines by donor and by id: those of the snapshot as sorted arrays, those since as dictionaries.
        self._donors, self._donor_places = np.empty(0, np.int32), np.empty(0, np.int64)
        self._ids, self._id_places = np.empty(0, np.uint64), np.empty(0, np.int64)
        self._ended = np.empty(0, np.uint64)  # consents that a tombstone ended
        self._new_donors: dict[int, list[int]] = {}
        self._new_ids: dict[int, int] = {}
        self._new_ended: set[int] = set()
        self._joined: dict[int, int] = {}  # numbers that turned out to be another's
        self._also: dict[int, list[int]] = {}  # and the other way round
        self._at = datetime.min.replace(tzinfo=UTC)
        self._refusals = 0
        self._again = 0  # tombstones that repeat one, for another number of the same person
        self._since_snapshot = 0

    def _open(self, tombstones_lost: bool) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"{self.folder.name}: another process has it open") from None
        held = self._read_snapshot()
        log = self.folder / "events.log"
        fresh = not log.exists() or log.stat().st_size == 0
        grave = self.tombstones / "refusals.log"
        if not fresh and not tombstones_lost and (not grave.exists() or grave.stat().st_size == 0):
            raise TombstonesMissing(
                f"{self.folder.name} has events, but {self.tombstones.name}/{grave.name} is missing. Restore it "
                "from its own backup. Only if there is none: talka-node consents tombstones-lost; what was withdrawn"
                " since the log's own backup is then not known"
            )
        self.tombstones.mkdir(parents=True, exist_ok=True)
        chain.sync_folder(self.tombstones.parent)

        at = held[0]["log"] if held is not None else {}
        self._log = Chain(log, at.get("length", 0), at.get("head"), at.get("count", 0))
        self._chains.append(self._log)
        at = held[0]["tombstones"] if held is not None else {}
        self._grave = Chain(grave, at.get("length", 0), at.get("head"), at.get("count", 0))
        self._chains.append(self._grave)
        if held is not None and self._log.start:
            self._thaw(*held)
        else:
            held = None
            self.state = State(self.forms)
        touched: dict[int, None] = {}
        for place, body in self._log.fresh:
            self._index(place, orjson.loads(body), touched)
        self._log.fresh.clear()
        self._replan(touched)
        self.state.advance(self._at.date() if self._at.year > 1 else date.min)

        self._name(fresh, tombstones_lost)
        if (
            held is None and self._grave.start
        ):  # the log is another than the snapshot's, so every tombstone is news
            buried = self._buried()
        else:
            buried = [told for _, body in self._grave.fresh if "event" in (told := orjson.loads(body))]
        self._grave.fresh.clear()
        self._again = (self._again if self._grave.start and held is not None else 0) + sum(
            "again" in told for told in buried
        )
        self._unearth(buried)
        if self._grave.count - 1 - self._again < self._refusals:
            self._bury_again()
        if self._since_snapshot > SNAPSHOT_EVERY or (held is None and not fresh):
            self.snapshot()

    def _name(self, fresh: bool, tombstones_lost: bool) -> None:
        """Log and tombstones carry one name, so that no others slip in between."""
        first = next(iter(self._grave.scan()), None)
        if first is None:
            name = self.node or str(uuid4())
            self._grave.append([_spell({"node": name})])
            if not fresh and tombstones_lost:
                self._write([], [{"tombstones": "lost"}])
        else:
            name = str(orjson.loads(first[1])["node"])
        if not self.node:
            self.node = name
            self._write([], [{"node": name}])
        elif self.node != name:
            raise TombstonesMissing(
                f"{self.tombstones.name}: tombstones of another node ({name}, not {self.node})"
            )

    def _unearth(self, buried: Sequence[dict[str, Any]]) -> None:
        """Append to the log what the tombstones know and it does not: it was restored, or killed between the two."""
        missing = []
        for told in buried:
            self._new_ended.update(map(_hash, told["ends"]))
            event = history.event_in(told["event"])
            if event.donor is not None:
                self.highest_donor = max(self.highest_donor, event.donor)
            if self._find(event.id) is None:
                missing.append(event)
            for other in told.get("also", ()):  # the same person's, but perhaps not known as such any more
                beside = replace(event, id=_beside(event.id, str(other)), donor=other)
                if self._whose(other) != self._whose(event.donor) and self._find(beside.id) is None:
                    missing.append(beside)
        if missing:
            self._write(missing, [], buried=True)

    def _bury_again(self) -> None:
        """Tombstones that were lost or put back are made whole from the log."""
        there = {told["event"]["id"] for told in self._buried()}
        lines = []
        for _, told in self._lines():
            if "event" in told:
                event = self._owned(history.event_in(told["event"]))
                if event.kind in REFUSALS and event.id not in there:
                    lines.append(self._tombstone(event, self._ends(event)))
        if lines:
            self._grave.append(lines)

    def _tombstone(self, event: Event, ends: Sequence[str]) -> bytes:
        told: dict[str, Any] = {"event": history.spelt(event), "ends": list(ends)}
        also = self._also.get(event.donor) if event.donor is not None else None
        return _spell(told | ({"also": also} if also else {}))

    def _bury_joined(self, one: int, kept: int) -> None:
        """What refused at one number refuses at the other too, even if a restored log does not know them as one."""
        lines = [
            _spell({"event": history.spelt(each.event), "ends": [], "also": also, "again": True})
            for donor, also in (
                (one, [kept, *self._also.get(kept, ())]),
                (kept, [one, *self._also.get(one, ())]),
            )
            for each in self.history(donor)
            if each.event.kind in REFUSALS
        ]
        if lines:
            self._grave.append(lines)
            self._again += len(lines)

    def _thaw(self, told: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.state = State.thawed(told["state"], arrays, self.forms)
        self._donors, self._donor_places = arrays["donors"], arrays["donor_places"]
        self._ids, self._id_places, self._ended = arrays["ids"], arrays["id_places"], arrays["ended"]
        self._at = datetime.fromisoformat(told["at"])
        self._refusals, self._again = told["refusals"], told["tombstones"].get("again", 0)
        self.node, self.feeds, self.highest_donor = told["node"], told["feeds"], told["highest_donor"]
        for donor, other in told["joined"]:
            self._take_for(donor, other)
        for subject, lines in told["waiting"].items():
            self.waiting[subject] = [_recorded(each) for each in lines]

    # --- recording ----------------------------------------------------------------------------------------

    def record(self, *events: Event, notes: Sequence[dict[str, Any]] = ()) -> list[Entry]:
        """Record events; when it returns they are on disk and the state obeys them. All of one call are in one group.

        Raises NotAnEvent before anything is written when one of them says too little or too much, and OSError when the
        disk refused: then none was acknowledged, and none is half there. `notes` are lines of `feed`.
        """
        for event in events:
            history.check(event)
        job = _Job(events, notes)
        with self._queueing:
            self._queue.append(job)
        with self._writing:
            if not job.done:
                with self._queueing:
                    jobs, self._queue = self._queue, []
                self._commit(jobs)
                if self._since_snapshot > SNAPSHOT_EVERY:
                    with suppress(OSError):  # what counts is on disk already
                        self.snapshot()
        if job.error is not None:
            raise job.error
        assert job.entries is not None
        return job.entries

    def _commit(self, jobs: Sequence[_Job]) -> None:
        try:
            entries = self._write(
                [event for job in jobs for event in job.events], [note for job in jobs for note in job.notes]
            )
            at = 0
            for job in jobs:
                job.entries = entries[at : at + len(job.events)]
                at += len(job.events)
        except Exception as error:  # noqa: BLE001 -- each writer gets it, in its own thread
            for job in jobs:
                job.error = error
        for job in jobs:
            job.done = True

    def _write(
        self, events: Sequence[Event], notes: Sequence[dict[str, Any]], buried: bool = False
    ) -> list[Entry]:
        """Tombstones and log, then the state."""
        at = self.now()
        stamp = at.isoformat()
        entries: list[Entry] = []
        lines: list[dict[str, Any]] = []
        graves: list[bytes] = []
        coming: dict[str, tuple[Event, int]] = {}
        ended: dict[str, None] = {}
        for event in map(self._owned, events):
            number = self._log.count + len(lines) + 1
            contradicted = ""
            before = coming.get(event.id) or self._find(event.id)
            if before is not None:
                entry = _known(event, *before)
                other = _contradiction(event, before[0]) if entry.status == "refused" else None
                if other is None:
                    entries.append(entry)
                    continue
                contradicted, event = entry.why, other
                before = coming.get(event.id) or self._find(event.id)
                if before is not None:
                    entries.append(Entry("known", before[1]))
                    continue
            if event.kind is Kind.GIVEN and event.on > at.date() + timedelta(1):
                entries.append(Entry("refused", 0, "signed in the future, by the node's clock"))
                continue
            void = event.kind is Kind.GIVEN and self._was_ended(event.id)
            told: dict[str, Any] = {"number": number, "at": stamp, "event": history.spelt(event)}
            if void:
                told["void"] = True
            if event.kind is Kind.GIVEN:
                assert event.form is not None and event.version is not None
                form = self.forms.get(event.form, event.version)
                if form is not None:
                    told["digest"] = form.digest
            lines.append(told)
            coming[event.id] = event, number
            if contradicted and not void:
                entries.append(Entry("contradicted", number, contradicted))
            else:
                entries.append(
                    Entry("void" if void else "waiting" if event.donor is None else "applied", number)
                )
            if event.kind in REFUSALS and not buried:
                ends = self._ends(event, [given for given, _ in coming.values()])
                ended.update(dict.fromkeys(ends))
                graves.append(self._tombstone(event, ends))
        lines += [
            {"number": self._log.count + len(lines) + at_note, "at": stamp, **note}
            for at_note, note in enumerate(notes, 1)
        ]
        if not lines:
            return entries
        places = self._append([_spell(each) for each in lines], graves)
        self._new_ended.update(map(_hash, ended))
        newcomers: dict[int, list[Recorded]] = {}  # whose whole history is at hand: no need to read it back
        for told, (event, _) in zip(lines, coming.values(), strict=False):
            donor = event.donor
            if donor is not None and (donor in newcomers or not self._known(donor)):
                newcomers.setdefault(donor, []).append(
                    Recorded(told["number"], at.date(), event, told.get("digest"), told.get("void", False))
                )
        touched: dict[int, None] = {}
        for place, told in zip(places, lines, strict=True):
            self._index(place, told, touched)
        self.state.advance(at.date())
        self._replan(touched, newcomers)
        return entries

    def _append(self, lines: Sequence[bytes], graves: Sequence[bytes]) -> list[int]:
        """Lines into the log and refusals among the tombstones, both on disk when it returns, or neither.

        The disk works on both at once, which takes as long as one. A kill in between leaves a refusal in one of them,
        and opening the log carries it over into the other.
        """
        if not graves:
            return self._log.append(lines)
        try:
            self._grave.put(graves)
            places = self._log.put(lines)
            self._sync_both()
        except Exception:
            self._grave.take_back()
            self._log.take_back()
            raise
        self._grave.keep()
        self._log.keep()
        return places

    def _sync_both(self) -> None:
        try:
            other = self._disk.submit(self._grave.sync)
        except RuntimeError:  # the interpreter is ending, and starts no more work
            self._grave.sync()
            self._log.sync()
            return
        try:
            self._log.sync()
        finally:
            other.result()

    def now(self) -> datetime:
        """When a line is recorded: never before the last line, and not by a clock gone wrong (`today` asks)."""
        now = self._clock().astimezone(UTC).replace(microsecond=0)
        last = max(self._at.date(), self.state.day)
        return max(now, self._at) if not self._log.count or now.date() - last <= LEAP else self._at

    def _index(self, place: int, told: dict[str, Any], touched: dict[int, None]) -> None:
        """Take one line of the log into the index."""
        self._at = max(self._at, datetime.fromisoformat(told["at"]))
        self._since_snapshot += 1
        if "event" in told:
            event = told["event"]
            self._new_ids[_hash(event["id"])] = place
            self._refusals += Kind(event["kind"]) in REFUSALS
            donor = self._whose(event.get("donor"))
            if donor is None:
                self.waiting.setdefault(event["subject"], []).append(_recorded(told))
            else:
                self._new_donors.setdefault(donor, []).append(place)
                self.highest_donor = max(self.highest_donor, donor)
                touched[donor] = None
        elif "settled" in told:
            donor = self._whose(told["settled"]["donor"])
            assert donor is not None
            self.waiting.pop(told["settled"]["subject"], None)
            self._new_donors.setdefault(donor, []).extend(told["settled"]["places"])
            self.highest_donor = max(self.highest_donor, donor)
            touched[donor] = None
        elif "joined" in told:
            donor, other = told["joined"]
            self._new_donors.setdefault(other, []).extend(self._places(donor))
            self._take_for(donor, other)
            self.highest_donor = max(self.highest_donor, donor, other)
            touched |= {donor: None, other: None}
        elif "feed" in told:
            told = told["feed"]
            recent = self.feeds.get(told["name"], {}).get("recent", {}) | {
                str(told["number"]): told["digest"]
            }
            while len(recent) > RECENT:
                del recent[next(iter(recent))]
            self.feeds[told["name"]] = {"number": told["number"], "digest": told["digest"], "recent": recent}
        elif "node" in told:
            self.node = told["node"]
        elif "day" in told:
            self.state.advance(date.fromisoformat(told["day"]))

    def _replan(
        self, donors: Iterable[int], at_hand: Mapping[int, list[Recorded]] = MappingProxyType({})
    ) -> None:
        self.state.plan_many(
            (donor, biobank, steps if self._whose(donor) == donor else ())  # a number given up stands nowhere
            for donor in donors
            for biobank, steps in history.timelines(
                at_hand.get(donor) or self.history(donor), self.forms
            ).items()
        )

    def join(self, same: Mapping[int, int]) -> int:
        """Numbers that turned out to be another donor's: number → the one that counts. How many are news.

        From now on what was and will be recorded of both is one history, with its refusals. Call it before the rows of
        the one are read as the other's.
        """
        with self._writing:
            news = 0
            for donor, other in same.items():
                one, kept = self._whose(donor), self._whose(other)
                if one is not None and kept is not None and one != kept:
                    self._bury_joined(one, kept)
                    self._write([], [{"joined": [one, kept]}])
                    news += 1
            return news

    def _take_for(self, donor: int, other: int) -> None:
        self._joined[donor] = other
        self._also.setdefault(other, []).extend([donor, *self._also.pop(donor, ())])

    def _whose(self, donor: int | None) -> int | None:
        """The number that counts for a number."""
        while donor in self._joined:
            donor = self._joined[donor]
        return donor

    def _owned(self, event: Event) -> Event:
        donor = self._whose(event.donor)
        return event if donor == event.donor else replace(event, donor=donor)

    def _known(self, donor: int) -> bool:
        """Whether the log has lines about the donor."""
        if donor in self._new_donors:
            return True
        at = int(self._donors.searchsorted(np.int32(donor))) if len(self._donors) else 0
        return at < len(self._donors) and int(self._donors[at]) == donor

    def settle(self, donor_of: Callable[[str], int | None]) -> int:
        """Give waiting events to their donors, now that the node may have them; how many subjects found one."""
        with self._writing:
            found = {subject: donor_of(subject) for subject in self.waiting}
            notes = [
                {
                    "settled": {
                        "subject": subject,
                        "donor": donor,
                        "places": [self._place_by_id(each.event.id) for each in self.waiting[subject]],
                    }
                }
                for subject, donor in found.items()
                if donor is not None
            ]
            self._write([], notes)
            return len(notes)

    def today(self, day: date, *, leap: bool = False) -> date:
        """The day to judge by when the clock shows `day`: never one before a day that has already been.

        The first call of a day writes it down, so that a clock put back while the node is off revives nothing.
        ClockLeap when the day lies more than 400 days ahead of the last one, unless `leap` says that this is meant.
        """
        with self._writing:
            if day <= self.state.day:
                return self.state.day
            if day - self.state.day > LEAP and not leap and self._log.count > 1:
                raise ClockLeap(
                    f"the clock shows {day}, the last day known is {self.state.day}; set it, or say that it is right:"
                    " talka-node consents today --leap"
                )
            self._write([], [{"day": day.isoformat()}])
            self.state.advance(day)
            return day

    # --- reading ------------------------------------------------------------------------------------------

    @property
    def head(self) -> str:
        """The hash of the last line: it stands for all before it."""
        return self._log.head

    @property
    def count(self) -> int:
        """Lines in the log."""
        return self._log.count

    def history(self, donor: int, known: date | None = None) -> list[Recorded]:
        """All events of a donor in the order in which they became known; `known`: until that day (UTC), included."""
        with self._writing:
            whose = self._whose(donor)
            assert whose is not None
            lines = [_recorded(orjson.loads(self._log.read(place)), whose) for place in self._places(whose)]
        lines.sort(key=lambda each: each.number)
        return [each for each in lines if known is None or each.known <= known]

    def _places(self, donor: int) -> list[int]:
        """Where the lines of a donor are."""
        places = list(self._new_donors.get(donor, ()))
        if len(self._donors):
            first = int(self._donors.searchsorted(np.int32(donor), "left"))
            last = int(self._donors.searchsorted(np.int32(donor), "right"))
            places = self._donor_places[first:last].tolist() + places
        return list(dict.fromkeys(places))

    def standing(self, donor: int, biobank: str, on: date, known: date | None = None) -> Found:
        """How a donor stands at a biobank on a day, or why there is no consent; by what was known on day `known`."""
        return history.standing(self.history(donor, known), biobank, on, self.forms)

    def decide(
        self,
        donor: int,
        biobank: str,
        purpose: Purpose,
        on: date,
        *,
        grounds: Grounds = NO_GROUNDS,
        known: date | None = None,
    ) -> Decision:
        """What one donor's consent says to a purpose on a day, and why: for the donor's own view, not for counting."""
        found = self.standing(donor, biobank, on, known)
        if found.standing is None:
            return Decision(REFUSE, (reason(found.why),))
        return decide(found.standing, purpose, on, self.forms, grounds)

    def state_on(self, day: date, known: date | None = None) -> State:
        """The state on any day, also a past one, by what the node knew on day `known` (None: by all it knows).

        It is built by replaying the whole log, and nothing follows it: for looking back, not for answering.
        """
        by_donor: dict[int, list[Recorded]] = defaultdict(list)
        with self._writing:
            lines = {place: told for place, told in self._lines() if "event" in told or "settled" in told}
        for told in lines.values():
            if "event" in told:
                donor, found = self._whose(told["event"].get("donor")), [told]
            else:
                donor = self._whose(told["settled"]["donor"])
                found = [lines[place] for place in told["settled"]["places"]]
            if donor is not None:
                by_donor[donor] += [_recorded(each, donor) for each in found]
        state = State(self.forms, day)
        state.plan_many(
            (donor, biobank, steps)
            for donor, events in by_donor.items()
            for biobank, steps in history.timelines(
                [each for each in events if known is None or each.known <= known], self.forms
            ).items()
        )
        return state

    def awaiting_destruction(self) -> list[tuple[int, str, date]]:
        """(donor, biobank, day) of every consent withdrawn whose samples and data nobody has recorded as destroyed.

        Cabinet Regulation 694/2004 orders an act of destruction. It reads the histories of all who ever withdrew.
        """
        donors = set()
        with self._writing:
            for _, told in self._lines():
                if "event" in told and told["event"]["kind"] == Kind.WITHDRAWN.value:
                    donors.add(self._whose(told["event"].get("donor")))
        found = []
        for donor in sorted(each for each in donors if each is not None):
            events = [each.event for each in self.history(donor)]
            for biobank in sorted(
                {each.biobank for each in events if each.kind is Kind.GIVEN and each.biobank}
            ):
                mine = [each for each in events if each.biobank in (None, biobank)]
                withdrawn = max((each.on for each in mine if each.kind is Kind.WITHDRAWN), default=None)
                destroyed = max((each.on for each in mine if each.kind is Kind.DESTROYED), default=date.min)
                given = max(each.on for each in mine if each.kind is Kind.GIVEN)
                if withdrawn is not None and destroyed < withdrawn and given <= withdrawn:
                    found.append((donor, biobank, withdrawn))
        return found

    def _lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for place, body in self._log.scan():
            yield place, orjson.loads(body)

    def _buried(self) -> list[dict[str, Any]]:
        told = [orjson.loads(body) for _, body in self._grave.scan()]
        return [each for each in told if "event" in each]

    def find(self, event: Event) -> Entry | None:
        """What `record` would say of an event whose id is in the log already; None where it would record it."""
        with self._writing:
            event = self._owned(event)
            before = self._find(event.id)
            if before is None:
                return None
            entry = _known(event, *before)
            other = _contradiction(event, before[0]) if entry.status == "refused" else None
            if other is None:
                return entry
            again = self._find(other.id)
            return None if again is None else Entry("known", again[1])

    def _find(self, id_: str) -> tuple[Event, int] | None:
        """The event recorded under an id, and its number."""
        place = self._place_of(id_)
        if place is None:
            return None
        told = orjson.loads(self._log.read(place))
        event = self._owned(history.event_in(told["event"]))
        return (event, told["number"]) if event.id == id_ else None

    def _place_of(self, id_: str) -> int | None:
        number = _hash(id_)
        place = self._new_ids.get(number)
        if place is None and len(self._ids):
            at = int(np.searchsorted(self._ids, np.uint64(number)))
            if at < len(self._ids) and int(self._ids[at]) == number:
                place = int(self._id_places[at])
        return place

    def _place_by_id(self, id_: str) -> int:
        place = self._place_of(id_)
        assert place is not None
        return place

    def _was_ended(self, id_: str) -> bool:
        number = _hash(id_)
        if number in self._new_ended:
            return True
        at = int(np.searchsorted(self._ended, np.uint64(number))) if len(self._ended) else 0
        return at < len(self._ended) and int(self._ended[at]) == number

    def _ends(self, event: Event, coming: Sequence[Event] = ()) -> list[str]:
        """The consents that a withdrawal or destruction ends, of the log and of `coming`: after a restore they must not
        come again under another donor's number. See `history` for one that seems to end nothing."""
        if event.kind not in (Kind.WITHDRAWN, Kind.DESTROYED) or event.donor is None:
            return []
        given = [
            each
            for each in (*(line.event for line in self.history(event.donor)), *coming)
            if each.kind is Kind.GIVEN and each.donor == event.donor and event.biobank in (None, each.biobank)
        ]
        ended = [each.id for each in given if each.on <= event.on]
        return ended or [each.id for each in given if event.kind is Kind.WITHDRAWN]

    # --- snapshot -----------------------------------------------------------------------------------------

    def snapshot(self) -> None:
        """Write down the state and the index, so that the next opening need not read the log."""
        with self._writing:
            told, arrays = self.state.frozen()
            self._merge()
            arrays |= {
                "donors": self._donors,
                "donor_places": self._donor_places,
                "ids": self._ids,
                "id_places": self._id_places,
                "ended": self._ended,
            }
            head = {
                "version": SNAPSHOT_VERSION,
                "rules": _rules(),
                "forms": self.forms.digest,
                "log": {"length": self._log.length, "head": self._log.head, "count": self._log.count},
                "tombstones": {
                    "length": self._grave.length,
                    "head": self._grave.head,
                    "count": self._grave.count,
                    "again": self._again,
                },
                "at": self._at.isoformat(),
                "refusals": self._refusals,
                "node": self.node,
                "feeds": self.feeds,
                "highest_donor": self.highest_donor,
                "joined": list(self._joined.items()),
                "waiting": {
                    subject: [_told(each) for each in lines] for subject, lines in self.waiting.items()
                },
                "state": told,
            }
            chain.replace(self.folder / "snapshot", _packed(head, arrays))
            self._since_snapshot = 0

    def _merge(self) -> None:
        """The dictionaries of the index into its arrays."""
        new = [(donor, place) for donor, places in self._new_donors.items() for place in places]
        donors = np.append(self._donors, np.array([each[0] for each in new], np.int32))
        places = np.append(self._donor_places, np.array([each[1] for each in new], np.int64))
        order = np.lexsort((places, donors))
        self._donors, self._donor_places = donors[order], places[order]
        ids = np.append(self._ids, np.array(list(self._new_ids), np.uint64))
        id_places = np.append(self._id_places, np.array(list(self._new_ids.values()), np.int64))
        order = np.argsort(ids, kind="stable")
        self._ids, self._id_places = ids[order], id_places[order]
        self._ended = np.union1d(self._ended, np.array(list(self._new_ended), np.uint64))
        self._new_donors, self._new_ids, self._new_ended = {}, {}, set()

    def _read_snapshot(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        """The snapshot, if there is one that is whole and was made by these forms and rules."""
        try:
            data = (self.folder / "snapshot").read_bytes()
        except FileNotFoundError:
            return None
        found = _unpacked(data)
        if found is None:
            return None
        head = found[0]
        expected = SNAPSHOT_VERSION, _rules(), self.forms.digest
        return found if (head["version"], head["rules"], head["forms"]) == expected else None

    # --- checking -----------------------------------------------------------------------------------------

    def verify(self) -> list[str]:
        """What is wrong with log, tombstones or state; an empty list is good news. It reads everything."""
        with self._writing:
            wrong: list[str] = []
            before = datetime.min.replace(tzinfo=UTC)
            refusals, numbers = set(), 0
            try:
                for number, (place, told) in enumerate(self._lines(), 1):
                    numbers = number
                    where = f"events.log, line {number}, byte {place}"
                    at = datetime.fromisoformat(told["at"])
                    if told["number"] != number:
                        wrong.append(f"{where}: numbered {told['number']}")
                    if at < before:
                        wrong.append(f"{where}: recorded before the line before it")
                    before = at
                    if "event" in told:
                        try:
                            event = history.event_of(told["event"])
                        except NotAnEvent as error:
                            wrong.append(f"{where}: {error}")
                            continue
                        if event.kind in REFUSALS:
                            refusals.add(event.id)
            except Damaged as error:
                return [str(error)]
            if numbers != self._log.count:
                wrong.append(f"events.log: {numbers} lines, {self._log.count} were counted")
            try:
                buried = {told["event"]["id"] for told in self._buried()}
            except Damaged as error:
                return [*wrong, str(error)]
            for missing, lack in ((refusals - buried, "tombstones"), (buried - refusals, "log")):
                if missing:
                    wrong.append(f"{len(missing)} refusals are not in the {lack}: open the log again")
            anew = self.state_on(self.state.day)
            mine, other = _spread(self.state), _spread(anew)
            if mine != other:
                differ = sum(mine.get(pair) != other.get(pair) for pair in mine.keys() | other.keys())
                wrong.append(
                    f"the state differs from a replay of the log at {differ} pairs: delete the snapshot"
                )
            return wrong

    def close(self) -> None:
        """Write a snapshot if there is something new, and let others open the log."""
        with self._writing:
            try:
                if self._since_snapshot and self._chains:
                    self.snapshot()
            finally:
                self._shut()

    def _shut(self) -> None:
        for each in self._chains:
            each.close()
        self._chains.clear()
        self._disk.shutdown()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _spell(told: dict[str, Any]) -> bytes:
    return orjson.dumps(told)


def _recorded(told: dict[str, Any], donor: int | None = None) -> Recorded:
    event = history.event_in(told["event"])
    if donor is not None and event.donor != donor:
        event = replace(event, donor=donor)
    return Recorded(
        told["number"],
        datetime.fromisoformat(told["at"]).date(),
        event,
        told.get("digest"),
        told.get("void", False),
    )


def _told(each: Recorded) -> dict[str, Any]:
    told = {"number": each.number, "at": each.known.isoformat(), "event": history.spelt(each.event)}
    return told | ({"digest": each.digest} if each.digest else {}) | ({"void": True} if each.void else {})


def _beside(id_: str, what: str) -> str:
    """A name for something that belongs to the event of this name."""
    return f"{id_[:180]}~{blake2b(f'{id_} {what}'.encode(), digest_size=8).hexdigest()}"


def _contradiction(event: Event, before: Event) -> Event | None:
    """What is recorded where an id tells of another consent than it did: both must permit, or the later signed one
    governs. None where it is about somebody else, or no consent: then it is not recorded."""
    person = event.donor == before.donor or (event.subject is not None and event.subject == before.subject)
    if not (event.kind is before.kind is Kind.GIVEN and person and event.biobank == before.biobank):
        return None
    beside = _beside(event.id, orjson.dumps(history.spelt(event)).decode())
    on = max(event.on, before.on)
    return replace(
        event, id=beside, on=on, until=event.until if event.until is None else max(event.until, on)
    )


def _known(event: Event, before: Event, number: int) -> Entry:
    """Told again, or something else under the same id? A subject may have got its donor since."""
    if _plain(event) in (
        _plain(before),
        _plain(replace(before, donor=event.donor)) if event.subject else None,
    ):
        return Entry("known", number)
    if event.kind in REFUSALS and event == replace(before, on=event.on, by=event.by):
        return Entry("known", number, "dated otherwise than before; the date told first counts")
    return Entry("refused", 0, f"line {number} tells another event of the same id")


def _plain(event: Event) -> Event:
    """An event without what goes without saying: a consent begins on the day of signing."""
    return replace(event, since=None) if event.since == event.on else event


def _hash(id_: str) -> int:
    return int.from_bytes(blake2b(id_.encode(), digest_size=8).digest(), "big")


def _spread(state: State) -> dict[tuple[int, str], Any]:
    """Who stands how, without the numbers of classes, which depend on the order in which they came up."""
    return {(donor, biobank): state.classes[number] for donor, biobank, number in state.pairs() if number}


_RULES: list[str] = []


def _rules() -> str:
    """The digest of the rules of replay: a snapshot made by others is not taken."""
    if not _RULES:
        _RULES.append(sha256(Path(history.__file__).read_bytes()).hexdigest())
    return _RULES[0]


_MAGIC = b"talka consent snapshot\n"


def _packed(head: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bytes:
    """One file: magic, a checksum, the length of the head, the head as JSON, the arrays as they lie in memory."""
    shapes = [[name, each.dtype.str, len(each)] for name, each in arrays.items()]
    told = json.dumps({**head, "arrays": shapes}).encode()
    body = len(told).to_bytes(8, "little") + told + b"".join(each.tobytes() for each in arrays.values())
    return _MAGIC + blake2b(body, digest_size=32).digest() + body


def _unpacked(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
    start = len(_MAGIC) + 32
    body = memoryview(data)[start:]
    if data[: len(_MAGIC)] != _MAGIC or data[len(_MAGIC) : start] != blake2b(body, digest_size=32).digest():
        return None
    size = int.from_bytes(body[:8], "little")
    head = orjson.loads(body[8 : 8 + size])
    at = 8 + size
    arrays = {}
    for name, kind, length in head["arrays"]:
        arrays[name] = np.frombuffer(body, kind, length, at).copy()  # of our own, to be written to
        at += arrays[name].nbytes
    return head, arrays
