"""Backup and restore: every row, attached file and key in one zip, independent of the database's kind.

A backup taken from SQLite restores into PostgreSQL and the other way round. The manifest names each part's
SHA-256; a restore is whole or not at all, and ends by checking the record of events.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from django.apps import apps
from django.conf import settings
from django.core import serializers
from django.core.management.color import no_style
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from talka.core import events
from talka.core.actions import Invalid

FORMAT = 1
# Made anew by whoever signs in; a restored session would be a stolen one.
LEFT_OUT = {"sessions.session", "contenttypes.contenttype", "auth.permission", "auth.group"}
KEYS = ("secret.key", "audit/signing.key", "audit/heads.jsonl")
CHUNK = 1 << 20


def kept_models() -> list[type[models.Model]]:
    """Every model of the house whose rows are kept, referred-to rows before those that refer to them."""
    models_ = [m for m in apps.get_models() if m._meta.label_lower not in LEFT_OUT and m._meta.managed]
    return serializers.sort_dependencies([(None, models_)], allow_cycles=True)  # type: ignore[list-item]


def write(path: Path) -> dict[str, Any]:
    """Writes the backup. The file appears only when it is complete, readable by its owner alone."""
    counts: dict[str, int] = {}
    digests: dict[str, str] = {}
    handle, temporary = tempfile.mkstemp(dir=path.resolve().parent, prefix=".backup-")
    os.close(handle)
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive, _snapshot():
            for model in kept_models():
                name = f"rows/{model._meta.label_lower}.jsonl"
                with archive.open(name, "w", force_zip64=True) as out:
                    counts[model._meta.label_lower], digests[name] = _write_rows(model, out)
            for name, source in _files():
                with archive.open(name, "w", force_zip64=True) as out, source.open("rb") as data:
                    digests[name] = _copy(data, out)
            manifest = {
                "format": FORMAT,
                "made": datetime.now(UTC).isoformat(timespec="seconds"),
                "migrations": sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()),
                "counts": counts,
                "sha256": digests,
            }
            archive.writestr("manifest.json", json.dumps(manifest, indent=1))
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    files = sum(name.startswith("media/") for name in digests)
    return {"file": str(path), "rows": sum(counts.values()), "files": files}


@contextmanager
def _snapshot() -> Iterator[None]:
    """All rows as of one moment, while others go on writing (PostgreSQL) or wait (SQLite)."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("set transaction isolation level repeatable read")
        yield


def _write_rows(model: type[models.Model], out: IO[bytes]) -> tuple[int, str]:
    count, digest = 0, hashlib.sha256()
    fields = [field.attname for field in model._meta.concrete_fields]
    encode = DjangoJSONEncoder(ensure_ascii=False).encode
    for row in model._base_manager.order_by("pk").values_list(*fields).iterator(chunk_size=2000):
        line = (encode(dict(zip(fields, row, strict=True))) + "\n").encode()
        digest.update(line)
        out.write(line)
        count += 1
    return count, digest.hexdigest()


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


def read(path: Path, *, replace: bool = False) -> dict[str, Any]:
    """Restores a backup into a migrated database. Raises Invalid if the file is damaged, of another version, or

    if the database holds rows and `replace` is not given.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            _check(archive, manifest)
            if not replace and any(m._base_manager.exists() for m in kept_models()):
                raise Invalid(
                    _("The database is not empty; nothing was restored. Restore into a new TALKA_HOME or database, or give --replace.")
                )
            with transaction.atomic():
                rows = _read_rows(archive, manifest)
                files = _read_files(archive, manifest)
                verdict = events.verify()
                if verdict.faults:
                    raise Invalid(
                        _("The record in the backup is broken at %(place)s: %(message)s. Nothing was restored.")
                        % {"place": verdict.faults[0].place, "message": verdict.faults[0].message}
                    )
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError) as error:
        raise Invalid(_("%(file)s is not a backup of Talka, or is damaged (%(error)s).") % {"file": path.name, "error": error}) from None
    return {"rows": rows, "files": files}


def _check(archive: zipfile.ZipFile, manifest: dict[str, Any]) -> None:
    here = {f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()}
    if unknown := sorted(set(manifest["migrations"]) - here):
        raise Invalid(
            _("The backup was made by a newer Talka (it knows %(migration)s). Install that version, run `talka up --check`, then restore.")
            % {"migration": unknown[0]}
        )
    for name, expected in manifest["sha256"].items():
        digest = hashlib.sha256()
        with archive.open(name) as part:
            while chunk := part.read(CHUNK):
                digest.update(chunk)
        if digest.hexdigest() != expected:
            raise Invalid(_("%(part)s in the backup is damaged; nothing was restored.") % {"part": name})


def _read_rows(archive: zipfile.ZipFile, manifest: dict[str, Any]) -> int:
    total = 0
    kept = kept_models()
    with connection.constraint_checks_disabled():
        with connection.cursor() as cursor:
            for statement in connection.ops.sql_flush(no_style(), [m._meta.db_table for m in kept], reset_sequences=True):
                cursor.execute(statement)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("set constraints all deferred")
        for model in kept:
            with archive.open(f"rows/{model._meta.label_lower}.jsonl") as lines:
                total += _insert(model, lines)
    connection.check_constraints()
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), kept):
            cursor.execute(statement)
    return total


def _insert(model: type[models.Model], lines: IO[bytes]) -> int:
    fields = {field.attname: field for field in model._meta.concrete_fields}
    batch: list[models.Model] = []
    count = 0
    for line in lines:
        values = json.loads(line)
        batch.append(model(**{name: _value(fields[name], value) for name, value in values.items()}))
        count += 1
        if len(batch) == 500:
            model._base_manager.bulk_create(batch)
            batch = []
    model._base_manager.bulk_create(batch)
    return count


def _value(field: models.Field[Any, Any], value: Any) -> Any:
    return value if isinstance(field, models.JSONField | models.ForeignKey) else field.to_python(value)


def _read_files(archive: zipfile.ZipFile, manifest: dict[str, Any]) -> int:
    media, home, count = Path(settings.MEDIA_ROOT), Path(settings.HOME), 0
    for name in manifest["sha256"]:
        root, _slash, rest = name.partition("/")
        if root not in {"media", "home"} or (root == "home" and rest not in KEYS):
            continue
        if ".." in PurePosixPath(rest).parts or PurePosixPath(rest).is_absolute():
            raise Invalid(_("%(part)s in the backup points outside its folder; nothing was restored.") % {"part": name})
        target = (media if root == "media" else home) / rest
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as data, target.open("wb") as out:
            shutil.copyfileobj(data, out)
        target.chmod(0o600)
        count += root == "media"
    return count
