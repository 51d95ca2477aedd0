"""A node as one object over one directory: facts, consents, index, policy and journal, kept in step.

    node.json      name and format                 forms/     consent forms, as data
    store.json     and segments/: the facts        consent/   the log of consents (its tombstones lie outside)
    index/         one file per state of the facts journal/   every question and what was told
    keys/          secrets of this node            policy.yaml  its rules of disclosure, if not the default ones
    catalogue.yaml what it publishes of itself     callers.json who may ask, see `signed`

`ask` is the one way from a question to what may be told: check → admit → consent → engine → release → journal. Nothing
is returned before the journal's entry is on disk. One process has a node open at a time.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import secrets
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b, sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import orjson
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from talka_node import catalogue, consent, coverage, disclosure, hub, journal, parcel
from talka_node.catalogue import Catalogue
from talka_node.consent import Forms, Grounds
from talka_node.consent.chain import Damaged as ConsentDamaged
from talka_node.consent.decision import NO_GROUNDS
from talka_node.consent.feed import Feed
from talka_node.consent.history import Event, Kind
from talka_node.consent.log import Entry, InUse, Log
from talka_node.disclosure import Admitted, Policy, Refused, Region, Released, Standing, Trace
from talka_node.engines import Engine
from talka_node.engines.bitmap import Bitmap
from talka_node.engines.bitmap import Damaged as IndexDamaged
from talka_node.hub import Hub
from talka_node.identity import Identity
from talka_node.importers import Manifest, Progress, import_files
from talka_node.importers.manifest import signing_key
from talka_node.journal import Journal
from talka_node.permits import NotAPermit, Permits
from talka_node.pseudonyms import changes
from talka_node.store import Store, StoreError
from talka_query import check, wire
from talka_query.check import Problem
from talka_query.nodes import AskerKind, Purpose, Question, Use

FORMAT = 1
COVERAGE = Purpose(Use.STATISTICS, AskerKind.PUBLIC_BODY)  # what the hub counts persons for


def now() -> datetime:
    return datetime.now(UTC)


class NotUnderstood(ValueError):
    """The question speaks of what this node does not know, or of somebody; `problems` say where, and what is near."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


class NotANode(Exception):
    """The directory is no node, or cannot be one; the message says what would help."""


class Open(NotANode):
    """Another process has the node open."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What may go to the hub, sealed for it (see `parcel`), and what may be told of it to the node's own people."""

    content: bytes
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What may be told, and what it stands on: the entry in the journal, the day judged, the state of the facts, and
    the head of the log of consents."""

    released: Released
    entry: int
    day: date
    facts: int
    consents: str

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "question": wire.encode(self.released.question),
            "answer": self.released.plain(),
            "entry": self.entry,
            "day": self.day.isoformat(),
            "facts": self.facts,
            "consents": self.consents,
        }


Outcome = TypeVar("Outcome")

# An engine, and which state of the facts it is of.
Indexed = tuple[Engine, int]


@dataclass(frozen=True, slots=True)
class Pending(Generic[Outcome]):
    """What may be told, or why nothing is, as soon as the journal's entry is on disk and no moment before."""

    _entry: journal.Promise
    _tell: Callable[[journal.Entry], Outcome | Refused]

    def told(self) -> Outcome | Refused:
        self._entry.write()
        return self._tell(self._entry.result())

    async def wait(self) -> Outcome | Refused:
        """The same in a coroutine."""
        if not self._entry.done():
            # What came in with this one goes to disk with it. Then this thread writes: to hand so little over to
            # another and back takes longer than the disk does.
            await asyncio.sleep(0)
            self._entry.write()
        if not self._entry.done():
            return self._tell(await asyncio.wrap_future(self._entry))
        return self._tell(self._entry.result())


class Node:
    """An open node. `with Node(path) as node:` closes it when done; safe for several threads."""

    def __init__(
        self, path: Path | str, *, clock: Callable[[], datetime] = now, tombstones_lost: bool = False
    ) -> None:
        """Open what `Node.create` made. NotANode where there is none, Open where another process has it; damage raises
        what the damaged part raises."""
        self.path = Path(path)
        self.clock = clock
        self.name = about(self.path)["name"]
        self.policy = _policy(self.path)
        self.store = Store(self.path)
        try:
            forms = Forms.load(self.path / "forms")
            self.log = Log(self.path, forms, tombstones_lost=tombstones_lost, clock=clock)
        except InUse as why:
            raise Open(
                f"{self.path} is open in another process: stop it, or ask the node that it serves"
            ) from why
        try:
            self.identity = Identity(self.path)
            self.log.join(self.store.state.same)
            # Who was imported just before this process was killed may have refused at the hub long ago.
            self.log.settle(self.identity.donor_of)
            self.journal = Journal(self.path / "journal")
        except BaseException:
            self.log.close()
            raise
        secret = _secret(self.path / "keys" / "disclosure.key")
        self._noise = blake2b(secret, person=b"noise").digest()
        since = clock().date() - timedelta(days=self.policy.budget.days)
        self.memory = disclosure.Memory(
            blake2b(secret, person=b"askers").digest(),
            (
                Trace.of(trace)
                for entry in journal.entries(self.path / "journal", since=since)
                if entry.kind == "answer"
                for trace in entry.read()["traces"]
            ),
        )
        self.catalogue = self._catalogue()
        self._lock, self._feeding, self._covering = (threading.Lock() for _ in range(3))
        self._covered = max(
            (
                date.fromisoformat(entry.read()["on"])
                for entry in journal.entries(self.path / "journal", since=clock().date())
                if entry.kind == "coverage"
            ),
            default=None,
        )
        self._index: tuple[Bitmap, int] | None = None
        self.hub: Hub | None = None
        self._feed: Feed | None = None
        try:
            self._listen(hub.read(self.path))
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path | str, name: str) -> None:
        """Make a new node in a new directory, or an empty one. NotANode if something is there."""
        path = Path(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise NotANode(f"{path} is not empty; give a new directory for the node")
        if not name.strip() or len(name) > 100 or not name.isprintable():
            raise NotANode("a node's name is 1 to 100 printable characters, as that of the institution is")
        tombstones = path.absolute().with_name(path.absolute().name + ".tombstones")
        if tombstones.exists():
            raise NotANode(
                f"{tombstones} holds the refusals of an earlier node: restore that node from its backup, or choose"
                " another directory"
            )
        Store.create(path)
        for folder in ("forms", "index", "consent", "journal"):
            (path / folder).mkdir()
        _secret(path / "keys" / "disclosure.key")
        (path / "catalogue.yaml").write_text(catalogue.EMPTY, encoding="utf-8")
        about = json.dumps({"format": FORMAT, "name": name.strip()}, ensure_ascii=False, indent=1)
        (path / "node.json").write_text(about + "\n", encoding="utf-8")

    def close(self) -> None:
        self.journal.close()
        self.log.close()
        self.identity.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    # --- keeping in step ----------------------------------------------------------------------------------

    def _catalogue(self) -> Catalogue:
        return catalogue.read(self.path / "catalogue.yaml", self.store.state.units)

    def engine(self) -> Bitmap:
        """The index of the facts; it follows the consents by itself. Built where there is none yet."""
        return self._indexed()[0]

    def _indexed(self) -> tuple[Bitmap, int]:
        """The index, and which state of the facts it is of."""
        found = self._index
        if found is None:
            with self._lock:
                found = self._index = self._index or self._open_index()
        return found

    @contextmanager
    def on_spark(self, master: str) -> Iterator[Indexed]:
        """The facts on a cluster of Spark, as in spark://host:7077, to `ask` there. StoreError if that cannot be."""
        try:
            spark = importlib.import_module("talka_node.engines.spark")
        except ImportError as missing:
            raise StoreError(f"Spark: {missing}") from missing
        store = Store(self.path)
        with spark.engine(master, store, self.path / "index") as engine:
            yield engine, store.state.generation

    def refresh(self) -> bool:
        """Look whether the facts have changed; whether they have. Questions are answered from the old ones until the
        new index is there."""
        with self._lock:
            if not self.store.refresh() and self._index is not None:
                return False
            # Numbers that turned out to be one person's: their refusals are one before their facts are read as one.
            self.log.join(self.store.state.same)
            self.catalogue = self._catalogue()
            self._index = self._open_index()
            return True

    def _open_index(self) -> tuple[Bitmap, int]:
        generation = self.store.state.generation
        place = self.path / "index" / f"{generation}.index"
        if place.exists():
            try:
                return Bitmap.open(place, self.log.state), generation
            except IndexDamaged:
                place.unlink()
        built = Bitmap.build(self.store.columns(), self.log.state)
        built.save(place)
        for other in (self.path / "index").glob("*.index"):
            if other != place:
                other.unlink()
        for rows in (self.path / "index").glob("*.spark"):
            if rows.stem != place.stem:
                shutil.rmtree(rows)  # it holds what may have been erased
        # What was built holds all its arrays in memory; what is opened is mapped.
        return Bitmap.open(place, self.log.state), generation

    def today(self) -> date:
        """The day to judge by: never one before a day that has already been."""
        day = self.clock().date()
        return self.log.today(day) if day > self.log.state.day else self.log.state.day

    # --- questions ----------------------------------------------------------------------------------------

    def ask(
        self, question: Question, *, standing: Standing = Standing.OPEN, over: Indexed | None = None
    ) -> Answer | Refused:
        """What may be told of a question, or why nothing is.

        A permit that the question names is judged here if the node holds it. `standing`: PERMIT if the caller is
        trusted to have checked one that it does not hold. `over`: where to ask, if not the index of this process.

        NotUnderstood for a question that the node cannot read: such a one is not kept anywhere.
        """
        return self.begin(question, standing=standing, over=over).told()

    def begin(
        self, question: Question, *, standing: Standing = Standing.OPEN, over: Indexed | None = None
    ) -> Pending[Answer]:
        """As `ask`, but for the waiting: what may be told once the journal has it."""
        asked, day, admitted, grounds = self._admit(question, standing, steps=False)
        if isinstance(admitted, Refused):
            return self._refusal(asked, admitted)
        basis = consent.basis(self.log.state, question.purpose, day, grounds)
        engine, facts = over or self._indexed()
        exact = engine.answer(admitted.question, basis)
        behind = disclosure.beside(admitted.question)
        donors = engine.answer(behind, basis) if behind is not None else None
        released = disclosure.release(admitted, exact, self.policy, self._noise, donors)
        head = self.log.head
        return Pending(
            self._journalled(asked, admitted, released.plain()),
            lambda entry: Answer(released, entry.number, day, facts, head),
        )

    def attrition(
        self, question: Question, *, standing: Standing = Standing.OPEN, over: Indexed | None = None
    ) -> list[int | None] | Refused:
        """What may be told of how many are left after each criterion; None where nothing is. See `ask`."""
        asked, day, admitted, grounds = self._admit(question, standing, steps=True)
        if isinstance(admitted, Refused):
            return self._refusal(asked, admitted).told()
        basis = consent.basis(self.log.state, question.purpose, day, grounds)
        engine, _ = over or self._indexed()
        exact = engine.attrition(admitted.question, basis)
        steps = disclosure.release_steps(admitted, exact, self.policy, self._noise)
        return Pending(self._journalled(asked, admitted, {"steps": steps}), lambda _: steps).told()

    def _admit(
        self, question: Question, standing: Standing, *, steps: bool
    ) -> tuple[bytes, date, Admitted | Refused, Grounds]:
        """The question's text, the day, whether it may be answered, and on which grounds beside its purpose."""
        asked = wire.dumps(question).encode()
        if journal.PERSONAL_CODE.search(asked):
            code = "holds what looks like a personal code; no question is about somebody"
            raise NotUnderstood([Problem("question", code)])
        known = self.catalogue
        if problems := check.problems(question, known):
            raise NotUnderstood(problems)
        day, permits = self.today(), self.permits
        held = None
        if question.permit is not None:
            judged = permits.judge(question, day, vouched=standing is Standing.PERMIT)
            if isinstance(judged, tuple):
                return asked, day, Refused(judged), NO_GROUNDS
            held = judged
        standing = Standing.PERMIT if held is not None else standing
        admitted = disclosure.admit(
            check.converted(question, known),
            self.policy,
            self.memory,
            today=day,
            standing=standing,
            steps=steps,
        )
        if held is None:
            return asked, day, admitted, NO_GROUNDS
        if isinstance(admitted, Admitted):
            # On the grid a question may reach farther than it was asked.
            judged = permits.judge(admitted.question, day, vouched=False)
            reasons = judged if isinstance(judged, tuple) else permits.spend(held)
            admitted = Refused(reasons) if reasons else admitted
        return asked, day, admitted, held.grounds

    def _journalled(self, asked: bytes, admitted: Admitted, told: Any) -> journal.Promise:
        traces = (trace.plain() for trace in admitted.traces)
        return self.journal.promise("answer", journal.answered(asked, told, traces))

    def _refusal(self, asked: bytes, refused: Refused) -> Pending[Any]:
        body = orjson.dumps({"question": orjson.Fragment(asked), "reasons": refused.reasons})
        return Pending(self.journal.promise("refusal", body), lambda _: refused)

    # --- coverage -----------------------------------------------------------------------------------------

    def coverage(self, *, exact: bool = False) -> Parcel | Refused:
        """How many persons are donors here, by region, age and sex, so that the hub can count unions over nodes: as
        sketches, or `exact` as the numbers of pseudonyms themselves. Sealed for the hub alone, once a day.

        Only strata leave that are large enough (`disclosure.strata`), of donors whose consent permits statistics.
        NotANode where there is no key server, or no hub to seal it for.
        """
        table, epoch = self.identity.table, self.identity.epoch
        if table is None or epoch is None:
            raise NotANode(
                "coverage counts network pseudonyms: configure a key server, see `talka-node keys`"
            )
        if self.hub is None or self.hub.seal is None:
            raise NotANode("coverage is sealed for the hub: give its key with `talka-node hub --seal`")
        with self._covering:
            day = self.today()
            if self._covered == day:
                # Two of one day would tell who came or went between them.
                return Refused(("coverage left today; ask again tomorrow",))
            basis = consent.basis(self.log.state, COVERAGE, day)
            donors, persons = self.store.columns().donors, table.persons(epoch)
            counted = coverage.count(basis, donors, persons, node=self.log.node, on=day)
            strata = disclosure.strata(counted.sizes(), self.policy, self.hub.caller)
            kind = None if exact else coverage.LG_K
            leaves = counted.within(strata, self.policy.coverage.stratum, lg_k=kind)
            about: dict[str, Any] = {
                "what": "coverage",
                "node": self.log.node,
                "to": self.hub.caller,
                "on": day.isoformat(),
                "epoch": epoch,
                "changes_of_codes": counted.source.feed,
            }
            content = b""
            if leaves is not None:
                to = X25519PublicKey.from_public_bytes(self.hub.seal)
                content = parcel.sealed(leaves.to_bytes(), about, to, signing_key(self.path))
            told = {
                **about,
                "exact": exact,
                "strata": len(leaves.strata) if leaves is not None else 0,
                "minimum": self.policy.coverage.stratum,
                "sha256": sha256(content).hexdigest(),
            }
            entry = self.journal.submit("coverage", orjson.dumps(told)).result()
            self._covered = day
        if leaves is None:
            return Refused((f"fewer than {self.policy.coverage.stratum} persons are too few to leave",))
        twice = "an upper bound: one person with an old and a new code counts twice"
        counts = twice if counted.source.feed is None else "persons"
        return Parcel(content, {**told, "entry": entry.number, "counts": counts})

    def changes(self, lines: Iterable[str]) -> changes.Applied:
        """Take the register's signed feed of changed codes: from then on an old code and its new one are one person's.

        FeedError where a message is not the register's or does not follow; what came before it is taken.
        """
        keys, table = self.identity.keys, self.identity.table
        if keys is None or table is None or keys.register is None:
            raise NotANode(
                "changes of codes are for nodes with a key server: see `talka-node keys --register`"
            )
        register = Ed25519PublicKey.from_public_bytes(keys.register)
        try:
            return changes.apply(lines, register, table, self.identity.namer())
        finally:
            store = Store(self.path)
            with store.writing() as writer:
                resolver = self.identity.resolver(self._highest() + 1)
                resolver.flush()
                if (same := resolver.same()) != store.state.same:
                    writer.commit(replace(store.state, same=same))
            self.refresh()

    # --- facts --------------------------------------------------------------------------------------------

    def take(
        self,
        paths: Sequence[Path | str],
        *,
        format: str | None = None,  # noqa: A002 -- what the command line calls it
        source: str = "",
        biobank: str | None = None,
        options: dict[str, Any] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Manifest:
        """Import files, see `importers.import_files`. When this returns, questions see them. A folder's catalogue.yaml
        is taken where the node publishes nothing yet."""
        used = self._publish(paths)
        manifest = import_files(
            self.path,
            paths,
            format=format,
            source=source,
            biobank=biobank,
            options=options,
            consents=self.log.record,
            standing=self.log.state,
            progress=progress,
            today=self.today(),
            resolver=lambda: self.identity.resolver(self._highest() + 1),
        )
        # What the hub said of these persons before they were known here counts before their facts do.
        self.log.settle(self.identity.donor_of)
        self.refresh()
        for name in used:
            manifest.passed_over[name] = "taken: what the node publishes from now on"
        return manifest

    def _publish(self, paths: Sequence[Path | str]) -> list[str]:
        """Take the catalogue of a folder; its name."""
        own = self.path / "catalogue.yaml"
        for place in (Path(each) / "catalogue.yaml" for each in paths):
            if place.is_file() and (not own.exists() or own.read_text("utf-8") == catalogue.EMPTY):
                catalogue.read(place, self.store.state.units)  # tells what is wrong in it
                hub.put(own, place.read_bytes())
                self.catalogue = self._catalogue()
                return [place.name]
        return []

    def set_regions(self, regions: Mapping[str, Region]) -> None:
        """Know these sizes of regions from now on: the policy's next version, see `disclosure.Policy.with_regions`."""
        own = self.path / "policy.yaml"
        told: dict[str, Any] = (yaml.safe_load(own.read_text("utf-8")) or {}) if own.exists() else {}
        asked = self.policy.with_regions(regions)
        told |= {
            "version": asked.version,
            "dated": self.today(),
            "regions": {
                code: {"people": each.people} | ({"part_of": each.part_of} if each.part_of else {})
                for code, each in asked.regions.items()
            },
        }
        hub.put(own, yaml.safe_dump(told, allow_unicode=True, sort_keys=False).encode())
        self.policy = _policy(self.path)

    def _highest(self) -> int:
        """The highest number that is somebody's: by the facts, the log of consents and the tombstones, which know of
        persons that a restored backup does not."""
        return max(self.log.highest_donor, self.store.highest_donor())

    # --- the hub's feed of consents -----------------------------------------------------------------------

    def _listen(self, to: Hub | None) -> None:
        """Take the messages of a hub from now on, those that lie in the inbox first: no answer leaves before."""
        self.hub = to
        self.permits = Permits(
            self.path / "permits",
            self.log.tombstones / "permits.revoked",
            self.log.node,
            to.public_keys() if to else {},
            to.caller if to else "",
            self._asked,
        )
        if to is None:
            return
        self._feed = Feed(
            self.log,
            to.feed,
            to.public_keys(),
            key=self.log.node,
            signer=signing_key(self.path),
            donor_of=self.identity.donor_of,
        )
        hub.take_inbox(self)

    def _asked(self, permits: Iterable[str]) -> Counter[str]:
        """How many questions were answered by each of these permits, as the journal tells."""
        names = set(permits)
        found: Counter[str] = Counter()
        for entry in journal.entries(self.path / "journal") if names else ():
            if entry.kind == "answer" and (name := entry.read()["question"].get("permit")) in names:
                found[name] += 1
        return found

    def set_hub(self, to: Hub) -> None:
        """Listen to another hub, or by other keys, from now on and when the node is opened again."""
        hub.write(self.path, to)
        with self._feeding:
            self._feed = None
        self._listen(to)

    def take_feed(self, messages: Iterable[bytes]) -> list[bytes]:
        """Take messages of the hub's feed, in any order; a signed receipt for each. See `consent.feed`.

        Whatever a receipt says was applied is on disk, and every later answer obeys it. NotANode without a hub.
        """
        with self._feeding:
            if self._feed is None:
                raise NotANode(f"{self.path} listens to no hub: set one with `talka-node hub {self.path}`")
            return [self._feed.receive(message) for message in messages]

    def take_permits(self, envelopes: Iterable[bytes]) -> list[dict[str, Any]]:
        """Take permits and revocations that the hub signed; what became of each."""
        taken: list[dict[str, Any]] = []
        for envelope in envelopes:
            try:
                taken.append(self.permits.add(envelope, self.today()))
            except NotAPermit as why:
                taken.append({"refused": str(why)})
        return taken

    def listening(self) -> dict[str, Any]:
        """What the hub has to know of this node, and what the node knows of the hub."""
        told: dict[str, Any] = {
            "node": self.log.node,
            "public_key": signing_key(self.path).public_key().public_bytes_raw().hex(),
        }
        if self.hub is None or self._feed is None:
            return {**told, "hub": None}
        return {
            **told,
            "feed": self.hub.feed,
            "caller": self.hub.caller,
            "keys": {name: key.hex() for name, key in self.hub.keys.items()},
            "seal": self.hub.seal.hex() if self.hub.seal else None,
            "expected": self._feed.expected,
        }

    # --- refusals of donors -------------------------------------------------------------------------------

    def withdraw(
        self, person: str, *, source: str = "", biobank: str | None = None, kind: Kind = Kind.WITHDRAWN
    ) -> Entry:
        """A donor, by the id at a source, takes consent back today: at one biobank, or at all. When this returns it is
        on disk, and every later answer obeys. `kind`: OPTED_OUT for the opt-out of secondary use, OPTED_IN to end it.

        LookupError if no such donor is known.
        """
        donor = self._donor(source, person)
        event = Event(f"node:{_fresh()}", kind, self.today(), donor, biobank)
        [entry] = self.log.record(event)
        return entry

    def forget(self, person: str, *, source: str = "") -> int:
        """Erase a person, by the id at a source: from every segment, and what leads to their number; how many rows.

        First every consent is ended by a destruction, which has a tombstone: should a backup bring the person's rows
        back, nobody counts them. Of the log of consents a number stays that leads nowhere. LookupError if no such
        donor is known.
        """
        donor = self._donor(source, person)
        same = self.store.state.same
        theirs = {donor, *(one for one, other in same.items() if other == donor)}
        self.log.record(Event(f"node:{_fresh()}", Kind.DESTROYED, self.today(), donor))
        with Store(self.path).writing() as writer:
            for unfinished in (self.path / "pending").iterdir():
                shutil.rmtree(unfinished)  # it may hold the person's rows, and begins anew
            rows = writer.erase(theirs)
            self.refresh()
            writer.sweep()
        self.identity.forget(theirs)
        return rows

    def _donor(self, source: str, person: str) -> int:
        number = self.identity.find(source, person)
        if number is not None:
            with self.store.connect() as link:
                found = link.execute("SELECT count(*) FROM donors WHERE donor = ?", [number]).fetchone()
        if number is None or ((found is None or not found[0]) and not self.log.history(number)):
            named = f"source {source!r}" if source else "the imports without a source"
            raise LookupError(
                f"{named} told of no donor with this id; the id is that of the Patient or person there"
            )
        return number

    # --- looking after it ---------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """What is here, in numbers that are about nobody: for the node's own people."""
        state = self.log.state
        return {
            "name": self.name,
            "day": self.today().isoformat(),
            "facts": {"generation": self.store.state.generation, "rows": self.store.counts()},
            "imports": len(self.store.state.imports),
            "consents": {
                "events": self.log.count,
                "pairs": len(state),
                "classes": len(state.classes),
                "waiting": len(self.log.waiting),
                "head": self.log.head,
            },
            "identity": self.identity.status(),
            "hub": self.listening(),
            "permits": dict(Counter(each["state"] for each in self.permits.all(self.today()))),
            "forms": {"known": len(self.log.forms), "not_understood": self.log.forms.problems},
            "journal": {"entries": self.journal.head.number, "head": self.journal.head.hash},
            "policy": {"version": self.policy.version, "dated": self.policy.dated.isoformat()},
        }

    def verify(self) -> list[str]:
        """What is wrong with this node, a sentence each. It reads everything."""
        found = self.store.verify() + self.log.verify() + self.log.forms.problems + self.identity.verify()
        found += self.permits.verify()
        ours = signing_key(self.path).public_key().public_bytes_raw()
        for name in self.store.state.imports:
            place = self.path / "imports" / name
            if place.exists() and not _signed(place, ours):
                found.append(f"imports/{name} is not as this node signed it: restore it from a backup")
        try:
            journal.verify(self.path / "journal", self.journal.head)
        except journal.Damaged as why:
            found.append(f"journal: {why}")
        place = self.path / "index" / f"{self.store.state.generation}.index"
        if place.exists():
            try:
                Bitmap.open(place, self.log.state, check=True)
            except IndexDamaged as why:
                found.append(f"index: {why}; delete the file, and it is built anew")
        return found


# --- the directory ----------------------------------------------------------------------------------------


def findings(path: Path | str) -> list[str]:
    """As `Node.verify`, also of a node that is too damaged to be opened."""
    try:
        with Node(path) as node:
            return node.verify()
    except (ConsentDamaged, journal.Damaged, consent.log.TombstonesMissing) as why:
        return [str(why)]


def about(path: Path) -> dict[str, Any]:
    """What `node.json` says: name and format. NotANode where it does not."""
    try:
        told: dict[str, Any] = json.loads((path / "node.json").read_bytes())
    except FileNotFoundError:
        raise NotANode(f"{path} is no node: make one with `talka-node init {path}`") from None
    except ValueError as why:
        raise NotANode(
            f"{path / 'node.json'} is not readable JSON ({why}); restore it from a backup"
        ) from why
    if told.get("format") != FORMAT:
        raise NotANode(f"{path} has format {told.get('format')!r}; this version reads format {FORMAT}")
    return told


def _signed(place: Path, key: bytes) -> bool:
    """Whether a manifest is as it was signed by this key."""
    try:
        return Manifest.read(place).verify(key)
    except (ValueError, KeyError, TypeError):
        return False


def _policy(path: Path) -> Policy:
    own = path / "policy.yaml"
    return disclosure.read(own) if own.exists() else disclosure.default()


def _fresh() -> str:
    """A name that nothing else has, in letters alone: among digits there may be what looks like a personal code."""
    return secrets.token_hex(16).translate(str.maketrans("0123456789", "ghijklmnop"))


def _secret(place: Path) -> bytes:
    """64 bytes of this node's own, made at first use and readable by its owner alone."""
    if place.exists():
        return place.read_bytes()
    key = secrets.token_bytes(64)
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key
