"""Rows from texts, for every format that is a table of texts: what a value may be, and what is said when it is not.

A row's id is that of the FHIR resource that would tell the same, so a holder may change formats and keep its ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from talka_node.codes import atc, icd10, samples
from talka_node.codes.units import BadUnit
from talka_node.consent.decision import By
from talka_node.consent.history import Event, Kind
from talka_node.importers.batch import Job, Refuse, Row, Told, day
from talka_node.importers.fhir_plain import biobank_of

SEXES = {
    "female": "female", "f": "female", "s": "female", "sieviete": "female", "2": "female", "8532": "female",
    "male": "male", "m": "male", "v": "male", "vīrietis": "male", "1": "male", "8507": "male",
    "other": "other", "o": "other", "9": "other", "undifferentiated": "other", "8521": "other", "a": "other",
    "unknown": "unknown", "u": "unknown", "": "unknown", "0": "unknown", "n": "unknown", "8551": "unknown",
    "not applicable": "unknown",
}  # fmt: skip

Texts = Mapping[str, str]


def key(texts: Texts, kind: str, job: Job) -> str:
    found = texts.get("id", "").strip()
    if not found or len(found) > 200:
        raise Refuse("id", "id is missing or longer than 200 characters: rows are told apart by it")
    return f"{job.settings.prefix}{kind}/{job.safe(found)}"


def person(texts: Texts, name: str = "donor") -> str:
    found = texts.get(name, "").strip()
    if not found or len(found) > 200:
        raise Refuse("subject", f"{name} is missing: it says whose this is")
    return found


def when(texts: Texts, name: str, job: Job) -> date | None:
    text = texts.get(name, "").strip()
    return day(text, job.settings.today, name)[0] if text else None


def donor(texts: Texts, job: Job) -> Row:
    """id, sex, born, died, region, personal_code."""
    said = texts.get("sex", "").strip()
    sex = SEXES.get(said.lower())
    if sex is None:
        raise Refuse("sex", f"sex {said[:20]!r} is none of female, male, other, unknown")
    born, known = None, None
    if text := texts.get("born", "").strip():
        born, known = day(text, job.settings.today, "born")
    died = when(texts, "died", job)
    if born and died and died < born and known == "D":
        raise Refuse("contradiction", f"died {died} is before born {born}: correct one of them")
    region = texts.get("region", "").strip()
    values = {
        "source": key(texts, "Patient", job),
        "sex": sex,
        "born": born,
        "born_known": known,
        "died": died,
        "region": job.safe(region) if region else None,
    }
    return Row("donors", values, person(texts, "id"), texts.get("personal_code", "").strip() or None)


def specimen(texts: Texts, job: Job) -> Row:
    """id, donor, biobank, collection, type (system: `type_system`), collected, temperature, aliquots."""
    collection = texts.get("collection", "").strip() or None
    biobank = texts.get("biobank", "").strip() or biobank_of(collection, job)
    if not biobank:
        raise Refuse(
            "biobank",
            "which biobank holds this is not said: give a column biobank, or name it for the import",
        )
    kind = temperature = None
    try:
        if text := texts.get("type", "").strip():
            kind = samples.sample_type(text, texts.get("type_system", ""))
        if text := texts.get("temperature", "").strip():
            temperature = samples.temperature(text)
    except samples.UnknownCode as why:
        raise Refuse("temperature" if kind else "sample-type", str(why)) from None
    pieces = texts.get("aliquots", "").strip().removesuffix(".0") or "1"
    if not pieces.isdecimal() or len(pieces) > 6:
        raise Refuse("value", f"aliquots {pieces[:20]!r} must be a whole number, 0 or more")
    return Row(
        "specimens",
        {
            "source": key(texts, "Specimen", job),
            "specimen": job.settings.prefix + job.safe(texts["id"].strip()),
            "biobank": job.safe(biobank),
            "collection": job.safe(collection) if collection else None,
            "type": kind,
            "collected": when(texts, "collected", job),
            "temperature": temperature,
            "aliquots": int(pieces),
        },
        person(texts),
    )


def diagnosis(texts: Texts, job: Job) -> Row:
    """id, donor, code (ICD-10), on."""
    return _coded("diagnoses", "Condition", texts, job, icd10.normal)


def medication(texts: Texts, job: Job) -> Row:
    """id, donor, code (ATC), on."""
    return _coded("medications", "MedicationStatement", texts, job, atc.normal)


def procedure(texts: Texts, job: Job) -> Row:
    """id, donor, code, on."""
    return _coded("procedures", "Procedure", texts, job, job.safe)


def _coded(table: str, kind: str, texts: Texts, job: Job, normal: object) -> Row:
    code = texts.get("code", "").strip()
    if not code or len(code) > 64:
        raise Refuse("code", "code is missing or longer than 64 characters")
    assert callable(normal)
    try:
        code = normal(code)
    except ValueError as why:
        raise Refuse("code", str(why)) from None
    values = {"source": key(texts, kind, job), "code": code, "on": when(texts, "on", job)}
    return Row(table, values, person(texts))


def measurement(texts: Texts, job: Job) -> Row:
    """id, donor, code (LOINC), value, unit (UCUM), on."""
    code = texts.get("code", "").strip()
    if not code or len(code) > 64:
        raise Refuse("code", "code is missing: a measurement is kept by its LOINC code")
    value = None
    if text := texts.get("value", "").strip():
        try:
            number = float(text.replace(",", "."))
            if number != number or abs(number) == float("inf"):
                raise ValueError(text)
            value = job.kept.conversion(code, texts.get("unit"))(number)
        except BadUnit as why:
            raise Refuse("unit", str(why)) from None
        except ValueError:
            raise Refuse("value", f"value {text[:20]!r} must be a number") from None
    source = key(texts, "Observation", job)
    values = {"source": source, "code": job.safe(code), "value": value, "on": when(texts, "on", job)}
    return Row("measurements", values, person(texts))


def cohort(texts: Texts, job: Job) -> Row:
    """id, donor, cohort."""
    name = texts.get("cohort", "").strip()
    if not name or len(name) > 200:
        raise Refuse("code", "cohort is missing or longer than 200 characters")
    texts = {**texts, "id": texts.get("id") or f"{name}.{job.safe(person(texts))}"}
    return Row("cohorts", {"source": key(texts, "Group", job), "cohort": job.safe(name)}, person(texts))


YES, NO = ("1", "true", "yes", "y", "jā", "x"), ("", "0", "false", "no", "n", "nē")


def consent(texts: Texts, job: Job, options: Texts) -> list[Told]:
    """id, donor, biobank, form, version, on, by (self or guardian), since, until, withdrawn; `options`: box → mark."""
    source, whose = key(texts, "Consent", job), person(texts)
    biobank = texts.get("biobank", "").strip() or job.settings.biobank
    if not biobank:
        raise Refuse("biobank", "which biobank the consent was given to is not said: give a column biobank")
    biobank = job.safe(biobank)
    form, version, signed = (
        texts.get("form", "").strip(),
        texts.get("version", "").strip(),
        when(texts, "on", job),
    )
    if not form or not version.isdecimal():
        raise Refuse("form", "form and version must name the consent form and its version, a whole number")
    if signed is None:
        raise Refuse("date", "on is missing: the day on which the consent was signed")
    by = texts.get("by", "").strip().lower() or "self"
    if by not in (By.SELF, By.GUARDIAN):
        raise Refuse("consent", f"by {by[:20]!r} is none of self, guardian")
    ticked = set()
    for box, mark in options.items():
        if mark.strip().lower() in YES:
            ticked.add(box)
        elif mark.strip().lower() not in NO:
            raise Refuse(
                "consent", f"the mark {mark[:20]!r} of box {box!r} is none of {', '.join((*YES, *NO[1:]))}"
            )
    far = date.max
    since, until = (
        day(texts[name], far, name, middle=False)[0] if texts.get(name, "").strip() else None
        for name in ("since", "until")
    )
    given = Event(
        source, Kind.GIVEN, signed, 0, biobank, form, int(version), frozenset(ticked), By(by), since, until
    )
    told = [Told(given, whose)]
    if withdrawn := when(texts, "withdrawn", job):
        told.append(Told(Event(f"{source}#end", Kind.WITHDRAWN, withdrawn, 0, biobank), whose))
    return told
