"""The coordinator: turns the ministry's Word plan into a live plan, sees what is wrong with it, gets it voted,
publishes it, gives the same form back; and keeps everything else of the ecosystem in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
from playwright.sync_api import expect

from tests.journeys.conftest import Visitor

ANNA, DZINTARS, GUNARS = "Anna Paraugs", "Dzintars Izdomājums", "Gunārs Teiksma"
NUMBER, TITLE, RESPONSIBLE, DEADLINE, FUNDING = (
    0,
    1,
    4,
    6,
    7,
)  # the official columns that the ministry changes here
PLAN = "/lv/biomed/plan/2023/"


def rows_of(path: Path | str) -> dict[str, list[str]]:
    """The measures of a plan's Word form, cell by cell, by their number."""
    return {
        row[NUMBER].removesuffix("."): row
        for table in docx.Document(str(path)).tables
        for row in ([cell.text for cell in each.cells] for each in table.rows)
        if row[NUMBER][:1].isdigit()
    }


def mend(path: Path, into: Path, *, change: Callable[[Any, Any], None]) -> Path:
    """A copy of a Word form with every measure's row handed to `change(table, row)`."""
    form = docx.Document(str(path))
    for table in form.tables:
        for row in list(table.rows):
            if row.cells[NUMBER].text[:1].isdigit():
                change(table, row)
    form.save(str(into))
    return into


def download_word(somebody: Visitor, into: Path) -> Path:
    """The plan on the page, as the official Word form."""
    somebody.page.locator("summary", has_text="Eksportēt").click()
    coming = somebody.download(lambda: somebody.follow("DOCX"))
    coming.save_as(into)
    return into


def upload(anna: Visitor, path: Path) -> None:
    """Hands a file over on the import page and waits for what it would change."""
    anna.page.get_by_label("Datne").set_input_files(path)
    anna.press("Rādīt, ko tā maina")
    expect(anna.page.get_by_role("heading", level=1)).to_have_text("Ko datne maina")


def new_version(anna: Visitor) -> None:
    """Drafts a new version of the plan in force."""
    anna.go(PLAN)
    anna.press("Jauna versija")
    anna.press("Sagatavot", within=anna.page.get_by_role("dialog"))
    expect(anna.page).to_have_url(f"{anna.hub.url}{PLAN}?version=2")


def test_the_ministry_s_word_form_becomes_a_plan_in_force(
    visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    anna = visitor()
    page = anna.page
    anna.sign_in(ANNA)
    anna.go(PLAN)
    printed = download_word(anna, tmp_path / "plan.docx")

    def by_the_ministry(table: Any, row: Any) -> None:
        number = row.cells[NUMBER].text.removesuffix(".")
        if number == "1.1.2":
            row.cells[DEADLINE].text = "30.06.2024."
        if number == "3.1.1":
            row.cells[FUNDING].text = "Valsts budžets"
        if number == "3.2.1":
            row.cells[RESPONSIBLE].text = "Izglītības un zinātes ministrija"  # a letter is missing
            new = table.add_row()
            for cell, text in zip(
                new.cells,
                (
                    "3.2.2.",
                    "Infrastruktūras kartes izveide",
                    "Karte",
                    "1 karte",
                    "LIAA",
                    "LZP",
                    "2024. gads",
                    "-",
                ),
                strict=True,
            ):
                cell.text = text

    wrong = mend(printed, tmp_path / "no-ministrijas.docx", change=by_the_ministry)
    new_version(anna)
    anna.follow("Importēt")
    upload(anna, wrong)
    problem = page.get_by_role("row").filter(has_text="Izglītības un zinātes ministrija")
    expect(problem).to_contain_text("IZM")  # the nearest name is offered
    expect(problem.get_by_role("rowheader")).to_contain_text(
        "Atbildīgā institūcija"
    )  # and the place is named
    expect(page.get_by_role("button", name="Importēt datni")).to_have_count(0)
    anna.picture("journey-coordinator-import-problem")
    anna.go(f"{PLAN}?version=2")
    expect(page.get_by_text("Infrastruktūras kartes izveide")).to_have_count(0)

    def letter_back(table: Any, row: Any) -> None:
        if row.cells[RESPONSIBLE].text == "Izglītības un zinātes ministrija":
            row.cells[RESPONSIBLE].text = "IZM"

    right = mend(wrong, tmp_path / "no-ministrijas-2.docx", change=letter_back)
    anna.follow("Importēt")
    upload(anna, right)
    expect(page.locator(".t-answer-number")).to_have_text("3")
    anna.sees("Vēl nekas nav mainīts.")
    anna.sees("Infrastruktūras kartes izveide")
    expect(page.locator("ins", has_text="2024-06-30")).to_be_visible()
    anna.picture("journey-coordinator-import-preview")
    anna.press("Importēt datni")
    anna.sees("Infrastruktūras kartes izveide")
    anna.picture("journey-coordinator-draft")

    # The linter speaks of the draft, to those who may see it, and leads to the place.
    anna.go("/lv/biomed/problems/?code=P04")
    finding = page.get_by_role("row").filter(has_text="3.2.2")
    expect(finding).to_have_count(1)  # the dash says that no source of funding was found
    finding.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("3.2.2. Infrastruktūras kartes izveide")
    anna.go("/lv/biomed/problems/?code=P04")
    anna.picture("journey-coordinator-problems")

    # The council is to vote.
    anna.go(f"{PLAN}?version=2")
    anna.follow("Pieņemt")
    anna.follow("Sagatavot lēmumu")
    page.get_by_label("Nosaukums latviski").fill("Par 2023. gada rīcības plāna grozījumiem")
    page.get_by_label("Teksts latviski").fill("Apstiprināt rīcības plāna otro versiju.")
    anna.picture("journey-coordinator-decision-form")
    anna.press("Saglabāt")
    anna.sees("Sagatavots; lēmējinstitūcija vēl nav lēmusi.")

    gunars = visitor(phone=True)
    gunars.sign_in(GUNARS)
    gunars.picture("journey-council-my-work")
    gunars.follow("Par 2023. gada rīcības plāna grozījumiem")
    gunars.follow("Pieņemt")
    gunars.sees("Pieņemt rīcības plānu")
    gunars.picture("journey-council-adopt")
    gunars.press("Pieņemt")
    gunars.sees("Ko šis lēmums mainīja")

    anybody = visitor()
    anybody.go("/lv/biomed/council/")
    anybody.follow("Par 2023. gada rīcības plāna grozījumiem")
    anybody.sees("Ko šis lēmums mainīja")
    anybody.picture("journey-public-decision")
    anybody.go("/lv/biomed/plan/")
    anybody.sees("Infrastruktūras kartes izveide")
    again = download_word(anybody, tmp_path / "pieņemtais.docx")
    expected = rows_of(right)
    expected["3.2.2"][FUNDING] = ""
    assert rows_of(again) == expected
    anybody.picture("journey-public-plan")


def test_two_coordinators_change_one_measure(visitor: Callable[..., Visitor]) -> None:
    anna, dzintars = visitor(), visitor()
    for who, name in ((anna, ANNA), (dzintars, DZINTARS)):
        who.sign_in(name)
        who.go(PLAN)
        who.follow("PMNET foruma organizēšana")
        who.follow("Mainīt")
    anna.page.get_by_label("Izpildes termiņš").fill("2024-Q1")
    anna.press("Saglabāt")
    expect(anna.page.get_by_role("heading", level=1)).to_contain_text("PMNET foruma organizēšana")

    dzintars.page.get_by_label("Pasākums latviski").fill("PMNET foruma organizēšana Rīgā")
    dzintars.press("Saglabāt")
    told = dzintars.page.get_by_role("alert").filter(has_text="Pa to laiku mainīts")
    expect(told).to_contain_text("Anna Paraugs, Izpildes termiņš")
    expect(dzintars.page.get_by_label("Pasākums latviski")).to_have_value("PMNET foruma organizēšana Rīgā")
    dzintars.picture("journey-conflict")
    dzintars.press("Saglabāt")
    expect(dzintars.page.get_by_role("heading", level=1)).to_contain_text("PMNET foruma organizēšana Rīgā")
    dzintars.sees("2024. gada 1. ceturksnis")

    dzintars.follow("Kas to mainījis")
    history = dzintars.page.get_by_role("main")
    for words in ("Anna Paraugs", "Dzintars Izdomājums", "PMNET foruma organizēšana Rīgā"):
        expect(history).to_contain_text(words)
    dzintars.picture("journey-history")


def test_what_is_undone_goes_into_the_next_plan_with_a_reason(visitor: Callable[..., Visitor]) -> None:
    anna = visitor()
    page = anna.page
    anna.sign_in(ANNA)
    anna.go(PLAN)
    page.locator("summary", has_text="Vairāk").click()
    anna.follow("Pārcelt neizpildītos pasākumus")
    page.get_by_label("Iemesls visiem").fill("Gadam pietrūka finansējuma.")
    page.get_by_label("Iemesls: 1.1.2").fill("Forums notiks nākamgad.")
    page.get_by_role("checkbox", name="4.1.6").uncheck()
    anna.picture("journey-roll-over")
    anna.press("Pārcelt")
    expect(page).to_have_url(f"{anna.hub.url}/lv/biomed/plan/2024/?version=1")
    anna.picture("journey-rolled-over")
    anna.follow("PMNET foruma organizēšana")
    facts = page.locator(".t-facts").filter(has_text="Pārcelts no")
    expect(facts).to_contain_text("2023: 1.1.2")
    expect(facts).to_contain_text("Forums notiks nākamgad.")

    anna.go("/lv/biomed/plan/2024/compare/?version=1")
    anna.sees("Inovāciju attīstības veicināšana caur publisko iepirkumu")  # what stayed behind
    anna.picture("journey-plans-compared")


def test_each_finding_leads_to_its_place(visitor: Callable[..., Visitor]) -> None:
    anna = visitor()
    anna.sign_in(ANNA)
    anna.go("/lv/biomed/problems/")
    rows = anna.page.get_by_role("row")
    links = rows.get_by_role("link").evaluate_all("all => all.map(each => [each.textContent, each.href])")
    assert len(links) >= 40
    for place, address in sorted({address: place for place, address in links}.items()):
        assert anna.page.request.get(place).status == 200, address
    rows.filter(has_text="P01").first.get_by_role("link").click()
    expect(anna.page.get_by_role("heading", level=1)).to_be_visible()


def test_the_keyboard_finds_anything(visitor: Callable[..., Visitor]) -> None:
    anna = visitor()
    anna.sign_in(ANNA)
    for words, found in (("kompetencu karte", "Esošo kompetenču un iespēju identifikācija"), ("IZM", "IZM")):
        anna.page.keyboard.press("/")
        anna.page.keyboard.type(words)
        anna.page.keyboard.press("Enter")
        anna.page.wait_for_url("**/search/**")
        expect(anna.page.get_by_role("main").get_by_role("link", name=found).first).to_be_visible()
    anna.picture("journey-search")


def test_a_new_version_of_the_strategy_is_compared(visitor: Callable[..., Visitor]) -> None:
    anna = visitor()
    page = anna.page
    anna.sign_in(ANNA)
    anna.go("/lv/biomed/strategy/")
    anna.press("Jauna versija")
    anna.press("Sagatavot", within=page.get_by_role("dialog"))
    expect(page).to_have_url(f"{anna.hub.url}/lv/biomed/strategy/?version=2")
    anna.follow("Jomas prestiža celšana")
    anna.follow("Mainīt")
    page.get_by_label("Prioritāte latviski").fill("Jomas prestiža celšana un motivācijas sistēmas izveide")
    anna.press("Saglabāt")
    anna.go("/lv/biomed/strategy/")
    anna.follow("Salīdzināt versijas")
    expect(page.locator("del")).to_contain_text("atbilstošas")
    anna.picture("journey-strategy-compared")
    # The public sees nothing of it.
    anybody = visitor()
    anybody.go("/lv/biomed/strategy/?version=2", status=404)


def test_one_organisation_noted_twice_becomes_one(visitor: Callable[..., Visitor]) -> None:
    anna = visitor()
    page = anna.page
    anna.sign_in(ANNA)
    anna.go("/lv/organisations/add/")
    page.get_by_label("Nosaukums latviski").fill("Rīgas Tehniskā universitate")
    page.get_by_label("Spirāles sektors").select_option(label="zinātne")
    page.get_by_label("Veids").select_option(label="augstskola")
    anna.press("Pievienot")
    expect(page.get_by_role("heading", level=1)).to_have_text("Rīgas Tehniskā universitate")
    anna.go("/lv/organisations/duplicates/")
    anna.picture("journey-duplicates")
    page.get_by_role("row").filter(has_text="Rīgas Tehniskā universitate").get_by_role(
        "link", name="Salīdzināt"
    ).click()
    anna.picture("journey-merge")
    anna.press("Apvienot ar “RTU”")
    expect(page.get_by_role("heading", level=1)).to_have_text("Rīgas Tehniskā universitāte")
    anna.sees("Rīgas Tehniskā universitate")  # its name is kept as a further one
    anna.follow("Vēsture")
    anna.sees("izveidoja: cits nosaukums “Rīgas Tehniskā universitate”")


def test_reference_data_are_changed_in_a_form(visitor: Callable[..., Visitor]) -> None:
    dzintars = visitor()
    page = dzintars.page
    dzintars.sign_in(DZINTARS)
    page.locator("summary", has_text=DZINTARS).click()
    dzintars.follow("Pamatdati")
    dzintars.follow("Finansējuma avoti")
    page.get_by_role("main").get_by_role("link", name="ERAF").first.click()
    page.get_by_label("Nosaukums (latviski)").fill("Eiropas Reģionālās attīstības fonds (ES)")
    dzintars.picture("journey-reference-row")
    dzintars.press("Saglabāt")
    dzintars.sees("(ES)")
    dzintars.picture("journey-reference-table")


def test_a_target_is_read_from_accepted_values(visitor: Callable[..., Visitor]) -> None:
    anna = visitor()
    page = anna.page
    anna.sign_in(ANNA)
    for period, value in (("2024", "2,5"), ("2025", "4,1")):
        anna.go("/lv/biomed/strategy/targets/innovation-1-a/")
        anna.follow("Ziņot vērtību")
        page.get_by_label("Periods").fill(period)
        page.get_by_label("Vērtība, % iedzīvotāju").fill(value)
        page.get_by_label("Uz ko tas balstās").fill("Biobanku donoru skaits pret iedzīvotāju skaitu.")
        anna.press("Iesniegt")
        anna.press("Pieņemt")
        anna.sees("Pieņemts: vērtību tagad ņem vērā.")
    expect(page.locator(".t-answer-number")).to_contain_text("4,1")
    expect(page.get_by_role("img").filter(visible=True).first).to_be_visible()
    anna.picture("journey-target-with-values")

    anybody = visitor(phone=True)
    anybody.go("/lv/biomed/strategy/targets/innovation-1-a/")
    expect(anybody.page.get_by_text(ANNA)).to_have_count(0)
    anybody.picture("journey-target-with-values-phone")


def test_a_project_s_indicator_gets_a_value(visitor: Callable[..., Visitor]) -> None:
    anna = visitor()
    page = anna.page
    anna.sign_in(ANNA)
    anna.go("/lv/biomed/portfolio/projects/biopharma-centre/")
    page.get_by_role("main").get_by_role("row").nth(1).get_by_role("link").first.click()
    anna.follow("Ziņot vērtību")
    page.get_by_label("Periods").fill("2025")
    page.get_by_label("Vērtība").fill("3")
    page.get_by_label("Uz ko tas balstās").fill("Projekta gada pārskats.")
    anna.press("Iesniegt")
    anna.press("Pieņemt")
    expect(page.locator(".t-answer-number")).to_contain_text("3")
    anna.picture("journey-kpi-with-value")
