"""Anyone: reads the open pages in Latvian or English, follows a number to its rows, takes the open data."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from tests.journeys.conftest import Visitor


def test_from_the_overview_to_the_rows_behind_a_number(visitor: Callable[..., Visitor]) -> None:
    somebody = visitor()
    page = somebody.page
    somebody.go("/lv/biomed/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Biomedicīna")
    expect(page.locator("html")).to_have_attribute("lang", "lv")
    # The big number leads to the plan it counts.
    page.get_by_role("link", name="0 no 17").click()
    expect(page).to_have_url(f"{somebody.hub.url}/lv/biomed/plan/2023/")
    expect(page.get_by_text("PMNET foruma organizēšana").first).to_be_visible()
    page.get_by_role("link", name="PMNET foruma organizēšana").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("PMNET foruma organizēšana")
    expect(page.get_by_text("BKUS").first).to_be_visible()
    somebody.picture("journey-public-measure")


def test_the_same_page_in_english(visitor: Callable[..., Visitor]) -> None:
    somebody = visitor(phone=True)
    page = somebody.page
    somebody.go("/lv/biomed/strategy/targets/innovation-1-a/")
    page.get_by_role("link", name="English").first.click()
    expect(page).to_have_url(f"{somebody.hub.url}/en/biomed/strategy/targets/innovation-1-a/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("10")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_search_forgives_endings_and_diacritics(visitor: Callable[..., Visitor]) -> None:
    somebody = visitor()
    page = somebody.page
    for text in ("biobanka", "biobankām", "BIOBANKU"):
        somebody.go("/lv/biomed/")
        page.keyboard.press("/")
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Biobanku likuma apstiprināšana").first).to_be_visible()
    page.get_by_role("link", name="Biobanku likuma apstiprināšana").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Biobanku likuma apstiprināšana")


def test_drafts_and_people_are_not_public(visitor: Callable[..., Visitor]) -> None:
    somebody = visitor()
    for path in ("/lv/my/", "/lv/reference/", "/lv/biomed/plan/2023/import/"):
        somebody.page.goto(somebody.hub.url + path)
        parts = urlsplit(somebody.page.url)
        assert (parts.path, parse_qs(parts.query)) == ("/lv/sign-in/", {"next": [path]})


def test_the_open_data_can_be_taken(visitor: Callable[..., Visitor]) -> None:
    somebody = visitor()
    somebody.go("/en/biomed/data/")
    somebody.picture("journey-public-open-data")
    answer = somebody.page.request.get(f"{somebody.hub.url}/en/biomed/plan/2023/export.csv")
    rows = list(csv.reader(io.StringIO(answer.body().decode("utf-8-sig"))))
    assert (
        sum(row[0].startswith(("1.", "2.", "3.", "4.")) and row[0].count(".") >= 2 for row in rows if row)
        >= 17
    )
    assert "PMNET foruma organizēšana" in answer.body().decode("utf-8-sig")
    api = json.loads(somebody.page.request.get(f"{somebody.hub.url}/api/v1/openapi.json").body())
    assert api["openapi"].startswith("3.")


def test_who_changed_this_is_told_without_names_to_the_public(visitor: Callable[..., Visitor]) -> None:
    somebody = visitor()
    somebody.go("/lv/biomed/plan/2023/")
    page = somebody.page
    page.get_by_role("link", name="PMNET foruma organizēšana").first.click()
    page.get_by_role("link", name="Kas to mainījis").first.click()
    expect(page.get_by_text("Amatpersona").first).to_be_visible()
