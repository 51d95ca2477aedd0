"""An invented study for tests of records: 30 women with diabetes, their samples, two variants, and a hub that grants.

Every third donor also has lung cancer, every second gave DNA; all have serum. Carriers of the first variant are those
whose number divides by 3, of the second by 5; who divides by 6 has two copies of the first.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from talka_node.node import Node
from talka_node.synth.fhir import MIABIS
from talka_node.tests.hospital import Clock, create, donors, take
from talka_node.visas import PermitClaim, Trust
from talka_node.visas.clearing import CLAIM
from talka_node.visas.tests.issuing import DATASETS, Issuing
from talka_query.nodes import AskerKind, Purpose, Use
from talka_query.permits import Permit

PEOPLE = 30
CATALOGUE = f"""
organisation: {{id: lv.example, name: Slimnīca, url: "https://slimnica.example"}}
beacon: lv.example.node
datasets: {DATASETS}
access: https://slimnica.example/access
biobanks: {{bb: Biobanka, other: Cita}}
collections: {{bb-1: Kolekcija, bb-2: Otra}}
cohorts: {{lungs: Plaušu pētījums}}
genes: [BRCA1]
uses: {{bb-1: ["DUO:0000042"]}}
sequencing:
  bb-1: {{date: 2024-01-15, analysed: 2024-02-15, pipeline: invented 1.0, strategy: WGS, platform: Invented}}
"""
GENETIC = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC, genetic=True)
ALL_KINDS = frozenset({"diagnosis", "sex", "specimen", "variant", "variant_in", "in_cohort"})
PERMIT = Permit("2026/1", "anna", date(2026, 1, 1), date(2026, 12, 31), frozenset({GENETIC}), ALL_KINDS)


def specimen(number: int, kind: str, collection: str, biobank: str = "bb") -> dict[str, Any]:
    return {
        "resourceType": "Specimen",
        "id": f"{kind}{number}",
        "identifier": [{"value": f"{kind}{number}"}],
        "extension": [
            {
                "url": f"{MIABIS}/StructureDefinition/miabis-sample-collection-extension",
                "valueIdentifier": {"value": collection},
            }
        ],
        "type": {"coding": [{"system": f"{MIABIS}/CodeSystem/miabis-detailed-samply-type-cs", "code": kind}]},
        "subject": {"reference": f"Patient/p{number}"},
        "collection": {"collectedDateTime": f"2020-01-{1 + number % 28:02d}"},
    }


def resources() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [*donors(0, PEOPLE)]
    for number in range(PEOPLE):
        found.append(specimen(number, "Serum", "bb-1" if number < 20 else "bb-2"))
        if number % 2 == 0:
            found.append(specimen(number, "DNA", "bb-1"))
        if number % 3 == 0:
            code = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "C34.1"}]}
            patient = {"reference": f"Patient/p{number}"}
            found.append(
                {"resourceType": "Condition", "id": f"c34-{number}", "subject": patient, "code": code,
                 "onsetDateTime": "2021-06-01"}
            )  # fmt: skip
    members = [{"entity": {"reference": f"Patient/p{number}"}} for number in range(0, PEOPLE, 3)]
    found.append(
        {"resourceType": "Group", "id": "lungs", "identifier": [{"value": "lungs"}], "type": "person", "actual": True,
         "member": members}
    )  # fmt: skip
    return found


def variants() -> str:
    head = "##fileformat=VCFv4.3\n##reference=GRCh38\n"
    names = "\t".join(f"p{number}" for number in range(PEOPLE))
    first = "\t".join("1/1" if n % 6 == 0 else "0/1" if n % 3 == 0 else "0/0" for n in range(PEOPLE))
    second = "\t".join("0/1" if n % 5 == 0 else "0/0" for n in range(PEOPLE))
    return (
        f"{head}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n"
        f"17\t43045703\t.\tG\tA\t.\tPASS\t.\tGT\t{first}\n1\t55039974\t.\tG\tT\t.\tPASS\t.\tGT\t{second}\n"
    )


def study(path: Path) -> tuple[Node, Issuing]:
    """The node, open, and the hub whose visas it takes."""
    create(path)
    (path / "catalogue.yaml").write_text(CATALOGUE, encoding="utf-8")
    node = Node(path, clock=Clock())
    take(node, resources())
    vcf = path.parent / "all.vcf"
    vcf.write_text(variants(), encoding="utf-8")
    node.take([vcf], biobank="bb", source="hospital")
    hub = Issuing()
    hub.trusted_by(Trust(path / "visas"))
    return node, hub


def permitting(**claim: Any) -> dict[str, Any]:
    """The claim of a visa under a permit; `permit` as it is in PERMIT unless given."""
    permit = claim.pop("permit", PERMIT)
    return {CLAIM: PermitClaim(permit, **claim).plain()}
