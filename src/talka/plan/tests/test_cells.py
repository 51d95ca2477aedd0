"""What people write into one cell."""

from __future__ import annotations

import pytest

from talka.core.actions import HUB
from talka.core.testing import acting
from talka.plan import queries
from talka.plan.sheets.cells import split_funding, split_parties
from talka.plan.sheets.headings import Heading, parse, split_number
from talka.plan.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def known():
    factories.organisation("IZM", "Izglītības un zinātnes ministrija")
    factories.organisation("LZP", "Latvijas Zinātnes padome")
    factories.organisation("", "Pētniecības organizācijas", kind_of="group")
    factories.organisation("", "Profesionālās izglītības iestādes", kind_of="group")
    factories.organisation("ABC", "Centrs “A, B un C”")
    factories.organisation("PMNET", "Precīzijas medicīnas tīklošanās forums (PMNET)")
    college = factories.organisation("", "RTU Olaines Tehnoloģiju koledža")
    factories.other_name(college, "iestādes - RTU Olaines Tehnoloģiju koledža")
    return queries.organisation_spellings()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("IZM, LZP", ["IZM", "LZP"]),
        ("IZM,LZP;  izm", ["IZM", "LZP", "IZM"]),
        ("IZM\nLZP", ["IZM", "LZP"]),
        ("IZM un LZP", ["IZM", "LZP"]),
        ("IZM/LZP", ["IZM", "LZP"]),
        ("LZP (IZM)", ["LZP", "IZM"]),
        ("izglitibas un zinatnes ministrija.", ["IZM"]),
        ("Izglītības un zinātnes ministrija un LZP", ["IZM", "LZP"]),
        ("Centrs „A, B un C”, IZM", ["ABC", "IZM"]),
        ("IZM, Centrs A, B un C un LZP", ["IZM", "ABC", "LZP"]),
        ("Precīzijas medicīnas tīklošanās forums (PMNET), IZM", ["PMNET", "IZM"]),
        ("Pētniecības organizācijas, IZM u.c.", ["Pētniecības organizācijas", "IZM"]),
        ("IZM, u. c.", ["IZM"]),
        ("iestādes - RTU Olaines Tehnoloģiju koledža", ["RTU Olaines Tehnoloģiju koledža"]),
        (
            "Profesionālās izglītības iestādes – RTU Olaines Tehnoloģiju koledža",
            ["Profesionālās izglītības iestādes", "RTU Olaines Tehnoloģiju koledža"],
        ),
        ("", []),
        (" , ; ", []),
    ],
)
def test_parties(known, cell, expected):
    pieces = split_parties(cell, known)
    assert [[each.acronym or each.name_lv for each in piece.found] for piece in pieces] == [
        [name] for name in expected
    ]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Vides un enerģētikas biedrība", [("Vides un enerģētikas biedrība", False)]),
        ("IZM un Vides biedrība", [("IZM", True), ("Vides biedrība", False)]),
        ("Vides un enerģētikas biedrība un IZM", [("Vides un enerģētikas biedrība", False), ("IZM", True)]),
        ('=HYPERLINK("x"), IZM', [('=HYPERLINK("x")', False), ("IZM", True)]),
    ],
)
def test_unknown_parties_are_kept_whole(known, cell, expected):
    assert [(piece.text, bool(piece.found)) for piece in split_parties(cell, known)] == expected


def test_merged_organisation_leads_to_what_it_became():
    kept = factories.organisation("JAUNA", "Jaunā aģentūra")
    with acting():
        old = factories.organisation("VECA", "Vecā aģentūra")
        old.merged_into = kept
        old.save()
    known = queries.organisation_spellings()
    assert [piece.found for piece in split_parties("Vecā aģentūra", known)] == [(kept,)]


def test_two_of_one_name_are_unclear_unless_one_is_here():
    factories.organisation("", "Universitāte", country="EE")
    factories.organisation("", "Universitāte", country="LT")
    assert [
        len(piece.found) for piece in split_parties("Universitāte", queries.organisation_spellings())
    ] == [2]
    here = factories.organisation("", "Universitāte", country="LV")
    assert split_parties("Universitāte", queries.organisation_spellings())[0].found == (here,)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("ES fondi, VBF", [("ES fondi", "es-fondi"), ("VBF", "vbf")]),
        ("VBF (EM)", [("VBF (EM)", "vbf")]),
        ("VBF; privātie līdzekļi", [("VBF", "vbf"), ("privātie līdzekļi", None)]),
        (
            "Atbilstoši VBF līdzekļiem. Doktorantūras studijām - ANM un Struktūrfondu līdzekļi",
            [
                ("Atbilstoši VBF līdzekļiem", "vbf"),
                ("Doktorantūras studijām - ANM", "anm"),
                ("Struktūrfondu līdzekļi", "strukturfondi"),
            ],
        ),
        (
            "no līdzekļiem, kurus piešķir nozares ministrija",
            [("no līdzekļiem, kurus piešķir nozares ministrija", None)],
        ),
        ("", []),
    ],
)
def test_funding(cell, expected):
    factories.put_sheet("plan.funding_sources", HUB, "15-funding.yaml")
    pieces = split_funding(cell, queries.funding_spellings())
    assert [(piece.text, piece.found[0].code if piece.found else None) for piece in pieces] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. Rīcības virziens “Cilvēkkapitāls”", ("direction", "1", "Cilvēkkapitāls")),
        ("1.1. Prioritāte “Jomas prestiža celšana”", ("priority", "1.1", "Jomas prestiža celšana")),
        ("3.3. Prioritāte “Tīkla izveide un darbība.", ("priority", "3.3", "Tīkla izveide un darbība.")),
        ("1.1 Prioritate: Jomas prestižs", ("priority", "1.1", "Jomas prestižs")),
        ("2. Ricibas virzens „Inovācijas”", ("direction", "2", "Inovācijas")),
        ('Rīcības virziens "Cilvēkresursi"', ("direction", "", "Cilvēkresursi")),
        ("1.2. Priority “Health data”", ("priority", "1.2", "Health data")),
        ("2. Inovācijas", ("direction", "2", "Inovācijas")),
        ("2.1. Juridiskās bāzes pilnveidošana", ("priority", "2.1", "Juridiskās bāzes pilnveidošana")),
        ("1. pielikums", None),
        ("Pielikums 1. Stratēģijai", None),
        ("2023. gada 1. jūnijs", None),
        ("1.1.1.", None),
        ("", None),
    ],
)
def test_headings(text, expected):
    assert parse(text) == expected


def test_heading_of_a_priority_stays_under_its_direction():
    heading = Heading().under("1. Rīcības virziens “A”")
    assert heading is not None
    assert heading.under("1.1. Prioritāte “B”") == Heading("1", "A", "1.1", "B")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.1. Prestiža celšana", ("1.1", "Prestiža celšana")),
        ("1.1. Prioritāte “Prestiža celšana”", ("1.1", "Prestiža celšana")),
        ("Prestiža celšana", ("", "Prestiža celšana")),
        ("1.1. “Prestižs” un citi", ("1.1", "“Prestižs” un citi")),
        ("1.1. Rīcības virziens “X”", ("1.1", "Rīcības virziens “X”")),
    ],
)
def test_number_and_title_in_a_cell(text, expected):
    assert split_number(text, "priority") == expected
