"""The doctor: what makes a hub ill is found, with its remedy, and a hub that is well is told so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from talka.core import attachments, chain, events, outbox, translations
from talka.core.actions import HUB, SYSTEM
from talka.core.models import Attachment, Delivery, Event, SearchEntry
from talka.core.search import FINDABLE
from talka.core.testing import acting
from talka.domains.actions import add_mission
from talka.parties.tests import factories as make
from talka.web import doctor
from talka.web.tests.factories import pdf

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> Path:
    """A hub that is well: keys and files in their places, everything done and sealed."""
    settings.HOME = tmp_path / "home"
    settings.MEDIA_ROOT = settings.HOME / "media"
    settings.HOME.mkdir(mode=0o700)
    (settings.HOME / "secret.key").write_text("secret")
    (settings.HOME / "secret.key").chmod(0o600)
    organisation = make.organisation("ministry")
    with acting():
        attachments.attach(organisation, pdf(), by=SYSTEM)
    events.seal()
    return settings.HOME


def ills() -> list[tuple[str, str]]:
    """Name and state of everything that is not well."""
    return [(each.name, each.state) for each in doctor.examine() if each.state != "well"]


def found(name: str) -> doctor.Result:
    return next(each for each in doctor.examine() if each.name == name and each.state != "well")


def test_a_hub_that_is_well_is_told_so() -> None:
    results = doctor.examine()
    assert [each.name for each in results] == [
        "Python", "Disk", "Keys", "Latvian", "Database", "Outbox", "Record", "Files", "Search",
    ]  # fmt: skip
    assert {each.state for each in results} == {"well"}
    assert {each.remedy for each in results} == {""}


def delivery(**values: Any) -> None:
    event = Event.objects.order_by("pk")[0]
    given = {"subscriber": "plan.tasks.remind", "due": timezone.now() - timedelta(hours=1), **values}
    Delivery.objects.create(event=event, **given)


def others_read_the_secret(home: Path) -> None:
    (home / "secret.key").chmod(0o640)


def others_read_the_signing_key(home: Path) -> None:
    events.key_path().chmod(0o604)


def others_look_into_the_home(home: Path) -> None:
    home.chmod(0o755)


def the_signing_key_is_gone(home: Path) -> None:
    events.key_path().unlink()


def nothing_was_sealed_for_hours(home: Path) -> None:
    mission = add_mission(HUB, by=SYSTEM, code="jura", title_lv="Jūra")
    Event.objects.filter(subject_id=mission.pk, seal=None).update(at=timezone.now() - timedelta(hours=2))


def a_file_is_gone(home: Path) -> None:
    Path(Attachment.objects.get().file.path).unlink()


def a_row_cannot_be_found(home: Path) -> None:
    SearchEntry.objects.filter(kind="parties.organisation").delete()


def a_letter_waits_too_long(home: Path) -> None:
    delivery()


def letters_were_given_up(home: Path) -> None:
    delivery(attempts=outbox.ATTEMPTS, error="Traceback …\nConnectionRefusedError: the post is closed\n")


def a_migration_waits(home: Path) -> None:
    MigrationRecorder.Migration.objects.filter(app="core", name="0003_dated_rules").delete()


ILLNESSES: dict[Callable[[Path], None], tuple[str, str, str, str]] = {
    # what happened: what is examined, how ill, what was found, the remedy
    others_read_the_secret: ("Keys", "ill", "secret.key can be read by others", "mode 600"),
    others_read_the_signing_key: ("Keys", "ill", "signing.key can be read by others", "mode 600"),
    others_look_into_the_home: ("TALKA_HOME", "note", "others on this machine can look into", "mode 700"),
    the_signing_key_is_gone: (
        "Record",
        "ill",
        "1 seals, but the key that signed them is gone",
        "signing.key back from a backup",
    ),
    nothing_was_sealed_for_hours: (
        "Record",
        "note",
        "events older than an hour are not sealed",
        "`talka work`",
    ),
    a_file_is_gone: ("Files", "ill", "1 of 1 are gone; the first: attachments/", "backup"),
    a_row_cannot_be_found: ("Search", "note", "0 of 1 findable rows are in the index", "`talka reindex`"),
    a_letter_waits_too_long: ("Outbox", "note", "1 deliveries wait longer than 15 minutes", "`talka work`"),
    letters_were_given_up: (
        "Outbox",
        "ill",
        "given up; the last: ConnectionRefusedError: the post is closed",
        "Mend the cause",
    ),
    a_migration_waits: ("Database", "ill", "1 migrations waiting", "`talka up --check`"),
}


@pytest.mark.parametrize("happen", ILLNESSES, ids=lambda happen: happen.__name__)
def test_what_makes_a_hub_ill_is_found_with_its_remedy(home: Path, happen: Callable[[Path], None]) -> None:
    name, state, told, remedy = ILLNESSES[happen]
    happen(home)
    assert ills() == [(name, state)]
    assert told in found(name).found
    assert remedy in found(name).remedy


def test_a_home_that_is_gone_is_ill(home: Path) -> None:
    shutil.rmtree(home)
    assert ("TALKA_HOME", "ill") in ills()


@pytest.mark.parametrize(("free", "state"), [(0.5e9, "ill"), (3e9, "note"), (6e9, "well")])
def test_a_disk_that_fills_up_is_told(monkeypatch: pytest.MonkeyPatch, free: float, state: str) -> None:
    usage = shutil.disk_usage("/")._replace(free=int(free))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    assert ills() == ([("Disk", state)] if state != "well" else [])


def test_latvian_that_is_not_compiled_is_ill(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(translations, "sources", lambda: iter([tmp_path / "django.po"]))
    assert ills() == [("Latvian", "ill")]


def test_debugging_is_noted(settings: Any) -> None:
    settings.DEBUG = True
    assert ills() == [("Debug", "note")]


def test_a_database_that_does_not_answer_ends_the_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Any:
        raise DatabaseError("connection refused")

    monkeypatch.setattr(connection, "cursor", refuse)
    results = doctor.examine()
    assert [each.name for each in results][-1] == "Database"
    assert "connection refused" in results[-1].found


def test_the_doctor_makes_nothing(home: Path) -> None:
    """Looking for a key must not make one: it would call every seal forged."""
    events.key_path().unlink()
    before = sorted(home.rglob("*"))
    doctor.examine()
    assert sorted(home.rglob("*")) == before
    chain.load_or_create_key(events.key_path())


def test_everything_findable_is_counted() -> None:
    wanted = sum(how.model._base_manager.count() for how in FINDABLE.values())
    told = next(each for each in doctor.examine() if each.name == "Search")
    assert told.found == f"{wanted} of {wanted} findable rows are in the index"
