"""The tables engine gives the judge's answers on DuckDB, and a rule that it forgets does not go unnoticed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("ibis", reason="the extra `tables` is not installed")

from talka_node.columns import Columns
from talka_node.engines import tables
from tests.generative import stores
from tests.generative.agree import on_duckdb
from tests.generative.test_memory import BROKEN as BROKEN_JUDGE
from tests.generative.test_memory import broken

pytestmark = pytest.mark.once

SOURCE = Path(tables.__file__).read_text("utf-8")

# Of each rule of the judge's, by its name in `test_memory`, a way for this engine to forget it.
BROKEN = {
    "consent is asked of a donor, not of a donor at a biobank": (
        '.semi_join(_table("permitted"), ["donor", "biobank"])',
        '.semi_join(_table("permitted"), "donor")',
    ),
    "donors without consent are counted": (
        'return _table("donors").semi_join(_table("permitted"), "donor")',
        'return _table("donors")',
    ),
    # What is missing: in no closed range, in every open one, told as a cell of its own, and `Not` turns it round.
    "a missing value is in every range": (
        "ibis.literal(True)).fill_null(False)",
        "ibis.literal(True))",
    ),
    "a missing value is in no range, not even an open one": (
        "return [*([] if low is None else [value >= low])",
        "return [value.notnull(), *([] if low is None else [value >= low])",
    ),
    "a record without a date is in no window, not even an open one": (
        "since, until = window.since, window.until\n    return [",
        "since, until = window.since, window.until\n    return [day.notnull(), ",
    ),
    "a missing type is any type": (
        "[value.isin(sorted(wanted))]",
        "[value.isin(sorted(wanted)) | value.isnull()]",
    ),
    "who has not died is not known to live": (
        "~_known([donors.died <= ibis.date(ages_at)])",
        "_known([donors.died > ibis.date(ages_at)])",
    ),
    "the dead grow older": ("(donors.died < day).fill_null(False).ifelse(donors.died, day)", "day"),
    "a missing collection is left out": ("specimens.collection.fill_null(MISSING)", "specimens.collection"),
    "a code in no chapter is left out": ("ibis.cases(*spans, else_=MISSING)", "ibis.cases(*spans)"),
    # One record meets a pattern, and one specimen lies in a cell.
    "a type may be of another specimen of the donor": (
        "*_among(rows.type, pattern.types),",
        "*([rows.donor.isin(_where(rows, _among(rows.type, pattern.types)).donor)] if pattern.types else []),",
    ),
    "a cell is put together from several specimens": (
        '        rows = rows.inner_join(seen, "donor")',
        """        for name in seen.columns[2:] if of_donors else [None]:
            rows = rows.inner_join(seen.select("donor", name).distinct() if name else seen, "donor")""",
    ),
    "donors are counted once a specimen": (
        'rows.select("donor", *names).distinct().group_by(names)',
        'rows.select("donor", *names).group_by(names)',
    ),
    "all specimens are samples": ("_specimens(question.samples)", "_specimens(nodes.Specimen())"),
    "`samples` restricts the donors": (
        'whole = left.select("donor")',
        'whole = left.semi_join(_samples(question), "donor").select("donor")',
    ),
    "samples are aliquots": (
        "ibis._.aliquots.sum() if question.count is Count.ALIQUOTS",
        "ibis._.aliquots.sum() if True",
    ),
    "the last anchor is the first": ("anchor.day.min()", "anchor.day.max()"),
    "before is after": ('pairs.event.delta(pairs.anchor, unit="day")', 'pairs.anchor.delta(pairs.event, unit="day")'),
}  # fmt: skip


def test_it_agrees_on_duckdb() -> None:
    stores.agree(on_duckdb, questions=3)


@pytest.fixture(scope="module")
def scenes() -> list[stores.Scene]:
    return [stores.draw_scene(Random(seed)) for seed in range(400)]


@pytest.mark.parametrize("rule", BROKEN)
def test_a_forgotten_rule_is_noticed(
    rule: str, scenes: list[stores.Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question takes this engine as long as the judge a hundred, so it is asked only those that make out a judge who
    breaks the rule."""
    judge = broken(*BROKEN_JUDGE[rule], monkeypatch)
    telling = list(islice(_telling(judge, scenes), 8))
    mutant = broken(*BROKEN[rule], monkeypatch, SOURCE)

    def on_mutant(records: Any, _state: Any) -> Any:
        return mutant.Tables(mutant.DuckDB.of(Columns.of(records)))

    assert any(stores.difference(on_mutant, scene) for scene in telling)


def _telling(judge: Any, scenes: list[stores.Scene]) -> Iterator[stores.Scene]:
    """Scenes of one question that the broken judge answers wrongly."""
    for scene in scenes:
        for question in scene.questions:
            alone = replace(scene, questions=(question,), changes=())
            if stores.difference(lambda records, _state: judge.Memory(records), alone):
                yield alone
