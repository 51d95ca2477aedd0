"""Visas at the FHIR edge: what a GA4GH passport or visa opens, as a grant of one dataset.

Authorization: Bearer <token>      Talka-Dataset: bb-1, where the token opens several
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from starlette.requests import Request

from talka_node.beacon.answers import USUAL
from talka_node.extracts import Extract
from talka_node.fhir.access import ALL, Grant
from talka_node.fhir.faults import Fault
from talka_node.node import Node
from talka_node.visas import Clearing, Denied, Mask
from talka_node.visas import Grant as Opened
from talka_query import check
from talka_query.nodes import Question

# Columns of rows, as permits name them, and the elements that tell them.
ELEMENTS = {
    "donors.sex": ("Patient.gender",),
    "donors.born": ("Patient.birthDate",),
    "donors.died": ("Patient.deceasedDateTime",),
    "donors.region": ("Patient.address",),
    "specimens.collection": ("Specimen.extension",),
    "specimens.type": ("Specimen.type",),
    "specimens.collected": ("Specimen.collection",),
    "specimens.temperature": ("Specimen.processing",),
    "specimens.aliquots": ("Specimen.status", "Specimen.container"),
    "diagnoses.code": ("Condition.code", "Observation.valueCodeableConcept"),
    "diagnoses.on": ("Condition.onsetDateTime",),
    "measurements.code": ("Observation.code",),
    "measurements.value": ("Observation.valueQuantity",),
    "medications.code": ("MedicationStatement.medicationCodeableConcept",),
    "medications.on": ("MedicationStatement.effectiveDateTime",),
    "procedures.code": ("Procedure.code",),
    "procedures.on": ("Procedure.performedDateTime",),
}
_TABLES = ("diagnoses", "measurements", "medications", "procedures")


class Visas:
    """An Access. `clearing` judges the tokens."""

    def __init__(self, node: Node, clearing: Clearing) -> None:
        self.node, self.clearing = node, clearing

    def grant(self, request: Request) -> Grant | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or "." not in token:
            return None
        try:
            grants = self.clearing.admit(token.strip())
        except Denied as why:
            raise Fault(401, "login", str(why), "http.authorization") from None
        named = request.headers.get("talka-dataset", "")
        if not named and len(grants.datasets) > 1:
            listed = ", ".join(sorted(grants.datasets))
            raise Fault(
                400, "required", f"the visa opens several: name one of {listed}", "http.talka-dataset"
            )
        opened = grants.of(named or next(iter(grants.datasets)))
        if opened is None:
            raise Fault(403, "forbidden", "the visa does not open this dataset", "http.talka-dataset")
        if not opened.runs(self.node.today()):
            raise Fault(403, "forbidden", "the permit does not run today", "http.authorization")
        return self._granted(grants.holder, opened)

    def _granted(self, holder: str, opened: Opened) -> Grant:
        claim, mask = opened.claim, opened.mask
        project = claim.permit.permit if claim is not None else holder
        key = (self.node.path / "keys" / "disclosure.key").read_bytes()
        return Grant(
            who=holder,
            purpose=claim.stated if claim is not None else USUAL,
            secret=blake2b(project.encode(), key=key, digest_size=32, person=b"fhir ids").digest(),
            collections=frozenset({opened.dataset}),
            columns=columns(mask),
            donors=self._donors(opened),
            biobanks=mask.biobanks,
            diagnoses=mask.diagnoses,
            recent=mask.recent,
            observed=frozenset(each for each in ("measurements", "diagnoses") if mask.shows(each)),
        )

    def _donors(self, opened: Opened) -> Callable[[int], bool] | None:
        """The donors of the permit, by the engine."""
        claim, known = opened.claim, self.node.catalogue
        if claim is None or claim.such_that is None:
            return None
        question = Question(claim.stated, claim.such_that, self.node.today())
        if problems := check.problems(question, known):
            raise Fault(403, "forbidden", "; ".join(map(str, problems)), "http.authorization")
        with Extract(self.node, check.converted(question, known)) as extract:
            theirs = frozenset(map(int, extract.donors))
        return theirs.__contains__


def columns(mask: Mask) -> frozenset[str]:
    """The elements that a mask lets be seen; what a row is nothing without hides the rest of it too."""
    if mask.columns is None:
        return frozenset({ALL})
    seen = {
        element
        for column, elements in ELEMENTS.items()
        if mask.sees(column)
        and (column.partition(".")[0] not in _TABLES or mask.shows(column.partition(".")[0]))
        for element in elements
    }
    # Observations are of two tables, and their day is told by one element.
    shown = [each for each in ("measurements", "diagnoses") if mask.shows(each)]
    if shown and all(mask.sees(f"{each}.on") for each in shown):
        seen.add("Observation.effectiveDateTime")
    if mask.sees("measurements.code", "measurements.value"):
        seen.add("Observation.component")
    # That there is a donor or a sample is seen with any dataset.
    return frozenset({"Patient.id", "Specimen.id", *seen})
