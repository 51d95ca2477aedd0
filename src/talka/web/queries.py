"""Reads that combine rooms: the ecosystem at a glance, what is late, what changed, what waits for somebody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from talka.core.actions import SYSTEM
from talka.core.models import Change, Noun, Report, ReportState
from talka.documents import record
from talka.domains.models import Ecosystem
from talka.governance.models import Decision, DecisionState
from talka.plan.models import Plan, PlanState


def plan_in_force(ecosystem: Ecosystem) -> Plan | None:
    """The latest plan that was adopted (or closed since)."""
    states = [PlanState.ADOPTED, PlanState.CLOSED]
    return (
        Plan.objects.filter(ecosystem=ecosystem, state__in=states)
        .select_related("ecosystem", "strategy", "decision")
        .order_by("-year", "-number")
        .first()
    )


# ---------------------------------------------------------------- what changed


def rows_of(names: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Any]:
    """Rows by kind and id; one question for each kind, whatever the number of rows."""
    wanted: dict[str, set[int]] = {}
    for kind, pk in names:
        wanted.setdefault(kind, set()).add(pk)
    found: dict[tuple[str, int], Any] = {}
    for kind, pks in wanted.items():
        model = record.model_of(kind)
        if model is not None:
            found.update({(kind, row.pk): row for row in _with_parents(model).filter(pk__in=pks)})
    return found


def _with_parents(model: type[Noun]) -> QuerySet[Any]:
    """All rows, with what their names and addresses need."""
    parents = {
        "strategy": "strategy__ecosystem",
        "plan": "plan__ecosystem",
        "ecosystem": "ecosystem",
        "body": "body__ecosystem",
        "project": "project__ecosystem",
        "account": "account__person",
        "person": "person",
        "organisation": "organisation",
    }
    names = {field.name for field in model._meta.concrete_fields if field.is_relation}
    return model._base_manager.select_related(*(path for name, path in parents.items() if name in names))


@dataclass(frozen=True)
class Told:
    """One change as a reader is told it: when, by whom, what, and each column before and after."""

    at: Any
    by: str
    what: str
    url: str
    changes: Sequence[tuple[str, str, str]]


def told(changes: Iterable[Change], *, with_names: bool) -> list[Told]:
    """Changes in words. The public is told what changed and when, not which official did it."""
    changes = list(changes)
    names = _references(changes)
    result = []
    for change in changes:
        model = record.model_of(change.subject_kind)
        columns = [
            (
                label_of(model, name),
                shown(model, name, entry.get("from"), names),
                shown(model, name, entry.get("to"), names),
            )
            for name, entry in change.fields.items()
            if "erased" not in entry and told_of(model, name)
        ]
        erased = [
            (label_of(model, name), "", pgettext("history", "erased"))
            for name, entry in change.fields.items()
            if "erased" in entry
        ]
        result.append(
            Told(
                change.event.at,
                who(change.event.by_name) if with_names else gettext("An official"),
                f"{_verb(change.kind)}: {noun_of(change.subject_kind)} “{change.subject_name}”",
                "",
                columns + erased,
            )
        )
    return result


def _verb(kind: str) -> str:
    return {
        "created": pgettext("history", "created"),
        "changed": pgettext("history", "changed"),
        "deleted": pgettext("history", "deleted"),
    }[kind]


# What the nouns are called in the history, in the middle of a sentence.
NOUNS = {
    "core.report": _("report"),
    "core.attachment": _("attached file"),
    "domains.ecosystem": _("ecosystem"),
    "domains.domain": _("domain"),
    "domains.mission": _("mission"),
    "domains.policy": _("policy"),
    "domains.share": _("share"),
    "parties.organisation": _("organisation"),
    "parties.othername": _("other name"),
    "parties.person": _("person"),
    "parties.affiliation": _("position"),
    "parties.account": _("account"),
    "parties.grant": _("role"),
    "parties.token": _("key"),
    "network.niche": _("niche"),
    "network.competencefield": _("competence field"),
    "legislation.bill": _("bill"),
    "legislation.billstage": _("stage of a bill"),
    "governance.body": _("body"),
    "governance.decision": _("decision"),
    "strategy.strategy": _("strategy"),
    "strategy.obstacle": _("obstacle"),
    "strategy.direction": _("direction"),
    "strategy.priority": _("priority"),
    "strategy.target": _("target"),
    "strategy.lever": _("lever"),
    "plan.plan": _("plan"),
    "plan.section": _("section of the plan"),
    "plan.measure": _("measure"),
    "plan.result": _("result"),
    "plan.resultindicator": _("result indicator"),
    "plan.assignment": _("institution's part"),
    "plan.funding": _("funding"),
    "plan.fundingsource": _("funding source"),
    "strategy.overcomes": _("obstacle answered"),
    "facilities.unit": _("core facility"),
    "facilities.unitperson": _("who runs a unit"),
    "facilities.resource": _("instrument, room or expert"),
    "facilities.mode": _("mode"),
    "facilities.method": _("method"),
    "facilities.resourcemethod": _("method"),
    "facilities.openinghours": _("opening hours"),
    "facilities.closure": _("closure"),
    "facilities.userproject": _("user's project"),
    "facilities.projectmember": _("member"),
    "facilities.terms": _("terms of use"),
    "facilities.termsacceptance": _("acceptance of the terms"),
    "facilities.qualification": _("qualification"),
    "facilities.certificate": _("safety certificate"),
    "facilities.series": _("series of bookings"),
    "facilities.booking": _("booking"),
    "facilities.slot": _("what is booked"),
    "facilities.use": _("use of a booking"),
    "facilities.correction": _("correction of a use"),
    "facilities.fault": _("fault"),
    "facilities.wish": _("place on the waiting list"),
    "facilities.wishedresource": _("what is wished"),
    "biobanks.contact": _("contact"),
    "biobanks.biobank": _("biobank"),
    "biobanks.collection": _("collection"),
    "biobanks.biobanknetwork": _("network of biobanks"),
    "biobanks.networkmember": _("member"),
    "biobanks.collectionnetwork": _("network of biobanks"),
    "biobanks.resource": _("research resource"),
    "biobanks.resourcepart": _("collection"),
    "biobanks.service": _("service"),
    "biobanks.qualitymark": _("quality standard"),
    "biobanks.datanode": _("data node"),
    "biobanks.figure": _("number told by a node"),
    "biobanks.consentform": _("consent form"),
    "biobanks.collector": _("collector"),
    "biobanks.statement": _("what a donor said"),
    "biobanks.batch": _("message of the feed"),
    "biobanks.receipt": _("receipt of a node"),
    "biobanks.destructionorder": _("order to destroy"),
    "portfolio.project": _("project"),
    "portfolio.participation": _("part in a project"),
    "portfolio.projectfunding": _("funding"),
    "portfolio.projectniche": _("niche"),
    "portfolio.member": _("member"),
    "portfolio.partnershipniche": _("niche"),
    "portfolio.partnershippolicy": _("policy"),
    "portfolio.kpi": _("project indicator"),
    "portfolio.partnership": _("partnership"),
}


def noun_of(kind: str) -> str:
    """What a noun is called: "measure"."""
    model = record.model_of(kind)
    return str(NOUNS.get(kind) or (model._meta.verbose_name if model else kind))


def who(name: str) -> str:
    """Who acted, as a reader knows them: what the house does by itself it does under a name of the code."""
    return gettext("the house itself") if name == SYSTEM.name else name


def _field(model: type[Noun] | None, column: str) -> Any:
    return next(
        (
            field
            for field in (model._meta.concrete_fields if model else ())
            if column in (field.attname, field.name)
        ),
        None,
    )


def told_of(model: type[Noun] | None, column: str) -> bool:
    """Whether a reader is told of a column: not of what the code reckons from others, nor of what has no name."""
    field = _field(model, column)
    if field is not None and model is not None and record.PARTS.get(model.kind()) == field.name:
        return False  # a part hangs in the row whose history this is
    return field is None or bool(field.editable and (field._verbose_name is not None or field.related_model))


def label_of(model: type[Noun] | None, column: str) -> str:
    """What a column is called; one that leads to another row without a name of its own is called after that."""
    field = _field(model, column)
    if field is None:
        return column
    leads_to = field.related_model
    if field._verbose_name is None and isinstance(leads_to, type) and issubclass(leads_to, Noun):
        return capfirst(noun_of(leads_to.kind()))
    return capfirst(str(field.verbose_name))


References = dict[tuple[type[Any], Any], str]  # what the rows that columns refer to are called


def _references(changes: Iterable[Change]) -> References:
    """The names of all rows that these changes refer to; one question for each model, however many changes."""
    wanted: dict[type[Any], set[Any]] = {}
    for change in changes:
        model = record.model_of(change.subject_kind)
        for field in model._meta.concrete_fields if model else ():
            entry = change.fields.get(field.attname)
            if entry and isinstance(field.related_model, type):
                wanted.setdefault(field.related_model, set()).update(
                    {entry.get("from"), entry.get("to")} - {None}
                )
    return {
        (model, pk): str(row)
        for model, pks in wanted.items()
        for pk, row in model._base_manager.in_bulk(list(pks)).items()
    }


def shown(model: type[Noun] | None, column: str, value: Any, names: References) -> str:
    """A recorded value as a reader would see it."""
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    for field in model._meta.concrete_fields if model else ():
        if column == field.attname:
            if isinstance(field.related_model, type):
                return names.get((field.related_model, value), f"#{value}")
            if field.choices:
                return str(dict(field.flatchoices).get(value, value))
    return str(value)


# ---------------------------------------------------------------- what waits for somebody


def reports_to_judge(ecosystem_ids: Iterable[int]) -> QuerySet[Report]:
    """Submitted reports of any room that wait for the coordinator, oldest first."""
    return Report.objects.filter(ecosystem_id__in=list(ecosystem_ids), state=ReportState.SUBMITTED).order_by(
        "id"
    )


def returned_reports(ids: Iterable[int], account_id: int) -> QuerySet[Report]:
    """Returned reports of these institutions or this person that nobody has corrected yet."""
    return (
        Report.objects.filter(
            Q(institution_id__in=list(ids)) | Q(by_id=account_id), state=ReportState.RETURNED
        )
        .filter(corrections=None)
        .order_by("-id")
    )


def prepared_decisions(ecosystem_ids: Iterable[int]) -> QuerySet[Decision]:
    """Decisions that wait to be taken."""
    return Decision.objects.filter(
        body__ecosystem__in=list(ecosystem_ids), state=DecisionState.DRAFT
    ).select_related("body__ecosystem")
