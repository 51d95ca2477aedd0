"""The directory: entries by MIABIS, the search and its facets, quality that counts once verified, the yearly check."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from talka.biobanks import actions, rules
from talka.biobanks.models import Collection
from talka.biobanks.queries import directory as queries
from talka.biobanks.tests import factories
from talka.core.actions import SYSTEM, Invalid, Refused
from talka.core.lint import RULES
from talka.core.sheets import SHEETS, Raw
from talka.network.tests.test_pages import signed_in

pytestmark = pytest.mark.django_db


def found(eco: Any, **asked: Any) -> list[str]:
    rows = Collection.objects.in_bulk(queries.search(eco, **asked).ids)
    return sorted(row.code for row in rows.values())


@pytest.fixture
def drawn() -> Any:
    eco = factories.ecosystem()
    nectar, wax = factories.biobank(eco, "nectar"), factories.biobank(eco, "wax")
    factories.collection(
        nectar, "blood", materials=["Blood", "DNA"], diseases=["C34.1"], title_lv="Plaušu vēža paraugi"
    )
    factories.collection(nectar, "urine", materials=["Urine"], sexes=["Male"], diseases=["E11"])
    factories.collection(wax, "serum", materials=["Serum", "DNA"], title_en="Sera of gastric cancer")
    gone = factories.collection(wax, "gone", materials=["DNA"])
    actions.edit_collection(gone, by=SYSTEM, withdrawn=True)
    return eco


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["blood", "serum", "urine"]),
        ({"chosen": {"material": ["DNA"]}}, ["blood", "serum"]),
        ({"chosen": {"material": ["DNA", "Urine"]}}, ["blood", "serum", "urine"]),
        ({"chosen": {"material": ["DNA"], "biobank": ["wax"]}}, ["serum"]),
        ({"chosen": {"material": ["Urine"], "sex": ["Female"]}}, []),
        ({"disease": "C34"}, ["blood"]),
        ({"disease": "c34.1"}, ["blood"]),
        ({"disease": "C3"}, ["blood"]),
        ({"disease": "34"}, []),
        ({"text": "plausu vezis"}, ["blood"]),  # without diacritics, in another case
        ({"text": "gastric cancer"}, ["serum"]),
        ({"text": "gastric lungs"}, []),
        ({"text": "nectar"}, ["blood", "urine"]),  # by the biobank's name
    ],
)
def test_the_search_finds_what_fits_and_nothing_else(drawn: Any, asked: Any, expected: list[str]) -> None:
    assert found(drawn, **asked) == expected


def test_the_number_beside_a_value_is_what_a_click_shows(drawn: Any) -> None:
    for chosen in (
        {},
        {"material": ["DNA"]},
        {"material": ["Urine"], "sex": ["Female"]},
        {"biobank": ["wax"]},
    ):
        facets = queries.search(drawn, chosen=chosen).facets
        for facet, values in facets.items():
            for each in values:
                alone = {**chosen, facet: [each.code]}
                assert each.count == len(queries.search(drawn, chosen=alone).ids), (chosen, facet, each.code)


def test_a_renamed_biobank_is_found_with_its_collections(drawn: Any) -> None:
    wax = queries.biobanks(drawn).get(code="wax")
    actions.edit_biobank(wax, by=SYSTEM, title_en="Biobank honeycomb")
    assert found(drawn, text="honeycomb") == ["serum"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"materials": []}, "materials"),
        ({"materials": ["Honey"]}, "materials"),
        ({"sexes": "Female"}, "sexes"),
        ({"diseases": ["lung cancer"]}, "diseases"),
        ({"age_low": 60, "age_high": 40}, "age_high"),
        ({"summary_lv": "x" * 2001}, "summary_lv"),
        ({"website": "ftp://example.lv"}, "website"),
        ({"code": "spring"}, "code"),
    ],
)
def test_what_miabis_does_not_take_is_refused_beside_its_field(values: Any, field: str) -> None:
    of = factories.biobank(factories.ecosystem())
    factories.collection(of, "spring")
    with pytest.raises(Invalid) as refused:
        factories.collection(of, **{"code": "other", **values})
    assert refused.value.field == field


def test_a_part_belongs_to_its_own_biobank_and_never_to_itself() -> None:
    eco = factories.ecosystem()
    nectar, wax = factories.biobank(eco, "nectar"), factories.biobank(eco, "wax")
    whole = factories.collection(nectar, "whole")
    part = factories.collection(nectar, "part", parent=whole)
    inner = factories.collection(nectar, "inner", parent=part)
    assert [row.code for row in queries.descendants(whole)] == ["part", "inner"]
    for row, above in ((whole, inner), (whole, whole), (factories.collection(wax, "w"), whole)):
        with pytest.raises(Invalid) as refused:
            actions.edit_collection(row, by=SYSTEM, parent=above)
        assert refused.value.field == "parent"


def test_a_claimed_standard_counts_once_somebody_else_has_verified_it() -> None:
    eco = factories.ecosystem()
    of = factories.biobank(eco)
    people = factories.people(eco, factories.organisation())
    mark = actions.add_quality(of, by=people.bruno, standard="ISO20387", certificate="17")
    today = timezone.localdate()
    assert mark.state(today) == "claimed"
    for who in (people.bruno, people.cilda):
        with pytest.raises(Refused):
            actions.verify_quality(mark, by=who, upheld=True)
    with pytest.raises(Invalid) as refused:
        actions.verify_quality(mark, by=people.anna, upheld=False)
    assert refused.value.field == "finding"
    actions.verify_quality(mark, by=people.anna, upheld=True)
    assert (mark.state(today), mark.verified_by) == ("verified", "Anna Paraugs")
    actions.edit_quality(mark, by=people.bruno, valid_until=today - timedelta(1))
    assert mark.state(today) == "claimed"  # what changed is verified anew
    actions.verify_quality(mark, by=people.anna, upheld=True)
    assert mark.state(today) == "expired"
    with pytest.raises(Invalid):
        actions.add_quality(of, by=people.bruno, standard="ISO20387")


def test_the_yearly_check_falls_due_and_is_done_for_the_whole_biobank() -> None:
    eco = factories.ecosystem()
    of = factories.biobank(eco)
    factories.collection(of)
    today = timezone.localdate()
    assert len(queries.unchecked(eco, today)) == 2
    assert len(list(RULES["B01"].check(eco))) == 1
    actions.confirm_description(of, by=SYSTEM)
    assert queries.unchecked(eco, today) == []
    assert list(RULES["B01"].check(eco)) == []
    assert len(queries.unchecked(eco, today + timedelta(365))) == 2


@pytest.mark.parametrize(
    ("rule", "subject", "allowed"),
    [
        (rules.may_found, "eco", ["anna", "dzintars"]),
        (rules.may_edit, "own", ["anna", "bruno", "dzintars"]),
        (rules.may_edit, "other", ["anna", "dzintars"]),
        (rules.may_verify, "own", ["anna", "dzintars"]),
        (rules.may_run_nodes, "eco", ["dzintars"]),
        (rules.may_keep_forms, "eco", ["anna", "dzintars"]),
        (rules.may_take_in, "own", ["bruno"]),
        (rules.may_take_in, "other", []),
        (rules.may_take_down, "eco", ["anna", "bruno", "dzintars"]),
    ],
)
def test_who_may(rule: Any, subject: str, allowed: list[str]) -> None:
    eco = factories.ecosystem()
    own, other = factories.organisation("hive"), factories.organisation("den")
    people = factories.people(eco, own)
    about = {
        "eco": eco,
        "own": factories.biobank(eco, "own", juristic_person=own),
        "other": factories.biobank(eco, "other", juristic_person=other),
    }[subject]
    assert [
        name for name in ("anna", "bruno", "cilda", "dzintars") if rule(getattr(people, name), about)
    ] == allowed
    assert not rule(None, about)


def test_sheets_give_back_what_they_take() -> None:
    eco = factories.ecosystem()
    contact = actions.add_contact(eco, by=SYSTEM, code="office", family="Birojs", email="birojs@example.test")
    of = factories.biobank(eco, contact=contact, infrastructure=["SampleStorage"], acronym="NB")
    whole = factories.collection(
        of, "whole", diseases=["C34", "ORPHA:586"], age_low=1, age_high=9, temperatures=["LN"]
    )
    factories.collection(of, "part", parent=whole)
    actions.add_network(eco, by=SYSTEM, code="net", title_lv="Tīkls", members=[of], topics=["SOP"])
    actions.add_resource(eco, by=SYSTEM, code="res", title_lv="Resurss", collections=[whole])
    actions.add_service(of, by=SYSTEM, code="store", title_lv="Glabāšana", kind_of="storage")
    actions.add_quality(of, by=SYSTEM, standard="Other", name="Bišu standarts")
    factories.node(eco)
    factories.form(eco)
    factories.collector(eco, of)
    for code in (
        "contacts",
        "biobanks",
        "collections",
        "networks",
        "resources",
        "services",
        "qualities",
        "nodes",
        "forms",
        "collectors",
    ):
        sheet = SHEETS[f"biobanks.{code}"]
        rows = list(sheet.rows(eco))
        raws = [Raw(f"row {number}", sheet.shown(row)) for number, row in enumerate(rows)]
        preview = sheet.preview(eco, raws)
        assert (preview.problems, [item.kind for item in preview.items]) == ([], ["same"] * len(rows)), code
        assert rows


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(
    ("path", "queries_"),
    [
        ("", 10),
        ("?q=spring&material=Blood", 10),
        ("b0/", 7),
        ("b0/collections/c0/", 6),
        ("networks/net/", 3),
        ("resources/res/", 3),
    ],
)
def test_a_page_costs_the_same_whatever_it_shows(
    django_assert_num_queries: Any, client: Client, path: str, queries_: int, rows: int
) -> None:
    eco = factories.ecosystem()
    made: list[Any] = []
    all_rows: list[Any] = []
    for number in range(rows):
        made.append(factories.biobank(eco, f"b{number}"))
        for each in range(rows):
            row = factories.collection(
                made[-1], f"c{each}", title_en=f"Spring {each}", parent=all_rows[0] if each else None
            )
            all_rows = [row] if not each else all_rows
        actions.add_service(made[-1], by=SYSTEM, code="s", title_lv="Glabāšana", kind_of="storage")
        actions.add_quality(made[-1], by=SYSTEM, standard="ISO9001")
    actions.add_network(eco, by=SYSTEM, code="net", title_lv="Tīkls", members=made)
    actions.add_resource(
        eco, by=SYSTEM, code="res", title_lv="Resurss", collections=list(Collection.objects.all())
    )
    with django_assert_num_queries(queries_):
        assert client.get(f"/en/bees/biobanks/{path}").status_code == 200


def test_anna_and_bruno_keep_the_directory_on_pages() -> None:
    eco = factories.ecosystem()
    hive = factories.organisation("hive")
    people = factories.people(eco, hive)
    anna, bruno, cilda = (signed_in(each) for each in (people.anna, people.bruno, people.cilda))
    base = {"title_lv": "Biobanka", "code": "nectar", "country": "LV", "juristic_person": hive.pk}
    assert cilda.post("/lv/bees/biobanks/add/", base).status_code == 403
    made = anna.post("/lv/bees/biobanks/add/", {**base, "infrastructure": ["SampleStorage"]})
    assert (made.status_code, made["Location"]) == (302, "/lv/bees/biobanks/nectar/")
    sample = {
        "title_lv": "Kolekcija",
        "code": "spring",
        "sample_source": "Human",
        "materials": ["Blood"],
        "dataset_types": ["Clinical"],
        "sexes": ["Female"],
        "diseases": "C34\nE11",
    }
    assert cilda.post("/lv/bees/biobanks/nectar/add-collection/", sample).status_code == 403
    assert bruno.post("/lv/bees/biobanks/nectar/add-collection/", sample).status_code == 302
    row = Collection.objects.get()
    assert row.diseases == ["C34", "E11"]
    edited = bruno.post(
        "/lv/bees/biobanks/nectar/collections/spring/edit/", {**sample, "seen": "1", "subjects": "7"}
    )
    assert edited.status_code == 302
    assert Collection.objects.get().subjects == 7
    stale = bruno.post(
        "/lv/bees/biobanks/nectar/collections/spring/edit/", {**sample, "seen": "1", "subjects": "8"}
    )
    assert stale.status_code == 409
    assert bruno.post("/lv/bees/biobanks/nectar/confirm/").status_code == 302
    assert bruno.post("/lv/bees/biobanks/nectar/add-quality/", {"standard": "ISO9001"}).status_code == 302
    [mark] = queries.qualities(eco)
    assert (
        anna.post(f"/lv/bees/biobanks/quality/{mark.pk}/verify/", {"upheld": "yes", "seen": "1"}).status_code
        == 302
    )
    page = Client().get("/en/bees/biobanks/nectar/").content.decode()
    for expected in ("ISO 9001", "verified", "Kolekcija", "7"):
        assert expected in page
