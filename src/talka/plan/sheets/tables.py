"""Sources of funding, plans, sections and measures with every column, as tables in and out."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from talka.core.sheets import Choice, Column, Preview, Ref, Sheet, When, Whole, bilingual
from talka.legislation.models import Bill
from talka.plan import actions, queries
from talka.plan.models import FundingKind, FundingSource, Measure, Part, Plan, Section
from talka.plan.sheets.cells import Due, FundingRows, Line, Parties, Printed, Texts, Written
from talka.strategy.models import Priority

SOURCE = Column("source", _("Source"), max_length=500)


class FundingSources(Sheet):
    code, label, model = "plan.funding_sources", _("Sources of funding"), FundingSource
    columns = (
        Column("code", _("Code"), required=True, max_length=60),
        Column("acronym", _("Acronym"), max_length=60),
        *bilingual("title", _("Title"), required=True, max_length=300),
        Choice("kind_of", _("Kind"), required=True, choices=FundingKind),
        When("starts", _("Available from")),
        When("ends", _("Available until")),
        SOURCE,
    )

    def rows(self, parent: Any) -> Any:
        return FundingSource.objects.order_by("id")

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> FundingSource:
        return actions.add_funding_source(parent, by=by, **values)

    def change(self, row: FundingSource, values: dict[str, Any], *, by: Any) -> FundingSource:
        return actions.edit_funding_source(row, by=by, **values)


class Plans(Sheet):
    """One plan a year: the version in force, else the newest."""

    code, label, model = "plan.plans", _("Action plans"), Plan
    key, over = ("year",), "domains.ecosystem"
    columns = (
        Whole("year", _("Year"), required=True),
        *bilingual("title", _("Title"), max_length=500),
        SOURCE,
    )

    def rows(self, parent: Any) -> Any:
        years = {plan.year: plan for plan in queries.plans(parent).order_by("year", "number")}
        years |= {plan.year: plan for plan in queries.plans(parent).filter(state__in=queries.IN_FORCE)}
        return [years[year] for year in sorted(years)]

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> Plan:
        return actions.add_plan(parent, by=by, **values)

    def change(self, row: Plan, values: dict[str, Any], *, by: Any) -> Plan:
        return actions.edit_plan(row, by=by, **values)


def priorities_of(plan: Plan) -> dict[str, Priority]:
    """The priorities of the strategy that a plan is derived from, by code."""
    return {priority.code: priority for priority in queries.priorities(plan.strategy)}


class Sections(Sheet):
    code, label, model = "plan.sections", _("Sections of the plan"), Section
    key, over = ("number",), "plan.plan"
    columns = (
        Column("number", _("No."), required=True, max_length=12),
        Column("direction_number", _("No. of the direction"), required=True, max_length=12),
        *bilingual("direction_title", _("Direction"), Line, required=True, max_length=300),
        *bilingual("title", _("Priority"), Line, required=True, max_length=2000),
        Ref("priority", _("Priority of the strategy"), among=priorities_of),
        SOURCE,
    )

    def rows(self, parent: Any) -> Any:
        return queries.sections(parent)

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> Section:
        return actions.add_section(parent, by=by, **values)

    def change(self, row: Section, values: dict[str, Any], *, by: Any) -> Section:
        return actions.edit_section(row, by=by, **values)


def sections_of(plan: Plan) -> dict[str, Section]:
    """The sections of a plan, by number."""
    return {section.number: section for section in queries.sections(plan)}


def bills_of(plan: Plan) -> dict[str, Bill]:
    """The bills of a plan's ecosystem, by code."""
    return {bill.code: bill for bill in Bill.objects.filter(ecosystem=plan.ecosystem_id)}


class Measures(Sheet):
    code, label, model = "plan.measures", _("Measures"), Measure
    key, over = ("number",), "plan.plan"
    columns = (
        Column("number", _("No."), required=True, max_length=16),
        Printed(
            "number_as_written", _("No., as printed"), printed=lambda row: row.printed_number, max_length=20
        ),
        Ref("section", _("Section"), required=True, among=sections_of, attribute="number"),
        *bilingual("title", _("Measure"), Line, required=True, max_length=5000),
        Texts(
            "results_lv", _("Result (in Latvian)"), relation="result_rows", column="text_lv", max_length=5000
        ),
        Texts(
            "results_en", _("Result (in English)"), relation="result_rows", column="text_en", max_length=5000
        ),
        Texts(
            "indicators_lv",
            _("Result indicator (in Latvian)"),
            relation="indicator_rows",
            column="text_lv",
            max_length=5000,
        ),
        Texts(
            "indicators_en",
            _("Result indicator (in English)"),
            relation="indicator_rows",
            column="text_en",
            max_length=5000,
        ),
        Parties("responsible", _("Responsible institution"), part=Part.RESPONSIBLE),
        Printed(
            "responsible_as_written",
            _("Responsible institution, as printed"),
            printed=lambda row: queries.printed_parties(row, Part.RESPONSIBLE),
            max_length=5000,
        ),
        Parties("involved", _("Involved institutions"), part=Part.INVOLVED),
        Printed(
            "involved_as_written",
            _("Involved institutions, as printed"),
            printed=lambda row: queries.printed_parties(row, Part.INVOLVED),
            max_length=5000,
        ),
        Due("starts", _("Start")),
        Due("deadline", _("Deadline")),
        FundingRows("funding", _("Indicative funding source")),
        Printed(
            "funding_as_written",
            _("Indicative funding source, as printed"),
            printed=queries.printed_funding,
            max_length=5000,
        ),
        Ref("bill", _("Bill"), among=bills_of),
        SOURCE,
    )

    def rows(self, parent: Any) -> Any:
        return queries.measures(parent)

    def add(self, parent: Any, values: dict[str, Any], *, by: Any) -> Measure:
        return actions.put_measures(parent, by=by, rows=[_row(values)])[0]

    def change(self, row: Measure, values: dict[str, Any], *, by: Any) -> Measure:
        return actions.put_measures(row.plan, by=by, rows=[_row(values)])[0]

    def carry_out(self, preview: Preview, *, by: Any) -> list[Any]:
        """All of them by one verb: a plan may have thousands."""
        rows = [_row(item.values) for item in preview.changes]
        return actions.put_measures(preview.parent, by=by, rows=rows) if rows else []


def _row(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a sheet as the verb takes them."""
    row = {key: value for key, value in values.items() if not key.endswith("_as_written")}
    written = {
        key.removesuffix("_as_written"): text for key, text in values.items() if key.endswith("_as_written")
    }
    for key in (Part.RESPONSIBLE.value, Part.INVOLVED.value):
        if isinstance(row.get(key), Written):
            row[key] = row[key].items
    return {**row, "written": {key: text for key, text in written.items() if text}}
