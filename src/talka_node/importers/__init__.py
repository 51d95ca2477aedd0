"""Imports: files of a holder's own systems, in many formats, become rows of the store.

    manifest = import_files(node, [Path("Patient.ndjson"), Path("Condition.ndjson")], biobank="bb-1")

Whatever the format, the same holds: an import is all visible or not at all, the same rows again change nothing, a later
row of an id takes the earlier one's place, each row refused is named with its place and reason in a signed manifest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from talka_node.consent.log import Entry
from talka_node.consent.state import State
from talka_node.importers import feed, fhir, hl7v2, phenopackets, table, vcf
from talka_node.importers.batch import PERSONAL_CODES, Importer, Settings
from talka_node.importers.job import Progress, run
from talka_node.importers.manifest import Manifest, Refusal
from talka_node.importers.people import LocalResolver, Resolver
from talka_node.store import Store, StoreError

__all__ = [
    "FORMATS", "LocalResolver", "Manifest", "NotKnown", "Progress", "Refusal", "Resolver", "format_of", "import_files",
]  # fmt: skip


class NotKnown(StoreError):
    """A file's format cannot be told, or is none that is read here."""


FORMATS: dict[str, Importer] = {
    "fhir-ndjson": fhir.lines,
    "fhir-json": fhir.document,
    "csv": table.csv_file,
    "omop": table.omop,
    "vcf": vcf.file,
    "phenopackets": phenopackets.file,
    "hl7v2": hl7v2.file,
}
# What others lean on is read first: whose collection, then whose person, then the facts.
_FIRST = ("organization", "patient", "person", "donor")


def _turn(name: str) -> int:
    return next((turn for turn, word in enumerate(_FIRST) if word in name), len(_FIRST))


def format_of(place: Path) -> str:
    """The format of a file, by its name; of JSON, by how it begins. Raises NotKnown."""
    name = place.name.lower().removesuffix(".gz")
    if name.endswith(".ndjson"):
        return "fhir-ndjson"
    if name.endswith(".json"):
        with feed.opened(place) as file:
            return "phenopackets" if phenopackets.looks_like(file.read(65536)) else "fhir-json"
    if name.endswith(".vcf"):
        return "vcf"
    if name.endswith((".hl7", ".hl7v2")):
        return "hl7v2"
    stem, _, suffix = name.rpartition(".")
    if suffix in ("csv", "parquet") and stem in table.CDM:
        return "omop"
    if name.endswith((".csv", ".tsv")):
        return "csv"
    raise NotKnown(f"{place.name}: its name tells no format; name one of {', '.join(FORMATS)}")


def import_files(
    node: Path | str,
    paths: Sequence[Path | str],
    *,
    format: str | None = None,  # noqa: A002  # what the command line calls it
    source: str = "",
    biobank: str | None = None,
    options: dict[str, Any] | None = None,
    code_systems: frozenset[str] = PERSONAL_CODES,
    resolver: Resolver | Callable[[], Resolver] | None = None,
    consents: Callable[..., list[Entry] | None] | None = None,
    standing: State | None = None,
    progress: Callable[[Progress], None] | None = None,
    today: date | None = None,
) -> Manifest:
    """Import files and folders (all files in them and below) into the node's store; the signed manifest says what
    became of it. In a folder, files that are no data are passed over, and so are tables of the OMOP CDM beside the
    same persons' FHIR resources or CSV files; the manifest says which and why.

    `source` names where the rows come from: two sources may use the same ids. `biobank`: whose specimens and consents
    they are where rows do not say. `consents`: takes consent events, as `consent.log.Log.record` does. `standing`: who
    has consented, so that the manifest can count rows that wait for it. `today`: for tests; later dates are refused.
    `resolver`: who says whose rows are whose, or what makes one as soon as no other import runs.
    Raises StoreError: nothing has changed then.
    """
    if format is not None and format not in FORMATS:
        raise NotKnown(f"format {format!r} is none of {', '.join(FORMATS)}")
    options = options or {}
    files: list[tuple[Path, str, Importer]] = []
    passed: dict[str, str] = {}
    for each in map(Path, paths):
        if each.is_dir():
            taken, over = _folder(each, format, options)
            files += taken
            passed |= over
        elif each.exists():
            kind = format or format_of(each)
            files.append((each, kind, FORMATS[kind]))
        else:
            raise NotKnown(f"{each} does not exist")
    if passed and not files:
        raise NotKnown(f"nothing here is data: {'; '.join(f'{name}: {why}' for name, why in passed.items())}")
    files.sort(key=lambda each: _turn(each[0].name.lower()))
    settings = Settings(today or datetime.now(UTC).date(), source, biobank, code_systems, options)
    return run(
        Store(node),
        files,
        settings,
        resolver=resolver,
        consents=consents,
        standing=standing,
        progress=progress,
        passed_over=passed,
    )


# --- folders ----------------------------------------------------------------------------------------------

_NOT_DATA = {
    "catalogue.yaml": "what a node publishes of itself; `init --from` takes it, and an import where the node has none",
    "policy.yaml": "rules of disclosure are the node's own; `init --from` takes them",
    "keys.yaml": "settings of a node",
    "hub.yaml": "settings of a node",
    "country.json": "the plan of a synthetic country",
}


def _folder(
    folder: Path,
    format: str | None,  # noqa: A002
    options: dict[str, Any],
) -> tuple[list[tuple[Path, str, Importer]], dict[str, str]]:
    """The files of a folder, and below, that are data; of the others by name what they are instead."""
    found: list[tuple[Path, str]] = []
    passed: dict[str, str] = {}
    for place in sorted(folder.rglob("*")):
        within = place.relative_to(folder)
        if not place.is_file() or any(part.startswith(".") for part in within.parts):
            continue
        if "forms" in within.parts[:-1]:
            passed[str(within)] = "a consent form; `init --from` takes it"
        elif (what := _NOT_DATA.get(place.name)) is not None:
            passed[str(within)] = what
        elif format is not None:
            found.append((place, format))
        else:
            try:
                found.append((place, _kind(place, options)))
            except NotKnown as why:
                passed[str(within)] = str(why)
    kinds = {kind for _, kind in found}
    if format is None and "omop" in kinds and kinds & {"fhir-ndjson", "fhir-json", "csv"}:
        others = "their persons are told of by FHIR or CSV files here, under other ids; to take them instead, name them"
        tables = Counter(str(place.relative_to(folder).parent) for place, kind in found if kind == "omop")
        passed |= {f"{where}/, {number} tables of OMOP": others for where, number in tables.items()}
        found = [each for each in found if each[1] != "omop"]
    return [(place, kind, FORMATS[kind]) for place, kind in found], passed


def _kind(place: Path, options: dict[str, Any]) -> str:
    """The format of a file that nobody named. Raises NotKnown where it is no data."""
    kind = format_of(place)
    if kind == "fhir-json":
        with feed.opened(place) as file:
            if b'"resourceType"' not in file.read(65536):
                raise NotKnown("JSON, but no FHIR resource and no phenopacket")
    if kind == "csv" and table.entry_for(place, options) is None:
        raise NotKnown(
            "no entry of the mapping is for a file of this name; give a --mapping, or sizes of regions by --regions"
        )
    return kind
