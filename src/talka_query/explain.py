"""A question in plain sentences, English or Latvian, that an ethics committee can read and judge.

Every condition is told, none is left to a default, and the two languages stand side by side so that they stay alike.
Codes are told as codes: whoever holds the licensed descriptions may put them beside.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal, assert_never

from talka_query import nodes
from talka_query.nodes import (
    Ages,
    AskerKind,
    Axis,
    Count,
    Criterion,
    Dated,
    Question,
    Sex,
    Specimen,
    Use,
    Window,
    Zygosity,
)

Language = Literal["en", "lv"]

# English, Latvian.
SEXES = {
    Sex.FEMALE: ("female", "sieviete"),
    Sex.MALE: ("male", "vīrietis"),
    Sex.OTHER: ("other", "cits"),
    Sex.UNKNOWN: ("unknown", "nav zināms"),
}
AXES = {
    Axis.SEX: ("sex", "dzimuma"),
    Axis.AGE_BAND: ("five-year age band", "piecu gadu vecuma grupas"),
    Axis.REGION: ("region", "reģiona"),
    Axis.YEAR: ("year of collection", "ievākšanas gada"),
    Axis.BIOBANK: ("biobank", "biobankas"),
    Axis.COLLECTION: ("collection", "kolekcijas"),
    Axis.SAMPLE_TYPE: ("sample type", "parauga veida"),
    Axis.DIAGNOSIS_CHAPTER: ("ICD-10 chapter of any diagnosis", "jebkuras diagnozes SSK-10 nodaļas"),
}
USES = {
    Use.BIOMEDICAL: (
        "health, medical or biomedical research",
        "veselības, medicīnas vai biomedicīnas pētījums",
    ),
    Use.DISEASE: ("research on a disease", "slimības pētījums"),
    Use.METHODS: ("development of methods", "metožu izstrāde"),
    Use.ANCESTRY: ("research on origins or ancestry", "izcelsmes pētījums"),
    Use.STATISTICS: ("statistics of public interest", "statistika sabiedrības interesēs"),
    Use.OTHER: ("other research", "cits pētījums"),
}
ASKERS = {
    AskerKind.ACADEMIC: ("an academic institution", "zinātniska institūcija"),
    AskerKind.PUBLIC_BODY: ("a public body", "publiska iestāde"),
    AskerKind.NON_PROFIT: ("a non-profit organisation", "bezpeļņas organizācija"),
    AskerKind.COMPANY: ("a company", "uzņēmums"),
}
COPIES = {
    Zygosity.CARRIER: ("in at least one copy", "vismaz vienā kopijā"),
    Zygosity.HETEROZYGOUS: ("in exactly one copy", "tieši vienā kopijā"),
    Zygosity.HOMOZYGOUS: ("in both copies", "abās kopijās"),
}


def explain(question: Question, language: Language = "en") -> str:
    """The question as lines of text; what is nested is indented."""
    return "\n".join(_Teller(language).question(question))


class _Teller:
    def __init__(self, language: Language) -> None:
        self.latvian = language == "lv"

    def say(self, english: str, latvian: str) -> str:
        return latvian if self.latvian else english

    # --- the whole ----------------------------------------------------------------------------------------

    def question(self, question: Question) -> Iterable[str]:
        match question.count:
            case Count.DONORS:
                yield self.say(
                    "How many donors are there of whom this is known:", "Cik ir donoru, par kuriem zināms:"
                )
            case Count.SAMPLES:
                yield self.say(
                    "How many samples are there from donors of whom this is known:",
                    "Cik ir paraugu no donoriem, par kuriem zināms:",
                )
            case Count.ALIQUOTS:
                yield self.say(
                    "How many aliquots are there from donors of whom this is known:",
                    "Cik ir alikvotu no donoriem, par kuriem zināms:",
                )
            case _:
                assert_never(question.count)
        yield from self.criterion(question.such_that, 1)
        if question.count is not Count.DONORS or not nodes.SPECIMEN_AXES.isdisjoint(question.by):
            yield self.say(
                f"Of their samples it looks at: {self.specimen(question.samples)}.",
                f"No viņu paraugiem aplūko: {self.specimen(question.samples)}.",
            )
        if question.by:
            axes = _joined((self.pick(AXES[axis]) for axis in question.by), self.say(" and ", " un "))
            yield self.say(f"Broken down by {axes}.", f"Sadalījumā pēc {axes}.")
        day = self.day(question.ages_at)
        yield self.say(
            f"Ages and life are judged on {day}.", f"Vecums un tas, vai donors ir dzīvs, noteikts {day}"
        )
        yield from self.purpose(question)
        yield self.say(
            "Only donors whose consent at some biobank permits this purpose are counted, "
            "and only samples of such biobanks.",
            "Skaita tikai donorus, kuru piekrišana kādā biobankā šo nolūku pieļauj, un tikai šādu biobanku paraugus.",
        )  # fmt: skip

    def purpose(self, question: Question) -> Iterable[str]:
        purpose = question.purpose
        use = self.pick(USES[purpose.use])
        if purpose.disease is not None:
            use += f" ({purpose.disease})"
        profit = (
            self.say("for profit", "peļņas nolūkā")
            if purpose.commercial
            else self.say("not for profit", "ne peļņas nolūkā")
        )
        genes = (
            self.say("genetic data are read", "ģenētiskos datus lasa")
            if purpose.genetic
            else self.say("genetic data are not read", "ģenētiskos datus nelasa")
        )
        yield self.say(
            f"Purpose: {use}, {profit}, by {self.pick(ASKERS[purpose.asker])}; {genes}; data are processed in "
            f"{purpose.country}.",
            f"Nolūks: {use}, {profit}; jautātājs: {self.pick(ASKERS[purpose.asker])}; {genes}; datus apstrādā "
            f"valstī {purpose.country}.",
        )  # fmt: skip
        asker = question.asker or self.say("not said", "nav norādīts")
        permit = question.permit or self.say("none", "nav")
        yield self.say(
            f"Asked by: {asker}; permit: {permit}.", f"Jautātāja konts: {asker}; atļauja: {permit}."
        )

    # --- criteria -----------------------------------------------------------------------------------------

    def criterion(self, criterion: Criterion, depth: int) -> Iterable[str]:
        mark = "  " * depth + "- "
        match criterion:
            case nodes.All(of=()):
                yield mark + self.say("anything (every donor)", "jebkas (ikviens donors)")
            case nodes.Any(of=()):
                yield mark + self.say("nothing (no donor)", "nekas (neviens donors)")
            case nodes.All(of=of):
                yield mark + self.say("all of these:", "viss turpmākais:")
                for part in of:
                    yield from self.criterion(part, depth + 1)
            case nodes.Any(of=of):
                yield mark + self.say("at least one of these:", "vismaz viens no turpmākā:")
                for part in of:
                    yield from self.criterion(part, depth + 1)
            case nodes.Not(of=negated):
                yield mark + self.say("it is not known that:", "nav zināms, ka:")
                yield from self.criterion(negated, depth + 1)
            case nodes.Within():
                yield from self.within(criterion, depth)
            case _:
                yield mark + self.leaf(criterion)

    def within(self, criterion: nodes.Within, depth: int) -> Iterable[str]:
        pad = "  " * depth
        yield pad + "- " + self.say("two records, both with a date:", "divi ieraksti, abi ar datumu:")
        yield f"{pad}  (a) {self.record(criterion.event)}"
        first = self.say("the first ever: ", "pats pirmais: ") if criterion.first else ""
        yield f"{pad}  (b) {first}{self.record(criterion.anchor)}"
        yield f"{pad}  {self.apart(criterion.low, criterion.high)}"

    def apart(self, low: int | None, high: int | None) -> str:
        """How far apart; the counts are told as days before or after, never as negative days."""
        if low is None and high is None:
            return self.say(
                "(a) and (b) lie any number of days apart", "starp (a) un (b) ir jebkurš dienu skaits"
            )
        if low is not None and high is not None:
            if low > high:
                return self.say(
                    f"which cannot be: (a) lies at least {low} and at most {high} days after (b)",
                    f"kas nav iespējams: no (b) līdz (a) ir vismaz {low} un ne vairāk kā {high} dienas",
                )
            if low >= 0:
                return self.say(
                    f"(a) lies {low} to {self.days(high)} after (b)",
                    f"(a) ir {low} līdz {self.days(high)} pēc (b)",
                )
            if high <= 0:
                return self.say(
                    f"(a) lies {-high} to {self.days(-low)} before (b)",
                    f"(a) ir {-high} līdz {self.days(-low)} pirms (b)",
                )
            return self.say(
                f"(a) lies between {self.days(-low)} before and {self.days(high)} after (b)",
                f"(a) ir laikā, kas sākas {self.days(-low)} pirms (b) un beidzas {self.days(high)} pēc (b)",
            )
        if low is not None:
            if low >= 0:
                return self.say(
                    f"(a) lies at least {self.days(low)} after (b)", f"(a) ir vismaz {self.days(low)} pēc (b)"
                )
            return self.say(
                f"(a) lies at most {self.days(-low)} before (b), or at any time after it",
                f"(a) ir ne vairāk kā {self.days(-low)} pirms (b) vai jebkad pēc tā",
            )
        assert high is not None
        if high <= 0:
            return self.say(
                f"(a) lies at least {self.days(-high)} before (b)",
                f"(a) ir vismaz {self.days(-high)} pirms (b)",
            )
        return self.say(
            f"(a) lies at most {self.days(high)} after (b), or at any time before it",
            f"(a) ir ne vairāk kā {self.days(high)} pēc (b) vai jebkad pirms tā",
        )

    def leaf(
        self,
        criterion: nodes.IsSex | nodes.Age | nodes.Born | nodes.Alive | nodes.LivesIn | nodes.InCohort
        | nodes.Variant | nodes.VariantIn | Dated,
    ) -> str:  # fmt: skip
        match criterion:
            case nodes.IsSex(any_of):
                sexes = self.either(self.pick(SEXES[sex]) for sex in Sex if sex in any_of)
                return self.say(f"sex: {sexes}", f"dzimums: {sexes}")
            case nodes.Age(years):
                return self.say("age: ", "vecums: ") + (self.years(years) or self.anything())
            case nodes.Born(window):
                return self.say("born: ", "dzimis: ") + (self.window(window) or self.anything())
            case nodes.Alive():
                return self.say("no death is known by then", "līdz tam nav zināms par nāvi")
            case nodes.LivesIn(any_of):
                regions = self.either(sorted(any_of))
                return self.say(f"lives in {regions}", f"dzīvesvieta: {regions}")
            case nodes.InCohort(cohort):
                return self.say(
                    f"belongs to the cohort or study “{cohort}”", f"pieder kohortai vai pētījumam “{cohort}”"
                )
            case nodes.Variant(chromosome, position, reference, alternate, zygosity):
                name, copies = f"{chromosome}-{position}-{reference}-{alternate}", self.pick(COPIES[zygosity])
                return self.say(
                    f"carries the genetic variant {name} (GRCh38) {copies}",
                    f"ir ģenētiskais variants {name} (GRCh38) {copies}",
                )
            case nodes.VariantIn():
                return self.place(criterion)
            case _:
                return self.record(criterion)

    def place(self, criterion: nodes.VariantIn) -> str:
        copies = self.pick(COPIES[criterion.zygosity])
        parts = []
        if criterion.gene is not None:
            parts.append(self.say(f"in the gene {criterion.gene}", f"gēnā {criterion.gene}"))
        if criterion.chromosome is not None:
            parts.append(
                self.say(f"on chromosome {criterion.chromosome}", f"{criterion.chromosome}. hromosomā")
            )
        if criterion.start is not None:
            parts.append(self.say(f"from position {criterion.start}", f"no pozīcijas {criterion.start}"))
        if criterion.end is not None:
            parts.append(self.say(f"to position {criterion.end}", f"līdz pozīcijai {criterion.end}"))
        place = " ".join(parts)
        return self.say(
            f"carries some genetic variant {place} {copies}", f"ir kāds ģenētiskais variants {place} {copies}"
        )

    # --- records ------------------------------------------------------------------------------------------

    def record(self, pattern: Dated) -> str:
        match pattern:
            case nodes.Diagnosis(codes, descendants, window, age):
                what = self.coded(codes, descendants, self.say("a diagnosis", "diagnoze"))
                return self.with_conditions(what, self.dated(window, age))
            case nodes.Medication(codes, descendants, window, age):
                what = self.coded(codes, descendants, self.say("a medicine taken", "lietotas zāles"))
                return self.with_conditions(what, self.dated(window, age))
            case nodes.Procedure(codes, window, age):
                what = self.coded(codes, False, self.say("a procedure", "procedūra"))
                return self.with_conditions(what, self.dated(window, age))
            case nodes.Measurement(code, low, high, unit, window, age):
                what = self.say(f"a measurement {code}", f"mērījums {code}")
                if (limits := self.limits(low, high)) is not None:
                    own = self.say("(in the node's own unit)", "(mezgla paša mērvienībā)")
                    what += f": {limits} {own if unit is None else unit}"
                return self.with_conditions(what, self.dated(window, age))
            case Specimen():
                return self.specimen(pattern)
            case _:
                assert_never(pattern)

    def specimen(self, pattern: Specimen) -> str:
        conditions = []
        if pattern.types:
            conditions.append(self.say("of type ", "veids: ") + self.either(sorted(pattern.types)))
        if window := self.window(pattern.collected):
            conditions.append(self.say("collected ", "ievākts laikā ") + window)
        if years := self.years(pattern.age):
            conditions.append(self.say("at age ", "vecums toreiz: ") + years)
        if pattern.temperatures:
            conditions.append(self.say("stored at ", "glabāts: ") + self.either(sorted(pattern.temperatures)))
        if pattern.biobanks:
            conditions.append(self.say("in biobank ", "biobankā ") + self.either(sorted(pattern.biobanks)))
        if pattern.collections:
            conditions.append(
                self.say("in collection ", "kolekcijā ") + self.either(sorted(pattern.collections))
            )
        if pattern.aliquots > 0:
            conditions.append(
                self.say("aliquots left: at least ", "atlikušo alikvotu: vismaz ") + str(pattern.aliquots)
            )
        if not conditions:
            return self.say("any sample", "jebkurš paraugs")
        return self.with_conditions(self.say("a sample", "paraugs"), conditions)

    def coded(self, codes: frozenset[str], descendants: bool, what: str) -> str:
        if not codes:
            return what + self.say(" of any kind", " (jebkura)")
        listed = self.either(sorted(codes))
        if descendants:
            return what + self.say(f" {listed} or whatever lies below", f" {listed} vai kas zem tā")
        return what + self.say(f" with exactly the code {listed}", f" tieši ar kodu {listed}")

    def dated(self, window: Window, age: Ages) -> list[str]:
        conditions = []
        if days := self.window(window):
            conditions.append(self.say("dated ", "laikā ") + days)
        if years := self.years(age):
            conditions.append(self.say("at age ", "vecums toreiz: ") + years)
        return conditions

    def with_conditions(self, what: str, conditions: list[str]) -> str:
        return ", ".join([what, *conditions])

    # --- small parts --------------------------------------------------------------------------------------

    def pick(self, both: tuple[str, str]) -> str:
        return self.say(*both)

    def anything(self) -> str:
        return self.say("anything, even unknown", "jebkas, arī nezināms")

    def either(self, items: Iterable[str]) -> str:
        return _joined(items, self.say(" or ", " vai ")) or self.say("none of any", "neviens")

    def day(self, day: date) -> str:
        return day.strftime("%d.%m.%Y.") if self.latvian else day.isoformat()

    def window(self, window: Window) -> str:
        parts = []
        if window.since is not None:
            parts.append(self.say("from ", "no ") + self.day(window.since))
        if window.until is not None:
            parts.append(self.say("to ", "līdz ") + self.day(window.until))
        return " ".join(parts)

    def days(self, number: int) -> str:
        return f"{number} {self.number(number, ('day', 'days'), ('diena', 'dienas'))}"

    def number(self, number: int, english: tuple[str, str], latvian: tuple[str, str]) -> str:
        """The singular or plural that goes with a number: in Latvian 21 is singular, 11 is not."""
        one = number % 10 == 1 and number % 100 != 11 if self.latvian else number == 1
        return (latvian if self.latvian else english)[0 if one else 1]

    def years(self, ages: Ages) -> str:
        limits = self.limits(ages.low, ages.high)
        last = ages.low if ages.high is None else ages.high
        if limits is None or last is None:
            return ""
        if ages.low == ages.high:
            limits = str(last)
        between = ages.low is not None and ages.high is not None and ages.low != ages.high
        latvian = ("gadam", "gadiem") if between else ("gads", "gadi")
        return f"{limits} {self.number(last, ('year', 'years'), latvian)}"

    def limits(self, low: float | None, high: float | None) -> str | None:
        if low is None and high is None:
            return None
        if low is None:
            return self.say("at most ", "ne vairāk kā ") + _number(high)
        if high is None:
            return self.say("at least ", "vismaz ") + _number(low)
        return self.say(f"from {_number(low)} to {_number(high)}", f"no {_number(low)} līdz {_number(high)}")


def _number(value: float | None) -> str:
    """Without a fraction of nothing: 25, not 25.0."""
    return repr(value).removesuffix(".0")


def _joined(items: Iterable[str], last: str) -> str:
    listed = list(items)
    return last.join([", ".join(listed[:-1]), listed[-1]]) if len(listed) > 1 else "".join(listed)
