"""The room's pages: open to everyone, a fixed number of queries, the way to act only for who may."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from talka.core.actions import SYSTEM
from talka.core.models import Attachment, Report
from talka.core.values import Period
from talka.network.tests.factories import account, ecosystem, niche, organisation, people
from talka.network.tests.test_pages import signed_in
from talka.portfolio import actions
from talka.portfolio.models import Kpi, Partnership, Project
from talka.portfolio.tests import factories

pytestmark = pytest.mark.django_db


def drawn(rows: int) -> None:
    eco = ecosystem()
    for number in range(rows):
        lab, honey = organisation(f"lab{number}"), niche(eco, f"n{number}")
        project = factories.project(
            eco, f"p{number}", starts="2023", ends="2026", lead=lab, partners=[lab], niches=[honey]
        )
        if number == 0:
            for each in range(rows):
                kpi = factories.kpi(project, f"rādītājs {each}", due="2026")
                report = actions.report_kpi(kpi, by=SYSTEM, period=Period.year(2023), value=Decimal(each))
                actions.accept_value(report, by=SYSTEM)
        factories.partnership(eco, f"w{number}", members=[lab], niches=[honey])


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("", 11),
        ("projects/p0/", 7),
        ("projects/p0/indicators/1/", 4),
        ("partnerships/w0/", 5),
    ],
)
def test_a_page_costs_the_same_whatever_it_shows(
    django_assert_num_queries: Any, client: Client, path: str, queries: int, rows: int
) -> None:
    drawn(rows)
    with django_assert_num_queries(queries):
        assert client.get(f"/lv/bees/portfolio/{path}").status_code == 200


def test_the_overview_narrows_to_a_niche_and_a_status() -> None:
    eco = ecosystem()
    honey = niche(eco, "honey")
    factories.project(eco, "in", niches=[honey])
    factories.project(eco, "out", status="finished")
    factories.partnership(eco, "with", niches=[honey])
    factories.partnership(eco, "without")
    seen = {
        query: [code for code in ("Project in", "Project out", "Partnership with", "Partnership without")
                if f">{code}</a>" in Client().get(f"/en/bees/portfolio/{query}").content.decode()]
        for query in ("", "?niche=honey", "?status=finished", "?niche=none")
    }  # fmt: skip
    everything = ["Project in", "Project out", "Partnership with", "Partnership without"]
    assert seen == {
        "": everything,
        "?niche=honey": ["Project in", "Partnership with"],
        "?status=finished": ["Project out", "Partnership with", "Partnership without"],
        "?niche=none": everything,
    }


def test_a_project_shows_its_indicators_its_money_and_what_happens_without_it() -> None:
    eco = ecosystem()
    project = factories.project(
        eco, "honey", starts="2023", ends="2029", results_en="Hives\nHoney",
        funding_en="Applied for. If it is refused, it is submitted again.",
    )  # fmt: skip
    kpi = factories.kpi(project, baseline=Decimal(0), goal=Decimal(10), due="2029")
    actions.accept_value(
        actions.report_kpi(kpi, by=SYSTEM, period=Period.year(2023), value=Decimal(4)), by=SYSTEM
    )
    text = Client().get("/en/bees/portfolio/projects/honey/").content.decode()
    for expected in (
        "0 / 1", "at least 10\u00a0hives", "4\u00a0hives", "2023–2029", "<li>Hives</li><li>Honey</li>",
        "If the money is refused", "If it is refused, it is submitted again.",
    ):  # fmt: skip
        assert expected in text


def test_anna_keeps_a_project_an_indicator_and_a_partnership() -> None:
    eco = ecosystem()
    lab, hive = organisation("lab"), organisation("hive")
    honey = niche(eco, "honey")
    anna = signed_in(people(eco).anna)
    base = {"code": "p", "title_lv": "Projekts", "kind_of": "long_term", "status": "running"}
    made = anna.post(
        "/lv/bees/portfolio/add-project/",
        {**base, "starts": "2023", "partners": [lab.pk, hive.pk], "niches": [honey.pk], "lead": lab.pk},
    )
    assert (made.status_code, made["Location"]) == (302, "/lv/bees/portfolio/projects/p/")
    row = Project.objects.get()
    assert (row.lead, {each.code for each in row.partners}, row.niches) == (lab, {"lab", "hive"}, [honey])
    edited = anna.post(
        "/lv/bees/portfolio/projects/p/edit/",
        {**base, "title_lv": "Cits", "partners": [hive.pk], "seen": str(row.revision)},
    )
    assert edited.status_code == 302
    row = Project.objects.get()
    assert (row.title_lv, row.lead, [each.code for each in row.partners], row.niches) == (
        "Cits",
        None,
        ["hive"],
        [],
    )
    indicator = {
        "title_lv": "stropi",
        "unit_lv": "stropi",
        "comparison": "at_least",
        "goal": "1 234,5",
        "due": "2026",
    }
    assert anna.post("/lv/bees/portfolio/projects/p/indicators/add/", indicator).status_code == 302
    kpi = Kpi.objects.get()
    assert (kpi.order, kpi.goal) == (1, Decimal("1234.5"))
    changed = {**indicator, "goal": "7", "seen": "1"}
    assert anna.post("/lv/bees/portfolio/projects/p/indicators/1/edit/", changed).status_code == 302
    assert anna.post("/lv/bees/portfolio/projects/p/indicators/1/remove/").status_code == 302
    assert Kpi.objects.count() == 0
    joined = {"code": "w", "title_lv": "Partnerība", "kind_of": "eric", "active": "on", "members": [lab.pk]}
    assert anna.post("/lv/bees/portfolio/add-partnership/", joined).status_code == 302
    left = {**joined, "members": [hive.pk], "seen": "1"}
    del left["active"]
    assert anna.post("/lv/bees/portfolio/partnerships/w/edit/", left).status_code == 302
    partnership = Partnership.objects.get()
    assert (partnership.active, partnership.members) == (False, [hive])


def test_the_form_offers_again_what_a_row_says_and_keeps_its_order() -> None:
    eco = ecosystem()
    a, b, c = (organisation(code) for code in "abc")
    project = factories.project(eco, "p", partners=[c, a], starts="2023")
    anna = signed_in(people(eco).anna)
    assert 'value="2023"' in anna.get("/lv/bees/portfolio/projects/p/edit/").content.decode()
    posted = {
        "code": "p", "title_lv": project.title_lv, "kind_of": "long_term", "status": "running",
        "partners": [a.pk, b.pk, c.pk], "seen": str(project.revision),
    }  # fmt: skip
    assert anna.post("/lv/bees/portfolio/projects/p/edit/", posted).status_code == 302
    assert Project.objects.get().partners == [c, a, b]


def test_the_second_of_two_editors_is_told_and_loses_nothing() -> None:
    eco = ecosystem()
    project = factories.project(eco, "p")
    anna = signed_in(people(eco).anna)
    first = {
        "code": "p",
        "title_lv": "Pirmais",
        "kind_of": "long_term",
        "status": "applied",
        "seen": str(project.revision),
    }
    assert anna.post("/lv/bees/portfolio/projects/p/edit/", first).status_code == 302
    answer = anna.post("/lv/bees/portfolio/projects/p/edit/", {**first, "title_lv": "Otrais"})
    text = answer.content.decode()
    assert answer.status_code == 409
    assert 'value="Otrais"' in text
    assert "Anna Paraugs" in text
    assert Project.objects.get().title_lv == "Pirmais"


def test_bruno_reports_with_evidence_anna_returns_then_accepts_and_the_public_sees_what_counts() -> None:
    eco = ecosystem()
    lab = organisation("lab")
    bruno = signed_in(account("Bruno", "officer", eco, works_in=lab))
    anna = signed_in(account("Anna", "coordinator", eco))
    factories.kpi(factories.project(eco, "p", partners=[lab]))
    page = "/en/bees/portfolio/projects/p/indicators/1/"
    upload = SimpleUploadedFile("hives.csv", b"hives\n3\n")
    sent = bruno.post(
        f"{page}report/", {"period": "2023", "value": "3", "text": "Counted.", "files": [upload]}
    )
    assert sent.status_code == 302
    report = Report.objects.get()
    assert (report.institution_name, report.state) == ("LAB", "submitted")
    assert [("Counted." in who.get(page).content.decode()) for who in (Client(), bruno, anna)] == [
        False,
        True,
        True,
    ]
    step = f"/en/bees/portfolio/values/{report.pk}/"
    assert bruno.post(f"{step}accept/").status_code == 403
    anna.post(f"{step}return/", {"comment": ""})
    assert Report.objects.get(pk=report.pk).state == "submitted"
    anna.post(f"{step}return/", {"comment": "Which hives?"})
    assert Report.objects.get(pk=report.pk).state == "returned"
    bruno.post(f"{page}report/", {"period": "2023", "value": "4", "text": "Counted again."})
    second = Report.objects.latest("pk")
    anna.post(f"/en/bees/portfolio/values/{second.pk}/accept/")
    public = Client().get(page).content.decode()
    assert ("Counted again." in public, "Which hives?" in public, "Bruno" in public) == (True, False, False)
    assert Attachment.objects.get().public is False
    assert "hives.csv" not in public
    assert anna.post(f"/en/bees/portfolio/values/{second.pk}/nothing/").status_code == 404


def test_a_value_that_is_no_number_is_explained_beside_the_field() -> None:
    eco = ecosystem()
    factories.kpi(factories.project(eco, "p"))
    anna = signed_in(people(eco).anna)
    answer = anna.post(
        "/en/bees/portfolio/projects/p/indicators/1/report/", {"period": "2023", "value": "many"}
    )
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="id_value_error"' in text
    assert 'value="many"' in text


@pytest.mark.parametrize(
    "path",
    [
        "add-project/",
        "projects/p/edit/",
        "projects/p/indicators/add/",
        "projects/p/indicators/1/edit/",
        "projects/p/indicators/1/report/",
        "add-partnership/",
        "partnerships/w/edit/",
    ],
)
def test_who_may_not_is_refused_and_who_is_not_known_is_asked_to_sign_in(path: str) -> None:
    eco = ecosystem()
    factories.kpi(factories.project(eco, "p"))
    factories.partnership(eco, "w")
    everyone = people(eco)
    url = f"/lv/bees/portfolio/{path}"
    assert Client().get(url)["Location"].startswith("/lv/sign-in/?next=")
    assert signed_in(everyone.cilda).get(url).status_code == 403
    assert signed_in(everyone.anna).get(url).status_code == 200


def test_an_empty_page_says_how_to_begin_to_whoever_may() -> None:
    eco = ecosystem()
    everyone = people(eco)
    assert Client().get("/en/bees/portfolio/").content.count(b"t-empty-title") == 2
    assert b"btn-primary" not in signed_in(everyone.cilda).get("/en/bees/portfolio/").content
    assert b"btn-primary" in signed_in(everyone.anna).get("/en/bees/portfolio/").content


@pytest.mark.parametrize("path", ["projects/none/", "partnerships/none/", "projects/p/indicators/9/"])
def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    factories.project(ecosystem(), "p")
    assert client.get(f"/lv/bees/portfolio/{path}").status_code == 404
