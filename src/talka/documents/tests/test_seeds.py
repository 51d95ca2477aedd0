"""The data files: the real ones load whole, loading again changes nothing, and a bad cell is named."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import transaction
from django.utils.translation import override

from talka.core import search
from talka.core.actions import HUB, Invalid
from talka.core.models import Change, Event, SearchEntry
from talka.core.sheets import SHEETS
from talka.documents import seeds
from talka.domains.models import Domain, Ecosystem, Mission, Policy
from talka.parties.models import Account, Organisation
from talka.parties.roles import ROLES
from talka.plan.models import Measure, MeasureState, Plan
from talka.portfolio.models import Kpi, Partnership, Project
from talka.strategy.models import Direction, Obstacle, Priority, Strategy, Target

BIOMEDICINE, DEMO = seeds.SEEDS / "biomedicine", seeds.SEEDS / "demo"
FILES = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(BIOMEDICINE.glob("*.yaml"))
}


@pytest.fixture(scope="module")
def loaded(django_db_setup: None, django_db_blocker: Any) -> Iterator[list[seeds.Loaded]]:
    """The real files, loaded once for all tests that only look at them."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield seeds.load(BIOMEDICINE)
        transaction.set_rollback(True)


def test_every_row_of_every_file_is_new(loaded: list[seeds.Loaded]) -> None:
    assert [(each.file, each.sheet, each.new, each.changed, each.same) for each in loaded] == [
        (name, content["sheet"], len(content["rows"]), 0, 0) for name, content in FILES.items()
    ]


@pytest.mark.parametrize("name", FILES)
def test_every_row_of_a_file_is_in_the_database(loaded: list[seeds.Loaded], name: str) -> None:
    content = FILES[name]
    model = SHEETS[content["sheet"]].model
    assert model._base_manager.count() == len(content["rows"])
    for key in ("code", "number"):
        if all(key in row for row in content["rows"]) and "version" not in content["sheet"]:
            there = model._base_manager.values_list(key, flat=True)
            assert sorted(map(str, there)) == sorted(str(row[key]) for row in content["rows"])


@pytest.mark.parametrize(
    ("model", "count"),
    [
        (Domain, 5),
        (Mission, 1),
        (Ecosystem, 1),
        (Strategy, 1),
        (Obstacle, 6),
        (Direction, 4),
        (Priority, 8),
        (Target, len(FILES["14-targets.yaml"]["rows"])),
        (Plan, 1),
        (Measure, 17),
        (Project, len(FILES["19-projects.yaml"]["rows"])),
        (Kpi, len(FILES["20-kpis.yaml"]["rows"])),
        (Partnership, len(FILES["21-partnerships.yaml"]["rows"])),
        (Policy, len(FILES["01-policies.yaml"]["rows"])),
    ],
)
def test_the_ecosystem_has_what_the_strategy_says(loaded: list[seeds.Loaded], model: Any, count: int) -> None:
    assert model._base_manager.count() == count


def test_strategy_and_plan_are_in_force(loaded: list[seeds.Loaded]) -> None:
    assert Strategy.objects.get().state == "adopted"
    assert (Plan.objects.get().state, Plan.objects.get().year) == ("adopted", 2023)
    assert set(Measure.objects.values_list("state", flat=True)) <= set(MeasureState.values)


def test_nothing_is_left_in_one_language(loaded: list[seeds.Loaded]) -> None:
    """Every bilingual column that has Latvian has English too: half the readers read nothing else."""
    lacking = []
    for sheet in {content["sheet"] for content in FILES.values()}:
        model = SHEETS[sheet].model
        names = {field.name for field in model._meta.concrete_fields}
        for name in sorted(name for name in names if name.endswith("_lv") and f"{name[:-3]}_en" in names):
            other = f"{name[:-3]}_en"
            lacking += [
                f"{row}: {other}" for row in model._base_manager.exclude(**{name: ""}).filter(**{other: ""})
            ]
    assert lacking == []


def test_everything_went_through_verbs_and_can_be_found(loaded: list[seeds.Loaded]) -> None:
    organisations = Organisation.objects.values_list("pk", flat=True)
    on_record = Change.objects.filter(subject_kind="parties.organisation", kind="created")
    assert sorted(on_record.values_list("subject_id", flat=True)) == sorted(organisations)
    for kind, how in search.FINDABLE.items():
        assert SearchEntry.objects.filter(kind=kind).count() == how.model._base_manager.count(), kind
    hits = search.search("biobankām")
    assert hits[0].entry.stems.count("xtbiobank")


def test_loading_again_changes_nothing(loaded: list[seeds.Loaded]) -> None:
    before = Event.objects.count(), Change.objects.count()
    again = seeds.load(BIOMEDICINE)
    assert [(each.new, each.changed, each.same) for each in again] == [(0, 0, each.new) for each in loaded]
    assert Change.objects.count() == before[1]


def test_the_invented_people_can_sign_in_and_are_plainly_invented(loaded: list[seeds.Loaded]) -> None:
    with transaction.atomic():
        first, *_others = demo = seeds.load(DEMO)
        people = sum(each.new for each in demo if each.sheet == "parties.people")
        roles = {
            role
            for account in Account.objects.all()
            for role in account.grants.values_list("role", flat=True)
        }
        assert (first.sheet, people, Account.objects.count()) == ("parties.people", 10, 10)
        assert roles == set(ROLES)
        assert {account.email.partition("@")[2] for account in Account.objects.all()} == {"example.test"}
        assert not any(account.has_usable_password() for account in Account.objects.all())
        assert [each.new + each.changed for each in seeds.load(DEMO)] == [0] * len(demo)
        transaction.set_rollback(True)


# ---------------------------------------------------------------- bad files


def few(folder: Path, **changes: str) -> Path:
    """The first three files, and one of them otherwise."""
    folder.mkdir()
    for path in sorted(BIOMEDICINE.glob("0[123]-*.yaml")):
        shutil.copy(path, folder)
    for name, text in changes.items():
        (folder / f"{name.replace('_', '-')}.yaml").write_text(text, encoding="utf-8")
    return folder


DOMAINS = "sheet: domains.domains\nrows:\n  - {code: bio, title_lv: Biomedicīna}\n"


ECOSYSTEMS = "sheet: domains.ecosystems\nrows:\n  - {code: eco, domain: biomedicin, title_lv: E}\n"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DOMAINS + "  - {code: ikt, title_lv: ''}\n", ", row 2, Title (in Latvian): is empty"),
        (DOMAINS + "  - {code: ikt}\n", ", row 2, Title (in Latvian): is not in the file"),
        (DOMAINS + "  - {code: ikt, title_lv: IKT, order: no1}\n", ", row 2, Order: “no1” is not a number"),
        (
            DOMAINS + "  - {code: ikt, titel_lv: IKT}\n",
            ", row 2: there is no column “titel_lv”; did you mean “title_lv”?",
        ),
        (
            DOMAINS + "  - {code: bio, title_lv: X}\n",
            ", row 2: “bio” stands twice; first at 04-x.yaml, row 1",
        ),
        (DOMAINS + "  - ikt\n", ", row 2: a row is written as “column: value”"),
        (DOMAINS + "  - {yes: ikt}\n", ", row 2: a row is written as “column: value”"),
        (DOMAINS + "  - {code: ikt\n", ", line 5: not YAML: did not find expected ',' or '}'"),
        ("rows: []\n", ": a data file holds “sheet: <code>” and “rows:” with a list"),
        (
            "sheet: domains.domains\nrows: all\n",
            ": a data file holds “sheet: <code>” and “rows:” with a list",
        ),
        ("", ": a data file holds “sheet: <code>” and “rows:” with a list"),
        ("sheet: domains.fields\nrows: []\n", ": there is no sheet “domains.fields”; known: "),
        (
            "sheet: plan.measures\nrows: []\n",
            ": its rows hang under plan.plan, which no earlier file founded",
        ),
        (ECOSYSTEMS, ", row 1, RIS3 domain: “biomedicin” is not known; nearest: biomedicine"),
    ],
)
def test_a_bad_file_is_named_and_nothing_is_left(tmp_path: Path, text: str, message: str) -> None:
    with override("en"), pytest.raises(Invalid) as error:
        seeds.load(few(tmp_path / "seed", **{"04_x": text}))
    assert f"04-x.yaml{message}" in str(error.value)
    assert (Policy.objects.count(), Domain.objects.count(), Event.objects.count()) == (0, 0, 0)


@pytest.mark.django_db
def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    folder = few(tmp_path / "seed")
    (folder / "04-x.yaml").write_bytes(DOMAINS.encode("cp1257"))
    with override("en"), pytest.raises(Invalid, match=r"04-x\.yaml is not a text in UTF-8"):
        seeds.load(folder)
    assert Policy.objects.count() == 0


@pytest.mark.django_db
def test_dates_and_numbers_are_taken_as_they_are_written(tmp_path: Path) -> None:
    """YAML would read 3.10 as 3.1 and 2023-06-30 as a date: the sheet's columns say what they are."""
    folder = tmp_path / "seed"
    folder.mkdir()
    (folder / "01-x.yaml").write_text(
        "sheet: domains.domains\nrows:\n  - {code: bio, title_lv: 3.10, source: 2023-06-30}\n"
    )
    seeds.load(folder)
    assert Domain.objects.values_list("title_lv", "source").get() == ("3.10", "2023-06-30")


@pytest.mark.django_db
def test_an_empty_folder_loads_nothing(tmp_path: Path) -> None:
    assert seeds.load(tmp_path) == []
    assert list(SHEETS["domains.domains"].rows(HUB)) == []
