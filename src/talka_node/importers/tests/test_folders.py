"""Whole folders: data are recognised, what else lies there is passed over with a word, and nobody is two persons."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from talka_node import synth
from talka_node.disclosure import Region
from talka_node.importers import NotKnown
from talka_node.importers.manifest import Manifest
from talka_node.node import Node
from talka_node.tests import hospital

pytestmark = pytest.mark.once

BANK = "LV-SYNTH-01"
TABLES = {
    "donors",
    "specimens",
    "diagnoses",
    "measurements",
    "medications",
    "procedures",
    "cohorts",
    "genotypes",
}


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folders") / "country"
    synth.generate(folder, synth.Plan(1500, 1, 1, variants=40))
    return folder


@pytest.fixture
def node(tmp_path: Path, country: Path) -> Iterator[Node]:
    Node.create(tmp_path / "node", "Izdomāta slimnīca")
    for form in (country / "forms").iterdir():
        (tmp_path / "node" / "forms" / form.name).write_bytes(form.read_bytes())
    with Node(tmp_path / "node", clock=hospital.Clock()) as opened:
        yield opened


def taken(node: Node, *paths: Path, **more: Any) -> Manifest:
    manifest = node.take(list(paths), source=BANK, **more)
    assert manifest.refused == {}
    return manifest


def test_a_biobanks_folder_is_taken_as_one(node: Node, country: Path) -> None:
    """The same as its parts one by one: FHIR, CSV and VCF tell of the same persons; OMOP calls them otherwise."""
    manifest = taken(node, country / BANK)
    patients = (country / BANK / "fhir" / "Patient.ndjson").read_text(encoding="utf-8").splitlines()
    assert manifest.taken["donors"] == len(patients)
    assert {name for name, rows in manifest.taken.items() if rows} == TABLES | {"variants"}
    assert {each.format for each in manifest.files} == {"fhir-ndjson", "csv", "vcf"}
    [(name, why)] = manifest.passed_over.items()
    tables = len(list((country / BANK / "omop").iterdir()))
    assert name == f"omop/, {tables} tables of OMOP"
    assert why.startswith("their persons are told of by FHIR or CSV files here, under other ids")
    # Consents that FHIR and CSV spell differently are one.
    assert manifest.unused == {}
    parts = [taken(node, country / BANK / part) for part in ("fhir", "csv", "vcf")]
    assert [part.taken for part in parts] == [{}, {}, {}]
    assert node.verify() == []


def test_what_is_named_is_taken(node: Node, country: Path) -> None:
    manifest = taken(node, country / BANK / "omop", biobank=BANK)
    assert manifest.passed_over == {}
    assert manifest.taken["donors"] > 0


def test_a_country_without_its_biobanks_is_no_data(node: Node, country: Path, tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    for place in country.iterdir():
        if place.is_file():
            (top / place.name).write_bytes(place.read_bytes())
    with pytest.raises(NotKnown, match="nothing here is data: ") as told:
        node.take([top])
    assert set(re.findall(r"[a-z]+\.[a-z]+(?=: )", str(told.value))) == {
        "catalogue.yaml", "country.json", "policy.yaml", "register.csv",
    }  # fmt: skip


def test_what_is_no_data_is_passed_over_with_a_word(node: Node, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    (folder / "forms").mkdir(parents=True)
    (folder / ".hidden").write_text("x", encoding="utf-8")
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    (folder / "other.json").write_text("{}", encoding="utf-8")
    (folder / "freezers.csv").write_text("a,b\n", encoding="utf-8")
    (folder / "forms" / "broad-1.yaml").write_text("x", encoding="utf-8")
    rows = "".join(json.dumps(each) + "\n" for each in hospital.donors(0, 3))
    (folder / "all.ndjson").write_text(rows, encoding="utf-8")
    manifest = taken(node, folder, biobank="bb")
    assert {name: why.split(";")[0] for name, why in manifest.passed_over.items()} == {
        "forms/broad-1.yaml": "a consent form",
        "freezers.csv": "no entry of the mapping is for a file of this name",
        "notes.txt": "notes.txt: its name tells no format",
        "other.json": "JSON, but no FHIR resource and no phenopacket",
    }
    assert manifest.taken["donors"] == 3
    place = node.path / "imports" / f"{manifest.name}.json"
    assert Manifest.read(place).verify()
    place.write_text(place.read_text(encoding="utf-8").replace("notes.txt", "n.txt"), encoding="utf-8")
    [finding] = node.verify()
    assert finding == f"imports/{place.name} is not as this node signed it: restore it from a backup"


def test_a_folders_catalogue_is_taken_where_there_is_none(node: Node, country: Path, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "catalogue.yaml").write_bytes((country / "catalogue.yaml").read_bytes())
    rows = "".join(json.dumps(each) + "\n" for each in hospital.donors(0, 3))
    (folder / "all.ndjson").write_text(rows, encoding="utf-8")
    assert node.catalogue.biobanks == frozenset()
    manifest = taken(node, folder, biobank="bb")
    assert manifest.passed_over["catalogue.yaml"] == "taken: what the node publishes from now on"
    assert node.catalogue.biobanks == {BANK}
    (folder / "catalogue.yaml").write_text("biobanks: {other: Cita}\n", encoding="utf-8")
    assert taken(node, folder, biobank="bb").passed_over["catalogue.yaml"].startswith("what a node publishes")
    assert node.catalogue.biobanks == {BANK}


def test_sizes_of_regions_make_the_next_version_of_the_policy(node: Node) -> None:
    before = node.policy
    node.set_regions({"LV1": Region(40_000), "LV11": Region(5_000, "LV1")})
    assert node.policy.version == before.version + 1
    assert node.policy.dated == node.today()
    assert node.policy.region("LV11") == "LV1"
    assert node.policy.cells == before.cells
    node.close()
    with Node(node.path, clock=hospital.Clock()) as again:
        assert again.policy == node.policy
