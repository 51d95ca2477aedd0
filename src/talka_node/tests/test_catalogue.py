from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from talka_node.catalogue import EMPTY, BadCatalogue, Catalogue, Organisation, Sequencing, read
from talka_query import check
from talka_query.nodes import (
    All,
    AskerKind,
    Criterion,
    Diagnosis,
    InCohort,
    LivesIn,
    Measurement,
    Medication,
    Purpose,
    Question,
    Specimen,
    Use,
    VariantIn,
)

pytestmark = pytest.mark.once

TOLD = """
organisation: {id: lv.example, name: Izdomāta slimnīca, url: "https://slimnica.example"}
beacon: lv.example.node
biobanks: {bb-1: Pirmā}
collections: {"bb-1:collection:plausas": Plaušas}
cohorts: {plausas: Plaušu pētījums}
regions: {LV006: Rīga, LV005: Latgale}
procedures: {"73761001": Kolonoskopija}
genes: [BRCA1, BRCA2]
measurements: {99999-1: mg/L}
datasets: https://slimnica.example/datasets/
access: https://slimnica.example/access
contact: mailto:anna@slimnica.example
uses: {"bb-1:collection:plausas": ["DUO:0000042"]}
sequencing: {"bb-1:collection:plausas": {date: 2024-01-15, analysed: 2024-02-15, pipeline: Izdomāta, strategy: WGS}}
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    path = tmp_path / "catalogue.yaml"
    path.write_text(TOLD, encoding="utf-8")
    return read(path, {"99999-2": "kg"})


def problems(catalogue: Catalogue, *such_that: Criterion) -> list[str]:
    purpose = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC, genetic=True)
    return list(map(str, check.problems(Question(purpose, All(such_that), date(2025, 12, 31)), catalogue)))


def test_what_is_published_may_be_asked_for(catalogue: Catalogue) -> None:
    assert catalogue.organisation == Organisation(
        "lv.example", "Izdomāta slimnīca", "https://slimnica.example"
    )
    asked = (
        Specimen(
            types=frozenset({"Serum"}),
            temperatures=frozenset({"LN"}),
            biobanks=frozenset({"bb-1"}),
            collections=frozenset({"bb-1:collection:plausas"}),
        ),
        InCohort("plausas"),
        LivesIn(frozenset({"LV006"})),
        Diagnosis(frozenset({"C34", "C00-C97", "II"})),
        Medication(frozenset({"A10BA02"})),
        Measurement("4548-4", low=6.5, unit="%"),
        Measurement("99999-1", low=1.0, unit="g/L"),
        VariantIn(gene="BRCA1"),
    )
    assert problems(catalogue, *asked) == []


@pytest.mark.parametrize(
    ("criterion", "told"),
    [
        (LivesIn(frozenset({"LV00"})), "'LV00' is no region that this node knows; did you mean"),
        (InCohort("plausa"), "did you mean plausas?"),
        (Specimen(types=frozenset({"serum"})), "did you mean Serum"),
        (Diagnosis(frozenset({"C3"})), "C3"),
        (Medication(frozenset({"A1"})), "'A1' is no ATC code; "),
        (Measurement("99999-2", low=1.0, unit="kg"), "no measurement (LOINC) that this node knows"),
        (Measurement("4548-4", low=1.0, unit="km"), "such_that.of[0].unit: "),
        (VariantIn(gene="BRCA3"), "did you mean BRCA"),
        (VariantIn(chromosome="chr1", start=1, end=2), "is no chromosome that this node knows"),
    ],
)
def test_what_is_not_published_is_refused_with_the_nearest(
    catalogue: Catalogue, criterion: Criterion, told: str
) -> None:
    [found] = problems(catalogue, criterion)
    assert told in found


def test_values_come_in_the_node_s_units(catalogue: Catalogue) -> None:
    asked = Question(
        Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC),
        Measurement("99999-1", low=0.5, unit="g/L"),
        date(2025, 12, 31),
    )
    assert check.converted(asked, catalogue).such_that == Measurement("99999-1", low=500.0, unit="mg/L")


def test_without_a_file_nothing_of_one_s_own_is_published(tmp_path: Path) -> None:
    found = read(tmp_path / "catalogue.yaml")
    assert (found.biobanks, found.regions, found.cohorts, found.genes) == (frozenset(),) * 4
    assert "Serum" in found.types


def test_the_empty_one_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(EMPTY, encoding="utf-8")
    assert read(path) == Catalogue()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "catalogue.yaml: a mapping is meant, of organisation, beacon"),
        ("biobank: {}", "catalogue.yaml: there is no biobank; what can be told is organisation"),
        ("biobanks: [a]", "catalogue.yaml: biobanks is a mapping, from codes to names"),
        ("organisation: {title: x}", "catalogue.yaml: organisation has no title; it has id, name, url"),
        ("genes: BRCA1", "catalogue.yaml: genes is a list of HGNC symbols"),
        ("access: slimnica", "catalogue.yaml: access is an address that begins with https:// or mailto:"),
        ("datasets: bb", "catalogue.yaml: datasets is an address that begins with https:// or urn:"),
        ("uses: {bb: []}", "catalogue.yaml: uses speaks of bb, which is none of the collections"),
        (
            "collections: {bb: B}\nuses: {bb: [GRU]}",
            "catalogue.yaml: uses of bb is a list of codes such as DUO:0000042",
        ),
        (
            "collections: {bb: B}\nsequencing: {bb: {date: 2024-01-15}}",
            "catalogue.yaml: sequencing of bb lacks analysed, pipeline",
        ),
        (
            "collections: {bb: B}\nsequencing: {bb: {date: soon, analysed: x, pipeline: p}}",
            "catalogue.yaml: sequencing of bb: date is a day, as 2024-01-15",
        ),
        (
            "collections: {bb: B}\nsequencing: {bb: {lens: 1}}",
            (
                "catalogue.yaml: sequencing of bb has no lens; it has date, analysed, pipeline, strategy, platform,"
                " aligner, caller"
            ),
        ),
        ("beacon: 2024-13-15", "catalogue.yaml: not YAML in UTF-8"),
        ("biobanks: {", "catalogue.yaml: not YAML in UTF-8"),
    ],
)
def test_what_is_no_catalogue(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadCatalogue) as error:
        read(path)
    assert str(error.value).startswith(told)


def test_what_the_beacon_says_of_collections(catalogue: Catalogue) -> None:
    plausas = "bb-1:collection:plausas"
    assert (catalogue.datasets, catalogue.access, catalogue.contact) == (
        "https://slimnica.example/datasets/",
        "https://slimnica.example/access",
        "mailto:anna@slimnica.example",
    )
    assert catalogue.uses == {plausas: ("DUO:0000042",)}
    assert catalogue.sequencing == {plausas: Sequencing("2024-01-15", "2024-02-15", "Izdomāta", "WGS")}
