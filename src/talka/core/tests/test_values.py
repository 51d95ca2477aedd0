"""Periods, deadlines, money and quantities as people write them, in Latvian and English."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka.core.values import (
    BadValue,
    Deadline,
    Money,
    Period,
    Precision,
    Quantity,
    decimal,
    parse_number,
    quantities,
)

DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2199, 12, 31))
PERIODS = st.one_of(
    st.builds(lambda a, b: Period(min(a, b), max(a, b)), DAYS, DAYS),
    st.builds(Period.day, DAYS),
    st.builds(lambda d: Period.month(d.year, d.month), DAYS),
    st.builds(lambda d, q: Period.quarter(d.year, q), DAYS, st.integers(1, 4)),
    st.builds(lambda d: Period.year(d.year), DAYS),
    st.builds(lambda a, b: Period.between(*sorted([Period.year(a.year), Period.year(b.year)])), DAYS, DAYS),
)


# --- Period -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "machine"),
    [
        ("2023 | 2023. | 2023. gads | 2023. gadā | 2023.gadam | 2023. g. | 2023.g. | 2023 g.", "2023"),
        ("2023-Q3 | 2023 Q3 | Q3 2023 | 3rd quarter 2023 | third quarter of 2023", "2023-Q3"),
        ("2023. gada III ceturksnis | 2023. gada 3. ceturksnī | 2023. gada trešais ceturksnis", "2023-Q3"),
        ("III cet. 2023 | 2023.gada III cet.", "2023-Q3"),
        ("2023-06 | 2023–06 | 06.2023 | June 2023 | Jun 2023 | 2023 June | Jun. 2023", "2023-06"),
        ("jūnijs 2023 | 2023. gada jūnijs | 2023. gada jūnijā | Junijs 2023", "2023-06"),
        ("2023-06-30 | 30.06.2023. | 30.06.2023 | 30. 06. 2023. | 30.6.2023 | 30.06.2023.g.", "2023-06-30"),
        ("2023. gada 30. jūnijs | 2023. gada 30. jūnijā | 2023.gada 30.jūnijs", "2023-06-30"),
        ("30. jūnijs 2023 | 2023. g. 30. jūnijs", "2023-06-30"),
        ("30 June 2023 | June 30, 2023 | 30th June 2023", "2023-06-30"),
        ("2023/2027 | 2023–2027 | 2023-2027 | 2023 — 2027 | from 2023 to 2027", "2023/2027"),
        ("2023.-2027. | 2023. – 2027. gads | 2023.–2027. gads | 2023. - 2027. gadam", "2023/2027"),
        ("no 2023. līdz 2027. gadam | 2023-01-01/2027-12-31", "2023/2027"),
        ("2023-06/2023-09 | June 2023 - September 2023", "2023-06/2023-09"),
        ("2023. gada jūnijs – 2023. gada septembris", "2023-06/2023-09"),
        (
            "2023-06-15/2023-09-30 | 15.06.2023.-30.09.2023. | 15.06.2023. – 30.09.2023.",
            "2023-06-15/2023-09-30",
        ),
        ("2023-Q3/2023-Q4 | III cet. 2023 – IV cet. 2023", "2023-07/2023-12"),
        ("2023-07/2023-09", "2023-Q3"),
        ("2024-02-29", "2024-02-29"),
    ],
)
def test_a_period_is_read_as_people_write_it(texts: str, machine: str) -> None:
    for text in texts.split(" | "):
        assert str(Period.parse(text)) == machine, text
        assert str(Period.parse(text.replace(" ", "\N{NO-BREAK SPACE}"))) == machine, text


def test_both_ends_are_inside() -> None:
    assert (Period.parse("2023-Q1").first, Period.parse("2023-Q1").last) == (
        date(2023, 1, 1),
        date(2023, 3, 31),
    )
    assert Period.month(2024, 2) == Period(date(2024, 2, 1), date(2024, 2, 29))
    assert Period.parse("2023/2027") == Period(date(2023, 1, 1), date(2027, 12, 31))
    assert Period.month(2024, 2).days == 29


@pytest.mark.parametrize(
    ("machine", "precision", "latvian", "english"),
    [
        ("2023", Precision.YEAR, "2023. gads", "2023"),
        ("2023-Q3", Precision.QUARTER, "2023. gada 3. ceturksnis", "Q3 2023"),
        ("2023-06", Precision.MONTH, "2023. gada jūnijs", "June 2023"),
        ("2023-06-30", Precision.DAY, "2023. gada 30. jūnijs", "30 June 2023"),
        ("2023/2027", Precision.RANGE, "2023.–2027. gads", "2023–2027"),
        (
            "2023-06/2023-07",
            Precision.RANGE,
            "2023. gada jūnijs – 2023. gada jūlijs",
            "June 2023 – July 2023",
        ),
        (
            "2023-06-15/2024-01-02",
            Precision.RANGE,
            "2023. gada 15. jūnijs – 2024. gada 2. janvāris",
            "15 June 2023 – 2 January 2024",
        ),
    ],
)
def test_a_period_speaks_both_languages(
    machine: str, precision: Precision, latvian: str, english: str
) -> None:
    period = Period.parse(machine)
    assert (period.precision, period.words("lv"), period.words("en-gb")) == (precision, latvian, english)


def test_no_third_language() -> None:
    with pytest.raises(ValueError, match="'de' is not spoken here: use 'lv' or 'en'"):
        Period.year(2023).words("de")


@given(PERIODS)
def test_what_a_period_says_it_also_reads(period: Period) -> None:
    assert Period.parse(str(period)) == period
    assert Period.parse(period.words("lv")) == period
    assert Period.parse(period.words("en")) == period


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("2023-02-30", "day", "February 2023 has 28 days"),
        ("30.02.2024.", "day", "February 2024 has 29 days"),
        ("2023. gada 31. jūnijs", "day", "June 2023 has 30 days"),
        ("2023-06-00", "day", "June 2023 has 30 days"),
        ("2023-13", "month", "there is no month 13"),
        ("2023-24", "month", "a range of years is written 2023/2024"),
        ("2023-Q5", "quarter", "there is no quarter 5; write 2023-Q1 to 2023-Q4"),
        ("3023", "year", "write a year from 1900 to 2199"),
        ("2027-2023", "period-reversed", "cannot end (2023-12-31) before it begins (2027-01-01)"),
        ("2023/24", "year-short", "write both years with four digits: 2023/2024"),
        (
            "30/06/2023",
            "period",
            "Write it like one of these: 2023, 2023-Q3, 2023-06, 2023-06-30, 30.06.2023.",
        ),
        ("30.06.23", "period", "is not a period"),
        ("2023. gada pavasaris", "period", "is not a period"),
        ("2023. gada zaļais ceturksnis", "period", "is not a period"),
        ("", "period", "is not a period"),
        ("2023 2024 2025", "period", "is not a period"),
        ("2023/2024/2025", "period", "is not a period"),
        ("2023-06-30" * 10_000, "period", "2023-06-302023-06-30"),
    ],
)
def test_a_bad_period_says_what_would_be_right(text: str, code: str, says: str) -> None:
    with pytest.raises(BadValue) as bad:
        Period.parse(text)
    assert bad.value.code == code
    assert says in str(bad.value)
    assert bad.value.words("en") == str(bad.value) != bad.value.words("lv")
    assert len(str(bad.value)) < 300


def test_a_refusal_speaks_latvian() -> None:
    with pytest.raises(BadValue) as bad:
        Period.parse("2023-02-30")
    assert bad.value.words("lv") == (
        "“2023-02-30” nav iespējams: 2023. gada februārī ir 28 dienas."
        " Rakstiet dienu no 1 līdz 28, piemēram, 2023-02-28 vai 28.02.2023."
    )


def test_periods_sort_by_what_ends_sooner() -> None:
    drawn = ["2023-06-30", "2023-Q2", "2023", "2023/2024", "2024"]  # ends 30.06, 30.06, 31.12, 2024, 2024
    assert [str(p) for p in sorted(map(Period.parse, drawn))] == [
        "2023-Q2",
        "2023-06-30",
        "2023",
        "2023/2024",
        "2024",
    ]
    assert Period.quarter(2023, 4) >= Period.year(2023)
    assert not Period.year(2023) < Period.year(2023)
    with pytest.raises(TypeError):
        assert Period.year(2023) < "2024"


@given(PERIODS, PERIODS)
def test_within_and_overlap_mean_days(a: Period, b: Period) -> None:
    shared = max(a.first, b.first) <= min(a.last, b.last)
    assert a.overlaps(b) == b.overlaps(a) == shared
    assert (b in a) == (b.first in a and b.last in a)
    assert a in a and a.first in a and a.last in a
    assert a.last == date(2199, 12, 31) or a.last + timedelta(days=1) not in a


# --- Deadline ---------------------------------------------------------------------------------------------


def test_a_year_is_past_only_when_the_year_is() -> None:
    year = Deadline.parse("2023")
    assert not year.is_past(date(2023, 12, 31))
    assert year.is_past(date(2024, 1, 1))
    assert year != Deadline.parse("2023-12-31")
    assert str(year) == "2023"
    assert (year.words("lv"), year.words("en")) == ("2023. gads", "2023")


def test_days_left_reach_zero_on_the_last_day() -> None:
    quarter = Deadline.parse("2023. gada II ceturksnis")
    assert [quarter.days_left(date(2023, 6, 28 + n)) for n in range(3)] == [2, 1, 0]
    assert quarter.days_left(date(2023, 7, 1)) == -1
    assert quarter.due == date(2023, 6, 30)


def test_deadlines_sort_by_the_last_day() -> None:
    drawn = [Deadline.parse(text) for text in ("2024", "2023", "2023-12-31", "2023-Q2")]
    assert [str(d) for d in sorted(drawn)] == ["2023-Q2", "2023", "2023-12-31", "2024"]
    assert sorted(drawn) == sorted(drawn, key=lambda d: d.sort_key)
    assert max(drawn) >= min(drawn)
    with pytest.raises(TypeError):
        assert drawn[0] < 2024


def test_free_text_is_no_deadline() -> None:
    with pytest.raises(BadValue) as bad:
        Deadline.parse("kad būs finansējums")
    assert bad.value.code == "deadline"
    assert str(bad.value).startswith(
        "“kad būs finansējums” is not a deadline. Write it like one of these: 2023, 2023-Q3"
    )
    with pytest.raises(BadValue, match="February 2023 has 28 days"):
        Deadline.parse("30.02.2023.")


# --- numbers and money ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", "12"),
        ("1 234 567,89", "1234567.89"),
        ("1,234,567.89", "1234567.89"),
        ("1.234.567,89", "1234567.89"),
        ("1'234.50", "1234.50"),
        ("1’234", "1234"),
        ("1,234,567", "1234567"),
        ("2,6", "2.6"),
        ("0,125", "0.125"),
        ("1234.567", "1234.567"),
        ("1 234", "1234"),
        ("1\N{NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567", "1234567"),
        ("−5", "-5"),
        ("-0,5", "-0.5"),
        ("+3", "3"),
    ],
)
def test_numbers_in_both_notations(text: str, value: str) -> None:
    assert decimal(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    ["", "abc", "1,234,56", "1 23", "12,34,567", "1.234,567.8", "1..2", "1e5", "NaN", "½", "٣", "1" * 100],
)
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(BadValue) as bad:
        decimal(text)
    assert bad.value.code == "number"


def test_a_number_with_two_readings_is_refused() -> None:
    with pytest.raises(BadValue) as bad:
        decimal("1,234")
    assert str(bad.value) == (
        "“1,234” can be read as 1234 or as 1.2340: write 1 234 for thousands, 1.2340 for a fraction."
    )
    assert decimal("1,234", fraction=True) == Decimal("1.234")
    assert decimal("1 234") == 1234 and decimal("1,2340") == Decimal("1.234")  # both remedies work


@pytest.mark.parametrize(
    ("text", "machine"),
    [
        ("1 234 567,89 EUR", "1234567.89 EUR"),
        ("€ 2.6 milj.", "2600000.00 EUR"),
        ("2,6 MEUR", "2600000.00 EUR"),
        ("2.6M€", "2600000.00 EUR"),
        ("0,5 mljrd.", "500000000.00 EUR"),
        ("0.5 bn EUR", "500000000.00 EUR"),
        ("7,5 milj. EUR", "7500000.00 EUR"),
        ("2,125 milj. EUR", "2125000.00 EUR"),
        ("1,5 miljoni eiro", "1500000.00 EUR"),
        ("35 tūkst. EUR", "35000.00 EUR"),
        ("12 kEUR", "12000.00 EUR"),
        ("€1,234.50", "1234.50 EUR"),
        ("EUR 10", "10.00 EUR"),
        ("-10 EUR", "-10.00 EUR"),
        ("−€10", "-10.00 EUR"),
        ("$ 3 million", "3000000.00 USD"),
        ("100 SEK", "100.00 SEK"),
        ("1,2 biljoni EUR", "1200000000000.00 EUR"),
    ],
)
def test_money_is_read_as_people_write_it(text: str, machine: str) -> None:
    assert str(Money.parse(text)) == machine


def test_the_currency_meant_where_none_is_written() -> None:
    assert Money.parse("10", currency="SEK") == Money(Decimal(10), "SEK")


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("daudz", "money", "Write it like 1 234 567,89 EUR, 2.6 milj. EUR, 0,5 mljrd. EUR or €1,234.50"),
        ("10 doņas", "money", "(currencies: EUR, USD, GBP, CHF, CZK, DKK, NOK, PLN, SEK)"),
        ("--5 EUR", "money", "is not a sum of money"),
        ("", "money", "is not a sum of money"),
        ("5 EUR" * 1000, "money", "is not a sum of money"),
        ("$5 EUR", "money-two-currencies", "names two currencies (EUR, USD): write one"),
        ("1,234 EUR", "number-ambiguous", "write 1 234 for thousands"),
        ("1,23,4 EUR", "number", "is not a number"),
    ],
)
def test_bad_money_says_what_would_be_right(text: str, code: str, says: str) -> None:
    with pytest.raises(BadValue) as bad:
        Money.parse(text)
    assert (bad.value.code, says in str(bad.value)) == (code, True), str(bad.value)


def test_money_is_never_a_float_nor_infinite() -> None:
    with pytest.raises(TypeError, match=r"write Money\(Decimal\('0.1'\)\), not 0.1"):
        Money(0.1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"write Decimal\('0.5'\)"):
        Money(Decimal(1)) * 0.5  # type: ignore[operator]
    with pytest.raises(BadValue, match="write a finite number"):
        Money(Decimal("NaN"))
    with pytest.raises(BadValue, match="three-letter ISO code"):
        Money(Decimal(1), "euro")


def test_money_reckons_in_one_currency() -> None:
    ten, two = Money(Decimal("10.10")), Money(Decimal("2.20"))
    assert ten + two == Money(Decimal("12.30"))
    assert ten - two == Money(Decimal("7.90"))
    assert -two * 3 == 3 * -two == Money(Decimal("-6.60"))
    assert two < ten and two <= ten and ten > two and ten >= ten
    with pytest.raises(
        BadValue, match=r"10.10 EUR and 1.00 SEK are in different currencies: convert one first"
    ):
        ten + Money(Decimal(1), "SEK")


def test_halves_are_rounded_as_on_an_invoice() -> None:
    assert [str(Money(Decimal(x)).rounded()) for x in ("0.125", "0.135", "-0.125")] == [
        "0.13 EUR",
        "0.14 EUR",
        "-0.13 EUR",
    ]
    assert Money(Decimal("1234.5")).rounded(0) == Money(Decimal(1235))


@given(
    st.decimals(min_value=-(10**9), max_value=10**9, places=2),
    st.lists(st.integers(0, 1000).map(Decimal), min_size=1, max_size=8).filter(any),
)
def test_a_split_loses_no_cent(amount: Decimal, weights: list[Decimal]) -> None:
    whole = Money(amount)
    shares = whole.split(weights)
    assert sum((share.amount for share in shares), Decimal(0)) == amount
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share.amount - amount * weight / sum(weights)) < Decimal("0.01")


def test_a_split_by_thirds() -> None:
    assert [str(m) for m in Money(Decimal(100)).split([Decimal(1)] * 3)] == [
        "33.34 EUR",
        "33.33 EUR",
        "33.33 EUR",
    ]
    for weights in ([Decimal(0)], [Decimal(2), Decimal(-1)], []):
        with pytest.raises(ValueError, match="non-negative and not all zero"):
            Money(Decimal(1)).split(weights)


@pytest.mark.parametrize(
    ("amount", "currency", "latvian", "english"),
    [
        ("1234567.89", "EUR", "1 234 567,89 EUR", "€1,234,567.89"),
        ("7500000", "EUR", "7 500 000 EUR", "€7,500,000"),
        ("7500000.00", "EUR", "7 500 000 EUR", "€7,500,000"),
        ("-12.5", "EUR", "-12,50 EUR", "-€12.50"),
        ("0", "SEK", "0 SEK", "SEK 0"),
        ("1E+6", "USD", "1 000 000 USD", "$1,000,000"),
    ],
)
def test_money_speaks_both_languages(amount: str, currency: str, latvian: str, english: str) -> None:
    money = Money(Decimal(amount), currency)
    said = [money.words(language).replace("\N{NO-BREAK SPACE}", " ") for language in ("lv", "en")]
    assert said == [latvian, english]


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=4), st.sampled_from(["EUR", "SEK"]))
def test_what_money_says_it_also_reads(amount: Decimal, currency: str) -> None:
    money = Money(amount, currency)
    assert Money.parse(str(money)) == money
    cents = money.rounded()
    assert Money.parse(cents.words("lv")) == Money.parse(cents.words("en")) == cents


# --- quantities -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "unit", "comparison"),
    [
        ("75% būs ieguvuši apstiprinājumu", "75", "%", "exactly"),
        ("Piesaistīti vismaz 2 starptautiski eksperti", "2", "starptautiski eksperti", "at_least"),
        ("1 kompetenču karte, kas rāda iespējas", "1", "kompetenču karte", "exactly"),
        ("Vienošanās ar 3 lielākajiem ievācējiem", "3", "lielākajiem ievācējiem", "exactly"),
        ("līdz 35 % pieaug rakstu īpatsvars top 10 % žurnālos", "35", "%", "at_most"),
        ("eksports no aptuveni 4 milj. EUR gadā uz 7,5 milj. EUR", "4000000", "EUR", "about"),
        ("vismaz 2.6 MEUR apmērā/gadā", "2600000", "EUR", "at_least"),
        ("Farmācijas nozarē 0,5 mljrd.", "500000000", "", "exactly"),
        ("personāls 86 PLE", "86", "PLE", "exactly"),
        ("ne mazāk kā 18 pieteikumi", "18", "pieteikumi", "at_least"),
        ("ne vairāk kā 5 kļūdas", "5", "kļūdas", "at_most"),
        ("vairāk nekā 11 000 iedzīvotāju", "11000", "iedzīvotāju", "more_than"),
        ("at least 10 applications a year", "10", "applications a year", "at_least"),
        ("no more than 3 days", "3", "days", "at_most"),
        ("≥10 % of inhabitants", "10", "%", "at_least"),
        ("+20 % darbinieku", "20", "%", "exactly"),
        ("-5 procenti izmešu", "-5", "%", "exactly"),
        ("vismaz viens produkts ar eksporta potenciālu", "1", "produkts", "at_least"),
        ("divas sanāksmes gadā", "2", "sanāksmes gadā", "exactly"),
        ("5–10 projekti", "5", "projekti", "at_least"),
        ("Līdz 2027. gadam izveidoti 6 centri", "6", "centri", "exactly"),
        ("Grozījumi 2018. gada 4. septembra noteikumos Nr. 560 (2 panti)", "2", "panti", "exactly"),
        ("2023-06-30 un 30.06.2023. notiks 2 forumi", "2", "forumi", "exactly"),
        ("2000 paraugi", "2000", "paraugi", "exactly"),
        ("vismaz 2023 paraugi", "2023", "paraugi", "at_least"),
        ("COVID-19 pētījumi: 4", "4", "", "exactly"),
        ("RIS3 jomā 10 m kabeļa", "10", "m kabeļa", "exactly"),
        ("€5 dalībai", "5", "EUR", "exactly"),
        ("(personāls, 86)", "86", "", "exactly"),
        ("Sagatavoti 10.", "10", "", "exactly"),
        ("1.1.2. pasākumā 7 lekcijas", "7", "lekcijas", "exactly"),
    ],
)
def test_the_first_amount_of_an_indicator(text: str, value: str, unit: str, comparison: str) -> None:
    found = parse_number(text)
    assert found is not None
    assert (found.value, found.unit_hint, found.comparison) == (Decimal(value), unit, comparison)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Organizēts pasākums",
        "Apstiprināts likums",
        "2023",
        "2023. gads",
        "2021.-2027. gadam",
        "2021. – 2027. gads",
        "līdz 2027",
        "no 2023 līdz 2027",
        "2023/2027",
        "30.06.",
        "(prot. Nr. 41 21. §)",
        "viens no kritērijiem",
        "1+Million Genomes",
        "3D druka",
        "plkst. 10:30",
        "1/3 iedzīvotāju",
        "III un IV LKI līmenis",
        "1,234 paraugi",  # a thousand or a fraction? a person must say
        "4.1.2",
        "NIP2027",
        "1) antivielas",
        "¼ un ½ un ² un ß",
    ],
)
def test_what_is_not_counted(text: str) -> None:
    assert parse_number(text) is None


def test_a_scaled_amount_is_written_out() -> None:
    assert [str(q.value) for q in quantities("7,5 milj. EUR, 2.60 un 0,5 mljrd.")] == [
        "7500000",
        "2.60",
        "500000000",
    ]


def test_every_amount_in_order() -> None:
    text = "no 4 milj. EUR uz 7,5 milj. EUR, 20 konsorciji"
    assert list(quantities(text)) == [
        Quantity(Decimal(4_000_000), "EUR", "exactly"),
        Quantity(Decimal(7_500_000), "EUR", "exactly"),
        Quantity(Decimal(20), "konsorciji", "exactly"),
    ]


@given(st.text(alphabet="0123456789 .,-–%€abcšģ'Nr/§:+½", max_size=60))
def test_no_text_breaks_the_search(text: str) -> None:
    assert all(quantity.value.is_finite() for quantity in quantities(text))
