"""Every kind of answer of the Beacon against the JSON Schemas of Beacon v2 and its default model.

The schemas lean on VRS 1.3, which does not lie beside them: a stub takes any object with a type for its Location, and
nothing for its two kinds of variation, so that the third, which this Beacon uses, is the one that must fit.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from talka_node.beacon import Refused, Told
from talka_node.beacon.answers import NodeSource
from talka_node.beacon.model import KINDS, SCHEMAS
from talka_node.beacon.source import Entry
from talka_node.beacon.tests.client import Client, Node, client
from talka_node.tests.study import study
from talka_node.visas import Clearing, Trust
from talka_node.visas.tests.issuing import DATASETS
from tests.lanes import need_shared

pytestmark = pytest.mark.once

VRS = "https://w3id.org/ga4gh/schema/vrs/1.3/vrs.json"
STUB: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "definitions": {
        "Location": {"type": "object", "required": ["type"]},
        "MolecularVariation": False,
        "SystemicVariation": False,
    },
}
FRAMEWORK, MODEL = f"{SCHEMAS}/framework/json", f"{SCHEMAS}/models/json/beacon-v2-default-model"


class Schemas:
    """Counts, by schema, the documents that were found valid."""

    def __init__(self, folder: Path) -> None:
        def retrieve(uri: str) -> Resource[Any]:
            if uri == VRS:
                return Resource.from_contents(STUB)
            if (
                uri == f"{MODEL}/common/info.json"
            ):  # named by the default model, and only the framework has it
                uri = f"{FRAMEWORK}/common/info.json"
            path = folder / uri.removeprefix(f"{SCHEMAS}/")
            return DRAFT202012.create_resource(json.loads(path.read_text(encoding="utf-8")))

        self.registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]  # an attrs class
        self.valid: Counter[str] = Counter()

    @cache  # noqa: B019 -- lives as long as the test
    def validator(self, address: str) -> Draft202012Validator:
        return Draft202012Validator({"$ref": address}, registry=self.registry, format_checker=FormatChecker())

    def fits(self, document: Any, address: str) -> None:
        errors = [
            f"{'/'.join(map(str, each.path))}: {each.message}"
            for each in self.validator(address).iter_errors(document)
        ]
        assert errors == [], f"{address.rpartition('/')[2]}: {errors[:3]}"
        self.valid[address.removeprefix(f"{SCHEMAS}/")] += 1

    def check(self, address: str, status: int, answer: Any) -> None:
        """The answer against the schema of its kind, and each entry in it against the default model."""
        name = self.kind(address.partition("?")[0], answer)
        assert (status >= 400) == (name == "beaconErrorResponse")
        self.fits(answer, f"{FRAMEWORK}/responses/{name}.json")
        returned = answer.get("meta", {}).get("returnedSchemas", [])
        for entry in self.entries(answer):
            kind = KINDS[Entry(returned[0]["entityType"])]
            self.fits(entry, f"{MODEL}/{kind.folder}/defaultSchema.json")

    def kind(self, path: str, answer: Any) -> str:
        if "error" in answer:
            return "beaconErrorResponse"
        last = path.rstrip("/").rpartition("/")[2]
        informational = {
            "": "beaconInfoResponse", "info": "beaconInfoResponse", "map": "beaconMapResponse",
            "service-info": "ga4gh-service-info-1-0-0-schema", "configuration": "beaconConfigurationResponse",
            "entry_types": "beaconEntryTypesResponse", "filtering_terms": "beaconFilteringTermsResponse",
        }  # fmt: skip
        if last in informational:
            return informational[last]
        granularity = answer["meta"]["returnedGranularity"]
        if granularity == "record":
            return (
                "beaconCollectionsResponse"
                if "collections" in answer["response"]
                else "beaconResultsetsResponse"
            )
        return {"count": "beaconCountResponse", "boolean": "beaconBooleanResponse"}[granularity]

    def entries(self, answer: Any) -> list[Any]:
        response = answer.get("response", {})
        sets = response.get("resultSets", []) if isinstance(response, dict) else []
        collections = response.get("collections", []) if isinstance(response, dict) else []
        return [*collections, *(entry for each in sets for entry in each["results"])]


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas(need_shared("conformance/beacon-v2"))


@pytest.fixture
def beacon(schemas: Schemas) -> Client:
    return client(Node(), schemas.check, access="https://paraugs.example/access")


INFORMATIONAL = ("/", "/info", "/service-info", "/configuration", "/entry_types", "/map", "/filtering_terms")
IDS = {
    Entry.INDIVIDUAL: "test-1", Entry.BIOSAMPLE: "sample-1-0", Entry.RUN: "run-1", Entry.ANALYSIS: "analysis-1",
    Entry.VARIANT: "17-43045703-G-A", Entry.DATASET: "test-blood", Entry.COHORT: "test-cohort",
}  # fmt: skip


@pytest.mark.parametrize("path", INFORMATIONAL)
def test_informational(beacon: Client, path: str) -> None:
    assert [beacon.get(path)[0], beacon.post(path)[0]] == [200, 200]


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.path)
@pytest.mark.parametrize("granularity", ["boolean", "count", "record"])
def test_entries_and_what_they_list_in_test_mode(beacon: Client, kind: Any, granularity: str) -> None:
    one = f"/{kind.path}/{IDS[kind.entry]}"
    paths = [f"/{kind.path}", one, *(f"{one}/{KINDS[other].path}" for other in kind.lists)]
    for path in paths:
        status, got = beacon.get(f"{path}?testMode=true&requestedGranularity={granularity}&limit=3")
        posted = beacon.post(
            path, {"testMode": True, "requestedGranularity": granularity, "pagination": {"limit": 3}}
        )
        assert (status, got) == posted
        assert (status, got["responseSummary"]["exists"]) == (200, True), path


@pytest.mark.parametrize("include", ["ALL", "HIT", "MISS", "NONE"])
def test_result_sets(beacon: Client, include: str) -> None:
    address = f"/biosamples?testMode=true&requestedGranularity=record&includeResultsetResponses={include}"
    assert beacon.get(f"{address}&filters=collection=blood")[0] == 200


def test_answers_of_a_node(beacon: Client) -> None:
    for kind in KINDS.values():
        for granularity in ("", "boolean", "count"):
            asked = f"?requestedGranularity={granularity}" if granularity else ""
            assert beacon.get(f"/{kind.path}{asked}")[0] == 200
        assert beacon.get(f"/{kind.path}/filtering_terms")[0] == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/genomicVariations", 404),
        ("/individuals/x/datasets", 404),
        ("/individuals?requestedGranularity=record", 401),
        ("/individuals?filters=ICD9:162", 400),
        ("/g_variants?aminoacidChange=V600E", 400),
        ("/datasets/none", 404),
    ],
)
def test_errors(beacon: Client, path: str, status: int) -> None:
    assert beacon.get(path)[0] == status


def test_refusals_and_small_answers(schemas: Schemas) -> None:
    assert client(Node(refusal=Refused("too often", 429)), schemas.check).get("/individuals")[0] == 429
    assert client(Node(Told(False)), schemas.check).get("/individuals?requestedGranularity=count")[0] == 200


# --- a node with records, and a visa ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NodeSource, str]]:
    """The invented study behind a Beacon, and the header of a visa for its first dataset."""
    node, hub = study(tmp_path_factory.mktemp("study") / "node")
    with node:
        clearing = Clearing(Trust(node.path / "visas"), DATASETS, node.clock)
        yield NodeSource(node, clearing), f"Bearer {hub.visa()}"


def advertised(beacon: Client) -> list[tuple[str, str]]:
    """(entry type, path) of every address that /map tells; ids as they stand there."""
    _, answer = beacon.get("/map")
    found = []
    for entry, about in answer["response"]["endpointSets"].items():
        base = about["rootUrl"].rpartition("/")[0]
        addresses = [about["rootUrl"], about["singleEntryUrl"]]
        addresses += [each["url"] for each in about["endpoints"].values()]
        found += [(entry, each.removeprefix(base)) for each in addresses]
        assert beacon.get(about["filteringTermsUrl"].removeprefix(base))[0] == 200
    return found


def test_all_that_is_advertised_answers_with_valid_records(
    schemas: Schemas, opened: tuple[NodeSource, str]
) -> None:
    source, visa = opened
    beacon = client(source, schemas.check)
    record = {"requestedGranularity": "record", "pagination": {"limit": 0}}
    ids: dict[str, str] = {Entry.VARIANT: "17-43045703-G-A", Entry.DATASET: "bb-1", Entry.COHORT: "lungs"}
    for entry in (Entry.BIOSAMPLE, Entry.RUN, Entry.ANALYSIS):
        query = record | (
            {"filters": [{"id": "sampleType", "operator": "=", "value": "DNA"}]}
            if entry is Entry.BIOSAMPLE
            else {}
        )
        _, answer = beacon.post(f"/{KINDS[entry].path}", query, authorization=visa)
        ids[entry] = answer["response"]["resultSets"][0]["results"][0]["id"]
        ids[Entry.INDIVIDUAL] = answer["response"]["resultSets"][0]["results"][0]["individualId"]
    paths = advertised(beacon)
    assert len(paths) == sum(2 + len(kind.lists) for kind in KINDS.values())
    _, told = beacon.get("/entry_types")
    assert told["response"]["entryTypes"].keys() == {kind for kind, _ in paths}
    for kind, path in paths:
        path = path.replace("{id}", ids[kind])
        status, got = beacon.get(f"{path}?requestedGranularity=record&limit=0", authorization=visa)
        assert (status, got) == beacon.post(path, record, authorization=visa)
        assert (status, got["meta"]["returnedGranularity"]) == (200, "record"), path
        assert (path, got["responseSummary"]["exists"]) == (path, True)
        assert schemas.entries(got) != [], path
        for granularity in ("boolean", "count"):
            status, got = beacon.get(f"{path}?requestedGranularity={granularity}")
            # Without a visa disclosure has a say: it answers, or refuses what would tell too much of a few carriers.
            assert status == 200 or (status == 403 and "g_variants" in path), path
        if KINDS[Entry(kind)].collection and path.count("/") < 3:
            continue  # datasets and cohorts are described to everybody
        assert beacon.get(f"{path}?requestedGranularity=record")[0] == 401


def test_how_many_documents_were_valid(schemas: Schemas, capsys: pytest.CaptureFixture[str]) -> None:
    """Last of the module: the counts of all of it."""
    told = f"{sum(schemas.valid.values())} documents valid against {len(schemas.valid)} schemas"
    with capsys.disabled():
        print(f"\nBeacon v2: {told}")  # noqa: T201
    answers = {
        "Boolean",
        "Collections",
        "Configuration",
        "Count",
        "EntryTypes",
        "Error",
        "FilteringTerms",
        "Info",
        "Map",
        "Resultsets",
    }
    expected = {f"framework/json/responses/beacon{name}Response.json" for name in answers}
    expected.add("framework/json/responses/ga4gh-service-info-1-0-0-schema.json")
    expected |= {
        f"models/json/beacon-v2-default-model/{kind.folder}/defaultSchema.json" for kind in KINDS.values()
    }
    assert set(schemas.valid) == expected
