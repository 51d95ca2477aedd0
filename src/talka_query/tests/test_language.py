from __future__ import annotations

from datetime import date

import pytest

from talka_query import language as q
from talka_query import nodes
from talka_query.nodes import (
    Ages,
    AskerKind,
    Axis,
    Count,
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

PURPOSE = Purpose(Use.DISEASE, AskerKind.ACADEMIC, disease="C34")


def test_a_question_as_people_write_it() -> None:
    lung = q.diagnosis("C34", since="2015-01-01")
    serum = q.specimen("Serum", at="-60to-85")
    asked = q.donors(lung & serum & ~q.sex("male")).by(Axis.SEX, "age_band")
    assert asked.for_(PURPOSE, ages_at="2026-01-01", asker="anna", permit="2026/1") == Question(
        PURPOSE,
        nodes.All(
            (
                Diagnosis(frozenset({"C34"}), window=Window(date(2015, 1, 1))),
                Specimen(frozenset({"Serum"}), temperatures=frozenset({"-60to-85"})),
                nodes.Not(nodes.IsSex(frozenset({Sex.MALE}))),
            )
        ),
        date(2026, 1, 1),
        by=(Axis.SEX, Axis.AGE_BAND),
        asker="anna",
        permit="2026/1",
    )


def test_every_criterion_can_be_written() -> None:
    day = date(2020, 1, 1)
    written = {
        q.everybody(): nodes.All(),
        q.sex("male", Sex.OTHER): nodes.IsSex(frozenset({Sex.MALE, Sex.OTHER})),
        q.age(50, 70): nodes.Age(Ages(50, 70)),
        q.born(until="2020-01-01"): nodes.Born(Window(None, day)),
        q.alive(): nodes.Alive(),
        q.lives_in("LV00A", "LV00B"): nodes.LivesIn(frozenset({"LV00A", "LV00B"})),
        q.in_cohort("lungs"): nodes.InCohort("lungs"),
        q.diagnosis("C34", "C50", exactly=True, ages=(40, None)): Diagnosis(
            frozenset({"C34", "C50"}), descendants=False, age=Ages(40)
        ),
        q.specimen(
            "DNA",
            at=("LN", "RT"),
            until=day,
            biobanks=("A",),
            collections=("A:1",),
            aliquots=2,
            ages=(None, 9),
        ): Specimen(
            frozenset({"DNA"}),
            Window(None, day),
            frozenset({"LN", "RT"}),
            frozenset({"A"}),
            frozenset({"A:1"}),
            2,
            Ages(None, 9),
        ),
        q.measurement("39156-5", 25, 30, "kg/m2", since=day): nodes.Measurement(
            "39156-5", 25, 30, "kg/m2", Window(day)
        ),
        q.medication("A10", exactly=True): nodes.Medication(frozenset({"A10"}), descendants=False),
        q.procedure("biopsy", ages=(18, 18)): nodes.Procedure(frozenset({"biopsy"}), age=Ages(18, 18)),
        q.variant("17-43044295-G-A", Zygosity.HOMOZYGOUS): nodes.Variant(
            "17", 43044295, "G", "A", Zygosity.HOMOZYGOUS
        ),
        q.gene("BRCA1"): nodes.VariantIn("BRCA1"),
        q.region("17", 1, 100): nodes.VariantIn(None, "17", 1, 100),
    }
    assert [where.criterion for where in written] == list(written.values())


def test_records_before_and_after_one_another() -> None:
    serum, cancer = Specimen(frozenset({"Serum"})), Diagnosis(frozenset({"C34"}))
    a, b = q.specimen("Serum"), q.diagnosis("C34")
    assert a.after(b).criterion == Within(serum, cancer, 0, None)
    assert a.after(b, days=30, at_least=1).criterion == Within(serum, cancer, 1, 30)
    assert a.before(b, at_least=365, first=True).criterion == Within(serum, cancer, None, -365, first=True)
    assert a.before(b, days=30).criterion == Within(serum, cancer, -30, 0)
    with pytest.raises(ValueError, match="only records lie before or after"):
        q.alive().after(b)


def test_chains_of_one_kind_are_flat_and_of_two_are_not() -> None:
    a, b, c = q.alive(), q.age(1), q.age(2)
    assert (a & b & c).criterion == nodes.All((a.criterion, b.criterion, c.criterion))
    assert (a | (b | c)).criterion == nodes.Any((a.criterion, b.criterion, c.criterion))
    assert (a & (b | c)).criterion == nodes.All((a.criterion, nodes.Any((b.criterion, c.criterion))))
    assert (~~a).criterion == nodes.Not(nodes.Not(a.criterion))
    with pytest.raises(TypeError, match=r"&, \| and ~"):
        _ = a and b


def test_samples_and_aliquots() -> None:
    serum = q.specimen("Serum")
    for write, count in ((q.samples, Count.SAMPLES), (q.aliquots, Count.ALIQUOTS)):
        asked = write(serum, q.alive()).for_(PURPOSE, date(2026, 1, 1))
        assert asked == Question(
            PURPOSE, nodes.Alive(), date(2026, 1, 1), count, Specimen(frozenset({"Serum"}))
        )
    looked_at = q.donors(q.alive()).by(Axis.YEAR).looking_at(serum).for_(PURPOSE, date(2026, 1, 1))
    assert looked_at.samples == Specimen(frozenset({"Serum"}))
    with pytest.raises(ValueError, match="one specimen"):
        q.samples(q.alive(), q.alive())


@pytest.mark.parametrize("name", ["", "17", "17-x-G-A", "17-1-G", "17-1-G-A-T", "17--1-G-A"])
def test_a_variant_written_otherwise_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="17-43044295-G-A"):
        q.variant(name)
