"""Organisations under every spelling, near misses, words of names, and pairs that may be one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.translation import override

from talka.core.actions import SYSTEM
from talka.parties import actions, queries
from talka.parties.models import Organisation
from talka.parties.queries import duplicates
from talka.parties.tests import factories as make

pytestmark = pytest.mark.django_db


def codes(organisations: object) -> list[str]:
    return [each.code for each in organisations]  # type: ignore[attr-defined]


def test_every_spelling_means_its_organisation() -> None:
    lu = make.organisation("lu", acronym="KU", name_lv="Kartona universitāte", name_en="Cardboard University")
    make.organisation(
        "lu-kpmi", acronym="KPMI", name_lv="Medicīnas institūts", parent=lu, aliases=["Medicīnas institūta"]
    )
    found = {spelling: each.code for spelling, each in queries.spellings().items()}
    assert found == {
        "lu": "lu",
        "ku": "lu",
        "kartona universitāte": "lu",
        "cardboard university": "lu",
        "lu-kpmi": "lu-kpmi",
        "kpmi": "lu-kpmi",
        "medicīnas institūts": "lu-kpmi",
        "medicīnas institūta": "lu-kpmi",
        "ku kpmi": "lu-kpmi",
        "ku medicīnas institūts": "lu-kpmi",
        "kartona universitāte kpmi": "lu-kpmi",
        "kartona universitāte medicīnas institūts": "lu-kpmi",
        "cardboard university kpmi": "lu-kpmi",
        "cardboard university medicīnas institūts": "lu-kpmi",
    }
    assert queries.find("  Kartona   UNIVERSITĀTE ") == lu
    assert queries.find("LU KPMI") is None


def test_an_acronym_that_already_names_the_whole_is_not_doubled() -> None:
    lu = make.organisation("lu", acronym="KU", name_lv="Kartona universitāte")
    make.organisation("mbi", acronym="KU MBI", name_lv="Mikrobu institūts", parent=lu)
    assert "ku ku mbi" not in queries.spellings()
    assert queries.find("KU MBI") == queries.find("mbi")


def test_a_spelling_of_several_means_none_unless_one_alone_still_exists() -> None:
    one = make.organisation("one", aliases=["Centrs"])
    two = make.organisation("two", aliases=["Centrs"])
    assert queries.find("centrs") is None
    actions.withdraw(one, by=SYSTEM)
    assert queries.find("centrs") == two


def test_a_name_outranks_another_organisations_further_name() -> None:
    make.organisation("old", name_lv="Jaunais institūts", aliases=["Vecais institūts"])
    named = make.organisation("named", name_lv="Vecais institūts")
    assert queries.find("vecais institūts") == named


def test_the_code_of_a_merged_duplicate_means_what_it_became() -> None:
    stays, goes = make.organisation("stays"), make.organisation("goes", name_lv="Cits vārds")
    actions.merge(goes, by=SYSTEM, into=stays)
    assert queries.find("goes") == queries.find("Cits vārds") == stays


def test_spellings_cost_the_same_for_one_and_for_three(django_assert_num_queries: object) -> None:
    for number in range(3):
        make.organisation(f"o{number}", aliases=[f"Vārds {number}", f"Otrs {number}"])
        with django_assert_num_queries(3):  # type: ignore[operator]
            queries.spellings()


def test_the_nearest_are_offered_best_first() -> None:
    make.organisation("lzp", acronym="LZP", name_lv="Zinātnes padome")
    make.organisation("zm", acronym="ZM", name_lv="Zemes ministrija")
    make.organisation("vm", acronym="VM", name_lv="Veselības ministrija")
    assert codes(queries.nearest("Veselibas ministrijai")) == ["vm", "zm"]
    assert codes(queries.nearest("Zinatnes padomes", limit=1)) == ["lzp"]
    assert queries.nearest("qwxyz") == []


def test_words_find_names_whatever_their_endings_and_diacritics() -> None:
    make.organisation(
        "osi", acronym="OSI", name_lv="Organiskās sintēzes institūts", aliases=["Институт синтеза"]
    )
    make.organisation("bmc", name_lv="Biomedicīnas studiju centrs", name_en="Biomedical study centre")
    make.organisation("gone", name_lv="Sintēzes birojs")
    actions.merge(Organisation.objects.get(code="gone"), by=SYSTEM, into=Organisation.objects.get(code="osi"))
    assert {
        text: codes(queries.by_words(text))
        for text in ("sintezes instituta", "osi", "институт", "centre", "birojs")
    } == {
        "sintezes instituta": ["osi"],
        "osi": ["osi"],
        "институт": ["osi"],
        "centre": ["bmc"],
        "birojs": ["osi"],
    }
    assert codes(queries.narrowed("", helix="public", kind="authority")) == ["bmc", "osi"]
    assert codes(queries.narrowed("", helix="science")) == []


def test_names_stand_as_in_a_latvian_dictionary_in_the_readers_language() -> None:
    names = [
        "Zāļu",
        "Šķēres",
        "Sabiedrība",
        "Ķīmija",
        "Krāsa",
        "ābece",
        "Abava",
        "Čiekurs",
        "Cukurs",
        "Žagari",
    ]
    for number, name in enumerate(names):
        make.organisation(f"o{number}", name_lv=name, name_en=f"{9 - number} English")
    with override("lv"):
        found = queries.by_keys(queries.in_order(queries.organisations()))
        assert [each.name for each in found] == [
            "Abava", "ābece", "Cukurs", "Čiekurs", "Krāsa", "Ķīmija", "Sabiedrība", "Šķēres", "Zāļu", "Žagari"
        ]  # fmt: skip
    found = queries.by_keys(queries.in_order(queries.organisations()))
    assert [each.name for each in found] == [f"{number} English" for number in range(10)]


def test_sectors_are_counted_without_duplicates() -> None:
    stays, goes = make.organisation("stays", helix="science"), make.organisation("goes", helix="science")
    make.organisation("firm", helix="business")
    actions.merge(goes, by=SYSTEM, into=stays)
    assert queries.helix_counts() == {"science": 1, "business": 1, "public": 0, "society": 0}


def test_staff_are_those_who_work_there_today() -> None:
    place = make.organisation("place")
    today = timezone.localdate()
    for given, starts, ends in (
        ("Anna", None, None),
        ("Bruno", today, today),
        ("Cilda", None, today - timedelta(days=1)),
        ("Elza", today + timedelta(days=1), None),
    ):
        actions.affiliate(make.person(given), by=SYSTEM, organisation=place, starts=starts, ends=ends)
    assert sorted(each.person.given for each in queries.staff(place)) == ["Anna", "Bruno"]


def test_people_are_found_by_folded_parts_of_names() -> None:
    make.person("Šarlote", "Ķauķe")
    make.person("Karlote", "Auce")
    assert [str(each) for each in queries.people_named("kauk sar")] == ["Šarlote Ķauķe"]
    assert [str(each) for each in queries.people_named("arlote")] == ["Karlote Auce", "Šarlote Ķauķe"]


# ---------------------------------------------------------------- duplicates


def pairs() -> dict[tuple[str, str], tuple[str, ...]]:
    return {(each.first.code, each.second.code): each.reasons for each in duplicates.candidates()}


def test_what_may_be_one_organisation_is_found_with_its_reason() -> None:
    make.organisation("sia", name_lv="SIA “Salmu tornis”")
    make.organisation("tower", name_lv="Salmu tornis", website="https://salmi.test")
    make.organisation("typo", name_lv="Kartona petījumu un studiju centrs")
    make.organisation("right", name_lv="Kartona pētījumu un studiju centrs", acronym="KPSC")
    make.organisation("acronym", name_lv="Pētniecības nams", aliases=["KPSC"])
    make.organisation("site", name_lv="Tornis", website="https://www.salmi.test/par")
    make.organisation("alone", name_lv="Ķirbju birojs")
    assert pairs() == {
        ("sia", "tower"): ("names alike: “SIA “Salmu tornis”” and “Salmu tornis”",),
        ("typo", "right"): ("the same name: “Kartona petījumu un studiju centrs”",),
        ("acronym", "right"): ("the same acronym: KPSC",),
        ("site", "tower"): ("the same website: salmi.test",),
    }


def test_a_mistyped_word_is_found_and_a_different_one_is_not() -> None:
    make.organisation("one", name_lv="Kartona universitātes Fizikas institūts")
    make.organisation("two", name_lv="Kartona universitātes Ķīmijas institūts")
    make.organisation("three", name_lv="Kartona universitātes Fzikas institūts")
    make.organisation("four", name_lv="Kartona universitāte")
    found = pairs()
    assert [set(pair) for pair in found] == [{"one", "three"}]
    assert next(iter(found.values()))[0].startswith("names alike: ")


def test_a_part_and_its_whole_are_two_and_so_are_a_predecessor_and_its_successor() -> None:
    whole = make.organisation("whole", name_lv="Salmu nams", website="https://salmi.test")
    make.organisation("part", name_lv="Salmu nams", parent=whole, website="https://salmi.test")
    old, new = make.organisation("old", name_lv="Papes nams"), make.organisation("new", name_lv="Papes nams")
    actions.withdraw(old, by=SYSTEM, successor=new)
    for number in range(2):
        make.organisation(
            f"i{number}", name_lv=f"Institūts {number}00", parent=new, website="https://pape.test"
        )
    assert pairs() == {}


def test_merging_settles_a_pair() -> None:
    one, two = make.organisation("one", name_lv="Salmu nams"), make.organisation("two", name_lv="Salmu nams")
    assert len(pairs()) == 1
    actions.merge(two, by=SYSTEM, into=one)
    assert pairs() == {}


def test_looking_for_duplicates_costs_two_queries(django_assert_num_queries: object) -> None:
    for number in range(3):
        make.organisation(f"o{number}", name_lv="Salmu nams", aliases=[f"Vārds {number}"])
        with django_assert_num_queries(2):  # type: ignore[operator]
            duplicates.candidates()
