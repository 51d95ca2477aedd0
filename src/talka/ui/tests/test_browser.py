"""In a real Chromium, under the real Content-Security-Policy: what people see, type, lose and get back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, expect

AXE = Path(__file__).parents[4] / "tests" / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("talka.ui.tests.urls"),
    pytest.mark.browser,
]

# What is typed is kept a moment after the last key.
KEPT = "Object.keys(localStorage).some((key) => localStorage[key].includes('Malkas šķūnis'))"
FORGOTTEN = "!Object.keys(localStorage).some((key) => key.startsWith('talka:draft:'))"
Open = Callable[[str], Page]


@pytest.fixture
def visit(live_server: Any, page: Page) -> Iterator[Open]:
    """Opens a page of the live server; whatever the browser's console complains of fails the test."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def visit(path: str) -> Page:
        page.goto(f"{live_server.url}{path}")
        return page

    yield visit
    # A lost connection is complained of by the browser and by htmx; nothing else is.
    assert [c for c in complaints if "ERR_INTERNET_DISCONNECTED" not in c and not c.startswith("htmx:")] == []


def eventually(page: Page, expression: str) -> None:
    """Waits until an expression is true. Playwright's own wait needs eval, which the policy refuses."""
    for _attempt in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


def shed(page: Page, name: str = "Malkas šķūnis", *, whole: bool = True) -> None:
    """Fills the form; not `whole` leaves out what the server insists on and the browser does not."""
    page.get_by_label("Nosaukums").fill(name)
    page.get_by_label("Vērtība").fill("12,5" if whole else "daudz")
    page.get_by_label("Izpildes termiņš").fill("2026-11-23")
    page.get_by_label("Veids").select_option("a")
    page.get_by_label("Vidējs").check()
    page.get_by_label("Malkai").check()
    page.get_by_label("Kaimiņi piekrīt").check()


def drafts(page: Page) -> int:
    return int(
        page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('talka:draft:')).length")
    )


# --- what people see --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "width", "theme"),
    [
        # Themes differ in contrast, languages and widths in what fits.
        ("/lv/ui/gallery/", 360, "light"),
        ("/lv/ui/gallery/", 1280, "dark"),
        ("/en/ui/gallery/", 360, "dark"),
        ("/en/ui/gallery/", 1280, "light"),
        ("/lv/ui/gallery/", 768, "light"),
        ("/lv/ui/form/", 360, "dark"),
        ("/lv/ui/failure/409/", 360, "light"),
        ("/lv/ui/failure/500/", 360, "dark"),
    ],
)
def test_no_page_has_a_barrier_or_runs_over_the_edge(visit: Open, path: str, width: int, theme: Any) -> None:
    page = visit("/lv/ui/failure/500/")
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 900})
    visit(path)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("(tags) => axe.run(document, {runOnly: tags})", RULES)
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("code", ["400", "403", "403_csrf", "404", "409", "500"])
def test_every_failure_says_what_to_do_now(visit: Open, code: str) -> None:
    page = visit(f"/lv/ui/failure/{code}/")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("link", name=re.compile("sākumlapu|vēlreiz"))).to_be_visible()
    assert page.locator("main [data-keeps-drafts]").count() == 1


def test_a_chosen_theme_is_there_before_the_first_paint(visit: Open) -> None:
    page = visit("/lv/ui/gallery/")
    page.get_by_text("Izskats").locator("..").click()
    page.get_by_role("button", name="Tumšs").click()
    # A script that waits would set it after the body has begun.
    page.add_init_script(
        "new MutationObserver((_, me) => { if (document.body) { me.disconnect();"
        " window.themeAtBody = document.documentElement.dataset.bsTheme; } })"
        ".observe(document, {childList: true, subtree: true})"
    )
    visit("/lv/ui/gallery/")
    assert page.evaluate("window.themeAtBody") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 25, 29)"
    expect(page.locator("button[data-theme-choice=dark]")).to_have_attribute("aria-pressed", "true")


def test_auto_follows_the_device(visit: Open) -> None:
    page = visit("/lv/ui/gallery/")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)


def test_paper_is_white(visit: Open) -> None:
    page = visit("/lv/ui/gallery/")
    page.emulate_media(color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_the_other_language_is_one_click_away(visit: Open) -> None:
    page = visit("/lv/ui/gallery/")
    assert page.locator("html").get_attribute("lang") == "lv"
    link = page.get_by_role("link", name="English")
    assert (link.get_attribute("hreflang"), link.get_attribute("lang")) == ("en", "en")


def test_a_phone_has_a_menu_that_needs_no_script(live_server: Any, new_context: Any) -> None:
    page = new_context(java_script_enabled=False, viewport={"width": 390, "height": 800}).new_page()
    page.goto(f"{live_server.url}/lv/ui/gallery/")
    item = page.get_by_role("link", name="Padome")
    expect(item).to_be_hidden()
    page.get_by_role("button", name="Izvēlne").click()
    expect(item).to_be_visible()


def test_tables_become_cards_by_the_room_they_have(visit: Open) -> None:
    page = visit("/lv/ui/gallery/")
    head = page.locator("#rows thead")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert head.evaluate("e => getComputedStyle(e).position") == "static"
    page.set_viewport_size({"width": 390, "height": 900})
    assert head.evaluate("e => getComputedStyle(e).position") == "absolute"
    # Still a table to a screen reader.
    expect(page.get_by_role("table", name="Pasākumi").get_by_role("row")).to_have_count(5)
    expect(page.get_by_role("cell", name="320,50")).to_be_visible()


@pytest.mark.parametrize(("width", "shown"), [(390, "narrow"), (1100, "middle")])
def test_a_chart_has_the_drawing_that_fits(visit: Open, width: int, shown: str) -> None:
    page = visit("/lv/ui/gallery/")
    page.set_viewport_size({"width": width, "height": 900})
    figure = page.locator("figure.t-chart").first
    visible = [
        name for name in ("narrow", "middle", "wide") if figure.locator(f".t-chart-{name}").is_visible()
    ]
    assert visible == [shown]
    # No text is smaller than ten pixels on the screen.
    scale = figure.locator("svg:visible").first.evaluate(
        "e => e.getBoundingClientRect().width / e.viewBox.baseVal.width"
    )
    assert scale * 12.5 >= 10


# --- keys and clicks --------------------------------------------------------------------------------------


def test_a_slash_goes_to_the_search_but_not_while_typing(visit: Open) -> None:
    page = visit("/lv/ui/form/")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_label("Apraksts").fill("")
    page.get_by_label("Apraksts").press("/")
    expect(page.get_by_label("Apraksts")).to_have_value("/")


def test_the_first_key_skips_to_the_content(visit: Open) -> None:
    page = visit("/lv/ui/form/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Pāriet uz saturu")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_a_menu_closes_on_escape_and_on_a_click_elsewhere(visit: Open) -> None:
    page = visit("/lv/ui/gallery/")
    opener, item = page.get_by_text("Lejupielādēt"), page.get_by_role("link", name="Word")
    opener.click()
    expect(item).to_be_visible()
    page.keyboard.press("Escape")
    expect(item).to_be_hidden()
    opener.click()
    page.get_by_role("heading", level=1).click()
    expect(item).to_be_hidden()


def test_a_dangerous_button_asks_first(visit: Open) -> None:
    page = visit("/lv/ui/gallery/")
    page.get_by_role("button", name="Svītrot").click()
    dialog = page.get_by_role("dialog", name="Svītrot šo pasākumu?")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Atcelt").click()
    expect(dialog).to_be_hidden()
    assert page.url.endswith("/lv/ui/gallery/")


def test_long_text_grows_as_it_is_typed(visit: Open) -> None:
    page = visit("/lv/ui/form/")
    area = page.get_by_label("Apraksts")
    before = area.bounding_box()
    area.fill("rinda\n" * 12)
    after = area.bounding_box()
    assert before and after and after["height"] > before["height"] * 2


# --- what people type is not lost -------------------------------------------------------------------------


def test_a_draft_comes_back_and_can_be_thrown_away(visit: Open) -> None:
    page = visit("/lv/ui/form/")
    page.on("dialog", lambda dialog: dialog.accept())
    shed(page)
    eventually(page, KEPT)
    visit("/lv/ui/form/")
    expect(page.get_by_text("Atjaunots tas, ko te iepriekš bijāt ierakstījuši.")).to_be_visible()
    expect(page.get_by_label("Nosaukums")).to_have_value("Malkas šķūnis")
    expect(page.get_by_label("Malkai")).to_be_checked()
    expect(page.get_by_label("Darbarīkiem")).not_to_be_checked()
    page.get_by_role("button", name="Sākt no jauna").click()
    expect(page.get_by_label("Nosaukums")).to_have_value("")
    assert drafts(page) == 0


def test_an_accepted_form_leaves_no_draft(visit: Open) -> None:
    page = visit("/lv/ui/form/")
    shed(page)
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/ui/gallery/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Šķūņu talka")
    assert drafts(page) == 0


def test_a_refused_form_keeps_what_was_typed_and_says_why(visit: Open) -> None:
    page = visit("/lv/ui/form/")
    shed(page, whole=False)
    page.get_by_role("button", name="Send").click()
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("Jālabo 1 vieta")
    expect(summary).to_be_focused()
    expect(page.get_by_label("Vērtība")).to_have_value("daudz")
    assert drafts(page) == 1
    summary.get_by_role("link", name="Vērtība").click()
    expect(page.get_by_label("Vērtība")).to_be_focused()
    page.get_by_label("Vērtība").fill("12,5")
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/ui/gallery/")
    eventually(page, FORGOTTEN)


def test_a_lost_connection_loses_nothing_and_sends_again(visit: Open, context: BrowserContext) -> None:
    page = visit("/lv/ui/form/")
    shed(page)
    page.get_by_label("Rasējums").set_input_files(
        {"name": "plans.pdf", "mimeType": "application/pdf", "buffer": b"%PDF" + b"x" * 300_000}
    )
    context.set_offline(True)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Savienojums pārtrūka.")).to_be_visible()
    expect(page.get_by_label("Nosaukums")).to_have_value("Malkas šķūnis")
    assert page.get_by_label("Rasējums").evaluate("input => input.files[0].name") == "plans.pdf"
    assert drafts(page) == 1
    context.set_offline(False)
    page.wait_for_url("**/ui/gallery/")
    eventually(page, FORGOTTEN)


def test_leaving_with_unsaved_changes_is_asked_about(visit: Open) -> None:
    page = visit("/lv/ui/form/")
    asked: list[str] = []

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    visit("/lv/ui/form/")
    assert asked == []
    page.get_by_label("Nosaukums").fill("Malkas šķūnis")
    visit("/lv/ui/gallery/")
    assert asked == ["beforeunload"]


def test_a_page_that_accepts_nothing_keeps_the_draft(visit: Open) -> None:
    page = visit("/lv/ui/form/")
    page.on("dialog", lambda dialog: dialog.accept())
    shed(page)
    eventually(page, KEPT)
    page.evaluate(
        "sessionStorage.setItem('talka:sent', document.querySelector('form[data-draft]').dataset.draft)"
    )
    visit("/lv/ui/failure/500/")
    visit("/lv/ui/failure/409/")
    visit("/lv/ui/form/")
    expect(page.get_by_label("Nosaukums")).to_have_value("Malkas šķūnis")


def test_signing_out_forgets_the_drafts(visit: Open) -> None:
    page = visit("/lv/ui/gallery/")
    page.on("dialog", lambda dialog: dialog.accept())
    page.evaluate("localStorage.setItem('talka:draft:x', JSON.stringify({at: Date.now(), values: {}}))")
    page.evaluate(
        "document.querySelector('form[data-forgets-drafts]').addEventListener('submit', e => e.preventDefault())"
    )
    page.get_by_text("Anna Paraugs").first.click()
    page.get_by_role("button", name="Iziet").click()
    assert drafts(page) == 0


def test_old_drafts_are_forgotten(visit: Open) -> None:
    page = visit("/lv/ui/gallery/")
    page.evaluate(
        "for (const [key, days] of [['old', 15], ['young', 13]])"
        " localStorage.setItem('talka:draft:' + key, JSON.stringify({at: Date.now() - days * 86400e3, values: {}}))"
    )
    visit("/lv/ui/gallery/")
    assert page.evaluate("[!!localStorage['talka:draft:old'], !!localStorage['talka:draft:young']]") == [
        False,
        True,
    ]


def test_a_file_too_large_is_refused_before_it_is_sent(visit: Open) -> None:
    page = visit("/lv/ui/form/")
    field = page.get_by_label("Rasējums")
    field.evaluate("input => { input.dataset.maxBytes = 10 }")
    field.set_input_files({"name": "liels.pdf", "mimeType": "application/pdf", "buffer": b"x" * 11})
    said = field.evaluate("input => input.validationMessage")
    assert said == "Šī datne ir lielāka, nekā atļauts: liels.pdf"
    field.set_input_files({"name": "mazs.pdf", "mimeType": "application/pdf", "buffer": b"x" * 10})
    assert field.evaluate("input => input.validationMessage") == ""
