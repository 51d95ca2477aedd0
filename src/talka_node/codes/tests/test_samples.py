"""Sample types and temperatures: the crosswalk, and what is said about what it does not hold."""

from __future__ import annotations

import re

import pytest

from talka_node.codes.samples import (
    BY_CODE,
    HL7,
    SNOMED,
    TEMPERATURES,
    TEMPERATURES_LV,
    TYPES,
    UnknownCode,
    sample_type,
    temperature,
)

pytestmark = pytest.mark.once


def test_every_type_is_found_by_each_of_its_codes_and_names() -> None:
    for each in TYPES:
        assert sample_type(each.code) == each.code
        for name in each.names:
            assert sample_type(name) == each.code
        for text, system in [
            (each.sprec, "SPREC"),
            (each.snomed, SNOMED),
            (str(each.omop or ""), "OMOP"),
            *((code, HL7) for code in each.hl7),
        ]:
            if text:
                assert sample_type(text, system) == each.code


def test_no_code_stands_for_two_types() -> None:
    assert len(BY_CODE) == len(TYPES) == 64
    for codes in (
        [each.sprec for each in TYPES if each.sprec],
        [each.snomed for each in TYPES if each.snomed],
        [each.omop for each in TYPES if each.omop],
        [code for each in TYPES for code in each.hl7],
    ):
        assert len(set(codes)) == len(codes)
    assert all(each.lv for each in TYPES) and set(TEMPERATURES) == set(TEMPERATURES_LV)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("RT", "RT"), ("Room temperature", "RT"), ("21", "RT"), ("2 °C to 10°C", "2to10"), ("4 °C", "2to10"),
        ("-18 °C to -35 °C", "-18to-35"), ("−20", "-18to-35"), ("-60to-85", "-60to-85"), ("-80 C", "-60to-85"),
        ("LN", "LN"), ("-150", "LN"), ("-196", "LN"), ("-50", "Other"), ("other", "Other"),
    ],
)  # fmt: skip
def test_temperatures_come_as_codes_words_or_degrees(given: str, code: str) -> None:
    assert temperature(given) == code


def test_what_is_not_known_is_refused_with_the_nearest() -> None:
    for text, system, says in [
        ("Serrum", "", "sample type 'Serrum' is not known; the nearest known is 'Serum'"),
        ("SEX", "SPREC", "sample type 'SEX' is not known; the nearest known is 'Serum'"),
        ("1", "urn:x",
         "sample types of 'urn:x' are not known; give codes of MIABIS, SPREC, SNOMED CT, OMOP or HL7 v2-0487"),
    ]:  # fmt: skip
        with pytest.raises(UnknownCode) as refused:
            sample_type(text, system)
        assert re.sub("known is '[A-Z][a-z]+'", "known is 'Serum'", str(refused.value)) == says
    with pytest.raises(
        UnknownCode, match="storage temperature 'cold' is not known; give degrees Celsius or one of RT, 2to10"
    ):
        temperature("cold")
