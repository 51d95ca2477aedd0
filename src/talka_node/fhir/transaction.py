"""Writing at the edge: one resource or a transaction becomes rows of the store by the way of every import.

All of it or nothing: what is wrong with any resource leaves the store as it was. Written again, the same resource is
the same one (by its identifier, or by its content where it has none). Personal codes go to the resolver of persons and
nowhere else; names and addresses of persons are not kept. Facts of donors without consent are kept and counted by no
answer, which the response says.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

import orjson

from talka_node.codes.units import Kept
from talka_node.consent import history
from talka_node.fhir import profiles
from talka_node.fhir.faults import Fault, Issue
from talka_node.fhir.profiles import MEMBER, Resource
from talka_node.fhir.shelf import ID, KINDS, LETTERS, OF_PERSONS, STATIC, Found, Shelf
from talka_node.importers import Manifest, Refusal, Resolver, fhir_plain
from talka_node.importers.batch import (
    PERSONAL_CODE_TYPES,
    PERSONAL_CODES,
    Batch,
    Gone,
    Job,
    Refuse,
    Row,
    Settings,
    Told,
    Unused,
)
from talka_node.importers.job import _Work
from talka_node.importers.manifest import CODE_LIKE
from talka_node.node import Node
from talka_node.store import Segment, Store, Writer

UNKNOWN_BIOBANK = "?"  # holds samples of a collection of which nobody has said yet whose it is
METHODS = ("POST", "PUT", "DELETE")
# What is not kept of a person, and of anything: a node counts, and needs no name for it.
PRIVATE = (
    "name", "telecom", "photo", "contact", "communication", "maritalStatus", "multipleBirthBoolean",
    "multipleBirthInteger", "generalPractitioner", "contained",
)  # fmt: skip
_REGION = ("state", "district", "country")

Status = Literal["created", "updated", "same", "deleted", "absent"]


@dataclass(slots=True)
class Change:
    """One thing to be done. `place`: where it stands in what was sent, as "Bundle.entry[2]"; empty for a lone one."""

    method: str
    kind: str
    identity: str = ""
    body: Resource = field(default_factory=dict)
    place: str = ""
    full_url: str = ""
    if_none_exist: str = ""
    if_match: str = ""
    code: str | None = field(default=None, repr=False)
    source: str = ""
    status: Status = "same"
    notes: list[Issue] = field(default_factory=list)
    donor: int | None = None
    biobank: str | None = None

    @property
    def reference(self) -> str:
        return f"{self.kind}/{self.identity}"

    def fault(self, status: int, code: str, says: str, where: str = "") -> Fault:
        return Fault(status, code, says, ".".join(each for each in (self.place, where) if each) or self.kind)


class NotWhole(Exception):
    """What the import would have refused; so nothing was taken."""

    def __init__(self, refused: list[Refusal]) -> None:
        super().__init__("; ".join(map(str, refused)))
        self.refused = refused


class _Whole(_Work):
    """An import that takes all or nothing. Consents are recorded when the facts are there."""

    told: Batch

    def _commit(self, manifest: Manifest, refused: list[Refusal], segments: list[Segment]) -> None:
        if refused:
            raise NotWhole(refused)
        manifest.held.pop("resources", None)
        manifest.consents = len(self.told.consents)
        super()._commit(manifest, refused, segments)
        self._record(self.told, segments)


# --- what was sent ------------------------------------------------------------------------------------------------


def changes_of(bundle: Any) -> list[Change]:
    """The changes that a transaction Bundle asks for, in its order."""
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise Fault(400, "structure", "what is posted here is a Bundle of type transaction", "Bundle")
    if bundle.get("type") != "transaction":
        raise Fault(
            400,
            "not-supported",
            f"type {str(bundle.get('type'))[:20]!r}: a transaction is carried out, nothing else",
            "Bundle.type",
        )
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise Fault(400, "structure", "entry is a list", "Bundle.entry")
    found = []
    for number, entry in enumerate(entries):
        place = f"Bundle.entry[{number}]"
        request = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(request, dict) or request.get("method") not in METHODS:
            raise Fault(
                400, "structure", f"request.method is one of {', '.join(METHODS)}", f"{place}.request.method"
            )
        method, url = request["method"], str(request.get("url") or "").strip("/")
        kind, _, identity = url.partition("/")
        kind, _, query = kind.partition("?")
        if kind not in KINDS:
            raise Fault(
                400,
                "not-supported",
                f"request.url must begin with one of {', '.join(KINDS)}",
                f"{place}.request.url",
            )
        if query or (method == "POST") == bool(identity):
            right = (
                "POST needs the type alone, as Patient"
                if method == "POST"
                else f"{method} needs Type/id, as Patient/123"
            )
            raise Fault(400, "structure", right, f"{place}.request.url")
        change = Change(
            method,
            kind,
            identity,
            place=place,
            full_url=str(entry.get("fullUrl") or ""),
            if_none_exist=str(request.get("ifNoneExist") or ""),
            if_match=str(request.get("ifMatch") or ""),
        )
        if method != "DELETE":
            change.body = body_of(entry.get("resource"), change, "resource")
        found.append(change)
    seen: set[str] = set()
    for change in found:
        if change.identity:
            if change.reference in seen:
                raise change.fault(
                    400, "duplicate", f"{change.reference} stands in this transaction twice", "request.url"
                )
            seen.add(change.reference)
    return found


def body_of(resource: Any, change: Change, where: str = "") -> Resource:
    """The resource of a POST or PUT, a copy. Raises Fault where it is of another type or id than it is sent to."""
    if not isinstance(resource, dict):
        raise change.fault(400, "structure", "a resource is meant, a JSON object", where)
    if resource.get("resourceType") != change.kind:
        raise change.fault(
            400,
            "structure",
            f"resourceType must be {change.kind}, as the address says",
            f"{where}.resourceType".strip("."),
        )
    if change.method == "PUT" and resource.get("id") != change.identity:
        raise change.fault(
            400, "value", f"id must be {change.identity[:64]}, as the address says", f"{where}.id".strip(".")
        )
    found: Resource = copy.deepcopy(resource)
    return found


def _without_empty(value: Any) -> Any:
    """FHIR has no nulls, empty lists or empty objects."""
    if isinstance(value, dict):
        kept = {name: _without_empty(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each not in (None, [], {}, "")}
    if isinstance(value, list):
        return [each for each in (_without_empty(one) for one in value) if each not in (None, [], {})]
    return value


def _references(value: Any) -> Iterator[Resource]:
    """All objects within that refer to a resource."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


# --- carrying it out ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Desk:
    """What writing needs. `base`: this edge's address, which references may carry. `shelf` reads a store's state."""

    node: Node
    store: Store
    shelf: Callable[[Store], Shelf]
    resolver: Callable[[], Resolver]
    base: str = ""

    def carry_out(self, changes: list[Change]) -> str:
        """Does all of it or, raising Fault, nothing. The name of the signed manifest; empty if nothing changed."""
        with self.store.writing() as writer:
            shelf = self.shelf(self.store)
            try:
                return _Plan(self, writer, shelf, changes).carry_out()
            finally:
                shelf.close()


class _Plan:
    def __init__(self, desk: Desk, writer: Writer, shelf: Shelf, changes: list[Change]) -> None:
        self.desk, self.writer, self.shelf, self.changes = desk, writer, shelf, changes
        self.store = desk.store
        self.at = datetime.now(UTC).replace(microsecond=0)
        # A folder, as other imports have; it goes when this is done, or after a week if it never is.
        self.folder = self.store.path / "pending" / f"fhir-{secrets.token_hex(8).translate(LETTERS)}"
        self.folder.mkdir(parents=True)
        self.place = self.folder / "transaction.fhir"
        self.place.touch()
        biobanks = self.shelf.catalogue.biobanks
        settings = Settings(
            max(self.shelf.day, _day(self.store.state.newest_day) or self.shelf.day),
            biobank=next(iter(biobanks)) if len(biobanks) == 1 else None,
        )
        self.work = _Whole(
            self.store,
            writer,
            [(self.place, "fhir-transaction", self._importer)],
            settings,
            self.desk.resolver(),
            self.desk.node.log.record,
            self.desk.node.log.state,
            None,
        )
        self.job: Job = self.work.job
        self.job.kept = Kept(self.store.state.units)
        self.batch = Batch(1, len(changes), 0)
        self.work.told = Batch(1, 0, 0)
        self.issues: list[Issue] = []

    def carry_out(self) -> str:
        try:
            for change in self.changes:
                self._clean(change)
            self._identify()
            self._refer()
            self._leave()
            self._tell()
            if self.issues:
                raise Fault.of(422, self.issues)
            if not self.batch.rows and not self.batch.gone and not self.work.told.consents:
                return ""
            return self._import()
        finally:
            self.work.link.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            shutil.rmtree(self.work.pending, ignore_errors=True)

    def _importer(self, _job: Job, _place: Path, _offset: int, _line: int) -> Iterator[Batch]:
        yield self.batch

    def _import(self) -> str:
        # What is kept of it: the manifest names its digest.
        kept = [
            {"method": each.method, "url": each.reference, "resource": each.body or None}
            for each in self.changes
            if each.status not in ("same", "absent")
        ]
        self.place.write_bytes(orjson.dumps(kept))
        self.work.sizes = [self.place.stat().st_size]
        self.batch.end = self.work.sizes[0]
        try:
            return self.work.run().name
        except NotWhole as why:
            issues = []
            for each in why.refused:
                change = self.changes[each.line - 1] if 0 < each.line <= len(self.changes) else None
                where = (f"{change.place}.resource" if change.place else change.kind) if change else ""
                issues.append(Issue("business-rule", each.says, where))
            raise Fault.of(422, issues) from None

    # --- what of it is kept -------------------------------------------------------------------------------

    def _clean(self, change: Change) -> None:
        if change.method == "DELETE":
            return
        body = _without_empty(change.body)
        if CODE_LIKE.search(change.identity):
            raise change.fault(422, "value", "an id must not look like a personal code; choose another", "id")
        if change.method == "PUT" and not ID.fullmatch(change.identity):
            raise change.fault(400, "value", "an id is 1 to 64 of A-Z a-z 0-9 - .", "id")
        for name in ("text", "id", "implicitRules"):
            body.pop(name, None)
        if isinstance(body.get("meta"), dict):
            body["meta"] = {
                name: each for name, each in body["meta"].items() if name in ("profile", "tag", "security")
            }
            if not body["meta"]:
                del body["meta"]
        if change.kind == "Patient":
            self._person(change, body)
        change.body = self._safe(body)
        if (profile := profiles.of(change.body)) is not None:
            change.notes += [
                Issue("business-rule", says, where, "warning")
                for where, says in profiles.lacks(change.body, profile)
            ]

    def _person(self, change: Change, body: Resource) -> None:
        if left := [name for name in PRIVATE if body.pop(name, None) is not None]:
            change.notes.append(
                Issue(
                    "informational",
                    f"not kept, for a node needs none of it: {', '.join(left)}",
                    "Patient",
                    "information",
                )
            )
        if isinstance(body.get("address"), list):
            body["address"] = [
                {name: each[name] for name in _REGION if name in each}
                for each in body["address"]
                if isinstance(each, dict)
            ]
            body["address"] = [each for each in body["address"] if each] or None
            if body["address"] is None:
                del body["address"]
        identifiers = body.get("identifier")
        kept = []
        for each in identifiers if isinstance(identifiers, list) else []:
            codings = (each.get("type") or {}).get("coding") or [] if isinstance(each, dict) else []
            types = {coding.get("code") for coding in codings if isinstance(coding, dict)}
            if isinstance(each, dict) and (
                types & PERSONAL_CODE_TYPES or each.get("system") in PERSONAL_CODES
            ):
                if change.code is None and isinstance(each.get("value"), str):
                    change.code = each["value"]
            else:
                kept.append(each)
        if change.code is not None and not kept:
            # The code cannot be the identifier here; what stands for it can.
            kept = [{"value": self.job.safe(change.code)}]
            if CODE_LIKE.search(str(kept[0]["value"])):
                raise change.fault(
                    422, "value", "what is given as a personal code is none; correct it", "identifier"
                )
        if isinstance(identifiers, list):
            body["identifier"] = kept
            if not kept:
                del body["identifier"]

    def _safe(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.job.safe(value)
        if isinstance(value, dict):
            return {name: self._safe(each) for name, each in value.items()}
        return [self._safe(each) for each in value] if isinstance(value, list) else value

    # --- which resource it is -----------------------------------------------------------------------------

    def _identify(self) -> None:
        later = []
        for change in self.changes:
            if change.method != "POST":
                self._by_id(change)
            elif change.if_none_exist:
                self._unless(change)
            elif not self._by_key(change):
                later.append(change)
        for change in later:
            # Its own content tells what it is, once it is said what that refers to.
            self._resolve(change, whole=False)
            told = orjson.dumps(change.body, option=orjson.OPT_SORT_KEYS).decode()
            self._named(change, self._fresh(change.kind, "content", told), None)
        seen: dict[str, Change] = {}
        for change in self.changes:
            if (other := seen.get(change.reference)) is not None:
                if change.method != "POST" or other.method != "POST" or change.body != other.body:
                    raise change.fault(
                        422,
                        "duplicate",
                        f"this is the same resource as {other.place}, told differently; give one version",
                    )
                change.status = "same"
            seen.setdefault(change.reference, change)

    def _by_id(self, change: Change) -> None:
        now = self.shelf.read(change.kind, change.identity)
        if change.if_match and (
            now is None or change.if_match.strip('W/"') != now.resource["meta"].get("versionId")
        ):
            version = now.resource["meta"].get("versionId") if now else "none"
            raise change.fault(
                412, "conflict", f"the version is {version} by now; read it again, and change that"
            )
        if change.method == "PUT":
            self._named(change, change.identity, now)
        elif now is None:
            change.status = "absent"
        elif not now.source:
            raise change.fault(
                409, "business-rule", f"{change.reference} is published in catalogue.yaml; take it out there"
            )
        elif change.kind == "Consent":
            raise change.fault(
                409,
                "business-rule",
                "a consent is not deleted: put it with status inactive, which withdraws it",
            )
        else:
            change.source, change.status = now.source, "deleted"

    def _unless(self, change: Change) -> None:
        found = self._matching(change, change.kind, change.if_none_exist)
        if len(found) > 1:
            raise change.fault(412, "multiple-matches", "ifNoneExist finds more than one; make it narrower")
        if found:
            change.identity, change.source, change.status = (
                str(found[0].resource["id"]),
                found[0].source,
                "same",
            )
        elif not self._by_key(change):
            self._resolve(change, whole=False)
            told = orjson.dumps(change.body, option=orjson.OPT_SORT_KEYS).decode()
            self._named(change, self._fresh(change.kind, "content", told), None)

    def _matching(self, change: Change, kind: str, query: str) -> list[Found]:
        """What a query by identifier finds: that of a conditional create or reference."""
        pairs = parse_qsl(query.partition("?")[2] if "?" in query else query)
        if [name for name, _ in pairs] != ["identifier"]:
            raise change.fault(400, "not-supported", "here a query is by identifier alone, as identifier=123")
        value = self.job.safe(pairs[0][1].rpartition("|")[2])
        if kind in STATIC:
            return [
                each for each in self.shelf.statics(kind).values() if value in _identifiers(each.resource)
            ]
        return self.shelf.made(kind, self.shelf.named(kind, value))

    def _by_key(self, change: Change) -> bool:
        """Identify what has an identifier of its own (a legal person: a name); whether it has."""
        values = _identifiers(change.body)
        kind = change.kind
        profile = profiles.of(change.body) or ""
        if profile == "miabis-juristic-person" and not values and change.body.get("name"):
            values = [f"name:{change.body['name']}"]
        if not values:
            if kind in ("Patient", "Specimen", "Group", "Organization"):
                raise change.fault(
                    422,
                    "required",
                    f"identifier is missing: a {kind} is told from others by it",
                    "identifier",
                )
            return False
        value = values[0]
        now: Found | None = None
        if kind in STATIC:
            for each in self.shelf.statics(kind).values():
                theirs = _identifiers(each.resource) or [f"name:{each.resource.get('name')}"]
                if each.source and value in theirs and (profiles.of(each.resource) or "") == profile:
                    now = each
        elif kind != "Consent":
            found = self.shelf.named(kind, value)
            if len(found) > 1:
                raise change.fault(
                    409,
                    "multiple-matches",
                    f"there are {len(found)} of this identifier: PUT the one that is meant",
                )
            now = next(iter(self.shelf.made(kind, found)), None)
        self._named(change, str(now.resource["id"]) if now else self._fresh(kind, profile, value), now)
        return True

    def _fresh(self, *texts: str) -> str:
        told = "\0".join(texts).encode()
        return hmac.digest(self.job.secret, told, hashlib.sha256).hex()[:32].translate(LETTERS)

    def _named(self, change: Change, identity: str, now: Found | None) -> None:
        """The change is about this id; `now`: what there is of it."""
        change.identity = identity
        if now is None and change.method == "POST":
            now = self.shelf.read(change.kind, identity)
        change.source = now.source if now is not None and now.source else f"{change.kind}/{identity}"
        change.status = "updated" if now is not None else "created"

    # --- what it refers to --------------------------------------------------------------------------------

    def _resolve(self, change: Change, *, whole: bool) -> None:
        """References by full URL, absolute address or query, as Type/id."""
        urls = {each.full_url: each for each in self.changes if each.full_url and each.identity}
        for holder in _references(change.body):
            text = holder["reference"]
            if text in urls:
                holder["reference"] = urls[text].reference
            elif self.desk.base and text.startswith(f"{self.desk.base}/"):
                holder["reference"] = text.removeprefix(f"{self.desk.base}/")
            elif whole and (asked := re.fullmatch(r"([A-Z]\w+)\?(.+)", text)) and asked[1] in KINDS:
                found = self._matching(change, asked[1], asked[2])
                if len(found) != 1:
                    raise change.fault(
                        412, "not-found", f"the reference {asked[1]}?… finds {len(found)}, not one"
                    )
                holder["reference"] = f"{asked[1]}/{found[0].resource['id']}"

    def _refer(self) -> None:
        """Resolve all references, and see that what they refer to is there when all is done."""
        made = {each.reference for each in self.changes if each.method != "DELETE"}
        gone = {each.reference for each in self.changes if each.status == "deleted"}
        wanted: dict[str, dict[str, list[Change]]] = {}
        for change in self.changes:
            self._resolve(change, whole=True)
            for holder in _references(change.body):
                kind, _, rest = holder["reference"].partition("/")
                identity = rest.partition("/")[0]
                holder["reference"] = f"{kind}/{identity}" if kind in KINDS else holder["reference"]
                reference = holder["reference"]
                if kind not in KINDS or reference in made:
                    continue
                if reference in gone:
                    raise change.fault(
                        409, "conflict", f"it refers to {reference}, which this transaction deletes"
                    )
                wanted.setdefault(kind, {}).setdefault(identity, []).append(change)
        for kind, by_id in wanted.items():
            known: Iterable[str]
            if kind in STATIC:
                known = self.shelf.statics(kind)
            elif kind == "Consent":
                known = [each for each in by_id if self.shelf.read(kind, each)]
            else:
                known = self.shelf.sources(kind, list(by_id))
            for identity in by_id.keys() - set(known):
                change = by_id[identity][0]
                raise change.fault(
                    422,
                    "not-found",
                    f"it refers to {kind}/{identity[:64]}, which is not here: send that first, or with it",
                )

    def _leave(self) -> None:
        """See that nothing stays behind that refers to what is deleted."""
        gone = {each.source for each in self.changes if each.status == "deleted"}
        told = {each.source: each for each in self.changes if each.method != "DELETE"}
        for change in self.changes:
            if change.status != "deleted":
                continue
            self.batch.gone.append(change.source)
            left = []
            for source, body in self.shelf.referring(change.kind, change.identity):
                now = told[source].body if source in told else body
                if source not in gone and any(
                    each["reference"] == change.reference for each in _references(now)
                ):
                    left.append(source)
            if change.kind == "Patient":
                for donor in self.shelf.donors_of([change.identity]):
                    if len(self.shelf._subjects([donor])[donor]) == 1:
                        left += [source for source in self.shelf.about(donor) if source not in gone]
            if left:
                some = ", ".join(sorted({each.rpartition(":")[2] for each in left})[:3])
                raise change.fault(
                    409,
                    "conflict",
                    f"{len(set(left))} still refer to {change.reference} ({some}…): delete them with it",
                )

    # --- the rows -----------------------------------------------------------------------------------------

    def _tell(self) -> None:
        organizations = {
            f"Organization/{name}": each.resource for name, each in self.shelf.statics("Organization").items()
        }
        organizations |= {
            each.reference: each.body for each in self.changes if each.kind == "Organization" and each.body
        }
        codes = {name: _identifiers(body)[0] for name, body in organizations.items() if _identifiers(body)}
        owners = {}
        for body in organizations.values():
            part_of = str((body.get("partOf") or {}).get("reference"))
            if (
                profiles.of(body) == "miabis-collection-organization"
                and part_of in codes
                and _identifiers(body)
            ):
                owners[_identifiers(body)[0]] = codes[part_of]
        self.job.collections.update(owners)
        donors = self._donors()
        for line, change in enumerate(self.changes, 1):
            if change.method == "DELETE" or (change.status == "same"):
                continue
            if change.status == "updated" and self._unchanged(change):
                continue
            rows: list[Row | Told] = []
            if change.kind != "Organization":
                try:
                    rows = self._read(change, codes)
                except Refuse as why:
                    where = f"{change.place}.resource" if change.place else change.kind
                    self.issues.append(Issue("value", f"{change.kind}: {why}", where))
                    continue
                except Unused as why:
                    self.issues.append(
                        Issue("not-supported", f"{why}: it has no place here", change.place or change.kind)
                    )
                    continue
                except Gone:
                    self.batch.gone.append(change.source)
                    continue
            for row in rows:
                self._put(line, change, row, donors)
            if change.kind != "Consent":
                doc = {
                    "source": change.source,
                    "donor": change.donor if change.kind in OF_PERSONS else None,
                    "kind": change.kind,
                    "at": self.at.replace(tzinfo=None),
                    "body": orjson.dumps(change.body).decode(),
                }
                self.batch.add("resources", line, doc)
        self._found_homes(owners)

    def _unchanged(self, change: Change) -> bool:
        """Whether this very content is here; of a POST, other content under the same identifier is a Fault."""
        now = self.shelf.read(change.kind, change.identity)
        if now is None:
            return False
        told = {name: each for name, each in now.resource.items() if name not in ("id", "meta")}
        mine = {name: each for name, each in change.body.items() if name != "meta"}
        claimed = (now.resource.get("meta") or {}).get("profile") == (change.body.get("meta") or {}).get(
            "profile"
        )
        if told == mine and claimed:
            change.status = "same"
            self._donor_of(change, now)
            return True
        if change.method == "POST" and change.kind != "Consent":
            raise change.fault(
                409,
                "duplicate",
                f"its identifier is that of {change.reference}, which says something else: PUT it there to change it",
            )
        return False

    def _donor_of(self, change: Change, now: Found) -> None:
        if change.kind in OF_PERSONS:
            rows = self.shelf._rows(f"SELECT * FROM f_{change.kind} WHERE source = ?", [now.source])
            if rows:
                change.donor, change.biobank = rows[0]["donor"], rows[0].get("biobank")

    def _donors(self) -> dict[str, int]:
        """Donors' numbers by ids of Patients."""
        resolver = self.job.resolver
        found: dict[str, int] = {}
        wanted: dict[str, None] = {}
        for change in self.changes:
            if (
                change.kind == "Patient"
                and change.method != "DELETE"
                and change.status in ("created", "updated")
            ):
                head, _, name = change.source.rpartition("Patient/")
                if change.code is not None:
                    [number] = resolver.link(head.removesuffix(":"), [(name, change.code)])
                    change.code = None
                    if isinstance(number, str):
                        self.issues.append(
                            Issue("business-rule", number, f"{change.place or 'Patient'}.identifier")
                        )
                        continue
                else:
                    [number] = resolver.numbers(head.removesuffix(":"), [name])
                found[change.identity] = number
            for holder in _references(change.body):
                if holder["reference"].startswith("Patient/"):
                    wanted[holder["reference"].removeprefix("Patient/")] = None
        for identity in wanted:
            if identity not in found:
                for donor in self.shelf.donors_of([identity]):
                    found[identity] = donor
        return found

    def _read(self, change: Change, codes: dict[str, str]) -> list[Row | Told]:
        """The rows that the importers' own reader sees in it."""
        told: Resource = copy.deepcopy({**change.body, "id": change.identity})
        for holder in _references(told):
            if holder["reference"] in codes:
                holder["reference"] = f"Organization/{codes[holder['reference']]}"
        if change.kind == "Group":  # a network's members are no rows
            told["extension"] = [
                each
                for each in told.get("extension") or []
                if each.get("url") != MEMBER
                or str((each.get("valueReference") or {}).get("reference")).startswith(
                    ("Specimen/", "Patient/")
                )
            ]
        try:
            return fhir_plain.read(told, self.job)
        except Refuse as why:
            if why.kind != "biobank" or change.kind != "Specimen":
                raise
            settings, self.job.settings = (
                self.job.settings,
                replace(self.job.settings, biobank=UNKNOWN_BIOBANK),
            )
            try:
                rows = fhir_plain.read(told, self.job)
            finally:
                self.job.settings = settings
            change.notes.append(
                Issue(
                    "business-rule",
                    "whose it is, is not known yet: it counts nowhere until its collection's Organization comes",
                    "Specimen.extension",
                    "warning",
                )
            )
            return rows

    def _put(self, line: int, change: Change, row: Row | Told, donors: dict[str, int]) -> None:
        donor = donors.get(row.person) if row.person is not None else None
        if row.person is not None and donor is None:
            return  # why is among the issues already
        change.donor = donor if donor is not None else change.donor
        if isinstance(row, Told):
            event = replace(row.event, donor=donor)
            try:
                history.check(event)
            except ValueError as why:
                self.issues.append(Issue("value", str(why), change.place or "Consent"))
                return
            change.biobank = event.biobank
            self.work.told.consents.append((line, event))
            return
        values = {**row.values, "source": change.source}
        if row.person is not None:
            values["donor"] = donor
        if row.table == "specimens":
            known = self.shelf._rows("SELECT specimen FROM f_Specimen WHERE source = ?", [change.source])
            values["specimen"] = known[0]["specimen"] if known else change.identity
            change.biobank = values["biobank"]
        elif row.table == "members":
            member = self.shelf.sources("Specimen", [values["specimen"]]).get(values["specimen"])
            if member is not None:
                [known_row] = self.shelf._rows(
                    "SELECT DISTINCT specimen FROM f_Specimen WHERE source = ?", [member]
                )
                values["specimen"] = known_row["specimen"]
        self.batch.add(row.table, line, values)

    def _found_homes(self, owners: dict[str, str]) -> None:
        """Samples that came before anybody said whose their collection is."""
        if not owners:
            return
        told = set((self.batch.rows.get("specimens") or {}).get("source", ()))
        for row in self.shelf._rows("SELECT * FROM f_Specimen WHERE biobank = ?", [UNKNOWN_BIOBANK]):
            owner = owners.get(row["collection"])
            if owner is not None and row["source"] not in told and row["source"] not in self.batch.gone:
                self.batch.add("specimens", 0, {**row, "biobank": owner})
                # Its text stays what was written; it must not look older than its row.
                docs = self.shelf._rows("SELECT * FROM docs WHERE source = ?", [row["source"]])
                for doc in docs:
                    self.batch.add("resources", 0, {**doc, "at": self.at.replace(tzinfo=None)})


def _identifiers(body: Resource) -> list[str]:
    given = body.get("identifier")
    return [
        str(each["value"])
        for each in (given if isinstance(given, list) else [given])
        if isinstance(each, dict) and each.get("value")
    ]


def _day(text: str) -> Any:
    return datetime.fromisoformat(text).date() if text else None


def unconsented(node: Node, change: Change) -> Issue | None:
    """What the response says of facts that wait for a consent."""
    if change.donor is None or change.kind not in OF_PERSONS or change.method == "DELETE":
        return None
    day = node.today()
    given = {each.event.biobank for each in node.log.history(change.donor)} - {None}
    biobanks: Sequence[str | None] = (
        [change.biobank] if change.kind == "Specimen" else sorted(map(str, given))
    )
    if any(biobank and node.log.standing(change.donor, biobank, day).standing for biobank in biobanks):
        return None
    at = f" at {change.biobank}" if change.kind == "Specimen" and change.biobank != UNKNOWN_BIOBANK else ""
    return Issue(
        "business-rule",
        f"no consent of this donor{at} is on record: it is kept, and no answer counts it until one comes",
        change.kind,
        "warning",
    )
