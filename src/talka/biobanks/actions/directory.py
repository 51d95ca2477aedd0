"""Verbs of the directory: add and edit its entries, verify what they claim, confirm that they hold.

Links (members, networks, parts) are set as whole lists: a list that is given becomes the new one, None leaves it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from talka.biobanks import codes, rules
from talka.biobanks.actions._keeping import (
    _align,
    _check_code,
    _check_codes,
    _check_texts,
    _clean,
    _forget_read,
    _last,
    _put,
)
from talka.biobanks.models import (
    Biobank,
    BiobankNetwork,
    Collection,
    CollectionNetwork,
    Contact,
    NetworkMember,
    QualityMark,
    Resource,
    ResourcePart,
    Service,
)
from talka.core import locking
from talka.core.actions import Invalid, action
from talka.core.bilingual import both
from talka.core.search import searchable
from talka.domains.models import Ecosystem
from talka.parties.models import website

COUNTRY = re.compile(r"[A-Z]{2}")
ICD10 = re.compile(r"[A-Z][0-9]{2}(\.[0-9A-Z]{1,2})?(-[A-Z][0-9]{2}(\.[0-9A-Z]{1,2})?)?")
ORPHA = re.compile(r"ORPHA:[0-9]{1,7}")
OF_BIOBANK = {
    "infrastructure": codes.Infrastructure,
    "organising": codes.Organising,
    "bioprocessing": codes.Bioprocessing,
}
OF_COLLECTION = {
    "sexes": codes.Sex,
    "dataset_types": codes.DatasetType,
    "materials": codes.Material,
    "temperatures": codes.Temperature,
    "settings": codes.Setting,
    "designs": codes.Design,
    "conditions": codes.Condition,
    "inclusion": codes.Inclusion,
}
# Words that stand in addresses where a biobank's code would: see urls.py.
RESERVED = frozenset({"add", "networks", "resources", "quality", "bbmri", "nodes", "consent"})
# MIABIS: a collection names at least one of each.
NEEDED = ("sexes", "dataset_types", "materials")


# ---------------------------------------------------------------- contacts


@action(needs=rules.may_found)
def add_contact(ecosystem: Ecosystem, *, by: Any, **values: Any) -> Contact:
    """Notes whom to write to."""
    return _contact(Contact(ecosystem=ecosystem), values)


@action(needs=rules.may_found)
def edit_contact(contact: Contact, *, by: Any, seen: int | None = None, **values: Any) -> Contact:
    """Changes whom to write to."""
    locking.check(contact, seen)
    return _contact(contact, values)


def _contact(row: Contact, values: dict[str, Any]) -> Contact:
    _put(row, values)
    _country(row.country, "country")
    _check_code(row, {"ecosystem": row.ecosystem})
    if row.role == codes.ContactRole.HDAB:
        other = (
            Contact.objects.filter(ecosystem=row.ecosystem, role=codes.ContactRole.HDAB)
            .exclude(pk=row.pk)
            .first()
        )
        if other is not None:
            raise Invalid(
                _("There is one health data access body, and it is “%(name)s” already.") % {"name": other},
                field="role",
            )
    _clean(row)
    row.save()
    return row


# ---------------------------------------------------------------- biobanks


@action(needs=rules.may_found)
def add_biobank(ecosystem: Ecosystem, *, by: Any, **values: Any) -> Biobank:
    """Enters a biobank in the directory."""
    values.setdefault("order", _last(Biobank.objects.filter(ecosystem=ecosystem)) + 1)
    return _biobank(Biobank(ecosystem=ecosystem), values)


@action(needs=rules.may_edit)
def edit_biobank(biobank: Biobank, *, by: Any, seen: int | None = None, **values: Any) -> Biobank:
    """Changes a biobank. Its collections are found by its new name from then on."""
    locking.check(biobank, seen)
    named = [getattr(biobank, name) for name in ("title_lv", "title_en", "acronym", "code")]
    _biobank(biobank, values)
    if named != [getattr(biobank, name) for name in ("title_lv", "title_en", "acronym", "code")]:
        for row in biobank.collections.all():
            row.biobank = biobank
            row.save(bump=True)
    return biobank


def _biobank(row: Biobank, values: dict[str, Any]) -> Biobank:
    _put(row, values)
    _entry(row, {"ecosystem": row.ecosystem})
    if row.code in RESERVED:
        raise Invalid(
            _("“%(code)s” is a word of this hub's own addresses; choose another.") % {"code": row.code},
            field="code",
        )
    _country(row.country, "country")
    _check_codes(row, OF_BIOBANK)
    if row.juristic_person is None and not row.juristic_name:
        raise Invalid(
            _(
                "Name the legal person that answers for the biobank: an organisation of this hub, or its name."
            ),
            field="juristic_person",
        )
    if row.node is not None and row.node.ecosystem_id != row.ecosystem_id:
        raise Invalid(
            _("“%(name)s” is of another ecosystem; choose one of this ecosystem.") % {"name": row.node},
            field="node",
        )
    _clean(row)
    row.save()
    return row


# ---------------------------------------------------------------- collections


@action(needs=rules.may_edit)
def add_collection(
    biobank: Biobank, *, by: Any, networks: Sequence[BiobankNetwork] | None = None, **values: Any
) -> Collection:
    """Enters a collection of a biobank."""
    values.setdefault("order", _last(Collection.objects.filter(biobank=biobank)) + 1)
    return _collection(Collection(biobank=biobank), values, networks)


@action(needs=rules.may_edit)
def edit_collection(
    collection: Collection,
    *,
    by: Any,
    seen: int | None = None,
    networks: Sequence[BiobankNetwork] | None = None,
    **values: Any,
) -> Collection:
    """Changes a collection."""
    locking.check(collection, seen)
    return _collection(collection, values, networks)


def _collection(
    row: Collection, values: dict[str, Any], networks: Sequence[BiobankNetwork] | None
) -> Collection:
    _put(row, values)
    _entry(row, {"biobank": row.biobank})
    _check_codes(row, OF_COLLECTION)
    for name in NEEDED:
        if not getattr(row, name):
            raise Invalid(_("MIABIS asks for at least one."), field=name)
    row.diseases = [_disease(each) for each in row.diseases]
    _ages(row)
    _placed_under(row)
    _clean(row)
    row.save(bump=networks is not None and row.pk is not None)
    for network in networks or ():
        if network.ecosystem_id != row.biobank.ecosystem_id:
            raise Invalid(
                _("“%(name)s” is of another ecosystem; choose one of this ecosystem.") % {"name": network},
                field="networks",
            )
    _align(CollectionNetwork, {"collection": row}, "network", networks)
    _forget_read(row)
    return row


def _disease(text: str) -> str:
    """A code of ICD-10, a range of such, or one of Orphanet; Invalid says what one looks like."""
    code = "".join(str(text).split()).upper()
    if not (ICD10.fullmatch(code) or ORPHA.fullmatch(code)):
        raise Invalid(
            _("“%(code)s” is no code of a disease: write C34, C34.1, C30-C39 or ORPHA:586.") % {"code": text},
            field="diseases",
        )
    return code


def _ages(row: Collection) -> None:
    if (row.age_low is not None or row.age_high is not None) and not row.age_unit:
        row.age_unit = codes.AgeUnit.YEARS
    if row.age_low is not None and row.age_high is not None and row.age_low > row.age_high:
        raise Invalid(
            _("The highest age (%(high)d) lies below the lowest (%(low)d).")
            % {"high": row.age_high, "low": row.age_low},
            field="age_high",
        )


def _placed_under(row: Collection) -> None:
    """A collection hangs under one of its own biobank, and not under itself by any way."""
    above = row.parent
    if above is not None and above.biobank_id != row.biobank_id:
        raise Invalid(
            _("“%(name)s” is of another biobank; a part belongs to the same one.") % {"name": above},
            field="parent",
        )
    while above is not None:
        if above.pk == row.pk:
            raise Invalid(_("A collection cannot be a part of itself."), field="parent")
        above = above.parent


# ---------------------------------------------------------------- networks, resources, services


@action(needs=rules.may_found)
def add_network(
    ecosystem: Ecosystem, *, by: Any, members: Sequence[Biobank] | None = None, **values: Any
) -> BiobankNetwork:
    """Enters a network of biobanks."""
    values.setdefault("order", _last(BiobankNetwork.objects.filter(ecosystem=ecosystem)) + 1)
    return _network(BiobankNetwork(ecosystem=ecosystem), values, members)


@action(needs=rules.may_edit)
def edit_network(
    network: BiobankNetwork,
    *,
    by: Any,
    seen: int | None = None,
    members: Sequence[Biobank] | None = None,
    **values: Any,
) -> BiobankNetwork:
    """Changes a network and who belongs to it."""
    locking.check(network, seen)
    return _network(network, values, members)


def _network(
    row: BiobankNetwork, values: dict[str, Any], members: Sequence[Biobank] | None
) -> BiobankNetwork:
    _put(row, values)
    _entry(row, {"ecosystem": row.ecosystem})
    row.countries = row.countries or ["LV"]
    for country in row.countries:
        _country(country, "countries")
    _check_codes(row, {"topics": codes.Topic})
    _clean(row)
    row.save(bump=members is not None and row.pk is not None)
    _align(NetworkMember, {"network": row}, "biobank", members)
    _forget_read(row)
    return row


@action(needs=rules.may_found)
def add_resource(
    ecosystem: Ecosystem, *, by: Any, collections: Sequence[Collection] | None = None, **values: Any
) -> Resource:
    """Enters a research resource: collections that are used together."""
    values.setdefault("order", _last(Resource.objects.filter(ecosystem=ecosystem)) + 1)
    return _resource(Resource(ecosystem=ecosystem), values, collections)


@action(needs=rules.may_edit)
def edit_resource(
    resource: Resource,
    *,
    by: Any,
    seen: int | None = None,
    collections: Sequence[Collection] | None = None,
    **values: Any,
) -> Resource:
    """Changes a research resource and its collections."""
    locking.check(resource, seen)
    return _resource(resource, values, collections)


def _resource(row: Resource, values: dict[str, Any], collections: Sequence[Collection] | None) -> Resource:
    _put(row, values)
    _entry(row, {"ecosystem": row.ecosystem})
    _check_codes(row, {"conditions": codes.Condition})
    _clean(row)
    row.save(bump=collections is not None and row.pk is not None)
    _align(ResourcePart, {"resource": row}, "collection", collections)
    _forget_read(row)
    return row


@action(needs=rules.may_edit)
def add_service(biobank: Biobank, *, by: Any, **values: Any) -> Service:
    """Enters what a biobank does for others."""
    values.setdefault("order", _last(Service.objects.filter(biobank=biobank)) + 1)
    return _service(Service(biobank=biobank), values)


@action(needs=rules.may_edit)
def edit_service(service: Service, *, by: Any, seen: int | None = None, **values: Any) -> Service:
    """Changes a service."""
    locking.check(service, seen)
    return _service(service, values)


def _service(row: Service, values: dict[str, Any]) -> Service:
    _put(row, values)
    _entry(row, {"biobank": row.biobank})
    _clean(row)
    row.save()
    return row


# ---------------------------------------------------------------- quality


@action(needs=rules.may_edit)
def add_quality(biobank: Biobank, *, by: Any, **values: Any) -> QualityMark:
    """Notes a standard that a biobank says it works by. It is shown as claimed until somebody has verified it."""
    return _quality(QualityMark(biobank=biobank), values)


@action(needs=rules.may_edit)
def edit_quality(quality: QualityMark, *, by: Any, seen: int | None = None, **values: Any) -> QualityMark:
    """Changes what is claimed; what changed is no longer verified."""
    locking.check(quality, seen)
    before = quality.snapshot()
    _put(quality, values)
    if quality.snapshot() != before:
        quality.verified_on, quality.verified_by, quality.finding, quality.upheld = None, "", "", False
    return _quality(quality, {})


@action(needs=rules.may_verify)
def verify_quality(
    quality: QualityMark,
    *,
    by: Any,
    upheld: bool,
    finding: str = "",
    on: date | None = None,
    seen: int | None = None,
) -> QualityMark:
    """Says whether a claimed standard was found to hold. Nobody verifies what their own institution claims."""
    locking.check(quality, seen)
    if rules.of_own_institution(by, quality):
        raise Invalid(_("Nobody verifies what their own institution claims; somebody else must."))
    if not upheld and not finding.strip():
        raise Invalid(_("Say what was found, so that the biobank can put it right."), field="finding")
    quality.verified_on = on or timezone.localdate()
    if quality.verified_on > timezone.localdate():
        raise Invalid(_("A verification is not of a day to come."), field="on")
    quality.verified_by, quality.finding, quality.upheld = str(by), finding.strip(), upheld
    quality.save()
    return quality


def _quality(row: QualityMark, values: dict[str, Any]) -> QualityMark:
    _put(
        row,
        values,
        frozenset({"id", "revision", "biobank", "verified_on", "verified_by", "finding", "upheld"}),
    )
    if row.standard == codes.Standard.OTHER and not row.name:
        raise Invalid(_("Name the standard."), field="name")
    if row.standard != codes.Standard.OTHER:
        row.name = ""
    if row.collection is not None and row.collection.biobank_id != row.biobank_id:
        raise Invalid(_("“%(name)s” is of another biobank.") % {"name": row.collection}, field="collection")
    if row.valid_from and row.valid_until and row.valid_until < row.valid_from:
        raise Invalid(_("It would end before it begins."), field="valid_until")
    same = QualityMark.objects.filter(
        biobank=row.biobank, collection=row.collection, standard=row.standard, name=row.name
    )
    if same.exclude(pk=row.pk).exists():
        raise Invalid(_("This standard is noted already; change that entry."), field="standard")
    _clean(row)
    row.save()
    return row


# ---------------------------------------------------------------- the yearly check


@action(needs=rules.may_edit)
def confirm_description(entry: Biobank, *, by: Any, on: date | None = None) -> Biobank:
    """Says that the descriptions of a biobank and of all its collections hold today: what is asked for every year."""
    today = on or timezone.localdate()
    if today > timezone.localdate():
        raise Invalid(_("A description is not confirmed for a day to come."), field="on")
    entry.checked_on = today
    entry.save()
    for row in entry.collections.filter(withdrawn=False).select_related("biobank"):
        row.checked_on = today
        row.save()
    return entry


# ---------------------------------------------------------------- helpers


def _entry(row: Any, within: dict[str, Any]) -> None:
    """What every entry of the directory is checked for."""
    row.website = website(row.website)
    _check_texts(row)
    _check_code(row, within)


def _country(code: str, field: str) -> None:
    if not COUNTRY.fullmatch(code):
        raise Invalid(_("A country is two capital letters, as LV (ISO 3166-1)."), field=field)


for _model in (Biobank, Collection, BiobankNetwork, Resource, Service):
    searchable(
        _model,
        title=lambda row: both(row, "title"),
        summary=lambda row: both(row, "summary"),
        words=lambda row: f"{row.code} {row.acronym} {' '.join(getattr(row, 'diseases', ()))}",
        public=lambda row: not row.withdrawn,
    )
