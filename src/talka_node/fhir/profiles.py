"""What the profiles of MIABIS on FHIR 1.3 ask of a resource beyond FHIR itself: how often each element stands in it.

A resource claims a profile only where it fulfils it. What others write is told what it lacks and taken nevertheless.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

BASE = "https://fhir.bbmri-eric.eu"
MEMBER = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Group.member.entity"
CHARACTERISTIC = f"{BASE}/CodeSystem/miabis-characteristicCS"

Resource = dict[str, Any]
MANY = 1 << 30


def extension(name: str) -> str:
    return f"{BASE}/StructureDefinition/miabis-{name}"


@dataclass(frozen=True, slots=True)
class Rule:
    """Within each holder that `path` leads to, its last part left away, that stands `least` to `most` times."""

    path: str
    least: int = 0
    most: int = MANY


def _one(*paths: str) -> tuple[Rule, ...]:
    return tuple(Rule(path, 1, 1) for path in paths)


_CONTACT = (
    Rule("contact.name", 1, 1),
    Rule("contact.name.family", 1, 1),
    Rule("contact.name.given", 1),
    Rule("contact.telecom", 1),
)
_FORMAL = (
    *_one("identifier", "name", "address", "address.country", "partOf"),
    Rule("alias", 0, 1),
    Rule("telecom", 0, 1),
    *_CONTACT,
)

# Profile → the type, how often elements stand, and how often extensions do.
PROFILES: dict[str, tuple[str, tuple[Rule, ...], tuple[tuple[str, int, int], ...]]] = {
    "miabis-sample-donor": ("Patient", (*_one("identifier", "gender"), Rule("birthDate", 0, 1)), ()),
    "miabis-sample": (
        "Specimen",
        (*_one("identifier", "type", "subject", "note.text"), Rule("collection.bodySite.coding", 0, 1)),
        (("miabis-sample-collection-extension", 0, 1),),
    ),
    "miabis-condition": ("Condition", (*_one("subject"), Rule("code", 0, 1)), ()),
    "miabis-observation": (
        "Observation",
        (*_one("subject", "specimen"), Rule("identifier", 0, 1), Rule("valueCodeableConcept.coding", 1)),
        (),
    ),
    "miabis-biobank": ("Organization", _FORMAL, (("miabis-organization-description-extension", 0, 1),)),
    "miabis-collection-organization": (
        "Organization",
        _FORMAL,
        (("miabis-organization-description-extension", 1, 1), ("miabis-sample-source-extension", 0, 1)),
    ),
    "miabis-network-organization": (
        "Organization",
        _FORMAL,
        (("miabis-organization-description-extension", 0, 1),),
    ),
    "miabis-juristic-person": ("Organization", _one("name"), ()),
    "miabis-collection": (
        "Group",
        _one("identifier", "name", "managingEntity"),
        (("miabis-number-of-subjects-extension", 0, 1),),
    ),
    "miabis-network": ("Group", _one("identifier", "name", "managingEntity"), ()),
}
_CHARACTERISTICS = (("Age", 0, 1), ("Sex", 1, MANY), ("MaterialType", 1, MANY))
_DIAGNOSES = ("http://hl7.org/fhir/sid/icd-10", "http://hl7.org/fhir/sid/icd-9")


def url(profile: str) -> str:
    return f"{BASE}/StructureDefinition/{profile}"


def of(resource: Resource) -> str | None:
    """The MIABIS profile that a resource claims."""
    claimed = (resource.get("meta") or {}).get("profile") or []
    for each in claimed if isinstance(claimed, list) else []:
        name = str(each).rpartition("/")[2]
        if name in PROFILES and PROFILES[name][0] == resource.get("resourceType"):
            return name
    return None


def claim(resource: Resource, profile: str) -> Resource:
    """The resource, saying that it is of the profile if it is."""
    if not list(lacks(resource, profile)):
        resource.setdefault("meta", {})["profile"] = [url(profile)]
    return resource


def lacks(resource: Resource, profile: str) -> Iterator[tuple[str, str]]:
    """What is not as the profile asks: a path and a sentence each."""
    kind, rules, extensions = PROFILES[profile]
    for rule in rules:
        *way, last = rule.path.split(".")
        for holder in _holders(resource, way):
            found = holder.get(last)
            times = len(found) if isinstance(found, list) else 0 if found in (None, "") else 1
            if not rule.least <= times <= rule.most:
                yield (
                    f"{kind}.{rule.path}",
                    f"{profile} asks for {_span(rule.least, rule.most)} {rule.path}, not {times}",
                )
        if len(way) == 1 and way[0] == "contact" and not resource.get("contact"):
            yield f"{kind}.contact", f"{profile} asks for a contact with its {last}"
    given = [each for each in resource.get("extension") or () if isinstance(each, dict)]
    for name, least, most in extensions:
        times = sum(str(each.get("url")).endswith(f"/{name}") for each in given)
        if not least <= times <= most:
            yield f"{kind}.extension", f"{profile} asks for {_span(least, most)} {name}, not {times}"
    if profile == "miabis-collection":
        codes = [
            coding.get("code")
            for each in resource.get("characteristic") or ()
            for coding in (each.get("code") or {}).get("coding") or ()
        ]
        for name, least, most in _CHARACTERISTICS:
            if not least <= codes.count(name) <= most:
                yield (
                    "Group.characteristic",
                    f"{profile} asks for {_span(least, most)} {name}, not {codes.count(name)}",
                )
    if kind == "Group" and resource.get("type") != "person":
        yield "Group.type", f"{profile} asks for person: R4 has no groups of samples or organisations"
    if profile == "miabis-observation":
        for coding in (resource.get("valueCodeableConcept") or {}).get("coding") or ():
            if coding.get("system") not in _DIAGNOSES or not coding.get("code"):
                yield (
                    "Observation.value.coding",
                    f"{profile} asks for codes of {' or '.join(_DIAGNOSES)} alone",
                )


def _holders(resource: Resource, way: list[str]) -> list[Resource]:
    found: list[Resource] = [resource]
    for name in way:
        step: list[Resource] = []
        for each in found:
            under = each.get(name)
            step += [one for one in (under if isinstance(under, list) else [under]) if isinstance(one, dict)]
        found = step
    return found


def _span(least: int, most: int) -> str:
    return f"exactly {least}" if least == most else f"{least}..{'*' if most == MANY else most}"
