from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from talka_node import catalogue, disclosure
from talka_node.codes import icd10
from talka_node.columns import NO_DATE, day
from talka_node.consent import Forms
from talka_node.pseudonyms.personal import Kind, read
from talka_node.synth import FORMATS, Plan, columns, generate, genome, lists, personal
from talka_node.synth.country import CHUNK, CODES, Chunk, draw, local

pytestmark = pytest.mark.once

SMALL = Plan(persons=3000, biobanks=2, seed=7, variants=60, genotyped=0.5)


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    folder = tmp_path_factory.mktemp("synth") / "country"
    return folder, generate(folder, SMALL)


@pytest.fixture(scope="module")
def people() -> Chunk:
    """A full chunk, for shares that should hold to a few percent."""
    [chunk] = draw(Plan(persons=CHUNK * 10, biobanks=3, seed=1))
    return chunk


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


# --- the same again ---------------------------------------------------------------------------------------


def test_the_same_plan_gives_the_same_files(country: tuple[Path, dict[str, int]], tmp_path: Path) -> None:
    folder, written = country
    assert generate(tmp_path / "again", SMALL) == written
    assert files_of(tmp_path / "again") == files_of(folder)


def test_another_seed_gives_other_people(tmp_path: Path, country: tuple[Path, dict[str, int]]) -> None:
    generate(tmp_path / "other", Plan(persons=3000, biobanks=2, seed=8), formats=["csv"])
    one, other = (
        lines_of(place / "LV-SYNTH-01/csv/donors.csv") for place in (country[0], tmp_path / "other")
    )
    assert one != other


def test_a_chunk_does_not_depend_on_those_before_it() -> None:
    whole = list(draw(Plan(persons=CHUNK * 15, biobanks=2, seed=3)))
    fewer = list(draw(Plan(persons=CHUNK * 10, biobanks=2, seed=3)))
    assert [len(chunk.persons["donor"]) for chunk in whole] == [CHUNK, CHUNK // 2]
    for name, column in fewer[0].diagnoses.items():
        assert np.array_equal(column, whole[0].diagnoses[name]), name
    assert whole[1].persons["donor"][0] == CHUNK
    assert whole[1].diagnoses["id"][0] == len(whole[0].diagnoses["id"]) + 1


# --- what is written --------------------------------------------------------------------------------------


def test_every_line_of_fhir_is_a_resource_of_its_file(country: tuple[Path, dict[str, int]]) -> None:
    folder, written = country
    rows = 0
    for path in folder.glob("*/fhir/*.ndjson"):
        resources = [json.loads(line) for line in lines_of(path)]
        assert {each["resourceType"] for each in resources} == {path.stem}
        assert len({each["id"] for each in resources}) == len(resources)
        rows += len(resources)
    assert rows == written["fhir"]


def test_every_fact_is_about_a_patient_of_the_same_biobank(country: tuple[Path, dict[str, int]]) -> None:
    for bank in ("LV-SYNTH-01", "LV-SYNTH-02"):
        place = country[0] / bank / "fhir"
        known = {f"Patient/{json.loads(line)['id']}" for line in lines_of(place / "Patient.ndjson")}
        for type_ in ("Condition", "Observation", "MedicationStatement", "Procedure", "Specimen"):
            subjects = {
                json.loads(line)["subject"]["reference"] for line in lines_of(place / f"{type_}.ndjson")
            }
            assert subjects - known == set(), type_


def test_formats_tell_the_same_facts(country: tuple[Path, dict[str, int]]) -> None:
    bank = country[0] / "LV-SYNTH-01"
    from_fhir = Counter(
        (each["subject"]["reference"][8:], each["code"]["coding"][0]["code"], each.get("onsetDateTime", ""))
        for each in map(json.loads, lines_of(bank / "fhir/Condition.ndjson"))
    )
    from_csv = Counter(
        (row["donor_id"], row["icd10"], row["date"]) for row in table(bank / "csv/diagnoses.csv")
    )
    from_omop = Counter(
        (f"P{row['person_id']}", row["condition_source_value"], row["condition_start_date"])
        for row in table(bank / "omop/condition_occurrence.csv")
    )
    assert from_csv == from_fhir
    # OMOP has no diagnosis without a date.
    assert from_omop == Counter({fact: count for fact, count in from_fhir.items() if fact[2]})


def test_specimens_keep_their_aliquots_in_two_freezers(country: tuple[Path, dict[str, int]]) -> None:
    bank = country[0] / "LV-SYNTH-01"
    by_csv = {row["sample_id"]: int(row["aliquots"]) for row in table(bank / "csv/samples.csv")}
    specimens = list(map(json.loads, lines_of(bank / "fhir/Specimen.ndjson")))
    by_fhir = {each["id"]: len(each["container"]) for each in specimens}
    assert by_fhir == by_csv
    assert {each["id"] for each in specimens if each["status"] == "unavailable"} == {
        name for name, aliquots in by_csv.items() if not aliquots
    }
    freezers = [
        {place["identifier"][0]["value"].split("-")[0] for place in each["container"]} for each in specimens
    ]
    several = [found for found, each in zip(freezers, specimens, strict=True) if len(each["container"]) > 1]
    assert 0.9 < sum(len(found) == 2 for found in several) / len(several) < 1


def test_a_node_takes_its_rules_and_its_catalogue(country: tuple[Path, dict[str, int]]) -> None:
    policy = disclosure.read(country[0] / "policy.yaml")
    assert policy.inhabitants == SMALL.persons
    known = catalogue.read(country[0] / "catalogue.yaml")
    assert known.regions == set(policy.regions) == set(lists.REGIONS)
    assert known.biobanks == {"LV-SYNTH-01", "LV-SYNTH-02"}
    used = {row["collection"] for row in table(country[0] / "LV-SYNTH-01/csv/samples.csv")}
    assert used <= known.collections
    assert known.genes == set(lists.GENES)
    assert set(CODES.loinc) <= known.measures


def test_the_node_understands_the_consent_forms(country: tuple[Path, dict[str, int]]) -> None:
    forms = Forms.load(country[0] / "forms")
    assert forms.problems == []
    used = {
        each["policyRule"]["coding"][0]["code"]
        for each in map(json.loads, lines_of(country[0] / "LV-SYNTH-01/fhir/Consent.ndjson"))
    }
    assert used <= {f"{form.form}|{form.version}" for form in forms}
    assert len(used) > 1


def test_genotypes_are_of_patients(country: tuple[Path, dict[str, int]]) -> None:
    folder, written = country
    carried = 0
    for bank in ("LV-SYNTH-01", "LV-SYNTH-02"):
        with gzip.open(folder / bank / "vcf/genotypes.vcf.gz", "rt", encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file if not line.startswith("##")]
        head, *variants = rows
        donors = {row["donor_id"] for row in table(folder / bank / "csv/donors.csv")}
        assert set(head[9:]) <= donors
        assert {len(row) for row in variants} == {len(head)}
        places = [(int(row[0].removeprefix("chr")), int(row[1])) for row in variants]
        assert places == sorted(places)
        carried += sum("1" in genotype for row in variants for genotype in row[9:])
    assert carried == written["vcf"]


def test_the_register_counts_every_inhabitant_once(country: tuple[Path, dict[str, int]]) -> None:
    rows = table(country[0] / "register.csv")
    assert sum(int(row["inhabitants"]) for row in rows) == SMALL.persons
    assert len(rows) == len(lists.REGIONS) * 2 * len(lists.AGES)


def test_formats_can_be_chosen(tmp_path: Path) -> None:
    assert list(generate(tmp_path / "country", SMALL, formats=["omop"])) == ["omop"]
    folders = {path.name for path in (tmp_path / "country/LV-SYNTH-01").iterdir()}
    assert folders == {"omop"}


def test_progress_grows_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    plan = Plan(persons=CHUNK * 11, seed=2)
    written = generate(
        tmp_path / "country", plan, formats=["csv"], progress=lambda facts, share: told.append((facts, share))
    )
    assert [share for _, share in told] == [1 / 2, 1]
    assert told[0][0] < told[1][0] == written["csv"]


# --- refusals ---------------------------------------------------------------------------------------------


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Anna's")
    with pytest.raises(FileExistsError, match="is not empty; give a new folder"):
        generate(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"persons": 0}, "persons must be between 1 and 10,000,000, not 0"),
        ({"persons": 10_000_001}, "persons must be between 1 and 10,000,000, not 10000001"),
        ({"persons": 9, "biobanks": 0}, "biobanks must be between 1 and 99, not 0"),
        ({"persons": 9, "biobanks": 100}, "biobanks must be between 1 and 99, not 100"),
        ({"persons": 9, "seed": -1}, "seed must not be negative: -1"),
        ({"persons": 9, "donors": 1.5}, "donors is a share between 0 and 1, not 1.5"),
        ({"persons": 9, "genotyped": -0.5}, "genotyped is a share between 0 and 1, not -0.5"),
        ({"persons": 9, "variants": -1}, "variants must be between 0 and 1,000,000, not -1"),
    ],
)
def test_plans_that_cannot_be(wrong: dict[str, int], told: str) -> None:
    with pytest.raises(ValueError) as error:
        Plan(**wrong)  # type: ignore[arg-type]
    assert str(error.value) == told


def test_a_format_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^there is no format xml; there are fhir, omop, csv, vcf$"):
        generate(tmp_path / "country", SMALL, formats=["csv", "xml"])
    assert not (tmp_path / "country").exists()


# --- personal codes ---------------------------------------------------------------------------------------


def test_old_codes_are_well_formed_and_of_births_before_1880() -> None:
    people = np.array([0, 1, 29_219, 29_220, 5_000_000, personal.MOST - 1])
    codes = [read(text) for text in personal.old(people)]
    assert [code.kind for code in codes] == [Kind.OLD] * 6
    years = [code.born.year for code in codes if code.born is not None]
    assert len(years) == 6
    assert min(years) >= 1800
    assert max(years) < 1880


def test_new_codes_are_well_formed_and_begin_with_3999() -> None:
    codes = personal.new(np.arange(1000)).tolist()
    assert {read(text).kind for text in codes} == {Kind.NEW}
    assert {text[:4] for text in codes} == {"3999"}


@pytest.mark.parametrize("form", [personal.old, personal.new], ids=["old", "new"])
def test_no_two_persons_share_a_code(form: object) -> None:
    people = np.concatenate([np.arange(40_000), personal.MOST - 1 - np.arange(40_000)])
    assert callable(form)
    assert len(set(form(people).tolist())) == 80_000


def test_a_biobank_s_numbers_tell_nothing_of_another_s() -> None:
    donors = np.arange(50_000)
    one, other = local(donors, 0), local(donors, 1)
    assert len(set(one.tolist())) == len(set(other.tolist())) == 50_000
    assert not (one == other).any()


# --- like a country ---------------------------------------------------------------------------------------


def test_regions_have_their_shares(people: Chunk) -> None:
    found = np.bincount(people.persons["region"], minlength=6) / CHUNK
    should_be = np.array(list(lists.REGIONS.values())) / sum(lists.REGIONS.values())
    assert np.abs(found - should_be).max() < 0.02


def test_diseases_go_with_age_with_sex_and_with_each_other(people: Chunk) -> None:
    born, sex = people.persons["born"], people.persons["sex"]
    age = (day(Plan(1).until) - born) / 365.25
    category = np.array([code[:3] for code in CODES.diagnoses])[people.diagnoses["code"]]

    def has(name: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        found = np.zeros(CHUNK, bool)
        found[people.diagnoses["donor"][category == name]] = True
        return found

    assert has("I10")[age > 65].mean() > 3 * has("I10")[age < 40].mean()
    assert has("C50")[sex == 0].mean() > 4 * has("C50")[sex == 1].mean()
    assert has("C61")[sex == 0].sum() == 0
    # Diabetes and high blood pressure share a cause beside age.
    old = age > 60
    assert has("I10")[old & has("E11")].mean() > 1.1 * has("I10")[old & ~has("E11")].mean()


def test_blood_sugar_is_higher_in_diabetes(people: Chunk) -> None:
    tests = people.measurements
    [glucose] = np.flatnonzero(CODES.loinc == "14749-6")
    diabetic = np.zeros(CHUNK, bool)
    of_diabetes = np.flatnonzero([code[:3] == "E11" for code in CODES.diagnoses])
    diabetic[people.diagnoses["donor"][np.isin(people.diagnoses["code"], of_diabetes)]] = True
    of = tests["test"] == glucose
    values, sick = tests["value"][of], diabetic[tests["donor"][of]]
    assert np.median(values[sick]) > np.median(values[~sick]) + 0.8


def test_every_diagnosis_is_a_code_that_questions_may_name() -> None:
    assert [
        code for code in CODES.diagnoses if not icd10.is_code(code) or icd10.chapter_of(code) is None
    ] == []


def test_nothing_happens_before_birth_or_after_death(people: Chunk) -> None:
    born = people.persons["born"].astype(np.int64)
    died = np.where(people.persons["died"] == NO_DATE, day(Plan(1).until), people.persons["died"])
    assert (people.persons["died"] != NO_DATE).mean() > 0.01
    for name, dated in (
        ("diagnoses", "on"),
        ("measurements", "on"),
        ("medications", "on"),
        ("specimens", "collected"),
    ):
        rows = getattr(people, name)
        on, donor = rows[dated], rows["donor"]
        known = on != NO_DATE
        assert (on[known] >= born[donor[known]]).all(), name
        assert (on[known] <= died[donor[known]]).all(), name


def test_donors_overlap_between_biobanks_under_old_and_new_codes(people: Chunk) -> None:
    members = people.members
    times = np.bincount(members["donor"], minlength=CHUNK)
    assert set(times.tolist()) == {1, 2}
    assert 0.03 < (times == 2).mean() < 0.12
    new = np.bincount(members["donor"], weights=members["new_code"], minlength=CHUNK)
    assert ((times == 2) & (new == 1)).sum() > 0  # an old code here, a new one there


# --- genes ------------------------------------------------------------------------------------------------


def test_neighbouring_sites_go_together_and_most_are_rare() -> None:
    found = list(genome.sites(Plan(persons=1, seed=5, variants=600), 500))
    alleles = np.stack([np.where(site.alleles == 1, 1.0, 0.0) for site in found])
    share = alleles.mean(axis=1)
    assert np.median(share) < 0.01
    assert (share > 0.05).sum() > 50
    common = [place for place in range(len(found)) if 0.05 < share[place] < 0.6]
    near, far = [], []
    for one, other in pairwise(common):
        together = np.corrcoef(alleles[one], alleles[other])[0, 1] ** 2
        same = found[one].chromosome == found[other].chromosome
        if same and found[other].position - found[one].position < 5000:
            near.append(together)
        elif not same:
            far.append(together)
    assert np.mean(near) > 10 * np.mean(far)


def test_there_are_all_formats() -> None:
    assert FORMATS == ("fhir", "omop", "csv", "vcf")


# --- without files ----------------------------------------------------------------------------------------


def test_columns_tell_what_the_files_tell(country: tuple[Path, dict[str, int]]) -> None:
    found, members = columns(SMALL)
    rows = found.records()
    banks = ("LV-SYNTH-01", "LV-SYNTH-02")
    specimens = [row for bank in banks for row in table(country[0] / bank / "csv/samples.csv")]
    assert Counter(
        (row.biobank, row.collection, row.type, row.temperature or "", row.aliquots) for row in rows.specimens
    ) == Counter(
        (
            row["biobank"],
            row["collection"],
            row["sample_type"],
            row["storage_temperature"],
            int(row["aliquots"]),
        )
        for row in specimens
    )
    diagnoses = [row for bank in banks for row in table(country[0] / bank / "csv/diagnoses.csv")]
    assert Counter((row.code, str(row.on or "")) for row in rows.diagnoses) == Counter(
        (row["icd10"], row["date"]) for row in diagnoses
    )
    assert len(rows.genotypes) == country[1]["vcf"]
    assert len(members["donor"]) == sum(len(table(country[0] / bank / "csv/donors.csv")) for bank in banks)
    assert len(rows.donors) == SMALL.donor_count


def test_columns_keep_one_unit_per_test() -> None:
    found, _ = columns(Plan(persons=20_000, biobanks=2, seed=1, variants=0))
    hemoglobin = found.measurements.code.codes == found.measurements.code.vocabulary.index("718-7")
    values = found.measurements.value[hemoglobin]
    assert len(values) > 1000
    assert 3 < values.min() < values.max() < 25  # g/dL, though one biobank of the two tells g/L
