"""Backup and restore: row for row, file for file, on either database; a bad file changes nothing at all."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management.color import no_style
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import override

from talka.core import attachments, events, reports
from talka.core.actions import HUB, SYSTEM, Invalid
from talka.core.models import Attachment, Change, Event
from talka.core.search import search
from talka.core.testing import acting
from talka.core.values import Period
from talka.documents import archive, seeds
from talka.domains.actions import add_domain, add_ecosystem, add_mission, edit_mission
from talka.domains.models import Mission
from talka.parties.tests import factories as parties
from tests.lanes import ROOT, need_postgres

pytestmark = pytest.mark.django_db(transaction=True)
EVIDENCE = b"%PDF-1.7 akts"


@pytest.fixture(autouse=True)
def english() -> Any:
    with override("en"):
        yield


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> Path:
    return move_to(settings, tmp_path / "first")


def move_to(settings: Any, folder: Path) -> Path:
    """A TALKA_HOME of its own, as another machine has."""
    folder.mkdir()
    settings.HOME, settings.MEDIA_ROOT = folder, folder / "media"
    (folder / "secret.key").write_text(f"secret of {folder.name}")
    return folder


def drawn() -> None:
    """A little of everything: people, bilingual texts, JSON, a decimal, a file, sealed and unsealed events."""
    domain = add_domain(HUB, by=SYSTEM, code="bio", title_lv="Biomedicīna")
    eco = add_ecosystem(
        HUB, by=SYSTEM, code="eco", domain=domain, title_lv="Ekosistēma", title_en="Ecosystem"
    )
    parties.account("Anna", "coordinator", eco, at=parties.organisation("lv-ministrija"))
    with transaction.atomic(), acting():
        report = reports.submit(
            eco,
            by=SYSTEM,
            period=Period.parse("2023-Q2"),
            text="Paveikts «viss»\n=1+1",
            value=Decimal(1234567),
        )
        attachments.attach(report, SimpleUploadedFile("akts.pdf", EVIDENCE), by=SYSTEM)
    events.seal()
    edit_mission(add_mission(HUB, by=SYSTEM, code="jura", title_lv="Jūra"), by=SYSTEM, title_en="Sea")
    events.seal()
    edit_mission(Mission.objects.get(), by=SYSTEM, summary_lv="Tīra")


def rows() -> dict[str, list[tuple[Any, ...]]]:
    return {
        model._meta.label_lower: list(model._base_manager.order_by("pk").values_list())
        for model in archive.kept_models()
    }


def files(home: Path) -> dict[str, bytes]:
    return {
        path.relative_to(home).as_posix(): path.read_bytes() for path in home.rglob("*") if path.is_file()
    }


def empty_the_database() -> None:
    tables = [model._meta.db_table for model in archive.kept_models()]
    connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), tables, reset_sequences=True))


def test_everything_comes_back_row_for_row_and_file_for_file(
    settings: Any, home: Path, tmp_path: Path
) -> None:
    drawn()
    before, kept = rows(), files(home)
    wrote = archive.write(tmp_path / "talka.zip")
    assert wrote == {
        "file": str(tmp_path / "talka.zip"), "rows": sum(map(len, before.values())), "files": 1,
    }  # fmt: skip
    empty_the_database()
    second = move_to(settings, tmp_path / "second")
    assert archive.read(tmp_path / "talka.zip") == wrote
    assert rows() == before
    assert files(second) == kept
    verdict = events.verify()
    assert (verdict.seals, verdict.unsealed, verdict.faults) == (2, 1, ())
    with Attachment.objects.get().file.open("rb") as data:
        assert data.read() == EVIDENCE


def test_the_whole_seed_comes_back(settings: Any, tmp_path: Path) -> None:
    seeds.load(seeds.SEEDS / "biomedicine")
    seeds.load(seeds.SEEDS / "demo")
    events.seal()
    before = rows()
    archive.write(tmp_path / "talka.zip")
    empty_the_database()
    move_to(settings, tmp_path / "second")
    archive.read(tmp_path / "talka.zip")
    assert rows() == before
    assert events.verify().faults == ()
    assert {loaded.new + loaded.changed for loaded in seeds.load(seeds.SEEDS / "biomedicine")} == {0}


def test_moving_from_the_embedded_database_to_postgresql(settings: Any, home: Path, tmp_path: Path) -> None:
    """A hub on SQLite, made by the command line, comes up on PostgreSQL with its record whole."""
    need_postgres()
    embedded = {
        name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "TALKA_LANE"}
    }
    embedded |= {"TALKA_HOME": str(tmp_path / "embedded"), "PYTHONPATH": str(ROOT / "src")}
    for command in (["up", "--check"], ["audit", "seal"], ["backup", str(tmp_path / "talka.zip")]):
        subprocess.run(
            [sys.executable, "-m", "talka", *command], env=embedded, check=True, capture_output=True
        )
    with zipfile.ZipFile(tmp_path / "talka.zip") as whole:
        counts = json.loads(whole.read("manifest.json"))["counts"]
    archive.read(tmp_path / "talka.zip")
    assert {label: len(found) for label, found in rows().items()} == counts
    verdict = events.verify()
    assert (verdict.events, verdict.unsealed, verdict.faults) == (counts["core.event"], 0, ())
    assert [hit.entry.kind for hit in search("biobankām", limit=1)] != []
    assert {loaded.new + loaded.changed for loaded in seeds.load(seeds.SEEDS / "biomedicine")} == {0}


def test_keys_and_the_backup_are_their_owners_alone(settings: Any, tmp_path: Path) -> None:
    drawn()
    archive.write(tmp_path / "talka.zip")
    empty_the_database()
    second = move_to(settings, tmp_path / "second")
    archive.read(tmp_path / "talka.zip")
    modes = {path: stat.S_IMODE((second / path).stat().st_mode) for path in archive.KEYS}
    assert modes == dict.fromkeys(archive.KEYS, 0o600)
    assert stat.S_IMODE((tmp_path / "talka.zip").stat().st_mode) == 0o600


def test_new_rows_get_numbers_that_no_row_ever_had(settings: Any, tmp_path: Path) -> None:
    """A mission was removed before the backup; its history must not become the next one's."""
    drawn()
    gone = add_mission(HUB, by=SYSTEM, code="gone", title_lv="Bijusī")
    number = gone.pk
    with transaction.atomic(), acting():
        gone.delete()
    archive.write(tmp_path / "talka.zip")
    empty_the_database()
    move_to(settings, tmp_path / "second")
    archive.read(tmp_path / "talka.zip")
    last = Event.objects.order_by("-pk")[0].pk
    new = add_mission(HUB, by=SYSTEM, code="new", title_lv="Jaunā")
    assert new.pk == number + 1
    assert Event.objects.order_by("-pk")[0].pk == last + 1
    assert [change.kind for change in events.history(new)] == ["created"]


def test_sessions_do_not_outlive_the_database_they_were_made_in(settings: Any, tmp_path: Path) -> None:
    drawn()
    archive.write(tmp_path / "talka.zip")
    Session.objects.create(session_key="x", session_data="", expire_date=timezone.now())
    archive.read(tmp_path / "talka.zip", replace=True)
    assert not Session.objects.exists()


def test_a_database_that_holds_rows_is_not_overwritten(home: Path, tmp_path: Path) -> None:
    drawn()
    archive.write(tmp_path / "talka.zip")
    edit_mission(Mission.objects.get(), by=SYSTEM, title_en="The sea")
    before = rows(), files(home)
    with pytest.raises(Invalid, match="not empty; nothing was restored"):
        archive.read(tmp_path / "talka.zip")
    assert (rows(), files(home)) == before
    archive.read(tmp_path / "talka.zip", replace=True)
    assert Mission.objects.get().title_en == "Sea"


def test_what_is_replaced_is_gone_with_its_files(settings: Any, home: Path, tmp_path: Path) -> None:
    drawn()
    kept = files(home)
    archive.write(tmp_path / "talka.zip")
    empty_the_database()
    second = move_to(settings, tmp_path / "second")
    drawn()
    (second / "media" / "attachments" / "stray.pdf").write_bytes(b"%PDF-")
    with pytest.raises(Invalid, match="not empty"):
        archive.read(tmp_path / "talka.zip")
    archive.read(tmp_path / "talka.zip", replace=True)
    assert files(second) == kept
    assert events.verify().faults == ()


def test_the_key_of_another_record_is_not_overwritten(settings: Any, tmp_path: Path) -> None:
    """A new database, but the TALKA_HOME of another hub."""
    drawn()
    archive.write(tmp_path / "talka.zip")
    empty_the_database()
    second = move_to(settings, tmp_path / "second")
    drawn()
    empty_the_database()
    before = files(second)
    with pytest.raises(Invalid, match="signing key of another record"):
        archive.read(tmp_path / "talka.zip")
    assert files(second) == before


def test_moving_to_another_database_in_the_same_home_keeps_newer_files(home: Path, tmp_path: Path) -> None:
    drawn()
    archive.write(tmp_path / "talka.zip")
    empty_the_database()
    newer = home / "media" / "attachments" / "newer.pdf"
    newer.write_bytes(b"%PDF-")
    archive.read(tmp_path / "talka.zip")
    assert newer.exists()


# ---------------------------------------------------------------- bad files

Parts = dict[str, bytes]


def tampered(path: Path, change: Callable[[Parts], object], *, sign: bool = True) -> Path:
    """The backup with its parts changed; `sign`: and the manifest's digests brought into line."""
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    change(parts)
    if sign and "manifest.json" in parts:
        manifest = json.loads(parts["manifest.json"])
        manifest["sha256"] = {
            name: hashlib.sha256(data).hexdigest() for name, data in parts.items() if name != "manifest.json"
        }
        parts["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as out:
        for name, data in parts.items():
            out.writestr(name, data)
    return path


def manifest(**values: Any) -> Callable[[Parts], object]:
    def change(parts: Parts) -> None:
        parts["manifest.json"] = json.dumps(json.loads(parts["manifest.json"]) | values).encode()

    return change


def migrations(change: Callable[[list[str]], object]) -> Callable[[Parts], object]:
    def apply(parts: Parts) -> None:
        known = json.loads(parts["manifest.json"])
        change(known["migrations"])
        parts["manifest.json"] = json.dumps(known).encode()

    return apply


def put(name: str, old: str, new: str) -> Callable[[Parts], object]:
    def change(parts: Parts) -> None:
        assert old.encode() in parts[name]
        parts[name] = parts[name].replace(old.encode(), new.encode(), 1)

    return change


MISSIONS = "rows/domains.mission.jsonl"
BAD: dict[str, tuple[Callable[[Parts], object], bool, str]] = {
    "no manifest": (lambda parts: parts.pop("manifest.json"), True, "not a backup of Talka"),
    "manifest is no JSON": (
        lambda parts: parts.update({"manifest.json": b"{"}),
        False,
        "not a backup of Talka",
    ),
    "manifest is a list": (
        lambda parts: parts.update({"manifest.json": b"[]"}),
        False,
        "not a backup of Talka",
    ),
    "another format": (manifest(format=2), True, "format 2; this Talka reads format 1"),
    "newer": (
        migrations(lambda known: known.append("plan.9999_newer")),
        True,
        r"newer Talka \(it knows plan.9999_newer\)",
    ),
    "older": (
        migrations(lambda known: known.remove("core.0001_initial")),
        True,
        r"older Talka .*core.0001_initial",
    ),
    "wrong digest": (
        put(MISSIONS, "Jūra", "Zeme"),
        False,
        "rows/domains.mission.jsonl in the backup is damaged",
    ),
    "a part is missing": (lambda parts: parts.pop(MISSIONS), True, "not a backup of Talka.*domains.mission"),
    "a named part is missing": (
        lambda parts: parts.pop(MISSIONS),
        False,
        "not a backup of Talka.*domains.mission",
    ),
    "unknown column": (put(MISSIONS, '"code"', '"kods"'), True, "not a backup of Talka.*kods"),
    "not a number": (put(MISSIONS, '"revision": 3', '"revision": "trīs"'), True, "not a backup of Talka"),
    "a row is cut": (put(MISSIONS, '"Jūra"', '"Jūra'), True, "not a backup of Talka"),
    "two rows with one code": (
        lambda parts: parts.update({"rows/domains.domain.jsonl": parts["rows/domains.domain.jsonl"] * 2}),
        True,
        "not a backup of Talka",
    ),
    "a key to nowhere": (
        put("rows/domains.ecosystem.jsonl", '"domain_id": ', '"domain_id": 99'),
        True,
        "not a backup",
    ),
    "an altered event": (
        put("rows/core.event.jsonl", '"by_name": "system"', '"by_name": "Cilda"'),
        True,
        "record in the backup is broken",
    ),
    "no signing key": (
        lambda parts: parts.pop("home/audit/signing.key"),
        True,
        "record in the backup is broken at signing key",
    ),
    "out of its folder": (
        lambda parts: parts.update({"media/../../evil.sh": b"x"}),
        True,
        "points outside its folder",
    ),
    "an absolute path": (
        lambda parts: parts.update({"media//etc/evil": b"x"}),
        True,
        "points outside its folder",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_backup_changes_nothing(home: Path, tmp_path: Path, name: str) -> None:
    change, sign, message = BAD[name]
    drawn()
    archive.write(tmp_path / "talka.zip")
    edit_mission(Mission.objects.get(), by=SYSTEM, title_en="The sea")
    (home / "secret.key").write_text("newer secret")
    before = rows(), files(home), sorted(path.name for path in tmp_path.iterdir())
    bad = tampered(tmp_path / "talka.zip", change, sign=sign)
    with pytest.raises(Invalid, match=message):
        archive.read(bad, replace=True)
    assert (rows(), files(home), sorted(path.name for path in tmp_path.iterdir())) == before


def test_a_key_that_is_none_of_ours_is_not_written(settings: Any, home: Path, tmp_path: Path) -> None:
    drawn()
    archive.write(tmp_path / "talka.zip")
    tampered(tmp_path / "talka.zip", lambda parts: parts.update({"home/authorized_keys": b"x"}))
    archive.read(tmp_path / "talka.zip", replace=True)
    assert not (home / "authorized_keys").exists()


@pytest.mark.parametrize("cut", [0, 100, 2000, -1])
def test_a_file_that_was_cut_off_is_told(tmp_path: Path, cut: int) -> None:
    drawn()
    path = tmp_path / "talka.zip"
    archive.write(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(Invalid, match=r"talka\.zip is not a backup of Talka, or is damaged"):
        archive.read(path, replace=True)


def test_a_byte_that_flipped_is_told(tmp_path: Path) -> None:
    drawn()
    path = tmp_path / "talka.zip"
    archive.write(path)
    with zipfile.ZipFile(path) as whole:
        place = whole.getinfo("rows/core.change.jsonl").header_offset + 200
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(Invalid, match="is damaged"):
        archive.read(path, replace=True)


def test_a_restore_that_fails_at_the_very_end_puts_the_files_back(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn()
    archive.write(tmp_path / "talka.zip")
    (home / "secret.key").write_text("newer secret")
    edit_mission(Mission.objects.get(), by=SYSTEM, title_en="The sea")
    before = rows(), files(home)
    move_in = archive._move_in

    def fail(*arguments: Any, **options: Any) -> int:
        move_in(*arguments, **options)
        raise OSError("no space left")

    monkeypatch.setattr(archive, "_move_in", fail)
    with pytest.raises(OSError, match="no space left"):
        archive.read(tmp_path / "talka.zip", replace=True)
    assert (rows(), files(home)) == before


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn()
    folder = tmp_path / "backups"
    folder.mkdir()

    def fail(*_arguments: Any) -> Any:
        raise OSError("no space left")

    monkeypatch.setattr(archive, "_copy", fail)
    with pytest.raises(OSError, match="no space left"):
        archive.write(folder / "talka.zip")
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="There is no folder"):
        archive.write(tmp_path / "none" / "talka.zip")


def test_a_new_kind_of_value_must_be_given_a_form() -> None:
    with pytest.raises(TypeError, match="a set has no form in a backup yet"):
        archive._plain({1})


def test_changes_are_among_the_rows() -> None:
    """The record is of the house too: were it left out, a restore would lose who did what."""
    kept = {model._meta.label_lower for model in archive.kept_models()}
    assert {Event._meta.label_lower, Change._meta.label_lower, "core.seal", "parties.account"} <= kept
    assert kept.isdisjoint({"sessions.session", "contenttypes.contenttype", "auth.permission"})
