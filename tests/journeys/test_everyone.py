"""What holds on every page for everybody: no barrier, no sideways scrolling on a phone, the right language.

Every page is opened twice: in Latvian and in English, on a phone and on a desk, light and dark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from playwright.sync_api import expect

from tests.journeys.conftest import PROJECT, Hub, Visitor, serving

AXE = (PROJECT / "tests" / "vendor" / "axe.min.js").read_text(encoding="utf-8")
RULES = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']"

# What only an invitation, a draft or a prepared decision makes reachable; {names} below stand for what it returns.
PREPARED = """
from datetime import datetime, time, timedelta
from django.utils import timezone
from talka.billing.models import Invoice, PayerAccount
from talka.core.actions import HUB, SYSTEM
from talka.facilities import actions as facilities
from talka.facilities.models import Unit
from talka.governance import actions as governance
from talka.governance.models import Body, Decision
from talka.network.models import CompetenceField
from talka.parties import actions as parties
from talka.parties.models import Account, Organisation, Person
from talka.plan import actions as plans
from talka.plan.models import Measure, Plan
from talka.strategy import actions as strategies
from talka.strategy.models import Strategy

strategies.draft_from(Strategy.objects.get(), by=SYSTEM)
published = Plan.objects.get()
carried = plans.roll_over(published, by=SYSTEM, year=2024, reasons={"1.1.2": "Forums nenotika."})
prepared = governance.prepare(Body.objects.first(), by=SYSTEM, title_lv="Par 2024. gada plānu")
untold = governance.prepare(Body.objects.first(), by=SYSTEM, title_lv="Par padomes darba kārtību")
governance.adopt(untold, by=SYSTEM)
stranger = parties.add_person(HUB, by=SYSTEM, given="Olga", family="Neviena")
anna = Account.objects.get(email="coordinator@example.test")
unit = Unit.objects.get(code="demo-microscopy")
oskars = Account.objects.get(email="manager@example.test")
facilities.put_person(unit, by=SYSTEM, account=oskars, part="manager")
payer = PayerAccount.objects.get(code="grupa")
used_for = facilities.add_project(
    unit, by=SYSTEM, code="paraugs", title="Parauga projekts", lead=oskars, payer=payer,
    activity="own_research", starts=timezone.localdate(),
)
monday = timezone.localdate() + timedelta(days=7 - timezone.localdate().weekday())
at = [datetime.combine(monday, time(hour), unit.zone) for hour in (10, 11)]
booked = facilities.book(
    used_for, by=oskars, resources=[unit.resources.get(code="confocal")], starts=at[0], ends=at[1],
    override="Rāda, kā tas izskatās",
)
answer = {
    "invoice": Invoice.objects.order_by("pk").first().pk,
    "payer": payer.pk,
    "booking": booked.pk,
    "measure": Measure.objects.get(plan=published, number="3.2.1").pk,
    "draft_measure": carried.measures.get().pk,
    "draft_section": carried.sections.first().pk,
    "organisation": Organisation.objects.get(code="izm").pk,
    "person": anna.person_id,
    "stranger": stranger.pk,
    "account": anna.pk,
    "decision": Decision.objects.exclude(number="").order_by("pk").first().pk,
    "prepared": prepared.pk,
    "untold": untold.pk,
    "competence": CompetenceField.objects.order_by("code").first().code,
    "invitation": parties.invite(anna, by=SYSTEM),
}
"""

PUBLIC = [
    "about/",
    "search/?q=biobanka",
    "search/?q=zzzz",
    "search/",
    "sign-in/",
    "history/plan.measure/{measure}/",
    "organisations/",
    "organisations/?q=zzzz",
    "organisations/{organisation}/",
    "organisations/roles/",
    "organisations/welcome/{invitation}/",
    "biomed/",
    "biomed/problems/",
    "biomed/problems/?severity=error",
    "biomed/changes/",
    "biomed/strategy/",
    "biomed/strategy/compare/",
    "biomed/strategy/priorities/innovation-1/",
    "biomed/strategy/targets/innovation-1-a/",
    "biomed/strategy/targets/people-2-a/",
    "biomed/plan/2023/",
    "biomed/plan/2023/?view=timeline",
    "biomed/plan/2023/?q=zzzz",
    "biomed/plan/2023/compare/",
    "biomed/plan/measures/{measure}/",
    "biomed/network/",
    "biomed/network/niches/medicines/",
    "biomed/network/competences/",
    "biomed/portfolio/",
    "biomed/portfolio/projects/biopharma-centre/",
    "biomed/portfolio/projects/biopharma-centre/indicators/1/",
    "biomed/portfolio/partnerships/bbmri/",
    "biomed/biobanks/",
    "biomed/biobanks/?q=zzzz",
    "biomed/biobanks/example-clinical/",
    "biomed/biobanks/example-clinical/collections/lungs/",
    "biomed/biobanks/networks/bbmri-lv/",
    "biomed/biobanks/resources/example-cancer/",
    "biomed/biobanks/nodes/",
    "biomed/biobanks/consent/",
    "biomed/biobanks/consent/collectors/example-hospital/",
    "biomed/facilities/",
    "biomed/facilities/?text=zzzz",
    "biomed/facilities/demo-microscopy/",
    "biomed/facilities/demo-microscopy/confocal/",
    "biomed/billing/prices/",
    "biomed/bills/",
    "biomed/bills/biobanks/",
    "biomed/council/",
    "biomed/council/decisions/{decision}/",
    "biomed/data/",
]
SIGNED_IN = [
    "my/",
    "reference/",
    "reference/domains.policies/",
    "reference/domains.policies/add/",
    "reference/plan.funding_sources/rows/1/",
    "reference/domains.policies/import/",
    "organisations/add/",
    "organisations/duplicates/",
    "organisations/ror/",
    "organisations/{organisation}/edit/",
    "organisations/{organisation}/merge/",
    "organisations/people/",
    "organisations/people/add/",
    "organisations/people/{person}/",
    "organisations/people/{person}/edit/",
    "organisations/people/{person}/affiliate/",
    "organisations/people/{stranger}/account/",
    "organisations/accounts/",
    "organisations/accounts/{account}/",
    "organisations/accounts/{account}/email/",
    "organisations/me/",
    "biomed/",
    "biomed/strategy/",
    "biomed/strategy/?version=2",
    "biomed/strategy/compare/",
    "biomed/strategy/new/",
    "biomed/strategy/edit/?version=2",
    "biomed/strategy/niches/?version=2",
    "biomed/strategy/adopt/?version=2",
    "biomed/strategy/targets/add/?version=2",
    "biomed/strategy/priorities/innovation-1/edit/?version=2",
    "biomed/strategy/priorities/innovation-1/shares/",
    "biomed/strategy/targets/innovation-1-a/",
    "biomed/strategy/targets/innovation-1-a/report/",
    "biomed/strategy/targets/innovation-1-a/reading/",
    "biomed/strategy/targets/innovation-1-a/shares/",
    "biomed/strategy/targets/people-2-a/specify/",
    "biomed/strategy/targets/people-2-a/owner/",
    "biomed/plan/2023/",
    "biomed/plan/2024/",
    "biomed/plan/2024/compare/",
    "biomed/plan/2024/edit/",
    "biomed/plan/2024/adopt/",
    "biomed/plan/2024/import/",
    "biomed/plan/2024/sections/add/",
    "biomed/plan/2024/measures/add/",
    "biomed/plan/2023/roll-over/",
    "biomed/plan/new/",
    "biomed/plan/sections/{draft_section}/edit/",
    "biomed/plan/measures/{measure}/",
    "biomed/plan/measures/{measure}/report/",
    "biomed/plan/measures/{draft_measure}/edit/",
    "biomed/network/add-niche/",
    "biomed/network/niches/medicines/edit/",
    "biomed/network/competences/add/",
    "biomed/network/competences/{competence}/edit/",
    "biomed/portfolio/add-project/",
    "biomed/portfolio/projects/biopharma-centre/",
    "biomed/portfolio/projects/biopharma-centre/edit/",
    "biomed/portfolio/projects/biopharma-centre/indicators/add/",
    "biomed/portfolio/projects/biopharma-centre/indicators/1/",
    "biomed/portfolio/projects/biopharma-centre/indicators/1/edit/",
    "biomed/portfolio/projects/biopharma-centre/indicators/1/report/",
    "biomed/portfolio/add-partnership/",
    "biomed/portfolio/partnerships/bbmri/edit/",
    "biomed/bills/add/",
    "biomed/bills/biobanks/edit/",
    "biomed/bills/biobanks/stage/",
    "biomed/bills/biobanks/stage/correct/",
    "biomed/council/",
    "biomed/council/decisions/add/",
    "biomed/council/decisions/{prepared}/",
    "biomed/council/decisions/{prepared}/edit/",
    "biomed/council/decisions/{untold}/publish/",
    "biomed/council/bodies/add/",
    "biomed/council/bodies/strategic-council/edit/",
]
SIGNED_IN += [
    "biomed/biobanks/add/",
    "biomed/biobanks/consent/forms/invented-broad/2/",
    "biomed/biobanks/nodes/add/",
    "biomed/biobanks/example-clinical/edit/",
    "biomed/biobanks/example-clinical/add-collection/",
    "biomed/biobanks/example-clinical/add-quality/",
    "biomed/biobanks/example-clinical/collections/lungs/edit/",
    "biomed/biobanks/consent/collectors/add/",
    "biomed/biobanks/consent/collectors/example-hospital/edit/",
]
# Of the institution that lets others use its instruments: its accountant, and who runs the unit.
ACCOUNTANT = [
    "biomed/billing/",
    "biomed/billing/invoices/{invoice}/",
    "biomed/billing/accounts/",
    "biomed/billing/accounts/add/paraugs/",
    "biomed/billing/accounts/{payer}/",
    "biomed/billing/accounts/{payer}/edit/",
    "biomed/billing/prices/paraugs/confocal/",
    "biomed/billing/prices/paraugs/confocal/draft/",
    "biomed/billing/aid/",
    "biomed/billing/aid/demo-start-up/",
]
MANAGER = [
    "biomed/facilities/",
    "biomed/facilities/demo-microscopy/",
    "biomed/facilities/demo-microscopy/confocal/",
    "biomed/facilities/demo-microscopy/confocal/fault/",
    "biomed/facilities/demo-microscopy/book/?resource=confocal",
    "biomed/facilities/demo-microscopy/projects/paraugs/",
    "biomed/facilities/bookings/{booking}/",
    "biomed/facilities/bookings/{booking}/move/",
]
COUNCIL = [
    "my/",
    "biomed/council/decisions/{prepared}/",
    "biomed/council/decisions/{prepared}/adopt/",
    "biomed/council/decisions/{prepared}/reject/",
]

# Addresses that show no page of their own.
ONLY_POSTED = {
    "billing-journal",
    "billing-run",
    "biobank-confirm",
    "booking-decide",
    "booking-step",
    "consent-form-publish",
    "data-nodes-look",
    "fault-mend",
    "invoice-step",
    "quality-verify",
    "tariff-publish",
    "account-close",
    "account-invite",
    "account-reopen",
    "affiliation-end",
    "grant",
    "grant-revoke",
    "key-make",
    "key-revoke",
    "kpi-remove",
    "kpi-value",
    "measure-remove",
    "measure-step",
    "my-language",
    "my-password",
    "organisation-withdraw",
    "plan-close",
    "plan-new-version",
    "report-judge",
    "section-remove",
    "sign-in-demo",
    "sign-out",
    "strategy-discard",
    "strategy-draft",
    "strategy-remove-part",
    "target-value",
}
LEAD_ELSEWHERE = {"account", "current-plan", "home"}
DOWNLOADS = {
    "aid-register",
    "aid-statement",
    "biobanks-bbmri",
    "biobanks-catalogue",
    "biobanks-fhir",
    "biobanks-gdi",
    "consent-form-file",
    "invoice-file",
    "statement-fhir",
    "attachment",
    "open-data-catalogue",
    "open-data-file",
    "open-data-package",
    "plan-export",
    "reference-export",
}
# The demo has no donors, no nodes and nobody who is at an instrument right now: the rooms' own tests open these.
NOBODY_THERE_YET = {
    "booking-correct",
    "booking-log-off",
    "consent-donor",
    "consent-intake",
    "consent-opt-out",
    "consent-withdraw",
    "consent-withdraw-all",
    "data-node",
    "data-node-edit",
    "destruction",
    "destructions",
    "statement",
    "statement-scan",
}
SEEN_IN_JOURNEYS = {"plan-import-preview"}  # behind an upload: test_coordinator.py looks at it


WHO = (
    ("", PUBLIC),
    ("Dzintars Izdomājums", SIGNED_IN),
    ("Gunārs Teiksma", COUNCIL),
    ("Maija Rēķina", ACCOUNTANT),
    ("Oskars Mikrons", MANAGER),
)
ALL = [path for _who, pages in WHO for path in pages]


@pytest.fixture(scope="module")
def hub(loaded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One hub for all of these: they only look."""
    with serving(loaded_home, tmp_path_factory.mktemp("everyone")) as started:
        yield started


@pytest.fixture(scope="module")
def known(hub: Hub) -> Mapping[str, str]:
    """What the {names} in the addresses stand for."""
    found: dict[str, str] = hub.ask(PREPARED)
    return found


def barriers(visitor: Visitor) -> list[str]:
    """Findings of axe-core on the page, by WCAG 2.2 AA and its best practices."""
    # Evaluated by the driver, not inserted as a script element: the page's own policy would refuse that.
    visitor.page.evaluate(AXE)
    found = visitor.page.evaluate(f"axe.run(document, {{runOnly: {RULES}, resultTypes: ['violations']}})")
    return [
        f"{v['id']} ({v['impact']}): {v['nodes'][0]['target']} {v['nodes'][0]['html'][:160]}"
        for v in found["violations"]
    ]


def look(visitor: Visitor, language: str, path: str, manner: str) -> list[str]:
    """Opens a page and returns what is wrong with it."""
    page = visitor.page
    answer = page.goto(f"{visitor.hub.url}/{language}/{path}")
    if answer is None or answer.status != 200:
        return [f"{language} {path}: answered {answer and answer.status}"]
    wrong = barriers(visitor)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        wrong.append(f"scrolls sideways by {wide} px")
    if (headings := page.locator("h1").count()) != 1:
        wrong.append(f"{headings} main headings")
    if page.locator("html").get_attribute("lang") != language:
        wrong.append("says it is in another language")
    name = re.sub(r"[^\w.-]+", "-", path).strip("-")
    visitor.picture(f"{name[:80]}-{language}-{manner}")
    return [f"{language} {path} {manner}: {finding}" for finding in wrong]


@pytest.mark.parametrize(
    ("turn", "language", "phone", "dark"),
    [(0, "lv", False, False), (0, "en", True, True), (1, "lv", True, True), (1, "en", False, False)],
)
def test_no_page_has_a_barrier(
    visitor: Callable[..., Visitor],
    known: Mapping[str, str],
    turn: int,
    language: str,
    phone: bool,
    dark: bool,
) -> None:
    somebody = visitor(phone=phone, dark=dark)
    manner = f"{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}"
    wrong = []
    # The invitation holds until its owner first signs in, so the public pages come first.
    for who, pages in WHO:
        if who:
            somebody.page.context.clear_cookies()
            somebody.sign_in(who)
        for path in pages[turn::2]:
            address = path.format_map(known)
            wrong += look(somebody, language, address, f"{manner}-{who.split()[0]}" if who else manner)
    assert not wrong, "\n".join(wrong)


def test_no_page_is_left_out() -> None:
    """Whoever adds an address adds it to a list above, so that somebody looks at its page."""

    def names(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
        for each in patterns:
            if isinstance(each, URLPattern):
                yield each.name or before + str(each.pattern)
            elif not str(each.pattern).startswith("api/"):
                yield from names(each.url_patterns, before + str(each.pattern))

    example = dict.fromkeys(re.findall(r"{(\w+)}", " ".join(ALL)), "1")
    example["invitation"] = "Mg/a-b"
    looked_at = {resolve(f"/lv/{path.format_map(example).split('?')[0]}").url_name for path in ALL}
    others = ONLY_POSTED | LEAD_ELSEWHERE | DOWNLOADS | NOBODY_THERE_YET | SEEN_IN_JOURNEYS
    assert set(names(get_resolver().url_patterns)) == looked_at | others
    assert looked_at & others == set()


def test_a_page_prints(visitor: Callable[..., Visitor]) -> None:
    somebody = visitor()
    somebody.go("/lv/biomed/plan/2023/")
    menu = somebody.page.get_by_role("navigation", name="Galvenā izvēlne")
    expect(menu).to_be_visible()
    somebody.page.emulate_media(media="print")
    expect(menu).to_be_hidden()
    somebody.picture("plan-print")


def test_the_keyboard_reaches_the_content_first(visitor: Callable[..., Visitor]) -> None:
    somebody = visitor()
    somebody.go("/lv/biomed/plan/2023/")
    somebody.page.keyboard.press("Tab")
    somebody.page.keyboard.press("Enter")
    assert somebody.page.evaluate("document.activeElement.id") == "content"
    somebody.page.keyboard.press("/")
    assert somebody.page.evaluate("document.activeElement.type") == "search"
