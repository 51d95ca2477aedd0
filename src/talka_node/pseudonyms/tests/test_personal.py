"""Personal codes: which are taken, what is known of them, and that none shows itself."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka_node.pseudonyms import personal
from talka_node.pseudonyms.personal import Code, Kind, Reason, Refused
from talka_node.pseudonyms.tests import invented
from talka_node.synth import personal as synthetic

pytestmark = pytest.mark.once

ANNA = invented.old(date(1990, 2, 28), 7)  # 280290-1007c


def reason_for(text: str) -> Reason:
    with pytest.raises(Refused) as refused:
        personal.read(text)
    return refused.value.reason


def test_the_check_digit_by_hand() -> None:
    # 1 + 2·10 + 8·5 + 0·8 + 2·4 + 9·2 + 0·1 + 1·6 + 0·3 + 0·7 + 7·9 = 156 = 14 · 11 + 2
    assert personal.check_digit([2, 8, 0, 2, 9, 0, 1, 0, 0, 7]) == 2
    assert ANNA == "280290-10072"


def test_ten_as_a_remainder_is_written_zero() -> None:
    # 1 + 1·5 + 1·4 + 1·6 + 3·9 = 43 = 3 · 11 + 10
    assert personal.check_digit([0, 1, 0, 1, 0, 0, 1, 0, 0, 3]) == 0


@given(invented.birthdays, st.integers(0, 999))
def test_an_old_code_tells_its_birth_date(born: date, serial: int) -> None:
    code = personal.read(invented.old(born, serial))
    assert (code.kind, code.born) == (Kind.OLD, born)


@given(invented.news)
def test_a_new_code_tells_nothing(text: str) -> None:
    code = personal.read(text)
    assert (code.kind, code.born) == (Kind.NEW, None)


@given(
    st.one_of(invented.olds, invented.news),
    st.sampled_from(["", "-", " - ", "–", "\u2011", "\u00a0", "\u00ad"]),
)
def test_dashes_and_spaces_do_not_matter(text: str, dash: str) -> None:
    plain = text.replace("-", "")
    written = f" {plain[:6]}{dash}{plain[6:]}\ufeff\n"
    assert personal.read(written).digits == plain.encode()
    assert personal.read(written) == personal.read(text)


@given(invented.olds, st.integers(1, 9))
def test_every_other_check_digit_is_quarantined_and_can_be_released(text: str, change: int) -> None:
    wrong = f"{text[:-1]}{(int(text[-1]) + change) % 10}"
    assert reason_for(wrong) is Reason.CHECK_DIGIT
    assert personal.read(wrong, trust_check_digit=False).digits == wrong.replace("-", "").encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.EMPTY),
        (" - ", Reason.EMPTY),
        ("nav zināms", Reason.CHARACTERS),
        ("LV28029010072", Reason.CHARACTERS),
        ("٢٨٠٢٩٠-١٠٠٧٢", Reason.CHARACTERS),  # digits of another script
        ("280290-100７2", Reason.CHARACTERS),
        ("28029010072.0", Reason.CHARACTERS),  # a number, as pandas writes it
        ("2.802901E+10", Reason.CHARACTERS),
        ("\ud800", Reason.CHARACTERS),
        ("28029-10072", Reason.LENGTH),
        ("1029010072", Reason.LENGTH),
        ("280290-100722", Reason.LENGTH),
        ("280290-30072", Reason.FORM),  # no such century
        ("480290-10072", Reason.FORM),
        ("990290-10072", Reason.FORM),
        ("290290-10072", Reason.DATE),  # 1990 was no leap year
        ("000190-10072", Reason.DATE),
        ("311390-10072", Reason.DATE),
        ("310690-10072", Reason.DATE),
        ("010717-20072", Reason.LATE),  # 1 July 2017
        ("280290-10073", Reason.CHECK_DIGIT),
    ],
)
def test_what_is_refused_and_why(text: str, reason: Reason) -> None:
    assert reason_for(text) is reason


def test_days_30_and_31_are_old_codes_and_32_is_a_new_one() -> None:
    kinds = [
        personal.read(text).kind
        for text in (invented.old(date(1990, 1, 30), 1), invented.old(date(1990, 1, 31), 1))
    ]
    assert kinds == [Kind.OLD, Kind.OLD]
    assert personal.read("320190-10072").kind is Kind.NEW
    assert personal.read("399999-99999").kind is Kind.NEW


@given(st.text(max_size=20))
def test_any_text_is_a_code_or_refused_without_being_repeated(text: str) -> None:
    try:
        code = personal.read(text)
    except Refused as refused:
        assert str(refused) == personal.SHOULD_BE[refused.reason]
    else:
        assert len(code.digits) == 11


def test_a_column_is_read_without_losing_a_row() -> None:
    reading = personal.read_all([(1, ANNA), (2, "280290-10073"), (3, ""), (4, invented.new(5))])
    assert [row for row, _ in reading.codes] == [1, 4]
    assert reading.quarantined == [
        personal.Quarantined(2, Reason.CHECK_DIGIT),
        personal.Quarantined(3, Reason.EMPTY),
    ]
    assert str(reading.quarantined[1]) == "3: there is no personal code; give 11 digits"


# --- it does not show itself --------------------------------------------------------------------------------


def shown(code: Code, logs: list[str]) -> list[str]:
    """All the ways in which a value is usually turned into text."""
    logging.getLogger("invented").warning("%s %r", code, code)
    ways = [str(code), repr(code), f"{code}", f"{code:>20}", "%s" % code, f"{[code]} { ({'x': code}) }"]  # noqa: UP031
    for refuses in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, hash, vars):
        with pytest.raises(TypeError) as error:
            refuses(code)
        ways.append("".join(traceback.format_exception(error.value)))
    return ways + logs


def test_a_code_shows_in_no_text_and_no_pickle(caplog: pytest.LogCaptureFixture) -> None:
    code = personal.read(ANNA)
    for text in shown(code, [record.getMessage() for record in caplog.records]):
        assert "280290" not in text
        assert "10072" not in text
    assert str(code) == "<personal code, old>"


def test_a_refusal_shows_nothing_even_with_local_variables() -> None:
    with pytest.raises(Refused) as error:
        personal.read("280290-10073")
    told = traceback.TracebackException.from_exception(error.value, capture_locals=True)
    [inner] = [frame for frame in told.stack if frame.filename == personal.__file__]
    assert inner.locals == {
        "bare": repr(bytearray(11)),
        "trust_check_digit": "True",
        "verdict": repr(Reason.CHECK_DIGIT),
    }


def test_a_wiped_code_is_gone() -> None:
    code = personal.read(ANNA)
    digits = code.digits
    with code as lent:
        assert lent is digits
        assert lent == b"28029010072"
    assert digits == bytes(11)
    assert code.born is None
    with pytest.raises(ValueError, match="was wiped; read it anew"):
        _ = code.digits


def test_the_synthetic_country_has_codes_of_both_kinds() -> None:
    numbers = np.arange(0, synthetic.MOST, 99_991)
    for invent, kind in ((synthetic.old, Kind.OLD), (synthetic.new, Kind.NEW)):
        reading = personal.read_all(enumerate(invent(numbers).tolist()))
        assert reading.quarantined == []
        assert {code.kind for _, code in reading.codes} == {kind}
