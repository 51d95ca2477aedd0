"""ROR records: read in both versions, previewed, matched with care, imported once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from talka.core.actions import SYSTEM, Invalid, Stale
from talka.core.models import Event
from talka.parties import actions, queries
from talka.parties.models import CROCKFORD, Organisation
from talka.parties.sheets import ror
from talka.parties.tests import factories as make
from tests.lanes import need_shared

pytestmark = pytest.mark.django_db


def an_id(number: int) -> str:
    """An invented id with right check digits."""
    digits, rest = "", number
    for _ in range(7):
        rest, digit = divmod(rest, 32)
        digits = CROCKFORD[digit] + digits
    return f"{digits}{98 - number * 100 % 97:02}"


def version_2(number: int, *names: tuple[str, str | None, str], **more: Any) -> dict[str, Any]:
    """A record as version 2 writes it; names are (text, language, types parted by spaces)."""
    return {
        "id": f"https://ror.org/{an_id(number)}",
        "names": [
            {"value": text, "lang": language, "types": types.split()} for text, language, types in names
        ],
        "status": "active",
        "types": ["education"],
        "links": [
            {"type": "wikipedia", "value": "https://wiki.test"},
            {"type": "website", "value": "https://paraugs.test"},
        ],
        "locations": [{"geonames_details": {"country_code": "LV"}}],
        "relationships": [],
        **more,
    }


def version_1(number: int, name: str, **more: Any) -> dict[str, Any]:
    """A record as version 1 writes it."""
    return {
        "id": f"https://ror.org/{an_id(number)}", "name": name, "status": "active", "types": ["Education"], "links": [],
        "labels": [], "aliases": [], "acronyms": [], "country": {"country_code": "LV"}, "relationships": [], **more,
    }  # fmt: skip


def linked(kind: str, number: int, label: str = "") -> list[dict[str, str]]:
    return [{"type": kind, "id": f"https://ror.org/{an_id(number)}", "label": label}]


def records(*items: Any) -> list[ror.Record]:
    found, problems = ror.read(json.dumps(items).encode(), "file.json")
    assert problems == []
    return found


def looked_at(*items: Any, **decisions: str) -> ror.Preview:
    return ror.preview(records(*items), decisions=decisions)


def kinds(preview: ror.Preview) -> list[str]:
    return [item.kind for item in preview.items]


def names(organisation: Organisation) -> set[tuple[str, str]]:
    return {(each.name, each.language) for each in organisation.other_names.all()}


KU2 = (
    ("KU", None, "acronym"),
    ("Cardboard University", "en", "ror_display label"),
    ("Kartona universitāte", "lv", "label"),
    ("Картонный университет", "ru", "label"),
    ("Papes augstskola", "lv", "alias"),
)


# ---------------------------------------------------------------- reading


def test_version_2_is_read() -> None:
    (found,) = records(version_2(1, *KU2, relationships=linked("parent", 2) + linked("child", 3)))
    assert (found.ror, found.place) == (an_id(1), "file.json, record 1")
    assert (found.name_lv, found.name_en, found.acronym) == (
        "Kartona universitāte",
        "Cardboard University",
        "KU",
    )
    assert found.labels[2] == ("Картонный университет", "ru")
    assert (found.website, found.country, found.withdrawn) == ("https://paraugs.test", "LV", False)
    assert (found.parents, found.successors) == ((an_id(2),), ())
    assert found.kind_and_helix() == ("university", "science")


def test_version_1_is_read() -> None:
    (found,) = records(
        version_1(
            1,
            "Cardboard University",
            labels=[{"label": "Kartona universitāte", "iso639": "lv"}],
            acronyms=["KU"],
            aliases=["Papes augstskola"],
            links=["http://paraugs.test"],
            status="withdrawn",
            relationships=linked("Successor", 2, "Straw University"),
        )
    )
    assert (found.name_lv, found.name_en, found.acronym) == (
        "Kartona universitāte",
        "Cardboard University",
        "KU",
    )
    assert (found.website, found.withdrawn) == ("http://paraugs.test", True)
    assert found.successors == ((an_id(2), "Straw University"),)


@pytest.mark.parametrize(
    ("names", "lv", "en"),
    [
        ([("Salmu birojs", None, "label ror_display")], "Salmu birojs", ""),
        ([("Straw Office", "en", "label ror_display")], "Straw Office", ""),
        (
            [("Salmu birojs", "lv", "label ror_display"), ("Straw Office", "en", "alias")],
            "Salmu birojs",
            "Straw Office",
        ),
        ([("SB", "lv", "acronym"), ("Straw Office", "en", "ror_display")], "Straw Office", ""),
    ],
)
def test_a_name_missing_in_one_language_is_not_invented(names: list[Any], lv: str, en: str) -> None:
    (found,) = records(version_2(1, *names))
    assert (found.name_lv, found.name_en) == (lv, en)


@pytest.mark.parametrize(
    ("types", "name", "kind", "helix"),
    [
        (["funder", "education"], "Kartona universitāte", "university", "science"),
        (["education"], "Kartona koledža", "college", "science"),
        (["education"], "Cardboard College", "college", "science"),
        (["healthcare"], "Kartona slimnīca", "hospital", "public"),
        (["company", "funder"], "Kartons", "company", "business"),
        (["funder", "nonprofit"], "Kartona biedrība", "association", "society"),
        (["government"], "Kartona pārvalde", "authority", "public"),
        (["facility"], "Kartona institūts", "institute", "science"),
        (["other"], "Kartons", "other", "science"),
        ([], "Kartons", "other", "science"),
    ],
)
def test_types_say_what_it_is(types: list[str], name: str, kind: str, helix: str) -> None:
    (found,) = records(version_2(1, (name, "lv", "label ror_display"), types=types))
    assert found.kind_and_helix() == (kind, helix)


def test_one_record_a_list_and_the_answer_of_a_search_are_read() -> None:
    one = version_2(1, *KU2)
    for content in (one, [one], {"number_of_results": 1, "items": [one]}):
        assert [each.ror for each in ror.read(json.dumps(content).encode(), "file.json")[0]] == [an_id(1)]


def test_other_countries_are_left_alone() -> None:
    abroad = version_2(2, *KU2, locations=[{"geonames_details": {"country_code": "EE"}}])
    data = json.dumps([version_2(1, *KU2), abroad]).encode()
    assert [each.ror for each in ror.read(data, "f")[0]] == [an_id(1)]
    assert [each.ror for each in ror.read(data, "f", country="EE")[0]] == [an_id(2)]
    assert len(ror.read(data, "f", country="")[0]) == 2


@pytest.mark.parametrize("data", [b"", b"{", b"12", b'"x"', b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_holds_no_records_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        ror.read(data, "file.json")
    assert str(refused.value).startswith("file.json ")


def test_a_bad_record_is_named_and_the_others_are_read() -> None:
    wrong = version_2(2, *KU2) | {"id": "https://ror.org/" + an_id(2)[:-2] + "00"}
    found, problems = ror.read(
        json.dumps(
            [
                version_2(1, *KU2),
                wrong,
                {"name": "no id"},
                None,
                version_2(1, *KU2),
                version_2(3) | {"names": "text"},
                version_2(4),
            ]
        ).encode(),
        "f.json",
    )
    assert [each.ror for each in found] == [an_id(1)]
    assert [(problem.place, problem.message) for problem in problems] == [
        (
            "f.json, record 2",
            f"“{an_id(2)[:-2]}00” has a mistyped character: its last two digits do not check. Copy it from ror.org.",
        ),
        ("f.json, record 3", "This is no ROR record: it has no “id”."),
        ("f.json, record 4", "This is no ROR record: it has no “id”."),
        ("f.json, record 5", f"{an_id(1)} stands twice; first at f.json, record 1"),
        (
            "f.json, record 6",
            f"{an_id(3)} is not written as the registry writes its records, version 1 or 2.",
        ),
        ("f.json, record 7", f"{an_id(4)} has no name."),
    ]
    with pytest.raises(Invalid, match=r"at f\.json, record 2"):
        ror.apply(ror.preview(found, problems), by=SYSTEM)
    assert Organisation.objects.count() == 0


# ---------------------------------------------------------------- matching


def test_a_new_organisation_comes_with_all_its_names() -> None:
    preview = looked_at(version_2(1, *KU2))
    assert kinds(preview) == ["new"]
    ror.apply(preview, by=SYSTEM)
    found = Organisation.objects.get()
    assert (found.code, found.acronym, found.ror, found.kind_of, found.helix) == (
        "ku",
        "KU",
        an_id(1),
        "university",
        "science",
    )
    assert (found.name_lv, found.name_en, found.website) == (
        "Kartona universitāte",
        "Cardboard University",
        "https://paraugs.test",
    )
    assert names(found) == {("Картонный университет", "ru"), ("Papes augstskola", "lv")}


def test_a_known_id_adds_and_never_overwrites() -> None:
    ours = make.organisation(
        "ku", name_lv="Mūsu Kartona universitāte", acronym="MKU", ror=an_id(1), website="https://ours.test"
    )
    preview = looked_at(version_2(1, *KU2))
    assert kinds(preview) == ["changed"]
    ror.apply(preview, by=SYSTEM)
    ours.refresh_from_db()
    assert (ours.name_lv, ours.acronym, ours.website) == (
        "Mūsu Kartona universitāte",
        "MKU",
        "https://ours.test",
    )
    assert ours.name_en == "Cardboard University"
    assert names(ours) == {
        ("Kartona universitāte", "lv"),
        ("KU", ""),
        ("Картонный университет", "ru"),
        ("Papes augstskola", "lv"),
    }


def test_one_organisation_of_that_name_is_it() -> None:
    ours = make.organisation("ku", name_lv="Augstskola", aliases=["kartona  UNIVERSITĀTE"])
    preview = looked_at(version_2(1, *KU2))
    assert [(item.kind, item.current) for item in preview.items] == [("changed", ours)]
    ror.apply(preview, by=SYSTEM)
    ours.refresh_from_db()
    assert ours.ror == an_id(1)


def test_an_organisation_with_another_id_is_not_it() -> None:
    make.organisation("ku", name_lv="Kartona universitāte", ror=an_id(9))
    assert kinds(looked_at(version_2(1, *KU2))) == ["new"]


def test_an_acronym_alone_or_several_of_a_name_are_left_to_a_person() -> None:
    by_acronym = make.organisation("kuldigas", acronym="KU", name_lv="Kurpju uzņēmums")
    one = make.organisation("one", name_lv="Salmu nams")
    two = make.organisation("two", name_lv="Salmu nams")
    straw = version_2(2, ("Salmu nams", "lv", "label ror_display"))
    preview = looked_at(version_2(1, *KU2), straw)
    assert [(item.kind, item.candidates) for item in preview.items] == [
        ("open", [by_acronym]),
        ("open", [one, two]),
    ]
    assert ror.apply(preview, by=SYSTEM) == []

    decided = looked_at(version_2(1, *KU2), straw, **{an_id(1): "new", an_id(2): "two"})
    assert kinds(decided) == ["new", "changed"]
    ror.apply(decided, by=SYSTEM)
    two.refresh_from_db()
    assert two.ror == an_id(2)
    made = Organisation.objects.get(ror=an_id(1))
    assert made.acronym == ""  # it is taken here; the new one keeps it as a further name
    assert ("KU", "") in names(made)


def test_a_decision_names_a_candidate_or_nothing() -> None:
    make.organisation("one", name_lv="Salmu nams")
    make.organisation("two", name_lv="Salmu nams")
    make.organisation("stranger")
    straw = version_2(2, ("Salmu nams", "lv", "label ror_display"))
    for decision, kind in (("stranger", "open"), ("", "open"), ("leave", "left"), ("new", "new")):
        assert kinds(looked_at(straw, **{an_id(2): decision})) == [kind]


def test_two_records_are_never_both_one_organisation() -> None:
    ours = make.organisation("ku", name_lv="Kartona universitāte")
    preview = looked_at(version_2(1, *KU2), version_2(2, ("Kartona universitāte", "lv", "label ror_display")))
    assert [(item.kind, item.candidates) for item in preview.items] == [("open", [ours]), ("open", [ours])]


def test_parents_and_successors_are_joined_wherever_they_stand() -> None:
    top = make.organisation("top", ror=an_id(1))
    institute = version_2(
        2, ("Salmu institūts", "lv", "label ror_display"), relationships=linked("parent", 1)
    )
    lab = version_2(3, ("Salmu laboratorija", "lv", "label ror_display"), relationships=linked("parent", 2))
    orphan = version_2(
        4, ("Salmu fonds", "lv", "label ror_display"), relationships=linked("parent", 99, "Far Away Inc.")
    )
    old = version_1(5, "Vecais salmu nams", status="withdrawn", relationships=linked("Successor", 2))
    gone = version_1(6, "Papes nams", status="withdrawn", relationships=linked("Successor", 98, "Straw Ltd"))
    preview = looked_at(lab, institute, orphan, old, gone)
    assert preview.items[4].notes == [f"taken over by Straw Ltd ({an_id(98)}), which is not on this hub"]
    ror.apply(preview, by=SYSTEM)
    found = {each.ror: each for each in queries.organisations().select_related("successor")}
    assert found[an_id(2)].parent == top
    assert found[an_id(3)].parent == found[an_id(2)]
    assert found[an_id(4)].parent is None
    assert (found[an_id(5)].withdrawn, found[an_id(5)].successor) == (True, found[an_id(2)])
    assert (found[an_id(6)].withdrawn, found[an_id(6)].successor) == (True, None)
    assert kinds(looked_at(lab, institute, orphan, old, gone)) == ["same"] * 5


def test_a_parent_that_people_set_stays() -> None:
    ours = make.organisation("ours", parent=make.organisation("chosen"), ror=an_id(2))
    make.organisation("top", ror=an_id(1))
    ror.apply(looked_at(version_2(2, *KU2, relationships=linked("parent", 1))), by=SYSTEM)
    ours.refresh_from_db()
    assert ours.parent is not None
    assert ours.parent.code == "chosen"


def test_two_of_a_file_with_one_acronym_share_it_out() -> None:
    preview = looked_at(version_2(1, *KU2), version_1(2, "Ķirbju uzņēmums", acronyms=["KU"]))
    assert kinds(preview) == ["new", "new"]
    ror.apply(preview, by=SYSTEM)
    assert list(Organisation.objects.order_by("ror").values_list("acronym", flat=True)) == ["KU", ""]


def test_what_changed_since_the_preview_stops_the_import() -> None:
    ours = make.organisation("ku", ror=an_id(1))
    preview = looked_at(version_2(1, *KU2))
    before = preview.fingerprint
    actions.edit_organisation(Organisation.objects.get(pk=ours.pk), by=SYSTEM, source="cits avots")
    assert looked_at(version_2(1, *KU2)).fingerprint != before
    with pytest.raises(Stale):
        ror.apply(preview, by=SYSTEM)


def test_what_would_change_is_shown_in_words() -> None:
    make.organisation("ku", name_lv="Kartona universitāte")
    (item,) = looked_at(version_2(1, *KU2)).items
    assert list(ror.differences(item)) == [
        ("ROR id", "", an_id(1)),
        ("website", "", "https://paraugs.test"),
        ("name (en)", "", "Cardboard University"),
        ("acronym", "", "KU"),
        ("Other names", "", "Картонный университет (ru)\nPapes augstskola (lv)"),
    ]


# ---------------------------------------------------------------- the real records


def test_the_registrys_latvian_records_go_in_once() -> None:
    data = need_shared("conformance/ror/latvia.json").read_bytes()
    lu = make.organisation(
        "lu",
        acronym="LU",
        name_lv="Latvijas Universitāte",
        helix="science",
        kind_of="university",
        ror="05g3mes96",
    )
    rsu = make.organisation(
        "rsu", acronym="RSU", name_lv="Rīgas Stradiņa universitāte", helix="science", kind_of="university"
    )
    found, problems = ror.read(data, "latvia.json")
    assert (len(found), problems) == (34, [])
    preview = ror.preview(found)
    assert {kind: preview.count(kind) for kind in ("new", "changed", "open")} == {
        "new": 32,
        "changed": 2,
        "open": 0,
    }
    ror.apply(preview, by=SYSTEM)

    assert Organisation.objects.count() == 34
    rsu.refresh_from_db()
    assert rsu.ror == "03nadks56"
    assert ("Rygos Stradinio universitetas", "lt") in names(rsu)
    institute = queries.find("LU MII")
    assert institute is not None
    assert (institute.parent, institute.kind_of, institute.name_en) == (
        lu,
        "institute",
        "UL Institute of Mathematics and Computer Science",
    )
    withdrawn = Organisation.objects.filter(withdrawn=True)
    assert {each.ror: each.successor for each in withdrawn} == {
        "00hkmzk74": None,
        "03ts3j724": None,
        "05awt9555": lu,
    }
    college = Organisation.objects.get(ror="03x1zq178")
    assert (college.name_lv, college.acronym, college.kind_of) == (
        "Biznesa vadības koledža",
        "BVK",
        "college",
    )

    events = Event.objects.count()
    again = ror.preview(found)
    assert set(kinds(again)) == {"same"}
    assert ror.apply(again, by=SYSTEM) == []
    assert Event.objects.count() == events
