"""What holds on every page for everybody: no serious barrier, no sideways scrolling on a phone, both languages, both themes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.conftest import Visitor

AXE = (Path(__file__).resolve().parents[1] / "vendor" / "axe.min.js").read_text(encoding="utf-8")
PUBLIC = [
    "about/", "search/?q=biobanka", "search/?q=zzzz", "sign-in/", "organisations/", "biomed/", "biomed/problems/", "biomed/changes/",
    "biomed/strategy/", "biomed/strategy/priorities/innovation-1/", "biomed/strategy/targets/innovation-1-a/",
    "biomed/strategy/targets/people-2-a/", "biomed/plan/2023/", "biomed/network/", "biomed/network/competences/", "biomed/portfolio/",
    "biomed/portfolio/projects/biopharma-centre/", "biomed/bills/", "biomed/council/", "biomed/data/",
]
SIGNED_IN = [
    "my/", "reference/", "reference/domains.policies/", "biomed/plan/2023/import/", "biomed/plan/2023/", "biomed/strategy/", "account/tokens/",
]


def barriers(visitor: Visitor) -> list[str]:
    """Serious and critical findings of axe-core on the page, by WCAG 2.2 AA."""
    # Evaluated by the driver, not inserted as a script element: the page's own policy would refuse that.
    visitor.page.evaluate(AXE)
    found = visitor.page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    return [
        f"{v['id']} ({v['impact']}): {v['nodes'][0]['target']} {v['nodes'][0]['html'][:160]}"
        for v in found["violations"]
        if v["impact"] in {"serious", "critical"}
    ]


def look(visitor: Visitor, language: str, path: str, look_of: str) -> list[str]:
    """Opens a page and returns what is wrong with it."""
    visitor.go(f"/{language}/{path}")
    page = visitor.page
    wrong = [f"{language} {path} {look_of}: {finding}" for finding in barriers(visitor)]
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        wrong.append(f"{language} {path} {look_of}: scrolls sideways by {wide} px")
    if page.locator("h1").count() != 1:
        wrong.append(f"{language} {path}: {page.locator('h1').count()} main headings")
    if page.locator("html").get_attribute("lang") != language:
        wrong.append(f"{language} {path}: says it is in another language")
    visitor.picture(f"{path.replace('/', '-').replace('?', '-').strip('-')}-{language}-{look_of}")
    return wrong


@pytest.mark.parametrize(
    ("language", "phone", "dark"), [("lv", False, False), ("lv", True, True), ("en", True, False), ("en", False, True)]
)
def test_no_page_has_a_serious_barrier(
    visitor: Callable[..., Visitor], language: str, phone: bool, dark: bool
) -> None:
    somebody = visitor(phone=phone, dark=dark)
    name = f"{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}"
    wrong = [finding for path in PUBLIC for finding in look(somebody, language, path, name)]
    somebody.sign_in("Anna Paraugs")
    wrong += [finding for path in SIGNED_IN for finding in look(somebody, language, path, f"{name}-signed-in")]
    assert wrong == []


def test_a_page_prints(visitor: Callable[..., Visitor]) -> None:
    somebody = visitor()
    somebody.go("/lv/biomed/plan/2023/")
    somebody.page.emulate_media(media="print")
    assert not somebody.page.get_by_role("navigation").first.is_visible()
    somebody.picture("plan-print")


def test_the_keyboard_reaches_the_content_first(visitor: Callable[..., Visitor]) -> None:
    somebody = visitor()
    somebody.go("/lv/biomed/plan/2023/")
    somebody.page.keyboard.press("Tab")
    somebody.page.keyboard.press("Enter")
    assert somebody.page.evaluate("document.activeElement.id") == "content"
    somebody.page.keyboard.press("/")
    assert somebody.page.evaluate("document.activeElement.type") == "search"
