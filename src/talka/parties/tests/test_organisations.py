"""Organisations: what verbs keep and refuse, and what merging two of them moves."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import models
from django.utils import timezone

from talka.core import events
from talka.core.actions import HUB, SYSTEM, Invalid, Stale
from talka.core.models import Event, Noun, Report
from talka.core.search import search
from talka.core.testing import acting
from talka.parties import actions, queries
from talka.parties.models import Affiliation, Organisation, OtherName
from talka.parties.tests import factories as make
from talka.parties.tests.test_identifiers import checked

pytestmark = pytest.mark.django_db


def refused(field: str | None, verb: Any, subject: Any, **values: Any) -> str:
    """Calls the verb, which must refuse the field; returns what it says."""
    with pytest.raises(Invalid) as error:
        verb(subject, by=SYSTEM, **values)
    assert error.value.field == field
    return str(error.value)


def names(organisation: Organisation) -> set[tuple[str, str]]:
    return {(each.name, each.language) for each in organisation.other_names.all()}


# ---------------------------------------------------------------- adding and editing


def test_a_code_comes_from_the_acronym_or_the_name_and_is_never_taken_twice() -> None:
    codes = [
        make.organisation(acronym="KU SI", name_lv="Kartona universitātes Salmu institūts").code,
        make.organisation(name_lv="Ķirbju šķirotava").code,
        make.organisation(name_lv="Ķirbju šķirotava!").code,
    ]
    assert codes == ["ku-si", "kirbju-skirotava", "kirbju-skirotava-2"]


def test_further_names_are_kept_once_and_never_repeat_the_name() -> None:
    found = make.organisation(
        "ku", acronym="KU", name_lv="Kartona universitāte", aliases=["KU", "Kartons", "kartons "]
    )
    assert names(found) == {("Kartons", "")}
    actions.edit_organisation(found, by=SYSTEM, aliases=["Papes universitāte"])
    assert names(found) == {("Papes universitāte", "")}
    actions.add_names(found, by=SYSTEM, names=[("Картонный университет", "ru"), ("PAPES UNIVERSITĀTE", "")])
    assert names(found) == {("Papes universitāte", ""), ("Картонный университет", "ru")}


def test_a_change_of_names_alone_is_a_change_of_the_organisation() -> None:
    found = make.organisation("ku")
    actions.edit_organisation(found, by=SYSTEM, aliases=["Kartons"])
    assert found.revision == 2
    with pytest.raises(Stale):
        actions.edit_organisation(found, by=SYSTEM, seen=1, name_lv="Cits")


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("name_lv", {"name_lv": ""}),
        ("name_lv", {"name_lv": "x" * 301}),
        ("helix", {"helix": "garage"}),
        ("ror", {"ror": "03nadks57"}),
        ("registration_number", {"registration_number": "123"}),
        ("website", {"website": "javascript:alert(1)"}),
        ("code", {"code": "two words"}),
        ("successor", {"successor": "lu"}),
    ],
)
def test_what_cannot_be_kept_is_refused_beside_its_field(field: str, values: dict[str, Any]) -> None:
    if "successor" in values:
        values = {"successor": make.organisation("lu")}
    good = {"code": "ku", "name_lv": "Kartona universitāte", "helix": "science", "kind_of": "university"}
    refused(field, actions.add_organisation, HUB, **{**good, **values})
    assert not Organisation.objects.filter(code="ku").exists()


def test_what_tells_organisations_apart_belongs_to_one() -> None:
    number = checked("4000999911")
    make.organisation(
        "ku", acronym="ĶU", name_lv="Kartona universitāte", ror="03nadks56", registration_number=number
    )
    for field, value in (
        ("ror", "03nadks56"),
        ("registration_number", number),
        ("acronym", "ķu"),
        ("code", "ku"),
    ):
        values = {"code": "cits", "name_lv": "Cits", "helix": "science", "kind_of": "other", field: value}
        assert "“Kartona universitāte”" in refused(field, actions.add_organisation, HUB, **values)
    # An acronym may repeat abroad, and after its bearer is gone.
    make.organisation("abroad", acronym="ĶU", country="DE")
    actions.withdraw(Organisation.objects.get(code="ku"), by=SYSTEM)
    make.organisation("next", acronym="ĶU")


def test_nothing_is_part_of_itself_over_any_number_of_steps() -> None:
    whole = make.organisation("whole")
    part = make.organisation("part", parent=whole)
    piece = make.organisation("piece", parent=part)
    refused("parent", actions.edit_organisation, whole, parent=piece)
    assert [each.code for each in queries.above(piece)] == ["part", "whole"]


def test_what_no_longer_exists_names_what_took_its_place() -> None:
    old, new = make.organisation("old"), make.organisation("new")
    actions.withdraw(old, by=SYSTEM, successor=new)
    assert (old.withdrawn, old.successor) == (True, new)
    assert list(queries.predecessors(new)) == [old]
    refused("successor", actions.withdraw, new, successor=old)


# ---------------------------------------------------------------- merging


def test_merging_keeps_names_people_parts_and_history() -> None:
    stays = make.organisation("liaa", acronym="LIA", name_lv="Aģentūra", website="https://paraugs.test")
    goes = make.organisation(
        "liaa-2",
        acronym="LIA2",
        name_lv="Aģentūra (dubultā)",
        name_en="Agency",
        ror="03nadks56",
        aliases=["Aģentūrā"],
    )
    part = make.organisation("part", parent=goes)
    person = make.person("Elza")
    actions.affiliate(person, by=SYSTEM, organisation=goes, position="vadītāja")
    earlier = make.organisation("earlier")
    actions.merge(earlier, by=SYSTEM, into=goes)

    assert actions.merge(goes, by=SYSTEM, into=stays) == stays

    for row in (stays, goes, part, earlier):
        row.refresh_from_db()
    assert names(stays) == {("Aģentūra (dubultā)", "lv"), ("LIA2", ""), ("Aģentūrā", ""), ("EARLIER", "lv")}
    assert (stays.name_en, stays.ror, stays.acronym, stays.website) == (
        "Agency",
        "03nadks56",
        "LIA",
        "https://paraugs.test",
    )
    assert (goes.merged_into, goes.name_lv, goes.ror) == (stays, "Aģentūra (dubultā)", "03nadks56")
    assert (part.parent, earlier.merged_into) == (stays, stays)
    assert [(each.organisation, each.position) for each in queries.affiliations(person)] == [
        (stays, "vadītāja")
    ]
    assert list(queries.organisations().values_list("code", flat=True)) == ["liaa", "part"]
    assert queries.followers(goes) == 0

    event = Event.objects.get(verb="parties.merge", subject_id=stays.pk)
    assert {change.subject_kind for change in event.changes.all()} == {
        "parties.organisation",
        "parties.othername",
        "parties.affiliation",
    }
    moved = events.history(person.affiliations.get())[0]
    assert moved.fields["organisation_id"]["from"] == goes.pk
    assert moved.fields["organisation_id"]["to"] == stays.pk
    assert events.history(goes)[0].fields["merged_into_id"]["to"] == stays.pk


def test_a_row_that_the_survivor_has_already_is_not_kept_twice() -> None:
    stays, goes = (
        make.organisation("stays", aliases=["Vārds"]),
        make.organisation("goes", aliases=["Vārds", "Cits"]),
    )
    person, other = make.person("Elza"), make.person("Valts")
    for place in (stays, goes):
        actions.affiliate(person, by=SYSTEM, organisation=place, starts=date(2023, 1, 1))
    actions.affiliate(person, by=SYSTEM, organisation=goes, starts=date(2024, 1, 1))
    actions.affiliate(other, by=SYSTEM, organisation=goes)
    actions.merge(goes, by=SYSTEM, into=stays)
    assert list(
        Affiliation.objects.order_by("pk").values_list("person__given", "organisation__code", "starts")
    ) == [
        ("Elza", "stays", date(2023, 1, 1)),
        ("Elza", "stays", date(2024, 1, 1)),
        ("Valts", "stays", None),
    ]
    assert names(stays) == {("Vārds", ""), ("Cits", ""), ("GOES", "lv")}
    gone = Event.objects.get(verb="parties.merge").changes.get(
        kind="deleted", subject_kind="parties.affiliation"
    )
    assert gone.fields["organisation_id"]["from"] == stays.pk


def test_rows_of_every_room_above_follow() -> None:
    """Every key of the house that points to an organisation is re-pointed, known to this room or not."""
    stays, goes = make.organisation("stays"), make.organisation("goes")
    keys = set(queries.keys_to(Organisation))
    assert {model._meta.label for model, _name in keys} >= {"plan.Assignment", "portfolio.Participation"}
    measure = _measure()
    for part in ("responsible", "involved"):
        _save(_model("plan.Assignment")(measure=measure, organisation=goes, part=part))
    _save(_model("plan.Assignment")(measure=measure, organisation=stays, part="involved"))
    actions.merge(goes, by=SYSTEM, into=stays)
    found = _model("plan.Assignment")._base_manager.order_by("part").values_list("organisation__code", "part")
    assert list(found) == [("stays", "involved"), ("stays", "responsible")]
    for model, name in keys:
        left = model._base_manager.filter(**{name: goes})
        assert not left.exists(), f"{model._meta.label}.{name} still points to the duplicate"


def _model(label: str) -> Any:
    from django.apps import apps  # noqa: PLC0415 -- rooms above are looked up by name, never imported

    return apps.get_model(label)


def _save(row: Noun) -> Any:
    with acting():
        row.save()
    return row


def _measure() -> Any:
    """A measure with the least that its room's constraints ask for."""
    where = make.ecosystem()
    strategy = _save(_model("strategy.Strategy")(**_least("strategy.Strategy", ecosystem=where)))
    plan = _save(_model("plan.Plan")(**_least("plan.Plan", ecosystem=where, strategy=strategy)))
    return _save(
        _model("plan.Measure")(**_least("plan.Measure", ecosystem=where, plan=plan, strategy=strategy))
    )


def _least(label: str, **given: Any) -> dict[str, Any]:
    """Something for every column that must have something."""
    values: dict[str, Any] = {}
    column: Any
    for column in _model(label)._meta.concrete_fields:
        if column.name in given:
            values[column.name] = given[column.name]
        elif column.primary_key or column.null or column.has_default():
            continue
        elif isinstance(column, models.DateTimeField):
            values[column.name] = timezone.now()
        elif isinstance(column, models.DateField):
            values[column.name] = date(2023, 1, 1)
        elif column.choices:
            values[column.name] = column.choices[0][0]
        elif isinstance(column, models.IntegerField):
            values[column.name] = 2023
        elif isinstance(column, models.ForeignKey):
            parent = column.remote_field.model._meta.label
            values[column.name] = _save(_model(parent)(**_least(parent, **given)))
        else:
            values[column.name] = "1"
    return values


def test_reports_keep_what_the_institution_was_called_and_follow_it() -> None:
    stays, goes = make.organisation("stays"), make.organisation("goes")
    _save(
        Report(
            about_kind="plan.measure",
            about_id=1,
            period="2023",
            as_of=date(2023, 6, 30),
            text="Darīts",
            by_name="Elza",
            institution_id=goes.pk,
            institution_name="GOES",
            submitted_at=timezone.now(),
        )
    )
    actions.merge(goes, by=SYSTEM, into=stays)
    assert list(Report.objects.values_list("institution_id", "institution_name")) == [(stays.pk, "GOES")]


def test_the_survivor_rises_to_where_the_duplicate_stood() -> None:
    top = make.organisation("top")
    goes = make.organisation("goes", parent=top)
    between = make.organisation("between", parent=goes)
    stays = make.organisation("stays", parent=between)
    actions.merge(goes, by=SYSTEM, into=stays)
    for row in (stays, between):
        row.refresh_from_db()
    assert (stays.parent, between.parent) == (top, stays)
    refused("parent", actions.edit_organisation, top, parent=between)


def test_the_survivor_takes_over_a_parent_only_if_it_is_not_below_itself() -> None:
    stays = make.organisation("stays")
    below = make.organisation("below", parent=stays)
    goes = make.organisation("goes", parent=below)
    actions.merge(goes, by=SYSTEM, into=stays)
    stays.refresh_from_db()
    assert stays.parent is None


def test_a_predecessor_merged_into_its_successor_leaves_no_ring() -> None:
    old, new = make.organisation("old"), make.organisation("new")
    actions.withdraw(old, by=SYSTEM, successor=new)
    actions.merge(new, by=SYSTEM, into=old)
    old.refresh_from_db()
    assert (old.successor, old.withdrawn) == (None, False)


def test_what_is_two_organisations_is_not_merged() -> None:
    one = make.organisation("one", ror="03nadks56")
    two = make.organisation("two", ror="05g3mes96")
    assert "03nadks56 and 05g3mes96" in refused("into", actions.merge, one, into=two)
    refused("into", actions.merge, one, into=one)
    three = make.organisation("three")
    actions.merge(three, by=SYSTEM, into=one)
    refused(None, actions.merge, three, into=two)
    refused(None, actions.merge, two, into=three)
    refused(None, actions.edit_organisation, three, name_lv="Cits")
    # A register withdraws the id of a duplicate of its own.
    actions.withdraw(two, by=SYSTEM)
    assert actions.merge(two, by=SYSTEM, into=one).ror == "03nadks56"


def test_a_row_on_which_others_hang_is_not_thrown_away() -> None:
    """No room has such rows yet; the first that has them must not lose any unasked."""
    stays, goes = make.organisation("stays"), make.organisation("goes")
    person = make.person("Elza")
    for place in (stays, goes):
        actions.affiliate(person, by=SYSTEM, organisation=place)
    hanging = person.affiliations.get(organisation=goes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(actions, "_dependent", lambda row: person if row == hanging else None)
        said = refused(None, actions.merge, goes, into=stays)
    assert "Elza Paraugs" in said
    goes.refresh_from_db()
    assert goes.merged_into is None
    assert OtherName.objects.count() == 0


# ---------------------------------------------------------------- search


def test_search_follows_every_name_and_forgets_the_duplicate() -> None:
    stays = make.organisation(
        "bmc", acronym="BPC", name_lv="Kartona pētījumu centrs", aliases=["Salmu laboratorija"]
    )
    found = [hit.entry.subject_id for hit in search("salmu laboratorijām", kind="parties.organisation")]
    assert found == [stays.pk]
    goes = make.organisation("pape", name_lv="Papes pētniecība")
    actions.merge(goes, by=SYSTEM, into=stays)
    assert [hit.entry.subject_id for hit in search("papes petnieciba", kind="parties.organisation")] == [
        stays.pk
    ]
    actions.edit_organisation(Organisation.objects.get(pk=stays.pk), by=SYSTEM, aliases=[])
    assert search("salmu", kind="parties.organisation") == []
