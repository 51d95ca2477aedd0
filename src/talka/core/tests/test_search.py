"""Search: endings and diacritics forgiven, scopes kept, the same answers on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from talka.core.actions import HUB, SYSTEM
from talka.core.bilingual import both
from talka.core.models import SearchEntry
from talka.core.search import FINDABLE, search, searchable
from talka.domains.actions import add_domain, add_ecosystem, edit_ecosystem
from talka.domains.models import Ecosystem

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
        code: add_ecosystem(HUB, by=SYSTEM, code=code, domain=domain, title_lv=lv, title_en=en) for code, lv, en in rows
    }


def found(text: str, **options: Any) -> list[str]:
    return [Ecosystem.objects.get(pk=hit.entry.subject_id).code for hit in search(text, **options)]


def test_any_ending_and_no_diacritics_find_a_word() -> None:
    drawn(("a", "Paraugi Latvijas biobankām", "Samples for biobanks"), ("b", "Slimnīcu sadarbība", "Hospitals cooperate"))
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


@pytest.mark.parametrize("text", ['"', "a OR b", "NEAR(", "*", "'; drop table core_searchentry; --", "vēzis & !", ":", "(((", "\\", "%"])
def test_no_text_is_a_command(text: str) -> None:
    drawn(("a", "Vēzis", ""))
    search(text)
    assert SearchEntry.objects.count() == 1


@pytest.mark.parametrize("count", [1, 3])
def test_a_search_costs_two_queries(count: int, django_assert_num_queries: Any) -> None:
    drawn(*((f"m{n}", "Zāles", "") for n in range(count)))
    with django_assert_num_queries(2):
        assert len(search("zāles")) == count
