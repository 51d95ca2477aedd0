"""HL7 version 2 messages of laboratories: ORU and OML, with their specimen (SPM) and consent (CON) segments.

A file holds one message after the other, each beginning with MSH, with or without a connection's framing bytes. A
result is known by its order (OBR-3, else OBR-2) and its code, so that a corrected one takes the earlier one's place.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

from talka_node.importers import feed, rows
from talka_node.importers.batch import PERSONAL_CODE_TYPES, Batch, Gone, Job, Refuse, Row, Told, settle
from talka_node.importers.fhir_plain import NOT_UNDERSTOOD

BATCH = 20_000  # messages
# HL7's own names of code systems, as `codes.samples` knows them.
SYSTEMS = {"HL70487": "HL7", "SCT": "SNOMED", "SNM": "SNOMED", "SPREC": "SPREC", "": ""}
DONE, TAKEN_BACK, NOT_YET = ("F", "C", "U", ""), ("D", "W", "X"), ("P", "I", "R", "S", "N", "O")


def file(job: Job, place: Path, offset: int, line: int) -> Iterator[Batch]:
    """Messages, of which each segment is a line. What is wrong in one segment does not hold up the others."""
    with feed.opened(place) as packed, io.TextIOWrapper(packed, "utf-8", errors="surrogateescape") as text:
        job.reading = packed
        batch, told, count = Batch(line + 1, 0, line), list[tuple[int, Row | Told]](), 0
        message: list[tuple[int, str]] = []
        number = 0
        while True:
            segment = text.readline(feed.LONGEST_LINE)
            if len(segment) >= feed.LONGEST_LINE:
                raise feed.Unreadable(number + 1, f"the segment is longer than {feed.LONGEST_LINE >> 20} MB")
            number += bool(segment)
            bare = segment.strip("\x0b\x1c\r\n ")
            if message and (not segment or bare.startswith("MSH")):
                _Message(job, batch, told, message)
                count += 1
                message = []
                batch.lines, batch.end = number - bool(segment) - batch.first + 1, number - bool(segment)
                if count >= BATCH or not segment:
                    batch.position = job.position()
                    settle(job, batch, told)
                    yield batch
                    batch, told, count = Batch(number, 0, number - 1), [], 0
            if not segment:
                return
            if number > line and bare:
                message.append((number, bare))


class _Message:
    """One message: its segments are read in their order, because OBX belong to the OBR before them."""

    def __init__(
        self, job: Job, batch: Batch, told: list[tuple[int, Row | Told]], segments: list[tuple[int, str]]
    ) -> None:
        self.job, self.batch, self.told = job, batch, told
        self.marks = "|^~\\&"
        self.person = self.facility = self.order = self.ordered = ""
        for line, text in segments:
            try:
                if any("\udc80" <= letter <= "\udcff" for letter in text):
                    raise Refuse("encoding", "the segment is not in UTF-8")
                self._segment(line, text)
            except Gone as why:
                batch.gone.append(why.source)
            except Refuse as why:
                batch.refuse(line, why, text.encode("utf-8", "surrogateescape"))

    def _segment(self, line: int, text: str) -> None:
        name = text[:3]
        if name == "MSH":
            if len(text) < 9:
                raise Refuse("hl7", "MSH is cut off: it begins with MSH|^~\\&")
            self.marks = text[3] + text[4:8]
            fields = ["MSH", text[3], *text.split(text[3])[1:]]
            self.facility = self.part(fields, 4)
            kind = self.part(fields, 9)
            if kind not in ("ORU", "OML", "OUL"):
                raise Refuse("hl7", f"messages {kind[:10]!r} are not read here; ORU, OML and OUL are")
            return
        reader = (
            getattr(self, f"_{name.lower()}", None) if name in ("PID", "OBR", "OBX", "SPM", "CON") else None
        )
        if reader is None:
            return
        fields = text.split(self.marks[0])
        if name != "PID" and not self.person:
            raise Refuse("subject", "no PID with an id stands before this segment: it says whose this is")
        for row in reader(fields):
            self.told.append((line, row))

    # --- fields -------------------------------------------------------------------------------------------

    def field(self, fields: list[str], number: int) -> str:
        return fields[number] if number < len(fields) else ""

    def part(self, fields: list[str], number: int, component: int = 1, repeat: int = 0) -> str:
        """A component of a field, of its first repetition."""
        repeats = self.field(fields, number).split(self.marks[2])
        parts = (repeats[repeat] if repeat < len(repeats) else "").split(self.marks[1])
        found = parts[component - 1] if component <= len(parts) else ""
        for letter, mark in zip(
            "FSRT", (self.marks[0], self.marks[1], self.marks[2], self.marks[4]), strict=True
        ):
            found = found.replace(f"{self.marks[3]}{letter}{self.marks[3]}", mark)
        return found.strip()

    def when(self, fields: list[str], number: int) -> str:
        """A time stamp, YYYY[MM[DD[HHMM…]]], as an ISO date."""
        found = re.match(r"(\d{4})(\d\d)?(\d\d)?", self.part(fields, number))
        return "-".join(each for each in found.groups() if each) if found else self.part(fields, number)

    # --- segments ---------------------------------------------------------------------------------------

    def _pid(self, fields: list[str]) -> Iterator[Row]:
        self.person, code = "", ""
        for repeat in range(self.field(fields, 3).count(self.marks[2]) + 1):
            value, kind = self.part(fields, 3, 1, repeat), self.part(fields, 3, 5, repeat)
            if kind in PERSONAL_CODE_TYPES:
                code = value
            elif not self.person:
                self.person = value
        self.person = self.person or code
        texts = {
            "id": self.person,
            "sex": self.part(fields, 8),
            "born": self.when(fields, 7),
            "died": self.when(fields, 29),
            "region": self.part(fields, 11, 4),
            "personal_code": code,
        }
        if not self.person:
            raise Refuse("subject", "PID-3 is empty: it is the id of the person")
        yield rows.donor(texts, self.job)

    def _obr(self, fields: list[str]) -> Iterator[Row]:
        self.order = self.part(fields, 3) or self.part(fields, 2)
        self.ordered = self.when(fields, 7)
        yield from ()

    def _obx(self, fields: list[str]) -> Iterator[Row]:
        code, status = self.part(fields, 3), self.part(fields, 11)
        if self.part(fields, 3, 3) != "LN":
            raise Refuse("code", "OBX-3 has no LOINC code (system LN): a measurement is kept by it")
        if not self.order:
            raise Refuse(
                "id", "no OBR with an order number stands before this OBX: results are told apart by it"
            )
        identity = ".".join(each for each in (self.order, code, self.part(fields, 4)) if each)
        if status in TAKEN_BACK:
            raise Gone(rows.key({"id": identity}, "Observation", self.job))
        if status in NOT_YET:
            self.batch.unused["results that are not final"] += 1
            return
        if status not in DONE:
            raise Refuse(
                "status", f"OBX-11 {status[:10]!r} is none of {', '.join((*DONE[:3], *TAKEN_BACK, *NOT_YET))}"
            )
        number = self.part(fields, 5) if self.part(fields, 2) == "NM" else ""
        texts = {
            "id": identity,
            "donor": self.person,
            "code": code,
            "value": number,
            "unit": self.part(fields, 6),
            "on": self.when(fields, 14) or self.ordered,
        }
        yield rows.measurement(texts, self.job)

    def _spm(self, fields: list[str]) -> Iterator[Row]:
        ids = self.part(fields, 2, 2) or self.part(fields, 2, 1)
        system = self.part(fields, 4, 3)
        texts = {
            "id": ids.split(self.marks[4])[0],
            "donor": self.person,
            "type": self.part(fields, 4),
            "type_system": SYSTEMS.get(system, system),
            "collected": self.when(fields, 17),
            "aliquots": self.part(fields, 26),
            "biobank": self.job.settings.biobank or self.facility,
        }
        yield rows.specimen(texts, self.job)

    def _con(self, fields: list[str]) -> Iterator[Told]:
        """CON-3 names form and version ("invented-broad:2"), CON-2 the boxes ticked, CON-11 tells whether it is active
        (A, L) or refused or rescinded (R, X). Limits in words (CON-9) are not understood, and so permit nothing.
        """
        status = self.part(fields, 11)
        if status in ("P", "B"):
            self.batch.unused["consents not given yet, or bypassed"] += 1
            return
        form, _, version = self.part(fields, 3).replace("|", ":").rpartition(":")
        signed = self.when(fields, 13)
        boxes = {
            self.part(fields, 2, 1, n): "x" for n in range(self.field(fields, 2).count(self.marks[2]) + 1)
        }
        boxes.pop("", None)
        if status == "L" or self.part(fields, 9):
            boxes[NOT_UNDERSTOOD] = "x"
        texts = {
            "id": self.part(fields, 4) or f"{self.person}.{signed}",
            "donor": self.person,
            "biobank": self.job.settings.biobank or self.facility,
            "form": form,
            "version": version,
            "on": signed,
            "by": "self" if self.part(fields, 25) in ("", "SEL") else "guardian",
            "since": self.when(fields, 14),
            "until": self.when(fields, 15),
        }
        if status in ("R", "X"):
            texts["withdrawn"] = signed
        elif status not in ("A", "L"):
            raise Refuse("status", f"CON-11 {status[:10]!r} is none of A, B, L, P, R, X")
        told = rows.consent(texts, self.job, boxes)
        yield from told[1:] if status in ("R", "X") else told
