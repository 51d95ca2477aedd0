"""How fast FHIR lines become columns: the importer, against a plain loop over orjson and, if installed, fhir.resources.

python -m benchmarks.node_import [--donors 20000] [--json]

Lines a second of CPU time, so that figures are per core; the best of three runs. The plain loop takes the same fields
out and checks nothing. "whole import" adds what that loop has no counterpart of: durable segments, checks over all
rows, the signed manifest.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from talka_node.codes import samples
from talka_node.codes.units import Kept
from talka_node.importers import fhir, import_files
from talka_node.importers.batch import Job, Settings
from talka_node.importers.people import LocalResolver
from talka_node.store import Store, _connection

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


def importer(place: Path) -> None:
    """To columns in memory: read, judged, donors found, units converted."""
    with tempfile.TemporaryDirectory() as folder, _connection() as link:
        link.execute("SET threads = 1")
        job = Job(
            Path(folder),
            link,
            Settings(datetime.now(UTC).date()),
            LocalResolver(Path(folder)),
            Kept(),
            b"\0" * 32,
        )
        for batch in fhir.lines(job, place, 0, 0):
            assert not batch.refused
            for table, selects in batch.selects.items():
                link.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {' UNION ALL '.join(selects)}")


def whole(place: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        import_files(Store.create(Path(folder) / "node").path, [place])


def plain(place: Path) -> None:
    """The plain loop: orjson, the same fields, columns of numbers."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    row: tuple[Any, ...]
    with place.open("rb") as file:
        for line in file:
            told = orjson.loads(line)
            kind = told["resourceType"]
            if kind == "Patient":
                row = (told["id"], told["gender"], told["birthDate"], told["address"][0]["state"])
            elif kind == "Condition":
                coding = told["code"]["coding"][0]["code"]
                row = (told["id"], told["subject"]["reference"], coding, told["onsetDateTime"])
            elif kind == "Specimen":
                row = (
                    told["id"],
                    told["subject"]["reference"],
                    told["type"]["coding"][0]["code"],
                    told["collection"]["collectedDateTime"][:10],
                    told["extension"][0]["valueIdentifier"]["value"],
                    told["processing"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"],
                )
            else:
                quantity = told["valueQuantity"]
                row = (
                    told["id"],
                    told["subject"]["reference"],
                    told["code"]["coding"][0]["code"],
                    told["effectiveDateTime"][:10],
                    quantity["value"],
                    quantity["code"],
                )
            rows.setdefault(kind, []).append(row)
    for table in rows.values():
        for column in zip(*table, strict=True):
            if isinstance(column[0], str):
                numbers: dict[str, int] = {}
                np.array([numbers.setdefault(each, len(numbers)) for each in column], np.int32)
            else:
                np.array(column, np.float64)


def pydantic(place: Path) -> Callable[[], int] | None:
    """Reads a sample of 2,000 lines by fhir.resources; None where it is not installed."""
    try:
        models = importlib.import_module("fhir.resources.R4B")
    except ImportError:
        return None
    with place.open("rb") as file:
        taken = [line for line, _ in zip(file, range(2000), strict=False)]

    def read() -> int:
        for line in taken:
            models.get_fhir_model_class(orjson.loads(line)["resourceType"]).model_validate_json(line)
        return len(taken)

    return read


def rate(count: int, run: Callable[[], object], times: int = 3) -> float:
    """Lines a second of CPU time, the best of some runs."""
    best = float("inf")
    for _ in range(times):
        began = time.process_time()
        run()
        best = min(best, time.process_time() - began)
    return count / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--donors", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talka-bench-") as folder:
        place = Path(folder, "all.ndjson")
        with place.open("wb") as file:
            count = sum(bool(file.write(orjson.dumps(each) + b"\n")) for each in lines(options.donors))
        size = place.stat().st_size
        figures: dict[str, float] = {
            "importer, to columns": rate(count, lambda: importer(place)),
            "whole import": rate(count, lambda: whole(place)),
            "plain orjson loop": rate(count, lambda: plain(place)),
        }
        if read := pydantic(place):
            figures["fhir.resources"] = rate(2000, read, 1)
    if options.json:
        print(json.dumps({"lines": count, "bytes": size, "lines_per_cpu_second": figures}))
        return
    print(f"{count} lines of {size / count:.0f} bytes; lines a second of CPU time\n")
    ours = figures["importer, to columns"]
    for name, figure in figures.items():
        print(f"{name:24} {figure:12,.0f} {size / count * figure / 1e6:8.0f} MB/s {ours / figure:8.1f} ×")


if __name__ == "__main__":
    main()
