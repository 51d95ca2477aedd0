"""Verbs: make, import, adopt, close and carry over plans; change measures and lead them through their life; report.

A draft may be changed in every way. An adopted plan's columns may still be mended (the history says by whom), but
its measures are not removed: what the council must see goes into a new version. A closed plan stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db.models import Max, prefetch_related_objects
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from talka.core import bulk, indicators, reports, search
from talka.core.actions import Hub, Invalid, action
from talka.core.bilingual import Text
from talka.core.formats import clean
from talka.core.locking import check
from talka.core.models import Noun, Report
from talka.core.models import Reading as ClosedReading
from talka.core.values import BadValue, Period
from talka.domains.models import Ecosystem
from talka.governance.models import Decision
from talka.parties.models import Account, Organisation
from talka.plan import queries, rules
from talka.plan.models import (
    PASSAGES,
    UNDONE,
    Assignment,
    Claim,
    Funding,
    FundingSource,
    Measure,
    MeasureState,
    OfMeasure,
    Part,
    Plan,
    PlanState,
    Reminder,
    Result,
    ResultIndicator,
    Section,
)
from talka.strategy.models import Strategy, Target

NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)*[a-z]?")
LONGEST = 5000  # characters of a title, a result or a description of funding


# ---------------------------------------------------------------- sources of funding


@action(needs=rules.may_edit)
def add_funding_source(hub: Hub, *, by: Any, **values: Any) -> FundingSource:
    """Founds a source of funding that plans may name."""
    source = FundingSource(**values)
    source.save()
    return source


@action(needs=rules.may_edit)
def edit_funding_source(row: FundingSource, *, by: Any, **values: Any) -> FundingSource:
    """Changes a source of funding."""
    # Not called `source`, as one of its columns is.
    _set(row, values)
    return row


# ---------------------------------------------------------------- plans


@action(needs=rules.may_edit)
def add_plan(
    ecosystem: Ecosystem,
    *,
    by: Any,
    year: int,
    title_lv: str = "",
    title_en: str = "",
    strategy: Strategy | None = None,
    source: str = "",
) -> Plan:
    """Founds an empty draft for a year, under the given strategy or the one in force."""
    strategy = strategy or queries.strategy_for(ecosystem)
    if strategy is None:
        raise Invalid(
            _("%(ecosystem)s has no strategy yet; a plan is derived from one.") % {"ecosystem": ecosystem}
        )
    if not 2000 <= year <= 2199:
        raise Invalid(
            _("%(year)s is not a year of a plan; write for example 2026.") % {"year": year}, field="year"
        )
    if there := queries.plans(ecosystem).filter(year=year).first():
        raise Invalid(
            _(
                "There is a plan for %(year)s already (version %(number)d, %(state)s); make a new version of it."
            )
            % {"year": year, "number": there.number, "state": there.get_state_display()},
            field="year",
        )
    plan = Plan(
        ecosystem=ecosystem,
        year=year,
        strategy=strategy,
        title_lv=_line(title_lv) or f"{ecosystem.title_lv}: rīcības plāns {year}. gadam",
        title_en=_line(title_en)
        or (f"{ecosystem.title_en}: action plan for {year}" if ecosystem.title_en else ""),
        source=source,
    )
    plan.save()
    return plan


@action(needs=rules.may_edit)
def derive(ecosystem: Ecosystem, *, by: Any, year: int) -> Plan:
    """Founds a draft for a year with one section for each priority of the strategy in force."""
    plan = add_plan(ecosystem, by=by, year=year)
    strategy = plan.strategy
    if not strategy.starts <= year <= strategy.ends:
        raise Invalid(
            _("The strategy runs from %(starts)d to %(ends)d; a plan for %(year)d cannot be derived from it.")
            % {"starts": strategy.starts, "ends": strategy.ends, "year": year},
            field="year",
        )
    made: list[Section] = []
    directions: list[int] = []
    for priority in queries.priorities(strategy):
        if priority.direction_id not in directions:
            directions.append(priority.direction_id)
        nth = len(directions)
        within = sum(1 for section in made if section.direction_number == str(nth)) + 1
        made.append(
            Section(
                plan=plan,
                number=f"{nth}.{within}",
                order=len(made) + 1,
                direction_number=str(nth),
                direction_title_lv=_line(priority.direction.title_lv),
                direction_title_en=_line(priority.direction.title_en),
                title_lv=_line(priority.title_lv),
                title_en=_line(priority.title_en),
                priority=priority,
            )
        )
    bulk.create(made)
    return plan


@action(needs=rules.may_edit)
def edit_plan(plan: Plan, *, by: Any, seen: int | None = None, **values: Any) -> Plan:
    """Changes a plan's titles, source or the strategy it is derived from."""
    check(plan, seen)
    _open(plan)
    _set(plan, values)
    return plan


@action(needs=rules.may_edit)
def new_version(plan: Plan, *, by: Any) -> Plan:
    """Copies the plan in force, with all its measures and where they stand, as a draft to be changed and adopted."""
    if not plan.in_force:
        raise Invalid(_("This version is not in force; make a new version of the one that is."))
    known = queries.plans(plan.ecosystem).filter(year=plan.year)
    if draft := known.filter(state=PlanState.DRAFT).first():
        raise Invalid(
            _("Version %(number)d is already being drafted; go on there.") % {"number": draft.number}
        )
    copy = Plan(
        ecosystem=plan.ecosystem,
        year=plan.year,
        number=(known.aggregate(last=Max("number"))["last"] or 0) + 1,
        title_lv=plan.title_lv,
        title_en=plan.title_en,
        strategy=plan.strategy,
        source=plan.source,
    )
    copy.save()
    sections = {old.pk: _copied(old, plan=copy) for old in queries.sections(plan)}
    bulk.create(sections.values())
    _copy_measures(queries.measures(plan), lambda old: {"plan": copy, "section": sections[old.section_id]})
    return copy


@action(needs=rules.may_adopt)
def adopt(plan: Plan, *, by: Any, decision: Decision | None = None) -> Plan:
    """Puts a draft in force; the version before it is superseded and hands on how far its measures have come."""
    if plan.state != PlanState.DRAFT:
        raise Invalid(
            _("Only a draft is adopted; this version is %(state)s.") % {"state": plan.get_state_display()}
        )
    if not plan.measures.exists():
        raise Invalid(_("This plan has no measures yet; add or import them before it is adopted."))
    before = queries.in_force(plan.ecosystem, plan.year)
    if before is not None:
        if before.state == PlanState.CLOSED:
            raise Invalid(
                _("The plan for %(year)d is closed; it is not replaced any more.") % {"year": plan.year}
            )
        before.state = PlanState.SUPERSEDED
        before.save()
        _hand_on(before, plan)
    plan.state, plan.decision = PlanState.ADOPTED, decision
    plan.save()
    for each in (before, plan):
        if each is not None:
            search.refresh(_ready(queries.measures(each), each))
    return plan


@action(needs=rules.may_coordinate)
def close(plan: Plan, *, by: Any, today: date | None = None) -> Plan:
    """Closes a plan whose year is over: it is locked, and the year's readings of the strategy's targets are kept."""
    if plan.state != PlanState.ADOPTED:
        raise Invalid(
            _("Only a plan in force is closed; this one is %(state)s.") % {"state": plan.get_state_display()}
        )
    year = Period.year(plan.year)
    if (today or timezone.localdate()) <= year.last:
        raise Invalid(
            _("%(year)d is not over yet; its readings would change after closing.") % {"year": plan.year}
        )
    plan.state = PlanState.CLOSED
    plan.save()
    series = [target.series for target in Target.objects.filter(strategy=plan.strategy_id)]
    series += sorted(code for code in indicators.INDICATORS if code.startswith("plan."))
    kept = set(
        ClosedReading.objects.filter(ecosystem_id=plan.ecosystem_id, period=str(year)).values_list(
            "indicator", flat=True
        )
    )
    for code in dict.fromkeys(series):
        if code not in kept:
            indicators.close(code, plan.ecosystem, year, decision=str(plan.decision or "")[:200])
    return plan


@action(needs=rules.may_edit)
def roll_over(plan: Plan, *, by: Any, year: int, reasons: Mapping[str, str]) -> Plan:
    """Carries undone measures into the plan of another year: `reasons` says why, by the measure's number.

    The other year's draft is derived from the strategy if there is none. A number that is taken there is replaced by
    the next free one; a deadline that would be past is replaced by the year. Returns that draft.
    """
    if not plan.in_force:
        raise Invalid(_("Measures are carried over from the plan in force; this version is not."))
    if year <= plan.year:
        raise Invalid(_("Carry over into a later year than %(year)d.") % {"year": plan.year}, field="year")
    undone = {measure.number: measure for measure in queries.measures(plan) if measure.undone}
    for number, reason in reasons.items():
        if number not in undone:
            raise Invalid(
                _("%(number)s is no undone measure of this plan.") % {"number": number}, field="reasons"
            )
        if not reason.strip():
            raise Invalid(_("Say why %(number)s is carried over.") % {"number": number}, field="reasons")
    carried = [measure for number, measure in undone.items() if number in reasons]
    if not carried:
        raise Invalid(_("Choose at least one measure to carry over."), field="reasons")
    target = _draft_for(plan.ecosystem, year, by=by)
    already = set(Measure.objects.filter(plan=target).values_list("carried_from_id", flat=True))
    carried = [measure for measure in carried if measure.pk not in already]
    sections = _counterparts(carried, target)
    taken = set(Measure.objects.filter(plan=target).values_list("number", flat=True))
    last = Measure.objects.filter(plan=target).aggregate(last=Max("order"))["last"] or 0

    def place(old: Measure) -> dict[str, Any]:
        section = sections[old.section_id]
        number = old.number if old.number not in taken else queries.next_number(section, taken)
        taken.add(number)
        past = old.due_on is not None and old.due_on.year < year
        written = {key: text for key, text in old.as_written.items() if key not in ("number", "deadline")}
        if not past and "deadline" in old.as_written:
            written["deadline"] = old.as_written["deadline"]
        return {
            "plan": target,
            "section": section,
            "number": number,
            "order": last + len(taken),
            "deadline": str(year) if past else old.deadline,
            "as_written": written,
            "carried_from": old,
            "carry_reason": clean(reasons[old.number]),
        }

    _copy_measures(carried, place)
    return target


def _draft_for(ecosystem: Ecosystem, year: int, *, by: Any) -> Plan:
    known = queries.plans(ecosystem).filter(year=year)
    draft = known.filter(state=PlanState.DRAFT).first()
    if draft is None and known.exists():
        raise Invalid(
            _("The plan for %(year)d is in force; make a new version of it first.") % {"year": year},
            field="year",
        )
    return draft or derive(ecosystem, by=by, year=year)


def _counterparts(carried: Iterable[Measure], target: Plan) -> dict[int, Section]:
    """For the section of each measure the one of the target plan: of the same priority, or number, or a copy."""
    there = list(queries.sections(target))
    found: dict[int, Section] = {}
    for old in dict.fromkeys(measure.section for measure in carried):
        code = old.priority.code if old.priority else None
        same = [each for each in there if code and each.priority and each.priority.code == code]
        if not same:
            same = [each for each in there if each.number == old.number and each.title_lv == old.title_lv]
        if not same:
            free = old.number
            while any(each.number == free for each in there):
                head, _dot, tail = free.rpartition(".")
                free = f"{head}.{int(tail) + 1}" if head else str(int(tail) + 1)
            copy = _copied(old, plan=target, number=free, order=len(there) + 1)
            copy.save()
            there.append(copy)
            same = [copy]
        found[old.pk] = same[0]
    return found


def _hand_on(before: Plan, after: Plan) -> None:
    """Measures that both versions have stand in the new one where they stood in the old one."""
    stood = {measure.number: measure for measure in Measure.objects.filter(plan=before)}
    changed = []
    for measure in Measure.objects.filter(plan=after):
        if old := stood.get(measure.number):
            measure.state, measure.done_on, measure.drop_reason = old.state, old.done_on, old.drop_reason
            changed.append(measure)
    bulk.update(changed, ["state", "done_on", "drop_reason"])


# ---------------------------------------------------------------- sections


@action(needs=rules.may_edit)
def add_section(plan: Plan, *, by: Any, **values: Any) -> Section:
    """Adds a section: the heading of one table of the plan."""
    _open(plan)
    here = list(queries.sections(plan))
    section = Section(plan=plan, **{"order": len(here) + 1, **_section_values(values)})
    section.save()
    _put_in_sequence(here, [section])
    return section


@action(needs=rules.may_edit)
def edit_section(section: Section, *, by: Any, seen: int | None = None, **values: Any) -> Section:
    """Changes the headings of a section or the priority of the strategy that it stands for."""
    check(section, seen)
    _open(section.plan)
    _set(section, _section_values(values))
    return section


@action(needs=rules.may_edit)
def remove_section(section: Section, *, by: Any) -> None:
    """Removes a section without measures from a draft."""
    _draft(section.plan)
    if section.measures.exists():
        raise Invalid(
            _("Section %(number)s still has measures; move or remove them first.")
            % {"number": section.number}
        )
    section.delete()


def _section_values(values: Mapping[str, Any]) -> dict[str, Any]:
    taken = {
        name: _line(value) if isinstance(value, str) and name != "source" else value
        for name, value in values.items()
    }
    for name in ("number", "direction_number"):
        if name in taken:
            taken[name] = _number(taken[name], name)
    return taken


# ---------------------------------------------------------------- measures


@action(needs=rules.may_edit)
def add_measure(plan: Plan, *, by: Any, section: Section | str, number: str = "", **values: Any) -> Measure:
    """Adds a measure to a section; without a number it gets the next one. Values as for `put_measures`."""
    _open(plan)
    if not number:
        where = section if isinstance(section, Section) else _section_of(plan, section)
        number = queries.next_number(
            where, Measure.objects.filter(plan=plan).values_list("number", flat=True)
        )
    return _write(plan, [(None, {"number": number, "section": section, **values})])[0]


@action(needs=rules.may_edit)
def edit_measure(measure: Measure, *, by: Any, seen: int | None = None, **values: Any) -> Measure:
    """Changes columns of a measure. Values as for `put_measures`; those not given stay."""
    check(measure, seen)
    _open(measure.plan)
    return _write(measure.plan, [(measure, values)])[0]


@action(needs=rules.may_edit)
def remove_measure(measure: Measure, *, by: Any) -> None:
    """Removes a measure from a draft; in an adopted plan a measure is dropped, with a reason."""
    _draft(measure.plan)
    measure.delete()


@action(needs=rules.may_edit)
def reorder(plan: Plan, *, by: Any, order: Sequence[int]) -> Plan:
    """Puts the measures of a plan in the order of these ids; those not named stay behind them as they were."""
    _open(plan)
    known = {measure.pk: measure for measure in Measure.objects.filter(plan=plan).order_by("order", "id")}
    if unknown := [pk for pk in order if pk not in known]:
        raise Invalid(_("There is no measure %(pk)s in this plan.") % {"pk": unknown[0]}, field="order")
    wanted = [*dict.fromkeys(order), *(pk for pk in known if pk not in set(order))]
    for nth, pk in enumerate(wanted, 1):
        known[pk].order = nth
    bulk.update(list(known.values()), ["order"])
    return plan


@action(needs=rules.may_edit)
def put_measures(
    plan: Plan,
    *,
    by: Any,
    rows: Sequence[Mapping[str, Any]],
    sections: Sequence[Mapping[str, Any]] = (),
    without: Sequence[str] = (),
) -> list[Measure]:
    """Adds the measures whose number is new and changes the others, thousands at once, whole or not at all.

    A row has `number`, and of the following what it says anything about: `section` (or its number), `title_lv`,
    `title_en`, `results_lv`, `results_en`, `indicators_lv`, `indicators_en` (lists of texts), `responsible`,
    `involved` (lists of organisations), `starts`, `deadline` (periods as text), `funding` (a list of mappings with
    `source`, `text`, `amount`, `currency`, `until`), `bill`, `source`, and `written`: how a file printed its cells.
    `sections` are headings by their `number`, added or changed before the measures; `without` are numbers of empty
    sections of a draft that go.
    """
    _open(plan)
    known = {section.number: section for section in queries.sections(plan)}
    for number in without:
        remove_section(known.pop(number), by=by)
    headings = [_section_values(values) for values in sections]
    for values in headings:
        if section := known.get(values["number"]):
            _set(section, values)
    for values in headings:
        if values["number"] not in known:
            add_section(plan, by=by, **values)
    here = {measure.number: measure for measure in queries.measures(plan)}
    return _write(plan, [(here.get(_number(row["number"])), dict(row)) for row in rows])


def _write(plan: Plan, entries: Sequence[tuple[Measure | None, dict[str, Any]]]) -> list[Measure]:
    """The one way in which columns of measures are written: rows first, then what hangs below them."""
    sections = {section.number: section for section in queries.sections(plan)}
    others = set(Measure.objects.filter(plan=plan).values_list("number", flat=True))
    others -= {measure.number for measure, _values in entries if measure is not None}
    last = Measure.objects.filter(plan=plan).aggregate(last=Max("order"))["last"] or 0
    new: list[Measure] = []
    old: list[Measure] = []
    filled: list[tuple[Measure, Mapping[str, Any]]] = []
    for found, values in entries:
        measure = found
        if measure is None:
            last += 1
            measure = Measure(plan=plan, order=last)
        measure.plan = plan
        (new if found is None else old).append(measure)
        _fill(measure, values, sections)
        if measure.number in others:
            raise Invalid(
                _("There is a measure %(number)s already.") % {"number": measure.number}, field="number"
            )
        others.add(measure.number)
        filled.append((measure, values))
    before = list(Measure.objects.filter(plan=plan).order_by("order", "id")) if new else []
    bulk.create(new)
    _put_in_sequence(before, new)
    changed = {measure.pk for measure in bulk.update(old, _changeable())}
    below = _write_below(new, old, filled)
    silent = [measure for measure in old if measure.pk in below - changed]
    for measure in silent:
        measure.save(bump=True)
    _ready(old, plan)
    search.refresh(silent)  # the others are found anew because the verb touched them
    return [measure for measure, _values in filled]


def _put_in_sequence(before: Sequence[Any], new: Sequence[Any]) -> None:
    """Gives new rows the place that their numbers ask for, unless the others are in one of their own."""

    def key(row: Any) -> tuple[int | str, ...]:
        return queries.in_sequence(row.number)

    if before != sorted(before, key=key):
        return
    for nth, row in enumerate(sorted([*before, *new], key=key), 1):
        row.order = nth
    bulk.update([*before, *new], ["order"])


def _changeable() -> list[str]:
    return [
        "section", "number", "title_lv", "title_en", "starts", "deadline", "bill", "as_written", "source",
    ]  # fmt: skip


def _fill(measure: Measure, values: Mapping[str, Any], sections: Mapping[str, Section]) -> None:
    """Sets the columns of the row itself, and how its cells are printed."""
    printed = dict(measure.as_written)
    if "number" in values:
        number = _number(values["number"])
        if number != measure.number:
            printed.pop("number", None)
        measure.number = number
    if "section" in values:
        wanted = values["section"]
        measure.section = wanted if isinstance(wanted, Section) else _section_among(sections, wanted)
        if measure.section.plan_id != measure.plan_id:
            raise Invalid(_("Section %(section)s is of another plan.") % {"section": wanted}, field="section")
    if not measure.section_id:
        raise Invalid(
            _("Say to which priority measure %(number)s belongs.") % {"number": measure.number},
            field="section",
        )
    for name in ("title_lv", "title_en"):
        if name in values:
            setattr(measure, name, _text(_line(values[name]), name))
    if not measure.title_lv:
        raise Invalid(_("A measure needs a title in Latvian."), field="title_lv")
    for name in ("starts", "deadline"):
        if name in values:
            setattr(measure, name, _period(values[name], name))
    for name in ("bill", "source"):
        if name in values:
            setattr(measure, name, values[name])
    measure.as_written = _as_written(measure, values, printed)


def _as_written(measure: Measure, values: Mapping[str, Any], printed: dict[str, str]) -> dict[str, str]:
    """How the file printed each cell that is given, kept where the rows below would print it differently."""
    plain: dict[str, Callable[[], str]] = {
        "number": lambda: f"{measure.number}.",
        "responsible": lambda: queries.join_parties(values["responsible"]),
        "involved": lambda: queries.join_parties(values["involved"]),
        "deadline": lambda: queries.printed_deadline(measure.deadline),
        "funding": lambda: queries.join_funding(
            [clean(each.get("text") or "") or each["source"].printed for each in values["funding"]]
        ),
    }
    written = values.get("written") or {}
    for cell, text_of in plain.items():
        # A number is given in order to find its row: how it is printed changes only where that is said.
        if cell not in (written if cell == "number" else values):
            continue
        text = clean(written.get(cell, ""))
        if text and text != text_of():
            printed[cell] = text
        else:
            printed.pop(cell, None)
    return printed


def _write_below(
    new: Sequence[Measure], old: Sequence[Measure], entries: Sequence[tuple[Measure, Mapping[str, Any]]]
) -> set[int]:
    """Writes results, indicators, assignments and funding; returns the ids of the measures whose rows changed."""
    prefetch_related_objects(
        [measure for measure in old if "funding_rows" not in measure.__dict__], *queries.BELOW
    )
    for measure in new:
        measure.__dict__.update({name: [] for name in _ROWS.values()})
    made: dict[Any, list[Any]] = {Result: [], ResultIndicator: [], Assignment: [], Funding: []}
    kept: dict[Any, list[Any]] = {Result: [], ResultIndicator: [], Assignment: [], Funding: []}
    gone: list[OfMeasure] = []
    for measure, values in entries:
        below = _Below(measure, made, kept, gone)
        below.texts(Result, "results", values)
        below.texts(ResultIndicator, "indicators", values)
        for part in (Part.RESPONSIBLE, Part.INVOLVED):
            if part.value in values:
                below.assignments(part, values[part.value])
        if "funding" in values:
            below.funding(values["funding"])
    touched = {row.measure_id for row in gone}
    for row in gone:
        row.delete()
    columns: dict[Any, list[str]] = {
        Result: ["order", "text_lv", "text_en"],
        ResultIndicator: ["order", "text_lv", "text_en"],
        Assignment: ["order"],
        Funding: ["order", "funding_source", "text", "amount", "currency", "until"],
    }
    for model, names in columns.items():
        touched |= {row.measure_id for row in bulk.update(kept[model], names)}
        touched |= {row.measure_id for row in bulk.create(made[model])}
    here = {measure.pk: measure for measure in new}
    for model, name in _ROWS.items():
        for row in made[model]:
            if row.measure_id in here:
                getattr(here[row.measure_id], name).append(row)
    return touched


class _Below:
    """What hangs below one measure, brought to what the values say: rows are kept where they can be."""

    def __init__(
        self,
        measure: Measure,
        made: dict[Any, list[Any]],
        kept: dict[Any, list[Any]],
        gone: list[OfMeasure],
    ) -> None:
        self.measure, self.made, self.kept, self.gone = measure, made, kept, gone

    def texts(
        self, model: type[Result] | type[ResultIndicator], name: str, values: Mapping[str, Any]
    ) -> None:
        latvian, english = values.get(f"{name}_lv"), values.get(f"{name}_en")
        if latvian is None and english is None:
            return
        left: dict[int, Any] = dict(enumerate(getattr(self.measure, _ROWS[model])))
        wanted = [row.text_lv for row in left.values()] if latvian is None else _lines(latvian, f"{name}_lv")
        # A missing translation among others keeps its place, or the next one would stand beside the wrong text.
        translated = None if english is None else _lines(english, f"{name}_en", gaps=True)
        if translated and len(translated) > len(wanted):
            raise Invalid(
                _(
                    "Measure %(number)s has %(lv)d lines in Latvian, %(en)d in English: each needs its Latvian one."
                )
                % {"number": self.measure.number, "lv": len(wanted), "en": len(translated)},
                field=f"{name}_en",
            )
        for nth, text in enumerate(wanted):
            # The row that says the same is kept with its translation; else the one that stood in this place.
            place = next((at for at, row in left.items() if row.text_lv == text), None)
            if place is None and nth in left and left[nth].text_lv not in wanted:
                place = nth
            row = left.pop(place) if place is not None else model(measure_id=self.measure.pk)
            (self.made if place is None else self.kept)[model].append(row)
            row.order, row.text_lv = nth + 1, text
            if translated is not None:
                row.text_en = translated[nth] if nth < len(translated) else ""
        self.gone += left.values()

    def assignments(self, part: Part, organisations: Iterable[Organisation]) -> None:
        rows = {row.organisation_id: row for row in self.measure.assignment_rows if row.part == part}
        for nth, organisation in enumerate(dict.fromkeys(organisations), 1):
            row = rows.pop(organisation.pk, None)
            if row is None:
                row = Assignment(measure_id=self.measure.pk, organisation=organisation, part=part)
                self.made[Assignment].append(row)
            else:
                self.kept[Assignment].append(row)
            row.order = nth
        self.gone += rows.values()

    def funding(self, sources: Iterable[Mapping[str, Any]]) -> None:
        rows = list(self.measure.funding_rows)
        nth = 0
        for nth, values in enumerate(sources, 1):
            row = rows[nth - 1] if nth <= len(rows) else Funding(measure_id=self.measure.pk)
            (self.kept if nth <= len(rows) else self.made)[Funding].append(row)
            row.order = nth
            row.funding_source = values.get("source")
            row.text = _text(clean(values.get("text") or ""), "funding")
            row.amount = values.get("amount")
            row.currency = values.get("currency") or "EUR"
            row.until = _period(values.get("until") or "", "funding")
            if row.funding_source is None and not row.text:
                raise Invalid(_("Say where the money comes from, or leave the funding out."), field="funding")
        self.gone += rows[nth:]


def _ready(found: Iterable[Measure], plan: Plan) -> list[Measure]:
    """Measures with what their search entries say read anew, in a fixed number of questions."""
    measures = list(found)
    for measure in measures:
        measure.plan = plan
        for name in _ROWS.values():
            measure.__dict__.pop(name, None)
    prefetch_related_objects(measures, *queries.BELOW)
    return measures


_ROWS: dict[Any, str] = {
    Result: "result_rows",
    ResultIndicator: "indicator_rows",
    Assignment: "assignment_rows",
    Funding: "funding_rows",
}


def _copy_measures(found: Iterable[Measure], change: Callable[[Measure], dict[str, Any]]) -> list[Measure]:
    """Copies measures with everything below them, changed as told."""
    old = list(found)
    new = [_copied(measure, **change(measure)) for measure in old]
    bulk.create(new)
    for name in _ROWS.values():
        for measure, copy in zip(old, new, strict=True):
            setattr(copy, name, [_copied(row, measure=copy) for row in getattr(measure, name)])
        bulk.create(row for copy in new for row in getattr(copy, name))
    return new


def _copied(row: Any, **changes: Any) -> Any:
    """A row with the same columns, not saved yet."""
    columns = {}
    for field in row._meta.concrete_fields:
        if field.name in {"id", "revision", *changes}:
            continue
        name = field.name if field.is_relation and field.is_cached(row) else field.attname
        columns[name] = getattr(row, name)
    return type(row)(**columns, **changes)


# ---------------------------------------------------------------- the life of a measure


@action(needs=rules.may_coordinate)
def start(measure: Measure, *, by: Any) -> Measure:
    """Notes that a planned measure is under way."""
    if measure.state != MeasureState.PLANNED:
        raise Invalid(_("This measure is %(state)s already.") % {"state": measure.get_state_display()})
    return _pass(measure, MeasureState.UNDER_WAY)


@action(needs=rules.may_coordinate)
def finish(measure: Measure, *, by: Any, done_on: date | None = None) -> Measure:
    """Notes that a measure is done, and on which day (today if not said)."""
    return _pass(measure, MeasureState.DONE, done_on=done_on or timezone.localdate())


@action(needs=rules.may_coordinate)
def drop(measure: Measure, *, by: Any, reason: str) -> Measure:
    """Gives a measure up, with the reason."""
    if not reason.strip():
        raise Invalid(_("Say why the measure is dropped; the reason is published."), field="reason")
    return _pass(measure, MeasureState.DROPPED, reason=clean(reason))


@action(needs=rules.may_coordinate)
def reopen(measure: Measure, *, by: Any) -> Measure:
    """Takes a done measure back under way, or a dropped one back into the plan."""
    back = {MeasureState.DONE: MeasureState.UNDER_WAY, MeasureState.DROPPED: MeasureState.PLANNED}
    if measure.state not in back:
        raise Invalid(
            _("This measure is %(state)s; there is nothing to reopen.")
            % {"state": measure.get_state_display()}
        )
    return _pass(measure, back[MeasureState(measure.state)])


def _pass(measure: Measure, to: MeasureState, *, done_on: date | None = None, reason: str = "") -> Measure:
    _running_plan(measure.plan)
    if to not in PASSAGES[measure.state]:
        allowed = ", ".join(str(MeasureState(state).label) for state in PASSAGES[measure.state])
        raise Invalid(
            _("A measure that is %(state)s cannot become %(to)s; from here it may become: %(allowed)s.")
            % {"state": measure.get_state_display(), "to": to.label, "allowed": allowed}
        )
    if done_on is not None and done_on > timezone.localdate():
        raise Invalid(
            _("%(day)s is still to come; give the day on which it was done.") % {"day": done_on},
            field="done_on",
        )
    measure.state, measure.done_on, measure.drop_reason = to, done_on, reason
    measure.save()
    return measure


# ---------------------------------------------------------------- reports


@action(needs=rules.may_report)
def report(
    measure: Measure,
    *,
    by: Any,
    period: Period,
    text: str = "",
    value: Decimal | None = None,
    files: Sequence[UploadedFile] = (),
    claims: str = "",
    done_on: date | None = None,
) -> Report:
    """Hands in a report of a responsible institution, with evidence. `claims`: "under_way" or "done" (with its day).

    Each institution reports for itself: what one had accepted for a period does not lock the others out.
    """
    _running_plan(measure.plan)
    if claims not in ("", MeasureState.UNDER_WAY, MeasureState.DONE):
        raise Invalid(
            _("A report may say that the measure is under way or done, nothing else."), field="claims"
        )
    if claims != MeasureState.DONE:
        done_on = None
    elif done_on is None or done_on > timezone.localdate():
        raise Invalid(_("Give the day on which it was done; it cannot lie ahead."), field="done_on")
    institution = _reporting_institution(measure, by)
    series = f"measure:{institution.code}" if institution else ""
    earlier = [each for each in queries.versions(measure) if each.pk != measure.pk]
    if any(reports.locked(each, period, series) for each in earlier):
        reports.refuse_locked(period)
    made = reports.submit(
        measure,
        by=by,
        period=period,
        text=clean(text),
        value=value,
        series=series,
        institution=institution,
        files=files,
    )
    if claims:
        Claim(report=made, measure=measure, state=claims, done_on=done_on).save()
    return made


def _reporting_institution(measure: Measure, by: Any) -> Organisation | None:
    """For which responsible institution this account speaks; None for the coordinator, who speaks for none."""
    mine = by.organisation_ids() if hasattr(by, "organisation_ids") else frozenset()
    return next((each for each in queries.parties(measure, Part.RESPONSIBLE) if each.pk in mine), None)


@action(needs=rules.may_judge)
def accept_report(report: Report, *, by: Any, comment: str = "") -> Report:
    """Accepts a report: its period is locked for that institution, and what it claims of the measure comes true."""
    claim = queries.claim_of(report)
    reports.accept(report, by=by, comment=comment)
    if claim is not None:
        measure = queries.now_in_force(claim.measure)
        if (
            measure.plan.state == PlanState.ADOPTED
            and claim.state in PASSAGES[measure.state]
            and measure.state in UNDONE
        ):
            _pass(measure, MeasureState(claim.state), done_on=claim.done_on)
    return report


@action(needs=rules.may_judge)
def return_report(report: Report, *, by: Any, comment: str) -> Report:
    """Returns a report to its institution, with what is missing in it."""
    return reports.give_back(report, by=by, comment=comment)


@action(needs=rules.may_judge)
def unlock_report(report: Report, *, by: Any, comment: str) -> Report:
    """Opens a locked period again, with the reason; where the measure stands is not changed by that."""
    return reports.unlock(report, by=by, comment=comment)


# ---------------------------------------------------------------- letters


@action(needs=rules.may_coordinate)
def remind(account: Account, *, by: Any, measures: Sequence[Measure], occasion: str) -> list[Reminder]:
    """Notes that an account is to be written to about measures; the letter follows. Once for each occasion."""
    known = set(
        Reminder.objects.filter(account=account, occasion=occasion).values_list("measure_id", flat=True)
    )
    return bulk.create(
        Reminder(measure=measure, account=account, occasion=occasion)
        for measure in measures
        if measure.pk not in known
    )


@action(needs=rules.may_coordinate)
def note_sent(account: Account, *, by: Any, reminders: Sequence[Reminder], now: datetime) -> list[Reminder]:
    """Notes that the letter about these reminders went out."""
    for reminder in reminders:
        reminder.sent_at = now
    return bulk.update(reminders, ["sent_at"])


# ---------------------------------------------------------------- what is refused


def _open(plan: Plan) -> None:
    if not plan.open:
        raise Invalid(
            _("This plan is %(state)s and stays as it was; make a new version to change it.")
            % {"state": plan.get_state_display()}
        )


def _draft(plan: Plan) -> None:
    if plan.state != PlanState.DRAFT:
        raise Invalid(
            _(
                "Only from a draft is anything removed; in a plan in force a measure is dropped, with a reason."
            )
        )


def _running_plan(plan: Plan) -> None:
    if plan.state != PlanState.ADOPTED:
        raise Invalid(
            _("This plan is %(state)s; measures are carried out and reported on in a plan in force.")
            % {"state": plan.get_state_display()}
        )


def _section_among(sections: Mapping[str, Section], wanted: str) -> Section:
    found = sections.get(_number(wanted, "section"))
    if found is None:
        raise Invalid(
            _("There is no section %(number)s in this plan; there are: %(known)s.")
            % {"number": wanted, "known": ", ".join(sections) or "–"},
            field="section",
        )
    return found


def _section_of(plan: Plan, number: str) -> Section:
    return _section_among({section.number: section for section in queries.sections(plan)}, number)


def _number(text: str, field: str = "number") -> str:
    """A number without its closing full stop: "1.1.1." is 1.1.1."""
    number = text.strip().rstrip(". ")
    if not NUMBER.fullmatch(number) or len(number) > 12:
        raise Invalid(
            _("“%(text)s” is not a number of the plan; write for example 1.1.2.") % {"text": text[:40]},
            field=field,
        )
    return number


def _line(text: str) -> str:
    """Text on one line, in its canonical form."""
    return " ".join(clean(text).split())


def _lines(texts: Iterable[str], field: str, *, gaps: bool = False) -> list[str]:
    """The lines of several texts; with `gaps` an empty one keeps its place."""
    return [_text(line, field) for text in texts for line in clean(text).split("\n") if line or gaps]


def _text(text: str, field: str) -> str:
    if len(text) > LONGEST:
        raise Invalid(
            _("This text has %(length)d characters; at most %(limit)d fit.")
            % {"length": len(text), "limit": LONGEST},
            field=field,
        )
    return text


def _period(text: str | Period, field: str) -> str:
    if not text:
        return ""
    try:
        return str(Period.parse(str(text)))
    except BadValue as error:
        raise Invalid(error.words((get_language() or "lv")[:2]), field=field) from None


def _set(row: Noun, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    row.save()


# ---------------------------------------------------------------- finding


def _search_summary(measure: Measure) -> Text:
    rows: list[Result | ResultIndicator] = [*measure.result_rows, *measure.indicator_rows]
    return Text(
        " · ".join(row.text_lv for row in rows), " · ".join(row.text_en for row in rows if row.text_en)
    )


def _search_words(measure: Measure) -> str:
    names = [each.organisation.acronym or each.organisation.name_lv for each in measure.assignment_rows]
    return " ".join([measure.number, str(measure.plan.year), *names])


search.searchable(
    Measure,
    title=lambda measure: Text(
        f"{measure.number}. {measure.title_lv}", measure.title_en and f"{measure.number}. {measure.title_en}"
    ),
    summary=_search_summary,
    words=_search_words,
    # A superseded version would be found beside the one that took its place.
    public=lambda measure: measure.plan.in_force,
)
