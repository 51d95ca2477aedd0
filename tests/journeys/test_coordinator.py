"""The coordinator: turns the ministry's Word plan into a live plan, sees what is wrong with it, gets it voted,
publishes it, gives the same form back; and keeps everything else of the ecosystem in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
from playwright.sync_api import expect

from tests.journeys.conftest import Visitor

ANNA, GUNARS, ELZA = "Anna Paraugs", "Gunārs Teiksma", "Elza Nebūšana"
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
            row.cells[RESPONSIBLE].text = "Izglītības un zinātnes ministrija"

    right = mend(wrong, tmp_path / "no-ministrijas-2.docx", change=letter_back)
    anna.follow("Importēt")
    upload(anna, right)
    anna.sees("1 pasākums ir jauns, 2 mainās, 15 paliek, kādi ir.")
    anna.sees("Infrastruktūras kartes izveide")
    expect(page.locator("ins", has_text="2024-06-30")).to_be_visible()
    anna.picture("journey-coordinator-import-preview")
    anna.press("Importēt datni")
    anna.sees("Infrastruktūras kartes izveide")
    anna.picture("journey-coordinator-draft")

    # The linter speaks of the draft, to those who may see it, and leads to the place.
    anna.go("/lv/biomed/problems/?code=P07")
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
    gunars.sees("Pieņemt gada rīcības plānu")
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
    assert rows_of(again) == rows_of(right)
    anybody.picture("journey-public-plan")
