"""The pages that combine rooms: in both languages, to whom they show what, at a fixed number of queries."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from talka.core.actions import SYSTEM
from talka.core.models import Event, Report
from talka.core.values import Period
from talka.domains.actions import add_ecosystem, edit_ecosystem
from talka.domains.models import Domain, Ecosystem
from talka.plan import actions as plans
from talka.plan.models import Measure
from talka.plan.tests import factories as plan
from talka.strategy import actions as strategies
from talka.web import glance
from talka.web.tests import factories as draw
from talka.web.tests.factories import YEAR, Hub, as_, everybody

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    cache.clear()


@pytest.fixture
def hub() -> Hub:
    return draw.hub()


def text_of(answer: Any) -> str:
    """The words of a page, without its markup."""
    assert answer.status_code == 200, answer.status_code
    body = re.sub(r"(?s)<(script|style|template|head)\b.*?</\1>", " ", answer.content.decode())
    return " ".join(re.sub(r"<[^>]*>", " ", body).replace("&nbsp;", " ").replace("&quot;", '"').split())


def another_ecosystem(code: str = "other") -> Ecosystem:
    from talka.core.actions import HUB  # noqa: PLC0415 -- the name of a mechanism, beside the Hub of these tests

    domain = Domain.objects.order_by("pk")[0]
    return add_ecosystem(
        HUB, by=SYSTEM, code=code, domain=domain, title_lv=f"Cita {code}", title_en=f"Other {code}"
    )


PAGES = {
    "about/": ("Kas ir publisks", "What is public"),
    "search/?q=pasākums": ("Pasākums 1", "Measure 1"),
    "search/": ("Ko meklējat?", "What are you looking for?"),
    "sign-in/": ("Pieslēgties", "Sign in"),
    "biomed/": ("Kas mainījies", "What changed"),
    "biomed/problems/": ("Kas stratēģijā un plānā būtu labojams", "What could be better"),
    "biomed/changes/": ("Kas mainījies", "What changed"),
    "my/": ("Mans darbs", "My work"),
}


@pytest.mark.parametrize("where", PAGES)
@pytest.mark.parametrize("language", ["lv", "en"])
def test_every_page_speaks_its_language(hub: Hub, language: str, where: str) -> None:
    answer = as_(hub.anna).get(f"/{language}/{where}")
    latvian, english = PAGES[where]
    wanted, other = (latvian, english) if language == "lv" else (english, latvian)
    shown = text_of(answer)
    assert wanted in shown
    assert other not in shown
    assert f'<html lang="{language}"' in answer.content.decode()
    assert 'style="' not in answer.content.decode()  # the Content-Security-Policy would drop it


WHO: dict[str, tuple[int, int, int, int, int]] = {
    # anna, bruno, cilda, dzintars, public
    "": (302, 302, 302, 302, 302),
    "about/": (200, 200, 200, 200, 200),
    "search/?q=x": (200, 200, 200, 200, 200),
    "my/": (200, 200, 200, 200, 302),
    "account/": (302, 302, 302, 302, 302),
    "sign-in/": (200, 200, 200, 200, 200),
    "sign-out/": (405, 405, 405, 405, 405),
    "biomed/": (200, 200, 200, 200, 200),
    "biomed/problems/": (200, 200, 200, 200, 200),
    "biomed/changes/": (200, 200, 200, 200, 200),
    "nothing/": (404, 404, 404, 404, 404),
    "nothing/problems/": (404, 404, 404, 404, 404),
    "nothing/changes/": (404, 404, 404, 404, 404),
    "search/?q=x&ecosystem=nothing": (404, 404, 404, 404, 404),
    "history/plan.measure/0/": (404, 404, 404, 404, 404),
    "history/no.noun/1/": (404, 404, 404, 404, 404),
    "history/core.event/1/": (404, 404, 404, 404, 404),  # a model, but no row of the house
    "history/nonsense/1/": (404, 404, 404, 404, 404),
    "files/0/": (404, 404, 404, 404, 404),
}


@pytest.mark.parametrize("where", WHO)
def test_who_sees_which_page(hub: Hub, where: str) -> None:
    seen = {name: client.get(f"/lv/{where}").status_code for name, client in everybody(hub).items()}
    assert tuple(seen.values()) == WHO[where]


# ---------------------------------------------------------------- home


def test_the_only_ecosystem_is_the_home_page(hub: Hub) -> None:
    assert Client().get("/lv/").headers["Location"] == "/lv/biomed/"
    another_ecosystem()
    shown = text_of(Client().get("/en/"))
    assert "Other other" in shown
    assert "2 Ecosystems" in shown


def test_a_hub_without_ecosystems_says_how_to_begin() -> None:
    assert "talka up" in text_of(Client().get("/en/"))


@pytest.mark.parametrize("accepted", ["lv", "en", "en-GB,en;q=0.9", "de"])
def test_the_bare_address_leads_to_the_readers_language(hub: Hub, accepted: str) -> None:
    answer = Client().get("/", headers={"accept-language": accepted})
    assert answer.headers["Location"] == ("/en/" if accepted.startswith("en") else "/lv/")


# ---------------------------------------------------------------- overview


def test_an_ecosystem_without_anything_in_force_says_what_will_be_here() -> None:
    plan.ecosystem()
    assert "Nothing is in force yet" in text_of(Client().get("/en/biomed/"))


def test_the_overview_answers_in_one_sentence_and_follows_what_happens(hub: Hub) -> None:
    client = Client()
    before = text_of(client.get("/en/biomed/"))
    assert f"0 of 1 measures of the {YEAR - 1} plan done 1 measure is late." in before
    plans.finish(hub.measure, by=SYSTEM)
    after = text_of(client.get("/en/biomed/"))
    assert f"1 of 1 measures of the {YEAR - 1} plan done Nothing is late." in after


def test_drafts_are_offered_to_those_who_may_see_them(hub: Hub) -> None:
    offered = {name: client.get("/lv/biomed/").context["drafts"] for name, client in everybody(hub).items()}
    drafts = [hub.next_version, hub.next_plan]
    assert offered == {"anna": drafts, "bruno": drafts, "cilda": [], "dzintars": drafts, "public": []}


# ---------------------------------------------------------------- problems


def test_problems_are_narrowed_by_severity_and_rule(hub: Hub) -> None:
    client = Client()
    every = client.get("/en/biomed/problems/").context["page"].object_list
    codes = {finding.code for finding in every}
    assert len(codes) > 1
    for severity in ("error", "warning", "info"):
        shown = client.get(f"/en/biomed/problems/?severity={severity}").context["page"].object_list
        assert shown == [finding for finding in every if finding.severity == severity]
    code = min(codes)
    shown = client.get(f"/en/biomed/problems/?code={code}").context["page"].object_list
    assert shown == [finding for finding in every if finding.code == code]
    assert "Nothing to mend" in text_of(client.get("/en/biomed/problems/?code=none"))


def test_problems_of_drafts_are_for_those_who_may_see_them(hub: Hub) -> None:
    plans.add_measure(hub.next_plan, by=SYSTEM, section="1.1", title_lv="Slepens")
    found = {name: text_of(client.get("/lv/biomed/problems/")) for name, client in everybody(hub).items()}
    assert {name: str(YEAR) + "." in page for name, page in found.items()} == {
        "anna": True, "bruno": True, "cilda": False, "dzintars": True, "public": False,
    }  # fmt: skip


# ---------------------------------------------------------------- what changed


def news(client: Client, page: str = "/lv/biomed/changes/") -> list[tuple[str, str]]:
    return [(item.what, item.name) for item in client.get(page).context["happenings"]]


def test_the_public_is_told_of_public_things_alone(hub: Hub) -> None:
    """Drafts, prepared decisions, reports that nobody accepted, and people are not for everybody."""
    draw.report(hub)
    edit_ecosystem(hub.eco, by=hub.dzintars, summary_lv="Par bitēm")
    public, anna = news(Client()), news(as_(hub.anna))
    assert public[0] == anna[0] == ("laboja", str(hub.eco))
    names = {name for _what, name in public}
    hidden = {str(hub.next_plan), str(hub.next_version), str(hub.prepared)}
    assert names.isdisjoint(hidden)
    assert hidden <= {name for _what, name in anna}
    assert news(as_(hub.cilda)) == public
    assert all(item.by == "" for item in Client().get("/lv/biomed/changes/").context["happenings"])
    assert as_(hub.cilda).get("/lv/biomed/changes/").context["happenings"][0].by == "Dzintars Paraugs"


def test_a_draft_without_measures_hides_nothing_else(hub: Hub) -> None:
    """The next plan is empty; the measures of the one in force are told of all the same."""
    assert not hub.next_plan.measures.exists()
    assert ("laboja", "1.1.1. Pasākums 1") in news(Client())


def test_what_was_removed_from_a_draft_is_not_told(hub: Hub) -> None:
    secret = plans.add_measure(hub.next_plan, by=SYSTEM, section="1.1", title_lv="Slepens pasākums")
    plans.remove_measure(secret, by=SYSTEM)
    strategies.discard(hub.next_version, by=SYSTEM)
    assert [name for _what, name in news(Client()) if "lepens" in name or "(2)" in name] == []


def test_news_are_in_the_readers_language_and_of_what_was_reported_on(hub: Hub) -> None:
    draw.report(hub)
    assert news(as_(hub.anna), "/en/biomed/changes/")[0] == ("reported", "1.1.1. Measure 1")
    assert news(as_(hub.anna))[0] == ("ziņoja par", "1.1.1. Pasākums 1")


def test_what_is_gone_keeps_the_name_it_had(hub: Hub) -> None:
    gone = plans.add_measure(hub.next_plan, by=SYSTEM, section="1.1", title_lv="Bijušais", title_en="Former")
    plans.remove_measure(gone, by=SYSTEM)
    last = as_(hub.anna).get("/en/biomed/changes/").context["happenings"][0]
    assert (last.what, last.name, last.url) == ("removed", f"{gone.number}. Bijušais", "")


def test_another_ecosystem_keeps_its_news(hub: Hub) -> None:
    other = another_ecosystem()
    assert news(Client(), "/lv/other/changes/") == [("pievienoja", str(other))]
    assert str(other) not in {name for _what, name in news(Client())}


def test_long_news_are_paged_and_end_somewhere(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talka.web.pages.NEWS", 60)
    for number in range(70):
        edit_ecosystem(hub.eco, by=SYSTEM, summary_lv=f"Nr. {number}")
    first, second, beyond = (Client().get(f"/lv/biomed/changes/?page={page}") for page in (1, 2, 3))
    assert [len(page.context["happenings"]) for page in (first, second, beyond)] == [50, 10, 10]


# ---------------------------------------------------------------- history


def test_every_object_tells_who_changed_what(hub: Hub) -> None:
    measure = hub.measure
    plans.edit_measure(
        measure, by=hub.anna, title_en="Paint the hives", deadline=f"{YEAR}-Q3", seen=measure.revision
    )
    url = f"/en/history/plan.measure/{measure.pk}/"
    told = as_(hub.cilda).get(url).context["told"][0]
    assert (told.by, [row[1:] for row in told.changes if row[0].startswith("Measure (en)")]) == (
        "Anna Paraugs",
        [("Measure 1", "Paint the hives")],
    )
    shown = text_of(as_(None).get(url))
    assert "An official" in shown
    assert "Anna" not in shown
    assert "Paint the hives" in shown


def test_choices_and_references_are_told_in_words(hub: Hub) -> None:
    plans.finish(hub.measure, by=hub.anna)
    told = as_(hub.anna).get(f"/en/history/plan.measure/{hub.measure.pk}/").context["told"]
    assert ("State", "planned", "done") in told[0].changes
    created = {row[0]: row[2] for row in told[-1].changes}
    assert created["Priority"] == str(hub.measure.section)


HISTORIES: dict[str, tuple[bool, bool, bool, bool, bool]] = {
    # anna, bruno, cilda, dzintars, public
    "measure": (True, True, True, True, True),
    "draft plan": (True, True, False, True, False),
    "draft strategy": (True, True, False, True, False),
    "priority of a draft": (True, True, False, True, False),
    "taken decision": (True, True, True, True, True),
    "prepared decision": (True, True, False, True, False),
    "submitted report": (True, True, False, True, False),
    "its file": (True, True, False, True, False),
    "organisation": (True, True, True, True, True),
    "person": (False, False, False, True, False),
    "account": (False, False, False, True, False),
    "role": (False, False, False, True, False),
}


def test_who_reads_whose_history(hub: Hub) -> None:
    made = draw.report(hub)
    rows: dict[str, Any] = {
        "measure": hub.measure,
        "draft plan": hub.next_plan,
        "draft strategy": hub.next_version,
        "priority of a draft": hub.next_version.priority_set.order_by("pk")[0],
        "taken decision": hub.decided,
        "prepared decision": hub.prepared,
        "submitted report": made,
        "its file": draw.file_of(made),
        "organisation": hub.ministry,
        "person": hub.bruno.person,
        "account": hub.bruno,
        "role": hub.bruno.grants.get(),
    }
    seen = {
        name: tuple(
            client.get(f"/lv/history/{row.kind()}/{row.pk}/").status_code == 200
            for client in everybody(hub).values()
        )
        for name, row in rows.items()
    }
    assert seen == HISTORIES


# ---------------------------------------------------------------- attached files


FILES: dict[tuple[str, bool], tuple[bool, bool, bool, bool, bool]] = {
    # whether the report is accepted, whether the file is public: anna, bruno, cilda, dzintars, public
    ("submitted", False): (True, True, False, True, False),
    ("submitted", True): (True, True, False, True, False),
    ("accepted", False): (True, True, False, True, False),
    ("accepted", True): (True, True, True, True, True),
}


@pytest.mark.parametrize("case", FILES)
def test_who_gets_which_file(hub: Hub, case: tuple[str, bool]) -> None:
    state, public = case
    file = draw.file_of(draw.value(hub, public=public, accepted=state == "accepted"))
    answers = [client.get(f"/lv/files/{file.pk}/") for client in everybody(hub).values()]
    assert tuple(answer.status_code == 200 for answer in answers) == FILES[case]
    for answer in answers:
        list(getattr(answer, "streaming_content", ()))  # read to its end, it closes its file


def test_a_file_can_do_nothing_in_a_browser(hub: Hub) -> None:
    file = draw.file_of(draw.value(hub, public=True, accepted=True))
    answer = Client().get(f"/lv/files/{file.pk}/")
    assert b"".join(answer.streaming_content) == b"%PDF-1.7 akts"  # type: ignore[attr-defined]
    kept = {
        name: answer.headers[name]
        for name in ("Content-Type", "Content-Disposition", "Content-Security-Policy")
    }
    assert kept == {
        "Content-Type": "application/pdf",
        "Content-Disposition": 'attachment; filename="akts.pdf"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_whose_bytes_are_gone_is_told_and_noted(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    file = draw.file_of(draw.value(hub, public=True, accepted=True))
    file.file.storage.delete(file.file.name)
    assert Client().get(f"/lv/files/{file.pk}/").status_code == 404
    assert f"the bytes of attachment {file.pk} are gone" in caplog.text


# ---------------------------------------------------------------- search


def hits(client: Client, text: str, language: str = "lv", **more: str) -> list[str]:
    return [hit.title for hit in client.get(f"/{language}/search/", {"q": text, **more}).context["hits"]]


def test_everybody_finds_what_is_public_and_insiders_their_drafts(hub: Hub) -> None:
    plans.add_measure(
        hub.next_plan, by=SYSTEM, section="1.1", number="1.1.9", title_lv="Slepens ezeru pasākums"
    )
    found = {name: hits(client, "ezers") for name, client in everybody(hub).items()}
    secret = ["1.1.9. Slepens ezeru pasākums"]
    assert found == {"anna": secret, "bruno": secret, "cilda": [], "dzintars": secret, "public": []}


def test_who_is_inside_one_ecosystem_finds_no_drafts_of_another(hub: Hub) -> None:
    other = draw.hub("other")
    for each, title in ((hub, "Slepens ezers"), (other, "Cits ezers")):
        plans.add_measure(each.next_plan, by=SYSTEM, section="1.1", number="1.1.9", title_lv=title)
    assert hits(as_(hub.anna), "ezers") == ["1.1.9. Slepens ezers"]
    assert sorted(hits(as_(hub.dzintars), "ezers")) == ["1.1.9. Cits ezers", "1.1.9. Slepens ezers"]


def test_hits_are_in_the_readers_language_with_addresses_in_it(hub: Hub) -> None:
    for language, title in (("lv", "1.1.1. Pasākums 1"), ("en", "1.1.1. Measure 1")):
        hit = Client().get(f"/{language}/search/", {"q": "measure"}).context["hits"][0]
        assert (hit.title, hit.url) == (title, f"/{language}/biomed/plan/measures/{hub.measure.pk}/")


def test_hits_of_several_ecosystems_say_which(hub: Hub) -> None:
    draw.hub("other")
    places = {hit.where for hit in Client().get("/en/search/", {"q": "measure"}).context["hits"]}
    assert places == {"Biomedicine"}
    one = {
        hit.where
        for hit in Client().get("/en/search/", {"q": "measure", "ecosystem": "other"}).context["hits"]
    }
    assert one == {""}


@pytest.mark.parametrize("text", ["x" * 5000, "'; drop table", "<script>", "%", "\x00", "   "])
def test_a_strange_question_finds_nothing_and_breaks_nothing(hub: Hub, text: str) -> None:
    answer = Client().get("/lv/search/", {"q": text})
    assert (answer.status_code, answer.context["hits"]) == (200, [])
    assert "<script>" not in answer.content.decode().replace("<script src", "")


# ---------------------------------------------------------------- my work


def test_my_work_is_what_waits_for_me(hub: Hub) -> None:
    made = draw.report(hub)
    counts = {
        name: {key: len(context[key]) for key in ("measures", "to_judge", "returned", "decisions", "drafts")}
        | {"waiting": context["waiting"]}
        for name, client in everybody(hub).items()
        if name != "public"
        for context in [client.get("/lv/my/").context]
    }
    nothing = {"measures": 0, "to_judge": 0, "returned": 0, "decisions": 0, "drafts": 0, "waiting": 0}
    assert counts == {
        "anna": nothing | {"to_judge": 1, "drafts": 2, "waiting": 1},
        "bruno": nothing | {"measures": 1, "drafts": 2, "waiting": 1},
        "cilda": nothing,
        "dzintars": nothing | {"to_judge": 1, "decisions": 0, "drafts": 2, "waiting": 1},
    }
    plans.return_report(made, by=hub.anna, comment="Trūkst paraksta")
    shown = text_of(as_(hub.bruno).get("/lv/my/"))
    assert "Trūkst paraksta" in shown
    assert f"{YEAR - 1}" in shown
    assert text_of(as_(hub.cilda).get("/en/my/")).count("Nothing waits for you") == 1


def test_a_report_that_was_corrected_waits_no_longer(hub: Hub) -> None:
    plans.return_report(draw.report(hub), by=hub.anna, comment="Trūkst")
    draw.report(hub, text="Labots.")
    assert as_(hub.bruno).get("/lv/my/").context["returned"] == []
    assert Report.objects.count() == 2


def test_a_member_of_the_council_finds_what_to_decide(hub: Hub) -> None:
    gunars = plan.account("Gunars", "council", where=hub.eco)
    assert as_(gunars).get("/lv/my/").context["decisions"] == [hub.prepared]


@pytest.mark.parametrize("many", [4, 8])
def test_my_work_asks_the_same_whatever_the_number_of_ecosystems(
    hub: Hub, many: int, django_assert_num_queries: Any
) -> None:
    """An administrator of a hub with many ecosystems; the linter sums up the first three."""
    for number in range(many - 1):
        another_ecosystem(f"e{number}")
    client = as_(hub.dzintars)
    client.get("/lv/my/")
    # Of each summed up ecosystem two: the last events of it and of the hub, on which its kept findings hang.
    with django_assert_num_queries(10 + 2 * glance.LINTED):
        client.get("/lv/my/")


@pytest.mark.parametrize("rows", [1, 3])
def test_my_work_asks_the_same_for_one_and_three_rows(rows: int, django_assert_num_queries: Any) -> None:
    hub = draw.hub(measures=rows)
    for measure in hub.plan.measures.all():
        plans.edit_measure(measure, by=SYSTEM, responsible=[hub.ministry])
        made = plans.report(measure, by=hub.bruno, period=Period.year(YEAR - 1), text="Darīts.")
        plans.return_report(made, by=hub.anna, comment="Trūkst")
    client = as_(hub.bruno)
    with django_assert_num_queries(10):
        context = client.get("/lv/my/").context
    assert (len(context["measures"]), len(context["returned"])) == (rows, rows)


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("biomed/changes/", 7),
        ("history/plan.measure/{measure}/", 15),
        ("search/?q=pasākums", 4),
        ("about/", 1),
        ("sign-in/", 1),
    ],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_a_page_asks_the_same_for_one_and_three_rows(
    rows: int, where: str, count: int, django_assert_num_queries: Any
) -> None:
    hub = draw.hub(measures=rows)
    for number in range(rows):
        plans.edit_measure(Measure.objects.get(pk=hub.measure.pk), by=SYSTEM, source=f"Avots {number}")
    url = f"/lv/{where.format(measure=hub.measure.pk)}"
    with django_assert_num_queries(count):
        assert Client().get(url).status_code == 200


# ---------------------------------------------------------------- the shell


def menu(client: Client, page: str) -> list[tuple[str, bool]]:
    return [(entry["label"], entry["active"]) for entry in client.get(page).context["navigation"]]


def test_the_menu_speaks_of_what_people_do_and_says_where_one_is(hub: Hub) -> None:
    rooms = [
        *("Overview", "Strategy", "Plan", "Network", "Data & samples", "Facilities", "Portfolio", "Bills"),
        *("Council", "Organisations"),
    ]
    assert menu(Client(), "/en/biomed/") == [(name, name == "Overview") for name in rooms]
    assert menu(Client(), "/en/biomed/strategy/") == [(name, name == "Strategy") for name in rooms]
    assert menu(Client(), f"/en/biomed/plan/{YEAR - 1}/") == [(name, name == "Plan") for name in rooms]
    assert menu(Client(), "/en/biomed/problems/") == [(name, False) for name in rooms]
    assert menu(as_(hub.cilda), "/en/my/") == [(name, name == "My work") for name in ["My work", *rooms]]
    another_ecosystem()
    assert menu(Client(), "/en/organisations/") == [("Organisations", True)]


@pytest.mark.parametrize(
    ("here", "other"),
    [
        ("/lv/biomed/", "/en/biomed/"),
        ("/en/search/?q=lv%2Fen&page=2", "/lv/search/?q=lv%2Fen&page=2"),
        ("/lv/nothing/", "/en/nothing/"),
    ],
)
def test_the_other_language_is_the_same_page(hub: Hub, here: str, other: str) -> None:
    assert f'href="{other.replace("&", "&amp;")}"' in Client().get(here).content.decode()


def test_the_account_menu_offers_what_one_may(hub: Hub) -> None:
    offered = {
        name: [entry["label"] for entry in client.get("/en/biomed/").context["account_menu"]["entries"]]
        for name, client in everybody(hub).items()
    }
    everyone, keepers = (
        ["My work", "My account", "Sign out"],
        ["My work", "My account", "Reference data", "Sign out"],
    )
    assert offered == {
        "anna": keepers, "bruno": keepers, "cilda": everyone, "dzintars": keepers, "public": ["Sign in"],
    }  # fmt: skip
    entry = Client().get("/en/search/?q=a&b=c").context["account_menu"]["entries"][0]
    assert entry["url"] == "/en/sign-in/?next=%2Fen%2Fsearch%2F%3Fq%3Da%26b%3Dc"


def test_pages_may_do_nothing_that_the_policy_forbids(hub: Hub) -> None:
    answer = Client().get("/lv/biomed/")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'; ")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Permissions-Policy"] == "camera=(), geolocation=(), microphone=()"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_no_address_of_a_page_is_taken_for_an_ecosystem() -> None:
    """Words that begin an address of the house; an ecosystem called so could not be reached."""
    with override("lv"):
        for name in ("about", "search", "my-work", "sign-in", "account", "organisations", "reference"):
            match = Client().get(reverse(name)).resolver_match
            assert match is not None
            assert match.url_name == name


def test_the_record_is_not_written_by_reading(hub: Hub) -> None:
    before = Event.objects.count()
    for page in PAGES:
        as_(hub.anna).get(f"/lv/{page}")
    assert Event.objects.count() == before
