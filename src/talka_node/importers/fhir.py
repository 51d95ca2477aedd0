"""FHIR R4 by the million: the common shapes of resources go from JSON to columns inside DuckDB, checked as columns.

What is not of a common shape, and all that is refused, is read again one at a time by `fhir_plain`, which alone decides
and gives the reason. A row taken here must be the row that `fhir_plain` would have given; a test holds them together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
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

_CONCEPT = 'STRUCT(coding STRUCT("system" VARCHAR, code VARCHAR)[])'
_REFERENCE = "STRUCT(reference VARCHAR)"
_PERIOD = 'STRUCT("start" VARCHAR)'
# What is looked at in a line; everything else in it is passed over unread.
_SHAPE = {
    "resourceType": "VARCHAR",
    "id": "VARCHAR",
    "status": "VARCHAR",
    "subject": _REFERENCE,
    "code": _CONCEPT,
    "type": _CONCEPT,
    "medicationCodeableConcept": _CONCEPT,
    "verificationStatus": _CONCEPT,
    "onsetDateTime": "VARCHAR",
    "onsetPeriod": _PERIOD,
    "recordedDate": "VARCHAR",
    "effectiveDateTime": "VARCHAR",
    "effectivePeriod": _PERIOD,
    "performedDateTime": "VARCHAR",
    "performedPeriod": _PERIOD,
    "collection": f"STRUCT(collectedDateTime VARCHAR, collectedPeriod {_PERIOD})",
    "valueQuantity": 'STRUCT("value" VARCHAR, comparator VARCHAR, unit VARCHAR, code VARCHAR)',
    "valueCodeableConcept": "JSON",
    "component": "JSON",
    "container": 'STRUCT(specimenQuantity STRUCT("value" VARCHAR, unit VARCHAR, code VARCHAR))[]',
    "extension": f'STRUCT(url VARCHAR, valueIdentifier STRUCT("value" VARCHAR), valueReference {_REFERENCE})[]',
    "processing": f"STRUCT(extension STRUCT(url VARCHAR, valueCodeableConcept {_CONCEPT})[])[]",
    "gender": "VARCHAR",
    "birthDate": "VARCHAR",
    "deceasedDateTime": "VARCHAR",
    "identifier": f'STRUCT("system" VARCHAR, "value" VARCHAR, type {_CONCEPT})[]',
    "address": "STRUCT(state VARCHAR, district VARCHAR)[]",
}


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
_CODE_LIKE = r"\d{6}.?.?.?\d{5}"
_CODING = "coalesce(code.coding[1].{0}, type.coding[1].{0}, medicationCodeableConcept.coding[1].{0})"
_DAY = (
    'coalesce(onsetDateTime, onsetPeriod."start", recordedDate, effectiveDateTime, effectivePeriod."start",'
    ' performedDateTime, performedPeriod."start", collection.collectedDateTime, collection.collectedPeriod."start",'
    " birthDate)"
)
_TEMPERATURE = "miabis-sample-storage-temperature-extension"
_SERIES = "miabis-sample-collection-extension"
_OWNER = "regexp_replace(extension[{0}].valueReference.reference, '^Organization/', '')"
_SECRET = 'identifier[{0}]."system" IN ({1}) OR identifier[{0}].type.coding[1].code IN ({2})'


def _part(job: Job, part: feed.Part) -> Batch:
    """A part of NDJSON. Column by column; the lines that no rule takes are read again in plain Python."""
    batch = Batch(part.first, part.lines, part.end)
    trusted = _scan(job, part) == part.lines
    if not trusted:
        part.mend()
        if not (trusted := _scan(job, part) == part.lines):
            job.link.execute("DELETE FROM raw")
    _lists(job)
    _patients(job, batch)
    _units(job)
    _people(job)
    prefix = _quoted(job.settings.prefix)
    for table, (kind, columns) in _TABLES.items():
        rows = f"(SELECT * FROM raw WHERE fit = '{table}') JOIN people USING (person)"
        if table == "measurements":
            rows += " LEFT JOIN conversions USING (code, unit)"
        batch.selects[table] = [
            f"SELECT '{prefix}{kind}/' || id AS source, donor, {columns.format(prefix=prefix)}, line FROM {rows}"
        ]
    unused = job.link.execute("SELECT kind, count(*) FROM raw WHERE fit = 'unused' GROUP BY kind").fetchall()
    batch.unused.update(dict(unused))
    _rest(job, part, batch, trusted)
    return batch


_CONVERTED = """CASE WHEN times = 1 AND over = 1 AND before = 0 AND after = 0 THEN value
    ELSE format('{{:.12g}}', (value + before) * times / over + after)::DOUBLE END"""
# Table → the kind of resource, and what stands in its columns.
_TABLES = {
    "donors": (
        "Patient",
        'sex, "on" AS born, CASE WHEN "on" IS NOT NULL THEN \'D\' END AS born_known, died, region',
    ),
    "diagnoses": ("Condition", 'code, "on"'),
    "medications": ("MedicationStatement", 'code, "on"'),
    "procedures": ("Procedure", 'code, "on"'),
    "measurements": ("Observation", f'code, {_CONVERTED} AS value, "on"'),
    "specimens": (
        "Specimen",
        """'{prefix}' || id AS specimen, biobank, series AS collection, code AS type, "on" AS collected, temperature,
        aliquots""",
    ),
}


def _scan(job: Job, part: feed.Part) -> int:
    """Read the part into the table `raw`, a row per line; how many. `fit`: the table that a line is a row of."""
    settings = job.settings
    shape = ", ".join(f"{name}: '{kind}'" for name, kind in _SHAPE.items())
    systems, types = _list(settings.code_systems), _list(PERSONAL_CODE_TYPES)
    names, holders = (f"[{_texts(each)}]::VARCHAR[]" for each in (job.collections, job.collections.values()))
    owners = f"map({names}, {holders})"
    biobank = f"'{_quoted(settings.biobank)}'" if settings.biobank else "NULL"
    dated = (
        "({0} IS NULL OR regexp_matches({0}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ].*)?$')"
        f" AND try_cast({{0}}[:10] AS DATE) BETWEEN DATE '1850-01-01' AND DATE '{settings.today}')"
    )
    pieces = (
        'CASE WHEN each.specimenQuantity."value" IS NULL OR each.specimenQuantity.unit IS NOT NULL'
        " OR each.specimenQuantity.code IS NOT NULL THEN 1"
        " WHEN regexp_matches(each.specimenQuantity.\"value\", '^[0-9]{1,6}$')"
        ' THEN each.specimenQuantity."value"::INTEGER ELSE -1000000000 END'
    )
    rules = {
        "donors": (
            f"kind = 'Patient' AND sex IN ('female', 'male', 'other', 'unknown') AND {dated.format('died_on')}"
            " AND (day IS NULL OR died_on IS NULL OR died_on[:10] >= day[:10])"
            f" AND (region IS NULL OR NOT regexp_matches(region, '{_CODE_LIKE}')) AND short"
        ),
        "diagnoses": (
            f"kind = 'Condition' AND system = '{ICD10}' AND (verified IS NULL OR verified = 'confirmed')"
            " AND regexp_matches(code, '^[A-Z][0-9][0-9](\\.[0-9]{1,2})?$')"
        ),
        "measurements": (
            f"kind = 'Observation' AND system = '{LOINC}' AND code <> '' AND NOT rich"
            " AND value IS NOT NULL"  # why there is no number is for the plain reader to see
        ),
        "specimens": (
            "kind = 'Specimen' AND (system IS NULL OR contains(system, 'miabis')) AND code <> '' AND biobank <> ''"
            f" AND (NOT stored OR {_is('temperature', samples.TEMPERATURES)}) AND short AND pieces >= 0"
            f" AND NOT regexp_matches(concat(biobank, ' ', series), '{_CODE_LIKE}')"
        ),
        "medications": (
            f"kind = 'MedicationStatement' AND system = '{ATC}'"
            " AND regexp_matches(code, '^[A-Z][0-9][0-9][A-Z][A-Z][0-9][0-9]$')"
        ),
        "procedures": (
            "kind = 'Procedure' AND code <> '' AND length(code) <= 64"
            f" AND NOT regexp_matches(code, '{_CODE_LIKE}')"
        ),
    }
    common = (
        f"regexp_matches(id, '^[A-Za-z0-9\\-.]{{1,64}}$') AND NOT regexp_matches(id, '\\d{{6}}-?\\d{{5}}')"
        f" AND regexp_matches(person, '^Patient/[A-Za-z0-9\\-.]{{1,64}}$') AND {dated.format('day')}"
        " AND (status IS NULL OR CASE kind "
        + " ".join(f"WHEN '{kind}' THEN {_is('status', fit)}" for kind, fit in fhir_plain.FACTS.items())
        + " ELSE true END)"
    )
    fit = " ".join(f"WHEN {rule} THEN '{table}'" for table, rule in rules.items())
    found = job.link.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE raw AS
        SELECT line, kind, id, person, code, try_cast(day[:10] AS DATE) AS "on",
            CASE WHEN comparator IS NULL THEN value END AS value, unit,
            biobank, series, temperature, CASE WHEN coalesce(status, 'available') = 'available' THEN pieces ELSE 0 END
                AS aliquots,
            sex, try_cast(died_on[:10] AS DATE) AS died, region, secret,
            CASE WHEN {common} THEN CASE {fit} END END AS fit
        FROM (
            SELECT *, try_cast(number AS DOUBLE) AS value, CASE kind WHEN 'Specimen' THEN coalesce(custodian,
                {owners}[series], {biobank},
                CASE WHEN contains(series, ':collection:') THEN split_part(series, ':collection:', 1) END) END
                AS biobank
            FROM (
                SELECT
                    {part.first - 1} + row_number() OVER () AS line, resourceType AS kind, id, status,
                    CASE WHEN resourceType = 'Patient' THEN 'Patient/' || id ELSE subject.reference END AS person,
                    {_CODING.format('"system"')} AS system, {_CODING.format("code")} AS code,
                    verificationStatus.coding[1].code AS verified,
                    {_DAY} AS day, deceasedDateTime AS died_on,
                    valueQuantity."value" AS number, valueQuantity.comparator AS comparator,
                    coalesce(valueQuantity.code, valueQuantity.unit, '') AS unit,
                    valueCodeableConcept IS NOT NULL OR component IS NOT NULL AS rich,
                    CASE WHEN ends_with(extension[1].url, '{_SERIES}') THEN extension[1].valueIdentifier."value"
                        WHEN ends_with(extension[2].url, '{_SERIES}') THEN extension[2].valueIdentifier."value" END
                        AS series,
                    CASE WHEN ends_with(extension[1].url, '/Custodian') THEN {_OWNER.format(1)}
                        WHEN ends_with(extension[2].url, '/Custodian') THEN {_OWNER.format(2)} END AS custodian,
                    CASE WHEN ends_with(processing[1].extension[1].url, '{_TEMPERATURE}')
                        THEN processing[1].extension[1].valueCodeableConcept.coding[1].code END AS temperature,
                    coalesce(ends_with(processing[1].extension[1].url, '{_TEMPERATURE}'), false) AS stored,
                    coalesce(len(extension) <= 2, true) AND coalesce(extension[1].url <> extension[2].url, true)
                        AND coalesce(len(processing) <= 1 AND len(processing[1].extension) <= 1, true)
                        AND coalesce(len(processing[1].extension[1].valueCodeableConcept.coding) <= 1, true)
                        AND coalesce(len(identifier) <= 2, true)
                        AND coalesce(len(identifier[1].type.coding) <= 1, true)
                        AND coalesce(len(identifier[2].type.coding) <= 1, true) AS short,
                    CASE WHEN coalesce(len(container), 0) = 0 THEN 1
                        ELSE list_sum(list_transform(container, each -> {pieces}))::INTEGER END AS pieces,
                    coalesce(nullif(gender, ''), 'unknown') AS sex,
                    coalesce(nullif(address[1].state, ''), nullif(address[1].district, '')) AS region,
                    CASE WHEN {_SECRET.format(1, systems, types)} THEN identifier[1]."value"
                        WHEN {_SECRET.format(2, systems, types)} THEN identifier[2]."value" END AS secret
                FROM read_json('{part.path}', format = 'newline_delimited', columns = {{{shape}}}, ignore_errors = true,
                    maximum_object_size = {feed.LONGEST_LINE + 1024})
            )
        )
        """
    ).fetchone()
    return int(found[0]) if found else 0


def _lists(job: Job) -> None:
    """What depends on long lists of codes is judged by distinct code, not by row."""
    for column, had, known, becomes in (
        ("kind", "fit IS NULL", fhir_plain.UNUSED, "'unused'"),
        ("code", "fit = 'specimens'", samples.BY_CODE, "NULL"),
    ):
        found = {
            text for (text,) in job.link.execute(f"SELECT DISTINCT {column} FROM raw WHERE {had}").fetchall()
        }
        changed = found & set(known) if column == "kind" else found - set(known)
        if changed:
            job.link.execute(f"UPDATE raw SET fit = {becomes} WHERE {had} AND {column} IN ({_list(changed)})")


def _patients(job: Job, batch: Batch) -> None:
    """Link Patients who have a personal code. The codes pass through memory to the resolver, and go nowhere else."""
    coded = job.link.execute(
        "SELECT line, person, secret FROM raw WHERE fit = 'donors' AND secret IS NOT NULL ORDER BY line"
    ).fetchall()
    job.link.execute("CREATE TEMP TABLE IF NOT EXISTS people (person VARCHAR, donor INTEGER)")
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


def _units(job: Job) -> None:
    """Judge each pair of code and unit once; rows of a pair that does not go together are left to the plain reader."""
    pairs = job.link.execute(
        "SELECT code, unit, min(line) AS first FROM raw WHERE fit = 'measurements' AND value IS NOT NULL"
        " GROUP BY ALL ORDER BY first"
    ).fetchall()
    known: list[tuple[str, str, float, float, float, float]] = []
    wrong: list[tuple[str, str]] = []
    for code, unit, _ in pairs:
        try:
            found = job.kept.conversion(code, unit)
        except BadUnit:
            wrong.append((code, unit))
        else:
            known.append((code, unit, found.times, found.over, found.before, found.after))
    columns = [list(column) for column in zip(*known, strict=True)] or [[] for _ in range(6)]
    job.link.execute(
        "CREATE OR REPLACE TEMP TABLE conversions AS SELECT unnest(?::VARCHAR[]) AS code, unnest(?::VARCHAR[]) AS unit,"
        " unnest(?::DOUBLE[]) AS times, unnest(?::DOUBLE[]) AS over, unnest(?::DOUBLE[]) AS before,"
        " unnest(?::DOUBLE[]) AS after",
        columns,
    )
    for code, unit in wrong:
        job.link.execute(
            "UPDATE raw SET fit = NULL WHERE fit = 'measurements' AND value IS NOT NULL AND code = ? AND"
            " unit = ?",
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
