"""Who publishes an ecosystem's open data, and by which identifiers organisations are known outside.

`TALKA_PUBLISHER` names an organisation of the register by its code; without one the ecosystem speaks for itself.
No identifier is made up: an organisation is known by its number in the Register of Enterprises or its ROR id. Where
there is neither, it is known by a reference within this hub, `TALKA-<host>-<code>`, which claims to be nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from talka.core.actions import Invalid
from talka.core.bilingual import Text, both
from talka.domains.models import Ecosystem
from talka.parties.models import Helix, Organisation, OrganisationKind

# Registration agencies as org-id.guide lists them.
REGISTER_OF_ENTERPRISES, ROR = "LV-RE", "XI-ROR"


@dataclass(frozen=True)
class Publisher:
    """Who publishes: reference, names, web page; the organisation behind it, if it is one of the register."""

    reference: str
    name: Text
    website: str = ""
    organisation: Organisation | None = None


def publisher_of(ecosystem: Ecosystem) -> Publisher:
    """The publisher that the settings name. Raises Invalid if the register does not know it."""
    code = settings.PUBLISHER
    if not code:
        return Publisher(local_reference(ecosystem.code), both(ecosystem, "title"))
    known = Organisation.objects.filter(code=code, merged_into=None).first()
    if known is None:
        raise Invalid(
            _("TALKA_PUBLISHER names “%(code)s”, which is no organisation here. Give a code of the register.")
            % {"code": code}
        )
    return Publisher(
        organisation_reference(known) or local_reference(known.code),
        both(known, "name"),
        known.website,
        known,
    )


def local_reference(code: str) -> str:
    """A reference that holds within this hub: "TALKA-talka.example.lv-biomed". The host is the first of TALKA_HOSTS."""
    host = settings.ALLOWED_HOSTS[0] if settings.ALLOWED_HOSTS else "localhost"
    return f"TALKA-{host}-{code}"


def organisation_reference(organisation: Organisation) -> str:
    """By what an organisation is known outside: "LV-RE-40003000000", "XI-ROR-03nadks56", or nothing."""
    if organisation.registration_number and organisation.country == "LV":
        return f"{REGISTER_OF_ENTERPRISES}-{organisation.registration_number}"
    return f"{ROR}-{organisation.ror}" if organisation.ror else ""


# IATI codelist OrganisationType, version 2.03.
_TYPES = {
    OrganisationKind.MINISTRY: "10",
    OrganisationKind.AGENCY: "10",
    OrganisationKind.AUTHORITY: "10",
    OrganisationKind.UNIVERSITY: "80",
    OrganisationKind.INSTITUTE: "80",
    OrganisationKind.COLLEGE: "80",
    OrganisationKind.COMPANY: "70",
}
_TYPES_OF_HELIX = {Helix.PUBLIC: "15", Helix.SCIENCE: "80", Helix.BUSINESS: "70", Helix.SOCIETY: "22"}
OTHER = "90"


def organisation_type(organisation: Organisation | None) -> str:
    """The IATI type of an organisation: by its kind, else by its sector; collective parties are "other"."""
    if organisation is None or organisation.kind_of == OrganisationKind.GROUP:
        return OTHER
    return _TYPES.get(OrganisationKind(organisation.kind_of)) or _TYPES_OF_HELIX[Helix(organisation.helix)]
