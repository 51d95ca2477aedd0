"""People, the accounts they sign in with, roles, keys: what verbs keep, refuse and show once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from talka.core.actions import HUB, SYSTEM, Invalid
from talka.core.models import Change, Event
from talka.core.sheets import SHEETS, Raw
from talka.core.testing import acting
from talka.parties import actions, queries
from talka.parties.models import Account, Affiliation, Grant, Person, Token
from talka.parties.roles import ROLES
from talka.parties.tests import factories as make

pytestmark = pytest.mark.django_db
PASSWORD = "salmi pape kartons"


def refused(field: str | None, verb: Any, subject: Any, **values: Any) -> str:
    by = values.pop("by", SYSTEM)
    with pytest.raises(Invalid) as error:
        verb(subject, by=by, **values)
    assert error.value.field == field
    return str(error.value)


# ---------------------------------------------------------------- people and where they work


def test_a_person_is_noted_once() -> None:
    first = make.person("Elza", email="Elza@example.test", orcid="https://orcid.org/0000-0002-1825-0097")
    assert (first.code, first.orcid) == ("elza-paraugs", "0000-0002-1825-0097")
    assert make.person("Elza").code == "elza-paraugs-2"
    person = {"given": "Cita", "family": "Elza"}
    assert "Elza Paraugs" in refused("email", actions.add_person, HUB, email="elza@EXAMPLE.test", **person)
    refused("orcid", actions.add_person, HUB, orcid="0000-0002-1825-0097", **person)
    refused("email", actions.add_person, HUB, email="not an address", **person)
    refused("given", actions.edit_person, first, given=" ")


def test_an_account_acts_for_the_institutions_of_today() -> None:
    now, then = make.organisation("now"), make.organisation("then")
    bruno = make.account("Bruno", at=now)
    assert bruno.person is not None
    old = actions.affiliate(bruno.person, by=SYSTEM, organisation=then)
    actions.end_affiliation(old, by=SYSTEM)
    assert Account.objects.get(pk=bruno.pk).organisation_ids() == frozenset([now.pk])
    assert old.ends == timezone.localdate() - timedelta(days=1)


def test_an_affiliation_ends_after_it_starts_and_stands_once() -> None:
    place, someone = make.organisation("place"), make.person("Elza")
    today = timezone.localdate()
    held = actions.affiliate(someone, by=SYSTEM, organisation=place, starts=today)
    refused("organisation", actions.affiliate, someone, organisation=place, starts=today)
    refused(
        "ends", actions.affiliate, someone, organisation=place, starts=today, ends=today - timedelta(days=1)
    )
    refused("ends", actions.end_affiliation, held, ends=today - timedelta(days=1))
    assert actions.end_affiliation(held, by=SYSTEM, ends=today).ends == today


# ---------------------------------------------------------------- accounts


def test_an_account_opens_by_the_persons_address_with_no_password() -> None:
    elza = make.person("Elza", email="elza@example.test")
    account = actions.open_account(elza, by=SYSTEM)
    assert (account.email, account.has_usable_password(), str(account)) == (
        "elza@example.test",
        False,
        "Elza Paraugs",
    )
    refused("email", actions.open_account, Person.objects.get(pk=elza.pk))
    refused("email", actions.open_account, make.person("Valts"))
    refused("email", actions.open_account, make.person("Ilze"), email="ELZA@example.test")


def test_an_invitation_works_once() -> None:
    cilda = make.cilda()
    _uid, token = actions.invite(cilda, by=SYSTEM).split("/")
    refused("password", actions.choose_password, cilda, by=cilda, password="short", token=token)
    actions.choose_password(cilda, by=cilda, password=PASSWORD, token=token)
    assert Account.objects.get(pk=cilda.pk).check_password(PASSWORD)
    refused(None, actions.choose_password, cilda, by=cilda, password=PASSWORD + "!", token=token)
    refused(None, actions.choose_password, cilda, by=cilda, password=PASSWORD, token="x-y")


def test_the_own_password_changes_only_with_the_current_one() -> None:
    cilda, chief = make.cilda(), make.dzintars()
    actions.set_password(cilda, by=cilda, password=PASSWORD)
    refused("current", actions.set_password, cilda, by=cilda, password=PASSWORD + "!", current="wrong")
    refused("current", actions.set_password, cilda, by=cilda, password=PASSWORD + "!")
    actions.set_password(cilda, by=cilda, password=PASSWORD + "!", current=PASSWORD)
    actions.set_password(cilda, by=chief, password=PASSWORD + "?")
    assert cilda.check_password(PASSWORD + "?")


def test_no_password_and_no_key_ever_reaches_the_record() -> None:
    cilda = make.cilda()
    actions.set_password(cilda, by=cilda, password=PASSWORD)
    key = actions.make_token(cilda, by=cilda, label="skripts")
    assert Event.objects.filter(verb__in=["parties.set_password", "parties.make_token"]).count() == 2
    columns = {name for change in Change.objects.all() for name in change.fields}
    assert columns & {"password", "digest", "secret"} == set()
    written = str(list(Change.objects.values_list("fields", flat=True)))
    assert [word in written for word in (key.secret, key.digest, PASSWORD, cilda.password)] == [False] * 4
    assert key.secret not in str(list(Token.objects.values()))


def test_the_address_moves_with_the_person() -> None:
    cilda = make.cilda()
    other = make.person("Elza", email="elza@example.test")
    actions.set_email(cilda, by=SYSTEM, email="jauna@example.test")
    assert cilda.person is not None
    cilda.person.refresh_from_db()
    assert (cilda.email, cilda.person.email) == ("jauna@example.test", "jauna@example.test")
    refused("email", actions.set_email, cilda, email=other.email)
    cilda.refresh_from_db()
    assert cilda.email == "jauna@example.test"


# ---------------------------------------------------------------- roles


def test_a_role_is_given_once_and_taken_away() -> None:
    where, elsewhere = make.ecosystem("one"), make.ecosystem("two")
    cilda = make.cilda()
    given = actions.grant(cilda, by=SYSTEM, role="coordinator", ecosystem=where)
    assert (
        cilda.may("plan.edit", where.pk),
        cilda.may("plan.edit", elsewhere.pk),
        cilda.may("plan.edit", None),
    ) == (True, False, False)
    refused("role", actions.grant, cilda, role="coordinator", ecosystem=where)
    actions.grant(cilda, by=SYSTEM, role="coordinator")
    assert cilda.may("plan.edit", elsewhere.pk)
    refused("role", actions.grant, cilda, role="coordinator")
    assert actions.revoke(given, by=SYSTEM) == cilda
    assert [(each.role, each.ecosystem) for each in cilda.grants.all()] == [("coordinator", None)]


def test_only_known_roles_are_given_and_an_administrator_keeps_the_whole_hub() -> None:
    where, cilda = make.ecosystem(), make.cilda()
    assert "viewer, officer" in refused("role", actions.grant, cilda, role="king")
    refused("ecosystem", actions.grant, cilda, role="administrator", ecosystem=where)
    for wrong in ({"role": "king"}, {"role": "administrator", "ecosystem": where}):
        with pytest.raises(IntegrityError), transaction.atomic(), acting():
            Grant(account=cilda, **wrong).save()
    with acting():
        Grant(account=cilda, role="viewer").save()
    with pytest.raises(IntegrityError), transaction.atomic(), acting():
        Grant(account=cilda, role="viewer").save()


def test_somebody_always_administers_the_hub() -> None:
    chief = make.dzintars()
    last = chief.grants.get()
    refused(None, actions.revoke, last)
    refused(None, actions.deactivate, chief)
    second = make.account("Otrais", "administrator")
    refused(None, actions.deactivate, second, by=second)
    actions.deactivate(chief, by=second)
    refused(None, actions.deactivate, second)
    actions.reactivate(chief, by=second)
    actions.revoke(second.grants.get(), by=chief)
    assert list(queries.administrators()) == [chief]


def test_a_closed_account_gets_no_role_no_key_and_no_invitation() -> None:
    cilda = make.cilda()
    actions.deactivate(cilda, by=SYSTEM)
    refused(None, actions.grant, cilda, role="viewer")
    refused(None, actions.make_token, cilda, label="x")
    refused(None, actions.invite, cilda)


# ---------------------------------------------------------------- keys


def test_a_key_is_shown_once_and_only_its_digest_kept() -> None:
    cilda = make.cilda()
    made = actions.make_token(cilda, by=cilda, label=" plāna  skripts ", days=30)
    kept = Token.objects.get()
    assert made.secret.startswith("talka_")
    assert (kept.secret, kept.digest, kept.label) == ("", Token.digest_of(made.secret), "plāna skripts")
    assert kept.read_only
    assert timedelta(days=29) < kept.expires - timezone.now() <= timedelta(days=30)
    actions.revoke_token(kept, by=cilda)
    when = kept.revoked_at
    assert when is not None
    assert actions.revoke_token(kept, by=cilda).revoked_at == when


def test_a_key_says_what_it_is_for_and_does_not_live_for_ever() -> None:
    cilda = make.cilda()
    refused("label", actions.make_token, cilda, label=" ")
    for days in (0, 366):
        refused("days", actions.make_token, cilda, label="x", days=days)


# ---------------------------------------------------------------- the sheet


def test_the_sheet_of_people_moves_places_and_roles() -> None:
    sheet = SHEETS["parties.people"]
    make.ecosystem("one")
    make.ecosystem("two")
    make.organisation("liaa", acronym="LIAA")
    make.organisation("izm", acronym="IZM")

    def bring_in(**cells: Any) -> list[str]:
        preview = sheet.preview(
            HUB, [Raw("row 1", {"code": "elza", "given": "Elza", "family": "Paraugs", **cells})]
        )
        sheet.apply(preview, by=SYSTEM)
        return [item.kind for item in preview.items]

    def shown() -> tuple[str, str]:
        (row,) = sheet.rows(HUB)
        cells = sheet.shown(row)
        return cells["organisation"], cells["role"]

    assert bring_in(organisation="LIAA: padomniece", email="elza@example.test") == ["new"]
    assert shown() == ("liaa: padomniece", "")
    assert bring_in(role=["coordinator: one", "viewer: *"]) == ["changed"]
    assert shown() == ("liaa: padomniece", "coordinator: one\nviewer: *")
    assert bring_in(organisation="liaa: vadītāja\nizm", role="officer: two") == ["changed"]
    assert shown() == ("liaa: vadītāja\nizm", "officer: two")
    assert bring_in(organisation="izm") == ["changed"]
    assert Affiliation.objects.exclude(ends=None).count() == 1
    assert bring_in(organisation="izm\nliaa") == ["changed"]
    back = Affiliation.objects.get(organisation__code="liaa", ends=None)
    assert back.starts == timezone.localdate()


def test_bad_places_and_roles_are_named() -> None:
    sheet = SHEETS["parties.people"]
    make.ecosystem("one")
    make.ecosystem("two")
    make.organisation("liaa", name_lv="Aģentūra")
    base = {"given": "Elza", "family": "Paraugs"}
    preview = sheet.preview(
        HUB,
        [
            Raw("row 1", {**base, "code": "a", "role": "king"}),
            Raw("row 2", {**base, "code": "b", "role": "officer"}),
            Raw("row 3", {**base, "code": "c", "role": "officer: three"}),
            Raw("row 4", {**base, "code": "d", "organisation": "Agentura"}),
            Raw("row 5", {**base, "code": "e", "role": "viewer: one"}),
        ],
    )
    assert [(problem.place, problem.message) for problem in preview.problems] == [
        ("row 1, Roles", f"“king” is not one of: {', '.join(ROLES)}"),
        ("row 2, Roles", "Say in which ecosystem, as in “officer: one”, or “officer: *” for all of them"),
        ("row 3, Roles", "“three” is not known"),
        ("row 4, Works in", "“agentura” is not known; nearest: liaa"),
        ("row 5", "has a role but no e-mail, with which one signs in; give it"),
    ]
