"""Pages: what each person sees, in how many queries, and what a form or a file that is wrong says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from talka.core.actions import HUB, SYSTEM
from talka.parties import actions, queries
from talka.parties.models import Account, Affiliation, Grant, Organisation, Person, Token
from talka.parties.tests import factories as make
from talka.parties.tests.test_people import PASSWORD
from talka.parties.tests.test_ror import KU2, an_id, version_2

pytestmark = pytest.mark.django_db


def as_(account: Account | None) -> Client:
    client = Client()
    if account is not None:
        client.force_login(account)
    return client


def text_of(response: Any) -> str:
    """The words of the page's main part, spaces made single."""
    main = response.content.decode().partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


@pytest.fixture
def anna() -> Account:
    return make.anna()


@pytest.fixture
def chief() -> Account:
    return make.dzintars()


# ---------------------------------------------------------------- who gets in

OPEN = ("organisations", "organisation", "roles")
SIGNED_IN = ("people", "person", "my-account")
KEEPERS = (
    "organisation-add",
    "duplicates",
    "ror-import",
    "organisation-edit",
    "organisation-merge",
    "person-add",
    "person-edit",
)
ADMINISTRATORS = ("accounts", "party-account", "account-open", "account-email", "affiliate")


@pytest.fixture
def address() -> Any:
    place = make.organisation("place")
    person = make.cilda().person
    assert person is not None

    def of(name: str) -> str:
        if name.startswith("organisation") and name not in ("organisations", "organisation-add"):
            return reverse(name, args=[place.pk])
        if name in ("person", "person-edit", "affiliate", "account-open"):
            return reverse(name, args=[person.pk])
        if name in ("party-account", "account-email"):
            return reverse(name, args=[person.account.pk])
        return reverse(name)

    return of


@pytest.mark.parametrize("name", [*OPEN, *SIGNED_IN, *KEEPERS, *ADMINISTRATORS])
def test_each_page_opens_for_whom_it_is(name: str, address: Any, anna: Account, chief: Account) -> None:
    bruno = make.account("Bruno", "officer", anna.grants.get().ecosystem)
    url = address(name)
    seen = [as_(who).get(url).status_code for who in (None, bruno, anna, chief)]
    expected = [
        (OPEN, [200, 200, 200, 200]),
        (SIGNED_IN, [302, 200, 200, 200]),
        (KEEPERS, [302, 403, 200, 200]),
        (ADMINISTRATORS, [302, 403, 403, 200]),
    ]
    assert seen == next(codes for names, codes in expected if name in names)
    if seen[0] == 302:
        assert as_(None).get(url)["Location"] == f"{reverse('sign-in')}?next={url.replace('/', '%2F')}"


POSTED = (
    "organisation-withdraw",
    "affiliation-end",
    "grant",
    "grant-revoke",
    "account-invite",
    "account-close",
    "account-reopen",
)


@pytest.mark.parametrize("name", POSTED)
def test_what_changes_something_is_posted_and_refused_to_others(name: str) -> None:
    place, cilda = make.organisation("place"), make.account("Cilda", "viewer")
    assert cilda.person is not None
    row = {
        "organisation-withdraw": place,
        "affiliation-end": actions.affiliate(cilda.person, by=SYSTEM, organisation=place),
        "grant-revoke": cilda.grants.get(),
    }.get(name, cilda)
    url = reverse(name, args=[row.pk])
    assert as_(cilda).get(url).status_code == 405
    assert as_(cilda).post(url, {"role": "administrator"}).status_code == 403
    assert as_(None).post(url).status_code == 302
    assert (Grant.objects.count(), Affiliation.objects.filter(ends=None).count()) == (1, 1)
    assert (Account.objects.get().is_active, Organisation.objects.get().withdrawn) == (True, False)


# ---------------------------------------------------------------- organisations


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_costs_the_same_for_one_and_for_three(rows: int, django_assert_num_queries: Any) -> None:
    whole = make.organisation("whole", name_lv="Veselais")
    for number in range(rows):
        make.organisation(f"o{number}", name_lv=f"Vārds {number}", parent=whole)
    client = as_(None)
    with django_assert_num_queries(4):  # the ecosystems of the shell, sectors, names, rows
        client.get(reverse("organisations"))
    with django_assert_num_queries(6):  # the ecosystems of the shell, and the search: index, entries
        client.get(reverse("organisations"), {"q": "vārdi"})


@pytest.mark.parametrize("rows", [1, 3])
def test_an_organisation_costs_the_same_for_one_and_for_three(
    rows: int, django_assert_num_queries: Any
) -> None:
    place = make.organisation("place", aliases=["Cits"])
    viewer = make.cilda()
    for number in range(rows):
        make.organisation(f"o{number}", parent=place)
        actions.affiliate(make.person(f"P{number}"), by=SYSTEM, organisation=place)
        actions.add_names(place, by=SYSTEM, names=[(f"Vārds {number}", "")])
    public, signed_in = as_(None), as_(viewer)
    url = reverse("organisation", args=[place.pk])
    works = len(queries.WORK)  # one for each kind of work that a room above shows
    with django_assert_num_queries(
        5 + works
    ):  # itself, its names, parts, predecessors; the ecosystems of the shell
        public.get(url)
    with django_assert_num_queries(9 + works):  # and session, account, grants, staff
        signed_in.get(url)


def test_the_list_is_narrowed_by_words_sector_and_kind() -> None:
    make.organisation("osi", name_lv="Salmu institūts", helix="science", kind_of="institute")
    make.organisation("em", name_lv="Salmu ministrija", kind_of="ministry")
    client = as_(None)

    def found(**query: str) -> list[str]:
        return [row.code for row in client.get(reverse("organisations"), query).context["rows"]]

    assert found() == ["osi", "em"]
    assert found(q="salmiem") == ["osi", "em"]
    assert found(q="salmiem", helix="science") == ["osi"]
    assert found(kind="ministry") == ["em"]
    assert found(helix="<script>", kind="1 or 1=1") == ["osi", "em"]
    nothing = client.get(reverse("organisations"), {"q": "zzz"})
    assert "No organisation is called so" in text_of(nothing)


def test_an_empty_hub_says_what_will_live_there_and_how_to_begin(anna: Account) -> None:
    assert "No organisations yet" in text_of(as_(None).get(reverse("organisations")))
    assert reverse("organisation-add") not in as_(None).get(reverse("organisations")).content.decode()
    assert reverse("organisation-add") in as_(anna).get(reverse("organisations")).content.decode()


def test_lists_longer_than_fifty_have_pages() -> None:
    for number in range(51):
        make.organisation(f"o{number}")
    client = as_(None)
    assert len(client.get(reverse("organisations")).context["page"]) == 50
    assert len(client.get(reverse("organisations"), {"page": 2}).context["page"]) == 1


def test_who_works_there_is_shown_to_those_signed_in_only() -> None:
    place = make.organisation("place")
    actions.affiliate(make.person("Elza"), by=SYSTEM, organisation=place, position="padomniece")
    url = reverse("organisation", args=[place.pk])
    assert "Elza Paraugs" not in as_(None).get(url).content.decode()
    assert "Elza Paraugs padomniece" in text_of(as_(make.cilda()).get(url))


def test_a_merged_organisation_leads_to_the_one_it_became(anna: Account) -> None:
    stays, goes = make.organisation("stays"), make.organisation("goes")
    actions.merge(goes, by=SYSTEM, into=stays)
    response = as_(None).get(reverse("organisation", args=[goes.pk]))
    assert (response.status_code, response["Location"]) == (302, stays.get_absolute_url())
    assert as_(anna).get(reverse("organisation-edit", args=[goes.pk])).status_code == 404


def test_what_rooms_above_register_stands_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "WORK", {})
    place = make.organisation("place")
    for number in range(14):
        make.organisation(f"o{number}", source="plāns")

    @queries.shows_work("test.measures", "Measures it is responsible for")
    def measures(organisation: Organisation, by: Any) -> Any:
        return (
            Organisation.objects.filter(source="plāns")
            if organisation == place and by is None
            else Organisation.objects.none()
        )

    (piece,) = queries.work_of(place, None)
    assert (piece.label, piece.count, len(piece.rows)) == ("Measures it is responsible for", 14, 12)
    assert queries.work_of(place, SYSTEM) == []
    assert "Measures it is responsible for 14" in text_of(as_(None).get(place.get_absolute_url()))


def organisation_form(**values: str) -> dict[str, str]:
    return {
        "name_lv": "Kartona universitāte",
        "helix": "science",
        "kind_of": "university",
        "country": "LV",
        **values,
    }


def test_an_organisation_is_added_and_changed_by_form(anna: Account) -> None:
    make.organisation("top", acronym="TOP", name_lv="Augša")
    client = as_(anna)
    client.post(
        reverse("organisation-add"), organisation_form(acronym="KU", parent="top", aliases="Kartons\nPape\n")
    )
    made = Organisation.objects.get(acronym="KU")
    assert (made.parent and made.parent.code, [each.name for each in made.other_names.all()]) == (
        "top",
        ["Kartons", "Pape"],
    )
    form = client.get(reverse("organisation-edit", args=[made.pk])).context["form"]
    assert (form["parent"].value(), form["aliases"].value(), form["seen"].value()) == (
        "Augša",
        "Kartons\nPape",
        1,
    )
    client.post(
        reverse("organisation-edit", args=[made.pk]),
        organisation_form(acronym="KU", seen="1", aliases="Pape"),
    )
    made.refresh_from_db()
    assert (made.parent, [each.name for each in made.other_names.all()]) == (None, ["Pape"])


def test_a_refused_form_keeps_what_was_typed_and_says_why_beside_the_field(anna: Account) -> None:
    make.organisation("top", acronym="TOP", name_lv="Augstākā padome")
    response = as_(anna).post(
        reverse("organisation-add"), organisation_form(parent="Augstaka padome!", ror="03nadks57")
    )
    assert response.status_code == 200
    assert response.context["form"].errors == {
        "parent": ["“Augstaka padome!” is not known; nearest: Augstākā padome"]
    }
    assert "Kartona universitāte" in response.content.decode()
    response = as_(anna).post(reverse("organisation-add"), organisation_form(ror="03nadks57"))
    assert list(response.context["form"].errors) == ["ror"]
    assert Organisation.objects.count() == 1


def test_the_second_of_two_editors_is_told_and_loses_nothing(anna: Account) -> None:
    place = make.organisation("place", name_lv="Vecais vārds")
    client, url = as_(anna), reverse("organisation-edit", args=[place.pk])
    actions.edit_organisation(Organisation.objects.get(pk=place.pk), by=SYSTEM, name_lv="Cita cilvēka vārds")
    response = client.post(url, organisation_form(name_lv="Mans vārds", seen="1"))
    assert response.status_code == 409
    page = response.content.decode()
    assert "Someone changed this meanwhile" in page
    assert "Cita cilvēka vārds" in page
    assert 'value="Mans vārds"' in page
    assert (
        client.post(
            url, organisation_form(name_lv="Mans vārds", seen=response.context["form"]["seen"].value())
        ).status_code
        == 302
    )
    place.refresh_from_db()
    assert place.name_lv == "Mans vārds"


def test_an_organisation_is_withdrawn_from_its_page(anna: Account) -> None:
    old, new = make.organisation("old"), make.organisation("new")
    as_(anna).post(reverse("organisation-withdraw", args=[old.pk]), {"successor": "NEW", "seen": "1"})
    old.refresh_from_db()
    assert (old.withdrawn, old.successor) == (True, new)
    assert "This organisation no longer exists Taken over by NEW" in text_of(
        as_(None).get(old.get_absolute_url())
    )


def test_two_records_are_compared_and_merged(anna: Account) -> None:
    goes = make.organisation("goes", name_lv="Salmu nams", aliases=["Salmi"])
    stays = make.organisation("stays", name_lv="Salmu nams", acronym="SN")
    client = as_(anna)
    listed = client.get(reverse("duplicates"))
    assert [(each.first, each.second) for each in listed.context["page"]] == [(goes, stays)]
    url = reverse("organisation-merge", args=[goes.pk])
    assert f'href="{url}?into=stays"' in listed.content.decode()
    shown = client.get(url, {"into": "stays"})
    assert {row[0]: row[1:] for row in shown.context["rows"]}["acronym"] == ("", "SN")
    assert "1 record points to it" in text_of(shown)
    assert client.get(url, {"into": "nobody"}).context["into"] is None
    same = client.post(url, {"into": "goes"})
    assert same.context["form"].errors["into"] == [
        "An organisation cannot be merged into itself; choose another."
    ]
    assert client.post(url, {"into": "stays"})["Location"] == stays.get_absolute_url()
    goes.refresh_from_db()
    assert goes.merged_into == stays


# ---------------------------------------------------------------- ROR


def a_file(*records: Any, name: str = "ror.json") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, json.dumps(records).encode(), "application/json")


def test_records_are_previewed_then_imported(anna: Account) -> None:
    make.organisation("kuldigas", acronym="KU", name_lv="Kurpju uzņēmums")
    client, url = as_(anna), reverse("ror-import")
    straw = version_2(2, ("Salmu nams", "lv", "label ror_display"))
    shown = client.post(url, {"file": a_file(version_2(1, *KU2), straw), "country": "LV"})
    assert shown.context["counts"] == {"new": 1, "changed": 0, "same": 0, "open": 1}
    assert Organisation.objects.count() == 1
    hidden = {
        "upload": shown.context["upload"].token,
        "country": "LV",
        f"decision-{an_id(1)}": "new",
    }
    decided = client.post(url, {**hidden, "step": "decide", "fingerprint": ""})
    assert decided.context["counts"] == {"new": 2, "changed": 0, "same": 0, "open": 0}
    done = client.post(url, {**hidden, "step": "apply", "fingerprint": decided.context["fingerprint"]})
    assert done["Location"] == reverse("organisations")
    assert set(Organisation.objects.exclude(ror="").values_list("ror", flat=True)) == {an_id(1), an_id(2)}
    assert not shown.context["upload"].path.exists()


def test_what_was_not_shown_is_not_done(anna: Account) -> None:
    client, url = as_(anna), reverse("ror-import")
    shown = client.post(url, {"file": a_file(version_2(1, *KU2)), "country": "LV"})
    hidden = {
        "upload": shown.context["upload"].token,
        "country": "LV",
        "fingerprint": shown.context["fingerprint"],
    }
    make.organisation("ku", name_lv="Kartona universitāte")
    again = client.post(url, {**hidden, "step": "apply"})
    assert again.status_code == 200
    assert "What would be done has changed meanwhile" in again.content.decode()
    assert not Organisation.objects.exclude(ror="").exists()


def test_a_file_that_cannot_be_read_says_so_beside_the_field(anna: Account) -> None:
    client, url = as_(anna), reverse("ror-import")
    response = client.post(url, {"file": SimpleUploadedFile("x.json", b"{"), "country": "LV"})
    (said,) = response.context["form"].errors["file"]
    assert said.startswith("x.json is not JSON")
    gone = client.post(url, {"step": "apply", "upload": "../../secret.key", "fingerprint": ""})
    assert "The file is no longer kept here; choose it again." in gone.content.decode()


# ---------------------------------------------------------------- people


@pytest.mark.parametrize("rows", [1, 3])
def test_people_cost_the_same_for_one_and_for_three(
    rows: int, anna: Account, django_assert_num_queries: Any
) -> None:
    for number in range(rows):
        account = make.account(f"P{number}", "viewer", at=make.organisation(f"o{number}"))
    client = as_(anna)
    # the ecosystems of the shell, session, account, grants, count, people, where they work, their roles
    with django_assert_num_queries(8):
        client.get(reverse("people"))
    assert account.person is not None
    # the ecosystems of the shell, session, account, grants of the reader, the person, where they work
    with django_assert_num_queries(6):
        client.get(account.person.get_absolute_url())


def test_a_person_is_added_placed_and_moved(anna: Account) -> None:
    make.organisation("place", name_lv="Salmu nams")
    client = as_(anna)
    client.post(reverse("person-add"), {"given": "Elza", "family": "Nebūšana", "email": "elza@example.test"})
    elza = Person.objects.get(given="Elza")
    client.post(
        reverse("affiliate", args=[elza.pk]), {"organisation": "salmu nams", "position": "padomniece"}
    )
    held = elza.affiliations.get()
    assert (held.organisation.code, held.position, held.ends) == ("place", "padomniece", None)
    client.post(reverse("affiliation-end", args=[held.pk]))
    held.refresh_from_db()
    assert held.ends is not None
    client.post(reverse("person-edit", args=[elza.pk]), {"given": "Elza", "family": "Cita", "seen": "1"})
    elza.refresh_from_db()
    assert (elza.family, elza.email) == ("Cita", "")


def test_addresses_are_shown_to_those_who_keep_people_only(anna: Account) -> None:
    elza = make.person("Elza", email="elza@example.test")
    assert "elza@example.test" in as_(anna).get(elza.get_absolute_url()).content.decode()
    assert "elza@example.test" not in as_(make.cilda()).get(elza.get_absolute_url()).content.decode()


# ---------------------------------------------------------------- accounts


@pytest.mark.parametrize("rows", [1, 3])
def test_accounts_cost_the_same_for_one_and_for_three(
    rows: int, chief: Account, django_assert_num_queries: Any
) -> None:
    where = make.ecosystem()
    for number in range(rows):
        account = make.account(f"P{number}", "viewer", where)
        actions.make_token(account, by=account, label="x")
    client = as_(chief)
    # the ecosystems of the shell, session, account, its grants, count, accounts, their grants
    with django_assert_num_queries(7):
        client.get(reverse("accounts"))
    # the ecosystems of the shell, session, account, its grants, the account, grants, keys, ecosystems
    with django_assert_num_queries(8):
        client.get(account.get_absolute_url())


def test_an_administrator_opens_an_account_gives_a_role_and_invites(chief: Account) -> None:
    elza, where = make.person("Elza", email="elza@example.test"), make.ecosystem()
    client = as_(chief)
    client.post(reverse("account-open", args=[elza.pk]), {"email": "elza@example.test"})
    account = Account.objects.get(person=elza)
    client.post(reverse("grant", args=[account.pk]), {"role": "officer", "ecosystem": where.pk})
    assert list(account.grants.values_list("role", "ecosystem")) == [("officer", where.pk)]
    again = client.post(reverse("grant", args=[account.pk]), {"role": "officer", "ecosystem": where.pk})
    assert "already holds this role there" in again.content.decode()

    link = client.post(reverse("account-invite", args=[account.pk])).context["link"]
    visitor = Client()
    assert "elza@example.test" in text_of(visitor.get(link))
    differs = visitor.post(link, {"password": PASSWORD, "again": PASSWORD + "!"})
    assert list(differs.context["form"].errors) == ["again"]
    assert visitor.post(link, {"password": PASSWORD, "again": PASSWORD})["Location"] == reverse("home")
    assert visitor.get(reverse("my-account")).status_code == 200
    assert Client().get(link).status_code == 404
    assert Client().get(reverse("welcome", args=["zzz", "x-y"])).status_code == 404

    client.post(reverse("grant-revoke", args=[account.grants.get().pk]))
    client.post(reverse("account-close", args=[account.pk]))
    assert visitor.get(reverse("my-account")).status_code == 302
    client.post(reverse("account-reopen", args=[account.pk]))
    client.post(reverse("account-email", args=[account.pk]), {"email": "jauna@example.test"})
    account.refresh_from_db()
    assert (account.is_active, account.email, account.grants.count()) == (True, "jauna@example.test", 0)


def test_what_cannot_be_taken_back_from_oneself_is_explained(chief: Account) -> None:
    client = as_(chief)
    for name, row in (("account-close", chief), ("grant-revoke", chief.grants.get())):
        response = client.post(reverse(name, args=[row.pk]), follow=True)
        assert re.search("another administrator|somebody else", text_of(response))
    assert list(queries.administrators()) == [chief]


def test_ones_own_password_language_and_keys() -> None:
    cilda = make.cilda()
    client = as_(cilda)
    client.post(reverse("my-password"), {"password": PASSWORD, "again": PASSWORD})
    cilda.refresh_from_db()
    assert cilda.check_password(PASSWORD)
    assert client.get(reverse("my-account")).status_code == 200  # still signed in
    wrong = client.post(
        reverse("my-password"), {"current": "x", "password": PASSWORD + "!", "again": PASSWORD + "!"}
    )
    assert wrong.context["password_form"].errors == {"current": ["This is not your current password."]}
    client.post(reverse("my-language"), {"language": "en"})
    cilda.refresh_from_db()
    assert cilda.language == "en"

    made = client.post(reverse("key-make"), {"label": "skripts", "days": "30", "read_only": "on"})
    secret = made.context["secret"]
    assert secret in made.content.decode()
    assert secret not in client.get(reverse("my-account")).content.decode()
    token = Token.objects.get()
    assert (token.digest, token.read_only) == (Token.digest_of(secret), True)
    assert as_(make.account("Bruno")).post(reverse("key-revoke", args=[token.pk])).status_code == 403
    client.post(reverse("key-revoke", args=[token.pk]))
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_what_is_secret_is_never_stored_by_a_browser(chief: Account) -> None:
    client = as_(chief)
    for response in (
        client.get(reverse("my-account")),
        client.post(reverse("key-make"), {"label": "x", "days": "1"}),
        client.post(reverse("account-invite", args=[chief.pk])),
    ):
        assert "no-store" in response["Cache-Control"]


def test_markup_in_a_name_stays_text(anna: Account) -> None:
    place = actions.add_organisation(
        HUB,
        by=SYSTEM,
        name_lv="<script>alert(1)</script>",
        helix="public",
        kind_of="other",
        aliases=["<b>x</b>"],
    )
    for url in (
        reverse("organisations"),
        place.get_absolute_url(),
        reverse("organisation-edit", args=[place.pk]),
    ):
        page = as_(anna).get(url).content.decode()
        assert "<script>alert" not in page
        assert "<b>x</b>" not in page
