"""Many rows at once, still on record: what `Noun.save` does one by one, for imports of thousands of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from talka.core.actions import Stale, Touch, running
from talka.core.models import Noun, OutsideVerb

N = TypeVar("N", bound=Noun)
BATCH = 500


def create(rows: Iterable[N]) -> list[N]:
    """Creates rows of one model within a verb, each on record."""
    made = list(rows)
    record = running()
    if record is None:
        raise OutsideVerb("bulk.create")
    if made:
        type(made[0])._base_manager.bulk_create(made, batch_size=BATCH)
    for row in made:
        after = {name: value for name, value in row.snapshot().items() if value not in (None, "", [], {})}
        record.touches.append(Touch(row, "created", {name: (None, value) for name, value in after.items()}))
    return made


def update(rows: Sequence[N], names: Sequence[str]) -> list[N]:
    """Saves the columns `names` of rows of one model within a verb; rows that did not change are left alone."""
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
    changed: list[N] = []
    for row in rows:
        known = before[row.pk]
        if known.revision != row.revision:
            raise Stale(known)
        old, new = known.snapshot(), row.snapshot()
        fields = {name: (old[name], new[name]) for name in new if old[name] != new[name]}
        if fields:
            row.revision += 1
            changed.append(row)
            record.touches.append(Touch(row, "changed", fields))
    model._base_manager.bulk_update(changed, [*names, "revision"], batch_size=BATCH)
    return changed
