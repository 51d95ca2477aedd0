"""The room's rows as tables, in and out. Lists of codes are cells of lines; names in both languages are read,
codes written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from talka.biobanks import actions, codes, rules
from talka.biobanks.models import (
    Biobank,
    BiobankNetwork,
    Collection,
    Collector,
    ConsentForm,
    Contact,
    DataNode,
    QualityMark,
    Resource,
    Role,
    Service,
)
from talka.biobanks.models.consent import boxes, terms
from talka.biobanks.queries import consent as consent
from talka.biobanks.queries import directory as queries
from talka.biobanks.queries import nodes as nodes
from talka.core.actions import Invalid
from talka.core.sheets import (
    LANGUAGES,
    BadCell,
    Choice,
    Column,
    Day,
    Item,
    Lines,
    Plain,
    Problem,
    Ref,
    Refs,
    Sheet,
    Whole,
    YesNo,
    bilingual,
)
from talka.domains.models import Ecosystem
from talka.parties import queries as parties

OVER = "domains.ecosystem"
CODE = Column("code", _("Code"), required=True, max_length=80)
ORDER = Whole("order", _("Order"))
SOURCE = Column("source", _("Source"), max_length=500)


@dataclass(frozen=True)
class Codes(Lines):
    """Several codes of a list, one a line; written as the code or its name in either language."""

    choices: type[models.TextChoices] | None = None

    def parse(self, text: str, context: Any) -> Any:
        assert self.choices is not None
        known: dict[str, str] = {}
        for language in LANGUAGES:
            with override(language):
                known |= {str(label).casefold(): code for code, label in self.choices.choices}
        known |= {code.casefold(): code for code in self.choices.values}
        found = []
        for part in text.replace(";", "\n").splitlines():
            if not part.strip():
                continue
            code = known.get(part.strip().casefold())
            if code is None:
                raise BadCell(
                    _t("“%(text)s” is not one of: %(allowed)s")
                    % {"text": part.strip()[:40], "allowed": ", ".join(self.choices.values)}
                )
            found.append(code)
        return found


def _by_code(rows: Iterable[Any]) -> dict[str, Any]:
    return {row.code.casefold(): row for row in rows}


def organisations(parent: Any) -> Mapping[str, Any]:
    return parties.spellings()


def contacts(parent: Ecosystem) -> dict[str, Any]:
    return _by_code(queries.contacts(parent))


def biobanks(parent: Ecosystem) -> dict[str, Any]:
    return _by_code(queries.biobanks(parent))


def networks(parent: Ecosystem) -> dict[str, Any]:
    return _by_code(queries.networks(parent))


def data_nodes(parent: Ecosystem) -> dict[str, Any]:
    return _by_code(nodes.nodes(parent))


def collections(parent: Ecosystem) -> dict[str, Any]:
    """Collections as "biobank/collection"."""
    return {row.name.casefold(): row for row in queries.collections(parent)}


DESCRIBED = (
    Column("acronym", _("Acronym"), max_length=60),
    *bilingual("title", _("Name"), required=True, max_length=300),
    *bilingual("summary", _("Description"), max_length=2000),
    Column("website", _("Website"), max_length=300),
    Ref("contact", _("Contact"), among=contacts),
)
STANDING = (
    YesNo("withdrawn", _("Withdrawn")),
    YesNo("example", _("Invented example")),
    Day("checked_on", _("Description checked on")),
    SOURCE,
)


def _placed(values: Mapping[str, Any]) -> dict[str, Any]:
    """An empty cell for the order leaves the row where it stands, a new one last; an empty choice leaves the
    default."""
    return {
        name: value
        for name, value in values.items()
        if not (name in {"order", "role", "sample_source", "version"} and value in (None, ""))
    }


class Contacts(Sheet):
    code, label, model, over = "biobanks.contacts", _("Contacts of biobanks"), Contact, OVER
    needs = rules.may_found
    columns = (
        CODE,
        Choice("role", _("Part"), choices=codes.ContactRole),
        Column("given", _("Given name"), max_length=100),
        Column("family", _("Family name or office"), required=True, max_length=200),
        Column("email", _("E-mail"), required=True, max_length=254),
        Column("phone", _("Telephone"), max_length=40),
        Column("address", _("Address"), max_length=300),
        Column("city", _("City"), max_length=100),
        Column("country", _("Country"), required=True, max_length=2),
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.contacts(parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Contact:
        return actions.add_contact(parent, by=by, **_placed(values))

    def change(self, row: Contact, values: dict[str, Any], *, by: Any) -> Contact:
        return actions.edit_contact(row, by=by, **_placed(values))


class Biobanks(Sheet):
    code, label, model, over = "biobanks.biobanks", _("Biobanks"), Biobank, OVER
    needs = rules.may_found
    columns = (
        CODE,
        ORDER,
        *DESCRIBED,
        Ref("juristic_person", _("Legal person"), among=organisations),
        Column("juristic_name", _("Legal person, where it is not on this hub"), max_length=300),
        Column("country", _("Country"), required=True, max_length=2),
        Codes("infrastructure", _("Infrastructure"), choices=codes.Infrastructure),
        Codes("organising", _("What it can organise"), choices=codes.Organising),
        Codes("bioprocessing", _("What it can do with samples"), choices=codes.Bioprocessing),
        Ref("node", _("Data node"), among=data_nodes),
        *STANDING,
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.biobanks(parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Biobank:
        return actions.add_biobank(parent, by=by, **_placed(values))

    def change(self, row: Biobank, values: dict[str, Any], *, by: Any) -> Biobank:
        return actions.edit_biobank(row, by=by, **_placed(values))


class PartOf(Column):
    """The collection that a collection is part of, by its code: a file may bring both, the whole before its parts."""

    def read(self, row: Any) -> Any:
        return row.parent.code if row.parent else ""


class Collections(Sheet):
    code, label, model, over = "biobanks.collections", _("Collections of samples"), Collection, OVER
    key = ("biobank", "code")
    needs = rules.may_found
    columns = (
        Ref("biobank", _("Biobank"), required=True, among=biobanks),
        CODE,
        ORDER,
        *DESCRIBED,
        PartOf("parent", _("Part of"), max_length=80),
        Choice("sample_source", _("Source of the samples"), choices=codes.SampleSource),
        Codes("sexes", _("Sexes"), required=True, choices=codes.Sex),
        Whole("age_low", _("Lowest age")),
        Whole("age_high", _("Highest age")),
        Choice("age_unit", _("Unit of age"), choices=codes.AgeUnit),
        Codes("dataset_types", _("Types of data"), required=True, choices=codes.DatasetType),
        Codes("materials", _("Types of samples"), required=True, choices=codes.Material),
        Codes("temperatures", _("Storage temperatures"), choices=codes.Temperature),
        Lines("diseases", _("Diseases (ICD-10 or ORPHA)")),
        Codes("settings", _("Occasions of collection"), choices=codes.Setting),
        Codes("designs", _("Design"), choices=codes.Design),
        Codes("conditions", _("Conditions of use"), choices=codes.Condition),
        Lines("terms", _("Terms of use (DUO)")),
        Codes("inclusion", _("Criteria of inclusion"), choices=codes.Inclusion),
        Lines("publications", _("Publications")),
        Choice("status", _("Status"), choices=codes.Status),
        Whole("subjects", _("Number of donors, as declared")),
        Whole("samples", _("Number of samples, as declared")),
        Column("node_code", _("Code at the node"), max_length=120),
        Refs("networks", _("Networks"), among=networks),
        *STANDING,
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.joined(queries.collections(parent))

    def check(self, parent: Ecosystem, items: list[Item]) -> Iterator[Problem]:
        """A part stands below its whole, which is of the same biobank."""
        known = {(row.biobank_id, row.code) for row in self.rows(parent)}
        for item in items:
            biobank, above = item.values.get("biobank"), item.values.get("parent", "")
            of = biobank.pk if biobank else item.current.biobank_id if item.current else None
            if above and (of, above) not in known:
                message = _t("“%(code)s” is no collection of this biobank; the whole stands before its parts")
                yield Problem(item.place, message % {"code": above})
            known.add((of, item.values.get("code")))

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Collection:
        given = _placed(values)
        biobank = given.pop("biobank")
        return actions.add_collection(biobank, by=by, **self._found(biobank, given))

    def change(self, row: Collection, values: dict[str, Any], *, by: Any) -> Collection:
        given = _placed(values)
        given.pop("biobank", None)
        return actions.edit_collection(row, by=by, **self._found(row.biobank, given))

    def _found(self, biobank: Biobank, values: dict[str, Any]) -> dict[str, Any]:
        if "parent" not in values:
            return values
        return {**values, "parent": biobank.collections.filter(code=values["parent"]).first()}


class Networks(Sheet):
    code, label, model, over = "biobanks.networks", _("Networks of biobanks"), BiobankNetwork, OVER
    needs = rules.may_found
    columns = (
        CODE,
        ORDER,
        *DESCRIBED,
        Ref("juristic_person", _("Legal person"), among=organisations),
        Column("juristic_name", _("Legal person, where it is not on this hub"), max_length=300),
        Lines("countries", _("Countries")),
        Codes("topics", _("What its members share"), choices=codes.Topic),
        Choice("status", _("Status"), choices=codes.Status),
        Refs("members", _("Member biobanks"), among=biobanks),
        *STANDING,
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.networks(parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> BiobankNetwork:
        return actions.add_network(parent, by=by, **_placed(values))

    def change(self, row: BiobankNetwork, values: dict[str, Any], *, by: Any) -> BiobankNetwork:
        return actions.edit_network(row, by=by, **_placed(values))


@dataclass(frozen=True)
class CollectionRefs(Refs):
    attribute: str = "name"


class Resources(Sheet):
    code, label, model, over = "biobanks.resources", _("Research resources"), Resource, OVER
    needs = rules.may_found
    columns = (
        CODE,
        ORDER,
        *DESCRIBED,
        CollectionRefs("collections", _("Collections"), among=collections),
        Codes("conditions", _("Conditions of use"), choices=codes.Condition),
        Choice("status", _("Status"), choices=codes.Status),
        *STANDING,
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.resources(parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Resource:
        return actions.add_resource(parent, by=by, **_placed(values))

    def change(self, row: Resource, values: dict[str, Any], *, by: Any) -> Resource:
        return actions.edit_resource(row, by=by, **_placed(values))


class Services(Sheet):
    code, label, model, over = "biobanks.services", _("Services of biobanks"), Service, OVER
    key = ("biobank", "code")
    needs = rules.may_found
    columns = (
        Ref("biobank", _("Biobank"), required=True, among=biobanks),
        CODE,
        ORDER,
        *DESCRIBED,
        Choice("kind_of", _("Kind"), required=True, choices=codes.ServiceKind),
        *bilingual("access", _("How to get it"), max_length=2000),
        *STANDING,
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.services(parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Service:
        given = _placed(values)
        return actions.add_service(given.pop("biobank"), by=by, **given)

    def change(self, row: Service, values: dict[str, Any], *, by: Any) -> Service:
        given = _placed(values)
        given.pop("biobank", None)
        return actions.edit_service(row, by=by, **given)


@dataclass(frozen=True)
class OneCollection(Ref):
    attribute: str = "name"


class Qualities(Sheet):
    """What is claimed. Verification is a person's act, and comes in by no file."""

    code, label, model, over = "biobanks.qualities", _("Quality standards of biobanks"), QualityMark, OVER
    key = ("biobank", "standard")
    needs = rules.may_found
    columns = (
        Ref("biobank", _("Biobank"), required=True, among=biobanks),
        Choice("standard", _("Standard"), required=True, choices=codes.Standard),
        OneCollection("collection", _("Only the collection"), among=collections),
        Column("name", _("Name of another standard"), max_length=200),
        Column("certificate", _("Number of the certificate"), max_length=100),
        Column("issued_by", _("Issued by"), max_length=200),
        Day("valid_from", _("Valid from")),
        Day("valid_until", _("Valid until")),
    )

    def key_of(self, shown: Mapping[str, Any]) -> tuple[str, ...]:
        return (
            *super().key_of(shown),
            *(str(shown.get(key, "")).casefold() for key in ("collection", "name")),
        )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.qualities(parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> QualityMark:
        given = dict(values)
        return actions.add_quality(given.pop("biobank"), by=by, **given)

    def change(self, row: QualityMark, values: dict[str, Any], *, by: Any) -> QualityMark:
        given = dict(values)
        given.pop("biobank", None)
        return actions.edit_quality(row, by=by, **given)


class Nodes(Sheet):
    code, label, model, over = "biobanks.nodes", _("Data nodes"), DataNode, OVER
    needs = rules.may_run_nodes
    columns = (
        CODE,
        *bilingual("title", _("Name"), required=True, max_length=200),
        Ref("holder", _("Holder of the data"), among=organisations),
        Column("address", _("Address"), required=True, max_length=300),
        Column("public_key", _("Public key (Ed25519)"), required=True, max_length=64),
        Column("log_name", _("Name of its record of consents"), max_length=64),
        Codes("roles", _("Roles"), choices=Role),
        YesNo("active", _("In use")),
        YesNo("example", _("Invented example")),
    )

    def rows(self, parent: Ecosystem) -> Any:
        return nodes.nodes(parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> DataNode:
        return actions.register_node(parent, by=by, **values)

    def change(self, row: DataNode, values: dict[str, Any], *, by: Any) -> DataNode:
        return actions.edit_node(row, by=by, **values)


@dataclass(frozen=True)
class Terms(Plain):
    """Terms of DUO in their one spelling, so that a file read again is no change."""

    def take(self, raw: Any, context: Any) -> Any:
        return self.normal(super().take(raw, context) or [])

    def empty(self) -> Any:
        return []

    def normal(self, told: Any) -> Any:
        try:
            return terms(told, self.key)
        except Invalid as error:
            raise BadCell(str(error)) from None


@dataclass(frozen=True)
class Boxes(Terms):
    """The boxes of a form with what they mean."""

    def normal(self, told: Any) -> Any:
        try:
            return boxes(told)
        except Invalid as error:
            raise BadCell(str(error)) from None


class Forms(Sheet):
    code, label, model, over = "biobanks.forms", _("Consent forms"), ConsentForm, OVER
    key = ("code", "version")
    needs = rules.may_keep_forms
    columns = (
        CODE,
        Whole("version", _("Version"), required=True),
        *bilingual("title", _("Title"), required=True, max_length=300),
        *bilingual("text", _("What the donor reads"), required=True, max_length=40000),
        Terms("always", _("Terms that always hold")),
        Boxes("options", _("Boxes and what they mean"), required=True),
        Day("since", _("May be signed from")),
        Day("until", _("May be signed until")),
        Whole("years", _("Years that a signature lasts")),
        YesNo("guardian", _("A legal representative may sign for a minor")),
        YesNo("ends_at_death", _("It ends at death")),
        Day("published_on", _("Published on")),
        YesNo("example", _("Invented example")),
    )

    def rows(self, parent: Ecosystem) -> Any:
        return consent.forms(parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> ConsentForm:
        given = dict(values)
        published = given.pop("published_on", None)
        row = actions.write_form(parent, by=by, **given)
        return actions.publish_form(row, by=by, on=published) if published else row

    def change(self, row: ConsentForm, values: dict[str, Any], *, by: Any) -> ConsentForm:
        given = dict(values)
        published = given.pop("published_on", None)
        row = actions.edit_form(row, by=by, **given)
        return actions.publish_form(row, by=by, on=published) if published and not row.published_on else row


class Collectors(Sheet):
    code, label, model, over = "biobanks.collectors", _("Collectors"), Collector, OVER
    needs = rules.may_keep_forms
    columns = (
        CODE,
        *bilingual("title", _("Name"), required=True, max_length=200),
        Ref("organisation", _("Institution"), among=organisations),
        Ref("biobank", _("Biobank that it gathers for"), required=True, among=biobanks),
        Day("agreed_on", _("Agreement signed on")),
        Day("ended_on", _("Agreement ended on")),
        YesNo("example", _("Invented example")),
    )

    def rows(self, parent: Ecosystem) -> Any:
        return consent.collectors(parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Collector:
        return actions.add_collector(parent, by=by, **values)

    def change(self, row: Collector, values: dict[str, Any], *, by: Any) -> Collector:
        return actions.edit_collector(row, by=by, **values)
