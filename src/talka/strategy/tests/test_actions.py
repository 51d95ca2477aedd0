"""Verbs: who may, what a draft allows, what a version in force allows, what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from talka.core import search
from talka.core.actions import SYSTEM, Invalid, Refused, Stale
from talka.core.models import Attachment, Event, ReportState, SearchEntry
from talka.core.testing import acting
from talka.core.values import Period
from talka.domains.models import Share
from talka.governance import actions as governance
from talka.strategy import actions, queries, rules
from talka.strategy.models import OfStrategy, Overcomes, PolicyLink, Strategy, StrategyState, Target
from talka.strategy.tests import factories as draw

pytestmark = pytest.mark.django_db

LAST_YEAR = Period.year(timezone.localdate().year - 1)


# ---------------------------------------------------------------- who may


RULES = {
    # rule: Anna coordinates, Bruno reports for his institution, Cilda is a stranger, nobody is signed in, the house
    "may_edit": (True, False, False, False, True),
    "may_see_drafts": (True, True, False, False, True),
    "may_report": (True, True, False, False, True),
}


@pytest.mark.parametrize("rule", sorted(RULES))
def test_who_may(rule: str) -> None:
    eco = draw.ecosystem()
    who = draw.people(eco)
    asked = getattr(rules, rule)
    answers = tuple(asked(by, draw.version(eco)) for by in (who.anna, who.bruno, who.cilda, None, SYSTEM))
    assert answers == RULES[rule]


def test_rights_end_at_the_ecosystem() -> None:
    who = draw.people(draw.ecosystem())
    elsewhere = draw.version(draw.ecosystem("wasps"))
    assert [getattr(rules, rule)(who.anna, elsewhere) for rule in sorted(RULES)] == [False] * len(RULES)


def test_an_officer_without_an_institution_reports_for_nobody() -> None:
    eco = draw.ecosystem()
    dace = draw.account("Dace", "officer", eco)
    assert not rules.may_report(dace, draw.version(eco))


def test_values_of_other_rooms_are_not_judged_here() -> None:
    eco = draw.ecosystem()
    who = draw.people(eco)
    strategy = draw.small(eco)
    draw.in_force(strategy)
    report = draw.value(strategy.target_set.get(), 2023, 3, accepted=False)
    report.about_kind = "plan.measure"
    with pytest.raises(Refused):
        actions.accept_value(report, by=who.anna)


VERBS: dict[str, Callable[[Strategy, Any], Any]] = {
    "found": lambda s, by: actions.found(s.ecosystem, by=by, title_lv="B", starts=2028, ends=2034),
    "draft_from": lambda s, by: actions.draft_from(s, by=by),
    "edit_version": lambda s, by: actions.edit_version(s, by=by, title_lv="C"),
    "discard": lambda s, by: actions.discard(s, by=by),
    "adopt": lambda s, by: actions.adopt(s, by=by, decision=draw.decision(s.ecosystem)),
    "set_focuses": lambda s, by: actions.set_focuses(s, by=by, niches=[]),
    "add_obstacle": lambda s, by: actions.add_obstacle(s, by=by, code="x", title_lv="X"),
    "edit_obstacle": lambda s, by: actions.edit_obstacle(s.obstacle_set.get(), by=by, title_lv="X"),
    "add_direction": lambda s, by: actions.add_direction(s, by=by, code="x", title_lv="X"),
    "edit_direction": lambda s, by: actions.edit_direction(s.direction_set.get(), by=by, title_lv="X"),
    "add_priority": lambda s, by: actions.add_priority(
        s, by=by, code="x", title_lv="X", direction=s.direction_set.get()
    ),
    "edit_priority": lambda s, by: actions.edit_priority(s.priority_set.get(), by=by, title_lv="X"),
    "add_target": lambda s, by: actions.add_target(s, by=by, code="x", title_lv="X"),
    "edit_target": lambda s, by: actions.edit_target(s.target_set.get(), by=by, title_lv="X"),
    "add_lever": lambda s, by: actions.add_lever(s, by=by, code="x", title_lv="X"),
    "edit_lever": lambda s, by: actions.edit_lever(s.lever_set.get(), by=by, title_lv="X"),
    "remove": lambda s, by: actions.remove(s.lever_set.get(), by=by),
    "read_by": lambda s, by: actions.read_by(s.target_set.get(), by=by, indicator="bees.hives"),
    "share": lambda s, by: actions.share(s.target_set.get(), by=by, shares={s.ecosystem.domain: Decimal(1)}),
}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_the_coordinator_may_others_may_not(verb: str) -> None:
    eco = draw.ecosystem()
    who = draw.people(eco)
    strategy = draw.small(eco)
    for by in (who.bruno, who.cilda):
        with pytest.raises(Refused):
            VERBS[verb](strategy, by)
    before = Event.objects.filter(verb=f"strategy.{verb}").count()
    VERBS[verb](strategy, who.anna)
    assert Event.objects.filter(verb=f"strategy.{verb}").count() == before + 1


DRAFTS_ONLY = sorted(VERBS.keys() - {"found", "draft_from", "adopt", "read_by", "share"})


@pytest.mark.parametrize("verb", DRAFTS_ONLY)
def test_what_was_adopted_stays(verb: str) -> None:
    eco = draw.ecosystem()
    strategy = draw.in_force(draw.small(eco))
    with pytest.raises(Invalid, match=r"adopted|pieņemta"):
        VERBS[verb](strategy, SYSTEM)


# ---------------------------------------------------------------- columns


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"due": "when money comes"}, "due"),
        ({"baseline_period": "2023-02-30"}, "baseline_period"),
        ({"kind_of": "milestone", "goal": Decimal(3)}, "goal"),
        ({"title_lv": ""}, "title_lv"),
        ({"unit_lv": "x" * 81}, "unit_lv"),
        ({"desired": "sideways"}, "desired"),
    ],
)
def test_a_wrong_column_is_named(values: dict[str, Any], field: str) -> None:
    strategy = draw.small(draw.ecosystem())
    with pytest.raises(Invalid) as refusal:
        actions.edit_target(strategy.target_set.get(), by=SYSTEM, **values)
    assert refusal.value.field == field


def test_periods_are_kept_as_machines_read_them() -> None:
    strategy = draw.small(draw.ecosystem())
    target = actions.edit_target(strategy.target_set.get(), by=SYSTEM, due="2027. gada 3. ceturksnis")
    assert target.due == "2027-Q3"


@pytest.mark.parametrize("code", ["posts-0", "POSTS-0"])
def test_a_code_is_taken_once(code: str) -> None:
    strategy = draw.small(draw.ecosystem())
    with pytest.raises(Invalid) as refusal:
        draw.target(strategy, code)
    assert refusal.value.field == "code"


def test_a_code_stays() -> None:
    strategy = draw.small(draw.ecosystem())
    with pytest.raises(Invalid) as refusal:
        actions.edit_target(strategy.target_set.get(), by=SYSTEM, code="other")
    assert refusal.value.field == "code"


@pytest.mark.parametrize("name", ["state", "number", "decision", "ecosystem", "nonsense"])
def test_editing_cannot_reach_what_the_verbs_keep(name: str) -> None:
    strategy = draw.version(draw.ecosystem())
    with pytest.raises(TypeError, match=name):
        actions.edit_version(strategy, by=SYSTEM, **{name: "adopted"})  # type: ignore[arg-type]  # that is the point


def test_rows_hang_under_rows_of_their_own_version() -> None:
    eco = draw.ecosystem()
    one = draw.small(eco)
    two = actions.draft_from(one, by=SYSTEM)
    with pytest.raises(Invalid) as priority:
        actions.edit_priority(one.priority_set.get(), by=SYSTEM, direction=two.direction_set.get())
    with pytest.raises(Invalid) as target:
        actions.edit_target(one.target_set.get(), by=SYSTEM, priority=two.priority_set.get())
    with pytest.raises(Invalid) as direction:
        actions.edit_direction(one.direction_set.get(), by=SYSTEM, obstacles=[two.obstacle_set.get()])
    assert [each.value.field for each in (priority, target, direction)] == [
        "direction",
        "priority",
        "obstacles",
    ]


def test_a_second_editor_is_told() -> None:
    strategy = draw.small(draw.ecosystem())
    target = strategy.target_set.get()
    seen = target.revision
    actions.edit_target(target, by=SYSTEM, seen=seen, title_lv="Pirmais")
    with pytest.raises(Stale):
        actions.edit_target(strategy.target_set.get(), by=SYSTEM, seen=seen, title_lv="Otrais")


def test_a_link_below_counts_as_a_change_of_the_form() -> None:
    strategy = draw.small(draw.ecosystem())
    direction = strategy.direction_set.get()
    seen = direction.revision
    actions.edit_direction(direction, by=SYSTEM, seen=seen, obstacles=[])
    with pytest.raises(Stale):
        actions.edit_direction(strategy.direction_set.get(), by=SYSTEM, seen=seen, title_lv="X")
    assert Overcomes.objects.count() == 0


def test_what_holds_others_is_not_removed() -> None:
    strategy = draw.small(draw.ecosystem())
    top_down: list[OfStrategy] = [strategy.direction_set.get(), strategy.priority_set.get()]
    for row in top_down:
        with pytest.raises(Invalid):
            actions.remove(row, by=SYSTEM)
    for row in (strategy.target_set.get(), *reversed(top_down), strategy.obstacle_set.get()):
        actions.remove(row, by=SYSTEM)
    assert list(queries.findable(strategy)) == []


def test_removing_takes_links_and_shares_along_and_says_so() -> None:
    eco = draw.ecosystem()
    strategy = draw.small(eco)
    target = strategy.target_set.get()
    _domain, mission = draw.shared(eco)
    with acting():
        from talka.domains.models import Policy  # noqa: PLC0415 -- the only test that needs it

        policy = Policy(code="nap", kind_of="national_plan", title_lv="NAP")
        policy.save()
    actions.edit_target(target, by=SYSTEM, policies=[policy], shares={mission: Decimal(1)})
    actions.remove(target, by=SYSTEM)
    assert (PolicyLink.objects.count(), Share.objects.count()) == (0, 0)
    kinds = sorted(Event.objects.first().changes.values_list("subject_kind", flat=True))  # type: ignore[union-attr]
    assert kinds == ["domains.share", "strategy.policylink", "strategy.target"]


# ---------------------------------------------------------------- versions


def test_a_version_is_numbered_after_the_last() -> None:
    eco = draw.ecosystem()
    assert [draw.version(eco).number, draw.version(eco).number] == [1, 2]


def test_a_number_is_taken_once() -> None:
    eco = draw.ecosystem()
    draw.version(eco)
    with pytest.raises(Invalid) as refusal:
        draw.version(eco, number=1)
    assert refusal.value.field == "number"


def test_years_run_forward() -> None:
    with pytest.raises(Invalid) as refusal:
        draw.version(draw.ecosystem(), starts=2027, ends=2023)
    assert refusal.value.field == "ends"


def test_a_copy_is_the_same_in_everything_but_its_number() -> None:
    eco = draw.ecosystem()
    one = draw.small(eco, targets=3)
    domain, mission = draw.shared(eco)
    target = one.target_set.first()
    assert target is not None
    actions.share(target, by=SYSTEM, shares={domain: Decimal("0.25"), mission: Decimal("0.75")})
    actions.set_focuses(one, by=SYSTEM, niches=[draw.niche(eco, "honey")])
    draw.in_force(one)
    two = actions.draft_from(one, by=SYSTEM)
    assert (two.number, two.state, two.decision) == (2, StrategyState.DRAFT, None)
    assert queries.compare(one, two) == []
    copied = two.target_set.get(code=target.code)
    assert copied.pk != target.pk
    assert {
        share.domain or share.mission: share.weight for share in Share.objects.filter(about_id=copied.pk)
    } == {
        domain: Decimal("0.25"),
        mission: Decimal("0.75"),
    }
    assert copied.priority == two.priority_set.get()
    assert copied.priority.direction == two.direction_set.get()
    assert [focus.niche.code for focus in two.focuses.all()] == ["honey"]
    touched = Event.objects.filter(verb="strategy.draft_from").get().changes.count()
    # version, obstacle, direction, its answer, priority, three targets, lever, focus, two shares
    assert touched == 1 + 1 + 1 + 1 + 1 + 3 + 1 + 1 + 2


def test_a_draft_is_discarded_with_all_that_is_in_it() -> None:
    eco = draw.ecosystem()
    one = draw.in_force(draw.small(eco))
    two = actions.draft_from(one, by=SYSTEM)
    actions.discard(two, by=SYSTEM)
    assert list(Strategy.objects.all()) == [one]
    assert Target.objects.count() == 1
    assert SearchEntry.objects.filter(kind=Target.kind()).count() == 1


def test_adopting_supersedes_the_version_in_force() -> None:
    eco = draw.ecosystem()
    one = draw.in_force(draw.small(eco))
    two = actions.draft_from(one, by=SYSTEM)
    taken = draw.decision(eco)
    actions.adopt(two, by=draw.people(eco).anna, decision=taken)
    one.refresh_from_db()
    assert (one.state, two.state, two.decision) == ("superseded", "adopted", taken)
    assert queries.in_force(eco) == two


def test_the_database_lets_one_version_be_in_force() -> None:
    eco = draw.ecosystem()
    draw.in_force(draw.version(eco))
    two = draw.version(eco)
    two.state = StrategyState.ADOPTED
    with pytest.raises(IntegrityError), transaction.atomic(), acting():
        two.save()


def test_people_adopt_by_a_decision_that_was_taken_here() -> None:
    eco = draw.ecosystem()
    anna = draw.people(eco).anna
    strategy = draw.version(eco)
    elsewhere = draw.decision(draw.ecosystem("wasps"))
    for decision in (
        None,
        draw.decision(eco, state="draft"),
        draw.decision(eco, state="rejected"),
        elsewhere,
    ):
        with pytest.raises(Invalid) as refusal:
            actions.adopt(strategy, by=anna, decision=decision)
        assert refusal.value.field == "decision"


def test_a_decision_of_the_council_adopts_the_version_by_itself() -> None:
    eco = draw.ecosystem()
    one = draw.in_force(draw.small(eco))
    two = actions.draft_from(one, by=SYSTEM)
    prepared = draw.decision(
        eco, state="draft", verb="strategy.adopt", subject_kind=Strategy.kind(), subject_id=two.pk
    )
    egle = draw.account("Egle", "council", eco)
    with pytest.raises(Refused):
        actions.adopt(two, by=egle, decision=draw.decision(eco))
    governance.adopt(prepared, by=egle)
    two.refresh_from_db()
    assert (two.state, two.decision) == ("adopted", prepared)


def test_a_version_is_adopted_once() -> None:
    strategy = draw.in_force(draw.version(draw.ecosystem()))
    with pytest.raises(Invalid):
        actions.adopt(strategy, by=SYSTEM)


def test_the_public_finds_what_is_in_force_and_only_that() -> None:
    eco = draw.ecosystem()
    one = draw.small(eco)
    assert search.search("mērķis") == []
    draw.in_force(one)
    assert [hit.entry.url for hit in search.search("mērķis")] == [
        f"/{language()}/bees/strategy/targets/posts-0/"
    ]
    two = actions.draft_from(one, by=SYSTEM)
    actions.edit_target(two.target_set.get(), by=SYSTEM, title_lv="Žogs")
    assert len(search.search("mērķis")) == 1
    draw.in_force(two)
    assert search.search("mērķis") == []
    assert [hit.entry.title_lv for hit in search.search("zogs")] == ["Žogs"]


def language() -> str:
    from django.utils.translation import get_language  # noqa: PLC0415 -- what the test runs in is not the point

    return (get_language() or "lv")[:2]


# ---------------------------------------------------------------- targets in force


def open_target(eco: Any) -> Target:
    strategy = draw.small(eco, targets=0)
    target = draw.target(
        strategy,
        "open",
        strategy.priority_set.get(),
        kind_of="unspecified",
        goal=None,
        baseline=None,
        unit_lv="",
        unit_en="",
    )
    draw.in_force(strategy)
    return target


def test_an_open_target_gets_an_owner_and_a_date_and_then_its_number() -> None:
    eco = draw.ecosystem()
    who = draw.people(eco)
    target = open_target(eco)
    day = timezone.localdate() + timedelta(days=30)
    actions.ask_to_specify(target, by=who.anna, specify_owner=who.institution, specify_by=day)
    actions.specify(
        target,
        by=who.anna,
        kind_of="quantity",
        title_lv="Desmit stropi",
        title_en="Ten hives",
        goal=Decimal(10),
        due="2027",
    )
    target.refresh_from_db()
    assert (target.kind_of, target.goal, target.title, target.specify_owner) == (
        "quantity",
        Decimal(10),
        target.title,
        who.institution,
    )
    with pytest.raises(Invalid):
        actions.specify(target, by=who.anna, kind_of="quantity", goal=Decimal(5))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind_of": "unspecified"}, "kind_of"),
        ({"kind_of": "quantity"}, "goal"),
        ({"kind_of": "milestone", "due": ""}, "due"),
    ],
)
def test_half_a_specification_is_none(values: dict[str, Any], field: str) -> None:
    target = open_target(draw.ecosystem())
    with pytest.raises(Invalid) as refusal:
        actions.specify(target, by=SYSTEM, **values)
    assert refusal.value.field == field


def test_specifying_changes_nothing_else() -> None:
    target = open_target(draw.ecosystem())
    with pytest.raises(TypeError, match="priority"):
        actions.specify(target, by=SYSTEM, kind_of="milestone", due="2027", priority=None)


def test_how_a_target_is_read_may_change_in_force_what_it_promises_may_not() -> None:
    strategy = draw.in_force(draw.small(draw.ecosystem()))
    target = strategy.target_set.get()
    actions.read_by(target, by=SYSTEM, indicator="bees.hives", baseline=Decimal(4), baseline_period="2021")
    target.refresh_from_db()
    assert (target.series, target.baseline, target.baseline_period) == ("bees.hives", Decimal(4), "2021")
    with pytest.raises(TypeError, match="goal"):
        actions.read_by(target, by=SYSTEM, goal=Decimal(1))


def test_a_superseded_version_is_left_alone() -> None:
    eco = draw.ecosystem()
    target = open_target(eco)
    draw.in_force(actions.draft_from(target.strategy, by=SYSTEM))
    target = Target.objects.get(pk=target.pk)
    with pytest.raises(Invalid):
        actions.read_by(target, by=SYSTEM, indicator="x.y")
    with pytest.raises(Invalid):
        actions.specify(target, by=SYSTEM, kind_of="milestone", due="2027")


# ---------------------------------------------------------------- values


def test_a_value_counts_once_it_is_accepted() -> None:
    eco = draw.ecosystem()
    who = draw.people(eco)
    strategy = draw.in_force(draw.small(eco))
    target = strategy.target_set.get()
    evidence = SimpleUploadedFile("skaitlis.pdf", b"%PDF-1.4 stropi")
    report = actions.report_value(
        target,
        by=who.bruno,
        period=LAST_YEAR,
        value=Decimal(4),
        text="Saskaitīts.",
        files=[evidence],
        public=True,
    )
    assert (report.institution_id, report.series) == (who.institution.pk, "target:posts-0")
    assert queries.standing_of(target).reading.value is None
    attached = Attachment.objects.get(about_kind="core.report", about_id=report.pk)
    assert (attached.name, attached.public, attached.ecosystem_id) == ("skaitlis.pdf", True, eco.pk)
    actions.accept_value(report, by=who.anna)
    assert queries.standing_of(target).reading.value == Decimal(4)
    with pytest.raises(Invalid) as refusal:
        actions.report_value(target, by=who.bruno, period=LAST_YEAR, value=Decimal(5))
    assert refusal.value.field == "period"


def test_a_returned_value_is_mended_and_an_accepted_one_unlocked() -> None:
    eco = draw.ecosystem()
    who = draw.people(eco)
    target = draw.in_force(draw.small(eco)).target_set.get()
    first = actions.report_value(target, by=who.bruno, period=LAST_YEAR, value=Decimal(4))
    with pytest.raises(Refused):
        actions.return_value(first, by=who.bruno, comment="?")
    with pytest.raises(Invalid):
        actions.return_value(first, by=who.anna, comment=" ")
    actions.return_value(first, by=who.anna, comment="Trūkst pierādījuma.")
    second = actions.report_value(target, by=who.bruno, period=LAST_YEAR, value=Decimal(5))
    assert second.corrects == first
    actions.accept_value(second, by=who.anna)
    actions.unlock_value(second, by=who.anna, comment="Kļūda skaitlī.")
    second.refresh_from_db()
    assert second.state == ReportState.RETURNED
    assert queries.standing_of(target).reading.value is None


def test_a_period_stays_locked_in_the_next_version() -> None:
    eco = draw.ecosystem()
    one = draw.in_force(draw.small(eco))
    draw.value(one.target_set.get(), LAST_YEAR.first.year, 4)
    two = draw.in_force(actions.draft_from(one, by=SYSTEM))
    with pytest.raises(Invalid) as refusal:
        draw.value(two.target_set.get(), LAST_YEAR.first.year, 9)
    assert refusal.value.field == "period"
    assert queries.standing_of(two.target_set.get()).reading.value == Decimal(4)


@pytest.mark.parametrize(
    ("values", "amount", "field"),
    [
        ({}, None, "value"),
        ({"kind_of": "milestone", "goal": None}, Decimal("0.5"), "value"),
        ({"kind_of": "unspecified", "goal": None}, Decimal(1), None),
        ({"indicator": "strategy.targets_specified"}, Decimal(1), None),
    ],
)
def test_what_cannot_be_reported(values: dict[str, Any], amount: Decimal | None, field: str | None) -> None:
    strategy = draw.small(draw.ecosystem(), targets=0)
    target = draw.target(strategy, "t", strategy.priority_set.get(), **values)
    draw.in_force(strategy)
    with pytest.raises(Invalid) as refusal:
        actions.report_value(target, by=SYSTEM, period=LAST_YEAR, value=amount)
    assert refusal.value.field == field


def test_a_draft_has_no_values() -> None:
    with pytest.raises(Invalid):
        draw.value(draw.small(draw.ecosystem()).target_set.get(), 2023, 1)


def test_whoever_works_in_two_institutions_says_for_which() -> None:
    eco = draw.ecosystem()
    who = draw.people(eco)
    target = draw.in_force(draw.small(eco)).target_set.get()
    other = draw.organisation("other")
    with acting():
        from talka.parties.models import Affiliation  # noqa: PLC0415 -- the only test that needs it

        Affiliation(person=who.bruno.person, organisation=other, starts=date(2020, 1, 1)).save()
    strange = draw.organisation("strange")
    for institution in (None, strange):
        with pytest.raises(Invalid) as refusal:
            actions.report_value(
                target, by=who.bruno, period=LAST_YEAR, value=Decimal(1), institution=institution
            )
        assert refusal.value.field == "institution"
    report = actions.report_value(target, by=who.bruno, period=LAST_YEAR, value=Decimal(1), institution=other)
    assert report.institution_id == other.pk
    for_any = actions.report_value(
        target,
        by=who.anna,
        period=Period.year(LAST_YEAR.first.year - 1),
        value=Decimal(1),
        institution=strange,
    )
    assert for_any.institution_id == strange.pk
