"""Search: endings and diacritics forgiven, scopes kept, the same answers on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from talka.core.actions import HUB, SYSTEM
from talka.core.bilingual import both
from talka.core.models import SearchEntry
from talka.core.search import CANDIDATES, FINDABLE, refresh, search, searchable
from talka.domains.actions import add_domain, add_ecosystem, add_mission, edit_ecosystem
from talka.domains.models import Ecosystem, Mission

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def findable_ecosystems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FINDABLE, Ecosystem.kind(), None)
    searchable(
        Ecosystem,
        title=lambda row: both(row, "title"),
        summary=lambda row: both(row, "summary"),
        words=lambda row: row.code,
        public=lambda row: row.code != "slepena",
    )


def drawn(*rows: tuple[str, str, str]) -> dict[str, Ecosystem]:
    domain = add_domain(HUB, by=SYSTEM, code="bio", title_lv="Joma")
    return {
        code: add_ecosystem(HUB, by=SYSTEM, code=code, domain=domain, title_lv=lv, title_en=en)
        for code, lv, en in rows
    }


def found(text: str, **options: Any) -> list[str]:
    return [Ecosystem.objects.get(pk=hit.entry.subject_id).code for hit in search(text, **options)]


def test_any_ending_and_no_diacritics_find_a_word() -> None:
    drawn(
        ("a", "Paraugi Latvijas biobankām", "Samples for biobanks"),
        ("b", "Slimnīcu sadarbība", "Hospitals cooperate"),
    )
    for text in ("biobanka", "BIOBANKU", "biobankas paraugs", "biobank", "sample", "paraug"):
        assert found(text) == ["a"], text
    for text in ("slimnīca", "slimnica", "sadarbibas", "hospital", "cooperation slimnīcā"[12:]):
        assert found(text) == ["b"], text
    assert found("biobanka slimnīca") == []
    assert found("nekas") == []
    assert found("  ") == []


def test_a_title_counts_more_than_a_summary() -> None:
    rows = drawn(("a", "Pacienti", ""), ("b", "Cits", ""))
    edit_ecosystem(rows["b"], by=SYSTEM, summary_lv="Par pacientiem")
    assert found("pacients") == ["a", "b"]


def test_the_index_follows_the_verb() -> None:
    rows = drawn(("a", "Vecais nosaukums", ""))
    edit_ecosystem(rows["a"], by=SYSTEM, title_lv="Farmācija")
    assert (found("vecais"), found("farmācijas")) == ([], ["a"])
    assert SearchEntry.objects.count() == 1


def test_scopes_are_kept() -> None:
    rows = drawn(("a", "Vēzis", ""), ("slepena", "Vēzis", ""))
    assert found("vēzis") == ["a"]
    assert sorted(found("vēzis", public_only=False)) == ["a", "slepena"]
    assert found("vēzis", public_only=False, ecosystem_id=rows["slepena"].pk) == ["slepena"]
    assert found("vēzis", kind="plan.measure") == []


@pytest.mark.parametrize(
    "text",
    ['"', "a OR b", "NEAR(", "*", "'; drop table core_searchentry; --", "vēzis & !", ":", "(((", "\\", "%"],
)
def test_no_text_is_a_command(text: str) -> None:
    drawn(("a", "Vēzis", ""))
    search(text)
    assert SearchEntry.objects.count() == 1


@pytest.mark.parametrize("count", [1, 3])
def test_a_search_costs_two_queries(count: int, django_assert_num_queries: Any) -> None:
    drawn(*((f"m{n}", "Zāles", "") for n in range(count)))
    with django_assert_num_queries(2):
        assert len(search("zāles")) == count


def test_the_best_are_found_among_however_many() -> None:
    """More rows match than are ranked. Those with the word in the title come first, the one called so before all."""
    many = [
        Ecosystem(
            pk=1000 + n, code=f"c{n}", title_lv=f"Pasākums {n}", summary_lv="Par biobankām un pacientiem"
        )
        for n in range(CANDIDATES + 50)
    ]
    titled = [
        Ecosystem(pk=2000 + n, code=f"t{n}", title_lv=f"Pacientu biobankas darbs {n}") for n in range(3)
    ]
    called = Ecosystem(pk=3000, code="b", title_lv="Cits", title_en="Biobank of patients")
    refresh([*many, *titled, called])
    assert [hit.entry.subject_id for hit in search("biobank", limit=4)] == [3000, 2000, 2001, 2002]
    assert [hit.entry.subject_id for hit in search("biobanka", limit=4)] == [3000, 2000, 2001, 2002]
    assert [hit.entry.subject_id for hit in search("pacientu biobankas darbs 2", limit=1)] == [2002]
    assert search("biobank of patients", limit=1)[0].entry.subject_id == 3000
    assert len(search("biobanka", limit=1000)) == CANDIDATES


def test_an_ecosystem_is_searched_with_what_belongs_to_none(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = drawn(("a", "Vēzis", ""), ("b", "Vēzis", ""))
    monkeypatch.setitem(FINDABLE, Mission.kind(), None)
    searchable(Mission, title=lambda row: both(row, "title"), public=lambda row: row.code != "x")
    monkeypatch.setattr(Mission, "get_absolute_url", lambda row: "/lv/", raising=False)
    add_mission(HUB, by=SYSTEM, code="m", title_lv="Vēža misija")
    add_mission(HUB, by=SYSTEM, code="x", title_lv="Slepena vēža misija")
    kinds = [hit.entry.kind for hit in search("vēzis", ecosystem_id=rows["a"].pk)]
    assert kinds == ["domains.ecosystem", "domains.mission"]
    assert len(search("vēzis", ecosystem_id=rows["a"].pk, public_only=False)) == 3


def test_what_is_not_public_is_found_by_those_inside() -> None:
    rows = drawn(("slepena", "Vēzis", ""), ("b", "Vēzis", ""))
    inside = {code: [row.pk] for code, row in rows.items()}
    assert found("vēzis", inside=inside["slepena"]) == ["slepena", "b"]
    assert found("vēzis", inside=inside["b"]) == ["b"]


def test_marks_are_no_words() -> None:
    """Whoever types the marks of the index gets no more than what the scope lets through."""
    rows = drawn(("slepena", "Vēzis", ""))
    for text in ("xpub", "xhub", f"xe{rows['slepena'].pk}", "xkdomainsecosystem", "xtvez", "xqvez"):
        assert found(text) == [], text
