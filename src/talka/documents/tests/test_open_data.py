"""Open data: the public part alone, in every format, and the same for everybody."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import pytest
from django.test import Client

from talka.core.actions import SYSTEM
from talka.core.sheets import SHEETS
from talka.documents import opendata
from talka.domains.models import Ecosystem
from talka.governance import actions as governance
from talka.plan.models import Measure
from talka.plan.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def eco() -> Ecosystem:
    made = factories.ecosystem()
    factories.strategy(made)
    factories.organisation("EM", "Ekonomikas ministrija")
    factories.plan(made, 2023, 2, adopted=True)
    factories.plan(made, 2024, 1)
    body = governance.add_body(made, by=SYSTEM, code="council", title_lv="Padome", kind_of="council")
    governance.prepare(body, by=SYSTEM, title_lv="Vēl neizlemts")
    governance.adopt(governance.prepare(body, by=SYSTEM, title_lv="Izlemts"), by=SYSTEM)
    return made


def get(client: Client, name: str, language: str = "lv") -> Any:
    return client.get(f"/{language}/biomed/data/{name}")


def rows(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=_mark(answer)))


def _mark(answer: Any) -> str:
    return ";" if ";" in answer.content.decode("utf-8-sig").splitlines()[0] else ","


def test_every_sheet_is_published_or_held_back_with_a_reason() -> None:
    published = [each.sheet for each in opendata.PUBLISHED]
    assert sorted([*published, *opendata.HELD_BACK]) == sorted(SHEETS)
    assert len({each.code for each in opendata.PUBLISHED}) == len(opendata.PUBLISHED)


def test_the_page_lists_every_file(eco: Ecosystem, client: Client) -> None:
    page = get(client, "").content.decode()
    for dataset in opendata.datasets(eco):
        for kind in dataset.formats:
            assert f'href="/lv/biomed/data/{dataset.code}.{kind}"' in page
    assert "plan-2024" not in page
    assert "curl http://testserver/api/v1/ecosystems/biomed/targets" in page


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json", "docx", "pdf", "xml"])
def test_a_plan_in_every_format(eco: Ecosystem, client: Client, kind: str) -> None:
    answer = get(client, f"plan-2023.{kind}")
    assert answer.status_code == 200
    assert answer["Content-Type"] == opendata.MEDIA_TYPES[kind]
    assert answer["Content-Disposition"] == f'attachment; filename="biomed-plan-2023.{kind}"'
    starts = {"xlsx": b"PK", "docx": b"PK", "pdf": b"%PDF", "xml": b"<?xml"}
    assert answer.content.startswith(starts.get(kind, b""))


def test_a_table_has_the_headers_of_the_language_and_json_the_keys(eco: Ecosystem, client: Client) -> None:
    latvian, english = (rows(get(client, "plan-2023.csv", language)) for language in ("lv", "en"))
    sheet = SHEETS["plan.measures"]
    assert [list(row.values()) for row in latvian] == [list(row.values()) for row in english]
    assert [row["No."] for row in english] == ["1.1.1", "1.1.2"]
    [first, second] = json.loads(get(client, "plan-2023.json").content)
    assert list(first) == [column.key for column in sheet.columns]
    assert [first["title_lv"], second["title_en"]] == ["Pasākums 1", "Measure 2"]


@pytest.mark.parametrize(
    "name",
    ["plan-2024.csv", "plan-2022.csv", "people.csv", "accounts.json", "organisations.docx", "catalogue.exe"],
)
def test_what_is_not_public_is_not_there(eco: Ecosystem, client: Client, name: str) -> None:
    assert get(client, name).status_code == 404


def test_signing_in_adds_nothing(eco: Ecosystem, client: Client) -> None:
    everybody = get(client, "decisions.csv").content
    client.force_login(factories.account("Anna", "administrator"))
    assert get(client, "decisions.csv").content == everybody
    assert "Izlemts" in everybody.decode()
    assert "Vēl neizlemts" not in everybody.decode()
    assert get(client, "plan-2024.csv").status_code == 404


def test_the_package_holds_everything(eco: Ecosystem, client: Client) -> None:
    answer = get(client, "all.zip", "en")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = set(archive.namelist())
        readme = archive.read("talka-biomed/README.txt").decode()
        whole = b"".join(archive.read(name) for name in names)
    found = opendata.datasets(eco)
    assert names == {"talka-biomed/README.txt", "talka-biomed/catalogue.ttl"} | {
        f"talka-biomed/{folder}/{dataset.code}.{folder}" for dataset in found for folder in ("csv", "json")
    } | {
        "talka-biomed/iati/plan-2023.xml",
        "talka-biomed/form/plan-2023.docx",
        "talka-biomed/form/plan-2023.pdf",
    }
    assert all(f"{dataset.code}: {dataset.title.en}" in readme for dataset in found)
    assert "Vēl neizlemts".encode() not in whole


@pytest.mark.parametrize("name", ["plan-2023.csv", "catalogue.ttl", "all.zip"])
def test_a_file_that_did_not_change_is_not_sent_again(eco: Ecosystem, client: Client, name: str) -> None:
    first = get(client, name)
    again = client.get(f"/lv/biomed/data/{name}", headers={"if-none-match": first["ETag"]})
    assert again.status_code == 304
    factories.organisation("VM")  # drawn without a verb: the record knows nothing
    governance.add_body(eco, by=SYSTEM, code="board", title_lv="Valde", kind_of="board")
    assert client.get(f"/lv/biomed/data/{name}", headers={"if-none-match": first["ETag"]}).status_code == 200


@pytest.mark.parametrize("many", [1, 3])
def test_the_page_asks_a_fixed_number_of_questions(
    many: int, client: Client, django_assert_num_queries: Any
) -> None:
    made = factories.ecosystem()
    factories.strategy(made)
    for year in range(2023, 2023 + many):
        factories.plan(made, year, many, adopted=True)
    with django_assert_num_queries(4):
        assert get(client, "").status_code == 200
    assert Measure.objects.count() == many * many
