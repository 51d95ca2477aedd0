"""What an extract reads is the judge's: of whom the question is about, all that consent shows, and no more."""

from __future__ import annotations

from dataclasses import astuple, replace
from random import Random
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talka_node.columns import Columns
from talka_node.consent import State, basis
from talka_node.engines.bitmap import Bitmap
from talka_node.engines.memory import Memory, fitting, holds
from talka_node.extracts import FACTS, Extract
from talka_node.records import Records
from talka_node.store import TABLES
from talka_query.nodes import Count, Question, Specimen
from tests.generative.stores import TODAY, draw_scene

pytestmark = pytest.mark.once


def connected(records: Records) -> duckdb.DuckDBPyConnection:
    """The records as the views of a store are."""
    link = duckdb.connect()
    present = {row.donor for row in records.donors}
    orders = {
        "specimens": (
            "specimen",
            "donor",
            "biobank",
            "collection",
            "type",
            "collected",
            "temperature",
            "aliquots",
        )
    }
    for name, table in TABLES.items():
        if name in ("members", "resources"):
            continue
        columns = {each: kind for each, kind in table.columns.items() if each not in ("source", "born_known")}
        told = ", ".join(f'"{each}" {kind}' for each, kind in columns.items())
        link.execute(f"CREATE TABLE {name} ({told})")
        names = orders.get(name) or tuple(columns)
        for row in getattr(records, name):
            if name in ("variants", "donors") or row.donor in present:
                values = [str(getattr(row, each)) if each == "sex" else getattr(row, each) for each in names]
                quoted = ", ".join(f'"{each}"' for each in names)
                link.execute(f"INSERT INTO {name} ({quoted}) VALUES ({', '.join('?' * len(names))})", values)
    return link


def node(records: Records, state: State) -> Any:
    engine = Bitmap.build(Columns.of(records), state)
    return SimpleNamespace(
        log=SimpleNamespace(state=state),
        today=lambda: TODAY,
        engine=lambda: engine,
        store=SimpleNamespace(connect=lambda: connected(records)),
    )


def looked_up(records: Records, state: State, question: Question) -> None:
    given_now = basis(state, question.purpose, TODAY)
    judge = Memory(records)
    right = {
        case.donor.donor: case
        for case in judge._world(given_now)
        if holds(question.such_that, case, question.ages_at)
    }
    with Extract(node(records, state), question) as extract:
        assert extract.donors.tolist() == sorted(right)
        found = list(extract.cases(extract.donors, ("specimens", *FACTS), 3))
        assert [case.donor for case in found] == [right[number].donor for number in sorted(right)]
        for case in found:
            same = right[case.donor.donor]
            assert case.cohorts == same.cohorts
            for table in ("specimens", "diagnoses", "measurements", "medications", "procedures"):
                assert _rows(getattr(case, table)) == _rows(getattr(same, table)), table
        of_samples = replace(question, count=Count.SAMPLES)
        rows = [row for row, _ in extract.specimens(question.samples)]
        assert len(rows) == judge.answer(replace(of_samples, by=()), given_now).whole
        assert _rows(rows) == _rows(
            each for case in right.values() for each in fitting(question.samples, case)
        )
        variants, often = extract.variants([])
        carried = [each for batch in extract.carried([], variants, often) for each in batch]
        assert _rows(each for one in carried for each in one.genotypes) == _rows(
            each
            for each in records.genotypes
            if each.donor in right and each.variant in {row.variant for row in records.variants}
        )


def _rows(rows: Any) -> list[str]:
    return sorted(repr(astuple(row)) for row in rows)


def test_an_extract_holds_what_the_judge_sees() -> None:
    # A store is set up in SQL for each question: a fifth of the usual number of them.
    @settings(max_examples=max(5, settings().max_examples // 5), deadline=None)
    @given(st.randoms(use_true_random=True))
    def look(rng: Random) -> None:
        scene = draw_scene(rng, 2)
        for question in (*scene.questions, replace(scene.questions[0], samples=Specimen())):
            looked_up(scene.records, scene.state(), question)

    look()
