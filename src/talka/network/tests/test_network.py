"""Niches and competences: who may keep them, how they nest, what is counted, in and out as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.utils import translation

import talka
from talka.core import indicators
from talka.core.actions import SYSTEM, Invalid, Refused, Stale
from talka.core.models import Event, SearchEntry
from talka.core.sheets import SHEETS, Raw
from talka.network import actions, queries
from talka.network.models import CompetenceField, CompetenceKind, Niche
from talka.network.tests import factories

pytestmark = pytest.mark.django_db


def seed(name: str) -> list[dict[str, Any]]:
    text = (Path(talka.__file__).parent / "seed" / "biomedicine" / name).read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = yaml.load(text, Loader=yaml.BaseLoader)["rows"]
    return rows


def raws(rows: list[dict[str, Any]]) -> list[Raw]:
    return [Raw(f"row {number}", row) for number, row in enumerate(rows, 1)]


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize(("who", "may"), [("anna", True), ("bruno", False), ("cilda", False)])
def test_only_who_holds_the_permission_may_keep_the_network(who: str, may: bool) -> None:
    eco = factories.ecosystem()
    by = getattr(factories.people(eco), who)
    row, field = factories.niche(eco, "honey"), factories.competence(eco, "wax")
    verbs = [
        lambda: actions.add_niche(eco, by=by, code="new", title_lv="Jauna"),
        lambda: actions.edit_niche(row, by=by, title_lv="Cita"),
        lambda: actions.add_competence(eco, by=by, code="new", title_lv="Jauna", kind_of="research"),
        lambda: actions.edit_competence(field, by=by, title_lv="Cita"),
    ]
    refused = []
    for verb in verbs:
        try:
            verb()
        except Refused:
            refused.append(verb)
    assert refused == ([] if may else verbs)


def test_a_coordinator_of_another_ecosystem_may_not() -> None:
    here, there = factories.ecosystem("bees"), factories.ecosystem("trees")
    anna = factories.people(there).anna
    with pytest.raises(Refused):
        actions.add_niche(here, by=anna, code="honey", title_lv="Medus")


# ---------------------------------------------------------------- how they nest


def test_a_niche_never_stands_under_itself_near_or_far() -> None:
    eco = factories.ecosystem()
    top = factories.niche(eco, "honey")
    middle = factories.niche(eco, "linden", top)
    low = factories.niche(eco, "linden-young", middle)
    for under in (top, middle, low):
        with pytest.raises(Invalid) as error:
            actions.edit_niche(Niche.objects.get(pk=top.pk), by=SYSTEM, parent=under)
        assert error.value.field == "parent"
    assert Niche.objects.get(pk=top.pk).parent is None


def test_a_niche_never_stands_under_one_of_another_ecosystem() -> None:
    here, there = factories.ecosystem("bees"), factories.ecosystem("trees")
    foreign = factories.niche(there, "oak")
    with pytest.raises(Invalid, match=r"another ecosystem|citā ekosistēmā"):
        actions.add_niche(here, by=SYSTEM, code="honey", title_lv="Medus", parent=foreign)


def test_a_code_is_taken_once_in_an_ecosystem_and_free_in_the_next() -> None:
    here, there = factories.ecosystem("bees"), factories.ecosystem("trees")
    factories.niche(here, "honey")
    with pytest.raises(Invalid) as error:
        factories.niche(here, "honey")
    assert error.value.field == "code"
    assert factories.niche(there, "honey").code == "honey"


def test_an_edit_over_an_unseen_change_is_refused() -> None:
    eco = factories.ecosystem()
    row = factories.niche(eco, "honey")
    actions.edit_niche(row, by=SYSTEM, seen=1, title_lv="Pirmais")
    with pytest.raises(Stale):
        actions.edit_niche(Niche.objects.get(pk=row.pk), by=SYSTEM, seen=1, title_lv="Otrais")
    assert Niche.objects.get(pk=row.pk).title_lv == "Pirmais"


def test_the_tree_is_one_query_and_keeps_the_order(django_assert_num_queries: Any) -> None:
    eco = factories.ecosystem()
    b = factories.niche(eco, "b", order=2)
    a = factories.niche(eco, "a", order=1)
    a2 = factories.niche(eco, "a2", a, order=2)
    a1 = factories.niche(eco, "a1", a, order=1)
    with django_assert_num_queries(1):
        branches = queries.tree(queries.niches(eco))
    assert [row.code for branch in branches for row in branch.rows()] == ["a", "a1", "a2", "b"]
    assert [row.code for branch in branches for row in branch.undivided()] == ["a1", "a2", "b"]
    assert [row.code for row in queries.above(a1, queries.niches(eco))] == ["a"]
    assert [row.code for row in queries.below(a, queries.niches(eco))] == [a1.code, a2.code]
    assert queries.below(b, queries.niches(eco)) == []


def test_the_competence_map_names_every_kind_in_order() -> None:
    eco = factories.ecosystem()
    wax = factories.competence(eco, "wax", "interest")
    factories.competence(eco, "candles", "interest", wax)
    drawn = [
        (kind, [row.code for b in branches for row in b.rows()])
        for kind, branches in queries.competence_map(eco)
    ]
    assert drawn == [(kind, ["wax", "candles"] if kind == "interest" else []) for kind in CompetenceKind]


# ---------------------------------------------------------------- what is counted


def test_network_niches_counts_what_is_not_divided_further() -> None:
    eco = factories.ecosystem()
    assert indicators.read("network.niches", eco).value is None
    top = factories.niche(eco, "honey")
    assert indicators.read("network.niches", eco).value == 1
    factories.niche(eco, "linden", top)
    factories.niche(eco, "heather", top)
    factories.niche(eco, "wax")
    factories.niche(factories.ecosystem("trees"), "oak")
    reading = indicators.read("network.niches", eco)
    assert reading.value == 3
    assert reading.evidence is not None
    assert [row.code for row in reading.evidence.order_by("code")] == ["heather", "linden", "wax"]


# ---------------------------------------------------------------- on record, findable


def test_each_verb_is_on_record_and_the_search_follows() -> None:
    eco = factories.ecosystem()
    row = factories.niche(eco, "honey", title_lv="Medus")
    actions.edit_niche(row, by=SYSTEM, title_lv="Liepziedu medus")
    events = Event.objects.filter(subject_kind="network.niche", subject_id=row.pk).order_by("id")
    assert [event.verb for event in events] == ["network.add_niche", "network.edit_niche"]
    entry = SearchEntry.objects.get(kind="network.niche", subject_id=row.pk)
    assert (entry.title_lv, entry.public) == ("Liepziedu medus", True)


# ---------------------------------------------------------------- in and out


@pytest.mark.parametrize(
    ("sheet", "file", "model", "count"),
    [
        ("network.niches", "06-niches.yaml", Niche, 14),
        ("network.competences", "07-competences.yaml", CompetenceField, 27),
    ],
)
def test_the_seed_goes_in_whole_and_comes_out_the_same(sheet: str, file: str, model: Any, count: int) -> None:
    eco = factories.ecosystem("biomed")
    rows = seed(file)
    preview = SHEETS[sheet].preview(eco, raws(rows))
    assert preview.problems == []
    SHEETS[sheet].apply(preview, by=SYSTEM)
    assert model.objects.filter(ecosystem=eco).count() == count == len(rows)
    again = SHEETS[sheet].preview(eco, raws(rows))
    assert [item.kind for item in again.items] == ["same"] * count
    # Out of one ecosystem and into an empty one: the row above always comes first.
    there = factories.ecosystem("copy")
    exported = [SHEETS[sheet].shown(row) for row in SHEETS[sheet].rows(eco)]
    SHEETS[sheet].apply(SHEETS[sheet].preview(there, raws(exported)), by=SYSTEM)
    assert [SHEETS[sheet].shown(row) for row in SHEETS[sheet].rows(there)] == exported


def test_a_row_under_an_unknown_one_is_named() -> None:
    eco = factories.ecosystem()
    preview = SHEETS["network.niches"].preview(
        eco,
        raws(
            [
                {"code": "linden", "parent": "honey", "title_lv": "Liepas"},
                {"code": "honey", "title_lv": "Medus"},
            ]
        ),
    )
    with translation.override("en"):
        assert [(p.place, p.message) for p in SHEETS["network.niches"].check(eco, preview.items)] == [
            ("row 1", "there is no “honey” to stand under; put its row before this one")
        ]
    assert len(preview.problems) == 1
