"""What the combining pages show, put together from the rooms: the overview, one's work, what was found and done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from talka.core.kept import kept
from talka.core.lint import SEVERITIES
from talka.core.models import Event
from talka.core.search import Hit
from talka.core.values import Period
from talka.documents import record
from talka.domains.models import Ecosystem
from talka.plan import queries as plans
from talka.plan import rules as plan_rules
from talka.plan.models import UNDONE, MeasureState, Plan, PlanState
from talka.portfolio import queries as portfolio
from talka.strategy import queries as strategy
from talka.strategy import rules as strategy_rules
from talka.strategy.models import Strategy, StrategyState
from talka.ui import charts
from talka.ui.parts.boxes import badge
from talka.ui.parts.rows import tree as tree_of_links
from talka.web import queries

NEWS, LATE, BARS = 8, 6, 30
LINTED = 3  # ecosystems that "my work" sums up the linter for; whoever keeps more looks at each by itself


def of(ecosystem: Ecosystem, who: Any, language: str) -> dict[str, Any]:
    """The overview of an ecosystem."""

    def news() -> list[Happening]:
        return happenings(record.events(ecosystem, who)[:NEWS], with_names=who is not None)

    return {
        "title": str(ecosystem),
        "lead": Truncator(ecosystem.summary).words(32, truncate=" …"),
        **kept("overview", ecosystem.pk, lambda: _in_force(ecosystem, language)),
        "happenings": news() if who else kept("news", ecosystem.pk, news),
        "drafts": drafts_for([ecosystem], who),
    }


def _in_force(ecosystem: Ecosystem, language: str) -> dict[str, Any]:
    """Where what is in force stands: the same for every reader, so it is drawn once after each event."""
    today = timezone.localdate()
    version = strategy.in_force(ecosystem)
    plan = queries.plan_in_force(ecosystem)
    tree = strategy.tree(version, today=today) if version else None
    late = plan.measures.filter(plans.late(today)).order_by("due_on", "order", "id")[:LATE] if plan else ()
    return {
        "plan_year": plan.year if plan else None,
        "numbers": plans.tally(plan, today) if plan else None,
        "late": [(str(each), each.get_absolute_url(), each.deadline_value) for each in late],
        "timeline": str(timeline(plan, today, language)) if plan else "",
        "tree": tree_of_links(nodes(tree), label=_("The strategy and where its targets stand"))
        if tree
        else "",
        "targets": strategy.tally(tree.standings) if tree else None,
        "found": problem_counts(ecosystem),
        "projects": portfolio.projects(ecosystem).count(),
        "partnerships": portfolio.partnerships(ecosystem).count(),
    }


def problem_counts(ecosystem: Ecosystem) -> dict[str, int]:
    """How many findings of each severity the linter has; reckoned anew only after something happened."""

    def count() -> dict[str, int]:
        found = Counter(finding.severity for finding in record.findings(ecosystem, None))
        return {severity: found[severity] for severity in SEVERITIES}

    return kept("problems", ecosystem.pk, count)


def timeline(plan: Plan, today: date, language: str) -> Any:
    """The plan over its year. A plan of more measures than fit shows those still open, soonest first."""
    measures = plan.measures.order_by("section__order", "order")
    if measures.count() > BARS:
        measures = measures.filter(state__in=UNDONE).order_by("due_on", "order")
    rows = [
        charts.Span(
            label=f"{measure.number} {measure.title}",
            start=Period.parse(measure.starts).first if measure.starts else None,
            due=Period.parse(measure.deadline) if measure.deadline else None,
            url=measure.get_absolute_url(),
            tone=tone_of(measure, today),
            state=state_of(measure, today),
            late=measure.is_late(today),
        )
        for measure in measures[:BARS]
    ]
    first = min([date(plan.year, 1, 1), *(row.start for row in rows if row.start)])
    last = max([date(plan.year, 12, 31), *(row.due.last for row in rows if row.due)])
    return charts.gantt(
        rows,
        first,
        last,
        today,
        title=_("The plan of %(year)d over time") % {"year": plan.year},
        lang=language,
    )


def nodes(tree: Any) -> list[dict[str, Any]]:
    """The strategy as a tree of links with live numbers on the right."""

    def target(standing: Any) -> dict[str, Any]:
        number = standing.value_text or (
            _("goal: %(goal)s") % {"goal": standing.goal_text} if standing.goal_text else ""
        )
        return {
            "label": standing.target.title,
            "url": standing.target.get_absolute_url(),
            "value": number,
            "badge": badge(standing.label, tone=standing.tone),
        }

    def priority(bough: Any) -> dict[str, Any]:
        return {
            "label": bough.priority.title,
            "url": bough.priority.get_absolute_url(),
            "children": [target(each) for each in bough.standings],
        }

    branches = [
        {"label": branch.direction.title, "children": [priority(bough) for bough in branch.priorities]}
        for branch in tree.branches
    ]
    if tree.loose:
        branches.append(
            {
                "label": _("Contribution of the whole ecosystem"),
                "children": [target(each) for each in tree.loose],
            }
        )
    return branches


def state_of(measure: Any, today: date) -> str:
    """A measure's state in a word; late where it is late."""
    return _("late") if measure.is_late(today) else str(measure.get_state_display())


def tone_of(measure: Any, today: date) -> str:
    """What a measure's state means to a reader."""
    if measure.is_late(today):
        return "bad"
    return {
        MeasureState.DONE: "good",
        MeasureState.UNDER_WAY: "progress",
        MeasureState.DROPPED: "neutral",
        MeasureState.PLANNED: "info",
    }[MeasureState(measure.state)]


def drafts_for(ecosystems: Sequence[Ecosystem], who: Any) -> list[Any]:
    """Versions in preparation that this reader may see."""
    found: list[Any] = []
    for model, state, rule in (
        (Strategy, StrategyState.DRAFT, strategy_rules.may_see_drafts),
        (Plan, PlanState.DRAFT, plan_rules.may_see_drafts),
    ):
        if seen := [each for each in ecosystems if rule(who, each)]:
            drafts = model._base_manager.filter(ecosystem__in=seen, state=state)
            found += drafts.select_related("ecosystem").order_by("ecosystem", "pk")
    return found


# ---------------------------------------------------------------- what happened, what was found


@dataclass(frozen=True)
class Happening:
    """One event as a line: when, who, what in words, where to look."""

    at: Any
    by: str
    what: str
    name: str
    url: str


def happenings(events: Iterable[Event], *, with_names: bool) -> list[Happening]:
    """Events in words, with the addresses of what they are about; a fixed number of queries.

    What is there is named as it is called now, in the reader's language; what is gone, as the record names it. A
    report is told as what it reports on.
    """
    events = list(events)
    rows = queries.rows_of((event.subject_kind, event.subject_id) for event in events)
    about = {key: (row.about_kind, row.about_id) for key, row in rows.items() if hasattr(row, "about_kind")}
    rows |= queries.rows_of(about.values())
    result = []
    for event in events:
        key = (event.subject_kind, event.subject_id)
        row = rows.get(about.get(key, key))
        name = event.subject_name if row is None else str(row)
        url = row.get_absolute_url() if row is not None and hasattr(row, "get_absolute_url") else ""
        by = queries.who(event.by_name) if with_names else ""
        result.append(Happening(event.at, by, verb_in_words(event.verb), name, url))
    return result


def verb_in_words(verb: str) -> str:
    """What a verb did, in the reader's language: "plan.accept_report" → "accepted"."""
    known = {
        "adopt": pgettext("history", "adopted"),
        "accept": pgettext("history", "accepted"),
        "return": pgettext("history", "returned"),
        "give_back": pgettext("history", "returned"),
        "report": pgettext("history", "reported"),
        "add": pgettext("history", "added"),
        "found": pgettext("history", "founded"),
        "put": pgettext("history", "took over"),
        "edit": pgettext("history", "edited"),
        "remove": pgettext("history", "removed"),
        "merge": pgettext("history", "merged"),
        "start": pgettext("history", "started"),
        "finish": pgettext("history", "finished"),
        "drop": pgettext("history", "dropped"),
        "reopen": pgettext("history", "reopened"),
        "close": pgettext("history", "closed"),
        "roll": pgettext("history", "carried over"),
        "new": pgettext("history", "began a new version"),
        "derive": pgettext("history", "derived"),
        "prepare": pgettext("history", "prepared"),
        "pass": pgettext("history", "moved on"),
        "set": pgettext("history", "set"),
        "specify": pgettext("history", "specified"),
        "unlock": pgettext("history", "unlocked"),
        "withdraw": pgettext("history", "withdrew"),
        "grant": pgettext("history", "gave a role"),
        "revoke": pgettext("history", "took back"),
        "reject": pgettext("history", "rejected"),
        "reorder": pgettext("history", "put in order"),
        "apply": pgettext("history", "took over"),
    }
    name = verb.rpartition(".")[2]
    return known.get(name) or known.get(name.partition("_")[0]) or pgettext("history", "changed")


@dataclass(frozen=True)
class Found:
    """A search hit in the reader's language; `where` is its ecosystem, if the hits are of several."""

    title: str
    summary: str
    noun: str
    url: str
    where: str = ""


def found(hits: Sequence[Hit], language: str) -> list[Found]:
    """Hits in the reader's language, with addresses in it."""
    places = Ecosystem.objects.in_bulk({hit.entry.ecosystem_id for hit in hits} - {None})
    result = []
    for hit in hits:
        entry = hit.entry
        title, summary = entry.title_lv, entry.summary_lv
        if language == "en":
            title, summary = entry.title_en or title, entry.summary_en or summary
        place = places.get(entry.ecosystem_id) if len(places) > 1 else None
        url = f"/{language}/{entry.url.split('/', 2)[2]}"  # kept with the language of whoever wrote it
        result.append(
            Found(
                title,
                Truncator(summary).chars(240),
                queries.noun_of(entry.kind),
                url,
                str(place) if place else "",
            )
        )
    return result


# ---------------------------------------------------------------- one's own work


def work_of(account: Any, today: date) -> dict[str, Any]:
    """What waits for an account: its institutions' measures, returned reports, what it has to judge or decide."""
    institutions = account.organisation_ids()
    grants = account.grant_list()
    everywhere = any(grant.ecosystem_id is None for grant in grants)
    ecosystems = list(
        Ecosystem.objects.all()
        if everywhere
        else Ecosystem.objects.filter(pk__in=[g.ecosystem_id for g in grants])
    )
    judged = [e.pk for e in ecosystems if account.may("plan.coordinate", e.pk)]
    decided = [e.pk for e in ecosystems if account.may("governance.decide", e.pk)]
    reports_ = account.may("plan.report", None) or any(account.may("plan.report", e.pk) for e in ecosystems)
    measures = list(plans.to_report(institutions, today)[:100]) if institutions and reports_ else []
    to_judge = list(queries.reports_to_judge(judged)[:50])
    returned = list(queries.returned_reports(institutions, account.pk)[:50])
    decisions = list(queries.prepared_decisions(decided)[:50])
    subjects = queries.rows_of((r.about_kind, r.about_id) for r in [*to_judge, *returned])
    return {
        "title": _("My work"),
        "today": today,
        "measures": [(m, state_of(m, today), tone_of(m, today)) for m in measures],
        "late": sum(m.is_late(today) for m in measures),
        "to_judge": [(r, subjects.get((r.about_kind, r.about_id))) for r in to_judge],
        "returned": [(r, subjects.get((r.about_kind, r.about_id)), Period.parse(r.period)) for r in returned],
        "decisions": decisions,
        "ecosystems": ecosystems,
        "drafts": drafts_for(ecosystems, account),
        "problems": [(e, problem_counts(e)) for e in ecosystems if e.pk in judged[:LINTED]],
        "waiting": len(measures) + len(to_judge) + len(returned) + len(decisions),
        "reports": reports_,
        "judges": bool(judged),
        "decides": bool(decided),
        "language": get_language(),
        "reference": reverse("reference"),
    }
