"""What is wrong with the long-term projects and their indicators, and how the bills and the plan fit together.

R rules read the portfolio alone. L01 and L02 compare bills (legislation) with measures (plan), which a rule over the
whole ecosystem can do only from above both: this is the first room there. Codes and severities follow
docs/answer-key.md; a place is the code of a project, with the number of the indicator after a stroke, or of a bill.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from talka.core.lint import lint_rule
from talka.core.stems import fold, stem
from talka.core.values import Period
from talka.domains.models import Ecosystem
from talka.portfolio import queries
from talka.portfolio.models import Comparison, Kpi, Project, ProjectKind, ProjectStatus

Findings = Iterator[tuple[Any, str, str, str]]
OVER = "domains.ecosystem"
ALIKE = 0.5  # share of a bill's words from which another name is taken for the same bill

# Words that say that something grows: "palielināsies", "kāpināts", "will grow", "raised" (folded beginnings).
GROWTH = ("paliel", "pieaug", "kapin", "grow", "increas", "raise")


def _projects(ecosystem: Ecosystem) -> list[Project]:
    """The projects read once for all rules; they stay on the ecosystem that is linted."""
    if not hasattr(ecosystem, "projects_read"):
        ecosystem.projects_read = list(queries.whole(queries.projects(ecosystem)))  # type: ignore[attr-defined]
    return ecosystem.projects_read  # type: ignore[attr-defined]


def _kpis(ecosystem: Ecosystem) -> Iterator[tuple[Project, Kpi]]:
    for project in _projects(ecosystem):
        for kpi in project.kpis.all():
            kpi.project = project  # read already; the place and address of the indicator need it
            yield project, kpi


def _when(text: str) -> str:
    return Period.parse(text).words((get_language() or "lv")[:2])


# ---------------------------------------------------------------- projects


@lint_rule("R01", "info", gettext_lazy("Indicators are due after the project's end"), over=OVER)
def due_after_the_end(ecosystem: Ecosystem) -> Findings:
    """A project whose indicators are due after its last day: nobody is there any more to reach or measure them."""
    for project in _projects(ecosystem):
        end = project.finishes
        late = [
            kpi for kpi in project.kpis.all() if end and kpi.due and Period.parse(kpi.due).first > end.last
        ]
        if late:
            yield (
                project,
                project.code,
                ngettext(
                    "The project ends: %(end)s; %(count)d indicator is due later (%(due)s).",
                    "The project ends: %(end)s; %(count)d indicators are due later (%(due)s).",
                    len(late),
                )
                % {
                    "end": _when(project.ends),
                    "count": len(late),
                    "due": _when(max(kpi.due for kpi in late)),
                },
                _("The same date, or who measures after the end."),
            )


@lint_rule("R02", "warning", gettext_lazy("Percentage without the value it starts from"), over=OVER)
def percentage_without_baseline(ecosystem: Ecosystem) -> Findings:
    """An indicator in percent without a baseline: nobody can tell from what."""
    for _project, kpi in _kpis(ecosystem):
        if kpi.unit_lv.strip() == "%" and kpi.goal is not None and kpi.baseline is None:
            yield (
                kpi,
                kpi.place,
                _("“%(title)s” is a percentage and does not say from what value.") % {"title": kpi},
                _("Baseline and year."),
            )


@lint_rule("R03", "warning", gettext_lazy("Funding ends before the project"), over=OVER)
def funding_ends_first(ecosystem: Ecosystem) -> Findings:
    """A source of funding that is no longer available in the last years of the project."""
    for project in _projects(ecosystem):
        end = project.finishes
        for source in project.funding_sources:
            if end is None or not source.ends or Period.parse(source.ends).last >= end.last:
                continue
            years = end.last.year - Period.parse(source.ends).last.year
            yield (
                project,
                project.code,
                ngettext(
                    "%(source)s ends: %(until)s; the project ends: %(end)s. %(count)d year is without this source.",
                    "%(source)s ends: %(until)s; the project ends: %(end)s. %(count)d years are without this source.",
                    years,
                )
                % {"source": source, "until": _when(source.ends), "end": _when(project.ends), "count": years},
                _("The source for each period."),
            )


@lint_rule("R04", "warning", gettext_lazy("Started while the funding is only applied for"), over=OVER)
def started_unfunded(ecosystem: Ecosystem) -> Findings:
    """A project that should have started by now although its funding is not granted yet."""
    today = timezone.localdate()
    for project in _projects(ecosystem):
        start = project.begins
        if project.status != ProjectStatus.APPLIED or start is None or start.first > today:
            continue
        _outright, unless = queries.contingency(str(project.funding))
        found = _("The project starts: %(start)s; its funding is only applied for.") % {
            "start": _when(project.starts)
        }
        yield (
            project,
            project.code,
            f"{found} {unless}".strip(),
            _("A start tied to the grant, and what runs until then."),
        )


@lint_rule("R06", "warning", gettext_lazy("A goal that caps what should grow"), over=OVER)
def growth_with_a_cap(ecosystem: Ecosystem) -> Findings:
    """An indicator of growth whose goal is "up to": growth of nothing would meet it."""
    for _project, kpi in _kpis(ecosystem):
        words = re.findall(r"[^\W\d_]+", fold(f"{kpi.title_lv} {kpi.title_en}"))
        if kpi.comparison == Comparison.AT_MOST and any(word.startswith(GROWTH) for word in words):
            yield (
                kpi,
                kpi.place,
                _("“%(title)s” has the goal “at most %(goal)s %(unit)s”: growth of nothing meets it.")
                % {"title": kpi, "goal": f"{(kpi.goal or Decimal(0)).normalize():f}", "unit": kpi.unit},
                _("“At least”, and from what to what."),
            )


@lint_rule("R07", "warning", gettext_lazy("Result indicator without a date"), over=OVER)
def indicator_without_date(ecosystem: Ecosystem) -> Findings:
    """Indicators without a deadline; where a project gives none of its indicators a date, it is said once."""
    for project in _projects(ecosystem):
        kpis = list(project.kpis.all())
        undated = [kpi for kpi in kpis if not kpi.due]
        if kpis and len(undated) == len(kpis):
            yield (
                project,
                project.code,
                ngettext(
                    "The only result indicator has no date.",
                    "None of the %(count)d result indicators has a date.",
                    len(kpis),
                )
                % {"count": len(kpis)},
                _("A date for each."),
            )
            continue
        for kpi in undated:
            kpi.project = project
            yield (
                kpi,
                kpi.place,
                _("“%(title)s” has no date.") % {"title": kpi},
                _("A date by which it is reached."),
            )


@lint_rule("R08", "info", gettext_lazy("Long-term project without a priority"), over=OVER)
def serves_no_priority(ecosystem: Ecosystem) -> Findings:
    """A long-term project that is linked to no priority of the strategy."""
    for project in _projects(ecosystem):
        if project.kind_of == ProjectKind.LONG_TERM and project.priority is None:
            yield (
                project,
                project.code,
                _("The long-term project is linked to no priority."),
                _("The priority that it serves."),
            )


# ---------------------------------------------------------------- bills and the plan


@lint_rule("L01", "info", gettext_lazy("A bill is called otherwise in the plan"), over=OVER)
def called_otherwise(ecosystem: Ecosystem) -> Findings:
    """A measure that names the bill it carries by another name than the bill's own; endings do not count."""
    for measure in queries.measures_of_bills(ecosystem):
        bill = measure.bill
        if bill is not None and (name := _name_in(measure.title_lv, bill.title_lv)):
            yield (
                bill,
                bill.code,
                _("“%(bill)s” here, “%(name)s” in the plan (%(number)s).")
                % {"bill": bill.title_lv, "name": name, "number": measure.number},
                _("One name."),
            )


def _name_in(title: str, bill: str) -> str:
    """The name by which a measure's title calls a bill, where it is another than the bill's; else empty.

    A name ends in the kind of the act ("likums", in any case) and begins with a capital. One that shares less than half
    of the bill's words may be something else and is left alone.
    """
    wanted = [stem(word) for word in re.findall(r"[^\W_]+", bill)]
    words = re.findall(r"[^\W_]+", title)
    stems = [stem(word) for word in words]
    if not wanted or wanted[-1] not in stems:
        return ""
    end = stems.index(wanted[-1])
    begin = max((place for place in range(end + 1) if words[place][0].isupper()), default=0)
    named = stems[begin : end + 1]
    if named == wanted or len(set(named) & set(wanted)) < ALIKE * len(wanted):
        return ""
    return " ".join(words[begin : end + 1])


@lint_rule("L02", "warning", gettext_lazy("No measure carries the bill"), over=OVER)
def carried_by_no_measure(ecosystem: Ecosystem) -> Findings:
    """A bill on its way that no measure of a plan carries; nothing is said while there is no plan."""
    if not queries.has_plan(ecosystem):
        return
    for bill in queries.bills_without_measure(ecosystem):
        if bill.is_open:
            yield (
                bill,
                bill.code,
                _("No measure of the plan carries “%(title)s”.") % {"title": bill},
                _("A measure, or a reason why none."),
            )
