"""Domains, missions, policies and ecosystems: what verbs keep and refuse, and the rows as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.http import Http404
from django.utils.translation import override

import talka
from talka.core.actions import HUB, SYSTEM, Invalid, Refused, Stale
from talka.core.models import Event
from talka.core.search import search
from talka.core.sheets import SHEETS, Raw
from talka.domains import actions, queries
from talka.domains.models import Domain, Ecosystem, Mission, Policy

pytestmark = pytest.mark.django_db
SEED = Path(talka.__file__).parent / "seed" / "biomedicine"


@pytest.fixture(autouse=True)
def _in_english() -> Any:
    with override("en"):
        yield


def domain(code: str = "bio") -> Domain:
    return actions.add_domain(HUB, by=SYSTEM, code=code, title_lv=f"Joma {code}")


def ecosystem(code: str = "biomed", **values: Any) -> Ecosystem:
    found = Domain.objects.filter(code="bio").first() or domain()
    return actions.add_ecosystem(
        HUB, by=SYSTEM, code=code, domain=found, **{"title_lv": "Ekosistēma", **values}
    )


class Someone:
    """An actor with some permissions, everywhere or in one ecosystem."""

    def __init__(self, pk: int, *permissions: str, where: int | None = None) -> None:
        self.pk, self.permissions, self.where = pk, permissions, where

    def may(self, permission: str, ecosystem_id: int | None) -> bool:
        return permission in self.permissions and self.where in (None, ecosystem_id)

    def __str__(self) -> str:
        return f"Someone {self.pk}"


# ---------------------------------------------------------------- verbs


def test_who_may_keep_reference_data() -> None:
    anna, bruno, cilda = Someone(1, "domains.edit"), Someone(2, "domains.share"), Someone(3)
    kept, where = domain(), ecosystem()
    verbs: list[tuple[Any, Any, dict[str, Any]]] = [
        (actions.add_domain, HUB, {"code": "x", "title_lv": "X"}),
        (actions.edit_domain, kept, {"title_lv": "X"}),
        (actions.add_mission, HUB, {"code": "x", "title_lv": "X"}),
        (actions.add_policy, HUB, {"code": "x", "title_lv": "X", "kind_of": "strategy"}),
        (actions.add_ecosystem, HUB, {"code": "x", "title_lv": "X", "domain": kept}),
        (actions.edit_ecosystem, where, {"title_lv": "X"}),
    ]
    for verb, subject, values in verbs:
        for who in (bruno, cilda, Someone(4, "domains.edit", where=999)):
            with pytest.raises(Refused):
                verb(subject, by=who, **values)
        verb(subject, by=anna, **values)
    made: list[tuple[Any, Any]] = [
        (actions.edit_mission, Mission.objects.get()),
        (actions.edit_policy, Policy.objects.get()),
    ]
    for verb, row in made:
        with pytest.raises(Refused):
            verb(row, by=bruno, title_lv="Y")
        verb(row, by=anna, title_lv="Y")
    assert Event.objects.filter(by_id=1).count() == len(verbs) + len(made)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("code", {"code": "two words"}),
        ("code", {"code": ""}),
        ("code", {"code": "bio"}),
        ("title_lv", {"title_lv": ""}),
        ("title_lv", {"title_lv": "x" * 301}),
        ("order", {"order": -1}),
    ],
)
def test_what_cannot_be_kept_is_refused_beside_its_field(field: str, values: dict[str, Any]) -> None:
    domain()
    with pytest.raises(Invalid) as refused:
        actions.add_domain(HUB, by=SYSTEM, **{"code": "ikt", "title_lv": "IKT", **values})
    assert refused.value.field == field
    assert Domain.objects.count() == 1


def test_a_code_that_is_taken_names_its_holder() -> None:
    domain()
    with pytest.raises(Invalid, match=r"“bio” is already the code of “Joma bio”; choose another\."):
        domain()


@pytest.mark.parametrize(
    "code", ["organisations", "search", "my", "account", "about", "sign-in", "reference"]
)
def test_an_ecosystem_cannot_stand_at_an_address_of_the_house(code: str) -> None:
    with pytest.raises(Invalid) as refused:
        ecosystem(code)
    assert refused.value.field == "code"


def test_the_code_of_an_ecosystem_stays() -> None:
    kept = ecosystem()
    with pytest.raises(Invalid) as refused:
        actions.edit_ecosystem(kept, by=SYSTEM, code="other")
    assert refused.value.field == "code"
    assert (
        actions.edit_ecosystem(Ecosystem.objects.get(), by=SYSTEM, code="biomed", short_lv="Bio").short_lv
        == "Bio"
    )


def test_an_edit_over_a_newer_one_is_refused() -> None:
    kept = domain()
    actions.edit_domain(Domain.objects.get(), by=SYSTEM, title_lv="Cits")
    with pytest.raises(Stale):
        actions.edit_domain(kept, by=SYSTEM, seen=1, title_lv="Mans")
    assert actions.edit_domain(Domain.objects.get(), by=SYSTEM, seen=2, title_lv="Mans").revision == 3


# ---------------------------------------------------------------- reads


def test_a_page_enters_an_ecosystem_or_is_not_found(rf: Any) -> None:
    kept, request = ecosystem(), rf.get("/")
    assert queries.enter(request, "biomed") == request.ecosystem == kept
    with pytest.raises(Http404, match=r"There is no ecosystem “nothing” on this hub\."):
        queries.enter(request, "nothing")


def test_an_ecosystem_is_found_by_its_words() -> None:
    kept = ecosystem(title_lv="Biomedicīna un farmācija", summary_lv="Par slimnīcām", short_en="Biomed")
    for text in ("farmacijas", "slimnīca", "biomed"):
        assert [(hit.entry.kind, hit.entry.subject_id) for hit in search(text)] == [
            ("domains.ecosystem", kept.pk)
        ]
    assert search("farmācija", ecosystem_id=kept.pk)[0].entry.url == kept.get_absolute_url()


# ---------------------------------------------------------------- sheets


@pytest.mark.parametrize(
    "name", ["01-policies.yaml", "02-domains.yaml", "03-missions.yaml", "04-ecosystems.yaml"]
)
def test_the_seed_goes_in_once(name: str) -> None:
    for path in sorted(SEED.glob("0[1-4]-*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        sheet = SHEETS[content["sheet"]]
        rows = [Raw(f"{path.name}, row {number}", row) for number, row in enumerate(content["rows"], 1)]
        preview = sheet.preview(HUB, rows)
        assert [(problem.place, problem.message) for problem in preview.problems] == []
        assert {item.kind for item in preview.items} == {"new"}
        sheet.apply(preview, by=SYSTEM)
        if path.name == name:
            break
    assert {item.kind for item in sheet.preview(HUB, rows).items} == {"same"}
    exported = [Raw("export", sheet.shown(row)) for row in sheet.rows(HUB)]
    again = sheet.preview(HUB, exported)
    assert (again.problems, {item.kind for item in again.items}) == ([], {"same"})


@pytest.mark.parametrize(
    "code", ["domains.domains", "domains.missions", "domains.policies", "domains.ecosystems"]
)
@pytest.mark.parametrize("rows", [1, 3])
def test_a_table_costs_one_query(code: str, rows: int, django_assert_num_queries: Any) -> None:
    for number in range(rows):
        domain(f"d{number}")
        actions.add_mission(HUB, by=SYSTEM, code=f"m{number}", title_lv="Misija")
        actions.add_policy(HUB, by=SYSTEM, code=f"p{number}", title_lv="Plāns", kind_of="strategy")
        ecosystem(f"e{number}")
    with django_assert_num_queries(1):
        header, lines = SHEETS[code].grid(HUB)
    assert len(header) == len(SHEETS[code].columns)
    assert len(lines) >= rows
