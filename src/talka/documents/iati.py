"""A plan and its results in the words of the International Aid Transparency Initiative, version 2.03.

The plan is the parent activity and carries the targets of its strategy as outcomes; each measure is a child activity
and carries its own result as an output. What the plan does not say is not invented: a measure without a deadline has
no planned end, funding without an amount makes no budget, an indicator without a number is qualitative. Where the
standard demands something that the plan leaves open (a start, somebody accountable), a narrative beside it says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override
from lxml import etree

from talka.core.bilingual import LANGUAGES, Text, both
from talka.core.models import Report, ReportState
from talka.core.values import Period, Quantity, parse_number
from talka.documents.publisher import (
    OTHER,
    Publisher,
    organisation_reference,
    organisation_type,
    publisher_of,
)
from talka.documents.wording import in_both
from talka.domains import queries as domains
from talka.domains.models import Share
from talka.parties.models import Organisation
from talka.plan import queries as plans
from talka.plan.models import Funding, FundingKind, Measure, MeasureState, Part, Plan, PlanState
from talka.strategy import queries as strategies
from talka.strategy.models import Desired, Priority, TargetKind
from talka.strategy.queries import Standing

VERSION = "2.03"
MEDIA_TYPE = "application/xml"
# The strategies kept here are those of Latvia; a hub of another country changes this line.
COUNTRY = "LV"
CURRENCY = "EUR"

# Codes of the standard's own lists.
FUNDING, ACCOUNTABLE, IMPLEMENTING = "1", "2", "4"  # OrganisationRole
PLANNED_START, PLANNED_END, ACTUAL_END = "1", "3", "4"  # ActivityDateType
GENERAL, OBJECTIVES = "1", "2"  # DescriptionType
PARENT, CHILD = "1", "2"  # RelatedActivityType
OUTPUT, OUTCOME = "1", "2"  # ResultType
UNIT, PERCENTAGE, QUALITATIVE = "1", "2", "5"  # IndicatorMeasure
ORIGINAL, INDICATIVE = "1", "1"  # BudgetType, BudgetStatus
NATIONAL = "4"  # ActivityScope
OWN = "99"  # a vocabulary of the publisher's own
WEB_PAGE = "A12"  # DocumentCategory
STATUS = {
    MeasureState.PLANNED: "1",
    MeasureState.UNDER_WAY: "2",
    MeasureState.DONE: "4",
    MeasureState.DROPPED: "5",
    PlanState.DRAFT: "1",
    PlanState.ADOPTED: "2",
    PlanState.CLOSED: "4",
    PlanState.SUPERSEDED: "5",
}
FUNDER_TYPES = {FundingKind.NATIONAL: "10", FundingKind.EU: "40"}


# What the standard wants to hear where the plan is silent.
NO_START = gettext_lazy("The plan states no start; this is the beginning of its year or of the deadline.")
REPORTED = gettext_lazy("What was reported on the measure")
UNIT_IS = gettext_lazy("Unit: %(unit)s.")
NOTHING = Text()


def export(plan: Plan, *, address: str, at: datetime) -> bytes:
    """The plan as one `iati-activities` document. `address` is the hub's, as "https://talka.example.lv".

    Asks a fixed number of questions of the database, however many measures there are.
    """
    return _bytes(_Writer(plan, address, at).document())


class _Writer:
    """One export: what it has read, and the elements in the order that the schema demands."""

    def __init__(self, plan: Plan, address: str, at: datetime) -> None:
        self.plan, self.address, self.at = plan, address.rstrip("/"), at
        self.year = Period.year(plan.year)
        self.publisher: Publisher = publisher_of(plan.ecosystem)
        self.measures = list(plans.measures(plan).select_related("section__priority"))
        self.reports = _accepted(plan, self.measures)
        self.tree = strategies.tree(plan.strategy)
        self.shares = domains.shares_of(
            Priority.kind(), {m.section.priority_id for m in self.measures if m.section.priority_id}
        )

    def document(self) -> etree._Element:
        root = etree.Element("iati-activities", version=VERSION)
        root.set("generated-datetime", self.at.isoformat(timespec="seconds"))
        self._plan(root)
        for measure in self.measures:
            self._measure(root, measure)
        return root

    # -- the two kinds of activity

    def _plan(self, root: etree._Element) -> None:
        plan = self.plan
        activity = self._activity(root, self._identifier(), level=1)
        self._reporting_org(activity, involved=True)
        _text(activity, "title", both(plan, "title"))
        mission = both(plan.strategy, "mission")
        _text(activity, "description", mission if mission.lv else both(plan, "title"), type=GENERAL)
        self._participant(activity, ACCOUNTABLE, self.publisher.organisation, self.publisher.name)
        _element(activity, "activity-status", code=STATUS[PlanState(plan.state)])
        self._date(activity, PLANNED_START, self.year.first)
        self._date(activity, PLANNED_END, self.year.last)
        self._where(activity)
        self._sectors(activity, ())
        self._page(activity, plan.get_absolute_url, both(plan, "title"))
        for measure in self.measures:
            _element(activity, "related-activity", ref=self._identifier(measure.number), type=CHILD)
        for standing in self.tree.standings:
            self._outcome(activity, standing)

    def _measure(self, root: etree._Element, measure: Measure) -> None:
        activity = self._activity(root, self._identifier(measure.number), level=2)
        responsible = plans.parties(measure, Part.RESPONSIBLE)
        involved = plans.parties(measure, Part.INVOLVED)
        mine = self.publisher.organisation
        self._reporting_org(activity, involved=mine is not None and mine in responsible)
        _text(activity, "title", both(measure, "title"))
        section = measure.section
        direction, heading = both(section, "direction_title"), both(section, "title")
        place = Text(*(f"{direction.within(lang)}: {heading.within(lang)}" for lang in LANGUAGES))
        _text(activity, "description", place, type=GENERAL)
        results = [both(each, "text") for each in measure.result_rows]
        if results:
            _text(activity, "description", _joined(results), type=OBJECTIVES)
        for funding in measure.funding_rows:
            self._funder(activity, funding)
        for organisation in responsible:
            self._participant(activity, ACCOUNTABLE, organisation, both(organisation, "name"))
        if not responsible:
            # The standard wants somebody; the plan names nobody, so it is whoever keeps the plan.
            self._participant(activity, ACCOUNTABLE, mine, self.publisher.name)
        for organisation in involved:
            self._participant(activity, IMPLEMENTING, organisation, both(organisation, "name"))
        _element(activity, "activity-status", code=STATUS[MeasureState(measure.state)])
        start, end = self._dates(activity, measure)
        self._where(activity)
        priority = section.priority
        self._sectors(activity, self.shares.get(priority.pk, []) if priority else ())
        if priority:
            self._own(activity, "tag", priority.code, both(priority, "title"))
        for funding in measure.funding_rows:
            self._budget(activity, funding)
        self._page(activity, measure.get_absolute_url, both(measure, "title"))
        _element(activity, "related-activity", ref=self._identifier(), type=PARENT)
        self._output(activity, measure, results, Period(min(start, end), max(start, end)))

    # -- parts

    def _identifier(self, number: str = "") -> str:
        """The same for every version of a year's plan, as the standard demands: numbers name measures across them."""
        # An ecosystem that publishes in its own name already stands in the reference.
        ecosystem = self.plan.ecosystem.code if self.publisher.organisation else ""
        parts = (
            self.publisher.reference,
            ecosystem,
            f"plan-{self.plan.year}",
            re.sub(r"[/&|?]", "-", number),
        )
        return "-".join(filter(None, parts))

    def _activity(self, root: etree._Element, identifier: str, *, level: int) -> etree._Element:
        activity = _element(root, "iati-activity", hierarchy=str(level))
        activity.set("default-currency", CURRENCY)
        activity.set(_LANG, "lv")
        _element(activity, "iati-identifier").text = identifier
        return activity

    def _reporting_org(self, activity: etree._Element, *, involved: bool) -> None:
        """Whoever publishes a measure of others is a secondary reporter of it."""
        node = _element(
            activity,
            "reporting-org",
            ref=self.publisher.reference,
            type=organisation_type(self.publisher.organisation),
        )
        node.set("secondary-reporter", "0" if involved else "1")
        _narratives(node, self.publisher.name)

    def _participant(
        self, activity: etree._Element, role: str, organisation: Organisation | None, name: Text
    ) -> None:
        node = _element(activity, "participating-org", role=role, type=organisation_type(organisation))
        reference = organisation_reference(organisation) if organisation else self.publisher.reference
        if reference:
            node.set("ref", reference)
        _narratives(node, name)

    def _funder(self, activity: etree._Element, funding: Funding) -> None:
        source = funding.funding_source
        node = _element(activity, "participating-org", role=FUNDING)
        if source is None:
            node.set("type", OTHER)
            _narratives(node, Text(funding.text))
            return
        node.set("type", FUNDER_TYPES.get(FundingKind(source.kind_of), OTHER))
        _narratives(node, both(source, "title"))

    def _dates(self, activity: etree._Element, measure: Measure) -> tuple[date, date]:
        """Writes the dates and returns the span in which results are expected. Periods stay what they are: a year's

        last day is the planned end, and the narrative says that a year was meant.
        """
        due = Period.parse(measure.deadline) if measure.deadline else None
        begin = Period.parse(measure.starts) if measure.starts else None
        if begin is not None:
            start, why = begin.first, _words(begin)
        else:
            start = min(self.year.first, due.first) if due else self.year.first
            why = in_both(NO_START)
        self._date(activity, PLANNED_START, start, why)
        if due is not None:
            self._date(activity, PLANNED_END, due.last, _words(due))
        if measure.done_on is not None:
            self._date(activity, ACTUAL_END, measure.done_on)
        return start, due.last if due else self.year.last

    def _date(self, activity: etree._Element, kind: str, day: date, why: Text = NOTHING) -> None:
        node = _element(activity, "activity-date", type=kind)
        node.set("iso-date", day.isoformat())
        _narratives(node, why)

    def _where(self, activity: etree._Element) -> None:
        _element(activity, "activity-scope", code=NATIONAL)
        _element(activity, "recipient-country", code=COUNTRY, percentage="100")

    def _sectors(self, activity: etree._Element, shares: Sequence[Share]) -> None:
        """The domains and missions it serves, in percent that sum to 100; whole to its own domain without shares."""
        whole = self.plan.ecosystem.domain
        for thing, weight in [(s.domain or s.mission, s.weight) for s in shares] or [(whole, Decimal(1))]:
            assert thing is not None  # a constraint of the database
            code = thing.code if thing.kind() == whole.kind() else f"mission-{thing.code}"
            node = self._own(activity, "sector", code, both(thing, "title"))
            node.set("percentage", f"{(weight * 100).normalize():f}")

    def _own(self, activity: etree._Element, tag: str, code: str, name: Text) -> etree._Element:
        """A code of a list of our own, which is explained on the page of open data."""
        node = _element(activity, tag, vocabulary=OWN, code=code)
        node.set("vocabulary-uri", f"{self.address}/en/{self.plan.ecosystem.code}/data/")
        _narratives(node, name)
        return node

    def _budget(self, activity: etree._Element, funding: Funding) -> None:
        """An amount that the plan states, for the plan's year: budgets of the standard never exceed one."""
        if funding.amount is None:
            return
        node = _element(activity, "budget", type=ORIGINAL, status=INDICATIVE)
        _span(node, self.year)
        value = _element(node, "value", currency=funding.currency)
        value.set("value-date", self.year.first.isoformat())
        value.text = f"{funding.amount:f}"

    def _page(self, activity: etree._Element, url: Any, title: Text) -> None:
        """The web page of the activity, in each language."""
        for language in LANGUAGES:
            with override(language):
                node = _element(activity, "document-link", url=self.address + url(), format="text/html")
            _text(node, "title", title)
            _element(node, "category", code=WEB_PAGE)
            _element(node, "language", code=language)

    # -- results

    def _output(
        self, activity: etree._Element, measure: Measure, results: Sequence[Text], span: Period
    ) -> None:
        """What the measure brings about. The plan sets results and indicators side by side without saying which belongs

        to which, so they make one result. What was reported belongs to the indicator if there is but one.
        """
        indicators = list(measure.indicator_rows)
        reports = self.reports.get(measure.number, [])
        if not indicators and not reports:
            return
        result = _element(activity, "result", type=OUTPUT)
        result.set("aggregation-status", "0")
        _text(result, "title", _joined(results) if results else both(measure, "title"))
        for each in indicators:
            promised, title = parse_number(each.text_lv), both(each, "text")
            node = _indicator(result, _measure_of(promised), title, ascending=_ascends(promised))
            aim = (promised.value if promised else None, title)
            _periods(node, {span: aim}, reports if len(indicators) == 1 else [])
        if reports and len(indicators) != 1:
            node = _indicator(result, QUALITATIVE, in_both(REPORTED))
            _periods(node, {}, reports)

    def _outcome(self, activity: etree._Element, standing: Standing) -> None:
        """A target of the strategy with its baseline, its goal, and every value known of it."""
        target, strategy = standing.target, self.plan.strategy
        numeric = target.kind_of == TargetKind.QUANTITY
        unit = both(target, "unit")
        result = _element(activity, "result", type=OUTCOME)
        result.set("aggregation-status", "0")
        _text(result, "title", both(target.priority, "title") if target.priority else both(strategy, "title"))
        measure = QUALITATIVE if not numeric else PERCENTAGE if unit.lv.strip() == "%" else UNIT
        node = _indicator(
            result,
            measure,
            both(target, "title"),
            ascending=target.desired != Desired.DECREASE,
            description=_one_after_other(
                in_both(UNIT_IS, unit=unit) if unit.lv else NOTHING, both(target, "note")
            ),
        )
        since = strategies.deadline(target.baseline_period)
        if numeric and target.baseline is not None and since is not None:
            baseline = _element(node, "baseline", year=str(since.due.year), value=_number(target.baseline))
            baseline.set("iso-date", since.due.isoformat())
        due = standing.due.due if standing.due else date(strategy.ends, 12, 31)
        begin = min(date(strategy.starts, 1, 1), date(due.year, 1, 1))
        aims = {Period(begin, due): (target.goal if numeric else None, both(target, "title"))}
        told = [
            _Told(Period(date(point.as_of.year, 1, 1), point.as_of), point.value, Text(), "")
            for point in standing.course.points
        ]
        _periods(node, aims, told)


# ---------------------------------------------------------------- reports


@dataclass(frozen=True)
class _Told:
    """A value or words for a period, and who said so."""

    period: Period
    value: Decimal | None
    words: Text
    institution: str


def _accepted(plan: Plan, measures: Sequence[Measure]) -> dict[str, list[_Told]]:
    """What was accepted on measures of any version of the year's plan, by the measure's number, in two questions."""
    numbers = dict(
        Measure.objects.filter(plan__ecosystem_id=plan.ecosystem_id, plan__year=plan.year).values_list(
            "pk", "number"
        )
    )
    found: dict[str, list[_Told]] = {measure.number: [] for measure in measures}
    reports = (
        Report.objects.filter(
            ecosystem_id=plan.ecosystem_id, about_kind=Measure.kind(), state=ReportState.ACCEPTED
        )
        .exclude(corrections__state=ReportState.ACCEPTED)
        .filter(
            about_id__in=Measure.objects.filter(
                plan__ecosystem_id=plan.ecosystem_id, plan__year=plan.year
            ).values("pk")
        )
        .order_by("as_of", "id")
    )
    for report in reports:
        if (number := numbers.get(report.about_id)) in found:
            found[number].append(
                _Told(Period.parse(report.period), report.value, Text(report.text), report.institution_name)
            )
    return found


def _measure_of(promised: Quantity | None) -> str:
    if promised is None:
        return QUALITATIVE
    return PERCENTAGE if promised.unit_hint == "%" else UNIT


def _ascends(promised: Quantity | None) -> bool:
    return promised is None or promised.comparison not in ("at_most", "less_than")


def _indicator(
    result: etree._Element, measure: str, title: Text, *, ascending: bool = True, description: Text = NOTHING
) -> etree._Element:
    node = _element(result, "indicator", measure=measure, ascending="1" if ascending else "0")
    node.set("aggregation-status", "0")
    _text(node, "title", title)
    if any(description):
        _text(node, "description", description)
    return node


def _periods(
    indicator: etree._Element, aims: Mapping[Period, tuple[Decimal | None, Text]], told: Iterable[_Told]
) -> None:
    """One `period` for each stretch of time: what was aimed at, and what was told of it. Values only where counted."""
    counted = indicator.get("measure") != QUALITATIVE
    spoken: dict[Period, list[_Told]] = {period: [] for period in aims}
    for each in told:
        spoken.setdefault(each.period, []).append(each)
    for period, told_of_it in spoken.items():
        node = _element(indicator, "period")
        _span(node, period)
        if period in aims:
            value, words = aims[period]
            target = _element(node, "target")
            if counted and value is not None:
                target.set("value", _number(value))
            _text(target, "comment", words)
        for each in told_of_it:
            actual = _element(node, "actual")
            words = each.words
            if each.value is not None and counted:
                actual.set("value", _number(each.value))
            elif each.value is not None:
                words = _one_after_other(Text(f"{_number(each.value)}."), words)
            if each.institution:
                _element(actual, "dimension", name="institution", value=_clean(each.institution))
            if any(words):
                _text(actual, "comment", words)


# ---------------------------------------------------------------- elements

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
# What XML 1.0 cannot hold at all.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _clean(text: str) -> str:
    return _ILLEGAL.sub("", text).strip()


def _element(parent: etree._Element, tag: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, tag, {name: _clean(value) for name, value in attributes.items()})


def _text(parent: etree._Element, tag: str, text: Text, **attributes: str) -> etree._Element:
    node = _element(parent, tag, **attributes)
    _narratives(node, text, required=True)
    return node


def _narratives(parent: etree._Element, text: Text, *, required: bool = False) -> None:
    """A narrative for each language in which there is a text. A text of spaces, where one is required, is a dash."""
    for language, words in zip(LANGUAGES, text, strict=True):
        if _clean(words):
            node = _element(parent, "narrative")
            node.set(_LANG, language)
            node.text = _clean(words)
    if required and len(parent.findall("narrative")) == 0:
        _element(parent, "narrative").text = "–"


def _span(parent: etree._Element, period: Period) -> None:
    _element(parent, "period-start").set("iso-date", period.first.isoformat())
    _element(parent, "period-end").set("iso-date", period.last.isoformat())


def _number(value: Decimal) -> str:
    return f"{Decimal(value).normalize():f}"


def _joined(texts: Sequence[Text]) -> Text:
    """Several texts as one. English only where all have it: half a sentence would pass for the whole."""
    english = "; ".join(text.en for text in texts) if all(text.en for text in texts) else ""
    return Text("; ".join(text.lv for text in texts), english)


def _words(period: Period) -> Text:
    return Text(period.words("lv"), period.words("en"))


def _one_after_other(first: Text, second: Text) -> Text:
    """Two texts in one; each is taken as it reads in the language, where there is anything in it at all."""
    english = f"{first.within('en')} {second.within('en')}".strip() if first.en or second.en else ""
    return Text(f"{first.lv} {second.lv}".strip(), english)


def _bytes(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True)


# ---------------------------------------------------------------- checking


@dataclass(frozen=True)
class Fault:
    """Something in a document that the schema does not allow, and on which line."""

    line: int
    message: str


SCHEMAS = {
    "iati-activities": "iati-activities-schema.xsd",
    "iati-organisations": "iati-organisations-schema.xsd",
}


def validate(xml: bytes, schemas: Path) -> list[Fault]:
    """What is wrong with an IATI document by the official schemas in a folder; empty if it is valid.

    Fetches nothing, expands nothing: a document with a DOCTYPE is refused, as no IATI document needs one.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        document = etree.fromstring(xml, parser).getroottree()
    except etree.XMLSyntaxError as error:
        return list(_faults(parser.error_log)) or [Fault(error.lineno or 1, str(error.msg))]
    if document.docinfo.internalDTD is not None:
        return [Fault(1, _("a DOCTYPE is not allowed here: it could bring in other files"))]
    root = document.getroot()
    if root.tag not in SCHEMAS:
        told = {"tag": str(root.tag)[:80], "roots": ", ".join(SCHEMAS)}
        return [Fault(1, _("“%(tag)s” is no IATI document: its root is one of %(roots)s") % told)]
    official = etree.parse(
        schemas / SCHEMAS[str(root.tag)], etree.XMLParser(no_network=True, resolve_entities=False)
    )
    schema = etree.XMLSchema(official)
    schema.validate(document)
    return list(_faults(schema.error_log))


def _faults(log: Any) -> Iterator[Fault]:
    for entry in log:
        yield Fault(entry.line, entry.message)
