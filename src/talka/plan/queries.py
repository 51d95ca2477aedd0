"""Reads: plans and their measures with all columns, as printed; what is late; two plans compared.

Each read asks a fixed number of questions of the database, however many measures there are.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from django.db.models import Count, F, Prefetch, Q, QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from talka.core.bilingual import Text
from talka.core.models import Report, ReportState, SearchEntry
from talka.core.stems import query_stems
from talka.core.values import Period, Precision, plain
from talka.domains.models import Ecosystem
from talka.parties.models import Account, Affiliation, Organisation, OtherName
from talka.parties.queries import shows_work
from talka.parties.roles import ROLES
from talka.plan import rules
from talka.plan.models import (
    UNDONE,
    Assignment,
    Claim,
    Funding,
    FundingSource,
    Measure,
    Part,
    Plan,
    PlanState,
    Reminder,
    Result,
    ResultIndicator,
    Section,
)
from talka.strategy.models import Priority, Strategy, StrategyState

IN_FORCE = (PlanState.ADOPTED, PlanState.CLOSED)


# ---------------------------------------------------------------- plans


def plans(ecosystem: Ecosystem) -> QuerySet[Plan]:
    """All versions of all plans of an ecosystem, newest year and version first."""
    return Plan.objects.filter(ecosystem=ecosystem).select_related("ecosystem", "strategy", "decision__body")


def visible_plans(ecosystem: Ecosystem, by: Any) -> QuerySet[Plan]:
    """The versions that this reader may see: drafts need a permission."""
    found = plans(ecosystem)
    return found if may_see_drafts(by, ecosystem) else found.exclude(state=PlanState.DRAFT)


def may_see_drafts(by: Any, ecosystem: Ecosystem) -> bool:
    """Whether this reader, who may be nobody, sees plans that are not adopted yet."""
    return hasattr(by, "may") and rules.may_see_drafts(by, ecosystem)


def in_force(ecosystem: Ecosystem, year: int) -> Plan | None:
    """The adopted or closed plan of a year."""
    return plans(ecosystem).filter(year=year, state__in=IN_FORCE).first()


def latest_plan(ecosystem: Ecosystem, year: int | None = None) -> Plan | None:
    """The plan that a machine means by a year: the one in force, else the newest draft. Without a year, of the
    newest year that has one."""
    found = plans(ecosystem) if year is None else plans(ecosystem).filter(year=year)
    return found.filter(state__in=IN_FORCE).first() or found.first()


def plan_for_reader(
    ecosystem: Ecosystem, by: Any, year: int | None = None, number: int | None = None
) -> Plan | None:
    """The plan that a page shows: the version asked for, else the one in force, else the newest that may be seen."""
    found = visible_plans(ecosystem, by)
    if year is not None:
        found = found.filter(year=year)
    if number is not None:
        return found.filter(number=number).first()
    return found.filter(state__in=IN_FORCE).first() or found.first()


def current_plan(ecosystem: Ecosystem, by: Any, today: date | None = None) -> Plan | None:
    """The plan of this year if it is in force, else the newest in force, else the newest that may be seen."""
    year = (today or timezone.localdate()).year
    return plans(ecosystem).filter(year=year, state__in=IN_FORCE).first() or plan_for_reader(ecosystem, by)


def strategy_for(ecosystem: Ecosystem) -> Strategy | None:
    """The version of the strategy that a new plan is derived from: the one in force, else the newest."""
    found = Strategy.objects.filter(ecosystem=ecosystem)
    return found.filter(state=StrategyState.ADOPTED).first() or found.first()


def priorities(strategy: Strategy) -> QuerySet[Priority]:
    """The priorities of a strategy in their order, with their directions."""
    return (
        Priority.objects.filter(strategy=strategy)
        .select_related("direction")
        .order_by("direction__order", "direction_id", "order", "id")
    )


def sections(plan: Plan) -> QuerySet[Section]:
    """The sections of a plan in their order."""
    return Section.objects.filter(plan=plan).select_related("plan__ecosystem", "priority__direction")


# ---------------------------------------------------------------- measures


def with_columns(found: QuerySet[Measure]) -> QuerySet[Measure]:
    """Measures with everything that their eight columns print, in a fixed number of questions.

    What many measures share (sections, institutions, sources) is read once and not joined to every row.
    """
    return found.prefetch_related("section", "bill", *BELOW)  # type: ignore[no-redef]  # the same rows, read at once


BELOW = (
    Prefetch("results", to_attr="result_rows"),
    Prefetch("resultindicators", to_attr="indicator_rows"),
    Prefetch("assignments", Assignment.objects.prefetch_related("organisation"), to_attr="assignment_rows"),
    Prefetch("fundings", Funding.objects.prefetch_related("funding_source"), to_attr="funding_rows"),
)


def in_order(plan: Plan) -> QuerySet[Measure]:
    """The measures of a plan in their order."""
    return plan.measures.order_by("section__order", "section_id", "order", "id")


def measures(plan: Plan) -> QuerySet[Measure]:
    """The measures of a plan in their order, with all columns."""
    return with_columns(in_order(plan))


class _Said(NamedTuple):
    text_lv: str
    text_en: str

    @property
    def text(self) -> str:
        return str(Text(*self))


class _Named(NamedTuple):
    acronym: str
    lv: str
    en: str

    @property
    def name_lv(self) -> str:
        return self.lv

    @property
    def name(self) -> str:
        return str(Text(self.lv, self.en))

    @property
    def printed(self) -> str:
        return self.acronym or self.lv

    def __str__(self) -> str:
        return self.acronym or self.name


class _Taken(NamedTuple):
    part: str
    organisation: _Named


class _Paid(NamedTuple):
    text: str
    funding_source: _Named | None


def to_print(found: Iterable[Measure]) -> list[Measure]:
    """Measures with what hangs below them as plain values, in four questions: for a page that only prints them.

    A third of what `with_columns` costs, whose rows can be changed and saved too.
    """
    rows = list(found)
    here: dict[int, dict[str, Any]] = {}
    for measure in rows:
        below: dict[str, Any] = {
            f"{name}_rows": [] for name in ("result", "indicator", "assignment", "funding")
        }
        measure.__dict__.update(below)  # what the cached properties of a measure would read one by one
        here[measure.pk] = below

    def each(model: Any, *columns: str) -> Any:
        wanted = model.objects.filter(measure_id__in=list(here)).order_by("order", "id")
        return wanted.values_list("measure_id", *columns)

    for pk, *texts in each(Result, "text_lv", "text_en"):
        here[pk]["result_rows"].append(_Said(*texts))
    for pk, *texts in each(ResultIndicator, "text_lv", "text_en"):
        here[pk]["indicator_rows"].append(_Said(*texts))
    names = ("acronym", "name_lv", "name_en")
    for pk, part, *named in each(Assignment, "part", *(f"organisation__{name}" for name in names)):
        here[pk]["assignment_rows"].append(_Taken(part, _Named(*named)))
    source = (
        "funding_source_id",
        "funding_source__acronym",
        "funding_source__title_lv",
        "funding_source__title_en",
    )
    for pk, text, known, *named in each(Funding, "text", *source):
        here[pk]["funding_rows"].append(_Paid(text, _Named(*named) if known else None))
    return rows


def measure_for_reader(ecosystem: Ecosystem, by: Any, pk: int) -> Measure:
    """One measure with all columns. Raises Http404 also where it is in a draft that this reader may not see."""
    found = (
        with_columns(Measure.objects.filter(plan__ecosystem=ecosystem, pk=pk))
        .select_related(
            "plan__ecosystem", "plan__strategy", "carried_from__plan__ecosystem", "section__priority"
        )
        .first()
    )
    if found is None or not (found.plan.public or may_see_drafts(by, ecosystem)):
        raise Http404(_("There is no such measure in the plans of this ecosystem."))
    return found


def late(today: date | None = None) -> Q:
    """The condition "undone after the last day of its deadline" on measures."""
    return Q(state__in=UNDONE, due_on__lt=today or timezone.localdate())


@dataclass(frozen=True)
class Tally:
    """How many measures of a plan stand where. `late` counts among planned and under way."""

    planned: int = 0
    under_way: int = 0
    done: int = 0
    dropped: int = 0
    late: int = 0

    @property
    def counted(self) -> int:
        """What a share is of: all but the dropped."""
        return self.planned + self.under_way + self.done

    @property
    def total(self) -> int:
        return self.counted + self.dropped


def tallies(found: Iterable[Plan], today: date | None = None) -> dict[int, Tally]:
    """Tallies of several plans by id, in one question."""
    rows = (
        Measure.objects.filter(plan__in=[plan.pk for plan in found])
        .order_by()
        .values("plan_id", "state")
        .annotate(count=Count("id"), late=Count("id", filter=late(today)))
    )
    counts: dict[int, dict[str, int]] = {}
    for row in rows:
        here = counts.setdefault(row["plan_id"], {"late": 0})
        here[row["state"]] = row["count"]
        here["late"] += row["late"]
    return {plan: Tally(**here) for plan, here in counts.items()}


def tally(plan: Plan, today: date | None = None) -> Tally:
    """The tally of one plan."""
    return tallies([plan], today).get(plan.pk, Tally())


def narrowed(
    found: QuerySet[Measure],
    *,
    state: str = "",
    institution: int | None = None,
    direction: str = "",
    section: str = "",
    text: str = "",
    today: date | None = None,
) -> QuerySet[Measure]:
    """Measures that fit the filters of the plan's page. `state` is a state or "late"; `direction` and `section`
    are numbers."""
    if state == "late":
        found = found.filter(late(today))
    elif state:
        found = found.filter(state=state)
    if institution is not None:
        found = found.filter(
            pk__in=Assignment.objects.filter(organisation_id=institution).values("measure_id")
        )
    if direction:
        found = found.filter(section__direction_number=direction)
    if section:
        found = found.filter(section__number=section)
    if text.strip():
        entries = SearchEntry.objects.filter(kind=Measure.kind())
        for group in query_stems(text):
            words = Q()
            for stem in group:
                words |= Q(stems__contains=f" {stem}")
            entries = entries.filter(words)
        found = found.filter(pk__in=entries.values("subject_id"))
    return found


def institutions_in(plan: Plan) -> QuerySet[Organisation]:
    """The institutions that have a part in a plan, by name."""
    parts = Assignment.objects.filter(measure__plan=plan).values("organisation_id")
    return Organisation.objects.filter(pk__in=parts).order_by("acronym", "name_lv")


def suggestions(limit: int = 500) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What may be written into a cell of institutions and of sources of funding: spelling and full name."""
    institutions = Organisation.objects.filter(merged_into=None).order_by("acronym", "name_lv")[:limit]
    sources = FundingSource.objects.order_by("acronym", "title_lv")[:limit]
    return (
        [(printed_organisation(each), each.name) for each in institutions],
        [(each.printed, each.title) for each in sources],
    )


def versions(measure: Measure) -> QuerySet[Measure]:
    """The same measure in every version of its year's plan."""
    return Measure.objects.filter(
        plan__ecosystem_id=measure.plan.ecosystem_id, plan__year=measure.plan.year, number=measure.number
    )


def now_in_force(measure: Measure) -> Measure:
    """This measure as the plan in force has it, if a later version took over from the one it stands in."""
    if measure.plan.state != PlanState.SUPERSEDED:
        return measure
    return (
        versions(measure).filter(plan__state__in=IN_FORCE).select_related("plan__ecosystem").first()
        or measure
    )


def in_sequence(number: str) -> tuple[int | str, ...]:
    """What numbers are sorted by, so that 1.10 comes after 1.9."""
    return tuple(int(part) if part.isdigit() else part for part in re.findall(r"[0-9]+|[a-z]+", number))


def next_number(section: Section, taken: Iterable[str]) -> str:
    """The first free number in a section: "1.1.3"."""
    known = set(taken)
    nth = 1
    while f"{section.number}.{nth}" in known:
        nth += 1
    return f"{section.number}.{nth}"


# ---------------------------------------------------------------- reports


def reports(measure: Measure) -> QuerySet[Report]:
    """What was reported on a measure in any version of its plan, newest period first, with what it claims."""
    return (
        Report.objects.filter(about_kind=Measure.kind(), about_id__in=versions(measure).values("pk"))
        .select_related("claim")
        .order_by("-as_of", "-id")
    )


def claim_of(report: Report) -> Claim | None:
    """What a report says of its measure's state, if anything."""
    return Claim.objects.select_related("measure__plan__ecosystem").filter(report=report).first()


def measure_of(report: Report) -> Measure | None:
    """The measure that a report is about."""
    return Measure.objects.select_related("plan__ecosystem", "section").filter(pk=report.about_id).first()


def readable_reports(measure: Measure, by: Any) -> QuerySet[Report]:
    """The reports on a measure that this reader may see: outsiders see what was accepted."""
    found = reports(measure)
    return found if may_see_reports(by, measure) else found.filter(state=ReportState.ACCEPTED)


def may_see_reports(by: Any, measure: Measure) -> bool:
    """Whether this reader sees reports that are not accepted, and their files: the team, and who reported."""
    return hasattr(by, "may") and (rules.may_see_drafts(by, measure) or rules.may_report(by, measure))


def waiting_reports(ecosystem: Ecosystem) -> QuerySet[Report]:
    """Reports on measures that the coordinator has still to accept or return, oldest first."""
    return Report.objects.filter(
        ecosystem_id=ecosystem.pk, about_kind=Measure.kind(), state=ReportState.SUBMITTED
    ).order_by("submitted_at", "id")


def to_report(organisations: Iterable[int], today: date | None = None) -> QuerySet[Measure]:
    """Undone measures of plans in force for which these institutions are responsible, soonest deadline first."""
    mine = Assignment.objects.filter(organisation_id__in=list(organisations), part=Part.RESPONSIBLE)
    return (
        Measure.objects.filter(
            plan__state=PlanState.ADOPTED, state__in=UNDONE, pk__in=mine.values("measure_id")
        )
        .select_related("plan__ecosystem", "section")
        .order_by("due_on", "plan__year", "order", "id")
    )


# ---------------------------------------------------------------- whom to write to


def officers(organisations: Iterable[int], today: date) -> list[tuple[Account, int, int | None]]:
    """Accounts that report for these institutions: the account, the institution, the ecosystem (None: any)."""
    roles = [code for code, role in ROLES.items() if "plan.report" in role.permissions]
    rows = (
        Affiliation.objects.filter(
            Q(starts=None) | Q(starts__lte=today),
            Q(ends=None) | Q(ends__gte=today),
            organisation_id__in=list(organisations),
            person__account__is_active=True,
            person__account__grants__role__in=roles,
        )
        .select_related("person__account")
        .annotate(where=F("person__account__grants__ecosystem_id"))
        .order_by("person__account__pk", "id")
    )
    return [(row.person.account, row.organisation_id, row.where) for row in rows]


def coordinators(ecosystem_id: int) -> list[Account]:
    """Accounts that coordinate this ecosystem; where there are none, those that coordinate the whole hub."""
    roles = [code for code, role in ROLES.items() if "plan.coordinate" in role.permissions]
    found = (
        Account.objects.filter(is_active=True, grants__role__in=roles)
        .select_related("person")
        .distinct()
        .order_by("pk")
    )
    return list(found.filter(grants__ecosystem_id=ecosystem_id)) or list(found.filter(grants__ecosystem=None))


def occasion(due: date, today: date) -> str:
    """On which occasion a letter about an undone measure is due today; empty if on none."""
    days = (due - today).days
    if days < 0:
        return f"late-{today:%Y-%m}"
    return "due-7" if days <= 7 else "due-30" if days <= 30 else ""


def reminders_due(today: date) -> dict[tuple[Account, str], list[Measure]]:
    """The measures about which an account is to be written to, by account and occasion; what was noted is left out."""
    parts = (
        Assignment.objects.filter(
            part=Part.RESPONSIBLE,
            measure__plan__state=PlanState.ADOPTED,
            measure__state__in=UNDONE,
            measure__due_on__lte=today + timedelta(days=30),
            organisation__affiliations__person__account__is_active=True,
        )
        .select_related("measure__plan__ecosystem")
        .order_by("measure__due_on", "measure_id")
        .distinct()
    )
    by_institution: dict[int, list[Measure]] = {}
    for part in parts:
        by_institution.setdefault(part.organisation_id, []).append(part.measure)
    found: dict[tuple[Account, str], dict[int, Measure]] = {}
    for account, institution, where in officers(by_institution, today):
        for measure in by_institution[institution]:
            if measure.due_on is not None and where in (None, measure.ecosystem_id):
                found.setdefault((account, occasion(measure.due_on, today)), {})[measure.pk] = measure
    noted = set(
        Reminder.objects.filter(occasion__in={key[1] for key in found}).values_list(
            "account_id", "occasion", "measure_id"
        )
    )
    left = {
        key: [each for pk, each in rows.items() if (key[0].pk, key[1], pk) not in noted]
        for key, rows in found.items()
    }
    return {key: rows for key, rows in left.items() if rows}


def reminders_waiting(account_id: int) -> list[Reminder]:
    """Reminders of an account whose letter has not gone out yet."""
    return list(
        Reminder.objects.filter(account_id=account_id, sent_at=None)
        .select_related("measure__plan__ecosystem", "account__person")
        .order_by("occasion", "measure__due_on", "id")
    )


# ---------------------------------------------------------------- columns as printed


def printed_organisation(organisation: Organisation) -> str:
    """As the official form, which is in Latvian, writes an institution."""
    return organisation.acronym or organisation.name_lv


@functools.lru_cache(maxsize=4096)
def printed_deadline(deadline: str) -> str:
    """A bare year as it is, anything finer in Latvian words: "2023", "2023. gada 3. ceturksnis"."""
    if not deadline:
        return ""
    period = Period.parse(deadline)
    return str(period) if period.precision is Precision.YEAR else period.words("lv")


def deadline_words(deadline: str) -> str:
    """A deadline in the reader's language; a year stays a year."""
    if not deadline:
        return ""
    period = Period.parse(deadline)
    if period.precision is Precision.YEAR:
        return str(period)
    return period.words((get_language() or "lv")[:2])


def parties(measure: Measure, part: str) -> list[Organisation]:
    """The institutions with this part in a measure, in order."""
    return [each.organisation for each in measure.assignment_rows if each.part == part]


def printed_parties(measure: Measure, part: str) -> str:
    """The institutions as the plan prints them."""
    written = measure.as_written.get(part)
    return written if written is not None else join_parties(parties(measure, part))


def join_parties(organisations: Iterable[Organisation]) -> str:
    """Institutions as one cell of the form."""
    return ", ".join(printed_organisation(each) for each in organisations)


def printed_funding(measure: Measure) -> str:
    """The funding as the plan prints it; empty where none is found yet."""
    written = measure.as_written.get("funding")
    return (
        written
        if written is not None
        else join_funding([printed_source(each) for each in measure.funding_rows])
    )


def join_funding(texts: Sequence[str]) -> str:
    """Several sources as one cell of the form."""
    return ("; " if any("," in text for text in texts) else ", ").join(texts)


def printed_source(funding: Funding) -> str:
    """One source of funding: as it was described, else by its name."""
    return funding.text or (funding.funding_source.printed if funding.funding_source else "")


def cells(measure: Measure) -> dict[str, str]:
    """The eight cells of the official form, in Latvian, by the key of their column."""
    return {
        "number": measure.printed_number,
        "title": measure.title_lv,
        "result": "\n".join(each.text_lv for each in measure.result_rows),
        "indicator": "\n".join(each.text_lv for each in measure.indicator_rows),
        "responsible": printed_parties(measure, Part.RESPONSIBLE),
        "involved": printed_parties(measure, Part.INVOLVED),
        "deadline": measure.as_written.get("deadline") or printed_deadline(measure.deadline),
        "funding": printed_funding(measure),
    }


def shown_cells(measure: Measure) -> dict[str, str]:
    """The same cells for a reader on a page: in his or her language where there is a text in it."""
    if (get_language() or "lv").startswith("lv"):
        return cells(measure)
    return {
        "number": measure.number,
        "title": measure.title,
        "result": "\n".join(each.text for each in measure.result_rows),
        "indicator": "\n".join(each.text for each in measure.indicator_rows),
        "responsible": ", ".join(each.acronym or each.name for each in parties(measure, Part.RESPONSIBLE)),
        "involved": ", ".join(each.acronym or each.name for each in parties(measure, Part.INVOLVED)),
        "deadline": deadline_words(measure.deadline),
        "funding": join_funding([each.text or str(each.funding_source) for each in measure.funding_rows]),
    }


# ---------------------------------------------------------------- spellings


_QUOTES = str.maketrans(dict.fromkeys("\"'“”„«»‘’‚‛", None))


@functools.lru_cache(maxsize=1 << 16)
def spelling(text: str) -> str:
    """What is compared of a name: no case, diacritics, quotation marks, closing full stop; one kind of dash."""
    return plain(text.translate(_QUOTES)).replace("–", "-").rstrip(" .")


def organisation_spellings() -> dict[str, list[Organisation]]:
    """Every spelling of every organisation: acronym, names, other names; its code where nobody is called like that.

    Organisations that were merged lead to what they became. Of several with one spelling those come alone that exist
    in Latvia today, if there are any.
    """
    known = {each.pk: each for each in Organisation.objects.all()}
    found: dict[str, list[Organisation]] = {}

    def note(text: str, organisation: Organisation) -> None:
        while organisation.merged_into_id:
            organisation = known[organisation.merged_into_id]
        key = spelling(text)
        if key and organisation not in found.setdefault(key, []):
            found[key].append(organisation)

    for each in known.values():
        for text in (each.acronym, each.name_lv, each.name_en):
            note(text, each)
    for organisation_id, name in OtherName.objects.order_by("id").values_list("organisation_id", "name"):
        note(name, known[organisation_id])
    for each in known.values():
        if spelling(each.code) not in found:
            note(each.code, each)
    for key, several in found.items():
        if len(several) > 1:
            found[key] = [each for each in several if each.country == "LV" and not each.withdrawn] or several
    return found


def funding_spellings() -> dict[str, FundingSource]:
    """Every spelling of every source of funding."""
    found: dict[str, FundingSource] = {}
    for each in FundingSource.objects.order_by("id"):
        for text in (each.acronym, each.title_lv, each.title_en, each.code):
            if text:
                found.setdefault(spelling(text), each)
    return found


def alike(one: str, other: str) -> float:
    """How alike two titles are, 0 to 1; spelling, endings and small slips count for little."""
    return SequenceMatcher(None, spelling(one), spelling(other), autojunk=False).ratio()


def nearest_priority(title: str, among: Sequence[Priority]) -> Priority | None:
    """The priority of the strategy that a printed heading means; None where none is alike enough."""
    best = max(among, key=lambda each: alike(title, each.title_lv), default=None)
    return best if best is not None and alike(title, best.title_lv) >= 0.6 else None


# ---------------------------------------------------------------- two plans compared


@dataclass(frozen=True)
class Cell:
    """One column of one measure, before and after."""

    key: str
    before: str
    after: str


@dataclass
class Row:
    """One measure in two plans. `kind`: "added", "removed", "changed", "moved" (only its place) or "same"."""

    kind: str
    number: str
    title: str
    before: Measure | None
    after: Measure | None
    cells: list[Cell] = field(default_factory=list)

    @property
    def moved(self) -> bool:
        return any(cell.key in ("number", "section") for cell in self.cells)


@dataclass
class Comparison:
    """Two plans, measure by measure, in the order of the later one."""

    before: Plan
    after: Plan
    rows: list[Row]

    def of_kind(self, kind: str) -> list[Row]:
        return [row for row in self.rows if row.kind == kind]

    @property
    def differences(self) -> list[Row]:
        return [row for row in self.rows if row.kind != "same"]


def compare(before: Plan, after: Plan) -> Comparison:
    """What became of each measure between two versions of a plan, or between the plans of two years.

    A measure is the same if it was carried over, else if number and title agree well enough, else if the title is
    equal. Across versions of one year the number alone decides: that is what numbers are for.
    """
    old, new = list(measures(before)), list(measures(after))
    pairs = _pairs(old, new, one_year=before.year == after.year)
    by_new = {pairs[measure.pk].pk: measure for measure in old if measure.pk in pairs}
    rows = [
        Row("added", each.number, each.title, None, each)
        if each.pk not in by_new
        else _row(by_new[each.pk], each)
        for each in new
    ]
    rows += [Row("removed", each.number, each.title, each, None) for each in old if each.pk not in pairs]
    return Comparison(before, after, rows)


def _pairs(old: list[Measure], new: list[Measure], *, one_year: bool) -> dict[int, Measure]:
    """Which new measure continues which old one, by the old one's id; the surest agreement first."""
    left = {measure.pk: measure for measure in old}
    by_number = {measure.number: measure for measure in old}
    by_title = {spelling(measure.title_lv): measure for measure in old}

    def carried(measure: Measure) -> Measure | None:
        return left.get(measure.carried_from_id) if measure.carried_from_id else None

    def numbered(measure: Measure) -> Measure | None:
        found = by_number.get(measure.number)
        return found if found and (one_year or alike(found.title_lv, measure.title_lv) >= 0.6) else None

    def titled(measure: Measure) -> Measure | None:
        return by_title.get(spelling(measure.title_lv))

    pairs: dict[int, Measure] = {}
    free = list(new)
    for continued in (carried, numbered, titled):
        for measure in list(free):
            found = continued(measure)
            if found is not None and found.pk in left:
                pairs[found.pk] = measure
                del left[found.pk]
                free.remove(measure)
    return pairs


def _row(before: Measure, after: Measure) -> Row:
    old, new = _compared(before), _compared(after)
    found = [Cell(key, old[key], new[key]) for key in new if old[key] != new[key]]
    kind = (
        "same"
        if not found
        else "moved"
        if all(cell.key in ("number", "section") for cell in found)
        else "changed"
    )
    return Row(kind, after.number, after.title, before, after, found)


def _compared(measure: Measure) -> dict[str, str]:
    texts = shown_cells(measure)
    return {
        **texts,
        "number": measure.number,
        "section": f"{measure.section.number}. {measure.section.title}",
        "state": str(measure.get_state_display()),
        "done_on": measure.done_on.isoformat() if measure.done_on else "",
        "drop_reason": measure.drop_reason,
    }


# ---------------------------------------------------------------- on the page of an organisation


@shows_work("plan.responsible", gettext_lazy("Measures it is responsible for"))
def measures_led_by(organisation: Organisation, by: Any) -> QuerySet[Measure]:
    """Measures of plans in force for which an organisation is responsible, the latest plan first."""
    return _assigned(organisation, Part.RESPONSIBLE)


@shows_work("plan.involved", gettext_lazy("Measures it is involved in"))
def measures_with(organisation: Organisation, by: Any) -> QuerySet[Measure]:
    """Measures of plans in force in which an organisation is involved, the latest plan first."""
    return _assigned(organisation, Part.INVOLVED)


def _assigned(organisation: Organisation, part: Part) -> QuerySet[Measure]:
    mine = Assignment.objects.filter(organisation=organisation, part=part)
    return (
        Measure.objects.filter(plan__state__in=IN_FORCE, pk__in=mine.values("measure_id"))
        .select_related("plan__ecosystem")
        .order_by("-plan__year", "order", "id")
    )
