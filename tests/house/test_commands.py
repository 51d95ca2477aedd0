"""The command line as machines meet it: what each command answers, with which exit status, on a hub of its own."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from django.db import transaction
from django.utils import translation

from talka.cli import load, talka
from talka.core import events
from talka.core.actions import HUB, SYSTEM
from talka.core.models import Change, SearchEntry
from talka.core.search import search
from talka.documents import seeds
from talka.domains.actions import add_ecosystem
from talka.domains.models import Domain, Ecosystem
from talka.parties.models import Account
from talka.plan.models import Measure
from tests.lanes import ROOT, need_shared

# ---------------------------------------------------------------- in this process, on the database of the tests


@pytest.fixture(scope="module")
def hub(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The real ecosystem, loaded once; the `db` of every test takes back what it changed."""
    load()
    with django_db_blocker.unblock(), transaction.atomic():
        seeds.load(seeds.SEEDS / "biomedicine")
        yield
        transaction.set_rollback(True)


Run = Callable[..., Result]


@pytest.fixture
def run(hub: None, db: None, settings: Any, tmp_path: Path) -> Run:
    settings.HOME, settings.MEDIA_ROOT = tmp_path / "home", tmp_path / "home" / "media"
    settings.HOME.mkdir()

    def invoke(*arguments: Any) -> Result:
        with translation.override("en"):
            return CliRunner().invoke(talka, [str(each) for each in arguments])

    return invoke


def answered(result: Result, status: int = 0) -> Any:
    """The JSON on stdout, where the exit status is as expected."""
    assert result.exit_code == status, (result.output, result.exception)
    return json.loads(result.stdout)


FINDING = {"code", "severity", "place", "found", "expected"}
MEASURE = {"number", "title", "result", "indicator", "responsible", "involved", "deadline", "funding"}


def test_lint_tells_each_finding_with_what_would_be_right(run: Run) -> None:
    """The real plan has errors, so the status is 1."""
    found = answered(run("lint", "--json"), 1)
    assert {frozenset(each) for each in found} == {frozenset(FINDING)}
    assert all(isinstance(value, str) and value for each in found for value in each.values())
    assert {each["severity"] for each in found} == {"error", "warning", "info"}
    worse = answered(run("lint", "--json", "--severity", "warning"), 1)
    assert worse == [each for each in found if each["severity"] != "info"]
    assert run("lint", "--language", "en").stdout.endswith(f"\n{len(found)} findings\n")


def test_lint_ends_with_status_0_where_there_is_no_error(run: Run) -> None:
    domain = Domain.objects.order_by("pk")[0]
    add_ecosystem(HUB, by=SYSTEM, code="other", domain=domain, title_lv="Cita", title_en="Other")
    assert answered(run("lint", "--json", "--ecosystem", "other")) == []


def test_lint_speaks_both_languages(run: Run) -> None:
    latvian, english = (answered(run("lint", "--json", "--language", each), 1) for each in ("lv", "en"))
    assert [each["code"] for each in latvian] == [each["code"] for each in english]
    # What should stand there may be the same in both: the plan's own words.
    assert all(lv != en for lv, en in zip(latvian, english, strict=True))


def test_indicators_are_read(run: Run) -> None:
    rows = answered(run("indicators", "--json"))
    assert {frozenset(row) for row in rows} == {frozenset({"code", "label", "unit", "value", "as_of"})}
    assert len(rows) == len({row["code"] for row in rows}) > 3
    assert all(row["value"] is None or isinstance(row["value"], int | float) for row in rows)


@pytest.mark.parametrize("ending", ["docx", "xlsx", "csv", "json", "pdf"])
def test_what_is_exported_is_imported_without_a_change(run: Run, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"plan.{ending}"
    wrote = answered(run("plan", "export", "--year", 2023, "--to", path, "--json"))
    assert wrote == {"file": str(path), "year": 2023, "version": 1, "measures": 17}
    answer = answered(run("plan", "import", path, "--json"))
    assert {key: len(value) for key, value in answer.items()} == {"measures": 17, "changes": 0, "problems": 0}
    for measure in answer["measures"]:
        assert measure.keys() == MEASURE
        lists = {key for key, value in measure.items() if isinstance(value, list)}
        assert {"responsible", "involved", "funding"} <= lists


def test_the_ministrys_own_document_is_read_without_a_change(run: Run) -> None:
    answer = answered(run("plan", "import", need_shared("seed/plan-2023.docx"), "--json"))
    assert (len(answer["measures"]), answer["changes"], answer["problems"]) == (17, [], [])


def test_an_import_is_shown_first_and_carried_out_when_asked(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    run("plan", "export", "--year", 2023, "--to", path)
    title = Measure.objects.get(number="1.1.1").title_lv
    path.write_text(
        path.read_text().replace(json.dumps(title, ensure_ascii=False)[1:-1], "Pavisam cits nosaukums")
    )
    shown = answered(run("plan", "import", path, "--json"))
    assert (len(shown["changes"]), shown["problems"]) == (1, [])
    assert Measure.objects.get(number="1.1.1").title_lv == title
    applied = answered(run("plan", "import", path, "--apply", "--json"))
    assert applied["changes"] == shown["changes"]
    assert Measure.objects.get(number="1.1.1").title_lv == "Pavisam cits nosaukums"
    assert answered(run("plan", "import", path, "--json"))["changes"] == []
    assert "1 rows would change; 0 problems" not in run("plan", "import", path).stdout


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plan.docx", b"PK\x03\x04 damaged"),
        ("plan.pdf", b"%PDF-1.7 damaged"),
        ("plan.csv", b"a;b\n1;2\n"),
        ("plan.txt", b"1.1.1. Measure"),
    ],
)
def test_a_file_that_is_no_plan_is_a_problem_with_its_place(
    run: Run, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    answer = answered(run("plan", "import", tmp_path / name, "--apply", "--json"), 1)
    assert (answer["measures"], answer["changes"]) == ([], [])
    assert [problem.keys() == {"place", "message"} for problem in answer["problems"]] == [True]
    assert answer["problems"][0]["place"].startswith(name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "export", "--year", "1999", "--to", "x.docx"], "There is no plan for 1999 in biomed."),
        (["plan", "export", "--year", "2023", "--to", "x.odt"], "docx"),
        (["lint", "--ecosystem", "none"], "there are: biomed."),
        (["plan", "import", "no-such-file.docx"], "does not exist"),
        (["lint", "--severity", "grave"], "'error', 'warning', 'info'"),
    ],
)
def test_what_cannot_be_done_says_what_would_have_been_right(
    run: Run, arguments: list[str], message: str
) -> None:
    result = run(*arguments)
    assert result.exit_code != 0
    assert message in f"{result.output}{result.exception}"


def test_with_several_ecosystems_one_has_to_be_named(run: Run) -> None:
    domain = Domain.objects.order_by("pk")[0]
    add_ecosystem(HUB, by=SYSTEM, code="other", domain=domain, title_lv="Cita", title_en="Other")
    refused = run("lint", "--json")
    assert refused.exit_code == 2
    assert f"there are: {', '.join(Ecosystem.objects.values_list('code', flat=True))}" in refused.output
    assert run("lint", "--json", "--ecosystem", "other").exit_code == 0


def test_the_record_is_sealed_and_checked(run: Run) -> None:
    sealed = answered(run("audit", "seal", "--json"))
    assert {frozenset(each) for each in sealed} == {frozenset({"seal", "events", "digest"})}
    verdict = answered(run("audit", "verify", "--json"))
    assert verdict == {
        "seals": len(sealed),
        "events": sum(each["events"] for each in sealed),
        "unsealed": 0,
        "faults": [],
    }
    assert run("audit", "verify").stdout.startswith("The record is whole: ")
    last = answered(run("audit", "log", "--json", "--last", "3"))
    assert [sorted(each) for each in last] == [["at", "by", "id", "subject", "verb"]] * 3


def test_a_tampered_row_is_found(run: Run, tmp_path: Path) -> None:
    run("audit", "seal")
    copy = tmp_path / "heads.jsonl"
    copy.write_text(events.heads_path().read_text())
    change = Change.objects.order_by("pk")[0]
    Change.objects.filter(pk=change.pk).update(kind="deleted")
    verdict = answered(run("audit", "verify", "--json"), 1)
    assert [sorted(fault) for fault in verdict["faults"]] == [["message", "place"]]
    assert "altered after sealing" in run("audit", "verify", "--heads", copy).stdout


def test_an_account_is_opened_whole_or_not_at_all(run: Run) -> None:
    arguments = ["account", "add", "anna@example.test", "--given", "Anna", "--family", "Paraugs", "--json"]
    opened = answered(run(*arguments))
    assert {**opened, "password": "…"} == {
        "email": "anna@example.test", "role": "administrator", "password": "…",
    }  # fmt: skip
    account = Account.objects.get(email="anna@example.test")
    assert account.check_password(opened["password"])
    assert account.may("parties.administer", None)
    assert run(*arguments).exit_code != 0
    assert Account.objects.count() == 1


def test_the_index_is_written_anew(run: Run) -> None:
    before = {entry.subject_id: entry.stems for entry in SearchEntry.objects.filter(kind="plan.measure")}
    SearchEntry.objects.filter(kind="plan.measure").delete()
    SearchEntry.objects.create(
        kind="plan.measure", subject_id=0, title_lv="Gone", url="/lv/", stems="gone xpub"
    )
    SearchEntry.objects.create(kind="no.more", subject_id=0, title_lv="Gone", url="/lv/", stems="gone xpub")
    written = answered(run("reindex", "--json"))
    assert written["plan.measure"] == len(before)
    after = {entry.subject_id: entry.stems for entry in SearchEntry.objects.filter(kind="plan.measure")}
    assert after == before
    assert search("gone") == []


def test_organisations_of_ror_are_counted_before_they_are_taken(run: Run) -> None:
    path = need_shared("conformance/ror/latvia.json")
    shown = answered(run("organisations", "import-ror", path, "--json"))
    assert sorted(shown) == ["changed", "new", "open", "problems", "same", "written"]
    assert (shown["written"], shown["problems"]) == (0, [])
    assert shown["new"] + shown["changed"] + shown["same"] + shown["open"] == 34


def test_the_doctor_examines_a_hub_that_is_well(run: Run) -> None:
    results = answered(run("doctor", "--json"))
    assert {frozenset(each) for each in results} == {frozenset({"name", "state", "found", "remedy"})}
    assert {each["state"] for each in results} <= {"well", "note"}


def test_the_documentation_is_compared_and_written(run: Run, tmp_path: Path) -> None:
    names = answered(run("docs", tmp_path / "docs", "--check", "--json"), 1)["out_of_date"]
    assert not (tmp_path / "docs").exists()
    assert answered(run("docs", tmp_path / "docs", "--json"))["written"] == names
    assert sorted(path.name for path in (tmp_path / "docs").iterdir()) == sorted(names)
    assert answered(run("docs", tmp_path / "docs", "--check", "--json"))["out_of_date"] == []


# ---------------------------------------------------------------- in processes of their own, from the very start


def command(home: Path, *arguments: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "TALKA_LANE"}}
    return subprocess.run(
        [sys.executable, "-m", "talka", *map(str, arguments)],
        env=kept | {"TALKA_HOME": str(home), "PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A new home after its first `talka up --check`."""
    home = tmp_path_factory.mktemp("hub") / "home"
    return home, command(home, "up", "--check", "--json")


@pytest.mark.once
class TestFromTheStart:
    def test_the_first_start_loads_the_ecosystem_and_the_demo_roles(self, started: Any) -> None:
        home, ran = started
        assert ran.returncode == 0, ran.stderr
        answer = json.loads(ran.stdout)
        assert sorted(answer) == ["accounts", "address", "loaded"]
        assert answer["address"] == "http://localhost:8000/"
        assert {account["role"] for account in answer["accounts"]} == {
            "administrator", "coordinator", "officer", "council", "viewer", "accountant", "facility_manager",
        }  # fmt: skip
        files = [
            path.name
            for folder in ("biomedicine", "demo")
            for path in sorted((seeds.SEEDS / folder).glob("*.yaml"))
        ]
        assert [each["file"] for each in answer["loaded"]] == files
        # The demo's own rows hang under the ecosystem, which is there already.
        fresh = [each for each in answer["loaded"] if each["file"] != "30-ecosystem.yaml"]
        assert all(each["new"] and not each["changed"] and not each["same"] for each in fresh)
        assert home.stat().st_mode & 0o777 == 0o700

    def test_the_second_start_changes_nothing(self, started: Any) -> None:
        home, _ran = started
        before = events_of(home)
        again = command(home, "up", "--check", "--json")
        assert again.returncode == 0, again.stderr
        demo = json.loads(again.stdout)["loaded"]
        assert [(each["new"], each["changed"]) for each in demo] == [(0, 0)] * len(demo)
        assert events_of(home) == before

    def test_without_the_demo_nothing_is_loaded(self, tmp_path: Path) -> None:
        ran = command(tmp_path / "home", "up", "--check", "--no-demo", "--json")
        assert json.loads(ran.stdout) == {"address": "http://localhost:8000/", "accounts": [], "loaded": []}

    @pytest.mark.parametrize("arguments", [["--host", "0.0.0.0"], []])
    def test_where_others_could_reach_it_nobody_signs_in_without_a_password(
        self, tmp_path: Path, arguments: list[str]
    ) -> None:
        names = {} if arguments else {"TALKA_HOSTS": "localhost,talka.example"}
        ran = command(tmp_path / "home", "up", "--check", "--json", *arguments, **names)
        answer = json.loads(ran.stdout)
        assert answer["accounts"] == []
        assert "24-people.yaml" not in {each["file"] for each in answer["loaded"]}

    def test_a_taken_port_is_told_before_anything_is_done(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            ran = command(tmp_path / "home", "up", "--port", port)
        assert ran.returncode == 2
        assert ran.stderr.startswith(f"Port {port} of 127.0.0.1 cannot be used (Address already in use).")
        assert not (tmp_path / "home" / "talka.sqlite3").exists()

    def test_a_database_of_another_kind_is_told(self, tmp_path: Path) -> None:
        ran = command(tmp_path / "home", "doctor", DATABASE_URL="mysql://root@localhost/talka")
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr.startswith(
            "DATABASE_URL begins with 'mysql'; Talka runs on postgres://user:password@host:port/name"
        )

    def test_a_home_that_is_a_file_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "home").write_text("")
        ran = command(tmp_path / "home", "doctor")
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr.startswith("TALKA_HOME cannot be used")

    def test_before_the_first_start_the_way_to_start_is_told(self, tmp_path: Path) -> None:
        ran = command(tmp_path / "home", "lint", "--json")
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "`talka up` prepares it" in ran.stderr
        sick = command(tmp_path / "home", "doctor", "--json")
        ill = [each["name"] for each in json.loads(sick.stdout) if each["state"] == "ill"]
        assert (sick.returncode, ill) == (1, ["Database"])

    def test_a_backup_is_restored_into_another_home(self, started: Any, tmp_path: Path) -> None:
        home, _ran = started
        wrote = command(home, "backup", tmp_path / "talka.zip", "--json")
        assert wrote.returncode == 0, wrote.stderr
        summary = json.loads(wrote.stdout)
        assert sorted(summary) == ["file", "files", "rows"]
        other = tmp_path / "other"
        assert command(other, "up", "--check", "--no-demo").returncode == 0
        restored = command(other, "restore", tmp_path / "talka.zip", "--json")
        assert json.loads(restored.stdout) == summary
        assert events_of(other) == events_of(home)
        refused = command(other, "restore", tmp_path / "talka.zip", "--json")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith("The database is not empty; nothing was restored.")

    def test_a_file_that_is_no_backup_is_told(self, started: Any, tmp_path: Path) -> None:
        home, _ran = started
        with zipfile.ZipFile(tmp_path / "holiday.zip", "w") as other:
            other.writestr("photo.jpg", "x")
        ran = command(home, "restore", tmp_path / "holiday.zip", "--replace")
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr.startswith("holiday.zip is not a backup of Talka, or is damaged")

    def test_a_file_that_cannot_be_written_is_told(self, started: Any, tmp_path: Path) -> None:
        home, _ran = started
        ran = command(home, "plan", "export", "--year", "2023", "--to", tmp_path / "none" / "plan.docx")
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "plan.docx" in ran.stderr
        assert "Traceback" not in ran.stderr

    def test_the_worker_does_what_is_due_and_stops(self, started: Any) -> None:
        home, _ran = started
        ran = command(home, "work", "--once")
        assert (ran.returncode, ran.stderr) == (0, "")
        verdict = json.loads(command(home, "audit", "verify", "--json").stdout)
        assert (verdict["seals"] > 0, verdict["faults"]) == (True, [])

    def test_help_names_every_command(self, tmp_path: Path) -> None:
        ran = command(tmp_path / "home", "--help")
        load()
        assert ran.returncode == 0
        assert [name for name in talka.commands if f"\n  {name} " not in ran.stdout] == []


def events_of(home: Path) -> int:
    with sqlite3.connect(home / "talka.sqlite3") as link:
        return int(link.execute("select count(*) from core_event").fetchone()[0])
