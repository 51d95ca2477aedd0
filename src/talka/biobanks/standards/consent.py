"""Consents as FHIR R4 Consent, out and in.

Out: what a node's importer takes in. `policyRule` names form and version ("broad|2"), each box ticked is a permitting
provision; boxes left empty say nothing, because what that means stands in the form. A withdrawal is the same resource
without force. In: the same, and what other systems write in its place; whatever narrows a consent in a way that no box
stands for is refused, because to leave it out would permit more than was signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from talka.biobanks.models import Collector, Kind, Signer, Statement
from talka.core.actions import Invalid

SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
CATEGORY = "http://loinc.org"
FORMS = "urn:talka:consent-form"
BOXES = "urn:talka:consent-box"
UIDS = "urn:talka:statement"
SUBJECTS = "urn:talka:subject"
ADULT_ON = "urn:talka:adult-on"
MEDIA_TYPE = "application/fhir+json; charset=utf-8"
NARROWING = ("actor", "action", "data", "dataPeriod", "securityLabel", "class")

Resource = dict[str, Any]


# ---------------------------------------------------------------- out


def consent(row: Statement, *, withdrawn: bool = False) -> Resource:
    """A consent given as a resource. `withdrawn`: it is no longer in force."""
    assert row.kind_of == Kind.GIVEN and row.form is not None and row.biobank is not None
    found: Resource = {
        "resourceType": "Consent",
        "id": f"statement-{row.pk}",
        "identifier": [{"system": UIDS, "value": row.uid}],
        "status": "inactive" if withdrawn else "active",
        "scope": _coded(SCOPE, "research"),
        "category": [_coded(CATEGORY, "59284-0")],
        "patient": {"identifier": {"system": SUBJECTS, "value": row.subject}},
        "dateTime": row.on.isoformat(),
        "organization": [{"identifier": {"value": row.biobank.code}}],
        "policyRule": {"coding": [{"system": FORMS, "code": f"{row.form.code}|{row.form.version}"}]},
        "provision": {
            "type": "permit",
            **(
                {"provision": [{"type": "permit", "code": [_coded(BOXES, box)]} for box in row.options]}
                if row.options
                else {}
            ),
        },
    }
    if row.signer == Signer.GUARDIAN:
        found["contained"] = [
            {
                "resourceType": "RelatedPerson",
                "id": "representative",
                "patient": {"identifier": {"system": SUBJECTS, "value": row.subject}},
                "relationship": [{"text": row.capacity}],
            }
        ]
        if row.adult_on is not None:
            found["extension"] = [{"url": ADULT_ON, "valueDate": row.adult_on.isoformat()}]
        found["performer"] = [{"reference": "#representative", "type": "RelatedPerson"}]
    if row.witness:
        found["verification"] = [{"verified": True, "verificationDate": row.taken_at.isoformat()}]
    return found


def bundle(rows: Iterable[Statement], ended: frozenset[int]) -> Resource:
    """Consents as a bundle; `ended` are the ids of those no longer in force."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": consent(row, withdrawn=row.pk in ended)} for row in rows],
    }


def _coded(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


# ---------------------------------------------------------------- in


def statements(told: Any, collector: Collector) -> list[dict[str, Any]]:
    """What a Consent, or a Bundle of them, says, as `actions.take_in` takes it. Invalid names the resource and
    element."""
    return [_statement(resource, place, collector) for place, resource in _resources(told)]


def _resources(told: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(told, Mapping):
        raise Invalid(_("This is no FHIR resource: an object with “resourceType” is."))
    if told.get("resourceType") == "Consent":
        yield "Consent", told
        return
    if told.get("resourceType") != "Bundle" or not isinstance(told.get("entry"), list):
        raise Invalid(_("A Consent is taken, or a Bundle of them."))
    for number, entry in enumerate(told["entry"]):
        resource = entry.get("resource") if isinstance(entry, Mapping) else None
        if not isinstance(resource, Mapping) or resource.get("resourceType") != "Consent":
            raise Invalid(_("entry[%(number)d]: only Consents are taken here.") % {"number": number})
        yield f"entry[{number}]", resource


def _statement(resource: Mapping[str, Any], place: str, collector: Collector) -> dict[str, Any]:
    def wrong(element: str, right: str) -> Invalid:
        return Invalid(f"{place}.{element}: {right}")

    uid = next((each.get("value") for each in _objects(resource, "identifier") if each.get("value")), None)
    uid = uid or resource.get("id")
    if not isinstance(uid, str):
        raise wrong("identifier", _("the id that its maker gave it"))
    subject = _object(resource, "patient")
    named = (
        _object(subject, "identifier").get("value") or str(subject.get("reference", "")).rpartition("/")[2]
    )
    if not named:
        raise wrong("patient", _("the donor's reference"))
    organization = next(iter(_objects(resource, "organization")), {})
    biobank = (
        _object(organization, "identifier").get("value")
        or str(organization.get("reference", "")).rpartition("/")[2]
    )
    if biobank and biobank not in {collector.biobank.code, collector.biobank.miabis_id}:
        raise wrong(
            "organization",
            _("this collector gathers for “%(biobank)s”") % {"biobank": collector.biobank.code},
        )
    on = str(resource.get("dateTime", ""))[:10]
    common = {"id": uid, "subject": named, "on": on, "way": "fhir"}
    status = resource.get("status")
    if status not in {"active", "inactive", "rejected"}:
        raise wrong("status", _("active, or inactive for one that was withdrawn"))
    provision = _object(resource, "provision")
    boxes = _boxes(provision, wrong)
    if status != "active" or (provision.get("type") == "deny" and not boxes):
        # The consent itself may have come under this id before: its end is a statement of its own.
        return {**common, "id": f"{uid}/end", "kind": str(Kind.WITHDRAWN)}
    if provision.get("type") == "deny":
        raise wrong("provision", _("a consent permits, and what it permits are the boxes ticked"))
    form, version = _form(resource, wrong)
    found = {**common, "kind": str(Kind.GIVEN), "form": form, "version": version, "options": boxes}
    return {**found, **_signer(resource)}


def _boxes(provision: Mapping[str, Any], wrong: Any) -> list[str]:
    if any(provision.get(name) for name in NARROWING) or _object(provision, "period"):
        raise wrong("provision", _("what narrows a consent is a box of its form; this would be lost here"))
    boxes = [str(each.get("code")) for each in _objects(provision, "purpose")]
    for part in _objects(provision, "provision"):
        codes = [
            str(coding.get("code"))
            for concept in _objects(part, "code")
            for coding in _objects(concept, "coding")
        ]
        codes += [str(each.get("code")) for each in _objects(part, "purpose")]
        if part.get("type") != "permit" or not codes or any(part.get(name) for name in NARROWING):
            raise wrong("provision.provision", _("each permits one box of the form"))
        boxes += codes
    return sorted(set(boxes))


def _form(resource: Mapping[str, Any], wrong: Any) -> tuple[str, int]:
    rule = _object(resource, "policyRule")
    texts = [str(each.get("code", "")) for each in _objects(rule, "coding")]
    texts += [str(each.get("uri", "")) for each in _objects(resource, "policy")]
    for text in texts:
        name, _bar, version = text.rpartition("|")
        if name and version.isascii() and version.isdigit():
            return name.rpartition("/")[2], int(version)
    raise wrong("policyRule", _("the form and its version, as “broad|2”"))


def _signer(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Who signed: a performer that is a RelatedPerson is a legal representative, in the capacity of the
    relationship."""
    performers = [
        each
        for each in _objects(resource, "performer")
        if each.get("type") == "RelatedPerson" or "RelatedPerson" in str(each.get("reference", ""))
    ]
    if not performers:
        return {}
    contained = {f"#{each.get('id')}": each for each in _objects(resource, "contained")}
    related = contained.get(str(performers[0].get("reference")), {})
    relations = [
        str(each.get("text") or next(iter(_objects(each, "coding")), {}).get("display") or "")
        for each in _objects(related, "relationship")
    ]
    adult = next(
        (each.get("valueDate") for each in _objects(resource, "extension") if each.get("url") == ADULT_ON),
        None,
    )
    return {
        "signer": str(Signer.GUARDIAN),
        "capacity": next((each for each in relations if each), "representative"),
        **({"adult_on": adult} if adult else {}),
    }


def _object(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = of.get(name)
    return found if isinstance(found, Mapping) else {}


def _objects(of: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = of.get(name)
    listed = found if isinstance(found, list) else [found]
    return [each for each in listed if isinstance(each, Mapping)]
