"""Pages: what they show to whom, in both languages, at a fixed number of queries; forms and what they refuse."""

from __future__ import annotations

import itertools
import re
import shutil
import time
from datetime import date
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from talka.core import sheets_io
from talka.core.actions import HUB, SYSTEM
from talka.core.formats import CONTENT_TYPES
from talka.core.models import Attachment, Report, ReportState
from talka.core.testing import acting
from talka.core.values import Period
from talka.domains.models import Ecosystem
from talka.parties.models import Account, Organisation
from talka.plan import actions, queries
from talka.plan.forms import periods
from talka.plan.models import Measure, Plan, PlanState, Section
from talka.plan.sheets import read_plan_file
from talka.plan.tests import factories as draw

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate()
THIS_YEAR, LAST_YEAR = TODAY.year, TODAY.year - 1
QUARTER = f"{THIS_YEAR}-Q{(TODAY.month + 2) // 3}"


class People(NamedTuple):
    """Anna coordinates, Bruno works for the responsible institution, Cilda for none of them."""

    anna: Account
    bruno: Account
    cilda: Account
    institution: Organisation
    other: Organisation


def people(eco: Ecosystem) -> People:
    institution, other = (
        Organisation.objects.filter(acronym=acronym).first()
        or draw.organisation(acronym, name, name_en=english)
        for acronym, name, english in (
            ("EM", "Ekonomikas ministrija", "Ministry of Economics"),
            ("IZM", "Izglītības un zinātnes ministrija", "Ministry of Education and Science"),
        )
    )
    return People(
        draw.account("Anna", "coordinator", where=eco),
        draw.account("Bruno", "officer", of=institution, where=eco),
        draw.account("Cilda"),
        institution,
        other,
    )


def signed_in(account: Account | None) -> Client:
    client = Client()
    if account is not None:
        client.force_login(account)
    return client


def text_of(answer: Any) -> str:
    """What a reader sees of a page, on one line."""
    bare = re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<head>.*?</head>", "", answer.content.decode()))
    return " ".join(unescape(bare).split())


def in_force(eco: Ecosystem, who: People, measures: int = 1, year: int = LAST_YEAR) -> Plan:
    """A plan in force for which EM is responsible, with everything that a page can show."""
    plan = draw.plan(eco, year, measures)
    source = actions.add_funding_source(
        HUB, by=SYSTEM, code=f"vbf-{plan.pk}", acronym="VBF", title_lv="Valsts budžets", kind_of="national"
    )
    rows = [
        {
            "number": measure.number,
            "responsible": [who.institution],
            "involved": [who.other],
            "funding": [{"source": source, "text": "VBF", "amount": Decimal(1000), "until": str(year + 1)}],
            "indicators_lv": ["2 ziņojumi", "1 forums"],
        }
        for measure in plan.measures.all()
    ]
    actions.put_measures(plan, by=SYSTEM, rows=rows)
    return actions.adopt(plan, by=SYSTEM)


def scene(measures: int = 1) -> tuple[Ecosystem, People, Plan, Measure]:
    """A plan of last year in force, its new version drafted, and a draft for this year."""
    eco = draw.ecosystem()
    draw.strategy(eco)
    who = people(eco)
    plan = in_force(eco, who, measures)
    actions.new_version(plan, by=SYSTEM)
    draw.plan(eco, THIS_YEAR, measures)
    return eco, who, plan, plan.measures.get(number="1.1.1")


def addresses(plan: Plan, measure: Measure) -> dict[str, list[str]]:
    """Every page that is read, by who may."""
    drafted = Measure.objects.get(plan__year=plan.year, plan__number=2, number="1.1.1")
    section = plan.sections.get(number="1.1")
    empty = Section.objects.get(plan__number=2, number="1.2")
    year, new = plan.year, THIS_YEAR
    return {
        "public": [
            f"{year}/",
            f"{year}/?view=timeline",
            f"{year}/?state=late&part=1.1&q=pas",
            f"{year}/compare/",
            f"{year}/export.csv",
            f"measures/{measure.pk}/",
        ],
        "drafts": [f"{new}/", f"{year}/?version=2", f"measures/{drafted.pk}/", f"{new}/export.json"],
        "editors": [
            "new/",
            f"{year}/edit/",
            f"{year}/import/",
            f"{year}/import/?version=2",
            f"{year}/roll-over/",
            f"{year}/sections/add/",
            f"{year}/measures/add/",
            f"{year}/measures/add/?version=2&section=1.2",
            f"measures/{measure.pk}/edit/",
            f"measures/{drafted.pk}/edit/",
            f"sections/{section.pk}/edit/",
            f"sections/{empty.pk}/edit/",
            f"{year}/adopt/?version=2",
        ],
    }


# ---------------------------------------------------------------- who reads what


@pytest.mark.parametrize("language", ["lv", "en"])
def test_the_coordinator_reads_every_page_in_both_languages(language: str) -> None:
    eco, who, plan, measure = scene()
    client = signed_in(who.anna)
    wrong: list[tuple[str, int | str]] = []
    for page in itertools.chain(*addresses(plan, measure).values()):
        answer = client.get(f"/{language}/{eco.code}/plan/{page}")
        html = answer.content.decode() if "export" not in page else ""
        if answer.status_code != 200:
            wrong.append((page, answer.status_code))
        # The Content-Security-Policy would drop them.
        elif re.search(r"\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html):
            wrong.append((page, "style or script in the page"))
        elif html and ("Rīcības plāns" in html) != (language == "lv"):
            wrong.append((page, "the other language"))
    assert wrong == []


def test_who_sees_which_page() -> None:
    eco, who, plan, measure = scene()
    known = addresses(plan, measure)
    pages = list(itertools.chain(*known.values()))

    def statuses(account: Account | None) -> dict[str, int]:
        client = signed_in(account)
        return {page: client.get(f"/lv/{eco.code}/plan/{page}").status_code for page in pages}

    public = dict.fromkeys(known["public"], 200)
    # Where a draft is named, whoever may not see drafts is not told that there is one.
    named = [page for page in known["editors"] if "version=2" in page and "import" not in page]
    named.append(known["editors"][9])
    hidden = dict.fromkeys([*known["drafts"], *named], 404)
    hidden[known["editors"][11]] = 404
    assert statuses(who.anna) == dict.fromkeys(pages, 200)
    assert statuses(who.bruno) == {
        **dict.fromkeys(known["editors"], 403), **public, **dict.fromkeys(known["drafts"], 200),
    }  # fmt: skip
    assert statuses(who.cilda) == {**dict.fromkeys(known["editors"], 403), **public, **hidden}
    assert statuses(None) == {**dict.fromkeys(known["editors"], 302), **public, **hidden}


def test_who_may_send_what() -> None:
    eco, who, plan, measure = scene()
    drafted = Measure.objects.get(plan__year=plan.year, plan__number=2, number="1.1.1")
    report = actions.report(measure, by=SYSTEM, period=Period.year(plan.year), text="Darīts.")
    posts = [
        f"{plan.year}/new-version/",
        f"{plan.year}/close/",
        f"measures/{measure.pk}/start/",
        f"measures/{measure.pk}/finish/",
        f"measures/{measure.pk}/drop/",
        f"measures/{measure.pk}/reopen/",
        f"reports/{report.pk}/accept/",
        f"reports/{report.pk}/return/",
        f"reports/{report.pk}/unlock/",
        f"measures/{drafted.pk}/remove/",
    ]
    data = {"comment": "Kāpēc?", "reason": "Nav naudas.", "done_on": TODAY.isoformat()}

    def statuses(account: Account | None) -> list[int]:
        client = signed_in(account)
        return [client.post(f"/lv/{eco.code}/plan/{page}", data).status_code for page in posts]

    assert statuses(None) == [302] * 9 + [404]  # to sign in
    assert statuses(who.cilda) == [403] * 9 + [404]
    assert statuses(who.bruno) == [403] * 10
    measure.refresh_from_db()
    report.refresh_from_db()
    assert (measure.state, report.state) == ("planned", "submitted")
    assert [signed_in(who.anna).get(f"/lv/{eco.code}/plan/{page}").status_code for page in posts] == [
        405
    ] * 10


@pytest.mark.parametrize(
    "where",
    ["1999/", "{year}/?version=9", "{year}/?version=x", "{year}/export.odt", "{year}/export.exe", "measures/0/",
     "measures/0/edit/", "sections/0/edit/", "{year}/import/?version=9", "{year}/edit/?version=9"],
)  # fmt: skip
def test_what_is_not_there(where: str) -> None:
    eco, who, plan, _measure = scene()
    client = signed_in(who.anna)
    assert client.get(f"/lv/{eco.code}/plan/{where.format(year=plan.year)}").status_code == 404


def test_the_plan_without_a_year_is_the_one_in_force() -> None:
    eco, who, plan, _measure = scene()
    answer = Client().get(f"/en/{eco.code}/plan/?state=late")
    assert (answer.status_code, answer["Location"]) == (302, f"/en/{eco.code}/plan/{plan.year}/?state=late")
    signed_in(who.anna).post(f"/lv/{eco.code}/plan/{THIS_YEAR}/adopt/", {"decision": ""})
    assert Client().get(f"/en/{eco.code}/plan/")["Location"] == f"/en/{eco.code}/plan/{THIS_YEAR}/"


def test_an_ecosystem_without_a_plan_says_what_will_be_here() -> None:
    eco = draw.ecosystem()
    draw.strategy(eco)
    anna, nobody = (
        signed_in(account).get(f"/en/{eco.code}/plan/").content.decode()
        for account in (draw.account("Anna", "coordinator", where=eco), None)
    )
    assert ["No plan is in force yet" in page for page in (anna, nobody)] == [True, True]
    assert ["Derive a plan" in page for page in (anna, nobody)] == [True, False]


# ---------------------------------------------------------------- a fixed number of queries


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("{year}/", 13),
        ("{year}/?view=timeline", 8),
        ("{year}/?state=late&institution={institution}&part=1.1&q=pas", 14),
        ("measures/{measure}/", 11),
        ("{year}/compare/?from={before}", 19),
    ],
)
def test_pages_ask_the_same_number_of_questions_for_one_measure_and_for_three(where: str, count: int) -> None:
    asked = []
    for code, number in (("bees", 1), ("wasps", 3)):
        eco = draw.ecosystem(code)
        draw.strategy(eco)
        who = people(eco)
        in_force(eco, who, number, year=LAST_YEAR - 1)
        plan = in_force(eco, who, number)
        measure = plan.measures.get(number="1.1.1")
        for row in plan.measures.all():
            for nth in range(number):
                files = [SimpleUploadedFile(f"{nth}.pdf", b"%PDF-1.4")]
                made = actions.report(
                    row,
                    by=SYSTEM,
                    period=Period.quarter(plan.year, nth + 1),
                    text="Darīts.",
                    files=files,
                )
                actions.accept_report(made, by=SYSTEM)
        address = where.format(
            year=plan.year, measure=measure.pk, institution=who.institution.pk, before=plan.year - 1
        )
        client = Client()
        client.get(f"/lv/{code}/plan/{address}")  # the linter's findings are kept from now on
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/lv/{code}/plan/{address}").status_code == 200
        asked.append(len(captured))
    assert asked == [count, count]


# ---------------------------------------------------------------- the plan


def test_one_number_and_one_sentence_answer_first() -> None:
    eco, _who, plan, measure = scene(measures=3)
    page = Client().get(f"/lv/{eco.code}/plan/{plan.year}/").content.decode()
    assert (
        '<a class="t-answer-figure" href="#measures"><span class="t-answer-number">0 no 3</span></a>' in page
    )
    assert "Nav izpildīts neviens no 3 pasākumiem." in page
    assert '<a href="?state=late#measures">Kavējas 3 pasākumi.</a>' in page
    actions.finish(measure, by=SYSTEM)
    actions.drop(plan.measures.get(number="1.1.2"), by=SYSTEM, reason="Nav naudas.")
    words = text_of(Client().get(f"/en/{eco.code}/plan/{plan.year}/"))
    assert "1 of 2 1 of 2 measures is done. 1 was dropped and does not count. 1 measure is late." in words


def test_the_table_has_the_eight_columns_under_the_headings_of_the_plan() -> None:
    eco, _who, plan, measure = scene()
    page = Client().get(f"/lv/{eco.code}/plan/{plan.year}/").content.decode()
    headers = re.findall(r'<th scope="col">(.*?)</th>', page)
    assert headers == [
        "Nr.", "Pasākums", "Darbības rezultāts", "Rezultatīvais rādītājs", "Atbildīgā institūcija",
        "Iesaistītās institūcijas", "Izpildes termiņš", "Indikatīvais finansējuma avots",
    ]  # fmt: skip
    row = re.search(r'<tr><td data-label="Nr.">.*?</tr>', page)
    assert row is not None
    assert " ".join(re.sub(r"<[^>]+>", " ", row[0]).split()) == (
        f"1.1.1 Pasākums 1 kavējas Rezultāts 1 2 ziņojumi 1 forums EM IZM {plan.year} VBF"
    )
    assert f'href="/lv/{eco.code}/plan/measures/{measure.pk}/"' in row[0]
    assert 'id="s1.1"' in page


def test_texts_are_shown_as_they_were_typed() -> None:
    eco, _who, plan, measure = scene()
    actions.edit_measure(
        measure, by=SYSTEM, title_lv="<script>alert(1)</script> {0} {url}", results_lv=["=HYPERLINK(1)&<b>"]
    )
    page = Client().get(f"/lv/{eco.code}/plan/{plan.year}/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {0} {url}</a>" in page
    assert '"Darbības rezultāts">=HYPERLINK(1)&amp;&lt;b&gt;</td>' in page


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", ["1.1.1", "1.1.2", "1.1.3", "1.2.1"]),
        ("state=done", ["1.1.2"]),
        ("state=late", ["1.1.1", "1.1.3"]),
        ("state=planned", ["1.1.1", "1.1.3", "1.2.1"]),
        ("institution={other}", ["1.1.3"]),
        ("part=1", ["1.1.1", "1.1.2", "1.1.3", "1.2.1"]),
        ("part=1.2", ["1.2.1"]),
        ("q=biobankām", ["1.2.1"]),
        ("state=late&institution={other}&part=1.1&q=pasākums", ["1.1.3"]),
        ("state=sideways&institution=0&part=7", ["1.1.1", "1.1.2", "1.1.3", "1.2.1"]),
        ("state=dropped", []),
    ],
)
def test_the_rows_are_narrowed_down(query: str, numbers: list[str]) -> None:
    eco = draw.ecosystem()
    draw.strategy(eco)
    plan = draw.plan(eco, LAST_YEAR, measures=3)
    other = draw.organisation("LZP")
    actions.edit_measure(plan.measures.get(number="1.1.3"), by=SYSTEM, involved=[other])
    draw.measure(plan, "1.2.1", section="1.2", title_lv="Biobanku tīkls", deadline="2190")
    actions.adopt(plan, by=SYSTEM)
    actions.finish(plan.measures.get(number="1.1.2"), by=SYSTEM)
    page = Client().get(f"/lv/{eco.code}/plan/{plan.year}/?{query.format(other=other.pk)}").content.decode()
    assert re.findall(r'<td data-label="Nr.">([\d.]+)</td>', page) == numbers
    assert ("Neviens pasākums neatbilst" in page) == (not numbers)


def test_fifty_rows_stand_on_a_page() -> None:
    eco = draw.ecosystem()
    draw.strategy(eco)
    plan = draw.plan(eco, LAST_YEAR, measures=51, adopted=True)
    pages = [
        Client()
        .get(f"/lv/{eco.code}/plan/{plan.year}/?page={nth}")
        .content.decode()
        .count('data-label="Nr."')
        for nth in (1, 2)
    ]
    assert pages == [50, 1]


def test_the_timeline_shows_each_measure() -> None:
    eco, _who, plan, measure = scene()
    page = Client().get(f"/en/{eco.code}/plan/{plan.year}/?view=timeline").content.decode()
    assert "<svg" in page
    assert f'href="/en/{eco.code}/plan/measures/{measure.pk}/"' in page
    assert "1.1.1. Measure 1. late" in page


def test_what_the_linter_finds_is_summed_up() -> None:
    eco = draw.ecosystem()
    draw.strategy(eco)
    plan = draw.plan(eco, LAST_YEAR)
    draw.measure(plan, "1.1.1")
    draw.measure(plan, "1.1.2")
    actions.adopt(plan, by=SYSTEM)
    address = f"/en/{eco.code}/plan/{plan.year}/"

    def found() -> dict[str, str]:
        page = Client().get(address).content.decode()
        return dict(re.findall(r'problems/\?code=(\w+)">.*?t-count">(\d+)<', page))

    before = found()
    actions.edit_measure(plan.measures.get(number="1.1.1"), by=SYSTEM, deadline=f"{LAST_YEAR}-Q2")
    assert (before["P02"], found()["P02"]) == ("2", "1")


# ---------------------------------------------------------------- out


@pytest.mark.parametrize("kind", ["docx", "xlsx", "csv", "pdf", "json"])
def test_everybody_takes_the_plan_along_and_it_reads_back_the_same(kind: str, tmp_path: Path) -> None:
    eco, _who, plan, _measure = scene()
    answer = Client().get(f"/en/{eco.code}/plan/{plan.year}/export.{kind}")
    assert answer.status_code == 200
    assert answer["Content-Type"] == CONTENT_TYPES[kind]
    assert answer["Content-Disposition"] == f'attachment; filename="{eco.code}-plan-{plan.year}.{kind}"'
    path = tmp_path / f"plan.{kind}"
    path.write_bytes(answer.content)
    found = read_plan_file(plan, path)
    assert ([row["number"] for row in found.measures], found.changes, found.problems) == (["1.1.1"], [], [])


# ---------------------------------------------------------------- in


HEADER = "Nr.;Pasākums;Darbības rezultāts;Atbildīgais;Termiņš;Prioritāte\n"


def table(*rows: str, name: str = "plans.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, ("\ufeff" + HEADER + "\n".join(rows)).encode(), "text/csv")


def send(client: Client, eco: Ecosystem, year: int, upload: SimpleUploadedFile, query: str = "") -> Any:
    """Uploads a file; the answer leads to the preview."""
    return client.post(f"/en/{eco.code}/plan/{year}/import/{query}", {"file": upload})


def expected(preview: Any) -> str:
    found = re.search(r'name="expected" value="(\w+)"', preview.content.decode())
    assert found is not None
    return found[1]


def waiting() -> list[Path]:
    return sorted(sheets_io._folder().glob("*"))


@pytest.fixture(autouse=True)
def _no_files_wait() -> None:
    for each in waiting():
        shutil.rmtree(each)


def test_a_file_is_shown_as_a_difference_and_then_taken_over() -> None:
    eco, who, plan, _measure = scene(measures=3)
    client = signed_in(who.anna)
    upload = table(
        f"1.1.1.;Pasākums viens;Rezultāts 1;EM;{plan.year};1.1. Prestižs",
        f"1.1.2.;Pasākums 2;Rezultāts 2;EM;{plan.year};1.1. Prestižs",
        f"1.1.4.;Jauns pasākums;Jauns rezultāts;IZM, EM;{plan.year}-Q3;1.1. Prestižs",
    )
    to_preview = send(client, eco, plan.year, upload)
    preview = client.get(to_preview["Location"])
    words = text_of(preview)
    assert "1 measure is new, 1 measure changes, 1 measure is the same. Nothing is changed yet." in words
    assert "Pasākums removed: 1 added: viens" in words
    assert ["1.1.4. Jauns pasākums new" in words, "1.1.3. Measure 3" in words] == [True, True]
    assert plan.measures.count() == 3
    again = client.get(to_preview["Location"])  # a reload loses nothing
    done = client.post(to_preview["Location"], {"expected": expected(again)}, follow=True)
    assert "“plans.csv” is imported: 2 measures were added or changed." in text_of(done)
    new = plan.measures.get(number="1.1.4")
    assert (new.deadline, [each.acronym for each in queries.parties(new, "responsible")]) == (
        f"{plan.year}-Q3",
        ["IZM", "EM"],
    )
    assert plan.measures.get(number="1.1.1").title_lv == "Pasākums viens"
    assert waiting() == []
    twice = client.post(to_preview["Location"], {"expected": expected(again)}, follow=True)
    assert "This file does not wait here any more" in text_of(twice)


def test_nothing_is_taken_over_while_there_are_problems() -> None:
    eco, who, plan, _measure = scene()
    client = signed_in(who.anna)
    upload = table(
        f"1.1.1.;Pasākums;;Ekonomikas minstrija;{plan.year};1.1. Prestižs",
        "1.1.2.;Cits;;EM;2023-02-30;1.1. Prestižs",
    )
    address = send(client, eco, plan.year, upload)["Location"]
    preview = client.get(address)
    words = text_of(preview)
    assert (
        "2 to put right 2 places in the file must be put right first. Until then nothing is imported."
        in words
    )
    assert "plans.csv, row 2" in words
    assert "No institution is called “Ekonomikas minstrija”, nearest: EM (Ministry of Economics)" in words
    assert 'name="expected"' not in preview.content.decode()
    refused = client.post(address, {"expected": ""}, follow=True)
    assert "Nothing was imported: 2 problems" in text_of(refused)
    assert plan.measures.get().title_lv == "Pasākums 1"


@pytest.mark.parametrize(
    ("upload", "words"),
    [
        (SimpleUploadedFile("plans.exe", b"MZ\x90\x00"), "plans.exe"),
        (SimpleUploadedFile("plans.docx", b"PK not really"), "plans.docx"),
        (SimpleUploadedFile("plans", b"1;2"), "plans"),
        (
            SimpleUploadedFile("bez tabulas.csv", b"viens;divi\ntris;cetri\n"),
            "No measure was found in this file",
        ),
    ],
)
def test_a_file_that_is_no_plan_is_one_clear_problem(upload: SimpleUploadedFile, words: str) -> None:
    eco, who, plan, _measure = scene()
    client = signed_in(who.anna)
    preview = client.get(send(client, eco, plan.year, upload)["Location"])
    assert "1 place in the file must be put right first." in text_of(preview)
    assert words in text_of(preview)


def test_a_file_that_says_the_same_changes_nothing() -> None:
    eco, who, plan, _measure = scene()
    client = signed_in(who.anna)
    same = SimpleUploadedFile(
        "plans.docx", Client().get(f"/lv/{eco.code}/plan/{plan.year}/export.docx").content
    )
    words = text_of(client.get(send(client, eco, plan.year, same)["Location"]))
    assert "The plan says the same already" in words


def test_a_token_is_of_one_person_one_plan_and_one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    eco, who, plan, _measure = scene()
    row = f"1.1.1.;Pasākums viens;;EM;{plan.year};1.1. Prestižs"
    address = send(signed_in(who.anna), eco, plan.year, table(row))["Location"]
    helper = draw.account("Dace", "coordinator", where=eco)
    gone = "This file does not wait here any more"
    other_plan = address.replace(f"/{plan.year}/", f"/{THIS_YEAR}/")
    assert gone in text_of(signed_in(helper).get(address, follow=True))
    assert gone in text_of(signed_in(who.anna).get(other_plan, follow=True))
    assert gone in text_of(signed_in(who.anna).get(address[:-2] + "x/", follow=True))
    assert signed_in(who.anna).get(address).status_code == 200
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + sheets_io.DAY + 1)
    assert gone in text_of(signed_in(who.anna).get(address, follow=True))
    assert plan.measures.get().title_lv == "Pasākums 1"


def test_files_older_than_a_day_go_with_the_next_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    eco, who, plan, _measure = scene()
    client = signed_in(who.anna)
    send(client, eco, plan.year, table("1.1.1.;Viens;;EM;2023;"))
    send(client, eco, plan.year, table("1.1.1.;Divi;;EM;2023;"))
    before = waiting()
    now = time.time()
    monkeypatch.setattr("talka.core.sheets_io.time.time", lambda: now + sheets_io.DAY + 10)
    send(client, eco, plan.year, table("1.1.1.;Trīs;;EM;2023;"))
    assert (len(before), len(waiting()), set(waiting()) & set(before)) == (2, 1, set())


def test_of_two_previews_the_second_must_be_looked_at_again() -> None:
    eco, who, plan, _measure = scene()
    client = signed_in(who.anna)
    addresses = [
        send(client, eco, plan.year, table(f"1.1.1.;Pasākums {word};;EM;{plan.year};1.1. Prestižs"))[
            "Location"
        ]
        for word in ("viens", "divi")
    ]
    seen = [expected(client.get(address)) for address in addresses]
    client.post(addresses[0], {"expected": seen[0]})
    late = client.post(addresses[1], {"expected": seen[1]}, follow=True)
    words = text_of(late)
    assert "Someone changed the plan since the preview was made; nothing was imported." in words
    assert "Pasākums removed: viens added: divi" in words
    assert plan.measures.get().title_lv == "Pasākums viens"
    client.post(addresses[1], {"expected": expected(late)})
    assert plan.measures.get().title_lv == "Pasākums divi"


def test_too_much_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    eco, who, plan, measure = scene()
    monkeypatch.setattr(
        "django.http.multipartparser.MultiPartParser.parse", lambda self: pytest.fail("it was read")
    )
    sizes = {f"{plan.year}/import/": 200, f"measures/{measure.pk}/report/": 200}
    answers = [
        signed_in(who.anna).post(
            f"/en/{eco.code}/plan/{page}", {"file": table()}, headers={"content-length": str(size * 1024**2)}
        )
        for page, size in sizes.items()
    ]
    assert [answer.status_code for answer in answers] == [413, 413]
    assert "200 MB were sent; at most 26 MB are taken." in text_of(answers[0])


def test_a_form_without_its_token_is_refused_although_the_size_comes_first() -> None:
    eco, who, plan, _measure = scene()
    client = Client(enforce_csrf_checks=True)
    client.force_login(who.anna)
    assert send(client, eco, plan.year, table()).status_code == 403
    assert waiting() == []


def test_a_year_without_a_plan_gets_one_from_the_file() -> None:
    eco, who, _plan, _measure = scene()
    client = signed_in(who.anna)
    year = THIS_YEAR + 1
    assert "There is no plan for this year yet" in text_of(client.get(f"/en/{eco.code}/plan/{year}/import/"))
    address = send(client, eco, year, table(f"1.1.1.;Pasākums;;EM;{year};1.1. Prestižs"))["Location"]
    preview = client.get(address)
    assert not Plan.objects.filter(year=year).exists()
    client.post(address, {"expected": expected(preview)})
    made = Plan.objects.get(year=year)
    assert (made.state, [str(each) for each in made.measures.all()]) == (PlanState.DRAFT, ["1.1.1. Pasākums"])


# ---------------------------------------------------------------- a measure is changed


def form_of(client: Client, address: str) -> dict[str, Any]:
    """The fields of a form as a browser would send them back untouched."""
    form = client.get(address).context["form"]
    shown = {name: "" if (value := form[name].value()) is None else value for name in form.fields}
    page = form.remembered() if hasattr(form, "remembered") else ""
    hidden = re.findall(r'(?s)name="(showed-\w+)" value="(.*?)"', page)
    return {**shown, **{name: unescape(value) for name, value in hidden}}


def test_a_form_sent_back_untouched_changes_nothing() -> None:
    eco, who, plan, measure = scene()
    actions.put_measures(
        plan, by=SYSTEM,
        rows=[{"number": "1.1.1", "responsible": [who.institution], "deadline": f"{plan.year}-Q3",
               "written": {"responsible": "Ekonomikas ministrija", "deadline": f"{plan.year}. gada III ceturksnis"}}],
    )  # fmt: skip
    for language in ("lv", "en"):
        with override(language):
            before = queries.cells(queries.measures(plan).get())
            revision = Measure.objects.get(pk=measure.pk).revision
            client = signed_in(who.anna)
            address = f"/{language}/{eco.code}/plan/measures/{measure.pk}/edit/"
            sent = {
                name: str(value).replace("\n", "\r\n") for name, value in form_of(client, address).items()
            }
            assert client.post(address, sent).status_code == 302
            assert queries.cells(queries.measures(plan).get()) == before
            assert Measure.objects.get(pk=measure.pk).revision == revision


def test_all_columns_are_changed() -> None:
    eco, who, plan, measure = scene()
    client = signed_in(who.anna)
    address = f"/lv/{eco.code}/plan/measures/{measure.pk}/edit/"
    sent = {
        **form_of(client, address),
        "section": plan.sections.get(number="1.2").pk, "number": "1.2.7.", "title_lv": "Cits", "title_en": "Another",
        "results_lv": "Viens\r\nDivi\r\nTrīs", "results_en": "One\r\n–\r\nThree", "indicators_lv": "3 ziņojumi",
        "indicators_en": "", "responsible": "IZM", "involved": "Ekonomikas ministrija", "starts": str(plan.year),
        "deadline": f"{plan.year}. gada III ceturksnis", "funding": "VBF; ERAF", "source": "Protokols",
    }  # fmt: skip
    assert client.post(address, sent).status_code == 302
    found = queries.measures(plan).get()
    assert queries.cells(found) == {
        "number": "1.2.7.", "title": "Cits", "result": "Viens\nDivi\nTrīs", "indicator": "3 ziņojumi",
        "responsible": "IZM", "involved": "EM", "deadline": f"{plan.year}. gada 3. ceturksnis", "funding": "VBF, ERAF",
    }  # fmt: skip
    assert [row.text_en for row in found.result_rows] == ["One", "", "Three"]
    # What is known of a source stays with it.
    assert [(row.text, row.amount) for row in found.funding_rows] == [("VBF", Decimal(1000)), ("ERAF", None)]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("responsible", "Ekonomikas minstrija", "nearest: EM (Ministry of Economics)"),
        ("involved", "Mēness padome", "No institution is called “Mēness padome”"),
        ("deadline", "2023-02-30", "“2023-02-30” does not exist: February 2023 has 28 days."),
        ("starts", "kad būs nauda", "is not a period"),
        ("number", "pirmais", "is not a number of the plan"),
        ("number", "1.1.2", "There is a measure 1.1.2 already."),
        ("title_lv", "", "This field is required."),
        ("title_lv", "x" * 5001, "5001 characters; at most 5000"),
        ("results_en", "One\nTwo\nThree", "each needs its Latvian one"),
        ("section", "0", "Select a valid choice"),
    ],
)
def test_a_refusal_stands_beside_its_field_and_keeps_what_was_typed(
    field: str, value: str, said: str
) -> None:
    eco, who, _plan, measure = scene(measures=3)
    client = signed_in(who.anna)
    address = f"/en/{eco.code}/plan/measures/{measure.pk}/edit/"
    typed = {**form_of(client, address), "title_en": "What I have typed for an hour", field: value}
    answer = client.post(address, typed)
    page = unescape(answer.content.decode())
    assert answer.status_code == 200
    assert sorted(answer.context["form"].errors) == [field]
    beside = re.search(rf'id="id_{field}_error">(.*?)</div></div>', page, re.DOTALL)
    assert beside is not None
    assert said in " ".join(beside[1].split())
    assert "What I have typed for an hour" in page
    measure.refresh_from_db()
    assert measure.title_en == "Measure 1"


def test_a_second_editor_is_told_what_changed_and_loses_nothing() -> None:
    eco, who, plan, measure = scene()
    client = signed_in(who.anna)
    address = f"/en/{eco.code}/plan/measures/{measure.pk}/edit/"
    typed = {**form_of(client, address), "title_lv": "Mans nosaukums", "indicators_lv": "Mans rādītājs"}
    dace = draw.account("Dace", "coordinator", where=eco)
    actions.edit_measure(
        measure, by=dace, title_lv="Daces nosaukums", responsible=[who.other], indicators_lv=["2 ziņojumi", "5 forumi"],
        section=plan.sections.get(number="1.2"),
    )  # fmt: skip
    answer = client.post(address, typed)
    page, words = answer.content.decode(), text_of(answer)
    assert answer.status_code == 409
    assert "Someone changed this meanwhile." in words
    for told in (
        "Dace Paraugs, Measure in Latvian: removed: Pasākums 1 added: Daces nosaukums",
        "Dace Paraugs, Priority: removed: 1.1. Prestižs added: 1.2. Izglītība",
        "Dace Paraugs, Result indicator: removed: 1 forums added: 5 forumi",
        "Dace Paraugs, Institution: removed: EM",
        "Dace Paraugs, Institution: added: IZM",
    ):
        assert told in words
    assert ["Mans nosaukums</textarea>" in page, "Mans rādītājs</textarea>" in page] == [True, True]
    measure.refresh_from_db()
    assert measure.title_lv == "Daces nosaukums"
    shown = answer.context["form"].data
    assert (shown["responsible"], shown["section"]) == ("IZM", str(plan.sections.get(number="1.2").pk))
    again = client.post(address, shown)
    assert again.status_code == 302
    # Written over is what both changed; what only Dace changed stays hers.
    found = queries.measures(plan).get()
    assert (found.title_lv, [row.text_lv for row in found.indicator_rows]) == (
        "Mans nosaukums",
        ["Mans rādītājs"],
    )
    assert ([str(each) for each in queries.parties(found, "responsible")], found.section.number) == (
        ["IZM"],
        "1.2",
    )


def test_a_measure_is_added_under_a_heading_and_numbered_by_itself() -> None:
    eco, who, _plan, _measure = scene()
    client = signed_in(who.anna)
    draft = Plan.objects.get(year=THIS_YEAR)
    address = f"/lv/{eco.code}/plan/{THIS_YEAR}/measures/add/?version=1&section=1.2"
    first = form_of(client, address)
    assert first["section"] == draft.sections.get(number="1.2").pk
    client.post(address, {**first, "title_lv": "Jauns", "responsible": "em", "deadline": str(THIS_YEAR)})
    assert [str(each) for each in draft.measures.all()] == ["1.1.1. Pasākums 1", "1.2.1. Jauns"]


def test_a_measure_is_removed_from_a_draft_only() -> None:
    eco, who, plan, measure = scene()
    client = signed_in(who.anna)
    drafted = Measure.objects.get(plan__number=2)
    kept = client.post(f"/en/{eco.code}/plan/measures/{measure.pk}/remove/", follow=True)
    assert "in a plan in force a measure is dropped, with a reason" in text_of(kept)
    client.post(f"/en/{eco.code}/plan/measures/{drafted.pk}/remove/")
    assert [each.plan.number for each in Measure.objects.filter(plan__year=plan.year)] == [1]


# ---------------------------------------------------------------- the life of a measure


def test_a_measure_is_led_through_its_life() -> None:
    eco, who, _plan, measure = scene()
    client = signed_in(who.anna)
    address = f"/en/{eco.code}/plan/measures/{measure.pk}/"

    def buttons() -> list[str]:
        return [step["dialog"] for step in client.get(address).context["steps"]]

    def go(step: str, **data: Any) -> str:
        answer = client.post(f"{address}{step}/", data, follow=True)
        measure.refresh_from_db()
        return text_of(answer)

    assert buttons() == ["step-start", "step-finish", "step-drop"]
    assert "The measure is under way." in go("start")
    assert buttons() == ["step-finish", "step-drop"]
    assert "is still to come" in go("finish", done_on=f"{THIS_YEAR + 1}-01-01")
    assert "This field is required." in go("drop", reason=" ")
    assert measure.state == "under_way"
    assert "The measure is done." in go("finish", done_on=f"{THIS_YEAR}-01-02")
    assert (measure.state, measure.done_on, buttons()) == ("done", date(THIS_YEAR, 1, 2), ["step-reopen"])
    go("reopen")
    assert "It was dropped: Nav naudas." in go("drop", reason="Nav naudas.")
    assert "Nav naudas." in text_of(Client().get(address))
    go("reopen")
    assert (measure.state, measure.drop_reason) == ("planned", "")
    assert "This measure is planned; there is nothing to reopen." in go("reopen")


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"deadline": "{last}"}, "{late} days late"),
        ({"deadline": "{today}"}, "0 days left"),
        ({"deadline": "{tomorrow}"}, "1 day left"),
        ({"deadline": ""}, "– no deadline"),
    ],
)
def test_a_measure_says_how_long_there_is_left(when: dict[str, str], said: str) -> None:
    eco, _who, _plan, measure = scene()
    words = {
        "last": f"{LAST_YEAR}-12-31",
        "today": TODAY.isoformat(),
        "tomorrow": date.fromordinal(TODAY.toordinal() + 1).isoformat(),
        "late": f"{(TODAY - date(LAST_YEAR, 12, 31)).days}",
    }
    actions.edit_measure(measure, by=SYSTEM, deadline=when["deadline"].format(**words))
    page = text_of(Client().get(f"/en/{eco.code}/plan/measures/{measure.pk}/"))
    assert said.format(**words) in page


def test_what_cannot_be_done_is_explained() -> None:
    eco, who, plan, measure = scene()
    drafted = Measure.objects.get(plan__year=plan.year, plan__number=2)
    bruno, anna = signed_in(who.bruno), signed_in(who.anna)
    stranger = draw.account("Elza", "officer", of=draw.organisation("XX"), where=eco)

    def page(client: Client, row: Measure) -> str:
        return text_of(client.get(f"/en/{eco.code}/plan/measures/{row.pk}/"))

    assert "The plan is a draft: reports are handed in once it is in force." in page(bruno, drafted)
    assert "The plan is a draft: measures begin and end once it is in force." in page(anna, drafted)
    assert "Only the responsible institutions report on this measure." in page(signed_in(stranger), measure)
    assert "Only the responsible" not in page(signed_in(who.cilda), measure)
    actions.adopt(drafted.plan, by=SYSTEM)
    assert "Go to the measure in the version in force" in page(Client(), measure)
    assert "report on the measure in the version in force" in page(bruno, measure)
    actions.close(Plan.objects.get(pk=drafted.plan_id), by=SYSTEM)
    assert "The plan is closed: no reports are taken any more." in page(bruno, drafted)
    locked = anna.get(f"/en/{eco.code}/plan/measures/{drafted.pk}/edit/")
    assert (locked.status_code, "This plan is closed and stays as it was" in text_of(locked)) == (400, True)


def test_where_a_measure_comes_from_and_goes_to() -> None:
    eco, who, plan, measure = scene()
    draft = actions.roll_over(plan, by=SYSTEM, year=THIS_YEAR, reasons={"1.1.1": "Trūka naudas."})
    carried = Measure.objects.get(carried_from=measure)
    anna = signed_in(who.anna)
    from_ = text_of(anna.get(f"/en/{eco.code}/plan/measures/{carried.pk}/"))
    assert f"Carried over from {plan.year}: 1.1.1 Trūka naudas." in from_
    address = f"/en/{eco.code}/plan/measures/{measure.pk}/"
    to = f"Carried over to {THIS_YEAR}: {carried.number} Trūka naudas."
    assert [to in text_of(client.get(address)) for client in (anna, Client())] == [True, False]
    actions.adopt(draft, by=SYSTEM)
    assert to in text_of(Client().get(address))


# ---------------------------------------------------------------- reports


def test_an_officer_reports_with_evidence_and_the_coordinator_accepts() -> None:
    eco, who, _plan, measure = scene()
    bruno, anna = signed_in(who.bruno), signed_in(who.anna)
    page = f"/en/{eco.code}/plan/measures/{measure.pk}/"
    form = bruno.get(page).context["form"]
    assert (form["period"].value(), form["done_on"].value()) == (QUARTER, TODAY)
    evidence = [
        SimpleUploadedFile("forums.pdf", b"%PDF-1.4 forums"),
        SimpleUploadedFile("dalībnieki.txt", b"40"),
    ]
    data = {
        "text": "Forums notika.", "claims": "done", "done_on": f"{THIS_YEAR}-01-02", "value": "1,5", "files": evidence,
        "period": QUARTER,
    }  # fmt: skip
    sent = bruno.post(f"/lv/{eco.code}/plan/measures/{measure.pk}/report/", data)
    assert sent.status_code == 302, sent.context["form"].errors
    report = Report.objects.get()
    assert sent["Location"] == f"/lv/{eco.code}/plan/measures/{measure.pk}/#report-{report.pk}"
    assert (report.text, report.value, report.institution_name, report.period) == (
        "Forums notika.", Decimal("1.5"), "EM", QUARTER,
    )  # fmt: skip
    assert "Forums notika." not in text_of(Client().get(page))
    words = text_of(anna.get(page))
    assert "1 report is to be accepted or returned." in words
    for told in (
        "EM, Bruno Paraugs",
        "forums.pdf",
        "dalībnieki.txt",
        "Value: 1.5",
        "The report says that it was done on 2 Jan",
    ):
        assert told in words.replace("\N{NO-BREAK SPACE}", " ")
    measure.refresh_from_db()
    assert measure.state == "planned"
    assert anna.post(f"/en/{eco.code}/plan/reports/{report.pk}/accept/", {"comment": ""}).status_code == 302
    measure.refresh_from_db()
    assert (measure.state, measure.done_on) == ("done", date(THIS_YEAR, 1, 2))
    public = text_of(Client().get(page))
    assert [word in public for word in ("Forums notika.", "EM", "Bruno", "Anna", "forums.pdf")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert Attachment.objects.count() == 2


def test_a_report_is_returned_corrected_accepted_locked_and_unlocked() -> None:
    eco, who, plan, measure = scene()
    bruno, anna = signed_in(who.bruno), signed_in(who.anna)
    page = f"/en/{eco.code}/plan/measures/{measure.pk}/"
    period = f"{plan.year}-Q4"

    def hand_in(text: str) -> Any:
        return bruno.post(f"{page}report/", {"text": text, "period": period, "claims": ""}, follow=True)

    def judge(step: str, comment: str = "") -> str:
        newest = Report.objects.order_by("-id")[0]
        return text_of(
            anna.post(f"/en/{eco.code}/plan/reports/{newest.pk}/{step}/", {"comment": comment}, follow=True)
        )

    assert "Handed in." in text_of(hand_in("Gandrīz gatavs."))
    assert "Say in the comment what is missing" in judge("return", " ")
    assert "Returned to the institution with your comment." in judge("return", "Cik cilvēku bija?")
    assert "Cik cilvēku bija?" in text_of(bruno.get(page))
    assert "corrects the earlier report" in text_of(hand_in("Bija 40 cilvēku."))
    assert "Accepted: the period is locked." in judge("accept", "Paldies!")
    refused = hand_in("Vēl kas.")
    assert sorted(refused.context["form"].errors) == ["period"]
    assert ["is accepted and the period is locked" in text_of(refused), "Vēl kas." in text_of(refused)] == [
        True,
        True,
    ]
    assert "This report is already accepted" in judge("accept")
    assert "The period is open again." in judge("unlock", "Jāpapildina.")
    hand_in("Bija 41 cilvēks.")
    states = [report.state for report in Report.objects.order_by("id")]
    assert states == [ReportState.RETURNED, ReportState.RETURNED, ReportState.SUBMITTED]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"text": ""}, "text"),
        ({"period": f"{THIS_YEAR + 1}"}, "period"),
        ({"claims": "done", "done_on": ""}, "done_on"),
        ({"claims": "done", "done_on": f"{THIS_YEAR + 1}-01-01"}, "done_on"),
        ({"claims": "dropped"}, "claims"),
        ({"value": "daudz"}, "value"),
        ({"files": [SimpleUploadedFile("virus.exe", b"MZ")]}, "files"),
    ],
)
def test_a_refused_report_keeps_its_text_and_leaves_nothing_behind(data: dict[str, Any], field: str) -> None:
    eco, who, _plan, measure = scene()
    sent = {"text": "Forums notika.", "period": QUARTER, "claims": "", **data}
    answer = signed_in(who.bruno).post(f"/en/{eco.code}/plan/measures/{measure.pk}/report/", sent)
    assert answer.status_code == 200
    assert sorted(answer.context["form"].errors) == [field]
    assert ["Forums notika." in text_of(answer)] == [bool(sent["text"])]
    assert (Report.objects.count(), Attachment.objects.count()) == (0, 0)


def test_who_may_not_report_is_refused() -> None:
    eco, who, _plan, measure = scene()
    data = {"text": "Forums notika.", "period": QUARTER, "claims": ""}
    address = f"/en/{eco.code}/plan/measures/{measure.pk}/report/"
    assert [signed_in(account).post(address, data).status_code for account in (who.cilda, None)] == [403, 302]
    assert signed_in(who.bruno).get(address)["Location"].endswith(f"/measures/{measure.pk}/#report")
    assert Report.objects.count() == 0


def test_a_report_of_another_ecosystem_or_room_is_not_found() -> None:
    eco, who, plan, measure = scene()
    report = actions.report(measure, by=SYSTEM, period=Period.year(plan.year), text="Darīts.")
    other = draw.ecosystem("wasps")
    admin = draw.account("Dzintars", "administrator")
    address = f"/en/{other.code}/plan/reports/{report.pk}/accept/"
    with acting():
        strange = Report(about_kind="strategy.target", about_id=1, ecosystem_id=eco.pk, period="2023",
                         as_of=TODAY, text="x", by_name="x", submitted_at=timezone.now())  # fmt: skip
        strange.save()
    here = f"/en/{eco.code}/plan/reports/{strange.pk}/accept/"
    assert [signed_in(who_).post(url).status_code for who_, url in ((admin, address), (who.anna, here))] == [
        404,
        404,
    ]


def test_one_reports_on_the_quarters_and_years_that_have_begun() -> None:
    with override("en"):
        (_quarters, quarters), (_years, years) = periods(2025, date(2026, 5, 3))
    assert [value for value, _label in quarters] == [
        "2026-Q2",
        "2026-Q1",
        "2025-Q4",
        "2025-Q3",
        "2025-Q2",
        "2025-Q1",
    ]
    assert years == [("2026", "2026"), ("2025", "2025")]
    (_quarters, ahead), _years = periods(2027, date(2026, 1, 1))
    assert [value for value, _label in ahead] == ["2026-Q1"]


# ---------------------------------------------------------------- versions, years, headings


def test_a_plan_from_the_strategy_to_its_end() -> None:
    eco = draw.ecosystem()
    draw.strategy(eco)
    who = people(eco)
    client = signed_in(who.anna)
    plans = f"/en/{eco.code}/plan/"

    def post(page: str, **data: Any) -> str:
        answer = client.post(plans + page, data, follow=True)
        assert answer.redirect_chain, text_of(answer)
        return text_of(answer)

    client.post(f"{plans}new/", {"year": LAST_YEAR})
    draft = Plan.objects.get()
    assert [section.number for section in draft.sections.all()] == ["1.1", "1.2"]
    assert "has no measures yet" in text_of(
        client.post(f"{plans}{LAST_YEAR}/adopt/?version=1", {"decision": ""})
    )
    section = draft.sections.get(number="1.1")
    post(
        f"{LAST_YEAR}/measures/add/?version=1",
        section=section.pk, title_lv="Pirmais", responsible="EM", deadline=str(LAST_YEAR),
    )  # fmt: skip
    post(
        f"{LAST_YEAR}/measures/add/?version=1", section=section.pk, title_lv="Otrais", deadline=str(LAST_YEAR)
    )
    assert "is in force and open to everybody" in post(f"{LAST_YEAR}/adopt/?version=1", decision="")
    assert "Version 2 is drafted as a copy." in post(f"{LAST_YEAR}/new-version/")
    assert "Version 2 is already being drafted" in post(f"{LAST_YEAR}/new-version/")
    changed = Measure.objects.get(plan__number=2, number="1.1.1")
    actions.edit_measure(changed, by=SYSTEM, title_lv="Pirmais no visiem")
    compared = text_of(client.get(f"{plans}{LAST_YEAR}/compare/?from={LAST_YEAR}.1&to={LAST_YEAR}.2"))
    assert "1 measure was changed, 1 measure stayed as it was." in compared
    assert "Pirmais added: no visiem" in compared
    post(f"{LAST_YEAR}/adopt/?version=2", decision="")
    refused = client.post(f"{plans}{LAST_YEAR}/roll-over/", {"year": THIS_YEAR, f"carry_{changed.pk}": "on"})
    assert sorted(refused.context["form"].errors) == [f"reason_{changed.pk}"]
    other = Measure.objects.get(plan__number=2, number="1.1.2")
    carried = post(
        f"{LAST_YEAR}/roll-over/",
        **{"year": THIS_YEAR, "reason": "Trūka laika.", f"carry_{changed.pk}": "on", f"carry_{other.pk}": "on",
           f"reason_{other.pk}": "Trūka naudas."},
    )  # fmt: skip
    assert "2 measures are carried over. They stand in the draft." in carried
    assert list(Measure.objects.filter(plan__year=THIS_YEAR).values_list("title_lv", "carry_reason")) == [
        ("Pirmais no visiem", "Trūka laika."), ("Otrais", "Trūka naudas."),
    ]  # fmt: skip
    assert "The plan is closed, and the year's readings are kept." in post(f"{LAST_YEAR}/close/")
    states = Plan.objects.order_by("year", "number").values_list("year", "number", "state")
    assert list(states) == [(LAST_YEAR, 1, "superseded"), (LAST_YEAR, 2, "closed"), (THIS_YEAR, 1, "draft")]


def test_what_came_and_went_between_two_years_is_told() -> None:
    eco = draw.ecosystem()
    draw.strategy(eco)
    draw.plan(eco, LAST_YEAR - 1, measures=3, adopted=True)
    plan = draw.plan(eco, LAST_YEAR)
    draw.measure(plan, "1.1.1", title_lv="Pasākums 1", deadline=str(LAST_YEAR))
    draw.measure(plan, "1.2.1", section="1.2", title_lv="Pavisam kas cits", results_lv=["Jauns rezultāts"])
    actions.adopt(plan, by=SYSTEM)
    answer = Client().get(f"/lv/{eco.code}/plan/{LAST_YEAR}/compare/")
    words = text_of(answer)
    assert "4 atšķirības Pievienots 1 pasākums, svītroti 2 pasākumi, mainīts 1 pasākums." in words
    assert "1.2.1. Pavisam kas cits pievienots Darbības rezultāts pielikts: Jauns rezultāts" in words
    picked = answer.context
    assert (picked["from_key"], picked["to_key"]) == (f"{LAST_YEAR - 1}.1", f"{LAST_YEAR}.1")
    turned = (
        Client().get(f"/lv/{eco.code}/plan/{LAST_YEAR}/compare/?from={LAST_YEAR}&to={LAST_YEAR - 1}").context
    )
    assert (turned["from_key"], turned["to_key"], turned["count"]) == (
        f"{LAST_YEAR}.1",
        f"{LAST_YEAR - 1}.1",
        4,
    )


def test_a_plan_alone_is_compared_with_nothing() -> None:
    eco = draw.ecosystem()
    draw.strategy(eco)
    draw.plan(eco, LAST_YEAR, measures=1, adopted=True)
    words = text_of(Client().get(f"/en/{eco.code}/plan/{LAST_YEAR}/compare/"))
    assert "There is nothing to compare with yet" in words


def test_headings_are_added_changed_and_removed() -> None:
    eco, who, plan, _measure = scene()
    client = signed_in(who.anna)
    draft = Plan.objects.get(year=plan.year, number=2)
    address = f"/en/{eco.code}/plan/{plan.year}/sections/add/?version=2"
    sent = {"number": "2.1", "title_lv": "Jauna", "direction_number": "2", "direction_title_lv": "Virziens"}
    client.post(address, sent)
    made = draft.sections.get(number="2.1")
    edit = f"/en/{eco.code}/plan/sections/{made.pk}/edit/"
    client.post(edit, {**form_of(client, edit), "title_lv": "Pavisam jauna"})
    made.refresh_from_db()
    assert made.heading == "2.1. Prioritāte “Pavisam jauna”"
    used = draft.sections.get(number="1.1")
    kept = client.post(f"/en/{eco.code}/plan/sections/{used.pk}/remove/", follow=True)
    assert "still has measures" in text_of(kept)
    client.post(f"/en/{eco.code}/plan/sections/{made.pk}/remove/")
    assert list(draft.sections.values_list("number", flat=True)) == ["1.1", "1.2"]


def test_a_plan_is_given_its_title() -> None:
    eco, who, plan, _measure = scene()
    client = signed_in(who.anna)
    address = f"/en/{eco.code}/plan/{plan.year}/edit/"
    client.post(
        address, {**form_of(client, address), "title_lv": "Rīcības plāns", "title_en": "The action plan"}
    )
    plan.refresh_from_db()
    assert (plan.title_lv, plan.title_en) == ("Rīcības plāns", "The action plan")
    assert "The action plan" in text_of(Client().get(f"/en/{eco.code}/plan/{plan.year}/"))
