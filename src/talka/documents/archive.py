"""Backup and restore: every row, attached file and key in one zip, independent of the database's kind.

A backup taken from SQLite restores into PostgreSQL and the other way round. The manifest names each part's
SHA-256; a restore is whole or not at all, rows and files alike, and checks the record of events before it ends.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.management.color import no_style
from django.db import DatabaseError, connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from talka.core import events
from talka.core.actions import Invalid

FORMAT = 1
KEYS = ("secret.key", "audit/signing.key", "audit/heads.jsonl")
SIGNING_KEY = "audit/signing.key"
CHUNK = 1 << 20
BATCH = 500
# What reading a damaged or foreign file ends in, sooner or later.
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    TypeError,
    ValueError,  # so also of JSON and of UTF-8
    AttributeError,
    NotImplementedError,
    RuntimeError,  # an encrypted zip
    ValidationError,
    DatabaseError,
)


def kept_models() -> list[type[models.Model]]:
    """Every model of the house. Sessions are left out: a restored session would be a stolen one."""
    return [
        model for model in apps.get_models() if model.__module__.startswith("talka.") and model._meta.managed
    ]


# ---------------------------------------------------------------- out


def write(path: Path) -> dict[str, Any]:
    """Writes the backup. The file appears only when it is complete, readable by its owner alone."""
    folder = path.resolve().parent
    if not folder.is_dir():
        raise Invalid(_("There is no folder %(folder)s to write the backup into.") % {"folder": folder})
    counts: dict[str, int] = {}
    digests: dict[str, str] = {}
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".backup-")
    os.close(handle)
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive, _snapshot():
            for model in kept_models():
                name = _part(model)
                with archive.open(name, "w", force_zip64=True) as out:
                    counts[model._meta.label_lower], digests[name] = _write_rows(model, out)
            sequences = _sequences()
            for name, source in _files():
                with archive.open(name, "w", force_zip64=True) as out, source.open("rb") as data:
                    digests[name] = _copy(data, out)
            manifest = {
                "format": FORMAT,
                "made": datetime.now(UTC).isoformat(timespec="seconds"),
                "migrations": _migrations(),
                "counts": counts,
                "sequences": sequences,
                "sha256": digests,
            }
            archive.writestr("manifest.json", json.dumps(manifest, indent=1))
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    files = sum(name.startswith("media/") for name in digests)
    return {"file": str(path), "rows": sum(counts.values()), "files": files}


def _part(model: type[models.Model]) -> str:
    return f"rows/{model._meta.label_lower}.jsonl"


def _migrations() -> list[str]:
    """The migrations of the rooms that this database has gone through: the shape of the rows."""
    rooms = {model._meta.app_label for model in kept_models()}
    applied = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in applied if app in rooms)


@contextmanager
def _snapshot() -> Iterator[None]:
    """All rows as of one moment, while others go on writing."""
    if connection.in_atomic_block:  # inside a test's transaction, whose moment it then is
        yield
        return
    usual = getattr(connection, "transaction_mode", None)
    if connection.vendor == "sqlite":
        # A transaction that only reads takes no lock: in WAL mode it sees one moment, and writers do not wait.
        connection.transaction_mode = "DEFERRED"  # type: ignore[attr-defined]
    try:
        with transaction.atomic():
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("set transaction isolation level repeatable read")
            yield
    finally:
        if connection.vendor == "sqlite":
            connection.transaction_mode = usual  # type: ignore[attr-defined]


def _write_rows(model: type[models.Model], out: IO[bytes]) -> tuple[int, str]:
    count, digest = 0, hashlib.sha256()
    fields = [field.attname for field in model._meta.concrete_fields]
    for row in model._base_manager.order_by("pk").values_list(*fields).iterator(chunk_size=2000):
        text = json.dumps(dict(zip(fields, row, strict=True)), ensure_ascii=False, default=_plain)
        line = (text + "\n").encode()
        digest.update(line)
        out.write(line)
        count += 1
    return count, digest.hexdigest()


def _plain(value: Any) -> str:
    """Times to the microsecond: an event is sealed with its own, and Django's encoder would round them."""
    if isinstance(value, date | time):  # and datetime
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no form in a backup yet; give it one here and in _value")


def _sequences() -> dict[str, int]:
    """The last number that each table has given out. Rows may be gone since, but their history keeps their numbers."""
    given: dict[str, int] = {}
    with connection.cursor() as cursor:
        for model in kept_models():
            table, column = model._meta.db_table, model._meta.pk.column
            if connection.vendor == "postgresql":
                cursor.execute(
                    "select pg_sequence_last_value(pg_get_serial_sequence(%s, %s)::regclass)", [table, column]
                )
            else:
                cursor.execute("select max(seq) from sqlite_sequence where name = %s", [table])
            given[model._meta.label_lower] = cursor.fetchone()[0] or 0
    return given


def _files() -> Iterator[tuple[str, Path]]:
    media = Path(settings.MEDIA_ROOT)
    for path in sorted(media.rglob("*")) if media.exists() else ():
        if path.is_file():
            yield f"media/{path.relative_to(media).as_posix()}", path
    for name in KEYS:
        path = Path(settings.HOME) / name
        if path.exists():
            yield f"home/{name}", path


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


# ---------------------------------------------------------------- in


def read(path: Path, *, replace: bool = False) -> dict[str, Any]:
    """Restores a backup into a migrated database. Raises Invalid if the file is damaged or of another version, or

    if the database holds rows, or TALKA_HOME the key of another record, and `replace` is not given.
    """
    staging = Path(tempfile.mkdtemp(dir=settings.HOME, prefix=".restore-"))
    moved: list[Callable[[], object]] = []
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _checked(archive)
            _extract(archive, manifest, staging)
            if not replace:
                _refuse_to_overwrite(staging)
            with transaction.atomic():
                rows = _read_rows(archive, manifest)
                _verify(staging)
                files = _move_in(staging, moved, replace=replace)
    except BaseException as error:
        for take_back in reversed(moved):
            take_back()
        if isinstance(error, DAMAGED):
            message = _("%(file)s is not a backup of Talka, or is damaged (%(error)s). Nothing was restored.")
            raise Invalid(message % {"file": path.name, "error": error}) from error
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return {"file": str(path), "rows": rows, "files": files}


def _checked(archive: zipfile.ZipFile) -> dict[str, Any]:
    """The manifest, once every part that it names is there, whole, and of this version."""
    manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
    if manifest["format"] != FORMAT:
        raise Invalid(
            _("The backup is of format %(format)s; this Talka reads format %(known)d.")
            % {"format": manifest["format"], "known": FORMAT}
        )
    theirs, ours = set(manifest["migrations"]), set(_migrations())
    if unknown := sorted(theirs - ours):
        raise Invalid(
            _(
                "The backup was made by a newer Talka (it knows %(migration)s). Install that version, run"
                " `talka up --check`, then restore."
            )
            % {"migration": unknown[0]}
        )
    if lacking := sorted(ours - theirs):
        raise Invalid(
            _(
                "The backup was made by an older Talka (it does not know %(migration)s). Restore it with that version,"
                " then install this one and run `talka up --check`."
            )
            % {"migration": lacking[0]}
        )
    for model in kept_models():
        if _part(model) not in manifest["sha256"]:
            raise KeyError(_part(model))
    for name, expected in manifest["sha256"].items():
        digest = hashlib.sha256()
        with archive.open(name) as part:
            while chunk := part.read(CHUNK):
                digest.update(chunk)
        if digest.hexdigest() != expected:
            raise Invalid(_("%(part)s in the backup is damaged; nothing was restored.") % {"part": name})
    return manifest


def _extract(archive: zipfile.ZipFile, manifest: Mapping[str, Any], staging: Path) -> None:
    """Unpacks attached files and keys beside where they will stand."""
    for name in manifest["sha256"]:
        root, _slash, rest = name.partition("/")
        if root not in {"media", "home"} or (root == "home" and rest not in KEYS):
            continue
        if ".." in PurePosixPath(rest).parts or PurePosixPath(rest).is_absolute() or not rest:
            raise Invalid(
                _("%(part)s in the backup points outside its folder; nothing was restored.") % {"part": name}
            )
        target = staging / root / rest
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as data, target.open("xb") as out:
            shutil.copyfileobj(data, out)
        # Attached files as Django's storage makes them; keys for their owner alone.
        target.chmod(0o644 if root == "media" else 0o600)


def _refuse_to_overwrite(staging: Path) -> None:
    if any(model._base_manager.exists() for model in kept_models()):
        raise Invalid(
            _(
                "The database is not empty; nothing was restored. Restore into a new TALKA_HOME or database,"
                " or give --replace."
            )
        )
    ours, theirs = Path(settings.HOME) / SIGNING_KEY, staging / "home" / SIGNING_KEY
    if ours.exists() and (not theirs.exists() or ours.read_bytes() != theirs.read_bytes()):
        raise Invalid(
            _(
                "TALKA_HOME holds the signing key of another record; nothing was restored. Restore into a new"
                " TALKA_HOME, or give --replace."
            )
        )


def _read_rows(archive: zipfile.ZipFile, manifest: Mapping[str, Any]) -> int:
    kept = kept_models()
    with connection.cursor() as cursor:
        # Keys are checked when all rows are there, because they may point both ways.
        if connection.vendor == "postgresql":
            cursor.execute("set constraints all deferred")
        tables = [model._meta.db_table for model in kept]
        for statement in connection.ops.sql_flush(no_style(), tables, reset_sequences=True):
            cursor.execute(statement)
    total = 0
    for model in kept:
        with archive.open(_part(model)) as lines:
            total += _insert(model, lines)
    connection.check_constraints()
    _set_sequences(manifest["sequences"])
    Session.objects.all().delete()  # whoever was signed in was so in another database
    return total


def _insert(model: type[models.Model], lines: IO[bytes]) -> int:
    fields = {field.attname: field for field in model._meta.concrete_fields}
    batch: list[models.Model] = []
    count = 0
    for line in lines:
        values = json.loads(line)
        batch.append(model(**{name: _value(fields[name], value) for name, value in values.items()}))
        count += 1
        if len(batch) == BATCH:
            model._base_manager.bulk_create(batch)
            batch = []
    model._base_manager.bulk_create(batch)
    return count


def _value(field: models.Field[Any, Any], value: Any) -> Any:
    return value if isinstance(field, models.JSONField | models.ForeignKey) else field.to_python(value)


def _set_sequences(given: Mapping[str, int]) -> None:
    """New rows get numbers that no row ever had, so that nobody inherits another's history."""
    with connection.cursor() as cursor:
        for model in kept_models():
            table, column = model._meta.db_table, model._meta.pk.column
            highest = model._base_manager.aggregate(highest=models.Max("pk"))["highest"] or 0
            last = max(int(given[model._meta.label_lower]), highest)
            if not last:
                continue
            if connection.vendor == "postgresql":
                cursor.execute("select setval(pg_get_serial_sequence(%s, %s), %s)", [table, column, last])
            else:
                cursor.execute("delete from sqlite_sequence where name = %s", [table])
                cursor.execute("insert into sqlite_sequence (name, seq) values (%s, %s)", [table, last])


def _verify(staging: Path) -> None:
    home = staging / "home"
    verdict = events.verify(home / "audit" / "heads.jsonl", key=home / SIGNING_KEY)
    if verdict.faults:
        raise Invalid(
            _("The record in the backup is broken at %(place)s: %(message)s. Nothing was restored.")
            % {"place": verdict.faults[0].place, "message": verdict.faults[0].message}
        )


def _move_in(staging: Path, moved: list[Callable[[], object]], *, replace: bool) -> int:
    """Puts the unpacked files where they belong; `moved` gets what would undo it. Returns the number of attached files.

    Files that the backup does not know stay, unless all is to be replaced: another database may still name them.
    """
    media = staging / "media"
    attached = sorted(path for path in media.rglob("*") if path.is_file()) if media.exists() else []
    places = {Path(settings.MEDIA_ROOT) / path.relative_to(media): path for path in attached}
    places |= {Path(settings.HOME) / name: staging / "home" / name for name in KEYS}
    gone = [
        target for target, source in places.items() if not source.exists() and target.name != "secret.key"
    ]
    if replace and Path(settings.MEDIA_ROOT).exists():
        gone += [
            path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file() and path not in places
        ]
    for number, target in enumerate(
        [*gone, *(target for target, source in places.items() if source.exists())]
    ):
        if target.exists():
            aside = staging / f"old-{number}"
            target.rename(aside)
            moved.append(partial(aside.replace, target))
        source = places.get(target)
        if source is not None and source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
            moved.append(target.unlink)
    return len(attached)
