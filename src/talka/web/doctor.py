"""Examines an installation and says what would make it well."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from talka.core import events, outbox, translations
from talka.core.models import Attachment, Delivery, Event, Seal, SearchEntry
from talka.core.search import FINDABLE


@dataclass(frozen=True)
class Result:
    """One examination: `state` is "well", "note" (works, could be better) or "ill"."""

    name: str
    state: str
    found: str
    remedy: str = ""


def examine() -> list[Result]:
    """All examinations; those that need the database are left out when it does not answer."""
    results = [each for check in (_python, _home, _secrets, _translations, _debug) for each in check()]
    database = list(_database())
    results += database
    if all(result.state != "ill" for result in database):
        results += [each for check in (_letters, _record, _files, _search) for each in check()]
    return results


Check = Callable[[], Iterator[Result]]


def _python() -> Iterator[Result]:
    version = sys.version.split()[0]
    good = sys.version_info >= (3, 11)
    yield Result(
        "Python", "well" if good else "ill", version, "" if good else "Talka needs Python 3.11 or newer."
    )


def _home() -> Iterator[Result]:
    home = Path(settings.HOME)
    if not home.is_dir() or not os.access(home, os.W_OK):
        yield Result(
            "TALKA_HOME", "ill", "the folder of the data is missing or cannot be written", "Set TALKA_HOME."
        )
        return
    if stat.S_IMODE(home.stat().st_mode) & 0o077:
        yield Result(
            "TALKA_HOME",
            "note",
            "others on this machine can look into the folder of the data",
            "Take the right from them: mode 700.",
        )
    free = shutil.disk_usage(home).free / 1e9
    state = "well" if free > 5 else "note" if free > 1 else "ill"
    remedy = "" if state == "well" else "Free some disk: attachments and backups need it."
    yield Result("Disk", state, f"{free:.1f} GB free where the data is", remedy)


def _secrets() -> Iterator[Result]:
    for path in (Path(settings.HOME) / "secret.key", events.key_path()):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Result(
                "Keys",
                "ill",
                f"{path.name} can be read by others",
                "Take the right to read from others: mode 600.",
            )
            return
    yield Result("Keys", "well", "only the owner can read them")


def _translations() -> Iterator[Result]:
    missing = [po for po in translations.sources() if not po.with_suffix(".mo").exists()]
    yield Result(
        "Latvian",
        "ill" if missing else "well",
        f"{len(missing)} rooms not compiled" if missing else "compiled",
        "Start with `talka up`, which compiles it." if missing else "",
    )


def _debug() -> Iterator[Result]:
    if settings.DEBUG:
        yield Result("Debug", "note", "on: tracebacks are shown to readers", "Unset TALKA_DEBUG in public.")


def _database() -> Iterator[Result]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        yield Result(
            "Database",
            "ill",
            f"{connection.vendor} does not answer: {error}",
            "Check DATABASE_URL and the server.",
        )
        return
    yield Result(
        "Database",
        "ill" if waiting else "well",
        f"{connection.vendor}, {len(waiting)} migrations waiting"
        if waiting
        else f"{connection.vendor}, up to date",
        "Run `talka up --check`." if waiting else "",
    )


def _letters() -> Iterator[Result]:
    stuck = Delivery.objects.filter(done_at=None, attempts__gte=outbox.ATTEMPTS).count()
    late = Delivery.objects.filter(done_at=None, due__lt=timezone.now() - timedelta(minutes=15)).count()
    if stuck:
        last = Delivery.objects.filter(done_at=None, attempts__gte=outbox.ATTEMPTS).order_by("-id").first()
        reason = last.error.strip().splitlines()[-1] if last and last.error.strip() else ""
        yield Result(
            "Outbox",
            "ill",
            f"{stuck} deliveries given up; the last: {reason}",
            "Mend the cause, then run `talka work`.",
        )
    elif late:
        yield Result(
            "Outbox", "note", f"{late} deliveries wait longer than 15 minutes", "Is `talka work` running?"
        )
    else:
        yield Result("Outbox", "well", "nothing waits too long")


def _record() -> Iterator[Result]:
    sealed = Seal.objects.count()
    if sealed and not events.key_path().exists():
        yield Result(
            "Record",
            "ill",
            f"{sealed} seals, but the key that signed them is gone",
            f"Bring {events.key_path().name} back from a backup; until then nothing is sealed.",
        )
        return
    old = Event.objects.filter(seal=None, at__lt=timezone.now() - timedelta(hours=1)).exists()
    if old:
        yield Result("Record", "note", "events older than an hour are not sealed", "Is `talka work` running?")
    else:
        yield Result("Record", "well", "sealed up to the last hour; `talka audit verify` checks it whole")


def _files() -> Iterator[Result]:
    media = Path(settings.MEDIA_ROOT)
    names = list(Attachment.objects.order_by("pk").values_list("file", flat=True))
    lost = [name for name in names if not (media / name).is_file()]
    if lost:
        remedy = "Bring the files back from a backup; what they were evidence of still names them."
        yield Result("Files", "ill", f"{len(lost)} of {len(names)} are gone; the first: {lost[0]}", remedy)
    else:
        yield Result("Files", "well", f"{len(names)} attached files are in their places")


def _search() -> Iterator[Result]:
    wanted = sum(how.model._base_manager.count() for how in FINDABLE.values())
    there = SearchEntry.objects.filter(kind__in=FINDABLE).count()
    yield Result(
        "Search",
        "well" if wanted == there else "note",
        f"{there} of {wanted} findable rows are in the index",
        "" if wanted == there else "Run `talka reindex`.",
    )
