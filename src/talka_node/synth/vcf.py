"""Variants as VCF 4.3, compressed in blocks as bgzip does, so that the usual tools can index it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from talka_node.synth import lists
from talka_node.synth.country import Array
from talka_node.synth.genome import Site

BLOCK = 0xFF00
_HEADER = struct.Struct("<4BI2BH2BHH")
_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


class Blocks:
    """A file of gzip members of at most 64 KB, each telling its own length (the BGZF of htslib)."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.waiting = bytearray()

    def write(self, data: bytes) -> None:
        self.waiting += data
        while len(self.waiting) >= BLOCK:
            self._block(bytes(self.waiting[:BLOCK]))
            del self.waiting[:BLOCK]

    def close(self) -> None:
        if self.waiting:
            self._block(bytes(self.waiting))
        self.file.write(_END)
        self.file.close()

    def _block(self, data: bytes) -> None:
        packer = zlib.compressobj(1, zlib.DEFLATED, -15)
        packed = packer.compress(data) + packer.flush()
        size = _HEADER.size + len(packed) + 8
        self.file.write(_HEADER.pack(31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, size - 1))
        self.file.write(packed + struct.pack("<II", zlib.crc32(data), len(data)))


def write(sites: Iterable[Site], files: Sequence[tuple[Path, Array, list[str]]]) -> int:
    """Writes each file with its donors (places among the sequenced, and names). Gives the genotypes written that
    carry the variant."""
    blocks = []
    for path, _, names in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        out = Blocks(path.open("wb"))
        out.write(header(names))
        blocks.append(out)
    carried = 0
    sign = np.frombuffer(b"01.", np.uint8)
    try:
        for number, site in enumerate(sites, 1):
            info = f"GENE={site.gene}" if site.gene else "."
            place = f"chr{site.chromosome}\t{site.position}\tsyn{number}"
            line = f"{place}\t{site.reference}\t{site.alternate}\t.\tPASS\t{info}\tGT"
            for out, (_, places, _) in zip(blocks, files, strict=True):
                one, two = site.alleles[2 * places], site.alleles[2 * places + 1]
                carried += int(((one == 1) | (two == 1)).sum())
                text = np.empty((len(places), 4), np.uint8)
                text[:, 0] = ord("\t")
                text[:, 1] = sign[one]
                text[:, 2] = ord("|")
                text[:, 3] = sign[two]
                out.write(line.encode() + text.tobytes() + b"\n")
    finally:
        for out in blocks:
            out.close()
    return carried


def header(names: list[str]) -> bytes:
    chromosomes = dict.fromkeys(chromosome for chromosome, _, _ in lists.GENES.values())
    return "\n".join(
        [
            "##fileformat=VCFv4.3",
            "##source=talka-node synth (invented data)",
            "##reference=GRCh38",
            *(
                f"##contig=<ID=chr{name},length={lists.LENGTHS[name]},assembly=GRCh38>"
                for name in chromosomes
            ),
            '##FILTER=<ID=PASS,Description="All filters passed">',
            '##INFO=<ID=GENE,Number=1,Type=String,Description="HGNC symbol of the gene that holds the position">',
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
            "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names]),
            "",
        ]
    ).encode()
