"""The facts of one state of the store, read as FHIR resources: who may see which, under which id, as it is told.

A resource written at this edge is kept as it came (table `resources`) beside the rows it told; the text counts as long
as no later import has told its rows anew. All others are made of their rows.

Ids: for the holder what the source calls it ("Patient/p1" of source "lab" is `lab.p1`; a hash where that is no id of
FHIR). For a grant a keyed hash, so that nothing leads from one project's ids to another's or to the holder's own.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from hashlib import sha256
from typing import Any

import duckdb
import orjson

from talka_node import consent
from talka_node.catalogue import Catalogue
from talka_node.codes import icd10
from talka_node.consent.history import Kind
from talka_node.consent.log import Log
from talka_node.dcat import Description
from talka_node.fhir import profiles, resources
from talka_node.fhir.access import Grant
from talka_node.fhir.profiles import MEMBER, Resource
from talka_node.importers.manifest import CODE_LIKE
from talka_node.store import Store, _rows

LETTERS = str.maketrans(
    "0123456789", "ghijklmnop"
)  # among digits there may be what looks like a personal code
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
OF_PERSONS = tuple(resources.BUILDERS)
STATIC = ("Organization", "Group")
KINDS = (*OF_PERSONS, "Consent", *STATIC)
DATED = {
    "Specimen": "collected", "Condition": "on", "Observation": "on", "Procedure": "on", "MedicationStatement": "on",
}  # fmt: skip
STEP = 1000  # sources looked up at once

_HASHED = "translate(left(sha256({0}), 40), '0123456789', 'ghijklmnop')"
_FACT = "source, donor, segment"


def hashed(*texts: str) -> str:
    return sha256("".join(texts).encode()).hexdigest()[:40].translate(LETTERS)


def own_id(source: str, kind: str) -> str:
    """The id under which the holder sees the row of this source."""
    head, _, name = source.rpartition(f"{kind}/")
    text = f"{head.removesuffix(':')}.{name}" if head else name
    plain = name and (not head or head.endswith(":")) and ID.fullmatch(text) and not CODE_LIKE.search(text)
    return text if plain and source.endswith(f"{kind}/{name}") else f"x.{hashed(source)}"


def sources_of(identity: str, kind: str) -> list[str]:
    """The sources that `own_id` may have made this id of, but for hashes."""
    return [f"{kind}/{identity}"] + [
        f"{identity[: dot.start()]}:{kind}/{identity[dot.end() :]}" for dot in re.finditer(r"\.", identity)
    ]


@dataclass(frozen=True, slots=True)
class Where:
    """A condition in SQL over a kind's view, with its values."""

    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A resource, and the source it is kept under; empty for what the catalogue tells."""

    source: str
    resource: Resource


class Shelf:
    """One reader at a time per call; safe for several threads. `grant` None: the holder's own."""

    def __init__(
        self,
        store: Store,
        log: Log,
        catalogue: Catalogue,
        description: Description,
        day: date,
        safe: Callable[[str], str],
        grant: Grant | None = None,
    ) -> None:
        """`safe`: what stands for a text here, a keyed hash where it holds what could be a personal code."""
        self.store, self.log, self.day, self.grant, self.safe = store, log, day, grant, safe
        self.catalogue, self.description = catalogue, description
        self.generation = store.state.generation
        self._lock = threading.RLock()
        self._link = self._connect()

    def close(self) -> None:
        self._link.close()

    # --- views ----------------------------------------------------------------------------------------------

    def _connect(self) -> duckdb.DuckDBPyConnection:
        link = self.store.connect()
        path, state = self.store.path, self.store.state

        def current(table: str, *, known: bool = True) -> str:
            rows = (
                "SELECT * EXCLUDE (one, other) REPLACE (coalesce(other, donor) AS donor)"
                f" FROM ({_rows(path, state, table)}) LEFT JOIN _same ON one = donor"
            )
            return f"SELECT * FROM ({rows}) SEMI JOIN donors USING (donor)" if known else rows

        diagnoses = current("diagnoses")
        views = {
            "docs": f"SELECT * FROM ({current('resources', known=False)})"
            " WHERE donor IS NULL OR donor IN (SELECT donor FROM donors)",
            "f_Patient": "SELECT r.source, r.donor, r.segment, d.* EXCLUDE (source, donor)"
            f" FROM ({current('donors')}) r JOIN donors d USING (donor)",
            "f_Specimen": f"SELECT {_FACT}, specimen, biobank, coalesce(collection, listed) AS collection, type,"
            f" collected, temperature, aliquots FROM ({current('specimens')}) LEFT JOIN"
            " (SELECT specimen, min(collection) AS listed FROM members GROUP BY specimen) USING (specimen)",
            "f_Condition": f'SELECT {_FACT}, code, "on" FROM ({diagnoses})'
            " WHERE NOT contains(source, 'Observation/')",
            "f_Observation": f"SELECT {_FACT}, '{resources.DIAGNOSIS_OF_SAMPLE}' AS code, code AS diagnosis,"
            f" NULL::DOUBLE AS value, \"on\" FROM ({diagnoses}) WHERE contains(source, 'Observation/') UNION ALL"
            f' SELECT {_FACT}, code, NULL, value, "on" FROM ({current("measurements")})',
            "f_Procedure": f'SELECT {_FACT}, code, "on" FROM ({current("procedures")})',
            "f_MedicationStatement": f'SELECT {_FACT}, code, "on" FROM ({current("medications")})',
            "f_ResearchSubject": f"SELECT {_FACT}, cohort AS code FROM ({current('cohorts')})"
            " WHERE contains(source, 'ResearchSubject/')",
        }
        for name, select in views.items():
            link.execute(f"CREATE VIEW {name} AS {select}")
        if self.grant is not None:
            self._permit(link, self.grant)
        for kind in OF_PERSONS:
            link.execute(f"CREATE VIEW v_{kind} AS SELECT * FROM f_{kind}{self._within(kind)}")
        return link

    def _permit(self, link: duckdb.DuckDBPyConnection, grant: Grant) -> None:
        """Who may be seen: consented at a biobank for the purpose today, of the dataset, and of the permit."""
        self._basis = basis = consent.basis(self.log.state, grant.purpose, self.day)
        pairs = [
            (donor, biobank)
            for donor, biobank, _ in self.log.state.pairs()
            if basis.permits(donor, biobank)
            and (grant.donors is None or grant.donors(donor))
            and (not grant.biobanks or biobank in grant.biobanks)
        ]
        self._pairs: dict[int, list[str]] = {}
        for donor, biobank in pairs:
            self._pairs.setdefault(donor, []).append(biobank)
        coded = link.execute(
            "SELECT DISTINCT code FROM f_Condition UNION SELECT DISTINCT diagnosis FROM f_Observation"
            " WHERE diagnosis IS NOT NULL"
        ).fetchall()
        codes = [code for (code,) in coded if _within_any(code, grant.diagnoses)]
        link.execute("CREATE TABLE shown AS SELECT unnest(?::VARCHAR[]) AS code", [codes])
        link.execute("CREATE TABLE permitted (donor INTEGER, biobank VARCHAR)")
        link.execute(
            "INSERT INTO permitted SELECT unnest(?::INTEGER[]), unnest(?::VARCHAR[])",
            [[donor for donor, _ in pairs], [biobank for _, biobank in pairs]],
        )
        dataset = "SELECT * FROM f_Specimen SEMI JOIN permitted USING (donor, biobank)"
        if grant.collections is not None:
            listed = sorted(grant.collections)
            link.execute("CREATE TABLE dataset AS SELECT unnest(?::VARCHAR[]) AS collection", [listed])
            dataset += " WHERE collection IN (SELECT collection FROM dataset)"
            link.execute(f"CREATE TABLE seen AS SELECT DISTINCT donor FROM ({dataset})")
        else:
            link.execute("CREATE TABLE seen AS SELECT DISTINCT donor FROM permitted")
        link.execute(f"CREATE VIEW seen_specimens AS {dataset}")

    def _within(self, kind: str) -> str:
        if self.grant is None:
            return ""
        parts = ["donor IN (SELECT donor FROM seen)"]
        if kind == "Specimen":
            parts = ["source IN (SELECT source FROM seen_specimens)"]
        elif kind == "Condition":
            parts.append("code IN (SELECT code FROM shown)")
        elif kind == "Observation":
            parts.append("(diagnosis IS NULL OR diagnosis IN (SELECT code FROM shown))")
            if "measurements" not in self.grant.observed:
                parts.append("diagnosis IS NOT NULL")
            if "diagnoses" not in self.grant.observed:
                parts.append("diagnosis IS NULL")
        if self.grant.recent is not None and kind in DATED:
            parts.append(f"\"{DATED[kind]}\" >= DATE '{self.grant.recent.isoformat()}'")
        return " WHERE " + " AND ".join(parts)

    def _still(self, row: Mapping[str, Any]) -> bool:
        """Whether consent is what it was when this reading began: who takes it back meanwhile is told of no more."""
        if self.grant is None:
            return True
        biobanks = [row["biobank"]] if "biobank" in row else self._pairs.get(row["donor"], [])
        return any(self._basis.permits(row["donor"], biobank) for biobank in biobanks)

    # --- ids ------------------------------------------------------------------------------------------------

    def id_of(self, source: str, kind: str) -> str:
        if self.grant is not None:
            return hashed(self.grant.secret.hex(), source)
        return own_id(source, kind)

    def where_id(self, identities: Sequence[str], kind: str) -> Where:
        """The rows of these ids."""
        if self.grant is not None:
            key = f"'{self.grant.secret.hex()}' || source"
            return Where(f"{_HASHED.format(key)} IN (SELECT unnest(?::VARCHAR[]))", (list(identities),))
        plain = [source for each in identities for source in sources_of(each, kind)]
        sql, values = "source IN (SELECT unnest(?::VARCHAR[]))", [plain]
        if coded := [each[2:] for each in identities if each.startswith("x.")]:
            sql = f"({sql} OR {_HASHED.format('source')} IN (SELECT unnest(?::VARCHAR[])))"
            values.append(coded)
        return Where(sql, tuple(values))

    def donors_of(self, patients: Sequence[str]) -> list[int]:
        """The donors that these ids of Patients stand for."""
        where = self.where_id(patients, "Patient")
        found = self._all(f"SELECT DISTINCT source, donor FROM v_Patient WHERE {where.sql}", where.values)
        return sorted({donor for source, donor in found if self.id_of(source, "Patient") in patients})

    def sources(self, kind: str, identities: Sequence[str]) -> dict[str, str]:
        """Of these ids of resources about persons those that there are, with the source of each."""
        where = self.where_id(identities, kind)
        found = self._all(
            f"SELECT DISTINCT source FROM v_{kind} WHERE {where.sql} ORDER BY source", where.values
        )
        known: dict[str, str] = {}
        for (source,) in found:
            if (identity := self.id_of(source, kind)) in identities:
                known.setdefault(identity, source)
        return known

    # --- reading --------------------------------------------------------------------------------------------

    def _all(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._link.execute(sql, list(values)).fetchall()

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        with self._lock:
            found = self._link.execute(sql, list(values))
            names = [each[0] for each in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def read(self, kind: str, identity: str) -> Found | None:
        if kind in STATIC:
            return self.statics(kind).get(identity)
        if kind == "Consent":
            return self._consent(identity)
        source = self.sources(kind, [identity]).get(identity)
        return next(iter(self.made(kind, [source])), None) if source is not None else None

    def count(self, kind: str, where: Where) -> int:
        [(found,)] = self._all(f"SELECT count(DISTINCT source) FROM v_{kind} WHERE {where.sql}", where.values)
        return int(found)

    def page(self, kind: str, where: Where, after: str, size: int) -> list[str]:
        """Sources in a lasting order, `after` one of them; under a grant the order is that of the ids, which tells
        nothing of the sources'."""
        order = self._order()
        sql = f"SELECT source FROM (SELECT DISTINCT source FROM v_{kind} WHERE {where.sql})"
        values = list(where.values)
        if after:
            sql += f" WHERE {order} > ?"
            values.append(after)
        return [source for (source,) in self._all(f"{sql} ORDER BY {order} LIMIT {size}", values)]

    def place_of(self, source: str, kind: str) -> str:
        """What `page` takes as `after`."""
        return source if self.grant is None else self.id_of(source, kind)

    def _order(self) -> str:
        return "source" if self.grant is None else _HASHED.format(f"'{self.grant.secret.hex()}' || source")

    def stream(self, kind: str, where: Where) -> Iterator[Found]:
        """All of them, in steps, over a connection of its own."""
        link = self._connect()
        try:
            link.execute(
                f"SELECT DISTINCT source FROM v_{kind} WHERE {where.sql} ORDER BY {self._order()}",
                list(where.values),
            )
            while step := link.fetchmany(STEP):
                yield from self.made(kind, [source for (source,) in step])
        finally:
            link.close()

    def made(self, kind: str, sources: Sequence[str]) -> list[Found]:
        """The resources of these sources, in their order."""
        rows: dict[str, list[dict[str, Any]]] = {}
        listed = [list(sources)]
        for row in self._rows(
            f"SELECT * FROM v_{kind} WHERE source IN (SELECT unnest(?::VARCHAR[])) ORDER BY ALL", listed
        ):
            rows.setdefault(row["source"], []).append(row)
        docs: dict[str, dict[str, Any]] = {}
        if self.grant is None:
            for row in self._rows(
                'SELECT source, body, "at", segment FROM docs WHERE source IN (SELECT unnest(?::VARCHAR[]))',
                listed,
            ):
                docs[row["source"]] = row
        subjects = self._subjects({row["donor"] for each in rows.values() for row in each})
        found = []
        for source in sources:
            if not (mine := rows.get(source)) or not self._still(mine[0]):
                continue
            version = max(row["segment"] for row in mine)
            doc = docs.get(source)
            if doc is not None and doc["segment"] > version:
                told = self._told(kind, source, doc)
            else:
                told = self._built(kind, source, mine, subjects[mine[0]["donor"]], version)
            found.append(Found(source, told))
        return found

    def _subjects(self, donors: Iterable[int]) -> dict[int, list[str]]:
        """Donor → the sources that tell of the donor, the one that others refer to first."""
        found: dict[int, list[str]] = {donor: [] for donor in donors}
        for donor, source in self._all(
            "SELECT donor, source FROM f_Patient WHERE donor IN (SELECT unnest(?::INTEGER[])) ORDER BY source",
            [list(found)],
        ):
            found[donor].append(source)
        return found

    def _told(self, kind: str, source: str, doc: Mapping[str, Any]) -> Resource:
        body: Resource = orjson.loads(doc["body"])
        meta = {
            **(body.get("meta") or {}),
            "versionId": str(doc["segment"]),
            "lastUpdated": _instant(doc["at"]),
        }
        return {**body, "id": self.id_of(source, kind), "meta": meta}

    def _built(
        self, kind: str, source: str, rows: list[dict[str, Any]], patients: list[str], version: int
    ) -> Resource:
        for row in rows:
            row["id"] = self.id_of(source, kind)
            if self.grant is None:
                row["name"] = source.rpartition("/")[2]
            if kind == "Patient":
                row["others"] = [self.id_of(each, kind) for each in patients if each != source]
            else:
                row["subject"] = self.id_of(patients[0], "Patient")
        told = resources.BUILDERS[kind](rows, self.store.state.units)
        if self.grant is None:
            told.setdefault("meta", {})["versionId"] = str(version)
            return told
        return self._columns(kind, told)

    def _columns(self, kind: str, told: Resource) -> Resource:
        assert self.grant is not None
        wanted = self.grant.elements(kind)
        told.pop("link", None)
        if wanted is None:
            return told
        # What a resource cannot be without stays, empty of anything else.
        whole = wanted | {"resourceType", "id", "subject", "individual"}
        if kind != "Specimen":  # whose status tells whether anything is left of it
            whole |= {"status"}
        kept = {name: value for name, value in told.items() if name in whole}
        if len(kept) < len(told):
            kept["meta"] = {"tag": [{"system": SUBSETTED, "code": "SUBSETTED"}]}
        elif "meta" in told:
            kept["meta"] = told["meta"]
        return kept

    # --- versions -------------------------------------------------------------------------------------------

    def versions(self, kind: str, identity: str) -> list[Resource]:
        """What was written here under this id, newest first, with what it is now. The holder's alone."""
        assert self.grant is None
        now = self.read(kind, identity)
        if now is None:
            return []
        told = [now.resource]
        # Rows whose place was taken are still in their segments.
        segments = self.store.state.of("resources")
        if now.source and segments:
            listed = ", ".join(
                "'" + str(self.store.path / "segments" / each.file).replace("'", "''") + "'"
                for each in segments
            )
            for row in self._rows(
                f'SELECT body, "at", segment FROM read_parquet([{listed}]) WHERE source = ? ORDER BY segment DESC',
                [now.source],
            ):
                if str(row["segment"]) != now.resource["meta"].get("versionId"):
                    told += [self._told(kind, now.source, row)]
        return told

    def was(self, kind: str, identity: str) -> bool:
        """Whether there has been something of this id that is no more."""
        segments = self.store.state.of("resources")
        if not segments or self.grant is not None:
            return False
        listed = ", ".join(
            "'" + str(self.store.path / "segments" / each.file).replace("'", "''") + "'" for each in segments
        )
        [(times,)] = self._all(
            f"SELECT count(*) FROM read_parquet([{listed}]) WHERE source IN (SELECT unnest(?::VARCHAR[]))",
            [sources_of(identity, kind)],
        )
        return bool(times)

    # --- organisations and groups ---------------------------------------------------------------------------

    def statics(self, kind: str) -> dict[str, Found]:
        """All Organizations or Groups by id: those written here, then those that the catalogue names besides."""
        return self._organizations if kind == "Organization" else self._groups

    def _written(self, kind: str) -> dict[str, Found]:
        found = {}
        for row in self._rows(
            'SELECT source, body, "at", segment FROM docs WHERE kind = ? ORDER BY source', [kind]
        ):
            told = self._told(kind, row["source"], row)
            if self.grant is not None:  # members and what they are like are of persons
                told["id"] = own_id(row["source"], kind)
                told.pop("characteristic", None)
                told["extension"] = [
                    each for each in told.get("extension") or () if each.get("url") != MEMBER
                ]
                told = {name: value for name, value in told.items() if value != []}
            found[told["id"]] = Found(row["source"], told)
        return found

    @cached_property
    def _organizations(self) -> dict[str, Found]:
        written = self._written("Organization")
        known, about = self.catalogue, self.description
        ids = {
            (profiles.of(each.resource), identifier["value"]): identity
            for identity, each in written.items()
            for identifier in each.resource.get("identifier") or ()
            if "value" in identifier
        }
        person = resources.contact(*about.person, about.email) if about.person and about.email else None
        holder = f"juristic-{_slug(known.organisation.id)}"
        found = dict(written)

        def add(
            identity: str, profile: str, name: str, code: str | None, part_of: str | None, says: str
        ) -> None:
            if identity not in found and (profile, code) not in ids:
                told = resources.organization(
                    identity,
                    profile,
                    name,
                    code=code,
                    part_of=part_of,
                    country=about.country,
                    page=known.organisation.url if part_of is None else "",
                    person=person if part_of else None,
                    description=says,
                )
                found[identity] = Found("", told)

        if known.biobanks_named or known.collections_named:
            add(
                holder,
                "miabis-juristic-person",
                known.organisation.name or known.organisation.id,
                None,
                None,
                "",
            )
        for code, name in known.biobanks_named.items():
            add(f"biobank-{_slug(code)}", "miabis-biobank", name, code, holder, about.says(code))
        for code, name in known.collections_named.items():
            owner = self.store.state.collections.get(code)
            if owner is None and len(known.biobanks_named) == 1:
                [owner] = known.biobanks_named
            part_of = ids.get(("miabis-biobank", owner or "")) or (
                f"biobank-{_slug(owner)}" if owner else holder
            )
            add(
                f"collection-{_slug(code)}",
                "miabis-collection-organization",
                name,
                code,
                part_of if part_of in found else holder,
                about.says(code) or name,
            )
        return found

    @cached_property
    def _groups(self) -> dict[str, Found]:
        found = self._written("Group")
        named = {
            identifier.get("value")
            for each in found.values()
            for identifier in each.resource.get("identifier") or ()
        }
        like: dict[str, tuple[list[str], list[str], list[str]]] = {}
        if self.grant is None:
            like = {
                collection: (sexes, types, temperatures)
                for collection, sexes, types, temperatures in self._all(
                    "SELECT collection, list(DISTINCT sex), list(DISTINCT type) FILTER (type IS NOT NULL),"
                    " list(DISTINCT temperature) FILTER (temperature IS NOT NULL) FROM f_Specimen JOIN donors"
                    " USING (donor) WHERE collection IS NOT NULL GROUP BY collection"
                )
            }
        managing = {
            identifier["value"]: identity
            for identity, each in self._organizations.items()
            if profiles.of(each.resource) == "miabis-collection-organization"
            or identity.startswith("collection-")
            for identifier in each.resource.get("identifier") or ()
        }
        for code, name in self.catalogue.collections_named.items():
            identity = f"collection-{_slug(code)}"
            if code not in named and identity not in found:
                sexes, types, temperatures = like.get(code, ([], [], []))
                told = resources.collection(
                    identity,
                    code,
                    name,
                    managing.get(code, identity),
                    sexes=sexes,
                    types=types or (),
                    temperatures=temperatures or (),
                )
                found[identity] = Found("", told)
        return found

    # --- consents -------------------------------------------------------------------------------------------

    def consents(self, donors: Iterable[int]) -> list[Found]:
        """The consents that these donors gave, in the order of their ids."""
        found = []
        for donor in donors:
            recorded = self.log.history(donor)
            subject = self._subjects([donor])[donor]
            for each in recorded:
                event = each.event
                if event.kind is not Kind.GIVEN or not subject:
                    continue
                state = self.log.standing(donor, event.biobank, self.day).standing if event.biobank else None
                active = not each.void and state is not None
                active = active and any(
                    (one.form, one.version) == (event.form, event.version)
                    for one in state.consents  # type: ignore[union-attr]
                )
                identity = own_id(event.id, "Consent")
                subject_id = self.id_of(subject[0], "Patient")
                told = resources.consent(event, identity, subject_id, active=active)
                told["meta"] = {"versionId": str(each.number)}
                found.append(Found(event.id, told))
        return sorted(found, key=lambda each: str(each.resource["id"]))

    def _consent(self, identity: str) -> Found | None:
        for (donor,) in self._all("SELECT DISTINCT donor FROM f_Patient ORDER BY donor"):
            for each in self.consents([donor]):
                if each.resource["id"] == identity:
                    return each
        return None

    # --- who refers to whom ---------------------------------------------------------------------------------

    def referring(self, kind: str, identity: str) -> list[tuple[str, Resource]]:
        """Sources and texts of what was written here and refers to this resource."""
        mark = f'"{kind}/{identity}"'
        found = self._all("SELECT source, body FROM docs WHERE contains(body, ?) ORDER BY source", [mark])
        return [(source, orjson.loads(body)) for source, body in found]

    def about(self, donor: int) -> list[str]:
        """Sources of all that the store tells of a donor, but for the donor's own rows."""
        parts = " UNION ALL ".join(
            f"SELECT source FROM f_{kind} WHERE donor = {int(donor)}"
            for kind in OF_PERSONS
            if kind != "Patient"
        )
        return [source for (source,) in self._all(f"SELECT DISTINCT source FROM ({parts}) ORDER BY source")]

    def named(self, kind: str, value: str) -> list[str]:
        """Sources of the resources about persons that have this identifier."""
        where = where_identifier(kind, value)
        found = self._all(f"SELECT DISTINCT source FROM v_{kind} WHERE {where.sql} ORDER BY 1", where.values)
        return [source for (source,) in found]


SUBSETTED = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"


def where_identifier(kind: str, value: str) -> Where:
    """Rows whose resource has this identifier: one written in it or, without a text, its name at the source."""
    written = (
        "list_contains(json_extract_string(body, '$.identifier[*].value'), ?)"
        " OR json_extract_string(body, '$.identifier.value') = ?"
    )
    return Where(
        f"(source IN (SELECT source FROM docs WHERE kind = '{kind}' AND ({written}))"
        f" OR (ends_with(source, ?) AND source NOT IN (SELECT source FROM docs WHERE kind = '{kind}')))",
        (value, value, f"{kind}/{value}"),
    )


def _within_any(code: str, allowed: frozenset[str]) -> bool:
    try:
        return not allowed or any(icd10.within(code, each) for each in allowed)
    except ValueError:
        return False


def _slug(code: str) -> str:
    """A code as the rest of an id."""
    return code if ID.fullmatch(code) and len(code) <= 50 and not CODE_LIKE.search(code) else hashed(code)


def _instant(at: datetime | None) -> str:
    return (at or datetime(1970, 1, 1)).replace(tzinfo=UTC).isoformat(timespec="milliseconds")  # noqa: DTZ001
