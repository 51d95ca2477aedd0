"""The state moves donors between classes, forwards in time, and a basis lets nobody else be counted."""

from __future__ import annotations

import copy
import pickle
from datetime import date, timedelta

import numpy as np
import pytest

from talka_node.consent import Basis, Change, Forms, Standing, State, basis, examples
from talka_node.consent.state import DAWN, Timeline
from talka_query.nodes import AskerKind, Purpose, Use

pytestmark = pytest.mark.once

FORMS = examples()
TODAY = date(2026, 3, 1)
RESEARCH = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
GENES = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC, genetic=True)
BROAD = Standing.of("invented-broad", 2, "research")
GENETIC = Standing.of("invented-broad", 2, "research", "genetic")


def test_a_donor_counts_where_a_biobank_may_count_him() -> None:
    state = State(FORMS)
    state.put(1, "Alpha", BROAD)
    state.put(2, "Alpha", GENETIC)
    state.put(2, "Beta", BROAD)
    state.put(3, "Beta", None)
    allowed = basis(state, GENES, TODAY)
    assert list(allowed.donors()) == [2]
    assert [allowed.permits(2, bank) for bank in ("Alpha", "Beta", "Gamma")] == [True, False, False]
    assert list(basis(state, RESEARCH, TODAY).donors()) == [1, 2]
    assert not allowed.permits(4, "Alpha")  # nobody knows donor 4
    assert not allowed.permits(-1, "Alpha")


def test_a_donor_without_forms_is_not_counted() -> None:
    state = State(Forms())
    state.put(1, "Alpha", BROAD)
    assert list(basis(state, RESEARCH, TODAY).donors()) == []


def test_a_withdrawal_reaches_a_basis_that_was_made_before() -> None:
    state = State(FORMS)
    state.put(1, "Alpha", BROAD)
    allowed = basis(state, RESEARCH, TODAY)
    before = state.version
    state.put(1, "Alpha", None)
    assert (list(allowed.donors()), allowed.permits(1, "Alpha"), state.version) == ([], False, before + 1)


def test_time_ends_a_consent_and_does_not_come_back() -> None:
    state = State(FORMS)
    state.plan(1, "Alpha", ((date(2020, 1, 1), BROAD), (date(2026, 3, 2), None)))
    assert list(basis(state, RESEARCH, TODAY).donors()) == [1]
    assert list(basis(state, RESEARCH, date(2026, 3, 2)).donors()) == []
    back = basis(state, RESEARCH, TODAY)
    assert (list(back.donors()), back.on) == ([], date(2026, 3, 2))


def test_a_consent_begins_on_its_day() -> None:
    state = State(FORMS, TODAY)
    state.plan(1, "Alpha", ((date(2026, 3, 5), BROAD),))
    assert [list(basis(state, RESEARCH, TODAY + timedelta(each)).donors()) for each in (0, 3, 4)] == [
        [],
        [],
        [1],
    ]


def test_a_new_timeline_replaces_what_was_to_come() -> None:
    state = State(FORMS, TODAY)
    state.plan(1, "Alpha", ((DAWN, None), (date(2026, 4, 1), BROAD)))
    state.put(1, "Alpha", None)
    assert list(basis(state, RESEARCH, date(2026, 5, 1)).donors()) == []


def test_listeners_hear_every_move_once_after_it_was_made() -> None:
    state = State(FORMS, TODAY)
    heard: list[tuple[Change, ...]] = []
    state.on_change(lambda moves: heard.append((*moves, Change(0, "now", 0, state[1, "Alpha"]))))
    state.put(1, "Alpha", BROAD)
    state.put(1, "Alpha", BROAD)  # no move
    state.plan_many([(1, "Alpha", ()), (2, "Beta", ((date(2026, 4, 1), GENETIC),))])
    state.advance(date(2026, 4, 1))
    assert heard == [
        (Change(1, "Alpha", 0, 1), Change(0, "now", 0, 1)),
        (Change(1, "Alpha", 1, 0), Change(0, "now", 0, 0)),
        (Change(2, "Beta", 0, 2), Change(0, "now", 0, 0)),
    ]
    assert state.version == 3


def test_a_listener_that_fails_keeps_no_other_from_hearing() -> None:
    state = State(FORMS, TODAY)
    heard: list[Change] = []

    def fail(_: object) -> None:
        raise RuntimeError("an index is broken")

    state.on_change(fail)
    state.on_change(heard.extend)
    with pytest.raises(RuntimeError, match="broken"):
        state.put(1, "Alpha", BROAD)
    assert (heard, state[1, "Alpha"], state.version) == ([Change(1, "Alpha", 0, 1)], 1, 1)


def test_classes_of_a_whole_column() -> None:
    state = State(FORMS)
    for donor in range(40):
        state.put(donor, ("Alpha", "Beta", "Gamma")[donor % 3], BROAD if donor % 2 else GENETIC)
    vocabulary = ["Beta", "Delta", "Gamma"]
    rng = np.random.default_rng(3)
    donors = rng.integers(-1, 45, 500).astype(np.int32)
    banks = rng.integers(-1, 3, 500).astype(np.int32)
    codes = np.append(state.codes_of(vocabulary), np.int32(-1))
    expected = [
        state[donor, vocabulary[bank]] if donor >= 0 and bank >= 0 else 0
        for donor, bank in zip(donors.tolist(), banks.tolist(), strict=True)
    ]
    assert state.classes_of(donors, codes[banks]).tolist() == expected
    assert {0, 1, 2} == set(expected)
    assert State(FORMS).classes_of(donors, banks).tolist() == [0] * 500


def test_the_state_is_what_a_dictionary_would_be() -> None:
    rng = np.random.default_rng(5)
    state, plain = State(FORMS, TODAY), dict[tuple[int, str], Timeline]()
    for _ in range(400):
        donor, bank = int(rng.integers(60)), f"bank {rng.integers(3)}"
        if rng.random() < 0.1:
            state.advance(state.day + timedelta(int(rng.integers(1, 40))))
            state.arrays()
        days = sorted(set(rng.integers(-400, 900, int(rng.integers(0, 4))).tolist()))
        steps = [(TODAY + timedelta(each), (BROAD, GENETIC, None)[int(rng.integers(3))]) for each in days]
        state.plan(donor, bank, steps)
        plain[donor, bank] = steps
        for (who, where), timeline in plain.items():
            standing = ([None] + [step for since, step in timeline if since <= state.day])[-1]
            assert state.classes[state[who, where]] == standing


def test_a_basis_is_made_by_nobody_else() -> None:
    state = State(FORMS)
    state.put(1, "Alpha", BROAD)
    allowed = basis(state, RESEARCH, TODAY)
    with pytest.raises(TypeError, match=r"by talka_node.consent.basis"):
        Basis(object(), RESEARCH, TODAY, state, allowed.grounds)
    with pytest.raises(AttributeError, match="does not change"):
        allowed.permitting = frozenset({0, 1})
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="not copied"):
            attempt(allowed)
    with pytest.raises(ValueError, match="read-only"):
        allowed.mask[0] = True


def test_class_numbers_that_run_out_count_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talka_node.consent.state.MOST_CLASSES", 2)
    state = State(FORMS)
    state.put(1, "Alpha", BROAD)
    state.put(2, "Alpha", GENETIC)
    assert list(basis(state, RESEARCH, TODAY).donors()) == [1]


@pytest.mark.parametrize("donor", [-1, 2**31])
def test_a_donor_is_a_number_that_fits(donor: int) -> None:
    with pytest.raises(ValueError, match="from 0 to"):
        State(FORMS).put(donor, "Alpha", BROAD)
