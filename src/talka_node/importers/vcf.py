"""Variants: VCF 4.x, packed or not. Carried alleles become genotypes; who carries none leaves no row.

Contigs lose their "chr" or RefSeq name; a file of another reference build than GRCh38 is refused as a whole, because
its positions would mean other places. Several alternates are parted, and what they share with the reference cut off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from talka_node.importers import feed
from talka_node.importers.batch import Batch, Job, Refuse

Ints = npt.NDArray[np.int32]

# GRCh38.p14, lengths of the chromosomes in bases.
LENGTHS = {
    "1": 248956422, "2": 242193529, "3": 198295559, "4": 190214555, "5": 181538259, "6": 170805979, "7": 159345973,
    "8": 145138636, "9": 138394717, "10": 133797422, "11": 135086622, "12": 133275309, "13": 114364328,
    "14": 107043718, "15": 101991189, "16": 90338345, "17": 83257441, "18": 80373285, "19": 58617616, "20": 64444167,
    "21": 46709983, "22": 50818468, "X": 156040895, "Y": 57227415, "MT": 16569,
}  # fmt: skip
GRCH38 = re.compile(
    r"grch38|hg38|hs38|\bb38\b|gca_000001405\.(1[5-9]|2\d)|gcf_000001405\.(2[6-9]|3\d|40)", re.IGNORECASE
)
OTHER = re.compile(r"grch3[67]|hg1[89]|hs37|\bb37\b|ncbi3[67]|human_g1k_v37|t2t|chm13|hs1\b", re.IGNORECASE)
GENOTYPES = 2_000_000  # of a batch


def chromosome(name: str) -> str | None:
    """1 to 22, X, Y or MT by any of its names; None for unplaced and alternate contigs."""
    bare = re.sub(r"^chr", "", name.strip(), flags=re.IGNORECASE).upper()
    if found := re.fullmatch(r"NC_0+(\d{1,2})\.\d+", bare):
        number = int(found[1])
        bare = {23: "X", 24: "Y"}.get(number, str(number))
    bare = {"M": "MT", "NC_012920.1": "MT", "23": "X", "24": "Y"}.get(bare, bare)
    return bare if bare in LENGTHS else None


def file(job: Job, place: Path, offset: int, line: int) -> Iterator[Batch]:
    """One VCF; samples are persons by their names. `options["reference"]` says the build where the file does not."""
    with feed.opened(place) as source:
        job.reading = source
        reader = _Reader(job, str(job.settings.options.get("reference", "")))
        batch, rows, number = Batch(line + 1, 0, line), 0, 0
        try:
            while raw := source.readline(feed.LONGEST_LINE):
                number += 1
                if len(raw) >= feed.LONGEST_LINE:
                    raise feed.Unreadable(number, f"the line is longer than {feed.LONGEST_LINE >> 20} MB")
                if raw.startswith(b"#"):
                    reader.header(raw, number)
                elif number > line and raw.strip():
                    try:
                        rows += reader.row(batch, number, raw)
                    except Refuse as why:
                        batch.refuse(number, why, raw)
                batch.lines, batch.end = max(0, number - batch.first + 1), max(number, line)
                if rows >= GENOTYPES:
                    yield reader.finished(batch)
                    batch, rows = Batch(number + 1, 0, number), 0
        except (EOFError, OSError) as why:
            if batch.lines > 0:
                yield reader.finished(batch)
            raise feed.Unreadable(
                number + 1, f"the archive is damaged or cut off here ({why}); send it again"
            ) from why
        if batch.lines > 0:
            yield reader.finished(batch)
        if reader.donors is None:
            raise feed.Unreadable(
                max(number, 1), "the line #CHROM is missing: it names the columns and the samples"
            )


class _Reader:
    def __init__(self, job: Job, reference: str) -> None:
        self.job = job
        self.build = reference
        self.donors: Ints | None = None  # a donor per sample
        self.known = job.known()
        self.seen: set[int] = set()  # variants of this file
        self.fresh: list[int] = []  # those of the batch

    def header(self, raw: bytes, number: int) -> None:
        text = raw.decode("utf-8", "replace").strip()
        if text.startswith(("##reference=", "##contig=", "##assembly=")):
            self._reference(text, number)
        elif text.startswith("#CHROM"):
            names = text.split("\t")[9:]
            if text.split("\t")[:5] != ["#CHROM", "POS", "ID", "REF", "ALT"]:
                raise feed.Unreadable(
                    number, "the columns of a VCF are #CHROM POS ID REF ALT QUAL FILTER INFO FORMAT …"
                )
            if not GRCH38.search(self.build):
                raise feed.Unreadable(
                    number,
                    "neither ##reference nor the lengths of ##contig tell the reference build: say that it is GRCh38",
                )
            if len(set(names)) != len(names):
                raise feed.Unreadable(number, "a sample is named twice in the line #CHROM")
            self.donors = np.array(self.job.resolver.numbers(self.job.settings.source, names), np.int32)

    def _reference(self, text: str, number: int) -> None:
        length = re.search(r"length=(\d+)", text)
        name = re.search(r"ID=([^,>]+)", text)
        if text.startswith("##contig=") and length and name and (contig := chromosome(name[1])):
            if int(length[1]) != LENGTHS[contig]:
                raise feed.Unreadable(
                    number,
                    f"contig {contig} has {length[1]} bases here and {LENGTHS[contig]} in GRCh38: lift the file over to"
                    " GRCh38 first",
                )
            self.build = self.build or "GRCh38"
        elif OTHER.search(text) and not GRCH38.search(text):
            raise feed.Unreadable(number, "the file's reference is not GRCh38: lift it over to GRCh38 first")
        elif GRCH38.search(text):
            self.build = "GRCh38"

    def row(self, batch: Batch, number: int, raw: bytes) -> int:
        """One site; how many genotypes it gave."""
        if self.donors is None:
            raise feed.Unreadable(number, "the line #CHROM is missing: it names the columns and the samples")
        parts = raw.rstrip(b"\r\n").split(b"\t", 9)
        if len(parts) < 8:
            raise Refuse("vcf", f"a site has at least 8 columns parted by tabs, this one has {len(parts)}")
        try:
            contig, place, _, reference, alternates, _, passed, info = (each.decode() for each in parts[:8])
        except UnicodeDecodeError:
            raise Refuse("encoding", "the line is not in UTF-8") from None
        name = chromosome(contig)
        if name is None:
            raise Refuse("contig", f"contig {contig[:40]!r} is none of 1 to 22, X, Y, MT of GRCh38")
        if not place.isdecimal() or not 1 <= int(place) <= LENGTHS[name]:
            raise Refuse("position", f"POS must be between 1 and {LENGTHS[name]} on {name} of GRCh38")
        if not re.fullmatch(r"[ACGTNacgtn]+", reference):
            raise Refuse("allele", "REF must be bases: A C G T N")
        if passed not in ("PASS", ".", ""):
            batch.unused["sites that did not pass a filter"] += 1
            return 0
        copies = self._copies(parts)
        gene, rows = _gene(info), 0
        for allele, alternate in enumerate(alternates.split(","), 1):
            if alternate in (".", "*") or not re.fullmatch(r"[ACGTNacgtn]+", alternate):
                if alternate != ".":
                    batch.unused["alleles that are not bases"] += 1
                continue
            variant = self._variant(
                batch, number, name, int(place), reference.upper(), alternate.upper(), gene
            )
            if variant in self.seen:
                raise Refuse(
                    "contradiction",
                    f"{name}:{place} {reference[:20]}>{alternate[:20]} stands twice in this file",
                )
            self.seen.add(variant)
            self.fresh.append(variant)
            if copies is None:
                continue
            carried = (copies == allele).sum(axis=1)
            who = np.flatnonzero(carried)
            columns = batch.rows.setdefault(
                "genotypes", {"variant": [], "donor": [], "copies": [], "line": []}
            )
            columns["variant"] += [variant] * len(who)
            columns["donor"] += self.donors[who].tolist()
            columns["copies"] += np.minimum(carried[who], 2).tolist()
            columns["line"] += [number] * len(who)
            rows += len(who)
        return rows

    def _copies(self, parts: list[bytes]) -> npt.NDArray[np.int16] | None:
        """Alleles of each sample: two columns, -1 where there is none or it is not known. None without genotypes."""
        assert self.donors is not None
        count = len(self.donors)
        if not count or len(parts) < 10:
            return None
        if parts[8].split(b":", 1)[0] != b"GT":
            return None
        calls = parts[9]
        if parts[8] == b"GT" and len(calls) == 4 * count - 1:
            table = np.frombuffer(calls + b"\t", np.uint8).reshape(count, 4)
            if (table[:, 3] == 9).all() and np.isin(table[:, 1], (47, 124)).all():
                alleles = table[:, [0, 2]].astype(np.int16) - 48  # digits; a dot becomes -2
                if (alleles < 10).all() and (alleles >= -2).all():
                    return alleles
        samples = calls.split(b"\t")
        if len(samples) != count:
            raise Refuse("vcf", f"the line has {len(samples)} samples, the header {count}")
        found = np.full((count, 2), -1, np.int16)
        for at, sample in enumerate(samples):
            for side, allele in enumerate(re.split(rb"[/|]", sample.split(b":", 1)[0])):
                if side > 1 or not (allele.isdigit() or allele == b"."):
                    raise Refuse("genotype", "GT must be one or two alleles, as 0/1, 1|1 or 1 are")
                found[at, side] = int(allele) if allele.isdigit() else -1
        return found

    def _variant(
        self, batch: Batch, line: int, name: str, place: int, reference: str, alternate: str, gene: str | None
    ) -> int:
        """The variant's number in the node, in its shortest form."""
        while len(reference) > 1 and len(alternate) > 1 and reference[-1] == alternate[-1]:
            reference, alternate = reference[:-1], alternate[:-1]
        while len(reference) > 1 and len(alternate) > 1 and reference[0] == alternate[0]:
            reference, alternate, place = reference[1:], alternate[1:], place + 1
        key = name, place, reference, alternate
        number = self.known.get(key)
        if number is None:
            number, self.job.variants = self.job.variants, self.job.variants + 1
            self.known[key] = number
            batch.add(
                "variants",
                line,
                {
                    "variant": number,
                    "chromosome": name,
                    "position": place,
                    "reference": reference,
                    "alternate": alternate,
                    "gene": gene,
                },
            )
        return number

    def finished(self, batch: Batch) -> Batch:
        """The batch, with those who once carried a variant of it and by this file do not any more."""
        batch.position = self.job.position()
        if self.donors is None:
            return batch
        columns = batch.rows.setdefault("genotypes", {"variant": [], "donor": [], "copies": [], "line": []})
        now = set(zip(columns["variant"], columns["donor"], strict=True))
        mine = set(self.donors.tolist())
        for variant, donor in self.job.carriers(sorted(self.fresh)):
            if donor in mine and (variant, donor) not in now:
                columns["variant"].append(variant)
                columns["donor"].append(donor)
                columns["copies"].append(0)
                columns["line"].append(batch.first)
        self.fresh = []
        return batch


def _gene(info: str) -> str | None:
    """The HGNC symbol that INFO names: GENE, GENEINFO ("BRCA1:672"), or the first of ANN's fourth field."""
    for item in info.split(";"):
        name, _, value = item.partition("=")
        if name in ("GENE", "SYMBOL") and value not in ("", "."):
            return value.split(",")[0][:40]
        if name == "GENEINFO" and value:
            return value.split(":")[0][:40]
        if name == "ANN" and len(parts := value.split("|")) > 3 and parts[3]:
            return parts[3][:40]
    return None
