"""Genotypes of the sequenced donors: neighbouring sites go together, and most variants are rare.

Each chromosome copies from a few dozen ancestral ones and changes over to another now and then on the way, so that
variants which arose on one ancestor travel together over some ten thousand bases. On top lie private variants of
one to three carriers. Sites come one by one: what is held is which ancestor each chromosome is copying.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from talka_node.synth import lists
from talka_node.synth.country import Array, Plan

ANCESTORS = 48
SWITCH = 2e-5  # changes of ancestor per base: copied pieces are 50,000 bases long on average
PRIVATE = 0.6  # share of sites that only one to three chromosomes carry
BASES = "ACGT"


@dataclass(frozen=True, slots=True)
class Site:
    """A variant with the alleles of everybody: `alleles[2 i]` and `alleles[2 i + 1]` are of the i-th donor; 2 is one
    that could not be read."""

    chromosome: str
    position: int
    reference: str
    alternate: str
    gene: str | None
    alleles: Array


def sites(plan: Plan, donors: int) -> Iterator[Site]:
    """The variants in order of chromosome and position, for so many sequenced donors. None carried by nobody."""
    if not donors or not plan.variants:
        return
    rng = plan.random(3)
    weights = 1 / np.arange(1, ANCESTORS + 1) ** 0.8
    weights /= weights.sum()
    copying = np.zeros(2 * donors, np.int64)
    before = ("", 0)
    for chromosome, position, gene in _places(plan):
        if chromosome != before[0]:
            change = np.arange(2 * donors)
        else:
            change = np.flatnonzero(rng.random(2 * donors) < 1 - np.exp(-SWITCH * (position - before[1])))
        copying[change] = rng.choice(ANCESTORS, len(change), p=weights)
        before = chromosome, position
        if rng.random() < PRIVATE:
            alleles = np.zeros(2 * donors, np.int8)
            alleles[rng.integers(0, 2 * donors, rng.integers(1, 4))] = 1
        else:
            # How many ancestors carry it: mostly one.
            carriers = int(np.floor(np.exp(rng.random() * np.log(ANCESTORS / 2))))
            carried = np.zeros(ANCESTORS, np.int8)
            carried[rng.choice(ANCESTORS, carriers, replace=False)] = 1
            alleles = carried[copying]
        reference, alternate = _bases(rng)
        if not alleles.any():
            continue
        unread = np.flatnonzero(rng.random(donors) < 0.002)
        alleles[2 * unread] = alleles[2 * unread + 1] = 2
        yield Site(chromosome, position, reference, alternate, gene, alleles)


def _places(plan: Plan) -> list[tuple[str, int, str | None]]:
    """Positions, each once: two of three within genes, the others up to 100,000 bases beside them."""
    rng = plan.random(4)
    genes = list(lists.GENES.items())
    found: dict[tuple[str, int], str | None] = {}
    for number in rng.integers(0, len(genes), plan.variants).tolist():
        _, (chromosome, first, last) = genes[number]
        if rng.random() < 2 / 3:
            position = int(rng.integers(first, last + 1))
        else:
            position = int(rng.integers(first - 100_000, last + 100_001))
        found[chromosome, position] = _gene_at(chromosome, position)
    return [(*place, found[place]) for place in sorted(found, key=lambda place: (int(place[0]), place[1]))]


def _gene_at(chromosome: str, position: int) -> str | None:
    for name, (its, first, last) in lists.GENES.items():
        if its == chromosome and first <= position <= last:
            return name
    return None


def _bases(rng: np.random.Generator) -> tuple[str, str]:
    reference = BASES[rng.integers(4)]
    kind = rng.random()
    if kind < 0.05:  # an insertion
        return reference, reference + "".join(BASES[base] for base in rng.integers(0, 4, rng.integers(1, 6)))
    if kind < 0.10:  # a deletion
        return reference + "".join(BASES[base] for base in rng.integers(0, 4, rng.integers(1, 6))), reference
    return reference, BASES[(BASES.index(reference) + int(rng.integers(1, 4))) % 4]
