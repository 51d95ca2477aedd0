"""The canonical text of a cell."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka.core.formats import canonical, clean
from talka.core.formats.text import Value


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("", ""),
        ("Pasākums", "Pasākums"),
        ("  divi   vārdi\t", "divi vārdi"),
        ("cieta\u00a0atstarpe\u202fun\u2009šaura", "cieta atstarpe un šaura"),
        ("pēt\u00adnie\u00adcība", "pētniecība"),
        ("IF\u2011NPP", "IF-NPP"),
        ("zī\u200bme\ufeff", "zīme"),
        ("a\u0304", "ā"),
        ("viens\r\ndivi\rtrīs\x0bčetri\u2028pieci", "viens\ndivi\ntrīs\nčetri\npieci"),
        ("\n\n viens \n \n\n\n divi \n", "viens\n\ndivi"),
        ("• viens\n•divi\n\uf0b7 trīs", "viens\ndivi\ntrīs"),
        ("· viens", "viens"),
        ("·viens", "·viens"),
        ("•", "•"),
        ("- viens\n– divi", "- viens\n– divi"),
        ("nulle\x00\x1b\ud800", "nulle"),
        ("no\u202etxt.exe", "notxt.exe"),
        ("<b>=1+1</b>", "<b>=1+1</b>"),
    ],
)
def test_clean(raw: str, expected: str) -> None:
    assert clean(raw) == expected


@given(st.text(st.characters(codec=None)))
def test_clean_text_stays_as_it_is(raw: str) -> None:
    assert clean(clean(raw)) == clean(raw)


@given(st.text("a\u0304 \n\t•·\u00a0\u00ad\u2011\u200b-", max_size=12))
def test_clean_text_stays_as_it_is_where_everything_is_special(raw: str) -> None:
    assert clean(clean(raw)) == clean(raw)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (" x ", "x"),
        (True, "TRUE"),
        (False, "FALSE"),
        (2023, "2023"),
        (-5, "-5"),
        (0.75, "0.75"),
        (12.0, "12"),
        (0.1 + 0.2, "0.3"),
        (-0.0, "0"),
        (1e21, "1" + "0" * 21),
        (1e-7, "0.0000001"),
        (float("nan"), "NaN"),
        (Decimal("1.500"), "1.5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E+999999999"), "1E+999999999"),
        (date(2023, 6, 30), "2023-06-30"),
        (datetime(2023, 6, 30, tzinfo=UTC), "2023-06-30"),
        (datetime(2023, 6, 30, 14, 30, tzinfo=UTC), "2023-06-30 14:30"),
        (datetime(2023, 6, 30, 14, 30, 5, tzinfo=UTC), "2023-06-30 14:30:05"),
        (time(14, 30), "14:30"),
        (time(14, 30, 5), "14:30:05"),
        (timedelta(hours=26, minutes=5), "26:05:00"),
        (timedelta(seconds=-61), "-0:01:01"),
    ],
)
def test_canonical(value: Value, expected: str) -> None:
    assert canonical(value) == expected


def test_the_folder_knows_no_django() -> None:
    """Nodes and command lines use it too; a whole framework behind a table reader would be a heavy guest."""
    code = "import sys, talka.core.formats; print(sorted({'django', 'talka.settings'} & set(sys.modules)))"
    source = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
