"""What the country writes is what a node takes in: nothing refused, the same facts in every format."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from talka_node.columns import Columns
from talka_node.importers import Manifest
from talka_node.node import Node
from talka_node.synth import Plan, columns, generate

pytestmark = pytest.mark.once

PLAN = Plan(persons=2000, biobanks=1, seed=11, variants=40, genotyped=0.5)
BANK = "LV-SYNTH-01"


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("round") / "country"
    generate(folder, PLAN)
    return folder


@pytest.fixture(scope="module")
def drawn() -> Columns:
    return columns(PLAN)[0]


def taken(country: Path, tmp_path: Path, *formats: str) -> tuple[Columns, Manifest, int]:
    """The facts of a new node after an import of these formats, the last manifest, and the consents in force."""
    Node.create(tmp_path / "node", "Izdomāta slimnīca")
    for name in ("policy.yaml", "catalogue.yaml"):
        shutil.copy(country / name, tmp_path / "node" / name)
    shutil.copytree(country / "forms", tmp_path / "node" / "forms", dirs_exist_ok=True)
    with Node(tmp_path / "node") as node:
        assert node.log.forms.problems == []
        for each in formats:
            chosen = "omop" if each == "omop" else None
            manifest = node.take([country / BANK / each], source=BANK, biobank=BANK, format=chosen)
            assert manifest.refused == {}, [str(refusal) for refusal in manifest.first_refusals]
        assert node.verify() == []
        in_force = sum(number > 0 for _, _, number in node.log.state.pairs())
        return node.store.columns(), manifest, in_force


def donors(facts: Columns) -> Counter[object]:
    return Counter((row.sex, row.born, row.died, row.region) for row in facts.records().donors)


def specimens(facts: Columns) -> Counter[object]:
    return Counter(
        (row.biobank, row.collection, row.type, row.collected, row.temperature, row.aliquots)
        for row in facts.records().specimens
    )


def codes(facts: Columns, table: str) -> Counter[object]:
    return Counter((row.code, row.on) for row in getattr(facts.records(), table))


def values(facts: Columns) -> Counter[object]:
    return Counter((row.code, row.on, f"{row.value:.6g}") for row in facts.records().measurements)


def test_fhir_tells_all(country: Path, drawn: Columns, tmp_path: Path) -> None:
    facts, _, in_force = taken(country, tmp_path, "fhir")
    assert specimens(facts) == specimens(drawn)
    for table in ("diagnoses", "medications", "procedures"):
        assert codes(facts, table) == codes(drawn, table), table
    assert values(facts) == values(drawn)
    assert Counter(row.cohort for row in facts.records().cohorts) == Counter(
        row.cohort for row in drawn.records().cohorts
    )
    assert len(facts.donors.donor) == PLAN.donor_count
    assert 0.7 < in_force / PLAN.donor_count < 0.98


def test_csv_and_vcf_tell_what_fhir_tells(country: Path, drawn: Columns, tmp_path: Path) -> None:
    facts, manifest, _ = taken(country, tmp_path, "csv", "vcf")
    assert specimens(facts) == specimens(drawn)
    assert codes(facts, "diagnoses") == codes(drawn, "diagnoses")
    assert len(facts.donors.donor) == PLAN.donor_count
    assert manifest.taken["genotypes"] == len(drawn.genotypes.copies)
    carried = Counter(facts.genotypes.copies.tolist())
    assert carried == Counter(drawn.genotypes.copies.tolist())
    assert set(facts.variants.gene.vocabulary) <= set(drawn.variants.gene.vocabulary)


def test_omop_tells_what_has_a_date(country: Path, drawn: Columns, tmp_path: Path) -> None:
    facts, _, in_force = taken(country, tmp_path, "omop")
    for table in ("diagnoses", "medications", "procedures"):
        dated = Counter({fact: n for fact, n in codes(drawn, table).items() if fact[1] is not None})  # type: ignore[index]
        assert codes(facts, table) == dated, table
    assert values(facts) == Counter({fact: n for fact, n in values(drawn).items() if fact[1] is not None})  # type: ignore[index]
    assert in_force == 0  # the model has no place for consents


def test_the_same_again_changes_nothing(country: Path, tmp_path: Path) -> None:
    facts, _, _ = taken(country, tmp_path, "fhir")
    with Node(tmp_path / "node") as node:
        again = node.take([country / BANK / "fhir"], source=BANK, biobank=BANK)
        assert again.taken == {}
        assert specimens(node.store.columns()) == specimens(facts)
        assert donors(node.store.columns()) == donors(facts)
