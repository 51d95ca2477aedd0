"""What programs can read and do in each room, and what they are told when it does not work."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from talka.api.root import ROUTERS
from talka.api.tests.factories import account, ask, error, key
from talka.core.actions import SYSTEM
from talka.core.api import MOST
from talka.core.models import Event
from talka.domains.models import Ecosystem
from talka.governance import actions as governance
from talka.network import actions as network
from talka.plan import actions as plan_actions
from talka.plan import sheets
from talka.plan.models import Measure, Plan
from talka.plan.tests import factories as plans
from talka.strategy import actions as strategy
from talka.strategy.tests import factories as strategies

pytestmark = pytest.mark.django_db


@pytest.fixture
def eco() -> Ecosystem:
    return plans.ecosystem()


@pytest.fixture
def anna(eco: Ecosystem) -> str:
    return key(account("Anna", "administrator"))


IN = "ecosystems/biomed/"


# ---------------------------------------------------------------- tables

# Of each table: its path, what makes a row, what changes it, and how the changed field reads then.
TABLES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("domains", {"code": "x", "title": {"lv": "A", "en": "B"}}, {"title": {"lv": "C"}}),
    ("missions", {"code": "x", "title": {"lv": "A"}}, {"summary": {"lv": "C"}}),
    ("policies", {"code": "x", "kind_of": "eu_mission", "title": {"lv": "A"}}, {"kind_of": "ipcei"}),
    ("ecosystems", {"code": "x", "domain": "biomed-domain", "title": {"lv": "A"}}, {"short": {"lv": "C"}}),
    (
        "organisations",
        {"code": "x", "name": {"lv": "A"}, "helix": "public", "kind_of": "ministry"},
        {"aliases": ["B", "C"]},
    ),
    ("people", {"code": "x", "given": "Dace", "family": "Paraugs"}, {"family": "Paraudziņa"}),
    ("funding-sources", {"code": "x", "title": {"lv": "A"}, "kind_of": "eu"}, {"starts": "2023-Q2"}),
    (f"{IN}niches", {"code": "x", "title": {"lv": "A"}}, {"order": 7}),
    (f"{IN}competences", {"code": "x", "kind_of": "research", "title": {"lv": "A"}}, {"title": {"en": "C"}}),
    (f"{IN}bills", {"code": "x", "title": {"lv": "A"}, "stage": "drafting"}, {"stage": "submitted"}),
    (f"{IN}bodies", {"code": "x", "title": {"lv": "A"}, "kind_of": "council"}, {"kind_of": "board"}),
    (
        f"{IN}projects",
        {"code": "x", "title": {"lv": "A"}, "kind_of": "example", "status": "idea"},
        {"results": {"lv": ["C", "D"]}},
    ),
    (f"{IN}partnerships", {"code": "x", "title": {"lv": "A"}, "kind_of": "eric"}, {"active": False}),
]


@pytest.mark.parametrize(
    ("path", "new", "change"), TABLES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_table_is_read_added_to_and_changed(
    eco: Ecosystem, anna: str, path: str, new: dict[str, Any], change: dict[str, Any]
) -> None:
    before = ask("get", path, anna).json()["count"]
    made = ask("post", path, anna, new)
    assert made.status_code == 201, made.json()
    row = made.json()
    one = f"{path}/{row['code']}"
    assert ask("get", one, anna).json() == row
    for name, value in new.items():
        assert row[name] == ({"lv": "", "en": "", **value} if isinstance(value, dict) else value)
    changed = ask("patch", one, anna, {"revision": row["revision"], **change})
    assert changed.status_code == 200, changed.json()
    told = changed.json()
    for name, value in change.items():
        assert told[name] == ({**row[name], **value} if isinstance(value, dict) else value)
    assert told["revision"] > row["revision"]
    stale = ask("patch", one, anna, {"revision": row["revision"], **change})
    assert error(stale) == (409, "stale")
    assert stale.json()["error"]["revision"] == told["revision"]
    assert error(ask("post", path, anna, new)) == (422, "invalid")  # there is one already
    assert ask("get", path, anna).json()["count"] == before + 1
    assert error(ask("get", f"{path}/nowhere", anna)) == (404, "not_found")


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"code": "x", "title": {"lv": ""}}, "title.lv"),
        ({"code": "x", "title": {"lv": "a" * 301}}, "title.lv"),
        ({"code": "x"}, "title"),
        ({"code": "x", "title": {"lv": "A"}, "order": "many"}, "order"),
        ({"code": "x", "title": {"lv": "A"}, "parent": "nowhere"}, None),
    ],
)
def test_what_is_wrong_is_named(eco: Ecosystem, anna: str, sent: dict[str, Any], field: str | None) -> None:
    answer = ask("post", f"{IN}niches", anna, sent)
    assert error(answer) == (422, "invalid")
    assert answer.json()["error"]["field"] == field
    assert ask("get", f"{IN}niches").json()["count"] == 0


def test_what_is_no_json_is_told(eco: Ecosystem, anna: str) -> None:
    assert error(ask("post", f"{IN}niches", anna, "{")) == (400, "bad_request")


def test_a_message_comes_in_the_readers_language(eco: Ecosystem) -> None:
    messages = [
        ask("get", "ecosystems/nowhere/niches", **{"accept-language": language}).json()["error"]["message"]
        for language in ("lv", "en")
    ]
    assert messages[0] != messages[1]


def test_lists_come_in_pages(eco: Ecosystem) -> None:
    for nth in range(5):
        network.add_niche(eco, by=SYSTEM, code=f"n{nth}", title_lv=f"N{nth}", order=nth)
    answer = ask("get", f"{IN}niches?limit=2&offset=3").json()
    assert [answer[name] for name in ("count", "limit", "offset")] == [5, 2, 3]
    assert [each["code"] for each in answer["items"]] == ["n3", "n4"]
    assert error(ask("get", f"{IN}niches?limit={MOST + 1}")) == (422, "invalid")


# ---------------------------------------------------------------- strategy


def a_strategy(eco: Ecosystem, targets: int = 1) -> Any:
    version = strategies.version(eco)
    direction = strategies.direction(version, "people")
    priority = strategies.priority(direction, "prestige")
    for nth in range(targets):
        strategies.target(version, f"t{nth}", priority)
    return version


def test_the_tree_of_a_version(eco: Ecosystem, anna: str) -> None:
    strategy.adopt(a_strategy(eco), by=SYSTEM)
    tree = ask("get", f"{IN}strategies/current").json()
    [direction] = tree["directions"]
    [priority] = direction["priorities"]
    [target] = priority["targets"]
    assert (direction["code"], priority["code"], target["code"]) == ("people", "prestige", "t0")
    assert target["goal"] == "10"
    assert target["reading"] == {
        "value": None,
        "as_of": None,
        "closed": False,
        "series": "target:t0",
        "provided": False,
    }
    assert target["progress"]["verdict"] == "no_data"
    assert error(ask("get", f"{IN}strategies/2")) == (404, "not_found")


def a_decision(eco: Ecosystem) -> int:
    body = governance.add_body(eco, by=SYSTEM, code="council", title_lv="Padome", kind_of="council")
    return governance.adopt(governance.prepare(body, by=SYSTEM, title_lv="Par stratēģiju"), by=SYSTEM).pk


def test_a_draft_is_made_changed_compared_and_adopted(eco: Ecosystem, anna: str) -> None:
    strategy.adopt(a_strategy(eco), by=SYSTEM)
    draft = ask("post", f"{IN}strategies", anna, {"copy_of": 1}).json()
    assert (draft["number"], draft["state"]) == (2, "draft")
    assert error(ask("get", f"{IN}strategies/2")) == (404, "not_found")
    where = f"{IN}strategies/2/targets"
    target = ask("get", f"{where}/t0", anna).json()
    change = {"revision": target["revision"], "goal": "12.5", "shares": {"biomed-domain": "1"}}
    assert ask("patch", f"{where}/t0", anna, change).json()["goal"] == "12.5"
    [difference] = ask("get", f"{IN}strategies/2/compare?before=1", anna).json()
    assert (difference["code"], difference["change"]) == ("t0", "changed")
    made = ask("post", f"{IN}strategies/2/levers", anna, {"code": "vpp", "title": {"lv": "VPP"}}).json()
    gone = ask("delete", f"{IN}strategies/2/levers/vpp?revision={made['revision']}", anna)
    assert gone.status_code == 204
    renamed = ask(
        "patch", f"{IN}strategies/2", anna, {"revision": draft["revision"], "title": {"en": "Bees"}}
    )
    assert renamed.json()["title"] == {**draft["title"], "en": "Bees"}
    adoption = {"revision": renamed.json()["revision"]}
    without = ask("post", f"{IN}strategies/2/adopt", anna, adoption)
    assert (error(without), without.json()["error"]["field"]) == ((422, "invalid"), "decision")
    adopted = ask("post", f"{IN}strategies/2/adopt", anna, {**adoption, "decision": a_decision(eco)})
    assert adopted.status_code == 200, adopted.json()
    assert ask("get", f"{IN}targets/t0").json()["goal"] == "12.5"


def test_a_value_is_reported_returned_corrected_and_accepted(eco: Ecosystem, anna: str) -> None:
    strategy.adopt(a_strategy(eco), by=SYSTEM)
    ministry = plans.organisation("EM")
    bruno = key(account("Bruno", "officer", eco, ministry))
    where = f"{IN}targets/t0/reports"
    first = ask("post", where, bruno, {"period": "2023", "value": "4.50"}).json()
    assert (first["value"], first["state"], first["institution"]) == ("4.5", "submitted", "EM")
    assert ask("get", where).json()["count"] == 0  # the public sees what was accepted
    assert error(ask("post", f"{where}/{first['id']}/return", anna, {"comment": ""})) == (422, "invalid")
    assert (
        ask("post", f"{where}/{first['id']}/return", anna, {"comment": "Kur pierādījumi?"}).status_code == 200
    )
    browser = Client()
    second = browser.post(
        f"/api/v1/{where}/with-files",
        {"period": "2023", "value": "5", "files": [_file("apliecinājums.txt")]},
        headers={"authorization": f"Bearer {bruno}"},
    ).json()
    assert [each["name"] for each in second["files"]] == ["apliecinājums.txt"]
    assert second["corrects"] == first["id"]
    stale = {"revision": second["revision"] + 1}
    assert error(ask("post", f"{where}/{second['id']}/accept", anna, stale)) == (409, "stale")
    accepted = ask("post", f"{where}/{second['id']}/accept", anna, {"revision": second["revision"]})
    assert accepted.json()["state"] == "accepted"
    [told] = ask("get", where).json()["items"]
    assert (told["value"], told["by"], told["files"]) == (
        "5",
        None,
        [],
    )  # nobody said that the file is public
    whole = ask("get", f"{IN}targets/t0").json()
    assert (whole["reading"]["value"], [point["value"] for point in whole["history"]]) == ("5", ["5"])
    assert error(ask("post", where, bruno, {"period": "2023", "value": "6"})) == (422, "invalid")  # locked
    assert error(ask("post", where, bruno, {"period": "some day", "value": "6"})) == (422, "invalid")


def _file(name: str) -> Any:
    made = io.BytesIO(b"teksts")
    made.name = name
    return made


# ---------------------------------------------------------------- plan


def test_a_measure_is_added_changed_and_passes_through_its_life(eco: Ecosystem, anna: str) -> None:
    plans.strategy(eco)
    ministry = plans.organisation("EM")
    ask(
        "post",
        "funding-sources",
        anna,
        {"code": "vbf", "title": {"lv": "Valsts budžets"}, "kind_of": "national"},
    )
    plan = ask("post", f"{IN}plans", anna, {"year": 2023}).json()
    assert (plan["state"], plan["measures"]["total"]) == ("draft", 0)
    new = {
        "section": "1.1",
        "title": {"lv": "Forums", "en": "Forum"},
        "results": {"lv": ["Notiek forums"], "en": ["A forum is held"]},
        "indicators": {"lv": ["1 forums"]},
        "responsible": [ministry.code],
        "deadline": "2023-Q3",
        "funding": [{"source": "vbf", "amount": "1000.50"}],
    }
    made = ask("post", f"{IN}plans/2023/measures", anna, new)
    assert made.status_code == 201, made.json()
    measure = made.json()
    assert measure["number"] == "1.1.1"
    assert measure["results"] == [{"lv": "Notiek forums", "en": "A forum is held"}]
    assert measure["funding"] == [
        {"source": "vbf", "text": "", "amount": "1000.5", "currency": "EUR", "until": ""}
    ]
    assert (measure["due_on"], measure["printed"]["responsible"]) == ("2023-09-30", "EM")
    where = f"{IN}measures/{measure['id']}"
    changed = ask(
        "patch", where, anna, {"revision": measure["revision"], "title": {"lv": "Lielais forums"}}
    ).json()
    assert changed["title"] == {"lv": "Lielais forums", "en": "Forum"}
    stale = ask("patch", where, anna, {"revision": measure["revision"], "deadline": "2024"})
    assert error(stale) == (409, "stale")
    assert stale.json()["error"]["revision"] == changed["revision"]
    wrong = ask("patch", where, anna, {"revision": changed["revision"], "involved": ["nobody"]})
    assert (error(wrong), wrong.json()["error"]["field"]) == ((422, "invalid"), "involved")
    plan = ask("get", f"{IN}plans/2023", anna).json()
    ask("post", f"{IN}plans/2023/adopt", anna, {"revision": plan["revision"]})
    for verb, more, state in [
        ("start", {}, "under_way"),
        ("finish", {"done_on": "2023-08-01"}, "done"),
        ("reopen", {}, "under_way"),
        ("drop", {"reason": "Nav naudas"}, "dropped"),
    ]:
        revision = ask("get", where).json()["revision"]
        assert ask("post", f"{where}/{verb}", anna, {"revision": revision, **more}).json()["state"] == state
    verbs = ask("get", f"history/plan.measure/{measure['id']}").json()["items"]
    assert [each["verb"] for each in verbs[:4]] == ["plan.drop", "plan.reopen", "plan.finish", "plan.start"]


def test_measures_are_narrowed_as_on_the_page(eco: Ecosystem) -> None:
    plans.strategy(eco)
    ministry = plans.organisation("EM")
    plan = plans.plan(eco, 2023)
    plans.measure(plan, "1.1.1", title_lv="Biobankas likums", responsible=[ministry], deadline="2020")
    plans.measure(plan, "1.1.2", title_lv="Forums")
    plan_actions.adopt(plan, by=SYSTEM)

    def numbers(query: str) -> list[str]:
        found = ask("get", f"{IN}plans/2023/measures?{query}").json()["items"]
        return [each["number"] for each in found]

    assert numbers("") == ["1.1.1", "1.1.2"]
    assert numbers("state=late") == ["1.1.1"]
    assert numbers(f"institution={ministry.code}") == ["1.1.1"]
    assert numbers("q=biobankām") == ["1.1.1"]
    assert numbers("direction=2") == []


def test_a_file_is_previewed_and_then_applied_whole(eco: Ecosystem, anna: str) -> None:
    plans.strategy(eco)
    plan = plans.plan(eco, 2023, 2)
    data = sheets.export_plan(plan, "csv").decode("utf-8-sig").replace("Pasākums 2", "Cits pasākums")
    where = f"/api/v1/{IN}plans/2023/import"

    def send(query: str = "", text: str = data) -> Any:
        sent = io.BytesIO(text.encode())
        sent.name = "plans.csv"
        return Client().post(where + query, {"file": sent}, headers={"authorization": f"Bearer {anna}"})

    seen = send().json()
    assert (seen["problems"], seen["applied"], [each["name"] for each in seen["changes"]]) == (
        [],
        False,
        ["1.1.2"],
    )
    assert Measure.objects.filter(title_lv="Cits pasākums").count() == 0
    assert error(send("?apply=true&fingerprint=another")) == (409, "stale")
    assert send(f"?apply=true&fingerprint={seen['fingerprint']}").json()["applied"] is True
    assert Measure.objects.filter(title_lv="Cits pasākums").count() == 1
    broken = send("?apply=true", text=data.replace("1.1.2.", "1.1.1.")).json()
    assert (broken["applied"], len(broken["problems"])) == (False, 1)


def test_plans_are_compared_and_rolled_over(eco: Ecosystem, anna: str) -> None:
    plans.strategy(eco)
    plan = plans.plan(eco, 2023, 2, adopted=True)
    sent = {
        "revision": Plan.objects.get(pk=plan.pk).revision,
        "to_year": 2024,
        "reasons": {"1.1.1": "Nav pabeigts"},
    }
    draft = ask("post", f"{IN}plans/2023/roll-over", anna, sent).json()
    assert (draft["year"], draft["state"], draft["measures"]["planned"]) == (2024, "draft", 1)
    rows = ask("get", f"{IN}plans/2024/compare?before_year=2023", anna).json()
    assert [(each["kind"], each["number"]) for each in rows if each["kind"] == "removed"] == [
        ("removed", "1.1.2")
    ]


# ---------------------------------------------------------------- decisions, portfolio, search


def test_a_decision_adopts_a_plan_by_itself(eco: Ecosystem, anna: str) -> None:
    plans.strategy(eco)
    plans.plan(eco, 2023, 1)
    ask("post", f"{IN}bodies", anna, {"code": "council", "title": {"lv": "Padome"}, "kind_of": "council"})
    new = {
        "body": "council",
        "title": {"lv": "Par plānu"},
        "carries": {"verb": "plan.adopt", "kind": "plan.plan", "subject": "2023"},
    }
    made = ask("post", f"{IN}decisions", anna, new)
    assert made.status_code == 201, made.json()
    prepared = made.json()
    assert ask("get", f"{IN}decisions").json()["count"] == 0
    assert error(ask("get", f"{IN}decisions/{prepared['id']}")) == (404, "not_found")
    where, decider = f"{IN}decisions/{prepared['id']}", key(account("Bruno", "council", eco))
    adoption = {"revision": prepared["revision"]}
    assert error(ask("post", f"{where}/adopt", anna, adoption)) == (
        403,
        "refused",
    )  # nobody decides on his own word
    adopted = ask("post", f"{where}/adopt", decider, adoption).json()
    assert (adopted["state"], bool(adopted["number"]), bool(adopted["changed"])) == ("adopted", True, True)
    assert ask("get", f"{IN}plans/2023").json()["state"] == "adopted"
    assert ask("get", f"{IN}decisions").json()["items"][0]["carries"]["kind"] == "plan.plan"


def test_a_value_of_a_project_is_reported_and_accepted(eco: Ecosystem, anna: str) -> None:
    ask(
        "post",
        f"{IN}projects",
        anna,
        {"code": "p", "title": {"lv": "A"}, "kind_of": "example", "status": "running"},
    )
    kpi = ask(
        "post", f"{IN}kpis", anna, {"project": "p", "order": 1, "title": {"lv": "Raksti"}, "goal": "35"}
    ).json()
    where = f"{IN}kpis/{kpi['id']}"
    told = ask("post", f"{where}/reports", anna, {"period": "2023", "value": "7"}).json()
    assert ask("post", f"{where}/reports/{told['id']}/accept", anna, {}).json()["state"] == "accepted"
    [standing] = ask("get", f"{IN}projects/p/standing").json()["items"]
    assert (standing["value"], standing["goal"], standing["share"]) == ("7", "35", 0.2)
    assert error(ask("delete", f"{where}?revision={kpi['revision']}", anna)) == (
        422,
        "invalid",
    )  # values are reported


def test_what_is_searched_is_found(eco: Ecosystem) -> None:
    network.add_niche(eco, by=SYSTEM, code="b", title_lv="Biobanka", title_en="Biobank")
    [hit] = ask("get", "search?q=biobankām&ecosystem=biomed").json()["items"]
    assert (hit["kind"], hit["title"]) == ("network.niche", {"lv": "Biobanka", "en": "Biobank"})
    assert error(ask("get", "search?q=%20")) == (422, "invalid")


def test_what_waits_for_somebody(eco: Ecosystem, anna: str) -> None:
    strategy.adopt(a_strategy(eco), by=SYSTEM)
    bruno = key(account("Bruno", "officer", eco, plans.organisation("EM")))
    told = ask("post", f"{IN}targets/t0/reports", bruno, {"period": "2023", "value": "4"}).json()
    assert [each["id"] for each in ask("get", "my/reports", anna).json()["items"]] == [told["id"]]
    assert ask("get", "my/reports", bruno).json()["count"] == 0
    ask("post", f"{IN}targets/t0/reports/{told['id']}/return", anna, {"comment": "Kur?"})
    [mine] = ask("get", "my/reports?state=returned", bruno).json()["items"]
    assert mine["comment"] == "Kur?"


# ---------------------------------------------------------------- the manual, and numbers of questions


def test_the_manual_names_every_operation_and_nothing_from_elsewhere(client: Client) -> None:
    answer = client.get("/api/v1/docs")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert (
        "script-src" in answer["Content-Security-Policy"]
        or "default-src 'self'" in answer["Content-Security-Policy"]
    )
    assert "<script>" not in page
    assert " style=" not in page
    assert "//cdn" not in page
    for router in ROUTERS:
        for path in router.path_operations:
            assert path.replace("{int:", "{") in page
    assert client.get("/api/v1/openapi.json").json()["openapi"] == "3.1.0"


def draw(eco: Ecosystem, many: int, bearer: str) -> None:
    """As many rows of every kind."""
    strategy.adopt(a_strategy(eco, many), by=SYSTEM)
    ministry = plans.organisation("EM")
    plan = plans.plan(eco, 2023)
    for nth in range(1, many + 1):
        measure = plans.measure(
            plan, f"1.1.{nth}", responsible=[ministry], results_lv=["R"], indicators_lv=["1 I"]
        )
        for path, new, _change in TABLES:
            sent = {**new, "code": f"x{nth}"}
            if path.endswith("niches") and nth > 1:
                sent["parent"] = f"x{nth - 1}"
            made = ask("post", path, bearer, sent)
            assert made.status_code == 201, (path, made.json())
        ask("post", f"{IN}kpis", bearer, {"project": "x1", "order": nth, "title": {"lv": "A"}})
        ask("post", f"{IN}decisions", bearer, {"body": "x1", "title": {"lv": f"D{nth}"}})
    plan_actions.adopt(plan, by=SYSTEM)
    for measure in Measure.objects.all():
        ask("post", f"{IN}measures/{measure.pk}/reports", bearer, {"period": "2023", "text": "Darīts"})
    assert Event.objects.exists()


LISTS = [
    *(path for path, _new, _change in TABLES),
    *(
        f"{IN}{name}"
        for name in ("kpis", "decisions", "plans", "strategies", "targets", "changes", "datasets")
    ),
    f"{IN}strategies/current",
    *(f"{IN}strategies/current/{name}" for name in ("directions", "priorities", "targets")),
    f"{IN}plans/2023/measures",
    f"{IN}plans/2023/sections",
    f"{IN}projects/x1/standing",
    "search?q=paraug",
    "my/reports",
]


def test_a_list_asks_as_many_questions_for_three_rows_as_for_one(anna: str, eco: Ecosystem) -> None:
    draw(eco, 1, anna)
    counted = {path: questions(path, anna) for path in LISTS}
    for nth in (2, 3):
        for path, new, _change in TABLES:
            ask("post", path, anna, {**new, "code": f"x{nth}"})
        ask("post", f"{IN}kpis", anna, {"project": "x1", "order": nth, "title": {"lv": "A"}})
        ask("post", f"{IN}decisions", anna, {"body": "x1", "title": {"lv": f"D{nth}"}})
        plans.measure(Plan.objects.get(), f"1.1.{nth}", results_lv=["R"], indicators_lv=["1 I"])
    assert {path: questions(path, anna) for path in LISTS} == counted


def questions(path: str, bearer: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        answer = ask("get", path, bearer)
    assert answer.status_code == 200, (path, answer.content)
    return len(asked)
