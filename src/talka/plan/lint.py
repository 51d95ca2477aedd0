"""What is wrong with a plan: rules over one plan, each with its code, the place, what was found, what would be right.

A place is a cell of a measure, a section by its number, a direction or priority by its code. The answer key of the
real plan (docs/answer-key.md) was written by hand before these rules; they find what it names and nothing else.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from talka.core.lint import RULES, LintRule, lint_rule
from talka.core.values import Period, Quantity, parse_number, plain
from talka.parties.models import OrganisationKind
from talka.plan import queries
from talka.plan.models import (
    Assignment,
    Funding,
    Measure,
    OfMeasure,
    Part,
    Plan,
    Result,
    ResultIndicator,
    Section,
)
from talka.strategy.models import Direction, Priority

Found = Iterator[tuple[Any, str, str, str]]
OVER = Plan.kind()
MANY = 4  # responsible parties, from which on nobody leads unless it is said who


@dataclass
class Facts:
    """One measure with what the rules ask about: plain values, read for a whole plan in six questions."""

    measure: Measure
    results: list[str] = field(default_factory=list)
    indicators: list[str] = field(default_factory=list)
    parties: dict[str, list[tuple[int, str, str]]] = field(
        default_factory=lambda: {"responsible": [], "involved": []}
    )
    funding: list[tuple[str, str, str]] = field(default_factory=list)  # name, text, until

    @property
    def number(self) -> str:
        return self.measure.number


def facts(plan: Plan) -> list[Facts]:
    """The measures of a plan as the rules see them, read once for all rules."""
    kept: list[Facts] | None = getattr(plan, "_facts", None)
    if kept is None:
        kept = plan._facts = _read(plan)  # type: ignore[attr-defined]  # lives as long as this copy of the plan
    return kept


# What no rule over a plan asks of a measure itself.
_UNREAD = ("title_en", "state", "done_on", "drop_reason", "carried_from", "carry_reason", "bill", "source")


def _read(plan: Plan) -> list[Facts]:
    measures = plan.measures.order_by("section__order", "order", "id").defer(*_UNREAD)
    found = {each.pk: Facts(each) for each in measures}
    for pk, text in _below(plan, Result):
        found[pk].results.append(text)
    for pk, text in _below(plan, ResultIndicator):
        found[pk].indicators.append(text)
    for pk, part, who, acronym, name, kind in _below(plan, Assignment):
        found[pk].parties[part].append((who, acronym or name, kind))
    for pk, acronym, title, text, until, ends in _below(plan, Funding):
        found[pk].funding.append((acronym or title or text, text, until or ends or ""))
    return list(found.values())


# What the rules ask of the rows below a measure: texts and numbers, which both databases give as they are.
_ASKED: dict[type[OfMeasure], tuple[str, ...]] = {
    Result: ("text_lv",),
    ResultIndicator: ("text_lv",),
    Assignment: (
        "part", "organisation_id", "organisation__acronym", "organisation__name_lv", "organisation__kind_of",
    ),
    Funding: ("funding_source__acronym", "funding_source__title_lv", "text", "until", "funding_source__ends"),
}  # fmt: skip


def _below(plan: Plan, model: type[OfMeasure]) -> list[tuple[Any, ...]]:
    """The rows below the measures of a plan, in order: the measure's id and what the rules ask."""
    with connection.cursor() as cursor:
        cursor.execute(_question(model, connection.vendor), [plan.pk])
        return cursor.fetchall()


@functools.cache
def _question(model: type[OfMeasure], vendor: str) -> str:
    """Its words are the same for every plan, and to find them costs Django as long as the answer takes to come."""
    rows = model._default_manager.filter(measure__plan=0).order_by("order", "id")
    words, parameters = rows.values_list("measure_id", *_ASKED[model]).query.sql_with_params()
    assert parameters == (0,), "the plan is all that it asks by"
    return words


def _sections(plan: Plan) -> list[Section]:
    kept: list[Section] | None = getattr(plan, "_lint_sections", None)
    if kept is None:
        kept = plan._lint_sections = list(plan.sections.all())  # type: ignore[attr-defined]  # as above
    return kept


_CELLS = {
    "number": gettext_lazy("number"),
    "title": gettext_lazy("title"),
    "result": gettext_lazy("result"),
    "indicator": gettext_lazy("result indicator"),
    "responsible": gettext_lazy("responsible institution"),
    "involved": gettext_lazy("involved institution"),
    "deadline": gettext_lazy("deadline"),
    "funding": gettext_lazy("funding source"),
}


def _at(each: Facts, column: str) -> str:
    """The cell of a measure in words: “Measure 3.1.1, deadline”."""
    return _place(each.number, column, get_language())


@functools.lru_cache(maxsize=8192)  # plan after plan has the same numbers
def _place(number: str, column: str, language: str) -> str:
    return _("Measure %(number)s, %(column)s") % {"number": number, "column": _CELLS[column]}


def rule(code: str, severity: str, label: Any) -> Callable[[Any], Any]:
    return lint_rule(code, severity, label, over=OVER)


def milder(code: str, severity: str, label: Any) -> Callable[[Any], Any]:
    """A second rule under the same code, for what the code means in a place where it matters less."""

    def register(check: Any) -> Any:
        RULES[f"{code} {severity}"] = LintRule(
            code, severity, label, OVER, check, (check.__doc__ or "").strip()
        )
        return check

    return register


@functools.lru_cache(maxsize=4096)
def quantity(text: str) -> Quantity | None:
    """The number that a text promises; None without one."""
    return parse_number(text) if any(letter.isdigit() for letter in text) or _NUMERAL.search(text) else None


_NUMERAL = re.compile(
    r"\b(?:viens|viena|vienu|div\w+|trīs|trij\w+|četr\w+|piec\w+|seš\w+|septiņ\w+|astoņ\w+|deviņ\w+|desmit\w*"
    r"|one|two|three|four|five|six|seven|eight|nine|ten)\b",
    re.IGNORECASE,
)


# ---------------------------------------------------------------- empty cells


@rule("P01", "error", gettext_lazy("A measure without a result indicator"))
def no_indicator(plan: Plan) -> Found:
    """The column of result indicators is empty: nobody can say whether the measure succeeded."""
    for each in facts(plan):
        if not each.indicators:
            yield (
                each.measure,
                _at(each, "indicator"),
                _("The result indicator is empty."),
                _("An indicator that can be counted, or decided by yes or no."),
            )


@rule("P02", "error", gettext_lazy("A measure without a deadline"))
def no_deadline(plan: Plan) -> Found:
    """The deadline is empty: the measure can never be late, and never be reminded of."""
    for each in facts(plan):
        if not each.measure.deadline:
            yield (
                each.measure,
                _at(each, "deadline"),
                _("The deadline is empty."),
                _("A day, a quarter or a year."),
            )


@rule("P03", "error", gettext_lazy("A measure for which nobody is responsible"))
def nobody_responsible(plan: Plan) -> Found:
    """No institution is responsible for the measure."""
    for each in facts(plan):
        if not each.parties["responsible"]:
            yield (
                each.measure,
                _at(each, "responsible"),
                _("No institution is responsible."),
                _("One institution that leads, and others that are involved."),
            )


@rule("P04", "warning", gettext_lazy("A measure without a source of funding"))
def no_funding(plan: Plan) -> Found:
    """No source of funding is named, not even that the measure is carried out within present means."""
    for each in facts(plan):
        if not each.funding:
            yield (
                each.measure,
                _at(each, "funding"),
                _("No source of funding is named."),
                _("A source of funding, or “within present means” in words."),
            )


# ---------------------------------------------------------------- time


@rule("P05", "info", gettext_lazy("A deadline that is only a year"))
def coarse_deadline(plan: Plan) -> Found:
    """The deadline is a bare year, so that lateness shows only when the year is over."""
    for each in facts(plan):
        deadline = each.measure.deadline
        if len(deadline) == 4:
            yield (
                each.measure,
                _at(each, "deadline"),
                _("The deadline is only the year %(year)s.") % {"year": deadline},
                _("A quarter or a day, so that lateness shows before the year is over."),
            )


@rule("P11", "warning", gettext_lazy("Funding that ends before the deadline"))
def funding_ends_early(plan: Plan) -> Found:
    """A source of funding is available only until a day before the measure's deadline."""
    for each in facts(plan):
        for name, _text, until in each.funding:
            due = each.measure.due_on
            if until and due is not None and Period.parse(until).last < due:
                yield (
                    each.measure,
                    _at(each, "funding"),
                    _("The funding %(source)s ends in %(end)s, before the deadline %(deadline)s.")
                    % {"source": name, "end": until, "deadline": each.measure.deadline},
                    _("An earlier deadline, or the source that pays for the rest of the time."),
                )


@rule("P17", "error", gettext_lazy("A deadline before the start"))
def deadline_before_start(plan: Plan) -> Found:
    """The measure is to be finished before it begins."""
    for each in facts(plan):
        starts, due = each.measure.starts, each.measure.due_on
        if starts and due is not None and Period.parse(starts).first > due:
            yield (
                each.measure,
                _at(each, "deadline"),
                _("The deadline %(deadline)s lies before the start %(start)s.")
                % {"deadline": each.measure.deadline, "start": starts},
                _("A deadline after the start."),
            )


@rule("P20", "error", gettext_lazy("A deadline before the year of the plan"))
def deadline_in_the_past(plan: Plan) -> Found:
    """The deadline was past before the plan's year began: a goal in the past."""
    for each in facts(plan):
        due = each.measure.due_on
        if due is not None and due.year < plan.year:
            yield (
                each.measure,
                _at(each, "deadline"),
                _("The deadline %(deadline)s lies before the plan's year %(year)d.")
                % {"deadline": each.measure.deadline, "year": plan.year},
                _("A deadline in the plan's year or later, or the measure reported as done."),
            )


# ---------------------------------------------------------------- words

# Indefinite: which acts, which institutions? And alternatives of which either will do.
_INDEFINITE = re.compile(
    r"\b(?:nepieciešam\w+|atbilstoš\w+|attiecīg\w+|dažād\w+|vairāk(?:i|as|us|iem|ām)|u\.\s?c\.|utt\.?|"
    r"necessary|appropriate|relevant|corresponding|various|several|etc\.?)(?!\w)"
    r"|\s(?:vai|or)\s",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"\b(?:ti(?:ek|ks)\s+precizē\w+|jāprecizē|precizējam\w+|(?:to\s+be|being)\s+specified|tbd|tbc)(?!\w)",
    re.IGNORECASE,
)
_UNMEASURABLE = re.compile(
    r"\b(?:(?:ne)?pietiekam\w*|plaš(?:s|a|i|as|u|am|ai|os|ās|iem|ām)|efektīv\w*|liel(?:s|a|i|as|u|am|ai|os|ās|iem|ām)"
    r"|kvalitatīv\w*|mūsdienīg\w*|optimāl\w*|adekvāt\w*"
    r"|sufficient|enough|wide|broad|effective|efficient|large|adequate|optimal|high-quality)(?!\w)",
    re.IGNORECASE,
)
_OF_WHOM = re.compile(r"(?:%|procent\w*|percent)\s+(?:no|of)\b", re.IGNORECASE)
_LAW_ADOPTED = re.compile(
    r"\blikum\w*\b.*\b(?:apstiprin|pieņem)\w*|\b(?:apstiprin|pieņem)\w*.*\blikum\w*"
    r"|\b(?:approv|adopt)\w*.*\b(?:law|act)\b",
    re.IGNORECASE,
)


@rule("P06", "warning", gettext_lazy("An indicator that cannot be counted or decided"))
def undecidable_indicator(plan: Plan) -> Found:
    """Without a number, and with words that leave open what counts: “necessary”, “appropriate”, “or”."""
    for each in facts(plan):
        for text in each.indicators:
            if quantity(text) is None and (vague := _INDEFINITE.search(text)):
                yield (
                    each.measure,
                    _at(each, "indicator"),
                    _("“%(text)s” cannot be counted or decided: “%(word)s” leaves open what is meant.")
                    % {"text": _short(text), "word": vague.group().strip()},
                    _("What is meant by name, and the stage it has to reach; or a number."),
                )


@rule("P12", "warning", gettext_lazy("A placeholder in a cell"))
def placeholder(plan: Plan) -> Found:
    """A cell says that something is still being specified."""
    for each in facts(plan):
        texts = [
            ("title", each.measure.title_lv),
            *(("result", text) for text in each.results),
            *(("indicator", text) for text in each.indicators),
            *(("funding", text) for _name, text, _until in each.funding),
        ]
        for column, text in texts:
            if said := _PLACEHOLDER.search(text):
                yield (
                    each.measure,
                    _at(each, column),
                    _("“%(words)s” stands in “%(text)s”: it is not known yet.")
                    % {"words": said.group(), "text": _short(text)},
                    _("What is meant, or who says it by when."),
                )


@rule("P18", "warning", gettext_lazy("A percentage of something unnamed"))
def percentage_of_what(plan: Plan) -> Found:
    """An indicator in percent that does not say of whom or of what."""
    for each in facts(plan):
        for text in each.indicators:
            promised = quantity(text)
            if promised is not None and promised.unit_hint == "%" and not _OF_WHOM.search(text):
                yield (
                    each.measure,
                    _at(each, "indicator"),
                    _("“%(text)s”: of whom or of what is not said.") % {"text": _short(text)},
                    _("The whole that the percentage is taken of, and how many it holds today."),
                )


@rule("P19", "info", gettext_lazy("Words that cannot be measured"))
def unmeasurable_words(plan: Plan) -> Found:
    """A title or result promises something sufficient, effective, wide or large, without a number."""
    for each in facts(plan):
        for column, text in [("title", each.measure.title_lv), *(("result", text) for text in each.results)]:
            if (vague := _UNMEASURABLE.search(text)) and quantity(text) is None:
                yield (
                    each.measure,
                    _at(each, column),
                    _("“%(word)s” in “%(text)s” cannot be measured.")
                    % {"word": vague.group(), "text": _short(text)},
                    _("A number, or a test that can be passed or failed."),
                )


@rule("S07", "info", gettext_lazy("Two measures with the same title"))
def same_title(plan: Plan) -> Found:
    """Measures that nobody can tell apart in a list."""
    known: dict[str, list[Facts]] = {}
    for each in facts(plan):
        known.setdefault(queries.spelling(each.measure.title_lv), []).append(each)
    for several in known.values():
        for each in several if len(several) > 1 else ():
            others = ", ".join(other.number for other in several if other is not each)
            yield (
                each.measure,
                _at(each, "title"),
                _("The title “%(title)s” is also that of %(others)s.")
                % {"title": _short(each.measure.title_lv), "others": others},
                _("What is different belongs in the title."),
            )


@rule("P16", "info", gettext_lazy("Numbers written in two ways"))
def number_format(plan: Plan) -> Found:
    """Some numbers end with a full stop and others do not; the fewer ones are named."""
    stopped = Counter(each.measure.printed_number.endswith(".") for each in facts(plan))
    if len(stopped) == 2:
        usual = stopped[True] >= stopped[False]
        for each in facts(plan):
            printed = each.measure.printed_number
            if printed.endswith(".") is not usual:
                yield (
                    each.measure,
                    _at(each, "number"),
                    _("The number is written “%(number)s”, %(count)d others are written differently.")
                    % {"number": printed, "count": stopped[usual]},
                    f"“{each.number}.”" if usual else f"“{each.number}”",
                )


# ---------------------------------------------------------------- parties


@rule("P07", "error", gettext_lazy("An institution both responsible and involved"))
def both_parts(plan: Plan) -> Found:
    """The same institution stands in both columns of one measure."""
    for each in facts(plan):
        responsible = {who for who, _name, _kind in each.parties["responsible"]}
        for who, name, _kind in each.parties["involved"]:
            if who in responsible:
                yield (
                    each.measure,
                    _at(each, "involved"),
                    _("%(institution)s is both responsible and involved.") % {"institution": name},
                    _("One of the two columns."),
                )


def _collective(plan: Plan, part: Part) -> Iterator[tuple[Facts, list[str]]]:
    for each in facts(plan):
        names = [name for _who, name, kind in each.parties[part.value] if kind == OrganisationKind.GROUP]
        if names:
            yield each, names


@rule("P13", "warning", gettext_lazy("A group responsible instead of an institution"))
def collective_responsible(plan: Plan) -> Found:
    """A collective party such as “the industry” is responsible: nobody can be reminded or asked."""
    for each, names in _collective(plan, Part.RESPONSIBLE):
        yield (
            each.measure,
            _at(each, "responsible"),
            _("Responsible is no institution but a group: %(names)s.") % {"names": ", ".join(names)},
            _("The institutions by name."),
        )


@milder("P13", "info", gettext_lazy("A group involved instead of an institution"))
def collective_involved(plan: Plan) -> Found:
    """A collective party is involved."""
    for each, names in _collective(plan, Part.INVOLVED):
        yield (
            each.measure,
            _at(each, "involved"),
            _("Involved is no institution but a group: %(names)s.") % {"names": ", ".join(names)},
            _("The institutions by name."),
        )


@rule("P14", "warning", gettext_lazy("The adoption of a law as a measure"))
def law_adopted(plan: Plan) -> Found:
    """The parliament adopts laws; the responsible institution cannot promise it."""
    for each in facts(plan):
        if not _LAW_ADOPTED.search(each.measure.title_lv):
            continue
        if not any("saeima" in plain(name) for _who, name, _kind in each.parties["responsible"]):
            yield (
                each.measure,
                _at(each, "title"),
                _("“%(title)s” is decided by the parliament and not by the responsible institution.")
                % {"title": _short(each.measure.title_lv)},
                _(
                    "What the institution itself does (submits, defends), with the bill's stages as milestones."
                ),
            )


@rule("P15", "warning", gettext_lazy("Many responsible institutions and no lead"))
def no_lead(plan: Plan) -> Found:
    """Where four or more are responsible nobody is."""
    for each in facts(plan):
        count = len(each.parties["responsible"])
        if count >= MANY:
            yield (
                each.measure,
                _at(each, "responsible"),
                ngettext(
                    "%(count)d party is responsible and none leads.",
                    "%(count)d parties are responsible and none leads.",
                    count,
                )
                % {"count": count},
                _("One institution that leads; the others involved."),
            )


# ---------------------------------------------------------------- plan and strategy


def _priorities(plan: Plan) -> list[Priority]:
    kept: list[Priority] | None = getattr(plan, "_lint_priorities", None)
    if kept is None:
        kept = plan._lint_priorities = list(queries.priorities(plan.strategy))  # type: ignore[attr-defined]  # as above
    return kept


@rule("S01", "error", gettext_lazy("A priority without measures"))
def priority_without_measures(plan: Plan) -> Found:
    """A priority of the strategy that no measure of the plan serves."""
    served = {each.measure.section_id for each in facts(plan)}
    sections = {section.priority_id for section in _sections(plan) if section.pk in served}
    for priority in _priorities(plan):
        if priority.pk not in sections:
            yield (
                priority,
                _("Priority %(code)s") % {"code": priority.code},
                _("The priority “%(title)s” has no measure in the plan for %(year)d.")
                % {"title": _short(priority.title), "year": plan.year},
                _("At least one measure, or a stated reason why there is none this year."),
            )


@rule("P08", "warning", gettext_lazy("A direction with two names"))
def direction_named_differently(plan: Plan) -> Found:
    """The plan calls a direction otherwise than the strategy does."""
    seen: set[int] = set()
    for section, direction in _with_directions(plan):
        if direction.pk not in seen and not _same(section.direction_title_lv, direction.title_lv):
            seen.add(direction.pk)
            yield (
                direction,
                _("Direction %(code)s") % {"code": direction.code},
                _("The direction is “%(strategy)s” in the strategy and “%(plan)s” in the plan.")
                % {"strategy": direction.title_lv, "plan": section.direction_title_lv},
                _("One name."),
            )


def _with_directions(plan: Plan) -> Iterator[tuple[Section, Direction]]:
    directions = {priority.pk: priority.direction for priority in _priorities(plan)}
    for section in _sections(plan):
        if section.priority_id in directions:
            yield section, directions[section.priority_id]


def _worded(plan: Plan) -> Iterator[tuple[Section, Priority, bool]]:
    """Sections whose title differs from their priority's, and whether by a slip of the pen only."""
    known = {priority.pk: priority for priority in _priorities(plan)}
    for section in _sections(plan):
        priority = known.get(section.priority_id) if section.priority_id else None
        if priority is not None and not _same(section.title_lv, priority.title_lv):
            yield section, priority, _is_slip(section.title_lv, priority.title_lv)


def _told_differently(section: Section, priority: Priority) -> tuple[Any, str, str, str]:
    return (
        section,
        _("Section %(number)s") % {"number": section.number},
        _("The strategy writes “%(strategy)s”, the plan “%(plan)s”.")
        % {"strategy": priority.title_lv, "plan": section.title_lv},
        _("The strategy's title: “%(title)s”.") % {"title": priority.title_lv},
    )


@rule("P09", "warning", gettext_lazy("A priority with two names"))
def priority_worded_differently(plan: Plan) -> Found:
    """The plan words a priority otherwise than the strategy does."""
    for section, priority, slip in _worded(plan):
        if not slip:
            yield _told_differently(section, priority)


@milder("P09", "info", gettext_lazy("A slip in the name of a priority"))
def priority_misspelt(plan: Plan) -> Found:
    """The plan and the strategy differ by the ending of a word or a letter."""
    for section, priority, slip in _worded(plan):
        if slip:
            yield _told_differently(section, priority)


@rule("P10", "info", gettext_lazy("Directions in another order"))
def directions_reordered(plan: Plan) -> Found:
    """The plan does not follow the strategy's order of directions."""
    planned = list(dict.fromkeys(direction for _section, direction in _with_directions(plan)))
    ordered = [
        each
        for each in dict.fromkeys(priority.direction for priority in _priorities(plan))
        if each in planned
    ]
    for nth, direction in enumerate(planned):
        if ordered[nth] != direction:
            yield (
                direction,
                _("Direction %(code)s") % {"code": direction.code},
                _(
                    "The direction “%(title)s” is number %(plan)d in the plan and number %(strategy)d in the strategy."
                )
                % {"title": direction.title, "plan": nth + 1, "strategy": ordered.index(direction) + 1},
                _("One order."),
            )


def _same(one: str, other: str) -> bool:
    return queries.spelling(one) == queries.spelling(other)


def _is_slip(one: str, other: str) -> bool:
    """Whether the texts differ in one word only, and that by no more than two letters."""
    words = list(zip(queries.spelling(one).split(), queries.spelling(other).split(), strict=False))
    if len(queries.spelling(one).split()) != len(queries.spelling(other).split()):
        return False
    different = [(a, b) for a, b in words if a != b]
    return len(different) == 1 and _letters_apart(*different[0]) <= 2


def _letters_apart(one: str, other: str) -> int:
    """How many letters must be put in, taken out or changed to get from one word to the other."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]


def _short(text: str) -> str:
    return text if len(text) <= 90 else text[:89].rstrip() + "…"
