"""What paths give, by table: the expression, and its values for one invented patient."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka_node.fhirpath import PathError, compile_path
from talka_node.fhirpath.values import Moment, Quantity

pytestmark = pytest.mark.once

ANNA = {
    "resourceType": "Patient",
    "id": "anna",
    "active": True,
    "gender": "female",
    "birthDate": "1970-06",
    "_birthDate": {"extension": [{"url": "urn:x:sure", "valueBoolean": False}]},
    "deceasedDateTime": "2020-02-29T10:00:00+02:00",
    "multipleBirthInteger": 2,
    "name": [
        {"use": "official", "family": "Paraugs", "given": ["Anna", "Marija"]},
        {"use": "usual", "given": ["Anniņa"], "_given": [{"extension": [{"url": "urn:x:pet"}]}]},
    ],
    "extension": [
        {"url": "urn:x:race", "extension": [{"url": "part", "valueCode": "c1"}]},
        {"url": "urn:x:weight", "valueQuantity": {"value": 70.5, "unit": "kg", "code": "kg"}},
    ],
    "link": [
        {"other": {"reference": "Patient/bruno"}},
        {"other": {"reference": "https://example.lv/fhir/Patient/cilda/_history/2"}},
        {"other": {"reference": "#inside"}},
    ],
    "contained": [{"resourceType": "Organization", "id": "inside"}],
}

WEIGHT = "extension('urn:x:weight').value"


def values(path: str, resource: Any = ANNA) -> list[Any]:
    return [str(found) if isinstance(found, Moment) else found for found in compile_path(path)(resource)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        # steps
        ("id", ["anna"]),
        ("Patient.id", ["anna"]),
        ("Observation.id", []),
        ("`id`", ["anna"]),
        ("name.given", ["Anna", "Marija", "Anniņa"]),
        ("name[1].given", ["Anniņa"]),
        ("name[2].given", []),
        ("name.given.absent", []),
        ("$this.id", ["anna"]),
        ("%resource.id", ["anna"]),
        ("name.where(use = 'official').given", ["Anna", "Marija"]),
        ("name.where($this.use = 'usual').select(given)", ["Anniņa"]),
        ("name.given.select($index)", [0, 1, 2]),
        ("name.given.where($index > 0)", ["Marija", "Anniņa"]),
        ("name.exists(family = 'Paraugs')", [True]),
        ("name.all(given.exists())", [True]),
        ("name.all(family.exists())", [False]),
        # choice elements and types
        ("deceased.ofType(dateTime)", ["2020-02-29T10:00:00+02:00"]),
        ("deceased.ofType(boolean)", []),
        ("deceased is dateTime", [True]),
        ("deceased is boolean", [False]),
        ("multipleBirth as integer", [2]),
        ("multipleBirth.is(System.Integer)", [True]),
        ("multipleBirth.as(FHIR.boolean)", []),
        (f"{WEIGHT}.ofType(Quantity).value", [Decimal("70.5")]),
        (f"{WEIGHT} is Quantity", [True]),
        (f"{WEIGHT} is Range", [False]),
        ("contained.ofType(Organization).id", ["inside"]),
        ("contained.ofType(Patient).id", []),
        ("$this is DomainResource", [True]),
        # extensions, of primitives too
        ("extension('urn:x:race').extension('part').value.ofType(code)", ["c1"]),
        ("birthDate.extension('urn:x:sure').value", [False]),
        ("name.given.extension.url", ["urn:x:pet"]),
        ("extension('urn:x:none').value", []),
        # keys
        ("getResourceKey()", ["anna"]),
        ("link.other.getReferenceKey()", ["bruno", "cilda"]),
        ("link.other.getReferenceKey(Patient)", ["bruno", "cilda"]),
        ("link.other.getReferenceKey(Observation)", []),
        # logic with nothing
        ("true and {}", []),
        ("false and {}", [False]),
        ("{} and false", [False]),
        ("true or {}", [True]),
        ("{} or true", [True]),
        ("{} or false", []),
        ("{} xor true", []),
        ("true xor false", [True]),
        ("false implies {}", [True]),
        ("{} implies true", [True]),
        ("true implies {}", []),
        ("absent.not()", []),
        ("active.not()", [False]),
        ("absent = 'x'", []),
        ("absent.exists().not()", [True]),
        ("iif(active, 'yes', 'no')", ["yes"]),
        ("iif(absent, 'yes', 'no')", ["no"]),
        ("iif(absent, 'yes')", []),
        ("iif(true, 1, 1 / 'x')", [1]),
        # equality and order
        ("name.given = ('Anna' | 'Marija' | 'Anniņa')", [True]),
        ("name.given = 'Anna'", [False]),
        ("active = 'true'", [False]),
        ("1 = 1.0", [True]),
        ("'a' ~ 'A'", [True]),
        ("1.00 ~ 1.001", [True]),
        ("(1 | 2) ~ (2 | 1)", [True]),
        ("'b' > 'a'", [True]),
        ("birthDate < @1980-01-01", [True]),
        ("birthDate = @1970-06-01", []),
        ("birthDate != @1970-07", [True]),
        ("deceased = @2020-02-29T08:00:00Z", [True]),
        ("deceased > @2020-02-29T08:00:00Z", [False]),
        ("deceased < @2020-02-29T11", []),
        ("@T10:30 < @T11:00", [True]),
        (f"{WEIGHT} > 70 'kg'", [True]),
        (f"{WEIGHT} > 70000 'g'", [True]),
        (f"{WEIGHT} = 70500 'g'", [True]),
        (f"{WEIGHT} > 70 'L'", []),
        (f"{WEIGHT} > 70 'stone'", []),
        ("1 'Cel' < 300 'K'", [True]),
        ("1 week = 7 days", [True]),
        ("90 minutes > 1 'h'", [True]),
        ("1 year > 1 'd'", []),
        ("'Anna' in name.given", [True]),
        ("name.given contains 'Bruno'", [False]),
        ("{} in name.given", []),
        # arithmetic
        ("1 + 2 * 3", [7]),
        ("(1 + 2) * 3", [9]),
        ("-3 + 1", [-2]),
        ("7 div 2", [3]),
        ("-7 div 2", [-3]),
        ("7 mod 2", [1]),
        ("3 / 2", [Decimal("1.5")]),
        ("1 / 0", []),
        ("1 div 0", []),
        ("0.1 + 0.2", [Decimal("0.3")]),
        ("1 + {}", []),
        ("'a' + 'b'", ["ab"]),
        ("'a' & {} & 'b'", ["ab"]),
        ("@2024-01-31 + 1 month", ["2024-02-29"]),
        ("@2024-02-29 - 1 year", ["2023-02-28"]),
        ("@2024-03-01 - 1 day", ["2024-02-29"]),
        ("@T23:30 + 1 hour", ["00:30"]),
        ("2 'mg' + 3 'mg'", [Quantity(Decimal(5), "mg")]),
        # collections
        ("(1 | 2 | 1).count()", [2]),
        ("(1).combine(1).count()", [2]),
        ("(1 | 2 | 3).skip(1).take(1)", [2]),
        ("(1 | 2 | 3).tail()", [2, 3]),
        ("(1 | 2 | 3).last()", [3]),
        ("(1 | 2).intersect(2 | 3)", [2]),
        ("(1 | 2).exclude(2 | 3)", [1]),
        ("(1 | 2).subsetOf(1 | 2 | 3)", [True]),
        ("(1 | 2 | 3).supersetOf(4)", [False]),
        ("(1 | 2 | 3).aggregate($this + $total, 0)", [6]),
        ("(1 | 2 | 3).sum()", [6]),
        ("(1 | 2).avg()", [Decimal("1.5")]),
        ("(3 | 1).min()", [1]),
        ("(true | false).anyTrue()", [True]),
        ("(true | false).allTrue()", [False]),
        ("name.given.isDistinct()", [True]),
        ("absent.empty()", [True]),
        ("absent.first()", []),
        ("id.hasValue()", [True]),
        ("name.first().hasValue()", [False]),
        ("coalesce(absent, gender, id)", ["female"]),
        ("extension.repeat(extension).url", ["part"]),
        # text
        ("'abcd'.substring(1, 2)", ["bc"]),
        ("'abcd'.substring(9)", []),
        ("'abcd'.indexOf('c')", [2]),
        ("'ab'.length()", [2]),
        ("'ab'.upper()", ["AB"]),
        ("' a '.trim()", ["a"]),
        ("'a,b'.split(',')", ["a", "b"]),
        ("name.given.join('+')", ["Anna+Marija+Anniņa"]),
        ("absent.join(',')", [""]),
        ("'abc'.replace('b', 'x')", ["axc"]),
        ("'abc'.matches('^a.c$')", [True]),
        ("'abc'.matchesFull('b')", [False]),
        ("'11/30'.replaceMatches('(\\\\d+)/(\\\\d+)', '$2.$1')", ["30.11"]),
        ("'abc'.startsWith('a') and 'abc'.endsWith('c') and 'abc'.contains('b')", [True]),
        ("'it\\'s \\u0101'", ["it's ā"]),
        ("'YWI='.decode('base64')", ["ab"]),
        ("'ab'.encode('hex')", ["6162"]),
        # conversions
        ("'12'.toInteger()", [12]),
        ("'1.5'.toDecimal()", [Decimal("1.5")]),
        ("'x'.toInteger()", []),
        ("1.50.toString()", ["1.50"]),
        ("'yes'.toBoolean()", [True]),
        ("'2024-02-30'.convertsToDate()", [False]),
        ("'2024-02'.toDate()", ["2024-02"]),
        ("'4 \\'mg\\''.toQuantity()", [Quantity(Decimal(4), "mg")]),
        # mathematics
        ("(-5).abs()", [5]),
        ("1.5.ceiling()", [2]),
        ("(-1.5).floor()", [-2]),
        ("2.45.round(1)", [Decimal("2.5")]),
        ("9.sqrt()", [3]),
        ("(-9).sqrt()", []),
        ("2.power(10)", [1024]),
        ("8.log(2)", [3]),
        ("10.power(28)", []),
        ("99999999999999 * 999999999999999", []),
        # boundaries
        ("1.0.lowBoundary()", [Decimal("0.95")]),
        ("1.0.highBoundary()", [Decimal("1.05")]),
        ("1.587.lowBoundary(2)", [Decimal("1.58")]),
        ("(-1.587).lowBoundary(2)", [Decimal("-1.59")]),
        ("birthDate.lowBoundary()", ["1970-06-01"]),
        ("birthDate.highBoundary()", ["1970-06-30"]),
        ("birthDate.highBoundary(4)", ["1970"]),
        ("@2024-02.highBoundary()", ["2024-02-29"]),
        ("@2010-10-10T.lowBoundary()", ["2010-10-10T00:00:00.000+14:00"]),
        ("@2010-10-10T.highBoundary()", ["2010-10-10T23:59:59.999-12:00"]),
        ("@2010-10-10T08:30:15.25Z.highBoundary()", ["2010-10-10T08:30:15.250Z".replace("Z", "+00:00")]),
        ("@T12:34.lowBoundary()", ["12:34:00.000"]),
        ("@T12:34.highBoundary()", ["12:34:59.999"]),
        ("1.587.precision()", [3]),
        ("@2014-01.precision()", [6]),
    ],
)  # fmt: skip
def test_values(path: str, expected: list[Any]) -> None:
    found = values(path)
    assert [(type(value) is bool, value) for value in found] == [
        (type(value) is bool, value) for value in expected
    ]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("@@", "nothing in FHIRPath begins with `@@` (character 1 of `@@`)"),
        ("name.", "the end stands where the name of an element or a function was expected (character 6 of `name.`)"),
        ("(1", "the end stands where `)` was expected (character 3 of `(1`)"),
        ("1 2", "`2` stands where an operator or the end was expected (character 3 of `1 2`)"),
        ("and", "`and` stands where a value was expected (character 1 of `and`)"),
        ("name.frist()", "there is no function `frist()`; is `first` meant? (character 6 of `name.frist()`)"),
        ("first(1)", "`first()` takes 0 arguments, not 1 (character 1 of `first(1)`)"),
        ("%nope", "there is no constant `%nope` (character 1 of `%nope`)"),
        ("id is strng", "there is no type `strng`; is `string` meant? (character 4 of `id is strng`)"),
        ("v.ofType(1)", "`ofType()` takes the name of a type, as in ofType(Quantity) (character 3 of `v.ofType(1)`)"),
        ("@2024-02-30", "there is no such day in the calendar (character 1 of `@2024-02-30`)"),
        ("(" * 101 + "1" + ")" * 101, f"more than 100 levels deep (character 101 of `{'(' * 101}1{')' * 101}`)"),
        ("-" * 101 + "1", f"more than 100 levels deep (character 100 of `{'-' * 101}1`)"),
        ("a" + ".a" * 200, f"more than 200 steps upon each other (character 1 of `a{'.a' * 200}`)"),
    ],
)  # fmt: skip
def test_refused_when_read(path: str, why: str) -> None:
    with pytest.raises(PathError) as refused:
        compile_path(path)
    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("name.given + 'x'", "`+` takes one value, not 3; `.first()` would choose one"),
        ("gender - 1", "`-` cannot join text and a number"),
        ("gender > 1", "text cannot be compared with a number"),
        ("name.single()", "`single()` met 2 values; `first()` would choose one"),
        ("name and true", "a condition is one value, not 2; `.exists()` asks whether there are any"),
        ("name[gender]", "an index is one whole number"),
        ("gender.matches('(')", "not a regular expression: missing ), unterminated subpattern at position 0"),
        ("name.getResourceKey()", "`getResourceKey()` is asked of a resource, not of an element with parts"),
        ("active.upper()", "`upper()` is asked of text, not of true or false"),
        ("@9999-12-31 + 1 day", "the date leaves the years 1 to 9999"),
    ],
)
def test_refused_when_run(path: str, why: str) -> None:
    with pytest.raises(PathError) as refused:
        values(path)
    assert refused.value.why == why


def test_constants_stand_for_values() -> None:
    assert compile_path("name.where(use = %use).family", {"use": "official"})(ANNA) == ["Paraugs"]
    assert compile_path("%`odd name` + 1", {"odd name": 1})(ANNA) == [2]


def test_long_whole_numbers_may_be_text() -> None:
    basic = {"resourceType": "Basic", "valueInteger64": "9007199254740993"}
    assert compile_path(
        "value = %n and value > 9007199254740992 and value + 1 > %n", {"n": 9007199254740993}
    )(basic) == [True]


def test_only_boundaries_need_numbers_as_written() -> None:
    assert [compile_path(path).exact for path in ("value > 1.0", "value.lowBoundary()")] == [False, True]


@given(st.decimals(-(10**6), 10**6, places=3, allow_nan=False), st.integers(0, 8))
def test_a_number_lies_within_its_boundaries(number: Decimal, digits: int) -> None:
    value = {"resourceType": "Basic", "value": number}
    low, high = values(f"value.lowBoundary({digits})", value), values(f"value.highBoundary({digits})", value)
    assert low[0] <= number <= high[0]


@given(st.dates(), st.dates())
def test_dates_are_ordered_as_the_calendar(one: Any, two: Any) -> None:
    assert values(f"@{one.isoformat()} < @{two.isoformat()}") == [one < two]


@given(st.text(max_size=40))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    try:
        compile_path(text)
    except PathError as why:
        assert why.at is not None and 0 <= why.at <= len(text)
