"""The officer of a responsible institution: reports on a measure with evidence, in two minutes, from a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.journeys.conftest import Hub, Visitor

ANNA, BRUNO = "Anna Paraugs", "Bruno Piemērs"
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)
DONE = "Apkopoti trīs infrastruktūru vadītāju iesniegumi."
BETTER = "Apkopoti trīs iesniegumi; pārskats pievienots."


def to_report(bruno: Visitor) -> Locator:
    """The field for what was done on 3.2.1, two taps from the start."""
    bruno.go("/lv/my/")
    bruno.page.get_by_role("listitem").filter(has_text="3.2.1").get_by_role("link", name="Ziņot").tap()
    return bruno.page.get_by_label("Kas paveikts")


def evidence(folder: Path) -> Path:
    """A PDF as a scanner on a phone makes it."""
    path = folder / "pārskats.pdf"
    path.write_bytes(PDF)
    return path


def letters_to(hub: Hub, address: str) -> list[str]:
    """What was written to somebody: subject and text of each letter in the folder of letters."""
    hub.talka("work", "--once")
    found = []
    for path in sorted((hub.home / "mail").glob("*.log")):
        for each in re.split(rb"^-{79}\n", path.read_bytes(), flags=re.MULTILINE):
            letter = message_from_bytes(each, policy=policy.default)
            body = letter.get_body(("plain",)) if letter["To"] else None
            if body is not None and address in letter["To"]:
                found.append(f"{letter['Subject']}\n{body.get_content()}")
    return found


def test_a_report_goes_back_and_forth(visitor: Callable[..., Visitor], tmp_path: Path) -> None:
    bruno, anna = visitor(phone=True), visitor()
    bruno.sign_in(BRUNO)
    bruno.picture("journey-officer-my-work")
    to_report(bruno).fill(DONE)
    bruno.page.get_by_label("tiek īstenots").check()
    bruno.page.get_by_label("Pierādījumi").set_input_files(evidence(tmp_path))
    bruno.picture("journey-officer-report")
    bruno.press("Iesniegt")
    bruno.sees("Iesniegts.")
    bruno.picture("journey-officer-handed-in")

    anna.sign_in(ANNA)
    anna.sees(DONE)
    anna.picture("journey-coordinator-my-work")
    anna.page.get_by_role("listitem").filter(has_text=DONE).get_by_role("link").first.click()
    waiting = anna.page.get_by_role("article").filter(has_text=DONE)
    taken = anna.download(lambda: waiting.get_by_role("link", name="pārskats.pdf").click())
    assert Path(taken.path()).read_bytes() == PDF
    anna.picture("journey-coordinator-report")
    waiting.get_by_role("button", name="Atgriezt").click()  # not without a word
    anna.sees("Komentārā norādiet, kā trūkst")
    waiting.get_by_role("textbox").fill("Lūdzu, pasakiet, kur ir pats pārskats.")
    waiting.get_by_role("button", name="Atgriezt").click()
    anna.sees("Atgriezts institūcijai ar jūsu piezīmi.")

    assert any(
        "kur ir pats pārskats" in letter for letter in letters_to(bruno.hub, "officer.izm@example.test")
    )
    bruno.go("/lv/my/")
    bruno.sees("Jums atgrieztie ziņojumi")
    bruno.sees("Lūdzu, pasakiet, kur ir pats pārskats.")
    bruno.picture("journey-officer-returned")
    bruno.page.get_by_role("listitem").filter(has_text="kur ir pats pārskats").get_by_role("link").first.tap()
    bruno.page.get_by_label("Kas paveikts").fill(BETTER)
    bruno.page.get_by_label("Pierādījumi").set_input_files(evidence(tmp_path))
    bruno.press("Iesniegt")
    bruno.sees("Iesniegts.")

    anna.go("/lv/my/")
    anna.page.get_by_role("listitem").filter(has_text=BETTER).get_by_role("link").first.click()
    anna.page.get_by_role("article").filter(has_text=BETTER).get_by_role("button", name="Pieņemt").click()
    anna.sees("Pieņemts: periods ir slēgts.")
    expect(anna.page.get_by_role("article").filter(has_text=DONE)).to_contain_text("atgriezts labošanai")
    expect(anna.page.get_by_role("article").filter(has_text=BETTER)).to_contain_text(
        "pieņemts, periods slēgts"
    )
    anna.picture("journey-coordinator-accepted")

    # What was accepted stays: the period is locked.
    to_report(bruno).fill("Vēl kas.")
    bruno.press("Iesniegt")
    expect(bruno.page.get_by_role("alert").or_(bruno.page.locator(".invalid-feedback")).first).to_be_visible()
    bruno.picture("journey-officer-locked")

    anybody = visitor()
    anybody.go(bruno.page.url.removeprefix(bruno.hub.url).partition("report/")[0].partition("#")[0])
    anybody.sees(BETTER)
    for hidden in (DONE, BRUNO, ANNA):
        expect(anybody.page.get_by_text(hidden)).to_have_count(0)
    anybody.picture("journey-public-report")


def test_a_half_typed_report_survives_a_reload(visitor: Callable[..., Visitor]) -> None:
    bruno = visitor(phone=True)
    bruno.page.on("dialog", lambda dialog: dialog.accept())  # "leave the page?"
    bruno.sign_in(BRUNO)
    to_report(bruno).press_sequentially("Sākām apkopot")
    bruno.page.wait_for_timeout(400)  # a draft is kept a quarter of a second after the last key
    bruno.page.reload()
    expect(bruno.page.get_by_label("Kas paveikts")).to_have_value("Sākām apkopot")
    bruno.picture("journey-officer-draft")
    bruno.press("Iesniegt")
    bruno.sees("Iesniegts.")
    expect(to_report(bruno)).to_have_value("")  # and is gone once it is handed in


def test_a_lost_connection_loses_nothing(visitor: Callable[..., Visitor], tmp_path: Path) -> None:
    bruno = visitor(phone=True)
    bruno.sign_in(BRUNO)
    to_report(bruno).fill(DONE)
    bruno.page.get_by_label("Pierādījumi").set_input_files(evidence(tmp_path))
    bruno.page.context.set_offline(True)
    bruno.press("Iesniegt")
    bruno.sees("Savienojums pārtrūka.")
    expect(bruno.page.get_by_label("Kas paveikts")).to_have_value(DONE)
    bruno.picture("journey-officer-offline")
    bruno.page.context.set_offline(False)  # it is sent again by itself
    bruno.sees("Iesniegts.")
    expect(bruno.page.get_by_role("article")).to_have_count(1)
    expect(bruno.page.get_by_role("link", name="pārskats.pdf")).to_be_visible()


def test_somebody_else_s_measure_is_only_read(visitor: Callable[..., Visitor]) -> None:
    bruno = visitor(phone=True)
    bruno.sign_in(BRUNO)
    bruno.go("/lv/biomed/plan/2023/?q=publisko+iepirkumu")
    bruno.follow("Inovāciju attīstības veicināšana")  # of the Ministry of Economics
    bruno.sees("Par šo pasākumu ziņo tikai atbildīgās institūcijas.")
    expect(bruno.page.get_by_label("Kas paveikts")).to_have_count(0)
    expect(bruno.page.get_by_role("link", name="Mainīt")).to_have_count(0)
    measure = bruno.page.url.removeprefix(bruno.hub.url).partition("?")[0]
    bruno.go(f"{measure}edit/", status=403)
    bruno.sees("Lomas, kas tās dod: Ekosistēmas koordinators, Vietnes administrators.")
    bruno.picture("journey-officer-refused")
