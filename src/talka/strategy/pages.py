"""Pages: the strategy at a glance, a priority, a target, two versions compared, and the forms that change them.

A page first says in one sentence how things stand, with one number; the rows behind it follow. Version pages take
?version=, without it they show the version in force.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy, ngettext, pgettext, pgettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from talka.core import attachments, lint
from talka.core.actions import Invalid, Refused
from talka.core.forms import answer_status
from talka.core.indicators import INDICATORS
from talka.core.lint import Finding
from talka.core.models import Report, ReportState
from talka.core.rules import Fact
from talka.domains import queries as domains
from talka.domains import rules as domain_rules
from talka.domains.models import Ecosystem
from talka.strategy import actions, forms, progress, queries, rules
from talka.strategy.forms import PARTS
from talka.strategy.models import OfStrategy, Priority, Strategy, StrategyState, Target, TargetKind
from talka.strategy.queries import Branch, Difference, Standing
from talka.ui import charts, formats
from talka.ui.parts.boxes import badge

PAGE = 50  # rows of a list on one page


# ---------------------------------------------------------------- who asks, and about which version


def _by(request: HttpRequest) -> Any:
    """Who asks; None for the public."""
    return request.user if request.user.is_authenticated else None


def _need(rule: Fact, request: HttpRequest, subject: Any) -> None:
    """Refuses a form to whoever could not send it: better before the typing than after it."""
    if not rule(_by(request), subject):
        verb = request.resolver_match.view_name if request.resolver_match else ""
        raise Refused(verb, request.user, needs=rule)  # type: ignore[arg-type]  # signed in: see VerbErrors


def _version(request: HttpRequest, ecosystem: Ecosystem) -> Strategy:
    """The version that the address names, else the one in force. Raises Http404."""
    found = queries.choose(queries.versions(ecosystem, _by(request)), request.GET.get("version"))
    if found is None:
        raise Http404(_("This ecosystem has no strategy yet."))
    return found


def _part(request: HttpRequest, ecosystem: str, model: type[Any], code: str) -> Any:
    """A row of the version that is shown. Raises Http404."""
    strategy = _version(request, domains.enter(request, ecosystem))
    rows = model.objects.filter(strategy=strategy)
    if model is Priority:
        rows = rows.select_related("direction")
    if model is Target:
        rows = rows.select_related("priority__direction", "specify_owner")
    row = rows.filter(code=code).first()
    if row is None:
        raise Http404(
            _("“%(code)s” is not in version %(number)d.") % {"code": code, "number": strategy.number}
        )
    row.strategy = strategy
    if model is Target and row.priority is not None:
        row.priority.strategy = strategy
    return row


def _drafted(strategy: Strategy) -> None:
    if not strategy.is_draft:
        raise Invalid(
            _(
                "Version %(number)d is %(state)s and stays as it was decided. Draft a new version to change it."
            )
            % {"number": strategy.number, "state": strategy.get_state_display()}
        )


def _language() -> str:
    return (get_language() or "lv")[:2]


# ---------------------------------------------------------------- the strategy


def strategy(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """The whole strategy: mission, how many targets are on track, directions down to targets, what stands around."""
    eco = domains.enter(request, ecosystem)
    known = queries.versions(eco, _by(request))
    shown = queries.choose(known, request.GET.get("version"))
    may_edit = rules.may_edit(_by(request), eco)
    if shown is None:
        return render(request, "strategy/none.html", {"title": _("Strategy"), "may_edit": may_edit})
    shown.tree_read = tree = queries.tree(shown)  # type: ignore[attr-defined]  # the linter need not read it again
    findings = list(lint.run("strategy.strategy", shown))
    counted = queries.tally(tree.standings)
    return render(
        request,
        "strategy/strategy.html",
        {
            "title": _("Strategy"),
            "kicker": eco.short or eco.title,
            "strategy": shown,
            "version_text": str(shown.number),
            "years": f"{shown.starts}–{shown.ends}",
            "tree": tree,
            "branches": [_branch(branch) for branch in tree.branches],
            "loose": [_target_node(standing) for standing in tree.loose],
            "counted": counted,
            "figure": f"{counted['good']} / {len(tree.standings)}",
            "sentence": sentence(tree.standings),
            "policies": [
                (policy, [row for row in served if row.pk != shown.pk or not isinstance(row, Strategy)])
                for policy, served in tree.policies().items()
            ],
            "coverage": sorted(queries.coverage(shown, tree.targets).items(), key=lambda pair: -pair[1]),
            "findings": findings,
            "found": _by_severity(findings),
            "versions": known,
            "earlier": next((version for version in known if version.number < shown.number), None),
            "may_edit": may_edit,
            "may_change": may_edit and shown.is_draft,
        },
    )


def _branch(branch: Branch) -> dict[str, Any]:
    return {
        "direction": branch.direction,
        "anchor": f"direction-{branch.direction.code}",
        "obstacles": branch.obstacles,
        "counted": queries.tally(branch.standings),
        "total": len(branch.standings),
        "nodes": [
            {
                "label": str(bough.priority),
                "url": bough.priority.get_absolute_url(),
                "open": True,
                "children": [_target_node(standing) for standing in bough.standings],
            }
            for bough in branch.priorities
        ],
    }


def _target_node(standing: Standing) -> dict[str, Any]:
    goal, due = standing.goal_text, standing.due
    note = " · ".join(
        part
        for part in (
            _("goal %(goal)s") % {"goal": goal} if goal else "",
            due.words(_language()) if due else "",
        )
        if part
    )
    return {
        "label": str(standing.target),
        "url": standing.target.get_absolute_url(),
        "note": note,
        "badge": badge(standing.label, standing.tone),
        "value": standing.value_text or formats.NOTHING,
    }


def _by_severity(findings: Iterable[Finding]) -> dict[str, int]:
    counted = Counter(finding.severity for finding in findings)
    return {severity: counted[severity] for severity in lint.SEVERITIES if counted[severity]}


def sentence(standings: Sequence[Standing]) -> str:
    """How the targets stand, and why some cannot be judged, in one or two sentences."""
    total, counted = len(standings), queries.tally(standings)
    if not total:
        return _("This version has no targets yet.")
    said = [
        ngettext(
            "%(good)d of %(count)d targets is on track or reached",
            "%(good)d of %(count)d targets are on track or reached",
            counted["good"],
        )
        % {"good": counted["good"], "count": total}
    ]
    if counted["behind"]:
        said.append(
            ngettext("%(count)d is behind", "%(count)d are behind", counted["behind"])
            % {"count": counted["behind"]}
        )
    text = ", ".join(said) + "."
    if counted["open"]:
        why = Counter(_obstacle_to_judging(standing) for standing in standings if standing.outlook == "open")
        reasons = "; ".join(_WHY_OPEN[key](number) for key, number in why.most_common())
        text += " " + (
            ngettext(
                "%(count)d cannot be judged yet: %(reasons)s.",
                "%(count)d cannot be judged yet: %(reasons)s.",
                counted["open"],
            )
            % {"count": counted["open"], "reasons": reasons}
        )
    return text


def _obstacle_to_judging(standing: Standing) -> str:
    if standing.verdict is None:
        return "unspecified"
    if standing.verdict.klass == "no_goal":
        return "number"
    if standing.reading.value is None:
        return "value"
    if standing.is_state:
        return "state"
    return {"no_due": "deadline", "not_started": "later"}.get(standing.verdict.klass, "baseline")


_WHY_OPEN: dict[str, Callable[[int], str]] = {
    "unspecified": lambda n: (
        ngettext("%(n)d is still to be specified", "%(n)d are still to be specified", n) % {"n": n}
    ),
    "number": lambda n: ngettext("%(n)d states no number", "%(n)d state no number", n) % {"n": n},
    "value": lambda n: ngettext("of %(n)d no value is known", "of %(n)d no value is known", n) % {"n": n},
    "state": lambda n: (
        ngettext("%(n)d is a state not reached yet", "%(n)d are states not reached yet", n) % {"n": n}
    ),
    "deadline": lambda n: ngettext("%(n)d has no deadline", "%(n)d have no deadline", n) % {"n": n},
    "later": lambda n: ngettext("%(n)d begins later", "%(n)d begin later", n) % {"n": n},
    "baseline": lambda n: (
        ngettext("%(n)d has one value and no baseline", "%(n)d have one value and no baseline", n) % {"n": n}
    ),
}


# ---------------------------------------------------------------- a priority


def priority(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """A priority: why it is one, its targets with their numbers, what it serves."""
    row: Priority = _part(request, ecosystem, Priority, code)
    standings = queries.standings_under(row)
    counted = queries.tally(standings)
    siblings = list(row.strategy.priority_set.select_related("direction"))
    place = next(number for number, each in enumerate(siblings) if each.pk == row.pk)
    by = _by(request)
    return render(
        request,
        "strategy/priority.html",
        {
            "title": str(row),
            "kicker": str(row.direction),
            "breadcrumbs": _trail(row.strategy, (str(row.direction), _at(row)), (str(row), "")),
            "strategy": row.strategy,
            "version_text": str(row.strategy.number),
            "priority": row,
            "standings": standings,
            "figure": f"{counted['good']} / {len(standings)}",
            "sentence": sentence(standings) if standings else _("This priority has no targets yet."),
            "policies": row.policy_links.select_related("policy"),
            "shares": domains.shares_of(row.kind(), [row.pk]).get(row.pk, []),
            "previous": _sibling(siblings, place - 1, row.strategy),
            "next": _sibling(siblings, place + 1, row.strategy),
            "may_change": row.strategy.is_draft and rules.may_edit(by, row),
            "may_share": domain_rules.may_share(by, row),
        },
    )


def _at(row: Priority) -> str:
    return row.strategy.address("strategy", anchor=f"direction-{row.direction.code}")


def _sibling(rows: Sequence[Priority], place: int, strategy: Strategy) -> Priority | None:
    if not 0 <= place < len(rows):
        return None
    rows[place].strategy = strategy
    return rows[place]


def _trail(strategy: Strategy, *steps: tuple[str, Any]) -> list[tuple[str, Any]]:
    return [(_("Strategy"), strategy.address("strategy")), *steps]


# ---------------------------------------------------------------- a target


def target(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """A target: its reading, the way it came and has to go, the rows behind the number, who reported what."""
    row: Target = _part(request, ecosystem, Target, code)
    by = _by(request)
    standing = queries.standing_of(row)
    inside = rules.may_see_drafts(by, row)
    judges = rules.edits(by, row)
    reports = Paginator(queries.reports_on(row, inside=inside), PAGE).get_page(request.GET.get("page"))
    shown = list(reports.object_list)
    files = attachments.about_each(shown, inside=inside)
    provided = INDICATORS.get(row.series)
    evidence = None
    if provided is not None and standing.reading.evidence is not None:
        evidence = Paginator(standing.reading.evidence, PAGE).get_page(request.GET.get("rows"))
    in_force = row.strategy.state == StrategyState.ADOPTED
    trail = [(str(row.priority), row.priority.get_absolute_url())] if row.priority else []
    return render(
        request,
        "strategy/target.html",
        {
            "title": str(row),
            "kicker": str(row.priority) if row.priority else _("Target of the whole ecosystem"),
            "breadcrumbs": _trail(row.strategy, *trail, (str(row), "")),
            "strategy": row.strategy,
            "version_text": str(row.strategy.number),
            "target": row,
            "standing": standing,
            **_figure(standing, provided is not None),
            "baseline_text": _baseline_text(row),
            "why": explain(standing),
            "chart": _chart(standing),
            "indicator": provided,
            "evidence": evidence,
            "reports": reports,
            "rows": [
                (
                    _spelt(each, row),
                    files.get(each.pk, []),
                    forms.JudgeForm(required=True, auto_id=f"id_{each.pk}_%s") if judges else None,
                )
                for each in shown
            ],
            "inside": inside,
            "waiting": [each for each in shown if each.state == ReportState.SUBMITTED],
            "policies": row.policy_links.select_related("policy"),
            "shares": domains.shares_of(row.kind(), [row.pk]).get(row.pk, []),
            "is_open": row.kind_of == TargetKind.UNSPECIFIED,
            "judges": judges,
            "may_report": in_force
            and provided is None
            and row.kind_of != TargetKind.UNSPECIFIED
            and rules.may_report(by, row),
            "may_measure": row.strategy.state != StrategyState.SUPERSEDED and rules.may_edit(by, row),
            "may_change": row.strategy.is_draft and rules.may_edit(by, row),
            "may_share": domain_rules.may_share(by, row),
        },
    )


def _figure(standing: Standing, counted: bool) -> dict[str, Any]:
    """The big number of the page: the reading with its unit, as a link to the rows behind it."""
    row, value = standing.target, standing.reading.value
    day = standing.reading.as_of
    return {
        "figure": standing.value_text if standing.is_state else formats.number(value),
        "figure_unit": "" if standing.is_state or value is None else str(row.unit),
        "figure_href": "#evidence" if counted else "#reports",
        "figure_label": _("on %(day)s") % {"day": formats.day(day)}
        if day and value is not None
        else _("no value known yet"),
    }


def _baseline_text(row: Target) -> str:
    if row.baseline is None:
        return ""
    since = queries.deadline(row.baseline_period)
    value = formats.quantity(row.baseline, str(row.unit))
    return f"{value} ({since.words(_language())})" if since else value


def _spelt(report: Report, row: Target) -> Any:
    """A report with its period and value as the page prints them."""
    period = queries.deadline(report.period)
    is_state = row.kind_of == TargetKind.MILESTONE
    report.period_text = period.words(_language()) if period else report.period  # type: ignore[attr-defined]
    report.value_text = (  # type: ignore[attr-defined]
        (pgettext("target", "reached") if report.value else pgettext("target", "not reached yet"))
        if is_state
        else formats.quantity(report.value, str(row.unit))
    )
    report.anchor, report.dialog = f"report-{report.pk}", f"judge-{report.pk}"  # type: ignore[attr-defined]
    return report


def explain(standing: Standing) -> list[str]:
    """How the class of a target came about, in plain sentences."""
    row, verdict = standing.target, standing.verdict
    if verdict is None:
        return [_asked(row)]
    if standing.is_state:
        if standing.reading.value is None:
            return [_("Nobody has reported yet whether this state is reached.")]
        if verdict.klass == "no_data":
            return [_("It is reported as not reached yet. A state is there or not, so no pace is reckoned.")]
    plain = str(_SENTENCES[verdict.reason])
    if verdict.reason == "nothing_seen" and queries.baseline_of(row) is None:
        plain = _("No value is known yet.")
    if verdict.reason not in {"ratio", "trend", "lost"} or verdict.observed is None:
        return [plain]
    by_rate = verdict.method == "cagr"

    def pace(value: float) -> str:
        # Without its unit, which may say "a year" itself.
        return formats.percent(value, 1) if by_rate else formats.number(value)

    since = _since(standing)
    if verdict.reason == "trend" or verdict.required is None or verdict.ratio is None:
        return [
            _("Since %(since)s the value changed by %(observed)s a year.")
            % {"since": since, "observed": pace(verdict.observed)},
            plain,
        ]
    figures = _(
        "Since %(since)s the value changed by %(observed)s a year; to reach the goal in time %(required)s a year is"
        " required. That is R = %(observed)s / %(required)s = %(ratio)s of the pace required."
    ) % {
        "since": since,
        "observed": pace(verdict.observed),
        "required": pace(verdict.required),
        "ratio": formats.percent(verdict.ratio),
    }
    method = (
        _("Reckoned by yearly growth rates, as for levels.")
        if by_rate
        else _("Reckoned along a straight path, as for counts and baselines of zero.")
    )
    limits = _("On track from 95%, too slow from 60%, far too slow from 0%, below that moving away.")
    return [part for part in (plain, figures, f"{method} {limits}") if part]


def _asked(row: Target) -> str:
    who, when = row.specify_owner, row.specify_by
    if who and when:
        return _("%(who)s is to specify it by %(day)s.") % {"who": who, "day": formats.day(when, "long")}
    if who:
        return _("%(who)s is to specify it; no date is set.") % {"who": who}
    if when:
        return _("It is to be specified by %(day)s; nobody is named to do it.") % {
            "day": formats.day(when, "long")
        }
    return _("Nobody is named to specify it, and no date is set.")


def _since(standing: Standing) -> str:
    if queries.baseline_of(standing.target) is not None:
        due = queries.deadline(standing.target.baseline_period)
        return due.words(_language()) if due else ""
    return formats.day(standing.course.points[0].as_of)


_SENTENCES: dict[progress.Reason, Any] = {
    "ratio": "",
    "trend": gettext_lazy("There is no number to reach, so the class goes by the growth alone."),
    "reached": gettext_lazy("The goal is reached."),
    "reached_early": gettext_lazy("The goal is reached before its deadline."),
    "reached_late": gettext_lazy("The goal was reached after its deadline."),
    "lost": gettext_lazy("The baseline was at the goal already; the latest value no longer is."),
    "due_past": gettext_lazy("The deadline is past and the goal is not reached."),
    "kept": gettext_lazy("The value is kept within 5% of what it should be."),
    "left": gettext_lazy("The value has left the band of 5% around what it should be."),
    "begins_later": gettext_lazy("Its baseline lies ahead, so there is nothing to judge yet."),
    "nothing_seen": gettext_lazy("No value after the baseline is known yet."),
    "one_point": gettext_lazy("One value is known and no baseline, so the pace cannot be told."),
    "due_missing": gettext_lazy("It has no deadline, so no pace is required."),
    "due_before_baseline": gettext_lazy("Its deadline lies before its baseline, so no pace can be required."),
    "goal_missing": gettext_lazy("It states no number to reach, so progress cannot be measured."),
}


def _chart(standing: Standing) -> charts.Figure | None:
    """The course of the value with the path it has to take; none where there is nothing to draw."""
    row, points = standing.target, standing.course.points
    if standing.verdict is None or standing.is_state or (not points and row.baseline is None):
        return None
    start, due = queries.deadline(row.baseline_period), standing.due
    baseline: tuple[date, float] | None = None
    if row.baseline is not None and start is not None:
        baseline = (start.due, float(row.baseline))
    elif points:
        baseline = (points[0].as_of, float(points[0].value))
    goal = (due.due, float(row.goal)) if due and row.goal is not None else None
    if goal is None or baseline is None or goal[0] <= baseline[0]:
        baseline = None
    return charts.line_path(
        [(point.as_of, float(point.value)) for point in points],
        title=str(row),
        show_title=False,
        unit=str(row.unit),
        baseline=baseline,
        goal=goal,
        today=timezone.localdate(),
        compound=standing.verdict.method == "cagr",
    )


# ---------------------------------------------------------------- two versions compared


def compare(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """What changed between two versions, row by row and word by word."""
    eco = domains.enter(request, ecosystem)
    known = queries.versions(eco, _by(request))
    context: dict[str, Any] = {
        "title": _("Versions compared"),
        "breadcrumbs": [(_("Strategy"), reverse("strategy", args=[eco.code])), (_("Versions compared"), "")],
        "versions": known,
    }
    if len(known) < 2:
        return render(request, "strategy/compare.html", context)
    after = queries.choose(known, request.GET.get("to") or known[0].number)
    assert after is not None, "two versions are known"
    other = next((each for each in known if each.number < after.number), known[-1])
    before = queries.choose(known, request.GET.get("from") or other.number)
    assert before is not None, "two versions are known"
    found = queries.compare(before, after)
    counted = Counter(each.change for each in found)
    return render(
        request,
        "strategy/compare.html",
        {
            **context,
            "before": before,
            "after": after,
            "differences": [_shown(each) for each in found],
            "count": len(found),
            "tiles": [(label, counted[change], tone) for change, label, tone in CHANGES if counted[change]],
            "before_label": _("Version %(number)d") % {"number": before.number},
            "after_label": _("Version %(number)d") % {"number": after.number},
        },
    )


CHANGES: tuple[tuple[queries.Change, Any, str], ...] = (
    ("added", pgettext_lazy("compared", "added"), "good"),
    ("removed", pgettext_lazy("compared", "removed"), "bad"),
    ("moved", pgettext_lazy("compared", "moved"), "progress"),
    ("changed", pgettext_lazy("compared", "changed"), "info"),
)
KINDS: dict[str, Any] = {
    "strategy.strategy": gettext_lazy("The strategy as a whole"),
    "strategy.obstacle": gettext_lazy("Obstacle"),
    "strategy.direction": gettext_lazy("Direction"),
    "strategy.priority": gettext_lazy("Priority"),
    "strategy.target": gettext_lazy("Target"),
    "strategy.lever": gettext_lazy("Lever"),
}


def _shown(difference: Difference) -> dict[str, Any]:
    label, tone = next((label, tone) for change, label, tone in CHANGES if change == difference.change)
    return {"it": difference, "kind": KINDS[difference.kind], "label": label, "tone": tone}


# ---------------------------------------------------------------- versions: found, draft, change, adopt, discard


def _form_page(
    request: HttpRequest, form: Any, *, title: str, submit: str, cancel: str, **more: Any
) -> HttpResponse:
    context = {
        "title": title,
        "form": form,
        "submit": submit,
        "cancel": cancel,
        **more,
    }
    return render(request, "strategy/form.html", context, status=answer_status(form))


def found(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Founds an empty version."""
    eco = domains.enter(request, ecosystem)
    _need(rules.may_edit, request, eco)
    year = timezone.localdate().year
    form = forms.VersionForm(
        request.POST or None, strategy=Strategy(ecosystem=eco), initial={"starts": year, "ends": year + 6}
    )
    if request.method == "POST" and form.carry_out(actions.found, eco, by=request.user):
        messages.success(request, _("The draft is there. Add what it is to say."))
        return redirect(form.result)
    return _form_page(
        request,
        form,
        title=_("New strategy"),
        lead=_("It begins as a draft that only those see who may see drafts."),
        submit=_("Begin the draft"),
        cancel=reverse("strategy", args=[eco.code]),
    )


@require_POST
def draft(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Drafts a new version from the one shown."""
    made = actions.draft_from(_version(request, domains.enter(request, ecosystem)), by=request.user)
    messages.success(
        request,
        _("Version %(number)d is drafted as a copy. Change what is to be different.")
        % {"number": made.number},
    )
    return redirect(made)


def edit(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Changes title, mission, years and policies of a draft."""
    strategy = _version(request, domains.enter(request, ecosystem))
    _need(rules.may_edit, request, strategy)
    _drafted(strategy)
    form = forms.VersionForm(request.POST or None, strategy=strategy, subject=strategy)
    if request.method == "POST" and form.carry_out(actions.edit_version, strategy, by=request.user):
        messages.success(request, _("Saved."))
        return redirect(form.result)
    return _form_page(
        request,
        form,
        title=_("Mission and years"),
        breadcrumbs=_trail(strategy, (_("Mission and years"), "")),
        submit=_("Save"),
        cancel=strategy.get_absolute_url(),
    )


def focuses(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Sets the niches on which a draft focuses."""
    strategy = _version(request, domains.enter(request, ecosystem))
    _need(rules.may_edit, request, strategy)
    _drafted(strategy)
    form = forms.FocusForm(request.POST or None, strategy=strategy, subject=strategy)
    if request.method == "POST" and form.carry_out(actions.set_focuses, strategy, by=request.user):
        messages.success(request, _("Saved."))
        return redirect(form.result)
    return _form_page(
        request,
        form,
        title=_("Niches in focus"),
        breadcrumbs=_trail(strategy, (_("Niches in focus"), "")),
        submit=_("Save"),
        cancel=strategy.get_absolute_url(),
    )


def adopt(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Puts a draft in force by a decision that was taken."""
    eco = domains.enter(request, ecosystem)
    strategy = _version(request, eco)
    _need(rules.may_edit, request, strategy)
    _drafted(strategy)
    form = forms.AdoptForm(request.POST or None, strategy=strategy)
    if request.method == "POST" and form.carry_out(actions.adopt, strategy, by=request.user):
        messages.success(request, _("Version %(number)d is in force.") % {"number": strategy.number})
        return redirect(form.result)
    former = queries.in_force(eco)
    lead = _("From then on it cannot be changed; a new version is drafted from it.")
    if former is not None:
        lead += " " + _("Version %(number)d is superseded and stays to be compared.") % {
            "number": former.number
        }
    return _form_page(
        request,
        form,
        title=_("Adopt version %(number)d") % {"number": strategy.number},
        lead=lead,
        breadcrumbs=_trail(strategy, (_("Adopt"), "")),
        submit=_("Put it in force"),
        cancel=strategy.get_absolute_url(),
    )


@require_POST
def discard(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Throws a draft away."""
    strategy = _version(request, domains.enter(request, ecosystem))
    number = strategy.number
    try:
        actions.discard(strategy, by=request.user)
    except Invalid as refusal:
        messages.error(request, str(refusal))
        return redirect(strategy)
    messages.success(request, _("The draft of version %(number)d is gone.") % {"number": number})
    return redirect("strategy", ecosystem)


# ---------------------------------------------------------------- parts of a draft

VERBS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "obstacles": (actions.add_obstacle, actions.edit_obstacle),
    "directions": (actions.add_direction, actions.edit_direction),
    "priorities": (actions.add_priority, actions.edit_priority),
    "targets": (actions.add_target, actions.edit_target),
    "levers": (actions.add_lever, actions.edit_lever),
}
ADD: dict[str, Any] = {
    "obstacles": gettext_lazy("Add an obstacle"),
    "directions": gettext_lazy("Add a direction"),
    "priorities": gettext_lazy("Add a priority"),
    "targets": gettext_lazy("Add a target"),
    "levers": gettext_lazy("Add a lever"),
}


def add_part(request: HttpRequest, ecosystem: str, kind: str) -> HttpResponse:
    """Adds an obstacle, direction, priority, target or lever to a draft; ?under= says under which row."""
    strategy = _version(request, domains.enter(request, ecosystem))
    _need(rules.may_edit, request, strategy)
    _drafted(strategy)
    form = PARTS[kind][1](
        request.POST or None, strategy=strategy, initial=_under(strategy, kind, request.GET.get("under", ""))
    )
    if request.method == "POST" and form.carry_out(VERBS[kind][0], strategy, by=request.user):
        messages.success(request, _("“%(name)s” is added.") % {"name": form.result})
        return redirect(form.result)
    return _form_page(
        request,
        form,
        title=str(ADD[kind]),
        breadcrumbs=_trail(strategy, (str(ADD[kind]), "")),
        submit=_("Add"),
        cancel=strategy.get_absolute_url(),
    )


def _under(strategy: Strategy, kind: str, code: str) -> dict[str, Any]:
    if kind == "priorities":
        return {"direction": strategy.direction_set.filter(code=code).first()}
    if kind == "targets":
        return {"priority": strategy.priority_set.filter(code=code).first()}
    return {}


def edit_part(request: HttpRequest, ecosystem: str, kind: str, code: str) -> HttpResponse:
    """Changes a part of a draft."""
    row: OfStrategy = _part(request, ecosystem, PARTS[kind][0], code)
    _need(rules.may_edit, request, row)
    _drafted(row.strategy)
    form = PARTS[kind][1](request.POST or None, strategy=row.strategy, subject=row)
    if request.method == "POST" and form.carry_out(VERBS[kind][1], row, by=request.user):
        messages.success(request, _("Saved."))
        return redirect(form.result)
    return _form_page(
        request,
        form,
        title=_("Change: %(name)s") % {"name": row},
        breadcrumbs=_trail(row.strategy, (str(row), row.get_absolute_url()), (_("Change"), "")),
        submit=_("Save"),
        cancel=row.get_absolute_url(),
        remove=reverse("strategy-remove-part", args=[ecosystem, kind, code])
        + f"?version={row.strategy.number}",
    )


@require_POST
def remove_part(request: HttpRequest, ecosystem: str, kind: str, code: str) -> HttpResponse:
    """Removes a part from a draft."""
    row: OfStrategy = _part(request, ecosystem, PARTS[kind][0], code)
    name, strategy = str(row), row.strategy
    try:
        actions.remove(row, by=request.user)
    except Invalid as refusal:
        messages.error(request, str(refusal))
        return redirect(row)
    messages.success(request, _("“%(name)s” is removed from the draft.") % {"name": name})
    return redirect(strategy)


# ---------------------------------------------------------------- targets in force


def _target_form(
    request: HttpRequest,
    row: Any,
    form: Any,
    verb: Callable[..., Any],
    *,
    title: str,
    submit: str,
    done: str,
    lead: str = "",
) -> HttpResponse:
    if request.method == "POST" and form.carry_out(verb, row, by=request.user):
        messages.success(request, done)
        return redirect(row)
    return _form_page(
        request,
        form,
        title=title,
        kicker=str(row),
        lead=lead,
        breadcrumbs=_trail(row.strategy, (str(row), row.get_absolute_url()), (title, "")),
        submit=submit,
        cancel=row.get_absolute_url(),
    )


def specify(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Gives a target that was left open its number or state to reach."""
    row: Target = _part(request, ecosystem, Target, code)
    _need(rules.may_edit, request, row)
    form = forms.SpecifyForm(request.POST or None, strategy=row.strategy, subject=row)
    return _target_form(
        request,
        row,
        form,
        actions.specify,
        title=_("Specify the target"),
        lead=_("Once specified it stays until a new version of the strategy changes it."),
        submit=_("Specify"),
        done=_("The target is specified."),
    )


def ask(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Says who specifies a target that was left open, and by when."""
    row: Target = _part(request, ecosystem, Target, code)
    _need(rules.may_edit, request, row)
    form = forms.AskForm(request.POST or None, strategy=row.strategy, subject=row)
    return _target_form(
        request,
        row,
        form,
        actions.ask_to_specify,
        title=_("Who specifies it, and by when"),
        submit=_("Save"),
        done=_("Saved."),
    )


def read_by(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Says how a target is read and from where it starts."""
    row: Target = _part(request, ecosystem, Target, code)
    _need(rules.may_edit, request, row)
    form = forms.ReadingForm(request.POST or None, strategy=row.strategy, subject=row)
    return _target_form(
        request,
        row,
        form,
        actions.read_by,
        title=_("How it is read"),
        lead=_("What is to be reached, and by when, was adopted and stays as it is."),
        submit=_("Save"),
        done=_("Saved."),
    )


def target_shares(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Says how much of a target serves which domain and mission."""
    return _shares(request, _part(request, ecosystem, Target, code))


def priority_shares(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Says how much of a priority serves which domain and mission."""
    return _shares(request, _part(request, ecosystem, Priority, code))


def _shares(request: HttpRequest, row: Any) -> HttpResponse:
    _need(domain_rules.may_share, request, row)
    now = {
        share.domain or share.mission: share.weight
        for share in domains.shares_of(row.kind(), [row.pk]).get(row.pk, [])
    }
    form = forms.SharesForm(request.POST or None, subject=row, shares=now)
    return _target_form(
        request,
        row,
        form,
        actions.share,
        title=_("What it serves"),
        lead=_(
            "The percents sum to 100, so that no total counts it twice. All empty: it serves the ecosystem's own"
            " domain whole."
        ),
        submit=_("Save"),
        done=_("Saved."),
    )


def report(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Reports the value of a target for a period, with evidence."""
    row: Target = _part(request, ecosystem, Target, code)
    _need(rules.may_report, request, row)
    form = forms.ReportForm(
        request.POST or None,
        request.FILES or None,
        target=row,
        institutions=queries.institutions_of(request.user),
        today=timezone.localdate(),
    )
    return _target_form(
        request,
        row,
        form,
        actions.report_value,
        title=_("Report a value"),
        lead=_("It counts once the coordinator has accepted it."),
        submit=_("Hand in"),
        done=_("Handed in. The coordinator is to accept it."),
    )


# ---------------------------------------------------------------- reported values

STEPS: dict[str, tuple[Callable[..., Any], Any]] = {
    "accept": (actions.accept_value, gettext_lazy("Accepted: the value counts now.")),
    "return": (actions.return_value, gettext_lazy("Returned to whoever reported it.")),
    "unlock": (actions.unlock_value, gettext_lazy("The period is open again.")),
}


@require_POST
def judge(request: HttpRequest, ecosystem: str, pk: int, step: str) -> HttpResponse:
    """Accepts or returns a reported value, or opens its period again."""
    eco = domains.enter(request, ecosystem)
    report = Report.objects.filter(pk=pk, ecosystem_id=eco.pk, about_kind=Target.kind()).first()
    about = (
        Target.objects.filter(pk=report.about_id).select_related("strategy__ecosystem").first()
        if report
        else None
    )
    if report is None or about is None:
        raise Http404(_("There is no such report on a target of this ecosystem."))
    # A value may have been reported on an earlier version: its history goes on in the one in force.
    row = (
        Target.objects.filter(strategy__state=StrategyState.ADOPTED, strategy__ecosystem=eco, code=about.code)
        .select_related("strategy__ecosystem")
        .first()
        or about
    )
    verb, done = STEPS[step]
    form = forms.JudgeForm(request.POST, required=step != "accept")
    if form.carry_out(verb, report, by=request.user):
        messages.success(request, str(done))
    else:
        refusals = [refusal for found in form.errors.values() for refusal in found]
        messages.error(request, " ".join(map(str, refusals)))
    return redirect(row)
