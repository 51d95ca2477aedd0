"""FHIR R4 resources read one at a time, in plain Python: this says what a resource means and why one is refused.

`fhir` reads the common shapes by the million and must agree with this; whatever it does not take at once comes here.
Profiles: MIABIS on FHIR 1.3 (donor, sample, collection, observation of the sample's diagnosis) and base R4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from talka_node.codes import atc, icd10, samples
from talka_node.codes.units import BadUnit
from talka_node.consent.decision import By
from talka_node.consent.history import Event, Kind
from talka_node.importers.batch import PERSONAL_CODE_TYPES, Gone, Job, Refuse, Row, Told, Unused, day

LOINC = "http://loinc.org"
ATC = "http://www.whocc.no/atc"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
MEMBER = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Group.member.entity"

NUMBER = r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?"  # as JSON writes it; as text it is one, too
SEXES = ("female", "male", "other", "unknown")
ENTERED_IN_ERROR = "entered-in-error"
# Statuses under which a resource tells a fact; under the others it tells that there is none (any more).
FACTS = {
    "Observation": ("final", "amended", "corrected", "preliminary"),
    "Procedure": ("completed", "in-progress", "stopped", "unknown", "on-hold"),
    "MedicationStatement": ("active", "completed", "stopped", "on-hold", "unknown", "intended"),
    "Specimen": ("available", "unavailable", "unsatisfactory"),
}
NOT_FACTS = {
    "Observation": (ENTERED_IN_ERROR, "cancelled", "registered", "unknown"),
    "Procedure": (ENTERED_IN_ERROR, "not-done", "preparation"),
    "MedicationStatement": (ENTERED_IN_ERROR, "not-taken"),
    "Specimen": (ENTERED_IN_ERROR,),
}
NOT_UNDERSTOOD = "?"
IN_STUDY = ("on-study", "on-study-intervention", "on-study-observation", "follow-up", "off-study")
NOT_IN_STUDY = (
    "candidate", "eligible", "ineligible", "not-registered", "pending-on-study", "potential-candidate", "screening",
    "withdrawn",
)  # fmt: skip
# What a biobank's export holds beside these, and a node has no use for.
UNUSED = (
    "Practitioner", "PractitionerRole", "Location", "Encounter", "EpisodeOfCare", "ResearchStudy",
    "Device", "Medication", "AllergyIntolerance", "Immunization", "DiagnosticReport", "ServiceRequest", "Provenance",
    "DocumentReference", "CarePlan", "CareTeam", "Claim", "ExplanationOfBenefit", "Coverage", "MedicationRequest",
    "MedicationAdministration", "MedicationDispense", "ImagingStudy", "Goal", "RelatedPerson", "FamilyMemberHistory",
    "List", "Composition", "Binary", "OperationOutcome", "Questionnaire", "QuestionnaireResponse", "SupplyDelivery",
)  # fmt: skip


def read(resource: Any, job: Job) -> list[Row | Told]:
    """The rows that a resource tells. Raises Refuse, Gone (it is no fact, so earlier rows of its id go) or Unused."""
    if not isinstance(resource, dict):
        raise Refuse("shape", 'a line is one resource, {"resourceType": …}')
    kind = resource.get("resourceType")
    if not isinstance(kind, str):
        raise Refuse("shape", "resourceType is missing: it names the kind of resource, as Patient does")
    reader = READERS.get(kind)
    if reader is None:
        if kind in UNUSED:
            raise Unused(kind)
        raise Refuse(
            "shape", f"resourceType {kind[:40]!r} is not one that a node reads: {', '.join(READERS)}"
        )
    identity = _scalar(resource.get("id"))
    if identity is None or not re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", identity):
        raise Refuse("id", "id is missing or not 1 to 64 of A-Z a-z 0-9 - . : rows are told apart by it")
    source = f"{job.settings.prefix}{kind}/{job.safe(identity)}"
    try:
        return list(reader({**resource, "id": identity}, source, job))
    except (AttributeError, TypeError, KeyError) as why:
        # A list where an object should be, or the other way round.
        raise Refuse("shape", f"the resource is not shaped as FHIR R4 says ({why})") from None


# --- parts of resources ------------------------------------------------------------------------------------


def _scalar(found: Any) -> str | None:
    """Text; of a number or truth what JSON writes for it, as the fast reader sees it."""
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found) if isinstance(found, str | int | float) else None


def _text(holder: dict[str, Any], name: str) -> str | None:
    found = holder.get(name)
    if found is None or found == "":
        return None
    text = _scalar(found)
    if text is None:
        raise Refuse("shape", f"{name} must be text")
    return text


def _objects(holder: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in a list; what is of another shape is passed over, as the fast reader does."""
    found = holder.get(name)
    return [each if isinstance(each, dict) else {} for each in found] if isinstance(found, list) else []


def _object(holder: dict[str, Any], name: str) -> dict[str, Any]:
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def _person(resource: dict[str, Any], name: str) -> str:
    """The id of the Patient that `name` refers to."""
    reference = resource.get(name)
    text = _text(reference, "reference") if isinstance(reference, dict) else None
    if not text:
        raise Refuse("subject", f'{name} is missing: {{"reference": "Patient/…"}} says whose this is')
    found = re.fullmatch(r"(?:.*/)?Patient/([A-Za-z0-9\-.]{1,64})(?:/_history/.*)?", text)
    if found:
        return found[1]
    if text.startswith("urn:uuid:"):
        return text[9:]
    raise Refuse("subject", f"{name}.reference must name a Patient, as Patient/123 does")


def _codings(concept: Any) -> list[dict[str, Any]]:
    found = concept.get("coding") if isinstance(concept, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _coded(concept: Any, systems: tuple[str, ...]) -> str | None:
    """The first code of one of the systems."""
    for coding in _codings(concept):
        code = _scalar(coding.get("code"))
        if coding.get("system") in systems and code is not None:
            return code
    return None


def _day(resource: dict[str, Any], job: Job, *names: str) -> date | None:
    """The first of these that is given, of a period its start."""
    for name in names:
        found = resource.get(name)
        if isinstance(found, dict):
            found, name = _text(found, "start"), f"{name}.start"
        if found:
            text = _scalar(found)
            if text is None:
                raise Refuse("date", f"{name}: a date is text, as in YYYY-MM-DD")
            return day(text, job.settings.today, name)[0]
    return None


def _status(resource: dict[str, Any], source: str) -> str:
    kind = resource["resourceType"]
    status = _text(resource, "status") or FACTS[kind][0]
    if status in NOT_FACTS[kind]:
        raise Gone(source)
    if status not in FACTS[kind]:
        raise Refuse(
            "status", f"status {status[:30]!r} is none of {', '.join((*FACTS[kind], *NOT_FACTS[kind]))}"
        )
    return status


def _icd10(concept: Any) -> str | None:
    for coding in _codings(concept):
        system, code = coding.get("system"), coding.get("code")
        if isinstance(system, str) and isinstance(code, str) and is_icd10(system):
            try:
                return icd10.normal(code)
            except ValueError as why:
                raise Refuse("code", str(why)) from None
    return None


def is_icd10(system: str) -> bool:
    """ICD-10 of the WHO or a national edition of it, by any of its names."""
    return system.startswith(ICD10) or system in (
        "urn:oid:2.16.840.1.113883.6.3",
        "urn:oid:1.3.6.1.4.1.38760.2.2",
    )


# --- resources ----------------------------------------------------------------------------------------------


def _patient(resource: dict[str, Any], source: str, job: Job) -> Iterator[Row]:
    sex = _text(resource, "gender") or "unknown"
    if sex not in SEXES:
        raise Refuse("sex", f"gender {sex[:20]!r} is none of {', '.join(SEXES)}")
    born, known = None, None
    if text := _text(resource, "birthDate"):
        born, known = day(text, job.settings.today, "birthDate")
    died = _day(resource, job, "deceasedDateTime")
    if born and died and died < born and known == "D":
        raise Refuse(
            "contradiction", f"deceasedDateTime {died} is before birthDate {born}: correct one of them"
        )
    code = None
    for identifier in _objects(resource, "identifier"):
        by_type = {coding.get("code") for coding in _codings(identifier.get("type"))} & PERSONAL_CODE_TYPES
        if by_type or identifier.get("system") in job.settings.code_systems:
            code = _text(identifier, "value")
            break
    region = None
    for address in _objects(resource, "address"):
        region = _text(address, "state") or _text(address, "district")
        break
    values = {
        "source": source,
        "sex": sex,
        "born": born,
        "born_known": known,
        "died": died,
        "region": job.safe(region) if region else None,
    }
    yield Row("donors", values, resource["id"], code)


def _condition(resource: dict[str, Any], source: str, job: Job) -> Iterator[Row]:
    status = next((each.get("code") for each in _codings(resource.get("verificationStatus"))), None)
    if status in (ENTERED_IN_ERROR, "refuted", "provisional", "differential", "unconfirmed"):
        raise Gone(source)
    person = _person(resource, "subject")
    code = _icd10(resource.get("code"))
    if code is None:
        raise Refuse("code", f"code.coding has no code of ICD-10 ({ICD10}): a diagnosis is kept by it")
    on = _day(resource, job, "onsetDateTime", "onsetPeriod", "recordedDate")
    yield Row("diagnoses", {"source": source, "code": code, "on": on}, person)


def _specimen(resource: dict[str, Any], source: str, job: Job) -> Iterator[Row]:
    status = _status(resource, source)
    person = _person(resource, "subject")
    kind = None
    faults = []
    for coding in _codings(resource.get("type")):
        try:
            kind = samples.sample_type(str(coding.get("code")), str(coding.get("system") or ""))
            break
        except samples.UnknownCode as why:
            faults.append(str(why))
    if kind is None and faults:
        raise Refuse("sample-type", faults[0])
    collection = custodian = None
    for extension in _objects(resource, "extension"):
        url = str(extension.get("url"))
        if url.endswith("miabis-sample-collection-extension"):
            collection = _text(_object(extension, "valueIdentifier"), "value")
        elif url.endswith("/Custodian"):
            reference = _object(extension, "valueReference")
            custodian = _text(reference, "reference") or _text(_object(reference, "identifier"), "value")
    biobank = custodian.removeprefix("Organization/") if custodian else biobank_of(collection, job)
    if not biobank:
        raise Refuse(
            "biobank",
            "which biobank holds this is not said: name it for the whole import, or give before it the Organization of"
            " its collection with partOf",
        )
    temperature = None
    for step in _objects(resource, "processing"):
        for extension in _objects(step, "extension"):
            if str(extension.get("url")).endswith("miabis-sample-storage-temperature-extension"):
                for coding in _codings(extension.get("valueCodeableConcept")):
                    try:
                        temperature = samples.temperature(str(coding.get("code")))
                    except samples.UnknownCode as why:
                        raise Refuse("temperature", str(why)) from None
    collected = _object(resource, "collection")
    yield Row(
        "specimens",
        {
            "source": source,
            "specimen": job.settings.prefix + job.safe(resource["id"]),
            "biobank": job.safe(biobank),
            "collection": job.safe(collection) if collection else None,
            "type": kind,
            "collected": _day(collected, job, "collectedDateTime", "collectedPeriod"),
            "temperature": temperature,
            "aliquots": _aliquots(_objects(resource, "container")) if status == "available" else 0,
        },
        person,
    )


def biobank_of(collection: str | None, job: Job) -> str | None:
    """The biobank that a collection is part of, as its Organization said; else the one named for the whole import; else
    what the name of the collection begins with, as the directory of BBMRI-ERIC builds names."""
    if collection and (known := job.collections.get(collection)):
        return known
    if job.settings.biobank:
        return job.settings.biobank
    head, mark, _ = (collection or "").partition(":collection:")
    return head if mark else None


def _aliquots(containers: list[dict[str, Any]]) -> int:
    """How many pieces there are: a container's quantity where it is a bare number, else one for each container."""
    if not containers:
        return 1
    pieces = 0
    for container in containers:
        quantity = _object(container, "specimenQuantity")
        value = _scalar(quantity.get("value"))
        bare = not quantity.get("unit") and not quantity.get("code")
        if value is not None and bare and not re.fullmatch("[0-9]{1,6}", value):
            raise Refuse(
                "value", "specimenQuantity.value without a unit counts pieces: it must be a whole number"
            )
        pieces += int(value) if value is not None and bare else 1
    return pieces


def _observation(resource: dict[str, Any], source: str, job: Job) -> Iterator[Row]:
    _status(resource, source)
    person = _person(resource, "subject")
    on = _day(resource, job, "effectiveDateTime", "effectivePeriod", "effectiveInstant")
    diagnosis = _icd10(resource.get("valueCodeableConcept"))
    if diagnosis is not None:  # the diagnosis of a sample, as MIABIS on FHIR keeps it
        yield Row("diagnoses", {"source": source, "code": diagnosis, "on": on}, person)
        return
    components = _objects(resource, "component")
    told = False
    for part in (resource, *components):
        code = _coded(part.get("code"), (LOINC,))
        if part is resource and components and not any(name.startswith("value") for name in resource):
            continue  # a panel, as blood pressure is: its parts tell the values
        if code is None:
            continue
        told = True
        yield Row(
            "measurements",
            {"source": source, "code": code, "value": _value(part, code, job), "on": on},
            person,
        )
    if not told:
        raise Refuse("code", f"code.coding has no LOINC code ({LOINC}): a measurement is kept by it")


def _value(part: dict[str, Any], code: str, job: Job) -> float | None:
    """The value in the node's unit of the code; None where there is no exact number."""
    quantity = part.get("valueQuantity")
    if quantity is None:
        return None
    value = quantity.get("value")
    if value is None or quantity.get("comparator"):
        return None
    number = _scalar(value)
    if number is None or not re.fullmatch(NUMBER, number):
        raise Refuse("value", "valueQuantity.value must be a number")
    unit = _text(quantity, "code") or _text(quantity, "unit")
    try:
        return job.kept.conversion(code, unit)(float(number))
    except BadUnit as why:
        raise Refuse("unit", str(why)) from None


def _procedure(resource: dict[str, Any], source: str, job: Job) -> Iterator[Row]:
    _status(resource, source)
    person = _person(resource, "subject")
    code = next(
        (code for each in _codings(resource.get("code")) if (code := _scalar(each.get("code"))) is not None),
        None,
    )
    if not code or len(code) > 64:
        raise Refuse("code", "code.coding has no code: a procedure is kept by it")
    on = _day(resource, job, "performedDateTime", "performedPeriod")
    yield Row("procedures", {"source": source, "code": job.safe(code), "on": on}, person)


def _medication(resource: dict[str, Any], source: str, job: Job) -> Iterator[Row]:
    _status(resource, source)
    person = _person(resource, "subject")
    concept = resource.get("medicationCodeableConcept")
    if concept is None:
        reference = _text(_object(resource, "medicationReference"), "reference") or ""
        concept = next(
            (
                each.get("code")
                for each in _objects(resource, "contained")
                if f"#{each.get('id')}" == reference
            ),
            None,
        )
    code = _coded(concept, (ATC, "urn:oid:2.16.840.1.113883.6.73"))
    if code is None:
        raise Refuse(
            "code", f"medicationCodeableConcept.coding has no ATC code ({ATC}): a medicine is kept by it"
        )
    try:
        code = atc.normal(code)
    except ValueError as why:
        raise Refuse("code", str(why)) from None
    on = _day(resource, job, "effectiveDateTime", "effectivePeriod")
    yield Row("medications", {"source": source, "code": code, "on": on}, person)


def _name(resource: dict[str, Any], job: Job) -> str:
    for identifier in _objects(resource, "identifier"):
        if value := _text(identifier, "value"):
            return job.safe(value)
    return job.safe(str(resource["id"]))


def _group(resource: dict[str, Any], source: str, job: Job) -> Iterator[Row]:
    name = _name(resource, job)
    references = [
        _object(each, "entity") for each in _objects(resource, "member") if each.get("inactive") is not True
    ]
    references += [
        _object(each, "valueReference")
        for each in _objects(resource, "extension")
        if each.get("url") == MEMBER or str(each.get("url")).endswith("miabis-member-entity-extension")
    ]
    for reference in references:
        text = _text(reference, "reference") or ""
        if found := re.fullmatch(r"(?:.*/)?Specimen/([A-Za-z0-9\-.]{1,64})", text):
            specimen = job.settings.prefix + job.safe(found[1])
            yield Row("members", {"source": source, "specimen": specimen, "collection": name})
        else:
            yield Row("cohorts", {"source": source, "cohort": name}, _person({"entity": reference}, "entity"))


def _subject(resource: dict[str, Any], source: str, job: Job) -> Iterator[Row]:
    status = _text(resource, "status")
    if status in NOT_IN_STUDY:
        raise Gone(source)
    if status not in IN_STUDY:
        raise Refuse(
            "status", f"status {str(status)[:30]!r} is none of {', '.join((*IN_STUDY, *NOT_IN_STUDY))}"
        )
    study = _object(resource, "study")
    name = _text(study, "reference") or _text(_object(study, "identifier"), "value")
    if not name:
        raise Refuse("subject", 'study is missing: {"reference": "ResearchStudy/…"} says which')
    cohort = job.safe(name.removeprefix("ResearchStudy/"))
    yield Row("cohorts", {"source": source, "cohort": cohort}, _person(resource, "individual"))


def _organization(resource: dict[str, Any], source: str, job: Job) -> Iterator[Row]:
    """No row: it only tells which biobank a collection is part of, for the specimens that come after it."""
    owner = _text(_object(resource, "partOf"), "reference")
    if owner:
        job.collections[_name(resource, job)] = job.safe(owner.removeprefix("Organization/"))
    yield from ()


def _consent(resource: dict[str, Any], source: str, job: Job) -> Iterator[Told]:
    """A Consent as a consent event. `policyRule` or the first `policy` names the form, with its version after a bar
    or colon ("invented-broad|2"); the boxes ticked are the codes of permitting provisions and purposes.

    A base that denies with nothing permitted in it is a refusal. What narrows a permission and is not understood here
    (provisions that deny, actors, data) becomes an option that no form has, and so never a permit.
    """
    status = _text(resource, "status")
    if status in ("draft", "proposed"):
        raise Unused("Consent that is not in force yet")
    if status not in ("active", "inactive", "rejected", ENTERED_IN_ERROR):
        raise Refuse(
            "status", f"status {str(status)[:30]!r} is none of active, inactive, rejected, entered-in-error"
        )
    person = _person(resource, "patient")
    signed = _day(resource, job, "dateTime")
    if signed is None:
        raise Refuse("date", "dateTime is missing: the day on which the consent was signed")
    biobank = job.settings.biobank
    for organization in _objects(resource, "organization"):
        name = _text(organization, "reference") or _text(_object(organization, "identifier"), "value")
        biobank = name.removeprefix("Organization/") if name else biobank
    if not biobank:
        raise Refuse("biobank", "organization is missing: the biobank that the consent was given to")
    biobank = job.safe(biobank)
    provision = _object(resource, "provision")
    options = {str(each.get("code")) for each in _objects(provision, "purpose")}
    for part in _objects(provision, "provision"):
        codes = [str(each.get("code")) for concept in _objects(part, "code") for each in _codings(concept)]
        codes += [str(each.get("code")) for each in _objects(part, "purpose")]
        if part.get("type") == "permit" and codes:
            options.update(codes)
        else:
            options.add(NOT_UNDERSTOOD)
    if status != "active" or (provision.get("type") == "deny" and not options):
        # A withdrawal ends what was signed up to its day: this consent, and not one that was signed after it.
        yield Told(Event(f"{source}#end", Kind.WITHDRAWN, signed, 0, biobank), person)
        return
    if any(
        provision.get(name) for name in ("actor", "action", "data", "dataPeriod", "securityLabel", "class")
    ):
        options.add(NOT_UNDERSTOOD)
    form, version = _form(resource)
    performers = [_text(each, "reference") or "" for each in _objects(resource, "performer")]
    period = _object(provision, "period")
    yield Told(
        Event(
            source,
            Kind.GIVEN,
            signed,
            0,
            biobank,
            form,
            version,
            frozenset(job.safe(each) for each in options),
            by=By.GUARDIAN if any("RelatedPerson/" in each for each in performers) else By.SELF,
            since=_any_day(_text(period, "start"), "provision.period.start"),
            until=_any_day(_text(period, "end"), "provision.period.end"),
        ),
        person,
    )


def _any_day(text: str | None, name: str) -> date | None:
    """A day that may lie ahead; of a month or a year the first, which for an end permits least."""
    return day(text, date.max, name, middle=False)[0] if text else None


def _form(resource: dict[str, Any]) -> tuple[str, int]:
    named = next((each.get("code") for each in _codings(resource.get("policyRule"))), None)
    if named is None:
        named = next((each.get("uri") for each in _objects(resource, "policy") if each.get("uri")), None)
    found = re.fullmatch(r"(?:.*[/:])?([^|/:]+)[|:](\d{1,6})", named) if isinstance(named, str) else None
    if not found:
        raise Refuse(
            "form", "policyRule or policy.uri must name the form and its version, as invented-broad|2 does"
        )
    return found[1], int(found[2])


READERS: dict[str, Callable[[dict[str, Any], str, Job], Iterator[Row | Told]]] = {
    "Organization": _organization,
    "Patient": _patient,
    "Condition": _condition,
    "Specimen": _specimen,
    "Observation": _observation,
    "Procedure": _procedure,
    "MedicationStatement": _medication,
    "Consent": _consent,
    "Group": _group,
    "ResearchSubject": _subject,
}
