"""Test mode against arithmetic: the invented people are made by remainders, so every count can be worked out."""

from __future__ import annotations

from typing import Any

import pytest

from talka_node.beacon import Entry
from talka_node.beacon.synthetic import LEAST, PEOPLE, ROUNDING
from talka_node.beacon.tests.client import Client, Node, client

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def beacon() -> Client:
    return client(Node())


def count(beacon: Client, path: str) -> int | None:
    joint = "&" if "?" in path else "?"
    _, answer = beacon.get(f"{path}{joint}testMode=true&requestedGranularity=count")
    told: int | None = answer["responseSummary"].get("numTotalResults")
    return told


def records(beacon: Client, path: str) -> list[Any]:
    joint = "&" if "?" in path else "?"
    _, answer = beacon.get(f"{path}{joint}testMode=true&requestedGranularity=record&limit=0")
    return [each for one in answer["response"]["resultSets"] for each in one["results"]]


def rounded(number: int) -> int:
    return ROUNDING * round(number / ROUNDING) if number >= LEAST else 0


PERSONS = range(PEOPLE)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/individuals", PEOPLE),
        ("/individuals?filters=sex=male", sum(n % 2 for n in PERSONS)),
        ("/individuals?filters=ICD10:C00-C97", sum(n % 6 in (0, 1, 5) for n in PERSONS)),
        ("/individuals?filters=ICD10:C34,sex=male", 0),
        ("/individuals?filters=region=LV001", sum(n % 5 == 1 for n in PERSONS)),
        ("/individuals?filters=birthDate<1940", sum(n % 70 < 10 for n in PERSONS)),
        ("/individuals?filters=LOINC:718-7>=16 g/dL", sum(n % 60 >= 50 for n in PERSONS)),
        ("/individuals?filters=ATC:A10B", sum(n % 4 == 0 for n in PERSONS)),
        ("/cohorts/test-cohort/individuals", sum(n % 4 == 0 for n in PERSONS)),
        ("/datasets/test-blood/individuals", sum(n % 2 == 0 for n in PERSONS)),
        ("/biosamples", sum(1 + n % 2 for n in PERSONS)),
        ("/biosamples?filters=MIABIS:Serum",
         sum((n + k) % 4 == 0 for n in PERSONS for k in range(1 + n % 2))),
        ("/datasets/test-cancer/biosamples?filters=MIABIS:Serum",
         sum((n + k) % 4 == 0 for n in PERSONS if n % 2 for k in range(1 + n % 2))),
        ("/individuals?geneId=BRCA1", sum(n % 5 > 0 and n % 3 == 0 for n in PERSONS)),
        ("/g_variants/17-43045703-G-A/individuals?filters=GENO:0000136",
         sum(n % 5 > 0 and n % 3 == 0 and n % 2 for n in PERSONS)),
        ("/runs", sum(n % 5 > 0 for n in PERSONS)),
        ("/individuals?filters=birthDate=1930-01-01", 0),  # fewer than may be told
    ],
)  # fmt: skip
def test_counts(beacon: Client, path: str, expected: int) -> None:
    assert count(beacon, path) == rounded(expected)


def test_variants_are_not_counted(beacon: Client) -> None:
    assert count(beacon, "/g_variants?geneId=BRCA1") is None


def test_records_are_those_that_fit(beacon: Client) -> None:
    men = records(beacon, "/individuals?filters=sex=male")
    assert [each["id"] for each in men] == [f"test-{n}" for n in PERSONS if n % 2]
    serum = records(beacon, "/biosamples?filters=MIABIS:Serum,sex=male")
    assert {each["sampleOriginDetail"]["label"] for each in serum} == {"Serum"}
    assert [each["id"] for each in serum] == [
        f"sample-{n}-{k}" for n in PERSONS if n % 2 for k in range(2) if (n + k) % 4 == 0
    ]
    variants = records(beacon, "/g_variants?geneId=BRCA1&filters=sex=male")
    assert [each["variantInternalId"] for each in variants] == ["17-43045703-G-A"]
    assert {each["zygosity"]["label"] for each in variants[0]["caseLevelData"]} == {"homozygous"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/individuals/test-3", ["test-3"]),
        ("/individuals/test-3/biosamples", ["sample-3-0", "sample-3-1"]),
        ("/biosamples/sample-3-1", ["sample-3-1"]),
        ("/biosamples/sample-3-1/runs", ["run-3"]),
        ("/runs/run-3/analyses", ["analysis-3"]),
        ("/individuals/nobody", []),
    ],
)
def test_one_entry_and_what_belongs_to_it(beacon: Client, path: str, expected: list[str]) -> None:
    assert [each["id"] for each in records(beacon, path)] == expected


def test_pages_follow_each_other(beacon: Client) -> None:
    path = "/datasets/test-blood/individuals?testMode=true&requestedGranularity=record&limit=7"
    pages = [
        beacon.get(f"{path}&skip={skip}")[1]["response"]["resultSets"][0]["results"] for skip in range(18)
    ]
    assert [len(page) for page in pages] == [7] * 17 + [1]
    assert [each["id"] for page in pages for each in page] == [f"test-{n}" for n in PERSONS if n % 2 == 0]


def test_the_node_is_not_asked() -> None:
    node = Node()
    made = client(node)
    for kind in ("individuals", "biosamples", "g_variants"):
        status, answer = made.get(f"/{kind}?testMode=true")
        assert (status, answer["meta"]["testMode"]) == (200, True)
    assert (node.asked, node.pages) == ([], [])
    assert Entry.RUN not in node.about().keeps
