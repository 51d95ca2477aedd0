"""The seed goes in through the sheets; what comes out goes in again without a change."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

import talka
from talka.core.actions import HUB, SYSTEM, Invalid
from talka.core.models import Event
from talka.core.sheets import SHEETS, Preview, Raw
from talka.parties import actions
from talka.parties.models import Account, Organisation, Person
from talka.parties.tests import factories as make

pytestmark = pytest.mark.django_db
SEED = Path(talka.__file__).parent / "seed"
ORGANISATIONS, PEOPLE = SHEETS["parties.organisations"], SHEETS["parties.people"]


def raws(rows: Iterable[dict[str, Any]], file: str = "file") -> list[Raw]:
    return [Raw(f"{file}, row {number}", row) for number, row in enumerate(rows, 1)]


def seed(name: str) -> list[Raw]:
    path = SEED / name
    return raws(yaml.safe_load(path.read_text(encoding="utf-8"))["rows"], path.name)


def kinds(preview: Preview) -> list[str]:
    return [item.kind for item in preview.items]


def problems(preview: Preview) -> list[tuple[str, str]]:
    return [(problem.place, problem.message) for problem in preview.problems]


def bring_in(sheet: Any, rows: list[Raw]) -> Preview:
    preview = sheet.preview(HUB, rows)
    assert problems(preview) == []
    sheet.apply(preview, by=SYSTEM)
    return preview


def test_the_seeds_organisations_go_in_once() -> None:
    rows = seed("biomedicine/05-organisations.yaml")
    assert set(kinds(bring_in(ORGANISATIONS, rows))) == {"new"}
    assert Organisation.objects.count() == len(rows)
    assert Organisation.objects.get(code="rsu-si").parent == Organisation.objects.get(code="rsu")
    assert set(kinds(ORGANISATIONS.preview(HUB, rows))) == {"same"}


def test_what_is_exported_changes_nothing_when_imported() -> None:
    bring_in(ORGANISATIONS, seed("biomedicine/05-organisations.yaml"))
    actions.withdraw(
        Organisation.objects.get(code="rvt"), by=SYSTEM, successor=Organisation.objects.get(code="rtu")
    )
    events = Event.objects.count()
    preview = ORGANISATIONS.preview(HUB, raws(ORGANISATIONS.shown(row) for row in ORGANISATIONS.rows(HUB)))
    assert problems(preview) == []
    assert set(kinds(preview)) == {"same"}
    assert ORGANISATIONS.apply(preview, by=SYSTEM) == []
    assert Event.objects.count() == events


def test_the_demo_people_go_in_once_with_place_and_role() -> None:
    where = make.ecosystem()
    bring_in(ORGANISATIONS, seed("biomedicine/05-organisations.yaml"))
    rows = seed("demo/24-people.yaml")
    bring_in(PEOPLE, rows)
    assert Person.objects.count() == Account.objects.count() == len(rows)
    anna = Account.objects.get(email="coordinator@example.test")
    assert [(each.role, each.ecosystem) for each in anna.grants.all()] == [("coordinator", where)]
    assert anna.organisation_ids() == frozenset([Organisation.objects.get(code="liaa").pk])
    chief = Account.objects.get(email="admin@example.test")
    assert [(each.role, each.ecosystem) for each in chief.grants.all()] == [("administrator", None)]
    assert set(kinds(PEOPLE.preview(HUB, rows))) == {"same"}
    assert set(kinds(PEOPLE.preview(HUB, raws(PEOPLE.shown(row) for row in PEOPLE.rows(HUB))))) == {"same"}


def test_a_part_may_stand_before_its_whole_and_name_it_by_acronym() -> None:
    rows = [
        {"code": "osk", "name_lv": "Kartona skola", "helix": "science", "kind_of": "college", "parent": "KU"},
        {
            "code": "ku",
            "acronym": "KU",
            "name_lv": "Kartona universitāte",
            "helix": "science",
            "kind_of": "university",
        },
    ]
    bring_in(ORGANISATIONS, raws(rows))
    assert Organisation.objects.get(code="osk").parent == Organisation.objects.get(code="ku")


def test_every_bad_cell_is_named_with_what_would_be_right() -> None:
    make.organisation("ku", acronym="KU", name_lv="Kartona universitāte")
    old = make.organisation("kum", name_lv="Kartona augstskola")
    actions.merge(old, by=SYSTEM, into=Organisation.objects.get(code="ku"))
    good = {"name_lv": "Viens", "helix": "science", "kind_of": "institute"}
    preview = ORGANISATIONS.preview(
        HUB,
        raws(
            [
                {**good, "code": "one", "ror": "03nadks57"},
                {**good, "code": "two", "parent": "Kartona universitate"},
                {**good, "code": "three", "registration_number": "40000000001"},
                {**good, "code": "kum"},
                {**good, "code": "four", "parent": "five"},
                {**good, "code": "five", "parent": "four"},
                {**good, "code": "six", "helix": "zinātne"},
                {**good, "code": "seven", "helix": "garage"},
            ]
        ),
    )
    assert problems(preview) == [
        (
            "file, row 1, ROR id",
            "“03nadks57” has a mistyped character: its last two digits do not check. Copy it from ror.org.",
        ),
        ("file, row 2, Part of", "“kartona universitate” is not known; nearest: ku"),
        (
            "file, row 8, Helix sector",
            "“garage” is not one of: science, business, public sector, society and patients",
        ),
        ("file, row 5", "“four” would be part of itself"),
        ("file, row 6", "“five” would be part of itself"),
        (
            "file, row 3, Registration number",
            "“40000000001” has a mistyped digit: its last digit does not check",
        ),
        ("file, row 4, Code", "“kum” was merged into “ku”; name that one"),
    ]
    with pytest.raises(Invalid):
        ORGANISATIONS.apply(preview, by=SYSTEM)
    assert Organisation.objects.count() == 2
