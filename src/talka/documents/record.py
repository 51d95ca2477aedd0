"""Who may read what of the record, and what the linter may tell whom: the same for pages and programs.

Kinds of rows that anybody may read are written out. Of what hangs in a draft, and of reports and files that are not
public yet, only those are told who may see drafts or whose institution it is; of people, those who administer; of what
is between few, whom the rule of its own room lets see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import Exists, OuterRef, Q, QuerySet

from talka.billing import rules as billing
from talka.biobanks import rules as biobanks
from talka.core import lint
from talka.core.lint import SEVERITIES, Finding
from talka.core.models import Attachment, Change, Event, Noun, Report, ReportState
from talka.core.rules import Fact, fact
from talka.domains.models import Ecosystem
from talka.facilities import rules as facilities
from talka.governance import rules as governance
from talka.governance.models import Decision, DecisionState
from talka.parties import rules as parties
from talka.plan import rules as plans
from talka.plan.models import Measure, Plan, PlanState, Section
from talka.strategy import rules as strategies
from talka.strategy.models import Direction, Lever, Obstacle, Priority, Strategy, StrategyState, Target

# Of these anybody may read the whole history, unless they hang in a draft.
TOLD = frozenset(
    {
        "domains.ecosystem",
        "domains.domain",
        "domains.mission",
        "domains.policy",
        "parties.organisation",
        "network.niche",
        "network.competencefield",
        "legislation.bill",
        "governance.body",
        "governance.decision",
        "strategy.strategy",
        "strategy.obstacle",
        "strategy.direction",
        "strategy.priority",
        "strategy.target",
        "strategy.lever",
        "plan.plan",
        "plan.section",
        "plan.measure",
        "plan.fundingsource",
        "biobanks.biobank",
        "biobanks.collection",
        "biobanks.biobanknetwork",
        "biobanks.resource",
        "biobanks.service",
        "biobanks.consentform",
        "biobanks.collector",
        "biobanks.datanode",
        "portfolio.project",
        "portfolio.kpi",
        "portfolio.partnership",
        "facilities.unit",
        "facilities.resource",
        "facilities.method",
    }
)

# Rows that are told of in the history of the row that they are a part of, by the column that leads to it.
PARTS = {
    "parties.othername": "organisation",
    "legislation.billstage": "bill",
    "strategy.overcomes": "direction",
    "plan.result": "measure",
    "plan.resultindicator": "measure",
    "plan.assignment": "measure",
    "plan.funding": "measure",
    "facilities.mode": "resource",
    "facilities.resourcemethod": "resource",
    "facilities.openinghours": "unit",
    "facilities.closure": "unit",
    "biobanks.networkmember": "network",
    "biobanks.collectionnetwork": "collection",
    "biobanks.resourcepart": "resource",
    "biobanks.qualitymark": "biobank",
    "portfolio.participation": "project",
    "portfolio.projectfunding": "project",
    "portfolio.projectniche": "project",
    "portfolio.member": "partnership",
    "portfolio.partnershipniche": "partnership",
    "portfolio.partnershippolicy": "partnership",
}

VERBS = 500  # verbs on one row, the newest first, whose removed parts are looked up


def _kinds(room: str) -> list[str]:
    """The kinds of rows of a room that are not everybody's."""
    kinds = [model._meta.label_lower for model in apps.get_app_config(room).get_models()]
    return [kind for kind in kinds if kind not in TOLD]


# Rows that are between few: their history is for those whom the room's own rule lets see them, and no list of what was
# done in an ecosystem tells of them. What competitors book and pay is no business of a coordinator, or of each other;
# what donors said is none of anybody but who took it in.
BETWEEN_FEW: dict[str, Fact] = {
    **dict.fromkeys(_kinds("billing"), billing.may_see),
    **dict.fromkeys(("billing.aidgrant", "billing.undertakinglink", "billing.customer"), billing.may_see_aid),
    **dict.fromkeys(_kinds("facilities"), facilities.may_see),
    "biobanks.statement": biobanks.may_take_in,
    "biobanks.batch": biobanks.may_run_nodes,
    "biobanks.receipt": biobanks.may_run_nodes,
    "biobanks.destructionorder": biobanks.may_take_down,
}

PERSONAL = frozenset(
    {"parties.person", "parties.affiliation", "parties.account", "parties.grant", "parties.token"}
)


@fact
def _acts_for_the_institution(by: Any, subject: Any) -> bool:
    """The actor handed the report in, or works for the institution that did."""
    return by.pk is not None and (
        subject.by_id == by.pk or subject.institution_id in getattr(by, "organisation_ids", frozenset)()
    )


# Drafts of a plan, of the strategy and of decisions stand side by side in the record: whoever reads one reads all.
may_see_drafts: Fact = plans.may_see_drafts & strategies.may_see_drafts
may_see_unjudged: Fact = may_see_drafts | plans.may_coordinate | _acts_for_the_institution


def model_of(kind: str) -> type[Noun] | None:
    """The model whose rows are called `kind` in the record, or None."""
    app, _dot, name = kind.partition(".")
    try:
        model = apps.get_model(app, name)
    except LookupError:
        return None
    return model if issubclass(model, Noun) else None


def history(row: Noun) -> QuerySet[Change]:
    """Every change ever made to a row and to its parts, newest first, with its event.

    Parts that are gone are told of as far as a verb on the row itself removed them.
    """
    own = Q(subject_kind=row.kind(), subject_id=row.pk)
    parts = Q()
    kinds = []
    for kind, column in PARTS.items():
        model = model_of(kind)
        if model is None or model._meta.get_field(column).related_model is not type(row):
            continue
        kinds.append(kind)
        here = model._base_manager.filter(**{column: row.pk}).values_list("pk", flat=True)
        parts |= Q(subject_kind=kind, subject_id__in=list(here))
    if kinds:
        # Ids first: over two tables at once neither database would use its indexes.
        verbs = list(Event.objects.filter(own).order_by("-id").values_list("pk", flat=True)[:VERBS])
        parts |= Q(event_id__in=verbs, subject_kind__in=kinds)
    return Change.objects.filter(own | parts).select_related("event").order_by("-id")


def row_of(kind: str, pk: int) -> Any:
    """The row that is called so in the record, or None if it is gone or was never one."""
    model = model_of(kind)
    return model._base_manager.filter(pk=pk).first() if model else None


def inside(who: Any) -> frozenset[int]:
    """The ecosystems whose drafts a reader may see."""
    if who is None:
        return frozenset()
    return frozenset(
        each.pk
        for each in map(_Place, Ecosystem.objects.values_list("pk", flat=True))
        if may_see_drafts(who, each)
    )


class _Place:
    """An ecosystem as rules take it, without reading its row."""

    def __init__(self, pk: int) -> None:
        self.pk = self.ecosystem_id = pk


def may_read(who: Any, row: Any) -> bool:
    """Whether a reader (None: the public) may read the history of a row."""
    if row.kind() in PERSONAL:
        return parties.may_administer(who, row)
    if isinstance(row, Report):
        return may_see_unjudged(who, row)  # it names the officials who wrote and judged it
    if row.kind() in BETWEEN_FEW:
        return BETWEEN_FEW[row.kind()](who, row)
    if row.kind() not in TOLD:
        return may_see_drafts(who, row)
    if isinstance(row, Decision):
        return not row.is_prepared or governance.may_see_prepared(who, row)
    plan = row if isinstance(row, Plan) else getattr(row, "plan", None)
    if isinstance(plan, Plan) and plan.state == PlanState.DRAFT:
        return plans.may_see_drafts(who, plan)
    version = row if isinstance(row, Strategy) else getattr(row, "strategy", None)
    if isinstance(version, Strategy) and version.is_draft:
        return strategies.may_see_drafts(who, version)
    return True


def may_open(who: Any, file: Attachment) -> bool:
    """Whether a reader (None: the public) may have an attached file: a public one once its report is accepted."""
    about = row_of(file.about_kind, file.about_id)
    if isinstance(about, Report):
        return (file.public and about.state == ReportState.ACCEPTED) or may_see_unjudged(who, about)
    return about is not None and (file.public or may_see_drafts(who, file)) and may_read(who, about)


# Rows that hang in something that may be a draft: where that is said, and how.
_HANGING: tuple[tuple[type[Noun], str, Any], ...] = (
    (Plan, "state", PlanState.DRAFT),
    (Section, "plan__state", PlanState.DRAFT),
    (Measure, "plan__state", PlanState.DRAFT),
    (Strategy, "state", StrategyState.DRAFT),
    *(
        (part, "strategy__state", StrategyState.DRAFT)
        for part in (Obstacle, Direction, Priority, Target, Lever)
    ),
    (Decision, "state", DecisionState.DRAFT),
)


def events(ecosystem: Ecosystem, who: Any) -> QuerySet[Event]:
    """What was done in an ecosystem, newest first; the public is told of public rows that are not in drafts."""
    found = Event.objects.filter(ecosystem_id=ecosystem.pk).exclude(subject_kind__in=BETWEEN_FEW)
    place = _Place(ecosystem.pk)
    if not parties.may_administer(who, place):
        found = found.exclude(subject_kind__in=PERSONAL)
    if may_see_drafts(who, place):
        return found
    public = Q(subject_kind__in=TOLD - {model.kind() for model, _state, _draft in _HANGING})
    for model, state, draft in _HANGING:
        # Named by what is public: of a draft that was thrown away, there is no row any more that says so. Asked of
        # each event that is read, and not of all rows of the hub beforehand.
        row = model._base_manager.filter(pk=OuterRef("subject_id")).exclude(**{state: draft})
        public |= Q(subject_kind=model.kind()) & Q(Exists(row))
    return found.filter(subject_kind__in=TOLD).filter(public).exclude(verb="governance.prepare")


def findings(ecosystem: Ecosystem, who: Any, *, at_least: str = "info") -> Iterator[Finding]:
    """What the linter finds in what is in force (and in drafts, for those who may see them), worst first in each."""
    shown = SEVERITIES[: SEVERITIES.index(at_least) + 1]
    versions = Strategy.objects.filter(
        ecosystem=ecosystem,
        state__in=[
            StrategyState.ADOPTED,
            *([StrategyState.DRAFT] if strategies.may_see_drafts(who, ecosystem) else []),
        ],
    )
    years = Plan.objects.filter(
        ecosystem=ecosystem,
        state__in=[PlanState.ADOPTED, *([PlanState.DRAFT] if plans.may_see_drafts(who, ecosystem) else [])],
    )
    scopes: list[Any] = [
        *versions.select_related("ecosystem"),
        *years.select_related("ecosystem", "strategy"),
        ecosystem,
    ]
    for scope in scopes:
        found = [finding for finding in lint.run(scope.kind(), scope) if finding.severity in shown]
        yield from sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
