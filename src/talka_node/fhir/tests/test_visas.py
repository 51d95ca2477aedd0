from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from talka_node.fhir.tests.test_edge import Place, facts, opened, patient
from talka_node.fhir.visas import ELEMENTS, columns
from talka_node.http import Service
from talka_node.tests.hospital import RESEARCH, donors, take
from talka_node.tests.test_http import running
from talka_node.visas import Mask, PermitClaim, Trust
from talka_node.visas.clearing import CLAIM
from talka_node.visas.mask import COLUMNS
from talka_node.visas.tests.issuing import DATASETS, Issuing
from talka_query.nodes import Diagnosis
from talka_query.permits import Permit

pytestmark = pytest.mark.once

HUB = Issuing()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The hospital of the edge's tests behind the node's own application, which trusts the hub."""
    with opened(tmp_path_factory.mktemp("visas") / "node") as found:
        file = found.node.path / "catalogue.yaml"
        file.write_text(file.read_text("utf-8") + f"datasets: '{DATASETS}'\n", encoding="utf-8")
        take(found.node, [*donors(0, 2), *donors(2, 1, consent=False), *facts()])
        HUB.trusted_by(Trust(found.node.path / "visas"))
        with running(Service(found.node)) as address:
            found.address = address
            yield found


def claim(**more: Any) -> dict[str, Any]:
    permit = Permit(
        "2026/1",
        "anna",
        date(2026, 1, 1),
        date(2026, 12, 31),
        frozenset({RESEARCH}),
        frozenset({"diagnosis"}),
    )
    return {CLAIM: PermitClaim(permit, **more).plain()}


def ids(place: Place, path: str, token: str, **headers: str) -> list[str]:
    return (
        place.ids(path, f"Bearer {token}")
        if not headers
        else [
            each["resource"]["id"]
            for each in place.send("GET", path, Authorization=f"Bearer {token}", **headers).told.get(
                "entry", []
            )
        ]
    )


def test_a_visa_opens_its_dataset_alone(place: Place) -> None:
    lungs, hearts = HUB.visa(), HUB.visa(f"{DATASETS}bb-2")
    # In bb-1 are samples of the first and the third donor, of whom the third has not consented.
    assert [len(ids(place, f"/{kind}", lungs)) for kind in ("Patient", "Specimen", "Observation")] == [
        1,
        1,
        3,
    ]
    assert [len(ids(place, f"/{kind}", hearts)) for kind in ("Patient", "Specimen", "Observation")] == [
        1,
        1,
        0,
    ]
    assert ids(place, "/Patient", lungs) != ids(place, "/Patient", hearts)
    for method, path in (("POST", "/Patient"), ("PUT", "/Patient/1"), ("DELETE", "/Patient/1"), ("POST", "")):
        body = patient("x") if method != "DELETE" else None
        assert place.send(method, path, body, Authorization=f"Bearer {lungs}").status == 403


def test_of_several_datasets_one_is_named(place: Place) -> None:
    both = HUB.passport(HUB.visa(), HUB.visa(f"{DATASETS}bb-2"))
    unnamed = place.send("GET", "/Patient", Authorization=f"Bearer {both}")
    assert (unnamed.status, unnamed.told["issue"][0]["expression"]) == (400, ["http.talka-dataset"])
    assert "bb-1, bb-2" in unnamed.told["issue"][0]["diagnostics"]
    named = [ids(place, "/Specimen", both, Talka_Dataset=name) for name in ("bb-1", "bb-2")]
    assert [len(each) for each in named] == [1, 1]
    assert place.send("GET", "/Patient", Authorization=f"Bearer {both}", Talka_Dataset="bb-3").status == 403


def test_what_is_no_visa_opens_nothing(place: Place) -> None:
    stranger = Issuing(name="https://stranger.example/")
    for token in (stranger.visa(), HUB.visa(key=stranger.key), "a.b.c"):
        assert place.send("GET", "/Patient", Authorization=f"Bearer {token}").status == 401


def test_a_permit_narrows_what_is_read(place: Place) -> None:
    def seen(**more: Any) -> list[int]:
        token = HUB.visa(**claim(**more))
        kinds = ("Patient", "Condition", "Observation", "MedicationStatement")
        answers = [place.send("GET", f"/{kind}", Authorization=f"Bearer {token}") for kind in kinds]
        return [each.told["total"] if each.status == 200 else -each.status for each in answers]

    assert seen() == [1, 1, 3, 1]
    assert seen(such_that=Diagnosis(frozenset({"E11"}))) == [1, 1, 3, 1]
    assert seen(such_that=Diagnosis(frozenset({"I10"}))) == [0, 0, 0, 0]
    assert seen(columns=frozenset({"donors.sex"})) == [1, -403, -403, -403]
    # Of Observations those that tell a diagnosis alone, or those that measured alone.
    assert seen(columns=frozenset({"diagnoses.code"})) == [1, 1, 1, -403]
    assert seen(columns=frozenset({"measurements.code"})) == [1, -403, 2, -403]


def test_hidden_columns_are_in_no_resource(place: Place) -> None:
    token = HUB.visa(**claim(columns=frozenset({"donors.sex", "measurements.code", "specimens.type"})))
    for kind, elements in (
        ("Patient", {"gender"}),
        ("Specimen", {"subject", "type"}),
        ("Observation", {"subject", "code", "status"}),
    ):
        told = place.send("GET", f"/{kind}", Authorization=f"Bearer {token}").told
        for each in told["entry"]:
            assert each["resource"].keys() - {"resourceType", "id", "meta"} <= elements
    for path in ("/Patient?birthdate=1970", "/Observation?date=2024", "/Specimen?collected=2024"):
        assert place.send("GET", path, Authorization=f"Bearer {token}").status == 403


def test_a_permit_that_does_not_run_opens_nothing(place: Place) -> None:
    late = claim()
    late[CLAIM]["permit"]["until"] = "2026-01-15"
    assert place.send("GET", "/Patient", Authorization=f"Bearer {HUB.visa(**late)}").status == 401


def test_every_column_that_fhir_has_is_an_element() -> None:
    untold = {"cohorts", "variants", "genotypes"}  # no resource given under a grant tells these
    named = {each for each in COLUMNS if each.partition(".")[0] not in untold}
    assert ELEMENTS.keys() == named - {
        "measurements.on"
    }  # told by Observation.effectiveDateTime, with diagnoses.on
    assert columns(Mask()) == {"*"}
    assert columns(Mask(frozenset({"diagnoses.on"}))) == {
        "Patient.id",
        "Specimen.id",
    }  # nothing without the code
