"""The plan of a year: how far it is, its rows, its course; versions compared; how it is founded, adopted, closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy
from django.views.decorators.http import require_POST

from talka.core import lint
from talka.core.actions import Invalid
from talka.core.formats import FORMATS
from talka.core.http import asker
from talka.core.kept import kept
from talka.core.values import Period
from talka.domains import queries as domains
from talka.domains.models import Ecosystem
from talka.governance import rules as council
from talka.plan import actions, forms, queries, rules
from talka.plan.models import Measure, MeasureState, Plan, PlanState, Section
from talka.plan.pages.common import (
    COLUMNS,
    PAGE,
    address,
    among,
    chosen,
    form_page,
    language,
    must_be_open,
    need,
    plan_badge,
    shown,
    state_words,
    trail,
)
from talka.ui import charts
from talka.ui.parts.boxes import badge

ICONS = {
    "docx": "file-type-docx",
    "xlsx": "file-type-xls",
    "csv": "table",
    "pdf": "file-type-pdf",
    "json": "database",
}
PROGRAMS = {"docx": "Word (DOCX)", "xlsx": "Excel (XLSX)"}  # by these names people know them
VIEWS = ("table", "timeline")


def current(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Leads to the plan of this year, else the newest in force; says how the first one begins where there is none."""
    eco = domains.enter(request, ecosystem)
    found = queries.current_plan(eco, asker(request))
    if found is None:
        year = timezone.localdate().year
        context = {"title": _("Action plan"), "may_edit": rules.may_edit(asker(request), eco), "year": year}
        return render(request, "plan/none.html", context)
    query = request.GET.urlencode()
    return redirect(found.get_absolute_url() + (f"?{query}" if query and found.in_force else ""))


# ---------------------------------------------------------------- a plan


def plan(request: HttpRequest, ecosystem: str, year: int) -> HttpResponse:
    """A year's plan: how far it has come, its measures in the eight columns or over time, what to put right."""
    eco = domains.enter(request, ecosystem)
    by, today = asker(request), timezone.localdate()
    known = list(queries.visible_plans(eco, by))
    it = among(known, request, year)
    it.strategy.ecosystem = it.ecosystem  # its address is printed below
    view = request.GET.get("view", "")
    view = view if view in VIEWS else "table"
    sections = list(it.sections.all())
    tally = queries.tally(it, today)
    narrowing = forms.FilterForm(request.GET, institutions=queries.institutions_in(it), sections=sections)
    rows = queries.narrowed(queries.in_order(it), **narrowing.wanted(), today=today)
    pages = Paginator(rows, PAGE)
    if not narrowing.narrows:
        pages.count = tally.total  # counted already
    page = pages.get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "title": _("Action plan for %(year)s") % {"year": it.year},
        "kicker": it.ecosystem.short or it.ecosystem.title,
        "plan": it,
        "year_text": str(it.year),
        "version_text": str(it.number),
        "plan_badge": plan_badge(it),
        "tally": tally,
        "figure": _("%(done)d of %(total)d") % {"done": tally.done, "total": tally.counted},
        "sentence": sentence(tally),
        "tiles": _tiles(it, tally),
        "view": view,
        "tabs": _tabs(request, view),
        "filter": narrowing,
        "narrowed": narrowing.narrows,
        "page_obj": page,
        "found": findings(it) if it.open else [],  # a closed plan stays as it was
        "versions": [(each, plan_badge(each), each.pk == it.pk) for each in known],
        "exports": [(PROGRAMS.get(kind, kind.upper()), ICONS[kind], _export(it, kind)) for kind in FORMATS],
        "links": {name: address(url, it) for name, url in _LINKS.items()},
        **_rights(by, it, today, known),
    }
    if view == "timeline":
        context["chart"] = timeline(it, page.object_list, sections, today)
    else:
        context["groups"] = groups(queries.to_print(page.object_list), sections, today)
        # Headings without measures would be missed in the form; they stand below the last row.
        last = page.number == page.paginator.num_pages and not narrowing.narrows
        context["empty_sections"] = _without_measures(it, sections) if last and tally.total < PAGE else []
    return render(request, "plan/plan.html", context)


_LINKS = {
    "edit": "plan-edit",
    "adopt": "plan-adopt",
    "close": "plan-close",
    "new_version": "plan-new-version",
    "roll_over": "plan-roll-over",
    "import": "plan-import",
    "compare": "plan-compare",
    "add_measure": "measure-new",
    "add_section": "section-new",
}


def _export(it: Plan, kind: str) -> str:
    return address("plan-export", it, kind)


def _rights(by: Any, it: Plan, today: date, known: Sequence[Plan]) -> dict[str, bool]:
    may_edit = rules.may_edit(by, it)
    return {
        "may_edit": may_edit,
        "may_change": may_edit and it.open,
        "may_adopt": it.state == PlanState.DRAFT and rules.may_adopt(by, it),
        "may_version": may_edit
        and it.state == PlanState.ADOPTED
        and not any(each.year == it.year and each.state == PlanState.DRAFT for each in known),
        "may_carry": may_edit and it.in_force,
        "may_close": it.state == PlanState.ADOPTED
        and today > Period.year(it.year).last
        and rules.may_coordinate(by, it),
    }


def sentence(tally: queries.Tally) -> str:
    """How far a plan has come, in one sentence."""
    if not tally.total:
        return _("This plan has no measures yet.")
    said = ngettext(
        "%(done)d of %(total)d measures is done.", "%(done)d of %(total)d measures are done.", tally.done
    ) % {"done": tally.done, "total": tally.counted}
    if tally.dropped:
        said += " " + ngettext(
            "%(n)d was dropped and does not count.", "%(n)d were dropped and do not count.", tally.dropped
        ) % {"n": tally.dropped}
    return said


def _tiles(it: Plan, tally: queries.Tally) -> list[tuple[Any, int, str]]:
    """How many measures stand where; each number leads to its rows."""
    counted = [
        (pgettext_lazy("tally", "Late"), "late", tally.late),
        (pgettext_lazy("tally", "Planned"), MeasureState.PLANNED, tally.planned),
        (pgettext_lazy("tally", "Under way"), MeasureState.UNDER_WAY, tally.under_way),
        (pgettext_lazy("tally", "Done"), MeasureState.DONE, tally.done),
    ]
    if tally.dropped:
        counted.append((pgettext_lazy("tally", "Dropped"), MeasureState.DROPPED, tally.dropped))
    url = it.get_absolute_url()
    joint = "&" if "?" in url else "?"
    return [(label, number, f"{url}{joint}state={state}#measures") for label, state, number in counted]


def _tabs(request: HttpRequest, view: str) -> list[dict[str, Any]]:
    labels = {"table": _("Table"), "timeline": _("Timeline")}
    tabs = []
    for name in VIEWS:
        query = request.GET.copy()
        query["view"] = name
        tabs.append({"label": labels[name], "url": f"?{query.urlencode()}#measures", "active": name == view})
    return tabs


def findings(it: Plan) -> list[tuple[str, str, Any, int]]:
    """Code, severity, label and number of what the linter finds, worst first; reckoned anew once something happened."""
    counted: dict[tuple[str, str], int] = kept(
        f"plan.findings:{it.pk}",
        it.ecosystem_id,
        lambda: dict(Counter((each.code, each.severity) for each in lint.run(Plan.kind(), it))),
    )
    labels = {(rule.code, rule.severity): rule.label for rule in lint.RULES.values()}
    worst_first = sorted(counted, key=lambda place: (lint.SEVERITIES.index(place[1]), place[0]))
    return [
        (code, severity, labels[code, severity], counted[code, severity]) for code, severity in worst_first
    ]


def groups(
    rows: Iterable[Measure], sections: Iterable[Section], today: date
) -> list[tuple[Section, SafeString]]:
    """The rows of the table under the headings of their sections, as HTML.

    Put together here and not in the template: fifty rows of eight columns are most of what the page costs.
    """
    headings = {section.pk: section for section in sections}
    pattern = _row_pattern()
    nothing = format_html('<span class="t-muted">{}</span>', _("not found yet"))
    badges: dict[tuple[str, bool], SafeString] = {}
    found: list[tuple[Section, list[str]]] = []
    for measure in rows:
        section = headings[measure.section_id]
        if not found or found[-1][0] is not section:
            found.append((section, []))
        state = measure.state, measure.is_late(today)
        if state not in badges:
            badges[state] = badge(*state_words(measure, today))
        cells = {
            key: escape(text).replace("\n", "<br>") for key, text in queries.shown_cells(measure).items()
        }
        cells |= {"number": escape(measure.number), "funding": cells["funding"] or nothing}
        found[-1][1].append(pattern.format(url=measure.get_absolute_url(), state=badges[state], **cells))
    return [(section, mark_safe("".join(lines))) for section, lines in found]


def _row_pattern() -> str:
    """A row of the table with its places still open; on a phone each cell says which column it is of."""
    cell = '<td data-label="{label}">{{{key}}}</td>'
    title = '<th scope="row" class="main"><a href="{url}">{title}</a>{state}</th>'
    cells = [
        title if key == "title" else cell.format(label=_braced(str(COLUMNS[key])), key=key)
        for key in (
            "number",
            "title",
            "result",
            "indicator",
            "responsible",
            "involved",
            "deadline",
            "funding",
        )
    ]
    return "<tr>" + "".join(cells) + "</tr>"


def _braced(label: str) -> str:
    return escape(label).replace("{", "{{").replace("}", "}}")


def _without_measures(it: Plan, sections: Iterable[Section]) -> list[Section]:
    used = set(it.measures.order_by().values_list("section_id", flat=True).distinct())
    return [section for section in sections if section.pk not in used]


def timeline(
    it: Plan, rows: Iterable[Measure], sections: Iterable[Section], today: date
) -> charts.Figure | None:
    """Measures over time, under the headings of their sections; None where there are none."""
    headings = {section.pk: section for section in sections}
    spans: list[charts.Span] = []
    year = Period.year(it.year)
    first, last = year.first, year.last
    heading = 0
    for measure in rows:
        if measure.section_id != heading:
            heading = measure.section_id
            spans.append(charts.Span(str(headings[heading])))
        words, tone = state_words(measure, today)
        starts = Period.parse(measure.starts).first if measure.starts else None
        due = Period.parse(measure.deadline) if measure.deadline else None
        first = min([first, *([starts] if starts else []), *([due.first] if due else [])])
        last = max([last, *([due.last] if due else [])])
        spans.append(
            charts.Span(
                str(measure),
                start=starts,
                due=due,
                due_text="" if due else _("no deadline"),
                url=measure.get_absolute_url(),
                tone=tone,
                state=words,
                late=measure.is_late(today),
            )
        )
    if not spans:
        return None
    title = _("The plan for %(year)s over time") % {"year": it.year}
    return charts.gantt(spans, first, last, today, title=title, lang=language(), show_title=False)


# ---------------------------------------------------------------- versions and years, compared


def compare(request: HttpRequest, ecosystem: str, year: int) -> HttpResponse:
    """What one version of a plan says otherwise than another one, or than the plan of another year."""
    eco = domains.enter(request, ecosystem)
    known = list(queries.visible_plans(eco, asker(request)))
    # Looked for among those that are known: ?to= may name any of them, the address only says the year.
    after = _picked(request.GET.get("to", ""), known) or shown(request, eco, year)
    before = _picked(request.GET.get("from", ""), known) or _earlier(after, known)
    if before is None and len(known) > 1:
        # The oldest plan is the one before of the next.
        before, after = after, min((each for each in known if each.pk != after.pk), key=_in_time)
    context: dict[str, Any] = {
        "title": _("What changed in the plan"),
        "breadcrumbs": trail(after, (_("Compare"), "")),
        "choices": [(_key(each), called(each)) for each in known],
        "plan": after,
        "to_key": _key(after),
    }
    if before is not None:
        found = queries.compare(before, after)
        context |= {
            "before": before,
            "from_key": _key(before),
            "before_label": called(before),
            "after_label": called(after),
            "count": len(found.differences),
            "count_label": ngettext("difference", "differences", len(found.differences)),
            "sentence": _told_in_words(found),
            "rows": [_told(row) for row in found.differences],
        }
    return render(request, "plan/compare.html", context)


def _key(it: Plan) -> str:
    return f"{it.year}.{it.number}"


def _picked(named: str, known: Sequence[Plan]) -> Plan | None:
    """The plan called "2023.1"; by a year alone the one in force, else the newest of that year."""
    exact = next((each for each in known if _key(each) == named), None)
    of_year = [each for each in known if str(each.year) == named]
    return exact or next((each for each in of_year if each.in_force), of_year[0] if of_year else None)


def _in_time(it: Plan) -> tuple[int, int]:
    return it.year, it.number


def _earlier(after: Plan, known: Sequence[Plan]) -> Plan | None:
    """The version before, else the plan of the year before: the one in force, else its newest version."""
    before = [each for each in known if _in_time(each) < _in_time(after)]
    best = max(before, key=lambda each: (each.year, each.in_force, each.number), default=None)
    same_year = [each for each in before if each.year == after.year]
    return max(same_year, key=lambda each: each.number, default=best)


def called(it: Plan) -> str:
    """A version by its year, number and state."""
    return _("%(year)s, version %(number)s (%(state)s)") % {
        "year": it.year,
        "number": it.number,
        "state": it.get_state_display(),
    }


KINDS: dict[str, tuple[Any, str]] = {
    "added": (pgettext_lazy("compared", "added"), "good"),
    "removed": (pgettext_lazy("compared", "removed"), "bad"),
    "moved": (pgettext_lazy("compared", "moved"), "info"),
    "changed": (pgettext_lazy("compared", "changed"), "progress"),
}


def _told(row: queries.Row) -> dict[str, Any]:
    """A difference as the page prints it. Of what came or went, the columns that tell what it is."""
    label, tone = KINDS[row.kind]
    measure = row.after or row.before
    assert measure is not None, "a row of a comparison stands in one of the two plans"
    cells = [(str(COLUMNS[cell.key]), cell.before, cell.after) for cell in row.cells]
    if row.kind in ("added", "removed"):
        texts = queries.shown_cells(measure)
        told = [
            (str(COLUMNS[key]), texts[key]) for key in texts if key not in ("number", "title") and texts[key]
        ]
        cells = [(name, *(("", text) if row.kind == "added" else (text, ""))) for name, text in told]
    return {
        "name": f"{row.number}. {row.title}",
        "url": measure.get_absolute_url(),
        "badge": badge(label, tone=tone),
        "cells": cells,
    }


def _told_in_words(found: queries.Comparison) -> str:
    """How much changed, in one sentence that stands alone."""
    counts = {kind: len(found.of_kind(kind)) for kind in ("added", "removed", "changed", "moved", "same")}
    said = [
        words % {"n": counts[kind]}
        for kind, words in (
            ("added", ngettext("%(n)d measure was added", "%(n)d measures were added", counts["added"])),
            (
                "removed",
                ngettext("%(n)d measure was removed", "%(n)d measures were removed", counts["removed"]),
            ),
            (
                "changed",
                ngettext("%(n)d measure was changed", "%(n)d measures were changed", counts["changed"]),
            ),
            (
                "moved",
                ngettext(
                    "%(n)d measure changed its place", "%(n)d measures changed their place", counts["moved"]
                ),
            ),
            (
                "same",
                ngettext(
                    "%(n)d measure stayed as it was", "%(n)d measures stayed as they were", counts["same"]
                ),
            ),
        )
        if counts[kind]
    ]
    text = ", ".join(said)
    return text[:1].upper() + text[1:] + "." if text else ""


# ---------------------------------------------------------------- founded, adopted, closed, carried over


def derive(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Derives the draft of a year's plan from the strategy in force."""
    eco = domains.enter(request, ecosystem)
    need(rules.may_edit, request, eco)
    asked = request.GET.get("year", "")
    first = int(asked) if asked.isdecimal() and len(asked) == 4 else _next_year(eco)
    form = forms.NewPlanForm(request.POST or None, initial={"year": first})
    if request.method == "POST" and form.carry_out(actions.derive, eco, by=asker(request)):
        messages.success(request, _("The draft is there, with a heading for each priority of the strategy."))
        return redirect(form.result)
    return form_page(
        request,
        form,
        title=_("New action plan"),
        lead=_("It begins as a draft with a heading for each priority of the strategy in force."),
        breadcrumbs=[
            (_("Action plan"), reverse("current-plan", args=[eco.code])),
            (_("New action plan"), ""),
        ],
        submit=_("Begin the draft"),
        cancel=reverse("current-plan", args=[eco.code]),
    )


def _next_year(eco: Ecosystem) -> int:
    newest = queries.plans(eco).first()
    return newest.year + 1 if newest else timezone.localdate().year


def edit(request: HttpRequest, ecosystem: str, year: int) -> HttpResponse:
    """Changes a plan's titles and source."""
    it = chosen(request, ecosystem, year)
    need(rules.may_edit, request, it)
    must_be_open(it)
    form = forms.PlanForm(request.POST or None, subject=it)
    if request.method == "POST" and form.carry_out(actions.edit_plan, it, by=asker(request)):
        messages.success(request, _("Saved."))
        return redirect(form.result)
    return form_page(
        request,
        form,
        title=_("Title and source"),
        breadcrumbs=trail(it, (_("Title and source"), "")),
        submit=_("Save"),
        cancel=it.get_absolute_url(),
    )


@require_POST
def new_version(request: HttpRequest, ecosystem: str, year: int) -> HttpResponse:
    """Drafts a new version of the plan in force."""
    it = chosen(request, ecosystem, year)
    try:
        made = actions.new_version(it, by=asker(request))
    except Invalid as refusal:
        messages.error(request, str(refusal))
        return redirect(it)
    messages.success(
        request,
        _("Version %(number)d is drafted as a copy. Change what is to be different.")
        % {"number": made.number},
    )
    return redirect(made)


def adopt(request: HttpRequest, ecosystem: str, year: int) -> HttpResponse:
    """Puts a draft in force."""
    it = chosen(request, ecosystem, year)
    need(rules.may_adopt, request, it)
    if it.state != PlanState.DRAFT:
        raise Invalid(
            _("Only a draft is adopted; this version is %(state)s.") % {"state": it.get_state_display()}
        )
    form = forms.AdoptForm(request.POST or None, plan=it)
    if request.method == "POST" and form.carry_out(actions.adopt, it, by=asker(request)):
        messages.success(
            request, _("The plan for %(year)s is in force and open to everybody.") % {"year": it.year}
        )
        return redirect(form.result)
    lead = _("From then on everybody sees it, and the responsible institutions report on its measures.")
    former = queries.in_force(it.ecosystem, it.year)
    if former is not None:
        lead += " " + _("Version %(number)d is superseded and stays to be compared.") % {
            "number": former.number
        }
    # A decision that the council takes later can put the plan in force by itself.
    prepares = council.may_prepare(asker(request), it.ecosystem)
    decide = reverse("decision-add", args=[it.ecosystem.code]) + f"?carries=plan.adopt:plan.plan:{it.pk}"
    return form_page(
        request,
        form,
        template="plan/adopt.html",
        title=_("Adopt the plan for %(year)s") % {"year": it.year},
        lead=lead,
        breadcrumbs=trail(it, (_("Adopt"), "")),
        submit=_("Put it in force"),
        cancel=it.get_absolute_url(),
        decide=decide if prepares else "",
        worst=[found for found in findings(it) if found[1] == "error"],
    )


@require_POST
def close(request: HttpRequest, ecosystem: str, year: int) -> HttpResponse:
    """Closes a plan whose year is over."""
    it = chosen(request, ecosystem, year)
    try:
        actions.close(it, by=asker(request))
    except Invalid as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The plan is closed, and the year's readings are kept."))
    return redirect(it)


def roll_over(request: HttpRequest, ecosystem: str, year: int) -> HttpResponse:
    """Carries undone measures into the plan of another year, each with the reason why it was not done."""
    it = chosen(request, ecosystem, year)
    need(rules.may_edit, request, it)
    if not it.in_force:
        raise Invalid(_("Measures are carried over from the plan in force; this version is not."))
    undone = [measure for measure in queries.measures(it) if measure.undone]
    form = forms.RollOverForm(request.POST or None, plan=it, measures=undone)
    if request.method == "POST" and form.carry_out(actions.roll_over, it, by=asker(request)):
        carried = len(form.values()["reasons"])
        messages.success(
            request,
            ngettext(
                "%(n)d measure is carried over. It stands in the draft.",
                "%(n)d measures are carried over. They stand in the draft.",
                carried,
            )
            % {"n": carried},
        )
        return redirect(form.result)
    return form_page(
        request,
        form,
        template="plan/roll_over.html",
        title=_("Carry undone measures over"),
        lead=_("They stand in the draft of the other year, each with the reason why it was not done."),
        breadcrumbs=trail(it, (_("Carry undone measures over"), "")),
        submit=_("Carry over"),
        cancel=it.get_absolute_url(),
    )


# ---------------------------------------------------------------- sections


def add_section(request: HttpRequest, ecosystem: str, year: int) -> HttpResponse:
    """Adds a heading to a plan."""
    it = chosen(request, ecosystem, year)
    need(rules.may_edit, request, it)
    must_be_open(it)
    form = forms.SectionForm(request.POST or None, plan=it)
    if request.method == "POST" and form.carry_out(actions.add_section, it, by=asker(request)):
        messages.success(request, _("“%(name)s” is added.") % {"name": form.result})
        return redirect(form.result)
    return form_page(
        request,
        form,
        title=_("Add a heading"),
        lead=_("A priority under its direction, as the plan prints them."),
        breadcrumbs=trail(it, (_("Add a heading"), "")),
        submit=_("Add"),
        cancel=it.get_absolute_url(),
    )


def _section(request: HttpRequest, ecosystem: str, pk: int) -> Section:
    eco = domains.enter(request, ecosystem)
    found = (
        Section.objects.select_related("plan__ecosystem", "plan__strategy")
        .filter(plan__ecosystem=eco, pk=pk)
        .first()
    )
    if found is None or not (found.plan.public or queries.may_see_drafts(asker(request), eco)):
        raise Http404(_("There is no such heading in the plans of this ecosystem."))
    return found


def edit_section(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Changes a heading."""
    section = _section(request, ecosystem, pk)
    it = section.plan
    need(rules.may_edit, request, section)
    must_be_open(it)
    form = forms.SectionForm(request.POST or None, plan=it, subject=section)
    if request.method == "POST" and form.carry_out(actions.edit_section, section, by=asker(request)):
        messages.success(request, _("Saved."))
        return redirect(form.result)
    removable = it.state == PlanState.DRAFT and not section.measures.exists()
    return form_page(
        request,
        form,
        title=_("Change: %(name)s") % {"name": section},
        breadcrumbs=trail(it, (section.number, "")),
        submit=_("Save"),
        cancel=section.get_absolute_url(),
        remove=reverse("section-remove", args=[ecosystem, section.pk]) if removable else "",
        history=reverse("history", args=[Section.kind(), section.pk]),
    )


@require_POST
def remove_section(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Removes a heading without measures from a draft."""
    section = _section(request, ecosystem, pk)
    name, it = str(section), section.plan
    try:
        actions.remove_section(section, by=asker(request))
    except Invalid as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("“%(name)s” is removed from the draft.") % {"name": name})
    return redirect(it)
