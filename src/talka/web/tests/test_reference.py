"""Reference data: what is offered to whom, a row by form, files out and in again."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from talka.core import sheets_io
from talka.core.actions import HUB, SYSTEM, Invalid
from talka.core.formats import read_tables
from talka.core.models import Event
from talka.core.sheets import SHEETS
from talka.documents import seeds
from talka.domains import actions as domains
from talka.domains.models import Domain, Mission, Policy
from talka.parties import actions as parties
from talka.parties.models import Account, Organisation
from talka.parties.tests import factories as make
from talka.web import reference

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_english() -> Any:
    with override("en"):
        yield


@pytest.fixture
def chief() -> Account:
    return make.dzintars()


@pytest.fixture
def client_(chief: Account) -> Client:
    client = Client()
    client.force_login(chief)
    return client


def address(name: str, code: str, *more: Any, **query: Any) -> str:
    url = reverse(f"reference-{name}", args=[code, *more])
    return url + ("?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else "")


def offered(response: Any) -> dict[str, list[str]]:
    return {
        group.title: [code for _label, _url, code in group.entries] for group in response.context["groups"]
    }


def policy(code: str, **values: Any) -> Policy:
    return domains.add_policy(
        HUB, by=SYSTEM, code=code, **{"kind_of": "strategy", "title_lv": code.upper(), **values}
    )


# ---------------------------------------------------------------- who


def test_each_is_offered_the_tables_he_or_she_may_edit(client_: Client, chief: Account) -> None:
    where = make.ecosystem()
    anna = make.anna(where)
    coordinator = Client()
    coordinator.force_login(anna)
    hub = [code for code in sorted(SHEETS) if SHEETS[code].over == "hub"]
    assert offered(client_.get(reverse("reference")))["The whole hub"] == [
        c for c in hub if SHEETS[c].may_edit(HUB, chief)
    ]
    assert set(hub) >= {"domains.domains", "domains.policies", "parties.organisations", "parties.people"}
    assert offered(coordinator.get(reverse("reference")))["The whole hub"] == ["parties.organisations"]


@pytest.mark.parametrize("name", ["reference", "sheet", "add", "import", "export", "row"])
def test_nobody_else_gets_in(name: str) -> None:
    kept = policy("nap")
    needed: dict[str, list[Any]] = {"export": ["csv"], "row": [kept.pk]}
    more = needed.get(name, [])
    url = reverse("reference") if name == "reference" else address(name, "domains.policies", *more)
    assert Client().get(url)["Location"].startswith(reverse("sign-in"))
    cilda = Client()
    cilda.force_login(make.cilda())
    assert cilda.get(url).status_code == 403
    assert cilda.post(url, {"code": "x"}).status_code == 403
    assert list(Policy.objects.values_list("code", "revision")) == [("nap", 1)]


def test_an_unknown_table_parent_row_or_format_is_not_found(client_: Client) -> None:
    for url in (
        address("sheet", "domains.nothing"),
        address("row", "domains.policies", 999),
        address("export", "domains.policies", "pdf"),
    ):
        assert client_.get(url).status_code == 404


def test_a_sheet_names_its_rule_or_takes_the_one_of_its_room(chief: Account) -> None:
    anna = make.anna()
    assert SHEETS["domains.policies"].may_edit(HUB, chief)
    assert not SHEETS["domains.policies"].may_edit(HUB, anna)
    assert SHEETS["parties.organisations"].may_edit(HUB, anna)
    assert not SHEETS["parties.people"].may_edit(HUB, anna)
    assert not SHEETS["parties.people"].may_edit(HUB, None)


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize("rows", [1, 3])
def test_the_table_costs_the_same_for_one_and_for_three(
    rows: int, client_: Client, django_assert_num_queries: Any
) -> None:
    for number in range(rows):
        make.organisation(f"o{number}", aliases=[f"Vārds {number}"])
    client_.get(address("sheet", "parties.organisations"))
    # ecosystems of the menu, session, account, its grants, count, rows, their names
    with django_assert_num_queries(7):
        client_.get(address("sheet", "parties.organisations"))


def test_the_table_is_paged_and_narrowed(client_: Client) -> None:
    for number in range(51):
        policy(f"p{number}", title_lv=f"Plāns {number}")
    first = client_.get(address("sheet", "domains.policies"))
    assert len(first.context["rows"]) == 50
    found = client_.get(address("sheet", "domains.policies", q="plans 17"))
    assert [cells[0] for _url, cells in found.context["rows"]] == ["p17"]
    nothing = client_.get(address("sheet", "domains.policies", q="zzz"))
    assert "No row holds these words" in nothing.content.decode()


def test_an_empty_table_says_how_to_begin(client_: Client) -> None:
    page = client_.get(address("sheet", "domains.missions")).content.decode()
    assert "No rows yet" in page
    assert address("add", "domains.missions") in page


# ---------------------------------------------------------------- one row


def test_a_row_is_added_and_changed_by_a_form_made_of_the_columns(client_: Client) -> None:
    form = client_.get(address("add", "domains.policies")).context["form"]
    assert [[bound.name for bound in group] for group in form.groups] == [
        ["code"],
        ["kind_of"],
        ["title_lv", "title_en"],
        ["summary_lv", "summary_en"],
        ["source"],
    ]
    cells = {"code": "nap", "kind_of": "national_plan", "title_lv": "Plāns", "summary_lv": "Par\nplānu"}
    assert client_.post(address("add", "domains.policies"), cells)["Location"] == address(
        "sheet", "domains.policies"
    )
    made = Policy.objects.get()
    assert (made.code, made.kind_of, made.title_lv, made.title_en) == ("nap", "national_plan", "Plāns", "")
    url = address("row", "domains.policies", made.pk)
    form = client_.get(url).context["form"]
    assert [form[name].value() for name in ("kind_of", "summary_lv", "seen")] == [
        "national_plan",
        "Par\nplānu",
        1,
    ]
    client_.post(url, {**cells, "code": "changed?", "title_lv": "Cits", "kind_of": "strategy", "seen": "1"})
    made.refresh_from_db()
    assert (made.code, made.title_lv, made.kind_of, made.revision) == ("nap", "Cits", "strategy", 2)
    assert Event.objects.filter(verb="domains.edit_policy").count() == 1


def test_what_the_column_refuses_stands_beside_it_and_nothing_typed_is_lost(client_: Client) -> None:
    response = client_.post(
        address("add", "domains.policies"), {"code": "", "kind_of": "king", "title_lv": "Mans plāns"}
    )
    assert response.status_code == 200
    assert set(response.context["form"].errors) == {"code", "kind_of"}
    assert "Mans plāns" in response.content.decode()
    assert not Policy.objects.exists()


def test_what_the_verb_refuses_stands_beside_its_field(client_: Client) -> None:
    make.organisation("ku", acronym="KU")
    cells = {
        "code": "cits",
        "name_lv": "Cits",
        "helix": "science",
        "kind_of": "other",
        "acronym": "ku",
        "country": "LV",
    }
    response = client_.post(address("add", "parties.organisations"), cells)
    assert list(response.context["form"].errors) == ["acronym"]


def test_references_are_chosen_from_what_there_is(client_: Client) -> None:
    domain = domains.add_domain(HUB, by=SYSTEM, code="bio", title_lv="Biomedicīna")
    form = client_.get(address("add", "domains.ecosystems")).context["form"]
    assert form.fields["domain"].widget.choices == [("bio", "Biomedicīna")]
    client_.post(
        address("add", "domains.ecosystems"), {"code": "biomed", "domain": "bio", "title_lv": "Ekosistēma"}
    )
    assert list(domain.ecosystems.values_list("code", flat=True)) == ["biomed"]


def test_with_too_many_to_choose_from_one_types(client_: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "OPTIONS", 1)
    for number in range(2):
        make.organisation(f"o{number}")
    form = client_.get(address("add", "parties.organisations")).context["form"]
    assert form.fields["parent"].widget.input_type == "text"


def test_a_yes_is_a_box_and_lines_stay_lines(client_: Client) -> None:
    place = make.organisation("place", aliases=["Viens", "Otrs"])
    url = address("row", "parties.organisations", place.pk)
    form = client_.get(url).context["form"]
    assert (form["withdrawn"].value(), form["aliases"].value()) == (False, "Viens\nOtrs")
    cells = {
        "name_lv": "PLACE",
        "helix": "public",
        "kind_of": "authority",
        "country": "LV",
        "withdrawn": "on",
        "aliases": "Otrs",
    }
    client_.post(url, {**cells, "seen": "1"})
    place.refresh_from_db()
    assert (place.withdrawn, [each.name for each in place.other_names.all()]) == (True, ["Otrs"])


def test_the_second_of_two_editors_is_told_and_loses_nothing(client_: Client) -> None:
    kept = policy("nap")
    url = address("row", "domains.policies", kept.pk)
    domains.edit_policy(Policy.objects.get(), by=SYSTEM, title_lv="Cita cilvēka plāns")
    cells = {"kind_of": "strategy", "title_lv": "Mans plāns"}
    response = client_.post(url, {**cells, "seen": "1"})
    page = response.content.decode()
    assert (response.status_code, "Someone changed this meanwhile" in page) == (409, True)
    assert "Cita cilvēka plāns" in page
    assert "Mans plāns" in page
    client_.post(url, {**cells, "seen": response.context["form"]["seen"].value()})
    kept.refresh_from_db()
    assert kept.title_lv == "Mans plāns"


# ---------------------------------------------------------------- files


def fill() -> None:
    whole = make.organisation(
        "ku", acronym="KU", name_lv="Kartona universitāte", name_en="Cardboard University"
    )
    make.organisation(
        "si",
        name_lv="=HYPERLINK(salmi)",
        parent=whole,
        aliases=["Salmu, institūts", "Salmi; un"],
        source="1. pielikums",
    )
    old = make.organisation("old", name_lv="Vecais “nams”")
    parties.withdraw(old, by=SYSTEM, successor=whole)


@pytest.mark.parametrize("format_", reference.EXPORTS)
@pytest.mark.parametrize("language", ["lv", "en"])
def test_what_is_exported_is_imported_without_a_change(
    format_: str, language: str, client_: Client, tmp_path: Path
) -> None:
    fill()
    with override(language):
        response = client_.get(address("export", "parties.organisations", format_))
    assert response["Content-Disposition"] == f'attachment; filename="parties.organisations.{format_}"'
    path = tmp_path / f"file.{format_}"
    path.write_bytes(response.content)
    sheet = SHEETS["parties.organisations"]
    reading = sheets_io.read(sheet, path, path.name)
    preview = sheet.preview(HUB, reading.raws)
    assert [(problem.place, problem.message) for problem in preview.problems] == []
    assert ([item.kind for item in preview.items], reading.ignored) == (["same"] * 3, [])


def test_json_is_headed_by_the_columns_own_names(client_: Client) -> None:
    fill()
    rows = json.loads(client_.get(address("export", "parties.organisations", "json")).content)
    assert rows[0]["code"] == "ku"
    assert list(rows[0]) == [column.key for column in SHEETS["parties.organisations"].columns]


def workbook(*rows: list[str]) -> SimpleUploadedFile:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return SimpleUploadedFile("politikas.xlsx", out.getvalue())


def test_a_file_is_looked_at_then_applied(client_: Client) -> None:
    policy("nap", title_lv="Vecais nosaukums", source="avots")
    policy("ris3")
    url = address("import", "domains.policies")
    shown = client_.post(
        url,
        {
            "file": workbook(
                ["Title (in Latvian)", "Kods", "Kind", "Notes"],
                ["Jaunais nosaukums", "nap", "strategy", "x"],
                ["Vēl viens", "vpp", "EU programme", ""],
            )
        },
    )
    assert shown.context["counts"] == {"new": 1, "changed": 1, "same": 0}
    assert [row.code for row in shown.context["preview"].missing] == ["ris3"]
    assert shown.context["ignored"] == ["Notes"]
    (changed, _new) = shown.context["changes"]
    assert changed[1] == [("Title (in Latvian)", "Vecais nosaukums", "Jaunais nosaukums")]
    assert Policy.objects.get(code="nap").title_lv == "Vecais nosaukums"
    done = client_.post(
        url, {"upload": shown.context["upload"].token, "fingerprint": shown.context["preview"].fingerprint}
    )
    assert done["Location"] == address("sheet", "domains.policies")
    assert list(Policy.objects.order_by("code").values_list("code", "title_lv", "kind_of", "source")) == [
        ("nap", "Jaunais nosaukums", "strategy", "avots"),
        ("ris3", "RIS3", "strategy", ""),
        ("vpp", "Vēl viens", "eu_programme", ""),
    ]
    assert not shown.context["upload"].path.exists()


def test_every_bad_cell_is_named_by_file_and_cell_and_nothing_is_written(client_: Client) -> None:
    url = address("import", "domains.policies")
    shown = client_.post(
        url,
        {
            "file": workbook(
                ["Code", "Title (in Latvian)", "Kind"],
                ["nap", "Plāns", "king"],
                ["nap", "", "strategy"],
                ["", "Plāns", "strategy"],
            )
        },
    )
    where = "politikas.xlsx, sheet «Sheet»"
    assert [
        (problem.place, problem.message.split(";")[0]) for problem in shown.context["preview"].problems
    ] == [
        (f"{where}, cell C2", shown.context["preview"].problems[0].message),
        (f"{where}, cell B3", "is empty"),
        (f"{where}, row 3", "“nap” stands twice"),
        (f"{where}, cell A4", "is empty"),
    ]
    hidden = {"upload": shown.context["upload"].token, "fingerprint": shown.context["preview"].fingerprint}
    refused = client_.post(url, hidden)
    assert "Nothing was imported" in refused.content.decode()
    assert not Policy.objects.exists()


def test_what_was_not_shown_is_not_done(client_: Client) -> None:
    policy("nap")
    url = address("import", "domains.policies")
    shown = client_.post(
        url, {"file": workbook(["Code", "Title (in Latvian)", "Kind"], ["nap", "Mans", "strategy"])}
    )
    domains.edit_policy(Policy.objects.get(), by=SYSTEM, title_lv="Cits")
    again = client_.post(
        url, {"upload": shown.context["upload"].token, "fingerprint": shown.context["preview"].fingerprint}
    )
    assert "Someone changed these rows since you looked" in again.content.decode()
    assert Policy.objects.get().title_lv == "Cits"


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.xlsx", b"", "empty"),
        ("x.xlsx", b"PK\x03\x04 broken", "damaged"),
        ("x.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "password"),
        ("x.csv", b"one,two\n1,2\n", "no table has a column “Code”"),
        ("x.exe", b"MZ\0\0", "not a kind of file"),
    ],
)
def test_a_file_that_cannot_be_read_says_so_beside_the_field(
    name: str, data: bytes, said: str, client_: Client
) -> None:
    response = client_.post(address("import", "domains.policies"), {"file": SimpleUploadedFile(name, data)})
    (message,) = response.context["form"].errors["file"]
    assert said in message
    assert name in message or not data  # Django itself refuses an empty file


def test_a_kept_upload_is_found_by_its_token_alone(client_: Client) -> None:
    for token in ("", "x", "../../secret.key", "0" * 48):
        with pytest.raises(Invalid):
            sheets_io.kept(token)
    upload = sheets_io.keep(SimpleUploadedFile("../../plāns.csv", b"x"))
    assert (sheets_io.kept(upload.token), upload.name) == (upload, "plāns.csv")
    sheets_io.discard(upload)
    with pytest.raises(Invalid):
        sheets_io.kept(upload.token)
    gone = client_.post(address("import", "domains.policies"), {"upload": upload.token, "fingerprint": "x"})
    assert "The file is no longer kept here; choose it again." in gone.content.decode()


def test_uploads_that_nobody_came_back_for_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    old = sheets_io.keep(SimpleUploadedFile("old.csv", b"x"))
    monkeypatch.setattr(sheets_io, "DAY", -1)
    new = sheets_io.keep(SimpleUploadedFile("new.csv", b"x"))
    assert (new.path.exists(), old.path.parent.exists()) == (True, False)
    sheets_io.discard(new)


def test_a_table_becomes_rows_that_know_their_places(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("Nosaukums (latviski);Code;Cita\n\nJūra;sea;x\nCode;;\n", encoding="utf-8")
    (table,) = read_tables(path, name="jūra.csv")
    sheet = SHEETS["domains.missions"]
    (raw,) = sheets_io.raws_from_table(sheet, table)
    assert raw.cells == {"title_lv": "Jūra", "code": "sea"}
    assert (raw.place, raw.places["code"]) == ("jūra.csv, row 3", "jūra.csv, row 3, column 2")
    preview = sheet.preview(HUB, [raw])
    sheet.apply(preview, by=SYSTEM)
    assert list(Mission.objects.values_list("code", "title_lv")) == [("sea", "Jūra")]
    assert (Domain.objects.count(), Organisation.objects.count()) == (0, 0)


# ---------------------------------------------------------------- the whole house


def test_every_table_of_the_house_opens_and_comes_back_the_same(client_: Client, tmp_path: Path) -> None:
    """Over the real content of the biomedicine ecosystem: a new sheet is covered by being there."""
    for folder in ("biomedicine", "demo"):
        seeds.load(seeds.SEEDS / folder)
    seen = []
    for code, sheet in sorted(SHEETS.items()):
        parent = (
            HUB if sheet.over == "hub" else apps.get_model(sheet.over)._base_manager.order_by("pk").first()
        )
        where = {} if parent is HUB else {"in": parent.pk}
        if not sheet.may_edit(parent, Account.objects.get(email="admin@example.test")):
            continue
        if code == "biobanks.nodes":
            continue  # the demo registers none, since nothing would answer
        row = next(iter(sheet.rows(parent)))
        for url in (
            address("sheet", code),
            address("add", code),
            address("import", code),
            address("row", code, row.pk),
        ):
            assert client_.get(url, where).status_code == 200, url
        for format_, language in (("xlsx", "lv"), ("csv", "en")):
            with override(language):
                data = sheets_io.write(sheet, parent, format_)
            path = tmp_path / f"{code}.{format_}"
            path.write_bytes(data)
            preview = sheet.preview(parent, sheets_io.read(sheet, path, path.name).raws)
            changed = [
                (item.name, [each.column.key for each in item.differences]) for item in preview.changes
            ]
            assert (preview.problems, changed, preview.missing) == ([], [], []), path.name
        seen.append(code)
    assert len(seen) >= 20
