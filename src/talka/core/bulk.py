"""Many rows at once, still on record: what `Noun.save` does one by one, for imports of thousands of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, TypeVar

from django.db import connection, models

from talka.core.actions import Stale, Touch, running
from talka.core.models import Noun, OutsideVerb

N = TypeVar("N", bound=Noun)
BATCH = 500
INSERTED = 5000  # rows handed to the database at once


def create(rows: Iterable[N]) -> list[N]:
    """Creates rows of one model within a verb, each on record."""
    made = list(rows)
    record = running()
    if record is None:
        raise OutsideVerb("bulk.create")
    for row in made:
        row.settle()
    if made:
        type(made[0])._base_manager.bulk_create(made, batch_size=BATCH)
    for row in made:
        after = {name: value for name, value in row.snapshot().items() if value not in (None, "", [], {})}
        record.touches.append(Touch(row, "created", {name: (None, value) for name, value in after.items()}))
    return made


def update(rows: Sequence[N], names: Sequence[str]) -> list[N]:
    """Saves the columns `names` of rows of one model within a verb, and the columns that `settle` derives from them.

    Rows that did not change are left alone; the others are returned.
    """
    record = running()
    if record is None:
        raise OutsideVerb("bulk.update")
    if not rows:
        return []
    model = type(rows[0])
    before: dict[Any, Noun] = {}
    keys = [row.pk for row in rows]
    for start in range(0, len(keys), BATCH):
        found = model._base_manager.select_for_update().in_bulk(keys[start : start + BATCH])
        before.update(found)
    columns = [model._meta.get_field(name).attname for name in names]  # type: ignore[union-attr]
    derived: dict[str, None] = {}
    changed: list[N] = []
    for row in rows:
        known = before[row.pk]
        if known.revision != row.revision:
            raise Stale(known)
        # The record speaks of what is saved: the row as it was, with these columns, and what follows from them.
        old = known.snapshot()
        for column in columns:
            setattr(known, column, getattr(row, column))
        known.settle()
        new = known.snapshot()
        fields = {name: (old[name], new[name]) for name in new if old[name] != new[name]}
        if not fields:
            continue
        for name in fields.keys() - set(columns):
            setattr(row, name, getattr(known, name))
            derived[name] = None
        row.revision += 1
        changed.append(row)
        record.touches.append(Touch(row, "changed", fields))
    model._base_manager.bulk_update(
        changed, [*dict.fromkeys([*columns, *derived]), "revision"], batch_size=BATCH
    )
    return changed


def insert(model: type[models.Model], rows: Iterable[models.Model]) -> None:
    """Inserts new rows of a model that is no noun, such as the record's own; their ids stay unknown.

    One prepared statement for all rows: `bulk_create` writes and parses a text of a few hundred rows at a time, which
    costs three times as much.
    """
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    quote = connection.ops.quote_name
    table, columns = quote(model._meta.db_table), ", ".join(quote(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    statement = f"insert into {table} ({columns}) values ({places})"
    waiting = iter(rows)
    with connection.cursor() as cursor:
        while batch := list(islice(waiting, INSERTED)):
            cursor.executemany(
                statement,
                [
                    [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
                    for row in batch
                ],
            )
