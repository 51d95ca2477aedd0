"""The synthetic country as columns, without writing and reading files: for measurements at the size of a real country.

The same donors with the same facts as `generate` writes, but for what an import changes: all units are the first of
their test, and donors keep the country's numbers.
"""

from __future__ import annotations

import numpy as np

from talka_node.columns import (
    CohortColumns,
    Columns,
    DonorColumns,
    FactColumns,
    GenotypeColumns,
    MeasurementColumns,
    SpecimenColumns,
    VariantColumns,
    Words,
)
from talka_node.synth import genome, lists
from talka_node.synth.country import CODES, Array, Plan, Table, bank_names, draw, sequenced

# SEXES of columns has "other" before "unknown".
_SEX = np.array([0, 1, 3], np.int8)
_FACTOR = np.array([1 / (test.alternative or ("", 1.0))[1] for test in CODES.tests])


def columns(plan: Plan) -> tuple[Columns, Table]:
    """All facts of the country, and the consents signed: the table of members, see `country.Chunk`."""
    chunks = list(draw(plan))
    tables = {
        name: {
            column: np.concatenate([chunk.tables()[name][column] for chunk in chunks])
            for column in chunks[0].tables()[name]
        }
        for name in chunks[0].tables()
    }
    del chunks
    persons, specimens, tests = tables["persons"], tables["specimens"], tables["measurements"]
    banks = bank_names(plan)
    collections = [f"{bank}:collection:{name}" for bank in banks for name in lists.COLLECTIONS]
    collection = specimens["biobank"].astype(np.int32) * len(lists.COLLECTIONS) + specimens["collection"]
    factor = np.where(tests["alternative"], _FACTOR[tests["test"]], 1.0)
    found = Columns(
        donors=DonorColumns(
            persons["donor"], _SEX[persons["sex"]], persons["born"], persons["died"],
            _words(persons["region"], CODES.regions.tolist()),
        ),
        specimens=SpecimenColumns(
            specimens["donor"],
            _words(specimens["biobank"], banks),
            _words(collection, collections),
            _words(specimens["kind"], CODES.kinds.tolist()),
            specimens["collected"],
            _words(specimens["temperature"], CODES.temperatures.tolist()),
            specimens["aliquots"].astype(np.int32),
        ),
        diagnoses=_facts(tables["diagnoses"], CODES.diagnoses.tolist()),
        measurements=MeasurementColumns(
            tests["donor"], _words(tests["test"], CODES.loinc.tolist()), tests["value"] * factor, tests["on"]
        ),
        medications=_facts(tables["medications"], CODES.medications.tolist()),
        procedures=_facts(tables["procedures"], CODES.procedures.tolist()),
        cohorts=CohortColumns(
            tables["cohorts"]["donor"], _words(tables["cohorts"]["cohort"], list(lists.COHORTS))
        ),
    )  # fmt: skip
    found.variants, found.genotypes = _genes(plan, tables["members"])
    return found, tables["members"]


def _facts(table: Table, vocabulary: list[str]) -> FactColumns:
    return FactColumns(table["donor"], _words(table["code"], vocabulary), table["on"])


def _words(codes: Array, vocabulary: list[str]) -> Words:
    """Places in a vocabulary in any order, with repetitions, as places in the sorted one; -1 stays."""
    ordered = sorted(set(vocabulary))
    place = {word: number for number, word in enumerate(ordered)}
    to = np.array([*(place[word] for word in vocabulary), -1], np.int32)
    return Words(to[codes], ordered)


def _genes(plan: Plan, members: Table) -> tuple[VariantColumns, GenotypeColumns]:
    donors, _ = sequenced(plan, members)
    sites, variant, donor, copies = [], [], [], []
    for number, site in enumerate(genome.sites(plan, len(donors))):
        carried = (site.alleles[::2] == 1).astype(np.int8) + (site.alleles[1::2] == 1)
        who = np.flatnonzero(carried)
        sites.append((site.chromosome, site.position, site.reference, site.alternate, site.gene))
        variant.append(np.full(len(who), number, np.int32))
        donor.append(donors[who])
        copies.append(carried[who])
    if not sites:
        return VariantColumns(), GenotypeColumns()
    chromosome, position, reference, alternate, gene = zip(*sites, strict=True)
    return (
        VariantColumns(
            np.arange(len(sites), dtype=np.int32), Words.of(chromosome), np.array(position, np.int32),
            Words.of(reference), Words.of(alternate), Words.of(gene),
        ),
        GenotypeColumns(np.concatenate(variant), np.concatenate(donor), np.concatenate(copies)),
    )  # fmt: skip
