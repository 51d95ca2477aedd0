"""How fast a holder's files come into a node: FHIR to columns beside other ways of reading it, and whole imports.

python -m benchmarks.node_import [--persons 60000] [--growth 4] [--json]

Lines a second of CPU time, on one thread, so that figures are per core; the best of three runs. The same files are read
by the importer, by DuckDB's reader alone (the limit: no rule is checked, no donor found, no unit converted), by a plain
loop over orjson that takes out the same fields and checks nothing, and by fhir.resources (R4B; a sample), which gives
objects and no columns. One file per kind is what systems export and `synth` writes; "all kinds in one" has longer lines
of four kinds in turn. Whole imports end with a node that answers: segments durable, rows checked against each other,
consents recorded, index built. Growth is how many times a line's cost grows as the data do.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from talka_node import synth
from talka_node.codes import samples
from talka_node.codes.units import Kept
from talka_node.importers import fhir
from talka_node.importers.batch import Job, Settings
from talka_node.importers.people import LocalResolver
from talka_node.node import Node
from talka_node.store import _connection

MIABIS = "https://fhir.bbmri-eric.eu"


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": "as the holder's system calls it"}]}


def lines(donors: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Per donor a Patient, ten Conditions, four Specimens and five Observations, about 0.7 KB each."""
    draw = random.Random(seed)
    types = sorted(samples.BY_CODE)

    def day(first: int, last: int) -> str:
        return (date(first, 1, 1) + timedelta(days=draw.randrange(365 * (last - first)))).isoformat()

    def base(kind: str, number: int, profile: str) -> dict[str, Any]:
        meta = {
            "versionId": "1",
            "lastUpdated": "2025-03-01T10:11:12.000+02:00",
            "profile": [f"{MIABIS}/StructureDefinition/{profile}"],
        }
        return {"resourceType": kind, "id": f"{kind[0].lower()}{number}", "meta": meta}

    fact = 0
    for number in range(donors):
        whose = {"subject": {"reference": f"Patient/p{number}"}}
        yield {
            **base("Patient", number, "miabis-sample-donor"),
            "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">donor</div>'},
            "identifier": [{"system": "urn:oid:1.3.6.1.4.1.0.1", "value": f"{draw.getrandbits(64):016x}"}],
            "active": True,
            "gender": draw.choice(["female", "male"]),
            "birthDate": day(1930, 2004),
            "address": [{"country": "LV", "state": f"LV00{draw.randrange(5)}"}],
        }
        for _ in range(10):
            fact += 1
            code = f"{draw.choice('ABCDEFGHIJKLMN')}{draw.randrange(100):02}.{draw.randrange(10)}"
            yield {
                **base("Condition", fact, "miabis-condition"),
                "clinicalStatus": coded("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
                "verificationStatus": coded(
                    "http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"
                ),
                "code": coded("http://hl7.org/fhir/sid/icd-10", code),
                **whose,
                "encounter": {"reference": f"Encounter/e{fact}"},
                "onsetDateTime": day(2005, 2025),
                "recordedDate": "2025-02-03",
            }
        for _ in range(4):
            fact += 1
            yield {
                **base("Specimen", fact, "miabis-sample"),
                "extension": [
                    {
                        "url": f"{MIABIS}/StructureDefinition/miabis-sample-collection-extension",
                        "valueIdentifier": {"value": f"bbmri-eric:ID:LV_X:collection:{draw.randrange(9)}"},
                    }
                ],
                "identifier": [{"system": "urn:biobank:sample", "value": f"BB-{fact:09}"}],
                "status": "available",
                "type": coded(f"{MIABIS}/CodeSystem/miabis-detailed-samply-type-cs", draw.choice(types)),
                **whose,
                "collection": {"collectedDateTime": day(2010, 2025) + "T10:00:00+02:00"},
                "processing": [
                    {
                        "extension": [
                            {
                                "url": f"{MIABIS}/StructureDefinition/miabis-sample-storage-temperature-extension",
                                "valueCodeableConcept": {"coding": [{"code": "-60to-85"}]},
                            }
                        ]
                    }
                ],
            }
        for _ in range(5):
            fact += 1
            mass = draw.random() < 0.5
            unit, value = (
                ("mg/dL", draw.randrange(60, 300)) if mass else ("mmol/L", draw.randrange(30, 200) / 10)
            )
            yield {
                **base("Observation", fact, "laboratory"),
                "status": "final",
                "category": [
                    coded("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")
                ],
                "code": coded("http://loinc.org", "14749-6"),
                **whose,
                "effectiveDateTime": day(2010, 2025) + "T08:00:00+02:00",
                "valueQuantity": {
                    "value": value,
                    "unit": unit,
                    "system": "http://unitsofmeasure.org",
                    "code": unit,
                },
            }


KINDS = ("Patient", "Condition", "Observation", "Specimen", "MedicationStatement")


def importer(places: list[Path]) -> None:
    """To columns in memory: read, judged, donors found, units converted."""
    with tempfile.TemporaryDirectory() as folder, _connection() as link:
        link.execute("SET threads = 1")
        keys = Path(folder)
        job = Job(keys, link, Settings(datetime.now(UTC).date()), LocalResolver(keys), Kept(), b"\0" * 32)
        for place in places:
            for batch in fhir.lines(job, place, 0, 0):
                assert not batch.refused
                for table, selects in batch.selects.items():
                    link.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {' UNION ALL '.join(selects)}")


_CODING = "STRUCT(coding STRUCT(code VARCHAR)[])"
_FIELDS = {
    "resourceType": "VARCHAR", "id": "VARCHAR", "gender": "VARCHAR", "birthDate": "VARCHAR",
    "address": "STRUCT(state VARCHAR)[]", "subject": "STRUCT(reference VARCHAR)", "code": _CODING, "type": _CODING,
    "medicationCodeableConcept": _CODING, "onsetDateTime": "VARCHAR", "effectiveDateTime": "VARCHAR",
    "valueQuantity": 'STRUCT("value" DOUBLE, code VARCHAR)', "collection": "STRUCT(collectedDateTime VARCHAR)",
    "extension": 'STRUCT(valueIdentifier STRUCT("value" VARCHAR))[]',
    "processing": f"STRUCT(extension STRUCT(valueCodeableConcept {_CODING})[])[]",
}  # fmt: skip
_OF = {
    "Patient": "gender, birthDate, address[1].state",
    "Condition": "subject.reference, code.coding[1].code, onsetDateTime",
    "Observation": 'subject.reference, code.coding[1].code, effectiveDateTime, valueQuantity."value",'
    " valueQuantity.code",
    "Specimen": "subject.reference, type.coding[1].code, collection.collectedDateTime,"
    ' extension[1].valueIdentifier."value", processing[1].extension[1].valueCodeableConcept.coding[1].code',
    "MedicationStatement": "subject.reference, medicationCodeableConcept.coding[1].code, effectiveDateTime",
}


def duckdb(places: list[Path]) -> None:
    """DuckDB's reader alone: the same fields, to columns."""
    with _connection() as link:
        link.execute("SET threads = 1")
        for place in places:
            told = _OF.get(place.stem) or ", ".join(_OF.values())
            shape = ", ".join(
                f"{name}: '{kind}'"
                for name, kind in _FIELDS.items()
                if name == "id" or name in told or place.stem not in _OF
            )
            select = f"SELECT id, {told} FROM read_json('{place}', format = 'newline_delimited', columns = {{{shape}}})"
            link.execute(f"CREATE OR REPLACE TEMP TABLE rows AS {select}")


NONE: dict[str, Any] = {}


def _temperature(told: dict[str, Any]) -> str:
    for step in told.get("processing", ()):
        return str(step["extension"][0]["valueCodeableConcept"]["coding"][0]["code"])
    return ""


def plain(places: list[Path]) -> None:
    """The plain loop: orjson, the same fields, columns of numbers."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    row: tuple[Any, ...]
    for place in places:
        with place.open("rb") as file:
            for line in file:
                told = orjson.loads(line)
                kind = told["resourceType"]
                if kind == "Patient":
                    row = (told["id"], told["gender"], told.get("birthDate", ""), told["address"][0]["state"])
                elif kind == "Condition":
                    coding = told["code"]["coding"][0]["code"]
                    row = (told["id"], told["subject"]["reference"], coding, told.get("onsetDateTime", ""))
                elif kind == "MedicationStatement":
                    coding = told["medicationCodeableConcept"]["coding"][0]["code"]
                    row = (
                        told["id"],
                        told["subject"]["reference"],
                        coding,
                        told.get("effectiveDateTime", ""),
                    )
                elif kind == "Specimen":
                    row = (
                        told["id"],
                        told["subject"]["reference"],
                        told["type"]["coding"][0]["code"],
                        told.get("collection", NONE).get("collectedDateTime", "")[:10],
                        told["extension"][0]["valueIdentifier"]["value"],
                        _temperature(told),
                    )
                else:
                    quantity = told.get("valueQuantity", NONE)
                    row = (
                        told["id"],
                        told["subject"]["reference"],
                        told["code"]["coding"][0]["code"],
                        told.get("effectiveDateTime", "")[:10],
                        quantity.get("value", nan),
                        quantity.get("code", ""),
                    )
                rows.setdefault(kind, []).append(row)
    for table in rows.values():
        for column in zip(*table, strict=True):
            if isinstance(column[0], str):
                numbers: dict[str, int] = {}
                np.array([numbers.setdefault(each, len(numbers)) for each in column], np.int32)
            else:
                np.array(column, np.float64)


def pydantic(places: list[Path], sample: int = 2000) -> tuple[int, Callable[[], None]] | None:
    """Reads a sample, of each file in proportion, by fhir.resources; None where it is not installed."""
    try:
        models = importlib.import_module("fhir.resources.R4B")
    except ImportError:
        return None
    counts = [_lines(place) for place in places]
    taken: list[bytes] = []
    for place, count in zip(places, counts, strict=True):
        with place.open("rb") as file:
            share = max(1, sample * count // sum(counts))
            taken += [line for line, _ in zip(file, range(share), strict=False)]

    def read() -> None:
        for line in taken:
            models.get_fhir_model_class(orjson.loads(line)["resourceType"]).model_validate_json(line)

    return len(taken), read


def _lines(place: Path) -> int:
    with place.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def seconds(run: Callable[[], object], times: int = 3) -> float:
    """CPU time of the process, the best of some runs."""
    best = float("inf")
    for _ in range(times):
        began = time.process_time()
        run()
        best = min(best, time.process_time() - began)
    return best


def readers(places: list[Path]) -> dict[str, float]:
    """Lines a second of CPU time, of each way of reading."""
    count = sum(map(_lines, places))
    found = {
        "importer": count / seconds(lambda: importer(places)),
        "DuckDB's reader alone": count / seconds(lambda: duckdb(places)),
        "plain orjson loop": count / seconds(lambda: plain(places)),
    }
    if sample := pydantic(places):
        found["fhir.resources"] = sample[0] / seconds(sample[1], 1)
    return found


def whole(country: Path, folder: Path) -> dict[str, dict[str, float]]:
    """Each format into a node of its own, until it answers; VCF into that of FHIR, whose donors it is about."""
    (bank,) = (each for each in country.iterdir() if each.is_dir() and each.name != "forms")
    found: dict[str, dict[str, float]] = {}
    for kind in ("fhir", "vcf", "omop", "csv"):
        place = folder / ("fhir" if kind == "vcf" else kind)
        if kind != "vcf":
            Node.create(place, "Izdomāta slimnīca")
            shutil.copytree(country / "forms", place / "forms", dirs_exist_ok=True)
        with Node(place) as node:
            began, cpu = time.monotonic(), time.process_time()
            manifest = node.take([bank / kind], source=bank.name, biobank=bank.name)
            took, cpu = time.monotonic() - began, time.process_time() - cpu
        assert not manifest.refused, manifest.refused
        found[kind] = {
            "lines": sum(each.lines for each in manifest.files),
            "rows": manifest.rows,
            "megabytes": sum(each.bytes for each in manifest.files) / 1e6,
            "seconds": took,
            "cpu_seconds": cpu,
        }
    return found


def measure(persons: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="talka-bench-") as name:
        folder = Path(name)
        synth.generate(folder / "country", synth.Plan(persons, 1, 1))
        (one_kind,) = (each / "fhir" for each in (folder / "country").glob("*/") if (each / "fhir").is_dir())
        places = [one_kind / f"{kind}.ndjson" for kind in KINDS]
        mixed = folder / "mixed.ndjson"
        with mixed.open("wb") as file:
            for each in lines(persons // 6):
                file.write(orjson.dumps(each) + b"\n")
        told: dict[str, Any] = {}
        for name, chosen in (
            *((place.stem, [place]) for place in places),
            ("these together", places),
            ("all kinds in one", [mixed]),
        ):
            count, size = sum(map(_lines, chosen)), sum(map(os.path.getsize, chosen))
            told[name] = {"lines": count, "bytes": size, "lines_per_cpu_second": readers(chosen)}
        return {"persons": persons, "to_columns": told, "whole": whole(folder / "country", folder)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--persons", type=int, default=60_000, help="in the larger country; one of ten is a donor"
    )
    parser.add_argument(
        "--growth", type=int, default=4, help="times that the larger country is the smaller one"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    small, large = (measure(persons) for persons in (options.persons // options.growth, options.persons))
    if options.json:
        print(json.dumps([small, large]))
        return
    print("FHIR to columns: lines a second of CPU time, and how many times as fast the importer is\n")
    print(f"{'':20} {'lines':>9} {'bytes':>6} {'importer':>10} {'growth':>7}", end="")
    print("".join(f"{name:>23}" for name in list(large["to_columns"]["Patient"]["lines_per_cpu_second"])[1:]))
    for name, told in large["to_columns"].items():
        ours, *others = told["lines_per_cpu_second"].values()
        growth = small["to_columns"][name]["lines_per_cpu_second"]["importer"] / ours
        print(
            f"{name:20} {told['lines']:9,} {told['bytes'] / told['lines']:6.0f} {ours:10,.0f} {growth:7.2f}"
            + "".join(f"{other:14,.0f} {ours / other:6.1f} ×" for other in others)
        )
    print("\nWhole imports, until the node answers\n")
    print(
        f"{'':6} {'lines':>9} {'rows':>10} {'MB':>7} {'seconds':>8} {'lines/s':>9} {'rows/s':>9} {'growth':>7}"
    )
    for kind, told in large["whole"].items():
        before = small["whole"][kind]
        growth = (told["seconds"] / told["lines"]) / (before["seconds"] / before["lines"])
        print(
            f"{kind:6} {told['lines']:9,} {told['rows']:10,} {told['megabytes']:7.1f} {told['seconds']:8.2f}"
            f" {told['lines'] / told['seconds']:9,.0f} {told['rows'] / told['seconds']:9,.0f} {growth:7.2f}"
        )


if __name__ == "__main__":
    main()
