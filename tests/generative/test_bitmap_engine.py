"""The bitmaps give the judge's answers: built, saved and opened again, and after consents have changed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from talka_node.columns import Columns
from talka_node.consent import State
from talka_node.engines.bitmap import Bitmap
from talka_node.records import Records
from tests.generative import stores

pytestmark = pytest.mark.once


def built(records: Records, state: State) -> Bitmap:
    return Bitmap.build(Columns.of(records), state)


def opened(records: Records, state: State) -> Bitmap:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.bitmaps"
        built(records, state).save(path)
        return Bitmap.open(path, state, check=True)


def test_a_built_index_agrees_with_the_judge() -> None:
    stores.agree(built)


def test_an_opened_index_agrees_with_the_judge() -> None:
    stores.agree(opened, questions=4)
