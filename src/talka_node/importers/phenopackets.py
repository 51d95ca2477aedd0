"""Phenopackets v2 as JSON: one packet, a family or cohort of them, or a packet per line.

A packet's subject is a person; its diseases with ICD-10 codes, biosamples, LOINC measurements and ATC treatments become
rows. Ids inside a packet are made of its own id, so that a corrected packet takes its predecessor's place.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from talka_node.importers import feed, rows
from talka_node.importers.batch import Batch, Job, Refuse, Row, Told, settle

PREFIXES = {
    "ICD10": "diagnosis", "ICD-10": "diagnosis", "ICD10WHO": "diagnosis", "LOINC": "measurement", "ATC": "medication",
}  # fmt: skip
# What biosamples are called in UBERON.
SAMPLES = {
    "UBERON:0000178": "WholeBlood", "UBERON:0001969": "Plasma", "UBERON:0001977": "Serum", "UBERON:0001088": "Urine",
    "UBERON:0001836": "Saliva", "UBERON:0001359": "CerebrospinalFluid",
}  # fmt: skip


def file(job: Job, place: Path, offset: int, line: int) -> Iterator[Batch]:
    """A JSON document of at most 256 MB, or a packet per line. Packets count as lines."""
    if line:
        return
    with feed.opened(place) as source:
        text = source.read((256 << 20) + 1)
    if len(text) > 256 << 20:
        raise feed.Unreadable(1, "the file is larger than 256 MB: give several files")
    packets: list[tuple[Any, bytes]] = []
    try:
        whole = orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
        listed = whole if isinstance(whole, list) else [whole]
        for each in listed:
            family = [each.get("proband"), *each.get("relatives", ())] if "proband" in each else None
            inner = family or each.get("members", [each])
            packets += [(packet, orjson.dumps(packet)) for packet in inner if packet]
    except (orjson.JSONDecodeError, AttributeError, TypeError):
        for raw in text.splitlines():
            try:
                packets.append((orjson.loads(raw), raw))
            except orjson.JSONDecodeError as why:
                packets.append((Refuse("json", f"the packet is not JSON in UTF-8, or cut off: {why}"), raw))
    batch, told = Batch(1, len(packets), len(text)), list[tuple[int, Row | Told]]()
    for number, (packet, raw) in enumerate(packets, 1):
        try:
            if isinstance(packet, Refuse):
                raise packet
            found, faults = _read(packet, job)
            told += [(number, row) for row in found]
            for fault in faults:
                batch.refuse(number, fault, raw)
        except Refuse as why:
            batch.refuse(number, why, raw)
        except (AttributeError, TypeError, KeyError) as why:
            batch.refuse(
                number, Refuse("shape", f"the packet is not shaped as Phenopackets v2 say ({why})"), raw
            )
    settle(job, batch, told)
    yield batch


def _read(packet: dict[str, Any], job: Job) -> tuple[list[Row], list[Refuse]]:
    """The rows of a packet; and what in it could not be taken, which does not hold up the rest."""
    name, subject = packet.get("id"), packet.get("subject") or {}
    whose = subject.get("id")
    if not name or not whose:
        raise Refuse("id", "a packet needs an id, and a subject with an id")
    status = subject.get("vitalStatus") or {}
    donor = {
        "id": str(whose),
        "sex": str(subject.get("sex", "")).removesuffix("_SEX"),
        "born": str(subject.get("dateOfBirth") or ""),
        "died": str((status.get("timeOfDeath") or {}).get("timestamp") or ""),
    }
    found, faults = [rows.donor(donor, job)], list[Refuse]()
    born = found[0].values["born"] if found[0].values["born_known"] == "D" else None

    def on(element: Any) -> str:
        element = element or {}
        if moment := element.get("timestamp"):
            return str(moment)
        age = (element.get("age") or {}).get("iso8601duration")
        return (born + timedelta(days=_days(str(age)))).isoformat() if age and born else ""

    def add(kind: str, number: int, maker: Any, texts: dict[str, str]) -> None:
        try:
            found.append(maker({"id": f"{name}.{kind}{number}", "donor": str(whose), **texts}, job))
        except Refuse as why:
            faults.append(Refuse(why.kind, f"{kind} {number}: {why}"))

    for number, disease in enumerate(packet.get("diseases") or ()):
        prefix, code = _curie(disease.get("term"))
        if disease.get("excluded"):
            continue
        if PREFIXES.get(prefix) == "diagnosis":
            add("disease", number, rows.diagnosis, {"code": code, "on": on(disease.get("onset"))})
        else:
            faults.append(Refuse("code", f"disease {number}: its term must be of ICD10, as ICD10:C50.1 is"))
    for number, measured in enumerate(packet.get("measurements") or ()):
        prefix, code = _curie(measured.get("assay"))
        quantity = (measured.get("value") or {}).get("quantity") or {}
        if PREFIXES.get(prefix) == "measurement":
            _, unit = _curie(quantity.get("unit"))
            value = quantity.get("value")
            moment = on(measured.get("timeObserved"))
            told = {"code": code, "value": "" if value is None else repr(value), "unit": unit, "on": moment}
            add("measurement", number, rows.measurement, told)
        else:
            faults.append(
                Refuse("code", f"measurement {number}: its assay must be of LOINC, as LOINC:2345-7 is")
            )
    for number, action in enumerate(packet.get("medicalActions") or ()):
        prefix, code = _curie((action.get("treatment") or {}).get("agent"))
        if PREFIXES.get(prefix) == "medication":
            intervals = action["treatment"].get("doseIntervals") or [{}]
            start = str((intervals[0].get("interval") or {}).get("start") or "")
            add("medicalAction", number, rows.medication, {"code": code, "on": start})
    for number, sample in enumerate(packet.get("biosamples") or ()):
        kind = (
            (sample.get("sampleType") or {}).get("id") or (sample.get("sampledTissue") or {}).get("id") or ""
        )
        texts = {
            "id": str(sample.get("id") or ""),
            "type": SAMPLES.get(str(kind), str(kind).removeprefix("SNOMED:").removeprefix("SNOMEDCT:")),
            "type_system": "SNOMED" if str(kind).startswith("SNOMED") else "",
            "collected": on(sample.get("timeOfCollection")),
        }
        add("biosample", number, rows.specimen, texts)
    return found, faults


def _curie(term: Any) -> tuple[str, str]:
    prefix, _, code = str((term or {}).get("id") or "").partition(":")
    return prefix.upper() if code else "", code


def _days(duration: str) -> int:
    """About how many days an ISO 8601 duration of years, months, weeks and days is."""
    total, number = 0.0, ""
    for letter in duration.removeprefix("P").partition("T")[0]:
        if letter.isdigit() or letter == ".":
            number += letter
        else:
            total += float(number or 0) * {"Y": 365.2425, "M": 30.436875, "W": 7, "D": 1}.get(letter, 0)
            number = ""
    return int(total)


def looks_like(text: bytes) -> bool:
    """Whether the beginning of a JSON file is a phenopacket's rather than a FHIR resource's."""
    return b'"resourceType"' not in text and any(
        mark in text for mark in (b'"subject"', b'"proband"', b'"metaData"')
    )
