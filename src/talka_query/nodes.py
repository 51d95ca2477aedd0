"""What a question is made of: donors such that …, counted, broken down by …, for a stated purpose.

Every class is a frozen value. A criterion is about one donor; a *record pattern* (`Diagnosis`, `Specimen`, …) is
also a criterion and means "has at least one such record". All conditions inside one pattern are about one and
the same record: serum collected since 2018 is one specimen, not a serum and something from 2018.

Three rules that every engine obeys, so that all give equal answers:

1. **A missing value satisfies nothing.** A record without a date is in no window; a donor without a birth date
   has no age, and before birth there is none either. `Not` negates the truth of "a record is known to fit":
   `Not(Age(50, 70))` holds for a donor whose birth date is missing. A condition left open (an empty set, a window
   or range without ends) asks for nothing, so what is missing passes it.
2. **Consent first.** The world of a question is the donors with at least one biobank whose consent permits the
   stated purpose to the asker on the day of the answer. Specimens of the donor's other biobanks do not exist
   for it: not in criteria, not in breakdowns, not in counts. Facts that no biobank holds (diagnoses, measurements …)
   are the donor's. Facts of somebody who has no donor row (an import in its middle) are nobody's.
3. **Dates are days**, windows include both ends, ages are complete years on a day (someone born on 29 February
   turns a year older on 1 March in years without one).

Why the rules are as they are: docs/adr/0016-what-questions-mean.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

VERSION = 1


class Sex(StrEnum):
    """FHIR administrative gender, which MIABIS on FHIR uses for donors."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


class Count(StrEnum):
    """What is counted. Samples and aliquots are those that fit `Question.samples`, of the donors that satisfy
    `Question.such_that`; aliquots are summed. Donors are counted whether or not one of their specimens fits."""

    DONORS = "donors"
    SAMPLES = "samples"
    ALIQUOTS = "aliquots"


class Axis(StrEnum):
    """What an answer can be broken down by. The last five are of a specimen or a diagnosis, so a donor may fall in
    several cells, and cells of such an axis do not add up to the whole.

    The axes of a specimen (`SPECIMEN_AXES`) look at the specimens that fit `Question.samples`, and several of them at
    one and the same specimen: a donor is in the cell (2019, serum) by a serum of 2019. Who has no such specimen is
    in no cell of theirs, and still in the whole. The diagnosis chapter looks at every diagnosis of the donor, whatever
    the criteria were; a sample is in each chapter of its donor, and who has no diagnosis is in no chapter.

    Ages count on `Question.ages_at`, of who died before at death; an age band is named "50-54", a year "2019", a
    chapter "II"; what is missing, or lies in no chapter, is named "?".
    """

    SEX = "sex"
    AGE_BAND = "age_band"  # five-year bands; "90+" is the last
    REGION = "region"
    YEAR = "year"  # of collection of the specimen
    BIOBANK = "biobank"
    COLLECTION = "collection"
    SAMPLE_TYPE = "sample_type"
    DIAGNOSIS_CHAPTER = "diagnosis_chapter"


SPECIMEN_AXES = frozenset({Axis.YEAR, Axis.BIOBANK, Axis.COLLECTION, Axis.SAMPLE_TYPE})


# --- parts of criteria ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Window:
    """Days from `since` to `until`, both included; an open end is None; with both open even no date will do."""

    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Ages:
    """Complete years, both ends included; an open end is None. `Ages(50, 70)` is 50 ≤ age ≤ 70; with both open
    even an unknown age will do."""

    low: int | None = None
    high: int | None = None


# --- criteria: about one donor ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class All:
    """Every one of `of` holds; of nothing: always true."""

    of: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True)
class Any:
    """At least one of `of` holds; of nothing: never true."""

    of: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """The criterion does not hold (of what is known: see rule 1)."""

    of: Criterion


@dataclass(frozen=True, slots=True)
class IsSex:
    """The donor's sex is one of these."""

    any_of: frozenset[Sex]


@dataclass(frozen=True, slots=True)
class Age:
    """Age in complete years on `Question.ages_at` (a donor who died before that day: at death)."""

    years: Ages


@dataclass(frozen=True, slots=True)
class Born:
    """Date of birth within the window."""

    window: Window


@dataclass(frozen=True, slots=True)
class Alive:
    """No date of death is known on or before `Question.ages_at`."""


@dataclass(frozen=True, slots=True)
class LivesIn:
    """The donor's region is one of these codes (ATVK municipality or statistical region, as the node keeps it)."""

    any_of: frozenset[str]


@dataclass(frozen=True, slots=True)
class InCohort:
    """The donor belongs to the cohort or study."""

    cohort: str


# --- record patterns: "has a record such that", and the ends of `Within` ----------------------------------


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A diagnosis coded in ICD-10.

    `codes`: categories, subcategories, blocks or other ranges ("C00-C97") or chapters ("II"); with `descendants`,
    whatever lies below counts too, without it only that exact code (so a range or chapter matches nothing).
    Empty: any diagnosis. `age`: the donor's age on its date.
    """

    codes: frozenset[str] = frozenset()
    descendants: bool = True
    window: Window = Window()
    age: Ages = Ages()


@dataclass(frozen=True, slots=True)
class Specimen:
    """A specimen at a biobank whose consent permits the purpose. Empty sets: any. `age`: at collection.

    `types` are MIABIS detailed sample types, `temperatures` MIABIS storage temperatures (both: talka_node.codes).
    `aliquots` is the least number that must be left.
    """

    types: frozenset[str] = frozenset()
    collected: Window = Window()
    temperatures: frozenset[str] = frozenset()
    biobanks: frozenset[str] = frozenset()
    collections: frozenset[str] = frozenset()
    aliquots: int = 0
    age: Ages = Ages()


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measurement (LOINC code) with its value between `low` and `high`, both included, in `unit` (UCUM).

    An engine compares in the node's canonical unit of the code: whoever receives a question first turns it into one
    of canonical units (`talka_query.check.converted`), or refuses it.
    """

    code: str
    low: float | None = None
    high: float | None = None
    unit: str | None = None
    window: Window = Window()
    age: Ages = Ages()


@dataclass(frozen=True, slots=True)
class Medication:
    """A medicine taken (ATC code, with `descendants` also its subgroups); its date is the first day."""

    codes: frozenset[str] = frozenset()
    descendants: bool = True
    window: Window = Window()
    age: Ages = Ages()


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure done, by exact code of the node's procedure system."""

    codes: frozenset[str] = frozenset()
    window: Window = Window()
    age: Ages = Ages()


class Zygosity(StrEnum):
    """How many copies of the alternate allele: one, two, or at least one."""

    HETEROZYGOUS = "heterozygous"
    HOMOZYGOUS = "homozygous"
    CARRIER = "carrier"


@dataclass(frozen=True, slots=True)
class Variant:
    """Carries one exact variant. `position` is 1-based as in VCF; `chromosome` without "chr"; GRCh38."""

    chromosome: str
    position: int
    reference: str
    alternate: str
    zygosity: Zygosity = Zygosity.CARRIER


@dataclass(frozen=True, slots=True)
class VariantIn:
    """Carries some variant in a gene (HGNC symbol) or on a chromosome, there between two positions, both included.

    It is the position written in the VCF that counts, also of a variant that reaches further. One of `gene` and
    `chromosome` is needed, `start` and `end` need `chromosome`; everything that is given must hold.
    """

    gene: str | None = None
    chromosome: str | None = None
    start: int | None = None
    end: int | None = None
    zygosity: Zygosity = Zygosity.CARRIER


Dated = Diagnosis | Specimen | Measurement | Medication | Procedure


@dataclass(frozen=True, slots=True)
class Within:
    """Some record fitting `event` lies `low` to `high` days (both included; None is open) after some record fitting
    `anchor`: `Within(serum, cancer, None, -365)` is serum at least a year before a cancer.

    Records without a date are neither, even with both limits open; one and the same record may be both, 0 days apart.
    `first`: only the earliest dated record fitting `anchor` counts as the anchor.
    """

    event: Dated
    anchor: Dated
    low: int | None = None
    high: int | None = None
    first: bool = False


Criterion = (
    All | Any | Not | IsSex | Age | Born | Alive | LivesIn | InCohort
    | Diagnosis | Specimen | Measurement | Medication | Procedure | Variant | VariantIn | Within
)  # fmt: skip


# --- the question -----------------------------------------------------------------------------------------


class Use(StrEnum):
    """What the data would be used for, in the terms that DUO's permissions decide about."""

    BIOMEDICAL = "biomedical"  # health, medical or biomedical research
    DISEASE = "disease"  # research on the disease in `Purpose.disease`
    METHODS = "methods"  # development of methods, software, algorithms
    ANCESTRY = "ancestry"  # population origins or ancestry
    STATISTICS = "statistics"  # counts only, of public interest: coverage, planning
    OTHER = "other"  # any other research (needs "no restriction")


class AskerKind(StrEnum):
    """Who asks, as far as consent distinguishes it."""

    ACADEMIC = "academic"
    PUBLIC_BODY = "public_body"
    NON_PROFIT = "non_profit"
    COMPANY = "company"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What for and by whom. `disease` is an ICD-10 code. `commercial`: the use itself aims at profit.
    `genetic`: genetic data are read. `country`: where data would be processed (ISO 3166-1 alpha-2)."""

    use: Use
    asker: AskerKind
    commercial: bool = False
    genetic: bool = False
    disease: str | None = None
    country: str = "LV"


@dataclass(frozen=True, slots=True)
class Question:
    """Donors such that `such_that`, counted, broken down by up to three axes.

    `samples` says which specimens count as samples or aliquots and which the specimen axes look at; it does not
    restrict which donors count. `by` names no axis twice.
    `ages_at`: the day on which ages and life are judged. `asker` and `permit` name the account at the hub and
    the permit that the asker relies on; they are stated, and checked by whoever receives the question.
    """

    purpose: Purpose
    such_that: Criterion
    ages_at: date
    count: Count = Count.DONORS
    samples: Specimen = Specimen()
    by: tuple[Axis, ...] = ()
    asker: str = ""
    permit: str | None = None
    version: int = VERSION
