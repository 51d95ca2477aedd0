"""A small invented hospital for tests: women with diabetes, each with a consent to research at biobank "bb"."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

from talka_node.node import Node
from talka_query.nodes import AskerKind, Axis, Criterion, Diagnosis, Purpose, Question, Use

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
RESEARCH = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
DIABETES = Diagnosis(frozenset({"E11"}))
FORM = {
    "form": "broad",
    "version": 1,
    "title": {"lv": "Izdomāta", "en": "Invented"},
    "since": "2020-01-01",
    "guardian": False,
    "ends_at_death": False,
    "always": [],
    "options": {
        "research": {"text": {"lv": "Drīkst.", "en": "May."}, "terms": ["GRU"]},
    },
}


class Clock:
    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at


def donors(
    first: int, count: int, *, until: str | None = None, consent: bool = True
) -> list[dict[str, object]]:
    """Women with diabetes, each with a consent to research at biobank "bb"."""
    found: list[dict[str, object]] = []
    for number in range(first, first + count):
        patient = {"reference": f"Patient/p{number}"}
        found.append(
            {"resourceType": "Patient", "id": f"p{number}", "gender": "female", "birthDate": "1970-05-05"}
        )
        found.append(
            {
                "resourceType": "Condition",
                "id": f"d{number}",
                "subject": patient,
                "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "E11.9"}]},
            }
        )
        if consent:
            period = {"end": until} if until else {}
            found.append(
                {
                    "resourceType": "Consent",
                    "id": f"c{number}",
                    "status": "active",
                    "patient": patient,
                    "dateTime": "2025-01-01",
                    "organization": [{"reference": "Organization/bb"}],
                    "policyRule": {"coding": [{"code": "broad|1"}]},
                    "provision": {"type": "permit", "period": period, "purpose": [{"code": "research"}]},
                }
            )
    return found


def take(node: Node, resources: list[dict[str, object]], name: str = "all") -> None:
    place = node.path.parent / f"{name}.ndjson"
    place.write_text("".join(json.dumps(each) + "\n" for each in resources), encoding="utf-8")
    node.take([place], biobank="bb", source="hospital")


def question(such_that: Criterion = DIABETES, *, by: tuple[Axis, ...] = (), asker: str = "anna") -> Question:
    return Question(RESEARCH, such_that, date(2025, 12, 31), by=by, asker=asker)


def create(path: Path) -> None:
    """A node whose policy tells numbers without noise, to the nearest five, from ten donors on, by one axis at most."""
    Node.create(path, "Izdomāta slimnīca")
    (path / "forms" / "broad-1.json").write_text(json.dumps(FORM), encoding="utf-8")
    policy = "version: 2\ndated: 2026-01-01\ncells: {noise: 0}\nquestion: {axes: 1}\n"
    (path / "policy.yaml").write_text(policy, encoding="utf-8")
