"""Forms that carry out verbs: refusals beside the field, and a conflict in which nothing typed is lost."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.http import QueryDict
from django.utils.translation import override

from talka.core import locking
from talka.core.actions import HUB, SYSTEM, Invalid, Stale, action
from talka.core.forms import VerbForm
from talka.core.models import Change, Event
from talka.core.rules import is_system
from talka.domains.actions import add_domain, add_mission, edit_domain
from talka.domains.models import Domain, Mission

pytestmark = pytest.mark.django_db


@action(needs=is_system)
def rename(
    mission: Mission, *, by: Any, title: str, seen: int | None = None, below: Domain | None = None
) -> Mission:
    locking.check(mission, seen)
    if title == "slikts":
        raise Invalid("This title is taken.", field="title")
    if title == "nekur":
        raise Invalid("It has nowhere to stand.", field="place")
    mission.title_lv = title
    mission.save()
    if below is not None:
        below.title_lv = title
        below.save()
    return mission


class TitleForm(VerbForm):
    title = forms.CharField(max_length=20)


def mission() -> Mission:
    return add_mission(HUB, by=SYSTEM, code="jura", title_lv="Jūra")


def sent(row: Mission, **typed: str) -> TitleForm:
    data = QueryDict(mutable=True)
    data.update(typed)
    return TitleForm(data, subject=row)


def test_a_form_carries_out_its_verb() -> None:
    row = mission()
    form = sent(row, title="Baltijas jūra", seen="1")
    assert form.carry_out(rename, row, by=SYSTEM)
    assert (form.result, Mission.objects.get().title_lv) == (row, "Baltijas jūra")


def test_a_form_knows_what_its_reader_saw() -> None:
    assert TitleForm(subject=mission()).initial == {"seen": 1}
    assert TitleForm().initial == {}


@pytest.mark.parametrize(
    ("title", "errors"),
    [
        ("", {"title": ["This field is required."]}),
        ("slikts", {"title": ["This title is taken."]}),
        ("nekur", {"__all__": ["It has nowhere to stand."]}),
    ],
)
def test_what_is_refused_is_explained_beside_its_field(title: str, errors: dict[str, list[str]]) -> None:
    row = mission()
    with override("en"):
        form = sent(row, title=title, seen="1")
        assert not form.carry_out(rename, row, by=SYSTEM)
        assert form.errors == errors
    assert Mission.objects.get().title_lv == "Jūra"


def test_the_second_of_two_editors_keeps_what_was_typed_and_may_save_over() -> None:
    row = mission()
    rename(Mission.objects.get(), by=SYSTEM, title="Viņu")
    form = sent(row, title="Mana", seen="1")
    assert not form.carry_out(rename, row, by=SYSTEM)
    assert [change.fields["title_lv"]["to"] for change in form.meanwhile] == ["Viņu"]
    assert (form["title"].value(), form["seen"].value()) == ("Mana", "2")
    again = sent(Mission.objects.get(), title=str(form["title"].value()), seen=str(form["seen"].value()))
    assert again.carry_out(rename, Mission.objects.get(), by=SYSTEM)
    assert Mission.objects.get().title_lv == "Mana"


def test_a_row_below_that_moved_on_is_a_conflict_of_the_form_too() -> None:
    """The form then knows the revision of its own row, not of the one below."""
    row = mission()
    old = add_domain(HUB, by=SYSTEM, code="bio", title_lv="Joma")
    for title in ("Viena", "Otra"):
        edit_domain(Domain.objects.get(), by=SYSTEM, title_lv=title)
    form = sent(row, title="Mana", seen="1")
    assert not form.carry_out(rename, row, by=SYSTEM, below=old)
    assert (form["seen"].value(), Mission.objects.get().title_lv) == ("1", "Jūra")


def test_a_form_that_founds_something_can_meet_a_conflict_too() -> None:
    @action(needs=is_system)
    def found(hub: Any, *, by: Any, title: str) -> None:
        raise Stale(mission())

    data = QueryDict(mutable=True)
    data["title"] = "Jauna"
    form = TitleForm(data)
    assert not form.carry_out(found, HUB, by=SYSTEM)
    assert (len(form.non_field_errors()), form.meanwhile) == (1, [])


class WordedForm(VerbForm):
    title_lv = forms.CharField(label="Nosaukums")
    parent = forms.ModelChoiceField(queryset=Domain.objects.all(), label="Virs")
    kind_of = forms.ChoiceField(choices=[("strategy", "Stratēģija"), ("law", "Likums")], label="Veids")


def told(form: VerbForm) -> list[tuple[str, str, str, str]]:
    return [(each.who, each.label, each.before, each.after) for each in form.unseen]


def changed(row: Any, **columns: Any) -> Change:
    """A change as the record holds it."""
    fields = {name: {"from": old, "to": new, "salt": ""} for name, (old, new) in columns.items()}
    change = Change(
        subject_kind=row.kind(), subject_id=row.pk, subject_name=str(row), kind="changed", fields=fields
    )
    change.event = Event(by_name="Bruno Paraugs")
    return change


def test_what_is_unseen_is_told_in_the_words_of_the_form() -> None:
    """A choice by its label, another row by its name; a column that the form does not show is not its matter."""
    row, bees = mission(), add_domain(HUB, by=SYSTEM, code="bees", title_lv="Bites")
    form = WordedForm(subject=row)
    form.meanwhile = [
        changed(
            row,
            title_lv=("Jūra", "Viņu"),
            parent_id=(None, bees.pk),
            kind_of=("law", "strategy"),
            order=(1, 2),
        )
    ]
    assert told(form) == [
        ("Bruno Paraugs", "Nosaukums", "Jūra", "Viņu"),
        ("Bruno Paraugs", "Virs", "", "Bites"),
        ("Bruno Paraugs", "Veids", "Likums", "Stratēģija"),
    ]


def test_an_erased_value_is_not_told() -> None:
    row = mission()
    form = WordedForm(subject=row)
    form.meanwhile = [changed(row)]
    form.meanwhile[0].fields = {"title_lv": {"erased": "0" * 64}}
    assert told(form) == []


@pytest.mark.parametrize(
    ("kind", "pair"), [("created", ("", "Bites")), ("deleted", ("Bites", "")), ("changed", ("Bišu", "Bites"))]
)
def test_rows_below_are_told_by_name(kind: str, pair: tuple[str, str]) -> None:
    row, below = mission(), add_domain(HUB, by=SYSTEM, code="bees", title_lv="Bites")
    form = WordedForm(subject=row)
    change = changed(below, title_lv=("Bišu", "Bites"), order=(1, 2), mission_id=(row.pk, row.pk))
    change.kind = kind
    form.meanwhile = [change]
    assert told(form) == [("Bruno Paraugs", "", *pair)]
    form.below = {"domains.domain": "Joma"}  # type: ignore[misc]  # what a form of a room declares
    assert told(form) == [("Bruno Paraugs", "Joma", *pair)]


def test_what_the_same_verb_did_to_others_is_not_told() -> None:
    """An import changes many rows at once: neither they nor what hangs below them is this form's matter."""
    row, other = mission(), add_mission(HUB, by=SYSTEM, code="mezs", title_lv="Mežs")
    below = add_domain(HUB, by=SYSTEM, code="bees", title_lv="Bites")
    form = WordedForm(subject=row)
    form.meanwhile = [
        changed(other, title_lv=("Mežs", "Purvs")),
        changed(below, title_lv=("Bišu", "Bites"), mission_id=(other.pk, other.pk)),
    ]
    assert told(form) == []
