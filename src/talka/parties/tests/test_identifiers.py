"""Identifiers: taken as pasted, kept in one form, refused where their check digits do not check."""

from __future__ import annotations

import json

import pytest

from talka.core.actions import Invalid
from talka.parties.models import CROCKFORD, REGISTER_WEIGHTS, orcid_id, registration_number, ror_id, website
from tests.lanes import need_shared


def checked(digits: str) -> str:
    """Ten digits with the eleventh that makes the register's sum leave 3; invented numbers, not of real companies."""
    total = sum(weight * int(digit) for weight, digit in zip(REGISTER_WEIGHTS, digits, strict=False))
    return f"{digits}{(3 - total) % 11}"


@pytest.mark.parametrize(
    "text", ["03nadks56", "https://ror.org/03nadks56", "HTTPS://ROR.ORG/03NADKS56/", " ror.org/03nadks56 "]
)
def test_a_ror_id_is_kept_bare(text: str) -> None:
    assert ror_id(text) == "03nadks56"


@pytest.mark.parametrize(
    "text", ["03nadks57", "03nadkz56", "3nadks56", "03nadks5", "03nadio56", "13nadks56", "RSU"]
)
def test_a_ror_id_that_does_not_check_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        ror_id(text)
    assert refused.value.field == "ror"


def test_any_single_mistyped_character_of_a_ror_id_is_noticed() -> None:
    right = "03nadks56"
    for at in range(1, 7):
        for character in CROCKFORD:
            if character != right[at]:
                with pytest.raises(Invalid):
                    ror_id(right[:at] + character + right[at + 1 :])


def test_every_id_of_the_registry_checks() -> None:
    for record in json.loads(need_shared("conformance/ror/latvia.json").read_text()):
        assert record["id"] == f"https://ror.org/{ror_id(record['id'])}"


@pytest.mark.parametrize("text", ["{}", "LV{}", "LV {}", " {} "])
def test_a_latvian_registration_number_is_kept_as_digits(text: str) -> None:
    number = checked("4000999911")
    assert registration_number(text.format(number)) == number
    assert registration_number(text.format(f"{number[:4]} {number[4:8]} {number[8:]}")) == number


def test_a_registration_number_that_does_not_check_is_refused() -> None:
    number = checked("4000999911")
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    for text, said in (
        (wrong, "does not check"),
        (number[:-1], "11 digits"),
        (number + "1", "11 digits"),
        ("0101" + "0012345", "personal code"),
    ):
        with pytest.raises(Invalid, match=said) as refused:
            registration_number(text)
        assert refused.value.field == "registration_number"


def test_numbers_of_other_countries_are_left_as_they_are() -> None:
    assert registration_number(" HRB  12 ", "DE") == "HRB 12"


def test_an_orcid_is_kept_bare_and_checked() -> None:
    assert orcid_id("https://orcid.org/0000-0002-1825-0097") == "0000-0002-1825-0097"
    assert orcid_id("0000-0002-1694-233x") == "0000-0002-1694-233X"
    for wrong in ("0000-0002-1825-0098", "0000-0002-1825-009", "0000000218250097"):
        with pytest.raises(Invalid):
            orcid_id(wrong)


def test_a_website_gets_its_scheme_and_no_other_scheme_is_taken() -> None:
    assert website("www.paraugs.test") == "https://www.paraugs.test"
    assert website("http://paraugs.test/lv") == "http://paraugs.test/lv"
    for wrong in ("javascript:alert(1)", "ftp://paraugs.test", "not an address"):
        with pytest.raises(Invalid):
            website(wrong)


def test_nothing_stays_nothing() -> None:
    assert (ror_id(" "), registration_number(""), orcid_id(""), website(" ")) == ("", "", "", "")
