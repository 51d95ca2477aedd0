"""Pages: what they show to whom, in both languages, at a fixed number of queries; forms and their refusals."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from talka.core.actions import SYSTEM
from talka.core.models import Attachment, Report, ReportState
from talka.core.testing import acting
from talka.domains.models import Ecosystem, Policy, Share
from talka.parties.models import Account
from talka.strategy import actions, queries
from talka.strategy.models import Strategy, StrategyState, Target
from talka.strategy.tests import factories as draw

pytestmark = pytest.mark.django_db
LAST_YEAR = timezone.localdate().year - 1


def signed_in(account: Account | None) -> Client:
    client = Client()
    if account is not None:
        client.force_login(account)
    return client


def everything(eco: Ecosystem, targets: int = 1) -> Strategy:
    """A version in force with all that a page can show, and a value reported on each target."""
    strategy = draw.small(eco, targets=targets)
    with acting():
        policy, _made = Policy.objects.get_or_create(
            code="nap", defaults={"kind_of": "national_plan", "title_lv": "Plāns", "title_en": "Plan"}
        )
    actions.edit_version(strategy, by=SYSTEM, policies=[policy], mission_official_lv="Medus!")
    actions.set_focuses(strategy, by=SYSTEM, niches=[draw.niche(eco, "honey")])
    for target in strategy.target_set.all():
        actions.edit_target(
            target, by=SYSTEM, policies=[policy], note_lv="Ar karalieni.", note_en="With a queen."
        )
    draw.target(
        strategy, "whole", kind_of="unspecified", goal=None, unit_lv="", baseline=None, baseline_period=""
    )
    draw.in_force(strategy)
    for target in strategy.target_set.filter(kind_of="quantity"):
        draw.value(target, LAST_YEAR, 4)
    return strategy


PAGES = [
    "",
    "compare/",
    "priorities/posts/",
    "targets/posts-0/",
    "targets/whole/",
    "new/",
    "adopt/?version=2",
    "edit/?version=2",
    "niches/?version=2",
    "?version=2",
    "targets/posts-0/?version=2",
    "obstacles/add/?version=2",
    "directions/add/?version=2",
    "priorities/add/?version=2&under=fence",
    "targets/add/?version=2&under=posts",
    "levers/add/?version=2",
    "obstacles/bears/edit/?version=2",
    "directions/fence/edit/?version=2",
    "priorities/posts/edit/?version=2",
    "targets/posts-0/edit/?version=2",
    "levers/flowers/edit/?version=2",
    "targets/posts-0/report/",
    "targets/posts-0/reading/",
    "targets/posts-0/shares/",
    "priorities/posts/shares/",
    "targets/whole/specify/",
    "targets/whole/owner/",
]
PUBLIC = PAGES[:5]
DRAFTS = ["?version=2", "targets/posts-0/?version=2"]


@pytest.mark.parametrize("language", ["lv", "en"])
@pytest.mark.parametrize("where", PAGES)
def test_the_coordinator_reads_every_page_in_both_languages(where: str, language: str) -> None:
    eco = draw.ecosystem()
    actions.draft_from(everything(eco), by=SYSTEM)
    answer = signed_in(draw.people(eco).anna).get(f"/{language}/bees/strategy/{where}")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'style="' not in text  # the Content-Security-Policy would drop it
    assert ("Stratēģija" in text) == (language == "lv")


def test_who_sees_which_page() -> None:
    eco = draw.ecosystem()
    actions.draft_from(everything(eco), by=SYSTEM)
    who = draw.people(eco)
    seen = {
        name: {page: signed_in(account).get(f"/lv/bees/strategy/{page}").status_code for page in PAGES}
        for name, account in (("bruno", who.bruno), ("cilda", who.cilda), ("public", None))
    }
    reporting = {"targets/posts-0/report/": 200}
    drafts = dict.fromkeys(DRAFTS, 200)
    public = dict.fromkeys(PUBLIC, 200)
    hidden = {page: 404 for page in PAGES if "version=2" in page}
    forms = {page: 403 for page in PAGES if page not in public and page not in DRAFTS}
    assert seen["bruno"] == {**forms, **public, **drafts, **reporting}
    assert seen["cilda"] == {**forms, **public, **hidden}
    to_sign_in = dict.fromkeys(forms, 302)
    assert seen["public"] == {**to_sign_in, **public, **hidden}


@pytest.mark.parametrize(
    "where",
    ["targets/none/", "priorities/none/", "?version=9", "?version=x", "values/7/accept/", "meadows/add/"],
)
def test_what_is_not_there(where: str) -> None:
    eco = draw.ecosystem()
    everything(eco)
    client = signed_in(draw.people(eco).anna)
    ask = client.post if where.startswith("values") else client.get
    assert ask(f"/lv/bees/strategy/{where}").status_code == 404


def test_an_ecosystem_without_a_strategy_says_what_will_be_here() -> None:
    eco = draw.ecosystem()
    anna = signed_in(draw.people(eco).anna).get("/en/bees/strategy/").content.decode()
    nobody = Client().get("/en/bees/strategy/").content.decode()
    assert ("Begin a draft" in anna, "Begin a draft" in nobody) == (True, False)
    assert "No strategy yet" in nobody
    assert Client().get("/en/bees/strategy/compare/").status_code == 200


@pytest.mark.parametrize(
    ("where", "count"),
    [("", 14), ("priorities/posts/", 9), ("targets/posts-0/", 10), ("compare/?from=1&to=2", 28)],
)
def test_pages_ask_the_same_number_of_questions_for_one_target_and_for_three(where: str, count: int) -> None:
    asked = []
    for code, targets in (("bees", 1), ("wasps", 3)):
        eco = draw.ecosystem(code)
        draw.in_force(actions.draft_from(everything(eco, targets), by=SYSTEM))
        client = Client()
        client.get(f"/lv/{code}/strategy/{where}")
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/lv/{code}/strategy/{where}").status_code == 200
        asked.append(len(captured))
    assert asked == [count, count]


def test_the_sentence_on_top_says_how_many_and_why_not() -> None:
    eco = draw.ecosystem()
    strategy = draw.small(eco, targets=0)
    posts = strategy.priority_set.get()
    draw.target(strategy, "done", posts)
    draw.target(strategy, "slow", posts)
    draw.target(strategy, "silent", posts)
    draw.target(strategy, "numberless", posts, goal=None)
    draw.target(strategy, "open", posts, kind_of="unspecified", goal=None)
    draw.in_force(strategy)
    draw.value(strategy.target_set.get(code="done"), LAST_YEAR, 10)
    draw.value(strategy.target_set.get(code="slow"), LAST_YEAR, 1)
    text = " ".join(Client().get("/en/bees/strategy/").content.decode().split())
    assert (
        "1 of 5 targets is on track or reached, 1 is behind. 3 cannot be judged yet: "
        "of 1 no value is known; 1 states no number; 1 is still to be specified."
    ) in text


def test_no_value_is_not_zero() -> None:
    eco = draw.ecosystem()
    strategy = draw.in_force(draw.small(eco, targets=2))
    draw.value(strategy.target_set.get(code="posts-0"), LAST_YEAR, 0)
    zero = Client().get("/en/bees/strategy/targets/posts-0/").content.decode()
    none = Client().get("/en/bees/strategy/targets/posts-1/").content.decode()
    assert '<span class="t-answer-number">0' in zero
    assert '<span class="t-answer-number">–' in none
    assert "no value known yet" in none


def test_a_target_page_explains_its_class() -> None:
    eco = draw.ecosystem()
    strategy = draw.in_force(draw.small(eco))
    draw.value(strategy.target_set.get(), LAST_YEAR, 5)
    text = Client().get("/en/bees/strategy/targets/posts-0/").content.decode()
    for words in ("of the pace required", "On track from 95", "Since 2022"):
        assert words in text


# ---------------------------------------------------------------- forms


def test_a_coordinator_makes_a_strategy_from_nothing_to_in_force() -> None:
    eco = draw.ecosystem()
    client = signed_in(draw.people(eco).anna)

    def send(page: str, **data: Any) -> None:
        answer = client.post(f"/lv/bees/strategy/{page}", data)
        assert answer.status_code == 302, answer.content.decode()

    send("new/", title_lv="Stratēģija", mission_lv="Medus", starts=2023, ends=2027)
    send("obstacles/add/?version=1", code="bears", title_lv="Lāči")
    bears = Strategy.objects.get().obstacle_set.get()
    send("directions/add/?version=1", code="fence", title_lv="Žogs", obstacles=[bears.pk])
    fence = Strategy.objects.get().direction_set.get()
    send("priorities/add/?version=1", code="posts", direction=fence.pk, title_lv="Stabi")
    posts = Strategy.objects.get().priority_set.get()
    send(
        "targets/add/?version=1",
        code="ten", priority=posts.pk, title_lv="Desmit stabi", kind_of="quantity", goal="10,5", unit_lv="stabi",
        due="2027. gada 2. ceturksnis", desired="increase", reckoning="count", baseline="0", baseline_period="2022",
    )  # fmt: skip
    target = Target.objects.get()
    assert (target.goal, target.due, target.priority, fence.obstacles) == (
        Decimal("10.5"),
        "2027-Q2",
        posts,
        [bears],
    )
    send("levers/add/?version=1", code="rain", title_lv="Lietus")
    send("niches/?version=1", niches=[draw.niche(eco, "honey").pk])
    send("adopt/?version=1", decision=draw.decision(eco).pk)
    assert queries.in_force(eco) == Strategy.objects.get()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"due": "kad būs nauda"}, "due"),
        ({"goal": "desmit"}, "goal"),
        ({"goal": "1,234"}, "goal"),
        ({"kind_of": "milestone"}, "goal"),
        ({"code": "posts-0"}, "code"),
        ({"title_lv": ""}, "title_lv"),
        ({"baseline": "0,1234567"}, "baseline"),
    ],
)
def test_a_refusal_stands_beside_its_field_and_keeps_what_was_typed(data: dict[str, Any], field: str) -> None:
    eco = draw.ecosystem()
    draw.small(eco)
    typed = {
        "code": "new", "title_lv": "Mans garais teksts", "kind_of": "quantity", "goal": "10", "due": "2027",
        "desired": "increase", "reckoning": "count", **data,
    }  # fmt: skip
    answer = signed_in(draw.people(eco).anna).post("/lv/bees/strategy/targets/add/?version=1", typed)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert sorted(answer.context["form"].errors) == [field]
    assert f'id="id_{field}_error"' in text
    assert typed["title_lv"] in text
    assert Target.objects.count() == 1


def test_a_second_editor_is_told_what_changed_and_loses_nothing() -> None:
    eco = draw.ecosystem()
    strategy = draw.small(eco)
    obstacle = strategy.obstacle_set.get()
    seen = obstacle.revision
    actions.edit_obstacle(obstacle, by=SYSTEM, title_lv="Lieli lāči")
    client = signed_in(draw.people(eco).anna)
    address = "/lv/bees/strategy/obstacles/bears/edit/?version=1"
    typed: dict[str, Any] = {"seen": seen, "title_lv": "Mazi lāči", "title_en": "Small bears", "order": 1}
    answer = client.post(address, typed)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert [typed["title_lv"] in text, "Lieli lāči</ins>" in text] == [True, True]
    obstacle.refresh_from_db()
    assert obstacle.title_lv == "Lieli lāči"
    again = client.post(address, {**typed, "seen": answer.context["form"].data["seen"]})
    obstacle.refresh_from_db()
    assert (again.status_code, obstacle.title_lv) == (302, "Mazi lāči")


def test_a_new_version_is_drafted_changed_and_compared() -> None:
    eco = draw.ecosystem()
    everything(eco)
    client = signed_in(draw.people(eco).anna)
    assert client.get("/lv/bees/strategy/draft/").status_code == 405
    client.post("/lv/bees/strategy/draft/")
    two = Strategy.objects.get(number=2)
    actions.edit_target(two.target_set.get(code="posts-0"), by=SYSTEM, title_en="Target of stone")
    text = client.get("/en/bees/strategy/compare/?from=1&to=2").content.decode()
    assert '<del><span class="visually-hidden">removed: </span>posts-0</del>' in text
    assert '<ins><span class="visually-hidden">added: </span>of stone</ins>' in text
    client.post("/lv/bees/strategy/discard/?version=2")
    assert [version.number for version in Strategy.objects.all()] == [1]


def test_a_part_is_removed_from_a_draft_only_when_it_is_empty() -> None:
    eco = draw.ecosystem()
    strategy = draw.small(eco)
    client = signed_in(draw.people(eco).anna)
    held = client.post("/en/bees/strategy/priorities/posts/remove/?version=1", follow=True)
    assert "still holds 1 others" in held.content.decode()
    client.post("/en/bees/strategy/targets/posts-0/remove/?version=1")
    client.post("/en/bees/strategy/priorities/posts/remove/?version=1")
    assert strategy.priority_set.count() == 0


def test_an_officer_reports_with_evidence_and_the_coordinator_accepts() -> None:
    eco = draw.ecosystem()
    who = draw.people(eco)
    draw.in_force(draw.small(eco))
    evidence = SimpleUploadedFile("stropi.pdf", b"%PDF-1.4 stropi", "application/pdf")
    data = {"period": str(LAST_YEAR), "value": "4,5", "text": "Saskaitīti.", "files": [evidence]}
    answer = signed_in(who.bruno).post("/lv/bees/strategy/targets/posts-0/report/", data)
    assert answer.status_code == 302
    report = Report.objects.get()
    assert (report.value, report.institution_name) == (Decimal("4.5"), str(who.institution))
    page = "/lv/bees/strategy/targets/posts-0/"
    assert "Saskaitīti." not in Client().get(page).content.decode()
    assert "stropi.pdf" in signed_in(who.anna).get(page).content.decode()
    assert signed_in(who.bruno).post(f"/lv/bees/strategy/values/{report.pk}/accept/").status_code == 403
    assert signed_in(who.anna).post(f"/lv/bees/strategy/values/{report.pk}/accept/").status_code == 302
    text = Client().get(page).content.decode()
    assert ("Saskaitīti." in text, "stropi.pdf" in text, Attachment.objects.get().public) == (
        True,
        False,
        False,
    )


def test_a_refused_file_leaves_no_report_behind() -> None:
    eco = draw.ecosystem()
    who = draw.people(eco)
    draw.in_force(draw.small(eco))
    evidence = SimpleUploadedFile("virus.exe", b"MZ")
    data = {"period": str(LAST_YEAR), "value": "4", "text": "x", "files": [evidence]}
    answer = signed_in(who.bruno).post("/lv/bees/strategy/targets/posts-0/report/", data)
    assert sorted(answer.context["form"].errors) == ["files"]
    assert Report.objects.count() == 0


def test_a_value_is_returned_with_words_and_unlocked_with_a_reason() -> None:
    eco = draw.ecosystem()
    who = draw.people(eco)
    draw.in_force(draw.small(eco))
    report = draw.value(Target.objects.get(), LAST_YEAR, 4, accepted=False)
    client = signed_in(who.anna)
    silent = client.post(f"/lv/bees/strategy/values/{report.pk}/return/", {"comment": " "}, follow=True)
    report.refresh_from_db()
    assert (report.state, len(list(silent.context["messages"]))) == (ReportState.SUBMITTED, 1)
    client.post(f"/lv/bees/strategy/values/{report.pk}/return/", {"comment": "Kur ir fails?"})
    report.refresh_from_db()
    assert (report.state, report.comment) == (ReportState.RETURNED, "Kur ir fails?")


def test_a_milestone_is_reported_with_yes_or_no() -> None:
    eco = draw.ecosystem()
    who = draw.people(eco)
    strategy = draw.small(eco, targets=0)
    draw.target(
        strategy,
        "law",
        strategy.priority_set.get(),
        kind_of="milestone",
        goal=None,
        baseline=None,
        unit_lv="",
    )
    draw.in_force(strategy)
    page = "/lv/bees/strategy/targets/law/"
    signed_in(who.bruno).post(f"{page}report/", {"period": str(LAST_YEAR), "value": "1", "text": "Pieņemts."})
    actions.accept_value(Report.objects.get(), by=SYSTEM)
    assert queries.standing_of(Target.objects.get()).reached
    assert Client().get(page).status_code == 200


def test_an_open_target_is_given_an_owner_and_then_specified() -> None:
    eco = draw.ecosystem()
    who = draw.people(eco)
    everything(eco)
    client = signed_in(who.anna)
    page = "/lv/bees/strategy/targets/whole/"
    client.post(f"{page}owner/", {"specify_owner": who.institution.pk, "specify_by": "2030-06-30"})
    assert "MINISTRY" in client.get(page).content.decode()
    client.post(
        f"{page}specify/",
        {
            "title_lv": "Simts",
            "kind_of": "quantity",
            "goal": "100",
            "due": "2027",
            "desired": "increase",
            "reckoning": "count",
        },
    )
    target = Target.objects.get(code="whole")
    assert (target.kind_of, target.goal, target.title_lv) == ("quantity", Decimal(100), "Simts")
    assert client.get(f"{page}specify/").status_code == 200
    assert (
        client.post(
            f"{page}specify/",
            {
                "title_lv": "Divi",
                "kind_of": "milestone",
                "due": "2027",
                "desired": "reach",
                "reckoning": "count",
            },
        ).status_code
        == 200
    )


@pytest.mark.parametrize(
    ("percents", "expected"),
    [
        (("25", "75"), {"flowers": Decimal("0.25"), "sea": Decimal("0.75")}),
        (("", ""), {}),
        (("25", "70"), None),
        (("-25", "125"), None),
        (("33,33333", "66,66667"), None),
    ],
)
def test_shares_sum_to_the_whole(percents: tuple[str, str], expected: dict[str, Decimal] | None) -> None:
    eco = draw.ecosystem()
    who = draw.people(eco)
    draw.in_force(draw.small(eco))
    domain, mission = draw.shared(eco)
    data = {f"domain_{domain.pk}": percents[0], f"mission_{mission.pk}": percents[1]}
    answer = signed_in(who.anna).post("/lv/bees/strategy/targets/posts-0/shares/", data)
    assert answer.status_code == (200 if expected is None else 302)
    things = {
        getattr(share.domain or share.mission, "code", ""): share.weight for share in Share.objects.all()
    }
    assert things == (expected or {})


def test_reports_are_paged() -> None:
    eco = draw.ecosystem()
    draw.in_force(draw.small(eco))
    target = Target.objects.get()
    with acting():
        for number in range(51):
            day = date(2023, 1, 1) + timedelta(days=number)
            Report(
                about_kind="strategy.target", about_id=target.pk, ecosystem_id=eco.pk, series=target.series,
                period=str(day), as_of=day, value=number, text=f"teksts {number:03}", state="accepted",
                by_name="Bruno", submitted_at=timezone.now(), decided_at=timezone.now(),
            ).save()  # fmt: skip
    first = Client().get("/lv/bees/strategy/targets/posts-0/").content.decode()
    second = Client().get("/lv/bees/strategy/targets/posts-0/?page=2").content.decode()
    assert ("teksts 050" in first, "teksts 000" in first) == (True, False)
    assert ("teksts 050" in second, "teksts 000" in second) == (False, True)


def address(strategy: Strategy) -> str:
    return strategy.get_absolute_url().partition("/bees/")[2]


def test_the_version_in_force_keeps_the_plain_address() -> None:
    eco = draw.ecosystem()
    one = draw.in_force(draw.small(eco))
    two = actions.draft_from(one, by=SYSTEM)
    assert (address(one), address(two)) == ("strategy/", "strategy/?version=2")
    draw.in_force(two)
    one.refresh_from_db()
    assert (address(one), address(two)) == ("strategy/?version=1", "strategy/")
    assert one.state == StrategyState.SUPERSEDED
