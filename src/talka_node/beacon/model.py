"""The default model of Beacon v2 as data: entry types, their paths, which list which, and the documents that say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from talka_node.beacon.source import About, Entry

API = "v2.0.0"
SCHEMAS = "https://raw.githubusercontent.com/ga4gh-beacon/beacon-v2/main"
_MODEL = f"{SCHEMAS}/models/json/beacon-v2-default-model"


@dataclass(frozen=True, slots=True)
class Kind:
    """An entry type: its path, its folder in the default model, an ontology term, and what its entries list."""

    entry: Entry
    path: str
    folder: str
    name: str
    schema: str
    term: tuple[str, str]
    lists: tuple[Entry, ...]
    holds: Entry | None = None

    @property
    def collection(self) -> bool:
        """Whether its entries are groups, described in public, rather than records of persons."""
        return self.holds is not None


_ALL = (Entry.INDIVIDUAL, Entry.BIOSAMPLE, Entry.VARIANT, Entry.RUN, Entry.ANALYSIS)

KINDS = {
    kind.entry: kind
    for kind in (
        Kind(Entry.INDIVIDUAL, "individuals", "individuals", "Individual", "individual", ("NCIT:C25190", "Person"),
             (Entry.BIOSAMPLE, Entry.VARIANT, Entry.RUN, Entry.ANALYSIS)),
        Kind(Entry.BIOSAMPLE, "biosamples", "biosamples", "Biological sample", "biosample",
             ("NCIT:C70699", "Biospecimen"), (Entry.VARIANT, Entry.RUN, Entry.ANALYSIS)),
        Kind(Entry.COHORT, "cohorts", "cohorts", "Cohort", "cohort", ("NCIT:C61512", "Cohort"), _ALL, Entry.INDIVIDUAL),
        Kind(Entry.DATASET, "datasets", "datasets", "Dataset", "dataset", ("NCIT:C47824", "Data set"), _ALL,
             Entry.INDIVIDUAL),
        Kind(Entry.VARIANT, "g_variants", "genomicVariations", "Genomic variant", "variant",
             ("ENSGLOSSARY:0000092", "Variant"), (Entry.INDIVIDUAL, Entry.BIOSAMPLE, Entry.RUN, Entry.ANALYSIS)),
        Kind(Entry.RUN, "runs", "runs", "Sequencing run", "run", ("NCIT:C148088", "Sequencing run"),
             (Entry.VARIANT, Entry.ANALYSIS)),
        Kind(Entry.ANALYSIS, "analyses", "analyses", "Bioinformatics analysis", "analysis",
             ("edam:operation_2945", "Analysis"), (Entry.VARIANT,)),
    )
}  # fmt: skip
BY_PATH = {kind.path: kind for kind in KINDS.values()}

INFORMATIONAL = ("info", "service-info", "configuration", "entry_types", "map", "filtering_terms")
# What people ask for instead; the right path is told.
OTHER_NAMES = {
    "genomicVariations": "g_variants", "genomic_variations": "g_variants", "variants": "g_variants",
    "genomicVariants": "g_variants", "samples": "biosamples", "specimens": "biosamples", "patients": "individuals",
    "persons": "individuals", "donors": "individuals", "collections": "datasets", "service_info": "service-info",
    "filteringTerms": "filtering_terms", "entryTypes": "entry_types",
}  # fmt: skip


def schema_of(entry: Entry) -> dict[str, str]:
    """How responses name the schema of what they return."""
    return {"entityType": entry.value, "schema": f"ga4gh-beacon-{KINDS[entry].schema}-v2.0.0"}


def entry_types() -> dict[str, Any]:
    """The body of /entry_types."""
    return {"entryTypes": {kind.entry.value: _entry_type(kind) for kind in KINDS.values()}}


def _entry_type(kind: Kind) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": kind.entry.value,
        "name": kind.name,
        "ontologyTermForThisType": {"id": kind.term[0], "label": kind.term[1]},
        "partOfSpecification": f"Beacon {API}",
        "defaultSchema": {
            "id": schema_of(kind.entry)["schema"],
            "name": f"Default schema of {kind.name.lower()}",
            "referenceToSchemaDefinition": f"{_MODEL}/{kind.folder}/defaultSchema.json",
            "schemaVersion": API,
        },
        "additionallySupportedSchemas": [],
        "nonFilteredQueriesAllowed": True,
    }
    if kind.holds:
        told["aCollectionOf"] = [{"id": kind.holds.value, "name": KINDS[kind.holds].name}]
    return told


def configuration(about: About) -> dict[str, Any]:
    """The body of /configuration: counts for everybody, records for holders of visas."""
    return {
        "$schema": f"{SCHEMAS}/framework/json/configuration/beaconConfigurationSchema.json",
        "maturityAttributes": {
            "productionStatus": {"prod": "PROD", "test": "TEST"}.get(about.environment, "DEV")
        },
        "securityAttributes": {"defaultGranularity": "boolean", "securityLevels": ["PUBLIC", "CONTROLLED"]},
        **entry_types(),
    }


def beacon_map(base: str) -> dict[str, Any]:
    """The body of /map. `base`: the absolute address of the Beacon, without a slash at its end."""
    return {
        "$schema": f"{SCHEMAS}/framework/json/configuration/beaconMapSchema.json",
        "endpointSets": {kind.entry.value: _endpoints(kind, base) for kind in KINDS.values()},
    }


def _endpoints(kind: Kind, base: str) -> dict[str, Any]:
    root = f"{base}/{kind.path}"
    return {
        "entryType": kind.entry.value,
        "rootUrl": root,
        "singleEntryUrl": f"{root}/{{id}}",
        "filteringTermsUrl": f"{root}/filtering_terms",
        "openAPIEndpointsDefinition": f"{_MODEL}/{kind.folder}/endpoints.json",
        "endpoints": {
            other.value: {"returnedEntryType": other.value, "url": f"{root}/{{id}}/{KINDS[other].path}"}
            for other in kind.lists
        },
    }
