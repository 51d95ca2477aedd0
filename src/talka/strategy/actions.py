"""Verbs: draft a version, change its parts, adopt it, specify and measure its targets, report and judge their values.

Only a draft is changed. What was adopted is what was voted on: to change it, a new version is drafted from it and
adopted. Three things happen to a version in force without changing what it promises: a target that was left to be
specified is specified, it is said how a target is read, and values are reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Max, ProtectedError
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from talka.core import bulk, locking, reports, search
from talka.core.actions import SYSTEM, Invalid, action
from talka.core.bilingual import Text, both
from talka.core.indicators import INDICATORS
from talka.core.models import Noun, Report, SearchEntry
from talka.core.search import searchable
from talka.core.values import BadValue, Period
from talka.domains import actions as domains
from talka.domains.models import Domain, Ecosystem, Mission, Policy, Share
from talka.governance.models import Decision, DecisionState
from talka.network.models import Niche
from talka.parties.models import Organisation
from talka.strategy import queries, rules
from talka.strategy.models import (
    Direction,
    Focus,
    Lever,
    Obstacle,
    OfStrategy,
    Overcomes,
    PolicyLink,
    Priority,
    Strategy,
    StrategyState,
    Target,
    TargetKind,
)

N = TypeVar("N", bound=Noun)
Part = TypeVar("Part", bound=OfStrategy)
Shares = Mapping[Domain | Mission, Decimal]

# What is said of a target without changing what it promises: how its value is read and from where it starts.
READ_BY = frozenset({"indicator", "unit_lv", "unit_en", "baseline", "baseline_period", "reckoning"})
# What a target that was left open is given when it is specified.
SPECIFIED = READ_BY | {"title_lv", "title_en", "goal", "due", "desired", "note_lv", "note_en"}
# Columns that only the verbs themselves set: no form, import or program may adopt a version by editing it.
KEPT = frozenset({"id", "revision", "ecosystem", "strategy", "number", "state", "decision"})


# ---------------------------------------------------------------- versions


@action(needs=rules.may_edit)
def found(
    ecosystem: Ecosystem,
    *,
    by: Any,
    policies: Sequence[Policy] | None = None,
    number: int | None = None,
    **values: Any,
) -> Strategy:
    """Founds an empty version as a draft; its number is the next one unless given."""
    if number is not None and Strategy.objects.filter(ecosystem=ecosystem, number=number).exists():
        raise Invalid(_("There is a version %(number)d already.") % {"number": number}, field="number")
    version = Strategy(ecosystem=ecosystem, number=number or _next_number(ecosystem))
    _save(version, values)
    _link(version, policies)
    return version


@action(needs=rules.may_edit)
def draft_from(strategy: Strategy, *, by: Any) -> Strategy:
    """Drafts a new version as a copy of `strategy` with everything in it. Codes stay, so the two can be compared."""
    version = _copied(strategy, ecosystem=strategy.ecosystem)
    version.number, version.state, version.decision = (
        _next_number(strategy.ecosystem),
        StrategyState.DRAFT,
        None,
    )
    version.save()
    obstacles = _copy_all(strategy.obstacle_set.all(), strategy=version)
    directions = _copy_all(strategy.direction_set.all(), strategy=version)
    answers = Overcomes.objects.filter(direction__strategy=strategy)
    bulk.create(
        _copied(each, direction=directions[each.direction_id], obstacle=obstacles[each.obstacle_id])
        for each in answers
    )
    priorities = _copy_all(
        strategy.priority_set.all(),
        lambda row: {"strategy": version, "direction": directions[row.direction_id]},
    )
    targets = _copy_all(
        strategy.target_set.all(),
        lambda row: {
            "strategy": version,
            "priority": priorities[row.priority_id] if row.priority_id else None,
        },
    )
    _copy_all(strategy.lever_set.all(), strategy=version)
    bulk.create(_copied(each, strategy=version) for each in strategy.focuses.all())
    bulk.create(
        _copied(
            each,
            strategy=version,
            priority=priorities[each.priority_id] if each.priority_id else None,
            target=targets[each.target_id] if each.target_id else None,
        )
        for each in strategy.policy_links.all()
    )
    for made in ({strategy.pk: version}, priorities, targets):
        _copy_shares(made)
    return version


@action(needs=rules.may_edit)
def edit_version(
    strategy: Strategy,
    *,
    by: Any,
    seen: int | None = None,
    policies: Sequence[Policy] | None = None,
    **values: Any,
) -> Strategy:
    """Changes the title, mission and years of a draft, and the policies it serves; None leaves them as they are."""
    locking.check(strategy, seen)
    _must_be_draft(strategy)
    _save(strategy, values, bump=True)
    _link(strategy, policies)
    return strategy


@action(needs=rules.may_edit)
def discard(strategy: Strategy, *, by: Any) -> None:
    """Throws a draft away with everything in it."""
    _must_be_draft(strategy)
    try:
        for row in (*strategy.target_set.all(), *strategy.priority_set.all(), *strategy.direction_set.all()):
            _remove(row)
        for row in (*strategy.obstacle_set.all(), *strategy.lever_set.all()):
            _remove(row)
        for each in (*strategy.policy_links.all(), *strategy.focuses.all()):
            each.delete()
        _drop_shares(strategy)
        strategy.delete()
    except ProtectedError as error:
        names = ", ".join(sorted(str(row) for row in error.protected_objects)[:3])
        raise Invalid(_("This draft is in use and stays: %(names)s.") % {"names": names}) from None


@action(needs=rules.may_edit)
def adopt(strategy: Strategy, *, by: Any, decision: Decision | None = None) -> Strategy:
    """Puts a draft in force and supersedes the version that was.

    People name the decision that adopts it, already taken: a strategy is adopted by a body, not by whoever
    presses the button. A decision that carries this verb names itself.
    """
    if not strategy.is_draft:
        raise Invalid(
            _("Version %(number)d is %(state)s already; only a draft can be adopted.")
            % {"number": strategy.number, "state": strategy.get_state_display()}
        )
    if decision is None and by is not SYSTEM:
        raise Invalid(
            _("A strategy is adopted by a decision. Record the decision first, then name it here."),
            field="decision",
        )
    if decision is not None and (
        decision.state != DecisionState.ADOPTED or decision.ecosystem_id != strategy.ecosystem_id
    ):
        raise Invalid(
            _("“%(decision)s” is not an adopted decision of this ecosystem.") % {"decision": decision},
            field="decision",
        )
    # The database lets one version be in force, so the old one steps back first.
    former = Strategy.objects.filter(ecosystem=strategy.ecosystem, state=StrategyState.ADOPTED).first()
    if former is not None:
        former.state = StrategyState.SUPERSEDED
        former.save()
        _forget(former)
    strategy.state, strategy.decision = StrategyState.ADOPTED, decision
    strategy.save()
    search.refresh(queries.findable(strategy))  # its parts become public and get their plain addresses
    return strategy


@action(needs=rules.may_edit)
def set_focuses(strategy: Strategy, *, by: Any, niches: Sequence[Niche], seen: int | None = None) -> Strategy:
    """Sets the niches on which a draft focuses, all at once."""
    locking.check(strategy, seen)
    _must_be_draft(strategy)
    now = {focus.niche_id: focus for focus in strategy.focuses.all()}
    for key in now.keys() - {niche.pk for niche in niches}:
        now[key].delete()
    for niche in niches:
        if niche.ecosystem_id != strategy.ecosystem_id:
            raise Invalid(
                _("“%(niche)s” is a niche of another ecosystem.") % {"niche": niche}, field="niches"
            )
        if niche.pk not in now:
            Focus(strategy=strategy, niche=niche).save()
    strategy.save(bump=True)
    return strategy


# ---------------------------------------------------------------- parts of a draft


@action(needs=rules.may_edit)
def add_obstacle(strategy: Strategy, *, by: Any, **values: Any) -> Obstacle:
    """Adds an obstacle to a draft."""
    return _add(Obstacle(strategy=strategy), values)


@action(needs=rules.may_edit)
def edit_obstacle(obstacle: Obstacle, *, by: Any, seen: int | None = None, **values: Any) -> Obstacle:
    """Changes an obstacle of a draft."""
    return _edit(obstacle, seen, values)


@action(needs=rules.may_edit)
def add_direction(
    strategy: Strategy, *, by: Any, obstacles: Sequence[Obstacle] = (), **values: Any
) -> Direction:
    """Adds a direction to a draft, with the obstacles it answers."""
    direction = _add(Direction(strategy=strategy), values)
    _answer(direction, obstacles)
    return direction


@action(needs=rules.may_edit)
def edit_direction(
    direction: Direction,
    *,
    by: Any,
    seen: int | None = None,
    obstacles: Sequence[Obstacle] | None = None,
    **values: Any,
) -> Direction:
    """Changes a direction of a draft and the obstacles it answers; None leaves them as they are."""
    _edit(direction, seen, values)
    _answer(direction, obstacles)
    return direction


@action(needs=rules.may_edit)
def add_priority(
    strategy: Strategy,
    *,
    by: Any,
    policies: Sequence[Policy] | None = None,
    shares: Shares | None = None,
    **values: Any,
) -> Priority:
    """Adds a priority to a draft."""
    priority = _add(Priority(strategy=strategy), values)
    _link(priority, policies)
    _share(priority, shares, by)
    return priority


@action(needs=rules.may_edit)
def edit_priority(
    priority: Priority,
    *,
    by: Any,
    seen: int | None = None,
    policies: Sequence[Policy] | None = None,
    shares: Shares | None = None,
    **values: Any,
) -> Priority:
    """Changes a priority of a draft; policies and shares of None stay as they are."""
    _edit(priority, seen, values)
    _link(priority, policies)
    _share(priority, shares, by)
    return priority


@action(needs=rules.may_edit)
def add_target(
    strategy: Strategy,
    *,
    by: Any,
    policies: Sequence[Policy] | None = None,
    shares: Shares | None = None,
    **values: Any,
) -> Target:
    """Adds a target to a draft, under a priority or, without one, for the whole ecosystem."""
    target = _add(Target(strategy=strategy), values)
    _link(target, policies)
    _share(target, shares, by)
    return target


@action(needs=rules.may_edit)
def edit_target(
    target: Target,
    *,
    by: Any,
    seen: int | None = None,
    policies: Sequence[Policy] | None = None,
    shares: Shares | None = None,
    **values: Any,
) -> Target:
    """Changes a target of a draft; policies and shares of None stay as they are."""
    _edit(target, seen, values)
    _link(target, policies)
    _share(target, shares, by)
    return target


@action(needs=rules.may_edit)
def add_lever(strategy: Strategy, *, by: Any, **values: Any) -> Lever:
    """Adds a lever to a draft."""
    return _add(Lever(strategy=strategy), values)


@action(needs=rules.may_edit)
def edit_lever(lever: Lever, *, by: Any, seen: int | None = None, **values: Any) -> Lever:
    """Changes a lever of a draft."""
    return _edit(lever, seen, values)


@action(needs=rules.may_edit)
def remove(row: OfStrategy, *, by: Any) -> None:
    """Removes an obstacle, direction, priority, target or lever from a draft; what still holds others stays."""
    _must_be_draft(row.strategy)
    held = (
        row.priorities.count()
        if isinstance(row, Direction)
        else row.targets.count()
        if isinstance(row, Priority)
        else 0
    )
    if held:
        raise Invalid(
            _("“%(name)s” still holds %(count)d others. Move or remove those first.")
            % {"name": row, "count": held}
        )
    _remove(row)


# ---------------------------------------------------------------- targets in force


@action(needs=rules.may_edit)
def ask_to_specify(
    target: Target, *, by: Any, specify_owner: Organisation | None, specify_by: Any, seen: int | None = None
) -> Target:
    """Says who specifies a target that was left open, and by when; also in a version in force."""
    locking.check(target, seen)
    _must_be_open(target)
    return _save(target, {"specify_owner": specify_owner, "specify_by": specify_by})


@action(needs=rules.may_edit)
def specify(target: Target, *, by: Any, kind_of: str, seen: int | None = None, **values: Any) -> Target:
    """Gives a target that was left open its number or state to reach; also in a version in force."""
    locking.check(target, seen)
    _must_be_open(target)
    if kind_of == TargetKind.UNSPECIFIED:
        raise Invalid(_("Say whether it is a number or a state that is to be reached."), field="kind_of")
    if kind_of == TargetKind.QUANTITY and values.get("goal") is None:
        raise Invalid(_("Give the number that is to be reached."), field="goal")
    if not values.get("due", target.due):
        raise Invalid(_("Say by when it is to be reached."), field="due")
    return _save(target, {**values, "kind_of": kind_of}, allowed=SPECIFIED | {"kind_of"})


@action(needs=rules.may_edit)
def read_by(target: Target, *, by: Any, seen: int | None = None, **values: Any) -> Target:
    """Says how a target's value is read and from where it starts (`READ_BY`); also in a version in force.

    What is to be reached, and by when, was adopted and stays.
    """
    locking.check(target, seen)
    if target.strategy.state == StrategyState.SUPERSEDED:
        raise Invalid(_("This version is superseded; change the target in the version in force."))
    return _save(target, values, allowed=READ_BY)


@action(needs=domains.set_shares.needs)  # type: ignore[attr-defined]  # @action keeps the rule on the verb
def share(row: Priority | Target, *, by: Any, shares: Shares, seen: int | None = None) -> Priority | Target:
    """Says how much of a priority or target serves which domain and mission; the shares sum to 1."""
    locking.check(row, seen)
    domains.set_shares(row, by=by, shares=shares)
    row.save(bump=True)
    return row


# ---------------------------------------------------------------- values of targets


@action(needs=rules.may_report)
def report_value(
    target: Target,
    *,
    by: Any,
    period: Period,
    value: Decimal | None = None,
    text: str = "",
    files: Iterable[UploadedFile] = (),
    public: bool = False,
    institution: Organisation | None = None,
) -> Report:
    """Reports the value of a target for a period, with evidence; it counts once the coordinator accepts it.

    A state to reach is reported as 1 (reached) or 0 (not yet). `public`: the files may be shown to everybody.
    """
    if target.strategy.state != StrategyState.ADOPTED:
        raise Invalid(
            _("Values are reported for the version in force; this one is %(state)s.")
            % {"state": target.strategy.get_state_display()}
        )
    if target.kind_of == TargetKind.UNSPECIFIED:
        raise Invalid(_("This target is still to be specified; there is nothing to measure yet."))
    if target.series in INDICATORS:
        raise Invalid(
            _("This target is read from the records of the house (%(indicator)s); nobody needs to report it.")
            % {"indicator": INDICATORS[target.series].label}
        )
    if value is None:
        raise Invalid(_("Give the value as it was in this period."), field="value")
    if target.kind_of == TargetKind.MILESTONE and value not in (0, 1):
        raise Invalid(_("A state is reached (1) or not yet (0)."), field="value")
    if queries.accepted_for(target, period):  # in whatever version
        reports.refuse_locked(period)
    return reports.submit(
        target,
        by=by,
        period=period,
        text=text,
        value=value,
        series=target.series,
        institution=reports.for_whom(
            queries.institutions_of(by), institution, for_any=rules.may_edit(by, target)
        ),
        files=files,
        public=public,
    )


@action(needs=rules.may_judge_values)
def accept_value(report: Report, *, by: Any, comment: str = "") -> Report:
    """Accepts a reported value; from now on it counts, and its period is locked."""
    return reports.accept(report, by=by, comment=comment)


@action(needs=rules.may_judge_values)
def return_value(report: Report, *, by: Any, comment: str) -> Report:
    """Returns a reported value with what is missing in it."""
    return reports.give_back(report, by=by, comment=comment)


@action(needs=rules.may_judge_values)
def unlock_value(report: Report, *, by: Any, comment: str) -> Report:
    """Opens the period of an accepted value again, with the reason; the value no longer counts."""
    return reports.unlock(report, by=by, comment=comment)


# ---------------------------------------------------------------- helpers


def _must_be_draft(strategy: Strategy) -> None:
    if not strategy.is_draft:
        raise Invalid(
            _(
                "Version %(number)d is %(state)s and stays as it was decided. Draft a new version to change it."
            )
            % {"number": strategy.number, "state": strategy.get_state_display()}
        )


def _must_be_open(target: Target) -> None:
    if target.strategy.state == StrategyState.SUPERSEDED:
        raise Invalid(_("This version is superseded; change the target in the version in force."))
    if target.kind_of != TargetKind.UNSPECIFIED:
        raise Invalid(_("This target is specified already: %(target)s.") % {"target": target})


def _next_number(ecosystem: Ecosystem) -> int:
    return (Strategy.objects.filter(ecosystem=ecosystem).aggregate(last=Max("number"))["last"] or 0) + 1


def _add(row: Part, values: dict[str, Any]) -> Part:
    _must_be_draft(row.strategy)
    rows = type(row)._base_manager.filter(strategy=row.strategy)
    if not values.get("order"):  # rows that do not say where they stand come last
        values["order"] = (rows.aggregate(last=Max("order"))["last"] or 0) + 1
    if rows.filter(code__iexact=values.get("code", "")).exists():
        raise Invalid(
            _("The code “%(code)s” is taken in this version.") % {"code": values["code"]}, field="code"
        )
    return _save(row, values)


def _edit(row: Part, seen: int | None, values: dict[str, Any]) -> Part:
    locking.check(row, seen)
    _must_be_draft(row.strategy)
    if values.get("code", row.code) != row.code:
        raise Invalid(
            _("The code “%(code)s” stays: by it the versions are compared.") % {"code": row.code},
            field="code",
        )
    if values.get("order", 0) is None:  # an empty cell leaves the row where it stands
        del values["order"]
    # The form's revision must move even where only the links below it change.
    return _save(row, values, bump=True)


def _save(
    row: N, values: Mapping[str, Any], *, bump: bool = False, allowed: frozenset[str] | None = None
) -> N:
    """Sets and checks the columns of a row; what is wrong is said of the column it is wrong in."""
    known = allowed or {field.name for field in row._meta.concrete_fields} - KEPT
    if unknown := values.keys() - known:
        raise TypeError(
            f"{row.kind()} takes {', '.join(sorted(known))} here, not {', '.join(sorted(unknown))}"
        )
    for name, value in values.items():
        setattr(row, name, value)
    if isinstance(row, Target):
        _check_target(row)
    if isinstance(row, Priority) and row.direction.strategy_id != row.strategy_id:
        raise Invalid(_("“%(name)s” stands in another version.") % {"name": row.direction}, field="direction")
    if (
        isinstance(row, Strategy)
        and row.starts is not None
        and row.ends is not None
        and row.ends < row.starts
    ):
        raise Invalid(_("The last year is before the first year."), field="ends")
    keys = [field.name for field in row._meta.concrete_fields if field.is_relation]
    try:
        row.clean_fields(exclude=keys)
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise Invalid(messages[0], field=name) from None
    row.save(bump=bump)
    return row


def _check_target(target: Target) -> None:
    if target.priority is not None and target.priority.strategy_id != target.strategy_id:
        raise Invalid(
            _("“%(name)s” stands in another version.") % {"name": target.priority}, field="priority"
        )
    if target.goal is not None and target.kind_of != TargetKind.QUANTITY:
        raise Invalid(
            _("Only a number to reach has a goal; choose that kind or leave the goal empty."), field="goal"
        )
    for name in ("due", "baseline_period"):
        text = getattr(target, name)
        if text:
            try:
                setattr(target, name, str(Period.parse(text)))
            except BadValue as error:
                raise Invalid(error.words((get_language() or "lv")[:2]), field=name) from None


def _link(row: Strategy | Priority | Target, policies: Sequence[Policy] | None) -> None:
    """Sets the policies that a version, priority or target serves; None leaves them."""
    if policies is None:
        return
    place: dict[str, Any] = {"strategy": row, "priority": None, "target": None}
    if isinstance(row, Priority):
        place = {"strategy": row.strategy, "priority": row, "target": None}
    if isinstance(row, Target):
        place = {"strategy": row.strategy, "priority": None, "target": row}
    now = {link.policy_id: link for link in PolicyLink.objects.filter(**place)}
    for key in now.keys() - {policy.pk for policy in policies}:
        now[key].delete()
    for policy in policies:
        if policy.pk not in now:
            PolicyLink(policy=policy, **place).save()


def _answer(direction: Direction, obstacles: Sequence[Obstacle] | None) -> None:
    """Sets the obstacles that a direction answers; None leaves them."""
    if obstacles is None:
        return
    now = {each.obstacle_id: each for each in direction.overcomes.all()}
    for key in now.keys() - {obstacle.pk for obstacle in obstacles}:
        now[key].delete()
    for obstacle in obstacles:
        if obstacle.strategy_id != direction.strategy_id:
            raise Invalid(_("“%(name)s” stands in another version.") % {"name": obstacle}, field="obstacles")
        if obstacle.pk not in now:
            Overcomes(direction=direction, obstacle=obstacle).save()


def _share(row: Priority | Target, shares: Shares | None, by: Any) -> None:
    if shares is not None and (shares or _shares(row)):
        domains.set_shares(row, by=by, shares=shares)


def _shares(row: Noun) -> list[Share]:
    return list(Share.objects.filter(about_kind=row.kind(), about_id=row.pk))


def _drop_shares(row: Noun) -> None:
    for each in _shares(row):
        each.delete()


def _remove(row: Any) -> None:
    """Deletes a row with what hangs on it, each on record: the database's own cascade would leave no trace."""
    if isinstance(row, Direction):
        for each in row.overcomes.all():
            each.delete()
    if isinstance(row, Obstacle):
        for each in row.overcome_by.all():
            each.delete()
    if isinstance(row, Priority | Target):
        for link in row.policy_links.all():
            link.delete()
        _drop_shares(row)
    row.delete()


def _copied(row: N, **changes: Any) -> N:
    """An unsaved copy of a row. `changes` carry related rows, so that the copies need not look them up again."""
    columns = {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.attname not in {"id", "revision"} and field.name not in changes
    }
    return type(row)(**columns, **changes)


def _copy_all(rows: Iterable[Any], each: Any = None, **changes: Any) -> dict[int, Any]:
    """Copies rows of one kind; the copies by the id of what they copy."""
    originals = list(rows)
    copies = bulk.create(_copied(row, **(each(row) if each else changes)) for row in originals)
    return {row.pk: copy for row, copy in zip(originals, copies, strict=True)}


def _copy_shares(made: Mapping[int, Any]) -> None:
    if not made:
        return
    kind = next(iter(made.values())).kind()
    shares = Share.objects.filter(about_kind=kind, about_id__in=list(made))
    bulk.create(_copied(each, about_id=made[each.about_id].pk) for each in shares)


def _forget(strategy: Strategy) -> None:
    """Takes the parts of a superseded version out of the search: every one would be found twice."""
    for row in queries.findable(strategy):
        SearchEntry.objects.filter(kind=row.kind(), subject_id=row.pk).delete()


# ---------------------------------------------------------------- what can be found


def _named(row: Any) -> Text:
    return both(row, "title")


def _in_force(row: Any) -> bool:
    return bool(row.strategy.state == StrategyState.ADOPTED)


def _summary(row: Any) -> Text:
    """The rationale, where there is one; a draft is told from its namesake in force by its version."""
    text = both(row, "rationale") if isinstance(row, Priority) else Text()
    if _in_force(row):
        return text
    number = row.strategy.number
    return Text(f"{number}. versija. {text.lv}".strip(), f"Version {number}. {text.en}".strip())


searchable(
    Strategy,
    title=_named,
    summary=lambda row: both(row, "mission"),
    words=lambda row: str(row.number),
    public=lambda row: row.state != StrategyState.DRAFT,
)
for _model in (Obstacle, Direction, Priority, Target):
    searchable(_model, title=_named, summary=_summary, words=lambda row: row.code, public=_in_force)
