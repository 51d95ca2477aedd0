"""The parameters of a variant query to a criterion. Beacon counts positions from 0, the end left out; the node from 1.

Sequence, range and gene queries are answered, and the short form of an exact substitution. What the node does not keep
(protein changes, structural variants and their lengths) is refused rather than answered with less than was asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from talka_node.beacon.request import BadRequest
from talka_query.nodes import Variant, VariantIn

# Versions of the RefSeq accessions NC_0000nn of GRCh38, chromosomes 1 to 22, X and Y. Source: NCBI, assembly GRCh38.
_VERSIONS = (11, 12, 12, 12, 10, 12, 14, 11, 12, 11, 10, 12, 11, 9, 10, 10, 11, 10, 10, 11, 9, 11, 11, 10)
CHROMOSOMES = (*(str(number) for number in range(1, 23)), "X", "Y", "MT")
ACCESSIONS = {
    f"NC_{number:06d}.{version}": CHROMOSOMES[number - 1] for number, version in enumerate(_VERSIONS, 1)
} | {"NC_012920.1": "MT"}
_BY_CHROMOSOME = {name: accession for accession, name in ACCESSIONS.items()}
ASSEMBLIES = frozenset({"grch38", "hg38"})
LONGEST = 2_000_000  # bases of a range

_BASES = re.compile(r"[ACGT]{1,1000}")
_SHORT = re.compile(r"([^:]+):g\.([0-9]{1,9})([ACGT]+)>([ACGT]+)")
_ID = re.compile(r"([0-9XYMT]{1,2})-([0-9]{1,9})-([ACGT]+)-([ACGT]+)")

NOT_KEPT = {
    "aminoacidChange": "this node keeps variants by their bases and knows no protein changes; ask by position or gene",
    "variantType": "this node keeps exact alleles, without types; ask by referenceBases and alternateBases, or a range",
    "variantMinLength": "this node does not look for variants by length",
    "variantMaxLength": "this node does not look for variants by length",
    "mateName": "this node keeps no breakends",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A chromosome and its RefSeq accession in GRCh38."""

    chromosome: str

    @property
    def accession(self) -> str:
        return _BY_CHROMOSOME[self.chromosome]


def criterion(parameters: Mapping[str, Any]) -> Variant | VariantIn | None:
    """What the parameters ask for; None if there are none. Raises BadRequest."""
    if not parameters:
        return None
    for name, why in NOT_KEPT.items():
        if name in parameters:
            raise BadRequest(f"{name}: {why}")
    assembly = parameters.get("assemblyId", "GRCh38")
    if re.split(r"\.p", assembly)[0].lower() not in ASSEMBLIES:
        raise BadRequest("assemblyId: this node counts positions on GRCh38")
    if (short := parameters.get("genomicAlleleShortForm")) is not None:
        return _short(short, parameters)
    start, end = parameters.get("start", []), parameters.get("end", [])
    if len(start) > 1 or len(end) > 1:
        raise BadRequest(
            "start, end: two positions each ask for structural variants with fuzzy ends, of which this node keeps none"
        )
    bases = [name for name in ("referenceBases", "alternateBases") if name in parameters]
    gene = parameters.get("geneId")
    if "referenceName" not in parameters:
        if gene is None or start or end or bases:
            raise BadRequest(
                "referenceName is missing; right is a chromosome such as 17, chr17 or NC_000017.11"
            )
        return VariantIn(gene=gene)
    chromosome = place(parameters["referenceName"]).chromosome
    if bases:
        return _exact(chromosome, parameters, bool(end), gene)
    if not start and not end:
        return VariantIn(gene=gene, chromosome=chromosome)
    if not start or not end:
        raise BadRequest(
            "a range has start and end; an exact variant has start, referenceBases and alternateBases"
        )
    first, last = start[0] + 1, end[0]
    if last < first:
        raise BadRequest("end: lies behind start, which counts from 0 and is itself included; end is not")
    if last - first >= LONGEST:
        raise BadRequest(f"start, end: a range of at most {LONGEST} bases is right")
    return VariantIn(gene, chromosome, first, last)


def place(name: str) -> Place:
    """The chromosome of "17", "chr17", "NC_000017.11". Raises BadRequest."""
    bare = re.sub(r"^chr", "", name.strip(), flags=re.IGNORECASE).upper()
    bare = {"M": "MT", "23": "X", "24": "Y"}.get(bare, bare)
    found = bare if bare in CHROMOSOMES else ACCESSIONS.get(bare)
    if found is None:
        raise BadRequest("referenceName: a chromosome of GRCh38 is right, such as 17, chr17 or NC_000017.11")
    return Place(found)


def _exact(chromosome: str, parameters: Mapping[str, Any], ended: bool, gene: str | None) -> Variant:
    for name in ("start", "referenceBases", "alternateBases"):
        if not parameters.get(name):
            raise BadRequest(
                f"{name} is missing; an exact variant has start, referenceBases and alternateBases"
            )
    if ended or gene is not None:
        raise BadRequest(
            "an exact variant has neither end nor geneId; leave out the bases to ask for a range or gene"
        )
    return Variant(
        chromosome,
        parameters["start"][0] + 1,
        _bases(parameters["referenceBases"], "referenceBases"),
        _bases(parameters["alternateBases"], "alternateBases"),
    )


def _bases(text: str, name: str) -> str:
    if not _BASES.fullmatch(text.upper()):
        raise BadRequest(f"{name}: bases A, C, G, T as in a VCF are right; wildcards are not looked up")
    return text.upper()


def _short(text: str, parameters: Mapping[str, Any]) -> Variant:
    if parameters.keys() - {"genomicAlleleShortForm", "assemblyId"}:
        raise BadRequest(
            "genomicAlleleShortForm says all of a variant; the other parameters are to be left out"
        )
    found = _SHORT.fullmatch(text)
    if found is None:
        raise BadRequest(
            "genomicAlleleShortForm: a substitution is right, such as NC_000017.11:g.43045703G>A"
        )
    return Variant(place(found[1]).chromosome, int(found[2]), found[3], found[4])


# --- a variant's id -----------------------------------------------------------------------------------------


def id_of(variant: Variant) -> str:
    """The id under which the Beacon knows a variant: 17-43045703-G-A, the position from 1."""
    return f"{variant.chromosome}-{variant.position}-{variant.reference}-{variant.alternate}"


HOW_AN_ID_LOOKS = "the id of a variant is written as 17-43045703-G-A: chromosome, position from 1, bases"


def is_id(text: str) -> bool:
    found = _ID.fullmatch(text)
    return found is not None and found[1] in CHROMOSOMES


def of_id(text: str) -> Variant:
    """The variant of an id. Raises BadRequest."""
    found = _ID.fullmatch(text)
    if found is None or found[1] not in CHROMOSOMES:
        raise BadRequest(HOW_AN_ID_LOOKS, 404)
    return Variant(found[1], int(found[2]), found[3], found[4])
