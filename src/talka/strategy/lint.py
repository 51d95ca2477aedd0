"""What is wrong with a strategy, told with the place and what would be right.

Codes and severities follow docs/answer-key.md, where the real strategy was read by hand. A rule that cannot be sure
stays silent: a wrong finding costs more trust than a missed one. S01 (a priority without measures) and S07 (two
measures alike) belong to the plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from talka.core.indicators import INDICATORS
from talka.core.lint import lint_rule
from talka.core.values import Period
from talka.strategy import queries
from talka.strategy.models import Desired, Direction, Lever, Obstacle, Priority, Strategy, Target, TargetKind
from talka.strategy.queries import Tree

Findings = Iterator[tuple[Any, str, str, str]]
OVER = "strategy.strategy"


def _tree(strategy: Strategy) -> Tree:
    """The version read once for all rules; a page that has read it leaves it on the row."""
    if not hasattr(strategy, "tree_read"):
        strategy.tree_read = queries.tree(strategy)  # type: ignore[attr-defined]
    return strategy.tree_read  # type: ignore[attr-defined]


def place_of(row: Any) -> str:
    """Where a finding is, in words: “Priority people-2, target people-2-a”."""
    if isinstance(row, Target):
        if row.priority is None:
            return _("Target %(code)s of the whole ecosystem") % {"code": row.code}
        return _("Priority %(priority)s, target %(code)s") % {"priority": row.priority.code, "code": row.code}
    for kind, words in (
        (Priority, _("Priority %(code)s")),
        (Direction, _("Direction %(code)s")),
        (Obstacle, _("Obstacle %(code)s")),
        (Lever, _("Lever %(code)s")),
    ):
        if isinstance(row, kind):
            return words % {"code": row.code}
    return _("Version %(number)d") % {"number": row.number}


def _quoted(target: Target) -> str:
    """The title of a target, short enough to stand within a sentence."""
    title = str(target)
    return title if len(title) <= 120 else f"{title[:119].rstrip()}…"


# ---------------------------------------------------------------- targets


@lint_rule(
    "S02",
    "error",
    gettext_lazy("A target is left to be specified, and nobody is asked to by a date"),
    over=OVER,
)
def unspecified(strategy: Strategy) -> Findings:
    """A target that is to be specified names who does it and by when, and that day has not passed.

    Wrong: “tiek precizēts”.
    Right: “tiek precizēts”, by the ministry, by 30 June.
    """
    for target in _tree(strategy).targets:
        if target.kind_of != TargetKind.UNSPECIFIED:
            continue
        expected = _("the target itself, or who specifies it and by which date")
        if target.specify_owner is None and target.specify_by is None:
            yield (
                target,
                place_of(target),
                _("“%(title)s”: nobody is to specify it, and no date is set") % {"title": _quoted(target)},
                expected,
            )
        elif target.specify_owner is None:
            yield target, place_of(target), _("a date is set, but nobody is to specify it"), expected
        elif target.specify_by is None:
            yield (
                target,
                place_of(target),
                _("%(who)s is to specify it, but no date is set") % {"who": target.specify_owner},
                expected,
            )
        elif target.specify_by < timezone.localdate():
            yield (
                target,
                place_of(target),
                _("%(who)s was to specify it by %(day)s")
                % {"who": target.specify_owner, "day": Period.day(target.specify_by).words(_language())},
                _("the target itself, or a new date"),
            )


@lint_rule("S03", "error", gettext_lazy("The deadline of a target is past and it is not reached"), over=OVER)
def past_and_not_reached(strategy: Strategy) -> Findings:
    """A target whose deadline is over was reached. Drafts are left to S18: they promise, they do not report."""
    if strategy.is_draft:
        return
    today = timezone.localdate()
    for standing in _tree(strategy).standings:
        due = standing.due
        if due is not None and due.is_past(today) and not standing.reached:
            value = standing.value_text
            yield (
                standing.target,
                place_of(standing.target),
                _("the deadline (%(due)s) is past; reading: %(value)s")
                % {"due": due.words(_language()), "value": value or _("none")},
                _(
                    "the target reached and its last value reported, or a new version of the strategy"
                    " with a new deadline"
                ),
            )


@lint_rule("S04", "error", gettext_lazy("A target of amount states no number"), over=OVER)
def amount_without_number(strategy: Strategy) -> Findings:
    """Wrong: “development of talent”. Right: “200 doctoral students”, or a state to reach that is met or not."""
    for target in _tree(strategy).targets:
        if target.kind_of == TargetKind.QUANTITY and target.goal is None:
            yield (
                target,
                place_of(target),
                _("“%(title)s” states no number") % {"title": _quoted(target)},
                _("a number with its unit and indicator, or a state of which one can say reached or not"),
            )


@lint_rule("S05", "warning", gettext_lazy("A number to reach has no baseline"), over=OVER)
def no_baseline(strategy: Strategy) -> Findings:
    """Without the value it starts from and the year, growth cannot be told; counting from nothing is 0, written out."""
    for target in _tree(strategy).numbers:
        missing = [
            words
            for words, there in (
                (_("baseline value"), target.baseline is not None),
                (_("baseline year"), bool(target.baseline_period)),
            )
            if not there
        ]
        if missing:
            yield (
                target,
                place_of(target),
                _("missing: %(what)s") % {"what": ", ".join(missing)},
                _(
                    "the value it starts from and its year; where counting starts from nothing, 0 and the year"
                ),
            )


# Stems of Latvian words that promise something nobody can check. Whole words would miss the endings.
VAGUE = (
    r"stabil",
    r"ilgtermiņa",
    r"ilgtspējīg",
    r"augst\w+ pievienot\w+ vērtīb",
    r"potenciāl",
    r"stimulēj",
    r"simulējoš",
    r"izcilīb",
    r"aktuāl",
    r"vērtīg",
    r"pietiekam",
    r"efektīv",
    r"būtisk",
    r"nozīmīg",
    r"kvalitatīv",
    r"atbilstoš\w* līmen",
    r"plaš",
    r"optimāl",
    r"u\.\s?c\.",
    r"utt\.",
    r"un cit(?:i|as|os|ās)\b",
)
_VAGUE = re.compile(rf"(?<!\w)(?:{'|'.join(VAGUE)})\w*", re.IGNORECASE)


@lint_rule("S06", "warning", gettext_lazy("Words in a target that cannot be measured"), over=OVER)
def vague_words(strategy: Strategy) -> Findings:
    """Looks at the Latvian text, which is the one that is adopted. Targets still to be specified are left to S02."""
    for target in _tree(strategy).targets:
        if target.kind_of == TargetKind.UNSPECIFIED:
            continue
        found = list(dict.fromkeys(match[0] for match in _VAGUE.finditer(target.title_lv)))
        if found:
            yield (
                target,
                place_of(target),
                _("words that cannot be measured: %(words)s")
                % {"words": ", ".join(f"“{word}”" for word in found)},
                _("for each a threshold or a test: how much, which ones, how it will be known"),
            )


# A scale says how many, not of what.
_SCALE_ONLY = re.compile(
    r"(?:mljrd|miljard\w*|milj|miljon\w*|tūkst\w*|billions?|bn|millions?|mn|thousands?)\.?", re.IGNORECASE
)


@lint_rule("S09", "warning", gettext_lazy("The unit of a target says how many, not of what"), over=OVER)
def unit_without_thing(strategy: Strategy) -> Findings:
    """Wrong: 0.5 “mljrd.”, or no unit at all. Right: 0.5 “miljardi EUR”."""
    for target in _tree(strategy).numbers:
        unit, goal = target.unit_lv.strip(), target.goal or Decimal(0)
        if not unit:
            yield (
                target,
                place_of(target),
                _("the number %(goal)s has no unit") % {"goal": f"{goal.normalize():f}"},
                _("what is counted, for example “projects a year”"),
            )
        elif _SCALE_ONLY.fullmatch(unit):
            yield (
                target,
                place_of(target),
                _("the unit is “%(unit)s”, without a currency or thing") % {"unit": unit},
                _("the unit in full, for example “billion EUR”"),
            )


@lint_rule("S13", "info", gettext_lazy("A number to reach that no indicator reads"), over=OVER)
def no_indicator(strategy: Strategy) -> Findings:
    """A number is read from the records of a room, or an institution reports it; so far neither happens."""
    for standing in _tree(strategy).standings:
        target = standing.target
        if target.kind_of != TargetKind.QUANTITY or target.goal is None or target.series in INDICATORS:
            continue
        if standing.reading.value is None:
            found = (
                _("no room provides the indicator “%(code)s”, and nobody has reported it")
                % {"code": target.indicator}
                if target.indicator
                else _("no indicator is named, and nobody has reported a value")
            )
            yield (
                target,
                place_of(target),
                found,
                _("an indicator from the ecosystem's records, or a value reported by an institution"),
            )


@lint_rule("S14", "error", gettext_lazy("A target has no deadline"), over=OVER)
def no_deadline(strategy: Strategy) -> Findings:
    """Wrong: “10 projects”. Right: “10 projects by 2027”."""
    for target in _tree(strategy).targets:
        if not target.due:
            yield (
                target,
                place_of(target),
                _("no deadline"),
                _("the year, quarter or day by which it is to be reached"),
            )


@lint_rule("S15", "error", gettext_lazy("The deadline of a target is before the strategy begins"), over=OVER)
def deadline_before_start(strategy: Strategy) -> Findings:
    """A strategy cannot reach what was due before its first year."""
    for standing in _tree(strategy).standings:
        if standing.due is not None and standing.due.due.year < strategy.starts:
            yield (
                standing.target,
                place_of(standing.target),
                _("due %(due)s, but the strategy begins in %(year)d")
                % {"due": standing.due.words(_language()), "year": strategy.starts},
                _("a deadline from %(first)d to %(last)d")
                % {"first": strategy.starts, "last": strategy.ends},
            )


@lint_rule("S18", "error", gettext_lazy("A draft sets a goal in the past"), over=OVER)
def goal_in_the_past(strategy: Strategy) -> Findings:
    """A version that is not adopted yet promises what is still to come."""
    if not strategy.is_draft:
        return
    for standing in _tree(strategy).standings:
        if (
            standing.due is not None
            and standing.due.is_past(timezone.localdate())
            and standing.due.due.year >= strategy.starts
        ):
            yield (
                standing.target,
                place_of(standing.target),
                _("due %(due)s, which is past") % {"due": standing.due.words(_language())},
                _("a deadline still to come, or the target left out of the new version"),
            )


@lint_rule(
    "S20", "warning", gettext_lazy("The goal of a target lies on the wrong side of its baseline"), over=OVER
)
def goal_against_direction(strategy: Strategy) -> Findings:
    """What is to increase has a goal above its baseline, what is to decrease one below it."""
    for target in _tree(strategy).numbers:
        if target.baseline is None or target.goal is None:
            continue
        wrong = (target.desired == Desired.INCREASE and target.goal <= target.baseline) or (
            target.desired == Desired.DECREASE and target.goal >= target.baseline
        )
        if wrong:
            yield (
                target,
                place_of(target),
                _("baseline %(baseline)s, goal %(goal)s, yet it is to %(desired)s")
                % {
                    "baseline": f"{target.baseline.normalize():f}",
                    "goal": f"{target.goal.normalize():f}",
                    "desired": target.get_desired_display(),
                },
                _("a goal on the other side of the baseline, or another desired direction"),
            )


# ---------------------------------------------------------------- structure


@lint_rule("S08", "warning", gettext_lazy("A direction has no priorities"), over=OVER)
def direction_without_priorities(strategy: Strategy) -> Findings:
    """A direction is walked by its priorities."""
    for branch in _tree(strategy).branches:
        if not branch.priorities:
            yield (
                branch.direction,
                place_of(branch.direction),
                _("no priorities"),
                _("at least one priority, or the direction left out"),
            )


@lint_rule("S10", "warning", gettext_lazy("A priority has no targets"), over=OVER)
def priority_without_targets(strategy: Strategy) -> Findings:
    """Without a target nobody can tell whether the priority is served."""
    for branch in _tree(strategy).branches:
        for bough in branch.priorities:
            if not bough.standings:
                yield (
                    bough.priority,
                    place_of(bough.priority),
                    _("no targets"),
                    _("at least one target, or one to be specified with an owner and a date"),
                )


@lint_rule("S12", "warning", gettext_lazy("No direction answers an obstacle"), over=OVER)
def obstacle_unanswered(strategy: Strategy) -> Findings:
    """Whatever stands in the way is taken up by a direction, or dropped with a reason."""
    for obstacle, answers in _tree(strategy).obstacles:
        if not answers:
            yield (
                obstacle,
                place_of(obstacle),
                _("no direction answers “%(title)s”") % {"title": str(obstacle)[:120]},
                _("a direction that answers it, or the obstacle dropped with a reason"),
            )


@lint_rule("S16", "error", gettext_lazy("The strategy states no mission"), over=OVER)
def no_mission(strategy: Strategy) -> Findings:
    """Everything else serves the mission."""
    if not strategy.mission_lv.strip():
        yield (
            strategy,
            place_of(strategy),
            _("no mission"),
            _("one paragraph that says what the ecosystem wants to become"),
        )


@lint_rule("S17", "info", gettext_lazy("A text is missing in English"), over=OVER)
def missing_english(strategy: Strategy) -> Findings:
    """Readers of the English pages would see Latvian there."""
    if strategy.mission_lv and not strategy.mission_en:
        yield strategy, place_of(strategy), _("the mission has no English text"), _("the mission in English")
    if not strategy.title_en:
        yield strategy, place_of(strategy), _("the title has no English text"), _("the title in English")
    for row in _tree(strategy).rows:
        if not row.title_en:
            yield row, place_of(row), _("no English text"), _("the same in English")


@lint_rule("S19", "info", gettext_lazy("Two rows of one kind have the same title"), over=OVER)
def same_title(strategy: Strategy) -> Findings:
    """In a list nobody could tell them apart. Targets still to be specified share a title by nature."""
    first: dict[tuple[type, str], Any] = {}
    for row in _tree(strategy).rows:
        if isinstance(row, Target) and row.kind_of == TargetKind.UNSPECIFIED:
            continue
        key = (type(row), " ".join(row.title_lv.casefold().split()))
        if key in first:
            yield (
                row,
                place_of(row),
                _("the same title as %(code)s") % {"code": first[key].code},
                _("titles that tell the two apart"),
            )
        first.setdefault(key, row)


def _language() -> str:
    return (get_language() or "lv")[:2]
