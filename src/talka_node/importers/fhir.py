"""FHIR R4 by the million: the common shapes of resources go from JSON to columns inside DuckDB, checked as columns.

What is not of a common shape, and all that is refused, is read again one at a time by `fhir_plain`, which alone decides
and gives the reason. A row taken here must be the row that `fhir_plain` would have given; a test holds them together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from talka_node.codes import samples
from talka_node.codes.units import BadUnit
from talka_node.importers import feed, fhir_plain
from talka_node.importers.batch import (
    PERSONAL_CODE_TYPES,
    Batch,
    Gone,
    Job,
    Refuse,
    Row,
    Told,
    Unused,
    settle,
)
from talka_node.importers.fhir_plain import ATC, ICD10, LOINC

LARGEST_BUNDLE = 256 << 20


def lines(job: Job, place: Path, offset: int, line: int) -> Iterator[Batch]:
    """NDJSON, a resource or a Bundle a line, packed by gzip or not."""
    for part in feed.parts(place, offset, line):
        yield _part(job, part)


def document(job: Job, place: Path, offset: int, line: int) -> Iterator[Batch]:
    """A file that is one resource, or one Bundle: its entries count as lines."""
    if line:
        return
    with feed.opened(place) as source:
        text = source.read(LARGEST_BUNDLE + 1)
    if len(text) > LARGEST_BUNDLE:
        raise feed.Unreadable(
            1,
            f"the file is one document larger than {LARGEST_BUNDLE >> 20} MB: give NDJSON, one resource per line",
        )
    try:
        resource = orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as why:
        raise feed.Unreadable(1, f"not JSON in UTF-8, or cut off: {why}") from None
    resources = list(_entries(resource)) if _is_bundle(resource) else [resource]
    batch = Batch(1, max(1, len(resources)), len(text))
    told: list[tuple[int, Row | Told]] = []
    for number, each in enumerate(resources, 1):
        _read(job, batch, number, each, told)
    settle(job, batch, told)
    yield batch


def _is_bundle(resource: Any) -> bool:
    return isinstance(resource, dict) and resource.get("resourceType") == "Bundle"


def _entries(bundle: dict[str, Any]) -> Iterator[Any]:
    """The resources of a Bundle, references to one another by their full URL turned into Type/id."""
    entries = bundle.get("entry")
    if not isinstance(entries, list):
        return
    names = {
        each["fullUrl"]: f"{each['resource'].get('resourceType')}/{each['resource'].get('id')}"
        for each in entries
        if isinstance(each, dict)
        and isinstance(each.get("resource"), dict)
        and isinstance(each.get("fullUrl"), str)
    }
    for each in entries:
        if not isinstance(each, dict):
            yield each
            continue
        request = each.get("request")
        if isinstance(request, dict) and request.get("method") == "DELETE":
            yield _Delete(str(request.get("url")))
            continue
        resource = each.get("resource")
        if isinstance(resource, dict):
            for name in ("subject", "patient", "individual"):
                reference = resource.get(name)
                if isinstance(reference, dict) and reference.get("reference") in names:
                    resource[name] = {**reference, "reference": names[reference["reference"]]}
            for member in resource.get("member") or ():
                entity = member.get("entity") if isinstance(member, dict) else None
                if isinstance(entity, dict) and entity.get("reference") in names:
                    entity["reference"] = names[entity["reference"]]
        yield resource


class _Delete:
    def __init__(self, url: str) -> None:
        self.url = url


def _read(job: Job, batch: Batch, line: int, resource: Any, told: list[tuple[int, Row | Told]]) -> None:
    """One resource by the plain reader, into the batch."""
    try:
        if isinstance(resource, _Delete):
            kind, _, identity = resource.url.rpartition("/")
            kind = kind.rpartition("/")[2]
            if not identity or kind not in fhir_plain.READERS:
                raise Refuse("id", "request.url of a DELETE must be Type/id")
            raise Gone(f"{job.settings.prefix}{kind}/{job.safe(identity)}")
        if _is_bundle(resource):
            for each in _entries(resource):
                _read(job, batch, line, each, told)
            return
        told += [(line, row) for row in fhir_plain.read(resource, job)]
    except Refuse as why:
        raw = resource.url.encode() if isinstance(resource, _Delete) else json.dumps(resource).encode()
        batch.refuse(line, why, raw)
    except Gone as why:
        batch.gone.append(why.source)
    except Unused as why:
        batch.unused[why.kind] += 1


# --- by the million -----------------------------------------------------------------------------------------

# SQL over the fields of a line. What could be a personal code is left to the plain reader, which can tell.
# So is an object or list where text should be, which DuckDB reads as text.
_ODD = r"\d{6}.?.?.?\d{5}|^[{\[]"
_CONCEPT = 'STRUCT(coding STRUCT("system" VARCHAR, code VARCHAR)[])'
_CODES = "STRUCT(coding STRUCT(code VARCHAR)[])"
_REFERENCE = "STRUCT(reference VARCHAR)"
_PERIOD = 'STRUCT("start" VARCHAR)'
# What is looked at in a line of any kind; everything else in it is passed over unread.
_SHAPE = {"resourceType": "VARCHAR", "id": "VARCHAR", "status": "VARCHAR", "subject": _REFERENCE}


@dataclass(frozen=True, slots=True)
class _Kind:
    """Resources of one kind that are common enough to be read as columns, by SQL over the fields in `shape`.

    `concept` is the field that says what was found, `day` says when, `more` are further columns of `raw`. A line that
    fits `rule` is a row of `table`, with `columns`.
    """

    table: str
    shape: dict[str, str]
    concept: str
    day: str
    rule: str
    columns: str
    more: dict[str, str] = field(default_factory=dict)


def _kinds(job: Job) -> dict[str, _Kind]:
    settings = job.settings
    systems, types = _list(settings.code_systems), _list(PERSONAL_CODE_TYPES)
    secret = 'identifier[{0}]."system" IN ({1}) OR identifier[{0}].type.coding[1].code IN ({2})'
    names, holders = (f"[{_texts(each)}]::VARCHAR[]" for each in (job.collections, job.collections.values()))
    stored = "ends_with(processing[1].extension[1].url, 'miabis-sample-storage-temperature-extension')"
    pieces = (
        'CASE WHEN each.specimenQuantity."value" IS NULL OR each.specimenQuantity.unit IS NOT NULL'
        " OR each.specimenQuantity.code IS NOT NULL THEN 1"
        " WHEN regexp_matches(each.specimenQuantity.\"value\", '^[0-9]{1,6}$')"
        ' THEN each.specimenQuantity."value"::INTEGER ELSE -1000000000 END'
    )

    def extension(end: str, says: str) -> str:
        """What one of the first two extensions says, by the end of its URL."""
        cases = (
            f"WHEN ends_with(extension[{n}].url, '{end}') THEN {says.format(f'extension[{n}]')}"
            for n in (1, 2)
        )
        return f"CASE {' '.join(cases)} END"

    return {
        "Patient": _Kind(
            "donors",
            {
                "gender": "VARCHAR",
                "birthDate": "VARCHAR",
                "deceasedDateTime": "VARCHAR",
                "identifier": f'STRUCT("system" VARCHAR, "value" VARCHAR, type {_CODES})[]',
                "address": "STRUCT(state VARCHAR, district VARCHAR)[]",
            },
            concept="",
            day="birthDate",
            rule="sex IN ('female', 'male', 'other', 'unknown')"
            f" AND {_to_the_day('deceasedDateTime', 'died', settings.today)}"
            ' AND ("on" IS NULL OR died IS NULL OR died >= "on")'
            f" AND (region IS NULL OR NOT regexp_matches(region, '{_ODD}'))"
            " AND coalesce(len(identifier) <= 2, true) AND coalesce(len(identifier[1].type.coding) <= 1, true)"
            " AND coalesce(len(identifier[2].type.coding) <= 1, true)",
            columns="""sex, "on" AS born, CASE WHEN "on" IS NOT NULL THEN 'D' END AS born_known, died, region""",
            more={
                "sex": "coalesce(nullif(gender, ''), 'unknown')",
                "died": "try_cast(left(deceasedDateTime, 10) AS DATE)",
                "region": "coalesce(nullif(address[1].state, ''), nullif(address[1].district, ''))",
                "secret": f'CASE WHEN {secret.format(1, systems, types)} THEN identifier[1]."value"'
                f' WHEN {secret.format(2, systems, types)} THEN identifier[2]."value" END',
            },
        ),
        "Condition": _Kind(
            "diagnoses",
            {
                "code": _CONCEPT,
                "verificationStatus": _CODES,
                "onsetDateTime": "VARCHAR",
                "onsetPeriod": _PERIOD,
                "recordedDate": "VARCHAR",
            },
            concept="code",
            day='coalesce(onsetDateTime, onsetPeriod."start", recordedDate)',
            rule=f"system = '{ICD10}' AND coalesce(verificationStatus.coding[1].code, 'confirmed') = 'confirmed'"
            " AND regexp_matches(concept, '^[A-Z][0-9][0-9](\\.[0-9]{1,2})?$')",
            columns='concept AS code, "on"',
        ),
        "Observation": _Kind(
            "measurements",
            {
                "code": _CONCEPT,
                "effectiveDateTime": "VARCHAR",
                "effectivePeriod": _PERIOD,
                "effectiveInstant": "VARCHAR",
                "valueQuantity": 'STRUCT("value" VARCHAR, comparator VARCHAR, unit VARCHAR, code VARCHAR)',
                "valueCodeableConcept": "JSON",
                "component": "JSON",
            },
            concept="code",
            day='coalesce(effectiveDateTime, effectivePeriod."start", effectiveInstant)',
            rule=f"system = '{LOINC}' AND concept <> '' AND valueCodeableConcept IS NULL AND component IS NULL"
            # Why there is no number is for the plain reader to see.
            f" AND regexp_full_match(valueQuantity.\"value\", '{fhir_plain.NUMBER}') AND number IS NOT NULL"
            " AND valueQuantity.comparator IS NULL",
            columns="""concept AS code,
                CASE WHEN times = 1 AND over = 1 AND before = 0 AND after = 0 THEN number
                    ELSE format('{:.12g}', (number + before) * times / over + after)::DOUBLE END AS value, "on\"""",
            more={
                "number": 'try_cast(valueQuantity."value" AS DOUBLE)',
                "unit": "coalesce(valueQuantity.code, valueQuantity.unit, '')",
            },
        ),
        "Specimen": _Kind(
            "specimens",
            {
                "type": _CONCEPT,
                "collection": f"STRUCT(collectedDateTime VARCHAR, collectedPeriod {_PERIOD})",
                "extension": 'STRUCT(url VARCHAR, valueIdentifier STRUCT("value" VARCHAR),'
                f" valueReference {_REFERENCE})[]",
                "processing": f"STRUCT(extension STRUCT(url VARCHAR, valueCodeableConcept {_CODES})[])[]",
                "container": 'STRUCT(specimenQuantity STRUCT("value" VARCHAR, unit VARCHAR, code VARCHAR))[]',
            },
            concept="type",
            day='coalesce(collection.collectedDateTime, collection.collectedPeriod."start")',
            rule="(system IS NULL OR contains(system, 'miabis')) AND concept <> '' AND biobank <> ''"
            f" AND (temperature IS NULL OR {_is('temperature', samples.TEMPERATURES)}) AND pieces >= 0"
            f" AND NOT regexp_matches(concat(biobank, ' ', series), '{_ODD}')"
            " AND coalesce(len(extension) <= 2, true) AND coalesce(extension[1].url <> extension[2].url, true)"
            " AND coalesce(len(processing) <= 1 AND len(processing[1].extension) <= 1, true)"
            " AND coalesce(len(processing[1].extension[1].valueCodeableConcept.coding) <= 1, true)",
            columns=f"""'{_quoted(settings.prefix)}' || id AS specimen, biobank, series AS collection,
                concept AS type, "on" AS collected, temperature, pieces AS aliquots""",
            more={
                "series": extension("miabis-sample-collection-extension", '{}.valueIdentifier."value"'),
                "biobank": "coalesce("
                + extension("/Custodian", "regexp_replace({}.valueReference.reference, '^Organization/', '')")
                + f", map({names}, {holders})[series]"
                + (f", '{_quoted(settings.biobank)}'" if settings.biobank else "")
                + ", CASE WHEN contains(series, ':collection:') THEN split_part(series, ':collection:', 1) END)",
                "temperature": f"CASE WHEN {stored}"
                " THEN coalesce(processing[1].extension[1].valueCodeableConcept.coding[1].code, '') END",
                "pieces": "CASE WHEN status <> 'available' THEN 0 WHEN coalesce(len(container), 0) = 0 THEN 1"
                f" ELSE list_sum(list_transform(container, each -> {pieces}))::INTEGER END",
            },
        ),
        "MedicationStatement": _Kind(
            "medications",
            {
                "medicationCodeableConcept": _CONCEPT,
                "effectiveDateTime": "VARCHAR",
                "effectivePeriod": _PERIOD,
            },
            concept="medicationCodeableConcept",
            day='coalesce(effectiveDateTime, effectivePeriod."start")',
            rule=f"system = '{ATC}' AND regexp_matches(concept, '^[A-Z][0-9][0-9][A-Z][A-Z][0-9][0-9]$')",
            columns='concept AS code, "on"',
        ),
        "Procedure": _Kind(
            "procedures",
            {"code": _CONCEPT, "performedDateTime": "VARCHAR", "performedPeriod": _PERIOD},
            concept="code",
            day='coalesce(performedDateTime, performedPeriod."start")',
            rule=f"concept <> '' AND length(concept) <= 64 AND NOT regexp_matches(concept, '{_ODD}')",
            columns='concept AS code, "on"',
        ),
    }


def _to_the_day(text: str, day: str, today: date) -> str:
    """SQL: no date, or one given to the day, with a time after it or not, which DuckDB read as it is written."""
    return (
        f"({text} IS NULL OR ({day}::VARCHAR = left({text}, 10) AND {day} BETWEEN DATE '1850-01-01' AND DATE '{today}'"
        f" AND (length({text}) = 10 OR regexp_matches({text}[11:], '^[T ].*$'))))"
    )


def _part(job: Job, part: feed.Part) -> Batch:
    """A part of NDJSON. Column by column; the lines that no rule takes are read again in plain Python."""
    batch = Batch(part.first, part.lines, part.end)
    every = _kinds(job)
    kinds = _seen(part, every)
    trusted = _scan(job, part, kinds) == part.lines
    if not trusted:
        part.mend()
        trusted = _scan(job, part, kinds) == part.lines
    if trusted and len(kinds) < len(every) and _missed(job, every):
        kinds = every
        _scan(job, part, kinds)
    if not trusted:
        job.link.execute("DELETE FROM raw")
    _lists(job)
    _patients(job, batch, kinds)
    _units(job, kinds)
    _people(job)
    prefix = _quoted(job.settings.prefix)
    for kind, about in kinds.items():
        rows = f"(SELECT * FROM raw WHERE fit = '{about.table}') JOIN people USING (person)"
        if about.table == "measurements":
            rows += " LEFT JOIN conversions USING (concept, unit)"
        batch.selects[about.table] = [
            f"SELECT '{prefix}{kind}/' || id AS source, donor, {about.columns}, line FROM {rows}"
        ]
    unused = job.link.execute("SELECT kind, count(*) FROM raw WHERE fit = 'unused' GROUP BY kind").fetchall()
    batch.unused.update(dict(unused))
    _rest(job, part, batch, trusted)
    return batch


def _seen(part: feed.Part, every: dict[str, _Kind]) -> dict[str, _Kind]:
    """The kinds met at some places of the part. Most files hold one kind, and fields that are not looked for cost
    nothing."""
    found = set(re.findall(rb'"resourceType"\s*:\s*"(\w+)"', part.samples()))
    return {kind: about for kind, about in every.items() if kind.encode() in found}


def _missed(job: Job, every: dict[str, _Kind]) -> bool:
    """Whether so many lines are of a kind that was not looked for, that it pays to look again."""
    found = job.link.execute(
        f"SELECT count(*) FILTER (fit IS NULL AND kind IN ({_list(every)})) * 20 > count(*) FROM raw"
    ).fetchone()
    return bool(found and found[0])


def _scan(job: Job, part: feed.Part, kinds: dict[str, _Kind]) -> int:
    """Read the part into the table `raw`, a row per line; how many. `fit`: the table that a line is a row of."""
    shape = dict(_SHAPE)
    for about in kinds.values():
        shape |= about.shape

    def by_kind(expressions: dict[str, str], otherwise: str = "NULL::VARCHAR") -> str:
        """SQL: for each kind the expression, worked out only for the lines of that kind."""
        cases = " ".join(f"WHEN '{kind}' THEN {each}" for kind, each in expressions.items())
        return f"CASE kind {cases} ELSE {otherwise} END" if cases else otherwise

    concept = {kind: f"{about.concept}.coding[1].code" for kind, about in kinds.items() if about.concept}
    system = {kind: f'{about.concept}.coding[1]."system"' for kind, about in kinds.items() if about.concept}
    status = {kind: _is("status", fit) for kind, fit in fhir_plain.FACTS.items() if kind in kinds}
    more = {
        name: by_kind({kind: each}, "NULL")
        for kind, about in kinds.items()
        for name, each in about.more.items()
    }
    listed = "".join(f", {each} AS {name}" for name, each in more.items())
    dated = _to_the_day("day", '"on"', job.settings.today)
    common = (
        "regexp_matches(id, '^[A-Za-z0-9\\-.]{1,64}$')"
        " AND (length(id) < 11 OR NOT regexp_matches(id, '\\d{6}-?\\d{5}'))"
        " AND regexp_matches(person, '^Patient/[A-Za-z0-9\\-.]{1,64}$')"
        f" AND {dated}"
        f" AND (status IS NULL OR {by_kind(status, 'true')})"
    )
    fit = by_kind({kind: f"CASE WHEN {about.rule} THEN '{about.table}' END" for kind, about in kinds.items()})
    found = job.link.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE raw AS
        SELECT line, kind, id, person, concept, "on"{"".join(f", {name}" for name in more)},
            CASE WHEN {common} THEN {fit} END AS fit
        FROM (
            SELECT *, try_cast(left(day, 10) AS DATE) AS "on"{listed}
            FROM (
                SELECT *, {part.first - 1} + row_number() OVER () AS line, resourceType AS kind,
                    CASE kind WHEN 'Patient' THEN 'Patient/' || id ELSE subject.reference END AS person,
                    {by_kind({kind: about.day for kind, about in kinds.items()})} AS day,
                    {by_kind(concept)} AS concept, {by_kind(system)} AS system
                FROM read_json('{part.path}', format = 'newline_delimited', columns = {{{
            ", ".join(f"{name}: '{kind}'" for name, kind in shape.items())
        }}}, ignore_errors = true, maximum_object_size = {feed.LONGEST_LINE + 1024})
            )
        )
        """
    ).fetchone()
    return int(found[0]) if found else 0


def _lists(job: Job) -> None:
    """What depends on long lists of codes is judged by distinct code, not by row."""
    for column, had, known, becomes in (
        ("kind", "fit IS NULL", fhir_plain.UNUSED, "'unused'"),
        ("concept", "fit = 'specimens'", samples.BY_CODE, "NULL"),
    ):
        found = {
            text for (text,) in job.link.execute(f"SELECT DISTINCT {column} FROM raw WHERE {had}").fetchall()
        }
        changed = found & set(known) if column == "kind" else found - set(known)
        if changed:
            job.link.execute(f"UPDATE raw SET fit = {becomes} WHERE {had} AND {column} IN ({_list(changed)})")


def _patients(job: Job, batch: Batch, kinds: dict[str, _Kind]) -> None:
    """Link Patients who have a personal code. The codes pass through memory to the resolver, and go nowhere else."""
    job.link.execute("CREATE TEMP TABLE IF NOT EXISTS people (person VARCHAR, donor INTEGER)")
    if "Patient" not in kinds:
        return
    coded = job.link.execute(
        "SELECT line, person, secret FROM raw WHERE fit = 'donors' AND secret IS NOT NULL ORDER BY line"
    ).fetchall()
    if not coded:
        return
    persons = [(person.removeprefix("Patient/"), secret) for _, person, secret in coded]
    linked = job.resolver.link(job.settings.source, persons)
    wrong = []
    for (line, _, _), found in zip(coded, linked, strict=True):
        if isinstance(found, str):
            batch.refuse(line, Refuse("personal-code", found), b"")
            wrong.append(line)
    del coded, persons
    job.link.execute("UPDATE raw SET fit = 'refused' WHERE line IN (SELECT unnest(?::BIGINT[]))", [wrong])
    # Who was met before, under a number that turned out to be another's, is looked up anew.
    job.link.execute("DELETE FROM people WHERE person IN (SELECT person FROM raw WHERE secret IS NOT NULL)")


def _units(job: Job, kinds: dict[str, _Kind]) -> None:
    """Judge each pair of code and unit once; rows of a pair that does not go together are left to the plain reader."""
    if "Observation" not in kinds:
        return
    pairs = job.link.execute(
        "SELECT concept, unit, min(line) AS first FROM raw WHERE fit = 'measurements' "
        " GROUP BY ALL ORDER BY first"
    ).fetchall()
    known: list[tuple[str, str, float, float, float, float]] = []
    wrong: list[tuple[str, str]] = []
    for code, unit, _ in pairs:
        try:
            if code.startswith(("{", "[")):
                raise BadUnit
            found = job.kept.conversion(code, unit)
        except BadUnit:
            wrong.append((code, unit))
        else:
            known.append((code, unit, found.times, found.over, found.before, found.after))
    columns = [list(column) for column in zip(*known, strict=True)] or [[] for _ in range(6)]
    job.link.execute(
        "CREATE OR REPLACE TEMP TABLE conversions AS SELECT unnest(?::VARCHAR[]) AS concept,"
        " unnest(?::VARCHAR[]) AS unit, unnest(?::DOUBLE[]) AS times, unnest(?::DOUBLE[]) AS over,"
        " unnest(?::DOUBLE[]) AS before, unnest(?::DOUBLE[]) AS after",
        columns,
    )
    for code, unit in wrong:
        job.link.execute(
            "UPDATE raw SET fit = NULL WHERE fit = 'measurements'  AND concept = ? AND unit = ?",
            [code, unit],
        )


def _people(job: Job) -> None:
    """Give every person of the lines taken a donor's number."""
    unknown = job.link.execute(
        "SELECT DISTINCT person FROM raw ANTI JOIN people USING (person) WHERE fit NOT IN ('unused', 'refused')"
    ).fetchall()
    if unknown:
        keys = [person for (person,) in unknown]
        numbers = job.resolver.numbers(job.settings.source, [key.removeprefix("Patient/") for key in keys])
        job.link.execute(
            "INSERT INTO people SELECT unnest(?::VARCHAR[]), unnest(?::INTEGER[])", [keys, numbers]
        )


def _rest(job: Job, part: feed.Part, batch: Batch, trusted: bool) -> None:
    """The lines that were not taken, one by one; all, where the numbers of `raw` cannot be trusted."""
    left = [
        line
        for (line,) in job.link.execute("SELECT line FROM raw WHERE fit IS NULL ORDER BY line").fetchall()
    ]
    told: list[tuple[int, Row | Told]] = []
    for line in left if trusted else range(part.first, part.first + part.lines):
        if line in part.blank:
            continue
        raw = part.line(line)
        try:
            resource = orjson.loads(raw)
        except orjson.JSONDecodeError as why:
            fault = "cut off" if "unexpected end" in str(why) else "not JSON in UTF-8"
            batch.refuse(line, Refuse("json", f"the line is {fault}: {why}"), raw)
            continue
        before = len(batch.refused)
        _read(job, batch, line, resource, told)
        for number in range(before, len(batch.refused)):
            batch.refused[number] = (*batch.refused[number][:3], raw)
    settle(job, batch, told)


def _is(column: str, texts: Iterable[str]) -> str:
    """SQL: the column is one of the texts. Behind IN, more than a few would become a join."""
    return "(" + " OR ".join(f"{column} = '{_quoted(each)}'" for each in texts) + ")"


def _texts(texts: Iterable[str]) -> str:
    return ", ".join(f"'{_quoted(each)}'" for each in texts)


def _list(texts: Iterable[str]) -> str:
    """SQL: texts to stand behind IN."""
    return _texts(sorted(texts)) or "NULL"


def _quoted(text: str) -> str:
    return text.replace("'", "''")
