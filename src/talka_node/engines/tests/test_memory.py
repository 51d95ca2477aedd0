"""The judge itself, rule by rule: what the words of the language mean, with stores small enough to count by eye."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from talka_node.consent import Form, Forms, Standing, State, basis
from talka_node.consent.forms import Term
from talka_node.engines import Exact
from talka_node.engines.memory import Memory
from talka_node.records import (
    CohortRow,
    DiagnosisRow,
    Donor,
    GenotypeRow,
    MeasurementRow,
    MedicationRow,
    ProcedureRow,
    Records,
    SpecimenRow,
    VariantRow,
)
from talka_query import nodes
from talka_query.nodes import (
    Ages,
    AskerKind,
    Axis,
    Count,
    Criterion,
    Diagnosis,
    Purpose,
    Question,
    Sex,
    Specimen,
    Use,
    Window,
    Within,
    Zygosity,
)

pytestmark = pytest.mark.once

TODAY = date(2026, 6, 1)
PURPOSE = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
YES = Standing.of("anything", 1)
ANNA, BRUNO, CILDA = 3, 1, 70_000
EVERYBODY = nodes.All()


def state(*pairs: tuple[int, str]) -> State:
    made = State(Forms([Form("anything", 1, always=frozenset({Term("NRES")}))]), TODAY)
    for donor, biobank in pairs:
        made.put(donor, biobank, YES)
    return made


def ask(
    records: Records, such_that: Criterion = EVERYBODY, *, consents: State | None = None, **rest: Any
) -> Exact:
    if consents is None:
        consents = state((ANNA, "A"), (BRUNO, "A"), (CILDA, "A"))
    question = Question(PURPOSE, such_that, **({"ages_at": TODAY} | rest))
    return Memory(records).answer(question, basis(consents, PURPOSE, TODAY))


def who(records: Records, such_that: Criterion, ages_at: date = TODAY) -> set[str]:
    """The initials of those of whom it holds, all three having consented at biobank A."""
    found = set()
    for donor, initial in ((ANNA, "A"), (BRUNO, "B"), (CILDA, "C")):
        if ask(records, such_that, consents=state((donor, "A")), ages_at=ages_at).whole:
            found.add(initial)
    return found


def donors(**fields: tuple[Any, Any, Any]) -> list[Donor]:
    """Anna, Bruno and Cilda with the values of each field in that order."""
    return [
        Donor(number, **{name: values[place] for name, values in fields.items()})
        for place, number in enumerate((ANNA, BRUNO, CILDA))
    ]


# --- consent ----------------------------------------------------------------------------------------------


def test_who_did_not_consent_is_not_counted_whatever_is_asked() -> None:
    records = Records(donors=donors())
    for criterion in (nodes.All(), nodes.Not(nodes.Any()), nodes.Not(nodes.Alive())):
        none = ask(records, criterion, consents=state())
        assert none == Exact(0, {})
    assert ask(records, consents=state((ANNA, "A"))) == Exact(1, {(): 1})


def test_specimens_elsewhere_than_where_consent_was_given_do_not_exist() -> None:
    records = Records(
        donors=donors(),
        specimens=[SpecimenRow("1", ANNA, "A", aliquots=2), SpecimenRow("2", ANNA, "B", aliquots=5)],
    )
    only_a = state((ANNA, "A"))
    assert ask(records, Specimen(biobanks=frozenset({"B"})), consents=only_a).whole == 0
    assert ask(records, count=Count.SAMPLES, consents=only_a).whole == 1
    assert ask(records, count=Count.ALIQUOTS, by=(Axis.BIOBANK,), consents=only_a) == Exact(2, {("A",): 2})
    both = state((ANNA, "A"), (ANNA, "B"))
    assert ask(records, count=Count.ALIQUOTS, by=(Axis.BIOBANK,), consents=both) == Exact(
        7, {("A",): 2, ("B",): 5}
    )


def test_a_withdrawal_counts_at_once() -> None:
    records, consents = Records(donors=donors()), state((ANNA, "A"))
    engine, given = Memory(records), basis(consents, PURPOSE, TODAY)
    question = Question(PURPOSE, nodes.All(), TODAY)
    assert engine.answer(question, given).whole == 1
    consents.put(ANNA, "A", None)
    assert engine.answer(question, given).whole == 0


def test_facts_of_somebody_without_a_row_are_nobodys() -> None:
    records = Records(diagnoses=[DiagnosisRow(ANNA, "C34.1")], specimens=[SpecimenRow("1", ANNA, "A")])
    assert ask(records, Diagnosis()) == Exact(0, {})
    assert ask(records, count=Count.SAMPLES) == Exact(0, {})


# --- ages and life ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "age"),
    [
        (date(2020, 2, 28), 67),
        (date(2020, 2, 29), 68),
        (date(2021, 2, 28), 68),  # no 29 February that year
        (date(2021, 3, 1), 69),
        (date(1952, 2, 29), 0),
    ],
)
def test_born_on_the_29th_of_february(on: date, age: int) -> None:
    records = Records(donors=donors(born=(date(1952, 2, 29), date(2030, 1, 1), None)))
    assert who(records, nodes.Age(Ages(age, age)), on) == {"A"}
    # Bruno is not born yet and Cilda's birth date is missing: neither has an age.
    assert who(records, nodes.Age(Ages(low=0)), on) == {"A"}
    assert who(records, nodes.Not(nodes.Age(Ages(low=0))), on) == {"B", "C"}
    assert who(records, nodes.Age(Ages()), on) == {"A", "B", "C"}


def test_the_dead_are_as_old_as_at_death() -> None:
    born = (date(1950, 1, 1),) * 3
    records = Records(donors=donors(born=born, died=(date(2009, 12, 31), date(2020, 1, 1), None)))
    assert who(records, nodes.Age(Ages(59, 59)), date(2020, 1, 1)) == {"A"}
    assert who(records, nodes.Age(Ages(70, 70)), date(2020, 1, 1)) == {"B", "C"}
    # Who dies on the day is not alive on it.
    assert who(records, nodes.Alive(), date(2020, 1, 1)) == {"C"}
    assert who(records, nodes.Alive(), date(2019, 12, 31)) == {"B", "C"}
    bands = ask(records, by=(Axis.AGE_BAND,), ages_at=date(2045, 1, 1))
    assert bands == Exact(3, {("55-59",): 1, ("70-74",): 1, ("90+",): 1})


def test_born_sex_region_and_cohort() -> None:
    day = date(1970, 1, 1)
    records = Records(
        donors=donors(
            sex=(Sex.FEMALE, Sex.MALE, Sex.UNKNOWN),
            born=(day, date(1970, 1, 2), None),
            region=("R", "S", None),
        ),
        cohorts=[CohortRow(ANNA, "lungs"), CohortRow(ANNA, "lungs"), CohortRow(CILDA, "births")],
    )
    assert who(records, nodes.Born(Window(day, day))) == {"A"}
    assert who(records, nodes.Born(Window())) == {"A", "B", "C"}
    assert who(records, nodes.IsSex(frozenset({Sex.FEMALE, Sex.UNKNOWN}))) == {"A", "C"}
    assert who(records, nodes.LivesIn(frozenset({"R", "S"}))) == {"A", "B"}
    assert who(records, nodes.InCohort("lungs")) == {"A"}
    assert ask(records, by=(Axis.REGION, Axis.SEX)) == Exact(
        3, {("R", "female"): 1, ("S", "male"): 1, ("?", "unknown"): 1}
    )


# --- records ----------------------------------------------------------------------------------------------


def test_windows_include_both_ends_and_no_undated_record_unless_they_are_open() -> None:
    records = Records(
        donors=donors(),
        diagnoses=[
            DiagnosisRow(ANNA, "C34.1", date(2019, 1, 1)),
            DiagnosisRow(BRUNO, "C34.1", date(2019, 12, 31)),
            DiagnosisRow(CILDA, "C34.1", None),
        ],
    )

    def within(since: date | None, until: date | None) -> set[str]:
        return who(records, Diagnosis(frozenset({"C34"}), window=Window(since, until)))

    assert within(date(2019, 1, 1), date(2019, 12, 31)) == {"A", "B"}
    assert within(date(2019, 1, 2), None) == {"B"}
    assert within(None, date(2019, 12, 30)) == {"A"}
    assert within(None, None) == {"A", "B", "C"}
    assert within(date(2020, 1, 1), date(2019, 1, 1)) == set()


def test_codes_with_and_without_what_lies_below() -> None:
    records = Records(
        donors=donors(),
        diagnoses=[DiagnosisRow(ANNA, "C34"), DiagnosisRow(BRUNO, "C34.1"), DiagnosisRow(CILDA, "D48")],
        medications=[
            MedicationRow(ANNA, "A10BA02"),
            MedicationRow(BRUNO, "A10"),
            MedicationRow(CILDA, "C09"),
        ],
        procedures=[ProcedureRow(ANNA, "biopsy"), ProcedureRow(BRUNO, "lobectomy")],
    )
    assert who(records, Diagnosis(frozenset({"C34"}))) == {"A", "B"}
    assert who(records, Diagnosis(frozenset({"C34"}), descendants=False)) == {"A"}
    assert who(records, Diagnosis(frozenset({"C00-C97"}))) == {"A", "B"}
    assert who(records, Diagnosis(frozenset({"II"}))) == {"A", "B", "C"}
    assert who(records, Diagnosis(frozenset({"II"}), descendants=False)) == set()
    assert who(records, nodes.Medication(frozenset({"A10"}))) == {"A", "B"}
    assert who(records, nodes.Medication(frozenset({"A10"}), descendants=False)) == {"B"}
    assert who(records, nodes.Procedure(frozenset({"biopsy"}))) == {"A"}
    assert who(records, nodes.Procedure()) == {"A", "B"}


def test_all_conditions_of_a_pattern_are_about_one_record() -> None:
    """Anna has a serum of 2018 at −80 °C; Bruno a serum, something of 2018, and something at −80 °C."""
    day = date(2018, 5, 1)
    records = Records(
        donors=donors(born=(None, date(1970, 1, 1), None)),
        specimens=[
            SpecimenRow("1", ANNA, "A", "A:1", "Serum", day, "-60to-85", 1),
            SpecimenRow("2", BRUNO, "A", "A:1", "Serum", None, "RT", 1),
            SpecimenRow("3", BRUNO, "A", "A:2", "DNA", day, "LN", 3),
            SpecimenRow("4", BRUNO, "A", None, None, None, "-60to-85", 0),
        ],
    )
    serum, year = frozenset({"Serum"}), Window(date(2018, 1, 1), date(2018, 12, 31))
    assert who(records, Specimen(serum)) == {"A", "B"}
    assert who(records, Specimen(serum, year)) == {"A"}
    assert who(records, Specimen(serum, temperatures=frozenset({"-60to-85"}))) == {"A"}
    assert who(records, Specimen(aliquots=3)) == {"B"}
    assert who(records, Specimen(aliquots=4)) == set()
    assert who(records, Specimen(age=Ages(48, 48))) == {"B"}  # Anna's age at collection is not known
    # Cells as well: Bruno is in (?, Serum) and (2018, DNA), never in (2018, Serum); Cilda is in the whole alone.
    assert ask(records, by=(Axis.YEAR, Axis.SAMPLE_TYPE)) == Exact(
        3, {("2018", "Serum"): 1, ("?", "Serum"): 1, ("2018", "DNA"): 1, ("?", "?"): 1}
    )
    assert ask(records, by=(Axis.COLLECTION,), samples=Specimen(serum)) == Exact(3, {("A:1",): 2})
    assert ask(records, count=Count.SAMPLES, samples=Specimen(serum)) == Exact(2, {(): 2})
    assert ask(records, count=Count.ALIQUOTS, by=(Axis.SAMPLE_TYPE,)) == Exact(
        5, {("Serum",): 2, ("DNA",): 3}
    )


def test_measured_values_include_both_ends() -> None:
    records = Records(
        donors=donors(),
        measurements=[
            MeasurementRow(ANNA, "39156-5", 25.0),
            MeasurementRow(BRUNO, "39156-5", 30.0),
            MeasurementRow(CILDA, "39156-5", None),
            MeasurementRow(CILDA, "4548-4", 27.0),
        ],
    )
    assert who(records, nodes.Measurement("39156-5", 25.0, 30.0)) == {"A", "B"}
    assert who(records, nodes.Measurement("39156-5", 25.1)) == {"B"}
    assert who(records, nodes.Measurement("39156-5", None, 29.9)) == {"A"}
    assert who(records, nodes.Measurement("39156-5")) == {"A", "B", "C"}


def test_chapters_are_of_every_diagnosis_and_samples_are_in_each_of_their_donor() -> None:
    records = Records(
        donors=donors(),
        diagnoses=[
            *(DiagnosisRow(ANNA, code) for code in ("C34.1", "C50", "E11")),
            DiagnosisRow(BRUNO, "D49"),
        ],
        specimens=[SpecimenRow("1", ANNA, "A", aliquots=2), SpecimenRow("2", ANNA, "A", aliquots=3)],
    )
    chapter = (Axis.DIAGNOSIS_CHAPTER,)
    assert ask(records, by=chapter) == Exact(3, {("II",): 1, ("IV",): 1, ("?",): 1})
    assert ask(records, Diagnosis(frozenset({"E11"})), by=chapter) == Exact(1, {("II",): 1, ("IV",): 1})
    assert ask(records, count=Count.ALIQUOTS, by=chapter) == Exact(5, {("II",): 5, ("IV",): 5})


# --- within -----------------------------------------------------------------------------------------------


def test_days_between_include_both_limits_and_know_the_direction() -> None:
    cancer = [DiagnosisRow(each, "C34", date(2020, 3, 1)) for each in (ANNA, BRUNO, CILDA)]
    taken = zip((ANNA, BRUNO, CILDA), (date(2019, 3, 2), date(2020, 3, 31), None), strict=True)
    records = Records(
        donors=donors(),
        diagnoses=cancer,
        specimens=[SpecimenRow(str(donor), donor, "A", collected=on) for donor, on in taken],
    )

    def days(low: int | None, high: int | None) -> set[str]:
        return who(records, Within(Specimen(), Diagnosis(frozenset({"C34"})), low, high))

    assert days(None, -365) == {"A"}  # 2019-03-02 is 365 days before: 2020 has a 29 February
    assert days(None, -366) == set()
    assert days(0, 30) == {"B"}
    assert days(0, 29) == set()
    assert days(None, None) == {"A", "B"}  # what has no date is at no distance


def test_the_first_anchor_alone_or_any() -> None:
    records = Records(
        donors=donors(),
        diagnoses=[DiagnosisRow(ANNA, "C34", on) for on in (date(2020, 1, 1), None, date(2021, 1, 1))],
        procedures=[ProcedureRow(ANNA, "lobectomy", date(2021, 1, 8))],
    )
    within_ten = Within(nodes.Procedure(), Diagnosis(), 0, 10)
    assert who(records, within_ten) == {"A"}
    assert who(records, Within(nodes.Procedure(), Diagnosis(), 0, 10, first=True)) == set()
    assert who(records, Within(nodes.Procedure(), Diagnosis(), 373, 373, first=True)) == {"A"}
    # A record may be both ends, 0 days apart from itself; a second one is asked for by `low=1`.
    assert who(records, Within(nodes.Procedure(), nodes.Procedure(), 0, 0)) == {"A"}
    assert who(records, Within(nodes.Procedure(), nodes.Procedure(), 1)) == set()


# --- variants ---------------------------------------------------------------------------------------------


def test_variants_by_site_gene_and_place() -> None:
    records = Records(
        donors=donors(),
        variants=[VariantRow(9, "1", 100, "A", "G", "GENE1"), VariantRow(4, "1", 200, "ATT", "A", None)],
        genotypes=[GenotypeRow(9, ANNA, 1), GenotypeRow(9, BRUNO, 2), GenotypeRow(4, CILDA, 1)],
    )
    carriers = {
        Zygosity.CARRIER: {"A", "B"},
        Zygosity.HETEROZYGOUS: {"A"},
        Zygosity.HOMOZYGOUS: {"B"},
    }
    for zygosity, expected in carriers.items():
        assert who(records, nodes.Variant("1", 100, "A", "G", zygosity)) == expected
        assert who(records, nodes.VariantIn("GENE1", zygosity=zygosity)) == expected
    assert who(records, nodes.Variant("1", 100, "A", "T")) == set()
    assert who(records, nodes.VariantIn(None, "1", 100, 200)) == {"A", "B", "C"}
    assert who(records, nodes.VariantIn(None, "1", 101, 199)) == set()
    assert (
        who(records, nodes.VariantIn(None, "1", 201, 203)) == set()
    )  # the place written counts, not the reach
    assert who(records, nodes.VariantIn("GENE1", "1", 101, 200)) == set()
    assert who(records, nodes.VariantIn(None, "1")) == {"A", "B", "C"}
    assert who(records, nodes.VariantIn(None, "2")) == set()


# --- attrition --------------------------------------------------------------------------------------------


def test_attrition_counts_donors_after_each_criterion_whatever_is_counted() -> None:
    records = Records(donors=donors(sex=(Sex.FEMALE, Sex.FEMALE, Sex.MALE), region=("R", None, "R")))
    given = basis(state((ANNA, "A"), (BRUNO, "A"), (CILDA, "B")), PURPOSE, TODAY)

    def steps(such_that: Criterion) -> list[int]:
        return Memory(records).attrition(Question(PURPOSE, such_that, TODAY, Count.ALIQUOTS), given)

    female, lives = nodes.IsSex(frozenset({Sex.FEMALE})), nodes.LivesIn(frozenset({"R"}))
    assert steps(nodes.All((female, lives))) == [3, 2, 1]
    assert steps(nodes.All((lives, female))) == [3, 2, 1]
    assert steps(nodes.Not(female)) == [3, 1]
    assert steps(nodes.All()) == [3]
    assert steps(nodes.Any((female, lives))) == [3, 3]
