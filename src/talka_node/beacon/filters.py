"""Filters to criteria. All of them must hold; each names a code (`ICD10:C34`), a property and a value (`age>=50`), or
something of the node's own (`cohort:latvia-breast`). What is not known is refused with the nearest that is.

All must hold; of a group one is enough, and what is excluded must not be so. A filter in a group or excluded speaks for
itself, of the person: whether there is such a diagnosis, such a sample. Only a group of nothing but sample types, none
of them excluded, is of the one sample that all filters about samples are about.

Filters about samples speak of one and the same sample: serum, and collected since 2018. Only several sample types
mean several samples, each of which fits all else. A diagnosis' date and age belong to the one diagnosis filtered for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Any, TypeVar

from talka_node.beacon.request import BadRequest, Filter, Group, Similarity, entry_of, unknown
from talka_node.beacon.source import Cohort, Dataset, Entry, Vocabulary
from talka_node.codes import atc, icd10, samples, units
from talka_query import nodes
from talka_query.nodes import Ages, Criterion, Sex, Window, Zygosity

S = TypeVar("S", bound=str)
T = TypeVar("T", int, date)

SEXES = {
    "NCIT:C16576": Sex.FEMALE, "NCIT:C20197": Sex.MALE, "NCIT:C17649": Sex.OTHER, "NCIT:C17998": Sex.UNKNOWN,
}  # fmt: skip
SEX_TERMS = {sex: term for term, sex in SEXES.items()}
ZYGOSITIES = {
    "GENO:0000135": Zygosity.HETEROZYGOUS, "GENO:0000136": Zygosity.HOMOZYGOUS,
}  # fmt: skip
PREFIXES = ("ICD10", "ATC", "LOINC", "NCIT", "GENO", "MIABIS", "SNOMED")
OWN = ("cohort", "dataset", "biobank", "collection", "region", "procedure")

# Properties with a value: what it is, and of which entries it speaks.
PROPERTIES = {
    "sex": ("code", Entry.INDIVIDUAL), "region": ("code", Entry.INDIVIDUAL), "cohort": ("code", Entry.INDIVIDUAL),
    "age": ("age", Entry.INDIVIDUAL), "birthDate": ("date", Entry.INDIVIDUAL),
    "ageOfOnset": ("age", Entry.INDIVIDUAL), "diagnosisDate": ("date", Entry.INDIVIDUAL),
    "sampleType": ("code", Entry.BIOSAMPLE), "storageTemperature": ("code", Entry.BIOSAMPLE),
    "biobank": ("code", Entry.BIOSAMPLE), "collection": ("code", Entry.BIOSAMPLE),
    "collectionDate": ("date", Entry.BIOSAMPLE), "ageAtCollection": ("age", Entry.BIOSAMPLE),
    "aliquots": ("number", Entry.BIOSAMPLE),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """`of`: criteria about the individual. `samples`: patterns of samples, at least one of each wanted. `zygosity`: of
    the variant that the request's parameters name. `apart`: a filter about samples that is about the person, for it
    stands in a group or is excluded."""

    of: tuple[Criterion, ...]
    samples: tuple[nodes.Specimen, ...]
    zygosity: Zygosity | None
    apart: str | None = None


def wanted(
    filters: Iterable[Filter | Group],
    vocabulary: Vocabulary,
    datasets: Iterable[Dataset],
    cohorts: Iterable[Cohort],
) -> Wanted:
    """What the filters ask for together. Raises BadRequest."""
    builder = _Builder(
        vocabulary, {each.id: each for each in datasets}, {each.id: each.name for each in cohorts}
    )
    for each in filters:
        if isinstance(each, Group):
            builder.group(each)
        elif each.excluded:
            builder.of.append(builder.alone(each))
        else:
            builder.add(each)
    return builder.wanted()


@dataclass(slots=True)
class _Builder:
    vocabulary: Vocabulary
    datasets: Mapping[str, Dataset]
    cohorts: Mapping[str, str]
    of: list[Criterion] = field(default_factory=list)
    sexes: frozenset[Sex] | None = None
    regions: frozenset[str] | None = None
    ages: dict[str, Ages] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    diagnoses: list[nodes.Diagnosis] = field(default_factory=list)
    types: list[frozenset[str]] = field(default_factory=list)
    sample: dict[str, frozenset[str]] = field(default_factory=dict)
    aliquots: int = 0
    zygosity: Zygosity | None = None
    apart: str | None = None

    def group(self, asked: Group) -> None:
        """One of them is enough."""
        if any(each.excluded for each in asked.of) or not all(map(_is_type, asked.of)):
            self.of.append(nodes.Any(tuple(map(self.alone, asked.of))))
            return
        types: frozenset[str] = frozenset()
        for each in asked.of:
            one = self.fresh()
            one.add(each)
            types |= one.types[0]
        self._types(types)

    def alone(self, asked: Filter) -> Criterion:
        """What one filter says by itself, of the person; its opposite, if it is excluded."""
        one = self.fresh()
        one.add(replace(asked, excluded=False))
        said = one.wanted()
        if said.zygosity is not None:
            raise BadRequest(
                f"filter {asked.id}: it belongs to the variant, so it stands in no group and is not excluded"
            )
        if said.samples:
            self.apart = asked.id
        parts = (*said.of, *said.samples)
        fits = parts[0] if len(parts) == 1 else nodes.All(parts)
        return nodes.Not(fits) if asked.excluded else fits

    def fresh(self) -> _Builder:
        return _Builder(self.vocabulary, self.datasets, self.cohorts)

    def add(self, asked: Filter) -> None:
        prefix, colon, code = asked.id.partition(":")
        known = _ALIASES.get(prefix.upper().replace("-", ""))
        if asked.similarity is not Similarity.EXACT and known not in ("ICD10", "ATC"):
            raise BadRequest(
                f"filter {asked.id}: only exact is known as its similarity; ICD10 and ATC have others"
            )
        if asked.id in PROPERTIES:
            self._scoped(asked, PROPERTIES[asked.id][1])
            if asked.operator is None:
                raise BadRequest(
                    f"filter {asked.id}: an operator and a value belong to it, as in {_example(asked.id)}"
                )
            self._property(asked)
        elif colon and prefix.upper().replace("-", "") in _ALIASES:
            self._ontology(asked, _ALIASES[prefix.upper().replace("-", "")], code.strip())
        elif colon and prefix in OWN and asked.operator is None:
            self._own(asked, prefix, code.strip())
        else:
            raise BadRequest("filter: " + self._nearest(asked.id))

    def _nearest(self, told: str) -> str:
        """What might have been meant: a code without its prefix, or a name that looks alike."""
        bare = told.strip().upper()
        if icd10.is_code(bare):
            return f"there is no filter `{told}`; is `ICD10:{bare}` meant?"
        known = [*PROPERTIES, *(f"{name}:" for name in (*PREFIXES, *OWN))]
        near = get_close_matches(told, known, 1, 0.6) or get_close_matches(
            told.partition(":")[0] + ":", known, 1, 0.6
        )
        hint = f"; is `{near[0]}` meant?" if near else "; see /filtering_terms"
        return f"there is no filter `{told[:100]}`{hint}"

    def _scoped(self, asked: Filter, entry: Entry) -> None:
        if asked.scope is not None and entry_of(asked.scope) is not entry:
            raise BadRequest(f"filter {asked.id}: its scope is {entry.value}")

    # --- ontology terms ---

    def _ontology(self, asked: Filter, prefix: str, code: str) -> None:
        scopes = {"MIABIS": Entry.BIOSAMPLE, "SNOMED": Entry.BIOSAMPLE, "GENO": Entry.VARIANT}
        self._scoped(asked, scopes.get(prefix, Entry.INDIVIDUAL))
        if prefix == "LOINC":
            return self.of.append(self._measurement(asked, code))
        if asked.operator is not None:
            raise BadRequest(f"filter {asked.id}: a term stands alone, without operator and value")
        term = f"{prefix}:{code.upper()}"
        match prefix:
            case "ICD10":
                wanted = _icd10(code)
                if asked.similarity is not Similarity.EXACT:
                    wanted = _similar(asked, prefix, wanted)
                if not asked.descendants and not icd10.is_code(wanted):
                    raise BadRequest(
                        f"filter {asked.id}: a chapter or range is never coded itself, only what is below"
                    )
                self.diagnoses.append(nodes.Diagnosis(frozenset({wanted}), asked.descendants))
            case "ATC":
                medicine = _atc(code)
                if asked.similarity is not Similarity.EXACT:
                    medicine = _similar(asked, prefix, medicine)
                self.of.append(nodes.Medication(frozenset({medicine}), asked.descendants))
            case "NCIT":
                if term not in SEXES:
                    raise BadRequest("filter: " + unknown("term", term, SEXES))
                self._sex(frozenset({SEXES[term]}))
            case "GENO":
                if term not in ZYGOSITIES:
                    raise BadRequest("filter: " + unknown("term", term, ZYGOSITIES))
                if self.zygosity not in (None, ZYGOSITIES[term]):
                    raise BadRequest("filter: nobody carries a variant in one copy and in two")
                self.zygosity = ZYGOSITIES[term]
            case _:
                try:
                    self._types(frozenset({samples.sample_type(code, "" if prefix == "MIABIS" else prefix)}))
                except samples.UnknownCode as why:
                    raise BadRequest(f"filter {asked.id}: {why}") from None
        return None

    def _measurement(self, asked: Filter, code: str) -> nodes.Measurement:
        kept = self.vocabulary.measurements
        if code not in kept:
            near = get_close_matches(code, kept, 1, 0.6)
            hint = f"; the nearest is LOINC:{near[0]}" if near else "; see /filtering_terms"
            raise BadRequest(f"filter LOINC:{code[:40]}: this node keeps no such measurements{hint}")
        if asked.operator is None:
            return nodes.Measurement(code)
        found = re.fullmatch(r"([+-]?[0-9]+(?:\.[0-9]+)?)\s*(.*)", asked.value)
        if found is None:
            raise BadRequest(f"filter {asked.id}: a number and its unit are right, as in 120 {kept[code]}")
        value, unit = float(found[1]), found[2].strip() or kept[code]
        try:
            value = units.conversion(unit, kept[code], code)(value)
        except units.BadUnit as why:
            raise BadRequest(f"filter {asked.id}: {why}") from None
        unit = kept[code]
        match asked.operator:
            case "=":
                return nodes.Measurement(code, value, value, unit)
            case ">=":
                return nodes.Measurement(code, value, None, unit)
            case ">":
                return nodes.Measurement(code, math.nextafter(value, math.inf), None, unit)
            case "<=":
                return nodes.Measurement(code, None, value, unit)
            case "<":
                return nodes.Measurement(code, None, math.nextafter(value, -math.inf), unit)
        raise BadRequest(f"filter {asked.id}: one of = < > <= >= is right; ! would leave two ranges")

    # --- the node's own ---

    def _own(self, asked: Filter, kind: str, code: str) -> None:
        entry = Entry.BIOSAMPLE if kind in ("biobank", "collection") else Entry.INDIVIDUAL
        self._scoped(asked, entry)
        if kind == "dataset":
            if code not in self.datasets:
                raise BadRequest("filter: " + unknown("dataset", code, self.datasets))
            self.of.append(self.datasets[code].holds)
        elif kind == "procedure":
            if code not in self.vocabulary.procedures:
                raise BadRequest("filter: " + unknown("procedure", code, self.vocabulary.procedures))
            self.of.append(nodes.Procedure(frozenset({code})))
        else:
            self._property(Filter(kind, "=", code))

    # --- properties ---

    def _property(self, asked: Filter) -> None:
        match PROPERTIES[asked.id][0]:
            case "age":
                low, high = _ages(asked)
                kept = self.ages.get(asked.id, Ages())
                self.ages[asked.id] = merged = Ages(_most(kept.low, low), _least(kept.high, high))
                if merged.low is not None and merged.high is not None and merged.low > merged.high:
                    raise BadRequest(f"filter {asked.id}: no age fits all of them")
            case "date":
                self._window(asked.id, _window(asked))
            case "number":
                if asked.operator not in (">", ">=") or not re.fullmatch(r"[0-9]{1,6}", asked.value):
                    raise BadRequest(f"filter {asked.id}: > or >= and a whole number are right")
                self.aliquots = max(self.aliquots, int(asked.value) + (asked.operator == ">"))
            case _:
                self._coded(asked)

    def _window(self, name: str, window: Window) -> None:
        kept = self.windows.get(name, Window())
        since, until = _most(kept.since, window.since), _least(kept.until, window.until)
        if since is not None and until is not None and since > until:
            raise BadRequest(f"filter {name}: no day fits all of them")
        self.windows[name] = Window(since, until)

    def _coded(self, asked: Filter) -> None:
        name = asked.id
        if name == "cohort":
            chosen = _chosen(Filter(name, "=", asked.value), self.cohorts)
            if asked.operator not in ("=", "!"):
                raise BadRequest("filter cohort: = or ! is right")
            member = [nodes.InCohort(each) for each in sorted(chosen)]
            fits: Criterion = member[0] if len(member) == 1 else nodes.Any(tuple(member))
            self.of.append(nodes.Not(fits) if asked.operator == "!" else fits)
        elif name == "sex":
            self._sex(frozenset(Sex(each) for each in _chosen(asked, {each.value: "" for each in Sex})))
        elif name == "region":
            chosen = _chosen(asked, self.vocabulary.regions)
            self.regions = _both(self.regions, chosen, name)
        elif name == "sampleType":
            self._types(_chosen(asked, samples.BY_CODE))
        else:
            known = {
                "storageTemperature": samples.TEMPERATURES,
                "biobank": self.vocabulary.biobanks,
                "collection": self.vocabulary.collections,
            }[name]
            self.sample[name] = _both(self.sample.get(name), _chosen(asked, known), name)

    def _sex(self, sexes: frozenset[Sex]) -> None:
        self.sexes = _both(self.sexes, sexes, "sex")

    def _types(self, types: frozenset[str]) -> None:
        for index, kept in enumerate(self.types):
            if kept & types:
                self.types[index] = kept & types
                return
        self.types.append(types)

    # --- all together ---

    def wanted(self) -> Wanted:
        of: list[Criterion] = []
        if self.sexes is not None:
            of.append(nodes.IsSex(self.sexes))
        if "age" in self.ages:
            of.append(nodes.Age(self.ages["age"]))
        if "birthDate" in self.windows:
            of.append(nodes.Born(self.windows["birthDate"]))
        if self.regions is not None:
            of.append(nodes.LivesIn(self.regions))
        of += [*self._diagnoses(), *self.of]
        return Wanted(tuple(of), self._samples(), self.zygosity, self.apart)

    def _diagnoses(self) -> list[nodes.Diagnosis]:
        about = [
            name for name in ("ageOfOnset", "diagnosisDate") if name in self.ages or name in self.windows
        ]
        if not about:
            return self.diagnoses
        if len(self.diagnoses) != 1:
            raise BadRequest(
                f"filter {about[0]}: it belongs to exactly one diagnosis, such as ICD10:C34; "
                f"there are {len(self.diagnoses)} among the filters"
            )
        window, ages = self.windows.get("diagnosisDate", Window()), self.ages.get("ageOfOnset", Ages())
        return [replace(self.diagnoses[0], window=window, age=ages)]

    def _samples(self) -> tuple[nodes.Specimen, ...]:
        asked = self.types or self.sample or self.aliquots
        if not asked and "collectionDate" not in self.windows and "ageAtCollection" not in self.ages:
            return ()
        none: frozenset[str] = frozenset()
        common = nodes.Specimen(
            collected=self.windows.get("collectionDate", Window()),
            temperatures=self.sample.get("storageTemperature", none),
            biobanks=self.sample.get("biobank", none),
            collections=self.sample.get("collection", none),
            aliquots=self.aliquots,
            age=self.ages.get("ageAtCollection", Ages()),
        )
        return tuple(replace(common, types=types) for types in self.types) or (common,)


_ALIASES = {prefix: prefix for prefix in PREFIXES} | {
    "ICD10WHO": "ICD10", "SNOMEDCT": "SNOMED", "SCTID": "SNOMED", "LNC": "LOINC",
}  # fmt: skip


# --- values -----------------------------------------------------------------------------------------------


def _icd10(code: str) -> str:
    for written in (code.upper(), code):
        try:
            icd10.span(written)
            return written
        except ValueError:
            continue
    try:
        return icd10.normal(code)
    except ValueError:
        near = get_close_matches(code.upper(), [chapter.first for chapter in icd10.CHAPTERS], 1, 0.6)
        hint = f"; the nearest chapter begins with {near[0]}" if near else ""
        raise BadRequest(
            f"filter ICD10:{code[:40]}: a category, subcategory, range or chapter is right, such as C34, C34.1, "
            f"C00-C97 or II{hint}"
        ) from None


def _similar(asked: Filter, prefix: str, code: str) -> str:
    """The term below which lies whatever is so similar. ICD-10: high is its category, medium its block, low its
    chapter; ATC: one, two, three levels up. A term that lies no lower than that is as it is."""
    if not asked.descendants:
        raise BadRequest(
            f"filter {asked.id}: what is similar lies below a common term, so descendants are needed"
        )
    far = list(Similarity).index(asked.similarity)
    if prefix == "ATC":
        above = [code, *atc.above(code)]
        return above[min(far, len(above) - 1)]
    if not icd10.is_code(code):
        return code
    category = code[:3]
    block = next((each for each in icd10.above(category) if "-" in each), category)
    return (code, category, block, icd10.chapter_of(code) or block)[far]


def _is_type(asked: Filter) -> bool:
    prefix = asked.id.partition(":")[0].upper().replace("-", "")
    return (asked.id == "sampleType" and asked.operator is not None) or _ALIASES.get(prefix) in (
        "MIABIS",
        "SNOMED",
    )


def _atc(code: str) -> str:
    try:
        return atc.normal(code)
    except ValueError as why:
        raise BadRequest(f"filter ATC:{code[:40]}: {why}") from None


def _chosen(asked: Filter, known: Iterable[str]) -> frozenset[str]:
    """The known values that a text names: itself, or with `%` all that look so; with `!` all others."""
    listed = list(known)
    if asked.operator not in ("=", "!"):
        raise BadRequest(f"filter {asked.id}: = or ! is right, for it has no order")
    if "%" in asked.value:
        pattern = ".*".join(re.escape(part) for part in asked.value.split("%"))
        found = {each for each in listed if re.fullmatch(pattern, each, re.IGNORECASE)}
        if not found:
            raise BadRequest(
                f"filter {asked.id}: nothing looks like `{asked.value[:100]}`; see /filtering_terms"
            )
    else:
        found = {each for each in listed if each.casefold() == asked.value.casefold()}
        if not found:
            raise BadRequest(f"filter {asked.id}: " + unknown("value", asked.value, listed))
    chosen = frozenset(listed) - found if asked.operator == "!" else frozenset(found)
    if not chosen:
        raise BadRequest(f"filter {asked.id}: it leaves no value at all")
    return chosen


def _both(kept: frozenset[S] | None, chosen: frozenset[S], name: str) -> frozenset[S]:
    together = chosen if kept is None else kept & chosen
    if not together:
        raise BadRequest(f"filter {name}: nothing fits all of them")
    return together


def _ages(asked: Filter) -> tuple[int | None, int | None]:
    found = re.fullmatch(r"P?([0-9]{1,3})Y?", asked.value, re.IGNORECASE)
    if found is None:
        raise BadRequest(f"filter {asked.id}: complete years are right, as in P50Y")
    years = int(found[1])
    match asked.operator:
        case "=":
            return years, years
        case ">=":
            return years, None
        case ">":
            return years + 1, None
        case "<=":
            return None, years
        case "<":
            return None, years - 1
    raise BadRequest(f"filter {asked.id}: one of = < > <= >= is right; ! would leave two ranges")


def _window(asked: Filter) -> Window:
    """The days that a year, month or day with an operator stands for."""
    first, last = _days(asked)
    match asked.operator:
        case "=":
            return Window(first, last)
        case ">=":
            return Window(first, None)
        case ">":
            return Window(last + timedelta(1), None)
        case "<=":
            return Window(None, last)
        case "<":
            return Window(None, first - timedelta(1))
    raise BadRequest(f"filter {asked.id}: one of = < > <= >= is right; ! would leave two ranges")


def _days(asked: Filter) -> tuple[date, date]:
    found = re.fullmatch(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", asked.value)
    try:
        if found is None or not 1800 <= int(found[1]) <= 2200:
            raise ValueError
        year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
        first = date(year, month, day)
        if found[3]:
            return first, first
        following = date(year + 1, 1, 1) if not found[2] or month == 12 else date(year, month + 1, 1)
        return first, following - timedelta(1)
    except ValueError:
        raise BadRequest(
            f"filter {asked.id}: a year, month or day is right, as in 2018, 2018-05, 2018-05-31"
        ) from None


def _most(one: T | None, two: T | None) -> T | None:
    return one if two is None else two if one is None else max(one, two)


def _least(one: T | None, two: T | None) -> T | None:
    return one if two is None else two if one is None else min(one, two)


def _example(name: str) -> str:
    values = {"code": "=…", "age": ">=P50Y", "date": ">=2018-01-01", "number": ">=2"}
    return f"{name}{values[PROPERTIES[name][0]]}"


# --- what may be filtered by --------------------------------------------------------------------------------


def terms(
    vocabulary: Vocabulary, datasets: Iterable[Dataset], cohorts: Iterable[Cohort]
) -> list[dict[str, Any]]:
    """The body of /filtering_terms: the code lists that every node has and what this one publishes."""
    person, sample, variant = [Entry.INDIVIDUAL.value], [Entry.BIOSAMPLE.value], [Entry.VARIANT.value]

    def term(kind: str, told: str, label: str, scopes: list[str], **more: Any) -> dict[str, Any]:
        return {"type": kind, "id": told, "label": label or told, "scopes": scopes, **more}

    found = [term("ontology", each, sex.value, person) for each, sex in SEXES.items()]
    found += [term("ontology", each, kind.value, variant) for each, kind in ZYGOSITIES.items()]
    found += [term("ontology", f"ICD10:{each.number}", each.en, person) for each in icd10.CHAPTERS]
    found += [term("ontology", f"MIABIS:{each.code}", each.code, sample) for each in samples.TYPES]
    found += [
        term("alphanumeric", f"LOINC:{code}", f"in {unit}", person)
        for code, unit in vocabulary.measurements.items()
    ]
    known = {
        "sex": [each.value for each in Sex],
        "region": list(vocabulary.regions),
        "cohort": [each.id for each in cohorts],
        "sampleType": list(samples.BY_CODE),
        "storageTemperature": list(samples.TEMPERATURES),
        "biobank": list(vocabulary.biobanks),
        "collection": list(vocabulary.collections),
    }
    for name, (_, entry) in PROPERTIES.items():
        values = {"values": known[name]} if known.get(name) else {}
        found.append(term("alphanumeric", name, _example(name), [entry.value], **values))
    found += [term("custom", f"cohort:{each.id}", each.name, person) for each in cohorts]
    found += [term("custom", f"dataset:{each.id}", each.name, person) for each in datasets]
    for kind, labels, scopes in (
        ("region", vocabulary.regions, person),
        ("procedure", vocabulary.procedures, person),
        ("biobank", vocabulary.biobanks, sample),
        ("collection", vocabulary.collections, sample),
    ):
        found += [term("custom", f"{kind}:{code}", label, scopes) for code, label in labels.items()]
    return found


RESOURCES = [
    {
        "id": "icd10",
        "name": "ICD-10, any code with its descendants",
        "nameSpacePrefix": "ICD10",
        "version": "2019",
    },
    {"id": "atc", "name": "ATC, any code with its subgroups", "nameSpacePrefix": "ATC"},
    {"id": "loinc", "name": "LOINC", "nameSpacePrefix": "LOINC"},
    {"id": "ncit", "name": "NCI Thesaurus", "nameSpacePrefix": "NCIT"},
    {"id": "geno", "name": "Genotype Ontology", "nameSpacePrefix": "GENO"},
    {"id": "miabis", "name": "MIABIS detailed sample types", "nameSpacePrefix": "MIABIS"},
    {"id": "snomed", "name": "SNOMED CT, of specimens", "nameSpacePrefix": "SNOMED"},
]
